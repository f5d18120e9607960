/* session/revoked.c - see session/revoked.h */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "conf/mem.h"
#include "session/hash.h"
#include "session/revoked.h"
#include "session/session.h"

#define ID_MAX      93
#define ENTRIES_MAX (1U << 24)
#define BY_DIGEST   0xff /* id.provider of one that is kept as its SHA-256 */
#define FREE        0xff /* entry.id.kind of one that is not in use */

/* Hashed and compared as the bytes that it has. */
struct id {
	unsigned char kind;     /* enum revocation_kind */
	unsigned char provider; /* bytes of the provider's name, in front of the text */
	unsigned char n;
	unsigned char bytes[ID_MAX];
};

struct entry {
	int64_t until;
	int64_t before_ms;
	uint32_t next; /* of the same place, or of the free ones; a number counted from 1, 0: the end */
	struct id id;
};

/*
 * What readers of an empty place look at is atomic; everything else is under
 * the lock.  Entries that were never used are not touched, so a large table
 * costs little memory while it is empty.
 */
struct revoked {
	struct hash_key key;
	pthread_rwlock_t *lock;   /* ours; apart, so that readers may lock what they may not change */
	_Atomic uint32_t *places; /* ours; the first entry of each place */
	size_t n_places; /* a power of two, twice the entries: most places are empty even in a full table */
	struct entry *entries; /* ours; all three `most` together */
	uint32_t fresh;        /* how many were ever used */
	uint32_t free;         /* the first free one of these; 0: none */
	size_t most, most_front, most_replaced;
	atomic_size_t used[REVOKE_KINDS];
	int64_t soonest; /* nothing runs out before: so long a full table need not be swept */
};

static struct id id_of(enum revocation_kind, struct str provider, struct str);
static struct id id_of_revocation(const struct revocation *);
static bool id_is(const struct id *, const struct id *);
static size_t place_of(const struct revoked *, const struct id *);
static struct entry *find(const struct revoked *, size_t place, const struct id *);
static int add(struct revoked *, const struct id *, const struct entry *times, int64_t now);
static int add_locked(struct revoked *, const struct id *, const struct entry *times, int64_t now);
static bool is_full(const struct revoked *, unsigned kind);
static uint32_t take_free(struct revoked *);
static void sweep(struct revoked *, int64_t now);
static void sweep_place(struct revoked *, size_t place, int64_t now);
static bool is_there(const struct revoked *, const struct id *, int64_t now, int64_t *before_ms);
static bool is_ended(
    const struct revoked *, const struct session *, enum revocation_kind, struct str, int64_t now);
static size_t used(const struct revoked *, unsigned kind);
static void tell(const struct entry *, struct mem *, struct revocation *);

