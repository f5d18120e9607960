/*
 * tests/fuzz/fuzz_accesstoken.c - signed claims of every shape, for every kind of provider
 *
 * The first byte chooses the kind and whether the header says at+jwt; the rest
 * is what the provider signed (here with the key of RFC 7515 A.3).  Whoever
 * comes out of it is asked again, in another way: issuer, audience and time,
 * and that nobody is both a program and a person.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oidc/accesstoken.h"
#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "oidc/kinds.h"
#include "tests/fuzz/signed.h"

#define NOW    INT64_C(1767225600)
#define ISSUER "https://login.microsoftonline.com/aaaa1111-bbbb-4ccc-8ddd-eeee22223333/v2.0"
#define TWIN   "https://sts.windows.net/aaaa1111-bbbb-4ccc-8ddd-eeee22223333/"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *algs[] = { "ES256" }, *audience[] = { "api" };

static void check_principal(const struct principal *);
static void check_list(const struct str *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jwks *keys;
	struct conf_provider p = { .name = "main",
		.client_id = "wf",
		.access_token_signed_alg = { 1, algs },
		.audience = { 1, audience },
		.clock_tolerance = 60000 };
	struct err e = { .reason = REASON_NONE };
	struct str token;
	json_t *claims;
	struct accesstoken_check c = { .provider = &p, .issuer = ISSUER, .now = NOW };
	const struct principal *who;
	size_t n_kinds = 0;

	if (size == 0)
		return 0;
	while (kinds[n_kinds].name != NULL)
		n_kinds++;
	if (keys == NULL)
		keys = jwks_parse(str_of(signed_set), &e);
	assert(keys != NULL);
	p.kind = kinds[(data[0] & 15) % n_kinds].name;
	c.keys = keys;
	c.mem = mem_new(1 << 20);
	/* {"alg":"ES256","typ":"at+jwt"}, {"alg":"ES256"} */
	token = signed_token(
	    (data[0] & 16) != 0 ? "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9" : "eyJhbGciOiJFUzI1NiJ9",
	    (struct str){ (const char *)data + 1, size - 1 }, c.mem);
	claims = jose_unproven(token, c.mem);
	if (accesstoken_verify(&c, token, &who, &e) == ACCESSTOKEN_OK) {
		check_principal(who);
		assert(claims != NULL && accesstoken_names(&c, claims));
	} else
		assert(who == NULL && e.reason != REASON_NONE && e.text[0] != '\0');
	mem_free(&c.mem);
	return 0;
}

static void
check_principal(const struct principal *p)
{
	const json_t *aud = principal_claim(p, "aud");
	bool ours = json_is_string(aud) && strcmp(json_string_value(aud), "api") == 0;

	for (size_t n = 0; n < json_array_size(aud); n++)
		ours = ours || strcmp(json_string_value(json_array_get(aud, n)), "api") == 0;
	assert(ours);
	assert(str_is(p->issuer, STR(ISSUER)) || str_is(p->issuer, STR(TWIN)));
	assert(principal_claim(p, "events") == NULL && principal_claim(p, "cnf") == NULL);
	assert(p->times.expires > NOW - 60 && p->times.expires <= INT64_C(1) << 53);
	assert(p->times.begins >= 0 && p->times.begins <= NOW + 60);
	assert((p->kind == PRINCIPAL_USER) == (p->username.n > 0));
	assert(p->kind == PRINCIPAL_USER || p->app_id.n > 0);
	assert(p->subject.p != NULL && p->app_id.p != NULL && p->username.p != NULL);
	for (size_t n = 0; n < p->username.n; n++)
		assert((unsigned char)p->username.p[n] >= 0x20 && p->username.p[n] != 0x7f);
	check_list(p->scopes, p->n_scopes);
	check_list(p->roles, p->n_roles);
	(void)principal_claim(p, "a.b.c");
}

static void
check_list(const struct str *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert(list[i].n > 0 && memchr(list[i].p, '\0', list[i].n) == NULL);
}
