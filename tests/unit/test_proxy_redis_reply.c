/* What a Redis answers: read whole or not at all, in whatever pieces it comes, and never without bounds. */
#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "proxy/redis_reply.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

/* `want`: the values as texts, each with a blank behind it; "!" where the reading ends. */
static const struct {
	const char *bytes, *want;
} rows[] = {
	{ "+OK\r\n", "OK " }, { "-ERR no\r\n", "error(ERR no) " }, { ":42\r\n:-7\r\n", "42 -7 " },
	{ "$3\r\nabc\r\n$0\r\n\r\n$-1\r\n", "abc  nil " }, { "*2\r\n$1\r\na\r\n:1\r\n", "[a 1 ] " },
	{ "*0\r\n*-1\r\n", "[] nil " },
	{ "*2\r\n*1\r\n+x\r\n*2\r\n$-1\r\n-E\r\n", "[[x ] [nil error(E) ] ] " }, { "$3\r\nab", "" },
	{ "*2\r\n$1\r\na\r\n", "" }, { "", "" }, { "HTTP/1.1 400 Bad Request\r\n", "!" },
	{ "+OK\r\n?\r\n", "OK !" },
	{ "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "!" }, { "*65537\r\n", "!" },
	{ "*2147483648\r\n", "!" }, { "*4294967297\r\n:1\r\n", "!" }, { "*9223372036854775807\r\n", "!" },
	{ "*40000\r\n*40000\r\n", "!" }, { "*-2\r\n", "!" }, { "$-2\r\n", "!" },
	{ "$9223372036854775807\r\nabc\r\n", "" }, /* never whole: the bound on bytes ends it */
};

static char *
print(const struct redis_value *v, char *to)
{
	static const char *const names[] = { "nil", "", "", "", "error" };

	switch (v->type) {
	case REDIS_NIL:
		return to + snprintf(to, 256, "nil ");
	case REDIS_TEXT:
		return to + snprintf(to, 256, "%s ", v->text.p);
	case REDIS_NUMBER:
		return to + snprintf(to, 256, "%lld ", (long long)v->number);
	case REDIS_ERROR:
		return to + snprintf(to, 256, "%s(%s) ", names[v->type], v->text.p);
	case REDIS_LIST:
		to += snprintf(to, 256, "[");
		for (size_t i = 0; i < v->n; i++)
			to = print(&v->v[i], to);
		return to + snprintf(to, 256, "] ");
	}
	return to;
}

/* All that can be read of `bytes` when they come in pieces of n. */
static void
read_all(struct str bytes, size_t n, char *out)
{
	struct redis_reader *r = redis_reader_new();
	const struct redis_value *v;
	struct mem *m;
	struct err e;
	int got = 0;

	out[0] = '\0';
	while (got == 0 && bytes.n > 0) {
		struct str piece = { bytes.p, bytes.n < n ? bytes.n : n };

		bytes = str_from(bytes, piece.n);
		ck_assert_int_eq(redis_reader_feed(r, piece, &e), 0);
		while ((got = redis_reader_next(r, &m, &v, &e)) == 1) {
			out = print(v, out);
			mem_free(&m);
		}
	}
	if (got == -1)
		(void)snprintf(out, 2, "!");
	if (got == -1)
		ck_assert_int_eq(e.reason, REASON_REDIS_DOWN);
	redis_reader_free(&r);
}

START_TEST(a_reply_is_read_in_whatever_pieces_it_comes)
{
	char got[1024];

	for (size_t n = 1; n < 64; n++) {
		read_all(str_of(rows[_i].bytes), n, got);
		ck_assert_msg(strcmp(got, rows[_i].want) == 0, "%s in pieces of %zu: got %s, want %s",
		    rows[_i].bytes, n, got, rows[_i].want);
	}
}
END_TEST

START_TEST(a_reply_without_an_end_is_given_up)
{
	static char bytes[65536];
	struct redis_reader *r = redis_reader_new();
	const struct redis_value *v;
	struct mem *m;
	struct err e;
	size_t n;

	memset(bytes, 'x', sizeof(bytes));
	ck_assert_int_eq(redis_reader_feed(r, STR("$9000000\r\n"), &e), 0);
	for (n = 0; n <= REDIS_REPLY_MAX; n += sizeof(bytes)) {
		if (redis_reader_feed(r, (struct str){ bytes, sizeof(bytes) }, &e) == -1)
			break;
		ck_assert_int_eq(redis_reader_next(r, &m, &v, &e), 0);
	}
	ck_assert_uint_le(n, REDIS_REPLY_MAX);
	ck_assert_int_eq(e.reason, REASON_REDIS_DOWN);
	redis_reader_free(&r);
}
END_TEST

START_TEST(many_replies_are_no_long_one)
{
	static char bytes[65536];
	struct redis_reader *r = redis_reader_new();
	const struct redis_value *v;
	struct mem *m;
	struct err e;
	size_t n, had = 0;

	for (n = 0; n < sizeof(bytes); n += 4)
		memcpy(bytes + n, "+x\r\n", 4);
	for (n = 0; n <= 2 * (size_t)REDIS_REPLY_MAX; n += sizeof(bytes)) {
		ck_assert_int_eq(redis_reader_feed(r, (struct str){ bytes, sizeof(bytes) }, &e), 0);
		while (redis_reader_next(r, &m, &v, &e) == 1) {
			had++;
			mem_free(&m);
		}
	}
	ck_assert_uint_eq(had, n / 4);
	redis_reader_free(&r);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/redis_reply");
	TCase *t = tcase_create("redis_reply");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, a_reply_is_read_in_whatever_pieces_it_comes, 0, ROWS(rows));
	tcase_add_test(t, a_reply_without_an_end_is_given_up);
	tcase_add_test(t, many_replies_are_no_long_one);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
