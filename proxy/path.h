/*
 * proxy/path.h - the one canonical path
 *
 * Computed once, used for the rule and sent upstream - or the request is
 * refused.  Percent-encoded unreserved characters are decoded, the other
 * encodings get upper-case digits, dot segments are resolved, runs of '/'
 * become one.  Refused outright: broken encodings, %00 and controls, bytes
 * that UTF-8 never has, a raw backslash, a path that climbs above the root.
 *
 * What stays may still be read differently by a backend: %2F, %5C, %20, %23,
 * ";x=1", %25-encodings, upper case.  path_loosest() gives the reading of the most
 * lenient backend; route.c refuses a request whose two readings lead to
 * different routes.
 *
 * Pure.
 */
#ifndef PROXY_PATH_H
#define PROXY_PATH_H
#include <stdbool.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

/*
 * raw begins with '/' and holds printable ASCII only (http1.c has seen to
 * it).  *out is raw itself when it is canonical already (no copy), else a new
 * text in m.  -1: BAD_TARGET.
 */
int path_canonical(struct str raw, struct mem *m, struct str *out, struct err *e) MUST_CHECK;

/* Nothing in it that path_loosest() would change: then there is only one reading.  Case is not looked at. */
bool path_is_plain(struct str canonical);

/*
 * Decode until nothing changes (at most four rounds), backslash as '/', path
 * parameters (";...") and outer spaces cut from every segment, the text cut
 * at a '?' or '#' that appears, runs of '/' joined.  The result holds raw
 * bytes; it is for comparing and never sent.
 *
 * false: there is no such reading, and the request is to be refused.  That is
 * so too when a dot segment, a control or a byte that UTF-8 never has comes to
 * light: a backend that is only half as lenient would end somewhere else
 * again.  Without those, a prefix that any reading falls under is a prefix of
 * this one as well.
 */
bool path_loosest(struct str canonical, struct mem *m, struct str *out);

/*
 * Spellings that Windows folds: segments ending in dot or space, %u, a stream
 * name (:$), ~ and a digit.  Ask about the canonical path and its loosest reading.
 */
bool path_is_windows_trick(struct str s);

#endif
