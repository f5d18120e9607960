/*
 * tests/fuzz/signed.h - tokens that a provider signed, with the key of RFC 7515 A.3
 */
#ifndef FUZZ_SIGNED_H
#define FUZZ_SIGNED_H
#include <assert.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "conf/mem.h"
#include "conf/secret.h"

static const char signed_set[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

/* RFC 7515 A.3.1. */
static inline EVP_PKEY *
signed_key(void)
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

/* The token with this header (base64url) and payload. */
static inline struct str
signed_token(const char *header, struct str payload, struct mem *m)
{
	static EVP_PKEY *key;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[80], raw[64];
	const unsigned char *at = der;
	size_t n = sizeof(der);
	char *b64 = mem_alloc(m, secret_b64_size(payload.n)), sig[90], *input;
	ECDSA_SIG *s;

	if (key == NULL)
		key = signed_key();
	(void)secret_b64(b64, payload.p, payload.n);
	input = mem_printf(m, "%s.%s", header, b64);
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

#endif
