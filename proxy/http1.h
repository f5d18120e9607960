/*
 * proxy/http1.h - HTTP/1.1 messages as bytes (RFC 9112), strictly
 *
 * Pure: bytes in, slices of the same bytes out; no allocation, no I/O.  What
 * is ambiguous is refused, not repaired.  A message that passes is written
 * anew for the other side (http1_out), never copied through.
 */
#ifndef PROXY_HTTP1_H
#define PROXY_HTTP1_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "conf/err.h"
#include "conf/str.h"

#define HTTP1_FIELDS_MAX       128
#define HTTP1_REQUEST_LINE_MAX 16384

/*
 * Field names the road asks for, recognised while parsing.  Comparison is
 * exact but for ASCII case; FIELD_OTHER is everything else.
 */
#define HTTP1_FIELD_NAMES(X)                                                                                 \
	X(ACCEPT, "accept")                                                                                  \
	X(ACCESS_CONTROL_REQUEST_METHOD, "access-control-request-method")                                    \
	X(AUTHORIZATION, "authorization")                                                                    \
	X(CACHE_CONTROL, "cache-control")                                                                    \
	X(CONNECTION, "connection")                                                                          \
	X(CONTENT_LENGTH, "content-length")                                                                  \
	X(CONTENT_TYPE, "content-type")                                                                      \
	X(COOKIE, "cookie")                                                                                  \
	X(DATE, "date")                                                                                      \
	X(EXPECT, "expect")                                                                                  \
	X(EXPIRES, "expires")                                                                                \
	X(FORWARDED, "forwarded")                                                                            \
	X(HOST, "host")                                                                                      \
	X(HTTP2_SETTINGS, "http2-settings")                                                                  \
	X(KEEP_ALIVE, "keep-alive")                                                                          \
	X(LOCATION, "location")                                                                              \
	X(ORIGIN, "origin")                                                                                  \
	X(PROXY_AUTHENTICATE, "proxy-authenticate")                                                          \
	X(PROXY_AUTHORIZATION, "proxy-authorization")                                                        \
	X(PROXY_CONNECTION, "proxy-connection")                                                              \
	X(SEC_FETCH_DEST, "sec-fetch-dest")                                                                  \
	X(SEC_FETCH_MODE, "sec-fetch-mode")                                                                  \
	X(SEC_FETCH_SITE, "sec-fetch-site")                                                                  \
	X(SET_COOKIE, "set-cookie")                                                                          \
	X(STRICT_TRANSPORT_SECURITY, "strict-transport-security")                                            \
	X(TE, "te")                                                                                          \
	X(TRAILER, "trailer")                                                                                \
	X(TRANSFER_ENCODING, "transfer-encoding")                                                            \
	X(UPGRADE, "upgrade")                                                                                \
	X(X_FORWARDED_FOR, "x-forwarded-for")                                                                \
	X(X_FORWARDED_HOST, "x-forwarded-host")                                                              \
	X(X_FORWARDED_PORT, "x-forwarded-port")                                                              \
	X(X_FORWARDED_PREFIX, "x-forwarded-prefix")                                                          \
	X(X_FORWARDED_PROTO, "x-forwarded-proto")                                                            \
	X(X_REAL_IP, "x-real-ip")                                                                            \
	X(X_REQUEST_ID, "x-request-id")                                                                      \
	X(X_REQUESTED_WITH, "x-requested-with")

enum field_id {
	FIELD_OTHER = 0,
#define X(id, name) FIELD_##id,
	HTTP1_FIELD_NAMES(X)
#undef X
	    FIELD_COUNT
};

struct http1_field {
	struct str name;  /* as received */
	struct str value; /* without outer whitespace */
	uint32_t fold; /* headers_fold() of the name: equal for all spellings a backend may fold together */
	uint16_t id;   /* enum field_id */
	bool drop;     /* not to be passed on; false after parsing, set by headers.c */
	bool plain;    /* it stands there as "name: value CRLF", and so it may be sent on */
};

enum http1_method {
	METHOD_OTHER,
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_PATCH
};

enum http1_body {
	BODY_NONE,
	BODY_LENGTH, /* content_length bytes, which may be 0: "Content-Length: 0" was said */
	BODY_CHUNKED,
	BODY_UNTIL_CLOSE, /* responses only */
};

/*
 * Only what is named for the kind of message is set, and of `fields` the first
 * n_fields: the struct is large and need not be zeroed before a call.  What it
 * holds is of use after HTTP1_DONE only.
 */
