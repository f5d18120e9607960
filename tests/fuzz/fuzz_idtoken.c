/*
 * tests/fuzz/fuzz_idtoken.c - signed claims of every shape, and userinfo
 *
 * The input is what a provider signed (here with the key of RFC 7515 A.3),
 * and behind a NUL what it said as userinfo.  Whoever comes out of it is the
 * one of this sign-in: issuer, audience, nonce and time are asked again, in
 * another way.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oidc/identity.h"
#include "oidc/idtoken.h"
#include "oidc/jwks.h"
#include "tests/fuzz/signed.h"

#define NOW INT64_C(1767225600)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *names[] = { "ES256" }, *claims[] = { "preferred_username", "email", "person.name" };
static const struct conf_strings algs = { 1, names }, usernames = { 3, claims };

static void check_identity(const struct identity *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	const char *nul = memchr(text.p == NULL ? "" : text.p, '\0', size);
	struct mem *m = mem_new(1 << 20);
	struct err e = { .reason = REASON_NONE };
	static struct jwks *keys;
	struct idtoken_check c = { .issuer = "https://op.example.com",
		.client_id = "wf",
		.nonce = STR("n-1"),
		.algs = &algs,
		.username_claim = &usernames,
		.access_token = STR("example-access-token"),
		.tolerance = 60,
		.now = NOW,
		.mem = m };
	const struct identity *i;

	if (nul != NULL) {
		c.userinfo = mem_text(m, str_from(text, (size_t)(nul - text.p) + 1));
		text.n = (size_t)(nul - text.p);
	}
	if (keys == NULL)
		keys = jwks_parse(str_of(signed_set), &e);
	assert(keys != NULL);
	c.keys = keys;
	if (idtoken_verify(&c, signed_token("eyJhbGciOiJFUzI1NiJ9", text, m), &i, &e) == IDTOKEN_OK)
		check_identity(i);
	else
		assert(i == NULL && e.reason != REASON_NONE && e.text[0] != '\0');
	mem_free(&m);
	return 0;
}

static void
check_identity(const struct identity *i)
{
	struct str name = identity_username(i), sub = identity_subject(i);
	const json_t *aud = identity_claim(i, "aud");
	bool ours = false;

	assert(str_is(identity_issuer(i), STR("https://op.example.com")));
	assert(strcmp(json_string_value(identity_claim(i, "iss")), "https://op.example.com") == 0);
	assert(strcmp(json_string_value(identity_claim(i, "nonce")), "n-1") == 0);
	if (json_is_string(aud))
		ours = strcmp(json_string_value(aud), "wf") == 0;
	for (size_t n = 0; n < json_array_size(aud); n++)
		ours = ours || strcmp(json_string_value(json_array_get(aud, n)), "wf") == 0;
	assert(ours);
	assert(identity_expires(i) > NOW - 60 && identity_expires(i) <= INT64_C(1) << 53);
	assert(identity_auth_time(i) >= 0 && identity_auth_time(i) <= INT64_C(1) << 53);
	assert(sub.n > 0 && sub.n <= IDTOKEN_SUBJECT_MAX && strlen(sub.p) == sub.n);
	assert(name.n > 0 && name.p[0] != ' ' && name.p[name.n - 1] != ' ');
	for (size_t n = 0; n < name.n; n++)
		assert((unsigned char)name.p[n] >= 0x20 && name.p[n] != 0x7f);
	assert(identity_provider_sid(i).p != NULL);
	(void)identity_claim(i, "a.b.c");
}
