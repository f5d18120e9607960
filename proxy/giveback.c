/* proxy/giveback.c - see proxy/giveback.h */
#include <stdio.h>
#include <stdlib.h>

#include "conf/log.h"
#include "oidc/assertion.h"
#include "proxy/giveback.h"
#include "proxy/worker.h"

/* One that nobody waits for. */
struct giving {
	struct giving *next, **prev; /* of its worker */
	struct worker *worker;
	struct view *view; /* counted */
	struct oidc_op *op;
	char id[65];
};

static struct oidc_op *ask(const struct giveback *, const struct oidc_view *, oidc_done *, void *);
static void given(void *);
static void finish(struct giving *);

struct oidc_op *
giveback_ask(const struct giveback *g, oidc_done *done, void *arg)
{
	struct err ignored;
	const struct oidc_view *v = oidc_view(g->view->snap->oidc[g->provider], clock_seconds(), &ignored);
	struct oidc_op *op = NULL;

	if (v != NULL && v->meta.revocation_endpoint != NULL)
		op = ask(g, v, done, arg);
	oidc_view_release(&v);
	return op;
}

static struct oidc_op *
ask(const struct giveback *g, const struct oidc_view *v, oidc_done *done, void *arg)
{
	const struct snapshot *s = g->view->snap;
	const struct assertion about = {
		.token_endpoint = v->meta.token_endpoint, .issuer = v->meta.issuer, .now = clock_seconds()
	};
	struct oidc_gift gift = { .revocation_endpoint = v->meta.revocation_endpoint,
		.token = g->token,
		.timeout = g->timeout > 0 ? g->timeout : GIVEBACK_MS };
	struct err e;

	if (assertion_print(&s->conf->providers[g->provider], &about, g->mem, &gift.assertion, &e) == -1) {
		log_request(LOG_LEVEL_WARN, g->id, e.reason, "a refresh token is not given back: %s", e.text);
		return NULL;
	}
	metric_add(&g->worker->metrics.provider_requests, 1);
	return oidc_ask_gift(s->oidc[g->provider], g->worker->fetch, &gift, done, arg);
}

void
giveback_take(struct oidc_op **op, struct worker *w, const char *id)
{
	struct err e;

	if (oidc_take_gift(op, &e) == 0)
		return;
	metric_add(&w->metrics.provider_errors, 1);
	log_request(LOG_LEVEL_WARN, id, e.reason, "a refresh token is not given back: %s", e.text);
}

void
giveback_begin(const struct giveback *g)
{
	struct giving *x = xcalloc(1, sizeof(*x));
	struct giveback with = *g;
	struct mem *m = mem_new(SIZE_MAX);

	with.mem = m;
	x->op = giveback_ask(&with, given, x);
	mem_free(&m);
	if (x->op == NULL) {
		free(x);
		return;
	}
	x->worker = g->worker;
	x->view = view_use(g->view);
	(void)snprintf(x->id, sizeof(x->id), "%s", g->id);
	x->next = g->worker->givings;
	if (x->next != NULL)
		x->next->prev = &x->next;
	x->prev = &g->worker->givings;
	g->worker->givings = x;
}

static void
given(void *arg)
{
	struct giving *x = arg;

	giveback_take(&x->op, x->worker, x->id);
	finish(x);
}

static void
finish(struct giving *x)
{
	struct worker *w = x->worker;

	oidc_op_cancel(&x->op);
	if (x->next != NULL)
		x->next->prev = x->prev;
	*x->prev = x->next;
	view_leave(&x->view);
	free(x);
	worker_check_drained(w);
}

void
giveback_stop_all(struct worker *w)
{
	while (w->givings != NULL)
		finish(w->givings); /* NOLINT: what is finished has left the list */
}
