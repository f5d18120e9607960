/* conf/template.c - see conf/template.h; what comes of one is in conf/template_print.c */
#include <stdio.h>

#include "conf/markup.h"
#include "conf/near.h"
#include "conf/template.h"
#include "conf/utf8.h"

#define DEEP 8 /* sections inside of each other */

struct open {
	size_t part; /* index of its PART_SECTION or PART_UNLESS */
	size_t place;
	struct markup markup;
};

struct reading {
	const struct template_source *source;
	struct notes *notes;
	struct mem *mem;
	struct template *out;
	size_t room;
	struct str rest;
	int line;
	size_t place; /* of `line` in the notes; 0: not asked for yet */
	struct markup markup;
	struct open open[DEEP];
	size_t depth;
	uint32_t seen; /* of the names, where they count */
};

static bool is_text(struct reading *);
static void take_text(struct reading *, size_t);
static void next_line(struct reading *, char);
static void take_tag(struct reading *);
static void read_tag(struct reading *, struct str);
static const struct template_name *find(struct reading *, struct str whole, struct str name);
static void take_value(struct reading *, const struct template_name *);
static bool may_be_quoted(const struct template_name *, const char *);
static void open_section(struct reading *, const struct template_name *, bool unless);
static void close_section(struct reading *, const struct template_name *);
static bool is_inside(const struct reading *, enum template_kind);
static bool is_unless(const struct reading *);
static void finish(struct reading *);
static size_t index_of(const struct reading *, const struct template_name *);
static uint32_t bit_of(const struct reading *, const struct template_name *);
static void add(struct reading *, struct template_part);
static size_t here(struct reading *);

void
template_parse(const struct template_source *s, struct notes *notes, struct mem *m, struct template *out)
{
	struct reading r = { .source = s, .notes = notes, .mem = m, .out = out, .rest = s->text, .line = 1 };

	*out = (struct template){ NULL, 0 };
	if (str_begins(r.rest, STR("\xef\xbb\xbf"))) /* editors put it there; a page needs none */
		r.rest = str_from(r.rest, 3);
	if (!is_text(&r))
		return;
	while (r.rest.n > 0) {
		const char *tag = memmem(r.rest.p, r.rest.n, "{{", 2);

		take_text(&r, tag == NULL ? r.rest.n : (size_t)(tag - r.rest.p));
		if (tag != NULL)
			take_tag(&r);
	}
	finish(&r);
}

/* Nothing more is said about a file that is none. */
static bool
is_text(struct reading *r)
{
	struct str rest = r->rest;
	bool blank = true;
	uint32_t c;

	for (size_t n; rest.n > 0; rest = str_from(rest, n)) {
		n = utf8_first(rest, &c);
		if (n == 0) {
			notes_mistake(r->notes, here(r), "", "is not UTF-8; save the file in that encoding");
			return false;
		}
		if ((c < ' ' && strchr("\t\n\r\f", (int)c) == NULL) || c == 0 || c == 127) {
			notes_mistake(r->notes, here(r), "",
			    "holds the control character 0x%02x; take it out", (unsigned)c);
			return false;
		}
		next_line(r, c == '\n' ? '\n' : ' ');
		blank = blank && c <= ' ';
	}
	r->line = 1;
	r->place = 0;
	if (blank)
		notes_mistake(r->notes, here(r), "", "is empty; delete the file to have the built-in page");
	return !blank;
}

static void
take_text(struct reading *r, size_t n)
{
	if (n > 0)
		add(r, (struct template_part){ .kind = PART_TEXT, .text = { r->rest.p, n } });
	for (size_t i = 0; i < n; i++) {
		switch (markup_take(&r->markup, r->rest.p[i])) {
		case MARKUP_SCRIPT:
			notes_warning(r->notes, here(r), "",
			    "the page's Content-Security-Policy lets no script run; leave <script> out");
			break;
		case MARKUP_HANDLER:
			notes_warning(r->notes, here(r), "",
			    "the page's Content-Security-Policy lets no script run; leave %s= out",
			    r->markup.attr);
			break;
		case MARKUP_NOTHING:
			break;
		}
		next_line(r, r->rest.p[i]);
	}
	r->rest = str_from(r->rest, n);
}

static void
next_line(struct reading *r, char c)
{
	if (c != '\n')
		return;
	r->line++;
	r->place = 0;
}

/* On one line: a tag that is not closed does not swallow the page. */
static void
take_tag(struct reading *r)
{
	const char *line = memchr(r->rest.p, '\n', r->rest.n), *end;
	size_t n = line == NULL ? r->rest.n : (size_t)(line - r->rest.p);
	bool three = str_begins(r->rest, STR("{{{"));

	end = memmem(r->rest.p + 2, n - 2, three ? "}}}" : "}}", three ? 3 : 2);
	if (end == NULL) {
		notes_mistake(r->notes, here(r), "", "{{ is not closed on its line; write {{name}}");
		r->rest = str_from(r->rest, 2);
		return;
	}
	n = (size_t)(end - r->rest.p) + (three ? 3 : 2);
	if (three)
		notes_mistake(r->notes, here(r), "",
		    "%s: no value stands in a page unescaped; write {{name}}",
		    notes_quote((struct str){ r->rest.p, n }).text);
	else
		read_tag(r, (struct str){ r->rest.p, n });
	r->rest = str_from(r->rest, n);
}

