/* conf/: access tokens - what they must be, which routes take them, and the programs that bring them */
#include "conf_fixture.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

#define API "audience = \"api\"\n"
#define HEAD                                                                                                 \
	"provider \"main\" { issuer = \"https://op.example.com\" client_id = \"rp\" client_secret = \"s\" "  \
	"audience = \"api\" "

/* clang-format off */
static const struct row providers[] = {
	{ "provider", API "decode_access_token = no", "", NULL },
	{ "provider", "decode_access_token = yes",
	    "2: provider \"main\": decode_access_token: \"yes\" says to check access tokens, but not what they must be for; set audience, too", NULL },
	{ "provider", "decode_access_token = maybe",
	    "2: provider \"main\": decode_access_token: \"maybe\" is not accepted; write one of: auto no yes", NULL },
	{ "provider", "audience = { }",
	    "2: provider \"main\": audience: is an empty list, which nothing could fit; write a value, or leave it out", NULL },
	{ "provider", "scope_claim = { }\nroles_claim = { }\naccess_token_issuer = { }",
	    "2: provider \"main\": scope_claim: is an empty list, which nothing could fit; write a value, or leave it out\n"
	    "3: provider \"main\": roles_claim: is an empty list, which nothing could fit; write a value, or leave it out\n"
	    "4: provider \"main\": access_token_issuer: is an empty list, which nothing could fit; write a value, or leave it out", NULL },
	{ "provider", "access_token_signed_alg = { \"RS256\", \"HS256\", \"none\" }",
	    "2: provider \"main\": access_token_signed_alg: \"HS256\" is not accepted; write one of: RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512\n"
	    "2: provider \"main\": access_token_signed_alg: \"none\" is not accepted; write one of: RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512", NULL },
	{ "provider", "app_only = { \"idtyp\", \"=app\", \"idtyp=app\" }",
	    "2: provider \"main\": app_only: \"idtyp\" is not a rule; write \"claim=value\", a claim with = or ~ in its name as 'claim'\n"
	    "2: provider \"main\": app_only: \"=app\" is not a rule; write \"claim=value\", a claim with = or ~ in its name as 'claim'", NULL },
};

