/* proxy/reach_tls.c - the certificate that a server shows, see proxy/reach.h */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "conf/pem.h"
#include "conf/url.h"
#include "proxy/reach.h"

#define NAME_SIZE 256

static int connect_to(const char *, uint16_t, int64_t);
static socklen_t read_address(const char *, uint16_t, struct sockaddr_storage *);
static bool shake_hands(SSL *, int, int64_t);
static bool is_of(X509 *, char *);
static int wait_until(int, short, int64_t);
static int64_t now_ms(void);

bool
reach_certificate(const char *address, const char *url, int64_t timeout, int64_t *ends)
{
	const int64_t until = now_ms() + timeout;
	char name[NAME_SIZE];
	SSL_CTX *ctx = NULL;
	SSL *ssl = NULL;
	struct url u;
	struct err e;
	bool told = false;
	int fd;

	if (url_parse(str_of(url), &u, &e) == -1 || !u.https || u.host.n >= sizeof(name))
		return false;
	(void)snprintf(name, sizeof(name), "%.*s", STR_ARG(u.host));
	fd = connect_to(address, u.port, until);
	if (fd == -1)
		return false;
	ctx = SSL_CTX_new(TLS_client_method());
	if (ctx != NULL)
		ssl = SSL_new(ctx);
	if (ssl != NULL) {
		(void)SSL_set_fd(ssl, fd);
		if (strspn(name, "0123456789.") != u.host.n && name[0] != '[')
			(void)SSL_set_tlsext_host_name(ssl, name);
		told = shake_hands(ssl, fd, until) && is_of(SSL_get0_peer_certificate(ssl), name) &&
		       pem_ends(SSL_get0_peer_certificate(ssl), ends);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	(void)close(fd);
	ERR_clear_error();
	return told;
}

static int
connect_to(const char *address, uint16_t port, int64_t until)
{
	struct sockaddr_storage a;
	socklen_t len = read_address(address, port, &a), n = sizeof(int);
	int fd, failed = 0;

	if (len == 0)
		return -1;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&a, len) == -1 &&
	    (errno != EINPROGRESS || wait_until(fd, POLLOUT, until) <= 0 ||
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n) == -1 || failed != 0)) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static socklen_t
read_address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	return 0;
}

static bool
shake_hands(SSL *ssl, int fd, int64_t until)
{
	for (;;) {
		int r = SSL_connect(ssl), why = SSL_get_error(ssl, r);

		if (r == 1)
			return true;
		if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
			return false;
		if (wait_until(fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until) <= 0)
			return false;
	}
}

/* Where a proxy stands in between, the address is the proxy's: its own certificate is of no interest. */
static bool
is_of(X509 *x, char *name)
{
	const size_t n = strlen(name);

	if (x == NULL)
		return false;
	if (name[0] != '[')
		return X509_check_host(x, name, n, 0, NULL) == 1 || X509_check_ip_asc(x, name, 0) == 1;
	name[n - 1] = '\0';
	return X509_check_ip_asc(x, name + 1, 0) == 1;
}

static int
wait_until(int fd, short what, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = what };
	int64_t left = until - now_ms();
	int r;

	do
		r = left > 0 ? poll(&p, 1, (int)(left < 600000 ? left : 600000)) : 0;
	while (r == -1 && errno == EINTR && (left = until - now_ms()) > 0);
	return r;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
