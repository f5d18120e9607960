/*
 * conf/post.h - carry a call over to the thread of another event loop
 *
 * Each loop has one mailbox.  post_send() may be called from any thread; the
 * function runs on the loop that owns the mailbox, in the order of sending,
 * never from inside post_send().
 */
#ifndef CONF_POST_H
#define CONF_POST_H
#include "conf/err.h"

struct event_base;
struct post;

typedef void post_fn(void *arg);

struct post *post_new(struct event_base *base, struct err *e) MUST_CHECK;
void post_free(struct post **p); /* runs what is still waiting first; no sender may be left */
void post_send(struct post *p, post_fn *fn, void *arg);

#endif
