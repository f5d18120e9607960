/* proxy/path.c: the canonical path, its loosest reading, Windows spellings */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "proxy/path.h"

static struct mem *m;
static struct err e;

static void
setup(void)
{
	m = mem_new(1 << 20);
	e = (struct err){ .reason = REASON_NONE };
}

static void
teardown(void)
{
	mem_free(&m);
}

static void
expect_str(struct str got, const char *want)
{
	ck_assert_msg(str_is(got, str_of(want)), "got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

/* --- path_canonical ------------------------------------------------------- */

static const char *const already[] = { "/", "/a", "/a/", "/a/b.c", "/.well-known/x", "/...", "/a/...",
	"/.../a", "/..a/b", "/.a", "/a..", "/a./b", "/a/..b", "/a/.b/", "/-._~!$&'()*+,;=:@", "/a;b=c/d",
	"/[x]{y}|^`\"<>", "/a%2Fb", "/a%5Cb", "/%25", "/caf%C3%A9", "/%20", "/%3B%3F%23",
	"/%E2%82%AC%F0%9F%98%80", "/%252e", "/%EF%BF%BF", "/%ED%9F%BF", "/%EE%80%80", "/%E0%A0%80",
	"/%F0%90%80%80", "/%F4%8F%BF%BF", "/%C2%80", "/%DF%BF" };

START_TEST(a_canonical_path_is_given_back_without_a_copy)
{
	struct str raw = str_of(already[_i]), out;

	ck_assert_msg(path_canonical(raw, m, &out, &e) == 0, "%s: %s", already[_i], e.text);
	ck_assert_ptr_eq(out.p, raw.p);
	ck_assert_uint_eq(out.n, raw.n);
}
END_TEST

static const struct {
	const char *raw, *want;
} mended[] = {
	{ "//", "/" },
	{ "///", "/" },
	{ "//a", "/a" },
	{ "/a//b", "/a/b" },
	{ "/a///", "/a/" },
	{ "/.", "/" },
	{ "/./", "/" },
	{ "/./a", "/a" },
	{ "/a/.", "/a/" },
	{ "/a/b/.", "/a/b/" },
	{ "/a/./b", "/a/b" },
	{ "/a/..", "/" },
	{ "/a/../", "/" },
	{ "/a/../b", "/b" },
	{ "/a/b/..", "/a/" },
	{ "/a/b/../", "/a/" },
	{ "/a/b/../c", "/a/c" },
	{ "/a/b/c/../../d", "/a/d" },
	{ "/a/b/../../c", "/c" },
	{ "/a//../b", "/b" },
	{ "/a/.././b/./../c", "/c" },
	{ "/public/../admin", "/admin" },
	{ "/%61", "/a" },
	{ "/%61dmin", "/admin" },
	{ "/%41%5a%30%39%2d%2E%5f%7e", "/AZ09-._~" },
	{ "/%2e", "/" },
	{ "/a/%2e%2e", "/" },
	{ "/a/.%2e/b", "/b" },
	{ "/a/%2E./b", "/b" },
	{ "/cgi-bin/.%2e/secret", "/secret" },
	{ "/%2e%2e%2e", "/..." },
	{ "/a%2fb", "/a%2Fb" },
	{ "/a%5cb", "/a%5Cb" },
	{ "/a/..%2f", "/a/..%2F" },
	{ "/caf%c3%a9", "/caf%C3%A9" },
	{ "/%f0%9f%98%80", "/%F0%9F%98%80" },
	{ "/%3a%40", "/%3A%40" },
	{ "/%25%32%65", "/%252e" },
	{ "/%252E", "/%252E" },
	{ "/a%2f%2e%2e%2fb", "/a%2F..%2Fb" },
	{ "/a/..;/b", "/a/..;/b" },
	{ "/x//%2e/y%2f", "/x/y%2F" },
};

START_TEST(every_spelling_has_one_canonical_form)
{
	struct str out;

	ck_assert_msg(
	    path_canonical(str_of(mended[_i].raw), m, &out, &e) == 0, "%s: %s", mended[_i].raw, e.text);
	expect_str(out, mended[_i].want);
}
END_TEST

static const char *const bad[] = { "", "*", "a", "a/b", "http://a/", "?", "/..", "/../", "/../a", "/a/../..",
	"/a/../../b", "/./..", "//..", "/%2e%2e", "/%2e%2e/admin", "/.%2e/a", "/a//../..", "/%", "/a%", "/%2",
	"/a%4", "/%zz", "/%2g", "/%g2", "/%u0061", "/%%32%65%%32%65/", "/%-1", "/%+1", "/% 1", "/%00",
	"/admin%00", "/%01", "/%09", "/%0a", "/%0d", "/%1f", "/%1F", "/%7f", "/a\\b", "/\\", "/a b", "/a\tb",
	"/a\x7f", "/a\xc3\xa9", "/\x80", "/\xff", "/a?b", "/a#b", "/%c0%af", "/%C0%AE%C0%AE/admin", "/%c1%9c",
	"/%f5%80%80%80", "/%ff", "/%fe", "/%80", "/%bf", "/%c3", "/%c3a", "/%c3%", "/%c3%4", "/%c3/%a9",
	"/%c3%c3", "/%c3%28", "/%e2%82", "/%e2%82/", "/%e2%28%a1", "/%e2%82%28", "/%e0%80%af", "/%e0%9f%bf",
	"/%ed%a0%80", "/%ed%bf%bf", "/%f0%80%80%af", "/%f0%8f%bf%bf", "/%f4%90%80%80", "/%f0%9f%98",
	"/%f0%9f%98%28", "/%f0%28%8c%bc", "/%e9", "/caf%e9", "/%c3%a9%a9" };

START_TEST(what_no_path_may_hold_is_refused)
{
	struct str out;

	ck_assert_msg(path_canonical(str_of(bad[_i]), m, &out, &e) == -1, "accepted: \"%s\"", bad[_i]);
	ck_assert_int_eq(e.reason, REASON_BAD_TARGET);
}
END_TEST

START_TEST(a_raw_nul_is_refused)
{
	struct str out;

	ck_assert_int_eq(path_canonical(STR("/a\0b"), m, &out, &e), -1);
}
END_TEST

/* --- properties, over random paths made of what matters ------------------- */

static uint32_t
next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static struct str
random_path(uint32_t *state, char *buf, size_t cap)
{
	static const char *const parts[] = { "/", "/", "/", ".", "..", "%2e", "%2E", "%2f", "%5c", "%25",
		"%252e", "a", "B", "%41", ";", "%3b", "%20", "%c3%a9", "%e2%82%ac", "%23", "%3f", "~1", "%32",
		"5", "c" };
	size_t n = 1, parts_n = next(state) % 14;

	buf[0] = '/';
	for (size_t i = 0; i < parts_n; i++) {
		const char *part = parts[next(state) % (sizeof(parts) / sizeof(parts[0]))];

		if (n + strlen(part) > cap)
			break;
		memcpy(buf + n, part, strlen(part));
		n += strlen(part);
	}
	return (struct str){ buf, n };
}

static bool
has(struct str s, const char *what)
{
	return memmem(s.p, s.n, what, strlen(what)) != NULL;
}

static bool
ends(struct str s, const char *what)
{
	size_t n = strlen(what);

	return s.n >= n && memcmp(s.p + s.n - n, what, n) == 0;
}

START_TEST(canonical_is_idempotent_and_holds_no_dot_segment)
{
	uint32_t state = 7;
	char buf[160];
	int good = 0;

	for (int i = 0; i < 20000; i++) {
		struct str raw = random_path(&state, buf, sizeof(buf)), once, twice;

		mem_reset(m);
		if (path_canonical(raw, m, &once, &e) != 0)
			continue;
		good++;
		ck_assert_int_eq(path_canonical(once, m, &twice, &e), 0);
		ck_assert_msg(
		    str_is(once, twice), "%.*s -> %.*s -> %.*s", STR_ARG(raw), STR_ARG(once), STR_ARG(twice));
		ck_assert_ptr_eq(twice.p, once.p);
		ck_assert(once.n <= raw.n && once.p[0] == '/');
		ck_assert(!has(once, "//") && !has(once, "/./") && !has(once, "/../"));
		ck_assert(!ends(once, "/.") && !ends(once, "/.."));
	}
	ck_assert_int_gt(good, 5000);
}
END_TEST

START_TEST(the_loosest_reading_is_stable)
{
	uint32_t state = 11;
	char buf[160];
	int good = 0;

	for (int i = 0; i < 20000; i++) {
		struct str raw = random_path(&state, buf, sizeof(buf)), once, loose, again;

		mem_reset(m);
		if (path_canonical(raw, m, &once, &e) != 0 || !path_loosest(once, m, &loose))
			continue;
		good++;
		ck_assert(loose.p[0] == '/' && loose.n <= once.n);
		ck_assert(!has(loose, "//") && !has(loose, "/./") && !has(loose, "/../") && !has(loose, ";"));
		ck_assert(!has(loose, "\\") && !ends(loose, "/.") && !ends(loose, "/.."));
		ck_assert(path_loosest(loose, m, &again) && str_is(loose, again));
		if (path_is_plain(once))
			ck_assert(str_is(once, loose));
	}
	ck_assert_int_gt(good, 2000);
}
END_TEST

/* --- path_is_plain, path_loosest ------------------------------------------ */

START_TEST(a_plain_path_has_one_reading)
{
	ck_assert(path_is_plain(STR("/")));
	ck_assert(path_is_plain(STR("/Admin/x.y~z")));
	ck_assert(!path_is_plain(STR("/a%20b")));
	ck_assert(!path_is_plain(STR("/a;b")));
	ck_assert(!path_is_plain(STR("/a\\b")));
}
END_TEST

static const struct {
	const char *canonical, *want; /* NULL: no such reading */
} readings[] = {
	{ "/", "/" },
	{ "/a/b", "/a/b" },
	{ "/a/", "/a/" },
	{ "/a%20b", "/a b" },
	{ "/caf%C3%A9", "/caf\xc3\xa9" },
	{ "/%2Fadmin", "/admin" },
	{ "/a%2F%2Fb%2F", "/a/b/" },
	{ "/admin%5Csecret", "/admin/secret" },
	{ "/a\\b", "/a/b" },
	{ "/a%255Cb", "/a/b" },
	{ "/admin;jsessionid=1", "/admin" },
	{ "/admin;a=1;b=2/x;y", "/admin/x" },
	{ "/admin%3Bx", "/admin" },
	{ "/;x/admin", "/admin" },
	{ "/;", "/" },
	{ "/a/;", "/a/" },
	{ "/a;/", "/a/" },
	{ "/admin%20", "/admin" },
	{ "/%20admin%20/%20", "/admin/" },
	{ "/a%20;x", "/a" },
	{ "/a/%20/b", "/a/b" },
	{ "/foo/secret%23/bar", "/foo/secret" },
	{ "/foo/secret%2523/bar", "/foo/secret" },
	{ "/admin%3Fx/y", "/admin" },
	{ "/admin/%3Fx/y", "/admin/" },
	{ "/admin;x%3Fy/z", "/admin/z" },
	{ "/%3B%3F%5Cadmin", NULL },
	{ "/admin%3Fx;y/z", "/admin" },
	{ "/a;b%2Fc", NULL },
	{ "/a;b%5Cc", NULL },
	{ "/a%3Bb%252Fc", NULL },
	{ "/a;b/c%2Fd", "/a/c/d" },
	{ "/a%3Bb%2Fc", "/a/c" },
	{ "/a%23b%2Fc%23d", "/a" },
	{ "/%2561dmin", "/admin" },
	{ "/%252561dmin", "/admin" },
	{ "/%25252561dmin", "/admin" },
	{ "/%2525252561dmin", NULL },
	{ "/100%25", "/100%" },
	{ "/100%2525", "/100%" },
	{ "/a%25zz", "/a%zz" },
	{ "/public/..;/admin", NULL },
	{ "/public/..;x/admin", NULL },
	{ "/public/.;/admin", NULL },
	{ "/x/..%2Fadmin", NULL },
	{ "/x%2F..%2Fadmin", NULL },
	{ "/x/..%5Cadmin", NULL },
	{ "/x/%252E%252E/admin", NULL },
	{ "/x/.%252e/admin", NULL },
	{ "/x/%20..%20/admin", NULL },
	{ "/x/..%23", NULL },
	{ "/admin%23%2F..%2Fpub", NULL },
	{ "/admin%2F%252E%252E%2Fpub", NULL },
	{ "/..%2Fadmin", NULL },
	{ "/.%2Fadmin", NULL },
	{ "/admin%2500", NULL },
	{ "/admin%250A", NULL },
	{ "/admin%257F", NULL },
	{ "/%25C0%25AE%25C0%25AE/admin", NULL },
	{ "/%25E9", NULL },
	{ "/...%2Fx", "/.../x" },
	{ "/..a%2F.b", "/..a/.b" },
};

START_TEST(the_loosest_reading_is_the_most_lenient_backends)
{
	struct str out = { NULL, 0 };
	bool is = path_loosest(str_of(readings[_i].canonical), m, &out);

	ck_assert_msg(is == (readings[_i].want != NULL), "%s -> %.*s", readings[_i].canonical, STR_ARG(out));
	if (is)
		expect_str(out, readings[_i].want);
}
END_TEST

/* --- Windows -------------------------------------------------------------- */

static const char *const tricks[] = { "/admin.", "/admin./x", "/admin%20", "/admin%20/x", "/admin ", "/a/...",
	"/a.../b", "/x%u002e", "/x%U002E", "/%25u0061dmin", "/%25U0061dmin", "/web.config::$DATA",
	"/a::$INDEX_ALLOCATION/b", "/a:$i30:$INDEX_ALLOCATION", "/ADMINI~1", "/admini~9/x", "/a/b~0.txt" };
static const char *const no_tricks[] = { "/", "/admin", "/admin/", "/a.b/c.d", "/.a/b", "/a%20b", "/~user",
	"/a~b", "/a~", "/a:b", "/$a", "/a:", "/%25", "/u", "/a%2020x", "" };

START_TEST(a_spelling_that_windows_folds_is_seen)
{
	ck_assert_msg(path_is_windows_trick(str_of(tricks[_i])), "%s", tricks[_i]);
}
END_TEST

START_TEST(an_ordinary_path_is_no_windows_trick)
{
	ck_assert_msg(!path_is_windows_trick(str_of(no_tricks[_i])), "%s", no_tricks[_i]);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	Suite *s = suite_create("proxy/path");
	TCase *t = tcase_create("path");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_canonical_path_is_given_back_without_a_copy, 0, ROWS(already));
	tcase_add_loop_test(t, every_spelling_has_one_canonical_form, 0, ROWS(mended));
	tcase_add_loop_test(t, what_no_path_may_hold_is_refused, 0, ROWS(bad));
	tcase_add_test(t, a_raw_nul_is_refused);
	tcase_add_test(t, canonical_is_idempotent_and_holds_no_dot_segment);
	tcase_add_test(t, the_loosest_reading_is_stable);
	tcase_add_test(t, a_plain_path_has_one_reading);
	tcase_add_loop_test(t, the_loosest_reading_is_the_most_lenient_backends, 0, ROWS(readings));
	tcase_add_loop_test(t, a_spelling_that_windows_folds_is_seen, 0, ROWS(tricks));
	tcase_add_loop_test(t, an_ordinary_path_is_no_windows_trick, 0, ROWS(no_tricks));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
