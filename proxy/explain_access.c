/* proxy/explain_access.c - the checks of an access token; see proxy/explain.h */
#include <string.h>

#include "oidc/accesstoken.h"
#include "proxy/access.h"
#include "proxy/explain.h"

static size_t step_of(struct explained *, const struct err *);
static void say_passed(struct explained *, size_t);
static const char *said(struct explained *, const char *);
static const char *mend(enum reason);
static void say_who(struct explained *, const struct principal *);
static void say_route(struct explained *, const struct principal *);

/* In the order of accesstoken_verify(): what fails keeps the rest from being judged. */
enum { STEP_TYPE, STEP_ISSUER, STEP_AUDIENCE, STEP_TIMES, STEP_CLAIMS, STEP_WHO, N_STEPS };
static const char *const steps[N_STEPS] = { "type", "iss", "aud", "exp", "claims", "username" };

void
explain_access(struct explained *x)
{
	const struct accesstoken_check c = {
		.provider = x->provider,
		.issuer = x->view->meta.issuer,
		.access_token_issuer = x->view->meta.access_token_issuer,
		.keys = x->view->keys,
		.jwks_uri = x->view->meta.jwks_uri,
		.now = x->now,
		.mem = x->mem,
	};
	const struct principal *who = NULL;
	const unsigned before = x->f.fails;
	struct err e = { .reason = REASON_NONE };
	size_t bad;

	if (!x->provider->decode_access_token && x->provider->introspection_endpoint != NULL) {
		finding_fail(&x->f, "introspection",
		    "access tokens of this provider are opaque to this proxy (decode_access_token); the "
		    "server "
		    "asks %s about each, and this command does not",
		    x->provider->introspection_endpoint);
		return;
	}
	if (!x->provider->decode_access_token) {
		finding_fail(&x->f, "audience",
		    "provider.audience is not set (or decode_access_token = no): access tokens are opaque to "
		    "this proxy, and let nobody in; set what they are for");
		return;
	}
	explain_signature(x, "access_token_signed_alg", &x->provider->access_token_signed_alg);
	if (x->f.fails > before) {
		explain_expiry(x);
		return;
	}
	bad = accesstoken_verify(&c, x->token, &who, &e) == ACCESSTOKEN_OK ? N_STEPS : step_of(x, &e);
	for (size_t i = 0; i < N_STEPS; i++) {
		if (i < bad)
			say_passed(x, i);
		else if (i == bad)
			finding_fail(&x->f, steps[i], "%s (reason=%s)%s", e.text, reason_word(e.reason),
			    mend(e.reason));
		else
			finding_note(&x->f, steps[i], "not judged, because of %s", steps[bad]);
	}
	explain_overage(x);
	if (who != NULL)
		say_who(x, who);
}

static size_t
step_of(struct explained *x, const struct err *e)
{
	switch ((int)e->reason) {
	case REASON_TOKEN_TYPE:
		return STEP_TYPE;
	case REASON_TOKEN_ISSUER:
	case REASON_TOKEN_TENANT:
	case REASON_TOKEN_KEY:
		return STEP_ISSUER;
	case REASON_TOKEN_AUDIENCE:
		return STEP_AUDIENCE;
	case REASON_TOKEN_EXPIRED:
	case REASON_TOKEN_EARLY:
		return STEP_TIMES;
	case REASON_TOKEN_CLAIM:
		return json_is_number(json_object_get(x->claims, "exp")) ? STEP_CLAIMS : STEP_TIMES;
	default:
		return STEP_WHO;
	}
}

static void
say_passed(struct explained *x, size_t step)
{
	const struct conf_provider *p = x->provider;

	switch (step) {
	case STEP_ISSUER:
		finding_ok(&x->f, "iss", "%s; expected: %s", said(x, "iss"),
		    p->access_token_issuer.n > 0 ? explain_list(&p->access_token_issuer, x->mem)
		    : x->view->meta.access_token_issuer != NULL ? x->view->meta.access_token_issuer
								: x->view->meta.issuer);
		return;
	case STEP_AUDIENCE:
		finding_ok(&x->f, "aud", "%s; provider.audience: %s", said(x, "aud"),
		    explain_list(&p->audience, x->mem));
		return;
	case STEP_TIMES:
		explain_expiry(x);
		return;
	case STEP_TYPE:
		finding_ok(&x->f, "type", "nothing says that it is another kind of token");
		return;
	case STEP_CLAIMS:
		finding_ok(&x->f, "claims", "what must be there is there");
		return;
	default: /* say_who() has more to tell */
		return;
	}
}

/* A claim as text; of a list all of it. */
static const char *
said(struct explained *x, const char *name)
{
	const json_t *value = json_object_get(x->claims, name);
	const char *text = "";

	if (json_is_string(value))
		return json_string_value(value);
	for (size_t i = 0; i < json_array_size(value) && i < 10; i++) {
		const char *one = json_string_value(json_array_get(value, i));

		text = mem_printf(x->mem, "%s%s%.100s", text, i == 0 ? "" : ", ", one == NULL ? "?" : one);
	}
	return text;
}

static const char *
mend(enum reason r)
{
	switch ((int)r) {
	case REASON_TOKEN_ISSUER:
		return "; is it the token of another provider or tenant? else set access_token_issuer";
	case REASON_TOKEN_TENANT:
		return "; add that tenant's id, if its users and programs are to come in";
	case REASON_TOKEN_AUDIENCE:
		return "; let the program ask for a token for this API, or add it to provider.audience";
	case REASON_TOKEN_EXPIRED:
	case REASON_TOKEN_EARLY:
		return "; take a fresh token, or compare the clocks";
	case REASON_TOKEN_USERNAME:
		return "; set provider.access_token_username_claim, or app_only where it has no user";
	default:
		return "";
	}
}

static void
say_who(struct explained *x, const struct principal *who)
{
	const char *app = who->app_id.n > 0 ? mem_text(x->mem, who->app_id) : "(not named)";

	if (who->kind == PRINCIPAL_APP)
		finding_ok(&x->f, "verdict", "a program for itself: %s", app);
	else
		finding_ok(
		    &x->f, "verdict", "the user %.*s, by way of the program %s", STR_ARG(who->username), app);
	finding_note(&x->f, "scopes", "%s", explain_texts(who->scopes, who->n_scopes, x->mem));
	finding_note(&x->f, "roles", "%s", explain_texts(who->roles, who->n_roles, x->mem));
	say_route(x, who);
}

/* As the server does: the rules see what is kept of it. */
static void
say_route(struct explained *x, const struct principal *who)
{
	const struct conf_strings needed = access_claims_needed(x->conf, x->mem);
	const struct bearer *b;
	struct err e;

	b = bearer_new(who, (size_t)(x->provider - x->conf->providers), &needed, x->mem, &e);
	if (b != NULL)
		explain_route_bearer(x, b);
	else
		finding_fail(&x->f, "claims", "%s (reason=%s)", e.text, reason_word(e.reason));
}
