/*
 * tests/unit/certificates.h - certificates made for a test
 */
#ifndef TESTS_CERTIFICATES_H
#define TESTS_CERTIFICATES_H
#include <check.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "conf/mem.h"
#include "conf/secret.h"
#include "conf/str.h"

#define CERTIFICATE_DAY 86400L

struct certificate_of {
	EVP_PKEY *key;
	const char *subject; /* "O=b,CN=a", in this order; NULL: CN=a */
	X509 *issuer;        /* NULL: self-signed */
	EVP_PKEY *issuer_key;
	long from, to;      /* seconds from now; both 0: a day either side */
	const char *serial; /* hex; NULL: 01 */
	bool ca, key_id;    /* a certificate authority; with a subject key identifier */
};

static inline void
certificate_name(X509_NAME *name, const char *text)
{
	struct str rest = str_of(text), one;

	while (str_next(&rest, ',', &one)) {
		char type[32];
		size_t n = strcspn(one.p, "=");

		ck_assert_uint_lt(n, sizeof(type));
		memcpy(type, one.p, n);
		type[n] = '\0';
		ck_assert_int_eq(X509_NAME_add_entry_by_txt(name, type, MBSTRING_UTF8,
				     (const unsigned char *)one.p + n + 1, (int)(one.n - n - 1), -1, 0),
		    1);
	}
}

static inline void
certificate_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_ptr_nonnull(extension);
	ck_assert_int_eq(X509_add_ext(x, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static inline X509 *
certificate_new(const struct certificate_of *c)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();
	BIGNUM *serial = NULL;
	bool dated = c->from != 0 || c->to != 0;

	ck_assert_int_gt(BN_hex2bn(&serial, c->serial == NULL ? "01" : c->serial), 0);
	ck_assert_ptr_nonnull(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)));
	certificate_name(name, c->subject == NULL ? "CN=a" : c->subject);
	ck_assert(X509_set_version(x, 2) == 1 && X509_set_pubkey(x, c->key) == 1);
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(x), dated ? c->from : -CERTIFICATE_DAY));
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(x), dated ? c->to : CERTIFICATE_DAY));
	ck_assert_int_eq(X509_set_subject_name(x, name), 1);
	ck_assert_int_eq(
	    X509_set_issuer_name(x, c->issuer == NULL ? name : X509_get_subject_name(c->issuer)), 1);
	if (c->ca)
		certificate_extension(x, NID_basic_constraints, "critical,CA:TRUE");
	if (c->key_id)
		certificate_extension(x, NID_subject_key_identifier, "hash");
	ck_assert_int_gt(X509_sign(x, c->issuer == NULL ? c->key : c->issuer_key, EVP_sha256()), 0);
	X509_NAME_free(name);
	BN_free(serial);
	return x;
}

/* What a BIO holds, and the BIO away. */
static inline char *
certificate_text(struct mem *m, BIO *out)
{
	char *bytes, *text;
	long n = BIO_get_mem_data(out, &bytes);

	text = mem_text(m, (struct str){ bytes, (size_t)n });
	BIO_free(out);
	return text;
}

static inline char *
certificate_pem(struct mem *m, X509 *x)
{
	BIO *out = BIO_new(BIO_s_mem());

	ck_assert_int_eq(PEM_write_bio_X509(out, x), 1);
	return certificate_text(m, out);
}

static inline struct str
certificate_der(struct mem *m, X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);
	struct str copy;

	ck_assert_int_gt(n, 0);
	copy = mem_str(m, (struct str){ (const char *)der, (size_t)n });
	OPENSSL_free(der);
	return copy;
}

static inline char *
certificate_hex(struct mem *m, X509 *x, const EVP_MD *md)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char *text = mem_strdup(m, "");
	unsigned n;

	ck_assert_int_eq(X509_digest(x, md, digest, &n), 1);
	for (unsigned i = 0; i < n; i++)
		text = mem_printf(m, "%s%02x", text, digest[i]);
	return text;
}

/* base64url of the thumbprint, as a token's header names the certificate. */
static inline char *
certificate_name_of(struct mem *m, X509 *x, const EVP_MD *md)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;
	char *text;

	ck_assert_int_eq(X509_digest(x, md, digest, &n), 1);
	text = mem_alloc(m, secret_b64_size(n));
	(void)secret_b64(text, digest, n);
	return text;
}

#endif
