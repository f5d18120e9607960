/* The tokens of a session as one record: what goes in comes out, and nothing else is taken for one. */
#include <stdlib.h>

#include <check.h>

#include "session/tokens.h"

#define NONE                                                                                                 \
	{                                                                                                    \
		NULL, 0                                                                                      \
	}
#define TEXT(t)                                                                                              \
	{                                                                                                    \
		t, sizeof(t) - 1                                                                             \
	}
#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static const struct tokens rows[] = {
	{ .id_token = TEXT("id"),
	    .access_token = TEXT("access"),
	    .refresh_token = TEXT("refresh"),
	    .access_expires = 1,
	    .session = TEXT("session"),
	    .session_ends = 2 },
	{ .id_token = TEXT("id"), .access_token = NONE, .refresh_token = NONE, .session = NONE },
	{ .id_token = NONE,
	    .access_token = NONE,
	    .refresh_token = TEXT(""),
	    .session = TEXT(""),
	    .session_ends = INT64_MAX },
	{ .access_expires = -1 },
};

static bool
same(struct str a, struct str b)
{
	return (a.p == NULL) == (b.p == NULL) && str_is(a, b);
}

START_TEST(what_goes_in_comes_out_and_no_part_of_it)
{
	const struct tokens *in = &rows[_i];
	struct mem *m = mem_new(SIZE_MAX);
	struct str record = tokens_print(in, m);
	struct tokens out;

	ck_assert_uint_eq(record.n, tokens_size(in));
	ck_assert(tokens_parse(record, m, &out));
	ck_assert(same(in->id_token, out.id_token) && same(in->access_token, out.access_token) &&
		  same(in->refresh_token, out.refresh_token) && same(in->session, out.session));
	ck_assert_int_eq(in->access_expires, out.access_expires);
	ck_assert_int_eq(in->session_ends, out.session_ends);
	for (size_t n = 0; n < record.n; n++)
		ck_assert_msg(!tokens_parse((struct str){ record.p, n }, m, &out), "%zu bytes", n);
	mem_free(&m);
}
END_TEST

static const struct str wrong[] = {
	TEXT(""),
	TEXT("\0\0\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377\377\377\377\377"),
	TEXT("\3\0\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377\377\377\377\377"),
	TEXT("\1\0\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377\377\377\377\377x"),
	TEXT("\1\0\0\0\0\0\0\0\0\377\377\377\377\377\377\377\377\377\377\377\376"),
};

START_TEST(what_is_no_record_is_not_taken_for_one)
{
	struct mem *m = mem_new(SIZE_MAX);
	struct tokens out = { .access_expires = 7 };

	ck_assert(!tokens_parse(wrong[_i], m, &out));
	ck_assert_int_eq(out.access_expires, 7);
	mem_free(&m);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/tokens");
	TCase *t = tcase_create("tokens");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, what_goes_in_comes_out_and_no_part_of_it, 0, ROWS(rows));
	tcase_add_loop_test(t, what_is_no_record_is_not_taken_for_one, 0, ROWS(wrong));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
