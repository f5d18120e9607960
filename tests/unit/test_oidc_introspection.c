/* oidc/introspection.c and accesstoken_introspected(): what a provider's word about an opaque token is worth
 */
#include <check.h>
#include <stdlib.h>

#include "oidc/accesstoken.h"
#include "oidc/introspection.h"
#include "oidc/tokenreq.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

#define NOW    INT64_C(1767225600)
#define ISSUER "https://op.example.com"
#define TENANT "aaaa1111-bbbb-4ccc-8ddd-eeee22223333"
#define GOOD                                                                                                 \
	"\"active\":true,\"aud\":\"api\",\"exp\":1767229200,\"sub\":\"u-1\",\"username\":\"jane\","          \
	"\"client_id\":\"spa\",\"scope\":\"read write\""

static struct mem *m;
static struct err e;

static void
setup(void)
{
	m = mem_new(1 << 20);
}

static void
teardown(void)
{
	mem_free(&m);
}

/* --- the answer ---------------------------------------------------------------- */

static const struct {
	const char *name;
	int status;
	const char *type, *body;
	enum reason want;
} answers[] = {
	{ "in force", 200, "application/json", "{\"active\":true}", REASON_NONE },
	{ "of another type", 200, "text/plain", "{\"active\":true}", REASON_NONE },
	{ "without a type", 200, "", "{\"active\":true}", REASON_NONE },
	{ "not in force", 200, "application/json", "{\"active\":false}", REASON_TOKEN_INACTIVE },
	{ "not in force, and more", 200, "application/json", "{\"active\":false,\"sub\":\"u\"}",
	    REASON_TOKEN_INACTIVE },
	{ "a text", 200, "application/json", "{\"active\":\"true\"}", REASON_PROVIDER_ANSWER },
	{ "a number", 200, "application/json", "{\"active\":1}", REASON_PROVIDER_ANSWER },
	{ "null", 200, "application/json", "{\"active\":null}", REASON_PROVIDER_ANSWER },
	{ "unsaid", 200, "application/json", "{\"sub\":\"u\"}", REASON_PROVIDER_ANSWER },
	{ "twice", 200, "application/json", "{\"active\":false,\"active\":true}", REASON_PROVIDER_ANSWER },
	{ "in another case", 200, "application/json", "{\"Active\":true}", REASON_PROVIDER_ANSWER },
	{ "a list", 200, "application/json", "[{\"active\":true}]", REASON_PROVIDER_ANSWER },
	{ "empty", 200, "application/json", "", REASON_PROVIDER_ANSWER },
	{ "a page", 200, "text/html", "<html>", REASON_PROVIDER_ANSWER },
	{ "signed", 200, "application/token-introspection+jwt", "eyJ.eyJ.x", REASON_PROVIDER_ANSWER },
	{ "said to be signed", 200, "Application/Token-Introspection+JWT; charset=utf-8", "{\"active\":true}",
	    REASON_PROVIDER_ANSWER },
	{ "a JWT", 200, "application/jwt", "{\"active\":true}", REASON_PROVIDER_ANSWER },
	{ "our client refused", 401, "application/json", "{\"error\":\"invalid_client\"}",
	    REASON_PROVIDER_STATUS },
	{ "in force, and refused", 400, "application/json", "{\"active\":true}", REASON_PROVIDER_STATUS },
	{ "elsewhere", 302, "application/json", "{\"active\":true}", REASON_PROVIDER_STATUS },
	{ "created", 201, "application/json", "{\"active\":true}", REASON_PROVIDER_STATUS },
	{ "busy", 429, "application/json", "{}", REASON_PROVIDER_STATUS },
	{ "in trouble", 503, "text/html", "", REASON_PROVIDER_STATUS },
};

START_TEST(active_is_true_in_a_plain_answer_or_nothing_is)
{
	const struct introspection_answer a = { .status = answers[_i].status,
		.type = str_of(answers[_i].type),
		.body = str_of(answers[_i].body) };
	enum reason got = REASON_NONE;

	if (introspection_judge(&a, &e) == -1)
		got = e.reason;
	ck_assert_msg(got == answers[_i].want, "%s: %s", answers[_i].name, reason_word(got));
}
END_TEST

/* --- the claims ----------------------------------------------------------------- */

static const char *audience[] = { "other", "api", "rp" };
static const char *tenants[] = { TENANT };

static struct conf_provider p;

static enum reason
judge(const char *claims, const struct principal **who)
{
	struct accesstoken_check c = { .provider = &p, .issuer = ISSUER, .now = NOW, .mem = m };

	return accesstoken_introspected(&c, str_of(mem_printf(m, "{%s}", claims)), who, &e) == 0 ? REASON_NONE
												 : e.reason;
}

static void
begin(void)
{
	setup();
	p = (struct conf_provider){ .name = "main",
		.kind = "oidc",
		.client_id = "rp",
		.audience = { 3, audience },
		.clock_tolerance = 60000 };
}

