/* tests/unit/test_proxy_pages.c - pages help the person, tell nobody else anything, and run nothing */
#include <check.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>

#include "proxy/pages.h"
#include "proxy/words.h"

static struct mem *m;

static void
begin(void)
{
	m = mem_new(1 << 20);
}

static void
end(void)
{
	mem_free(&m);
}

static struct page
page_of(enum reason r)
{
	return (struct page){ .reason = r, .status = reason_status(r), .request_id = "req-1" };
}

static void
expect_has(struct str page, const char *text)
{
	ck_assert_uint_eq(strlen(page.p), page.n);
	ck_assert_msg(strstr(page.p, text) != NULL, "no %s in %s", text, page.p);
}

static void
expect_lacks(struct str page, const char *text)
{
	ck_assert_msg(strstr(page.p, text) == NULL, "%s in %s", text, page.p);
}

static size_t
count(struct str page, const char *text)
{
	size_t n = 0;

	for (const char *p = page.p; (p = strstr(p, text)) != NULL; p++)
		n++;
	return n;
}

START_TEST(the_policy_names_the_hash_of_the_style)
{
	struct page p = page_of(REASON_NO_ROUTE);
	struct str html = page_html(&p, m);
	const char *from = strstr(html.p, "<style>") + 7, *to = strstr(html.p, "</style>");
	unsigned char digest[32], b64[64], want[128];

	ck_assert_int_eq(EVP_Digest(from, (size_t)(to - from), digest, NULL, EVP_sha256(), NULL), 1);
	ck_assert_int_eq(EVP_EncodeBlock(b64, digest, sizeof(digest)), 44);
	(void)snprintf((char *)want, sizeof(want), "style-src 'sha256-%s';", b64);
	ck_assert_msg(strstr(page_csp, (char *)want) != NULL, "STYLE has changed: it is now %s", want);
	ck_assert_ptr_nonnull(strstr(page_csp_ask, (char *)want));
}
END_TEST

static struct str
sent(struct authreq_param *v, size_t n, const char *url)
{
	const struct authreq_params p = { n, v };

	return page_send("req-1", url, &p, m);
}

START_TEST(the_form_that_sends_itself_runs_the_one_script_that_its_policy_names)
{
	struct str html = sent(NULL, 0, "https://op.test/authorize");
	const char *from = strstr(html.p, "<script>") + 8, *to = strstr(html.p, "</script>");
	unsigned char digest[32], b64[64], want[128];

	ck_assert_int_eq(EVP_Digest(from, (size_t)(to - from), digest, NULL, EVP_sha256(), NULL), 1);
	ck_assert_int_eq(EVP_EncodeBlock(b64, digest, sizeof(digest)), 44);
	(void)snprintf((char *)want, sizeof(want), "script-src 'sha256-%s';", b64);
	ck_assert_msg(strstr(page_csp_send, (char *)want) != NULL, "the script is now %s", want);
	ck_assert_ptr_null(strstr(page_csp_send, "unsafe"));
	ck_assert_ptr_nonnull(strstr(page_csp_send, "default-src 'none';"));
	ck_assert_ptr_nonnull(strstr(page_csp_send, "form-action 'self' https: http:;"));
	ck_assert_ptr_nonnull(strstr(page_csp_send, "frame-ancestors 'none';"));
	ck_assert_uint_eq(count(html, "<script"), 1);
}
END_TEST

START_TEST(a_kept_form_is_stood_in_for_by_an_empty_one_with_a_button)
{
	struct str html = page_resume("req-1", "/form?a=1&b='\"><script>alert(1)</script>", m);

	ck_assert_ptr_nonnull(strstr(html.p, "enctype=\"text/plain\""));
	ck_assert_ptr_nonnull(strstr(html.p, "action=\"/form?a=1&amp;b=&#39;&quot;&gt;&lt;script&gt;"));
	ck_assert_uint_eq(count(html, "<script"), 1);
	ck_assert_uint_eq(count(html, "<input"), 0);
	ck_assert_uint_eq(count(html, "<button"), 1);
	html = page_resume("req-1", "javascript:alert(1)", m);
	ck_assert_ptr_nonnull(strstr(html.p, "action=\"\""));
}
END_TEST

