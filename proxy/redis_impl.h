/*
 * proxy/redis_impl.h - what proxy/redis.c and proxy/redis_connect.c share
 *
 * redis_connect.c brings a connection from DOWN to READY, redis.c uses it and
 * takes it down again.
 */
#ifndef PROXY_REDIS_IMPL_H
#define PROXY_REDIS_IMPL_H
#include <event2/event.h>

#include "conf/secret.h"
#include "proxy/redis.h"
#include "proxy/redis_resolve.h"
#include "proxy/stream.h"
#include "proxy/timer.h"

/* Waits in the queue of its connection, in the order of sending. */
struct redis_op {
	struct redis_op *next;
	struct redis *redis; /* borrowed; NULL: it has ended */
	char *bytes;         /* ours; until they are sent */
	size_t n_bytes;
	int64_t began; /* us */
	redis_done *done;
	void *arg;
	bool forgotten; /* nobody waits for it: freed at its end */
	struct mem *mem;
	const struct redis_value *value; /* in mem; NULL: it failed */
	struct err err;
};

/* In this order, and back to the first from everywhere. */
enum redis_state { REDIS_IS_DOWN, REDIS_RESOLVING, REDIS_CONNECTING, REDIS_GREETING, REDIS_READY };

struct redis {
	struct redis_home home;
	unsigned refs;
	unsigned inside; /* callbacks of ours that are running: no freeing below them */
	char *host, *at, *user;
	uint16_t port;
	unsigned db;
	bool tls;
	struct secret *password;
	SSL_CTX *ctx;

	enum redis_state state;
	bool open; /* the stream is in use */
	struct stream stream;
	struct redis_reader *reader;
	struct redis_resolving *resolving;
	struct redis_addresses addresses;
	size_t address; /* the next one to try */
	size_t tried;   /* since the last attempt began */
	int64_t until;  /* ms, timers_now()'s clock: of the attempt under way, or of the pause */
	int64_t backoff;
	unsigned greetings; /* answers outstanding */
	struct event *timer;
	struct event *broke; /* a write failed: to be found out from the loop */
	char why[320];       /* the last failure */
	bool told_down;

	struct redis_op *first, **last; /* without an answer */
	size_t n_ops, n_bytes;
};

/* redis_connect.c */
void redis_connect(struct redis *r); /* begin an attempt */
void redis_connect_next(
    struct redis *r, const char *why); /* the socket failed: another address, or lose it */
void redis_greet(struct redis *r);     /* it is connected */
void redis_greeted(struct redis *r, const struct redis_value *v); /* one answer to that */

/* redis.c */
void redis_ready(struct redis *r);
void redis_lose(
    struct redis *r, const char *why); /* all that waits has failed; the next attempt after a pause */
size_t redis_format(const struct str *words, size_t n, char **bytes); /* as hiredis gives them */
int redis_send(struct redis *r, char *bytes, size_t n); /* takes hiredis' bytes over, and wipes them */
void redis_wait(struct redis *r, int64_t ms);           /* for the timer */
void redis_enter(
    struct redis *r); /* round a callback: whoever gives back the last reference meanwhile frees r later */
void redis_leave(struct redis *r);
void redis_stream_cb(struct stream *s, enum stream_event what, void *arg);

#endif
