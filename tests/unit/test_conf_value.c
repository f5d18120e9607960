/* conf/value.c, conf/near.c: what the text of a setting means */
#include <check.h>
#include <stdlib.h>

#include "conf/near.h"
#include "conf/value.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static struct err e;

static const struct {
	const char *text;
	long long ms; /* -1: none */
} durations[] = {
	{ "0", 0 },
	{ "90", 90000 },
	{ "500ms", 500 },
	{ "30s", 30000 },
	{ "10m", 600000 },
	{ "8h", 28800000 },
	{ "7d", 604800000 },
	{ "007", 7000 },
	{ "", -1 },
	{ "s", -1 },
	{ "1.5s", -1 },
	{ "1 s", -1 },
	{ " 1s", -1 },
	{ "-1", -1 },
	{ "+1", -1 },
	{ "8H", -1 },
	{ "1w", -1 },
	{ "1msx", -1 },
	{ "0x10", -1 },
	{ "1e3", -1 },
	{ "99999999999999999999999", -1 },
	{ "2147483648000d", -1 },
};

START_TEST(a_duration_is_a_number_and_a_unit)
{
	int64_t ms = -1;
	int r = value_duration(str_of(durations[_i].text), &ms, &e);

	ck_assert_msg(r == (durations[_i].ms < 0 ? -1 : 0), "\"%s\"", durations[_i].text);
	if (r == 0)
		ck_assert_int_eq(ms, durations[_i].ms);
}
END_TEST

static const struct {
	const char *text;
	long long bytes;
} sizes[] = {
	{ "0", 0 },
	{ "512", 512 },
	{ "64k", 65536 },
	{ "64K", 65536 },
	{ "10m", 10485760 },
	{ "1g", 1073741824 },
	{ "1t", -1 },
	{ "1kb", -1 },
	{ "k", -1 },
	{ "", -1 },
	{ "1,5m", -1 },
	{ "99999999999999g", -1 },
};

START_TEST(a_size_is_a_number_and_a_binary_unit)
{
	uint64_t bytes = 1;
	int r = value_size(str_of(sizes[_i].text), &bytes, &e);

	ck_assert_msg(r == (sizes[_i].bytes < 0 ? -1 : 0), "\"%s\"", sizes[_i].text);
	if (r == 0)
		ck_assert_uint_eq(bytes, (uint64_t)sizes[_i].bytes);
}
END_TEST

START_TEST(a_boolean_is_yes_or_no)
{
	static const char *const neither[] = { "", "Yes", "NO", "true", "on", "1", "yes ", "y" };
	bool b;

	ck_assert(value_bool(STR("yes"), &b, &e) == 0 && b);
	ck_assert(value_bool(STR("no"), &b, &e) == 0 && !b);
	for (int i = 0; i < ROWS(neither); i++)
		ck_assert_int_eq(value_bool(str_of(neither[i]), &b, &e), -1);
}
END_TEST

static const struct {
	const char *text;
	bool good;
} paths[] = {
	{ "/", true },
	{ "/a", true },
	{ "/a/", true },
	{ "/a-b_c.d~e/$&'()+,=:@!", true },
	{ "/...", true },
	{ "", false },
	{ "a", false },
	{ "//", false },
	{ "/a//b", false },
	{ "/.", false },
	{ "/a/..", false },
	{ "/a/./b", false },
	{ "/%41", false },
	{ "/a?b", false },
	{ "/a#b", false },
	{ "/a;b", false },
	{ "/a b", false },
	{ "/a\\b", false },
	{ "/\xc3\xa4", false },
	{ "/a*", false },
	{ "/{a}", false },
	{ "/\x01", false },
	{ "/\x7f", false },
};

START_TEST(a_path_has_one_spelling)
{
	ck_assert_msg(
	    (value_path(str_of(paths[_i].text), &e) == 0) == paths[_i].good, "\"%s\"", paths[_i].text);
}
END_TEST

START_TEST(below_is_meant_on_whole_segments)
{
	ck_assert(value_path_below("/a", "/a"));
	ck_assert(value_path_below("/a/b", "/a"));
	ck_assert(value_path_below("/a", "/"));
	ck_assert(value_path_below("/", "/"));
	ck_assert(!value_path_below("/ab", "/a"));
	ck_assert(!value_path_below("/", "/a"));
	ck_assert(!value_path_below("/A", "/a"));
}
END_TEST

