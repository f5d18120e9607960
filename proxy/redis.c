/* proxy/redis.c - see proxy/redis.h */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "proxy/redis_impl.h"

#define BACKOFF_MS     50 /* the first; doubled up to */
#define BACKOFF_MAX_MS 2000
#define READ_SIZE      16384

static char *copy(const char *);
static bool same(const char *, const char *);
static void shut(struct redis *);
static void redis_free(struct redis *);
static int send_op(struct redis *, struct redis_op *);
static void readable(struct redis *);
static bool answer(struct redis *, struct mem *, const struct redis_value *);
static bool is_wrong_server(struct str);
static void finish(struct redis_op *, struct mem *, const struct redis_value *, const struct err *);
static void op_free(struct redis_op *);
static void timer_cb(evutil_socket_t, short, void *);
static void broke_cb(evutil_socket_t, short, void *);
static void free_cb(evutil_socket_t, short, void *);

struct redis *
redis_new(const struct redis_home *home, const struct conf_redis *c, SSL_CTX *tls)
{
	struct redis *r = xcalloc(1, sizeof(*r));

	r->home = *home;
	r->refs = 1;
	r->host = copy(c->host);
	r->at = copy(c->at);
	r->user = copy(c->user);
	r->port = c->port;
	r->db = c->db;
	r->tls = c->tls;
	if (c->password != NULL)
		r->password = secret_new(secret_str(c->password).p, secret_str(c->password).n);
	redis_use_tls(r, tls);
	r->last = &r->first;
	r->timer = evtimer_new(home->base, timer_cb, r);
	r->broke = event_new(home->base, -1, 0, broke_cb, r);
	if (r->timer == NULL || r->broke == NULL)
		abort();
	(void)snprintf(r->why, sizeof(r->why), "not reached yet");
	redis_connect(r);
	return r;
}

static char *
copy(const char *text)
{
	return text == NULL ? NULL : xstrdup(text);
}

struct redis *
redis_ref(struct redis *r)
{
	if (r != NULL)
		r->refs++;
	return r;
}

void
redis_unref(struct redis **rp)
{
	struct redis *r = *rp;
	const struct timeval now = { 0, 0 };

	*rp = NULL;
	if (r == NULL || --r->refs > 0)
		return;
	if (r->inside == 0) {
		redis_free(r);
		return;
	}
	/* A callback of ours is running: what it stands on goes when it has returned. */
	r->home.changed = NULL;
	r->state = REDIS_IS_DOWN;
	shut(r);
	(void)event_del(r->timer);
	(void)event_base_once(r->home.base, -1, EV_TIMEOUT, free_cb, r, &now);
}

static void
redis_free(struct redis *r)
{
	struct redis_op *op;

	struct err e;

	shut(r);
	r->state = REDIS_IS_DOWN;
	(void)err_set(&e, REASON_REDIS_DOWN, "%s is used no longer", r->at);
	while ((op = r->first) != NULL) {
		r->first = op->next;
		finish(op, NULL, NULL, &e);
	}
	redis_reader_free(&r->reader);
	event_free(r->timer);
	event_free(r->broke);
	SSL_CTX_free(r->ctx);
	secret_free(&r->password);
	free(r->host);
	free(r->at);
	free(r->user);
	free(r);
}

static void
shut(struct redis *r)
{
	if (r->open)
		stream_close(&r->stream);
	r->open = false;
	redis_resolve_release(&r->resolving);
	(void)event_del(r->broke);
}

