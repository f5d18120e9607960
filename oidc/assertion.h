/*
 * oidc/assertion.h - a client's proof of who it is, signed for one request
 *
 * client_secret_jwt and private_key_jwt (OpenID Connect Core 9, RFC 7523 2.2
 * and 3): a JSON Web Token about ourselves, made anew each time, good for
 * minutes and once (`jti`).  The algorithm follows from the key and the kind of
 * provider; the header names the key by `x5t` and `x5t#S256` where there is a
 * certificate, and by `kid` where the configuration has one.
 *
 * No network, no clock (`now` is given).  Thread-safe.
 */
#ifndef OIDC_ASSERTION_H
#define OIDC_ASSERTION_H
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

#define ASSERTION_LIFE 240 /* seconds: Auth0 takes 300 at most, and clocks differ */
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

struct assertion {
	const char *token_endpoint;
	const char *issuer; /* of the provider */
	int64_t now;        /* seconds since 1970 */
};

/*
 * For AUTH_METHOD_SECRET_JWT and AUTH_METHOD_KEY_JWT; with any other method
 * out->p is NULL.  The text lives in m and is wiped with it.  -1 with
 * REASON_SYSTEM: it cannot be signed.
 */
int assertion_print(const struct conf_provider *c, const struct assertion *a, struct mem *m, struct str *out,
    struct err *e) MUST_CHECK;

#endif
