/* The wheel: what is due fires, what was moved does not fire early, what was cleared never does. */
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

static int64_t jumped;        /* ms that the clock below is ahead of the machine's */
static unsigned coarse_asked; /* how often anybody looked at it */

/* In place of the C library's, for the wheel and for libevent: hours pass without waiting for them. */
int
clock_gettime(clockid_t id, struct timespec *t)
{
	if (syscall(SYS_clock_gettime, id, t) == -1)
		return -1;
	if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE) {
		t->tv_sec += jumped / 1000;
		t->tv_nsec += jumped % 1000 * 1000000;
		if (t->tv_nsec >= 1000000000) {
			t->tv_sec++;
			t->tv_nsec -= 1000000000;
		}
	}
	coarse_asked += id == CLOCK_MONOTONIC_COARSE;
	return 0;
}

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

/* Deadlines up to three hours away, moved to and fro while the clock advances in leaps. */
START_TEST(whatever_is_due_has_fired_and_nothing_else)
{
	enum { N = 2000, STEPS = 1200 };
	struct event_base *base = event_base_new();
	struct timers *ts = timers_new(base);
	struct watch *many = xcalloc(N, sizeof(*many));
	int64_t *due = xcalloc(N, sizeof(*due));
	unsigned seed = 7;
	int i, step;

	for (i = 0; i < N; i++) {
		int64_t in_ms = rand_r(&seed) % 3 == 0 ? rand_r(&seed) % 30000 : rand_r(&seed) % 10800000;

		due[i] = timers_now() + in_ms;
		timer_set(ts, &many[i].timer, fire, in_ms);
	}
	for (step = 0; step < STEPS; step++) {
		int64_t before = timers_now(), now;

		jumped += rand_r(&seed) % 20 == 0 ? rand_r(&seed) % 60000 : rand_r(&seed) % 12000;
		for (i = 0; i < 3; i++)
			(void)event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_NO_EXIT_ON_EMPTY);
		now = timers_now();
		for (i = 0; i < N; i++) {
			if (many[i].fired == 1 && many[i].fired_at >= due[i])
				continue;
			if (many[i].fired == 0 && due[i] > now - 250)
				continue;
			ck_abort_msg(
			    "fired %d times, %lld ms late", many[i].fired, (long long)(now - due[i]));
		}
		i = rand_r(&seed) % N;
		if (many[i].fired == 0 && due[i] > before) {
			int64_t in_ms = rand_r(&seed) % 2 == 0 ? 300 : rand_r(&seed) % 4000000;

			due[i] = timers_now() + in_ms;
			timer_set(ts, &many[i].timer, fire, in_ms);
		}
	}
	for (i = 0; i < N; i++)
		timer_clear(&many[i].timer);
	jumped = 0;
	free(due);
	free(many);
	timers_free(&ts);
	event_base_free(base);
}
END_TEST

START_TEST(timers_far_away_wake_nobody)
{
	struct event_base *base = event_base_new();
	struct timers *ts = timers_new(base);
	struct watch *many = xcalloc(1000, sizeof(*many));
	unsigned asked;
	int i;

	for (i = 0; i < 1000; i++)
		timer_set(ts, &many[i].timer, fire, 60000 + i * 20);
	asked = coarse_asked;
	run_for(base, 1000);
	ck_assert_uint_le(coarse_asked - asked, 4); /* libevent's own */
	for (i = 0; i < 1000; i++)
		timer_clear(&many[i].timer);
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
	tcase_add_test(t, whatever_is_due_has_fired_and_nothing_else);
	tcase_add_test(t, timers_far_away_wake_nobody);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
