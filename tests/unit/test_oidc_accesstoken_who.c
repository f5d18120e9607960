/*
 * oidc/accesstoken.c: whom an access token speaks for
 *
 * The vendors' tokens are written after their documentation, with invented
 * tenants.  Each says what a route will see of it.
 */
#include "tests/unit/accesstokens.h"

/* --- the vendors ---------------------------------------------------------------- */

#define DAEMON  "dae00000-1234-4567-89ab-cdef01234567"
#define SERVICE "5e50aaaa-0001-4002-8003-000400050006"
#define XS      "https://acme.authentication.eu10.hana.ondemand.com/oauth/token"
#define KC      "https://sso.example.com/realms/acme"
#define FS      "http://fs.example.com/adfs/services/trust"
#define OKTA    "https://example.okta.com/oauth2/default"
#define AUTH0   "https://example.eu.auth0.com/"

static const struct {
	const char *kind, *issuer, *audience, *claims;
	enum principal_kind who;
	const char *username, *app_id, *scopes, *roles;
} vendors[] = {
	{ "azure-v1", V1, "https://api.k2.com/",
	    "{\"aud\":\"https://api.k2.com/\",\"iss\":\"" V1 "\"," TIMES ",\"acr\":\"1\",\"appid\":\"app-1\","
	    "\"appidacr\":\"1\",\"oid\":\"05e2\",\"roles\":[\"Approver\"],\"scp\":\"default "
	    "user_impersonation\","
	    "\"sub\":\"pAirWise\",\"unique_name\":\"jd@example.com\",\"upn\":\"jane.doe@example.com\","
	    "\"ver\":"
	    "\"1.0\"}",
	    PRINCIPAL_USER, "jane.doe@example.com", "app-1", "default|user_impersonation", "Approver" },
	{ "azure-v1", V1, API,
	    "{\"aud\":\"" API "\",\"iss\":\"" V1 "\"," TIMES ",\"appid\":\"" DAEMON "\",\"idtyp\":\"app\","
	    "\"oid\":\"" SERVICE "\",\"roles\":[\"wfgen-full\"],\"sub\":\"" SERVICE "\",\"ver\":\"1.0\"}",
	    PRINCIPAL_APP, "", DAEMON, "", "wfgen-full" },
	{ "ms-identity-v2", V2, "a9100000",
	    "{\"aud\":\"a9100000\",\"iss\":\"" V2 "\"," TIMES ",\"azp\":\"app-1\",\"azpacr\":\"1\","
	    "\"oid\":\"05e2\",\"preferred_username\":\"jane.doe@example.com\",\"scp\":\"wfgen-access\","
	    "\"sub\":\"pAirWise\",\"ver\":\"2.0\"}",
	    PRINCIPAL_USER, "jane.doe@example.com", "app-1", "wfgen-access", "" },
	{ "ms-identity-v2", V2, "a9100000", /* without idtyp, as it is by default */
	    "{\"aud\":\"a9100000\",\"iss\":\"" V2 "\"," TIMES ",\"azp\":\"" DAEMON "\",\"azpacr\":\"2\","
	    "\"oid\":\"" SERVICE "\",\"roles\":[\"wfgen-full\"],\"sub\":\"" SERVICE "\",\"ver\":\"2.0\"}",
	    PRINCIPAL_APP, "", DAEMON, "", "wfgen-full" },
	{ "ms-identity-v2", V2, API, /* an API that wants tokens of version 1 */
	    "{\"aud\":\"" API "\",\"iss\":\"" V1 "\"," TIMES ",\"appid\":\"app-1\",\"oid\":\"05e2\","
	    "\"scp\":\"default\",\"sub\":\"pAirWise\",\"upn\":\"jane.doe@example.com\",\"ver\":\"1.0\"}",
	    PRINCIPAL_USER, "jane.doe@example.com", "app-1", "default", "" },
	{ "adfs", FS, API,
	    "{\"aud\":\"" API "\",\"iss\":\"" FS "\",\"iat\":1767225590,\"exp\":1767229200,"
	    "\"upn\":\"jane.doe@corp.example.com\",\"role\":\"Domain Users\",\"apptype\":\"Confidential\","
	    "\"appid\":\"app-1\",\"auth_time\":\"2025-12-31T23:59:50.000Z\",\"scp\":\"openid "
	    "user_impersonation\"}",
	    PRINCIPAL_USER, "jane.doe@corp.example.com", "app-1", "openid|user_impersonation",
	    "Domain Users" },
	{ "adfs", FS, API,
	    "{\"aud\":\"" API "\",\"iss\":\"" FS "\",\"iat\":1767225590,\"exp\":1767229200,"
	    "\"apptype\":\"Confidential\",\"appid\":\"" DAEMON "\",\"ver\":\"1.0\"}",
	    PRINCIPAL_APP, "", DAEMON, "", "" },
	{ "okta", OKTA, "api://my-apis",
	    "{\"ver\":1,\"jti\":\"AT.a\",\"iss\":\"" OKTA "\",\"aud\":\"api://my-apis\"," TIMES
	    ",\"cid\":\"0oa1\",\"uid\":\"00u1\",\"scp\":[\"openid\",\"workflow.read\"],\"sub\":\"jane.doe@"
	    "example."
	    "com\"}",
	    PRINCIPAL_USER, "jane.doe@example.com", "0oa1", "openid|workflow.read", "openid|workflow.read" },
	{ "okta", OKTA, "api://my-apis",
	    "{\"ver\":1,\"jti\":\"AT.z\",\"iss\":\"" OKTA "\",\"aud\":\"api://my-apis\"," TIMES
	    ",\"cid\":\"0oa9\",\"scp\":[\"workflow.read\"],\"sub\":\"0oa9\"}",
	    PRINCIPAL_APP, "", "0oa9", "workflow.read", "workflow.read" },
	{ "auth0", AUTH0, API,
	    "{\"iss\":\"" AUTH0 "\",\"sub\":\"auth0|64f0\",\"aud\":[\"" API "\",\"" AUTH0
	    "userinfo\"],\"iat\":1767225590,\"exp\":1767312000,\"azp\":\"app-1\",\"scope\":\"openid "
	    "workflow:read\","
	    "\"permissions\":[\"workflow:read\"]}",
	    PRINCIPAL_USER, "auth0|64f0", "app-1", "openid|workflow:read", "workflow:read" },
	{ "auth0", AUTH0, API,
	    "{\"iss\":\"" AUTH0 "\",\"sub\":\"dAe@clients\",\"aud\":\"" API
	    "\",\"iat\":1767225590,\"exp\":1767312000,\"azp\":\"dAe\",\"scope\":\"a:b c:d\","
	    "\"gty\":\"client-credentials\"}",
	    PRINCIPAL_APP, "", "dAe", "a:b|c:d", "a:b|c:d" },
	{ "auth0", AUTH0, API, /* its RFC 9068 profile has no gty */
	    "{\"iss\":\"" AUTH0 "\",\"sub\":\"dAe@clients\",\"aud\":\"" API
	    "\",\"iat\":1767225590,\"exp\":1767312000,\"jti\":\"j\",\"client_id\":\"dAe\",\"scope\":\"a:b\"}",
	    PRINCIPAL_APP, "", "dAe", "a:b", "a:b" },
	{ "keycloak", KC, "workflow-api",
	    "{\"exp\":1767225900,\"iat\":1767225590,\"jti\":\"o:1\",\"iss\":\"" KC
	    "\",\"aud\":[\"workflow-api\",\"account\"],\"sub\":\"05e2\",\"typ\":\"Bearer\",\"azp\":\"wf\","
	    "\"realm_access\":{\"roles\":[\"offline_access\",\"approver\"]},\"scope\":\"openid email\","
	    "\"preferred_username\":\"jane.doe\"}",
	    PRINCIPAL_USER, "jane.doe", "wf", "openid|email", "offline_access|approver" },
	{ "keycloak", KC, "workflow-api", /* before 25 its access tokens had a nonce */
	    "{\"exp\":1767225900,\"iat\":1767225590,\"iss\":\"" KC
	    "\",\"aud\":\"workflow-api\",\"sub\":\"05e2\",\"typ\":\"Bearer\",\"azp\":\"wf\",\"nonce\":\"n\","
	    "\"preferred_username\":\"jane.doe\"}",
	    PRINCIPAL_USER, "jane.doe", "wf", "", "" },
	{ "keycloak", KC, "workflow-api",
	    "{\"exp\":1767225900,\"iat\":1767225590,\"jti\":\"t:1\",\"iss\":\"" KC
	    "\",\"aud\":[\"workflow-api\",\"account\"],\"sub\":\"5e50\",\"typ\":\"Bearer\",\"azp\":\"wf-"
	    "daemon\","
	    "\"realm_access\":{\"roles\":[\"default-roles-acme\"]},\"scope\":\"email "
	    "profile\",\"clientHost\":\"192.0.2.20\",\"clientAddress\":\"192.0.2.20\","
	    "\"preferred_username\":\"service-account-wf-daemon\",\"client_id\":\"wf-daemon\"}",
	    PRINCIPAL_APP, "", "wf-daemon", "email|profile", "default-roles-acme" },
	{ "keycloak", KC, "workflow-api", /* an older one */
	    "{\"exp\":1767225900,\"iat\":1767225590,\"iss\":\"" KC
	    "\",\"aud\":\"workflow-api\",\"sub\":\"5e50\",\"typ\":\"Bearer\",\"azp\":\"wf-daemon\","
	    "\"clientHost\":\"192.0.2.20\",\"clientId\":\"wf-daemon\",\"preferred_username\":\"service-"
	    "account-wf-daemon\"}",
	    PRINCIPAL_APP, "", "wf-daemon", "", "" },
	{ "sap-xsuaa", XS, "wfapp!t4711",
	    "{\"jti\":\"8\",\"sub\":\"05e2\",\"scope\":[\"wfapp!t4711.Display\",\"openid\"],"
	    "\"client_id\":\"sb-p!t4711\",\"cid\":\"sb-p!t4711\",\"azp\":\"sb-p!t4711\","
	    "\"grant_type\":\"authorization_code\",\"user_id\":\"05e2\",\"user_name\":\"jane.doe@example."
	    "com\"," TIMES ",\"iss\":\"" XS "\",\"aud\":[\"wfapp!t4711\",\"openid\",\"sb-p!t4711\"]}",
	    PRINCIPAL_USER, "jane.doe@example.com", "sb-p!t4711", "wfapp!t4711.Display|openid",
	    "wfapp!t4711.Display|openid" },
	{ "sap-xsuaa", XS, "wfapp!t4711",
	    "{\"jti\":\"f\",\"sub\":\"sb-d!t4711\",\"authorities\":[\"wfapp!t4711.START\",\"uaa.resource\"],"
	    "\"scope\":[\"wfapp!t4711.START\",\"uaa.resource\"],\"client_id\":\"sb-d!t4711\",\"cid\":\"sb-d!"
	    "t4711\","
	    "\"azp\":\"sb-d!t4711\",\"grant_type\":\"client_credentials\"," TIMES ",\"iss\":\"" XS
	    "\",\"aud\":[\"wfapp!t4711\",\"uaa\",\"sb-d!t4711\"]}",
	    PRINCIPAL_APP, "", "sb-d!t4711", "wfapp!t4711.START|uaa.resource",
	    "wfapp!t4711.START|uaa.resource" },
	{ "oidc", ISSUER, API, base, PRINCIPAL_USER, "jane.doe", "spa", "read|write", "Approver|Run It" },
	{ "oidc", ISSUER, API,
	    "{\"iss\":\"" ISSUER "\",\"aud\":\"" API "\"," TIMES ",\"sub\":\"d\",\"client_id\":\"d\"}",
	    PRINCIPAL_APP, "", "d", "", "" },
};

