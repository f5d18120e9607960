/*
 * What oidc/outbound.h promises: the request's bytes, what an answer is worth,
 * and flights against a token endpoint that is right, slow, rude or gone.
 * Hours pass when clock_gettime() says so.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>

#include "conf/mem.h"
#include "conf/secret.h"
#include "oidc/fetch.h"
#include "oidc/outbound.h"
#include "oidc/tokenreq.h"
#include "tests/unit/loop.h"
#include "tests/unit/server.h"

/* --- pure --- */

static const struct {
	enum conf_auth_method method;
	const char *scope, *resource, *body, *authorization;
} requests[] = {
	{ AUTH_METHOD_BASIC, NULL, NULL, "grant_type=client_credentials", "Basic YXBwKzE6cCtx" },
	{ AUTH_METHOD_BASIC, "https://api.test/.default x", NULL,
	    "grant_type=client_credentials&scope=https%3A%2F%2Fapi.test%2F.default+x", "Basic YXBwKzE6cCtx" },
	{ AUTH_METHOD_POST, NULL, "https://api.test/",
	    "grant_type=client_credentials&resource=https%3A%2F%2Fapi.test%2F&client_id=app+1&client_secret="
	    "p+q",
	    NULL },
};

START_TEST(the_request_is_written_byte_for_byte)
{
	const struct conf_provider c = { .client_id = "app 1",
		.client_secret = secret_new("p q", 3),
		.token_endpoint_auth_method = requests[_i].method };
	struct secret *secret = c.client_secret;
	struct mem *m = mem_new(1 << 16);
	struct tokenreq r;

	tokenreq_print_own(&c,
	    &(struct tokenreq_own){ .scope = requests[_i].scope, .resource = requests[_i].resource }, m, &r);
	ck_assert_str_eq(r.body.p, requests[_i].body);
	ck_assert_uint_eq(r.body.n, strlen(requests[_i].body));
	if (requests[_i].authorization == NULL)
		ck_assert_ptr_null(r.authorization);
	else
		ck_assert_str_eq(r.authorization, requests[_i].authorization);
	mem_free(&m);
	secret_free(&secret);
}
END_TEST

static const struct {
	int status;
	const char *body;
	enum reason reason; /* NONE: it is a token */
	const char *text;
	int64_t expires_in;
} answers[] = {
	{ 200, "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_in\":3599}", REASON_NONE, NULL,
	    3599 },
	{ 200, "{\"access_token\":\"at\",\"token_type\":\"bearer\",\"expires_in\":\"3599\"}", REASON_NONE,
	    NULL, 3599 },
	{ 200, "{\"access_token\":\"at\",\"token_type\":\"Bearer\"}", REASON_NONE, NULL, 0 },
	{ 200, "{\"access_token\":\"at\",\"token_type\":\"Bearer\",\"id_token\":7}", REASON_NONE, NULL, 0 },
	{ 200, "{\"access_token\":\"at\"}", REASON_PROVIDER_ANSWER, "no token_type", 0 },
	{ 200, "{\"access_token\":\"at\",\"token_type\":null}", REASON_PROVIDER_ANSWER, "no token_type", 0 },
	{ 200, "{\"access_token\":\"at\",\"token_type\":\"DPoP\"}", REASON_PROVIDER_ANSWER, "DPoP", 0 },
	{ 200, "{\"token_type\":\"Bearer\",\"id_token\":\"i\"}", REASON_PROVIDER_ANSWER, "no access_token",
	    0 },
	{ 200, "{\"access_token\":\"\",\"token_type\":\"Bearer\"}", REASON_PROVIDER_ANSWER, "no access_token",
	    0 },
	{ 200, "{\"access_token\":\"a\\r\\nb\",\"token_type\":\"Bearer\"}", REASON_PROVIDER_ANSWER,
	    "not printable", 0 },
	{ 200, "[]", REASON_PROVIDER_ANSWER, "not an object", 0 },
	{ 200, "<html>", REASON_PROVIDER_ANSWER, "not JSON", 0 },
	{ 200, "{\"error\":\"invalid_scope\",\"access_token\":\"at\",\"token_type\":\"Bearer\"}",
	    REASON_PROVIDER_ERROR, "check outbound.scope", 0 },
	{ 400, "{\"error\":\"invalid_target\"}", REASON_PROVIDER_ERROR, "check outbound.resource", 0 },
	{ 401, "{\"error\":\"invalid_client\"}", REASON_PROVIDER_CLIENT, "check client_id, client_secret",
	    0 },
	{ 400, "{\"error\":\"unauthorized_client\"}", REASON_PROVIDER_ERROR, "client credentials grant", 0 },
	{ 400, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: no\"}",
	    REASON_PROVIDER_CLIENT, "not its ID", 0 },
	{ 400, "{\"error\":\"x\",\"error_description\":\"geheim\"}", REASON_PROVIDER_ERROR,
	    "repeats a secret", 0 },
	{ 429, "{}", REASON_PROVIDER_STATUS, "try again later", 0 },
	{ 503, "{\"access_token\":\"at\",\"token_type\":\"Bearer\"}", REASON_PROVIDER_STATUS, "in trouble",
	    0 },
};

