/* proxy/import_cora.c - Cora SeQuence's settings; see proxy/import_impl.h */
#include <string.h>
#include <strings.h>

#include "conf/url.h"
#include "conf/value.h"
#include "proxy/import_impl.h"

#define REPLY "/oidcServices/signinresponse"

static void address(struct import *);
static const char *callback(struct import *, const struct import_fact *, const struct import_fact *base);
static void places(struct import *);
static void session(struct import *);
static void provider(struct import *);
static void kind(struct import *);
static const char *discovery(struct import *);
static const char *discovery_guess(struct import *);
static void endpoints(struct import *, const char *discovery);
static void issuer(struct import *, const char *discovery);
static void client(struct import *);
static void request(struct import *);
static void algorithms(struct import *);
static void user(struct import *);
static void sign_out(struct import *, const char *discovery);
static void audience(struct import *);
static void routes(struct import *);
static void denied(struct import *);

bool
import_cora(struct import *i)
{
	if (!import_cora_gather(i))
		return false;
	import_head(i, "Cora SeQuence");
	address(i);
	import_blank(i);
	import_listen(i);
	import_blank(i);
	session(i);
	import_blank(i);
	provider(i);
	import_blank(i);
	import_upstream(i, "Cora SeQuence");
	import_blank(i);
	routes(i);
	return true;
}

static void
address(struct import *i)
{
	const struct import_fact *ssl = import_fact(i, "requireSsl"), *base = import_fact(i, "baseUrl");
	const struct import_fact *reply = import_fact(i, "replyUrl"), *f = reply;
	const struct import_fact *other = import_fact(i, "redirectUri");
	const char *path = callback(i, reply, base);

	if (path == NULL && (path = callback(i, other, base)) != NULL)
		f = other;
	if (path == NULL && base != NULL && import_take_url(i, base->value, ""))
		f = base;
	if (!import_doubt(i, ssl) && !import_says(ssl, true, true))
		import_todo(i, "%s is off: cookies are for https alone where public_url is https", ssl->name);
	if (path == NULL)
		(void)import_twice(i, base);
	import_public_url(i, f == NULL ? "" : f->name);
	if (reply == NULL)
		reply = other;
	(void)import_twice(i, f == base ? reply : f);
	if (path == NULL && reply != NULL)
		import_todo(i,
		    "%s is not a URL below public_url that this program can have; the path that is "
		    "registered at the provider",
		    reply->name);
	import_line(i, "# the reply URL that is registered at the provider");
	import_set(i, true, "callback_path", path == NULL ? REPLY : path);
	places(i);
}

/* Providers compare it letter by letter.  Sets the URL that the path is below; NULL: nothing can be made of
 * it.
 */
static const char *
callback(struct import *i, const struct import_fact *f, const struct import_fact *base)
{
	size_t n = f == NULL ? 0 : strlen(f->value), above;
	struct err ignored;
	struct url u;

	if (f == NULL || n > IMPORT_ADDRESS_MOST || url_parse(str_of(f->value), &u, &ignored) == -1 ||
	    u.query.p != NULL || u.path.n < 2 || value_path(u.path, &ignored) == -1)
		return NULL;
	if (!import_take_url(i, f->value, REPLY) && (base == NULL || !import_take_url(i, base->value, "")) &&
	    !import_take_url(i, mem_text(i->m, (struct str){ f->value, n - u.path.n }), ""))
		return NULL;
	above = strlen(i->url);
	if (above < n && strncmp(f->value, i->url, above) == 0 && f->value[above] == '/' &&
	    (strncasecmp(f->value + above, "/auth/", 6) != 0 ||
		strcmp(f->value + above, "/auth/callback") == 0))
		return f->value + above;
	i->url = NULL;
	i->path = "";
	return NULL;
}

static void
places(struct import *i)
{
	const struct import_fact *in = import_fact(i, "loginUrl"), *out = import_fact(i, "logoutUrl");

	if (in == NULL && out == NULL)
		return;
	import_todo(i, "%s%s%s: links to there become links to login and logout below auth_path",
	    in == NULL ? "" : in->name, in == NULL || out == NULL ? "" : ", ", out == NULL ? "" : out->name);
	import_line(i, "#auth_path = \"/auth\"");
}

