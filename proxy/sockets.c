/* proxy/sockets.c - see proxy/sockets.h */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf/mem.h"
#include "conf/value.h"
#include "proxy/sockets.h"

#define BACKLOG       4096
#define FIRST_HANDED  3 /* sd_listen_fds(3) */
#define SHARED_BY_ALL UINT32_MAX

struct one {
	char *address;
	int fd;
	unsigned worker; /* SHARED_BY_ALL, or whose it is */
	bool inherited, unix_socket;
	bool taken; /* from an earlier set */
	bool kept;  /* a later set has it now */
};

struct sockets {
	struct one *v;
	size_t n;
	unsigned workers;
	size_t *took; /* indices into the old set, marked as kept when all went well */
	size_t n_took;
};

static int open_listen(struct sockets *, const struct conf_listen *, struct sockets *, struct err *);
static bool take_over(struct sockets *, const char *, struct sockets *);
static void add(struct sockets *, const char *, int, unsigned);
static int parse(const char *, struct sockaddr_storage *, socklen_t *);
static int open_one(const char *, const struct sockaddr_storage *, socklen_t, bool, struct err *);
static int probe(const char *, const struct sockaddr_storage *, socklen_t, struct err *);
static int open_unix(const char *, struct err *);
static void give_back(struct sockets *, struct sockets *);
static int inherit(struct sockets *, const struct conf *, struct err *);
static void name_of(int, char *, size_t);
static void name_as_section(const struct conf *, char *, size_t);

struct sockets *
sockets_open(const struct conf *c, unsigned workers, struct sockets *old, struct err *e)
{
	struct sockets *s = xcalloc(1, sizeof(*s));
	size_t i;

	s->workers = workers;
	s->took = xcalloc(old == NULL ? 1 : old->n, sizeof(*s->took));
	if (old == NULL && inherit(s, c, e) == -1) {
		sockets_free(&s);
		return NULL;
	}
	for (i = 0; i < c->n_listens; i++) {
		if (open_listen(s, &c->listens[i], old, e) == -1) {
			give_back(s, old);
			sockets_free(&s);
			return NULL;
		}
	}
	/* What systemd handed over stays, with or without a section. */
	for (i = 0; old != NULL && i < old->n; i++)
		if (old->v[i].inherited && !old->v[i].kept)
			(void)take_over(s, old->v[i].address, old);
	return s;
}

/* What came from the old set stays its own; what systemd handed over stays open. */
static void
give_back(struct sockets *s, struct sockets *old)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		s->v[i].kept = s->v[i].inherited || s->v[i].taken;
	for (i = 0; i < s->n_took; i++)
		old->v[s->took[i]].kept = false;
}

void
sockets_free(struct sockets **sp)
{
	struct sockets *s = *sp;
	size_t i;

	*sp = NULL;
	if (s == NULL)
		return;
	for (i = 0; i < s->n; i++) {
		if (!s->v[i].kept) {
			(void)close(s->v[i].fd);
			if (s->v[i].unix_socket && !s->v[i].inherited)
				(void)unlink(s->v[i].address + strlen("unix:"));
		}
		free(s->v[i].address);
	}
	free(s->v);
	free(s->took);
	free(s);
}

struct listener *
sockets_for(const struct sockets *s, unsigned worker, size_t *n)
{
	struct listener *l = xcalloc(s->n + 1, sizeof(*l));
	size_t i;

	*n = 0;
	for (i = 0; i < s->n; i++) {
		if (s->v[i].worker != SHARED_BY_ALL && s->v[i].worker != worker)
			continue;
		l[*n].fd = s->v[i].fd;
		l[*n].address = s->v[i].address;
		l[*n].inherited = s->v[i].inherited;
		(*n)++;
	}
	return l;
}

static int
open_listen(struct sockets *s, const struct conf_listen *l, struct sockets *old, struct err *e)
{
	struct sockaddr_storage addr;
	unsigned w, each = l->admin ? 1 : s->workers;
	socklen_t len;
	size_t i;
	int fd;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->v[i].address, l->address) == 0)
			return 0; /* inherited */
	if (take_over(s, l->address, old))
		return 0;
	if (strncmp(l->address, "unix:", 5) == 0) {
		fd = open_unix(l->address, e);
		if (fd != -1)
			add(s, l->address, fd, l->admin ? 0 : SHARED_BY_ALL);
		return fd == -1 ? -1 : 0;
	}
	if (parse(l->address, &addr, &len) == -1)
		return err_set(e, REASON_CONFIG, "listen \"%s\": not an address", l->address);
	if (probe(l->address, &addr, len, e) == -1)
		return -1;
	for (w = 0; w < each; w++) {
		fd = open_one(l->address, &addr, len, each > 1, e);
		if (fd == -1)
			return -1;
		add(s, l->address, fd, w);
	}
	return 0;
}

static bool
take_over(struct sockets *s, const char *address, struct sockets *old)
{
	bool found = false;
	size_t i;

	for (i = 0; old != NULL && i < old->n; i++) {
		if (strcmp(old->v[i].address, address) != 0)
			continue;
		add(s, address, old->v[i].fd, old->v[i].worker);
		s->v[s->n - 1].inherited = old->v[i].inherited;
		s->v[s->n - 1].taken = true;
		old->v[i].kept = true;
		s->took[s->n_took++] = i;
		found = true;
	}
	return found;
}

static void
add(struct sockets *s, const char *address, int fd, unsigned worker)
{
	s->v = xrealloc(s->v, (s->n + 1) * sizeof(*s->v));
	s->v[s->n++] = (struct one){
		.address = xstrdup(address),
		.fd = fd,
		.worker = worker,
		.unix_socket = strncmp(address, "unix:", 5) == 0,
	};
}

