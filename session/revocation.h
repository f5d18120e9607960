/*
 * session/revocation.h - what ends sessions before their time
 *
 * One of ours, or every one that a provider's session, a subject or a username
 * had up to a moment.  Pure.
 */
#ifndef SESSION_REVOCATION_H
#define SESSION_REVOCATION_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"

struct mem;

enum revocation_kind {
	REVOKE_SID,
	REVOKE_PROVIDER_SID,
	REVOKE_FRONT, /* the same, said by a browser without proof (Front-Channel Logout) */
	REVOKE_SUBJECT,
	REVOKE_USERNAME,
	REVOKE_REPLACED, /* one of ours, when its browser has signed in anew and late requests are through */
	REVOKE_KINDS
};
struct revocation {
	enum revocation_kind kind;
	struct str provider; /* its name (session.idp), for PROVIDER_SID, FRONT and SUBJECT; else "" */
	struct str text;     /* the sid, the provider's sid, the sub, the username */
	bool digest;         /* text is the SHA-256 of both texts' SHA-256s, 32 bytes; provider is "" */
	/* Ends sessions with sst <= this; later ones of the same user stand.  REPLACED: ends it from then on.
	 */
	int64_t before_ms;
	int64_t until; /* seconds since 1970: no session that it ends is in force after that */
};
#define REVOKE_ALWAYS INT64_MAX /* before_ms of what names one session, and never another */

/*
 * One line of text without control characters, the same for a file and for
 * Redis, and back: "KIND PROVIDER TEXT BEFORE UNTIL", percent-encoded, "*" for
 * no provider.  parse: false when it is not a line that print makes; texts
 * live in m.
 */
struct str revocation_print(const struct revocation *x, struct mem *m);
bool revocation_parse(struct str line, struct mem *m, struct revocation *out);

#endif
