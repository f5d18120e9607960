/* What conf/post.h promises: order, the right thread, nothing lost, nothing early. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <event2/event.h>

#include "conf/mem.h"
#include "conf/post.h"

#define SENDERS 4
#define LETTERS 5000

static struct event_base *base;
static struct post *post;

struct note {
	int sender;
	int number;
};

static int seen[SENDERS]; /* the next number expected of each sender */
static int total;
static bool in_order, right_thread;
static pthread_t owner;

static void
setup(void)
{
	struct err e;

	base = event_base_new();
	post = post_new(base, &e);
	ck_assert_ptr_nonnull(post);
	memset(seen, 0, sizeof(seen));
	total = 0;
	in_order = right_thread = true;
	owner = pthread_self();
}

static void
teardown(void)
{
	post_free(&post);
	ck_assert_ptr_null(post);
	event_base_free(base);
}

static void
read_note(void *arg)
{
	struct note *n = arg;

	if (n->number != seen[n->sender])
		in_order = false;
	if (!pthread_equal(pthread_self(), owner))
		right_thread = false;
	seen[n->sender]++;
	total++;
	free(n);
}

static void *
send_many(void *arg)
{
	const int sender = *(int *)arg;

	for (int i = 0; i < LETTERS; i++) {
		struct note *n = xmalloc(sizeof(*n));

		*n = (struct note){ sender, i };
		post_send(post, read_note, n);
	}
	return NULL;
}

START_TEST(letters_of_many_threads_arrive_in_order_on_the_owners_thread)
{
	pthread_t threads[SENDERS];
	int numbers[SENDERS];

	for (int i = 0; i < SENDERS; i++) {
		numbers[i] = i;
		ck_assert_int_eq(pthread_create(&threads[i], NULL, send_many, &numbers[i]), 0);
	}
	while (total < SENDERS * LETTERS)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	for (int i = 0; i < SENDERS; i++)
		(void)pthread_join(threads[i], NULL);
	ck_assert(in_order);
	ck_assert(right_thread);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(total, SENDERS * LETTERS);
}
END_TEST

static void
count(void *arg)
{
	++*(int *)arg;
}

START_TEST(nothing_runs_from_inside_send)
{
	int n = 0;

	post_send(post, count, &n);
	post_send(post, count, &n);
	ck_assert_int_eq(n, 0);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(n, 2);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(n, 2);
}
END_TEST

struct chain {
	int left;
	bool other_ran;
};

static void
send_again(void *arg)
{
	struct chain *c = arg;

	if (c->left-- > 0)
		post_send(post, send_again, c);
}

static void
other_cb(evutil_socket_t fd, short what, void *arg)
{
	struct chain *c = arg;

	(void)fd;
	(void)what;
	c->other_ran = true;
}

START_TEST(a_letter_that_sends_the_next_does_not_starve_the_loop)
{
	static struct chain c; /* its last letter is read in teardown() */
	const struct timeval soon = { 0, 1000 };

	c = (struct chain){ .left = 1000000 };
	ck_assert_int_eq(event_base_once(base, -1, EV_TIMEOUT, other_cb, &c, &soon), 0);
	post_send(post, send_again, &c);
	while (!c.other_ran && c.left > 0)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE), 0);
	ck_assert(c.other_ran);
	ck_assert_int_gt(c.left, 0);
	c.left = 0;
}
END_TEST

START_TEST(freeing_runs_what_still_waits_and_what_that_sends)
{
	struct chain c = { .left = 3 };
	int n = 0;

	post_send(post, count, &n);
	post_send(post, send_again, &c);
	post_free(&post);
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(c.left, -1);
	post_free(&post);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/post");
	TCase *t = tcase_create("post");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, letters_of_many_threads_arrive_in_order_on_the_owners_thread);
	tcase_add_test(t, nothing_runs_from_inside_send);
	tcase_add_test(t, a_letter_that_sends_the_next_does_not_starve_the_loop);
	tcase_add_test(t, freeing_runs_what_still_waits_and_what_that_sends);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
