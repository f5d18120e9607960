/* proxy/access.c: claim rules and the name a route knows somebody by */
#include <check.h>
#include <stdlib.h>

#include "proxy/access.h"
#include "proxy/overage.h"

static struct mem *m;
static struct err e;
static struct conf conf;
static struct conf_route rules[3];
static struct conf_claim_rule demands[2];
static struct session session;
static struct access *granted;
static struct str username;

static const struct str groups[] = { { "admins", 6 }, { "a,b", 3 } };
static const struct str alone[] = { { "HR", 2 } };
static const struct str empty[] = { { "", 0 } };
static const struct session_claim claims[] = {
	{ .name = { "groups", 6 }, .value = { "admins,a%2Cb", 12 }, .elements = groups, .n_elements = 2 },
	{ .name = { "department", 10 }, .value = { "HR", 2 }, .elements = alone, .n_elements = 1 },
	{ .name = { "nothing", 7 }, .value = { "", 0 }, .elements = NULL, .n_elements = 0 },
	{ .name = { "blank", 5 }, .value = { "", 0 }, .elements = empty, .n_elements = 1 },
};

static void
setup(void)
{
	m = mem_new(1 << 20);
	e = (struct err){ .reason = REASON_NONE };
	rules[0] = (struct conf_route){ .title = "/r" };
	conf = (struct conf){ .routes = rules, .n_routes = 1 };
	session = (struct session){ .sub = STR("s-1"),
		.username = STR("jane@corp.example"),
		.op_sid = STR("op-1"),
		.claims = claims,
		.n_claims = sizeof(claims) / sizeof(claims[0]) };
	granted = NULL;
}

static void
teardown(void)
{
	access_free(&granted);
	ck_assert_ptr_null(granted);
	access_free(&granted);
	mem_free(&m);
}

static int
ask(void)
{
	username = (struct str){ NULL, 0 };
	granted = access_new(&conf, &e);
	ck_assert_msg(granted != NULL, "%s", e.text);
	return access_allows(granted, &conf, 0, &session, m, &username, &e);
}

/* --- claims --------------------------------------------------------------- */

START_TEST(a_route_without_rules_takes_the_session_as_it_is)
{
	struct mem *small = mem_new(0);

	ck_assert_int_eq(ask(), 0);
	ck_assert_int_eq(access_allows(granted, &conf, 0, &session, small, &username, &e), 0);
	ck_assert_ptr_eq(username.p, session.username.p);
	ck_assert_uint_eq(username.n, session.username.n);
	ck_assert(!mem_overrun(small));
	mem_free(&small);
}
END_TEST

static const struct {
	const char *claim, *value;
	bool contained, holds;
} rule_rows[] = {
	{ "department", "HR", false, true },
	{ "department", "HR", true, true },
	{ "department", "hr", false, false },
	{ "department", "H", false, false },
	{ "department", "HRX", false, false },
	{ "department", "", false, false },
	{ "groups", "admins", false, true },
	{ "groups", "admins", true, true },
	{ "groups", "a,b", true, true },
	{ "groups", "a", true, false },
	{ "groups", "admins,a%2Cb", false, false },
	{ "groups", "admins,a,b", true, false },
	{ "nothing", "", false, false },
	{ "nothing", "x", true, false },
	{ "blank", "", false, true },
	{ "absent", "x", false, false },
	{ "absent", "", true, false },
	{ "Groups", "admins", false, false },
	{ "sub", "s-1", false, true },
	{ "sub", "s-2", false, false },
	{ "username", "jane@corp.example", false, true },
	{ "op_sid", "op-1", false, true },
	{ "op_sid", "", false, false },
};

