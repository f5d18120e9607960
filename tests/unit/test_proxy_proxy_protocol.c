/* What a balancer says ahead of its client's bytes: exactly what the protocol allows, and not one byte more.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "proxy/proxy_protocol.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define BYTES(text) ((struct str){ text, sizeof(text) - 1 })
#define SIGNATURE   "\r\n\r\n\0\r\nQUIT\n"
#define ENDS4       "\xc0\0\2\7\xc6\x33\x64\1\xdc\4\1\xbb" /* 192.0.2.7:56324 -> 198.51.100.1:443 */
#define V6_BEGINS   "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0"
#define ENDS6       V6_BEGINS "\7" V6_BEGINS "\1\xdc\4\1\xbb"
#define ENDS_UNIX   "/run/client.sock"
#define Z16         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define LONG_LINE   "11111111111111111111111111111111111111111111111111111111111111111111111111111111111"

/* `want`: the client's address; "-" where nobody is named; with " tls" behind it. */
static const struct {
	struct str bytes;
	const char *want;
} good[] = {
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"), "192.0.2.7" },
	{ BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255" },
	{ BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "0.0.0.0" },
	{ BYTES("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n"), "2001:db8::7" },
	{ BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		"65535 65535\r\n"),
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ BYTES("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"), "192.0.2.7" },
	{ BYTES("PROXY UNKNOWN\r\n"), "-" },
	{ BYTES("PROXY UNKNOWN \r\n"), "-" },
	{ BYTES("PROXY UNKNOWN ffff::1 \t\0 whatever, to be ignored\r\n"), "-" },
	{ BYTES("PROXY UNKNOWN " LONG_LINE "12345678\r\n"), "-" }, /* 107 bytes */

	{ BYTES(SIGNATURE "\x21\x11\0\x0c" ENDS4), "192.0.2.7" },
	{ BYTES(SIGNATURE "\x21\x21\0\x24" ENDS6), "2001:db8::7" },
	{ BYTES(SIGNATURE "\x20\0\0\0"), "-" },
	{ BYTES(SIGNATURE "\x20\x11\0\x0c" ENDS4), "-" }, /* LOCAL: its addresses are ignored, */
	{ BYTES(SIGNATURE "\x20\xff\0\5hello"), "-" },    /* whatever they are */
	{ BYTES(SIGNATURE "\x21\0\0\0"), "-" },
	{ BYTES(SIGNATURE "\x21\0\0\5hello"), "-" },
	{ BYTES(SIGNATURE "\x21\x12\0\x0c" ENDS4), "-" }, /* datagrams do not make a connection */
	{ BYTES(SIGNATURE "\x21\x22\0\x24" ENDS6), "-" },
	{ BYTES(SIGNATURE "\x21\x31\0\xd8" Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 "12345678"),
	    "-" },
	{ BYTES(SIGNATURE "\x21\x32\0\xd8" Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 Z16 "12345678"),
	    "-" },
	{ BYTES(SIGNATURE "\x21\x11\0\x0f" ENDS4 "\4\0\0"), "192.0.2.7" },
	{ BYTES(SIGNATURE "\x21\x11\0\x15" ENDS4 "\xea\0\3\1vp\4\0\0"), "192.0.2.7" },
	{ BYTES(SIGNATURE "\x21\x11\0\x18" ENDS4 "\3\0\4\x81\xd9\x1c\x30\4\0\2\0\0"), "192.0.2.7" },
	{ BYTES(SIGNATURE "\x21\x11\0\x1c" ENDS4 "\4\0\2ab\3\0\4\x78\x6f\x34\x91\xea\0\1\1"), "192.0.2.7" },
	{ BYTES(SIGNATURE "\x21\x11\0\x14" ENDS4 "\x20\0\5\1\0\0\0\0"), "192.0.2.7 tls" },
	{ BYTES(SIGNATURE "\x21\x11\0\x1e" ENDS4 "\x20\0\x0f\7\0\0\0\0\x21\0\7TLSv1.3"), "192.0.2.7 tls" },
	{ BYTES(SIGNATURE "\x21\x21\0\x2c" ENDS6 "\x20\0\5\6\0\0\0\0"), "2001:db8::7" },
};

