/* session/session.c: what a session holds, and how long it lasts */
#include "tests/unit/sessions.h"

START_TEST(the_cookie_holds_the_claims_of_the_contract)
{
	json_t *j;

	(void)json_object_set_new(jane.claims, "groups", json_pack("[ss]", "staff", "it"));
	(void)json_object_set_new(jane.claims, "sub", json_string("248289761001"));
	(void)json_object_set_new(jane.claims, "sid", json_string("op-session-1"));
	(void)json_object_set_new(jane.claims, "aud", json_pack("[s]", "the-client"));
	(void)json_object_set_new(jane.claims, "op_aud", json_string("odd"));
	(void)json_object_set_new(jane.claims, "not_needed", json_string("x"));
	j = claims_of(begin_at(NOW_MS));
	ck_assert_str_eq(json_string_value(json_object_get(j, "iss")), "https://flow.example.com");
	ck_assert_str_eq(json_string_value(json_object_get(j, "aud")), "the-client");
	ck_assert_str_eq(json_string_value(json_object_get(j, "sub")), "248289761001");
	ck_assert_str_eq(json_string_value(json_object_get(j, "username")), "jane");
	ck_assert_str_eq(json_string_value(json_object_get(j, "idp")), "main");
	ck_assert_str_eq(json_string_value(json_object_get(j, "op_sid")), "op-session-1");
	ck_assert_uint_eq(json_string_length(json_object_get(j, "sid")), 22);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "sst")), NOW_MS);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "auth_time")), NOW - 5);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "iat")), NOW);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "exp")), NOW + 8 * 3600);
	ck_assert_uint_eq(json_array_size(json_object_get(j, "groups")), 2);
	ck_assert(json_is_array(json_object_get(j, "op_aud")));
	ck_assert_str_eq(json_string_value(json_object_get(j, "op_op_aud")), "odd");
	ck_assert_uint_eq(json_object_size(j), 14);
	json_decref(j);
}
END_TEST

START_TEST(what_the_provider_did_not_say_is_not_claimed)
{
	json_t *j;
	const struct session *out;
	struct str token;

	jane.provider_sid = "";
	jane.auth_time = 0;
	token = begin_at(NOW_MS);
	j = claims_of(token);
	ck_assert_ptr_null(json_object_get(j, "op_sid"));
	ck_assert_ptr_null(json_object_get(j, "auth_time"));
	json_decref(j);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	ck_assert_uint_eq(out->op_sid.n, 0);
	ck_assert_int_eq(out->auth_time, 0);
}
END_TEST

START_TEST(a_session_comes_back_as_it_began)
{
	const struct session *began, *found, *kept;
	const struct session_claim *c;
	struct mem *other = mem_new(1 << 16);
	struct str token;

	(void)json_object_set_new(jane.claims, "groups", json_pack("[ss]", "Sales, North", "it"));
	(void)json_object_set_new(jane.claims, "email", json_string("jane@example.com"));
	(void)json_object_set_new(jane.claims, "aud", json_string("provider-aud"));
	(void)json_object_set_new(jane.claims, "sub", json_string("248289761001"));
	(void)json_object_set_new(jane.claims, "sid", json_string("op-session-1"));
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &began, &token, &e),
	    0);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &found), SESSION_FOUND);
	kept = session_keep(found, other);
	mem_free(&m); /* nothing of what is kept lived there */
	m = mem_new(1 << 20);
	ck_assert(str_is(kept->iss, str_of(origin.url)));
	ck_assert(str_is(kept->aud, STR("the-client")));
	ck_assert(str_is(kept->sub, STR("248289761001")));
	ck_assert(str_is(kept->username, STR("jane")));
	ck_assert(str_is(kept->idp, STR("main")));
	ck_assert(str_is(kept->op_sid, STR("op-session-1")));
	ck_assert_uint_eq(kept->sid.n, 22);
	ck_assert_int_eq(kept->sst, NOW_MS);
	ck_assert_int_eq(kept->iat, NOW);
	ck_assert_int_eq(kept->exp, NOW + 8 * 3600);
	ck_assert_int_eq(kept->auth_time, NOW - 5);
	c = session_claim(kept, "groups");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->value.p, "Sales%2C North,it");
	ck_assert_uint_eq(c->n_elements, 2);
	ck_assert_str_eq(c->elements[0].p, "Sales, North");
	ck_assert_str_eq(c->elements[1].p, "it");
	ck_assert_str_eq(session_claim(kept, "aud")->value.p, "provider-aud");
	ck_assert_str_eq(session_claim(kept, "sub")->value.p, "248289761001");
	ck_assert_str_eq(session_claim(kept, "sid")->value.p, "op-session-1");
	ck_assert_uint_eq(kept->n_claims, 5);
	ck_assert_ptr_null(session_claim(kept, "op_aud"));
	ck_assert_ptr_null(session_claim(kept, "username"));
	ck_assert_ptr_null(session_claim(kept, "nothing"));
	mem_free(&other);
}
END_TEST

