/* proxy/bearer.c: what was sent, who may pass with it, and what a refusal says */
#include <check.h>
#include <stdlib.h>

#include "proxy/bearer.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static struct mem *m;
static struct err e;
static struct conf conf;
static struct conf_route route;
static struct conf_client clients[3];
static struct session who;
static struct bearer bearer;
static struct access *access_rules;
static struct bearer_verdict verdict;
static struct str scopes[8], roles[8];
static const char *words[4][8];

static const struct str groups[] = { { "staff", 5 }, { "a,b", 3 } };
static const struct session_claim claims[] = {
	{ .name = { "groups", 6 }, .value = { "staff,a%2Cb", 11 }, .elements = groups, .n_elements = 2 },
};

static void
setup(void)
{
	m = mem_new(1 << 20);
	e = (struct err){ .reason = REASON_NONE };
	route = (struct conf_route){ .title = "/api", .auth = AUTH_BEARER };
	clients[0] = (struct conf_client){
		.name = "batch", .client_id = "batch-id", .username = "svc-batch", .active = true
	};
	clients[1] = (struct conf_client){
		.name = "retired", .client_id = "retired-id", .username = "svc-old", .active = false
	};
	clients[2] = (struct conf_client){ .name = "elsewhere",
		.provider = 1,
		.client_id = "other-id",
		.username = "svc-other",
		.active = true };
	conf = (struct conf){ .routes = &route, .n_routes = 1, .clients = clients, .n_clients = 3 };
	who = (struct session){ .iss = STR("https://op.example.com"),
		.sub = STR("s-1"),
		.username = STR("jane"),
		.sid = STR(""),
		.op_sid = STR(""),
		.aud = STR(""),
		.idp = STR(""),
		.claims = claims,
		.n_claims = 1 };
	bearer = (struct bearer){
		.kind = PRINCIPAL_USER, .who = &who, .app_id = STR("spa"), .scopes = scopes, .roles = roles
	};
	access_rules = access_new(&conf, &e);
}

static void
teardown(void)
{
	access_free(&access_rules);
	mem_free(&m);
}

/* "a|b" */
static struct conf_strings
names(size_t slot, const char *text)
{
	struct conf_strings out = { 0, words[slot] };
	struct str rest = str_of(text), one;

	while (str_next(&rest, '|', &one))
		words[slot][out.n++] = mem_text(m, one);
	return out;
}

static size_t
list(struct str *out, const char *text)
{
	struct str rest = str_of(text), one;
	size_t n = 0;

	while (str_next(&rest, '|', &one))
		out[n++] = one;
	return n;
}

static int
ask(void)
{
	struct bearer_question q = {
		.access = access_rules, .conf = &conf, .route = 0, .bearer = &bearer, .mem = m
	};

	e = (struct err){ .reason = REASON_NONE };
	return bearer_allows(&q, &verdict, &e);
}

/* --- what was sent ---------------------------------------------------------- */

static const struct {
	const char *field;
	enum bearer_sent want;
	const char *token;
} fields[] = {
	{ "", BEARER_NONE, "" },
	{ "Bearer abc", BEARER_SENT, "abc" },
	{ "bearer abc", BEARER_SENT, "abc" },
	{ "BEARER    abc", BEARER_SENT, "abc" },
	{ "  Bearer abc  ", BEARER_SENT, "abc" },
	{ "Bearer aA0-._~+/==", BEARER_SENT, "aA0-._~+/==" },
	{ "Bearer", BEARER_BROKEN, "" },
	{ "Bearer ", BEARER_BROKEN, "" },
	{ "Bearer =", BEARER_BROKEN, "" },
	{ "Bearer a=b", BEARER_BROKEN, "" },
	{ "Bearer a b", BEARER_BROKEN, "" },
	{ "Bearer a,b", BEARER_BROKEN, "" },
	{ "Bearer \"a\"", BEARER_BROKEN, "" },
	{ "Bearer\tabc", BEARER_BROKEN, "" },
	{ "Bearer \tabc", BEARER_BROKEN, "" },
	{ "Bearer, Basic x", BEARER_BROKEN, "" },
	{ "Bearer \xc3\xa4", BEARER_BROKEN, "" },
	{ "Bearerabc", BEARER_NONE, "" },
	{ "Bearer-x abc", BEARER_NONE, "" },
	{ "Beare", BEARER_NONE, "" },
	{ "Basic YTpi", BEARER_NONE, "" },
	{ "DPoP abc", BEARER_NONE, "" },
	{ "abc", BEARER_NONE, "" },
};

