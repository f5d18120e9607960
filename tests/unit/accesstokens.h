/*
 * tests/unit/accesstokens.h - access tokens with one thing wrong
 *
 * For the tests of oidc/accesstoken.c: `base` are claims that pass, take() and
 * refuse() say what becomes of a token.
 */
#ifndef TESTS_ACCESSTOKENS_H
#define TESTS_ACCESSTOKENS_H
#include "oidc/accesstoken.h"
#include "oidc/identity.h"
#include "oidc/kinds.h"
#include "tests/unit/es256.h"

#define API    "https://app.example.com/graphql"
#define TENANT "aaaa1111-bbbb-4ccc-8ddd-eeee22223333"
#define V2     "https://login.microsoftonline.com/" TENANT "/v2.0"
#define V1     "https://sts.windows.net/" TENANT "/"
#define TIMES  "\"iat\":1767225590,\"nbf\":1767225590,\"exp\":1767229200"
#define PLAIN  "{\"alg\":\"ES256\",\"kid\":\"k1\"}"

static const char base[] =
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" API "\",\"sub\":\"u-1\"," TIMES ",\"azp\":\"spa\","
    "\"scope\":\"read write\",\"preferred_username\":\"jane.doe\",\"roles\":[\"Approver\",\"Run It\"]}";

static struct conf_provider p;
static struct accesstoken_check c;

static const char *audiences[] = { "other", API };
static const char *listed[8];

static inline void
setup(void)
{
	publish_key();
	p = (struct conf_provider){ .name = "main",
		.kind = "oidc",
		.client_id = CLIENT,
		.access_token_signed_alg = { 2, alg_names },
		.audience = { 2, audiences },
		.clock_tolerance = 60000,
		.decode_access_token = true };
	c = (struct accesstoken_check){
		.provider = &p, .issuer = ISSUER, .keys = keys, .now = NOW, .mem = m
	};
}

static inline enum accesstoken_result
verify(struct str token, const struct principal **out)
{
	e = (struct err){ .reason = REASON_NONE };
	return accesstoken_verify(&c, token, out, &e);
}

static inline const struct principal *
take_as(const char *what, const char *header, const char *claims)
{
	const struct principal *out = NULL;
	struct str token = token_of(m, key, "ES256", str_of(header), str_of(claims));

	ck_assert_msg(
	    verify(token, &out) == ACCESSTOKEN_OK, "%s: %s: %s", what, reason_word(e.reason), e.text);
	ck_assert_ptr_nonnull(out);
	return out;
}

static inline const struct principal *
take(const char *what, const char *claims)
{
	return take_as(what, PLAIN, claims);
}

static inline void
refuse_as(const char *what, const char *header, const char *claims, enum reason want)
{
	const struct principal *out = NULL;
	struct str token = token_of(m, key, "ES256", str_of(header), str_of(claims));

	ck_assert_msg(verify(token, &out) == ACCESSTOKEN_BAD, "%s is accepted", what);
	ck_assert_ptr_null(out);
	ck_assert_msg(e.reason == want, "%s: got %s, want %s: %s", what, reason_word(e.reason),
	    reason_word(want), e.text);
	ck_assert_ptr_null(strstr(e.text, token.p + token.n - 40)); /* no token in a sentence */
}

static inline const char *
joined(const struct str *list, size_t n)
{
	const char *out = "";

	for (size_t i = 0; i < n; i++)
		out = mem_printf(m, "%s%s%.*s", out, i == 0 ? "" : "|", STR_ARG(list[i]));
	return out;
}

static inline void
expect_text(const char *what, struct str got, const char *want)
{
	ck_assert_msg(str_is(got, str_of(want)), "%s: got \"%.*s\", want \"%s\"", what, STR_ARG(got), want);
}

/* "a|b" into a list of the configuration. */
static inline struct conf_strings
list_of(const char *words)
{
	struct conf_strings out = { 0, listed };
	struct str rest = str_of(words), one;

	while (str_next(&rest, '|', &one))
		listed[out.n++] = mem_text(m, one);
	return out;
}

#endif
