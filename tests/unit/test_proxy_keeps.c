/* proxy/keeps.c: forms that are kept, within bounds, for who has the key */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mem.h"
#include "proxy/keeps.h"

static struct keeps *keeps;
static unsigned char key[KEEPS_KEY];

static void
setup(void)
{
	keeps = keeps_new();
}

static void
teardown(void)
{
	keeps_free(&keeps);
	ck_assert_ptr_null(keeps);
	keeps_free(&keeps);
}

static bool
add(const char *sid, struct str body, int64_t until, int64_t now)
{
	const struct kept form = {
		.idp = STR("main"),
		.sub = STR("sub-alice"),
		.host = STR("https://flow.example.com"),
		.target = STR("/form?x=1"),
		.type = STR("text/x"),
		.body = body,
		.sid = str_of(sid),
		.until = until,
	};

	return keeps_add(keeps, &form, now, key);
}

START_TEST(copies_under_way_are_bounded_and_take_nothing_from_those_that_wait)
{
	ck_assert(keeps_lend(keeps, KEEPS_TOTAL - 10));
	ck_assert(!keeps_lend(keeps, 11));
	ck_assert(keeps_lend(keeps, 10));
	ck_assert(!keeps_lend(keeps, 1));
	ck_assert(keeps_reserve(keeps, KEEPS_TOTAL));
	keeps_lent_back(keeps, 10);
	ck_assert(keeps_lend(keeps, 10));
	ck_assert(!keeps_lend(keeps, SIZE_MAX));
}
END_TEST

START_TEST(what_goes_in_comes_out_once)
{
	static const char body[] = "a\0b=\xff";
	struct kept *form;

	ck_assert(add("s", (struct str){ body, sizeof(body) }, 100, 50));
	for (int i = 0; i < 2; i++) {
		form = keeps_open(keeps, key, 60, i == 1);
		ck_assert_ptr_nonnull(form);
		ck_assert(str_is(form->idp, STR("main")) && str_is(form->sub, STR("sub-alice")));
		ck_assert(str_is(form->host, STR("https://flow.example.com")));
		ck_assert(str_is(form->target, STR("/form?x=1")) && str_is(form->type, STR("text/x")));
		ck_assert(str_is(form->body, (struct str){ body, sizeof(body) }));
		ck_assert_uint_eq(form->sent, 0);
		keeps_close(&form);
		ck_assert_ptr_null(form);
	}
	ck_assert_ptr_null(keeps_open(keeps, key, 60, false));
	ck_assert(!keeps_drop(keeps, key));
}
END_TEST

START_TEST(half_a_key_opens_and_drops_nothing)
{
	unsigned char wrong[KEEPS_KEY];
	struct kept *form;

	ck_assert(add("s", STR("a=b"), 100, 50));
	memcpy(wrong, key, sizeof(wrong));
	wrong[KEEPS_KEY - 1] ^= 1;
	ck_assert_ptr_null(keeps_open(keeps, wrong, 60, true));
	ck_assert(!keeps_drop(keeps, wrong));
	memcpy(wrong, key, sizeof(wrong));
	wrong[0] ^= 1;
	ck_assert_ptr_null(keeps_open(keeps, wrong, 60, true));
	form = keeps_open(keeps, key, 60, false);
	ck_assert_ptr_nonnull(form);
	keeps_close(&form);
	ck_assert(keeps_drop(keeps, key));
	ck_assert_ptr_null(keeps_open(keeps, key, 60, false));
}
END_TEST

START_TEST(its_time_ends)
{
	struct kept *form;

	ck_assert(add("s", STR("a=b"), 100, 50));
	form = keeps_open(keeps, key, 99, false);
	ck_assert_ptr_nonnull(form);
	keeps_close(&form);
	ck_assert_ptr_null(keeps_open(keeps, key, 100, false));
	ck_assert_ptr_null(keeps_open(keeps, key, 99, false));
}
END_TEST

START_TEST(one_session_has_its_share)
{
	for (int i = 0; i < KEEPS_PER_SESSION; i++)
		ck_assert(add("s", STR("a=b"), 100, 50));
	ck_assert(!add("s", STR("a=b"), 100, 50));
	ck_assert(add("t", STR("a=b"), 100, 50));
	ck_assert(keeps_drop(keeps, key));
	ck_assert(!add("s", STR("a=b"), 100, 50));
	ck_assert(add("s", STR("a=b"), 300, 200));
}
END_TEST

START_TEST(all_together_have_theirs)
{
	char sid[16];
	int n;

	for (n = 0; n <= KEEPS_ENTRIES; n++) {
		(void)snprintf(sid, sizeof(sid), "s%d", n);
		if (!add(sid, STR("a=b"), 100, 50))
			break;
	}
	ck_assert_int_eq(n, KEEPS_ENTRIES);
}
END_TEST

START_TEST(bytes_are_counted_those_being_read_as_well)
{
	size_t most = KEEPS_TOTAL - 4096;
	char *body = xcalloc(1, 8192);

	ck_assert(!keeps_reserve(keeps, (size_t)KEEPS_TOTAL + 1));
	ck_assert(keeps_reserve(keeps, most));
	ck_assert(!keeps_reserve(keeps, 4097));
	ck_assert(!add("s", (struct str){ body, 8192 }, 100, 50));
	keeps_release(keeps, most);
	ck_assert(add("s", (struct str){ body, 8192 }, 100, 50));
	ck_assert(!keeps_reserve(keeps, KEEPS_TOTAL));
	ck_assert(keeps_drop(keeps, key));
	ck_assert(keeps_reserve(keeps, KEEPS_TOTAL));
	keeps_release(keeps, KEEPS_TOTAL);
	free(body);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("keeps");
	TCase *t = tcase_create("keeps");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_goes_in_comes_out_once);
	tcase_add_test(t, copies_under_way_are_bounded_and_take_nothing_from_those_that_wait);
	tcase_add_test(t, half_a_key_opens_and_drops_nothing);
	tcase_add_test(t, its_time_ends);
	tcase_add_test(t, one_session_has_its_share);
	tcase_add_test(t, all_together_have_theirs);
	tcase_add_test(t, bytes_are_counted_those_being_read_as_well);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
