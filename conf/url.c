/* conf/url.c - see conf/url.h */
#include <arpa/inet.h>
#include <string.h>

#include "conf/url.h"

#define HOST_MAX       255 /* RFC 1035 2.3.4 */
#define LOCAL_PATH_MAX 2048
#define DECODE_ROUNDS  4

static bool take_scheme(struct str *, bool *);
static int take_port(struct str, struct url *, struct err *);
static size_t authority_end(struct str);
static size_t host_end(struct str);
static bool is_name(struct str);
static bool is_ipv4(struct str, struct in_addr *);
static bool is_visible(struct str);
static bool is_safe_path(const char *, size_t);
static long decode_once(char *, size_t, bool);
static int hex(char);
static int unescape(struct str, size_t *, bool);
static bool name_is(struct str, const char *);

/* --- taken apart ---------------------------------------------------------- */

int
url_parse(struct str text, struct url *out, struct err *e)
{
	struct str rest = text, authority;
	size_t n;

	*out = (struct url){ .https = false };
	if (!is_visible(text) || memchr(text.p, '\\', text.n) != NULL)
		return err_set(e, REASON_BAD_TARGET,
		    "a URL holds a space, a control, a backslash or a byte above 0x7e; encode it");
	if (memchr(text.p, '#', text.n) != NULL)
		return err_set(e, REASON_BAD_TARGET, "a URL must have no fragment (#...) here");
	if (!take_scheme(&rest, &out->https))
		return err_set(e, REASON_BAD_TARGET, "a URL must begin with https:// or http://");
	authority = (struct str){ rest.p, authority_end(rest) };
	rest = str_from(rest, authority.n);
	/* RFC 3986 3.2.1: what stands before '@' looks like the host to a reader, and is none. */
	if (memchr(authority.p, '@', authority.n) != NULL)
		return err_set(e, REASON_BAD_TARGET, "a URL must not hold a user (...@) here");
	n = host_end(authority);
	out->host = (struct str){ authority.p, n };
	if (!url_is_host(out->host))
		return err_set(e, REASON_BAD_TARGET, "a URL's host is no name and no address");
	if (take_port(str_from(authority, n), out, e) != 0)
		return -1;
	for (n = 0; n < rest.n && rest.p[n] != '?'; n++)
		;
	out->path = (struct str){ rest.p, n };
	if (n < rest.n)
		out->query = str_from(rest, n + 1);
	return 0;
}

static bool
take_scheme(struct str *rest, bool *https)
{
	static const struct str schemes[] = { { "http://", 7 }, { "https://", 8 } };

	for (size_t i = 0; i < 2; i++) {
		if (rest->n < schemes[i].n || strncasecmp(rest->p, schemes[i].p, schemes[i].n) != 0)
			continue;
		*https = i == 1;
		*rest = str_from(*rest, schemes[i].n);
		return true;
	}
	return false;
}

static size_t
authority_end(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '/' && s.p[n] != '?')
		n++;
	return n;
}

/* Where the port begins: behind the bracket of an IPv6 address, else at the first ':'. */
static size_t
host_end(struct str authority)
{
	char until = authority.n > 0 && authority.p[0] == '[' ? ']' : ':';
	const char *at = authority.n > 0 ? memchr(authority.p, until, authority.n) : NULL;

	if (at == NULL)
		return authority.n;
	return (size_t)(at - authority.p) + (until == ']');
}

/* `digits` is empty or ":8080".  An empty port (RFC 3986 3.2.3 allows it) is a slip of the pen to us. */
static int
take_port(struct str digits, struct url *out, struct err *e)
{
	unsigned port = 0;

	out->port = out->https ? 443 : 80;
	if (digits.n == 0)
		return 0;
	if (digits.p[0] != ':' || digits.n < 2 || digits.n > 6)
		return err_set(e, REASON_BAD_TARGET, "a URL's port must be a number from 1 to 65535");
	for (size_t i = 1; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return err_set(e, REASON_BAD_TARGET, "a URL's port must be a number from 1 to 65535");
		port = port * 10 + (unsigned)(digits.p[i] - '0');
	}
	if (port == 0 || port > 65535)
		return err_set(e, REASON_BAD_TARGET, "a URL's port must be a number from 1 to 65535");
	out->port = (uint16_t)port;
	out->port_given = true;
	return 0;
}

