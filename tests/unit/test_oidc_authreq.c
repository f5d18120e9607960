/* What oidc/authreq.h promises: a state opens for its browser alone, in time, unaltered. */
#include <check.h>
#include <string.h>

#include "conf/seal.h"
#include "conf/secret.h"
#include "conf/url.h"
#include "oidc/authreq.h"

#define NOW 1700000000

static struct mem *m;
static struct authreq_keys keys, other_keys;
static const struct str binding = { "8BcZqSPFs4r2kBnXvSQKoA", 22 };

static void
setup(void)
{
	m = mem_new(1 << 20);
	authreq_keys_derive(STR("0123456789abcdef0123456789abcdef"), &keys);
	authreq_keys_derive(STR("0123456789abcdef0123456789abcdeX"), &other_keys);
}

static void
teardown(void)
{
	mem_free(&m);
}

static struct authreq
flow(struct str target)
{
	struct authreq a = {
		.provider = STR("main"), .target = target, .attempt = 1, .round = 7, .issued = NOW
	};

	memcpy(a.flow, "sixteen bytes ok", 16);
	return a;
}

START_TEST(a_state_opens_for_the_browser_that_began_it)
{
	struct authreq a = flow(STR("/reports?q=1&r=%C3%A4")), b;
	const struct str state = authreq_seal(&keys, &a, binding, m);

	ck_assert_int_eq(authreq_open(&keys, state, binding, NOW + 60, &b, m), AUTHREQ_OK);
	ck_assert(str_is(b.provider, a.provider));
	ck_assert(str_is(b.target, a.target));
	ck_assert_mem_eq(b.flow, a.flow, 16);
	ck_assert_uint_eq(b.attempt, 1);
	ck_assert_uint_eq(b.round, 7);
	ck_assert_int_eq(b.issued, NOW);
}
END_TEST

START_TEST(a_state_is_base64url_and_hides_what_it_holds)
{
	struct authreq a = flow(STR("/reports"));
	const struct str state = authreq_seal(&keys, &a, binding, m),
			 again = authreq_seal(&keys, &a, binding, m);

	ck_assert_uint_eq(
	    strspn(state.p, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), state.n);
	ck_assert_ptr_null(strstr(state.p, "reports"));
	ck_assert(!str_is(state, again));
}
END_TEST

START_TEST(a_missing_or_foreign_binding_is_told_from_forgery)
{
	struct authreq a = flow(STR("/reports")), b;
	const struct str state = authreq_seal(&keys, &a, binding, m);

	ck_assert_int_eq(authreq_open(&keys, state, STR(""), NOW, &b, m), AUTHREQ_FOREIGN);
	ck_assert(str_is(b.target, STR("/reports")));
	ck_assert_int_eq(
	    authreq_open(&keys, state, STR("8BcZqSPFs4r2kBnXvSQKoB"), NOW, &b, m), AUTHREQ_FOREIGN);
	ck_assert_int_eq(
	    authreq_open(&keys, state, STR("8BcZqSPFs4r2kBnXvSQKo"), NOW, &b, m), AUTHREQ_FOREIGN);
	/* too old and foreign: foreign, so that nobody is sent on for another's attempt */
	ck_assert_int_eq(authreq_open(&keys, state, STR("x"), NOW + 99999, &b, m), AUTHREQ_FOREIGN);
	ck_assert_int_eq(authreq_open(&other_keys, state, binding, NOW, &b, m), AUTHREQ_UNKNOWN);
}
END_TEST

static const struct {
	int64_t later;
	enum authreq_result result;
} ages[] = {
	{ 0, AUTHREQ_OK },
	{ AUTHREQ_LIFE, AUTHREQ_OK },
	{ AUTHREQ_LIFE + 1, AUTHREQ_STALE },
	{ 10 * AUTHREQ_LIFE, AUTHREQ_STALE },
	{ -300, AUTHREQ_OK },
	{ -301, AUTHREQ_STALE },
};

START_TEST(a_state_lives_half_an_hour)
{
	struct authreq a = flow(STR("/x")), b;
	const struct str state = authreq_seal(&keys, &a, binding, m);

	ck_assert_int_eq(authreq_open(&keys, state, binding, NOW + ages[_i].later, &b, m), ages[_i].result);
	ck_assert(str_is(b.target, STR("/x")));
	ck_assert(str_is(b.provider, STR("main")));
}
END_TEST

