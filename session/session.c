/* session/session.c - see session/session.h */
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
	uint64_t number; /* session_cache_verifier() */
};

/* What the cookies of one name come to. */
struct finding {
	enum session_found best;
	const struct session *session;
	struct str text; /* of the one in force */
	struct all *all; /* NULL: one is enough */
};

/* Every session of the cookies, those in force in front. */
struct all {
	const struct session **v;
	size_t n, in_force;
};

/* Claims that are to be a session's token. */
struct issue {
	const struct session_scope *scope;
	struct str claims;
	struct mem *mem;
};

static void find(const struct sessions *, const struct visit *, struct finding *);
static size_t find_values(const struct visit *, struct str *values, bool *parts);
static void look_at_parts(const struct sessions *, const struct visit *, struct finding *);
static void look_at(const struct sessions *, const struct visit *, struct str, struct finding *);
static void note(struct all *, const struct session *, bool in_force);
static const struct session *verify(const struct sessions *, const struct visit *, struct str);
static enum session_found judge(const struct sessions *, const struct visit *, const struct session *);
static unsigned rank(enum session_found);
static bool may_trade(const struct sessions *, struct str app_id);
static void fill(struct session *, const struct session_scope *, const struct identity *, int64_t now_ms);
static void fill_life(struct session *, const struct conf_session *, const struct conf_provider *,
    const struct session_proof *);
static int64_t until_idle(const struct conf_session *, const struct session *, int64_t);
static int64_t earlier(int64_t, int64_t);
static int64_t capped(int64_t);
static const struct session *reread(const struct sessions *, const struct visit *, struct str, struct str *);
static int renew(struct session *, const struct sessions *, const struct visit *,
    const struct session_proof *, struct err *);
static int issue(
    const struct sessions *, const struct issue *, const struct session **, struct str *, struct err *);

struct sessions *
sessions_new(const struct conf_session *c, const struct conf_strings *needed, struct err *e)
{
	struct token_keys *keys = token_keys_new(c->secrets, c->n_secrets, e);
	struct sessions *s;

	if (keys == NULL)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->conf = c;
	s->keys = keys;
	s->number = session_cache_verifier();
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

void
sessions_keep_only(struct sessions *s, const char *claim, const struct conf_strings *values)
{
	size_t i;

	for (i = 0; i < s->names.n; i++)
		if (strcmp(s->names.v[i].name, claim) == 0)
			s->names.v[i].only = *values;
}

/* --- finding one --- */

enum session_found
session_find(const struct sessions *s, const struct visit *v, const struct session **out)
{
	struct finding f = { SESSION_NONE, NULL, { NULL, 0 }, NULL };

	find(s, v, &f);
	*out = f.best == SESSION_DUPLICATE ? NULL : f.session;
	return f.best;
}

struct str
session_text(const struct sessions *s, const struct visit *v)
{
	struct finding f = { SESSION_NONE, NULL, { NULL, 0 }, NULL };

	find(s, v, &f);
	return f.session != NULL ? f.text : STR("");
}

static void
find(const struct sessions *s, const struct visit *v, struct finding *f)
{
	struct str values[COOKIE_SAME_MAX];
	bool parts = false;
	size_t n = find_values(v, values, &parts), i;

	if (parts && n > 0)
		look_at_parts(s, v, f);
	else
		for (i = 0; i < n && i < COOKIE_SAME_MAX; i++)
			look_at(s, v, values[i], f);
	if (n > COOKIE_SAME_MAX && f->best == SESSION_FOUND)
		f->best = SESSION_DUPLICATE;
}

/* All of them, however many there are: whoever can set cookies must not hide one behind others. */
size_t
session_find_all(const struct sessions *s, const struct visit *v, const struct session ***out)
{
	struct str values[COOKIE_SAME_MAX];
	bool parts = false;
	size_t n = find_values(v, values, &parts), i;
	struct all all = { mem_zalloc(v->mem, (n + COOKIE_SAME_MAX) * sizeof(*all.v)), 0, 0 };
	struct finding f = { SESSION_NONE, NULL, { NULL, 0 }, &all };

	for (i = 0; i < v->n_cookies; i++) {
		struct str rest = v->cookies[i], name, value;

		while (cookie_next(&rest, &name, &value))
			if (str_is(name, v->scope->cookie))
				look_at(s, v, value, &f);
	}
	if (parts && n > 0)
		look_at_parts(s, v, &f);
	*out = all.v;
	return all.n;
}

static void
note(struct all *all, const struct session *session, bool in_force)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (str_is(all->v[i]->sid, session->sid))
			break;
	if (i < all->n && (!in_force || i < all->in_force))
		return;
	if (i == all->n)
		all->v[all->n++] = session;
	if (!in_force)
		return;
	all->v[i] = all->v[all->in_force];
	all->v[all->in_force++] = session;
}

