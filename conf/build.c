/* conf/build.c - see conf/build.h */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/build.h"
#include "conf/value.h"

#define SECRET_FILE_MOST ((size_t)64 * 1024)

/* A value of any type. */
struct any {
	bool yes;
	int word;
	int64_t duration;
	uint64_t number;
	const char *text;
};

static void check_entry(struct build *, struct group *, struct entry *);
static void check_item(struct build *, struct entry *, struct item *);
static bool is_later(struct build *, struct entry *, struct item *);
static int convert(const struct setting *, struct str, struct any *, struct err *);
static int in_bounds(const struct setting *, struct any *, struct err *);
static void check_file(struct build *, struct entry *, struct item *);
static void store(struct build *, struct entry *, char *);
static struct conf_strings store_list(struct build *, struct entry *);
static struct any value_of(struct entry *);
static void split_lines(struct build *, struct build_secrets *, struct str);
static void secret_gone(void *);

void
build_fill(struct build *b, struct group *g, void *out)
{
	for (size_t i = 0; i < g->n_entries; i++) {
		struct entry *e = &g->entries[i];

		check_entry(b, g, e);
		if (e->row->at != 0)
			store(b, e, (char *)out + e->row->at - 1);
	}
}

static void
check_entry(struct build *b, struct group *g, struct entry *e)
{
	const struct setting *row = e->row;

	if (!e->given) {
		if (row->required && !g->unfinished && !b->broken)
			notes_mistake(b->notes, g->place, e->label,
			    "required, and not set; for example %s = \"%s\"", row->name, row->example);
		return;
	}
	if (e->flawed && e->n == 0)
		return;
	if (row->later != NULL && strcmp(row->later, "*") == 0) {
		notes_mistake(b->notes, e->place, e->label, "not supported yet; leave it out");
		e->flawed = true;
	} else if (e->list && !settings_is_list(row)) {
		notes_mistake(
		    b->notes, e->place, e->label, "takes one value, not a list; leave the braces out");
		e->flawed = true;
	} else if (e->list && e->n == 0 && row->required) {
		notes_mistake(b->notes, e->place, e->label, "is an empty list; for example %s = \"%s\"",
		    row->name, row->example);
		e->flawed = true;
	} else
		for (size_t i = 0; i < e->n; i++)
			check_item(b, e, &e->v[i]);
}

static void
check_item(struct build *b, struct entry *e, struct item *item)
{
	const struct setting *row = e->row;
	struct any ignored;
	struct err why;

	if (item->flawed || is_later(b, e, item))
		return;
	if (item->text.n == 0)
		build_mistake(b, e, item, "is empty; write a value, or leave the setting out");
	else if (row->words != NULL && settings_word(row->words, item->text, row->any_case) == -1)
		build_mistake(b, e, item, "%s is not accepted; write one of: %s",
		    notes_quote(item->text).text, row->words);
	else if (convert(row, item->text, &ignored, &why) == -1)
		build_refuse(b, e, item, why.text);
	else if (row->type == SETTING_FILE || row->type == SETTING_FILES || row->type == SETTING_SECRET_FILE)
		check_file(b, e, item);
}

static bool
is_later(struct build *b, struct entry *e, struct item *item)
{
	const struct setting *row = e->row;
	struct str rest = str_of(row->words != NULL ? row->words : "yes no"), word;
	char built[128] = "";

	if (row->later == NULL || settings_word(row->later, item->text, false) == -1)
		return false;
	while (str_next(&rest, ' ', &word))
		if (settings_word(row->later, word, false) == -1)
			(void)snprintf(built + strlen(built), sizeof(built) - strlen(built), "%s%.*s",
			    built[0] == '\0' ? "" : " or ", STR_ARG(word));
	build_mistake(b, e, item, "%s is not supported yet; write %s", notes_quote(item->text).text, built);
	return true;
}

static int
convert(const struct setting *row, struct str text, struct any *out, struct err *e)
{
	*out = (struct any){ .text = text.p };
	switch (row->type) {
	case SETTING_BOOL:
		return value_bool(text, &out->yes, e);
	case SETTING_NUMBER:
		return value_number(text, &out->number, e) == -1 ? -1 : in_bounds(row, out, e);
	case SETTING_SIZE:
		return value_size(text, &out->number, e) == -1 ? -1 : in_bounds(row, out, e);
	case SETTING_DURATION:
		if (value_duration(text, &out->duration, e) == -1)
			return -1;
		out->number = (uint64_t)out->duration;
		return in_bounds(row, out, e);
	case SETTING_WORD:
		out->word = settings_word(row->words, text, row->any_case);
		return 0;
	case SETTING_PATH:
		return value_path(text, e);
	case SETTING_URL:
		return value_provider_url(text, e);
	case SETTING_TEXT:
	case SETTING_LIST:
	case SETTING_FILE:
	case SETTING_FILES:
	case SETTING_SECRET:
	case SETTING_SECRETS:
	case SETTING_SECRET_FILE:
		return 0;
	}
	return 0;
}

