/* proxy/client.c - see proxy/client.h */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "proxy/bodyread.h"
#include "conf/mem.h"
#include "proxy/client.h"
#include "proxy/http2.h"
#include "proxy/relay.h"
#include "proxy/request.h"
#include "proxy/tls.h"

#define LINGER_MS   3000
#define DISCARD_MAX 65536 /* a refused body up to this is read, so that the connection can be kept */

static void readable(struct client *);
static bool greet(struct client *);
static void read_head(struct client *);
static bool grow(struct client *);
static void feed(struct client *);
static bool next_head(struct client *);
static void begin(struct client *, struct request *);
static void begin_body(struct client *, const struct http1_head *);
static void watch_peer(struct client *);
static void discard(struct client *);
static void next_request(struct client *);
static void linger(struct client *);
static void lingering(struct client *);
static void stalled(struct client *);
static void drained(struct client *);
static void timed_out(struct timer *);
static void client_free(struct grave *);
static void stream_cb(struct stream *, enum stream_event, void *);

/* --- a connection begins --- */

struct client *
client_new(struct worker *w, int fd, SSL *ssl)
{
	struct client *c = xcalloc(1, sizeof(*c));

	c->worker = w;
	c->tls = ssl != NULL;
	stream_init(&c->stream, w->base, fd, ssl, stream_cb, c);
	c->next = w->clients;
	c->prev = &w->clients;
	if (c->next != NULL)
		c->next->prev = &c->next;
	w->clients = c;
	w->n_clients++;
	metric_add(&w->metrics.connections, 1);
	c->body.done = true;
	client_wait_for(c, WAIT_HEAD);
	stream_want_read(&c->stream, true);
	return c;
}

void
client_wait_for(struct client *c, enum client_wait what)
{
	const struct conf_limits *l = &c->worker->view->snap->conf->limits;
	int64_t ms = 0;

	c->wait = what;
	switch (what) {
	case WAIT_NOTHING:
		return; /* the timer looks at c->wait when it comes round */
	case WAIT_IDLE:
		ms = l->idle_timeout;
		break;
	case WAIT_HEAD:
		ms = l->header_timeout;
		break;
	case WAIT_DRAIN:
		c->undrained = client_pending(c);
		/* fallthrough */
	case WAIT_BODY:
		ms = c->tunnel ? l->stream_timeout : l->body_timeout;
		break;
	case WAIT_LINGER:
		ms = LINGER_MS;
		break;
	}
	timer_set(c->worker->timers, &c->timer, timed_out, ms);
}

/* --- bytes come in --- */

static void
readable(struct client *c)
{
	switch (c->state) {
	case CLIENT_PROXY:
		if (!client_proxy_readable(c))
			break;
		/* fallthrough */
	case CLIENT_HEAD:
		read_head(c);
		break;
	case CLIENT_REQUEST:
		if (c->want_body && c->request->reading != NULL)
			bodyread_more(c->request);
		else if (c->want_body)
			relay_upload(c->request);
		else if (!c->body.done || c->tunnel)
			stream_want_read(&c->stream, false); /* nobody asks for it yet */
		else
			watch_peer(c);
		break;
	case CLIENT_DISCARD:
		discard(c);
		break;
	case CLIENT_LINGER:
		lingering(c);
		break;
	case CLIENT_HTTP2:
		http2_readable(c);
		break;
	case CLIENT_DEAD:
		break;
	}
}

/* The first bytes are the handshake's, which says what the others are.  true: HTTP/1.1. */
static bool
greet(struct client *c)
{
	int n = stream_peek(&c->stream);

	if (!SSL_is_init_finished(c->stream.ssl)) {
		if (n != -1)
			client_close(c, "no TLS handshake");
		return false;
	}
	c->greeting = false;
	if (!tls_speaks_http2(c->stream.ssl))
		return true;
	http2_begin(c);
	if (n != -1)
		http2_readable(c);
	return false;
}

