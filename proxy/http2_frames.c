/* proxy/http2_frames.c - see proxy/http2_frames.h */
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "proxy/http2_frames.h"

#define HEAD_SIZE 9 /* RFC 9113 4.1 */
#define DEPENDS   4 /* bytes of PRIORITY's first field */

static unsigned head_size(const struct http2_frames *);
static uint32_t number(const unsigned char *);
static void read_head(const struct http2_frames *, struct http2_frame *);
static enum http2_place begin_stream(struct http2_frames *, int32_t);
static bool is_over(const struct http2_frames *, int32_t);

void
http2_frames_init(struct http2_frames *f)
{
	memset(f, 0, sizeof(*f));
	f->passing = true;
	f->left = HTTP2_PREFACE; /* passes like a payload: libnghttp2 compares it */
}

bool
http2_frames_next(struct http2_frames *f, struct str bytes, size_t *n, struct http2_frame *frame)
{
	bool whole = false;
	size_t used = 0, payload;

	if (f->passing && f->left == 0) {
		f->passing = false;
		f->have = 0;
	}
	while (!f->passing && used < bytes.n) {
		f->head[f->have++] = (unsigned char)bytes.p[used++];
		if (f->have < HEAD_SIZE || f->have < head_size(f))
			continue;
		read_head(f, frame);
		f->passing = whole = true;
		f->left = frame->length - (f->have - HEAD_SIZE);
	}
	payload = f->passing && f->left < bytes.n - used ? f->left : f->passing ? bytes.n - used : 0;
	f->left -= (uint32_t)payload;
	*n = used + payload;
	return whole;
}

static unsigned
head_size(const struct http2_frames *f)
{
	uint32_t length = number(f->head) >> 8;

	return HEAD_SIZE + (f->head[3] == NGHTTP2_PRIORITY && length >= DEPENDS ? DEPENDS : 0U);
}

static uint32_t
number(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static void
read_head(const struct http2_frames *f, struct http2_frame *frame)
{
	frame->length = number(f->head) >> 8;
	frame->type = f->head[3];
	frame->flags = f->head[4];
	frame->id = (int32_t)(number(f->head + 5) & 0x7fffffff);
	frame->depends_on = f->have > HEAD_SIZE ? (int32_t)(number(f->head + HEAD_SIZE) & 0x7fffffff) : -1;
}

enum http2_place
http2_frames_place(struct http2_frames *f, const struct http2_frame *frame, bool open)
{
	switch (frame->type) {
	case NGHTTP2_HEADERS:
		if (frame->id > f->last)
			return begin_stream(f, frame->id);
		if (!open && frame->id >= f->skipped[0] && frame->id <= f->skipped[1])
			return PLACE_PROTOCOL;
		return !open && is_over(f, frame->id) ? PLACE_CLOSED : PLACE_FINE;
	case NGHTTP2_DATA:
		return !open && is_over(f, frame->id) ? PLACE_CLOSED : PLACE_FINE;
	case NGHTTP2_PRIORITY:
		return frame->id == 0 || frame->depends_on == frame->id ? PLACE_PROTOCOL : PLACE_FINE;
	default:
		return PLACE_FINE;
	}
}

/* Whether it may be begun is libnghttp2's to say; those below it that were not begun never will be. */
static enum http2_place
begin_stream(struct http2_frames *f, int32_t id)
{
	if (id - f->last > 2) {
		f->skipped[0] = f->last + 1;
		f->skipped[1] = id - 1;
	}
	f->last = id;
	return PLACE_FINE;
}

static bool
is_over(const struct http2_frames *f, int32_t id)
{
	for (unsigned i = 0; i < HTTP2_FRAMES_OVER; i++)
		if (f->over[i] == id && id != 0)
			return true;
	return false;
}

void
http2_frames_over(struct http2_frames *f, int32_t id)
{
	f->over[f->n_over++ % HTTP2_FRAMES_OVER] = id;
}
