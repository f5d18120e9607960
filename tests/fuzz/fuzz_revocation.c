/*
 * tests/fuzz/fuzz_revocation.c - lines of a file of revocations
 *
 * What is a line is the only one for what it says: printed again it is the
 * same.  And it ends nothing but what it names.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "conf/mem.h"
#include "session/revoked.h"
#include "session/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str line = { data == NULL ? "" : (const char *)data, size };
	struct mem *m = mem_new(1 << 20);
	struct revocation x, again;

	if (revocation_parse(line, m, &x)) {
		struct revoked *r = revoked_new(4);
		struct session nobody = { .sid = STR("-"),
			.op_sid = STR("-"),
			.idp = STR("-"),
			.sub = STR("-"),
			.username = STR("-") };
		size_t at = 0;

		assert(str_is(revocation_print(&x, m), line));
		assert(x.text.n > 0 && (!x.digest || x.provider.n == 0));
		assert(revoked_end(r, &x, x.until - 1) == 0);
		assert(revoked_next(r, &at, x.until - 1, m, &again));
		assert(again.kind == x.kind && again.before_ms == x.before_ms && again.until == x.until);
		assert(revoked_end(r, &again, x.until - 1) == 1);
		if (!str_is(x.text, STR("-")))
			assert(!revoked_session(r, &nobody, x.until - 1));
		revoked_free(&r);
	}
	mem_free(&m);
	return 0;
}
