/* proxy/upstream.c - see proxy/upstream.h */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/log.h"
#include "proxy/client.h"
#include "proxy/tls.h"
#include "proxy/upstream.h"

#define IDLE_MS      60000 /* a kept connection that nobody used */
#define INTERIMS_MAX 32

static struct upstream_conn *take_idle(struct view *, struct server *);
static struct upstream_conn *connect_to(struct request *, struct upstream *, struct server *, struct err *);
static int open_socket(const struct sockaddr_storage *, socklen_t, struct err *);
static void readable(struct upstream_conn *);
static void read_answer(struct upstream_conn *);
static enum http1_result parse_answer(struct upstream_conn *, const char *, size_t, size_t *, struct err *);
static int interim(struct upstream_conn *, const struct http1_head *, struct err *);
static void keep_bytes(struct upstream_conn *, const char *, size_t);
static void tell(struct upstream_conn *, const struct err *);
static void mark(struct server *, struct view *, const char *);
static void close_conn(struct upstream_conn *);
static void timed_out(struct timer *);
static void conn_free(struct grave *);
static void stream_cb(struct stream *, enum stream_event, void *);

size_t
pool_size(void)
{
	return sizeof(struct pool);
}

void
pools_close(struct view *v)
{
	size_t i;

	for (i = 0; i < v->snap->n_servers; i++)
		while (v->pools[i].idle != NULL)
			close_conn(v->pools[i].idle);
}

/* The servers in turn, or the least busy one; those that cannot be reached only when there is no other. */
void
upstream_choose(struct request *r)
{
	struct upstream *u = &request_snap(r)->upstreams[r->match.route->upstream];
	size_t *turn = &r->view->turn[u - request_snap(r)->upstreams], n = u->conf->n_servers, i;
	struct server *best = NULL;

	r->server = &u->servers[0];
	if (n == 1)
		return;
	(*turn)++;
	for (i = 0; i < n; i++) {
		struct server *v = &u->servers[(*turn + i) % n];

		if (atomic_load_explicit(&v->down, memory_order_relaxed) && r->tries < n)
			continue;
		if (best == NULL ||
		    (u->conf->balance == BALANCE_LEAST_CONN &&
			r->view->pools[v->number].n_busy < r->view->pools[best->number].n_busy))
			best = v;
	}
	r->server = best != NULL ? best : &u->servers[n == 0 ? 0 : *turn % n];
}

int
upstream_ask(struct request *r, struct str head, bool fresh, struct err *e)
{
	struct upstream *u = &request_snap(r)->upstreams[r->match.route->upstream];
	struct server *v = r->server;
	struct iovec iov = { (void *)(uintptr_t)head.p, head.n };
	struct upstream_conn *c = fresh ? NULL : take_idle(r->view, v);

	if (c == NULL)
		c = connect_to(r, u, v, e);
	if (c == NULL)
		return -1;
	r->up = c;
	c->request = r;
	c->spoke = false;
	c->interims = 0;
	c->scanned = 0;
	r->view->pools[v->number].n_busy++;
	if (c->state == UPSTREAM_IDLE) {
		c->state = UPSTREAM_WAITING;
		metric_add(&r->worker->metrics.upstream_reused, 1);
	}
	timer_set(r->worker->timers, &c->timer, timed_out,
	    c->state == UPSTREAM_CONNECTING ? u->conf->connect_timeout : u->conf->response_timeout);
	/* A failure shows when reading: the answer, or the end, may be there already. */
	if (stream_write(&c->stream, &iov, 1) == -1)
		r->relay.up_broken = true;
	return 0;
}

static struct upstream_conn *
take_idle(struct view *view, struct server *v)
{
	struct pool *p = &view->pools[v->number];
	struct upstream_conn *c;

	/* What came unasked, in this very turn, would be taken for the next request's answer. */
	while ((c = p->idle) != NULL && stream_has_news(&c->stream))
		close_conn(c);
	if (c == NULL)
		return NULL;
	p->idle = c->next;
	if (c->next != NULL)
		c->next->prev = &p->idle;
	c->next = NULL;
	c->prev = NULL;
	p->n_idle--;
	return c;
}

