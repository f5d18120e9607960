/* proxy/client_accept.c - connections come in, and go when the proxy stops; see proxy/client.h */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "proxy/client.h"
#include "proxy/http2.h"

#define ACCEPTS_PER_TURN 64
#define ACCEPT_PAUSE_MS  250 /* without a descriptor to spare */
#define ACCEPT_WARN_MS   10000
#define NEWCOMER_MS      500 /* for the first request of who connected just before the proxy stops */

static void pause_accept(struct listener *, int);
static void accept_again(struct timer *);
static void admit(struct listener *, int, const struct sockaddr_storage *);
static const struct conf_listen *section_of(const struct listener *, SSL_CTX **);
static void take_peer(struct client *, const struct sockaddr_storage *);
static void turn_away(struct worker *, int, bool);

bool
client_accept(struct listener *l)
{
	struct worker *w = l->worker;
	int i;

	for (i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage addr = { 0 };
		socklen_t len = sizeof(addr);
		int fd = accept4(l->fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return false;
		if (fd == -1 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ||
				    errno == EBADF || errno == EINVAL)) {
			pause_accept(l, errno);
			return false;
		}
		if (fd == -1)
			continue; /* that connection's trouble (accept(2)) */
		metric_add(&w->metrics.connections_accepted, 1);
		admit(l, fd, &addr);
	}
	return true;
}

/* The queue stays readable: asking again at once would spin and fill the log. */
static void
pause_accept(struct listener *l, int error)
{
	struct worker *w = l->worker;
	int64_t now = timers_now();

	if (w->accept_warned == 0 || now - w->accept_warned > ACCEPT_WARN_MS) {
		w->accept_warned = now;
		log_warn("accept on %s: %s", l->address, strerror(error));
	}
	(void)event_del(l->ev);
	timer_set(w->timers, &l->again, accept_again, ACCEPT_PAUSE_MS);
}

static void
accept_again(struct timer *t)
{
	(void)event_add(timer_owner(t, struct listener, again)->ev, NULL);
}

static void
admit(struct listener *l, int fd, const struct sockaddr_storage *addr)
{
	struct worker *w = l->worker;
	SSL_CTX *tls;
	const struct conf_listen *section = section_of(l, &tls);
	size_t open = atomic_fetch_add(&w->shared->connections, 1);
	bool admin = section != NULL && section->admin;
	SSL *ssl = NULL;
	struct client *c;

	if (open >= w->view->snap->conf->limits.max_connections && !admin) {
		turn_away(w, fd, tls != NULL);
		return;
	}
	if (tls != NULL) {
		ssl = SSL_new(tls);
		if (ssl == NULL) {
			turn_away(w, fd, true);
			return;
		}
		SSL_set_accept_state(ssl);
	}
	c = client_new(w, fd, ssl);
	take_peer(c, addr);
	if (section != NULL) {
		c->admin = admin;
		c->listen_address = admin ? xstrdup(l->address) : NULL;
		c->https_redirect = section->https_redirect;
		c->hsts = section->hsts / 1000;
		c->greeting = ssl != NULL && section->http2;
		if (section->proxy_protocol && client_is_trusted(c, w->view->snap->conf))
			c->state = CLIENT_PROXY;
	}
}

/* NULL: a socket that systemd handed over and no section names. */
static const struct conf_listen *
section_of(const struct listener *l, SSL_CTX **tls)
{
	const struct snapshot *snap = l->worker->view->snap;
	size_t i;

	*tls = NULL;
	for (i = 0; i < snap->conf->n_listens; i++) {
		if (strcmp(snap->conf->listens[i].address, l->address) != 0)
			continue;
		*tls = snap->listen_tls[i];
		return &snap->conf->listens[i];
	}
	return NULL;
}

static void
take_peer(struct client *c, const struct sockaddr_storage *addr)
{
	int on = 1;

	if (addr->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;

		c->peer.s6_addr[10] = c->peer.s6_addr[11] = 0xff;
		memcpy(&c->peer.s6_addr[12], &v4->sin_addr, 4);
	} else if (addr->ss_family == AF_INET6) {
		c->peer = ((const struct sockaddr_in6 *)addr)->sin6_addr;
	} else {
		c->unix_peer = true;
		return;
	}
	(void)setsockopt(c->stream.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

bool
client_is_trusted(const struct client *c, const struct conf *conf)
{
	if (c->nameless)
		return false;
	return c->unix_peer ? conf->trusted_proxies.unix_sockets
			    : conf_peers_has(&conf->trusted_proxies, &c->peer);
}

/* Over max_connections: the shortest answer there is, so that a balancer in front goes elsewhere. */
static void
turn_away(struct worker *w, int fd, bool tls)
{
	static const char answer[] =
	    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 5\r\n"
	    "Connection: close\r\n\r\n";

	if (!tls)
		(void)send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	/* A request left unread would turn the close into a reset, and the answer might be lost. */
	(void)(recv(fd, w->scratch, SCRATCH_SIZE, MSG_DONTWAIT) == -1);
	(void)close(fd);
	(void)atomic_fetch_sub(&w->shared->connections, 1);
	metric_add(&w->metrics.refusals[REASON_OVERLOADED], 1);
}

/* --- and all of them go --- */

void
client_close_all(struct worker *w)
{
	while (w->clients != NULL)
		client_close(w->clients, "the proxy stops");
}

void
client_drain_all(struct worker *w)
{
	struct client *c, *next;

	for (c = w->clients; c != NULL; c = next) {
		int n;

		next = c->next;
		if (c->h2 != NULL)
			http2_drain(c);
		if ((c->state != CLIENT_HEAD && c->state != CLIENT_PROXY) || c->in != NULL)
			continue;
		/* A request that has arrived already is answered; an answer that is on its way gets there. */
		n = c->state == CLIENT_PROXY ? -1 : stream_peek(&c->stream);
		if (n == 1) {
			stream_want_read(&c->stream, stream_pending(&c->stream) == 0);
		} else if (n == -1 && stream_pending(&c->stream) > 0) {
			client_finish(c);
		} else if (n == -1 && c->served == 0) {
			c->wait = WAIT_IDLE;
			timer_set(w->timers, &c->timer, c->timer.fire, NEWCOMER_MS);
		} else {
			client_close(c, "idle, and the proxy stops");
		}
	}
}
