/* proxy/relay.c - see proxy/relay.h */
#include <string.h>

#include "proxy/client.h"
#include "proxy/keep.h"
#include "proxy/relay.h"
#include "proxy/request.h"
#include "proxy/upstream.h"

#define READS_PER_TURN 4  /* of one body, before others get their turn */
#define PIECES         60 /* of an iovec */

/* An answer's bytes on their way out. */
struct batch {
	struct iovec iov[PIECES];
	int n;
	char heads[PIECES / 3][20];
	int n_heads;
	uint64_t bytes;
};

static void upload_end(struct request *);
static int to_upstream(struct request *, struct str);
static bool pass(struct request *, struct str, struct batch *, struct err *);
static int pass_chunked(struct request *, struct str, struct batch *, struct err *);
static int add(struct request *, struct batch *, struct str);
static int send_batch(struct request *, struct batch *);
static bool complete(struct request *, struct batch *, struct err *);
static void upstream_end(struct request *, ssize_t);
static void still_there(struct request *);

/* --- request body: client -> upstream --- */

void
relay_upload(struct request *r)
{
	int reads = 0, got;
	struct str data;
	struct err e;

	if (!r->relay.up_active)
		return;
	while (r->up != NULL && !r->relay.up_broken && stream_pending(&r->up->stream) == 0) {
		if (r->kept == NULL && reads++ >= READS_PER_TURN && !client_holds_body(r->client)) {
			client_want_body(r->client, true); /* the socket stays readable: next turn */
			return;
		}
		e.reason = REASON_NONE;
		got = r->kept != NULL ? keep_next(r, &data, &e) : client_take_body(r->client, &data, &e);
		if (got == 0) {
			client_want_body(r->client, true);
			return;
		}
		if (got == 1) {
			r->bytes_in += data.n;
			still_there(r);
			if (to_upstream(r, data) == -1)
				break;
			if (!(r->kept != NULL ? keep_is_sent(r) : r->client->body.done) || r->relay.tunnel)
				continue;
			e.reason = REASON_NONE;
		}
		if (e.reason != REASON_NONE) {
			request_broken(r, &e);
			return;
		}
		upload_end(r);
		return;
	}
	client_want_body(r->client, false);
}

/* The body is through: the last chunk, or the end of a tunnel's one direction. */
static void
upload_end(struct request *r)
{
	r->relay.up_active = false;
	if (r->relay.tunnel) {
		request_relayed(r);
		return;
	}
	if (r->relay.up_chunked) {
		static char last[] = "0\r\n\r\n";
		struct iovec iov = { last, sizeof(last) - 1 };

		if (stream_write(&r->up->stream, &iov, 1) == -1)
			r->relay.up_broken = true;
	}
	client_want_body(r->client, false);
}

