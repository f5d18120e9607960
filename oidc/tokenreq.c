/* oidc/tokenreq.c - see oidc/tokenreq.h */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "conf/secret.h"
#include "oidc/assertion.h"
#include "oidc/jose.h"
#include "oidc/tokenreq.h"

#define EXPIRES_MAX (10LL * 366 * 86400) /* what lies further ahead is as good as this */

struct form {
	char *p; /* has room for all that will be put */
	size_t n;
};

/* What an error means to us, and what the operator can do about it. */
struct meaning {
	const char *error;
	enum reason reason;
	const char *hint;
};
static const struct meaning meanings[] = {
	{ "invalid_client", REASON_PROVIDER_CLIENT,
	    "check provider.client_id, client_secret (or client_private_key) and "
	    "token_endpoint_auth_method" },
	{ "unauthorized", REASON_PROVIDER_CLIENT,
	    "check provider.client_id and client_secret; token_endpoint_auth_method = \"client_secret_post\" "
	    "avoids the encoding of Basic" },
	{ "invalid_grant", REASON_PROVIDER_GRANT,
	    "the code is too old, was used before, or belongs to another redirect URI or code_verifier" },
	{ "unauthorized_client", REASON_PROVIDER_ERROR,
	    "allow the authorization code grant for this client at the provider" },
	{ "unsupported_grant_type", REASON_PROVIDER_ERROR, "check provider.token_endpoint" },
	{ "invalid_scope", REASON_PROVIDER_ERROR, "check provider.scopes" },
	{ "temporarily_unavailable", REASON_PROVIDER_STATUS, "the provider asks to try again later" },
	{ "server_error", REASON_PROVIDER_STATUS, "see the provider's log" },
	{ NULL, REASON_PROVIDER_ERROR, "see the provider's log" },
};

/* The same where nobody is asked: what only a sign-in can mend ends the grant. */
static const struct meaning renewal_meanings[] = {
	{ "invalid_grant", REASON_PROVIDER_GRANT,
	    "the refresh token has run out, was used before or was revoked" },
	{ "interaction_required", REASON_PROVIDER_GRANT, "the provider wants to see the user" },
	{ "login_required", REASON_PROVIDER_GRANT, "the provider wants to see the user" },
	{ "consent_required", REASON_PROVIDER_GRANT, "the provider wants to ask the user" },
	{ "invalid_client", REASON_PROVIDER_CLIENT,
	    "check provider.client_id, client_secret (or client_private_key) and "
	    "token_endpoint_auth_method" },
	{ "unauthorized", REASON_PROVIDER_CLIENT, "check provider.client_id and client_secret" },
	{ "unauthorized_client", REASON_PROVIDER_ERROR,
	    "allow the refresh token grant for this client at the provider, or set session.refresh = no" },
	{ "unsupported_grant_type", REASON_PROVIDER_ERROR, "set session.refresh = no" },
	{ "temporarily_unavailable", REASON_PROVIDER_STATUS, "the provider asks to try again later" },
	{ "server_error", REASON_PROVIDER_STATUS, "see the provider's log" },
	{ NULL, REASON_PROVIDER_ERROR, "see the provider's log" },
};

/* The same for a token besides the session's: what is wrong with that one leaves the session alone. */
static const struct meaning upstream_meanings[] = {
	{ "invalid_grant", REASON_PROVIDER_GRANT,
	    "the refresh token has run out, was used before or was revoked" },
	{ "invalid_scope", REASON_PROVIDER_ERROR,
	    "check outbound.scope, and whether the sign-in asks for it (provider.additional_scopes)" },
	{ "invalid_target", REASON_PROVIDER_ERROR, "check outbound.resource" },
	{ "invalid_resource", REASON_PROVIDER_ERROR, "check outbound.resource" },
	{ "interaction_required", REASON_PROVIDER_ERROR,
	    "the provider wants to see the user for outbound.scope" },
	{ "consent_required", REASON_PROVIDER_ERROR,
	    "the user, or an administrator, must allow outbound.scope" },
	{ "invalid_client", REASON_PROVIDER_CLIENT,
	    "check provider.client_id, client_secret (or client_private_key) and "
	    "token_endpoint_auth_method" },
	{ "unauthorized", REASON_PROVIDER_CLIENT, "check provider.client_id and client_secret" },
	{ "unauthorized_client", REASON_PROVIDER_ERROR,
	    "allow the refresh token grant for this client at the provider" },
	{ "temporarily_unavailable", REASON_PROVIDER_STATUS, "the provider asks to try again later" },
	{ "server_error", REASON_PROVIDER_STATUS, "see the provider's log" },
	{ NULL, REASON_PROVIDER_ERROR, "see the provider's log" },
};

