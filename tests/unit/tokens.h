/*
 * tests/unit/tokens.h - keys and tokens made for a test
 *
 * Every key is made here, by OpenSSL, and signing does not go through cjose:
 * what the tests compare are two implementations.
 */
#ifndef TESTS_TOKENS_H
#define TESTS_TOKENS_H
#include <check.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "conf/mem.h"
#include "conf/secret.h"

static inline char *
token_b64(struct mem *m, const void *bytes, size_t n)
{
	char *text = mem_alloc(m, secret_b64_size(n));

	(void)secret_b64(text, bytes, n);
	return text;
}

/* base64url of one parameter of a key, in at least `size` bytes. */
static inline char *
token_param(struct mem *m, EVP_PKEY *key, const char *name, size_t size)
{
	unsigned char bytes[2048];
	BIGNUM *n = NULL;
	size_t used;

	ck_assert_int_eq(EVP_PKEY_get_bn_param(key, name, &n), 1);
	used = (size_t)BN_num_bytes(n) > size ? (size_t)BN_num_bytes(n) : size;
	ck_assert_uint_le(used, sizeof(bytes));
	ck_assert_int_eq(BN_bn2binpad(n, bytes, (int)used), (int)used);
	BN_free(n);
	return token_b64(m, bytes, used);
}

static inline const char *
token_curve(EVP_PKEY *key)
{
	int bits = EVP_PKEY_get_bits(key);

	return bits == 256 ? "P-256" : bits == 384 ? "P-384" : "P-521";
}

/* The public key as a JWK; `more` is put behind its members, e.g. ",\"kid\":\"a\"". */
static inline char *
token_jwk(struct mem *m, EVP_PKEY *key, const char *more)
{
	size_t size = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;

	if (EVP_PKEY_is_a(key, "RSA"))
		return mem_printf(m, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}",
		    token_param(m, key, OSSL_PKEY_PARAM_RSA_N, 0),
		    token_param(m, key, OSSL_PKEY_PARAM_RSA_E, 0), more);
	return mem_printf(m, "{\"kty\":\"EC\",\"crv\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"%s}", token_curve(key),
	    token_param(m, key, OSSL_PKEY_PARAM_EC_PUB_X, size),
	    token_param(m, key, OSSL_PKEY_PARAM_EC_PUB_Y, size), more);
}

/* RFC 7518 3.4: r and s, each in the curve's size, where OpenSSL has DER. */
static inline size_t
token_raw_ecdsa(EVP_PKEY *key, unsigned char *sig, size_t n)
{
	int size = (EVP_PKEY_get_bits(key) + 7) / 8;
	const unsigned char *der = sig;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)n);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, size), size);
	ck_assert_int_eq(BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + size, size), size);
	ECDSA_SIG_free(s);
	return 2 * (size_t)size;
}

/* The signature of `input` under alg, into out[1100]; returns its length. */
static inline size_t
token_signature(EVP_PKEY *key, const char *alg, struct str input, unsigned char *out)
{
	const EVP_MD *md = strcmp(alg + 2, "512") == 0   ? EVP_sha512()
			   : strcmp(alg + 2, "384") == 0 ? EVP_sha384()
							 : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	size_t n = 1100;

	ck_assert_int_eq(EVP_DigestSignInit(ctx, &pctx, md, NULL, key), 1);
	if (alg[0] == 'P') {
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
		ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	ck_assert_int_eq(EVP_DigestSign(ctx, out, &n, (const unsigned char *)input.p, input.n), 1);
	EVP_MD_CTX_free(ctx);
	return EVP_PKEY_is_a(key, "EC") ? token_raw_ecdsa(key, out, n) : n;
}

/* base64url(header).base64url(payload).signature, whatever header and payload are. */
static inline struct str
token_of(struct mem *m, EVP_PKEY *key, const char *alg, struct str header, struct str payload)
{
	unsigned char sig[1100];
	char *input =
	    mem_printf(m, "%s.%s", token_b64(m, header.p, header.n), token_b64(m, payload.p, payload.n));
	size_t n = token_signature(key, alg, str_of(input), sig);

	return str_of(mem_printf(m, "%s.%s", input, token_b64(m, sig, n)));
}

#endif