START_TEST(one_token_behind_the_scheme_is_read)
{
	struct str token;

	ck_assert_msg(
	    bearer_read(str_of(fields[_i].field), &token) == fields[_i].want, "%s", fields[_i].field);
	ck_assert_msg(str_is(token, str_of(fields[_i].token)), "%s: %.*s", fields[_i].field, STR_ARG(token));
}
END_TEST

START_TEST(a_nul_is_no_part_of_a_token)
{
	struct str token;

	ck_assert_int_eq(bearer_read((struct str){ "Bearer a\0b", 10 }, &token), BEARER_BROKEN);
}
END_TEST

/* --- who may pass ------------------------------------------------------------- */

static const struct {
	const char *demanded, *has;
	bool allowed;
} users[] = {
	{ "", "", true },
	{ "", "x", true },
	{ "a", "a", true },
	{ "a", "b|a", true },
	{ "a|b", "b|c|a", true },
	{ "a|b", "a", false },
	{ "a|b", "a|B", false },
	{ "a", "", false },
	{ "a", "ab", false },
	{ "ab", "a|b", false },
};

START_TEST(a_user_needs_all_scopes)
{
	route.scopes = names(0, users[_i].demanded);
	bearer.n_scopes = list(scopes, users[_i].has);
	ck_assert_msg((ask() == 0) == users[_i].allowed, "row %d: %s", _i, e.text);
	if (users[_i].allowed) {
		ck_assert(str_is(verdict.username, STR("jane")));
		ck_assert_ptr_eq(verdict.who, &who);
		return;
	}
	ck_assert_int_eq(e.reason, REASON_SCOPE_MISSING);
	ck_assert_ptr_eq(verdict.required, &route.scopes);
	ck_assert_ptr_nonnull(strstr(e.text, "route \"/api\""));
	ck_assert_ptr_nonnull(strstr(e.text, "application spa"));
	for (size_t i = 0; i < route.scopes.n; i++)
		ck_assert_ptr_nonnull(strstr(e.text, route.scopes.v[i]));
}
END_TEST

START_TEST(roles_and_clients_are_nothing_to_a_user)
{
	route.app_roles = names(0, "Run");
	clients[0].scopes = names(1, "never");
	bearer.app_id = STR("batch-id");
	ck_assert_int_eq(ask(), 0);
	bearer.app_id = STR("retired-id");
	ck_assert_int_eq(ask(), 0);
	route.scopes = names(2, "a");
	bearer.n_roles = list(roles, "a|Run");
	ck_assert_int_eq(ask(), -1);
	ck_assert_int_eq(e.reason, REASON_SCOPE_MISSING);
}
END_TEST

static const struct {
	const char *app_id, *route_roles, *client_scopes, *client_roles, *scopes, *roles;
	enum reason want;
} apps[] = {
	{ "batch-id", "Run", "", "", "", "Run", REASON_NONE },
	{ "batch-id", "Run|Run All", "", "", "", "x|Run All", REASON_NONE },
	{ "batch-id", "Run", "", "", "Run", "", REASON_ROLE_MISSING },
	{ "batch-id", "Run", "", "", "", "", REASON_ROLE_MISSING },
	{ "batch-id", "Run", "", "", "", "run", REASON_ROLE_MISSING },
	{ "batch-id", "", "", "", "x", "Run", REASON_ROLE_MISSING }, /* nobody demands anything */
	{ "batch-id", "", "s", "", "s", "", REASON_NONE },
	{ "batch-id", "", "s|t", "", "s", "", REASON_SCOPE_MISSING },
	{ "batch-id", "", "", "Q|R", "", "R", REASON_NONE },
	{ "batch-id", "", "", "Q|R", "", "S", REASON_ROLE_MISSING },
	{ "batch-id", "Run", "s", "Q", "s", "Run|Q", REASON_NONE },
	{ "batch-id", "Run", "s", "Q", "s", "Run", REASON_ROLE_MISSING },
	{ "batch-id", "Run", "s", "Q", "", "Run|Q", REASON_SCOPE_MISSING },
	{ "batch-id", "Run", "s", "Q", "s", "Q", REASON_ROLE_MISSING },
	{ "Batch-id", "Run", "", "", "", "Run", REASON_CLIENT_UNKNOWN },
	{ "batch-i", "Run", "", "", "", "Run", REASON_CLIENT_UNKNOWN },
	{ "", "Run", "", "", "", "Run", REASON_CLIENT_UNKNOWN },
	{ "batch", "Run", "", "", "", "Run", REASON_CLIENT_UNKNOWN },    /* the section's title is no id */
	{ "other-id", "Run", "", "", "", "Run", REASON_CLIENT_UNKNOWN }, /* of another provider */
	{ "retired-id", "Run", "", "", "", "Run", REASON_CLIENT_INACTIVE },
};

