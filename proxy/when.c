/* proxy/when.c - see proxy/when.h */
#include <stdio.h>
#include <time.h>

#include "proxy/when.h"

#define MINUTE 60
#define HOUR   3600
#define DAY    86400
#define LATEST 253402300799 /* the last second of the year 9999 */

/* Two units where one would be off by much; rounded down, so that "3 min" is never less than three. */
const char *
when_span(int64_t seconds, char out[WHEN_SIZE])
{
	const unsigned long long s =
	    seconds < 0 ? 0 - (unsigned long long)seconds : (unsigned long long)seconds;

	if (s < 2ULL * MINUTE)
		(void)snprintf(out, WHEN_SIZE, "%llu s", s);
	else if (s < HOUR)
		(void)snprintf(out, WHEN_SIZE, "%llu min", s / MINUTE);
	else if (s < 2ULL * DAY && s % HOUR >= MINUTE)
		(void)snprintf(out, WHEN_SIZE, "%llu h %llu min", s / HOUR, s % HOUR / MINUTE);
	else if (s < 2ULL * DAY)
		(void)snprintf(out, WHEN_SIZE, "%llu h", s / HOUR);
	else
		(void)snprintf(out, WHEN_SIZE, "%llu days", s / DAY);
	return out;
}

const char *
when_words(int64_t at, int64_t now, char out[WHEN_SIZE])
{
	char span[WHEN_SIZE];
	int64_t left;

	if (__builtin_sub_overflow(at, now, &left))
		left = at < now ? -INT64_MAX : INT64_MAX;
	if (left == 0)
		(void)snprintf(out, WHEN_SIZE, "now");
	else if (left < 0)
		(void)snprintf(out, WHEN_SIZE, "%.40s ago", when_span(left, span));
	else
		(void)snprintf(out, WHEN_SIZE, "in %.40s", when_span(left, span));
	return out;
}

const char *
when_date(int64_t at, char out[WHEN_SIZE])
{
	const time_t t = (time_t)at;
	struct tm tm;

	if (at < 0 || at > LATEST || gmtime_r(&t, &tm) == NULL ||
	    strftime(out, WHEN_SIZE, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
		(void)snprintf(out, WHEN_SIZE, "%lld s since 1970", (long long)at);
	return out;
}
