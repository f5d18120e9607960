/* proxy/bearer_cache.c - see proxy/bearer_cache.h */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "proxy/bearer_cache.h"

#define WAYS 4 /* places a token may be in */

struct entry {
	struct bearer_key key;
	unsigned references;         /* the cache's own, and one per mem it was given for */
	const struct bearer *bearer; /* in bytes */
	size_t size;
	alignas(max_align_t) char bytes[];
};

struct bearer_cache {
	EVP_MD *sha256;     /* found once: to look for it costs as much as it does */
	EVP_MD_CTX *digest; /* kept as well */
	size_t sets;        /* a power of two */
	size_t bytes;       /* of all entries in the table */
	size_t hand;        /* the place that is given up next when bytes run short */
	struct entry *(*v)[WAYS];
};

static struct entry **find_set(struct bearer_cache *, const struct bearer_key *);
static bool is_same(const struct bearer_key *, const struct bearer_key *);
static void to_front(struct entry **, size_t from, struct entry *);
static void make_room(struct bearer_cache *, size_t);
static void forget(struct bearer_cache *, struct entry **);
static const struct bearer *hold(struct entry *, struct mem *);
static void let_go(void *);

struct bearer_cache *
bearer_cache_new(size_t entries)
{
	struct bearer_cache *c = xcalloc(1, sizeof(*c));

	/* Twice the places, so that hardly a token finds all of its own taken while others are free. */
	for (c->sets = 1; c->sets * WAYS < 2 * entries; c->sets *= 2)
		;
	c->v = xcalloc(c->sets, sizeof(*c->v));
	c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	c->digest = EVP_MD_CTX_new();
	return c;
}

void
bearer_cache_free(struct bearer_cache **c)
{
	if (*c == NULL)
		return;
	for (size_t i = 0; i < (*c)->sets * WAYS; i++)
		forget(*c, &(*c)->v[i / WAYS][i % WAYS]);
	EVP_MD_CTX_free((*c)->digest);
	EVP_MD_free((*c)->sha256);
	free((*c)->v);
	free(*c);
	*c = NULL;
}

bool
bearer_cache_hash(struct bearer_cache *c, struct bearer_key *k, struct str token)
{
	unsigned n = 0;

	return c->sha256 != NULL && c->digest != NULL &&
	       EVP_DigestInit_ex2(c->digest, c->sha256, NULL) == 1 &&
	       EVP_DigestUpdate(c->digest, token.p, token.n) == 1 &&
	       EVP_DigestFinal_ex(c->digest, k->hash, &n) == 1 && n == sizeof(k->hash);
}

const struct bearer *
bearer_cache_get(struct bearer_cache *c, const struct bearer_key *k, struct mem *m)
{
	struct entry **set = find_set(c, k);

	for (size_t i = 0; i < WAYS && set[i] != NULL; i++)
		if (is_same(&set[i]->key, k)) {
			to_front(set, i, set[i]);
			return hold(set[0], m);
		}
	return NULL;
}

const struct bearer *
bearer_cache_put(struct bearer_cache *c, const struct bearer_key *k, const struct bearer *b, struct mem *m)
{
	struct entry **set = find_set(c, k), *e;
	size_t n = bearer_size(b), i;

	if (n > BEARER_CACHE_ENTRY_MAX)
		return b;
	make_room(c, n);
	e = xmalloc(sizeof(*e) + n);
	e->key = *k;
	e->references = 1;
	e->size = n;
	e->bearer = bearer_copy(e->bytes, b);
	for (i = 0; i < WAYS - 1 && set[i] != NULL && !is_same(&set[i]->key, k); i++)
		;
	forget(c, &set[i]);
	to_front(set, i, e);
	c->bytes += n;
	return hold(e, m);
}

/* Only tokens that a provider signed get here, so nobody can choose where their hashes meet. */
static struct entry **
find_set(struct bearer_cache *c, const struct bearer_key *k)
{
	uint64_t hash;

	memcpy(&hash, k->hash, sizeof(hash));
	return c->v[hash & (c->sets - 1)];
}

static bool
is_same(const struct bearer_key *a, const struct bearer_key *b)
{
	return memcmp(a->hash, b->hash, sizeof(a->hash)) == 0 && a->generation == b->generation &&
	       a->provider == b->provider && a->keys == b->keys;
}

/* A set is in the order of use, without gaps: what was not asked for longest stands last. */
static void
to_front(struct entry **set, size_t from, struct entry *e)
{
	if (from > 0)
		memmove(set + 1, set, from * sizeof(*set));
	set[0] = e;
}

/* Ends: with every place empty there is room, since no entry is anywhere near as large as all may be. */
static void
make_room(struct bearer_cache *c, size_t size)
{
	while (c->bytes > 0 && c->bytes + size > BEARER_CACHE_BYTES_MAX) {
		struct entry **set = c->v[c->hand & (c->sets - 1)];
		size_t last = WAYS;

		while (last > 0 && set[last - 1] == NULL)
			last--;
		if (last > 0)
			forget(c, &set[last - 1]);
		c->hand++;
	}
}

static void
forget(struct bearer_cache *c, struct entry **place)
{
	if (*place == NULL)
		return;
	c->bytes -= (*place)->size;
	let_go(*place);
	*place = NULL;
}

static const struct bearer *
hold(struct entry *e, struct mem *m)
{
	e->references++;
	mem_on_free(m, let_go, e);
	return e->bearer;
}

static void
let_go(void *arg)
{
	struct entry *e = arg;

	if (--e->references == 0)
		free(e);
}