/* The same where nobody signs in. */
static const struct meaning own_meanings[] = {
	{ "invalid_client", REASON_PROVIDER_CLIENT,
	    "check client_id, client_secret and token_endpoint_auth_method" },
	{ "unauthorized", REASON_PROVIDER_CLIENT, "check client_id and client_secret" },
	{ "invalid_grant", REASON_PROVIDER_GRANT, "check client_id, client_secret and scope" },
	{ "unauthorized_client", REASON_PROVIDER_ERROR,
	    "allow the client credentials grant for this client at the provider" },
	{ "unsupported_grant_type", REASON_PROVIDER_ERROR,
	    "check token_endpoint, and whether the provider has the client credentials grant" },
	{ "invalid_scope", REASON_PROVIDER_ERROR, "check outbound.scope" },
	{ "invalid_target", REASON_PROVIDER_ERROR, "check outbound.resource" },
	{ "invalid_resource", REASON_PROVIDER_ERROR, "check outbound.resource" },
	{ "temporarily_unavailable", REASON_PROVIDER_STATUS, "the provider asks to try again later" },
	{ "server_error", REASON_PROVIDER_STATUS, "see the provider's log" },
	{ NULL, REASON_PROVIDER_ERROR, "see the provider's log" },
};

/* What vendors say more exactly, in error_description.  The more particular hint wins. */
static const struct {
	const char *code, *hint;
} hints[] = {
	{ "AADSTS7000215", "put the client secret's value, not its ID, into provider.client_secret" },
	{ "AADSTS7000222", "the client secret has expired: create a new one, set provider.client_secret" },
	{ "AADSTS700024", "client assertions are good for minutes: set this machine's clock right" },
	{ "AADSTS700027",
	    "upload provider.client_certificate to the app, or sign with the one that is there" },
	{ "AADSTS7000218", "the app is confidential: set provider.client_secret" },
	{ "AADSTS700025", "the redirect URI is registered for a public client: register it under Web" },
	{ "AADSTS9002327", "the redirect URI is registered for a single-page app: register it under Web" },
	{ "AADSTS700016", "check provider.client_id, and the tenant in provider.discovery_url" },
	{ "AADSTS90002", "check the tenant in provider.discovery_url" },
	{ "AADSTS50194", "put the tenant's id into provider.discovery_url in place of common" },
	{ "AADSTS700005", "authorization_endpoint and token_endpoint must be of one tenant" },
	{ "AADSTS500112", "the redirect URI differs from the one of the sign-in: check public_url" },
	{ "AADSTS50011", "register this proxy's redirect URI exactly as it is" },
	{ "AADSTS65001", "an administrator must consent to the app's permissions" },
	{ "AADSTS54005", "the code was used before: the callback was loaded twice" },
	{ "AADSTS70008", "the code ran out: the sign-in took too long, or the answer came late" },
	{ "AADSTS501481", "the code_verifier differs: do all instances have the same sealing_secret?" },
	{ "MSIS9622", "check provider.client_secret and token_endpoint_auth_method" },
	{ "MSIS9611", "allow provider.scopes for this client: Grant-AdfsApplicationPermission" },
	{ "No client credentials found",
	    "set provider.token_endpoint_auth_method to what the client is registered for" },
};

static void put_text(struct form *, struct str);
static void put_encoded(struct form *, struct str);
static void put_field(struct form *, const char *, struct str);
static struct form form_new(struct mem *, size_t);
static void put_client(
    const struct conf_provider *, struct str, struct form *, struct mem *, struct tokenreq *);
