/*
 * tests/unit/provider.h - a provider that is right, slow, rude or gone, and who asks it
 *
 * For the tests of oidc/oidc.h: `op` says what the provider does, tend() makes
 * it known to the main thread, ask_keys() asks for its keys anew.
 */
#ifndef TESTS_PROVIDER_H
#define TESTS_PROVIDER_H
#include <check.h>
#include <pthread.h>
#include <signal.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "conf/secret.h"
#include "oidc/fetch.h"
#include "oidc/jwks.h"
#include "oidc/oidc.h"
#include "tests/unit/loop.h"
#include "tests/unit/server.h"

#define WELL_KNOWN "/.well-known/openid-configuration"
#define HOUR       3600

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

static inline void
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

static inline void
endless(struct exchange *x, const char *head, const char *again, useconds_t pause)
{
	x->close = true;
	if (!server_print(x, "%s", head))
		return;
	while (!x->server->stopping && server_print(x, "%s", again))
		if (pause > 0)
			(void)usleep(pause);
}

static inline void
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

static inline void
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

static inline void
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
static struct keeper *keeper;
static struct oidc *oidc;
static struct conf_provider conf;
static char discovery_url[128];
static const char *const scopes[] = { "openid" };

static inline void
setup(void)
{
	op = (struct op){ .n_keys = 1 };
	if (key_json[0][0] == '\0')
		make_keys();
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
	loop_begin(LOG_LEVEL_INFO);
	keeper = keeper_new(base, post, fetch);
	oidc = oidc_new(&conf, NULL);
}

static inline void
teardown(void)
{
	oidc_unref(&oidc);
	keeper_free(&keeper);
	loop_end();
	server_free(&server);
}

static inline bool
is_ready(void)
{
	char text[320];

	return oidc_is_ready(oidc, now(), text);
}

static inline bool
has_failed(void)
{
	char text[320];

	(void)oidc_is_ready(oidc, now(), text);
	return text[0] != '\0' && strstr(text, "not reached yet") == NULL;
}

static inline void
tend(void)
{
	keeper_tend(keeper, oidc);
	WAIT_FOR(is_ready());
}

static inline size_t
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

static inline int
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

/* Ask for keys on the main thread and wait: 0 or -1. */
static inline int
ask_keys(struct err *e)
{
	int n = 0;
	struct oidc_op *o = oidc_ask_keys(oidc, post, count, &n);

	ck_assert_int_eq(n, 0);
	WAIT_FOR(n == 1);
	return oidc_take_keys(&o, e);
}

#endif
