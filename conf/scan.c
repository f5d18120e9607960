/* conf/scan.c - see conf/scan.h */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/file.h"
#include "conf/lex.h"
#include "conf/scan.h"
#include "conf/settings.h"

#define FILE_MOST ((size_t)1024 * 1024)
#define FILES     256
#define DEPTH     8
#define NAME_MOST 64

/* One file. */
struct reader {
	struct scan *s;
	struct lex lex;
	const char *file;
};

/* One pair of braces, or the top level with all its files. */
struct frame {
	enum section section;
	const char *title;
	size_t place;
	size_t *seen;      /* by row of settings[]: place of the first */
	int value_line;    /* where the last value ended; 0: what came last was none */
	const char *label; /* of that value */
};

/* The name that an item begins with. */
struct name {
	char text[NAME_MOST + 1];
	size_t place;
};

static void scan_file(struct scan *, struct frame *, const char *, struct str);
static void scan_items(struct reader *, struct frame *, bool);
static void unclosed(struct reader *, const struct frame *);
static void scan_item(struct reader *, struct frame *);
static bool is_stray(struct reader *, struct frame *, int, const struct name *);
static void scan_setting(struct reader *, struct frame *, const struct name *);
static const struct setting *known(struct reader *, struct frame *, const struct name *);
static void scan_value(struct reader *, const struct setting *, const char *, size_t);
static void scan_list(struct reader *, const struct setting *, const char *);
static void scan_element(struct reader *, const struct setting *, const char *);
static void scan_section(struct reader *, struct frame *, const struct name *);
static char *scan_title(struct reader *, enum section, const struct name *);
static void unknown_section(struct reader *, const struct frame *, const struct name *);
static void scan_body(struct reader *, enum section, const char *, size_t);
static void skip_block(struct reader *);
static void scan_include(struct reader *, struct frame *, const struct name *);
static void include_all(struct reader *, struct frame *, size_t, const char *);
static void include_one(struct reader *, struct frame *, size_t, const char *);
static char *pattern_beside(struct reader *, const char *);
static void broken(struct reader *, int, const char *);
static size_t place_here(struct reader *);
static struct scan_mark *mark(struct scan *, size_t);
static void put(struct scan *, const char *);
static void put_quoted(struct scan *, size_t, struct str);

void
scan_text(struct scan *s, const char *file, struct str text, bool follow)
{
	struct frame top = { .section = SECTION_TOP, .title = NULL };

	s->follow = follow;
	top.seen = mem_zalloc(s->mem, settings_count * sizeof(*top.seen));
	put(s, "\n");
	scan_file(s, &top, file, text);
	s->clean = s->out;
}

void
scan_release(struct scan *s)
{
	free(s->out);
	free(s->marks);
	s->out = NULL;
	s->marks = NULL;
}

struct scan_mark
scan_mark(const struct scan *s, size_t place)
{
	return place < s->n_marks ? s->marks[place] : (struct scan_mark){ NULL, false, false };
}

static void
scan_file(struct scan *s, struct frame *top, const char *file, struct str text)
{
	struct reader r = { .s = s, .file = file };

	s->n_files++;
	lex_init(&r.lex, text);
	lex_next(&r.lex);
	top->value_line = 0;
	scan_items(&r, top, false);
	lex_release(&r.lex);
}

/* Up to the brace that closes, or to the end of the file. */
static void
scan_items(struct reader *r, struct frame *f, bool braced)
{
	struct lex *l = &r->lex;

	while (!r->s->broken) {
		if (l->kind == LEX_BROKEN)
			broken(r, l->line, l->err.text);
		else if (l->kind == LEX_END && braced)
			unclosed(r, f);
		else if (l->kind == LEX_END)
			return;
		else if (lex_is(l, '}') && braced) {
			lex_next(l);
			return;
		} else if (lex_is(l, '}'))
			broken(r, l->line, "this } closes nothing");
		else if (lex_is(l, ';')) {
			notes_mistake(r->s->notes, place_here(r), "", "; has no meaning here; leave it out");
			lex_next(l);
		} else if (l->kind == LEX_MARK)
			broken(r, l->line,
			    "a setting or a section should begin here: NAME = VALUE, or NAME \"TITLE\" { ... "
			    "}");
		else
			scan_item(r, f);
	}
}

