/* tests/unit/test_proxy_http1_chunk.c - the chunked coding read and written, and heads written */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http1.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TEN      "0123456789"
#define SIXTY    TEN TEN TEN TEN TEN TEN
#define EXT      SIXTY SIXTY SIXTY SIXTY TEN "12345" /* 255 bytes */

/* clang-format off */
static const struct row {
	const char *raw;
	size_t n;
	enum http1_result result;
	const char *body;
	size_t behind; /* bytes that are none of the body's */
} rows[] = {
#define DONE(raw, body, behind) { raw, sizeof(raw) - 1, HTTP1_DONE, body, behind }
#define MORE(raw, body) { raw, sizeof(raw) - 1, HTTP1_MORE, body, 0 }
#define BAD(raw) { raw, sizeof(raw) - 1, HTTP1_BAD, "", 0 }
	DONE("0\r\n\r\n", "", 0),
	DONE("5\r\nhello\r\n0\r\n\r\n", "hello", 0),
	DONE("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /", "hello world", 5),
	DONE("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n\r\n", "abc", 2),
	DONE("A\r\n" TEN "\r\n0\r\n\r\n", TEN, 0),
	DONE("a\r\n" TEN "\r\n0\r\n\r\n", TEN, 0),
	DONE("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", 0),
	DONE("5\r\n\r\n\r\n\r\r\n0\r\n\r\n", "\r\n\r\n\r", 0),
	DONE("3\r\n0\r\n\r\n0\r\n\r\n", "0\r\n", 0),
	DONE("000\r\n\r\n", "", 0),
	DONE("5;\r\nhello\r\n0\r\n\r\n", "hello", 0),
	DONE("5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello", 0),
	DONE("5;a=\"b;c\" ; d\t\xff\r\nhello\r\n0\r\n\r\n", "hello", 0),
	DONE("5;" EXT "6\r\nhello\r\n0\r\n\r\n", "hello", 0),
	DONE("1;" EXT "\r\na\r\n1;" EXT "\r\nb\r\n0\r\n\r\n", "ab", 0),
	DONE("0\r\nA: b\r\n\r\n", "", 0),
	DONE("0\r\nA:\r\nB: \xe9\t c\r\n\r\nX", "", 1),
	DONE("0\r\nContent-Length: 9\r\nHost: evil\r\n\r\n", "", 0),
	MORE("", ""),
	MORE("5", ""),
	MORE("5\r", ""),
	MORE("5\r\n", ""),
	MORE("5\r\nhel", "hel"),
	MORE("5\r\nhello", "hello"),
	MORE("5\r\nhello\r", "hello"),
	MORE("5\r\nhello\r\n0\r\n", "hello"),
	MORE("0\r\nA: b\r\n\r", ""),
	MORE("ffffffffffffffff\r\nx", "x"),
	BAD("\r\n"), BAD("\n"), BAD(";a\r\n"), BAD(" 5\r\n"), BAD("\t5\r\n"), BAD("g\r\n"), BAD("G\r\n"), BAD("/\r\n"),
	BAD(":\r\n"), BAD("@\r\n"), BAD("`\r\n"), BAD("\0"), BAD("\xff"), BAD("-1\r\n"), BAD("+5\r\n"), BAD("0x5\r\n"),
	BAD("5x\r\n"), BAD("5_0\r\n"), BAD("5,5\r\n"), BAD("\"5\"\r\n"), BAD("5 \r\n"), BAD("5\t\r\n"), BAD("5 ;a\r\n"),
	BAD("5\n"), BAD("5\rh"), BAD("5\r\r\n"), BAD("5;\n"), BAD("5;a\n"), BAD("5;a\rb"), BAD("5;a\0b\r\n"), BAD("5;\x7f\r\n"),
	BAD("5;a\v\r\n"), BAD("5;" EXT "67\r\n"), BAD("10000000000000005\r\n"), BAD("00000000000000005\r\n"),
	BAD("fffffffffffffffff\r\n"), BAD("5\r\nhellox"), BAD("5\r\nhello\n"), BAD("5\r\nhello\rx"), BAD("5\r\nhello0\r\n\r\n"),
	BAD("5\r\nhello\r\n\r\n"), BAD("0\r\n\n"), BAD("0\r\n\rx"), BAD("0\n\n"), BAD("0\r\nA\r\n"), BAD("0\r\n: b\r\n"),
	BAD("0\r\nA : b\r\n"), BAD("0\r\n A: b\r\n"), BAD("0\r\nA: b\r\n c\r\n"), BAD("0\r\nA: b\n"), BAD("0\r\nA: b\rc"),
	BAD("0\r\nA: \0\r\n"), BAD("0\r\n\0"), BAD("0\r\nA(: b\r\n"), BAD("0\r\nA: \x7f\r\n"), BAD("0\r\nGET / HTTP/1.1\r\n"),
};
/* clang-format on */

