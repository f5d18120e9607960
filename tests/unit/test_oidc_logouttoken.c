/*
 * oidc/logouttoken.c: OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6, a row for every rule
 *
 * Rows that stand for a module of the OpenID Foundation's conformance suite
 * (oidcc-client-test-rp-backchannel-...) begin with its name.
 */
#include "oidc/idtoken.h"
#include "oidc/logouttoken.h"
#include "tests/unit/es256.h"

#define EVENT    "\"http://schemas.openid.net/event/backchannel-logout\""
#define TEN      "xxxxxxxxxx"
#define HUNDRED  TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

static const char base[] =
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"iat\":1767225590,\"exp\":1767225720,"
    "\"jti\":\"j-1\",\"sub\":\"248289761001\",\"sid\":\"s-1\",\"events\":{" EVENT ":{}}}";
static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"logout+jwt\"}";

static struct conf_provider provider;
static struct logouttoken_check c;
static struct logouttoken out;

static void
setup(void)
{
	publish_key();
	provider = (struct conf_provider){
		.kind = "oidc",
		.client_id = CLIENT,
		.clock_tolerance = 60000,
		.id_token_signed_response_alg = { 2, alg_names },
	};
	c = (struct logouttoken_check){
		.provider = &provider, .issuer = ISSUER, .keys = keys, .now = NOW, .mem = m
	};
}

static enum logouttoken_result
verify(const char *head, const char *claims)
{
	e = (struct err){ .reason = REASON_NONE };
	return logouttoken_verify(&c, token_of(m, key, "ES256", str_of(head), str_of(claims)), &out, &e);
}

static void
expect(const char *what, enum logouttoken_result r, enum reason want)
{
	ck_assert_msg((r == LOGOUTTOKEN_OK) == (want == REASON_NONE) && e.reason == want,
	    "%s: %d, got %s, want %s: %s", what, (int)r, reason_word(e.reason), reason_word(want), e.text);
}

