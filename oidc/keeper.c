/* oidc/keeper.c - see "the keeper" in oidc/oidc.h, and oidc/keeper.h */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>

#include <event2/event.h>

#include "conf/log.h"
#include "conf/secret.h"
#include "oidc/certstore.h"
#include "oidc/discovery.h"
#include "oidc/federation.h"
#include "oidc/fetch.h"
#include "oidc/jwks.h"
#include "oidc/keeper.h"

#define COOL_DOWN       10000            /* ms between fetches that an unknown key causes */
#define RETRY_FIRST     1000             /* ms; doubled with every failure ... */
#define RETRY_MAX       60000            /* ... up to this, while nothing is known */
#define RETRY_KNOWN     30000            /* ms, while the last good keys serve */
#define RETRY_AFTER_MAX 300              /* seconds that a provider may ask us to wait */
#define LOG_AGAIN       (10 * 60 * 1000) /* ms between lines about the same failure */

/*
 * A flight is the document, then the keys; or the keys alone when an asker
 * wants newer ones, or where there is no document.  With federation both are
 * in one, and a store needs no flight at all.
 */
enum stage { IDLE, DOCUMENT, KEYS };

struct tended {
	LIST_ENTRY(tended) next;
	struct keeper *keeper;
	struct oidc *oidc;   /* counted */
	struct event *timer; /* ours; the next flight */
	enum stage stage;
	bool early;            /* an asker's flight, keys first */
	struct fetch_op *op;   /* ours; NULL when IDLE */
	struct discovery meta; /* ours; known since DOCUMENT */
	int64_t clock_offset;  /* seconds */
	int64_t retry_after;   /* seconds that the provider asked for */
	struct keeper_question *askers;
	bool asked;       /* somebody has asked before ... */
	int64_t asked_at; /* ... and a flight began then; ms */

	unsigned failures;     /* flights in a row */
	bool was_ready;        /* said so in the log */
	int64_t failing_since; /* ms */
	int64_t logged_at;     /* ms */
	struct err logged;
};

struct keeper {
	struct event_base *base; /* borrowed, all three */
	struct post *post;
	struct fetch *fetch;
	LIST_HEAD(, tended) all;
};

static void hear(struct tended *, struct keeper_question *);
static void begin(struct tended *);
static bool has_key_set(const struct conf_provider *);
static void ask_source(struct tended *);
static void ask_keys(struct tended *);
static struct fetch_op *ask(struct tended *, const char *, size_t, fetch_done *);
static void take_document(void *);
static void take_keys(void *);
static int take_answer(struct tended *, struct str *, const char *, struct err *);
static void take_metadata(void *);
static void read_store(struct tended *);
static void succeed(struct tended *, struct jwks *);
static void fail(struct tended *, struct err *);
static const char *advice(enum reason);
static void land(struct tended *);
static void answer_all(struct tended *, int, const struct err *);
static void answer(struct keeper_question *, int, const struct err *);
static void wait_for(struct tended *, int64_t);
static int64_t pause_after_failure(struct tended *);
static int64_t percent(int64_t, unsigned, unsigned);
static void log_success(struct tended *, const struct oidc_view *);
static void log_failure(struct tended *, const struct err *, bool);
static bool is_known(struct tended *);
static int64_t now_seconds(void);
static int64_t now_ms(void);
static void keeper_timer_cb(evutil_socket_t, short, void *);

struct keeper *
keeper_new(struct event_base *base, struct post *post, struct fetch *fetch)
{
	struct keeper *k = xcalloc(1, sizeof(*k));

	k->base = base;
	k->post = post;
	k->fetch = fetch;
	LIST_INIT(&k->all);
	return k;
}

void
keeper_free(struct keeper **k)
{
	if (*k == NULL)
		return;
	while (!LIST_EMPTY(&(*k)->all))
		keeper_forget(*k, LIST_FIRST(&(*k)->all)->oidc);
	free(*k);
	*k = NULL;
}

void
keeper_tend(struct keeper *k, struct oidc *o)
{
	struct tended *t = xcalloc(1, sizeof(*t));

	assert(oidc_tended(o) == NULL);
	t->keeper = k;
	t->oidc = oidc_ref(o);
	t->timer = evtimer_new(k->base, keeper_timer_cb, t);
	if (t->timer == NULL)
		abort(); /* out of memory */
	LIST_INSERT_HEAD(&k->all, t, next);
	oidc_keep(o, t, k->post);
	wait_for(t, 0);
}