struct revoked *
revoked_new(size_t entries)
{
	struct revoked *r = xcalloc(1, sizeof(*r));

	for (r->most = 1; r->most < entries && r->most < ENTRIES_MAX; r->most *= 2)
		;
	r->most_front = r->most_replaced = r->most / 4 > 0 ? r->most / 4 : 1;
	r->n_places = 2 * r->most;
	r->entries = xcalloc(r->most + r->most_front + r->most_replaced, sizeof(*r->entries));
	r->places = xcalloc(r->n_places, sizeof(*r->places));
	r->lock = xmalloc(sizeof(*r->lock));
	(void)pthread_rwlock_init(r->lock, NULL);
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
id_of(enum revocation_kind kind, struct str provider, struct str text)
{
	struct id id;

	id.kind = (unsigned char)kind;
	if (provider.n + text.n > ID_MAX) {
		unsigned char both[2 * SHA256_DIGEST_LENGTH];

		id.provider = BY_DIGEST;
		id.n = SHA256_DIGEST_LENGTH;
		(void)SHA256((const unsigned char *)provider.p, provider.n, both);
		(void)SHA256((const unsigned char *)text.p, text.n, both + SHA256_DIGEST_LENGTH);
		(void)SHA256(both, sizeof(both), id.bytes);
		return id;
	}
	id.provider = (unsigned char)provider.n;
	id.n = (unsigned char)(provider.n + text.n);
	if (provider.n > 0)
		memcpy(id.bytes, provider.p, provider.n);
	if (text.n > 0)
		memcpy(id.bytes + provider.n, text.p, text.n);
	return id;
}

static struct id
id_of_revocation(const struct revocation *x)
{
	struct id id;

	if (!x->digest)
		return id_of(x->kind, x->provider, x->text);
	id.kind = (unsigned char)x->kind;
	id.provider = BY_DIGEST;
	id.n = SHA256_DIGEST_LENGTH;
	memcpy(id.bytes, x->text.p, SHA256_DIGEST_LENGTH);
	return id;
}

static bool
id_is(const struct id *a, const struct id *b)
{
	return a->kind == b->kind && a->provider == b->provider && a->n == b->n &&
	       memcmp(a->bytes, b->bytes, a->n) == 0;
}

static size_t
place_of(const struct revoked *r, const struct id *id)
{
	return hash_text(&r->key, (struct str){ (const char *)id, offsetof(struct id, bytes) + id->n }) &
	       (r->n_places - 1);
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
	const struct entry times = { .until = until, .before_ms = REVOKE_ALWAYS };
	struct id id = id_of(REVOKE_SID, STR(""), text);

	return add(r, &id, &times, now);
}

int
revoked_end(struct revoked *r, const struct revocation *x, int64_t now)
{
	const struct entry times = { .until = x->until, .before_ms = x->before_ms };
	struct id id = id_of_revocation(x);

	return add(r, &id, &times, now);
}

static int
add(struct revoked *r, const struct id *id, const struct entry *times, int64_t now)
{
	int result;

	if (times->until <= now)
		return 0;
	(void)pthread_rwlock_wrlock(r->lock);
	result = add_locked(r, id, times, now);
	(void)pthread_rwlock_unlock(r->lock);
	return result;
}

static int
add_locked(struct revoked *r, const struct id *id, const struct entry *times, int64_t now)
{
	size_t place = place_of(r, id);
	struct entry *e;
	uint32_t at;

	sweep_place(r, place, now);
	e = find(r, place, id);
	if (e != NULL) {
		e->until = e->until > times->until ? e->until : times->until;
		if ((e->before_ms < times->before_ms) == (id->kind != REVOKE_REPLACED))
			e->before_ms = times->before_ms;
		return 1;
	}
	if (is_full(r, id->kind) && now >= r->soonest)
		sweep(r, now);
	if (is_full(r, id->kind))
		return -1;
	at = take_free(r);
	e = &r->entries[at - 1];
	e->id = *id;
	e->until = times->until;
	e->before_ms = times->before_ms;
	e->next = atomic_load_explicit(&r->places[place], memory_order_relaxed);
	r->soonest = r->soonest < times->until ? r->soonest : times->until;
	atomic_store_explicit(&r->places[place], at, memory_order_release);
	atomic_fetch_add_explicit(&r->used[id->kind], 1, memory_order_release);
	return 0;
}

/* What strangers may say, what every sign-in says, and all else, each have their share. */
static bool
is_full(const struct revoked *r, unsigned kind)
{
	size_t front = used(r, REVOKE_FRONT), replaced = used(r, REVOKE_REPLACED);

	if (kind == REVOKE_FRONT)
		return front >= r->most_front;
	if (kind == REVOKE_REPLACED)
		return replaced >= r->most_replaced;
	return revoked_count(r) - front - replaced >= r->most;
}

/* No share is used up, so there is one. */
static uint32_t
take_free(struct revoked *r)
{
	uint32_t at = r->free;

	if (at == 0)
		return ++r->fresh;
	r->free = r->entries[at - 1].next;
	return at;
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
			atomic_fetch_sub_explicit(&r->used[e->id.kind], 1, memory_order_relaxed);
			e->id.kind = FREE;
			e->next = r->free;
			r->free = at;
		}
		at = next;
	}
	atomic_store_explicit(&r->places[place], kept, memory_order_release);
}

