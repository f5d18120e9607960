/*
 * proxy/grants.h - users' tokens for upstreams, as long as they are good
 *
 * What an outbound section with grant = "refresh_token" got for one session:
 * the token until a third of its life is left, or, for 10 s, why there is
 * none.  One table per process, behind a mutex.  Kept by session, section and
 * snapshot generation; tokens are wiped; bounded in number and bytes, what was
 * asked for longest ago is given up first.
 */
#ifndef PROXY_GRANTS_H
#define PROXY_GRANTS_H
#include <stdint.h>

#include "conf/err.h"
#include "conf/str.h"
#include "oidc/outbound.h"
#include "session/revoked.h"
#include "session/session.h"

#define GRANTS_MAX   65536
#define GRANTS_BYTES (64 * 1024 * 1024)
#define GRANTS_AGAIN 10000 /* ms: no sooner after one that failed, or that an upstream refused */

struct grants;

struct grants_key {
	struct str sid;
	unsigned long generation;      /* of the snapshot */
	size_t outbound;               /* index into its conf.outbounds */
	const struct session *session; /* for grants_put(): whose it is */
};

enum grants_found {
	GRANTS_NONE,
	GRANTS_TOKEN,  /* *token, counted */
	GRANTS_FAILED, /* *why: of the last attempt, moments ago */
};

struct grants *grants_new(void);
void grants_free(struct grants **g);

/* now: ms, timers_now()'s clock. */
enum grants_found grants_find(struct grants *g, const struct grants_key *k, int64_t now,
    struct outbound_token **token, struct err *why);
/* expires_in: seconds; 0: not said, OUTBOUND_LIFE. */
void grants_put(
    struct grants *g, const struct grants_key *k, struct str access_token, int64_t expires_in, int64_t now);
void grants_fail(struct grants *g, const struct grants_key *k, const struct err *why, int64_t now);
/* The upstream refuses this token (401): forget it, unless it is younger than GRANTS_AGAIN. */
void grants_reject(
    struct grants *g, const struct grants_key *k, const struct outbound_token *token, int64_t now);
void grants_drop(struct grants *g, struct str sid); /* the session is over */
/* Those of sessions that were ended.  Looks at every one; how many it was. */
size_t grants_drop_revoked(struct grants *g, const struct revoked *revoked, int64_t now_s);

#endif
