/* oidc/oidc.c - see oidc/oidc.h; what fetches metadata and keys is in keeper.c */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "conf/secret.h"
#include "oidc/fetch.h"
#include "oidc/introspection.h"
#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "oidc/keeper.h"
#include "oidc/oidc.h"
#include "oidc/tokenreq.h"

#define KEYS_LIFE      (24 * 3600) /* seconds since the last good fetch */
#define USERINFO_MAX   65536
#define REQUEST_BUDGET 65536
#define ONE_SENTENCE   320

struct held {
	struct oidc_view view; /* first: what callers hold is a pointer to it */
	atomic_uint refs;
};

struct oidc {
	atomic_uint refs;
	const struct conf_provider *conf; /* borrowed: of the same snapshot */
	pthread_mutex_t lock;             /* for what follows */
	struct held *view;                /* counted; NULL: nothing is known */
	struct err failure;               /* of the last fetch; REASON_NONE: it was good */
	struct tended *tended;            /* borrowed from the keeper; NULL: nobody fetches */
	struct post *keeper;              /* borrowed; its mailbox */
};

enum kind { KEYS, TOKENS, RENEWAL, UPSTREAM, USERINFO, INTROSPECTION, GIFT };

struct oidc_op {
	enum kind kind;
	struct oidc *oidc; /* counted */
	oidc_done *done;
	void *arg;
	struct keeper_question question; /* KEYS */
	bool away;                       /* KEYS: the question is with the keeper, who writes into it */
	bool cancelled;
	struct fetch_op *fetch; /* the others; ours */
	struct secret *code;    /* TOKENS, RENEWAL, UPSTREAM: what was sent; ours */
};

static void ask_token_endpoint(struct oidc_op *, struct fetch *, const char *, const struct tokenreq *);
static bool is_same_provider(const struct conf_provider *, const struct conf_provider *);
static bool is_same_store(const struct conf_provider *, const struct conf_provider *);
static bool is_same_text(const char *, const char *);
static struct held *held_of(const struct oidc_view *);
static struct oidc_op *op_new(struct oidc *, enum kind, oidc_done *, void *);
static void op_free(struct oidc_op **);
static void op_answered(void *);
static void op_fetched(void *);
static int judge_userinfo(const struct fetch_answer *, struct err *);

struct oidc *
oidc_new(const struct conf_provider *c, struct oidc *old)
{
	struct oidc *o = xcalloc(1, sizeof(*o));

	atomic_init(&o->refs, 1);
	o->conf = c;
	(void)pthread_mutex_init(&o->lock, NULL);
	if (old == NULL || !is_same_provider(c, old->conf))
		return o;
	(void)pthread_mutex_lock(&old->lock);
	o->failure = old->failure;
	o->view = old->view;
	if (o->view != NULL)
		(void)atomic_fetch_add(&o->view->refs, 1);
	(void)pthread_mutex_unlock(&old->lock);
	return o;
}

/* What leads to the document, and what is made of it. */
static bool
is_same_provider(const struct conf_provider *a, const struct conf_provider *b)
{
	return a->discovery == b->discovery && is_same_store(a, b) && is_same_text(a->kind, b->kind) &&
	       is_same_text(a->discovery_url, b->discovery_url) && is_same_text(a->issuer, b->issuer) &&
	       is_same_text(a->jwks_uri, b->jwks_uri) &&
	       is_same_text(a->authorization_endpoint, b->authorization_endpoint) &&
	       is_same_text(a->token_endpoint, b->token_endpoint) &&
	       is_same_text(a->userinfo_endpoint, b->userinfo_endpoint) &&
	       is_same_text(a->end_session_endpoint, b->end_session_endpoint) &&
	       is_same_text(a->introspection_endpoint, b->introspection_endpoint) &&
	       is_same_text(a->revocation_endpoint, b->revocation_endpoint) &&
	       is_same_text(a->check_session_iframe, b->check_session_iframe) &&
	       (a->tenants.n > 0) == (b->tenants.n > 0);
}

