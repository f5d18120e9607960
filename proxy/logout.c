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
#include "proxy/frontend.h"
#include "proxy/giveback.h"
#include "proxy/grants.h"
#include "proxy/mobile.h"
#include "proxy/pages_own.h"
#include "proxy/refresh_table.h"
#include "proxy/request.h"
#include "proxy/revoke.h"

/* One session of the browser. */
struct leaving {
	size_t provider;               /* index */
	const struct session *session; /* NULL: it has none of this provider */
	struct tokens tokens;
};

/* In the order of the providers, each of them at least once; each is gone through in turn. */
struct logout {
	struct leaving *v;
	size_t n, at;
	size_t told;        /* whose provider hears of it */
	int64_t give_until; /* timers_now()'s clock */
};

static enum step ask(struct request *);
static void find_sessions(struct request *);
static void find_held(struct request *, size_t n_providers);
static enum step end_sessions(struct request *);
static void clear_cookies(struct request *);
static enum step ask_stored(struct request *);
static void take_newer(struct request *, struct leaving *);
static void failed(struct request *, const struct err *);
static enum step forget(struct request *);
static const char *provider_logout(struct request *);
static struct str wanted(struct request *);

/* End the browser's sessions, those of all providers, unless another site made it ask. */
enum step
logout_begin(struct request *r)
{
	if (request_from_other_site(r))
		return ask(r);
	find_sessions(r);
	return end_sessions(r);
}

static enum step
ask(struct request *r)
{
	const char *action = request_own_path(r, "logout").p;
	struct str rd = wanted(r);
	struct pages_own page;

	if (rd.n > 0)
		action = url_add_param(r->mem, action, "rd", rd);
	page = pages_own_ask_logout(&request_snap(r)->conf->templates, r->id, action,
	    mem_printf(r->mem, "%s/", r->match.origin->path), r->mem);
	reply_page(r, 200, &page);
	return STEP_REPLY;
}

/* And in r->session the one whose provider is told: the first that is in force. */
static void
find_sessions(struct request *r)
{
	struct logout *l = mem_zalloc(r->mem, sizeof(*l));
	size_t n = request_snap(r)->conf->n_providers;

	r->logout = l;
	if (mobile_is_sent(r)) { /* an app's; no cookie counts beside it */
		mobile_find(r, NULL, n);
		l->v = mem_zalloc(r->mem, n * sizeof(*l->v));
		for (l->n = 0; l->n < n; l->n++)
			l->v[l->n].provider = l->n;
		l->told = r->provider;
		l->v[l->told].session = r->session;
		return;
	}
	request_find_session(r, NULL, n);
	find_held(r, n);
	if (r->session == NULL && l->v[l->told].session != NULL) {
		r->session = l->v[l->told].session;
		r->provider = l->v[l->told].provider;
	}
}

/* Two sessions at one provider are none (SESSION_DUPLICATE), and both must end. */
static void
find_held(struct request *r, size_t n_providers)
{
	struct logout *l = r->logout;
	const struct session ***held = mem_alloc(r->mem, n_providers * sizeof(*held));
	size_t *n_held = mem_alloc(r->mem, n_providers * sizeof(*n_held)), most = 0, i, k;
	struct visit v;

	for (i = 0; i < n_providers; i++) {
		request_visit(r, &v, i);
		n_held[i] = session_find_all(request_snap(r)->sessions, &v, &held[i]);
		most += n_held[i] > 0 ? n_held[i] : 1;
	}
	l->v = mem_zalloc(r->mem, most * sizeof(*l->v));
	for (i = 0; i < n_providers; i++)
		for (k = 0; k == 0 || k < n_held[i]; k++) {
			struct leaving *one = &l->v[l->n++];

			one->provider = i;
			one->session = k < n_held[i] ? held[i][k] : NULL;
			if (one->session != NULL &&
			    (l->v[l->told].session == NULL || (i == r->provider && k == 0)))
				l->told = l->n - 1;
		}
}

/* Refused from now on, wherever their cookies are still held; and the browser's copies deleted. */
static enum step
end_sessions(struct request *r)
{
	struct logout *l = r->logout;
	struct revocation *v = mem_zalloc(r->mem, l->n * sizeof(*v));
	size_t i, n = 0;

	clear_cookies(r);
	for (i = 0; i < l->n; i++)
		if (l->v[i].session != NULL)
			v[n++] = (struct revocation){
				.kind = REVOKE_SID,
				.provider = STR(""),
				.before_ms = REVOKE_ALWAYS,
				.text = l->v[i].session->sid,
				.until = revoke_until(&request_snap(r)->conf->session, r->now_ms / 1000),
			};
	if (n == 0)
		return ask_stored(r);
	r->revoke = revoke_ask(r->worker, v, n, request_wake, r);
	return request_wait(r, STEP_TAKE_REVOKED);
}

static void
clear_cookies(struct request *r)
{
	struct snapshot *s = request_snap(r);
	const struct conf_session *c = &s->conf->session;
	struct visit v;

	for (size_t i = 0; i < s->conf->n_providers; i++) {
		request_visit(r, &v, i);
		reply_cookies(r,
		    session_cookie_clear(c, r->match.origin, mem_text(r->mem, v.scope->cookie), &v, r->mem));
	}
	reply_field(r, "Set-Cookie",
	    str_of(binding_clear_cookie(
		c, r->match.origin, snapshot_binding_cookie(s, r->match.origin), r->mem)));
	frontend_forget_state(r);
}

