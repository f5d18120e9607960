/*
 * proxy/redis_sink.h - a revocation is acknowledged when Redis has it
 *
 * Written through the asking worker's own connection; read by everybody:
 * proxy/redis_revocations.h.
 */
#ifndef PROXY_REDIS_SINK_H
#define PROXY_REDIS_SINK_H
#include "proxy/revoke.h"

/* For workers whose view has a connection. */
struct revoke_sink *redis_sink(void);

/* A worker that ends: what Redis has not answered may not have been kept. */
void redis_sink_stop_all(struct worker *w);

#endif
