/*
 * proxy/redis.h - one connection to the Redis that instances share
 *
 * Each loop has its own: commands go out at once, one behind the other, and
 * answers are given out in the same order.  What has no answer within
 * REDIS_PATIENCE_MS, or was under way when the connection broke, has failed:
 * it may have been carried out all the same.  The next attempt to connect comes
 * by itself (after 50 ms, then twice as long each time, at most 2 s): commands
 * wait for the first, and fail at once when it has failed.  Names are
 * resolved anew at every attempt, off the loop; TLS is verified.
 *
 * Every failure has the reason REDIS_DOWN, an error that Redis answers
 * included: it could not do what was asked for.  One that says that this is
 * the wrong server (LOADING, READONLY, MASTERDOWN) ends the connection too, so
 * that the next attempt finds the right one.
 *
 * All calls on the loop's thread.  Needs Redis 5 or later; 6 with a user.
 */
#ifndef PROXY_REDIS_H
#define PROXY_REDIS_H
#include <openssl/ssl.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/post.h"
#include "proxy/metrics.h"
#include "proxy/redis_reply.h"

#define REDIS_PATIENCE_MS 2000
#define REDIS_OPS_MAX     4096               /* commands without an answer, */
#define REDIS_BYTES_MAX   (16 * 1024 * 1024) /* and their bytes */
#define REDIS_WORDS_MAX   128                /* of one command */

struct event_base;
struct redis;
struct redis_op;

typedef void redis_done(void *arg);

struct redis_home {
	struct event_base *base;
	struct post *post;
	struct metrics *metrics; /* may be NULL */
	/* Tells when the connection is lost or is there again; may be NULL. */
	void (*changed)(void *arg, bool up, const char *why);
	void *arg;
};

/* Copies what it needs of c; tls (NULL: plain) is shared.  Begins to connect. */
struct redis *redis_new(const struct redis_home *home, const struct conf_redis *c, SSL_CTX *tls);
struct redis *redis_ref(struct redis *r); /* safe on NULL */
void redis_unref(struct redis **r);       /* safe on NULL; with the last one what waits fails */
/* Is it the connection that this configuration wants? */
bool redis_is(const struct redis *r, const struct conf_redis *c);
/* From the next connection on. */
void redis_use_tls(struct redis *r, SSL_CTX *tls);

/* NULL with *e: there is no connection, or too much is waiting already.  `done` is never called from inside.
 */
struct redis_op *redis_ask(
    struct redis *r, const struct str *words, size_t n, redis_done *done, void *arg, struct err *e);
/* After done; *out lives until the release. */
int redis_take(const struct redis_op *op, const struct redis_value **out, struct err *e) MUST_CHECK;
/* Safe on NULL, in any state; sets *op to NULL.  What was sent is carried out all the same. */
void redis_release(struct redis_op **op);
/* Sent and forgotten. */
void redis_tell(struct redis *r, const struct str *words, size_t n);

/* The server's context for TLS; *out NULL: the configuration wants none. */
int redis_tls_new(const struct conf_redis *c, SSL_CTX **out, struct err *e) MUST_CHECK;

#endif
