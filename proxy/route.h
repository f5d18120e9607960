/*
 * proxy/route.h - which rule a request falls under
 *
 * The host is chosen first, then the longest prefix on whole segments of the
 * canonical path.  Pure; built once per snapshot, then constant.
 */
#ifndef PROXY_ROUTE_H
#define PROXY_ROUTE_H
#include <stdbool.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

struct routes;

struct routes *routes_new(const struct conf *c); /* borrows c */
void routes_free(struct routes **r);

enum route_kind {
	ROUTE_UPSTREAM, /* *route says how */
	ROUTE_OURS,     /* at or below auth_path, or a callback_path: `endpoint` is what follows auth_path */
};

struct route_match {
	enum route_kind kind;
	const struct conf_origin *origin; /* of the host */
	const struct conf_route *route;   /* ROUTE_UPSTREAM */
	size_t route_index;               /* into conf.routes */
	/*
	 * ROUTE_OURS: "", "login", "logout/return", ...: without a leading slash; "callback" below auth_path,
	 * "" for a callback_path elsewhere.  Ask is_callback first.
	 */
	struct str endpoint;
	size_t callback_of; /* ROUTE_OURS and `is_callback`: index of the provider */
	bool is_callback;
	struct str path; /* the canonical path: this goes upstream */
};

/*
 * host: as in the Host field; port, case and a dot at the end are ignored.
 * path: as received.  -1: WRONG_HOST, BAD_TARGET, PATH_AMBIGUOUS, NO_ROUTE.
 * Own endpoints are matched before routes, callbacks on the whole path.
 *
 * PATH_AMBIGUOUS: the path's loosest reading (path.h), or the path with case
 * ignored (unless path_case says otherwise), leads elsewhere than the path;
 * or its route's upstream is a Windows server - one that any route with
 * windows_paths uses - and the spelling is one that Windows folds.
 *
 * A plain path costs one look at its bytes and one at the host's routes, and
 * no memory.
 */
int route_find(const struct routes *r, struct str host, struct str path, struct mem *m,
    struct route_match *out, struct err *e) MUST_CHECK;

/* The path as the upstream gets it: with the route's prefix taken off where strip_prefix says so; begins with
 * '/'. */
struct str route_upstream_path(const struct conf_route *route, struct str canonical);

#endif