static struct upstream_conn *
connect_to(struct request *r, struct upstream *u, struct server *v, struct err *e)
{
	struct snapshot *snap = request_snap(r);
	struct sockaddr_storage addr;
	struct upstream_conn *c;
	socklen_t len;
	SSL *ssl = NULL;
	int fd, on = 1;

	(void)pthread_mutex_lock(&snap->lock);
	addr = v->addr;
	len = v->addr_len;
	(void)pthread_mutex_unlock(&snap->lock);
	if (len == 0) {
		(void)err_set(e, REASON_UPSTREAM_RESOLVE, "upstream %s: %s has no address", u->conf->name,
		    v->conf->host);
		mark(v, r->view, "its name has no address");
		return NULL;
	}
	metric_add(&r->worker->metrics.upstream_connects, 1);
	fd = open_socket(&addr, len, e);
	if (fd == -1) {
		bool ours = e->reason == REASON_SYSTEM; /* no descriptor: nothing is wrong with the server */

		(void)err_in(e, "upstream %s: %s", u->conf->name, v->conf->url);
		if (!ours)
			mark(v, r->view, e->text);
		return NULL;
	}
	if (v->conf->tls && (ssl = tls_connect(u->tls, u->conf, v->conf, e)) == NULL) {
		(void)close(fd);
		return NULL;
	}
	if (!v->conf->unix_socket)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c = xcalloc(1, sizeof(*c));
	c->worker = r->worker;
	c->view = r->view;
	c->server = v;
	c->state = UPSTREAM_CONNECTING;
	stream_init(&c->stream, r->worker->base, fd, ssl, stream_cb, c);
	stream_connect(&c->stream);
	return c;
}

