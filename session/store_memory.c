/*
 * session/store_memory.c - tokens kept in this process, see session/store.h
 *
 * One table, shared by all threads and handed on from snapshot to snapshot: a
 * hash of sids to find them by, and a heap by their sessions' ends, from which
 * those that are over go and, when it is full, those that would end first.
 * What a session costs is its record and some 150 bytes beside it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/log.h"
#include "session/hash.h"
#include "session/store_impl.h"
#include "session/tokens.h"

#define BUCKETS  65536
#define SID_MAX  64
#define SAY_EACH 60 /* seconds */

struct kept {
	struct kept *next; /* in its bucket */
	size_t place;      /* in the heap */
	int64_t ends;
	size_t n_sid, n;
	char sid[SID_MAX];
	char record[]; /* n bytes */
};

struct memory {
	atomic_uint refs;
	pthread_mutex_t lock;
	struct hash_key key;
	struct kept *buckets[BUCKETS];
	struct kept **heap; /* ours; the one that ends first comes first */
	size_t n, cap;
	size_t bytes;
	size_t max, max_bytes;
	int64_t said;
};

struct store_memory {
	struct store store;
	struct memory *memory; /* counted */
};

struct memory_op {
	struct store_op op;
	struct mem *mem;   /* ours */
	struct str record; /* STORE_GET; n is 0: there is none */
};

static enum store_answer ask(struct store *, const struct store_question *, struct store_op **, struct err *);
static int take(struct store_op *, struct mem *, struct store_reply *, struct err *);
static void end(struct store_op *);
static void free_store(struct store *);
static size_t put(struct memory *, const struct store_question *, struct str record);
static struct str get(struct memory *, struct str sid, struct mem *);
static void drop(struct memory *, struct str sid);
static struct kept **find(struct memory *, struct str sid);
static void forget(struct memory *, struct kept *);
static size_t make_room(struct memory *, size_t bytes, int64_t now);
static void heap_add(struct memory *, struct kept *);
static void heap_remove(struct memory *, struct kept *);
static void heap_up(struct memory *, size_t);
static void heap_down(struct memory *, size_t);
static void heap_set(struct memory *, size_t, struct kept *);

static const struct store_kind kind = { .ask = ask, .take = take, .end = end, .free = free_store };

struct store *
store_memory_new(struct store *old, size_t sessions, size_t bytes)
{
	struct store_memory *s = xcalloc(1, sizeof(*s));
	struct memory *y;

	s->store.kind = &kind;
	if (old != NULL && old->kind == &kind) {
		s->memory = ((struct store_memory *)old)->memory;
		(void)atomic_fetch_add(&s->memory->refs, 1);
		return &s->store;
	}
	s->memory = y = xcalloc(1, sizeof(*y));
	atomic_init(&y->refs, 1);
	(void)pthread_mutex_init(&y->lock, NULL);
	hash_key_init(&y->key);
	y->max = sessions;
	y->max_bytes = bytes;
	return &s->store;
}

static void
free_store(struct store *store)
{
	struct store_memory *s = (struct store_memory *)store;
	struct memory *y = s->memory;

	free(s);
	if (atomic_fetch_sub(&y->refs, 1) > 1)
		return;
	while (y->n > 0)
		forget(y, y->heap[0]);
	free(y->heap);
	(void)pthread_mutex_destroy(&y->lock);
	free(y);
}

static enum store_answer
ask(struct store *store, const struct store_question *q, struct store_op **op, struct err *e)
{
	struct memory *y = ((struct store_memory *)store)->memory;
	struct memory_op *o = xcalloc(1, sizeof(*o));
	struct str record = { NULL, 0 };
	size_t full = 0;

	(void)e;
	o->mem = mem_new(SIZE_MAX);
	if (q->verb == STORE_PUT)
		record = tokens_print(q->tokens, o->mem);
	(void)pthread_mutex_lock(&y->lock);
	switch (q->verb) {
	case STORE_PUT:
		full = put(y, q, record);
		break;
	case STORE_GET:
		o->record = get(y, q->sid, o->mem);
		break;
	case STORE_DROP:
		drop(y, q->sid);
		break;
	case STORE_LOCK: /* nobody else has this table */
		break;
	}
	(void)pthread_mutex_unlock(&y->lock);
	if (full > 0)
		log_warn(
		    "session: no room for the tokens of more than %zu sessions: those that end first are "
		    "given up, and will not be renewed",
		    full);
	*op = &o->op;
	return STORE_READY;
}

