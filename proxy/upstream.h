/*
 * proxy/upstream.h - connections to the application's servers
 *
 * Kept alive in a pool per server and worker.  An ask writes the request's
 * head (kept by the stream while it connects) and ends with request_resume()
 * when the answer's head is there or the attempt has failed.  Decides nothing
 * about requests; whether to try again is the road's business.
 */
#ifndef PROXY_UPSTREAM_H
#define PROXY_UPSTREAM_H
#include <stdbool.h>

#include "proxy/request.h"
#include "proxy/stream.h"

enum upstream_state {
	UPSTREAM_CONNECTING,
	UPSTREAM_WAITING,  /* the head is sent, or being sent; the answer's is awaited */
	UPSTREAM_RELAYING, /* the answer's body */
	UPSTREAM_IDLE,     /* in the pool */
	UPSTREAM_DEAD,
};

struct upstream_conn {
	struct grave grave;
	struct upstream_conn *next, **prev; /* in the pool's idle list */
	struct worker *worker;
	struct view *view; /* borrowed: the pool lives in it */
	struct server *server;
	struct request *request; /* NULL: idle */
	struct stream stream;
	struct timer timer;
	enum upstream_state state;
	bool reused;      /* served another request before */
	bool spoke;       /* a byte of this answer has come */
	bool reusable;    /* after this answer */
	bool filled;      /* the last read: there may be more, and soon */
	struct chunk *in; /* an incomplete head; NULL while there is none */
	size_t scanned;
	unsigned interims; /* 1xx seen */
	struct str first;  /* bytes behind the head, while TAKE_UPSTREAM runs */
};

struct pool {
	struct upstream_conn *idle; /* most recently used first */
	size_t n_idle, n_busy;
};
size_t pool_size(void);
void pools_close(struct view *v); /* idle ones; the view has no users any more */

/* Choose r->server for the next try: servers in turn, or the least busy one. */
void upstream_choose(struct request *r);

/*
 * Send `head` for r to r->server: a kept connection
 * (not when `fresh`), else a new one.  -1: none could even be tried.
 */
int upstream_ask(struct request *r, struct str head, bool fresh, struct err *e) MUST_CHECK;

/* The answer is complete: keep the connection or close it.  Or: break it off.  r->up becomes NULL. */
void upstream_release(struct request *r);
void upstream_cancel(struct request *r);

/* Sum of idle and busy connections per server for the admin endpoint is in view->pools[server->number]. */

#endif
