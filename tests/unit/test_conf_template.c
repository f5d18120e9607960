/* tests/unit/test_conf_template.c - templates print what they name, and every mistake in one is told */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/markup.h"
#include "conf/template.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

enum { TITLE, ADVICE, HOME, BOTH, PROVIDERS, NAME, URL, HIDDEN, VALUES };
#define BIT(v) ((uint32_t)1 << (v))

static const struct template_name names[VALUES] = {
	[TITLE] = { "title", TEMPLATE_TEXT, false, "is the heading" },
	[ADVICE] = { "advice", TEMPLATE_TEXT, false, "helps" },
	[HOME] = { "home_url", TEMPLATE_LINK, false, "leads home" },
	[BOTH] = { "both", TEMPLATE_FLAG, false, "is there for both" },
	[PROVIDERS] = { "providers", TEMPLATE_LIST, false, "has a row for each" },
	[NAME] = { "name", TEMPLATE_TEXT, true, "is its name" },
	[URL] = { "url", TEMPLATE_LINK, true, "signs in there" },
	[HIDDEN] = { "hidden", TEMPLATE_TEXT, false, "is of another page" },
};

static struct mem *m;
static struct template made;

static void
begin(void)
{
	m = mem_new(SIZE_MAX);
}

static void
end(void)
{
	mem_free(&m);
}

static struct template_source
source_of(const char *text)
{
	return (struct template_source){ .file = "t",
		.text = str_of(text),
		.names = names,
		.n_names = VALUES,
		.known = BIT(VALUES) - 1 - BIT(HIDDEN) };
}

/* What was said about it: "LINE: ...", a line each, "warning" at the end of one. */
static const char *
said(const struct template_source *s)
{
	struct notes *notes = notes_new("conf");
	struct conf_report report = { NULL, 0, 0 };
	const char *all = "";

	template_parse(s, notes, m, &made);
	notes_report(notes, &report);
	notes_free(&notes);
	for (size_t i = 0; i < report.n; i++) {
		ck_assert_msg(strncmp(report.v[i].text, "t:", 2) == 0, "%s", report.v[i].text);
		all = mem_printf(m, "%s%s%s%s", all, i == 0 ? "" : "\n", report.v[i].text + 2,
		    report.v[i].warning ? " warning" : "");
	}
	conf_report_free(&report);
	return all;
}

static struct str
printed(const char *text, size_t n_rows)
{
	static const struct str v[VALUES] = { [TITLE] = { "T&amp;T", 7 }, [HOME] = { "/home", 5 } };
	static const struct str one[VALUES] = { [NAME] = { "one", 3 }, [URL] = { "/1", 2 } };
	static const struct str two[VALUES] = { [NAME] = { "two", 3 } };
	static const struct str *const rows[] = { one, two };
	const struct template_source s = source_of(text);

	ck_assert_str_eq(said(&s), "");
	return template_print(&made, &(struct template_values){ v, rows, n_rows }, m);
}

static const struct {
	const char *text, *page;
} prints[] = {
	{ "plain", "plain" },
	{ "\xef\xbb\xbfwith a mark", "with a mark" },
	{ "{{title}}", "T&amp;T" },
	{ "{{title}}{{title}}{{advice}}.", "T&amp;TT&amp;T." },
	{ "{{ title\t}}", "T&amp;T" },
	{ "}} { } {x} {", "}} { } {x} {" },
	{ "a{{#title}}b{{title}}c{{/title}}d", "abT&amp;Tcd" },
	{ "a{{#advice}}b{{/advice}}d", "ad" },
	{ "a{{^title}}b{{/title}}d", "ad" },
	{ "a{{^advice}}b{{/advice}}d", "abd" },
	{ "{{# title }}b{{/ title }}", "b" },
	{ "{{#advice}}{{#title}}b{{/title}}{{/advice}}{{#title}}{{^advice}}c{{/advice}}{{/title}}", "c" },
	{ "{{#both}}b{{/both}}{{^both}}n{{/both}}", "n" },
	{ "{{#providers}}<a href=\"{{url}}\">{{name}}{{title}}</a>{{/providers}}",
	    "<a href=\"/1\">oneT&amp;T</a><a href=\"\">twoT&amp;T</a>" },
	{ "{{#providers}}{{#url}}{{name}}{{/url}}{{^url}}-{{/url}}{{/providers}}", "one-" },
	{ "{{^providers}}none{{/providers}}", "" },
	{ "<a href='{{home_url}}' title='{{title}}'>{{home_url}}</a>",
	    "<a href='/home' title='T&amp;T'>/home</a>" },
	{ "<p CLASS=\"a {{#title}}b{{/title}}\" data-x='{{title}}' aria-label=\"{{title}}\" "
	  "Id=\"{{title}}\">",
	    "<p CLASS=\"a b\" data-x='T&amp;T' aria-label=\"T&amp;T\" Id=\"T&amp;T\">" },
	{ "<form action=\"{{home_url}}\"><button formaction=\"{{home_url}}\"></form>",
	    "<form action=\"/home\"><button formaction=\"/home\"></form>" },
	{ "<title>{{title}}</title><style>@media x{a{b:c}}</style >{{title}}<!-- > -->{{title}}<!DOCTYPE "
	  "x>{{title}}",
	    "<title>T&amp;T</title><style>@media x{a{b:c}}</style >T&amp;T<!-- > -->T&amp;T<!DOCTYPE "
	    "x>T&amp;T" },
};

