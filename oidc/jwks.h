/*
 * oidc/jwks.h - a provider's signing keys (RFC 7517)
 *
 * Immutable once parsed, so that every thread may hold it.  Keys that could
 * never verify a signature (use other than sig, symmetric, weak RSA, unknown
 * curves) are left out with a warning in the log; a set with two keys of the
 * same kid and kty is refused whole.
 */
#ifndef OIDC_JWKS_H
#define OIDC_JWKS_H
#include <stddef.h>

#include "conf/err.h"
#include "conf/str.h"

struct jwks;

#define JWKS_SIZE_MAX 262144 /* bytes of the document */
#define JWKS_KEYS_MAX 100

/* NULL with REASON_PROVIDER_ANSWER when it is not a set, or no key of it is of use. */
struct jwks *jwks_parse(struct str text, struct err *e) MUST_CHECK;
void jwks_free(struct jwks **k);
size_t jwks_count(const struct jwks *k);

#endif
