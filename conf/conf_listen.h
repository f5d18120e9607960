/*
 * conf/conf_listen.h - what other builders need of TLS
 */
#ifndef CONF_CONF_LISTEN_H
#define CONF_CONF_LISTEN_H
#include <openssl/types.h>

#include "conf/build.h"

/* A certificate and its key, both files; key may be NULL. */
void conf_listen_pair(
    struct build *b, struct entry *ce, struct item *cert, struct entry *ke, struct item *key);
/* The private key in a file, the caller's; NULL: it was said what is wrong.  What is read lives in m. */
EVP_PKEY *conf_listen_key(struct build *b, struct entry *e, struct item *item, struct mem *m);
/* A file of certificates of authorities, where it is set. */
void conf_listen_authorities(struct build *b, struct entry *e);

#endif
