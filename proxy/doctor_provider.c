/* proxy/doctor_provider.c - what a provider answers; see proxy/doctor.h */
#include <stdlib.h>
#include <string.h>

#include "conf/pem.h"
#include "conf/secret.h"
#include "oidc/assertion.h"
#include "oidc/discovery.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"
#include "proxy/doctor.h"

#define CLOCK_SOON 5 /* seconds of difference that are warned about */

struct visit_to {
	struct doctor *d;
	const struct conf_provider *p;
	const char *subject;
};

static bool check_document(const struct visit_to *);
static void check_source(const struct visit_to *, const struct oidc_view *);
static bool check_issuer(const struct visit_to *, struct str);
static void check_clock(const struct visit_to *, int64_t);
static const char *unreached(const struct err *);
static void check_keys(const struct visit_to *, const struct oidc_view *);
static size_t count_usable(const struct conf_provider *, const struct jwks *);
static const char *join(const struct conf_strings *, struct mem *);
static void check_client(const struct visit_to *, struct oidc *, const struct oidc_view *);
static void judge_client(const struct visit_to *, int, const struct err *);
static bool is_about_client(const char *);
static void check_introspection(const struct visit_to *, struct oidc *, const struct oidc_view *);
static void check_rest(const struct visit_to *, const struct oidc_view *);

void
doctor_provider(struct doctor *d, const struct conf_provider *p)
{
	const struct visit_to v = { d, p, mem_printf(d->mem, "provider %s", p->name) };
	const struct oidc_view *view;
	struct oidc *o;
	struct err e;

	if (p->discovery == DISCOVERY_DOCUMENT && p->discovery_url != NULL && p->discovery_url[0] != '\0' &&
	    !check_document(&v))
		return;
	o = oidc_new(p, NULL);
	view = reach_view(d->reach, o, &e);
	if (view == NULL) {
		finding_fail(&d->f, "", "%s; %s", e.text, unreached(&e));
	} else {
		if (p->discovery != DISCOVERY_DOCUMENT)
			check_source(&v, view);
		check_keys(&v, view);
		doctor_hosts(d, v.subject, p, &view->meta);
		check_client(&v, o, view);
		if (v.p->introspection_endpoint != NULL && !v.p->decode_access_token)
			check_introspection(&v, o, view);
		check_rest(&v, view);
	}
	oidc_view_release(&view);
	oidc_unref(&o);
}

/* false: nothing more can be learned from it. */
static bool
check_document(const struct visit_to *v)
{
	const struct conf_provider *p = v->p;
	struct doctor *d = v->d;
	const struct fetch_request q = {
		.url = p->discovery_url,
		.accept = "application/json",
		.tls_ca = p->tls_ca,
		.proxy = p->proxy,
		.timeout = p->timeout,
		.max_size = DISCOVERY_SIZE_MAX,
	};
	struct fetch_answer a;
	struct err e;
	int64_t ends;

	if (reach_fetch(d->reach, &q, &a, &e) == -1) {
		finding_fail(&d->f, v->subject, "discovery document: %s; %s", e.text, unreached(&e));
		return false;
	}
	if (a.status != 200) {
		finding_fail(&d->f, v->subject,
		    "discovery document: %s answers HTTP %d, expected 200; check provider.discovery_url%s",
		    p->discovery_url, a.status, a.status / 100 == 3 ? " (redirects are not followed)" : "");
		return false;
	}
	finding_ok(&d->f, v->subject, "discovery document: %s answers, %zu bytes, from %s", p->discovery_url,
	    a.body.n, a.address);
	check_clock(v, a.date);
	if (!check_issuer(v, a.body))
		return false;
	doctor_provider_says(d, v->subject, p, a.body);
	if (reach_certificate(a.address, p->discovery_url, p->timeout, &ends))
		doctor_ends(d, v->subject, "the certificate of the discovery document's server", ends);
	return true;
}

/* Without a discovery document: what came of the keys' source. */
static void
check_source(const struct visit_to *v, const struct oidc_view *view)
{
	finding_ok(&v->d->f, v->subject, "discovery: %s", view->meta.jwks_uri);
	finding_ok(&v->d->f, v->subject, "issuer: %s, %s", view->meta.issuer,
	    v->p->issuer != NULL ? "as provider.issuer says" : "the entityID of the federation metadata");
	if (v->p->discovery != DISCOVERY_STORE)
		check_clock(v, pem_now() + view->clock_offset);
}