static size_t client_room(const struct conf_provider *);
static const char *basic(struct str, struct str, struct mem *);
static json_t *read_answer(
    const struct conf_provider *, const struct tokenreq_answer *, const struct meaning *, struct err *);
static int judge_error(const struct conf_provider *, const struct tokenreq_answer *, const json_t *,
    const struct meaning *, struct err *);
static int parse_newer(json_t *, struct mem *, struct oidc_tokens *, struct err *);
static const char *find_hint(const char *, const struct meaning *);
static bool repeats(const char *, struct str);
static int no_answer(const struct tokenreq_answer *, struct err *);
static int read_tokens(const json_t *, struct mem *, struct oidc_tokens *, struct err *);
static int read_all(const json_t *, struct mem *, struct oidc_tokens *, struct err *);
static int read_own(const json_t *, struct mem *, struct oidc_tokens *, struct err *);
static int read_type(const json_t *, struct err *);
static int read_token(const json_t *, const char *, struct mem *, struct str *, struct err *);
static int64_t read_expires(const json_t *);

void
tokenreq_print(
    const struct conf_provider *c, const struct oidc_code *code, struct mem *m, struct tokenreq *out)
{
	const struct str redirect_uri = str_of(code->redirect_uri), resource = str_of(c->resource);
	struct form f = form_new(m, client_room(c) + redirect_uri.n + code->code.n + code->code_verifier.n +
					resource.n + code->assertion.n);

	put_field(&f, "grant_type", STR("authorization_code"));
	put_field(&f, "code", code->code);
	put_field(&f, "redirect_uri", redirect_uri);
	if (code->code_verifier.p != NULL)
		put_field(&f, "code_verifier", code->code_verifier);
	if (resource.n > 0)
		put_field(&f, "resource", resource);
	put_client(c, code->assertion, &f, m, out);
}

void
tokenreq_print_renewal(
    const struct conf_provider *c, const struct oidc_renewal *n, struct mem *m, struct tokenreq *out)
{
	const struct str scope = str_of(n->scope), resource = str_of(n->resource);
	struct form f =
	    form_new(m, client_room(c) + n->refresh_token.n + scope.n + resource.n + n->assertion.n);

	put_field(&f, "grant_type", STR("refresh_token"));
	put_field(&f, "refresh_token", n->refresh_token);
	if (scope.n > 0)
		put_field(&f, "scope", scope);
	if (resource.n > 0)
		put_field(&f, "resource", resource);
	put_client(c, n->assertion, &f, m, out);
}

void
tokenreq_print_own(
    const struct conf_provider *c, const struct tokenreq_own *own, struct mem *m, struct tokenreq *out)
{
	const struct str scope = str_of(own->scope), resource = str_of(own->resource);
	struct form f = form_new(m, client_room(c) + scope.n + resource.n + own->assertion.n);

	put_field(&f, "grant_type", STR("client_credentials"));
	if (scope.n > 0)
		put_field(&f, "scope", scope);
	if (resource.n > 0)
		put_field(&f, "resource", resource);
	put_client(c, own->assertion, &f, m, out);
}

void
tokenreq_print_introspection(
    const struct conf_provider *c, const struct oidc_introspection *q, struct mem *m, struct tokenreq *out)
{
	struct form f = form_new(m, client_room(c) + q->token.n + q->assertion.n);

	put_field(&f, "token", q->token);
	put_field(&f, "token_type_hint", STR("access_token"));
	put_client(c, q->assertion, &f, m, out);
}

void
tokenreq_print_gift(
    const struct conf_provider *c, const struct tokenreq_gift *gift, struct mem *m, struct tokenreq *out)
{
	struct form f = form_new(m, client_room(c) + gift->token.n + gift->assertion.n);

	put_field(&f, "token", gift->token);
	put_field(&f, "token_type_hint", STR("refresh_token"));
	put_client(c, gift->assertion, &f, m, out);
}

static size_t
client_room(const struct conf_provider *c)
{
	return strlen(c->client_id) + (c->client_secret != NULL ? secret_str(c->client_secret).n : 0);
}

