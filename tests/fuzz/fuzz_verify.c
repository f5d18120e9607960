/*
 * tests/fuzz/fuzz_verify.c - what a server in front says about a request of its own
 *
 * What is accepted is one path that a request line could hold, and lies inside
 * of the bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct http1_head head;

static void
assert_inside(const char *p, size_t n, struct str s)
{
	assert(s.n == 0 || (s.p >= p && s.p + s.n <= p + n));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *p = malloc(size + 1);
	struct verify_named named;
	size_t scanned = 0;
	struct err e;

	assert(p != NULL);
	if (size > 0)
		memcpy(p, data, size);
	if (http1_parse_request(p, size, &scanned, &head, &e) == HTTP1_DONE) {
		if (verify_read(&head, &named, &e) == -1) {
			assert(e.reason == REASON_VERIFY_UNCLEAR);
		} else {
			assert_inside(p, size, named.path);
			assert_inside(p, size, named.query);
			assert_inside(p, size, named.host);
			assert(named.path.n > 0 && named.path.p[0] == '/' && named.method.n > 0);
			assert(memchr(named.path.p, '?', named.path.n) == NULL);
			for (size_t i = 0; i < named.path.n; i++)
				assert(named.path.p[i] > ' ' && named.path.p[i] <= '~' &&
				       named.path.p[i] != '#');
			for (size_t i = 0; i < named.query.n; i++)
				assert(named.query.p[i] > ' ' && named.query.p[i] <= '~' &&
				       named.query.p[i] != '#');
		}
	}
	free(p);
	return 0;
}