/* `why`: words that the sentence has. */
static const struct {
	struct str bytes;
	const char *why;
} wrong[] = {
	{ BYTES("GET / HTTP/1.1\r\n"), "does not begin" },
	{ BYTES("POST / HTTP/1.1\r\n"), "does not begin" },
	{ BYTES("PROXY\tTCP4 192.0.2.7 198.51.100.1 1 2\r\n"), "does not begin" },
	{ BYTES("proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n"), "does not begin" },
	{ BYTES(" PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n"), "does not begin" },
	{ BYTES("\x16\x03\x01"), "does not begin" },
	{ BYTES("\r\n\r\nGET"), "does not begin" },
	{ BYTES("\r\n\r\n\0\r\nQUIT\r\x21\x11\0\x0c" ENDS4), "does not begin" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n"), "CR and LF" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\r\n"), "CR and LF" },
	{ BYTES("PROXY UNKNOWN\n"), "CR and LF" },
	{ BYTES("PROXY UNKNOWN a\rb\r\n"), "CR and LF" },
	{ BYTES("PROXY \n"), "CR and LF" },
	{ BYTES("PROXY \r\n"), "too few" },
	{ BYTES("PROXY TCP4\r\n"), "too few" },
	{ BYTES("PROXY TCP4 192.0.2.7\r\n"), "too few" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1\r\n"), "too few" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n"), "too few" },
	{ BYTES("PROXY UNKNOWN " LONG_LINE "123456789\r\n"), "no end" }, /* 108 bytes */
	{ BYTES("PROXY UNKNOWNS 192.0.2.7 198.51.100.1 1 2\r\n"), "neither" },
	{ BYTES("PROXY tcp4 192.0.2.7 198.51.100.1 1 2\r\n"), "neither" },
	{ BYTES("PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n"), "neither" },
	{ BYTES("PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 0xc0.0.2.7 198.51.100.1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 192.0.2.7\0x 198.51.100.1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1x 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 2001:db8::7 198.51.100.1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 192.0.2.7 2001:db8::1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP6 192.0.2.7 2001:db8::1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP6 fe80::1%lo 2001:db8::1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP6 [2001:db8::7] 2001:db8::1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP6 0000000000000000000000000000000000000000000007 ::1 1 2\r\n"), "address" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n"), "port" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n"), "port" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 100000\r\n"), "port" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 4294967297\r\n"), "port" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n"), "port" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n"), "port" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n"), "port" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1  2\r\n"), "port" },
	{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 1 \r\n"), "port" },

	{ BYTES(SIGNATURE "\x11\x11\0\x0c" ENDS4), "version" },
	{ BYTES(SIGNATURE "\x31\x11\0\x0c" ENDS4), "version" },
	{ BYTES(SIGNATURE "\x22\x11\0\x0c" ENDS4), "command" },
	{ BYTES(SIGNATURE "\x2f\x11\0\x0c" ENDS4), "command" },
	{ BYTES(SIGNATURE "\x21\x11\x0f\xf1"), "4096" },
	{ BYTES(SIGNATURE "\x20\0\xff\xff"), "4096" },
	{ BYTES(SIGNATURE "\x21\x10\0\x0c" ENDS4), "family" },
	{ BYTES(SIGNATURE "\x21\x13\0\x0c" ENDS4), "family" },
	{ BYTES(SIGNATURE "\x21\x41\0\x0c" ENDS4), "family" },
	{ BYTES(SIGNATURE "\x21\1\0\0"), "family" },
	{ BYTES(SIGNATURE "\x21\x11\0\x0b\xc0\0\2\7\xc6\x33\x64\1\xdc\4\1"), "too short" },
	{ BYTES(SIGNATURE "\x21\x21\0\x0c" ENDS4), "too short" },
	{ BYTES(SIGNATURE "\x21\x31\0\x0c" ENDS4), "too short" },
	{ BYTES(SIGNATURE "\x21\x11\0\0"), "too short" },
	{ BYTES(SIGNATURE "\x21\x11\0\x0d" ENDS4 "\4"), "TLV" },
	{ BYTES(SIGNATURE "\x21\x11\0\x0e" ENDS4 "\4\0"), "TLV" },
	{ BYTES(SIGNATURE "\x21\x11\0\x0f" ENDS4 "\4\0\1"), "TLV" },
	{ BYTES(SIGNATURE "\x21\x11\0\x0f" ENDS4 "\4\xff\xff"), "TLV" },
	{ BYTES(SIGNATURE "\x21\x11\0\x18" ENDS4 "\3\0\4\x81\xd9\x1c\x31\4\0\2\0\0"), "checksum" },
	{ BYTES(SIGNATURE "\x21\x11\0\x18" ENDS4 "\3\0\4\x81\xd9\x1c\x30\4\0\2\0\1"), "checksum" },
	{ BYTES(SIGNATURE "\x21\x11\0\x12" ENDS4 "\3\0\3\1\2\3"), "checksum" },
	{ BYTES(SIGNATURE "\x21\x11\0\x14" ENDS4 "\3\0\5\1\2\3\4\5"), "checksum" },
	{ BYTES(SIGNATURE "\x21\x11\0\x13" ENDS4 "\x20\0\4\1\0\0\0"), "TLS" },
};

/* Exactly as large as they are, so that a sanitizer sees a read past their end. */
static enum proxy_protocol_result
parse(struct str bytes, struct proxy_protocol *out, struct err *e)
{
	char *copy = malloc(bytes.n + 1);
	enum proxy_protocol_result got;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy + 1, bytes.p, bytes.n); /* at an odd address, too */
	got = proxy_protocol_parse((struct str){ copy + 1, bytes.n }, out, e);
	free(copy);
	return got;
}

