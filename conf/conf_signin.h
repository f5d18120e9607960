/*
 * conf/conf_signin.h - what a sign-in asks of the provider, and how it travels
 */
#ifndef CONF_CONF_SIGNIN_H
#define CONF_CONF_SIGNIN_H
#include "conf/build.h"

/* authorization_request_method to login_hint_parameter, into *p, which is filled. */
void conf_signin_build(struct build *b, struct group *g, struct conf_provider *p);

#endif
