/* oidc/jwks.c, oidc/jwk.c: which keys of a provider's document may ever verify anything */
#include <stdlib.h>

#include <openssl/err.h>

#include "conf/log.h"
#include "oidc/jose.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"
#include "tests/unit/tokens.h"

static struct mem *m;
static struct err e;
static EVP_PKEY *rsa, *p256, *p384;

/* Parts of a strong RSA key, of P-256 and P-384, as members of a JWK. */
static const char *n, *x, *y, *x384, *y384;

static void
make_keys(void)
{
	const struct log_setup quiet = { LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, "-", "off" };

	ck_assert_int_eq(log_open(&quiet, &e), 0); /* what is left out is warned about */
	rsa = EVP_RSA_gen(2048U);
	p256 = EVP_EC_gen("P-256");
	p384 = EVP_EC_gen("P-384");
}

static void
drop_keys(void)
{
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p256);
	EVP_PKEY_free(p384);
}

static void
setup(void)
{
	m = mem_new(1 << 20);
	e = (struct err){ .reason = REASON_NONE };
	n = token_param(m, rsa, OSSL_PKEY_PARAM_RSA_N, 0);
	x = token_param(m, p256, OSSL_PKEY_PARAM_EC_PUB_X, 32);
	y = token_param(m, p256, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
	x384 = token_param(m, p384, OSSL_PKEY_PARAM_EC_PUB_X, 48);
	y384 = token_param(m, p384, OSSL_PKEY_PARAM_EC_PUB_Y, 48);
}

static void
teardown(void)
{
	mem_free(&m);
}

/* How many keys a document has; -1: it is refused. */
static int
count(const char *text)
{
	size_t size = strlen(text);
	char *exact = xmalloc(size);
	struct jwks *k;
	int r = -1;

	memcpy(exact, text, size);
	k = jwks_parse((struct str){ exact, size }, &e);
	free(exact);
	ck_assert_msg(ERR_peek_error() == 0, "the error queue of OpenSSL is left full");
	if (k != NULL)
		r = (int)jwks_count(k);
	else
		ck_assert_msg(
		    e.reason == REASON_PROVIDER_ANSWER && strncmp(e.text, "key set: ", 9) == 0, "%s", e.text);
	jwks_free(&k);
	ck_assert_ptr_null(k);
	return r;
}

static int
count_keys(const char *list)
{
	return count(mem_printf(m, "{\"keys\":[%s]}", list));
}

/* --- one key ---------------------------------------------------------------- */

/* @N, @X, @Y stand for the numbers of the good keys, @x and @y for P-384's. */
static const struct {
	const char *jwk;
	bool good;
} table[] = {
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\"}", true },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"Aw\"}", true },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X\",\"y\":\"@Y\"}", true },
	{ "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"@x\",\"y\":\"@y\"}", true },
	/* how the vendors write them: Entra, AD FS, Keycloak, XSUAA, Okta */
	{ "{\"kty\":\"RSA\",\"use\":\"sig\",\"kid\":\"k\",\"x5t\":\"k\",\"n\":\"@N\",\"e\":\"AQAB\","
	  "\"x5c\":[\"MIIC\"],\"issuer\":\"https://login.microsoftonline.com/{tenantid}/v2.0\"}",
	    true },
	{ "{\"kty\":\"RSA\",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"k\",\"x5t\":\"k\",\"n\":\"@N\","
	  "\"e\":\"AQAB\",\"x5c\":[]}",
	    true },
	{ "{\"kid\":\"k\",\"kty\":\"RSA\",\"alg\":\"RS256\",\"use\":\"sig\",\"n\":\"@N\",\"e\":\"AQAB\","
	  "\"x5t\":\"a\",\"x5t#S256\":\"b\"}",
	    true },
	{ "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"use\":\"sig\",\"kid\":\"default-jwt-key-1\",\"alg\":\"RS256\","
	  "\"value\":\"-----BEGIN PUBLIC KEY-----\\n\",\"n\":\"@N\"}",
	    true },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"x5t\":\"\",\"x5t#S256\":7,\"exp\":null}", true },
	/* purpose */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"key_ops\":[\"verify\"]}", true },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"key_ops\":[\"encrypt\",\"verify\"]}", true },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"key_ops\":[]}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"key_ops\":[\"sign\"]}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"key_ops\":[\"Verify\"]}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"key_ops\":\"verify\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"key_ops\":null}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"use\":\"enc\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"use\":\"SIG\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"use\":[\"sig\"]}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"use\":\"enc\",\"key_ops\":[\"verify\"]}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"use\":\"sig\",\"key_ops\":[\"wrapKey\"]}", false },
	/* alg */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"alg\":\"PS512\"}", true },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"alg\":\"RSA-OAEP\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"alg\":\"HS256\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"alg\":\"none\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"alg\":\"rs256\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"alg\":\"ES256\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"alg\":1}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X\",\"y\":\"@Y\",\"alg\":\"ES256\"}", true },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X\",\"y\":\"@Y\",\"alg\":\"ES384\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X\",\"y\":\"@Y\",\"alg\":\"RS256\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X\",\"y\":\"@Y\",\"alg\":\"ECDH-ES\"}", false },
	/* kid */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"kid\":\"\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"kid\":5}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"kid\":null}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"kid\":\"a\\tb\"}", false },
	/* kty */
	{ "{\"n\":\"@N\",\"e\":\"AQAB\"}", false },
	{ "{\"kty\":\"rsa\",\"n\":\"@N\",\"e\":\"AQAB\"}", false },
	{ "{\"kty\":[\"RSA\"],\"n\":\"@N\",\"e\":\"AQAB\"}", false },
	{ "{\"kty\":\"EC\",\"n\":\"@N\",\"e\":\"AQAB\"}", false },
	{ "{\"kty\":\"RSA\",\"crv\":\"P-256\",\"x\":\"@X\",\"y\":\"@Y\"}", false },
	{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"@X\"}", false },
	/* RSA numbers */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\"}", false },
	{ "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":65537}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N=\",\"e\":\"AQAB\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB=\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\" @N\",\"e\":\"AQAB\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQ\"}", false },           /* 1 */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AA\"}", false },           /* 0 */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AAAA\"}", false },         /* 0 */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"Ag\"}", false },           /* 2 */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAA\"}", false },         /* 65536 */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"Ax\"}", false },           /* unused bits */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAAAAAAAAAB\"}", false }, /* 65 bits */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"@N\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", false },
	/* EC numbers */
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"@Y\"}", false },
	{ "{\"kty\":\"EC\",\"x\":\"@X\",\"y\":\"@Y\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@Y\",\"y\":\"@X\"}", false }, /* not on the curve */
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X\",\"y\":\"@X\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@x\",\"y\":\"@y\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"@X\",\"y\":\"@Y\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"@X\",\"y\":\"@Y\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"@X\",\"y\":\"@Y\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"p-256\",\"x\":\"@X\",\"y\":\"@Y\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X=\",\"y\":\"@Y\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
	  "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
	    false },
	/* private parts, published */
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"d\":\"AQAB\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"p\":\"AQAB\"}", false },
	{ "{\"kty\":\"RSA\",\"n\":\"@N\",\"e\":\"AQAB\",\"oth\":[]}", false },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"@X\",\"y\":\"@Y\",\"d\":\"@X\"}", false },
	/* no objects */
	{ "null", false },
	{ "[]", false },
	{ "\"RSA\"", false },
	{ "{}", false },
};

