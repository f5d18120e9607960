/*
 * conf/markup.h - at what kind of place in an HTML page is one?
 *
 * Follows a page byte by byte, as the tokenizer of the HTML standard does
 * (13.2.5), only as far as it takes to say whether an escaped text may stand
 * here: between tags and in quoted values it stays text; in <style>, in a
 * comment, in a name or in a value without quotes it would not.  Where it is
 * less exact than a browser it says MARKUP_NOWHERE.  Pure.
 */
#ifndef CONF_MARKUP_H
#define CONF_MARKUP_H
#include <stdbool.h>

enum markup_place { MARKUP_TEXT, MARKUP_QUOTED, MARKUP_NOWHERE };

/* What has just begun, and does not run on pages whose policy forbids scripts. */
enum markup_event { MARKUP_NOTHING, MARKUP_SCRIPT, MARKUP_HANDLER };

enum markup_state {
	MARKUP_IN_TEXT,
	MARKUP_AT_LESS,  /* behind < */
	MARKUP_AT_SLASH, /* behind </ */
	MARKUP_AT_BANG,  /* behind <! */
	MARKUP_AT_DASH,  /* behind <!- */
	MARKUP_IN_COMMENT,
	MARKUP_IN_BOGUS, /* <!DOCTYPE, <?: up to the next > */
	MARKUP_IN_TAG,   /* its name */
	MARKUP_IN_SPACE, /* between attributes */
	MARKUP_IN_NAME,
	MARKUP_BEHIND_NAME,
	MARKUP_AT_VALUE, /* behind = */
	MARKUP_IN_DOUBLE,
	MARKUP_IN_SINGLE,
	MARKUP_IN_BARE,
	MARKUP_IN_RAW /* what <style> and its like hold: no tags but their own end */
};

#define MARKUP_NAME 16 /* longer names are cut: none that counts here is longer */

struct markup {
	enum markup_state state;
	bool closing;           /* the tag is an end tag */
	unsigned run;           /* of dashes in a comment; of what matches the end tag in raw text */
	char tag[MARKUP_NAME];  /* lower case; in raw text the element's */
	char attr[MARKUP_NAME]; /* the attribute whose value this is */
};

/* Zeroed: the beginning of a page. */
enum markup_event markup_take(struct markup *m, char c);

enum markup_place markup_place(const struct markup *m);
/* Does what follows mean the same at both? */
bool markup_same(const struct markup *a, const struct markup *b);
/* "in <style>", for messages. */
const char *markup_where(const struct markup *m);

#endif
