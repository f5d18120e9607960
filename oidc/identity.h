/*
 * oidc/identity.h - somebody, proven
 *
 * idtoken_verify() makes one, and principal_identity() of a user's access
 * token that was verified; both only after every check.  A function
 * that takes a `const struct identity *` therefore need not ask whether the
 * person is real.  Lives in the memory of the request that proved it; the
 * session copies what it keeps.
 *
 * claims are those of the ID token, with userinfo's merged in where that is
 * configured (the ID token's win).
 */
#ifndef OIDC_IDENTITY_H
#define OIDC_IDENTITY_H
#include <jansson.h>
#include <stdint.h>

#include "conf/str.h"

struct identity;

struct str identity_issuer(const struct identity *i);
struct str identity_subject(const struct identity *i); /* never empty */
/* The claim that username_claim chose: never empty, no control characters, no space at either end. */
struct str identity_username(const struct identity *i);
struct str identity_provider_sid(const struct identity *i); /* the ID token's sid; "" when it has none */
int64_t identity_expires(const struct identity *i);         /* seconds since 1970 */
int64_t identity_auth_time(const struct identity *i);       /* seconds since 1970; 0: not said */

/*
 * A claim by name: taken literally first, then dots descend
 * ("realm_access.roles").  NULL when it is absent or null.  Borrowed.
 */
const json_t *identity_claim(const struct identity *i, const char *name);

#endif
