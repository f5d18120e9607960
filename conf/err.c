/* conf/err.c - see conf/err.h */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/err.h"

#undef err_set
#undef err_in

static const struct {
	const char *word;
	int status;
	const char *meaning;
} rows[REASON_COUNT] = {
#define REASON_ROW(name, word, status, meaning) [REASON_##name] = { word, status, meaning },
	REASONS(REASON_ROW)
#undef REASON_ROW
};

int
err_set(struct err *e, enum reason r, const char *fmt, ...)
{
	va_list ap;

	e->reason = r;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

int
err_in(struct err *e, const char *fmt, ...)
{
	char was[sizeof(e->text)];
	va_list ap;
	int n;

	memcpy(was, e->text, sizeof(was));
	va_start(ap, fmt);
	n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(e->text)) {
		/* Cut at the end, as everywhere: the front says where it happened. */
		int room = (int)sizeof(e->text) - n - 3;

		if (room > 0)
			(void)snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %.*s", room, was);
	}
	return -1;
}

bool
err_is_like(const struct err *a, const struct err *b)
{
	static const char digits[] = "0123456789";
	const char *x = a->text, *y = b->text;

	while (a->reason == b->reason) {
		x += strspn(x, digits);
		y += strspn(y, digits);
		if (*x != *y)
			return false;
		if (*x == '\0')
			return true;
		x++;
		y++;
	}
	return false;
}

const char *
reason_word(enum reason r)
{
	return rows[r].word;
}

int
reason_status(enum reason r)
{
	return rows[r].status;
}

const char *
reason_meaning(enum reason r)
{
	return rows[r].meaning;
}
