/* session/cookie.c: ours are found, others are left alone, rubbish is neither. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session/cookie.h"

static struct mem *m;

static void
setup(void)
{
	m = mem_new(1 << 20);
}

static void
teardown(void)
{
	mem_free(&m);
}

/* A copy without a terminator, so that the sanitizer sees one byte too many. */
static struct str
exact(const char *text)
{
	struct str s = { malloc(strlen(text) + (strlen(text) == 0)), strlen(text) };

	ck_assert_ptr_nonnull(s.p);
	memcpy((char *)(uintptr_t)s.p, text, s.n);
	return s;
}

/* name|value, joined with "&", of every pair that counts as one. */
static const struct {
	const char *header, *pairs;
} heads[] = {
	{ "", "" },
	{ "a=b", "a|b" },
	{ "a=b; c=d", "a|b&c|d" },
	{ "a=b;c=d", "a|b&c|d" },
	{ "  a =  b ;\tc\t=\td\t", "a|b&c|d" },
	{ "a=", "a|" },
	{ "a=b=c==", "a|b=c==" },
	{ "a=\"b c\"", "a|\"b c\"" },
	{ "a=\"b;c\"", "a|\"b" },
	{ "a=1; a=2", "a|1&a|2" },
	{ ";;", "" },
	{ "=", "" },
	{ "=;", "" },
	{ "=;=;=", "" },
	{ "a", "" },
	{ " ; =x", "" },
	{ ";a=b;", "a|b" },
	{ "a; b=c", "b|c" },
	{ "; ; ;", "" },
	{ " ", "" },
	{ "\t=\t", "" },
	{ "n=v", "n|v" },
	{ "n; =v; n", "" },
	{ "a=b; =c; d=e", "a|b&d|e" },
};

START_TEST(a_cookie_header_comes_apart_into_its_pairs)
{
	struct str head = exact(heads[_i].header), rest = head, name, value;
	const char *got = "";

	while (cookie_next(&rest, &name, &value))
		got = mem_printf(
		    m, "%s%s%.*s|%.*s", got, *got == '\0' ? "" : "&", STR_ARG(name), STR_ARG(value));
	ck_assert_str_eq(got, heads[_i].pairs);
	ck_assert(!cookie_next(&rest, &name, &value));
	free((char *)(uintptr_t)head.p);
}
END_TEST

START_TEST(a_thousand_semicolons_are_nothing)
{
	char text[1000];
	struct str rest = { text, sizeof(text) }, name, value;
	char out[1002];

	memset(text, ';', sizeof(text));
	ck_assert(!cookie_next(&rest, &name, &value));
	ck_assert_uint_eq(cookie_strip(out, &(struct str){ text, sizeof(text) }, 1, STR("wp")), 0);
}
END_TEST

START_TEST(all_cookies_of_a_name_are_found_in_order)
{
	const struct str fields[] = { STR("wp=1; a=b; wp=2"), STR("wpx=3; WP=4; wp=5"), STR("x") };
	struct str out[2];

	ck_assert_uint_eq(cookie_find(fields, 3, STR("wp"), out, 2), 3);
	ck_assert(str_is(out[0], STR("1")));
	ck_assert(str_is(out[1], STR("2")));
	ck_assert_uint_eq(cookie_find(fields, 3, STR("none"), out, 2), 0);
	ck_assert_uint_eq(cookie_find(fields, 3, STR("wp"), NULL, 0), 3);
	ck_assert_uint_eq(cookie_find(NULL, 0, STR("wp"), out, 2), 0);
}
END_TEST

static const struct {
	const char *name;
	size_t number;
} numbers[] = {
	{ "wp", 0 },
	{ "wp_", 0 },
	{ "wp_0", 0 },
	{ "wp_1", 1 },
	{ "wp_8", 8 },
	{ "wp_9", 0 },
	{ "wp_10", 0 },
	{ "wp_01", 0 },
	{ "wp_-1", 0 },
	{ "wp_x", 0 },
	{ "wp-1", 0 },
	{ "wq_1", 0 },
	{ "WP_1", 0 },
	{ "wp_99999999", 0 },
	{ "", 0 },
};

START_TEST(parts_are_numbered_from_one_to_eight)
{
	ck_assert_uint_eq(cookie_part_number(str_of(numbers[_i].name), STR("wp")), numbers[_i].number);
}
END_TEST

static const struct {
	const char *header;
	size_t i;
	const char *text;
	size_t n_ends, last;
} joins[] = {
	{ "wp=ab", 0, "ab", 1, 2 },
	{ "wp=ab; wp_1=cd; wp_2=e", 0, "abcde", 3, 5 },
	{ "wp_2=e; wp_1=cd; wp=ab", 0, "abcde", 3, 5 },
	{ "wp=ab; wp_2=e", 0, "ab", 1, 2 }, /* a gap */
	{ "wp=ab; wp_1=; wp_2=e", 0, "abe", 3, 3 },
	{ "wp=1; wp_1=2; wp=3; wp_1=4", 0, "12", 2, 2 },
	{ "wp=1; wp_1=2; wp=3; wp_1=4", 1, "34", 2, 2 },
	{ "wp=1; wp=3; wp_1=2", 1, "32", 2, 2 },
	{ "wp=0; wp_1=1; wp_2=2; wp_3=3; wp_4=4; wp_5=5; wp_6=6; wp_7=7; wp_8=8; wp_9=9", 0, "012345678", 9,
	    9 },
	{ "wp_1=cd", 0, "", 0, 0 },
};

