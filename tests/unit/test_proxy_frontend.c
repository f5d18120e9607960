/* proxy/frontend.c: which session_state of a provider's may be kept */
#include <check.h>
#include <stdlib.h>

#include "proxy/frontend.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static const struct {
	const char *text;
	bool kept;
} states[] = {
	{ "a", true },
	{ "3UeSb1A1jC.9hYf-_~!#$%&'()*+/:<=>?@[]^`{|}", true },
	{ "", false },
	{ "a b", false },
	{ "a\tb", false },
	{ "a;b", false },
	{ "a,b", false },
	{ "a\"b", false },
	{ "a\\b", false },
	{ "a\x7f", false },
	{ "\xc3\xa4", false },
	{ "a\r\nSet-Cookie: b=c", false },
};

START_TEST(a_state_is_kept_when_a_cookie_can_hold_it)
{
	ck_assert_msg(
	    frontend_is_state(str_of(states[_i].text)) == states[_i].kept, "\"%s\"", states[_i].text);
}
END_TEST

START_TEST(a_state_is_kept_up_to_its_bound)
{
	char text[FRONTEND_STATE_MAX + 1];

	memset(text, 'a', sizeof(text));
	ck_assert(frontend_is_state((struct str){ text, FRONTEND_STATE_MAX }));
	ck_assert(!frontend_is_state((struct str){ text, FRONTEND_STATE_MAX + 1 }));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("frontend");
	TCase *t = tcase_create("frontend");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, a_state_is_kept_when_a_cookie_can_hold_it, 0, COUNT(states));
	tcase_add_test(t, a_state_is_kept_up_to_its_bound);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
