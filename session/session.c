/* session/session.c - see session/session.h */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "conf/secret.h"
#include "session/cookie.h"
#include "session/record.h"
#include "session/revoked.h"
#include "session/session.h"
#include "session/session_cache.h"
#include "session/token.h"

#define CLOCKS_DIFFER 60 /* seconds that machines behind one balancer may be apart */

struct sessions {
	const struct conf_session *conf; /* borrowed from the snapshot */
	struct token_keys *keys;
	struct record_names names;
	uint64_t number; /* no other of this process has it: a freed one's address comes back, its number does
			    not */
};

/* What the cookies of one name come to. */
struct finding {
	enum session_found best;
	const struct session *session;
	struct str text; /* of the one in force */
};

/* Who begins a session, where, and by what. */
struct beginning {
	const struct session_scope *scope;
	const struct identity *who;
	const struct session_trade *trade; /* NULL: a sign-in */
	int64_t now_ms;
	struct mem *mem;
};

static size_t find_values(const struct visit *, struct str *values, bool *parts);
static void look_at_parts(const struct sessions *, const struct visit *, struct finding *);
static void look_at(const struct sessions *, const struct visit *, struct str, struct finding *);
static const struct session *verify(const struct sessions *, const struct visit *, struct str);
static enum session_found judge(const struct sessions *, const struct visit *, const struct session *);
static unsigned rank(enum session_found);
static bool may_trade(const struct sessions *, struct str app_id);
static int begin(const struct sessions *, const struct beginning *, const struct session **out,
    struct str *token, struct err *);
static int64_t capped(int64_t);
static void fill(struct session *, const struct sessions *, const struct beginning *);

struct sessions *
sessions_new(const struct conf_session *c, const struct conf_strings *needed, struct err *e)
{
	static atomic_uint_fast64_t numbers = 0;
	struct token_keys *keys = token_keys_new(c->secrets, c->n_secrets, e);
	struct sessions *s;

	if (keys == NULL)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->conf = c;
	s->keys = keys;
	s->number = ++numbers;
	record_names_init(&s->names, needed);
	return s;
}

void
sessions_free(struct sessions **s)
{
	if (*s == NULL)
		return;
	token_keys_free(&(*s)->keys);
	record_names_release(&(*s)->names);
	free(*s);
	*s = NULL;
}

/* --- finding one --- */

enum session_found
session_find(const struct sessions *s, const struct visit *v, const struct session **out)
{
	struct finding f = { SESSION_NONE, NULL, { NULL, 0 } };
	struct str values[COOKIE_SAME_MAX];
	bool parts = false;
	size_t n = find_values(v, values, &parts), i;

	if (parts && n > 0)
		look_at_parts(s, v, &f);
	else
		for (i = 0; i < n && i < COOKIE_SAME_MAX; i++)
			look_at(s, v, values[i], &f);
	if (n > COOKIE_SAME_MAX && f.best == SESSION_FOUND)
		f.best = SESSION_DUPLICATE;
	*out = f.best == SESSION_DUPLICATE ? NULL : f.session;
	return f.best;
}

bool
session_is_token(const struct sessions *s, struct str text)
{
	return token_is_ours(s->keys, text);
}

enum session_found
session_read(const struct sessions *s, const struct visit *v, struct str token, const struct session **out)
{
	const struct session *session = verify(s, v, token);
	enum session_found found = session == NULL ? SESSION_INVALID : judge(s, v, session);

	*out = found == SESSION_INVALID ? NULL : session;
	return found;
}

/* One pass over the header, and no memory: this is what every request costs. */
static size_t
find_values(const struct visit *v, struct str *values, bool *parts)
{
	size_t i, n = 0;

	for (i = 0; i < v->n_cookies; i++) {
		struct str rest = v->cookies[i], name, value;

		while (cookie_next(&rest, &name, &value)) {
			if (!str_begins(name, v->scope->cookie))
				continue;
			if (name.n > v->scope->cookie.n)
				*parts = *parts || cookie_part_number(name, v->scope->cookie) > 0;
			else if (n++ < COOKIE_SAME_MAX)
				values[n - 1] = value;
		}
	}
	return n;
}

