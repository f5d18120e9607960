/* The wheel: what is due fires, what was moved does not fire early, what was cleared never does. */
#include <stddef.h>
#include <stdlib.h>

#include <check.h>
#include <event2/event.h>

#include "conf/mem.h"
#include "proxy/timer.h"

struct watch {
	struct timer timer;
	struct timers *ts;
	int64_t fired_at;
	int fired;
	struct watch *clear_also;
};

static void
fire(struct timer *t)
{
	struct watch *w = timer_owner(t, struct watch, timer);

	w->fired++;
	w->fired_at = timers_now();
	if (w->clear_also != NULL)
		timer_clear(&w->clear_also->timer);
}

static void
run_for(struct event_base *base, long ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	(void)event_base_loopexit(base, &tv);
	(void)event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

START_TEST(a_timer_fires_once_and_not_before_its_time)
{
	struct event_base *base = event_base_new();
	struct timers *ts = timers_new(base);
	struct watch w = { .ts = ts };
	int64_t begin = timers_now();

	timer_set(ts, &w.timer, fire, 300);
	run_for(base, 800);
	ck_assert_int_eq(w.fired, 1);
	ck_assert_int_ge(w.fired_at - begin, 296); /* the coarse clock is 4 ms coarse */
	ck_assert_int_le(w.fired_at - begin, 560);
	ck_assert(!timer_is_set(&w.timer));
	timers_free(&ts);
	event_base_free(base);
}
END_TEST

START_TEST(moving_a_deadline_away_keeps_it_from_firing_and_moving_it_nearer_counts)
{
	struct event_base *base = event_base_new();
	struct timers *ts = timers_new(base);
	struct watch later = { .ts = ts }, sooner = { .ts = ts };

	timer_set(ts, &later.timer, fire, 200);
	timer_set(ts, &sooner.timer, fire, 60000);
	timer_set(ts, &later.timer, fire, 5000);
	timer_set(ts, &sooner.timer, fire, 100);
	run_for(base, 600);
	ck_assert_int_eq(later.fired, 0);
	ck_assert_int_eq(sooner.fired, 1);
	timer_clear(&later.timer);
	timers_free(&ts);
	event_base_free(base);
}
END_TEST

START_TEST(a_timer_that_fires_may_clear_its_neighbours)
{
	struct event_base *base = event_base_new();
	struct timers *ts = timers_new(base);
	struct watch a = { .ts = ts }, b = { .ts = ts };

	/* One of the two fires first and clears the other, whichever the slot's order is. */
	a.clear_also = &b;
	b.clear_also = &a;
	timer_set(ts, &a.timer, fire, 100);
	timer_set(ts, &b.timer, fire, 100);
	run_for(base, 500);
	ck_assert_int_eq(a.fired + b.fired, 1);
	timers_free(&ts);
	event_base_free(base);
}
END_TEST

START_TEST(thousands_of_timers_beyond_the_wheel_all_fire_in_the_end)
{
	struct event_base *base = event_base_new();
	struct timers *ts = timers_new(base);
	struct watch *many = xcalloc(5000, sizeof(*many));
	int i, fired = 0;

	for (i = 0; i < 5000; i++)
		timer_set(ts, &many[i].timer, fire, i % 700);
	run_for(base, 1200);
	for (i = 0; i < 5000; i++)
		fired += many[i].fired;
	ck_assert_int_eq(fired, 5000);
	free(many);
	timers_free(&ts);
	event_base_free(base);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/timer");
	TCase *t = tcase_create("wheel");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_timer_fires_once_and_not_before_its_time);
	tcase_add_test(t, moving_a_deadline_away_keeps_it_from_firing_and_moving_it_nearer_counts);
	tcase_add_test(t, a_timer_that_fires_may_clear_its_neighbours);
	tcase_add_test(t, thousands_of_timers_beyond_the_wheel_all_fire_in_the_end);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
