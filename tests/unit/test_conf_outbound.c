/* conf/: what an outbound section becomes, and every mistake that can be made in it */
#include "conf_fixture.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))
#define MORE        "issuer = \"https://op.example.com\"\nclient_id = \"rp\"\ntoken_endpoint_auth_method = none\n"
#define OWN         "token_endpoint = \"https://op.example.com/token\"\nclient_id = \"robot\"\n"

/* clang-format off */
static const struct row mistakes[] = {
	{ "", "outbound \"x\" { }",
	    "1: outbound \"x\": has neither provider nor token_endpoint; write for example provider = \"main\", or token_endpoint, client_id and client_secret_file", NULL },
	{ "", "outbound \"x\" {\ntoken_endpoint = \"https://op.example.com/token\"\n}",
	    "1: outbound \"x\": client_id: required where there is no provider; for example client_id = \"workflow-proxy\"", NULL },
	{ "", "outbound \"x\" {\nclient_id = \"robot\"\n}",
	    "1: outbound \"x\": token_endpoint: required where there is no provider; for example token_endpoint = \"https://login.example.com/token\"", NULL },
	{ "", "outbound \"x\" {\n" OWN "}",
	    "1: outbound \"x\": client_secret: required, and not set; write client_secret_file = \"...\"", NULL },
	{ "", "outbound \"x\" {\ntoken_endpoint = \"http://op.example.com/token\"\nclient_id = \"robot\"\nclient_secret = \"geheim\"\n}",
	    "2: outbound \"x\": token_endpoint: \"http://op.example.com/token\" is http; write https (http is allowed to loopback addresses only)", NULL },
	{ "", "outbound \"x\" {\ntoken_endpoint = \"http://127.0.0.1:9/token\"\nclient_id = \"robot\"\nclient_secret = \"geheim\"\n}",
	    "", NULL },
	{ "", "outbound \"x\" {\n" OWN "client_secret = \"geheim\"\nclient_secret_file = \"${D}/client.secret\"\n}",
	    "5: outbound \"x\": client_secret_file: client_secret and client_secret_file are both set; leave one of them out", NULL },
	{ "", "outbound \"x\" {\n" OWN "client_secret_file = \"${D}/two.secret\"\n}",
	    "4: outbound \"x\": client_secret_file: has 2 lines; write one secret", NULL },
	{ "", "outbound \"x\" {\n" OWN "client_secret = \"geheim\"\ntoken_endpoint_auth_method = none\n}",
	    "5: outbound \"x\": token_endpoint_auth_method: \"none\" proves nothing, and such a client gets no token of its own; write another method", NULL },
	{ "", "outbound \"x\" {\n" OWN "token_endpoint_auth_method = private_key_jwt\n}",
	    "1: outbound \"x\": client_private_key: required for private_key_jwt, and not set; for example client_private_key = \"/etc/workflow-proxy/client.key\"", NULL },
	{ "", "outbound \"x\" {\n" OWN "token_endpoint_auth_method = private_key_jwt\nclient_private_key = \"${D}/tls.key\"\nclient_certificate = \"${D}/other.crt\"\n}",
	    "6: outbound \"x\": client_certificate: \"$D/other.crt\" is not the certificate of its key; name the key that belongs to it", NULL },
	{ "", "outbound \"x\" {\n" OWN "token_endpoint_auth_method = private_key_jwt\nclient_private_key = \"${D}/tls.key\"\nclient_certificate = \"${D}/tls.crt\"\n}",
	    "", NULL },
	{ "", "outbound \"x\" {\nprovider = \"main\"\nclient_private_key = \"${D}/tls.key\"\n}",
	    "3: outbound \"x\": client_private_key: provider is set, whose token endpoint and client are used; leave one of them out", NULL },
	{ "", "outbound \"x\" {\nprovider = \"main\"\ngrant = refresh_token\n}",
	    "warning: 3: outbound \"x\": grant: provider \"main\" does not ask for offline_access, and many give a refresh token only then; write additional_scopes = {\"offline_access\"} there", NULL },
	{ "provider", MORE "additional_scopes = offline_access\n}\noutbound \"x\" {\nprovider = \"main\"\ngrant = refresh_token\n}\nlimits {",
	    "", "client_secret" },
	{ "provider", MORE "kind = keycloak\n}\noutbound \"x\" {\nprovider = \"main\"\ngrant = refresh_token\n}\nlimits {",
	    "", "client_secret" },
	{ "session", "refresh = no\nsecret = \"" GOOD_SECRET "\"\n}\noutbound \"x\" {\nprovider = \"main\"\ngrant = refresh_token\n}\nlimits {",
	    "7: outbound \"x\": grant: refresh_token needs session.refresh = yes, without which no refresh token is used", NULL },
	{ "", "outbound \"x\" {\n" OWN "client_secret = \"geheim\"\ngrant = refresh_token\n}",
	    "5: outbound \"x\": grant: refresh_token is for the users' own tokens, and they sign in at a provider; write provider = \"main\" in place of token_endpoint and client", NULL },
	{ "provider", MORE "additional_scopes = offline_access\n}\noutbound \"x\" {\nprovider = \"main\"\ngrant = refresh_token\n}\nroute \"/a\" {\nupstream = \"app\"\nauth = none\nupstream_token = \"x\"\n}\nlimits {",
	    "14: route \"/a\": upstream_token: has grant = \"refresh_token\", which uses the refresh token of a session; write auth = session or any, or another outbound section", "client_secret" },
	{ "", "provider \"more\" {\n" MORE "additional_scopes = offline_access\n}\noutbound \"x\" {\nprovider = \"more\"\ngrant = refresh_token\n}\nroute \"/a\" {\nupstream = \"app\"\nprovider = \"main\"\nupstream_token = \"x\"\n}",
	    "14: route \"/a\": upstream_token: uses refresh tokens of provider \"more\", whose sessions do not open this route; write it into the route's provider", NULL },
	{ "", "outbound \"x\" {\nprovider = \"other\"\n}",
	    "2: outbound \"x\": provider: there is no provider \"other\"; write the title of a provider section", NULL },
	{ "", "outbound \"x\" {\nprovider = \"main\"\n" OWN "client_secret = \"geheim\"\n}",
	    "3: outbound \"x\": token_endpoint: provider is set, whose token endpoint and client are used; leave one of them out\n"
	    "4: outbound \"x\": client_id: provider is set, whose token endpoint and client are used; leave one of them out\n"
	    "5: outbound \"x\": client_secret: provider is set, whose token endpoint and client are used; leave one of them out", NULL },
	{ "", "outbound \"x\" {\nprovider = \"main\"\nscope = \"a  b\"\nresource = \"a b\"\n}",
	    "3: outbound \"x\": scope: \"a  b\" is not a scope; write printable characters without quotes, one space between several scopes\n"
	    "4: outbound \"x\": resource: \"a b\" is not the name of a resource; write it as the provider has it, without spaces", NULL },
	{ "", "outbound \"x\" {\nprovider = \"main\"\nscope = \" a\"\n}",
	    "3: outbound \"x\": scope: \" a\" is not a scope; write printable characters without quotes, one space between several scopes", NULL },
	{ "", "outbound \"x\" {\nprovider = \"main\"\nscope = \"a \"\n}",
	    "3: outbound \"x\": scope: \"a \" is not a scope; write printable characters without quotes, one space between several scopes", NULL },
	{ "", "outbound \"x\" {\nprovider = \"main\"\n}\noutbound \"x\" {\nprovider = \"main\"\n}",
	    "4: outbound \"x\": given twice; the first is in t.conf:1", NULL },
	{ "provider", "token_endpoint_auth_method = none\nissuer = \"https://op.example.com\"\nclient_id = \"rp\"\n}\noutbound \"x\" {\nprovider = \"main\"\n}\nlimits {",
	    "7: outbound \"x\": provider: the client of provider \"main\" has token_endpoint_auth_method = \"none\", and a client that proves nothing gets no token of its own; give it a secret, or write token_endpoint and a client here",
	    "issuer client_id client_secret" },
	{ "", "outbound \"x\" { provider = \"main\" }\nroute \"/a\" {\nupstream = \"app\"\nupstream_token = \"other\"\n}",
	    "4: route \"/a\": upstream_token: there is no outbound \"other\"; write the title of an outbound section", NULL },
	{ "", "outbound \"graph\" { provider = \"main\" }\nroute \"/a\" {\nupstream = \"app\"\nupstream_token = \"grahp\"\n}",
	    "4: route \"/a\": upstream_token: there is no outbound \"grahp\"; did you mean \"graph\"; write the title of an outbound section", NULL },
	{ "", "outbound \"x\" { provider = \"main\" }\nroute \"/a\" {\nupstream = \"app\"\nupstream_token = \"x\"\npass_authorization = yes\n}",
	    "4: route \"/a\": upstream_token: its token takes the place of the Authorization header, which pass_authorization = \"yes\" would pass on; leave one of them out", NULL },
};
/* clang-format on */

