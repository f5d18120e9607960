/* oidc/outbound.c - see oidc/outbound.h; what fetches tokens is in outbound_fetch.c */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "conf/secret.h"
#include "oidc/outbound_impl.h"

#define COOL_DOWN 10000 /* ms between tokens that an upstream's 401 causes */

struct outbound_token {
	atomic_uint refs;
	struct secret *value;
	int64_t ends; /* ms, our clock: handed out until then */
};

struct outbound {
	atomic_uint refs;
	const struct conf_outbound *conf; /* borrowed: of the same snapshot */
	struct oidc *oidc;                /* counted; NULL: an endpoint of its own */
	pthread_mutex_t lock;             /* for what follows */
	struct outbound_token *token;     /* counted; may be NULL, or have ended */
	bool rejected;                    /* an upstream refused one before ... */
	int64_t rejected_at;              /* ... then; ms */
	struct outbound_tended *tended;   /* borrowed; NULL: nobody fetches */
	struct post *post;                /* borrowed; the main thread's mailbox */
	struct err failure;               /* of the last attempt; NONE: it did not fail */
};

struct outbound_op {
	struct outbound_question question;
	bool away; /* the question is under way */
	bool cancelled;
	oidc_done *done;
	void *arg;
};

static bool is_same_client(const struct conf_provider *, const struct conf_provider *);
static bool is_same_text(const char *, const char *);
static void answered(void *);
static void op_free(struct outbound_op **);

/* --- what all threads share --- */

struct outbound *
outbound_new(const struct conf_outbound *c, struct oidc *o, struct outbound *old)
{
	struct outbound *b = xcalloc(1, sizeof(*b));

	atomic_init(&b->refs, 1);
	b->conf = c;
	b->oidc = o == NULL ? NULL : oidc_ref(o);
	(void)pthread_mutex_init(&b->lock, NULL);
	if (old == NULL || !outbound_is_same(b, old))
		return b;
	(void)pthread_mutex_lock(&old->lock);
	b->token = outbound_token_ref(old->token);
	b->rejected = old->rejected;
	b->rejected_at = old->rejected_at;
	(void)pthread_mutex_unlock(&old->lock);
	return b;
}

struct outbound *
outbound_ref(struct outbound *b)
{
	(void)atomic_fetch_add(&b->refs, 1);
	return b;
}

void
outbound_unref(struct outbound **bb)
{
	struct outbound *b = *bb;

	*bb = NULL;
	if (b == NULL || atomic_fetch_sub(&b->refs, 1) > 1)
		return;
	assert(b->tended == NULL);
	outbound_token_release(&b->token);
	oidc_unref(&b->oidc);
	(void)pthread_mutex_destroy(&b->lock);
	free(b);
}

/* Would the same question be put to the same endpoint, by the same client? */
bool
outbound_is_same(const struct outbound *a, const struct outbound *b)
{
	const struct conf_provider *x = outbound_client(a), *y = outbound_client(b);

	return a->conf->own == b->conf->own && is_same_text(a->conf->scope, b->conf->scope) &&
	       is_same_text(a->conf->resource, b->conf->resource) && is_same_client(x, y) &&
	       is_same_text(x->token_endpoint, y->token_endpoint) &&
	       is_same_text(x->discovery_url, y->discovery_url) && is_same_text(x->issuer, y->issuer);
}

static bool
is_same_client(const struct conf_provider *a, const struct conf_provider *b)
{
	const struct str none = STR("");

	return is_same_text(a->client_id, b->client_id) &&
	       a->token_endpoint_auth_method == b->token_endpoint_auth_method &&
	       secret_equal(a->client_secret != NULL ? secret_str(a->client_secret) : none,
		   b->client_secret != NULL ? secret_str(b->client_secret) : none);
}

static bool
is_same_text(const char *a, const char *b)
{
	return str_is(str_of(a), str_of(b));
}

const struct conf_provider *
outbound_client(const struct outbound *b)
{
	return b->oidc != NULL ? oidc_conf(b->oidc) : &b->conf->client;
}

struct outbound_token *
outbound_token_ref(struct outbound_token *t)
{
	if (t != NULL)
		(void)atomic_fetch_add(&t->refs, 1);
	return t;
}

struct outbound_token *
outbound_token(struct outbound *b)
{
	const int64_t now = outbound_now();
	struct outbound_token *t = NULL;

	(void)pthread_mutex_lock(&b->lock);
	if (b->token != NULL && now < b->token->ends)
		t = outbound_token_ref(b->token);
	(void)pthread_mutex_unlock(&b->lock);
	return t;
}

bool
outbound_has_token(struct outbound *b, struct err *why)
{
	struct outbound_token *t = outbound_token(b);
	bool has = t != NULL;

	(void)pthread_mutex_lock(&b->lock);
	*why = b->failure;
	(void)pthread_mutex_unlock(&b->lock);
	outbound_token_release(&t);
	return has;
}

struct str
outbound_token_value(const struct outbound_token *t)
{
	return secret_str(t->value);
}

