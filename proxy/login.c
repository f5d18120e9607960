/*
 * proxy/login.c - the road of a sign-in (proxy/request.h)
 *
 * Read from top to bottom.  login_begin() sends the browser to the provider;
 * login_callback() is where it comes back, and from there one step leads to
 * the next until a session begins.  Everything that fails ends on a page that
 * names the cause, or begins anew, once.
 */
#include <string.h>

#include "conf/log.h"
#include "conf/secret.h"
#include "conf/url.h"
#include "oidc/assertion.h"
#include "oidc/idtoken.h"
#include "oidc/kinds.h"
#include "proxy/binding.h"
#include "proxy/client.h"
#include "proxy/frontend.h"
#include "proxy/login.h"
#include "proxy/pages.h"
#include "proxy/request.h"
#include "session/revoked.h"

/*
 * Tabs that are opened at once each bring a sign-in cookie of their own, until
 * the last one stays: a tab may have to begin again more than once.
 */
#define FOREIGN_ATTEMPTS 4

#define COOKIES_MANY 4096 /* bytes of a session that an operator should know of */

static enum idtoken_result verify(struct request *, struct err *);
static bool fits(struct request *, const struct session *, size_t *);
static enum step begin_again(struct request *, unsigned, enum reason, const char *);
static enum step to_page(struct request *, struct str);
static enum step with_state(struct request *, const struct response *);

/* --- out --- */

/* What is asked of this sign-in, and where to after it? */
enum step
login_begin(struct request *r)
{
	struct login *l = r->login;

	l->prompt = login_asked_prompt(r);
	l->silent = l->silent || (l->prompt != NULL && strcmp(l->prompt, "none") == 0);
	if (l->silent && request_from_other_site(r))
		return request_refuse(r, REASON_CROSS_ORIGIN, "a silent sign-in that another site asks for");
	l->flow.target = l->silent ? str_of(frontend_frame_path(r, NULL)) : login_wanted_page(r);
	return STEP_SET_OUT;
}

/* Unless it would be in vain. */
enum step
login_set_out(struct request *r)
{
	struct login *l = r->login;
	enum reason cause = login_loop_cause(r);
	struct err e;

	if (cause != REASON_NONE && l->prompt == NULL) {
		l->binding.done = 0; /* who tries again gets new rounds */
		login_set_binding(r);
		return request_refuse(r, cause, "%d sign-ins within %d s: %s", BINDING_ROUNDS, BINDING_WINDOW,
		    reason_meaning(cause));
	}
	l->why = r->err.reason == REASON_NONE ? REASON_SIGN_IN : r->err.reason;
	return login_take_view(r, &e) ? STEP_SEND_AWAY : STEP_ASK_PROVIDER;
}

/* Not known yet, or its keys are too old: wait for the fetch under way, or for one of our own. */
enum step
login_ask_provider(struct request *r)
{
	r->oidc = oidc_ask_keys(request_snap(r)->oidc[r->login->provider], r->worker->post, request_wake, r);
	return request_wait(r, STEP_TAKE_PROVIDER);
}

enum step
login_take_provider(struct request *r)
{
	struct err ignored, e;

	(void)!oidc_take_keys(&r->oidc, &ignored);
	if (login_take_view(r, &e))
		return STEP_SEND_AWAY;
	r->reply.retry_after = 10;
	return request_fail(r, &e);
}

