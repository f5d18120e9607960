/*
 * proxy/refresh.h - a session that is due is renewed on the way of a request
 *
 * Behind STEP_SESSION.  A session whose refresh_at has come is renewed by a job
 * (proxy/refresh_job.h), once however many requests come.  Where its tokens
 * are in the browser, or have run out, the requests wait and their answers
 * carry the new cookies; else they go on with the session they have and the
 * next one gets the new.  With idle_timeout a session that is used is written
 * anew, without asking anybody.
 */
#ifndef PROXY_REFRESH_H
#define PROXY_REFRESH_H
#include "proxy/refresh_table.h"
#include "proxy/request.h"

/* Is there anything to do about the session that was found?  Cheap. */
bool refresh_is_due(const struct request *r);

/*
 * For a stream, whose head is long gone: when its session was renewed since (true),
 * r->session is the new one, in *m, which takes the place of the one before.
 */
bool refresh_follow(struct request *r, struct mem **m);

/*
 * The answer was long in coming: the session was ended since, or its browser has another one by now.
 * What was prepared for the browser would put an old cookie in the new one's place.
 */
bool refresh_came_late(const struct request *r);

/* --- for whoever uses the refresh token besides: proxy/onbehalf.c --- */

struct refresh_asker refresh_asker(const struct request *r); /* with the session it has now */
/* The caller was REFRESH_FIRST; `outbound` as in struct refresh_order (proxy/refresh_job.h). */
void refresh_order(struct request *r, const struct visit *v, size_t outbound);
/* This newer session is the request's from here on, and the answer tells the browser: STEP_AUTHORIZE follows.
 */
enum step refresh_adopt(struct request *r, const struct tokens *t);

#endif
