/* What oidc/fetch.h promises, against servers that are right, slow, rude and endless. */
#include <check.h>
#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "conf/mem.h"
#include "oidc/fetch.h"
#include "tests/unit/server.h"

static struct event_base *base;
static struct fetch *fetch;
static struct server *server;

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

static void
setup(void)
{
	struct err e;

	base = event_base_new();
	fetch = fetch_new(base, &e);
	ck_assert_ptr_nonnull(fetch);
}

static void
teardown(void)
{
	fetch_free(&fetch);
	server_free(&server);
	event_base_free(base);
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
count(void *arg)
{
	++*(int *)arg;
}

static void
wait_until(const int *n, int value)
{
	const int64_t end = now_ms() + 15000;

	while (*n < value) {
		ck_assert_msg(now_ms() < end, "nothing came");
		(void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		(void)usleep(500);
	}
}

static void
serve(void (*play)(struct exchange *))
{
	server = server_new(play, NULL, NULL, 0);
}

static struct fetch_request
request(const char *path)
{
	static char url[256];

	(void)snprintf(url, sizeof(url), "%s%s", server != NULL ? server->url : "", path);
	return (struct fetch_request){
		.url = url, .accept = "application/json", .timeout = 5000, .max_size = 1000
	};
}

/* One exchange to its end.  The op is the caller's. */
static struct fetch_op *
ask(const struct fetch_request *q)
{
	int n = 0;
	struct fetch_op *op = fetch_ask(fetch, q, count, &n);

	ck_assert_int_eq(n, 0);
	wait_until(&n, 1);
	return op;
}

static void
expect_failure(const struct fetch_request *q, enum reason reason, const char *text)
{
	struct fetch_op *op = ask(q);
	struct fetch_answer a;
	struct err e;

	ck_assert_int_eq(fetch_take(op, &a, &e), -1);
	ck_assert_str_eq(reason_word(e.reason), reason_word(reason));
	ck_assert_msg(strstr(e.text, text) != NULL, "\"%s\" lacks \"%s\"", e.text, text);
	fetch_release(&op);
	ck_assert_ptr_null(op);
}

static void
play_hello(struct exchange *x)
{
	(void)server_print(x,
	    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 7\r\n"
	    "Content-Type: application/json; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello");
}

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

static void
play_silence(struct exchange *x)
{
	x->close = true;
	while (!x->server->stopping)
		(void)usleep(10000);
}

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

static char ca_file[64];

static SSL_CTX *
make_tls(const char *host)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	X509 *c = X509_new();
	X509_EXTENSION *x;
	char names[100];
	FILE *out;

	(void)snprintf(names, sizeof(names), "DNS:%s", host);
	(void)X509_set_version(c, 2);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(c), 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(c), -60);
	(void)X509_gmtime_adj(X509_getm_notAfter(c), 3600);
	(void)X509_set_pubkey(c, key);
	(void)X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(c), "CN", MBSTRING_ASC, (const unsigned char *)host, -1, -1, 0);
	(void)X509_set_issuer_name(c, X509_get_subject_name(c));
	x = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	(void)X509_add_ext(c, x, -1);
	X509_EXTENSION_free(x);
	ck_assert_int_ne(X509_sign(c, key, EVP_sha256()), 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(tls, c), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(tls, key), 1);
	(void)snprintf(ca_file, sizeof(ca_file), "/tmp/test-fetch-%d.pem", (int)getpid());
	out = fopen(ca_file, "w");
	ck_assert_ptr_nonnull(out);
	(void)PEM_write_X509(out, c);
	(void)fclose(out);
	X509_free(c);
	EVP_PKEY_free(key);
	return tls;
}

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
	TCase *t = tcase_create("fetch");
	SRunner *r;
	int failed;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)unsetenv("http_proxy");
	(void)unsetenv("HTTPS_PROXY");
	(void)unsetenv("https_proxy");
	(void)unsetenv("ALL_PROXY");
	(void)unsetenv("all_proxy");
	(void)unsetenv("NO_PROXY");
	(void)unsetenv("no_proxy");
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