/* To the provider: what has to come back travels sealed in `state`. */
enum step
login_send_away(struct request *r)
{
	struct snapshot *s = request_snap(r);
	struct login *l = r->login;
	const struct conf_provider *p = &s->conf->providers[l->provider];
	const struct authreq_params *ask;

	secret_random(l->flow.flow, sizeof(l->flow.flow));
	l->flow.provider = str_of(p->name);
	l->flow.issued = r->now_ms / 1000;
	l->flow.round = l->prompt != NULL ? LOGIN_UNCOUNTED : l->binding.done;
	ask = authreq_params(
	    &(struct authreq_ask){
		.client = p,
		.redirect_uri = snapshot_redirect_uri(s, r->match.origin, l->provider),
		.state = authreq_seal(&s->keys, &l->flow, l->binding.id, r->mem),
		.nonce = authreq_nonce(&s->keys, &l->flow, l->binding.id, r->mem),
		.verifier = authreq_verifier(&s->keys, &l->flow, l->binding.id, r->mem),
		.prompt = l->prompt,
		.login_hint = login_asked_hint(r),
		.refresh = s->conf->session.refresh,
	    },
	    r->mem);
	login_lead_away(r, l->view->meta.authorization_endpoint, ask);
	/* Not again with every tab: an older value must not take the place of a newer one. */
	if (l->binding.fresh || l->binding.failed > 0)
		login_set_binding(r);
	metric_add(&r->worker->metrics.sign_ins_begun, 1);
	r->err.reason = l->why;
	return STEP_REPLY;
}

/* --- and back --- */

/* The browser is back from the provider: whose state is this, and is it for us? */
enum step
login_callback(struct request *r)
{
	struct login *l = login_of(r, r->match.callback_of);
	enum authreq_result result;
	struct response a;
	bool signed_in;

	if (!login_within_rate(r))
		return STEP_REFUSE;
	if (login_read_response(r, &a) == -1)
		return request_refuse(r, REASON_LOGIN_BAD_REQUEST,
		    "a protocol parameter twice, not encoded as a form is, or in the query of a form");
	signed_in = login_find_session(r);
	l->session_state = a.session_state;
	result = authreq_open(&request_snap(r)->keys, a.state, l->binding.fresh ? STR("") : l->binding.id,
	    r->now_ms / 1000, &l->flow, r->mem);
	l->silent = result != AUTHREQ_UNKNOWN && frontend_is_silent(r, l->flow.target);
	signed_in = signed_in && !l->silent; /* it was to be a new session, or none */
	switch (result) {
	case AUTHREQ_OK:
		if (str_is(l->flow.provider,
			str_of(request_snap(r)->conf->providers[r->match.callback_of].name)))
			return with_state(r, &a);
		return request_refuse(r, REASON_LOGIN_STATE,
		    "a state of provider %.*s at another one's callback", STR_ARG(l->flow.provider));
	case AUTHREQ_UNKNOWN:
		l->flow.attempt = l->binding.failed > 0;
		if (signed_in)
			return to_page(r, STR(""));
		l->binding.failed++;
		return begin_again(r, 1, REASON_LOGIN_STATE, "the state is not one of ours");
	case AUTHREQ_STALE:
		if (signed_in)
			return to_page(r, l->flow.target);
		return begin_again(r, 1, REASON_LOGIN_STATE, "the sign-in was begun too long ago");
	case AUTHREQ_FOREIGN:
		if (signed_in)
			return to_page(r, l->flow.target);
		if (l->binding.fresh)
			return begin_again(
			    r, 1, REASON_LOGIN_NO_COOKIE, "the sign-in cookie did not come back");
		return begin_again(
		    r, FOREIGN_ATTEMPTS, REASON_LOGIN_STATE, "another browser began this sign-in");
	}
	return request_refuse(r, REASON_LOGIN_STATE, "no such state");
}

