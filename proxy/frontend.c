/* proxy/frontend.c - see proxy/frontend.h */
#include <string.h>

#include "conf/url.h"
#include "proxy/frontend.h"
#include "session/cookie.h"

#define SID_TEXT 22

static const char *state_cookie(struct request *, const char *, const char *);
static struct str kept_state(struct request *);
static const struct oidc_view *view_of_session(struct request *);
static struct str origin_of(const char *);

/* proxy/session.js, as it stands there, and how long it is. */
__asm__(".section .rodata\n"
	".global frontend_js\n"
	".global frontend_js_size\n"
	"frontend_js:\n"
	".incbin \"proxy/session.js\"\n"
	".set frontend_js_bytes, . - frontend_js\n"
	".balign 8\n"
	"frontend_js_size: .quad frontend_js_bytes\n"
	".previous\n");
extern const char frontend_js[];
extern const uint64_t frontend_js_size;

static const char frame[] = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			    "<title>Session</title>\n</head>\n<body>\n"
			    "<script src=\"../session.js\" data-role=\"frame\"></script>\n</body>\n</html>\n";

/* --- the endpoints ------------------------------------------------------------ */

enum step
frontend_script(struct request *r)
{
	reply_set(r, 200, "text/javascript; charset=utf-8", (struct str){ frontend_js, frontend_js_size });
	return STEP_REPLY;
}

/* The one page of ours that a page of the same site may frame; in it, the provider's own. */
enum step
frontend_frame(struct request *r)
{
	const struct oidc_view *view;
	struct str origin = STR("'none'");

	request_find_session(r, NULL, request_snap(r)->conf->n_providers);
	if (r->found != SESSION_FOUND)
		r->session = NULL;
	view = r->session == NULL ? NULL : view_of_session(r);
	if (view != NULL && view->meta.check_session_iframe != NULL)
		origin = origin_of(view->meta.check_session_iframe);
	r->reply.csp = mem_printf(r->mem,
	    "default-src 'none'; script-src 'self'; connect-src 'self'; frame-src %.*s; "
	    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
	    STR_ARG(origin));
	reply_set(r, 200, "text/html; charset=utf-8", (struct str){ frame, sizeof(frame) - 1 });
	return STEP_REPLY;
}

/* "https://login.example.com" of an endpoint, which was judged when it was read. */
static struct str
origin_of(const char *url)
{
	const char *host = strstr(url, "://");

	return host == NULL ? STR("'none'")
			    : (struct str){ url, (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") };
}

void
frontend_describe(struct request *r, json_t *o)
{
	const struct snapshot *s = request_snap(r);
	const struct oidc_view *view;
	struct str state;

	(void)json_object_set_new(o, "provider", json_string(s->conf->providers[r->provider].name));
	/* With a timeout of their own sessions end when they end. */
	if (r->session->refresh_at != 0 && s->conf->session.idle_timeout == 0 &&
	    s->conf->session.timeout == 0)
		(void)json_object_set_new(o, "renews_in",
		    json_integer(r->session->refresh_at > r->now_ms / 1000
				     ? r->session->refresh_at - r->now_ms / 1000
				     : 0));
	if (s->conf->session.iframe_refresh)
		(void)json_object_set_new(o, "renewal", json_string("iframe"));
	state = kept_state(r);
	view = state.n == 0 ? NULL : view_of_session(r);
	if (view == NULL || view->meta.check_session_iframe == NULL)
		return;
	(void)json_object_set_new(o, "check_session",
	    json_pack("{s:s, s:s, s:s%}", "iframe", view->meta.check_session_iframe, "client_id",
		s->conf->providers[r->provider].client_id, "session_state", state.p, state.n));
}

/* The session's provider as it is known now; NULL: it is not. */
static const struct oidc_view *
view_of_session(struct request *r)
{
	struct err ignored;

	return request_provider_view(r, r->provider, &ignored);
}

/* --- session_state ------------------------------------------------------------ */

bool
frontend_is_state(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\",;\\", s.p[i]) != NULL)
			return false;
	return s.n > 0 && s.n <= FRONTEND_STATE_MAX;
}

void
frontend_keep_state(struct request *r, struct str session_state)
{
	if (!frontend_is_state(session_state) || r->session->sid.n != SID_TEXT)
		return;
	reply_field(r, "Set-Cookie",
	    str_of(state_cookie(
		r, mem_printf(r->mem, "%.*s.%.*s", STR_ARG(r->session->sid), STR_ARG(session_state)), "")));
}

void
frontend_forget_state(struct request *r)
{
	struct str ignored;
	struct visit v;
	const char *name =
	    session_cookie_name(&request_snap(r)->conf->session, r->match.origin, NULL, ".state", r->mem);

	request_visit(r, &v, 0);
	if (cookie_find(v.cookies, v.n_cookies, str_of(name), &ignored, 1) > 0)
		reply_field(r, "Set-Cookie",
		    str_of(state_cookie(r, "", "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")));
}

static const char *
state_cookie(struct request *r, const char *value, const char *more)
{
	const struct conf_session *c = &request_snap(r)->conf->session;
	const struct conf_origin *o = r->match.origin;

	return mem_printf(r->mem, "%s=%s; Path=%s%s; HttpOnly; SameSite=Lax%s",
	    session_cookie_name(c, o, NULL, ".state", r->mem), value,
	    c->path != NULL      ? c->path
	    : o->path[0] != '\0' ? o->path
				 : "/",
	    o->https ? "; Secure" : "", more);
}

/* Of the session in r->session; "" when there is none. */
static struct str
kept_state(struct request *r)
{
	const char *name =
	    session_cookie_name(&request_snap(r)->conf->session, r->match.origin, NULL, ".state", r->mem);
	struct str values[COOKIE_SAME_MAX], sid = r->session->sid;
	struct visit v;
	size_t i, n;

	request_visit(r, &v, 0);
	n = cookie_find(v.cookies, v.n_cookies, str_of(name), values, COOKIE_SAME_MAX);
	for (i = 0; i < n && i < COOKIE_SAME_MAX; i++) {
		struct str state = values[i];

		if (sid.n != SID_TEXT || !str_begins(state, sid) || state.n < SID_TEXT + 2 ||
		    state.p[SID_TEXT] != '.')
			continue;
		state = str_from(state, SID_TEXT + 1);
		if (frontend_is_state(state))
			return state;
	}
	return STR("");
}

/* --- silent sign-ins ---------------------------------------------------------- */

const char *
frontend_frame_path(const struct request *r, const char *failed)
{
	return mem_printf(r->mem, "%s?%s%s", request_own_path(r, "session/frame").p,
	    failed == NULL ? "done" : "failed=", failed == NULL ? "" : failed);
}

bool
frontend_is_silent(const struct request *r, struct str target)
{
	return str_is(target, str_of(frontend_frame_path(r, NULL)));
}

bool
frontend_same_user(struct request *r, size_t provider, const struct identity *who)
{
	const struct session *before;
	struct visit v;

	request_visit(r, &v, provider);
	switch (session_find(request_snap(r)->sessions, &v, &before)) {
	case SESSION_FOUND:
	case SESSION_EXPIRED:
		return str_is(before->sub, identity_subject(who)) &&
		       str_is(before->idp, str_of(v.scope->provider->name));
	case SESSION_NONE:
	case SESSION_INVALID:
	case SESSION_DUPLICATE:
	case SESSION_REVOKED:
	case SESSION_STALE:
		break;
	}
	return false;
}
