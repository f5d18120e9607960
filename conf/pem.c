/* conf/pem.c - see conf/pem.h */
#include <limits.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "conf/pem.h"
#include "conf/secret.h"

static BIO *reader(struct str);
static const char *last_error(void);
static int no_passphrase_cb(char *, int, int, void *);

X509 *
pem_certificate(struct str text, struct err *e)
{
	BIO *in = reader(text);
	X509 *first = PEM_read_bio_X509_AUX(in, NULL, no_passphrase_cb, NULL), *next;
	unsigned long why;

	if (first == NULL) {
		(void)err_set(e, REASON_CONFIG, "holds no certificate; write a PEM file (%s)", last_error());
		BIO_free(in);
		return NULL;
	}
	while ((next = PEM_read_bio_X509(in, NULL, no_passphrase_cb, NULL)) != NULL)
		X509_free(next);
	why = ERR_peek_last_error();
	if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE) {
		(void)err_set(
		    e, REASON_CONFIG, "holds a damaged certificate behind the first (%s)", last_error());
		X509_free(first);
		first = NULL;
	}
	ERR_clear_error();
	BIO_free(in);
	return first;
}

EVP_PKEY *
pem_key(struct str text, struct err *e)
{
	BIO *in = reader(text);
	bool asked = false;
	EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase_cb, &asked);

	if (key == NULL && asked)
		(void)err_set(e, REASON_CONFIG,
		    "holds a key with a passphrase; take it off, and keep the file from others");
	else if (key == NULL)
		(void)err_set(e, REASON_CONFIG, "holds no private key; write a PEM file (%s)", last_error());
	ERR_clear_error();
	BIO_free(in);
	return key;
}

int
pem_pair(X509 *certificate, EVP_PKEY *key, struct err *e)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	int r = 0;

	ERR_clear_error();
	if (ctx == NULL || SSL_CTX_use_certificate(ctx, certificate) != 1)
		r = err_set(e, REASON_CONFIG, "is a certificate that TLS does not take (%s)", last_error());
	else if (X509_check_private_key(certificate, key) != 1)
		r = err_set(
		    e, REASON_CONFIG, "is not the certificate of its key; name the key that belongs to it");
	else if (SSL_CTX_use_PrivateKey(ctx, key) != 1)
		r = err_set(e, REASON_CONFIG, "has a key that TLS does not take (%s)", last_error());
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return r;
}

int
pem_dates(const X509 *certificate)
{
	if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
		return -1;
	return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0 ? 1 : 0;
}

bool
pem_ends(const X509 *certificate, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return false;
	*out = (int64_t)timegm(&tm);
	return true;
}

/* By OpenSSL's clock, which pem_dates() goes by as well. */
int64_t
pem_now(void)
{
	ASN1_TIME *now = X509_gmtime_adj(NULL, 0);
	struct tm tm = { 0 };

	(void)ASN1_TIME_to_tm(now, &tm);
	ASN1_TIME_free(now);
	return (int64_t)timegm(&tm);
}

/* SHA-1 is a name here, no protection; a library that has none left gives none. */
char *
pem_thumbprint(const X509 *certificate, bool sha256, struct mem *m)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char *text = NULL;

	if (X509_digest(certificate, sha256 ? EVP_sha256() : EVP_sha1(), hash, &n) == 1) {
		text = mem_alloc(m, secret_b64_size(n));
		(void)secret_b64(text, hash, n);
	}
	ERR_clear_error();
	return text;
}

static BIO *
reader(struct str text)
{
	ERR_clear_error();
	return BIO_new_mem_buf(text.p, text.n > INT_MAX ? INT_MAX : (int)text.n);
}

static const char *
last_error(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	return text == NULL ? "unknown" : text;
}

/* --- called by OpenSSL --------------------------------------------------------- */

static int
no_passphrase_cb(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	if (arg != NULL)
		*(bool *)arg = true;
	return -1;
}