START_TEST(a_rule_holds_for_an_equal_text_or_element_only)
{
	demands[0] =
	    (struct conf_claim_rule){ rule_rows[_i].claim, rule_rows[_i].value, rule_rows[_i].contained };
	rules[0].claims = demands;
	rules[0].n_claims = 1;
	ck_assert_msg((ask() == 0) == rule_rows[_i].holds, "row %d", _i);
	if (!rule_rows[_i].holds) {
		ck_assert_int_eq(e.reason, REASON_CLAIM_MISSING);
		ck_assert_ptr_nonnull(strstr(e.text, rule_rows[_i].claim));
		ck_assert_ptr_nonnull(strstr(e.text, rule_rows[_i].value));
	}
}
END_TEST

START_TEST(all_rules_must_hold)
{
	demands[0] = (struct conf_claim_rule){ "department", "HR", false };
	demands[1] = (struct conf_claim_rule){ "groups", "users", true };
	rules[0].claims = demands;
	rules[0].n_claims = 2;
	ck_assert_int_eq(ask(), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "groups~users"));
	ck_assert_ptr_nonnull(strstr(e.text, "\"admins,a%2Cb\""));
	demands[1].value = "admins";
	ck_assert_int_eq(access_allows(granted, &conf, 0, &session, m, &username, &e), 0);
}
END_TEST

START_TEST(a_session_without_a_provider_session_has_no_op_sid)
{
	session.op_sid = STR("");
	demands[0] = (struct conf_claim_rule){ "op_sid", "", false };
	rules[0].claims = demands;
	rules[0].n_claims = 1;
	ck_assert_int_eq(ask(), -1);
	ck_assert_int_eq(e.reason, REASON_CLAIM_MISSING);
}
END_TEST

/* What a token says of the groups that it does not list. */
static const struct {
	const char *name, *value;
	bool listed; /* groups are there all the same */
	enum reason want;
} overages[] = {
	{ "_claim_names", "{\"groups\":\"src1\"}", false, REASON_CLAIM_OVERAGE },
	{ "_claim_names", "{\"groups\":\"src1\"}", true, REASON_CLAIM_MISSING },
	{ "_claim_names", "{\"wids\":\"src1\"}", false, REASON_CLAIM_MISSING },
	{ "_claim_names", "groups", false, REASON_CLAIM_MISSING },
	{ "_claim_names", "", false, REASON_CLAIM_MISSING },
	{ "hasgroups", "true", false, REASON_CLAIM_OVERAGE },
	{ "hasgroups", "true", true, REASON_CLAIM_MISSING },
	{ "hasgroups", "false", false, REASON_CLAIM_MISSING },
	{ "other", "true", false, REASON_CLAIM_MISSING },
};

START_TEST(groups_that_are_too_many_are_not_no_groups)
{
	const struct str value = str_of(overages[_i].value), none = STR("staff");
	const struct session_claim kept[] = {
		{ str_of(overages[_i].name), value, &value, 1 },
		{ STR("groups"), none, &none, 1 },
	};
	const char *needed[] = { "wids", "groups" };
	const struct conf_strings all = { 2, needed };

	session.claims = kept;
	session.n_claims = overages[_i].listed ? 2 : 1;
	demands[0] = (struct conf_claim_rule){ "groups", "admins", true };
	rules[0].claims = demands;
	rules[0].n_claims = 1;
	ck_assert_int_eq(ask(), -1);
	ck_assert_msg(e.reason == overages[_i].want, "%s %s: %s", overages[_i].name, overages[_i].value,
	    reason_word(e.reason));
	if (e.reason == REASON_CLAIM_OVERAGE) {
		ck_assert_ptr_nonnull(strstr(e.text, "app roles"));
		ck_assert_str_eq(overage_list(&session, &all, m), "groups");
	}
}
END_TEST

