/* proxy/forward.c - see proxy/forward.h */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proxy/client.h"
#include "proxy/cors.h"
#include "proxy/forward.h"
#include "proxy/headers.h"
#include "proxy/keeps.h"
#include "proxy/loops.h"
#include "proxy/mobile.h"
#include "proxy/refresh.h"
#include "proxy/upstream.h"
#include "proxy/usertokens.h"
#include "proxy/watch.h"
#include "proxy/wskey.h"
#include "session/cookie.h"

static void put_token(struct request *, struct http1_out *);
static void put_kept_type(struct request *, struct http1_out *);
static void put_fields(struct request *, struct http1_out *);
static void put_cookies(struct request *, struct http1_out *);
static size_t put_session_cookie(const struct visit *, struct http1_out *, bool);
static void put_forwarded(struct request *, struct http1_out *);
static void put_identity(struct request *, struct http1_out *);
static void put_request_framing(struct request *, struct http1_out *);
static void choose_framing(struct request *, const struct http1_head *);
static void put_answer_fields(struct request *, struct http1_head *, struct http1_out *);
static void put_date(struct request *, struct http1_out *);
static void put_hsts(struct request *, struct http1_out *);
static void put_own_fields(struct request *, struct http1_head *, struct http1_out *);
static void put_answer_framing(struct request *, const struct http1_head *, struct http1_out *);
static bool is_event_stream(const struct http1_head *);
static bool is_websocket(const struct request *, const struct http1_head *);
static bool runs_in_circles(struct request *, const struct http1_head *);

/* --- the request, for the upstream --- */

int
forward_request(struct request *r, struct str *head, struct err *e)
{
	struct http1_out o = { r->worker->head_out, 0, HEAD_OUT_SIZE, false };
	const struct conf_route *route = r->match.route;

	if (r->tries == 0)
		headers_mark_request(&r->in, request_snap(r)->guard);
	http1_put(&o, r->in.method);
	http1_put(&o, STR(" "));
	http1_put(&o, route_upstream_path(route, r->match.path));
	if (r->in.query.p != NULL) {
		http1_put(&o, STR("?"));
		http1_put(&o, r->in.query);
	}
	http1_put(&o, STR(" HTTP/1.1\r\n"));
	http1_put_field(&o, STR("Host"),
	    r->server->upstream->preserve_host || r->server->conf->unix_socket
		? r->in.host
		: str_of(r->server->conf->authority));
	if (r->token != NULL)
		put_token(r, &o);
	if (r->kept != NULL)
		put_kept_type(r, &o);
	put_fields(r, &o);
	put_cookies(r, &o);
	put_forwarded(r, &o);
	if (r->session != NULL)
		put_identity(r, &o);
	http1_put(&o, request_snap(r)->route_fields[r->match.route_index]);
	put_request_framing(r, &o);
	http1_put(&o, STR("\r\n"));
	if (o.over)
		return err_set(
		    e, REASON_HEADER_TOO_LARGE, "the head for the upstream exceeds %d bytes", HEAD_OUT_SIZE);
	*head = (struct str){ o.p, o.n };
	return 0;
}

/* Ours takes the place of what the client sent. */
static void
put_token(struct request *r, struct http1_out *o)
{
	size_t i;

	for (i = 0; i < r->in.n_fields; i++)
		if (r->in.fields[i].id == FIELD_AUTHORIZATION)
			r->in.fields[i].drop = true;
	http1_put_field(o, STR("Authorization"), outbound_token_value(r->token));
}

/* Of the form that was kept, in place of its empty stand-in's. */
static void
put_kept_type(struct request *r, struct http1_out *o)
{
	size_t i;

	for (i = 0; i < r->in.n_fields; i++)
		if (r->in.fields[i].id == FIELD_CONTENT_TYPE)
			r->in.fields[i].drop = true;
	http1_put_field(o, STR("Content-Type"), r->kept->type);
}

static void
put_fields(struct request *r, struct http1_out *o)
{
	const struct http1_field *f = r->in.fields, *end = f + r->in.n_fields;
	/* A token that was for us is not the application's to have; nor is a session where nobody asked for
	 * one. */
	bool ours = r->in.index[FIELD_AUTHORIZATION] != 0 && (r->bearing != NULL || mobile_is_sent(r)) &&
		    !r->match.route->pass_authorization;
	struct str run = { NULL, 0 };

	for (; f < end; f++)
		if (!f->drop && f->id != FIELD_CONTENT_LENGTH && !(ours && f->id == FIELD_AUTHORIZATION))
			http1_copy_field(o, &run, f);
	http1_copy_end(o, &run);
}