/* The state is ours and this browser's: what does the provider say? */
static enum step
with_state(struct request *r, const struct response *a)
{
	struct login *l = r->login;
	struct snapshot *s = request_snap(r);
	struct err e;
	int used;

	if (!login_take_view(r, &e)) {
		r->reply.retry_after = 10;
		return request_fail(r, &e);
	}
	if (!login_right_issuer(r, a, &e))
		return request_fail(r, &e);
	if (a->error.n > 0) {
		l->detail = a->error_description.n == 0
				? a->error
				: str_of(mem_printf(r->mem, "%.*s: %.*s", STR_ARG(a->error),
				      STR_ARG(a->error_description)));
		return request_refuse(
		    r, REASON_LOGIN_REFUSED, "the provider answered %.*s", STR_ARG(l->detail));
	}
	if (a->code.n == 0)
		return request_refuse(
		    r, REASON_LOGIN_BAD_REQUEST, "a response without code and without error");
	used =
	    revoked_add(r->worker->shared->flows, (struct str){ (char *)l->flow.flow, sizeof(l->flow.flow) },
		l->flow.issued + AUTHREQ_LIFE + 1, r->now_ms / 1000);
	/* A few strangers can fill the table; to refuse everybody for that would be their success. */
	if (used == -1)
		log_request(LOG_LEVEL_WARN, r->id, REASON_OVERLOADED,
		    "the table of redeemed sign-ins is full: that a code is used once is left to the "
		    "provider");
	if (used == 1 && r->session != NULL)
		return to_page(r, l->flow.target);
	if (used == 1)
		return begin_again(r, 1, REASON_LOGIN_STATE, "this sign-in was redeemed already");
	l->code = (struct oidc_code){
		.token_endpoint = l->view->meta.token_endpoint,
		.code = a->code,
		.redirect_uri = snapshot_redirect_uri(s, r->match.origin, l->provider),
	};
	if (s->conf->providers[l->provider].pkce)
		l->code.code_verifier = authreq_verifier(&s->keys, &l->flow, l->binding.id, r->mem);
	return STEP_ASK_TOKENS;
}

/* Redeem the code. */
enum step
login_ask_tokens(struct request *r)
{
	struct login *l = r->login;
	const struct assertion about = {
		.token_endpoint = l->view->meta.token_endpoint,
		.issuer = l->view->meta.issuer,
		.now = clock_seconds(),
	};
	struct err e;

	if (assertion_print(
		&request_snap(r)->conf->providers[l->provider], &about, r->mem, &l->code.assertion, &e) == -1)
		return request_fail(r, &e);
	metric_add(&r->worker->metrics.provider_requests, 1);
	r->oidc =
	    oidc_ask_tokens(request_snap(r)->oidc[l->provider], r->worker->fetch, &l->code, request_wake, r);
	return request_wait(r, STEP_TAKE_TOKENS);
}

enum step
login_take_tokens(struct request *r)
{
	struct login *l = r->login;
	struct err e;

	if (oidc_take_tokens(&r->oidc, r->mem, &l->tokens, &e) == -1) {
		metric_add(&r->worker->metrics.provider_errors, 1);
		return request_fail(r, &e);
	}
	if (request_snap(r)->conf->providers[l->provider].userinfo && l->tokens.access_token.n > 0 &&
	    l->view->meta.userinfo_endpoint != NULL)
		return STEP_ASK_USERINFO;
	return STEP_VERIFY;
}

enum step
login_ask_userinfo(struct request *r)
{
	struct login *l = r->login;

	metric_add(&r->worker->metrics.provider_requests, 1);
	r->oidc = oidc_ask_userinfo(request_snap(r)->oidc[l->provider], r->worker->fetch,
	    l->view->meta.userinfo_endpoint, l->tokens.access_token, request_wake, r);
	return request_wait(r, STEP_TAKE_USERINFO);
}

enum step
login_take_userinfo(struct request *r)
{
	struct err e;

	if (oidc_take_userinfo(&r->oidc, r->mem, &r->login->userinfo, &e) == -1) {
		metric_add(&r->worker->metrics.provider_errors, 1);
		return request_fail(r, &e);
	}
	return STEP_VERIFY;
}

/* The ID token, against the keys we hold. */
enum step
login_verify(struct request *r)
{
	struct err e;

	switch (verify(r, &e)) {
	case IDTOKEN_OK:
		return STEP_BEGIN_SESSION;
	case IDTOKEN_NEED_KEYS:
		return STEP_ASK_KEYS;
	case IDTOKEN_BAD:
		break;
	}
	return request_fail(r, &e);
}

