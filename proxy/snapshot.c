/* proxy/snapshot.c - see proxy/snapshot.h */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "oidc/fetch.h"
#include "proxy/redis.h"
#include "proxy/refresh_job.h"
#include "proxy/snapshot.h"
#include "proxy/store_redis.h"
#include "proxy/tls.h"
#include "proxy/verify.h"

static int make_rules(struct snapshot *, struct err *);
static int make_store(struct snapshot *, struct snapshot *, struct err *);
static void make_names(struct snapshot *);
static void make_providers(struct snapshot *, struct snapshot *);
static void make_outbounds(struct snapshot *, struct snapshot *);
static int make_upstreams(struct snapshot *, struct snapshot *, struct err *);
static int64_t lock_life(const struct conf *);
static int make_listens(struct snapshot *, struct err *);
static void make_route_fields(struct snapshot *);
static const struct server *server_before(
    const struct snapshot *, const struct conf_upstream *, const struct conf_server *);
static void resolve(struct server *);
static const struct addrinfo *same_address(const struct addrinfo *, const struct server *);
static void snapshot_free(struct snapshot *);

struct snapshot *
snapshot_new(struct conf *c, struct snapshot *old, struct err *e)
{
	struct snapshot *s = xcalloc(1, sizeof(*s));

	atomic_init(&s->refs, 1);
	(void)pthread_mutex_init(&s->lock, NULL);
	s->generation = old == NULL ? 1 : old->generation + 1;
	s->conf = c;
	s->mem = mem_new(SIZE_MAX);
	make_names(s);
	if (make_rules(s, e) == -1 || make_store(s, old, e) == -1 ||
	    redis_tls_new(&c->session.redis, &s->redis_tls, e) == -1 || make_listens(s, e) == -1 ||
	    make_upstreams(s, old, e) == -1) {
		snapshot_unref(&s);
		return NULL;
	}
	make_route_fields(s);
	make_providers(s, old); /* from here on nothing fails */
	make_outbounds(s, old);
	return s;
}

void
snapshot_ref(struct snapshot *s)
{
	(void)atomic_fetch_add(&s->refs, 1);
}

void
snapshot_unref(struct snapshot **s)
{
	struct snapshot *p = *s;

	*s = NULL;
	if (p != NULL && atomic_fetch_sub(&p->refs, 1) == 1)
		snapshot_free(p);
}

static void
snapshot_free(struct snapshot *s)
{
	size_t i;

	for (i = 0; s->outbounds != NULL && i < s->conf->n_outbounds; i++)
		outbound_unref(&s->outbounds[i]);
	for (i = 0; s->oidc != NULL && i < s->conf->n_providers; i++)
		oidc_unref(&s->oidc[i]);
	for (i = 0; s->listen_tls != NULL && i < s->conf->n_listens; i++)
		SSL_CTX_free(s->listen_tls[i]);
	for (i = 0; s->upstreams != NULL && i < s->conf->n_upstreams; i++)
		SSL_CTX_free(s->upstreams[i].tls);
	SSL_CTX_free(s->redis_tls);
	store_free(&s->store);
	sessions_free(&s->sessions);
	access_free(&s->access);
	headers_guard_free(&s->guard);
	routes_free(&s->routes);
	OPENSSL_cleanse(&s->keys, sizeof(s->keys));
	mem_free(&s->mem);
	conf_free(&s->conf);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}

static void
make_names(struct snapshot *s)
{
	const struct conf *c = s->conf;
	size_t o, p;

	s->scopes = mem_zalloc(s->mem, c->n_origins * c->n_providers * sizeof(*s->scopes));
	s->redirect_uris = mem_zalloc(s->mem, c->n_origins * c->n_providers * sizeof(*s->redirect_uris));
	s->binding_cookies = mem_zalloc(s->mem, c->n_origins * sizeof(*s->binding_cookies));
	for (o = 0; o < c->n_origins; o++) {
		const struct conf_origin *origin = &c->origins[o];

		s->binding_cookies[o] = session_cookie_name(&c->session, origin, NULL, ".login", s->mem);
		for (p = 0; p < c->n_providers; p++) {
			struct session_scope *scope = &s->scopes[o * c->n_providers + p];

			scope->origin = origin;
			scope->provider = &c->providers[p];
			scope->cookie = str_of(session_cookie_name(
			    &c->session, origin, p == 0 ? NULL : c->providers[p].name, "", s->mem));
			s->redirect_uris[o * c->n_providers + p] = mem_printf(
			    s->mem, "%s%s%s", origin->origin, origin->path, c->providers[p].callback_path);
		}
	}
}

