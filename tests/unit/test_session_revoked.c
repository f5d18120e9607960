/* session/revoked.c: what is forbidden stays forbidden as long as it must, on every thread. */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mem.h"
#include "session/hash.h"
#include "session/revoked.h"
#include "session/session.h"

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

#define MS 1000

static struct session
somebody(void)
{
	return (struct session){ .sid = STR("ours-of-22-characters."),
		.op_sid = STR("theirs"),
		.idp = STR("main"),
		.sub = STR("sub-1"),
		.username = STR("alice"),
		.sst = 100 * MS,
		.exp = 1000 };
}

static struct revocation
what(enum revocation_kind kind, struct str provider, struct str text)
{
	return (struct revocation){ kind, provider, text, false, 100 * MS, 1000 };
}

START_TEST(each_kind_ends_the_sessions_it_names_and_no_others)
{
	const struct revocation all[] = { what(REVOKE_SID, STR(""), STR("ours-of-22-characters.")),
		what(REVOKE_PROVIDER_SID, STR("main"), STR("theirs")),
		what(REVOKE_FRONT, STR("main"), STR("theirs")),
		what(REVOKE_SUBJECT, STR("main"), STR("sub-1")),
		what(REVOKE_USERNAME, STR(""), STR("alice")) };
	const struct revocation others[] = { what(REVOKE_SID, STR(""), STR("theirs")),
		what(REVOKE_PROVIDER_SID, STR("other"), STR("theirs")),
		what(REVOKE_PROVIDER_SID, STR("maint"), STR("heirs")),
		what(REVOKE_PROVIDER_SID, STR("main"), STR("ours-of-22-characters.")),
		what(REVOKE_FRONT, STR("other"), STR("theirs")),
		what(REVOKE_SUBJECT, STR("other"), STR("sub-1")),
		what(REVOKE_SUBJECT, STR("main"), STR("sub-11")),
		what(REVOKE_USERNAME, STR(""), STR("Alice")), what(REVOKE_USERNAME, STR(""), STR("sub-1")) };
	struct session s = somebody();
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		ck_assert_int_eq(revoked_end(table, &others[i], 100), 0);
	ck_assert(!revoked_session(table, &s, 100));
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		revoked_free(&table);
		table = revoked_new(64);
		ck_assert(!revoked_session(table, &s, 100));
		ck_assert_int_eq(revoked_end(table, &all[i], 100), 0);
		ck_assert_uint_eq(revoked_count(table), 1);
		ck_assert(revoked_session(table, &s, 100));
		ck_assert(revoked_session(table, &s, 999));
		ck_assert(!revoked_session(table, &s, 1000));
		s.sst = 100 * MS + 1; /* they came back */
		ck_assert(!revoked_session(table, &s, 100));
		s.sst = 100 * MS;
	}
}
END_TEST

START_TEST(of_two_for_the_same_the_later_times_count)
{
	struct revocation x = what(REVOKE_USERNAME, STR(""), STR("alice"));
	struct session s = somebody();

	ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	x.before_ms = 200 * MS;
	x.until = 500;
	ck_assert_int_eq(revoked_end(table, &x, 100), 1);
	s.sst = 200 * MS;
	ck_assert(revoked_session(table, &s, 999));
	x.before_ms = 150 * MS;
	x.until = 2000;
	ck_assert_int_eq(revoked_end(table, &x, 100), 1);
	ck_assert(revoked_session(table, &s, 1999));
	ck_assert_uint_eq(revoked_count(table), 1);
}
END_TEST

START_TEST(a_session_whose_browser_has_another_ends_when_late_requests_are_through)
{
	struct revocation x = what(REVOKE_REPLACED, STR(""), STR("ours-of-22-characters."));
	struct session s = somebody(), other = somebody();

	other.sid = STR("another-22-characters.");
	ck_assert(!revoked_is_replaced(table, &s, 100));
	x.before_ms = 160 * MS;
	ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	ck_assert(revoked_is_replaced(table, &s, 100));
	ck_assert(!revoked_is_replaced(table, &other, 100));
	ck_assert(!revoked_session(table, &s, 100));
	ck_assert(!revoked_session(table, &s, 159));
	ck_assert(revoked_session(table, &s, 160));
	ck_assert(!revoked_session(table, &other, 160));
	s.sst = 500 * MS; /* a sid is one session's, whatever it says */
	ck_assert(revoked_session(table, &s, 999));
	/* Who brings it again and again does not keep it alive. */
	x.before_ms = 200 * MS;
	x.until = 2000;
	ck_assert_int_eq(revoked_end(table, &x, 140), 1);
	ck_assert(revoked_session(table, &s, 160));
	ck_assert(revoked_session(table, &s, 1999));
	x.before_ms = 150 * MS;
	ck_assert_int_eq(revoked_end(table, &x, 140), 1);
	ck_assert(revoked_session(table, &s, 150));
}
END_TEST

