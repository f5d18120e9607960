/* proxy/worker.c - see proxy/worker.h */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "conf/mem.h"
#include "conf/secret.h"
#include "proxy/bearer_cache.h"
#include "proxy/client.h"
#include "proxy/giveback.h"
#include "proxy/introspector.h"
#include "proxy/loops.h"
#include "proxy/redis.h"
#include "proxy/redis_sink.h"
#include "proxy/refresh_job.h"
#include "proxy/request.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"
#include "session/session.h"

#define CACHE_ENTRIES  8192
#define TOKEN_ENTRIES  2048
#define CHUNKS_KEPT    256
#define ACCESS_LOG_CAP 65536
#define DRAIN_TURNS    64 /* of accepting: a queue's worth */

static void *worker_main(void *);
static void obey(void *);
static void adopt(struct worker *, struct snapshot *);
static struct redis *redis_for(struct worker *, struct snapshot *);
static void listen_on(struct worker *, struct listener *, size_t);
static void drain(struct worker *, int64_t);
static void drain_over(struct timer *);
static void view_free(struct view *);
static void put_hex(char out[8], uint32_t);
static void flush_log(struct worker *);
static void accept_cb(evutil_socket_t, short, void *);
static void reap_cb(evutil_socket_t, short, void *);
static void flush_cb(evutil_socket_t, short, void *);

struct worker *
worker_new(struct shared *sh, unsigned number, struct err *e)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->shared = sh;
	w->number = number;
	w->base = event_base_new();
	if (w->base == NULL) {
		(void)err_set(e, REASON_SYSTEM, "no event loop");
		worker_free(&w);
		return NULL;
	}
	w->timers = timers_new(w->base);
	w->reap = event_new(w->base, -1, 0, reap_cb, w);
	w->flush = event_new(w->base, -1, 0, flush_cb, w);
	w->post = post_new(w->base, e);
	w->fetch = w->post == NULL ? NULL : fetch_new(w->base, e);
	w->introspector = w->fetch == NULL ? NULL : introspector_new(w->base, e);
	if (w->introspector == NULL) {
		worker_free(&w);
		return NULL;
	}
	w->cache = session_cache_new(CACHE_ENTRIES);
	w->bearers = bearer_cache_new(TOKEN_ENTRIES);
	w->loops = loops_new();
	w->scratch = xmalloc(SCRATCH_SIZE);
	w->head_out = xmalloc(HEAD_OUT_SIZE);
	w->answer = xmalloc(sizeof(*w->answer));
	w->access.buf = xmalloc(ACCESS_LOG_CAP);
	w->access.cap = ACCESS_LOG_CAP;
	secret_random(&w->id_state, sizeof(w->id_state));
	return w;
}

int
worker_start(struct worker *w, struct err *e)
{
	int r = pthread_create(&w->thread, NULL, worker_main, w);
	char name[16];

	if (r != 0)
		return err_set(e, REASON_SYSTEM, "no thread: %s", strerror(r));
	(void)snprintf(name, sizeof(name), "worker %u", w->number);
	(void)pthread_setname_np(w->thread, name);
	return 0;
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;

	(void)event_base_loop(w->base, EVLOOP_NO_EXIT_ON_EMPTY);
	flush_log(w);
	post_send(w->shared->main_post, w->shared->worker_gone, w->shared->main_arg);
	return NULL;
}

void
worker_join(struct worker *w)
{
	(void)pthread_join(w->thread, NULL);
}

void
worker_free(struct worker **wp)
{
	struct worker *w = *wp;
	struct chunk *c;

	*wp = NULL;
	if (w == NULL)
		return;
	listen_on(w, NULL, 0);
	client_close_all(w);
	refresh_job_stop_all(w);
	giveback_stop_all(w);
	if (w->graves != NULL)
		reap_cb(-1, 0, w);
	if (w->fetch != NULL)
		fetch_free(&w->fetch);
	introspector_free(&w->introspector);
	redis_sink_stop_all(w);
	if (w->view != NULL)
		view_leave(&w->view);
	request_free_list(w);
	while ((c = w->chunks) != NULL) {
		w->chunks = c->next;
		free(c);
	}
	if (w->post != NULL)
		post_free(&w->post);
	if (w->graves != NULL)
		reap_cb(-1, 0, w);
	session_cache_free(&w->cache);
	bearer_cache_free(&w->bearers);
	loops_free(&w->loops);
	timers_free(&w->timers);
	if (w->reap != NULL)
		event_free(w->reap);
	if (w->flush != NULL)
		event_free(w->flush);
	if (w->base != NULL)
		event_base_free(w->base);
	free(w->scratch);
	free(w->head_out);
	free(w->answer);
	free(w->access.buf);
	free(w);
}

/* --- orders from the main thread --- */

void
worker_tell(struct worker *w, const struct worker_order *o)
{
	struct worker_order *copy = xmalloc(sizeof(*copy));

	*copy = *o;
	copy->worker = w;
	post_send(w->post, obey, copy);
}

static void
obey(void *arg)
{
	struct worker_order *o = arg;
	struct worker *w = o->worker;

	if (o->snap != NULL)
		adopt(w, o->snap);
	if (o->listeners != NULL)
		listen_on(w, o->listeners, o->n_listeners);
	if (o->drain)
		drain(w, o->wait_ms);
	if (o->done != NULL)
		o->done(o->arg);
	free(o);
}

static void
adopt(struct worker *w, struct snapshot *snap)
{
	struct view *v = xcalloc(1, sizeof(*v));

	v->snap = snap;
	v->worker = w;
	v->users = 1; /* the worker itself */
	v->pools = xcalloc(snap->n_servers, pool_size());
	v->turn = xcalloc(snap->conf->n_upstreams, sizeof(*v->turn));
	v->redis = redis_for(w, snap);
	if (w->view != NULL)
		view_leave(&w->view);
	w->view = v;
}

