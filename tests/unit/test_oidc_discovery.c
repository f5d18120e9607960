/* oidc/discovery.c, oidc/kinds.c: a provider's metadata against what the operator configured */
#include <check.h>
#include <stdlib.h>

#include "conf/mem.h"
#include "oidc/discovery.h"
#include "oidc/kinds.h"

static struct mem *m;
static struct err e;
static struct conf_provider c;

#define URL "https://op.example.com/.well-known/openid-configuration"

static void
setup(void)
{
	m = mem_new(1 << 20);
	c = (struct conf_provider){ .name = "main", .kind = "oidc", .discovery_url = URL };
}

static void
teardown(void)
{
	mem_free(&m);
}

static int
parse(const char *document, struct discovery *d)
{
	size_t n = strlen(document);
	char *exact = xmalloc(n);
	int r;

	memcpy(exact, document, n);
	e = (struct err){ .reason = REASON_NONE };
	r = discovery_parse(&c, (struct str){ exact, n }, d, &e);
	free(exact);
	return r;
}

static void
expect(const char *document, enum reason want)
{
	struct discovery d;
	int r = parse(document, &d);

	ck_assert_msg((r == 0) == (want == REASON_NONE), "%s: %s", document, e.text);
	if (want != REASON_NONE)
		ck_assert_msg(e.reason == want, "%s: %s: %s", document, reason_word(e.reason), e.text);
	discovery_release(&d);
	discovery_release(&d);
}

static const char *
document(const char *issuer, const char *more)
{
	return mem_printf(m,
	    "{\"issuer\":\"%s\",\"authorization_endpoint\":\"https://op.example.com/a\","
	    "\"token_endpoint\":\"https://op.example.com/t\",\"jwks_uri\":\"https://op.example.com/k\"%s}",
	    issuer, more);
}

/* --- how the vendors write them --------------------------------------------- */

static const struct {
	const char *kind, *url, *issuer;
	enum reason want;
} vendors[] = {
	{ "oidc", URL, "https://op.example.com", REASON_NONE },
	{ "oidc", URL, "https://op.example.com/", REASON_NONE }, /* Discovery 4.1: the slash is left out */
	{ "oidc", "https://op.example.com/t/.well-known/openid-configuration", "https://op.example.com/t",
	    REASON_NONE },
	{ "oidc", "https://op.example.com/t/.well-known/openid-configuration", "https://op.example.com/t/",
	    REASON_NONE },
	{ "oidc", "https://op.example.com/t/meta.json", "https://op.example.com/t", REASON_NONE },
	{ "oidc", URL, "https://op.example.com//", REASON_PROVIDER_ISSUER },
	{ "oidc", URL, "http://op.example.com", REASON_PROVIDER_ISSUER },
	{ "oidc", URL, "https://op.example.co", REASON_PROVIDER_ISSUER },
	{ "oidc", URL, "https://op.example.com/t", REASON_PROVIDER_ISSUER },
	{ "oidc", URL, "https://OP.example.com", REASON_PROVIDER_ISSUER },
	{ "oidc", URL, "https://evil.example", REASON_PROVIDER_ISSUER },
	{ "oidc", "https://op.example.com/t/.well-known/openid-configuration", "https://op.example.com",
	    REASON_PROVIDER_ISSUER }, /* one tenant passing for the whole */
	{ "oidc", "https://op.example.com/t2/meta.json", "https://op.example.com/t", REASON_PROVIDER_ISSUER },
	{ "keycloak", "https://kc.internal/realms/a/.well-known/openid-configuration",
	    "https://sso.example.com/realms/a", REASON_NONE },
	{ "azure-v1", "https://login.microsoftonline.com/t/.well-known/openid-configuration",
	    "https://sts.windows.net/8f0c/", REASON_NONE },
	{ "azure-v1", "https://login.microsoftonline.com/common/.well-known/openid-configuration",
	    "https://sts.windows.net/{tenantid}/", REASON_PROVIDER_ISSUER },
	{ "ms-identity-v2",
	    "https://login.microsoftonline.com/example.com/v2.0/.well-known/openid-configuration",
	    "https://login.microsoftonline.com/8f0c/v2.0", REASON_NONE },
	{ "ms-identity-v2", "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
	    "https://login.microsoftonline.com/{tenantid}/v2.0", REASON_PROVIDER_ISSUER },
	{ "adfs", "https://fs.example.com/adfs/.well-known/openid-configuration",
	    "https://fs.example.com/adfs", REASON_NONE },
	{ "okta", "https://example.okta.com/oauth2/default/.well-known/openid-configuration",
	    "https://example.okta.com/oauth2/default", REASON_NONE },
	{ "auth0", "https://example.eu.auth0.com/.well-known/openid-configuration",
	    "https://example.eu.auth0.com/", REASON_NONE },
	{ "google", "https://accounts.google.com/.well-known/openid-configuration",
	    "https://accounts.google.com", REASON_NONE },
	{ "sap-xsuaa", "https://acme.authentication.eu10.hana.ondemand.com/.well-known/openid-configuration",
	    "http://acme.localhost:8080/uaa/oauth/token", REASON_NONE },
	{ "no such kind", URL, "https://evil.example", REASON_PROVIDER_ISSUER },
};

