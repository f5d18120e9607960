/*
 * proxy/bearer_road.c - the road of a request that brings an access token (proxy/request.h)
 *
 * Read from top to bottom.  Whoever sends a token is judged by it alone: a bad
 * one never falls back to a cookie.  What is refused is answered as RFC 6750
 * has it, and the log has what the token lacked.
 */
#include <string.h>

#include "conf/url.h"
#include "oidc/assertion.h"
#include "oidc/introspection.h"
#include "proxy/bearer.h"
#include "proxy/bearer_cache.h"
#include "proxy/bearer_issuer.h"
#include "proxy/cors.h"
#include "proxy/forward.h"
#include "proxy/introspector.h"
#include "proxy/mobile.h"
#include "proxy/request.h"

/* A token on its way; in the request's memory. */
struct bearing {
	size_t provider;               /* index: whose keys it is held against */
	struct bearer_issuers issuers; /* who may have issued it, */
	size_t at;                     /* and which of them that is */
	struct err unavailable;        /* one of them could not be asked; NONE: all could */
	struct str token;
	const struct oidc_view *view;
	struct bearer_key key;
	const struct principal *who; /* verified just now; NULL: it was found in memory */
};

static enum step preflight(struct request *);
static bool is_in_query(struct request *);
static bool take_view(struct request *, struct err *);
static void view_release(void *);
static bool is_opaque(const struct request *);
static enum accesstoken_result judge(struct request *, enum step *, struct err *);
static enum accesstoken_result verify(struct request *, enum step *, struct err *);
static enum step remember(struct request *, const struct principal *, int64_t ask_again);
static enum step introspect(struct request *);
static enum step missing(struct request *);
static enum step by_issuer(struct request *);
static bool is_remembered(struct request *);
static enum step remembered(struct request *);
static enum step not_of_this(struct request *, const struct err *);

bool
bearer_is_wanted(const struct request *r)
{
	enum conf_auth auth = r->match.route->auth;
	struct str ignored;

	if (auth == AUTH_SESSION)
		return mobile_is_sent(r);
	if (auth == AUTH_BEARER)
		return true;
	return bearer_read(request_field(r, FIELD_AUTHORIZATION), &ignored) != BEARER_NONE ||
	       (cors_applies(r->match.route) && cors_is_preflight(&r->in));
}

struct str
bearer_token(const struct request *r)
{
	return r->bearing == NULL ? STR("") : r->bearing->token;
}

const struct principal *
bearer_principal(const struct request *r)
{
	return r->bearing->who;
}

/* What was sent? */
enum step
bearer_begin(struct request *r)
{
	struct str token;
	struct err e;

	if (cors_applies(r->match.route) && cors_is_preflight(&r->in))
		return preflight(r);
	switch (bearer_read(request_field(r, FIELD_AUTHORIZATION), &token)) {
	case BEARER_NONE:
		return mobile_has_cookie(r) ? STEP_AUTHORIZE : missing(r);
	case BEARER_BROKEN:
		(void)err_set(&e, REASON_BEARER_MALFORMED, "Authorization is not Bearer and one token");
		return bearer_refuse(r, &e, NULL);
	case BEARER_SENT:
		break;
	}
	/* RFC 6750 2: in one way only. */
	if (is_in_query(r)) {
		(void)err_set(&e, REASON_BEARER_MALFORMED,
		    "a token in Authorization, and an access_token in the query besides");
		return bearer_refuse(r, &e, NULL);
	}
	r->bearing = mem_zalloc(r->mem, sizeof(*r->bearing));
	r->bearing->token = token;
	if (!session_is_token(request_snap(r)->sessions, token))
		return by_issuer(r);
	if (r->match.kind == ROUTE_UPSTREAM)
		return STEP_READ_SESSION;
	(void)err_set(&e, REASON_TOKEN_TYPE, "a session token of ours, which cannot be traded again");
	return bearer_refuse(r, &e, NULL);
}

