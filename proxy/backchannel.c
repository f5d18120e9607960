/*
 * proxy/backchannel.c - the road of a back-channel logout (proxy/request.h)
 *
 * POST logout/backchannel: a provider's server says that a session of its own
 * has ended (OpenID Connect Back-Channel Logout 1.0).  That holds for sessions
 * that this proxy has never seen as well: their cookies are refused when they
 * come.  200 means that it will last; 400 that it is no logout of ours.
 */
#include "conf/log.h"
#include "conf/url.h"
#include "oidc/claims.h"
#include "oidc/logouttoken.h"
#include "oidc/tenant.h"
#include "proxy/bodyread.h"
#include "proxy/endings.h"
#include "proxy/revoke.h"

/* One provider speaks for all of its users, so it may speak more often than a browser. */
#define TIMES_A_BROWSER 10

struct backchannel {
	struct str token;
	const json_t *says; /* of itself, unproven */
	size_t provider;    /* whose keys are asked for; then, whose it is */
	struct logouttoken logout;
};

static enum step refuse(struct request *, const struct err *);
static enum step decide(struct request *, enum logouttoken_result, struct err *);
static enum logouttoken_result verify(struct request *, struct err *);
static bool is_of(const struct backchannel *, const struct oidc_view *, struct mem *);
static enum logouttoken_result verify_for(
    struct request *, size_t provider, const struct oidc_view *, struct err *);
static enum step end_sessions(struct request *);
static struct str jti_of(struct request *);

/* What was sent? */
enum step
backchannel_begin(struct request *r)
{
	uint64_t most = TIMES_A_BROWSER * request_snap(r)->conf->limits.logins_per_minute;

	if (!endings_within_rate(r, r->worker->shared->rates[RATE_BACK], most))
		return STEP_REFUSE;
	if (bodyread_form(r, STEP_BACKCHANNEL) == STEP_READ_BODY)
		return STEP_READ_BODY;
	return reason_status(r->err.reason) == 400 ? refuse(r, &r->err) : STEP_REFUSE;
}

enum step
backchannel_read(struct request *r)
{
	struct backchannel *b = mem_zalloc(r->mem, sizeof(*b));
	struct err e;

	r->backchannel = b;
	if (url_param(r->mem, r->reading->text, "logout_token", &b->token) != 0) {
		(void)err_set(
		    &e, REASON_LOGOUT_BAD_REQUEST, "logout_token is missing, there twice or badly encoded");
		return refuse(r, &e);
	}
	b->says = logouttoken_peek(b->token, r->mem, &e);
	return b->says == NULL ? refuse(r, &e) : STEP_VERIFY_LOGOUT;
}

/* 2.8, and 2.6: every failure is told in the same words. */
static enum step
refuse(struct request *r, const struct err *e)
{
	reply_set(r, 400, "application/json",
	    str_of(mem_printf(r->mem,
		"{\"error\":\"invalid_request\",\"error_description\":\"%s\",\"request_id\":\"%s\"}",
		reason_meaning(e->reason), r->id)));
	return request_fail(r, e);
}

/* Whose is it, and is it true? */
enum step
backchannel_verify(struct request *r)
{
	struct err e;
	const enum logouttoken_result result = verify(r, &e);

	return result == LOGOUTTOKEN_NEED_KEYS ? STEP_ASK_LOGOUT_KEYS : decide(r, result, &e);
}

/* Against all that the provider has: a key that is not among them is nobody's. */
enum step
backchannel_verify_again(struct request *r)
{
	struct err e;
	const enum logouttoken_result result = verify(r, &e);

	return decide(r, result, &e);
}

static enum step
decide(struct request *r, enum logouttoken_result result, struct err *e)
{
	if (result == LOGOUTTOKEN_OK) {
		if (!revoked_has(r->worker->shared->jtis, jti_of(r), clock_seconds()))
			return end_sessions(r);
		(void)err_set(e, REASON_LOGOUT_REPLAY, "a logout_token with this jti came before");
	}
	if (reason_status(e->reason) < 500)
		return refuse(r, e);
	r->reply.retry_after = 10;
	return request_fail(r, e);
}

/*
 * Several may have one issuer, for several clients: then it is of the one that
 * it is for.  When it is nobody's, it may be of one of whom nothing is known yet.
 */
