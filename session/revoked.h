/*
 * session/revoked.h - sessions that were ended before their time, and flows already redeemed
 *
 * One table per process, shared by all threads, bounded; entries go when what
 * they forbid would have run out anyway.  A full table refuses to forget an
 * entry that is still needed: it reports -1 and the caller says so in the log.
 *
 * Readers come with every request: most of them find the place of their id
 * empty and take no lock.  Ids are hashed with a key of the table's own, since
 * strangers may choose them, and compared whole (long ones by their SHA-256).
 */
#ifndef SESSION_REVOKED_H
#define SESSION_REVOKED_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"
#include "session/revocation.h"

struct revoked;

/*
 * entries: rounded up to a power of two, at most 2^24.  A quarter as many again
 * are for REVOKE_FRONT alone, and for REVOKE_REPLACED alone, so that none of
 * the three takes another's places.
 */
struct revoked *revoked_new(size_t entries);
void revoked_free(struct revoked **r);

/*
 * Forbid `id` (a sid, a flow) until `until` (seconds since 1970).  0: done;
 * 1: it was there already (and stays for the longer of both times); -1: full.
 */
int revoked_add(struct revoked *r, struct str id, int64_t until, int64_t now);
/* Cheap when the table is empty: one relaxed atomic load. */
bool revoked_has(const struct revoked *r, struct str id, int64_t now);

/*
 * As revoked_add(); of two for the same the later before_ms and until count, of
 * two REPLACED the earlier before_ms.
 */
int revoked_end(struct revoked *r, const struct revocation *x, int64_t now);
/* What the table keeps of it, in m: long texts as a digest. */
struct mem;
struct revocation revoked_short(const struct revocation *x, struct mem *m);
/* Is this session ended?  Six relaxed atomic loads while the table is empty. */
struct session;
bool revoked_session(const struct revoked *r, const struct session *s, int64_t now);
/* Has its browser a newer one (REVOKE_REPLACED), so that this one may still be used for a moment, and no
 * more? */
bool revoked_is_replaced(const struct revoked *r, const struct session *s, int64_t now);

/* How many are in the table, those that have run out and were not swept yet among them. */
size_t revoked_count(const struct revoked *r);

/*
 * All that are in force, in no order: begin with *at = 0, go on until it is
 * false.  Texts live in m; those that are long come as digests.  What is added
 * meanwhile may be left out.
 */
bool revoked_next(const struct revoked *r, size_t *at, int64_t now, struct mem *m, struct revocation *out);

#endif