START_TEST(a_program_needs_a_role_and_a_registered_client)
{
	bearer.kind = PRINCIPAL_APP;
	who.username = STR("");
	bearer.app_id = str_of(apps[_i].app_id);
	route.scopes = names(3, "of-users");
	route.app_roles = names(0, apps[_i].route_roles);
	clients[0].scopes = names(1, apps[_i].client_scopes);
	clients[0].app_roles = names(2, apps[_i].client_roles);
	bearer.n_scopes = list(scopes, apps[_i].scopes);
	bearer.n_roles = list(roles, apps[_i].roles);
	ck_assert_msg((ask() == 0) == (apps[_i].want == REASON_NONE), "row %d: %s: %s", _i,
	    reason_word(e.reason), e.text);
	ck_assert_msg(e.reason == apps[_i].want, "row %d: %s: %s", _i, reason_word(e.reason), e.text);
	if (apps[_i].want == REASON_NONE) {
		ck_assert(str_is(verdict.username, STR("svc-batch")));
		ck_assert(str_is(verdict.who->username, STR("svc-batch")));
		ck_assert(str_is(verdict.who->sub, STR("s-1")));
		ck_assert(str_is(who.username, STR(""))); /* what is remembered stays as it was */
	}
}
END_TEST

START_TEST(claim_and_username_rules_hold_for_users_and_programs)
{
	struct conf_claim_rule rule = { "groups", "staff", true };

	route.claims = &rule;
	route.n_claims = 1;
	route.username_prefix = "CORP\\";
	ck_assert_int_eq(ask(), 0);
	ck_assert(str_is(verdict.username, STR("CORP\\jane")));
	rule.value = "admins";
	ck_assert_int_eq(ask(), -1);
	ck_assert_int_eq(e.reason, REASON_CLAIM_MISSING);
	bearer.kind = PRINCIPAL_APP;
	bearer.app_id = STR("batch-id");
	route.app_roles = names(0, "Run");
	bearer.n_roles = list(roles, "Run");
	ck_assert_int_eq(ask(), -1);
	ck_assert_int_eq(e.reason, REASON_CLAIM_MISSING);
	rule.value = "staff";
	ck_assert_int_eq(ask(), 0);
	ck_assert(str_is(verdict.username, STR("CORP\\svc-batch")));
}
END_TEST

/* --- what a token says -------------------------------------------------------- */

START_TEST(a_copy_is_whole_and_stands_alone)
{
	struct str long_name = STR("0123456789abcdef0123456789abcdef");
	const struct bearer *copy;
	void *at;

	bearer.n_scopes = list(scopes, "a|bc||def");
	bearer.n_roles = list(roles, "Run It");
	bearer.times.expires = 7;
	who.sub = long_name;
	at = xmalloc(bearer_size(&bearer));
	copy = bearer_copy(at, &bearer);
	memset(scopes, 0, sizeof(scopes));
	memset(roles, 0, sizeof(roles));
	ck_assert_uint_eq(copy->n_scopes, 4);
	ck_assert(str_is(copy->scopes[1], STR("bc")));
	ck_assert(str_is(copy->scopes[3], STR("def")));
	ck_assert(str_is(copy->roles[0], STR("Run It")));
	ck_assert(str_is(copy->app_id, STR("spa")));
	ck_assert(str_is(copy->who->sub, long_name));
	ck_assert(copy->who->sub.p != long_name.p && copy->who != &who);
	ck_assert(str_is(session_claim(copy->who, "groups")->elements[1], STR("a,b")));
	ck_assert_int_eq(copy->times.expires, 7);
	free(at);
}
END_TEST

