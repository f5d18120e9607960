/*
 * proxy/bearer_cache.h - access tokens that this worker has verified before
 *
 * A token that comes again costs one SHA-256 and no signature.  An entry is
 * found by the hash of the whole token and by everything that verified it:
 * snapshot, provider, and the moment its keys were fetched, so that a reload
 * or another set of keys verifies anew.  It says what the token holds, never
 * that it is still good.
 *
 * Bounded in number and bytes; tokens that were refused are not kept, nor is
 * any token's text.  Entries are counted references: what is given out stays
 * until the mem that it was given for is freed.  Belongs to one worker.
 */
#ifndef PROXY_BEARER_CACHE_H
#define PROXY_BEARER_CACHE_H
#include <stdint.h>

#include "proxy/bearer.h"

#define BEARER_CACHE_BYTES_MAX (16 * 1024 * 1024) /* of one worker */
#define BEARER_CACHE_ENTRY_MAX (32 * 1024)        /* larger ones are verified each time */

struct bearer_cache;

struct bearer_key {
	unsigned char hash[32];
	uint64_t generation; /* of the snapshot */
	size_t provider;     /* index */
	int64_t keys;        /* when they were fetched */
};

struct bearer_cache *bearer_cache_new(size_t entries);
void bearer_cache_free(struct bearer_cache **c);

/* Fill in the hash; false: the digest failed. */
bool bearer_cache_hash(struct bearer_cache *c, struct bearer_key *k, struct str token);

/* NULL when it is not there. */
const struct bearer *bearer_cache_get(struct bearer_cache *c, const struct bearer_key *k, struct mem *m);

/* Remember a copy of *b; returns the copy, or b itself when it is not remembered. */
const struct bearer *bearer_cache_put(
    struct bearer_cache *c, const struct bearer_key *k, const struct bearer *b, struct mem *m);

#endif
