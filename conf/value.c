/* conf/value.c - see conf/value.h */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "conf/url.h"
#include "conf/utf8.h"
#include "conf/value.h"

#define SECRET_LEAST 32

struct unit {
	const char *name;
	uint64_t factor;
};

static int with_unit(struct str, const struct unit *, uint64_t *);
static bool is_path_byte(char);
static const char *path_flaw(struct str);
static bool clear_host_bits(struct in6_addr *, unsigned);
static int address_port(struct str, unsigned *, struct err *);
static int address_unix(struct str, struct value_address *, struct err *);
static bool holds(struct str, const char *);

bool
value_is_text(struct str s)
{
	while (s.n > 0) {
		uint32_t c;
		size_t n = utf8_first(s, &c);

		if (n == 0 || (c != '\t' && utf8_is_confusing(c)))
			return false;
		s = str_from(s, n);
	}
	return true;
}

bool
value_is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) &&
		    (s.p[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.p[i]) == NULL))
			return false;
	return s.n > 0;
}

bool
value_is_scope(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == '\x7f')
			return false;
	return s.n > 0;
}

int
value_bool(struct str s, bool *out, struct err *e)
{
	*out = str_is(s, STR("yes"));
	if (!*out && !str_is(s, STR("no")))
		return err_set(e, REASON_CONFIG, "is neither yes nor no; write yes or no");
	return 0;
}

int
value_number(struct str s, uint64_t *out, struct err *e)
{
	static const struct unit none[] = { { "", 1 }, { NULL, 0 } };

	if (with_unit(s, none, out) == -1)
		return err_set(e, REASON_CONFIG, "is not a number; write digits only, for example 20");
	return 0;
}

int
value_duration(struct str s, int64_t *ms, struct err *e)
{
	static const struct unit units[] = { { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 },
		{ "h", 3600 * 1000 }, { "d", 24 * 3600 * 1000 }, { NULL, 0 } };
	uint64_t n;

	if (with_unit(s, units, &n) == -1)
		return err_set(e, REASON_CONFIG,
		    "is not a duration; write a number and ms, s, m, h or d, for example \"8h\"");
	*ms = (int64_t)n;
	return 0;
}

int
value_size(struct str s, uint64_t *bytes, struct err *e)
{
	static const struct unit units[] = { { "", 1 }, { "k", 1024 }, { "m", 1024 * 1024 },
		{ "g", 1024 * 1024 * 1024 }, { "K", 1024 }, { "M", 1024 * 1024 }, { "G", 1024 * 1024 * 1024 },
		{ NULL, 0 } };

	if (with_unit(s, units, bytes) == -1)
		return err_set(
		    e, REASON_CONFIG, "is not a size; write a number and k, m or g, for example \"64k\"");
	return 0;
}

/* Digits and a unit; what does not fit into 62 bits is not a number either. */
static int
with_unit(struct str s, const struct unit *units, uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s.n && isdigit((unsigned char)s.p[i]); i++) {
		n = n * 10 + (uint64_t)(s.p[i] - '0');
		if (n > (UINT64_C(1) << 31) * 1000)
			return -1;
	}
	if (i == 0)
		return -1;
	for (const struct unit *u = units; u->name != NULL; u++)
		if (str_is(str_from(s, i), str_of(u->name))) {
			if (n > (UINT64_C(1) << 62) / u->factor)
				return -1;
			*out = n * u->factor;
			return 0;
		}
	return -1;
}

int
value_path(struct str s, struct err *e)
{
	const char *flaw = path_flaw(s);

	if (flaw == NULL)
		return 0;
	return err_set(e, REASON_CONFIG, "is not a path as it must be written here: %s", flaw);
}

static const char *
path_flaw(struct str s)
{
	struct str rest = s, segment;

	if (s.n == 0 || s.p[0] != '/')
		return "it begins with /";
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%')
			return "write it without %-encodings";
		if (s.p[i] == '*')
			return "it is a prefix, not a pattern; leave the * out";
		if (s.p[i] == '?' || s.p[i] == '#')
			return "leave out what begins with ? or #";
		if (!is_path_byte(s.p[i]))
			return "it has letters, digits and - . _ ~ ! $ & ' ( ) + , = : @ only";
		if (i > 0 && s.p[i] == '/' && s.p[i - 1] == '/')
			return "write one / where there are several";
	}
	while (str_next(&rest, '/', &segment))
		if (str_is(segment, STR(".")) || str_is(segment, STR("..")))
			return "write it without . and .. segments";
	return NULL;
}