static const char *
fill_in(const char *jwk)
{
	const char *out = "";

	for (const char *at; (at = strchr(jwk, '@')) != NULL; jwk = at + 2) {
		const char *with = at[1] == 'N'   ? n
				   : at[1] == 'X' ? x
				   : at[1] == 'Y' ? y
				   : at[1] == 'x' ? x384
						  : y384;

		out = mem_printf(m, "%s%.*s%s", out, (int)(at - jwk), jwk, with);
	}
	return mem_printf(m, "%s%s", out, jwk);
}

START_TEST(a_key_is_kept_when_it_could_verify_something)
{
	const char *jwk = fill_in(table[_i].jwk);

	ck_assert_msg(count_keys(jwk) == (table[_i].good ? 1 : -1), "%s", jwk);
	/* Left out, it does not spoil the set: beside a good key it is ignored. */
	ck_assert_msg(count_keys(mem_printf(m, "%s,%s", jwk, token_jwk(m, rsa, ",\"kid\":\"other\""))) ==
			  (table[_i].good ? 2 : 1),
	    "%s", jwk);
}
END_TEST

START_TEST(rsa_has_2048_to_8192_bits)
{
	static const struct {
		int bits;
		bool good;
	} sizes[] = { { 512, false }, { 1024, false }, { 2047, false }, { 2048, true }, { 2049, true },
		{ 4096, true }, { 8192, true }, { 8193, false }, { 16384, false } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		BIGNUM *bn = BN_new();
		unsigned char bytes[4096];

		/* Any odd number does: whether it is a product of two primes cannot be seen. */
		ck_assert_int_eq(BN_rand(bn, sizes[i].bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD), 1);
		ck_assert_int_eq(count_keys(mem_printf(m, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}",
				     token_b64(m, bytes, (size_t)BN_bn2bin(bn, bytes)))),
		    sizes[i].good ? 1 : -1);
		ck_assert_int_eq(BN_clear_bit(bn, 0), 1); /* even */
		ck_assert_int_eq(count_keys(mem_printf(m, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}",
				     token_b64(m, bytes, (size_t)BN_bn2bin(bn, bytes)))),
		    -1);
		BN_free(bn);
	}
}
END_TEST

