/* session/hash.c - see session/hash.h */
#include <endian.h>

#include "conf/secret.h"
#include "session/hash.h"

static inline void mix(uint64_t v[4]);
static inline uint64_t word_at(const char *p);

void
hash_key_init(struct hash_key *k)
{
	secret_random(k->k, sizeof(k->k));
}

uint64_t
hash_text(const struct hash_key *k, struct str s)
{
	uint64_t v[4] = { k->k[0] ^ 0x736f6d6570736575, k->k[1] ^ 0x646f72616e646f6d,
		k->k[0] ^ 0x6c7967656e657261, k->k[1] ^ 0x7465646279746573 };
	uint64_t last = (uint64_t)s.n << 56;
	size_t i;

	for (i = 0; i + 8 <= s.n; i += 8) {
		uint64_t w = word_at(s.p + i);

		v[3] ^= w;
		mix(v);
		v[0] ^= w;
	}
	for (; i < s.n; i++)
		last |= (uint64_t)(unsigned char)s.p[i] << (8 * (i % 8));
	v[3] ^= last;
	mix(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	mix(v);
	mix(v);
	mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t
word_at(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return le64toh(w);
}

static inline uint64_t
turn(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void
mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = turn(v[1], 13) ^ v[0];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] = turn(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = turn(v[1], 17) ^ v[2];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] = turn(v[2], 32);
}
