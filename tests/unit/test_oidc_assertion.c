/* oidc/assertion.c: who we are, signed so that another implementation believes it */
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/x509.h>

#include "oidc/assertion.h"
#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "tests/unit/tokens.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))
#define NOW          INT64_C(1767225600)
#define ENDPOINT     "https://op.example.com/token"
#define ISSUER       "https://op.example.com/"

static const struct assertion about = { .token_endpoint = ENDPOINT, .issuer = ISSUER, .now = NOW };
static EVP_PKEY *keys[4]; /* RSA, P-256, P-384, P-521 */
static struct mem *m;

static void
begin(void)
{
	keys[0] = EVP_RSA_gen(2048U);
	keys[1] = EVP_EC_gen("P-256");
	keys[2] = EVP_EC_gen("P-384");
	keys[3] = EVP_EC_gen("P-521");
}

static void
end(void)
{
	for (int i = 0; i < COUNT(keys); i++)
		EVP_PKEY_free(keys[i]);
}

static void
setup(void)
{
	m = mem_new(1 << 20);
}

static void
teardown(void)
{
	mem_free(&m);
}

static struct str
print(const struct conf_provider *c)
{
	struct str out;
	struct err e;

	ck_assert_int_eq(assertion_print(c, &about, m, &out, &e), 0);
	ck_assert(out.p == NULL || strlen(out.p) == out.n);
	return out;
}

/* Part i of a compact token, as JSON; the caller's. */
static json_t *
part(struct str token, int i)
{
	unsigned char *bytes = mem_alloc(m, token.n);
	struct str one = STR("");
	json_t *o;
	long n;

	while (i-- >= 0)
		ck_assert(str_next(&token, '.', &one));
	n = secret_unb64(bytes, one);
	ck_assert_int_gt(n, 0);
	o = json_loadb((const char *)bytes, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(o);
	return o;
}

static const char *
member(json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text == NULL ? "(none)" : text;
}

static const struct {
	const char *kind;
	int key;
	const char *alg;
	bool to_issuer;
} kinds_of_keys[] = {
	{ NULL, 0, "RS256", false },
	{ "oidc", 0, "RS256", false },
	{ "oidc", 1, "ES256", false },
	{ "okta", 2, "ES384", false },
	{ "oidc", 3, "ES512", false },
	{ "ms-identity-v2", 0, "PS256", false },
	{ "azure-v1", 0, "RS256", false },
	{ "adfs", 0, "RS256", false },
	{ "auth0", 0, "RS256", true },
	{ "keycloak", 1, "ES256", true },
};

START_TEST(what_a_key_signs_is_believed_by_another_implementation)
{
	const struct conf_provider c = { .kind = kinds_of_keys[_i].kind,
		.client_id = "app \"1\"",
		.token_endpoint_auth_method = AUTH_METHOD_KEY_JWT,
		.client_private_key = keys[kinds_of_keys[_i].key],
		.client_x5t = "the-x5t",
		.client_x5t_s256 = "the-x5t-s256" };
	const char *names[] = { kinds_of_keys[_i].alg };
	const struct conf_strings algs = { 1, names };
	struct err e = { .reason = REASON_NONE };
	struct jwks *set = jwks_parse(
	    str_of(mem_printf(m, "{\"keys\":[%s]}", token_jwk(m, keys[kinds_of_keys[_i].key], ""))), &e);
	const struct jose_check check = { .algs = &algs, .keys = set, .mem = m };
	struct jose_token t;
	json_t *head;

	ck_assert_ptr_nonnull(set);
	ck_assert_msg(jose_verify(&check, print(&c), &t, &e) == JOSE_OK, "%s", e.text);
	head = part(print(&c), 0);
	ck_assert_str_eq(member(head, "alg"), kinds_of_keys[_i].alg);
	ck_assert_str_eq(member(head, "typ"), "JWT");
	ck_assert_str_eq(member(head, "x5t"), "the-x5t");
	ck_assert_str_eq(member(head, "x5t#S256"), "the-x5t-s256");
	ck_assert_uint_eq(json_object_size(head), 4);
	ck_assert_str_eq(member(t.claims, "iss"), "app \"1\"");
	ck_assert_str_eq(member(t.claims, "sub"), "app \"1\"");
	ck_assert_str_eq(member(t.claims, "aud"), kinds_of_keys[_i].to_issuer ? ISSUER : ENDPOINT);
	ck_assert_int_eq(json_integer_value(json_object_get(t.claims, "iat")), NOW);
	ck_assert_int_eq(json_integer_value(json_object_get(t.claims, "nbf")), NOW);
	ck_assert_int_gt(json_integer_value(json_object_get(t.claims, "exp")), NOW + 60);
	ck_assert_int_le(json_integer_value(json_object_get(t.claims, "exp")), NOW + 300);
	ck_assert_uint_eq(json_object_size(t.claims), 7);
	json_decref(head);
	jwks_free(&set);
}
END_TEST

START_TEST(the_salt_of_pss_is_as_long_as_the_hash)
{
	const struct conf_provider c = { .kind = "ms-identity-v2",
		.client_id = "app",
		.token_endpoint_auth_method = AUTH_METHOD_KEY_JWT,
		.client_private_key = keys[0] };
	struct str token = print(&c), input = token;
	unsigned char sig[512];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	long n;

	while (input.p[input.n - 1] != '.')
		input.n--;
	n = secret_unb64(sig, str_from(token, input.n));
	input.n--;
	ck_assert_int_eq(EVP_DigestVerifyInit(ctx, &pctx, EVP_sha256(), NULL, keys[0]), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
	ck_assert_int_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 32), 1);
	ck_assert_int_eq(EVP_DigestVerify(ctx, sig, (size_t)n, (const unsigned char *)input.p, input.n), 1);
	EVP_MD_CTX_free(ctx);
}
END_TEST

