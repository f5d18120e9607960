/*
 * tests/unit/test_proxy_http1.c - heads, whole and in pieces
 *
 * The rows say what must come of their bytes: a line that says what was
 * understood, or a reason.  Every row is fed whole, byte by byte, and cut at
 * every place.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/headers.h"
#include "proxy/http1.h"
#include "tests/unit/http1_rows.h"

enum kind { REQUEST, RESPONSE };

/* What came of some bytes, as text, so that it can be compared at once. */
struct verdict {
	enum http1_result result;
	char text[512];
	size_t size;
};

static const char *const bodies[] = { "none", NULL, "chunked", "until-close" };
static const char *const method_names[] = { "other", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS",
	"PATCH" };

static void
add(char *out, size_t cap, const char *before, struct str s)
{
	size_t n = strlen(out);

	(void)snprintf(out + n, cap - n, "%s%.*s", before, STR_ARG(s));
}

static void
describe(const struct http1_head *h, enum kind kind, char *out, size_t cap)
{
	char length[32];

	out[0] = '\0';
	if (kind == RESPONSE) {
		(void)snprintf(out, cap, "%d", h->status);
	} else {
		if (h->method_id == METHOD_OTHER)
			add(out, cap, "", STR("other:"));
		else
			ck_assert(str_is(h->method, str_of(method_names[h->method_id])));
		add(out, cap, "", h->method);
		add(out, cap, " ", h->path);
		if (h->query.p != NULL)
			add(out, cap, " ?", h->query);
		add(out, cap, " ", h->host);
	}
	(void)snprintf(length, sizeof(length), "%llu", (unsigned long long)h->content_length);
	add(out, cap, h->minor == 1 ? " 1.1 " : " 1.0 ",
	    str_of(h->body == BODY_LENGTH ? length : bodies[h->body]));
	add(out, cap, "", h->keep_alive ? STR("") : STR(" close"));
	add(out, cap, "", h->upgrade ? STR(" upgrade") : STR(""));
	if (kind == REQUEST)
		add(out, cap, "", h->expect_continue ? STR(" expect") : STR(""));
	for (size_t i = 0; i < h->n_fields; i++) {
		ck_assert_uint_eq(h->fields[i].fold, headers_fold(h->fields[i].name));
		ck_assert(!h->fields[i].drop);
		if (h->fields[i].id == FIELD_OTHER) {
			add(out, cap, " ", h->fields[i].name);
			add(out, cap, "=", h->fields[i].value);
		}
	}
}

/* The bytes lie in a block of just their size, and the head is full of rubbish before. */
static struct verdict
parse(enum kind kind, const char *raw, size_t n, size_t *scanned)
{
	struct verdict v = { HTTP1_MORE, "", 0 };
	struct http1_head *h = malloc(sizeof(*h));
	char *bytes = malloc(n == 0 ? 1 : n);
	struct err e = { REASON_NONE, "" };

	memset(h, 0xa5, sizeof(*h));
	memcpy(bytes, raw, n);
	v.result = kind == REQUEST ? http1_parse_request(bytes, n, scanned, h, &e)
				   : http1_parse_response(bytes, n, scanned, METHOD_GET, h, &e);
	ck_assert_uint_eq(*scanned, v.result == HTTP1_MORE ? n : 0);
	if (v.result == HTTP1_BAD) {
		ck_assert_uint_gt(strlen(e.text), 0);
		(void)snprintf(v.text, sizeof(v.text), "%s", reason_word(e.reason));
	} else if (v.result == HTTP1_DONE) {
		describe(h, kind, v.text, sizeof(v.text));
		v.size = h->size;
	}
	free(bytes);
	free(h);
	return v;
}

static struct verdict
parse_whole(enum kind kind, const char *raw, size_t n)
{
	size_t scanned = 0;

	return parse(kind, raw, n, &scanned);
}

/* Later is allowed, but not otherwise: what is wrong without an end of head is said at the end at the latest.
 */
