/*
 * oidc/identity_made.h - what a struct identity looks like to those who prove one
 *
 * For oidc/idtoken.c and oidc/accesstoken.c alone.
 */
#ifndef OIDC_IDENTITY_MADE_H
#define OIDC_IDENTITY_MADE_H
#include "oidc/identity.h"

struct identity {
	struct str issuer, subject, username, provider_sid;
	int64_t expires, auth_time;
	json_t *claims;
};

#endif
