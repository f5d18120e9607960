/*
 * proxy/http2_head.h - the fields of an HTTP/2 request become a struct http1_head
 *
 * What comes as HTTP/2 leaves as HTTP/1.1, so nothing may pass that the two
 * read differently: every field goes through the checks of http1.c, and what
 * only HTTP/2 can say (upper case, connection-specific fields, pseudo fields
 * at the wrong place, an :authority that is not Host) is refused (RFC 9113
 * 8.2, 8.3, 10.3).  libnghttp2 refuses most of it before; this file does not
 * rely on that.
 *
 * Pure.
 */
#ifndef PROXY_HTTP2_HEAD_H
#define PROXY_HTTP2_HEAD_H
#include "conf/mem.h"
#include "proxy/http1.h"

#define HTTP2_CRUMBS_MAX 256

/* A head while its fields arrive. */
struct http2_head {
	struct http1_head *h;
	struct mem *mem; /* holds the copies */
	char *room;      /* for the next ones, side by side */
	size_t left;
	size_t limit; /* limits.header_size */
	size_t size;  /* as HTTP/1.1 would count; goes on counting past the limit */
	uint64_t twice;
	struct str method, scheme, authority, path, protocol; /* p NULL: did not come */
	bool regular;                                         /* a field that is no pseudo field has come */
	bool own_key;   /* a WebSocket that came without a Sec-WebSocket-Key got one */
	struct err err; /* the first thing wrong; NONE: nothing so far */
	size_t n_crumbs, crumb_bytes;
	struct str crumbs[HTTP2_CRUMBS_MAX]; /* Cookie fields; of them only n_crumbs are set */
};

void http2_head_begin(struct http2_head *x, struct http1_head *h, struct mem *mem, size_t limit);

/* One field, copied.  What is wrong is kept in x->err; further fields are only counted then. */
void http2_head_add(struct http2_head *x, struct str name, struct str value);

/*
 * All fields were there.  ended: no body follows.  -1: x->err.  The cookies are
 * one field again (RFC 9113 8.2.3); a WebSocket (RFC 8441) has become the GET
 * with Upgrade that an HTTP/1.1 server expects, `key` its Sec-WebSocket-Key
 * unless one came (from a proxy whose client speaks HTTP/1.1).
 */
int http2_head_end(struct http2_head *x, bool ended, const char *key) MUST_CHECK;

#endif
