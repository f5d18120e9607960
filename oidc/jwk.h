/*
 * oidc/jwk.h - one public key of a provider (RFC 7517 4, RFC 7518 6)
 *
 * jwk_parse() reads a member of a key set and decides whether it may ever
 * verify a signature: RSA of 2048 to 8192 bits, or EC on P-256, P-384, P-521,
 * meant for signatures, without a private part.  Used by jwks.c (which keys
 * make a set) and jose.c (which key made this signature).
 */
#ifndef OIDC_JWK_H
#define OIDC_JWK_H
#include <cjose/jwk.h>
#include <jansson.h>

#include "conf/err.h"

#define JWK_NAME_MAX 256 /* bytes of a kid or x5t, here and in a token's header */

struct jwk_alg;

struct jwk {
	char *kid, *x5t, *x5t_s256;   /* NULL: not said */
	const struct jwk_alg *pinned; /* the only algorithm it may be used with; NULL: not said */
	const char *crv;              /* "P-256", "P-384", "P-521"; NULL: RSA */
	size_t size;                  /* bytes of a signature */
	cjose_jwk_t *key;
};

enum jwk_result {
	JWK_OK,
	JWK_OTHER,     /* a kind or purpose that is none of ours: encryption, Ed25519, ... */
	JWK_SYMMETRIC, /* kty oct: nothing that a provider may publish */
	JWK_BAD,       /* weak, malformed, contradicting itself, or private */
};

/* *out is filled for JWK_OK alone; otherwise *e says why (REASON_PROVIDER_ANSWER). */
enum jwk_result jwk_parse(const json_t *o, struct jwk *out, struct err *e) MUST_CHECK;
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
