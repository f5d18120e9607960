/* proxy/import_wfgen.c - WorkflowGen's settings; see proxy/import_impl.h */
#include <string.h>
#include <strings.h>

#include "conf/url.h"
#include "oidc/kinds.h"
#include "proxy/import_impl.h"

#define PREFIX "ApplicationSecurityAuth"

static void gather(struct import *);
static bool is_ours(const char *);
static void address(struct import *);
static bool is_loopback(const char *);
static void session(struct import *);
static void frame(struct import *);
static void provider(struct import *, bool opaque);
static const char *kind(struct import *);
static void discovery(struct import *, const char *kind);
static void audience(struct import *, const char *kind, bool opaque);
static void claims(struct import *, const struct kind *);
static void one_claim(
    struct import *, const char *key, const char *old, const char *absent, const char *const *);
static void routes(struct import *, bool opaque);
static void open_route(struct import *, const char *path, const char *guard);
static void api(struct import *, bool opaque);
static void demand(struct import *, bool on, const char *key, const struct import_fact *);
static void clients(struct import *);

/* Those that something is made of; ApplicationUrl has no prefix. */
static const char *const known[] = { "ApplicationUrl", PREFIX "Provider", PREFIX "ClientId",
	PREFIX "ClientSecret", PREFIX "MetadataUrl", PREFIX "AppIdClaim", PREFIX "UsernameClaim",
	PREFIX "AccessTokenUsernameClaim", PREFIX "ClockTolerance", PREFIX "Audience",
	PREFIX "AdditionalScopes", PREFIX "GraphQLScope", PREFIX "GraphQLAppRole", PREFIX "DecodeAccessToken",
	PREFIX "SessionTokenSigningSecret", PREFIX "SessionTokenCookie", PREFIX "SessionTimeOut",
	PREFIX "MobileSessionTimeOut", PREFIX "SessionRefreshEnableIFrame", PREFIX "CheckSessionUrl" };

bool
import_wfgen(struct import *i)
{
	bool opaque;

	gather(i);
	for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
		(void)import_fact(i, known[k]);
	if (i->n_facts == 0 || (i->n_facts == 1 && !is_ours(i->facts[0].name)))
		return false;
	opaque = !import_says(import_fact(i, PREFIX "DecodeAccessToken"), true, false);
	import_head(i, "WorkflowGen");
	address(i);
	import_blank(i);
	import_listen(i);
	import_blank(i);
	session(i);
	import_blank(i);
	provider(i, opaque);
	import_blank(i);
	import_upstream(i, "WorkflowGen");
	import_blank(i);
	routes(i, opaque);
	return true;
}

/* What <add>, <remove> and <clear> make of appSettings, in the order in which they stand. */
static void
gather(struct import *i)
{
	const struct webconfig *w = i->w;

	import_facts(i, w->n_elements);
	for (size_t k = 1; k < w->n_elements; k++) {
		const char *name = w->elements[k].name, *key = webconfig_attribute(w, k, "key");
		const char *value = webconfig_attribute(w, k, "value");

		if (strcasecmp(w->elements[w->elements[k].parent].name, "appSettings") != 0)
			continue;
		if (strcmp(name, "clear") == 0)
			import_forget(i, NULL);
		else if (key == NULL || (!is_ours(key) && strcasecmp(key, known[0]) != 0))
			continue;
		else if (strcmp(name, "remove") == 0 || value == NULL)
			import_forget(i, key);
		else if (strcmp(name, "add") == 0)
			import_know(i, key, value);
	}
}

static bool
is_ours(const char *key)
{
	return strncasecmp(key, PREFIX, strlen(PREFIX)) == 0;
}

/*
 * ApplicationUrl is the whole of it, or its path; the audience may have the rest, and knows better than the
 * installer, which writes localhost.
 */
static void
address(struct import *i)
{
	const char *url = import_value(i, "ApplicationUrl"), *api = import_value(i, PREFIX "Audience");
	const char *from = "ApplicationUrl", *path = NULL;

	if (url != NULL && import_take_path(i, url))
		path = i->path;
	if (url != NULL && path == NULL)
		(void)import_take_url(i, url, "");
	if ((i->url == NULL || is_loopback(i->url)) && api != NULL && import_take_url(i, api, "/graphql"))
		from = PREFIX "Audience, without /graphql";
	if (path != NULL && strcmp(path, i->path) != 0) {
		i->url = NULL;
		i->path = path;
	}
	(void)import_twice(i, import_fact(i, "ApplicationUrl"));
	import_public_url(i, from);
}

static bool
is_loopback(const char *url)
{
	struct err ignored;
	struct url u;

	return url_parse(str_of(url), &u, &ignored) == 0 && url_is_loopback(&u);
}

