/* proxy/endings.c - see proxy/endings.h */
#include "proxy/client.h"
#include "proxy/endings.h"
#include "proxy/rate.h"

static void view_release(void *);

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

const struct oidc_view *
endings_view(struct request *r, size_t provider, struct err *e)
{
	const struct oidc_view *v = oidc_view(request_snap(r)->oidc[provider], clock_seconds(), e);

	if (v != NULL)
		mem_on_free(r->mem, view_release, (void *)(uintptr_t)v);
	return v;
}

static void
view_release(void *arg)
{
	const struct oidc_view *v = arg;

	oidc_view_release(&v);
}
