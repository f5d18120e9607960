/* oidc/jose.c: which key may have made a signature, and how long it is; threads */
#include <pthread.h>

#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "tests/unit/signed.h"

/* --- the key ---------------------------------------------------------------- */

/* CVE-2016-10555: the public key, which everybody has, as an HMAC secret. */
START_TEST(a_public_key_is_never_a_secret)
{
	static const char *hs[] = { "HS256", "RS256", "none" };
	const struct conf_strings generous = { 3, hs };
	const char *input =
	    mem_printf(m, "%s.%s", token_b64(m, "{\"alg\":\"HS256\"}", 15), token_b64(m, "{}", 2));
	unsigned char *der = NULL, mac[32];
	unsigned n;
	int der_size = i2d_PUBKEY(rsa, &der);
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long pem_size;

	ck_assert_int_gt(der_size, 0);
	ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, rsa), 1);
	pem_size = BIO_get_mem_data(bio, &pem);
	hold(token_jwk(m, rsa, ""));
	for (int i = 0; i < 3; i++) {
		const void *secret = i == 0   ? (const void *)der
				     : i == 1 ? (const void *)pem
					      : (const void *)"";
		int size = i == 0 ? der_size : i == 1 ? (int)pem_size : 0;
		struct str t;

		ck_assert_ptr_nonnull(
		    HMAC(EVP_sha256(), secret, size, (const unsigned char *)input, strlen(input), mac, &n));
		t = str_of(mem_printf(m, "%s.%s", input, token_b64(m, mac, n)));
		expect("HS256", verify(&rs256, t), JOSE_BAD, REASON_TOKEN_ALG);
		expect("HS256 in the list", verify(&generous, t), JOSE_BAD, REASON_TOKEN_KEY);
	}
	expect("none in the list", verify(&generous, sign("{\"alg\":\"none\"}", "{}")), JOSE_BAD,
	    REASON_TOKEN_KEY);
	expect("none, unsigned",
	    verify(&generous, str_of(mem_printf(m, "%s.e30.", token_b64(m, "{\"alg\":\"none\"}", 14)))),
	    JOSE_BAD, REASON_TOKEN_MALFORMED);
	OPENSSL_free(der);
	BIO_free(bio);
}
END_TEST

static const struct {
	const char *name;
	const char *more1, *more2; /* what the JWKs of rsa and rsa2 say besides */
	const char *header;        /* of a token that rsa signs */
	enum jose_result want;
	enum reason reason;
} choices[] = {
	{ "kid-absent-single-jwks", ",\"kid\":\"a\"", NULL, "", JOSE_OK, REASON_NONE },
	{ "kid-absent-multiple-jwks", ",\"kid\":\"a\"", ",\"kid\":\"b\"", "", JOSE_OK, REASON_NONE },
	{ "keys without kid", "", "", "", JOSE_OK, REASON_NONE },
	{ "kid", ",\"kid\":\"a\"", ",\"kid\":\"b\"", ",\"kid\":\"a\"", JOSE_OK, REASON_NONE },
	{ "another's kid", ",\"kid\":\"a\"", ",\"kid\":\"b\"", ",\"kid\":\"b\"", JOSE_BAD,
	    REASON_TOKEN_SIGNATURE },
	{ "unknown kid", ",\"kid\":\"a\"", ",\"kid\":\"b\"", ",\"kid\":\"c\"", JOSE_NEED_KEYS,
	    REASON_TOKEN_KEY },
	{ "kid, but keys without", "", "", ",\"kid\":\"a\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ "x5t", ",\"x5t\":\"a\"", ",\"x5t\":\"b\"", ",\"x5t\":\"a\"", JOSE_OK, REASON_NONE },
	{ "another's x5t", ",\"x5t\":\"a\"", ",\"x5t\":\"b\"", ",\"x5t\":\"b\"", JOSE_BAD,
	    REASON_TOKEN_SIGNATURE },
	{ "unknown x5t", ",\"x5t\":\"a\"", "", ",\"x5t\":\"c\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ "x5t, but keys without", "", "", ",\"x5t\":\"c\"", JOSE_OK, REASON_NONE },
	{ "x5t#S256 before x5t", ",\"x5t\":\"q\",\"x5t#S256\":\"s\"", "", ",\"x5t\":\"z\",\"x5t#S256\":\"s\"",
	    JOSE_OK, REASON_NONE },
	{ "kid before x5t", ",\"kid\":\"a\",\"x5t\":\"a\"", ",\"x5t\":\"b\"", ",\"kid\":\"a\",\"x5t\":\"b\"",
	    JOSE_OK, REASON_NONE },
	{ "pinned to RS256", ",\"alg\":\"RS256\"", NULL, "", JOSE_OK, REASON_NONE },
	{ "pinned to PS256", ",\"alg\":\"PS256\"", NULL, "", JOSE_BAD, REASON_TOKEN_KEY },
	{ "pinned to RS512", ",\"kid\":\"a\",\"alg\":\"RS512\"", NULL, ",\"kid\":\"a\"", JOSE_BAD,
	    REASON_TOKEN_KEY },
	{ "for encryption", ",\"kid\":\"a\",\"use\":\"enc\"", ",\"kid\":\"b\"", ",\"kid\":\"a\"",
	    JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ "for encryption, no kid", ",\"use\":\"enc\"", "", "", JOSE_BAD, REASON_TOKEN_SIGNATURE },
	{ "key_ops sign", ",\"key_ops\":[\"sign\"]", "", "", JOSE_BAD, REASON_TOKEN_SIGNATURE },
};

