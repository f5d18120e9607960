/*
 * tests/fuzz/fuzz_http2.c - a whole connection of HTTP/2, from anybody, on the road that all requests take
 *
 * What stands behind the TLS layer is real: worker, client, streams, steps, the
 * relay; the sockets are pairs of this process.  The first byte: what the
 * upstream answers, and in pieces of which size the client sends; 0xff in the
 * second: it ends the connection halfway.  The rest are its frames.  Whatever
 * they are, the connection ends, and nothing is left of it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "conf/log.h"
#include "proxy/client.h"
#include "proxy/grants.h"
#include "proxy/http2.h"
#include "proxy/keeps.h"
#include "proxy/rate.h"
#include "proxy/refresh_table.h"
#include "proxy/snapshot.h"
#include "session/revoked.h"

#define PREFACE   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define TURNS_MAX 20000
#define UPSTREAMS 256

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *const answers[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nunasked",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 70000\r\n\r\n",
	/* to the key of RFC 6455's example, which a client may send */
	"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi",
	"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
	"this is not HTTP\r\n\r\n",
	"",
};

static struct shared shared;
static struct worker *worker;
static struct event *listening;
static struct {
	int fd;
	struct event *ev;
} ups[UPSTREAMS];
static char folder[] = "/tmp/workflow-proxy-fuzz.XXXXXX";
static char path[64];
static const char *answer;

static void begin(void);
static void end(void);
static void listen_cb(evutil_socket_t, short, void *);
static void upstream_cb(evutil_socket_t, short, void *);
static void close_upstreams(void);
static void turn(void);
static void receive(int);
static void send_piece(int, const uint8_t *, size_t);

/* --- the world that connections come into --- */

static void
begin(void)
{
	static const char text[] = "public_url = \"https://a.test\"\n"
				   "listen \"127.0.0.1:1\" {}\n"
				   "provider \"main\" { issuer = \"https://op.test\" client_id = \"rp\" "
				   "client_secret = \"s3cr3t\" }\n"
				   "session { secret = \"hV3qT8xYb1ZfKpR7mWcE5nJ0sLuA9gDi2oXw4tQy6B8\" }\n"
				   "upstream \"app\" { servers = \"unix:${FUZZ_UPSTREAM}\" }\n"
				   "route \"/\" { upstream = \"app\" }\n"
				   "route \"/p\" { upstream = \"app\" auth = \"none\" }\n";
	const struct log_setup quiet = {
		.level = LOG_LEVEL_ERROR, .file = "/dev/null", .access = "/dev/null"
	};
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct conf_report report = { NULL, 0, 0 };
	struct worker_order order = { NULL };
	struct conf *c;
	struct err e;
	int fd;

	assert(log_open(&quiet, &e) == 0 && mkdtemp(folder) != NULL);
	(void)snprintf(path, sizeof(path), "%s/app", folder);
	assert(setenv("FUZZ_UPSTREAM", path, 1) == 0);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert(
	    fd != -1 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, UPSTREAMS) == 0);
	c = conf_parse("fuzz.conf", str_of(text), &report);
	for (size_t i = 0; c == NULL && i < report.n; i++)
		(void)fprintf(stderr, "%s\n", report.v[i].text);
	assert(c != NULL);
	conf_report_free(&report);
	shared.revoked = revoked_new(64);
	shared.flows = revoked_new(64);
	shared.jtis = revoked_new(64);
	shared.keeps = keeps_new();
	for (size_t i = 0; i < RATES; i++)
		shared.rates[i] = rate_new(64);
	shared.refreshes = refresh_table_new();
	shared.grants = grants_new();
	shared.fresh_until = INT64_MAX;
	worker = worker_new(&shared, 0, &e);
	assert(worker != NULL);
	order.snap = snapshot_new(c, NULL, &e);
	if (order.snap == NULL)
		(void)fprintf(stderr, "%s\n", e.text);
	assert(order.snap != NULL);
	worker_tell(worker, &order);
	while (worker->view == NULL)
		(void)event_base_loop(worker->base, EVLOOP_ONCE);
	listening = event_new(worker->base, fd, EV_READ | EV_PERSIST, listen_cb, NULL);
	assert(listening != NULL && event_add(listening, NULL) == 0);
	(void)atexit(end);
}