void
keeper_hand_over(struct oidc *o, struct oidc *to)
{
	struct tended *t = oidc_tended(o), *heir = to == NULL ? NULL : oidc_tended(to);
	struct keeper_question *q;

	if (t == NULL || heir == NULL || !oidc_is_same(o, to))
		return;
	oidc_inherit(o, to);
	while ((q = t->askers) != NULL) {
		t->askers = q->next;
		hear(heir, q);
	}
}

void
keeper_forget(struct keeper *k, struct oidc *o)
{
	struct tended *t = oidc_tended(o);
	struct err e;

	if (t == NULL)
		return;
	assert(t->keeper == k);
	oidc_keep(o, NULL, NULL);
	(void)err_set(&e, REASON_PROVIDER_NO_KEYS,
	    "provider \"%s\": its keys are no longer fetched for this configuration", oidc_conf(o)->name);
	answer_all(t, -1, &e);
	land(t);
	LIST_REMOVE(t, next);
	event_free(t->timer);
	oidc_unref(&t->oidc);
	free(t);
}

/* Sent by any thread, read on ours.  One flight serves all who ask while it lasts. */
void
keeper_ask(void *question)
{
	struct keeper_question *q = question;
	struct tended *t = oidc_tended(oidc_heir(q->oidc));

	if (t == NULL) /* forgotten while the question was under way; it says so itself */
		post_send(q->home, q->answer, q->arg);
	else
		hear(t, q);
}

static void
hear(struct tended *t, struct keeper_question *q)
{
	const int64_t now = now_ms();
	struct err e;

	if (t->stage == IDLE && t->asked && now - t->asked_at < COOL_DOWN) {
		if (q->oidc != t->oidc && is_known(t)) { /* it has not seen yet what came of that fetch */
			oidc_share(t->oidc, q->oidc);
			answer(q, 0, NULL);
			return;
		}
		(void)err_set(&e, REASON_TOKEN_KEY,
		    "provider \"%s\": its keys were fetched anew %lld ms ago; at most one such fetch in %d s",
		    oidc_conf(t->oidc)->name, (long long)(now - t->asked_at), COOL_DOWN / 1000);
		answer(q, -1, &e);
		return;
	}
	q->next = t->askers;
	t->askers = q;
	if (t->stage != IDLE)
		return;
	t->asked = true;
	t->asked_at = now;
	t->early = is_known(t);
	begin(t);
}

static void
begin(struct tended *t)
{
	const bool separate = has_key_set(oidc_conf(t->oidc));
	const struct oidc_view *v = NULL;
	struct err e;

	t->retry_after = t->clock_offset = 0;
	if (t->early && separate)
		v = oidc_view(t->oidc, now_seconds(), &e);
	if (v != NULL) {
		discovery_copy(&t->meta, &v->meta);
		oidc_view_release(&v);
		ask_keys(t);
	} else {
		t->early = t->early && !separate;
		ask_source(t);
	}
}

/* Are the keys at a URL of their own? */
static bool
has_key_set(const struct conf_provider *c)
{
	return c->discovery == DISCOVERY_DOCUMENT || c->discovery == DISCOVERY_JWKS;
}

static void
ask_source(struct tended *t)
{
	const struct conf_provider *c = oidc_conf(t->oidc);
	struct err e;

	switch (c->discovery) {
	case DISCOVERY_DOCUMENT:
		if (c->discovery_url != NULL && c->discovery_url[0] != '\0') {
			t->stage = DOCUMENT;
			t->op = ask(t, c->discovery_url, DISCOVERY_SIZE_MAX, take_document);
			return;
		}
		/* FALLTHROUGH */
	case DISCOVERY_JWKS:
		if (discovery_by_hand(c, NULL, &t->meta, &e) == 0)
			ask_keys(t);
		else
			fail(t, &e);
		return;
	case DISCOVERY_FEDERATION:
		t->stage = KEYS;
		t->op = ask(t, c->discovery_url, FEDERATION_SIZE_MAX, take_metadata);
		return;
	case DISCOVERY_STORE:
		read_store(t);
		return;
	}
}

static struct fetch_op *
ask(struct tended *t, const char *url, size_t max_size, fetch_done *done)
{
	const struct conf_provider *c = oidc_conf(t->oidc);

	return fetch_ask(t->keeper->fetch,
	    &(struct fetch_request){
		.url = url,
		.accept = c->discovery == DISCOVERY_FEDERATION
			      ? "application/samlmetadata+xml, application/xml, text/xml"
			      : "application/json",
		.tls_ca = c->tls_ca,
		.proxy = c->proxy,
		.timeout = c->timeout,
		.max_size = max_size,
	    },
	    done, t);
}

