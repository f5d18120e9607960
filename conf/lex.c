/* conf/lex.c - see conf/lex.h */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/lex.h"
#include "conf/mem.h"
#include "conf/value.h"

#define LONGEST ((size_t)64 * 1024) /* of one value, with what ${...} brings in */

static bool skip_space(struct lex *);
static bool skip_comment(struct lex *);
static void take_word(struct lex *);
static void take_literal(struct lex *);
static void take_string(struct lex *);
static bool take_escape(struct lex *);
static bool take_variable(struct lex *);
static void put_variable(struct lex *, struct str, struct str, bool);
static void put(struct lex *, const char *, size_t);
static void flaw(struct lex *, const char *);
static void broken(struct lex *, int, const char *);
static bool is_word(char);
static int hex(char);

void
lex_init(struct lex *l, struct str text)
{
	*l = (struct lex){ .p = text.p, .end = text.p + text.n, .now = 1, .line = 1 };
	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0) /* some editors begin a file so */
		l->p += 3;
}

void
lex_release(struct lex *l)
{
	if (l->buf != NULL)
		OPENSSL_cleanse(l->buf, l->cap);
	free(l->buf);
	l->buf = NULL;
}

bool
lex_is(const struct lex *l, char mark)
{
	return l->kind == LEX_MARK && l->mark == mark;
}

void
lex_next(struct lex *l)
{
	if (l->kind == LEX_BROKEN)
		return;
	if (l->buf != NULL)
		OPENSSL_cleanse(l->buf, l->cap);
	l->n = 0;
	l->flawed = false;
	l->text = STR("");
	l->last_line = l->now;
	if (!skip_space(l))
		return;
	l->line = l->now;
	if (l->p == l->end)
		l->kind = LEX_END;
	else if (*l->p == '"')
		take_string(l);
	else if (*l->p == '\'')
		take_literal(l);
	else if (*l->p == '+' && l->end - l->p > 1 && l->p[1] == '=') {
		l->kind = LEX_MARK;
		l->mark = '+';
		l->p += 2;
	} else if (strchr("={}(),;", *l->p) != NULL && *l->p != '\0') {
		l->kind = LEX_MARK;
		l->mark = *l->p++;
	} else
		take_word(l);
}

/* false: broken. */
static bool
skip_space(struct lex *l)
{
	while (l->p < l->end) {
		char c = *l->p;

		if (c == '\n')
			l->now++;
		else if (c == '#' || (c == '/' && l->end - l->p > 1 && (l->p[1] == '/' || l->p[1] == '*'))) {
			if (!skip_comment(l))
				return false;
			continue;
		} else if (c != ' ' && c != '\t' && c != '\r')
			return true;
		l->p++;
	}
	return true;
}

static bool
skip_comment(struct lex *l)
{
	int began = l->now;

	if (*l->p == '#' || l->p[1] == '/') {
		while (l->p < l->end && *l->p != '\n')
			l->p++;
		return true;
	}
	for (l->p += 2; l->end - l->p > 1; l->p++) {
		if (l->p[0] == '*' && l->p[1] == '/') {
			l->p += 2;
			return true;
		}
		l->now += *l->p == '\n';
	}
	broken(l, began, "the comment that begins here has no end; write */");
	return false;
}

static void
take_word(struct lex *l)
{
	l->kind = LEX_WORD;
	while (l->p < l->end && is_word(*l->p)) {
		if (*l->p == '$' && l->end - l->p > 1 && l->p[1] == '{') {
			flaw(l, "${ is only understood between double quotes; write \"${NAME}\"");
			while (l->p < l->end && *l->p != '}' && *l->p != '\n')
				l->p++;
			if (l->p < l->end && *l->p == '}')
				l->p++;
			continue;
		}
		put(l, l->p++, 1);
	}
	if (l->n == 0 && !l->flawed)
		broken(l, l->now,
		    "a control character or a NUL byte stands here, and this is no text file any more");
	l->text = (struct str){ l->buf, l->n };
	if (!l->flawed && !value_is_text(l->text))
		flaw(l, "holds bytes that are not UTF-8 text");
}

/* A newline is not in the text of either kind of string. */
static void
take_literal(struct lex *l)
{
	const char *end;

	l->kind = LEX_STRING;
	for (end = ++l->p; end < l->end && *end != '\'' && *end != '\n'; end++)
		;
	if (end == l->end || *end == '\n') {
		broken(l, l->now, "the single quote that opens here is not closed on this line");
		return;
	}
	put(l, l->p, (size_t)(end - l->p));
	l->p = end + 1;
	l->text = (struct str){ l->buf, l->n };
	if (!l->flawed && !value_is_text(l->text))
		flaw(l, "holds a control character, or bytes that are not UTF-8");
}

