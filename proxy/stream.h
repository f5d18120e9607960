/*
 * proxy/stream.h - bytes to and from one socket, plain or TLS
 *
 * The one place that reads and writes connections.  It knows no protocol:
 * its owner hears "there are bytes", "all is written", "it is over", and asks
 * for the rest.
 *
 * Reading goes into the caller's buffer.  Writing is tried at once; what the
 * socket does not take is copied, and the write event is armed only then.
 * Nothing bounds that copy here: owners stop producing while
 * stream_pending() > 0.
 *
 * A stream is embedded in its owner.  After stream_close() no callback comes;
 * the owner's memory must live until the callback in progress has returned
 * (worker_bury()).
 */
#ifndef PROXY_STREAM_H
#define PROXY_STREAM_H
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/ssl.h>

#include "conf/err.h"

struct stream;

enum stream_event {
	STREAM_READABLE,  /* stream_read() has something to say */
	STREAM_CONNECTED, /* after stream_connect(): the socket, and TLS, are up */
	STREAM_DRAINED,   /* all that was pending is written */
	STREAM_FAILED,    /* connecting, the handshake or writing failed: stream_error() */
};
typedef void stream_fn(struct stream *s, enum stream_event what, void *arg);

struct stream_rest;

struct stream {
	int fd;           /* -1: closed */
	int error;        /* errno of the failure; 0: TLS or the peer's close */
	bool reading;     /* the read event is armed */
	bool connecting;  /* waits for connect(2) or the handshake */
	bool handshaking; /* TLS is not up yet */
	bool read_wants_write, write_wants_read;
	bool shut; /* our side is shut down */
	bool failed;
	SSL *ssl; /* ours; NULL: plain */
	struct event rd;
	struct event *wr;        /* made when first needed */
	struct stream_rest *out; /* what the socket did not take yet; NULL: it took all */
	stream_fn *fn;
	void *arg;
};

/* Take over a non-blocking socket, and ssl (may be NULL; accept or connect state set).  Does not read yet. */
void stream_init(struct stream *s, struct event_base *base, int fd, SSL *ssl, stream_fn *fn, void *arg);
/* The socket's connect(2) is under way: CONNECTED or FAILED will come, from the loop. */
void stream_connect(struct stream *s);
void stream_close(struct stream *s); /* idempotent; wipes nothing, sends close_notify when it can */

void stream_want_read(struct stream *s, bool want);

/* > 0: bytes; 0: the peer has shut down; -1: nothing now; -2: failed. */
ssize_t stream_read(struct stream *s, void *buf, size_t cap);

/* Beneath TLS, which has not begun: what comes ahead of it.  peek: it stays where it is.  As stream_read().
 */
ssize_t stream_read_ahead(struct stream *s, void *buf, size_t cap, bool peek);

/* The loop knows of bytes, or of the end, that the owner has not been told of yet.  Costs no system call. */
bool stream_has_news(const struct stream *s);

/* Without taking anything: 1 there are bytes, 0 the peer has shut down, -1 nothing now, -2 failed. */
int stream_peek(struct stream *s);

/* All of it is written or kept.  -1: failed (FAILED will not come as well).  iov is used up. */
int stream_write(struct stream *s, struct iovec *iov, int n) MUST_CHECK;
size_t stream_pending(const struct stream *s);
void stream_shut_write(
    struct stream *s); /* after what is pending is gone: the owner waits for DRAINED first */

/* "connection reset by peer", or OpenSSL's words; buf holds at least 128 bytes. */
const char *stream_error(const struct stream *s, char *buf, size_t n);

#endif
