/* conf/settings_find.c - which row a name means; see conf/settings.h */
#include <stdio.h>
#include <string.h>

#include "conf/near.h"
#include "conf/notes.h"
#include "conf/settings.h"

const struct setting *
settings_find(enum section section, struct str name)
{
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].section == section && str_is(str_of(settings[i].name), name))
			return &settings[i];
	return NULL;
}

enum section
settings_section_find(enum section parent, struct str name)
{
	for (unsigned i = SECTION_TOP + 1; i < SECTION_COUNT; i++)
		if (settings_sections[i].parent == parent && str_is(str_of(settings_sections[i].name), name))
			return (enum section)i;
	return SECTION_COUNT;
}

bool
settings_is_list(const struct setting *row)
{
	return row->type == SETTING_LIST || row->type == SETTING_FILES || row->type == SETTING_SECRETS;
}

int
settings_word(const char *words, struct str word, bool any_case)
{
	struct str rest = str_of(words), one;

	for (int i = 0; str_next(&rest, ' ', &one); i++)
		if (any_case ? str_is_nocase(one, word) : str_is(one, word))
			return i;
	return -1;
}

const char *
settings_hint(enum section section, struct str name, char *out, size_t cap)
{
	struct near near;

	near_init(&near, name);
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].section == section)
			near_offer(&near, settings[i].name);
	for (unsigned i = SECTION_TOP + 1; i < SECTION_COUNT; i++)
		if (settings_sections[i].parent == section)
			near_offer(&near, settings_sections[i].name);
	out[0] = '\0';
	if (near.best != NULL) {
		(void)snprintf(out, cap, "; did you mean %s?", near.best);
		return out;
	}
	for (size_t i = 0; i < settings_count; i++)
		if (str_is(str_of(settings[i].name), name)) {
			const char *where = settings_sections[settings[i].section].name;
			size_t n = strlen(out);

			(void)snprintf(out + n, cap - n, "%s%s", n == 0 ? "; it is a setting of " : " or ",
			    where[0] == '\0' ? "the top level" : where);
		}
	return out;
}

char *
settings_label(struct mem *m, enum section section, const char *title, const char *key)
{
	const struct settings_section *s = &settings_sections[section];
	bool titled = s->title != NULL && title != NULL;

	if (section == SECTION_TOP)
		return mem_strdup(m, key);
	return mem_printf(m, "%s%s%s%s%s", s->name, titled ? " " : "",
	    titled ? notes_quote(str_of(title)).text : "",
	    key[0] == '\0' ? ""
	    : titled       ? ": "
			   : ".",
	    key);
}
