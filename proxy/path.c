/* proxy/path.c - see proxy/path.h */
#include <string.h>

#include "proxy/path.h"

#define DECODE_ROUNDS 4

/* Bytes at which the usual path is looked at more closely: what is refused, '%' and '/'. */
static const bool stops[256] = {
	[0x00 ... 0x20] = true,
	['#'] = true,
	['%'] = true,
	['/'] = true,
	['?'] = true,
	['\\'] = true,
	[0x7f ... 0xff] = true,
};

static bool is_canonical(struct str);
static bool is_odd_segment(const char *, size_t);
static long recode(struct str, char *, struct err *);
static long recode_byte(struct str, size_t *, char *, struct err *);
static size_t utf8_of(struct str, size_t);
static size_t utf8_length(const unsigned char *, size_t);
static bool is_utf8(const char *, size_t);
static int encoded_byte(struct str, size_t);
static int hex(char);
static long squash(char *, size_t);
static long decode_once(char *, size_t);
static long flatten(char *, size_t);

/* --- the canonical path --------------------------------------------------- */

int
path_canonical(struct str raw, struct mem *m, struct str *out, struct err *e)
{
	char *p;
	long n;

	if (raw.n == 0 || raw.p[0] != '/')
		return err_set(e, REASON_BAD_TARGET, "a path must begin with '/'");
	*out = raw;
	if (is_canonical(raw))
		return 0;
	p = mem_alloc(m, raw.n + 1);
	n = recode(raw, p, e);
	if (n < 0)
		return -1;
	n = squash(p, (size_t)n);
	if (n < 0)
		return err_set(e, REASON_BAD_TARGET, "the path climbs above the root with '..'");
	p[n] = '\0';
	if (!str_is(raw, (struct str){ p, (size_t)n }))
		*out = (struct str){ p, (size_t)n };
	return 0;
}

/* The usual path, settled in one pass; false only says that it needs a closer look. */
static bool
is_canonical(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!stops[(unsigned char)s.p[i]])
			continue;
		if (s.p[i] != '/' || is_odd_segment(s.p + i + 1, s.n - i - 1))
			return false;
	}
	return true;
}

/* Does an empty or a dot segment begin here?  Nothing at all behind the last '/' is fine. */
static bool
is_odd_segment(const char *p, size_t n)
{
	size_t dots = 0;

	if (n == 0)
		return false;
	while (dots < n && dots < 3 && p[dots] == '.')
		dots++;
	return dots < 3 && (dots == n || p[dots] == '/');
}

/* Every encoding in its one form (RFC 3986 6.2.2); the result is never longer. */
static long
recode(struct str raw, char *out, struct err *e)
{
	long n = 0, more;

	for (size_t i = 0; i < raw.n;) {
		unsigned char c = (unsigned char)raw.p[i];

		if (!stops[c] || c == '/') {
			out[n++] = (char)c;
			i++;
			continue;
		}
		if (c != '%')
			return err_set(e, REASON_BAD_TARGET, "the path holds the raw byte 0x%02x", c);
		more = recode_byte(raw, &i, out + n, e);
		if (more < 0)
			return -1;
		n += more;
	}
	return n;
}

/* The encoded character at *at; *at moves behind it. */
static long
recode_byte(struct str raw, size_t *at, char *out, struct err *e)
{
	static const char digits[] = "0123456789ABCDEF";
	int c = encoded_byte(raw, *at);
	size_t bytes = 1;

	if (c < 0)
		return err_set(e, REASON_BAD_TARGET, "the path holds a '%%' without two hexadecimal digits");
	if (c < 0x20 || c == 0x7f)
		return err_set(
		    e, REASON_BAD_TARGET, "the path holds the encoded control 0x%02x", (unsigned)c);
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	    c == '.' || c == '_' || c == '~') {
		out[0] = (char)c;
		*at += 3;
		return 1;
	}
	if (c >= 0x80)
		bytes = utf8_of(raw, *at);
	if (bytes == 0)
		return err_set(e, REASON_BAD_TARGET, "the path holds encoded bytes that are not UTF-8");
	for (size_t i = 0; i < bytes; i++) {
		c = encoded_byte(raw, *at + 3 * i);
		out[3 * i] = '%';
		out[3 * i + 1] = digits[c >> 4]; /* NOLINT: the bytes were looked at */
		out[3 * i + 2] = digits[c & 15];
	}
	*at += 3 * bytes;
	return (long)(3 * bytes);
}

/* How many encoded bytes from here on are one character; 0: they are none. */
static size_t
utf8_of(struct str raw, size_t at)
{
	unsigned char bytes[4];
	size_t n = 0;

	for (; n < sizeof(bytes); n++) {
		int c = encoded_byte(raw, at + 3 * n);

		if (c < 0)
			break;
		bytes[n] = (unsigned char)c;
	}
	return utf8_length(bytes, n);
}

