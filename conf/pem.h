/*
 * conf/pem.h - certificates and keys, looked at before anything depends on them
 *
 * The sentences follow the name of the file: "holds no certificate; ...".
 * Nothing asks for a passphrase.
 */
#ifndef CONF_PEM_H
#define CONF_PEM_H
#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

/* The first certificate; every one that follows must be whole, too.  The caller's, X509_free(). */
X509 *pem_certificate(struct str text, struct err *e) MUST_CHECK;
/* A private key without a passphrase.  The caller's, EVP_PKEY_free(). */
EVP_PKEY *pem_key(struct str text, struct err *e) MUST_CHECK;
/* Do they belong together, and does the TLS library take them? */
int pem_pair(X509 *certificate, EVP_PKEY *key, struct err *e) MUST_CHECK;
/* -1: before its dates, 0: within, 1: behind them. */
int pem_dates(const X509 *certificate);
/* Its last second, and the second that it is now, both since 1970; false: it has no end that can be read. */
bool pem_ends(const X509 *certificate, int64_t *out);
int64_t pem_now(void);
/* RFC 7515 4.1.7, 4.1.8: base64url of the hash of its DER bytes, sha256 or sha1; NULL when there is no such
 * hash. */
char *pem_thumbprint(const X509 *certificate, bool sha256, struct mem *m);

#endif
