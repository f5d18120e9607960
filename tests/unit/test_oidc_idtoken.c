/*
 * oidc/idtoken.c: OpenID Connect Core 3.1.3.7, a row for every rule
 *
 * Rows that stand for a module of the OpenID Foundation's conformance suite
 * (oidcc-client-test-...) begin with its name.
 */
#include "tests/unit/idtokens.h"

/* --- the rules -------------------------------------------------------------- */

#define SUB_255                                                                                              \
	"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss" \
	"sss"                                                                                                \
	"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss" \
	"sss"                                                                                                \
	"sssssssssssssssssssssssssssssssssssssssssssssssssssss"

static const struct {
	const char *name, *member, *value;
	enum reason want;
} rules[] = {
	/* 3.1.3.7-2 */
	{ "invalid-iss", "iss", "\"https://op.example.com/realms/b\"", REASON_TOKEN_ISSUER },
	{ "slash at the end", "iss", "\"" ISSUER "/\"", REASON_TOKEN_ISSUER },
	{ "case", "iss", "\"https://OP.example.com/realms/a\"", REASON_TOKEN_ISSUER },
	{ "prefix", "iss", "\"https://op.example.com/realms/\"", REASON_TOKEN_ISSUER },
	{ "empty iss", "iss", "\"\"", REASON_TOKEN_ISSUER },
	{ "iss list", "iss", "[\"" ISSUER "\"]", REASON_TOKEN_ISSUER },
	{ "iss null", "iss", "null", REASON_TOKEN_ISSUER },
	{ "missing iss", "iss", NULL, REASON_TOKEN_ISSUER },
	/* 3.1.3.7-3 */
	{ "invalid-aud", "aud", "\"someone\"", REASON_TOKEN_AUDIENCE },
	{ "missing-aud", "aud", NULL, REASON_TOKEN_AUDIENCE },
	{ "aud case", "aud", "\"WF-proxy\"", REASON_TOKEN_AUDIENCE },
	{ "aud prefix", "aud", "\"wf-proxy2\"", REASON_TOKEN_AUDIENCE },
	{ "aud empty", "aud", "\"\"", REASON_TOKEN_AUDIENCE },
	{ "aud empty list", "aud", "[]", REASON_TOKEN_AUDIENCE }, /* CVE-2020-26160 */
	{ "aud number", "aud", "7", REASON_TOKEN_AUDIENCE },
	{ "aud null", "aud", "null", REASON_TOKEN_AUDIENCE },
	{ "aud object", "aud", "{\"" CLIENT "\":1}", REASON_TOKEN_AUDIENCE },
	{ "aud list", "aud", "[\"" CLIENT "\"]", REASON_NONE },
	{ "aud list with a number", "aud", "[\"" CLIENT "\",1]", REASON_TOKEN_AUDIENCE },
	{ "aud list with null", "aud", "[null,\"" CLIENT "\"]", REASON_TOKEN_AUDIENCE },
	{ "aud list in a list", "aud", "[[\"" CLIENT "\"]]", REASON_TOKEN_AUDIENCE },
	{ "aud twice us", "aud", "[\"" CLIENT "\",\"" CLIENT "\"]", REASON_NONE },
	{ "invalid secondary aud", "aud", "[\"" CLIENT "\",\"other\"]", REASON_TOKEN_AUDIENCE },
	{ "invalid first aud", "aud", "[\"other\",\"" CLIENT "\"]", REASON_TOKEN_AUDIENCE },
	/* 3.1.3.7-5 */
	{ "azp", "azp", "\"" CLIENT "\"", REASON_NONE },
	{ "azp of another", "azp", "\"other\"", REASON_TOKEN_AUDIENCE },
	{ "azp empty", "azp", "\"\"", REASON_TOKEN_AUDIENCE },
	{ "azp null", "azp", "null", REASON_TOKEN_AUDIENCE },
	{ "azp list", "azp", "[\"" CLIENT "\"]", REASON_TOKEN_AUDIENCE },
	/* 3.1.3.7-9: now is 1767225600, the tolerance 60 */
	{ "exp in the tolerance", "exp", "1767225541", REASON_NONE },
	{ "exp at the edge", "exp", "1767225540", REASON_TOKEN_EXPIRED },
	{ "exp fraction", "exp", "1767225541.5", REASON_NONE },
	{ "exp fraction, past", "exp", "1767225540.9", REASON_TOKEN_EXPIRED },
	{ "exp as 1.767e9", "exp", "1.7672292e9", REASON_NONE },
	{ "exp long past", "exp", "1", REASON_TOKEN_EXPIRED },
	{ "exp 0", "exp", "0", REASON_TOKEN_EXPIRED },
	{ "exp negative", "exp", "-1", REASON_TOKEN_CLAIM },
	{ "exp lowest", "exp", "-9223372036854775808", REASON_TOKEN_CLAIM },
	{ "exp highest", "exp", "9223372036854775807", REASON_TOKEN_CLAIM },
	{ "exp 2^53", "exp", "9007199254740992", REASON_NONE },
	{ "exp 2^53+1", "exp", "9007199254740993", REASON_TOKEN_CLAIM },
	{ "exp 1e300", "exp", "1e300", REASON_TOKEN_CLAIM },
	{ "exp -1e300", "exp", "-1e300", REASON_TOKEN_CLAIM },
	{ "exp text", "exp", "\"1767229200\"", REASON_TOKEN_CLAIM },
	{ "exp null", "exp", "null", REASON_TOKEN_CLAIM },
	{ "exp true", "exp", "true", REASON_TOKEN_CLAIM },
	{ "exp list", "exp", "[1767229200]", REASON_TOKEN_CLAIM },
	{ "missing exp", "exp", NULL, REASON_TOKEN_CLAIM },
	/* 3.1.3.7-10 */
	{ "missing-iat", "iat", NULL, REASON_TOKEN_CLAIM },
	{ "iat text", "iat", "\"1767225590\"", REASON_TOKEN_CLAIM },
	{ "iat negative", "iat", "-5", REASON_TOKEN_CLAIM },
	{ "iat in the tolerance", "iat", "1767225660", REASON_NONE },
	{ "iat ahead", "iat", "1767225661", REASON_TOKEN_EARLY },
	{ "iat far ahead", "iat", "9007199254740992", REASON_TOKEN_EARLY },
	{ "iat fraction", "iat", "1767225590.25", REASON_NONE },
	/* RFC 7519 4.1.5 */
	{ "nbf", "nbf", "1767225590", REASON_NONE },
	{ "nbf in the tolerance", "nbf", "1767225660", REASON_NONE },
	{ "nbf ahead", "nbf", "1767225661", REASON_TOKEN_EARLY },
	{ "nbf text", "nbf", "\"1\"", REASON_TOKEN_CLAIM },
	{ "nbf null", "nbf", "null", REASON_TOKEN_CLAIM },
	/* 3.1.3.7-11 */
	{ "nonce-invalid", "nonce", "\"n-other\"", REASON_TOKEN_NONCE },
	{ "nonce shorter", "nonce", "\"n-0S6_WzA2MjmYzFiNjQ1ZTk4ZjQ0ZTk2YjAwZDM5M\"", REASON_TOKEN_NONCE },
	{ "nonce longer", "nonce", "\"" NONCE "x\"", REASON_TOKEN_NONCE },
	{ "nonce empty", "nonce", "\"\"", REASON_TOKEN_NONCE },
	{ "nonce null", "nonce", "null", REASON_TOKEN_NONCE },
	{ "nonce list", "nonce", "[\"" NONCE "\"]", REASON_TOKEN_NONCE },
	{ "missing nonce", "nonce", NULL, REASON_TOKEN_NONCE },
	/* 2 */
	{ "missing-sub", "sub", NULL, REASON_TOKEN_CLAIM },
	{ "sub empty", "sub", "\"\"", REASON_TOKEN_CLAIM },
	{ "sub number", "sub", "248289761001", REASON_TOKEN_CLAIM },
	{ "sub null", "sub", "null", REASON_TOKEN_CLAIM },
	{ "sub of 255", "sub", "\"" SUB_255 "\"", REASON_NONE },
	{ "sub of 256", "sub", "\"" SUB_255 "s\"", REASON_TOKEN_CLAIM },
	{ "sub with a line end", "sub", "\"a\\nb\"", REASON_TOKEN_CLAIM },
	/* tolerated */
	{ "aggregated-claims", "_claim_names", "{\"a\":\"src1\"}", REASON_NONE },
	{ "distributed-claims", "_claim_sources", "{\"src1\":{\"endpoint\":\"https://x.example/\"}}",
	    REASON_NONE },
	{ "auth_time text", "auth_time", "\"2026-01-01T00:00:00.000Z\"", REASON_NONE },
	{ "sid number", "sid", "5", REASON_NONE },
	{ "at_hash without an access token", "at_hash", "\"x\"", REASON_NONE },
};