START_TEST(no_altered_state_opens)
{
	struct authreq a = flow(STR("/x")), b;
	const struct str state = authreq_seal(&keys, &a, binding, m);
	char *copy = mem_text(m, state);

	for (size_t i = 0; i < state.n; i++) {
		copy[i] = state.p[i] == 'A' ? 'B' : 'A';
		ck_assert_int_eq(
		    authreq_open(&keys, (struct str){ copy, state.n }, binding, NOW, &b, m), AUTHREQ_UNKNOWN);
		copy[i] = state.p[i];
	}
	for (size_t n = 0; n < state.n; n++)
		ck_assert_int_eq(
		    authreq_open(&keys, (struct str){ state.p, n }, binding, NOW, &b, m), AUTHREQ_UNKNOWN);
	copy = mem_printf(m, "%sAAAA", state.p);
	ck_assert_int_eq(authreq_open(&keys, str_of(copy), binding, NOW, &b, m), AUTHREQ_UNKNOWN);
	copy = mem_printf(m, "%s==", state.p);
	ck_assert_int_eq(authreq_open(&keys, str_of(copy), binding, NOW, &b, m), AUTHREQ_UNKNOWN);
	copy = mem_alloc(m, 100000);
	memset(copy, 'A', 100000);
	ck_assert_int_eq(
	    authreq_open(&keys, (struct str){ copy, 100000 }, binding, NOW, &b, m), AUTHREQ_UNKNOWN);
	ck_assert_int_eq(authreq_open(&keys, state, binding, NOW, &b, m), AUTHREQ_OK);
}
END_TEST

START_TEST(what_another_purpose_sealed_is_no_state)
{
	struct authreq b;
	const struct str s = seal_close(keys.seal, STR("tokens"),
	    STR("\2\0\0aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"\0\0\0\0\0\0\0\0\4main/"),
	    m);

	ck_assert_int_eq(authreq_open(&keys, s, binding, NOW, &b, m), AUTHREQ_UNKNOWN);
}
END_TEST

static const struct {
	const char *target, *opens_as;
} targets[] = {
	{ "/", "/" },
	{ "/a/b?c=d", "/a/b?c=d" },
	{ "//evil.test/", "/" },
	{ "/\\evil.test", "/" },
	{ "https://evil.test/", "/" },
	{ "", "/" },
	{ "relative", "/" },
	{ "/a\r\nSet-Cookie: x=y", "/" },
};

START_TEST(only_local_targets_come_out)
{
	struct authreq a = flow(str_of(targets[_i].target)), b;
	const struct str state = authreq_seal(&keys, &a, binding, m);

	ck_assert_int_eq(authreq_open(&keys, state, binding, NOW, &b, m), AUTHREQ_OK);
	ck_assert(str_is(b.target, str_of(targets[_i].opens_as)));
}
END_TEST

START_TEST(the_longest_state_fits_a_url_and_a_longer_target_becomes_the_root)
{
	char *target = mem_alloc(m, 3000), *provider = mem_alloc(m, AUTHREQ_PROVIDER_MAX);
	struct authreq a, b;
	struct str state;

	memset(target, 'a', 3000);
	target[0] = '/';
	memset(provider, 'p', AUTHREQ_PROVIDER_MAX);
	a = flow((struct str){ target, AUTHREQ_TARGET_MAX });
	a.provider = (struct str){ provider, AUTHREQ_PROVIDER_MAX };
	state = authreq_seal(&keys, &a, binding, m);
	ck_assert_uint_le(state.n, AUTHREQ_STATE_MAX);
	ck_assert_int_eq(authreq_open(&keys, state, binding, NOW, &b, m), AUTHREQ_OK);
	ck_assert(str_is(b.target, a.target));
	ck_assert(str_is(b.provider, a.provider));
	a.target = (struct str){ target, AUTHREQ_TARGET_MAX + 1 };
	state = authreq_seal(&keys, &a, binding, m);
	ck_assert_int_eq(authreq_open(&keys, state, binding, NOW, &b, m), AUTHREQ_OK);
	ck_assert(str_is(b.target, STR("/")));
}
END_TEST

START_TEST(nonce_and_verifier_depend_on_key_flow_and_binding)
{
	struct authreq a = flow(STR("/")), b = flow(STR("/other"));
	const struct str nonce = authreq_nonce(&keys, &a, binding, m),
			 verifier = authreq_verifier(&keys, &a, binding, m);

	ck_assert_uint_eq(nonce.n, 43);
	ck_assert_uint_eq(verifier.n, 43);
	ck_assert_uint_eq(strlen(nonce.p), 43);
	ck_assert(!str_is(nonce, verifier));
	ck_assert(str_is(nonce, authreq_nonce(&keys, &b, binding, m)));
	ck_assert(str_is(verifier, authreq_verifier(&keys, &b, binding, m)));
	ck_assert(!str_is(nonce, authreq_nonce(&other_keys, &a, binding, m)));
	ck_assert(!str_is(nonce, authreq_nonce(&keys, &a, STR("another"), m)));
	b.flow[15] ^= 1;
	ck_assert(!str_is(nonce, authreq_nonce(&keys, &b, binding, m)));
	ck_assert(!str_is(verifier, authreq_verifier(&keys, &b, binding, m)));
}
END_TEST

static const char *const scopes[] = { "openid", "profile", "a:b/c" };
static const char *const parameters[] = { "domain_hint=corp&co", "empty=", "acr=a=b" };

static const struct conf_provider *
client(bool pkce)
{
	struct conf_provider *c = mem_zalloc(m, sizeof(*c));

	c->client_id = "app 1";
	c->scopes = (struct conf_strings){ 3, (const char **)(uintptr_t)scopes };
	c->authorization_parameters = (struct conf_strings){ 3, (const char **)(uintptr_t)parameters };
	c->pkce = pkce;
	return c;
}

static struct authreq_params *
ask(const struct conf_provider *c, const char *prompt, const char *login_hint)
{
	return authreq_params(&(struct authreq_ask){ .client = c,
				  .redirect_uri = "https://flow.test/app/auth/callback",
				  .state = STR("STATE"),
				  .nonce = STR("NONCE"),
				  .verifier = STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
				  .prompt = prompt,
				  .login_hint = str_of(login_hint) },
	    m);
}

static char *
url_for(const char *endpoint, bool pkce)
{
	return authreq_url(endpoint, ask(client(pkce), NULL, NULL), m);
}

START_TEST(the_url_carries_every_parameter_once)
{
	static const char *const expected[][2] = {
		{ "response_type", "code" },
		{ "client_id", "app 1" },
		{ "redirect_uri", "https://flow.test/app/auth/callback" },
		{ "scope", "openid profile a:b/c" },
		{ "state", "STATE" },
		{ "nonce", "NONCE" },
		/* RFC 7636, appendix B */
		{ "code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" },
		{ "code_challenge_method", "S256" },
		{ "domain_hint", "corp&co" },
		{ "empty", "" },
		{ "acr", "a=b" },
		{ "p", "q" },
	};
	const char *url = url_for("https://op.test/authorize?p=q", true);
	const char *query = strchr(url, '?') + 1;

	ck_assert(str_begins(str_of(url), STR("https://op.test/authorize?p=q&response_type=code&")));
	ck_assert_ptr_null(strchr(query, '?'));
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct str value;

		ck_assert_msg(url_param(m, str_of(query), expected[i][0], &value) == 0, "%s", expected[i][0]);
		ck_assert_msg(str_is(value, str_of(expected[i][1])), "%s", expected[i][0]);
	}
	ck_assert_ptr_null(strstr(url, "dBjftJeZ4CVP"));
}
END_TEST

