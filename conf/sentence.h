/*
 * conf/sentence.h - words put together piece by piece, for a log line or an answer
 *
 * What does not fit is cut; memory is never overrun.  Begins as { .n = 0 }.
 */
#ifndef CONF_SENTENCE_H
#define CONF_SENTENCE_H
#include <stddef.h>

#include "conf/err.h"

struct sentence {
	char text[480]; /* terminated once something was said */
	size_t n;
};

void sentence_say(struct sentence *s, const char *fmt, ...) PRINTF(2, 3);

#endif