START_TEST(every_rule_of_core_3_1_3_7_is_held)
{
	expect("the good token", base, REASON_NONE);
	expect(rules[_i].name, with(base, rules[_i].member, rules[_i].value), rules[_i].want);
}
END_TEST

START_TEST(azp_lets_other_audiences_in)
{
	const char *two = with(base, "aud", "[\"other\",\"" CLIENT "\"]");

	expect("azp is us", with(two, "azp", "\"" CLIENT "\""), REASON_NONE);
	expect("azp is not us", with(two, "azp", "\"other\""), REASON_TOKEN_AUDIENCE);
	expect("azp is us, aud is not", with(with(base, "aud", "[\"other\"]"), "azp", "\"" CLIENT "\""),
	    REASON_TOKEN_AUDIENCE);
}
END_TEST

static const struct {
	int64_t max_age; /* seconds */
	const char *auth_time;
	enum reason want;
} ages[] = {
	{ 3600, "1767225580", REASON_NONE },
	{ 3600, "1767222000", REASON_NONE },            /* to the second */
	{ 3600, "1767221940", REASON_NONE },            /* and the tolerance */
	{ 3600, "1767221939", REASON_TOKEN_AUTH_TIME }, /* and no more */
	{ 0, "1767225540", REASON_NONE },
	{ 0, "1767225539", REASON_TOKEN_AUTH_TIME },
	{ 3600, "1767225660", REASON_NONE },
	{ 3600, "1767225661", REASON_TOKEN_AUTH_TIME }, /* from the future */
	{ 3600, NULL, REASON_TOKEN_AUTH_TIME },
	{ 3600, "null", REASON_TOKEN_AUTH_TIME },
	{ 3600, "\"1767225580\"", REASON_TOKEN_AUTH_TIME },
	{ 3600, "-1", REASON_TOKEN_AUTH_TIME },
	{ 31622400, "0", REASON_TOKEN_AUTH_TIME },
};