static void
session(struct import *i)
{
	const struct import_fact *name = import_fact(i, PREFIX "SessionTokenCookie");
	const struct import_fact *mobile = import_fact(i, PREFIX "MobileSessionTimeOut");

	import_open(i, "session {");
	import_secret(i, "secret", import_fact(i, PREFIX "SessionTokenSigningSecret"),
	    PREFIX "SessionTokenSigningSecret", true);
	if (name == NULL) {
		import_line(i, "# as WorkflowGen calls it");
		import_set(i, true, "cookie", "wfgen_token");
	}
	import_carry(i, SECTION_SESSION, "cookie", name, NULL);
	if (i->path[0] != '\0') {
		import_line(i, "# IIS reads %s without regard to case, browsers do not", i->path);
		import_line(i, "path = \"/\"");
	}
	import_carry(i, SECTION_SESSION, "timeout", import_fact(i, PREFIX "SessionTimeOut"), NULL);
	import_carry(i, SECTION_SESSION, "mobile_timeout", mobile, NULL);
	if (mobile != NULL) {
		import_todo(
		    i, "the client id of the mobile app, if there is one; no other app gets a session");
		import_set(i, false, "mobile_clients", "MOBILE-APP-ID");
	}
	frame(i);
	import_close(i);
}

static void
frame(struct import *i)
{
	const struct import_fact *f = import_fact(i, PREFIX "SessionRefreshEnableIFrame");

	if (import_doubt(i, f))
		import_line(i, "#iframe_refresh = yes");
	else if (import_says(f, true, false)) {
		import_line(
		    i, "# " PREFIX "SessionRefreshEnableIFrame; pages include /auth/session.js for it");
		import_line(i, "iframe_refresh = yes");
	}
}

/* --- the provider ----------------------------------------------------------------- */

static void
provider(struct import *i, bool opaque)
{
	const char *name;

	import_open(i, "provider \"main\" {");
	name = kind(i);
	discovery(i, name);
	import_must(i, SECTION_PROVIDER, "client_id", import_fact(i, PREFIX "ClientId"), PREFIX "ClientId");
	import_secret(
	    i, "client_secret", import_fact(i, PREFIX "ClientSecret"), PREFIX "ClientSecret", false);
	import_list(i, true, "additional_scopes", import_fact(i, PREFIX "AdditionalScopes"), true);
	audience(i, name, opaque);
	claims(i, kind_find(name));
	import_carry(i, SECTION_PROVIDER, "clock_tolerance", import_fact(i, PREFIX "ClockTolerance"), NULL);
	import_carry(
	    i, SECTION_PROVIDER, "check_session_iframe", import_fact(i, PREFIX "CheckSessionUrl"), NULL);
	if (strcmp(name, "adfs") == 0)
		import_line(i, "#pkce = \"off\" # for AD FS 2016, which does not know it");
	import_close(i);
}

static const char *
kind(struct import *i)
{
	const struct import_fact *f = import_fact(i, PREFIX "Provider");
	const char *url = import_value(i, PREFIX "MetadataUrl"), *name = NULL;

	for (const struct kind *k = kinds; f != NULL && k->name != NULL; k++)
		if (strcasecmp(k->name, f->value) == 0)
			name = k->name;
	if (name != NULL)
		import_line(i, "# %s", f->name);
	else {
		name = import_kind(url == NULL ? "" : url);
		import_todo(i, PREFIX "Provider %s; say what kind of provider it is",
		    f == NULL ? "is not set in the web.config" : "is none that is known here");
	}
	(void)import_twice(i, f);
	import_rest(i);
	import_set(i, true, "kind", name);
	return name;
}

static void
discovery(struct import *i, const char *kind)
{
	const struct import_fact *f = import_fact(i, PREFIX "MetadataUrl");
	const char *is = f == NULL ? "" : import_kind(f->value), *v2 = "ms-identity-v2", *v1 = "azure-v1";
	const char *many[] = { "/common/", "/organizations/", "/consumers/" };

	if ((strcmp(kind, v1) == 0 && strcmp(is, v2) == 0) || (strcmp(kind, v2) == 0 && strcmp(is, v1) == 0))
		import_todo(i, "%s is the document of %s, and the provider's kind %s", f->name, is, kind);
	import_must(i, SECTION_PROVIDER, "discovery_url", f, PREFIX "MetadataUrl");
	for (size_t k = 0; k < 3 && (strcmp(is, v2) == 0 || strcmp(is, v1) == 0); k++)
		if (strstr(f->value, many[k]) != NULL) {
			import_todo(i, "the document is for users of many organizations: the tenant ids of "
				       "those to let in");
			import_set(i, true, "tenants", "");
		}
}

