/*
 * tests/unit/idtokens.h - ID tokens with one thing wrong
 *
 * For the tests of oidc/idtoken.c: `base` are claims that pass, with() changes
 * one of them, expect() says what becomes of the token.
 */
#ifndef TESTS_IDTOKENS_H
#define TESTS_IDTOKENS_H
#include <stdlib.h>

#include "oidc/identity.h"
#include "oidc/idtoken.h"
#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "tests/unit/tokens.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

#define NOW          INT64_C(1767225600)
#define ISSUER       "https://op.example.com/realms/a"
#define CLIENT       "wf-proxy"
#define NONCE        "n-0S6_WzA2MjmYzFiNjQ1ZTk4ZjQ0ZTk2YjAwZDM5Mz"
#define ACCESS_TOKEN "example-access-token"
#define AT_HASH      "Z1P3Ll-e0JrOBqzfbrTXjQ"

static const char base[] =
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"248289761001\","
    "\"exp\":1767229200,\"iat\":1767225590,\"nonce\":\"" NONCE "\","
    "\"preferred_username\":\"jane.doe\",\"email\":\"jane@example.com\",\"sid\":\"s-1\","
    "\"auth_time\":1767225580,\"realm_access\":{\"roles\":[\"a\",\"b\"]},"
    "\"https://app.example.com/team\":\"red\",\"none\":null}";

static EVP_PKEY *key, *other_key;
static struct mem *m;
static struct err e;
static struct jwks *keys;
static struct idtoken_check c;

static const char *alg_names[] = { "RS256", "ES256" };
static const struct conf_strings algs = { 2, alg_names };
static const char *claim_names[] = { "preferred_username", "email" };
static const struct conf_strings usernames = { 2, claim_names };

static inline void
make_keys(void)
{
	key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
}

static inline void
drop_keys(void)
{
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
}

static inline void
setup(void)
{
	m = mem_new(1 << 20);
	keys = jwks_parse(str_of(mem_printf(m, "{\"keys\":[%s]}", token_jwk(m, key, ",\"kid\":\"k1\""))), &e);
	ck_assert_ptr_nonnull(keys);
	c = (struct idtoken_check){
		.issuer = ISSUER,
		.client_id = CLIENT,
		.nonce = STR(NONCE),
		.algs = &algs,
		.keys = keys,
		.username_claim = &usernames,
		.tolerance = 60,
		.now = NOW,
		.mem = m,
	};
}

static inline void
teardown(void)
{
	jwks_free(&keys);
	mem_free(&m);
}

static inline struct str
sign(const char *claims)
{
	return token_of(m, key, "ES256", STR("{\"alg\":\"ES256\",\"kid\":\"k1\"}"), str_of(claims));
}

/* The good claims with one member set to a JSON value, or taken out (NULL). */
static inline const char *
with(const char *claims, const char *member, const char *value)
{
	json_t *o = json_loads(claims, 0, NULL);
	char *text;
	const char *out;

	ck_assert_ptr_nonnull(o);
	if (value == NULL)
		ck_assert_int_eq(json_object_del(o, member), 0);
	else {
		json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);

		ck_assert_msg(v != NULL, "%s", value);
		ck_assert_int_eq(json_object_set_new(o, member, v), 0);
	}
	text = json_dumps(o, JSON_COMPACT);
	out = mem_strdup(m, text);
	free(text);
	json_decref(o);
	return out;
}

static inline enum idtoken_result
verify(struct str token, const struct identity **i)
{
	e = (struct err){ .reason = REASON_NONE };
	return idtoken_verify(&c, token, i, &e);
}

static inline void
expect(const char *what, const char *claims, enum reason want)
{
	const struct identity *i;
	enum idtoken_result r = verify(sign(claims), &i);

	ck_assert_msg((r == IDTOKEN_OK) == (want == REASON_NONE), "%s: %d, %s: %s", what, (int)r,
	    reason_word(e.reason), e.text);
	if (want != REASON_NONE) {
		ck_assert_ptr_null(i);
		ck_assert_msg(e.reason == want, "%s: got %s, want %s: %s", what, reason_word(e.reason),
		    reason_word(want), e.text);
	}
	/* A nonce never reaches the log. */
	ck_assert_ptr_null(strstr(e.text, NONCE));
}

static inline void
expect_str(struct str got, const char *want)
{
	ck_assert_msg(str_is(got, str_of(want)), "got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

#endif
