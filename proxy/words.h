/*
 * proxy/words.h - the words of each page: data, no code
 *
 * For the person in front of the browser, who can reload, sign in again, or
 * ask somebody; the operator reads docs/reasons.md and the log.
 */
#ifndef PROXY_WORDS_H
#define PROXY_WORDS_H
#include <stdbool.h>

#include "conf/err.h"

struct words {
	const char *title;
	const char *text;   /* what happened */
	const char *advice; /* what can be done; may be NULL */
	const char *label;  /* heads struct page's detail; NULL: it is not shown */
	bool cookies;       /* name the host whose cookies are meant */
};

/* Of pages that refuse nothing. */
extern const struct words words_choose, words_ask_logout, words_signed_out, words_signed_out_here;

/* The row of a reason; where it has none, the words of the status.  Never NULL. */
const struct words *words_find(enum reason r, int status);

#endif
