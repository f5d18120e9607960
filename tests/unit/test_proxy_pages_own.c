/* tests/unit/test_proxy_pages_own.c - an operator's page says what ours says, and no more runs in it */
#include <check.h>
#include <stdlib.h>

#include "conf/conf_pages.h"
#include "proxy/pages_own.h"

#define EVIL "\"><script>alert(1)</script>'`&"
#define SAFE "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39;&#96;&amp;"

static struct mem *m;
static struct conf_templates own;

static void
begin(void)
{
	m = mem_new(SIZE_MAX);
	own = (struct conf_templates){ { NULL } };
}

static void
end(void)
{
	mem_free(&m);
}

static void
use(enum conf_page page, const char *text)
{
	struct template_source s = { .file = "t",
		.text = str_of(text),
		.names = conf_page_names,
		.n_names = PAGE_VALUES,
		.known = conf_pages[page].known,
		.must = conf_pages[page].must };
	struct template *t = mem_zalloc(m, sizeof(*t));
	struct conf_report report = { NULL, 0, 0 };
	struct notes *notes = notes_new("t");

	template_parse(&s, notes, m, t);
	notes_report(notes, &report);
	notes_free(&notes);
	ck_assert_msg(report.n == 0, "%s", report.n == 0 ? "" : report.v[0].text);
	conf_report_free(&report);
	own.v[page] = t;
}

static void
expect(struct pages_own page, const char *html)
{
	ck_assert_str_eq(page.html.p, html);
	ck_assert_uint_eq(page.html.n, strlen(html));
	ck_assert_ptr_nonnull(strstr(page.csp, "default-src 'none'; "));
	ck_assert_ptr_nonnull(strstr(page.csp, "img-src 'self' data:; "));
	ck_assert_ptr_nonnull(strstr(page.csp, "frame-ancestors 'none'; "));
	ck_assert_ptr_nonnull(strstr(page.csp, "base-uri 'none'"));
	ck_assert_ptr_null(strstr(page.csp, "script-src"));
}

static void
expect_ours(struct pages_own page, struct str html, const char *csp)
{
	ck_assert_str_eq(page.html.p, html.p);
	ck_assert_uint_eq(page.html.n, html.n);
	ck_assert_ptr_eq(page.csp, csp);
	ck_assert(!page.knows_us);
}

static const struct page refused = {
	.reason = REASON_CLAIM_MISSING,
	.status = 403,
	.request_id = EVIL,
	.username = { EVIL, sizeof(EVIL) - 1 },
	.detail = { EVIL, sizeof(EVIL) - 1 },
	.host = EVIL,
	.retry_url = "javascript:alert(1)",
	.switch_url = "/s?rd=" EVIL,
	.home_url = "data:x",
};
static const struct page_choice choices[] = { { "one", "/1?a&b" }, { EVIL, "javascript:x" } };

START_TEST(without_a_template_the_page_is_ours)
{
	expect_ours(pages_own_refusal(&own, &refused, m), page_html(&refused, m), page_csp);
	expect_ours(pages_own_choose(&own, "r", choices, 2, m), page_choose("r", choices, 2, m), page_csp);
	for (int both = 0; both < 2; both++)
		expect_ours(pages_own_signed_out(&own, "r", "/", both, m), page_signed_out("r", "/", both, m),
		    page_csp);
	expect_ours(pages_own_ask_logout(&own, "r", "/out", "/", m), page_ask_logout("r", "/out", "/", m),
	    page_csp_ask);
}
END_TEST

START_TEST(a_refusal_names_everything_and_escapes_it)
{
	use(CONF_PAGE_ERROR, "{{title}}|{{status}}|{{reason}}|{{request_id}}|{{username}}|{{detail_label}}|"
			     "{{detail}}|{{host}}|{{#retry_url}}retry{{/retry_url}}|<a "
			     "href=\"{{switch_url}}\">|{{#home_url}}home{{/home_url}}");
	expect(pages_own_refusal(&own, &refused, m), "Access denied|403|claim_missing|" SAFE "|" SAFE
						     "|Required|" SAFE "|||<a href=\"/s?rd=" SAFE "\">|");
}
END_TEST

START_TEST(the_words_are_those_of_the_built_in_page)
{
	struct page p = {
		.reason = REASON_LOGIN_NO_COOKIE, .status = 403, .host = "h", .detail = STR("log only")
	};

	use(CONF_PAGE_ERROR,
	    "{{text}}|{{advice}}|{{host}}|{{#detail}}d{{/detail}}{{#detail_label}}l{{/detail_label}}");
	expect(pages_own_refusal(&own, &p, m), "Your browser did not send back our sign-in cookie, so we "
					       "cannot tell that this sign-in is yours.|Allow cookies "
					       "for this site, then try again. A private window, an "
					       "extension, or a page shown inside another page can hold "
					       "cookies back.|h|");
	p.reason = REASON_LOGIN_REFUSED;
	p.detail = STR("");
	use(CONF_PAGE_ERROR,
	    "{{#detail}}d{{/detail}}{{#detail_label}}l{{/detail_label}}{{#host}}h{{/host}}.");
	expect(pages_own_refusal(&own, &p, m), ".");
	p.reason = REASON_NONE;
	p.status = 404;
	use(CONF_PAGE_ERROR, "{{title}}{{^reason}} {{status}}{{/reason}}");
	expect(pages_own_refusal(&own, &p, m), "Page not found 404");
}
END_TEST