START_TEST(a_sign_in_older_than_max_age_is_refused)
{
	const int64_t ms = ages[_i].max_age * 1000;

	c.max_age = &ms;
	expect("auth_time", with(base, "auth_time", ages[_i].auth_time), ages[_i].want);
}
END_TEST

START_TEST(without_max_age_no_auth_time_is_asked_for)
{
	expect("none", with(base, "auth_time", NULL), REASON_NONE);
	expect("old", with(base, "auth_time", "1"), REASON_NONE);
}
END_TEST

START_TEST(acr_must_be_one_of_those_asked_for)
{
	static const char *values[] = { "urn:mfa", "2" };
	static const struct conf_strings asked = { 2, values }, none = { 0, NULL };

	expect("nothing asked", with(base, "acr", "\"0\""), REASON_NONE);
	c.acr_values = &none;
	expect("nothing configured", with(base, "acr", "\"0\""), REASON_NONE);
	c.acr_values = &asked;
	expect("the first", with(base, "acr", "\"urn:mfa\""), REASON_NONE);
	expect("the second", with(base, "acr", "\"2\""), REASON_NONE);
	expect("another", with(base, "acr", "\"urn:pwd\""), REASON_TOKEN_ACR);
	expect("another case", with(base, "acr", "\"URN:mfa\""), REASON_TOKEN_ACR);
	expect("a number", with(base, "acr", "2"), REASON_TOKEN_ACR);
	expect("a list", with(base, "acr", "[\"urn:mfa\"]"), REASON_TOKEN_ACR);
	expect("both", with(base, "acr", "\"urn:mfa 2\""), REASON_TOKEN_ACR);
	expect("empty", with(base, "acr", "\"\""), REASON_TOKEN_ACR);
	expect("missing", base, REASON_TOKEN_ACR);
}
END_TEST

