/* conf/groups.c - see conf/groups.h */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <confuse.h>

#include "conf/groups.h"

#define MOST_KEYS 64 /* of one section, with the sections inside it */

struct options {
	cfg_opt_t of[SECTION_COUNT][MOST_KEYS];
};

static void options_fill(struct options *);
static void take_section(struct groups *, const struct scan *, struct mem *, enum section, cfg_t *);
static void take_key(struct entry *, const struct scan *, struct mem *, cfg_opt_t *);
static struct group *group_new(struct groups *, enum section);
static size_t place_of(const char **);
static int by_place(const void *, const void *);
static void error_cb(cfg_t *, const char *, va_list);

int
groups_read(struct groups *g, const struct scan *s, struct mem *m, struct err *e)
{
	struct options *options = xcalloc(1, sizeof(*options));
	size_t most = 2 * SECTION_COUNT;
	cfg_t *cfg;
	int r;

	for (const char *p = s->clean; (p = strchr(p, '\n')) != NULL; p++)
		most++;
	*g = (struct groups){ mem_zalloc(m, most * sizeof(*g->v)), 0 };
	options_fill(options);
	cfg = cfg_init(options->of[SECTION_TOP], CFGF_NONE);
	(void)cfg_set_error_function(cfg, error_cb);
	r = cfg_parse_buf(cfg, s->clean);
	if (r == CFG_SUCCESS) {
		take_section(g, s, m, SECTION_TOP, cfg);
		qsort(g->v, g->n, sizeof(*g->v), by_place);
	}
	(void)cfg_free(cfg);
	free(options);
	return r == CFG_SUCCESS ? 0 : err_set(e, REASON_CONFIG, "libconfuse cannot read it");
}

/* Every key is a list of texts, every section has a title: types are ours to check, with the place in hand.
 */
static void
options_fill(struct options *o)
{
	for (size_t s = 0; s < SECTION_COUNT; s++) {
		size_t n = 0;

		for (size_t i = 0; i < settings_count; i++)
			if (settings[i].section == s) {
				o->of[s][n++] =
				    (cfg_opt_t)CFG_STR_LIST(settings[i].name, NULL, CFGF_NODEFAULT);
				assert(n < MOST_KEYS);
			}
		for (size_t i = SECTION_TOP + 1; i < SECTION_COUNT; i++)
			if (settings_sections[i].parent == s) {
				o->of[s][n++] = (cfg_opt_t)CFG_SEC(
				    settings_sections[i].name, o->of[i], CFGF_MULTI | CFGF_TITLE);
				assert(n < MOST_KEYS);
			}
		o->of[s][n] = (cfg_opt_t)CFG_END();
	}
}

static void
take_section(struct groups *g, const struct scan *s, struct mem *m, enum section section, cfg_t *cfg)
{
	struct group *one = group_new(g, section);
	const char *title = cfg_title(cfg);

	one->place = title == NULL ? 0 : place_of(&title);
	one->title = mem_strdup(m, title == NULL ? "" : title);
	one->flawed = scan_mark(s, one->place).flawed;
	one->unfinished = s->broken && (section == SECTION_TOP || s->unfinished == one->place);
	one->label = settings_label(m, section, one->title, "");
	groups_defaults(one, m);
	for (size_t i = 0; i < one->n_entries; i++)
		take_key(&one->entries[i], s, m, cfg_getopt(cfg, one->entries[i].row->name));
	for (unsigned i = SECTION_TOP + 1; i < SECTION_COUNT; i++) {
		unsigned n;

		if (settings_sections[i].parent != section)
			continue;
		n = cfg_size(cfg, settings_sections[i].name);
		for (unsigned j = 0; j < n; j++) {
			const struct group *child = &g->v[g->n];

			take_section(
			    g, s, m, (enum section)i, cfg_getnsec(cfg, settings_sections[i].name, j));
			one->unfinished |= child->unfinished;
		}
		if (n == 0 && settings_sections[i].title == NULL) {
			struct group *unset = group_new(g, (enum section)i);

			unset->title = "";
			unset->label = settings_sections[i].name;
			unset->unfinished = s->broken;
			groups_defaults(unset, m);
		}
	}
}

/* The first element is the key's own. */
static void
take_key(struct entry *e, const struct scan *s, struct mem *m, cfg_opt_t *opt)
{
	unsigned n = opt == NULL ? 0 : cfg_opt_size(opt);
	const char *text;

	if (n == 0)
		return;
	text = cfg_opt_getnstr(opt, 0);
	e->given = true;
	e->place = place_of(&text);
	e->list = scan_mark(s, e->place).list;
	e->flawed = scan_mark(s, e->place).flawed;
	e->v = mem_zalloc(m, n * sizeof(*e->v));
	for (unsigned i = 1; i < n; i++) {
		struct item *item = &e->v[e->n++];
		struct scan_mark mark;

		text = cfg_opt_getnstr(opt, i);
		item->place = place_of(&text);
		mark = scan_mark(s, item->place);
		item->flawed = mark.flawed;
		e->flawed |= mark.flawed;
		/* The scanner's memory holds secrets; it lives as long as this. */
		item->text = mark.secret != NULL ? str_of(mark.secret) : mem_str(m, str_of(text));
	}
}

static struct group *
group_new(struct groups *g, enum section section)
{
	struct group *one = &g->v[g->n++];

	one->section = section;
	return one;
}

void
groups_defaults(struct group *one, struct mem *m)
{
	one->entries = mem_zalloc(m, MOST_KEYS * sizeof(*one->entries));
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].section == one->section) {
			struct entry *e = &one->entries[one->n_entries++];

			e->row = &settings[i];
			e->place = one->place;
			e->label = settings_label(m, one->section, one->title, settings[i].name);
		}
}

/* "PLACE TEXT": the number, and *text moved behind it. */
static size_t
place_of(const char **text)
{
	char *end;
	size_t place = strtoul(*text, &end, 10);

	*text = *end == ' ' ? end + 1 : end;
	return place;
}

struct entry *
groups_entry(const struct group *g, const char *name)
{
	for (size_t i = 0; i < g->n_entries; i++)
		if (strcmp(g->entries[i].row->name, name) == 0)
			return &g->entries[i];
	assert(!"a key that the table does not have");
	return NULL;
}

static int
by_place(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->section < y->section ? -1 : 1;
}

/* --- called by libconfuse ------------------------------------------------------ */

/* What it has to say has been said by the scanner, with the right line. */
static void
error_cb(cfg_t *cfg, const char *fmt, va_list ap)
{
	(void)cfg;
	(void)fmt;
	(void)ap;
}