bool
url_is_loopback(const struct url *u)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (str_is_nocase(u->host, STR("localhost")))
		return true;
	if (is_ipv4(u->host, &v4))
		return ntohl(v4.s_addr) >> 24 == 127;
	return url_ipv6(u->host, &v6) && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool
url_is_host(struct str host)
{
	struct in6_addr v6;

	if (host.n == 0 || host.n > HOST_MAX)
		return false;
	if (host.p[0] == '[')
		return url_ipv6(host, &v6);
	return is_name(host);
}

/*
 * Labels of letters, digits, '-' and '_', one dot between them, one at the end
 * at most.  A last label of digits makes the whole an address (WHATWG URL 3.5),
 * and then only the common form of one is good: libraries read "127.1",
 * "0177.0.0.1" and "2130706433" each in their own way.
 */
static bool
is_name(struct str host)
{
	struct str rest = host, label = { NULL, 0 };
	struct in_addr v4;

	if (host.p[0] == '.')
		return false;
	while (str_next(&rest, '.', &label)) {
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++) {
			char c = label.p[i];

			if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
				c == '-' || c == '_'))
				return false;
		}
	}
	for (size_t i = 0; i < label.n; i++)
		if (label.p[i] < '0' || label.p[i] > '9')
			return !(
			    label.n >= 2 && label.p[0] == '0' && (label.p[1] == 'x' || label.p[1] == 'X'));
	return is_ipv4(host, &v4);
}

static bool
is_ipv4(struct str host, struct in_addr *out)
{
	char text[INET_ADDRSTRLEN];

	if (host.n == 0 || host.n >= sizeof(text))
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(AF_INET, text, out) == 1;
}

bool
url_ipv6(struct str host, struct in6_addr *out)
{
	char text[INET6_ADDRSTRLEN];

	if (host.n < 4 || host.p[0] != '[' || host.p[host.n - 1] != ']' || host.n - 2 >= sizeof(text))
		return false;
	memcpy(text, host.p + 1, host.n - 2);
	text[host.n - 2] = '\0';
	return inet_pton(AF_INET6, text, out) == 1;
}

/* 0x21..0x7e only, and not empty. */
static bool
is_visible(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.n > 0;
}

/* --- the guard ------------------------------------------------------------ */

/*
 * The path is judged as it stands and after every round of decoding, because
 * somebody between us and the browser may decode once more.  The query is not
 * looked into: behind '?' nothing can be read as a host.
 */
bool
url_is_local_path(struct str rd)
{
	char path[LOCAL_PATH_MAX];
	const char *query;
	size_t n;
	long left;

	if (rd.n > sizeof(path) || !is_visible(rd) || rd.p[0] != '/')
		return false;
	if (memchr(rd.p, '\\', rd.n) != NULL || memchr(rd.p, '#', rd.n) != NULL)
		return false;
	query = memchr(rd.p, '?', rd.n);
	n = query == NULL ? rd.n : (size_t)(query - rd.p);
	memcpy(path, rd.p, n);
	for (int round = 0; round <= DECODE_ROUNDS; round++) {
		if (!is_safe_path(path, n))
			return false;
		left = decode_once(path, n, round == 0);
		if (left < 0)
			return false;
		if ((size_t)left == n)
			return true;
		n = (size_t)left;
	}
	return false;
}

/*
 * No dot segment climbs above the root, and none brings an empty segment to
 * the front: "/a/..//evil" is "//evil" to whoever resolves it (RFC 3986 5.2.4).
 */
