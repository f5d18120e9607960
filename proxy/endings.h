/*
 * proxy/endings.h - what the provider's two ways of ending sessions share
 */
#ifndef PROXY_ENDINGS_H
#define PROXY_ENDINGS_H
#include "proxy/request.h"

struct rate;

/* Not more than that many a minute from one address; false: refused, and r->err says so. */
bool endings_within_rate(struct request *r, struct rate *of, uint64_t per_minute);

#endif
