/* oidc/jwk.c, oidc/jwks.c, oidc/jose.c: keys made of certificates, and how tokens name them */
#include "conf/log.h"
#include "oidc/jwk.h"
#include "tests/unit/certificates.h"
#include "tests/unit/signed.h"

static X509 *first, *second, *curve;
static int64_t now;

static void
make_certificates(void)
{
	const struct log_setup quiet = { LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, "-", "off" };

	ck_assert_int_eq(log_open(&quiet, &e), 0); /* what is left out is warned about */
	make_keys();
	first = certificate_new(&(struct certificate_of){ .key = rsa });
	second = certificate_new(&(struct certificate_of){ .key = rsa2, .subject = "CN=b" });
	curve = certificate_new(&(struct certificate_of){ .key = p384 });
	now = time(NULL);
}

static void
drop_certificates(void)
{
	X509_free(first);
	X509_free(second);
	X509_free(curve);
	drop_keys();
}

static void
hold_certificates(const struct jwk_certificate *v, size_t n)
{
	jwks_free(&keys);
	keys = jwks_from_certificates(v, n, &e);
	ck_assert_msg(keys != NULL, "%s", e.text);
	ck_assert_msg(ERR_peek_error() == 0, "the error queue of OpenSSL is left full");
}

static enum jose_result
verify_at(int64_t when, struct str token)
{
	const struct jose_check c = { .algs = &every, .keys = keys, .now = when, .mem = m };
	struct jose_token t;

	return jose_verify(&c, token, &t, &e);
}

/* --- what becomes of a certificate ------------------------------------------ */

START_TEST(a_key_is_named_after_its_certificate)
{
	const struct jwk *k;

	hold_certificates((struct jwk_certificate[]){ { .x = first }, { .x = curve, .alias = "own" } }, 2);
	ck_assert_uint_eq(jwks_count(keys), 2);
	k = jwks_at(keys, 0);
	ck_assert_str_eq(k->x5t, certificate_name_of(m, first, EVP_sha1()));
	ck_assert_str_eq(k->kid, k->x5t);
	ck_assert_str_eq(k->x5t_s256, certificate_name_of(m, first, EVP_sha256()));
	ck_assert(k->alias == NULL && k->crv == NULL && k->pinned == NULL && k->of_certificate);
	ck_assert_uint_eq(k->size, 256);
	k = jwks_at(keys, 1);
	ck_assert_str_eq(k->crv, "P-384");
	ck_assert_str_eq(k->alias, "own");
	ck_assert_uint_eq(k->size, 96);
}
END_TEST

START_TEST(a_certificate_that_is_there_twice_counts_once)
{
	hold_certificates(
	    (struct jwk_certificate[]){ { .x = first, .dated = true }, { .x = second }, { .x = first } }, 3);
	ck_assert_uint_eq(jwks_count(keys), 2);
	ck_assert(!jwks_at(keys, 0)->dated);
	hold_certificates((struct jwk_certificate[]){ { .x = first }, { .x = first, .alias = "a" },
			      { .x = first, .alias = "b" }, { .x = first, .alias = "a" } },
	    4);
	ck_assert_uint_eq(jwks_count(keys), 3);
}
END_TEST

static const struct {
	const char *kind; /* as EVP_PKEY_Q_keygen() has it */
	size_t bits;
	const char *curve;
	const char *why;
} weak[] = {
	{ "RSA", 1024, NULL, "RSA of 1024 bits" },
	{ "EC", 0, "secp256k1", "its curve is secp256k1" },
	{ "ED25519", 0, NULL, "neither RSA nor EC" },
};