static void
session(struct import *i)
{
	const struct import_fact *key = import_fact(i, "cookieEncryptionKey");

	import_open(i, "session {");
	if (key != NULL)
		import_line(i, "# the same on all instances, as before");
	import_secret(i, "secret", key, "cookieEncryptionKey", true);
	if (key != NULL)
		import_line(i, "encrypt = yes");
	import_close(i);
}

/* --- the provider ----------------------------------------------------------------- */

static void
provider(struct import *i)
{
	const char *how;

	import_open(i, "provider \"main\" {");
	kind(i);
	how = discovery(i);
	issuer(i, how);
	endpoints(i, how);
	sign_out(i, how);
	client(i);
	request(i);
	user(i);
	audience(i);
	if (strcmp(how, "store") == 0)
		import_cora_certificates(i);
	import_close(i);
}

static void
kind(struct import *i)
{
	const char *url = import_value(i, "discoveryUri");

	if (url == NULL)
		url = import_value(i, "authority");
	url = url == NULL ? "oidc" : import_kind(url);
	if (strcmp(url, "oidc") != 0)
		import_line(i, "# by its address");
	import_rest(i);
	import_set(i, true, "kind", url);
}

static const char *
discovery(struct import *i)
{
	static const struct {
		const char *old, *is;
	} rows[] = { { "OpenIdDiscoveryDocument", "document" }, { "JsonWebKeySet", "jwks" },
		{ "Federation", "federation" }, { "Store", "store" } };
	const struct import_fact *f = import_fact(i, "discoveryKind"), *url = import_fact(i, "discoveryUri");
	const char *is = NULL;

	for (size_t k = 0; f != NULL && k < sizeof(rows) / sizeof(rows[0]); k++)
		if (strcasecmp(f->value, rows[k].old) == 0)
			is = rows[k].is;
	if (is != NULL)
		import_line(i, "# %s", f->name);
	else {
		is = discovery_guess(i);
		import_todo(i, "discoveryKind %s; say what discovery_url leads to",
		    f == NULL ? "is not set in the web.config" : "is none that is known here");
	}
	(void)import_twice(i, f);
	if (strcmp(is, "store") != 0 && import_cora_has_certificates(i))
		import_todo(i, "identityProviderCertificates are not looked at where keys are fetched; only "
			       "\"store\" takes no other keys");
	import_set(i, true, "discovery", is);
	if (strcmp(is, "store") != 0)
		import_must(i, SECTION_PROVIDER, "discovery_url", url, "discoveryUri");
	return is;
}

static const char *
discovery_guess(struct import *i)
{
	const char *url = import_value(i, "discoveryUri");

	if (url == NULL)
		return import_cora_has_certificates(i) ? "store" : "document";
	if (strstr(url, "FederationMetadata") != NULL)
		return "federation";
	return strstr(url, "/.well-known/openid-configuration") != NULL ? "document" : "jwks";
}

/* Where there is no document, keys without an issuer would be good for anybody's tokens. */
static void
issuer(struct import *i, const char *discovery)
{
	const struct import_fact *f = import_fact(i, "validIssuer"), *of = import_fact(i, "originalIssuer");
	bool document = strcmp(discovery, "document") == 0;
	struct err ignored;

	if (f != NULL && of != NULL && strcmp(f->value, of->value) != 0)
		import_todo(i, "IdentityClaims name another originalIssuer than %s", f->name);
	if (f == NULL)
		f = of;
	if (f != NULL && document &&
	    (strchr(f->value, '?') != NULL || strchr(f->value, '{') != NULL ||
		import_judge(SECTION_PROVIDER, "discovery_url", f->value, &ignored) == -1)) {
		import_todo(i, "%s is not a URL, which the issuer of a discovery document is", f->name);
		import_set(i, false, "issuer", "https://login.example.com");
	} else if (f != NULL && strpbrk(f->value, " \t{}") != NULL) {
		import_todo(i, "%s has blanks or braces, which no issuer has", f->name);
		import_set(i, true, "issuer", "");
	} else if (document || strcmp(discovery, "federation") == 0)
		import_carry(i, SECTION_PROVIDER, "issuer", f, NULL);
	else
		import_must(i, SECTION_PROVIDER, "issuer", f, "validIssuer");
}

