/*
 * proxy/usertokens.h - the user's own tokens, for an upstream that calls further in the user's name
 *
 * Only routes with access_token_header or id_token_header ask for them.  Of a
 * session they are what the store keeps; of a provider's access token that
 * came as a bearer it is that token itself.  What is not there is left out.
 *
 * What oidc/ takes from a token endpoint is printable ASCII, and what comes as a
 * bearer a b64token, so each can be a header's value.
 */
#ifndef PROXY_USERTOKENS_H
#define PROXY_USERTOKENS_H
#include "proxy/request.h"

/* In the request's memory; n is 0 for what there is not. */
struct usertokens {
	struct str access, id;
};

/* Does this route want some that were not looked for yet?  Every request is asked. */
static inline bool
usertokens_are_wanted(const struct request *r)
{
	const struct conf_route *route = r->match.route;

	return (route->access_token_header != NULL || route->id_token_header != NULL) && r->session != NULL &&
	       r->usertokens == NULL;
}
struct str usertokens_value(const struct request *r, const char *header); /* "": another header, or none */
void usertokens_put(const struct request *r, struct http1_out *o);

#endif