/* The connection goes on where the new snapshot names the same server. */
static struct redis *
redis_for(struct worker *w, struct snapshot *snap)
{
	const struct redis_home home = { .base = w->base, .post = w->post, .metrics = &w->metrics };
	const struct conf_redis *c = &snap->conf->session.redis;

	if (c->host == NULL)
		return NULL;
	if (w->view == NULL || w->view->redis == NULL || !redis_is(w->view->redis, c))
		return redis_new(&home, c, snap->redis_tls);
	redis_use_tls(w->view->redis, snap->redis_tls);
	return redis_ref(w->view->redis);
}

struct view *
view_use(struct view *v)
{
	v->users++;
	return v;
}

void
view_leave(struct view **vp)
{
	struct view *v = *vp;

	*vp = NULL;
	if (--v->users == 0)
		view_free(v);
}

static void
view_free(struct view *v)
{
	pools_close(v);
	redis_unref(&v->redis);
	snapshot_unref(&v->snap);
	free(v->pools);
	free(v->turn);
	free(v);
}

/* The descriptors belong to the process; here are only the events on them. */
static void
listen_on(struct worker *w, struct listener *l, size_t n)
{
	size_t i;

	for (i = 0; i < w->n_listeners; i++) {
		timer_clear(&w->listeners[i].again);
		event_free(w->listeners[i].ev);
	}
	free(w->listeners);
	w->listeners = l;
	w->n_listeners = n;
	for (i = 0; i < n; i++) {
		l[i].worker = w;
		l[i].ev = event_new(w->base, l[i].fd, EV_READ | EV_PERSIST, accept_cb, &l[i]);
		if (l[i].ev == NULL || event_add(l[i].ev, NULL) != 0)
			abort();
	}
}

static void
drain(struct worker *w, int64_t wait_ms)
{
	size_t i;
	int turn;

	if (w->draining)
		return;
	/* Who is in the queue already gets an answer. */
	for (i = 0; i < w->n_listeners; i++)
		for (turn = 0; turn < DRAIN_TURNS && !w->listeners[i].inherited; turn++)
			if (!client_accept(&w->listeners[i]))
				break;
	listen_on(w, NULL, 0);
	w->draining = true;
	timer_set(w->timers, &w->drain_timer, drain_over, wait_ms);
	client_drain_all(w);
	worker_check_drained(w);
}

void
worker_check_drained(struct worker *w)
{
	if (w->draining && w->n_clients == 0 && w->jobs == NULL && w->givings == NULL)
		(void)event_base_loopexit(w->base, NULL);
}

static void
drain_over(struct timer *t)
{
	struct worker *w = timer_owner(t, struct worker, drain_timer);

	if (w->n_clients > 0)
		log_warn("worker %u: %zu connections are cut at shutdown_timeout", w->number, w->n_clients);
	client_close_all(w);
	(void)event_base_loopexit(w->base, NULL);
}

/* --- memory --- */

struct chunk *
chunk_take(struct worker *w, size_t cap)
{
	struct chunk *c = w->chunks;

	if (cap <= CHUNK_SIZE && c != NULL) {
		w->chunks = c->next;
		w->n_chunks--;
	} else {
		if (cap < CHUNK_SIZE)
			cap = CHUNK_SIZE;
		c = xmalloc(sizeof(*c) + cap);
		c->cap = cap;
	}
	c->next = NULL;
	c->start = c->end = 0;
	return c;
}

void
chunk_give(struct worker *w, struct chunk **cp)
{
	struct chunk *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	if (c->cap != CHUNK_SIZE || w->n_chunks >= CHUNKS_KEPT) {
		free(c);
		return;
	}
	c->next = w->chunks;
	w->chunks = c;
	w->n_chunks++;
}

void
worker_bury(struct worker *w, struct grave *g, void (*fn)(struct grave *))
{
	g->fn = fn;
	g->next = w->graves;
	if (w->graves == NULL)
		event_active(w->reap, 0, 0);
	w->graves = g;
}

/* splitmix64 over a random start: unique, and not to be mistaken for a secret. */
void
worker_new_id(struct worker *w, char out[33])
{
	int half;

	for (half = 0; half < 2; half++) {
		uint64_t z = (w->id_state += UINT64_C(0x9e3779b97f4a7c15));

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		z ^= z >> 31;
		put_hex(out + half * 16, (uint32_t)z);
		put_hex(out + half * 16 + 8, (uint32_t)(z >> 32));
	}
	out[32] = '\0';
}

/* Eight digits at once: a byte of its own for each half byte, then '0' or 'a' - 10 added to all. */
static void
put_hex(char out[8], uint32_t number)
{
	uint64_t x = number, over9;

	x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
	x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	over9 = (x + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
	x += UINT64_C(0x3030303030303030) + over9 * ('a' - 10 - '0');
	memcpy(out, &x, 8);
}

static void
flush_log(struct worker *w)
{
	if (w->access.n > 0)
		log_access_write(w->access.buf, w->access.n);
	w->access.n = 0;
}

int64_t
clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
clock_seconds(void)
{
	return (int64_t)time(NULL);
}

/* --- called by libevent --- */

static void
accept_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)client_accept(arg);
}

static void
reap_cb(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct grave *g;

	(void)fd;
	(void)what;
	while ((g = w->graves) != NULL) {
		w->graves = g->next;
		g->fn(g);
	}
}

/* Activated by the first record since the last flush; runs behind all callbacks of this turn. */
static void
flush_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	flush_log(arg);
}