struct reading {
	enum http1_result result;
	char body[64];
	size_t n, used;
};

/* One piece, in a block of just its size, until it is used up or done with. */
static void
read_piece(struct http1_chunks *c, const char *p, size_t n, struct reading *r)
{
	char *bytes = malloc(n == 0 ? 1 : n);
	struct err e = { REASON_NONE, "" };
	size_t at = 0, used = 0;
	struct str data;

	memcpy(bytes, p, n);
	do {
		r->result = http1_chunks_next(c, bytes + at, n - at, &used, &data, &e);
		if (r->result == HTTP1_BAD) {
			ck_assert_uint_eq(e.reason, REASON_BAD_FRAMING);
			ck_assert_uint_eq(data.n, 0);
			break;
		}
		ck_assert_uint_le(used, n - at);
		ck_assert(data.p >= bytes + at);
		ck_assert_uint_le((size_t)(data.p - (bytes + at)) + data.n, used);
		ck_assert_uint_le(r->n + data.n, sizeof(r->body));
		memcpy(r->body + r->n, data.p, data.n);
		r->n += data.n;
		at += used;
		ck_assert(r->result == HTTP1_DONE || used > 0 || at == n);
	} while (r->result == HTTP1_MORE && at < n);
	r->used += at;
	free(bytes);
}

static void
assert_row(const struct row *row, const struct reading *r)
{
	ck_assert_msg(
	    r->result == row->result, "%d, not %d, of: %.*s", r->result, row->result, (int)row->n, row->raw);
	if (row->result == HTTP1_BAD)
		return;
	ck_assert_uint_eq(r->n, strlen(row->body));
	ck_assert(memcmp(r->body, row->body, r->n) == 0);
	ck_assert_uint_eq(r->used, row->n - row->behind);
}

START_TEST(a_body_whole_is_what_the_table_says)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reading r = { HTTP1_MORE, "", 0, 0 };
		struct http1_chunks c;

		http1_chunks_init(&c);
		read_piece(&c, rows[i].raw, rows[i].n, &r);
		assert_row(&rows[i], &r);
	}
}
END_TEST

START_TEST(a_body_byte_by_byte_is_the_same)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reading r = { HTTP1_MORE, "", 0, 0 };
		struct http1_chunks c;

		http1_chunks_init(&c);
		for (size_t n = 0; n < rows[i].n && r.result == HTTP1_MORE; n++)
			read_piece(&c, rows[i].raw + n, 1, &r);
		assert_row(&rows[i], &r);
	}
}
END_TEST

START_TEST(a_body_cut_at_any_place_is_the_same)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t cut = 0; cut <= rows[i].n; cut++) {
			struct reading r = { HTTP1_MORE, "", 0, 0 };
			struct http1_chunks c;

			http1_chunks_init(&c);
			read_piece(&c, rows[i].raw, cut, &r);
			if (r.result == HTTP1_MORE)
				read_piece(&c, rows[i].raw + cut, rows[i].n - cut, &r);
			assert_row(&rows[i], &r);
		}
}
END_TEST

START_TEST(what_was_wrong_stays_wrong_and_what_is_done_stays_done)
{
	struct reading r = { HTTP1_MORE, "", 0, 0 };
	struct http1_chunks c;

	http1_chunks_init(&c);
	read_piece(&c, "x", 1, &r);
	for (int i = 0; i < 3; i++) {
		read_piece(&c, "0\r\n\r\n", i == 0 ? 0 : 5, &r);
		ck_assert_int_eq(r.result, HTTP1_BAD);
	}
	http1_chunks_init(&c);
	r.used = 0;
	read_piece(&c, "0\r\n\r\n", 5, &r);
	read_piece(&c, "5\r\nhello", 8, &r);
	ck_assert_int_eq(r.result, HTTP1_DONE);
	ck_assert_uint_eq(r.n, 0);
	ck_assert_uint_eq(r.used, 5);
}
END_TEST

