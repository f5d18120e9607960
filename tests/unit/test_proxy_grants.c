/* proxy/grants.c: a user's token for an upstream serves that session and section alone, and no longer than it
 * should. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/grants.h"

#define SID STR("AAAAAAAAAAAAAAAAAAAAAA")
#define NOW 5000000LL

static struct grants *g;
static const struct grants_key key = { SID, 1, 0, NULL };

static void
setup(void)
{
	g = grants_new();
}

static void
teardown(void)
{
	grants_free(&g);
}

/* What is found, with the reference given back; "" when it is no token. */
static const char *
found(const struct grants_key *k, int64_t now, enum grants_found *out)
{
	static char text[128];
	struct outbound_token *t;
	struct err e;

	*out = grants_find(g, k, now, &t, &e);
	text[0] = '\0';
	if (t != NULL)
		(void)snprintf(text, sizeof(text), "%.*s", STR_ARG(outbound_token_value(t)));
	outbound_token_release(&t);
	return text;
}

START_TEST(a_token_is_good_until_a_third_of_its_life_is_left)
{
	enum grants_found f;

	ck_assert_str_eq(found(&key, NOW, &f), "");
	ck_assert_int_eq(f, GRANTS_NONE);
	grants_put(g, &key, STR("abc"), 30, NOW);
	ck_assert_str_eq(found(&key, NOW, &f), "Bearer abc");
	ck_assert_int_eq(f, GRANTS_TOKEN);
	ck_assert_str_eq(found(&key, NOW + 19999, &f), "Bearer abc");
	ck_assert_str_eq(found(&key, NOW + 20000, &f), "");
	ck_assert_int_eq(f, GRANTS_NONE);
	grants_put(g, &key, STR("abc"), 0, NOW);
	ck_assert_str_eq(found(&key, NOW + OUTBOUND_LIFE * 1000 * 2 / 3 - 1, &f), "Bearer abc");
	ck_assert_str_eq(found(&key, NOW + OUTBOUND_LIFE * 1000 * 2 / 3, &f), "");
}
END_TEST

START_TEST(no_other_session_section_or_configuration_gets_it)
{
	const struct grants_key others[] = { { STR("BAAAAAAAAAAAAAAAAAAAAA"), 1, 0, NULL },
		{ SID, 2, 0, NULL }, { SID, 1, 1, NULL }, { STR("AAAAAAAAAAAAAAAAAAAAA"), 1, 0, NULL } };
	enum grants_found f;

	grants_put(g, &key, STR("abc"), 30, NOW);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		(void)found(&others[i], NOW, &f);
		ck_assert_int_eq(f, GRANTS_NONE);
	}
}
END_TEST

/* Sessions are ended by names that the table is not kept by. */
START_TEST(of_a_session_that_was_ended_nothing_stays)
{
	static const struct session mine = { .sid = SID,
		.idp = STR("main"),
		.op_sid = STR("op-1"),
		.sub = STR("sub-1"),
		.username = STR("alice"),
		.sst = 1000 };
	static const struct session other = { .sid = STR("BAAAAAAAAAAAAAAAAAAAAA"),
		.idp = STR("main"),
		.op_sid = STR("op-2"),
		.sub = STR("sub-2"),
		.username = STR("bob"),
		.sst = 1000 };
	static const struct revocation ends[] = {
		{ .kind = REVOKE_SID, .text = SID, .before_ms = REVOKE_ALWAYS, .until = 2000 },
		{ .kind = REVOKE_PROVIDER_SID,
		    .provider = STR("main"),
		    .text = STR("op-1"),
		    .before_ms = REVOKE_ALWAYS,
		    .until = 2000 },
		{ .kind = REVOKE_SUBJECT,
		    .provider = STR("main"),
		    .text = STR("sub-1"),
		    .before_ms = 1000,
		    .until = 2000 },
		{ .kind = REVOKE_USERNAME, .text = STR("alice"), .before_ms = 1000, .until = 2000 },
	};
	const struct grants_key a = { SID, 1, 0, &mine }, b = { other.sid, 1, 0, &other };
	struct revoked *revoked = revoked_new(16);
	enum grants_found f;

	grants_put(g, &a, STR("abc"), 30, NOW);
	grants_put(g, &b, STR("def"), 30, NOW);
	ck_assert_uint_eq(grants_drop_revoked(g, revoked, 1000), 0);
	ck_assert_str_eq(found(&a, NOW, &f), "Bearer abc");
	ck_assert_int_eq(revoked_end(revoked, &ends[_i], 1000), 0);
	ck_assert_uint_eq(grants_drop_revoked(g, revoked, 1000), 1);
	(void)found(&a, NOW, &f);
	ck_assert_int_eq(f, GRANTS_NONE);
	ck_assert_str_eq(found(&b, NOW, &f), "Bearer def");
	revoked_free(&revoked);
}
END_TEST

