/* proxy/http2.c - a connection that speaks HTTP/2: its life, its limits, its frames on the way out; see
 * proxy/http2.h */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "proxy/forward.h"
#include "proxy/http2.h"
#include "proxy/request.h"

#define STREAMS_MAX   100
#define STREAM_WINDOW (256 * 1024)  /* of an upload, */
#define WINDOW        (1024 * 1024) /* and of all uploads of a connection: what they may make us hold */
#define ACKS_MAX      500           /* of its PINGs and SETTINGS, waiting for it to read */
#define SETTINGS_MAX  32
#define FRAME_SIZE    16384 /* of a frame of its (RFC 9113 6.5.2) */
#define CONTINUATIONS 8     /* behind a HEADERS frame, beyond those that limits.header_size needs */
#define ROUND_MS      10000 /* of a timer that counts nothing */
#define LAST_WORDS_MS 500   /* between the two GOAWAYs, for a request that is on its way */

/* Frames that make work and bring nothing: PING, SETTINGS, PRIORITY, empty DATA (CVE-2019-9512
 * ff.), and all of those that are unknown. */
#define CHATTER       1000
#define CHATTER_PER_S 100
#define PADDING_MAX                                                                                          \
	256 /* bytes of a DATA frame that need not be data: how much, and so much (RFC 9113 6.1) */

static nghttp2_session *session_new(struct http2 *);
static int take_frames(struct http2 *, struct str);
static void look_at(struct http2 *, const struct http2_frame *);
static bool brings_nothing(struct http2 *, const struct http2_frame *, bool);
static void settle_waits(struct http2 *);
static void end(struct http2 *, uint32_t);
static void say_goodbye(struct http2 *);
static void head_late(struct http2 *);
static void http2_flush(struct http2 *);
static int collect(struct http2 *);
static int write_out(struct http2 *);
static int frame_recv_cb(nghttp2_session *, const nghttp2_frame *, void *);
static void flush_cb(evutil_socket_t, short, void *);

/* --- a connection begins --- */

void
http2_begin(struct client *c)
{
	struct http2 *h = xcalloc(1, sizeof(*h));
	const struct conf_limits *l = &c->worker->view->snap->conf->limits;
	nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)l->header_size },
		{ NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1 },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};

	h->client = c;
	h->resets.at = h->chatter.at = timers_now();
	http2_frames_init(&h->frames);
	h->session = session_new(h);
	c->h2 = h;
	c->state = CLIENT_HTTP2;
	metric_add(&c->worker->metrics.http2_connections, 1);
	metric_add(&c->worker->metrics.http2_connections_begun, 1);
	if (event_assign(&h->flush, c->worker->base, -1, 0, flush_cb, h) != 0 ||
	    nghttp2_submit_settings(
		h->session, NGHTTP2_FLAG_NONE, settings, sizeof(settings) / sizeof(settings[0])) != 0 ||
	    nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0)
		abort();
	if (c->worker->draining)
		http2_drain(c);
	http2_touch(h);
}

static nghttp2_session *
session_new(struct http2 *h)
{
	nghttp2_session_callbacks *cb;
	nghttp2_session *session;
	nghttp2_option *o;
	size_t header_size = (size_t)h->client->worker->view->snap->conf->limits.header_size;

	if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&o) != 0)
		abort();
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, frame_recv_cb);
	http2_stream_callbacks(cb);
	http2_answer_callbacks(cb);
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
	nghttp2_option_set_max_settings(o, SETTINGS_MAX);
	nghttp2_option_set_max_continuations(o, header_size / FRAME_SIZE + CONTINUATIONS);
	/* Its own limit on RST_STREAM stands behind ours, which has a word in the log. */
	nghttp2_option_set_stream_reset_rate_limit(o, 2 * CHATTER, 2 * CHATTER_PER_S);
	nghttp2_option_set_max_send_header_block_length(o, 2 * HEAD_OUT_SIZE);
	if (nghttp2_session_server_new2(&session, cb, h, o) != 0)
		abort();
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);
	return session;
}

/* --- bytes come in --- */