START_TEST(a_template_prints_what_it_names)
{
	struct str page = printed(prints[_i].text, 2);

	ck_assert_str_eq(page.p, prints[_i].page);
	ck_assert_uint_eq(page.n, strlen(page.p));
}
END_TEST

START_TEST(a_list_without_rows_prints_its_opposite)
{
	ck_assert_str_eq(
	    printed("{{#providers}}{{name}}{{/providers}}{{^providers}}none{{/providers}}", 0).p, "none");
}
END_TEST

START_TEST(a_template_may_have_any_number_of_parts)
{
	char text[1000 * 10 + 1], *p = text;

	for (int i = 0; i < 1000; i++, p += 10)
		memcpy(p, "{{title}}.", 10);
	*p = '\0';
	ck_assert_uint_eq(printed(text, 0).n, 8000);
	ck_assert_uint_eq(made.n, 2000);
}
END_TEST

START_TEST(a_page_that_is_too_large_is_none)
{
	static const char row[] = "{{#providers}}{{name}}", close[] = "{{/providers}}";
	char *text = mem_alloc(m, TEMPLATE_FILE_MOST + 64), *p = text;

	memcpy(p, row, sizeof(row) - 1);
	p += sizeof(row) - 1;
	memset(p, 'x', TEMPLATE_FILE_MOST);
	p += TEMPLATE_FILE_MOST;
	memcpy(p, close, sizeof(close));
	ck_assert_uint_eq(printed(text, 2).n, 0);
	ck_assert_uint_eq(printed(text, 1).n, TEMPLATE_FILE_MOST + 3);
}
END_TEST

#define NOWHERE(where)                                                                                       \
	"1: {{title}} stands " where                                                                         \
	", where a value would not stay text; write it between tags or in a quoted value"
#define NO_TEXT(attr)                                                                                        \
	"1: {{title}} may not stand in " attr                                                                \
	"=; a text belongs between tags, or in title= alt= value= class= id= lang= aria-*= data-*="
#define NO_LINK(attr)                                                                                        \
	"1: {{home_url}} may not stand in " attr "=; a link belongs in href= or action=, or between tags"
#define NO_SCRIPT(what) "1: the page's Content-Security-Policy lets no script run; leave " what " out warning"