/*
 * A token ends where it has the outline of one, so parts that a longer one
 * left behind do no harm.
 */
static void
look_at_parts(const struct sessions *s, const struct visit *v, struct finding *f)
{
	struct cookie_parts *parts = mem_alloc(v->mem, sizeof(*parts));
	struct cookie_joined joined;
	size_t i, k;

	cookie_parts_find(v->cookies, v->n_cookies, v->scope->cookie, parts);
	for (i = 0; i < parts->n[0]; i++) {
		cookie_parts_join(parts, i, v->mem, &joined);
		for (k = 0; k + 1 < joined.n_ends; k++)
			if (token_is_whole((struct str){ joined.text.p, joined.ends[k] }))
				break;
		look_at(s, v, (struct str){ joined.text.p, joined.ends[k] }, f);
	}
}

static void
look_at(const struct sessions *s, const struct visit *v, struct str text, struct finding *f)
{
	const struct session *session = verify(s, v, text);
	enum session_found found = session == NULL ? SESSION_INVALID : judge(s, v, session);

	if (found == SESSION_FOUND && (f->best == SESSION_FOUND || f->best == SESSION_DUPLICATE)) {
		if (!str_is(f->text, text))
			f->best = SESSION_DUPLICATE;
		return;
	}
	if (rank(found) <= rank(f->best))
		return;
	f->best = found;
	f->session = found == SESSION_INVALID ? NULL : session;
	f->text = text;
}

static const struct session *
verify(const struct sessions *s, const struct visit *v, struct str text)
{
	const struct session *session = NULL;
	const char *unfit;
	struct str payload;

	if (text.n == 0)
		return NULL;
	if (v->cache != NULL)
		session = session_cache_get(v->cache, s->number, text, v->mem);
	if (session != NULL || !token_verify(s->keys, text, v->mem, &payload))
		return session;
	session = record_parse(&s->names, payload, v->mem, &unfit);
	if (session == NULL || v->cache == NULL)
		return session;
	return session_cache_put(v->cache, s->number, text, session, v->mem);
}

/* Everything that may change while the cookie stays the same. */
static enum session_found
judge(const struct sessions *s, const struct visit *v, const struct session *x)
{
	int64_t now = v->now_ms / 1000;
	int64_t life = x->app_id.n > 0 ? s->conf->mobile_timeout : s->conf->timeout;

	if (!str_is(x->iss, str_of(v->scope->origin->url)) ||
	    !str_is(x->aud, str_of(v->scope->provider->client_id)) ||
	    !str_is(x->idp, str_of(v->scope->provider->name)))
		return SESSION_INVALID;
	if (x->iat - now > CLOCKS_DIFFER || x->sst - v->now_ms > CLOCKS_DIFFER * 1000)
		return SESSION_INVALID;
	if (v->revoked != NULL && revoked_session(v->revoked, x, now))
		return SESSION_REVOKED;
	if (x->app_id.n > 0 && !may_trade(s, x->app_id))
		return SESSION_REVOKED;
	if (x->exp <= now || (life > 0 && v->now_ms - x->sst >= life))
		return SESSION_EXPIRED;
	return SESSION_FOUND;
}

/* An app that is taken off the list loses what it has. */
static bool
may_trade(const struct sessions *s, struct str app_id)
{
	for (size_t i = 0; i < s->conf->mobile_clients.n; i++)
		if (str_is(app_id, str_of(s->conf->mobile_clients.v[i])))
			return true;
	return false;
}

/* What is said when several cookies say different things. */
static unsigned
rank(enum session_found found)
{
	switch (found) {
	case SESSION_NONE:
		return 0;
	case SESSION_INVALID:
		return 1;
	case SESSION_EXPIRED:
		return 2;
	case SESSION_REVOKED:
		return 3;
	case SESSION_FOUND:
		return 4;
	case SESSION_DUPLICATE:
		return 5;
	}
	return 0;
}

const struct session *
session_keep(const struct session *s, struct mem *m)
{
	return record_copy(mem_alloc(m, record_size(s)), s);
}

