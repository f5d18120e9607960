/*
 * tests/unit/fake_identity.h - somebody, made up by a test
 *
 * The functions of oidc/identity.h over a struct that a test fills by hand.
 */
#ifndef FAKE_IDENTITY_H
#define FAKE_IDENTITY_H
#include <stdlib.h>

#include "oidc/identity.h"

struct identity {
	const char *issuer, *subject, *username, *provider_sid;
	int64_t expires, auth_time;
	json_t *claims;
};

struct str
identity_issuer(const struct identity *i)
{
	return str_of(i->issuer);
}

struct str
identity_subject(const struct identity *i)
{
	return str_of(i->subject);
}

struct str
identity_username(const struct identity *i)
{
	return str_of(i->username);
}

struct str
identity_provider_sid(const struct identity *i)
{
	return str_of(i->provider_sid);
}

int64_t
identity_expires(const struct identity *i)
{
	return i->expires;
}

int64_t
identity_auth_time(const struct identity *i)
{
	return i->auth_time;
}

const json_t *
identity_claim(const struct identity *i, const char *name)
{
	return json_object_get(i->claims, name);
}

#endif
