/*
 * proxy/refresh_copy.h - what a renewal takes along of the request that found it due
 *
 * Secrets in, secrets out: the copies are wiped with m.
 */
#ifndef PROXY_REFRESH_COPY_H
#define PROXY_REFRESH_COPY_H
#include "session/session.h"
#include "session/store.h"

/* With its cookies, where store = "cookie" has the tokens; without the cache, which is the thread's. */
struct visit refresh_copy_visit(const struct visit *v, struct mem *m);
struct tokens refresh_copy_tokens(const struct tokens *t, struct mem *m);

#endif
