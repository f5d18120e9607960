/*
 * proxy/snapshot.h - one configuration, made ready to serve, never changed again
 *
 * Built aside, on the main thread, with everything it needs (certificates,
 * keys, compiled rules); swapped in whole; freed when the last worker has let
 * go.  What a reload must not lose (a provider's keys, an upstream's state)
 * is taken over from the snapshot before.
 */
#ifndef PROXY_SNAPSHOT_H
#define PROXY_SNAPSHOT_H
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "oidc/authreq.h"
#include "oidc/oidc.h"
#include "oidc/outbound.h"
#include "proxy/access.h"
#include "proxy/headers.h"
#include "proxy/route.h"
#include "session/session.h"
#include "session/store.h"

/* One server of an upstream.  addr is guarded by the snapshot's lock; the rest are hints. */
struct server {
	const struct conf_server *conf;
	const struct conf_upstream *upstream;
	struct sockaddr_storage addr;
	socklen_t addr_len; /* 0: the name has no address yet */
	atomic_bool down;   /* the last attempt to reach it failed */
	char why[320];      /* guarded by the lock: the last failure, for /readyz */
	size_t number;      /* over all upstreams: index into a worker's pools */
};
struct upstream {
	const struct conf_upstream *conf;
	struct server *servers; /* conf->n_servers of them */
	SSL_CTX *tls;           /* NULL: no server wants it */
};

struct snapshot {
	atomic_uint refs;
	unsigned long generation;
	struct conf *conf;
	struct mem *mem; /* texts of the fields below */
	struct routes *routes;
	struct headers_guard *guard;
	struct access *access;
	struct sessions *sessions;
	const struct conf_strings *claims_needed; /* by rules and headers of any route */
	struct conf_strings identity_names;       /* of the headers that any route sets for a user */
	struct store *store;
	struct oidc **oidc;           /* conf->n_providers */
	struct outbound **outbounds;  /* conf->n_outbounds */
	struct session_scope *scopes; /* by origin, then provider: snapshot_scope() */
	const char **redirect_uris;   /* the same order */
	const char **binding_cookies; /* by origin: full name */
	struct authreq_keys keys;
	struct upstream *upstreams; /* conf->n_upstreams */
	size_t n_servers;
	SSL_CTX **listen_tls;     /* conf->n_listens; NULL: plain */
	SSL_CTX *redis_tls;       /* NULL: none, or plain */
	struct str *route_fields; /* conf->n_routes: set_headers as "Name: value CRLF" lines */
	pthread_mutex_t lock;
};

/*
 * Takes c over (freed also when this fails).  `old` may be NULL.  Reads
 * certificates, resolves the servers' names (may take as long as the resolver
 * does; a name without an address is no failure).
 */
struct snapshot *snapshot_new(struct conf *c, struct snapshot *old, struct err *e) MUST_CHECK;
void snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot **s);

const struct session_scope *snapshot_scope(
    const struct snapshot *s, const struct conf_origin *o, size_t provider);
const char *snapshot_redirect_uri(const struct snapshot *s, const struct conf_origin *o, size_t provider);
const char *snapshot_binding_cookie(const struct snapshot *s, const struct conf_origin *o);

/* The provider with this name; NULL: there is none, or s is NULL. */
struct oidc *snapshot_oidc(const struct snapshot *s, const char *provider);
/* The section with this name; NULL: there is none. */
struct outbound *snapshot_outbound(const struct snapshot *s, const char *name);

#endif
