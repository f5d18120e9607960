/* proxy/store_redis.c - see proxy/store_redis.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "conf/seal.h"
#include "conf/secret.h"
#include "proxy/redis.h"
#include "proxy/store_redis.h"
#include "session/store_impl.h"

#define OWNER 16 /* random bytes: whose lock it is */

/* Only its owner ends a lock: it may have run out, and be another's by now. */
#define UNLOCK "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) end return 0"

struct store_redis {
	struct store store;
	const struct conf_session *conf; /* borrowed from the snapshot */
	int64_t lock_life;               /* seconds */
	struct store *cookies;           /* ours; NULL: store = "redis" */
	struct store_keys keys;
	char owner[2 * OWNER];
};

struct store_redis_op {
	struct store_op op;
	struct store_redis *store; /* borrowed */
	struct redis_op *redis;    /* ours; NULL: it is not asked, or could not be */
	struct store_op *cookies;  /* ours; what the other store says */
	store_done *done;
	void *arg;
	char sid[64];
};

static enum store_answer ask(struct store *, const struct store_question *, struct store_op **, struct err *);
static enum store_answer ask_redis(
    struct store_redis_op *, struct redis *, const struct str *, size_t, struct err *);
static enum store_answer put(
    struct store_redis_op *, const struct store_question *, struct mem *, struct err *);
static enum store_answer put_beside(
    struct store_redis_op *, const struct store_question *, struct mem *, struct err *);
static bool seal(const struct store_redis *, const struct store_question *, struct mem *, struct str *);
static enum store_answer get(
    struct store_redis_op *, const struct store_question *, struct mem *, struct err *);
static enum store_answer drop(
    struct store_redis_op *, const struct store_question *, struct mem *, struct err *);
static enum store_answer lock(
    struct store_redis_op *, const struct store_question *, struct mem *, struct err *);
static void answered(void *);
static int take(struct store_op *, struct mem *, struct store_reply *, struct err *);
static int take_cookies(struct store_redis_op *, struct mem *, struct store_reply *, struct err *);
static bool open_record(const struct store_redis_op *, struct str, struct mem *, struct tokens *);
static void end(struct store_op *);
static void unlock(struct store *, const struct visit *, struct str);
static void free_store(struct store *);
static struct str key_of(const struct store_redis *, const char *what, struct str sid, struct mem *);
static struct str purpose_of(const struct store_redis *, struct str sid, struct mem *);

static const struct store_kind alone = {
	.ask = ask, .take = take, .end = end, .unlock = unlock, .free = free_store
};
static const struct store_kind beside = {
	.in_browser = true, .ask = ask, .take = take, .end = end, .unlock = unlock, .free = free_store
};

struct store *
store_redis_new(const struct conf_session *c, int64_t lock_life, struct store *cookies, struct err *e)
{
	struct store_redis *s = xcalloc(1, sizeof(*s));
	unsigned char owner[OWNER];

	s->store.kind = cookies == NULL ? &alone : &beside;
	s->conf = c;
	s->lock_life = lock_life;
	s->cookies = cookies;
	secret_random(owner, sizeof(owner));
	(void)secret_b64(s->owner, owner, sizeof(owner));
	if (store_keys_init(&s->keys, c, "workflow-proxy redis", e) == 0)
		return &s->store;
	free_store(&s->store);
	return NULL;
}

static void
free_store(struct store *store)
{
	struct store_redis *s = (struct store_redis *)store;

	store_free(&s->cookies);
	store_keys_release(&s->keys);
	free(s);
}

/* --- asking --- */

