/* oidc/idtoken.c: who a proven token is about: userinfo, the username, the claims */
#include "tests/unit/idtokens.h"

/* --- userinfo --------------------------------------------------------------- */

static const struct {
	const char *name, *userinfo;
	enum reason want;
} userinfos[] = {
	{ "good", "{\"sub\":\"248289761001\",\"groups\":[\"x\"]}", REASON_NONE },
	{ "userinfo-invalid-sub", "{\"sub\":\"248289761002\",\"groups\":[\"x\"]}", REASON_PROVIDER_USERINFO },
	{ "sub missing", "{\"groups\":[\"x\"]}", REASON_PROVIDER_USERINFO },
	{ "sub null", "{\"sub\":null}", REASON_PROVIDER_USERINFO },
	{ "sub number", "{\"sub\":248289761001}", REASON_PROVIDER_USERINFO },
	{ "sub twice", "{\"sub\":\"x\",\"sub\":\"248289761001\"}", REASON_PROVIDER_USERINFO },
	{ "sub longer", "{\"sub\":\"248289761001 \"}", REASON_PROVIDER_USERINFO },
	{ "no object", "[]", REASON_PROVIDER_USERINFO },
	{ "no JSON", "<html>", REASON_PROVIDER_USERINFO },
	{ "empty", "", REASON_PROVIDER_USERINFO },
	{ "a signed one", "eyJhbGciOiJub25lIn0.e30.", REASON_PROVIDER_USERINFO },
	{ "deep",
	    "{\"sub\":\"248289761001\",\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]"
	    "]]]]]]]]"
	    "]]]]]]]]]]]]}",
	    REASON_PROVIDER_USERINFO },
};

START_TEST(userinfo_is_of_the_same_subject_or_refused)
{
	c.userinfo = userinfos[_i].userinfo;
	expect(userinfos[_i].name, base, userinfos[_i].want);
}
END_TEST

START_TEST(userinfo_adds_and_never_replaces)
{
	const struct identity *i;

	c.userinfo =
	    "{\"sub\":\"248289761001\",\"groups\":[\"x\"],\"preferred_username\":\"root\",\"iss\":\"x\","
	    "\"exp\":1,\"sid\":\"evil\",\"auth_time\":5,\"nonce\":\"z\"}";
	ck_assert_msg(verify(sign(with(base, "sid", NULL)), &i) == IDTOKEN_OK, "%s", e.text);
	expect_str(identity_username(i), "jane.doe");
	expect_str(identity_issuer(i), ISSUER);
	expect_str(identity_provider_sid(i), "");
	ck_assert_int_eq(identity_expires(i), 1767229200);
	ck_assert_int_eq(identity_auth_time(i), 1767225580);
	ck_assert_uint_eq(json_array_size(identity_claim(i, "groups")), 1);
	ck_assert_str_eq(json_string_value(identity_claim(i, "iss")), ISSUER);
}
END_TEST

START_TEST(userinfo_may_bring_the_username)
{
	const struct identity *i;

	c.userinfo = "{\"sub\":\"248289761001\",\"preferred_username\":\"jane\"}";
	ck_assert_int_eq(verify(sign(with(base, "preferred_username", NULL)), &i), IDTOKEN_OK);
	expect_str(identity_username(i), "jane");
}
END_TEST

/* --- the username ----------------------------------------------------------- */