static void
endpoints(struct import *i, const char *discovery)
{
	const struct import_fact *sign_in = import_fact(i, "authority"),
				 *token = import_fact(i, "tokenEndpoint");

	if (strcmp(discovery, "document") == 0) {
		import_carry(i, SECTION_PROVIDER, "authorization_endpoint", sign_in, NULL);
		import_carry(i, SECTION_PROVIDER, "token_endpoint", token, NULL);
		return;
	}
	import_must(i, SECTION_PROVIDER, "authorization_endpoint", sign_in, "authority");
	import_must(i, SECTION_PROVIDER, "token_endpoint", token, "tokenEndpoint");
}

/* The proxy signs out at the provider wherever it knows how. */
static void
sign_out(struct import *i, const char *discovery)
{
	const struct import_fact *f = import_fact(i, "logoutEndpoint"),
				 *at = import_fact(i, "signoutFromSts");

	if (import_doubt(i, at) && f == NULL)
		import_set(i, false, "end_session_endpoint", "https://login.example.com/logout");
	if (import_says(at, true, true)) {
		import_carry(i, SECTION_PROVIDER, "end_session_endpoint", f, NULL);
		return;
	}
	if (strcmp(discovery, "document") == 0)
		import_todo(
		    i, "%s is off, but who signs out here is signed out at the provider as well", at->name);
	else if (f != NULL)
		import_line(i, "# %s is off: who signs out here stays signed in at the provider", at->name);
	if (f != NULL || strcmp(discovery, "document") == 0)
		import_set(i, false, "end_session_endpoint",
		    f == NULL ? "https://login.example.com/logout" : f->value);
}

static void
client(struct import *i)
{
	const struct import_fact *f = import_fact(i, "tokenRequestAuthorizationMethod");
	struct import_fact method;

	import_must(i, SECTION_PROVIDER, "client_id", import_fact(i, "clientId"), "clientId");
	import_secret(i, "client_secret", import_fact(i, "clientSecret"), "clientSecret", false);
	if (f == NULL)
		return;
	method = *f;
	if (strcasestr(f->value, "post") != NULL)
		method.value = "client_secret_post";
	else if (strcasestr(f->value, "basic") != NULL)
		method.value = "client_secret_basic";
	import_carry(i, SECTION_PROVIDER, "token_endpoint_auth_method", &method, NULL);
}

static void
request(struct import *i)
{
	const struct import_fact *again = import_fact(i, "forceReauthenticate"),
				 *sso = import_fact(i, "ssoEnabled"), *f;
	struct import_fact method;

	import_list(i, true, "additional_scopes", import_fact(i, "scope"), true);
	import_carry(i, SECTION_PROVIDER, "resource", import_fact(i, "resource"), NULL);
	f = import_fact(i, "authorizationRequestHttpMethod");
	if (f != NULL) {
		method = *f;
		if (strcasecmp(f->value, "POST") == 0 || strcasecmp(f->value, "GET") == 0)
			method.value = strcasecmp(f->value, "POST") == 0 ? "POST" : "GET";
		import_carry(i, SECTION_PROVIDER, "authorization_request_method", &method, NULL);
	}
	algorithms(i);
	if (import_says(again, false, true)) {
		(void)import_doubt(i, again);
		import_line(i, "# %s", again->name);
		import_line(i, "prompt = \"login\"");
	} else if (!import_says(sso, true, false)) {
		if (!import_doubt(i, sso))
			import_todo(i, "%s is off: is every sign-in to ask for the password?", sso->name);
		import_line(i, "#prompt = \"login\"");
	}
}

