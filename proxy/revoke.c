/* proxy/revoke.c - see proxy/revoke.h */
#include <stdlib.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "conf/post.h"
#include "proxy/grants.h"
#include "proxy/redis_sink.h"
#include "proxy/revoke.h"
#include "proxy/watch.h"
#include "proxy/worker.h"
#include "session/session.h"

#define FORGET_MS                                                                                            \
	1000             /* after a session was ended; however many are, all are looked at once in that time \
			  */
#define CLOCKS_DIFFER 60 /* seconds that machines behind one balancer may be apart */

struct revoke_op {
	struct worker *worker;
	struct mem *mem; /* ours; holds the list */
	const struct revocation *list;
	size_t n;
	revoke_done *done; /* NULL: cancelled */
	void *arg;
	bool told; /* done was called */
	struct err err;
};

static void kept_here(void *);
static void op_free(struct revoke_op *);
static void look_here(void *);
static void forget_grants(struct timer *);

struct revoke_op *
revoke_ask(struct worker *w, const struct revocation *v, size_t n, revoke_done *done, void *arg)
{
	struct revoke_op *op = xcalloc(1, sizeof(*op));
	struct shared *sh = w->shared;
	struct revocation *list;
	struct revoke_sink *sink;
	size_t i;

	op->mem = mem_new(SIZE_MAX);
	op->worker = w;
	op->list = list = mem_alloc(op->mem, n * sizeof(*list));
	op->n = n;
	op->done = done;
	op->arg = arg;
	for (i = 0; i < n; i++) {
		list[i] = revoked_short(&v[i], op->mem);
		if (revoked_end(sh->revoked, &list[i], clock_seconds()) == -1)
			(void)err_set(&op->err, REASON_REVOCATION_FULL,
			    "the table of ended sessions is full: a cookie of this one is good until it "
			    "expires");
	}
	metric_add(&w->metrics.revocations, n);
	if (v->kind != REVOKE_REPLACED) /* that ends nothing yet */
		revoke_look(sh);
	sink = w->view->redis != NULL ? redis_sink() : sh->sink;
	if (sink == NULL || op->err.reason != REASON_NONE)
		revoke_kept(op, NULL);
	else
		sink->keep(sink, op);
	return op;
}

void
revoke_kept(struct revoke_op *op, const struct err *e)
{
	if (e != NULL)
		op->err = *e;
	post_send(op->worker->post, kept_here, op);
}

/* On the worker's thread. */
static void
kept_here(void *arg)
{
	struct revoke_op *op = arg;

	op->told = true;
	if (op->done != NULL) {
		op->done(op->arg);
		return;
	}
	if (op->err.reason != REASON_NONE)
		log_request(LOG_LEVEL_WARN, NULL, op->err.reason,
		    "a session was ended, and may come back: %s", op->err.text);
	op_free(op);
}

int
revoke_take(struct revoke_op **opp, struct err *e)
{
	struct revoke_op *op = *opp;
	int result = op->err.reason == REASON_NONE ? 0 : -1;

	*opp = NULL;
	if (result == -1)
		*e = op->err;
	op_free(op);
	return result;
}

void
revoke_cancel(struct revoke_op **opp)
{
	struct revoke_op *op = *opp;

	*opp = NULL;
	if (op == NULL)
		return;
	op->done = NULL;
	if (op->told)
		op_free(op);
}

static void
op_free(struct revoke_op *op)
{
	mem_free(&op->mem);
	free(op);
}

int64_t
revoke_until(const struct conf_session *c, int64_t now)
{
	return now + session_longest(c) + CLOCKS_DIFFER;
}

void
revoke_look(struct shared *sh)
{
	unsigned i;

	for (i = 0; i < sh->n_workers; i++)
		if (!atomic_exchange(&sh->workers[i]->looking, true))
			post_send(sh->workers[i]->post, look_here, sh->workers[i]);
}

static void
look_here(void *arg)
{
	struct worker *w = arg;

	atomic_store(&w->looking, false); /* before: what is added from now on is looked for once more */
	watch_look(w);
	if (w->number == 0 && !timer_is_set(&w->forget))
		timer_set(w->timers, &w->forget, forget_grants, FORGET_MS);
}

/* Nobody can use them any more; they need not stay in memory either. */
static void
forget_grants(struct timer *t)
{
	struct worker *w = timer_owner(t, struct worker, forget);

	const size_t n = grants_drop_revoked(w->shared->grants, w->shared->revoked, clock_seconds());

	if (n > 0)
		log_debug("%zu tokens for upstreams were forgotten: their sessions were ended", n);
}

const struct revocation *
revoke_list(const struct revoke_op *op, size_t *n)
{
	*n = op->n;
	return op->list;
}

struct worker *
revoke_worker(const struct revoke_op *op)
{
	return op->worker;
}