enum session_found
session_read(const struct sessions *s, const struct visit *v, struct str token, const struct session **out)
{
	const struct session *session = verify(s, v, token);
	enum session_found found = session == NULL ? SESSION_INVALID : judge(s, v, session);

	*out = found == SESSION_INVALID ? NULL : session;
	return found;
}

bool
session_is_token(const struct sessions *s, struct str text)
{
	return token_key_number(s->keys, text) > 0;
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

	if (f->all != NULL && found != SESSION_INVALID)
		note(f->all, session, found == SESSION_FOUND);
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
	case SESSION_STALE:
		break; /* not of a cookie's making */
	}
	return 0;
}

const struct session *
session_keep(const struct session *s, struct mem *m)
{
	return record_copy(mem_alloc(m, record_size(s)), s);
}

const char *
session_largest_claim(const struct session *s, size_t *bytes)
{
	const char *name = "username";
	size_t i;

	*bytes = s->username.n;
	for (i = 0; i < s->n_claims; i++) {
		if (s->claims[i].value.n <= *bytes)
			continue;
		name = s->claims[i].name.p;
		*bytes = s->claims[i].value.n;
	}
	return name;
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
session_begin(const struct sessions *s, const struct session_scope *scope, const struct session_proof *proof,
    int64_t now_ms, struct mem *m, const struct session **out, struct str *token, struct err *e)
{
	char sid[RECORD_SID + 1];
	unsigned char random[16];
	struct session begun = { 0 };

	*out = NULL;
	*token = (struct str){ NULL, 0 };
	secret_random(random, sizeof(random));
	begun.sid = (struct str){ sid, secret_b64(sid, random, sizeof(random)) };
	fill(&begun, scope, proof->who, now_ms);
	if (proof->trade != NULL) {
		begun.app_id = proof->trade->app_id;
		begun.scopes = proof->trade->scopes;
	}
	fill_life(&begun, s->conf, scope->provider, proof);
	if (begun.exp <= begun.iat)
		return err_set(e, REASON_TOKEN_EXPIRED,
		    "session: the ID token ends at %lld, now is %lld; session.timeout sets another end",
		    (long long)begun.exp, (long long)begun.iat);
	return issue(
	    s, &(struct issue){ scope, record_print(&s->names, &begun, proof->who, m), m }, out, token, e);
}

static void
fill(struct session *begun, const struct session_scope *scope, const struct identity *who, int64_t now_ms)
{
	begun->iss = str_of(scope->origin->url);
	begun->aud = str_of(scope->provider->client_id);
	begun->idp = str_of(scope->provider->name);
	begun->sub = identity_subject(who);
	begun->username = identity_username(who);
	begun->op_sid = identity_provider_sid(who);
	begun->sst = now_ms;
	begun->auth_time = capped(identity_auth_time(who));
	begun->iat = now_ms / 1000;
}

/*
 * How long it lasts, from iat on.  Where neither the tokens nor `timeout` say
 * it (a renewal without a new ID token, and no expires_in) it ends as before.
 */
static void
fill_life(struct session *x, const struct conf_session *c, const struct conf_provider *p,
    const struct session_proof *proof)
{
	int64_t id_ends = proof->who == NULL ? 0 : identity_expires(proof->who);
	int64_t ends = earlier(id_ends, proof->access_expires);

	if (proof->trade != NULL)
		x->end = x->sst / 1000 + (c->mobile_timeout + 999) / 1000;
	else if (c->timeout > 0)
		x->end = x->sst / 1000 + (c->timeout + 999) / 1000;
	else if ((p->decode_access_token || id_ends == 0) && proof->access_expires > 0)
		x->end = proof->access_expires;
	else if (id_ends > 0)
		x->end = id_ends;
	if (c->timeout == 0 && proof->trade == NULL && x->end > x->iat + SESSION_LIFE_MAX)
		x->end = x->iat + SESSION_LIFE_MAX;
	x->end = capped(x->end);
	x->exp = until_idle(c, x, x->iat);
	x->refresh_at = x->tokens_end = 0;
	if (!c->refresh || !proof->renewable || ends <= x->iat)
		return;
	x->tokens_end = capped(ends);
	x->refresh_at = x->tokens_end - (x->tokens_end - x->iat) / 3;
	/* What ends the session first needs no renewal. */
	if (x->refresh_at >= x->end)
		x->refresh_at = x->tokens_end = 0;
}

/* Of two times the earlier; 0 is none. */
static int64_t
earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* A provider may say that its token ends in the year 10^300. */
static int64_t
capped(int64_t t)
{
	return t < RECORD_TIME_MAX ? t : RECORD_TIME_MAX;
}

int64_t
session_longest(const struct conf_session *c)
{
	int64_t own = (c->timeout + 999) / 1000, traded = (c->mobile_timeout + 999) / 1000;

	if (own == 0)
		own = SESSION_LIFE_MAX;
	return own > traded ? own : traded;
}

int64_t
session_last(const struct conf_session *c, const struct session *x, int64_t renewed)
{
	int64_t life = (c->timeout + 999) / 1000, last = x->end;

	/* A copy of its cookie may have been renewed since this one was. */
	if (x->app_id.n == 0 && (life > 0 || x->refresh_at != 0))
		last = life > 0 ? x->sst / 1000 + life : renewed + SESSION_LIFE_MAX;
	return (last > x->end ? last : x->end) + CLOCKS_DIFFER;
}

/* --- renewing one --- */

int
session_renew(const struct sessions *s, const struct visit *v, struct str token,
    const struct session_proof *proof, const struct session **out, struct str *renewed, struct err *e)
{
	struct str payload, claims;
	const struct session *was = reread(s, v, token, &payload);
	struct session x;

	*out = NULL;
	*renewed = (struct str){ NULL, 0 };
	if (was == NULL)
		return err_set(e, REASON_SESSION_EXPIRED, "session: there is none in force to be renewed");
	x = *was;
	if (renew(&x, s, v, proof, e) == -1)
		return -1;
	claims = proof != NULL && proof->who != NULL ? record_print(&s->names, &x, proof->who, v->mem)
						     : record_reprint(&s->names, &x, payload, v->mem);
	return issue(s, &(struct issue){ v->scope, claims, v->mem }, out, renewed, e);
}

static const struct session *
reread(const struct sessions *s, const struct visit *v, struct str token, struct str *payload)
{
	const struct session *x;
	const char *unfit;

	if (!token_verify(s->keys, token, v->mem, payload))
		return NULL;
	x = record_parse(&s->names, *payload, v->mem, &unfit);
	return x != NULL && judge(s, v, x) == SESSION_FOUND ? x : NULL;
}

static int
renew(struct session *x, const struct sessions *s, const struct visit *v, const struct session_proof *proof,
    struct err *e)
{
	const struct identity *who = proof == NULL ? NULL : proof->who;
	struct session fresh = *x;

	x->iat = v->now_ms / 1000;
	if (who != NULL) {
		fill(&fresh, v->scope, who, v->now_ms);
		if (!str_is(fresh.sub, x->sub))
			return err_set(e, REASON_TOKEN_CLAIM, "session: the new ID token is somebody else's");
		x->username = fresh.username;
		x->op_sid = fresh.op_sid.n > 0 ? fresh.op_sid : x->op_sid;
		x->auth_time = fresh.auth_time > 0 ? fresh.auth_time : x->auth_time;
	}
	if (proof != NULL)
		x->turn++;
	if (proof != NULL && !proof->refresh_token_alone)
		fill_life(x, s->conf, v->scope->provider, proof);
	else
		x->exp = until_idle(s->conf, x, x->iat);
	if (x->exp <= x->iat)
		return err_set(e, REASON_TOKEN_EXPIRED, "session: it would end at %lld, now is %lld",
		    (long long)x->exp, (long long)x->iat);
	return 0;
}

/* The claims made into a session and its token, when a header can hold them and the browser the cookie. */
static int
issue(const struct sessions *s, const struct issue *i, const struct session **out, struct str *token,
    struct err *e)
{
	size_t room = session_cookie_room(s->conf, i->scope->origin, mem_text(i->mem, i->scope->cookie));
	const char *unfit, *largest;
	size_t bytes;

	*out = record_parse(&s->names, i->claims, i->mem, &unfit);
	if (*out == NULL)
		return unfit != NULL
			   ? err_set(
				 e, REASON_LOGIN_CLAIM, "session: claim %s holds a control character", unfit)
			   : err_set(e, REASON_SYSTEM, "session: its claims cannot be written as JSON");
	*token = s->conf->encrypt ? token_seal(s->keys, i->claims, i->mem)
				  : token_sign(s->keys, i->claims, i->mem);
	if (token->n <= room && token->n <= TOKEN_MAX)
		return 0;
	largest = session_largest_claim(*out, &bytes);
	*out = NULL;
	return err_set(e, REASON_LOGIN_CLAIM,
	    "session: the cookie would have %zu bytes, %zu fit into a browser; the largest claim is %s, with "
	    "%zu "
	    "bytes",
	    token->n, room, largest, bytes);
}

void
session_remember(const struct sessions *s, const struct visit *v, struct str token, const struct session *x)
{
	if (v->cache != NULL)
		(void)session_cache_put(v->cache, s->number, token, x, v->mem);
}

bool
session_is_to_be_kept(const struct sessions *s, const struct session *x, int64_t now)
{
	int64_t idle = s->conf->idle_timeout;

	return x->app_id.n == 0 && until_idle(s->conf, x, now) != x->exp && (now - x->iat) * 4000 >= idle;
}

/* Where idle_timeout was set, changed or taken away since the token was written, that counts from now on. */
static int64_t
until_idle(const struct conf_session *c, const struct session *x, int64_t now)
{
	return c->idle_timeout > 0 && x->app_id.n == 0 ? earlier(x->end, now + (c->idle_timeout + 999) / 1000)
						       : x->end;
}
