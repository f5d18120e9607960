/*
 * tests/unit/server.h - an HTTP server that plays what a test wants
 *
 * Blocking sockets, a thread for each connection: slow, rude and endless
 * answers are written as they read.  server_count() says what it was asked.
 */
#ifndef TESTS_SERVER_H
#define TESTS_SERVER_H
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define SERVER_CONNECTIONS 512
#define SERVER_PATHS       64

struct server;

struct exchange {
	struct server *server;
	int fd;
	SSL *tls; /* NULL: plain */
	char head[16384];
	char path[256]; /* without the query */
	char body[16384];
	bool close; /* set by play(): no further request on this connection */
};

struct server {
	int fd, port;
	char url[64];       /* http://127.0.0.1:PORT or https://localhost:PORT */
	char unix_path[64]; /* "" unless it listens there */
	SSL_CTX *tls;
	void (*play)(struct exchange *);
	void *arg;
	pthread_t thread, threads[SERVER_CONNECTIONS];
	int fds[SERVER_CONNECTIONS];
	int connections; /* under lock, like what follows */
	struct {
		char path[256];
		int n;
	} seen[SERVER_PATHS];
	char last_head[16384], last_body[16384];
	atomic_bool stopping;
	pthread_mutex_t lock;
};

/* For main(): the environment's proxies stand between nobody, and who hangs up ends no test. */
static inline void
server_alone(void)
{
	static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
		"ALL_PROXY", "no_proxy", "NO_PROXY" };

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unsetenv(names[i]);
}

