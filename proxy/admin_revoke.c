/*
 * proxy/admin_revoke.c - POST /sessions/revoke on an admin listener (proxy/request.h)
 *
 * An operator ends sessions by username, subject, or session id (ours or the
 * provider's).  Answered when it will last (proxy/revoke.h).
 *
 * Browsers run what any page tells them, also towards this machine: whatever
 * has an Origin is refused, and on loopback whatever calls us by another name
 * (DNS rebinding).
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conf/url.h"
#include "oidc/jose.h"
#include "proxy/admin.h"
#include "proxy/bodyread.h"
#include "proxy/client.h"
#include "proxy/revoke.h"

#define TEXT_MOST 1024 /* bytes of a username, sub or sid */

/* What is asked for. */
struct wanted {
	const char *key; /* "username", "sub" or "sid" */
	struct str text;
	const char *provider; /* NULL: all of them */
};

static bool is_local(const struct conf_listen *);
static bool host_is_local(struct str);
static bool has_token(const struct request *, const struct secret *);
static int read_wanted(const json_t *, struct wanted *, struct err *);
static bool is_text(const json_t *);
static struct revocation *list_of(struct request *, const struct wanted *, size_t *);
static json_t *describe(const struct revocation *);
static void drop_json(void *);
static void free_text(void *);

/* May this caller ask? */
enum step
admin_revoke_begin(struct request *r)
{
	const struct conf_listen *l = admin_listen(r);
	bool local = is_local(l);

	if (r->in.index[FIELD_ORIGIN] != 0)
		return request_refuse(r, REASON_ADMIN_FOREIGN, "a browser asks, for a page of %.*s",
		    STR_ARG(request_field(r, FIELD_ORIGIN)));
	if (local && !r->client->unix_peer && !host_is_local(r->in.host))
		return request_refuse(
		    r, REASON_ADMIN_FOREIGN, "Host is %.*s on a loopback address", STR_ARG(r->in.host));
	if (l->token == NULL ? !local : !has_token(r, l->token)) {
		reply_field(r, "WWW-Authenticate", STR("Bearer"));
		return request_refuse(r, REASON_ADMIN_TOKEN, "%s admin \"%s\"%s",
		    l->token == NULL ? "no token is set for" : "no Authorization: Bearer with the token of",
		    l->address, l->token == NULL ? " (admin.token)" : "");
	}
	return bodyread_json(r, STEP_ADMIN_REVOKE);
}

/* Nobody but this machine reaches it. */
static bool
is_local(const struct conf_listen *l)
{
	struct str address = str_of(l->address);

	return str_begins(address, STR("unix:")) || host_is_local(address);
}

/* With or without a port: 127.0.0.0/8, ::1, localhost. */
static bool
host_is_local(struct str host)
{
	char text[300];
	struct url u;
	struct err ignored;
	int n = snprintf(text, sizeof(text), "http://%.*s/", STR_ARG(host));

	return n > 0 && (size_t)n < sizeof(text) &&
	       url_parse((struct str){ text, (size_t)n }, &u, &ignored) == 0 && url_is_loopback(&u);
}

static bool
has_token(const struct request *r, const struct secret *token)
{
	struct str given = request_field(r, FIELD_AUTHORIZATION), scheme;

	if (!str_next(&given, ' ', &scheme) || !str_is_nocase(scheme, STR("Bearer")))
		return false;
	return secret_equal(str_trim(given), secret_str(token));
}

/* The body is here: whose sessions? */
enum step
admin_revoke_ask(struct request *r)
{
	struct wanted w;
	struct revocation *list;
	json_t *o;
	struct err e;
	size_t n;

	o = jose_json(r->reading->text, BODYREAD_MAX, REASON_BAD_REQUEST, &e);
	if (o == NULL)
		return request_fail(r, &e);
	mem_on_free(r->mem, drop_json, o);
	if (read_wanted(o, &w, &e) == -1)
		return request_fail(r, &e);
	list = list_of(r, &w, &n);
	if (n == 0)
		return request_refuse(r, REASON_BAD_REQUEST, "there is no provider \"%s\"", w.provider);
	r->revoking = list;
	r->n_revoking = n;
	r->revoke = revoke_ask(r->worker, list, n, request_wake, r);
	return request_wait(r, STEP_TAKE_ADMIN_REVOKED);
}

