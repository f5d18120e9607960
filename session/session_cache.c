/* session/session_cache.c - see session/session_cache.h */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "session/hash.h"
#include "session/record.h"
#include "session/session_cache.h"

#define WAYS 8  /* places a cookie may be in; with their hashes two cache lines */
#define TAIL 40 /* bytes of a value that are hashed */

struct entry {
	uint64_t verifier;
	unsigned references;           /* the cache's own, and one per mem it was given for */
	struct str value;              /* in bytes, behind the session */
	const struct session *session; /* in bytes */
	size_t size;
	alignas(max_align_t) char bytes[];
};

struct place {
	uint64_t hash;
	struct entry *entry; /* ours; NULL: free */
};

struct session_cache {
	struct hash_key key;
	size_t sets;  /* a power of two */
	size_t bytes; /* of all entries in the table */
	size_t hand;  /* the place that is given up next when bytes run short */
	struct place (*v)[WAYS];
};

static void to_front(struct place *, size_t from, struct place);
static uint64_t place_hash(const struct session_cache *, uint64_t verifier, struct str value);
static struct entry *entry_new(uint64_t verifier, struct str value, const struct session *);
static void make_room(struct session_cache *, size_t);
static void forget(struct session_cache *, struct place *);
static const struct session *hold(struct entry *, struct mem *);
static void let_go(void *);

struct session_cache *
session_cache_new(size_t entries)
{
	struct session_cache *c = xcalloc(1, sizeof(*c));

	/* Twice the places, so that hardly a cookie finds all of its own taken while others are free. */
	for (c->sets = 1; c->sets * WAYS < 2 * entries; c->sets *= 2)
		;
	c->v = xcalloc(c->sets, sizeof(*c->v));
	hash_key_init(&c->key);
	return c;
}

void
session_cache_free(struct session_cache **c)
{
	size_t i;

	if (*c == NULL)
		return;
	for (i = 0; i < (*c)->sets * WAYS; i++)
		forget(*c, &(*c)->v[i / WAYS][i % WAYS]);
	free((*c)->v);
	free(*c);
	*c = NULL;
}

const struct session *
session_cache_get(struct session_cache *c, uint64_t verifier, struct str value, struct mem *m)
{
	uint64_t hash = place_hash(c, verifier, value);
	struct place *set = c->v[hash & (c->sets - 1)];
	size_t i;

	for (i = 0; i < WAYS; i++) {
		struct entry *e = set[i].entry;

		if (set[i].hash != hash || e == NULL || e->verifier != verifier || !str_is(e->value, value))
			continue;
		to_front(set, i, set[i]);
		return hold(e, m);
	}
	return NULL;
}

const struct session *
session_cache_put(
    struct session_cache *c, uint64_t verifier, struct str value, const struct session *s, struct mem *m)
{
	uint64_t hash = place_hash(c, verifier, value);
	struct place *set = c->v[hash & (c->sets - 1)];
	struct entry *e;
	size_t i;

	if (value.n > SESSION_CACHE_VALUE_MAX)
		return s;
	e = entry_new(verifier, value, s);
	make_room(c, e->size);
	for (i = 0; i < WAYS - 1 && set[i].entry != NULL; i++)
		;
	forget(c, &set[i]);
	to_front(set, i, (struct place){ hash, e });
	c->bytes += e->size;
	return hold(e, m);
}

/* A set is in the order of use: what was not asked for longest stands last and is given up first. */
static void
to_front(struct place *set, size_t from, struct place p)
{
	if (from > 0)
		memmove(set + 1, set, from * sizeof(*set));
	set[0] = p;
}

/*
 * The end of the value is the end of its signature, in which every byte of the
 * token counts and which nobody without our key can choose.
 */
static uint64_t
place_hash(const struct session_cache *c, uint64_t verifier, struct str value)
{
	struct hash_key key = c->key;

	key.k[0] += verifier;
	return hash_text(&key, value.n > TAIL ? str_from(value, value.n - TAIL) : value);
}

static struct entry *
entry_new(uint64_t verifier, struct str value, const struct session *s)
{
	size_t n = record_size(s), size = sizeof(struct entry) + n + value.n;
	struct entry *e = xmalloc(size);

	e->verifier = verifier;
	e->references = 1;
	e->size = size;
	e->session = record_copy(e->bytes, s);
	memcpy(e->bytes + n, value.p, value.n);
	e->value = (struct str){ e->bytes + n, value.n };
	return e;
}

/* Ends: with every place empty there is room, since no entry is anywhere near as large as all may be. */
static void
make_room(struct session_cache *c, size_t size)
{
	while (c->bytes > 0 && c->bytes + size > SESSION_CACHE_BYTES_MAX) {
		forget(c, &c->v[c->hand / WAYS][c->hand % WAYS]);
		c->hand = (c->hand + 1) & (c->sets * WAYS - 1);
	}
}

static void
forget(struct session_cache *c, struct place *p)
{
	if (p->entry == NULL)
		return;
	c->bytes -= p->entry->size;
	let_go(p->entry);
	*p = (struct place){ 0, NULL };
}

static const struct session *
hold(struct entry *e, struct mem *m)
{
	e->references++;
	mem_on_free(m, let_go, e);
	return e->session;
}

/* Whoever holds the value holds the session, so it is wiped. */
static void
let_go(void *arg)
{
	struct entry *e = arg;

	if (--e->references > 0)
		return;
	OPENSSL_cleanse(e->bytes, e->size - sizeof(*e));
	free(e);
}