static const char *
unreached(const struct err *e)
{
	if (strcasestr(e->text, "certificate") != NULL)
		return "look at the server's certificate (its end, its names), name its authority in "
		       "provider.tls_ca";
	switch ((int)e->reason) {
	case REASON_PROVIDER_DOWN:
		return "check the URL, the resolver, the firewall, provider.proxy and provider.tls_ca";
	case REASON_PROVIDER_TIMEOUT:
		return "check the firewall and provider.proxy, or raise provider.timeout";
	case REASON_PROVIDER_STATUS:
		return "check provider.discovery_url and provider.jwks_uri";
	default:
		return "look at what this URL answers, and whether something in between answers for the "
		       "provider";
	}
}

static bool
check_issuer(const struct visit_to *v, struct str document)
{
	struct discovery meta;
	struct err e;
	const int r = discovery_parse(v->p, document, &meta, &e);

	if (r == -1 && e.reason == REASON_PROVIDER_ISSUER)
		finding_fail(&v->d->f, v->subject,
		    "issuer: %s; correct provider.discovery_url, or provider.issuer byte for byte", e.text);
	else if (r == -1)
		finding_fail(
		    &v->d->f, v->subject, "%s; mend the provider's document, or set it by hand", e.text);
	else if (v->p->issuer != NULL)
		finding_ok(&v->d->f, v->subject, "issuer: %s, as provider.issuer says", meta.issuer);
	else
		finding_ok(&v->d->f, v->subject, "issuer: %s, learned from the document", meta.issuer);
	discovery_release(&meta);
	return r == 0;
}

/* Tokens are judged by our clock, written by theirs. */
static void
check_clock(const struct visit_to *v, int64_t date)
{
	const long long off = date - pem_now(), far = off < 0 ? -off : off;
	const long long most = v->p->clock_tolerance / 1000;
	const char *where = off < 0 ? "behind" : "ahead of";

	if (date == 0)
		finding_warn(&v->d->f, v->subject,
		    "clock: the answer has no Date, so nothing can be compared; keep ours by NTP");
	else if (far > most)
		finding_fail(&v->d->f, v->subject,
		    "clock: the provider's is %lld s %s ours, clock_tolerance is %lld s: its tokens will be "
		    "refused; set this machine's clock by NTP",
		    far, where, most);
	else if (far > CLOCK_SOON)
		finding_warn(&v->d->f, v->subject,
		    "clock: the provider's is %lld s %s ours, clock_tolerance is %lld s; set this machine's "
		    "clock by NTP",
		    far, where, most);
	else
		finding_ok(
		    &v->d->f, v->subject, "clock: the provider's and ours differ by at most %lld s", far + 1);
}

static void
check_keys(const struct visit_to *v, const struct oidc_view *view)
{
	const char *algs = join(&v->p->id_token_signed_response_alg, v->d->mem);
	const size_t all = jwks_count(view->keys), fit = count_usable(v->p, view->keys);

	if (fit > 0)
		finding_ok(&v->d->f, v->subject,
		    "keys: %zu at %s, %zu of them fit id_token_signed_response_alg (%s)", all,
		    view->meta.jwks_uri, fit, algs);
	else
		finding_fail(&v->d->f, v->subject,
		    "keys: %zu at %s, none of them fits id_token_signed_response_alg (%s): every sign-in "
		    "will be refused; name the algorithm that the provider signs with",
		    all, view->meta.jwks_uri, algs);
}

static size_t
count_usable(const struct conf_provider *p, const struct jwks *keys)
{
	size_t fit = 0;

	for (size_t i = 0; i < jwks_count(keys); i++) {
		bool one = false;

		for (size_t k = 0; k < p->id_token_signed_response_alg.n; k++)
			one = one ||
			      jwk_signature_size(jwks_at(keys, i), p->id_token_signed_response_alg.v[k]) > 0;
		fit += one;
	}
	return fit;
}

static const char *
join(const struct conf_strings *s, struct mem *m)
{
	const char *text = "";

	for (size_t i = 0; i < s->n; i++)
		text = mem_printf(m, "%s%s%s", text, i == 0 ? "" : ", ", s->v[i]);
	return text;
}

/* A code that was never issued: who refuses it has looked at who we are first. */
static void
check_client(const struct visit_to *v, struct oidc *o, const struct oidc_view *view)
{
	const struct conf *c = v->d->conf;
	unsigned char bytes[64];
	char code[64], verifier[64];
	struct oidc_code q = { .token_endpoint = view->meta.token_endpoint };
	struct mem *m = mem_new(65536);
	struct err e;

	secret_random(bytes, sizeof(bytes));
	q.code = (struct str){ code, secret_b64(code, bytes, 32) };
	if (v->p->pkce)
		q.code_verifier = (struct str){ verifier, secret_b64(verifier, bytes + 32, 32) };
	q.redirect_uri =
	    mem_printf(m, "%s%s%s", c->origins[0].origin, c->origins[0].path, v->p->callback_path);
	if (assertion_print(v->p, &(struct assertion){ q.token_endpoint, view->meta.issuer, pem_now() }, m,
		&q.assertion, &e) == 0)
		judge_client(v, reach_redeem(v->d->reach, o, &q, m, &e), &e);
	else
		finding_fail(&v->d->f, v->subject, "credentials: nothing can be signed: %s", e.text);
	mem_free(&m);
}

