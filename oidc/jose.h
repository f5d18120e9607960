/*
 * oidc/jose.h - is this text signed by one of these keys?
 *
 * The strict checks in front of cjose (total length, dots, base64url, header
 * members, key fit, signature length), then cjose's verification.  Nothing of
 * the payload is looked at before the signature is proven.  Pure: no network,
 * no clock.  Thread-safe.
 *
 * RFC 7515 (JWS), RFC 7518 (algorithms), RFC 8725 (best practice).
 */
#ifndef OIDC_JOSE_H
#define OIDC_JOSE_H
#include <jansson.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"

struct jwks;

#define JOSE_TOKEN_MAX  16384 /* bytes of the compact form */
#define JOSE_HEADER_MAX 4096  /* bytes decoded */
#define JOSE_DEPTH_MAX  32    /* of nested JSON */

struct jose_check {
	const struct conf_strings *algs; /* the allow-list of this verifier, exact and case-sensitive */
	const struct jwks *keys;
	struct mem *mem; /* where the payload will live */
};

enum jose_result {
	JOSE_BAD = -1,
	JOSE_OK = 0,
	JOSE_NEED_KEYS = 1, /* well-formed, but names a key that the set does not hold */
};

/*
 * On JOSE_OK *payload is the JSON object that was signed (freed with mem).
 * The caller judges its claims.
 */
enum jose_result jose_verify(const struct jose_check *c, struct str token, json_t **payload, struct err *e) MUST_CHECK;

/*
 * Parse JSON that came from outside: at most max bytes, duplicates rejected,
 * depth bounded, an object at the top.  NULL and *e (reason r) otherwise.
 * The caller owns the result.
 */
json_t *jose_json(struct str text, size_t max, enum reason r, struct err *e) MUST_CHECK;

#endif