static void
read_tag(struct reading *r, struct str whole)
{
	struct str name = str_trim((struct str){ whole.p + 2, whole.n - 4 });
	char mark = name.n > 0 ? name.p[0] : '\0';
	const struct template_name *found;

	if (mark != '\0' && strchr("!&>=", mark) != NULL) {
		notes_mistake(r->notes, here(r), "",
		    "%s is not known here; there is {{name}}, {{#name}} ... {{/name}} and {{^name}} ... "
		    "{{/name}}",
		    notes_quote(whole).text);
		return;
	}
	if (mark == '#' || mark == '^' || mark == '/')
		name = str_trim(str_from(name, 1));
	found = find(r, whole, name);
	if (found == NULL)
		return;
	if (mark == '/')
		close_section(r, found);
	else if (mark == '#' || mark == '^')
		open_section(r, found, mark == '^');
	else
		take_value(r, found);
}

static const struct template_name *
find(struct reading *r, struct str whole, struct str name)
{
	const struct template_source *s = r->source;
	struct near near;
	char all[512] = "";

	near_init(&near, name);
	for (size_t i = 0; i < s->n_names; i++) {
		if ((s->known & bit_of(r, &s->names[i])) == 0)
			continue;
		if (str_is(name, str_of(s->names[i].name)))
			return &s->names[i];
		near_offer(&near, s->names[i].name);
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), " %s", s->names[i].name);
	}
	if (near.best != NULL)
		notes_mistake(r->notes, here(r), "", "%s is not known on this page; did you mean %s?",
		    notes_quote(whole).text, near.best);
	else
		notes_mistake(r->notes, here(r), "", "%s is not known on this page; there are:%s",
		    notes_quote(whole).text, all);
	return NULL;
}

static void
take_value(struct reading *r, const struct template_name *name)
{
	enum markup_place at = markup_place(&r->markup);
	bool fits = at == MARKUP_TEXT || (at == MARKUP_QUOTED && may_be_quoted(name, r->markup.attr));

	if (name->kind == TEMPLATE_FLAG || name->kind == TEMPLATE_LIST)
		notes_mistake(r->notes, here(r), "", "{{%s}} has no text; write {{#%s}} ... {{/%s}}",
		    name->name, name->name, name->name);
	else if (name->in_list && !is_inside(r, TEMPLATE_LIST))
		notes_mistake(r->notes, here(r), "",
		    "{{%s}} is one of a list; write it inside of the list's section", name->name);
	else if (at == MARKUP_NOWHERE)
		notes_mistake(r->notes, here(r), "",
		    "{{%s}} stands %s, where a value would not stay text; write it between tags or in a "
		    "quoted "
		    "value",
		    name->name, markup_where(&r->markup));
	else if (!fits)
		notes_mistake(r->notes, here(r), "", "{{%s}} may not stand in %s=; %s", name->name,
		    r->markup.attr,
		    name->kind == TEMPLATE_LINK ? "a link belongs in href= or action=, or between tags"
						: "a text belongs between tags, or in title= alt= value= "
						  "class= id= lang= aria-*= data-*=");
	else {
		add(r,
		    (struct template_part){ .kind = PART_VALUE, .name = name, .value = index_of(r, name) });
		if ((name->kind != TEMPLATE_LINK || at == MARKUP_QUOTED) && !is_unless(r))
			r->seen |= bit_of(r, name);
	}
}

