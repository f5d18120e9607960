/*
 * tests/fuzz/fuzz_jws.c - tokens of every shape against a set of public keys
 *
 * The keys are those of RFC 7515 A.2 to A.4, whose private parts are published;
 * an input verifies only when it is one of the RFC's tokens (or somebody signed
 * with those keys).  What verifies has one spelling: a character more or less
 * and it is refused.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "oidc/jose.h"
#include "oidc/jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char set[] =
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a2\",\"x5t\":\"a2\",\"e\":\"AQAB\",\"n\":\""
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-"
    "SFd2l"
    "ZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-"
    "UTo7WTBEM"
    "a2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_"
    "h9iaGNj8q2ethFkMLs91kzk2P"
    "AcDTW9gb54h4FRWyuXpoQ\"},"
    "{\"kty\":\"EC\",\"kid\":\"a3\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_"
    "NjFZ6OvLFV1"
    "jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-"
    "x3S1WDhjDly79ajL4Kkd0AZMaZmh9"
    "ubmf63e3kyMj2\"}]}";

static const char *names[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
	"ES512", "HS256", "none" };
static const struct conf_strings algs = { 11, names };

static enum jose_result verify(const struct jwks *, struct str, struct mem *, struct jose_token *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct mem *m = mem_new(1 << 20);
	struct jose_token t, other;
	struct err e;
	static struct jwks *keys;

	if (keys == NULL)
		keys = jwks_parse(str_of(set), &e);
	assert(keys != NULL);
	if (verify(keys, text, m, &t) == JOSE_OK) {
		char *longer = mem_alloc(m, size + 1);

		assert(t.alg != NULL && t.alg[0] != 'H' && t.alg[0] != 'n');
		memcpy(longer, data, size);
		longer[size] = '=';
		assert(verify(keys, (struct str){ longer, size + 1 }, m, &other) == JOSE_BAD);
		assert(verify(keys, (struct str){ text.p, size - 1 }, m, &other) == JOSE_BAD);
		longer[size - 1] = (char)(longer[size - 1] + 1);
		assert(verify(keys, (struct str){ longer, size }, m, &other) == JOSE_BAD);
	}
	assert(verify(NULL, text, m, &t) != JOSE_OK);
	mem_free(&m);
	return 0;
}

static enum jose_result
verify(const struct jwks *keys, struct str text, struct mem *m, struct jose_token *t)
{
	const struct jose_check c = {
		.algs = &algs, .keys = keys, .jku = "https://op.example.com/k", .mem = m
	};
	struct err e = { .reason = REASON_NONE };
	enum jose_result r = jose_verify_text(&c, text, t, &e);

	assert(ERR_peek_error() == 0);
	assert((r == JOSE_OK) == (e.reason == REASON_NONE));
	assert(r == JOSE_OK || e.text[0] != '\0');
	assert(r != JOSE_OK || keys != NULL);
	if (r == JOSE_OK) {
		struct jose_token same;

		if (jose_verify(&c, text, &same, &e) == JOSE_OK)
			assert(json_is_object(same.claims));
		else
			assert(e.reason == REASON_TOKEN_MALFORMED);
	}
	return r;
}