START_TEST(the_claims_that_routes_need_are_kept_and_no_others)
{
	static const char *needed_names[] = { "email", "groups", "absent", "n" };
	const struct conf_strings needed = { 4, needed_names };
	struct principal p = { .kind = PRINCIPAL_USER,
		.issuer = STR("i"),
		.subject = STR("s"),
		.username = STR("jane"),
		.app_id = STR("spa") };
	const struct bearer *b;

	p.claims = json_loads("{\"email\":\"j@x\",\"groups\":[\"a\",\"b,c\"],\"n\":7,\"more\":1}", 0, NULL);
	b = bearer_new(&p, 3, &needed, m, &e);
	ck_assert_ptr_nonnull(b);
	ck_assert_uint_eq(b->provider, 3);
	ck_assert_uint_eq(b->who->n_claims, 3);
	ck_assert(str_is(session_claim(b->who, "email")->value, STR("j@x")));
	ck_assert(str_is(session_claim(b->who, "groups")->value, STR("a,b%2Cc")));
	ck_assert(str_is(session_claim(b->who, "n")->value, STR("7")));
	ck_assert_ptr_null(session_claim(b->who, "more"));
	ck_assert_uint_eq(b->who->sid.n, 0);
	json_decref(p.claims);
	p.claims = json_loads("{\"email\":\"j\\r\\nX: y\"}", 0, NULL);
	ck_assert_ptr_null(bearer_new(&p, 3, &needed, m, &e));
	ck_assert_int_eq(e.reason, REASON_TOKEN_CLAIM);
	json_decref(p.claims);
}
END_TEST

/* --- RFC 6750 3 ------------------------------------------------------------------ */

static const struct {
	enum reason why;
	const char *required;
	int status;
	const char *begins, *has, *has_not;
} refusals[] = {
	{ REASON_BEARER_MISSING, "", 401, "Bearer realm=\"https://a.example\"", "realm", "error" },
	{ REASON_BEARER_MALFORMED, "", 400, "Bearer realm=\"https://a.example\", error=\"invalid_request\"",
	    "error_description=\"", "scope" },
	{ REASON_TOKEN_EXPIRED, "", 401, "Bearer realm=\"https://a.example\", error=\"invalid_token\"",
	    "error_description=\"exp has passed", "scope" },
	{ REASON_TOKEN_SIGNATURE, "", 401, "Bearer realm=\"https://a.example\", error=\"invalid_token\"",
	    "error_description", "scope" },
	{ REASON_TOKEN_USERNAME, "", 401, "Bearer realm=\"https://a.example\", error=\"invalid_token\"",
	    "error_description", "scope" },
	{ REASON_SCOPE_MISSING, "a.b|c", 403,
	    "Bearer realm=\"https://a.example\", error=\"insufficient_scope\"", ", scope=\"a.b c\"", "\\" },
	{ REASON_ROLE_MISSING, "Run|Run It|a\"b", 403,
	    "Bearer realm=\"https://a.example\", error=\"insufficient_scope\"",
	    "one of: Run, Run It, a?b\", scope=\"Run\"", "\\" },
	{ REASON_ROLE_MISSING, "Run It|\xc3\xa4", 403,
	    "Bearer realm=\"https://a.example\", error=\"insufficient_scope\"", "one of: Run It, ??\"",
	    "scope=\"" },
	{ REASON_CLIENT_UNKNOWN, "", 403, "Bearer realm=\"https://a.example\", error=\"insufficient_scope\"",
	    "error_description", "scope=\"" },
	{ REASON_CLAIM_MISSING, "", 403, "Bearer realm=\"https://a.example\", error=\"insufficient_scope\"",
	    "error_description", "scope=\"" },
};

START_TEST(a_refusal_says_what_was_required_in_the_words_of_rfc_6750)
{
	struct conf_strings required = names(0, refusals[_i].required);
	struct bearer_refusal f = { "https://a.example", refusals[_i].why, required.n == 0 ? NULL : &required,
		NULL };
	struct str challenge = bearer_challenge(&f, m);
	json_t *body = json_loads(bearer_json(&f, "id-1", m).p, 0, NULL);

	ck_assert_int_eq(bearer_status(refusals[_i].why), refusals[_i].status);
	ck_assert_msg(str_begins(challenge, str_of(refusals[_i].begins)), "%s", challenge.p);
	ck_assert_msg(strstr(challenge.p, refusals[_i].has) != NULL, "%s", challenge.p);
	ck_assert_msg(strstr(challenge.p + 35, refusals[_i].has_not) == NULL, "%s", challenge.p);
	for (size_t i = 0; i < challenge.n; i++)
		ck_assert(challenge.p[i] >= 0x20 && challenge.p[i] < 0x7f);
	ck_assert_str_eq(json_string_value(json_object_get(body, "error")), reason_word(refusals[_i].why));
	ck_assert_str_eq(json_string_value(json_object_get(body, "request_id")), "id-1");
	ck_assert_ptr_nonnull(json_string_value(json_object_get(body, "error_description")));
	json_decref(body);
}
END_TEST

