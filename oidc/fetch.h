/*
 * oidc/fetch.h - one HTTP exchange with somebody outside
 *
 * The only file that knows libcurl.  A struct fetch is curl's multi interface
 * on one event loop; all calls for it are made on that loop's thread.
 *
 * Bounded: the answer's size, its head, the time to connect and the whole
 * time.  Redirects are not followed, nothing but http and https is spoken, no
 * compression is accepted, no credentials come from the environment.  A name
 * that resolves slowly keeps nobody else waiting.
 *
 * At most FETCH_HOST exchanges with one host are under way at a time.  What
 * comes then waits its turn, for q->patience at most; the timeout begins when
 * it is sent.  Too long, or too many: REASON_PROVIDER_BUSY.
 *
 * What has a body is sent once, whatever becomes of its connection: a refresh
 * token or a code that arrives twice looks stolen.  What has none may be sent
 * again where a connection that was kept closes without an answer.
 *
 * The process must ignore SIGPIPE.
 */
#ifndef OIDC_FETCH_H
#define OIDC_FETCH_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"
#include "conf/str.h"

struct event_base;
struct fetch;
struct fetch_op;

#define FETCH_HOST     32
#define FETCH_WAITING  1024
#define FETCH_PATIENCE 15000 /* ms */

typedef void fetch_done(void *arg);

struct fetch_request {
	const char *url;
	const char *body; /* NULL: GET; else POST application/x-www-form-urlencoded */
	size_t body_size;
	const char *authorization; /* value of the Authorization header; may be NULL */
	const char *accept;        /* e.g. "application/json" */
	const char *tls_ca;        /* PEM file; NULL: the system's */
	const char *proxy;         /* NULL: HTTPS_PROXY / NO_PROXY decide; "": none */
	const char *unix_socket;   /* NULL, or the path to connect to instead */
	bool insecure;     /* no verification of the server's certificate: upstream health checks only */
	bool connect_only; /* stop when connected (health checks) */
	int64_t timeout;   /* ms, whole exchange, from when it is sent */
	int64_t patience;  /* ms that it may wait before; 0: FETCH_PATIENCE */
	size_t max_size;   /* bytes of the answer's body */
};

struct fetch_answer {
	int status;          /* 0 with connect_only */
	struct str body;     /* terminated; lives until fetch_release() */
	struct str type;     /* Content-Type; "" when there is none */
	int64_t date;        /* the Date header, seconds since 1970; 0: none */
	int64_t retry_after; /* seconds; 0: none */
	char address[64];    /* the peer's IP address */
};

struct fetch *fetch_new(struct event_base *base, struct err *e) MUST_CHECK;
/* Cancels what is under way.  Ops remain their owners' to release. */
void fetch_free(struct fetch **f);

/*
 * All of *q is copied.  `done` is called exactly once, from the event loop,
 * never from inside fetch_ask(); after fetch_release() it is not called.  From
 * inside it everything here may be called, fetch_free() too.
 */
struct fetch_op *fetch_ask(struct fetch *f, const struct fetch_request *q, fetch_done *done, void *arg);

/*
 * After done: 0 when an HTTP answer of any status arrived.  -1: reason
 * PROVIDER_DOWN, PROVIDER_TIMEOUT, PROVIDER_BUSY, PROVIDER_TOO_LARGE,
 * PROVIDER_ANSWER or SYSTEM, and a sentence that begins with the URL (without its query).
 */
int fetch_take(struct fetch_op *op, struct fetch_answer *out, struct err *e) MUST_CHECK;
/* Safe on NULL, in any state; sets *op to NULL; wipes bodies. */
void fetch_release(struct fetch_op **op);

#endif