static bool
is_same_store(const struct conf_provider *a, const struct conf_provider *b)
{
	if (a->n_certificates != b->n_certificates)
		return false;
	for (size_t i = 0; i < a->n_certificates; i++) {
		const struct conf_certificate *x = &a->certificates[i], *y = &b->certificates[i];

		if (!is_same_text(x->name, y->name) || x->find != y->find ||
		    !is_same_text(x->value, y->value) || !is_same_text(x->directory, y->directory) ||
		    !is_same_text(x->file, y->file) || x->require_valid != y->require_valid ||
		    !is_same_text(x->ca, y->ca))
			return false;
	}
	return true;
}

static bool
is_same_text(const char *a, const char *b)
{
	return str_is(str_of(a), str_of(b));
}

struct oidc *
oidc_ref(struct oidc *o)
{
	(void)atomic_fetch_add(&o->refs, 1);
	return o;
}

void
oidc_unref(struct oidc **oo)
{
	struct oidc *o = *oo;
	const struct oidc_view *v;

	*oo = NULL;
	if (o == NULL || atomic_fetch_sub(&o->refs, 1) > 1)
		return;
	assert(o->tended == NULL);
	v = o->view != NULL ? &o->view->view : NULL;
	oidc_view_release(&v);
	(void)pthread_mutex_destroy(&o->lock);
	free(o);
}

const struct conf_provider *
oidc_conf(const struct oidc *o)
{
	return o->conf;
}

const struct oidc_view *
oidc_view(struct oidc *o, int64_t now, struct err *e)
{
	const struct oidc_view *v = NULL;

	(void)pthread_mutex_lock(&o->lock);
	if (o->view == NULL && o->failure.reason != REASON_NONE)
		*e = o->failure;
	else if (o->view == NULL)
		(void)err_set(e, REASON_PROVIDER_NO_KEYS, "provider \"%s\": not reached yet", o->conf->name);
	else if (now - o->view->view.keys_fetched > KEYS_LIFE)
		(void)err_set(e, REASON_PROVIDER_NO_KEYS,
		    "provider \"%s\": its keys are %lld h old, and newer ones cannot be had: %s",
		    o->conf->name, (long long)(now - o->view->view.keys_fetched) / 3600, o->failure.text);
	else {
		(void)atomic_fetch_add(&o->view->refs, 1);
		v = &o->view->view;
	}
	(void)pthread_mutex_unlock(&o->lock);
	return v;
}

/* Callers see a const view; its count, which is not theirs, stands behind it. */
static struct held *
held_of(const struct oidc_view *v)
{
	return (struct held *)(uintptr_t)v;
}

void
oidc_view_release(const struct oidc_view **v)
{
	struct held *h = held_of(*v);

	*v = NULL;
	if (h == NULL || atomic_fetch_sub(&h->refs, 1) > 1)
		return;
	discovery_release(&h->view.meta);
	jwks_free(&h->view.keys);
	free(h);
}

bool
oidc_is_ready(struct oidc *o, int64_t now, char *text)
{
	struct err e = { .reason = REASON_NONE };
	const struct oidc_view *v = oidc_view(o, now, &e);
	const bool ready = v != NULL;

	if (ready) {
		(void)pthread_mutex_lock(&o->lock);
		e = o->failure;
		(void)pthread_mutex_unlock(&o->lock);
	}
	(void)snprintf(text, ONE_SENTENCE, "%s", e.text);
	oidc_view_release(&v);
	return ready;
}

/* --- for keeper.c --- */

void
oidc_keep(struct oidc *o, struct tended *t, struct post *post)
{
	(void)pthread_mutex_lock(&o->lock);
	o->tended = t;
	o->keeper = post;
	(void)pthread_mutex_unlock(&o->lock);
}

struct tended *
oidc_tended(struct oidc *o)
{
	struct tended *t;

	(void)pthread_mutex_lock(&o->lock);
	t = o->tended;
	(void)pthread_mutex_unlock(&o->lock);
	return t;
}