/* Without ours, in one field (RFC 6265 5.4); the session cookie itself only where pass_cookie says so. */
static void
put_cookies(struct request *r, struct http1_out *o)
{
	const struct conf_session *cs = &request_snap(r)->conf->session;
	struct visit v;
	size_t i, n, room = 16;

	if (r->in.index[FIELD_COOKIE] == 0)
		return;
	request_visit(r, &v, r->provider);
	for (i = 0; i < v.n_cookies; i++)
		room += v.cookies[i].n + 2;
	if (o->cap - o->n < room + 2) {
		o->over = true;
		return;
	}
	memcpy(o->p + o->n, "Cookie: ", 8);
	n = cookie_strip(o->p + o->n + 8, v.cookies, v.n_cookies, str_of(cs->cookie));
	if (n == 0 && !cs->pass_cookie)
		return;
	o->n += 8 + n;
	if (cs->pass_cookie)
		n += put_session_cookie(&v, o, n > 0);
	if (n > 0)
		http1_put(o, STR("\r\n"));
	else
		o->n -= 8;
}

/* NAME and its parts NAME_1, ...; returns the bytes written. */
static size_t
put_session_cookie(const struct visit *v, struct http1_out *o, bool behind)
{
	struct str name, value, ours = v->scope->cookie;
	size_t i, before = o->n;

	for (i = 0; i < v->n_cookies; i++) {
		struct str rest = v->cookies[i];

		while (cookie_next(&rest, &name, &value)) {
			if (!str_begins(name, ours) || (name.n > ours.n && name.p[ours.n] != '_'))
				continue;
			http1_put(o, behind || o->n > before ? STR("; ") : STR(""));
			http1_put(o, name);
			http1_put(o, STR("="));
			http1_put(o, value);
		}
	}
	return o->n - before;
}

static void
put_forwarded(struct request *r, struct http1_out *o)
{
	char addr[INET6_ADDRSTRLEN];
	struct str peer =
	    r->client->unix_peer ? STR("unknown") : str_of(forward_address(&r->client->peer, addr));
	size_t i;

	http1_put(o, STR("X-Forwarded-For: "));
	for (i = 0; r->trusted && i < r->in.n_fields; i++) {
		if (r->in.fields[i].id == FIELD_X_FORWARDED_FOR && r->in.fields[i].value.n > 0) {
			http1_put(o, r->in.fields[i].value);
			http1_put(o, STR(", "));
		}
	}
	/* What Forwarded said is said on in the form that applications read. */
	if (r->trusted && r->in.index[FIELD_X_FORWARDED_FOR] == 0 &&
	    (r->client->unix_peer || !IN6_ARE_ADDR_EQUAL(&r->addr, &r->client->peer)) &&
	    !IN6_IS_ADDR_UNSPECIFIED(&r->addr)) {
		char client[INET6_ADDRSTRLEN];

		http1_put(o, str_of(forward_address(&r->addr, client)));
		http1_put(o, STR(", "));
	}
	http1_put(o, peer);
	http1_put(
	    o, r->https ? STR("\r\nX-Forwarded-Proto: https\r\n") : STR("\r\nX-Forwarded-Proto: http\r\n"));
	http1_put_field(o, STR("X-Forwarded-Host"), r->in.host);
	http1_put_field(o, STR("X-Request-Id"), str_of(r->id));
}

static void
put_identity(struct request *r, struct http1_out *o)
{
	const struct conf_route *route = r->match.route;
	size_t i;

	http1_put_field(o, str_of(route->username_header), r->username);
	for (i = 0; i < route->n_claim_headers; i++) {
		struct str value;

		if (access_claim(r->session, route->claim_headers[i].claim, &value))
			http1_put_field(o, str_of(route->claim_headers[i].header), value);
	}
	if (r->usertokens != NULL)
		usertokens_put(r, o);
}

static void
put_request_framing(struct request *r, struct http1_out *o)
{
	if (r->in.upgrade) {
		http1_put_field(o, STR("Connection"), STR("Upgrade"));
		http1_put_field(o, STR("Upgrade"), request_field(r, FIELD_UPGRADE));
	}
	if (r->in.body == BODY_CHUNKED) {
		http1_put(o, STR("Transfer-Encoding: chunked\r\n"));
	} else if (r->in.body == BODY_LENGTH) {
		http1_put(o, STR("Content-Length: "));
		http1_put_number(o, r->in.content_length);
		http1_put(o, STR("\r\n"));
	}
}

