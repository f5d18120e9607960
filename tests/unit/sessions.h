/*
 * tests/unit/sessions.h - Jane's sessions, and what becomes of their cookies
 *
 * For the tests of session/session.h: begin_at() signs her in, find() says
 * what a cookie is worth, sign() makes a token of claims put together by hand.
 */
#ifndef TESTS_SESSIONS_H
#define TESTS_SESSIONS_H
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/seal.h"
#include "session/cookie.h"
#include "session/revoked.h"
#include "session/session.h"
#include "session/token.h"
#include "tests/unit/fake_identity.h"

#define NOW    1800000000LL
#define NOW_MS (NOW * 1000 + 250)

static struct mem *m;
static struct secret *secret_a, *secret_b;
static struct conf_session conf;
static struct conf_origin origin;
static struct conf_provider provider;
static struct session_scope scope;
static struct conf_strings needed;
static struct identity jane;
static struct sessions *sessions;
static struct session_cache *cache;
static struct revoked *revoked;
static struct err e;

static inline void
renew(void)
{
	sessions_free(&sessions);
	sessions = sessions_new(&conf, &needed, &e);
	ck_assert_ptr_nonnull(sessions);
}

static inline void
setup(void)
{
	static const char *names[] = { "groups", "email", "groups", "sub", "sid", "aud", "op_aud", "age",
		"address" };

	m = mem_new(1 << 20);
	secret_a = secret_new("0123456789abcdef0123456789abcdef", 32);
	secret_b = secret_new("another-secret-another-secret-01", 32);
	conf = (struct conf_session){ .secrets = &secret_a,
		.n_secrets = 1,
		.cookie = "wp",
		.cookie_prefix = true,
		.timeout = 8 * 3600 * 1000 };
	origin = (struct conf_origin){ .url = "https://flow.example.com", .path = "", .https = true };
	provider = (struct conf_provider){ .name = "main", .client_id = "the-client" };
	scope = (struct session_scope){ &origin, &provider, STR("__Host-wp") };
	needed = (struct conf_strings){ sizeof(names) / sizeof(*names), names };
	jane = (struct identity){ "https://op.example", "248289761001", "jane", "op-session-1", NOW + 3600,
		NOW - 5, json_object() };
	cache = session_cache_new(64);
	revoked = revoked_new(64);
	renew();
}

static inline void
teardown(void)
{
	mem_free(&m);
	sessions_free(&sessions);
	session_cache_free(&cache);
	revoked_free(&revoked);
	secret_free(&secret_a);
	secret_free(&secret_b);
	json_decref(jane.claims);
}

static inline struct str
begin_at(int64_t now_ms)
{
	const struct session *out;
	struct str token;

	ck_assert_msg(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, now_ms, m,
			  &out, &token, &e) == 0,
	    "%s", e.text);
	ck_assert_ptr_nonnull(out);
	return token;
}

static inline enum session_found
find_head(const char *head, int64_t now_ms, const struct session **out)
{
	struct str field = str_of(head);
	struct visit v = { .scope = &scope,
		.cookies = &field,
		.n_cookies = 1,
		.revoked = revoked,
		.cache = cache,
		.now_ms = now_ms,
		.mem = m };
	const struct session *again;
	enum session_found first = session_find(sessions, &v, out), second;

	/* What is remembered must not change the answer, nor must a missing memory. */
	second = session_find(sessions, &v, &again);
	ck_assert_int_eq(first, second);
	v.cache = NULL;
	ck_assert_int_eq(first, session_find(sessions, &v, &again));
	ck_assert((*out == NULL) == (again == NULL));
	ck_assert((*out != NULL) ==
		  (first == SESSION_FOUND || first == SESSION_EXPIRED || first == SESSION_REVOKED));
	return first;
}

static inline enum session_found
find(struct str token, int64_t now_ms)
{
	const struct session *out;

	return find_head(mem_printf(m, "a=b; __Host-wp=%.*s; c=d", STR_ARG(token)), now_ms, &out);
}

/* A token of ours with claims put together by hand: what a backend that knows `secret` could make. */
static inline struct str
sign(const char *claims)
{
	struct token_keys *keys = token_keys_new(&secret_a, 1, &e);
	struct str token;

	ck_assert_ptr_nonnull(keys);
	token = token_sign(keys, str_of(claims), m);
	token_keys_free(&keys);
	return token;
}

static inline json_t *
claims_of(struct str token)
{
	struct str rest = token, part;
	unsigned char *out = mem_alloc(m, token.n);
	json_t *j;
	long n;

	ck_assert(str_next(&rest, '.', &part) && str_next(&rest, '.', &part));
	n = secret_unb64(out, part);
	ck_assert_int_gt(n, 0);
	j = json_loadb((const char *)out, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(j);
	return j;
}

#endif
