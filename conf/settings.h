/*
 * conf/settings.h - every section and every key of the configuration file, as data
 *
 * One row per key.  libconfuse's options, the checks, `workflow-proxy help`
 * and workflow-proxy.conf.example all come from these rows; nothing else in
 * the program knows a key by heart but the builder that acts on it.
 *
 * A key or value that is documented but that nothing acts on yet is in its row
 * as `later`: set explicitly it is a mistake, so that nobody relies on a rule
 * that is not kept.
 */
#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/mem.h"
#include "conf/str.h"

enum section {
	SECTION_TOP,
	SECTION_LISTEN,
	SECTION_ADMIN,
	SECTION_LOG,
	SECTION_LIMITS,
	SECTION_PROVIDER,
	SECTION_CERTIFICATE, /* inside a provider */
	SECTION_SESSION,
	SECTION_CLIENT,
	SECTION_UPSTREAM,
	SECTION_ROUTE,
	SECTION_OUTBOUND,
	SECTION_COUNT
};

struct settings_section {
	const char *name; /* "" for the top level */
	enum section parent;
	const char *title;   /* what its title is, e.g. "ADDRESS:PORT"; NULL: it has none, and stands once */
	const char *example; /* a title for the example file; NULL: the example has it commented out */
	bool later;          /* nothing acts on it yet */
	const char *help;
};

enum setting_type {
	SETTING_TEXT,        /* const char * */
	SETTING_LIST,        /* struct conf_strings */
	SETTING_BOOL,        /* bool: yes, no */
	SETTING_NUMBER,      /* uint64_t */
	SETTING_DURATION,    /* int64_t, ms */
	SETTING_SIZE,        /* uint64_t, bytes */
	SETTING_WORD,        /* an enum: the position in `words` */
	SETTING_PATH,        /* const char *: the path of a URL */
	SETTING_URL,         /* const char *: of a provider: https, or http to loopback */
	SETTING_FILE,        /* const char *: a file that must be there */
	SETTING_FILES,       /* struct conf_strings */
	SETTING_SECRET,      /* not stored from the row; the value never appears in a message */
	SETTING_SECRETS,     /* a list of them */
	SETTING_SECRET_FILE, /* a file that holds one */
};

struct setting {
	enum section section;
	const char *name;
	enum setting_type type;
	const char
	    *fallback; /* the default as one would write it, list elements with a space between; NULL: none */
	const char *otherwise; /* what holds without a value, in words, where `fallback` cannot say it */
	const char *example;   /* a value for the example file where there is no default */
	const char *words;     /* accepted, with a space between; NULL: any */
	const char *later;     /* "*": the key; else the values that nothing acts on yet */
	int64_t min, max;      /* numbers, ms or bytes; both 0: unbounded */
	bool required;
	bool active;   /* the example file sets it */
	bool secret;   /* the value may hold a secret: it is never in a message, nor with libconfuse */
	bool any_case; /* `words` are compared without case */
	size_t at;     /* offset in the section's struct, plus one; 0: a builder takes it */
	const char *help;
};

extern const struct settings_section settings_sections[SECTION_COUNT];
extern const struct setting settings[];
extern const size_t settings_count;

/* NULL: there is no such row. */
const struct setting *settings_find(enum section section, struct str name);
/* The section that may stand inside `parent`; SECTION_COUNT: none has this name there. */
enum section settings_section_find(enum section parent, struct str name);
bool settings_is_list(const struct setting *row);
/* Position of `word` in a row's list of words; -1: not there. */
int settings_word(const char *words, struct str word, bool any_case);

/*
 * What is known under a name that is not: the nearest key or section of this
 * section, as a hint for a message ("did you mean ..."); "" when nothing is
 * near.  The text lives in `out`.
 */
const char *settings_hint(enum section section, struct str name, char *out, size_t cap);

/* How a message names it: `session`, `session.timeout`, `provider "main"`, `provider "main": client_id`,
 * `workers`. */
char *settings_label(struct mem *m, enum section section, const char *title, const char *key);

#endif
