/*
 * conf/template.h - an HTML file of the operator's with places for values
 *
 * {{name}}                   the value, escaped by who gives it
 * {{#name}} ... {{/name}}    only when there is a value; of a list: once for each
 * {{^name}} ... {{/name}}    only when there is none
 *
 * Nothing else: no logic, no unescaped value, no other file.  What is wrong is
 * found when the file is read, every mistake with its line: an unknown name, a
 * section that is not closed, a value where escaping would not help
 * (conf/markup.h), a name that the page cannot do without.
 *
 * Pure: text in, parts out; notes are taken.
 */
#ifndef CONF_TEMPLATE_H
#define CONF_TEMPLATE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/mem.h"
#include "conf/notes.h"
#include "conf/str.h"

#define TEMPLATE_FILE_MOST ((size_t)256 * 1024)
#define TEMPLATE_PAGE_MOST ((size_t)512 * 1024) /* of a page that is made of one */
#define TEMPLATE_NAMES     32                   /* at most */

enum template_kind {
	TEMPLATE_TEXT,
	TEMPLATE_LINK, /* a path of this site: may stand in href and action */
	TEMPLATE_FLAG, /* a section only */
	TEMPLATE_LIST  /* the same, once for each row */
};

/* A value that pages may have.  Sets of them are bits: 1u << index. */
struct template_name {
	const char *name;
	enum template_kind kind;
	bool in_list; /* each row of the page's list has its own: a value inside its section only */
	const char *help;
};

struct template_source {
	const char *file;                  /* for messages; outlives the notes */
	struct str text;                   /* outlives the template */
	const struct template_name *names; /* outlive the template */
	size_t n_names;
	uint32_t known;  /* which of them this page has */
	uint32_t should; /* without which it helps less: a warning */
	uint32_t must;   /* without which it does not work: a mistake */
};

struct template_part {
	enum { PART_TEXT, PART_VALUE, PART_SECTION, PART_UNLESS } kind;
	struct str text;                  /* of PART_TEXT */
	const struct template_name *name; /* of the others */
	size_t value;                     /* its index */
	size_t end;                       /* of sections: the part behind their last */
};

struct template
{
	struct template_part *v;
	size_t n;
};

/* The notes have a mistake, or *out can be printed. */
void template_parse(
    const struct template_source *s, struct notes *notes, struct mem *m, struct template *out);

/* By the names' indices, all escaped; "" is no value. */
struct template_values {
	const struct str *v;
	const struct str *const *rows; /* the list's; in each, what is in_list */
	size_t n_rows;
};

/* "" when the page would be larger than TEMPLATE_PAGE_MOST. */
struct str template_print(const struct template *t, const struct template_values *v, struct mem *m);

#endif
