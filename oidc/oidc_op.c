/* oidc/oidc_op.c - one question to a provider and its answer, see oidc/oidc.h */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/secret.h"
#include "oidc/fetch.h"
#include "oidc/introspection.h"
#include "oidc/jose.h"
#include "oidc/keeper.h"
#include "oidc/oidc.h"
#include "oidc/tokenreq.h"

#define USERINFO_MAX   65536
#define REQUEST_BUDGET 65536

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

static struct oidc_op *op_new(struct oidc *, enum kind, oidc_done *, void *);
static void op_free(struct oidc_op **);
static void op_answered(void *);
static void post_form(
    struct oidc_op *, struct fetch *, const char *, const struct tokenreq *, size_t max_size);
static void ask_endpoint(struct oidc_op *, struct fetch *, struct fetch_request *);
static void op_fetched(void *);
static int judge_userinfo(const struct fetch_answer *, struct err *);

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
	    "provider \"%s\": its keys are no longer fetched for this configuration", oidc_conf(o)->name);
	op->away = true;
	oidc_send(o, q);
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
	tokenreq_print(oidc_conf(o), c, m, &r);
	post_form(op, f, c->token_endpoint, &r, TOKENREQ_ANSWER_MAX);
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
	tokenreq_print_renewal(oidc_conf(o), n, m, &r);
	post_form(op, f, n->token_endpoint, &r, TOKENREQ_ANSWER_MAX);
	mem_free(&m);
	return op;
}

/* A form, to an endpoint that takes the client's credentials. */
static void
post_form(struct oidc_op *op, struct fetch *f, const char *url, const struct tokenreq *r, size_t max_size)
{
	ask_endpoint(op, f,
	    &(struct fetch_request){
		.url = url,
		.body = r->body.p,
		.body_size = r->body.n,
		.authorization = r->authorization,
		.max_size = max_size,
	    });
}

/* As the provider's section says; a time that is set already stays. */
static void
ask_endpoint(struct oidc_op *op, struct fetch *f, struct fetch_request *q)
{
	const struct conf_provider *c = oidc_conf(op->oidc);

	q->accept = "application/json";
	q->tls_ca = c->tls_ca;
	q->proxy = c->proxy;
	if (q->timeout == 0)
		q->timeout = c->timeout;
	op->fetch = fetch_ask(f, q, op_fetched, op);
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
	const struct conf_provider *c = oidc_conf((*op)->oidc);
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
	const struct conf_provider *c = oidc_conf(o);
	struct oidc_op *op = op_new(o, GIFT, done, arg);
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct tokenreq r;

	tokenreq_print_gift(
	    c, &(struct tokenreq_gift){ .token = g->token, .assertion = g->assertion }, m, &r);
	ask_endpoint(op, f,
	    &(struct fetch_request){
		.url = g->revocation_endpoint,
		.body = r.body.p,
		.body_size = r.body.n,
		.authorization = r.authorization,
		.timeout = g->timeout < c->timeout ? g->timeout : c->timeout,
		.patience = g->timeout,
		.max_size = TOKENREQ_ANSWER_MAX,
	    });
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
	ask_endpoint(op, f,
	    &(struct fetch_request){
		.url = endpoint, .authorization = authorization, .max_size = USERINFO_MAX });
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

	tokenreq_print_introspection(oidc_conf(o), q, m, &r);
	post_form(op, f, q->endpoint, &r, INTROSPECTION_ANSWER_MAX);
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
