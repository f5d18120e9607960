/* oidc/accesstoken.c: what an access token must be */
#include "tests/unit/accesstokens.h"

/* --- the rules -------------------------------------------------------------- */

static const struct {
	const char *name, *member, *value;
	enum reason want;
} rules[] = {
	/* RFC 9068 4: iss */
	{ "missing iss", "iss", NULL, REASON_TOKEN_ISSUER },
	{ "empty iss", "iss", "\"\"", REASON_TOKEN_ISSUER },
	{ "another iss", "iss", "\"https://op.example.com/realms/b\"", REASON_TOKEN_ISSUER },
	{ "a slash more", "iss", "\"" ISSUER "/\"", REASON_TOKEN_ISSUER },
	{ "iss in another case", "iss", "\"https://OP.example.com/realms/a\"", REASON_TOKEN_ISSUER },
	{ "iss list", "iss", "[\"" ISSUER "\"]", REASON_TOKEN_ISSUER },
	{ "iss null", "iss", "null", REASON_TOKEN_ISSUER },
	/* aud */
	{ "missing aud", "aud", NULL, REASON_TOKEN_AUDIENCE },
	{ "aud of another API", "aud", "\"https://graph.microsoft.com\"", REASON_TOKEN_AUDIENCE },
	{ "aud with a slash more", "aud", "\"" API "/\"", REASON_TOKEN_AUDIENCE },
	{ "aud prefix", "aud", "\"https://app.example.com\"", REASON_TOKEN_AUDIENCE },
	{ "aud case", "aud", "\"https://APP.example.com/graphql\"", REASON_TOKEN_AUDIENCE },
	{ "aud empty list", "aud", "[]", REASON_TOKEN_AUDIENCE },
	{ "aud null", "aud", "null", REASON_TOKEN_AUDIENCE },
	{ "aud number", "aud", "1", REASON_TOKEN_AUDIENCE },
	{ "aud object", "aud", "{\"" API "\":1}", REASON_TOKEN_AUDIENCE },
	{ "aud list with a number", "aud", "[\"" API "\",1]", REASON_TOKEN_AUDIENCE },
	{ "aud list in a list", "aud", "[[\"" API "\"]]", REASON_TOKEN_AUDIENCE },
	{ "aud list", "aud", "[\"x\",\"" API "\",\"y\"]", REASON_NONE },
	{ "our client id, which is not our audience", "aud", "\"" CLIENT "\"", REASON_TOKEN_AUDIENCE },
	/* exp: now is 1767225600, the tolerance 60 */
	{ "missing exp", "exp", NULL, REASON_TOKEN_CLAIM },
	{ "exp in the tolerance", "exp", "1767225541", REASON_NONE },
	{ "exp at the edge", "exp", "1767225540", REASON_TOKEN_EXPIRED },
	{ "exp long past", "exp", "1", REASON_TOKEN_EXPIRED },
	{ "exp fraction", "exp", "1767225541.5", REASON_NONE },
	{ "exp text", "exp", "\"1767229200\"", REASON_TOKEN_CLAIM },
	{ "exp null", "exp", "null", REASON_TOKEN_CLAIM },
	{ "exp list", "exp", "[1767229200]", REASON_TOKEN_CLAIM },
	{ "exp negative", "exp", "-1", REASON_TOKEN_CLAIM },
	{ "exp 1e300", "exp", "1e300", REASON_TOKEN_CLAIM },
	{ "exp highest", "exp", "9223372036854775807", REASON_TOKEN_CLAIM },
	/* nbf, iat: where they are there */
	{ "no nbf", "nbf", NULL, REASON_NONE },
	{ "no iat", "iat", NULL, REASON_NONE },
	{ "nbf in the tolerance", "nbf", "1767225660", REASON_NONE },
	{ "nbf ahead", "nbf", "1767225661", REASON_TOKEN_EARLY },
	{ "iat ahead", "iat", "1767225661", REASON_TOKEN_EARLY },
	{ "nbf text", "nbf", "\"1\"", REASON_TOKEN_CLAIM },
	{ "iat null", "iat", "null", REASON_TOKEN_CLAIM },
	/* sub: where it is there */
	{ "no sub", "sub", NULL, REASON_NONE },
	{ "sub empty", "sub", "\"\"", REASON_TOKEN_CLAIM },
	{ "sub number", "sub", "7", REASON_TOKEN_CLAIM },
	{ "sub null", "sub", "null", REASON_TOKEN_CLAIM },
	{ "sub with a line end", "sub", "\"a\\nb\"", REASON_TOKEN_CLAIM },
	/* another kind of token */
	{ "an ID token: nonce", "nonce", "\"n-1\"", REASON_TOKEN_TYPE },
	{ "an ID token: at_hash", "at_hash", "\"x\"", REASON_TOKEN_TYPE },
	{ "an ID token: c_hash", "c_hash", "\"x\"", REASON_TOKEN_TYPE },
	{ "an ID token: nonce null", "nonce", "null", REASON_TOKEN_TYPE },
	{ "Keycloak's ID token", "typ", "\"ID\"", REASON_TOKEN_TYPE },
	{ "Keycloak's refresh token", "typ", "\"Refresh\"", REASON_TOKEN_TYPE },
	{ "Keycloak's offline token", "typ", "\"Offline\"", REASON_TOKEN_TYPE },
	{ "Keycloak's logout token", "typ", "\"Logout\"", REASON_TOKEN_TYPE },
	{ "Keycloak's access token", "typ", "\"Bearer\"", REASON_NONE },
	{ "typ number", "typ", "5", REASON_TOKEN_TYPE },
	{ "typ null", "typ", "null", REASON_TOKEN_TYPE },
	{ "a logout token", "events", "{\"http://schemas.openid.net/event/backchannel-logout\":{}}",
	    REASON_TOKEN_TYPE },
	{ "bound to a key", "cnf", "{\"jkt\":\"x\"}", REASON_TOKEN_TYPE },
	{ "bound to a certificate", "cnf", "{\"x5t#S256\":\"x\"}", REASON_TOKEN_TYPE },
	/* whom it speaks for */
	{ "no username", "preferred_username", NULL, REASON_TOKEN_USERNAME },
	{ "username empty", "preferred_username", "\"\"", REASON_TOKEN_USERNAME },
	{ "username list", "preferred_username", "[\"jane\"]", REASON_TOKEN_USERNAME },
	{ "username with a line end", "preferred_username", "\"jane\\r\\nX: y\"", REASON_TOKEN_USERNAME },
	{ "username with a space at its end", "preferred_username", "\"jane \"", REASON_TOKEN_USERNAME },
	{ "no application", "azp", NULL, REASON_NONE },
	{ "an application without a name", "azp", "\"\"", REASON_TOKEN_CLAIM },
	{ "an application that is a list", "azp", "[\"spa\"]", REASON_TOKEN_CLAIM },
	{ "no scope", "scope", NULL, REASON_NONE },
	{ "no roles", "roles", NULL, REASON_NONE },
	/* tolerated */
	{ "groups elsewhere", "_claim_names", "{\"groups\":\"src1\"}", REASON_NONE },
	{ "auth_time text", "auth_time", "\"2026-01-01T00:00:00.000Z\"", REASON_NONE },
	{ "ver number", "ver", "1", REASON_NONE },
};