/* Trailers of n bytes in all, line ends not counted but for their CR. */
static enum http1_result
read_trailers(size_t lines, size_t each)
{
	struct reading r = { HTTP1_MORE, "", 0, 0 };
	char *line = malloc(each + 1);
	struct http1_chunks c;

	memset(line, 'a', each);
	memcpy(line, "a:", 2);
	memcpy(line + each - 1, "\r\n", 2);
	http1_chunks_init(&c);
	read_piece(&c, "0\r\n", 3, &r);
	for (size_t i = 0; i < lines && r.result == HTTP1_MORE; i++)
		read_piece(&c, line, each + 1, &r);
	if (r.result == HTTP1_MORE)
		read_piece(&c, "\r\n", 2, &r);
	free(line);
	return r.result;
}

START_TEST(trailers_over_the_limit_are_refused)
{
	ck_assert_int_eq(read_trailers(1, 8192), HTTP1_DONE);
	ck_assert_int_eq(read_trailers(1, 8193), HTTP1_BAD);
	ck_assert_int_eq(read_trailers(512, 16), HTTP1_DONE);
	ck_assert_int_eq(read_trailers(513, 16), HTTP1_BAD);
}
END_TEST

START_TEST(a_chunk_s_head_is_written_as_it_is_read)
{
	static const struct {
		uint64_t size;
		const char *head;
	} heads[] = { { 0, "0\r\n" }, { 1, "1\r\n" }, { 15, "f\r\n" }, { 16, "10\r\n" },
		{ 0x1a2b, "1a2b\r\n" }, { UINT64_MAX, "ffffffffffffffff\r\n" } };

	for (size_t i = 0; i < COUNT(heads); i++) {
		struct str head = str_of(heads[i].head), data;
		struct http1_chunks c;
		struct err e;
		char out[20];
		size_t used;

		ck_assert(str_is((struct str){ out, http1_chunk_head(out, heads[i].size) }, head));
		http1_chunks_init(&c);
		ck_assert_int_eq(http1_chunks_next(&c, out, head.n, &used, &data, &e), HTTP1_MORE);
		ck_assert(c.left == heads[i].size);
	}
}
END_TEST

START_TEST(a_head_is_written_up_to_its_room_and_not_further)
{
	static const char expected[] = "A: b\r\nN: 18446744073709551615\r\n0";
	const size_t n = sizeof(expected) - 1;

	for (size_t cap = 0; cap <= n + 1; cap++) {
		char *p = malloc(cap == 0 ? 1 : cap);
		struct http1_out o = { p, 0, cap, false };

		http1_put_field(&o, STR("A"), STR("b"));
		http1_put(&o, STR("N: "));
		http1_put_number(&o, UINT64_MAX);
		http1_put(&o, STR("\r\n"));
		http1_put_number(&o, 0);
		http1_put(&o, (struct str){ NULL, 0 });
		ck_assert_int_eq(o.over, cap < n);
		ck_assert_uint_le(o.n, cap);
		ck_assert(memcmp(p, expected, o.n) == 0);
		ck_assert(o.over || o.n == n);
		free(p);
	}
}
END_TEST

START_TEST(a_value_that_would_begin_another_field_is_not_written)
{
	static const struct str values[] = { { "a\r\nB: c", 7 }, { "a\nB: c", 6 }, { "a\r", 2 }, { "\0", 1 },
		{ "\x7f", 1 }, { "0123456789abcdef\n", 17 } };
	char p[64];

	for (size_t i = 0; i < COUNT(values); i++) {
		struct http1_out o = { p, 0, sizeof(p), false };

		http1_put_field(&o, STR("A"), values[i]);
		ck_assert(o.over);
		ck_assert_uint_eq(o.n, 0);
		http1_put(&o, STR("more"));
		ck_assert_uint_eq(o.n, 0);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http1_chunk");
	TCase *t = tcase_create("chunks");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_body_whole_is_what_the_table_says);
	tcase_add_test(t, a_body_byte_by_byte_is_the_same);
	tcase_add_test(t, a_body_cut_at_any_place_is_the_same);
	tcase_add_test(t, what_was_wrong_stays_wrong_and_what_is_done_stays_done);
	tcase_add_test(t, trailers_over_the_limit_are_refused);
	tcase_add_test(t, a_chunk_s_head_is_written_as_it_is_read);
	tcase_add_test(t, a_head_is_written_up_to_its_room_and_not_further);
	tcase_add_test(t, a_value_that_would_begin_another_field_is_not_written);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
