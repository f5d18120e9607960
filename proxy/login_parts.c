/* proxy/login_parts.c - the decisions of a sign-in that its steps share; see proxy/login.h */
#include <string.h>

#include "conf/url.h"
#include "conf/value.h"
#include "oidc/kinds.h"
#include "oidc/tenant.h"
#include "proxy/bodyread.h"
#include "proxy/client.h"
#include "proxy/login.h"
#include "proxy/pages.h"
#include "proxy/rate.h"
#include "proxy/revoke.h"

#define HINT_MAX 256 /* bytes of a login_hint */

static bool is_ours(struct request *, struct str rd);

struct login *
login_of(struct request *r, size_t provider)
{
	const struct conf *c = request_snap(r)->conf;
	struct visit v;

	if (r->login != NULL)
		return r->login;
	r->login = mem_zalloc(r->mem, sizeof(*r->login));
	r->login->provider = provider;
	request_visit(r, &v, provider);
	binding_read(v.cookies, v.n_cookies, snapshot_binding_cookie(request_snap(r), r->match.origin),
	    r->now_ms / 1000, r->mem, &r->login->binding);
	/* One cookie for all: the next sign-in may be at another provider. */
	for (size_t i = 0; i < c->n_providers; i++)
		r->login->binding.cross_site = r->login->binding.cross_site || c->providers[i].form_post;
	return r->login;
}

struct str
login_detail(const struct request *r)
{
	return r->login->detail.n > 0 ? r->login->detail : str_of(r->err.text);
}

bool
login_within_rate(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	unsigned wait;

	if (r->trusted && IN6_ARE_ADDR_EQUAL(&r->addr, &r->client->peer))
		return true; /* a trusted proxy that names nobody */
	wait =
	    rate_take(r->worker->shared->rates[RATE_LOGIN], &r->addr, c->limits.logins_per_minute, r->now_ms);
	if (wait == 0)
		return true;
	(void)request_refuse(r, REASON_RATE_LIMITED,
	    "more than %llu sign-ins a minute (limits.logins_per_minute)",
	    (unsigned long long)c->limits.logins_per_minute);
	r->reply.retry_after = wait;
	return false;
}

/* Set by hand, else by the provider's kind. */
struct conf_strings
login_username_claims(struct mem *m, const struct conf_provider *p)
{
	const struct kind *k = kind_find(p->kind);
	struct conf_strings out = p->username_claim;
	size_t i;

	if (out.n > 0)
		return out;
	out.v = mem_zalloc(m, sizeof(k->username_claim));
	for (i = 0; k->username_claim[i] != NULL; i++)
		out.v[out.n++] = k->username_claim[i];
	return out;
}

bool
login_find_session(struct request *r)
{
	request_find_session(r, &r->login->provider, 1);
	if (r->found != SESSION_FOUND)
		r->session = NULL;
	return r->session != NULL;
}

/* The provider as it is known now; kept until the request ends. */
bool
login_take_view(struct request *r, struct err *e)
{
	struct login *l = r->login;

	l->view = request_provider_view(r, l->provider, e);
	return l->view != NULL;
}

/*
 * Where to after the sign-in: what was asked for, or what `rd` says; the first
 * page when that is too long, or no page.
 */
struct str
login_wanted_page(struct request *r)
{
	struct str home = str_of(mem_printf(r->mem, "%s/", r->match.origin->path)), rd;

	if (r->kept_page.n > 0)
		return r->kept_page;
	if (r->match.kind == ROUTE_OURS) {
		if (url_param(r->mem, r->in.query, "rd", &rd) != 0)
			return home;
	} else {
		rd =
		    r->in.query.p == NULL || (r->in.method_id != METHOD_GET && r->in.method_id != METHOD_HEAD)
			? r->match.path
			: str_of(
			      mem_printf(r->mem, "%.*s?%.*s", STR_ARG(r->match.path), STR_ARG(r->in.query)));
	}
	return rd.n <= AUTHREQ_TARGET_MAX && url_is_local_path(rd) && !is_ours(r, rd) ? rd : home;
}

