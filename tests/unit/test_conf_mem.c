/* tests/unit/test_conf_mem.c - what a request learnt goes together, in order, and is wiped where it must be
 */
#include <check.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#include "conf/mem.h"

static struct mem *m;

static void
begin(void)
{
	m = mem_new(100000);
}

static void
end(void)
{
	mem_free(&m);
	ck_assert_ptr_null(m);
}

START_TEST(everything_is_aligned_and_apart)
{
	unsigned char *p[200];

	for (size_t i = 0; i < 200; i++) {
		p[i] = mem_alloc(m, i);
		ck_assert_uint_eq((uintptr_t)p[i] % alignof(max_align_t), 0);
		memset(p[i], (int)i, i);
	}
	for (size_t i = 0; i < 200; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_uint_eq(p[i][k], i);
}
END_TEST

START_TEST(a_piece_larger_than_a_block_is_given)
{
	unsigned char *p = mem_zalloc(m, 50000), *q = mem_alloc(m, 10);

	memset(q, 1, 10);
	for (size_t i = 0; i < 50000; i++)
		ck_assert_uint_eq(p[i], 0);
}
END_TEST

START_TEST(texts_are_terminated_copies)
{
	char was[] = "abcdef";
	struct str s = mem_str(m, (struct str){ was + 1, 3 });
	char *t = mem_text(m, (struct str){ was + 1, 3 }), *d = mem_strdup(m, was);

	was[1] = '#';
	ck_assert_uint_eq(s.n, 3);
	ck_assert_str_eq(s.p, "bcd");
	ck_assert_str_eq(t, "bcd");
	ck_assert_str_eq(d, "abcdef");
	ck_assert_str_eq(mem_text(m, (struct str){ NULL, 0 }), "");
	ck_assert_str_eq(mem_printf(m, "%d-%s", 7, "x"), "7-x");
}
END_TEST

/* Up to the last byte of a block, and from there into the next. */
START_TEST(printed_texts_of_every_length_are_whole)
{
	char want[9000];

	memset(want, 'x', sizeof(want));
	for (size_t n = 0; n < sizeof(want); n += 1 + n / 64) {
		const char *was = mem_printf(m, "%s", "neighbour"), *p = mem_printf(m, "%.*s", (int)n, want);

		ck_assert_uint_eq(strlen(p), n);
		ck_assert_mem_eq(p, want, n);
		ck_assert_str_eq(mem_printf(m, "%s", "behind"), "behind");
		ck_assert_uint_eq(strlen(p), n);
		ck_assert_str_eq(was, "neighbour");
	}
	for (size_t n = 4000; n < 4100; n++) {
		mem_reset(m);
		ck_assert_uint_eq(strlen(mem_printf(m, "%.*s", (int)n, want)), n);
	}
}
END_TEST

START_TEST(past_its_budget_memory_is_given_and_said)
{
	for (int i = 0; i < 10; i++) {
		ck_assert(!mem_overrun(m));
		ck_assert_ptr_nonnull(mem_alloc(m, 10000));
	}
	ck_assert(!mem_overrun(m));
	ck_assert_ptr_nonnull(mem_alloc(m, 1));
	ck_assert(mem_overrun(m));
	mem_reset(m);
	ck_assert(!mem_overrun(m));
}
END_TEST

static char order[8];

static void
note(void *arg)
{
	strncat(order, arg, sizeof(order) - strlen(order) - 1);
}

START_TEST(adopted_objects_go_newest_first_and_once)
{
	char a[] = "a", b[] = "b", c[] = "c";

	order[0] = '\0';
	mem_on_free(m, note, a);
	mem_on_free(m, note, b);
	ck_assert_str_eq(order, "");
	mem_reset(m);
	ck_assert_str_eq(order, "ba");
	mem_on_free(m, note, c);
	mem_free(&m);
	ck_assert_str_eq(order, "bac");
	mem_free(&m);
	ck_assert_str_eq(order, "bac");
}
END_TEST

/* An object that, while it goes, still asks the same memory for another farewell. */
static void
note_again(void *arg)
{
	static char late[] = "l";

	(void)arg;
	mem_on_free(m, note, late);
}

START_TEST(a_farewell_may_add_another)
{
	order[0] = '\0';
	mem_on_free(m, note_again, NULL);
	mem_reset(m);
	ck_assert_str_eq(order, "l");
}
END_TEST

static const unsigned char *watched;
static unsigned char seen[64];

static void
look(void *arg)
{
	(void)arg;
	memcpy(seen, watched, sizeof(seen));
}

START_TEST(secrets_are_zero_at_first_and_wiped_at_the_end)
{
	unsigned char *s;

	mem_on_free(m, look, NULL); /* older than the secret, so it runs after the wiping */
	s = mem_secret(m, sizeof(seen));
	for (size_t i = 0; i < sizeof(seen); i++)
		ck_assert_uint_eq(s[i], 0);
	memset(s, 0x5a, sizeof(seen));
	memset(seen, 0x11, sizeof(seen));
	watched = s;
	mem_reset(m);
	for (size_t i = 0; i < sizeof(seen); i++)
		ck_assert_uint_eq(seen[i], 0);
}
END_TEST

START_TEST(reset_memory_is_used_again)
{
	char *first = mem_alloc(m, 100);

	mem_alloc(m, 50000);
	mem_reset(m);
	ck_assert_ptr_eq(mem_alloc(m, 100), first);
}
END_TEST

START_TEST(the_x_family_never_gives_null)
{
	char *p = xmalloc(0), *q = xcalloc(0, 0), *r = xrealloc(NULL, 0), *s = xstrdup("abc");
	char *t = xstrndup("abc", 2), *u = xprintf("%s%d", "n", 1), *v = xstrndup(NULL, 0);

	ck_assert(p != NULL && q != NULL && r != NULL);
	ck_assert_str_eq(s, "abc");
	ck_assert_str_eq(t, "ab");
	ck_assert_str_eq(u, "n1");
	ck_assert_str_eq(v, "");
	free(p);
	free(q);
	free(r);
	free(s);
	free(t);
	free(u);
	free(v);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/mem");
	TCase *t = tcase_create("mem");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, everything_is_aligned_and_apart);
	tcase_add_test(t, a_piece_larger_than_a_block_is_given);
	tcase_add_test(t, texts_are_terminated_copies);
	tcase_add_test(t, printed_texts_of_every_length_are_whole);
	tcase_add_test(t, past_its_budget_memory_is_given_and_said);
	tcase_add_test(t, adopted_objects_go_newest_first_and_once);
	tcase_add_test(t, a_farewell_may_add_another);
	tcase_add_test(t, secrets_are_zero_at_first_and_wiped_at_the_end);
	tcase_add_test(t, reset_memory_is_used_again);
	tcase_add_test(t, the_x_family_never_gives_null);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
