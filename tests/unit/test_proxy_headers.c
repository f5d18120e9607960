/* tests/unit/test_proxy_headers.c - which fields go on, and under which names nobody gets through */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/headers.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define G        "GET / HTTP/1.1\r\nHost: a\r\n"

static struct conf_claim_header claim_headers[] = { { "X-Email", "email" }, { "Groups", "groups" } };
static struct conf_set_header set_headers[] = { { "X-Backend-Secret", "s" } };
static struct conf_route routes[] = {
	{ .username_header = "X-Forwarded-User" },
	{ .username_header = "X_User.Name", .claim_headers = claim_headers, .n_claim_headers = 2 },
	{ .username_header = "Accept", .set_headers = set_headers, .n_set_headers = 1 },
};
static const struct conf conf = { .routes = routes, .n_routes = COUNT(routes) };
static const struct conf empty;

/* The names that stay, each with a ' ' behind it. */
static void
names_left(const struct http1_head *h, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < h->n_fields; i++)
		if (!h->fields[i].drop && n < cap)
			n += (size_t)snprintf(out + n, cap - n, "%.*s ", STR_ARG(h->fields[i].name));
}

static void
mark_request(const char *raw, char *out, size_t cap)
{
	struct headers_guard *g = headers_guard_new(&conf);
	struct http1_head *h = malloc(sizeof(*h));
	size_t scanned = 0;
	struct err e;

	ck_assert_int_eq(http1_parse_request(raw, strlen(raw), &scanned, h, &e), HTTP1_DONE);
	headers_mark_request(h, g);
	names_left(h, out, cap);
	free(h);
	headers_guard_free(&g);
	ck_assert_ptr_null(g);
}

/* Does a field of this name reach the upstream? */
static bool
passes(const char *name)
{
	char raw[512], left[512];

	(void)snprintf(raw, sizeof(raw), G "%s: 0\r\nLast: 1\r\n\r\n", name);
	mark_request(raw, left, sizeof(left));
	ck_assert(strstr(left, "Last ") != NULL);
	return strcmp(left, "Last ") != 0;
}

START_TEST(ordinary_fields_pass)
{
	static const char *const names[] = { "User-Agent", "Content-Type", "Authorization", "Origin", "Range",
		"Sec-Fetch-Site", "Cache-Control", "X-Requested-With", "If-None-Match", "traceparent",
		"X-Custom", "x", "X-", "X-Auth-Reques", "X-Auth", "X-Forwarde", "Xforwarded-For",
		"XForwardedUser", "Connections", "Content-Lengt", "Proxy2", "Cookie2", "Accept-Language",
		"Sec-WebSocket-Key", "X-User", "Group", "Remote-Userx" };

	for (size_t i = 0; i < COUNT(names); i++)
		ck_assert_msg(passes(names[i]), "%s", names[i]);
}
END_TEST

/* `name` as it is, in upper and lower case, and with every '-' as another character. */
static void
assert_dropped(const char *name)
{
	static const char others[] = "-_.!~|*+#$%&'^`";

	for (size_t k = 0; k < 2 * strlen(others); k++) {
		char spelled[64];
		size_t n = strlen(name);

		for (size_t i = 0; i <= n; i++) {
			char c = name[i];

			if (c >= 'A' && c <= 'Z' && k % 2 == 1)
				c = (char)(c + 32);
			else if (c >= 'a' && c <= 'z' && k % 3 == 1)
				c = (char)(c - 32);
			spelled[i] = (char)(c == '-' || c == '_' || c == '.' ? others[k / 2] : c);
		}
		ck_assert_msg(!passes(spelled), "%s", spelled);
	}
}

START_TEST(names_that_routes_set_and_identity_names_pass_in_no_spelling)
{
	static const char *const names[] = { "X-Forwarded-User", "X_User.Name", "X-Email", "Groups", "Accept",
		"X-Backend-Secret", "Remote-User", "X-Remote-User", "X-Forwarded-Email", "X-Forwarded-Groups",
		"X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token", "X-Auth-Request-User",
		"X-Auth-Request-Email", "X-Auth-Request-", "X-Auth-Request-A-B" };
	struct headers_guard *g = headers_guard_new(&conf);

	for (size_t i = 0; i < COUNT(names); i++) {
		assert_dropped(names[i]);
		ck_assert(headers_guarded(g, headers_fold(str_of(names[i])), str_of(names[i])));
	}
	headers_guard_free(&g);
}
END_TEST

