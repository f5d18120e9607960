/* One connection to a Redis: answers in order, failures at once, and there again by itself. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>

#include "proxy/redis.h"

/* A server on our own loop; what it hears is in `heard`, and a word of the command says what it does. */
static struct event_base *base;
static struct post *post;
static struct evconnlistener *listener;
static struct bufferevent *peer;
static struct redis_reader *commands;
static char heard[8192];
static int connections, ups, downs;
static bool silent; /* says nothing more on this connection */
static char why[320];
static const char *greeting; /* what PING is answered */

/* Who asked, and what he got. */
struct asker {
	struct redis_op *op;
	int done;
	char got[400];
	struct redis **drop; /* give this one back when told */
};

static void
turn(int ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	(void)event_base_loopexit(base, &tv);
	(void)event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

static bool
turn_until(const int *what, int n)
{
	for (int i = 0; i < 2000 && *what < n; i++)
		turn(2);
	return *what >= n;
}

static void
serve(const struct redis_value *v)
{
	const char *word = v->v[0].text.p;
	size_t n = strlen(heard);

	for (size_t i = 0; i < v->n && n < sizeof(heard) - 100; i++)
		n += (size_t)snprintf(heard + n, 100, "%s%s", v->v[i].text.p, i + 1 < v->n ? " " : "|");
	silent = silent || strcmp(word, "HANG") == 0;
	if (silent)
		return;
	if (strcmp(word, "PING") == 0)
		(void)evbuffer_add_printf(bufferevent_get_output(peer), "%s\r\n", greeting);
	else if (strcmp(word, "ECHO") == 0)
		(void)evbuffer_add_printf(
		    bufferevent_get_output(peer), "$%zu\r\n%s\r\n", v->v[1].text.n, v->v[1].text.p);
	else if (strcmp(word, "SAY") == 0)
		(void)evbuffer_add_printf(bufferevent_get_output(peer), "%s\r\n", v->v[1].text.p);
	else if (strcmp(word, "CLOSE") == 0) {
		bufferevent_free(peer);
		peer = NULL;
	} else
		(void)evbuffer_add_printf(bufferevent_get_output(peer), "+OK\r\n");
}

static void
server_read_cb(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	const struct redis_value *v;
	struct mem *m;
	struct err e;

	(void)arg;
	ck_assert_int_eq(redis_reader_feed(commands,
			     (struct str){ (char *)evbuffer_pullup(in, -1), evbuffer_get_length(in) }, &e),
	    0);
	(void)evbuffer_drain(in, evbuffer_get_length(in));
	while (peer == bev && redis_reader_next(commands, &m, &v, &e) == 1) {
		serve(v);
		mem_free(&m);
	}
}

static void
server_event_cb(struct bufferevent *bev, short what, void *arg)
{
	(void)what;
	(void)arg;
	if (bev == peer)
		peer = NULL;
	bufferevent_free(bev);
}

static void
accept_cb(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *a, int n, void *arg)
{
	(void)l;
	(void)a;
	(void)n;
	(void)arg;
	connections++;
	silent = false;
	if (peer != NULL)
		bufferevent_free(peer);
	redis_reader_free(&commands);
	commands = redis_reader_new();
	peer = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(peer, server_read_cb, NULL, server_event_cb, NULL);
	(void)bufferevent_enable(peer, EV_READ | EV_WRITE);
}

static uint16_t
listen_on(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	socklen_t n = sizeof(a);

	listener = evconnlistener_new_bind(base, accept_cb, NULL, LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE,
	    16, (struct sockaddr *)&a, sizeof(a));
	ck_assert_ptr_nonnull(listener);
	ck_assert_int_eq(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&a, &n), 0);
	return ntohs(a.sin_port);
}

static void
server_stop(void)
{
	if (listener != NULL)
		evconnlistener_free(listener);
	listener = NULL;
	if (peer != NULL)
		bufferevent_free(peer);
	peer = NULL;
}

static void
changed(void *arg, bool up, const char *because)
{
	(void)arg;
	ups += up;
	downs += !up;
	(void)snprintf(why, sizeof(why), "%s", because);
}

static struct redis *
connect_to(const char *host, uint16_t port)
{
	const struct redis_home home = { .base = base, .post = post, .changed = changed };
	const struct conf_redis c = { .host = host, .at = "redis://h:1/0", .port = port };

	return redis_new(&home, &c, NULL);
}