START_TEST(the_form_holds_every_parameter_escaped_and_a_button)
{
	struct authreq_param v[] = { { "state", STR("a.b-_") },
		{ "login_hint", STR("\"><script>alert(1)</script>") }, { "submit", STR("") } };
	struct str html = sent(v, 3, "https://op.test/authorize?a=1&b=\"2");

	expect_has(html, "<form method=\"post\" action=\"https://op.test/authorize?a=1&amp;b=&quot;2\">");
	expect_has(html, "<input type=\"hidden\" name=\"state\" value=\"a.b-_\">");
	expect_has(html, "<input type=\"hidden\" name=\"submit\" value=\"\">");
	expect_has(html, "value=\"&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">");
	expect_has(html, "<button class=\"first\">Continue</button>");
	expect_has(html, "req-1");
	expect_has(sent(v, 1, "javascript:alert(1)"), "action=\"\"");
}
END_TEST

START_TEST(the_policy_lets_nothing_run_and_nobody_frame)
{
	ck_assert_ptr_nonnull(strstr(page_csp, "default-src 'none';"));
	ck_assert_ptr_nonnull(strstr(page_csp, "form-action 'self';"));
	ck_assert_ptr_nonnull(strstr(page_csp, "frame-ancestors 'none';"));
	ck_assert_ptr_nonnull(strstr(page_csp, "base-uri 'none'"));
	ck_assert_ptr_null(strstr(page_csp, "unsafe"));
	ck_assert_ptr_null(strstr(page_csp, "script"));
	ck_assert_ptr_nonnull(strstr(page_csp_ask, "frame-ancestors 'none';"));
	ck_assert_ptr_null(strstr(page_csp_ask, "unsafe"));
}
END_TEST

START_TEST(every_reason_has_a_whole_page)
{
	for (int r = 0; r < REASON_COUNT; r++) {
		struct page p = page_of((enum reason)r);
		struct str html = page_html(&p, m);

		p.retry_url = p.switch_url = p.home_url = "/x";
		p.host = "h";
		p.username = p.detail = STR("t");
		ck_assert_uint_eq(count(html, "<h1>"), 1);
		ck_assert_uint_eq(count(html, "<main>"), 1);
		ck_assert_uint_eq(count(html, "<title>"), 1);
		ck_assert_uint_eq(count(html, "<html lang=\"en\">"), 1);
		ck_assert_uint_eq(count(html, "style="), 0);
		ck_assert_uint_eq(count(html, "<script"), 0);
		ck_assert_uint_eq(count(html, "<dl>"), 0);
		ck_assert_uint_eq(count(html, "<a "), 0);
		ck_assert_uint_eq(count(html, "(null)"), 0);
		expect_has(html, "<code>req-1</code>");
		html = page_html(&p, m);
		ck_assert_uint_eq(count(html, "<a "), 3);
		ck_assert_uint_eq(count(html, "<a class=\"first\""), 1);
		ck_assert_uint_eq(count(html, "<dt>"), count(html, "</dd>"));
	}
	ck_assert(!mem_overrun(m));
}
END_TEST

START_TEST(a_failed_sign_in_has_words_of_its_own)
{
	static const char *const begins[] = { "login_", "token_", "provider_" };

	for (int r = 1; r < REASON_COUNT; r++)
		for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
			if (strncmp(reason_word((enum reason)r), begins[i], strlen(begins[i])) == 0)
				ck_assert_msg(words_find((enum reason)r, 0) !=
						  words_find(REASON_NONE, reason_status((enum reason)r)),
				    "%s has only the words of its status", reason_word((enum reason)r));
}
END_TEST

START_TEST(pages_say_what_helps)
{
	static const struct {
		enum reason r;
		const char *says;
	} rows[] = {
		{ REASON_LOGIN_NO_COOKIE, "Your browser did not send back our sign-in cookie" },
		{ REASON_LOGIN_NO_COOKIE, "<dt>This site</dt><dd dir=\"auto\">flow.example.com</dd>" },
		{ REASON_LOGIN_LOOP_COOKIE, "flow.example.com" },
		{ REASON_LOGIN_LOOP_CLOCK, "clocks" },
		{ REASON_TOKEN_EXPIRED, "clocks" },
		{ REASON_TOKEN_EARLY, "clocks" },
		{ REASON_CLAIM_MISSING, "Access denied" },
		{ REASON_CLAIM_MISSING, "<dt>Signed in as</dt><dd dir=\"auto\">jane</dd>" },
		{ REASON_CLAIM_MISSING, "<dt>Required</dt><dd dir=\"auto\">the detail</dd>" },
		{ REASON_CLAIM_MISSING, "href=\"/other\">Sign in as someone else</a>" },
		{ REASON_CLAIM_OVERAGE, "<dt>Required</dt><dd dir=\"auto\">the detail</dd>" },
		{ REASON_TOKEN_TENANT, "href=\"/other\">Sign in as someone else</a>" },
		{ REASON_LOGIN_NO_USERNAME, "<dt>Missing claim</dt><dd dir=\"auto\">the detail</dd>" },
		{ REASON_LOGIN_REFUSED, "<dt>Its answer</dt><dd dir=\"auto\">the detail</dd>" },
		{ REASON_PROVIDER_DOWN, "Sign-in is not available" },
		{ REASON_UPSTREAM_REFUSED, "The application does not answer" },
		{ REASON_NO_ROUTE, "Page not found" },
		{ REASON_RATE_LIMITED, "Too many sign-ins" },
		{ REASON_BAD_FRAMING, "Bad request" },
		{ REASON_TOKEN_KEY, "Status 403 &middot; <code>token_key</code> &middot; Request id" },
		{ REASON_NO_ROUTE, "Status 404 &middot; <code>no_route</code> &middot; Request id" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct page p = page_of(rows[i].r);

		p.host = "flow.example.com";
		p.username = STR("jane");
		p.detail = STR("the detail");
		p.switch_url = "/other";
		expect_has(page_html(&p, m), rows[i].says);
	}
}
END_TEST

START_TEST(what_is_for_the_log_stays_there)
{
	for (int r = 0; r < REASON_COUNT; r++) {
		struct page p = page_of((enum reason)r);
		bool shows = page_shows_detail((enum reason)r);

		p.detail = STR("aud=other-client");
		ck_assert_uint_eq(count(page_html(&p, m), "aud=other-client"), shows);
		ck_assert_uint_eq(count(page_json(&p, m), "aud=other-client"), shows);
		if (strncmp(reason_word((enum reason)r), "token_", 6) == 0 ||
		    reason_status((enum reason)r) >= 500)
			ck_assert_msg(!shows, "%s", reason_word((enum reason)r));
	}
}
END_TEST

START_TEST(foreign_text_stays_text)
{
	static const char evil[] = "\"><script>alert(1)</script><a href='javascript:x'>`&amp;";
	struct page p = page_of(REASON_LOGIN_REFUSED);
	struct str html;

	p.username = p.detail = str_of(evil);
	p.request_id = p.host = evil;
	p.retry_url = "/auth/login?rd=/a\"><script>x</script>&y='";
	html = page_html(&p, m);
	expect_lacks(html, "<script");
	expect_lacks(html, "href='");
	expect_lacks(html, "`");
	expect_has(html, "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;a "
			 "href=&#39;javascript:x&#39;&gt;&#96;&amp;amp;");
	expect_has(html, "href=\"/auth/login?rd=/a&quot;&gt;&lt;script&gt;x&lt;/script&gt;&amp;y=&#39;\"");
	html = page_ask_logout(evil, "/l\"'<", "/h\"'<", m);
	expect_has(html, "action=\"/l&quot;&#39;&lt;\"");
	expect_has(html, "href=\"/h&quot;&#39;&lt;\"");
	expect_lacks(html, "<script");
	html = page_signed_out(evil, "/h\"'<", true, m);
	expect_has(html, "href=\"/h&quot;&#39;&lt;\"");
	expect_lacks(html, "<script");
}
END_TEST

START_TEST(a_link_that_would_run_something_is_left_out)
{
	static const char *const urls[] = { "javascript:alert(1)", "data:text/html,x", "vbscript:x",
		"JaVaScRiPt:x", "x", "" };

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		struct page p = page_of(REASON_CLAIM_MISSING);

		p.retry_url = p.switch_url = p.home_url = urls[i];
		expect_lacks(page_html(&p, m), "<a ");
		expect_lacks(page_signed_out("r", urls[i], false, m), "<a ");
		expect_lacks(page_ask_logout("r", "/ok", urls[i], m), "<a ");
		expect_has(page_ask_logout("r", urls[i], NULL, m), "action=\"\"");
	}
}
END_TEST

START_TEST(bytes_that_are_no_text_become_a_sign)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "a\r\n\tb", "a   b" },
		{ "\x01\x7f", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "a\xe2\x80\xae"
		  "b",
		    "a\xef\xbf\xbd"
		    "b" },
		{ "a\xe2\x80\xa8"
		  "b",
		    "a\xef\xbf\xbd"
		    "b" },
		{ "J\xc3\xbcrgen \xf0\x9f\x98\x80", "J\xc3\xbcrgen \xf0\x9f\x98\x80" },
		{ "&<>\"'`", "&amp;&lt;&gt;&quot;&#39;&#96;" },
		{ "", "" },
	};
	char quotes[3000]; /* the longest escapes, more than a block of memory */

	memset(quotes, '"', sizeof(quotes) - 1);
	quotes[sizeof(quotes) - 1] = '\0';
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str is = page_escape(str_of(rows[i].in), m);

		ck_assert_str_eq(is.p, rows[i].out);
		ck_assert_uint_eq(is.n, strlen(rows[i].out));
	}
	ck_assert_str_eq(page_escape((struct str){ "a\0b", 3 }, m).p, "a\xef\xbf\xbd"
								      "b");
	ck_assert_str_eq(page_escape((struct str){ NULL, 0 }, m).p, "");
	ck_assert_uint_eq(page_escape(str_of(quotes), m).n, 6 * strlen(quotes));
}
END_TEST

