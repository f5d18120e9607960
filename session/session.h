/*
 * session/session.h - what we remember about a browser between requests
 *
 * A session begins in session_begin(), which wants a proven identity; one that
 * an app traded its access token for ends mobile_timeout later, and when the
 * app leaves mobile_clients.  There is no other way to make one.  What it can be, and what moves it:
 *
 *   none -- sign-in --> in force -- exp, sign-out, revocation --> over
 *                        |    ^
 *        refresh_at, or   |    | session_renew(): the same sid, sst, sub; a new
 *        not written for  v    | token, with the claims of the new ID token
 *        idle_timeout/4  due --+
 *
 * Over is over: nothing brings a session back, what is renewed was in force.
 * It ends at `timeout` after the sign-in; without one when the ID token does
 * (the access token where that is decoded), which each renewal moves on.  With
 * `idle_timeout` its cookie is good for that long only and is written anew
 * while it is used, until the same end.
 *
 * The session cookie is a JWT (HS256) that holds all a request needs; the
 * tokens are the store's business (session/store.h).
 *
 * Does no I/O and knows no event loop.  struct sessions is immutable and
 * shared by all threads; struct session_cache belongs to one worker.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "oidc/identity.h"

struct redis;
struct revoked;
struct session_cache;
struct sessions; /* keys, names and what to keep; one per snapshot */

/* One claim that a rule or a header of a route needs, ready for use. */
struct session_claim {
	struct str name;
	struct str value; /* text for a header: arrays joined with ',', a ',' inside an element as %2C */
	const struct str *elements; /* each as it is, for rules; one for a claim that is no array */
	size_t n_elements;
};

struct session {
	struct str iss, aud, sub, username, idp;
	struct str sid;              /* ours, 22 characters of base64url */
	struct str op_sid;           /* the provider's; "" when it gave none */
	int64_t sst;                 /* start of the session, ms since 1970 */
	int64_t auth_time, iat, exp; /* seconds since 1970; auth_time 0: the provider did not say */
	int64_t refresh_at; /* seconds since 1970: from then on its tokens are to be renewed; 0: never */
	int64_t tokens_end; /* when the first of them runs out; 0 with refresh_at 0 */
	int64_t turn;       /* how often its tokens were renewed: of two of one sid the higher is the newer */
	int64_t end;        /* exp, but for idle_timeout: that may end it sooner, nothing later */
	struct str app_id, scopes; /* of a session traded for an access token (POST token); else "" */
	const struct session_claim *claims;
	size_t n_claims;
};

/* What a session is made for: one origin and one provider of the configuration. */
struct session_scope {
	const struct conf_origin *origin;
	const struct conf_provider *provider;
	/* The cookie's full name: "__Host-workflow_session", "NAME-PROVIDER" for a further provider. */
	struct str cookie;
};

/*
 * `needed`: names of the claims to keep in the cookie (rules and headers of
 * all routes).  Borrows c.
 */
struct sessions *sessions_new(
    const struct conf_session *c, const struct conf_strings *needed, struct err *e) MUST_CHECK;
void sessions_free(struct sessions **s);
/*
 * Of a claim that is a list, these elements alone are kept: no header hands it
 * on whole, and rules ask for nothing else.  Before s is shared; borrows values.
 */
void sessions_keep_only(struct sessions *s, const char *claim, const struct conf_strings *values);

/*
 * The longest that a session may be in force from now on, in seconds:
 * `timeout`, or SESSION_LIFE_MAX where the provider's token decides.
 */
#define SESSION_LIFE_MAX (30 * 86400)
int64_t session_longest(const struct conf_session *c);

/*
 * Seconds since 1970: no token of this session is in force anywhere after that,
 * when it is renewed until `renewed`, and not later.
 */
int64_t session_last(const struct conf_session *c, const struct session *x, int64_t renewed);

/* The full name of a cookie for this origin: prefix, conf name, "-PROVIDER" unless NULL, suffix. */
char *session_cookie_name(const struct conf_session *c, const struct conf_origin *o, const char *provider,
    const char *suffix, struct mem *m);

/*
 * Verified cookies of one worker: bounded in number and bytes, keyed by
 * snapshot and whole value.  Not to be shared between threads.
 */
struct session_cache *session_cache_new(size_t entries);
void session_cache_free(struct session_cache **c);

/* One request as session/ sees it.  Borrowed for the call. */
struct visit {
	const struct session_scope *scope;
	const struct str *cookies; /* values of the Cookie fields */
	size_t n_cookies;
	const struct revoked *revoked; /* may be NULL */
	struct session_cache *cache;   /* may be NULL */
	struct redis *redis;           /* the connection of this thread; NULL: there is none */
	size_t room; /* bytes of Set-Cookie that a store may still use; 0: as many as it likes */
	int64_t now_ms;
	struct mem *mem; /* where the answer lives; of the cache's thread */
};

/* What a session keeps of the access token that it was traded for (POST token). */
struct session_trade {
	struct str app_id; /* never empty: it tells such a session from a browser's */
	struct str scopes; /* with a space between */
};

