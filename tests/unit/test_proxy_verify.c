/* proxy/verify.c: which request another server asks about, and which headers its answer has */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/verify.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static struct http1_head head;
static char bytes[4096];

static void
read_head(const char *lines)
{
	size_t used = 0;
	struct err e;

	(void)snprintf(bytes, sizeof(bytes), "GET /auth/verify HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
	memset(&head, 0, sizeof(head));
	ck_assert_msg(http1_parse_request(bytes, strlen(bytes), &used, &head, &e) == HTTP1_DONE, "%s: %s",
	    lines, e.text);
}

/* path NULL: refused */
static const struct {
	const char *lines, *path, *query, *method;
	enum http1_method id;
	bool upgrade;
} rows[] = {
	{ "", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /a\r\n", "/a", NULL, "GET", METHOD_GET, false },
	{ "x-forwarded-uri: /a?\r\n", "/a", "", "GET", METHOD_GET, false },
	{ "X-Forwarded-Uri: /a?b=/c?d\r\n", "/a", "b=/c?d", "GET", METHOD_GET, false },
	{ "X_Original_URI: /a\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /a\r\nX-Forwarded-Uri: /a\r\n", "/a", NULL, "GET", METHOD_GET, false },
	{ "X-Original-URI: /a\r\nX-Forwarded-Uri: /b\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /a\r\nX-Original-URI: /a\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: a\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: *\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: http://a/\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /a b\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /a?b\tc\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /a#b\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /\xc3\xa4\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /\r\nX-Forwarded-Method: POST\r\n", "/", NULL, "POST", METHOD_POST, false },
	{ "X-Original-URI: /\r\nX-Original-Method: PUT\r\n", "/", NULL, "PUT", METHOD_PUT, false },
	{ "X-Original-URI: /\r\nX-Forwarded-Method: get\r\n", "/", NULL, "get", METHOD_OTHER, false },
	{ "X-Original-URI: /\r\nX-Forwarded-Method: GET\r\nX-Original-Method: PUT\r\n", NULL, NULL, NULL, 0,
	    false },
	{ "X-Original-URI: /\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Method: GET\r\n", NULL, NULL, NULL, 0,
	    false },
	{ "X-Original-URI: /\r\nOrigin: http://b\r\n", "/", NULL, "-", METHOD_OTHER, false },
	{ "X-Original-URI: /\r\nOrigin: http://b\r\nX-Forwarded-Method: GET\r\n", "/", NULL, "GET",
	    METHOD_GET, false },
	{ "X-Original-URI: /\r\nX-Forwarded-Host: a\r\nX-Forwarded-Host: b\r\n", NULL, NULL, NULL, 0, false },
	{ "X-Original-URI: /\r\nUpgrade: websocket\r\n", "/", NULL, "GET", METHOD_GET, true },
	{ "X-Original-URI: /\r\nSec-WebSocket-Key: x\r\n", "/", NULL, "GET", METHOD_GET, true },
	{ "X-Original-URI: /\r\nSec-Fetch-Mode: websocket\r\n", "/", NULL, "GET", METHOD_GET, true },
};

START_TEST(the_request_that_is_meant_is_named_once_and_well)
{
	struct verify_named named;
	struct err e = { .reason = REASON_NONE };

	read_head(rows[_i].lines);
	if (rows[_i].path == NULL) {
		ck_assert_msg(verify_read(&head, &named, &e) == -1, "%s", rows[_i].lines);
		ck_assert_int_eq(e.reason, REASON_VERIFY_UNCLEAR);
		return;
	}
	ck_assert_msg(verify_read(&head, &named, &e) == 0, "%s: %s", rows[_i].lines, e.text);
	ck_assert(str_is(named.path, str_of(rows[_i].path)));
	ck_assert((named.query.p == NULL) == (rows[_i].query == NULL));
	if (rows[_i].query != NULL)
		ck_assert(str_is(named.query, str_of(rows[_i].query)));
	ck_assert(str_is(named.method, str_of(rows[_i].method)));
	ck_assert_int_eq(named.method_id, rows[_i].id);
	ck_assert_int_eq(named.upgrade, rows[_i].upgrade);
}
END_TEST

START_TEST(a_host_is_named_or_not)
{
	struct verify_named named;
	struct err e;

	read_head("X-Original-URI: /\r\n");
	ck_assert_int_eq(verify_read(&head, &named, &e), 0);
	ck_assert_uint_eq(named.host.n, 0);
	read_head("X-Original-URI: /\r\nX-Forwarded-Host: b:1\r\n");
	ck_assert_int_eq(verify_read(&head, &named, &e), 0);
	ck_assert(str_is(named.host, STR("b:1")));
}
END_TEST

START_TEST(every_name_that_a_route_sets_is_there_once)
{
	struct conf_claim_header first[] = { { "X-Email", "email" }, { "X-A_B", "a" } };
	struct conf_claim_header second[] = { { "x_email", "mail" }, { "X-C", "c" } };
	struct conf_route routes[] = {
		{ .username_header = "X-Forwarded-User", .claim_headers = first, .n_claim_headers = 2 },
		{ .username_header = "X-User", .claim_headers = second, .n_claim_headers = 2 },
		{ .username_header = "x-forwarded-user" },
	};
	struct conf c = { .routes = routes, .n_routes = 3 };
	struct mem *m = mem_new(65536);
	struct conf_strings names = verify_names(&c, m);
	const char *expected[] = { "X-Forwarded-User", "X-Email", "X-A_B", "X-User", "X-C" };

	ck_assert_uint_eq(names.n, 5);
	for (size_t i = 0; i < 5; i++)
		ck_assert_str_eq(names.v[i], expected[i]);
	mem_free(&m);
}
END_TEST

START_TEST(the_asker_gets_a_status_that_it_knows)
{
	ck_assert_int_eq(verify_status(401), 401);
	ck_assert_int_eq(verify_status(404), 403);
	ck_assert_int_eq(verify_status(200), 403);
	ck_assert_int_eq(verify_status(204), 403);
	ck_assert_int_eq(verify_status(302), 403);
	ck_assert_int_eq(verify_status(503), 503);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("verify");
	TCase *t = tcase_create("verify");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, the_request_that_is_meant_is_named_once_and_well, 0, COUNT(rows));
	tcase_add_test(t, a_host_is_named_or_not);
	tcase_add_test(t, every_name_that_a_route_sets_is_there_once);
	tcase_add_test(t, the_asker_gets_a_status_that_it_knows);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
