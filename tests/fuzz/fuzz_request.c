/*
 * tests/fuzz/fuzz_request.c - a request head from anybody
 *
 * What is accepted must lie inside of the bytes, mean the same in pieces, and
 * come out of our own writing as the same request.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/headers.h"
#include "proxy/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct http1_head whole, other;

static void
assert_inside(const char *p, size_t n, struct str s)
{
	assert(s.n == 0 || (s.p >= p && s.p + s.n <= p + n));
}

static void
assert_sound(const char *p, size_t n, const struct http1_head *h)
{
	assert(h->size > 0 && h->size <= n && h->n_fields >= 1 && h->n_fields <= HTTP1_FIELDS_MAX);
	assert(memcmp(p + h->size - 4, "\r\n\r\n", 4) == 0);
	assert_inside(p, h->size, h->method);
	assert_inside(p, h->size, h->target);
	assert_inside(p, h->size, h->query);
	assert_inside(p, h->size, h->host);
	assert(h->host.n > 0 && h->method.n > 0 && h->path.n > 0);
	assert(h->path.p[0] == '/' || str_is(h->path, STR("*")));
	assert(h->minor == 1 || (h->body != BODY_CHUNKED && !h->upgrade && !h->expect_continue));
	assert(!h->upgrade || (h->body != BODY_CHUNKED && h->content_length == 0));
	for (size_t i = 0; i < h->n_fields; i++) {
		const struct http1_field *f = &h->fields[i];

		assert_inside(p, h->size, f->name);
		assert_inside(p, h->size, f->value);
		assert(f->name.n > 0 && memchr(f->name.p, ':', f->name.n) == NULL);
		assert(f->fold == headers_fold(f->name));
		assert(f->value.n == 0 || (memchr(f->value.p, '\n', f->value.n) == NULL &&
					      memchr(f->value.p, '\r', f->value.n) == NULL &&
					      memchr(f->value.p, '\0', f->value.n) == NULL));
	}
}

static void
assert_equal(const struct http1_head *a, const struct http1_head *b)
{
	assert(str_is(a->method, b->method) && str_is(a->path, b->path) && str_is(a->query, b->query));
	assert(str_is(a->host, b->host) && a->minor == b->minor && a->body == b->body);
	assert(a->content_length == b->content_length && a->keep_alive == b->keep_alive &&
	       a->upgrade == b->upgrade);
	assert(a->n_fields == b->n_fields && memcmp(a->index, b->index, sizeof(a->index)) == 0);
	for (size_t i = 0; i < a->n_fields; i++)
		assert(str_is(a->fields[i].name, b->fields[i].name) &&
		       str_is(a->fields[i].value, b->fields[i].value) && a->fields[i].id == b->fields[i].id);
}

/* As the road does it: nothing of the bytes is copied but names and values. */
static void
write_and_read_again(const struct http1_head *h, size_t n)
{
	struct http1_out o = { malloc(4 * n + 1024), 0, 4 * n + 1024, false };
	size_t scanned = 0;
	struct err e;

	http1_put(&o, h->method);
	http1_put(&o, STR(" "));
	http1_put(&o, h->path);
	if (h->query.p != NULL) {
		http1_put(&o, STR("?"));
		http1_put(&o, h->query);
	}
	http1_put(&o, h->minor == 1 ? STR(" HTTP/1.1\r\n") : STR(" HTTP/1.0\r\n"));
	for (size_t i = 0; i < h->n_fields; i++)
		http1_put_field(&o, h->fields[i].name, h->fields[i].value);
	http1_put(&o, STR("\r\n"));
	assert(!o.over);
	/* The line may be longer than it was by nothing but the path's '/'. */
	if (http1_parse_request(o.p, o.n, &scanned, &other, &e) == HTTP1_DONE)
		assert_equal(h, &other);
	else
		assert(e.reason == REASON_HEADER_TOO_LARGE);
	free(o.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct headers_guard *guard;
	static const struct conf conf;
	const char *p = (const char *)data;
	size_t scanned = 0, cut = n == 0 ? 0 : data[n / 2] * n / 256;
	struct err e;
	enum http1_result result = http1_parse_request(p, n, &scanned, &whole, &e), again;

	assert(scanned == (result == HTTP1_MORE ? n : 0));
	if (result == HTTP1_DONE) {
		assert_sound(p, n, &whole);
		write_and_read_again(&whole, n);
	}
	again = http1_parse_request(p, cut, (scanned = 0, &scanned), &other, &e);
	if (again == HTTP1_MORE)
		again = http1_parse_request(p, n, &scanned, &other, &e);
	assert(again == result || (result == HTTP1_BAD && again == HTTP1_MORE));
	if (result != HTTP1_DONE)
		return 0;
	assert(other.size == whole.size);
	assert_equal(&whole, &other);
	if (guard == NULL)
		guard = headers_guard_new(&conf);
	headers_mark_request(&whole, guard);
	for (size_t i = 0; i < whole.n_fields; i++)
		assert(whole.fields[i].drop ||
		       !headers_guarded(guard, whole.fields[i].fold, whole.fields[i].name));
	return 0;
}
