/* proxy/refresh_table.c - see proxy/refresh_table.h */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "proxy/refresh_copy.h"
#include "proxy/refresh_table.h"
#include "session/hash.h"

#define BUCKETS 8192
#define SWEPT   4 /* entries that each visitor looks at whether they are over */
#define SID_MAX 64

TAILQ_HEAD(waiters, refresh_waiter);
TAILQ_HEAD(entries, entry);

struct entry {
	struct entry *next;       /* in its bucket */
	TAILQ_ENTRY(entry) order; /* settled ones */
	char sid[SID_MAX];
	size_t n_sid;
	bool taken;
	int64_t until_ms;             /* settled ones */
	struct refresh_result result; /* texts in mem */
	struct mem *mem;              /* NULL while it runs */
	struct refresh_result before; /* RENEWED, for who has an older session still; in mem_before */
	struct mem *mem_before;       /* NULL: nothing */
	int64_t until_before_ms;
	size_t bytes, bytes_before;
	struct waiters waiters;
};

struct refresh_waiter {
	TAILQ_ENTRY(refresh_waiter) order;
	struct refresh_table *table;
	struct entry *entry; /* NULL: it was called, or will be at once; guarded by the table's lock */
	struct post *home;
	void (*done)(void *);
	void *arg;
	/* Of home's thread alone. */
	bool called;
	bool left;
};

struct refresh_table {
	pthread_mutex_t lock;
	struct hash_key key;
	struct entry *buckets[BUCKETS];
	struct entries settled; /* those not looked at for longest first */
	size_t n, bytes;
};

static struct entry **find(struct refresh_table *, struct str sid);
static struct entry *add(struct refresh_table *, struct entry **at, struct str sid);
static void run_again(struct refresh_table *, struct entry *);
static void forget_before(struct refresh_table *, struct entry *);
static void drop(struct refresh_table *, struct entry *);
static bool expire(struct refresh_table *, struct entry *, int64_t now_ms);
static void sweep(struct refresh_table *, int64_t now_ms);
static bool make_room(struct refresh_table *, size_t bytes);
static bool is_news(const struct entry *, const struct refresh_asker *);
static bool is_behind(const struct entry *, const struct refresh_asker *);
static void take(struct entry *, const struct refresh_asker *, struct mem *, struct refresh_result *);
static size_t copy(const struct refresh_result *, struct mem *, struct refresh_result *);
static void call(void *);

struct refresh_table *
refresh_table_new(void)
{
	struct refresh_table *t = xcalloc(1, sizeof(*t));

	(void)pthread_mutex_init(&t->lock, NULL);
	hash_key_init(&t->key);
	TAILQ_INIT(&t->settled);
	return t;
}

void
refresh_table_free(struct refresh_table **tp)
{
	struct refresh_table *t = *tp;
	size_t i;

	*tp = NULL;
	if (t == NULL)
		return;
	for (i = 0; i < BUCKETS; i++)
		while (t->buckets[i] != NULL)
			drop(t, t->buckets[i]);
	(void)pthread_mutex_destroy(&t->lock);
	free(t);
}

enum refresh_seat
refresh_table_enter(
    struct refresh_table *t, const struct refresh_asker *a, struct mem *m, struct refresh_result *out)
{
	enum refresh_seat seat = REFRESH_FIRST;
	struct entry **at, *e;

	(void)pthread_mutex_lock(&t->lock);
	sweep(t, a->now_ms);
	at = find(t, a->sid);
	e = *at;
	if (e != NULL && e->result.state == REFRESH_RUNNING) {
		seat = REFRESH_LATE;
	} else if (e != NULL && is_news(e, a)) {
		take(e, a, m, out);
		seat = REFRESH_KNOWN;
	} else if (e != NULL) {
		run_again(t, e);
	} else {
		if (a->sid.n > SID_MAX || !make_room(t, 0))
			seat = REFRESH_FULL;
		else
			(void)add(t, find(t, a->sid), a->sid);
	}
	(void)pthread_mutex_unlock(&t->lock);
	return seat;
}

bool
refresh_table_look(
    struct refresh_table *t, const struct refresh_asker *a, struct mem *m, struct refresh_result *out)
{
	struct entry *e;
	bool news;

