/*
 * tests/fuzz/fuzz_import.c - a web.config, and the configuration that is made of it
 *
 * Whatever it says, what comes out can be read back to its end, and each
 * mistake in it stands directly below a line that says what is to be done.
 * What begins with W or S is no XML but lines NAME=VALUE, which are put into
 * some: so that it is the values that vary.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "proxy/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct str document(struct mem *, struct str);
static const char *escaped(struct mem *, struct str);
static struct str line_of(struct str, long);
static void judge(struct str);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem *m = mem_new(SIZE_MAX);
	struct import_result r;
	struct err e = { .reason = REASON_NONE };

	if (import_text(document(m, (struct str){ (const char *)data, size }), size % 2 == 1, m, &r, &e) == 0)
		judge(r.text);
	else
		assert(e.reason == REASON_CONFIG && e.text[0] != '\0' && r.text.n == 0);
	mem_free(&m);
	return 0;
}

static struct str
document(struct mem *m, struct str data)
{
	const char *all = "";
	struct str line;

	if (data.n < 2 || (data.p[0] != 'W' && data.p[0] != 'S') || memchr(data.p, '\0', data.n) != NULL)
		return data;
	for (struct str rest = str_from(data, 1); str_next(&rest, '\n', &line);) {
		struct str name = STR("");
		bool ours = data.p[0] == 'W' && !str_begins(line, STR("ApplicationUrl"));

		if (str_next(&line, '=', &name))
			all = mem_printf(m, "%s<add key=\"%s%s\" value=\"%s\"/>", all,
			    ours ? "ApplicationSecurityAuth" : "", escaped(m, name), escaped(m, line));
	}
	return str_of(mem_printf(m, "<configuration><%s>%s</%s></configuration>",
	    data.p[0] == 'W' ? "appSettings" : "openIdConnect", all,
	    data.p[0] == 'W' ? "appSettings" : "openIdConnect"));
}

static const char *
escaped(struct mem *m, struct str s)
{
	char *out = mem_zalloc(m, 5 * s.n + 1), *p = out;

	for (size_t i = 0; i < s.n; i++)
		if (strchr("&<>\"\t\r", s.p[i]) != NULL)
			p += snprintf(p, 6, "&#%d;", s.p[i]);
		else
			*p++ = s.p[i];
	return out;
}

static void
judge(struct str text)
{
	struct conf_report report = { NULL, 0, 0 };
	struct conf *c = conf_parse("f", text, &report);

	for (size_t i = 0; i < report.n; i++) {
		struct str above;

		if (report.v[i].warning)
			continue;
		assert(strncmp(report.v[i].text, "f:", 2) == 0);
		above = str_trim(line_of(text, strtol(report.v[i].text + 2, NULL, 10) - 1));
		if (!str_begins(above, STR(IMPORT_MARK)))
			(void)fprintf(stderr, "%s\nin\n%.*s\n", report.v[i].text, STR_ARG(text));
		assert(str_begins(above, STR(IMPORT_MARK)));
	}
	conf_report_free(&report);
	conf_free(&c);
}

/* By its number, from 1. */
static struct str
line_of(struct str text, long n)
{
	struct str one = STR("");

	while (n-- > 0 && str_next(&text, '\n', &one))
		;
	return one;
}