START_TEST(framing_hop_and_forwarding_names_pass_in_no_spelling)
{
	static const char *const names[] = { "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
		"Proxy-Authorization", "TE", "Trailer", "Upgrade", "HTTP2-Settings", "Cookie", "Forwarded",
		"X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port",
		"X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Forwarded-", "X-Real-IP",
		"X-Request-Id", "Proxy" };

	for (size_t i = 0; i < COUNT(names); i++)
		assert_dropped(names[i]);
	ck_assert(!passes("Content-Length"));
	ck_assert(!passes("Content_Length"));
	ck_assert(!passes("content.length"));
	ck_assert(!passes("Transfer_Encoding"));
	ck_assert(!passes("TRANSFER~ENCODING"));
	ck_assert(!passes("Connection"));
}
END_TEST

START_TEST(what_the_road_writes_anew_is_dropped)
{
	char left[256];

	mark_request(G "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\nCookie: a=b\r\nA: 1\r\n\r\n",
	    left, sizeof(left));
	ck_assert_str_eq(left, "A ");
}
END_TEST

START_TEST(without_routes_the_usual_identity_names_are_guarded_and_others_not)
{
	struct headers_guard *g = headers_guard_new(&empty);

	ck_assert(headers_guarded(g, headers_fold(STR("remote_user")), STR("remote_user")));
	ck_assert(!headers_guarded(g, headers_fold(STR("X-Email")), STR("X-Email")));
	ck_assert(!headers_guarded(g, headers_fold(STR("Connection")), STR("Connection")));
	ck_assert(!headers_guarded(g, headers_fold(STR("")), STR("")));
	headers_guard_free(&g);
	headers_guard_free(&g);
}
END_TEST

START_TEST(a_guard_of_many_names_knows_each_and_no_other)
{
	struct conf_set_header *many = calloc(1000, sizeof(*many));
	struct conf_route route = { .username_header = "U", .set_headers = many, .n_set_headers = 1000 };
	const struct conf c = { .routes = &route, .n_routes = 1 };
	char(*names)[24] = calloc(1000, sizeof(*names)), other[24];
	struct headers_guard *g;

	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "X-Name-%zu", i);
		many[i].name = names[i];
	}
	g = headers_guard_new(&c);
	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(other, sizeof(other), "x_NAME_%zu", i);
		ck_assert(headers_guarded(g, headers_fold(str_of(other)), str_of(other)));
		(void)snprintf(other, sizeof(other), "Y-Name-%zu", i);
		ck_assert(!headers_guarded(g, headers_fold(str_of(other)), str_of(other)));
	}
	headers_guard_free(&g);
	free(names);
	free(many);
}
END_TEST

START_TEST(fields_that_connection_names_are_dropped)
{
	static const struct {
		const char *fields, *left;
	} rows[] = {
		{ "A: 1\r\nB: 2\r\n", "A B " },
		{ "Connection: a\r\nA: 1\r\nB: 2\r\n", "B " },
		{ "A: 1\r\nB: 2\r\nConnection: close, \tB , A\r\n", "" },
		{ "A: 1\r\nConnection: a\r\nB: 2\r\nconnection: b\r\nC: 3\r\n", "C " },
		{ "Connection: a\r\nA: 1\r\nA: 2\r\na: 3\r\n", "" },
		{ "Connection: ab\r\nA: 1\r\n", "A " },
		{ "Connection: \"a\"\r\nA: 1\r\n", "A " },
		{ "Connection: ,,,\r\nA: 1\r\n", "A " },
		{ "Connection: authorization\r\nAuthorization: Bearer x\r\n", "" },
		{ "Connection: cookie, host, content-length\r\nCookie: a\r\nContent-Length: 1\r\nB: 1\r\n",
		    "B " },
		{ "Connection: x-real-ip, X-Forwarded-User\r\nX-Real-IP: 1\r\nA: 1\r\n", "A " },
		{ "Connection: content-type\r\nContent-Type: a/b\r\nB: 1\r\n", "B " },
	};
	char raw[512], left[512];

	for (size_t i = 0; i < COUNT(rows); i++) {
		(void)snprintf(raw, sizeof(raw), G "%s\r\n", rows[i].fields);
		mark_request(raw, left, sizeof(left));
		ck_assert_msg(strcmp(left, rows[i].left) == 0, "\"%s\" of %s", left, rows[i].fields);
	}
}
END_TEST

/* A request whose Connection names n other fields and the last of them "z", then Z and A. */
static void
mark_many(size_t n, char *left, size_t cap)
{
	char *raw = malloc(64 + 8 * n);
	struct http1_out o = { raw, 0, 64 + 8 * n, false };

	http1_put(&o, STR(G "Connection: close,,"));
	for (size_t i = 1; i < n; i++) {
		http1_put(&o, STR("n"));
		http1_put_number(&o, i);
		http1_put(&o, STR(","));
	}
	http1_put(&o, STR("z\r\nZ: 1\r\nA: 2\r\n\r\n"));
	http1_put(&o, (struct str){ "", 1 });
	ck_assert(!o.over);
	mark_request(raw, left, cap);
	free(raw);
}