static void
audience(struct import *i, const char *kind, bool opaque)
{
	const struct import_fact *f = import_fact(i, PREFIX "Audience");
	const struct import_fact *decode = import_fact(i, PREFIX "DecodeAccessToken");

	if (f != NULL)
		import_list(i, true, "audience", f, false);
	else if (i->url != NULL) {
		import_line(i, "# as WorkflowGen has it where nothing is said");
		import_set(i, true, "audience", mem_printf(i->m, "%s/graphql", i->url));
	} else if (!opaque) {
		import_todo(i, PREFIX "Audience is not set in the web.config: what access tokens are for, "
				      "usually https://HOST/graphql");
		import_set(i, true, "audience", "");
	}
	if (opaque) {
		(void)import_doubt(i, decode);
		import_line(i, "# %s", decode->name);
		import_line(i, "decode_access_token = no");
	}
	if (f == NULL || opaque)
		return;
	import_line(i, "# for an access token of this audience at the sign-in (access_token_header):");
	if (strcmp(kind, "azure-v1") == 0 || strcmp(kind, "adfs") == 0)
		import_set(i, false, "resource", f->value);
	else if (strcmp(kind, "auth0") == 0)
		import_set(i, false, "authorization_parameters", mem_printf(i->m, "audience=%s", f->value));
	else
		import_line(i, "# one of its scopes among additional_scopes");
}

/* What WorkflowGen takes where nothing is said holds here too, where it is not the kind's own. */
static void
claims(struct import *i, const struct kind *k)
{
	bool v1 = strcmp(k->name, "azure-v1") == 0 || strcmp(k->name, "adfs") == 0;
	bool v2 = strcmp(k->name, "ms-identity-v2") == 0;

	one_claim(i, "username_claim", PREFIX "UsernameClaim",
	    v1   ? "upn"
	    : v2 ? "preferred_username"
		 : NULL,
	    k->username_claim);
	one_claim(i, "access_token_username_claim", PREFIX "AccessTokenUsernameClaim", "upn",
	    k->access->username_claim);
	one_claim(i, "app_id_claim", PREFIX "AppIdClaim", "appid", k->access->app_id_claim);
}

static void
one_claim(struct import *i, const char *key, const char *old, const char *absent, const char *const *own)
{
	const struct import_fact *f = import_fact(i, old);
	const char *usual = own[1] == NULL ? own[0] : ""; /* which is the value of no setting */

	if (f == NULL && absent != NULL && strcmp(absent, usual) != 0) {
		import_line(i, "# as WorkflowGen has it where nothing is said");
		import_set(i, true, key, absent);
	}
	import_carry(i, SECTION_PROVIDER, key, f, usual);
}

/* --- the routes ------------------------------------------------------------------- */

static void
routes(struct import *i, bool opaque)
{
	import_line(i, "# The longest path wins.  WorkflowGen reads the user's name from username_header.");
	import_route(i, "/");
	import_line(i, "auth = \"session\"");
	import_line(i, "username_header = \"X-Forwarded-User\"");
	import_close(i);
	import_blank(i);
	api(i, opaque);
	import_blank(i);
	import_line(i, "# Outside of the wall: nobody signs in here, and no name is told.");
	open_route(i, "/hooks", "the token that each hook has");
	open_route(i, "/scim", "the directory's SCIM secret token");
	open_route(i, "/ws", "HTTP Basic, by IIS");
}

static void
open_route(struct import *i, const char *path, const char *guard)
{
	import_route(i, path);
	import_line(i, "auth = \"none\" # guarded behind the proxy: %s", guard);
	import_close(i);
}

static void
api(struct import *i, bool opaque)
{
	const struct import_fact *scope = import_fact(i, PREFIX "GraphQLScope");
	const struct import_fact *role = import_fact(i, PREFIX "GraphQLAppRole");

	import_line(i, "# Access tokens of programs and apps; a browser's session where there is none.");
	import_route(i, "/graphql");
	if (opaque) {
		import_todo(i, "access tokens are opaque (" PREFIX "DecodeAccessToken): set the provider's "
			       "introspection_endpoint and audience, and then \"any\"");
		import_line(i, "auth = \"session\"");
	} else
		import_line(i, "auth = \"any\"");
	demand(i, !opaque, "scopes", scope);
	demand(i, !opaque, "app_roles", role);
	import_line(i, "#cors_origins = \"https://spa.example.com\" # for single-page applications");
	import_close(i);
	clients(i);
}

/* What a route without access tokens cannot ask for. */
static void
demand(struct import *i, bool on, const char *key, const struct import_fact *f)
{
	if (f != NULL && !on)
		import_todo(i, "%s counts from then on", f->name);
	import_list(i, on, key, f, true);
}

/* They are in WorkflowGen's database. */
static void
clients(struct import *i)
{
	import_blank(i);
	import_line(i, "# One for each non-interactive client: its id, and the user it acts as.");
	import_todo(i, "WorkflowGen's non-interactive clients are not in the web.config; without a section "
		       "none gets in");
	import_line(i, "#client \"nightly\" {");
	import_line(i, "#\tclient_id = \"APPLICATION-ID\"");
	import_line(i, "#\tusername = \"wfgen_admin\"");
	import_line(i, "#}");
}