START_TEST(every_rule_of_an_access_token_is_held)
{
	const char *claims = with(base, rules[_i].member, rules[_i].value);

	take("the good token", base);
	if (rules[_i].want == REASON_NONE)
		take(rules[_i].name, claims);
	else
		refuse_as(rules[_i].name, PLAIN, claims, rules[_i].want);
}
END_TEST

static const struct {
	const char *typ; /* JSON; NULL: none */
	enum reason want;
} types[] = {
	{ NULL, REASON_NONE },
	{ "\"JWT\"", REASON_NONE },
	{ "\"jwt\"", REASON_NONE },
	{ "\"at+jwt\"", REASON_NONE },
	{ "\"AT+JWT\"", REASON_NONE },
	{ "\"application/at+jwt\"", REASON_NONE },
	{ "\"logout+jwt\"", REASON_TOKEN_TYPE },
	{ "\"secevent+jwt\"", REASON_TOKEN_TYPE },
	{ "\"dpop+jwt\"", REASON_TOKEN_TYPE },
	{ "\"JOSE\"", REASON_TOKEN_TYPE },
	{ "\"\"", REASON_TOKEN_TYPE },
	{ "null", REASON_TOKEN_TYPE },
	{ "[\"at+jwt\"]", REASON_TOKEN_TYPE },
};