/* A token's claim of that name never stands in for what the session itself says. */
START_TEST(a_claim_cannot_pass_for_the_sessions_own)
{
	static const struct str other[] = { { "root", 4 } };
	static const struct session_claim forged[] = {
		{ .name = { "sub", 3 }, .value = { "root", 4 }, .elements = other, .n_elements = 1 },
		{ .name = { "username", 8 }, .value = { "root", 4 }, .elements = other, .n_elements = 1 },
	};

	session.claims = forged;
	session.n_claims = 2;
	demands[0] = (struct conf_claim_rule){ "sub", "root", false };
	rules[0].claims = demands;
	rules[0].n_claims = 1;
	ck_assert_int_eq(ask(), -1);
	demands[0].claim = "username";
	ck_assert_int_eq(access_allows(granted, &conf, 0, &session, m, &username, &e), -1);
}
END_TEST

START_TEST(a_claims_text_is_what_a_header_carries)
{
	struct str v;

	ck_assert(access_claim(&session, "groups", &v) && str_is(v, STR("admins,a%2Cb")));
	ck_assert(access_claim(&session, "sub", &v) && str_is(v, STR("s-1")));
	ck_assert(access_claim(&session, "username", &v) && str_is(v, STR("jane@corp.example")));
	ck_assert(access_claim(&session, "op_sid", &v) && str_is(v, STR("op-1")));
	ck_assert(!access_claim(&session, "absent", &v));
	session.op_sid = STR("");
	ck_assert(!access_claim(&session, "op_sid", &v));
}
END_TEST

/* --- names ---------------------------------------------------------------- */

static const struct {
	const char *match, *replace, *prefix, *from;
	const char *want; /* NULL: refused */
} names[] = {
	{ "^([^@]+)@corp\\.example$", "CORP\\\\\\1", NULL, "jane@corp.example", "CORP\\jane" },
	{ "^([^@]+)@corp\\.example$", "\\1", "CORP\\", "jane@corp.example", "CORP\\jane" },
	{ "^([^@]+)@corp\\.example$", "\\1", NULL, "jane@evil.example", NULL },
	{ "^([^@]+)@corp\\.example$", "\\1", NULL, "jane@evil.example@corp.example", NULL },
	{ "^([^@]+)@corp\\.example$", "\\1", NULL, "jane@corpxexample", NULL },
	{ "^([^@]+)@corp\\.example$", "\\1", NULL, "jane@corp.example\n", NULL },
	{ "^([^@]+)@corp\\.example$", "\\1", NULL, "x\njane@corp.example", "x\njane" },
	{ "^[^@]+", NULL, NULL, "jane@corp.example", "jane" },
	{ "^[^@]+", "\\0", NULL, "jane@corp.example", "jane" },
	{ "^[^@]+", "\\0", NULL, "@corp.example", NULL },
	{ NULL, NULL, "CORP\\", "jane", "CORP\\jane" },
	{ NULL, "<\\0>", NULL, "jane", "<jane>" },
	{ NULL, NULL, "CORP\\", "", NULL },
	{ "(a)(b)(c)(d)(e)(f)(g)(h)(i)", "\\9\\8\\7\\6\\5\\4\\3\\2\\1\\0", NULL, "abcdefghi",
	    "ihgfedcbaabcdefghi" },
	{ "^(a)|(b)$", "[\\1\\2]", NULL, "b", "[b]" },
	{ "^(a)|(b)$", "\\1", NULL, "b", NULL },
	{ "^x*$", "\\0", "P-", "", NULL },
	{ "^(.+)$", "\\\\\\1\\x\\", NULL, "j", "\\j\\x\\" },
	{ "^(.+)$", "\\\\1", NULL, "j", "\\1" },
	{ "^J", "\\0", NULL, "jane", NULL },
	{ "^(.+)@", "\\1", NULL, "\xc3\xa9lan@x", "\xc3\xa9lan" },
	{ "^(.)\\1$", "\\1", NULL, "aa", "a" },
	{ "^([^@]+)@", "\\1", NULL, "jane @x", NULL },
	{ "@(.+)$", "\\1", NULL, "x@ jane", NULL },
	{ "^([^@]+)@", "\\1", "CORP\\", "jane \t@x", NULL },
	{ "^([^@]+)@", "\\1", NULL, "jane doe@x", "jane doe" },
	{ "^.*%s%n$", "%d\\0", NULL, "x%s%n", "%dx%s%n" },
};