static void
assert_same(enum kind kind, const struct row *row, struct verdict v, size_t scanned)
{
	struct verdict whole = parse_whole(kind, row->raw, row->n);

	if (v.result == HTTP1_MORE && whole.result == HTTP1_BAD) {
		char ended[512];

		ck_assert_uint_lt(row->n + 4, sizeof(ended));
		memcpy(ended, row->raw, row->n);
		memcpy(ended + row->n, "\r\n\r\n", 4);
		v = parse(kind, ended, row->n + 4, &scanned);
	}
	ck_assert_msg(v.result == whole.result && strcmp(v.text, whole.text) == 0 && v.size == whole.size,
	    "in pieces: \"%s\", whole: \"%s\", of: %.*s", v.text, whole.text, (int)row->n, row->raw);
}

static void
check_row(enum kind kind, const struct row *row)
{
	struct verdict v = parse_whole(kind, row->raw, row->n);
	const char *expected = row->bad != REASON_NONE ? reason_word(row->bad)
			       : row->means == NULL    ? ""
						       : row->means;

	ck_assert_msg(strcmp(v.text, expected) == 0, "\"%s\", not \"%s\", of: %.*s", v.text, expected,
	    (int)row->n, row->raw);
	ck_assert_int_eq(v.result, row->bad != REASON_NONE ? HTTP1_BAD
				   : row->means == NULL    ? HTTP1_MORE
							   : HTTP1_DONE);
}

static void
feed_bytes(enum kind kind, const struct row *row)
{
	size_t scanned = 0;
	struct verdict v = { HTTP1_MORE, "", 0 };

	for (size_t n = 0; n <= row->n && v.result == HTTP1_MORE; n++)
		v = parse(kind, row->raw, n, &scanned);
	assert_same(kind, row, v, scanned);
}

static void
feed_two(enum kind kind, const struct row *row, size_t cut)
{
	size_t scanned = 0;
	struct verdict v = parse(kind, row->raw, cut, &scanned);

	if (v.result == HTTP1_MORE)
		v = parse(kind, row->raw, row->n, &scanned);
	assert_same(kind, row, v, scanned);
}

START_TEST(every_request_is_understood_or_refused_as_the_table_says)
{
	ck_assert_uint_ge(COUNT(requests), 200);
	for (size_t i = 0; i < COUNT(requests); i++)
		check_row(REQUEST, &requests[i]);
}
END_TEST

START_TEST(received_fields_are_sent_on_as_they_are_or_made_canonical)
{
	static const char text[] =
	    "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC:3\r\nD: 4 \r\nE:  5\r\nF: 6\r\nG: 7\r\n\r\n";
	static struct http1_head h;
	char bytes[256];
	struct http1_out o = { bytes, 0, sizeof(bytes), false };
	struct str run = { NULL, 0 };
	size_t scanned = 0;
	struct err e;

	ck_assert_int_eq(http1_parse_request(text, sizeof(text) - 1, &scanned, &h, &e), HTTP1_DONE);
	for (size_t i = 0; i < h.n_fields; i++)
		if (!str_is(h.fields[i].name, STR("F")))
			http1_copy_field(&o, &run, &h.fields[i]);
	http1_copy_end(&o, &run);
	ck_assert(!o.over);
	ck_assert(str_is(
	    (struct str){ bytes, o.n }, STR("Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nG: 7\r\n")));
	o = (struct http1_out){ bytes, 0, 20, false };
	for (size_t i = 0; i < h.n_fields; i++)
		http1_copy_field(&o, &run, &h.fields[i]);
	http1_copy_end(&o, &run);
	ck_assert(o.over && o.n <= 20);
}
END_TEST

START_TEST(every_response_is_understood_or_refused_as_the_table_says)
{
	for (size_t i = 0; i < COUNT(responses); i++)
		check_row(RESPONSE, &responses[i]);
}
END_TEST

