/* proxy/http2_frames.c: every frame's head is seen, however the bytes come; what may come for a stream that
 * is over. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

#include "proxy/http2_frames.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

/* A PING, DATA whose payload looks like heads, a PRIORITY of stream 3 that depends on 5 (exclusively), an
 * empty SETTINGS, a PRIORITY that is too short. */
static const char bytes[] = PREFACE "\x00\x00\x08\x06\x00\x00\x00\x00\x00"
				    "12345678"
				    "\x00\x00\x12\x00\x09\x80\x00\x00\x01"
				    "\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00"
				    "\x00\x00\x05\x02\x00\x00\x00\x00\x03\x80\x00\x00\x05\x0f"
				    "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
				    "\x00\x00\x03\x02\x00\x00\x00\x00\x07\x00\x00\x00";

static const struct http2_frame frames[] = {
	{ 8, NGHTTP2_PING, 0, 0, -1 },
	{ 18, NGHTTP2_DATA, 9, 1, -1 },
	{ 5, NGHTTP2_PRIORITY, 0, 3, 5 },
	{ 0, NGHTTP2_SETTINGS, 0, 0, -1 },
	{ 3, NGHTTP2_PRIORITY, 0, 7, -1 },
};

START_TEST(heads_are_found_whatever_the_pieces)
{
	size_t piece, all = sizeof(bytes) - 1;

	for (piece = 1; piece <= all; piece++) {
		struct http2_frames f;
		size_t at = 0, end, n, seen = 0;

		http2_frames_init(&f);
		for (end = piece < all ? piece : all; at < all; end = end + piece < all ? end + piece : all) {
			while (at < end) {
				struct http2_frame got;

				if (http2_frames_next(&f, (struct str){ bytes + at, end - at }, &n, &got)) {
					ck_assert_uint_lt(seen, sizeof(frames) / sizeof(frames[0]));
					ck_assert_uint_eq(got.length, frames[seen].length);
					ck_assert_uint_eq(got.type, frames[seen].type);
					ck_assert_uint_eq(got.flags, frames[seen].flags);
					ck_assert_int_eq(got.id, frames[seen].id);
					ck_assert_int_eq(got.depends_on, frames[seen].depends_on);
					seen++;
				}
				ck_assert(n > 0 && n <= end - at);
				at += n;
			}
		}
		ck_assert_uint_eq(seen, sizeof(frames) / sizeof(frames[0]));
	}
}
END_TEST

/* Not a byte of a payload is handed on together with the next frame's head. */
START_TEST(pieces_end_with_their_frames)
{
	static const size_t ends[] = { 24, 41, 68, 82, 91, 103 };
	struct http2_frames f;
	struct http2_frame got;
	size_t at = 0, n, i;

	http2_frames_init(&f);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		(void)http2_frames_next(&f, (struct str){ bytes + at, sizeof(bytes) - 1 - at }, &n, &got);
		at += n;
		ck_assert_uint_eq(at, ends[i]);
	}
}
END_TEST

static enum http2_place
place(struct http2_frames *f, uint8_t type, int32_t id, bool open)
{
	struct http2_frame frame = { .type = type, .id = id, .depends_on = -1 };

	return http2_frames_place(f, &frame, open);
}

START_TEST(nothing_comes_for_a_stream_that_its_peer_has_ended)
{
	struct http2_frames f;

	http2_frames_init(&f);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 1, false), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_DATA, 1, true), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 1, true), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_DATA, 1, false), PLACE_FINE); /* we reset it: it may not know */
	http2_frames_over(&f, 1);
	ck_assert_int_eq(place(&f, NGHTTP2_DATA, 1, false), PLACE_CLOSED);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 1, false), PLACE_CLOSED);
	ck_assert_int_eq(place(&f, NGHTTP2_WINDOW_UPDATE, 1, false), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_RST_STREAM, 1, false), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_PRIORITY, 1, false), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_DATA, 0, false), PLACE_FINE); /* libnghttp2's to refuse */
	for (int32_t id = 3; id < 3 + 2 * HTTP2_FRAMES_OVER; id += 2)
		http2_frames_over(&f, id);
	ck_assert_int_eq(place(&f, NGHTTP2_DATA, 1, false), PLACE_FINE); /* forgotten */
	ck_assert_int_eq(place(&f, NGHTTP2_DATA, 3, false), PLACE_CLOSED);
}
END_TEST

START_TEST(a_stream_that_was_skipped_is_not_begun_any_more)
{
	struct http2_frames f;

	http2_frames_init(&f);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 1, false), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 3, false), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 1, false), PLACE_FINE); /* it is over, not skipped */
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 9, false), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 3, false), PLACE_FINE);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 5, false), PLACE_PROTOCOL);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 7, false), PLACE_PROTOCOL);
	ck_assert_int_eq(place(&f, NGHTTP2_HEADERS, 9, true), PLACE_FINE);
}
END_TEST

START_TEST(a_stream_does_not_depend_on_itself)
{
	struct http2_frame frame = { .type = NGHTTP2_PRIORITY, .id = 3, .depends_on = 3 };
	struct http2_frames f;

	http2_frames_init(&f);
	ck_assert_int_eq(http2_frames_place(&f, &frame, false), PLACE_PROTOCOL);
	frame.depends_on = 0;
	ck_assert_int_eq(http2_frames_place(&f, &frame, false), PLACE_FINE);
	frame.id = 0;
	ck_assert_int_eq(http2_frames_place(&f, &frame, false), PLACE_PROTOCOL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/http2_frames");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, heads_are_found_whatever_the_pieces);
	tcase_add_test(t, pieces_end_with_their_frames);
	tcase_add_test(t, nothing_comes_for_a_stream_that_its_peer_has_ended);
	tcase_add_test(t, a_stream_that_was_skipped_is_not_begun_any_more);
	tcase_add_test(t, a_stream_does_not_depend_on_itself);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