static void
begin(void)
{
	struct err e;

	base = event_base_new();
	post = post_new(base, &e);
	heard[0] = why[0] = '\0';
	connections = ups = downs = 0;
	greeting = "+PONG";
}

static void
end(struct redis **r)
{
	redis_unref(r);
	server_stop();
	turn(10);
	redis_reader_free(&commands);
	post_free(&post);
	event_base_free(base);
}

static void
done_cb(void *arg)
{
	struct asker *a = arg;
	const struct redis_value *v;
	struct err e;

	a->done++;
	if (redis_take(a->op, &v, &e) == -1)
		(void)snprintf(a->got, sizeof(a->got), "%s: %s", reason_word(e.reason), e.text);
	else
		(void)snprintf(a->got, sizeof(a->got), "%s", v->type == REDIS_TEXT ? v->text.p : "?");
	redis_release(&a->op);
	if (a->drop != NULL)
		redis_unref(a->drop);
}

static bool
ask(struct redis *r, struct asker *a, const char *word, const char *text)
{
	const struct str words[] = { str_of(word), str_of(text) };
	struct err e;

	a->done = 0;
	(void)snprintf(a->got, sizeof(a->got), "-");
	a->op = redis_ask(r, words, text == NULL ? 1 : 2, done_cb, a, &e);
	ck_assert_int_eq(a->done, 0);
	if (a->op == NULL)
		(void)snprintf(a->got, sizeof(a->got), "%s: %s", reason_word(e.reason), e.text);
	return a->op != NULL;
}

START_TEST(answers_come_in_the_order_of_asking)
{
	struct asker a[100] = { 0 };
	struct redis *r;

	begin();
	r = connect_to("127.0.0.1", listen_on(0));
	for (size_t i = 0; i < 100; i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%zu", i);
		ck_assert(ask(r, &a[i], "ECHO", text)); /* the first ones before there is a connection */
		if (i == 50)
			ck_assert(turn_until(&a[0].done, 1));
	}
	ck_assert(turn_until(&a[99].done, 1));
	for (size_t i = 0; i < 100; i++) {
		ck_assert_int_eq(a[i].done, 1);
		ck_assert_uint_eq(strtoul(a[i].got, NULL, 10), i);
	}
	ck_assert_int_eq(connections, 1);
	ck_assert_int_eq(ups, 1);
	ck_assert_int_eq(downs, 0);
	end(&r);
}
END_TEST

START_TEST(it_says_who_it_is_before_anything_else)
{
	const struct redis_home home = { .base = NULL, .post = NULL, .changed = changed };
	struct redis_home here = home;
	struct conf_redis c = { .host = "127.0.0.1", .at = "redis://h:1/3", .user = "wp", .db = 3 };
	struct asker a = { 0 };
	struct redis *r;

	begin();
	here.base = base;
	here.post = post;
	c.port = listen_on(0);
	c.password = secret_new("s3cr3t", 6);
	r = redis_new(&here, &c, NULL);
	ck_assert(redis_is(r, &c));
	ck_assert(ask(r, &a, "ECHO", "x"));
	ck_assert(turn_until(&a.done, 1));
	ck_assert_str_eq(heard, "AUTH wp s3cr3t|SELECT 3|PING|ECHO x|");
	secret_free(&c.password);
	c.password = secret_new("other", 5);
	ck_assert(!redis_is(r, &c));
	secret_free(&c.password);
	ck_assert(!redis_is(r, &c));
	end(&r);
}
END_TEST

START_TEST(an_error_is_a_failure_of_its_command_alone)
{
	struct asker a = { 0 }, b = { 0 };
	struct redis *r;

	begin();
	r = connect_to("127.0.0.1", listen_on(0));
	ck_assert(ask(r, &a, "SAY", "-ERR unknown command 'SAY', with args beginning with: 'geheim'"));
	ck_assert(ask(r, &b, "ECHO", "x"));
	ck_assert(turn_until(&b.done, 1));
	ck_assert_str_eq(a.got, "redis_down: redis://h:1/0 answers ERR unknown command 'SAY'");
	ck_assert_str_eq(b.got, "x");
	ck_assert_int_eq(connections, 1);
	end(&r);
}
END_TEST