START_TEST(a_mistake_about_a_token_for_an_upstream_is_told)
{
	expect(&mistakes[_i]);
}
END_TEST

START_TEST(the_grant_says_whose_token_it_is)
{
	const char *got;
	struct conf *c = fixture_parse(
	    fixture_conf("provider",
		MORE "additional_scopes = offline_access\n}\n"
		     "outbound \"a\" { token_endpoint = \"https://op.example.com/token\" client_id = \"x\" "
		     "client_secret = \"y\" grant = client_credentials }\n"
		     "outbound \"b\" { provider = \"main\" grant = refresh_token scope = \"x\" }\n"
		     "route \"/b\" { upstream = \"app\" upstream_token = \"b\" }\nlimits {",
		"client_secret"),
	    &got);

	ck_assert_str_eq(got, "");
	ck_assert(!c->outbounds[0].by_user);
	ck_assert(c->outbounds[1].by_user && !c->outbounds[1].own);
	conf_free(&c);
}
END_TEST

START_TEST(a_section_becomes_what_the_token_request_needs)
{
	const char *got;
	struct conf *c = fixture_parse(
	    fixture_conf("",
		"outbound \"a\" { provider = \"main\" scope = \"x/.default y\" }\n"
		"outbound \"b\" { token_endpoint = \"https://op.example.com/token\" client_id = \"robot\" "
		"client_secret = \"s3cr3t\" token_endpoint_auth_method = client_secret_post resource = "
		"\"https://r/\" }\n"
		"route \"/b\" { upstream = \"app\" auth = none upstream_token = \"b\" }",
		""),
	    &got);

	ck_assert_str_eq(got, "");
	ck_assert_uint_eq(c->n_outbounds, 2);
	ck_assert(!c->outbounds[0].own && c->outbounds[0].provider == 0);
	ck_assert_str_eq(c->outbounds[0].scope, "x/.default y");
	ck_assert_ptr_null(c->outbounds[0].resource);
	ck_assert(c->outbounds[1].own);
	ck_assert_str_eq(c->outbounds[1].client.token_endpoint, "https://op.example.com/token");
	ck_assert_str_eq(c->outbounds[1].client.client_id, "robot");
	ck_assert(str_is(secret_str(c->outbounds[1].client.client_secret), STR("s3cr3t")));
	ck_assert_int_eq(c->outbounds[1].client.token_endpoint_auth_method, AUTH_METHOD_POST);
	ck_assert_int_gt(c->outbounds[1].client.timeout, 0);
	ck_assert_str_eq(c->outbounds[1].resource, "https://r/");
	for (size_t i = 0; i < c->n_routes; i++)
		ck_assert_uint_eq(c->routes[i].outbound, strcmp(c->routes[i].path, "/b") == 0 ? 2 : 0);
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/outbound");
	TCase *t = tcase_create("outbound");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, fixture_begin, fixture_end);
	tcase_add_loop_test(t, a_mistake_about_a_token_for_an_upstream_is_told, 0, ROWS(mistakes));
	tcase_add_test(t, the_grant_says_whose_token_it_is);
	tcase_add_test(t, a_section_becomes_what_the_token_request_needs);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