START_TEST(a_username_is_matched_rewritten_and_prefixed)
{
	int r;

	rules[0].username_match = names[_i].match;
	rules[0].username_replace = names[_i].replace;
	rules[0].username_prefix = names[_i].prefix;
	session.username = str_of(names[_i].from);
	r = ask();
	if (names[_i].want == NULL) {
		ck_assert_msg(r == -1, "row %d: %.*s", _i, STR_ARG(username));
		ck_assert_int_eq(e.reason, REASON_USERNAME_MISMATCH);
		return;
	}
	ck_assert_msg(r == 0, "row %d: %s", _i, e.text);
	ck_assert_msg(str_is(username, str_of(names[_i].want)), "row %d: %.*s", _i, STR_ARG(username));
}
END_TEST

START_TEST(a_username_with_a_nul_or_without_end_matches_nothing)
{
	char text[1025];

	rules[0].username_match = ".*";
	session.username = STR("jane\0root");
	ck_assert_int_eq(ask(), -1);
	ck_assert_int_eq(e.reason, REASON_USERNAME_MISMATCH);
	memset(text, 'a', sizeof(text));
	session.username = (struct str){ text, 1024 };
	ck_assert_int_eq(access_allows(granted, &conf, 0, &session, m, &username, &e), 0);
	session.username.n = 1025;
	ck_assert_int_eq(access_allows(granted, &conf, 0, &session, m, &username, &e), -1);
	ck_assert_int_eq(e.reason, REASON_USERNAME_MISMATCH);
}
END_TEST

START_TEST(claims_are_judged_before_the_name)
{
	demands[0] = (struct conf_claim_rule){ "absent", "x", false };
	rules[0].claims = demands;
	rules[0].n_claims = 1;
	rules[0].username_match = "^nobody$";
	ck_assert_int_eq(ask(), -1);
	ck_assert_int_eq(e.reason, REASON_CLAIM_MISSING);
}
END_TEST

START_TEST(every_route_has_its_own_rules)
{
	rules[1] = (struct conf_route){ .title = "/s", .username_match = "^j", .username_replace = "J" };
	rules[2] = (struct conf_route){ .title = "/t", .username_match = "^x" };
	conf.n_routes = 3;
	ck_assert_int_eq(ask(), 0);
	ck_assert(str_is(username, session.username));
	ck_assert_int_eq(access_allows(granted, &conf, 1, &session, m, &username, &e), 0);
	ck_assert(str_is(username, STR("J")));
	ck_assert_int_eq(access_allows(granted, &conf, 2, &session, m, &username, &e), -1);
}
END_TEST

static const struct {
	const char *match, *replace;
	const char *in_text; /* NULL: good */
} expressions[] = {
	{ "(", NULL, "/r" },
	{ "[", NULL, "username_match" },
	{ "^(a)$", "\\2", "\\2" },
	{ "^a$", "\\1", "\\1" },
	{ NULL, "\\1", "\\1" },
	{ "^(a)(b)$", "\\1\\3\\2", "\\3" },
	{ "^(a)$", "\\\\2", NULL },
	{ "^(a)$", "\\1\\0", NULL },
	{ NULL, "\\0", NULL },
};

START_TEST(a_broken_expression_is_a_mistake_of_the_configuration)
{
	rules[1] = rules[0];
	rules[0].username_match = "^ok$";
	rules[1].username_match = expressions[_i].match;
	rules[1].username_replace = expressions[_i].replace;
	conf.n_routes = 2;
	granted = access_new(&conf, &e);
	ck_assert((granted != NULL) == (expressions[_i].in_text == NULL));
	if (expressions[_i].in_text != NULL) {
		ck_assert_int_eq(e.reason, REASON_CONFIG);
		ck_assert_ptr_nonnull(strstr(e.text, expressions[_i].in_text));
	}
}
END_TEST