START_TEST(the_issuer_is_the_one_of_the_discovery_url)
{
	c.kind = vendors[_i].kind;
	c.discovery_url = vendors[_i].url;
	expect(document(vendors[_i].issuer, ""), vendors[_i].want);
}
END_TEST

START_TEST(an_issuer_set_by_hand_is_held_byte_for_byte)
{
	static const char *const others[] = { "https://op.example.com/", "https://OP.example.com",
		"https://op.example.com:443", "https://op.example.co", "https://op.example.comm",
		"op.example.com" };

	c.kind = "keycloak";
	c.issuer = "https://op.example.com";
	expect(document("https://op.example.com", ""), REASON_NONE);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		expect(document(others[i], ""), REASON_PROVIDER_ISSUER);
	expect(document("https://evil.example", ""), REASON_PROVIDER_ISSUER);
	ck_assert_str_eq(e.text, "discovery document: issuer is https://evil.example, but provider.issuer is "
				 "https://op.example.com");
}
END_TEST

START_TEST(a_template_issuer_tells_to_name_the_tenant)
{
	c.kind = "ms-identity-v2";
	expect(document("https://login.microsoftonline.com/{tenantid}/v2.0", ""), REASON_PROVIDER_ISSUER);
	ck_assert_ptr_nonnull(strstr(e.text, "tenant's id into discovery_url"));
	ck_assert_ptr_nonnull(strstr(e.text, "provider.tenants"));
	c.issuer = "https://login.microsoftonline.com/8f0c/v2.0";
	expect(document("https://login.microsoftonline.com/{tenantid}/v2.0", ""), REASON_PROVIDER_ISSUER);
	ck_assert_ptr_nonnull(strstr(e.text, "tenant's id into discovery_url"));
}
END_TEST

START_TEST(a_template_issuer_is_taken_where_tenants_are_listed)
{
	static const char *ids[] = { "aaaa1111-bbbb-4ccc-8ddd-eeee22223333" };

	c.kind = "ms-identity-v2";
	c.tenants = (struct conf_strings){ 1, ids };
	expect(document("https://login.microsoftonline.com/{tenantid}/v2.0", ""), REASON_NONE);
	c.issuer = "https://login.microsoftonline.com/{tenantid}/v2.0";
	expect(document("https://login.microsoftonline.com/{tenantid}/v2.0", ""), REASON_NONE);
	expect(document("https://login.microsoftonline.com/8f0c/v2.0", ""), REASON_PROVIDER_ISSUER);
	c.tenants.n = 0;
	expect(document("https://login.microsoftonline.com/{tenantid}/v2.0", ""), REASON_PROVIDER_ISSUER);
}
END_TEST

/* --- the document ----------------------------------------------------------- */

