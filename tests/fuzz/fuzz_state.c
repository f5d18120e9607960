/*
 * authreq_open() on two kinds of input: a state as a browser may send it (first
 * byte 's'), and what stands sealed inside one (any other first byte), so that
 * the fuzzer gets past the seal.
 */
#include <stdlib.h>

#include "conf/seal.h"
#include "conf/url.h"
#include "oidc/authreq.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct authreq_keys keys;
	struct mem *m = mem_new(1 << 20);
	struct str input = { (const char *)data, n };
	struct authreq a;

	if (n > 0) {
		input = str_from(input, 1);
		if (data[0] != 's' && input.n <= SEAL_PLAIN_MAX)
			input = seal_close(keys.seal, STR("state"), input, m);
		if (authreq_open(&keys, input, STR("binding"), 1700000000, &a, m) != AUTHREQ_UNKNOWN &&
		    !url_is_local_path(a.target))
			abort();
	}
	mem_free(&m);
	return 0;
}
