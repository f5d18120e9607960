/*
 * oidc/accesstoken.c: what an access token must be, and whom it speaks for
 *
 * The vendors' tokens are written after their documentation, with invented
 * tenants.  Each says what a route will see of it.
 */
#include <stdlib.h>

#include "oidc/accesstoken.h"
#include "oidc/identity.h"
#include "oidc/jwks.h"
#include "oidc/kinds.h"
#include "tests/unit/tokens.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

#define NOW    INT64_C(1767225600)
#define ISSUER "https://op.example.com/realms/a"
#define API    "https://app.example.com/graphql"
#define CLIENT "wf-proxy"
#define TENANT "aaaa1111-bbbb-4ccc-8ddd-eeee22223333"
#define V2     "https://login.microsoftonline.com/" TENANT "/v2.0"
#define V1     "https://sts.windows.net/" TENANT "/"
#define TIMES  "\"iat\":1767225590,\"nbf\":1767225590,\"exp\":1767229200"
#define PLAIN  "{\"alg\":\"ES256\",\"kid\":\"k1\"}"

static const char base[] =
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" API "\",\"sub\":\"u-1\"," TIMES ",\"azp\":\"spa\","
    "\"scope\":\"read write\",\"preferred_username\":\"jane.doe\",\"roles\":[\"Approver\",\"Run It\"]}";

static EVP_PKEY *key, *other_key;
static struct mem *m;
static struct err e;
static struct jwks *keys;
static struct conf_provider p;
static struct accesstoken_check c;

static const char *alg_names[] = { "RS256", "ES256" };
static const char *audiences[] = { "other", API };
static const char *listed[8];

static void
make_keys(void)
{
	key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
}

static void
drop_keys(void)
{
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
}