START_TEST(a_document_gives_what_it_says)
{
	struct discovery d;
	const char *more = ",\"userinfo_endpoint\":\"https://op.example.com/u?x=1\","
			   "\"end_session_endpoint\":\"https://op.example.com/l\","
			   "\"authorization_response_iss_parameter_supported\":true,\"unknown\":{\"a\":[1]}";

	ck_assert_msg(parse(document("https://op.example.com", more), &d) == 0, "%s", e.text);
	ck_assert_str_eq(d.issuer, "https://op.example.com");
	ck_assert_str_eq(d.authorization_endpoint, "https://op.example.com/a");
	ck_assert_str_eq(d.token_endpoint, "https://op.example.com/t");
	ck_assert_str_eq(d.jwks_uri, "https://op.example.com/k");
	ck_assert_str_eq(d.userinfo_endpoint, "https://op.example.com/u?x=1");
	ck_assert_str_eq(d.end_session_endpoint, "https://op.example.com/l");
	ck_assert(d.response_iss);
	discovery_release(&d);
	ck_assert_ptr_null(d.issuer);

	ck_assert_msg(
	    parse(document("https://op.example.com", ",\"userinfo_endpoint\":null"), &d) == 0, "%s", e.text);
	ck_assert_ptr_null(d.userinfo_endpoint);
	ck_assert_ptr_null(d.end_session_endpoint);
	ck_assert(!d.response_iss);
	discovery_release(&d);
}
END_TEST

/* AD FS names its access tokens' issuer by a URL that is http and nobody's to fetch. */
static const struct {
	const char *json, *want;
} token_issuers[] = {
	{ "\"http://fs.example.com/adfs/services/trust\"", "http://fs.example.com/adfs/services/trust" },
	{ "\"urn:x\"", "urn:x" },
	{ "\"\"", NULL },
	{ "\"a b\"", NULL },
	{ "\"a\\n\"", NULL },
	{ "null", NULL },
	{ "[\"urn:x\"]", NULL },
};

START_TEST(the_issuer_of_access_tokens_is_kept_where_it_is_a_name)
{
	const char *more = mem_printf(m, ",\"access_token_issuer\":%s", token_issuers[_i].json);
	struct discovery d;

	ck_assert_msg(parse(document("https://op.example.com", more), &d) == 0, "%s", e.text);
	if (token_issuers[_i].want == NULL)
		ck_assert_ptr_null(d.access_token_issuer);
	else
		ck_assert_str_eq(d.access_token_issuer, token_issuers[_i].want);
	discovery_release(&d);
	ck_assert_ptr_null(d.access_token_issuer);
}
END_TEST

