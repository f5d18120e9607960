/* proxy/verify.c - see proxy/verify.h */
#include <string.h>

#include "conf/url.h"
#include "proxy/access.h"
#include "proxy/headers.h"
#include "proxy/login.h"
#include "proxy/request.h"
#include "proxy/usertokens.h"
#include "proxy/verify.h"

static int take(const struct http1_head *, const char *, struct str *, struct err *);
static int take_either(const struct http1_head *, const char *, const char *, struct str *, struct err *);
static int split(struct str, struct verify_named *, struct err *);
static enum http1_method method_of(const struct http1_head *, struct str);
static bool asks_for_upgrade(const struct http1_head *);
static void add_name(struct conf_strings *, const char *);
static void put_aside(struct request *);
static enum step judge(struct request *, const struct verify_named *);
static size_t slashes(struct str);
static struct str value_of(const struct request *, const char *);

/* --- what is asked about ------------------------------------------------------ */

int
verify_read(const struct http1_head *h, struct verify_named *out, struct err *e)
{
	struct str uri;

	memset(out, 0, sizeof(*out));
	if (take_either(h, "X-Original-URI", "X-Forwarded-Uri", &uri, e) == -1 ||
	    take_either(h, "X-Original-Method", "X-Forwarded-Method", &out->method, e) == -1 ||
	    take(h, "X-Forwarded-Host", &out->host, e) == -1)
		return -1;
	if (uri.n == 0)
		return err_set(e, REASON_VERIFY_UNCLEAR,
		    "neither X-Original-URI nor X-Forwarded-Uri says which request is meant");
	out->method_id = method_of(h, out->method);
	if (out->method.n == 0)
		out->method = out->method_id == METHOD_GET ? STR("GET") : STR("-");
	out->upgrade = asks_for_upgrade(h);
	return split(uri, out, e);
}

/* The value of a field that may be there once; "" when it is not. */
static int
take(const struct http1_head *h, const char *name, struct str *out, struct err *e)
{
	size_t i, n = 0;

	*out = STR("");
	for (i = 0; i < h->n_fields; i++) {
		if (!str_is_nocase(h->fields[i].name, str_of(name)))
			continue;
		if (n++ > 0)
			return err_set(e, REASON_VERIFY_UNCLEAR, "%s comes twice", name);
		*out = h->fields[i].value;
	}
	return 0;
}

/*
 * A server in front writes one of the two and passes on the other as its
 * client sent it: where both are there and differ, one of them is a lie.
 */
static int
take_either(const struct http1_head *h, const char *one, const char *other, struct str *out, struct err *e)
{
	struct str second;

	if (take(h, one, out, e) == -1 || take(h, other, &second, e) == -1)
		return -1;
	if (out->n > 0 && second.n > 0 && !str_is(*out, second))
		return err_set(e, REASON_VERIFY_UNCLEAR, "%s and %s differ", one, other);
	if (out->n == 0)
		*out = second;
	return 0;
}

/* As a request line would have it (RFC 9112 3.2.1): a path, and no byte that none may hold. */
static int
split(struct str uri, struct verify_named *out, struct err *e)
{
	const char *mark;
	size_t i;

	for (i = 0; i < uri.n; i++)
		if (uri.p[i] <= ' ' || uri.p[i] > '~' || uri.p[i] == '#')
			return err_set(e, REASON_VERIFY_UNCLEAR,
			    "the path that is asked about holds what no path may hold");
	if (uri.p[0] != '/')
		return err_set(e, REASON_VERIFY_UNCLEAR, "what is asked about does not begin with /");
	mark = memchr(uri.p, '?', uri.n);
	out->path = uri;
	if (mark == NULL)
		return 0;
	out->path.n = (size_t)(mark - uri.p);
	out->query = str_from(uri, out->path.n + 1);
	return 0;
}

static enum http1_method
method_of(const struct http1_head *h, struct str name)
{
	static const struct {
		const char *name;
		enum http1_method id;
	} known[] = {
		{ "GET", METHOD_GET },
		{ "HEAD", METHOD_HEAD },
		{ "POST", METHOD_POST },
		{ "PUT", METHOD_PUT },
		{ "DELETE", METHOD_DELETE },
		{ "OPTIONS", METHOD_OPTIONS },
		{ "PATCH", METHOD_PATCH },
	};
	size_t i;

	if (name.n == 0)
		return http1_get(h, FIELD_ORIGIN) == NULL ? METHOD_GET : METHOD_OTHER;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (str_is(name, str_of(known[i].name)))
			return known[i].id;
	return METHOD_OTHER;
}

/* Upgrade itself is for one hop and often does not come along; the handshake's own fields do (RFC 6455 4.1).
 */
static bool
asks_for_upgrade(const struct http1_head *h)
{
	const struct http1_field *mode = http1_get(h, FIELD_SEC_FETCH_MODE);
	size_t i;

	if (http1_get(h, FIELD_UPGRADE) != NULL || (mode != NULL && str_is(mode->value, STR("websocket"))))
		return true;
	for (i = 0; i < h->n_fields; i++)
		if (str_is_nocase(h->fields[i].name, STR("Sec-WebSocket-Key")))
			return true;
	return false;
}

/* --- what is answered --------------------------------------------------------- */

struct conf_strings
verify_names(const struct conf *c, struct mem *m)
{
	struct conf_strings names = { 0, NULL };
	size_t i, k, most = 0;

	for (i = 0; i < c->n_routes; i++)
		most += 3 + c->routes[i].n_claim_headers;
	names.v = mem_zalloc(m, (most + 1) * sizeof(names.v[0]));
	for (i = 0; i < c->n_routes; i++) {
		add_name(&names, c->routes[i].username_header);
		for (k = 0; k < c->routes[i].n_claim_headers; k++)
			add_name(&names, c->routes[i].claim_headers[k].header);
		add_name(&names, c->routes[i].access_token_header);
		add_name(&names, c->routes[i].id_token_header);
	}
	return names;
}