START_TEST(what_failed_is_told_for_ten_seconds)
{
	const struct err why = { .reason = REASON_PROVIDER_ERROR, .text = "invalid_scope" };
	struct outbound_token *t;
	enum grants_found f;
	struct err e;

	grants_fail(g, &key, &why, NOW);
	ck_assert_int_eq(grants_find(g, &key, NOW + GRANTS_AGAIN - 1, &t, &e), GRANTS_FAILED);
	ck_assert_ptr_null(t);
	ck_assert_str_eq(e.text, "invalid_scope");
	(void)found(&key, NOW + GRANTS_AGAIN, &f);
	ck_assert_int_eq(f, GRANTS_NONE);
	grants_fail(g, &key, &why, NOW);
	grants_put(g, &key, STR("abc"), 30, NOW);
	ck_assert_str_eq(found(&key, NOW, &f), "Bearer abc");
}
END_TEST

START_TEST(what_an_upstream_refuses_is_dropped_but_not_at_once)
{
	struct outbound_token *t, *newer;
	enum grants_found f;
	struct err e;

	grants_put(g, &key, STR("abc"), 3600, NOW);
	ck_assert_int_eq(grants_find(g, &key, NOW, &t, &e), GRANTS_TOKEN);
	grants_reject(g, &key, t, NOW + GRANTS_AGAIN - 1);
	ck_assert_str_eq(found(&key, NOW, &f), "Bearer abc");
	grants_put(g, &key, STR("def"), 3600, NOW);
	grants_reject(g, &key, t, NOW + GRANTS_AGAIN); /* another one is there already */
	ck_assert_str_eq(found(&key, NOW, &f), "Bearer def");
	ck_assert_int_eq(grants_find(g, &key, NOW, &newer, &e), GRANTS_TOKEN);
	grants_reject(g, &key, newer, NOW + GRANTS_AGAIN);
	(void)found(&key, NOW, &f);
	ck_assert_int_eq(f, GRANTS_NONE);
	outbound_token_release(&t);
	outbound_token_release(&newer);
}
END_TEST

START_TEST(a_session_that_is_over_takes_all_of_its_own_along)
{
	const struct grants_key second = { SID, 1, 1, NULL }, other = { STR("other"), 1, 0, NULL };
	enum grants_found f;

	grants_put(g, &key, STR("a"), 30, NOW);
	grants_put(g, &second, STR("b"), 30, NOW);
	grants_put(g, &other, STR("c"), 30, NOW);
	grants_drop(g, SID);
	(void)found(&key, NOW, &f);
	ck_assert_int_eq(f, GRANTS_NONE);
	(void)found(&second, NOW, &f);
	ck_assert_int_eq(f, GRANTS_NONE);
	ck_assert_str_eq(found(&other, NOW, &f), "Bearer c");
}
END_TEST

START_TEST(the_table_is_bounded_and_gives_up_what_nobody_asks_for)
{
	const struct err why = { .reason = REASON_PROVIDER_ERROR };
	enum grants_found f;
	char sid[32];

	grants_put(g, &key, STR("abc"), 86400, NOW);
	for (int i = 0; i < GRANTS_MAX + 100; i++) {
		(void)snprintf(sid, sizeof(sid), "sid-%d", i);
		grants_fail(g, &(struct grants_key){ str_of(sid), 1, 0, NULL }, &why, NOW);
		if (i % 100 == 0)
			ck_assert_str_eq(found(&key, NOW, &f), "Bearer abc");
	}
	f = GRANTS_NONE;
	for (int i = 0, left = 0; i < GRANTS_MAX + 100; i++) {
		(void)snprintf(sid, sizeof(sid), "sid-%d", i);
		(void)found(&(struct grants_key){ str_of(sid), 1, 0, NULL }, NOW, &f);
		left += f == GRANTS_FAILED;
		ck_assert_int_lt(left, GRANTS_MAX);
	}
	grants_put(g,
	    &(struct grants_key){
		STR("0123456789012345678901234567890123456789012345678901234567890123456789"), 1, 0, NULL },
	    STR("x"), 30, NOW); /* no sid of ours */
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/grants");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_token_is_good_until_a_third_of_its_life_is_left);
	tcase_add_test(t, no_other_session_section_or_configuration_gets_it);
	tcase_add_loop_test(t, of_a_session_that_was_ended_nothing_stays, 0, 4);
	tcase_add_test(t, what_failed_is_told_for_ten_seconds);
	tcase_add_test(t, what_an_upstream_refuses_is_dropped_but_not_at_once);
	tcase_add_test(t, a_session_that_is_over_takes_all_of_its_own_along);
	tcase_add_test(t, the_table_is_bounded_and_gives_up_what_nobody_asks_for);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
