/*
 * conf/conf_expiry.h - what runs out one day, noted while the configuration is read
 */
#ifndef CONF_CONF_EXPIRY_H
#define CONF_CONF_EXPIRY_H
#include <openssl/x509.h>

#include "conf/build.h"

/* `item` of `e` holds for so long: remember it, and warn when the end is near, or behind us. */
void conf_expiry_certificate(struct build *b, const struct entry *e, const struct item *item, const X509 *x);
/* A date as YYYY-MM-DD; what it is about ends as that day (UTC) begins. */
void conf_expiry_date(struct build *b, struct entry *e);

#endif
