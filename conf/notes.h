/*
 * conf/notes.h - where things were written, and what is to be said about them
 *
 * Every word of the configuration that can be wrong has a number: its place.
 * Numbers are given in reading order, includes where they stand, so that
 * sorting messages by them gives the file's order.  Place 0 is the file as a
 * whole (its first line); it is the place of a default, too.
 */
#ifndef CONF_NOTES_H
#define CONF_NOTES_H
#include <stddef.h>

#include "conf/conf.h"
#include "conf/err.h"

struct notes;

struct notes *notes_new(const char *file); /* `file` is borrowed, as is that of notes_place() */
void notes_free(struct notes **n);

size_t notes_place(struct notes *n, const char *file, int line);
struct conf_place notes_at(const struct notes *n, size_t place);

/* "FILE:LINE: label: ..."; `label` may be "". */
void notes_mistake(struct notes *n, size_t place, const char *label, const char *fmt, ...) PRINTF(4, 5);
void notes_warning(struct notes *n, size_t place, const char *label, const char *fmt, ...) PRINTF(4, 5);

/* Foreign text with quotes round it, safe to print and cut at a bound. */
struct notes_quoted {
	char text[160];
};
struct notes_quoted notes_quote(struct str foreign);

/* Hand everything over, sorted; *out must be zeroed. */
void notes_report(struct notes *n, struct conf_report *out);

#endif
