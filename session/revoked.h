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

/*
 * What ends sessions: one of ours, or every one that a provider's session, a
 * subject or a username had up to a moment.
 */
enum revocation_kind { REVOKE_SID, REVOKE_PROVIDER_SID, REVOKE_SUBJECT, REVOKE_USERNAME };
struct revocation {
	enum revocation_kind kind;
	struct str provider; /* its name (session.idp), for PROVIDER_SID and SUBJECT; else "" */
	struct str text;     /* the sid, the provider's sid, the sub, the username */
	int64_t before_ms;   /* ends sessions with sst <= this; later ones of the same user stand */
	int64_t until;       /* seconds since 1970: no session that it ends is in force after that */
};

/* As revoked_add(); of two for the same the later before_ms and until count. */
int revoked_end(struct revoked *r, const struct revocation *x, int64_t now);
/* Is this session ended?  Four relaxed atomic loads while the table is empty. */
struct session;
bool revoked_session(const struct revoked *r, const struct session *s, int64_t now);

/*
 * One line of text without control characters, the same for a file and for
 * Redis, and back.  parse: false when it is not such a line; texts are slices of it
 * or live in m.
 */
struct mem;
struct str revocation_print(const struct revocation *x, struct mem *m);
bool revocation_parse(struct str line, struct mem *m, struct revocation *out);

#endif
