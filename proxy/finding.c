/* proxy/finding.c - see proxy/finding.h */
#include <stdarg.h>
#include <string.h>

#include "conf/utf8.h"
#include "proxy/finding.h"

static void line(FILE *, const char *, const char *, const char *, va_list);

void
finding_ok(struct findings *f, const char *subject, const char *fmt, ...)
{
	va_list ap;

	f->oks++;
	va_start(ap, fmt);
	line(f->out, "ok", subject, fmt, ap);
	va_end(ap);
}

void
finding_warn(struct findings *f, const char *subject, const char *fmt, ...)
{
	va_list ap;

	f->warns++;
	va_start(ap, fmt);
	line(f->out, "warn", subject, fmt, ap);
	va_end(ap);
}

void
finding_fail(struct findings *f, const char *subject, const char *fmt, ...)
{
	va_list ap;

	f->fails++;
	va_start(ap, fmt);
	line(f->out, "FAIL", subject, fmt, ap);
	va_end(ap);
}

void
finding_note(struct findings *f, const char *subject, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(f->out, "-", subject, fmt, ap);
	va_end(ap);
}

__attribute__((format(printf, 4, 0))) static void
line(FILE *out, const char *mark, const char *subject, const char *fmt, va_list ap)
{
	char text[FINDING_MAX];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	(void)fprintf(out, "%-6s", mark);
	finding_print(out, str_of(subject));
	if (subject[0] != '\0')
		(void)fputs(": ", out);
	finding_print(out, str_of(text));
	(void)fputc('\n', out);
	(void)fflush(out); /* the next check may take its time */
}

void
finding_print(FILE *out, struct str text)
{
	while (text.n > 0) {
		uint32_t c = 0;
		size_t n = utf8_first(text, &c);

		if (n == 0)
			(void)fprintf(out, "\\x%02x", (unsigned)(unsigned char)text.p[0]);
		else if (utf8_is_confusing(c))
			(void)fprintf(out, "\\u%04x", (unsigned)c);
		else
			(void)fwrite(text.p, 1, n, out);
		text = str_from(text, n == 0 ? 1 : n);
	}
}
