/*
 * session/session_cache.h - cookies that this worker has verified or unsealed before
 *
 * Private to session/; made and freed through session/session.h.  An entry is
 * found by the whole value of the cookie and by the number of the struct
 * sessions that verified it, or of the store that unsealed it.  It says what
 * the cookie holds, never that it is still good: times, scope and revocation
 * are judged at every visit.
 *
 * Entries are counted references: what is given out stays until the mem that
 * it was given for is freed, even when it has left the cache.
 */
#ifndef SESSION_SESSION_CACHE_H
#define SESSION_SESSION_CACHE_H
#include "session/session.h"
#include "session/store.h"

#define SESSION_CACHE_VALUE_MAX  (8 * 1024)         /* longer cookies are verified each time */
#define SESSION_CACHE_BYTES_MAX  (32 * 1024 * 1024) /* of one worker */
#define SESSION_CACHE_TOKENS_MAX (16 * 1024 * 1024) /* of one worker, besides */

/* A number that nobody else has in this process: a freed one's address comes back, its number does not. */
uint64_t session_cache_verifier(void);

/* NULL when it is not there. */
const struct session *session_cache_get(
    struct session_cache *c, uint64_t verifier, struct str value, struct mem *m);

/* Remember a copy of *s under `value`; returns the copy, or s itself when it is not remembered. */
const struct session *session_cache_put(
    struct session_cache *c, uint64_t verifier, struct str value, const struct session *s, struct mem *m);

/* A cookie of sealed tokens. */
struct session_sealed {
	uint64_t verifier; /* the store's */
	struct str value;
	struct str sid; /* the session that it opens for */
};

/* false: not there; else *out, until m is freed. */
bool session_cache_get_tokens(
    struct session_cache *c, const struct session_sealed *k, struct mem *m, struct tokens *out);
/* Remember what it held, a copy. */
void session_cache_put_tokens(
    struct session_cache *c, const struct session_sealed *k, const struct tokens *t);

#endif
