/*
 * proxy/http2.h - HTTP/2 towards browsers (RFC 9113), by libnghttp2
 *
 * A connection that agreed on "h2" stays a struct client; each of its streams
 * is one, too (struct http2_stream begins with it), so that a request finds
 * the same client_*() whatever brought it.  Requests, steps and the relay know
 * nothing of this.
 *
 * What is held is bounded: of an upload what its window let in, given anew
 * only as the upstream takes it; of an answer one read of the upstream, which
 * is not read while the stream's window is shut, and never more than a chunk
 * beyond what that window lets out.  Frames are written once a
 * turn of the loop, all that there are.
 */
#ifndef PROXY_HTTP2_H
#define PROXY_HTTP2_H
#include <stdbool.h>

#include <event2/event_struct.h>
#include <nghttp2/nghttp2.h>

#include "proxy/client.h"
#include "proxy/http2_frames.h"
#include "proxy/http2_head.h"

/* --- for client.c: a connection --- */

void http2_begin(struct client *c); /* the handshake is done, and said h2 */
void http2_readable(struct client *c);
void http2_drained(struct client *c);
void http2_timed_out(struct client *c);
void http2_drain(struct client *c);   /* the proxy stops: no new streams, the others are finished */
void http2_release(struct client *c); /* its requests are aborted */

/* --- for client.c and client_body.c: what client_*() do for a stream --- */

int http2_write(struct client *c, struct iovec *iov, int n) MUST_CHECK;
size_t http2_pending(const struct client *c);
size_t http2_room(const struct client *c);
int http2_take(struct client *c, struct str *data); /* 1, 0, or -1: the end */
bool http2_holds_body(const struct client *c);
void http2_want_body(struct client *c, bool want);
void http2_request_done(struct client *c);
void http2_reset(struct client *c, const char *why);

/* --- between http2*.c --- */

/* So much at once, and so much again each second. */
struct http2_allowance {
	int64_t used; /* thousandths; the clock gives it back */
	int64_t at;   /* timers_now()'s clock */
};

struct http2 {
	struct client *client;
	nghttp2_session *session;
	struct event flush;
	struct http2_stream *streams;
	size_t n_streams;
	struct http2_stream *receiving; /* whose head is coming in; NULL: none */
	bool in_block;                  /* between HEADERS and the last CONTINUATION */
	bool greeted;                   /* its SETTINGS were there */
	bool dirty;                     /* a flush is under way */
	bool broken;                    /* nothing of what it sends can be understood any more */
	bool draining, said_goodbye;    /* the first GOAWAY, the second one */
	bool calmed;                    /* it was told ENHANCE_YOUR_CALM */
	bool ending;                    /* GOAWAY, and then nothing */
	unsigned sent;                  /* DATA frames that it may answer with WINDOW_UPDATE */
	size_t out_n;                   /* bytes in worker->head_out, while http2_flush() runs */
	bool out_full;
	struct http2_allowance resets, chatter;
	struct http2_frames frames;
	struct http2_head head;
};

struct http2_stream {
	struct client client; /* first: what a request takes for its client */
	struct http2 *h2;     /* NULL: the stream is over */
	struct http2_stream *next, **prev;
	int32_t id;
	struct str fresh;   /* body bytes in the buffer of the callback */
	struct chunk *hold; /* body bytes that nobody has taken yet; NULL: none */
	struct chunk *out;  /* answer bytes that are not sent yet; NULL: none */
	bool ended;         /* the peer has sent END_STREAM */
	bool own_key;       /* of its WebSocket: the client knows nothing of it */
	bool reset_by_peer;
	bool muted;    /* what is answered goes nowhere: the stream was reset */
	bool answered; /* the head is handed over */
	bool complete; /* the answer is whole: END_STREAM behind its last byte */
	bool deferred; /* nghttp2 waits for more of it */
	bool stuck;    /* bytes were left over by a flush: the window or the socket is shut */
};

void http2_touch(struct http2 *h); /* there is something to send: at the end of this turn */
void http2_calm(struct http2 *h, const char *what);
void http2_said_error(struct http2 *h, const char *what); /* logs what no request tells of */
bool http2_allowed(struct http2_allowance *a, int burst, int per_second);
void http2_stream_callbacks(nghttp2_session_callbacks *cb);
void http2_stream_head_is_here(struct http2 *h, int32_t id, bool last);
void http2_stream_body_is_here(struct http2 *h, int32_t id);
void http2_stream_was_reset(struct http2 *h, int32_t id);
void http2_stream_free(struct http2_stream *s, enum reason why); /* its request is aborted */
void http2_stream_flushed(struct http2_stream *s);

/* proxy/http2_answer.c: a head as forward.c and reply.c write them becomes frames.  -1: it cannot. */
int http2_answer(struct http2_stream *s, struct str head) MUST_CHECK;
void http2_answer_callbacks(nghttp2_session_callbacks *cb);

#endif
