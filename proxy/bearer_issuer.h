/*
 * proxy/bearer_issuer.h - whose token is it, where the tokens of several providers are taken
 *
 * By its iss, of which nothing is proven yet: it only says against whose keys
 * the token is held.  Two providers may have the same issuer, for clients or
 * audiences of their own; then each is tried in turn.  A token that does not
 * say (an opaque one) may be of any of them.
 */
#ifndef PROXY_BEARER_ISSUER_H
#define PROXY_BEARER_ISSUER_H
#include "proxy/request.h"

struct bearer_issuers {
	const size_t *v; /* indices of providers */
	size_t n;
};

/* Of the route's providers (for our own endpoints: of all whose tokens can be checked) those that may have
 * issued it; none: its issuer is none of theirs. */
struct bearer_issuers bearer_issuer_find(struct request *r, struct str token);

#endif
