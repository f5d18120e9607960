/* tests/unit/test_conf_utf8.c - every character is read as itself, everything else is refused */
#include <check.h>
#include <stdlib.h>

#include "conf/utf8.h"

/* RFC 3629 3, written the other way round. */
static size_t
encode(unsigned char out[4], uint32_t c)
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (unsigned char)(0xc0 | c >> 6);
		out[1] = (unsigned char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (unsigned char)(0xe0 | c >> 12);
		out[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (unsigned char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | c >> 18);
	out[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (unsigned char)(0x80 | (c & 0x3f));
	return 4;
}

START_TEST(every_character_is_itself_and_no_shorter)
{
	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		unsigned char b[4];
		size_t n = encode(b, c), want = c >= 0xd800 && c < 0xe000 ? 0 : n;
		char *exact = malloc(n); /* so that the sanitizer sees a step too far */
		uint32_t is = 0;

		memcpy(exact, b, n);
		if (utf8_first((struct str){ exact, n }, &is) != want || (want > 0 && is != c))
			ck_abort_msg("U+%04X", c);
		if (n > 1 && utf8_first((struct str){ exact, n - 1 }, &is) != 0)
			ck_abort_msg("U+%04X cut short", c);
		free(exact);
	}
}
END_TEST

START_TEST(what_is_no_character_is_refused)
{
	static const char *const rows[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
		"\xe0\x9f\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\xc3\x28",
		"\xe2\x28\xa1", "\xe2\x82\x28", "\xf0\x28\x8c\xbc", "\xf0\x90\x28\xbc", "\xf0\x90\x8c\x28" };
	uint32_t c;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(utf8_first(str_of(rows[i]), &c) == 0, "row %zu", i);
	ck_assert_uint_eq(utf8_first((struct str){ NULL, 0 }, &c), 0);
}
END_TEST

START_TEST(what_hides_or_turns_text_is_confusing)
{
	static const uint32_t bad[] = { 0, 0x1f, 0x7f, 0x80, 0x9f, 0x61c, 0x200e, 0x200f, 0x2028, 0x2029,
		0x202a, 0x202e, 0x2066, 0x2069, 0xfeff };
	static const uint32_t good[] = { 0x20, 0x7e, 0xa0, 0xfc, 0x20ac, 0x2010, 0x5d0, 0x1f600 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(utf8_is_confusing(bad[i]), "U+%04X", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(!utf8_is_confusing(good[i]), "U+%04X", good[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/utf8");
	TCase *t = tcase_create("utf8");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_character_is_itself_and_no_shorter);
	tcase_add_test(t, what_is_no_character_is_refused);
	tcase_add_test(t, what_hides_or_turns_text_is_confusing);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
