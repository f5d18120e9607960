/* proxy/http2_head.c - see proxy/http2_head.h */
#include <stdint.h>
#include <string.h>

#include "proxy/http1_judge.h"
#include "proxy/http1_take.h"
#include "proxy/http2_head.h"

#define ROOM 1024 /* for copies, at once */

static char *reserve(struct http2_head *, size_t);
static void add_pseudo(struct http2_head *, struct str, struct str);
static void add_field(struct http2_head *, struct str, struct str);
static int keep_line(struct http2_head *, struct str, struct str);
static bool belongs_to_connection(const struct http1_field *);
static int take_protocol(struct http2_head *, bool);
static int take_host(struct http2_head *);
static int take_path(struct http2_head *);
static int add_own(struct http2_head *, const char *, struct str);
static int take_key(struct http2_head *, const char *);
static int join_cookies(struct http2_head *);
static int judge(struct http2_head *, bool);

void
http2_head_begin(struct http2_head *x, struct http1_head *h, struct mem *mem, size_t limit)
{
	static const struct str none = { NULL, 0 };

	x->h = h;
	x->mem = mem;
	x->limit = limit;
	x->size = 0;
	x->twice = 0;
	x->method = x->scheme = x->authority = x->path = x->protocol = none;
	x->regular = x->own_key = false;
	x->left = 0;
	x->err.reason = REASON_NONE;
	x->n_crumbs = x->crumb_bytes = 0;
	h->minor = 2;
	h->n_fields = 0;
	memset(h->index, 0, sizeof(h->index));
}

void
http2_head_add(struct http2_head *x, struct str name, struct str value)
{
	x->size += name.n + value.n + 4; /* ": " and CRLF */
	if (x->err.reason != REASON_NONE)
		return;
	if (x->size > x->limit)
		(void)err_set(&x->err, REASON_HEADER_TOO_LARGE,
		    "the head exceeds limits.header_size (%zu bytes)", x->limit);
	else if (name.n > 0 && name.p[0] == ':')
		add_pseudo(x, name, value);
	else
		add_field(x, name, value);
}

static char *
reserve(struct http2_head *x, size_t n)
{
	char *p;

	if (x->left < n) {
		x->left = n > ROOM ? n : ROOM;
		x->room = mem_alloc(x->mem, x->left);
	}
	p = x->room;
	x->room += n;
	x->left -= n;
	return p;
}

/* RFC 9113 8.3: known, once, and before all others. */
static void
add_pseudo(struct http2_head *x, struct str name, struct str value)
{
	const struct {
		struct str name;
		struct str *to;
	} known[] = { { STR(":method"), &x->method }, { STR(":scheme"), &x->scheme },
		{ STR(":authority"), &x->authority }, { STR(":path"), &x->path },
		{ STR(":protocol"), &x->protocol } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!str_is(name, known[i].name))
			continue;
		if (x->regular || known[i].to->p != NULL)
			(void)err_set(
			    &x->err, REASON_BAD_REQUEST, "%s twice or behind other fields", known[i].name.p);
		*known[i].to = (struct str){ reserve(x, value.n + 1), value.n };
		if (value.n > 0)
			memcpy((char *)(uintptr_t)known[i].to->p, value.p, value.n);
		return;
	}
	(void)err_set(&x->err, REASON_BAD_REQUEST, "a pseudo field that requests do not have");
}

static void
add_field(struct http2_head *x, struct str name, struct str value)
{
	const struct http1_field *f;

	x->regular = true;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] >= 'A' && name.p[i] <= 'Z') {
			(void)err_set(
			    &x->err, REASON_BAD_REQUEST, "an upper case letter in the name of a field");
			return;
		}
	}
	if (value.n > 0 && str_trim(value).n != value.n) {
		(void)err_set(&x->err, REASON_BAD_REQUEST, "white space around the value of a field");
		return;
	}
	if (keep_line(x, name, value) == -1)
		return;
	f = &x->h->fields[x->h->n_fields - 1];
	if (belongs_to_connection(f)) {
		(void)err_set(
		    &x->err, REASON_BAD_REQUEST, "the field %.*s belongs to HTTP/1.1", STR_ARG(name));
	} else if (f->id == FIELD_COOKIE) {
		/* The first one keeps its place and gets the others' crumbs. */
		if (x->n_crumbs > 0)
			x->h->n_fields--;
		if (x->n_crumbs == HTTP2_CRUMBS_MAX) {
			(void)err_set(
			    &x->err, REASON_HEADER_TOO_LARGE, "more than %d Cookie fields", HTTP2_CRUMBS_MAX);
			return;
		}
		x->crumbs[x->n_crumbs++] = f->value;
		x->crumb_bytes += value.n;
	}
}

/* As a line of HTTP/1.1 has it: what goes on to the upstream goes in one piece (http1_copy_field()). */
static int
keep_line(struct http2_head *x, struct str name, struct str value)
{
	char *p = reserve(x, name.n + value.n + 4), *v = p + name.n + 2;

	if (name.n > 0)
		memcpy(p, name.p, name.n);
	memcpy(v - 2, ": ", 2);
	if (value.n > 0)
		memcpy(v, value.p, value.n);
	memcpy(v + value.n, "\r\n", 2);
	if (http1_take_field(
		x->h, (struct str){ p, name.n }, (struct str){ v, value.n }, &x->twice, &x->err) == -1)
		return -1;
	x->h->fields[x->h->n_fields - 1].plain = true;
	return 0;
}