static const struct {
	const char *name, *member, *value;
	enum reason want;
} rules[] = {
	{ "as it is", "more", "1", REASON_NONE },
	{ "wrong-iss", "iss", "\"https://op.example.com/realms/b\"", REASON_TOKEN_ISSUER },
	{ "iss with a slash", "iss", "\"" ISSUER "/\"", REASON_TOKEN_ISSUER },
	{ "no iss", "iss", NULL, REASON_TOKEN_ISSUER },
	{ "iss of a list", "iss", "[\"" ISSUER "\"]", REASON_TOKEN_ISSUER },
	{ "wrong-aud", "aud", "\"other\"", REASON_TOKEN_AUDIENCE },
	{ "no aud", "aud", NULL, REASON_TOKEN_AUDIENCE },
	{ "an empty aud", "aud", "[]", REASON_TOKEN_AUDIENCE },
	{ "aud of a list", "aud", "[\"" CLIENT "\"]", REASON_NONE },
	{ "aud of several", "aud", "[\"other\",\"" CLIENT "\"]", REASON_NONE },
	{ "aud of a number", "aud", "[\"" CLIENT "\",1]", REASON_TOKEN_AUDIENCE },
	{ "aud prefix", "aud", "\"" CLIENT "2\"", REASON_TOKEN_AUDIENCE },
	{ "no iat", "iat", NULL, REASON_TOKEN_CLAIM },
	{ "iat of a text", "iat", "\"1767225590\"", REASON_TOKEN_CLAIM },
	{ "iat ahead within the tolerance", "iat", "1767225660", REASON_NONE },
	{ "iat ahead", "iat", "1767225661", REASON_TOKEN_EARLY },
	{ "no exp", "exp", NULL, REASON_TOKEN_CLAIM },
	{ "exp null", "exp", "null", REASON_TOKEN_CLAIM },
	{ "exp within the tolerance", "exp", "1767225541", REASON_NONE },
	{ "expired", "exp", "1767225540", REASON_TOKEN_EXPIRED },
	{ "exp beyond all times", "exp", "1e300", REASON_TOKEN_CLAIM },
	{ "no-event", "events", NULL, REASON_LOGOUT_TOKEN },
	{ "wrong-event", "events", "{\"http://schemas.openid.net/event/foo\":{}}", REASON_LOGOUT_TOKEN },
	{ "events empty", "events", "{}", REASON_LOGOUT_TOKEN },
	{ "events of a list", "events", "[" EVENT "]", REASON_LOGOUT_TOKEN },
	{ "events of a text", "events", EVENT, REASON_LOGOUT_TOKEN },
	{ "event null", "events", "{" EVENT ":null}", REASON_LOGOUT_TOKEN },
	{ "event true", "events", "{" EVENT ":true}", REASON_LOGOUT_TOKEN },
	{ "event of a list", "events", "{" EVENT ":[]}", REASON_LOGOUT_TOKEN },
	{ "Keycloak", "events", "{" EVENT ":{\"revoke_offline_access\":true}}", REASON_NONE },
	{ "another event beside it", "events", "{\"urn:x\":1," EVENT ":{}}", REASON_NONE },
	{ "with-nonce", "nonce", "\"n\"", REASON_LOGOUT_TOKEN },
	{ "nonce null", "nonce", "null", REASON_LOGOUT_TOKEN },
	{ "nonce empty", "nonce", "\"\"", REASON_LOGOUT_TOKEN },
	{ "no jti", "jti", NULL, REASON_LOGOUT_TOKEN },
	{ "jti empty", "jti", "\"\"", REASON_TOKEN_CLAIM },
	{ "jti of a number", "jti", "7", REASON_TOKEN_CLAIM },
	{ "jti too long", "jti", "\"" THOUSAND HUNDRED "\"", REASON_TOKEN_CLAIM },
	{ "sub of a number", "sub", "7", REASON_TOKEN_CLAIM },
	{ "sub null", "sub", "null", REASON_TOKEN_CLAIM },
	{ "sub too long", "sub", "\"" HUNDRED HUNDRED HUNDRED "\"", REASON_TOKEN_CLAIM },
	{ "sub with a line's end", "sub", "\"a\\nb\"", REASON_TOKEN_CLAIM },
	{ "sid of a list", "sid", "[\"s-1\"]", REASON_TOKEN_CLAIM },
	{ "sid empty", "sid", "\"\"", REASON_TOKEN_CLAIM },
	{ "sid too long", "sid", "\"" THOUSAND HUNDRED "\"", REASON_TOKEN_CLAIM },
	{ "sid with DEL", "sid", "\"a\\u007f\"", REASON_TOKEN_CLAIM },
	{ "Keycloak's typ", "typ", "\"Logout\"", REASON_NONE },
	{ "Keycloak's ID token", "typ", "\"ID\"", REASON_LOGOUT_TOKEN },
	{ "Keycloak's access token", "typ", "\"Bearer\"", REASON_LOGOUT_TOKEN },
	{ "typ null", "typ", "null", REASON_LOGOUT_TOKEN },
};

START_TEST(every_rule_of_2_6)
{
	expect(rules[_i].name, verify(header, with(base, rules[_i].member, rules[_i].value)), rules[_i].want);
}
END_TEST

