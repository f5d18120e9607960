/* conf/conf_upstream.c - the servers behind the proxy; see conf/build.h */
#include <string.h>

#include "conf/build.h"
#include "conf/conf_listen.h"
#include "conf/near.h"
#include "conf/url.h"
#include "conf/value.h"

static void one(struct build *, struct group *, struct conf_upstream *);
static void health(struct build *, struct entry *);
static void certificate(struct build *, struct group *, struct conf_upstream *);
static int server_parse(struct mem *, struct str, struct conf_server *, struct err *);
static int server_unix(struct mem *, struct str, struct conf_server *, struct err *);
static struct conf_upstream *upstream_new(struct build *);
static void by_url(struct build *, struct entry *, struct item *, size_t *);

/* Routes that name a URL add upstreams of their own, so there is room for those, too. */
void
conf_upstream_build(struct build *b)
{
	b->conf->upstreams = mem_zalloc(b->mem, (b->groups->n + 1) * sizeof(*b->conf->upstreams));
	for (struct group *g = NULL; (g = build_next(b, SECTION_UPSTREAM, g)) != NULL;) {
		struct conf_upstream *u = upstream_new(b);

		u->name = mem_strdup(b->mem, g->title);
		u->at = build_place(b, g->place);
		for (struct group *was = NULL; (was = build_next(b, SECTION_UPSTREAM, was)) != g;)
			if (!g->flawed && !was->flawed && strcmp(was->title, g->title) == 0) {
				build_same_title(b, g, was);
				break;
			}
		one(b, g, u);
	}
}

static void
one(struct build *b, struct group *g, struct conf_upstream *u)
{
	struct entry *e = groups_entry(g, "servers");

	build_fill(b, g, u);
	u->servers = mem_zalloc(b->mem, (e->n + 1) * sizeof(*u->servers));
	for (size_t i = 0; i < e->n; i++) {
		struct conf_server *s = &u->servers[u->n_servers];
		struct err why;

		if (e->v[i].flawed)
			continue;
		if (server_parse(b->mem, e->v[i].text, s, &why) == -1) {
			build_refuse(b, e, &e->v[i], why.text);
			continue;
		}
		for (size_t j = 0; j < u->n_servers; j++)
			if (s->tls == u->servers[j].tls && s->port == u->servers[j].port &&
			    strcmp(s->host, u->servers[j].host) == 0 && !e->v[i].flawed)
				build_refuse(b, e, &e->v[i], "is there twice; leave one of them out");
		u->n_servers++;
	}
	health(b, groups_entry(g, "health_check"));
	conf_listen_authorities(b, groups_entry(g, "tls_ca"));
	certificate(b, g, u);
}

/* Sent as it is written, so a query and encodings may be in it; nothing that would end the request line. */
static void
health(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	bool good = item != NULL && item->text.p[0] == '/';

	for (size_t i = 0; good && i < item->text.n; i++)
		good = item->text.p[i] > ' ' && item->text.p[i] < '\x7f' && item->text.p[i] != '#';
	if (item != NULL && !good)
		build_refuse(b, e, item, "is not a path to ask a server for; write for example \"/healthz\"");
}

static void
certificate(struct build *b, struct group *g, struct conf_upstream *u)
{
	struct entry *cert = groups_entry(g, "tls_certificate"),
		     *key = groups_entry(g, "tls_certificate_key");
	struct item *c = build_value(cert), *k = build_value(key);
	struct entry *only = cert->given ? cert : key;

	if (cert->given != key->given && !g->unfinished)
		notes_mistake(b->notes, only->place, only->label,
		    "tls_certificate and tls_certificate_key go together; set both");
	if (c != NULL)
		conf_listen_pair(b, cert, c, key, k);
	if (cert->given != key->given)
		u->tls_certificate = u->tls_certificate_key = NULL;
}

static int
server_parse(struct mem *m, struct str text, struct conf_server *s, struct err *e)
{
	struct err why;
	struct url u;

	*s = (struct conf_server){ .url = mem_text(m, text) };
	if (str_begins(text, STR("unix:")))
		return server_unix(m, str_from(text, 5), s, e);
	if (url_parse(text, &u, &why) == -1)
		return err_set(e, REASON_CONFIG,
		    "is not a server: %s; write http://HOST:PORT, https://HOST:PORT or unix:/PATH", why.text);
	if (u.query.p != NULL || (u.path.n > 0 && !str_is(u.path, STR("/"))))
		return err_set(e, REASON_CONFIG,
		    "has a path or a query; write the server alone, the path of a request goes on as it is");
	s->tls = u.https;
	s->port = u.port;
	s->host = u.host.p[0] == '[' ? mem_text(m, (struct str){ u.host.p + 1, u.host.n - 2 })
				     : mem_text(m, u.host);
	if (u.port == (u.https ? 443 : 80))
		s->authority = mem_text(m, u.host);
	else
		s->authority = mem_printf(m, "%.*s:%u", STR_ARG(u.host), u.port);
	return 0;
}

/* What a socket is called in Host is its server's own affair; localhost is what other proxies send. */
static int
server_unix(struct mem *m, struct str path, struct conf_server *s, struct err *e)
{
	if (path.n < 2 || path.p[0] != '/' || path.n > 107)
		return err_set(e, REASON_CONFIG,
		    "is not a unix socket; write unix: and an absolute path of at most 107 bytes");
	s->unix_socket = true;
	s->host = mem_text(m, path);
	s->authority = "localhost";
	return 0;
}

static struct conf_upstream *
upstream_new(struct build *b)
{
	return &b->conf->upstreams[b->conf->n_upstreams++];
}

/* --- for routes -------------------------------------------------------------- */

void
conf_upstream_find(struct build *b, struct entry *e, struct item *item, size_t *index)
{
	bool is_url = strstr(item->text.p, "://") != NULL || str_begins(item->text, STR("unix:"));
	struct near near;

	for (size_t i = 0; i < b->conf->n_upstreams; i++)
		if (strcmp(b->conf->upstreams[i].name, item->text.p) == 0) {
			*index = i;
			return;
		}
	if (is_url)
		by_url(b, e, item, index);
	if (is_url || b->broken)
		return;
	near_init(&near, item->text);
	for (size_t i = 0; i < b->conf->n_upstreams; i++)
		near_offer(&near, b->conf->upstreams[i].name);
	if (near.best != NULL)
		build_mistake(b, e, item, "there is no upstream %s; did you mean %s?",
		    notes_quote(item->text).text, notes_quote(str_of(near.best)).text);
	else
		build_mistake(b, e, item, "there is no upstream %s; write upstream %s { ... }, or a URL here",
		    notes_quote(item->text).text, notes_quote(item->text).text);
}

/* Two routes with one URL share the upstream, and so its connections. */
static void
by_url(struct build *b, struct entry *e, struct item *item, size_t *index)
{
	struct conf_server *server = mem_zalloc(b->mem, sizeof(*server));
	struct group unset = { .section = SECTION_UPSTREAM, .label = "", .unfinished = true };
	struct conf_upstream *u;
	struct err why;

	if (server_parse(b->mem, item->text, server, &why) == -1) {
		build_refuse(b, e, item, why.text);
		return;
	}
	groups_defaults(&unset, b->mem);
	u = upstream_new(b);
	build_fill(b, &unset, u);
	u->name = mem_text(b->mem, item->text);
	u->servers = server;
	u->n_servers = 1;
	u->at = build_place(b, item->place);
	*index = (size_t)(u - b->conf->upstreams);
}