static const char *const wrong[] = { "-LOADING Redis is loading the dataset in memory",
	"-READONLY You can't write against a read only replica.", "-MASTERDOWN Link with MASTER is down",
	"-NOAUTH Authentication required." };

START_TEST(the_wrong_server_is_left)
{
	struct asker a = { 0 }, b = { 0 };
	struct redis *r;

	begin();
	r = connect_to("127.0.0.1", listen_on(0));
	ck_assert(ask(r, &a, "SAY", wrong[_i]));
	ck_assert(ask(r, &b, "HANG", NULL));
	ck_assert(turn_until(&b.done, 1));
	ck_assert_ptr_nonnull(strstr(a.got, wrong[_i] + 1));
	ck_assert_ptr_nonnull(strstr(b.got, wrong[_i] + 1));
	ck_assert(turn_until(&connections, 2));
	ck_assert(turn_until(&ups, 2));
	ck_assert(ask(r, &a, "ECHO", "x") && turn_until(&a.done, 1));
	ck_assert_str_eq(a.got, "x");
	end(&r);
}
END_TEST

static const char *const ends[] = { "CLOSE", "SAY !", "SAY +x\r\n+y" };

START_TEST(what_was_under_way_fails_and_the_next_attempt_comes_by_itself)
{
	struct asker a = { 0 }, b = { 0 };
	struct redis *r;

	begin();
	r = connect_to("127.0.0.1", listen_on(0));
	ck_assert(turn_until(&ups, 1));
	ck_assert(ask(r, &a, _i == 0 ? "CLOSE" : "SAY", _i == 0 ? NULL : ends[_i] + 4));
	ck_assert(turn_until(&downs, 1));
	ck_assert_int_eq(a.done, 1);
	ck_assert(ask(r, &b, "ECHO", "x") && turn_until(&b.done, 1)); /* it waits for the next attempt */
	ck_assert_int_eq(ups, 2);
	ck_assert_str_eq(b.got, "x");
	end(&r);
}
END_TEST

START_TEST(silence_is_a_failure_after_two_seconds)
{
	struct asker a = { 0 }, b = { 0 };
	struct redis *r;

	begin();
	r = connect_to("127.0.0.1", listen_on(0));
	ck_assert(turn_until(&ups, 1));
	ck_assert(ask(r, &a, "HANG", NULL));
	turn(1500);
	ck_assert_int_eq(a.done, 0);
	ck_assert(ask(r, &b, "ECHO", "x"));
	ck_assert(turn_until(&a.done, 1));
	ck_assert_str_eq(a.got, "redis_down: redis://h:1/0: no answer within 2 s");
	ck_assert_int_eq(b.done, 1);
	ck_assert(turn_until(&ups, 2));
	end(&r);
}
END_TEST

START_TEST(nobody_there_is_said_at_once_and_found_when_he_comes)
{
	struct asker a = { 0 };
	struct redis *r;
	uint16_t port;

	begin();
	port = listen_on(0);
	server_stop();
	r = connect_to("127.0.0.1", port);
	ck_assert(turn_until(&downs, 1));
	turn(300);
	ck_assert(!ask(r, &a, "ECHO", "x"));
	ck_assert_str_eq(a.got, "redis_down: redis://h:1/0: Connection refused");
	ck_assert_int_eq(downs, 1); /* said once */
	ck_assert_int_eq(listen_on(port), port);
	ck_assert(turn_until(&ups, 1));
	ck_assert(ask(r, &a, "ECHO", "x") && turn_until(&a.done, 1));
	end(&r);
}
END_TEST

START_TEST(a_greeting_that_is_refused_is_no_connection)
{
	struct asker a = { 0 };
	struct redis *r;

	begin();
	greeting = "-LOADING Redis is loading the dataset in memory";
	r = connect_to("127.0.0.1", listen_on(0));
	ck_assert(ask(r, &a, "ECHO", "x"));
	ck_assert(turn_until(&a.done, 1));
	ck_assert_ptr_nonnull(strstr(a.got, "LOADING"));
	ck_assert_int_eq(ups, 0);
	greeting = "+PONG";
	ck_assert(turn_until(&ups, 1));
	end(&r);
}
END_TEST

START_TEST(a_name_is_resolved_beside_the_loop)
{
	struct redis *r, *gone;
	uint16_t port;

	begin();
	port = listen_on(0);
	r = connect_to("localhost", port); /* ::1 may come first, where nobody listens */
	gone = connect_to("localhost", port);
	redis_unref(&gone); /* its answer is still on the way */
	ck_assert(turn_until(&ups, 1));
	end(&r);
}
END_TEST

