/* proxy/import_write.c - how the new settings are written; see proxy/import_impl.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/value.h"
#include "proxy/import_impl.h"

#define LONGEST ((size_t)32 * 1024) /* of one value */

static void put(struct import *, const char *, size_t);
static void line(struct import *, const char *, const char *, va_list);
static void tell(struct import *, const char *);
static void warn(struct import *, const char *, va_list);
static void quoted(char **, struct str, char);
static bool is_same(const struct setting *, const char *, const char *);
static const char *with_unit(struct import *, const struct setting *, const char *);
static void leave(struct import *, const struct setting *, const struct import_fact *, const struct err *);

void
import_line(struct import *i, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(i, "", fmt, ap);
	va_end(ap);
}

void
import_open(struct import *i, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(i, "", fmt, ap);
	va_end(ap);
	i->depth++;
}

void
import_close(struct import *i)
{
	i->depth--;
	import_line(i, "}");
}

void
import_blank(struct import *i)
{
	put(i, "\n", 1);
}

void
import_todo(struct import *i, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(i, IMPORT_MARK, fmt, ap);
	va_end(ap);
	va_start(ap, fmt);
	warn(i, fmt, ap);
	va_end(ap);
}

bool
import_twice(struct import *i, const struct import_fact *f)
{
	if (f == NULL || !f->twice)
		return false;
	import_todo(i, "%s is there more than once; this is the last one", f->name);
	return true;
}

bool
import_doubt(struct import *i, const struct import_fact *f)
{
	if (f == NULL || (!f->twice && import_is(f->value, false) == import_is(f->value, true)))
		return false;
	import_todo(i,
	    f->twice ? "%s is there more than once; say which counts"
		     : "%s says neither yes nor no; say which it is",
	    f->name);
	return true;
}

static void
line(struct import *i, const char *mark, const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	text = mem_secret(i->m, (size_t)n + 1);
	(void)vsnprintf(text, (size_t)n + 1, fmt, ap);
	if (mark[0] == '\0' && i->n_told < i->n_warnings) {
		if (strncmp(text, "# ", 2) == 0)
			return;
		tell(i, text + (text[0] == '#' ? 1 : 0));
	}
	for (unsigned k = 0; k < i->depth; k++)
		put(i, "\t", 1);
	put(i, mark, strlen(mark));
	put(i, text, (size_t)n);
	put(i, "\n", 1);
}

/* The warnings that wait for it are about the setting or section of this line. */
static void
tell(struct import *i, const char *text)
{
	for (; i->n_told < i->n_warnings; i->n_told++)
		i->warnings[i->n_told] =
		    mem_printf(i->m, "%.*s: %s", (int)strcspn(text, " "), text, i->warnings[i->n_told]);
}

static void
put(struct import *i, const char *bytes, size_t n)
{
	if (i->n + n + 1 > i->cap) {
		size_t cap = (i->cap + n + 1) * 2 + 4096;
		char *more = mem_secret(i->m, cap);

		if (i->n > 0)
			memcpy(more, i->text, i->n);
		i->text = more;
		i->cap = cap;
	}
	if (n > 0)
		memcpy(i->text + i->n, bytes, n);
	i->n += n;
}

static void
warn(struct import *i, const char *fmt, va_list ap)
{
	size_t n = i->n_warnings;
	char text[512];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	if ((n & (n - 1)) == 0) { /* full: 0, or a power of two */
		const char **more = mem_alloc(i->m, (n == 0 ? 1 : 2 * n) * sizeof(*more));

		if (n > 0)
			memcpy(more, i->warnings, n * sizeof(*more));
		i->warnings = more;
	}
	i->warnings[i->n_warnings++] = mem_strdup(i->m, text);
}

/* --- values ----------------------------------------------------------------------- */

const char *
import_quote(struct import *i, const char *value)
{
	struct str s = str_of(value);
	char *out, *p;

	if (s.n == 0 || s.n > LONGEST || !value_is_text(s))
		return NULL;
	out = p = mem_secret(i->m, 2 * s.n + 3);
	if (strpbrk(value, "\"\\") == NULL && strstr(value, "${") == NULL)
		quoted(&p, s, '"');
	else if (strchr(value, '\'') == NULL)
		quoted(&p, s, '\'');
	else {
		*p++ = '"';
		for (; *value != '\0'; value++) {
			if (strchr("\"\\$", *value) != NULL)
				*p++ = '\\';
			*p++ = *value;
		}
		*p = '"';
	}
	return out;
}

static void
quoted(char **p, struct str s, char quote)
{
	(*p)[0] = quote;
	memcpy(*p + 1, s.p, s.n);
	(*p)[s.n + 1] = quote;
}

void
import_set(struct import *i, bool on, const char *key, const char *value)
{
	const char *text = import_quote(i, value);

	import_line(i, "%s%s = %s", on ? "" : "#", key, text == NULL ? "\"\"" : text);
}

void
import_list(struct import *i, bool on, const char *key, const struct import_fact *f, bool scopes)
{
	const char *sep = scopes ? ", \t\r\n" : ",", *all = "\"\"";
	const char *p = f == NULL ? "" : f->value + strspn(f->value, sep);
	size_t n = 0, bad = 0;

	if (f == NULL)
		return;
	for (; *p != '\0' && n + bad < IMPORT_LIST_MOST; p += strspn(p, sep)) {
		struct str one = str_trim((struct str){ p, strcspn(p, sep) });
		const char *text = import_quote(i, mem_text(i->m, one));

		p += strcspn(p, sep);
		if (text == NULL || (scopes && !value_is_scope(one)))
			bad++;
		else if (n++ == 0)
			all = text;
		else
			all = mem_printf(i->m, "%s, %s", all, text);
	}
	(void)import_twice(i, f);
	if (*p != '\0')
		import_todo(i, "%s has more than %zu parts; these are the first", f->name, IMPORT_LIST_MOST);
	if (bad > 0)
		import_todo(
		    i, "%s has a part that cannot be carried over: it is not text, or has quotes", f->name);
	else if (n == 0)
		import_todo(i, "%s has nothing but commas", f->name);
	else if (on)
		import_line(i, "# %s", f->name);
	import_line(i, n > 1 ? "%s%s = {%s}" : "%s%s = %s", on ? "" : "#", key, all);
}