void
outbound_token_release(struct outbound_token **tt)
{
	struct outbound_token *t = *tt;

	*tt = NULL;
	if (t == NULL || atomic_fetch_sub(&t->refs, 1) > 1)
		return;
	secret_free(&t->value);
	free(t);
}

void
outbound_reject(struct outbound *b, const struct outbound_token *t)
{
	const int64_t now = outbound_now();
	struct outbound_token *gone = NULL;

	(void)pthread_mutex_lock(&b->lock);
	if (b->token == t && (!b->rejected || now - b->rejected_at >= COOL_DOWN)) {
		b->rejected = true;
		b->rejected_at = now;
		gone = b->token;
		b->token = NULL;
	}
	(void)pthread_mutex_unlock(&b->lock);
	if (gone != NULL)
		log_warn(
		    "outbound \"%s\": the upstream answered 401: another token is fetched; check scope and "
		    "resource",
		    b->conf->name);
	outbound_token_release(&gone);
}

/* --- for outbound_fetch.c --- */

void
outbound_keep(struct outbound *b, struct outbound_tended *t, struct post *post)
{
	(void)pthread_mutex_lock(&b->lock);
	b->tended = t;
	b->post = post;
	(void)pthread_mutex_unlock(&b->lock);
}

struct outbound_tended *
outbound_tended(struct outbound *b)
{
	struct outbound_tended *t;

	(void)pthread_mutex_lock(&b->lock);
	t = b->tended;
	(void)pthread_mutex_unlock(&b->lock);
	return t;
}

struct outbound_token *
outbound_publish(struct outbound *b, struct str access_token, int64_t ends)
{
	struct outbound_token *t = outbound_token_new(access_token), *was;

	t->ends = ends;
	(void)outbound_token_ref(t); /* the section's, besides the caller's */
	(void)pthread_mutex_lock(&b->lock);
	was = b->token;
	b->token = t;
	b->failure = (struct err){ .reason = REASON_NONE };
	(void)pthread_mutex_unlock(&b->lock);
	outbound_token_release(&was);
	return t;
}

struct outbound_token *
outbound_token_new(struct str access_token)
{
	const struct str scheme = STR("Bearer ");
	struct mem *m = mem_new(access_token.n + 1024);
	char *value = mem_secret(m, scheme.n + access_token.n);
	struct outbound_token *t = xcalloc(1, sizeof(*t));

	memcpy(value, scheme.p, scheme.n);
	memcpy(value + scheme.n, access_token.p, access_token.n);
	t->value = secret_new(value, scheme.n + access_token.n);
	mem_free(&m);
	atomic_init(&t->refs, 1);
	return t;
}

void
outbound_note_failure(struct outbound *b, const struct err *e)
{
	(void)pthread_mutex_lock(&b->lock);
	b->failure = *e;
	(void)pthread_mutex_unlock(&b->lock);
}

int64_t
outbound_token_ends(const struct outbound_token *t)
{
	return t->ends;
}

const struct conf_outbound *
outbound_conf(const struct outbound *b)
{
	return b->conf;
}

struct oidc *
outbound_provider(const struct outbound *b)
{
	return b->oidc;
}

int64_t
outbound_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- asking --- */

struct outbound_op *
outbound_ask(struct outbound *b, struct post *home, oidc_done *done, void *arg)
{
	struct outbound_op *op = xcalloc(1, sizeof(*op));
	struct outbound_question *q = &op->question;

	op->done = done;
	op->arg = arg;
	op->away = true;
	*q = (struct outbound_question){
		.outbound = outbound_ref(b), .home = home, .answer = answered, .arg = op
	};
	(void)err_set(&q->err, REASON_OUTBOUND_TOKEN,
	    "outbound \"%s\": its token is no longer fetched for this configuration", b->conf->name);
	/* Under the lock: once b is forgotten, nothing is sent there any more. */
	(void)pthread_mutex_lock(&b->lock);
	if (b->tended != NULL)
		post_send(b->post, outbound_hear, q);
	else
		post_send(home, answered, op);
	(void)pthread_mutex_unlock(&b->lock);
	return op;
}

/* Back on the asker's thread. */
static void
answered(void *arg)
{
	struct outbound_op *op = arg;

	op->away = false;
	if (op->cancelled)
		op_free(&op);
	else
		op->done(op->arg);
}

int
outbound_take(struct outbound_op **op, struct outbound_token **out, struct err *e)
{
	assert(!(*op)->away);
	*out = (*op)->question.token;
	(*op)->question.token = NULL;
	if (*out == NULL)
		*e = (*op)->question.err;
	op_free(op);
	return *out == NULL ? -1 : 0;
}

void
outbound_op_cancel(struct outbound_op **op)
{
	if (*op == NULL)
		return;
	if ((*op)->away) {
		(*op)->cancelled = true;
		*op = NULL;
	} else
		op_free(op);
}

static void
op_free(struct outbound_op **op)
{
	outbound_token_release(&(*op)->question.token);
	outbound_unref(&(*op)->question.outbound);
	free(*op);
	*op = NULL;
}
