/*
 * proxy/sockets.h - the listening sockets of the process
 *
 * Opened by the main thread, used by the workers.  A TCP address has one
 * socket per worker (SO_REUSEPORT), so that the kernel shares connections out;
 * unix sockets, inherited ones (LISTEN_FDS) and admin listeners have one.
 */
#ifndef PROXY_SOCKETS_H
#define PROXY_SOCKETS_H
#include "conf/conf.h"
#include "conf/err.h"
#include "proxy/worker.h"

struct sockets;

/*
 * For this configuration, with every address that `old` (may be NULL) has
 * open already taken over from it.  When this fails, old is as it was.
 */
struct sockets *sockets_open(
    const struct conf *c, unsigned workers, struct sockets *old, struct err *e) MUST_CHECK;
/* Close those that no later set took over. */
void sockets_free(struct sockets **s);

/* The listeners of one worker, to be handed to worker_tell(). */
struct listener *sockets_for(const struct sockets *s, unsigned worker, size_t *n);

/* How many descriptors systemd handed over. */
int sockets_inherited(void);

#endif