static void
take_document(void *arg)
{
	struct tended *t = arg;
	const struct conf_provider *c = oidc_conf(t->oidc);
	struct str document = STR("");
	struct err e;

	if (take_answer(t, &document, c->discovery_url, &e) == -1)
		fail(t, &e);
	else if (discovery_parse(c, document, &t->meta, &e) == -1) {
		(void)err_in(&e, "%.120s", c->discovery_url);
		fail(t, &e);
	} else {
		fetch_release(&t->op);
		ask_keys(t);
	}
}

/* The answer's body, as long as t->op lives. */
static int
take_answer(struct tended *t, struct str *body, const char *url, struct err *e)
{
	struct fetch_answer a;

	if (fetch_take(t->op, &a, e) == -1)
		return -1;
	t->retry_after = a.retry_after;
	if (a.status != 200)
		return err_set(
		    e, REASON_PROVIDER_STATUS, "%.120s: HTTP %d instead of a document", url, a.status);
	if (a.date != 0)
		t->clock_offset = a.date - now_seconds();
	*body = a.body;
	return 0;
}

static void
ask_keys(struct tended *t)
{
	t->stage = KEYS;
	t->op = ask(t, t->meta.jwks_uri, JWKS_SIZE_MAX, take_keys);
}

static void
take_keys(void *arg)
{
	struct tended *t = arg;
	struct jwks *keys = NULL;
	struct str text = STR("");
	struct err e;

	if (take_answer(t, &text, t->meta.jwks_uri, &e) == 0) {
		keys = jwks_parse(text, &e);
		if (keys == NULL)
			(void)err_in(&e, "%.120s", t->meta.jwks_uri);
	}
	if (keys != NULL)
		succeed(t, keys);
	else if (t->early && oidc_conf(t->oidc)->discovery == DISCOVERY_DOCUMENT) {
		/* the keys may have moved: the document knows */
		t->early = false;
		fetch_release(&t->op);
		discovery_release(&t->meta);
		ask_source(t);
	} else
		fail(t, &e);
}

/* The document of a federation is the keys. */
static void
take_metadata(void *arg)
{
	struct tended *t = arg;
	const struct conf_provider *c = oidc_conf(t->oidc);
	struct federation f = { NULL, NULL };
	struct str document = STR("");
	struct err e;

	if (take_answer(t, &document, c->discovery_url, &e) == -1)
		fail(t, &e);
	else if (federation_parse(document, &f, &e) == -1 ||
		 discovery_by_hand(c, f.entity_id, &t->meta, &e) == -1) {
		(void)err_in(&e, "%.120s", c->discovery_url);
		fail(t, &e);
	} else {
		succeed(t, f.keys);
		f.keys = NULL;
	}
	federation_release(&f);
}

/* Files are there at once. */
static void
read_store(struct tended *t)
{
	const struct conf_provider *c = oidc_conf(t->oidc);
	struct jwks *keys;
	struct err e;

	if (discovery_by_hand(c, NULL, &t->meta, &e) == 0 &&
	    (keys = certstore_read(c, now_seconds(), &e)) != NULL)
		succeed(t, keys);
	else
		fail(t, &e);
}

static void
succeed(struct tended *t, struct jwks *keys)
{
	const struct oidc_view v = {
		.meta = t->meta,
		.keys = keys,
		.keys_fetched = now_seconds(),
		.clock_offset = t->clock_offset,
	};

	log_success(t, &v);
	/* The first look is nobody's early one: a key that is changed right behind it may be asked for. */
	if (!is_known(t))
		t->asked = false;
	t->failures = 0;
	memset(&t->meta, 0, sizeof(t->meta));
	oidc_publish(t->oidc, &v);
	/* An early flight does not put off the regular one, which looks at the document too. */
	if (!t->early)
		wait_for(t, percent(oidc_conf(t->oidc)->metadata_refresh, 95, 100));
	answer_all(t, 0, NULL);
	land(t);
}

static void
fail(struct tended *t, struct err *e)
{
	const bool known = is_known(t);

	(void)err_in(e, "provider \"%.60s\"", oidc_conf(t->oidc)->name);
	if (t->failures++ == 0)
		t->failing_since = now_ms();
	log_failure(t, e, known);
	oidc_fail(t->oidc, e);
	wait_for(t, pause_after_failure(t));
	answer_all(t, -1, e);
	land(t);
}

