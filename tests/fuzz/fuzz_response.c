/*
 * tests/fuzz/fuzz_response.c - an answer's head from a hostile upstream
 *
 * What is accepted must lie inside of the bytes, mean the same in pieces, and
 * leave no doubt about where it ends.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "proxy/headers.h"
#include "proxy/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct http1_head whole, other;

static void
assert_sound(const char *p, size_t n, const struct http1_head *h)
{
	assert(h->size > 0 && h->size <= n && h->n_fields <= HTTP1_FIELDS_MAX);
	assert(memcmp(p + h->size - 4, "\r\n\r\n", 4) == 0);
	assert(h->status >= 100 && h->status <= 999);
	assert(h->body != BODY_UNTIL_CLOSE || !h->keep_alive);
	assert(h->minor == 1 || h->body != BODY_CHUNKED);
	assert(!h->upgrade || (h->status == 101 && h->body == BODY_NONE));
	if (h->status < 200 || h->status == 204 || h->status == 304)
		assert(h->body == BODY_NONE);
	for (size_t i = 0; i < h->n_fields; i++) {
		const struct http1_field *f = &h->fields[i];

		assert(f->name.n > 0 && f->name.p >= p && f->name.p + f->name.n < f->value.p);
		assert(f->value.p + f->value.n + 2 <= p + h->size);
		assert(f->fold == headers_fold(f->name));
		assert(f->value.n == 0 || (memchr(f->value.p, '\n', f->value.n) == NULL &&
					      memchr(f->value.p, '\r', f->value.n) == NULL));
	}
}

static void
parse_in_two(const char *p, size_t n, size_t cut, enum http1_result result)
{
	size_t scanned = 0;
	struct err e;
	enum http1_result again = http1_parse_response(p, cut, &scanned, METHOD_GET, &other, &e);

	if (again == HTTP1_MORE)
		again = http1_parse_response(p, n, &scanned, METHOD_GET, &other, &e);
	assert(again == result || (result == HTTP1_BAD && again == HTTP1_MORE));
	if (result == HTTP1_DONE)
		assert(other.size == whole.size && other.status == whole.status && other.body == whole.body &&
		       other.content_length == whole.content_length && other.n_fields == whole.n_fields);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	size_t scanned = 0;
	struct err e;
	enum http1_result result = http1_parse_response(p, n, &scanned, METHOD_GET, &whole, &e);

	assert(result != HTTP1_BAD || e.reason == REASON_UPSTREAM_BAD_RESPONSE);
	if (result == HTTP1_DONE)
		assert_sound(p, n, &whole);
	parse_in_two(p, n, n == 0 ? 0 : data[n / 2] * n / 256, result);
	if (result != HTTP1_DONE)
		return 0;
	headers_mark_response(&whole);
	for (size_t i = 0; i < whole.n_fields; i++)
		if (whole.fields[i].id == FIELD_SET_COOKIE)
			(void)headers_sets_ours(whole.fields[i].value, STR("wf"));
	scanned = 0;
	result = http1_parse_response(p, n, &scanned, METHOD_HEAD, &other, &e);
	assert(result == HTTP1_DONE && other.body == BODY_NONE);
	return 0;
}
