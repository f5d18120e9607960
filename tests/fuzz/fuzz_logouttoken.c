/*
 * tests/fuzz/fuzz_logouttoken.c - signed claims of every shape, as a logout token
 *
 * Whatever passes is the provider's and ours, has the event and no nonce, and
 * says whose sessions are to end: asked again, in another way.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "oidc/logouttoken.h"
#include "tests/fuzz/signed.h"

#define NOW INT64_C(1767225600)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check(const struct logouttoken *, const json_t *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *names[] = { "ES256" };
	static const struct conf_provider provider = { .kind = "oidc",
		.client_id = "wf",
		.clock_tolerance = 60000,
		.id_token_signed_response_alg = { 1, names } };
	static struct jwks *keys;
	struct str text = { data == NULL ? "" : (const char *)data, size }, token;
	struct mem *m = mem_new(1 << 20);
	struct err e = { .reason = REASON_NONE };
	struct logouttoken_check c = {
		.provider = &provider, .issuer = "https://op.example.com", .now = NOW, .mem = m
	};
	struct logouttoken out;
	const json_t *says;

	if (keys == NULL)
		keys = jwks_parse(str_of(signed_set), &e);
	assert(keys != NULL);
	c.keys = keys;
	says = logouttoken_peek(text, m, &e); /* nothing signed: any bytes */
	assert(says != NULL || e.reason == REASON_TOKEN_MALFORMED);
	token = signed_token("eyJhbGciOiJFUzI1NiJ9", text, m);
	says = logouttoken_peek(token, m, &e);
	e.reason = REASON_NONE;
	if (logouttoken_verify(&c, token, &out, &e) == LOGOUTTOKEN_OK)
		check(&out, says);
	else
		assert(e.reason != REASON_NONE && e.text[0] != '\0');
	mem_free(&m);
	return 0;
}

static void
check(const struct logouttoken *t, const json_t *says)
{
	const json_t *aud = json_object_get(says, "aud");
	bool ours = json_is_string(aud) && strcmp(json_string_value(aud), "wf") == 0;

	assert(strcmp(json_string_value(json_object_get(says, "iss")), "https://op.example.com") == 0);
	for (size_t i = 0; i < json_array_size(aud); i++)
		ours = ours || strcmp(json_string_value(json_array_get(aud, i)), "wf") == 0;
	assert(ours);
	assert(json_object_get(says, "nonce") == NULL);
	assert(json_is_object(json_object_get(
	    json_object_get(says, "events"), "http://schemas.openid.net/event/backchannel-logout")));
	assert((t->sid.n > 0) != (t->subject.n > 0));
	assert(t->sid.n <= LOGOUTTOKEN_ID_MAX && t->subject.n <= 255);
	assert(t->jti.n > 0 && t->jti.n <= LOGOUTTOKEN_ID_MAX);
	assert(t->expires > NOW);
}