/* --- access_claims_needed ------------------------------------------------- */

START_TEST(every_claim_that_a_route_names_is_needed_once)
{
	struct conf_claim_rule more[] = { { "groups", "x", true }, { "sub", "y", false },
		{ "acr", "z", false } };
	struct conf_claim_header headers[] = { { "X-A", "acr" }, { "X-B", "email" }, { "X-C", "username" },
		{ "X-D", "groups" } };
	struct conf_strings got;

	rules[0].claims = more;
	rules[0].n_claims = 3;
	rules[1] = (struct conf_route){ .claim_headers = headers, .n_claim_headers = 4 };
	conf.n_routes = 2;
	got = access_claims_needed(&conf, m);
	ck_assert_uint_eq(got.n, 5);
	ck_assert_str_eq(got.v[0], "groups");
	ck_assert_str_eq(got.v[1], "acr");
	ck_assert_str_eq(got.v[2], "email");
	ck_assert_str_eq(got.v[3], "_claim_names"); /* what tells of claims that were left out */
	ck_assert_str_eq(got.v[4], "hasgroups");
}
END_TEST

START_TEST(of_a_list_that_no_header_wants_only_what_rules_ask_for_is_needed)
{
	struct conf_claim_rule more[] = { { "groups", "x", true }, { "roles", "r", true },
		{ "groups", "y", false } };
	struct conf_claim_header headers[] = { { "X-A", "roles" } };
	struct conf_strings got;

	rules[0].claims = more;
	rules[0].n_claims = 3;
	rules[1] = (struct conf_route){ .claim_headers = headers, .n_claim_headers = 1 };
	conf.n_routes = 2;
	got = access_values_needed(&conf, "groups", m);
	ck_assert_uint_eq(got.n, 2);
	ck_assert_str_eq(got.v[0], "x");
	ck_assert_str_eq(got.v[1], "y");
	ck_assert_uint_eq(access_values_needed(&conf, "roles", m).n, 0);
	ck_assert_uint_eq(access_values_needed(&conf, "other", m).n, 0);
}
END_TEST

START_TEST(nothing_is_needed_without_rules)
{
	conf.n_routes = 0;
	ck_assert_uint_eq(access_claims_needed(&conf, m).n, 0);
	granted = access_new(&conf, &e);
	ck_assert_ptr_nonnull(granted);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	Suite *s = suite_create("proxy/access");
	TCase *t = tcase_create("access");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_route_without_rules_takes_the_session_as_it_is);
	tcase_add_loop_test(t, a_rule_holds_for_an_equal_text_or_element_only, 0, ROWS(rule_rows));
	tcase_add_test(t, all_rules_must_hold);
	tcase_add_test(t, a_session_without_a_provider_session_has_no_op_sid);
	tcase_add_loop_test(t, groups_that_are_too_many_are_not_no_groups, 0, ROWS(overages));
	tcase_add_test(t, a_claim_cannot_pass_for_the_sessions_own);
	tcase_add_test(t, a_claims_text_is_what_a_header_carries);
	tcase_add_loop_test(t, a_username_is_matched_rewritten_and_prefixed, 0, ROWS(names));
	tcase_add_test(t, a_username_with_a_nul_or_without_end_matches_nothing);
	tcase_add_test(t, claims_are_judged_before_the_name);
	tcase_add_test(t, every_route_has_its_own_rules);
	tcase_add_loop_test(t, a_broken_expression_is_a_mistake_of_the_configuration, 0, ROWS(expressions));
	tcase_add_test(t, every_claim_that_a_route_names_is_needed_once);
	tcase_add_test(t, of_a_list_that_no_header_wants_only_what_rules_ask_for_is_needed);
	tcase_add_test(t, nothing_is_needed_without_rules);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
