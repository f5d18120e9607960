/* oidc/tenant.c, and what ID tokens and access tokens make of it: whose tokens are let in */
#include <stdlib.h>

#include "oidc/accesstoken.h"
#include "oidc/identity.h"
#include "oidc/idtoken.h"
#include "oidc/jwks.h"
#include "oidc/kinds.h"
#include "oidc/tenant.h"
#include "tests/unit/tokens.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

#define NOW      INT64_C(1767225600)
#define CLIENT   "wf-proxy"
#define A        "aaaa1111-bbbb-4ccc-8ddd-eeee22223333"
#define A_UPPER  "AAAA1111-BBBB-4CCC-8DDD-EEEE22223333"
#define B        "bbbb1111-bbbb-4ccc-8ddd-eeee22223333"
#define C        "cccc1111-bbbb-4ccc-8ddd-eeee22223333"
#define CONSUMER "9188040d-6c67-4c5b-b112-36a304b66dad"
#define V2(tid)  "https://login.microsoftonline.com/" tid "/v2.0"
#define V1(tid)  "https://sts.windows.net/" tid "/"
#define ANY      "{tenantid}"

static EVP_PKEY *key;
static struct mem *m;
static struct err e;
static const char *alg_names[] = { "ES256" };
static const struct conf_strings algs = { 1, alg_names };
static const char *names[] = { "preferred_username" };
static const struct conf_strings usernames = { 1, names };

static void
make_keys(void)
{
	key = EVP_EC_gen("P-256");
}