static const struct {
	const char *text, *says;
} mistakes[] = {
	{ "", "1: is empty; delete the file to have the built-in page" },
	{ " \r\n\t\f", "1: is empty; delete the file to have the built-in page" },
	{ "a\n\xff", "2: is not UTF-8; save the file in that encoding" },
	{ "a\n\nb\x01", "3: holds the control character 0x01; take it out" },
	{ "a\x7f", "1: holds the control character 0x7f; take it out" },
	{ "\n{{titel}}", "2: \"{{titel}}\" is not known on this page; did you mean title?" },
	{ "{{hidden}}", "1: \"{{hidden}}\" is not known on this page; there are: title advice home_url both "
			"providers name url" },
	{ "{{}}", "1: \"{{}}\" is not known on this page; there are: title advice home_url both providers "
		  "name url" },
	{ "{{title", "1: {{ is not closed on its line; write {{name}}" },
	{ "{{", "1: {{ is not closed on its line; write {{name}}" },
	{ "{{title\n}}{{x y}}\n{{title}",
	    "1: {{ is not closed on its line; write {{name}}\n"
	    "2: \"{{x y}}\" is not known on this page; there are: title advice home_url both "
	    "providers name url\n"
	    "3: {{ is not closed on its line; write {{name}}" },
	{ "{{{title}}}", "1: \"{{{title}}}\": no value stands in a page unescaped; write {{name}}" },
	{ "{{{title}}", "1: {{ is not closed on its line; write {{name}}" },
	{ "{{!x}}\n{{&title}}\n{{> x}}\n{{=<% %>=}}",
	    "1: \"{{!x}}\" is not known here; there is {{name}}, {{#name}} ... {{/name}} and {{^name}} ... "
	    "{{/name}}\n"
	    "2: \"{{&title}}\" is not known here; there is {{name}}, {{#name}} ... {{/name}} and {{^name}} "
	    "... {{/name}}\n"
	    "3: \"{{> x}}\" is not known here; there is {{name}}, {{#name}} ... {{/name}} and {{^name}} ... "
	    "{{/name}}\n"
	    "4: \"{{=<% %>=}}\" is not known here; there is {{name}}, {{#name}} ... {{/name}} and {{^name}} "
	    "... {{/name}}" },
	{ "{{both}}{{providers}}", "1: {{both}} has no text; write {{#both}} ... {{/both}}\n"
				   "1: {{providers}} has no text; write {{#providers}} ... {{/providers}}" },
	{ "{{name}}", "1: {{name}} is one of a list; write it inside of the list's section" },
	{ "{{^providers}}{{name}}{{/providers}}",
	    "1: {{name}} is one of a list; write it inside of the list's section" },
	{ "{{#name}}x{{/name}}{{^url}}x{{/url}}",
	    "1: {{#name}} is one of a list; write it inside of the list's section\n"
	    "1: {{^url}} is one of a list; write it inside of the list's section" },
	{ "{{#providers}}{{#providers}}{{/providers}}{{^providers}}{{/providers}}{{/providers}}",
	    "1: {{#providers}} is inside of itself; leave one of them out\n"
	    "1: {{^providers}} is inside of itself; leave one of them out" },
	{ "{{/title}}", "1: {{/title}} closes nothing; write {{#title}} before it, or leave it out" },
	{ "a\n{{#title}}\n", "2: the section of title is not closed; write {{/title}} behind what it holds" },
	{ "{{^title}}\n{{#advice}}\n{{#both}}\n{{/title}}\n{{/advice}}",
	    "2: the section of advice is not closed before {{/title}} in line 4; write {{/advice}} behind "
	    "what it holds\n"
	    "3: the section of both is not closed before {{/title}} in line 4; write {{/both}} behind what "
	    "it holds\n"
	    "5: {{/advice}} closes nothing; write {{#advice}} before it, or leave it out" },
	{ "{{#title}}{{#title}}{{#title}}{{#title}}{{#title}}{{#title}}{{#title}}{{#title}}{{^title}}x"
	  "{{/title}}{{/title}}{{/title}}{{/title}}{{/title}}{{/title}}{{/title}}{{/title}}",
	    "1: {{^title}} is inside of 8 others; write it elsewhere" },
	{ "<b>{{#title}}<i{{/title}}>",
	    "1: the section of title begins between tags and ends in a tag, outside of "
	    "its values; a section holds whole tags, or is inside of one value" },
	{ "<b title=\"{{#title}}\" class=\"{{/title}}\">",
	    "1: the section of title begins in a quoted value and ends in a quoted value; a section holds "
	    "whole tags, "
	    "or is inside of one value" },
	{ "<b {{#title}}><i {{/title}}>",
	    "1: the section of title begins in a tag, outside of its values and ends in a tag, outside of "
	    "its values; a section holds whole tags, or is inside of one value" },
	{ "</b {{#title}}><b {{/title}}>",
	    "1: the section of title begins in a tag, outside of its values and ends in a tag, outside of "
	    "its values; a section holds whole tags, or is inside of one value" },
	{ "<style>{{#title}}<{{/title}}</style>",
	    "1: the section of title begins in <style> and ends in <style>; a section holds whole tags, or "
	    "is inside of one value" },
	{ "<b{{#title}}c{{/title}}>",
	    "1: the section of title begins in a tag, outside of its values and ends in a tag, outside of "
	    "its values; a section holds whole tags, or is inside of one value" },
	{ "<{{title}}", NOWHERE("in a tag, outside of its values") "\n1: the file ends in a tag, outside of "
								   "its values; close it" },
	{ "</{{title}}>", NOWHERE("in a tag, outside of its values") },
	{ "<b{{title}}>", NOWHERE("in a tag, outside of its values") },
	{ "<b {{title}}>", NOWHERE("in a tag, outside of its values") },
	{ "<b x{{title}}>", NOWHERE("in a tag, outside of its values") },
	{ "<b x {{title}}>", NOWHERE("in a tag, outside of its values") },
	{ "<!{{title}}>", NOWHERE("in a tag, outside of its values") },
	{ "<!-{{title}}>", NOWHERE("in a tag, outside of its values") },
	{ "<?{{title}}>", NOWHERE("in a tag, outside of its values") },
	{ "<b title={{title}}>", NOWHERE("in a value without quotes") },
	{ "<b title= a{{title}} >", NOWHERE("in a value without quotes") },
	{ "<!--{{title}}-->", NOWHERE("in a comment") },
	{ "<!----{{title}}>", NOWHERE("in a comment") },
	{ "<style>{{title}}</style>", NOWHERE("in <style>") },
	{ "<STYLE>a</styl</stylex></style>{{title}}<style>", "1: the file ends in <style>; close it" },
	{ "<xmp/>{{title}}</xmp>", NOWHERE("in <script> or its like") },
	{ "<script src='x'></script>", NO_SCRIPT("<script>") },
	{ "<b onclick='x' ONX=y on>", NO_SCRIPT("onclick=") "\n" NO_SCRIPT("onx=") },
	{ "<a href=\"{{title}}\">", NO_TEXT("href") },
	{ "<a style='{{title}}'>", NO_TEXT("style") },
	{ "<a titles='{{title}}'>", NO_TEXT("titles") },
	{ "<img src=\"{{home_url}}\">", NO_LINK("src") },
	{ "<a title=\"{{home_url}}\">", NO_LINK("title") },
	{ "<b title=\"x>", "1: the file ends in a quoted value; close it" },
};

