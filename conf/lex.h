/*
 * conf/lex.h - the words of a configuration file
 *
 * Names and bare values, strings with their escapes and ${...} carried out,
 * and marks.  Pure but for getenv().  Nothing here knows a setting.
 *
 *	"..."	\\ \" \' \$ \a \b \e \f \n \r \t \v \xHH, a backslash at the end
 *		of a line joins it to the next, ${NAME} and ${NAME:-default}
 *	'...'	as written
 *	word	anything without white space and without " ' # = { } ( ) , ;
 *	#  //  and slash-star ... star-slash are comments
 *
 * A string ends on its line: a quote that is never closed must not swallow
 * the settings behind it.
 */
#ifndef CONF_LEX_H
#define CONF_LEX_H
#include <stdbool.h>
#include <stddef.h>

#include "conf/err.h"
#include "conf/str.h"

enum lex_kind {
	LEX_END,
	LEX_WORD,
	LEX_STRING,
	LEX_MARK,   /* one of = + (for +=) { } ( ) , ; */
	LEX_BROKEN, /* nothing behind it can be understood; lex.err says why */
};

/* `text` is borrowed until the next lex_next(), and wiped then: it may be a secret. */
struct lex {
	enum lex_kind kind;
	char mark;
	struct str text;
	bool flawed;   /* a word or string that cannot be used; err says why */
	int line;      /* where it begins */
	int last_line; /* where the one before it ended */
	struct err err;
	/* the reader's own */
	const char *p, *end;
	int now;
	char *buf;
	size_t n, cap;
};

void lex_init(struct lex *l, struct str text); /* text is borrowed */
void lex_release(struct lex *l);
void lex_next(struct lex *l);
bool lex_is(const struct lex *l, char mark);

#endif
