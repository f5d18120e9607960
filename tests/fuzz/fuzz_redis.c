/* What a Redis may send: read in two pieces, nothing but whole replies come of it. */
#include <stdint.h>
#include <stdlib.h>

#include "proxy/redis_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
count(const struct redis_value *v, unsigned depth)
{
	size_t n = 1;

	if (depth > 16 || (v->type == REDIS_TEXT && v->text.p[v->text.n] != '\0'))
		abort();
	for (size_t i = 0; v->type == REDIS_LIST && i < v->n; i++)
		n += count(&v->v[i], depth + 1);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = { (const char *)data, size }, half = { all.p, size / 2 };
	struct redis_reader *r = redis_reader_new();
	const struct redis_value *v;
	struct mem *m;
	struct err e;
	int got = 0;

	for (int i = 0; i < 2 && got != -1; i++) {
		struct str piece = i == 0 ? half : str_from(all, half.n);

		if (piece.n > 0 && redis_reader_feed(r, piece, &e) == -1)
			break;
		while ((got = redis_reader_next(r, &m, &v, &e)) == 1) {
			if (count(v, 0) > REDIS_ELEMENTS_MAX + 1)
				abort();
			mem_free(&m);
		}
	}
	redis_reader_free(&r);
	return 0;
}
