/*
 * tests/fuzz/fuzz_pem.c - files of certificates
 *
 * Every certificate that comes out can be named, searched and made a key of,
 * or is refused with a sentence.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "conf/certs.h"
#include "conf/dn.h"
#include "oidc/jwk.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void look_at(struct mem *, X509 *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certs *c = calloc(1, sizeof(*c));
	struct mem *m = mem_new(1 << 20);
	struct err e = { .reason = REASON_NONE };

	assert(c != NULL);
	if (certs_parse((struct str){ (const char *)data, size }, c, &e) == -1)
		assert(e.reason == REASON_CONFIG && e.text[0] != '\0');
	else
		assert(c->n > 0 && c->n <= CERTS_MAX);
	assert(ERR_peek_error() == 0);
	for (size_t i = 0; i < c->n && i < 8; i++)
		look_at(m, c->v[i]);
	certs_release(c);
	free(c);
	mem_free(&m);
	return 0;
}

static void
look_at(struct mem *m, X509 *x)
{
	const time_t now = 1767225600;
	const char *subject = dn_print(m, X509_get_subject_name(x));
	struct jwk k;
	struct err e = { .reason = REASON_NONE };

	for (const char *p = subject; *p != '\0'; p++)
		assert((unsigned char)*p >= 0x20 && *p != 0x7f);
	(void)dn_is(X509_get_issuer_name(x), str_of(subject));
	(void)certs_dates(x, &now);
	if (jwk_from_certificate(&(struct jwk_certificate){ .x = x, .dated = true }, &k, &e) == 0) {
		assert(k.size >= 64 && strlen(k.x5t) == 27);
		(void)jwk_is_outdated(&k, now);
		jwk_release(&k);
	} else
		assert(e.reason == REASON_PROVIDER_ANSWER && e.text[0] != '\0');
	assert(ERR_peek_error() == 0);
}