/* Who asks (RFC 6749 2.3.1): the end of the body, or a header beside it. */
static void
put_client(
    const struct conf_provider *c, struct str assertion, struct form *f, struct mem *m, struct tokenreq *out)
{
	const enum conf_auth_method method = c->token_endpoint_auth_method;
	const struct str id = str_of(c->client_id);
	const struct str secret = c->client_secret != NULL ? secret_str(c->client_secret) : STR("");

	if (method != AUTH_METHOD_BASIC)
		put_field(f, "client_id", id);
	if (method == AUTH_METHOD_POST)
		put_field(f, "client_secret", secret);
	if (assertion.p != NULL) {
		put_field(f, "client_assertion_type", STR(ASSERTION_TYPE));
		put_field(f, "client_assertion", assertion);
	}
	out->body = (struct str){ f->p, f->n };
	out->authorization = method == AUTH_METHOD_BASIC ? basic(id, secret, m) : NULL;
}

/* Room for the names of all fields and `values` bytes, each of which may become three. */
static struct form
form_new(struct mem *m, size_t values)
{
	return (struct form){ mem_secret(m, 512 + values * 3), 0 };
}

static void
put_field(struct form *f, const char *name, struct str value)
{
	if (f->n > 0)
		put_text(f, STR("&"));
	put_text(f, str_of(name));
	put_text(f, STR("="));
	put_encoded(f, value);
}

static void
put_text(struct form *f, struct str s)
{
	memcpy(f->p + f->n, s.p, s.n);
	f->n += s.n;
}

/* Here rather than by url_encode(): what that returns is not wiped, and a form has + for a space. */
static void
put_encoded(struct form *f, struct str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c != '\0' && strchr("-._~", c) != NULL))
			f->p[f->n++] = (char)c;
		else if (c == ' ')
			f->p[f->n++] = '+';
		else {
			f->p[f->n++] = '%';
			f->p[f->n++] = hex[c >> 4];
			f->p[f->n++] = hex[c & 15];
		}
	}
}

/* RFC 6749 2.3.1: both halves are form-encoded first, so that a ':' in the id is none. */
static const char *
basic(struct str id, struct str secret, struct mem *m)
{
	struct form f = form_new(m, id.n + secret.n);
	char *out;

	put_encoded(&f, id);
	put_text(&f, STR(":"));
	put_encoded(&f, secret);
	out = mem_secret(m, sizeof("Basic ") + (f.n + 2) / 3 * 4);
	memcpy(out, "Basic ", 6);
	(void)EVP_EncodeBlock((unsigned char *)out + 6, (unsigned char *)f.p, (int)f.n);
	return out;
}

int
tokenreq_parse(const struct conf_provider *c, const struct tokenreq_answer *a, struct mem *m,
    struct oidc_tokens *out, struct err *e)
{
	json_t *o = read_answer(c, a, meanings, e);
	int r = -1;

	memset(out, 0, sizeof(*out));
	if (o != NULL)
		r = read_tokens(o, m, out, e);
	if (r == -1)
		memset(out, 0, sizeof(*out));
	json_decref(o);
	return r;
}

int
tokenreq_parse_renewal(const struct conf_provider *c, const struct tokenreq_answer *a, struct mem *m,
    struct oidc_tokens *out, struct err *e)
{
	return parse_newer(read_answer(c, a, renewal_meanings, e), m, out, e);
}

int
tokenreq_parse_upstream(const struct conf_provider *c, const struct tokenreq_answer *a, struct mem *m,
    struct oidc_tokens *out, struct err *e)
{
	return parse_newer(read_answer(c, a, upstream_meanings, e), m, out, e);
}

/* o may be NULL: *e says why. */
static int
parse_newer(json_t *o, struct mem *m, struct oidc_tokens *out, struct err *e)
{
	int r = -1;

	memset(out, 0, sizeof(*out));
	if (o != NULL)
		r = read_all(o, m, out, e);
	if (r == 0 && out->access_token.p == NULL)
		r = err_set(e, REASON_PROVIDER_ANSWER, "token endpoint: the answer has no access_token");
	if (r == -1)
		memset(out, 0, sizeof(*out));
	json_decref(o);
	return r;
}