START_TEST(a_header_says_what_the_token_is)
{
	const char *claims = with(with(base, "client_id", "\"spa\""), "jti", "\"j\"");
	const char *header =
	    types[_i].typ == NULL
		? PLAIN
		: mem_printf(m, "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":%s}", types[_i].typ);

	if (types[_i].want == REASON_NONE)
		take_as(header, header, claims);
	else
		refuse_as(header, header, claims, types[_i].want);
}
END_TEST

START_TEST(what_calls_itself_at_jwt_has_all_that_rfc_9068_demands)
{
	static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}";
	static const char *const required[] = { "sub", "client_id", "iat", "jti" };
	const char *whole = with(with(base, "client_id", "\"spa\""), "jti", "\"j\"");

	take_as("whole", header, whole);
	take_as("nonce", header, with(whole, "nonce", "\"n\""));
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		refuse_as(required[i], header, with(whole, required[i], NULL), REASON_TOKEN_CLAIM);
	refuse_as("iss", header, with(whole, "iss", NULL), REASON_TOKEN_ISSUER);
	refuse_as("aud", header, with(whole, "aud", NULL), REASON_TOKEN_AUDIENCE);
	refuse_as("exp", header, with(whole, "exp", NULL), REASON_TOKEN_CLAIM);
}
END_TEST

START_TEST(signatures_of_others_are_refused)
{
	const struct principal *out;
	const char header[] = PLAIN;

	ck_assert_int_eq(
	    verify(token_of(m, other_key, "ES256", str_of(header), str_of(base)), &out), ACCESSTOKEN_BAD);
	ck_assert_int_eq(e.reason, REASON_TOKEN_SIGNATURE);
	ck_assert_int_eq(
	    verify(token_of(m, key, "ES256", STR("{\"alg\":\"ES256\",\"kid\":\"k2\"}"), str_of(base)), &out),
	    ACCESSTOKEN_NEED_KEYS);
	c.keys = NULL;
	ck_assert_int_eq(
	    verify(token_of(m, key, "ES256", str_of(header), str_of(base)), &out), ACCESSTOKEN_NEED_KEYS);
	c.keys = keys;
	p.access_token_signed_alg.n = 1; /* RS256 */
	ck_assert_int_eq(
	    verify(token_of(m, key, "ES256", str_of(header), str_of(base)), &out), ACCESSTOKEN_BAD);
	ck_assert_int_eq(e.reason, REASON_TOKEN_ALG);
	ck_assert_ptr_nonnull(strstr(e.text, "access_token_signed_alg"));
}
END_TEST

START_TEST(what_is_no_signed_token_is_refused)
{
	static const char *const texts[] = { "", ".", "..", "a.b.c", "ya29.a0AfH6SMBx", "a.b.c.d.e",
		"eyJhbGciOiJub25lIn0.e30.",
		"eyJhbGciOiJIUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
	const struct principal *out;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_int_eq(verify(str_of(texts[i]), &out), ACCESSTOKEN_BAD);
		ck_assert_ptr_null(out);
		ck_assert_msg(e.reason == REASON_TOKEN_MALFORMED || e.reason == REASON_TOKEN_ALG, "%s: %s",
		    texts[i], reason_word(e.reason));
	}
}
END_TEST

/* --- issuers ------------------------------------------------------------------ */

