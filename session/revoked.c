/* session/revoked.c - see session/revoked.h */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "conf/mem.h"
#include "session/hash.h"
#include "session/revoked.h"

#define ID_MAX      64
#define ENTRIES_MAX (1U << 24)
#define BY_DIGEST   0xff /* entry.n of an id that is kept as its SHA-256 */

struct id {
	unsigned char n;
	unsigned char bytes[ID_MAX];
};

struct entry {
	int64_t until;
	uint32_t next; /* of the same place, or of the free ones; a number counted from 1, 0: the end */
	struct id id;
};

/*
 * What readers of an empty place look at is atomic; everything else is under
 * the lock.
 */
struct revoked {
	struct hash_key key;
	pthread_rwlock_t *lock;   /* ours; apart, so that readers may lock what they may not change */
	_Atomic uint32_t *places; /* ours; the first entry of each place */
	size_t n_places; /* a power of two, twice the entries: most places are empty even in a full table */
	struct entry *entries; /* ours */
	uint32_t n_entries;
	uint32_t free; /* the first free entry; 0: none */
	atomic_size_t used;
	int64_t soonest; /* nothing runs out before: so long a full table need not be swept */
};

static struct id id_of(struct str);
static bool id_is(const struct id *, const struct id *);
static size_t place_of(const struct revoked *, const struct id *);
static struct entry *find(const struct revoked *, size_t place, const struct id *);
static int add(struct revoked *, const struct id *, int64_t until, int64_t now);
static void sweep(struct revoked *, int64_t now);
static void sweep_place(struct revoked *, size_t place, int64_t now);
static bool is_there(const struct revoked *, struct str, int64_t now);

struct revoked *
revoked_new(size_t entries)
{
	struct revoked *r = xcalloc(1, sizeof(*r));
	uint32_t i;

	for (r->n_entries = 1; r->n_entries < entries && r->n_entries < ENTRIES_MAX; r->n_entries *= 2)
		;
	r->n_places = 2 * (size_t)r->n_entries;
	r->entries = xcalloc(r->n_entries, sizeof(*r->entries));
	r->places = xcalloc(r->n_places, sizeof(*r->places));
	r->lock = xmalloc(sizeof(*r->lock));
	(void)pthread_rwlock_init(r->lock, NULL);
	for (i = 0; i < r->n_entries; i++)
		r->entries[i].next = i + 1 < r->n_entries ? i + 2 : 0;
	r->free = 1;
	r->soonest = INT64_MAX;
	hash_key_init(&r->key);
	return r;
}

void
revoked_free(struct revoked **r)
{
	if (*r == NULL)
		return;
	(void)pthread_rwlock_destroy((*r)->lock);
	free((*r)->lock);
	free((*r)->places);
	free((*r)->entries);
	free(*r);
	*r = NULL;
}

static struct id
id_of(struct str text)
{
	struct id id = { 0 };

	if (text.n > ID_MAX) {
		id.n = BY_DIGEST;
		(void)SHA256((const unsigned char *)text.p, text.n, id.bytes);
		return id;
	}
	id.n = (unsigned char)text.n;
	if (text.n > 0)
		memcpy(id.bytes, text.p, text.n);
	return id;
}

static bool
id_is(const struct id *a, const struct id *b)
{
	return a->n == b->n && memcmp(a->bytes, b->bytes, ID_MAX) == 0;
}

static size_t
place_of(const struct revoked *r, const struct id *id)
{
	return hash_text(&r->key, (struct str){ (const char *)id, sizeof(*id) }) & (r->n_places - 1);
}

/* Under the lock. */
static struct entry *
find(const struct revoked *r, size_t place, const struct id *id)
{
	uint32_t at = atomic_load_explicit(&r->places[place], memory_order_relaxed);

	for (; at != 0; at = r->entries[at - 1].next)
		if (id_is(&r->entries[at - 1].id, id))
			return &r->entries[at - 1];
	return NULL;
}

int
revoked_add(struct revoked *r, struct str text, int64_t until, int64_t now)
{
	struct id id = id_of(text);
	int result;

	if (until <= now)
		return 0;
	(void)pthread_rwlock_wrlock(r->lock);
	result = add(r, &id, until, now);
	(void)pthread_rwlock_unlock(r->lock);
	return result;
}

static int
add(struct revoked *r, const struct id *id, int64_t until, int64_t now)
{
	size_t place = place_of(r, id);
	struct entry *e;
	uint32_t at;

	sweep_place(r, place, now);
	e = find(r, place, id);
	if (e != NULL) {
		e->until = e->until > until ? e->until : until;
		return 1;
	}
	if (r->free == 0 && now >= r->soonest)
		sweep(r, now);
	if (r->free == 0)
		return -1;
	at = r->free;
	e = &r->entries[at - 1];
	r->free = e->next;
	e->id = *id;
	e->until = until;
	e->next = atomic_load_explicit(&r->places[place], memory_order_relaxed);
	r->soonest = r->soonest < until ? r->soonest : until;
	atomic_store_explicit(&r->places[place], at, memory_order_release);
	atomic_fetch_add_explicit(&r->used, 1, memory_order_release);
	return 0;
}

/* At most once per time that something runs out, so nobody can make every addition cost this. */
static void
sweep(struct revoked *r, int64_t now)
{
	size_t place;
	uint32_t at;

	r->soonest = INT64_MAX;
	for (place = 0; place < r->n_places; place++) {
		sweep_place(r, place, now);
		at = atomic_load_explicit(&r->places[place], memory_order_relaxed);
		for (; at != 0; at = r->entries[at - 1].next)
			if (r->entries[at - 1].until < r->soonest)
				r->soonest = r->entries[at - 1].until;
	}
}

static void
sweep_place(struct revoked *r, size_t place, int64_t now)
{
	uint32_t at = atomic_load_explicit(&r->places[place], memory_order_relaxed), kept = 0;

	while (at != 0) {
		struct entry *e = &r->entries[at - 1];
		uint32_t next = e->next;

		if (e->until > now) {
			e->next = kept;
			kept = at;
		} else {
			e->next = r->free;
			r->free = at;
			atomic_fetch_sub_explicit(&r->used, 1, memory_order_relaxed);
		}
		at = next;
	}
	atomic_store_explicit(&r->places[place], kept, memory_order_release);
}

bool
revoked_has(const struct revoked *r, struct str text, int64_t now)
{
	return atomic_load_explicit(&r->used, memory_order_relaxed) > 0 && is_there(r, text, now);
}

static bool
is_there(const struct revoked *r, struct str text, int64_t now)
{
	struct id id = id_of(text);
	size_t place = place_of(r, &id);
	const struct entry *e;
	bool there;

	if (atomic_load_explicit(&r->places[place], memory_order_acquire) == 0)
		return false;
	(void)pthread_rwlock_rdlock(r->lock);
	e = find(r, place, &id);
	there = e != NULL && e->until > now;
	(void)pthread_rwlock_unlock(r->lock);
	return there;
}
