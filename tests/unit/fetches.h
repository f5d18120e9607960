/*
 * tests/unit/fetches.h - one loop, one server, and exchanges with it
 *
 * For the tests of oidc/fetch.h: serve() starts the server, ask() has one
 * exchange with it, expect_failure() one that must fail.
 */
#ifndef TESTS_FETCHES_H
#define TESTS_FETCHES_H
#include <check.h>
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

static inline void
setup(void)
{
	struct err e;

	base = event_base_new();
	fetch = fetch_new(base, &e);
	ck_assert_ptr_nonnull(fetch);
}

static inline void
teardown(void)
{
	fetch_free(&fetch);
	server_free(&server);
	event_base_free(base);
}

static inline int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline void
count(void *arg)
{
	++*(int *)arg;
}

static inline void
wait_until(const int *n, int value)
{
	const int64_t end = now_ms() + 15000;

	while (*n < value) {
		ck_assert_msg(now_ms() < end, "nothing came");
		(void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		(void)usleep(500);
	}
}

static inline void
serve(void (*play)(struct exchange *))
{
	server = server_new(play, NULL, NULL, 0);
}

static inline struct fetch_request
request(const char *path)
{
	static char url[256];

	(void)snprintf(url, sizeof(url), "%s%s", server != NULL ? server->url : "", path);
	return (struct fetch_request){
		.url = url, .accept = "application/json", .timeout = 5000, .max_size = 1000
	};
}

/* One exchange to its end.  The op is the caller's. */
static inline struct fetch_op *
ask(const struct fetch_request *q)
{
	int n = 0;
	struct fetch_op *op = fetch_ask(fetch, q, count, &n);

	ck_assert_int_eq(n, 0);
	wait_until(&n, 1);
	return op;
}

static inline void
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

static inline void
play_hello(struct exchange *x)
{
	(void)server_print(x,
	    "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 7\r\n"
	    "Content-Type: application/json; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello");
}

static char ca_file[64];

static inline SSL_CTX *
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

static inline void
play_silence(struct exchange *x)
{
	x->close = true;
	while (!x->server->stopping)
		(void)usleep(10000);
}

#endif