static const struct row routes[] = {
	{ "route", "auth = bearer",
	    "2: route \"/\": auth: \"bearer\" needs access tokens, and nothing says what those of provider \"main\" must be for; set its audience", NULL },
	{ "route", "auth = any",
	    "2: route \"/\": auth: \"any\" needs access tokens, and nothing says what those of provider \"main\" must be for; set its audience", NULL },
	{ "", HEAD "decode_access_token = no }\nroute \"/api\" {\nauth = any\nupstream = \"app\"\n}",
	    "3: route \"/api\": auth: \"any\" needs access tokens, and those of provider \"main\" are opaque (decode_access_token); set its introspection_endpoint, which can be asked about them", "provider route" },
	{ "", HEAD "decode_access_token = no introspection_endpoint = \"https://op.example.com/i\" }\nroute \"/api\" {\nauth = any\nupstream = \"app\"\n}", "", "provider route" },
	{ "", "provider \"a\" { issuer = \"https://a.example.com\" client_id = \"rp\" client_secret = \"s\" audience = \"x\" decode_access_token = no introspection_endpoint = \"https://a.example.com/i\" }\nprovider \"b\" { issuer = \"https://b.example.com\" client_id = \"rp\" client_secret = \"s\" audience = \"x\" decode_access_token = no introspection_endpoint = \"https://b.example.com/i\" }\nroute \"/api\" {\nauth = any\nupstream = \"app\"\nprovider = { \"a\", \"b\" }\n}",
	    "warning: 4: route \"/api\": auth: takes opaque access tokens of the providers \"a\", \"b\": each token is shown to the introspection endpoint of one after the other until one knows it, so those in front see tokens that are not theirs; give each provider a route of its own", "provider route" },
	{ "", HEAD "introspection_endpoint = \"https://op.example.com/i\" }\nroute \"/api\" {\nauth = any\nupstream = \"app\"\n}", "", "provider route" },
	{ "", HEAD "kind = google }\nroute \"/api\" {\nauth = any\nupstream = \"app\"\n}",
	    "3: route \"/api\": auth: \"any\" needs access tokens, and those of provider \"main\" are opaque (decode_access_token); set its introspection_endpoint, which can be asked about them", "provider route" },
	{ "", HEAD "kind = google decode_access_token = yes }\nroute \"/api\" {\nauth = any\nupstream = \"app\"\n}", "", "provider route" },
	{ "", "provider \"main\" { issuer = \"https://op.example.com\" client_id = \"rp\" client_secret = \"s\" decode_access_token = no introspection_endpoint = \"https://op.example.com/i\" }\nroute \"/api\" {\nauth = any\nupstream = \"app\"\n}",
	    "3: route \"/api\": auth: \"any\" needs access tokens, and nothing says what those of provider \"main\" must be for; set its audience", "provider route" },
	{ "route", "scopes = \"a\"\napp_roles = \"b\"\ncors_origins = \"https://a.example\"",
	    "2: route \"/\": scopes: is about access tokens, which this route does not take; set auth = \"bearer\" or \"any\", or leave it out\n"
	    "3: route \"/\": app_roles: is about access tokens, which this route does not take; set auth = \"bearer\" or \"any\", or leave it out\n"
	    "4: route \"/\": cors_origins: is about access tokens, which this route does not take; set auth = \"bearer\" or \"any\", or leave it out", NULL },
	{ "", HEAD "}\nroute \"/api\" {\nauth = any\nupstream = \"app\"\nscopes = \"a b\"\n}",
	    "5: route \"/api\": scopes: \"a b\" is no scope, which has neither spaces nor quotes; write several as a list", "provider route" },
	{ "", HEAD "}\nroute \"/api\" {\nauth = any\nupstream = \"app\"\ncors_origins = { \"*\", \"null\", \"https://a.example/\", \"https://a.example?x\", \"a.example\", \"ftp://a.example\" }\n}",
	    "5: route \"/api\": cors_origins: \"*\" is no origin; write scheme and host, and the port where it is not the usual one, for example \"https://app.example.com\"\n"
	    "5: route \"/api\": cors_origins: \"null\" is no origin; write scheme and host, and the port where it is not the usual one, for example \"https://app.example.com\"\n"
	    "5: route \"/api\": cors_origins: \"https://a.example/\" is no origin; write scheme and host, and the port where it is not the usual one, for example \"https://app.example.com\"\n"
	    "5: route \"/api\": cors_origins: \"https://a.example?x\" is no origin; write scheme and host, and the port where it is not the usual one, for example \"https://app.example.com\"\n"
	    "5: route \"/api\": cors_origins: \"a.example\" is no origin; write scheme and host, and the port where it is not the usual one, for example \"https://app.example.com\"\n"
	    "5: route \"/api\": cors_origins: \"ftp://a.example\" is no origin; write scheme and host, and the port where it is not the usual one, for example \"https://app.example.com\"", "provider route" },
};

static const struct row mobile[] = {
	{ "session", "mobile_clients = { \"a\", \"b\" }",
	    "2: session.mobile_clients: \"a\" would bring access tokens, and those of no provider can be checked; set the provider's audience", NULL },
	{ "", HEAD "decode_access_token = no }\nsession {\nsecret = \"" GOOD_SECRET "\"\nmobile_clients = \"a\"\n}",
	    "4: session.mobile_clients: \"a\" would bring access tokens, and those of no provider can be checked; set the provider's audience", "provider session" },
	{ "", HEAD "decode_access_token = no introspection_endpoint = \"https://op.example.com/i\" }\nsession {\nsecret = \"" GOOD_SECRET "\"\nmobile_clients = \"a\"\n}", "", "provider session" },
	{ "", HEAD "}\nsession {\nsecret = \"" GOOD_SECRET "\"\nmobile_clients = \"a\"\nmobile_timeout = 0\n}",
	    "5: session.mobile_timeout: \"0\" is too small; write at least 1s", "provider session" },
	{ "", HEAD "}\nsession {\nsecret = \"" GOOD_SECRET "\"\nmobile_clients = \"a\"\nmobile_timeout = \"7d\"\n}", "", "provider session" },
	{ "session", "mobile_clients = { }", "", NULL },
};