/* json of a claim, its text for a header, its elements joined with '|'. */
static const struct {
	const char *json, *value, *elements;
} values[] = {
	{ "\"x\"", "x", "x" },
	{ "\"a,b\"", "a,b", "a,b" }, /* no array: left as it is */
	{ "\"\"", "", "" },
	{ "[]", "", NULL },
	{ "[\"a\"]", "a", "a" },
	{ "[\"a\",\"b\"]", "a,b", "a|b" },
	{ "[\"a,b\",\"c\"]", "a%2Cb,c", "a,b|c" },
	{ "[\",\",\"\"]", "%2C,", ",|" },
	{ "42", "42", "42" },
	{ "-9007199254740993", "-9007199254740993", "-9007199254740993" },
	{ "0.1", "0.1", "0.1" },
	{ "true", "true", "true" },
	{ "[1,true,null,\"x\"]", "1,true,null,x", "1|true|null|x" },
	{ "{\"a\":1}", "{\"a\":1}", "{\"a\":1}" },
	{ "[{\"a\":\"b,c\"},[1,2]]", "{\"a\":\"b%2Cc\"},[1%2C2]", "{\"a\":\"b,c\"}|[1,2]" },
	{ "\"J\\u00fcrgen \\u6f22\"", "J\xc3\xbcrgen \xe6\xbc\xa2", "J\xc3\xbcrgen \xe6\xbc\xa2" },
	{ "\"\\u00a0x\"", "\xc2\xa0x", "\xc2\xa0x" },
};

START_TEST(a_claim_is_ready_for_headers_and_rules)
{
	const struct session *out;
	const struct session_claim *c;
	const char *elements = NULL;
	struct str token;
	size_t i;

	(void)json_object_set_new(jane.claims, "groups", json_loads(values[_i].json, JSON_DECODE_ANY, NULL));
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	c = session_claim(out, "groups");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->value.p, values[_i].value);
	for (i = 0; i < c->n_elements; i++)
		elements = mem_printf(
		    m, "%s%s%s", elements == NULL ? "" : elements, i == 0 ? "" : "|", c->elements[i].p);
	ck_assert((elements == NULL) == (values[_i].elements == NULL));
	if (elements != NULL)
		ck_assert_str_eq(elements, values[_i].elements);
}
END_TEST

START_TEST(a_claim_of_null_is_absent)
{
	const struct session *out;
	struct str token;

	(void)json_object_set_new(jane.claims, "groups", json_null());
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	ck_assert_ptr_null(session_claim(out, "groups"));
}
END_TEST

static const char *const controls[] = { "\"a\\nb\"", "\"a\\rb\"", "\"\\tb\"", "\"\\u0001\"", "\"\\u001f\"",
	"\"\\u007f\"", "\"\\u0085\"", "\"\\u009f\"", "[\"x\",\"y\\nz\"]", "{\"k\":\"\\u007f\"}" };

START_TEST(a_control_character_refuses_the_sign_in)
{
	const struct session *out;
	struct str token;

	(void)json_object_set_new(jane.claims, "groups", json_loads(controls[_i], JSON_DECODE_ANY, NULL));
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &out, &token, &e),
	    -1);
	ck_assert_int_eq(e.reason, REASON_LOGIN_CLAIM);
	ck_assert_ptr_nonnull(strstr(e.text, "groups"));
	ck_assert_ptr_null(out);
	ck_assert_ptr_null(token.p);
}
END_TEST

START_TEST(a_username_with_a_control_character_refuses_the_sign_in)
{
	const struct session *out;
	struct str token;

	jane.username = "jane\r\nX-Admin: yes";
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &out, &token, &e),
	    -1);
	ck_assert_int_eq(e.reason, REASON_LOGIN_CLAIM);
	ck_assert_ptr_null(strstr(e.text, "X-Admin"));
}
END_TEST

/* Whatever userinfo or an odd provider puts there. */
START_TEST(no_claim_takes_the_place_of_one_of_ours)
{
	const struct session *out;
	struct str token;

	jane.provider_sid = "";
	(void)json_object_set_new(jane.claims, "sid", json_integer(5));
	(void)json_object_set_new(jane.claims, "sub", json_string("somebody-else"));
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	ck_assert(str_is(out->sub, STR("248289761001")));
	ck_assert_str_eq(session_claim(out, "sub")->value.p, "248289761001");
	ck_assert_ptr_null(session_claim(out, "sid"));
	ck_assert_uint_eq(out->op_sid.n, 0);
}
END_TEST

START_TEST(every_sign_in_gets_a_sid_of_its_own)
{
	const struct session *one, *two;
	struct str token;

	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &one, &token, &e),
	    0);
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &two, &token, &e),
	    0);
	ck_assert(!str_is(one->sid, two->sid));
}
END_TEST