START_TEST(a_denial_has_a_page_of_its_own_or_is_an_error)
{
	static const enum reason denials[] = { REASON_CLAIM_MISSING, REASON_CLAIM_OVERAGE,
		REASON_USERNAME_MISMATCH, REASON_TOKEN_TENANT };

	use(CONF_PAGE_ERROR, "error");
	expect(pages_own_refusal(&own, &refused, m), "error");
	use(CONF_PAGE_ACCESS_DENIED, "denied");
	for (int r = 0; r < REASON_COUNT; r++) {
		struct page p = { .reason = (enum reason)r, .status = 403 };
		bool denial = false;

		for (size_t i = 0; i < sizeof(denials) / sizeof(denials[0]); i++)
			denial = denial || denials[i] == p.reason;
		expect(pages_own_refusal(&own, &p, m), denial ? "denied" : "error");
	}
	own.v[CONF_PAGE_ERROR] = NULL;
	expect(pages_own_refusal(&own, &refused, m), "denied");
}
END_TEST

START_TEST(to_choose_each_provider_has_its_link)
{
	use(CONF_PAGE_CHOOSE,
	    "{{title}}|{{request_id}}{{#providers}}|{{name}} <a href=\"{{url}}\">{{/providers}}");
	expect(pages_own_choose(&own, EVIL, choices, 2, m),
	    "Where do you want to sign in?|" SAFE "|one <a href=\"/1?a&amp;b\">|" SAFE " <a href=\"\">");
}
END_TEST

START_TEST(signed_out_says_whether_everywhere)
{
	use(CONF_PAGE_SIGNED_OUT,
	    "{{title}}|{{text}}|{{#everywhere}}all{{/everywhere}}{{^everywhere}}here{{/everywhere}}|"
	    "{{home_url}}|{{request_id}}");
	expect(pages_own_signed_out(&own, "r", "/h", true, m),
	    "You are signed out|Your session with the sign-in service is over as well.|all|/h|r");
	expect(pages_own_signed_out(&own, "r", "x:", false, m),
	    "You are signed out|The sign-in service may still know you: then the next sign-in here asks for "
	    "no password. On a "
	    "computer that others use, sign out there as well, or close all windows of this "
	    "browser.|here||r");
}
END_TEST

START_TEST(the_question_knows_where_its_form_comes_from)
{
	struct pages_own page;

	use(CONF_PAGE_LOGOUT,
	    "{{title}}|{{text}}|<form action=\"{{logout_url}}\">|{{home_url}}|{{request_id}}");
	page = pages_own_ask_logout(&own, "r", "/out?rd=\"", "/h", m);
	expect(page, "Do you want to sign out?|Another website asks to end your session here. If that was "
		     "not you, stay signed "
		     "in.|<form action=\"/out?rd=&quot;\">|/h|r");
	ck_assert(page.knows_us);
	ck_assert_ptr_nonnull(strstr(page.csp, "form-action 'self' https: http:; "));
	use(CONF_PAGE_SIGNED_OUT, "x");
	page = pages_own_signed_out(&own, "r", "/", true, m);
	ck_assert(!page.knows_us);
	ck_assert_ptr_nonnull(strstr(page.csp, "form-action 'self'; "));
}
END_TEST

START_TEST(a_template_that_grows_too_large_gives_way_to_our_page)
{
	char *text = mem_alloc(m, TEMPLATE_FILE_MOST + 64), *name = mem_alloc(m, 300);
	char *p = text;

	memset(name, '"', 300);
	for (size_t i = 0; i < TEMPLATE_FILE_MOST / 12; i++, p += 12)
		memcpy(p, "{{username}}", 12);
	*p = '\0';
	use(CONF_PAGE_ERROR, text);
	expect_ours(pages_own_refusal(&own, &(struct page){ .username = { name, 300 }, .status = 404 }, m),
	    page_html(&(struct page){ .username = { name, 300 }, .status = 404 }, m), page_csp);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/pages_own");
	TCase *t = tcase_create("pages_own");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, without_a_template_the_page_is_ours);
	tcase_add_test(t, a_refusal_names_everything_and_escapes_it);
	tcase_add_test(t, the_words_are_those_of_the_built_in_page);
	tcase_add_test(t, a_denial_has_a_page_of_its_own_or_is_an_error);
	tcase_add_test(t, to_choose_each_provider_has_its_link);
	tcase_add_test(t, signed_out_says_whether_everywhere);
	tcase_add_test(t, the_question_knows_where_its_form_comes_from);
	tcase_add_test(t, a_template_that_grows_too_large_gives_way_to_our_page);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
