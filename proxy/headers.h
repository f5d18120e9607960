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

/*
 * The fold, byte by byte, for the loop of http1.c that looks at every byte of
 * a name anyway: what a byte of a token folds to, 0 for all other bytes.
 */
extern const unsigned char headers_folded[256];
static inline uint32_t
headers_fold_next(uint32_t fold, unsigned char folded)
{
	return ((fold << 5) | (fold >> 27)) ^ folded;
}

/*
 * Names that no client may send: what any route sets, and the usual names of
 * identity headers.  Built once per snapshot, then constant; borrows nothing.
 */
struct headers_guard;
struct headers_guard *headers_guard_new(const struct conf *c);
void headers_guard_free(struct headers_guard **g);
bool headers_guarded(const struct headers_guard *g, uint32_t fold, struct str name);

/*
 * Mark (field.drop) what a request must not take to the upstream: hop-by-hop,
 * named by Connection, guarded, any spelling of a framing, hop-by-hop or
 * forwarding name that is not its exact name; Forwarded and X-Forwarded-*,
 * X-Real-IP (the road writes them anew), Expect, Cookie and Host (written
 * anew), X-Request-Id; Proxy (a CGI backend takes it for a setting, CVE-2016-5385).
 * Authorization stays unless Connection names it; the road decides about it.
 *
 * Connection may name at most HEADERS_NAMED_MAX fields: a message that names
 * more loses all its fields, since none may pass that was named.
 */
#define HEADERS_NAMED_MAX 64
void headers_mark_request(struct http1_head *h, const struct headers_guard *g);

/* Mark what a response must not take to the client: hop-by-hop, named by Connection (as above), framing. */
void headers_mark_response(struct http1_head *h);

/*
 * Does this Set-Cookie value set one of our cookies (cookie_strip()'s rule)?
 * A cookie without a name is judged by its value: browsers send "=a=b" back as "a=b".
 */
bool headers_sets_ours(struct str set_cookie, struct str ours);

#endif
