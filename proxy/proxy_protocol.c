/* proxy/proxy_protocol.c - see proxy/proxy_protocol.h; the paragraphs are those of HAProxy's
 * proxy-protocol.txt */
#include <arpa/inet.h>
#include <stdint.h>

#include "proxy/proxy_protocol.h"

#define LINE_MOST   107 /* 2.1: version 1, CRLF included */
#define FIXED       16  /* 2.2: version 2 up to the addresses */
#define TLV_HEAD    3
#define TLV_CRC32C  0x03
#define TLV_SSL     0x20
#define SSL_HEAD    5    /* the flags and the result of the check of a certificate */
#define CLIENT_SSL  0x01 /* PP2_CLIENT_SSL */
#define CRC32C_POLY 0x82f63b78

static const struct str text_begins = { "PROXY ", 6 };
static const struct str binary_begins = { "\r\n\r\n\0\r\nQUIT\n", 12 };

/* What an address family and a transport make of the addresses that follow. */
struct family {
	unsigned char id;
	unsigned char size; /* of both addresses and ports */
	unsigned char
	    source; /* bytes of the client's address, which comes first; 0: no one's that is known */
};

static bool is_begun(struct str, struct str);
static enum proxy_protocol_result bad(struct err *, const char *);
static enum proxy_protocol_result text(struct str, struct proxy_protocol *, struct err *);
static enum proxy_protocol_result named_by_text(struct str, struct proxy_protocol *, struct err *);
static bool take(struct str *, struct str *);
static bool is_port(struct str);
static bool parse_address(struct str, bool, struct in6_addr *);
static enum proxy_protocol_result binary(struct str, struct proxy_protocol *, struct err *);
static enum proxy_protocol_result named_by_binary(struct str, struct proxy_protocol *, struct err *);
static const struct family *family_find(unsigned char);
static enum proxy_protocol_result appended(struct str, size_t, struct proxy_protocol *, struct err *);
static bool sum_is_right(struct str, size_t);
static unsigned number16(const char *);
static void map_ipv4(const void *, struct in6_addr *);

enum proxy_protocol_result
proxy_protocol_parse(struct str bytes, struct proxy_protocol *out, struct err *e)
{
	*out = (struct proxy_protocol){ 0 };
	if (is_begun(bytes, text_begins))
		return text(bytes, out, e);
	if (is_begun(bytes, binary_begins))
		return bytes.n < FIXED ? PROXY_PROTOCOL_MORE : binary(bytes, out, e);
	return bad(e, "the connection does not begin with one");
}

static bool
is_begun(struct str bytes, struct str with)
{
	return bytes.n < with.n ? str_begins(with, bytes) : str_begins(bytes, with);
}

static enum proxy_protocol_result
bad(struct err *e, const char *why)
{
	(void)err_set(e, REASON_BAD_PROXY_HEADER, "%s", why);
	return PROXY_PROTOCOL_BAD;
}

/* --- version 1: "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n" --- */

static enum proxy_protocol_result
text(struct str bytes, struct proxy_protocol *out, struct err *e)
{
	const char *end = memchr(bytes.p, '\n', bytes.n < LINE_MOST ? bytes.n : LINE_MOST);
	struct str line;

	if (end == NULL)
		return bytes.n < LINE_MOST ? PROXY_PROTOCOL_MORE
					   : bad(e, "its line has no end within 107 bytes");
	out->size = (size_t)(end + 1 - bytes.p);
	line = (struct str){ bytes.p + text_begins.n, out->size - text_begins.n - 1 };
	if (memchr(line.p, '\r', line.n) != line.p + line.n - 1)
		return bad(e, "its line does not end with CR and LF");
	line.n--;
	if (str_is(line, STR("UNKNOWN")) || str_begins(line, STR("UNKNOWN ")))
		return PROXY_PROTOCOL_DONE; /* whatever stands behind it is to be ignored (2.1) */
	return named_by_text(line, out, e);
}

static enum proxy_protocol_result
named_by_text(struct str line, struct proxy_protocol *out, struct err *e)
{
	struct str family, from, to, from_port;
	struct in6_addr ignored;
	bool v6;

	if (!take(&line, &family) || !take(&line, &from) || !take(&line, &to) || !take(&line, &from_port))
		return bad(e, "its line has too few fields");
	v6 = str_is(family, STR("TCP6"));
	if (!v6 && !str_is(family, STR("TCP4")))
		return bad(e, "its line names neither TCP4 nor TCP6 nor UNKNOWN");
	if (!parse_address(from, v6, &out->addr) || !parse_address(to, v6, &ignored))
		return bad(e, "its line has something else where an address belongs");
	if (!is_port(from_port) || !is_port(line))
		return bad(e, "its line has something else where a port belongs");
	out->named = true;
	return PROXY_PROTOCOL_DONE;
}

/* A field and the one space behind it. */
static bool
take(struct str *line, struct str *field)
{
	const char *space = memchr(line->p, ' ', line->n);

	if (space == NULL)
		return false;
	*field = (struct str){ line->p, (size_t)(space - line->p) };
	*line = str_from(*line, field->n + 1);
	return true;
}