/* The provider that it was found to be of before, or whose token it says to be. */
static enum step
by_issuer(struct request *r)
{
	struct bearing *b = r->bearing;
	struct err e;

	if (!bearer_cache_hash(r->worker->bearers, &b->key, b->token))
		return request_refuse(r, REASON_SYSTEM, "the digest of a token failed");
	for (size_t i = 0; r->match.kind == ROUTE_UPSTREAM && r->match.route->n_providers > 1 &&
			   i < r->match.route->n_providers;
	     i++) {
		b->provider = r->match.route->providers[i];
		if (take_view(r, &e) && is_remembered(r))
			return remembered(r);
	}
	b->view = NULL;
	b->issuers = bearer_issuer_find(r, b->token);
	if (b->issuers.n > 0) {
		b->provider = b->issuers.v[0];
		return STEP_VERIFY_BEARER;
	}
	(void)err_set(
	    &e, REASON_TOKEN_ISSUER, "access token: its iss is that of no provider that may be it here");
	return bearer_refuse(r, &e, NULL);
}

/* It is none of this provider's, or that cannot be known: is it the next one's? */
static enum step
not_of_this(struct request *r, const struct err *e)
{
	struct bearing *b = r->bearing;

	if (bearer_status(e->reason) >= 500)
		b->unavailable = *e;
	if (++b->at == b->issuers.n)
		return bearer_refuse(r, b->unavailable.reason != REASON_NONE ? &b->unavailable : e, NULL);
	b->provider = b->issuers.v[b->at];
	b->view = NULL;
	return STEP_VERIFY_BEARER;
}

static enum step
missing(struct request *r)
{
	struct err e;

	(void)err_set(&e, REASON_BEARER_MISSING, "%s wants Authorization: Bearer, and %s",
	    r->match.kind == ROUTE_OURS ? "POST token"
					: mem_printf(r->mem, "route \"%s\"", r->match.route->title),
	    r->in.index[FIELD_AUTHORIZATION] != 0 ? "another scheme came"
	    : is_in_query(r)                      ? "an access_token in the query is never taken"
						  : "there is no such field");
	return bearer_refuse(r, &e, NULL);
}

/* Is it one of the provider's, and what does it say?  Known already, or a signature to check. */
enum step
bearer_verify(struct request *r)
{
	enum step next;
	struct err e;

	switch (judge(r, &next, &e)) {
	case ACCESSTOKEN_OK:
		return next;
	case ACCESSTOKEN_NEED_KEYS:
		return STEP_ASK_BEARER_KEYS;
	case ACCESSTOKEN_BAD:
		break;
	}
	return not_of_this(r, &e);
}

/* Against all that the provider has: a key that is not among them is nobody's. */
enum step
bearer_verify_again(struct request *r)
{
	enum step next;
	struct err e;

	return judge(r, &next, &e) == ACCESSTOKEN_OK ? next : not_of_this(r, &e);
}

static enum accesstoken_result
judge(struct request *r, enum step *next, struct err *e)
{
	if (!take_view(r, e))
		return ACCESSTOKEN_NEED_KEYS;
	if (is_remembered(r))
		*next = remembered(r);
	else if (is_opaque(r))
		*next = introspect(r);
	else
		return verify(r, next, e);
	return ACCESSTOKEN_OK;
}

/* Was it verified before, by this configuration and with the keys of today?  Then r->bearer is set. */
static bool
is_remembered(struct request *r)
{
	struct bearing *b = r->bearing;

	b->key.generation = request_snap(r)->generation;
	b->key.provider = b->provider;
	b->key.keys = is_opaque(r) ? 0 : b->view->keys_fetched;
	/* A session is made of all that the token says; memory has what routes need. */
	if (r->match.kind == ROUTE_UPSTREAM)
		r->bearer = bearer_cache_get(r->worker->bearers, &b->key, r->mem);
	if (r->bearer != NULL && r->bearer->ask_again != 0 && r->now_ms / 1000 >= r->bearer->ask_again)
		r->bearer = NULL;
	return r->bearer != NULL;
}

static enum step
remembered(struct request *r)
{
	const struct conf_provider *p = &request_snap(r)->conf->providers[r->bearing->provider];
	struct err e;

	metric_add(&r->worker->metrics.token_cache_hits, 1);
	if (accesstoken_in_time(&r->bearer->times, p->clock_tolerance / 1000, r->now_ms / 1000, &e) == -1) {
		(void)err_in(&e, "access token");
		return bearer_refuse(r, &e, NULL);
	}
	return STEP_ALLOW_BEARER;
}