static void
land(struct tended *t)
{
	fetch_release(&t->op);
	discovery_release(&t->meta);
	t->stage = IDLE;
	t->early = false;
}

static void
answer_all(struct tended *t, int result, const struct err *e)
{
	struct keeper_question *q;

	while ((q = t->askers) != NULL) {
		t->askers = q->next;
		if (result == 0 && q->oidc != t->oidc)
			oidc_share(t->oidc, q->oidc);
		answer(q, result, e);
	}
}

/* From here on *q belongs to the asker's thread. */
static void
answer(struct keeper_question *q, int result, const struct err *e)
{
	q->result = result;
	if (result == -1)
		q->err = *e;
	post_send(q->home, q->answer, q->arg);
}

static void
wait_for(struct tended *t, int64_t ms)
{
	const struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	if (event_add(t->timer, &tv) == -1)
		abort(); /* out of memory */
}

/* So that many proxies do not come back to a provider in step. */
static int64_t
pause_after_failure(struct tended *t)
{
	const unsigned doubled = t->failures - 1 < 6 ? t->failures - 1 : 6;
	const int64_t asked = (t->retry_after < RETRY_AFTER_MAX ? t->retry_after : RETRY_AFTER_MAX) * 1000;
	int64_t ms = (int64_t)RETRY_FIRST << doubled;

	if (is_known(t))
		ms = RETRY_KNOWN;
	else if (ms > RETRY_MAX)
		ms = RETRY_MAX;
	ms = percent(ms, 80, 120);
	return ms > asked ? ms : asked;
}

static int64_t
percent(int64_t ms, unsigned from, unsigned to)
{
	unsigned r;

	secret_random(&r, sizeof(r));
	ms = ms * (from + r % (to - from + 1)) / 100;
	return ms > RETRY_FIRST / 2 ? ms : RETRY_FIRST / 2;
}

static void
log_success(struct tended *t, const struct oidc_view *v)
{
	const struct conf_provider *c = oidc_conf(t->oidc);
	const long long off = v->clock_offset;

	if (!t->was_ready) {
		log_info("provider \"%s\": ready: issuer %s, %zu keys", c->name, v->meta.issuer,
		    jwks_count(v->keys));
		if (off * 1000 > c->clock_tolerance || -off * 1000 > c->clock_tolerance)
			log_warn(
			    "provider \"%s\": its clock is %lld s %s ours, more than clock_tolerance allows",
			    c->name, off > 0 ? off : -off, off > 0 ? "ahead of" : "behind");
	} else if (t->failures > 0)
		log_info("provider \"%s\": recovered after %lld s, %u attempts failed", c->name,
		    (long long)(now_ms() - t->failing_since) / 1000, t->failures);
	t->was_ready = true;
	t->logged = (struct err){ .reason = REASON_NONE };
}

/* Not a line for each attempt: when something is new, and now and then. */
static void
log_failure(struct tended *t, const struct err *e, bool known)
{
	const int64_t now = now_ms();

	if (err_is_like(&t->logged, e) && now - t->logged_at < LOG_AGAIN)
		return;
	t->logged = *e;
	t->logged_at = now;
	if (known)
		log_warn("%s (%s)%s; the keys known so far serve for up to 24 h", e->text,
		    reason_word(e->reason), advice(e->reason));
	else
		log_err("%s (%s)%s; nobody can sign in until it answers", e->text, reason_word(e->reason),
		    advice(e->reason));
}

static const char *
advice(enum reason r)
{
	if (r == REASON_PROVIDER_DOWN)
		return "; check the URL, the resolver, the firewall, provider.proxy and provider.tls_ca";
	if (r == REASON_PROVIDER_STATUS)
		return "; check provider.discovery_url and provider.jwks_uri";
	if (r == REASON_PROVIDER_TIMEOUT)
		return "; check the firewall and provider.proxy, or raise provider.timeout";
	if (r == REASON_PROVIDER_ANSWER || r == REASON_PROVIDER_TOO_LARGE)
		return "; look at what this URL answers, and whether something in between answers for the "
		       "provider";
	return "";
}

static bool
is_known(struct tended *t)
{
	struct err e;
	const struct oidc_view *v = oidc_view(t->oidc, now_seconds(), &e);
	const bool known = v != NULL;

	oidc_view_release(&v);
	return known;
}

static int64_t
now_seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- called by libevent --- */

static void
keeper_timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct tended *t = arg;

	(void)fd;
	(void)what;
	if (t->stage == IDLE)
		begin(t);
	else /* an asker's flight is under way */
		wait_for(t, RETRY_FIRST);
}