static enum store_answer
ask(struct store *store, const struct store_question *q, struct store_op **op, struct err *e)
{
	struct store_redis_op *o = xcalloc(1, sizeof(*o));
	struct mem *m = mem_new(SIZE_MAX);
	enum store_answer answer = STORE_FAILED;

	o->store = (struct store_redis *)store;
	o->done = q->done;
	o->arg = q->arg;
	(void)snprintf(o->sid, sizeof(o->sid), "%.*s", STR_ARG(q->sid));
	switch (q->verb) {
	case STORE_PUT:
		answer = o->store->cookies == NULL ? put(o, q, m, e) : put_beside(o, q, m, e);
		break;
	case STORE_GET:
		answer = get(o, q, m, e);
		break;
	case STORE_DROP:
		answer = drop(o, q, m, e);
		break;
	case STORE_LOCK:
		answer = lock(o, q, m, e);
		break;
	}
	mem_free(&m);
	if (answer == STORE_FAILED)
		end(&o->op);
	else
		*op = &o->op;
	return answer;
}

static enum store_answer
ask_redis(struct store_redis_op *o, struct redis *r, const struct str *words, size_t n, struct err *e)
{
	o->redis = redis_ask(r, words, n, answered, o, e);
	return o->redis == NULL ? STORE_FAILED : STORE_WAIT;
}

static void
answered(void *arg)
{
	struct store_redis_op *o = arg;

	o->done(o->arg);
}

/* Until the session is over, as far as that is known. */
static enum store_answer
put(struct store_redis_op *o, const struct store_question *q, struct mem *m, struct err *e)
{
	int64_t life = q->tokens->session_ends > 0 ? q->tokens->session_ends * 1000 - q->visit->now_ms
						   : session_longest(o->store->conf) * 1000;
	struct str sealed;

	if (!seal(o->store, q, m, &sealed)) {
		(void)err_set(e, REASON_REDIS_DOWN, "session: tokens of %zu bytes are too large to be kept",
		    tokens_size(q->tokens));
		return STORE_FAILED;
	}
	return ask_redis(o, q->visit->redis,
	    (struct str[]){ STR("SET"), key_of(o->store, "tokens", q->sid, m), sealed, STR("PX"),
		str_of(mem_printf(m, "%lld", (long long)(life < 1000 ? 1000 : life))) },
	    5, e);
}

/*
 * Nobody waits for the hand-over: what follows it on this connection, the end of
 * the lock, comes after it.  When it does not arrive there is no other way
 * either, and the browser has the cookies.
 */
static enum store_answer
put_beside(struct store_redis_op *o, const struct store_question *q, struct mem *m, struct err *e)
{
	struct str sealed;

	if (q->tokens->session.p != NULL && seal(o->store, q, m, &sealed))
		redis_tell(q->visit->redis,
		    (struct str[]){ STR("SET"), key_of(o->store, "handover", q->sid, m), sealed, STR("EX"),
			str_of(mem_printf(m, "%d", STORE_HANDOVER)) },
		    5);
	return store_ask_put(o->store->cookies, q->visit, q->sid, q->tokens, NULL, NULL, &o->cookies, e);
}

/* What is too large goes without the access token, which the next renewal brings back, then without the ID
 * token. */
static bool
seal(const struct store_redis *s, const struct store_question *q, struct mem *m, struct str *out)
{
	struct tokens t = *q->tokens;

	if (tokens_size(&t) > SEAL_PLAIN_MAX)
		t.access_token.p = NULL;
	if (tokens_size(&t) > SEAL_PLAIN_MAX)
		t.id_token.p = NULL;
	if (tokens_size(&t) > SEAL_PLAIN_MAX)
		return false;
	*out = store_keys_seal(&s->keys, purpose_of(s, q->sid, m), &t, m);
	return true;
}

/* Beside cookies: what was handed over is newer than they are; without an answer they have to do. */
static enum store_answer
get(struct store_redis_op *o, const struct store_question *q, struct mem *m, struct err *e)
{
	struct err ignored;

	if (o->store->cookies == NULL)
		return ask_redis(o, q->visit->redis,
		    (struct str[]){ STR("GET"), key_of(o->store, "tokens", q->sid, m) }, 2, e);
	if (store_ask_get(o->store->cookies, q->visit, q->sid, NULL, NULL, &o->cookies, e) == STORE_FAILED)
		return STORE_FAILED;
	return ask_redis(o, q->visit->redis,
		   (struct str[]){ STR("GET"), key_of(o->store, "handover", q->sid, m) }, 2,
		   &ignored) == STORE_WAIT
		   ? STORE_WAIT
		   : STORE_READY;
}