static void
add_name(struct conf_strings *names, const char *name)
{
	size_t i;

	for (i = 0; name != NULL && i < names->n; i++)
		if (headers_same(str_of(names->v[i]), str_of(name)))
			return;
	if (name != NULL)
		names->v[names->n++] = name;
}

/* --- the road ----------------------------------------------------------------- */

bool
verify_finds_host(struct request *r)
{
	struct route_match match;
	struct str host;
	struct err ignored;

	if (!r->trusted || take(&r->in, "X-Forwarded-Host", &host, &ignored) == -1 || host.n == 0 ||
	    route_find(request_snap(r)->routes, host, r->in.path, r->mem, &match, &ignored) == -1 ||
	    match.kind != ROUTE_OURS || match.is_callback || !str_is(match.endpoint, STR("verify")))
		return false;
	r->match = match;
	return true;
}

/* Which request is meant?  Only a trusted proxy is believed to say so. */
enum step
verify_begin(struct request *r)
{
	struct verify_named named;
	struct str redirect;
	struct err e;

	put_aside(r);
	r->verify->redirect =
	    url_param(r->mem, r->in.query, "redirect", &redirect) == 0 && str_is(redirect, STR("1"));
	if (!r->trusted)
		return request_refuse(r, REASON_VERIFY_UNTRUSTED,
		    "verify is for the servers that trusted_proxies names, and this is none");
	if (verify_read(&r->in, &named, &e) == -1)
		return request_fail(r, &e);
	return judge(r, &named);
}

static void
put_aside(struct request *r)
{
	r->verify = mem_alloc(r->mem, sizeof(*r->verify));
	*r->verify = (struct verify){
		.method = r->in.method,
		.target = r->in.target,
		.path = r->in.path,
		.query = r->in.query,
		.method_id = r->in.method_id,
		.upgrade = r->in.upgrade,
	};
}

/* From here on the request is the one that is asked about. */
static enum step
judge(struct request *r, const struct verify_named *named)
{
	struct route_match match;
	struct err e;

	if (route_find(request_snap(r)->routes, named->host.n > 0 ? named->host : r->in.host, named->path,
		r->mem, &match, &e) == -1)
		return request_fail(r, &e);
	if (match.origin != r->match.origin)
		return request_refuse(r, REASON_VERIFY_UNCLEAR,
		    "Host and X-Forwarded-Host are two different hosts of public_url");
	if (match.kind == ROUTE_OURS)
		return request_refuse(
		    r, REASON_NO_ROUTE, "what lives below auth_path is never behind verify");
	/* The asker passes on what it received, not what was made of it here. */
	if (slashes(match.path) != slashes(named->path))
		return request_refuse(r, REASON_PATH_AMBIGUOUS,
		    "a path with dot segments or empty ones, which the application may read differently");
	r->match = match;
	r->in.method = named->method;
	r->in.method_id = named->method_id;
	r->in.target = r->in.path = named->path;
	r->in.query = named->query;
	r->in.upgrade = named->upgrade;
	return request_protect(r);
}

static size_t
slashes(struct str s)
{
	size_t i, n = 0;

	for (i = 0; i < s.n; i++)
		n += s.p[i] == '/';
	return n;
}

/* Nobody is signed in who asks by a browser: the page that leads to the provider, and back to what was asked
 * for. */
enum step
verify_sign_in(struct request *r)
{
	reply_redirect(r, 302,
	    mem_printf(r->mem, "%s%s?rd=%s", r->match.origin->origin, request_own_path(r, "login").p,
		url_encode(r->mem, login_wanted_page(r)).p));
	return STEP_REPLY;
}

/*
 * It may pass.  All names that any route sets are in the answer: what the
 * asker takes from it then replaces whatever its client had sent.
 */
enum step
verify_allow(struct request *r)
{
	struct conf_strings names = request_snap(r)->identity_names;
	size_t i;

	for (i = 0; i < names.n; i++)
		reply_field(r, names.v[i], value_of(r, names.v[i]));
	if (r->reply.fields.over)
		return request_refuse(
		    r, REASON_HEADER_TOO_LARGE, "the identity headers do not fit into the answer");
	reply_set(r, 200, NULL, STR(""));
	r->verify->allowed = true;
	return STEP_REPLY;
}

static struct str
value_of(const struct request *r, const char *name)
{
	const struct conf_route *route = r->match.route;
	struct str value;
	size_t i;

	if (r->session == NULL)
		return STR("");
	if (headers_same(str_of(route->username_header), str_of(name)))
		return r->username;
	for (i = 0; i < route->n_claim_headers; i++)
		if (headers_same(str_of(route->claim_headers[i].header), str_of(name)))
			return access_claim(r->session, route->claim_headers[i].claim, &value) ? value
											       : STR("");
	return usertokens_value(r, name);
}

int
verify_status(int status)
{
	/* nginx takes every other one for an error of ours; 5xx are. */
	return status == 401 || status >= 500 ? status : 403;
}

void
verify_settle(struct request *r)
{
	const struct verify *v = r->verify;
	bool led_away = v->redirect && r->reply.location != NULL;

	r->in.method = v->method;
	r->in.method_id = v->method_id;
	r->in.target = v->target;
	r->in.path = v->path;
	r->in.query = v->query;
	r->in.upgrade = v->upgrade;
	if (!led_away && !v->allowed)
		r->reply.status = verify_status(r->reply.status);
}
