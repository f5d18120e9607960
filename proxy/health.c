/* proxy/health.c - see proxy/health.h */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "proxy/health.h"

#define ANSWER_MAX 65536

struct probe {
	struct health *health;
	struct server *server;
	struct fetch_op *op;
	struct event *timer;
	char *url;
	bool told; /* the first outcome is not news unless it is bad */
};

struct health {
	struct fetch *fetch;
	struct snapshot *snap; /* ours: a reference */
	size_t n;
	struct probe *probes;
};

static void ask(struct probe *);
static void judge(struct probe *);
static void follow(struct probe *, const char *);
static void plan(struct probe *, int64_t);
static void done_cb(void *);
static void timer_cb(evutil_socket_t, short, void *);

struct health *
health_new(struct event_base *base, struct fetch *fetch, struct snapshot *snap)
{
	struct health *h = xcalloc(1, sizeof(*h));
	size_t i, k;

	h->fetch = fetch;
	h->snap = snap;
	snapshot_ref(snap);
	h->probes = xcalloc(snap->n_servers, sizeof(*h->probes));
	for (i = 0; i < snap->conf->n_upstreams; i++) {
		for (k = 0; k < snap->upstreams[i].conf->n_servers; k++) {
			struct probe *p = &h->probes[h->n++];
			const struct conf_upstream *u = snap->upstreams[i].conf;

			p->health = h;
			p->server = &snap->upstreams[i].servers[k];
			p->url = xprintf("%s%s",
			    p->server->conf->unix_socket ? "http://localhost" : p->server->conf->url,
			    u->health_check == NULL ? "/" : u->health_check);
			p->timer = event_new(base, -1, 0, timer_cb, p);
			ask(p);
		}
	}
	return h;
}

void
health_free(struct health **hp)
{
	struct health *h = *hp;
	size_t i;

	*hp = NULL;
	if (h == NULL)
		return;
	for (i = 0; i < h->n; i++) {
		fetch_release(&h->probes[i].op);
		event_free(h->probes[i].timer);
		free(h->probes[i].url);
	}
	free(h->probes);
	snapshot_unref(&h->snap);
	free(h);
}

static void
ask(struct probe *p)
{
	const struct conf_upstream *u = p->server->upstream;
	struct fetch_request q = {
		.url = p->url,
		.accept = "*/*",
		.tls_ca = u->tls_ca,
		.proxy = "", /* never through the environment's */
		.unix_socket = p->server->conf->unix_socket ? p->server->conf->host : NULL,
		.insecure = !u->tls_verify,
		.connect_only = u->health_check == NULL,
		.timeout = u->connect_timeout,
		.max_size = ANSWER_MAX,
	};

	p->op = fetch_ask(p->health->fetch, &q, done_cb, p);
}

static void
judge(struct probe *p)
{
	struct snapshot *s = p->health->snap;
	struct server *v = p->server;
	struct fetch_answer a;
	bool was = atomic_load(&v->down), down;
	struct err e = { .reason = REASON_NONE };

	down = fetch_take(p->op, &a, &e) == -1;
	if (!down && v->upstream->health_check != NULL && (a.status < 200 || a.status >= 400)) {
		(void)err_set(&e, REASON_UPSTREAM_BAD_RESPONSE, "%s answers %d", p->url, a.status);
		down = true;
	}
	if (!down)
		follow(p, a.address);
	(void)pthread_mutex_lock(&s->lock);
	(void)snprintf(v->why, sizeof(v->why), "%s", down ? e.text : "");
	(void)pthread_mutex_unlock(&s->lock);
	atomic_store(&v->down, down);
	if (down && (!was || !p->told))
		log_warn("upstream %s: %s cannot be used: %s", v->upstream->name, v->conf->url, e.text);
	else if (!down && was && p->told)
		log_info("upstream %s: %s can be used again", v->upstream->name, v->conf->url);
	p->told = true;
	fetch_release(&p->op);
	plan(p, v->upstream->health_interval);
}

static void
follow(struct probe *p, const char *address)
{
	struct sockaddr_storage addr = { 0 };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addr;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&addr;
	struct server *v = p->server;
	socklen_t len = 0;

	if (v->conf->unix_socket)
		return;
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(v->conf->port);
		len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(v->conf->port);
		len = sizeof(*v6);
	}
	if (len == 0)
		return;
	(void)pthread_mutex_lock(&p->health->snap->lock);
	v->addr = addr;
	v->addr_len = len;
	(void)pthread_mutex_unlock(&p->health->snap->lock);
}

static void
plan(struct probe *p, int64_t ms)
{
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	(void)event_add(p->timer, &tv);
}

/* --- called by fetch and by libevent --- */

static void
done_cb(void *arg)
{
	judge(arg);
}

static void
timer_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ask(arg);
}
