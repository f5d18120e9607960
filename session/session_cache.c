/* session/session_cache.c - see session/session_cache.h */
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "session/hash.h"
#include "session/record.h"
#include "session/session_cache.h"

#define WAYS   8    /* places a cookie may be in; with their hashes two cache lines */
#define TAIL   40   /* bytes of a value that are hashed */
#define TOKENS 2048 /* sessions whose tokens are remembered */

struct entry {
	uint64_t verifier;
	unsigned references; /* the table's own, and one per mem it was given for */
	struct str value;    /* in bytes, behind what it holds */
	const void *held;    /* in bytes */
	size_t size;
	alignas(max_align_t) char bytes[];
};

/* What a sealed cookie held. */
struct held_tokens {
	struct str sid; /* the session that it opened for */
	struct tokens tokens;
};

struct place {
	uint64_t hash;
	struct entry *entry; /* ours; NULL: free */
};

struct table {
	size_t sets;  /* a power of two */
	size_t bytes; /* of all entries */
	size_t most;  /* bytes of all entries together */
	size_t hand;  /* the place that is given up next when bytes run short */
	struct place (*v)[WAYS];
};

struct session_cache {
	struct hash_key key;
	struct table sessions;
	struct table tokens; /* without places until the first are remembered */
};

static void table_init(struct table *, size_t entries, size_t most);
static void table_release(struct table *);
static struct entry *find(const struct session_cache *, struct table *, uint64_t verifier, struct str value);
static void add(const struct session_cache *, struct table *, struct entry *);
static void to_front(struct place *, size_t from, struct place);
static uint64_t place_hash(const struct session_cache *, uint64_t verifier, struct str value);
static struct entry *entry_new(uint64_t verifier, struct str value, size_t n);
static struct str keep(char **at, struct str);
static void make_room(struct table *, size_t);
static void forget(struct table *, struct place *);
static const void *hold(struct entry *, struct mem *);
static void let_go(void *);

struct session_cache *
session_cache_new(size_t entries)
{
	struct session_cache *c = xcalloc(1, sizeof(*c));

	hash_key_init(&c->key);
	table_init(&c->sessions, entries, SESSION_CACHE_BYTES_MAX);
	return c;
}

/* Twice the places, so that hardly a cookie finds all of its own taken while others are free. */
static void
table_init(struct table *t, size_t entries, size_t most)
{
	for (t->sets = 1; t->sets * WAYS < 2 * entries; t->sets *= 2)
		;
	t->v = xcalloc(t->sets, sizeof(*t->v));
	t->most = most;
}

void
session_cache_free(struct session_cache **c)
{
	if (*c == NULL)
		return;
	table_release(&(*c)->sessions);
	table_release(&(*c)->tokens);
	free(*c);
	*c = NULL;
}

static void
table_release(struct table *t)
{
	size_t i;

	for (i = 0; i < t->sets * WAYS; i++)
		forget(t, &t->v[i / WAYS][i % WAYS]);
	free(t->v);
}

uint64_t
session_cache_verifier(void)
{
	static atomic_uint_fast64_t numbers = 0;

	return ++numbers;
}

const struct session *
session_cache_get(struct session_cache *c, uint64_t verifier, struct str value, struct mem *m)
{
	struct entry *e = find(c, &c->sessions, verifier, value);

	return e == NULL ? NULL : hold(e, m);
}

const struct session *
session_cache_put(
    struct session_cache *c, uint64_t verifier, struct str value, const struct session *s, struct mem *m)
{
	struct entry *e;

	if (value.n > SESSION_CACHE_VALUE_MAX)
		return s;
	e = entry_new(verifier, value, record_size(s));
	e->held = record_copy(e->bytes, s);
	add(c, &c->sessions, e);
	return hold(e, m);
}

bool
session_cache_get_tokens(
    struct session_cache *c, const struct session_sealed *k, struct mem *m, struct tokens *out)
{
	struct entry *e = c->tokens.sets == 0 ? NULL : find(c, &c->tokens, k->verifier, k->value);
	const struct held_tokens *held = e == NULL ? NULL : e->held;

	if (held == NULL || !str_is(held->sid, k->sid))
		return false;
	(void)hold(e, m);
	*out = held->tokens;
	return true;
}

void
session_cache_put_tokens(struct session_cache *c, const struct session_sealed *k, const struct tokens *t)
{
	struct held_tokens *held;
	struct entry *e;
	char *at;

	if (c->tokens.sets == 0)
		table_init(&c->tokens, TOKENS, SESSION_CACHE_TOKENS_MAX);
	e = entry_new(k->verifier, k->value,
	    sizeof(*held) + k->sid.n + t->id_token.n + t->access_token.n + t->refresh_token.n + t->session.n +
		5);
	held = (struct held_tokens *)e->bytes;
	at = e->bytes + sizeof(*held);
	held->tokens = *t;
	held->sid = keep(&at, k->sid);
	held->tokens.id_token = keep(&at, t->id_token);
	held->tokens.access_token = keep(&at, t->access_token);
	held->tokens.refresh_token = keep(&at, t->refresh_token);
	held->tokens.session = keep(&at, t->session);
	e->held = held;
	add(c, &c->tokens, e);
}

/* A terminated copy; of nothing, nothing. */
static struct str
keep(char **at, struct str s)
{
	char *p = *at;

	if (s.p == NULL)
		return s;
	memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	*at += s.n + 1;
	return (struct str){ p, s.n };
}

static struct entry *
find(const struct session_cache *c, struct table *t, uint64_t verifier, struct str value)
{
	uint64_t hash = place_hash(c, verifier, value);
	struct place *set = t->v[hash & (t->sets - 1)];
	size_t i;

	for (i = 0; i < WAYS; i++) {
		struct entry *e = set[i].entry;

		if (set[i].hash != hash || e == NULL || e->verifier != verifier || !str_is(e->value, value))
			continue;
		to_front(set, i, set[i]);
		return e;
	}
	return NULL;
}

/* The table's from now on. */
static void
add(const struct session_cache *c, struct table *t, struct entry *e)
{
	uint64_t hash = place_hash(c, e->verifier, e->value);
	struct place *set = t->v[hash & (t->sets - 1)];
	size_t i;

	make_room(t, e->size);
	for (i = 0; i < WAYS - 1 && set[i].entry != NULL; i++)
		;
	forget(t, &set[i]);
	to_front(set, i, (struct place){ hash, e });
	t->bytes += e->size;
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

/* Room for n bytes that the caller fills, and behind them the value. */
static struct entry *
entry_new(uint64_t verifier, struct str value, size_t n)
{
	size_t size = sizeof(struct entry) + n + value.n;
	struct entry *e = xmalloc(size);

	e->verifier = verifier;
	e->references = 1;
	e->size = size;
	memcpy(e->bytes + n, value.p, value.n);
	e->value = (struct str){ e->bytes + n, value.n };
	return e;
}

/* Ends: with every place empty there is room, since no entry is anywhere near as large as all may be. */
static void
make_room(struct table *t, size_t size)
{
	while (t->bytes > 0 && t->bytes + size > t->most) {
		forget(t, &t->v[t->hand / WAYS][t->hand % WAYS]);
		t->hand = (t->hand + 1) & (t->sets * WAYS - 1);
	}
}

static void
forget(struct table *t, struct place *p)
{
	if (p->entry == NULL)
		return;
	t->bytes -= p->entry->size;
	let_go(p->entry);
	*p = (struct place){ 0, NULL };
}

static const void *
hold(struct entry *e, struct mem *m)
{
	e->references++;
	mem_on_free(m, let_go, e);
	return e->held;
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
