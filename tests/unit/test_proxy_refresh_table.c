/* proxy/refresh_table.c: one renewal at a time, its result for who comes late, and nobody left waiting. */
#include <check.h>
#include <string.h>

#include <event2/event.h>

#include "proxy/refresh_table.h"

#define SID STR("AAAAAAAAAAAAAAAAAAAAAA")
#define NOW 1800000000000LL

static struct mem *m;
static struct event_base *base;
static struct post *post;
static struct refresh_table *table;
static int called;

static void
setup(void)
{
	struct err e;

	m = mem_new(1 << 20);
	base = event_base_new();
	post = post_new(base, &e);
	ck_assert_ptr_nonnull(post);
	table = refresh_table_new();
	called = 0;
}

static void
teardown(void)
{
	refresh_table_free(&table);
	post_free(&post);
	event_base_free(base);
	mem_free(&m);
}

static void
wake(void *arg)
{
	(void)arg;
	called++;
}

static void
loop(void)
{
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static enum refresh_seat
enter(int64_t turn, int64_t later, struct refresh_result *out)
{
	return refresh_table_enter(
	    table, &(struct refresh_asker){ .sid = SID, .turn = turn, .now_ms = NOW + later }, m, out);
}

static void
settle(enum refresh_state state, int64_t turn)
{
	const struct refresh_result r = { state, turn,
		{ .refresh_token = STR("new-refresh"), .session = STR("new-session") } };

	refresh_table_settle(table, SID, &r, NOW);
}

START_TEST(the_first_begins_and_the_others_are_late)
{
	struct refresh_result r;

	ck_assert_int_eq(enter(100, 0, &r), REFRESH_FIRST);
	ck_assert_int_eq(enter(100, 0, &r), REFRESH_LATE);
	ck_assert_int_eq(enter(90, 5, &r), REFRESH_LATE);
	settle(REFRESH_RENEWED, 200);
	ck_assert_int_eq(enter(100, 10, &r), REFRESH_KNOWN);
	ck_assert_int_eq(r.state, REFRESH_RENEWED);
	ck_assert(str_is(r.tokens.session, STR("new-session")));
	ck_assert(str_is(r.tokens.refresh_token, STR("new-refresh")));
	ck_assert_ptr_null(r.tokens.id_token.p);
}
END_TEST

START_TEST(who_has_the_new_session_already_begins_the_next)
{
	struct refresh_result r;

	ck_assert_int_eq(enter(100, 0, &r), REFRESH_FIRST);
	settle(REFRESH_RENEWED, 200);
	ck_assert_int_eq(enter(200, 10, &r), REFRESH_FIRST);
}
END_TEST

START_TEST(late_comers_are_served_for_a_minute_after_the_first_of_them)
{
	const struct refresh_asker a = { .sid = SID, .turn = 100, .now_ms = NOW + 500000 };
	struct refresh_result r;

	ck_assert_int_eq(enter(100, 0, &r), REFRESH_FIRST);
	settle(REFRESH_RENEWED, 200);
	ck_assert(refresh_table_look(table, &a, m, &r)); /* nobody had it yet: it was kept */
	ck_assert_int_eq(enter(100, 500000 + REFRESH_TAKEN - 1, &r), REFRESH_KNOWN);
	ck_assert_int_eq(enter(100, 500000 + REFRESH_TAKEN, &r), REFRESH_FIRST);
}
END_TEST

START_TEST(what_failed_is_not_tried_again_at_once)
{
	struct refresh_result r;

	ck_assert_int_eq(enter(100, 0, &r), REFRESH_FIRST);
	settle(REFRESH_FAILED, 0);
	ck_assert_int_eq(enter(100, REFRESH_AGAIN - 1, &r), REFRESH_KNOWN);
	ck_assert_int_eq(r.state, REFRESH_FAILED);
	ck_assert_int_eq(enter(100, REFRESH_AGAIN, &r), REFRESH_FIRST);
}
END_TEST

START_TEST(what_was_brought_outlives_a_later_attempt_that_failed)
{
	const struct refresh_asker behind = { .sid = SID, .turn = 100, .now_ms = NOW + 20 };
	struct refresh_result r;

	ck_assert_int_eq(enter(100, 0, &r), REFRESH_FIRST);
	settle(REFRESH_RENEWED, 200);
	ck_assert_int_eq(enter(200, 5, &r), REFRESH_FIRST);
	refresh_table_settle(table, SID, &(struct refresh_result){ .state = REFRESH_FAILED }, NOW + 10);
	ck_assert(refresh_table_look(table, &behind, m, &r));
	ck_assert_int_eq(r.state, REFRESH_RENEWED);
	ck_assert_int_eq(r.turn, 200);
	ck_assert(str_is(r.tokens.refresh_token, STR("new-refresh")));
	ck_assert_int_eq(enter(200, 20, &r), REFRESH_KNOWN);
	ck_assert_int_eq(r.state, REFRESH_FAILED);
	/* After that, too, and again and again. */
	ck_assert_int_eq(enter(200, 10 + REFRESH_AGAIN, &r), REFRESH_FIRST);
	refresh_table_settle(
	    table, SID, &(struct refresh_result){ .state = REFRESH_FAILED }, NOW + 10 + REFRESH_AGAIN);
	ck_assert_int_eq(enter(100, 15 + REFRESH_AGAIN, &r), REFRESH_KNOWN);
	ck_assert_int_eq(r.turn, 200);
	ck_assert_int_eq(enter(100, 20 + 2 * REFRESH_AGAIN, &r), REFRESH_KNOWN);
	ck_assert_int_eq(r.turn, 200);
	/* Until a later one brings something, or the end. */
	ck_assert_int_eq(enter(200, 25 + 2 * REFRESH_AGAIN, &r), REFRESH_FIRST);
	settle(REFRESH_ENDED, 0);
	ck_assert_int_eq(enter(100, 30, &r), REFRESH_KNOWN);
	ck_assert_int_eq(r.state, REFRESH_ENDED);
}
END_TEST

START_TEST(looking_begins_nothing)
{
	const struct refresh_asker a = { .sid = SID, .turn = 100, .now_ms = NOW };
	struct refresh_result r;

	ck_assert(!refresh_table_look(table, &a, m, &r));
	ck_assert_int_eq(enter(100, 0, &r), REFRESH_FIRST);
	ck_assert(!refresh_table_look(table, &a, m, &r));
	settle(REFRESH_RENEWED, 100);
	ck_assert(!refresh_table_look(table, &a, m, &r)); /* nothing newer */
}
END_TEST

START_TEST(everybody_who_waits_is_woken_once_and_from_their_own_loop)
{
	struct refresh_waiter *w[3];
	struct refresh_result r;
	int i;

	ck_assert_int_eq(enter(100, 0, &r), REFRESH_FIRST);
	for (i = 0; i < 3; i++)
		w[i] = refresh_table_wait(table, SID, post, wake, NULL);
	loop();
	ck_assert_int_eq(called, 0);
	refresh_waiter_leave(&w[0]); /* before */
	ck_assert_ptr_null(w[0]);
	settle(REFRESH_RENEWED, 200);
	ck_assert_int_eq(called, 0);
	refresh_waiter_leave(&w[1]); /* its letter is under way */
	loop();
	ck_assert_int_eq(called, 1);
	refresh_waiter_leave(&w[2]); /* after */
	refresh_waiter_leave(&w[2]);
	loop();
	ck_assert_int_eq(called, 1);
}
END_TEST

START_TEST(who_waits_for_what_is_settled_is_woken_as_well)
{
	struct refresh_waiter *w = refresh_table_wait(table, SID, post, wake, NULL);

	ck_assert_int_eq(called, 0);
	loop();
	ck_assert_int_eq(called, 1);
	refresh_waiter_leave(&w);
}
END_TEST

START_TEST(the_table_is_bounded)
{
	struct refresh_result r, settled = { .state = REFRESH_RENEWED, .turn = 200 };
	struct refresh_asker a = { .turn = 100, .now_ms = NOW };
	char sid[32];
	int i;

	for (i = 0; i < REFRESH_SESSIONS; i++) {
		(void)snprintf(sid, sizeof(sid), "sid-%d", i);
		a.sid = str_of(sid);
		ck_assert_int_eq(refresh_table_enter(table, &a, m, &r), REFRESH_FIRST);
	}
	a.sid = STR("one more");
	ck_assert_int_eq(refresh_table_enter(table, &a, m, &r), REFRESH_FULL);
	refresh_table_settle(table, STR("sid-7"), &settled, NOW);
	ck_assert_int_eq(refresh_table_enter(table, &a, m, &r), REFRESH_FIRST);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/refresh_table");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_first_begins_and_the_others_are_late);
	tcase_add_test(t, who_has_the_new_session_already_begins_the_next);
	tcase_add_test(t, late_comers_are_served_for_a_minute_after_the_first_of_them);
	tcase_add_test(t, what_failed_is_not_tried_again_at_once);
	tcase_add_test(t, what_was_brought_outlives_a_later_attempt_that_failed);
	tcase_add_test(t, looking_begins_nothing);
	tcase_add_test(t, everybody_who_waits_is_woken_once_and_from_their_own_loop);
	tcase_add_test(t, who_waits_for_what_is_settled_is_woken_as_well);
	tcase_add_test(t, the_table_is_bounded);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed > 0;
}