static void
end(void)
{
	int fd = event_get_fd(listening);

	close_upstreams();
	event_free(listening);
	(void)close(fd);
	worker_free(&worker);
	revoked_free(&shared.revoked);
	revoked_free(&shared.flows);
	revoked_free(&shared.jtis);
	keeps_free(&shared.keeps);
	for (size_t i = 0; i < RATES; i++)
		rate_free(&shared.rates[i]);
	refresh_table_free(&shared.refreshes);
	grants_free(&shared.grants);
	log_close();
	(void)unlink(path);
	(void)rmdir(folder);
}

/* --- the upstream: the same answer to whatever comes --- */

static void
listen_cb(evutil_socket_t listener, short what, void *arg)
{
	int fd = accept4((int)listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	size_t i = 0;

	(void)what;
	(void)arg;
	while (i < UPSTREAMS && ups[i].ev != NULL)
		i++;
	if (fd == -1 || i == UPSTREAMS) {
		if (fd != -1)
			(void)close(fd);
		return;
	}
	ups[i].fd = fd;
	ups[i].ev = event_new(worker->base, fd, EV_READ | EV_PERSIST, upstream_cb, &ups[i]);
	assert(ups[i].ev != NULL && event_add(ups[i].ev, NULL) == 0);
}

static void
upstream_cb(evutil_socket_t fd, short what, void *arg)
{
	static char got[65536];
	ssize_t n = recv((int)fd, got, sizeof(got), 0);
	size_t i = 0;

	(void)what;
	(void)arg;
	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0 && answer[0] != '\0' && memmem(got, (size_t)n, " HTTP/1.1\r\n", 11) == NULL)
		return; /* the body of one that was answered */
	if (n > 0 && answer[0] != '\0' && send((int)fd, answer, strlen(answer), MSG_NOSIGNAL) > 0 &&
	    strstr(answer, "half") == NULL)
		return;
	while (ups[i].ev == NULL || ups[i].fd != (int)fd)
		i++;
	event_free(ups[i].ev);
	ups[i].ev = NULL;
	(void)close((int)fd);
}

static void
close_upstreams(void)
{
	for (size_t i = 0; i < UPSTREAMS; i++) {
		if (ups[i].ev == NULL)
			continue;
		event_free(ups[i].ev);
		ups[i].ev = NULL;
		(void)close(ups[i].fd);
	}
}

/* --- one connection --- */

static void
turn(void)
{
	(void)event_base_loop(worker->base, EVLOOP_NONBLOCK);
}

/* Takes what the proxy says, so that it is not held up. */
static void
receive(int fd)
{
	static char got[65536];

	while (recv(fd, got, sizeof(got), 0) > 0)
		;
}

static void
send_piece(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent == -1 && errno != EAGAIN)
			return;
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
		turn();
		receive(fd);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const size_t sizes[] = { 1, 9, 13, 100, 1000, 16384, 65536, 1 };
	size_t at, piece, turns = 0;
	struct client *c;
	int fd[2];

	if (n < 2 || n > 200000)
		return 0;
	if (worker == NULL)
		begin();
	answer = answers[data[0] & 7];
	piece = n > 4000 ? 65536 : sizes[data[0] >> 3 & 7];
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	atomic_fetch_add(&shared.connections, 1);
	c = client_new(worker, fd[0], NULL);
	c->tls = true;
	c->unix_peer = true;
	http2_begin(c);
	send_piece(fd[1], (const uint8_t *)PREFACE, sizeof(PREFACE) - 1);
	for (at = 2; at < n; at += piece)
		send_piece(fd[1], data + at, n - at < piece ? n - at : piece);
	for (int i = 0; i < 50 && data[1] != 0xff; i++) {
		turn();
		receive(fd[1]);
	}
	(void)close(fd[1]);
	while (worker->n_clients > 0 && turns++ < TURNS_MAX)
		turn();
	turn();
	assert(worker->n_clients == 0 && atomic_load(&shared.connections) == 0);
	assert(worker->metrics.http2_connections == 0 && worker->metrics.http2_streams == 0);
	assert(worker->view->users == 1);
	close_upstreams();
	turn();
	return 0;
}