struct http1_head {
	/* requests */
	struct str method, target; /* target: as received */
	struct str path;           /* of the target, absolute form taken off */
	struct str query;          /* without '?'; p is NULL when there is none */
	struct str host;           /* as in Host: lower case is not applied, with port; never empty */
	enum http1_method method_id;
	/* responses */
	int status; /* 100..999 */
	/* both */
	int minor; /* HTTP/1.minor: 0 or 1; 2: HTTP/2, whose heads http2_head.c makes */
	enum http1_body body;
	uint64_t content_length; /* 0 without the field; said of HEAD and 304 too, though there is no body */
	bool keep_alive;         /* RFC 9112 9.3; false when the body ends with the connection */
	bool upgrade;            /* Upgrade with Connection: upgrade, see below; of responses only 101 */
	bool expect_continue;    /* request: Expect: 100-continue, HTTP/1.1 */
	size_t size;             /* bytes of the head, empty line included */
	size_t n_fields;
	uint8_t index[FIELD_COUNT]; /* 1 + number of the first field with this id; 0: none */
	struct http1_field fields[HTTP1_FIELDS_MAX];
};

enum http1_result {
	HTTP1_BAD =
	    -1, /* *e: BAD_REQUEST, BAD_FRAMING, BAD_HOST, BAD_TARGET, BAD_VERSION, HEADER_TOO_LARGE, ... */
	HTTP1_MORE = 0, /* incomplete, and fine so far; call again with more bytes behind these */
	HTTP1_DONE = 1,
};

/*
 * One request head at p[0..n).  Empty lines before it (at most two CRLF) are
 * skipped and counted in size.  `scanned`: in/out, bytes known to hold no end
 * of head, so that a slow head is not searched anew; start with 0; it is 0
 * again after DONE and BAD.
 *
 * A head that comes in one piece is refused at its first wrong byte; one that
 * comes in many is looked at when its first piece and when its end arrive.
 * The caller bounds n (limits.header_size).
 *
 * Refused beyond RFC 9112, because two readers may disagree: any second
 * Content-Length or Authorization, Transfer-Encoding that is not "chunked"
 * alone or comes with Content-Length, an absolute form whose host is not Host.
 *
 * `path` is "*" for OPTIONS * (RFC 9112 3.2.4) and begins with '/' otherwise;
 * an absolute form without a path gives a constant.
 * `upgrade` stays false, and the fields mean nothing, in HTTP/1.0 and for
 * protocols that would carry requests past us: h2c, h2, HTTP, TLS.
 */
enum http1_result http1_parse_request(
    const char *p, size_t n, size_t *scanned, struct http1_head *out, struct err *e) MUST_CHECK;

/*
 * One response head, to a request of this method (HEAD, CONNECT matter).
 * Reasons: UPSTREAM_BAD_RESPONSE.
 */
enum http1_result http1_parse_response(const char *p, size_t n, size_t *scanned, enum http1_method to,
    struct http1_head *out, struct err *e) MUST_CHECK;

/* First field with this id, NULL when there is none.  The id is not FIELD_OTHER. */
const struct http1_field *http1_get(const struct http1_head *h, enum field_id id);

/*
 * The chunked coding (RFC 9112 7.1), incrementally: strict hex sizes of at
 * most 16 digits, CRLF only, extensions skipped (256 bytes a line), trailers
 * checked like fields and dropped (8 KiB in all).
 */
struct http1_chunks {
	int state;
	uint64_t left;    /* of the current chunk */
	uint32_t line;    /* bytes of the size, the extension or the trailer's name so far */
	uint32_t trailer; /* bytes of all trailers */
};
void http1_chunks_init(struct http1_chunks *c);
/*
 * Look at p[0..n).  *used: bytes consumed; *data: a run of body bytes among
 * them (may be empty; at most one run a call: call again until used up).
 * DONE: the last CRLF is among the used bytes.  BAD: BAD_FRAMING, at every
 * further call too.
 */
enum http1_result http1_chunks_next(struct http1_chunks *c, const char *p, size_t n, size_t *used,
    struct str *data, struct err *e) MUST_CHECK;

/* "1a2b\r\n" into out; returns the length. */
size_t http1_chunk_head(char out[20], uint64_t size);

/*
 * A head being written.  `over` when it did not fit, or when a field's value
 * held a control character (it would end the field and begin another): such a
 * head must not be sent.  Nothing is written past cap, nor after `over`.
 */
struct http1_out {
	char *p;
	size_t n, cap;
	bool over;
};
static inline void http1_put(struct http1_out *o, struct str bytes);
void http1_put_field(struct http1_out *o, struct str name, struct str value); /* name: value CRLF */
void http1_put_number(struct http1_out *o, uint64_t n);

/*
 * Send a received field on.  Neighbours in the message are gathered in *run
 * (to begin with { NULL, 0 }) and copied in one piece: http1_copy_end() after the last,
 * and before anything else is put.
 */
void http1_copy_field(struct http1_out *o, struct str *run, const struct http1_field *f);
void http1_copy_end(struct http1_out *o, struct str *run);

/* Here, so that a text whose length is known is copied without a call. */
static inline void
http1_put(struct http1_out *o, struct str bytes)
{
	if (o->over || bytes.n > o->cap - o->n) {
		o->over = true;
		return;
	}
	if (bytes.n > 0)
		memcpy(o->p + o->n, bytes.p, bytes.n);
	o->n += bytes.n;
}

#endif
