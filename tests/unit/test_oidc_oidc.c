/*
 * What oidc/oidc.h promises, against a provider that is right, slow, rude or
 * gone.  Hours pass when clock_gettime() says so: the one below stands before
 * the C library's, for libevent and libcurl too.
 */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include <event2/event.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "conf/log.h"
#include "conf/secret.h"
#include "oidc/fetch.h"
#include "oidc/jwks.h"
#include "oidc/oidc.h"
#include "tests/unit/server.h"

#define WELL_KNOWN "/.well-known/openid-configuration"
#define HOUR       3600

static atomic_llong ahead; /* seconds that our time is ahead */

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	const int r = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += ahead;
	return r;
}

static int64_t
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

/* --- the provider --- */

enum mode {
	GOOD,
	DOCUMENT_503,
	DOCUMENT_503_RETRY_AFTER,
	DOCUMENT_HTML,
	DOCUMENT_OTHER_ISSUER,
	DOCUMENT_REDIRECT,
	DOCUMENT_DRIPS,
	DOCUMENT_ENDLESS_HEAD,
	DOCUMENT_HUGE,
	DOCUMENT_GZIP,
	DOCUMENT_ARRAY,
	DROPS,
	KEYS_404,
	KEYS_HTML,
	KEYS_10K,
	KEYS_EMPTY,
	KEYS_MOVED,
	KEYS_SLOW,
};

static struct op {
	atomic_int mode;
	atomic_int n_keys; /* of the set, 1 or 2 */
	atomic_int token;  /* what the token endpoint does */
	atomic_int userinfo;
} op;

static char key_json[2][400];

static void
make_keys(void)
{
	for (int i = 0; i < 2; i++) {
		EVP_PKEY *key = EVP_EC_gen("P-256");
		unsigned char point[65];
		char x[64], y[64];
		size_t n;

		ck_assert_int_eq(EVP_PKEY_get_octet_string_param(
				     key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, sizeof(point), &n),
		    1);
		EVP_PKEY_free(key);
		(void)secret_b64(x, point + 1, 32);
		(void)secret_b64(y, point + 33, 32);
		(void)snprintf(key_json[i], sizeof(key_json[i]),
		    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"k%d\","
		    "\"x\":\"%s\",\"y\":\"%s\"}",
		    i, x, y);
	}
}

static void
endless(struct exchange *x, const char *head, const char *again, useconds_t pause)
{
	x->close = true;
	if (!server_print(x, "%s", head))
		return;
	while (!x->server->stopping && server_print(x, "%s", again))
		if (pause > 0)
			(void)usleep(pause);
}

