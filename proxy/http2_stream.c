/* proxy/http2_stream.c - a stream of HTTP/2 as the client of its request; see proxy/http2.h */
#include <stdlib.h>
#include <string.h>

#include "conf/mem.h"
#include "proxy/bodyread.h"
#include "proxy/http2.h"
#include "proxy/relay.h"
#include "proxy/request.h"
#include "proxy/wskey.h"

#define HEAD_TIMES_MAX 16 /* as much of a refused head is read, for the compression's sake, and no more */

/* Streams given up before their answer was whole (rapid reset, CVE-2023-44487; CVE-2025-8671). */
#define RESETS       200
#define RESETS_PER_S 20

static struct http2_stream *stream_of(struct client *);
static struct http2_stream *find(struct http2 *, int32_t);
static struct http2_stream *stream_new(struct http2 *, int32_t);
static void refuse_unread(struct http2_stream *, const char *);
static void more_body(struct http2_stream *);
static void consume(struct http2_stream *, size_t);
static void give_back(struct http2_stream *);
static bool is_empty(const struct chunk *);
static void append(struct worker *, struct chunk **, const char *, size_t);
static void answer_goes_on(struct http2_stream *);
static void given_up(struct http2 *);
static int begin_headers_cb(nghttp2_session *, const nghttp2_frame *, void *);
static int header_cb(
    nghttp2_session *, const nghttp2_frame *, nghttp2_rcbuf *, nghttp2_rcbuf *, uint8_t, void *);
static int invalid_header_cb(
    nghttp2_session *, const nghttp2_frame *, nghttp2_rcbuf *, nghttp2_rcbuf *, uint8_t, void *);
static int invalid_frame_cb(nghttp2_session *, const nghttp2_frame *, int, void *);
static int data_cb(nghttp2_session *, uint8_t, int32_t, const uint8_t *, size_t, void *);
static int frame_send_cb(nghttp2_session *, const nghttp2_frame *, void *);
static int stream_close_cb(nghttp2_session *, int32_t, uint32_t, void *);
static void bury_cb(struct grave *);

static struct http2_stream *
stream_of(struct client *c)
{
	return (struct http2_stream *)(void *)c; /* the first member */
}

static struct http2_stream *
find(struct http2 *h, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h->session, id);
}

/* --- a stream begins --- */

static struct http2_stream *
stream_new(struct http2 *h, int32_t id)
{
	const struct client *of = h->client;
	struct http2_stream *s = xcalloc(1, sizeof(*s));
	struct client *c = &s->client;

	c->worker = of->worker;
	c->is_stream = true;
	c->admin = of->admin;
	c->tls = of->tls;
	c->https_redirect = of->https_redirect;
	c->unix_peer = of->unix_peer;
	c->nameless = of->nameless;
	c->peer = of->peer;
	c->hsts = of->hsts;
	c->listen_address = of->listen_address;
	c->stream.fd = -1;
	c->state = CLIENT_HEAD;
	s->h2 = h;
	s->id = id;
	s->next = h->streams;
	s->prev = &h->streams;
	if (s->next != NULL)
		s->next->prev = &s->next;
	h->streams = s;
	h->n_streams++;
	metric_add(&c->worker->metrics.http2_streams, 1);
	metric_add(&c->worker->metrics.http2_streams_begun, 1);
	return s;
}

/* All of a head has come; or trailers, which say no more than that the body has ended. */
void
http2_stream_head_is_here(struct http2 *h, int32_t id, bool last)
{
	struct http2_stream *s = h->receiving;
	struct client *c;
	struct request *r;
	int ok;

	h->receiving = NULL;
	if (s == NULL) {
		if (last)
			http2_stream_body_is_here(h, id);
		return;
	}
	c = &s->client;
	r = c->request;
	s->ended = last;
	c->state = CLIENT_REQUEST;
	ok = http2_head_end(&h->head, last, h->head.protocol.p == NULL ? NULL : wskey_new(r->mem));
	s->own_key = h->head.own_key;
	if (ok == -1) {
		c->body.done = last;
		request_begin_bad(r, &h->head.err);
		return;
	}
	c->body.kind = r->in.body;
	c->body.left = r->in.content_length;
	c->body.done = last || r->in.upgrade || (r->in.body == BODY_LENGTH && r->in.content_length == 0);
	request_begin(r);
}

/* nghttp2 has reset the stream: the refusal is logged and counted like any other, and its answer goes
 * nowhere. */
static void
refuse_unread(struct http2_stream *s, const char *why)
{
	struct err e;

	s->h2->receiving = NULL;
	s->muted = true;
	s->client.state = CLIENT_REQUEST;
	(void)err_set(&e, REASON_BAD_REQUEST, "no request of HTTP/2: %s", why);
	request_begin_bad(s->client.request, &e);
}