/* --- the answer, for the client --- */

int
forward_answer(struct request *r, struct http1_head *h, struct str *head, struct err *e)
{
	struct http1_out o = { r->worker->head_out, 0, HEAD_OUT_SIZE, false };

	if (h->status == 101 && !(r->in.upgrade && h->upgrade))
		return err_set(e, REASON_UPSTREAM_BAD_RESPONSE, "upstream %s: %s switched protocols unasked",
		    r->up->server->upstream->name, r->server->conf->url);
	/* In HTTP/2 a 2xx is what 101 is here: it would make a WebSocket of a page (RFC 8441 5). */
	if (r->in.minor == 2 && r->in.upgrade && h->status >= 200 && h->status < 300)
		return err_set(e, REASON_UPSTREAM_BAD_RESPONSE, "upstream %s: %s does not switch protocols",
		    r->up->server->upstream->name, r->server->conf->url);
	if (h->status == 101 && r->in.minor == 2 && !is_websocket(r, h))
		return err_set(e, REASON_UPSTREAM_WEBSOCKET,
		    "upstream %s: %s switched protocols, but not to the WebSocket whose Sec-WebSocket-Key it "
		    "got",
		    r->up->server->upstream->name, r->server->conf->url);
	if (h->status >= 301 && h->status <= 308 && runs_in_circles(r, h))
		return err_set(e, REASON_UPSTREAM_LOOP,
		    "upstream %s redirects %.*s to itself, %d times within %d s",
		    r->up->server->upstream->name, STR_ARG(r->in.path), LOOPS_ROUNDS, LOOPS_WINDOW / 1000);
	headers_mark_response(h);
	r->status = h->status;
	choose_framing(r, h);
	http1_put(&o, STR("HTTP/1.1 "));
	http1_put_number(&o, (uint64_t)h->status);
	http1_put(&o, STR(" "));
	http1_put(&o, forward_reason_phrase(h->status));
	http1_put(&o, STR("\r\n"));
	put_answer_fields(r, h, &o);
	put_answer_framing(r, h, &o);
	http1_put(&o, STR("\r\n"));
	if (o.over)
		return err_set(e, REASON_UPSTREAM_BAD_RESPONSE,
		    "upstream %s: %s: its head does not fit into %d bytes", r->up->server->upstream->name,
		    r->server->conf->url, HEAD_OUT_SIZE);
	*head = (struct str){ o.p, o.n };
	return 0;
}

/* Who speaks HTTP/1.1 looks for itself. */
static bool
is_websocket(const struct request *r, const struct http1_head *h)
{
	struct str key;

	return wskey_find(&r->in, &key) && wskey_is_accepted(h, key);
}

/* A signed-in user's page that leads to itself, again and again, and sets no cookie on the way. */
static bool
runs_in_circles(struct request *r, const struct http1_head *h)
{
	const struct http1_field *f = http1_get(h, FIELD_LOCATION);

	return f != NULL && r->session != NULL && r->bearer == NULL && r->in.method_id == METHOD_GET &&
	       h->index[FIELD_SET_COOKIE] == 0 &&
	       loops_is_self(f->value, str_of(r->match.origin->origin), r->match.path, r->in.query) &&
	       loops_count(r->worker->loops, r->session->sid, r->in.target, r->now_ms);
}

static void
choose_framing(struct request *r, const struct http1_head *h)
{
	struct relay *y = &r->relay;

	y->kind = h->body;
	y->left = h->content_length;
	y->tunnel = h->status == 101;
	y->down_none = h->body == BODY_NONE && !y->tunnel;
	if (h->body == BODY_CHUNKED)
		http1_chunks_init(&y->chunks);
	y->down_chunked =
	    !y->tunnel && r->in.minor == 1 && (h->body == BODY_CHUNKED || h->body == BODY_UNTIL_CLOSE);
	y->streaming = y->tunnel || is_event_stream(h);
	r->up->reusable = h->keep_alive && !y->tunnel && h->body != BODY_UNTIL_CLOSE && !r->relay.up_broken;
	r->keep = r->in.keep_alive && !r->worker->draining && !y->tunnel &&
		  !(r->in.minor == 0 && (h->body == BODY_CHUNKED || h->body == BODY_UNTIL_CLOSE));
	/* An early answer: the rest of the body is not waited for.  What came behind a refused upgrade is no
	 * request. */
	if ((r->relay.up_active || r->in.upgrade) && !y->tunnel)
		r->keep = false;
	y->websocket = y->tunnel && str_is_nocase(request_field(r, FIELD_UPGRADE), STR("websocket"));
	if (y->tunnel) {
		client_become_tunnel(r->client);
		r->relay.up_active = true;
		metric_add(&r->worker->metrics.upgrades, 1);
	}
	if (y->streaming && r->session != NULL)
		watch_begin(r);
	if (y->streaming)
		timer_set(r->worker->timers, &r->up->timer, r->up->timer.fire,
		    request_snap(r)->conf->limits.stream_timeout);
}

