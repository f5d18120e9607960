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

#define COOKIE_PARTS_MAX 9  /* NAME, NAME_1 .. NAME_8 */
#define COOKIE_SAME_MAX	 8  /* cookies of one name that are looked at */

/* Cut the next pair off *rest; name and value trimmed, quotes kept.  false at the end. */
bool cookie_next(struct str *rest, struct str *name, struct str *value);

/* All values of the cookie `name`, in order; returns how many, at most max are written. */
size_t cookie_find(const struct str *fields, size_t n_fields, struct str name, struct str *out, size_t max);

/*
 * Write one Cookie header value without any of our cookies: those whose name,
 * after __Host- or __Secure-, is `ours` alone or followed by '_' and a digit,
 * by '.', or by '-' (session cookies and their parts, sealed tokens, binding
 * cookie, further providers).  Fields are joined with "; ".  out must have
 * room for all fields + 2 per field.  Returns the length; 0: nothing left.
 */
size_t cookie_strip(char *out, const struct str *fields, size_t n_fields, struct str ours);

#endif