/* CVE-2017-15361: p = k*M + (65537^a mod M) with M the product of the first primes. */
START_TEST(a_key_of_the_roca_generator_is_left_out)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *product = BN_new(), *a = BN_new(), *p = BN_new(), *k = BN_new();
	unsigned char bytes[512];

	for (int off = 0; off < 2; off++) {
		ck_assert_int_eq(BN_one(product), 1);
		for (BN_ULONG q = 2; q <= 701; q++) {
			bool prime = true;

			for (BN_ULONG d = 2; d * d <= q; d++)
				prime = prime && q % d != 0;
			if (prime)
				ck_assert_int_eq(BN_mul_word(product, q), 1);
		}
		ck_assert_int_eq(BN_rand(a, 200, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY), 1);
		ck_assert_int_eq(BN_set_word(p, 65537), 1);
		ck_assert_int_eq(BN_mod_exp(p, p, a, product, ctx), 1);
		ck_assert_int_eq(
		    BN_rand(k, 2048 - BN_num_bits(product), BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY), 1);
		ck_assert_int_eq(BN_mul(k, k, product, ctx), 1);
		ck_assert_int_eq(BN_add(p, p, k), 1);
		ck_assert_int_eq(
		    BN_add_word(p, (BN_ULONG)(off * 4)), 1); /* no power of 65537 any more, still odd */
		ck_assert_int_eq(BN_num_bits(p), 2048);
		ck_assert_int_eq(count_keys(mem_printf(m, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}",
				     token_b64(m, bytes, (size_t)BN_bn2bin(p, bytes)))),
		    off == 0 ? -1 : 1);
	}
	BN_free(product);
	BN_free(a);
	BN_free(p);
	BN_free(k);
	BN_CTX_free(ctx);
}
END_TEST

/* SAP's XSUAA writes n with a zero octet in front; signatures keep the modulus's length. */
START_TEST(a_zero_octet_before_n_changes_nothing)
{
	unsigned char bytes[300] = { 0 };
	long size = secret_unb64(bytes + 1, str_of(n));
	struct str t = token_of(m, rsa, "RS256", STR("{\"alg\":\"RS256\"}"), STR("{}"));
	static const char *rs256[] = { "RS256" };
	const struct conf_strings algs = { 1, rs256 };
	struct jose_check c = { .algs = &algs, .mem = m };
	struct jose_token out;
	struct jwks *k;

	ck_assert_int_eq(size, 256);
	k = jwks_parse(str_of(mem_printf(m, "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AAEAAQ\"}]}",
			   token_b64(m, bytes, 257))),
	    &e);
	ck_assert_ptr_nonnull(k);
	c.keys = k;
	ck_assert_msg(jose_verify(&c, t, &out, &e) == JOSE_OK, "%s", e.text);
	jwks_free(&k);
}
END_TEST

/* RFC 7518 6.2.1.2: an EC coordinate has its curve's length, no octet more. */
START_TEST(a_zero_octet_before_x_or_y_is_refused)
{
	unsigned char bx[40] = { 0 }, by[40] = { 0 };

	ck_assert_int_eq(secret_unb64(bx + 1, str_of(x)), 32);
	ck_assert_int_eq(secret_unb64(by + 1, str_of(y)), 32);
	for (int zeros = 0; zeros < 4; zeros++)
		ck_assert_int_eq(
		    count_keys(mem_printf(m, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}",
			token_b64(m, bx + (zeros & 1 ? 0 : 1), zeros & 1 ? 33 : 32),
			token_b64(m, by + (zeros & 2 ? 0 : 1), zeros & 2 ? 33 : 32))),
		    zeros == 0 ? 1 : -1);
}
END_TEST

/* --- the set ---------------------------------------------------------------- */