void
oidc_publish(struct oidc *o, const struct oidc_view *v)
{
	struct held *h = xcalloc(1, sizeof(*h));
	const struct oidc_view *was = NULL;

	h->view = *v;
	atomic_init(&h->refs, 1);
	(void)pthread_mutex_lock(&o->lock);
	if (o->view != NULL)
		was = &o->view->view;
	o->view = h;
	o->failure = (struct err){ .reason = REASON_NONE };
	(void)pthread_mutex_unlock(&o->lock);
	oidc_view_release(&was);
}

void
oidc_share(struct oidc *o, struct oidc *with)
{
	const struct oidc_view *was = NULL;
	struct held *h;

	(void)pthread_mutex_lock(&o->lock);
	h = o->view;
	(void)atomic_fetch_add(&h->refs, 1);
	(void)pthread_mutex_unlock(&o->lock);
	(void)pthread_mutex_lock(&with->lock);
	if (with->view != NULL)
		was = &with->view->view;
	with->view = h;
	(void)pthread_mutex_unlock(&with->lock);
	oidc_view_release(&was);
}

bool
oidc_is_same(const struct oidc *a, const struct oidc *b)
{
	return is_same_provider(a->conf, b->conf);
}

void
oidc_fail(struct oidc *o, const struct err *e)
{
	(void)pthread_mutex_lock(&o->lock);
	o->failure = *e;
	(void)pthread_mutex_unlock(&o->lock);
}

/* --- ops --- */

static struct oidc_op *
op_new(struct oidc *o, enum kind kind, oidc_done *done, void *arg)
{
	struct oidc_op *op = xcalloc(1, sizeof(*op));

	op->kind = kind;
	op->oidc = oidc_ref(o);
	op->done = done;
	op->arg = arg;
	return op;
}

static void
op_free(struct oidc_op **opp)
{
	struct oidc_op *op = *opp;

	*opp = NULL;
	fetch_release(&op->fetch);
	secret_free(&op->code);
	oidc_unref(&op->oidc);
	free(op);
}

struct oidc_op *
oidc_ask_keys(struct oidc *o, struct post *home, oidc_done *done, void *arg)
{
	struct oidc_op *op = op_new(o, KEYS, done, arg);
	struct keeper_question *q = &op->question;

	*q = (struct keeper_question){
		.oidc = o, .home = home, .answer = op_answered, .arg = op, .result = -1
	};
	(void)err_set(&q->err, REASON_PROVIDER_NO_KEYS,
	    "provider \"%s\": its keys are no longer fetched for this configuration", o->conf->name);
	op->away = true;
	/* Under the lock: once the keeper has forgotten o, nothing is sent to it any more. */
	(void)pthread_mutex_lock(&o->lock);
	if (o->tended != NULL)
		post_send(o->keeper, keeper_ask, q);
	else
		post_send(home, op_answered, op);
	(void)pthread_mutex_unlock(&o->lock);
	return op;
}

/* The keeper's letter, on the asker's thread. */
static void
op_answered(void *arg)
{
	struct oidc_op *op = arg;

	op->away = false;
	if (op->cancelled)
		op_free(&op);
	else
		op->done(op->arg);
}

int
oidc_take_keys(struct oidc_op **op, struct err *e)
{
	const int r = (*op)->question.result;

	assert((*op)->kind == KEYS && !(*op)->away);
	if (r == -1)
		*e = (*op)->question.err;
	op_free(op);
	return r;
}

struct oidc_op *
oidc_ask_tokens(struct oidc *o, struct fetch *f, const struct oidc_code *c, oidc_done *done, void *arg)
{
	struct oidc_op *op = op_new(o, TOKENS, done, arg);
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct tokenreq r;

	op->code = secret_new(c->code.p, c->code.n);
	tokenreq_print(o->conf, c, m, &r);
	ask_token_endpoint(op, f, c->token_endpoint, &r);
	mem_free(&m);
	return op;
}