static int
in_bounds(const struct setting *row, struct any *v, struct err *e)
{
	static const struct {
		uint64_t factor;
		const char *unit;
	} units[][5] = {
		{ { UINT64_C(86400000), "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } },
		{ { UINT64_C(1) << 30, "g" }, { 1 << 20, "m" }, { 1 << 10, "k" }, { 1, "" }, { 1, "" } },
	};
	bool low = v->number < (uint64_t)row->min, high = row->max != 0 && v->number > (uint64_t)row->max;
	uint64_t bound = (uint64_t)(low ? row->min : row->max);
	size_t kind = row->type == SETTING_SIZE ? 1 : 0, u = row->type == SETTING_NUMBER ? 4 : 0;

	if (!low && !high)
		return 0;
	while (u < 4 && bound % units[kind][u].factor != 0)
		u++;
	return err_set(e, REASON_CONFIG, "is too %s; write at %s %llu%s", low ? "small" : "large",
	    low ? "least" : "most",
	    (unsigned long long)(row->type == SETTING_NUMBER ? bound : bound / units[kind][u].factor),
	    row->type == SETTING_NUMBER ? "" : units[kind][u].unit);
}

/* From here on the value is the path as seen from where the process stands. */
static void
check_file(struct build *b, struct entry *e, struct item *item)
{
	struct mem *m = mem_new(SECRET_FILE_MOST);
	struct file_text text;
	struct err why;

	item->text = str_of(file_beside(b->mem, notes_at(b->notes, item->place).file, item->text.p));
	if (file_read(m, item->text.p, (size_t)4 * 1024 * 1024, &text, &why) == -1)
		build_refuse(b, e, item, why.text);
	else if (e->row->type == SETTING_SECRET_FILE && file_open_to_others(&text))
		notes_warning(b->notes, item->place, e->label,
		    "%s can be read or written by others (mode %04o); allow the owner and the group only",
		    notes_quote(item->text).text, text.mode);
	mem_free(&m);
}

/* Through memcpy: the row's type and the field's agree, tests/unit/test_conf_load.c looks at every one. */
static void
store(struct build *b, struct entry *e, char *to)
{
	struct any v = value_of(e);
	struct conf_strings list;

	switch (e->row->type) {
	case SETTING_BOOL:
		memcpy(to, &v.yes, sizeof(v.yes));
		break;
	case SETTING_NUMBER:
	case SETTING_SIZE:
		memcpy(to, &v.number, sizeof(v.number));
		break;
	case SETTING_DURATION:
		memcpy(to, &v.duration, sizeof(v.duration));
		break;
	case SETTING_WORD:
		memcpy(to, &v.word, sizeof(v.word));
		break;
	case SETTING_TEXT:
	case SETTING_PATH:
	case SETTING_URL:
	case SETTING_FILE:
		if (v.text != NULL)
			v.text = e->row->secret ? memcpy(mem_secret(b->mem, strlen(v.text) + 1), v.text,
						      strlen(v.text) + 1)
						: mem_strdup(b->mem, v.text);
		memcpy(to, &v.text, sizeof(v.text));
		break;
	case SETTING_LIST:
	case SETTING_FILES:
		list = store_list(b, e);
		memcpy(to, &list, sizeof(list));
		break;
	case SETTING_SECRET:
	case SETTING_SECRETS:
	case SETTING_SECRET_FILE:
		break;
	}
}

static struct conf_strings
store_list(struct build *b, struct entry *e)
{
	struct str rest = str_of(e->row->fallback), one;
	struct conf_strings list = { 0, NULL };

	list.v = mem_zalloc(b->mem, (e->n + rest.n + 1) * sizeof(*list.v));
	if (e->given)
		for (size_t i = 0; i < e->n; i++)
			if (!e->v[i].flawed)
				list.v[list.n++] = mem_text(b->mem, e->v[i].text);
	if (!e->given)
		while (str_next(&rest, ' ', &one))
			list.v[list.n++] = mem_text(b->mem, one);
	return list;
}

/* The value, else the default, else nothing. */
static struct any
value_of(struct entry *e)
{
	struct item *item = build_value(e);
	struct any v = { .text = NULL };
	struct err ignored;

	if (item != NULL)
		(void)convert(e->row, item->text, &v, &ignored);
	else if (e->row->fallback != NULL && !settings_is_list(e->row))
		(void)convert(e->row, str_of(e->row->fallback), &v, &ignored);
	return v;
}

struct item *
build_value(struct entry *e)
{
	return e->given && !e->flawed && e->n > 0 ? &e->v[0] : NULL;
}

uint64_t
build_number(struct entry *e)
{
	return e->row->type == SETTING_WORD ? (uint64_t)value_of(e).word : value_of(e).number;
}

const char *
build_text(struct build *b, struct entry *e)
{
	const char *text = value_of(e).text;

	return text == NULL ? NULL : mem_strdup(b->mem, text);
}

/* --- what is said about a value ------------------------------------------------- */

void
build_refuse(struct build *b, struct entry *e, struct item *item, const char *why)
{
	item->flawed = e->flawed = true;
	notes_mistake(b->notes, item->place, e->label, "%s %s",
	    e->row->secret ? "the value" : notes_quote(item->text).text, why);
}

void
build_mistake(struct build *b, struct entry *e, struct item *item, const char *fmt, ...)
{
	char text[800];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	item->flawed = e->flawed = true;
	notes_mistake(b->notes, item->place, e->label, "%s", text);
}

/* --- secrets ----------------------------------------------------------------- */

struct build_secrets
build_secrets(struct build *b, struct group *g, const char *name)
{
	char with_file[64];
	struct entry *e = groups_entry(g, name), *f;
	struct build_secrets s = { NULL, 0, e };
	struct item *path;
	struct file_text text;
	struct err why;

	(void)snprintf(with_file, sizeof(with_file), "%s_file", name);
	f = groups_entry(g, with_file);
	if (e->given && f->given) {
		notes_mistake(b->notes, e->place > f->place ? e->place : f->place,
		    (e->place > f->place ? e : f)->label, "%s and %s are both set; leave one of them out",
		    name, with_file);
		e->flawed = f->flawed = true;
		return s;
	}
	s.v = e->v;
	s.n = e->n;
	path = build_value(f);
	if (path == NULL)
		return s;
	s.entry = f;
	if (file_read(b->mem, path->text.p, SECRET_FILE_MOST, &text, &why) == -1)
		build_refuse(b, f, path, why.text);
	else
		split_lines(b, &s, text.text);
	return s;
}

/* One a line; the newline of the last, and a carriage return before one, do not count. */
static void
split_lines(struct build *b, struct build_secrets *s, struct str rest)
{
	struct item *path = build_value(s->entry);
	struct str line;
	size_t most = 1;

	for (size_t i = 0; i < rest.n; i++)
		most += rest.p[i] == '\n' ? 1 : 0;
	s->v = mem_zalloc(b->mem, most * sizeof(*s->v));
	s->n = 0;
	while (str_next(&rest, '\n', &line)) {
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n > 0)
			s->v[s->n++] = (struct item){ line, path->place, false };
	}
	if (s->n == 0)
		build_mistake(
		    b, s->entry, path, "%s is empty; write the secret into it", notes_quote(path->text).text);
}

struct secret *
build_secret(struct build *b, struct str bytes)
{
	struct secret *s = secret_new(bytes.p, bytes.n);

	mem_on_free(b->mem, secret_gone, s);
	return s;
}

static void
secret_gone(void *arg)
{
	struct secret *s = arg;

	secret_free(&s);
}

/* --- sections ------------------------------------------------------------------ */

struct group *
build_next(struct build *b, enum section section, const struct group *after)
{
	size_t i = after == NULL ? 0 : (size_t)(after - b->groups->v) + 1;

	for (; i < b->groups->n; i++)
		if (b->groups->v[i].section == section)
			return &b->groups->v[i];
	return NULL;
}

void
build_same_title(struct build *b, const struct group *second, const struct group *first)
{
	struct conf_place at = notes_at(b->notes, first->place);

	if (strcmp(second->label, first->label) == 0)
		notes_mistake(b->notes, second->place, second->label, "given twice; the first is in %s:%d",
		    at.file, at.line);
	else
		notes_mistake(b->notes, second->place, second->label,
		    "the same as %s in %s:%d; leave one of them out", first->label, at.file, at.line);
}

void
build_repeated(struct build *b, struct group *first)
{
	/* Room for any section's struct; what is stored there is not looked at. */
	void *ignored = mem_zalloc(b->mem, sizeof(struct conf));

	for (struct group *g = first; (g = build_next(b, first->section, g)) != NULL;) {
		build_same_title(b, g, first);
		build_fill(b, g, ignored);
	}
}

struct conf_place
build_place(const struct build *b, size_t place)
{
	struct conf_place at = notes_at(b->notes, place);

	at.file = mem_strdup(b->mem, at.file);
	return at;
}
