/*
 * session/session_cache.h - cookies that this worker has verified before
 *
 * Private to session/; made and freed through session/session.h.  An entry is
 * found by the whole value of the cookie and by the number of the struct
 * sessions that verified it.  It says what the cookie holds, never that it is
 * still good: times, scope and revocation are judged at every visit.
 *
 * Entries are counted references: what is given out stays until the mem that
 * it was given for is freed, even when it has left the cache.
 */
#ifndef SESSION_SESSION_CACHE_H
#define SESSION_SESSION_CACHE_H
#include "session/session.h"

#define SESSION_CACHE_VALUE_MAX (8 * 1024)         /* longer cookies are verified each time */
#define SESSION_CACHE_BYTES_MAX (32 * 1024 * 1024) /* of one worker */

/* NULL when it is not there. */
const struct session *session_cache_get(
    struct session_cache *c, uint64_t verifier, struct str value, struct mem *m);

/* Remember a copy of *s under `value`; returns the copy, or s itself when it is not remembered. */
const struct session *session_cache_put(
    struct session_cache *c, uint64_t verifier, struct str value, const struct session *s, struct mem *m);

#endif