static enum idtoken_result
verify(struct request *r, struct err *e)
{
	struct login *l = r->login;
	const struct snapshot *s = request_snap(r);
	const struct conf_provider *p = &s->conf->providers[l->provider];
	struct conf_strings claims = login_username_claims(r->mem, p);
	struct idtoken_check check = {
		.issuer = l->view->meta.issuer,
		.tenants = &p->tenants,
		.kind = p->kind,
		.client_id = p->client_id,
		.nonce = authreq_nonce(&s->keys, &l->flow, l->binding.id, r->mem),
		.algs = &p->id_token_signed_response_alg,
		.keys = l->view->keys,
		.jwks_uri = l->view->meta.jwks_uri,
		.username_claim = &claims,
		.access_token = l->tokens.access_token,
		.userinfo = l->userinfo,
		.acr_values = &p->acr_values,
		.max_age = p->max_age,
		.tolerance = p->clock_tolerance / 1000,
		.now = clock_seconds(),
		.mem = r->mem,
	};
	const enum idtoken_result result = idtoken_verify(&check, l->tokens.id_token, &l->who, e);

	if (result == IDTOKEN_BAD && e->reason == REASON_LOGIN_NO_USERNAME)
		l->detail = str_of(claims.v[0]);
	return result;
}

/* It names a key that we do not hold: has the provider newer ones? */
enum step
login_ask_keys(struct request *r)
{
	r->oidc = oidc_ask_keys(request_snap(r)->oidc[r->login->provider], r->worker->post, request_wake, r);
	return request_wait(r, STEP_TAKE_KEYS);
}

enum step
login_take_keys(struct request *r)
{
	struct err e;

	if (oidc_take_keys(&r->oidc, &e) == -1)
		return request_refuse(
		    r, REASON_TOKEN_KEY, "the ID token names a key that is not in the set: %s", e.text);
	if (!login_take_view(r, &e))
		return request_fail(r, &e);
	return STEP_VERIFY_AGAIN;
}

/* Against all that the provider has: a key that is not among them is nobody's. */
enum step
login_verify_again(struct request *r)
{
	struct err e;

	switch (verify(r, &e)) {
	case IDTOKEN_OK:
		return STEP_BEGIN_SESSION;
	case IDTOKEN_NEED_KEYS:
		return request_refuse(r, REASON_TOKEN_KEY, "%s", e.text);
	case IDTOKEN_BAD:
		break;
	}
	return request_fail(r, &e);
}

/* Proven: a session begins. */
enum step
login_begin_session(struct request *r)
{
	struct login *l = r->login;
	struct snapshot *s = request_snap(r);
	struct tokens keep = {
		.id_token = l->tokens.id_token,
		.access_token = l->tokens.access_token,
		.refresh_token = l->tokens.refresh_token,
		.access_expires = l->tokens.expires_in > 0 ? clock_seconds() + l->tokens.expires_in : 0,
	};
	const struct session_proof proof = {
		.who = l->who, .access_expires = keep.access_expires, .renewable = keep.refresh_token.n > 0
	};
	const struct session *session;
	struct visit v;
	struct str token;
	struct err e;

	if (l->silent && !frontend_same_user(r, l->provider, l->who))
		return request_refuse(r, REASON_LOGIN_OTHER_USER,
		    "a silent sign-in of somebody else than whose session it was to renew");
	request_visit(r, &v, l->provider);
	/* It began when the browser came back: what ends sessions while the provider is asked ends this one.
	 */
	if (session_begin(s->sessions, v.scope, &proof, r->now_ms, r->mem, &session, &token, &e) == -1)
		return request_fail(r, &e);
	l->cookies = session_cookie_set(
	    &s->conf->session, r->match.origin, mem_text(r->mem, v.scope->cookie), token, &v, r->mem);
	if (!fits(r, session, &v.room))
		return STEP_REFUSE;
	r->session = session;
	session_remember(s->sessions, &v, token, session);
	keep.session = token;
	keep.session_ends = session->end;
	switch (store_ask_put(s->store, &v, session->sid, &keep, request_wake, r, &r->store, &e)) {
	case STORE_READY:
		return STEP_TAKE_STORED;
	case STORE_WAIT:
		return request_wait(r, STEP_TAKE_STORED);
	case STORE_FAILED:
		break;
	}
	r->session = NULL; /* it never came to be */
	return request_fail(r, &e);
}

/*
 * The browser sends its cookies with every request, beside all else that it has
 * for this host: beyond half of header_size it would soon be shut out.  What is
 * left is for tokens.
 */
