/*
 * proxy/endings.h - what the provider's two ways of ending sessions share
 */
#ifndef PROXY_ENDINGS_H
#define PROXY_ENDINGS_H
#include "proxy/request.h"

struct rate;

/* Not more than that many a minute from one address; false: refused, and r->err says so. */
bool endings_within_rate(struct request *r, struct rate *of, uint64_t per_minute);

/*
 * May its address make n more entries that nobody proves?  Not more than
 * ENDINGS_SHARE of them as long as they last, a quarter of all that there is
 * room for: one address alone cannot keep the others' logouts out.  false as
 * above.
 */
#define ENDINGS_SHARE 16384
bool endings_within_share(struct request *r, size_t n);

#endif
