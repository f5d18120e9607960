/*
 * proxy/access.h - may this session use this route, and under which name
 *
 * Pure.  A rule that cannot be evaluated denies.
 */
#ifndef PROXY_ACCESS_H
#define PROXY_ACCESS_H
#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "session/session.h"

/* Compiled username_match of all routes; one per snapshot. */
struct access;
struct access *access_new(const struct conf *c, struct err *e) MUST_CHECK; /* CONFIG when an expression does not compile */
void access_free(struct access **a);

/*
 * 0: allowed, *username is what goes into the route's username_header (the
 * session's own text, or one in m).  -1: CLAIM_MISSING (text names rule and
 * what the session has), USERNAME_MISMATCH.
 */
int access_allows(const struct access *a, const struct conf *c, size_t route, const struct session *s, struct mem *m,
    struct str *username, struct err *e) MUST_CHECK;

/* The names of all claims that rules and headers of any route need; in m. */
struct conf_strings access_claims_needed(const struct conf *c, struct mem *m);

#endif
