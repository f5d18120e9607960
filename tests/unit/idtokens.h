/*
 * tests/unit/idtokens.h - ID tokens with one thing wrong
 *
 * For the tests of oidc/idtoken.c: `base` are claims that pass, with() changes
 * one of them, expect() says what becomes of the token.
 */
#ifndef TESTS_IDTOKENS_H
#define TESTS_IDTOKENS_H
#include "oidc/identity.h"
#include "oidc/idtoken.h"
#include "tests/unit/es256.h"

#define NONCE        "n-0S6_WzA2MjmYzFiNjQ1ZTk4ZjQ0ZTk2YjAwZDM5Mz"
#define ACCESS_TOKEN "example-access-token"
#define AT_HASH      "Z1P3Ll-e0JrOBqzfbrTXjQ"

static const char base[] =
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"248289761001\","
    "\"exp\":1767229200,\"iat\":1767225590,\"nonce\":\"" NONCE "\","
    "\"preferred_username\":\"jane.doe\",\"email\":\"jane@example.com\",\"sid\":\"s-1\","
    "\"auth_time\":1767225580,\"realm_access\":{\"roles\":[\"a\",\"b\"]},"
    "\"https://app.example.com/team\":\"red\",\"none\":null}";

static struct idtoken_check c;

static const struct conf_strings algs = { 2, alg_names };
static const char *claim_names[] = { "preferred_username", "email" };
static const struct conf_strings usernames = { 2, claim_names };

static inline void
setup(void)
{
	publish_key();
	c = (struct idtoken_check){
		.issuer = ISSUER,
		.client_id = CLIENT,
		.nonce = STR(NONCE),
		.algs = &algs,
		.keys = keys,
		.username_claim = &usernames,
		.tolerance = 60,
		.now = NOW,
		.mem = m,
	};
}

static inline struct str
sign(const char *claims)
{
	return token_of(m, key, "ES256", STR("{\"alg\":\"ES256\",\"kid\":\"k1\"}"), str_of(claims));
}

static inline enum idtoken_result
verify(struct str token, const struct identity **i)
{
	e = (struct err){ .reason = REASON_NONE };
	return idtoken_verify(&c, token, i, &e);
}

static inline void
expect(const char *what, const char *claims, enum reason want)
{
	const struct identity *i;
	enum idtoken_result r = verify(sign(claims), &i);

	ck_assert_msg((r == IDTOKEN_OK) == (want == REASON_NONE), "%s: %d, %s: %s", what, (int)r,
	    reason_word(e.reason), e.text);
	if (want != REASON_NONE) {
		ck_assert_ptr_null(i);
		ck_assert_msg(e.reason == want, "%s: got %s, want %s: %s", what, reason_word(e.reason),
		    reason_word(want), e.text);
	}
	/* A nonce never reaches the log. */
	ck_assert_ptr_null(strstr(e.text, NONCE));
}

static inline void
expect_str(struct str got, const char *want)
{
	ck_assert_msg(str_is(got, str_of(want)), "got \"%.*s\", want \"%s\"", STR_ARG(got), want);
}

#endif
