/* conf/template_print.c - a page of a template and values; see conf/template.h */
#include "conf/template.h"

/* Gone through twice: for the length, then for the bytes. */
struct printing {
	const struct template *t;
	const struct template_values *v;
	char *out; /* NULL: count */
	size_t n;
};

static void print(struct printing *, size_t from, size_t end, const struct str *row);
static void section(struct printing *, size_t from, const struct str *row);
static void put(struct printing *, struct str);
static struct str value_of(const struct printing *, const struct template_part *, const struct str *row);

struct str
template_print(const struct template *t, const struct template_values *v, struct mem *m)
{
	struct printing p = { .t = t, .v = v };
	size_t n;

	print(&p, 0, t->n, NULL);
	n = p.n;
	if (n > TEMPLATE_PAGE_MOST)
		return STR("");
	p.out = mem_alloc(m, n + 1);
	p.n = 0;
	print(&p, 0, t->n, NULL);
	p.out[n] = '\0';
	return (struct str){ p.out, n };
}

/* Sections are at most as deep as conf/template.c lets them be. */
static void
print(struct printing *p, size_t from, size_t end, const struct str *row)
{
	for (size_t i = from; i < end && p->n <= TEMPLATE_PAGE_MOST; i++) {
		const struct template_part *part = &p->t->v[i];

		if (part->kind == PART_TEXT)
			put(p, part->text);
		else if (part->kind == PART_VALUE)
			put(p, value_of(p, part, row));
		else {
			section(p, i, row);
			i = part->end - 1;
		}
	}
}

static void
section(struct printing *p, size_t from, const struct str *row)
{
	const struct template_part *part = &p->t->v[from];
	bool list = part->name->kind == TEMPLATE_LIST;
	bool there = list ? p->v->n_rows > 0 : value_of(p, part, row).n > 0;

	if (there == (part->kind == PART_UNLESS))
		return;
	if (!list || part->kind == PART_UNLESS) {
		print(p, from + 1, part->end, row);
		return;
	}
	for (size_t i = 0; i < p->v->n_rows; i++)
		print(p, from + 1, part->end, p->v->rows[i]);
}

static void
put(struct printing *p, struct str s)
{
	if (p->out != NULL && s.n > 0)
		memcpy(p->out + p->n, s.p, s.n);
	p->n += s.n;
}

static struct str
value_of(const struct printing *p, const struct template_part *part, const struct str *row)
{
	/* NOLINTNEXTLINE: such a name stands inside of its list alone, where there is a row */
	return part->name->in_list ? row[part->value] : p->v->v[part->value];
}