static void
unclosed(struct reader *r, const struct frame *f)
{
	struct err e;

	(void)err_set(&e, REASON_CONFIG,
	    "the file ends inside %s, which begins in line %d; write a } where it ends",
	    settings_label(r->s->mem, f->section, f->title, ""), notes_at(r->s->notes, f->place).line);
	broken(r, r->lex.line, e.text);
}

static void
scan_item(struct reader *r, struct frame *f)
{
	struct lex *l = &r->lex;
	struct name name = { "", 0 };
	bool word = l->kind == LEX_WORD && !l->flawed;
	int line = l->line;

	/* A name of ours is short; what is cut off here is unknown with and without its end. */
	if (word && l->text.n > 0)
		memcpy(name.text, l->text.p, l->text.n < NAME_MOST ? l->text.n : NAME_MOST);
	name.place = place_here(r);
	lex_next(l);
	if (is_stray(r, f, line, &name))
		return;
	f->value_line = 0;
	if (l->kind == LEX_BROKEN)
		broken(r, l->line, l->err.text);
	else if (!word)
		broken(r, line, "the name of a setting or of a section should stand here, without quotes");
	else if (lex_is(l, '='))
		scan_setting(r, f, &name);
	else if (lex_is(l, '+')) {
		notes_mistake(r->s->notes, name.place,
		    settings_label(r->s->mem, f->section, f->title, name.text),
		    "+= is not understood; write one list with all values");
		scan_setting(r, f, &name);
	} else if (lex_is(l, '('))
		scan_include(r, f, &name);
	else if (settings_find(f->section, str_of(name.text)) != NULL &&
		 (l->kind != LEX_MARK || lex_is(l, '{'))) {
		notes_mistake(r->s->notes, name.place,
		    settings_label(r->s->mem, f->section, f->title, name.text),
		    "is a setting; write it with =, for example %s = \"...\"", name.text);
		scan_setting(r, f, &name);
	} else if (lex_is(l, '{') || l->kind == LEX_STRING || l->kind == LEX_WORD)
		scan_section(r, f, &name);
	else
		broken(r, line, "a = or a { should stand behind this name");
}

/*
 * `timeout = 8 hours`: the second word begins nothing.  It is not repeated, it
 * may be a part of a secret.
 */
static bool
is_stray(struct reader *r, struct frame *f, int line, const struct name *name)
{
	const struct lex *l = &r->lex;
	bool begins = l->kind == LEX_BROKEN;

	if (l->kind == LEX_MARK)
		begins = strchr("=+{(", l->mark) != NULL;
	else if (l->kind == LEX_STRING || l->kind == LEX_WORD)
		begins = settings_section_find(f->section, str_of(name->text)) != SECTION_COUNT;
	if (f->value_line != line || (l->line == line && begins))
		return false;
	notes_mistake(r->s->notes, name->place, f->label,
	    "something stands behind the value; a text with spaces needs "
	    "quotes, several values are written { \"a\", \"b\" }");
	return true;
}

/* At '=', or at the value where that is missing. */
static void
scan_setting(struct reader *r, struct frame *f, const struct name *name)
{
	struct lex *l = &r->lex;
	const struct setting *row = known(r, f, name);
	const char *label = settings_label(r->s->mem, f->section, f->title, name->text);

	if (lex_is(l, '=') || lex_is(l, '+'))
		lex_next(l);
	if (row != NULL) {
		put(r->s, row->name);
		put(r->s, " = {");
		put_quoted(r->s, name->place, STR(""));
	}
	scan_value(r, row, label, name->place);
	if (row != NULL)
		put(r->s, "}\n");
	f->value_line = l->last_line;
	f->label = label;
}

/* The row; NULL, and said why: no such setting, or not for the first time. */
static const struct setting *
known(struct reader *r, struct frame *f, const struct name *name)
{
	const struct setting *row = settings_find(f->section, str_of(name->text));
	const char *label = settings_label(r->s->mem, f->section, f->title, name->text);
	size_t *first = row == NULL ? NULL : &f->seen[row - settings];
	char hint[128];

	if (row == NULL && settings_section_find(f->section, str_of(name->text)) != SECTION_COUNT) {
		notes_mistake(r->s->notes, name->place, label, "is a section; write %s { ... }", name->text);
		return NULL;
	}
	if (row == NULL) {
		notes_mistake(r->s->notes, name->place, label, "no such setting%s",
		    settings_hint(f->section, str_of(name->text), hint, sizeof(hint)));
		return NULL;
	}
	if (*first != 0) {
		struct conf_place at = notes_at(r->s->notes, *first);

		notes_mistake(
		    r->s->notes, name->place, label, "given twice; the first is in %s:%d", at.file, at.line);
		return NULL;
	}
	*first = name->place;
	return row;
}

