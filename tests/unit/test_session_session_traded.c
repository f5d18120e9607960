/* session/session.c: sessions of apps, which bring them as tokens */
#include "tests/unit/sessions.h"

static struct str
trade_at(int64_t now_ms, const struct session **out)
{
	static const char *apps[] = { "other", "app-1" };
	const struct session_trade trade = { STR("app-1"), STR("wf.read wf.write") };
	const struct session_proof proof = { .who = &jane, .trade = &trade };
	struct str token;

	conf.mobile_clients = (struct conf_strings){ 2, apps };
	conf.mobile_timeout = 2 * 3600 * 1000;
	ck_assert_msg(session_begin(sessions, &scope, &proof, now_ms, m, out, &token, &e) == 0, "%s", e.text);
	return token;
}

START_TEST(a_traded_session_lasts_mobile_timeout_and_keeps_app_and_scopes)
{
	const struct session *out;
	struct str token;

	conf.timeout = 1000;
	token = trade_at(NOW_MS, &out);
	ck_assert_int_eq(out->exp, NOW + 7200);
	for (int i = 0; i < 2; i++) {
		ck_assert(str_is(out->app_id, STR("app-1")));
		ck_assert(str_is(out->scopes, STR("wf.read wf.write")));
		ck_assert_int_eq(
		    find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS + 7199000, &out), SESSION_FOUND);
	}
	ck_assert_int_eq(find(token, NOW_MS + 7200000), SESSION_EXPIRED);
	conf.mobile_timeout = 60 * 1000;
	ck_assert_int_eq(find(token, NOW_MS + 60000), SESSION_EXPIRED);
	conf.timeout = 0;
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	ck_assert_uint_eq(out->app_id.n + out->scopes.n, 0);
}
END_TEST

START_TEST(an_app_that_leaves_the_list_loses_its_sessions)
{
	const struct session *out;
	struct str token = trade_at(NOW_MS, &out);

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	conf.mobile_clients.n = 1;
	ck_assert_int_eq(find(token, NOW_MS), SESSION_REVOKED);
}
END_TEST

START_TEST(no_claim_of_the_provider_becomes_the_scopes_of_a_session)
{
	static const char *names[] = { "scope", "client_id" };
	const struct session *out;

	needed = (struct conf_strings){ 2, names };
	renew();
	(void)json_object_set_new(jane.claims, "scope", json_string("all"));
	(void)json_object_set_new(jane.claims, "client_id", json_string("app-1"));
	ck_assert_int_eq(
	    find_head(mem_printf(m, "__Host-wp=%s", begin_at(NOW_MS).p), NOW_MS, &out), SESSION_FOUND);
	ck_assert_uint_eq(out->app_id.n + out->scopes.n, 0);
	ck_assert_str_eq(session_claim(out, "scope")->value.p, "all");
	ck_assert_str_eq(session_claim(out, "client_id")->value.p, "app-1");
}
END_TEST

START_TEST(a_token_that_is_no_cookie_is_judged_alike)
{
	const struct session *out;
	struct visit v = { .scope = &scope, .revoked = revoked, .cache = cache, .now_ms = NOW_MS, .mem = m };
	struct str token = begin_at(NOW_MS), wrong = mem_str(m, token);

	((char *)(uintptr_t)wrong.p)[wrong.n - 2] ^= 1;
	ck_assert(session_is_token(sessions, token) && session_is_token(sessions, wrong));
	ck_assert(!session_is_token(sessions, str_from(token, 1)));
	ck_assert(!session_is_token(sessions, STR("eyJhbGciOiJIUzI1NiJ9.e30.x")) &&
		  !session_is_token(sessions, STR("")));
	ck_assert_int_eq(session_read(sessions, &v, token, &out), SESSION_FOUND);
	ck_assert(str_is(out->username, STR("jane")));
	ck_assert_int_eq(session_read(sessions, &v, wrong, &out), SESSION_INVALID);
	ck_assert_ptr_null(out);
	ck_assert_int_eq(session_read(sessions, &v, STR("x"), &out), SESSION_INVALID);
	(void)session_read(sessions, &v, token, &out);
	ck_assert_int_eq(revoked_add(revoked, out->sid, NOW + 100, NOW), 0);
	ck_assert_int_eq(session_read(sessions, &v, token, &out), SESSION_REVOKED);
	v.now_ms += 8 * 3600 * 1000;
	v.revoked = NULL;
	ck_assert_int_eq(session_read(sessions, &v, token, &out), SESSION_EXPIRED);
}
END_TEST

START_TEST(neither_secrets_nor_claims_that_are_missing_crash)
{
	struct conf_strings nothing = { 0, NULL };
	struct sessions *s = sessions_new(&conf, &nothing, &e);

	ck_assert_ptr_nonnull(s);
	sessions_free(&s);
	ck_assert_ptr_null(s);
	sessions_free(&s);
	conf.n_secrets = 0;
	ck_assert_ptr_null(sessions_new(&conf, &needed, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/session");
	TCase *t = tcase_create("traded");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_traded_session_lasts_mobile_timeout_and_keeps_app_and_scopes);
	tcase_add_test(t, an_app_that_leaves_the_list_loses_its_sessions);
	tcase_add_test(t, no_claim_of_the_provider_becomes_the_scopes_of_a_session);
	tcase_add_test(t, a_token_that_is_no_cookie_is_judged_alike);
	tcase_add_test(t, neither_secrets_nor_claims_that_are_missing_crash);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