/* One of three, and perhaps whose: what is not understood may have been meant. */
static int
read_wanted(const json_t *o, struct wanted *w, struct err *e)
{
	static const char *const keys[] = { "username", "sub", "sid" };
	const json_t *provider = json_object_get(o, "provider"), *v;
	size_t i, n = 0;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		v = json_object_get(o, keys[i]);
		if (v == NULL)
			continue;
		n++;
		w->key = keys[i];
		w->text = (struct str){ json_string_value(v), json_string_length(v) };
		if (!is_text(v))
			return err_set(
			    e, REASON_BAD_REQUEST, "%s is no text of 1 to %d bytes", keys[i], TEXT_MOST);
	}
	if (n != 1)
		return err_set(e, REASON_BAD_REQUEST, "not exactly one of username, sub and sid");
	if (provider != NULL && (!is_text(provider) || strcmp(w->key, "username") == 0))
		return err_set(e, REASON_BAD_REQUEST, "provider is no text, or beside a username");
	w->provider = json_string_value(provider);
	if (json_object_size(o) != (provider == NULL ? 1U : 2U))
		return err_set(e, REASON_BAD_REQUEST, "a member besides username, sub or sid, and provider");
	return 0;
}

static bool
is_text(const json_t *v)
{
	return json_is_string(v) && json_string_length(v) > 0 && json_string_length(v) <= TEXT_MOST;
}

/* *n 0: no such provider. */
static struct revocation *
list_of(struct request *r, const struct wanted *w, size_t *n)
{
	const struct conf *c = request_snap(r)->conf;
	struct revocation *list = mem_zalloc(r->mem, (c->n_providers + 1) * sizeof(*list));
	struct revocation x = { .kind = strcmp(w->key, "sub") == 0 ? REVOKE_SUBJECT : REVOKE_PROVIDER_SID,
		.provider = STR(""),
		.text = w->text,
		.before_ms = clock_ms(),
		.until = revoke_until(&c->session, clock_seconds()) };
	size_t i;

	*n = 0;
	if (strcmp(w->key, "username") == 0) {
		x.kind = REVOKE_USERNAME;
		list[(*n)++] = x;
		return list;
	}
	for (i = 0; i < c->n_providers; i++) {
		if (w->provider != NULL && strcmp(w->provider, c->providers[i].name) != 0)
			continue;
		x.provider = str_of(c->providers[i].name);
		list[(*n)++] = x;
	}
	if (x.kind == REVOKE_PROVIDER_SID && w->provider == NULL) {
		x.kind = REVOKE_SID;
		x.provider = STR("");
		x.before_ms = REVOKE_ALWAYS;
		list[(*n)++] = x;
	}
	return list;
}

/* It is recorded for good: say what. */
enum step
admin_revoke_take(struct request *r)
{
	const struct revocation *list = r->revoking;
	json_t *o, *recorded;
	struct err e;
	char *text;
	size_t i;

	if (revoke_take(&r->revoke, &e) == -1)
		return request_fail(r, &e);
	o = json_object();
	recorded = json_array();
	for (i = 0; i < r->n_revoking; i++)
		(void)json_array_append_new(recorded, describe(&list[i]));
	(void)json_object_set_new(o, "recorded", recorded);
	(void)json_object_set_new(o, "until", json_integer(list[0].until));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text == NULL)
		return request_refuse(r, REASON_SYSTEM, "what was recorded cannot be shown");
	mem_on_free(r->mem, free_text, text);
	metric_add(&r->worker->metrics.logouts[LOGOUT_ADMIN], 1);
	log_request(LOG_LEVEL_INFO, r->id, REASON_NONE, "sessions of %s %.*s are ended",
	    list[0].kind == REVOKE_USERNAME  ? "username"
	    : list[0].kind == REVOKE_SUBJECT ? "sub"
					     : "sid",
	    STR_ARG(list[0].text));
	reply_set(r, 200, "application/json", str_of(text));
	return STEP_REPLY;
}

static json_t *
describe(const struct revocation *x)
{
	static const char *const keys[REVOKE_KINDS] = { [REVOKE_SID] = "sid",
		[REVOKE_PROVIDER_SID] = "op_sid",
		[REVOKE_FRONT] = "op_sid",
		[REVOKE_SUBJECT] = "sub",
		[REVOKE_USERNAME] = "username" };
	json_t *o = json_object();

	(void)json_object_set_new(o, keys[x->kind], json_stringn(x->text.p, x->text.n));
	if (x->provider.n > 0)
		(void)json_object_set_new(o, "provider", json_stringn(x->provider.p, x->provider.n));
	return o;
}

static void
drop_json(void *o)
{
	json_decref(o);
}

static void
free_text(void *arg)
{
	free(arg);
}
