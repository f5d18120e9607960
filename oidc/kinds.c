/* oidc/kinds.c - see oidc/kinds.h */
#include <string.h>

#include "oidc/kinds.h"

/*
 * A name that users can choose for themselves (Auth0's nickname, Google's
 * name) is in no row: it would let one user pass for another.
 */
const struct kind kinds[] = {
	{ .name = "oidc", .username_claim = { "preferred_username" }, .issuer_begins_url = true },
	{ .name = "ms-identity-v2", .username_claim = { "preferred_username" } },
	{ .name = "azure-v1", .username_claim = { "upn", "unique_name" } },
	{ .name = "adfs", .username_claim = { "upn", "unique_name" } },
	{ .name = "okta", .username_claim = { "preferred_username" } },
	{ .name = "auth0", .username_claim = { "email" } },
	{ .name = "keycloak", .username_claim = { "preferred_username" } },
	{ .name = "google", .username_claim = { "email" } },
	{ .name = "sap-xsuaa", .username_claim = { "user_name" } },
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
