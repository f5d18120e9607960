/*
 * proxy/rate.h - how often one address may begin a sign-in
 *
 * One token bucket per address (IPv6: per /64), refilled at the configured
 * rate, shared by all threads, bounded: when the table is full the fullest
 * buckets, which forbid nothing, make room first.
 */
#ifndef PROXY_RATE_H
#define PROXY_RATE_H
#include <netinet/in.h>
#include <stdint.h>

struct rate;

struct rate *rate_new(size_t entries);
void rate_free(struct rate **r);
/* 0: go on; else the number of seconds to wait. */
unsigned rate_take(struct rate *r, const struct in6_addr *addr, uint64_t per_minute, int64_t now_ms);
/* The same for `most` within `period_ms`, of one table always the same two. */
unsigned rate_take_of(
    struct rate *r, const struct in6_addr *addr, uint64_t most, int64_t period_ms, int64_t now_ms);

#endif
