/* oidc/discovery.c - see oidc/discovery.h */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/mem.h"
#include "conf/url.h"
#include "oidc/discovery.h"
#include "oidc/jose.h"
#include "oidc/kinds.h"
#include "oidc/tenant.h"

#define WELL_KNOWN "/.well-known/openid-configuration"
#define OF_STORE   "the configured certificates"

static int read_issuer(const struct conf_provider *, const json_t *, struct discovery *, struct err *);
static int judge_issuer(const struct conf_provider *, const char *issuer, struct err *);
static bool is_issuer_of_url(const char *issuer, const char *url);
static int read_endpoints(const struct conf_provider *, const json_t *, struct discovery *, struct err *);
static int judge_endpoint(const char *member, struct str url, struct err *);
static int read_asked(const struct conf_provider *, const json_t *, struct discovery *, struct err *);
static void read_access_token_issuer(const json_t *, struct discovery *);
static int read_response_iss(const json_t *, struct discovery *, struct err *);
static const char *source_of_keys(const struct conf_provider *);
static char *copy(const char *);

int
discovery_parse(const struct conf_provider *c, struct str document, struct discovery *out, struct err *e)
{
	json_t *o;
	int r;

	memset(out, 0, sizeof(*out));
	o = jose_json(document, DISCOVERY_SIZE_MAX, REASON_PROVIDER_ANSWER, e);
	if (o == NULL)
		return err_in(e, "discovery document");
	r = read_issuer(c, o, out, e);
	if (r == 0)
		r = read_endpoints(c, o, out, e);
	if (r == 0)
		r = read_response_iss(o, out, e);
	if (r == 0)
		r = read_asked(c, o, out, e);
	if (r == 0)
		read_access_token_issuer(o, out);
	json_decref(o);
	return r < 0 ? err_in(e, "discovery document") : 0;
}

static int
read_issuer(const struct conf_provider *c, const json_t *o, struct discovery *out, struct err *e)
{
	const json_t *issuer = json_object_get(o, "issuer");
	struct str s = { json_string_value(issuer), json_string_length(issuer) };

	if (s.p == NULL || s.n == 0 || s.n > DISCOVERY_URL_MAX)
		return err_set(e, REASON_PROVIDER_ISSUER, "issuer is missing, or not a text of 1 to %d bytes",
		    DISCOVERY_URL_MAX);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
			return err_set(e, REASON_PROVIDER_ISSUER,
			    "issuer holds a space, a control or a byte above 0x7e");
	if (judge_issuer(c, s.p, e) < 0)
		return -1;
	out->issuer = xstrndup(s.p, s.n);
	return 0;
}

/* Discovery 4.3.  What is compared here is what every ID token's iss will be held against. */
static int
judge_issuer(const struct conf_provider *c, const char *issuer, struct err *e)
{
	const struct kind *kind = kind_find(c->kind);

	if (tenant_is_any(issuer) && c->tenants.n == 0)
		return err_set(e, REASON_PROVIDER_ISSUER,
		    "issuer is %.80s, which stands for every tenant: put your tenant's id into discovery_url "
		    "in place of common or organizations, or list whom to let in as provider.tenants",
		    issuer);
	if (c->issuer != NULL && strcmp(c->issuer, issuer) != 0)
		return err_set(e, REASON_PROVIDER_ISSUER, "issuer is %.100s, but provider.issuer is %.100s",
		    issuer, c->issuer);
	if ((kind == NULL || kind->issuer_begins_url) && !is_issuer_of_url(issuer, c->discovery_url))
		return err_set(e, REASON_PROVIDER_ISSUER,
		    "issuer is %.80s, but discovery_url %.80s does not begin with it (Discovery 4.3); "
		    "only a provider.kind of its own may differ there",
		    issuer, c->discovery_url);
	return 0;
}

/*
 * Discovery 4.1: the well-known path is appended to the issuer without the
 * slash at its end.  At another path of the operator's choice the URL still
 * has to lie below the issuer.
 */
static bool
is_issuer_of_url(const char *issuer, const char *url)
{
	struct str base = str_of(issuer), u = str_of(url), tail = STR(WELL_KNOWN);

	if (base.n > 0 && base.p[base.n - 1] == '/')
		base.n--;
	if (u.n > tail.n && str_is(str_from(u, u.n - tail.n), tail))
		return u.n - tail.n == base.n && str_begins(u, base);
	return str_begins(u, base) && u.n > base.n && u.p[base.n] == '/';
}

static int
read_endpoints(const struct conf_provider *c, const json_t *o, struct discovery *d, struct err *e)
{
	const struct {
		const char *member, *by_hand;
		bool required;
		char **out;
	} rows[] = {
		{ "authorization_endpoint", c->authorization_endpoint, true, &d->authorization_endpoint },
		{ "token_endpoint", c->token_endpoint, true, &d->token_endpoint },
		{ "jwks_uri", c->jwks_uri, true, &d->jwks_uri },
		{ "userinfo_endpoint", c->userinfo_endpoint, false, &d->userinfo_endpoint },
		{ "end_session_endpoint", c->end_session_endpoint, false, &d->end_session_endpoint },
		{ "check_session_iframe", c->check_session_iframe, false, &d->check_session_iframe },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *value = json_object_get(o, rows[i].member);
		struct str url = { json_string_value(value), json_string_length(value) };

		if (rows[i].by_hand != NULL)
			url = str_of(rows[i].by_hand);
		else if ((value == NULL || json_is_null(value)) && !rows[i].required)
			continue;
		if (judge_endpoint(rows[i].member, url, e) < 0)
			return -1;
		*rows[i].out = xstrndup(url.p, url.n);
	}
	return 0;
}

