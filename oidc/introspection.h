/*
 * oidc/introspection.h - what a provider says of an opaque access token (RFC 7662)
 *
 * introspection_judge() decides whether the answer speaks of a token in force;
 * what it then says is held to the same rules as the claims of a JWT, by
 * accesstoken_introspected().  Pure.
 */
#ifndef OIDC_INTROSPECTION_H
#define OIDC_INTROSPECTION_H
#include "conf/err.h"
#include "conf/str.h"

#define INTROSPECTION_TOKEN_MAX  16384 /* bytes of the token */
#define INTROSPECTION_ANSWER_MAX 65536 /* bytes of the answer */

struct introspection_answer {
	int status;
	struct str type; /* Content-Type */
	struct str body;
};

/*
 * 0: a JSON object, and `active` is true.  -1: TOKEN_INACTIVE; PROVIDER_STATUS
 * (the endpoint is in trouble, or refuses us), PROVIDER_ANSWER (no answer of
 * an introspection endpoint, a signed one among them).
 */
int introspection_judge(const struct introspection_answer *a, struct err *e) MUST_CHECK;

#endif
