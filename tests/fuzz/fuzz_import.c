/*
 * tests/fuzz/fuzz_import.c - a web.config, and the configuration that is made of it
 *
 * Whatever it says, what comes out can be read back to its end, and each
 * mistake in it stands directly below a line that says what is to be done.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "proxy/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct str line_of(struct str, long);
static void judge(struct str);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem *m = mem_new(SIZE_MAX);
	struct import_result r;
	struct err e = { .reason = REASON_NONE };

	if (import_text((struct str){ (const char *)data, size }, size % 2 == 1, m, &r, &e) == 0)
		judge(r.text);
	else
		assert(e.reason == REASON_CONFIG && e.text[0] != '\0' && r.text.n == 0);
	mem_free(&m);
	return 0;
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
