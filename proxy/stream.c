/* proxy/stream.c - see proxy/stream.h */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "conf/mem.h"
#include "proxy/stream.h"

/* The build zeroes what stands on the stack; 16 KiB for every write are too much to ask. */
#define UNINITIALIZED __attribute__((uninitialized))
#define GATHER_PLAIN  2048  /* beyond it copying costs more than the kernel's walk over a list */
#define TLS_PIECE     16384 /* one record: small pieces of an iovec are joined up to this */

struct stream_rest {
	size_t start, end, cap; /* from start to end: still to be written */
	char bytes[];
};

static ssize_t receive(struct stream *, void *, size_t, int);
static ssize_t write_some(struct stream *, struct iovec *, int);
static size_t length_of(const struct iovec *, int);
static struct str gather(char *, size_t most, const struct iovec *, int);
static ssize_t tls_result(struct stream *, int, bool);
static void keep(struct stream *, const struct iovec *, int);
static void arm_write(struct stream *, bool);
static void flush(struct stream *);
static void connect_step(struct stream *);
static void fail(struct stream *);
static void readable(struct stream *);
static void read_cb(evutil_socket_t, short, void *);
static void write_cb(evutil_socket_t, short, void *);

void
stream_init(struct stream *s, struct event_base *base, int fd, SSL *ssl, stream_fn *fn, void *arg)
{
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->ssl = ssl;
	s->fn = fn;
	s->arg = arg;
	if (ssl != NULL) {
		SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
		(void)SSL_set_fd(ssl, fd);
	}
	(void)event_assign(&s->rd, base, fd, EV_READ | EV_PERSIST, read_cb, s);
}

void
stream_connect(struct stream *s)
{
	s->connecting = true;
	s->handshaking = s->ssl != NULL;
	arm_write(s, true);
}

void
stream_close(struct stream *s)
{
	if (s->fd == -1)
		return;
	(void)event_del(&s->rd);
	if (s->wr != NULL) {
		event_free(s->wr);
		s->wr = NULL;
	}
	if (s->ssl != NULL) {
		if (!s->failed && !s->connecting && !s->shut && SSL_is_init_finished(s->ssl))
			(void)SSL_shutdown(s->ssl);
		ERR_clear_error();
		SSL_free(s->ssl);
		s->ssl = NULL;
	}
	(void)close(s->fd);
	s->fd = -1;
	free(s->out);
	s->out = NULL;
}

void
stream_want_read(struct stream *s, bool want)
{
	if (s->fd == -1)
		return;
	if (want) {
		if (!s->reading)
			(void)event_add(&s->rd, NULL);
		s->reading = true;
		/* What TLS has decrypted already makes no descriptor readable. */
		if (s->ssl != NULL && SSL_pending(s->ssl) > 0)
			event_active(&s->rd, EV_READ, 0);
	} else if (s->reading) {
		s->reading = false;
		if (!s->write_wants_read)
			(void)event_del(&s->rd);
	}
}

bool
stream_has_news(const struct stream *s)
{
	return (s->rd.ev_evcallback.evcb_flags & (EVLIST_ACTIVE | EVLIST_ACTIVE_LATER)) != 0;
}

ssize_t
stream_read(struct stream *s, void *buf, size_t cap)
{
	/* A socket that cannot be written may still hold what the peer said before. */
	if (s->fd == -1 || (s->failed && s->ssl != NULL))
		return -2;
	if (s->ssl != NULL) {
		ERR_clear_error();
		return tls_result(s, SSL_read(s->ssl, buf, cap > INT_MAX ? INT_MAX : (int)cap), true);
	}
	return receive(s, buf, cap, 0);
}

ssize_t
stream_read_ahead(struct stream *s, void *buf, size_t cap, bool peek)
{
	return s->fd == -1 ? -2 : receive(s, buf, cap, peek ? MSG_PEEK : 0);
}

