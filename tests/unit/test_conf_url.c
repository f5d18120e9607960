/* conf/url.c: URLs taken apart, the guard against open redirects, encodings */
#include <check.h>
#include <stdlib.h>

#include "conf/url.h"

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

/* --- url_parse ------------------------------------------------------------ */

static const struct {
	const char *text;
	bool https;
	const char *host;
	unsigned port;
	bool port_given;
	const char *path;
	const char *query; /* NULL: none */
} whole[] = {
	{ "https://flow.example.com", true, "flow.example.com", 443, false, "", NULL },
	{ "https://flow.example.com/", true, "flow.example.com", 443, false, "/", NULL },
	{ "http://127.0.0.1:8080/app", false, "127.0.0.1", 8080, true, "/app", NULL },
	{ "https://[::1]:8443/x?y", true, "[::1]", 8443, true, "/x", "y" },
	{ "https://[2001:db8::1]", true, "[2001:db8::1]", 443, false, "", NULL },
	{ "HTTPS://Login.Example.COM:443/T/v2.0", true, "Login.Example.COM", 443, true, "/T/v2.0", NULL },
	{ "http://a?", false, "a", 80, false, "", "" },
	{ "http://a?b=//c/?d", false, "a", 80, false, "", "b=//c/?d" },
	{ "https://idp/.well-known/openid-configuration?appid=1", true, "idp", 443, false,
	    "/.well-known/openid-configuration", "appid=1" },
	{ "https://a/x@y:z", true, "a", 443, false, "/x@y:z", NULL },
	{ "https://a.b_c-d./", true, "a.b_c-d.", 443, false, "/", NULL },
	{ "http://a:1", false, "a", 1, true, "", NULL },
	{ "http://a:65535/", false, "a", 65535, true, "/", NULL },
};

START_TEST(an_absolute_url_is_taken_apart)
{
	struct url u;

	ck_assert_msg(
	    url_parse(str_of(whole[_i].text), &u, &e) == 0, "%s: refused: %s", whole[_i].text, e.text);
	ck_assert(u.https == whole[_i].https);
	expect_str(u.host, whole[_i].host);
	ck_assert_uint_eq(u.port, whole[_i].port);
	ck_assert(u.port_given == whole[_i].port_given);
	expect_str(u.path, whole[_i].path);
	ck_assert((u.query.p == NULL) == (whole[_i].query == NULL));
	if (whole[_i].query != NULL)
		expect_str(u.query, whole[_i].query);
}
END_TEST

static const char *const not_whole[] = { "", "https", "https:", "https:/", "https://", "https:///x",
	"https://?x", "https://:443/", "//a/b", "/a", "a.b/c", "ftp://a/", "javascript://a/", "httpss://a/",
	"https:/a/", "https:a", " https://a", "https://a ", "https://a b/", "https://a/b c", "https://a/\tb",
	"https://a/b\r\n", "https://a/\xc3\xa9", "https://\xc3\xa9.de/", "https://a\\b/", "https://a/\\b",
	"https://a#b", "https://a/#", "https://user@a/", "https://user:pw@a/", "https://@a/",
	"https://good.com\\@evil.com", "https://a:/", "https://a:0/", "https://a:65536/", "https://a:99999/",
	"https://a:100000/", "https://a:+80/", "https://a:8x/", "https://a:80:80/", "https://[::1/",
	"https://::1/", "https://[::1]x/", "https://[::1]:/", "https://[]/", "https://[::1%25eth0]/",
	"https://[v1.a]/", "https://[127.0.0.1]/", "https://.a/", "https://a..b/", "https://a../",
	"https://./", "https://a,b/", "https://a%2eb/", "https://a*b/", "https://1.2.3/",
	"https://1.2.3.4.5/", "https://256.1.1.1/", "https://0x7f.1/", "https://a.0x7f/",
	"https://2130706433/", "https://0177.0.0.1/", "https://127.1/", "https://a\x7f/" };

START_TEST(anything_else_is_no_url)
{
	struct url u;

	ck_assert_msg(url_parse(str_of(not_whole[_i]), &u, &e) == -1, "accepted: \"%s\"", not_whole[_i]);
	ck_assert_int_eq(e.reason, REASON_BAD_TARGET);
	ck_assert(e.text[0] != '\0');
}
END_TEST

