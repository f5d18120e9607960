/* oidc/outbound_fetch.c - what the main thread does for oidc/outbound.h */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "conf/log.h"
#include "conf/secret.h"
#include "oidc/assertion.h"
#include "oidc/fetch.h"
#include "oidc/outbound_impl.h"
#include "oidc/tokenreq.h"

#define REQUEST_BUDGET  ((size_t)256 * 1024)
#define LIFE_MAX        (24 * 3600) /* seconds; what lives longer is renewed daily all the same */
#define AHEAD           60000       /* ms that a renewal has before the end, where there is time for it */
#define PATH_MARGIN     5000        /* ms */
#define SOONEST         500         /* ms */
#define RETRY_FIRST     1000        /* ms; doubled with every failure ... */
#define RETRY_MAX       60000       /* ... up to this */
#define RETRY_AFTER_MAX 300         /* seconds that a provider may ask us to wait */
#define LOG_AGAIN       (10 * 60 * 1000) /* ms between lines about the same kind of failure */

/* A flight is the provider's metadata, where that is not known yet, then the token. */
enum stage { IDLE, METADATA, TOKEN };

struct outbound_tended {
	struct outbound *outbound; /* counted */
	struct outbound_home home;
	struct event *timer; /* ours; the next renewal */
	enum stage stage;
	struct oidc_op *meta;   /* ours, METADATA */
	struct fetch_op *fetch; /* ours, TOKEN */
	int64_t began;          /* the request was sent then; ms */
	int64_t retry_after;    /* seconds that the provider asked for */
	struct outbound_question *askers;
	unsigned failures;  /* flights in a row */
	int64_t not_before; /* ms: no attempt until then */
	struct err last;    /* what the last failure is told as */
	enum reason logged; /* the kind of failure that was logged last ... */
	int64_t logged_at;  /* ... and when; ms */
};

static void answer(struct outbound_question *, struct outbound_token *, const struct err *);
static void answer_all(struct outbound_tended *, struct outbound_token *, const struct err *);
static void begin(struct outbound_tended *);
static const char *endpoint(struct outbound *, struct mem *, struct err *);
static void take_metadata(void *);
static void ask_token(struct outbound_tended *, const char *);
static int prove_client(struct outbound *, const char *, struct mem *, struct str *, struct err *);
static void take_token(void *);
static int read_token(struct outbound_tended *, struct mem *, struct oidc_tokens *, struct err *);
static void succeed(struct outbound_tended *, const struct oidc_tokens *);
static void fail(struct outbound_tended *, const struct err *);
static void log_failure(struct outbound_tended *, enum reason, bool);
static void land(struct outbound_tended *);
static int64_t pause_after_failure(const struct outbound_tended *);
static void wait_for(struct outbound_tended *, int64_t);
static unsigned any_number(void);
static int64_t now_seconds(void);
static void outbound_timer_cb(evutil_socket_t, short, void *);

void
outbound_tend(struct outbound *b, const struct outbound_home *home)
{
	struct outbound_tended *t = xcalloc(1, sizeof(*t));
	struct outbound_token *token = outbound_token(b);

	assert(outbound_tended(b) == NULL);
	t->outbound = outbound_ref(b);
	t->home = *home;
	t->timer = evtimer_new(home->base, outbound_timer_cb, t);
	if (t->timer == NULL)
		abort(); /* out of memory */
	outbound_keep(b, t, home->post);
	if (token != NULL) /* of the snapshot before */
		wait_for(t, outbound_renewal(outbound_token_ends(token) - outbound_now(), any_number()));
	outbound_token_release(&token);
}

void
outbound_forget(struct outbound *b, struct outbound *heir)
{
	struct outbound_tended *t = outbound_tended(b);
	struct outbound_question *q, *next;

	if (t == NULL)
		return;
	outbound_keep(b, NULL, NULL);
	if (heir != NULL && (outbound_tended(heir) == NULL || !outbound_is_same(b, heir)))
		heir = NULL;
	for (q = t->askers; q != NULL; q = next) {
		next = q->next;
		if (heir == NULL)
			answer(q, NULL, &q->err);
		else {
			outbound_unref(&q->outbound);
			q->outbound = outbound_ref(heir);
			outbound_hear(q);
		}
	}
	land(t);
	event_free(t->timer);
	outbound_unref(&t->outbound);
	free(t);
}