static const struct {
	const char *document;
	enum reason want;
} documents[] = {
	{ "", REASON_PROVIDER_ANSWER },
	{ "{}", REASON_PROVIDER_ISSUER },
	{ "[]", REASON_PROVIDER_ANSWER },
	{ "null", REASON_PROVIDER_ANSWER },
	{ "<html></html>", REASON_PROVIDER_ANSWER },
	{ "{\"issuer\":\"https://op.example.com\",\"issuer\":\"https://op.example.com\"}",
	    REASON_PROVIDER_ANSWER },
	{ "{\"issuer\":\"https://op.example.com\\u0000\"}", REASON_PROVIDER_ANSWER },
	{ "{\"issuer\":\"https://op.example.com\"", REASON_PROVIDER_ANSWER },
	{ "{\"issuer\":\"https://op.example.com\"}x", REASON_PROVIDER_ANSWER },
	{ "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	    REASON_PROVIDER_ANSWER },
	{ "{\"issuer\":null}", REASON_PROVIDER_ISSUER },
	{ "{\"issuer\":[\"https://op.example.com\"]}", REASON_PROVIDER_ISSUER },
	{ "{\"issuer\":\"\"}", REASON_PROVIDER_ISSUER },
	{ "{\"issuer\":\"https://op.example.com \"}", REASON_PROVIDER_ISSUER },
	{ "{\"issuer\":\"https://op.example.com\\n\"}", REASON_PROVIDER_ISSUER },
	{ "{\"issuer\":\"https://\\u00f6p.example.com\"}", REASON_PROVIDER_ISSUER },
	{ "{\"issuer\":\"https://op.example.com\"}", REASON_PROVIDER_ANSWER },
};

START_TEST(a_broken_document_is_refused)
{
	expect(documents[_i].document, documents[_i].want);
	c.kind = "keycloak"; /* where the URL does not decide */
	expect(documents[_i].document, documents[_i].want);
}
END_TEST

START_TEST(a_document_is_bounded)
{
	char *fill = mem_alloc(m, DISCOVERY_SIZE_MAX + 1);

	memset(fill, ' ', DISCOVERY_SIZE_MAX + 1);
	memcpy(fill, document("https://op.example.com", ""), strlen(document("https://op.example.com", "")));
	fill[DISCOVERY_SIZE_MAX] = '\0';
	expect(fill, REASON_NONE);
	fill = mem_printf(m, "%s ", fill);
	expect(fill, REASON_PROVIDER_ANSWER);
}
END_TEST

/* --- endpoints -------------------------------------------------------------- */

static const struct {
	const char *url; /* as JSON */
	bool good;
} endpoints[] = {
	{ "\"https://op.example.com/x\"", true },
	{ "\"https://other.example.net:8443/x?a=b\"", true },
	{ "\"https://op.example.com\"", true },
	{ "\"http://127.0.0.1:8080/x\"", true },
	{ "\"http://[::1]:8080/x\"", true },
	{ "\"http://localhost/x\"", true },
	{ "\"http://op.example.com/x\"", false },
	{ "\"http://127.0.0.1.evil.example/x\"", false },
	{ "\"http://localhost.evil.example/x\"", false },
	{ "\"http://169.254.169.254/latest\"", false },
	{ "\"http://10.0.0.1/x\"", false },
	{ "\"https://op.example.com/x#y\"", false },
	{ "\"https://op.example.com/x#\"", false },
	{ "\"https://user@op.example.com/x\"", false },
	{ "\"https://user:pw@op.example.com/x\"", false },
	{ "\"https://op.example.com/ x\"", false },
	{ "\"https://op.example.com\\\\@evil.example\"", false },
	{ "\"https:///x\"", false },
	{ "\"ftp://op.example.com/x\"", false },
	{ "\"file:///etc/passwd\"", false },
	{ "\"gopher://127.0.0.1:6379/_x\"", false },
	{ "\"/x\"", false },
	{ "\"//op.example.com/x\"", false },
	{ "\"javascript:alert(1)\"", false },
	{ "\"\"", false },
	{ "7", false },
	{ "[\"https://op.example.com/x\"]", false },
	{ "true", false },
};

static const char *const members[] = { "authorization_endpoint", "token_endpoint", "jwks_uri",
	"userinfo_endpoint", "end_session_endpoint" };

/* A document of these five, one of them being `value`; NULL: left out. */
static const char *
document_with(size_t which, const char *value)
{
	const char *out = "{\"issuer\":\"https://op.example.com\"";

	for (size_t i = 0; i < 5; i++) {
		const char *v = i == which ? value : "\"https://op.example.com/e\"";

		if (v != NULL)
			out = mem_printf(m, "%s,\"%s\":%s", out, members[i], v);
	}
	return mem_printf(m, "%s}", out);
}

START_TEST(every_endpoint_is_https_without_fragment)
{
	for (size_t which = 0; which < 5; which++) {
		expect(document_with(which, endpoints[_i].url),
		    endpoints[_i].good ? REASON_NONE : REASON_PROVIDER_ANSWER);
		if (!endpoints[_i].good)
			ck_assert_msg(strstr(e.text, members[which]) != NULL, "%s", e.text);
	}
}
END_TEST

START_TEST(three_endpoints_are_needed)
{
	for (size_t which = 0; which < 5; which++) {
		expect(document_with(which, NULL), which < 3 ? REASON_PROVIDER_ANSWER : REASON_NONE);
		expect(document_with(which, "null"), which < 3 ? REASON_PROVIDER_ANSWER : REASON_NONE);
	}
}
END_TEST

START_TEST(an_endpoint_set_by_hand_wins)
{
	const char **by_hand[] = { &c.authorization_endpoint, &c.token_endpoint, &c.jwks_uri,
		&c.userinfo_endpoint, &c.end_session_endpoint };

	for (size_t which = 0; which < 5; which++) {
		struct discovery d;

		*by_hand[which] = "https://by.hand.example/x";
		expect(document_with(which, "\"http://evil.example/x\""), REASON_NONE);
		expect(document_with(which, NULL), REASON_NONE);
		ck_assert_int_eq(parse(document_with(which, "\"https://op.example.com/e\""), &d), 0);
		ck_assert_str_eq(which == 0   ? d.authorization_endpoint
				 : which == 1 ? d.token_endpoint
				 : which == 2 ? d.jwks_uri
				 : which == 3 ? d.userinfo_endpoint
					      : d.end_session_endpoint,
		    "https://by.hand.example/x");
		discovery_release(&d);
		*by_hand[which] = "http://by.hand.example/x";
		expect(document_with(which, NULL), REASON_PROVIDER_ANSWER);
		*by_hand[which] = NULL;
	}
}
END_TEST

START_TEST(a_flag_that_is_no_boolean_is_refused)
{
	static const char *const flags[] = { "\"true\"", "1", "null", "[]" };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		expect(document("https://op.example.com",
			   mem_printf(m, ",\"authorization_response_iss_parameter_supported\":%s", flags[i])),
		    REASON_PROVIDER_ANSWER);
}
END_TEST

/* --- kinds ------------------------------------------------------------------ */

START_TEST(every_kind_of_the_contract_has_a_row)
{
	static const struct {
		const char *name, *username, *second;
	} rows[] = {
		{ "oidc", "preferred_username", NULL },
		{ "ms-identity-v2", "preferred_username", NULL },
		{ "azure-v1", "upn", "unique_name" },
		{ "adfs", "upn", "unique_name" },
		{ "okta", "preferred_username", NULL },
		{ "auth0", "email", NULL },
		{ "keycloak", "preferred_username", NULL },
		{ "google", "email", NULL },
		{ "sap-xsuaa", "user_name", NULL },
	};
	size_t n = 0;

	while (kinds[n].name != NULL)
		n++;
	ck_assert_uint_eq(n, sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < n; i++) {
		const struct kind *k = kind_find(rows[i].name);

		ck_assert_ptr_nonnull(k);
		ck_assert_str_eq(k->name, rows[i].name);
		ck_assert_str_eq(k->username_claim[0], rows[i].username);
		ck_assert_pstr_eq(k->username_claim[1], rows[i].second);
		ck_assert_ptr_null(k->username_claim[2]);
		ck_assert(k->issuer_begins_url == (strcmp(rows[i].name, "oidc") == 0));
	}
	ck_assert_ptr_null(kind_find("Oidc"));
	ck_assert_ptr_null(kind_find(""));
}
END_TEST

#define COUNT(t) (int)(sizeof(t) / sizeof((t)[0]))

static Suite *
suite(void)
{
	Suite *s = suite_create("oidc/discovery");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, the_issuer_is_the_one_of_the_discovery_url, 0, COUNT(vendors));
	tcase_add_test(t, an_issuer_set_by_hand_is_held_byte_for_byte);
	tcase_add_test(t, a_template_issuer_tells_to_name_the_tenant);
	tcase_add_test(t, a_template_issuer_is_taken_where_tenants_are_listed);
	tcase_add_test(t, a_document_gives_what_it_says);
	tcase_add_loop_test(
	    t, the_issuer_of_access_tokens_is_kept_where_it_is_a_name, 0, COUNT(token_issuers));
	tcase_add_loop_test(t, a_broken_document_is_refused, 0, COUNT(documents));
	tcase_add_test(t, a_document_is_bounded);
	tcase_add_loop_test(t, every_endpoint_is_https_without_fragment, 0, COUNT(endpoints));
	tcase_add_test(t, three_endpoints_are_needed);
	tcase_add_test(t, an_endpoint_set_by_hand_wins);
	tcase_add_test(t, a_flag_that_is_no_boolean_is_refused);
	tcase_add_test(t, every_kind_of_the_contract_has_a_row);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