static enum accesstoken_result
verify(struct request *r, enum step *next, struct err *e)
{
	struct bearing *b = r->bearing;
	const struct snapshot *s = request_snap(r);
	const struct accesstoken_check check = {
		.provider = &s->conf->providers[b->provider],
		.issuer = b->view->meta.issuer,
		.access_token_issuer = b->view->meta.access_token_issuer,
		.keys = b->view->keys,
		.jwks_uri = b->view->meta.jwks_uri,
		.now = r->now_ms / 1000,
		.mem = r->mem,
	};
	const struct principal *who;
	enum accesstoken_result result;

	metric_add(&r->worker->metrics.token_cache_misses, 1);
	result = accesstoken_verify(&check, b->token, &who, e);
	if (result == ACCESSTOKEN_OK)
		*next = remember(r, who, 0);
	else if (result == ACCESSTOKEN_NEED_KEYS)
		e->reason = REASON_TOKEN_KEY;
	return result;
}

/* `ask_again`: seconds since 1970; 0: never. */
static enum step
remember(struct request *r, const struct principal *who, int64_t ask_again)
{
	struct bearing *b = r->bearing;
	struct bearer *said;
	struct err e;

	said = bearer_new(who, b->provider, request_snap(r)->claims_needed, r->mem, &e);
	if (said == NULL)
		return bearer_refuse(r, &e, NULL);
	said->ask_again = ask_again;
	request_note_overage(r, said->who);
	b->who = who;
	r->bearer = bearer_cache_put(r->worker->bearers, &b->key, said, r->mem);
	return r->match.kind == ROUTE_OURS ? STEP_TRADE : STEP_ALLOW_BEARER;
}

/* Nothing is known of the provider yet, or the token names a key that we do not hold. */
enum step
bearer_ask_keys(struct request *r)
{
	r->oidc =
	    oidc_ask_keys(request_snap(r)->oidc[r->bearing->provider], r->worker->post, request_wake, r);
	return request_wait(r, STEP_TAKE_BEARER_KEYS);
}

enum step
bearer_take_keys(struct request *r)
{
	bool known = r->bearing->view != NULL;
	struct err e;

	if (oidc_take_keys(&r->oidc, &e) == -1 && known) {
		(void)err_in(&e, "access token: it names a key that is not in the set");
		return not_of_this(r, &e);
	}
	return STEP_VERIFY_BEARER_AGAIN;
}

/* Nobody but the provider can read it: refused a moment ago, or to be asked about? */
static enum step
introspect(struct request *r)
{
	struct bearing *b = r->bearing;
	struct err e;

	metric_add(&r->worker->metrics.token_cache_misses, 1);
	if (b->token.n > INTROSPECTION_TOKEN_MAX)
		(void)err_set(&e, REASON_TOKEN_MALFORMED, "access token: %zu bytes; accepted: at most %d",
		    b->token.n, INTROSPECTION_TOKEN_MAX);
	else if (b->view->meta.introspection_endpoint == NULL)
		(void)err_set(&e, REASON_PROVIDER_ANSWER,
		    "access token: it is opaque (decode_access_token), and the provider has no "
		    "introspection_endpoint");
	else if (!introspector_has_refused(r->worker->introspector, &b->key, r->now_ms, &e))
		return STEP_ASK_INTROSPECTION;
	return not_of_this(r, &e);
}

enum step
bearer_ask_introspection(struct request *r)
{
	struct bearing *b = r->bearing;
	struct oidc *o = request_snap(r)->oidc[b->provider];
	const struct assertion about = {
		.token_endpoint = b->view->meta.token_endpoint,
		.issuer = b->view->meta.issuer,
		.now = r->now_ms / 1000,
	};
	struct oidc_introspection text = { .endpoint = b->view->meta.introspection_endpoint,
		.token = b->token };
	const struct introspector_question q = {
		.key = &b->key, .oidc = o, .text = &text, .done = request_wake, .arg = r
	};
	struct err e;

	if (assertion_print(oidc_conf(o), &about, r->mem, &text.assertion, &e) == -1)
		return request_fail(r, &e);
	metric_add(&r->worker->metrics.provider_requests, 1);
	r->introspection = introspector_ask(r->worker->introspector, &q, &e);
	return r->introspection == NULL ? not_of_this(r, &e) : request_wait(r, STEP_TAKE_INTROSPECTION);
}