/* --- its body --- */

int
http2_take(struct client *c, struct str *data)
{
	struct http2_stream *s = stream_of(c);

	if (s->h2 == NULL)
		return -1;
	if (!is_empty(s->hold)) {
		*data = (struct str){ s->hold->bytes + s->hold->start, s->hold->end - s->hold->start };
		s->hold->start = s->hold->end = 0;
	} else if (s->fresh.n > 0) {
		*data = s->fresh;
		s->fresh.n = 0;
	} else {
		chunk_give(c->worker, &s->hold);
		c->body.done = c->body.done || s->ended;
		return s->ended ? -1 : 0;
	}
	consume(s, data->n);
	if (c->tunnel)
		return 1;
	if (c->body.kind == BODY_LENGTH)
		c->body.left -= data->n < c->body.left ? data->n : c->body.left;
	c->body.done = (s->ended && s->fresh.n == 0) || (c->body.kind == BODY_LENGTH && c->body.left == 0);
	return 1;
}

bool
http2_holds_body(const struct client *c)
{
	const struct http2_stream *s = (const struct http2_stream *)(const void *)c;

	return !is_empty(s->hold) || s->fresh.n > 0;
}

void
http2_want_body(struct client *c, bool want)
{
	struct http2_stream *s = stream_of(c);

	c->want_body = want;
	if (s->h2 == NULL)
		return;
	if (want && c->request->in.expect_continue && !c->sent_continue && !s->answered &&
	    c->body.seen == 0) {
		struct str go_on = STR("HTTP/1.1 100 Continue\r\n\r\n");

		c->sent_continue = true;
		(void)(http2_answer(s, go_on) == -1);
		http2_touch(s->h2);
	}
	if (want)
		client_wait_for(c, WAIT_BODY);
	else if (c->wait == WAIT_BODY)
		client_wait_for(c, s->stuck ? WAIT_DRAIN : WAIT_NOTHING);
}

void
http2_stream_body_is_here(struct http2 *h, int32_t id)
{
	struct http2_stream *s = find(h, id);

	if (s == NULL)
		return;
	s->ended = true;
	if (s->client.request == NULL || !is_empty(s->hold))
		return;
	if (!s->client.tunnel)
		s->client.body.done = true;
	if (s->client.want_body)
		more_body(s);
}

static void
more_body(struct http2_stream *s)
{
	struct request *r = s->client.request;

	if (r->reading != NULL)
		bodyread_more(r);
	else
		relay_upload(r);
}

/* As much may come again. */
static void
consume(struct http2_stream *s, size_t n)
{
	if (n == 0)
		return;
	(void)nghttp2_session_consume(s->h2->session, s->id, n);
	http2_touch(s->h2);
}

/* What is held of a body that nobody takes any more. */
static void
give_back(struct http2_stream *s)
{
	if (!is_empty(s->hold))
		consume(s, s->hold->end - s->hold->start);
	chunk_give(s->client.worker, &s->hold);
}

static bool
is_empty(const struct chunk *k)
{
	return k == NULL || k->end == k->start;
}

static void
append(struct worker *w, struct chunk **to, const char *p, size_t n)
{
	struct chunk *was = *to;

	if (n == 0)
		return;
	if (is_empty(was) && was != NULL)
		was->start = was->end = 0;
	if (was == NULL || was->cap - was->end < n) {
		size_t have = was == NULL ? 0 : was->end - was->start;

		*to = chunk_take(w, have + n <= CHUNK_SIZE ? CHUNK_SIZE : 2 * have + n);
		if (have > 0)
			memcpy((*to)->bytes, was->bytes + was->start, have);
		(*to)->end = have;
		chunk_give(w, &was);
	}
	memcpy((*to)->bytes + (*to)->end, p, n);
	(*to)->end += n;
}

/* --- its answer --- */

int
http2_write(struct client *c, struct iovec *iov, int n)
{
	struct http2_stream *s = stream_of(c);

	if (s->h2 == NULL)
		return -1;
	if (s->muted)
		return 0;
	if (!s->answered && n > 0) {
		if (http2_answer(s, (struct str){ iov->iov_base, iov->iov_len }) == -1)
			return -1;
		iov++;
		n--;
	}
	for (; n > 0; n--, iov++)
		append(c->worker, &s->out, iov->iov_base, iov->iov_len);
	answer_goes_on(s);
	return 0;
}

static void
answer_goes_on(struct http2_stream *s)
{
	if (s->deferred) {
		s->deferred = false;
		(void)nghttp2_session_resume_data(s->h2->session, s->id);
	}
	http2_touch(s->h2);
}

