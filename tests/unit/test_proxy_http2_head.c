/* proxy/http2_head.c: what HTTP/2 says becomes one head of HTTP/1.1, or none */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/http2_head.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))
#define KEY          "a2V5IG9mIHRoZSB0ZXN0cy4="
#define GET          ":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0/p?q=1\0"
#define POST         ":method\0POST\0:scheme\0https\0:authority\0a.test\0:path\0/p\0"
#define SOCKET       ":method\0CONNECT\0:protocol\0websocket\0:scheme\0https\0:authority\0a.test\0:path\0/ws\0"
#define ROW(text)    text, sizeof(text) - 2 /* names and values, each with a NUL behind it */

static struct mem *mem;
static struct http1_head head;
static struct http2_head x;

static void
setup(void)
{
	mem = mem_new(1024 * 1024);
	memset(&head, 0xa5, sizeof(head)); /* as a request's memory is: of another one */
}

static void
teardown(void)
{
	mem_free(&mem);
}

static struct str
cut(const char **p)
{
	struct str s = str_of(*p);

	*p += s.n + 1;
	return s;
}

static int
read_fields(const char *p, size_t n, bool ended)
{
	const char *end = p + n;

	http2_head_begin(&x, &head, mem, 1000);
	while (p < end) {
		struct str name = cut(&p), value = cut(&p);

		http2_head_add(&x, name, value);
	}
	return http2_head_end(&x, ended, KEY);
}

static struct str
value_of(enum field_id id)
{
	const struct http1_field *f = http1_get(&head, id);

	return f == NULL ? STR("(none)") : f->value;
}

START_TEST(a_request_is_what_an_http1_request_would_be)
{
	ck_assert_int_eq(read_fields(ROW(GET "accept\0text/html\0x-a\0b\0"), true), 0);
	ck_assert(str_is(head.method, STR("GET")) && head.method_id == METHOD_GET);
	ck_assert(str_is(head.target, STR("/p?q=1")) && str_is(head.path, STR("/p")));
	ck_assert(str_is(head.query, STR("q=1")) && str_is(head.host, STR("a.test")));
	ck_assert(str_is(value_of(FIELD_ACCEPT), STR("text/html")));
	ck_assert(str_is(value_of(FIELD_HOST), STR("a.test")));
	ck_assert(head.minor == 2 && head.keep_alive && !head.upgrade && !head.expect_continue);
	ck_assert_int_eq(head.body, BODY_NONE);
	ck_assert_uint_eq(head.n_fields, 3);
}
END_TEST

START_TEST(the_copies_do_not_live_off_the_callers_bytes)
{
	char name[] = "x-a", value[] = "first";

	http2_head_begin(&x, &head, mem, 1000);
	http2_head_add(&x, str_of(name), str_of(value));
	memset(name, '!', sizeof(name));
	memset(value, '!', sizeof(value));
	ck_assert(str_is(head.fields[0].name, STR("x-a")) && str_is(head.fields[0].value, STR("first")));
}
END_TEST

START_TEST(a_body_has_the_length_that_was_told_or_none)
{
	ck_assert_int_eq(read_fields(ROW(POST "content-length\0"
					      "42\0"),
			     false),
	    0);
	ck_assert(head.body == BODY_LENGTH && head.content_length == 42);
	ck_assert_int_eq(read_fields(ROW(POST), false), 0);
	ck_assert_int_eq(head.body, BODY_CHUNKED);
	ck_assert_int_eq(read_fields(ROW(POST), true), 0);
	ck_assert_int_eq(head.body, BODY_NONE);
	ck_assert_int_eq(read_fields(ROW(POST "content-length\0"
					      "0\0"),
			     true),
	    0);
	ck_assert(head.body == BODY_LENGTH && head.content_length == 0);
	ck_assert_int_eq(read_fields(ROW(POST "expect\0"
					      "100-continue\0"),
			     false),
	    0);
	ck_assert(head.expect_continue);
}
END_TEST