START_TEST(a_provider_cannot_fill_the_page)
{
	struct page p = page_of(REASON_LOGIN_REFUSED);
	char *huge = malloc(1 << 20);

	memset(huge, '"', 1 << 20);
	p.detail = p.username = (struct str){ huge, 1 << 20 };
	ck_assert_uint_lt(page_html(&p, m).n, 12000);
	expect_has(page_html(&p, m), "&quot;\xe2\x80\xa6</dd>");
	ck_assert_uint_lt(page_json(&p, m).n, 4000);
	ck_assert(!mem_overrun(m));
	free(huge);
}
END_TEST

static const char *
text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	ck_assert_ptr_nonnull(s);
	return s;
}

START_TEST(the_json_twin_says_the_same)
{
	for (int r = 0; r < REASON_COUNT; r++) {
		struct page p = page_of((enum reason)r);
		struct str text = page_json(&p, m);
		json_t *j = json_loadb(text.p, text.n, 0, NULL);

		ck_assert_ptr_nonnull(j);
		ck_assert_uint_eq(json_object_size(j), 3);
		ck_assert_str_eq(text_of(j, "error"), r == 0 ? "refused" : reason_word((enum reason)r));
		ck_assert_str_eq(text_of(j, "error_description"), words_find((enum reason)r, p.status)->text);
		ck_assert_str_eq(text_of(j, "request_id"), "req-1");
		json_decref(j);
	}
}
END_TEST