/* What a browser follows, loads or runs is no place for text. */
static bool
may_be_quoted(const struct template_name *name, const char *attr)
{
	static const struct {
		const char *attr;
		bool begins, link;
	} rows[] = { { "href", false, true }, { "action", false, true }, { "formaction", false, true },
		{ "title", false, false }, { "alt", false, false }, { "value", false, false },
		{ "class", false, false }, { "id", false, false }, { "lang", false, false },
		{ "aria-", true, false }, { "data-", true, false } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((rows[i].begins ? str_begins(str_of(attr), str_of(rows[i].attr))
				    : strcmp(attr, rows[i].attr) == 0) &&
		    rows[i].link == (name->kind == TEMPLATE_LINK))
			return true;
	return false;
}

static void
open_section(struct reading *r, const struct template_name *name, bool unless)
{
	struct template_part part = {
		.kind = unless ? PART_UNLESS : PART_SECTION, .name = name, .value = index_of(r, name)
	};

	if (r->depth == DEEP) {
		notes_mistake(r->notes, here(r), "", "{{%c%s}} is inside of %d others; write it elsewhere",
		    unless ? '^' : '#', name->name, DEEP);
		return;
	}
	if (name->in_list && !is_inside(r, TEMPLATE_LIST))
		notes_mistake(r->notes, here(r), "",
		    "{{%c%s}} is one of a list; write it inside of the list's section", unless ? '^' : '#',
		    name->name);
	else if (name->kind == TEMPLATE_LIST && is_inside(r, TEMPLATE_LIST))
		notes_mistake(r->notes, here(r), "", "{{%c%s}} is inside of itself; leave one of them out",
		    unless ? '^' : '#', name->name);
	r->open[r->depth++] = (struct open){ r->out->n, here(r), r->markup };
	add(r, part);
	if ((name->kind == TEMPLATE_FLAG || name->kind == TEMPLATE_LIST) && !is_unless(r))
		r->seen |= bit_of(r, name);
}

/* The innermost, or the one of this name further out, when those inside of it were forgotten. */
static void
close_section(struct reading *r, const struct template_name *name)
{
	size_t depth = r->depth;
	struct open *o;

	while (depth > 0 && r->out->v[r->open[depth - 1].part].name != name)
		depth--;
	if (depth == 0) {
		notes_mistake(r->notes, here(r), "",
		    "{{/%s}} closes nothing; write {{#%s}} before it, or leave it out", name->name,
		    name->name);
		return;
	}
	for (; r->depth > depth; r->depth--)
		notes_mistake(r->notes, r->open[r->depth - 1].place, "",
		    "the section of %s is not closed before {{/%s}} in line %d; write {{/%s}} behind what it "
		    "holds",
		    r->out->v[r->open[r->depth - 1].part].name->name, name->name, r->line,
		    r->out->v[r->open[r->depth - 1].part].name->name);
	o = &r->open[--r->depth];
	r->out->v[o->part].end = r->out->n;
	if (!markup_same(&o->markup, &r->markup))
		notes_mistake(r->notes, here(r), "",
		    "the section of %s begins %s and ends %s; a section holds whole tags, or is inside of "
		    "one "
		    "value",
		    name->name, markup_where(&o->markup), markup_where(&r->markup));
}

static bool
is_inside(const struct reading *r, enum template_kind kind)
{
	for (size_t i = 0; i < r->depth; i++) {
		const struct template_part *p = &r->out->v[r->open[i].part];

		if (p->kind == PART_SECTION && p->name->kind == kind)
			return true;
	}
	return false;
}

static bool
is_unless(const struct reading *r)
{
	for (size_t i = 0; i < r->depth; i++)
		if (r->out->v[r->open[i].part].kind == PART_UNLESS)
			return true;
	return false;
}

static void
finish(struct reading *r)
{
	const struct template_source *s = r->source;

	for (; r->depth > 0; r->depth--) {
		const char *name = r->out->v[r->open[r->depth - 1].part].name->name;

		notes_mistake(r->notes, r->open[r->depth - 1].place, "",
		    "the section of %s is not closed; write {{/%s}} behind what it holds", name, name);
	}
	if (r->markup.state != MARKUP_IN_TEXT)
		notes_mistake(r->notes, here(r), "", "the file ends %s; close it", markup_where(&r->markup));
	r->line = 1;
	r->place = 0;
	for (size_t i = 0; i < s->n_names; i++) {
		const struct template_name *name = &s->names[i];
		uint32_t missing = bit_of(r, name) & ~r->seen;

		if ((missing & s->must) != 0)
			notes_mistake(r->notes, here(r), "",
			    "has no {{%s%s}}%s, without which the page is of no use: it %s",
			    name->kind == TEMPLATE_LIST ? "#" : "", name->name,
			    name->kind == TEMPLATE_LINK ? " in href= or action=" : "", name->help);
		else if ((missing & s->should) != 0)
			notes_warning(r->notes, here(r), "", "has no {{%s}}: it %s", name->name, name->help);
	}
}

static size_t
index_of(const struct reading *r, const struct template_name *name)
{
	return (size_t)(name - r->source->names);
}

static uint32_t
bit_of(const struct reading *r, const struct template_name *name)
{
	return (uint32_t)1 << index_of(r, name);
}

static void
add(struct reading *r, struct template_part part)
{
	struct template *t = r->out;

	if (t->n == r->room) {
		struct template_part *more;

		r->room = r->room == 0 ? 32 : r->room * 2;
		more = mem_alloc(r->mem, r->room * sizeof(*more));
		if (t->n > 0)
			memcpy(more, t->v, t->n * sizeof(*more));
		t->v = more;
	}
	t->v[t->n++] = part;
}

/* Places are numbered in the order in which they are asked for: one for a line. */
static size_t
here(struct reading *r)
{
	if (r->place == 0)
		r->place = notes_place(r->notes, r->source->file, r->line);
	return r->place;
}