static void
drop_keys(void)
{
	EVP_PKEY_free(key);
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

/*
 * One row: what is configured, what the key says, and what the token says; and
 * what becomes of it as an ID token and as an access token.
 */
static const struct row {
	const char *name, *kind, *issuer, *tenants, *key, *iss, *tid; /* tid: JSON; key, tid may be NULL */
	enum reason id, access;
} rows[] = {
	{ "of a tenant that is listed", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(A), "\"" A "\"", 0, 0 },
	{ "of the second", "ms-identity-v2", V2(ANY), A "|" B, V2(ANY), V2(B), "\"" B "\"", 0, 0 },
	{ "spelled in capitals, in both", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(A_UPPER),
	    "\"" A_UPPER "\"", 0, 0 },
	{ "spelled in capitals, in one", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(A), "\"" A_UPPER "\"",
	    REASON_TOKEN_ISSUER, REASON_TOKEN_ISSUER },
	{ "of another tenant", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(C), "\"" C "\"", REASON_TOKEN_TENANT,
	    REASON_TOKEN_TENANT },
	{ "tid of one, iss of another", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(C), "\"" A "\"",
	    REASON_TOKEN_ISSUER, REASON_TOKEN_ISSUER },
	{ "iss of one, tid of another", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(A), "\"" C "\"",
	    REASON_TOKEN_TENANT, REASON_TOKEN_TENANT },
	{ "both listed, not the same", "ms-identity-v2", V2(ANY), A "|" B, V2(ANY), V2(A), "\"" B "\"",
	    REASON_TOKEN_ISSUER, REASON_TOKEN_ISSUER },
	{ "the template itself", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(ANY), "\"" A "\"",
	    REASON_TOKEN_ISSUER, REASON_TOKEN_ISSUER },
	{ "the template in both", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(ANY), "\"{tenantid}\"",
	    REASON_TOKEN_TENANT, REASON_TOKEN_TENANT },
	{ "no tid", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(A), NULL, REASON_TOKEN_TENANT,
	    REASON_TOKEN_TENANT },
	{ "tid list", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(A), "[\"" A "\"]", REASON_TOKEN_TENANT,
	    REASON_TOKEN_TENANT },
	{ "tid empty", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(A), "\"\"", REASON_TOKEN_TENANT,
	    REASON_TOKEN_TENANT },
	{ "tid with more behind it", "ms-identity-v2", V2(ANY), A, V2(ANY), V2(A), "\"" A "/\"",
	    REASON_TOKEN_TENANT, REASON_TOKEN_TENANT },
	{ "nobody listed", "ms-identity-v2", V2(ANY), "", V2(ANY), V2(A), "\"" A "\"", REASON_TOKEN_TENANT,
	    REASON_TOKEN_TENANT },
	/* the key's own issuer */
	{ "a key that says nothing", "ms-identity-v2", V2(ANY), A, NULL, V2(A), "\"" A "\"", 0, 0 },
	{ "a key of this tenant", "ms-identity-v2", V2(ANY), A, V2(A), V2(A), "\"" A "\"", 0, 0 },
	{ "a key of another tenant", "ms-identity-v2", V2(ANY), A, V2(CONSUMER), V2(A), "\"" A "\"",
	    REASON_TOKEN_KEY, REASON_TOKEN_KEY },
	{ "the consumers' key and token", "ms-identity-v2", V2(ANY), A, V2(CONSUMER), V2(CONSUMER),
	    "\"" CONSUMER "\"", REASON_TOKEN_TENANT, REASON_TOKEN_TENANT },
	{ "a key of another cloud", "ms-identity-v2", V2(ANY), A, "https://login.example.com/" ANY "/v2.0",
	    V2(A), "\"" A "\"", REASON_TOKEN_KEY, REASON_TOKEN_KEY },
	/* the two issuers of a tenant: of access tokens either */
	{ "v1 of a listed tenant", "ms-identity-v2", V2(ANY), A, V2(ANY), V1(A), "\"" A "\"",
	    REASON_TOKEN_ISSUER, 0 },
	{ "v1 of another tenant", "ms-identity-v2", V2(ANY), A, V2(ANY), V1(C), "\"" C "\"",
	    REASON_TOKEN_TENANT, REASON_TOKEN_TENANT },
	{ "v1 of one, tid of another", "ms-identity-v2", V2(ANY), A, V2(ANY), V1(C), "\"" A "\"",
	    REASON_TOKEN_ISSUER, REASON_TOKEN_ISSUER },
	{ "v1 with the consumers' key", "ms-identity-v2", V2(ANY), A, V2(CONSUMER), V1(A), "\"" A "\"",
	    REASON_TOKEN_ISSUER, REASON_TOKEN_KEY },
	{ "azure-v1", "azure-v1", V1(ANY), A, NULL, V1(A), "\"" A "\"", 0, 0 },
	{ "azure-v1 with keys of v2", "azure-v1", V1(ANY), A, V2(ANY), V1(A), "\"" A "\"", 0, 0 },
	{ "azure-v1 takes no v2", "azure-v1", V1(ANY), A, NULL, V2(A), "\"" A "\"", REASON_TOKEN_ISSUER,
	    REASON_TOKEN_ISSUER },
	/* one tenant */
	{ "one tenant's issuer", "ms-identity-v2", V2(A), "", V2(ANY), V2(A), "\"" A "\"", 0, 0 },
	{ "one tenant's issuer, another's key", "ms-identity-v2", V2(A), "", V2(CONSUMER), V2(A), "\"" A "\"",
	    REASON_TOKEN_KEY, REASON_TOKEN_KEY },
	{ "one tenant's issuer, and a list besides", "ms-identity-v2", V2(A), B, V2(ANY), V2(A), "\"" A "\"",
	    REASON_TOKEN_TENANT, REASON_TOKEN_TENANT },
	{ "a provider without tenants", "oidc", "https://op.example.com", "", NULL, "https://op.example.com",
	    NULL, 0, 0 },
	{ "a key with the provider's issuer", "oidc", "https://op.example.com", "", "https://op.example.com",
	    "https://op.example.com", NULL, 0, 0 },
	{ "a key for any tenant, a token of none", "oidc", "https://op.example.com", "", V2(ANY),
	    "https://op.example.com", NULL, REASON_TOKEN_KEY, REASON_TOKEN_KEY },
};

static struct conf_strings
list_of(const char *words)
{
	struct conf_strings out = { 0, mem_alloc(m, 8 * sizeof(const char *)) };
	struct str rest = str_of(words), one;

	while (rest.n > 0 && str_next(&rest, '|', &one))
		out.v[out.n++] = mem_text(m, one);
	return out;
}

static struct jwks *
keys_of(const struct row *row)
{
	const char *more =
	    row->key == NULL ? ",\"kid\":\"k\"" : mem_printf(m, ",\"kid\":\"k\",\"issuer\":\"%s\"", row->key);
	struct jwks *k = jwks_parse(str_of(mem_printf(m, "{\"keys\":[%s]}", token_jwk(m, key, more))), &e);

	ck_assert_msg(k != NULL, "%s", e.text);
	return k;
}

static struct str
token(const struct row *row, const char *more)
{
	return token_of(m, key, "ES256", STR("{\"alg\":\"ES256\",\"kid\":\"k\"}"),
	    str_of(mem_printf(m,
		"{\"iss\":\"%s\"%s%s,\"sub\":\"s\",\"iat\":1767225590,\"exp\":1767229200,"
		"\"preferred_username\":\"jane\",\"upn\":\"jane\"%s}",
		row->iss, row->tid == NULL ? "" : ",\"tid\":", row->tid == NULL ? "" : row->tid, more)));
}

static void
expect(const struct row *row, bool passed, enum reason want)
{
	ck_assert_msg(passed == (want == REASON_NONE) && (passed || e.reason == want),
	    "%s: got %s (%s), want %s", row->name, passed ? "passed" : reason_word(e.reason),
	    passed ? "" : e.text, want == REASON_NONE ? "passed" : reason_word(want));
}

START_TEST(an_id_token_is_of_a_tenant_that_is_let_in)
{
	const struct row *row = &rows[_i];
	struct conf_strings tenants = list_of(row->tenants);
	struct jwks *keys = keys_of(row);
	const struct idtoken_check c = { .issuer = row->issuer,
		.tenants = &tenants,
		.kind = row->kind,
		.client_id = CLIENT,
		.nonce = STR("n"),
		.algs = &algs,
		.keys = keys,
		.username_claim = &usernames,
		.tolerance = 60,
		.now = NOW,
		.mem = m };
	const struct identity *who;
	const bool passed =
	    idtoken_verify(&c, token(row, ",\"aud\":\"" CLIENT "\",\"nonce\":\"n\""), &who, &e) == IDTOKEN_OK;

	expect(row, passed, row->id);
	if (passed) /* what is kept is the tenant's own issuer */
		ck_assert(str_is(identity_issuer(who), str_of(row->iss)));
	jwks_free(&keys);
}
END_TEST

START_TEST(an_access_token_is_of_a_tenant_that_is_let_in)
{
	const struct row *row = &rows[_i];
	struct jwks *keys = keys_of(row);
	const char *audience[] = { "api" };
	const struct conf_provider p = { .name = "main",
		.kind = row->kind,
		.client_id = CLIENT,
		.tenants = list_of(row->tenants),
		.access_token_signed_alg = algs,
		.audience = { 1, audience },
		.clock_tolerance = 60000,
		.decode_access_token = true };
	const struct accesstoken_check c = {
		.provider = &p, .issuer = row->issuer, .keys = keys, .now = NOW, .mem = m
	};
	const struct principal *who;

	expect(row, accesstoken_verify(&c, token(row, ",\"aud\":\"api\""), &who, &e) == ACCESSTOKEN_OK,
	    row->access);
	jwks_free(&keys);
}
END_TEST

static const struct {
	const char *by_hand, *tenants, *iss, *tid;
	enum reason want;
} by_hand[] = {
	{ V1(ANY), A, V1(A), A, REASON_NONE }, { "urn:x|" V1(ANY), A, V1(A), A, REASON_NONE },
	{ "urn:x|" V1(ANY), A, "urn:x", A, REASON_NONE },
	{ "urn:x|" V1(ANY), A, V2(A), A, REASON_TOKEN_ISSUER },
	{ "urn:x|" V1(ANY), A, V1(C), C, REASON_TOKEN_TENANT },
	{ "urn:x|" V1(ANY), "", V1(C), C, REASON_TOKEN_ISSUER }, /* nobody listed: no template counts */
};

START_TEST(issuers_of_access_tokens_set_by_hand_may_be_templates_too)
{
	const struct row row = {
		.key = NULL, .iss = by_hand[_i].iss, .tid = mem_printf(m, "\"%s\"", by_hand[_i].tid)
	};
	struct jwks *keys = keys_of(&row);
	const char *audience[] = { "api" };
	const struct conf_provider p = { .name = "main",
		.kind = "ms-identity-v2",
		.client_id = CLIENT,
		.tenants = list_of(by_hand[_i].tenants),
		.access_token_issuer = list_of(by_hand[_i].by_hand),
		.access_token_signed_alg = algs,
		.audience = { 1, audience },
		.decode_access_token = true };
	const struct accesstoken_check c = {
		.provider = &p, .issuer = V2(A), .keys = keys, .now = NOW, .mem = m
	};
	const struct principal *who;
	enum reason got = REASON_NONE;

	if (accesstoken_verify(&c, token(&row, ",\"aud\":\"api\""), &who, &e) != ACCESSTOKEN_OK)
		got = e.reason;
	ck_assert_msg(got == by_hand[_i].want, "%s: %s", reason_word(got), e.text);
	jwks_free(&keys);
}
END_TEST

START_TEST(a_tenant_is_filled_in_once)
{
	json_t *claims = json_pack("{s:s}", "tid", A), *none = json_object();

	ck_assert(tenant_is_any(V2(ANY)) && !tenant_is_any(V2(A)));
	ck_assert_str_eq(tenant_issuer(V2(ANY), claims, m), V2(A));
	ck_assert_str_eq(tenant_issuer(V2(B), claims, m), V2(B));
	ck_assert_ptr_null(tenant_issuer(V2(ANY), none, m));
	ck_assert_str_eq(tenant_issuer(V2(B), none, m), V2(B));
	ck_assert_str_eq(tenant_issuer_of(V1(ANY), B, m), V1(B));
	json_decref(claims);
	json_decref(none);
}
END_TEST

START_TEST(a_key_whose_issuer_cannot_be_read_is_left_out)
{
	static const char *const odd[] = { ",\"issuer\":5", ",\"issuer\":null", ",\"issuer\":\"\"",
		",\"issuer\":[\"" V2(ANY) "\"]" };

	for (int i = 0; i < COUNT(odd); i++)
		ck_assert_ptr_null(
		    jwks_parse(str_of(mem_printf(m, "{\"keys\":[%s]}", token_jwk(m, key, odd[i]))), &e));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/tenant");
	TCase *t = tcase_create("tenant");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, an_id_token_is_of_a_tenant_that_is_let_in, 0, COUNT(rows));
	tcase_add_loop_test(t, an_access_token_is_of_a_tenant_that_is_let_in, 0, COUNT(rows));
	tcase_add_loop_test(t, issuers_of_access_tokens_set_by_hand_may_be_templates_too, 0, COUNT(by_hand));
	tcase_add_test(t, a_tenant_is_filled_in_once);
	tcase_add_test(t, a_key_whose_issuer_cannot_be_read_is_left_out);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
