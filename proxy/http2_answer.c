/* proxy/http2_answer.c - answers on their way into frames; see proxy/http2.h */
#include <string.h>

#include "proxy/http2.h"
#include "proxy/request.h"

#define FIELDS_MAX  (HTTP1_FIELDS_MAX + 64) /* of an answer: the upstream's and ours */
#define FRAME_HEAD  9                       /* bytes before the payload (RFC 9113 4.1) */
#define STATUS_AT   9                       /* in "HTTP/1.1 200" */
#define STATUS_SIZE 3

/* An answer's head while it is looked through. */
struct head {
	nghttp2_nv nv[FIELDS_MAX];
	size_t n;
	bool bodiless;
};

static int status_of(struct str);
static bool next_line(struct str *, struct str *, struct str *);
static bool belongs_to_connection(struct str);
static nghttp2_nv field(struct str, struct str);
static ssize_t read_cb(
    nghttp2_session *, int32_t, uint8_t *, size_t, uint32_t *, nghttp2_data_source *, void *);
static int send_data_cb(
    nghttp2_session *, nghttp2_frame *, const uint8_t *, size_t, nghttp2_data_source *, void *);

int
http2_answer(struct http2_stream *s, struct str head)
{
	const struct request *r = s->client.request;
	nghttp2_data_provider body = { { .ptr = s }, read_cb };
	struct str status = { head.p + STATUS_AT, STATUS_SIZE }, name, value;
	int code = status_of(head);
	struct head x __attribute__((uninitialized)); /* nv[0..n) is set */

	/* A stream that became a WebSocket: what 101 is there, 200 is here (RFC 8441 5). */
	x.nv[0] = field(STR(":status"), code == 101 ? STR("200") : status);
	x.n = 1;
	x.bodiless = r->in.method_id == METHOD_HEAD || code == 204 || code == 304;
	while (next_line(&head, &name, &value)) {
		if (belongs_to_connection(name) ||
		    (s->own_key && str_is_nocase(name, STR("sec-websocket-accept"))))
			continue;
		if (x.n == FIELDS_MAX)
			return -1;
		if (value.n == 1 && value.p[0] == '0' && str_is_nocase(name, STR("content-length")))
			x.bodiless = true;
		x.nv[x.n++] = field(name, value);
	}
	if (code < 200 && code != 101)
		return nghttp2_submit_headers(
			   s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, x.nv, x.n, NULL) == 0
			   ? 0
			   : -1;
	s->answered = true;
	return nghttp2_submit_response(s->h2->session, s->id, x.nv, x.n, x.bodiless ? NULL : &body) == 0 ? 0
													 : -1;
}

static int
status_of(struct str head)
{
	const char *p = head.p + STATUS_AT;

	return (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
}

/* Cuts the first line off, which was looked at, and gives the next one's parts.  The text is ours, and whole.
 */
static bool
next_line(struct str *rest, struct str *name, struct str *value)
{
	const char *lf = memchr(rest->p, '\n', rest->n), *colon, *end;

	*rest = str_from(*rest, (size_t)(lf + 1 - rest->p));
	if (rest->p[0] == '\r')
		return false;
	colon = memchr(rest->p, ':', rest->n);
	end = memchr(colon, '\r', rest->n - (size_t)(colon - rest->p));
	*name = (struct str){ rest->p, (size_t)(colon - rest->p) };
	*value = str_trim((struct str){ colon + 1, (size_t)(end - colon - 1) });
	return true;
}

/* RFC 9113 8.2.2 */
static bool
belongs_to_connection(struct str name)
{
	switch (name.n) {
	case 7:
		return str_is_nocase(name, STR("upgrade"));
	case 10:
		return str_is_nocase(name, STR("connection")) || str_is_nocase(name, STR("keep-alive"));
	case 17:
		return str_is_nocase(name, STR("transfer-encoding"));
	default:
		return false;
	}
}

/* nghttp2 copies both, and makes the name lower case. */
static nghttp2_nv
field(struct str name, struct str value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n, value.n,
		NGHTTP2_NV_FLAG_NONE };
}

/* --- called by nghttp2, while http2_flush() asks it for frames --- */

void
http2_answer_callbacks(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_send_data_callback(cb, send_data_cb);
}

/* How much goes into the next DATA frame? */
static ssize_t
read_cb(nghttp2_session *session, int32_t id, uint8_t *buf, size_t most, uint32_t *flags,
    nghttp2_data_source *source, void *arg)
{
	struct http2_stream *s = source->ptr;
	size_t n = s->out == NULL ? 0 : s->out->end - s->out->start;

	(void)session;
	(void)id;
	(void)buf;
	(void)arg;
	if (n == 0 && !s->complete) {
		s->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n <= most && s->complete)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)(n < most ? n : most);
}

static int
send_data_cb(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t n,
    nghttp2_data_source *source, void *arg)
{
	struct http2 *h = arg;
	struct http2_stream *s = source->ptr;
	char *to = h->client->worker->head_out + h->out_n;

	(void)session;
	(void)frame;
	if (h->out_n + FRAME_HEAD + n > HEAD_OUT_SIZE) {
		h->out_full = true;
		return NGHTTP2_ERR_WOULDBLOCK;
	}
	memcpy(to, head, FRAME_HEAD);
	if (n > 0) {
		memcpy(to + FRAME_HEAD, s->out->bytes + s->out->start, n);
		s->out->start += n;
	}
	h->out_n += FRAME_HEAD + n;
	h->sent += 2; /* the stream's window and the connection's */
	return 0;
}