static int
to_upstream(struct request *r, struct str data)
{
	struct iovec iov[3];
	char head[20];
	int n = 0;

	if (r->relay.up_chunked && !r->relay.tunnel)
		iov[n++] = (struct iovec){ head, http1_chunk_head(head, data.n) };
	iov[n++] = (struct iovec){ (void *)(uintptr_t)data.p, data.n };
	if (r->relay.up_chunked && !r->relay.tunnel)
		iov[n++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
	if (stream_write(&r->up->stream, iov, n) == 0)
		return 0;
	r->relay.up_broken = true; /* its answer may be there: reading finds out */
	return -1;
}

/* --- answer: upstream -> client --- */

bool
relay_begin_answer(struct request *r, struct str head, struct str first)
{
	struct batch b = { .n = 0 };
	struct err e = { .reason = REASON_NONE };

	b.iov[b.n++] = (struct iovec){ (void *)(uintptr_t)head.p, head.n };
	r->relay.down_active = true;
	if (r->relay.down_none || (r->relay.kind == BODY_LENGTH && r->relay.left == 0 && !r->relay.tunnel)) {
		if (first.n > 0)
			r->up->reusable = false; /* more than it announced */
		if (send_batch(r, &b) == -1)
			return false;
		r->relay.down_active = false;
		return true;
	}
	if (pass(r, first, &b, &e))
		return true;
	if (e.reason != REASON_NONE)
		request_broken(r, &e);
	return false;
}

/* true: the answer is through.  false with *e unset: more is to come, or the client has gone. */
static bool
pass(struct request *r, struct str data, struct batch *b, struct err *e)
{
	struct relay *y = &r->relay;
	int done = 0;

	if (y->websocket)
		wsframes_pass(&y->frames, data);
	if (y->tunnel || y->kind == BODY_UNTIL_CLOSE) {
		if (add(r, b, data) == -1)
			return false;
	} else if (y->kind == BODY_LENGTH) {
		if (data.n > y->left) {
			data.n = (size_t)y->left;
			r->up->reusable = false;
		}
		y->left -= data.n;
		done = y->left == 0;
		if (add(r, b, data) == -1)
			return false;
	} else {
		done = pass_chunked(r, data, b, e);
		if (done == -1)
			return false;
	}
	if (done)
		return complete(r, b, e);
	if (send_batch(r, b) == -1)
		return false;
	/* One side waits for the other: nothing is read for a client that does not take it. */
	stream_want_read(&r->up->stream, client_pending(r->client) == 0);
	return false;
}

/* 1: the last chunk was there; 0: more; -1: broken (*e), or the client has gone. */
static int
pass_chunked(struct request *r, struct str data, struct batch *b, struct err *e)
{
	while (data.n > 0) {
		struct str run;
		size_t used;
		enum http1_result got = http1_chunks_next(&r->relay.chunks, data.p, data.n, &used, &run, e);

		if (got == HTTP1_BAD)
			return err_set(e, REASON_UPSTREAM_BAD_RESPONSE,
			    "upstream %s: %s: broken chunked coding", r->up->server->upstream->name,
			    r->server->conf->url);
		data = str_from(data, used);
		if (run.n > 0 && add(r, b, run) == -1)
			return -1;
		if (got == HTTP1_DONE) {
			if (data.n > 0)
				r->up->reusable = false;
			return 1;
		}
	}
	return 0;
}

static int
add(struct request *r, struct batch *b, struct str data)
{
	if (data.n == 0)
		return 0;
	if (b->n + 4 > PIECES && send_batch(r, b) == -1)
		return -1;
	b->bytes += data.n;
	if (r->relay.down_chunked) {
		char *head = b->heads[b->n_heads++];

		b->iov[b->n++] = (struct iovec){ head, http1_chunk_head(head, data.n) };
	}
	b->iov[b->n++] = (struct iovec){ (void *)(uintptr_t)data.p, data.n };
	if (r->relay.down_chunked)
		b->iov[b->n++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
	return 0;
}

static int
send_batch(struct request *r, struct batch *b)
{
	int n = b->n;

	b->n = b->n_heads = 0;
	r->bytes_out += b->bytes;
	b->bytes = 0;
	if (n > 0)
		r->head_sent = true; /* it stands first in the first batch */
	if (n == 0 || client_write(r->client, b->iov, n) == 0)
		return 0;
	client_close(r->client, "writing failed"); /* aborts r, which lives until the callback has returned */
	return -1;
}

static bool
complete(struct request *r, struct batch *b, struct err *e)
{
	(void)e;
	if (r->relay.down_chunked)
		b->iov[b->n++] = (struct iovec){ (void *)(uintptr_t) "0\r\n\r\n", 5 };
	if (send_batch(r, b) == -1)
		return false;
	r->relay.down_active = false;
	return true;
}

void
relay_download(struct request *r)
{
	struct batch b = { .n = 0 };
	struct err e = { .reason = REASON_NONE };
	size_t room = client_room(r->client);
	ssize_t n;

	if (!r->relay.down_active || client_pending(r->client) > 0) {
		stream_want_read(&r->up->stream, false);
		return;
	}
	n = stream_read(&r->up->stream, r->worker->scratch, room);
	if (n == -1)
		return;
	r->up->filled = (size_t)n == room;
	if (n <= 0) {
		upstream_end(r, n);
		return;
	}
	still_there(r);
	if (pass(r, (struct str){ r->worker->scratch, (size_t)n }, &b, &e))
		request_relayed(r);
	else if (e.reason != REASON_NONE)
		request_broken(r, &e);
}

/* The upstream closed: that ends a body without a length, a tunnel, or is a failure. */
static void
upstream_end(struct request *r, ssize_t n)
{
	struct batch b = { .n = 0 };
	struct err e = { .reason = REASON_NONE };

	r->up->reusable = false;
	if (r->relay.tunnel || (r->relay.kind == BODY_UNTIL_CLOSE && n == 0)) {
		if (r->relay.tunnel || complete(r, &b, &e))
			request_relayed(r);
		return;
	}
	(void)err_set(&e, REASON_UPSTREAM_CLOSED, "upstream %s: %s closed within its answer",
	    r->up->server->upstream->name, r->server->conf->url);
	request_broken(r, &e);
}

void
relay_client_drained(struct request *r)
{
	if (r->up != NULL && r->relay.down_active)
		stream_want_read(&r->up->stream, true);
}

bool
relay_say_goodbye(struct request *r)
{
	static char close_1008[] = { (char)0x88, 2, 0x03, (char)0xf0 };
	struct iovec iov = { close_1008, sizeof(close_1008) };

	return r->relay.websocket && r->relay.down_active && wsframes_between(&r->relay.frames) &&
	       client_write(r->client, &iov, 1) == 0;
}

/* Any byte in either direction is a sign of life for both timers. */
static void
still_there(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;

	if (r->up == NULL || r->up->state == UPSTREAM_CONNECTING)
		return;
	timer_set(r->worker->timers, &r->up->timer, r->up->timer.fire,
	    r->relay.streaming ? c->limits.stream_timeout : r->up->server->upstream->response_timeout);
}

void
relay_timeout(struct request *r, bool upstream_side)
{
	const struct conf_upstream *u = r->up == NULL ? NULL : r->up->server->upstream;
	struct err e;

	if (u == NULL)
		return;
	if (upstream_side && client_pending(r->client) > 0) {
		still_there(r); /* it is the client that is slow: its own timer counts */
		return;
	}
	if (upstream_side && r->relay.up_active && r->client->want_body && !r->relay.streaming) {
		still_there(r); /* the same for a slow upload */
		return;
	}
	if (r->relay.streaming)
		(void)err_set(&e, REASON_STREAM_TIMEOUT, "silent for limits.stream_timeout");
	else if (upstream_side)
		(void)err_set(&e, REASON_UPSTREAM_TIMEOUT,
		    "upstream %s: %s: silent for %lld ms (response_timeout)", u->name, r->server->conf->url,
		    (long long)u->response_timeout);
	else
		(void)err_set(&e, REASON_BODY_TIMEOUT, "nothing of the body came for limits.body_timeout");
	request_broken(r, &e);
}