static void
read_head(struct client *c)
{
	ssize_t n;

	if (c->greeting && !greet(c))
		return;
	if (c->in == NULL)
		c->in = chunk_take(c->worker, CHUNK_SIZE);
	if (c->in->end == c->in->cap && !grow(c))
		return;
	n = stream_read(&c->stream, c->in->bytes + c->in->end, c->in->cap - c->in->end);
	if (n == -1) {
		if (c->in->end == c->in->start)
			chunk_give(c->worker, &c->in);
		return;
	}
	if (n <= 0) {
		client_close(c, n == 0 ? "the peer closed" : "reading failed");
		return;
	}
	if (c->wait == WAIT_IDLE)
		client_wait_for(c, WAIT_HEAD);
	c->in->end += (size_t)n;
	feed(c);
}

/* Room for a head of header_size and a little, so that the parser can say that it is too large. */
static bool
grow(struct client *c)
{
	size_t limit = (size_t)c->worker->view->snap->conf->limits.header_size + 1;
	struct chunk *wide;

	if (c->in->cap >= limit) {
		client_close(c, "a head beyond its limit");
		return false;
	}
	wide = chunk_take(c->worker, limit < 2 * c->in->cap ? limit : 2 * c->in->cap);
	memcpy(wide->bytes, c->in->bytes + c->in->start, c->in->end - c->in->start);
	wide->end = c->in->end - c->in->start;
	chunk_give(c->worker, &c->in);
	c->in = wide;
	return true;
}

/* Requests that are here already are worked off in a loop, never one inside the other. */
static void
feed(struct client *c)
{
	if (c->feeding)
		return;
	c->feeding = true;
	while (c->state == CLIENT_HEAD && c->in != NULL && stream_pending(&c->stream) == 0 && next_head(c))
		;
	c->feeding = false;
}

/* false: more bytes are needed, or this was the last request. */
static bool
next_head(struct client *c)
{
	struct chunk *in = c->in;
	struct request *r = request_new(c);
	size_t limit = (size_t)r->view->snap->conf->limits.header_size;
	struct err e = { .reason = REASON_NONE };
	enum http1_result got;

	got = http1_parse_request(in->bytes + in->start, in->end - in->start, &c->scanned, &r->in, &e);
	if (got == HTTP1_DONE && r->in.size > limit)
		got = HTTP1_MORE;
	if (got == HTTP1_MORE && in->end - in->start >= limit) {
		(void)err_set(
		    &e, REASON_HEADER_TOO_LARGE, "the head exceeds limits.header_size (%zu bytes)", limit);
		got = HTTP1_BAD;
	}
	if (got == HTTP1_MORE) {
		request_abort(&r, REASON_NONE);
		if (in->end == in->start) {
			chunk_give(c->worker, &c->in);
		} else if (in->start > 0) {
			memmove(in->bytes, in->bytes + in->start, in->end - in->start);
			in->end -= in->start;
			in->start = 0;
		}
		return false;
	}
	c->scanned = 0;
	c->request = r;
	c->state = CLIENT_REQUEST;
	client_wait_for(c, WAIT_NOTHING);
	if (got == HTTP1_BAD) {
		c->body.kind = BODY_NONE;
		c->body.done = false; /* what follows cannot be told apart any more */
		request_begin_bad(r, &e);
	} else {
		begin(c, r);
	}
	return true;
}

static void
begin(struct client *c, struct request *r)
{
	c->in->start += r->in.size;
	c->sent_continue = false;
	begin_body(c, &r->in);
	request_begin(r);
}

static void
begin_body(struct client *c, const struct http1_head *h)
{
	c->body.kind = h->body;
	c->body.left = h->content_length;
	c->body.seen = 0;
	c->body.done = h->body == BODY_NONE || (h->body == BODY_LENGTH && h->content_length == 0);
	if (h->body == BODY_CHUNKED)
		http1_chunks_init(&c->body.chunks);
	c->want_body = false;
}

/* The request is complete and its answer is being made: has the peer gone, or sent the next one? */
static void
watch_peer(struct client *c)
{
	int n = stream_peek(&c->stream);

	if (n == 1)
		stream_want_read(&c->stream, false); /* the next request waits in the kernel */
	else if (n == 0 || n == -2)
		client_close(c, "the peer closed before it had its answer");
}

