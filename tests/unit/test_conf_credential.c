/* conf/: how a client proves who it is, what a sign-in asks for, and what runs out */
#include <fcntl.h>
#include <time.h>

#include <openssl/rsa.h>

#include "conf/pem.h"
#include "conf_fixture.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

static void
write_key(const char *name, EVP_PKEY *k)
{
	FILE *f = fopen(fixture_path(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert(PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
	ck_assert_int_eq(chmod(fixture_path(name), 0600), 0);
	EVP_PKEY_free(k);
}

/* The certificate and the names of the handbook, and keys that may or may not sign. */
static void
begin(void)
{
	fixture_begin();
	fixture_certificate("near.crt", "near.key", 10);
	ck_assert_int_eq(
	    system(mem_printf(fixture_mem,
		"openssl req -x509 -newkey rsa:2048 -nodes -keyout %s -out %s -days 90 -subj /CN=a "
		"2>/dev/null",
		fixture_path("rsa.key"), fixture_path("rsa.crt"))),
	    0);
	write_key("p384.key", EVP_EC_gen("P-384"));
	write_key("k1.key", EVP_EC_gen("secp256k1"));
	write_key("small.key", EVP_RSA_gen(1024U));
	fixture_write("ed25519.key",
	    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
	    "-----END PRIVATE KEY-----\n",
	    0600);
	fixture_write("book.crt",
	    "-----BEGIN CERTIFICATE-----\n"
	    "MIIBvjCCAWOgAwIBAgIGGis8TV5vMAoGCCqGSM49BAMCMDsxFTATBgNVBAoMDEV4\n"
	    "YW1wbGUgQ29ycDEiMCAGA1UEAwwZaGFuZGJvb2stdGVzdC5leGFtcGxlLmNvbTAe\n"
	    "Fw0yNjExMjEyMzM4MDNaFw0zNjExMTgyMzM4MDNaMDsxFTATBgNVBAoMDEV4YW1w\n"
	    "bGUgQ29ycDEiMCAGA1UEAwwZaGFuZGJvb2stdGVzdC5leGFtcGxlLmNvbTBZMBMG\n"
	    "ByqGSM49AgEGCCqGSM49AwEHA0IABB90YmA9vR9IWAI6D+myoxJHFx+/4aGDrZOv\n"
	    "JjH54NHib8j4YeAKREAfmKJGPsHz3vPwsU6y9OO4+L9Flv+ZMd6jUzBRMB0GA1Ud\n"
	    "DgQWBBRZblia92b2j+c362l0WHLjlZiSbjAfBgNVHSMEGDAWgBRZblia92b2j+c3\n"
	    "62l0WHLjlZiSbjAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDw\n"
	    "hbGEZQK+HHKdkPgN2TlUJHwl9PfN5fc8uOvbRhXvTAIhANb+iEL2FM2d7yCOBFNO\n"
	    "B0hMSMZRPwSj2Wbn0PJ8FjHN\n-----END CERTIFICATE-----\n",
	    0644);
}

#define KEY "token_endpoint_auth_method = private_key_jwt\n"
#define P   "provider \"main\": "
/* clang-format off */
static const struct row mistakes[] = {
	{ "provider", KEY "client_private_key = \"${D}/tls.key\"", "", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/p384.key\"", "", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/tls.key\"\nclient_certificate = \"${D}/tls.crt\"\nclient_key_id = \"a b/1\"",
	    "", "client_secret" },
	{ "provider", KEY, "1: " P "client_private_key: required for private_key_jwt, and not set; for example client_private_key = \"/etc/workflow-proxy/client.key\"",
	    "client_secret" },
	{ "provider", KEY "kind = azure-v1",
	    "1: " P "client_private_key: required for private_key_jwt, and not set; for example client_private_key = \"/etc/workflow-proxy/client.key\"\n"
	    "1: " P "client_certificate: required for private_key_jwt with this kind of provider, which knows keys by their certificates; for example client_certificate = \"/etc/workflow-proxy/client.crt\"",
	    "client_secret" },
	{ "provider", KEY "kind = ms-identity-v2\nclient_private_key = \"${D}/rsa.key\"\nclient_certificate = \"${D}/rsa.crt\"", "", "client_secret" },
	{ "provider", KEY "kind = adfs\nclient_private_key = \"${D}/tls.key\"\nclient_certificate = \"${D}/tls.crt\"",
	    "4: " P "client_private_key: \"$D/tls.key\" is not RSA, which is all that this kind of provider takes", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/tls.key\"\nclient_certificate = \"${D}/other.crt\"",
	    "4: " P "client_certificate: \"$D/other.crt\" is not the certificate of its key; name the key that belongs to it", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/tls.crt\"\nclient_certificate = \"${D}/tls.key\"",
	    "3: " P "client_private_key: \"$D/tls.crt\" holds no private key; write a PEM file (unsupported)\n"
	    "4: " P "client_certificate: \"$D/tls.key\" holds no certificate; write a PEM file (no start line)", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/locked.key\"",
	    "3: " P "client_private_key: \"$D/locked.key\" holds a key with a passphrase; take it off, and keep the file from others", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/open.key\"",
	    "warning: 3: " P "client_private_key: \"$D/open.key\" can be read or written by others (mode 0644); allow the owner and the group only", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/small.key\"",
	    "3: " P "client_private_key: \"$D/small.key\" is a key that cannot sign for the client; write RSA of 2048 to 8192 bits, or EC on P-256, P-384 or P-521", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/k1.key\"",
	    "3: " P "client_private_key: \"$D/k1.key\" is a key that cannot sign for the client; write RSA of 2048 to 8192 bits, or EC on P-256, P-384 or P-521", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/ed25519.key\"",
	    "3: " P "client_private_key: \"$D/ed25519.key\" is a key that cannot sign for the client; write RSA of 2048 to 8192 bits, or EC on P-256, P-384 or P-521", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/near.key\"\nclient_certificate = \"${D}/near.crt\"",
	    "warning: 4: " P "client_certificate: \"$D/near.crt\" ends in 10 days: renew it in time", "client_secret" },
	{ "provider", KEY "client_private_key = \"${D}/old.key\"\nclient_certificate = \"${D}/old.crt\"",
	    "warning: 4: " P "client_certificate: \"$D/old.crt\" has expired", "client_secret" },
	{ "listen", "tls_certificate = \"${D}/near.crt\"\ntls_certificate_key = \"${D}/near.key\"",
	    "warning: 2: listen \"127.0.0.1:8080\": tls_certificate: \"$D/near.crt\" ends in 10 days: renew it in time", NULL },
	{ "provider", "client_key_id = \"\\t\"", "2: " P "client_key_id: \"\\t\" is not the name of a key; write at most 256 printable characters", NULL },
	{ "provider", "client_assertion_audience = \"https://op\"",
	    "2: " P "client_assertion_audience: \"https://op\" is not accepted; write one of: token_endpoint issuer", NULL },
	{ "provider", "token_endpoint_auth_method = client_secret_jwt",
	    "1: " P "client_secret: required, and not set; write client_secret_file = \"...\", or token_endpoint_auth_method = \"none\" for a public client", "client_secret" },
	{ "provider", "token_endpoint_auth_method = client_secret_jwt\nclient_secret = \"geheim\"",
	    "warning: 3: " P "client_secret: the secret has 6 bytes; client_secret_jwt asks for at least 32 (RFC 7518 3.2)", NULL },
	{ "provider", "token_endpoint_auth_method = client_secret_jwt\nclient_secret = \"" GOOD_SECRET "\"", "", NULL },
	{ "provider", "client_secret_expires = \"2099-02-28\"\nclient_secret = s", "", NULL },
	{ "provider", "client_secret_expires = \"2020-02-29\"\nclient_secret = s", "warning: 2: " P "client_secret_expires: \"2020-02-29\" has expired", NULL },
	{ "provider", "client_secret_expires = \"2099-02-29\"\nclient_secret = s", "2: " P "client_secret_expires: \"2099-02-29\" is not a date; write YYYY-MM-DD, for example 2030-12-31", NULL },
	{ "provider", "client_secret_expires = \"31.12.2030\"\nclient_secret = s", "2: " P "client_secret_expires: \"31.12.2030\" is not a date; write YYYY-MM-DD, for example 2030-12-31", NULL },
	{ "provider", "client_secret_expires = \"2030-1-031\"\nclient_secret = s", "2: " P "client_secret_expires: \"2030-1-031\" is not a date; write YYYY-MM-DD, for example 2030-12-31", NULL },
	{ "provider", "client_secret_expires = \"2030-13-01\"\nclient_secret = s", "2: " P "client_secret_expires: \"2030-13-01\" is not a date; write YYYY-MM-DD, for example 2030-12-31", NULL },
	{ "provider", "client_secret_expires = \"0000-00-00\"\nclient_secret = s", "2: " P "client_secret_expires: \"0000-00-00\" is not a date; write YYYY-MM-DD, for example 2030-12-31", NULL },
	{ "provider", "response_mode = form_post", "", NULL },
	{ "", "public_url = { \"https://a.example\", \"http://127.0.0.1:8080\" }\nprovider \"x\" {\nissuer = \"https://op\"\nclient_id = c\nclient_secret = s\nresponse_mode = form_post\n}",
	    "6: provider \"x\": response_mode: form_post needs https, else browsers drop the sign-in cookie; public_url \"http://127.0.0.1:8080\" is http", "provider" },
	{ "provider", "response_mode = fragment\nauthorization_request_method = post",
	    "2: " P "response_mode: \"fragment\" is not accepted; write one of: query form_post\n"
	    "3: " P "authorization_request_method: \"post\" is not accepted; write one of: GET POST", NULL },
	{ "provider", "prompt = \"login\"", "", NULL },
	{ "provider", "prompt = \"login consent\"", "", NULL },
	{ "provider", "prompt = \"none\"", "", NULL },
	{ "provider", "prompt = \"none login\"", "2: " P "prompt: \"none login\" has none and more; none stands alone", NULL },
	{ "provider", "prompt = \"login  consent\"", "2: " P "prompt: \"login  consent\" is no list of prompts; write for example login, or \"login consent\"", NULL },
	{ "provider", "max_age = 0", "", NULL },
	{ "provider", "max_age = \"1500ms\"", "2: " P "max_age: \"1500ms\" is not a whole number of seconds, which is what is sent", NULL },
	{ "provider", "max_age = soon", "2: " P "max_age: \"soon\" is not a duration; write a number and ms, s, m, h or d, for example \"8h\"", NULL },
	{ "provider", "acr_values = { \"urn:a\", \"b c\" }", "2: " P "acr_values: \"b c\" is not one value; write a list: { \"one\", \"two\" }", NULL },
	{ "provider", "login_hint_parameter = \"Rd\"", "2: " P "login_hint_parameter: \"Rd\" cannot name a parameter of login; write letters and digits, none of: rd provider prompt", NULL },
	{ "provider", "login_hint_parameter = \"a&b=\"", "2: " P "login_hint_parameter: \"a&b=\" cannot name a parameter of login; write letters and digits, none of: rd provider prompt", NULL },
	{ "provider", "login_hint_parameter = \"user\"\nauthorization_parameters = \"login_hint=x\"",
	    "3: " P "authorization_parameters: \"login_hint=x\" is what login_hint_parameter hands on; leave one of them out", NULL },
};
/* clang-format on */

START_TEST(a_mistake_is_told)
{
	expect(&mistakes[_i]);
}
END_TEST

static struct conf *
load_good(const char *provider)
{
	const char *messages;
	struct conf *c = fixture_parse(fixture_conf("provider", provider, ""), &messages);

	ck_assert_msg(c != NULL && messages[0] == '\0', "%s", messages);
	return c;
}

START_TEST(the_thumbprints_are_those_of_the_handbook)
{
	const char *messages;
	struct conf *c =
	    fixture_parse(fixture_conf("provider", "client_certificate = \"${D}/book.crt\"", ""), &messages);

	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->providers[0].client_x5t, "qVIynGKbFxJJZhHgLMvSchWW_pQ");
	ck_assert_str_eq(c->providers[0].client_x5t_s256, "6PT-Wa8PMlFvfOnqgZoaTJPM4nKolmyErkM_4hQ1oxQ");
	conf_free(&c);
}
END_TEST

START_TEST(the_key_is_read_once_and_kept)
{
	struct conf *c =
	    load_good(KEY "client_private_key = \"${D}/tls.key\"\nclient_certificate = "
			  "\"${D}/tls.crt\"\nclient_key_id = k-1\nclient_assertion_audience = issuer");
	const struct conf_provider *p = &c->providers[0];

	ck_assert_int_eq(p->token_endpoint_auth_method, AUTH_METHOD_KEY_JWT);
	ck_assert(p->client_private_key != NULL && EVP_PKEY_is_a(p->client_private_key, "EC"));
	ck_assert_uint_eq(strlen(p->client_x5t), 27);
	ck_assert_uint_eq(strlen(p->client_x5t_s256), 43);
	ck_assert_str_eq(p->client_key_id, "k-1");
	ck_assert_str_eq(p->client_assertion_audience, "issuer");
	conf_free(&c);
}
END_TEST

START_TEST(what_is_asked_of_a_sign_in_is_stored)
{
	struct conf *c =
	    load_good("authorization_request_method = POST\nresponse_mode = form_post\nprompt = "
		      "login\nmax_age = 2h\nacr_values = { \"a\", \"b\" }\nlogin_hint_parameter = "
		      "user\nresource = \"https://api.example.com/\"");
	const struct conf_provider *p = &c->providers[0];

	ck_assert(p->authorize_by_post && p->form_post);
	ck_assert_str_eq(p->prompt, "login");
	ck_assert(p->max_age != NULL && *p->max_age == 7200000);
	ck_assert(p->acr_values.n == 2 && strcmp(p->acr_values.v[1], "b") == 0);
	ck_assert_str_eq(p->login_hint_parameter, "user");
	ck_assert_str_eq(p->resource, "https://api.example.com/");
	conf_free(&c);
	c = load_good("");
	p = &c->providers[0];
	ck_assert(!p->authorize_by_post && !p->form_post && p->prompt == NULL && p->max_age == NULL);
	ck_assert(p->acr_values.n == 0 && p->login_hint_parameter == NULL && p->resource == NULL);
	ck_assert(p->client_private_key == NULL && p->client_x5t == NULL && p->client_key_id == NULL);
	ck_assert(p->client_assertion_audience == NULL && c->n_expiries == 0);
	conf_free(&c);
}
END_TEST

START_TEST(what_runs_out_is_listed_with_its_end)
{
	struct conf *c = load_good("client_secret = s\nclient_secret_expires = "
				   "\"2099-12-31\"\nclient_certificate = \"${D}/tls.crt\"");
	const int64_t now = (int64_t)time(NULL);

	ck_assert_uint_eq(c->n_expiries, 2);
	ck_assert_msg(strcmp(c->expiries[0].what,
			  mem_printf(fixture_mem, P "client_certificate: %s", fixture_path("tls.crt"))) == 0,
	    "%s", c->expiries[0].what);
	ck_assert_int_ge(c->expiries[0].ends, now + 90 * 86400 - 600);
	ck_assert_int_le(c->expiries[0].ends, now + 90 * 86400);
	ck_assert_str_eq(c->expiries[1].what, P "client_secret_expires");
	ck_assert_int_eq(c->expiries[1].ends, INT64_C(4102358400));
	ck_assert_int_le(llabs((long long)(pem_now() - now)), 2);
	conf_free(&c);
}
END_TEST

/* What the log says at `now`, without the time in front. */
static const char *
logged(const struct conf *c, int64_t now)
{
	struct err e;
	FILE *f;
	char text[2000];
	size_t n;

	ck_assert_int_eq(log_open(&(struct log_setup){ .level = LOG_LEVEL_INFO,
				      .format = LOG_FORMAT_LOGFMT,
				      .file = fixture_path("the.log"),
				      .access = "off" },
			     &e),
	    0);
	conf_expiry_log(c, now);
	log_close();
	f = fopen(fixture_path("the.log"), "r");
	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	ck_assert(fclose(f) == 0 && unlink(fixture_path("the.log")) == 0);
	return mem_strdup(fixture_mem, text);
}

START_TEST(the_log_warns_thirty_days_ahead_and_not_before)
{
	static const int64_t end = INT64_C(4102358400);
	struct conf *c = load_good("client_secret_expires = \"2099-12-31\"\nclient_secret = s");

	ck_assert_str_eq(logged(c, end - 30 * 86400 - 1), "");
	ck_assert_ptr_nonnull(strstr(logged(c, end - 30 * 86400), "client_secret_expires ends in 30 days"));
	ck_assert_ptr_nonnull(strstr(logged(c, end - 86400), "ends in 1 day:"));
	ck_assert_ptr_nonnull(strstr(logged(c, end - 1), "ends in 0 days:"));
	ck_assert_ptr_nonnull(strstr(logged(c, end), "client_secret_expires has expired"));
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/credential");
	TCase *t = tcase_create("credential");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, begin, fixture_end);
	tcase_add_loop_test(t, a_mistake_is_told, 0, ROWS(mistakes));
	tcase_add_test(t, the_thumbprints_are_those_of_the_handbook);
	tcase_add_test(t, the_key_is_read_once_and_kept);
	tcase_add_test(t, what_is_asked_of_a_sign_in_is_stored);
	tcase_add_test(t, what_runs_out_is_listed_with_its_end);
	tcase_add_test(t, the_log_warns_thirty_days_ahead_and_not_before);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
