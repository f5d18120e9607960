/* proxy/grants.c - see proxy/grants.h */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "conf/mem.h"
#include "proxy/grants.h"
#include "session/hash.h"

#define BUCKETS  8192 /* by sid alone: all of one session are in one */
#define SWEPT    4    /* entries that each new one looks at whether they are over */
#define SID_MAX  64
#define LIFE_MAX (30 * 86400) /* seconds */

TAILQ_HEAD(entries, entry);

struct entry {
	struct entry *next;       /* in its bucket */
	TAILQ_ENTRY(entry) order; /* that was asked for longest ago first */
	char sid[SID_MAX];
	size_t n_sid;
	unsigned long generation;
	size_t outbound;
	struct outbound_token *token; /* NULL: it failed */
	struct mem *mem;              /* ours; of what follows */
	struct session whose;         /* as much as ends it */
	struct err why;
	int64_t got, until; /* ms */
	size_t bytes;
};

struct grants {
	pthread_mutex_t lock;
	struct hash_key key;
	struct entry *buckets[BUCKETS];
	struct entries entries;
	size_t n, bytes;
};

static void keep_whose(struct entry *, const struct session *);
static struct entry **bucket(struct grants *, struct str sid);
static struct entry **find(struct grants *, const struct grants_key *);
static struct entry *add(struct grants *, const struct grants_key *, size_t bytes);
static void drop(struct grants *, struct entry **);
static void sweep(struct grants *, int64_t now);
static void make_room(struct grants *, size_t bytes);

struct grants *
grants_new(void)
{
	struct grants *g = xcalloc(1, sizeof(*g));

	(void)pthread_mutex_init(&g->lock, NULL);
	hash_key_init(&g->key);
	TAILQ_INIT(&g->entries);
	return g;
}