START_TEST(an_answer_is_a_token_or_says_what_to_change)
{
	const struct conf_provider c = { .client_id = "app", .client_secret = secret_new("geheim", 6) };
	struct secret *secret = c.client_secret;
	struct mem *m = mem_new(1 << 16);
	struct oidc_tokens t;
	struct err e;
	const struct tokenreq_answer a = { answers[_i].status, STR("application/json"),
		str_of(answers[_i].body), STR("") };
	const int r = tokenreq_parse_own(&c, &a, m, &t, &e);

	if (answers[_i].reason == REASON_NONE) {
		ck_assert_int_eq(r, 0);
		ck_assert(str_is(t.access_token, STR("at")) && t.id_token.p == NULL);
		ck_assert_int_eq(t.expires_in, answers[_i].expires_in);
	} else {
		ck_assert_int_eq(r, -1);
		ck_assert_int_eq(e.reason, answers[_i].reason);
		ck_assert_msg(strstr(e.text, answers[_i].text) != NULL, "%s", e.text);
		ck_assert_ptr_null(strstr(e.text, "geheim"));
		ck_assert_ptr_null(t.access_token.p);
	}
	mem_free(&m);
	secret_free(&secret);
}
END_TEST

START_TEST(a_renewal_comes_before_the_end_and_not_in_step)
{
	static const struct {
		int64_t life, from, to; /* seconds */
	} rows[] = { { 3600, 2592, 2880 }, { 300, 216, 240 }, { 200, 126, 140 }, { 120, 54, 60 },
		{ 60, 27, 30 }, { 4, 1, 2 }, { 86400, 62208, 69120 } };
	int64_t least = INT64_MAX, most = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned r = 0; r < 1000; r++) {
			const int64_t ms = outbound_renewal(rows[i].life * 1000, r);

			ck_assert_msg(ms >= rows[i].from * 1000 && ms <= rows[i].to * 1000, "%lld: %lld",
			    (long long)rows[i].life, (long long)ms);
			ck_assert(ms < outbound_use(rows[i].life * 1000));
			if (i == 0) {
				least = ms < least ? ms : least;
				most = ms > most ? ms : most;
			}
		}
	ck_assert_int_ge(most - least, 200 * 1000);
	ck_assert_int_eq(outbound_renewal(0, 0), outbound_renewal(-5000, 7));
	ck_assert_int_gt(outbound_renewal(0, 0), 0);
	ck_assert_int_eq(outbound_use(3600000), 3595000);
	ck_assert_int_eq(outbound_use(10000), 9000);
}
END_TEST

/* --- flights --- */

enum mode { GOOD, SLOW, REFUSES, BUSY, DROPS, ENDLESS };

static struct {
	atomic_int mode, expires_in, handed;
} op;

static void
play(struct exchange *x)
{
	char body[200];

	switch (op.mode) {
	case REFUSES:
		server_answer(x, 401, "application/json", "{\"error\":\"invalid_client\"}");
		return;
	case BUSY:
		(void)server_print(x, "HTTP/1.1 503 X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n");
		return;
	case DROPS:
		x->close = true;
		return;
	case ENDLESS:
		x->close = true;
		(void)server_print(x, "HTTP/1.1 200 OK\r\n\r\n{");
		while (!x->server->stopping && server_print(x, "%512s", " "))
			;
		return;
	case SLOW:
		(void)usleep(100000);
		break;
	default:
		break;
	}
	(void)snprintf(body, sizeof(body),
	    "{\"access_token\":\"token-%d\",\"token_type\":\"Bearer\",\"expires_in\":%d}", ++op.handed,
	    (int)op.expires_in);
	server_answer(x, 200, "application/json", body);
}

