/* proxy/redis_revocations.c - see proxy/redis_revocations.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "conf/secret.h"
#include "proxy/redis_revocations.h"
#include "proxy/revoke.h"
#include "session/revoked.h"

#define PAGE     250 /* entries at a time, */
#define PAGE_STR "250"
#define LINES    32 /* and lines in one of them: all are less than REDIS_REPLY_MAX */
#define SWEEP_MS 60000
#define ID_MAX   48
#define MARK_MAX 32

struct redis_revocations {
	struct event_base *base;
	struct post *post;
	struct shared *shared;
	struct timers *timers;
	struct redis *redis; /* ours; NULL: there is none */
	char *at, *key, *mark_key;
	int64_t stale;

	struct timer timer;
	struct redis_op *op;
	enum { IDLE, MARKING, SAYING, READING, SWEEPING } doing;
	int64_t asked;        /* ms: when op was sent */
	char last[ID_MAX];    /* the entry that was read last */
	char sweep[ID_MAX];   /* where the next page to sweep begins */
	int64_t swept;        /* ms */
	char mark[MARK_MAX];  /* as it was when all was read; "": not known */
	bool owing;           /* this Redis does not have what the table has: it is being told */
	size_t told, telling; /* up to where in the table it was, and will have been with op's answer */
	size_t n_told, n_telling;
	bool whole; /* all was read since the connection was there */
	bool tried;
	bool said_line, said_full, said_failure; /* once is enough */
};

static void stop(struct redis_revocations *);
static int64_t known_until(const struct redis_revocations *);
static void changed(void *, bool, const char *);
static void set_state(struct shared *, bool, const char *);
static void read_anew(struct redis_revocations *);
static void ask(struct redis_revocations *, const struct str *, size_t, int);
static void ask_mark(struct redis_revocations *);
static void ask_page(struct redis_revocations *);
static void ask_sweep(struct redis_revocations *);
static void asked(void *);
static void take_mark(struct redis_revocations *, const struct redis_value *);
static void say_again(struct redis_revocations *);
static void take_page(struct redis_revocations *, const struct redis_value *);
static void take_sweep(struct redis_revocations *, const struct redis_value *);
static size_t take_entries(struct redis_revocations *, const struct redis_value *, char *last, bool add);
static bool take_lines(struct redis_revocations *, const struct redis_value *, struct mem *, bool add);
static void drop(struct redis_revocations *, const struct str *, size_t);
static void fresh(struct redis_revocations *);
static void again(struct redis_revocations *, int64_t);
static void look(struct timer *);

struct redis_revocations *
redis_revocations_new(struct event_base *base, struct post *post, struct shared *sh)
{
	struct redis_revocations *x = xcalloc(1, sizeof(*x));

	x->base = base;
	x->post = post;
	x->shared = sh;
	x->timers = timers_new(base);
	(void)pthread_mutex_init(&sh->redis.lock, NULL);
	atomic_store(&sh->fresh_until, INT64_MAX);
	return x;
}

void
redis_revocations_free(struct redis_revocations **xp)
{
	struct redis_revocations *x = *xp;

	*xp = NULL;
	if (x == NULL)
		return;
	stop(x);
	timers_free(&x->timers);
	(void)pthread_mutex_destroy(&x->shared->redis.lock);
	free(x);
}

static void
stop(struct redis_revocations *x)
{
	timer_clear(&x->timer);
	redis_release(&x->op);
	redis_unref(&x->redis);
	free(x->at);
	free(x->key);
	free(x->mark_key);
	x->at = x->key = x->mark_key = NULL;
}

