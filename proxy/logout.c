/*
 * proxy/logout.c - the road of a sign-out (proxy/request.h)
 *
 * The session ends here first, whatever the provider says; then the browser
 * is sent to the provider's end_session_endpoint (OpenID Connect RP-Initiated
 * Logout 1.0), which sends it back to logout/return.
 */
#include <string.h>

#include "conf/log.h"
#include "conf/url.h"
#include "proxy/binding.h"
#include "proxy/client.h"
#include "proxy/pages.h"
#include "proxy/request.h"
#include "proxy/revoke.h"

static enum step ask(struct request *);
static enum step end_session(struct request *);
static enum step forget(struct request *);
static const char *provider_logout(struct request *);
static struct str wanted(struct request *);

/* End the session, unless another site made the browser ask. */
enum step
logout_begin(struct request *r)
{
	struct snapshot *s = request_snap(r);
	struct visit v;
	struct err e;

	if (request_from_other_site(r))
		return ask(r);
	request_visit(r, &v, 0);
	r->found = session_find(s->sessions, &v, &r->session);
	if (r->session == NULL)
		return end_session(r);
	switch (store_ask_get(s->store, &v, r->session->sid, request_wake, r, &r->store, &e)) {
	case STORE_READY:
		return STEP_TAKE_STORED_ID;
	case STORE_WAIT:
		return request_wait(r, STEP_TAKE_STORED_ID);
	case STORE_FAILED:
		break;
	}
	return request_fail(r, &e);
}

static enum step
ask(struct request *r)
{
	const char *action = request_own_path(r, "logout").p;
	struct str rd = wanted(r);

	if (rd.n > 0)
		action = url_add_param(r->mem, action, "rd", rd);
	r->reply.csp = page_csp_ask;
	reply_set(r, 200, "text/html; charset=utf-8",
	    page_ask_logout(r->id, action, mem_printf(r->mem, "%s/", r->match.origin->path), r->mem));
	return STEP_REPLY;
}

/* Its ID token is the hint by which the provider knows which session is meant. */
enum step
logout_take_id(struct request *r)
{
	struct tokens *t = mem_zalloc(r->mem, sizeof(*t));
	struct err e;

	if (store_take_get(&r->store, r->mem, t, &e) == -1)
		return request_fail(r, &e);
	r->id_token_hint = t->id_token;
	return end_session(r);
}

/* Refused from now on, wherever its cookie is still held; and the browser's copies deleted. */
static enum step
end_session(struct request *r)
{
	struct snapshot *s = request_snap(r);
	const struct conf_session *c = &s->conf->session;
	struct revocation x = { .kind = REVOKE_SID, .provider = STR(""), .before_ms = REVOKE_ALWAYS };
	struct visit v;

	request_visit(r, &v, 0);
	reply_cookies(
	    r, session_cookie_clear(c, r->match.origin, mem_text(r->mem, v.scope->cookie), &v, r->mem));
	reply_field(r, "Set-Cookie",
	    str_of(binding_clear_cookie(
		c, r->match.origin, snapshot_binding_cookie(s, r->match.origin), r->mem)));
	if (r->session == NULL)
		return forget(r);
	x.text = r->session->sid;
	x.until = revoke_until(c, r->now_ms / 1000);
	r->revoke = revoke_ask(r->worker, &x, 1, request_wake, r);
	return request_wait(r, STEP_TAKE_REVOKED);
}

/* When that cannot be kept, all else is still done before it is said. */
enum step
logout_take_revoked(struct request *r)
{
	struct err e;

	if (revoke_take(&r->revoke, &e) == -1)
		r->err = e;
	return forget(r);
}

/* Its tokens, wherever they are. */
static enum step
forget(struct request *r)
{
	struct snapshot *s = request_snap(r);
	struct str sid = r->session == NULL ? STR("") : r->session->sid;
	struct visit v;
	struct err e;

	request_visit(r, &v, 0);
	switch (store_ask_drop(s->store, &v, sid, request_wake, r, &r->store, &e)) {
	case STORE_READY:
		return STEP_TAKE_DROPPED;
	case STORE_WAIT:
		return request_wait(r, STEP_TAKE_DROPPED);
	case STORE_FAILED:
		break;
	}
	return request_fail(r, &e);
}

enum step
logout_take_dropped(struct request *r)
{
	const char **cookies;
	struct err e;

	if (store_take_drop(&r->store, r->mem, &cookies, &e) == -1)
		return request_fail(r, &e);
	reply_cookies(r, cookies);
	return r->err.reason == REASON_NONE ? STEP_SIGNED_OUT : STEP_REFUSE;
}

/* To the provider's logout where it has one, else to the page that was asked for, or ours. */
enum step
logout_done(struct request *r)
{
	const char *to = r->session == NULL ? NULL : provider_logout(r);
	struct str rd = wanted(r);

	if (to == NULL && rd.n > 0)
		to = mem_text(r->mem, rd);
	if (to == NULL)
		to = mem_printf(r->mem, "%s?local=1", request_own_path(r, "logout/return").p);
	reply_redirect(r, 302, to);
	if (r->session != NULL) {
		r->err.reason = REASON_SIGNED_OUT;
		metric_add(&r->worker->metrics.sign_outs, 1);
		metric_add(&r->worker->metrics.logouts[LOGOUT_USER], 1);
		log_request(LOG_LEVEL_INFO, r->id, REASON_SIGNED_OUT, "%.*s signed out",
		    STR_ARG(r->session->username));
	}
	return STEP_REPLY;
}

static const char *
provider_logout(struct request *r)
{
	struct snapshot *s = request_snap(r);
	const struct oidc_view *view;
	struct str rd = wanted(r);
	struct err e;
	char *url = NULL;

	view = oidc_view(s->oidc[0], clock_seconds(), &e);
	if (view == NULL)
		return NULL; /* down: the session here has ended all the same */
	if (view->meta.end_session_endpoint != NULL) {
		url = mem_strdup(r->mem, view->meta.end_session_endpoint);
		if (r->id_token_hint.n > 0)
			url = url_add_param(r->mem, url, "id_token_hint", r->id_token_hint);
		url = url_add_param(r->mem, url, "client_id", str_of(s->conf->providers[0].client_id));
		url = url_add_param(r->mem, url, "post_logout_redirect_uri",
		    str_of(mem_printf(
			r->mem, "%s%s", r->match.origin->origin, request_own_path(r, "logout/return").p)));
		if (rd.n > 0)
			url = url_add_param(r->mem, url, "state", rd);
	}
	oidc_view_release(&view);
	return url;
}

static struct str
wanted(struct request *r)
{
	struct str rd;

	if (url_param(r->mem, r->in.query, "rd", &rd) != 0 || !url_is_local_path(rd))
		return STR("");
	return rd;
}
