/*
 * oidc/logouttoken.h - is this what a provider says when a session of its own has ended?
 *
 * OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6, each check with its
 * number; the signature comes first.  Other kinds of token must not pass for a
 * logout token, least of all an ID token (RFC 8725 3.12): typ, events and the
 * nonce tell them apart.  That a jti comes once is the caller's business.
 *
 * Pure: no network, no clock (`now` is given), no globals.
 */
#ifndef OIDC_LOGOUTTOKEN_H
#define OIDC_LOGOUTTOKEN_H
#include <jansson.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"

struct jwks;

#define LOGOUTTOKEN_ID_MAX 1024 /* bytes of a sid or jti */

/* Everything a token is held against.  All borrowed for the call. */
struct logouttoken_check {
	const struct conf_provider *provider;
	const char *issuer;      /* the document's; may have {tenantid}: see oidc/tenant.h */
	const struct jwks *keys; /* NULL: none yet */
	const char *jwks_uri;    /* the one address that the header may name as jku; NULL: none */
	int64_t now;             /* seconds since 1970 */
	struct mem *mem;         /* where the answer will live */
};

struct logouttoken {
	struct str subject, sid; /* "" where it says nothing; not both */
	struct str jti;
	int64_t expires; /* seconds since 1970, the tolerance included: from then on it is refused anyway */
};

enum logouttoken_result {
	LOGOUTTOKEN_BAD = -1, /* *e says which rule and which values */
	LOGOUTTOKEN_OK = 0,
	LOGOUTTOKEN_NEED_KEYS = 1, /* and *e says which key */
};

enum logouttoken_result logouttoken_verify(
    const struct logouttoken_check *c, struct str token, struct logouttoken *out, struct err *e) MUST_CHECK;

/*
 * What it says of itself, unproven: good for choosing whose keys to hold it
 * against, and nothing else.  Lives in m; NULL: not a token at all.
 */
const json_t *logouttoken_peek(struct str token, struct mem *m, struct err *e) MUST_CHECK;

#endif
