/* conf/conf_print.c - the example file and the reference, from the table of settings; see conf/conf.h */
#include <string.h>

#include "conf/conf.h"
#include "conf/settings.h"

#define WIDTH 100

static const char *const preface[] = {
	"workflow-proxy.conf - every setting, with its default or an example",
	"Check a change with `workflow-proxy -t`, then reload with SIGHUP.",
	"",
	"A value is a word, \"text\" or 'text'; a list is { \"a\", \"b\" }. Double quotes take backslash "
	"escapes, and "
	"${NAME} and ${NAME:-default} from the environment; between single quotes all is as written. "
	"Durations are "
	"\"500ms\", \"30s\", \"10m\", \"8h\", \"7d\", or a number of seconds; sizes \"64k\", \"10m\", "
	"\"1g\", or a number of "
	"bytes. Relative paths begin at the folder of this file. include(\"conf.d/*.conf\") at the top level "
	"brings in "
	"more files.",
};

static void example_section(FILE *, enum section, const char *);
static void example_setting(FILE *, const struct setting *, const char *, bool);
static void example_remark(FILE *, const struct setting *, const char *);
static void help_section(FILE *, enum section);
static void help_setting(FILE *, const struct setting *);
static void print_value(FILE *, const struct setting *, const char *);
static void print_quoted(FILE *, const char *, size_t);
static void print_wrapped(FILE *, const char *, const char *);
static bool is_later(const struct setting *);

void
conf_print_example(FILE *out)
{
	for (size_t i = 0; i < sizeof(preface) / sizeof(preface[0]); i++)
		print_wrapped(out, "# ", preface[i]);
	(void)fputc('\n', out);
	for (unsigned s = 0; s < SECTION_COUNT; s++)
		if (settings_sections[s].parent == SECTION_TOP)
			example_section(out, (enum section)s, "");
}

static void
example_section(FILE *out, enum section section, const char *indent)
{
	const struct settings_section *s = &settings_sections[section];
	const char *off = s->example == NULL ? "#" : "", *inner = section == SECTION_TOP ? "" : "\t";
	char head[64], deeper[8], note[600];

	(void)snprintf(head, sizeof(head), "%s# ", indent);
	(void)snprintf(note, sizeof(note), "%s%s", s->help, s->later ? " (not supported yet)" : "");
	(void)snprintf(deeper, sizeof(deeper), "%s%s", indent, inner);
	if (section != SECTION_TOP) {
		(void)fputc('\n', out);
		print_wrapped(out, head, note);
		(void)fprintf(out, "%s%s%s", indent, off, s->name);
		if (s->title != NULL)
			(void)fprintf(out, " \"%s\"", s->example == NULL ? s->title : s->example);
		(void)fputs(" {\n", out);
	}
	for (size_t i = 0, n = 0; i < settings_count; i++)
		if (settings[i].section == section) {
			(void)fputs(n++ == 0 || s->example == NULL ? "" : "\n", out);
			example_setting(out, &settings[i], deeper, s->example == NULL);
		}
	for (unsigned i = SECTION_TOP + 1; i < SECTION_COUNT && section != SECTION_TOP; i++)
		if (settings_sections[i].parent == section)
			example_section(out, (enum section)i, deeper);
	if (section != SECTION_TOP)
		(void)fprintf(out, "%s%s}\n", indent, off);
}

static void
example_setting(FILE *out, const struct setting *row, const char *indent, bool off)
{
	example_remark(out, row, indent);
	(void)fprintf(out, "%s%s%s = ", indent, row->active && !off ? "" : "#", row->name);
	print_value(out, row, row->fallback != NULL ? row->fallback : row->example);
	(void)fputc('\n', out);
}

static void
example_remark(FILE *out, const struct setting *row, const char *indent)
{
	char head[16], text[600];
	size_t n;

	(void)snprintf(head, sizeof(head), "%s# ", indent);
	n = (size_t)snprintf(text, sizeof(text), "%s", row->help);
	if (row->otherwise != NULL && !is_later(row) && n < sizeof(text))
		n += (size_t)snprintf(text + n, sizeof(text) - n, " Unset: %s.", row->otherwise);
	if (row->words != NULL && n < sizeof(text))
		(void)snprintf(text + n, sizeof(text) - n, " One of: %s.", row->words);
	print_wrapped(out, head, text);
	if (is_later(row))
		(void)fprintf(out, "%s(not supported yet)\n", head);
	else if (row->later != NULL)
		(void)fprintf(out, "%s(not supported yet: %s)\n", head, row->later);
	else if (row->required)
		(void)fprintf(out, "%s(required)\n", head);
}

