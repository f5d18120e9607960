/*
 * tests/unit/signed.h - tokens of all kinds, held against a set of keys
 *
 * For the tests of oidc/jose.c: one key of each kind, made once; hold() says
 * which of them the provider publishes, verify() what becomes of a token.
 */
#ifndef TESTS_SIGNED_H
#define TESTS_SIGNED_H
#include <stdlib.h>

#include <openssl/err.h>

#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "tests/unit/tokens.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static EVP_PKEY *rsa, *rsa2, *p256, *p384, *p521;
static struct mem *m;
static struct err e;
static struct jwks *keys;

static const char *every_name[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
	"ES512" };
static const struct conf_strings every = { 9, every_name };
static const struct conf_strings rs256 = { 1, every_name };

static inline void
make_keys(void)
{
	rsa = EVP_RSA_gen(2048U);
	rsa2 = EVP_RSA_gen(2048U);
	p256 = EVP_EC_gen("P-256");
	p384 = EVP_EC_gen("P-384");
	p521 = EVP_EC_gen("P-521");
}

static inline void
drop_keys(void)
{
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(rsa2);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(p521);
}

static inline void
setup(void)
{
	m = mem_new(1 << 20);
	e = (struct err){ .reason = REASON_NONE };
	keys = NULL;
}

static inline void
teardown(void)
{
	jwks_free(&keys);
	mem_free(&m);
}

/* The set of this test: JWKs joined by commas. */
static inline void
hold(const char *list)
{
	jwks_free(&keys);
	keys = jwks_parse(str_of(mem_printf(m, "{\"keys\":[%s]}", list)), &e);
	ck_assert_msg(keys != NULL, "%s", e.text);
}

static inline enum jose_result
verify(const struct conf_strings *algs, struct str token)
{
	/* Behind the token nothing may be read: it is copied to the end of its own allocation. */
	char *exact = xmalloc(token.n);
	const struct jose_check c = { .algs = algs, .keys = keys, .mem = m };
	struct jose_token t;
	enum jose_result r;

	if (token.n > 0)
		memcpy(exact, token.p, token.n);
	e = (struct err){ .reason = REASON_NONE };
	r = jose_verify(&c, (struct str){ exact, token.n }, &t, &e);
	free(exact);
	ck_assert_msg(ERR_peek_error() == 0, "the error queue of OpenSSL is left full");
	if (r == JOSE_OK)
		ck_assert(json_is_object(t.claims));
	else
		ck_assert_msg(e.reason != REASON_NONE && e.text[0] != '\0', "refused without a word");
	return r;
}

static inline void
expect(const char *what, enum jose_result got, enum jose_result want, enum reason reason)
{
	ck_assert_msg(got == want, "%s: got %d, want %d (%s: %s)", what, (int)got, (int)want,
	    reason_word(e.reason), e.text);
	if (want != JOSE_OK)
		ck_assert_msg(e.reason == reason, "%s: got %s, want %s (%s)", what, reason_word(e.reason),
		    reason_word(reason), e.text);
}

static inline struct str
sign(const char *header, const char *payload)
{
	return token_of(m, rsa, "RS256", str_of(header), str_of(payload));
}

#endif