/* Between a write and the flush at the end of its turn nothing is pending: the upstream is read on. */
size_t
http2_pending(const struct client *c)
{
	const struct http2_stream *s = (const struct http2_stream *)(const void *)c;

	return s->stuck && s->out != NULL ? s->out->end - s->out->start : 0;
}

/* A hundred streams of one client that lets nothing out hold a chunk each, not a whole read. */
size_t
http2_room(const struct client *c)
{
	const struct http2_stream *s = (const struct http2_stream *)(const void *)c;
	int32_t one, all;

	if (s->h2 == NULL)
		return CHUNK_SIZE;
	one = nghttp2_session_get_stream_remote_window_size(s->h2->session, s->id);
	all = nghttp2_session_get_remote_window_size(s->h2->session);
	if (all < one)
		one = all;
	return one < CHUNK_SIZE ? CHUNK_SIZE : one < SCRATCH_SIZE ? (size_t)one : SCRATCH_SIZE;
}

/* A flush is over: is there anything left? */
void
http2_stream_flushed(struct http2_stream *s)
{
	struct client *c = &s->client;

	if (!is_empty(s->out)) {
		if (s->stuck && s->out->end - s->out->start >= c->undrained)
			return;
		s->stuck = true;
		client_wait_for(c, WAIT_DRAIN);
		return;
	}
	chunk_give(c->worker, &s->out);
	if (!s->stuck)
		return;
	s->stuck = false;
	if (c->wait == WAIT_DRAIN)
		client_wait_for(c, c->request != NULL && c->want_body ? WAIT_BODY : WAIT_NOTHING);
	if (c->request != NULL)
		relay_client_drained(c->request);
}

void
http2_request_done(struct client *c)
{
	struct http2_stream *s = stream_of(c);

	c->request = NULL;
	c->want_body = false;
	if (s->h2 == NULL)
		return;
	c->state = CLIENT_DISCARD;
	if (c->wait == WAIT_BODY)
		client_wait_for(c, s->stuck ? WAIT_DRAIN : WAIT_NOTHING);
	give_back(s);
	s->complete = true;
	answer_goes_on(s);
}

/* The answer breaks off, or nobody reads it.  The stream itself is over when nghttp2 says so. */
void
http2_reset(struct client *c, const char *why)
{
	struct http2_stream *s = stream_of(c);

	(void)why;
	if (s->h2 == NULL)
		return;
	if (c->request != NULL)
		request_abort(&c->request, REASON_CLIENT_GONE);
	s->muted = true;
	give_back(s);
	chunk_give(c->worker, &s->out);
	s->stuck = false;
	client_wait_for(c, WAIT_NOTHING);
	(void)nghttp2_submit_rst_stream(
	    s->h2->session, NGHTTP2_FLAG_NONE, s->id, s->answered ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
	http2_touch(s->h2);
}

/* --- a stream ends --- */

void
http2_stream_was_reset(struct http2 *h, int32_t id)
{
	struct http2_stream *s = find(h, id);

	if (s != NULL)
		s->reset_by_peer = true;
}

void
http2_stream_free(struct http2_stream *s, enum reason why)
{
	struct http2 *h = s->h2;
	struct client *c = &s->client;

	if (c->request != NULL)
		request_abort(&c->request, h->receiving == s ? REASON_NONE : why);
	if (h->receiving == s)
		h->receiving = NULL;
	give_back(s);
	chunk_give(c->worker, &s->out);
	timer_clear(&c->timer);
	*s->prev = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	h->n_streams--;
	metric_sub(&c->worker->metrics.http2_streams, 1);
	s->h2 = NULL;
	c->state = CLIENT_DEAD;
	worker_bury(c->worker, &c->grave, bury_cb);
}

/* By them or by us, for they can make us (CVE-2025-8671): libnghttp2 counts the first only, and up to 1000.
 */
static void
given_up(struct http2 *h)
{
	if (!http2_allowed(&h->resets, RESETS, RESETS_PER_S))
		http2_calm(h, "a flood of streams that are given up");
}

static void
bury_cb(struct grave *g)
{
	free(g); /* the first member of the first member */
}

/* --- called by nghttp2 --- */

void
http2_stream_callbacks(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, begin_headers_cb);
	nghttp2_session_callbacks_set_on_header_callback2(cb, header_cb);
	nghttp2_session_callbacks_set_on_invalid_header_callback2(cb, invalid_header_cb);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, invalid_frame_cb);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, data_cb);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, frame_send_cb);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, stream_close_cb);
}

