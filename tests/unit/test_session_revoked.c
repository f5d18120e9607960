/* session/revoked.c: what is forbidden stays forbidden as long as it must, on every thread. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session/hash.h"
#include "session/revoked.h"

static struct revoked *table;

static void
setup(void)
{
	table = revoked_new(64);
}

static void
teardown(void)
{
	revoked_free(&table);
	ck_assert_ptr_null(table);
	revoked_free(&table);
}

static struct str
number(char out[32], int i)
{
	return (struct str){ out, (size_t)snprintf(out, 32, "id-%d", i) };
}

START_TEST(an_id_is_there_until_its_time_has_come)
{
	ck_assert(!revoked_has(table, STR("a"), 100));
	ck_assert_int_eq(revoked_add(table, STR("a"), 200, 100), 0);
	ck_assert(revoked_has(table, STR("a"), 100));
	ck_assert(revoked_has(table, STR("a"), 199));
	ck_assert(!revoked_has(table, STR("a"), 200));
	ck_assert(!revoked_has(table, STR("b"), 100));
	ck_assert(!revoked_has(table, STR("A"), 100));
	ck_assert(!revoked_has(table, STR("a\0"), 100));
	ck_assert(!revoked_has(table, STR(""), 100));
}
END_TEST

START_TEST(adding_twice_says_so_and_keeps_the_longer_time)
{
	ck_assert_int_eq(revoked_add(table, STR("a"), 200, 100), 0);
	ck_assert_int_eq(revoked_add(table, STR("a"), 300, 100), 1);
	ck_assert_int_eq(revoked_add(table, STR("a"), 150, 100), 1);
	ck_assert(revoked_has(table, STR("a"), 299));
	ck_assert_int_eq(revoked_add(table, STR("a"), 400, 300), 0); /* it had run out */
	ck_assert_int_eq(revoked_add(table, STR("b"), 100, 100), 0); /* already over: nothing to forbid */
	ck_assert(!revoked_has(table, STR("b"), 100));
}
END_TEST

START_TEST(a_full_table_forgets_nothing_that_is_needed)
{
	char id[32];
	int i;

	for (i = 0; i < 64; i++)
		ck_assert_int_eq(revoked_add(table, number(id, i), 1000 + i, 100), 0);
	ck_assert_int_eq(revoked_add(table, STR("more"), 5000, 100), -1);
	ck_assert(!revoked_has(table, STR("more"), 100));
	ck_assert_int_eq(revoked_add(table, STR("over"), 100, 100), 0); /* nothing to forbid needs no place */
	ck_assert_int_eq(revoked_add(table, number(id, 5), 5000, 100), 1); /* known ones still fit */
	for (i = 0; i < 64; i++)
		ck_assert(revoked_has(table, number(id, i), 100));
	ck_assert_int_eq(revoked_add(table, STR("more"), 5000, 999), -1);
	ck_assert_int_eq(revoked_add(table, STR("more"), 5000, 1000), 0); /* the place of id-0 */
	ck_assert_int_eq(revoked_add(table, STR("again"), 5000, 1000), -1);
	ck_assert_int_eq(revoked_add(table, STR("again"), 5000, 1001), 0);
	ck_assert(revoked_has(table, STR("more"), 1001));
	ck_assert(!revoked_has(table, number(id, 0), 1001));
	ck_assert(revoked_has(table, number(id, 2), 1001));
	ck_assert(revoked_has(table, number(id, 5), 4999));
}
END_TEST

START_TEST(places_are_used_again_and_again)
{
	char id[32];
	int i;

	for (i = 0; i < 100000; i++) {
		ck_assert_int_eq(revoked_add(table, number(id, i), i + 60, i), 0);
		ck_assert(revoked_has(table, number(id, i), i + 59));
		ck_assert(!revoked_has(table, number(id, i - 61), i));
	}
}
END_TEST

START_TEST(ids_of_any_length_are_compared_whole)
{
	char one[300], two[300];
	size_t n;

	for (n = 1; n <= sizeof(one); n += n < 70 ? 1 : 23) {
		struct revoked *r = revoked_new(4);

		memset(one, 'x', n);
		memcpy(two, one, n);
		two[n - 1] = 'y';
		ck_assert_int_eq(revoked_add(r, (struct str){ one, n }, 200, 100), 0);
		ck_assert(revoked_has(r, (struct str){ one, n }, 100));
		ck_assert(!revoked_has(r, (struct str){ two, n }, 100));
		ck_assert(!revoked_has(r, (struct str){ one, n - 1 }, 100));
		revoked_free(&r);
	}
}
END_TEST

