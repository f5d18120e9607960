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
 * What failed leaves the session as it is, and may be tried again 10 s later.
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
	const char *id;                /* the request's, for the log */
};

/* The caller was REFRESH_FIRST.  May be done before it returns. */
void refresh_job_begin(const struct refresh_order *o);

/* A worker that ends: jobs that still run are given up. */
void refresh_job_stop_all(struct worker *w);

#endif
