/*
 * proxy/metrics.h - numbers for the operator's dashboard
 *
 * Every worker has a struct metrics of its own and is the only one to write
 * it (relaxed atomic adds); the admin endpoint sums them.  Prometheus text
 * format 0.0.4, names begin with workflow_proxy_.
 */
#ifndef PROXY_METRICS_H
#define PROXY_METRICS_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

#define METRICS_BUCKETS 14 /* of latencies; upper bounds in metrics.c, the last is +Inf */

typedef _Atomic uint64_t metric;

#define METRICS_CODES 15 /* of HTTP/2's errors (RFC 9113 7); the last is for all that have no name */

enum logout_channel { LOGOUT_USER, LOGOUT_FRONT, LOGOUT_BACK, LOGOUT_ADMIN, LOGOUT_CHANNELS };

struct metrics {
	metric requests[6];            /* by class of status: [1]..[5] */
	metric refusals[REASON_COUNT]; /* by reason */
	metric latency[METRICS_BUCKETS];
	metric latency_us; /* sum */
	metric upstream_latency[METRICS_BUCKETS];
	metric upstream_latency_us;
	metric connections_accepted;
	metric connections; /* open now: added to and subtracted from */
	metric connections_peak;
	metric http2_connections, http2_streams; /* open now */
	metric http2_connections_begun, http2_streams_begun;
	metric http2_goaways[METRICS_CODES], http2_resets_sent[METRICS_CODES],
	    http2_resets_received[METRICS_CODES];
	metric sign_ins_begun, sign_ins_done, sign_outs;
	metric logouts[LOGOUT_CHANNELS];
	metric revocations;
	metric refreshes_done, refreshes_failed, refreshes_ended;
	metric session_cache_hits, session_cache_misses;
	metric token_cache_hits, token_cache_misses;
	metric provider_requests, provider_errors;
	metric upstream_connects, upstream_reused, upstream_retries, upstream_errors;
	metric redis_commands, redis_errors;
	metric redis_latency[METRICS_BUCKETS];
	metric redis_latency_us;
	metric bytes_in, bytes_out; /* bodies */
	metric upgrades;            /* open now */
};

static inline void
metric_add(metric *m, uint64_t n)
{
	/* One writer only, so no locked instruction is needed. */
	atomic_store_explicit(m, atomic_load_explicit(m, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void
metric_sub(metric *m, uint64_t n)
{
	metric_add(m, (uint64_t)0 - n);
}

static inline void
metric_add_code(metric *codes, uint32_t code)
{
	metric_add(&codes[code < METRICS_CODES ? code : METRICS_CODES - 1], 1);
}

void metrics_latency(metric *buckets, metric *sum, uint64_t us);

/* What the process as a whole adds to the sum of the workers. */
struct metrics_process {
	int64_t started; /* seconds since 1970 */
	uint64_t reloads, reload_failures;
	uint64_t revoked; /* entries in the table of ended sessions */
	const char *version;
	bool redis, redis_up; /* is one configured, and is it there? */
	size_t n_providers;
	const struct metrics_provider {
		const char *name;
		bool ready;
		int64_t keys_age;     /* seconds; -1: none */
		int64_t clock_offset; /* seconds */
	} * providers;
	size_t n_servers;
	const struct metrics_server {
		const char *upstream, *server;
		bool usable;
	} * servers;
	size_t n_expiries;
	const struct metrics_expiry {
		const char *what; /* a certificate or secret */
		int64_t left;     /* seconds; negative when it has expired */
	} * expiries;
};
struct str metrics_print(
    const struct metrics *const *workers, size_t n, const struct metrics_process *p, struct mem *m);

#endif