START_TEST(the_key_is_the_one_that_the_token_names)
{
	const char *list = token_jwk(m, rsa, choices[_i].more1);

	if (choices[_i].more2 != NULL)
		list = mem_printf(m, "%s,%s", token_jwk(m, rsa2, choices[_i].more2), list);
	hold(list);
	expect(choices[_i].name,
	    verify(&rs256, sign(mem_printf(m, "{\"alg\":\"RS256\"%s}", choices[_i].header), "{}")),
	    choices[_i].want, choices[_i].reason);
}
END_TEST

START_TEST(without_any_keys_they_are_asked_for)
{
	expect("no kid", verify(&rs256, sign("{\"alg\":\"RS256\"}", "{}")), JOSE_NEED_KEYS, REASON_TOKEN_KEY);
	expect("kid", verify(&rs256, sign("{\"alg\":\"RS256\",\"kid\":\"a\"}", "{}")), JOSE_NEED_KEYS,
	    REASON_TOKEN_KEY);
	expect("x5t", verify(&rs256, sign("{\"alg\":\"RS256\",\"x5t\":\"a\"}", "{}")), JOSE_NEED_KEYS,
	    REASON_TOKEN_KEY);
	expect("but not for a bad header", verify(&rs256, sign("{\"alg\":\"none\",\"kid\":\"a\"}", "{}")),
	    JOSE_BAD, REASON_TOKEN_ALG);
}
END_TEST

START_TEST(a_jku_may_name_the_jwks_uri_and_nothing_else)
{
	const char *uri = "https://acme.example/token_keys";
	static const char *const others[] = { "https://acme.example/token_keys/",
		"https://evil.example/token_keys", "HTTPS://acme.example/token_keys",
		"https://acme.example/token_keys#", "" };
	struct jose_check c = { .algs = &rs256, .jku = uri, .mem = m };
	struct jose_token t;

	hold(token_jwk(m, rsa, ""));
	c.keys = keys;
	expect("jku",
	    jose_verify(&c, sign(mem_printf(m, "{\"alg\":\"RS256\",\"jku\":\"%s\"}", uri), "{}"), &t, &e),
	    JOSE_OK, REASON_NONE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		expect(others[i],
		    jose_verify(&c,
			sign(mem_printf(m, "{\"alg\":\"RS256\",\"jku\":\"%s\"}", others[i]), "{}"), &t, &e),
		    JOSE_BAD, REASON_TOKEN_HEADER);
	expect("number", jose_verify(&c, sign("{\"alg\":\"RS256\",\"jku\":1}", "{}"), &t, &e), JOSE_BAD,
	    REASON_TOKEN_HEADER);
}
END_TEST

/* --- the signature's length ------------------------------------------------- */

static void
expect_length(const char *what, const char *alg, size_t n, const unsigned char *bytes)
{
	const char *header = mem_printf(m, "{\"alg\":\"%s\"}", alg);
	struct str t =
	    str_of(mem_printf(m, "%s.e30.%s", token_b64(m, header, strlen(header)), token_b64(m, bytes, n)));

	expect(what, verify(&every, t), JOSE_BAD, n == 0 ? REASON_TOKEN_MALFORMED : REASON_TOKEN_SIGNATURE);
}

START_TEST(a_signature_has_exactly_the_length_of_its_key)
{
	static const size_t lengths[] = { 0, 1, 2, 31, 32, 63, 64, 65, 66, 95, 96, 97, 128, 131, 132, 133,
		255, 256, 257, 512, 4096, 8000 };
	unsigned char *zeros = mem_zalloc(m, 8000), *ones = mem_alloc(m, 8000);

	memset(ones, 0xff, 8000);
	hold(mem_printf(m, "%s,%s,%s,%s", token_jwk(m, rsa, ""), token_jwk(m, p256, ""),
	    token_jwk(m, p384, ""), token_jwk(m, p521, "")));
	for (size_t a = 0; a < every.n; a++)
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			expect_length(
			    "zeros", every.v[a], lengths[i], zeros); /* CVE-2022-21449 with r = s = 0 */
			expect_length("ones", every.v[a], lengths[i], ones);
		}
}
END_TEST

