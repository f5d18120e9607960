/* oidc/kinds.c - see oidc/kinds.h */
#include <string.h>

#include "oidc/kinds.h"

/* --- access tokens --- */

static const struct kind_access oidc = {
	.username_claim = { "preferred_username" },
	.app_id_claim = { "azp", "client_id" },
	.scope_claim = { "scope", "scp" },
	.roles_claim = { "roles" },
	.app_only = { { "sub", .suffix = "" } },
};

/*
 * Which version of tokens comes is up to the API's registration, not to the
 * endpoint.  idtyp is there only where the API asks for it; without it a
 * program is its own subject, and has none of the claims that a user's token
 * has: sub of a user is pairwise and never an object id.
 */
#define ENTRA_ITSELF                                                                                         \
	"oid", .same_as = "sub", .without = { "idtyp", "scp", "upn", "unique_name", "preferred_username" }

#define ENTRA_ISSUERS                                                                                        \
	.issuer_begins = { "https://login.microsoftonline.com/", "https://sts.windows.net/" },               \
	.issuer_ends = { "/v2.0", "/" }

static const struct kind_access ms_v2 = {
	.username_claim = { "preferred_username", "upn", "unique_name" },
	.app_id_claim = { "appid", "azp" },
	.scope_claim = { "scp" },
	.roles_claim = { "roles" },
	.app_only = { { "idtyp", .value = "app" }, { ENTRA_ITSELF } },
	ENTRA_ISSUERS,
	.both_issuers = true,
};

static const struct kind_access azure_v1 = {
	.username_claim = { "upn", "unique_name" },
	.app_id_claim = { "appid" },
	.scope_claim = { "scp" },
	.roles_claim = { "roles" },
	.app_only = { { "idtyp", .value = "app" }, { ENTRA_ITSELF } },
	ENTRA_ISSUERS,
};

/* Roles by claim rule, mostly under one of these names. */
static const struct kind_access adfs = {
	.username_claim = { "upn", "unique_name" },
	.app_id_claim = { "appid" },
	.scope_claim = { "scp" },
	.roles_claim = { "role", "roles" },
	.app_only = { { "apptype", .value = "Confidential",
	    .without = { "scp", "upn", "unique_name", "sub", "sid" } } },
};

/* sub is the login name, uid the id that only users have. */
static const struct kind_access okta = {
	.username_claim = { "sub" },
	.app_id_claim = { "cid" },
	.scope_claim = { "scp" },
	.roles_claim = { "roles", "scp" },
	.app_only = { { "sub", .suffix = "", .without = { "uid" } } },
};

static const struct kind_access auth0 = {
	.username_claim = { "sub" },
	.app_id_claim = { "azp", "client_id" },
	.scope_claim = { "scope" },
	.roles_claim = { "permissions", "scope" },
	.app_only = { { "gty", .value = "client-credentials" }, { "sub", .suffix = "@clients" } },
};

/*
 * A service account is a user with a name.  That it has no person is said by
 * what only its tokens carry; where a realm leaves that out, by its name, which
 * must never become a person's.
 */
static const struct kind_access keycloak = {
	.username_claim = { "preferred_username" },
	.app_id_claim = { "azp", "client_id" },
	.scope_claim = { "scope" },
	.roles_claim = { "realm_access.roles" },
	.app_only = { { "client_id", .suffix = "", .with = "clientHost" },
	    { "clientId", .suffix = "", .with = "clientHost" },
	    { "preferred_username", .prefix = "service-account-", .suffix = "" } },
};

/* Its access tokens are opaque; whoever has readable ones says by hand what is in them. */
static const struct kind_access google = {
	.username_claim = { "email" },
	.app_id_claim = { "azp" },
	.scope_claim = { "scope" },
	.roles_claim = { "roles" },
};

static const struct kind_access sap_xsuaa = {
	.username_claim = { "user_name" },
	.app_id_claim = { "azp", "cid", "client_id" },
	.scope_claim = { "scope" },
	.roles_claim = { "authorities", "scope" },
	.app_only = { { "grant_type", .value = "client_credentials",
	    .without = { "user_name", "user_id" } } },
};

/*
 * A name that users can choose for themselves (Auth0's nickname, Google's
 * name) is in no row: it would let one user pass for another.
 */
const struct kind kinds[] = {
	{ .name = "oidc",
	    .access = &oidc,
	    .username_claim = { "preferred_username" },
	    .issuer_begins_url = true,
	    .switch_prompt = "login" },
	{ .name = "ms-identity-v2",
	    .access = &ms_v2,
	    .refresh_scope = "offline_access",
	    .assertion_ps256 = true,
	    .username_claim = { "preferred_username" },
	    .switch_prompt = "select_account" },
	{ .name = "azure-v1",
	    .access = &azure_v1,
	    .username_claim = { "upn", "unique_name" },
	    .switch_prompt = "select_account" },
	{ .name = "adfs",
	    .access = &adfs,
	    .username_claim = { "upn", "unique_name" },
	    .switch_prompt = "login" },
	{ .name = "okta",
	    .access = &okta,
	    .refresh_scope = "offline_access",
	    .username_claim = { "preferred_username" },
	    .switch_prompt = "login" },
	{ .name = "auth0",
	    .access = &auth0,
	    .refresh_scope = "offline_access",
	    .assertion_to_issuer = true,
	    .username_claim = { "email" },
	    .switch_prompt = "login" },
	{ .name = "keycloak",
	    .access = &keycloak,
	    .assertion_to_issuer = true,
	    .username_claim = { "preferred_username" },
	    .switch_prompt = "login" },
	{ .name = "google",
	    .access = &google,
	    .refresh_parameter = "access_type=offline",
	    .username_claim = { "email" },
	    .switch_prompt = "select_account" },
	{ .name = "sap-xsuaa",
	    .access = &sap_xsuaa,
	    .username_claim = { "user_name" },
	    .switch_prompt = "login" },
	{ .name = NULL },
};

const struct kind *
kind_find(const char *name)
{
	for (const struct kind *k = kinds; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}