START_TEST(a_key_that_we_do_not_verify_with_is_left_out)
{
	EVP_PKEY *key = weak[_i].bits != 0 ? EVP_PKEY_Q_keygen(NULL, NULL, weak[_i].kind, weak[_i].bits)
			: weak[_i].curve != NULL
			    ? EVP_PKEY_Q_keygen(NULL, NULL, weak[_i].kind, weak[_i].curve)
			    : EVP_PKEY_Q_keygen(NULL, NULL, weak[_i].kind);
	X509 *x;
	struct jwk k;

	/* Signed by another key: Ed25519 signs without a digest. */
	x = certificate_new(&(struct certificate_of){ .key = key, .issuer = first, .issuer_key = rsa });
	ck_assert_int_eq(jwk_from_certificate(&(struct jwk_certificate){ .x = x }, &k, &e), -1);
	ck_assert_msg(strstr(e.text, weak[_i].why) != NULL, "%s", e.text);
	ck_assert_ptr_null(jwks_from_certificates(&(struct jwk_certificate){ .x = x }, 1, &e));
	ck_assert_int_eq(e.reason, REASON_PROVIDER_ANSWER);
	hold_certificates((struct jwk_certificate[]){ { .x = x }, { .x = first } }, 2);
	ck_assert_uint_eq(jwks_count(keys), 1);
	X509_free(x);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(of_none_or_too_many_certificates_no_set_is_made)
{
	struct jwk_certificate many[JWKS_KEYS_MAX + 1];

	for (size_t i = 0; i <= JWKS_KEYS_MAX; i++)
		many[i] = (struct jwk_certificate){ .x = first };
	ck_assert_ptr_null(jwks_from_certificates(many, 0, &e));
	ck_assert_ptr_null(jwks_from_certificates(many, JWKS_KEYS_MAX + 1, &e));
	hold_certificates(many, JWKS_KEYS_MAX);
	ck_assert_uint_eq(jwks_count(keys), 1);
}
END_TEST

/* --- how tokens name it ------------------------------------------------------ */

/* @1 and @2: the SHA-1 of the first and second certificate, #1 and #2 the SHA-256.  Signed by the first. */
static const struct {
	const char *header;
	enum jose_result want;
	enum reason reason;
} names[] = {
	{ "", JOSE_OK, REASON_NONE },
	{ ",\"kid\":\"@1\"", JOSE_OK, REASON_NONE },
	{ ",\"kid\":\"@1\",\"x5t\":\"@1\"", JOSE_OK, REASON_NONE },
	{ ",\"x5t\":\"@1\"", JOSE_OK, REASON_NONE },
	{ ",\"x5t#S256\":\"#1\"", JOSE_OK, REASON_NONE },
	{ ",\"x5t\":\"@1\",\"x5t#S256\":\"#1\"", JOSE_OK, REASON_NONE },
	{ ",\"kid\":\"alias\"", JOSE_OK, REASON_NONE },
	/* no kid of the provider's is known: behind one, the thumbprint decides */
	{ ",\"kid\":\"its own\",\"x5t\":\"@1\"", JOSE_OK, REASON_NONE },
	{ ",\"kid\":\"its own\",\"x5t#S256\":\"#1\"", JOSE_OK, REASON_NONE },
	{ ",\"kid\":\"its own\",\"x5t#S256\":\"unknown\",\"x5t\":\"@1\"", JOSE_OK, REASON_NONE },
	/* the key of somebody else */
	{ ",\"kid\":\"@2\"", JOSE_BAD, REASON_TOKEN_SIGNATURE },
	{ ",\"kid\":\"@2\",\"x5t\":\"@1\"", JOSE_BAD, REASON_TOKEN_SIGNATURE },
	{ ",\"x5t\":\"@2\"", JOSE_BAD, REASON_TOKEN_SIGNATURE },
	{ ",\"x5t#S256\":\"#2\",\"x5t\":\"@1\"", JOSE_BAD, REASON_TOKEN_SIGNATURE },
	{ ",\"kid\":\"its own\",\"x5t\":\"@2\"", JOSE_BAD, REASON_TOKEN_SIGNATURE },
	/* a key that may have been added since */
	{ ",\"kid\":\"its own\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ ",\"kid\":\"its own\",\"x5t\":\"unknown\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ ",\"x5t\":\"unknown\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ ",\"x5t\":\"#1\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ ",\"x5t#S256\":\"@1\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ ",\"kid\":\"ALIAS\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
	{ ",\"x5t\":\"alias\"", JOSE_NEED_KEYS, REASON_TOKEN_KEY },
};

static const char *
fill_in(const char *text)
{
	const char *out = "";

	for (; *text != '\0'; text++) {
		X509 *x = text[1] == '1' ? first : second;
		bool sha1 = *text == '@';

		if (sha1 || (*text == '#' && text[1] != 'S')) {
			out = mem_printf(
			    m, "%s%s", out, certificate_name_of(m, x, sha1 ? EVP_sha1() : EVP_sha256()));
			text++;
		} else
			out = mem_printf(m, "%s%c", out, *text);
	}
	return out;
}

START_TEST(a_token_names_a_certificate_in_every_way)
{
	const char *header = mem_printf(m, "{\"alg\":\"RS256\"%s}", fill_in(names[_i].header));

	hold_certificates((struct jwk_certificate[]){ { .x = second }, { .x = first, .alias = "alias" } }, 2);
	expect(header, verify_at(now, sign(header, "{}")), names[_i].want, names[_i].reason);
}
END_TEST

START_TEST(a_certificate_on_a_curve_verifies_its_own_algorithm)
{
	hold_certificates((struct jwk_certificate[]){ { .x = curve } }, 1);
	expect("ES384", verify_at(now, token_of(m, p384, "ES384", STR("{\"alg\":\"ES384\"}"), STR("{}"))),
	    JOSE_OK, REASON_NONE);
	expect("ES256", verify_at(now, token_of(m, p384, "ES384", STR("{\"alg\":\"ES256\"}"), STR("{}"))),
	    JOSE_BAD, REASON_TOKEN_KEY);
	expect("RS256", verify_at(now, sign("{\"alg\":\"RS256\"}", "{}")), JOSE_BAD, REASON_TOKEN_KEY);
}
END_TEST

/* --- dates -------------------------------------------------------------------- */

static const struct {
	int64_t ahead; /* of now, when the token comes */
	bool dated;
	enum jose_result want;
} dates[] = {
	{ 0, true, JOSE_OK },
	{ CERTIFICATE_DAY - 60, true, JOSE_OK },
	{ CERTIFICATE_DAY + 60, true, JOSE_BAD },
	{ -CERTIFICATE_DAY + 60, true, JOSE_OK },
	{ -CERTIFICATE_DAY - 60, true, JOSE_BAD },
	{ 400 * CERTIFICATE_DAY, false, JOSE_OK },
	{ -400 * CERTIFICATE_DAY, false, JOSE_OK },
};

START_TEST(a_dated_certificate_counts_inside_its_dates)
{
	const char *by_name =
	    mem_printf(m, "{\"alg\":\"RS256\",\"kid\":\"%s\"}", certificate_name_of(m, first, EVP_sha1()));

	hold_certificates((struct jwk_certificate[]){ { .x = first, .dated = dates[_i].dated } }, 1);
	expect("by name", verify_at(now + dates[_i].ahead, sign(by_name, "{}")), dates[_i].want,
	    REASON_TOKEN_KEY);
	if (dates[_i].want != JOSE_OK)
		ck_assert_msg(strstr(e.text, "has run out") != NULL, "%s", e.text);
	expect("without", verify_at(now + dates[_i].ahead, sign("{\"alg\":\"RS256\"}", "{}")), dates[_i].want,
	    REASON_TOKEN_KEY);
}
END_TEST

START_TEST(who_forgets_to_say_what_time_it_is_gets_no_dated_key)
{
	hold_certificates((struct jwk_certificate[]){ { .x = first, .dated = true } }, 1);
	expect("0", verify_at(0, sign("{\"alg\":\"RS256\"}", "{}")), JOSE_BAD, REASON_TOKEN_KEY);
}
END_TEST

START_TEST(one_that_has_run_out_leaves_the_others)
{
	X509 *old = certificate_new(
	    &(struct certificate_of){ .key = rsa2, .from = -2 * CERTIFICATE_DAY, .to = -CERTIFICATE_DAY });

	hold_certificates(
	    (struct jwk_certificate[]){ { .x = old, .dated = true }, { .x = first, .dated = true } }, 2);
	expect("the good one", verify_at(now, sign("{\"alg\":\"RS256\"}", "{}")), JOSE_OK, REASON_NONE);
	expect("the old one",
	    verify_at(now, token_of(m, rsa2, "RS256", STR("{\"alg\":\"RS256\"}"), STR("{}"))), JOSE_BAD,
	    REASON_TOKEN_SIGNATURE);
	X509_free(old);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("oidc/jose: certificates");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, make_certificates, drop_certificates);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_key_is_named_after_its_certificate);
	tcase_add_test(t, a_certificate_that_is_there_twice_counts_once);
	tcase_add_loop_test(t, a_key_that_we_do_not_verify_with_is_left_out, 0, COUNT(weak));
	tcase_add_test(t, of_none_or_too_many_certificates_no_set_is_made);
	tcase_add_loop_test(t, a_token_names_a_certificate_in_every_way, 0, COUNT(names));
	tcase_add_test(t, a_certificate_on_a_curve_verifies_its_own_algorithm);
	tcase_add_loop_test(t, a_dated_certificate_counts_inside_its_dates, 0, COUNT(dates));
	tcase_add_test(t, who_forgets_to_say_what_time_it_is_gets_no_dated_key);
	tcase_add_test(t, one_that_has_run_out_leaves_the_others);
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
