/* tests/unit/test_conf_err.c - an error keeps its reason, and its sentence never outgrows its place */
#include <check.h>
#include <stdlib.h>

#include "conf/err.h"
#include "conf/str.h"

START_TEST(a_check_reads_as_one_line)
{
	struct err e;

	ck_assert_int_eq(err_set(&e, REASON_TOKEN_EXPIRED, "exp=%d, now=%d", 1, 2), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_EXPIRED);
	ck_assert_str_eq(e.text, "exp=1, now=2");
}
END_TEST

START_TEST(a_long_sentence_is_cut_and_terminated)
{
	char longer[2 * sizeof(((struct err *)0)->text)];
	struct err e;

	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_set(&e, REASON_SYSTEM, "%s", longer);
	ck_assert_uint_eq(strlen(e.text), sizeof(e.text) - 1);
}
END_TEST

START_TEST(the_way_up_adds_where_and_keeps_why)
{
	struct err e;

	err_set(&e, REASON_PROVIDER_TIMEOUT, "no answer within %d ms", 10);
	ck_assert_int_eq(err_in(&e, "token endpoint %s", "https://a/"), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_TIMEOUT);
	ck_assert_str_eq(e.text, "token endpoint https://a/: no answer within 10 ms");
	err_in(&e, "provider \"%s\"", "x");
	ck_assert_str_eq(e.text, "provider \"x\": token endpoint https://a/: no answer within 10 ms");
}
END_TEST

START_TEST(a_prefix_of_any_length_fits)
{
	char prefix[sizeof(((struct err *)0)->text) + 10];

	for (size_t n = 0; n < sizeof(prefix); n++) {
		struct err e;

		memset(prefix, 'p', n);
		prefix[n] = '\0';
		err_set(&e, REASON_SYSTEM, "%s", "why");
		err_in(&e, "%s", prefix);
		ck_assert_uint_lt(strlen(e.text), sizeof(e.text));
		if (n + 5 < sizeof(e.text))
			ck_assert_str_eq(e.text + n, ": why");
	}
}
END_TEST

START_TEST(every_reason_has_a_word_a_status_and_a_meaning)
{
	ck_assert_str_eq(reason_word(REASON_NONE), "");
	for (int r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		const char *w = reason_word((enum reason)r);
		int status = reason_status((enum reason)r);

		ck_assert_msg(w != NULL && *w != '\0' &&
				  strspn(w, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(w),
		    "reason %d: the word \"%s\"", r, w);
		ck_assert_msg(status == 200 || (status >= 300 && status < 600), "%s: status %d", w, status);
		ck_assert_msg(reason_meaning((enum reason)r)[0] != '\0', "%s: no meaning", w);
	}
}
END_TEST

START_TEST(no_two_reasons_share_a_word)
{
	for (int a = 0; a < REASON_COUNT; a++)
		for (int b = a + 1; b < REASON_COUNT; b++)
			ck_assert_str_ne(reason_word((enum reason)a), reason_word((enum reason)b));
}
END_TEST

START_TEST(words_that_others_rely_on_stay)
{
	static const struct {
		enum reason r;
		const char *word;
		int status;
	} rows[] = {
		{ REASON_NO_SESSION, "no_session", 401 },
		{ REASON_CLAIM_MISSING, "claim_missing", 403 },
		{ REASON_LOGIN_STATE, "login_state", 403 },
		{ REASON_TOKEN_SIGNATURE, "token_signature", 403 },
		{ REASON_PROVIDER_DOWN, "provider_down", 503 },
		{ REASON_UPSTREAM_TIMEOUT, "upstream_timeout", 504 },
		{ REASON_WRONG_HOST, "wrong_host", 421 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_str_eq(reason_word(rows[i].r), rows[i].word);
		ck_assert_int_eq(reason_status(rows[i].r), rows[i].status);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/err");
	TCase *t = tcase_create("err");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, a_check_reads_as_one_line);
	tcase_add_test(t, a_long_sentence_is_cut_and_terminated);
	tcase_add_test(t, the_way_up_adds_where_and_keeps_why);
	tcase_add_test(t, a_prefix_of_any_length_fits);
	tcase_add_test(t, every_reason_has_a_word_a_status_and_a_meaning);
	tcase_add_test(t, no_two_reasons_share_a_word);
	tcase_add_test(t, words_that_others_rely_on_stay);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
