/* conf/post.c - see conf/post.h */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "conf/mem.h"
#include "conf/post.h"

struct letter {
	struct letter *next;
	post_fn *fn;
	void *arg; /* the sender's */
};

struct post {
	int fd;             /* eventfd: readable while letters wait */
	struct event *wake; /* ours */
	pthread_mutex_t lock;
	struct letter *first, **last; /* ours; under lock */
};

static struct letter *take_all(struct post *);
static bool deliver(struct post *);
static void post_wake_cb(evutil_socket_t, short, void *);

struct post *
post_new(struct event_base *base, struct err *e)
{
	struct post *p = xcalloc(1, sizeof(*p));

	p->last = &p->first;
	(void)pthread_mutex_init(&p->lock, NULL);
	p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (p->fd == -1) {
		(void)err_set(e, REASON_SYSTEM, "eventfd: %s", strerror(errno));
		post_free(&p);
		return NULL;
	}
	p->wake = event_new(base, p->fd, EV_READ | EV_PERSIST, post_wake_cb, p);
	if (p->wake == NULL || event_add(p->wake, NULL) == -1) {
		(void)err_set(e, REASON_SYSTEM, "the event loop takes no event for its mailbox");
		post_free(&p);
		return NULL;
	}
	return p;
}

void
post_free(struct post **pp)
{
	struct post *p = *pp;

	if (p == NULL)
		return;
	while (deliver(p))
		continue;
	if (p->wake != NULL)
		event_free(p->wake);
	if (p->fd != -1)
		(void)close(p->fd);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
	*pp = NULL;
}

void
post_send(struct post *p, post_fn *fn, void *arg)
{
	struct letter *l = xmalloc(sizeof(*l));
	const uint64_t one = 1;
	bool was_empty;
	ssize_t n;

	*l = (struct letter){ .fn = fn, .arg = arg };
	(void)pthread_mutex_lock(&p->lock);
	was_empty = p->first == NULL;
	*p->last = l;
	p->last = &l->next;
	(void)pthread_mutex_unlock(&p->lock);
	if (!was_empty)
		return; /* who put the first letter in wakes the loop for all */
	do
		n = write(p->fd, &one, sizeof(one));
	while (n == -1 && errno == EINTR);
	/* EAGAIN: the counter is full, so the descriptor is readable anyway. */
	assert(n == sizeof(one) || errno == EAGAIN);
}

static struct letter *
take_all(struct post *p)
{
	struct letter *l;

	(void)pthread_mutex_lock(&p->lock);
	l = p->first;
	p->first = NULL;
	p->last = &p->first;
	(void)pthread_mutex_unlock(&p->lock);
	return l;
}

/*
 * Only what waits now: a letter that sends the next one does not keep the loop
 * from its other work.
 */
static bool
deliver(struct post *p)
{
	struct letter *l = take_all(p), *next;
	const bool any = l != NULL;

	for (; l != NULL; l = next) {
		next = l->next;
		l->fn(l->arg);
		free(l);
	}
	return any;
}

/* --- called by libevent --- */

static void
post_wake_cb(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	(void)what;
	/* Emptied before the letters are taken: one that comes in between wakes us again. */
	if (read(fd, &n, sizeof(n)) == -1 && errno != EAGAIN && errno != EINTR)
		abort();
	(void)deliver(arg);
}