int
tokenreq_parse_own(const struct conf_provider *c, const struct tokenreq_answer *a, struct mem *m,
    struct oidc_tokens *out, struct err *e)
{
	json_t *o = read_answer(c, a, own_meanings, e);
	int r = -1;

	memset(out, 0, sizeof(*out));
	if (o != NULL)
		r = read_own(o, m, out, e);
	if (r == -1)
		memset(out, 0, sizeof(*out));
	json_decref(o);
	return r;
}

/* A success's JSON object, the caller's; NULL when the answer is none. */
static json_t *
read_answer(const struct conf_provider *c, const struct tokenreq_answer *a, const struct meaning *table,
    struct err *e)
{
	json_t *o;
	bool good;

	/* In trouble, or busy: whatever the body says, it is not about this request. */
	if (a->status == 429 || a->status >= 500) {
		(void)no_answer(a, e);
		return NULL;
	}
	o = jose_json(a->body, TOKENREQ_ANSWER_MAX, REASON_PROVIDER_ANSWER, e);
	if (o == NULL) {
		(void)(a->status == 200 ? err_in(e, "token endpoint: the answer") : no_answer(a, e));
		return NULL;
	}
	good = a->status == 200 && json_object_get(o, "error") == NULL;
	if (!good) {
		(void)judge_error(c, a, o, table, e);
		json_decref(o);
	}
	return good ? o : NULL;
}

/* RFC 6749 5.2; Okta answers some mistakes in words of its own. */
static int
judge_error(const struct conf_provider *c, const struct tokenreq_answer *a, const json_t *o,
    const struct meaning *w, struct err *e)
{
	const struct str secret = c->client_secret != NULL ? secret_str(c->client_secret) : STR("");
	const char *error = json_string_value(json_object_get(o, "error"));
	const char *text = json_string_value(json_object_get(o, "error_description"));

	if (error == NULL) {
		error = json_string_value(json_object_get(o, "errorCode"));
		text = json_string_value(json_object_get(o, "errorSummary"));
	}
	if (error == NULL)
		return no_answer(a, e);
	if (text == NULL)
		text = "";
	while (w->error != NULL && strcmp(w->error, error) != 0)
		w++;
	if (repeats(error, a->code) || repeats(error, secret) || repeats(text, a->code) ||
	    repeats(text, secret))
		return err_set(e, w->reason,
		    "token endpoint: HTTP %d, an error whose text repeats a secret: %s", a->status, w->hint);
	/* The first line: what follows are dates and trace ids. */
	return err_set(e, w->reason, "token endpoint: %.40s%s%.*s%s: %s", error, text[0] != '\0' ? " (" : "",
	    (int)(strcspn(text, "\r\n") < 110 ? strcspn(text, "\r\n") : 110), text,
	    text[0] != '\0' ? ")" : "", find_hint(text, w));
}

static const char *
find_hint(const char *text, const struct meaning *w)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		const char *at = strstr(text, hints[i].code);

		if (at == NULL)
			continue;
		at += strlen(hints[i].code);
		if (*at < '0' || *at > '9')
			return hints[i].hint;
	}
	return w->hint;
}

static bool
repeats(const char *text, struct str secret)
{
	return secret.n > 0 && memmem(text, strlen(text), secret.p, secret.n) != NULL;
}

/* A page of some server in between, a wrong URL, maintenance. */
static int
no_answer(const struct tokenreq_answer *a, struct err *e)
{
	const int n = (int)(a->type.n < 60 ? a->type.n : 60);

	if (a->status == 429 || a->status >= 500)
		return err_set(e, REASON_PROVIDER_STATUS, "token endpoint: HTTP %d (%.*s): %s", a->status, n,
		    a->type.p,
		    a->status == 429 ? "the provider asks to try again later" : "the provider is in trouble");
	return err_set(e, REASON_PROVIDER_STATUS,
	    "token endpoint: HTTP %d (%.*s), which is no answer of a token endpoint: check "
	    "provider.token_endpoint%s",
	    a->status, n, a->type.p,
	    a->status / 100 == 3 ? "; redirects are not followed"
	    : a->status == 401   ? ", client_id and client_secret"
				 : " and what stands in between");
}