START_TEST(what_a_secret_signs_verifies_and_names_no_key)
{
	struct conf_provider c = { .client_id = "app",
		.token_endpoint_auth_method = AUTH_METHOD_SECRET_JWT,
		.client_secret = secret_new("a-secret-of-the-client", 22),
		.client_key_id = "k",
		.client_x5t = "x" };
	struct str token = print(&c), input = token;
	unsigned char mac[32], sig[64];
	json_t *head = part(token, 0);
	unsigned n = 0;

	while (input.p[input.n - 1] != '.')
		input.n--;
	ck_assert_int_eq(secret_unb64(sig, str_from(token, input.n)), 32);
	input.n--;
	ck_assert_ptr_nonnull(HMAC(
	    EVP_sha256(), "a-secret-of-the-client", 22, (const unsigned char *)input.p, input.n, mac, &n));
	ck_assert_mem_eq(mac, sig, 32);
	ck_assert_str_eq(member(head, "alg"), "HS256");
	ck_assert_uint_eq(json_object_size(head), 2);
	ck_assert_ptr_null(strstr(token.p, "a-secret-of-the-client"));
	json_decref(head);
	secret_free(&c.client_secret);
}
END_TEST

START_TEST(no_two_assertions_have_one_id)
{
	const struct conf_provider c = { .client_id = "app",
		.token_endpoint_auth_method = AUTH_METHOD_KEY_JWT,
		.client_private_key = keys[1] };
	json_t *one = part(print(&c), 1), *two = part(print(&c), 1);

	ck_assert_uint_eq(strlen(member(one, "jti")), 22);
	ck_assert_str_ne(member(one, "jti"), member(two, "jti"));
	json_decref(one);
	json_decref(two);
}
END_TEST

START_TEST(what_is_set_by_hand_wins)
{
	struct conf_provider c = { .kind = "auth0",
		.client_id = "app",
		.token_endpoint_auth_method = AUTH_METHOD_KEY_JWT,
		.client_private_key = keys[1],
		.client_key_id = "2026-01",
		.client_assertion_audience = "token_endpoint" };
	struct str token = print(&c);
	json_t *head = part(token, 0), *claims = part(token, 1);

	ck_assert_str_eq(member(head, "kid"), "2026-01");
	ck_assert_uint_eq(json_object_size(head), 3);
	ck_assert_str_eq(member(claims, "aud"), ENDPOINT);
	json_decref(claims);
	c.kind = "oidc";
	c.client_assertion_audience = "issuer";
	claims = part(print(&c), 1);
	ck_assert_str_eq(member(claims, "aud"), ISSUER);
	json_decref(claims);
	json_decref(head);
}
END_TEST

START_TEST(other_methods_need_none)
{
	static const enum conf_auth_method others[] = { AUTH_METHOD_BASIC, AUTH_METHOD_POST,
		AUTH_METHOD_NONE };

	for (int i = 0; i < COUNT(others); i++) {
		const struct conf_provider c = { .client_id = "app",
			.token_endpoint_auth_method = others[i] };

		ck_assert_ptr_null(print(&c).p);
	}
}
END_TEST

START_TEST(a_key_that_cannot_sign_is_an_error_and_leaves_no_trace)
{
	EVP_PKEY *public = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	int n = i2d_PUBKEY(keys[1], &der);
	struct conf_provider c = { .client_id = "app", .token_endpoint_auth_method = AUTH_METHOD_KEY_JWT };
	struct str out;
	struct err e;

	p = der;
	public = d2i_PUBKEY(NULL, &p, n);
	c.client_private_key = public;
	ck_assert_int_eq(assertion_print(&c, &about, m, &out, &e), -1);
	ck_assert_int_eq(e.reason, REASON_SYSTEM);
	ck_assert_ptr_null(out.p);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	EVP_PKEY_free(public);
	OPENSSL_free(der);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/assertion");
	TCase *t = tcase_create("assertion");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, begin, end);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, what_a_key_signs_is_believed_by_another_implementation, 0, COUNT(kinds_of_keys));
	tcase_add_test(t, the_salt_of_pss_is_as_long_as_the_hash);
	tcase_add_test(t, what_a_secret_signs_verifies_and_names_no_key);
	tcase_add_test(t, no_two_assertions_have_one_id);
	tcase_add_test(t, what_is_set_by_hand_wins);
	tcase_add_test(t, other_methods_need_none);
	tcase_add_test(t, a_key_that_cannot_sign_is_an_error_and_leaves_no_trace);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
