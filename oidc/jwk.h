/*
 * oidc/jwk.h - one public key of a provider (RFC 7517 4, RFC 7518 6)
 *
 * jwk_parse() reads a member of a key set and decides whether it may ever
 * verify a signature: RSA of 2048 to 8192 bits, or EC on P-256, P-384, P-521,
 * meant for signatures, without a private part.  jwk_from_certificate() makes
 * the same of a certificate.  Used by jwks.c (which keys make a set) and jose.c
 * (which key made this signature).
 */
#ifndef OIDC_JWK_H
#define OIDC_JWK_H
#include <stdbool.h>
#include <stdint.h>

#include <cjose/jwk.h>
#include <jansson.h>
#include <openssl/x509.h>

#include "conf/err.h"

#define JWK_NAME_MAX 256 /* bytes of a kid or x5t, here and in a token's header */

struct jwk_alg;

struct jwk {
	char *kid, *x5t, *x5t_s256;   /* NULL: not said */
	char *issuer;                 /* whose tokens it signs (Entra), see oidc/tenant.h; NULL: not said */
	const struct jwk_alg *pinned; /* the only algorithm it may be used with; NULL: not said */
	const char *crv;              /* "P-256", "P-384", "P-521"; NULL: RSA */
	size_t size;                  /* bytes of a signature */
	cjose_jwk_t *key;
	/* of a certificate alone */
	bool of_certificate;           /* kid is our own making */
	char *alias;                   /* another kid; NULL: none */
	bool dated;                    /* it counts only ... */
	int64_t not_before, not_after; /* ... between these, seconds since 1970 */
};

enum jwk_result {
	JWK_OK,
	JWK_OTHER,     /* a kind or purpose that is none of ours: encryption, Ed25519, ... */
	JWK_SYMMETRIC, /* kty oct: nothing that a provider may publish */
	JWK_BAD,       /* weak, malformed, contradicting itself, or private */
};

/* *out is filled for JWK_OK alone; otherwise *e says why (REASON_PROVIDER_ANSWER). */
enum jwk_result jwk_parse(const json_t *o, struct jwk *out, struct err *e) MUST_CHECK;

/* A certificate with whose key a provider signs.  All borrowed for the call. */
struct jwk_certificate {
	X509 *x;
	const char *alias; /* what a token's kid may say besides the thumbprint; NULL: nothing */
	bool dated;        /* it counts inside the certificate's dates only */
};

/*
 * x5t and x5t#S256 are the certificate's thumbprints (RFC 7515 4.1.7, 4.1.8),
 * kid is x5t, as AD FS and Entra write it.  -1: no key that we verify with.
 */
int jwk_from_certificate(const struct jwk_certificate *c, struct jwk *out, struct err *e) MUST_CHECK;
/* Is `now` outside of what the key's certificate allows? */
bool jwk_is_outdated(const struct jwk *k, int64_t now);
void jwk_release(struct jwk *k);

/*
 * Bytes of a signature that this key makes under `alg`; 0: it makes none,
 * because kty, crv or the key's own alg do not fit, or we do not know `alg`
 * (we know RS, PS and ES with 256, 384, 512).
 */
size_t jwk_signature_size(const struct jwk *k, const char *alg);

/* May this be the name of a key: 1..JWK_NAME_MAX characters of printable ASCII? */
bool jwk_is_name(const json_t *text);

#endif
