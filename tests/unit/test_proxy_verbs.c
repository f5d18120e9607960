/* tests/unit/test_proxy_verbs.c - times in words, lines that stay lines, the mobile app's link, kinds of
 * tokens */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/explain.h"
#include "proxy/finding.h"
#include "proxy/link.h"
#include "proxy/when.h"

#define NOW 1900000000

static struct mem *m;
static char *printed;
static size_t printed_n;

static void
begin(void)
{
	m = mem_new(1 << 16);
}

static void
end(void)
{
	mem_free(&m);
}

static FILE *
paper(void)
{
	FILE *f = open_memstream(&printed, &printed_n);

	ck_assert_ptr_nonnull(f);
	return f;
}

START_TEST(a_time_is_said_in_the_unit_that_fits)
{
	static const struct {
		int64_t at;
		const char *words;
	} rows[] = {
		{ NOW, "now" },
		{ NOW + 1, "in 1 s" },
		{ NOW - 1, "1 s ago" },
		{ NOW - 119, "119 s ago" },
		{ NOW - 120, "2 min ago" },
		{ NOW - 239, "3 min ago" },
		{ NOW + 3599, "in 59 min" },
		{ NOW + 3600, "in 1 h" },
		{ NOW + 3600 + 59, "in 1 h" },
		{ NOW + 7500, "in 2 h 5 min" },
		{ NOW - 2 * 86400 + 1, "47 h 59 min ago" },
		{ NOW - 2 * 86400, "2 days ago" },
		{ NOW + 400 * 86400LL, "in 400 days" },
		{ INT64_MIN, "106751991167300 days ago" },
	};
	char text[WHEN_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(when_words(rows[i].at, NOW, text), rows[i].words);
}
END_TEST

START_TEST(a_date_is_utc_and_a_time_beyond_the_calendar_a_number)
{
	char text[WHEN_SIZE];

	ck_assert_str_eq(when_date(0, text), "1970-01-01 00:00:00 UTC");
	ck_assert_str_eq(when_date(NOW, text), "2030-03-17 17:46:40 UTC");
	ck_assert_str_eq(when_date(253402300799, text), "9999-12-31 23:59:59 UTC");
	ck_assert_str_eq(when_date(253402300800, text), "253402300800 s since 1970");
	ck_assert_str_eq(when_date(INT64_MAX, text), "9223372036854775807 s since 1970");
	ck_assert_str_eq(when_date(-1, text), "-1 s since 1970");
}
END_TEST

START_TEST(a_finding_is_one_line_whatever_foreign_text_is_in_it)
{
	struct findings f = { .out = paper() };

	finding_ok(&f, "provider \"main\"", "all %s", "well");
	finding_warn(&f, "",
	    "a\nok    b\r\033[2J\xff\xc2\x9b"
	    "c\xe2\x80\xae"
	    "d \xc3\xbc \\");
	finding_fail(&f, "x", "no");
	finding_note(&f, "x", "so");
	(void)fclose(f.out);
	ck_assert_str_eq(printed, "ok    provider \"main\": all well\n"
				  "warn  a\\u000aok    b\\u000d\\u001b[2J\\xff\\u009bc\\u202ed \xc3\xbc \\\n"
				  "FAIL  x: no\n"
				  "-     x: so\n");
	ck_assert_uint_eq(f.oks, 1);
	ck_assert_uint_eq(f.warns, 1);
	ck_assert_uint_eq(f.fails, 1);
	free(printed);
}
END_TEST

START_TEST(a_finding_that_is_too_long_is_cut)
{
	struct findings f = { .out = paper() };
	char *text = mem_zalloc(m, 10000);

	memset(text, 'x', 9999);
	finding_ok(&f, "s", "%s", text);
	(void)fclose(f.out);
	ck_assert_uint_lt(printed_n, FINDING_MAX + 20);
	ck_assert_int_eq(printed[printed_n - 1], '\n');
	free(printed);
}
END_TEST

#define MS "https://login.microsoftonline.com/"

START_TEST(the_link_holds_what_there_is_encoded)
{
	static const char *audience = "https://flow.example.com/graphql";
	const struct conf_origin o = { .url = "https://flow.example.com/wfg" };
	const struct {
		const char *kind, *discovery_url, *issuer;
		bool audience;
		const char *link;
	} rows[] = {
		{ "ms-identity-v2", MS "1234-ab/v2.0/.well-known/openid-configuration", NULL, true,
		    "workflowgenplus://auth.init?provider=ms-identity-v2"
		    "&server_address=https%3A%2F%2Fflow.example.com%2Fwfg&client_id=a%20b%26c"
		    "&tenant_id=1234-ab&audience=https%3A%2F%2Fflow.example.com%2Fgraphql" },
		{ "azure-v1", MS "example.com/.well-known/openid-configuration",
		    "https://sts.windows.net/1234-ab/", false,
		    "workflowgenplus://auth.init?provider=azure-v1"
		    "&server_address=https%3A%2F%2Fflow.example.com%2Fwfg&client_id=a%20b%26c"
		    "&tenant_id=1234-ab" },
		{ "ms-identity-v2", MS "Common/v2.0/.well-known/openid-configuration", NULL, false,
		    "workflowgenplus://auth.init?provider=ms-identity-v2"
		    "&server_address=https%3A%2F%2Fflow.example.com%2Fwfg&client_id=a%20b%26c" },
		{ "okta", "https://example.okta.com/oauth2/default/.well-known/openid-configuration", NULL,
		    false,
		    "workflowgenplus://auth.init?provider=okta"
		    "&server_address=https%3A%2F%2Fflow.example.com%2Fwfg&client_id=a%20b%26c" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct conf_provider p = { .name = "p",
			.kind = rows[i].kind,
			.discovery_url = rows[i].discovery_url,
			.issuer = rows[i].issuer,
			.client_id = "a b&c",
			.audience = { rows[i].audience, &audience } };
		struct err e;

		ck_assert_str_eq(link_print(&p, &o, m, &e), rows[i].link);
	}
}
END_TEST

START_TEST(without_a_client_there_is_no_link)
{
	const struct conf_origin o = { .url = "https://flow.example.com" };
	const struct conf_provider p = { .name = "p", .kind = "oidc", .client_id = "" };
	struct err e;

	ck_assert_ptr_null(link_print(&p, &o, m, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "client_id"));
}
END_TEST

START_TEST(names_that_stand_for_many_tenants_are_none)
{
	static const char *const urls[] = { MS "common/v2.0", MS "organizations/v2.0", MS "consumers/v2.0",
		MS ".well-known/openid-configuration", MS, "https://login.microsoftonline.com", "nonsense" };

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const struct conf_provider p = { .kind = "ms-identity-v2", .discovery_url = urls[i] };

		ck_assert_msg(link_tenant(&p).p == NULL, "%s", urls[i]);
	}
}
END_TEST

START_TEST(the_kind_of_a_token_is_guessed_from_what_only_one_kind_has)
{
	static const struct {
		const char *header, *claims;
		enum explain_kind kind;
	} rows[] = {
		{ "{\"typ\":\"JWT\"}", "{\"nonce\":\"n\",\"scope\":\"openid\"}", EXPLAIN_ID },
		{ "{}", "{\"at_hash\":\"h\"}", EXPLAIN_ID },
		{ "{}", "{\"scp\":\"a\"}", EXPLAIN_ACCESS },
		{ "{}", "{\"scope\":[\"a\"]}", EXPLAIN_ACCESS },
		{ "{\"typ\":\"AT+jwt\"}", "{\"nonce\":\"n\"}", EXPLAIN_ACCESS },
		{ "{\"typ\":\"application/at+jwt\"}", "{}", EXPLAIN_ACCESS },
		{ "{\"typ\":1}", "{}", EXPLAIN_ID },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *h = json_loads(rows[i].header, 0, NULL), *c = json_loads(rows[i].claims, 0, NULL);

		ck_assert_msg(explain_guess(h, c) == rows[i].kind, "%s %s", rows[i].header, rows[i].claims);
		json_decref(h);
		json_decref(c);
	}
}
END_TEST

START_TEST(the_times_of_a_token_are_said_in_words)
{
	json_t *c = json_pack("{s:I, s:I, s:s}", "iat", (json_int_t)(NOW - 7200), "exp",
	    (json_int_t)(NOW - 180), "nbf", "soon");
	FILE *f = paper();

	explain_times(f, c, NOW);
	(void)json_object_set_new(c, "exp", json_integer(NOW + 60));
	explain_times(f, c, NOW);
	(void)fclose(f);
	ck_assert_str_eq(printed, "iat: 2030-03-17 15:46:40 UTC, 2 h ago\n"
				  "exp: 2030-03-17 17:43:40 UTC, expired 3 min ago\n\n"
				  "iat: 2030-03-17 15:46:40 UTC, 2 h ago\n"
				  "exp: 2030-03-17 17:47:40 UTC, expires in 60 s\n\n");
	free(printed);
	json_decref(c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/when, finding, link, explain");
	TCase *t = tcase_create("verbs");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_time_is_said_in_the_unit_that_fits);
	tcase_add_test(t, a_date_is_utc_and_a_time_beyond_the_calendar_a_number);
	tcase_add_test(t, a_finding_is_one_line_whatever_foreign_text_is_in_it);
	tcase_add_test(t, a_finding_that_is_too_long_is_cut);
	tcase_add_test(t, the_link_holds_what_there_is_encoded);
	tcase_add_test(t, without_a_client_there_is_no_link);
	tcase_add_test(t, names_that_stand_for_many_tenants_are_none);
	tcase_add_test(t, the_kind_of_a_token_is_guessed_from_what_only_one_kind_has);
	tcase_add_test(t, the_times_of_a_token_are_said_in_words);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