static const struct {
	const char *url, *want;
} replaced[] = {
	{ "https://a/b", "https://a/b" },
	{ "https://a/b?", "https://a/b" },
	{ "https://a/b?x=1&y=", "https://a/b?x=1&y=" },
	{ "https://a/b?prompt=consent&x=%3d", "https://a/b?x=%3d" },
	{ "https://a/b?prompt=a&x=1&pr%6Fmpt=b&prompt&prompt=%zz", "https://a/b?x=1" },
	{ "https://a/b?xprompt=1&state=&promptx=2&domain_hint=x", "https://a/b?xprompt=1&promptx=2" },
};

START_TEST(what_the_endpoint_says_of_our_parameters_gives_way)
{
	const struct authreq_params *p = ask(client(true), "login", NULL);
	const char *url = authreq_url(replaced[_i].url, p, m);

	ck_assert_str_eq(authreq_endpoint(replaced[_i].url, p, m), replaced[_i].want);
	ck_assert(str_begins(str_of(url), str_of(replaced[_i].want)));
}
END_TEST

/* The value of a parameter; NULL: it is not there; twice is a failure. */
static const char *
value_of(const struct authreq_params *p, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].name, name) == 0) {
			ck_assert_msg(found == NULL, "%s is there twice", name);
			found = mem_text(m, p->v[i].value);
		}
	return found;
}

START_TEST(what_the_configuration_asks_for_is_sent)
{
	static const char *acr[] = { "urn:mfa", "urn:pwd" };
	const int64_t age = 7200000, none = 0;
	struct conf_provider c = *client(true);
	const struct authreq_params *p;

	c.form_post = true;
	c.prompt = "consent";
	c.max_age = &age;
	c.acr_values = (struct conf_strings){ 2, acr };
	c.resource = "https://api.example.com/";
	p = ask(&c, NULL, "jane@example.com");
	ck_assert_str_eq(value_of(p, "response_mode"), "form_post");
	ck_assert_str_eq(value_of(p, "prompt"), "consent");
	ck_assert_str_eq(value_of(p, "max_age"), "7200");
	ck_assert_str_eq(value_of(p, "acr_values"), "urn:mfa urn:pwd");
	ck_assert_str_eq(value_of(p, "resource"), "https://api.example.com/");
	ck_assert_str_eq(value_of(p, "login_hint"), "jane@example.com");
	ck_assert_str_eq(value_of(p, "state"), "STATE");
	ck_assert_uint_eq(p->n, 14 + 3);
	c.max_age = &none;
	p = ask(&c, "login", NULL);
	ck_assert_str_eq(value_of(p, "prompt"), "login");
	ck_assert_str_eq(value_of(p, "max_age"), "0");
	ck_assert_ptr_null(value_of(p, "login_hint"));
}
END_TEST