bool
revoked_has(const struct revoked *r, struct str text, int64_t now)
{
	struct id id;
	int64_t ignored;

	if (used(r, REVOKE_SID) == 0)
		return false;
	id = id_of(REVOKE_SID, STR(""), text);
	return is_there(r, &id, now, &ignored);
}

static bool
is_there(const struct revoked *r, const struct id *id, int64_t now, int64_t *before_ms)
{
	size_t place = place_of(r, id);
	const struct entry *e;
	bool there;

	if (atomic_load_explicit(&r->places[place], memory_order_acquire) == 0)
		return false;
	(void)pthread_rwlock_rdlock(r->lock);
	e = find(r, place, id);
	there = e != NULL && e->until > now;
	*before_ms = there ? e->before_ms : 0;
	(void)pthread_rwlock_unlock(r->lock);
	return there;
}

/* Of a kind that nobody used nothing is hashed; a session without a sid is none of ours. */
bool
revoked_session(const struct revoked *r, const struct session *s, int64_t now)
{
	return s->sid.n > 0 && (is_ended(r, s, REVOKE_SID, s->sid, now) ||
				   is_ended(r, s, REVOKE_PROVIDER_SID, s->op_sid, now) ||
				   is_ended(r, s, REVOKE_FRONT, s->op_sid, now) ||
				   is_ended(r, s, REVOKE_SUBJECT, s->sub, now) ||
				   is_ended(r, s, REVOKE_USERNAME, s->username, now) ||
				   is_ended(r, s, REVOKE_REPLACED, s->sid, now));
}

bool
revoked_is_replaced(const struct revoked *r, const struct session *s, int64_t now)
{
	int64_t ignored;
	struct id id;

	if (used(r, REVOKE_REPLACED) == 0 || s->sid.n == 0)
		return false;
	id = id_of(REVOKE_REPLACED, STR(""), s->sid);
	return is_there(r, &id, now, &ignored);
}

static bool
is_ended(
    const struct revoked *r, const struct session *s, enum revocation_kind kind, struct str text, int64_t now)
{
	bool by_provider = kind == REVOKE_PROVIDER_SID || kind == REVOKE_FRONT || kind == REVOKE_SUBJECT;
	int64_t before_ms;
	struct id id;

	if (used(r, kind) == 0 || text.n == 0)
		return false;
	id = id_of(kind, by_provider ? s->idp : STR(""), text);
	if (!is_there(r, &id, now, &before_ms))
		return false;
	return kind == REVOKE_REPLACED ? now * 1000 >= before_ms : s->sst <= before_ms;
}

static size_t
used(const struct revoked *r, unsigned kind)
{
	return atomic_load_explicit(&r->used[kind], memory_order_relaxed);
}

size_t
revoked_count(const struct revoked *r)
{
	size_t n = 0;
	unsigned kind;

	for (kind = 0; kind < REVOKE_KINDS; kind++)
		n += used(r, kind);
	return n;
}

bool
revoked_next(const struct revoked *r, size_t *at, int64_t now, struct mem *m, struct revocation *out)
{
	bool found = false;

	(void)pthread_rwlock_rdlock(r->lock);
	for (; *at < r->fresh && !found; ++*at) {
		const struct entry *e = &r->entries[*at];

		found = e->id.kind != FREE && e->until > now;
		if (found)
			tell(e, m, out);
	}
	(void)pthread_rwlock_unlock(r->lock);
	return found;
}

struct revocation
revoked_short(const struct revocation *x, struct mem *m)
{
	const struct entry e = { .until = x->until, .before_ms = x->before_ms, .id = id_of_revocation(x) };
	struct revocation out;

	tell(&e, m, &out);
	return out;
}

static void
tell(const struct entry *e, struct mem *m, struct revocation *out)
{
	struct str all = mem_str(m, (struct str){ (const char *)e->id.bytes, e->id.n });
	size_t n = e->id.provider == BY_DIGEST ? 0 : e->id.provider;

	*out = (struct revocation){
		.kind = (enum revocation_kind)e->id.kind,
		.provider = { all.p, n },
		.text = str_from(all, n),
		.digest = e->id.provider == BY_DIGEST,
		.before_ms = e->before_ms,
		.until = e->until,
	};
}