static enum store_answer
drop(struct store_redis_op *o, const struct store_question *q, struct mem *m, struct err *e)
{
	if (o->store->cookies == NULL)
		return ask_redis(o, q->visit->redis,
		    (struct str[]){ STR("DEL"), key_of(o->store, "tokens", q->sid, m) }, 2, e);
	redis_tell(q->visit->redis, (struct str[]){ STR("DEL"), key_of(o->store, "handover", q->sid, m) }, 2);
	return store_ask_drop(o->store->cookies, q->visit, q->sid, NULL, NULL, &o->cookies, e);
}

static enum store_answer
lock(struct store_redis_op *o, const struct store_question *q, struct mem *m, struct err *e)
{
	return ask_redis(o, q->visit->redis,
	    (struct str[]){ STR("SET"), key_of(o->store, "lock", q->sid, m), str_of(o->store->owner),
		STR("NX"), STR("EX"), str_of(mem_printf(m, "%lld", (long long)o->store->lock_life)) },
	    6, e);
}

static void
unlock(struct store *store, const struct visit *v, struct str sid)
{
	const struct store_redis *s = (const struct store_redis *)store;
	struct mem *m = mem_new(SIZE_MAX);

	redis_tell(v->redis,
	    (struct str[]){ STR("EVAL"), STR(UNLOCK), STR("1"), key_of(s, "lock", sid, m), str_of(s->owner) },
	    5);
	mem_free(&m);
}

static struct str
key_of(const struct store_redis *s, const char *what, struct str sid, struct mem *m)
{
	return str_of(mem_printf(m, "%s%s:%.*s", s->conf->redis.prefix, what, STR_ARG(sid)));
}

/* --- answers --- */

static int
take(struct store_op *op, struct mem *m, struct store_reply *out, struct err *e)
{
	struct store_redis_op *o = (struct store_redis_op *)op;
	const struct redis_value *v = NULL;
	int asked = o->redis == NULL ? 0 : redis_take(o->redis, &v, e);

	if (o->cookies != NULL) {
		if (v != NULL && v->type == REDIS_TEXT && open_record(o, v->text, m, &out->tokens))
			return 0;
		return take_cookies(o, m, out, e);
	}
	if (asked == -1)
		return -1;
	if (op->verb == STORE_LOCK)
		out->got = v != NULL && v->type == REDIS_TEXT;
	/* A record that does not open is none: a secret was changed, and the user signs in again in time. */
	if (op->verb == STORE_GET && v != NULL && v->type == REDIS_TEXT)
		(void)open_record(o, v->text, m, &out->tokens);
	return 0;
}

static int
take_cookies(struct store_redis_op *o, struct mem *m, struct store_reply *out, struct err *e)
{
	switch (o->op.verb) {
	case STORE_PUT:
		return store_take_put(&o->cookies, m, &out->set_cookies, e);
	case STORE_GET:
		return store_take_get(&o->cookies, m, &out->tokens, e);
	case STORE_DROP:
		return store_take_drop(&o->cookies, m, &out->set_cookies, e);
	case STORE_LOCK:
		break;
	}
	return 0;
}

static bool
open_record(const struct store_redis_op *o, struct str sealed, struct mem *m, struct tokens *out)
{
	return store_keys_open(&o->store->keys, purpose_of(o->store, str_of(o->sid), m), sealed, m, out);
}

/* A record that was handed over is no session's, and the other way round. */
static struct str
purpose_of(const struct store_redis *s, struct str sid, struct mem *m)
{
	return str_of(mem_printf(m, "%s %.*s", s->cookies == NULL ? "tokens" : "handover", STR_ARG(sid)));
}

static void
end(struct store_op *op)
{
	struct store_redis_op *o = (struct store_redis_op *)op;

	redis_release(&o->redis);
	store_op_cancel(&o->cookies);
	free(o);
}
