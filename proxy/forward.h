/*
 * proxy/forward.h - a request's head as the upstream gets it, an answer's as the client gets it
 *
 * Both are written anew, field by field, into the worker's buffer; nothing is
 * copied through.  What is said of the client (address, scheme, id) comes from
 * the socket, or from trusted_proxies, and from nobody else.
 */
#ifndef PROXY_FORWARD_H
#define PROXY_FORWARD_H
#include "proxy/request.h"

/* Who and how: r->addr, r->trusted, r->https, r->id. */
void forward_look(struct request *r);

/* *head: a slice of worker->head_out.  HEADER_TOO_LARGE when it does not fit. */
int forward_request(struct request *r, struct str *head, struct err *e) MUST_CHECK;

/*
 * From the upstream's head `h` decide how its body is relayed (r->relay,
 * r->keep, r->status, r->up->reusable) and write the client's head.
 */
int forward_answer(struct request *r, struct http1_head *h, struct str *head, struct err *e) MUST_CHECK;

bool forward_repeated(const struct http1_head *h, enum field_id id);
bool forward_accepts_html(const struct http1_head *h);
const char *forward_address(const struct in6_addr *a, char out[46]); /* IPv4 as IPv4 */
struct str forward_reason_phrase(int status);

/* Date, HSTS: what every answer of ours, and every relayed one, has alike. */
void forward_put_common(struct request *r, struct http1_out *o);

#endif
