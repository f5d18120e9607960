/* What oidc/fetch.h promises of connections, turns and times: nothing blocked, re-entered or late */
#include <dlfcn.h>
#include <netdb.h>

#include "tests/unit/fetches.h"

static atomic_int slow_lookups;

/* A resolver that takes its time with one name, in place of the C library's. */
int
getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
    struct addrinfo **restrict res)
{
	static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node != NULL && strcmp(node, "slow.test") == 0) {
		slow_lookups++;
		(void)sleep(2);
		return EAI_AGAIN;
	}
	return real(node, service, hints, res);
}

/* Keeps the connection after the first request, and hangs up on the second, which it has read. */
static void
play_hangup(struct exchange *x)
{
	atomic_int *asked = x->server->arg;

	if (atomic_fetch_add(asked, 1) == 0) {
		play_hello(x);
		return;
	}
	x->close = true;
}

/* A refresh token or a code that arrives twice looks stolen (RFC 9700 4.14.2, RFC 6749 4.1.2). */
START_TEST(a_form_is_sent_once_whatever_becomes_of_its_connection)
{
	SSL_CTX *tls = _i == 1 ? make_tls("localhost") : NULL;
	atomic_int asked = 0;
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;

	server = server_new(play_hangup, &asked, tls, 0);
	q = request("/token");
	q.body = "grant_type=refresh_token&refresh_token=one";
	q.body_size = strlen(q.body);
	q.tls_ca = tls != NULL ? ca_file : NULL;
	op = ask(&q);
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	fetch_release(&op);
	expect_failure(&q, REASON_PROVIDER_DOWN, "it is not sent again");
	ck_assert_int_eq(server_count(server, "/token"), 2);
	/* The next one is a request of its own, on a connection of its own. */
	asked = 0;
	op = ask(&q);
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	fetch_release(&op);
	fetch_free(&fetch);
	server_free(&server);
	SSL_CTX_free(tls);
	(void)unlink(ca_file);
}
END_TEST

START_TEST(what_may_be_asked_twice_is_asked_again)
{
	atomic_int asked = 0;
	struct fetch_request q;
	struct fetch_op *op;

	server = server_new(play_hangup, &asked, NULL, 0);
	q = request("/keys");
	op = ask(&q);
	fetch_release(&op);
	expect_failure(&q, REASON_PROVIDER_DOWN, "");
	ck_assert_int_eq(server_connections(server), 2);
	ck_assert_int_eq(server_count(server, "/keys"), 3);
}
END_TEST

/* --- many at once --- */

static void
play_slow(struct exchange *x)
{
	(void)usleep(300000);
	play_hello(x);
}

/* Four rounds of 300 ms: longer than the timeout, which is each one's own. */
START_TEST(the_time_begins_when_it_is_sent)
{
	struct fetch_op *ops[100];
	struct fetch_request q;
	struct fetch_answer a;
	struct err e;
	int n = 0;

	serve(play_slow);
	q = request("/");
	q.timeout = 900;
	for (size_t i = 0; i < 100; i++)
		ops[i] = fetch_ask(fetch, &q, count, &n);
	wait_until(&n, 100);
	for (size_t i = 0; i < 100; i++) {
		ck_assert_msg(fetch_take(ops[i], &a, &e) == 0, "%s", e.text);
		fetch_release(&ops[i]);
	}
	ck_assert_int_le(server_connections(server), FETCH_HOST);
}
END_TEST

START_TEST(who_waits_too_long_for_a_turn_is_told_and_other_hosts_are_not_held_up)
{
	struct server *other = server_new(play_hello, NULL, NULL, 0);
	struct fetch_op *ops[FETCH_HOST + 8], *quick;
	const int64_t begin = now_ms();
	struct fetch_request q;
	struct fetch_answer a;
	struct err e;
	char url[200];
	int n = 0, m = 0;

	serve(play_silence);
	q = request("/");
	q.timeout = 2000;
	q.patience = 300;
	for (size_t i = 0; i < FETCH_HOST + 8; i++)
		ops[i] = fetch_ask(fetch, &q, count, &n);
	(void)snprintf(url, sizeof(url), "%s/?%s", other->url, server->url);
	q.url = url;
	quick = fetch_ask(fetch, &q, count, &m);
	wait_until(&m, 1);
	ck_assert_int_lt(now_ms() - begin, 1500);
	ck_assert_int_eq(fetch_take(quick, &a, &e), 0);
	fetch_release(&quick);
	wait_until(&n, 8);
	ck_assert_int_lt(now_ms() - begin, 1500);
	wait_until(&n, FETCH_HOST + 8);
	for (size_t i = 0; i < FETCH_HOST + 8; i++) {
		ck_assert_int_eq(fetch_take(ops[i], &a, &e), -1);
		ck_assert_str_eq(
		    reason_word(e.reason), i < FETCH_HOST ? "provider_timeout" : "provider_busy");
		fetch_release(&ops[i]);
	}
	ck_assert_int_eq(server_count(server, "/"), FETCH_HOST);
	fetch_free(&fetch);
	server_free(&other);
}
END_TEST