START_TEST(what_nobody_asked_for_is_not_sent)
{
	static const char *const unasked[] = { "response_mode", "prompt", "max_age", "acr_values",
		"login_hint", "resource" };
	const struct authreq_params *p = ask(client(true), NULL, NULL);

	for (size_t i = 0; i < sizeof(unasked) / sizeof(unasked[0]); i++)
		ck_assert_msg(value_of(p, unasked[i]) == NULL, "%s", unasked[i]);
}
END_TEST

START_TEST(without_pkce_there_is_no_challenge)
{
	const char *url = url_for("https://op.test/authorize", false);

	ck_assert(str_begins(str_of(url), STR("https://op.test/authorize?response_type=code&")));
	ck_assert_ptr_null(strstr(url, "code_challenge"));
}
END_TEST

static const struct {
	const char *kind;
	bool by_hand, refresh;
	const char *scope, *access_type;
} offline[] = {
	{ "okta", false, true, "openid profile a:b/c offline_access", NULL },
	{ "auth0", false, true, "openid profile a:b/c offline_access", NULL },
	{ "ms-identity-v2", false, true, "openid profile a:b/c offline_access", NULL },
	{ "okta", false, false, "openid profile a:b/c", NULL },
	{ "okta", true, true, "openid profile a:b/c", NULL },
	{ "google", false, true, "openid profile a:b/c", "offline" },
	{ "google", false, false, "openid profile a:b/c", NULL },
	{ "keycloak", false, true, "openid profile a:b/c", NULL },
	{ "azure-v1", false, true, "openid profile a:b/c", NULL },
	{ "adfs", false, true, "openid profile a:b/c", NULL },
	{ "sap-xsuaa", false, true, "openid profile a:b/c", NULL },
	{ "oidc", false, true, "openid profile a:b/c", NULL },
};

START_TEST(refresh_tokens_are_asked_for_as_the_kind_wants_it)
{
	struct conf_provider c = *client(true);
	struct authreq_params *p;
	struct str value;
	char *url;

	c.kind = offline[_i].kind;
	c.scopes_by_hand = offline[_i].by_hand;
	p = authreq_params(&(struct authreq_ask){ .client = &c,
			       .redirect_uri = "https://flow.test/cb",
			       .state = STR("S"),
			       .nonce = STR("N"),
			       .verifier = STR("V"),
			       .refresh = offline[_i].refresh },
	    m);
	url = strchr(authreq_url("https://op.test/a", p, m), '?') + 1;
	ck_assert_int_eq(url_param(m, str_of(url), "scope", &value), 0);
	ck_assert_str_eq(value.p, offline[_i].scope);
	ck_assert_int_eq(
	    url_param(m, str_of(url), "access_type", &value), offline[_i].access_type == NULL ? 1 : 0);
	if (offline[_i].access_type != NULL)
		ck_assert_str_eq(value.p, offline[_i].access_type);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/authreq");
	TCase *t = tcase_create("authreq");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_state_opens_for_the_browser_that_began_it);
	tcase_add_test(t, a_state_is_base64url_and_hides_what_it_holds);
	tcase_add_test(t, a_missing_or_foreign_binding_is_told_from_forgery);
	tcase_add_loop_test(t, a_state_lives_half_an_hour, 0, sizeof(ages) / sizeof(ages[0]));
	tcase_add_test(t, no_altered_state_opens);
	tcase_add_test(t, what_another_purpose_sealed_is_no_state);
	tcase_add_loop_test(t, only_local_targets_come_out, 0, sizeof(targets) / sizeof(targets[0]));
	tcase_add_test(t, the_longest_state_fits_a_url_and_a_longer_target_becomes_the_root);
	tcase_add_test(t, nonce_and_verifier_depend_on_key_flow_and_binding);
	tcase_add_test(t, the_url_carries_every_parameter_once);
	tcase_add_loop_test(
	    t, what_the_endpoint_says_of_our_parameters_gives_way, 0, sizeof(replaced) / sizeof(replaced[0]));
	tcase_add_test(t, what_the_configuration_asks_for_is_sent);
	tcase_add_test(t, what_nobody_asked_for_is_not_sent);
	tcase_add_test(t, without_pkce_there_is_no_challenge);
	tcase_add_loop_test(
	    t, refresh_tokens_are_asked_for_as_the_kind_wants_it, 0, sizeof(offline) / sizeof(offline[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