START_TEST(heads_in_pieces_mean_what_they_mean_whole)
{
	for (size_t i = 0; i < COUNT(requests) + COUNT(responses); i++) {
		enum kind kind = i < COUNT(requests) ? REQUEST : RESPONSE;
		const struct row *row = kind == REQUEST ? &requests[i] : &responses[i - COUNT(requests)];

		feed_bytes(kind, row);
		for (size_t cut = 0; cut <= row->n; cut++)
			feed_two(kind, row, cut);
	}
}
END_TEST

START_TEST(size_ends_with_the_empty_line)
{
	ck_assert_uint_eq(parse_whole(REQUEST, "\r\n" G "\r\nGET", strlen("\r\n" G "\r\nGET")).size,
	    strlen("\r\n" G "\r\n"));
	ck_assert_uint_eq(
	    parse_whole(RESPONSE, REPLY "\r\nbody", strlen(REPLY "\r\nbody")).size, strlen(REPLY "\r\n"));
}
END_TEST

START_TEST(bytes_already_searched_are_not_searched_again)
{
	size_t scanned = strlen(G "\r\n");

	ck_assert_int_eq(parse(REQUEST, G "\r\n", strlen(G "\r\n"), &scanned).result, HTTP1_MORE);
	/* The end may begin among them. */
	for (scanned = strlen(G) - 1; scanned < strlen(G "\r\n");) {
		size_t from = scanned;

		ck_assert_int_eq(parse(REQUEST, G "\r\n", strlen(G "\r\n"), &scanned).result, HTTP1_DONE);
		scanned = from + 1;
	}
}
END_TEST

START_TEST(a_bare_line_feed_is_refused_when_it_comes)
{
	static const char raw[] = G "A: b\n";
	size_t scanned = 0;

	ck_assert_int_eq(parse(REQUEST, raw, strlen(raw) - 1, &scanned).result, HTTP1_MORE);
	ck_assert_str_eq(parse(REQUEST, raw, strlen(raw), &scanned).text, "bad_request");
}
END_TEST

/* Put every byte at every place of one part of a head: behind `before`, `n` places long. */
static void
judge_bytes(const char *before, size_t n, const char *behind, bool (*good)(unsigned char))
{
	char raw[160];
	size_t size = strlen(before) + n + strlen(behind);

	for (size_t at = 0; at < n; at++)
		for (int b = 0; b < 256; b++) {
			memcpy(raw, before, strlen(before));
			memset(raw + strlen(before), 'a', n);
			memcpy(raw + strlen(before) + n, behind, strlen(behind));
			raw[strlen(before) + at] = (char)b;
			ck_assert_msg(
			    (parse_whole(REQUEST, raw, size).result == HTTP1_DONE) == good((unsigned char)b),
			    "byte 0x%02x at %zu behind %s", (unsigned)b, at, before);
		}
}

static bool
is_value_byte(unsigned char b)
{
	return b == '\t' || (b >= 0x20 && b != 0x7f);
}

static bool
is_name_byte(unsigned char b)
{
	return b != 0 &&
	       strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b) !=
		   NULL;
}

/* A colon ends the name and begins the value earlier. */
static bool
is_name_byte_or_colon(unsigned char b)
{
	return b == ':' || is_name_byte(b);
}

static bool
is_path_byte(unsigned char b)
{
	return b > 0x20 && b < 0x7f && b != '#' && b != '\\';
}

static bool
is_query_byte(unsigned char b)
{
	return b > 0x20 && b < 0x7f && b != '#';
}

START_TEST(every_byte_of_a_head_is_judged_wherever_it_stands)
{
	judge_bytes(G "A: x", 40, "x" E, is_value_byte);
	judge_bytes(G "x", 40, "x: y" E, is_name_byte_or_colon);
	judge_bytes("G", 3, " / HTTP/1.1\r\n" H "\r\n", is_name_byte);
	judge_bytes("GET /", 40, "x HTTP/1.1\r\n" H "\r\n", is_path_byte);
	judge_bytes("GET /?", 40, "x HTTP/1.1\r\n" H "\r\n", is_query_byte);
}
END_TEST