int
import_judge(enum section section, const char *key, const char *value, struct err *e)
{
	const struct setting *row = settings_find(section, str_of(key));
	struct str s = str_of(value);
	int64_t ms;

	if (s.n == 0 || s.n > LONGEST || !value_is_text(s))
		return err_set(e, REASON_CONFIG, "is empty, too long or not text");
	if (section == SECTION_SESSION && strcmp(key, "cookie") == 0 &&
	    (!value_is_token(s) || s.n > 128 || str_begins(s, STR("__"))))
		return err_set(e, REASON_CONFIG, "is not the name of a cookie, or has a prefix");
	switch (row->type) {
	case SETTING_URL:
		return value_provider_url(s, e);
	case SETTING_WORD:
		if (settings_word(row->words, s, row->any_case) == -1)
			return err_set(e, REASON_CONFIG, "is none of: %s", row->words);
		return 0;
	case SETTING_DURATION:
		if (value_duration(s, &ms, e) == -1)
			return err_set(e, REASON_CONFIG, "is not a number of seconds");
		if (ms < row->min || ms > row->max)
			return err_set(e, REASON_CONFIG, "is not within %lld to %lld seconds",
			    (long long)row->min / 1000, (long long)row->max / 1000);
		return 0;
	case SETTING_TEXT:
	case SETTING_LIST:
	case SETTING_PATH:
	case SETTING_BOOL:
	case SETTING_NUMBER:
	case SETTING_SIZE:
	case SETTING_FILE:
	case SETTING_FILES:
	case SETTING_SECRET:
	case SETTING_SECRETS:
	case SETTING_SECRET_FILE:
		break;
	}
	return 0;
}

void
import_carry(
    struct import *i, enum section section, const char *key, const struct import_fact *f, const char *usual)
{
	const struct setting *row = settings_find(section, str_of(key));
	struct err why;

	if (f == NULL)
		return;
	(void)import_twice(i, f);
	if (import_judge(section, key, f->value, &why) == -1) {
		leave(i, row, f, &why);
		return;
	}
	if (usual == NULL)
		usual = row->fallback;
	if (!f->twice && usual != NULL && is_same(row, f->value, usual)) {
		import_line(i, "# %s: as it is anyway", f->name);
		import_set(i, false, key, with_unit(i, row, f->value));
		return;
	}
	if (!f->twice)
		import_line(i, "# %s", f->name);
	import_set(i, true, key, with_unit(i, row, f->value));
}

static bool
is_same(const struct setting *row, const char *a, const char *b)
{
	int64_t x, y;
	struct err ignored;

	if (row->type == SETTING_DURATION)
		return value_duration(str_of(a), &x, &ignored) == 0 &&
		       value_duration(str_of(b), &y, &ignored) == 0 && x == y;
	return strcmp(a, b) == 0;
}

static const char *
with_unit(struct import *i, const struct setting *row, const char *value)
{
	bool digits = value[strspn(value, "0123456789")] == '\0';

	return row->type == SETTING_DURATION && digits ? mem_printf(i->m, "%ss", value) : value;
}

/* The value that cannot be used stays in the web.config. */
static void
leave(struct import *i, const struct setting *row, const struct import_fact *f, const struct err *why)
{
	const char *example = row->example != NULL ? row->example : row->fallback;

	import_todo(i, "%s cannot be carried over: it %s", f->name, why->text);
	import_set(i, false, row->name, example);
}

void
import_must(
    struct import *i, enum section section, const char *key, const struct import_fact *f, const char *old)
{
	struct err why;

	if (f != NULL && import_judge(section, key, f->value, &why) == 0) {
		import_carry(i, section, key, f, "");
		return;
	}
	if (f == NULL)
		import_todo(i, "%s is not set in the web.config; write it here", old);
	else
		import_todo(i, "%s cannot be carried over: it %s", f->name, why.text);
	import_set(i, true, key, "");
}

void
import_secret(struct import *i, const char *key, const struct import_fact *f, const char *old, bool strong)
{
	const char *text = f == NULL ? NULL : import_quote(i, f->raw);
	const char *mend = strong ? "put what `workflow-proxy secret` prints into this file"
				  : "put the secret into this file";
	struct err ignored;

	(void)import_twice(i, f);
	if (f == NULL)
		import_todo(i, "%s is not set in the web.config; %s", old, mend);
	else if (text == NULL)
		import_todo(i, "%s cannot be carried over: it is not text; %s", old, mend);
	else if (strong && value_strong_secret(str_of(f->raw), &ignored) == -1)
		import_todo(i,
		    "%s cannot be carried over: it has less than 32 bytes, or is easy to guess; %s", old,
		    mend);
	else if (i->hide_secrets)
		import_todo(
		    i, "%s is not shown on a terminal; write it into this file, or import with -o", old);
	else {
		import_line(i, "# %s; better kept in a file of its own, see %s_file", f->name, key);
		if (strong)
			import_line(
			    i, "# The application knows it: set a sealing_secret beside it, or a new one.");
		import_line(i, "%s = %s", key, text);
		i->secrets = true;
		return;
	}
	import_line(i, "%s_file = \"/etc/workflow-proxy/%s.secret\"", key, strong ? "session" : "client");
}
