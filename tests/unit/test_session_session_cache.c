/* session/session_cache.c: remembered by whole value and verifier, bounded, and never gone too early. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session/session_cache.h"
#include "tests/unit/fake_identity.h"

static struct mem *m;
static struct session_cache *cache;

static void
setup(void)
{
	m = mem_new(1 << 20);
	cache = session_cache_new(16);
}

static void
teardown(void)
{
	mem_free(&m);
	session_cache_free(&cache);
}

static struct session
session_of(const char *username)
{
	return (struct session){ .iss = STR("i"),
		.aud = STR("a"),
		.sub = STR("s"),
		.username = str_of(username),
		.idp = STR("p"),
		.sid = STR("sid"),
		.op_sid = STR(""),
		.sst = 1,
		.auth_time = 2,
		.iat = 3,
		.exp = 4 };
}

START_TEST(a_cookie_is_found_by_its_whole_value_and_its_verifier)
{
	struct session jane = session_of("jane");
	const struct session *kept = session_cache_put(cache, 1, STR("the-value"), &jane, m);

	ck_assert_ptr_ne(kept, &jane);
	ck_assert_str_eq(kept->username.p, "jane");
	ck_assert_ptr_eq(session_cache_get(cache, 1, STR("the-value"), m), kept);
	ck_assert_ptr_null(session_cache_get(cache, 2, STR("the-value"), m));
	ck_assert_ptr_null(session_cache_get(cache, 1, STR("the-valuf"), m));
	ck_assert_ptr_null(session_cache_get(cache, 1, STR("the-valu"), m));
	ck_assert_ptr_null(session_cache_get(cache, 1, STR("the-value "), m));
	ck_assert_ptr_null(session_cache_get(cache, 1, STR(""), m));
}
END_TEST

/* Only the end of a value is hashed; all of it must be compared. */
START_TEST(values_that_differ_only_at_their_beginning_are_two)
{
	struct session jane = session_of("jane");
	char one[600], two[600];

	memset(one, 'x', sizeof(one));
	memset(two, 'x', sizeof(two));
	two[0] = 'y';
	(void)session_cache_put(cache, 1, (struct str){ one, sizeof(one) }, &jane, m);
	ck_assert_ptr_null(session_cache_get(cache, 1, (struct str){ two, sizeof(two) }, m));
	ck_assert_ptr_nonnull(session_cache_get(cache, 1, (struct str){ one, sizeof(one) }, m));
}
END_TEST

START_TEST(what_was_given_out_outlives_the_cache)
{
	struct session jane = session_of("jane"), other = session_of("other");
	const struct session *kept = session_cache_put(cache, 1, STR("value"), &jane, m);
	struct mem *short_lived = mem_new(1 << 20);
	size_t i;

	for (i = 0; i < 1000; i++) /* pushes everything out */
		(void)session_cache_put(cache, 1, str_of(mem_printf(m, "other%zu", i)), &other, short_lived);
	mem_free(&short_lived);
	ck_assert_ptr_null(session_cache_get(cache, 1, STR("value"), m));
	ck_assert_str_eq(kept->username.p, "jane");
	session_cache_free(&cache);
	ck_assert_str_eq(kept->username.p, "jane");
}
END_TEST

START_TEST(what_is_asked_for_stays_longest)
{
	struct session jane = session_of("jane");
	struct mem *each = mem_new(1 << 20);
	size_t i, found = 0;

	(void)session_cache_put(cache, 1, STR("often"), &jane, m);
	for (i = 0; i < 200; i++) {
		(void)session_cache_put(cache, 1, str_of(mem_printf(each, "rare%zu", i)), &jane, each);
		found += session_cache_get(cache, 1, STR("often"), each) != NULL;
		mem_reset(each);
	}
	ck_assert_uint_ge(found, 190);
	mem_free(&each);
}
END_TEST

START_TEST(as_many_as_asked_for_are_remembered)
{
	struct session_cache *large = session_cache_new(8192);
	struct session jane = session_of("jane");
	struct mem *each = mem_new(1 << 20);
	size_t i, found = 0;

	for (i = 0; i < 8192; i++) {
		(void)session_cache_put(large, 1, str_of(mem_printf(each, "value%zu", i)), &jane, each);
		mem_reset(each);
	}
	for (i = 0; i < 8192; i++) {
		found += session_cache_get(large, 1, str_of(mem_printf(each, "value%zu", i)), each) != NULL;
		mem_reset(each);
	}
	ck_assert_uint_ge(found, 8192 * 95 / 100);
	mem_free(&each);
	session_cache_free(&large);
}
END_TEST

START_TEST(values_beyond_the_bound_are_not_remembered)
{
	struct session jane = session_of("jane");
	char *big = mem_zalloc(m, SESSION_CACHE_VALUE_MAX + 1);
	const struct session *kept;

	kept = session_cache_put(cache, 1, (struct str){ big, SESSION_CACHE_VALUE_MAX + 1 }, &jane, m);
	ck_assert_ptr_eq(kept, &jane);
	ck_assert_ptr_null(session_cache_get(cache, 1, (struct str){ big, SESSION_CACHE_VALUE_MAX + 1 }, m));
	kept = session_cache_put(cache, 1, (struct str){ big, SESSION_CACHE_VALUE_MAX }, &jane, m);
	ck_assert_ptr_eq(session_cache_get(cache, 1, (struct str){ big, SESSION_CACHE_VALUE_MAX }, m), kept);
}
END_TEST

