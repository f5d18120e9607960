/*
 * tests/fuzz/fuzz_http2_head.c - the fields of an HTTP/2 request, from anybody
 *
 * 0xff between fields, 0xfe between name and value; the first byte's lowest
 * bit: the stream has ended.  What is accepted and written as HTTP/1.1 must be
 * one request, the same one, to a strict reader of HTTP/1.1.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/headers.h"
#include "proxy/http2_head.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct http1_head head, other;
static struct http2_head x;

static void
write_and_read_again(size_t n)
{
	struct http1_out o = { malloc(4 * n + 1024), 0, 4 * n + 1024, false };
	size_t scanned = 0;
	struct err e;

	http1_put(&o, head.method);
	http1_put(&o, STR(" "));
	http1_put(&o, head.target);
	http1_put(&o, STR(" HTTP/1.1\r\n"));
	for (size_t i = 0; i < head.n_fields; i++)
		http1_put_field(&o, head.fields[i].name, head.fields[i].value);
	if (head.body == BODY_CHUNKED)
		http1_put(&o, STR("Transfer-Encoding: chunked\r\n"));
	if (head.upgrade)
		http1_put(&o, STR("Connection: upgrade\r\n"));
	http1_put(&o, STR("\r\n"));
	assert(!o.over);
	if (http1_parse_request(o.p, o.n, &scanned, &other, &e) != HTTP1_DONE) {
		assert(e.reason == REASON_HEADER_TOO_LARGE);
	} else {
		assert(other.size == o.n);
		assert(str_is(head.method, other.method) && str_is(head.path, other.path));
		assert(str_is(head.query, other.query) && (head.query.p == NULL) == (other.query.p == NULL));
		assert(str_is(head.host, other.host) && head.body == other.body &&
		       head.upgrade == other.upgrade);
		assert(head.content_length == other.content_length && head.method_id == other.method_id);
		for (size_t i = 0; i < head.n_fields; i++)
			assert(str_is(head.fields[i].name, other.fields[i].name) &&
			       str_is(head.fields[i].value, other.fields[i].value) &&
			       head.fields[i].id == other.fields[i].id &&
			       head.fields[i].fold == other.fields[i].fold);
	}
	free(o.p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct mem *mem;
	struct str rest = { (const char *)data + 1, n - 1 }, field, name;
	bool ended;

	if (n == 0)
		return 0;
	ended = (data[0] & 1) != 0;
	mem = mem_new(1024 * 1024);
	http2_head_begin(&x, &head, mem, 32768);
	while (str_next(&rest, '\xff', &field)) {
		struct str value = field;

		if (str_next(&value, '\xfe', &name))
			http2_head_add(&x, name, value);
	}
	if (http2_head_end(&x, ended, "a2V5IG9mIHRoZSB0ZXN0cy4=") == 0)
		write_and_read_again(n);
	else
		assert(x.err.reason != REASON_NONE);
	mem_free(&mem);
	return 0;
}
