/* proxy/watch.c - see proxy/watch.h */
#include <stddef.h>

#include "proxy/watch.h"
#include "session/revoked.h"

#define EVERY_MS 1000

struct watch {
	struct timer timer;
	struct request *request;
};

static void look(struct timer *);
static void stop(void *);

void
watch_begin(struct request *r)
{
	struct watch *w = mem_zalloc(r->mem, sizeof(*w));

	w->request = r;
	mem_on_free(r->mem, stop, w);
	timer_set(r->worker->timers, &w->timer, look, EVERY_MS);
}

/* --- called by the timer wheel and by the request's memory --- */

static void
look(struct timer *t)
{
	struct watch *w = timer_owner(t, struct watch, timer);
	struct request *r = w->request;
	int64_t now = clock_seconds();
	struct err e;

	if (r->aborted)
		return;
	if (r->session->sid.n > 0 && revoked_has(r->worker->shared->revoked, r->session->sid, now))
		(void)err_set(&e, REASON_SESSION_REVOKED, "the session of this stream was ended");
	else if (r->session->exp <= now)
		(void)err_set(&e, REASON_SESSION_EXPIRED, "the session of this stream has run out");
	else {
		timer_set(r->worker->timers, t, look, EVERY_MS);
		return;
	}
	request_broken(r, &e);
}

static void
stop(void *arg)
{
	struct watch *w = arg;

	timer_clear(&w->timer);
}