static int
take(struct store_op *op, struct mem *m, struct store_reply *out, struct err *e)
{
	const struct memory_op *o = (const struct memory_op *)op;

	out->got = true;
	if (op->verb == STORE_GET && o->record.n > 0 && !tokens_parse(o->record, m, &out->tokens))
		return err_set(e, REASON_SYSTEM, "store: a record that is none");
	return 0;
}

static void
end(struct store_op *op)
{
	struct memory_op *o = (struct memory_op *)op;

	mem_free(&o->mem);
	free(o);
}

/* --- with the lock --- */

/* As make_room() has it. */
static size_t
put(struct memory *y, const struct store_question *q, struct str record)
{
	int64_t now = q->visit->now_ms / 1000;
	size_t full;
	struct kept *k, **at;

	drop(y, q->sid);
	if (q->sid.n > SID_MAX)
		return 0;
	full = make_room(y, sizeof(*k) + record.n, now);
	k = xmalloc(sizeof(*k) + record.n);
	k->n_sid = q->sid.n;
	memcpy(k->sid, q->sid.p, q->sid.n);
	k->n = record.n;
	memcpy(k->record, record.p, record.n);
	k->ends = q->tokens->session_ends > 0 ? q->tokens->session_ends : now + SESSION_LIFE_MAX;
	at = find(y, q->sid);
	k->next = NULL;
	*at = k;
	y->bytes += sizeof(*k) + k->n;
	heap_add(y, k);
	return full;
}

static struct str
get(struct memory *y, struct str sid, struct mem *m)
{
	const struct kept *k = *find(y, sid);
	char *p;

	if (k == NULL)
		return (struct str){ NULL, 0 };
	p = mem_secret(m, k->n);
	memcpy(p, k->record, k->n);
	return (struct str){ p, k->n };
}

static void
drop(struct memory *y, struct str sid)
{
	struct kept *k = *find(y, sid);

	if (k != NULL)
		forget(y, k);
}

static struct kept **
find(struct memory *y, struct str sid)
{
	struct kept **at = &y->buckets[hash_text(&y->key, sid) % BUCKETS];

	while (*at != NULL && !str_is((struct str){ (*at)->sid, (*at)->n_sid }, sid))
		at = &(*at)->next;
	return at;
}

static void
forget(struct memory *y, struct kept *k)
{
	*find(y, (struct str){ k->sid, k->n_sid }) = k->next;
	heap_remove(y, k);
	y->bytes -= sizeof(*k) + k->n;
	OPENSSL_cleanse(k->record, k->n);
	free(k);
}

/*
 * Those that are over, and when that is not enough those that would be so
 * first: then, once in a while, how many there is room for, to be told.
 */
static size_t
make_room(struct memory *y, size_t bytes, int64_t now)
{
	size_t lost = 0;

	while (y->n > 0 && y->heap[0]->ends <= now) /* NOLINT: what is forgotten has left the heap */
		forget(y, y->heap[0]);
	for (; y->n > 0 && (y->n >= y->max || y->bytes + bytes > y->max_bytes); lost++)
		forget(y, y->heap[0]); /* NOLINT: the same */
	if (lost == 0 || now - y->said < SAY_EACH)
		return 0;
	y->said = now;
	return y->n + 1;
}

/* --- the heap --- */

static void
heap_add(struct memory *y, struct kept *k)
{
	if (y->n == y->cap) {
		y->cap = y->cap == 0 ? 64 : 2 * y->cap;
		y->heap = xrealloc(y->heap, y->cap * sizeof(struct kept *));
	}
	heap_set(y, y->n++, k);
	heap_up(y, k->place);
}

static void
heap_remove(struct memory *y, struct kept *k)
{
	size_t place = k->place;
	struct kept *last = y->heap[--y->n];

	if (last == k)
		return;
	heap_set(y, place, last);
	heap_up(y, place);
	heap_down(y, last->place);
}

static void
heap_up(struct memory *y, size_t i)
{
	struct kept *k = y->heap[i];

	for (; i > 0 && y->heap[(i - 1) / 2]->ends > k->ends; i = (i - 1) / 2)
		heap_set(y, i, y->heap[(i - 1) / 2]);
	heap_set(y, i, k);
}

static void
heap_down(struct memory *y, size_t i)
{
	struct kept *k = y->heap[i];

	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < y->n && y->heap[child + 1]->ends < y->heap[child]->ends)
			child++;
		if (child >= y->n || y->heap[child]->ends >= k->ends)
			break;
		heap_set(y, i, y->heap[child]);
		i = child;
	}
	heap_set(y, i, k);
}

static void
heap_set(struct memory *y, size_t i, struct kept *k)
{
	y->heap[i] = k;
	k->place = i;
}