/* Sent by any thread, read on ours.  One flight serves all who ask while it lasts. */
void
outbound_hear(void *question)
{
	struct outbound_question *q = question;
	struct outbound_tended *t = outbound_tended(q->outbound);
	struct outbound_token *token = outbound_token(q->outbound);

	if (token != NULL || t == NULL) /* it came while the question was under way; or all is over */
		answer(q, token, &q->err);
	else if (t->stage == IDLE && t->failures > 0 && outbound_now() < t->not_before)
		answer(q, NULL, &t->last);
	else {
		q->next = t->askers;
		t->askers = q;
		if (t->stage == IDLE)
			begin(t);
	}
	outbound_token_release(&token);
}

/* From here on *q belongs to the asker's thread. */
static void
answer(struct outbound_question *q, struct outbound_token *token, const struct err *e)
{
	q->token = outbound_token_ref(token);
	if (token == NULL && e != &q->err)
		q->err = *e;
	post_send(q->home, q->answer, q->arg);
}

static void
answer_all(struct outbound_tended *t, struct outbound_token *token, const struct err *e)
{
	struct outbound_question *q = t->askers, *next;

	t->askers = NULL;
	for (; q != NULL; q = next) {
		next = q->next;
		answer(q, token, e);
	}
}

/* --- a flight --- */

static void
begin(struct outbound_tended *t)
{
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct err e;
	const char *url = endpoint(t->outbound, m, &e);

	t->retry_after = 0;
	if (url != NULL)
		ask_token(t, url);
	else { /* the provider's keeper knows more soon, or says why not */
		t->stage = METADATA;
		t->meta = oidc_ask_keys(outbound_provider(t->outbound), t->home.post, take_metadata, t);
	}
	mem_free(&m);
}

/* NULL: the provider's document has it, and is not known. */
static const char *
endpoint(struct outbound *b, struct mem *m, struct err *e)
{
	const struct oidc_view *v;
	const char *url;

	if (outbound_client(b)->token_endpoint != NULL)
		return outbound_client(b)->token_endpoint;
	v = oidc_view(outbound_provider(b), now_seconds(), e);
	url = v == NULL ? NULL : mem_strdup(m, v->meta.token_endpoint);
	oidc_view_release(&v);
	return url;
}

static void
take_metadata(void *arg)
{
	struct outbound_tended *t = arg;
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct err e;
	const char *url;

	if (oidc_take_keys(&t->meta, &e) == -1)
		log_debug("%s", e.text); /* what endpoint() says goes further back */
	url = endpoint(t->outbound, m, &e);
	if (url != NULL)
		ask_token(t, url);
	else
		fail(t, &e);
	mem_free(&m);
}

static void
ask_token(struct outbound_tended *t, const char *url)
{
	const struct conf_outbound *o = outbound_conf(t->outbound);
	const struct conf_provider *c = outbound_client(t->outbound);
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct tokenreq_own own = { .scope = o->scope, .resource = o->resource };
	struct tokenreq r;
	struct err e;

	if (prove_client(t->outbound, url, m, &own.assertion, &e) == -1) {
		fail(t, &e);
		mem_free(&m);
		return;
	}
	tokenreq_print_own(c, &own, m, &r);
	t->stage = TOKEN;
	t->began = outbound_now();
	t->fetch = fetch_ask(t->home.fetch,
	    &(struct fetch_request){
		.url = url,
		.body = r.body.p,
		.body_size = r.body.n,
		.authorization = r.authorization,
		.accept = "application/json",
		.tls_ca = c->tls_ca,
		.proxy = c->proxy,
		.timeout = c->timeout,
		.max_size = TOKENREQ_ANSWER_MAX,
	    },
	    take_token, t);
	mem_free(&m);
}

/* *out stays empty where the method needs no assertion. */
static int
prove_client(struct outbound *b, const char *url, struct mem *m, struct str *out, struct err *e)
{
	const struct conf_provider *c = outbound_client(b);
	struct assertion a = { .token_endpoint = url, .issuer = c->issuer, .now = now_seconds() };
	const struct oidc_view *v = NULL;

	if (outbound_provider(b) != NULL)
		v = oidc_view(outbound_provider(b), a.now, e);
	if (v != NULL)
		a.issuer = mem_strdup(m, v->meta.issuer);
	oidc_view_release(&v);
	if (a.issuer == NULL) /* an endpoint of its own: it is all that is known of who answers there */
		a.issuer = url;
	return assertion_print(c, &a, m, out, e);
}

static void
take_token(void *arg)
{
	struct outbound_tended *t = arg;
	struct mem *m = mem_new(REQUEST_BUDGET);
	struct oidc_tokens tokens;
	struct err e;

	if (read_token(t, m, &tokens, &e) == 0)
		succeed(t, &tokens);
	else
		fail(t, &e);
	mem_free(&m);
}