START_TEST(every_rule_holds_without_tolerance)
{
	c.tolerance = 0;
	expect("exp", with(base, "exp", "1767225601"), REASON_NONE);
	expect("exp is now", with(base, "exp", "1767225600"), REASON_TOKEN_EXPIRED);
	expect("iat is now", with(base, "iat", "1767225600"), REASON_NONE);
	expect("iat", with(base, "iat", "1767225601"), REASON_TOKEN_EARLY);
}
END_TEST

START_TEST(a_caller_that_forgot_the_nonce_is_refused)
{
	c.nonce = STR("");
	expect("no nonce", base, REASON_TOKEN_NONCE);
	expect("empty nonce", with(base, "nonce", "\"\""), REASON_TOKEN_NONCE);
	c.nonce = (struct str){ NULL, 0 };
	expect("no nonce in either", with(base, "nonce", NULL), REASON_TOKEN_NONCE);
	expect("empty nonce", with(base, "nonce", "\"\""), REASON_TOKEN_NONCE);
}
END_TEST

START_TEST(a_renewed_token_is_of_the_same_issuer_user_and_nonce)
{
	static const int64_t age = 1000;
	static const char *const acrs[] = { "gold" };
	const struct conf_strings asked = { 1, (const char **)(uintptr_t)acrs };
	json_t *claims = json_loads(base, 0, NULL);

	c.subject = str_of(mem_strdup(m, json_string_value(json_object_get(claims, "sub"))));
	json_decref(claims);
	c.before = sign(base);
	c.nonce = (struct str){ NULL, 0 };
	expect("the same", base, REASON_NONE);
	expect("no nonce", with(base, "nonce", NULL), REASON_NONE);
	expect("another nonce", with(base, "nonce", "\"other\""), REASON_TOKEN_NONCE);
	expect("another sub", with(base, "sub", "\"mallory\""), REASON_TOKEN_CLAIM);
	expect("no sub", with(base, "sub", NULL), REASON_TOKEN_CLAIM);
	expect("another iss", with(base, "iss", "\"https://other.example\""), REASON_TOKEN_ISSUER);
	expect("another aud", with(base, "aud", "\"other\""), REASON_TOKEN_AUDIENCE);
	expect("over", with(base, "exp", "1"), REASON_TOKEN_EXPIRED);
	c.max_age = &age;
	c.acr_values = &asked;
	expect("what the sign-in proved", base, REASON_NONE);
	c.before = sign(with(base, "iss", "\"https://other.example\""));
	expect("iss of another tenant", base, REASON_TOKEN_ISSUER);
	c.before = STR("nonsense");
	expect("nothing to compare with", base, REASON_NONE);
	c.before = (struct str){ NULL, 0 };
	expect("no token before", with(base, "nonce", "\"other\""), REASON_NONE);
}
END_TEST

START_TEST(google_may_leave_out_its_scheme_and_nobody_else)
{
	c.issuer = "https://accounts.google.com";
	expect("with", with(base, "iss", "\"https://accounts.google.com\""), REASON_NONE);
	expect("without", with(base, "iss", "\"accounts.google.com\""), REASON_NONE);
	expect("http", with(base, "iss", "\"http://accounts.google.com\""), REASON_TOKEN_ISSUER);
	expect("slash", with(base, "iss", "\"accounts.google.com/\""), REASON_TOKEN_ISSUER);
	c.issuer = "https://op.example.com";
	expect("another", with(base, "iss", "\"op.example.com\""), REASON_TOKEN_ISSUER);
	expect("google's at another", with(base, "iss", "\"accounts.google.com\""), REASON_TOKEN_ISSUER);
	c.issuer = "";
	expect("no issuer", with(base, "iss", "\"\""), REASON_TOKEN_ISSUER);
}
END_TEST

/* --- the signature comes first ---------------------------------------------- */