static int
read_tokens(const json_t *o, struct mem *m, struct oidc_tokens *out, struct err *e)
{
	if (read_all(o, m, out, e) == -1)
		return -1;
	if (out->id_token.p == NULL)
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "token endpoint: the answer has no id_token; is openid among provider.scopes, and is "
		    "this the "
		    "endpoint of an OpenID provider?");
	return 0;
}

static int
read_all(const json_t *o, struct mem *m, struct oidc_tokens *out, struct err *e)
{
	if (read_type(o, e) == -1 || read_token(o, "id_token", m, &out->id_token, e) == -1 ||
	    read_token(o, "access_token", m, &out->access_token, e) == -1 ||
	    read_token(o, "refresh_token", m, &out->refresh_token, e) == -1)
		return -1;
	out->expires_in = read_expires(json_object_get(o, "expires_in"));
	return 0;
}

/* Here it is the access token that counts, and how it is to be presented must be said (RFC 6749 5.1, 7.1). */
static int
read_own(const json_t *o, struct mem *m, struct oidc_tokens *out, struct err *e)
{
	if (read_type(o, e) == -1 || read_token(o, "access_token", m, &out->access_token, e) == -1)
		return -1;
	if (!json_is_string(json_object_get(o, "token_type")))
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "token endpoint: the answer has no token_type; accepted: Bearer");
	if (out->access_token.p == NULL)
		return err_set(e, REASON_PROVIDER_ANSWER, "token endpoint: the answer has no access_token");
	out->expires_in = read_expires(json_object_get(o, "expires_in"));
	return 0;
}

/* RFC 6749 5.1, Core 3.1.3.3.  Left out it does no harm: what counts for us is the ID token. */
static int
read_type(const json_t *o, struct err *e)
{
	const json_t *type = json_object_get(o, "token_type");

	if (type == NULL || json_is_null(type))
		return 0;
	if (!json_is_string(type) || strcasecmp(json_string_value(type), "Bearer") != 0)
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "token endpoint: token_type is \"%.8s\"; accepted: Bearer",
		    json_is_string(type) ? json_string_value(type) : "(not a text)");
	return 0;
}

/* Absent, null and "" are the same.  A token is what may stand in a header: printable ASCII. */
static int
read_token(const json_t *o, const char *name, struct mem *m, struct str *out, struct err *e)
{
	const json_t *value = json_object_get(o, name);
	const size_t n = json_string_length(value);
	const char *p = json_string_value(value);
	char *copy;

	*out = (struct str){ NULL, 0 };
	if (value == NULL || json_is_null(value) || (p != NULL && n == 0))
		return 0;
	if (p == NULL)
		return err_set(e, REASON_PROVIDER_ANSWER, "token endpoint: %s is not a text", name);
	if (n > TOKENREQ_TOKEN_MAX)
		return err_set(e, REASON_PROVIDER_TOO_LARGE, "token endpoint: %s has %zu bytes; accepted: %d",
		    name, n, TOKENREQ_TOKEN_MAX);
	for (size_t i = 0; i < n; i++)
		if (p[i] <= 0x20 || p[i] >= 0x7f)
			return err_set(e, REASON_PROVIDER_ANSWER,
			    "token endpoint: %s holds a byte that is not printable ASCII", name);
	copy = mem_secret(m, n + 1);
	memcpy(copy, p, n);
	*out = (struct str){ copy, n };
	return 0;
}

/* A number; some servers (Entra v1, AD FS) put it into quotes.  What is neither says nothing. */
static int64_t
read_expires(const json_t *v)
{
	const char *p = json_string_value(v);
	long long n = 0;

	if (json_is_integer(v))
		n = json_integer_value(v);
	else if (json_is_real(v) && json_real_value(v) > 0)
		n = json_real_value(v) < (double)EXPIRES_MAX ? (long long)json_real_value(v) : EXPIRES_MAX;
	else if (p != NULL && p[0] != '\0' && strspn(p, "0123456789") == json_string_length(v))
		n = strtoll(p, NULL, 10); /* or LLONG_MAX */
	if (n < 0)
		return 0;
	return n < EXPIRES_MAX ? n : EXPIRES_MAX;
}