/* "*:443", "192.0.2.1:80", "[::1]:8080" */
static int
parse(const char *address, struct sockaddr_storage *addr, socklen_t *len)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
	const char *colon = strrchr(address, ':');
	char host[64];
	size_t n;
	long port;

	memset(addr, 0, sizeof(*addr));
	if (colon == NULL || (n = (size_t)(colon - address)) >= sizeof(host))
		return -1;
	memcpy(host, address, n);
	host[n] = '\0';
	port = strtol(colon + 1, NULL, 10);
	if (strcmp(host, "*") == 0 || host[0] == '[') {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		v6->sin6_addr = in6addr_any;
		*len = sizeof(*v6);
		if (host[0] == '*')
			return 0;
		host[n - 1] = '\0';
		return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1 ? 0 : -1;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	*len = sizeof(*v4);
	return inet_pton(AF_INET, host, &v4->sin_addr) == 1 ? 0 : -1;
}

static int
open_one(
    const char *address, const struct sockaddr_storage *addr, socklen_t len, bool shared_port, struct err *e)
{
	int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, off = 0;

	/* No IPv6 in this kernel: "*" means all there is. */
	if (fd == -1 && addr->ss_family == AF_INET6 && address[0] == '*') {
		struct sockaddr_storage any = { 0 };
		struct sockaddr_in *v4 = (struct sockaddr_in *)&any;

		v4->sin_family = AF_INET;
		v4->sin_port = ((const struct sockaddr_in6 *)addr)->sin6_port;
		return open_one(address, &any, sizeof(*v4), shared_port, e);
	}
	if (fd == -1)
		return err_set(e, REASON_SYSTEM, "listen \"%s\": %s", address, strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (shared_port)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (addr->ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, address[0] == '*' ? &off : &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)addr, len) == -1 || listen(fd, BACKLOG) == -1) {
		(void)err_set(e, REASON_SYSTEM, "listen \"%s\": %s", address, strerror(errno));
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* SO_REUSEPORT would let a second instance share the port unnoticed: is it free? */
static int
probe(const char *address, const struct sockaddr_storage *addr, socklen_t len, struct err *e)
{
	int fd = open_one(address, addr, len, false, e);

	if (fd == -1)
		return -1;
	(void)close(fd);
	return 0;
}

static int
open_unix(const char *address, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const char *path = address + strlen("unix:");
	struct stat st;
	int fd, other;

	if (strlen(path) >= sizeof(un.sun_path))
		return err_set(e, REASON_CONFIG, "listen \"%s\": a path of at most %zu bytes", address,
		    sizeof(un.sun_path) - 1);
	memcpy(un.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || other == -1)
		goto fail;
	/* A socket that nobody listens on is what a crash left behind. */
	if (connect(other, (struct sockaddr *)&un, sizeof(un)) == 0) {
		errno = EADDRINUSE;
		goto fail;
	}
	if (errno == ECONNREFUSED && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) == -1 || chmod(path, 0666) == -1 ||
	    listen(fd, BACKLOG) == -1)
		goto fail;
	(void)close(other);
	return fd;
fail:
	(void)err_set(e, REASON_SYSTEM, "listen \"%s\": %s", address, strerror(errno));
	if (fd != -1)
		(void)close(fd);
	if (other != -1)
		(void)close(other);
	return -1;
}

int
sockets_inherited(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");

	if (fds == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return (int)strtol(fds, NULL, 10);
}

/* A listen section whose address is that of a handed socket gives it its TLS; the rest are plain. */
static int
inherit(struct sockets *s, const struct conf *c, struct err *e)
{
	int n = sockets_inherited(), i;

	for (i = 0; i < n && i < 64; i++) {
		int fd = FIRST_HANDED + i, on = 0;
		socklen_t len = sizeof(on);
		char name[160];

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == -1 || on == 0)
			return err_set(e, REASON_SYSTEM,
			    "LISTEN_FDS says %d: descriptor %d is not a socket that listens", n, fd);
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		name_of(fd, name, sizeof(name));
		name_as_section(c, name, sizeof(name));
		add(s, name, fd, SHARED_BY_ALL);
		s->v[s->n - 1].inherited = true;
	}
	return 0;
}

/* As a section's title would have it. */
static void
name_of(int fd, char *out, size_t n)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);
	char host[INET6_ADDRSTRLEN];

	(void)snprintf(out, n, "inherited:%d", fd);
	if (getsockname(fd, (struct sockaddr *)&addr, &len) == -1)
		return;
	if (addr.ss_family == AF_UNIX) {
		(void)snprintf(out, n, "unix:%s", ((struct sockaddr_un *)&addr)->sun_path);
	} else if (addr.ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)&addr;

		(void)snprintf(out, n, "%s:%u", inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host)),
		    (unsigned)ntohs(v4->sin_port));
	} else if (addr.ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&addr;

		if (IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
			(void)snprintf(out, n, "*:%u", (unsigned)ntohs(v6->sin6_port));
		else
			(void)snprintf(out, n, "[%s]:%u",
			    inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host)),
			    (unsigned)ntohs(v6->sin6_port));
	}
}

/* One address has several spellings: a section with another would not serve its socket, and bind a second
 * one. */
static void
name_as_section(const struct conf *c, char *name, size_t n)
{
	struct value_address mine, its;
	struct err ignored;

	if (value_address(str_of(name), &mine, &ignored) == -1)
		return;
	for (size_t i = 0; i < c->n_listens; i++) {
		if (value_address(str_of(c->listens[i].address), &its, &ignored) == -1 ||
		    strcmp(mine.text, its.text) != 0)
			continue;
		(void)snprintf(name, n, "%s", c->listens[i].address);
		return;
	}
}
