/*
 * proxy/endings.h - what the provider's two ways of ending sessions share
 */
#ifndef PROXY_ENDINGS_H
#define PROXY_ENDINGS_H
#include "proxy/request.h"

/* Not more than that many a minute from one address; false: refused, and r->err says so. */
struct rate;
bool endings_within_rate(struct request *r, struct rate *of, uint64_t per_minute);

/*
 * What is known of a provider, until the request ends.  NULL with *e: nothing
 * yet, or too long ago.
 */
const struct oidc_view *endings_view(struct request *r, size_t provider, struct err *e);

#endif