START_TEST(no_named_field_passes_however_many_are_named)
{
	char left[64];

	mark_many(1, left, sizeof(left));
	ck_assert_str_eq(left, "A ");
	mark_many(HEADERS_NAMED_MAX, left, sizeof(left));
	ck_assert_str_eq(left, "A ");
	mark_many(HEADERS_NAMED_MAX + 1, left, sizeof(left));
	ck_assert_str_eq(left, "");
	mark_many(10000, left, sizeof(left));
	ck_assert_str_eq(left, "");
}
END_TEST

START_TEST(answers_lose_what_belongs_to_the_hop)
{
	static const char raw[] =
	    "HTTP/1.1 200 OK\r\nConnection: close, a, TE\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\n"
	    "Trailer: x\r\nUpgrade: b\r\nProxy-Authenticate: c\r\nA: 1\r\nSet-Cookie: "
	    "d=e\r\nX-Forwarded-User: f\r\n"
	    "Set-Cookie: g=h\r\nProxy-Connection: close\r\n\r\n";
	struct http1_head h;
	size_t scanned = 0;
	char left[256];
	struct err e;

	ck_assert_int_eq(http1_parse_response(raw, strlen(raw), &scanned, METHOD_GET, &h, &e), HTTP1_DONE);
	headers_mark_response(&h);
	names_left(&h, left, sizeof(left));
	ck_assert_str_eq(left, "Set-Cookie X-Forwarded-User Set-Cookie ");
}
END_TEST

START_TEST(names_fold_together_by_letters_and_digits)
{
	static const struct {
		struct str a, b;
		bool same;
	} rows[] = {
		{ { "", 0 }, { "", 0 }, true },
		{ { "a", 1 }, { "A", 1 }, true },
		{ { "X-Forwarded-User", 16 }, { "x_forwarded.USER", 16 }, true },
		{ { "a-b", 3 }, { "a\0b", 3 }, true },
		{ { "a1", 2 }, { "a2", 2 }, false },
		{ { "a-b", 3 }, { "a-bc", 4 }, false },
		{ { "ab", 2 }, { "a-b", 3 }, false },
		{ { "a-", 2 }, { "ab", 2 }, false },
		{ { "a1", 2 }, { "a-", 2 }, false },
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		ck_assert_int_eq(headers_same(rows[i].a, rows[i].b), rows[i].same);
		ck_assert_int_eq(headers_fold(rows[i].a) == headers_fold(rows[i].b), rows[i].same);
	}
}
END_TEST

START_TEST(an_upstream_s_cookie_of_our_name_is_known)
{
	static const char *const ours[] = { "wf=1", "wf=", "wf", " wf = 1; Path=/", "\twf\t=1", "__Host-wf=1",
		"__Secure-wf=1", "__host-wf=1", "__SECURE-wf=1", "wf_1=a", "wf_12=a", "wf.tokens=a",
		"wf-azure=a", "__Host-wf-azure_3=a", "=wf=1", "= =wf=1", "=__Host-wf=1", "==wf", "wf;a=b" };
	static const char *const others[] = { "", ";", "=", "=;wf=1", ";wf=1", "a=wf", "wfx=1", "xwf=1",
		"w=1", "WF=1", "wf_=1", "wf_a=1", "wfa_1=1", "a=1; wf=2", "__Host-__Host-wf=1", "__Hostwf=1",
		"JSESSIONID=wf=1", "=a=wf" };

	for (size_t i = 0; i < COUNT(ours); i++)
		ck_assert_msg(headers_sets_ours(str_of(ours[i]), STR("wf")), "%s", ours[i]);
	for (size_t i = 0; i < COUNT(others); i++)
		ck_assert_msg(!headers_sets_ours(str_of(others[i]), STR("wf")), "%s", others[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("headers");
	TCase *t = tcase_create("headers");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, ordinary_fields_pass);
	tcase_add_test(t, names_that_routes_set_and_identity_names_pass_in_no_spelling);
	tcase_add_test(t, framing_hop_and_forwarding_names_pass_in_no_spelling);
	tcase_add_test(t, what_the_road_writes_anew_is_dropped);
	tcase_add_test(t, without_routes_the_usual_identity_names_are_guarded_and_others_not);
	tcase_add_test(t, a_guard_of_many_names_knows_each_and_no_other);
	tcase_add_test(t, fields_that_connection_names_are_dropped);
	tcase_add_test(t, no_named_field_passes_however_many_are_named);
	tcase_add_test(t, answers_lose_what_belongs_to_the_hop);
	tcase_add_test(t, names_fold_together_by_letters_and_digits);
	tcase_add_test(t, an_upstream_s_cookie_of_our_name_is_known);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
