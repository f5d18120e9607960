/* proxy/wskey.c: an answer belongs to its key, or it opens no WebSocket. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/wskey.h"

#define KEY    "dGhlIHNhbXBsZSBub25jZQ==" /* the example of RFC 6455 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define SWITCH "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"

static struct http1_head head;

static bool
is_accepted(const char *text, const char *key)
{
	size_t scanned = 0;
	struct err e;

	ck_assert_int_eq(
	    http1_parse_response(text, strlen(text), &scanned, METHOD_GET, &head, &e), HTTP1_DONE);
	return wskey_is_accepted(&head, str_of(key));
}

START_TEST(the_answer_belongs_to_the_key)
{
	char huge[200];

	ck_assert(is_accepted(SWITCH "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", KEY));
	ck_assert(is_accepted(SWITCH "sec-websocket-accept:" ACCEPT " \r\n\r\n", KEY));
	ck_assert(
	    !is_accepted(SWITCH "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", "dGhlIHNhbXBsZSBub25jZR=="));
	ck_assert(!is_accepted(SWITCH "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", KEY));
	ck_assert(!is_accepted(SWITCH "Sec-WebSocket-Accept: " ACCEPT "=\r\n\r\n", KEY));
	ck_assert(!is_accepted(SWITCH "Sec-WebSocket-Accept:\r\n\r\n", KEY));
	ck_assert(!is_accepted(SWITCH "\r\n", KEY));
	ck_assert(!is_accepted(
	    SWITCH "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Accept: " ACCEPT "\r\n\r\n", KEY));
	ck_assert(!is_accepted("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: other\r\n"
			       "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n",
	    KEY));
	memset(huge, 'k', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	ck_assert(!is_accepted(SWITCH "Sec-WebSocket-Accept: " ACCEPT "\r\n\r\n", huge));
}
END_TEST

START_TEST(a_key_is_sixteen_random_bytes)
{
	struct mem *m = mem_new(4096);
	const char *one = wskey_new(m), *two = wskey_new(m);

	ck_assert_uint_eq(strlen(one), 24);
	ck_assert_str_eq(one + 22, "==");
	ck_assert_str_ne(one, two);
	mem_free(&m);
}
END_TEST

START_TEST(one_key_is_found_and_of_two_none)
{
	static const char one[] = "GET / HTTP/1.1\r\nHost: a\r\nsec-websocket-KEY: x\r\n\r\n";
	static const char two[] =
	    "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Key: x\r\n\r\n";
	size_t scanned = 0;
	struct str key;
	struct err e;

	ck_assert_int_eq(http1_parse_request(one, sizeof(one) - 1, &scanned, &head, &e), HTTP1_DONE);
	ck_assert(wskey_find(&head, &key) && str_is(key, STR("x")));
	ck_assert_int_eq(http1_parse_request(two, sizeof(two) - 1, &scanned, &head, &e), HTTP1_DONE);
	ck_assert(!wskey_find(&head, &key));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/wskey");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, the_answer_belongs_to_the_key);
	tcase_add_test(t, a_key_is_sixteen_random_bytes);
	tcase_add_test(t, one_key_is_found_and_of_two_none);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
