/* proxy/rate.c - see proxy/rate.h */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mem.h"
#include "conf/secret.h"
#include "proxy/rate.h"

#define WAYS 8 /* buckets that one address may use */

struct bucket {
	unsigned char key[16]; /* all zero: free */
	int64_t at;            /* ms, when `level` was right */
	double level;          /* sign-ins left */
};

struct rate {
	pthread_mutex_t lock;
	uint64_t seed;
	size_t sets;
	struct bucket *buckets;
};

/* How many a bucket holds, and how many it gets back in a millisecond. */
struct pace {
	double full, each_ms;
};

static struct bucket *bucket_of(struct rate *, const unsigned char *, const struct pace *, int64_t);
static double level_now(const struct bucket *, const struct pace *, int64_t);

struct rate *
rate_new(size_t entries)
{
	struct rate *r = xcalloc(1, sizeof(*r));

	(void)pthread_mutex_init(&r->lock, NULL);
	secret_random(&r->seed, sizeof(r->seed));
	r->sets = entries / WAYS + 1;
	r->buckets = xcalloc(r->sets * WAYS, sizeof(*r->buckets));
	return r;
}

void
rate_free(struct rate **r)
{
	if (*r == NULL)
		return;
	(void)pthread_mutex_destroy(&(*r)->lock);
	free((*r)->buckets);
	free(*r);
	*r = NULL;
}

unsigned
rate_take(struct rate *r, const struct in6_addr *addr, uint64_t per_minute, int64_t now_ms)
{
	return per_minute == 0 ? 0 : rate_take_of(r, addr, per_minute, 60000, now_ms);
}

unsigned
rate_take_of(struct rate *r, const struct in6_addr *addr, uint64_t most, int64_t period_ms, int64_t now_ms)
{
	unsigned char key[16];
	struct pace p = { (double)most, (double)most / (double)period_ms };
	double wait = 0;
	struct bucket *b;

	memcpy(key, addr, sizeof(key));
	if (!IN6_IS_ADDR_V4MAPPED(addr))
		memset(key + 8, 0, 8); /* one customer has a whole /64 */
	key[15] |= 1;                  /* never all zero; IPv4 neighbours stay apart by the bit below */
	if (IN6_IS_ADDR_V4MAPPED(addr))
		key[0] = (unsigned char)(2 | (addr->s6_addr[15] & 1));
	(void)pthread_mutex_lock(&r->lock);
	b = bucket_of(r, key, &p, now_ms);
	b->level = level_now(b, &p, now_ms);
	b->at = now_ms;
	if (b->level >= 1)
		b->level -= 1;
	else
		wait = (1 - b->level) / p.each_ms / 1000;
	(void)pthread_mutex_unlock(&r->lock);
	return wait <= 0 ? 0 : (unsigned)wait + 1;
}

static double
level_now(const struct bucket *b, const struct pace *p, int64_t now_ms)
{
	double level = b->level + (double)(now_ms - b->at) * p->each_ms;

	return level > p->full ? p->full : level < 0 ? 0 : level;
}

/* The address's own bucket, else a free one, else the fullest of its set. */
static struct bucket *
bucket_of(struct rate *r, const unsigned char *key, const struct pace *p, int64_t now_ms)
{
	static const unsigned char none[16];
	uint64_t h = r->seed, half;
	struct bucket *set, *best = NULL;
	size_t i;

	for (i = 0; i < 16; i += 8) {
		memcpy(&half, key + i, 8);
		h = (h ^ half) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	set = r->buckets + h % r->sets * WAYS;
	for (i = 0; i < WAYS; i++) {
		if (memcmp(set[i].key, key, 16) == 0)
			return &set[i];
		if (best != NULL && memcmp(best->key, none, 16) == 0)
			continue;
		if (best == NULL || memcmp(set[i].key, none, 16) == 0 ||
		    level_now(&set[i], p, now_ms) > level_now(best, p, now_ms))
			best = &set[i];
	}
	memcpy(best->key, key, 16);
	best->at = now_ms;
	best->level = p->full;
	return best;
}
