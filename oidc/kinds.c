/* oidc/kinds.c - see oidc/kinds.h */
#include <string.h>

#include "oidc/kinds.h"

/*
 * A name that users can choose for themselves (Auth0's nickname, Google's
 * name) is in no row: it would let one user pass for another.
 */
const struct kind kinds[] = {
	{ .name = "oidc",
	    .username_claim = { "preferred_username" },
	    .issuer_begins_url = true,
	    .switch_prompt = "login" },
	{ .name = "ms-identity-v2",
	    .username_claim = { "preferred_username" },
	    .switch_prompt = "select_account" },
	{ .name = "azure-v1", .username_claim = { "upn", "unique_name" }, .switch_prompt = "select_account" },
	{ .name = "adfs", .username_claim = { "upn", "unique_name" }, .switch_prompt = "login" },
	{ .name = "okta", .username_claim = { "preferred_username" }, .switch_prompt = "login" },
	{ .name = "auth0", .username_claim = { "email" }, .switch_prompt = "login" },
	{ .name = "keycloak", .username_claim = { "preferred_username" }, .switch_prompt = "login" },
	{ .name = "google", .username_claim = { "email" }, .switch_prompt = "select_account" },
	{ .name = "sap-xsuaa", .username_claim = { "user_name" }, .switch_prompt = "login" },
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