START_TEST(cookie_crumbs_are_one_field_again)
{
	ck_assert_int_eq(read_fields(ROW(GET "cookie\0a=1\0x-a\0b\0cookie\0b=2\0cookie\0c=3\0"), true), 0);
	ck_assert(str_is(value_of(FIELD_COOKIE), STR("a=1; b=2; c=3")));
	ck_assert_uint_eq(head.n_fields, 3);
	for (size_t i = 1; i < head.n_fields; i++)
		ck_assert(head.fields[i].id != FIELD_COOKIE);
	ck_assert_int_eq(read_fields(ROW(GET "cookie\0\0cookie\0a=1\0cookie\0\0"), true), 0);
	ck_assert(str_is(value_of(FIELD_COOKIE), STR("a=1")));
	ck_assert_int_eq(read_fields(ROW(GET "cookie\0a=1; b=2\0"), true), 0);
	ck_assert(str_is(value_of(FIELD_COOKIE), STR("a=1; b=2")));
}
END_TEST

START_TEST(hundreds_of_crumbs_are_refused_and_do_not_use_up_the_fields)
{
	for (int n = HTTP2_CRUMBS_MAX; n <= HTTP2_CRUMBS_MAX + 1; n++) {
		const char *p = GET;

		http2_head_begin(&x, &head, mem, 100000);
		while (p < GET + sizeof(GET) - 2) {
			struct str name = cut(&p), value = cut(&p);

			http2_head_add(&x, name, value);
		}
		for (int i = 0; i < n; i++)
			http2_head_add(&x, STR("cookie"), STR("a=b"));
		if (n == HTTP2_CRUMBS_MAX) {
			ck_assert_int_eq(http2_head_end(&x, true, NULL), 0);
			ck_assert_uint_eq(value_of(FIELD_COOKIE).n, 5 * HTTP2_CRUMBS_MAX - 2);
			ck_assert_uint_eq(head.n_fields, 2);
		} else {
			ck_assert_int_eq(http2_head_end(&x, true, NULL), -1);
			ck_assert_int_eq((int)x.err.reason, REASON_HEADER_TOO_LARGE);
		}
	}
}
END_TEST

START_TEST(a_websocket_is_the_get_that_http1_knows)
{
	ck_assert_int_eq(read_fields(ROW(SOCKET "sec-websocket-version\0"
						"13\0origin\0https://a.test\0"),
			     false),
	    0);
	ck_assert(str_is(head.method, STR("GET")) && head.method_id == METHOD_GET && head.upgrade);
	ck_assert(str_is(value_of(FIELD_UPGRADE), STR("websocket")));
	ck_assert(str_is(head.fields[head.n_fields - 1].name, STR("sec-websocket-key")));
	ck_assert(str_is(head.fields[head.n_fields - 1].value, STR(KEY)));
	ck_assert_int_eq(head.body, BODY_NONE);
	ck_assert(x.own_key);
}
END_TEST

START_TEST(a_websocket_keeps_the_key_that_it_came_with)
{
	size_t n = 0;

	ck_assert_int_eq(read_fields(ROW(SOCKET "sec-websocket-key\0theirs\0"), false), 0);
	for (size_t i = 0; i < head.n_fields; i++)
		n += str_is(head.fields[i].name, STR("sec-websocket-key"));
	ck_assert_uint_eq(n, 1);
	ck_assert(!x.own_key);
	ck_assert_int_eq(
	    read_fields(ROW(SOCKET "sec-websocket-key\0one\0sec-websocket-key\0two\0"), false), -1);
	ck_assert_int_eq((int)x.err.reason, REASON_BAD_UPGRADE);
}
END_TEST