	(void)pthread_mutex_lock(&t->lock);
	e = *find(t, a->sid);
	news = e != NULL && e->result.state != REFRESH_RUNNING && is_news(e, a);
	if (news)
		take(e, a, m, out);
	(void)pthread_mutex_unlock(&t->lock);
	return news;
}

void
refresh_table_settle(struct refresh_table *t, struct str sid, const struct refresh_result *r, int64_t now_ms)
{
	struct waiters waiting = TAILQ_HEAD_INITIALIZER(waiting);
	struct refresh_waiter *w;
	struct entry *e;

	(void)pthread_mutex_lock(&t->lock);
	e = *find(t, sid);
	if (e != NULL && e->result.state == REFRESH_RUNNING) {
		e->mem = mem_new(SIZE_MAX);
		e->bytes = copy(r, e->mem, &e->result);
		e->until_ms = now_ms + (r->state == REFRESH_RENEWED ? REFRESH_UNTAKEN : REFRESH_AGAIN);
		TAILQ_INSERT_TAIL(&t->settled, e, order);
		t->bytes += e->bytes;
		if (r->state != REFRESH_FAILED || r->tokens.refresh_token.n > 0)
			forget_before(t, e);
		TAILQ_CONCAT(&waiting, &e->waiters, order);
		TAILQ_FOREACH(w, &waiting, order)
		w->entry = NULL;
		(void)make_room(t, 0);
	}
	(void)pthread_mutex_unlock(&t->lock);
	while ((w = TAILQ_FIRST(&waiting)) != NULL) {
		TAILQ_REMOVE(&waiting, w, order);
		post_send(w->home, call, w); /* from here on it is its own thread's */
	}
}

/* --- entries; the lock is held --- */

static struct entry **
find(struct refresh_table *t, struct str sid)
{
	struct entry **at = &t->buckets[hash_text(&t->key, sid) % BUCKETS];

	while (*at != NULL && !str_is((struct str){ (*at)->sid, (*at)->n_sid }, sid))
		at = &(*at)->next;
	return at;
}

static struct entry *
add(struct refresh_table *t, struct entry **at, struct str sid)
{
	struct entry *e = xcalloc(1, sizeof(*e));

	e->n_sid = sid.n;
	memcpy(e->sid, sid.p, sid.n);
	e->result.state = REFRESH_RUNNING;
	TAILQ_INIT(&e->waiters);
	*at = e;
	t->n++;
	return e;
}

/* What it brought last time stays beside what it will bring. */
static void
run_again(struct refresh_table *t, struct entry *e)
{
	if (e->result.state == REFRESH_RENEWED) {
		forget_before(t, e);
		e->before = e->result;
		e->mem_before = e->mem;
		e->until_before_ms = e->until_ms;
		e->bytes_before = e->bytes;
	} else {
		t->bytes -= e->bytes;
		mem_free(&e->mem);
	}
	TAILQ_REMOVE(&t->settled, e, order);
	e->mem = NULL;
	e->bytes = 0;
	e->taken = false;
	e->result = (struct refresh_result){ .state = REFRESH_RUNNING };
}

static void
forget_before(struct refresh_table *t, struct entry *e)
{
	t->bytes -= e->bytes_before;
	e->bytes_before = 0;
	mem_free(&e->mem_before);
}

static void
drop(struct refresh_table *t, struct entry *e)
{
	struct entry **at = find(t, (struct str){ e->sid, e->n_sid });

	*at = e->next;
	if (e->mem != NULL)
		TAILQ_REMOVE(&t->settled, e, order);
	t->n--;
	t->bytes -= e->bytes;
	forget_before(t, e);
	mem_free(&e->mem);
	free(e);
}

/* true: it is gone.  What was there before the attempt that failed takes its place. */
static bool
expire(struct refresh_table *t, struct entry *e, int64_t now_ms)
{
	if (e->until_ms > now_ms)
		return false;
	if (e->mem_before == NULL || e->until_before_ms <= now_ms) {
		drop(t, e);
		return true;
	}
	t->bytes -= e->bytes;
	mem_free(&e->mem);
	e->result = e->before;
	e->mem = e->mem_before;
	e->until_ms = e->until_before_ms;
	e->bytes = e->bytes_before;
	e->taken = true;
	e->mem_before = NULL;
	e->bytes_before = 0;
	return false;
}