static const struct {
	const char *text, *canonical; /* NULL: none */
} listen_addresses[] = {
	{ "127.0.0.1:8080", "127.0.0.1:8080" },
	{ "0.0.0.0:1", "0.0.0.0:1" },
	{ "[::1]:80", "[::1]:80" },
	{ "[0:0:0:0:0:0:0:1]:80", "[::1]:80" },
	{ "*:443", "[::]:443" },
	{ "[::]:443", "[::]:443" },
	{ "unix:/run/a.sock", "unix:/run/a.sock" },
	{ "1.2.3.4:65535", "1.2.3.4:65535" },
	{ "1.2.3.4:65536", NULL },
	{ "1.2.3.4:0", NULL },
	{ "1.2.3.4:", NULL },
	{ "1.2.3.4", NULL },
	{ ":80", NULL },
	{ "::1:80", NULL },
	{ "::", NULL },
	{ "[::1]80", NULL },
	{ "[::1]", NULL },
	{ "[*]:80", NULL },
	{ "localhost:80", NULL },
	{ "1.2.3:80", NULL },
	{ "01.2.3.4:80", NULL },
	{ "[fe80::1%eth0]:80", NULL },
	{ "unix:", NULL },
	{ "unix:a", NULL },
	{ "unix:/", NULL },
	{ "", NULL },
	{ "unix:/"
	  "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
	  "89"
	  "01234567",
	    NULL },
	{ "11111111111111111111111111111111111111111111111111111111111111111111:80", NULL },
};

START_TEST(an_address_to_listen_on_has_one_spelling)
{
	struct value_address a;
	int r = value_address(str_of(listen_addresses[_i].text), &a, &e);

	ck_assert_msg(
	    r == (listen_addresses[_i].canonical == NULL ? -1 : 0), "\"%s\"", listen_addresses[_i].text);
	if (r == 0)
		ck_assert_str_eq(a.text, listen_addresses[_i].canonical);
}
END_TEST

static const struct {
	const char *text;
	int bits; /* -1: none */
} networks[] = {
	{ "10.0.0.0/8", 104 },
	{ "10.1.2.3", 128 },
	{ "0.0.0.0/0", 96 },
	{ "::/0", 0 },
	{ "fd00::/8", 8 },
	{ "::1", 128 },
	{ "10.0.0.0/33", -1 },
	{ "::/129", -1 },
	{ "10.0.0.1/31", -1 },
	{ "10.0.0.0/", -1 },
	{ "10.0.0.0/x", -1 },
	{ "10.0.0.0/8/8", -1 },
	{ "10.0.0/8", -1 },
	{ "/8", -1 },
	{ "", -1 },
	{ "example.com", -1 },
	{ "fd00::1/64", -1 },
	{ "10.0.0.0/-1", -1 },
	{ "[::1]/128", -1 },
	{ "10.0.0.0 /8", -1 },
};

START_TEST(a_network_has_no_bits_behind_its_prefix)
{
	struct conf_cidr net;
	int r = value_cidr(str_of(networks[_i].text), &net, &e);

	ck_assert_msg(r == (networks[_i].bits < 0 ? -1 : 0), "\"%s\"", networks[_i].text);
	if (r == 0)
		ck_assert_uint_eq(net.bits, (unsigned)networks[_i].bits);
}
END_TEST

START_TEST(no_spelling_of_a_header_of_ours_may_be_set)
{
	static const char *const never[] = { "Host", "host", "COOKIE", "set-cookie", "Authorization",
		"Connection", "TE", "Trailer", "Transfer-Encoding", "transfer_encoding", "Content.Length",
		"Upgrade", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate",
		"Expect", "HTTP2-Settings", "", "a b", "a:b", "\xc3\xa4", "a\x01", "X\r\nY", "X\x7f",
		"Keep_Alive", "Transfer.Encoding" };
	static const char *const fine[] = { "X-Forwarded-User", "Remote-User", "Hosts", "X_A.b",
		"Authorization2" };

	for (int i = 0; i < ROWS(never); i++)
		ck_assert_msg(value_header(str_of(never[i]), &e) == -1, "%s", never[i]);
	for (int i = 0; i < ROWS(fine); i++)
		ck_assert_msg(value_header(str_of(fine[i]), &e) == 0, "%s", fine[i]);
	ck_assert(value_header_same(STR("X-Forwarded-User"), STR("x_forwarded.USER")));
	ck_assert(!value_header_same(STR("X-Forwarded-User"), STR("X-Forwarded-Users")));
	ck_assert(!value_header_same(STR("X-A"), STR("X9A")));
}
END_TEST

static const struct {
	const char *text;
	bool strong;
} secrets[] = {
	{ "hV3qT8xYb1ZfKpR7mWcE5nJ0sLuA9gDi2oXw4tQy6B8", true },
	{ "9f86d081884c7d659a2feaa0c55ad015", true },
	{ "9f86d081884c7d659a2feaa0c55ad01", false },
	{ "", false },
	{ "00000000000000000000000000000000", false },
	{ "abababababababababababababababab", false },
	{ "aabababbbaabaabbbabaabababbaabbabbba", false },
	{ "aabcdefgbbagfcaedcgbafeadgcbefagcbd", false },
	{ "abcdefgabcdefgabcdefgabcdefgabcdefg", false },
	{ "aabbccddaabbccddaabbccddaabbccddeeffgghh", true },
	{ "abcdefghijklmnopqrstuvwxyz0123456789", false },
	{ "0123456789abcdef0123456789abcdef", false },
	{ "CHANGEME9f86d081884c7d659a2feaa0c55ad015", false },
	{ "9f86d081884c7d659a2feaa0c55ad015change-me", false },
	{ "secret9f86d081884c7d659a2feaa0c55ad015", false },
	{ "Password9f86d081884c7d659a2feaa0c55ad015", false },
	{ "a-string-secret-at-least-256-bits-long", false },
	{ "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", false },
};