static void
take_string(struct lex *l)
{
	bool open = true;

	l->kind = LEX_STRING;
	l->p++;
	while (open && l->p < l->end && *l->p != '"' && *l->p != '\n') {
		if (*l->p == '\\')
			open = take_escape(l);
		else if (*l->p == '$' && l->end - l->p > 1 && l->p[1] == '{')
			open = take_variable(l);
		else
			put(l, l->p++, 1);
	}
	if (!open || l->p == l->end || *l->p != '"') {
		broken(l, l->line, "the double quote that opens here is not closed on this line");
		return;
	}
	l->p++;
	l->text = (struct str){ l->buf, l->n };
	if (!l->flawed && !value_is_text(l->text))
		flaw(l, "holds a control character, or bytes that are not UTF-8");
}

/* false: the text ends. */
static bool
take_escape(struct lex *l)
{
	static const char names[] = "abefnrtv\\\"'$", means[] = "\a\b\033\f\n\r\t\v\\\"'$";
	const char *at;
	char c;

	if (l->end - l->p < 2)
		return false;
	c = l->p[1];
	l->p += 2;
	if (c == '\r' && l->p < l->end && *l->p == '\n')
		c = *l->p++;
	if (c == '\n') {
		l->now++;
		return true;
	}
	if (c == 'x' && l->end - l->p >= 2 && hex(l->p[0]) >= 0 && hex(l->p[1]) >= 0) {
		char byte = (char)((unsigned)hex(l->p[0]) << 4 | (unsigned)hex(l->p[1]));

		put(l, &byte, 1);
		l->p += 2;
		return true;
	}
	at = c == '\0' ? NULL : strchr(names, c);
	if (at != NULL)
		put(l, &means[at - names], 1);
	else if (isdigit((unsigned char)c))
		flaw(l, "a backslash and a digit mean nothing in double quotes; write \\\\1, or '\\1' in "
			"single quotes");
	else
		flaw(l, "a backslash stands before a character that is no escape; write \\\\ for a "
			"backslash, or use "
			"single quotes");
	return true;
}

/* ${NAME} or ${NAME:-default}; false: broken. */
static bool
take_variable(struct lex *l)
{
	const char *p = l->p + 2, *close = p;
	struct str name = { p, 0 }, otherwise = STR("");
	bool has_default = false;

	while (close < l->end && *close != '}' && *close != '"' && *close != '\n')
		close++;
	if (close == l->end || *close != '}') {
		flaw(l, "${ is not closed; write ${NAME} or ${NAME:-default}, or \\${ for the text itself");
		l->p = p;
		return true;
	}
	while (p < close && (isalnum((unsigned char)*p) || *p == '_'))
		p++;
	name.n = (size_t)(p - name.p);
	if (close - p >= 2 && p[0] == ':' && p[1] == '-') {
		has_default = true;
		otherwise = (struct str){ p + 2, (size_t)(close - p - 2) };
		p = close;
	}
	l->p = close + 1;
	if (p != close || name.n == 0 || isdigit((unsigned char)name.p[0]))
		flaw(l, "${...} is not understood; write ${NAME} or ${NAME:-default}");
	else
		put_variable(l, name, otherwise, has_default);
	return true;
}

static void
put_variable(struct lex *l, struct str name, struct str otherwise, bool has_default)
{
	char *key = xstrndup(name.p, name.n);
	const char *value = getenv(key);

	if (has_default && (value == NULL || value[0] == '\0'))
		put(l, otherwise.p, otherwise.n);
	else if (value != NULL)
		put(l, value, strlen(value));
	else if (!l->flawed) {
		flaw(l, "");
		(void)err_set(&l->err, REASON_CONFIG,
		    "the environment variable %.80s is not set; set it, or write ${%.80s:-default}", key,
		    key);
	}
	free(key);
}

/* The old buffer is wiped when it has to grow. */
static void
put(struct lex *l, const char *bytes, size_t n)
{
	if (n > LONGEST - l->n) {
		flaw(l, "is longer than 64 KiB");
		return;
	}
	if (l->n + n > l->cap) {
		size_t cap = l->cap == 0 ? 256 : l->cap * 2;
		char *more;

		while (cap < l->n + n)
			cap *= 2;
		more = xmalloc(cap);
		if (l->buf != NULL) {
			memcpy(more, l->buf, l->n);
			OPENSSL_cleanse(l->buf, l->cap);
		}
		free(l->buf);
		l->buf = more;
		l->cap = cap;
	}
	if (n > 0)
		memcpy(l->buf + l->n, bytes, n); /* NOLINT: buf is there when cap is */
	l->n += n;
}

/* Of several flaws of one value the first is told. */
static void
flaw(struct lex *l, const char *text)
{
	if (l->flawed)
		return;
	l->flawed = true;
	(void)err_set(&l->err, REASON_CONFIG, "%s", text);
}

static void
broken(struct lex *l, int line, const char *text)
{
	l->kind = LEX_BROKEN;
	l->line = line;
	l->p = l->end;
	(void)err_set(&l->err, REASON_CONFIG, "%s", text);
}

static bool
is_word(char c)
{
	return (unsigned char)c > ' ' && c != '\x7f' && strchr("\"'#={}(),;", c) == NULL;
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));

	return at == NULL ? -1 : (int)(at - digits);
}
