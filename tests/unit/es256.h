/*
 * tests/unit/es256.h - a provider with one key, and claims with one thing wrong
 *
 * For the tests of what is signed by a provider: `keys` is what it publishes,
 * `key` what it signs with, `other_key` somebody else's; with() changes one
 * claim of what passes.
 */
#ifndef TESTS_ES256_H
#define TESTS_ES256_H
#include <stdlib.h>

#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "tests/unit/tokens.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

#define NOW    INT64_C(1767225600)
#define ISSUER "https://op.example.com/realms/a"
#define CLIENT "wf-proxy"

static EVP_PKEY *key, *other_key;
static struct mem *m;
static struct err e;
static struct jwks *keys;
static const char *alg_names[] = { "RS256", "ES256" };

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
publish_key(void)
{
	m = mem_new(1 << 22);
	keys = jwks_parse(str_of(mem_printf(m, "{\"keys\":[%s]}", token_jwk(m, key, ",\"kid\":\"k1\""))), &e);
	ck_assert_ptr_nonnull(keys);
}

static inline void
teardown(void)
{
	jwks_free(&keys);
	mem_free(&m);
}

/* The claims with one member set to a JSON value, or taken out (NULL). */
static inline const char *
with(const char *claims, const char *member, const char *value)
{
	json_t *o = json_loads(claims, 0, NULL), *v;
	const char *out;
	char *text;

	ck_assert_ptr_nonnull(o);
	if (value == NULL)
		ck_assert_int_eq(json_object_del(o, member), 0);
	else {
		v = json_loads(value, JSON_DECODE_ANY, NULL);
		ck_assert_msg(v != NULL, "%s", value);
		ck_assert_int_eq(json_object_set_new(o, member, v), 0);
	}
	text = json_dumps(o, JSON_COMPACT);
	out = mem_strdup(m, text);
	free(text);
	json_decref(o);
	return out;
}

#endif
