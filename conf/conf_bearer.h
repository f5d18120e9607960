/*
 * conf/conf_bearer.h - what other builders leave to conf_bearer.c: access tokens
 */
#ifndef CONF_CONF_BEARER_H
#define CONF_CONF_BEARER_H
#include "conf/build.h"

/* What a provider's access tokens must be. */
void conf_bearer_provider(struct build *b, struct group *g, struct conf_provider *p);

/* What a route demands of them; a route that takes them needs a provider whose tokens can be checked. */
void conf_bearer_route(struct build *b, struct group *g, struct conf_route *r);

/* RFC 6749 3.3: what is no scope can be in no token. */
void conf_bearer_scopes(struct build *b, struct entry *e);

/* session.mobile_clients: somebody's tokens must be such that they can be checked. */
void conf_bearer_mobile(struct build *b, struct entry *e);

#endif
