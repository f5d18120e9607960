/*
 * proxy/mobile.c - session tokens of ours that do not come as cookies (proxy/request.h)
 *
 * POST token: an app brings a user's access token, as it would to a bearer
 * route, and gets a session token for it.  It is verified by the road of
 * bearers, which leads here when no route was asked for.
 *
 * Any session token of ours may come as a bearer instead of a cookie.  Then it
 * is a bearer for everybody: its scopes count, what is refused is answered as
 * RFC 6750 has it, it never falls back to a cookie, and no other site can make
 * a browser send it.
 */
#include <string.h>

#include "conf/log.h"
#include "oidc/accesstoken.h"
#include "oidc/identity.h"
#include "proxy/bearer.h"
#include "proxy/login.h"
#include "proxy/mobile.h"
#include "proxy/request.h"
#include "session/revoked.h"

static bool is_ended(struct request *, const struct session *);
static enum step answer(struct request *, const struct session *, struct str token);
static enum step refuse_trade(struct request *, const struct err *);
static bool is_listed(const struct conf_strings *, struct str);
static struct str scopes_of(const struct principal *, struct mem *);

/* --- a session for an access token --------------------------------------------- */

enum step
mobile_begin(struct request *r)
{
	if (request_snap(r)->conf->session.mobile_clients.n == 0)
		return request_refuse(r, REASON_NO_ENDPOINT, "session.mobile_clients is empty");
	return login_within_rate(r) ? STEP_BEARER : STEP_REFUSE;
}

/* The access token is good.  Is it a user's, by way of an app that may trade it? */
enum step
mobile_trade(struct request *r)
{
	const struct snapshot *s = request_snap(r);
	const struct principal *p = bearer_principal(r);
	const struct session_trade trade = { p->app_id, scopes_of(p, r->mem) };
	struct session_proof proof = { .trade = &trade };
	const struct session *session;
	struct str token;
	struct visit v;
	struct err e;

	r->username = p->username; /* for the log */
	if (request_is_stale(r))
		return request_refuse_stale(r);
	if (p->kind != PRINCIPAL_USER) {
		(void)err_set(&e, REASON_MOBILE_USER,
		    "a token of application %.*s for itself: a session needs a user's", STR_ARG(p->app_id));
		return refuse_trade(r, &e);
	}
	if (p->app_id.n == 0 || !is_listed(&s->conf->session.mobile_clients, p->app_id)) {
		(void)err_set(&e, REASON_MOBILE_CLIENT,
		    "session.mobile_clients does not name application %.*s, for which this token was issued",
		    STR_ARG(p->app_id.n > 0 ? p->app_id : STR("(not named)")));
		return refuse_trade(r, &e);
	}
	proof.who = principal_identity(p, r->mem, &e);
	if (proof.who == NULL)
		return refuse_trade(r, &e);
	request_visit(r, &v, r->bearer->provider);
	if (session_begin(s->sessions, v.scope, &proof, r->now_ms, r->mem, &session, &token, &e) == -1)
		return refuse_trade(r, &e);
	if (is_ended(r, session)) {
		(void)err_set(&e, REASON_SESSION_REVOKED,
		    "this access token is older than the end of its user's sessions");
		return refuse_trade(r, &e);
	}
	return answer(r, session, token);
}

/*
 * What ended the user's sessions ends those that a token from before could
 * bring: nobody asked the provider since.  Clocks may differ, and some
 * providers date a token back.
 */
static bool
is_ended(struct request *r, const struct session *begun)
{
	const struct snapshot *s = request_snap(r);
	struct session x = *begun;

	x.sst =
	    (r->bearer->times.begins + s->conf->providers[r->bearer->provider].clock_tolerance / 1000) * 1000;
	return revoked_session(r->worker->shared->revoked, &x, r->now_ms / 1000);
}

/* RFC 6749 5.1 */
static enum step
answer(struct request *r, const struct session *session, struct str token)
{
	r->session = session;
	log_request(LOG_LEVEL_INFO, r->id, REASON_NONE, "%.*s signed in at %.*s by way of application %.*s",
	    STR_ARG(session->username), STR_ARG(session->idp), STR_ARG(session->app_id));
	reply_field(r, "Pragma", STR("no-cache"));
	reply_set(r, 200, "application/json",
	    str_of(mem_printf(r->mem,
		"{\"token_type\":\"Bearer\",\"access_token\":\"%.*s\",\"expires_in\":%lld}", STR_ARG(token),
		(long long)(session->exp - session->iat))));
	return STEP_REPLY;
}

