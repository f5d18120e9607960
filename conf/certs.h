/*
 * conf/certs.h - certificates that the operator put into files, found by what is known of them
 *
 * What a provider's `certificate` sections ask for (conf/conf.h): the
 * configuration's check and oidc/certstore.c ask in the same way.  In a
 * directory the files *.pem, *.crt and *.cer count, in the order of their
 * names; each holds any number of certificates in PEM, or one in DER.  Private
 * keys and whatever else stands beside them are passed over.
 */
#ifndef CONF_CERTS_H
#define CONF_CERTS_H
#include <stddef.h>
#include <time.h>

#include <openssl/x509.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

#define CERTS_FILE_MAX  ((size_t)1024 * 1024) /* bytes of one file */
#define CERTS_FILES_MAX 1000                  /* of a directory */
#define CERTS_MAX       1000                  /* certificates to search among */

struct certs {
	X509 *v[CERTS_MAX];
	size_t n;
	size_t files, damaged; /* read, and those of them that could not be */
};

/* Has `value` the form that `find` compares with?  The sentence follows the value. */
int certs_judge_value(enum conf_find find, struct str value, struct err *e) MUST_CHECK;

/*
 * What c asks for, at least one: found, chained to c->ca where that is set,
 * inside its dates where c->require_valid is (`now` NULL: at this moment), and
 * all of one subject, so that a search by parts of a name cannot find
 * somebody else's as well.  -1: a sentence that says what was searched, where.
 * The caller releases *out, which may be large, in any case.
 */
int certs_find(
    const struct conf_certificate *c, const time_t *now, struct certs *out, struct err *e) MUST_CHECK;
void certs_release(struct certs *c);

/* -1: before its dates, 0: inside, 1: behind them; `now` as above. */
int certs_dates(const X509 *x, const time_t *now);

/* Add the certificates of a file's bytes.  -1: none, a damaged one, or too many. */
int certs_parse(struct str text, struct certs *out, struct err *e) MUST_CHECK;
/* Add those of a file, or of the files of a directory. */
int certs_read_file(const char *path, struct certs *out, struct err *e) MUST_CHECK;
int certs_read_directory(const char *path, struct certs *out, struct err *e) MUST_CHECK;

#endif