static bool
is_event_stream(const struct http1_head *h)
{
	const struct http1_field *f = http1_get(h, FIELD_CONTENT_TYPE);

	return f != NULL && f->value.n >= 17 && strncasecmp(f->value.p, "text/event-stream", 17) == 0;
}

static void
put_answer_fields(struct request *r, struct http1_head *h, struct http1_out *o)
{
	struct str ours = str_of(request_snap(r)->conf->session.cookie);
	const struct http1_field *f = h->fields, *end = f + h->n_fields;
	bool cors = cors_applies(r->match.route);
	struct str run = { NULL, 0 };

	if (r->reply.fields.n > 0)
		put_own_fields(r, h, o);
	for (; f < end; f++) {
		if (cors && cors_replaces(f->name))
			continue;
		if (f->drop || (f->id == FIELD_SET_COOKIE && headers_sets_ours(f->value, ours)))
			continue;
		if (f->id == FIELD_STRICT_TRANSPORT_SECURITY && r->client->hsts > 0)
			continue;
		http1_copy_field(o, &run, f);
	}
	http1_copy_end(o, &run);
	if (cors)
		cors_put(r->match.route, request_field(r, FIELD_ORIGIN), false, o);
	/* What was made for one user is nobody else's (RFC 9111 5.2.2.7). */
	if (r->session != NULL && r->reply.fields.n == 0 && h->index[FIELD_CACHE_CONTROL] == 0 &&
	    h->index[FIELD_EXPIRES] == 0)
		http1_put(o, STR("Cache-Control: private, no-cache\r\n"));
	if (h->index[FIELD_DATE] == 0)
		put_date(r, o);
	put_hsts(r, o);
}

/*
 * Our cookies: an answer that carries them is this browser's alone, whatever
 * the upstream says to caches in between (RFC 9111 5, RFC 9213).
 */
static void
put_own_fields(struct request *r, struct http1_head *h, struct http1_out *o)
{
	struct http1_field *f = h->fields, *end = f + h->n_fields;
	bool no_store = false;

	for (; f < end; f++) {
		if (f->id == FIELD_CACHE_CONTROL)
			no_store = no_store || memmem(f->value.p, f->value.n, "no-store", 8) != NULL;
		else if (f->id != FIELD_EXPIRES && !str_is_nocase(f->name, STR("Pragma")) &&
			 !str_is_nocase(f->name, STR("Surrogate-Control")) &&
			 !str_is_nocase(f->name, STR("CDN-Cache-Control")))
			continue;
		f->drop = true;
	}
	http1_put(o, no_store ? STR("Cache-Control: private, no-store\r\n")
			      : STR("Cache-Control: private, no-cache\r\n"));
	if (!refresh_came_late(r))
		http1_put(o, (struct str){ r->reply.fields.p, r->reply.fields.n });
}

static void
put_answer_framing(struct request *r, const struct http1_head *h, struct http1_out *o)
{
	const struct http1_field *f;

	if (r->relay.tunnel) {
		f = http1_get(h, FIELD_UPGRADE);
		http1_put_field(o, STR("Connection"), STR("Upgrade"));
		http1_put_field(o, STR("Upgrade"), f->value);
		return;
	}
	if (r->relay.down_chunked) {
		http1_put(o, STR("Transfer-Encoding: chunked\r\n"));
	} else if (h->index[FIELD_CONTENT_LENGTH] != 0 && h->status != 204) {
		/* Of a HEAD or a 304 it tells the length that there would be. */
		f = http1_get(h, FIELD_CONTENT_LENGTH);
		http1_put_field(o, STR("Content-Length"), f->value);
	}
	if (!r->keep)
		http1_put(o, STR("Connection: close\r\n"));
	else if (r->in.minor == 0)
		http1_put(o, STR("Connection: keep-alive\r\n"));
}

/* --- common --- */

void
forward_put_common(struct request *r, struct http1_out *o)
{
	put_date(r, o);
	put_hsts(r, o);
}