static const struct {
	const char *text;
	size_t n;
	enum reason why;
} refused[] = {
	/* RFC 9113 8.2.1: names and values */
	{ ROW(GET "X-A\0b\0"), REASON_BAD_REQUEST },
	{ ROW(GET "x a\0b\0"), REASON_BAD_REQUEST },
	{ ROW(GET "x:a\0b\0"), REASON_BAD_REQUEST },
	{ ROW(GET "x\x80"
		  "a\0b\0"),
	    REASON_BAD_REQUEST },
	{ ROW(GET "\0b\0"), REASON_BAD_REQUEST },
	{ ROW(GET "x-a\0b\rc\0"), REASON_BAD_REQUEST },
	{ ROW(GET "x-a\0b\nhost: evil\0"), REASON_BAD_REQUEST },
	{ ROW(GET "x-a\0b\x01\0"), REASON_BAD_REQUEST },
	{ ROW(GET "x-a\0 b\0"), REASON_BAD_REQUEST },
	{ ROW(GET "x-a\0b\t\0"), REASON_BAD_REQUEST },
	/* 8.2.2: what belongs to a connection */
	{ ROW(GET "connection\0close\0"), REASON_BAD_REQUEST },
	{ ROW(GET "keep-alive\0timeout=5\0"), REASON_BAD_REQUEST },
	{ ROW(GET "proxy-connection\0keep-alive\0"), REASON_BAD_REQUEST },
	{ ROW(POST "transfer-encoding\0chunked\0"), REASON_BAD_REQUEST },
	{ ROW(GET "upgrade\0websocket\0"), REASON_BAD_REQUEST },
	{ ROW(GET "http2-settings\0AAMAAABkAAQAAP__\0"), REASON_BAD_REQUEST },
	{ ROW(GET "te\0trailers, gzip\0"), REASON_BAD_REQUEST },
	{ ROW(GET "te\0gzip\0"), REASON_BAD_REQUEST },
	/* 8.3: pseudo fields */
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0"), REASON_BAD_REQUEST },
	{ ROW(":method\0GET\0:authority\0a.test\0:path\0/\0"), REASON_BAD_REQUEST },
	{ ROW(":scheme\0https\0:authority\0a.test\0:path\0/\0"), REASON_BAD_REQUEST },
	{ ROW(GET ":path\0/other\0"), REASON_BAD_REQUEST },
	{ ROW(":method\0GET\0:method\0POST\0:scheme\0https\0:path\0/\0:authority\0a.test\0"),
	    REASON_BAD_REQUEST },
	{ ROW(":method\0GET\0:scheme\0https\0accept\0*/*\0:path\0/\0:authority\0a.test\0"),
	    REASON_BAD_REQUEST },
	{ ROW(GET ":status\0"
		  "200\0"),
	    REASON_BAD_REQUEST },
	{ ROW(":unknown\0x\0" GET), REASON_BAD_REQUEST },
	/* 8.3.1 */
	{ ROW(":method\0GET\0:scheme\0ftp\0:authority\0a.test\0:path\0/\0"), REASON_BAD_TARGET },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0\0"), REASON_BAD_TARGET },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0p\0"), REASON_BAD_TARGET },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0*\0"), REASON_BAD_TARGET },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0https://b.test/\0"),
	    REASON_BAD_TARGET },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0/a b HTTP/1.1\0"),
	    REASON_BAD_TARGET },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0/a\r\nhost: b\0"),
	    REASON_BAD_TARGET },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0/a#b\0"), REASON_BAD_TARGET },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0a.test\0:path\0/a\\b\0"), REASON_BAD_TARGET },
	{ ROW(":method\0GET /x HTTP/1.1\0:scheme\0https\0:authority\0a.test\0:path\0/\0"),
	    REASON_BAD_REQUEST },
	{ ROW(":method\0\0:scheme\0https\0:authority\0a.test\0:path\0/\0"), REASON_BAD_METHOD },
	{ ROW(":method\0TRACE\0:scheme\0https\0:authority\0a.test\0:path\0/\0"), REASON_BAD_METHOD },
	{ ROW(":method\0CONNECT\0:scheme\0https\0:authority\0a.test\0:path\0/\0"), REASON_BAD_METHOD },
	{ ROW(":method\0GET\0:scheme\0https\0:path\0/\0"), REASON_BAD_HOST },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0\0:path\0/\0"), REASON_BAD_HOST },
	{ ROW(":method\0GET\0:scheme\0https\0:authority\0u@a.test\0:path\0/\0"), REASON_BAD_HOST },
	{ ROW(GET "host\0b.test\0"), REASON_BAD_HOST },
	{ ROW(GET "host\0a.test\0host\0a.test\0"), REASON_BAD_HOST },
	{ ROW(GET "authorization\0Bearer a\0authorization\0Bearer b\0"), REASON_BAD_REQUEST },
	/* 8.1.1 and RFC 9112 6: lengths */
	{ ROW(POST "content-length\0"
		   "4\0content-length\0"
		   "4\0"),
	    REASON_BAD_FRAMING },
	{ ROW(POST "content-length\0+4\0"), REASON_BAD_FRAMING },
	{ ROW(POST "content-length\0\0"), REASON_BAD_FRAMING },
	{ ROW(POST "content-length\0"
		   "4\0"),
	    REASON_BAD_FRAMING }, /* and the stream has ended */
	{ ROW(POST "expect\0x\0"), REASON_BAD_EXPECT },
};

