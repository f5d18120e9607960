/*
 * oidc/jwks.h - a provider's signing keys (RFC 7517)
 *
 * Immutable once parsed, so that every thread may hold it.  Keys that could
 * never verify a signature are left out: silently those of another kind or
 * purpose (encryption keys, Ed25519), with a warning in the log those that are
 * weak, malformed or published with their private part.  A set with two such
 * keys of the same kid and kty, or with symmetric keys among the others, is
 * refused whole.
 *
 * Why several threads may verify with one set at the same time: nothing of it
 * is written or counted after jwks_parse() or jwks_from_certificates().  The
 * JSON and the certificates are gone by then.
 * cjose_jws_verify() reads kty and key data of the cjose_jwk_t, retains
 * nothing of it, and keeps its digest and header in the cjose_jws_t, which
 * each call makes for itself.  The key data are an RSA or EC_KEY of OpenSSL,
 * both only read in verification but for RSA's Montgomery context, which
 * OpenSSL makes once under the RSA's own lock.
 */
#ifndef OIDC_JWKS_H
#define OIDC_JWKS_H
#include <stddef.h>

#include "conf/err.h"
#include "conf/str.h"

struct jwk;
struct jwk_certificate;
struct jwks;

#define JWKS_SIZE_MAX 262144 /* bytes of the document */
#define JWKS_KEYS_MAX 100

/* NULL with REASON_PROVIDER_ANSWER when it is not a set, or no key of it is of use. */
struct jwks *jwks_parse(struct str text, struct err *e) MUST_CHECK;

/*
 * The same of certificates: WS-Federation metadata, files of the operator's.
 * One that is there twice counts once; one whose key we cannot verify with is
 * left out with a warning.
 */
struct jwks *jwks_from_certificates(const struct jwk_certificate *v, size_t n, struct err *e) MUST_CHECK;
void jwks_free(struct jwks **k);
size_t jwks_count(const struct jwks *k);
const struct jwk *jwks_at(const struct jwks *k, size_t i); /* i < jwks_count() */

#endif