bool
redis_is(const struct redis *r, const struct conf_redis *c)
{
	struct str had = r->password == NULL ? STR("") : secret_str(r->password),
		   has = c->password == NULL ? STR("") : secret_str(c->password);

	return same(r->at, c->at) && same(r->user, c->user) && secret_equal(had, has);
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

void
redis_use_tls(struct redis *r, SSL_CTX *tls)
{
	if (tls != NULL)
		(void)SSL_CTX_up_ref(tls);
	SSL_CTX_free(r->ctx);
	r->ctx = tls;
}

void
redis_ready(struct redis *r)
{
	struct redis_op *op;

	r->state = REDIS_READY;
	r->backoff = 0;
	(void)event_del(r->timer);
	if (r->first != NULL)
		redis_wait(r, REDIS_PATIENCE_MS);
	for (op = r->first; op != NULL; op = op->next)
		if (send_op(r, op) == -1)
			return;
	r->told_down = false;
	if (r->home.changed != NULL)
		r->home.changed(r->home.arg, true, "");
}

/* --- asking --- */

struct redis_op *
redis_ask(struct redis *r, const struct str *words, size_t n, redis_done *done, void *arg, struct err *e)
{
	/* A connection that was just lost is mostly there again at the first attempt. */
	bool down = r == NULL || (r->state == REDIS_IS_DOWN && r->backoff > BACKOFF_MS);
	struct redis_op *op;

	if (down || r->n_ops >= REDIS_OPS_MAX || r->n_bytes >= REDIS_BYTES_MAX) {
		(void)err_set(e, REASON_REDIS_DOWN, "%s: %s", r == NULL ? "redis" : r->at,
		    r == NULL ? "there is none"
		    : down    ? r->why
			      : "too many commands wait for their answers");
		return NULL;
	}
	op = xcalloc(1, sizeof(*op));
	op->redis = r;
	op->n_bytes = redis_format(words, n, &op->bytes);
	op->began = timers_now_us();
	op->done = done;
	op->arg = arg;
	*r->last = op;
	r->last = &op->next;
	r->n_ops++;
	r->n_bytes += op->n_bytes;
	if (r->home.metrics != NULL)
		metric_add(&r->home.metrics->redis_commands, 1);
	if (r->state == REDIS_READY) {
		if (r->first == op)
			redis_wait(r, REDIS_PATIENCE_MS);
		(void)send_op(r, op);
	}
	return op;
}

size_t
redis_format(const struct str *words, size_t n, char **bytes)
{
	const char *argv[REDIS_WORDS_MAX];
	size_t argn[REDIS_WORDS_MAX], i;
	int size;

	assert(n <= REDIS_WORDS_MAX);
	for (i = 0; i < n; i++) {
		argv[i] = words[i].n == 0 ? "" : words[i].p;
		argn[i] = words[i].n;
	}
	size = redisFormatCommandArgv(bytes, (int)n, argv, argn);
	if (size < 0)
		abort(); /* out of memory */
	return (size_t)size;
}

void
redis_tell(struct redis *r, const struct str *words, size_t n)
{
	struct err ignored;
	struct redis_op *op = redis_ask(r, words, n, NULL, NULL, &ignored);

	redis_release(&op);
}

int
redis_take(const struct redis_op *op, const struct redis_value **out, struct err *e)
{
	*out = op->value;
	if (op->value != NULL)
		return 0;
	*e = op->err;
	return -1;
}

void
redis_release(struct redis_op **opp)
{
	struct redis_op *op = *opp;

	*opp = NULL;
	if (op == NULL)
		return;
	op->forgotten = true;
	op->done = NULL;
	if (op->redis == NULL)
		op_free(op);
}

static void
op_free(struct redis_op *op)
{
	mem_free(&op->mem);
	redisFreeCommand(op->bytes);
	free(op);
}

static int
send_op(struct redis *r, struct redis_op *op)
{
	char *bytes = op->bytes;

	op->bytes = NULL;
	return redis_send(r, bytes, op->n_bytes);
}

/* Takes bytes over, and wipes them: one of them is the password. */
int
redis_send(struct redis *r, char *bytes, size_t n)
{
	struct iovec iov = { bytes, n };
	int result = stream_write(&r->stream, &iov, 1);

	explicit_bzero(bytes, n);
	redisFreeCommand(bytes);
	if (result == -1)
		event_active(r->broke, 0, 0);
	return result;
}

/* --- answers --- */

static void
readable(struct redis *r)
{
	char buf[READ_SIZE], why[128];
	ssize_t n = stream_read(&r->stream, buf, sizeof(buf));
	const struct redis_value *v;
	struct mem *m;
	struct err e;
	int got = 0;

	if (n == -1)
		return;
	if (n <= 0) {
		redis_lose(
		    r, n == 0 ? "it closed the connection" : stream_error(&r->stream, why, sizeof(why)));
		return;
	}
	if (redis_reader_feed(r->reader, (struct str){ buf, (size_t)n }, &e) == -1) {
		redis_lose(r, e.text);
		return;
	}
	while (r->state >= REDIS_GREETING && (got = redis_reader_next(r->reader, &m, &v, &e)) == 1)
		if (!answer(r, m, v))
			return;
	if (r->state >= REDIS_GREETING && got == -1)
		redis_lose(r, e.text);
}

/* false: the connection was given up. */
static bool
answer(struct redis *r, struct mem *m, const struct redis_value *v)
{
	struct redis_op *op = r->first;
	bool wrong = v->type == REDIS_ERROR && is_wrong_server(v->text);
	struct err e;
	char why[320];

	if (r->state == REDIS_GREETING) {
		redis_greeted(r, v);
		mem_free(&m);
		return r->state >= REDIS_GREETING;
	}
	if (op == NULL) {
		mem_free(&m);
		redis_lose(r, "it speaks unasked");
		return false;
	}
	r->first = op->next;
	if (r->first == NULL) {
		r->last = &r->first;
		(void)event_del(r->timer);
	}
	r->n_ops--;
	r->n_bytes -= op->n_bytes;
	if (r->home.metrics != NULL)
		metrics_latency(r->home.metrics->redis_latency, &r->home.metrics->redis_latency_us,
		    (uint64_t)(timers_now_us() - op->began));
	if (v->type != REDIS_ERROR) {
		finish(op, m, v, NULL);
		return r->state == REDIS_READY;
	}
	/* What follows a comma may be what we sent. */
	(void)snprintf(why, sizeof(why), "%.*s", (int)strcspn(v->text.p, ","), v->text.p);
	(void)err_set(&e, REASON_REDIS_DOWN, "%s answers %s", r->at, why);
	mem_free(&m);
	finish(op, NULL, NULL, &e);
	if (wrong && r->state == REDIS_READY)
		redis_lose(r, why);
	return r->state == REDIS_READY;
}

static bool
is_wrong_server(struct str text)
{
	static const char *const words[] = { "LOADING ", "READONLY ", "MASTERDOWN ", "NOAUTH ", "MOVED " };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_begins(text, str_of(words[i])))
			return true;
	return false;
}

