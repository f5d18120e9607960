/* proxy/doctor_provider_says.c - advertised against configured; see proxy/doctor.h */
#include <jansson.h>
#include <string.h>

#include "oidc/discovery.h"
#include "oidc/jose.h"
#include "proxy/doctor.h"

#define SHOWN_MAX 300

struct said {
	struct doctor *d;
	const char *subject;
	const json_t *o;
};

static void says_pkce(const struct said *, const struct conf_provider *);
static void says_method(const struct said *, const struct conf_provider *);
static void says_algs(const struct said *, const struct conf_provider *);
static void says_mode(const struct said *, const struct conf_provider *);
static void says_scopes(const struct said *, const struct conf_provider *);
static bool lists(const json_t *, const char *);
static const char *show(const json_t *, struct mem *);

void
doctor_provider_says(
    struct doctor *d, const char *subject, const struct conf_provider *p, struct str document)
{
	struct err e;
	json_t *o = jose_json(document, DISCOVERY_SIZE_MAX, REASON_PROVIDER_ANSWER, &e);
	const struct said s = { d, subject, o };

	if (o == NULL)
		return;
	says_pkce(&s, p);
	says_method(&s, p);
	says_algs(&s, p);
	says_scopes(&s, p);
	says_mode(&s, p);
	json_decref(o);
}

/* RFC 8414 2.  Entra and AD FS understand it without a word about it. */
static void
says_pkce(const struct said *s, const struct conf_provider *p)
{
	const json_t *list = json_object_get(s->o, "code_challenge_methods_supported");
	struct findings *f = &s->d->f;

	if (!p->pkce && lists(list, "S256"))
		finding_warn(
		    f, s->subject, "PKCE: pkce = off, but the provider supports S256; take the line out");
	else if (!p->pkce)
		finding_warn(f, s->subject, "PKCE: off; only AD FS before 2019 needs that");
	else if (!json_is_array(list))
		finding_ok(f, s->subject,
		    "PKCE: S256 is sent; the document does not say whether it is understood, which is "
		    "usual for Entra and AD FS");
	else if (lists(list, "S256"))
		finding_ok(f, s->subject, "PKCE: S256 is sent and supported");
	else
		finding_warn(f, s->subject,
		    "PKCE: S256 is sent, the provider lists %s; if it refuses sign-ins, set pkce = off",
		    show(list, s->d->mem));
}

/* Discovery 3: a missing list means client_secret_basic. */
static void
says_method(const struct said *s, const struct conf_provider *p)
{
	const json_t *list = json_object_get(s->o, "token_endpoint_auth_methods_supported");
	const char *ours = doctor_method(p);

	if (json_is_array(list) ? lists(list, ours) : p->token_endpoint_auth_method == AUTH_METHOD_BASIC)
		finding_ok(&s->d->f, s->subject, "client authentication: %s is supported", ours);
	else
		finding_warn(&s->d->f, s->subject,
		    "client authentication: token_endpoint_auth_method is %s, the provider lists %s; choose "
		    "what the client is registered for",
		    ours,
		    json_is_array(list) ? show(list, s->d->mem) : "none, which means client_secret_basic");
}

static void
says_algs(const struct said *s, const struct conf_provider *p)
{
	const json_t *list = json_object_get(s->o, "id_token_signing_alg_values_supported");

	if (!json_is_array(list))
		return;
	for (size_t i = 0; i < p->id_token_signed_response_alg.n; i++) {
		if (lists(list, p->id_token_signed_response_alg.v[i])) {
			finding_ok(&s->d->f, s->subject, "algorithms: ID tokens may be signed with %s",
			    p->id_token_signed_response_alg.v[i]);
			return;
		}
	}
	finding_warn(&s->d->f, s->subject,
	    "algorithms: id_token_signed_response_alg is %s, the provider lists %s; name the one that this "
	    "client's tokens are signed with",
	    p->id_token_signed_response_alg.n > 0 ? p->id_token_signed_response_alg.v[0] : "empty",
	    show(list, s->d->mem));
}

static void
says_scopes(const struct said *s, const struct conf_provider *p)
{
	const json_t *list = json_object_get(s->o, "scopes_supported");

	if (!json_is_array(list))
		return;
	for (size_t i = 0; i < p->scopes.n; i++)
		if (!lists(list, p->scopes.v[i]))
			finding_note(&s->d->f, s->subject,
			    "scopes: %s is asked for, the provider does not list it; it need not list all",
			    p->scopes.v[i]);
}

/* OAuth 2.0 Form Post Response Mode; Discovery 3: a missing list means query and fragment. */
static void
says_mode(const struct said *s, const struct conf_provider *p)
{
	const json_t *list = json_object_get(s->o, "response_modes_supported");

	if (p->form_post && !lists(list, "form_post"))
		finding_warn(&s->d->f, s->subject,
		    "response mode: form_post is asked for, the provider lists %s; if it answers otherwise, "
		    "set "
		    "response_mode = query",
		    json_is_array(list) ? show(list, s->d->mem) : "none, which means query and fragment");
}

static bool
lists(const json_t *list, const char *word)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (s != NULL && strcmp(s, word) == 0)
			return true;
	}
	return false;
}

static const char *
show(const json_t *list, struct mem *m)
{
	const char *text = "";

	for (size_t i = 0; i < json_array_size(list) && strlen(text) < SHOWN_MAX; i++) {
		const char *s = json_string_value(json_array_get(list, i));

		text = mem_printf(m, "%s%s%.60s", text, i == 0 ? "" : ", ", s == NULL ? "?" : s);
	}
	return text[0] == '\0' ? "nothing" : text;
}

const char *
doctor_method(const struct conf_provider *p)
{
	switch (p->token_endpoint_auth_method) {
	case AUTH_METHOD_BASIC:
		return "client_secret_basic";
	case AUTH_METHOD_POST:
		return "client_secret_post";
	case AUTH_METHOD_SECRET_JWT:
		return "client_secret_jwt";
	case AUTH_METHOD_KEY_JWT:
		return "private_key_jwt";
	case AUTH_METHOD_NONE:
		break;
	}
	return "none";
}