START_TEST(each_vendors_token_is_read_as_it_is_meant)
{
	const struct principal *got;
	const char *what = mem_printf(m, "row %d, %s", _i, vendors[_i].kind);

	p.kind = vendors[_i].kind;
	p.audience = list_of(vendors[_i].audience);
	c.issuer = vendors[_i].issuer;
	got = take(what, vendors[_i].claims);
	ck_assert_msg(
	    got->kind == vendors[_i].who, "%s: a %s", what, got->kind == PRINCIPAL_APP ? "program" : "user");
	expect_text(what, got->username, vendors[_i].username);
	expect_text(what, got->app_id, vendors[_i].app_id);
	expect_text(what, str_of(joined(got->scopes, got->n_scopes)), vendors[_i].scopes);
	expect_text(what, str_of(joined(got->roles, got->n_roles)), vendors[_i].roles);
	ck_assert_int_gt(got->times.expires, NOW);
	ck_assert_int_eq(got->times.begins, 1767225590);
}
END_TEST

/* A row of a program, with what a user's token has besides: it is no program's any more. */
static const struct {
	const char *kind, *claims, *member, *value;
	const char *username; /* NULL: refused, since nobody is named */
} disguises[] = {
	{ "ms-identity-v2", "\"oid\":\"s\",\"sub\":\"s\",\"azp\":\"d\"", "scp", "\"x\"", NULL },
	{ "ms-identity-v2", "\"oid\":\"s\",\"sub\":\"s\",\"azp\":\"d\"", "upn", "\"jane\"", "jane" },
	{ "ms-identity-v2", "\"oid\":\"s\",\"sub\":\"s\",\"azp\":\"d\"", "idtyp", "\"user\"", NULL },
	{ "ms-identity-v2", "\"oid\":\"s\",\"sub\":\"s\",\"azp\":\"d\"", "sub", "\"other\"", NULL },
	{ "okta", "\"sub\":\"d\",\"cid\":\"d\"", "uid", "\"00u1\"", "d" },
	{ "adfs", "\"apptype\":\"Confidential\",\"appid\":\"d\"", "scp", "\"openid\"", NULL },
	{ "adfs", "\"apptype\":\"Confidential\",\"appid\":\"d\"", "upn", "\"jane\"", "jane" },
	{ "auth0", "\"sub\":\"d@clients\",\"azp\":\"d\"", "azp", "\"e\"", "d@clients" },
	{ "keycloak", "\"azp\":\"d\",\"client_id\":\"d\",\"clientHost\":\"h\"", "client_id", "\"e\"", NULL },
	{ "keycloak",
	    "\"azp\":\"d\",\"client_id\":\"d\",\"clientHost\":\"h\",\"preferred_username\":\"jane\"",
	    "clientHost", NULL, "jane" },
	{ "keycloak", "\"azp\":\"d\",\"preferred_username\":\"service-account-d\"", "azp", "\"e\"",
	    "service-account-d" },
	{ "keycloak", "\"azp\":\"d\",\"preferred_username\":\"service-account-d\"", "preferred_username",
	    "\"service-account-d2\"", "service-account-d2" },
	{ "sap-xsuaa", "\"grant_type\":\"client_credentials\",\"azp\":\"d\"", "user_name", "\"jane\"",
	    "jane" },
	{ "sap-xsuaa", "\"grant_type\":\"client_credentials\",\"azp\":\"d\"", "grant_type", "\"password\"",
	    NULL },
	{ "oidc", "\"sub\":\"d\",\"azp\":\"d\"", "sub", "\"d2\"", NULL },
};