START_TEST(json_survives_every_foreign_byte)
{
	struct page p = page_of(REASON_LOGIN_REFUSED);
	char all[256];
	struct str text;
	json_t *j;

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	p.detail = (struct str){ all, sizeof(all) };
	p.request_id = "\"\\\xff";
	text = page_json(&p, m);
	j = json_loadb(text.p, text.n, 0, NULL);
	ck_assert_ptr_nonnull(j);
	ck_assert_ptr_nonnull(strstr(text_of(j, "error_description"), "<=>?"));
	ck_assert_str_eq(text_of(j, "request_id"), "\"\\\xef\xbf\xbd");
	json_decref(j);
}
END_TEST

START_TEST(a_page_without_reason_follows_the_status)
{
	struct page p = { .reason = REASON_NONE, .status = 404 };

	expect_has(page_html(&p, m), "Page not found");
	p.status = 502;
	expect_has(page_html(&p, m), "The application does not answer");
	p.status = 418;
	expect_has(page_html(&p, m), "Bad request");
	p.status = 599;
	expect_has(page_html(&p, m), "Something went wrong");
	expect_lacks(page_html(&p, m), "Request id");
}
END_TEST

START_TEST(the_page_to_choose_has_a_link_for_each_provider_and_escapes_its_name)
{
	const struct page_choice v[] = { { "main", "/auth/login?provider=main&rd=%2F" },
		{ "<b>\"two\"", "/auth/login?provider=x" }, { "three", "javascript:alert(1)" } };
	const char *html = page_choose("r-1", v, 3, m).p;

	ck_assert_ptr_nonnull(
	    strstr(html, "<a class=\"first\" href=\"/auth/login?provider=main&amp;rd=%2F\">main</a>"));
	ck_assert_ptr_nonnull(strstr(html, ">&lt;b&gt;&quot;two&quot;</a>"));
	ck_assert_ptr_null(strstr(html, "javascript"));
	ck_assert_ptr_nonnull(strstr(html, "r-1"));
}
END_TEST