/* Of our own endpoints only a kept form is a place to end at: one signs out, one is a hidden frame's. */
static bool
is_ours(struct request *r, struct str rd)
{
	struct str path = { rd.p, 0 };
	struct route_match m;
	struct err ignored;

	while (path.n < rd.n && rd.p[path.n] != '?' && rd.p[path.n] != '#')
		path.n++;
	return route_find(request_snap(r)->routes, r->in.host, path, r->mem, &m, &ignored) == 0 &&
	       m.kind == ROUTE_OURS && (m.is_callback || !str_is(m.endpoint, STR("resume")));
}

/*
 * login?prompt=login: a session that the provider still has is not to be used
 * silently.  login?prompt=none: nothing else is (session.js, iframe_refresh).
 */
const char *
login_asked_prompt(struct request *r)
{
	const struct conf_provider *p = &request_snap(r)->conf->providers[r->login->provider];
	struct str prompt;

	if (r->match.kind != ROUTE_OURS || r->match.is_callback ||
	    url_param(r->mem, r->in.query, "prompt", &prompt) != 0)
		return NULL;
	if (str_is(prompt, STR("none")) && request_snap(r)->conf->session.iframe_refresh)
		return "none";
	if (!str_is(prompt, STR("login")))
		return NULL;
	return kind_find(p->kind)->switch_prompt;
}

/*
 * Tabs that were begun side by side end one after another and are no loop: only
 * a sign-in that began when the last one was done counts as one more round.
 */
void
login_count(struct request *r)
{
	struct login *l = r->login;

	l->binding.failed = 0;
	if (l->flow.round != l->binding.done)
		return;
	if (l->binding.done == 0)
		l->binding.since = r->now_ms / 1000;
	l->binding.done++;
}

/* Only a hint: what is not fit to be shown to a provider is left out. */
struct str
login_asked_hint(struct request *r)
{
	const struct conf_provider *p = &request_snap(r)->conf->providers[r->login->provider];
	struct str hint;

	if (r->match.kind != ROUTE_OURS || r->match.is_callback || p->login_hint_parameter == NULL ||
	    url_param(r->mem, r->in.query, p->login_hint_parameter, &hint) != 0 || hint.n > HINT_MAX ||
	    memchr(hint.p, '\t', hint.n) != NULL || !value_is_text(hint))
		return STR("");
	return hint;
}

void
login_lead_away(struct request *r, const char *endpoint, const struct authreq_params *ask)
{
	const struct conf_provider *p = &request_snap(r)->conf->providers[r->login->provider];

	/* A form is of no use to what is no browser; every provider takes GET as well (Core 3.1.2.1). */
	if (!p->authorize_by_post || !request_is_navigation(r) || r->login->silent) {
		reply_redirect(r, 302, authreq_url(endpoint, ask, r->mem));
		return;
	}
	r->reply.csp = page_csp_send;
	reply_set(r, 200, "text/html; charset=utf-8",
	    page_send(r->id, authreq_endpoint(endpoint, ask, r->mem), ask, r->mem));
}

/* Sign-in after sign-in, and never a session: why? */
enum reason
login_loop_cause(const struct request *r)
{
	if (r->login->binding.done < BINDING_ROUNDS)
		return REASON_NONE;
	switch (r->found) {
	case SESSION_FOUND:
		return REASON_LOGIN_LOOP_APP;
	case SESSION_EXPIRED:
		return REASON_LOGIN_LOOP_CLOCK;
	case SESSION_STALE:
		return REASON_NONE;
	case SESSION_NONE:
	case SESSION_INVALID:
	case SESSION_DUPLICATE:
	case SESSION_REVOKED:
		break;
	}
	return REASON_LOGIN_LOOP_COOKIE;
}

/* RFC 6749 4.1.2; every parameter at most once (3.1), and where it was asked for: who can choose a URL cannot
 * post. */
