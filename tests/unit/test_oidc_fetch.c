/* What oidc/fetch.h promises of an answer, against servers that are right, slow, rude and endless */
#include "tests/unit/fetches.h"

START_TEST(an_answer_arrives_whole)
{
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;

	serve(play_hello);
	q = request("/x?y=z");
	op = ask(&q);
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	ck_assert_int_eq(a.status, 200);
	ck_assert(str_is(a.body, STR("hello")));
	ck_assert_int_eq(a.body.p[a.body.n], '\0');
	ck_assert(str_is(a.type, STR("application/json; charset=utf-8")));
	ck_assert_int_eq(a.date, 784111777);
	ck_assert_int_eq(a.retry_after, 7);
	ck_assert_str_eq(a.address, "127.0.0.1");
	fetch_release(&op);
	ck_assert_ptr_nonnull(strstr(server->last_head, "GET /x?y=z HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(server->last_head, "User-Agent: workflow-proxy/0"));
	ck_assert_ptr_nonnull(strstr(server->last_head, "Accept: application/json\r\n"));
	ck_assert_ptr_null(strcasestr(server->last_head, "Accept-Encoding"));
	ck_assert_ptr_null(strcasestr(server->last_head, "Authorization"));
}
END_TEST

START_TEST(a_form_is_posted_with_its_authorization_and_without_expectation)
{
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;
	char body[3000], authorization[] = "Basic eDp5";

	serve(play_hello);
	memset(body, 'b', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	q = request("/token");
	q.body = body;
	q.body_size = sizeof(body) - 1;
	q.authorization = authorization;
	{
		int n = 0;

		op = fetch_ask(fetch, &q, count, &n);
		memset(body, '?', sizeof(body) - 1); /* everything was copied */
		memset(authorization, '?', sizeof(authorization) - 1);
		wait_until(&n, 1);
	}
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	fetch_release(&op);
	ck_assert_ptr_nonnull(strstr(server->last_head, "POST /token HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(server->last_head, "Authorization: Basic eDp5\r\n"));
	ck_assert_ptr_nonnull(
	    strstr(server->last_head, "Content-Type: application/x-www-form-urlencoded\r\n"));
	ck_assert_ptr_null(strcasestr(server->last_head, "Expect"));
	ck_assert_uint_eq(strlen(server->last_body), 2999);
	ck_assert_uint_eq(strspn(server->last_body, "b"), 2999);
}
END_TEST

static void
play_empty_404(struct exchange *x)
{
	(void)server_print(x, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
}

START_TEST(an_error_status_without_a_body_is_an_answer)
{
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;

	serve(play_empty_404);
	q = request("/");
	op = ask(&q);
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	ck_assert_int_eq(a.status, 404);
	ck_assert_uint_eq(a.body.n, 0);
	ck_assert_str_eq(a.body.p, "");
	ck_assert_uint_eq(a.type.n, 0);
	ck_assert_int_eq(a.date, 0);
	ck_assert_int_eq(a.retry_after, 0);
	fetch_release(&op);
}
END_TEST

static void
play_drip(struct exchange *x)
{
	x->close = true;
	if (!server_print(x, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"))
		return;
	while (!x->server->stopping && server_put(x, "x", 1))
		(void)usleep(50000);
}

START_TEST(an_answer_that_drips_ends_in_time)
{
	const int64_t begin = now_ms();
	struct fetch_request q;

	serve(play_drip);
	q = request("/");
	q.timeout = 300;
	expect_failure(&q, REASON_PROVIDER_TIMEOUT, "no whole answer within 300 ms");
	ck_assert_int_lt(now_ms() - begin, 3000);
}
END_TEST

START_TEST(silence_ends_in_time_also_for_those_who_wait_their_turn)
{
	struct fetch_op *ops[60];
	const int64_t begin = now_ms();
	struct fetch_request q;
	int n = 0;

	serve(play_silence);
	q = request("/");
	q.timeout = 500;
	for (size_t i = 0; i < 60; i++)
		ops[i] = fetch_ask(fetch, &q, count, &n);
	wait_until(&n, 60);
	ck_assert_int_lt(now_ms() - begin, 3000);
	for (size_t i = 0; i < 60; i++) {
		struct fetch_answer a;
		struct err e;

		ck_assert_int_eq(fetch_take(ops[i], &a, &e), -1);
		ck_assert_int_eq(e.reason, REASON_PROVIDER_TIMEOUT);
		fetch_release(&ops[i]);
	}
}
END_TEST

static void
play_endless_head(struct exchange *x)
{
	x->close = true;
	if (!server_print(x, "HTTP/1.1 200 OK\r\n"))
		return;
	while (!x->server->stopping && server_print(x, "X-Header: %0500d\r\n", 1))
		continue;
}

START_TEST(a_head_without_end_is_cut)
{
	struct fetch_request q;

	serve(play_endless_head);
	q = request("/");
	expect_failure(&q, REASON_PROVIDER_TOO_LARGE, "the answer's head has more than 65536 bytes");
}
END_TEST

static void
play_endless_interim(struct exchange *x)
{
	x->close = true;
	while (!x->server->stopping && server_print(x, "HTTP/1.1 103 Early Hints\r\nLink: %0500d\r\n\r\n", 1))
		continue;
}

START_TEST(interim_answers_without_end_are_cut)
{
	struct fetch_request q;

	serve(play_endless_interim);
	q = request("/");
	expect_failure(&q, REASON_PROVIDER_TOO_LARGE, "the answer's head");
}
END_TEST

static void
play_announced(struct exchange *x)
{
	(void)server_print(x, "HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n");
}

static void
play_endless_chunks(struct exchange *x)
{
	x->close = true;
	if (!server_print(x, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
		return;
	while (!x->server->stopping && server_print(x, "a\r\n0123456789\r\n"))
		continue;
}

START_TEST(a_body_beyond_its_limit_is_cut)
{
	struct fetch_request q;

	serve(_i == 0 ? play_announced : play_endless_chunks);
	q = request("/");
	expect_failure(&q, REASON_PROVIDER_TOO_LARGE, "the answer has more than 1000 bytes");
}
END_TEST

static void
play_length_of_the_path(struct exchange *x)
{
	const int n = (int)strtol(x->path + 1, NULL, 10);

	(void)server_print(x, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%0*d\r\n0\r\n\r\n",
	    (unsigned)n, n, 0);
}

START_TEST(the_limit_itself_is_allowed)
{
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;

	serve(play_length_of_the_path);
	q = request("/20000");
	q.max_size = 20000;
	op = ask(&q);
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	ck_assert_uint_eq(a.body.n, 20000);
	ck_assert_uint_eq(strspn(a.body.p, "0"), 20000);
	fetch_release(&op);
	q = request("/20001");
	q.max_size = 20000;
	expect_failure(&q, REASON_PROVIDER_TOO_LARGE, "more than 20000 bytes");
}
END_TEST

static void
play_drop(struct exchange *x)
{
	x->close = true;
}

static void
play_drop_half(struct exchange *x)
{
	x->close = true;
	(void)server_print(x, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
}

static void
play_rubbish(struct exchange *x)
{
	x->close = true;
	(void)server_print(x, "hello, this is no HTTP\r\n\r\n");
}

static void
play_compressed(struct exchange *x)
{
	(void)server_print(
	    x, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08");
}

static const struct {
	void (*play)(struct exchange *);
	const char *url; /* NULL: the server's */
	enum reason reason;
	const char *text;
} failures[] = {
	{ play_drop, NULL, REASON_PROVIDER_DOWN, "" },
	{ play_drop_half, NULL, REASON_PROVIDER_DOWN, "" },
	{ play_rubbish, NULL, REASON_PROVIDER_ANSWER, "" },
	{ play_compressed, NULL, REASON_PROVIDER_ANSWER, "Content-Encoding: gzip" },
	{ play_hello, "http://127.0.0.1:1/", REASON_PROVIDER_DOWN, "http://127.0.0.1:1/: " },
	{ play_hello, "http://nobody.invalid/", REASON_PROVIDER_DOWN, "nobody.invalid" },
	{ play_hello, "file:///etc/passwd", REASON_PROVIDER_ANSWER, "" },
	{ play_hello, "ftp://127.0.0.1/", REASON_PROVIDER_ANSWER, "" },
	{ play_hello, "http://user:word@127.0.0.1:1/", REASON_PROVIDER_DOWN, "" },
	{ play_hello, "http://[::1/", REASON_PROVIDER_ANSWER, "" },
	{ play_hello, "", REASON_PROVIDER_ANSWER, "" },
};

START_TEST(what_is_no_answer_fails_with_its_reason)
{
	struct fetch_request q;

	serve(failures[_i].play);
	q = request("/");
	if (failures[_i].url != NULL)
		q.url = failures[_i].url;
	expect_failure(&q, failures[_i].reason, failures[_i].text);
}
END_TEST

START_TEST(a_value_that_would_end_its_line_is_never_sent)
{
	struct fetch_request q;

	serve(play_hello);
	q = request("/");
	q.authorization = "Bearer x\r\nX-Evil: 1";
	expect_failure(&q, REASON_PROVIDER_ANSWER, "Authorization");
	q.authorization = NULL;
	q.accept = "x\ny";
	expect_failure(&q, REASON_PROVIDER_ANSWER, "Accept");
	ck_assert_int_eq(server_connections(server), 0);
}
END_TEST

static void
play_redirect(struct exchange *x)
{
	if (strcmp(x->path, "/away") == 0)
		(void)server_print(x,
		    "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/meta-data/\r\n"
		    "Content-Length: 0\r\n\r\n");
	else
		(void)server_print(
		    x, "HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
}

START_TEST(redirects_are_not_followed)
{
	static const char *const paths[] = { "/away", "/here" };
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;

	serve(play_redirect);
	q = request(paths[_i]);
	op = ask(&q);
	ck_assert_int_eq(fetch_take(op, &a, &e), 0);
	ck_assert_int_eq(a.status, _i == 0 ? 302 : 307);
	ck_assert_str_eq(a.address, "127.0.0.1");
	fetch_release(&op);
	ck_assert_int_eq(server_count(server, paths[_i]), 1);
	ck_assert_int_eq(server_count(server, "/elsewhere"), 0);
}
END_TEST

START_TEST(no_credentials_come_from_a_netrc_file)
{
	char home[] = "/tmp/test-fetch-XXXXXX", file[64];
	const char *was = getenv("HOME");
	struct fetch_request q;
	struct fetch_op *op;
	FILE *out;

	ck_assert_ptr_nonnull(mkdtemp(home));
	(void)snprintf(file, sizeof(file), "%s/.netrc", home);
	out = fopen(file, "w");
	ck_assert_ptr_nonnull(out);
	(void)fprintf(out, "machine 127.0.0.1 login jane password word\n");
	(void)fclose(out);
	(void)setenv("HOME", home, 1);
	serve(play_hello);
	q = request("/");
	op = ask(&q);
	fetch_release(&op);
	(void)setenv("HOME", was != NULL ? was : "/", 1);
	(void)unlink(file);
	(void)rmdir(home);
	ck_assert_int_eq(server_count(server, "/"), 1);
	ck_assert_ptr_null(strcasestr(server->last_head, "Authorization"));
}
END_TEST

START_TEST(a_proxy_is_used_when_the_environment_or_the_request_names_one)
{
	struct fetch_request q;
	struct fetch_op *op;

	serve(play_hello);
	q = request("");
	q.url = "http://op.invalid/x";
	q.proxy = server->url;
	op = ask(&q);
	fetch_release(&op);
	ck_assert_ptr_nonnull(strstr(server->last_head, "GET http://op.invalid/x HTTP/1.1\r\n"));
	(void)setenv("http_proxy", server->url, 1);
	q.proxy = NULL;
	q.url = "http://op.invalid/y";
	op = ask(&q);
	fetch_release(&op);
	ck_assert_ptr_nonnull(strstr(server->last_head, "GET http://op.invalid/y HTTP/1.1\r\n"));
	q.proxy = "";
	expect_failure(&q, REASON_PROVIDER_DOWN, "op.invalid");
	(void)unsetenv("http_proxy");
}
END_TEST

/* --- TLS --- */

START_TEST(only_a_server_that_proves_its_name_is_talked_to)
{
	static const struct {
		const char *host;
		bool with_ca, insecure, ok;
	} rows[] = {
		{ "localhost", true, false, true },
		{ "localhost", false, false, false },
		{ "other.test", true, false, false },
		{ "other.test", false, true, true },
	};
	SSL_CTX *tls = make_tls(rows[_i].host);
	struct fetch_request q;
	struct fetch_answer a;
	struct fetch_op *op;
	struct err e;

	server = server_new(play_hello, NULL, tls, 0);
	q = request("/");
	q.tls_ca = rows[_i].with_ca ? ca_file : NULL;
	q.insecure = rows[_i].insecure;
	op = ask(&q);
	if (rows[_i].ok) {
		ck_assert_int_eq(fetch_take(op, &a, &e), 0);
		ck_assert(str_is(a.body, STR("hello")));
	} else {
		ck_assert_int_eq(fetch_take(op, &a, &e), -1);
		ck_assert_int_eq(e.reason, REASON_PROVIDER_DOWN);
		ck_assert_msg(strstr(e.text, "SSL") != NULL, "%s", e.text);
		ck_assert_int_eq(server_count(server, "/"), 0);
	}
	fetch_release(&op);
	fetch_free(&fetch); /* the connection, before its server */
	server_free(&server);
	SSL_CTX_free(tls);
	(void)unlink(ca_file);
}
END_TEST

START_TEST(a_certificate_file_that_is_none_fails)
{
	SSL_CTX *tls = make_tls("localhost");
	struct fetch_request q;

	server = server_new(play_hello, NULL, tls, 0);
	q = request("/");
	q.tls_ca = "/nonexistent.pem";
	expect_failure(&q, REASON_PROVIDER_DOWN, "/nonexistent.pem");
	server_free(&server);
	SSL_CTX_free(tls);
	(void)unlink(ca_file);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/fetch");
	TCase *t = tcase_create("answers");
	SRunner *r;
	int failed;

	server_alone();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_answer_arrives_whole);
	tcase_add_test(t, a_form_is_posted_with_its_authorization_and_without_expectation);
	tcase_add_test(t, an_error_status_without_a_body_is_an_answer);
	tcase_add_test(t, an_answer_that_drips_ends_in_time);
	tcase_add_test(t, silence_ends_in_time_also_for_those_who_wait_their_turn);
	tcase_add_test(t, a_head_without_end_is_cut);
	tcase_add_test(t, interim_answers_without_end_are_cut);
	tcase_add_loop_test(t, a_body_beyond_its_limit_is_cut, 0, 2);
	tcase_add_test(t, the_limit_itself_is_allowed);
	tcase_add_loop_test(
	    t, what_is_no_answer_fails_with_its_reason, 0, sizeof(failures) / sizeof(failures[0]));
	tcase_add_test(t, a_value_that_would_end_its_line_is_never_sent);
	tcase_add_loop_test(t, redirects_are_not_followed, 0, 2);
	tcase_add_test(t, no_credentials_come_from_a_netrc_file);
	tcase_add_test(t, a_proxy_is_used_when_the_environment_or_the_request_names_one);
	tcase_add_loop_test(t, only_a_server_that_proves_its_name_is_talked_to, 0, 4);
	tcase_add_test(t, a_certificate_file_that_is_none_fails);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
