/*
 * proxy/cors.h - pages of other origins that call with an access token (Fetch standard, "CORS protocol")
 *
 * Where a route names cors_origins the proxy alone says who may read its
 * answers, and never with credentials: a cookie that comes along is of no use
 * to the page.  Routes without it are the application's own business.
 */
#ifndef PROXY_CORS_H
#define PROXY_CORS_H
#include <stdbool.h>

#include "conf/conf.h"
#include "proxy/http1.h"

#define CORS_HEADERS_MAX 1024 /* bytes of names that one preflight may ask for */

/* Does the proxy decide here?  `route` may be NULL. */
bool cors_applies(const struct conf_route *route);
/* Is this origin one that the route names?  Byte for byte: browsers write it in one way. */
bool cors_allows(const struct conf_route *route, struct str origin);

/* A preflight: OPTIONS with both fields (a program may send OPTIONS for other reasons). */
bool cors_is_preflight(const struct http1_head *h);
/* What it asks for: false when the method or a name is none (RFC 9110 5.6.2). */
bool cors_read_preflight(const struct http1_head *h, struct str *method, struct str *names);

/* The fields of any answer on this route; `ours`: it is one of the proxy, whose challenge a page may read. */
void cors_put(const struct conf_route *route, struct str origin, bool ours, struct http1_out *o);
/* A field of the application's that ours stands for. */
bool cors_replaces(struct str name);

#endif