START_TEST(a_mistake_is_told_with_its_line_and_what_would_be_right)
{
	const struct template_source s = source_of(mistakes[_i].text);

	ck_assert_str_eq(said(&s), mistakes[_i].says);
}
END_TEST

static const struct {
	const char *text;
	uint32_t should, must;
	const char *says;
} needs[] = {
	{ "\nx", BIT(TITLE), 0, "1: has no {{title}}: it is the heading warning" },
	{ "{{title}}", BIT(TITLE), 0, "" },
	{ "{{^advice}}{{title}}{{/advice}}", BIT(TITLE), 0,
	    "1: has no {{title}}: it is the heading warning" },
	{ "{{#title}}x{{/title}}", BIT(TITLE), 0, "1: has no {{title}}: it is the heading warning" },
	{ "{{#title}}{{title}}{{/title}}", BIT(TITLE), 0, "" },
	{ "x", 0, BIT(TITLE), "1: has no {{title}}, without which the page is of no use: it is the heading" },
	{ "{{home_url}}", 0, BIT(HOME),
	    "1: has no {{home_url}} in href= or action=, without which the page is of no use: it leads "
	    "home" },
	{ "<a href='{{home_url}}'>", 0, BIT(HOME), "" },
	{ "{{#home_url}}x{{/home_url}}", 0, BIT(HOME),
	    "1: has no {{home_url}} in href= or action=, without which the page is of no use: it leads "
	    "home" },
	{ "x", 0, BIT(PROVIDERS),
	    "1: has no {{#providers}}, without which the page is of no use: it has a row for each" },
	{ "{{#providers}}x{{/providers}}", 0, BIT(PROVIDERS), "" },
	{ "{{^providers}}x{{/providers}}", 0, BIT(PROVIDERS),
	    "1: has no {{#providers}}, without which the page is of no use: it has a row for each" },
};

START_TEST(what_a_page_cannot_do_without_is_asked_for)
{
	struct template_source s = source_of(needs[_i].text);

	s.should = needs[_i].should;
	s.must = needs[_i].must;
	ck_assert_str_eq(said(&s), needs[_i].says);
}
END_TEST