/* RFC 9113 8.2.2 */
static bool
belongs_to_connection(const struct http1_field *f)
{
	switch (f->id) {
	case FIELD_CONNECTION:
	case FIELD_HTTP2_SETTINGS:
	case FIELD_KEEP_ALIVE:
	case FIELD_PROXY_CONNECTION:
	case FIELD_TRANSFER_ENCODING:
	case FIELD_UPGRADE:
		return true;
	case FIELD_TE:
		return !str_is_nocase(f->value, STR("trailers"));
	default:
		return false;
	}
}

/* --- all fields are there --- */

int
http2_head_end(struct http2_head *x, bool ended, const char *key)
{
	if (x->err.reason != REASON_NONE)
		return -1;
	if (x->method.p == NULL || x->scheme.p == NULL || x->path.p == NULL)
		return err_set(&x->err, REASON_BAD_REQUEST, "no :method, no :scheme or no :path");
	if (!str_is_nocase(x->scheme, STR("https")) && !str_is_nocase(x->scheme, STR("http")))
		return err_set(&x->err, REASON_BAD_TARGET, "a :scheme that is neither https nor http");
	if (x->protocol.p != NULL && take_protocol(x, ended) == -1)
		return -1;
	if (http1_take_method(x->h, x->method, &x->err) == -1 || take_host(x) == -1 || take_path(x) == -1 ||
	    join_cookies(x) == -1)
		return -1;
	if (x->protocol.p != NULL &&
	    (add_own(x, "upgrade", STR("websocket")) == -1 || take_key(x, key) == -1))
		return -1;
	return judge(x, ended);
}

/* RFC 8441 5: CONNECT with a protocol; of these only WebSocket has a form in HTTP/1.1. */
static int
take_protocol(struct http2_head *x, bool ended)
{
	if (!str_is(x->method, STR("CONNECT")) || ended)
		return err_set(&x->err, REASON_BAD_REQUEST, ":protocol without CONNECT, or without a stream");
	if (!str_is_nocase(x->protocol, STR("websocket")))
		return err_set(&x->err, REASON_BAD_UPGRADE, "a :protocol that is not websocket");
	if (x->h->index[FIELD_CONTENT_LENGTH] != 0)
		return err_set(&x->err, REASON_BAD_UPGRADE, "an upgrade with a length");
	x->method = STR("GET");
	return 0;
}

/* Two names for one thing: who looks at the other one sees another site (RFC 9113 8.3.1). */
static int
take_host(struct http2_head *x)
{
	const struct http1_field *host = http1_get(x->h, FIELD_HOST);

	if (x->authority.p == NULL)
		return 0; /* then it is Host alone, and http1_judge_request() looks at it */
	if (host == NULL)
		return add_own(x, "host", x->authority);
	if (!str_is_nocase(host->value, x->authority))
		return err_set(&x->err, REASON_BAD_HOST, ":authority and Host differ");
	return 0;
}

static int
take_path(struct http2_head *x)
{
	if (http1_take_target(x->h, x->path, &x->err) == -1)
		return -1;
	if (x->path.n == 0 || (x->path.p[0] != '/' && !str_is(x->path, STR("*"))))
		return err_set(&x->err, REASON_BAD_TARGET, ":path is no path");
	return 0;
}

static int
add_own(struct http2_head *x, const char *name, struct str value)
{
	return http1_take_field(x->h, str_of(name), value, &x->twice, &x->err);
}

static int
take_key(struct http2_head *x, const char *key)
{
	static const struct str name = { "sec-websocket-key", 17 };
	unsigned n = 0;

	for (size_t i = 0; i < x->h->n_fields; i++)
		n += str_is_nocase(x->h->fields[i].name, name);
	if (n > 1)
		return err_set(&x->err, REASON_BAD_UPGRADE, "two Sec-WebSocket-Key fields");
	x->own_key = n == 0;
	return n == 0 ? add_own(x, name.p, str_of(key)) : 0;
}

static int
join_cookies(struct http2_head *x)
{
	char *p, *to;

	if (x->n_crumbs < 2)
		return 0;
	p = to = mem_alloc(x->mem, x->crumb_bytes + 2 * x->n_crumbs);
	for (size_t i = 0; i < x->n_crumbs; i++) {
		if (x->crumbs[i].n == 0)
			continue;
		if (to > p) {
			memcpy(to, "; ", 2);
			to += 2;
		}
		memcpy(to, x->crumbs[i].p, x->crumbs[i].n);
		to += x->crumbs[i].n;
	}
	x->h->fields[x->h->index[FIELD_COOKIE] - 1].value = (struct str){ p, (size_t)(to - p) };
	x->h->fields[x->h->index[FIELD_COOKIE] - 1].plain = false;
	return 0;
}

/* What the road asks of a head, whatever version it came in. */
static int
judge(struct http2_head *x, bool ended)
{
	struct http1_head *h = x->h;

	if (http1_judge_request(h, x->twice, &x->err) == HTTP1_BAD)
		return -1;
	h->keep_alive = true;
	h->upgrade = x->protocol.p != NULL;
	h->size = x->size;
	if (h->body == BODY_LENGTH && ended && h->content_length > 0)
		return err_set(&x->err, REASON_BAD_FRAMING, "a Content-Length and no body");
	if (h->body == BODY_NONE && !ended && !h->upgrade)
		h->body = BODY_CHUNKED; /* no length was told: so it goes to the upstream */
	return 0;
}
