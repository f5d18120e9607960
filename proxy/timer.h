/*
 * proxy/timer.h - many coarse deadlines for the price of one event
 *
 * Two wheels per worker: 256 slots 100 ms apart, and behind them 256 slots
 * 6.4 s apart for what is further away.  Moving a deadline away, what every
 * read and write does, is one store: the node stays where it is and is put
 * anew when its slot comes round.  The one event sleeps until a slot has
 * something in it, so connections that only wait cost nothing.  A timer fires
 * at or up to 200 ms after its time.
 */
#ifndef PROXY_TIMER_H
#define PROXY_TIMER_H
#include <stdint.h>

struct event_base;
struct timer;
struct timers;

typedef void timer_fn(struct timer *t);

/* Part of what it watches over: get back with timer_owner().  Zeroed is unset. */
struct timer {
	struct timer *next, **prev; /* in its slot; prev NULL: not set */
	int64_t due;                /* ms, timers_now()'s clock */
	timer_fn *fire;
};
#define timer_owner(t, type, member) ((type *)(void *)((char *)(t)-offsetof(type, member)))

struct timers *timers_new(struct event_base *base);
void timers_free(struct timers **ts); /* timers still set are forgotten */

int64_t timers_now(void); /* ms, monotonic, coarse */
int64_t timers_now_us(void);

void timer_set(struct timers *ts, struct timer *t, timer_fn *fire, int64_t in_ms);
void timer_clear(struct timer *t);
static inline int
timer_is_set(const struct timer *t)
{
	return t->prev != (void *)0;
}

#endif