START_TEST(what_is_not_proven_to_be_a_program_must_name_its_user)
{
	const char *claims = mem_printf(
		       m, "{\"iss\":\"%s\",\"aud\":\"%s\",%s,%s}", ISSUER, API, TIMES, disguises[_i].claims),
		   *more = with(claims, disguises[_i].member, disguises[_i].value);
	const struct principal *got;

	p.kind = disguises[_i].kind;
	ck_assert_int_eq(take("the program", claims)->kind, PRINCIPAL_APP);
	if (disguises[_i].username == NULL) {
		refuse_as(more, PLAIN, more, REASON_TOKEN_USERNAME);
		return;
	}
	got = take(more, more);
	ck_assert_int_eq(got->kind, PRINCIPAL_USER);
	expect_text(more, got->username, disguises[_i].username);
}
END_TEST

START_TEST(a_user_of_a_token_is_somebody_proven_and_a_program_nobody)
{
	static const char rest[] = "\"iss\":\"" ISSUER "\",\"aud\":\"" API "\"," TIMES;
	const struct identity *i;

	i = principal_identity(
	    take("a user", mem_printf(m,
			       "{%s,\"sub\":\"s-1\",\"azp\":\"app\",\"preferred_username\":\"jane\","
			       "\"sid\":\"op-1\",\"auth_time\":17,\"groups\":[\"a\"]}",
			       rest)),
	    m, &e);
	ck_assert_ptr_nonnull(i);
	ck_assert(str_is(identity_subject(i), STR("s-1")) && str_is(identity_username(i), STR("jane")));
	ck_assert(str_is(identity_provider_sid(i), STR("op-1")) && str_is(identity_issuer(i), STR(ISSUER)));
	ck_assert_int_eq(identity_auth_time(i), 17);
	ck_assert(json_is_array(identity_claim(i, "groups")));
	ck_assert_ptr_null(principal_identity(
	    take("nobody's", mem_printf(m, "{%s,\"preferred_username\":\"jane\"}", rest)), m, &e));
	ck_assert_int_eq(e.reason, REASON_TOKEN_CLAIM);
	ck_assert_ptr_null(principal_identity(
	    take("a program's", mem_printf(m, "{%s,\"sub\":\"job\",\"azp\":\"job\"}", rest)), m, &e));
}
END_TEST