const struct session_claim *
session_claim(const struct session *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_claims; i++)
		if (str_is(s->claims[i].name, str_of(name)))
			return &s->claims[i];
	return NULL;
}

/* --- beginning one --- */

int
session_begin(const struct sessions *s, const struct session_scope *scope, const struct identity *who,
    int64_t now_ms, struct mem *m, const struct session **out, struct str *token, struct err *e)
{
	const struct beginning b = { scope, who, NULL, now_ms, m };

	return begin(s, &b, out, token, e);
}

int
session_begin_traded(const struct sessions *s, const struct session_scope *scope, const struct identity *who,
    const struct session_trade *trade, int64_t now_ms, struct mem *m, const struct session **out,
    struct str *token, struct err *e)
{
	const struct beginning b = { scope, who, trade, now_ms, m };

	return begin(s, &b, out, token, e);
}

static int
begin(const struct sessions *s, const struct beginning *b, const struct session **out, struct str *token,
    struct err *e)
{
	struct mem *m = b->mem;
	size_t room = session_cookie_room(s->conf, b->scope->origin, mem_text(m, b->scope->cookie));
	char sid[RECORD_SID + 1];
	unsigned char random[16];
	struct session begun = { 0 };
	struct str claims;
	const char *unfit;

	*out = NULL;
	*token = (struct str){ NULL, 0 };
	secret_random(random, sizeof(random));
	begun.sid = (struct str){ sid, secret_b64(sid, random, sizeof(random)) };
	fill(&begun, s, b);
	if (begun.exp <= begun.iat)
		return err_set(e, REASON_TOKEN_EXPIRED,
		    "session: the ID token ends at %lld, now is %lld; session.timeout sets another end",
		    (long long)begun.exp, (long long)begun.iat);
	claims = record_print(&s->names, &begun, b->who, m);
	*out = record_parse(&s->names, claims, m, &unfit);
	if (*out == NULL)
		return unfit != NULL
			   ? err_set(
				 e, REASON_LOGIN_CLAIM, "session: claim %s holds a control character", unfit)
			   : err_set(e, REASON_SYSTEM, "session: its claims cannot be written as JSON");
	*token = token_sign(s->keys, claims, m);
	if (token->n <= room && token->n <= TOKEN_MAX)
		return 0;
	*out = NULL;
	return err_set(e, REASON_LOGIN_CLAIM,
	    "session: the cookie would have %zu bytes, %zu fit into a browser; a claim that a route names is "
	    "too large",
	    token->n, room);
}

static void
fill(struct session *begun, const struct sessions *s, const struct beginning *b)
{
	int64_t life = b->trade != NULL ? s->conf->mobile_timeout : s->conf->timeout;

	begun->iss = str_of(b->scope->origin->url);
	begun->aud = str_of(b->scope->provider->client_id);
	begun->idp = str_of(b->scope->provider->name);
	begun->sub = identity_subject(b->who);
	begun->username = identity_username(b->who);
	begun->op_sid = identity_provider_sid(b->who);
	begun->sst = b->now_ms;
	begun->auth_time = capped(identity_auth_time(b->who));
	begun->iat = b->now_ms / 1000;
	begun->exp = life > 0 ? begun->iat + (life + 999) / 1000 : capped(identity_expires(b->who));
	if (begun->exp > begun->iat + session_longest(s->conf))
		begun->exp = begun->iat + session_longest(s->conf);
	if (b->trade == NULL)
		return;
	begun->app_id = b->trade->app_id;
	begun->scopes = b->trade->scopes;
}

int64_t
session_longest(const struct conf_session *c)
{
	int64_t own = (c->timeout + 999) / 1000, traded = (c->mobile_timeout + 999) / 1000;

	if (own == 0)
		own = SESSION_LIFE_MAX;
	return own > traded ? own : traded;
}

/* A provider may say that its token ends in the year 10^300. */
static int64_t
capped(int64_t t)
{
	return t < RECORD_TIME_MAX ? t : RECORD_TIME_MAX;
}