/* --- the answer, for the road --- */

int
client_write(struct client *c, struct iovec *iov, int n)
{
	if (c->is_stream)
		return http2_write(c, iov, n);
	if (stream_write(&c->stream, iov, n) == -1)
		return -1;
	if (stream_pending(&c->stream) > 0) {
		if (c->wait != WAIT_DRAIN)
			client_wait_for(c, WAIT_DRAIN);
		c->undrained = stream_pending(&c->stream);
	}
	return 0;
}

size_t
client_pending(const struct client *c)
{
	return c->is_stream ? http2_pending(c) : stream_pending(&c->stream);
}

size_t
client_room(const struct client *c)
{
	return c->is_stream ? http2_room(c) : SCRATCH_SIZE;
}

static void
drained(struct client *c)
{
	if (c->h2 != NULL) {
		http2_drained(c);
		return;
	}
	if (c->wait == WAIT_DRAIN)
		client_wait_for(c, c->state == CLIENT_REQUEST && c->want_body ? WAIT_BODY : WAIT_NOTHING);
	if (c->close_when_drained)
		linger(c);
	else if (c->state == CLIENT_REQUEST && c->request != NULL)
		relay_client_drained(c->request);
	else if (c->state == CLIENT_HEAD) {
		client_wait_for(c, c->in == NULL ? WAIT_IDLE : WAIT_HEAD);
		stream_want_read(&c->stream, true);
		feed(c);
	}
}

void
client_request_done(struct client *c, bool keep)
{
	if (c->is_stream) {
		http2_request_done(c);
		return;
	}
	c->request = NULL;
	c->served++;
	c->want_body = false;
	if (c->state == CLIENT_DEAD)
		return;
	if (!keep || c->tunnel || c->stream.failed) {
		client_finish(c);
		return;
	}
	if (!c->body.done) {
		/* A refused body: small and on its way it is read, so that the next request can follow. */
		if (c->body.kind != BODY_LENGTH || c->body.left > DISCARD_MAX ||
		    (c->in != NULL && c->more != NULL)) {
			client_finish(c);
			return;
		}
		c->state = CLIENT_DISCARD;
		client_wait_for(c, WAIT_BODY);
		stream_want_read(&c->stream, true);
		discard(c);
		return;
	}
	next_request(c);
}

static void
discard(struct client *c)
{
	struct str data;
	struct err e;
	int got;

	do
		got = client_take_length(c, &data, &e);
	while (got == 1 && !c->body.done);
	if (c->body.done)
		next_request(c);
	else if (got == -1)
		client_close(c, "the peer closed within a refused body");
}

static void
next_request(struct client *c)
{
	if (c->in != NULL && c->in->end == c->in->start)
		chunk_give(c->worker, &c->in);
	if (c->more != NULL && c->more->end == c->more->start)
		chunk_give(c->worker, &c->more);
	if (c->in == NULL) {
		c->in = c->more;
		c->more = NULL;
	}
	c->state = CLIENT_HEAD;
	if (c->worker->draining && c->in == NULL) {
		client_finish(c);
		return;
	}
	if (stream_pending(&c->stream) > 0) {
		client_wait_for(c, WAIT_DRAIN); /* who does not read its answers gets no further ones */
		stream_want_read(&c->stream, false);
		return;
	}
	client_wait_for(c, c->in == NULL ? WAIT_IDLE : WAIT_HEAD);
	stream_want_read(&c->stream, true);
	feed(c);
}

/* --- a connection ends --- */

void
client_finish(struct client *c)
{
	if (c->stream.failed) {
		client_close(c, "writing failed");
		return;
	}
	c->close_when_drained = true;
	c->state = CLIENT_LINGER;
	if (stream_pending(&c->stream) > 0) {
		client_wait_for(c, WAIT_DRAIN);
		stream_want_read(&c->stream, false);
		return;
	}
	linger(c);
}

/*
 * A socket closed with unread bytes is reset, and the reset may destroy the
 * answer on its way (RFC 9112 9.6): shut our side, read on for a moment.
 */