/* A few at a time: those looked at that are not over yet go to the end of the line. */
static void
sweep(struct refresh_table *t, int64_t now_ms)
{
	struct entry *e;
	int i;

	for (i = 0; i < SWEPT && (e = TAILQ_FIRST(&t->settled)) != NULL; i++) {
		if (expire(t, e, now_ms))
			continue;
		TAILQ_REMOVE(&t->settled, e, order);
		TAILQ_INSERT_TAIL(&t->settled, e, order);
	}
}

static bool
make_room(struct refresh_table *t, size_t bytes)
{
	while ((t->n >= REFRESH_SESSIONS || t->bytes + bytes > REFRESH_BYTES) && !TAILQ_EMPTY(&t->settled))
		drop(t, TAILQ_FIRST(&t->settled));
	return t->n < REFRESH_SESSIONS;
}

/* Something the asker does not have already?  That it failed, or is over, is news to everybody. */
static bool
is_news(const struct entry *e, const struct refresh_asker *a)
{
	return is_behind(e, a) ||
	       (e->until_ms > a->now_ms && (e->result.state != REFRESH_RENEWED || e->result.turn > a->turn));
}

/* It failed; but this one does not even have what was brought before. */
static bool
is_behind(const struct entry *e, const struct refresh_asker *a)
{
	return e->result.state == REFRESH_FAILED && e->mem_before != NULL && e->until_before_ms > a->now_ms &&
	       e->before.turn > a->turn;
}

static void
take(struct entry *e, const struct refresh_asker *a, struct mem *m, struct refresh_result *out)
{
	if (is_behind(e, a)) {
		(void)copy(&e->before, m, out);
		return;
	}
	if (!e->taken && !a->in_passing && e->result.state == REFRESH_RENEWED)
		e->until_ms = a->now_ms + REFRESH_TAKEN;
	e->taken = e->taken || !a->in_passing;
	(void)copy(&e->result, m, out);
}

/* Returns how many bytes that takes. */
static size_t
copy(const struct refresh_result *r, struct mem *m, struct refresh_result *out)
{
	*out = *r;
	out->tokens = refresh_copy_tokens(&r->tokens, m);
	return sizeof(struct entry) + r->tokens.id_token.n + r->tokens.access_token.n +
	       r->tokens.refresh_token.n + r->tokens.session.n + 4;
}

/* --- who waits --- */

struct refresh_waiter *
refresh_table_wait(
    struct refresh_table *t, struct str sid, struct post *home, void (*done)(void *), void *arg)
{
	struct refresh_waiter *w = xcalloc(1, sizeof(*w));
	struct entry *e;
	bool runs;

	*w = (struct refresh_waiter){ .table = t, .home = home, .done = done, .arg = arg };
	(void)pthread_mutex_lock(&t->lock);
	e = *find(t, sid);
	runs = e != NULL && e->result.state == REFRESH_RUNNING;
	if (runs) {
		w->entry = e;
		TAILQ_INSERT_TAIL(&e->waiters, w, order);
	}
	(void)pthread_mutex_unlock(&t->lock);
	if (!runs) /* else the letter may be under way already */
		post_send(home, call, w);
	return w;
}

/* The letter, on the waiter's own thread. */
static void
call(void *arg)
{
	struct refresh_waiter *w = arg;

	w->called = true;
	if (w->left)
		free(w);
	else
		w->done(w->arg);
}

void
refresh_waiter_leave(struct refresh_waiter **wp)
{
	struct refresh_waiter *w = *wp;
	bool waiting;

	*wp = NULL;
	if (w == NULL)
		return;
	(void)pthread_mutex_lock(&w->table->lock);
	waiting = w->entry != NULL;
	if (waiting)
		TAILQ_REMOVE(&w->entry->waiters, w, order);
	(void)pthread_mutex_unlock(&w->table->lock);
	if (waiting || w->called)
		free(w);
	else
		w->left = true; /* its letter is under way */
}
