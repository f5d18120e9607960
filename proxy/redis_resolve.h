/*
 * proxy/redis_resolve.h - the addresses of a name, without keeping a loop waiting
 *
 * getaddrinfo(3) may take as long as it likes: it runs on a thread of its own,
 * and the answer comes back through the loop's mailbox.
 */
#ifndef PROXY_REDIS_RESOLVE_H
#define PROXY_REDIS_RESOLVE_H
#include <stdint.h>
#include <sys/socket.h>

#include "conf/err.h"
#include "conf/post.h"

#define REDIS_ADDRESSES 8

struct redis_resolving;

struct redis_addresses {
	size_t n;
	struct sockaddr_storage v[REDIS_ADDRESSES];
	socklen_t len[REDIS_ADDRESSES];
};

/* An address in words needs no thread.  false: host is a name. */
bool redis_resolve_literal(const char *host, uint16_t port, struct redis_addresses *out);

/*
 * `done` is called once, on the loop of `post`, unless it is released before.
 * NULL: no thread can be had.
 */
struct redis_resolving *redis_resolve_ask(
    const char *host, uint16_t port, struct post *post, void (*done)(void *), void *arg, struct err *e);
/* After done. */
int redis_resolve_take(
    const struct redis_resolving *x, struct redis_addresses *out, struct err *e) MUST_CHECK;
/* Safe on NULL, in any state, and before post is freed; sets *x to NULL. */
void redis_resolve_release(struct redis_resolving **x);

#endif
