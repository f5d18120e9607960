/*
 * tests/fuzz/fuzz_accesstoken.c - signed claims of every shape, for every kind of provider
 *
 * The first byte chooses the kind and whether the header says at+jwt; the rest
 * is what the provider signed (here with the key of RFC 7515 A.3).  Whoever
 * comes out of it is asked again, in another way: issuer, audience and time,
 * and that nobody is both a program and a person.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "conf/secret.h"
#include "oidc/accesstoken.h"
#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "oidc/kinds.h"

#define NOW    INT64_C(1767225600)
#define ISSUER "https://login.microsoftonline.com/aaaa1111-bbbb-4ccc-8ddd-eeee22223333/v2.0"
#define TWIN   "https://sts.windows.net/aaaa1111-bbbb-4ccc-8ddd-eeee22223333/"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char set[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
static const char *algs[] = { "ES256" }, *audience[] = { "api" };

static EVP_PKEY *make_key(void);
static struct str sign(struct str, bool profile, struct mem *);
static void check_principal(const struct principal *);
static void check_list(const struct str *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jwks *keys;
	struct conf_provider p = { .name = "main",
		.client_id = "wf",
		.access_token_signed_alg = { 1, algs },
		.audience = { 1, audience },
		.clock_tolerance = 60000 };
	struct err e = { .reason = REASON_NONE };
	struct str token;
	json_t *claims;
	struct accesstoken_check c = { .provider = &p, .issuer = ISSUER, .now = NOW };
	const struct principal *who;
	size_t n_kinds = 0;

	if (size == 0)
		return 0;
	while (kinds[n_kinds].name != NULL)
		n_kinds++;
	if (keys == NULL)
		keys = jwks_parse(str_of(set), &e);
	assert(keys != NULL);
	p.kind = kinds[(data[0] & 15) % n_kinds].name;
	c.keys = keys;
	c.mem = mem_new(1 << 20);
	token = sign((struct str){ (const char *)data + 1, size - 1 }, (data[0] & 16) != 0, c.mem);
	claims = jose_unproven(token, c.mem);
	if (accesstoken_verify(&c, token, &who, &e) == ACCESSTOKEN_OK) {
		check_principal(who);
		assert(claims != NULL && accesstoken_names(&c, claims));
	} else
		assert(who == NULL && e.reason != REASON_NONE && e.text[0] != '\0');
	mem_free(&c.mem);
	return 0;
}

static void
check_principal(const struct principal *p)
{
	const json_t *aud = principal_claim(p, "aud");
	bool ours = json_is_string(aud) && strcmp(json_string_value(aud), "api") == 0;

	for (size_t n = 0; n < json_array_size(aud); n++)
		ours = ours || strcmp(json_string_value(json_array_get(aud, n)), "api") == 0;
	assert(ours);
	assert(str_is(p->issuer, STR(ISSUER)) || str_is(p->issuer, STR(TWIN)));
	assert(principal_claim(p, "events") == NULL && principal_claim(p, "cnf") == NULL);
	assert(p->times.expires > NOW - 60 && p->times.expires <= INT64_C(1) << 53);
	assert(p->times.begins >= 0 && p->times.begins <= NOW + 60);
	assert((p->kind == PRINCIPAL_USER) == (p->username.n > 0));
	assert(p->kind == PRINCIPAL_USER || p->app_id.n > 0);
	assert(p->subject.p != NULL && p->app_id.p != NULL && p->username.p != NULL);
	for (size_t n = 0; n < p->username.n; n++)
		assert((unsigned char)p->username.p[n] >= 0x20 && p->username.p[n] != 0x7f);
	check_list(p->scopes, p->n_scopes);
	check_list(p->roles, p->n_roles);
	(void)principal_claim(p, "a.b.c");
}

static void
check_list(const struct str *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert(list[i].n > 0 && memchr(list[i].p, '\0', list[i].n) == NULL);
}

/* The token whose payload is `payload`. */
static struct str
sign(struct str payload, bool profile, struct mem *m)
{
	static EVP_PKEY *key;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[80], raw[64];
	const unsigned char *at = der;
	size_t n = sizeof(der);
	char *b64 = mem_alloc(m, secret_b64_size(payload.n)), sig[90], *input;
	ECDSA_SIG *s;

	if (key == NULL)
		key = make_key();
	(void)secret_b64(b64, payload.p, payload.n);
	/* {"alg":"ES256"}, {"alg":"ES256","typ":"at+jwt"} */
	input = mem_printf(
	    m, "%s.%s", profile ? "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9" : "eyJhbGciOiJFUzI1NiJ9", b64);
	assert(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
	assert(EVP_DigestSign(ctx, der, &n, (const unsigned char *)input, strlen(input)) == 1);
	EVP_MD_CTX_free(ctx);
	s = d2i_ECDSA_SIG(NULL, &at, (long)n);
	assert(s != NULL);
	assert(BN_bn2binpad(ECDSA_SIG_get0_r(s), raw, 32) == 32);
	assert(BN_bn2binpad(ECDSA_SIG_get0_s(s), raw + 32, 32) == 32);
	ECDSA_SIG_free(s);
	(void)secret_b64(sig, raw, sizeof(raw));
	return str_of(mem_printf(m, "%s.%s", input, sig));
}

/* RFC 7515 A.3.1. */
static EVP_PKEY *
make_key(void)
{
	unsigned char d[40], pub[80] = { 4 };
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params;
	EVP_PKEY *key = NULL;
	BIGNUM *bn;

	assert(secret_unb64(d, STR("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")) == 32);
	assert(secret_unb64(pub + 1, STR("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU")) == 32);
	assert(secret_unb64(pub + 33, STR("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")) == 32);
	bn = BN_bin2bn(d, 32, NULL);
	assert(OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1);
	assert(OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, pub, 65) == 1);
	assert(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, bn) == 1);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert(EVP_PKEY_fromdata_init(ctx) == 1);
	assert(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(bn);
	return key;
}
