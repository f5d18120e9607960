/*
 * conf/err.h - what went wrong, said once, for the operator
 *
 * Every function that can fail takes `struct err *e` as its last argument and
 * returns 0 or -1 (constructors: a pointer or NULL).  On failure, and only
 * then, *e holds a reason for the program and a sentence for the operator.
 *
 * The reason decides what the caller is told (status: conf/reasons.h; words:
 * proxy/pages.c) and what is counted.  The sentence goes to the log and never
 * to the browser: which thing, which value, what was expected, which setting
 * changes that.  It never holds a secret; foreign text in it is quoted by
 * log.c when the line is written.
 *
 * struct err owns nothing.  Put it on the stack, pass it down, let it go.
 */
#ifndef CONF_ERR_H
#define CONF_ERR_H
#include <stdbool.h>

#include "conf/reasons.h"

#define MUST_CHECK   __attribute__((warn_unused_result))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

enum reason {
#define REASON_ENUM(name, word, status, meaning) REASON_##name,
	REASONS(REASON_ENUM)
#undef REASON_ENUM
	    REASON_COUNT
};

struct err {
	enum reason reason;
	char text[320];
};

/* Fill *e and return -1, so that a check reads as one line.  Cut at the size of text. */
int err_set(struct err *e, enum reason r, const char *fmt, ...) PRINTF(3, 4);

/* Put "fmt: " in front of the sentence already in *e; keep the reason.  Returns -1. */
int err_in(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Do both say the same, apart from numbers, such as the milliseconds that an attempt took? */
bool err_is_like(const struct err *a, const struct err *b);

#ifdef __clang_analyzer__ /* it cannot look into err.c: both return -1 */
#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_in(...)  (err_in(__VA_ARGS__), -1)
#endif

const char *reason_word(enum reason r);    /* "token_expired"; "" for REASON_NONE */
int reason_status(enum reason r);          /* HTTP status */
const char *reason_meaning(enum reason r); /* one sentence, for the manual */

#endif