static void
play_document(struct exchange *x)
{
	char body[2000];
	const char *url = x->server->url;

	(void)snprintf(body, sizeof(body),
	    "{\"issuer\":\"%s%s\",\"authorization_endpoint\":\"%s/authorize\",\"token_endpoint\":\"%s/"
	    "token\","
	    "\"userinfo_endpoint\":\"%s/userinfo\",\"jwks_uri\":\"%s/%s\","
	    "\"authorization_response_iss_parameter_supported\":true}",
	    url, op.mode == DOCUMENT_OTHER_ISSUER ? "/other" : "", url, url, url, url,
	    op.mode == KEYS_MOVED ? "keys-moved" : "jwks");
	switch (op.mode) {
	case DOCUMENT_503:
		server_answer(x, 503, "text/plain", "maintenance");
		break;
	case DOCUMENT_503_RETRY_AFTER:
		(void)server_print(x, "HTTP/1.1 503 X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n");
		break;
	case DOCUMENT_HTML:
		server_answer(x, 200, "text/html", "<html><body>Sign in</body></html>");
		break;
	case DOCUMENT_REDIRECT:
		(void)server_print(
		    x, "HTTP/1.1 302 X\r\nLocation: %s/elsewhere\r\nContent-Length: 0\r\n\r\n", url);
		break;
	case DOCUMENT_DRIPS:
		endless(x, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", " ", 100000);
		break;
	case DOCUMENT_ENDLESS_HEAD:
		endless(x, "HTTP/1.1 200 OK\r\n", "X-Header: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", 0);
		break;
	case DOCUMENT_HUGE:
		endless(x, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n{",
		    "                                ", 0);
		break;
	case DOCUMENT_GZIP:
		(void)server_print(x,
		    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x08");
		break;
	case DOCUMENT_ARRAY:
		server_answer(x, 200, "application/json", "[]");
		break;
	case DROPS:
		x->close = true;
		break;
	default: {
		char date[64];
		const time_t t = now() + 5;
		struct tm tm;

		(void)gmtime_r(&t, &tm);
		(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		(void)server_print(x,
		    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: %s\r\nContent-Length: "
		    "%zu\r\n\r\n%s",
		    date, strlen(body), body);
		break;
	}
	}
}

static void
play_keys(struct exchange *x)
{
	char body[1000];

	(void)snprintf(body, sizeof(body), "{\"keys\":[%s%s%s]}", key_json[0], op.n_keys > 1 ? "," : "",
	    op.n_keys > 1 ? key_json[1] : "");
	switch (op.mode) {
	case DROPS:
		x->close = true;
		break;
	case KEYS_404:
		server_answer(x, 404, "text/html", "<html>");
		break;
	case KEYS_MOVED:
		server_answer(x, strcmp(x->path, "/keys-moved") == 0 ? 200 : 404, "application/json", body);
		break;
	case KEYS_HTML:
		server_answer(x, 200, "text/html", "<html>");
		break;
	case KEYS_EMPTY:
		server_answer(x, 200, "application/json", "{\"keys\":[]}");
		break;
	case KEYS_10K:
		endless(x, "HTTP/1.1 200 OK\r\n\r\n{\"keys\":[{}",
		    ",{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\"}", 0);
		break;
	case KEYS_SLOW:
		(void)usleep(100000);
		server_answer(x, 200, "application/json", body);
		break;
	default:
		server_answer(x, 200, "application/json", body);
		break;
	}
}

static void
play(struct exchange *x)
{
	if (strcmp(x->path, WELL_KNOWN) == 0)
		play_document(x);
	else if (strcmp(x->path, "/jwks") == 0 || strcmp(x->path, "/keys-moved") == 0)
		play_keys(x);
	else if (strcmp(x->path, "/token") == 0 && op.token == 0)
		server_answer(x, 200, "application/json",
		    "{\"id_token\":\"i.d.t\",\"access_token\":\"at\",\"token_type\":\"Bearer\",\"expires_"
		    "in\":60}");
	else if (strcmp(x->path, "/token") == 0 && op.token == 1)
		server_answer(x, 401, "application/json", "{\"error\":\"invalid_client\"}");
	else if (strcmp(x->path, "/token") == 0)
		endless(x, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{", " ", 100000);
	else if (strcmp(x->path, "/userinfo") == 0 && op.userinfo == 0)
		server_answer(x, 200, "application/json;charset=UTF-8", "{\"sub\":\"jane\"}");
	else if (strcmp(x->path, "/userinfo") == 0 && op.userinfo == 1)
		server_answer(x, 401, "text/plain", "no");
	else if (strcmp(x->path, "/userinfo") == 0 && op.userinfo == 2)
		server_answer(x, 200, "application/jwt", "a.b.c");
	else if (strcmp(x->path, "/userinfo") == 0 && op.userinfo == 3)
		server_answer(x, 200, "application/json", "\"text\"");
	else if (strcmp(x->path, "/userinfo") == 0 && op.userinfo == 4)
		server_answer(x, 502, "text/html", "<html>");
	else
		server_answer(x, 404, "text/plain", "nothing here");
}

/* --- the main thread of a proxy --- */

static struct server *server;
static struct event_base *base;
static struct post *post;
static struct fetch *fetch;
static struct keeper *keeper;
static struct oidc *oidc;
static struct conf_provider conf;
static char discovery_url[128], log_file[64];
static const char *const scopes[] = { "openid" };

static void
setup(void)
{
	struct err e;

	op = (struct op){ .n_keys = 1 };
	if (key_json[0][0] == '\0')
		make_keys();
	ahead = 0;
	server = server_new(play, NULL, NULL, 0);
	(void)snprintf(discovery_url, sizeof(discovery_url), "%s" WELL_KNOWN, server->url);
	conf = (struct conf_provider){
		.name = "main",
		.kind = "oidc",
		.discovery_url = discovery_url,
		.client_id = "app",
		.token_endpoint_auth_method = AUTH_METHOD_NONE,
		.scopes = { 1, (const char **)(uintptr_t)scopes },
		.clock_tolerance = 60000,
		.metadata_refresh = 1000 * HOUR,
		.timeout = 5000,
	};
	(void)snprintf(log_file, sizeof(log_file), "/tmp/test-oidc-%d.log", (int)getpid());
	(void)unlink(log_file);
	ck_assert_int_eq(
	    log_open(&(struct log_setup){ .level = LOG_LEVEL_INFO, .file = log_file, .access = "off" }, &e),
	    0);
	base = event_base_new();
	post = post_new(base, &e);
	fetch = fetch_new(base, &e);
	keeper = keeper_new(base, post, fetch);
	oidc = oidc_new(&conf, NULL);
}

static void
teardown(void)
{
	oidc_unref(&oidc);
	keeper_free(&keeper);
	fetch_free(&fetch);
	post_free(&post);
	event_base_free(base);
	server_free(&server);
	log_close();
	(void)unlink(log_file);
}

static void
turn(void)
{
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	(void)usleep(500);
}

static void
turns(int n)
{
	while (n-- > 0)
		turn();
}

static void
travel(int64_t seconds)
{
	ahead += seconds;
	turns(5);
}

#define WAIT_FOR(condition)                                                                                  \
	do {                                                                                                 \
		for (int i_ = 0; i_ < 20000 && !(condition); i_++)                                           \
			turn();                                                                              \
		ck_assert_msg(condition, "waited in vain for " #condition);                                  \
	} while (0)

static bool
is_ready(void)
{
	char text[320];

	return oidc_is_ready(oidc, now(), text);
}

static bool
has_failed(void)
{
	char text[320];

	(void)oidc_is_ready(oidc, now(), text);
	return text[0] != '\0' && strstr(text, "not reached yet") == NULL;
}

static void
tend(void)
{
	keeper_tend(keeper, oidc);
	WAIT_FOR(is_ready());
}

static size_t
count_keys(void)
{
	struct err e;
	const struct oidc_view *v = oidc_view(oidc, now(), &e);
	size_t n;

	ck_assert_ptr_nonnull(v);
	n = jwks_count(v->keys);
	oidc_view_release(&v);
	return n;
}

static int
count_lines(const char *part)
{
	char line[2000];
	FILE *in = fopen(log_file, "r");
	int n = 0;

	ck_assert_ptr_nonnull(in);
	while (fgets(line, sizeof(line), in) != NULL)
		if (strstr(line, part) != NULL)
			n++;
	(void)fclose(in);
	return n;
}

static void
count(void *arg)
{
	++*(int *)arg;
}

/* Ask for keys on the main thread and wait: 0 or -1. */
static int
ask_keys(struct err *e)
{
	int n = 0;
	struct oidc_op *o = oidc_ask_keys(oidc, post, count, &n);

	ck_assert_int_eq(n, 0);
	WAIT_FOR(n == 1);
	return oidc_take_keys(&o, e);
}

/* --- metadata and keys --- */

START_TEST(a_provider_becomes_known_with_two_requests)
{
	const struct oidc_view *v;
	char text[320];
	struct err e;

	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_int_eq(e.reason, REASON_PROVIDER_NO_KEYS);
	tend();
	v = oidc_view(oidc, now(), &e);
	ck_assert_str_eq(v->meta.issuer, server->url);
	ck_assert(v->meta.response_iss);
	ck_assert_uint_eq(jwks_count(v->keys), 1);
	ck_assert_int_ge(v->clock_offset, 4);
	ck_assert_int_le(v->clock_offset, 6);
	ck_assert_int_le(now() - v->keys_fetched, 5);
	oidc_view_release(&v);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
	ck_assert_int_eq(server_count(server, "/jwks"), 1);
	ck_assert(oidc_is_ready(oidc, now(), text));
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(count_lines("ready: issuer"), 1);
	ck_assert_ptr_eq(oidc_conf(oidc), &conf);
}
END_TEST

static const struct {
	enum mode mode;
	enum reason reason;
	const char *text;
} misbehaviours[] = {
	{ DOCUMENT_503, REASON_PROVIDER_STATUS, "HTTP 503 instead of a document" },
	{ DOCUMENT_HTML, REASON_PROVIDER_ANSWER, WELL_KNOWN ": discovery document: not JSON" },
	{ DOCUMENT_OTHER_ISSUER, REASON_PROVIDER_ISSUER, "/other" },
	{ DOCUMENT_REDIRECT, REASON_PROVIDER_STATUS, "HTTP 302" },
	{ DOCUMENT_DRIPS, REASON_PROVIDER_TIMEOUT, "no whole answer within 400 ms" },
	{ DOCUMENT_ENDLESS_HEAD, REASON_PROVIDER_TOO_LARGE, "the answer's head" },
	{ DOCUMENT_HUGE, REASON_PROVIDER_TOO_LARGE, "more than 1048576 bytes" },
	{ DOCUMENT_GZIP, REASON_PROVIDER_ANSWER, "compressed" },
	{ DOCUMENT_ARRAY, REASON_PROVIDER_ANSWER, "not an object" },
	{ DROPS, REASON_PROVIDER_DOWN, WELL_KNOWN },
	{ KEYS_404, REASON_PROVIDER_STATUS, "/jwks: HTTP 404" },
	{ KEYS_HTML, REASON_PROVIDER_ANSWER, "/jwks: key set: not JSON" },
	{ KEYS_10K, REASON_PROVIDER_TOO_LARGE, "/jwks: the answer has more than 262144 bytes" },
	{ KEYS_EMPTY, REASON_PROVIDER_ANSWER, "key set" },
};

START_TEST(a_provider_that_misbehaves_gives_no_view_but_a_reason)
{
	char text[320];
	struct err e;

	op.mode = (int)misbehaviours[_i].mode;
	conf.timeout = 400;
	keeper_tend(keeper, oidc);
	WAIT_FOR(has_failed());
	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_str_eq(reason_word(e.reason), reason_word(misbehaviours[_i].reason));
	ck_assert_msg(strstr(e.text, misbehaviours[_i].text) != NULL, "\"%s\" lacks \"%s\"", e.text,
	    misbehaviours[_i].text);
	ck_assert_ptr_nonnull(strstr(e.text, "provider \"main\""));
	ck_assert(!oidc_is_ready(oidc, now(), text));
	ck_assert_str_eq(text, e.text);
	ck_assert_int_eq(server_count(server, "/elsewhere"), 0);
	ck_assert_int_eq(count_lines("nobody can sign in"), 1);
	ck_assert_int_eq(count_lines(reason_word(misbehaviours[_i].reason)), 1);
	/* and is known as soon as it behaves */
	op.mode = GOOD;
	travel(2);
	WAIT_FOR(is_ready());
	ck_assert_int_eq(count_lines("ready: issuer"), 1);
}
END_TEST

START_TEST(while_nothing_is_known_attempts_become_rarer)
{
	int n;

	conf.timeout = 1000 * HOUR; /* our jumps in time are none of the provider's */
	op.mode = DOCUMENT_503;
	keeper_tend(keeper, oidc);
	WAIT_FOR(has_failed());
	/* 1, 2, 4, 8 s, give or take a fifth */
	for (int i = 0; i < 150; i++) {
		ahead += 1;
		turns(15); /* what was asked is answered */
	}
	n = server_count(server, WELL_KNOWN);
	ck_assert_int_ge(n, 6);
	ck_assert_int_le(n, 10);
	for (int i = 0; i < 60; i++) {
		ahead += 10;
		turns(15); /* what was asked is answered */
	}
	/* at least one a minute then */
	n = server_count(server, WELL_KNOWN) - n;
	ck_assert_int_ge(n, 7);
	ck_assert_int_le(n, 13);
	/* the first failure, then one line in ten minutes */
	ck_assert_int_ge(count_lines("nobody can sign in"), 1);
	ck_assert_int_le(count_lines("nobody can sign in"), 2);
	op.mode = GOOD;
	travel(73);
	WAIT_FOR(is_ready());
}
END_TEST

START_TEST(a_provider_that_asks_for_time_gets_it)
{
	op.mode = DOCUMENT_503_RETRY_AFTER;
	keeper_tend(keeper, oidc);
	WAIT_FOR(has_failed());
	travel(110);
	turns(50);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
	travel(12);
	WAIT_FOR(server_count(server, WELL_KNOWN) == 2);
}
END_TEST

START_TEST(all_is_fetched_anew_every_metadata_refresh)
{
	tend();
	travel(HOUR * 9 / 10);
	turns(20);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
	op.n_keys = 2;
	travel(HOUR / 10 + 1);
	WAIT_FOR(count_keys() == 2);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 2);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(count_lines("ready"), 1);
}
END_TEST

START_TEST(the_last_good_keys_serve_for_a_day)
{
	char text[320];
	struct err e;
	int n;

	tend();
	op.mode = KEYS_404;
	travel(HOUR + 1);
	WAIT_FOR(has_failed());
	ck_assert(oidc_is_ready(oidc, now(), text));
	ck_assert_ptr_nonnull(strstr(text, "HTTP 404"));
	ck_assert_int_eq(count_lines("the keys known so far serve"), 1);
	n = server_count(server, WELL_KNOWN);
	travel(37); /* sooner than the next hour */
	WAIT_FOR(server_count(server, WELL_KNOWN) == n + 1);
	turns(50);
	travel(22 * HOUR);
	turns(50);
	ck_assert(is_ready());
	travel(HOUR);
	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_int_eq(e.reason, REASON_PROVIDER_NO_KEYS);
	ck_assert_ptr_nonnull(strstr(e.text, "24 h old"));
	ck_assert(!is_ready());
	op.mode = GOOD;
	travel(73);
	WAIT_FOR(is_ready());
	ck_assert_int_eq(count_lines("recovered after"), 1);
	ck_assert(!has_failed());
}
END_TEST

START_TEST(a_view_outlives_its_replacement_and_its_provider)
{
	const struct oidc_view *v, *w;
	struct err e;

	tend();
	v = oidc_view(oidc, now(), &e);
	op.n_keys = 2;
	ck_assert_int_eq(ask_keys(&e), 0);
	w = oidc_view(oidc, now(), &e);
	ck_assert_ptr_ne(v, w);
	ck_assert_uint_eq(jwks_count(v->keys), 1);
	keeper_forget(keeper, oidc);
	oidc_unref(&oidc);
	ck_assert_uint_eq(jwks_count(w->keys), 2);
	ck_assert_str_eq(v->meta.issuer, server->url);
	oidc_view_release(&v);
	ck_assert_ptr_null(v);
	oidc_view_release(&w);
	oidc_view_release(&w);
}
END_TEST

START_TEST(what_is_given_by_hand_needs_no_document)
{
	char endpoint[3][128];
	const struct oidc_view *v;
	struct err e;

	(void)snprintf(endpoint[0], 128, "%s/a", server->url);
	(void)snprintf(endpoint[1], 128, "%s/t", server->url);
	(void)snprintf(endpoint[2], 128, "%s/jwks", server->url);
	conf.discovery_url = _i == 0 ? NULL : "";
	conf.issuer = "https://issuer.test";
	conf.authorization_endpoint = endpoint[0];
	conf.token_endpoint = endpoint[1];
	conf.jwks_uri = endpoint[2];
	conf.end_session_endpoint = "https://issuer.test/end";
	tend();
	v = oidc_view(oidc, now(), &e);
	ck_assert_str_eq(v->meta.issuer, "https://issuer.test");
	ck_assert_str_eq(v->meta.token_endpoint, endpoint[1]);
	ck_assert_str_eq(v->meta.end_session_endpoint, "https://issuer.test/end");
	ck_assert_ptr_null(v->meta.userinfo_endpoint);
	oidc_view_release(&v);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 0);
	ck_assert_int_eq(server_count(server, "/jwks"), 1);
}
END_TEST

START_TEST(without_document_and_endpoints_the_operator_is_told)
{
	struct err e;

	conf.discovery_url = NULL;
	conf.issuer = "https://issuer.test";
	keeper_tend(keeper, oidc);
	WAIT_FOR(has_failed());
	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_ptr_nonnull(strstr(e.text, "discovery_url"));
}
END_TEST

START_TEST(after_a_reload_the_same_provider_is_known_at_once)
{
	static struct conf_provider next, other; /* teardown() comes later */
	static char again[128];
	char endpoint[128];
	struct oidc *same, *changed;
	struct err e;

	tend();
	next = other = conf;
	(void)snprintf(again, sizeof(again), "%s", conf.discovery_url); /* another snapshot's text */
	next.discovery_url = again;
	next.client_id = "another";
	same = oidc_new(&next, oidc);
	(void)snprintf(endpoint, sizeof(endpoint), "%s/keys-moved", server->url);
	other.jwks_uri = endpoint;
	changed = oidc_new(&other, oidc);
	ck_assert_ptr_null(oidc_view(changed, now(), &e));
	keeper_forget(keeper, oidc);
	oidc_unref(&oidc);
	oidc = same;
	ck_assert(is_ready());
	ck_assert_uint_eq(count_keys(), 1);
	oidc_unref(&changed);
	/* and is looked at anew all the same */
	op.n_keys = 2;
	keeper_tend(keeper, oidc);
	WAIT_FOR(count_keys() == 2);
}
END_TEST

/* --- asking for keys --- */

START_TEST(a_rotated_key_is_fetched_when_asked_for_and_at_most_once_in_ten_seconds)
{
	struct err e;

	tend();
	op.n_keys = 2;
	ck_assert_int_eq(ask_keys(&e), 0); /* not held back by the fetch at the start */
	ck_assert_uint_eq(count_keys(), 2);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_KEY);
	travel(9);
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	travel(1);
	ck_assert_int_eq(ask_keys(&e), 0);
	ck_assert_int_eq(server_count(server, "/jwks"), 3);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
}
END_TEST

START_TEST(a_question_that_joins_the_first_look_holds_back_none_behind_it)
{
	struct err e;

	keeper_tend(keeper, oidc);
	ck_assert_int_eq(ask_keys(&e), 0); /* a sign-in that came before the provider was known */
	ck_assert(is_ready());
	op.n_keys = 2;
	ck_assert_int_eq(ask_keys(&e), 0);
	ck_assert_uint_eq(count_keys(), 2);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(ask_keys(&e), -1);
}
END_TEST

START_TEST(keys_that_have_moved_are_found_through_the_document)
{
	struct err e;
	const struct oidc_view *v;

	tend();
	op.mode = KEYS_MOVED;
	op.n_keys = 2;
	ck_assert_int_eq(ask_keys(&e), 0);
	ck_assert_uint_eq(count_keys(), 2);
	v = oidc_view(oidc, now(), &e);
	ck_assert_ptr_nonnull(strstr(v->meta.jwks_uri, "/keys-moved"));
	oidc_view_release(&v);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(server_count(server, "/keys-moved"), 1);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 2);
}
END_TEST

START_TEST(a_failed_fetch_cools_down_too)
{
	struct err e;

	tend();
	op.mode = KEYS_404;
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_STATUS);
	ck_assert_int_eq(
	    server_count(server, "/jwks"), 3); /* the old place, and the one the document names */
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_KEY);
	ck_assert_int_eq(server_count(server, "/jwks"), 3);
	ck_assert(is_ready());
}
END_TEST

START_TEST(whoever_asks_a_provider_that_nobody_tends_is_told_so)
{
	struct err e;
	struct oidc_op *o;
	int n = 0;

	ck_assert_int_eq(ask_keys(&e), -1); /* not yet */
	tend();
	op.mode = KEYS_SLOW;
	o = oidc_ask_keys(oidc, post, count, &n);
	turns(5);
	keeper_forget(keeper, oidc); /* while it waits */
	keeper_forget(keeper, oidc);
	ck_assert_int_eq(n, 0);
	WAIT_FOR(n == 1);
	ck_assert_int_eq(oidc_take_keys(&o, &e), -1);
	ck_assert_int_eq(ask_keys(&e), -1); /* no more */
	ck_assert_int_eq(e.reason, REASON_PROVIDER_NO_KEYS);
	o = oidc_ask_keys(oidc, post, count, &n);
	oidc_op_cancel(&o);
	ck_assert_ptr_null(o);
	turns(5);
	ck_assert_int_eq(n, 1);
}
END_TEST

START_TEST(cancelled_questions_are_heard_of_no_more)
{
	struct oidc_op *o;
	struct err e;
	int none = 0, n = 0;

	tend();
	op.mode = KEYS_SLOW;
	o = oidc_ask_keys(oidc, post, count, &none);
	oidc_op_cancel(&o); /* in the keeper's mailbox */
	turns(3);
	o = oidc_ask_keys(oidc, post, count, &none);
	turns(3);
	oidc_op_cancel(&o); /* in flight */
	o = oidc_ask_keys(oidc, post, count, &n);
	WAIT_FOR(n == 1);
	oidc_op_cancel(&o); /* done, not taken */
	oidc_op_cancel(&o);
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(none, 0);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
}
END_TEST

/* --- several threads --- */

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

/* --- tokens and userinfo --- */

static struct oidc_op *
ask_tokens(oidc_done *done, void *arg)
{
	char endpoint[128], code[] = "the code", redirect_uri[] = "https://flow.test/cb", verifier[] = "vvv";
	struct oidc_op *o;

	(void)snprintf(endpoint, sizeof(endpoint), "%s/token", server->url);
	o = oidc_ask_tokens(oidc, fetch,
	    &(struct oidc_code){ .token_endpoint = endpoint,
		.code = { code, 8 },
		.redirect_uri = redirect_uri,
		.code_verifier = { verifier, 3 } },
	    done, arg);
	memset(endpoint, '?', sizeof(endpoint)); /* all was copied */
	memset(code, '?', sizeof(code));
	memset(verifier, '?', sizeof(verifier));
	return o;
}

START_TEST(a_code_becomes_tokens)
{
	struct mem *m = mem_new(1 << 16);
	struct oidc_tokens t;
	struct oidc_op *o;
	struct err e;
	int n = 0;

	o = ask_tokens(count, &n);
	ck_assert_int_eq(n, 0);
	WAIT_FOR(n == 1);
	ck_assert_int_eq(oidc_take_tokens(&o, m, &t, &e), 0);
	ck_assert_ptr_null(o);
	ck_assert(str_is(t.id_token, STR("i.d.t")));
	ck_assert(str_is(t.access_token, STR("at")));
	ck_assert_ptr_null(t.refresh_token.p);
	ck_assert_int_eq(t.expires_in, 60);
	ck_assert_str_eq(server->last_body, "grant_type=authorization_code&code=the+code&redirect_uri="
					    "https%3A%2F%2Fflow.test%2Fcb&code_verifier=vvv&client_id=app");
	mem_free(&m);
}
END_TEST

START_TEST(a_refused_code_is_an_error_with_a_reason)
{
	struct mem *m = mem_new(1 << 16);
	struct oidc_tokens t;
	struct oidc_op *o;
	struct err e;
	int n = 0;

	op.token = 1;
	o = ask_tokens(count, &n);
	WAIT_FOR(n == 1);
	ck_assert_int_eq(oidc_take_tokens(&o, m, &t, &e), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_CLIENT);
	op.token = 2;
	conf.timeout = 300;
	o = ask_tokens(count, &n);
	WAIT_FOR(n == 2);
	ck_assert_int_eq(oidc_take_tokens(&o, m, &t, &e), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_TIMEOUT);
	ck_assert(str_begins(str_of(e.text), STR("token endpoint: http://")));
	ck_assert_int_eq(server_count(server, "/token"), 2);
	mem_free(&m);
}
END_TEST

START_TEST(a_browser_that_leaves_takes_its_token_request_along)
{
	struct oidc_op *o;
	int none = 0, n = 0;

	op.token = 2;
	o = ask_tokens(count, &none);
	oidc_op_cancel(&o); /* before anything was sent */
	o = ask_tokens(count, &none);
	WAIT_FOR(server_count(server, "/token") == 1);
	oidc_op_cancel(&o); /* while the provider answers */
	op.token = 0;
	o = ask_tokens(count, &n);
	WAIT_FOR(n == 1);
	oidc_op_cancel(&o); /* answered, not taken */
	o = ask_tokens(count, &none);
	oidc_unref(&oidc); /* the op holds on to it */
	oidc = NULL;
	fetch_free(&fetch);
	turns(20);
	oidc_op_cancel(&o);
	ck_assert_int_eq(none, 0);
}
END_TEST

static const struct {
	enum reason reason; /* REASON_NONE: good */
	const char *text;
} userinfos[] = {
	{ REASON_NONE, "{\"sub\":\"jane\"}" },
	{ REASON_PROVIDER_USERINFO, "HTTP 401" },
	{ REASON_PROVIDER_USERINFO, "application/jwt" },
	{ REASON_PROVIDER_USERINFO, "userinfo endpoint" },
	{ REASON_PROVIDER_STATUS, "HTTP 502" },
};

START_TEST(userinfo_is_a_json_object_or_an_error)
{
	struct mem *m = mem_new(1 << 16);
	struct oidc_op *o;
	const char *text;
	char endpoint[128];
	struct err e;
	int n = 0;

	op.userinfo = _i;
	(void)snprintf(endpoint, sizeof(endpoint), "%s/userinfo", server->url);
	o = oidc_ask_userinfo(oidc, fetch, endpoint, STR("token-of-access"), count, &n);
	WAIT_FOR(n == 1);
	if (userinfos[_i].reason == REASON_NONE) {
		ck_assert_int_eq(oidc_take_userinfo(&o, m, &text, &e), 0);
		ck_assert_str_eq(text, userinfos[_i].text);
	} else {
		ck_assert_int_eq(oidc_take_userinfo(&o, m, &text, &e), -1);
		ck_assert_int_eq(e.reason, userinfos[_i].reason);
		ck_assert_msg(strstr(e.text, userinfos[_i].text) != NULL, "%s", e.text);
		ck_assert_ptr_null(text);
	}
	ck_assert_ptr_nonnull(strstr(server->last_head, "Authorization: Bearer token-of-access\r\n"));
	mem_free(&m);
}
END_TEST

START_TEST(an_access_token_cannot_write_our_request)
{
	struct mem *m = mem_new(1 << 16);
	struct oidc_op *o;
	const char *text;
	struct err e;
	int n = 0;

	o = oidc_ask_userinfo(oidc, fetch, server->url, STR("x\r\nX-Evil: 1"), count, &n);
	WAIT_FOR(n == 1);
	ck_assert_int_eq(oidc_take_userinfo(&o, m, &text, &e), -1);
	ck_assert_int_eq(server_connections(server), 0);
	mem_free(&m);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/oidc");
	TCase *t = tcase_create("oidc");
	SRunner *r;
	int failed;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)unsetenv("http_proxy");
	(void)unsetenv("ALL_PROXY");
	(void)unsetenv("all_proxy");
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_provider_becomes_known_with_two_requests);
	tcase_add_loop_test(t, a_provider_that_misbehaves_gives_no_view_but_a_reason, 0,
	    sizeof(misbehaviours) / sizeof(misbehaviours[0]));
	tcase_add_test(t, while_nothing_is_known_attempts_become_rarer);
	tcase_add_test(t, a_provider_that_asks_for_time_gets_it);
	tcase_add_test(t, all_is_fetched_anew_every_metadata_refresh);
	tcase_add_test(t, the_last_good_keys_serve_for_a_day);
	tcase_add_test(t, a_view_outlives_its_replacement_and_its_provider);
	tcase_add_loop_test(t, what_is_given_by_hand_needs_no_document, 0, 2);
	tcase_add_test(t, without_document_and_endpoints_the_operator_is_told);
	tcase_add_test(t, after_a_reload_the_same_provider_is_known_at_once);
	tcase_add_test(t, a_rotated_key_is_fetched_when_asked_for_and_at_most_once_in_ten_seconds);
	tcase_add_test(t, a_question_that_joins_the_first_look_holds_back_none_behind_it);
	tcase_add_test(t, keys_that_have_moved_are_found_through_the_document);
	tcase_add_test(t, a_failed_fetch_cools_down_too);
	tcase_add_test(t, whoever_asks_a_provider_that_nobody_tends_is_told_so);
	tcase_add_test(t, cancelled_questions_are_heard_of_no_more);
	tcase_add_test(t, fifty_who_ask_on_two_threads_cause_one_request);
	tcase_add_test(t, asking_cancelling_and_forgetting_at_once_is_safe);
	tcase_add_test(t, a_code_becomes_tokens);
	tcase_add_test(t, a_refused_code_is_an_error_with_a_reason);
	tcase_add_test(t, a_browser_that_leaves_takes_its_token_request_along);
	tcase_add_loop_test(
	    t, userinfo_is_a_json_object_or_an_error, 0, sizeof(userinfos) / sizeof(userinfos[0]));
	tcase_add_test(t, an_access_token_cannot_write_our_request);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
