/*
 * proxy/mobile.h - sessions of apps: POST token, and session tokens of ours as bearers
 *
 * The steps are in proxy/request.h.
 */
#ifndef PROXY_MOBILE_H
#define PROXY_MOBILE_H
#include "proxy/request.h"

/* Did a session token of ours come as a bearer?  Says so itself; nothing is proven. */
bool mobile_is_sent(const struct request *r);

/* As request_find_session(), for the token that was sent. */
void mobile_find(struct request *r, const size_t *providers, size_t n);

/* Is there a session in a cookie that an app traded for?  Then it is r->session, and opens bearer routes,
 * too. */
bool mobile_has_cookie(struct request *r);

/* As access_allows(), of a session that was traded for an access token: its scopes count. */
int mobile_allows(struct request *r, struct err *e) MUST_CHECK;

#endif
