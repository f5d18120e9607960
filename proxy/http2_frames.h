/*
 * proxy/http2_frames.h - the frames that a peer sends, before anybody acts on them
 *
 * libnghttp2 passes over some frames without a word: types that it does not
 * know, PRIORITY, whatever comes for a stream that is over.  They cost time all
 * the same, and of the last it keeps no memory in which RFC 9113 5.1 could be
 * looked up.  So every head is seen here first.
 *
 * Pure.
 */
#ifndef PROXY_HTTP2_FRAMES_H
#define PROXY_HTTP2_FRAMES_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"

#define HTTP2_PREFACE     24 /* bytes before the first frame (RFC 9113 3.4) */
#define HTTP2_FRAMES_OVER 16

struct http2_frame {
	uint32_t length;
	uint8_t type, flags;
	int32_t id;
	int32_t depends_on; /* PRIORITY: the stream; else -1 */
};

struct http2_frames {
	unsigned char head[13];          /* of the frame that has begun; of PRIORITY with its first field */
	uint8_t have;                    /* bytes of it */
	bool passing;                    /* the head was whole: its payload is on its way */
	uint32_t left;                   /* bytes of the payload that are still to come */
	int32_t last;                    /* the highest stream that was begun */
	int32_t skipped[2];              /* the last ones that a higher one was begun instead of: from, to */
	int32_t over[HTTP2_FRAMES_OVER]; /* streams whose peer has said that it sends no more */
	unsigned n_over;
};

/* What is wrong with a frame in its place. */
enum http2_place { PLACE_FINE, PLACE_CLOSED, PLACE_PROTOCOL };

void http2_frames_init(struct http2_frames *f);

/*
 * How many of these bytes, at least one, end with the frame that they begin or
 * go on with.  true: among them is the end of a frame's head, which is *frame.
 */
bool http2_frames_next(struct http2_frames *f, struct str bytes, size_t *n, struct http2_frame *frame);

/*
 * May it come here (RFC 9113 5.1, 5.1.1, 6.3; RFC 7540 5.3.1)?  open: its
 * stream is.  Of a stream that we gave up its peer may not have heard yet, and
 * of those that were over long ago nothing is known: both are fine, and passed over.
 */
enum http2_place http2_frames_place(struct http2_frames *f, const struct http2_frame *frame, bool open);
void http2_frames_over(struct http2_frames *f, int32_t id); /* its peer has ended or reset it */

#endif