START_TEST(signing_out_says_whether_the_provider_knows_you)
{
	struct str here = page_signed_out("r", "/app/", false, m),
		   both = page_signed_out("r", "/app/", true, m);

	expect_has(here, "<h1>You are signed out</h1>");
	expect_has(here, "The sign-in service may still know you");
	expect_has(here, "<a class=\"first\" href=\"/app/\">Sign in again</a>");
	expect_has(both, "over as well");
	expect_lacks(both, "may still know you");
	expect_lacks(here, "Status");
	expect_lacks(page_signed_out(NULL, NULL, true, m), "footer>");
}
END_TEST

START_TEST(a_logout_that_another_site_caused_asks_first)
{
	struct str html = page_ask_logout("r", "/auth/logout", "/", m);

	expect_has(html, "<form method=\"post\" action=\"/auth/logout\">");
	expect_has(html, "<button class=\"first\">Sign out</button>");
	expect_has(html, "href=\"/\">Stay signed in</a>");
	/* Without it the form's Origin would be "null", and the answer this page again. */
	expect_has(html, "<meta name=\"referrer\" content=\"same-origin\">");
}
END_TEST

START_TEST(a_page_leads_on_by_itself_and_only_to_what_is_a_link)
{
	struct str html = page_onward("r", "/x?a=1&b=\"'<", m);

	expect_has(html, "<meta http-equiv=\"refresh\" content=\"0;url=/x?a=1&amp;b=&quot;&#39;&lt;\">");
	expect_has(html, "href=\"/x?a=1&amp;b=&quot;&#39;&lt;\">Continue</a>");
	expect_lacks(html, "<script");
	html = page_onward("r", "javascript:alert(1)", m);
	expect_has(html, "content=\"0;url=/\"");
	expect_lacks(html, "javascript");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/pages");
	TCase *t = tcase_create("pages");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, the_policy_names_the_hash_of_the_style);
	tcase_add_test(t, the_form_that_sends_itself_runs_the_one_script_that_its_policy_names);
	tcase_add_test(t, a_kept_form_is_stood_in_for_by_an_empty_one_with_a_button);
	tcase_add_test(t, the_form_holds_every_parameter_escaped_and_a_button);
	tcase_add_test(t, the_policy_lets_nothing_run_and_nobody_frame);
	tcase_add_test(t, every_reason_has_a_whole_page);
	tcase_add_test(t, a_failed_sign_in_has_words_of_its_own);
	tcase_add_test(t, pages_say_what_helps);
	tcase_add_test(t, what_is_for_the_log_stays_there);
	tcase_add_test(t, foreign_text_stays_text);
	tcase_add_test(t, a_link_that_would_run_something_is_left_out);
	tcase_add_test(t, bytes_that_are_no_text_become_a_sign);
	tcase_add_test(t, a_provider_cannot_fill_the_page);
	tcase_add_test(t, the_json_twin_says_the_same);
	tcase_add_test(t, json_survives_every_foreign_byte);
	tcase_add_test(t, a_page_without_reason_follows_the_status);
	tcase_add_test(t, the_page_to_choose_has_a_link_for_each_provider_and_escapes_its_name);
	tcase_add_test(t, signing_out_says_whether_the_provider_knows_you);
	tcase_add_test(t, a_logout_that_another_site_caused_asks_first);
	tcase_add_test(t, a_page_leads_on_by_itself_and_only_to_what_is_a_link);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