static ssize_t
receive(struct stream *s, void *buf, size_t cap, int flags)
{
	ssize_t n;

	do
		n = recv(s->fd, buf, cap, flags);
	while (n == -1 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return -1;
	s->error = errno;
	s->failed = true;
	return -2;
}

int
stream_peek(struct stream *s)
{
	char byte;
	ssize_t n;

	if (s->fd == -1 || s->failed)
		return -2;
	if (s->ssl != NULL) {
		ERR_clear_error();
		n = tls_result(s, SSL_peek(s->ssl, &byte, 1), true);
		return (int)n;
	}
	do
		n = recv(s->fd, &byte, 1, MSG_PEEK);
	while (n == -1 && errno == EINTR);
	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
}

int
stream_write(struct stream *s, struct iovec *iov, int n)
{
	if (s->fd == -1 || s->failed)
		return -1;
	if (s->out == NULL && !s->connecting) {
		ssize_t w;

		while (n > 0) {
			if (iov->iov_len == 0) {
				iov++;
				n--;
				continue;
			}
			w = write_some(s, iov, n);
			if (w == -2)
				return -1;
			if (w == -1)
				break;
			while (n > 0 && (size_t)w >= iov->iov_len) {
				w -= (ssize_t)iov->iov_len;
				iov++;
				n--;
			}
			if (n > 0) {
				iov->iov_base = (char *)iov->iov_base + w;
				iov->iov_len -= (size_t)w;
				if (s->ssl == NULL)
					break; /* a short write: the socket is full */
			}
		}
	}
	if (n > 0) {
		keep(s, iov, n);
		if (s->out != NULL && !s->connecting && !s->write_wants_read)
			arm_write(s, true);
	}
	return 0;
}

size_t
stream_pending(const struct stream *s)
{
	return s->out == NULL ? 0 : s->out->end - s->out->start;
}

void
stream_shut_write(struct stream *s)
{
	if (s->fd == -1 || s->shut)
		return;
	s->shut = true;
	if (s->ssl != NULL) {
		if (!s->failed && SSL_is_init_finished(s->ssl))
			(void)SSL_shutdown(s->ssl);
		ERR_clear_error();
	}
	(void)shutdown(s->fd, SHUT_WR);
}

const char *
stream_error(const struct stream *s, char *buf, size_t n)
{
	if (s->error != 0) {
		const char *text = strerror_r(s->error, buf, n);

		if (text != buf)
			(void)snprintf(buf, n, "%s", text);
	} else if (s->ssl != NULL && SSL_get_verify_result(s->ssl) != X509_V_OK) {
		(void)snprintf(
		    buf, n, "certificate: %s", X509_verify_cert_error_string(SSL_get_verify_result(s->ssl)));
	} else {
		(void)snprintf(buf, n, "%s", s->ssl != NULL ? "TLS failed" : "closed");
	}
	return buf;
}

/* --- below: writing --- */

/*
 * As much as one call takes: > 0, or -1: not now, -2: failed.  A few bytes in pieces are put together first:
 * for the kernel one piece is less work than a list of them, and TLS takes one.
 */
static ssize_t
write_some(struct stream *s, struct iovec *iov, int n)
{
	char together[TLS_PIECE] UNINITIALIZED;
	size_t most = s->ssl != NULL ? sizeof(together) : GATHER_PLAIN;
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)n };
	struct str piece = { iov[0].iov_base, iov[0].iov_len };
	ssize_t w;

	if (n > 1 && piece.n < most && (s->ssl != NULL || length_of(iov, n) <= most))
		piece = gather(together, most, iov, n);
	else if (n > 1 && s->ssl == NULL)
		piece.p = NULL;
	if (s->ssl != NULL) {
		ERR_clear_error();
		return tls_result(
		    s, SSL_write(s->ssl, piece.p, piece.n > TLS_PIECE ? TLS_PIECE : (int)piece.n), false);
	}
	do
		w = piece.p != NULL ? send(s->fd, piece.p, piece.n, MSG_NOSIGNAL)
				    : sendmsg(s->fd, &msg, MSG_NOSIGNAL);
	while (w == -1 && errno == EINTR);
	if (w >= 0)
		return w;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return -1;
	s->error = errno;
	s->failed = true;
	return -2;
}

static size_t
length_of(const struct iovec *iov, int n)
{
	size_t len = 0;

	while (n-- > 0)
		len += iov[n].iov_len;
	return len;
}

/* At most `most` bytes. */
static struct str
gather(char *into, size_t most, const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n && len < most; i++) {
		size_t part = iov[i].iov_len < most - len ? iov[i].iov_len : most - len;

		if (part > 0)
			memcpy(into + len, iov[i].iov_base, part);
		len += part;
	}
	return (struct str){ into, len };
}

/* What SSL_read and SSL_write said, in this file's terms. */
static ssize_t
tls_result(struct stream *s, int r, bool read)
{
	int why;

	if (r > 0)
		return r;
	why = SSL_get_error(s->ssl, r);
	if (why == SSL_ERROR_WANT_READ) {
		if (!read) {
			s->write_wants_read = true;
			(void)event_add(&s->rd, NULL);
		}
		return -1;
	}
	if (why == SSL_ERROR_WANT_WRITE) {
		if (read) {
			s->read_wants_write = true;
			arm_write(s, true);
		}
		return -1;
	}
	if (read && why == SSL_ERROR_ZERO_RETURN)
		return 0;
	if (why == SSL_ERROR_SYSCALL)
		s->error = errno;
	s->failed = true;
	ERR_clear_error();
	return -2;
}