static const struct {
	const char *claims;
	enum reason want;
} rules[] = {
	{ GOOD, REASON_NONE },
	/* aud and exp are demanded, whatever RFC 7662 leaves open */
	{ "\"active\":true,\"exp\":1767229200,\"username\":\"jane\"", REASON_TOKEN_AUDIENCE },
	{ "\"active\":true,\"aud\":\"elsewhere\",\"exp\":1767229200,\"username\":\"jane\"",
	    REASON_TOKEN_AUDIENCE },
	{ "\"active\":true,\"aud\":[],\"exp\":1767229200,\"username\":\"jane\"", REASON_TOKEN_AUDIENCE },
	{ "\"active\":true,\"aud\":[\"x\",\"api\"],\"exp\":1767229200,\"username\":\"jane\"", REASON_NONE },
	{ "\"active\":true,\"aud\":\"api\",\"username\":\"jane\"", REASON_TOKEN_CLAIM },
	{ "\"active\":true,\"aud\":\"api\",\"exp\":\"1767229200\",\"username\":\"jane\"",
	    REASON_TOKEN_CLAIM },
	{ "\"active\":true,\"aud\":\"api\",\"exp\":1767225540,\"username\":\"jane\"", REASON_TOKEN_EXPIRED },
	{ GOOD ",\"nbf\":1767225661", REASON_TOKEN_EARLY },
	{ GOOD ",\"iat\":1767225661", REASON_TOKEN_EARLY },
	{ GOOD ",\"nbf\":null", REASON_TOKEN_CLAIM },
	/* iss where it is there */
	{ GOOD ",\"iss\":\"" ISSUER "\"", REASON_NONE },
	{ GOOD ",\"iss\":\"https://evil.example\"", REASON_TOKEN_ISSUER },
	{ GOOD ",\"iss\":\"\"", REASON_TOKEN_ISSUER },
	{ GOOD ",\"iss\":null", REASON_TOKEN_ISSUER },
	/* of which kind */
	{ GOOD ",\"token_type\":\"Bearer\"", REASON_NONE },
	{ GOOD ",\"token_type\":\"bearer\"", REASON_NONE },
	{ GOOD ",\"token_type\":\"access_token\"", REASON_NONE },
	{ GOOD ",\"token_type\":null", REASON_NONE },
	{ GOOD ",\"token_type\":\"DPoP\"", REASON_TOKEN_TYPE },
	{ GOOD ",\"token_type\":\"refresh_token\"", REASON_TOKEN_TYPE },
	{ GOOD ",\"token_type\":7", REASON_TOKEN_TYPE },
	{ GOOD ",\"token_use\":\"access_token\"", REASON_NONE },
	{ GOOD ",\"token_use\":\"refresh_token\"", REASON_TOKEN_TYPE },
	{ GOOD ",\"typ\":\"Bearer\"", REASON_NONE },
	{ GOOD ",\"typ\":\"Refresh\"", REASON_TOKEN_TYPE },
	{ GOOD ",\"cnf\":{\"jkt\":\"x\"}", REASON_TOKEN_TYPE },
	{ GOOD ",\"nonce\":\"x\"", REASON_TOKEN_TYPE },
	{ GOOD ",\"events\":{}", REASON_TOKEN_TYPE },
	/* for our client alone, and nothing says that it is no refresh token */
	{ "\"active\":true,\"aud\":\"rp\",\"exp\":1767229200,\"username\":\"jane\",\"scope\":\"a\"",
	    REASON_TOKEN_TYPE },
	{ "\"active\":true,\"aud\":\"rp\",\"exp\":1767229200,\"username\":\"jane\",\"scope\":\"a\","
	  "\"token_type\":\"Bearer\"",
	    REASON_NONE },
	/* whose */
	{ "\"active\":true,\"aud\":\"api\",\"exp\":1767229200,\"sub\":\"u-1\",\"client_id\":\"spa\"",
	    REASON_TOKEN_USERNAME },
	{ "\"active\":true,\"aud\":\"api\",\"exp\":1767229200,\"username\":\"ja\\nne\"",
	    REASON_TOKEN_USERNAME },
	{ GOOD ",\"aud\":\"api\"", REASON_PROVIDER_ANSWER },
	{ "\"x\":", REASON_PROVIDER_ANSWER },
};

START_TEST(what_it_says_is_held_to_the_rules_of_a_signed_token)
{
	const struct principal *who;
	const enum reason got = judge(rules[_i].claims, &who);

	ck_assert_msg(got == rules[_i].want, "%s: %s: %s", rules[_i].claims, reason_word(got), e.text);
	ck_assert((got == REASON_NONE) == (who != NULL));
}
END_TEST

