/* The sign-in cookie, the rate of sign-ins, and self-redirects: small decisions of a sign-in. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proxy/binding.h"
#include "proxy/loops.h"
#include "proxy/rate.h"

#define NAME "workflow_session.login"
#define ID   "AAAAAAAAAAAAAAAAAAAAAA"

static const struct conf_origin http_origin = {
	.url = "http://a", .origin = "http://a", .host = "a", .path = ""
};
static const struct conf_origin https_origin = {
	.url = "https://a/app", .origin = "https://a", .host = "a", .path = "/app", .https = true
};
static const struct conf_session session_conf = { .cookie = "workflow_session" };

static void
read_one(const char *cookie, int64_t now, struct mem *m, struct binding *b)
{
	struct str field = str_of(cookie);

	binding_read(&field, cookie == NULL ? 0 : 1, NAME, now, m, b);
}

START_TEST(a_browser_keeps_its_id_over_any_number_of_attempts)
{
	struct mem *m = mem_new(100000);
	struct binding a, b;
	char *set;

	read_one(NULL, 1000, m, &a);
	ck_assert(a.fresh);
	ck_assert_uint_eq(a.id.n, 22);
	a.done = 2;
	a.failed = 1;
	set = binding_set_cookie(&a, &session_conf, &http_origin, NAME, m);
	*strchr(set, ';') = '\0';
	read_one(set, 1010, m, &b);
	ck_assert(!b.fresh);
	ck_assert(str_is(a.id, b.id));
	ck_assert_uint_eq(b.done, 2);
	ck_assert_uint_eq(b.failed, 1);
	mem_free(&m);
}
END_TEST

START_TEST(counters_of_an_old_window_or_of_the_future_are_zero)
{
	struct mem *m = mem_new(100000);
	struct binding b;

	read_one(NAME "=" ID ".3.2.1000", 1000 + BINDING_WINDOW, m, &b);
	ck_assert_uint_eq(b.done, 3);
	read_one(NAME "=" ID ".3.2.1000", 1001 + BINDING_WINDOW, m, &b);
	ck_assert_uint_eq(b.done, 0);
	ck_assert_uint_eq(b.failed, 0);
	ck_assert(!b.fresh);
	read_one(NAME "=" ID ".3.2.1000", 999, m, &b);
	ck_assert_uint_eq(b.done, 0);
	mem_free(&m);
}
END_TEST

START_TEST(what_is_no_sign_in_cookie_is_replaced)
{
	static const char *const bad[] = { "", NAME, NAME "=", NAME "=" ID, NAME "=" ID ".",
		NAME "=" ID ".1.2", NAME "=" ID ".1.2.", NAME "=" ID ".x.2.3", NAME "=" ID ".1.2.3x",
		NAME "=" ID ".100.2.3", NAME "=" ID ".-1.2.3", NAME "=" ID ".1.2.99999999999999999999",
		NAME "=AAAAAAAAAAAAAAAAAAAAA.1.2.3", NAME "=AAAAAAAAAAAAAAAAAAAAAB.1.2.3",
		NAME "=" ID "A.1.2.3", NAME "=" ID "x1.2.3", "other=" ID ".1.2.3" };
	struct mem *m = mem_new(100000);
	struct binding b;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		read_one(bad[i], 1000, m, &b);
		ck_assert_msg(b.fresh, "%s", bad[i]);
	}
	mem_free(&m);
}
END_TEST

START_TEST(it_is_deleted_with_the_attributes_of_its_creation)
{
	struct mem *m = mem_new(100000);
	struct binding b;
	char *set, *clear;

	read_one(NULL, 1000, m, &b);
	set = binding_set_cookie(&b, &session_conf, &https_origin, NAME, m);
	clear = binding_clear_cookie(&session_conf, &https_origin, NAME, m);
	ck_assert_ptr_nonnull(strstr(set, "; Path=/app; Secure; HttpOnly; SameSite=Lax"));
	ck_assert_ptr_nonnull(strstr(clear, "; Path=/app; Secure; HttpOnly; SameSite=Lax"));
	ck_assert_ptr_nonnull(strstr(clear, "Max-Age=0"));
	ck_assert_ptr_null(strstr(binding_set_cookie(&b, &session_conf, &http_origin, NAME, m), "Secure"));
	mem_free(&m);
}
END_TEST

START_TEST(only_for_another_sites_post_it_goes_along_with_other_sites_requests)
{
	struct mem *m = mem_new(100000);
	struct binding b;

	read_one(NULL, 1000, m, &b);
	ck_assert(!b.cross_site);
	b.cross_site = true;
	ck_assert_ptr_nonnull(strstr(binding_set_cookie(&b, &session_conf, &https_origin, NAME, m),
	    "; Path=/app; Secure; HttpOnly; SameSite=None"));
	ck_assert_ptr_nonnull(
	    strstr(binding_set_cookie(&b, &session_conf, &http_origin, NAME, m), "SameSite=Lax"));
	mem_free(&m);
}
END_TEST

static struct in6_addr
address(const char *text)
{
	struct in6_addr a;

	ck_assert_int_eq(inet_pton(AF_INET6, text, &a), 1);
	return a;
}

START_TEST(an_address_has_its_rate_and_gets_it_back_with_time)
{
	struct rate *r = rate_new(1024);
	struct in6_addr a = address("::ffff:192.0.2.1"), b = address("::ffff:192.0.2.2");
	unsigned wait = 0;
	int i;

	for (i = 0; i < 60; i++)
		ck_assert_uint_eq(rate_take(r, &a, 60, 1000), 0);
	wait = rate_take(r, &a, 60, 1000);
	ck_assert_uint_ge(wait, 1);
	ck_assert_uint_le(wait, 2);
	ck_assert_uint_eq(rate_take(r, &b, 60, 1000), 0); /* its neighbour is somebody else */
	ck_assert_uint_eq(rate_take(r, &a, 60, 2100), 0);
	ck_assert_uint_ne(rate_take(r, &a, 60, 2100), 0);
	rate_free(&r);
}
END_TEST

