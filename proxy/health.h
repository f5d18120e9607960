/*
 * proxy/health.h - can the upstreams' servers be reached?
 *
 * On the main thread every health_interval: a connection, or a request where
 * health_check names a path.  The outcome is a hint for the choice among
 * several servers and the answer of /readyz; a request is never refused
 * because of it.  The address that was reached is kept, so a name whose
 * address changes is followed.
 */
#ifndef PROXY_HEALTH_H
#define PROXY_HEALTH_H
#include "oidc/fetch.h"
#include "proxy/snapshot.h"

struct event_base;
struct health;

struct health *health_new(struct event_base *base, struct fetch *fetch, struct snapshot *snap);
void health_free(struct health **h);

#endif