static int
judge_endpoint(const char *member, struct str text, struct err *e)
{
	struct url u;

	if (text.p == NULL || text.n == 0 || text.n > DISCOVERY_URL_MAX)
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "%s is missing, or not a text of 1 to %d bytes; provider.%s sets it by hand", member,
		    DISCOVERY_URL_MAX, member);
	if (url_parse(text, &u, e) < 0) {
		e->reason = REASON_PROVIDER_ANSWER;
		return err_in(e, "%s", member);
	}
	if (!u.https && !url_is_loopback(&u))
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "%s is %.160s; needed: https (http only to loopback)", member, text.p);
	return 0;
}

static int
read_response_iss(const json_t *o, struct discovery *d, struct err *e)
{
	static const char member[] = "authorization_response_iss_parameter_supported";
	const json_t *flag = json_object_get(o, member);

	if (flag != NULL && !json_is_boolean(flag))
		return err_set(e, REASON_PROVIDER_ANSWER, "%s is neither true nor false", member);
	d->response_iss = json_is_true(flag);
	return 0;
}

/* Nobody who only signs in needs them either: one of the document that cannot be asked stays unsaid. */
static int
read_asked(const struct conf_provider *c, const json_t *o, struct discovery *d, struct err *e)
{
	const struct {
		const char *member, *by_hand;
		char **out;
	} rows[] = {
		{ "introspection_endpoint", c->introspection_endpoint, &d->introspection_endpoint },
		{ "revocation_endpoint", c->revocation_endpoint, &d->revocation_endpoint },
	};
	struct err ignored;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const json_t *value = json_object_get(o, rows[i].member);
		struct str url = { json_string_value(value), json_string_length(value) };

		if (rows[i].by_hand != NULL) {
			url = str_of(rows[i].by_hand);
			if (judge_endpoint(rows[i].member, url, e) < 0)
				return -1;
		} else if (judge_endpoint(rows[i].member, url, &ignored) < 0)
			continue;
		*rows[i].out = xstrndup(url.p, url.n);
	}
	return 0;
}

/*
 * A name, not a URL to fetch: AD FS says http://HOST/adfs/services/trust.
 * Nobody who only signs in needs it, so one that is malformed fails nothing:
 * it stays unsaid.
 */
static void
read_access_token_issuer(const json_t *o, struct discovery *d)
{
	const json_t *value = json_object_get(o, "access_token_issuer");
	struct str s = { json_string_value(value), json_string_length(value) };

	if (s.p == NULL || s.n == 0 || s.n > DISCOVERY_URL_MAX)
		return;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
			return;
	d->access_token_issuer = xstrndup(s.p, s.n);
}

int
discovery_by_hand(const struct conf_provider *c, const char *name, struct discovery *out, struct err *e)
{
	const char *issuer = c->issuer != NULL ? c->issuer : name, *keys = source_of_keys(c);

	memset(out, 0, sizeof(*out));
	if (issuer == NULL || c->authorization_endpoint == NULL || c->token_endpoint == NULL || keys == NULL)
		return err_set(e, REASON_CONFIG,
		    "neither discovery_url nor all of issuer, authorization_endpoint, token_endpoint and "
		    "jwks_uri are set");
	if (strchr(issuer, '{') != NULL && !(tenant_is_any(issuer) && c->tenants.n > 0))
		return err_set(e, REASON_PROVIDER_ISSUER,
		    "issuer is %.100s, which stands for every tenant: put your tenant's id into "
		    "discovery_url in place of common, or set provider.issuer",
		    issuer);
	out->issuer = copy(issuer);
	out->authorization_endpoint = copy(c->authorization_endpoint);
	out->token_endpoint = copy(c->token_endpoint);
	out->jwks_uri = copy(keys);
	out->userinfo_endpoint = copy(c->userinfo_endpoint);
	out->end_session_endpoint = copy(c->end_session_endpoint);
	out->introspection_endpoint = copy(c->introspection_endpoint);
	out->revocation_endpoint = copy(c->revocation_endpoint);
	out->check_session_iframe = copy(c->check_session_iframe);
	return 0;
}

static const char *
source_of_keys(const struct conf_provider *c)
{
	switch (c->discovery) {
	case DISCOVERY_FEDERATION:
		return c->discovery_url;
	case DISCOVERY_STORE:
		return OF_STORE;
	case DISCOVERY_JWKS:
		return c->jwks_uri != NULL ? c->jwks_uri : c->discovery_url;
	case DISCOVERY_DOCUMENT:
		break;
	}
	return c->jwks_uri;
}

void
discovery_copy(struct discovery *to, const struct discovery *from)
{
	*to = (struct discovery){
		.issuer = copy(from->issuer),
		.access_token_issuer = copy(from->access_token_issuer),
		.authorization_endpoint = copy(from->authorization_endpoint),
		.token_endpoint = copy(from->token_endpoint),
		.jwks_uri = copy(from->jwks_uri),
		.userinfo_endpoint = copy(from->userinfo_endpoint),
		.end_session_endpoint = copy(from->end_session_endpoint),
		.introspection_endpoint = copy(from->introspection_endpoint),
		.revocation_endpoint = copy(from->revocation_endpoint),
		.check_session_iframe = copy(from->check_session_iframe),
		.response_iss = from->response_iss,
	};
}

static char *
copy(const char *text)
{
	return text == NULL ? NULL : xstrdup(text);
}

void
discovery_release(struct discovery *d)
{
	free(d->issuer);
	free(d->access_token_issuer);
	free(d->authorization_endpoint);
	free(d->token_endpoint);
	free(d->jwks_uri);
	free(d->userinfo_endpoint);
	free(d->end_session_endpoint);
	free(d->introspection_endpoint);
	free(d->revocation_endpoint);
	free(d->check_session_iframe);
	memset(d, 0, sizeof(*d));
}
