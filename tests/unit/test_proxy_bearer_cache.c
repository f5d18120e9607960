/* proxy/bearer_cache.c: a token that was verified is known again, by the same verifier only */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/bearer_cache.h"

static struct mem *m;
static struct bearer_cache *c;
static struct session who;
static struct bearer bearer;

static void
setup(void)
{
	m = mem_new(SIZE_MAX);
	c = bearer_cache_new(64);
	who = (struct session){ .iss = STR("i"),
		.aud = STR(""),
		.sub = STR("s"),
		.username = STR("jane"),
		.idp = STR(""),
		.sid = STR(""),
		.op_sid = STR("") };
	bearer = (struct bearer){ .kind = PRINCIPAL_USER, .who = &who, .app_id = STR("spa") };
}

static void
teardown(void)
{
	mem_free(&m);
	bearer_cache_free(&c);
	ck_assert_ptr_null(c);
	bearer_cache_free(&c);
}

static struct bearer_key
key_of(const char *token)
{
	struct bearer_key k = { .generation = 1, .provider = 0, .keys = 1000 };

	ck_assert(bearer_cache_hash(c, &k, str_of(token)));
	return k;
}

START_TEST(a_token_is_known_again)
{
	struct bearer_key k = key_of("a.b.c");
	const struct bearer *put, *got;

	ck_assert_ptr_null(bearer_cache_get(c, &k, m));
	put = bearer_cache_put(c, &k, &bearer, m);
	ck_assert(put != &bearer);
	got = bearer_cache_get(c, &k, m);
	ck_assert_ptr_eq(got, put);
	ck_assert(str_is(got->who->username, STR("jane")));
}
END_TEST

START_TEST(another_verifier_does_not_know_it)
{
	struct bearer_key k = key_of("a.b.c"), other;

	(void)bearer_cache_put(c, &k, &bearer, m);
	other = k;
	other.generation++;
	ck_assert_ptr_null(bearer_cache_get(c, &other, m));
	other = k;
	other.provider++;
	ck_assert_ptr_null(bearer_cache_get(c, &other, m));
	other = k;
	other.keys++;
	ck_assert_ptr_null(bearer_cache_get(c, &other, m));
	other = k;
	other.hash[31] ^= 1;
	ck_assert_ptr_null(bearer_cache_get(c, &other, m));
	other = key_of("a.b.d");
	ck_assert_ptr_null(bearer_cache_get(c, &other, m));
	ck_assert_ptr_nonnull(bearer_cache_get(c, &k, m));
}
END_TEST

START_TEST(the_hash_is_sha_256_of_the_whole_token)
{
	static const unsigned char abc[32] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
		0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4,
		0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad }; /* FIPS 180-2, B.1 */
	struct bearer_key k = key_of("abc");

	ck_assert_mem_eq(k.hash, abc, sizeof(abc));
}
END_TEST

START_TEST(what_was_given_out_stays_when_it_is_forgotten)
{
	struct bearer_key k = key_of("first");
	const struct bearer *held = bearer_cache_put(c, &k, &bearer, m);
	char token[16];

	for (int i = 0; i < 4000; i++) {
		struct mem *other = mem_new(SIZE_MAX);
		struct bearer_key next;

		(void)snprintf(token, sizeof(token), "t%d", i);
		next = key_of(token);
		(void)bearer_cache_put(c, &next, &bearer, other);
		ck_assert_ptr_nonnull(bearer_cache_get(c, &next, other));
		mem_free(&other);
	}
	ck_assert_ptr_null(bearer_cache_get(c, &k, m)); /* 128 places */
	ck_assert(str_is(held->who->username, STR("jane")));
	bearer_cache_free(&c);
	ck_assert(str_is(held->app_id, STR("spa")));
}
END_TEST

START_TEST(a_token_that_is_put_twice_is_there_once)
{
	struct bearer_key k = key_of("a");
	const struct bearer *second;

	(void)bearer_cache_put(c, &k, &bearer, m);
	who.username = STR("john");
	second = bearer_cache_put(c, &k, &bearer, m);
	ck_assert_ptr_eq(bearer_cache_get(c, &k, m), second);
	ck_assert(str_is(second->who->username, STR("john")));
}
END_TEST

START_TEST(bytes_are_bounded)
{
	static char big[BEARER_CACHE_ENTRY_MAX];
	struct bearer_key k = key_of("big"), first;
	char token[16];
	size_t known = 0, n = 4 * BEARER_CACHE_BYTES_MAX / BEARER_CACHE_ENTRY_MAX;

	memset(big, 'x', sizeof(big));
	bearer.app_id = (struct str){ big, sizeof(big) };
	ck_assert_ptr_eq(bearer_cache_put(c, &k, &bearer, m), &bearer); /* too large to be kept */
	ck_assert_ptr_null(bearer_cache_get(c, &k, m));
	bearer_cache_free(&c);
	c = bearer_cache_new(8192);
	bearer.app_id.n = sizeof(big) - 1024;
	for (size_t i = 0; i < n; i++) {
		struct mem *other = mem_new(SIZE_MAX);

		(void)snprintf(token, sizeof(token), "t%zu", i);
		first = key_of(token);
		(void)bearer_cache_put(c, &first, &bearer, other);
		mem_free(&other);
	}
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(token, sizeof(token), "t%zu", i);
		first = key_of(token);
		known += bearer_cache_get(c, &first, m) != NULL;
	}
	ck_assert_uint_gt(known, n / 8);
	ck_assert_uint_le(known, BEARER_CACHE_BYTES_MAX / (sizeof(big) - 1024));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/bearer_cache");
	TCase *t = tcase_create("bearer_cache");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_token_is_known_again);
	tcase_add_test(t, another_verifier_does_not_know_it);
	tcase_add_test(t, the_hash_is_sha_256_of_the_whole_token);
	tcase_add_test(t, what_was_given_out_stays_when_it_is_forgotten);
	tcase_add_test(t, a_token_that_is_put_twice_is_there_once);
	tcase_add_test(t, bytes_are_bounded);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