START_TEST(a_nul_is_no_part_of_a_url)
{
	struct url u;

	ck_assert_int_eq(url_parse(STR("https://a/\0b"), &u, &e), -1);
	ck_assert(!url_is_host(STR("a\0b")));
}
END_TEST

START_TEST(the_length_of_a_host_has_a_bound)
{
	char host[300];

	for (size_t i = 0; i < sizeof(host); i++)
		host[i] = i % 2 == 0 ? 'a' : '.';
	ck_assert(url_is_host((struct str){ host, 255 }));
	ck_assert(!url_is_host((struct str){ host, 257 }));
	memset(host, 'a', sizeof(host));
	ck_assert(url_is_host((struct str){ host, 63 }));
	ck_assert(!url_is_host((struct str){ host, 64 }));
	memset(host, '1', sizeof(host));
	ck_assert(!url_is_host((struct str){ host, 30 }));
	host[0] = '[';
	host[99] = ']';
	ck_assert(!url_is_host((struct str){ host, 100 }));
}
END_TEST

static const struct {
	const char *url;
	bool is;
} loopback[] = {
	{ "http://127.0.0.1/", true },
	{ "http://127.255.255.254:1/", true },
	{ "http://[::1]/", true },
	{ "http://[0:0:0:0:0:0:0:1]/", true },
	{ "http://localhost/", true },
	{ "http://LocalHost:80/", true },
	{ "http://128.0.0.1/", false },
	{ "http://[::2]/", false },
	{ "http://[::ffff:127.0.0.1]/", false },
	{ "http://localhost.example.com/", false },
	{ "http://127.0.0.1.example.com/", false },
	{ "http://xlocalhost/", false },
};

START_TEST(loopback_is_this_machine_only)
{
	struct url u;

	ck_assert_int_eq(url_parse(str_of(loopback[_i].url), &u, &e), 0);
	ck_assert_msg(url_is_loopback(&u) == loopback[_i].is, "%s", loopback[_i].url);
}
END_TEST

/* --- url_is_local_path ---------------------------------------------------- */

static const char *const local[] = { "/", "/a", "/a/", "/a/b?x=1&y=%2Fz", "/a//b", "/a/../b", "/a/b/..",
	"/a/.", "/.", "/?", "/?//evil.example", "/?rd=https://evil.example/",
	"/search?q=http://a/b?c=//d\"<>", "/x?a=%0D%0Ab", "/x?%00", "/x?100%", "/caf%C3%A9/%E2%82%AC",
	"/.evil.example", "/..evil", "/...", "/@evil.example", "/a@b", "/a:b", "/http://evil.example",
	"/a;b=c", "/~me", "/a%20b", "/docs/CORP%5Cjane", "/a%2Fb", "/100%25", "/100%25%20done", "/a%2525b",
	"/%E2%80%A8", "/evil.example", "/a/./b", "/?x=\x7e", "/$!'()*+,=&", "/a/b/../../c",
	"/index.php?return=//evil.example/%2f.." };

START_TEST(an_ordinary_deep_link_is_local)
{
	ck_assert_msg(url_is_local_path(str_of(local[_i])), "refused: \"%s\"", local[_i]);
}
END_TEST

