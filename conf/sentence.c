/* conf/sentence.c - see conf/sentence.h */
#include <stdarg.h>
#include <stdio.h>

#include "conf/sentence.h"

void
sentence_say(struct sentence *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(s->text + s->n, sizeof(s->text) - s->n, fmt, ap);
	va_end(ap);
	if (n > 0)
		s->n = s->n + (size_t)n < sizeof(s->text) ? s->n + (size_t)n : sizeof(s->text) - 1;
}