int
login_read_response(struct request *r, struct response *a)
{
	const struct {
		const char *name;
		struct str *out;
	} params[] = {
		{ "state", &a->state },
		{ "code", &a->code },
		{ "error", &a->error },
		{ "error_description", &a->error_description },
		{ "iss", &a->iss },
		{ "id_token", NULL },
		{ "access_token", NULL },
		{ "session_state", &a->session_state },
	};
	bool form_post = request_snap(r)->conf->providers[r->match.callback_of].form_post;
	struct str from = r->in.query, ignored;
	size_t i;

	if (form_post)
		from = r->reading == NULL ? STR("") : r->reading->text;
	memset(a, 0, sizeof(*a));
	for (i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
		struct str *out = params[i].out == NULL ? &ignored : params[i].out;
		int got = url_param(r->mem, from, params[i].name, out);

		if (got == -1 || (form_post && url_param(r->mem, r->in.query, params[i].name, &ignored) != 1))
			return -1;
		if (got == 1 && out != &a->iss)
			*out = STR("");
	}
	return 0;
}

/* RFC 9207 2.4: compared when it is there, demanded when the provider says that it sends it. */
bool
login_right_issuer(struct request *r, const struct response *a, struct err *e)
{
	const struct conf_strings *tenants = &request_snap(r)->conf->providers[r->login->provider].tenants;
	const struct discovery *d = &r->login->view->meta;
	const struct str iss = a->iss.p == NULL ? STR("") : a->iss;

	if (a->iss.p == NULL && !d->response_iss)
		return true;
	if (str_is(iss, str_of(d->issuer)) && !tenant_is_any(d->issuer))
		return true;
	for (size_t i = 0; tenant_is_any(d->issuer) && i < tenants->n; i++)
		if (str_is(iss, str_of(tenant_issuer_of(d->issuer, tenants->v[i], r->mem))))
			return true;
	(void)err_set(
	    e, REASON_LOGIN_ISS, "the response is of issuer \"%.*s\", not %s", STR_ARG(iss), d->issuer);
	return false;
}

void
login_set_binding(struct request *r)
{
	struct snapshot *s = request_snap(r);

	reply_field(r, "Set-Cookie",
	    str_of(binding_set_cookie(&r->login->binding, &s->conf->session, r->match.origin,
		snapshot_binding_cookie(s, r->match.origin), r->mem)));
}

void
login_replace(struct request *r, const struct visit *v, const struct session *fresh)
{
	struct snapshot *s = request_snap(r);
	const struct session **held;
	size_t n = session_find_all(s->sessions, v, &held), i, k = 0;
	struct revocation *list = mem_zalloc(r->mem, (n + 1) * sizeof(*list));
	int64_t from = r->now_ms + LOGIN_LATE * 1000;
	struct revoke_op *op;

	for (i = 0; i < n; i++)
		if (!str_is(held[i]->sid, fresh->sid) && held[i]->exp > r->now_ms / 1000)
			list[k++] = (struct revocation){ .kind = REVOKE_REPLACED,
				.provider = STR(""),
				.text = held[i]->sid,
				.before_ms = from,
				.until = session_last(&s->conf->session, held[i], from / 1000) };
	if (k == 0)
		return;
	op = revoke_ask(r->worker, list, k, NULL, NULL);
	revoke_cancel(&op); /* nobody waits for that */
}

size_t
login_held_of_others(struct request *r)
{
	struct visit v;
	size_t n = 0;

	for (size_t i = 0; i < request_snap(r)->conf->n_providers; i++) {
		if (i == r->login->provider)
			continue;
		request_visit(r, &v, i);
		n += session_cookie_held(&v);
	}
	return n;
}

size_t
login_size_of(const char **set_cookies)
{
	size_t i, n = 0;

	for (i = 0; set_cookies != NULL && set_cookies[i] != NULL; i++)
		n += strlen(set_cookies[i]);
	return n;
}
