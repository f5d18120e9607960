/*
 * proxy/refresh_job.h - one renewal of a session's tokens, from the lock to the store
 *
 * A job belongs to no request: a browser that leaves in the middle must not
 * lose a refresh token that the provider has replaced.  It runs on the loop of
 * the worker that began it, holds what it needs of the snapshot, and ends by
 * telling the table (proxy/refresh_table.h) what came of it.
 *
 *   lock -- another instance has it --> look: is there a newer session? yes: done
 *     |                                    no: again in 100 ms, for 15 s
 *     v
 *   look at the store -- newer: done.  No refresh token: failed
 *     |
 *   token request -- invalid_grant: the session ends.  No answer, 5xx: failed
 *     |
 *   userinfo, keys where needed; the ID token -- wrong: the session ends
 *     |
 *   the session renewed, its tokens stored; unlock
 *
 * Who was ended meanwhile, as he was or as the new token names him, ends: the
 * new refresh token goes back (proxy/refresh_end.h).  Where instances share a
 * store that is looked at once more a second later, when all have heard of it.
 *
 * What failed leaves the session as it is, and may be tried again 10 s later.
 *
 * A job for an outbound section goes the same road to the token request, so
 * that the refresh token is never used twice at once, and puts the access token
 * that it gets into the process's struct grants.  Session, ID token and access
 * token stay; a refresh token that was replaced is stored.  Where the browser
 * holds it, that makes a newer session (session.turn), so that whoever comes
 * with the older cookies is served as after a renewal.  Whatever came of it, what
 * it knows of the session is what it tells the table: RENEWED, unless it ended.
 */
#ifndef PROXY_REFRESH_JOB_H
#define PROXY_REFRESH_JOB_H
#include "session/session.h"

struct refresh_job;
struct view;
struct worker;

/* Everything is copied or counted. */
struct refresh_order {
	struct worker *worker;
	struct view *view;             /* the snapshot that the session was found under */
	size_t provider;               /* index */
	const struct visit *visit;     /* of the request that found it due */
	const struct session *session; /* as it was found */
	struct str token;              /* its token */
	const struct tokens *newer;    /* than those in the visit's cookies; NULL: none */
	size_t outbound;               /* index into conf.outbounds, plus one; 0: the session is renewed */
	const char *id;                /* the request's, for the log */
};

#define REFRESH_JOB_KEEP 15000 /* ms that it tries to store what it got */

/* The caller was REFRESH_FIRST.  May be done before it returns. */
void refresh_job_begin(const struct refresh_order *o);

/* A worker that ends: jobs that still run are given up. */
void refresh_job_stop_all(struct worker *w);

#endif
