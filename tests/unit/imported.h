/*
 * tests/unit/imported.h - a web.config made from a row, and what has to hold for whatever came of it
 */
#ifndef TESTS_IMPORTED_H
#define TESTS_IMPORTED_H
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "proxy/import.h"

#define MARK     IMPORT_MARK
#define GOOD     "n8Zr7XbN4vK9mTdQ2hV3qT8xYb1ZfKpR7mWcE5nJ0sL"
#define KNOWN    ".well-known/openid-configuration"
#define HTTP     MARK "it is http, where whoever is on the way reads sessions and passwords; make it https"
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct mem *m;
static struct import_result result;
static struct err e;

static inline void
begin(void)
{
	m = mem_new(SIZE_MAX);
}

static inline void
end(void)
{
	mem_free(&m);
}

/* "NAME=value|NAME=value" without the prefix, as appSettings. */
static inline const char *
workflowgen(const char *settings)
{
	struct str rest = str_of(settings), one;
	const char *all = "";

	while (str_next(&rest, '|', &one)) {
		size_t n = strcspn(one.p, "=");

		all = mem_printf(m, "%s<add key=\"%s%.*s\" value=\"%.*s\"/>\n", all,
		    strncmp(one.p, "ApplicationUrl", 14) == 0 ? "" : "ApplicationSecurityAuth", (int)n, one.p,
		    (int)(one.n - n - 1), one.p + n + 1);
	}
	return mem_printf(m, "<configuration><appSettings>%s</appSettings></configuration>", all);
}

/* The attributes of one element, and what else stands beside it. */
static inline const char *
cora(const char *attributes, const char *beside)
{
	return mem_printf(
	    m, "<configuration><openIdConnect clientId=\"c\" %s/>%s</configuration>", attributes, beside);
}

static inline void
import(const char *xml, bool hide)
{
	ck_assert_msg(import_text(str_of(xml), hide, m, &result, &e) == 0, "%s\nfor\n%s", e.text, xml);
}

/* How often `what` is in `text`. */
static inline size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text++;
	}
	return n;
}

static inline const char *
text(void)
{
	return mem_text(m, result.text);
}

/* A line that is not in front of all but indentation. */
static inline void
expect(const char *line)
{
	const char *all = mem_printf(m, "\n%s", text());
	const char *plain = mem_printf(m, "\n%s\n", line), *deep = mem_printf(m, "\n\t%s\n", line),
		   *deeper = mem_printf(m, "\n\t\t%s\n", line);

	if (line[0] == '!')
		ck_assert_msg(strstr(all, line + 1) == NULL, "there is %s in\n%s", line + 1, all);
	else
		ck_assert_msg(
		    strstr(all, plain) != NULL || strstr(all, deep) != NULL || strstr(all, deeper) != NULL,
		    "no line\n%s\nin\n%s", line, all);
}

/* Each thing to be done stands above a setting or section, is a warning, and is all that -t finds. */
static inline void
judge(void)
{
	struct conf_report report = { NULL, 0, 0 };
	struct str rest = result.text, line, last = STR("");
	struct conf *c = conf_parse("t", result.text, &report);
	size_t lines = 0, marks = 0;
	bool marked[1024] = { false };

	while (str_next(&rest, '\n', &line)) {
		bool is = str_begins(line = str_trim(line), STR(MARK));

		ck_assert_uint_lt(++lines, 1024);
		marked[lines + 1] = is;
		marks += is;
		if (str_begins(last, STR(MARK)))
			ck_assert_msg(
			    is || memmem(line.p, line.n, " = ", 3) != NULL || line.p[line.n - 1] == '{',
			    "below a mark: %.*s", STR_ARG(line));
		last = line;
	}
	ck_assert_uint_le(marks, result.n_warnings);
	for (size_t i = 0; i < report.n; i++)
		ck_assert_msg(report.v[i].warning || marked[strtol(report.v[i].text + 2, NULL, 10)],
		    "%s\nin\n%s", report.v[i].text, text());
	for (size_t i = 0; i < result.n_warnings; i++)
		ck_assert_msg(strpbrk(result.warnings[i], "\r\n\033") == NULL, "%s", result.warnings[i]);
	conf_report_free(&report);
	conf_free(&c);
}

struct row {
	const char *settings;
	const char *lines[8]; /* expected; with ! in front: not there */
};

struct row_beside {
	const char *settings, *lines[8];
	const char *beside;
};

static inline int
run_imports(TCase *t)
{
	Suite *s = suite_create("proxy/import");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif
