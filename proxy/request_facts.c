/* proxy/request_facts.c - what a request says of itself; see proxy/request.h */
#include "conf/log.h"
#include "proxy/client.h"
#include "proxy/forward.h"
#include "proxy/overage.h"
#include "proxy/request.h"

static void view_release(void *);

bool
request_from_other_site(const struct request *r)
{
	struct str site = request_field(r, FIELD_SEC_FETCH_SITE), origin = request_field(r, FIELD_ORIGIN);
	bool null = str_is(origin, STR("null"));

	if (str_is(site, STR("cross-site")) || forward_repeated(&r->in, FIELD_ORIGIN))
		return true;
	/* A page with Referrer-Policy: no-referrer sends "null" to its own site. */
	if (null && (str_is(site, STR("same-origin")) || str_is(site, STR("none"))))
		return false;
	return origin.n > 0 && !str_is_nocase(origin, str_of(r->match.origin->origin));
}

/* A browser on its way to a page: it can be sent to the provider and back. */
bool
request_is_navigation(const struct request *r)
{
	struct str mode = request_field(r, FIELD_SEC_FETCH_MODE), type = request_field(r, FIELD_CONTENT_TYPE);
	bool form =
	    str_is_nocase((struct str){ type.p, type.n < 33 ? type.n : 33 },
		STR("application/x-www-form-urlencoded")) ||
	    str_is_nocase((struct str){ type.p, type.n < 19 ? type.n : 19 }, STR("multipart/form-data"));

	if (r->in.method_id != METHOD_GET && r->in.method_id != METHOD_HEAD &&
	    !(r->in.method_id == METHOD_POST && form))
		return false;
	if (mode.n > 0 && !str_is(mode, STR("navigate")))
		return false;
	if (request_field(r, FIELD_X_REQUESTED_WITH).n > 0)
		return false;
	return forward_accepts_html(&r->in);
}

struct str
request_field(const struct request *r, enum field_id id)
{
	const struct http1_field *f = http1_get(&r->in, id);

	return f == NULL ? STR("") : f->value;
}

struct snapshot *
request_snap(const struct request *r)
{
	return r->view->snap;
}

const struct oidc_view *
request_provider_view(struct request *r, size_t provider, struct err *e)
{
	const struct oidc_view *v = oidc_view(request_snap(r)->oidc[provider], clock_seconds(), e);

	if (v != NULL)
		mem_on_free(r->mem, view_release, (void *)(uintptr_t)v);
	return v;
}

static void
view_release(void *arg)
{
	const struct oidc_view *v = arg;

	oidc_view_release(&v);
}

void
request_note_overage(struct request *r, const struct session *s)
{
	const char *claims = overage_list(s, request_snap(r)->claims_needed, r->mem);

	if (claims != NULL)
		log_request(LOG_LEVEL_WARN, r->id, REASON_CLAIM_OVERAGE,
		    "the token of %.*s names %s but is too small to hold it, and a route needs "
		    "it: " OVERAGE_MEND,
		    STR_ARG(s->username), claims);
}

void
request_visit(struct request *r, struct visit *v, size_t provider)
{
	struct str *cookies = NULL;
	size_t i, n = 0;

	if (r->in.index[FIELD_COOKIE] != 0) {
		const struct http1_field *first = http1_get(&r->in, FIELD_COOKIE);

		cookies =
		    mem_alloc(r->mem, (r->in.n_fields - (size_t)(first - r->in.fields)) * sizeof(*cookies));
		for (i = (size_t)(first - r->in.fields); i < r->in.n_fields; i++)
			if (r->in.fields[i].id == FIELD_COOKIE)
				cookies[n++] = r->in.fields[i].value;
	}
	*v = (struct visit){
		.scope = snapshot_scope(request_snap(r), r->match.origin, provider),
		.cookies = cookies,
		.n_cookies = n,
		.revoked = r->worker->shared->revoked,
		.cache = r->worker->cache,
		.redis = r->view->redis,
		.now_ms = r->now_ms,
		.mem = r->mem,
	};
}

bool
request_is_stale(const struct request *r)
{
	return r->began / 1000 > atomic_load_explicit(&r->worker->shared->fresh_until, memory_order_relaxed);
}

void
request_find_session(struct request *r, const size_t *providers, size_t n)
{
	/* How much is said about a browser that is not signed in. */
	static const unsigned worth[] = {
		[SESSION_NONE] = 0,
		[SESSION_INVALID] = 1,
		[SESSION_EXPIRED] = 2,
		[SESSION_REVOKED] = 3,
		[SESSION_DUPLICATE] = 4,
		[SESSION_FOUND] = 5,
		[SESSION_STALE] = 5,
	};
	const struct snapshot *s = request_snap(r);
	struct visit v;

	request_visit(r, &v, 0);
	for (size_t i = 0; i < n; i++) {
		const struct session *session;
		size_t provider = providers == NULL ? i : providers[i];
		enum session_found found;

		v.scope = snapshot_scope(s, r->match.origin, provider);
		found = session_find(s->sessions, &v, &session);
		if (i > 0 && worth[found] <= worth[r->found])
			continue;
		r->found = found;
		r->session = session;
		r->provider = provider;
		if (found != SESSION_FOUND)
			continue;
		if (request_is_stale(r))
			r->found = SESSION_STALE;
		return;
	}
}

struct str
request_own_path(const struct request *r, const char *endpoint)
{
	return str_of(
	    mem_printf(r->mem, "%s%s/%s", r->match.origin->path, request_snap(r)->conf->auth_path, endpoint));
}
