/* proxy/explain_id.c - the checks of an ID token, one by one; see proxy/explain.h */
#include <string.h>

#include "oidc/claims.h"
#include "oidc/identity.h"
#include "oidc/idtoken.h"
#include "oidc/kinds.h"
#include "oidc/tenant.h"
#include "proxy/explain.h"
#include "proxy/when.h"

#define NONCE_OF_NOBODY STR("-")

static void check_issuer(struct explained *);
static void check_audience(struct explained *);
static void check_nonce(struct explained *);
static void check_demands(struct explained *);
static void check_names(struct explained *, const struct conf_strings *);
static struct conf_strings username_claims(struct explained *);
static const struct identity *verify(struct explained *, const struct conf_strings *);

void
explain_id(struct explained *x)
{
	const struct conf_strings names = username_claims(x);
	const struct identity *who;

	explain_signature(x, "id_token_signed_response_alg", &x->provider->id_token_signed_response_alg);
	check_issuer(x);
	check_audience(x);
	explain_expiry(x);
	explain_begin(x, "iat");
	if (json_object_get(x->claims, "nbf") != NULL)
		explain_begin(x, "nbf");
	check_nonce(x);
	check_demands(x);
	check_names(x, &names);
	explain_overage(x);
	who = verify(x, &names);
	if (who != NULL)
		explain_route_session(x, who);
}

static void
check_issuer(struct explained *x)
{
	const char *iss = json_string_value(json_object_get(x->claims, "iss"));
	const char *want = tenant_issuer(x->view->meta.issuer, x->claims, x->mem);
	struct err e;

	if (tenant_judge(&x->provider->tenants, x->view->meta.issuer, x->claims, &e) < 0) {
		finding_fail(&x->f, "tid", "%s; provider.tenants: %s", e.text,
		    explain_list(&x->provider->tenants, x->mem));
		return;
	}
	if (x->provider->tenants.n > 0)
		finding_ok(&x->f, "tid", "%s; provider.tenants: %s",
		    json_string_value(json_object_get(x->claims, "tid")),
		    explain_list(&x->provider->tenants, x->mem));
	if (iss == NULL)
		finding_fail(&x->f, "iss", "missing, or not a text; expected: %s", want);
	else if (strcmp(iss, want) == 0 || (strcmp(want, "https://accounts.google.com") == 0 &&
					       strcmp(iss, "accounts.google.com") == 0))
		finding_ok(&x->f, "iss", "%s; the provider's issuer: %s", iss, want);
	else
		finding_fail(&x->f, "iss",
		    "%s; the provider's issuer: %s; is it the token of another provider or tenant "
		    "(provider.discovery_url)?",
		    iss, want);
}

static void
check_audience(struct explained *x)
{
	const json_t *aud = json_object_get(x->claims, "aud"), *azp = json_object_get(x->claims, "azp");
	const size_t n = json_is_array(aud) ? json_array_size(aud) : 1;
	const char *ours = x->provider->client_id, *all = "";
	bool found = false;

	for (size_t i = 0; i < n; i++) {
		const char *one = json_string_value(json_is_array(aud) ? json_array_get(aud, i) : aud);

		found = found || (one != NULL && strcmp(one, ours) == 0);
		if (i < 10)
			all = mem_printf(
			    x->mem, "%s%s%.100s", all, i == 0 ? "" : ", ", one == NULL ? "(no text)" : one);
	}
	if (found)
		finding_ok(&x->f, "aud", "%s; our client_id: %s", all, ours);
	else
		finding_fail(&x->f, "aud",
		    "%s; our client_id: %s; the token was issued to another client: check provider.client_id",
		    n == 0 ? "nobody" : all, ours);
	if (azp == NULL && n > 1)
		finding_fail(&x->f, "azp", "missing, although aud names others too; expected: %s", ours);
	else if (azp != NULL && (!json_is_string(azp) || strcmp(json_string_value(azp), ours) != 0))
		finding_fail(&x->f, "azp", "%.100s; our client_id: %s",
		    json_is_string(azp) ? json_string_value(azp) : "not a text", ours);
	else if (azp != NULL)
		finding_ok(&x->f, "azp", "%s; our client_id: %s", ours, ours);
}

/* Both belong to a sign-in that is over. */
static void
check_nonce(struct explained *x)
{
	const char *nonce = json_string_value(json_object_get(x->claims, "nonce"));

	if (nonce == NULL)
		finding_fail(&x->f, "nonce",
		    "missing; every sign-in of ours sends one, and refuses a token without it");
	else
		finding_note(&x->f, "nonce", "not checked: only the sign-in that it belongs to knows it");
	if (json_object_get(x->claims, "at_hash") != NULL)
		finding_note(
		    &x->f, "at_hash", "not checked: it is held against the access token that came along");
}