static const struct {
	const char *name, *list, *member, *value;
	const char *want; /* NULL: refused */
} names[] = {
	{ "first", "preferred_username,email", NULL, NULL, "jane.doe" },
	{ "second", "upn,email", NULL, NULL, "jane@example.com" },
	{ "none", "upn,unique_name", NULL, NULL, NULL },
	{ "empty list", "", NULL, NULL, NULL },
	{ "empty text", "preferred_username,email", "preferred_username", "\"\"", "jane@example.com" },
	{ "list", "preferred_username,email", "preferred_username", "[\"root\"]", "jane@example.com" },
	{ "number", "preferred_username,email", "preferred_username", "7", "jane@example.com" },
	{ "null", "preferred_username,email", "preferred_username", "null", "jane@example.com" },
	{ "object", "preferred_username", "preferred_username", "{\"a\":\"b\"}", NULL },
	{ "line end", "preferred_username", "preferred_username", "\"jane\\r\\nX-Admin: 1\"", NULL },
	{ "tab", "preferred_username", "preferred_username", "\"jane\\tdoe\"", NULL },
	{ "DEL", "preferred_username", "preferred_username", "\"jane\\u007f\"", NULL },
	{ "C1", "preferred_username", "preferred_username", "\"jane\\u0085\"", NULL },
	{ "space before", "preferred_username", "preferred_username", "\" jane\"", NULL },
	{ "space behind", "preferred_username", "preferred_username", "\"jane \"", NULL },
	{ "only a space", "preferred_username", "preferred_username", "\" \"", NULL },
	{ "space inside", "preferred_username", "preferred_username", "\"jane doe\"", "jane doe" },
	{ "not ASCII", "preferred_username", "preferred_username", "\"ren\\u00e9e\"", "ren\303\251e" },
	{ "windows", "preferred_username", "preferred_username", "\"CORP\\\\jane\"", "CORP\\jane" },
	{ "verified", "email", "email_verified", "true", "jane@example.com" },
	{ "not verified", "email", "email_verified", "false", NULL },
	{ "verified, text", "email", "email_verified", "\"true\"", "jane@example.com" },
	{ "not verified, text", "email", "email_verified", "\"false\"", NULL },
	{ "not verified, number", "email", "email_verified", "0", NULL },
	{ "not verified, next", "email,sub", "email_verified", "false", "248289761001" },
	{ "verified is about email only", "preferred_username", "email_verified", "false", "jane.doe" },
	{ "literally", "https://app.example.com/team", NULL, NULL, "red" },
	{ "descending", "person.name", "person", "{\"name\":\"jane\"}", "jane" },
	{ "literally before descending", "person.name", "person.name", "\"joe\"", "joe" },
};

START_TEST(the_username_is_the_first_usable_claim)
{
	const char *list[4];
	struct conf_strings s = { 0, list };
	char *rest = mem_strdup(m, names[_i].list), *name, *save = NULL;
	const struct identity *i;
	const char *claims = names[_i].member == NULL ? base : with(base, names[_i].member, names[_i].value);

	for (; (name = strtok_r(rest, ",", &save)) != NULL; rest = NULL)
		list[s.n++] = name;
	c.username_claim = &s;
	if (names[_i].want == NULL) {
		ck_assert_msg(verify(sign(claims), &i) == IDTOKEN_BAD, "%s", names[_i].name);
		ck_assert_int_eq(e.reason, REASON_LOGIN_NO_USERNAME);
		ck_assert_ptr_null(i);
		return;
	}
	ck_assert_msg(verify(sign(claims), &i) == IDTOKEN_OK, "%s: %s", names[_i].name, e.text);
	expect_str(identity_username(i), names[_i].want);
}
END_TEST

START_TEST(a_missing_username_names_what_was_tried_and_what_is_there)
{
	const struct identity *i;
	const char *list[] = { "upn", "email" };
	const struct conf_strings s = { 2, list };

	c.username_claim = &s;
	(void)verify(sign(with(base, "email_verified", "false")), &i);
	ck_assert_msg(strstr(e.text, "upn (absent), email (email_verified is false)") != NULL, "%s", e.text);
	ck_assert_msg(strstr(e.text, "preferred_username") != NULL, "%s", e.text);
	ck_assert_msg(strstr(e.text, "jane") == NULL, "%s", e.text);
}
END_TEST

/* email_verified speaks of the email beside it. */
static const struct {
	const char *claims, *userinfo, *want;
} emails[] = {
	{ "{\"email\":\"a@x\"}", "{\"email\":\"a@x\",\"email_verified\":false}", NULL },
	{ "{\"email\":\"a@x\"}", "{\"email\":\"b@x\",\"email_verified\":false}", "a@x" },
	{ "{\"email\":\"a@x\",\"email_verified\":false}", "{\"email\":\"a@x\",\"email_verified\":true}",
	    NULL },
	{ "{\"email\":\"a@x\",\"email_verified\":false}", "{\"email\":\"b@x\",\"email_verified\":true}",
	    NULL },
	{ "{\"email_verified\":true}", "{\"email\":\"b@x\",\"email_verified\":false}", NULL },
	{ "{\"email_verified\":true}", "{\"email\":\"b@x\"}", NULL },
	{ "{}", "{\"email\":\"b@x\",\"email_verified\":false}", NULL },
	{ "{}", "{\"email\":\"b@x\",\"email_verified\":true}", "b@x" },
	{ "{}", "{\"email\":\"b@x\"}", "b@x" },
	{ "{\"email\":\"a@x\"}", "{}", "a@x" },
	{ "{\"email\":\"a@x\"}", "{\"email_verified\":false}", NULL },
};

