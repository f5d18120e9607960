/*
 * conf/groups.h - the configuration as libconfuse read it: sections, keys, values, each with its place
 *
 * One group per section that was written, plus one for each section without a
 * title that was not; one entry per key of the table, set or not.  Texts are
 * still texts here.
 */
#ifndef CONF_GROUPS_H
#define CONF_GROUPS_H
#include <stdbool.h>
#include <stddef.h>

#include "conf/mem.h"
#include "conf/notes.h"
#include "conf/scan.h"
#include "conf/settings.h"

struct item {
	struct str text; /* terminated; wiped with its memory when it is a secret */
	size_t place;
	bool flawed; /* was there, but cannot be used; it was said why */
};

struct entry {
	const struct setting *row;
	const char *label; /* for messages */
	size_t place;      /* of the key; of its section when it is not set */
	bool given;
	bool list;   /* written in braces */
	bool flawed; /* something is wrong with it, and was said */
	struct item *v;
	size_t n;
};

struct group {
	enum section section;
	const char *title; /* "" where there is none */
	const char *label;
	size_t place;    /* 0: the section was not written */
	bool flawed;     /* the title cannot be used; it was said why */
	bool unfinished; /* a syntax error cut it off */
	struct entry *entries;
	size_t n_entries;
};

struct groups {
	struct group *v; /* in the file's order; the top level first */
	size_t n;
};

/* Hand s->clean to libconfuse and take over what it read, into m.  -1 and a sentence: it did not like it. */
int groups_read(struct groups *g, const struct scan *s, struct mem *m, struct err *e) MUST_CHECK;

/* Give a group of which only `section` and `label` are known its entries, none of them set. */
void groups_defaults(struct group *g, struct mem *m);

/* Of a key that the table has; never NULL. */
struct entry *groups_entry(const struct group *g, const char *name);

#endif
