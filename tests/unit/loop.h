/*
 * tests/unit/loop.h - a main thread's loop, turned by the test, and a clock that it sets
 *
 * With what lives on that loop: mailbox, outgoing exchanges, a log.
 * Hours pass when clock_gettime() says so: the one below stands before the C
 * library's, for libevent and libcurl too.
 */
#ifndef TESTS_LOOP_H
#define TESTS_LOOP_H
#include <check.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "conf/log.h"
#include "conf/post.h"
#include "oidc/fetch.h"

static atomic_llong ahead; /* seconds that our time is ahead */
static struct event_base *base;
static struct post *post;
static struct fetch *fetch;
static char log_file[64];

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	const int r = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += ahead;
	return r;
}

static inline int64_t
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

/* Our time is everybody's again, and the log begins anew. */
static inline void
loop_begin(enum log_level level)
{
	struct err e;

	ahead = 0;
	(void)snprintf(log_file, sizeof(log_file), "/tmp/test-loop-%d.log", (int)getpid());
	(void)unlink(log_file);
	ck_assert_int_eq(
	    log_open(&(struct log_setup){ .level = level, .file = log_file, .access = "off" }, &e), 0);
	base = event_base_new();
	post = post_new(base, &e);
	fetch = fetch_new(base, &e);
}

static inline void
loop_end(void)
{
	fetch_free(&fetch);
	post_free(&post);
	event_base_free(base);
	log_close();
	(void)unlink(log_file);
}

static inline void
turn(void)
{
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	(void)usleep(500);
}

static inline void
turns(int n)
{
	while (n-- > 0)
		turn();
}

static inline void
travel(int64_t seconds)
{
	ahead += seconds;
	turns(5);
}

#define WAIT_FOR(condition)                                                                                  \
	do {                                                                                                 \
		for (int i_ = 0; i_ < 20000 && !(condition); i_++)                                           \
			turn();                                                                              \
		ck_assert_msg(condition, "waited in vain for " #condition);                                  \
	} while (0)

/* A `done` that counts. */
static inline void
count(void *arg)
{
	++*(int *)arg;
}

#endif
