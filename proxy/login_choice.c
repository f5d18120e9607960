/*
 * proxy/login_choice.c - at which provider to sign in (proxy/request.h)
 *
 * The page that was asked for says which ones will do; `login?provider=NAME`
 * names one.  Only where several are left the user is asked.
 */
#include <string.h>

#include "conf/url.h"
#include "proxy/login.h"
#include "proxy/pages_own.h"
#include "proxy/request.h"

/* Providers, as indices. */
struct candidates {
	const size_t *v;
	size_t n;
};

static struct candidates candidates(struct request *);
static const struct conf_route *wanted_route(struct request *);
static struct candidates in_use(struct request *);
static bool is_used(const struct request *, size_t);
static bool signs_in(const struct conf_route *);
static enum step ask(struct request *, const struct candidates *);
static const char *link_of(struct request *, const char *name, struct str back);

/* The one that was named, or the only one that there is to choose. */
enum step
login_choose(struct request *r)
{
	struct candidates all = candidates(r);
	size_t provider = all.v[0];

	switch (r->match.kind == ROUTE_OURS ? login_named(r, &provider) : 1) {
	case -1:
		return STEP_REFUSE;
	case 0:
		break;
	default:
		if (all.n > 1)
			return ask(r, &all);
	}
	(void)login_of(r, provider);
	if (r->match.kind == ROUTE_OURS)
		(void)login_find_session(r);
	return STEP_SIGN_IN;
}

int
login_named(struct request *r, size_t *provider)
{
	const struct conf *c = request_snap(r)->conf;
	struct str name;
	int got = url_param(r->mem, r->in.query, "provider", &name);

	if (got == -1)
		(void)request_refuse(
		    r, REASON_LOGIN_BAD_REQUEST, "provider is there twice, or not encoded as it must be");
	for (size_t i = 0; got == 0 && i < c->n_providers; i++)
		if (str_is(name, str_of(c->providers[i].name))) {
			*provider = i;
			return 0;
		}
	if (got != 0)
		return got;
	(void)request_refuse(r, REASON_LOGIN_PROVIDER, "there is no provider \"%.*s\"",
	    name.n > 100 ? 100 : (int)name.n, name.p);
	return -1;
}

static struct candidates
candidates(struct request *r)
{
	const struct conf_route *route = r->match.kind == ROUTE_OURS ? wanted_route(r) : r->match.route;

	return route == NULL ? in_use(r) : (struct candidates){ route->providers, route->n_providers };
}

/* Of the page that `rd` names; NULL: there is none, or nobody has to sign in for it. */
static const struct conf_route *
wanted_route(struct request *r)
{
	struct route_match match;
	struct str rd, path;
	struct err e;

	if (url_param(r->mem, r->in.query, "rd", &rd) != 0 || !url_is_local_path(rd) ||
	    !str_next(&rd, '?', &path) ||
	    route_find(request_snap(r)->routes, r->in.host, path, r->mem, &match, &e) == -1)
		return NULL;
	return match.kind == ROUTE_UPSTREAM && signs_in(match.route) ? match.route : NULL;
}

/* All whose users can get anywhere on this host; the first when there is no such. */
static struct candidates
in_use(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	size_t *v = mem_zalloc(r->mem, c->n_providers * sizeof(*v)), n = 0;

	for (size_t i = 0; i < c->n_providers; i++)
		if (is_used(r, i))
			v[n++] = i;
	return (struct candidates){ v, n == 0 ? 1 : n };
}

static bool
is_used(const struct request *r, size_t provider)
{
	const struct conf *c = request_snap(r)->conf;

	for (size_t i = 0; i < c->n_routes; i++) {
		const struct conf_route *route = &c->routes[i];

		if (!signs_in(route) ||
		    (route->host != NULL && strcmp(route->host, r->match.origin->host) != 0))
			continue;
		for (size_t k = 0; k < route->n_providers; k++)
			if (route->providers[k] == provider)
				return true;
	}
	return false;
}

static bool
signs_in(const struct conf_route *route)
{
	return route->auth == AUTH_SESSION || route->auth == AUTH_ANY;
}

static enum step
ask(struct request *r, const struct candidates *among)
{
	const struct conf *c = request_snap(r)->conf;
	struct page_choice *choices = mem_zalloc(r->mem, among->n * sizeof(*choices));
	struct str back = login_wanted_page(r);
	struct pages_own page;

	for (size_t i = 0; i < among->n; i++) {
		choices[i].name = c->providers[among->v[i]].name;
		choices[i].url = link_of(r, choices[i].name, back);
	}
	page = pages_own_choose(&c->templates, r->id, choices, among->n, r->mem);
	reply_page(r, 200, &page);
	return STEP_REPLY;
}

/* What else was asked of this sign-in goes along. */
static const char *
link_of(struct request *r, const char *name, struct str back)
{
	const char *url = url_add_param(r->mem, request_own_path(r, "login").p, "provider", str_of(name));
	struct str prompt;

	url = url_add_param(r->mem, url, "rd", back);
	if (r->match.kind == ROUTE_OURS && url_param(r->mem, r->in.query, "prompt", &prompt) == 0 &&
	    str_is(prompt, STR("login")))
		url = url_add_param(r->mem, url, "prompt", prompt);
	return url;
}