START_TEST(those_that_were_replaced_take_no_place_from_others)
{
	struct session s = somebody();
	struct revocation x;
	char id[32];
	int i;

	for (i = 0; i < 16; i++) {
		x = what(REVOKE_REPLACED, STR(""), number(id, i));
		ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	}
	x = what(REVOKE_REPLACED, STR(""), STR("ours-of-22-characters."));
	ck_assert_int_eq(revoked_end(table, &x, 100), -1);
	for (i = 0; i < 16; i++) {
		x = what(REVOKE_FRONT, STR("main"), number(id, i));
		ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	}
	for (i = 0; i < 64; i++) {
		x = what(REVOKE_SID, STR(""), number(id, i));
		ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	}
	ck_assert_uint_eq(revoked_count(table), 96);
	s.sid = number(id, 15);
	ck_assert(revoked_is_replaced(table, &s, 100));
}
END_TEST

START_TEST(a_session_without_ids_is_ended_by_nothing_that_is_empty)
{
	struct session s = somebody(), bearer = somebody();
	struct revocation x = what(REVOKE_PROVIDER_SID, STR("main"), STR(""));

	s.op_sid = STR("");
	bearer.sid = STR("");
	ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	x.kind = REVOKE_FRONT;
	ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	ck_assert(!revoked_session(table, &s, 100));
	x = what(REVOKE_USERNAME, STR(""), STR("alice"));
	ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	ck_assert(revoked_session(table, &s, 100));
	ck_assert(!revoked_session(table, &bearer, 100));
}
END_TEST

START_TEST(strangers_and_what_is_proven_take_no_place_from_each_other)
{
	struct session s = somebody();
	struct revocation x;
	char id[32];
	int i;

	for (i = 0; i < 16; i++) {
		x = what(REVOKE_FRONT, STR("main"), number(id, i));
		ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	}
	x = what(REVOKE_FRONT, STR("main"), STR("theirs"));
	ck_assert_int_eq(revoked_end(table, &x, 100), -1);
	ck_assert(!revoked_session(table, &s, 100));
	for (i = 0; i < 64; i++) {
		x = what(i % 2 ? REVOKE_USERNAME : REVOKE_PROVIDER_SID, STR("main"), number(id, i));
		ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	}
	x = what(REVOKE_USERNAME, STR(""), STR("alice"));
	ck_assert_int_eq(revoked_end(table, &x, 100), -1);
	for (i = 0; i < 16; i++) {
		s.op_sid = number(id, i);
		ck_assert(revoked_session(table, &s, 100));
	}
	x = what(REVOKE_FRONT, STR("main"), STR("theirs"));
	x.until = 2000;
	ck_assert_int_eq(revoked_end(table, &x, 1000), 0); /* all others have run out */
	s.op_sid = STR("theirs");
	ck_assert(revoked_session(table, &s, 1999));
}
END_TEST

START_TEST(long_texts_end_sessions_too)
{
	char text[400];
	struct session s = somebody();
	struct revocation x;
	struct mem *m = mem_new(SIZE_MAX);
	size_t n, at;

	memset(text, 'x', sizeof(text));
	for (n = 80; n < sizeof(text); n += 7) {
		struct revoked *again = revoked_new(4);

		s.sub = (struct str){ text, n };
		x = what(REVOKE_SUBJECT, STR("main"), s.sub);
		ck_assert(!revoked_session(table, &s, 100));
		ck_assert_int_eq(revoked_end(table, &x, 100), 0);
		ck_assert(revoked_session(table, &s, 100));
		/* And out of the table again, into another one. */
		for (at = 0; revoked_next(table, &at, 100, m, &x);)
			ck_assert_int_eq(revoked_end(again, &x, 100), 0);
		ck_assert(revoked_session(again, &s, 100));
		revoked_free(&again);
		revoked_free(&table);
		table = revoked_new(64);
	}
	mem_free(&m);
}
END_TEST

START_TEST(all_that_are_in_force_can_be_told)
{
	struct mem *m = mem_new(SIZE_MAX);
	struct revocation x;
	unsigned seen = 0;
	size_t at = 0, n = 0;
	char id[32];
	int i;

	for (i = 0; i < 20; i++) {
		x = what(REVOKE_SUBJECT, STR("main"), number(id, i));
		x.before_ms = i;
		x.until = i % 2 ? 1000 : 200;
		ck_assert_int_eq(revoked_end(table, &x, 100), 0);
	}
	while (revoked_next(table, &at, 500, m, &x)) {
		ck_assert_int_eq(x.kind, REVOKE_SUBJECT);
		ck_assert(str_is(x.provider, STR("main")));
		ck_assert(str_is(x.text, number(id, (int)x.before_ms)));
		ck_assert_int_eq(x.until, 1000);
		ck_assert(!x.digest);
		seen |= 1U << x.before_ms;
		n++;
	}
	ck_assert_uint_eq(n, 10);
	ck_assert_uint_eq(seen, 0xaaaaa);
	mem_free(&m);
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
	tcase_add_test(t, each_kind_ends_the_sessions_it_names_and_no_others);
	tcase_add_test(t, of_two_for_the_same_the_later_times_count);
	tcase_add_test(t, a_session_whose_browser_has_another_ends_when_late_requests_are_through);
	tcase_add_test(t, those_that_were_replaced_take_no_place_from_others);
	tcase_add_test(t, a_session_without_ids_is_ended_by_nothing_that_is_empty);
	tcase_add_test(t, strangers_and_what_is_proven_take_no_place_from_each_other);
	tcase_add_test(t, long_texts_end_sessions_too);
	tcase_add_test(t, all_that_are_in_force_can_be_told);
	tcase_add_test(t, the_hash_is_siphash_1_3);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