/* Other places, in spellings that have passed one guard or another. */
static const char *const foreign[] = {
	/* not a path at all */
	"",
	"evil.example",
	"evil.example/",
	"www.evil.example",
	".evil.example",
	"..",
	".",
	"./a",
	"../a",
	"?a",
	"#a",
	"@evil.example",
	":80",
	":443@evil.example",
	"a:b@evil.example",
	";@evil.example",
	"-evil.example",
	"*",
	"//evil.example",
	"//evil.example/",
	"//evil.example/%2f..",
	"//evil.example/..;/css",
	"///evil.example",
	"////evil.example",
	"/////evil.example/",
	"//////////evil.example",
	"//",
	"///",
	"//\\",
	"//@evil.example",
	"//good.example@evil.example",
	"//good.example:443@evil.example/",
	"//evil.example@good.example",
	"//evil.example?good.example",
	"//evil.example#good.example",
	"//evil%2eexample",
	"//evil%E3%80%82example",
	"//0x7f000001/",
	"//2130706433/",
	"//[::1]/",
	"//[::ffff:7f00:1]",
	"//127.1",
	/* schemes */
	"http://evil.example",
	"https://evil.example",
	"HTTPS://evil.example",
	"hTtP://evil.example",
	"http:evil.example",
	"https:evil.example",
	"https:/evil.example",
	"https:\\evil.example",
	"https:/\\evil.example",
	"https:\\/evil.example",
	"https:\\\\evil.example",
	"https:///evil.example",
	"https:////evil.example",
	"https://good.example@evil.example",
	"https://good.example%40evil.example",
	"https://evil.example\\@good.example",
	"https://good.example.evil.example",
	"http://\\evil.example",
	"http:/\\/evil.example",
	"ftp://evil.example",
	"javascript:alert(1)",
	"JavaScript:alert(1)",
	"javascript://%0aalert(1)",
	"javascript:%2f%2f%0aalert(1)",
	"java%0ascript:alert(1)",
	"java\tscript:alert(1)",
	"j\navascript:alert(1)",
	"\x01javascript:alert(1)",
	"data:text/html,x",
	"vbscript:x",
	"file:///etc/passwd",
	"about:blank",
	"view-source:http://evil.example",
	"x://evil.example",
	"://evil.example",
	":/evil.example",
	":///evil.example",
	"blob:https://evil.example/1",
	"mailto:a@evil.example",
	"%68ttps://evil.example",
	"https%3a%2f%2fevil.example",
	"javascript%3aalert(1)",
	/* backslashes */
	"\\evil.example",
	"\\\\evil.example",
	"\\/evil.example",
	"\\/\\/evil.example",
	"/\\evil.example",
	"/\\/evil.example",
	"/\\\\evil.example",
	"/\\/\\evil.example",
	"\\/\\evil.example",
	"//\\evil.example",
	"/\\@evil.example",
	"/\\",
	"/a\\b",
	"/a/\\evil.example",
	"/a?\\",
	"/\\\tevil.example",
	"/.\\evil.example",
	"/..\\evil.example",
	"/\\..\\evil.example",
	"\\.\\evil.example",
	/* encoded slashes and backslashes, once and more */
	"/%2fevil.example",
	"/%2Fevil.example",
	"/%2f%2fevil.example",
	"/%2f/evil.example",
	"/%2F%2F%2Fevil.example",
	"/%5cevil.example",
	"/%5Cevil.example",
	"/%5c%5cevil.example",
	"/%5c/evil.example",
	"/%2f%5cevil.example",
	"/%5c%2fevil.example",
	"/%252fevil.example",
	"/%252Fevil.example",
	"/%255cevil.example",
	"/%25252fevil.example",
	"/%25255cevil.example",
	"/%2525252fevil.example",
	"/%25%32%66evil.example",
	"/%25%35%63evil.example",
	"/%%32%66evil.example",
	"%2fevil.example",
	"%2f%2fevil.example",
	"%5cevil.example",
	"%5c%5cevil.example",
	"%2f%5cevil.example",
	"/%2f%2e%2e//evil.example",
	"/%252525252525252fa",
	"/%2f",
	"/%2f/",
	"/%5c/",
	/* dot segments */
	"/.//evil.example",
	"/././/evil.example",
	"/./../evil.example",
	"/../evil.example",
	"/..",
	"/../",
	"/a/../..",
	"/a/../../evil.example",
	"/a/..//evil.example",
	"/a/b/../..//evil.example",
	"/..//evil.example",
	"/../..//evil.example",
	"/./../..//evil.example",
	"/./.././../evil.example",
	"/a//../..//evil.example",
	"/%2e//evil.example",
	"/%2e%2e//evil.example",
	"/%2e%2e/evil.example",
	"/.%2e//evil.example",
	"/%2e.//evil.example",
	"/a/%2e%2e//evil.example",
	"/a/.%2E//evil.example",
	"/%252e%252e//evil.example",
	"/a/%252e%252e//evil.example",
	"/a/..%2fevil.example/..%2f/x",
	"/a/..%2f%2fevil.example",
	"/a%2f..%2f%2fevil.example",
	"/a/..%5c%5cevil.example",
	"/a%5c..%5c%5cevil.example",
	"/.%2f/evil.example",
	"/.%5c%5cevil.example",
	"/%2e%2f%2fevil.example",
	"/%2e%5c%5cevil.example",
	"/.%252f/evil.example",
	"/a/%2e%2e%2f%2fevil.example",
	"/..%2f",
	"/..%5c",
	"/%2e%2e",
	"/%2e%2e%2f%2fevil.example",
	"/;/../..//evil.example",
	/* controls and white space, raw */
	"/\t/evil.example",
	"/\n/evil.example",
	"/\r/evil.example",
	"/\r\n/evil.example",
	"/\x0b/evil.example",
	"/\x0c/evil.example",
	"/\x01/evil.example",
	"/\x1f/evil.example",
	"/\x7f/evil.example",
	"\t//evil.example",
	" //evil.example",
	"\n//evil.example",
	" /a",
	"\t/a",
	"/a ",
	"/a\t",
	"/a\r\n",
	"/a\n",
	"/a b",
	"/ /evil.example",
	"/\t\\evil.example",
	"/\\\tevil.example",
	"\r\n//evil.example",
	"/a\r\nLocation: //evil.example",
	"/a?b\r\nSet-Cookie: c=d",
	"/a?b c",
	"/a?b\t",
	"/ ",
	"\x0b/a",
	"//\tevil.example",
	"/\t\n\r/evil.example",
	/* controls, encoded */
	"/%09/evil.example",
	"/%0a/evil.example",
	"/%0d/evil.example",
	"/%0D%0A/evil.example",
	"/%00/evil.example",
	"/%01/evil.example",
	"/%0b/evil.example",
	"/%0c/evil.example",
	"/%1f/evil.example",
	"/%7f/evil.example",
	"/%09%2fevil.example",
	"/%2509/evil.example",
	"/%250a/evil.example",
	"/%25250d/evil.example",
	"/a%0d%0aSet-Cookie:b",
	"/%0d%0aLocation:%20//evil.example",
	"/a/%00",
	"/a%00//evil.example",
	"/a%0a",
	"%09//evil.example",
	"%0d%0a//evil.example",
	"%20//evil.example",
	"/%5c%09evil.example",
	"/%%0a0aevil.example",
	"/%25%30%39/evil.example",
	/* bytes above ASCII, broken and overlong encodings */
	"/\xe2\x80\xa8/evil.example",
	"/\xef\xbc\x8f"
	"evil.example",
	"\xef\xbc\x8f\xef\xbc\x8f"
	"evil.example",
	"/\xe2\x88\x95"
	"evil.example",
	"/\xe3\x80\x82/evil.example",
	"/\xc2\xa0/evil.example",
	"/\xe2\x80\x8b/evil.example",
	"/\xc0\xaf"
	"evil.example",
	"\xe2\x80\xae//evil.example",
	"/caf\xc3\xa9",
	"/a?\xc3\xa9",
	"/%c0%af"
	"evil.example",
	"/%c1%9cevil.example",
	"/%c0%ae%c0%ae//evil.example",
	"/%f8%80%80%80%af"
	"evil.example",
	"/%ff",
	"/%25c0%25afa",
	"/%",
	"/%2",
	"/%zz",
	"/%2g",
	"/%u002fevil.example",
	"/%u2215evil.example",
	"/a%",
	"/%-2f",
	"/%+2",
	/* fragments */
	"/#",
	"/a#b",
	"/#//evil.example",
	"/a?b#c",
};