void
redis_revocations_use(struct redis_revocations *x, const struct snapshot *s)
{
	const struct conf_redis *c = &s->conf->session.redis;
	const struct redis_home home = { .base = x->base, .post = x->post, .changed = changed, .arg = x };
	char *key = c->host == NULL ? NULL : xprintf("%srevocations", c->prefix);
	bool same = x->redis != NULL && key != NULL && redis_is(x->redis, c) && strcmp(x->key, key) == 0;

	x->stale = s->conf->session.revocation_stale;
	if (same || key == NULL) {
		free(key);
		if (same)
			redis_use_tls(x->redis, s->redis_tls);
		else
			stop(x);
		if (!same)
			atomic_store(&x->shared->fresh_until, INT64_MAX);
		x->tried = true;
		return;
	}
	stop(x);
	x->at = xstrdup(c->at);
	x->key = key;
	x->mark_key = xprintf("%srevocations:mark", c->prefix);
	x->tried = false;
	/* At a reload what the one before had is in the table, and this one may have nothing of it. */
	(void)snprintf(x->mark, sizeof(x->mark), "%s", atomic_load(&x->shared->started) ? "another" : "");
	x->owing = false;
	atomic_store(&x->shared->fresh_until, known_until(x));
	set_state(x->shared, false, "not reached yet");
	x->redis = redis_new(&home, c, s->redis_tls);
}

/* At a start nobody is here whom that would turn away; at a reload the view of the one before is as old as it
 * was. */
static int64_t
known_until(const struct redis_revocations *x)
{
	int64_t before = atomic_load(&x->shared->fresh_until), from_now = timers_now() + x->stale;

	if (!atomic_load(&x->shared->started))
		return 0;
	return before < from_now ? before : from_now;
}

bool
redis_revocations_tried(const struct redis_revocations *x)
{
	return x->tried;
}

static void
changed(void *arg, bool up, const char *why)
{
	struct redis_revocations *x = arg;

	set_state(x->shared, up, why);
	if (up) {
		log_info("%s can be used", x->at);
		read_anew(x);
		return;
	}
	log_warn("%s cannot be used: %s", x->at, why);
	x->tried = true;
	redis_release(&x->op);
	timer_clear(&x->timer);
}

static void
set_state(struct shared *sh, bool up, const char *why)
{
	atomic_store(&sh->redis.up, up);
	(void)pthread_mutex_lock(&sh->redis.lock);
	(void)snprintf(sh->redis.why, sizeof(sh->redis.why), "%s", why);
	(void)pthread_mutex_unlock(&sh->redis.lock);
}

bool
redis_revocations_state(struct shared *sh, char *why)
{
	(void)pthread_mutex_lock(&sh->redis.lock);
	(void)snprintf(why, sizeof(sh->redis.why), "%s", sh->redis.why);
	(void)pthread_mutex_unlock(&sh->redis.lock);
	return atomic_load(&sh->redis.up);
}

/* --- reading --- */

static void
read_anew(struct redis_revocations *x)
{
	x->whole = false;
	(void)snprintf(x->last, sizeof(x->last), "0-0");
	(void)snprintf(x->sweep, sizeof(x->sweep), "-");
	x->swept = timers_now();
	ask_mark(x);
}

static void
ask(struct redis_revocations *x, const struct str *words, size_t n, int doing)
{
	struct err e;

	timer_clear(&x->timer);
	redis_release(&x->op);
	x->doing = doing;
	x->asked = timers_now();
	x->op = redis_ask(x->redis, words, n, asked, x, &e);
	if (x->op == NULL)
		again(x, REDIS_READ_MS);
}

/* Whoever finds none leaves a new one: all see that what was there before is gone. */
static void
ask_mark(struct redis_revocations *x)
{
	unsigned char bytes[12];
	char mark[MARK_MAX];

	secret_random(bytes, sizeof(bytes));
	(void)secret_b64(mark, bytes, sizeof(bytes));
	redis_tell(x->redis, (struct str[]){ STR("SETNX"), str_of(x->mark_key), str_of(mark) }, 3);
	ask(x, (struct str[]){ STR("GET"), str_of(x->mark_key) }, 2, MARKING);
}

