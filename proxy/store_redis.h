/*
 * proxy/store_redis.h - tokens kept in the Redis that instances share
 *
 * store = "redis": a record for each session, sealed with a key of its own
 * (derived from session.sealing_secret, or from every session.secret: the first
 * seals, all open) and bound to the sid; Redis forgets it when the session is
 * over.
 *
 * store = "cookie" beside a Redis: the tokens travel in the browser's cookies,
 * and Redis has the lock for their renewal.  What a renewal made is kept there
 * for STORE_HANDOVER seconds too, so that whoever comes with the cookies from
 * just before, at whatever instance, is given it.
 *
 * Keys below session.redis_prefix: "tokens:SID", "handover:SID", "lock:SID".
 * What needs an answer goes through the visit's connection and fails with
 * REDIS_DOWN without one.
 */
#ifndef PROXY_STORE_REDIS_H
#define PROXY_STORE_REDIS_H
#include "session/store.h"

#define STORE_HANDOVER 60 /* seconds */

/*
 * Borrows c.  `cookies`: the store that it stands beside, taken over; NULL: store = "redis".
 * lock_life: seconds; longer than a renewal may take, since whoever gets the lock
 * then uses the same refresh token.
 */
struct store *store_redis_new(
    const struct conf_session *c, int64_t lock_life, struct store *cookies, struct err *e) MUST_CHECK;

#endif