/* 8 KiB each: 32 MiB are full long before 16384 places are. */
START_TEST(all_values_together_are_bounded_and_new_ones_get_in)
{
	struct session_cache *large = session_cache_new(8192);
	struct session jane = session_of("jane");
	struct mem *each = mem_new(1 << 20);
	char *value = mem_zalloc(m, 8000);
	size_t i, found = 0, most = SESSION_CACHE_BYTES_MAX / 8000;

	for (i = 0; i < 6000; i++) {
		memcpy(value + 7990, &i, sizeof(i));
		(void)session_cache_put(large, 1, (struct str){ value, 8000 }, &jane, each);
		ck_assert_ptr_nonnull(session_cache_get(large, 1, (struct str){ value, 8000 }, each));
		mem_reset(each);
	}
	for (i = 0; i < 6000; i++) {
		memcpy(value + 7990, &i, sizeof(i));
		found += session_cache_get(large, 1, (struct str){ value, 8000 }, each) != NULL;
	}
	ck_assert_uint_le(found, most);
	ck_assert_uint_ge(found, most * 9 / 10);
	mem_free(&each);
	session_cache_free(&large);
}
END_TEST

static const struct tokens three = { .id_token = { "id", 2 },
	.access_token = { "access", 6 },
	.refresh_token = { "", 0 },
	.access_expires = 7 };

static bool
knows(uint64_t verifier, struct str value, struct str sid)
{
	const struct session_sealed k = { verifier, value, sid };
	struct tokens t;

	if (!session_cache_get_tokens(cache, &k, m, &t))
		return false;
	ck_assert(str_is(t.id_token, STR("id")) && str_is(t.access_token, STR("access")));
	ck_assert(t.refresh_token.p != NULL && t.refresh_token.n == 0);
	ck_assert_ptr_null(t.session.p);
	ck_assert_int_eq(t.access_expires, 7);
	return true;
}

START_TEST(unsealed_tokens_are_found_by_whole_value_verifier_and_session)
{
	const struct session_sealed k = { 1, STR("sealed-text"), STR("sid") };

	ck_assert(!knows(1, STR("sealed-text"), STR("sid")));
	session_cache_put_tokens(cache, &k, &three);
	ck_assert(knows(1, STR("sealed-text"), STR("sid")));
	ck_assert(!knows(2, STR("sealed-text"), STR("sid")));
	ck_assert(!knows(1, STR("sealed-text"), STR("sie")));
	ck_assert(!knows(1, STR("sealed-text"), STR("")));
	ck_assert(!knows(1, STR("Sealed-text"), STR("sid")));
	ck_assert(!knows(1, STR("sealed-tex"), STR("sid")));
	ck_assert_ptr_null(session_cache_get(cache, 1, STR("sealed-text"), m));
}
END_TEST

/* 16 KiB each; what was given out stays. */
START_TEST(unsealed_tokens_are_bounded_and_never_gone_too_early)
{
	char *value = mem_zalloc(m, 16000);
	const struct session_sealed first = { 1, STR("first"), STR("sid") };
	struct mem *each = mem_new(1 << 20);
	size_t i, found = 0, most = SESSION_CACHE_TOKENS_MAX / 16000;
	struct tokens t, held;

	session_cache_put_tokens(cache, &first, &three);
	ck_assert(session_cache_get_tokens(cache, &first, m, &held));
	for (i = 0; i < 4000; i++) {
		const struct session_sealed k = { 1, { value, 16000 }, STR("sid") };

		memcpy(value + 15990, &i, sizeof(i));
		session_cache_put_tokens(cache, &k, &three);
		ck_assert(session_cache_get_tokens(cache, &k, each, &t));
		mem_reset(each);
	}
	for (i = 0; i < 4000; i++) {
		const struct session_sealed k = { 1, { value, 16000 }, STR("sid") };

		memcpy(value + 15990, &i, sizeof(i));
		found += session_cache_get_tokens(cache, &k, each, &t);
	}
	ck_assert_uint_le(found, most);
	ck_assert_uint_ge(found, most * 9 / 10);
	ck_assert(!knows(1, STR("first"), STR("sid")));
	mem_free(&each);
	session_cache_free(&cache);
	ck_assert(str_is(held.access_token, STR("access")));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/session_cache");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_cookie_is_found_by_its_whole_value_and_its_verifier);
	tcase_add_test(t, values_that_differ_only_at_their_beginning_are_two);
	tcase_add_test(t, what_was_given_out_outlives_the_cache);
	tcase_add_test(t, what_is_asked_for_stays_longest);
	tcase_add_test(t, as_many_as_asked_for_are_remembered);
	tcase_add_test(t, values_beyond_the_bound_are_not_remembered);
	tcase_add_test(t, all_values_together_are_bounded_and_new_ones_get_in);
	tcase_add_test(t, unsealed_tokens_are_found_by_whole_value_verifier_and_session);
	tcase_add_test(t, unsealed_tokens_are_bounded_and_never_gone_too_early);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