static int
make_rules(struct snapshot *s, struct err *e)
{
	const struct conf_session *cs = &s->conf->session;
	struct conf_strings *needed = mem_zalloc(s->mem, sizeof(*needed));
	size_t i;

	s->routes = routes_new(s->conf);
	s->guard = headers_guard_new(s->conf);
	s->access = access_new(s->conf, e);
	if (s->access == NULL)
		return -1;
	*needed = access_claims_needed(s->conf, s->mem);
	s->claims_needed = needed;
	s->identity_names = verify_names(s->conf, s->mem);
	s->sessions = sessions_new(cs, needed, e);
	if (s->sessions == NULL)
		return -1;
	for (i = 0; i < needed->n; i++) {
		const struct conf_strings values = access_values_needed(s->conf, needed->v[i], s->mem);

		sessions_keep_only(s->sessions, needed->v[i], &values);
	}
	authreq_keys_derive(
	    secret_str(cs->sealing_secret != NULL ? cs->sealing_secret : cs->secrets[0]), &s->keys);
	return 0;
}

static int
make_store(struct snapshot *s, struct snapshot *old, struct err *e)
{
	const struct conf_session *cs = &s->conf->session;

	switch (cs->store) {
	case TOKENS_IN_COOKIE:
		s->store = store_cookie_new(cs, e);
		if (s->store != NULL && cs->redis.host != NULL)
			s->store = store_redis_new(cs, lock_life(s->conf), s->store, e);
		break;
	case TOKENS_IN_MEMORY:
		s->store = store_memory_new(
		    old == NULL ? NULL : old->store, STORE_MEMORY_SESSIONS, STORE_MEMORY_BYTES);
		break;
	case TOKENS_IN_REDIS:
		s->store = store_redis_new(cs, lock_life(s->conf), NULL, e);
		break;
	}
	return s->store == NULL ? -1 : 0;
}

/* Until the token endpoint and UserInfo have answered, keys were fetched, and the tokens are stored. */
static int64_t
lock_life(const struct conf *c)
{
	int64_t timeout = 0;

	for (size_t i = 0; i < c->n_providers; i++)
		if (c->providers[i].timeout > timeout)
			timeout = c->providers[i].timeout;
	return (2 * FETCH_PATIENCE + 4 * timeout + REFRESH_JOB_KEEP) / 1000;
}

static int
make_listens(struct snapshot *s, struct err *e)
{
	size_t i;

	s->listen_tls = mem_zalloc(s->mem, s->conf->n_listens * sizeof(SSL_CTX *));
	for (i = 0; i < s->conf->n_listens; i++) {
		const struct conf_listen *l = &s->conf->listens[i];

		if (l->tls_certificate.n == 0)
			continue;
		s->listen_tls[i] = tls_listen_new(l, e);
		if (s->listen_tls[i] == NULL)
			return -1;
	}
	return 0;
}

static int
make_upstreams(struct snapshot *s, struct snapshot *old, struct err *e)
{
	const struct conf *c = s->conf;
	size_t i, k;

	s->upstreams = mem_zalloc(s->mem, c->n_upstreams * sizeof(*s->upstreams));
	for (i = 0; i < c->n_upstreams; i++) {
		struct upstream *u = &s->upstreams[i];
		bool tls = false;

		u->conf = &c->upstreams[i];
		u->servers = mem_zalloc(s->mem, u->conf->n_servers * sizeof(*u->servers));
		for (k = 0; k < u->conf->n_servers; k++) {
			struct server *v = &u->servers[k];
			const struct server *was;

			v->conf = &u->conf->servers[k];
			v->upstream = u->conf;
			v->number = s->n_servers++;
			tls = tls || v->conf->tls;
			was = server_before(old, u->conf, v->conf);
			if (was != NULL) {
				v->addr = was->addr;
				v->addr_len = was->addr_len;
			}
			resolve(v);
			/* Until it was reached once nobody vouches for it. */
			atomic_store(&v->down, was == NULL || atomic_load(&was->down));
			(void)snprintf(v->why, sizeof(v->why), "not reached yet");
		}
		if (!tls)
			continue;
		u->tls = tls_upstream_new(u->conf, e);
		if (u->tls == NULL)
			return -1;
	}
	return 0;
}

static const struct server *
server_before(const struct snapshot *old, const struct conf_upstream *u, const struct conf_server *v)
{
	size_t i, k;

	for (i = 0; old != NULL && i < old->conf->n_upstreams; i++)
		for (k = 0; strcmp(old->upstreams[i].conf->name, u->name) == 0 &&
			    k < old->upstreams[i].conf->n_servers;
		     k++)
			if (strcmp(old->upstreams[i].servers[k].conf->url, v->url) == 0)
				return &old->upstreams[i].servers[k];
	return NULL;
}