static void
ask_page(struct redis_revocations *x)
{
	ask(x,
	    (struct str[]){
		STR("XREAD"), STR("COUNT"), STR(PAGE_STR), STR("STREAMS"), str_of(x->key), str_of(x->last) },
	    6, READING);
}

static void
ask_sweep(struct redis_revocations *x)
{
	ask(x,
	    (struct str[]){
		STR("XRANGE"), str_of(x->key), str_of(x->sweep), STR("+"), STR("COUNT"), STR(PAGE_STR) },
	    6, SWEEPING);
}

static void
asked(void *arg)
{
	struct redis_revocations *x = arg;
	const struct redis_value *v;
	struct err e;

	if (redis_take(x->op, &v, &e) == -1) {
		if (!x->said_failure)
			log_request(LOG_LEVEL_WARN, NULL, e.reason, "revocations cannot be %s: %s",
			    x->doing == SAYING ? "told" : "read", e.text);
		x->said_failure = true;
		if (x->doing == SAYING) { /* it may still be read; that is tried again with the next mark */
			ask_page(x);
			return;
		}
		set_state(x->shared, false, e.text);
		x->tried = true;
		redis_release(&x->op);
		again(x, REDIS_PATIENCE_MS);
		return;
	}
	switch (x->doing) {
	case MARKING:
		take_mark(x, v);
		break;
	case SAYING:
		x->told = x->telling;
		x->n_told = x->n_telling;
		say_again(x);
		break;
	case READING:
		take_page(x, v);
		break;
	case SWEEPING:
		take_sweep(x, v);
		break;
	case IDLE:
		break;
	}
}

/* Another mark than before: this Redis has forgotten what it knew, or never knew it. */
static void
take_mark(struct redis_revocations *x, const struct redis_value *v)
{
	char was[MARK_MAX];

	(void)snprintf(was, sizeof(was), "%s", x->mark);
	(void)snprintf(x->mark, sizeof(x->mark), "%s", v->type == REDIS_TEXT ? v->text.p : "");
	x->owing = x->owing || (was[0] != '\0' && strcmp(was, x->mark) != 0);
	x->told = x->n_told = 0;
	if (x->owing)
		say_again(x);
	else
		ask_page(x);
}

/*
 * One entry at a time, each after the answer to the one before: a table may
 * hold more than a connection takes at once, and a Redis may refuse it.
 */
static void
say_again(struct redis_revocations *x)
{
	struct mem *m = mem_new(SIZE_MAX);
	struct str words[3 + 2 * LINES] = { STR("XADD"), str_of(x->key), STR("*") };
	struct revocation one;
	size_t k = 3;

	x->telling = x->told;
	x->n_telling = x->n_told;
	while (k + 2 <= 3 + 2 * LINES &&
	       revoked_next(x->shared->revoked, &x->telling, clock_seconds(), m, &one)) {
		words[k++] = STR("r");
		words[k++] = revocation_print(&one, m);
		x->n_telling++;
	}
	if (k > 3)
		ask(x, words, k, SAYING);
	else {
		x->owing = false;
		log_warn(
		    "%s did not have the revocations that are known here; %zu were added", x->at, x->n_told);
		ask_page(x);
	}
	mem_free(&m);
}

/* [[KEY, [ENTRY, ...]]], or nil: nothing new. */
static void
take_page(struct redis_revocations *x, const struct redis_value *v)
{
	const struct redis_value *list =
	    v->type == REDIS_LIST && v->n == 1 && v->v[0].type == REDIS_LIST && v->v[0].n == 2 ? &v->v[0].v[1]
											       : NULL;
	size_t n = list == NULL ? 0 : take_entries(x, list, x->last, true);

	if (n == PAGE) {
		ask_page(x);
		return;
	}
	fresh(x);
	if (timers_now() - x->swept >= SWEEP_MS)
		ask_sweep(x);
	else
		again(x, REDIS_READ_MS);
}