START_TEST(without_timeout_a_session_ends_with_the_id_token)
{
	struct str token;

	conf.timeout = 0;
	renew();
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find(token, (NOW + 3600) * 1000 - 1), SESSION_FOUND);
	ck_assert_int_eq(find(token, (NOW + 3600) * 1000), SESSION_EXPIRED);
}
END_TEST

START_TEST(with_timeout_a_session_ends_then_whatever_the_id_token_says)
{
	struct str token = begin_at(NOW_MS);

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	ck_assert_int_eq(find(token, (NOW + 8 * 3600) * 1000 - 1), SESSION_FOUND);
	ck_assert_int_eq(find(token, (NOW + 8 * 3600) * 1000), SESSION_EXPIRED);
	ck_assert_int_eq(find(token, INT64_MAX), SESSION_EXPIRED);
}
END_TEST

START_TEST(a_shorter_timeout_counts_for_sessions_that_run)
{
	struct str token = begin_at(NOW_MS);

	conf.timeout = 1500;
	ck_assert_int_eq(find(token, NOW_MS + 1499), SESSION_FOUND);
	ck_assert_int_eq(find(token, NOW_MS + 1500), SESSION_EXPIRED);
}
END_TEST

START_TEST(a_timeout_below_a_second_still_begins)
{
	struct str token;

	conf.timeout = 500;
	token = begin_at(NOW * 1000);
	ck_assert_int_eq(find(token, NOW * 1000 + 499), SESSION_FOUND);
	ck_assert_int_eq(find(token, NOW * 1000 + 500), SESSION_EXPIRED);
}
END_TEST

START_TEST(an_id_token_that_is_over_begins_nothing)
{
	const struct session *out;
	struct str token;

	conf.timeout = 0;
	jane.expires = NOW;
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &out, &token, &e),
	    -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_EXPIRED);
	jane.expires = NOW + 1;
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &out, &token, &e),
	    0);
}
END_TEST

static const int64_t years[] = { 2147483646, 2147483648, 4102444800, 253402300799 }; /* 2038, 2100, 9999 */

START_TEST(no_year_is_the_last)
{
	struct str token;

	jane.expires = years[_i] + 7200;
	token = begin_at(years[_i] * 1000);
	ck_assert_int_eq(find(token, years[_i] * 1000), SESSION_FOUND);
	ck_assert_int_eq(find(token, (years[_i] + 8 * 3600) * 1000), SESSION_EXPIRED);
}
END_TEST

START_TEST(an_id_token_that_never_ends_makes_a_session_of_thirty_days)
{
	struct str token;

	conf.timeout = 0;
	jane.expires = INT64_MAX;
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	ck_assert_int_eq(session_longest(&conf), SESSION_LIFE_MAX);
	ck_assert_int_eq(find(token, NOW_MS + SESSION_LIFE_MAX * 1000LL - 1000), SESSION_FOUND);
	ck_assert_int_eq(find(token, NOW_MS + SESSION_LIFE_MAX * 1000LL), SESSION_EXPIRED);
}
END_TEST

START_TEST(clocks_may_differ_by_a_minute)
{
	struct str token = begin_at(NOW * 1000);

	ck_assert_int_eq(find(token, (NOW - 60) * 1000), SESSION_FOUND);
	ck_assert_int_eq(find(token, (NOW - 60) * 1000 - 1), SESSION_INVALID);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/session");
	TCase *t = tcase_create("begin and end");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_cookie_holds_the_claims_of_the_contract);
	tcase_add_test(t, what_the_provider_did_not_say_is_not_claimed);
	tcase_add_test(t, a_session_comes_back_as_it_began);
	tcase_add_loop_test(t, a_claim_is_ready_for_headers_and_rules, 0, sizeof(values) / sizeof(*values));
	tcase_add_test(t, a_claim_of_null_is_absent);
	tcase_add_loop_test(
	    t, a_control_character_refuses_the_sign_in, 0, sizeof(controls) / sizeof(*controls));
	tcase_add_test(t, a_username_with_a_control_character_refuses_the_sign_in);
	tcase_add_test(t, no_claim_takes_the_place_of_one_of_ours);
	tcase_add_test(t, every_sign_in_gets_a_sid_of_its_own);
	tcase_add_test(t, without_timeout_a_session_ends_with_the_id_token);
	tcase_add_test(t, with_timeout_a_session_ends_then_whatever_the_id_token_says);
	tcase_add_test(t, a_shorter_timeout_counts_for_sessions_that_run);
	tcase_add_test(t, a_timeout_below_a_second_still_begins);
	tcase_add_test(t, an_id_token_that_is_over_begins_nothing);
	tcase_add_loop_test(t, no_year_is_the_last, 0, sizeof(years) / sizeof(*years));
	tcase_add_test(t, an_id_token_that_never_ends_makes_a_session_of_thirty_days);
	tcase_add_test(t, clocks_may_differ_by_a_minute);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
