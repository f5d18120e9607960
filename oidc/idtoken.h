/*
 * oidc/idtoken.h - the one place where an ID token becomes an identity
 *
 * idtoken_verify() reads like OpenID Connect Core 3.1.3.7, in its order, each
 * check with its number - but the signature comes first: nothing of the
 * payload is looked at before it.  What comes out is a struct identity;
 * session_begin() accepts no other proof.
 *
 * Pure: no network, no clock (`now` is given), no globals.  When the token
 * names a key we do not hold, the result is IDTOKEN_NEED_KEYS and the caller
 * fetches the key set once and asks again.
 */
#ifndef OIDC_IDTOKEN_H
#define OIDC_IDTOKEN_H
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"

struct identity;
struct jwks;

#define IDTOKEN_USERINFO_MAX 262144 /* bytes */
#define IDTOKEN_SUBJECT_MAX  255    /* bytes (Core 2) */

/* Everything a token is held against.  All borrowed for the call. */
struct idtoken_check {
	const char *issuer;                 /* may have {tenantid}: see oidc/tenant.h */
	const struct conf_strings *tenants; /* whose tid is let in; NULL, empty: an issuer of its own */
	const char *kind;                   /* a row of oidc/kinds.c; NULL: none in particular */
	const char *client_id;
	struct str nonce; /* the one of this sign-in; never empty, but for a renewal */
	/*
	 * Of a renewal (Core 12.2): whose session it is, and the ID token before, whose
	 * iss it must and whose nonce alone it may have; p of both is NULL for a
	 * sign-in.  Neither max_age nor acr_values were asked for anew: the sign-in that
	 * proved them is still the one it speaks of.
	 */
	struct str subject, before;
	const struct conf_strings *algs;
	const struct jwks *keys; /* NULL: none yet */
	const char *jwks_uri;    /* the one address that the header may name as jku; NULL: none */
	const struct conf_strings *username_claim; /* the first present, a non-empty string, counts */
	struct str access_token;                   /* for at_hash; p is NULL when there is none */
	const char *userinfo;                      /* JSON object to merge (Core 5.3.2), or NULL */
	const struct conf_strings *acr_values;     /* one of them must be its acr; NULL, empty: any */
	const int64_t *max_age;                    /* ms: how old auth_time may be; NULL: any */
	int64_t tolerance;                         /* seconds, either side */
	int64_t now;                               /* seconds since 1970 */
	struct mem *mem;                           /* where the identity will live */
};

enum idtoken_result {
	IDTOKEN_BAD = -1, /* *e says which rule and which values */
	IDTOKEN_OK = 0,
	IDTOKEN_NEED_KEYS = 1, /* and *e says which key */
};

enum idtoken_result idtoken_verify(
    const struct idtoken_check *c, struct str token, const struct identity **out, struct err *e) MUST_CHECK;

#endif