static const struct {
	const char *name, *header;
	enum idtoken_result want;
	enum reason reason;
} signatures[] = {
	{ "idtoken-sig-none", "{\"alg\":\"none\"}", IDTOKEN_BAD, REASON_TOKEN_ALG },
	{ "invalid-sig-hs256", "{\"alg\":\"HS256\",\"kid\":\"k1\"}", IDTOKEN_BAD, REASON_TOKEN_ALG },
	{ "invalid alternate alg", "{\"alg\":\"ES384\",\"kid\":\"k1\"}", IDTOKEN_BAD, REASON_TOKEN_ALG },
	{ "invalid-sig-es256", "{\"alg\":\"ES256\",\"kid\":\"k1\"}", IDTOKEN_BAD, REASON_TOKEN_SIGNATURE },
	{ "kid-absent, invalid signature", "{\"alg\":\"ES256\"}", IDTOKEN_BAD, REASON_TOKEN_SIGNATURE },
	{ "signing-key-rotation", "{\"alg\":\"ES256\",\"kid\":\"k2\"}", IDTOKEN_NEED_KEYS, REASON_TOKEN_KEY },
	{ "crit", "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"x\"]}", IDTOKEN_BAD, REASON_TOKEN_HEADER },
};

START_TEST(the_claims_are_not_judged_before_the_signature)
{
	const struct identity *i;
	struct str t =
	    token_of(m, other_key, "ES256", str_of(signatures[_i].header), STR("{\"iss\":\"evil\"}"));

	ck_assert_msg(verify(t, &i) == signatures[_i].want, "%s: %s", signatures[_i].name, e.text);
	ck_assert_ptr_null(i);
	ck_assert_msg(e.reason == signatures[_i].reason, "%s: %s", signatures[_i].name, e.text);
	ck_assert_ptr_nonnull(strstr(e.text, "id_token"));
}
END_TEST

START_TEST(an_unknown_key_is_asked_for_and_then_serves)
{
	const struct identity *i;
	struct str t =
	    token_of(m, other_key, "ES256", STR("{\"alg\":\"ES256\",\"kid\":\"k2\"}"), str_of(base));

	c.keys = NULL;
	ck_assert_int_eq(verify(t, &i), IDTOKEN_NEED_KEYS);
	c.keys = keys;
	ck_assert_int_eq(verify(t, &i), IDTOKEN_NEED_KEYS);
	ck_assert_ptr_null(i);
	jwks_free(&keys);
	keys = jwks_parse(str_of(mem_printf(m, "{\"keys\":[%s,%s]}", token_jwk(m, key, ",\"kid\":\"k1\""),
			      token_jwk(m, other_key, ",\"kid\":\"k2\""))),
	    &e);
	c.keys = keys;
	ck_assert_msg(verify(t, &i) == IDTOKEN_OK, "%s", e.text);
}
END_TEST

START_TEST(an_encrypted_token_is_refused_as_such)
{
	const struct identity *i;

	ck_assert_int_eq(verify(STR("e30.e30.e30.e30.e30"), &i), IDTOKEN_BAD);
	ck_assert_int_eq(e.reason, REASON_TOKEN_MALFORMED);
	ck_assert_ptr_nonnull(strstr(e.text, "encrypted"));
}
END_TEST

/* --- what the operator reads ------------------------------------------------ */

START_TEST(a_refusal_names_both_values_and_the_setting)
{
	const struct identity *i;

	(void)verify(sign(with(base, "exp", "1767224987")), &i);
	ck_assert_str_eq(e.text, "id_token: expired 613 s ago (exp=1767224987, now=1767225600, "
				 "clock_tolerance=60): compare the clocks");
	(void)verify(sign(with(base, "iat", "1767225900")), &i);
	ck_assert_str_eq(e.text, "id_token: iat lies 300 s ahead (iat=1767225900, now=1767225600, "
				 "clock_tolerance=60): compare the clocks");
	(void)verify(sign(with(base, "iss", "\"https://b\"")), &i);
	ck_assert_str_eq(e.text, "id_token: iss is https://b, but the provider's issuer is " ISSUER);
	(void)verify(sign(with(base, "aud", "\"other\"")), &i);
	ck_assert_str_eq(e.text, "id_token: aud is other, without our client_id " CLIENT);
	(void)verify(token_of(m, key, "ES256", STR("{\"alg\":\"HS256\"}"), STR("{}")), &i);
	ck_assert_str_eq(
	    e.text, "id_token (see id_token_signed_response_alg): alg is HS256; accepted: RS256, ES256");
}
END_TEST

/* --- at_hash ---------------------------------------------------------------- */

