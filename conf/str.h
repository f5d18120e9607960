/*
 * conf/str.h - a piece of text that somebody else owns
 *
 * A pointer and a length, no terminator: a slice of a read buffer, of a
 * token, of a configuration value.  It is copied by value and lives as long
 * as what it points into.
 */
#ifndef CONF_STR_H
#define CONF_STR_H
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct str {
	const char *p;
	size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str
str_of(const char *c)
{
	return (struct str){ c, c == NULL ? 0 : strlen(c) };
}

static inline bool
str_is(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case only (RFC 9110 5.1: field names, tokens). */
static inline bool
str_is_nocase(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

static inline bool
str_begins(struct str s, struct str with)
{
	return s.n >= with.n && (with.n == 0 || memcmp(s.p, with.p, with.n) == 0);
}

/* What is left of s behind its first n bytes; n <= s.n. */
static inline struct str
str_from(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.n - n };
}

/* Without spaces and tabs on either side (RFC 9110 5.6.3: OWS). */
static inline struct str
str_trim(struct str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = str_from(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/*
 * Cut the next element off *rest at `sep`; false when *rest is used up.
 * "a,,b" gives "a", "", "b"; "" gives nothing.
 */
static inline bool
str_next(struct str *rest, char sep, struct str *out)
{
	const char *at;

	if (rest->p == NULL || rest->n == 0)
		return false;
	at = memchr(rest->p, sep, rest->n);
	if (at == NULL) {
		*out = *rest;
		*rest = (struct str){ NULL, 0 };
		return true;
	}
	*out = (struct str){ rest->p, (size_t)(at - rest->p) };
	*rest = str_from(*rest, out->n + 1);
	if (rest->n == 0) /* a trailing separator: one last, empty element is not reported */
		*rest = (struct str){ NULL, 0 };
	return true;
}

#endif