struct oidc_op *
oidc_ask_renewal(struct oidc *o, struct fetch *f, const struct oidc_renewal *n, oidc_done *done, void *arg)
{
	struct oidc_op *op = op_new(o, n->for_upstream ? UPSTREAM : RENEWAL, done, arg);
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct tokenreq r;

	op->code = secret_new(n->refresh_token.p, n->refresh_token.n);
	tokenreq_print_renewal(o->conf, n, m, &r);
	ask_token_endpoint(op, f, n->token_endpoint, &r);
	mem_free(&m);
	return op;
}

static void
ask_token_endpoint(struct oidc_op *op, struct fetch *f, const char *url, const struct tokenreq *r)
{
	const struct conf_provider *c = op->oidc->conf;

	op->fetch = fetch_ask(f,
	    &(struct fetch_request){
		.url = url,
		.body = r->body.p,
		.body_size = r->body.n,
		.authorization = r->authorization,
		.accept = "application/json",
		.tls_ca = c->tls_ca,
		.proxy = c->proxy,
		.timeout = c->timeout,
		.max_size = TOKENREQ_ANSWER_MAX,
	    },
	    op_fetched, op);
}

static void
op_fetched(void *arg)
{
	struct oidc_op *op = arg;

	op->done(op->arg);
}

int
oidc_take_tokens(struct oidc_op **op, struct mem *m, struct oidc_tokens *out, struct err *e)
{
	const struct conf_provider *c = (*op)->oidc->conf;
	struct tokenreq_answer t;
	struct fetch_answer a;
	int r;

	assert((*op)->kind == TOKENS || (*op)->kind == RENEWAL || (*op)->kind == UPSTREAM);
	if (fetch_take((*op)->fetch, &a, e) == -1)
		r = err_in(e, "token endpoint");
	else {
		t = (struct tokenreq_answer){
			.status = a.status, .type = a.type, .body = a.body, .code = secret_str((*op)->code)
		};
		r = (*op)->kind == TOKENS     ? tokenreq_parse(c, &t, m, out, e)
		    : (*op)->kind == UPSTREAM ? tokenreq_parse_upstream(c, &t, m, out, e)
					      : tokenreq_parse_renewal(c, &t, m, out, e);
	}
	op_free(op);
	return r;
}

struct oidc_op *
oidc_ask_gift(struct oidc *o, struct fetch *f, const struct oidc_gift *g, oidc_done *done, void *arg)
{
	struct oidc_op *op = op_new(o, GIFT, done, arg);
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct tokenreq r;

	tokenreq_print_gift(
	    o->conf, &(struct tokenreq_gift){ .token = g->token, .assertion = g->assertion }, m, &r);
	op->fetch = fetch_ask(f,
	    &(struct fetch_request){
		.url = g->revocation_endpoint,
		.body = r.body.p,
		.body_size = r.body.n,
		.authorization = r.authorization,
		.accept = "application/json",
		.tls_ca = o->conf->tls_ca,
		.proxy = o->conf->proxy,
		.timeout = g->timeout < o->conf->timeout ? g->timeout : o->conf->timeout,
		.patience = g->timeout,
		.max_size = TOKENREQ_ANSWER_MAX,
	    },
	    op_fetched, op);
	mem_free(&m);
	return op;
}

/* RFC 7009 2.2: 200 also for a token that the provider does not know any more. */
int
oidc_take_gift(struct oidc_op **op, struct err *e)
{
	struct fetch_answer a;
	int r;

	assert((*op)->kind == GIFT);
	r = fetch_take((*op)->fetch, &a, e);
	if (r == 0 && a.status != 200)
		r = err_set(e, REASON_PROVIDER_STATUS, "answered with status %d", a.status);
	if (r == -1)
		(void)err_in(e, "revocation endpoint");
	op_free(op);
	return r;
}