START_TEST(not_more_wait_than_may)
{
	static struct fetch_op *ops[FETCH_HOST + FETCH_WAITING + 1];
	const size_t last = FETCH_HOST + FETCH_WAITING;
	struct fetch_request q;
	struct fetch_answer a;
	struct err e;
	int n = 0;

	serve(play_silence);
	q = request("/");
	for (size_t i = 0; i <= last; i++)
		ops[i] = fetch_ask(fetch, &q, count, &n);
	wait_until(&n, 1);
	ck_assert_int_eq(fetch_take(ops[last], &a, &e), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_BUSY);
	fetch_release(&ops[last]);
	/* One that gives up makes room, and one that waited goes. */
	fetch_release(&ops[last - 1]);
	fetch_release(&ops[0]);
	ops[0] = fetch_ask(fetch, &q, count, &n);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(n, 1);
	for (size_t i = 0; i < last - 1; i++)
		fetch_release(&ops[i]);
	ck_assert_int_eq(n, 1);
}
END_TEST

/* --- health checks --- */

START_TEST(a_unix_socket_is_reached)
{
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;

	server = server_new_unix(play_hello, NULL);
	q = request("/health");
	q.unix_socket = server->unix_path;
	op = ask(&q);
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	ck_assert_int_eq(a.status, 200);
	fetch_release(&op);
	ck_assert_int_eq(server_count(server, "/health"), 1);
}
END_TEST

START_TEST(connecting_alone_sends_nothing)
{
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;

	serve(play_hello);
	q = request("/");
	q.connect_only = true;
	op = ask(&q);
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	ck_assert_int_eq(a.status, 0);
	fetch_release(&op);
	ck_assert_int_eq(server_count(server, "/"), 0);
	q.url = "http://127.0.0.1:1";
	expect_failure(&q, REASON_PROVIDER_DOWN, "");
}
END_TEST

/* --- never blocked, never re-entered, never late --- */

static void
beat_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	count(arg);
}

START_TEST(a_slow_resolver_blocks_nobody)
{
	const struct timeval often = { 0, 10000 };
	struct event *ev;
	int beats = 0, n = 0;
	struct fetch_request q;
	struct fetch_op *op, *other;
	int64_t begin = now_ms();

	ck_assert(curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS);
	q = request("");
	q.url = "http://slow.test/";
	q.timeout = 400;
	ev = event_new(base, -1, EV_PERSIST, beat_cb, &beats);
	(void)event_add(ev, &often);
	op = fetch_ask(fetch, &q, count, &n);
	other = fetch_ask(fetch, &q, count, &n);
	wait_until(&beats, 10); /* the resolver is at work */
	fetch_release(&other);
	wait_until(&n, 1);
	{
		struct fetch_answer a;
		struct err e;

		ck_assert_int_eq(fetch_take(op, &a, &e), -1);
		ck_assert_int_eq(e.reason, REASON_PROVIDER_TIMEOUT);
	}
	fetch_release(&op);
	ck_assert_int_lt(now_ms() - begin, 1500);
	ck_assert_int_ge(beats, 20);
	ck_assert_int_ge(slow_lookups, 1);
	begin = now_ms();
	op = fetch_ask(fetch, &q, count, &n);
	(void)event_base_loop(base, EVLOOP_ONCE);
	fetch_free(&fetch);
	ck_assert_int_lt(now_ms() - begin, 1000);
	fetch_release(&op);
	ck_assert_int_eq(n, 1);
	event_free(ev);
	(void)sleep(3); /* the threads left behind come to their end: nothing of ours is touched */
}
END_TEST

