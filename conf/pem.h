/*
 * conf/pem.h - certificates and keys, looked at before anything depends on them
 *
 * The sentences follow the name of the file: "holds no certificate; ...".
 * Nothing asks for a passphrase.
 */
#ifndef CONF_PEM_H
#define CONF_PEM_H
#include <stdbool.h>

#include <openssl/x509.h>

#include "conf/err.h"
#include "conf/str.h"

/* The first certificate; every one that follows must be whole, too.  The caller's, X509_free(). */
X509 *pem_certificate(struct str text, struct err *e) MUST_CHECK;
/* A private key without a passphrase.  The caller's, EVP_PKEY_free(). */
EVP_PKEY *pem_key(struct str text, struct err *e) MUST_CHECK;
/* Do they belong together, and does the TLS library take them? */
int pem_pair(X509 *certificate, EVP_PKEY *key, struct err *e) MUST_CHECK;
/* -1: before its dates, 0: within, 1: behind them. */
int pem_dates(const X509 *certificate);

#endif
