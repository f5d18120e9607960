/* proxy/redis_resolve.c - see proxy/redis_resolve.h */
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mem.h"
#include "proxy/redis_resolve.h"

/*
 * Belongs to the thread until it has an answer or is disowned, then to the
 * letter on its way, then to who asked.
 */
struct redis_resolving {
	pthread_mutex_t lock;
	enum { ASKED, POSTED, TOLD, DISOWNED } state; /* under lock */
	struct post *post;                            /* borrowed; while ASKED */
	void (*done)(void *);
	void *arg;
	char *host;
	uint16_t port;
	int error; /* EAI_* */
	struct redis_addresses found;
};

static int look_up(const char *, uint16_t, int, struct redis_addresses *);
static void *resolve_main(void *);
static void told(void *);
static void resolving_free(struct redis_resolving *);

bool
redis_resolve_literal(const char *host, uint16_t port, struct redis_addresses *out)
{
	return look_up(host, port, AI_NUMERICHOST, out) == 0;
}

struct redis_resolving *
redis_resolve_ask(
    const char *host, uint16_t port, struct post *post, void (*done)(void *), void *arg, struct err *e)
{
	struct redis_resolving *x = xcalloc(1, sizeof(*x));
	pthread_attr_t detached;
	pthread_t thread;
	int error;

	(void)pthread_mutex_init(&x->lock, NULL);
	x->host = xstrdup(host);
	x->port = port;
	x->post = post;
	x->done = done;
	x->arg = arg;
	(void)pthread_attr_init(&detached);
	(void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &detached, resolve_main, x);
	(void)pthread_attr_destroy(&detached);
	if (error == 0)
		return x;
	(void)err_set(e, REASON_REDIS_DOWN, "no thread to resolve %s: %s", host, strerror(error));
	resolving_free(x);
	return NULL;
}

static void *
resolve_main(void *arg)
{
	struct redis_resolving *x = arg;
	bool disowned;

	x->error = look_up(x->host, x->port, 0, &x->found);
	(void)pthread_mutex_lock(&x->lock);
	disowned = x->state == DISOWNED;
	if (!disowned) {
		x->state = POSTED;
		post_send(x->post, told, x);
	}
	(void)pthread_mutex_unlock(&x->lock);
	if (disowned)
		resolving_free(x);
	return NULL;
}

static int
look_up(const char *host, uint16_t port, int flags, struct redis_addresses *out)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags
	};
	struct addrinfo *list = NULL, *a;
	char service[8];
	int error;

	(void)snprintf(service, sizeof(service), "%u", (unsigned)port);
	error = getaddrinfo(host, service, &hints, &list);
	out->n = 0;
	for (a = list; error == 0 && a != NULL && out->n < REDIS_ADDRESSES; a = a->ai_next) {
		memcpy(&out->v[out->n], a->ai_addr, a->ai_addrlen);
		out->len[out->n++] = a->ai_addrlen;
	}
	if (list != NULL)
		freeaddrinfo(list);
	return error == 0 && out->n == 0 ? EAI_NONAME : error;
}

/* On the loop that asked. */
static void
told(void *arg)
{
	struct redis_resolving *x = arg;
	bool disowned;

	(void)pthread_mutex_lock(&x->lock);
	disowned = x->state == DISOWNED;
	x->state = TOLD;
	(void)pthread_mutex_unlock(&x->lock);
	if (disowned)
		resolving_free(x);
	else
		x->done(x->arg);
}

int
redis_resolve_take(const struct redis_resolving *x, struct redis_addresses *out, struct err *e)
{
	*out = x->found;
	return x->error == 0
		   ? 0
		   : err_set(e, REASON_REDIS_DOWN, "%s has no address: %s", x->host, gai_strerror(x->error));
}

void
redis_resolve_release(struct redis_resolving **xp)
{
	struct redis_resolving *x = *xp;
	bool told_already;

	*xp = NULL;
	if (x == NULL)
		return;
	(void)pthread_mutex_lock(&x->lock);
	told_already = x->state == TOLD;
	x->state = DISOWNED;
	(void)pthread_mutex_unlock(&x->lock);
	if (told_already)
		resolving_free(x);
}

static void
resolving_free(struct redis_resolving *x)
{
	(void)pthread_mutex_destroy(&x->lock);
	free(x->host);
	free(x);
}
