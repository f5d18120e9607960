/*
 * proxy/worker.h - one thread, one event loop, its connections
 *
 * Workers share nothing but the snapshot in force (immutable), a few small
 * tables with locks of their own (struct shared), and mailboxes.  A
 * connection never changes its worker.
 */
#ifndef PROXY_WORKER_H
#define PROXY_WORKER_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/log.h"
#include "conf/post.h"
#include "oidc/fetch.h"
#include "proxy/http1.h"
#include "proxy/metrics.h"
#include "proxy/snapshot.h"
#include "proxy/timer.h"

struct bearer_cache;
struct client;
struct grants;
struct introspector;
struct keeps;
struct loops;
struct pool;
struct giving;
struct keeping;
struct rate;
struct redis;
struct refresh_job;
struct refresh_table;
struct request;
struct revoke_sink;
struct revoked;
struct watch;
struct worker;

enum { RATE_LOGIN, RATE_FRONT, RATE_FRONT_SHARE, RATE_BACK, RATES };

/* What all threads of the process share. */
struct shared {
	struct revoked *revoked;         /* sessions ended */
	struct revoke_sink *sink;        /* where that is kept without a Redis; NULL: nowhere */
	struct revoked *flows;           /* sign-ins redeemed */
	struct revoked *jtis;            /* logout tokens that came */
	struct keeps *keeps;             /* forms that wait for a sign-in */
	struct refresh_table *refreshes; /* sessions being renewed */
	struct grants *grants;           /* users' tokens for upstreams */
	/* Per address: sign-ins; logouts by browsers, how many of these are remembered; logouts by providers.
	 */
	struct rate *rates[RATES];
	/* Until then (timers_now()) it is known what other instances ended; INT64_MAX: there are none. */
	_Atomic int64_t fresh_until;
	struct shared_redis {
		atomic_bool up;
		pthread_mutex_t lock; /* of: */
		char why[320];        /* it is not */
	} redis;
	atomic_size_t connections;
	atomic_bool draining;
	atomic_bool started; /* all listeners are up */
	struct worker **workers;
	unsigned n_workers;
	_Atomic uint64_t reloads, reload_failures;
	int64_t began;               /* seconds since 1970 */
	struct post *main_post;      /* the main thread's mailbox, */
	void (*worker_gone)(void *); /* and what is sent there when a worker has left its loop */
	void *main_arg;
};

/* A snapshot as one worker holds it: requests count themselves in and out without an atomic. */
struct view {
	struct snapshot *snap;
	struct worker *worker;
	size_t users;
	struct pool *pools;  /* snap->n_servers: idle and busy upstream connections */
	size_t *turn;        /* conf->n_upstreams: round robin */
	struct redis *redis; /* ours; NULL: the snapshot names none */
};

/* A piece of memory that is lent while there are bytes; from the worker's free list. */
#define CHUNK_SIZE 16384
struct chunk {
	struct chunk *next;
	size_t cap, start, end;
	char bytes[];
};

/* First member of what worker_bury() frees. */
struct grave {
	struct grave *next;
	void (*fn)(struct grave *);
};

struct listener {
	struct worker *worker;
	struct event *ev;
	int fd; /* not ours: the process closes it */
	const char *address;
	bool inherited;
	struct timer again; /* accepting pauses: no descriptor to spare */
};

#define SCRATCH_SIZE  65536
#define HEAD_OUT_SIZE 98304

struct worker {
	unsigned number;
	pthread_t thread;
	struct shared *shared;
	struct event_base *base;
	struct post *post;
	struct fetch *fetch;
	struct introspector *introspector; /* opaque access tokens */
	struct timers *timers;
	struct view *view; /* the one new requests get */
	struct session_cache *cache;
	struct bearer_cache *bearers; /* access tokens that were verified */
	struct loops *loops;
	struct metrics metrics;

	char *scratch;             /* SCRATCH_SIZE: what a socket gave, until its callback returns */
	char *head_out;            /* HEAD_OUT_SIZE: a head being written, until its callback returns */
	struct http1_head *answer; /* the upstream's head being read, until its callback returns */
	struct chunk *chunks;
	size_t n_chunks;
	struct request *requests; /* free ones */
	size_t n_requests;

	struct watch *watches;  /* of streams that end with their session */
	atomic_bool looking;    /* revoke_look() is on its way */
	struct timer forget;    /* the first worker's: tokens of sessions that were ended (proxy/grants.h) */
	struct client *clients; /* open ones */
	size_t n_clients;
	struct listener *listeners;
	size_t n_listeners;
	int64_t accept_warned; /* timers_now()'s clock */

	struct refresh_job *jobs; /* sessions that are being renewed here */
	struct keeping *keepings; /* revocations on their way to Redis (proxy/redis_sink.h) */
	struct giving *givings;   /* refresh tokens on their way back (proxy/giveback.h) */
	struct grave *graves;
	struct event *reap;
	struct event *flush; /* the access log */
	struct log_record access;
	uint64_t id_state; /* of request ids */
	bool draining;
	struct timer drain_timer;
};

struct worker *worker_new(struct shared *sh, unsigned number, struct err *e) MUST_CHECK;
int worker_start(struct worker *w, struct err *e) MUST_CHECK; /* its thread begins */
void worker_join(struct worker *w);
void worker_free(struct worker **w); /* joined, or never started */

/* Sent to a worker's mailbox. */
struct worker_order {
	struct worker *worker;
	struct snapshot *snap;      /* adopt this one (a reference is handed over); NULL: keep */
	struct listener *listeners; /* listen on exactly these; taken over; NULL: keep */
	size_t n_listeners;
	bool drain; /* accept no more; leave when the last connection is gone, or after wait_ms */
	int64_t wait_ms;
	void (*done)(void *arg); /* called on the worker's thread */
	void *arg;
};
void worker_tell(struct worker *w, const struct worker_order *o); /* copies *o; any thread */

struct view *view_use(struct view *v);
void view_leave(struct view **v);

struct chunk *chunk_take(struct worker *w, size_t cap); /* at least cap bytes, empty */
void chunk_give(struct worker *w, struct chunk **c);    /* safe on NULL */

/* Free after the callback in progress has returned. */
void worker_bury(struct worker *w, struct grave *g, void (*fn)(struct grave *));

/* A request's id: 32 hex digits and a terminator into out. */
void worker_new_id(struct worker *w, char out[33]);

/* A draining worker leaves its loop when nothing is left: called whenever a connection or a job has gone. */
void worker_check_drained(struct worker *w);

int64_t clock_seconds(void); /* since 1970 */
int64_t clock_ms(void);

#endif