START_TEST(an_email_is_verified_by_what_stood_beside_it)
{
	const char *list[] = { "email" };
	const struct conf_strings s = { 1, list };
	json_t *o = json_loads(emails[_i].claims, 0, NULL), *v;
	const char *claims = with(base, "email", NULL), *member;
	const struct identity *i;

	json_object_foreach(o, member, v)
	{
		char *text = json_dumps(v, JSON_ENCODE_ANY);

		claims = with(claims, member, text);
		free(text);
	}
	json_decref(o);
	c.username_claim = &s;
	c.userinfo = with(emails[_i].userinfo, "sub", "\"248289761001\"");
	if (emails[_i].want == NULL) {
		ck_assert_int_eq(verify(sign(claims), &i), IDTOKEN_BAD);
		ck_assert_int_eq(e.reason, REASON_LOGIN_NO_USERNAME);
	} else {
		ck_assert_msg(verify(sign(claims), &i) == IDTOKEN_OK, "%s", e.text);
		expect_str(identity_username(i), emails[_i].want);
	}
}
END_TEST

/* --- the identity ----------------------------------------------------------- */

START_TEST(an_identity_tells_what_was_proven)
{
	const struct identity *i;

	ck_assert_msg(verify(sign(base), &i) == IDTOKEN_OK, "%s", e.text);
	expect_str(identity_issuer(i), ISSUER);
	expect_str(identity_subject(i), "248289761001");
	expect_str(identity_username(i), "jane.doe");
	expect_str(identity_provider_sid(i), "s-1");
	ck_assert_int_eq(identity_expires(i), 1767229200);
	ck_assert_int_eq(identity_auth_time(i), 1767225580);
	ck_assert_uint_eq(json_array_size(identity_claim(i, "realm_access.roles")), 2);
	ck_assert_str_eq(json_string_value(identity_claim(i, "https://app.example.com/team")), "red");
	ck_assert_ptr_null(identity_claim(i, "none"));
	ck_assert_ptr_null(identity_claim(i, "absent"));
	ck_assert_ptr_null(identity_claim(i, "realm_access.none"));
	ck_assert_ptr_null(identity_claim(i, "sub.x"));
	ck_assert_ptr_null(identity_claim(i, "realm_access."));
	ck_assert_ptr_null(identity_claim(i, ".realm_access"));
	ck_assert_ptr_null(identity_claim(i, "."));
	ck_assert_ptr_null(identity_claim(i, ""));
	/* What is not said, or not as it should be, is none. */
	ck_assert_int_eq(verify(sign(with(with(base, "sid", "5"), "auth_time", "\"x\"")), &i), IDTOKEN_OK);
	expect_str(identity_provider_sid(i), "");
	ck_assert_int_eq(identity_auth_time(i), 0);
}
END_TEST

START_TEST(an_xsuaa_token_may_name_its_own_jwks_uri)
{
	const struct identity *i;
	struct str t = token_of(m, key, "ES256",
	    STR("{\"alg\":\"ES256\",\"kid\":\"k1\",\"jku\":\"https://acme.example/token_keys\"}"),
	    str_of(base));

	ck_assert_int_eq(verify(t, &i), IDTOKEN_BAD);
	ck_assert_int_eq(e.reason, REASON_TOKEN_HEADER);
	c.jwks_uri = "https://acme.example/token_keys";
	ck_assert_msg(verify(t, &i) == IDTOKEN_OK, "%s", e.text);
	c.jwks_uri = "https://acme.example/token_key";
	ck_assert_int_eq(verify(t, &i), IDTOKEN_BAD);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("oidc/identity");
	TCase *t = tcase_create("all");

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, userinfo_is_of_the_same_subject_or_refused, 0, COUNT(userinfos));
	tcase_add_test(t, userinfo_adds_and_never_replaces);
	tcase_add_test(t, userinfo_may_bring_the_username);
	tcase_add_loop_test(t, the_username_is_the_first_usable_claim, 0, COUNT(names));
	tcase_add_test(t, a_missing_username_names_what_was_tried_and_what_is_there);
	tcase_add_loop_test(t, an_email_is_verified_by_what_stood_beside_it, 0, COUNT(emails));
	tcase_add_test(t, an_identity_tells_what_was_proven);
	tcase_add_test(t, an_xsuaa_token_may_name_its_own_jwks_uri);
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
