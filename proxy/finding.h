/*
 * proxy/finding.h - what a check found, one line each
 *
 * "ok    subject: sentence", "warn  ...", "FAIL  ...".  Foreign text may stand
 * in a sentence: what could move the terminal's cursor, or pass for a line of
 * its own, is printed as an escape.  Nobody passes a secret.
 */
#ifndef PROXY_FINDING_H
#define PROXY_FINDING_H
#include <stdio.h>

#include "conf/err.h"
#include "conf/str.h"

#define FINDING_MAX 4096 /* bytes of a line; a longer one is cut */

struct findings {
	FILE *out;
	unsigned oks, warns, fails;
};

/* "%s: %s\n" with the rest as printf; subject may be "". */
void finding_ok(struct findings *f, const char *subject, const char *fmt, ...) PRINTF(3, 4);
void finding_warn(struct findings *f, const char *subject, const char *fmt, ...) PRINTF(3, 4);
void finding_fail(struct findings *f, const char *subject, const char *fmt, ...) PRINTF(3, 4);
/* Neither good nor bad; not counted. */
void finding_note(struct findings *f, const char *subject, const char *fmt, ...) PRINTF(3, 4);

/* Foreign text, safe for a terminal; quotes and backslashes stay as they are. */
void finding_print(FILE *out, struct str text);

#endif