START_TEST(at_hash_binds_the_access_token)
{
	c.access_token = STR(ACCESS_TOKEN);
	expect("absent", base, REASON_NONE);
	expect("fits", with(base, "at_hash", "\"" AT_HASH "\""), REASON_NONE);
	expect("invalid-athash", with(base, "at_hash", "\"Z1P3Ll-e0JrOBqzfbrTXjR\""), REASON_TOKEN_HASH);
	expect("padded", with(base, "at_hash", "\"" AT_HASH "==\""), REASON_TOKEN_HASH);
	expect("short", with(base, "at_hash", "\"Z1P3Ll\""), REASON_TOKEN_HASH);
	expect("empty", with(base, "at_hash", "\"\""), REASON_TOKEN_HASH);
	expect("null", with(base, "at_hash", "null"), REASON_TOKEN_HASH);
	expect("number", with(base, "at_hash", "1"), REASON_TOKEN_HASH);
	c.access_token = STR(ACCESS_TOKEN "x");
	expect("another access token", with(base, "at_hash", "\"" AT_HASH "\""), REASON_TOKEN_HASH);
}
END_TEST

START_TEST(at_hash_uses_the_hash_of_the_tokens_algorithm)
{
	static const char *names[] = { "ES384", "ES512" };
	static const char *const curves[] = { "P-384", "P-521" };
	const struct conf_strings both = { 2, names };

	c.algs = &both;
	c.access_token = STR(ACCESS_TOKEN);
	for (int i = 0; i < 2; i++) {
		EVP_PKEY *k = EVP_EC_gen(curves[i]);
		unsigned char digest[64];
		unsigned n = 0;
		struct jwks *set =
		    jwks_parse(str_of(mem_printf(m, "{\"keys\":[%s]}", token_jwk(m, k, ""))), &e);
		const struct identity *who;
		const char *claims;

		c.keys = set;
		ck_assert_int_eq(EVP_Digest(ACCESS_TOKEN, strlen(ACCESS_TOKEN), digest, &n,
				     i == 0 ? EVP_sha384() : EVP_sha512(), NULL),
		    1);
		claims = with(base, "at_hash", mem_printf(m, "\"%s\"", token_b64(m, digest, n / 2)));
		ck_assert_msg(verify(token_of(m, k, names[i],
					 str_of(mem_printf(m, "{\"alg\":\"%s\"}", names[i])), str_of(claims)),
				  &who) == IDTOKEN_OK,
		    "%s", e.text);
		claims = with(base, "at_hash", "\"" AT_HASH "\"");
		ck_assert_int_eq(
		    verify(token_of(m, k, names[i], str_of(mem_printf(m, "{\"alg\":\"%s\"}", names[i])),
			       str_of(claims)),
			&who),
		    IDTOKEN_BAD);
		ck_assert_int_eq(e.reason, REASON_TOKEN_HASH);
		jwks_free(&set);
		EVP_PKEY_free(k);
	}
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("oidc/idtoken");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, every_rule_of_core_3_1_3_7_is_held, 0, COUNT(rules));
	tcase_add_test(t, azp_lets_other_audiences_in);
	tcase_add_loop_test(t, a_sign_in_older_than_max_age_is_refused, 0, COUNT(ages));
	tcase_add_test(t, without_max_age_no_auth_time_is_asked_for);
	tcase_add_test(t, acr_must_be_one_of_those_asked_for);
	tcase_add_test(t, every_rule_holds_without_tolerance);
	tcase_add_test(t, a_caller_that_forgot_the_nonce_is_refused);
	tcase_add_test(t, a_renewed_token_is_of_the_same_issuer_user_and_nonce);
	tcase_add_test(t, google_may_leave_out_its_scheme_and_nobody_else);
	tcase_add_loop_test(t, the_claims_are_not_judged_before_the_signature, 0, COUNT(signatures));
	tcase_add_test(t, an_unknown_key_is_asked_for_and_then_serves);
	tcase_add_test(t, an_encrypted_token_is_refused_as_such);
	tcase_add_test(t, a_refusal_names_both_values_and_the_setting);
	tcase_add_test(t, at_hash_binds_the_access_token);
	tcase_add_test(t, at_hash_uses_the_hash_of_the_tokens_algorithm);
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
