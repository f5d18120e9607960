/*
 * proxy/reach.h - asking others from the command line, as the server would
 *
 * A loop of its own that runs only inside these calls, so that each of them
 * blocks until there is an answer, at most as long as the timeouts in what is
 * asked.  For verbs that print something and end; nothing of the road uses it.
 *
 * The process must ignore SIGPIPE.
 */
#ifndef PROXY_REACH_H
#define PROXY_REACH_H
#include "oidc/fetch.h"
#include "oidc/oidc.h"
#include "oidc/outbound.h"
#include "proxy/redis_reply.h"

struct reach;

struct reach *reach_new(struct err *e) MUST_CHECK;
void reach_free(struct reach **r);

/* *out lives until the next call of reach_fetch() or reach_free(). */
int reach_fetch(
    struct reach *r, const struct fetch_request *q, struct fetch_answer *out, struct err *e) MUST_CHECK;

/* Metadata and keys, by way of the keeper.  Release the view with oidc_view_release(). */
const struct oidc_view *reach_view(struct reach *r, struct oidc *o, struct err *e) MUST_CHECK;

/* Redeem a code; tokens that come are in m. */
int reach_redeem(
    struct reach *r, struct oidc *o, const struct oidc_code *c, struct mem *m, struct err *e) MUST_CHECK;

/* Ask about an opaque access token; as oidc_take_introspection(). */
int reach_introspect(struct reach *r, struct oidc *o, const struct oidc_introspection *q, struct mem *m,
    struct err *e) MUST_CHECK;

/* A token as an `outbound` section has it; o: its provider, NULL for an endpoint of its own.  -1: it cannot
 * be had. */
int reach_outbound(struct reach *r, const struct conf_outbound *c, struct oidc *o, struct err *e) MUST_CHECK;

/* One command to this Redis, on the connection of the one before; *out lives until the next, or reach_free().
 */
struct redis_question {
	const struct conf_redis *conf;
	const struct str *words;
	size_t n;
};
int reach_redis(struct reach *r, const struct redis_question *q, const struct redis_value **out,
    struct err *e) MUST_CHECK;

/*
 * When does the certificate end that a server shows?  It is not verified here:
 * an answer by reach_fetch() did that.  `address` is where that answer came
 * from, url names host and port.  false: it cannot be told, or is another host's
 * (a proxy stands in between, say).
 */
bool reach_certificate(const char *address, const char *url, int64_t timeout, int64_t *ends);

#endif
