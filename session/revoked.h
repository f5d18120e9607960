/*
 * session/revoked.h - sessions that were ended before their time, and flows already redeemed
 *
 * One table per process, shared by all threads, bounded; entries go when what
 * they forbid would have run out anyway.  A full table refuses to forget an
 * entry that is still needed: it reports -1 and the caller says so in the log.
 *
 * Readers come with every request: most of them find the place of their id
 * empty and take no lock.  Ids are hashed with a key of the table's own, since
 * strangers may choose them, and compared whole (those of more than 64 bytes
 * by their SHA-256).
 */
#ifndef SESSION_REVOKED_H
#define SESSION_REVOKED_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"

struct revoked;

struct revoked *revoked_new(size_t entries); /* entries: rounded up to a power of two, at most 2^24 */
void revoked_free(struct revoked **r);

/*
 * Forbid `id` (a sid, a flow) until `until` (seconds since 1970).  0: done;
 * 1: it was there already (and stays for the longer of both times); -1: full.
 */
int revoked_add(struct revoked *r, struct str id, int64_t until, int64_t now);
/* Cheap when the table is empty: one relaxed atomic load. */
bool revoked_has(const struct revoked *r, struct str id, int64_t now);

#endif