/* What a session is made or renewed with: somebody, proven, and how long that is good for. */
struct session_proof {
	const struct identity *who;
	int64_t access_expires;   /* of the access token, seconds since 1970; 0: not known */
	bool renewable;           /* a refresh token is kept */
	bool refresh_token_alone; /* nothing but it was replaced: claims and ends stay; not with who */
	const struct session_trade *trade; /* NULL: a browser's */
};

enum session_found {
	SESSION_FOUND,
	SESSION_NONE,      /* no cookie of this name */
	SESSION_EXPIRED,   /* authentic, but over */
	SESSION_INVALID,   /* malformed, forged, or of another proxy, host or provider */
	SESSION_DUPLICATE, /* several differing ones verify */
	SESSION_REVOKED,
	SESSION_STALE, /* in force, but whether another instance ended it cannot be told; not by
			  session_find() */
};

/*
 * Who is this browser?  *out is set for SESSION_FOUND (a whole session) and
 * SESSION_EXPIRED, SESSION_REVOKED (whose it was), NULL otherwise.  It is
 * good until v->mem is freed: what comes from the cache is held for it.
 *
 * Of several cookies of the name, those that verify and are in force now
 * count; two that differ are SESSION_DUPLICATE.  One in force beside others
 * that have run out, were revoked or never were ours is SESSION_FOUND.  With
 * more than COOKIE_SAME_MAX of them nobody knows what the rest is, so one in
 * force is SESSION_DUPLICATE, too.  When none is in force, revoked goes before
 * expired before invalid.
 */
enum session_found session_find(const struct sessions *s, const struct visit *v, const struct session **out);

/*
 * The sessions of all cookies of the name that are authentic, each sid once,
 * those in force first: what a sign-out ends.  Where session_find() says
 * SESSION_DUPLICATE nobody is signed in, but each of them is good by itself.
 * *out is an array in v->mem, of which so many as are returned are set.
 */
size_t session_find_all(const struct sessions *s, const struct visit *v, const struct session ***out);

/* A deep copy in m. */
const struct session *session_keep(const struct session *s, struct mem *m);

/* The name of the claim that takes most room in the cookie ("username" is one); *bytes: how many. */
const char *session_largest_claim(const struct session *s, size_t *bytes);

/* The claim kept under this name; NULL when the token had none. */
const struct session_claim *session_claim(const struct session *s, const char *name);

/*
 * A new session with a fresh sid.  *out lives in m; *token is the cookie's
 * value.  REASON_LOGIN_CLAIM when the username or a claim cannot be put into a
 * header (control characters) or the cookie would be too large for
 * session_cookie_set(), REASON_TOKEN_EXPIRED when it would be over before it
 * began.
 */
int session_begin(const struct sessions *s, const struct session_scope *scope,
    const struct session_proof *proof, int64_t now_ms, struct mem *m, const struct session **out,
    struct str *token, struct err *e) MUST_CHECK;

/* What was begun or renewed comes back with the next request: its token need not be verified again then. */
void session_remember(
    const struct sessions *s, const struct visit *v, struct str token, const struct session *x);

/* The token of the session that session_find() finds, whole; n is 0 when there is none.  Good like that. */
struct str session_text(const struct sessions *s, const struct visit *v);

/* Does this text say of itself that it is a session token of ours?  Nothing is proven. */
bool session_is_token(const struct sessions *s, struct str text);

/* As session_find(), for a token that did not come as a cookie: FOUND, EXPIRED, REVOKED or INVALID. */
enum session_found session_read(
    const struct sessions *s, const struct visit *v, struct str token, const struct session **out);

/*
 * The same session, renewed: `token` is the one it has now, and must be in
 * force for this visit.  With a proof, claims and ends are those of the proof,
 * whose subject must be the session's (REASON_TOKEN_CLAIM); without who, which
 * a provider may leave out (Core 12.2), the claims stay.  Without a proof only
 * idle_timeout begins anew.  Else as session_begin().
 */
int session_renew(const struct sessions *s, const struct visit *v, struct str token,
    const struct session_proof *proof, const struct session **out, struct str *renewed,
    struct err *e) MUST_CHECK;

/* Is it time to write the cookie anew, because it is used (idle_timeout)?  Cheap. */
bool session_is_to_be_kept(const struct sessions *s, const struct session *x, int64_t now);

/*
 * Set-Cookie values.  set: split over NAME, NAME_1, ... when over 3900 bytes,
 * and cookies of an earlier, longer value (`had`: the request's Cookie
 * values) deleted; NULL when value is longer than session_cookie_room().
 * clear: NAME, and each NAME_n that the request carries, deleted with the
 * attributes of its creation.  Each returns a NULL-terminated list in m.
 * `had` may be NULL: nothing is known of the browser.
 */
const char **session_cookie_set(const struct conf_session *c, const struct conf_origin *o, const char *name,
    struct str value, const struct visit *had, struct mem *m);
const char **session_cookie_clear(const struct conf_session *c, const struct conf_origin *o, const char *name,
    const struct visit *had, struct mem *m);
/* Bytes that the session of v's scope, its parts and its tokens take in the request's Cookie. */
size_t session_cookie_held(const struct visit *v);
/* The longest value that the nine cookies of this name hold. */
size_t session_cookie_room(const struct conf_session *c, const struct conf_origin *o, const char *name);

#endif
