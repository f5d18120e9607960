/* proxy/redis_connect.c - from a name to a connection that answers, see proxy/redis.h */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/redis_impl.h"
#include "proxy/tls.h"

static void resolved_cb(void *);
static void try_addresses(struct redis *);
static int connect_to(struct redis *, const struct sockaddr *, socklen_t, struct err *);
static SSL *ssl_for(struct redis *, struct err *);
static void say(struct redis *, const struct str *, size_t);

void
redis_connect(struct redis *r)
{
	struct err e;

	r->tried = 0;
	r->state = REDIS_RESOLVING;
	redis_wait(r, REDIS_PATIENCE_MS);
	if (redis_resolve_literal(r->host, r->port, &r->addresses)) {
		try_addresses(r);
		return;
	}
	redis_resolve_release(&r->resolving);
	r->resolving = redis_resolve_ask(r->host, r->port, r->home.post, resolved_cb, r, &e);
	if (r->resolving == NULL)
		redis_lose(r, e.text);
}

static void
resolved_cb(void *arg)
{
	struct redis *r = arg;
	struct err e;
	int found = redis_resolve_take(r->resolving, &r->addresses, &e);

	redis_enter(r);
	redis_resolve_release(&r->resolving);
	if (found == -1)
		redis_lose(r, e.text);
	else
		try_addresses(r);
	redis_leave(r);
}

/* Each attempt begins with another of several addresses: one that swallows everything must not be the only
 * one. */
static void
try_addresses(struct redis *r)
{
	char why[320] = "no address";

	while (r->tried < r->addresses.n) {
		size_t i = r->address++ % r->addresses.n;
		struct err e;

		r->tried++;
		r->state = REDIS_CONNECTING;
		if (connect_to(r, (const struct sockaddr *)&r->addresses.v[i], r->addresses.len[i], &e) == 0)
			return;
		(void)snprintf(why, sizeof(why), "%s", e.text);
	}
	redis_lose(r, why);
}

static int
connect_to(struct redis *r, const struct sockaddr *addr, socklen_t len, struct err *e)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, idle = 15;
	SSL *ssl = NULL;

	if (fd == -1)
		return err_set(e, REASON_REDIS_DOWN, "socket: %s", strerror(errno));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	if (connect(fd, addr, len) == -1 && errno != EINPROGRESS) {
		(void)err_set(e, REASON_REDIS_DOWN, "connect: %s", strerror(errno));
		(void)close(fd);
		return -1;
	}
	if (r->tls && (ssl = ssl_for(r, e)) == NULL) {
		(void)close(fd);
		return -1;
	}
	r->open = true;
	stream_init(&r->stream, r->home.base, fd, ssl, redis_stream_cb, r);
	stream_connect(&r->stream);
	return 0;
}

int
redis_tls_new(const struct conf_redis *c, SSL_CTX **out, struct err *e)
{
	const struct conf_upstream like = { .name = c->at, .tls_ca = c->tls_ca, .tls_verify = true };

	*out = NULL;
	if (c->host == NULL || !c->tls)
		return 0;
	*out = tls_upstream_new(&like, e);
	return *out == NULL ? -1 : 0;
}

/* The name, or the address, must be the certificate's (RFC 9525). */
static SSL *
ssl_for(struct redis *r, struct err *e)
{
	const struct conf_upstream like = { .name = r->at, .tls_verify = true };
	const struct conf_server server = { .url = r->at, .host = r->host };

	return tls_connect(r->ctx, &like, &server, e);
}

/* Another address, when there is one and time for it. */
void
redis_connect_next(struct redis *r, const char *why)
{
	stream_close(&r->stream);
	r->open = false;
	if (r->tried < r->addresses.n && timers_now() < r->until)
		try_addresses(r);
	else
		redis_lose(r, why);
}

/* Who we are, which database; and a word that only a server in service answers well. */
void
redis_greet(struct redis *r)
{
	char db[16];

	r->state = REDIS_GREETING;
	r->greetings = 0;
	redis_reader_free(&r->reader); /* of the connection before */
	r->reader = redis_reader_new();
	stream_want_read(&r->stream, true);
	(void)snprintf(db, sizeof(db), "%u", r->db);
	if (r->password != NULL && r->user != NULL)
		say(r, (struct str[]){ STR("AUTH"), str_of(r->user), secret_str(r->password) }, 3);
	else if (r->password != NULL)
		say(r, (struct str[]){ STR("AUTH"), secret_str(r->password) }, 2);
	if (r->db != 0)
		say(r, (struct str[]){ STR("SELECT"), str_of(db) }, 2);
	say(r, (struct str[]){ STR("PING") }, 1);
}

static void
say(struct redis *r, const struct str *words, size_t n)
{
	char *bytes;
	size_t size = redis_format(words, n, &bytes);

	r->greetings++;
	(void)redis_send(r, bytes, size); /* a failure is found out from the loop */
}

void
redis_greeted(struct redis *r, const struct redis_value *v)
{
	if (v->type == REDIS_ERROR) {
		redis_lose(r, v->text.p);
		return;
	}
	if (--r->greetings == 0)
		redis_ready(r);
}
