/*
 * session/store_cookie.c - tokens sealed into a cookie of the browser, see session/store.h
 *
 * The sid is part of the purpose that the record (session/tokens.h) is sealed
 * for, so tokens of one session never open for another.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "conf/seal.h"
#include "session/cookie.h"
#include "session/session_cache.h"
#include "session/store_impl.h"

struct store_cookie {
	struct store store;
	const struct conf_session *conf; /* borrowed from the snapshot */
	struct store_keys keys;
	uint64_t number;  /* session_cache_verifier() */
	atomic_flag said; /* that something was too large */
};

struct cookie_op {
	struct store_op op;
	struct mem *mem; /* ours; what the answer lives in until it is taken */
	struct store_reply reply;
};

static enum store_answer ask(struct store *, const struct store_question *, struct store_op **, struct err *);
static int take(struct store_op *, struct mem *, struct store_reply *, struct err *);
static void drop_mem(void *);
static void end(struct store_op *);
static void free_store(struct store *);
static char *name_of(const struct visit *, struct mem *);
static const char **put(struct store_cookie *, const struct store_question *, struct mem *);
static size_t fitting(
    const struct conf_session *, const struct visit *, const char *name, size_t most, struct mem *);
static const char **drop(const struct store_cookie *, const struct visit *, struct mem *, bool all);
static void get(const struct store_cookie *, const struct store_question *, struct mem *, struct tokens *);
static bool open_text(const struct store_cookie *, const struct store_question *, struct str text,
    struct mem *, struct tokens *);
static struct str purpose_of(struct str sid, struct mem *);
static bool shrink(struct store_cookie *, struct tokens *, size_t room);
static bool any(const struct tokens *);

static const struct store_kind kind = {
	.in_browser = true, .ask = ask, .take = take, .end = end, .free = free_store
};

struct store *
store_cookie_new(const struct conf_session *c, struct err *e)
{
	struct store_cookie *s = xcalloc(1, sizeof(*s));

	s->store.kind = &kind;
	s->conf = c;
	s->number = session_cache_verifier();
	atomic_flag_clear(&s->said);
	if (store_keys_init(&s->keys, c, "workflow-proxy tokens", e) == 0)
		return &s->store;
	free_store(&s->store);
	return NULL;
}

static void
free_store(struct store *store)
{
	struct store_cookie *s = (struct store_cookie *)store;

	store_keys_release(&s->keys);
	free(s);
}

static enum store_answer
ask(struct store *store, const struct store_question *q, struct store_op **op, struct err *e)
{
	struct store_cookie *s = (struct store_cookie *)store;
	struct cookie_op *o = xcalloc(1, sizeof(*o));

	(void)e;
	o->mem = mem_new(SIZE_MAX);
	switch (q->verb) {
	case STORE_PUT:
		o->reply.set_cookies = put(s, q, o->mem);
		break;
	case STORE_GET:
		get(s, q, o->mem, &o->reply.tokens);
		break;
	case STORE_DROP:
		o->reply.set_cookies = drop(s, q->visit, o->mem, true);
		break;
	case STORE_LOCK:
		o->reply.got = true; /* no other instance has these tokens, but for a copy of the cookie */
		break;
	}
	*op = &o->op;
	return STORE_READY;
}

static char *
name_of(const struct visit *v, struct mem *m)
{
	return mem_printf(m, "%.*s.t", STR_ARG(v->scope->cookie));
}

static const char **
put(struct store_cookie *s, const struct store_question *q, struct mem *m)
{
	const char *name = name_of(q->visit, m);
	size_t room = session_cookie_room(s->conf, q->visit->scope->origin, name);
	struct tokens t = *q->tokens;

	t.session = (struct str){ NULL, 0 }; /* the browser has it in a cookie of its own */
	if (room > STORE_COOKIE_MAX)
		room = STORE_COOKIE_MAX;
	if (q->visit->room > 0)
		room = fitting(s->conf, q->visit, name, room, m);
	if (!shrink(s, &t, room))
		return drop(s, q->visit, m, false);
	return session_cookie_set(s->conf, q->visit->scope->origin, name,
	    store_keys_seal(&s->keys, purpose_of(q->sid, m), &t, m), q->visit, m);
}

/* The longest text whose Set-Cookie values, attributes included, take no more than the visit's room. */
static size_t
fitting(const struct conf_session *c, const struct visit *v, const char *name, size_t most, struct mem *m)
{
	const char **none = session_cookie_set(c, v->scope->origin, name, STR(""), NULL, m);
	size_t piece = session_cookie_room(c, v->scope->origin, name) / COOKIE_PARTS_MAX, each, pieces;

	if (none == NULL)
		return 0;
	each = strlen(none[0]) + strlen("_8");
	pieces = (v->room + each + piece - 1) / (each + piece);
	if (v->room <= pieces * each)
		return 0;
	return v->room - pieces * each < most ? v->room - pieces * each : most;
}

