/*
 * tests/fuzz/fuzz_path.c - a request path, made canonical and led to its route
 *
 * What comes out canonical stays so, and an open route is never reached by a
 * path that the loosest reading puts under a protected one.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proxy/path.h"
#include "proxy/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check_canonical(struct str, struct mem *);
static void check_routes(struct str, struct mem *);
static void check_match(const struct route_match *, struct mem *);
static void check_segments(struct str);
static bool is_under(struct str, struct str);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str raw = { (const char *)data, size };
	struct mem *m = mem_new(1 << 20);

	check_canonical(raw, m);
	check_routes(raw, m);
	mem_free(&m);
	return 0;
}

static void
check_canonical(struct str raw, struct mem *m)
{
	struct str once, twice, loose, again;
	struct err e;

	if (path_canonical(raw, m, &once, &e) != 0) {
		assert(e.reason == REASON_BAD_TARGET);
		return;
	}
	assert(once.n <= raw.n);
	check_segments(once);
	for (size_t i = 0; i < once.n; i++)
		assert(once.p[i] > 0x20 && once.p[i] < 0x7f && strchr("\\?#", once.p[i]) == NULL);
	assert(path_canonical(once, m, &twice, &e) == 0);
	assert(str_is(once, twice) && twice.p == once.p);
	(void)path_is_windows_trick(once);
	if (!path_loosest(once, m, &loose)) {
		assert(!path_is_plain(once));
		return;
	}
	assert(loose.n <= once.n);
	check_segments(loose);
	assert(memchr(loose.p, ';', loose.n) == NULL && memchr(loose.p, '\\', loose.n) == NULL);
	assert(path_loosest(loose, m, &again) && str_is(loose, again));
	if (path_is_plain(once))
		assert(str_is(once, loose));
}

/* Begins with '/'; no empty and no dot segment. */
static void
check_segments(struct str path)
{
	struct str rest, segment;

	assert(path.n > 0 && path.p[0] == '/');
	rest = str_from(path, 1);
	while (str_next(&rest, '/', &segment))
		assert(segment.n > 0 && !str_is(segment, STR(".")) && !str_is(segment, STR("..")));
}

static void
check_routes(struct str raw, struct mem *m)
{
	static struct conf_route rules[] = {
		{ .title = "/", .path = "/" },
		{ .title = "/admin", .path = "/admin", .auth = AUTH_SESSION },
		{ .title = "/admin/open", .path = "/admin/open", .strip_prefix = true },
		{ .title = "/Some",
		    .path = "/Some",
		    .auth = AUTH_SESSION,
		    .path_case = PATH_CASE_INSENSITIVE },
		{ .title = "/s%C3%A9c", .path = "/s%C3%A9c", .auth = AUTH_SESSION },
		{ .title = "/win",
		    .path = "/win",
		    .auth = AUTH_SESSION,
		    .upstream = 1,
		    .windows_paths = true },
		{ .title = "/case", .path = "/case", .upstream = 1, .path_case = PATH_CASE_SENSITIVE },
	};
	static struct conf_origin origins[] = { { .origin = "https://a", .host = "a", .path = "" } };
	static struct conf_provider providers[] = { { .callback_path = "/auth/callback" } };
	static const struct conf c = { .origins = origins,
		.n_origins = 1,
		.auth_path = "/auth",
		.providers = providers,
		.n_providers = 1,
		.routes = rules,
		.n_routes = sizeof(rules) / sizeof(rules[0]) };
	struct routes *r = routes_new(&c);
	struct route_match match;
	struct err e;

	if (route_find(r, STR("a"), raw, m, &match, &e) == 0)
		check_match(&match, m);
	else
		assert(e.reason == REASON_BAD_TARGET || e.reason == REASON_PATH_AMBIGUOUS);
	assert(route_find(r, raw, STR("/"), m, &match, &e) == 0 || e.reason == REASON_WRONG_HOST);
	routes_free(&r);
}

static void
check_match(const struct route_match *match, struct mem *m)
{
	struct str loose, up;

	check_segments(match->path);
	if (match->kind == ROUTE_OURS) {
		assert(is_under(match->path, STR("/auth")));
		return;
	}
	assert(path_loosest(match->path, m, &loose));
	assert(!is_under(loose, STR("/auth")));
	if (match->route->auth == AUTH_NONE) {
		assert(!is_under(loose, STR("/admin")) || is_under(loose, STR("/admin/open")));
		assert(!is_under(loose, STR("/some")) && !is_under(loose, STR("/win")));
		assert(loose.n < 5 ||
		       memcmp(loose.p,
			   "/s\xc3\xa9"
			   "c",
			   5) != 0 ||
		       (loose.n > 5 && loose.p[5] != '/'));
	}
	if (match->route->upstream == 1)
		assert(!path_is_windows_trick(match->path) && !path_is_windows_trick(loose));
	up = route_upstream_path(match->route, match->path);
	assert(up.n > 0 && up.p[0] == '/');
}

static bool
is_under(struct str path, struct str prefix)
{
	return path.n >= prefix.n && strncasecmp(path.p, prefix.p, prefix.n) == 0 &&
	       (path.n == prefix.n || path.p[prefix.n] == '/');
}