static struct server *server;
static struct outbound *outbound;
static struct outbound_home home;
static struct conf_outbound conf;
static char endpoint[128];

static void
setup(void)
{
	op.mode = GOOD;
	op.expires_in = 3600;
	op.handed = 0;
	server = server_new(play, NULL, NULL, 0);
	(void)snprintf(endpoint, sizeof(endpoint), "%s/token", server->url);
	conf = (struct conf_outbound){
		.name = "graph",
		.own = true,
		.client = { .name = "graph", .kind = "oidc", .client_id = "robot", .timeout = 3000 },
		.scope = "x",
	};
	conf.client.token_endpoint = endpoint;
	conf.client.client_secret = secret_new("geheim-geheim", 13);
	loop_begin(LOG_LEVEL_DEBUG);
	home = (struct outbound_home){ base, post, fetch };
	outbound = outbound_new(&conf, NULL, NULL);
	outbound_tend(outbound, &home);
}

static void
teardown(void)
{
	char text[65536];
	FILE *f;
	size_t n;

	outbound_forget(outbound, NULL);
	fetch_free(&fetch);
	post_free(&post);
	outbound_unref(&outbound);
	event_base_free(base);
	server_free(&server);
	log_close();
	f = fopen(log_file, "r");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	ck_assert_ptr_null(strstr(text, "geheim"));
	ck_assert_ptr_null(strstr(text, "token-1"));
	(void)unlink(log_file);
	secret_free(&conf.client.client_secret);
}

/* What it says, and "-" for a failure. */
static const char *
ask(struct outbound *b)
{
	static char text[200];
	int done = 0;
	struct outbound_op *o = outbound_ask(b, post, count, &done);
	struct outbound_token *t;
	struct err e;

	ck_assert_int_eq(done, 0);
	WAIT_FOR(done == 1);
	if (outbound_take(&o, &t, &e) == -1) {
		ck_assert_int_eq(e.reason, REASON_OUTBOUND_TOKEN);
		ck_assert_ptr_null(t);
		ck_assert_msg(strncmp(e.text, "outbound \"graph\"", 16) == 0, "%s", e.text);
		return "-";
	}
	(void)snprintf(text, sizeof(text), "%.*s", STR_ARG(outbound_token_value(t)));
	outbound_token_release(&t);
	ck_assert_ptr_null(o);
	return text;
}

static bool
in_force(struct outbound *b, const char *expected)
{
	struct outbound_token *t = outbound_token(b);
	const bool good = t == NULL ? expected == NULL
				    : expected != NULL && str_is(outbound_token_value(t), str_of(expected));

	outbound_token_release(&t);
	return good;
}

START_TEST(nothing_is_fetched_before_somebody_needs_it)
{
	turns(50);
	ck_assert_int_eq(server_count(server, "/token"), 0);
	ck_assert(in_force(outbound, NULL));
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
	ck_assert(in_force(outbound, "Bearer token-1"));
	ck_assert_int_eq(server_count(server, "/token"), 1);
	ck_assert_str_eq(server->last_body, "grant_type=client_credentials&scope=x");
}
END_TEST

START_TEST(all_who_ask_wait_for_one_flight_and_each_is_answered_once)
{
	struct outbound_op *ops[100];
	int done[100] = { 0 };

	op.mode = SLOW;
	for (int i = 0; i < 100; i++)
		ops[i] = outbound_ask(outbound, post, count, &done[i]);
	for (int i = 0; i < 100; i += 3) { /* some leave, before or while it is under way */
		if (i == 51)
			turns(20);
		outbound_op_cancel(&ops[i]);
		ck_assert_ptr_null(ops[i]);
	}
	WAIT_FOR(done[98] == 1);
	turns(50);
	for (int i = 0; i < 100; i++) {
		struct outbound_token *t;
		struct err e;

		ck_assert_int_eq(done[i], i % 3 == 0 ? 0 : 1);
		if (i % 3 == 0)
			continue;
		if (i % 3 == 1) {
			outbound_op_cancel(&ops[i]); /* answered, never taken */
			continue;
		}
		ck_assert_int_eq(outbound_take(&ops[i], &t, &e), 0);
		ck_assert(str_is(outbound_token_value(t), STR("Bearer token-1")));
		outbound_token_release(&t);
	}
	ck_assert_int_eq(server_count(server, "/token"), 1);
}
END_TEST