START_TEST(heads_of_answers_to_head_have_no_body)
{
	static const char *const raw[] = { REPLY "Content-Length: 5" E, REPLY "Transfer-Encoding: chunked" E,
		REPLY "\r\n" };
	struct http1_head h;
	struct err e;

	for (size_t i = 0; i < COUNT(raw); i++) {
		size_t scanned = 0;

		ck_assert_int_eq(
		    http1_parse_response(raw[i], strlen(raw[i]), &scanned, METHOD_HEAD, &h, &e), HTTP1_DONE);
		ck_assert_int_eq(h.body, BODY_NONE);
		ck_assert(h.keep_alive);
		ck_assert_uint_eq(h.content_length, i == 0 ? 5 : 0);
	}
}
END_TEST

/* n fields besides Host */
static struct verdict
parse_fields(enum kind kind, size_t n)
{
	char *raw = malloc(64 + 16 * n);
	struct http1_out o = { raw, 0, 64 + 16 * n, false };
	struct verdict v;

	http1_put(&o, kind == REQUEST ? STR(G) : STR("HTTP/1.1 204 x\r\n"));
	for (size_t i = 0; i < n; i++)
		http1_put(&o, STR("x:y\r\n"));
	http1_put(&o, STR("\r\n"));
	v = parse_whole(kind, raw, o.n);
	free(raw);
	return v;
}

START_TEST(more_fields_than_there_is_room_for_are_refused)
{
	ck_assert_int_eq(parse_fields(REQUEST, HTTP1_FIELDS_MAX - 1).result, HTTP1_DONE);
	ck_assert_str_eq(parse_fields(REQUEST, HTTP1_FIELDS_MAX).text, "header_too_large");
	ck_assert_int_eq(parse_fields(RESPONSE, HTTP1_FIELDS_MAX).result, HTTP1_DONE);
	ck_assert_str_eq(parse_fields(RESPONSE, HTTP1_FIELDS_MAX + 1).text, "upstream_bad_response");
}
END_TEST