static void
expect(struct str bytes, size_t size, const char *want)
{
	struct proxy_protocol got;
	char said[INET6_ADDRSTRLEN + 8] = "-", *name = said;
	struct err e = { 0 };
	bool v4;

	ck_assert_msg(parse(bytes, &got, &e) == PROXY_PROTOCOL_DONE, "%s: %s", want, e.text);
	ck_assert_uint_eq(got.size, size);
	v4 = IN6_IS_ADDR_V4MAPPED(&got.addr);
	if (got.named)
		ck_assert_ptr_nonnull(inet_ntop(
		    v4 ? AF_INET : AF_INET6, &got.addr.s6_addr[v4 ? 12 : 0], said, INET6_ADDRSTRLEN));
	name += strlen(name);
	if (got.https)
		memcpy(name, " tls", 5);
	ck_assert_str_eq(said, want);
}

START_TEST(a_header_says_whose_connection_it_is)
{
	expect(good[_i].bytes, good[_i].bytes.n, good[_i].want);
}
END_TEST

START_TEST(a_header_is_whole_with_its_last_byte_and_not_before)
{
	struct proxy_protocol got;
	struct err e;

	for (size_t n = 0; n < good[_i].bytes.n; n++)
		ck_assert_msg(parse((struct str){ good[_i].bytes.p, n }, &got, &e) == PROXY_PROTOCOL_MORE,
		    "row %d at %zu", _i, n);
}
END_TEST

/* Its client's, which begin like anything: another header, a new line. */
START_TEST(what_follows_a_header_is_none_of_its)
{
	static const struct str rests[] = { { "GET / HTTP/1.1\r\n\r\n", 18 }, { "\r\n", 2 }, { "\n", 1 },
		{ "\0", 1 }, { "\x16\x03\x01\x02", 4 }, { "PROXY TCP4 203.0.113.9 203.0.113.9 1 2\r\n", 40 },
		{ SIGNATURE "\x21\x11\0\x0c" ENDS4, 28 } };

	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		char bytes[512];
		size_t n = good[_i].bytes.n;

		memcpy(bytes, good[_i].bytes.p, n);
		memcpy(bytes + n, rests[i].p, rests[i].n);
		expect((struct str){ bytes, n + rests[i].n }, n, good[_i].want);
	}
}
END_TEST

START_TEST(anything_else_is_refused_and_never_taken_for_one_in_pieces)
{
	struct str all = wrong[_i].bytes;
	struct proxy_protocol got;
	struct err e;

	for (size_t n = 0; n < all.n; n++)
		ck_assert_msg(
		    parse((struct str){ all.p, n }, &got, &e) != PROXY_PROTOCOL_DONE, "row %d at %zu", _i, n);
	ck_assert_msg(parse(all, &got, &e) == PROXY_PROTOCOL_BAD, "row %d", _i);
	ck_assert_int_eq(e.reason, REASON_BAD_PROXY_HEADER);
	ck_assert_msg(strstr(e.text, wrong[_i].why) != NULL, "row %d: %s", _i, e.text);
	ck_assert(!got.named);
}
END_TEST

/* The largest that is read, to its last byte; what it promises beyond is refused before it comes. */
START_TEST(a_header_has_at_most_4096_bytes)
{
	static char bytes[PROXY_PROTOCOL_MOST] = SIGNATURE "\x21\x11\x0f\xf0" ENDS4 "\4\x0f\xe1";
	struct proxy_protocol got;
	struct err e;

	expect((struct str){ bytes, sizeof(bytes) }, sizeof(bytes), "192.0.2.7");
	ck_assert_int_eq(parse((struct str){ bytes, sizeof(bytes) - 1 }, &got, &e), PROXY_PROTOCOL_MORE);
}
END_TEST

START_TEST(a_line_without_an_end_is_given_up_at_107_bytes)
{
	static const char line[] = "PROXY UNKNOWN " LONG_LINE LONG_LINE;
	struct proxy_protocol got;
	struct err e;

	ck_assert_int_eq(parse((struct str){ line, 106 }, &got, &e), PROXY_PROTOCOL_MORE);
	ck_assert_int_eq(parse((struct str){ line, 107 }, &got, &e), PROXY_PROTOCOL_BAD);
}
END_TEST

/* Although both are right: each covers the other. */
START_TEST(a_second_checksum_is_refused)
{
	struct str bytes =
	    BYTES(SIGNATURE "\x21\x11\0\x1a" ENDS4 "\3\0\4\x1a\x89\x35\xed\3\0\4\x4c\x09\xc1\x0a");
	struct proxy_protocol got;
	struct err e;

	ck_assert_int_eq(parse(bytes, &got, &e), PROXY_PROTOCOL_BAD);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/proxy_protocol");
	TCase *t = tcase_create("proxy_protocol");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, a_header_says_whose_connection_it_is, 0, ROWS(good));
	tcase_add_loop_test(t, a_header_is_whole_with_its_last_byte_and_not_before, 0, ROWS(good));
	tcase_add_loop_test(t, what_follows_a_header_is_none_of_its, 0, ROWS(good));
	tcase_add_loop_test(t, anything_else_is_refused_and_never_taken_for_one_in_pieces, 0, ROWS(wrong));
	tcase_add_test(t, a_header_has_at_most_4096_bytes);
	tcase_add_test(t, a_line_without_an_end_is_given_up_at_107_bytes);
	tcase_add_test(t, a_second_checksum_is_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