START_TEST(a_token_is_renewed_before_it_ends)
{
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
	ahead += 2500;
	turns(50);
	ck_assert_int_eq(server_count(server, "/token"), 1);
	ahead += 400;
	WAIT_FOR(in_force(outbound, "Bearer token-2"));
	ck_assert_int_eq(server_count(server, "/token"), 2);
}
END_TEST

START_TEST(a_token_that_has_ended_is_not_handed_out)
{
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
	op.mode = REFUSES;
	ahead += 3599;
	ck_assert(in_force(outbound, NULL));
	ck_assert_str_eq(ask(outbound), "-");
}
END_TEST

START_TEST(while_renewals_fail_the_token_in_force_serves)
{
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
	op.mode = DROPS;
	ahead += 2900;
	WAIT_FOR(server_count(server, "/token") == 2);
	turns(50);
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
	op.mode = GOOD;
	ahead += 2;
	WAIT_FOR(in_force(outbound, "Bearer token-2"));
}
END_TEST

START_TEST(an_answer_that_does_not_say_lives_five_minutes)
{
	op.expires_in = 0;
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
	ahead += OUTBOUND_LIFE - 90;
	ck_assert(in_force(outbound, "Bearer token-1"));
	ahead += 85;
	ck_assert(in_force(outbound, NULL));
}
END_TEST

START_TEST(failures_are_told_and_spaced_out)
{
	op.mode = _i == 0 ? REFUSES : _i == 1 ? DROPS : ENDLESS;
	for (int i = 0; i < 20; i++)
		ck_assert_str_eq(ask(outbound), "-");
	ck_assert_int_eq(server_count(server, "/token"), 1);
	ahead += 2;
	ck_assert_str_eq(ask(outbound), "-");
	ck_assert_str_eq(ask(outbound), "-");
	ck_assert_int_eq(server_count(server, "/token"), 2);
	op.mode = GOOD;
	ck_assert_str_eq(ask(outbound), "-");
	ahead += 4;
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
}
END_TEST

START_TEST(a_provider_that_asks_to_wait_is_left_alone)
{
	op.mode = BUSY;
	ck_assert_str_eq(ask(outbound), "-");
	op.mode = GOOD;
	ahead += 100;
	ck_assert_str_eq(ask(outbound), "-");
	ahead += 25;
	ck_assert_str_eq(ask(outbound), "Bearer token-1");
}
END_TEST

static void
reject(const char *expected)
{
	struct outbound_token *t = outbound_token(outbound);

	ck_assert(str_is(outbound_token_value(t), str_of(expected)));
	outbound_reject(outbound, t);
	outbound_token_release(&t);
}

START_TEST(a_token_that_the_upstream_refuses_is_fetched_anew_once_in_ten_seconds)
{
	struct outbound_token *first;

	(void)ask(outbound);
	first = outbound_token(outbound);
	reject("Bearer token-1");
	ck_assert(in_force(outbound, NULL));
	ck_assert_str_eq(ask(outbound), "Bearer token-2");
	reject("Bearer token-2");
	ck_assert(in_force(outbound, "Bearer token-2"));
	ahead += 11;
	outbound_reject(outbound, first); /* a late answer to the old one says nothing about this one */
	ck_assert(in_force(outbound, "Bearer token-2"));
	reject("Bearer token-2");
	ck_assert(in_force(outbound, NULL));
	ck_assert_str_eq(ask(outbound), "Bearer token-3");
	outbound_token_release(&first);
}
END_TEST