/* What it says of it is held to the same rules as a signed token. */
enum step
bearer_take_introspection(struct request *r)
{
	struct bearing *b = r->bearing;
	const struct snapshot *s = request_snap(r);
	const int64_t now = clock_seconds();
	const struct accesstoken_check check = {
		.provider = &s->conf->providers[b->provider],
		.issuer = b->view->meta.issuer,
		.access_token_issuer = b->view->meta.access_token_issuer,
		.now = now,
		.mem = r->mem,
	};
	const struct principal *who;
	const char *answer;
	struct err e;

	if (introspector_take(&r->introspection, r->mem, &answer, &e) == 0 &&
	    accesstoken_introspected(&check, str_of(answer), &who, &e) == 0)
		return remember(r, who, now + INTROSPECTOR_TRUSTS);
	if (bearer_status(e.reason) < 500)
		introspector_refuse(r->worker->introspector, &b->key, now * 1000, e.reason);
	else
		metric_add(&r->worker->metrics.provider_errors, 1);
	return not_of_this(r, &e);
}

/* May it do this? */
enum step
bearer_authorize(struct request *r)
{
	const struct snapshot *s = request_snap(r);
	const struct bearer_question q = { .access = s->access,
		.conf = s->conf,
		.route = r->match.route_index,
		.bearer = r->bearer,
		.mem = r->mem };
	struct bearer_verdict verdict;
	struct err e;

	if (bearer_allows(&q, &verdict, &e) == -1) {
		r->username = verdict.who->username; /* for the log */
		return bearer_refuse(r, &e, verdict.required);
	}
	r->session = verdict.who;
	r->username = verdict.username;
	return request_pass(r);
}

/* --- what the steps share --- */

/* A browser asks beforehand whether a page may call; it sends no token along (Fetch, CORS-preflight). */
static enum step
preflight(struct request *r)
{
	struct str method, names;

	if (forward_repeated(&r->in, FIELD_ORIGIN) ||
	    !cors_allows(r->match.route, request_field(r, FIELD_ORIGIN)))
		return request_refuse(r, REASON_CORS_ORIGIN, "route \"%s\": cors_origins has no %.*s",
		    r->match.route->title, STR_ARG(request_field(r, FIELD_ORIGIN)));
	if (!cors_read_preflight(&r->in, &method, &names))
		return request_refuse(
		    r, REASON_BAD_REQUEST, "a preflight whose method or headers are no tokens");
	reply_set(r, 204, NULL, STR(""));
	reply_field(r, "Access-Control-Allow-Methods", method);
	if (names.n > 0)
		reply_field(r, "Access-Control-Allow-Headers", names);
	reply_field(r, "Access-Control-Max-Age", STR("600"));
	return STEP_REPLY;
}

static bool
is_in_query(struct request *r)
{
	struct str ignored;

	return url_param(r->mem, r->in.query, "access_token", &ignored) != 1;
}

static bool
is_opaque(const struct request *r)
{
	return !request_snap(r)->conf->providers[r->bearing->provider].decode_access_token;
}

static bool
take_view(struct request *r, struct err *e)
{
	struct bearing *b = r->bearing;

	b->view = oidc_view(request_snap(r)->oidc[b->provider], r->now_ms / 1000, e);
	if (b->view == NULL)
		return false;
	mem_on_free(r->mem, view_release, (void *)(uintptr_t)b->view);
	return true;
}

static void
view_release(void *arg)
{
	const struct oidc_view *v = arg;

	oidc_view_release(&v);
}

enum step
bearer_refuse(struct request *r, const struct err *e, const struct conf_strings *required)
{
	const struct bearer_refusal f = {
		.realm = r->match.origin->url, .why = e->reason, .required = required, .bearer = r->bearer
	};
	int status = bearer_status(e->reason);

	if (status >= 500) {
		r->reply.retry_after = 10;
		return request_fail(r, e);
	}
	reply_set(r, status, "application/json", bearer_json(&f, r->id, r->mem));
	reply_field(r, "WWW-Authenticate", bearer_challenge(&f, r->mem));
	return request_fail(r, e);
}