static void
scan_value(struct reader *r, const struct setting *row, const char *label, size_t key)
{
	struct lex *l = &r->lex;

	if (lex_is(l, '{')) {
		mark(r->s, key)->list = true;
		lex_next(l);
		scan_list(r, row, label);
	} else if (l->kind == LEX_WORD && l->line != l->last_line) {
		/* More likely the next setting than this one's value. */
		notes_mistake(r->s->notes, key, label, "has no value; write one on the same line");
		mark(r->s, key)->flawed = true;
	} else if (l->kind == LEX_WORD || l->kind == LEX_STRING) {
		scan_element(r, row, label);
		lex_next(l);
	} else if (l->kind == LEX_BROKEN)
		broken(r, l->line, l->err.text);
	else
		broken(r, l->line, "a value should stand behind the =");
}

static void
scan_list(struct reader *r, const struct setting *row, const char *label)
{
	struct lex *l = &r->lex;

	while (!lex_is(l, '}')) {
		if (l->kind != LEX_WORD && l->kind != LEX_STRING) {
			broken(r, l->line,
			    l->kind == LEX_BROKEN ? l->err.text
						  : "a value should stand here; a list is { \"a\", \"b\" }");
			return;
		}
		scan_element(r, row, label);
		lex_next(l);
		if (lex_is(l, ','))
			lex_next(l);
		else if (!lex_is(l, '}')) {
			broken(r, l->line,
			    l->kind == LEX_BROKEN
				? l->err.text
				: "a , or a } should stand here; a list is { \"a\", \"b\" }");
			return;
		}
	}
	lex_next(l);
}

static void
scan_element(struct reader *r, const struct setting *row, const char *label)
{
	struct lex *l = &r->lex;
	size_t place = place_here(r);

	if (l->flawed)
		notes_mistake(r->s->notes, place, label, "%s", l->err.text);
	if (row == NULL)
		return;
	mark(r->s, place)->flawed = l->flawed;
	put(r->s, ",");
	if (row->secret && !l->flawed) {
		char *bytes = mem_secret(r->s->mem, l->text.n + 1);

		if (l->text.n > 0)
			memcpy(bytes, l->text.p, l->text.n);
		mark(r->s, place)->secret = bytes;
		put_quoted(r->s, place, STR(""));
	} else
		put_quoted(r->s, place, l->flawed ? STR("") : l->text);
}

/* At the title, or at '{'. */
static void
scan_section(struct reader *r, struct frame *f, const struct name *name)
{
	struct lex *l = &r->lex;
	enum section section = settings_section_find(f->section, str_of(name->text));
	char *title = scan_title(r, section, name);

	if (l->kind == LEX_BROKEN)
		broken(r, l->line, l->err.text);
	else if (!lex_is(l, '{'))
		broken(r, l->line, "a { should stand here: NAME = VALUE, or NAME \"TITLE\" { ... }");
	else if (section == SECTION_COUNT) {
		unknown_section(r, f, name);
		skip_block(r);
	} else
		scan_body(r, section, title, name->place);
}

/* NULL: none is needed. */
static char *
scan_title(struct reader *r, enum section section, const struct name *name)
{
	const struct settings_section *s = section == SECTION_COUNT ? NULL : &settings_sections[section];
	struct lex *l = &r->lex;
	bool given = l->kind == LEX_WORD || l->kind == LEX_STRING;
	bool flawed = given ? l->flawed || l->text.n == 0 : s != NULL && s->title != NULL;
	char *title = NULL;

	if (s != NULL && s->title != NULL)
		title = mem_text(r->s->mem, given && !l->flawed ? l->text : STR(""));
	mark(r->s, name->place)->flawed = flawed;
	if (s != NULL && s->title == NULL && given)
		notes_mistake(r->s->notes, name->place, s->name, "has no title; write %s { ... }", s->name);
	else if (s != NULL && s->title != NULL && given && l->flawed)
		notes_mistake(r->s->notes, name->place, s->name, "%s", l->err.text);
	else if (s != NULL && s->title != NULL && flawed)
		notes_mistake(r->s->notes, name->place, s->name, "needs a title; write %s \"%s\" { ... }",
		    s->name, s->title);
	if (given)
		lex_next(l);
	return title;
}

