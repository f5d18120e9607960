/*
 * tests/fuzz/fuzz_chunks.c - a chunked body, whole and byte by byte
 *
 * Both readings must agree on the data, on the end, and on what is wrong.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct reading {
	enum http1_result result;
	char *body;
	size_t n, used;
};

/* In pieces of at most `piece` bytes. */
static struct reading
read_body(const char *p, size_t n, size_t piece)
{
	struct reading r = { HTTP1_MORE, malloc(n + 1), 0, 0 };
	struct http1_chunks c;

	http1_chunks_init(&c);
	while (r.result == HTTP1_MORE && r.used < n) {
		size_t take = n - r.used < piece ? n - r.used : piece, used;
		struct str data;
		struct err e;

		r.result = http1_chunks_next(&c, p + r.used, take, &used, &data, &e);
		if (r.result == HTTP1_BAD) {
			assert(data.n == 0 && e.reason == REASON_BAD_FRAMING);
			break;
		}
		assert(used > 0 && used <= take);
		assert(data.p >= p + r.used && data.p + data.n <= p + r.used + used);
		memcpy(r.body + r.n, data.p, data.n);
		r.n += data.n;
		r.used += used;
	}
	return r;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	struct reading whole = read_body(p, n, SIZE_MAX), one = read_body(p, n, 1),
		       seven = read_body(p, n, 7);

	assert(whole.result == one.result && whole.result == seven.result);
	if (whole.result != HTTP1_BAD) {
		assert(whole.n == one.n && whole.n == seven.n && whole.used == one.used &&
		       whole.used == seven.used);
		assert(memcmp(whole.body, one.body, whole.n) == 0 &&
		       memcmp(whole.body, seven.body, whole.n) == 0);
	}
	if (whole.result == HTTP1_DONE)
		assert(whole.used >= 5 && memcmp(p + whole.used - 2, "\r\n", 2) == 0);
	free(whole.body);
	free(one.body);
	free(seven.body);
	return 0;
}