/* "GET /aaa HTTP/1.1" of n bytes; `cut`: only these arrive. */
static struct verdict
parse_line(size_t n, size_t cut)
{
	static const char behind[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
	size_t target = n - strlen("GET  HTTP/1.1"), size = strlen("GET ") + target + strlen(behind);
	char *raw = malloc(size);
	struct verdict v;

	memset(raw, 'a', size);
	memcpy(raw, "GET /", 5);
	memcpy(raw + size - strlen(behind), behind, strlen(behind));
	v = parse_whole(REQUEST, raw, cut < size ? cut : size);
	free(raw);
	return v;
}

START_TEST(a_request_line_over_the_limit_is_refused_before_it_ends)
{
	ck_assert_int_eq(parse_line(HTTP1_REQUEST_LINE_MAX, SIZE_MAX).result, HTTP1_DONE);
	ck_assert_str_eq(parse_line(HTTP1_REQUEST_LINE_MAX + 1, SIZE_MAX).text, "header_too_large");
	ck_assert_int_eq(
	    parse_line(2 * HTTP1_REQUEST_LINE_MAX, HTTP1_REQUEST_LINE_MAX - 9).result, HTTP1_MORE);
	ck_assert_str_eq(
	    parse_line(2 * HTTP1_REQUEST_LINE_MAX, HTTP1_REQUEST_LINE_MAX).text, "header_too_large");
}
END_TEST

static const struct {
	const char *name;
	const char *id;
} names[] = { { "", "OTHER" },
#define X(id, name) { name, #id },
	HTTP1_FIELD_NAMES(X)
#undef X
};

/* For whoever adds a name: what http1.c then needs. */
static void
print_slots(void)
{
	const unsigned bits = 7;

	for (uint32_t mix = 0x9e3779b1, taken[128] = { 0 }; mix > 1;
	     mix += 2, memset(taken, 0, sizeof(taken))) {
		size_t i = 1;

		while (i < COUNT(names) &&
		       taken[headers_fold(str_of(names[i].name)) * mix >> (32 - bits)] == 0) {
			taken[headers_fold(str_of(names[i].name)) * mix >> (32 - bits)] = (uint32_t)i;
			i++;
		}
		if (i < COUNT(names))
			continue;
		(void)printf("#define SLOTS_MIX  0x%xu\n", mix);
		for (i = 0; i < COUNT(taken); i++)
			if (taken[i] != 0)
				(void)printf("\t[%zu] = FIELD_%s,\n", i, names[taken[i]].id);
		return;
	}
}

static enum field_id
id_of(const char *name)
{
	struct http1_head h;
	char raw[256];
	size_t scanned = 0;
	struct err e;
	int n = snprintf(raw, sizeof(raw), REPLY "A: b\r\n%s: 1" E, name);

	/* What it means is not the question: 1 is no coding, and no length of an answer of status 200 that is
	 * wrong. */
	if (strcasecmp(name, "transfer-encoding") == 0)
		n = snprintf(raw, sizeof(raw), REPLY "A: b\r\n%s: chunked" E, name);
	ck_assert_int_eq(http1_parse_response(raw, (size_t)n, &scanned, METHOD_GET, &h, &e), HTTP1_DONE);
	ck_assert_uint_eq(h.n_fields, 2);
	if (h.fields[1].id != FIELD_OTHER) {
		ck_assert_uint_eq(h.index[h.fields[1].id], 2);
		ck_assert_ptr_eq(http1_get(&h, h.fields[1].id), &h.fields[1]);
	}
	return h.fields[1].id;
}

START_TEST(every_field_name_has_a_slot_of_its_own)
{
	for (size_t id = 1; id < FIELD_COUNT; id++) {
		char name[64];
		size_t n = strlen(names[id].name);

		if (id_of(names[id].name) != id)
			print_slots();
		ck_assert_msg(id_of(names[id].name) == id, "%s is not recognised", names[id].name);
		for (unsigned cases = 0; cases < 4; cases++) {
			for (size_t i = 0; i <= n; i++) {
				char c = names[id].name[i];

				name[i] = c >= 'a' && c <= 'z' && (cases == 3 || i % 2 == cases)
					      ? (char)(c - 32)
					      : c;
			}
			ck_assert_uint_eq(id_of(name), id);
		}
	}
}
END_TEST

START_TEST(other_spellings_are_other_fields)
{
	for (size_t id = 1; id < FIELD_COUNT; id++) {
		char name[64], *dash;

		(void)snprintf(name, sizeof(name), "%s", names[id].name);
		if ((dash = strchr(name, '-')) != NULL) {
			*dash = '_';
			ck_assert_uint_eq(id_of(name), FIELD_OTHER);
		}
		(void)snprintf(name, sizeof(name), "%sx", names[id].name);
		ck_assert_uint_eq(id_of(name), FIELD_OTHER);
		(void)snprintf(name, sizeof(name), "x%s", names[id].name);
		ck_assert_uint_eq(id_of(name), FIELD_OTHER);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http1");
	TCase *t = tcase_create("heads");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_test(t, received_fields_are_sent_on_as_they_are_or_made_canonical);
	tcase_add_test(t, every_request_is_understood_or_refused_as_the_table_says);
	tcase_add_test(t, every_response_is_understood_or_refused_as_the_table_says);
	tcase_add_test(t, heads_in_pieces_mean_what_they_mean_whole);
	tcase_add_test(t, size_ends_with_the_empty_line);
	tcase_add_test(t, bytes_already_searched_are_not_searched_again);
	tcase_add_test(t, a_bare_line_feed_is_refused_when_it_comes);
	tcase_add_test(t, every_byte_of_a_head_is_judged_wherever_it_stands);
	tcase_add_test(t, heads_of_answers_to_head_have_no_body);
	tcase_add_test(t, more_fields_than_there_is_room_for_are_refused);
	tcase_add_test(t, a_request_line_over_the_limit_is_refused_before_it_ends);
	tcase_add_test(t, every_field_name_has_a_slot_of_its_own);
	tcase_add_test(t, other_spellings_are_other_fields);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