static void
linger(struct client *c)
{
	c->close_when_drained = false;
	if (c->body.done && !c->tunnel && stream_peek(&c->stream) == -1) {
		client_close(c, "done");
		return;
	}
	stream_shut_write(&c->stream);
	c->state = CLIENT_LINGER;
	client_wait_for(c, WAIT_LINGER);
	stream_want_read(&c->stream, true);
}

/* One read a turn: who goes on sending does not keep the others waiting. */
static void
lingering(struct client *c)
{
	ssize_t n = stream_read(&c->stream, c->worker->scratch, SCRATCH_SIZE);

	if (n == 0 || n == -2)
		client_close(c, "the peer closed, too");
}

void
client_close(struct client *c, const char *why)
{
	struct worker *w = c->worker;

	if (c->state == CLIENT_DEAD)
		return;
	if (c->is_stream) {
		http2_reset(c, why);
		return;
	}
	if (c->h2 != NULL)
		http2_release(c);
	c->state = CLIENT_DEAD;
	if (log_level() == LOG_LEVEL_DEBUG)
		log_debug("connection closed: %s", why);
	if (c->request != NULL)
		request_abort(&c->request, REASON_CLIENT_GONE);
	stream_close(&c->stream);
	timer_clear(&c->timer);
	chunk_give(w, &c->in);
	chunk_give(w, &c->more);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	w->n_clients--;
	metric_sub(&w->metrics.connections, 1);
	(void)atomic_fetch_sub(&w->shared->connections, 1);
	worker_bury(w, &c->grave, client_free);
	worker_check_drained(w);
}

static void
client_free(struct grave *g)
{
	struct client *c = (struct client *)(void *)g; /* the first member */

	free(c->listen_address);
	free(c);
}

/* --- called by the timer wheel and by the stream --- */

static void
timed_out(struct timer *t)
{
	struct client *c = timer_owner(t, struct client, timer);
	struct err e;

	if (c->h2 != NULL) {
		http2_timed_out(c);
		return;
	}
	switch (c->wait) {
	case WAIT_NOTHING:
		timer_set(c->worker->timers, t, timed_out, 10000);
		return;
	case WAIT_HEAD:
		if (c->state == CLIENT_PROXY) {
			client_proxy_late(c);
			return;
		}
		if (c->in == NULL || c->in->end == c->in->start) {
			client_close(c, "nothing came");
			return;
		}
		c->request = request_new(c);
		c->state = CLIENT_REQUEST;
		c->body.done = false;
		(void)err_set(
		    &e, REASON_HEADER_TIMEOUT, "the head was not complete within limits.header_timeout");
		request_begin_bad(c->request, &e);
		return;
	case WAIT_BODY:
		if (c->tunnel && client_pending(c) > 0) {
			stalled(c); /* the upstream's timer leaves it to ours */
		} else if (c->tunnel) {
			client_wait_for(c, WAIT_BODY); /* the upstream's timer counts both directions */
		} else if (c->state == CLIENT_REQUEST) {
			client_wait_for(c, WAIT_NOTHING);
			if (c->request->reading != NULL)
				bodyread_timeout(c->request);
			else
				relay_timeout(c->request, false);
		} else {
			client_close(c, "a refused body did not end");
		}
		return;
	case WAIT_DRAIN:
		stalled(c);
		return;
	case WAIT_IDLE:
	case WAIT_LINGER:
		client_close(c, "idle");
		return;
	}
}

/* Pending bytes did not go out: slow is allowed, still is not. */
static void
stalled(struct client *c)
{
	if (client_pending(c) < c->undrained) {
		client_wait_for(c, WAIT_DRAIN);
		return;
	}
	if (c->state == CLIENT_REQUEST && c->request != NULL)
		request_abort(&c->request, REASON_CLIENT_STALLED);
	client_close(c, "the peer does not read its answer");
}

static void
stream_cb(struct stream *s, enum stream_event what, void *arg)
{
	struct client *c = arg;

	(void)s;
	if (what == STREAM_READABLE)
		readable(c);
	else if (what == STREAM_DRAINED)
		drained(c);
	else
		client_close(c, "writing failed");
}
