/*
 * session/revoked.h - sessions that were ended before their time, and flows already redeemed
 *
 * One table per process, shared by all threads, bounded; entries go when what
 * they forbid would have run out anyway.  A full table refuses to forget an
 * entry that is still needed: it reports -1 and the caller says so in the log.
 */
#ifndef SESSION_REVOKED_H
#define SESSION_REVOKED_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"

struct revoked;

struct revoked *revoked_new(size_t entries); /* entries: rounded up to a power of two */
void revoked_free(struct revoked **r);

/* Forbid `id` (a sid, a flow) until `until` (seconds since 1970).  1: it was there already; -1: full. */
int revoked_add(struct revoked *r, struct str id, int64_t until, int64_t now);
/* Cheap when the table is empty: one relaxed atomic load. */
bool revoked_has(const struct revoked *r, struct str id, int64_t now);

#endif