START_TEST(the_names_of_rfc_7662_count_where_the_kinds_own_are_absent)
{
	const char *by_hand[] = { "sub" };
	const struct principal *who;

	ck_assert_int_eq(judge(GOOD, &who), REASON_NONE);
	ck_assert_int_eq(who->kind, PRINCIPAL_USER);
	ck_assert(str_is(who->username, STR("jane")) && str_is(who->app_id, STR("spa")));
	ck_assert(str_is(who->issuer, STR(ISSUER)) && str_is(who->subject, STR("u-1")));
	ck_assert_uint_eq(who->n_scopes, 2);
	ck_assert_int_eq(who->times.expires, 1767229200);
	ck_assert_int_eq(judge(GOOD ",\"preferred_username\":\"doe\"", &who), REASON_NONE);
	ck_assert(str_is(who->username, STR("doe")));
	p.kind = "okta";
	ck_assert_int_eq(judge(GOOD ",\"uid\":\"1\"", &who), REASON_NONE);
	ck_assert(str_is(who->username, STR("u-1")) && str_is(who->app_id, STR("spa")));
	ck_assert_uint_eq(who->n_scopes, 2);
	p.kind = "oidc";
	p.access_token_username_claim = (struct conf_strings){ 1, by_hand };
	ck_assert_int_eq(judge(GOOD, &who), REASON_NONE);
	ck_assert(str_is(who->username, STR("u-1")));
	by_hand[0] = "email"; /* by hand it is that or nothing */
	ck_assert_int_eq(judge(GOOD, &who), REASON_TOKEN_USERNAME);
}
END_TEST

START_TEST(a_program_is_one_by_the_same_proof)
{
	const struct principal *who;

	ck_assert_int_eq(judge("\"active\":true,\"aud\":\"api\",\"exp\":1767229200,\"sub\":\"batch\","
			       "\"client_id\":\"batch\",\"username\":\"root\"",
			     &who),
	    REASON_NONE);
	ck_assert_int_eq(who->kind, PRINCIPAL_APP);
	ck_assert(str_is(who->app_id, STR("batch")) && who->username.n == 0);
}
END_TEST

START_TEST(tenants_are_judged_without_an_issuer_too)
{
	const struct principal *who;

	p.tenants = (struct conf_strings){ 1, tenants };
	ck_assert_int_eq(judge(GOOD, &who), REASON_TOKEN_TENANT);
	ck_assert_int_eq(judge(GOOD ",\"tid\":\"" TENANT "\"", &who), REASON_NONE);
	ck_assert_int_eq(
	    judge(GOOD ",\"tid\":\"bbbb1111-bbbb-4ccc-8ddd-eeee22223333\"", &who), REASON_TOKEN_TENANT);
}
END_TEST

/* --- the question ------------------------------------------------------------------ */

START_TEST(the_question_is_written_byte_for_byte)
{
	struct conf_provider c = { .client_id = "app 1", .token_endpoint_auth_method = AUTH_METHOD_BASIC };
	struct oidc_introspection q = { .endpoint = "https://op.example.com/i", .token = STR("a/b+c=") };
	struct tokenreq r;

	c.client_secret = secret_new("p:s", 3);
	tokenreq_print_introspection(&c, &q, m, &r);
	ck_assert(str_is(r.body, STR("token=a%2Fb%2Bc%3D&token_type_hint=access_token")));
	ck_assert_str_eq(r.authorization, "Basic YXBwKzE6cCUzQXM=");
	c.token_endpoint_auth_method = AUTH_METHOD_POST;
	tokenreq_print_introspection(&c, &q, m, &r);
	ck_assert(str_is(r.body,
	    STR("token=a%2Fb%2Bc%3D&token_type_hint=access_token&client_id=app+1&client_secret=p%3As")));
	ck_assert_ptr_null(r.authorization);
	c.token_endpoint_auth_method = AUTH_METHOD_KEY_JWT;
	q.assertion = STR("h.p.s");
	tokenreq_print_introspection(&c, &q, m, &r);
	ck_assert(str_is(r.body,
	    STR("token=a%2Fb%2Bc%3D&token_type_hint=access_token&client_id=app+1&client_assertion_type="
		"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=h.p.s")));
	secret_free(&c.client_secret);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/introspection");
	TCase *t = tcase_create("introspection");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, begin, teardown);
	tcase_add_loop_test(t, active_is_true_in_a_plain_answer_or_nothing_is, 0, COUNT(answers));
	tcase_add_loop_test(t, what_it_says_is_held_to_the_rules_of_a_signed_token, 0, COUNT(rules));
	tcase_add_test(t, the_names_of_rfc_7662_count_where_the_kinds_own_are_absent);
	tcase_add_test(t, a_program_is_one_by_the_same_proof);
	tcase_add_test(t, tenants_are_judged_without_an_issuer_too);
	tcase_add_test(t, the_question_is_written_byte_for_byte);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