/* Deletes what the request carries, and with `all` what it may not have shown as well. */
static const char **
drop(const struct store_cookie *s, const struct visit *v, struct mem *m, bool all)
{
	const char *name = name_of(v, m);

	if (!all && cookie_find(v->cookies, v->n_cookies, str_of(name), NULL, 0) == 0)
		return mem_zalloc(m, sizeof(const char *));
	return session_cookie_clear(s->conf, v->scope->origin, name, v, m);
}

/*
 * Leaves tokens out until the record fits.  false: none is left.  Without the
 * refresh token the session cannot go on, without the ID token the provider may
 * have to ask who signs out.
 */
static bool
shrink(struct store_cookie *s, struct tokens *t, size_t room)
{
	const struct str none = { NULL, 0 };
	const struct tokens all = *t;
	const struct {
		struct str id, access, refresh;
		const char *out;
	} ways[] = {
		{ all.id_token, all.access_token, all.refresh_token, NULL },
		{ all.id_token, none, all.refresh_token, "the access token is" },
		{ none, none, all.refresh_token, "access and ID token are" },
		{ all.id_token, none, none, "access and refresh token are" },
		{ none, none, none, "all are" },
	};
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		t->id_token = ways[i].id;
		t->access_token = ways[i].access;
		t->refresh_token = ways[i].refresh;
		if (any(t) && seal_size(tokens_size(t)) <= room)
			break;
	}
	if (t->access_token.p == NULL)
		t->access_expires = 0;
	if (any(&all) && i > 0 && !atomic_flag_test_and_set(&s->said))
		log_info("session: tokens of %zu bytes do not fit into cookies of %zu; %s left out",
		    tokens_size(&all), room, ways[i < 4 ? i : 4].out);
	return any(t);
}

static bool
any(const struct tokens *t)
{
	return t->id_token.p != NULL || t->access_token.p != NULL || t->refresh_token.p != NULL;
}

/*
 * Nothing outside says where a sealed text ends, so each end is tried, the
 * longest first: what a longer one left behind does no harm.
 */
static void
get(const struct store_cookie *s, const struct store_question *q, struct mem *m, struct tokens *out)
{
	struct cookie_parts *parts = mem_alloc(m, sizeof(*parts));
	struct cookie_joined joined;
	size_t i, k;

	cookie_parts_find(q->visit->cookies, q->visit->n_cookies, str_of(name_of(q->visit, m)), parts);
	for (i = 0; i < parts->n[0]; i++) {
		cookie_parts_join(parts, i, m, &joined);
		for (k = joined.n_ends; k > 0; k--)
			if (open_text(s, q, (struct str){ joined.text.p, joined.ends[k - 1] }, m, out))
				return;
	}
}

/* Each request of a page brings the same ones, so what opened is remembered where there is somewhere to. */
static bool
open_text(const struct store_cookie *s, const struct store_question *q, struct str text, struct mem *m,
    struct tokens *out)
{
	const struct session_sealed sealed = { s->number, text, q->sid };
	struct session_cache *cache = q->visit->cache;

	if (cache != NULL && session_cache_get_tokens(cache, &sealed, m, out))
		return true;
	if (!store_keys_open(&s->keys, purpose_of(q->sid, m), text, m, out))
		return false;
	if (cache != NULL)
		session_cache_put_tokens(cache, &sealed, out);
	return true;
}

static struct str
purpose_of(struct str sid, struct mem *m)
{
	return str_of(mem_printf(m, "tokens %.*s", STR_ARG(sid)));
}

/* Tokens are taken with the memory that they are in. */
static int
take(struct store_op *op, struct mem *m, struct store_reply *out, struct err *e)
{
	struct cookie_op *o = (struct cookie_op *)op;
	size_t n = 0;

	(void)e;
	out->got = o->reply.got;
	if (op->verb == STORE_GET) {
		out->tokens = o->reply.tokens;
		mem_on_free(m, drop_mem, o->mem);
		o->mem = NULL;
		return 0;
	}
	if (op->verb == STORE_LOCK)
		return 0;
	while (o->reply.set_cookies[n] != NULL)
		n++;
	out->set_cookies = mem_zalloc(m, (n + 1) * sizeof(*out->set_cookies));
	while (n-- > 0)
		out->set_cookies[n] = mem_strdup(m, o->reply.set_cookies[n]);
	return 0;
}

static void
drop_mem(void *arg)
{
	struct mem *m = arg;

	mem_free(&m);
}

static void
end(struct store_op *op)
{
	struct cookie_op *o = (struct cookie_op *)op;

	mem_free(&o->mem);
	free(o);
}
