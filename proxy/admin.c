/*
 * proxy/admin.c - what an operator's machines ask (proxy/request.h)
 *
 * Answers only on admin listeners.  /healthz: the process lives; /readyz: it
 * can serve; /metrics: how it does; /sessions/revoke: in proxy/admin_revoke.c.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conf/url.h"
#include "proxy/admin.h"
#include "proxy/client.h"
#include "proxy/redis_revocations.h"
#include "proxy/request.h"
#include "session/revoked.h"

static step_fn healthz, readyz, metrics;
static bool allowed(const struct request *);
static json_t *list_providers(struct request *, bool *);
static json_t *show_redis(struct request *, bool *);
static json_t *list_upstreams(struct request *, bool *);
static json_t *list_outbounds(struct request *);
static void free_text(void *);

static const struct {
	const char *path;
	step_fn *run;
	bool post; /* POST, and nothing else */
} rows[] = {
	{ "/healthz", healthz, false },
	{ "/readyz", readyz, false },
	{ "/metrics", metrics, false },
	{ "/sessions/revoke", admin_revoke_begin, true },
};

enum step
admin_answer(struct request *r)
{
	size_t i;

	if (!allowed(r))
		return request_refuse(r, REASON_NOT_ADMIN, "an address that admin.allow does not name");
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!str_is(r->in.path, str_of(rows[i].path)))
			continue;
		if (rows[i].post ? r->in.method_id == METHOD_POST
				 : r->in.method_id == METHOD_GET || r->in.method_id == METHOD_HEAD)
			return rows[i].run(r);
		reply_field(r, "Allow", rows[i].post ? STR("POST") : STR("GET, HEAD"));
		return request_refuse(
		    r, REASON_METHOD_NOT_ALLOWED, "%.*s at %s", STR_ARG(r->in.method), rows[i].path);
	}
	return request_refuse(r, REASON_NO_ENDPOINT, "no such admin endpoint");
}

static bool
allowed(const struct request *r)
{
	const struct conf_listen *l = admin_listen(r);

	return l != NULL &&
	       (l->allow.n == 0 || r->client->unix_peer || conf_peers_has(&l->allow, &r->client->peer));
}

const struct conf_listen *
admin_listen(const struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	size_t i;

	for (i = 0; i < c->n_listens; i++)
		if (c->listens[i].admin && strcmp(c->listens[i].address, r->client->listen_address) == 0)
			return &c->listens[i];
	return NULL;
}

static enum step
healthz(struct request *r)
{
	reply_set(r, 200, "text/plain; charset=utf-8", STR("ok\n"));
	return STEP_REPLY;
}

/*
 * Sessions can be served without a provider, and without the Redis as long as
 * its last view is fresh; ?strict asks for sign-ins as well.
 */
static enum step
readyz(struct request *r)
{
	struct shared *sh = r->worker->shared;
	bool strict, started = atomic_load(&sh->started), draining = atomic_load(&sh->draining), ready;
	bool providers = true, upstreams = false, redis = true;
	struct str value;
	json_t *o = json_object();
	char *text;

	strict = url_param(r->mem, r->in.query, "strict", &value) == 0 || str_is(r->in.query, STR("strict"));
	(void)json_object_set_new(o, "providers", list_providers(r, &providers));
	(void)json_object_set_new(o, "upstreams", list_upstreams(r, &upstreams));
	if (request_snap(r)->conf->n_outbounds > 0)
		(void)json_object_set_new(o, "outbounds", list_outbounds(r));
	if (request_snap(r)->conf->session.redis.host != NULL)
		(void)json_object_set_new(o, "redis", show_redis(r, &redis));
	ready =
	    started && !draining && upstreams && !request_is_stale(r) && ((providers && redis) || !strict);
	(void)json_object_set_new(o, "ready", json_boolean(ready));
	if (!started || draining)
		(void)json_object_set_new(o, "reason", json_string(draining ? "draining" : "starting"));
	else if (request_is_stale(r))
		(void)json_object_set_new(o, "reason", json_string(reason_word(REASON_REVOCATIONS_STALE)));
	text = json_dumps(o, JSON_INDENT(2));
	json_decref(o);
	mem_on_free(r->mem, free_text, text);
	reply_set(r, ready ? 200 : 503, "application/json", str_of(text));
	return STEP_REPLY;
}

static json_t *
list_providers(struct request *r, bool *all)
{
	struct snapshot *s = request_snap(r);
	json_t *list = json_array();
	char why[320];
	size_t i;

	for (i = 0; i < s->conf->n_providers; i++) {
		bool ready = oidc_is_ready(s->oidc[i], clock_seconds(), why);
		json_t *o = json_object();

		*all = *all && ready;
		(void)json_object_set_new(o, "name", json_string(s->conf->providers[i].name));
		(void)json_object_set_new(o, "ready", json_boolean(ready));
		if (why[0] != '\0')
			(void)json_object_set_new(o, "reason", json_string(why));
		(void)json_array_append_new(list, o);
	}
	return list;
}