/* RFC 3986 3.3: pchar, without encodings, parameters (;) and patterns (*). */
static bool
is_path_byte(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' && strchr("/-._~!$&'()+,=:@", c) != NULL);
}

bool
value_path_below(const char *path, const char *above)
{
	size_t n = strlen(above);

	if (n > 0 && above[n - 1] == '/')
		n--;
	return strncmp(path, above, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

int
value_cidr(struct str s, struct conf_cidr *out, struct err *e)
{
	char address[INET6_ADDRSTRLEN], right[INET6_ADDRSTRLEN];
	const char *slash = memchr(s.p, '/', s.n);
	struct str host = { s.p, slash == NULL ? s.n : (size_t)(slash - s.p) };
	struct in6_addr *a = &out->addr;
	uint64_t bits;
	bool v4;

	memset(a, 0, sizeof(*a));
	(void)snprintf(address, sizeof(address), "%.*s", host.n < sizeof(address) ? (int)host.n : 0, host.p);
	v4 = inet_pton(AF_INET, address, &a->s6_addr[12]) == 1;
	if (v4)
		a->s6_addr[10] = a->s6_addr[11] = 0xff;
	else if (inet_pton(AF_INET6, address, a) != 1)
		return err_set(e, REASON_CONFIG,
		    "is not a network; write an address, or one with its prefix length, for "
		    "example 10.0.0.0/8 or fd00::/8");
	bits = v4 ? 32 : 128;
	if (slash != NULL &&
	    (value_number(str_from(s, host.n + 1), &bits, e) == -1 || bits > (v4 ? 32 : 128)))
		return err_set(e, REASON_CONFIG, "has no prefix length behind its /; write a number up to %d",
		    v4 ? 32 : 128);
	out->bits = (unsigned)bits + (v4 ? 96 : 0);
	if (clear_host_bits(a, out->bits)) {
		(void)inet_ntop(
		    v4 ? AF_INET : AF_INET6, v4 ? &a->s6_addr[12] : &a->s6_addr[0], right, sizeof(right));
		return err_set(e, REASON_CONFIG,
		    "has bits set behind its prefix; write %s/%d, or %s/%d for the one address", right,
		    (int)bits, address, v4 ? 32 : 128);
	}
	return 0;
}

/* true: there were some. */
static bool
clear_host_bits(struct in6_addr *a, unsigned bits)
{
	unsigned char were = 0;

	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits <= i * 8 ? 0 : bits >= i * 8 + 8 ? 8 : bits - i * 8;
		unsigned char mask = (unsigned char)(0xff00u >> keep);

		were |= (unsigned char)(a->s6_addr[i] & ~mask);
		a->s6_addr[i] &= mask;
	}
	return were != 0;
}

int
value_address(struct str s, struct value_address *out, struct err *e)
{
	char host[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN];
	unsigned char address[16];
	struct str name = s;
	bool bracketed;
	unsigned port = 0;

	if (str_begins(s, STR("unix:")))
		return address_unix(str_from(s, 5), out, e);
	while (name.n > 0 && name.p[name.n - 1] != ':')
		name.n--;
	if (name.n == 0)
		return err_set(
		    e, REASON_CONFIG, "has no port; write ADDRESS:PORT, for example 127.0.0.1:8080 or *:443");
	if (address_port(str_from(s, name.n), &port, e) == -1)
		return -1;
	name.n--;
	bracketed = name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']';
	if (bracketed)
		name = (struct str){ name.p + 1, name.n - 2 };
	if (str_is(name, STR("*")) && !bracketed)
		name = STR("::");
	(void)snprintf(host, sizeof(host), "%.*s", name.n < sizeof(host) ? (int)name.n : 0, name.p);
	if (!bracketed && inet_pton(AF_INET, host, address) == 1)
		(void)snprintf(out->text, sizeof(out->text), "%s:%u", host, port);
	else if ((bracketed || str_is(name, STR("::"))) && inet_pton(AF_INET6, host, address) == 1 &&
		 inet_ntop(AF_INET6, address, text, sizeof(text)) != NULL)
		(void)snprintf(out->text, sizeof(out->text), "[%s]:%u", text, port);
	else
		return err_set(e, REASON_CONFIG,
		    "is not an address to listen on; write an IPv4 address, an IPv6 address in "
		    "brackets or *, then : and the port, for example 127.0.0.1:8080 or *:443");
	return 0;
}

static int
address_port(struct str s, unsigned *port, struct err *e)
{
	uint64_t n;

	if (value_number(s, &n, e) == -1 || n < 1 || n > 65535)
		return err_set(
		    e, REASON_CONFIG, "has no usable port; write a number from 1 to 65535 behind the last :");
	*port = (unsigned)n;
	return 0;
}

/* sockaddr_un has room for 107 bytes. */
static int
address_unix(struct str path, struct value_address *out, struct err *e)
{
	if (path.n < 2 || path.p[0] != '/' || path.n > 107)
		return err_set(e, REASON_CONFIG,
		    "is not a unix socket to listen on; write unix: and an absolute path of at most 107 "
		    "bytes");
	(void)snprintf(out->text, sizeof(out->text), "unix:%.*s", STR_ARG(path));
	return 0;
}

int
value_header(struct str name, struct err *e)
{
	/* RFC 9110 7.6.1 and 6.6, RFC 9112 6; Proxy-Connection and Keep-Alive are older customs. */
	static const struct str ours[] = { STR("Connection"), STR("Keep-Alive"), STR("Proxy-Connection"),
		STR("Proxy-Authenticate"), STR("Proxy-Authorization"), STR("TE"), STR("Trailer"),
		STR("Transfer-Encoding"), STR("Upgrade"), STR("HTTP2-Settings"), STR("Content-Length"),
		STR("Host"), STR("Expect"), STR("Cookie"), STR("Set-Cookie"), STR("Authorization"),
		STR("Forwarded"), STR("X-Forwarded-For"), STR("X-Forwarded-Proto"), STR("X-Forwarded-Host"),
		STR("X-Request-Id") };

	if (!value_is_token(name))
		return err_set(e, REASON_CONFIG, "is not the name of a header; write letters, digits and -");
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (value_header_same(name, ours[i]))
			return err_set(e, REASON_CONFIG,
			    "cannot be set for the upstream: %.*s belongs to the proxy; choose another name",
			    STR_ARG(ours[i]));
	return 0;
}

bool
value_header_same(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		bool plain = isalnum((unsigned char)a.p[i]) || isalnum((unsigned char)b.p[i]);

		if (plain && tolower((unsigned char)a.p[i]) != tolower((unsigned char)b.p[i]))
			return false;
	}
	return true;
}

