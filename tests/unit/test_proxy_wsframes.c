/* proxy/wsframes.c: a frame of our own stands between two, however the bytes come. */
#include <check.h>
#include <stdlib.h>

#include "proxy/wsframes.h"

static const struct {
	const char *name;
	struct str bytes;
	size_t begins[4]; /* where frames begin, the end included; 0 closes the list but for the first */
} rows[] = {
	{ "empty text", STR("\x81\x00"), { 0, 2 } },
	{ "hello, and a ping", STR("\x81\x05hello\x89\x00"), { 0, 7, 9 } },
	{ "fragments",
	    STR("\x01\x03"
		"abc\x80\x01"
		"d"),
	    { 0, 5, 8 } },
	{ "masked", STR("\x81\x82mmmmab\x81\x00"), { 0, 8, 10 } },
	{ "16 bits",
	    STR("\x82\x7e\x00\x03"
		"abc\x82\x7e\x00\x00"),
	    { 0, 7, 11 } },
	{ "64 bits",
	    STR("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x02"
		"ab\x88\x00"),
	    { 0, 12, 14 } },
	{ "64 bits, masked", STR("\x82\xff\x00\x00\x00\x00\x00\x00\x00\x01mmmm!"), { 0, 15 } },
	{ "a payload that looks like heads", STR("\x82\x04\x81\x00\x81\x00"), { 0, 6 } },
	{ "cut",
	    STR("\x82\x05"
		"ab"),
	    { 0 } },
	{ "without end",
	    STR("\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"
		"ab"),
	    { 0 } },
};

START_TEST(frames_begin_where_they_begin)
{
	struct str all = rows[_i].bytes;
	size_t piece, at, k;

	for (piece = 1; piece <= all.n; piece++) {
		struct wsframes f = { 0 };

		for (at = 0; at <= all.n; at += piece) {
			bool begins = at == 0;

			for (k = 1; k < 4; k++)
				begins = begins || (at > 0 && rows[_i].begins[k] == at);
			ck_assert_msg(wsframes_between(&f) == begins, "%s: at %zu in pieces of %zu",
			    rows[_i].name, at, piece);
			wsframes_pass(
			    &f, (struct str){ all.p + at, at + piece > all.n ? all.n - at : piece });
		}
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/wsframes");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, frames_begin_where_they_begin, 0, sizeof(rows) / sizeof(*rows));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
