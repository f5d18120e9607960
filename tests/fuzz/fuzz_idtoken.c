/*
 * tests/fuzz/fuzz_idtoken.c - signed claims of every shape, and userinfo
 *
 * The input is what a provider signed (here with the key of RFC 7515 A.3),
 * and behind a NUL what it said as userinfo.  Whoever comes out of it is the
 * one of this sign-in: issuer, audience, nonce and time are asked again, in
 * another way.
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
#include "oidc/identity.h"
#include "oidc/idtoken.h"
#include "oidc/jwks.h"

#define NOW INT64_C(1767225600)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char set[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
static const char *names[] = { "ES256" }, *claims[] = { "preferred_username", "email", "person.name" };
static const struct conf_strings algs = { 1, names }, usernames = { 3, claims };

static EVP_PKEY *make_key(void);
static struct str sign(struct str, struct mem *);
static void check_identity(const struct identity *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	const char *nul = memchr(text.p == NULL ? "" : text.p, '\0', size);
	struct mem *m = mem_new(1 << 20);
	struct err e = { .reason = REASON_NONE };
	static struct jwks *keys;
	struct idtoken_check c = { .issuer = "https://op.example.com",
		.client_id = "wf",
		.nonce = STR("n-1"),
		.algs = &algs,
		.username_claim = &usernames,
		.access_token = STR("example-access-token"),
		.tolerance = 60,
		.now = NOW,
		.mem = m };
	const struct identity *i;

	if (nul != NULL) {
		c.userinfo = mem_text(m, str_from(text, (size_t)(nul - text.p) + 1));
		text.n = (size_t)(nul - text.p);
	}
	if (keys == NULL)
		keys = jwks_parse(str_of(set), &e);
	assert(keys != NULL);
	c.keys = keys;
	if (idtoken_verify(&c, sign(text, m), &i, &e) == IDTOKEN_OK)
		check_identity(i);
	else
		assert(i == NULL && e.reason != REASON_NONE && e.text[0] != '\0');
	mem_free(&m);
	return 0;
}

static void
check_identity(const struct identity *i)
{
	struct str name = identity_username(i), sub = identity_subject(i);
	const json_t *aud = identity_claim(i, "aud");
	bool ours = false;

	assert(str_is(identity_issuer(i), STR("https://op.example.com")));
	assert(strcmp(json_string_value(identity_claim(i, "iss")), "https://op.example.com") == 0);
	assert(strcmp(json_string_value(identity_claim(i, "nonce")), "n-1") == 0);
	if (json_is_string(aud))
		ours = strcmp(json_string_value(aud), "wf") == 0;
	for (size_t n = 0; n < json_array_size(aud); n++)
		ours = ours || strcmp(json_string_value(json_array_get(aud, n)), "wf") == 0;
	assert(ours);
	assert(identity_expires(i) > NOW - 60 && identity_expires(i) <= INT64_C(1) << 53);
	assert(identity_auth_time(i) >= 0 && identity_auth_time(i) <= INT64_C(1) << 53);
	assert(sub.n > 0 && sub.n <= IDTOKEN_SUBJECT_MAX && strlen(sub.p) == sub.n);
	assert(name.n > 0 && name.p[0] != ' ' && name.p[name.n - 1] != ' ');
	for (size_t n = 0; n < name.n; n++)
		assert((unsigned char)name.p[n] >= 0x20 && name.p[n] != 0x7f);
	assert(identity_provider_sid(i).p != NULL);
	(void)identity_claim(i, "a.b.c");
}

/* The token whose payload is `payload`. */
static struct str
sign(struct str payload, struct mem *m)
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
	input = mem_printf(m, "eyJhbGciOiJFUzI1NiJ9.%s", b64);
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