static void
unknown_section(struct reader *r, const struct frame *f, const struct name *name)
{
	const char *label = settings_label(r->s->mem, f->section, f->title, name->text);
	char hint[128];

	if (f->section != SECTION_TOP &&
	    settings_section_find(SECTION_TOP, str_of(name->text)) != SECTION_COUNT)
		notes_mistake(
		    r->s->notes, name->place, label, "no section may begin here; is a } missing above?");
	else
		notes_mistake(r->s->notes, name->place, label, "no such section%s",
		    settings_hint(f->section, str_of(name->text), hint, sizeof(hint)));
}

/* At '{'.  Every section goes to libconfuse under a title of its own, so that it merges none. */
static void
scan_body(struct reader *r, enum section section, const char *title, size_t place)
{
	struct frame f = { .section = section, .title = title, .place = place };

	f.seen = mem_zalloc(r->s->mem, settings_count * sizeof(*f.seen));
	put(r->s, settings_sections[section].name);
	put(r->s, " ");
	put_quoted(r->s, place, str_of(title));
	put(r->s, " {\n");
	lex_next(&r->lex);
	scan_items(r, &f, true);
	put(r->s, "}\n");
	if (r->s->broken && r->s->unfinished == 0)
		r->s->unfinished = place;
}

/* At '{' of a section that nobody knows. */
static void
skip_block(struct reader *r)
{
	struct lex *l = &r->lex;
	int depth = 0, line = l->line;

	do {
		if (lex_is(l, '{'))
			depth++;
		else if (lex_is(l, '}'))
			depth--;
		lex_next(l);
	} while (depth > 0 && l->kind != LEX_END && l->kind != LEX_BROKEN);
	if (l->kind == LEX_BROKEN)
		broken(r, l->line, l->err.text);
	else if (depth > 0)
		broken(r, line, "the { that opens here is not closed");
}

/* At '('. */
static void
scan_include(struct reader *r, struct frame *f, const struct name *name)
{
	struct lex *l = &r->lex;
	char *pattern = NULL;
	size_t place;

	if (strcmp(name->text, "include") != 0) {
		broken(r, l->line, "only include may have a ( behind it; a setting is NAME = VALUE");
		return;
	}
	lex_next(l);
	place = place_here(r);
	if (l->kind == LEX_STRING && l->flawed)
		notes_mistake(r->s->notes, place, "include", "%s", l->err.text);
	else if (l->kind == LEX_STRING)
		pattern = mem_text(r->s->mem, l->text);
	else if (l->kind != LEX_BROKEN)
		broken(r, l->line, "a file should stand here: include(\"conf.d/*.conf\")");
	lex_next(l);
	if (l->kind == LEX_BROKEN)
		broken(r, l->line, l->err.text);
	else if (!lex_is(l, ')'))
		broken(r, l->line, "a ) should stand here: include(\"conf.d/*.conf\")");
	else if (f->section != SECTION_TOP)
		notes_mistake(
		    r->s->notes, place, "include", "stands inside a section; write it at the top level");
	else if (pattern != NULL && r->s->follow && !r->s->broken)
		include_all(r, f, place, pattern);
	if (!r->s->broken)
		lex_next(l);
}

