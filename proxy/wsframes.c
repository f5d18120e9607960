/* proxy/wsframes.c - see proxy/wsframes.h */
#include "proxy/wsframes.h"

static unsigned head_size(const struct wsframes *);
static uint64_t payload(const struct wsframes *);

void
wsframes_pass(struct wsframes *f, struct str bytes)
{
	while (bytes.n > 0) {
		size_t n = f->left < bytes.n ? (size_t)f->left : bytes.n;

		if (n > 0) {
			f->left -= n;
			bytes = str_from(bytes, n);
			continue;
		}
		f->head[f->have++] = (unsigned char)bytes.p[0];
		bytes = str_from(bytes, 1);
		if (f->have < 2 || f->have < head_size(f))
			continue;
		f->left = payload(f);
		f->have = 0;
	}
}

bool
wsframes_between(const struct wsframes *f)
{
	return f->left == 0 && f->have == 0;
}

/* Two bytes; a length of two or eight more; a mask where there is one, which servers must not use. */
static unsigned
head_size(const struct wsframes *f)
{
	unsigned length = f->head[1] & 0x7f;

	return 2U + (length == 126 ? 2U : length == 127 ? 8U : 0U) + ((f->head[1] & 0x80) != 0 ? 4U : 0U);
}

static uint64_t
payload(const struct wsframes *f)
{
	uint64_t length = f->head[1] & 0x7f, n = 0;
	unsigned i, more = length == 126 ? 2 : length == 127 ? 8 : 0;

	for (i = 0; i < more; i++)
		n = n << 8 | f->head[2 + i];
	return more > 0 ? n : length;
}
