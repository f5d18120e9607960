/*
 * proxy/tls.h - OpenSSL contexts, for browsers and towards upstreams
 *
 * TLS 1.2 and up.  A listener with several certificates chooses by SNI: the
 * first whose names fit, else the first of all.
 */
#ifndef PROXY_TLS_H
#define PROXY_TLS_H
#include <openssl/ssl.h>

#include "conf/conf.h"
#include "conf/err.h"

/* The caller's, SSL_CTX_free().  CONFIG on failure. */
SSL_CTX *tls_listen_new(const struct conf_listen *l, struct err *e) MUST_CHECK;
bool tls_speaks_http2(const SSL *ssl); /* after the handshake */
SSL_CTX *tls_upstream_new(const struct conf_upstream *u, struct err *e) MUST_CHECK;

/* For one connection to this server: SNI and the name to verify are set.  NULL: SYSTEM. */
SSL *tls_connect(
    SSL_CTX *ctx, const struct conf_upstream *u, const struct conf_server *s, struct err *e) MUST_CHECK;

#endif
