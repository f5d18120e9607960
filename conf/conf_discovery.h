/*
 * conf/conf_discovery.h - where a provider's issuer, endpoints and keys come from, and what each kind needs
 */
#ifndef CONF_CONF_DISCOVERY_H
#define CONF_CONF_DISCOVERY_H
#include "conf/build.h"

/* discovery, discovery_url, issuer, the endpoints, and the certificates inside of the provider. */
void conf_discovery_build(struct build *b, struct group *g, struct conf_provider *p);

/* conf_certificate.c: the `certificate` sections of this provider, each with what it finds. */
void conf_certificate_build(struct build *b, struct group *provider, struct conf_provider *p);

#endif