static void
keep(struct stream *s, const struct iovec *iov, int n)
{
	struct stream_rest *r = s->out;
	size_t more = 0;
	int i;

	for (i = 0; i < n; i++)
		more += iov[i].iov_len;
	if (more == 0)
		return;
	if (r != NULL && r->start > 0) {
		memmove(r->bytes, r->bytes + r->start, r->end - r->start);
		r->end -= r->start;
		r->start = 0;
	}
	if (r == NULL || r->cap - r->end < more) {
		size_t end = r == NULL ? 0 : r->end;

		s->out = r = xrealloc(r, sizeof(*r) + end + more);
		*r = (struct stream_rest){ .end = end, .cap = end + more };
	}
	for (i = 0; i < n; i++) {
		if (iov[i].iov_len > 0)
			memcpy(r->bytes + r->end, iov[i].iov_base, iov[i].iov_len);
		r->end += iov[i].iov_len;
	}
}

static void
arm_write(struct stream *s, bool on)
{
	if (!on) {
		if (s->wr != NULL) {
			event_free(s->wr);
			s->wr = NULL;
		}
		return;
	}
	if (s->wr != NULL)
		return;
	s->wr = event_new(event_get_base(&s->rd), s->fd, EV_WRITE | EV_PERSIST, write_cb, s);
	if (s->wr == NULL || event_add(s->wr, NULL) != 0)
		abort();
}

/* Write what is pending; the owner hears of the end, or of the failure. */
static void
flush(struct stream *s)
{
	while (stream_pending(s) > 0) {
		struct iovec iov = { s->out->bytes + s->out->start, stream_pending(s) };
		ssize_t w = write_some(s, &iov, 1);

		if (w == -1) {
			/* What waits for bytes of the peer must not spin on a socket that can be written. */
			arm_write(s, !s->write_wants_read || s->read_wants_write);
			return;
		}
		if (w == -2) {
			fail(s);
			return;
		}
		s->out->start += (size_t)w;
	}
	free(s->out);
	s->out = NULL;
	if (!s->read_wants_write)
		arm_write(s, false);
	s->fn(s, STREAM_DRAINED, s->arg);
}

/* connect(2) has an answer, or the handshake goes on. */
static void
connect_step(struct stream *s)
{
	if (s->handshaking) {
		int r;

		ERR_clear_error();
		r = SSL_do_handshake(s->ssl);
		if (r != 1) {
			int why = SSL_get_error(s->ssl, r);

			if (why == SSL_ERROR_WANT_READ) {
				arm_write(s, false);
				(void)event_add(&s->rd, NULL);
				return;
			}
			if (why == SSL_ERROR_WANT_WRITE) {
				arm_write(s, true);
				return;
			}
			if (why == SSL_ERROR_SYSCALL)
				s->error = errno;
			ERR_clear_error();
			fail(s);
			return;
		}
		if (!s->reading)
			(void)event_del(&s->rd);
	}
	s->handshaking = false;
	s->connecting = false;
	arm_write(s, s->out != NULL);
	s->fn(s, STREAM_CONNECTED, s->arg);
}

static void
fail(struct stream *s)
{
	s->failed = true;
	arm_write(s, false);
	(void)event_del(&s->rd);
	s->reading = false;
	s->fn(s, STREAM_FAILED, s->arg);
}

/* --- below: reading --- */

/* One turn for a socket; with TLS as many as there are decrypted bytes for, or the owner has enough. */
static void
readable(struct stream *s)
{
	do {
		s->fn(s, STREAM_READABLE, s->arg);
	} while (s->fd != -1 && s->reading && !s->failed && s->ssl != NULL && SSL_pending(s->ssl) > 0);
}

/* --- called by libevent --- */

static void
read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;

	(void)fd;
	(void)what;
	if (s->connecting) {
		connect_step(s);
		return;
	}
	if (s->write_wants_read) {
		s->write_wants_read = false;
		if (!s->reading)
			(void)event_del(&s->rd);
		flush(s);
	}
	if (s->fd != -1 && s->reading)
		readable(s);
}

static void
write_cb(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	socklen_t len = sizeof(s->error);

	(void)what;
	if (s->connecting) {
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &s->error, &len) == -1)
			s->error = errno;
		if (s->error != 0)
			fail(s);
		else
			connect_step(s);
		return;
	}
	if (s->read_wants_write) {
		s->read_wants_write = false;
		if (s->out == NULL)
			arm_write(s, false);
		if (s->reading)
			readable(s);
		return;
	}
	flush(s);
}
