/* tests/unit/test_conf_pages.c - a directory of templates is read whole, and what is wrong in it is told */
#include "conf_fixture.h"

#include "conf/conf_pages.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static void
begin(void)
{
	fixture_begin();
	ck_assert_int_eq(mkdir(fixture_path("pages"), 0700), 0);
}

START_TEST(each_file_is_one_page)
{
	static const char *const files[CONF_PAGES] = { "error.html", "access_denied.html", "choose.html",
		"logout.html", "signed_out.html" };

	for (int i = 0; i < CONF_PAGES; i++)
		ck_assert_str_eq(conf_pages[i].file, files[i]);
	for (unsigned i = 0; i < PAGE_VALUES; i++)
		ck_assert_msg(conf_page_names[i].name != NULL, "value %u has no name", i);
}
END_TEST

/* Files, with what stands in them, and what is said; one that is NULL ends a row. */
static const struct {
	const char *files[3][2];
	unsigned mode;
	const char *says;
} rows[] = {
	{ { { "error.html", "<p>{{text}} {{reason}} {{request_id}}" } }, 0600, "" },
	{ { { "error.html", "x" }, { ".error.html.swp", "x" } }, 0602,
	    "warning: $D/pages/error.html:1: may be written by every user of this system; take that right "
	    "away (chmod "
	    "o-w)\n"
	    "warning: $D/pages/error.html:1: has no {{text}}: it says in a sentence what happened\n"
	    "warning: $D/pages/error.html:1: has no {{reason}}: it is the word for the refusal in the log\n"
	    "warning: $D/pages/error.html:1: has no {{request_id}}: it is what the log names the request "
	    "by" },
	{ { { "access_denied.html", "<p>" } }, 0600,
	    "warning: $D/pages/access_denied.html:1: has no {{reason}}: it is the word for the refusal in "
	    "the log\n"
	    "warning: $D/pages/access_denied.html:1: has no {{request_id}}: it is what the log names the "
	    "request by\n"
	    "warning: $D/pages/access_denied.html:1: has no {{switch_url}}: it signs in as someone else, "
	    "where that may "
	    "help" },
	{ { { "choose.html", "\n{{nmae}}" }, { "logout.html", "{{logout_url}}\n{{username}}" } }, 0600,
	    "$D/pages/choose.html:2: \"{{nmae}}\" is not known on this page; did you mean name?\n"
	    "$D/pages/choose.html:1: has no {{#providers}}, without which the page is of no use: it has a "
	    "row for each "
	    "sign-in service\n"
	    "warning: $D/pages/choose.html:1: has no {{name}}: it is the provider's name in the "
	    "configuration\n"
	    "$D/pages/choose.html:1: has no {{url}} in href= or action=, without which the page is of no "
	    "use: it signs "
	    "in there\n"
	    "$D/pages/logout.html:2: \"{{username}}\" is not known on this page; there are: title text "
	    "request_id "
	    "home_url logout_url\n"
	    "warning: $D/pages/logout.html:1: has no {{home_url}}: it leads to the application\n"
	    "$D/pages/logout.html:1: has no {{logout_url}} in href= or action=, without which the page is of "
	    "no use: it "
	    "signs out, as the action of a form" },
	{ { { "signed_out.html", "" } }, 0600,
	    "$D/pages/signed_out.html:1: is empty; delete the file to have the built-in page" },
	{ { { "eror.html", "x" }, { "error.html", "{{text}}{{reason}}{{request_id}}" }, { "x.png", "x" } },
	    0600,
	    "warning: 1: pages: \"eror.html\" in it is no page, and is not looked at; did you mean "
	    "error.html\n"
	    "warning: 1: pages: \"x.png\" in it is no page, and is not looked at; `workflow-proxy help "
	    "pages` lists "
	    "their names" },
	{ { { "Error.HTML", "x" } }, 0600,
	    "warning: 1: pages: \"Error.HTML\" in it is no page, and is not looked at; did you mean "
	    "error.html\n"
	    "warning: 1: pages: holds no page, so all stay built in; `workflow-proxy help pages` lists their "
	    "names" },
	{ { { NULL } }, 0600,
	    "warning: 1: pages: holds no page, so all stay built in; `workflow-proxy help pages` lists their "
	    "names" },
};

