/* proxy/client_body.c - the body of a request, as it comes from the socket; see proxy/client.h */
#include "proxy/client.h"
#include "proxy/http2.h"
#include "proxy/request.h"

static int take_chunked(struct client *, struct str *, struct err *);
static int take_tunnel(struct client *, struct str *, struct err *);
static ssize_t from_socket(struct client *, char *, size_t, struct err *);

int
client_take_body(struct client *c, struct str *data, struct err *e)
{
	int got;

	e->reason = REASON_NONE;
	if (c->tunnel)
		return c->is_stream ? http2_take(c, data) : take_tunnel(c, data, e);
	if (c->body.done)
		return -1;
	got = c->is_stream                   ? http2_take(c, data)
	      : c->body.kind == BODY_CHUNKED ? take_chunked(c, data, e)
					     : client_take_length(c, data, e);
	if (got == 1) {
		c->body.seen += data->n;
		if (c->body.seen > c->request->view->snap->conf->limits.body_size)
			return err_set(e, REASON_BODY_TOO_LARGE, "the body exceeds limits.body_size");
	}
	return got;
}

bool
client_holds_body(const struct client *c)
{
	if (c->is_stream)
		return http2_holds_body(c);
	return (c->in != NULL && c->in->end > c->in->start) ||
	       (c->more != NULL && c->more->end > c->more->start);
}

int
client_take_length(struct client *c, struct str *data, struct err *e)
{
	struct body *b = &c->body;

	if (c->in != NULL && c->in->end > c->in->start) {
		*data = (struct str){ c->in->bytes + c->in->start, c->in->end - c->in->start };
		if (data->n > b->left)
			data->n = (size_t)b->left;
		c->in->start += data->n;
	} else {
		size_t most = b->left < SCRATCH_SIZE ? (size_t)b->left : SCRATCH_SIZE;
		ssize_t n = from_socket(c, c->worker->scratch, most, e);

		if (n <= 0)
			return (int)n;
		*data = (struct str){ c->worker->scratch, (size_t)n };
	}
	b->left -= data->n;
	b->done = b->left == 0;
	return 1;
}

static int
take_chunked(struct client *c, struct str *data, struct err *e)
{
	struct body *b = &c->body;

	for (;;) {
		struct chunk *src = c->in != NULL && c->in->end > c->in->start ? c->in : c->more;
		enum http1_result got;
		size_t used;

		if (src == NULL || src->end == src->start) {
			ssize_t n;

			if (c->more == NULL)
				c->more = chunk_take(c->worker, CHUNK_SIZE);
			src = c->more;
			src->start = src->end = 0;
			n = from_socket(c, src->bytes, src->cap, e);
			if (n <= 0)
				return (int)n;
			src->end = (size_t)n;
		}
		got = http1_chunks_next(
		    &b->chunks, src->bytes + src->start, src->end - src->start, &used, data, e);
		src->start += used;
		if (got == HTTP1_BAD)
			return -1;
		b->done = got == HTTP1_DONE;
		if (data->n > 0)
			return 1;
		if (b->done)
			return -1;
	}
}

static int
take_tunnel(struct client *c, struct str *data, struct err *e)
{
	ssize_t n;

	if (c->in != NULL && c->in->end > c->in->start) {
		*data = (struct str){ c->in->bytes + c->in->start, c->in->end - c->in->start };
		c->in->start = c->in->end;
		return 1;
	}
	n = from_socket(c, c->worker->scratch, SCRATCH_SIZE, e);
	if (n == -1 && e->reason == REASON_CLIENT_GONE)
		e->reason = REASON_NONE; /* the end of a tunnel */
	if (n <= 0)
		return (int)n;
	*data = (struct str){ c->worker->scratch, (size_t)n };
	return 1;
}

/* > 0: bytes; 0: none now; -1: the end, and *e says so. */
static ssize_t
from_socket(struct client *c, char *buf, size_t cap, struct err *e)
{
	ssize_t n = stream_read(&c->stream, buf, cap);

	if (n > 0) {
		if (c->wait == WAIT_BODY)
			client_wait_for(c, WAIT_BODY);
		return n;
	}
	if (n == -1)
		return 0;
	return err_set(e, REASON_CLIENT_GONE, "the client closed within the body");
}

void
client_want_body(struct client *c, bool want)
{
	static char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct iovec iov = { go_on, sizeof(go_on) - 1 };

	if (c->is_stream) {
		http2_want_body(c, want);
		return;
	}
	c->want_body = want;
	if (want && c->request->in.expect_continue && !c->sent_continue && !c->request->head_sent &&
	    c->body.seen == 0) {
		c->sent_continue = true;
		(void)(stream_write(&c->stream, &iov, 1) == -1); /* reading tells that the peer is gone */
	}
	stream_want_read(&c->stream, want || (c->body.done && !c->tunnel));
	if (want)
		client_wait_for(c, WAIT_BODY);
	else if (c->wait == WAIT_BODY)
		client_wait_for(c, stream_pending(&c->stream) > 0 ? WAIT_DRAIN : WAIT_NOTHING);
}

void
client_become_tunnel(struct client *c)
{
	c->tunnel = true;
}
