/*
 * tests/fuzz/fuzz_template.c - a template of any bytes, on each page that has one
 *
 * Either there are mistakes, each one line, or a page can be printed; and
 * whichever values are there, none of them becomes markup.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/conf_pages.h"
#include "conf/markup.h"
#include "conf/notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void on_page(const struct conf_page_row *, struct str);
static void check(const struct template *, struct mem *, size_t n_rows);
static void walk(struct str page);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int i = 0; i < CONF_PAGES && size <= TEMPLATE_FILE_MOST; i++)
		on_page(&conf_pages[i], (struct str){ (const char *)data, size });
	return 0;
}

static void
on_page(const struct conf_page_row *row, struct str text)
{
	struct template_source s = { .file = "fuzz.html",
		.text = text,
		.names = conf_page_names,
		.n_names = PAGE_VALUES,
		.known = row->known,
		.should = row->should,
		.must = row->must };
	struct notes *notes = notes_new("conf");
	struct conf_report report = { NULL, 0, 0 };
	struct mem *m = mem_new(SIZE_MAX);
	struct template t;

	template_parse(&s, notes, m, &t);
	notes_report(notes, &report);
	notes_free(&notes);
	for (size_t i = 0; i < report.n; i++)
		if (strpbrk(report.v[i].text, "\r\n\033") != NULL)
			abort();
	if (report.mistakes == 0)
		for (size_t n = 0; n < 3; n++)
			check(&t, m, n);
	conf_report_free(&report);
	mem_free(&m);
}

/* As escaping leaves them: no quotes, no angle brackets; between two signs that no template can hold. */
static void
check(const struct template *t, struct mem *m, size_t n_rows)
{
	struct str v[PAGE_VALUES], row[PAGE_VALUES], page;
	const struct str *rows[] = { row, row };

	for (unsigned odd = 0; odd < 2; odd++) {
		for (unsigned i = 0; i < PAGE_VALUES; i++)
			v[i] = row[i] = (odd + i) % 2 == 0 ? STR("") : STR("\x01/a onx=y /&lt;\x02");
		page = template_print(t, &(struct template_values){ v, rows, n_rows }, m);
		if (page.n > TEMPLATE_PAGE_MOST || page.p[page.n] != '\0')
			abort();
		walk(page);
	}
}

/* Before a value and behind it one is at the same place, and one where escaping holds. */
static void
walk(struct str page)
{
	struct markup at = { .state = MARKUP_IN_TEXT }, before = at;

	for (size_t i = 0; i < page.n; i++) {
		if (page.p[i] == '\x01')
			before = at;
		(void)markup_take(&at, page.p[i]);
		if (page.p[i] == '\x02' &&
		    (markup_place(&before) == MARKUP_NOWHERE || !markup_same(&before, &at)))
			abort();
	}
	if (page.n > 0 && at.state != MARKUP_IN_TEXT)
		abort();
}