void
conf_print_help(FILE *out, const char *section)
{
	for (unsigned s = 0; s < SECTION_COUNT; s++)
		if (section == NULL || strcmp(settings_sections[s].name, section) == 0)
			help_section(out, (enum section)s);
}

static void
help_section(FILE *out, enum section section)
{
	const struct settings_section *s = &settings_sections[section];

	if (section == SECTION_TOP)
		(void)fputs("top level", out);
	else
		(void)fprintf(out, "%s%s%s%s { }", s->name, s->title == NULL ? "" : " \"",
		    s->title == NULL ? "" : s->title, s->title == NULL ? "" : "\"");
	if (s->parent != SECTION_TOP)
		(void)fprintf(out, "    (inside %s)", settings_sections[s->parent].name);
	(void)fprintf(out, "%s\n", s->later ? "    (not supported yet)" : "");
	print_wrapped(out, "    ", s->help);
	(void)fputc('\n', out);
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].section == section)
			help_setting(out, &settings[i]);
}

static void
help_setting(FILE *out, const struct setting *row)
{
	char text[600];

	(void)fprintf(out, "  %s%s\n", row->name,
	    row->required   ? "    (required)"
	    : is_later(row) ? "    (not supported yet)"
			    : "");
	print_wrapped(out, "      ", row->help);
	if (row->words != NULL) {
		(void)snprintf(text, sizeof(text), "One of: %s", row->words);
		print_wrapped(out, "      ", text);
	}
	if (row->later != NULL && !is_later(row))
		(void)fprintf(out, "      Not supported yet: %s\n", row->later);
	if (row->fallback != NULL || row->otherwise != NULL) {
		(void)fputs("      Default: ", out);
		if (row->fallback != NULL)
			print_value(out, row, row->fallback);
		else
			(void)fputs(row->otherwise, out);
		(void)fputc('\n', out);
	} else if (row->example != NULL && strcmp(row->example, "...") != 0) {
		(void)fputs("      Example: ", out);
		print_value(out, row, row->example);
		(void)fputc('\n', out);
	}
	(void)fputc('\n', out);
}

static void
print_value(FILE *out, const struct setting *row, const char *text)
{
	struct str rest = str_of(text), one;
	bool bare = row->type == SETTING_BOOL || row->type == SETTING_NUMBER,
	     several = strchr(text, ' ') != NULL;
	const char *before = "{ ";

	if (bare)
		(void)fputs(text, out);
	else if (!settings_is_list(row) || !several)
		print_quoted(out, text, rest.n);
	else {
		while (str_next(&rest, ' ', &one)) {
			(void)fputs(before, out);
			print_quoted(out, one.p, one.n);
			before = ", ";
		}
		(void)fputs(" }", out);
	}
}

/* In single quotes where double ones would need an escape. */
static void
print_quoted(FILE *out, const char *text, size_t n)
{
	char quote = memchr(text, '\\', n) != NULL || memchr(text, '$', n) != NULL ? '\'' : '"';

	(void)fprintf(out, "%c%.*s%c", quote, (int)n, text, quote);
}

static void
print_wrapped(FILE *out, const char *head, const char *text)
{
	struct str rest = str_of(text), word;
	size_t column = WIDTH + 1;

	while (str_next(&rest, ' ', &word)) {
		if (column + 1 + word.n > WIDTH) {
			(void)fprintf(out, "%s%s", column > WIDTH ? "" : "\n", head);
			column = strlen(head);
		} else {
			(void)fputc(' ', out);
			column++;
		}
		(void)fprintf(out, "%.*s", STR_ARG(word));
		column += word.n;
	}
	(void)fputs(text[0] == '\0' ? "#\n" : "\n", out);
}

static bool
is_later(const struct setting *row)
{
	return settings_sections[row->section].later || (row->later != NULL && strcmp(row->later, "*") == 0);
}
