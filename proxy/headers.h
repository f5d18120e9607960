/*
 * proxy/headers.h - which fields go on, which are dropped, which are ours
 *
 * The order is the rule (RFC 9110 7.6.1, hostile.md 1.6): first everything
 * hop-by-hop and everything Connection names, then everything that any route
 * of the configuration may set, then the proxy's own.  So nothing that a
 * client names can take away what we add, and nothing it sends can pass for it.
 *
 * Pure.
 */
#ifndef PROXY_HEADERS_H
#define PROXY_HEADERS_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/str.h"
#include "proxy/http1.h"

/*
 * One number for all spellings of a name that a backend may fold together:
 * case, and any character but letters and digits.  headers_same() decides,
 * fold only finds.
 */
uint32_t headers_fold(struct str name);
bool headers_same(struct str a, struct str b);

/* Names that no client may send: built once per snapshot, then constant. */
struct headers_guard;
struct headers_guard *headers_guard_new(const struct conf *c);
void headers_guard_free(struct headers_guard **g);
bool headers_guarded(const struct headers_guard *g, uint32_t fold, struct str name);

/*
 * Mark (field.drop) what a request must not take to the upstream: hop-by-hop,
 * named by Connection, guarded, any spelling of a framing, hop-by-hop or
 * forwarding name that is not its exact name; Forwarded and X-Forwarded-*,
 * X-Real-IP (the road writes them anew), Expect, Cookie and Host (written
 * anew), X-Request-Id.  Authorization stays; the road decides about it.
 */
void headers_mark_request(struct http1_head *h, const struct headers_guard *g);

/* Mark what a response must not take to the client: hop-by-hop, named by Connection, framing. */
void headers_mark_response(struct http1_head *h);

/* May this be the name of a header that we set? Not framing, hop-by-hop, Host, Cookie, Authorization; a token. */
bool headers_may_set(struct str name);

/*
 * Does this Set-Cookie value set one of our cookies (cookie_strip()'s rule)?
 */
bool headers_sets_ours(struct str set_cookie, struct str ours);

#endif
