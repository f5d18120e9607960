/*
 * tests/fuzz/fuzz_federation.c - a provider's WS-Federation metadata
 *
 * What comes out is a name of printable characters and a set of keys, each
 * named after its certificate.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include <openssl/err.h>

#include "conf/log.h"
#include "oidc/federation.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct log_setup quiet = { LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, "-", "off" };
	const struct str text = { (const char *)data, size };
	static bool begun;
	struct federation f;
	struct err e = { .reason = REASON_NONE };

	if (!begun && log_open(&quiet, &e) == 0)
		begun = true;
	if (federation_parse(text, &f, &e) == 0) {
		assert(strlen(f.entity_id) > 0 && strlen(f.entity_id) <= FEDERATION_ENTITY_MAX);
		for (const char *p = f.entity_id; *p != '\0'; p++)
			assert(*p > 0x20 && *p < 0x7f);
		assert(memmem(text.p, text.n, "SecurityTokenServiceType", 24) != NULL ||
		       memchr(data, '&', size));
		assert(memmem(text.p, text.n, "<!DOCTYPE", 9) == NULL);
		assert(jwks_count(f.keys) > 0 && jwks_count(f.keys) <= JWKS_KEYS_MAX);
		for (size_t i = 0; i < jwks_count(f.keys); i++) {
			const struct jwk *k = jwks_at(f.keys, i);

			assert(
			    strcmp(k->kid, k->x5t) == 0 && strlen(k->x5t) == 27 && strlen(k->x5t_s256) == 43);
			assert(k->of_certificate && !k->dated && k->size >= 64);
		}
	} else
		assert(e.reason == REASON_PROVIDER_ANSWER && e.text[0] != '\0' && f.keys == NULL);
	assert(ERR_peek_error() == 0);
	federation_release(&f);
	return 0;
}
