/*
 * tests/fuzz/fuzz_jwks.c - a provider's key set, and a token held against it
 *
 * Whatever the set holds, the tokens of RFC 7515 A.2 and A.3 with a bit
 * changed do not verify by it, and no key makes a signature of an algorithm
 * that is not its own.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "conf/log.h"
#include "oidc/jose.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *names[] = { "RS256", "PS256", "ES256", "ES384", "ES512" };
static const struct conf_strings algs = { 5, names };

static const char *const forged[] = {
	"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UifQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__"
	"dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuH"
	"Im4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
	"nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS"
	"jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
	"eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI"
	"8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
	"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
	"F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQx"
	"fKTUJqPP3-Kg6NU1Q",
};

static void check_key(const struct jwk *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct log_setup quiet = { LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, "-", "off" };
	static bool is_quiet;
	struct err e = { .reason = REASON_NONE };
	struct mem *m;
	struct jwks *k;

	if (!is_quiet && log_open(&quiet, &e) == 0)
		is_quiet = true;
	k = jwks_parse((struct str){ (const char *)data, size }, &e);
	assert(ERR_peek_error() == 0);
	if (k == NULL) {
		assert(e.reason == REASON_PROVIDER_ANSWER && e.text[0] != '\0');
		return 0;
	}
	assert(jwks_count(k) > 0 && jwks_count(k) <= JWKS_KEYS_MAX);
	for (size_t i = 0; i < jwks_count(k); i++)
		check_key(jwks_at(k, i));
	m = mem_new(1 << 20);
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		const struct jose_check c = { .algs = &algs, .keys = k, .mem = m };
		struct jose_token t;

		assert(jose_verify_text(&c, str_of(forged[i]), &t, &e) != JOSE_OK);
	}
	mem_free(&m);
	jwks_free(&k);
	return 0;
}

static void
check_key(const struct jwk *k)
{
	size_t sizes = 0;

	assert(k->key != NULL);
	for (size_t i = 0; i < algs.n; i++) {
		size_t size = jwk_signature_size(k, names[i]);

		assert(size == 0 || (i < 2 ? size >= 256 && size <= 1024
					   : size == (i == 2      ? 64
							 : i == 3 ? 96
								  : 132)));
		sizes += size != 0;
	}
	assert(sizes <= 2 && jwk_signature_size(k, "HS256") == 0 && jwk_signature_size(k, "none") == 0);
	assert(k->kid == NULL || (k->kid[0] != '\0' && strlen(k->kid) <= JWK_NAME_MAX));
}
