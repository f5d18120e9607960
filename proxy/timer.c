/* proxy/timer.c - see proxy/timer.h */
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "conf/mem.h"
#include "proxy/timer.h"

#define SLOTS   256
#define TICK_MS 100
#define NEVER   INT64_MAX
#define SPAN    64 /* ticks of one slot of the far wheel */

struct timers {
	struct event *wake;
	int64_t wakes;  /* the tick at which wake is due; no timer is in a slot before it */
	int64_t turned; /* the tick that was worked off last: ms / TICK_MS */
	struct timer
	    *due; /* the slot being worked off, so that what is put back meanwhile is not met again */
	struct timer *near[SLOTS];
	struct timer *far[SLOTS]; /* handed on to near when its span begins */
};

static void put(struct timers *, struct timer *, int64_t);
static void take_out(struct timer *);
static void turn(struct timers *, int64_t);
static void empty(struct timers *, struct timer **, int64_t, bool);
static int64_t next_tick(const struct timers *);
static void sleep_until(struct timers *, int64_t, int64_t);
static void wake_cb(evutil_socket_t, short, void *);

struct timers *
timers_new(struct event_base *base)
{
	struct timers *ts = xcalloc(1, sizeof(*ts));

	ts->wake = event_new(base, -1, 0, wake_cb, ts);
	if (ts->wake == NULL)
		abort();
	ts->wakes = NEVER;
	ts->turned = timers_now() / TICK_MS;
	return ts;
}

void
timers_free(struct timers **ts)
{
	if (*ts == NULL)
		return;
	event_free((*ts)->wake);
	free(*ts);
	*ts = NULL;
}

int64_t
timers_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
timers_now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void
timer_set(struct timers *ts, struct timer *t, timer_fn *fire, int64_t in_ms)
{
	int64_t now = timers_now(), due = now + in_ms;

	t->fire = fire;
	if (timer_is_set(t) && due >= t->due) {
		t->due = due;
		return;
	}
	if (timer_is_set(t))
		take_out(t);
	t->due = due;
	put(ts, t, now);
}

void
timer_clear(struct timer *t)
{
	if (timer_is_set(t))
		take_out(t);
}

/* --- below: slots --- */

static void
put(struct timers *ts, struct timer *t, int64_t now)
{
	int64_t at = t->due / TICK_MS + 1, met = now / TICK_MS;
	struct timer **slot;

	if (met < ts->wakes && met > ts->turned)
		ts->turned = met; /* the slots between are empty */
	if (at <= ts->turned)
		at = ts->turned + 1;
	met = at;
	if (at < ts->turned + SLOTS) {
		slot = &ts->near[at % SLOTS];
	} else {
		at /= SPAN; /* more than a whole turn away: looked at once a turn */
		slot = &ts->far[at % SLOTS];
		met = at * SPAN;
	}
	t->next = *slot;
	if (t->next != NULL)
		t->next->prev = &t->next;
	t->prev = slot;
	*slot = t;
	if (met < ts->wakes)
		sleep_until(ts, met, now);
}

static void
take_out(struct timer *t)
{
	*t->prev = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

/* Work off every slot up to now.  A timer that fires may set, clear and free any other. */
static void
turn(struct timers *ts, int64_t now)
{
	int64_t until = now / TICK_MS;

	ts->wakes = 0; /* whatever is put meanwhile is seen before the next sleep */
	if (until - ts->turned > SLOTS * SPAN)
		ts->turned = until - SLOTS * SPAN;
	while (ts->turned < until) {
		int64_t tick = ts->turned + 1;

		if (tick % SPAN == 0)
			empty(ts, &ts->far[tick / SPAN % SLOTS], now, false);
		ts->turned = tick;
		empty(ts, &ts->near[tick % SLOTS], now, true);
	}
}

static void
empty(struct timers *ts, struct timer **slot, int64_t now, bool fires)
{
	struct timer *t;

	ts->due = *slot;
	*slot = NULL;
	if (ts->due != NULL)
		ts->due->prev = &ts->due;
	while ((t = ts->due) != NULL) {
		take_out(t);
		if (fires && t->due <= now)
			t->fire(t);
		else
			put(ts, t, now);
	}
}

/* The first tick that has something to do. */
static int64_t
next_tick(const struct timers *ts)
{
	int64_t tick = NEVER, span = ts->turned / SPAN, i;

	for (i = 1; i <= SLOTS && tick == NEVER; i++)
		if (ts->near[(ts->turned + i) % SLOTS] != NULL)
			tick = ts->turned + i;
	for (i = 1; i <= SLOTS && (span + i) * SPAN < tick; i++)
		if (ts->far[(span + i) % SLOTS] != NULL)
			tick = (span + i) * SPAN;
	return tick;
}

static void
sleep_until(struct timers *ts, int64_t tick, int64_t now)
{
	int64_t ms = tick * TICK_MS - now;
	struct timeval tv;

	if (ms < 1)
		ms = 1;
	tv.tv_sec = (time_t)(ms / 1000);
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	ts->wakes = event_add(ts->wake, &tv) == 0 ? tick : NEVER;
}

/* --- called by libevent --- */

static void
wake_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timers *ts = arg;
	int64_t tick;

	(void)fd;
	(void)what;
	turn(ts, timers_now());
	tick = next_tick(ts);
	ts->wakes = NEVER;
	if (tick != NEVER)
		sleep_until(ts, tick, timers_now());
}