START_TEST(parts_are_joined_up_to_the_first_gap)
{
	struct str head = str_of(joins[_i].header);
	struct cookie_parts parts;
	struct cookie_joined joined;

	cookie_parts_find(&head, 1, STR("wp"), &parts);
	cookie_parts_join(&parts, joins[_i].i, m, &joined);
	ck_assert_str_eq(joined.text.p, joins[_i].text);
	ck_assert_uint_eq(joined.text.n, strlen(joins[_i].text));
	ck_assert_uint_eq(joined.n_ends, joins[_i].n_ends);
	if (joined.n_ends > 0)
		ck_assert_uint_eq(joined.ends[joined.n_ends - 1], joins[_i].last);
}
END_TEST

START_TEST(more_than_eight_of_a_name_are_not_kept)
{
	struct str head =
	    STR("wp=1;wp=2;wp=3;wp=4;wp=5;wp=6;wp=7;wp=8;wp=9;wp_1=a;wp_1=b;wp_1=c;wp_1=d;wp_1=e;wp_1=f;"
		"wp_1=g;wp_1=h;wp_1=i");
	struct cookie_parts parts;

	cookie_parts_find(&head, 1, STR("wp"), &parts);
	ck_assert_uint_eq(parts.n[0], COOKIE_SAME_MAX);
	ck_assert_uint_eq(parts.n[1], COOKIE_SAME_MAX);
	ck_assert(str_is(parts.v[0][7], STR("8")));
}
END_TEST

static const struct {
	const char *fields[4];
	const char *left;
} strips[] = {
	{ { "" }, "" },
	{ { "a=b" }, "a=b" },
	{ { "wp=x" }, "" },
	{ { "a=b; wp=x; c=d" }, "a=b; c=d" },
	{ { "wp=x; c=d" }, "c=d" },
	{ { "a=b; wp=x" }, "a=b" },
	{ { "a=b;wp=x;c=d" }, "a=b;c=d" },
	{ { "a=b;c=d;e=f" }, "a=b;c=d;e=f" },
	{ { "a=b;   c=d" }, "a=b; c=d" },
	{ { " wp = x ;a=b" }, "a=b" },
	{ { "wp" }, "" }, /* some read a bare word as a name, some as a value: it is not theirs either way */
	{ { "wp; a=b" }, "a=b" },
	{ { "wp=; a=b" }, "a=b" },
	{ { "__Host-wp=x; a=b" }, "a=b" },
	{ { "__Secure-wp=x; a=b" }, "a=b" },
	{ { "__Host-wp_1=x; wp_0=y; wp_12=z" }, "" },
	{ { "wp_x=1; wp_=2; wp1=3; wpx=4; xwp=5; w=6" }, "wp_x=1; wp_=2; wp1=3; wpx=4; xwp=5; w=6" },
	{ { "__Host-wp.t=x; wp.t_1=x; wp.login=y; wp-other=z; wp-other.t_3=q; a=b" }, "a=b" },
	{ { "__Host-__Host-wp=x" }, "__Host-__Host-wp=x" },
	{ { "__Host-a=b" }, "__Host-a=b" },
	{ { "WP=x" }, "WP=x" },
	{ { "a=b; wp_" }, "a=b; wp_" },
	{ { "a=\"; wp=x; \"" }, "a=\"; \"" },
	{ { "a=wp=x" }, "a=wp=x" },
	{ { "a=b; a=c" }, "a=b; a=c" },
	{ { "a=b", "wp=x", "c=d;e=f" }, "a=b; c=d;e=f" },
	{ { "wp=x", "c=d" }, "c=d" },
	{ { "a", "b", "c" }, "a; b; c" },
	{ { ";;", ";a=b;;", ";" }, "a=b" },
	{ { "=", "=;" }, "=; =" },
	{ { " ; =x" }, "=x" },
};

START_TEST(upstreams_see_every_cookie_but_ours)
{
	struct str fields[4];
	size_t n, total = 0, got;
	char *out;

	for (n = 0; n < 4 && strips[_i].fields[n] != NULL; n++) {
		fields[n] = exact(strips[_i].fields[n]);
		total += fields[n].n + 2;
	}
	out = malloc(total); /* the room that is promised to be enough */
	ck_assert_ptr_nonnull(out);
	got = cookie_strip(out, fields, n, STR("wp"));
	ck_assert_uint_eq(got, strlen(strips[_i].left));
	ck_assert_mem_eq(out, strips[_i].left, got);
	free(out);
	while (n-- > 0)
		free((char *)(uintptr_t)fields[n].p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/cookie");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_cookie_header_comes_apart_into_its_pairs, 0, sizeof(heads) / sizeof(*heads));
	tcase_add_test(t, a_thousand_semicolons_are_nothing);
	tcase_add_test(t, all_cookies_of_a_name_are_found_in_order);
	tcase_add_loop_test(t, parts_are_numbered_from_one_to_eight, 0, sizeof(numbers) / sizeof(*numbers));
	tcase_add_loop_test(t, parts_are_joined_up_to_the_first_gap, 0, sizeof(joins) / sizeof(*joins));
	tcase_add_test(t, more_than_eight_of_a_name_are_not_kept);
	tcase_add_loop_test(t, upstreams_see_every_cookie_but_ours, 0, sizeof(strips) / sizeof(*strips));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