static bool
fits(struct request *r, const struct session *session, size_t *room)
{
	size_t half = request_snap(r)->conf->limits.header_size / 2, bytes;
	size_t size = login_size_of(r->login->cookies), others = login_held_of_others(r);
	const char *largest = session_largest_claim(session, &bytes);

	if (r->login->cookies == NULL || size > half) {
		r->login->detail = str_of(largest);
		(void)request_refuse(r, REASON_LOGIN_CLAIM,
		    "%.*s's session would take %zu bytes of cookies, %zu may be; the largest claim is %s, "
		    "with %zu bytes",
		    STR_ARG(session->username), size, half, largest, bytes);
		return false;
	}
	if (size > COOKIES_MANY)
		log_request(LOG_LEVEL_WARN, r->id, REASON_NONE,
		    "%.*s's session takes %zu bytes of cookies; the largest claim is %s, with %zu bytes",
		    STR_ARG(session->username), size, largest, bytes);
	*room = size + others < half ? half - size - others : 1;
	return true;
}

/* Its tokens are kept; back to the page that was asked for. */
enum step
login_take_stored(struct request *r)
{
	struct login *l = r->login;
	const char **cookies;
	struct visit v;
	struct err e;
	size_t size;

	if (store_take_put(&r->store, r->mem, &cookies, &e) == -1) {
		r->session = NULL;
		return request_fail(r, &e);
	}
	reply_cookies(r, l->cookies);
	size = login_size_of(l->cookies) + login_size_of(cookies) + login_held_of_others(r);
	/* The browser sends them all with every request: without tokens it can work, beyond header_size it
	 * cannot. */
	if (size <= request_snap(r)->conf->limits.header_size / 2)
		reply_cookies(r, cookies);
	else
		log_request(LOG_LEVEL_WARN, r->id, REASON_NONE,
		    "%.*s's sessions and tokens take %zu bytes of cookies: the tokens are not kept",
		    STR_ARG(r->session->username), size);
	request_visit(r, &v, l->provider);
	login_replace(r, &v, r->session);
	frontend_keep_state(r, l->session_state);
	login_count(r);
	login_set_binding(r);
	metric_add(&r->worker->metrics.sign_ins_done, 1);
	log_request(LOG_LEVEL_INFO, r->id, REASON_NONE, "%.*s signed in at %s", STR_ARG(r->session->username),
	    request_snap(r)->conf->providers[l->provider].name);
	request_note_overage(r, r->session);
	return to_page(r, l->flow.target);
}

/* --- what the steps share --- */

/* Silently, a few times at `most`; then a page says why. */
static enum step
begin_again(struct request *r, unsigned most, enum reason why, const char *text)
{
	struct login *l = r->login;
	struct str target = l->flow.target;

	if (l->silent)
		return request_refuse(r, why, "%s: a silent sign-in, which is not begun again", text);
	if (l->flow.attempt >= most) {
		login_set_binding(r);
		return request_refuse(r, why, "%s, and it was begun again before", text);
	}
	l->flow.attempt++;
	l->flow.target = target.n > 0 && url_is_local_path(target)
			     ? target
			     : str_of(mem_printf(r->mem, "%s/", r->match.origin->path));
	log_request(LOG_LEVEL_INFO, r->id, why, "%s: beginning the sign-in again", text);
	return STEP_SET_OUT;
}

static enum step
to_page(struct request *r, struct str target)
{
	struct str home = str_of(mem_printf(r->mem, "%s/", r->match.origin->path));
	const char *url = mem_text(r->mem, target.n > 0 && url_is_local_path(target) ? target : home);

	/*
	 * A redirect still belongs to the provider's site, so a SameSite=Strict cookie
	 * would not come along; where a page of ours leads, it does.
	 */
	if (request_snap(r)->conf->session.same_site == SAME_SITE_STRICT && !r->login->silent)
		reply_set(r, 200, "text/html; charset=utf-8", page_onward(r->id, url, r->mem));
	else
		reply_redirect(r, 302, url);
	return STEP_REPLY;
}