START_TEST(a_share_comes_back_over_its_own_period)
{
	struct rate *r = rate_new(1024);
	struct in6_addr a = address("::ffff:192.0.2.1"), b = address("::ffff:192.0.2.2");
	int64_t day = 86400 * 1000LL;
	int i;

	for (i = 0; i < 4; i++)
		ck_assert_uint_eq(rate_take_of(r, &a, 4, day, 1000), 0);
	ck_assert_uint_eq(rate_take_of(r, &a, 4, day, 1000), 86400 / 4 + 1);
	ck_assert_uint_eq(rate_take_of(r, &b, 4, day, 1000), 0);
	ck_assert_uint_ne(rate_take_of(r, &a, 4, day, day / 4), 0);
	ck_assert_uint_eq(rate_take_of(r, &a, 4, day, 1000 + day / 4), 0);
	ck_assert_uint_ne(rate_take_of(r, &a, 4, day, 1000 + day / 4), 0);
	for (i = 0; i < 4; i++)
		ck_assert_uint_eq(rate_take_of(r, &a, 4, day, 9 * day), 0);
	ck_assert_uint_ne(rate_take_of(r, &a, 4, day, 9 * day), 0);
	rate_free(&r);
}
END_TEST

START_TEST(one_ipv6_network_is_one_customer)
{
	struct rate *r = rate_new(1024);
	struct in6_addr a = address("2001:db8:1:2::1"), b = address("2001:db8:1:2:ffff::9"),
			c = address("2001:db8:1:3::1");

	ck_assert_uint_eq(rate_take(r, &a, 1, 1000), 0);
	ck_assert_uint_ne(rate_take(r, &b, 1, 1000), 0);
	ck_assert_uint_eq(rate_take(r, &c, 1, 1000), 0);
	rate_free(&r);
}
END_TEST

START_TEST(a_flood_of_addresses_stays_in_its_table)
{
	struct rate *r = rate_new(64);
	struct in6_addr a = address("::ffff:192.0.2.1");
	uint32_t i;

	for (i = 0; i < 100000; i++) {
		memcpy(&a.s6_addr[12], &i, 4);
		(void)rate_take(r, &a, 5, 1000 + i);
	}
	rate_free(&r);
}
END_TEST

START_TEST(the_same_redirect_ten_times_in_half_a_minute_is_a_loop)
{
	struct loops *l = loops_new();
	int i;

	for (i = 1; i < LOOPS_ROUNDS; i++)
		ck_assert(!loops_count(l, STR("sid"), STR("/a"), 1000 + i));
	ck_assert(!loops_count(l, STR("other"), STR("/a"), 1100));
	ck_assert(loops_count(l, STR("sid"), STR("/a"), 1200));
	for (i = 0; i < 2 * LOOPS_ROUNDS; i++)
		ck_assert(!loops_count(l, STR("sid"), STR("/slow"), 1000 + i * LOOPS_WINDOW));
	loops_free(&l);
}
END_TEST

START_TEST(a_location_is_compared_with_the_page_in_every_form)
{
	static const struct {
		const char *location, *path, *query;
		bool self;
	} rows[] = {
		{ "/a", "/a", NULL, true },
		{ "http://h/a", "/a", NULL, true },
		{ "HTTP://H/a", "/a", NULL, true },
		{ "/a#top", "/a", NULL, true },
		{ "/a?x=1", "/a", "x=1", true },
		{ "/a?x=1", "/a", NULL, false },
		{ "/a", "/a", "x=1", false },
		{ "/a?x=2", "/a", "x=1", false },
		{ "/ab", "/a", NULL, false },
		{ "http://other/a", "/a", NULL, false },
		{ "", "/a", NULL, false },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(loops_is_self(str_of(rows[i].location), STR("http://h"), str_of(rows[i].path),
				  str_of(rows[i].query)) == rows[i].self,
		    "%s", rows[i].location);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/binding, rate, loops");
	TCase *t = tcase_create("sign-in");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, a_browser_keeps_its_id_over_any_number_of_attempts);
	tcase_add_test(t, counters_of_an_old_window_or_of_the_future_are_zero);
	tcase_add_test(t, what_is_no_sign_in_cookie_is_replaced);
	tcase_add_test(t, it_is_deleted_with_the_attributes_of_its_creation);
	tcase_add_test(t, only_for_another_sites_post_it_goes_along_with_other_sites_requests);
	tcase_add_test(t, an_address_has_its_rate_and_gets_it_back_with_time);
	tcase_add_test(t, a_share_comes_back_over_its_own_period);
	tcase_add_test(t, one_ipv6_network_is_one_customer);
	tcase_add_test(t, a_flood_of_addresses_stays_in_its_table);
	tcase_add_test(t, the_same_redirect_ten_times_in_half_a_minute_is_a_loop);
	tcase_add_test(t, a_location_is_compared_with_the_page_in_every_form);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
