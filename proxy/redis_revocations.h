/*
 * proxy/redis_revocations.h - what ends sessions, shared by all instances
 *
 * A stream under the prefix ("PREFIXrevocations") holds one entry for each, with
 * a line (session/revocation.h) as its field "r".  Every instance reads what is
 * new REDIS_READ_MS after its last look, on the main thread, into the table
 * that requests look at; and reads all of it at the start and whenever the
 * connection was lost.  While it cannot, shared.fresh_until comes nearer; when
 * it has passed (session.revocation_stale after the last look), requests with a
 * session are refused.
 *
 * A Redis may forget (a restart without persistence, a failover, FLUSHALL): a
 * mark beside the stream says so when it is gone, and each instance then adds
 * what its table still holds; so it does where a reload names another Redis.
 *
 * Entries that have run out are deleted, a page a minute by each instance.
 */
#ifndef PROXY_REDIS_REVOCATIONS_H
#define PROXY_REDIS_REVOCATIONS_H
#include "conf/conf.h"
#include "proxy/redis.h"
#include "proxy/worker.h"

#define REDIS_READ_MS 250

struct redis_revocations;

/* On the main thread's loop. */
struct redis_revocations *redis_revocations_new(
    struct event_base *base, struct post *post, struct shared *sh);
void redis_revocations_free(struct redis_revocations **x); /* safe on NULL */

/* Read what this snapshot names, from now on; nothing to do where that is the same Redis, or none. */
void redis_revocations_use(struct redis_revocations *x, const struct snapshot *s);

/* All was read once, or cannot be at the moment: nobody needs to wait for it any longer. */
bool redis_revocations_tried(const struct redis_revocations *x);

/* For readyz and the metrics, from any thread: is the Redis there?  *why: why not; 320 bytes. */
bool redis_revocations_state(struct shared *sh, char *why);

#endif
