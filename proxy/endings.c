/* proxy/endings.c - see proxy/endings.h */
#include "proxy/client.h"
#include "proxy/endings.h"
#include "proxy/rate.h"

static bool is_exempt(const struct request *);

bool
endings_within_rate(struct request *r, struct rate *of, uint64_t per_minute)
{
	unsigned wait;

	if (is_exempt(r))
		return true;
	wait = rate_take(of, &r->addr, per_minute, r->now_ms);
	if (wait == 0)
		return true;
	(void)request_refuse(
	    r, REASON_RATE_LIMITED, "more than %llu logouts a minute", (unsigned long long)per_minute);
	r->reply.retry_after = wait;
	return false;
}

/* A trusted proxy that names nobody. */
static bool
is_exempt(const struct request *r)
{
	return r->trusted && IN6_ARE_ADDR_EQUAL(&r->addr, &r->client->peer);
}

bool
endings_within_share(struct request *r, size_t n)
{
	int64_t last = session_longest(&request_snap(r)->conf->session) * 1000;
	unsigned wait = 0;

	if (is_exempt(r))
		return true;
	for (; n > 0 && wait == 0; n--)
		wait = rate_take_of(
		    r->worker->shared->rates[RATE_FRONT_SHARE], &r->addr, ENDINGS_SHARE, last, r->now_ms);
	if (wait == 0)
		return true;
	(void)request_refuse(r, REASON_RATE_LIMITED,
	    "more than %d front-channel logouts of this address are still remembered", ENDINGS_SHARE);
	r->reply.retry_after = wait;
	return false;
}
