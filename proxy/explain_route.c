/* proxy/explain_route.c - may this token open that page, and which rule says so; see proxy/explain.h */
#include <string.h>

#include "proxy/access.h"
#include "proxy/explain.h"
#include "proxy/route.h"
#include "session/session.h"

static bool find(struct explained *, struct route_match *);
static int locate(struct explained *, struct route_match *, struct err *);
static bool is_named(struct explained *, const struct conf_route *);
static int enter(
    struct explained *, const struct identity *, const struct route_match *, struct str *, struct err *);
static void say_demands(struct explained *, const struct conf_route *, const struct bearer *);
static void say_verdict(
    struct explained *, const struct conf_route *, struct str username, const struct err *);
static const char *mend(enum reason);

/* May a session made of this ID token open it? */
void
explain_route_session(struct explained *x, const struct identity *who)
{
	struct str username = STR("");
	struct route_match match;
	struct err e;
	int r;

	if (x->route == NULL || !find(x, &match))
		return;
	if (match.route->auth == AUTH_BEARER) {
		finding_fail(&x->f, "route",
		    "%s: route \"%s\" takes bearers only (auth = \"bearer\"), no session cookie", x->route,
		    match.route->title);
		return;
	}
	r = enter(x, who, &match, &username, &e);
	say_verdict(x, match.route, username, r == -1 ? &e : NULL);
}

/* May whoever brings this? */
void
explain_route_bearer(struct explained *x, const struct bearer *b)
{
	const bool ours = b->who->sid.n > 0;
	struct bearer_verdict verdict;
	struct bearer_question q = { .conf = x->conf, .bearer = b, .mem = x->mem };
	struct access *access;
	struct route_match match;
	struct err e;
	int r = -1;

	if (x->route == NULL || !find(x, &match))
		return;
	if (match.route->auth == AUTH_SESSION && !ours) {
		finding_fail(&x->f, "route",
		    "%s: route \"%s\" takes sessions only (auth = \"session\"); set auth = \"any\", or let "
		    "an "
		    "app trade its token (POST token)",
		    x->route, match.route->title);
		return;
	}
	say_demands(x, match.route, b);
	access = access_new(x->conf, &e);
	q.access = access;
	q.route = match.route_index;
	if (access != NULL)
		r = bearer_allows(&q, &verdict, &e);
	say_verdict(x, match.route, r == 0 ? verdict.username : STR(""), r == -1 ? &e : NULL);
	access_free(&access);
}

static bool
find(struct explained *x, struct route_match *match)
{
	struct err e;

	if (locate(x, match, &e) == -1)
		finding_fail(&x->f, "route", "%s: %s (reason=%s)", x->route, e.text, reason_word(e.reason));
	else if (match->kind == ROUTE_OURS)
		finding_ok(&x->f, "route", "%s is one of the proxy's own addresses", x->route);
	else if (match->route->auth == AUTH_NONE)
		finding_ok(&x->f, "route", "%s: route \"%s\" is open to everybody (auth = \"none\")",
		    x->route, match->route->title);
	else
		return is_named(x, match->route);
	return false;
}

static int
locate(struct explained *x, struct route_match *out, struct err *e)
{
	const char *slash = strchr(x->route, '/');
	struct str host = str_of(x->conf->origins[0].host);
	struct routes *routes;
	int r;

	if (slash == NULL)
		return err_set(e, REASON_BAD_TARGET, "no path; write /path or host/path");
	if (slash != x->route)
		host = (struct str){ x->route, (size_t)(slash - x->route) };
	routes = routes_new(x->conf);
	r = route_find(routes, host, str_of(slash), x->mem, out, e);
	routes_free(&routes);
	return r;
}

static bool
is_named(struct explained *x, const struct conf_route *route)
{
	const char *names = "";

	for (size_t i = 0; i < route->n_providers; i++) {
		const struct conf_provider *p = &x->conf->providers[route->providers[i]];

		if (p == x->provider)
			return true;
		names = mem_printf(x->mem, "%s%s%s", names, i == 0 ? "" : ", ", p->name);
	}
	finding_fail(&x->f, "route",
	    "%s: route \"%s\" is for provider %s; the token is of %s; add it to route.provider, if its users "
	    "may come",
	    x->route, route->title, names, x->provider->name);
	return false;
}

/* The session is made as the sign-in makes it: the rules see what it keeps. */
static int
enter(struct explained *x, const struct identity *who, const struct route_match *match, struct str *username,
    struct err *e)
{
	const struct conf_strings needed = access_claims_needed(x->conf, x->mem);
	const struct session_scope scope = { match->origin, x->provider,
		str_of(session_cookie_name(&x->conf->session, match->origin, NULL, "", x->mem)) };
	struct sessions *sessions = sessions_new(&x->conf->session, &needed, e);
	struct access *access = sessions == NULL ? NULL : access_new(x->conf, e);
	const struct session_proof proof = { .who = who };
	const struct session *s;
	struct str token;
	int r = -1;

	if (access != NULL &&
	    session_begin(sessions, &scope, &proof, x->now * 1000, x->mem, &s, &token, e) == 0)
		r = access_allows(access, x->conf, match->route_index, s, x->mem, username, e);
	access_free(&access);
	sessions_free(&sessions);
	return r;
}

/* What it must have, and what it has; the verdict says whether that will do. */
static void
say_demands(struct explained *x, const struct conf_route *route, const struct bearer *b)
{
	const bool app = b->kind == PRINCIPAL_APP;
	const struct conf_strings *all = app ? &route->app_roles : &route->scopes;

	finding_note(&x->f, app ? "app_roles" : "scopes", "route \"%s\" demands %s%s; the token has %s",
	    route->title,
	    all->n == 0 ? "none"
	    : app       ? "one of "
			: "all of ",
	    explain_list(all, x->mem),
	    app ? explain_texts(b->roles, b->n_roles, x->mem)
		: explain_texts(b->scopes, b->n_scopes, x->mem));
}

static void
say_verdict(
    struct explained *x, const struct conf_route *route, struct str username, const struct err *refused)
{
	if (refused != NULL)
		finding_fail(&x->f, "route", "%s: route \"%s\" refuses: %s (reason=%s)%s", x->route,
		    route->title, refused->text, reason_word(refused->reason), mend(refused->reason));
	else
		finding_ok(&x->f, "route", "%s: route \"%s\" lets in, and names the user %.*s in %s",
		    x->route, route->title, STR_ARG(username), route->username_header);
}

static const char *
mend(enum reason r)
{
	switch ((int)r) {
	case REASON_SCOPE_MISSING:
		return "; let the client ask the provider for it, or change scopes";
	case REASON_ROLE_MISSING:
		return "; give the application the role at the provider, or change app_roles";
	case REASON_CLIENT_UNKNOWN:
		return "; write client \"NAME\" { client_id = \"...\" username = \"...\" }, if it may come";
	case REASON_CLIENT_INACTIVE:
		return "; set active = yes, if it may come again";
	case REASON_CLAIM_MISSING:
		return "; change the user at the provider, or the route's claims";
	case REASON_USERNAME_MISMATCH:
		return "; change username_match, or let the provider send another name (username_claim)";
	default:
		return "";
	}
}