/* Of several addresses the one in use, which was reached; else the first. */
static const struct addrinfo *
same_address(const struct addrinfo *list, const struct server *v)
{
	const struct addrinfo *a;

	for (a = list; a != NULL; a = a->ai_next)
		if (a->ai_addrlen == v->addr_len && memcmp(a->ai_addr, &v->addr, a->ai_addrlen) == 0)
			return a;
	return list;
}

/* Blocking; where there is no address, what it had stays. */
static void
resolve(struct server *v)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV
	};
	struct addrinfo *list = NULL;
	struct sockaddr_storage addr = { 0 };
	socklen_t len = 0;
	char port[8];

	if (v->conf->unix_socket) {
		struct sockaddr_un *un = (struct sockaddr_un *)&addr;

		un->sun_family = AF_UNIX;
		(void)snprintf(un->sun_path, sizeof(un->sun_path), "%s", v->conf->host);
		len = sizeof(*un);
	} else {
		(void)snprintf(port, sizeof(port), "%u", (unsigned)v->conf->port);
		if (getaddrinfo(v->conf->host, port, &hints, &list) == 0 && list != NULL) {
			const struct addrinfo *a = same_address(list, v);

			memcpy(&addr, a->ai_addr, a->ai_addrlen);
			len = a->ai_addrlen;
		}
		if (list != NULL)
			freeaddrinfo(list);
	}
	if (len == 0)
		return;
	v->addr = addr;
	v->addr_len = len;
}

static void
make_route_fields(struct snapshot *s)
{
	size_t i, k;

	s->route_fields = mem_zalloc(s->mem, s->conf->n_routes * sizeof(*s->route_fields));
	for (i = 0; i < s->conf->n_routes; i++) {
		const struct conf_route *r = &s->conf->routes[i];
		struct http1_out o = { 0 };

		for (k = 0; k < r->n_set_headers; k++)
			o.cap += strlen(r->set_headers[k].name) + strlen(r->set_headers[k].value) + 4;
		o.p = mem_secret(s->mem, o.cap);
		for (k = 0; k < r->n_set_headers; k++)
			http1_put_field(&o, str_of(r->set_headers[k].name), str_of(r->set_headers[k].value));
		s->route_fields[i] = (struct str){ o.p, o.n };
	}
}

static void
make_providers(struct snapshot *s, struct snapshot *old)
{
	const struct conf *c = s->conf;
	size_t i;

	s->oidc = mem_zalloc(s->mem, c->n_providers * sizeof(*s->oidc));
	for (i = 0; i < c->n_providers; i++)
		s->oidc[i] = oidc_new(&c->providers[i], snapshot_oidc(old, c->providers[i].name));
}

static void
make_outbounds(struct snapshot *s, struct snapshot *old)
{
	const struct conf *c = s->conf;
	size_t i;

	s->outbounds = mem_zalloc(s->mem, (c->n_outbounds + 1) * sizeof(*s->outbounds));
	for (i = 0; i < c->n_outbounds; i++) {
		const struct conf_outbound *o = &c->outbounds[i];

		s->outbounds[i] = outbound_new(o, o->own ? NULL : s->oidc[o->provider],
		    old == NULL ? NULL : snapshot_outbound(old, o->name));
	}
}

struct oidc *
snapshot_oidc(const struct snapshot *s, const char *provider)
{
	size_t i;

	for (i = 0; s != NULL && i < s->conf->n_providers; i++)
		if (strcmp(s->conf->providers[i].name, provider) == 0)
			return s->oidc[i];
	return NULL;
}

struct outbound *
snapshot_outbound(const struct snapshot *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->conf->n_outbounds; i++)
		if (strcmp(s->conf->outbounds[i].name, name) == 0)
			return s->outbounds[i];
	return NULL;
}

const struct session_scope *
snapshot_scope(const struct snapshot *s, const struct conf_origin *o, size_t provider)
{
	return &s->scopes[(size_t)(o - s->conf->origins) * s->conf->n_providers + provider];
}

const char *
snapshot_redirect_uri(const struct snapshot *s, const struct conf_origin *o, size_t provider)
{
	return s->redirect_uris[(size_t)(o - s->conf->origins) * s->conf->n_providers + provider];
}

const char *
snapshot_binding_cookie(const struct snapshot *s, const struct conf_origin *o)
{
	return s->binding_cookies[o - s->conf->origins];
}
