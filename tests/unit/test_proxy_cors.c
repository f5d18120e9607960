/* proxy/cors.c: who may call from another origin, and what its browser is told */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/cors.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static const char *named[] = { "https://spa.example.com", "http://127.0.0.1:9" };
static const struct conf_route none = { .title = "/" };
static const struct conf_route route = { .title = "/api", .cors_origins = { 2, named } };
static struct http1_head head;
static char bytes[4096];

/* A head as http1.c reads it. */
static void
read_head(const char *lines)
{
	size_t used = 0;
	struct err e;

	(void)snprintf(bytes, sizeof(bytes), "%s\r\nHost: a\r\n\r\n", lines);
	memset(&head, 0, sizeof(head));
	ck_assert_msg(http1_parse_request(bytes, strlen(bytes), &used, &head, &e) == HTTP1_DONE, "%s: %s",
	    lines, e.text);
}

static const struct {
	const char *origin;
	bool allowed;
} origins[] = {
	{ "https://spa.example.com", true },
	{ "http://127.0.0.1:9", true },
	{ "http://127.0.0.1", false },
	{ "http://spa.example.com", false },
	{ "https://spa.example.com:443", false },
	{ "https://spa.example.com/", false },
	{ "https://SPA.example.com", false },
	{ "https://spa.example.com.evil.example", false },
	{ "https://evil.example/https://spa.example.com", false },
	{ "null", false },
	{ "*", false },
	{ "", false },
};

START_TEST(an_origin_is_allowed_when_it_is_named_byte_for_byte)
{
	char out[512];
	struct http1_out o = { out, 0, sizeof(out), false };

	ck_assert(cors_applies(&route) && !cors_applies(&none) && !cors_applies(NULL));
	ck_assert_msg(
	    cors_allows(&route, str_of(origins[_i].origin)) == origins[_i].allowed, "%s", origins[_i].origin);
	cors_put(&route, str_of(origins[_i].origin), false, &o);
	out[o.n] = '\0';
	ck_assert_ptr_nonnull(strstr(out, "Vary: Origin\r\n"));
	ck_assert((strstr(out, "Access-Control-Allow-Origin: ") != NULL) == origins[_i].allowed);
	ck_assert_ptr_null(strstr(out, "Credentials"));
	ck_assert_ptr_null(strstr(out, "Expose"));
}
END_TEST

START_TEST(routes_without_the_setting_are_the_applications_business)
{
	char out[512];
	struct http1_out o = { out, 0, sizeof(out), false };

	cors_put(&none, STR("https://spa.example.com"), true, &o);
	cors_put(NULL, STR("https://spa.example.com"), true, &o);
	ck_assert_uint_eq(o.n, 0);
}
END_TEST

START_TEST(a_page_may_read_the_challenge_of_a_refusal)
{
	char out[512];
	struct http1_out o = { out, 0, sizeof(out), false };

	cors_put(&route, STR("http://127.0.0.1:9"), true, &o);
	out[o.n] = '\0';
	ck_assert_ptr_nonnull(strstr(out, "Access-Control-Allow-Origin: http://127.0.0.1:9\r\n"));
	ck_assert_ptr_nonnull(strstr(out, "Access-Control-Expose-Headers: WWW-Authenticate"));
}
END_TEST

START_TEST(fields_of_the_application_that_ours_stand_for_are_known)
{
	ck_assert(cors_replaces(STR("access-control-allow-origin")));
	ck_assert(cors_replaces(STR("Access-Control-Allow-Credentials")));
	ck_assert(!cors_replaces(STR("Access-Control-Expose-Headers")));
}
END_TEST

static const struct {
	const char *lines;
	bool is, good;
	const char *method, *names;
} preflights[] = {
	{ "OPTIONS / HTTP/1.1\r\nOrigin: x\r\nAccess-Control-Request-Method: PUT", true, true, "PUT", "" },
	{ "OPTIONS / HTTP/1.1\r\nOrigin: x\r\nAccess-Control-Request-Method: PATCH\r\n"
	  "Access-Control-Request-Headers: authorization, content-type",
	    true, true, "PATCH", "authorization, content-type" },
	{ "OPTIONS / HTTP/1.1\r\nOrigin: x\r\nAccess-Control-Request-Method: a b", true, false, NULL, NULL },
	{ "OPTIONS / HTTP/1.1\r\nOrigin: x\r\nAccess-Control-Request-Method: GET\r\n"
	  "Access-Control-Request-Headers: a,,b",
	    true, false, NULL, NULL },
	{ "OPTIONS / HTTP/1.1\r\nOrigin: x\r\nAccess-Control-Request-Method: GET\r\n"
	  "Access-Control-Request-Headers: a: b",
	    true, false, NULL, NULL },
	{ "OPTIONS / HTTP/1.1\r\nOrigin: x", false, false, NULL, NULL },
	{ "OPTIONS / HTTP/1.1\r\nAccess-Control-Request-Method: GET", false, false, NULL, NULL },
	{ "GET / HTTP/1.1\r\nOrigin: x\r\nAccess-Control-Request-Method: GET", false, false, NULL, NULL },
	{ "OPTIONS / HTTP/1.1\r\nOrigin: x\r\nAccess-Control-Request-Method: GET\r\n"
	  "Access-Control-Request-Method: PUT",
	    false, false, NULL, NULL },
};

START_TEST(a_preflight_is_told_from_other_requests_and_read)
{
	struct str method, names;

	read_head(preflights[_i].lines);
	ck_assert_msg(cors_is_preflight(&head) == preflights[_i].is, "row %d", _i);
	if (!preflights[_i].is)
		return;
	ck_assert_msg(cors_read_preflight(&head, &method, &names) == preflights[_i].good, "row %d", _i);
	if (!preflights[_i].good)
		return;
	ck_assert(str_is(method, str_of(preflights[_i].method)));
	ck_assert(str_is(names, str_of(preflights[_i].names)));
}
END_TEST

START_TEST(a_preflight_for_more_names_than_anybody_sends_is_refused)
{
	struct str method, names;
	char lines[2048], many[CORS_HEADERS_MAX + 2];

	memset(many, 'a', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	(void)snprintf(lines, sizeof(lines),
	    "OPTIONS / HTTP/1.1\r\nOrigin: x\r\nAccess-Control-Request-Method: GET\r\n"
	    "Access-Control-Request-Headers: %s",
	    many);
	read_head(lines);
	ck_assert(!cors_read_preflight(&head, &method, &names));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/cors");
	TCase *t = tcase_create("cors");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, an_origin_is_allowed_when_it_is_named_byte_for_byte, 0, COUNT(origins));
	tcase_add_test(t, routes_without_the_setting_are_the_applications_business);
	tcase_add_test(t, a_page_may_read_the_challenge_of_a_refusal);
	tcase_add_test(t, fields_of_the_application_that_ours_stand_for_are_known);
	tcase_add_loop_test(t, a_preflight_is_told_from_other_requests_and_read, 0, COUNT(preflights));
	tcase_add_test(t, a_preflight_for_more_names_than_anybody_sends_is_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