static const struct {
	const char *name, *header;
	enum reason want;
} headers[] = {
	{ "typ logout+jwt", "{\"alg\":\"ES256\",\"typ\":\"logout+jwt\"}", REASON_NONE },
	{ "typ whole", "{\"alg\":\"ES256\",\"typ\":\"application/logout+jwt\"}", REASON_NONE },
	{ "typ in capitals", "{\"alg\":\"ES256\",\"typ\":\"LOGOUT+JWT\"}", REASON_NONE },
	{ "typ JWT", "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", REASON_NONE },
	{ "no typ", "{\"alg\":\"ES256\"}", REASON_NONE },
	{ "typ at+jwt", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", REASON_LOGOUT_TOKEN },
	{ "typ secevent+jwt", "{\"alg\":\"ES256\",\"typ\":\"secevent+jwt\"}", REASON_LOGOUT_TOKEN },
	{ "typ empty", "{\"alg\":\"ES256\",\"typ\":\"\"}", REASON_LOGOUT_TOKEN },
	{ "typ of a list", "{\"alg\":\"ES256\",\"typ\":[\"logout+jwt\"]}", REASON_LOGOUT_TOKEN },
	{ "alg-none", "{\"alg\":\"none\"}", REASON_TOKEN_ALG },
	{ "wrong-alg", "{\"alg\":\"HS256\"}", REASON_TOKEN_ALG },
	{ "an alg that is not configured", "{\"alg\":\"ES384\"}", REASON_TOKEN_ALG },
	{ "crit", "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}", REASON_TOKEN_HEADER },
};

START_TEST(every_header)
{
	expect(headers[_i].name, verify(headers[_i].header, base), headers[_i].want);
}
END_TEST

START_TEST(a_sid_means_one_session_a_sub_all)
{
	ck_assert_int_eq(verify(header, base), LOGOUTTOKEN_OK);
	ck_assert(str_is(out.sid, STR("s-1")));
	ck_assert_uint_eq(out.subject.n, 0);
	ck_assert(str_is(out.jti, STR("j-1")));
	ck_assert_int_eq(out.expires, 1767225780);
	ck_assert_int_eq(verify(header, with(base, "sid", NULL)), LOGOUTTOKEN_OK);
	ck_assert(str_is(out.subject, STR("248289761001")));
	ck_assert_uint_eq(out.sid.n, 0);
	ck_assert_int_eq(verify(header, with(base, "sub", NULL)), LOGOUTTOKEN_OK);
	ck_assert(str_is(out.sid, STR("s-1")));
	expect("neither", verify(header, with(with(base, "sub", NULL), "sid", NULL)), REASON_LOGOUT_TOKEN);
}
END_TEST

START_TEST(only_the_provider_s_own_key_counts)
{
	e = (struct err){ .reason = REASON_NONE };
	expect("another key",
	    logouttoken_verify(&c, token_of(m, other_key, "ES256", str_of(header), str_of(base)), &out, &e),
	    REASON_TOKEN_SIGNATURE);
	ck_assert_int_eq(verify("{\"alg\":\"ES256\",\"kid\":\"k2\"}", base), LOGOUTTOKEN_NEED_KEYS);
	c.keys = NULL;
	ck_assert_int_eq(verify(header, base), LOGOUTTOKEN_NEED_KEYS);
	ck_assert_uint_eq(out.jti.n, 0);
}
END_TEST

START_TEST(of_many_tenants_the_listed_ones_count)
{
	const char *tid[] = { "11111111-2222-4333-8444-555555555555" };
	const char *claims =
	    with(base, "iss", "\"https://op.example.com/11111111-2222-4333-8444-555555555555\"");

	c.issuer = "https://op.example.com/{tenantid}";
	expect("no tid", verify(header, claims), REASON_TOKEN_TENANT);
	claims = with(claims, "tid", "\"11111111-2222-4333-8444-555555555555\"");
	expect("none is listed", verify(header, claims), REASON_TOKEN_TENANT);
	provider.tenants = (struct conf_strings){ 1, tid };
	expect("listed", verify(header, claims), REASON_NONE);
	expect("the issuer of another", verify(header, with(claims, "iss", "\"" ISSUER "\"")),
	    REASON_TOKEN_ISSUER);
}
END_TEST

START_TEST(no_other_kind_of_token_passes)
{
	const char *id =
	    "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"248289761001\",\"sid\":\"s-1\","
	    "\"exp\":1767229200,\"iat\":1767225590,\"nonce\":\"n\",\"jti\":\"j\"}";

	expect("an ID token", verify("{\"alg\":\"ES256\"}", id), REASON_LOGOUT_TOKEN);
	expect("without nonce", verify("{\"alg\":\"ES256\"}", with(id, "nonce", NULL)), REASON_LOGOUT_TOKEN);
}
END_TEST

START_TEST(a_look_at_what_it_says_proves_nothing)
{
	const json_t *o =
	    logouttoken_peek(token_of(m, other_key, "ES256", str_of(header), str_of(base)), m, &e);
	static const char *const broken[] = { "", ".", "..", "a", "a.b", "a..c", "a.!!.c", "a.W10.c",
		"a.MQ.c", "a.eyJhIjox.c", "a.eyJhIjoxLCJhIjoyfQ.c" };
	size_t i;

	ck_assert_str_eq(json_string_value(json_object_get(o, "iss")), ISSUER);
	for (i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		e = (struct err){ .reason = REASON_NONE };
		ck_assert_msg(logouttoken_peek(str_of(broken[i]), m, &e) == NULL, "%s", broken[i]);
		ck_assert_int_eq(e.reason, REASON_TOKEN_MALFORMED);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/logouttoken");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, every_rule_of_2_6, 0, COUNT(rules));
	tcase_add_loop_test(t, every_header, 0, COUNT(headers));
	tcase_add_test(t, a_sid_means_one_session_a_sub_all);
	tcase_add_test(t, only_the_provider_s_own_key_counts);
	tcase_add_test(t, of_many_tenants_the_listed_ones_count);
	tcase_add_test(t, no_other_kind_of_token_passes);
	tcase_add_test(t, a_look_at_what_it_says_proves_nothing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
