/*
 * session/cookie.h - the Cookie header taken apart (RFC 6265 5.4, robustly)
 *
 * Pure, slices only.  Malformed pairs are skipped, never an error: what is
 * malformed is simply not one of our cookies.
 */
#ifndef SESSION_COOKIE_H
#define SESSION_COOKIE_H
#include <stdbool.h>
#include <stddef.h>

#include "conf/mem.h"
#include "conf/str.h"

#define COOKIE_PARTS_MAX 9 /* NAME, NAME_1 .. NAME_8 */
#define COOKIE_SAME_MAX  8 /* cookies of one name that are looked at */

/* Cut the next pair off *rest at ';'; name and value trimmed, quotes kept.  false at the end. */
bool cookie_next(struct str *rest, struct str *name, struct str *value);

/* All values of the cookie `name`, in order; returns how many there are, of which at most max are written. */
size_t cookie_find(const struct str *fields, size_t n_fields, struct str name, struct str *out, size_t max);

/* Is `name` NAME_1 .. NAME_8?  Returns the number; 0: it is not. */
size_t cookie_part_number(struct str name, struct str whole);

/*
 * A long value is kept in NAME, NAME_1, NAME_2, ... (never with a gap).
 * Where a name is there several times (cookies of two paths or domains), the
 * i-th text is made of the i-th cookie of each name, or of the last one of a
 * name that has fewer: browsers send the cookies of one set in one order.
 */
struct cookie_parts {
	size_t n[COOKIE_PARTS_MAX]; /* at most COOKIE_SAME_MAX each */
	struct str v[COOKIE_PARTS_MAX][COOKIE_SAME_MAX];
};
void cookie_parts_find(const struct str *fields, size_t n_fields, struct str name, struct cookie_parts *out);

/* The i-th text with everything that may belong to it, and where its parts end. */
struct cookie_joined {
	struct str text; /* in m */
	size_t n_ends;   /* 1 .. COOKIE_PARTS_MAX */
	size_t ends[COOKIE_PARTS_MAX];
};
void cookie_parts_join(const struct cookie_parts *p, size_t i, struct mem *m, struct cookie_joined *out);

/*
 * Write one Cookie header value without any of our cookies: those whose name,
 * after __Host- or __Secure-, is `ours` alone or followed by '_' and a digit,
 * by '.', or by '-' (session cookies and their parts, sealed tokens, binding
 * cookie, further providers).  A bare name without '=' counts as well.  All
 * else is passed on as it is.  Fields are joined with "; ".  out must have
 * room for all fields + 2 per field.  Returns the length; 0: nothing left.
 */
size_t cookie_strip(char *out, const struct str *fields, size_t n_fields, struct str ours);

#endif
