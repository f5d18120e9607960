/*
 * proxy/introspector.h - questions about opaque tokens, each asked once
 *
 * However many requests of this worker bring the same token at once, one
 * question is under way for it.  What was refused is remembered for a moment,
 * so that a client that keeps sending it does not ask the provider each time;
 * what is in force goes into the bearer cache.  Bounded, and on connections of
 * its own: a flood of bad tokens keeps nobody from signing in.
 *
 * Belongs to one worker, and to its loop.
 */
#ifndef PROXY_INTROSPECTOR_H
#define PROXY_INTROSPECTOR_H
#include <stdbool.h>
#include <stdint.h>

#include "oidc/oidc.h"
#include "proxy/bearer_cache.h"

#define INTROSPECTOR_FLIGHTS 256  /* questions under way */
#define INTROSPECTOR_REFUSED 1024 /* tokens remembered as refused */
#define INTROSPECTOR_REFUSES 5000 /* ms that one is refused without asking again */
#define INTROSPECTOR_TRUSTS  60   /* seconds that one in force is let in without asking again */

struct introspector;
struct introspector_ask; /* one request's part in a question */

struct introspector *introspector_new(struct event_base *base, struct err *e) MUST_CHECK;
void introspector_free(struct introspector **i); /* nobody waits any more; safe on NULL */

/* Was it refused a moment ago?  *e is then why.  `now`: ms. */
bool introspector_has_refused(
    const struct introspector *i, const struct bearer_key *k, int64_t now, struct err *e);
void introspector_refuse(struct introspector *i, const struct bearer_key *k, int64_t now, enum reason why);

struct introspector_question {
	const struct bearer_key *key; /* of the token */
	struct oidc *oidc;
	const struct oidc_introspection *text;
	oidc_done *done;
	void *arg;
};
/* As oidc_ask_introspection().  NULL with OVERLOADED: too many are under way. */
struct introspector_ask *introspector_ask(
    struct introspector *i, const struct introspector_question *q, struct err *e) MUST_CHECK;
int introspector_take(
    struct introspector_ask **a, struct mem *m, const char **answer, struct err *e) MUST_CHECK;
void introspector_cancel(struct introspector_ask **a); /* safe on NULL, in any state */

#endif
