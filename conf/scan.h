/*
 * conf/scan.h - the configuration's text, made safe for libconfuse
 *
 * libconfuse stops at its first unknown name, merges what is given twice
 * without a word, takes an unset ${X} for nothing and knows no lines inside a
 * section.  So the text is read here first: names are checked against the
 * table of settings, repeated keys found, includes followed, ${...} and
 * escapes carried out, and everything that is wrong is noted with its place.
 * What is left is written anew, in a form that libconfuse cannot trip over:
 *
 *	provider = ...		every section has a title, "PLACE TITLE"
 *	key = { 'PLACE', 'PLACE VALUE', ... }
 *
 * where PLACE is a number of conf/notes.h; the first element is the key's own.
 * A secret is not written: its element is the place alone, and its bytes are
 * kept here, in memory that is wiped, since libconfuse's is not.
 */
#ifndef CONF_SCAN_H
#define CONF_SCAN_H
#include <stdbool.h>
#include <stddef.h>

#include "conf/mem.h"
#include "conf/notes.h"
#include "conf/str.h"

/* What is known of a place besides the text. */
struct scan_mark {
	const char *secret; /* the value, terminated; else NULL */
	bool flawed;        /* the value cannot be used; it was said why */
	bool list;          /* a key whose value is in braces */
};

struct scan {
	struct mem *mem; /* borrowed */
	struct notes *notes;
	const char *clean;       /* for libconfuse */
	struct scan_mark *marks; /* by place; read with scan_mark() */
	size_t n_marks;
	bool broken;       /* a syntax error: what stands behind it is unknown */
	size_t unfinished; /* place of the section that it stands in; 0: none */
	/* the scanner's own */
	char *out;
	size_t n, cap, n_files, n_open;
	const char *open[16]; /* the files that are being read, by their real names */
	bool follow;
};

/*
 * Fill *s from text; `follow`: read includes.  Nothing is reported but through
 * notes.  Files' names are kept in mem, which must outlive the notes.
 */
void scan_text(struct scan *s, const char *file, struct str text, bool follow);
struct scan_mark scan_mark(const struct scan *s, size_t place);
void scan_release(struct scan *s);

#endif
