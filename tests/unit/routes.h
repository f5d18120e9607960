/*
 * tests/unit/routes.h - routes written by hand, and where a request goes
 *
 * For the tests of proxy/route.h: add_route() and add_origin() make a
 * configuration, go_to() names the route that a path leads to, or the refusal.
 */
#ifndef TESTS_ROUTES_H
#define TESTS_ROUTES_H
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "proxy/path.h"
#include "proxy/route.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static struct mem *m;
static struct err e;
static struct conf conf;
static struct conf_origin origins[6];
static struct conf_provider providers[2];
static struct conf_route rules[12];
static struct routes *routes;

/* --- a configuration by hand ---------------------------------------------- */

static inline void
add_origin(const char *host, const char *path)
{
	origins[conf.n_origins++] = (struct conf_origin){
		.url = "u", .origin = "https://x", .host = host, .path = path, .https = true
	};
}

static inline struct conf_route *
add_route(const char *host, const char *path, enum conf_auth auth)
{
	struct conf_route *r = &rules[conf.n_routes++];

	*r = (struct conf_route){ .title = path, .host = host, .path = path, .auth = auth };
	return r;
}

static inline void
setup(void)
{
	m = mem_new(1 << 20);
	e = (struct err){ .reason = REASON_NONE };
	conf = (struct conf){
		.origins = origins, .providers = providers, .routes = rules, .auth_path = "/auth"
	};
	routes = NULL;
}

static inline void
teardown(void)
{
	routes_free(&routes);
	ck_assert_ptr_null(routes);
	routes_free(&routes);
	mem_free(&m);
}

/* "/admin" for its route, "OURS login", "CALLBACK 1 x", or the word of the reason. */
static inline const char *
go_to(const char *host, const char *path)
{
	struct route_match out;

	if (routes == NULL)
		routes = routes_new(&conf);
	if (route_find(routes, str_of(host), str_of(path), m, &out, &e) != 0) {
		ck_assert(e.text[0] != '\0');
		return reason_word(e.reason);
	}
	ck_assert_ptr_nonnull(out.origin);
	if (out.kind == ROUTE_UPSTREAM) {
		ck_assert_ptr_eq(&rules[out.route_index], out.route);
		ck_assert(!out.is_callback);
		return out.route->title;
	}
	ck_assert_ptr_null(out.route);
	if (out.is_callback)
		return mem_printf(m, "CALLBACK %zu %.*s", out.callback_of, STR_ARG(out.endpoint));
	return mem_printf(m, "OURS %.*s", STR_ARG(out.endpoint));
}

#define expect(path, want)          ck_assert_str_eq(go_to("a.example", path), want)
#define expect_at(host, path, want) ck_assert_str_eq(go_to(host, path), want)

#endif