START_TEST(what_was_released_is_not_heard_of)
{
	struct fetch_op *running, *finished, *never;
	struct fetch_request q;
	int n = 0, none = 0;

	serve(play_hello);
	q = request("/");
	never = fetch_ask(fetch, &q, count, &none);
	fetch_release(&never); /* before anything happened */
	running = fetch_ask(fetch, &q, count, &none);
	for (int i = 0; i < 5; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	fetch_release(&running);
	q.accept = "\n";
	finished = fetch_ask(fetch, &q, count, &none); /* refused at once, to be told later */
	fetch_release(&finished);
	fetch_release(&finished); /* NULL by now */
	q = request("/");
	running = fetch_ask(fetch, &q, count, &n);
	wait_until(&n, 1);
	fetch_release(&running);
	ck_assert_int_eq(none, 0);
	ck_assert_int_eq(n, 1);
}
END_TEST

static struct nest {
	struct fetch_op *op, *other;
	int left, done;
	bool free_all;
} nest;

/* All that a caller may do from inside done. */
static void
ask_again(void *arg)
{
	struct nest *t = arg;
	struct fetch_request q = request("/");

	fetch_release(&t->op);
	fetch_release(&t->other);
	t->done++;
	if (t->left-- > 0) {
		t->op = fetch_ask(fetch, &q, ask_again, t);
		t->other = fetch_ask(fetch, &q, ask_again, t);
	} else if (t->free_all)
		fetch_free(&fetch);
}

START_TEST(done_may_ask_release_and_free)
{
	struct fetch_request q;

	serve(play_hello);
	q = request("/");
	nest = (struct nest){ .left = 20, .free_all = _i == 1 };
	nest.op = fetch_ask(fetch, &q, ask_again, &nest);
	nest.other = fetch_ask(fetch, &q, ask_again, &nest);
	wait_until(&nest.done, 21);
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(nest.done, 21);
}
END_TEST

START_TEST(freeing_everything_cancels_and_leaves_the_ops_to_their_owners)
{
	struct fetch_op *ops[3];
	struct fetch_request q;
	struct fetch_answer a;
	struct err e;
	int n = 0;

	serve(play_hello);
	q = request("/");
	ops[0] = fetch_ask(fetch, &q, count, &n);
	wait_until(&n, 1);
	ops[1] = fetch_ask(fetch, &q, count, &n);
	q.accept = "\n";
	ops[2] = fetch_ask(fetch, &q, count, &n);
	fetch_free(&fetch);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(fetch_take(ops[0], &a, &e), 0);
	ck_assert_int_eq(fetch_take(ops[1], &a, &e), -1);
	for (size_t i = 0; i < 3; i++)
		fetch_release(&ops[i]);
}
END_TEST

START_TEST(many_share_a_bounded_number_of_connections)
{
	struct fetch_op *ops[200];
	struct fetch_request q;
	int n = 0;

	serve(play_hello);
	q = request("/");
	for (size_t i = 0; i < 200; i++)
		ops[i] = fetch_ask(fetch, &q, count, &n);
	wait_until(&n, 200);
	for (size_t i = 0; i < 200; i++) {
		struct fetch_answer a;
		struct err e;

		ck_assert_int_eq(fetch_take(ops[i], &a, &e), 0);
		ck_assert(str_is(a.body, STR("hello")));
		fetch_release(&ops[i]);
	}
	ck_assert_int_eq(server_count(server, "/"), 200);
	ck_assert_int_le(server_connections(server), 32);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/fetch");
	TCase *t = tcase_create("turns");
	SRunner *r;
	int failed;

	server_alone();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_form_is_sent_once_whatever_becomes_of_its_connection, 0, 2);
	tcase_add_test(t, what_may_be_asked_twice_is_asked_again);
	tcase_add_test(t, a_unix_socket_is_reached);
	tcase_add_test(t, connecting_alone_sends_nothing);
	tcase_add_test(t, a_slow_resolver_blocks_nobody);
	tcase_add_test(t, what_was_released_is_not_heard_of);
	tcase_add_loop_test(t, done_may_ask_release_and_free, 0, 2);
	tcase_add_test(t, freeing_everything_cancels_and_leaves_the_ops_to_their_owners);
	tcase_add_test(t, many_share_a_bounded_number_of_connections);
	tcase_add_test(t, the_time_begins_when_it_is_sent);
	tcase_add_test(t, who_waits_too_long_for_a_turn_is_told_and_other_hosts_are_not_held_up);
	tcase_add_test(t, not_more_wait_than_may);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