static int
read_token(struct outbound_tended *t, struct mem *m, struct oidc_tokens *out, struct err *e)
{
	struct fetch_answer a;

	if (fetch_take(t->fetch, &a, e) == -1)
		return err_in(e, "token endpoint");
	t->retry_after = a.retry_after;
	return tokenreq_parse_own(outbound_client(t->outbound),
	    &(struct tokenreq_answer){ .status = a.status, .type = a.type, .body = a.body, .code = STR("") },
	    m, out, e);
}

static void
succeed(struct outbound_tended *t, const struct oidc_tokens *tokens)
{
	const int64_t said = tokens->expires_in > 0 ? tokens->expires_in : OUTBOUND_LIFE;
	const int64_t life = (said < LIFE_MAX ? said : LIFE_MAX) * 1000;
	const int64_t renewal = t->began + outbound_renewal(life, any_number()) - outbound_now();
	const char *name = outbound_conf(t->outbound)->name;
	struct outbound_token *token =
	    outbound_publish(t->outbound, tokens->access_token, t->began + outbound_use(life));

	if (t->failures > 0)
		log_info("outbound \"%s\": recovered, %u attempts failed", name, t->failures);
	else
		log_debug("outbound \"%s\": a token for %lld s", name, (long long)life / 1000);
	t->failures = 0;
	t->logged = REASON_NONE;
	wait_for(t, renewal > SOONEST ? renewal : SOONEST);
	answer_all(t, token, NULL);
	outbound_token_release(&token);
	land(t);
}

/* The next attempt comes by itself while a token is in force, else with the next request that needs one. */
static void
fail(struct outbound_tended *t, const struct err *e)
{
	struct outbound_token *token = outbound_token(t->outbound);
	int64_t pause;

	t->failures++;
	pause = pause_after_failure(t);
	t->not_before = outbound_now() + pause;
	(void)err_set(&t->last, REASON_OUTBOUND_TOKEN, "outbound \"%.60s\": %s",
	    outbound_conf(t->outbound)->name, e->text);
	outbound_note_failure(t->outbound, &t->last);
	log_failure(t, e->reason, token != NULL);
	if (token != NULL)
		wait_for(t, pause);
	outbound_token_release(&token);
	answer_all(t, NULL, &t->last);
	land(t);
}

/* Not a line for each attempt: when something is new, and now and then. */
static void
log_failure(struct outbound_tended *t, enum reason why, bool in_force)
{
	const int64_t now = outbound_now();

	if (t->logged == why && now - t->logged_at < LOG_AGAIN)
		return;
	t->logged = why;
	t->logged_at = now;
	if (in_force)
		log_warn("%s (%s); the token in force serves until it ends", t->last.text, reason_word(why));
	else
		log_err("%s (%s); routes with this upstream_token answer 502 until it can be had",
		    t->last.text, reason_word(why));
}

static void
land(struct outbound_tended *t)
{
	fetch_release(&t->fetch);
	oidc_op_cancel(&t->meta);
	t->stage = IDLE;
}

static int64_t
pause_after_failure(const struct outbound_tended *t)
{
	const unsigned doubled = t->failures - 1 < 6 ? t->failures - 1 : 6;
	const int64_t asked_for =
	    (t->retry_after < RETRY_AFTER_MAX ? t->retry_after : RETRY_AFTER_MAX) * 1000;
	int64_t ms = (int64_t)RETRY_FIRST << doubled;

	if (ms > RETRY_MAX)
		ms = RETRY_MAX;
	ms = ms * (80 + any_number() % 41) / 100;
	return ms > asked_for ? ms : asked_for;
}

static void
wait_for(struct outbound_tended *t, int64_t ms)
{
	const struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	if (event_add(t->timer, &tv) == -1)
		abort(); /* out of memory */
}

static unsigned
any_number(void)
{
	unsigned r;

	secret_random(&r, sizeof(r));
	return r;
}

static int64_t
now_seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

/* --- pure --- */

/* At 80 % of its life, a minute ahead where that is half of it at most; up to a tenth sooner, not in step. */
int64_t
outbound_renewal(int64_t life, unsigned random)
{
	int64_t ms = life / 10 * 8;

	if (life - ms < AHEAD)
		ms = life >= 2 * AHEAD ? life - AHEAD : life / 2;
	ms = ms * (90 + random % 11) / 100;
	return ms > SOONEST ? ms : SOONEST;
}

int64_t
outbound_use(int64_t life)
{
	return life - (life / 10 < PATH_MARGIN ? life / 10 : PATH_MARGIN);
}

/* --- called by libevent --- */

static void
outbound_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct outbound_tended *t = arg;

	(void)fd;
	(void)what;
	if (t->stage == IDLE)
		begin(t);
}