static void
setup(void)
{
	m = mem_new(1 << 22);
	keys = jwks_parse(str_of(mem_printf(m, "{\"keys\":[%s]}", token_jwk(m, key, ",\"kid\":\"k1\""))), &e);
	ck_assert_ptr_nonnull(keys);
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

static void
teardown(void)
{
	jwks_free(&keys);
	mem_free(&m);
}

static enum accesstoken_result
verify(struct str token, const struct principal **out)
{
	e = (struct err){ .reason = REASON_NONE };
	return accesstoken_verify(&c, token, out, &e);
}

static const struct principal *
take_as(const char *what, const char *header, const char *claims)
{
	const struct principal *out = NULL;
	struct str token = token_of(m, key, "ES256", str_of(header), str_of(claims));

	ck_assert_msg(
	    verify(token, &out) == ACCESSTOKEN_OK, "%s: %s: %s", what, reason_word(e.reason), e.text);
	ck_assert_ptr_nonnull(out);
	return out;
}

static const struct principal *
take(const char *what, const char *claims)
{
	return take_as(what, PLAIN, claims);
}

static void
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

/* The claims with one member set to a JSON value, or taken out (NULL). */
static const char *
with(const char *claims, const char *member, const char *value)
{
	json_t *o = json_loads(claims, 0, NULL), *v;
	const char *out;
	char *text;

	ck_assert_ptr_nonnull(o);
	if (value == NULL)
		ck_assert_int_eq(json_object_del(o, member), 0);
	else {
		v = json_loads(value, JSON_DECODE_ANY, NULL);
		ck_assert_msg(v != NULL, "%s", value);
		ck_assert_int_eq(json_object_set_new(o, member, v), 0);
	}
	text = json_dumps(o, JSON_COMPACT);
	out = mem_strdup(m, text);
	free(text);
	json_decref(o);
	return out;
}

static const char *
joined(const struct str *list, size_t n)
{
	const char *out = "";

	for (size_t i = 0; i < n; i++)
		out = mem_printf(m, "%s%s%.*s", out, i == 0 ? "" : "|", STR_ARG(list[i]));
	return out;
}

static void
expect_text(const char *what, struct str got, const char *want)
{
	ck_assert_msg(str_is(got, str_of(want)), "%s: got \"%.*s\", want \"%s\"", what, STR_ARG(got), want);
}

/* "a|b" into a list of the configuration. */
static struct conf_strings
list_of(const char *words)
{
	struct conf_strings out = { 0, listed };
	struct str rest = str_of(words), one;

	while (str_next(&rest, '|', &one))
		listed[out.n++] = mem_text(m, one);
	return out;
}

/* --- the rules -------------------------------------------------------------- */

static const struct {
	const char *name, *member, *value;
	enum reason want;
} rules[] = {
	/* RFC 9068 4: iss */
	{ "missing iss", "iss", NULL, REASON_TOKEN_ISSUER },
	{ "empty iss", "iss", "\"\"", REASON_TOKEN_ISSUER },
	{ "another iss", "iss", "\"https://op.example.com/realms/b\"", REASON_TOKEN_ISSUER },
	{ "a slash more", "iss", "\"" ISSUER "/\"", REASON_TOKEN_ISSUER },
	{ "iss in another case", "iss", "\"https://OP.example.com/realms/a\"", REASON_TOKEN_ISSUER },
	{ "iss list", "iss", "[\"" ISSUER "\"]", REASON_TOKEN_ISSUER },
	{ "iss null", "iss", "null", REASON_TOKEN_ISSUER },
	/* aud */
	{ "missing aud", "aud", NULL, REASON_TOKEN_AUDIENCE },
	{ "aud of another API", "aud", "\"https://graph.microsoft.com\"", REASON_TOKEN_AUDIENCE },
	{ "aud with a slash more", "aud", "\"" API "/\"", REASON_TOKEN_AUDIENCE },
	{ "aud prefix", "aud", "\"https://app.example.com\"", REASON_TOKEN_AUDIENCE },
	{ "aud case", "aud", "\"https://APP.example.com/graphql\"", REASON_TOKEN_AUDIENCE },
	{ "aud empty list", "aud", "[]", REASON_TOKEN_AUDIENCE },
	{ "aud null", "aud", "null", REASON_TOKEN_AUDIENCE },
	{ "aud number", "aud", "1", REASON_TOKEN_AUDIENCE },
	{ "aud object", "aud", "{\"" API "\":1}", REASON_TOKEN_AUDIENCE },
	{ "aud list with a number", "aud", "[\"" API "\",1]", REASON_TOKEN_AUDIENCE },
	{ "aud list in a list", "aud", "[[\"" API "\"]]", REASON_TOKEN_AUDIENCE },
	{ "aud list", "aud", "[\"x\",\"" API "\",\"y\"]", REASON_NONE },
	{ "our client id, which is not our audience", "aud", "\"" CLIENT "\"", REASON_TOKEN_AUDIENCE },
	/* exp: now is 1767225600, the tolerance 60 */
	{ "missing exp", "exp", NULL, REASON_TOKEN_CLAIM },
	{ "exp in the tolerance", "exp", "1767225541", REASON_NONE },
	{ "exp at the edge", "exp", "1767225540", REASON_TOKEN_EXPIRED },
	{ "exp long past", "exp", "1", REASON_TOKEN_EXPIRED },
	{ "exp fraction", "exp", "1767225541.5", REASON_NONE },
	{ "exp text", "exp", "\"1767229200\"", REASON_TOKEN_CLAIM },
	{ "exp null", "exp", "null", REASON_TOKEN_CLAIM },
	{ "exp list", "exp", "[1767229200]", REASON_TOKEN_CLAIM },
	{ "exp negative", "exp", "-1", REASON_TOKEN_CLAIM },
	{ "exp 1e300", "exp", "1e300", REASON_TOKEN_CLAIM },
	{ "exp highest", "exp", "9223372036854775807", REASON_TOKEN_CLAIM },
	/* nbf, iat: where they are there */
	{ "no nbf", "nbf", NULL, REASON_NONE },
	{ "no iat", "iat", NULL, REASON_NONE },
	{ "nbf in the tolerance", "nbf", "1767225660", REASON_NONE },
	{ "nbf ahead", "nbf", "1767225661", REASON_TOKEN_EARLY },
	{ "iat ahead", "iat", "1767225661", REASON_TOKEN_EARLY },
	{ "nbf text", "nbf", "\"1\"", REASON_TOKEN_CLAIM },
	{ "iat null", "iat", "null", REASON_TOKEN_CLAIM },
	/* sub: where it is there */
	{ "no sub", "sub", NULL, REASON_NONE },
	{ "sub empty", "sub", "\"\"", REASON_TOKEN_CLAIM },
	{ "sub number", "sub", "7", REASON_TOKEN_CLAIM },
	{ "sub null", "sub", "null", REASON_TOKEN_CLAIM },
	{ "sub with a line end", "sub", "\"a\\nb\"", REASON_TOKEN_CLAIM },
	/* another kind of token */
	{ "an ID token: nonce", "nonce", "\"n-1\"", REASON_TOKEN_TYPE },
	{ "an ID token: at_hash", "at_hash", "\"x\"", REASON_TOKEN_TYPE },
	{ "an ID token: c_hash", "c_hash", "\"x\"", REASON_TOKEN_TYPE },
	{ "an ID token: nonce null", "nonce", "null", REASON_TOKEN_TYPE },
	{ "Keycloak's ID token", "typ", "\"ID\"", REASON_TOKEN_TYPE },
	{ "Keycloak's refresh token", "typ", "\"Refresh\"", REASON_TOKEN_TYPE },
	{ "Keycloak's offline token", "typ", "\"Offline\"", REASON_TOKEN_TYPE },
	{ "Keycloak's logout token", "typ", "\"Logout\"", REASON_TOKEN_TYPE },
	{ "Keycloak's access token", "typ", "\"Bearer\"", REASON_NONE },
	{ "typ number", "typ", "5", REASON_TOKEN_TYPE },
	{ "typ null", "typ", "null", REASON_TOKEN_TYPE },
	{ "a logout token", "events", "{\"http://schemas.openid.net/event/backchannel-logout\":{}}",
	    REASON_TOKEN_TYPE },
	{ "bound to a key", "cnf", "{\"jkt\":\"x\"}", REASON_TOKEN_TYPE },
	{ "bound to a certificate", "cnf", "{\"x5t#S256\":\"x\"}", REASON_TOKEN_TYPE },
	/* whom it speaks for */
	{ "no username", "preferred_username", NULL, REASON_TOKEN_USERNAME },
	{ "username empty", "preferred_username", "\"\"", REASON_TOKEN_USERNAME },
	{ "username list", "preferred_username", "[\"jane\"]", REASON_TOKEN_USERNAME },
	{ "username with a line end", "preferred_username", "\"jane\\r\\nX: y\"", REASON_TOKEN_USERNAME },
	{ "username with a space at its end", "preferred_username", "\"jane \"", REASON_TOKEN_USERNAME },
	{ "no application", "azp", NULL, REASON_NONE },
	{ "an application without a name", "azp", "\"\"", REASON_TOKEN_CLAIM },
	{ "an application that is a list", "azp", "[\"spa\"]", REASON_TOKEN_CLAIM },
	{ "no scope", "scope", NULL, REASON_NONE },
	{ "no roles", "roles", NULL, REASON_NONE },
	/* tolerated */
	{ "groups elsewhere", "_claim_names", "{\"groups\":\"src1\"}", REASON_NONE },
	{ "auth_time text", "auth_time", "\"2026-01-01T00:00:00.000Z\"", REASON_NONE },
	{ "ver number", "ver", "1", REASON_NONE },
};

START_TEST(every_rule_of_an_access_token_is_held)
{
	const char *claims = with(base, rules[_i].member, rules[_i].value);

	take("the good token", base);
	if (rules[_i].want == REASON_NONE)
		take(rules[_i].name, claims);
	else
		refuse_as(rules[_i].name, PLAIN, claims, rules[_i].want);
}
END_TEST

static const struct {
	const char *typ; /* JSON; NULL: none */
	enum reason want;
} types[] = {
	{ NULL, REASON_NONE },
	{ "\"JWT\"", REASON_NONE },
	{ "\"jwt\"", REASON_NONE },
	{ "\"at+jwt\"", REASON_NONE },
	{ "\"AT+JWT\"", REASON_NONE },
	{ "\"application/at+jwt\"", REASON_NONE },
	{ "\"logout+jwt\"", REASON_TOKEN_TYPE },
	{ "\"secevent+jwt\"", REASON_TOKEN_TYPE },
	{ "\"dpop+jwt\"", REASON_TOKEN_TYPE },
	{ "\"JOSE\"", REASON_TOKEN_TYPE },
	{ "\"\"", REASON_TOKEN_TYPE },
	{ "null", REASON_TOKEN_TYPE },
	{ "[\"at+jwt\"]", REASON_TOKEN_TYPE },
};

START_TEST(a_header_says_what_the_token_is)
{
	const char *claims = with(with(base, "client_id", "\"spa\""), "jti", "\"j\"");
	const char *header =
	    types[_i].typ == NULL
		? PLAIN
		: mem_printf(m, "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":%s}", types[_i].typ);

	if (types[_i].want == REASON_NONE)
		take_as(header, header, claims);
	else
		refuse_as(header, header, claims, types[_i].want);
}
END_TEST

START_TEST(what_calls_itself_at_jwt_has_all_that_rfc_9068_demands)
{
	static const char header[] = "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}";
	static const char *const required[] = { "sub", "client_id", "iat", "jti" };
	const char *whole = with(with(base, "client_id", "\"spa\""), "jti", "\"j\"");

	take_as("whole", header, whole);
	take_as("nonce", header, with(whole, "nonce", "\"n\""));
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
		refuse_as(required[i], header, with(whole, required[i], NULL), REASON_TOKEN_CLAIM);
	refuse_as("iss", header, with(whole, "iss", NULL), REASON_TOKEN_ISSUER);
	refuse_as("aud", header, with(whole, "aud", NULL), REASON_TOKEN_AUDIENCE);
	refuse_as("exp", header, with(whole, "exp", NULL), REASON_TOKEN_CLAIM);
}
END_TEST

START_TEST(signatures_of_others_are_refused)
{
	const struct principal *out;
	const char header[] = PLAIN;

	ck_assert_int_eq(
	    verify(token_of(m, other_key, "ES256", str_of(header), str_of(base)), &out), ACCESSTOKEN_BAD);
	ck_assert_int_eq(e.reason, REASON_TOKEN_SIGNATURE);
	ck_assert_int_eq(
	    verify(token_of(m, key, "ES256", STR("{\"alg\":\"ES256\",\"kid\":\"k2\"}"), str_of(base)), &out),
	    ACCESSTOKEN_NEED_KEYS);
	c.keys = NULL;
	ck_assert_int_eq(
	    verify(token_of(m, key, "ES256", str_of(header), str_of(base)), &out), ACCESSTOKEN_NEED_KEYS);
	c.keys = keys;
	p.access_token_signed_alg.n = 1; /* RS256 */
	ck_assert_int_eq(
	    verify(token_of(m, key, "ES256", str_of(header), str_of(base)), &out), ACCESSTOKEN_BAD);
	ck_assert_int_eq(e.reason, REASON_TOKEN_ALG);
	ck_assert_ptr_nonnull(strstr(e.text, "access_token_signed_alg"));
}
END_TEST

START_TEST(what_is_no_signed_token_is_refused)
{
	static const char *const texts[] = { "", ".", "..", "a.b.c", "ya29.a0AfH6SMBx", "a.b.c.d.e",
		"eyJhbGciOiJub25lIn0.e30.",
		"eyJhbGciOiJIUzI1NiJ9.e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
	const struct principal *out;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_int_eq(verify(str_of(texts[i]), &out), ACCESSTOKEN_BAD);
		ck_assert_ptr_null(out);
		ck_assert_msg(e.reason == REASON_TOKEN_MALFORMED || e.reason == REASON_TOKEN_ALG, "%s: %s",
		    texts[i], reason_word(e.reason));
	}
}
END_TEST

/* --- issuers ------------------------------------------------------------------ */

static const struct {
	const char *kind, *issuer, *of_document, *by_hand, *iss;
	bool good;
} issuers[] = {
	{ "oidc", ISSUER, NULL, NULL, ISSUER, true },
	{ "adfs", "https://fs.example.com/adfs", "http://fs.example.com/adfs/services/trust", NULL,
	    "http://fs.example.com/adfs/services/trust", true },
	{ "adfs", "https://fs.example.com/adfs", "http://fs.example.com/adfs/services/trust", NULL,
	    "https://fs.example.com/adfs", false },
	{ "adfs", "https://fs.example.com/adfs", "http://fs.example.com/adfs/services/trust",
	    "urn:x|https://fs.example.com/adfs", "https://fs.example.com/adfs", true },
	{ "adfs", "https://fs.example.com/adfs", "http://fs.example.com/adfs/services/trust", "urn:x",
	    "http://fs.example.com/adfs/services/trust", false },
	{ "ms-identity-v2", V2, NULL, NULL, V2, true },
	{ "ms-identity-v2", V2, NULL, NULL, V1, true },
	{ "ms-identity-v2", V2, NULL, NULL, "https://sts.windows.net/" TENANT, false },
	{ "ms-identity-v2", V2, NULL, NULL, "https://sts.windows.net/bbbb1111-bbbb-4ccc-8ddd-eeee22223333/",
	    false },
	{ "ms-identity-v2", V2, NULL, NULL, "https://sts.windows.net/", false },
	{ "ms-identity-v2", "https://login.microsoftonline.com/common/v2.0", NULL, NULL,
	    "https://sts.windows.net/common/", false },
	{ "ms-identity-v2", V2, NULL, V2, V1, false },
	{ "azure-v1", V1, NULL, NULL, V1, true },
	{ "azure-v1", V1, NULL, NULL, V2, false },
	{ "oidc", V2, NULL, NULL, V1, false },
};

START_TEST(iss_is_the_one_for_access_tokens)
{
	const char *claims =
	    with(with(base, "iss", mem_printf(m, "\"%s\"", issuers[_i].iss)), "upn", "\"jane@example.com\"");

	p.kind = issuers[_i].kind;
	c.issuer = issuers[_i].issuer;
	c.access_token_issuer = issuers[_i].of_document;
	if (issuers[_i].by_hand != NULL)
		p.access_token_issuer = list_of(issuers[_i].by_hand);
	if (issuers[_i].good)
		expect_text("issuer", take(issuers[_i].iss, claims)->issuer, issuers[_i].iss);
	else
		refuse_as(issuers[_i].iss, PLAIN, claims, REASON_TOKEN_ISSUER);
}
END_TEST

/* --- the vendors ---------------------------------------------------------------- */

#define DAEMON  "dae00000-1234-4567-89ab-cdef01234567"
#define SERVICE "5e50aaaa-0001-4002-8003-000400050006"
#define XS      "https://acme.authentication.eu10.hana.ondemand.com/oauth/token"
#define KC      "https://sso.example.com/realms/acme"
#define FS      "http://fs.example.com/adfs/services/trust"
#define OKTA    "https://example.okta.com/oauth2/default"
#define AUTH0   "https://example.eu.auth0.com/"

static const struct {
	const char *kind, *issuer, *audience, *claims;
	enum principal_kind who;
	const char *username, *app_id, *scopes, *roles;
} vendors[] = {
	{ "azure-v1", V1, "https://api.k2.com/",
	    "{\"aud\":\"https://api.k2.com/\",\"iss\":\"" V1 "\"," TIMES ",\"acr\":\"1\",\"appid\":\"app-1\","
	    "\"appidacr\":\"1\",\"oid\":\"05e2\",\"roles\":[\"Approver\"],\"scp\":\"default "
	    "user_impersonation\","
	    "\"sub\":\"pAirWise\",\"unique_name\":\"jd@example.com\",\"upn\":\"jane.doe@example.com\","
	    "\"ver\":"
	    "\"1.0\"}",
	    PRINCIPAL_USER, "jane.doe@example.com", "app-1", "default|user_impersonation", "Approver" },
	{ "azure-v1", V1, API,
	    "{\"aud\":\"" API "\",\"iss\":\"" V1 "\"," TIMES ",\"appid\":\"" DAEMON "\",\"idtyp\":\"app\","
	    "\"oid\":\"" SERVICE "\",\"roles\":[\"wfgen-full\"],\"sub\":\"" SERVICE "\",\"ver\":\"1.0\"}",
	    PRINCIPAL_APP, "", DAEMON, "", "wfgen-full" },
	{ "ms-identity-v2", V2, "a9100000",
	    "{\"aud\":\"a9100000\",\"iss\":\"" V2 "\"," TIMES ",\"azp\":\"app-1\",\"azpacr\":\"1\","
	    "\"oid\":\"05e2\",\"preferred_username\":\"jane.doe@example.com\",\"scp\":\"wfgen-access\","
	    "\"sub\":\"pAirWise\",\"ver\":\"2.0\"}",
	    PRINCIPAL_USER, "jane.doe@example.com", "app-1", "wfgen-access", "" },
	{ "ms-identity-v2", V2, "a9100000", /* without idtyp, as it is by default */
	    "{\"aud\":\"a9100000\",\"iss\":\"" V2 "\"," TIMES ",\"azp\":\"" DAEMON "\",\"azpacr\":\"2\","
	    "\"oid\":\"" SERVICE "\",\"roles\":[\"wfgen-full\"],\"sub\":\"" SERVICE "\",\"ver\":\"2.0\"}",
	    PRINCIPAL_APP, "", DAEMON, "", "wfgen-full" },
	{ "ms-identity-v2", V2, API, /* an API that wants tokens of version 1 */
	    "{\"aud\":\"" API "\",\"iss\":\"" V1 "\"," TIMES ",\"appid\":\"app-1\",\"oid\":\"05e2\","
	    "\"scp\":\"default\",\"sub\":\"pAirWise\",\"upn\":\"jane.doe@example.com\",\"ver\":\"1.0\"}",
	    PRINCIPAL_USER, "jane.doe@example.com", "app-1", "default", "" },
	{ "adfs", FS, API,
	    "{\"aud\":\"" API "\",\"iss\":\"" FS "\",\"iat\":1767225590,\"exp\":1767229200,"
	    "\"upn\":\"jane.doe@corp.example.com\",\"role\":\"Domain Users\",\"apptype\":\"Confidential\","
	    "\"appid\":\"app-1\",\"auth_time\":\"2025-12-31T23:59:50.000Z\",\"scp\":\"openid "
	    "user_impersonation\"}",
	    PRINCIPAL_USER, "jane.doe@corp.example.com", "app-1", "openid|user_impersonation",
	    "Domain Users" },
	{ "adfs", FS, API,
	    "{\"aud\":\"" API "\",\"iss\":\"" FS "\",\"iat\":1767225590,\"exp\":1767229200,"
	    "\"apptype\":\"Confidential\",\"appid\":\"" DAEMON "\",\"ver\":\"1.0\"}",
	    PRINCIPAL_APP, "", DAEMON, "", "" },
	{ "okta", OKTA, "api://my-apis",
	    "{\"ver\":1,\"jti\":\"AT.a\",\"iss\":\"" OKTA "\",\"aud\":\"api://my-apis\"," TIMES
	    ",\"cid\":\"0oa1\",\"uid\":\"00u1\",\"scp\":[\"openid\",\"workflow.read\"],\"sub\":\"jane.doe@"
	    "example."
	    "com\"}",
	    PRINCIPAL_USER, "jane.doe@example.com", "0oa1", "openid|workflow.read", "openid|workflow.read" },
	{ "okta", OKTA, "api://my-apis",
	    "{\"ver\":1,\"jti\":\"AT.z\",\"iss\":\"" OKTA "\",\"aud\":\"api://my-apis\"," TIMES
	    ",\"cid\":\"0oa9\",\"scp\":[\"workflow.read\"],\"sub\":\"0oa9\"}",
	    PRINCIPAL_APP, "", "0oa9", "workflow.read", "workflow.read" },
	{ "auth0", AUTH0, API,
	    "{\"iss\":\"" AUTH0 "\",\"sub\":\"auth0|64f0\",\"aud\":[\"" API "\",\"" AUTH0
	    "userinfo\"],\"iat\":1767225590,\"exp\":1767312000,\"azp\":\"app-1\",\"scope\":\"openid "
	    "workflow:read\","
	    "\"permissions\":[\"workflow:read\"]}",
	    PRINCIPAL_USER, "auth0|64f0", "app-1", "openid|workflow:read", "workflow:read" },
	{ "auth0", AUTH0, API,
	    "{\"iss\":\"" AUTH0 "\",\"sub\":\"dAe@clients\",\"aud\":\"" API
	    "\",\"iat\":1767225590,\"exp\":1767312000,\"azp\":\"dAe\",\"scope\":\"a:b c:d\","
	    "\"gty\":\"client-credentials\"}",
	    PRINCIPAL_APP, "", "dAe", "a:b|c:d", "a:b|c:d" },
	{ "auth0", AUTH0, API, /* its RFC 9068 profile has no gty */
	    "{\"iss\":\"" AUTH0 "\",\"sub\":\"dAe@clients\",\"aud\":\"" API
	    "\",\"iat\":1767225590,\"exp\":1767312000,\"jti\":\"j\",\"client_id\":\"dAe\",\"scope\":\"a:b\"}",
	    PRINCIPAL_APP, "", "dAe", "a:b", "a:b" },
	{ "keycloak", KC, "workflow-api",
	    "{\"exp\":1767225900,\"iat\":1767225590,\"jti\":\"o:1\",\"iss\":\"" KC
	    "\",\"aud\":[\"workflow-api\",\"account\"],\"sub\":\"05e2\",\"typ\":\"Bearer\",\"azp\":\"wf\","
	    "\"realm_access\":{\"roles\":[\"offline_access\",\"approver\"]},\"scope\":\"openid email\","
	    "\"preferred_username\":\"jane.doe\"}",
	    PRINCIPAL_USER, "jane.doe", "wf", "openid|email", "offline_access|approver" },
	{ "keycloak", KC, "workflow-api", /* before 25 its access tokens had a nonce */
	    "{\"exp\":1767225900,\"iat\":1767225590,\"iss\":\"" KC
	    "\",\"aud\":\"workflow-api\",\"sub\":\"05e2\",\"typ\":\"Bearer\",\"azp\":\"wf\",\"nonce\":\"n\","
	    "\"preferred_username\":\"jane.doe\"}",
	    PRINCIPAL_USER, "jane.doe", "wf", "", "" },
	{ "keycloak", KC, "workflow-api",
	    "{\"exp\":1767225900,\"iat\":1767225590,\"jti\":\"t:1\",\"iss\":\"" KC
	    "\",\"aud\":[\"workflow-api\",\"account\"],\"sub\":\"5e50\",\"typ\":\"Bearer\",\"azp\":\"wf-"
	    "daemon\","
	    "\"realm_access\":{\"roles\":[\"default-roles-acme\"]},\"scope\":\"email "
	    "profile\",\"clientHost\":\"192.0.2.20\",\"clientAddress\":\"192.0.2.20\","
	    "\"preferred_username\":\"service-account-wf-daemon\",\"client_id\":\"wf-daemon\"}",
	    PRINCIPAL_APP, "", "wf-daemon", "email|profile", "default-roles-acme" },
	{ "keycloak", KC, "workflow-api", /* an older one */
	    "{\"exp\":1767225900,\"iat\":1767225590,\"iss\":\"" KC
	    "\",\"aud\":\"workflow-api\",\"sub\":\"5e50\",\"typ\":\"Bearer\",\"azp\":\"wf-daemon\","
	    "\"clientHost\":\"192.0.2.20\",\"clientId\":\"wf-daemon\",\"preferred_username\":\"service-"
	    "account-wf-daemon\"}",
	    PRINCIPAL_APP, "", "wf-daemon", "", "" },
	{ "sap-xsuaa", XS, "wfapp!t4711",
	    "{\"jti\":\"8\",\"sub\":\"05e2\",\"scope\":[\"wfapp!t4711.Display\",\"openid\"],"
	    "\"client_id\":\"sb-p!t4711\",\"cid\":\"sb-p!t4711\",\"azp\":\"sb-p!t4711\","
	    "\"grant_type\":\"authorization_code\",\"user_id\":\"05e2\",\"user_name\":\"jane.doe@example."
	    "com\"," TIMES ",\"iss\":\"" XS "\",\"aud\":[\"wfapp!t4711\",\"openid\",\"sb-p!t4711\"]}",
	    PRINCIPAL_USER, "jane.doe@example.com", "sb-p!t4711", "wfapp!t4711.Display|openid",
	    "wfapp!t4711.Display|openid" },
	{ "sap-xsuaa", XS, "wfapp!t4711",
	    "{\"jti\":\"f\",\"sub\":\"sb-d!t4711\",\"authorities\":[\"wfapp!t4711.START\",\"uaa.resource\"],"
	    "\"scope\":[\"wfapp!t4711.START\",\"uaa.resource\"],\"client_id\":\"sb-d!t4711\",\"cid\":\"sb-d!"
	    "t4711\","
	    "\"azp\":\"sb-d!t4711\",\"grant_type\":\"client_credentials\"," TIMES ",\"iss\":\"" XS
	    "\",\"aud\":[\"wfapp!t4711\",\"uaa\",\"sb-d!t4711\"]}",
	    PRINCIPAL_APP, "", "sb-d!t4711", "wfapp!t4711.START|uaa.resource",
	    "wfapp!t4711.START|uaa.resource" },
	{ "oidc", ISSUER, API, base, PRINCIPAL_USER, "jane.doe", "spa", "read|write", "Approver|Run It" },
	{ "oidc", ISSUER, API,
	    "{\"iss\":\"" ISSUER "\",\"aud\":\"" API "\"," TIMES ",\"sub\":\"d\",\"client_id\":\"d\"}",
	    PRINCIPAL_APP, "", "d", "", "" },
};

START_TEST(each_vendors_token_is_read_as_it_is_meant)
{
	const struct principal *got;
	const char *what = mem_printf(m, "row %d, %s", _i, vendors[_i].kind);

	p.kind = vendors[_i].kind;
	p.audience = list_of(vendors[_i].audience);
	c.issuer = vendors[_i].issuer;
	got = take(what, vendors[_i].claims);
	ck_assert_msg(
	    got->kind == vendors[_i].who, "%s: a %s", what, got->kind == PRINCIPAL_APP ? "program" : "user");
	expect_text(what, got->username, vendors[_i].username);
	expect_text(what, got->app_id, vendors[_i].app_id);
	expect_text(what, str_of(joined(got->scopes, got->n_scopes)), vendors[_i].scopes);
	expect_text(what, str_of(joined(got->roles, got->n_roles)), vendors[_i].roles);
	ck_assert_int_gt(got->times.expires, NOW);
	ck_assert_int_eq(got->times.begins, 1767225590);
}
END_TEST

/* A row of a program, with what a user's token has besides: it is no program's any more. */
static const struct {
	const char *kind, *claims, *member, *value;
	const char *username; /* NULL: refused, since nobody is named */
} disguises[] = {
	{ "ms-identity-v2", "\"oid\":\"s\",\"sub\":\"s\",\"azp\":\"d\"", "scp", "\"x\"", NULL },
	{ "ms-identity-v2", "\"oid\":\"s\",\"sub\":\"s\",\"azp\":\"d\"", "upn", "\"jane\"", "jane" },
	{ "ms-identity-v2", "\"oid\":\"s\",\"sub\":\"s\",\"azp\":\"d\"", "idtyp", "\"user\"", NULL },
	{ "ms-identity-v2", "\"oid\":\"s\",\"sub\":\"s\",\"azp\":\"d\"", "sub", "\"other\"", NULL },
	{ "okta", "\"sub\":\"d\",\"cid\":\"d\"", "uid", "\"00u1\"", "d" },
	{ "adfs", "\"apptype\":\"Confidential\",\"appid\":\"d\"", "scp", "\"openid\"", NULL },
	{ "adfs", "\"apptype\":\"Confidential\",\"appid\":\"d\"", "upn", "\"jane\"", "jane" },
	{ "auth0", "\"sub\":\"d@clients\",\"azp\":\"d\"", "azp", "\"e\"", "d@clients" },
	{ "keycloak", "\"azp\":\"d\",\"client_id\":\"d\",\"clientHost\":\"h\"", "client_id", "\"e\"", NULL },
	{ "keycloak",
	    "\"azp\":\"d\",\"client_id\":\"d\",\"clientHost\":\"h\",\"preferred_username\":\"jane\"",
	    "clientHost", NULL, "jane" },
	{ "keycloak", "\"azp\":\"d\",\"preferred_username\":\"service-account-d\"", "azp", "\"e\"",
	    "service-account-d" },
	{ "keycloak", "\"azp\":\"d\",\"preferred_username\":\"service-account-d\"", "preferred_username",
	    "\"service-account-d2\"", "service-account-d2" },
	{ "sap-xsuaa", "\"grant_type\":\"client_credentials\",\"azp\":\"d\"", "user_name", "\"jane\"",
	    "jane" },
	{ "sap-xsuaa", "\"grant_type\":\"client_credentials\",\"azp\":\"d\"", "grant_type", "\"password\"",
	    NULL },
	{ "oidc", "\"sub\":\"d\",\"azp\":\"d\"", "sub", "\"d2\"", NULL },
};

START_TEST(what_is_not_proven_to_be_a_program_must_name_its_user)
{
	const char *claims = mem_printf(
		       m, "{\"iss\":\"%s\",\"aud\":\"%s\",%s,%s}", ISSUER, API, TIMES, disguises[_i].claims),
		   *more = with(claims, disguises[_i].member, disguises[_i].value);
	const struct principal *got;

	p.kind = disguises[_i].kind;
	ck_assert_int_eq(take("the program", claims)->kind, PRINCIPAL_APP);
	if (disguises[_i].username == NULL) {
		refuse_as(more, PLAIN, more, REASON_TOKEN_USERNAME);
		return;
	}
	got = take(more, more);
	ck_assert_int_eq(got->kind, PRINCIPAL_USER);
	expect_text(more, got->username, disguises[_i].username);
}
END_TEST

START_TEST(a_user_of_a_token_is_somebody_proven_and_a_program_nobody)
{
	static const char rest[] = "\"iss\":\"" ISSUER "\",\"aud\":\"" API "\"," TIMES;
	const struct identity *i;

	i = principal_identity(
	    take("a user", mem_printf(m,
			       "{%s,\"sub\":\"s-1\",\"azp\":\"app\",\"preferred_username\":\"jane\","
			       "\"sid\":\"op-1\",\"auth_time\":17,\"groups\":[\"a\"]}",
			       rest)),
	    m, &e);
	ck_assert_ptr_nonnull(i);
	ck_assert(str_is(identity_subject(i), STR("s-1")) && str_is(identity_username(i), STR("jane")));
	ck_assert(str_is(identity_provider_sid(i), STR("op-1")) && str_is(identity_issuer(i), STR(ISSUER)));
	ck_assert_int_eq(identity_auth_time(i), 17);
	ck_assert(json_is_array(identity_claim(i, "groups")));
	ck_assert_ptr_null(principal_identity(
	    take("nobody's", mem_printf(m, "{%s,\"preferred_username\":\"jane\"}", rest)), m, &e));
	ck_assert_int_eq(e.reason, REASON_TOKEN_CLAIM);
	ck_assert_ptr_null(principal_identity(
	    take("a program's", mem_printf(m, "{%s,\"sub\":\"job\",\"azp\":\"job\"}", rest)), m, &e));
}
END_TEST

START_TEST(a_program_without_an_id_is_refused)
{
	p.kind = "ms-identity-v2";
	refuse_as("no azp", PLAIN, "{\"iss\":\"" ISSUER "\",\"aud\":\"" API "\"," TIMES ",\"idtyp\":\"app\"}",
	    REASON_TOKEN_CLAIM);
}
END_TEST

/* --- by hand --------------------------------------------------------------------- */

START_TEST(claims_named_by_hand_win_over_the_kind)
{
	static const char *user[] = { "x.name", "https://app.example.com/user" }, *app[] = { "client" },
			  *scope[] = { "perms" }, *roles[] = { "resource_access.wf.api.roles" };
	const struct principal *got;

	p.access_token_username_claim = (struct conf_strings){ 2, user };
	p.app_id_claim = (struct conf_strings){ 1, app };
	p.scope_claim = (struct conf_strings){ 1, scope };
	p.roles_claim = (struct conf_strings){ 1, roles };
	got = take("by hand",
	    "{\"iss\":\"" ISSUER "\",\"aud\":\"" API "\"," TIMES
	    ",\"client\":\"c\",\"azp\":\"no\",\"perms\":[\"a\",7,\"\",\"b c\"],\"scope\":\"no\","
	    "\"preferred_username\":\"no\",\"https://app.example.com/user\":\"jane\","
	    "\"resource_access\":{\"wf.api\":{\"roles\":[\"full\"]}}}");
	expect_text("username", got->username, "jane");
	expect_text("app", got->app_id, "c");
	expect_text("scopes", str_of(joined(got->scopes, got->n_scopes)), "a|b c");
	expect_text("roles", str_of(joined(got->roles, got->n_roles)), "full");
	ck_assert_ptr_nonnull(principal_claim(got, "resource_access.wf.api"));
	ck_assert_ptr_null(principal_claim(got, "absent"));
}
END_TEST

static const struct {
	const char *claim, *value, *json;
	bool holds;
} proofs[] = {
	{ "kind", "app", "\"app\"", true },
	{ "kind", "app", "\"App\"", false },
	{ "kind", "app", "[\"x\",\"app\"]", true },
	{ "kind", "app", "[\"x\"]", false },
	{ "kind", "app", "{\"app\":1}", false },
	{ "kind", "true", "true", true },
	{ "kind", "false", "true", false },
	{ "kind", "7", "7", true },
	{ "kind", "7", "8", false },
	{ "kind", "", "[]", false },
	{ "kind", "", "null", false },
	{ "a.kind", "app", "\"app\"", false },
};

START_TEST(any_proof_by_hand_makes_a_program_and_no_other_does)
{
	struct conf_claim_rule by_hand[] = { { "never", "x", false },
		{ proofs[_i].claim, proofs[_i].value, false } };
	const char *claims = with(with(base, "kind", proofs[_i].json), "sub", "\"spa\"");

	p.app_only = by_hand;
	p.n_app_only = 2;
	ck_assert_int_eq(take("row", claims)->kind, proofs[_i].holds ? PRINCIPAL_APP : PRINCIPAL_USER);
}
END_TEST

START_TEST(an_id_token_is_not_taken_for_an_access_token_of_the_same_audience)
{
	static const char *both[] = { CLIENT, API };
	const char *id_token = with(with(base, "aud", "\"" CLIENT "\""), "scope", NULL);

	p.audience = (struct conf_strings){ 2, both };
	refuse_as("after a refresh it has no nonce", PLAIN, id_token, REASON_TOKEN_TYPE);
	take("scopes are an access token's", with(base, "aud", "\"" CLIENT "\""));
	take("and so is what says so", with(id_token, "typ", "\"Bearer\""));
	take("an API of its own", with(id_token, "aud", "[\"" CLIENT "\",\"" API "\"]"));
	take("a program has no ID token", with(id_token, "sub", "\"spa\""));
}
END_TEST

START_TEST(times_are_judged_again_at_every_use)
{
	struct accesstoken_times t = { .begins = 1000, .expires = 2000 };

	ck_assert_int_eq(accesstoken_in_time(&t, 0, 1000, &e), 0);
	ck_assert_int_eq(accesstoken_in_time(&t, 0, 1999, &e), 0);
	ck_assert_int_eq(accesstoken_in_time(&t, 0, 2000, &e), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_EXPIRED);
	ck_assert_int_eq(accesstoken_in_time(&t, 0, 999, &e), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_EARLY);
	ck_assert_int_eq(accesstoken_in_time(&t, 60, 2059, &e), 0);
	ck_assert_int_eq(accesstoken_in_time(&t, 60, 2060, &e), -1);
	ck_assert_int_eq(accesstoken_in_time(&t, 60, 940, &e), 0);
}
END_TEST

START_TEST(every_kind_says_what_its_access_tokens_have)
{
	for (const struct kind *k = kinds; k->name != NULL; k++) {
		ck_assert_msg(k->access != NULL, "%s", k->name);
		ck_assert_ptr_nonnull(k->access->username_claim[0]);
		ck_assert_ptr_nonnull(k->access->app_id_claim[0]);
		ck_assert_ptr_nonnull(k->access->scope_claim[0]);
		ck_assert_ptr_nonnull(k->access->roles_claim[0]);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/accesstoken");
	TCase *t = tcase_create("accesstoken");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, make_keys, drop_keys);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, every_rule_of_an_access_token_is_held, 0, COUNT(rules));
	tcase_add_loop_test(t, a_header_says_what_the_token_is, 0, COUNT(types));
	tcase_add_test(t, what_calls_itself_at_jwt_has_all_that_rfc_9068_demands);
	tcase_add_test(t, signatures_of_others_are_refused);
	tcase_add_test(t, what_is_no_signed_token_is_refused);
	tcase_add_loop_test(t, iss_is_the_one_for_access_tokens, 0, COUNT(issuers));
	tcase_add_loop_test(t, each_vendors_token_is_read_as_it_is_meant, 0, COUNT(vendors));
	tcase_add_loop_test(t, what_is_not_proven_to_be_a_program_must_name_its_user, 0, COUNT(disguises));
	tcase_add_test(t, a_user_of_a_token_is_somebody_proven_and_a_program_nobody);
	tcase_add_test(t, a_program_without_an_id_is_refused);
	tcase_add_test(t, claims_named_by_hand_win_over_the_kind);
	tcase_add_loop_test(t, any_proof_by_hand_makes_a_program_and_no_other_does, 0, COUNT(proofs));
	tcase_add_test(t, an_id_token_is_not_taken_for_an_access_token_of_the_same_audience);
	tcase_add_test(t, times_are_judged_again_at_every_use);
	tcase_add_test(t, every_kind_says_what_its_access_tokens_have);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