/* Where is one behind this text? */
static const struct {
	const char *text;
	enum markup_place place;
} places[] = {
	{ "", MARKUP_TEXT },
	{ "a<", MARKUP_NOWHERE },
	{ "a< ", MARKUP_TEXT },
	{ "a<<", MARKUP_NOWHERE },
	{ "<1", MARKUP_TEXT },
	{ "</", MARKUP_NOWHERE },
	{ "</>", MARKUP_TEXT },
	{ "</1", MARKUP_NOWHERE },
	{ "</1>", MARKUP_TEXT },
	{ "<a>", MARKUP_TEXT },
	{ "</a", MARKUP_NOWHERE },
	{ "</script>", MARKUP_TEXT },
	{ "<a/>", MARKUP_TEXT },
	{ "<a x>", MARKUP_TEXT },
	{ "<a x/>", MARKUP_TEXT },
	{ "<a x = 'y", MARKUP_QUOTED },
	{ "<a\tx\n\r\f>", MARKUP_TEXT },
	{ "<A X =\n\"", MARKUP_QUOTED },
	{ "<a x=y\tz='", MARKUP_QUOTED },
	{ "<a x=y\r>", MARKUP_TEXT },
	{ "<[", MARKUP_TEXT },
	{ "<{", MARKUP_TEXT },
	{ "<a x /y=\"", MARKUP_QUOTED },
	{ "<a x y='", MARKUP_QUOTED },
	{ "<a x=>", MARKUP_TEXT },
	{ "<a x=y>", MARKUP_TEXT },
	{ "<a x=y z='", MARKUP_QUOTED },
	{ "<a x=y'", MARKUP_NOWHERE },
	{ "<a x='\">'", MARKUP_NOWHERE },
	{ "<a x='\">' ", MARKUP_NOWHERE },
	{ "<a x='\">'>", MARKUP_TEXT },
	{ "<a x=\"'>", MARKUP_QUOTED },
	{ "<a ='x", MARKUP_NOWHERE },
	{ "<!-->", MARKUP_TEXT },
	{ "<!--->", MARKUP_TEXT },
	{ "<!-- -- >", MARKUP_NOWHERE },
	{ "<!-- --->", MARKUP_TEXT },
	{ "<!->", MARKUP_TEXT },
	{ "<!>", MARKUP_TEXT },
	{ "<!-x>", MARKUP_TEXT },
	{ "<?x>", MARKUP_TEXT },
	{ "<!doctype html>", MARKUP_TEXT },
	{ "<style>", MARKUP_NOWHERE },
	{ "<style x='<'></style>", MARKUP_TEXT },
	{ "<style><!-- </style>", MARKUP_TEXT },
	{ "<style></style x='>'>", MARKUP_TEXT },
	{ "<style></style/>", MARKUP_TEXT },
	{ "<style></script>", MARKUP_NOWHERE },
	{ "<style><</style>", MARKUP_TEXT },
	{ "<style>< /style>", MARKUP_NOWHERE },
	{ "<noscript>", MARKUP_NOWHERE },
	{ "<iframe>", MARKUP_NOWHERE },
	{ "<abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz='", MARKUP_QUOTED },
};

START_TEST(markup_is_followed_as_a_browser_does)
{
	struct markup at = { .state = MARKUP_IN_TEXT };

	for (const char *p = places[_i].text; *p != '\0'; p++)
		(void)markup_take(&at, *p);
	ck_assert_msg(markup_place(&at) == places[_i].place, "%s", places[_i].text);
	ck_assert(markup_same(&at, &at));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/template");
	TCase *t = tcase_create("template");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_loop_test(t, a_template_prints_what_it_names, 0, ROWS(prints));
	tcase_add_test(t, a_list_without_rows_prints_its_opposite);
	tcase_add_test(t, a_template_may_have_any_number_of_parts);
	tcase_add_test(t, a_page_that_is_too_large_is_none);
	tcase_add_loop_test(t, a_mistake_is_told_with_its_line_and_what_would_be_right, 0, ROWS(mistakes));
	tcase_add_loop_test(t, what_a_page_cannot_do_without_is_asked_for, 0, ROWS(needs));
	tcase_add_loop_test(t, markup_is_followed_as_a_browser_does, 0, ROWS(places));
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