static const struct row clients[] = {
	{ "", "client \"batch\" { client_id = \"c\" username = \"batch\" }", "", NULL },
	{ "", "client \"batch\" { }",
	    "1: client \"batch\": client_id: required, and not set; for example client_id = \"batch-job\"\n"
	    "1: client \"batch\": username: required, and not set; for example username = \"batch\"", NULL },
	{ "", "client { }",
	    "1: client: needs a title; write client \"NAME\" { ... }\n"
	    "1: client \"\": client_id: required, and not set; for example client_id = \"batch-job\"\n"
	    "1: client \"\": username: required, and not set; for example username = \"batch\"", NULL },
	{ "", "client \"a\" { client_id = \"c\" username = \"x\" active = maybe provider = \"other\" }",
	    "1: client \"a\": active: \"maybe\" is neither yes nor no; write yes or no\n"
	    "1: client \"a\": provider: there is no provider \"other\"; write the title of a provider section", NULL },
	{ "", "client \"a\" { client_id = \"c\" username = \"x\" }\nclient \"a\" { client_id = \"d\" username = \"x\" }",
	    "2: client \"a\": given twice; the first is in t.conf:1", NULL },
	{ "", "client \"a\" { client_id = \"c\" username = \"x\" }\nclient \"b\" { client_id = \"c\" username = \"y\" active = no }",
	    "2: client \"b\": client_id: \"c\" is client \"a\" already; write each program once", NULL },
	{ "", "client \"a\" { client_id = \"c\" username = \" x\" scopes = \"a b\" }",
	    "1: client \"a\": username: \" x\" is no name that a header can hold; write it without control characters and without spaces at its ends\n"
	    "1: client \"a\": scopes: \"a b\" is no scope, which has neither spaces nor quotes; write several as a list", NULL },
	{ "", "client \"a\" { client_id = \"c\" username = \"a\\tb\" }",
	    "1: client \"a\": username: \"a\\tb\" is no name that a header can hold; write it without control characters and without spaces at its ends", NULL },
};
/* clang-format on */

START_TEST(a_mistake_about_access_tokens_is_told)
{
	expect(&providers[_i]);
}
END_TEST

START_TEST(a_mistake_about_a_route_that_takes_them_is_told)
{
	expect(&routes[_i]);
}
END_TEST

START_TEST(a_mistake_about_mobile_apps_is_told)
{
	expect(&mobile[_i]);
}
END_TEST

START_TEST(a_mistake_about_a_program_is_told)
{
	expect(&clients[_i]);
}
END_TEST

/* --- what comes of it ---------------------------------------------------- */

static struct conf *
load(const char *where, const char *text, const char *without)
{
	const char *messages;
	struct conf *c = fixture_parse(fixture_conf(where, text, without), &messages);

	ck_assert_msg(c != NULL && messages[0] == '\0', "%s", messages);
	return c;
}

START_TEST(without_a_word_about_them_access_tokens_stay_opaque)
{
	struct conf *c = load("provider", "id_token_signed_response_alg = { \"ES256\", \"PS256\" }", "");
	const struct conf_provider *p = &c->providers[0];

	ck_assert(!p->decode_access_token);
	ck_assert_uint_eq(p->audience.n, 0);
	ck_assert_uint_eq(p->n_app_only, 0);
	ck_assert_uint_eq(p->access_token_issuer.n, 0);
	ck_assert_uint_eq(p->access_token_signed_alg.n, 2);
	ck_assert_str_eq(p->access_token_signed_alg.v[1], "PS256");
	ck_assert_uint_eq(c->n_clients, 0);
	ck_assert_int_eq(c->routes[0].auth, AUTH_SESSION);
	conf_free(&c);
}
END_TEST

