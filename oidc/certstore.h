/*
 * oidc/certstore.h - a provider's keys out of certificates that the operator keeps on this machine
 *
 * For discovery = "store".  The files are read again each time, so that a
 * certificate which was put beside the old one is found without a reload.
 * A token may name each key by its thumbprint or by the section's title.
 */
#ifndef OIDC_CERTSTORE_H
#define OIDC_CERTSTORE_H
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"

struct jwks;

/*
 * The keys of every certificate that a section of c finds (conf/certs.h);
 * those that must be valid count inside their dates only, now and whenever a
 * token comes.  NULL with REASON_PROVIDER_NO_KEYS when a section finds none,
 * or with REASON_PROVIDER_ANSWER when no key is one that we verify with.
 */
struct jwks *certstore_read(const struct conf_provider *c, int64_t now, struct err *e) MUST_CHECK;

#endif
