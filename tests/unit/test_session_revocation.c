/* session/revocation.c: one line for each revocation, and no other line for it. */
#include <check.h>
#include <stdlib.h>

#include "conf/mem.h"
#include "session/revocation.h"

static struct mem *m;

static void
setup(void)
{
	m = mem_new(SIZE_MAX);
}

static void
teardown(void)
{
	mem_free(&m);
}

static const char digest[] = "0123456789abcdefghijklmnopqrstu\xff";

static const struct row {
	struct revocation x;
	const char *line;
} rows[] = {
	{ { REVOKE_SID, STR(""), STR("AAAAAAAAAAAAAAAAAAAAAA"), false, REVOKE_ALWAYS, 1800000000 },
	    "sid * AAAAAAAAAAAAAAAAAAAAAA 9223372036854775807 1800000000" },
	{ { REVOKE_PROVIDER_SID, STR("main"), STR("a b\n%"), false, 1, 0 }, "op_sid main a%20b%0A%25 1 0" },
	{ { REVOKE_FRONT, STR("*"), STR("*"), false, 0, 1 }, "front_op_sid %2A %2A 0 1" },
	{ { REVOKE_SUBJECT, STR("main"), STR("sha256:x"), false, 5, 6 }, "sub main sha256%3Ax 5 6" },
	{ { REVOKE_USERNAME, STR(""), STR("CORP\\j\xc3\xb6rg@x\0y"), false, 10, 60 },
	    "username * CORP%5Cj%C3%B6rg%40x%00y 10 60" },
	{ { REVOKE_REPLACED, STR(""), STR("AAAAAAAAAAAAAAAAAAAAAA"), false, 7, 60 },
	    "replaced * AAAAAAAAAAAAAAAAAAAAAA 7 60" },
	{ { REVOKE_SUBJECT, STR(""), { digest, 32 }, true, 5, 6 },
	    "sub * sha256:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0df8 5 6" },
};

START_TEST(a_revocation_is_one_line_and_comes_back_whole)
{
	const struct row *w = &rows[_i];
	struct revocation x;

	ck_assert(str_is(revocation_print(&w->x, m), str_of(w->line)));
	ck_assert(revocation_parse(str_of(w->line), m, &x));
	ck_assert_int_eq(x.kind, w->x.kind);
	ck_assert(str_is(x.provider, w->x.provider));
	ck_assert(str_is(x.text, w->x.text));
	ck_assert_int_eq(x.digest, w->x.digest);
	ck_assert_int_eq(x.before_ms, w->x.before_ms);
	ck_assert_int_eq(x.until, w->x.until);
}
END_TEST

static const char *const bad[] = { "", " ", "sid", "sid * x 1", "sid * x 1 2 ", "sid * x 1 2 3",
	" sid * x 1 2", "sid  x 1 2", "sid * x  2", "sid *  1 2", "SID * x 1 2", "session * x 1 2",
	"sid * x -1 2", "sid * x +1 2", "sid * x 01 2", "sid * x 1 02", "sid * x 1a 2",
	"sid * x 9223372036854775808 2", "sid * x 1 2\n", "sid * x 1 99999999999999999999", "sid * %7 1 2",
	"sid * % 1 2", "sid * %zz 1 2", "sid * %41 1 2", "sid * %2f 1 2", "sid * x/y 1 2", "sid * x\ty 1 2",
	"sub a/b x 1 2", "sub %41 x 1 2", "sub ** x 1 2", "sub * sha256: 1 2",
	"sub * sha256:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0df9 1 2",
	"sub * sha256:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0d= 1 2",
	"sub * sha256:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0df8A 1 2",
	"sub main sha256:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0df8 1 2" };

START_TEST(what_print_would_not_write_is_no_line)
{
	struct revocation x;

	ck_assert_msg(!revocation_parse(str_of(bad[_i]), m, &x), "%s", bad[_i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/revocation");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, a_revocation_is_one_line_and_comes_back_whole, 0, sizeof(rows) / sizeof(*rows));
	tcase_add_loop_test(t, what_print_would_not_write_is_no_line, 0, sizeof(bad) / sizeof(*bad));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