void
grants_free(struct grants **gp)
{
	struct grants *g = *gp;

	*gp = NULL;
	if (g == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (g->buckets[i] != NULL)
			drop(g, &g->buckets[i]);
	(void)pthread_mutex_destroy(&g->lock);
	free(g);
}

enum grants_found
grants_find(
    struct grants *g, const struct grants_key *k, int64_t now, struct outbound_token **token, struct err *why)
{
	enum grants_found found = GRANTS_NONE;
	struct entry **at, *e;

	*token = NULL;
	(void)pthread_mutex_lock(&g->lock);
	at = find(g, k);
	e = *at;
	if (e != NULL && e->until <= now)
		drop(g, at);
	else if (e != NULL) {
		found = e->token != NULL ? GRANTS_TOKEN : GRANTS_FAILED;
		*token = outbound_token_ref(e->token);
		if (found == GRANTS_FAILED)
			*why = e->why;
		TAILQ_REMOVE(&g->entries, e, order);
		TAILQ_INSERT_TAIL(&g->entries, e, order);
	}
	(void)pthread_mutex_unlock(&g->lock);
	return found;
}

void
grants_put(
    struct grants *g, const struct grants_key *k, struct str access_token, int64_t expires_in, int64_t now)
{
	const int64_t said = expires_in > 0 ? expires_in : OUTBOUND_LIFE;
	const int64_t life = (said < LIFE_MAX ? said : LIFE_MAX) * 1000;
	struct entry *e;

	(void)pthread_mutex_lock(&g->lock);
	sweep(g, now);
	e = add(g, k, access_token.n);
	if (e != NULL) {
		if (k->session != NULL)
			keep_whose(e, k->session);
		e->token = outbound_token_new(access_token);
		e->got = now;
		e->until = now + life - life / 3;
	}
	(void)pthread_mutex_unlock(&g->lock);
}

/* What revocations may name. */
static void
keep_whose(struct entry *e, const struct session *s)
{
	e->mem = mem_new(SIZE_MAX);
	e->whose = (struct session){
		.sid = { e->sid, e->n_sid },
		.op_sid = mem_str(e->mem, s->op_sid),
		.sub = mem_str(e->mem, s->sub),
		.username = mem_str(e->mem, s->username),
		.idp = mem_str(e->mem, s->idp),
		.sst = s->sst,
	};
}

void
grants_fail(struct grants *g, const struct grants_key *k, const struct err *why, int64_t now)
{
	struct entry *e;

	(void)pthread_mutex_lock(&g->lock);
	sweep(g, now);
	e = add(g, k, 0);
	if (e != NULL) {
		e->why = *why;
		e->until = now + GRANTS_AGAIN;
	}
	(void)pthread_mutex_unlock(&g->lock);
}

void
grants_reject(struct grants *g, const struct grants_key *k, const struct outbound_token *token, int64_t now)
{
	struct entry **at;

	(void)pthread_mutex_lock(&g->lock);
	at = find(g, k);
	if (*at != NULL && (*at)->token == token && now - (*at)->got >= GRANTS_AGAIN)
		drop(g, at);
	(void)pthread_mutex_unlock(&g->lock);
}

void
grants_drop(struct grants *g, struct str sid)
{
	struct entry **at;

	(void)pthread_mutex_lock(&g->lock);
	for (at = bucket(g, sid); *at != NULL;)
		if (str_is((struct str){ (*at)->sid, (*at)->n_sid }, sid))
			drop(g, at);
		else
			at = &(*at)->next;
	(void)pthread_mutex_unlock(&g->lock);
}

size_t
grants_drop_revoked(struct grants *g, const struct revoked *revoked, int64_t now_s)
{
	struct entry *e, *next;
	size_t before, n;

	(void)pthread_mutex_lock(&g->lock);
	before = g->n;
	for (e = TAILQ_FIRST(&g->entries); e != NULL; e = next) {
		const struct grants_key k = {
			.sid = { e->sid, e->n_sid }, .generation = e->generation, .outbound = e->outbound
		};

		next = TAILQ_NEXT(e, order);
		if (e->mem != NULL && revoked_session(revoked, &e->whose, now_s))
			drop(g, find(g, &k));
	}
	n = before - g->n;
	(void)pthread_mutex_unlock(&g->lock);
	return n;
}

/* --- entries; the lock is held --- */

static struct entry **
bucket(struct grants *g, struct str sid)
{
	return &g->buckets[hash_text(&g->key, sid) % BUCKETS];
}

static struct entry **
find(struct grants *g, const struct grants_key *k)
{
	struct entry **at = bucket(g, k->sid), *e;

	for (; (e = *at) != NULL; at = &e->next)
		if (e->outbound == k->outbound && e->generation == k->generation &&
		    str_is((struct str){ e->sid, e->n_sid }, k->sid))
			break;
	return at;
}

/* In place of the one that is there; NULL for what is no sid of ours. */
static struct entry *
add(struct grants *g, const struct grants_key *k, size_t bytes)
{
	struct entry **at, *e;

	if (k->sid.n > SID_MAX)
		return NULL;
	at = find(g, k);
	if (*at != NULL)
		drop(g, at);
	make_room(g, bytes + sizeof(*e));
	e = xcalloc(1, sizeof(*e));
	memcpy(e->sid, k->sid.p, k->sid.n);
	e->n_sid = k->sid.n;
	e->generation = k->generation;
	e->outbound = k->outbound;
	e->bytes = bytes + sizeof(*e);
	at = bucket(g, k->sid);
	e->next = *at;
	*at = e;
	TAILQ_INSERT_TAIL(&g->entries, e, order);
	g->n++;
	g->bytes += e->bytes;
	return e;
}

static void
drop(struct grants *g, struct entry **at)
{
	struct entry *e = *at;

	*at = e->next; /* NOLINT: what stands in the queue stands in its bucket */
	TAILQ_REMOVE(&g->entries, e, order);
	g->n--;
	g->bytes -= e->bytes;
	outbound_token_release(&e->token);
	mem_free(&e->mem);
	free(e);
}

/* A few at a time, so that what nobody asks for again does not stay until there is no room. */
static void
sweep(struct grants *g, int64_t now)
{
	struct entry *e;

	for (int i = 0; i < SWEPT && (e = TAILQ_FIRST(&g->entries)) != NULL; i++) {
		const struct grants_key k = {
			.sid = { e->sid, e->n_sid }, .generation = e->generation, .outbound = e->outbound
		};

		if (e->until <= now) {
			drop(g, find(g, &k));
			continue;
		}
		TAILQ_REMOVE(&g->entries, e, order);
		TAILQ_INSERT_TAIL(&g->entries, e, order);
	}
}

static void
make_room(struct grants *g, size_t bytes)
{
	struct entry *e;

	while ((g->n >= GRANTS_MAX || g->bytes + bytes > GRANTS_BYTES) &&
	       (e = TAILQ_FIRST(&g->entries)) != NULL) {
		const struct grants_key k = {
			.sid = { e->sid, e->n_sid }, .generation = e->generation, .outbound = e->outbound
		};

		drop(g, find(g, &k));
	}
}