static inline bool
server_put(struct exchange *x, const void *p, size_t n)
{
	if (x->tls != NULL)
		return SSL_write(x->tls, p, (int)n) == (int)n;
	return send(x->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

__attribute__((format(printf, 2, 3))) static inline bool
server_print(struct exchange *x, const char *fmt, ...)
{
	static __thread char buf[65536];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof(buf));
	return server_put(x, buf, (size_t)n);
}

static inline void
server_answer(struct exchange *x, int status, const char *type, const char *body)
{
	const size_t n = strlen(body);

	if (server_print(
		x, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status, type, n))
		(void)server_put(x, body, n);
}

static inline int
server_count(struct server *s, const char *path)
{
	int n = 0;

	(void)pthread_mutex_lock(&s->lock);
	for (int i = 0; i < SERVER_PATHS; i++)
		if (strcmp(s->seen[i].path, path) == 0)
			n = s->seen[i].n;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

static inline int
server_connections(struct server *s)
{
	int n;

	(void)pthread_mutex_lock(&s->lock);
	n = s->connections;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

static inline void
server_note(struct exchange *x)
{
	struct server *s = x->server;
	int i = 0;

	(void)pthread_mutex_lock(&s->lock);
	while (i < SERVER_PATHS - 1 && s->seen[i].n > 0 && strcmp(s->seen[i].path, x->path) != 0)
		i++;
	memcpy(s->seen[i].path, x->path, sizeof(x->path));
	s->seen[i].n++;
	memcpy(s->last_head, x->head, sizeof(s->last_head));
	memcpy(s->last_body, x->body, sizeof(s->last_body));
	(void)pthread_mutex_unlock(&s->lock);
}

static inline bool
server_read_byte(struct exchange *x, char *c)
{
	if (x->tls != NULL)
		return SSL_read(x->tls, c, 1) == 1;
	return recv(x->fd, c, 1, 0) == 1;
}

static inline bool
server_read_request(struct exchange *x)
{
	size_t n = 0, length = 0;
	const char *at;

	x->body[0] = '\0';
	while (n < 4 || memcmp(x->head + n - 4, "\r\n\r\n", 4) != 0)
		if (n + 1 >= sizeof(x->head) || !server_read_byte(x, &x->head[n++]))
			return false;
	x->head[n] = '\0';
	if (sscanf(x->head, "%*15s %255[^ ?]", x->path) != 1)
		return false;
	at = strcasestr(x->head, "\r\nContent-Length:");
	if (at != NULL)
		length = strtoul(at + 17, NULL, 10);
	if (length >= sizeof(x->body))
		return false;
	for (n = 0; n < length; n++)
		if (!server_read_byte(x, &x->body[n]))
			return false;
	x->body[length] = '\0';
	return true;
}

struct server_slot {
	struct server *server;
	int number;
};

static inline void *
server_serve(void *arg)
{
	struct server_slot slot = *(struct server_slot *)arg;
	struct exchange *x = calloc(1, sizeof(*x));

	free(arg);
	assert(x != NULL);
	x->server = slot.server;
	x->fd = slot.server->fds[slot.number];
	if (slot.server->tls != NULL) {
		x->tls = SSL_new(slot.server->tls);
		assert(x->tls != NULL);
		(void)SSL_set_fd(x->tls, x->fd);
		if (SSL_accept(x->tls) != 1)
			x->close = true;
	}
	while (!x->close && server_read_request(x)) {
		server_note(x);
		slot.server->play(x);
	}
	if (x->tls != NULL) {
		(void)SSL_shutdown(x->tls);
		SSL_free(x->tls);
	}
	(void)shutdown(x->fd, SHUT_RDWR);
	free(x);
	return NULL;
}

static inline void *
server_accept(void *arg)
{
	struct server *s = arg;
	int fd;

	while ((fd = accept(s->fd, NULL, NULL)) != -1) {
		struct server_slot *slot = malloc(sizeof(*slot));

		assert(slot != NULL);
		(void)pthread_mutex_lock(&s->lock);
		assert(s->connections < SERVER_CONNECTIONS);
		*slot = (struct server_slot){ s, s->connections };
		s->fds[s->connections] = fd;
		if (pthread_create(&s->threads[s->connections], NULL, server_serve, slot) != 0)
			abort();
		s->connections++;
		(void)pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

static inline void
server_listen(struct server *s)
{
	if (listen(s->fd, 128) != 0 || pthread_create(&s->thread, NULL, server_accept, s) != 0)
		abort();
}

/* `tls` is borrowed; port 0: any. */
static inline struct server *
server_new(void (*play)(struct exchange *), void *arg, SSL_CTX *tls, int port)
{
	struct server *s = calloc(1, sizeof(*s));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t n = sizeof(a);
	const int on = 1;

	assert(s != NULL);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->play = play;
	s->arg = arg;
	s->tls = tls;
	(void)pthread_mutex_init(&s->lock, NULL);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(s->fd, (void *)&a, sizeof(a)) != 0 || getsockname(s->fd, (void *)&a, &n) != 0)
		abort();
	s->port = ntohs(a.sin_port);
	(void)snprintf(
	    s->url, sizeof(s->url), tls != NULL ? "https://localhost:%d" : "http://127.0.0.1:%d", s->port);
	server_listen(s);
	return s;
}

static inline struct server *
server_new_unix(void (*play)(struct exchange *), void *arg)
{
	struct server *s = calloc(1, sizeof(*s));
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert(s != NULL);
	s->play = play;
	s->arg = arg;
	(void)pthread_mutex_init(&s->lock, NULL);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(s->unix_path, sizeof(s->unix_path), "/tmp/test-server-%d.sock", (int)getpid());
	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->unix_path);
	(void)unlink(s->unix_path);
	if (bind(s->fd, (void *)&a, sizeof(a)) != 0)
		abort();
	(void)snprintf(s->url, sizeof(s->url), "http://localhost");
	server_listen(s);
	return s;
}

/* Waits until every play() has returned; those must end when s->stopping is set or a write fails. */
static inline void
server_free(struct server **sp)
{
	struct server *s = *sp;

	if (s == NULL)
		return;
	s->stopping = true;
	(void)shutdown(s->fd, SHUT_RDWR);
	(void)pthread_join(s->thread, NULL);
	(void)close(s->fd);
	for (int i = 0; i < s->connections; i++)
		(void)shutdown(s->fds[i], SHUT_RDWR);
	for (int i = 0; i < s->connections; i++) {
		(void)pthread_join(s->threads[i], NULL);
		(void)close(s->fds[i]);
	}
	if (s->unix_path[0] != '\0')
		(void)unlink(s->unix_path);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
	*sp = NULL;
}

#endif