START_TEST(a_name_without_an_address_is_told)
{
	struct redis *r;

	begin();
	r = connect_to("nobody.invalid", 1);
	ck_assert(turn_until(&downs, 1));
	ck_assert_ptr_nonnull(strstr(why, "nobody.invalid has no address"));
	end(&r);
}
END_TEST

START_TEST(who_gave_up_hears_nothing_and_takes_nobody_s_answer)
{
	struct asker a = { 0 }, b = { 0 }, c = { 0 };
	struct redis *r;

	begin();
	r = connect_to("127.0.0.1", listen_on(0));
	ck_assert(ask(r, &a, "ECHO", "a") && ask(r, &b, "ECHO", "b"));
	redis_release(&a.op);
	redis_tell(r, (struct str[]){ STR("ECHO"), STR("told") }, 2);
	ck_assert(ask(r, &c, "ECHO", "c") && turn_until(&c.done, 1));
	ck_assert_int_eq(a.done, 0);
	ck_assert_str_eq(b.got, "b");
	ck_assert_str_eq(c.got, "c");
	ck_assert_str_eq(heard, "PING|ECHO a|ECHO b|ECHO told|ECHO c|");
	end(&r);
}
END_TEST

START_TEST(the_last_one_may_leave_from_inside)
{
	struct asker a = { 0 }, b = { 0 };
	struct redis *r;

	begin();
	r = connect_to("127.0.0.1", listen_on(0));
	a.drop = &r;
	ck_assert(ask(r, &a, _i == 0 ? "ECHO" : "CLOSE", "a"));
	ck_assert(ask(r, &b, "ECHO", "b"));
	ck_assert(turn_until(&a.done, 1));
	ck_assert_ptr_null(r);
	turn(20);
	redis_release(&b.op);
	end(&r);
}
END_TEST

START_TEST(the_queue_has_a_bound)
{
	struct redis *r;
	struct err e;
	size_t n;

	begin();
	r = connect_to("127.0.0.1", listen_on(0));
	ck_assert(turn_until(&ups, 1));
	for (n = 0; n < 2 * (size_t)REDIS_OPS_MAX; n++) {
		struct redis_op *op =
		    redis_ask(r, (struct str[]){ STR("ECHO"), STR("x") }, 2, NULL, NULL, &e);

		if (op == NULL)
			break;
		redis_release(&op);
	}
	ck_assert_uint_eq(n, REDIS_OPS_MAX);
	ck_assert_str_eq(e.text, "redis://h:1/0: too many commands wait for their answers");
	turn(100);
	redis_tell(r, (struct str[]){ STR("PING") }, 1);
	end(&r);
}
END_TEST

START_TEST(without_one_every_command_fails)
{
	struct asker a = { 0 };
	struct redis *none = NULL;

	ck_assert(!ask(NULL, &a, "ECHO", "x"));
	ck_assert_ptr_null(redis_ref(NULL));
	redis_unref(&none);
	redis_release(&a.op);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/redis");
	TCase *t = tcase_create("redis");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, answers_come_in_the_order_of_asking);
	tcase_add_test(t, it_says_who_it_is_before_anything_else);
	tcase_add_test(t, an_error_is_a_failure_of_its_command_alone);
	tcase_add_loop_test(t, the_wrong_server_is_left, 0, 4);
	tcase_add_loop_test(t, what_was_under_way_fails_and_the_next_attempt_comes_by_itself, 0, 3);
	tcase_add_test(t, silence_is_a_failure_after_two_seconds);
	tcase_add_test(t, nobody_there_is_said_at_once_and_found_when_he_comes);
	tcase_add_test(t, a_greeting_that_is_refused_is_no_connection);
	tcase_add_test(t, a_name_is_resolved_beside_the_loop);
	tcase_add_test(t, a_name_without_an_address_is_told);
	tcase_add_test(t, who_gave_up_hears_nothing_and_takes_nobody_s_answer);
	tcase_add_loop_test(t, the_last_one_may_leave_from_inside, 0, 2);
	tcase_add_test(t, the_queue_has_a_bound);
	tcase_add_test(t, without_one_every_command_fails);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