static void
put_date(struct request *r, struct http1_out *o)
{
	static const char day[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char month[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
		"Nov", "Dec" };
	time_t now = (time_t)(r->now_ms / 1000);
	char text[64];
	struct tm tm;

	(void)gmtime_r(&now, &tm);
	(void)snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", day[tm.tm_wday], tm.tm_mday,
	    month[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	http1_put_field(o, STR("Date"), str_of(text));
}

/* RFC 6797 7.2: not over http. */
static void
put_hsts(struct request *r, struct http1_out *o)
{
	char text[32];

	if (r->client->hsts == 0 || !r->https)
		return;
	(void)snprintf(text, sizeof(text), "max-age=%lld", (long long)r->client->hsts);
	http1_put_field(o, STR("Strict-Transport-Security"), str_of(text));
}

bool
forward_repeated(const struct http1_head *h, enum field_id id)
{
	size_t i, n = 0;

	if (h->index[id] == 0)
		return false;
	for (i = 0; i < h->n_fields; i++)
		n += h->fields[i].id == id;
	return n > 1;
}

/* text/html, or application/xhtml+xml, with a weight that is not zero; a wildcard alone is no wish for a
 * page. */
bool
forward_accepts_html(const struct http1_head *h)
{
	size_t i;

	for (i = 0; i < h->n_fields; i++) {
		struct str rest = h->fields[i].value, item;

		if (h->fields[i].id != FIELD_ACCEPT)
			continue;
		while (str_next(&rest, ',', &item)) {
			struct str range;

			item = str_trim(item);
			if (!str_next(&item, ';', &range))
				continue;
			range = str_trim(range);
			if (str_is_nocase(range, STR("text/html")) ||
			    str_is_nocase(range, STR("application/xhtml+xml")))
				return !str_is(str_trim(item), STR("q=0"));
		}
	}
	return false;
}

/* Every request says it twice, and inet_ntop() prints IPv4 by printf(). */
const char *
forward_address(const struct in6_addr *a, char out[INET6_ADDRSTRLEN])
{
	char *p = out;
	int i;

	if (!IN6_IS_ADDR_V4MAPPED(a)) {
		(void)inet_ntop(AF_INET6, a, out, INET6_ADDRSTRLEN);
		return out;
	}
	for (i = 12; i < 16; i++) {
		unsigned n = a->s6_addr[i];

		if (n >= 100)
			*p++ = (char)('0' + n / 100);
		if (n >= 10)
			*p++ = (char)('0' + n / 10 % 10);
		*p++ = (char)('0' + n % 10);
		*p++ = i < 15 ? '.' : '\0';
	}
	return out;
}

struct str
forward_reason_phrase(int status)
{
	static const struct {
		int status;
		struct str text;
	} phrases[] = {
#define PHRASE(n, s)                                                                                         \
	{                                                                                                    \
		n,                                                                                           \
		{                                                                                            \
			s, sizeof(s) - 1                                                                     \
		}                                                                                            \
	}
		PHRASE(100, "Continue"),
		PHRASE(101, "Switching Protocols"),
		PHRASE(200, "OK"),
		PHRASE(201, "Created"),
		PHRASE(202, "Accepted"),
		PHRASE(204, "No Content"),
		PHRASE(206, "Partial Content"),
		PHRASE(301, "Moved Permanently"),
		PHRASE(302, "Found"),
		PHRASE(303, "See Other"),
		PHRASE(304, "Not Modified"),
		PHRASE(307, "Temporary Redirect"),
		PHRASE(308, "Permanent Redirect"),
		PHRASE(400, "Bad Request"),
		PHRASE(401, "Unauthorized"),
		PHRASE(403, "Forbidden"),
		PHRASE(404, "Not Found"),
		PHRASE(405, "Method Not Allowed"),
		PHRASE(408, "Request Timeout"),
		PHRASE(409, "Conflict"),
		PHRASE(410, "Gone"),
		PHRASE(412, "Precondition Failed"),
		PHRASE(413, "Content Too Large"),
		PHRASE(416, "Range Not Satisfiable"),
		PHRASE(417, "Expectation Failed"),
		PHRASE(421, "Misdirected Request"),
		PHRASE(429, "Too Many Requests"),
		PHRASE(431, "Request Header Fields Too Large"),
		PHRASE(500, "Internal Server Error"),
		PHRASE(501, "Not Implemented"),
		PHRASE(502, "Bad Gateway"),
		PHRASE(503, "Service Unavailable"),
		PHRASE(504, "Gateway Timeout"),
		PHRASE(505, "HTTP Version Not Supported"),
		PHRASE(508, "Loop Detected"),
#undef PHRASE
	};
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].text;
	return STR("");
}
