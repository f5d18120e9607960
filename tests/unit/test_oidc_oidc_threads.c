/* oidc/oidc.h: several threads ask at once */
#include "tests/unit/provider.h"

#define ASKS 25

struct worker {
	pthread_t thread;
	struct event_base *base;
	struct post *post;
	struct oidc_op *ops[ASKS];
	int asked, cancelled;
	atomic_int done, good, wrong;
	bool cancels;
	unsigned seed;
};

struct asker {
	struct worker *w;
	int i;
};

static void
worker_told(void *arg)
{
	struct asker *a = arg;
	struct worker *w = a->w;
	const struct oidc_view *v;
	struct err e;

	if (!pthread_equal(pthread_self(), w->thread) || w->ops[a->i] == NULL)
		w->wrong++;
	if (oidc_take_keys(&w->ops[a->i], &e) == 0)
		w->good++;
	v = oidc_view(oidc, now(), &e);
	oidc_view_release(&v);
	w->done++;
	free(a);
}

static void
worker_ask(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < ASKS; i++) {
		struct asker *a = malloc(sizeof(*a));

		*a = (struct asker){ w, i };
		w->ops[i] = oidc_ask_keys(oidc, w->post, worker_told, a);
		if (w->cancels && rand_r(&w->seed) % 2 == 0) {
			if (rand_r(&w->seed) % 2 == 0)
				(void)usleep((useconds_t)rand_r(&w->seed) % 300);
			oidc_op_cancel(&w->ops[i]);
			free(a);
			w->done++;
		}
	}
}

static void
worker_stop(void *arg)
{
	struct worker *w = arg;

	(void)event_base_loopbreak(w->base);
}

static void *
worker_run(void *arg)
{
	struct worker *w = arg;

	(void)event_base_dispatch(w->base);
	return NULL;
}

static void
worker_start(struct worker *w, bool cancels)
{
	struct err e;

	memset(w, 0, sizeof(*w));
	w->base = event_base_new();
	w->post = post_new(w->base, &e);
	w->cancels = cancels;
	w->seed = (unsigned)(uintptr_t)w;
	ck_assert_int_eq(pthread_create(&w->thread, NULL, worker_run, w), 0);
}

static void
worker_end(struct worker *w)
{
	post_send(w->post, worker_stop, w);
	(void)pthread_join(w->thread, NULL);
}

START_TEST(fifty_who_ask_on_two_threads_cause_one_request)
{
	struct worker w[2];

	tend();
	op.mode = KEYS_SLOW;
	op.n_keys = 2;
	for (int i = 0; i < 2; i++) {
		worker_start(&w[i], false);
		post_send(w[i].post, worker_ask, &w[i]);
	}
	WAIT_FOR(w[0].done == ASKS && w[1].done == ASKS);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(w[0].good + w[1].good, 2 * ASKS);
	ck_assert_uint_eq(count_keys(), 2);
	/* once more within ten seconds: none at all */
	post_send(w[0].post, worker_ask, &w[0]);
	WAIT_FOR(w[0].done == 2 * ASKS);
	ck_assert_int_eq(w[0].good, ASKS);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(w[i].wrong, 0);
		worker_end(&w[i]);
		post_free(&w[i].post);
		event_base_free(w[i].base);
	}
}
END_TEST

START_TEST(asking_cancelling_and_forgetting_at_once_is_safe)
{
	struct worker w[2];

	keeper_tend(keeper, oidc);
	for (int i = 0; i < 2; i++)
		worker_start(&w[i], true);
	for (int round = 1; round <= 40; round++) {
		op.mode = round % 3 == 0 ? KEYS_404 : GOOD;
		ahead += round % 2 == 0 ? 11 : 0;
		for (int i = 0; i < 2; i++)
			post_send(w[i].post, worker_ask, &w[i]);
		if (round % 4 == 0) {
			keeper_forget(keeper, oidc);
			turns(2);
			keeper_tend(keeper, oidc);
		}
		WAIT_FOR(w[0].done == round * ASKS && w[1].done == round * ASKS);
	}
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(w[i].wrong, 0);
	/* down, as a process goes down, with questions under way */
	for (int i = 0; i < 2; i++)
		post_send(w[i].post, worker_ask, &w[i]);
	for (int i = 0; i < 2; i++)
		worker_end(&w[i]);
	keeper_free(&keeper);
	post_free(&post);
	for (int i = 0; i < 2; i++) {
		w[i].thread = pthread_self();
		post_free(&w[i].post);
		ck_assert_int_eq(w[i].done, 41 * ASKS);
		event_base_free(w[i].base);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/oidc");
	TCase *t = tcase_create("several threads");
	SRunner *r;
	int failed;

	server_alone();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, fifty_who_ask_on_two_threads_cause_one_request);
	tcase_add_test(t, asking_cancelling_and_forgetting_at_once_is_safe);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