START_TEST(a_secret_that_guessing_finds_is_refused)
{
	ck_assert_msg((value_strong_secret(str_of(secrets[_i].text), &e) == 0) == secrets[_i].strong, "%s",
	    secrets[_i].text);
}
END_TEST

START_TEST(a_secret_may_hold_any_bytes)
{
	static const unsigned char bytes[] = { 0, 1, 2, 250, 9, 33, 0, 77, 13, 200, 5, 91, 17, 0, 255, 128, 3,
		66, 121, 40, 8, 150, 99, 31, 12, 180, 7, 222, 4, 61, 19, 244 };

	ck_assert_int_eq(value_strong_secret((struct str){ (const char *)bytes, sizeof(bytes) }, &e), 0);
}
END_TEST

START_TEST(a_provider_is_reached_by_https_or_on_this_machine)
{
	ck_assert_int_eq(value_provider_url(STR("https://op.example/x?y=z"), &e), 0);
	ck_assert_int_eq(value_provider_url(STR("http://127.0.0.1:9/x"), &e), 0);
	ck_assert_int_eq(value_provider_url(STR("http://[::1]:9"), &e), 0);
	ck_assert_int_eq(value_provider_url(STR("http://localhost"), &e), 0);
	ck_assert_int_eq(value_provider_url(STR("http://op.example"), &e), -1);
	ck_assert_int_eq(value_provider_url(STR("http://127.0.0.1.example"), &e), -1);
	ck_assert_int_eq(value_provider_url(STR("https://u:p@op.example"), &e), -1);
	ck_assert_int_eq(value_provider_url(STR("https://op.example/#"), &e), -1);
	ck_assert_int_eq(value_provider_url(STR("ldap://op.example"), &e), -1);
}
END_TEST

START_TEST(text_is_what_a_screen_shows)
{
	ck_assert(value_is_text(STR("")));
	ck_assert(value_is_text(STR("a\tb \xc3\xa4 \xf0\x9f\x98\x80")));
	ck_assert(!value_is_text(STR("a\nb")));
	ck_assert(!value_is_text((struct str){ "a\0b", 3 }));
	ck_assert(!value_is_text(STR("\x7f")));
	ck_assert(!value_is_text(STR("\xc2\x85")));
	ck_assert(!value_is_text(STR("\xe2\x80\xae")));
	ck_assert(!value_is_text(STR("\xff")));
	ck_assert(!value_is_text(STR("\xc3")));
	ck_assert(value_is_scope(STR("api://x/.default")));
	ck_assert(!value_is_scope(STR("a b")) && !value_is_scope(STR("")) && !value_is_scope(STR("a\"")));
}
END_TEST

static const struct {
	const char *wanted, *best; /* NULL: nothing is near */
} near_names[] = {
	{ "client_sercet", "client_secret" },
	{ "CLIENT_ID", "client_id" },
	{ "clientid", "client_id" },
	{ "user", NULL },
	{ "x", NULL },
	{ "", NULL },
	{ "client_identifier", NULL },
};

START_TEST(a_mistyped_name_finds_its_neighbour)
{
	struct near n;

	near_init(&n, str_of(near_names[_i].wanted));
	near_offer(&n, "client_secret");
	near_offer(&n, "client_id");
	near_offer(&n, "scopes");
	if (near_names[_i].best == NULL)
		ck_assert_ptr_null(n.best);
	else
		ck_assert_str_eq(n.best, near_names[_i].best);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/value");
	TCase *t = tcase_create("value");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, a_duration_is_a_number_and_a_unit, 0, ROWS(durations));
	tcase_add_loop_test(t, a_size_is_a_number_and_a_binary_unit, 0, ROWS(sizes));
	tcase_add_test(t, a_boolean_is_yes_or_no);
	tcase_add_loop_test(t, a_path_has_one_spelling, 0, ROWS(paths));
	tcase_add_test(t, below_is_meant_on_whole_segments);
	tcase_add_loop_test(t, an_address_to_listen_on_has_one_spelling, 0, ROWS(listen_addresses));
	tcase_add_loop_test(t, a_network_has_no_bits_behind_its_prefix, 0, ROWS(networks));
	tcase_add_test(t, no_spelling_of_a_header_of_ours_may_be_set);
	tcase_add_loop_test(t, a_secret_that_guessing_finds_is_refused, 0, ROWS(secrets));
	tcase_add_test(t, a_secret_may_hold_any_bytes);
	tcase_add_test(t, a_provider_is_reached_by_https_or_on_this_machine);
	tcase_add_test(t, text_is_what_a_screen_shows);
	tcase_add_loop_test(t, a_mistyped_name_finds_its_neighbour, 0, ROWS(near_names));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
