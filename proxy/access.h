/*
 * proxy/access.h - may this session use this route, and under which name
 *
 * Pure.  A rule that cannot be evaluated denies.
 */
#ifndef PROXY_ACCESS_H
#define PROXY_ACCESS_H
#include <stdbool.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "session/session.h"

/* Compiled username_match of all routes; one per snapshot. */
struct access;
struct access *access_new(const struct conf *c,
    struct err *e) MUST_CHECK; /* CONFIG: an expression that does not compile, a group it has not */
void access_free(struct access **a);

/*
 * 0: allowed, *username is what goes into the route's username_header (the
 * session's own text, or one in m; never empty).  -1: CLAIM_MISSING (text
 * names rule and what the session has), CLAIM_OVERAGE (the token names the
 * claim as left out, proxy/overage.h), USERNAME_MISMATCH.
 *
 * In order: all claim rules; username_match; username_replace with \0 to \9
 * filled in (\\ is one backslash; unset: \0, the part that matched);
 * username_prefix in front.
 */
int access_allows(const struct access *a, const struct conf *c, size_t route, const struct session *s,
    struct mem *m, struct str *username, struct err *e) MUST_CHECK;

/*
 * The text of a claim, as rules and claim_headers mean it: sub, username and
 * op_sid are the session's own, all others what it keeps of the token.  false:
 * it has none.
 */
bool access_claim(const struct session *s, const char *name, struct str *value);

/* The names of all claims that rules and headers of any route need, and what tells of those left out; in m.
 */
struct conf_strings access_claims_needed(const struct conf *c, struct mem *m);
/* What rules ask of this claim, where no header needs it whole; in m.  n is 0: it is needed as it is. */
struct conf_strings access_values_needed(const struct conf *c, const char *claim, struct mem *m);

#endif