START_TEST(a_reload_takes_the_token_along_where_the_section_means_the_same)
{
	struct conf_outbound same = conf, other = conf, secret = conf;
	struct outbound *b;

	(void)ask(outbound);
	same.client.timeout = 1;
	b = outbound_new(&same, NULL, outbound);
	ck_assert(in_force(b, "Bearer token-1"));
	outbound_unref(&b);
	other.scope = "y";
	b = outbound_new(&other, NULL, outbound);
	ck_assert(in_force(b, NULL));
	outbound_unref(&b);
	secret.client.client_secret = secret_new("geheim-other", 12);
	b = outbound_new(&secret, NULL, outbound);
	ck_assert(in_force(b, NULL));
	outbound_unref(&b);
	secret_free(&secret.client.client_secret);
}
END_TEST

START_TEST(who_waits_while_the_configuration_changes_waits_on_there)
{
	struct conf_outbound other = conf;
	struct outbound *heir;
	struct outbound_op *o;
	struct outbound_token *t;
	struct err e;
	int done = 0;

	op.mode = SLOW;
	if (_i == 1)
		other.scope = "y";
	heir = outbound_new(&other, NULL, outbound);
	outbound_tend(heir, &home);
	o = outbound_ask(outbound, post, count, &done);
	WAIT_FOR(server_count(server, "/token") == 1);
	outbound_forget(outbound, heir);
	WAIT_FOR(done == 1);
	ck_assert_int_eq(outbound_take(&o, &t, &e), _i == 0 ? 0 : -1);
	ck_assert((t != NULL) == (_i == 0));
	outbound_token_release(&t);
	ck_assert_str_eq(ask(outbound), "-"); /* nobody fetches for it any more */
	o = outbound_ask(heir, post, count, &done);
	outbound_forget(heir, NULL);
	outbound_unref(&heir);
	outbound_op_cancel(&o);
	turns(5);
}
END_TEST

/* --- another thread asks, as workers do --- */

static void *
worker(void *arg)
{
	struct event_base *b = event_base_new();
	struct err e;
	struct post *p = post_new(b, &e);

	(void)arg;
	for (int i = 0; i < 50; i++) {
		struct outbound_token *t = outbound_token(outbound);
		int done = 0;

		if (t == NULL) {
			struct outbound_op *o = outbound_ask(outbound, p, count, &done);

			while (done == 0)
				(void)event_base_loop(b, EVLOOP_ONCE);
			if (outbound_take(&o, &t, &e) == -1) /* so far do the others travel in time */
				continue;
		}
		outbound_reject(outbound, t);
		outbound_token_release(&t);
		ahead += 11;
	}
	post_free(&p);
	event_base_free(b);
	return NULL;
}

START_TEST(many_threads_share_it)
{
	pthread_t threads[4];

	conf.client.timeout = 24 * 3600 * 1000;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, worker, NULL), 0);
	for (int i = 0; i < 4; i++)
		while (pthread_tryjoin_np(threads[i], NULL) != 0)
			turn();
	ck_assert_int_ge(op.handed, 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/outbound");
	TCase *pure = tcase_create("pure"), *t = tcase_create("flights");
	SRunner *r;
	int failed;

	(void)signal(SIGPIPE, SIG_IGN);
	tcase_add_loop_test(
	    pure, the_request_is_written_byte_for_byte, 0, sizeof(requests) / sizeof(requests[0]));
	tcase_add_loop_test(
	    pure, an_answer_is_a_token_or_says_what_to_change, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(pure, a_renewal_comes_before_the_end_and_not_in_step);
	suite_add_tcase(s, pure);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, nothing_is_fetched_before_somebody_needs_it);
	tcase_add_test(t, all_who_ask_wait_for_one_flight_and_each_is_answered_once);
	tcase_add_test(t, a_token_is_renewed_before_it_ends);
	tcase_add_test(t, a_token_that_has_ended_is_not_handed_out);
	tcase_add_test(t, while_renewals_fail_the_token_in_force_serves);
	tcase_add_test(t, an_answer_that_does_not_say_lives_five_minutes);
	tcase_add_loop_test(t, failures_are_told_and_spaced_out, 0, 3);
	tcase_add_test(t, a_provider_that_asks_to_wait_is_left_alone);
	tcase_add_test(t, a_token_that_the_upstream_refuses_is_fetched_anew_once_in_ten_seconds);
	tcase_add_test(t, a_reload_takes_the_token_along_where_the_section_means_the_same);
	tcase_add_loop_test(t, who_waits_while_the_configuration_changes_waits_on_there, 0, 2);
	tcase_add_test(t, many_threads_share_it);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