static const struct {
	const char *kind, *issuer, *of_document, *by_hand, *iss;
	bool good;
} issuers[] = {
	{ "oidc", ISSUER, NULL, NULL, ISSUER, true },
	{ "adfs", "https://fs.example.com/adfs", "http://fs.example.com/adfs/services/trust", NULL,
	    "http://fs.example.com/adfs/services/trust", true },
	{ "adfs", "https://fs.example.com/adfs", "http://fs.example.com/adfs/services/trust", NULL,
	    "https://fs.example.com/adfs", false },
	{ "adfs", "https://fs.example.com/adfs", "http://fs.example.com/adfs/services/trust",
	    "urn:x|https://fs.example.com/adfs", "https://fs.example.com/adfs", true },
	{ "adfs", "https://fs.example.com/adfs", "http://fs.example.com/adfs/services/trust", "urn:x",
	    "http://fs.example.com/adfs/services/trust", false },
	{ "ms-identity-v2", V2, NULL, NULL, V2, true },
	{ "ms-identity-v2", V2, NULL, NULL, V1, true },
	{ "ms-identity-v2", V2, NULL, NULL, "https://sts.windows.net/" TENANT, false },
	{ "ms-identity-v2", V2, NULL, NULL, "https://sts.windows.net/bbbb1111-bbbb-4ccc-8ddd-eeee22223333/",
	    false },
	{ "ms-identity-v2", V2, NULL, NULL, "https://sts.windows.net/", false },
	{ "ms-identity-v2", "https://login.microsoftonline.com/common/v2.0", NULL, NULL,
	    "https://sts.windows.net/common/", false },
	{ "ms-identity-v2", V2, NULL, V2, V1, false },
	{ "azure-v1", V1, NULL, NULL, V1, true },
	{ "azure-v1", V1, NULL, NULL, V2, false },
	{ "oidc", V2, NULL, NULL, V1, false },
};

START_TEST(iss_is_the_one_for_access_tokens)
{
	const char *claims =
	    with(with(base, "iss", mem_printf(m, "\"%s\"", issuers[_i].iss)), "upn", "\"jane@example.com\"");

	p.kind = issuers[_i].kind;
	c.issuer = issuers[_i].issuer;
	c.access_token_issuer = issuers[_i].of_document;
	if (issuers[_i].by_hand != NULL)
		p.access_token_issuer = list_of(issuers[_i].by_hand);
	if (issuers[_i].good)
		expect_text("issuer", take(issuers[_i].iss, claims)->issuer, issuers[_i].iss);
	else
		refuse_as(issuers[_i].iss, PLAIN, claims, REASON_TOKEN_ISSUER);
}
END_TEST

START_TEST(an_id_token_is_not_taken_for_an_access_token_of_the_same_audience)
{
	static const char *both[] = { CLIENT, API };
	const char *id_token = with(with(base, "aud", "\"" CLIENT "\""), "scope", NULL);

	p.audience = (struct conf_strings){ 2, both };
	refuse_as("after a refresh it has no nonce", PLAIN, id_token, REASON_TOKEN_TYPE);
	take("scopes are an access token's", with(base, "aud", "\"" CLIENT "\""));
	take("and so is what says so", with(id_token, "typ", "\"Bearer\""));
	take("an API of its own", with(id_token, "aud", "[\"" CLIENT "\",\"" API "\"]"));
	take("a program has no ID token", with(id_token, "sub", "\"spa\""));
}
END_TEST

START_TEST(times_are_judged_again_at_every_use)
{
	struct accesstoken_times t = { .begins = 1000, .expires = 2000 };

	ck_assert_int_eq(accesstoken_in_time(&t, 0, 1000, &e), 0);
	ck_assert_int_eq(accesstoken_in_time(&t, 0, 1999, &e), 0);
	ck_assert_int_eq(accesstoken_in_time(&t, 0, 2000, &e), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_EXPIRED);
	ck_assert_int_eq(accesstoken_in_time(&t, 0, 999, &e), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_EARLY);
	ck_assert_int_eq(accesstoken_in_time(&t, 60, 2059, &e), 0);
	ck_assert_int_eq(accesstoken_in_time(&t, 60, 2060, &e), -1);
	ck_assert_int_eq(accesstoken_in_time(&t, 60, 940, &e), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/accesstoken");
	TCase *t = tcase_create("what it must be");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, every_rule_of_an_access_token_is_held, 0, COUNT(rules));
	tcase_add_loop_test(t, a_header_says_what_the_token_is, 0, COUNT(types));
	tcase_add_test(t, what_calls_itself_at_jwt_has_all_that_rfc_9068_demands);
	tcase_add_test(t, signatures_of_others_are_refused);
	tcase_add_test(t, what_is_no_signed_token_is_refused);
	tcase_add_loop_test(t, iss_is_the_one_for_access_tokens, 0, COUNT(issuers));
	tcase_add_test(t, an_id_token_is_not_taken_for_an_access_token_of_the_same_audience);
	tcase_add_test(t, times_are_judged_again_at_every_use);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
