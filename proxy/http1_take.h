/*
 * proxy/http1_take.h - the pieces of a request's head, one by one
 *
 * What HTTP/1.1 has in lines comes in pieces from HTTP/2 (http2_head.c): the
 * same limits and the same forbidden bytes for both.
 *
 * Pure.
 */
#ifndef PROXY_HTTP1_TAKE_H
#define PROXY_HTTP1_TAKE_H
#include "proxy/http1.h"

#define HTTP1_METHOD_MAX 32

/* Which bytes a target may hold, and where. */
enum { HTTP1_IN_PATH = 1, HTTP1_IN_QUERY = 2 };
extern const uint8_t http1_take_bytes[256];

int http1_take_method(struct http1_head *h, struct str method, struct err *e) MUST_CHECK;
int http1_take_known(struct http1_head *h, struct err *e) MUST_CHECK; /* h->method: which one is it? */
int http1_take_target(struct http1_head *h, struct str target, struct err *e) MUST_CHECK;

/*
 * `twice`: the ids that came more than once, for http1_judge_request().
 * n_fields and index are the caller's to zero.
 */
int http1_take_field(
    struct http1_head *h, struct str name, struct str value, uint64_t *twice, struct err *e) MUST_CHECK;

#endif