START_TEST(a_program_without_an_id_is_refused)
{
	p.kind = "ms-identity-v2";
	refuse_as("no azp", PLAIN, "{\"iss\":\"" ISSUER "\",\"aud\":\"" API "\"," TIMES ",\"idtyp\":\"app\"}",
	    REASON_TOKEN_CLAIM);
}
END_TEST

/* --- by hand --------------------------------------------------------------------- */

START_TEST(claims_named_by_hand_win_over_the_kind)
{
	static const char *user[] = { "x.name", "https://app.example.com/user" }, *app[] = { "client" },
			  *scope[] = { "perms" }, *roles[] = { "resource_access.wf.api.roles" };
	const struct principal *got;

	p.access_token_username_claim = (struct conf_strings){ 2, user };
	p.app_id_claim = (struct conf_strings){ 1, app };
	p.scope_claim = (struct conf_strings){ 1, scope };
	p.roles_claim = (struct conf_strings){ 1, roles };
	got = take("by hand",
	    "{\"iss\":\"" ISSUER "\",\"aud\":\"" API "\"," TIMES
	    ",\"client\":\"c\",\"azp\":\"no\",\"perms\":[\"a\",7,\"\",\"b c\"],\"scope\":\"no\","
	    "\"preferred_username\":\"no\",\"https://app.example.com/user\":\"jane\","
	    "\"resource_access\":{\"wf.api\":{\"roles\":[\"full\"]}}}");
	expect_text("username", got->username, "jane");
	expect_text("app", got->app_id, "c");
	expect_text("scopes", str_of(joined(got->scopes, got->n_scopes)), "a|b c");
	expect_text("roles", str_of(joined(got->roles, got->n_roles)), "full");
	ck_assert_ptr_nonnull(principal_claim(got, "resource_access.wf.api"));
	ck_assert_ptr_null(principal_claim(got, "absent"));
}
END_TEST