/* Core 3.1.3.7-12, -13: what a sign-in of ours asked for. */
static void
check_demands(struct explained *x)
{
	const struct conf_provider *p = x->provider;
	const char *acr = json_string_value(json_object_get(x->claims, "acr"));
	char words[WHEN_SIZE], span[WHEN_SIZE];
	bool found = false;
	int64_t at;

	for (size_t i = 0; acr != NULL && i < p->acr_values.n; i++)
		found = found || strcmp(acr, p->acr_values.v[i]) == 0;
	if (p->acr_values.n > 0 && !found)
		finding_fail(&x->f, "acr", "%.100s; acr_values: %s", acr == NULL ? "missing" : acr,
		    explain_list(&p->acr_values, x->mem));
	else if (found)
		finding_ok(&x->f, "acr", "%.100s; acr_values: %s", acr, explain_list(&p->acr_values, x->mem));
	if (p->max_age != NULL && claims_time(json_object_get(x->claims, "auth_time"), &at))
		finding_note(&x->f, "auth_time", "signed in %s; max_age: %s", when_words(at, x->now, words),
		    when_span(*p->max_age / 1000, span));
	else if (p->max_age != NULL)
		finding_fail(&x->f, "auth_time", "missing, or not a number of seconds; max_age asks for it");
}

static void
check_names(struct explained *x, const struct conf_strings *names)
{
	const struct str sub = claims_text(json_object_get(x->claims, "sub"));
	json_t *copy = json_deep_copy(x->claims);
	struct str name;
	struct err e;

	if (sub.p == NULL || sub.n == 0 || sub.n > IDTOKEN_SUBJECT_MAX || claims_has_control(sub))
		finding_fail(&x->f, "sub",
		    "missing, empty, too long or with control characters; accepted: 1 to %d",
		    IDTOKEN_SUBJECT_MAX);
	else
		finding_ok(&x->f, "sub", "%s", sub.p);
	if (claims_username(copy, names, &name, &e) == 0)
		finding_ok(&x->f, "username", "%.*s; username_claim: %s", STR_ARG(name),
		    explain_list(names, x->mem));
	else if (x->provider->userinfo)
		finding_note(&x->f, "username", "not in the token (%s); userinfo may have it", e.text);
	else
		finding_fail(&x->f, "username",
		    "%s; set provider.username_claim, or let the provider send it", e.text);
	json_decref(copy);
}

static struct conf_strings
username_claims(struct explained *x)
{
	const struct kind *k = kind_find(x->provider->kind);
	struct conf_strings s = { 0, NULL };

	if (x->provider->username_claim.n > 0 || k == NULL)
		return x->provider->username_claim;
	s.v = mem_zalloc(x->mem, sizeof(k->username_claim));
	for (;
	     s.n < sizeof(k->username_claim) / sizeof(k->username_claim[0]) && k->username_claim[s.n] != NULL;
	     s.n++)
		s.v[s.n] = k->username_claim[s.n];
	return s;
}

/* What the server itself says; the nonce is held against itself, because nobody else has it here. */
static const struct identity *
verify(struct explained *x, const struct conf_strings *names)
{
	struct str nonce = claims_text(json_object_get(x->claims, "nonce"));
	const struct idtoken_check c = {
		.issuer = x->view->meta.issuer,
		.tenants = &x->provider->tenants,
		.kind = x->provider->kind,
		.client_id = x->provider->client_id,
		.nonce = nonce.p == NULL ? NONCE_OF_NOBODY : nonce,
		.algs = &x->provider->id_token_signed_response_alg,
		.keys = x->view->keys,
		.jwks_uri = x->view->meta.jwks_uri,
		.username_claim = names,
		.acr_values = &x->provider->acr_values,
		.max_age = x->provider->max_age,
		.tolerance = x->provider->clock_tolerance / 1000,
		.now = x->now,
		.mem = x->mem,
	};
	const struct identity *who;
	struct err e;

	if (idtoken_verify(&c, x->token, &who, &e) == IDTOKEN_OK) {
		finding_ok(&x->f, "verdict", "a sign-in with this token is accepted, as %.*s",
		    STR_ARG(identity_username(who)));
		return who;
	}
	if (e.reason == REASON_LOGIN_NO_USERNAME && x->provider->userinfo)
		finding_note(&x->f, "verdict", "accepted if userinfo names the user: %s", e.text);
	else
		finding_fail(&x->f, "verdict", "refused, reason=%s: %s", reason_word(e.reason), e.text);
	return NULL;
}