static int
open_socket(const struct sockaddr_storage *addr, socklen_t len, struct err *e)
{
	int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return err_set(e, REASON_SYSTEM, "socket: %s", strerror(errno));
	/* EAGAIN: a unix socket whose queue is full. */
	if (connect(fd, (const struct sockaddr *)addr, len) == -1 && errno != EINPROGRESS) {
		(void)err_set(e, REASON_UPSTREAM_REFUSED, "connect: %s", strerror(errno));
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* --- the answer --- */

static void
readable(struct upstream_conn *c)
{
	switch (c->state) {
	case UPSTREAM_WAITING:
		read_answer(c);
		break;
	case UPSTREAM_RELAYING:
		relay_download(c->request);
		break;
	case UPSTREAM_IDLE:
		/* It closed, or speaks unasked: neither can be used.  TLS has words of its own. */
		if (stream_peek(&c->stream) != -1)
			close_conn(c);
		break;
	case UPSTREAM_CONNECTING:
	case UPSTREAM_DEAD:
		break;
	}
}

/* Whole heads are parsed where they were read to; only an incomplete one is kept. */
static void
read_answer(struct upstream_conn *c)
{
	struct worker *w = c->worker;
	size_t room = client_room(c->request->client);
	ssize_t n = stream_read(&c->stream, w->scratch, room);
	const char *p = w->scratch;
	size_t have, used = 0;
	struct err e = { .reason = REASON_NONE };
	enum http1_result got;
	char text[128];

	if (n == -1)
		return;
	if (n <= 0) {
		(void)err_set(&e, REASON_UPSTREAM_CLOSED, "upstream %s: %s closed without an answer%s%s",
		    c->server->upstream->name, c->server->conf->url, n == 0 ? "" : ": ",
		    n == 0 ? "" : stream_error(&c->stream, text, sizeof(text)));
		tell(c, &e);
		return;
	}
	c->spoke = true;
	c->filled = (size_t)n == room;
	have = (size_t)n;
	if (c->in != NULL) {
		keep_bytes(c, p, have);
		p = c->in->bytes;
		have = c->in->end;
	}
	while ((got = parse_answer(c, p + used, have - used, &used, &e)) == HTTP1_DONE &&
	       w->answer->status < 200 && w->answer->status != 101)
		if (interim(c, w->answer, &e) == -1) {
			got = HTTP1_BAD;
			break;
		}
	if (got == HTTP1_MORE) {
		if (c->in == NULL) {
			keep_bytes(c, p + used, have - used);
		} else {
			memmove(c->in->bytes, c->in->bytes + used, have - used);
			c->in->end = have - used;
		}
		if (c->in->end < request_snap(c->request)->conf->limits.header_size + CHUNK_SIZE)
			return;
		got = HTTP1_BAD;
		(void)err_set(&e, REASON_UPSTREAM_BAD_RESPONSE, "its head exceeds limits.header_size");
	}
	if (got == HTTP1_BAD) {
		(void)err_in(&e, "upstream %s: %s", c->server->upstream->name, c->server->conf->url);
		tell(c, &e);
		return;
	}
	c->first = (struct str){ p + used, have - used };
	c->state = UPSTREAM_RELAYING;
	tell(c, &e);
}

static enum http1_result
parse_answer(struct upstream_conn *c, const char *p, size_t n, size_t *used, struct err *e)
{
	enum http1_result got;

	if (n == 0)
		return HTTP1_MORE;
	got = http1_parse_response(p, n, &c->scanned, c->request->in.method_id, c->worker->answer, e);
	if (got == HTTP1_DONE) {
		*used += c->worker->answer->size;
		c->scanned = 0;
	}
	return got;
}

/* 103 and its like go on to clients that know them; 100 was ours to give (RFC 9110 15.2). */
static int
interim(struct upstream_conn *c, const struct http1_head *h, struct err *e)
{
	struct http1_out o = { c->worker->head_out, 0, HEAD_OUT_SIZE, false };
	struct request *r = c->request;
	struct iovec iov;
	size_t i;

	if (++c->interims > INTERIMS_MAX)
		return err_set(e, REASON_UPSTREAM_BAD_RESPONSE, "more than %d interim answers", INTERIMS_MAX);
	if (h->status == 100 || r->in.minor == 0 || client_pending(r->client) > 0)
		return 0;
	headers_mark_response(c->worker->answer);
	http1_put(&o, STR("HTTP/1.1 "));
	http1_put_number(&o, (uint64_t)h->status);
	http1_put(&o, STR(" \r\n"));
	for (i = 0; i < h->n_fields; i++)
		if (!h->fields[i].drop && h->fields[i].id != FIELD_SET_COOKIE)
			http1_put_field(&o, h->fields[i].name, h->fields[i].value);
	http1_put(&o, STR("\r\n"));
	iov = (struct iovec){ o.p, o.n };
	if (!o.over && client_write(r->client, &iov, 1) == -1)
		return err_set(e, REASON_CLIENT_GONE, "the client closed");
	return 0;
}

static void
keep_bytes(struct upstream_conn *c, const char *p, size_t n)
{
	struct chunk *was = c->in;

	if (was == NULL || was->cap - was->end < n) {
		c->in = chunk_take(c->worker, (was == NULL ? 0 : 2 * was->end) + n);
		if (was != NULL) {
			memcpy(c->in->bytes, was->bytes, was->end);
			c->in->end = was->end;
		}
		chunk_give(c->worker, &was);
	}
	memcpy(c->in->bytes + c->in->end, p, n);
	c->in->end += n;
}

/* Back to the road: the head is in worker->answer, or *e says why there is none.  The caller's last act. */
static void
tell(struct upstream_conn *c, const struct err *e)
{
	struct request *r = c->request;

	r->up_failed = e->reason != REASON_NONE;
	if (r->up_failed)
		r->err = *e;
	else
		timer_set(c->worker->timers, &c->timer, timed_out, c->server->upstream->response_timeout);
	request_resume(r);
}

/* What is known of a server's health is shared by all workers, for choosing and for /readyz. */
static void
mark(struct server *v, struct view *view, const char *why)
{
	(void)pthread_mutex_lock(&view->snap->lock);
	(void)snprintf(v->why, sizeof(v->why), "%s", why);
	(void)pthread_mutex_unlock(&view->snap->lock);
	atomic_store(&v->down, true);
}

/* --- the end --- */

void
upstream_release(struct request *r)
{
	struct upstream_conn *c = r->up;
	struct pool *p = &c->view->pools[c->server->number];
	bool current = c->view == c->worker->view && !c->worker->draining;

	/* What is behind the answer is none to the next request; a read of TLS ends with a record, there or
	 * not. */
	if (!c->reusable || c->filled || c->stream.failed || stream_pending(&c->stream) > 0 || !current ||
	    p->n_idle >= c->server->upstream->keepalive ||
	    (c->stream.ssl != NULL && stream_peek(&c->stream) != -1)) {
		upstream_cancel(r);
		return;
	}
	r->up = NULL;
	p->n_busy--;
	c->request = NULL;
	c->reused = true;
	c->first = (struct str){ NULL, 0 };
	chunk_give(c->worker, &c->in);
	c->state = UPSTREAM_IDLE;
	c->next = p->idle;
	c->prev = &p->idle;
	if (c->next != NULL)
		c->next->prev = &c->next;
	p->idle = c;
	p->n_idle++;
	stream_want_read(&c->stream, true);
	timer_set(c->worker->timers, &c->timer, timed_out, IDLE_MS);
}

void
upstream_cancel(struct request *r)
{
	struct upstream_conn *c = r->up;

	if (c == NULL)
		return;
	r->up = NULL;
	c->request = NULL;
	c->view->pools[c->server->number].n_busy--;
	close_conn(c);
}

static void
close_conn(struct upstream_conn *c)
{
	if (c->state == UPSTREAM_DEAD)
		return;
	if (c->prev != NULL) {
		*c->prev = c->next;
		if (c->next != NULL)
			c->next->prev = c->prev;
		c->view->pools[c->server->number].n_idle--;
	}
	c->state = UPSTREAM_DEAD;
	stream_close(&c->stream);
	timer_clear(&c->timer);
	chunk_give(c->worker, &c->in);
	worker_bury(c->worker, &c->grave, conn_free);
}

static void
conn_free(struct grave *g)
{
	free(g); /* the first member */
}

/* --- called by the timer wheel and by the stream --- */

static void
timed_out(struct timer *t)
{
	struct upstream_conn *c = timer_owner(t, struct upstream_conn, timer);
	struct err e;

	if (c->state == UPSTREAM_IDLE || c->request == NULL) {
		close_conn(c);
		return;
	}
	if (c->state == UPSTREAM_CONNECTING) {
		(void)err_set(&e, REASON_UPSTREAM_CONNECT_TIMEOUT,
		    "upstream %s: %s: no connection within %lld ms (connect_timeout)",
		    c->server->upstream->name, c->server->conf->url,
		    (long long)c->server->upstream->connect_timeout);
		mark(c->server, c->view, e.text);
		tell(c, &e);
		return;
	}
	relay_timeout(c->request, true);
}

static void
failed(struct upstream_conn *c)
{
	struct err e;
	char text[128];

	if (c->state == UPSTREAM_IDLE || c->request == NULL) {
		close_conn(c);
		return;
	}
	if (c->state == UPSTREAM_CONNECTING) {
		(void)err_set(&e,
		    c->stream.handshaking && c->stream.error == 0 ? REASON_UPSTREAM_TLS
								  : REASON_UPSTREAM_REFUSED,
		    "upstream %s: %s: %s", c->server->upstream->name, c->server->conf->url,
		    stream_error(&c->stream, text, sizeof(text)));
		mark(c->server, c->view, e.text);
		tell(c, &e);
		return;
	}
	/* Writing failed: what the server said before is still to be read. */
	c->request->relay.up_broken = true;
	stream_want_read(&c->stream, true);
	readable(c);
}

static void
stream_cb(struct stream *s, enum stream_event what, void *arg)
{
	struct upstream_conn *c = arg;

	switch (what) {
	case STREAM_READABLE:
		readable(c);
		break;
	case STREAM_CONNECTED:
		atomic_store_explicit(&c->server->down, false, memory_order_relaxed);
		c->state = UPSTREAM_WAITING;
		stream_want_read(s, true);
		timer_set(c->worker->timers, &c->timer, timed_out, c->server->upstream->response_timeout);
		break;
	case STREAM_DRAINED:
		if (c->request != NULL)
			relay_upload(c->request);
		break;
	case STREAM_FAILED:
		failed(c);
		break;
	}
}