/* The end of op, which is out of the queue. */
static void
finish(struct redis_op *op, struct mem *m, const struct redis_value *v, const struct err *e)
{
	struct metrics *metrics = op->redis->home.metrics;

	op->redis = NULL;
	op->mem = m;
	op->value = v;
	if (e != NULL)
		op->err = *e;
	if (e != NULL && metrics != NULL)
		metric_add(&metrics->redis_errors, 1);
	if (op->forgotten)
		op_free(op);
	else if (op->done != NULL)
		op->done(op->arg);
}

/* --- when it goes wrong --- */

/* All that waits has failed; the next attempt after a pause. */
void
redis_lose(struct redis *r, const char *why)
{
	struct redis_op *op, *all = r->first;
	struct err e;

	if (why != r->why)
		(void)snprintf(r->why, sizeof(r->why), "%s", why);
	(void)err_set(&e, REASON_REDIS_DOWN, "%s: %s", r->at, r->why);
	shut(r);
	r->state = REDIS_IS_DOWN;
	r->backoff = r->backoff == 0                   ? BACKOFF_MS
		     : r->backoff * 2 < BACKOFF_MAX_MS ? r->backoff * 2
						       : BACKOFF_MAX_MS;
	redis_wait(r, r->backoff);
	r->first = NULL;
	r->last = &r->first;
	r->n_ops = r->n_bytes = 0;
	while ((op = all) != NULL) {
		all = op->next;
		finish(op, NULL, NULL, &e);
	}
	if (!r->told_down && r->home.changed != NULL)
		r->home.changed(r->home.arg, false, e.text);
	r->told_down = true;
}

void
redis_wait(struct redis *r, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	r->until = timers_now() + ms;
	(void)event_add(r->timer, &tv);
}

/* Whoever gives back the last reference meanwhile frees us later. */
void
redis_enter(struct redis *r)
{
	r->inside++;
}

void
redis_leave(struct redis *r)
{
	r->inside--;
}

/* --- called by libevent and by the stream --- */

void
redis_stream_cb(struct stream *s, enum stream_event what, void *arg)
{
	struct redis *r = arg;
	char why[128];

	redis_enter(r);
	switch (what) {
	case STREAM_CONNECTED:
		redis_greet(r);
		break;
	case STREAM_READABLE:
		readable(r);
		break;
	case STREAM_DRAINED:
		break;
	case STREAM_FAILED:
		(void)stream_error(s, why, sizeof(why));
		if (r->state == REDIS_CONNECTING)
			redis_connect_next(r, why);
		else
			redis_lose(r, why);
		break;
	}
	redis_leave(r);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;
	int64_t left;

	(void)fd;
	(void)what;
	redis_enter(r);
	if (r->state == REDIS_IS_DOWN) {
		redis_connect(r);
	} else if (r->state != REDIS_READY) {
		redis_lose(r, "no connection within 2 s");
	} else if (r->first != NULL) {
		left = r->first->began / 1000 + REDIS_PATIENCE_MS - timers_now_us() / 1000;
		if (left > 0)
			redis_wait(r, left);
		else
			redis_lose(r, "no answer within 2 s");
	}
	redis_leave(r);
}

static void
broke_cb(evutil_socket_t fd, short what, void *arg)
{
	struct redis *r = arg;
	char why[128];

	(void)fd;
	(void)what;
	if (!r->open)
		return;
	redis_enter(r);
	redis_lose(r, stream_error(&r->stream, why, sizeof(why)));
	redis_leave(r);
}

static void
free_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	redis_free(arg);
}