START_TEST(what_is_wrong_with_a_page_is_told)
{
	struct row row = { "", "pages = \"${D}/pages\"", rows[_i].says, NULL };

	for (int i = 0; i < 3 && rows[_i].files[i][0] != NULL; i++)
		fixture_write(mem_printf(fixture_mem, "pages/%s", rows[_i].files[i][0]), rows[_i].files[i][1],
		    rows[_i].mode);
	expect(&row);
}
END_TEST

START_TEST(many_files_that_are_no_pages_are_counted)
{
	struct row row = { "", "pages = \"${D}/pages\"", "", NULL };

	for (int i = 0; i < 15; i++) {
		fixture_write(mem_printf(fixture_mem, "pages/%c", 'a' + i), "x", 0600);
		if (i < 10)
			row.want = mem_printf(fixture_mem,
			    "%swarning: 1: pages: \"%c\" in it is no page, and is not looked at; "
			    "`workflow-proxy help pages` lists their names\n",
			    row.want, 'a' + i);
	}
	row.want = mem_printf(fixture_mem,
	    "%swarning: 1: pages: 5 more files in it are no pages either\n"
	    "warning: 1: pages: holds no page, so all stay built in; `workflow-proxy help pages` lists their "
	    "names",
	    row.want);
	expect(&row);
}
END_TEST

START_TEST(a_directory_or_file_that_cannot_be_read_is_told)
{
	static const struct row none = { "", "pages = \"${D}/nowhere\"",
		"1: pages: \"$D/nowhere\" cannot be read: No such file or directory; write the path of a "
		"directory",
		NULL };
	static const struct row file = { "", "pages = \"${D}/tls.crt\"",
		"1: pages: \"$D/tls.crt\" cannot be read: Not a directory; write the path of a directory",
		NULL };
	static const struct row folder = { "", "pages = \"${D}/pages\"",
		"$D/pages/choose.html:1: is not a regular file", NULL };
	static const struct row large = { "", "pages = \"${D}/pages\"",
		"$D/pages/choose.html:1: is larger than 262144 bytes", NULL };

	expect(&none);
	expect(&file);
	ck_assert_int_eq(mkdir(fixture_path("pages/choose.html"), 0700), 0);
	expect(&folder);
	ck_assert_int_eq(rmdir(fixture_path("pages/choose.html")), 0);
	fixture_write("pages/choose.html", "x", 0600);
	ck_assert_int_eq(truncate(fixture_path("pages/choose.html"), TEMPLATE_FILE_MOST + 1), 0);
	expect(&large);
}
END_TEST

START_TEST(the_reference_lists_every_page_and_value)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	conf_pages_print_help(f);
	ck_assert_int_eq(fclose(f), 0);
	for (int i = 0; i < CONF_PAGES; i++)
		ck_assert_ptr_nonnull(strstr(text, conf_pages[i].file));
	for (unsigned i = 0; i < PAGE_VALUES; i++)
		ck_assert_ptr_nonnull(strstr(text, mem_printf(fixture_mem, "%s}}", conf_page_names[i].name)));
	ck_assert_ptr_nonnull(strstr(text, "    {{url}}         signs in there (required)\n"));
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/pages");
	TCase *t = tcase_create("pages");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, begin, fixture_end);
	tcase_add_test(t, each_file_is_one_page);
	tcase_add_loop_test(t, what_is_wrong_with_a_page_is_told, 0, ROWS(rows));
	tcase_add_test(t, many_files_that_are_no_pages_are_counted);
	tcase_add_test(t, a_directory_or_file_that_cannot_be_read_is_told);
	tcase_add_test(t, the_reference_lists_every_page_and_value);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
