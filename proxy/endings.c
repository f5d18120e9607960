/* proxy/endings.c - see proxy/endings.h */
#include "proxy/client.h"
#include "proxy/endings.h"
#include "proxy/rate.h"

bool
endings_within_rate(struct request *r, struct rate *of, uint64_t per_minute)
{
	unsigned wait;

	if (r->trusted && IN6_ARE_ADDR_EQUAL(&r->addr, &r->client->peer))
		return true; /* a trusted proxy that names nobody */
	wait = rate_take(of, &r->addr, per_minute, r->now_ms);
	if (wait == 0)
		return true;
	(void)request_refuse(
	    r, REASON_RATE_LIMITED, "more than %llu logouts a minute", (unsigned long long)per_minute);
	r->reply.retry_after = wait;
	return false;
}