struct oidc_op *
oidc_ask_userinfo(struct oidc *o, struct fetch *f, const char *endpoint, struct str access_token,
    oidc_done *done, void *arg)
{
	struct oidc_op *op = op_new(o, USERINFO, done, arg);
	struct mem *m = mem_new(REQUEST_BUDGET);
	char *authorization = mem_secret(m, sizeof("Bearer ") + access_token.n);

	memcpy(authorization, "Bearer ", 7);
	memcpy(authorization + 7, access_token.p, access_token.n);
	op->fetch = fetch_ask(f,
	    &(struct fetch_request){
		.url = endpoint,
		.authorization = authorization,
		.accept = "application/json",
		.tls_ca = o->conf->tls_ca,
		.proxy = o->conf->proxy,
		.timeout = o->conf->timeout,
		.max_size = USERINFO_MAX,
	    },
	    op_fetched, op);
	mem_free(&m);
	return op;
}

int
oidc_take_userinfo(struct oidc_op **op, struct mem *m, const char **out, struct err *e)
{
	struct fetch_answer a;
	int r = -1;

	assert((*op)->kind == USERINFO);
	*out = NULL;
	if (fetch_take((*op)->fetch, &a, e) == 0 && judge_userinfo(&a, e) == 0) {
		*out = mem_text(m, a.body);
		r = 0;
	} else
		(void)err_in(e, "userinfo endpoint");
	op_free(op);
	return r;
}

static int
judge_userinfo(const struct fetch_answer *a, struct err *e)
{
	json_t *o;

	if (a->status == 429 || a->status >= 500)
		return err_set(
		    e, REASON_PROVIDER_STATUS, "HTTP %d: the provider is in trouble, or busy", a->status);
	if (a->status != 200)
		return err_set(e, REASON_PROVIDER_USERINFO,
		    "HTTP %d: it refuses the access token; check provider.scopes, or set provider.userinfo = "
		    "no",
		    a->status);
	if (a->type.n >= 15 && strncasecmp(a->type.p, "application/jwt", 15) == 0)
		return err_set(e, REASON_PROVIDER_USERINFO,
		    "a signed answer (application/jwt); let the provider send plain JSON to this client");
	o = jose_json(a->body, USERINFO_MAX, REASON_PROVIDER_USERINFO, e);
	if (o == NULL)
		return -1;
	json_decref(o);
	return 0;
}

struct oidc_op *
oidc_ask_introspection(
    struct oidc *o, struct fetch *f, const struct oidc_introspection *q, oidc_done *done, void *arg)
{
	struct oidc_op *op = op_new(o, INTROSPECTION, done, arg);
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct tokenreq r;

	tokenreq_print_introspection(o->conf, q, m, &r);
	op->fetch = fetch_ask(f,
	    &(struct fetch_request){
		.url = q->endpoint,
		.body = r.body.p,
		.body_size = r.body.n,
		.authorization = r.authorization,
		.accept = "application/json",
		.tls_ca = o->conf->tls_ca,
		.proxy = o->conf->proxy,
		.timeout = o->conf->timeout,
		.max_size = INTROSPECTION_ANSWER_MAX,
	    },
	    op_fetched, op);
	mem_free(&m);
	return op;
}

int
oidc_take_introspection(struct oidc_op **op, struct mem *m, const char **out, struct err *e)
{
	struct fetch_answer a;
	int r;

	assert((*op)->kind == INTROSPECTION);
	*out = NULL;
	if (fetch_take((*op)->fetch, &a, e) == -1)
		r = err_in(e, "introspection endpoint");
	else
		r = introspection_judge(
		    &(struct introspection_answer){ .status = a.status, .type = a.type, .body = a.body }, e);
	if (r == 0)
		*out = mem_text(m, a.body);
	op_free(op);
	return r;
}

void
oidc_op_cancel(struct oidc_op **op)
{
	if (*op == NULL)
		return;
	if ((*op)->away) {
		/* Its memory is the keeper's until the letter is back. */
		(*op)->cancelled = true;
		*op = NULL;
	} else
		op_free(op);
}
