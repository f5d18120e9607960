/* proxy/watch.c - see proxy/watch.h */
#include <stddef.h>

#include "proxy/access.h"
#include "proxy/refresh.h"
#include "proxy/watch.h"
#include "session/revoked.h"

#define EVERY_MS 1000

struct watch {
	struct watch *next, **prev; /* in worker.watches */
	struct timer timer;
	struct request *request;
	struct mem *mem; /* ours; of the session, when it was renewed since */
};

static bool is_over(const struct request *, struct err *);
static bool may_go_on(struct watch *, struct err *);
static void end(struct request *, const struct err *);
static void look_again(struct timer *);
static void stop(void *);

void
watch_begin(struct request *r)
{
	struct watch *w = mem_zalloc(r->mem, sizeof(*w));

	w->request = r;
	w->next = r->worker->watches;
	w->prev = &r->worker->watches;
	if (w->next != NULL)
		w->next->prev = &w->next;
	r->worker->watches = w;
	mem_on_free(r->mem, stop, w);
	timer_set(r->worker->timers, &w->timer, look_again, EVERY_MS);
}

/* To end one may end its request and free it, but no other of them. */
void
watch_look(struct worker *worker)
{
	struct watch *w, *next;
	struct err e;

	for (w = worker->watches; w != NULL; w = next) {
		next = w->next;
		if (is_over(w->request, &e))
			end(w->request, &e);
	}
}

static bool
is_over(const struct request *r, struct err *e)
{
	int64_t now = clock_seconds();

	if (r->aborted || r->broken || r->through)
		return false;
	if (revoked_session(r->worker->shared->revoked, r->session, now))
		(void)err_set(e, REASON_SESSION_REVOKED, "the session of this stream was ended");
	else if (r->session->exp <= now)
		(void)err_set(e, REASON_SESSION_EXPIRED, "the session of this stream has run out");
	else if (r->session->sid.n > 0 &&
		 timers_now() > atomic_load_explicit(&r->worker->shared->fresh_until, memory_order_relaxed))
		(void)err_set(e, REASON_REVOCATIONS_STALE,
		    "whether the session of this stream was ended elsewhere has not been known for "
		    "session.revocation_stale");
	else
		return false;
	return true;
}

/* Where its session was renewed with other claims, the route's rules have to hold for these. */
static bool
may_go_on(struct watch *w, struct err *e)
{
	const struct request *r = w->request;
	const struct snapshot *s = request_snap(r);
	struct str ignored;

	if (r->aborted || !refresh_follow(w->request, &w->mem))
		return true;
	return access_allows(s->access, s->conf, r->match.route_index, r->session, w->mem, &ignored, e) == 0;
}

/* A WebSocket whose client is told why has ended; everything else is cut. */
static void
end(struct request *r, const struct err *e)
{
	if (!relay_say_goodbye(r)) {
		request_broken(r, e);
		return;
	}
	r->err = *e;
	request_relayed(r);
}

/* --- called by the timer wheel and by the request's memory --- */

static void
look_again(struct timer *t)
{
	struct watch *w = timer_owner(t, struct watch, timer);
	struct err e;

	if (!may_go_on(w, &e) || is_over(w->request, &e))
		end(w->request, &e);
	else
		timer_set(w->request->worker->timers, t, look_again, EVERY_MS);
}

static void
stop(void *arg)
{
	struct watch *w = arg;

	timer_clear(&w->timer);
	mem_free(&w->mem);
	*w->prev = w->next;
	if (w->next != NULL)
		w->next->prev = w->prev;
}