static void
include_all(struct reader *r, struct frame *f, size_t place, const char *pattern)
{
	char *full = pattern_beside(r, pattern);
	glob_t found;
	int e = glob(full, GLOB_NOSORT, NULL, &found);

	if (e == 0) {
		for (size_t i = 1; i < found.gl_pathc; i++) /* by bytes, whatever the locale */
			for (size_t j = i; j > 0 && strcmp(found.gl_pathv[j - 1], found.gl_pathv[j]) > 0;
			     j--) {
				char *swap = found.gl_pathv[j];

				found.gl_pathv[j] = found.gl_pathv[j - 1];
				found.gl_pathv[j - 1] = swap;
			}
		for (size_t i = 0; i < found.gl_pathc && !r->s->broken; i++)
			include_one(r, f, place, found.gl_pathv[i]);
		globfree(&found);
	} else if (e != GLOB_NOMATCH)
		notes_mistake(r->s->notes, place, "include", "the folder of %s cannot be read",
		    notes_quote(str_of(pattern)).text);
	else if (strpbrk(pattern, "*?[") == NULL)
		notes_mistake(r->s->notes, place, "include", "%s: there is no such file",
		    notes_quote(str_of(pattern)).text);
}

static void
include_one(struct reader *r, struct frame *f, size_t place, const char *path)
{
	struct scan *s = r->s;
	const char *name = mem_strdup(s->mem, path);
	char *real = realpath(path, NULL);
	struct file_text text;
	struct err e;

	for (size_t i = 0; i < s->n_open && real != NULL; i++)
		if (strcmp(s->open[i], real) == 0) {
			notes_mistake(
			    s->notes, place, "include", "%s includes itself", notes_quote(str_of(name)).text);
			free(real);
			return;
		}
	if (s->n_open == DEPTH || s->n_files == FILES)
		notes_mistake(s->notes, place, "include",
		    "%s is one file too many; at most %d files, %d deep", notes_quote(str_of(name)).text,
		    FILES, DEPTH);
	else if (real == NULL || file_read(s->mem, path, FILE_MOST, &text, &e) == -1)
		notes_mistake(s->notes, place, "include", "%s %s", notes_quote(str_of(name)).text,
		    real == NULL ? "cannot be read" : e.text);
	else {
		s->open[s->n_open++] = real;
		scan_file(s, f, name, text.text);
		s->n_open--;
	}
	free(real);
}

/* The folder of the file that includes, its own special characters made plain. */
static char *
pattern_beside(struct reader *r, const char *pattern)
{
	const char *slash = strrchr(r->file, '/');
	size_t n = slash == NULL || pattern[0] == '/' ? 0 : (size_t)(slash - r->file) + 1, out = 0;
	char *full = mem_alloc(r->s->mem, 2 * n + strlen(pattern) + 1);

	for (size_t i = 0; i < n; i++) {
		if (strchr("*?[\\", r->file[i]) != NULL)
			full[out++] = '\\';
		full[out++] = r->file[i];
	}
	memcpy(full + out, pattern, strlen(pattern) + 1);
	return full;
}

/* --- what is kept ------------------------------------------------------------ */

static void
broken(struct reader *r, int line, const char *text)
{
	if (r->s->broken)
		return;
	r->s->broken = true;
	notes_mistake(r->s->notes, notes_place(r->s->notes, r->file, line), "",
	    "%s; what follows was not checked", text);
}

static size_t
place_here(struct reader *r)
{
	return notes_place(r->s->notes, r->file, r->lex.line);
}

static struct scan_mark *
mark(struct scan *s, size_t place)
{
	if (place >= s->n_marks) {
		size_t n = place * 2 + 64;

		s->marks = xrealloc(s->marks, n * sizeof(*s->marks));
		memset(s->marks + s->n_marks, 0, (n - s->n_marks) * sizeof(*s->marks));
		s->n_marks = n;
	}
	return &s->marks[place];
}

static void
put(struct scan *s, const char *text)
{
	size_t n = strlen(text);

	if (s->n + n + 1 > s->cap) {
		s->cap = (s->cap + n + 1) * 2;
		s->out = xrealloc(s->out, s->cap);
	}
	memcpy(s->out + s->n, text, n + 1);
	s->n += n;
}

/* libconfuse knows two escapes between single quotes, and there no ${...}. */
static void
put_quoted(struct scan *s, size_t place, struct str text)
{
	char piece[32] = "";

	(void)snprintf(piece, sizeof(piece), "'%zu ", place);
	put(s, piece);
	for (size_t i = 0; i < text.n; i++) {
		char one[3] = { text.p[i], '\0', '\0' };

		if (one[0] == '\'' || one[0] == '\\') {
			one[1] = one[0];
			one[0] = '\\';
		}
		put(s, one);
	}
	put(s, "'");
}
