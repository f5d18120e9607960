/* session/session_cookie.c: a cookie is deleted exactly as it was created. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session/session.h"

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

static const struct conf_origin https = { .url = "https://h", .path = "", .https = true };
static const struct conf_origin below = { .url = "https://h/app", .path = "/app", .https = true };
static const struct conf_origin http = { .url = "http://h", .path = "", .https = false };

static const struct {
	const struct conf_origin *origin;
	struct conf_session conf;
	const char *provider, *suffix, *name, *attributes;
} rows[] = {
	{ &https, { .cookie = "wp", .cookie_prefix = true }, NULL, NULL, "__Host-wp",
	    "; Path=/; Secure; HttpOnly; SameSite=Lax" },
	{ &https, { .cookie = "wp", .cookie_prefix = true, .path = "/" }, "okta", ".t", "__Host-wp-okta.t",
	    "; Path=/; Secure; HttpOnly; SameSite=Lax" },
	{ &https, { .cookie = "wp", .cookie_prefix = false }, NULL, NULL, "wp",
	    "; Path=/; Secure; HttpOnly; SameSite=Lax" },
	{ &https, { .cookie = "wp", .cookie_prefix = true, .pass_cookie = true }, NULL, NULL, "wp",
	    "; Path=/; Secure; HttpOnly; SameSite=Lax" },
	{ &https, { .cookie = "wp", .cookie_prefix = true, .domain = "example.com" }, NULL, ".login",
	    "wp.login", "; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax" },
	{ &https, { .cookie = "wp", .cookie_prefix = true, .path = "/x" }, NULL, NULL, "wp",
	    "; Path=/x; Secure; HttpOnly; SameSite=Lax" },
	{ &below, { .cookie = "wp", .cookie_prefix = true }, NULL, NULL, "wp",
	    "; Path=/app; Secure; HttpOnly; SameSite=Lax" },
	{ &below, { .cookie = "wp", .cookie_prefix = true, .path = "/" }, NULL, NULL, "__Host-wp",
	    "; Path=/; Secure; HttpOnly; SameSite=Lax" },
	{ &http, { .cookie = "wp", .cookie_prefix = true }, NULL, NULL, "wp",
	    "; Path=/; HttpOnly; SameSite=Lax" },
	{ &https, { .cookie = "wp", .cookie_prefix = true, .same_site = SAME_SITE_STRICT }, NULL, NULL,
	    "__Host-wp", "; Path=/; Secure; HttpOnly; SameSite=Strict" },
	{ &https, { .cookie = "wp", .cookie_prefix = true, .same_site = SAME_SITE_NONE }, NULL, NULL,
	    "__Host-wp", "; Path=/; Secure; HttpOnly; SameSite=None" },
};

START_TEST(names_and_attributes_follow_the_settings)
{
	char *name =
	    session_cookie_name(&rows[_i].conf, rows[_i].origin, rows[_i].provider, rows[_i].suffix, m);
	const char **set;

	ck_assert_str_eq(name, rows[_i].name);
	set = session_cookie_set(&rows[_i].conf, rows[_i].origin, name, STR("value"), NULL, m);
	ck_assert_str_eq(set[0], mem_printf(m, "%s=value%s", name, rows[_i].attributes));
	ck_assert_ptr_null(set[1]);
	set = session_cookie_clear(&rows[_i].conf, rows[_i].origin, name, NULL, m);
	ck_assert_str_eq(set[0], mem_printf(m, "%s=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT%s",
				     name, rows[_i].attributes));
	ck_assert_ptr_null(set[1]);
}
END_TEST

static struct str
long_value(size_t n)
{
	char *text = mem_alloc(m, n + 1);
	size_t i;

	for (i = 0; i < n; i++)
		text[i] = (char)('a' + i % 23);
	text[n] = '\0';
	return (struct str){ text, n };
}

START_TEST(a_long_value_comes_in_pieces_that_join_again)
{
	const struct conf_session *conf = &rows[0].conf;
	size_t piece = session_cookie_room(conf, &https, "__Host-wp") / 9, i, n;
	const size_t lengths[] = { 0, 1, piece - 1, piece, piece + 1, 2 * piece, 2 * piece + 1, 9 * piece - 1,
		9 * piece };

	ck_assert_uint_gt(piece, 3700);
	for (n = 0; n < sizeof(lengths) / sizeof(*lengths); n++) {
		struct str value = long_value(lengths[n]);
		const char **set = session_cookie_set(conf, &https, "__Host-wp", value, NULL, m),
			   *joined = "";

		for (i = 0; set[i] != NULL; i++) {
			const char *name = i == 0 ? "__Host-wp" : mem_printf(m, "__Host-wp_%zu", i), *at;

			ck_assert_uint_le(strlen(set[i]), 3900);
			ck_assert_int_eq(strncmp(set[i], name, strlen(name)), 0);
			at = set[i] + strlen(name);
			ck_assert_int_eq(*at, '=');
			joined = mem_printf(m, "%s%.*s", joined, (int)strcspn(at + 1, ";"), at + 1);
		}
		ck_assert_str_eq(joined, value.p);
		ck_assert_uint_eq(i, lengths[n] == 0 ? 1 : (lengths[n] + piece - 1) / piece);
	}
}
END_TEST

START_TEST(what_nine_cookies_cannot_hold_is_refused)
{
	const struct conf_session *conf = &rows[0].conf;
	char *name = mem_alloc(m, 4001);

	ck_assert_ptr_null(session_cookie_set(conf, &https, "__Host-wp",
	    long_value(session_cookie_room(conf, &https, "__Host-wp") + 1), NULL, m));
	memset(name, 'n', 4000);
	name[4000] = '\0';
	ck_assert_uint_eq(session_cookie_room(conf, &https, name), 0);
	ck_assert_ptr_null(session_cookie_set(conf, &https, name, STR("x"), NULL, m));
}
END_TEST

#define GONE "; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=Lax"

START_TEST(a_shorter_value_deletes_what_the_longer_one_left)
{
	const struct conf_session *conf = &rows[0].conf;
	struct str head =
	    STR("__Host-wp=x; __Host-wp_1=a; __Host-wp_3=b; __Host-wp_9=c; __Host-wp_1=d; __Host-wp.t_2=e");
	struct visit had = { .cookies = &head, .n_cookies = 1 };
	const char **set = session_cookie_set(conf, &https, "__Host-wp", STR("v"), &had, m);

	ck_assert_int_eq(strncmp(set[0], "__Host-wp=v;", 12), 0);
	ck_assert_str_eq(set[1], "__Host-wp_1=" GONE);
	ck_assert_str_eq(set[2], "__Host-wp_3=" GONE);
	ck_assert_ptr_null(set[3]);
	set = session_cookie_set(conf, &https, "__Host-wp", long_value(5000), &had, m);
	ck_assert_int_eq(strncmp(set[1], "__Host-wp_1=", 12), 0);
	ck_assert_ptr_null(strstr(set[1], "Max-Age"));
	ck_assert_str_eq(set[2], "__Host-wp_3=" GONE);
	ck_assert_ptr_null(set[3]);
}
END_TEST

START_TEST(signing_out_deletes_every_part)
{
	const struct conf_session *conf = &rows[0].conf;
	struct str head = STR("__Host-wp_2=a; __Host-wp_8=b; __Host-wp-okta=c; __Host-wp_22=d");
	struct visit had = { .cookies = &head, .n_cookies = 1 };
	const char **set = session_cookie_clear(conf, &https, "__Host-wp", &had, m);

	ck_assert_str_eq(set[0], "__Host-wp=" GONE);
	ck_assert_str_eq(set[1], "__Host-wp_2=" GONE);
	ck_assert_str_eq(set[2], "__Host-wp_8=" GONE);
	ck_assert_ptr_null(set[3]);
}
END_TEST

START_TEST(what_a_session_takes_is_counted_without_those_of_other_providers)
{
	const struct str cookies[] = { STR("app=1; wp=abc; wp_1=de; wp.t=f; wp-b=0123456789; wp-b.t=0"),
		STR("wp_9=no; wp.t_1=g; wpx=no; wp") };
	struct session_scope scope = { &http, NULL, STR("wp") };
	struct visit v = { .scope = &scope, .cookies = cookies, .n_cookies = 2, .mem = m };

	ck_assert_uint_eq(session_cookie_held(&v), strlen("wp=abc; wp_1=de; wp.t=f; wp.t_1=g; "));
	scope.cookie = STR("wp-b");
	ck_assert_uint_eq(session_cookie_held(&v), strlen("wp-b=0123456789; wp-b.t=0; "));
	scope.cookie = STR("wp-c");
	ck_assert_uint_eq(session_cookie_held(&v), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/session_cookie");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, names_and_attributes_follow_the_settings, 0, sizeof(rows) / sizeof(*rows));
	tcase_add_test(t, a_long_value_comes_in_pieces_that_join_again);
	tcase_add_test(t, what_nine_cookies_cannot_hold_is_refused);
	tcase_add_test(t, a_shorter_value_deletes_what_the_longer_one_left);
	tcase_add_test(t, signing_out_deletes_every_part);
	tcase_add_test(t, what_a_session_takes_is_counted_without_those_of_other_providers);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
