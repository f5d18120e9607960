/* proxy/reach.c - see proxy/reach.h */
#include <stdlib.h>

#include <event2/event.h>

#include "conf/mem.h"
#include "conf/pem.h"
#include "proxy/reach.h"
#include "proxy/redis.h"

struct reach {
	struct event_base *base;
	struct post *post;
	struct fetch *fetch;
	struct keeper *keeper;
	struct fetch_op *op; /* of the last reach_fetch() */
	struct redis *redis; /* of the last reach_redis() */
	struct redis_op *redis_op;
	bool done;
};

static void wait_for(struct reach *);
static void done_cb(void *);

struct reach *
reach_new(struct err *e)
{
	struct reach *r = xcalloc(1, sizeof(*r));

	r->base = event_base_new();
	if (r->base == NULL)
		(void)err_set(e, REASON_SYSTEM, "no event loop");
	else
		r->post = post_new(r->base, e);
	if (r->post != NULL)
		r->fetch = fetch_new(r->base, e);
	if (r->fetch == NULL) {
		reach_free(&r);
		return NULL;
	}
	r->keeper = keeper_new(r->base, r->post, r->fetch);
	return r;
}

void
reach_free(struct reach **rp)
{
	struct reach *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	fetch_release(&r->op);
	redis_release(&r->redis_op);
	redis_unref(&r->redis);
	keeper_free(&r->keeper);
	if (r->fetch != NULL)
		fetch_free(&r->fetch);
	if (r->post != NULL)
		post_free(&r->post);
	if (r->base != NULL)
		event_base_free(r->base);
	free(r);
}

int
reach_fetch(struct reach *r, const struct fetch_request *q, struct fetch_answer *out, struct err *e)
{
	fetch_release(&r->op);
	r->op = fetch_ask(r->fetch, q, done_cb, r);
	wait_for(r);
	return fetch_take(r->op, out, e);
}

/* Whoever asks while the keeper fetches is answered when it has landed. */
const struct oidc_view *
reach_view(struct reach *r, struct oidc *o, struct err *e)
{
	const struct oidc_view *v = NULL;
	struct oidc_op *op;

	keeper_tend(r->keeper, o);
	op = oidc_ask_keys(o, r->post, done_cb, r);
	wait_for(r);
	if (oidc_take_keys(&op, e) == 0)
		v = oidc_view(o, pem_now(), e);
	keeper_forget(r->keeper, o);
	return v;
}

int
reach_redeem(struct reach *r, struct oidc *o, const struct oidc_code *c, struct mem *m, struct err *e)
{
	struct oidc_op *op = oidc_ask_tokens(o, r->fetch, c, done_cb, r);
	struct oidc_tokens tokens;

	wait_for(r);
	return oidc_take_tokens(&op, m, &tokens, e);
}

int
reach_introspect(
    struct reach *r, struct oidc *o, const struct oidc_introspection *q, struct mem *m, struct err *e)
{
	struct oidc_op *op = oidc_ask_introspection(o, r->fetch, q, done_cb, r);
	const char *ignored;

	wait_for(r);
	return oidc_take_introspection(&op, m, &ignored, e);
}

int
reach_outbound(struct reach *r, const struct conf_outbound *c, struct oidc *o, struct err *e)
{
	const struct outbound_home home = { .base = r->base, .post = r->post, .fetch = r->fetch };
	struct outbound *b = outbound_new(c, o, NULL);
	struct outbound_token *token = NULL;
	struct outbound_op *op;
	int result;

	if (o != NULL)
		keeper_tend(r->keeper, o);
	outbound_tend(b, &home);
	op = outbound_ask(b, r->post, done_cb, r);
	wait_for(r);
	result = outbound_take(&op, &token, e);
	outbound_token_release(&token);
	outbound_forget(b, NULL);
	if (o != NULL)
		keeper_forget(r->keeper, o);
	outbound_unref(&b);
	return result;
}

int
reach_redis(struct reach *r, const struct redis_question *q, const struct redis_value **out, struct err *e)
{
	const struct redis_home home = { .base = r->base, .post = r->post };
	SSL_CTX *tls = NULL;

	if (r->redis == NULL) {
		if (redis_tls_new(q->conf, &tls, e) == -1)
			return -1;
		r->redis = redis_new(&home, q->conf, tls);
		SSL_CTX_free(tls);
	}
	redis_release(&r->redis_op);
	r->redis_op = redis_ask(r->redis, q->words, q->n, done_cb, r, e);
	if (r->redis_op == NULL)
		return -1;
	wait_for(r);
	return redis_take(r->redis_op, out, e);
}

/* What is asked has a timeout, so this ends. */
static void
wait_for(struct reach *r)
{
	for (r->done = false; !r->done;)
		if (event_base_loop(r->base, EVLOOP_ONCE) == -1)
			abort(); /* no loop can run */
}

/* --- called by fetch and by ops --- */

static void
done_cb(void *arg)
{
	struct reach *r = arg;

	r->done = true;
}