START_TEST(nothing_passes_that_http1_would_read_differently)
{
	ck_assert_int_eq(read_fields(refused[_i].text, refused[_i].n, true), -1);
	ck_assert_msg(x.err.reason == refused[_i].why, "%d: %d: %s", _i, (int)x.err.reason, x.err.text);
}
END_TEST

START_TEST(of_connect_only_websockets_pass)
{
	static const struct {
		const char *text;
		size_t n;
		bool ended;
	} rows[] = {
		{ ROW(SOCKET), true },
		{ ROW(SOCKET "content-length\0"
			     "4\0"),
		    false },
		{ ROW(":protocol\0websocket\0" GET), false },
		{ ROW(":method\0CONNECT\0:protocol\0connect-udp\0:scheme\0https\0:authority\0a.test\0:path\0/"
		      "\0"),
		    false },
	};

	for (int i = 0; i < COUNT(rows); i++)
		ck_assert_int_eq(read_fields(rows[i].text, rows[i].n, rows[i].ended), -1);
}
END_TEST

START_TEST(host_alone_will_do_and_its_case_does_not_matter)
{
	ck_assert_int_eq(
	    read_fields(ROW(":method\0GET\0:scheme\0https\0:path\0/\0host\0a.test:8\0"), true), 0);
	ck_assert(str_is(head.host, STR("a.test:8")));
	ck_assert_int_eq(read_fields(ROW(GET "host\0A.test\0"), true), 0);
	ck_assert_int_eq(
	    read_fields(ROW(":method\0OPTIONS\0:scheme\0http\0:authority\0a\0:path\0*\0"), true), 0);
	ck_assert_int_eq(read_fields(ROW(GET "te\0trailers\0"), true), 0);
}
END_TEST

START_TEST(a_head_beyond_its_limit_is_refused_and_no_longer_copied)
{
	char value[200];

	memset(value, 'v', sizeof(value));
	http2_head_begin(&x, &head, mem, 1000);
	for (int i = 0; i < 100; i++)
		http2_head_add(&x, STR("x-a"), (struct str){ value, sizeof(value) });
	ck_assert_int_eq((int)x.err.reason, REASON_HEADER_TOO_LARGE);
	ck_assert_uint_eq(head.n_fields, 4);
	ck_assert_uint_eq(x.size, 100 * (sizeof(value) + 7));
	ck_assert_int_eq(http2_head_end(&x, true, NULL), -1);
}
END_TEST

START_TEST(more_fields_than_there_is_room_for_are_refused)
{
	http2_head_begin(&x, &head, mem, 100000);
	for (int i = 0; i < HTTP1_FIELDS_MAX + 1; i++)
		http2_head_add(&x, STR("x-a"), STR("b"));
	ck_assert_int_eq((int)x.err.reason, REASON_HEADER_TOO_LARGE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/http2_head");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_request_is_what_an_http1_request_would_be);
	tcase_add_test(t, the_copies_do_not_live_off_the_callers_bytes);
	tcase_add_test(t, a_body_has_the_length_that_was_told_or_none);
	tcase_add_test(t, cookie_crumbs_are_one_field_again);
	tcase_add_test(t, hundreds_of_crumbs_are_refused_and_do_not_use_up_the_fields);
	tcase_add_test(t, a_websocket_is_the_get_that_http1_knows);
	tcase_add_test(t, a_websocket_keeps_the_key_that_it_came_with);
	tcase_add_loop_test(t, nothing_passes_that_http1_would_read_differently, 0, COUNT(refused));
	tcase_add_test(t, of_connect_only_websockets_pass);
	tcase_add_test(t, host_alone_will_do_and_its_case_does_not_matter);
	tcase_add_test(t, a_head_beyond_its_limit_is_refused_and_no_longer_copied);
	tcase_add_test(t, more_fields_than_there_is_room_for_are_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