static enum logouttoken_result
verify(struct request *r, struct err *e)
{
	struct backchannel *b = r->backchannel;
	enum logouttoken_result best = LOGOUTTOKEN_BAD, got;
	bool matched = false, unknown = false;
	struct err why;
	size_t i;

	(void)err_set(e, REASON_LOGOUT_ISSUER, "logout_token: its iss is no provider's of ours");
	for (i = 0; i < request_snap(r)->conf->n_providers; i++) {
		const struct oidc_view *v = request_provider_view(r, i, &why);

		if (v == NULL && !matched) {
			unknown = true;
			b->provider = i;
			*e = why;
		}
		if (v == NULL || !is_of(b, v, r->mem))
			continue;
		got = verify_for(r, i, v, &why);
		if (matched && got == LOGOUTTOKEN_BAD)
			continue;
		matched = true;
		b->provider = i;
		best = got;
		*e = why;
		if (got == LOGOUTTOKEN_OK)
			return got;
	}
	return !matched && unknown ? LOGOUTTOKEN_NEED_KEYS : best;
}

static bool
is_of(const struct backchannel *b, const struct oidc_view *v, struct mem *m)
{
	struct str iss = claims_text(json_object_get(b->says, "iss"));
	const char *want = tenant_issuer(v->meta.issuer, b->says, m);

	return iss.p != NULL && want != NULL && str_is(iss, str_of(want));
}

static enum logouttoken_result
verify_for(struct request *r, size_t provider, const struct oidc_view *v, struct err *e)
{
	const struct logouttoken_check c = { .provider = &request_snap(r)->conf->providers[provider],
		.issuer = v->meta.issuer,
		.keys = v->keys,
		.jwks_uri = v->meta.jwks_uri,
		.now = clock_seconds(),
		.mem = r->mem };

	return logouttoken_verify(&c, r->backchannel->token, &r->backchannel->logout, e);
}

/* Nothing is known of the provider yet, or the token names a key that we do not hold. */
enum step
backchannel_ask_keys(struct request *r)
{
	r->oidc =
	    oidc_ask_keys(request_snap(r)->oidc[r->backchannel->provider], r->worker->post, request_wake, r);
	return request_wait(r, STEP_TAKE_LOGOUT_KEYS);
}

/* Whether that helped is seen then. */
enum step
backchannel_take_keys(struct request *r)
{
	struct err ignored;

	(void)!oidc_take_keys(&r->oidc, &ignored);
	return STEP_VERIFY_LOGOUT_AGAIN;
}

/* 2.7: by its sid, or else all of the subject. */
static enum step
end_sessions(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	const struct backchannel *b = r->backchannel;
	bool one = b->logout.sid.n > 0;
	const struct revocation x = { .kind = one ? REVOKE_PROVIDER_SID : REVOKE_SUBJECT,
		.provider = str_of(c->providers[b->provider].name),
		.text = one ? b->logout.sid : b->logout.subject,
		.before_ms = clock_ms(),
		.until = revoke_until(&c->session, clock_seconds()) };

	r->revoke = revoke_ask(r->worker, &x, 1, request_wake, r);
	return request_wait(r, STEP_TAKE_BACKCHANNEL);
}

/* Only what was kept came once: when it was not, the provider may say it again. */
enum step
backchannel_take(struct request *r)
{
	const struct backchannel *b = r->backchannel;
	bool one = b->logout.sid.n > 0;
	struct err e;

	if (revoke_take(&r->revoke, &e) == -1)
		return request_fail(r, &e);
	if (revoked_add(r->worker->shared->jtis, jti_of(r), b->logout.expires, clock_seconds()) == -1)
		log_request(LOG_LEVEL_WARN, r->id, REASON_OVERLOADED,
		    "the table of logout tokens is full: one may be used again until it expires");
	metric_add(&r->worker->metrics.logouts[LOGOUT_BACK], 1);
	log_request(LOG_LEVEL_INFO, r->id, REASON_NONE, "provider %s ended %s %.*s",
	    request_snap(r)->conf->providers[b->provider].name, one ? "its session" : "the sessions of",
	    STR_ARG(one ? b->logout.sid : b->logout.subject));
	reply_set(r, 200, NULL, STR(""));
	return STEP_REPLY;
}

/* A jti is the provider's own: two may use the same. */
static struct str
jti_of(struct request *r)
{
	const struct backchannel *b = r->backchannel;

	return str_of(mem_printf(
	    r->mem, "%s %.*s", request_snap(r)->conf->providers[b->provider].name, STR_ARG(b->logout.jti)));
}