START_TEST(a_document_that_is_no_set_is_refused)
{
	static const char *const texts[] = { "", "{}", "[]", "null", "{\"keys\":{}}", "{\"keys\":null}",
		"{\"keys\":[]}", "{\"keys\":\"\"}", "{\"Keys\":[]}", "{\"keys\":[null,1,\"a\",[],{}]}",
		"{\"keys\":[],\"keys\":[]}", "{\"keys\":[]", "{\"keys\":[]}x", "<html></html>",
		"\xef\xbb\xbf{}",
		"{\"keys\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(count(texts[i]) == -1, "%s", texts[i]);
}
END_TEST

START_TEST(unknown_members_of_a_set_are_ignored)
{
	ck_assert_int_eq(
	    count(mem_printf(m, "{\"a\":{\"keys\":1},\"keys\":[%s],\"z\":[]}", token_jwk(m, rsa, ""))), 1);
	ck_assert_int_eq(count(mem_printf(m, "{\"keys\":[%s],\"keys\":[%s]}", token_jwk(m, rsa, ""),
			     token_jwk(m, rsa, ""))),
	    -1);
	ck_assert_int_eq(count_keys(token_jwk(m, rsa, ",\"kty\":\"RSA\"")), -1);
}
END_TEST

START_TEST(a_set_with_one_name_for_two_keys_is_refused)
{
	const char *a = token_jwk(m, rsa, ",\"kid\":\"a\""), *ec = token_jwk(m, p256, ",\"kid\":\"a\"");

	ck_assert_int_eq(count_keys(mem_printf(m, "%s,%s", a, a)), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "kid a"));
	ck_assert_int_eq(
	    count_keys(mem_printf(m, "%s,%s", a, token_jwk(m, rsa, ",\"kid\":\"a\",\"alg\":\"PS256\""))), -1);
	ck_assert_int_eq(
	    count_keys(mem_printf(m, "%s,%s,%s", ec, a, token_jwk(m, p384, ",\"kid\":\"a\""))), -1);
	ck_assert_int_eq(count_keys(mem_printf(m, "%s,%s", a, ec)), 2);
	ck_assert_int_eq(count_keys(mem_printf(m, "%s,%s", a, token_jwk(m, rsa, ",\"kid\":\"A\""))), 2);
	ck_assert_int_eq(count_keys(mem_printf(m, "%s,%s", token_jwk(m, rsa, ""), token_jwk(m, rsa, ""))), 2);
	/* Keycloak's encryption key is no second one. */
	ck_assert_int_eq(count_keys(mem_printf(m, "%s,%s", a,
			     token_jwk(m, rsa, ",\"kid\":\"a\",\"use\":\"enc\",\"alg\":\"RSA-OAEP\""))),
	    1);
}
END_TEST

START_TEST(a_set_that_publishes_a_secret_is_refused)
{
	const char *oct = "{\"kty\":\"oct\",\"k\":\"AAAA\"}";

	ck_assert_int_eq(count_keys(oct), -1);
	ck_assert_int_eq(count_keys(mem_printf(m, "%s,%s", oct, token_jwk(m, rsa, ""))), -1);
	ck_assert_int_eq(count_keys(mem_printf(m, "%s,%s", token_jwk(m, rsa, ""), oct)), -1);
}
END_TEST

static const char *
repeat(const char *one, int times)
{
	size_t room = (size_t)times * (strlen(one) + 12) + 1, used = 0;
	char *out = mem_zalloc(m, room);

	for (int i = 0; i < times; i++)
		used += (size_t)snprintf(out + used, room - used, "%s%s", i == 0 ? "" : ",", one);
	return out;
}

START_TEST(a_set_is_bounded)
{
	const char *key = token_jwk(m, p256, "");

	ck_assert_int_eq(count_keys(repeat(key, JWKS_KEYS_MAX)), JWKS_KEYS_MAX);
	ck_assert_int_eq(count_keys(repeat(key, JWKS_KEYS_MAX + 1)), -1);
	ck_assert_int_eq(count_keys(repeat("{}", 10000)), -1);
	ck_assert_int_eq(count(mem_printf(m, "{\"x\":\"%s\",\"keys\":[%s]}", repeat("x", 120000), key)), 1);
	ck_assert_int_eq(count(mem_printf(m, "{\"x\":\"%s\",\"keys\":[%s]}", repeat("x", 140000), key)), -1);
}
END_TEST

#define COUNT(t) (int)(sizeof(t) / sizeof((t)[0]))

static Suite *
suite(void)
{
	Suite *s = suite_create("oidc/jwks");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_key_is_kept_when_it_could_verify_something, 0, COUNT(table));
	tcase_add_test(t, rsa_has_2048_to_8192_bits);
	tcase_add_test(t, a_key_of_the_roca_generator_is_left_out);
	tcase_add_test(t, a_zero_octet_before_n_changes_nothing);
	tcase_add_test(t, a_zero_octet_before_x_or_y_is_refused);
	tcase_add_test(t, a_document_that_is_no_set_is_refused);
	tcase_add_test(t, unknown_members_of_a_set_are_ignored);
	tcase_add_test(t, a_set_with_one_name_for_two_keys_is_refused);
	tcase_add_test(t, a_set_that_publishes_a_secret_is_refused);
	tcase_add_test(t, a_set_is_bounded);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