START_TEST(a_refusal_says_what_the_token_has_of_the_kind_that_was_required)
{
	static const struct str had[] = { { "wf.read", 7 }, { "a\"b\r\n", 5 } }, held[] = { { "Walk", 4 } };
	const struct bearer none = { .kind = PRINCIPAL_APP };
	const struct bearer some = { .scopes = had, .n_scopes = 2, .roles = held, .n_roles = 1 };
	struct conf_strings required = names(0, "Run");
	struct bearer_refusal f = { "r", REASON_SCOPE_MISSING, &required, &some };

	ck_assert(strstr(bearer_challenge(&f, m).p, "; the token has: wf.read, a?b??\"") != NULL);
	f.why = REASON_ROLE_MISSING;
	ck_assert(strstr(bearer_challenge(&f, m).p, "one of: Run; the token has: Walk\"") != NULL);
	ck_assert(strstr(bearer_json(&f, "id-1", m).p, "; the token has: Walk\"") != NULL);
	f.bearer = &none;
	ck_assert(strstr(bearer_challenge(&f, m).p, "; the token has: none\"") != NULL);
	f.why = REASON_CLAIM_MISSING;
	ck_assert(strstr(bearer_challenge(&f, m).p, "the token has") == NULL);
}
END_TEST

START_TEST(a_long_list_of_demands_is_cut_never_overrun)
{
	static const char *many[200];
	struct conf_strings required = { 200, many };
	struct bearer_refusal f = { "r", REASON_SCOPE_MISSING, &required, NULL };

	for (size_t i = 0; i < 200; i++)
		many[i] = mem_printf(m, "https://api.example.com/a-rather-long-scope-%zu", i);
	route.scopes = required;
	ck_assert_int_eq(ask(), -1);
	ck_assert(strlen(e.text) < sizeof(e.text));
	ck_assert(bearer_challenge(&f, m).n < 20000);
}
END_TEST

START_TEST(what_is_no_tokens_fault_keeps_its_status)
{
	ck_assert_int_eq(bearer_status(REASON_PROVIDER_DOWN), 503);
	ck_assert_int_eq(bearer_status(REASON_SYSTEM), 500);
}
END_TEST

START_TEST(a_session_as_bearer_has_the_scopes_that_it_keeps_and_no_role)
{
	const struct bearer *b;

	who.app_id = STR("phone");
	who.scopes = STR(" wf.read  wf.write ");
	b = bearer_of_session(&who, 3, m);
	ck_assert_int_eq(b->kind, PRINCIPAL_USER);
	ck_assert_uint_eq(b->provider, 3);
	ck_assert_ptr_eq(b->who, &who);
	ck_assert(str_is(b->app_id, STR("phone")));
	ck_assert_uint_eq(b->n_scopes, 2);
	ck_assert(str_is(b->scopes[0], STR("wf.read")) && str_is(b->scopes[1], STR("wf.write")));
	ck_assert_uint_eq(b->n_roles, 0);
	who.app_id = who.scopes = STR("");
	ck_assert_uint_eq(bearer_of_session(&who, 0, m)->n_scopes, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/bearer");
	TCase *t = tcase_create("bearer");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, one_token_behind_the_scheme_is_read, 0, COUNT(fields));
	tcase_add_test(t, a_nul_is_no_part_of_a_token);
	tcase_add_loop_test(t, a_user_needs_all_scopes, 0, COUNT(users));
	tcase_add_test(t, roles_and_clients_are_nothing_to_a_user);
	tcase_add_loop_test(t, a_program_needs_a_role_and_a_registered_client, 0, COUNT(apps));
	tcase_add_test(t, claim_and_username_rules_hold_for_users_and_programs);
	tcase_add_test(t, a_copy_is_whole_and_stands_alone);
	tcase_add_test(t, the_claims_that_routes_need_are_kept_and_no_others);
	tcase_add_loop_test(t, a_refusal_says_what_was_required_in_the_words_of_rfc_6750, 0, COUNT(refusals));
	tcase_add_test(t, a_refusal_says_what_the_token_has_of_the_kind_that_was_required);
	tcase_add_test(t, a_long_list_of_demands_is_cut_never_overrun);
	tcase_add_test(t, what_is_no_tokens_fault_keeps_its_status);
	tcase_add_test(t, a_session_as_bearer_has_the_scopes_that_it_keeps_and_no_role);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