START_TEST(sizes_are_rounded_up)
{
	struct revoked *r = revoked_new(0);
	char id[32];
	int i;

	ck_assert_int_eq(revoked_add(r, STR("a"), 200, 100), 0);
	ck_assert_int_eq(revoked_add(r, STR("b"), 200, 100), -1);
	revoked_free(&r);
	r = revoked_new(5);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(revoked_add(r, number(id, i), 200, 100), 0);
	ck_assert_int_eq(revoked_add(r, STR("b"), 200, 100), -1);
	revoked_free(&r);
}
END_TEST

static atomic_int stop;

/* "always" is there from beginning to end, whatever else comes and goes. */
static void *
look(void *arg)
{
	size_t *misses = arg;
	char id[32];
	int i;

	for (i = 0; !atomic_load(&stop); i++) {
		*misses += !revoked_has(table, STR("always"), 100);
		*misses += revoked_has(table, STR("never"), 100);
		(void)revoked_has(table, number(id, i % 1000), 100);
	}
	return NULL;
}

START_TEST(readers_miss_nothing_while_others_write)
{
	pthread_t reader[2];
	size_t misses[2] = { 0, 0 };
	char id[32];
	int i;

	atomic_store(&stop, 0);
	ck_assert_int_eq(revoked_add(table, STR("always"), 1000000000, 0), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&reader[i], NULL, look, &misses[i]), 0);
	for (i = 0; i < 50000; i++)
		(void)revoked_add(table, number(id, i % 1000), i + 50, i);
	atomic_store(&stop, 1);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(reader[i], NULL), 0);
	ck_assert_uint_eq(misses[0] + misses[1], 0);
}
END_TEST

static void *
race(void *arg)
{
	size_t *won = arg;
	char id[32];
	int i;

	for (i = 0; i < 2000; i++)
		*won += revoked_add(table, number(id, i), 5000, 1) == 0;
	return NULL;
}

/* A code is redeemed once, however many threads are asked to. */
START_TEST(of_two_who_add_one_id_one_is_told_so)
{
	pthread_t thread[2];
	size_t won[2] = { 0, 0 };
	int i;

	revoked_free(&table);
	table = revoked_new(4096);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, race, &won[i]), 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(thread[i], NULL), 0);
	ck_assert_uint_eq(won[0] + won[1], 2000);
}
END_TEST

/* SipHash-1-3 of 00 01 02 ... under the key 00 01 ... 0f, computed with another implementation. */
START_TEST(the_hash_is_siphash_1_3)
{
	static const struct {
		size_t n;
		uint64_t hash;
	} known[] = { { 0, 0xabac0158050fc4dc }, { 1, 0xc9f49bf37d57ca93 }, { 7, 0xd3927d989bb11140 },
		{ 8, 0x369095118d299a8e }, { 9, 0x25a48eb36c063de4 }, { 15, 0xd320d86d2a519956 },
		{ 16, 0xcc4fdd1a7d908b66 }, { 63, 0x9d199062b7bbb3a8 } };
	struct hash_key k = { { 0x0706050403020100, 0x0f0e0d0c0b0a0908 } };
	char text[64];
	size_t i;

	for (i = 0; i < sizeof(text); i++)
		text[i] = (char)i;
	for (i = 0; i < sizeof(known) / sizeof(*known); i++)
		ck_assert_uint_eq(hash_text(&k, (struct str){ text, known[i].n }), known[i].hash);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/revoked");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_id_is_there_until_its_time_has_come);
	tcase_add_test(t, adding_twice_says_so_and_keeps_the_longer_time);
	tcase_add_test(t, a_full_table_forgets_nothing_that_is_needed);
	tcase_add_test(t, places_are_used_again_and_again);
	tcase_add_test(t, ids_of_any_length_are_compared_whole);
	tcase_add_test(t, sizes_are_rounded_up);
	tcase_add_test(t, readers_miss_nothing_while_others_write);
	tcase_add_test(t, of_two_who_add_one_id_one_is_told_so);
	tcase_add_test(t, the_hash_is_siphash_1_3);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