/* 2.1: decimal, 0 to 65535, without leading zeroes. */
static bool
is_port(struct str s)
{
	unsigned n = 0;

	if (s.n == 0 || s.n > 5 || (s.p[0] == '0' && s.n > 1))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = n * 10 + (unsigned)(s.p[i] - '0');
	}
	return n <= 65535;
}

static bool
parse_address(struct str s, bool v6, struct in6_addr *out)
{
	char name[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (s.n >= sizeof(name) || memchr(s.p, '\0', s.n) != NULL)
		return false;
	memcpy(name, s.p, s.n);
	name[s.n] = '\0';
	if (v6)
		return inet_pton(AF_INET6, name, out) == 1;
	if (inet_pton(AF_INET, name, &v4) != 1)
		return false;
	map_ipv4(&v4, out);
	return true;
}

/* --- version 2: the signature, version and command, family, length, addresses, TLVs --- */

static enum proxy_protocol_result
binary(struct str bytes, struct proxy_protocol *out, struct err *e)
{
	unsigned char command = (unsigned char)bytes.p[12];

	if (command >> 4 != 2)
		return bad(e, "its version is not 2");
	if ((command & 0xf) > 1)
		return bad(e, "its command is neither LOCAL nor PROXY");
	out->size = FIXED + number16(bytes.p + 14);
	if (out->size > PROXY_PROTOCOL_MOST)
		return bad(e, "it is longer than 4096 bytes");
	if (bytes.n < out->size)
		return PROXY_PROTOCOL_MORE;
	if ((command & 0xf) == 0)
		return PROXY_PROTOCOL_DONE; /* LOCAL: all that follows is to be ignored */
	return named_by_binary((struct str){ bytes.p, out->size }, out, e);
}

static enum proxy_protocol_result
named_by_binary(struct str header, struct proxy_protocol *out, struct err *e)
{
	const struct family *f = family_find((unsigned char)header.p[13]);

	if (f == NULL)
		return bad(e, "its address family is none of the protocol's");
	if (header.n - FIXED < f->size)
		return bad(e, "it is too short for its addresses");
	if (f->size == 0)
		return PROXY_PROTOCOL_DONE; /* nothing says where its addresses would end */
	if (f->source == 4)
		map_ipv4(header.p + FIXED, &out->addr);
	else if (f->source == 16)
		memcpy(&out->addr, header.p + FIXED, 16);
	if (appended(header, FIXED + (size_t)f->size, out, e) == PROXY_PROTOCOL_BAD)
		return PROXY_PROTOCOL_BAD;
	out->named = f->source > 0;
	return PROXY_PROTOCOL_DONE;
}

/* 2.2: datagrams are none of ours; what is not supported counts as unknown, what is not defined is refused.
 */
static const struct family *
family_find(unsigned char id)
{
	static const struct family families[] = {
		{ 0x00, 0, 0 },   /* AF_UNSPEC */
		{ 0x11, 12, 4 },  /* TCP over IPv4 */
		{ 0x12, 12, 0 },  /* UDP over IPv4 */
		{ 0x21, 36, 16 }, /* TCP over IPv6 */
		{ 0x22, 36, 0 },  /* UDP over IPv6 */
		{ 0x31, 216, 0 }, /* a UNIX stream */
		{ 0x32, 216, 0 }, /* UNIX datagrams */
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].id == id)
			return &families[i];
	return NULL;
}

/* 2.2.1: type, length, value; of these two are for us. */
static enum proxy_protocol_result
appended(struct str header, size_t at, struct proxy_protocol *out, struct err *e)
{
	bool summed = false;

	while (at < header.n) {
		size_t n, left = header.n - at;
		const char *tlv = header.p + at;

		if (left < TLV_HEAD || (n = number16(tlv + 1)) > left - TLV_HEAD)
			return bad(e, "what is appended to it (TLV) does not fit into it");
		if (tlv[0] == TLV_CRC32C) {
			if (summed || n != 4 || !sum_is_right(header, at + TLV_HEAD))
				return bad(e, "its checksum (CRC32c) is wrong");
			summed = true;
		} else if (tlv[0] == TLV_SSL) {
			if (n < SSL_HEAD)
				return bad(e, "what it says of TLS is cut off");
			out->https = (tlv[TLV_HEAD] & CLIENT_SSL) != 0;
		}
		at += TLV_HEAD + n;
	}
	return PROXY_PROTOCOL_DONE;
}

/* 2.2.3: of the whole header, with zeroes where the sum itself stands. */
static bool
sum_is_right(struct str header, size_t at)
{
	uint32_t crc = UINT32_MAX;
	uint32_t said = (uint32_t)number16(header.p + at) << 16 | number16(header.p + at + 2);

	for (size_t i = 0; i < header.n; i++) {
		crc ^= i >= at && i < at + 4 ? 0 : (unsigned char)header.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? CRC32C_POLY : 0);
	}
	return (crc ^ UINT32_MAX) == said;
}

static unsigned
number16(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static void
map_ipv4(const void *v4, struct in6_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], v4, 4);
}