START_TEST(no_spelling_of_another_place_is_local)
{
	ck_assert_msg(!url_is_local_path(str_of(foreign[_i])), "row %d accepted: \"%s\"", _i, foreign[_i]);
}
END_TEST

START_TEST(a_nul_or_a_long_path_is_not_local)
{
	char text[2049];

	ck_assert(!url_is_local_path(STR("/\0/evil")));
	ck_assert(!url_is_local_path(STR("/a\0")));
	ck_assert(!url_is_local_path((struct str){ NULL, 0 }));
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	ck_assert(url_is_local_path((struct str){ text, 2048 }));
	ck_assert(!url_is_local_path((struct str){ text, 2049 }));
}
END_TEST

/* --- encodings and parameters --------------------------------------------- */

START_TEST(everything_but_unreserved_is_encoded)
{
	expect_str(url_encode(m, STR("aZ09-._~")), "aZ09-._~");
	expect_str(url_encode(m, STR(" /?#&=+%\xc3\xa9\"")), "%20%2F%3F%23%26%3D%2B%25%C3%A9%22");
	expect_str(url_encode(m, STR("a\0b")), "a%00b");
	expect_str(url_encode(m, STR("")), "");
	ck_assert_str_eq(url_encode(m, STR("x y")).p, "x%20y");
}
END_TEST

