/*
 * proxy/verify.h - GET verify: another server asks whether a request of its own may pass
 *
 * nginx (auth_request), Traefik and Caddy keep the request and ask about it.
 * What they name takes the place of what was received, and goes the road that
 * it would go here, up to where it would be passed on: the same path, the same
 * route, the same rules.  Only then, and nowhere else, does 200 come of it.
 */
#ifndef PROXY_VERIFY_H
#define PROXY_VERIFY_H
#include "conf/conf.h"
#include "conf/mem.h"
#include "proxy/http1.h"

struct request;

/* What the endpoint itself was asked with, while the named request is judged. */
struct verify {
	struct str method, target, path, query;
	enum http1_method method_id;
	bool upgrade;
	bool redirect; /* ?redirect=1: who navigates is sent to sign in */
	bool allowed;
};

/* The request that is asked about; slices of the head's values. */
struct verify_named {
	struct str method;
	enum http1_method method_id;
	struct str path, query; /* query.p is NULL when there is none */
	struct str host;        /* "" when none was named */
	bool upgrade;           /* a WebSocket handshake */
};

/*
 * Pure.  -1, VERIFY_UNCLEAR: no path, one that is none, a field twice, or two
 * that differ.  Where no method is named, who sends an Origin counts as doing
 * more than reading.
 */
int verify_read(const struct http1_head *h, struct verify_named *out, struct err *e) MUST_CHECK;

/* The names of the headers that any route may set for a user, each once; in m. */
struct conf_strings verify_names(const struct conf *c, struct mem *m);

/*
 * The endpoint was asked under a name that is none of ours (Traefik calls the
 * proxy by its address), and X-Forwarded-Host of a trusted proxy has one:
 * r->match is the endpoint there.  false: it is not so.
 */
bool verify_finds_host(struct request *r);

/* The answer is decided: what was received is back in its place, and the status one that the asker knows. */
void verify_settle(struct request *r);
int verify_status(int status); /* the same for one status */

#endif