static const struct {
	const char *claim, *value, *json;
	bool holds;
} proofs[] = {
	{ "kind", "app", "\"app\"", true },
	{ "kind", "app", "\"App\"", false },
	{ "kind", "app", "[\"x\",\"app\"]", true },
	{ "kind", "app", "[\"x\"]", false },
	{ "kind", "app", "{\"app\":1}", false },
	{ "kind", "true", "true", true },
	{ "kind", "false", "true", false },
	{ "kind", "7", "7", true },
	{ "kind", "7", "8", false },
	{ "kind", "", "[]", false },
	{ "kind", "", "null", false },
	{ "a.kind", "app", "\"app\"", false },
};

START_TEST(any_proof_by_hand_makes_a_program_and_no_other_does)
{
	struct conf_claim_rule by_hand[] = { { "never", "x", false },
		{ proofs[_i].claim, proofs[_i].value, false } };
	const char *claims = with(with(base, "kind", proofs[_i].json), "sub", "\"spa\"");

	p.app_only = by_hand;
	p.n_app_only = 2;
	ck_assert_int_eq(take("row", claims)->kind, proofs[_i].holds ? PRINCIPAL_APP : PRINCIPAL_USER);
}
END_TEST

START_TEST(every_kind_says_what_its_access_tokens_have)
{
	for (const struct kind *k = kinds; k->name != NULL; k++) {
		ck_assert_msg(k->access != NULL, "%s", k->name);
		ck_assert_ptr_nonnull(k->access->username_claim[0]);
		ck_assert_ptr_nonnull(k->access->app_id_claim[0]);
		ck_assert_ptr_nonnull(k->access->scope_claim[0]);
		ck_assert_ptr_nonnull(k->access->roles_claim[0]);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/accesstoken");
	TCase *t = tcase_create("whom it speaks for");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, each_vendors_token_is_read_as_it_is_meant, 0, COUNT(vendors));
	tcase_add_loop_test(t, what_is_not_proven_to_be_a_program_must_name_its_user, 0, COUNT(disguises));
	tcase_add_test(t, a_user_of_a_token_is_somebody_proven_and_a_program_nobody);
	tcase_add_test(t, a_program_without_an_id_is_refused);
	tcase_add_test(t, claims_named_by_hand_win_over_the_kind);
	tcase_add_loop_test(t, any_proof_by_hand_makes_a_program_and_no_other_does, 0, COUNT(proofs));
	tcase_add_test(t, every_kind_says_what_its_access_tokens_have);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