static const struct {
	const char *query, *name;
	int result;
	const char *value;
} params[] = {
	{ "a=1&b=2", "b", 0, "2" },
	{ "a=1&b=2", "a", 0, "1" },
	{ "a=1&b=2", "c", 1, NULL },
	{ "a=1&b=2", "ab", 1, NULL },
	{ "ab=1", "a", 1, NULL },
	{ "", "a", 1, NULL },
	{ "&", "a", 1, NULL },
	{ "&&=&", "a", 1, NULL },
	{ "=x", "a", 1, NULL },
	{ "a", "a", 0, "" },
	{ "a=", "a", 0, "" },
	{ "&a=1&", "a", 0, "1" },
	{ "a=b=c", "a", 0, "b=c" },
	{ "a=%2Fx%3fy+z%20%C3%A9", "a", 0, "/x?y z \xc3\xa9" },
	{ "st%61te=1", "state", 0, "1" },
	{ "a+b=1", "a b", 0, "1" },
	{ "A=1", "a", 1, NULL },
	{ "a=1&a=2", "a", -1, NULL },
	{ "a=1&a=1", "a", -1, NULL },
	{ "a&a", "a", -1, NULL },
	{ "a=1&%61=2", "a", -1, NULL },
	{ "a=1&b=1&a", "a", -1, NULL },
	{ "a=%", "a", -1, NULL },
	{ "a=%2", "a", -1, NULL },
	{ "a=%2g", "a", -1, NULL },
	{ "a=%g2", "a", -1, NULL },
	{ "a=x%00y", "a", -1, NULL },
	{ "a=%0a", "a", 0, "\n" },
	{ "a%00=1", "a", 1, NULL },
	{ "a%=1&a=2", "a", 0, "2" },
	{ "b=%zz&a=2", "a", 0, "2" },
	{ "a;b=1", "b", 1, NULL },
};

START_TEST(a_parameter_is_found_once_or_refused)
{
	struct str out;
	int r = url_param(m, str_of(params[_i].query), params[_i].name, &out);

	ck_assert_msg(r == params[_i].result, "%s: %d", params[_i].query, r);
	if (r != 0) {
		ck_assert_ptr_null(out.p);
		return;
	}
	expect_str(out, params[_i].value);
	ck_assert_int_eq(out.p[out.n], '\0');
}
END_TEST

START_TEST(no_query_has_no_parameter)
{
	struct str out;

	ck_assert_int_eq(url_param(m, (struct str){ NULL, 0 }, "a", &out), 1);
	ck_assert_int_eq(url_param(m, STR("a=x\0y"), "a", &out), -1);
}
END_TEST

static const struct {
	const char *url, *want;
} added[] = {
	{ "https://a/b", "https://a/b?n=v%20%26" },
	{ "https://a/b?", "https://a/b?n=v%20%26" },
	{ "https://a/b?c", "https://a/b?c&n=v%20%26" },
	{ "https://a/b?c=d&", "https://a/b?c=d&n=v%20%26" },
	{ "/auth/login", "/auth/login?n=v%20%26" },
	{ "", "?n=v%20%26" },
};

START_TEST(a_parameter_is_added_where_it_belongs)
{
	ck_assert_str_eq(url_add_param(m, added[_i].url, "n", STR("v &")), added[_i].want);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	Suite *s = suite_create("conf/url");
	TCase *t = tcase_create("url");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, an_absolute_url_is_taken_apart, 0, ROWS(whole));
	tcase_add_loop_test(t, anything_else_is_no_url, 0, ROWS(not_whole));
	tcase_add_test(t, a_nul_is_no_part_of_a_url);
	tcase_add_test(t, the_length_of_a_host_has_a_bound);
	tcase_add_loop_test(t, loopback_is_this_machine_only, 0, ROWS(loopback));
	tcase_add_loop_test(t, an_ordinary_deep_link_is_local, 0, ROWS(local));
	tcase_add_loop_test(t, no_spelling_of_another_place_is_local, 0, ROWS(foreign));
	tcase_add_test(t, a_nul_or_a_long_path_is_not_local);
	tcase_add_test(t, everything_but_unreserved_is_encoded);
	tcase_add_loop_test(t, a_parameter_is_found_once_or_refused, 0, ROWS(params));
	tcase_add_test(t, no_query_has_no_parameter);
	tcase_add_loop_test(t, a_parameter_is_added_where_it_belongs, 0, ROWS(added));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