void
http2_readable(struct client *c)
{
	struct http2 *h = c->h2;
	ssize_t n = stream_read(&c->stream, c->worker->scratch, SCRATCH_SIZE);

	if (n == -1)
		return;
	if (n <= 0) {
		client_close(c, n == 0 ? "the peer closed" : "reading failed");
		return;
	}
	n = take_frames(h, (struct str){ c->worker->scratch, (size_t)n });
	if (n < 0) {
		if (n == NGHTTP2_ERR_FLOODED || n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
			http2_calm(h, nghttp2_strerror((int)n));
		else
			http2_said_error(h, nghttp2_strerror((int)n));
		h->broken = true;
		stream_want_read(&c->stream, false);
	}
	if (h->broken || nghttp2_session_want_write(h->session) || !nghttp2_session_want_read(h->session))
		http2_touch(h);
	settle_waits(h);
}

/* One after the other: what is right for a frame is decided by those before it. */
static int
take_frames(struct http2 *h, struct str bytes)
{
	struct http2_frame frame;
	ssize_t got = 0;
	size_t n;

	while (bytes.n > 0 && got >= 0 && nghttp2_session_want_read(h->session)) {
		if (http2_frames_next(&h->frames, bytes, &n, &frame))
			look_at(h, &frame);
		got = nghttp2_session_mem_recv(h->session, (const uint8_t *)bytes.p, n);
		bytes = str_from(bytes, n);
	}
	return got < 0 ? (int)got : 0;
}

static void
look_at(struct http2 *h, const struct http2_frame *f)
{
	bool open = f->id != 0 && nghttp2_session_get_stream_user_data(h->session, f->id) != NULL;

	if (brings_nothing(h, f, open) && !http2_allowed(&h->chatter, CHATTER, CHATTER_PER_S)) {
		http2_calm(h, "a flood of frames that bring nothing");
		return;
	}
	switch (http2_frames_place(&h->frames, f, open)) {
	case PLACE_FINE:
		break;
	case PLACE_CLOSED:
		end(h, NGHTTP2_STREAM_CLOSED);
		break;
	case PLACE_PROTOCOL:
		end(h, NGHTTP2_PROTOCOL_ERROR);
		break;
	}
}

static bool
brings_nothing(struct http2 *h, const struct http2_frame *f, bool open)
{
	switch (f->type) {
	case NGHTTP2_HEADERS:
		return !open && f->id <= h->frames.last; /* read all the same, for the compression's sake */
	case NGHTTP2_CONTINUATION:
		return false; /* their number is bounded in session_new() */
	case NGHTTP2_RST_STREAM:
		return !open; /* else it is counted with the stream that it ends */
	case NGHTTP2_DATA:
		return f->length <= ((f->flags & NGHTTP2_FLAG_PADDED) != 0 ? PADDING_MAX : 0) &&
		       (f->flags & NGHTTP2_FLAG_END_STREAM) == 0;
	case NGHTTP2_WINDOW_UPDATE:
		if (h->sent == 0)
			return true;
		h->sent--; /* it has as many as it was sent frames to answer */
		return false;
	default:
		return true;
	}
}

/* What is waited for decides which time is up. */
static void
settle_waits(struct http2 *h)
{
	struct client *c = h->client;
	enum client_wait what = WAIT_NOTHING;

	if (h->ending)
		what = WAIT_DRAIN;
	else if (h->in_block || !h->greeted)
		what = WAIT_HEAD;
	else if (stream_pending(&c->stream) > 0)
		what = WAIT_DRAIN;
	else if (h->n_streams == 0)
		what = WAIT_IDLE;
	if (what == c->wait)
		return;
	client_wait_for(c, what);
	if (what == WAIT_IDLE && h->draining)
		timer_set(c->worker->timers, &c->timer, c->timer.fire, LAST_WORDS_MS);
}

void
http2_timed_out(struct client *c)
{
	struct http2 *h = c->h2;

	switch (c->wait) {
	case WAIT_HEAD:
		head_late(h);
		return;
	case WAIT_DRAIN:
		if (stream_pending(&c->stream) < c->undrained)
			client_wait_for(c, WAIT_DRAIN);
		else
			client_close(c, "the peer does not read");
		return;
	case WAIT_IDLE:
		end(h, NGHTTP2_NO_ERROR);
		return;
	case WAIT_NOTHING:
	case WAIT_BODY:
	case WAIT_LINGER:
		timer_set(c->worker->timers, &c->timer, c->timer.fire, ROUND_MS);
		return;
	}
}

static void
head_late(struct http2 *h)
{
	struct http2_stream *s = h->receiving;
	struct err e;

	h->receiving = NULL;
	if (s != NULL) {
		(void)err_set(
		    &e, REASON_HEADER_TIMEOUT, "the head was not complete within limits.header_timeout");
		s->muted = true;
		request_begin_bad(s->client.request, &e);
	}
	end(h, NGHTTP2_NO_ERROR);
}

/* --- limits --- */

bool
http2_allowed(struct http2_allowance *a, int burst, int per_second)
{
	int64_t now = timers_now();

	a->used -= (now - a->at) * per_second;
	a->at = now;
	if (a->used < 0)
		a->used = 0;
	if (a->used > (int64_t)burst * 1000)
		return false;
	a->used += 1000;
	return true;
}

void
http2_calm(struct http2 *h, const char *what)
{
	struct worker *w = h->client->worker;
	char addr[INET6_ADDRSTRLEN];

	if (h->calmed)
		return;
	h->calmed = true;
	log_request(LOG_LEVEL_WARN, "", REASON_HTTP2_ABUSE, "a connection of %s was closed: %s",
	    forward_address(&h->client->peer, addr), what);
	metric_add(&w->metrics.refusals[REASON_HTTP2_ABUSE], 1);
	end(h, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* What nghttp2 found wrong with the connection as a whole: no stream's request tells of it. */
void
http2_said_error(struct http2 *h, const char *what)
{
	char addr[INET6_ADDRSTRLEN];

	if (h->calmed)
		return;
	log_request(LOG_LEVEL_INFO, "", REASON_BAD_REQUEST, "a connection of %s was closed: %s",
	    forward_address(&h->client->peer, addr), what);
	metric_add(&h->client->worker->metrics.refusals[REASON_BAD_REQUEST], 1);
}

/* --- a connection ends --- */

/* At once: GOAWAY, and what is under way is given up. */
static void
end(struct http2 *h, uint32_t code)
{
	h->ending = true;
	(void)nghttp2_session_terminate_session(h->session, code);
	client_wait_for(h->client, WAIT_DRAIN);
	http2_touch(h);
}

/*
 * RFC 9113 6.8: first "no new streams, please", which takes a while to arrive,
 * then which one was the last.  A PING tells how long a while is.
 */
void
http2_drain(struct client *c)
{
	struct http2 *h = c->h2;

	if (h->draining)
		return;
	h->draining = true;
	(void)nghttp2_submit_shutdown_notice(h->session);
	(void)nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
	http2_touch(h);
	if (c->wait == WAIT_IDLE)
		timer_set(c->worker->timers, &c->timer, c->timer.fire, LAST_WORDS_MS);
}

static void
say_goodbye(struct http2 *h)
{
	h->said_goodbye = true;
	(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
	    nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
	http2_touch(h);
}

void
http2_release(struct client *c)
{
	struct http2 *h = c->h2;

	c->h2 = NULL;
	h->dirty = true; /* nothing is to be sent any more */
	(void)event_del(&h->flush);
	while (h->streams != NULL)
		http2_stream_free(h->streams, REASON_CLIENT_GONE);
	nghttp2_session_del(h->session);
	metric_sub(&c->worker->metrics.http2_connections, 1);
	free(h);
}

/* --- frames go out --- */

void
http2_touch(struct http2 *h)
{
	if (h->dirty)
		return;
	h->dirty = true;
	event_active(&h->flush, 0, 0);
}

void
http2_drained(struct client *c)
{
	http2_touch(c->h2);
}

/* Runs behind all callbacks of this turn: many streams' frames are one write. */
static void
http2_flush(struct http2 *h)
{
	struct client *c = h->client;
	struct http2_stream *s, *next;

	h->dirty = false;
	if (stream_pending(&c->stream) == 0 && collect(h) == -1) {
		client_close(c, "writing failed");
		return;
	}
	if (stream_pending(&c->stream) == 0 && (h->broken || (!nghttp2_session_want_read(h->session) &&
								 !nghttp2_session_want_write(h->session)))) {
		http2_release(c);
		client_finish(c);
		return;
	}
	for (s = h->streams; s != NULL; s = next) {
		next = s->next;
		http2_stream_flushed(s);
	}
	settle_waits(h);
}

/* Until there are no more, or the socket takes no more. */
static int
collect(struct http2 *h)
{
	const uint8_t *p;
	ssize_t n;

	h->out_n = 0;
	while (stream_pending(&h->client->stream) == 0) {
		n = nghttp2_session_mem_send(h->session, &p);
		if (n < 0 || n > HEAD_OUT_SIZE)
			return -1;
		if (n == 0 && !h->out_full)
			return write_out(h);
		if ((n == 0 || h->out_n + (size_t)n > HEAD_OUT_SIZE) && write_out(h) == -1)
			return -1;
		if (n > 0)
			memcpy(h->client->worker->head_out + h->out_n, p, (size_t)n);
		h->out_n += (size_t)n;
	}
	return write_out(h);
}

static int
write_out(struct http2 *h)
{
	struct client *c = h->client;
	struct iovec iov = { c->worker->head_out, h->out_n };

	h->out_n = 0;
	h->out_full = false;
	if (iov.iov_len == 0)
		return 0;
	if (stream_write(&c->stream, &iov, 1) == -1)
		return -1;
	c->undrained = stream_pending(&c->stream);
	return 0;
}

/* --- called by nghttp2 and by libevent --- */

static int
frame_recv_cb(nghttp2_session *session, const nghttp2_frame *f, void *arg)
{
	struct http2 *h = arg;
	bool last = (f->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

	(void)session;
	switch (f->hd.type) {
	case NGHTTP2_HEADERS:
		h->in_block = false;
		http2_stream_head_is_here(h, f->hd.stream_id, last);
		break;
	case NGHTTP2_DATA:
		if (last)
			http2_stream_body_is_here(h, f->hd.stream_id);
		break;
	case NGHTTP2_RST_STREAM:
		http2_stream_was_reset(h, f->hd.stream_id);
		metric_add_code(h->client->worker->metrics.http2_resets_received, f->rst_stream.error_code);
		break;
	case NGHTTP2_SETTINGS:
		h->greeted = true;
		break;
	case NGHTTP2_PING:
		if ((f->hd.flags & NGHTTP2_FLAG_ACK) != 0 && h->draining && !h->said_goodbye)
			say_goodbye(h);
		break;
	default:
		break;
	}
	return 0;
}

static void
flush_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	http2_flush(arg);
}