/* When that cannot be kept, all else is still done before it is said. */
enum step
logout_take_revoked(struct request *r)
{
	struct err e;

	if (revoke_take(&r->revoke, &e) == -1)
		r->err = e;
	return ask_stored(r);
}

/* The tokens that are kept for them, one session after the other. */
static enum step
ask_stored(struct request *r)
{
	struct logout *l = r->logout;
	struct visit v;
	struct err e;

	for (; l->at < l->n; l->at++) {
		if (l->v[l->at].session == NULL)
			continue;
		request_visit(r, &v, l->v[l->at].provider);
		switch (store_ask_get(
		    request_snap(r)->store, &v, l->v[l->at].session->sid, request_wake, r, &r->store, &e)) {
		case STORE_READY:
			return STEP_TAKE_STORED_ID;
		case STORE_WAIT:
			return request_wait(r, STEP_TAKE_STORED_ID);
		case STORE_FAILED:
			failed(r, &e);
		}
	}
	l->at = 0;
	return forget(r);
}

/* An ID token is the hint by which the provider knows which session is meant. */
enum step
logout_take_id(struct request *r)
{
	struct logout *l = r->logout;
	struct err e;

	if (store_take_get(&r->store, r->mem, &l->v[l->at].tokens, &e) == -1)
		failed(r, &e);
	take_newer(r, &l->v[l->at]);
	l->at++;
	return ask_stored(r);
}

/* Those that a renewal brought, of which this browser has not been told yet. */
static void
take_newer(struct request *r, struct leaving *one)
{
	const struct refresh_asker a = {
		.sid = one->session->sid, .turn = one->session->turn, .now_ms = clock_ms(), .in_passing = true
	};
	struct refresh_result result;

	if (refresh_table_look(r->worker->shared->refreshes, &a, r->mem, &result) &&
	    result.tokens.refresh_token.n > 0)
		one->tokens = result.tokens;
}

/* The first failure is the one that is told, at the end. */
static void
failed(struct request *r, const struct err *e)
{
	if (r->err.reason == REASON_NONE)
		r->err = *e;
}

/* Their tokens, wherever they are. */
static enum step
forget(struct request *r)
{
	struct logout *l = r->logout;
	struct visit v;
	struct err e;

	for (; l->at < l->n; l->at++) {
		request_visit(r, &v, l->v[l->at].provider);
		if (l->v[l->at].session != NULL)
			grants_drop(r->worker->shared->grants, l->v[l->at].session->sid);
		switch (store_ask_drop(request_snap(r)->store, &v,
		    l->v[l->at].session == NULL ? STR("") : l->v[l->at].session->sid, request_wake, r,
		    &r->store, &e)) {
		case STORE_READY:
			return STEP_TAKE_DROPPED;
		case STORE_WAIT:
			return request_wait(r, STEP_TAKE_DROPPED);
		case STORE_FAILED:
			failed(r, &e);
		}
	}
	l->at = 0;
	l->give_until = timers_now() + GIVEBACK_MS;
	return STEP_GIVE_BACK;
}

enum step
logout_take_dropped(struct request *r)
{
	const char **cookies;
	struct err e;

	if (store_take_drop(&r->store, r->mem, &cookies, &e) == -1)
		failed(r, &e);
	else
		reply_cookies(r, cookies);
	r->logout->at++;
	return forget(r);
}

/* What would renew the tokens is worth nothing from now on, where the provider lets us say so. */
enum step
logout_give_back(struct request *r)
{
	struct logout *l = r->logout;

	for (; l->at < l->n; l->at++) {
		const struct giveback g = { .worker = r->worker,
			.view = r->view,
			.provider = l->v[l->at].provider,
			.token = l->v[l->at].tokens.refresh_token,
			.timeout = l->give_until - timers_now(),
			.id = r->id,
			.mem = r->mem };

		if (g.token.n > 0 && g.timeout > 0)
			r->oidc = giveback_ask(&g, request_wake, r);
		if (r->oidc != NULL)
			return request_wait(r, STEP_TAKE_GIVEN_BACK);
	}
	return r->err.reason == REASON_NONE ? STEP_SIGNED_OUT : STEP_REFUSE;
}

/* Well or not: the user has left all the same. */
enum step
logout_take_given_back(struct request *r)
{
	giveback_take(&r->oidc, r->worker, r->id);
	r->logout->at++;
	return STEP_GIVE_BACK;
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
		for (size_t i = 0; i < r->logout->n; i++)
			if (r->logout->v[i].session != NULL)
				log_request(LOG_LEVEL_INFO, r->id, REASON_SIGNED_OUT, "%.*s signed out",
				    STR_ARG(r->logout->v[i].session->username));
	}
	return STEP_REPLY;
}

static const char *
provider_logout(struct request *r)
{
	struct snapshot *s = request_snap(r);
	const struct oidc_view *view;
	struct str rd = wanted(r), hint = r->logout->v[r->logout->told].tokens.id_token;
	struct err e;
	char *url = NULL;

	view = oidc_view(s->oidc[r->provider], clock_seconds(), &e);
	if (view == NULL)
		return NULL; /* down: the session here has ended all the same */
	if (view->meta.end_session_endpoint != NULL) {
		url = mem_strdup(r->mem, view->meta.end_session_endpoint);
		if (hint.n > 0)
			url = url_add_param(r->mem, url, "id_token_hint", hint);
		url = url_add_param(
		    r->mem, url, "client_id", str_of(s->conf->providers[r->provider].client_id));
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