/* A token that was never issued: who says that it is not in force answers us. */
static void
check_introspection(const struct visit_to *v, struct oidc *o, const struct oidc_view *view)
{
	const struct assertion about = { view->meta.token_endpoint, view->meta.issuer, pem_now() };
	unsigned char bytes[32];
	char token[64];
	struct oidc_introspection q = { .endpoint = view->meta.introspection_endpoint };
	struct findings *f = &v->d->f;
	struct mem *m = mem_new(65536);
	struct err e;

	secret_random(bytes, sizeof(bytes));
	q.token = (struct str){ token, secret_b64(token, bytes, sizeof(bytes)) };
	if (assertion_print(v->p, &about, m, &q.assertion, &e) == 0) {
		if (reach_introspect(v->d->reach, o, &q, m, &e) == 0)
			finding_fail(f, v->subject,
			    "introspection: %s says that a token is in force that was never issued; this is "
			    "no "
			    "endpoint to trust",
			    q.endpoint);
		else if (e.reason == REASON_TOKEN_INACTIVE)
			finding_ok(f, v->subject,
			    "introspection: %s answers us; a made-up token is not in force", q.endpoint);
		else
			finding_fail(f, v->subject, "introspection: %s", e.text);
	}
	mem_free(&m);
}

static void
judge_client(const struct visit_to *v, int result, const struct err *e)
{
	const char *how = doctor_method(v->p);
	struct findings *f = &v->d->f;

	if (result == 0)
		finding_fail(f, v->subject,
		    "credentials: the token endpoint gave tokens for a code that was never issued; this is "
		    "no provider to trust");
	else if (e->reason == REASON_PROVIDER_CLIENT || is_about_client(e->text))
		finding_fail(f, v->subject, "credentials: client_id %s by %s is refused: %s", v->p->client_id,
		    how, e->text);
	else if (e->reason == REASON_PROVIDER_GRANT)
		finding_ok(f, v->subject,
		    "credentials: client_id %s by %s is taken; only the made-up code was refused "
		    "(invalid_grant)",
		    v->p->client_id, how);
	else if (e->reason != REASON_PROVIDER_STATUS && e->reason != REASON_PROVIDER_ERROR)
		finding_fail(f, v->subject, "credentials: %s; %s", e->text, unreached(e));
	else if (e->reason == REASON_PROVIDER_STATUS && strstr(e->text, "no answer of a token") != NULL)
		finding_fail(f, v->subject, "credentials: %s", e->text);
	else
		finding_warn(f, v->subject,
		    "credentials: client_id %s by %s could be neither proved nor refuted: %s",
		    v->p->client_id, how, e->text);
}

/* Whatever `error` they come under. */
static bool
is_about_client(const char *text)
{
	static const char *const words[] = { "token endpoint: unauthorized_client", "AADSTS700016",
		"AADSTS7000215", "AADSTS7000222", "AADSTS7000218", "AADSTS700025", "AADSTS700027",
		"AADSTS70001:", "AADSTS7000112", "AADSTS90002:", "AADSTS50194", "MSIS9622", "MSIS9223" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strstr(text, words[i]) != NULL)
			return true;
	return false;
}

static void
check_rest(const struct visit_to *v, const struct oidc_view *view)
{
	struct findings *f = &v->d->f;

	if (view->meta.response_iss)
		finding_ok(f, v->subject,
		    "RFC 9207: the provider names itself in every response, and this is demanded");
	else
		finding_ok(f, v->subject,
		    "RFC 9207: the provider does not promise iss in its responses; where one comes it is "
		    "compared");
	if (view->meta.end_session_endpoint != NULL)
		finding_ok(
		    f, v->subject, "sign-out: end_session_endpoint %s", view->meta.end_session_endpoint);
	else
		finding_warn(f, v->subject,
		    "sign-out: no end_session_endpoint: a sign-out ends the session here, not the one at "
		    "the provider; set provider.end_session_endpoint where there is one");
	if (v->p->userinfo && view->meta.userinfo_endpoint == NULL)
		finding_fail(f, v->subject,
		    "provider.userinfo is on, but there is no userinfo_endpoint; set it, or userinfo = no");
}