START_TEST(an_audience_makes_them_readable)
{
	struct conf *c = load("provider",
	    "audience = { \"api://x\", \"api://x/\" }\naccess_token_signed_alg = \"ES256\"\n"
	    "access_token_issuer = \"http://fs.example.com/adfs/services/trust\"\n"
	    "app_only = { \"idtyp=app\", \"'a=b'~c\" }\nscope_claim = \"scp\"",
	    "");
	const struct conf_provider *p = &c->providers[0];

	ck_assert(p->decode_access_token);
	ck_assert_uint_eq(p->audience.n, 2);
	ck_assert_str_eq(p->audience.v[1], "api://x/");
	ck_assert_uint_eq(p->access_token_signed_alg.n, 1);
	ck_assert_str_eq(p->access_token_signed_alg.v[0], "ES256");
	ck_assert_str_eq(p->id_token_signed_response_alg.v[0], "RS256");
	ck_assert_str_eq(p->access_token_issuer.v[0], "http://fs.example.com/adfs/services/trust");
	ck_assert_uint_eq(p->n_app_only, 2);
	ck_assert_str_eq(p->app_only[0].claim, "idtyp");
	ck_assert_str_eq(p->app_only[0].value, "app");
	ck_assert_str_eq(p->app_only[1].claim, "a=b");
	ck_assert_str_eq(p->scope_claim.v[0], "scp");
	conf_free(&c);
}
END_TEST

START_TEST(a_route_and_a_program_say_what_they_demand)
{
	struct conf *c = load("",
	    HEAD "}\nroute \"/api\" {\nauth = bearer\nupstream = \"app\"\nscopes = { \"a\", \"b\" }\n"
		 "app_roles = \"Run It\"\n"
		 "cors_origins = { \"HTTPS://App.Example:443\", \"http://127.0.0.1:8080\", "
		 "\"https://a.example:8443\" }\n}\n"
		 "client \"batch\" {\nprovider = \"main\"\nclient_id = \"c\"\n"
		 "username = \"CORP\\\\batch\"\nactive = no\nscopes = \"s\"\n"
		 "app_roles = { \"q\", \"r\" }\n}\n",
	    "provider route");
	const struct conf_route *r = &c->routes[0];
	const struct conf_client *k = &c->clients[0];

	ck_assert_str_eq(r->title, "/api");
	ck_assert_int_eq(r->auth, AUTH_BEARER);
	ck_assert_uint_eq(r->scopes.n, 2);
	ck_assert_str_eq(r->app_roles.v[0], "Run It");
	ck_assert_uint_eq(r->cors_origins.n, 3);
	ck_assert_str_eq(r->cors_origins.v[0], "https://app.example");
	ck_assert_str_eq(r->cors_origins.v[1], "http://127.0.0.1:8080");
	ck_assert_str_eq(r->cors_origins.v[2], "https://a.example:8443");
	ck_assert_uint_eq(c->n_clients, 1);
	ck_assert_str_eq(k->name, "batch");
	ck_assert_uint_eq(k->provider, 0);
	ck_assert_str_eq(k->client_id, "c");
	ck_assert_str_eq(k->username, "CORP\\batch");
	ck_assert(!k->active);
	ck_assert_uint_eq(k->scopes.n, 1);
	ck_assert_uint_eq(k->app_roles.n, 2);
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/bearer");
	TCase *t = tcase_create("access tokens");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, fixture_begin, fixture_end);
	tcase_add_loop_test(t, a_mistake_about_access_tokens_is_told, 0, ROWS(providers));
	tcase_add_loop_test(t, a_mistake_about_a_route_that_takes_them_is_told, 0, ROWS(routes));
	tcase_add_loop_test(t, a_mistake_about_mobile_apps_is_told, 0, ROWS(mobile));
	tcase_add_loop_test(t, a_mistake_about_a_program_is_told, 0, ROWS(clients));
	tcase_add_test(t, without_a_word_about_them_access_tokens_stay_opaque);
	tcase_add_test(t, an_audience_makes_them_readable);
	tcase_add_test(t, a_route_and_a_program_say_what_they_demand);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
