/* proxy/tls.c - see proxy/tls.h */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "conf/mem.h"
#include "proxy/tls.h"

/* The further certificates of a listener, hung on its first context. */
struct more {
	size_t n;
	SSL_CTX *ctx[];
};

static SSL_CTX *listen_ctx(const struct conf_listen *, size_t, struct err *);
static int failed(struct err *, const char *, const char *);
static int more_index(void);
static void more_free_cb(void *, void *, CRYPTO_EX_DATA *, int, long, void *);
static int servername_cb(SSL *, int *, void *);
static int alpn_cb(
    SSL *, const unsigned char **, unsigned char *, const unsigned char *, unsigned int, void *);
static bool is_good_for_http2(SSL *);

SSL_CTX *
tls_listen_new(const struct conf_listen *l, struct err *e)
{
	size_t i, n = l->tls_certificate.n;
	SSL_CTX *first = listen_ctx(l, 0, e);
	struct more *more;

	if (first == NULL || n == 1)
		return first;
	more = xcalloc(1, sizeof(*more) + n * sizeof(more->ctx[0]));
	(void)SSL_CTX_set_ex_data(first, more_index(), more);
	for (i = 1; i < n; i++) {
		more->ctx[more->n] = listen_ctx(l, i, e);
		if (more->ctx[more->n] == NULL) {
			SSL_CTX_free(first);
			return NULL;
		}
		more->n++;
	}
	(void)SSL_CTX_set_tlsext_servername_callback(first, servername_cb);
	(void)SSL_CTX_set_tlsext_servername_arg(first, first);
	return first;
}

static SSL_CTX *
listen_ctx(const struct conf_listen *l, size_t i, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	static const unsigned char id[] = "workflow-proxy";

	if (ctx == NULL) {
		(void)failed(e, l->address, "no TLS context");
		return NULL;
	}
	(void)SSL_CTX_set_min_proto_version(ctx, l->tls_min_version);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1);
	if (l->http2)
		SSL_CTX_set_alpn_select_cb(ctx, alpn_cb, NULL);
	if (SSL_CTX_use_certificate_chain_file(ctx, l->tls_certificate.v[i]) != 1)
		(void)failed(e, l->tls_certificate.v[i], "not a PEM certificate chain");
	else if (SSL_CTX_use_PrivateKey_file(ctx, l->tls_certificate_key.v[i], SSL_FILETYPE_PEM) != 1)
		(void)failed(e, l->tls_certificate_key.v[i], "not the PEM private key of its certificate");
	else
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

bool
tls_speaks_http2(const SSL *ssl)
{
	const unsigned char *name;
	unsigned int n;

	SSL_get0_alpn_selected(ssl, &name, &n);
	return n == 2 && memcmp(name, "h2", 2) == 0;
}

SSL_CTX *
tls_upstream_new(const struct conf_upstream *u, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL) {
		(void)failed(e, u->name, "no TLS context");
		return NULL;
	}
	(void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(
	    ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(ctx, u->tls_verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	if (u->tls_ca == NULL && SSL_CTX_set_default_verify_paths(ctx) != 1)
		(void)failed(e, u->name, "the system's certificate authorities cannot be read");
	else if (u->tls_ca != NULL && SSL_CTX_load_verify_file(ctx, u->tls_ca) != 1)
		(void)failed(e, u->tls_ca, "not a PEM bundle of certificate authorities");
	else if (u->tls_certificate != NULL &&
		 SSL_CTX_use_certificate_chain_file(ctx, u->tls_certificate) != 1)
		(void)failed(e, u->tls_certificate, "not a PEM certificate chain");
	else if (u->tls_certificate_key != NULL &&
		 SSL_CTX_use_PrivateKey_file(ctx, u->tls_certificate_key, SSL_FILETYPE_PEM) != 1)
		(void)failed(e, u->tls_certificate_key, "not the PEM private key of its certificate");
	else
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

SSL *
tls_connect(SSL_CTX *ctx, const struct conf_upstream *u, const struct conf_server *s, struct err *e)
{
	SSL *ssl = SSL_new(ctx);
	struct in6_addr addr;
	bool is_ip = inet_pton(AF_INET, s->host, &addr) == 1 || inet_pton(AF_INET6, s->host, &addr) == 1;
	int ok = ssl != NULL;

	if (ok && is_ip && u->tls_verify)
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), s->host);
	else if (ok && !is_ip)
		ok = SSL_set_tlsext_host_name(ssl, s->host) == 1 &&
		     (!u->tls_verify || SSL_set1_host(ssl, s->host) == 1);
	if (!ok) {
		(void)failed(e, s->url, "TLS cannot be set up");
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_connect_state(ssl);
	return ssl;
}

static int
failed(struct err *e, const char *what, const char *why)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = ERR_reason_error_string(code);

	ERR_clear_error();
	return err_set(
	    e, REASON_CONFIG, "%s: %s%s%s", what, why, text == NULL ? "" : ": ", text == NULL ? "" : text);
}

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int index_number;

static void
index_make(void)
{
	index_number = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, more_free_cb);
}

static int
more_index(void)
{
	(void)pthread_once(&index_once, index_make);
	return index_number;
}

/* --- called by OpenSSL --- */

static void
more_free_cb(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct more *more = ptr;

	(void)parent;
	(void)ad;
	(void)idx;
	(void)argl;
	(void)argp;
	if (more == NULL)
		return;
	while (more->n > 0)
		SSL_CTX_free(more->ctx[--more->n]);
	free(more);
}

static int
servername_cb(SSL *ssl, int *alert, void *arg)
{
	SSL_CTX *first = arg;
	const struct more *more = SSL_CTX_get_ex_data(first, more_index());
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	size_t i;

	(void)alert;
	if (name == NULL || X509_check_host(SSL_CTX_get0_certificate(first), name, 0, 0, NULL) == 1)
		return SSL_TLSEXT_ERR_OK;
	for (i = 0; i < more->n; i++) {
		if (X509_check_host(SSL_CTX_get0_certificate(more->ctx[i]), name, 0, 0, NULL) == 1) {
			(void)SSL_set_SSL_CTX(ssl, more->ctx[i]);
			break;
		}
	}
	return SSL_TLSEXT_ERR_OK;
}

/* Ours in our order (RFC 7301 3.2).  None in common: as if the extension were not there. */
static int
alpn_cb(SSL *ssl, const unsigned char **out, unsigned char *n_out, const unsigned char *in, unsigned int n_in,
    void *arg)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1", one[] = "\x08http/1.1";
	bool h2 = is_good_for_http2(ssl);
	unsigned char *chosen;

	(void)arg;
	if (SSL_select_next_proto(&chosen, n_out, h2 ? both : one, h2 ? sizeof(both) - 1 : sizeof(one) - 1,
		in, n_in) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* RFC 9113 9.2.2: with TLS 1.2 only ephemeral keys and AEAD; who offers less is spoken to in HTTP/1.1. */
static bool
is_good_for_http2(SSL *ssl)
{
	const SSL_CIPHER *c = SSL_get_pending_cipher(ssl);

	if (SSL_version(ssl) >= TLS1_3_VERSION)
		return true;
	return c != NULL && SSL_CIPHER_is_aead(c) &&
	       (SSL_CIPHER_get_kx_nid(c) == NID_kx_ecdhe || SSL_CIPHER_get_kx_nid(c) == NID_kx_dhe);
}
