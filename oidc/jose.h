/*
 * oidc/jose.h - is this text signed by one of these keys?
 *
 * The strict checks in front of cjose (total length, dots, base64url, header
 * members, key fit, signature length), then cjose's verification.  Nothing of
 * the payload is looked at before the signature is proven.  Pure: no network,
 * no clock.  Thread-safe.
 *
 * A token names its key by kid, by x5t#S256 or x5t, or not at all.  A kid
 * decides alone, but for keys made of certificates: no kid of the provider's
 * comes with those, so that behind a kid that is none of theirs a thumbprint
 * decides.
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
	const struct jwks *keys;         /* NULL: none yet */
	/*
	 * The one address that a token's `jku` may name, where keys already came
	 * from; NULL: none.  It is never fetched.  (SAP's XSUAA puts it into every
	 * token.)
	 */
	const char *jku;
	/* Seconds since 1970.  Keys of certificates that count inside their dates only are judged by it. */
	int64_t now;
	struct mem *mem; /* where the payload will live */
};

enum jose_result {
	JOSE_BAD = -1,
	JOSE_OK = 0,
	JOSE_NEED_KEYS = 1, /* well-formed, but names a key that the set does not hold; *e says which */
};

/* What was signed.  All of it is given back with mem. */
struct jose_token {
	const char *alg;
	const json_t *typ;      /* the header's, of any type; NULL: it has none */
	const char *key_issuer; /* what the key that signed it says of whose tokens it signs; NULL: nothing */
	struct str text;        /* the payload's bytes */
	json_t *claims;         /* the payload as a JSON object */
};

/* A JSON Web Token: the payload is a JSON object (RFC 7519 7.2).  The caller judges its claims. */
enum jose_result jose_verify(
    const struct jose_check *c, struct str token, struct jose_token *out, struct err *e) MUST_CHECK;

/* The same for any payload: out->claims stays NULL. */
enum jose_result jose_verify_text(
    const struct jose_check *c, struct str token, struct jose_token *out, struct err *e) MUST_CHECK;

/*
 * What a token says of itself, proven by nothing: good for choosing whose keys
 * to hold it against, and for nothing else.  Lives in m; NULL: it is no JSON
 * Web Token.
 */
json_t *jose_unproven(struct str token, struct mem *m);

/*
 * Parse JSON that came from outside: at most max bytes, duplicates rejected,
 * depth bounded, no NUL, an object at the top.  NULL and *e (reason r)
 * otherwise; the sentence holds nothing of the text.  The caller owns the
 * result.
 */
json_t *jose_json(struct str text, size_t max, enum reason r, struct err *e) MUST_CHECK;

#endif