int
value_provider_url(struct str s, struct err *e)
{
	struct url u;
	struct err why;

	if (url_parse(s, &u, &why) == -1)
		return err_set(e, REASON_CONFIG, "is not a URL as it must be written here: %s", why.text);
	if (!u.https && !url_is_loopback(&u))
		return err_set(
		    e, REASON_CONFIG, "is http; write https (http is allowed to loopback addresses only)");
	return 0;
}

int
value_strong_secret(struct str s, struct err *e)
{
	/* Values from RFCs, documentation and example files of this trade; whoever guesses tries them first.
	 */
	static const char *const published[] = { "changeme", "change-me", "change_me", "change me",
		"changethis", "change-this", "change_this", "replaceme", "replace-me", "replace_me",
		"your-256-bit-secret", "your-secret", "your_secret", "yoursecret",
		"a-string-secret-at-least-256-bits-long", "supersecret", "super-secret", "super_secret",
		"insecure", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T" };
	static const char *const beginnings[] = { "secret", "password", "passw0rd", "qwerty" };
	bool seen[256] = { false };
	size_t distinct = 0, steps = 0, period;

	if (s.n < SECRET_LEAST)
		return err_set(e, REASON_CONFIG,
		    "has %zu bytes; write at least %d, best what `workflow-proxy secret` prints", s.n,
		    SECRET_LEAST);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		distinct += seen[c] ? 0 : 1;
		seen[c] = true;
		steps += i > 0 && c == (unsigned char)s.p[i - 1] + 1 ? 1 : 0;
	}
	for (period = 1; period <= s.n / 2 && memcmp(s.p, s.p + period, s.n - period) != 0; period++)
		;
	if (distinct < 8 || steps > s.n / 2 || (period <= 8))
		return err_set(e, REASON_CONFIG,
		    "is easy to guess: too few different bytes, or a pattern; write what "
		    "`workflow-proxy secret` prints");
	for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++)
		if (holds(s, published[i]))
			return err_set(e, REASON_CONFIG,
			    "is easy to guess: it is, or holds, a published example; write what "
			    "`workflow-proxy secret` prints");
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (strncasecmp(s.p, beginnings[i], strlen(beginnings[i])) == 0)
			return err_set(e, REASON_CONFIG,
			    "is easy to guess: it begins like a word; write what `workflow-proxy secret` "
			    "prints");
	return 0;
}

static bool
holds(struct str s, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= s.n; i++)
		if (strncasecmp(s.p + i, what, n) == 0)
			return true;
	return false;
}