static void
algorithms(struct import *i)
{
	const struct import_fact *f = import_fact(i, "idTokenSigningAlgValues");
	const struct setting *row = settings_find(SECTION_PROVIDER, STR("id_token_signed_response_alg"));
	struct import_fact good;
	char *list = NULL;
	bool bad = false;
	size_t n = 0;

	if (f == NULL)
		return;
	for (const char *p = f->value + strspn(f->value, ", ;"); *p != '\0'; p += strspn(p, ", ;")) {
		struct str one = { p, strcspn(p, ", ;") };

		p += one.n;
		if (++n > IMPORT_LIST_MOST) {
			import_todo(
			    i, "%s has more than %zu parts; these are the first", f->name, IMPORT_LIST_MOST);
			break;
		}
		if (settings_word(row->words, one, true) == -1)
			bad = true;
		else
			list = mem_printf(i->m, "%s%s%.*s", list == NULL ? "" : list, list == NULL ? "" : ",",
			    STR_ARG(one));
	}
	for (char *c = list; c != NULL && *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 32);
	if (bad || n == 0)
		import_todo(
		    i, "%s names an algorithm that is never accepted; accepted are: %s", f->name, row->words);
	good = *f;
	good.value = list;
	if (list == NULL)
		import_line(i, "#id_token_signed_response_alg = \"RS256\"");
	else if (strchr(list, ',') == NULL)
		import_carry(i, SECTION_PROVIDER, row->name, &good, NULL);
	else
		import_list(i, true, row->name, &good, true);
}

static void
user(struct import *i)
{
	const struct import_fact *f = import_fact(i, "claimType");

	if (f == NULL)
		return;
	if (strstr(f->value, "unique_name") != NULL)
		import_todo(
		    i, "the claim type `name` is unique_name in tokens of Entra and AD FS; is it here?");
	import_list(i, true, "username_claim", f, false);
}

/* ID tokens are for client_id, whatever else is said; the others are of access tokens. */
static void
audience(struct import *i)
{
	const struct import_fact *f = import_fact(i, "audienceUris");
	const char *id = import_value(i, "clientId"), *sep = "";
	struct str rest = str_of(f == NULL ? NULL : f->value), one;
	struct import_fact others;
	char *list = NULL;
	size_t n = 0;

	while (n <= IMPORT_LIST_MOST && str_next(&rest, ',', &one)) {
		one = str_trim(one);
		if (one.n == 0 || (id != NULL && str_is(one, str_of(id))))
			continue;
		list = mem_printf(i->m, "%s%s%.*s", list == NULL ? "" : list, sep, STR_ARG(one));
		sep = ",";
		n++;
	}
	if (list == NULL) {
		if (f != NULL)
			import_line(i, "# %s: client_id, which ID tokens must be for anyway", f->name);
		return;
	}
	others = *f;
	others.value = list;
	import_list(i, true, "audience", &others, false);
}

/* --- the routes ------------------------------------------------------------------- */

static void
routes(struct import *i)
{
	import_line(i, "# Cora SeQuence reads the user's name from username_header.");
	import_route(i, "/");
	import_line(i, "auth = \"session\"");
	import_line(i, "username_header = \"X-Forwarded-User\"");
	denied(i);
	import_close(i);
	import_blank(i);
	import_line(i, "# A service that programs call with credentials of their own has a route like this.");
	import_line(i, "#route \"%s/service.svc\" { upstream = \"app\" auth = \"none\" }", i->path);
}

static void
denied(struct import *i)
{
	const struct import_fact *f = import_fact(i, "accessDeniedUrl");
	const char *url = f == NULL ? NULL : f->value;
	struct err ignored;
	struct url u;

	if (f == NULL)
		return;
	if (url[0] == '~' && url[1] == '/') /* ASP.NET: below the application */
		url = mem_printf(i->m, "%s%s", i->path, url + 1);
	(void)import_twice(i, f);
	if (import_quote(i, url) == NULL ||
	    (!url_is_local_path(str_of(url)) && url_parse(str_of(url), &u, &ignored) == -1)) {
		import_todo(i, "%s is neither a path nor a URL", f->name);
		import_line(i, "#access_denied_url = \"/denied.aspx\"");
		return;
	}
	import_line(
	    i, "# %s; counts with `claims`, and is then a route of its own with auth = \"none\"", f->name);
	import_set(i, true, "access_denied_url", url);
}