static int
begin_headers_cb(nghttp2_session *session, const nghttp2_frame *f, void *arg)
{
	struct http2 *h = arg;
	struct http2_stream *s;
	struct request *r;

	h->in_block = true;
	if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = stream_new(h, f->hd.stream_id);
	r = s->client.request = request_new(&s->client);
	http2_head_begin(&h->head, &r->in, r->mem, (size_t)r->view->snap->conf->limits.header_size);
	h->receiving = s;
	return nghttp2_session_set_stream_user_data(session, s->id, s) == 0 ? 0
									    : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int
header_cb(nghttp2_session *session, const nghttp2_frame *f, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
    uint8_t flags, void *arg)
{
	struct http2 *h = arg;
	nghttp2_vec n = nghttp2_rcbuf_get_buf(name), v = nghttp2_rcbuf_get_buf(value);

	(void)session;
	(void)f;
	(void)flags;
	if (h->receiving == NULL)
		return 0; /* trailers are not passed on */
	http2_head_add(&h->head, (struct str){ (const char *)n.base, n.len },
	    (struct str){ (const char *)v.base, v.len });
	if (h->head.size > h->head.limit * HEAD_TIMES_MAX)
		http2_calm(h, "a head many times beyond limits.header_size");
	return 0;
}

/* Not left out, as nghttp2 would have it: who sends a CR or NUL is refused. */
static int
invalid_header_cb(nghttp2_session *session, const nghttp2_frame *f, nghttp2_rcbuf *name, nghttp2_rcbuf *value,
    uint8_t flags, void *arg)
{
	(void)session;
	(void)f;
	(void)name;
	(void)value;
	(void)flags;
	(void)arg;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int
invalid_frame_cb(nghttp2_session *session, const nghttp2_frame *f, int code, void *arg)
{
	struct http2 *h = arg;

	(void)session;
	if (f->hd.type == NGHTTP2_HEADERS)
		h->in_block = false;
	if (code == NGHTTP2_ERR_REFUSED_STREAM)
		given_up(h); /* one too many at once: each is a frame of ours that waits to be read */
	if (h->receiving != NULL && f->hd.stream_id == h->receiving->id)
		refuse_unread(h->receiving, nghttp2_strerror(code));
	return 0;
}

static int
data_cb(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t n, void *arg)
{
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	struct client *c = &s->client;

	(void)flags;
	(void)arg;
	s->fresh = (struct str){ (const char *)data, n };
	if (c->wait == WAIT_BODY)
		client_wait_for(c, WAIT_BODY);
	if (c->request != NULL && c->want_body)
		more_body(s);
	if (c->request == NULL) /* answered already: it goes no further */
		consume(s, s->fresh.n);
	else
		append(c->worker, &s->hold, s->fresh.p, s->fresh.n);
	s->fresh.n = 0;
	return 0;
}

/* The answer is out, and the rest of the body is of no use (RFC 9113 8.1). */
static int
frame_send_cb(nghttp2_session *session, const nghttp2_frame *f, void *arg)
{
	struct http2 *h = arg;
	struct metrics *m = &h->client->worker->metrics;
	struct http2_stream *s;

	if (f->hd.type == NGHTTP2_GOAWAY)
		metric_add_code(m->http2_goaways, f->goaway.error_code);
	if (f->hd.type == NGHTTP2_RST_STREAM)
		metric_add_code(m->http2_resets_sent, f->rst_stream.error_code);
	if (f->hd.type == NGHTTP2_GOAWAY && f->goaway.error_code != NGHTTP2_NO_ERROR)
		http2_said_error(h, nghttp2_http2_strerror(f->goaway.error_code));
	if ((f->hd.type != NGHTTP2_DATA && f->hd.type != NGHTTP2_HEADERS) ||
	    (f->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
		return 0;
	s = nghttp2_session_get_stream_user_data(session, f->hd.stream_id);
	if (s != NULL && !s->ended)
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int
stream_close_cb(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct http2 *h = arg;
	struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);
	bool gave_up;

	if (s == NULL)
		return 0;
	gave_up = s->client.request != NULL || s->muted;
	if (s->ended || s->reset_by_peer)
		http2_frames_over(&h->frames, id);
	if (h->receiving == s)
		h->in_block = false;
	if (s->client.request != NULL && h->receiving != s && !s->reset_by_peer &&
	    code == NGHTTP2_PROTOCOL_ERROR && s->client.request->status == 0)
		s->client.request->status = 400;
	http2_stream_free(s, s->client.request != NULL && s->client.request->status == 400
				 ? REASON_BAD_FRAMING
				 : REASON_CLIENT_GONE);
	if (gave_up)
		given_up(h);
	return 0;
}