static void
take_sweep(struct redis_revocations *x, const struct redis_value *v)
{
	x->swept = timers_now();
	if (v->type != REDIS_LIST || take_entries(x, v, x->sweep, false) < PAGE)
		(void)snprintf(x->sweep, sizeof(x->sweep), "-");
	ask_mark(x);
}

/* ENTRY: [ID, [FIELD, VALUE, ...]].  Those that have run out are deleted there, the others are added here. */
static size_t
take_entries(struct redis_revocations *x, const struct redis_value *list, char *last, bool add)
{
	struct mem *m = mem_new(SIZE_MAX);
	struct str *over = mem_alloc(m, (list->n + 1) * sizeof(*over));
	size_t n_over = 0;
	bool any = false;

	if (list->type != REDIS_LIST) {
		mem_free(&m);
		return 0;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct redis_value *e = &list->v[i];

		if (e->type != REDIS_LIST || e->n != 2 || e->v[0].type != REDIS_TEXT ||
		    e->v[0].text.n >= ID_MAX)
			continue;
		(void)snprintf(last, ID_MAX, "%s", e->v[0].text.p);
		if (!take_lines(x, &e->v[1], m, add))
			over[n_over++] = e->v[0].text;
		else
			any = any || add;
	}
	drop(x, over, n_over);
	if (any)
		revoke_look(x->shared);
	mem_free(&m);
	return list->n;
}

/* false: all of them have run out. */
static bool
take_lines(struct redis_revocations *x, const struct redis_value *fields, struct mem *m, bool add)
{
	int64_t now = clock_seconds();
	bool needed = false;

	for (size_t i = 0; fields->type == REDIS_LIST && i + 1 < fields->n; i += 2) {
		struct revocation one;

		if (fields->v[i].type != REDIS_TEXT || !str_is(fields->v[i].text, STR("r")) ||
		    fields->v[i + 1].type != REDIS_TEXT ||
		    !revocation_parse(fields->v[i + 1].text, m, &one)) {
			if (!x->said_line)
				log_warn("%s: %s holds what is no revocation that this version knows", x->at,
				    x->key);
			x->said_line = needed = true; /* another version may know it */
			continue;
		}
		if (one.until <= now)
			continue;
		needed = true;
		if (add && revoked_end(x->shared->revoked, &one, now) == -1 && !x->said_full) {
			log_request(LOG_LEVEL_ERROR, NULL, REASON_REVOCATION_FULL,
			    "the table of ended sessions is full: one that another instance ended is "
			    "good here until it expires");
			x->said_full = true;
		}
	}
	return needed;
}

static void
drop(struct redis_revocations *x, const struct str *ids, size_t n)
{
	while (n > 0) {
		struct str words[REDIS_WORDS_MAX] = { STR("XDEL"), str_of(x->key) };
		size_t k = n < REDIS_WORDS_MAX - 2 ? n : REDIS_WORDS_MAX - 2;

		memcpy(words + 2, ids, k * sizeof(*ids));
		redis_tell(x->redis, words, k + 2);
		ids += k;
		n -= k;
	}
}

/* What the stream held when it was asked is in the table. */
static void
fresh(struct redis_revocations *x)
{
	if (!x->whole || !atomic_load(&x->shared->redis.up))
		set_state(x->shared, true, "");
	x->whole = x->tried = true;
	x->said_full = x->said_failure = false;
	atomic_store(&x->shared->fresh_until, x->asked + x->stale);
}

static void
again(struct redis_revocations *x, int64_t ms)
{
	timer_set(x->timers, &x->timer, look, ms);
}

/* --- called by the timer wheel --- */

static void
look(struct timer *t)
{
	struct redis_revocations *x = timer_owner(t, struct redis_revocations, timer);

	if (x->mark[0] == '\0')
		ask_mark(x);
	else if (x->owing)
		say_again(x);
	else
		ask_page(x);
}
