/*
 * tests/fuzz/fuzz_proxy_protocol.c - what a balancer says ahead of its client's bytes
 *
 * It may come in any pieces: a header that is whole was none one byte
 * earlier, what follows changes nothing, and what is refused stays refused.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "proxy/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static enum proxy_protocol_result
parse(struct str bytes, size_t n, struct proxy_protocol *out)
{
	struct err e = { .reason = REASON_NONE };
	char *copy = malloc(n == 0 ? 1 : n);
	enum proxy_protocol_result got;

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, bytes.p, n);
	got = proxy_protocol_parse((struct str){ copy, n }, out, &e);
	free(copy);
	assert((got == PROXY_PROTOCOL_BAD) == (e.reason == REASON_BAD_PROXY_HEADER));
	assert(got != PROXY_PROTOCOL_MORE || n < PROXY_PROTOCOL_MOST);
	assert(got != PROXY_PROTOCOL_DONE || (out->size <= n && out->size <= PROXY_PROTOCOL_MOST));
	assert(got == PROXY_PROTOCOL_DONE || !out->named);
	return got;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = { (const char *)data, size };
	struct proxy_protocol whole, part;
	enum proxy_protocol_result got = parse(all, size, &whole);

	if (got == PROXY_PROTOCOL_DONE) {
		assert(parse(all, whole.size, &part) == PROXY_PROTOCOL_DONE);
		assert(part.size == whole.size && part.named == whole.named && part.https == whole.https);
		assert(memcmp(&part.addr, &whole.addr, sizeof(part.addr)) == 0);
		assert(parse(all, whole.size - 1, &part) == PROXY_PROTOCOL_MORE);
	} else if (size > 0 && got == PROXY_PROTOCOL_MORE) {
		assert(parse(all, size - 1, &part) == PROXY_PROTOCOL_MORE);
	} else if (size > 0) {
		assert(parse(all, size - 1, &part) != PROXY_PROTOCOL_DONE);
	}
	return 0;
}