static json_t *
show_redis(struct request *r, bool *up)
{
	json_t *o = json_object();
	char why[320];

	*up = redis_revocations_state(r->worker->shared, why);
	(void)json_object_set_new(o, "at", json_string(request_snap(r)->conf->session.redis.at));
	(void)json_object_set_new(o, "ready", json_boolean(*up));
	if (!*up)
		(void)json_object_set_new(o, "reason", json_string(why));
	return o;
}

static json_t *
list_upstreams(struct request *r, bool *any)
{
	struct snapshot *s = request_snap(r);
	json_t *list = json_array();
	size_t i, k;

	*any = s->conf->n_upstreams == 0;
	for (i = 0; i < s->conf->n_upstreams; i++) {
		struct upstream *u = &s->upstreams[i];
		json_t *o = json_object(), *servers = json_array();

		for (k = 0; k < u->conf->n_servers; k++) {
			bool down = atomic_load(&u->servers[k].down);
			json_t *v = json_object();

			*any = *any || !down;
			(void)json_object_set_new(v, "url", json_string(u->servers[k].conf->url));
			(void)json_object_set_new(v, "usable", json_boolean(!down));
			if (down) {
				(void)pthread_mutex_lock(&s->lock);
				(void)json_object_set_new(v, "reason", json_string(u->servers[k].why));
				(void)pthread_mutex_unlock(&s->lock);
			}
			(void)json_array_append_new(servers, v);
		}
		(void)json_object_set_new(o, "name", json_string(u->conf->name));
		(void)json_object_set_new(o, "servers", servers);
		(void)json_array_append_new(list, o);
	}
	return list;
}

/* Whether their tokens can be had; only the routes that want one depend on it. */
static json_t *
list_outbounds(struct request *r)
{
	struct snapshot *s = request_snap(r);
	json_t *list = json_array();

	for (size_t i = 0; i < s->conf->n_outbounds; i++) {
		struct err why;
		json_t *o = json_object();

		(void)json_object_set_new(o, "name", json_string(s->conf->outbounds[i].name));
		if (s->conf->outbounds[i].by_user) { /* as many as there are users */
			(void)json_object_set_new(o, "grant", json_string("refresh_token"));
			(void)json_array_append_new(list, o);
			continue;
		}
		(void)json_object_set_new(
		    o, "token", json_boolean(outbound_has_token(s->outbounds[i], &why)));
		if (why.reason != REASON_NONE)
			(void)json_object_set_new(o, "reason", json_string(why.text));
		(void)json_array_append_new(list, o);
	}
	return list;
}

static enum step
metrics(struct request *r)
{
	struct snapshot *s = request_snap(r);
	struct shared *sh = r->worker->shared;
	struct metrics_provider *p = mem_zalloc(r->mem, s->conf->n_providers * sizeof(*p));
	struct metrics_server *v = mem_zalloc(r->mem, s->n_servers * sizeof(*v));
	struct metrics_expiry *x = mem_zalloc(r->mem, s->conf->n_expiries * sizeof(*x));
	const struct metrics **workers = mem_zalloc(r->mem, sh->n_workers * sizeof(*workers));
	char why[320];
	struct metrics_process all = {
		.started = sh->began,
		.reloads = atomic_load(&sh->reloads),
		.reload_failures = atomic_load(&sh->reload_failures),
		.revoked = revoked_count(sh->revoked),
		.version = WORKFLOW_PROXY_VERSION,
		.redis = s->conf->session.redis.host != NULL,
		.redis_up = redis_revocations_state(sh, why),
		.n_providers = s->conf->n_providers,
		.providers = p,
		.n_servers = s->n_servers,
		.servers = v,
		.n_expiries = s->conf->n_expiries,
		.expiries = x,
	};
	int64_t now = clock_seconds();
	size_t i, k;

	for (i = 0; i < s->conf->n_providers; i++) {
		struct err e;
		const struct oidc_view *view = oidc_view(s->oidc[i], now, &e);

		p[i].name = s->conf->providers[i].name;
		p[i].ready = oidc_is_ready(s->oidc[i], now, why);
		p[i].keys_age = view == NULL ? -1 : now - view->keys_fetched;
		p[i].clock_offset = view == NULL ? 0 : view->clock_offset;
		if (view != NULL)
			oidc_view_release(&view);
	}
	for (i = 0; i < s->conf->n_upstreams; i++)
		for (k = 0; k < s->upstreams[i].conf->n_servers; k++) {
			struct server *one = &s->upstreams[i].servers[k];

			v[one->number] = (struct metrics_server){ one->upstream->name, one->conf->url,
				!atomic_load(&one->down) };
		}
	for (i = 0; i < s->conf->n_expiries; i++)
		x[i] = (struct metrics_expiry){ s->conf->expiries[i].what, s->conf->expiries[i].ends - now };
	for (i = 0; i < sh->n_workers; i++)
		workers[i] = &sh->workers[i]->metrics;
	reply_set(r, 200, "text/plain; version=0.0.4; charset=utf-8",
	    metrics_print(workers, sh->n_workers, &all, r->mem));
	return STEP_REPLY;
}

static void
free_text(void *arg)
{
	free(arg);
}