static bool
is_safe_path(const char *p, size_t n)
{
	size_t depth = 0, from = 1;

	for (size_t i = 1; i <= n; i++) {
		size_t len = i - from;

		if (i < n && p[i] != '/' && p[i] != '\\')
			continue;
		if (len == 2 && p[from] == '.' && p[from + 1] == '.') {
			if (depth == 0)
				return false;
			depth--;
		} else if (!(len == 1 && p[from] == '.')) {
			if (len == 0 && depth == 0 && i < n)
				return false;
			depth++;
		}
		from = i + 1;
	}
	return true;
}

/*
 * One round of percent-decoding in place; the new length.  -1 for a control,
 * for a byte that UTF-8 never has, and, when strict, for a broken encoding.
 */
static long
decode_once(char *p, size_t n, bool strict)
{
	struct str s = { p, n };
	size_t out = 0;

	for (size_t i = 0; i < n;) {
		int c = p[i] == '%' ? unescape(s, &i, false) : (unsigned char)p[i++];

		if (c < 0) {
			if (strict)
				return -1;
			c = (unsigned char)p[i++];
		}
		if (c < 0x20 || c == 0x7f || c == 0xc0 || c == 0xc1 || c >= 0xf5)
			return -1;
		p[out++] = (char)c;
	}
	return (long)out;
}

/* --- encodings ------------------------------------------------------------ */

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

/* The byte at s.p[*at], decoded; *at moves behind it.  -1: broken, and *at stays. */
static int
unescape(struct str s, size_t *at, bool form)
{
	char c = s.p[*at];
	int high, low;

	if (c != '%') {
		*at += 1;
		return form && c == '+' ? ' ' : (unsigned char)c;
	}
	if (s.n - *at < 3)
		return -1;
	high = hex(s.p[*at + 1]);
	low = hex(s.p[*at + 2]);
	if (high < 0 || low < 0)
		return -1;
	*at += 3;
	return high << 4 | low;
}

struct str
url_encode(struct mem *m, struct str s)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = mem_alloc(m, 3 * s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		    c == '.' || c == '_' || c == '~') {
			out[n++] = (char)c;
		} else {
			out[n++] = '%';
			out[n++] = digits[c >> 4];
			out[n++] = digits[c & 15];
		}
	}
	out[n] = '\0';
	return (struct str){ out, n };
}

/* --- parameters ----------------------------------------------------------- */

int
url_param(struct mem *m, struct str query, const char *name, struct str *out)
{
	struct str rest = query, pair, value, found = { NULL, 0 };
	size_t n = 0;
	char *text;

	*out = found;
	while (str_next(&rest, '&', &pair)) {
		const char *eq = pair.n == 0 ? NULL : memchr(pair.p, '=', pair.n);
		size_t name_n = eq == NULL ? pair.n : (size_t)(eq - pair.p);

		if (!name_is((struct str){ pair.p, name_n }, name))
			continue;
		if (found.p != NULL) /* RFC 6749 3.1: not more than once; which one counts would be a guess */
			return -1;
		found = str_from(pair, eq == NULL ? pair.n : name_n + 1);
	}
	if (found.p == NULL)
		return 1;
	value = found;
	text = mem_alloc(m, value.n + 1);
	for (size_t i = 0; i < value.n;) {
		int c = unescape(value, &i, true);

		if (c <= 0)
			return -1;
		text[n++] = (char)c;
	}
	text[n] = '\0';
	*out = (struct str){ text, n };
	return 0;
}

/* Compared decoded: "st%61te" is `state` to whoever reads the same query after us. */
static bool
name_is(struct str encoded, const char *name)
{
	for (size_t i = 0; i < encoded.n; name++) {
		int c = unescape(encoded, &i, true);

		if (c <= 0 || c != (unsigned char)*name)
			return false;
	}
	return *name == '\0';
}

char *
url_add_param(struct mem *m, const char *url, const char *name, struct str value)
{
	size_t n = strlen(url);
	const char *glue = strchr(url, '?') == NULL ? "?" : "&";

	if (n > 0 && (url[n - 1] == '?' || url[n - 1] == '&'))
		glue = "";
	return mem_printf(m, "%s%s%s=%s", url, glue, url_encode(m, str_of(name)).p, url_encode(m, value).p);
}
