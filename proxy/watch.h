/*
 * proxy/watch.h - a stream is as old as the session that opened it, and no older
 *
 * A WebSocket or an event stream passes no rule after its first request.  So
 * while one is open its session is looked at every second, and whenever a
 * session was ended (proxy/revoke.h): when it has run out or was ended,
 * wherever that was asked for, or nobody can say so any more
 * (session.revocation_stale), the stream is cut; and so it is when its session
 * is renewed with claims that the route's rules do not let in.
 */
#ifndef PROXY_WATCH_H
#define PROXY_WATCH_H
#include "proxy/request.h"

/* From now until r ends; r->session is set. */
void watch_begin(struct request *r);
/* Look at all streams of this worker, on its thread. */
void watch_look(struct worker *w);

#endif
