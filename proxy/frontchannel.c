/*
 * proxy/frontchannel.c - the road of a front-channel logout (proxy/request.h)
 *
 * GET logout/frontchannel: the provider's page, with ours in a frame, says
 * that a session of its own has ended (OpenID Connect Front-Channel Logout
 * 1.0).  A frame of another site brings no cookies, so the provider's sid says
 * what is to end.  Nothing proves it: it ends sessions here and does nothing
 * at the provider, and has a share of its own in the table (session/revoked.h).
 */
#include <string.h>

#include "conf/log.h"
#include "conf/url.h"
#include "oidc/claims.h"
#include "oidc/tenant.h"
#include "proxy/endings.h"
#include "proxy/revoke.h"

#define SID_MOST 1024 /* bytes */

static int read_sid(struct request *, struct str *iss, struct str *sid);
static bool is_issuer(struct request *, size_t provider, struct str iss, bool *unknown);
static bool is_of(const struct conf_provider *, const char *issuer, struct str iss, struct mem *);
static void forget_cookies(struct request *);
static const char *framed_by(struct request *);
static const char *origin_of(const char *url, struct mem *);

/* Which session, and whose? */
enum step
frontchannel_begin(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	struct revocation *v = mem_zalloc(r->mem, c->n_providers * sizeof(*v));
	bool unknown = false;
	struct str iss, sid;
	size_t i;

	if (!endings_within_rate(r, r->worker->shared->rates[RATE_FRONT], c->limits.logins_per_minute))
		return STEP_REFUSE;
	if (read_sid(r, &iss, &sid) == -1)
		return request_refuse(r, REASON_LOGOUT_BAD_REQUEST,
		    "sid is missing or not 1 to %d bytes of text, or iss or sid are there twice", SID_MOST);
	for (i = 0; i < c->n_providers; i++)
		if (iss.p == NULL || is_issuer(r, i, iss, &unknown))
			v[r->n_revoking++] = (struct revocation){ .kind = REVOKE_FRONT,
				.provider = str_of(c->providers[i].name),
				.text = sid,
				.before_ms = r->now_ms,
				.until = revoke_until(&c->session, r->now_ms / 1000) };
	if (r->n_revoking == 0 && unknown)
		return request_refuse(
		    r, REASON_PROVIDER_DOWN, "nothing is known yet of the provider that iss may be");
	if (r->n_revoking == 0)
		return request_refuse(
		    r, REASON_LOGOUT_ISSUER, "iss is %.*s, no provider of ours", STR_ARG(iss));
	if (!endings_within_share(r, r->n_revoking))
		return STEP_REFUSE;
	r->revoking = v;
	r->revoke = revoke_ask(r->worker, v, r->n_revoking, request_wake, r);
	return request_wait(r, STEP_TAKE_FRONTCHANNEL);
}

/* Entra and AD FS send a sid alone (iss: p is NULL): then it is anybody's. */
static int
read_sid(struct request *r, struct str *iss, struct str *sid)
{
	int got = url_param(r->mem, r->in.query, "iss", iss);

	if (got == 1)
		*iss = (struct str){ NULL, 0 };
	if (got == -1 || url_param(r->mem, r->in.query, "sid", sid) != 0)
		return -1;
	return sid->n == 0 || sid->n > SID_MOST || claims_has_control(*sid) ? -1 : 0;
}

static bool
is_issuer(struct request *r, size_t provider, struct str iss, bool *unknown)
{
	const struct conf_provider *p = &request_snap(r)->conf->providers[provider];
	struct err ignored;
	const struct oidc_view *v = request_provider_view(r, provider, &ignored);
	const char *issuer = v != NULL ? v->meta.issuer : p->issuer;

	*unknown = *unknown || issuer == NULL;
	return issuer != NULL && is_of(p, issuer, iss, r->mem);
}

static bool
is_of(const struct conf_provider *p, const char *issuer, struct str iss, struct mem *m)
{
	size_t i;

	if (!tenant_is_any(issuer))
		return str_is(iss, str_of(issuer));
	for (i = 0; i < p->tenants.n; i++)
		if (str_is(iss, str_of(tenant_issuer_of(issuer, p->tenants.v[i], m))))
			return true;
	return false;
}

/* It will last. */
enum step
frontchannel_take(struct request *r)
{
	struct err e;

	if (revoke_take(&r->revoke, &e) == -1)
		return request_fail(r, &e);
	metric_add(&r->worker->metrics.logouts[LOGOUT_FRONT], 1);
	log_request(LOG_LEVEL_INFO, r->id, REASON_NONE, "a browser says that %.*s of %.*s has ended",
	    STR_ARG(r->revoking->text), STR_ARG(r->revoking->provider));
	forget_cookies(r);
	r->reply.csp =
	    mem_printf(r->mem, "default-src 'none'; form-action 'none'; frame-ancestors %s", framed_by(r));
	reply_set(r, 200, "text/html; charset=utf-8", STR("<!doctype html><title>Signed out</title>\n"));
	return STEP_REPLY;
}

/* Where they came along after all, those of that session go. */
static void
forget_cookies(struct request *r)
{
	const struct snapshot *s = request_snap(r);
	const struct session *session;
	struct visit v;
	size_t i, k;

	for (i = 0; i < s->conf->n_providers; i++) {
		request_visit(r, &v, i);
		(void)session_find(s->sessions, &v, &session);
		for (k = 0; k < r->n_revoking && session != NULL; k++)
			if (str_is(session->idp, r->revoking[k].provider) &&
			    str_is(session->op_sid, r->revoking[k].text))
				reply_cookies(r, session_cookie_clear(&s->conf->session, r->match.origin,
						     mem_text(r->mem, v.scope->cookie), &v, r->mem));
	}
}

/* The providers' pages: where their issuers, sign-ins and sign-outs are. */
static const char *
framed_by(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	const char *list = "";
	struct err ignored;
	size_t i, k;

	for (i = 0; i < c->n_providers; i++) {
		const struct oidc_view *v = request_provider_view(r, i, &ignored);
		const char *urls[3] = { c->providers[i].issuer };

		if (v != NULL) {
			urls[0] = v->meta.issuer;
			urls[1] = v->meta.authorization_endpoint;
			urls[2] = v->meta.end_session_endpoint;
		}
		for (k = 0; k < 3; k++) {
			const char *origin = urls[k] == NULL ? NULL : origin_of(urls[k], r->mem);

			if (origin != NULL && strstr(list, origin) == NULL)
				list = mem_printf(r->mem, "%s%s", list, origin);
		}
	}
	return list[0] == '\0' ? "'none'" : list;
}

/* With a space behind it, which a list needs, and which tells port 44 from port 443. */
static const char *
origin_of(const char *url, struct mem *m)
{
	struct url u;
	struct err ignored;

	if (url_parse(str_of(url), &u, &ignored) == -1)
		return NULL;
	return mem_printf(m, "%s://%.*s:%u ", u.https ? "https" : "http", STR_ARG(u.host), u.port);
}