/* At the end of a sign-in the same words stand on a page; here they are about the token that was sent. */
static enum step
refuse_trade(struct request *r, const struct err *e)
{
	struct err why = *e;

	if (why.reason == REASON_LOGIN_CLAIM)
		why.reason = REASON_TOKEN_CLAIM;
	return bearer_refuse(r, &why, NULL);
}

static bool
is_listed(const struct conf_strings *list, struct str text)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_is(text, str_of(list->v[i])))
			return true;
	return false;
}

static struct str
scopes_of(const struct principal *p, struct mem *m)
{
	struct str out = STR("");
	size_t room = 0;
	char *all;

	for (size_t i = 0; i < p->n_scopes; i++)
		room += p->scopes[i].n + 1;
	out.p = all = mem_alloc(m, room + 1);
	for (size_t i = 0; i < p->n_scopes; i++) {
		/* RFC 6749 3.3: a scope has no space in it; of a list's element that has one no two may come.
		 */
		if (memchr(p->scopes[i].p, ' ', p->scopes[i].n) != NULL)
			continue;
		if (out.n > 0)
			all[out.n++] = ' ';
		memcpy(all + out.n, p->scopes[i].p, p->scopes[i].n);
		out.n += p->scopes[i].n;
	}
	return out;
}

/* --- a session token as a bearer ----------------------------------------------- */

bool
mobile_is_sent(const struct request *r)
{
	struct str token;

	return r->in.index[FIELD_AUTHORIZATION] != 0 &&
	       bearer_read(request_field(r, FIELD_AUTHORIZATION), &token) == BEARER_SENT &&
	       session_is_token(request_snap(r)->sessions, token);
}

void
mobile_find(struct request *r, const size_t *providers, size_t n)
{
	struct str token;
	struct visit v;

	(void)bearer_read(request_field(r, FIELD_AUTHORIZATION), &token);
	r->found = SESSION_INVALID;
	for (size_t i = 0; i < n && r->found == SESSION_INVALID; i++) {
		r->provider = providers == NULL ? i : providers[i];
		request_visit(r, &v, r->provider);
		r->found = session_read(request_snap(r)->sessions, &v, token, &r->session);
	}
	if (r->found == SESSION_FOUND && request_is_stale(r))
		r->found = SESSION_STALE;
}

/* Of which of the route's providers is it? */
enum step
mobile_read(struct request *r)
{
	static const enum reason why[] = {
		[SESSION_NONE] = REASON_SESSION_INVALID,
		[SESSION_INVALID] = REASON_SESSION_INVALID,
		[SESSION_DUPLICATE] = REASON_SESSION_INVALID,
		[SESSION_EXPIRED] = REASON_SESSION_EXPIRED,
		[SESSION_REVOKED] = REASON_SESSION_REVOKED,
	};
	const struct session *session;
	struct err e;

	mobile_find(r, r->match.route->providers, r->match.route->n_providers);
	session = r->session;
	r->session = NULL; /* until its scopes are seen to */
	if (r->found == SESSION_STALE)
		return request_refuse_stale(r);
	if (r->found == SESSION_FOUND) {
		r->bearer = bearer_of_session(session, r->provider, r->mem);
		return STEP_ALLOW_BEARER;
	}
	if (session != NULL)
		r->username = session->username; /* for the log */
	(void)err_set(&e, why[r->found], "a session token as bearer: %s", reason_meaning(why[r->found]));
	return bearer_refuse(r, &e, NULL);
}

/* --- and as a cookie: an app's web views have no other way ----------------------- */

bool
mobile_has_cookie(struct request *r)
{
	const struct conf_route *route = r->match.route;

	if (route == NULL || r->in.index[FIELD_COOKIE] == 0 ||
	    request_snap(r)->conf->session.mobile_clients.n == 0)
		return false;
	request_find_session(r, route->providers, route->n_providers);
	if ((r->found == SESSION_FOUND || r->found == SESSION_STALE) && r->session->app_id.n > 0)
		return true;
	r->found = SESSION_NONE;
	r->session = NULL;
	return false;
}

int
mobile_allows(struct request *r, struct err *e)
{
	const struct snapshot *s = request_snap(r);
	const struct bearer_question q = { .access = s->access,
		.conf = s->conf,
		.route = r->match.route_index,
		.bearer = bearer_of_session(r->session, r->provider, r->mem),
		.mem = r->mem };
	struct bearer_verdict verdict;
	int result = bearer_allows(&q, &verdict, e);

	r->username = verdict.username;
	return result;
}
