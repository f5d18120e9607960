/* proxy/timer.c - see proxy/timer.h */
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include <event2/event.h>

#include "conf/mem.h"
#include "proxy/timer.h"

#define SLOTS   256
#define TICK_MS 100

struct timers {
	struct event *tick;
	bool ticking;
	int64_t turned; /* the tick that was worked off last: ms / TICK_MS */
	struct timer *slots[SLOTS];
};

static void put(struct timers *, struct timer *);
static void take_out(struct timer *);
static void turn(struct timers *);
static void tick_cb(evutil_socket_t, short, void *);

struct timers *
timers_new(struct event_base *base)
{
	struct timers *ts = xcalloc(1, sizeof(*ts));

	ts->tick = event_new(base, -1, EV_PERSIST, tick_cb, ts);
	if (ts->tick == NULL)
		abort();
	ts->turned = timers_now() / TICK_MS;
	return ts;
}

void
timers_free(struct timers **ts)
{
	if (*ts == NULL)
		return;
	event_free((*ts)->tick);
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
	int64_t due = timers_now() + in_ms;

	t->fire = fire;
	if (timer_is_set(t) && due >= t->due) {
		t->due = due;
		return;
	}
	if (timer_is_set(t))
		take_out(t);
	t->due = due;
	put(ts, t);
}

void
timer_clear(struct timer *t)
{
	if (timer_is_set(t))
		take_out(t);
}

/* --- below: slots --- */

static void
put(struct timers *ts, struct timer *t)
{
	int64_t at = t->due / TICK_MS + 1;
	struct timer **slot;

	if (!ts->ticking) {
		static const struct timeval period = { 0, TICK_MS * 1000 };

		ts->turned = timers_now() / TICK_MS;
		ts->ticking = event_add(ts->tick, &period) == 0;
	}
	if (at <= ts->turned)
		at = ts->turned + 1;
	if (at > ts->turned + SLOTS - 1)
		at = ts->turned + SLOTS - 1; /* looked at again then */
	slot = &ts->slots[at % SLOTS];
	t->next = *slot;
	if (t->next != NULL)
		t->next->prev = &t->next;
	t->prev = slot;
	*slot = t;
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
turn(struct timers *ts)
{
	int64_t now = timers_now(), until = now / TICK_MS;
	struct timer *due = NULL, *t;

	if (until - ts->turned > SLOTS)
		ts->turned = until - SLOTS;
	while (ts->turned < until) {
		struct timer **slot = &ts->slots[++ts->turned % SLOTS];

		/* Taken over whole, so that what is put back meanwhile is not met again. */
		due = *slot;
		*slot = NULL;
		if (due != NULL)
			due->prev = &due;
		while ((t = due) != NULL) {
			take_out(t);
			if (t->due <= now)
				t->fire(t);
			else
				put(ts, t);
		}
	}
}

/* --- called by libevent --- */

static void
tick_cb(evutil_socket_t fd, short what, void *arg)
{
	struct timers *ts = arg;
	size_t i;

	(void)fd;
	(void)what;
	turn(ts);
	for (i = 0; i < SLOTS; i++)
		if (ts->slots[i] != NULL)
			return;
	ts->ticking = false;
	(void)event_del(ts->tick);
}