/* A valid ES256 signature with a byte more, a byte less, a zero before r or s, in DER. */
START_TEST(an_es256_signature_is_64_bytes_and_not_its_number)
{
	const char *input = mem_printf(m, "%s.e30", token_b64(m, "{\"alg\":\"ES256\"}", 15));
	unsigned char sig[1100], other[80] = { 0 };
	size_t n = token_signature(p256, "ES256", str_of(input), sig);

	hold(token_jwk(m, p256, ""));
	ck_assert_uint_eq(n, 64);
	expect("valid", verify(&every, str_of(mem_printf(m, "%s.%s", input, token_b64(m, sig, 64)))), JOSE_OK,
	    REASON_NONE);
	expect_length("63", "ES256", 63, sig);
	sig[64] = 0;
	expect_length("65", "ES256", 65, sig);
	memcpy(other + 1, sig, 32);
	memcpy(other + 34, sig + 32, 32);
	expect_length("66, each with a zero before it", "ES256", 66, other);
}
END_TEST

START_TEST(a_curve_verifies_its_own_algorithm_only)
{
	struct str t = token_of(m, p384, "ES384", STR("{\"alg\":\"ES256\"}"), STR("{}"));

	hold(token_jwk(m, p384, ""));
	expect("ES256 by P-384", verify(&every, t), JOSE_BAD, REASON_TOKEN_KEY);
	t = token_of(m, p256, "ES256", STR("{\"alg\":\"RS256\"}"), STR("{}"));
	expect("RS256 by EC", verify(&every, t), JOSE_BAD, REASON_TOKEN_KEY);
	hold(token_jwk(m, rsa, ""));
	expect("ES256 by RSA",
	    verify(&every, token_of(m, p256, "ES256", STR("{\"alg\":\"ES256\"}"), STR("{}"))), JOSE_BAD,
	    REASON_TOKEN_KEY);
	expect("PS256 as RS256",
	    verify(&every, token_of(m, rsa, "PS256", STR("{\"alg\":\"RS256\"}"), STR("{}"))), JOSE_BAD,
	    REASON_TOKEN_SIGNATURE);
}
END_TEST

START_TEST(keys_of_one_kid_and_two_kinds_are_told_apart)
{
	hold(mem_printf(
	    m, "%s,%s", token_jwk(m, p256, ",\"kid\":\"a\""), token_jwk(m, rsa, ",\"kid\":\"a\"")));
	expect("RSA", verify(&every, sign("{\"alg\":\"RS256\",\"kid\":\"a\"}", "{}")), JOSE_OK, REASON_NONE);
	expect("EC",
	    verify(&every, token_of(m, p256, "ES256", STR("{\"alg\":\"ES256\",\"kid\":\"a\"}"), STR("{}"))),
	    JOSE_OK, REASON_NONE);
}
END_TEST

/* --- threads ---------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS  500

static struct str good[4], bad[4];

static void *
verify_many(void *arg)
{
	size_t *failures = arg;
	struct mem *own = mem_new(1 << 20);
	const struct jose_check c = { .algs = &every, .keys = keys, .mem = own };
	struct jose_token t;
	struct err why;

	for (int i = 0; i < ROUNDS; i++) {
		if (jose_verify(&c, good[i % 4], &t, &why) != JOSE_OK)
			++*failures;
		if (jose_verify(&c, bad[i % 4], &t, &why) != JOSE_BAD)
			++*failures;
		mem_reset(own);
	}
	mem_free(&own);
	return NULL;
}

START_TEST(threads_share_a_set)
{
	EVP_PKEY *const by[] = { rsa, rsa, p256, p521 };
	static const char *const alg[] = { "RS256", "PS384", "ES256", "ES512" };
	pthread_t thread[THREADS];
	size_t failures[THREADS] = { 0 };

	hold(mem_printf(m, "%s,%s,%s,%s", token_jwk(m, rsa2, ""), token_jwk(m, rsa, ""),
	    token_jwk(m, p256, ""), token_jwk(m, p521, "")));
	for (size_t i = 0; i < 4; i++) {
		struct str header = str_of(mem_printf(m, "{\"alg\":\"%s\"}", alg[i]));

		good[i] = token_of(m, by[i], alg[i], header, STR("{\"a\":1}"));
		bad[i] = str_of(mem_printf(
		    m, "%.*s.e30%s", (int)strcspn(good[i].p, "."), good[i].p, strrchr(good[i].p, '.')));
	}
	for (size_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, verify_many, &failures[i]), 0);
	for (size_t i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
		ck_assert_uint_eq(failures[i], 0);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("oidc/jose: keys");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_public_key_is_never_a_secret);
	tcase_add_loop_test(t, the_key_is_the_one_that_the_token_names, 0, COUNT(choices));
	tcase_add_test(t, without_any_keys_they_are_asked_for);
	tcase_add_test(t, a_jku_may_name_the_jwks_uri_and_nothing_else);
	tcase_add_test(t, a_signature_has_exactly_the_length_of_its_key);
	tcase_add_test(t, an_es256_signature_is_64_bytes_and_not_its_number);
	tcase_add_test(t, a_curve_verifies_its_own_algorithm_only);
	tcase_add_test(t, keys_of_one_kid_and_two_kinds_are_told_apart);
	tcase_add_test(t, threads_share_a_set);
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
