/*
 * proxy/endpoint.c - what lives below auth_path (proxy/request.h)
 *
 * One row per endpoint.  Everything at or below auth_path is ours: what has no
 * row is 404, never relayed.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conf/url.h"
#include "proxy/bodyread.h"
#include "proxy/client.h"
#include "proxy/frontend.h"
#include "proxy/login.h"
#include "proxy/mobile.h"
#include "proxy/pages_own.h"
#include "proxy/refresh.h"
#include "proxy/request.h"

static step_fn to_callback, to_login, to_logout, logged_out, show_session;
static void find(struct request *, const size_t *providers, size_t n);
static json_t *visible_claims(const struct request *);
static void free_text(void *);

static const struct {
	const char *name;
	step_fn *run;
	bool get, post; /* GET means HEAD, too */
} endpoints[] = {
	{ "login", to_login, true, false },
	{ "logout", to_logout, true, true },
	{ "logout/backchannel", backchannel_begin, false, true },
	{ "logout/frontchannel", frontchannel_begin, true, false },
	{ "logout/return", logged_out, true, false },
	{ "session", show_session, true, false },
	{ "resume", keep_resume, true, false },
	{ "session.js", frontend_script, true, false },
	{ "session/frame", frontend_frame, true, false },
	{ "token", mobile_begin, false, true },
	{ "verify", verify_begin, true, false },
};

enum step
endpoint_find(struct request *r)
{
	enum http1_method m = r->in.method_id;
	bool get = m == METHOD_GET || m == METHOD_HEAD;
	size_t i;

	if (r->match.is_callback)
		return to_callback(r);
	for (i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		if (!str_is(r->match.endpoint, str_of(endpoints[i].name)))
			continue;
		if ((get && endpoints[i].get) || (m == METHOD_POST && endpoints[i].post))
			return endpoints[i].run(r);
		reply_field(r, "Allow",
		    !endpoints[i].get   ? STR("POST")
		    : endpoints[i].post ? STR("GET, HEAD, POST")
					: STR("GET, HEAD"));
		return request_refuse(
		    r, REASON_METHOD_NOT_ALLOWED, "%.*s at %s", STR_ARG(r->in.method), endpoints[i].name);
	}
	return request_refuse(
	    r, REASON_NO_ENDPOINT, "nothing of ours is called %.*s", STR_ARG(r->match.endpoint));
}

/* Another site's POST, and its cookies with it, only where the provider is to answer by one. */
static enum step
to_callback(struct request *r)
{
	bool form_post = request_snap(r)->conf->providers[r->match.callback_of].form_post;

	if (r->in.method_id == METHOD_GET)
		return STEP_CALLBACK;
	if (r->in.method_id == METHOD_POST && form_post)
		return bodyread_form(r, STEP_CALLBACK);
	reply_field(r, "Allow", form_post ? STR("GET, POST") : STR("GET"));
	return request_refuse(r, REASON_METHOD_NOT_ALLOWED, "%.*s at the callback", STR_ARG(r->in.method));
}

static enum step
to_login(struct request *r)
{
	(void)r;
	return STEP_LOGIN;
}

static enum step
to_logout(struct request *r)
{
	(void)r;
	return STEP_LOGOUT;
}

/* Back from the provider's logout, or straight from ours. */
static enum step
logged_out(struct request *r)
{
	const char *home = mem_printf(r->mem, "%s/", r->match.origin->path);
	struct str state, local;
	struct pages_own page;

	if (url_param(r->mem, r->in.query, "state", &state) == 0 && url_is_local_path(state)) {
		reply_redirect(r, 302, mem_text(r->mem, state));
		return STEP_REPLY;
	}
	request_find_session(r, NULL, request_snap(r)->conf->n_providers);
	if (r->found == SESSION_FOUND) { /* not true: nobody signed out, or somebody is in again */
		reply_redirect(r, 302, home);
		return STEP_REPLY;
	}
	r->session = NULL;
	page = pages_own_signed_out(&request_snap(r)->conf->templates, r->id, home,
	    url_param(r->mem, r->in.query, "local", &local) != 0, r->mem);
	reply_page(r, 200, &page);
	return STEP_REPLY;
}

/* Whose session is it: that of a bearer of ours, else of a cookie? */
static void
find(struct request *r, const size_t *providers, size_t n)
{
	if (mobile_is_sent(r))
		mobile_find(r, providers, n);
	else
		request_find_session(r, providers, n);
}

/* Who am I, for front ends; at the provider that is named, else at the first that knows. */
static enum step
show_session(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	size_t provider;

	switch (login_named(r, &provider)) {
	case -1:
		return STEP_REFUSE;
	case 0:
		find(r, &provider, 1);
		break;
	default:
		find(r, NULL, c->n_providers);
	}
	/* To ask is not to use it: with idle_timeout a page that is left open must not keep it alive. */
	return c->session.idle_timeout == 0 && refresh_is_due(r) ? STEP_REFRESH : STEP_SHOW_SESSION;
}

enum step
endpoint_show_session(struct request *r)
{
	json_t *o;
	char *text;

	if (r->found == SESSION_STALE)
		return request_refuse_stale(r);
	o = json_object();
	if (r->found == SESSION_FOUND) {
		(void)json_object_set_new(o, "authenticated", json_true());
		(void)json_object_set_new(
		    o, "username", json_stringn(r->session->username.p, r->session->username.n));
		(void)json_object_set_new(o, "expires_in", json_integer(r->session->exp - r->now_ms / 1000));
		(void)json_object_set_new(o, "claims", visible_claims(r));
		frontend_describe(r, o);
	} else {
		r->session = NULL;
		r->err.reason = REASON_NO_SESSION;
		(void)json_object_set_new(o, "authenticated", json_false());
		(void)json_object_set_new(o, "error", json_string(reason_word(REASON_NO_SESSION)));
		(void)json_object_set_new(
		    o, "error_description", json_string(reason_meaning(REASON_NO_SESSION)));
		(void)json_object_set_new(o, "request_id", json_string(r->id));
	}
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL)
		return request_refuse(r, REASON_SYSTEM, "the session cannot be shown");
	mem_on_free(r->mem, free_text, text);
	reply_set(r, r->found == SESSION_FOUND ? 200 : 401, "application/json", str_of(text));
	return STEP_REPLY;
}

/* What some route forwards as a header, and nothing else. */
static json_t *
visible_claims(const struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	json_t *o = json_object();
	size_t i, k, n;

	for (i = 0; i < c->n_routes; i++) {
		for (k = 0; k < c->routes[i].n_claim_headers; k++) {
			const char *name = c->routes[i].claim_headers[k].claim;
			const struct session_claim *claim = session_claim(r->session, name);
			json_t *v;

			if (claim == NULL || json_object_get(o, name) != NULL)
				continue;
			if (claim->n_elements == 1) {
				v = json_stringn(claim->elements[0].p, claim->elements[0].n);
			} else {
				v = json_array();
				for (n = 0; n < claim->n_elements; n++)
					(void)json_array_append_new(
					    v, json_stringn(claim->elements[n].p, claim->elements[n].n));
			}
			(void)json_object_set_new(o, name, v);
		}
	}
	return o;
}

static void
free_text(void *arg)
{
	free(arg);
}
