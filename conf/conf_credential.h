/*
 * conf/conf_credential.h - how a client proves who it is at the token endpoint
 */
#ifndef CONF_CONF_CREDENTIAL_H
#define CONF_CONF_CREDENTIAL_H
#include "conf/build.h"

/* client_secret, client_certificate, client_private_key and what goes with them, into *p, which is filled. */
void conf_credential_build(struct build *b, struct group *g, struct conf_provider *p);
/* The same without what only a provider has: client_key_id, client_secret_expires. */
void conf_credential_proof(struct build *b, struct group *g, struct conf_provider *p);

#endif