/* RFC 3629 4: shortest forms only, no surrogates, nothing above U+10FFFF. */
static size_t
utf8_length(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (n == 0 || p[0] < 0x80)
		return n == 0 ? 0 : 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0;
	if (p[0] == 0xed)
		high = 0x9f;
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	if (n < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

static bool
is_utf8(const char *p, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_length((const unsigned char *)p + i, n - i);
		if (len == 0)
			return false;
	}
	return true;
}

/* The byte that "%xx" at s.p[at] stands for; -1: that is no encoding. */
static int
encoded_byte(struct str s, size_t at)
{
	int high, low;

	if (s.n < 3 || at > s.n - 3 || s.p[at] != '%')
		return -1;
	high = hex(s.p[at + 1]);
	low = hex(s.p[at + 2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Dot segments (RFC 3986 5.2.4) and runs of '/' out of p[0..n), in place; -1: climbs above the root. */
static long
squash(char *p, size_t n)
{
	size_t end, len, out = 1; /* p[out - 1] is '/' whenever a segment begins */

	for (size_t in = 1; in < n; in = end + 1) {
		for (end = in; end < n && p[end] != '/'; end++)
			;
		len = end - in;
		if (len == 2 && p[in] == '.' && p[in + 1] == '.') {
			if (out == 1)
				return -1;
			for (out--; p[out - 1] != '/'; out--)
				;
		} else if (len > 0 && !(len == 1 && p[in] == '.')) {
			memmove(p + out, p + in, len);
			out += len;
			if (end < n)
				p[out++] = '/';
		}
	}
	return (long)out;
}

/* --- other readings ------------------------------------------------------- */

bool
path_is_plain(struct str canonical)
{
	for (size_t i = 0; i < canonical.n; i++)
		if (canonical.p[i] == '%' || canonical.p[i] == ';' || canonical.p[i] == '\\')
			return false;
	return true;
}

bool
path_loosest(struct str canonical, struct mem *m, struct str *out)
{
	char *p = mem_text(m, canonical);
	size_t n = canonical.n;
	long left;

	for (int round = 0; (left = decode_once(p, n)) != (long)n; round++) {
		if (left < 0 || round == DECODE_ROUNDS)
			return false;
		n = (size_t)left;
	}
	if (!is_utf8(p, n))
		return false;
	left = flatten(p, n);
	if (left < 0)
		return false;
	p[left] = '\0';
	*out = (struct str){ p, (size_t)left };
	return true;
}

/*
 * One round of decoding, in place; what is no encoding stays.  -1 for a
 * control, which ends the text for some; and for a slash inside a parameter,
 * which ends it for those who decode first and not for those who cut first.
 */
static long
decode_once(char *p, size_t n)
{
	struct str s = { p, n };
	bool in_parameter = false;
	size_t out = 0;

	for (size_t i = 0; i < n;) {
		int c = encoded_byte(s, i);

		if (c < 0) {
			c = (unsigned char)p[i++];
			in_parameter = c == ';' || (in_parameter && c != '/');
		} else {
			i += 3;
			if (in_parameter && (c == '/' || c == '\\'))
				return -1;
		}
		if (c < 0x20 || c == 0x7f)
			return -1;
		p[out++] = (char)c;
	}
	return (long)out;
}

/*
 * Segments without their parameters and outer spaces, the text up to a '?' or
 * '#', in place; one inside a parameter cuts nothing, for without the parameter
 * it is gone.  -1 for a backslash that may belong to a parameter or end it, and
 * for a dot segment, behind the cut as well: a backend that
 * sees it and one that does not end in different places.
 */
static long
flatten(char *p, size_t n)
{
	size_t end, from, to, out = 1;
	bool over = false;

	for (size_t in = 1; in < n; in = end + 1) {
		bool cut;

		for (end = in; end < n && p[end] != '/' && p[end] != '\\'; end++)
			;
		for (from = in; from < end && p[from] == ' '; from++)
			;
		for (to = from; to < end && p[to] != ';' && p[to] != '?' && p[to] != '#'; to++)
			;
		if (end < n && p[end] == '\\' && memchr(p + in, ';', end - in) != NULL)
			return -1;
		cut = to < end && p[to] != ';';
		while (to > from && p[to - 1] == ' ')
			to--;
		if (to > from && is_odd_segment(p + from, to - from))
			return -1;
		if (!over && to > from) {
			memmove(p + out, p + from, to - from);
			out += to - from;
			if (end < n && !cut)
				p[out++] = '/';
		}
		over = over || cut;
	}
	return (long)out;
}

bool
path_is_windows_trick(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		struct str rest = str_from(s, i);

		if (str_begins(rest, STR(":$")) || str_begins(rest, STR("%u")) ||
		    str_begins(rest, STR("%25u")))
			return true;
		if (str_begins(rest, STR("%U")) || str_begins(rest, STR("%25U")))
			return true;
		if (rest.p[0] == '~' && rest.n > 1 && rest.p[1] >= '0' && rest.p[1] <= '9')
			return true;
		if (rest.n > 1 && rest.p[1] != '/')
			continue;
		/* The last character of a segment. */
		if (rest.p[0] == '.' || rest.p[0] == ' ' || (i >= 2 && memcmp(s.p + i - 2, "%20", 3) == 0))
			return true;
	}
	return false;
}
