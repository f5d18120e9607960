/* What oidc/tokenreq.h promises: the request's exact bytes, and what each answer means. */
#include <check.h>
#include <string.h>

#include "oidc/tokenreq.h"

static struct mem *m;

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

static const struct {
	enum conf_auth_method method;
	const char *id, *secret, *verifier;
	const char *body, *authorization;
} requests[] = {
	{ AUTH_METHOD_BASIC, "app", "word", "v-._~",
	    "grant_type=authorization_code&code=a%2Fb+c%26d&redirect_uri=https%3A%2F%2Fflow.test%2Fauth%"
	    "2Fcallback"
	    "&code_verifier=v-._~",
	    "Basic YXBwOndvcmQ=" },
	/* RFC 6749 2.3.1: encoded before base64 */
	{ AUTH_METHOD_BASIC, "app 1", "p+q/r:s%~", NULL,
	    "grant_type=authorization_code&code=a%2Fb+c%26d&redirect_uri=https%3A%2F%2Fflow.test%2Fauth%"
	    "2Fcallback",
	    "Basic YXBwKzE6cCUyQnElMkZyJTNBcyUyNX4=" },
	{ AUTH_METHOD_POST, "app 1", "p+q/r:s%~\xc3\xa4", NULL,
	    "grant_type=authorization_code&code=a%2Fb+c%26d&redirect_uri=https%3A%2F%2Fflow.test%2Fauth%"
	    "2Fcallback"
	    "&client_id=app+1&client_secret=p%2Bq%2Fr%3As%25~%C3%A4",
	    NULL },
	{ AUTH_METHOD_NONE, "app 1", NULL, "vvv",
	    "grant_type=authorization_code&code=a%2Fb+c%26d&redirect_uri=https%3A%2F%2Fflow.test%2Fauth%"
	    "2Fcallback"
	    "&code_verifier=vvv&client_id=app+1",
	    NULL },
	{ AUTH_METHOD_NONE, "app", "never sent", NULL,
	    "grant_type=authorization_code&code=a%2Fb+c%26d&redirect_uri=https%3A%2F%2Fflow.test%2Fauth%"
	    "2Fcallback"
	    "&client_id=app",
	    NULL },
};

START_TEST(the_request_is_written_byte_for_byte)
{
	struct conf_provider c = { .client_id = requests[_i].id,
		.token_endpoint_auth_method = requests[_i].method };
	const struct oidc_code code = {
		.code = STR("a/b c&d"),
		.redirect_uri = "https://flow.test/auth/callback",
		.code_verifier = { requests[_i].verifier,
		    requests[_i].verifier ? strlen(requests[_i].verifier) : 0 },
	};
	struct tokenreq r;

	if (requests[_i].secret != NULL)
		c.client_secret = secret_new(requests[_i].secret, strlen(requests[_i].secret));
	tokenreq_print(&c, &code, m, &r);
	ck_assert_str_eq(r.body.p, requests[_i].body);
	ck_assert_uint_eq(r.body.n, strlen(requests[_i].body));
	if (requests[_i].authorization == NULL)
		ck_assert_ptr_null(r.authorization);
	else
		ck_assert_str_eq(r.authorization, requests[_i].authorization);
	secret_free(&c.client_secret);
}
END_TEST

START_TEST(an_assertion_and_the_resource_are_sent_and_no_secret)
{
	struct conf_provider c = { .client_id = "app",
		.client_secret = secret_new("word", 4),
		.token_endpoint_auth_method = AUTH_METHOD_SECRET_JWT,
		.resource = "https://api.example.com/" };
	const struct oidc_code code = { .code = STR("c"), .redirect_uri = "x", .assertion = STR("a.b-_.c") };
	const struct tokenreq_own own = { .assertion = STR("a.b-_.c") };
	struct tokenreq r;

	tokenreq_print(&c, &code, m, &r);
	ck_assert_str_eq(r.body.p,
	    "grant_type=authorization_code&code=c&redirect_uri=x&resource=https%3A%2F%2Fapi.example.com%2F"
	    "&client_id=app&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-"
	    "bearer&client_assertion=a.b-_.c");
	ck_assert_ptr_null(r.authorization);
	tokenreq_print_own(&c, &own, m, &r);
	ck_assert_str_eq(r.body.p,
	    "grant_type=client_credentials&client_id=app"
	    "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-"
	    "bearer&client_assertion=a.b-_.c");
	ck_assert_ptr_null(r.authorization);
	secret_free(&c.client_secret);
}
END_TEST

START_TEST(the_longest_code_fits)
{
	const struct conf_provider c = { .client_id = "app", .token_endpoint_auth_method = AUTH_METHOD_NONE };
	char *text = mem_alloc(m, 8192);
	const struct oidc_code code = {
		.code = { text, 8192 }, .redirect_uri = "x", .code_verifier = { text, 8192 }
	};
	struct tokenreq r;

	memset(text, '\0', 8192);
	tokenreq_print(&c, &code, m, &r);
	ck_assert_uint_gt(r.body.n, 6 * 8192);
	ck_assert_uint_eq(strlen(r.body.p), r.body.n);
}
END_TEST

static int
parse(int status, const char *type, const char *body, struct oidc_tokens *out, struct err *e)
{
	struct conf_provider c = { .client_id = "app", .client_secret = secret_new("the-client-secret", 17) };
	const struct tokenreq_answer a = {
		.status = status, .type = str_of(type), .body = str_of(body), .code = STR("the-code-itself")
	};
	const int r = tokenreq_parse(&c, &a, m, out, e);

	secret_free(&c.client_secret);
	return r;
}

static const struct {
	const char *body, *id, *access, *refresh;
	int64_t expires_in;
} answers[] = {
	{ "{\"id_token\":\"i.d.t\",\"access_token\":\"at\",\"refresh_token\":\"rt\",\"token_type\":"
	  "\"Bearer\","
	  "\"expires_in\":3600}",
	    "i.d.t", "at", "rt", 3600 },
	{ "{\"id_token\":\"i\",\"access_token\":\"at\",\"token_type\":\"bearer\",\"expires_in\":\"3599\"}",
	    "i", "at", NULL, 3599 },
	{ "{\"id_token\":\"i\",\"token_type\":\"BEARER\"}", "i", NULL, NULL, 0 },
	{ "{\"id_token\":\"i\"}", "i", NULL, NULL, 0 },
	{ "{\"id_token\":\"i\",\"access_token\":null,\"refresh_token\":\"\",\"token_type\":null,\"expires_"
	  "in\":null}",
	    "i", NULL, NULL, 0 },
	{ "{\"id_token\":\"i\",\"expires_in\":-5,\"scope\":[1],\"other\":{}}", "i", NULL, NULL, 0 },
	{ "{\"id_token\":\"i\",\"expires_in\":12.9}", "i", NULL, NULL, 12 },
	{ "{\"id_token\":\"i\",\"expires_in\":-1e300}", "i", NULL, NULL, 0 },
	{ "{\"id_token\":\"i\",\"expires_in\":1e300}", "i", NULL, NULL, 316224000 },
	{ "{\"id_token\":\"i\",\"expires_in\":9223372036854775807}", "i", NULL, NULL, 316224000 },
	{ "{\"id_token\":\"i\",\"expires_in\":\"99999999999999999999999\"}", "i", NULL, NULL, 316224000 },
	{ "{\"id_token\":\"i\",\"expires_in\":\"1h\"}", "i", NULL, NULL, 0 },
	{ "{\"id_token\":\"i\",\"expires_in\":\"\"}", "i", NULL, NULL, 0 },
	{ "{\"id_token\":\"i\",\"expires_in\":[3600]}", "i", NULL, NULL, 0 },
};

static void
expect_token(struct str got, const char *expected)
{
	if (expected == NULL) {
		ck_assert_ptr_null(got.p);
		return;
	}
	ck_assert(str_is(got, str_of(expected)));
	ck_assert_int_eq(got.p[got.n], '\0');
}

START_TEST(tokens_are_read_as_servers_really_send_them)
{
	struct oidc_tokens t;
	struct err e;

	ck_assert_int_eq(
	    parse(200, _i % 2 == 0 ? "application/json" : "text/html", answers[_i].body, &t, &e), 0);
	expect_token(t.id_token, answers[_i].id);
	expect_token(t.access_token, answers[_i].access);
	expect_token(t.refresh_token, answers[_i].refresh);
	ck_assert_int_eq(t.expires_in, answers[_i].expires_in);
}
END_TEST

static const struct {
	int status;
	const char *type, *body;
	enum reason reason;
	const char *text; /* part of the sentence */
} refusals[] = {
	/* a success that is none */
	{ 200, "application/json", "", REASON_PROVIDER_ANSWER, "token endpoint" },
	{ 200, "text/html", "<html>", REASON_PROVIDER_ANSWER, "not JSON" },
	{ 200, "application/json", "[]", REASON_PROVIDER_ANSWER, "not an object" },
	{ 200, "application/json", "{}", REASON_PROVIDER_ANSWER, "no id_token" },
	{ 200, "application/json", "{\"access_token\":\"x\",\"token_type\":\"Bearer\"}",
	    REASON_PROVIDER_ANSWER, "provider.scopes" },
	{ 200, "application/json", "{\"id_token\":\"\"}", REASON_PROVIDER_ANSWER, "no id_token" },
	{ 200, "application/json", "{\"id_token\":null}", REASON_PROVIDER_ANSWER, "no id_token" },
	{ 200, "application/json", "{\"id_token\":7}", REASON_PROVIDER_ANSWER, "id_token is not a text" },
	{ 200, "application/json", "{\"id_token\":[\"a\"]}", REASON_PROVIDER_ANSWER,
	    "id_token is not a text" },
	{ 200, "application/json", "{\"id_token\":\"a\",\"id_token\":\"b\"}", REASON_PROVIDER_ANSWER,
	    "a member twice" },
	{ 200, "application/json", "{\"id_token\":\"a b\"}", REASON_PROVIDER_ANSWER, "not printable ASCII" },
	{ 200, "application/json", "{\"id_token\":\"a\\r\\nb\"}", REASON_PROVIDER_ANSWER,
	    "not printable ASCII" },
	{ 200, "application/json", "{\"id_token\":\"\xc3\xa4\"}", REASON_PROVIDER_ANSWER,
	    "not printable ASCII" },
	{ 200, "application/json", "{\"id_token\":\"a\",\"access_token\":{}}", REASON_PROVIDER_ANSWER,
	    "access_token is not a text" },
	{ 200, "application/json", "{\"id_token\":\"a\",\"access_token\":\"a\\nb\"}", REASON_PROVIDER_ANSWER,
	    "access_token holds" },
	{ 200, "application/json", "{\"id_token\":\"a\",\"token_type\":\"mac\"}", REASON_PROVIDER_ANSWER,
	    "token_type is \"mac\"" },
	{ 200, "application/json", "{\"id_token\":\"a\",\"token_type\":1}", REASON_PROVIDER_ANSWER,
	    "token_type" },
	/* RFC 6749 5.2 */
	{ 401, "application/json", "{\"error\":\"invalid_client\"}", REASON_PROVIDER_CLIENT,
	    "invalid_client: check provider.client_id" },
	{ 400, "application/json", "{\"error\":\"invalid_client\"}", REASON_PROVIDER_CLIENT,
	    "client_secret" },
	{ 200, "application/json", "{\"error\":\"invalid_client\",\"id_token\":\"a\"}",
	    REASON_PROVIDER_CLIENT, "client_secret" },
	{ 401, "application/json", "{\"error\":\"unauthorized\",\"error_description\":\"Bad credentials\"}",
	    REASON_PROVIDER_CLIENT, "(Bad credentials)" },
	{ 400, "application/json", "{\"error\":\"invalid_grant\"}", REASON_PROVIDER_GRANT,
	    "invalid_grant: the code is too old" },
	{ 400, "application/json", "{\"error\":\"invalid_scope\"}", REASON_PROVIDER_ERROR,
	    "provider.scopes" },
	{ 400, "application/json", "{\"error\":\"unauthorized_client\"}", REASON_PROVIDER_ERROR, "grant" },
	{ 400, "application/json", "{\"error\":\"never_heard_of\",\"error_description\":\"Something\"}",
	    REASON_PROVIDER_ERROR, "never_heard_of (Something): see" },
	{ 400, "application/json", "{\"error\":\"server_error\"}", REASON_PROVIDER_STATUS, "server_error" },
	{ 400, "application/json", "{\"error\":\"temporarily_unavailable\"}", REASON_PROVIDER_STATUS,
	    "later" },
	{ 400, "application/json", "{\"error\":7}", REASON_PROVIDER_STATUS, "HTTP 400" },
	{ 400, "application/json", "{\"error\":\"x\",\"error_description\":7}", REASON_PROVIDER_ERROR,
	    "x: see" },
	/* in the words of vendors */
	{ 401, "application/json",
	    "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client "
	    "secret.\\r\\nTrace ID: 1\","
	    "\"error_codes\":[7000215]}",
	    REASON_PROVIDER_CLIENT,
	    "invalid_client (AADSTS7000215: Invalid client secret.): put the client secret's value, not its "
	    "ID" },
	{ 401, "application/json",
	    "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: expired\"}",
	    REASON_PROVIDER_CLIENT, "has expired" },
	{ 400, "application/json", "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS54005: x\"}",
	    REASON_PROVIDER_GRANT, "callback was loaded twice" },
	{ 400, "application/json",
	    "{\"error\":\"unauthorized_client\",\"error_description\":\"AADSTS700016: x\"}",
	    REASON_PROVIDER_ERROR, "the tenant in provider.discovery_url" },
	{ 400, "application/json",
	    "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS7000169: x\"}",
	    REASON_PROVIDER_ERROR, "see the provider's log" },
	{ 400, "application/json", "{\"error\":\"invalid_client\",\"error_description\":\"MSIS9622: x\"}",
	    REASON_PROVIDER_CLIENT, "token_endpoint_auth_method" },
	{ 404, "application/json", "{\"errorCode\":\"E0000007\",\"errorSummary\":\"Not found\"}",
	    REASON_PROVIDER_ERROR, "E0000007 (Not found)" },
	/* no answer of a token endpoint */
	{ 404, "text/html", "<html>", REASON_PROVIDER_STATUS, "HTTP 404 (text/html)" },
	{ 404, "text/html", "<html>", REASON_PROVIDER_STATUS, "check provider.token_endpoint" },
	{ 302, "", "", REASON_PROVIDER_STATUS, "redirects are not followed" },
	{ 401, "", "", REASON_PROVIDER_STATUS, "client_secret" },
	{ 400, "application/json", "{}", REASON_PROVIDER_STATUS, "HTTP 400" },
	{ 503, "application/json", "{\"error\":\"invalid_grant\"}", REASON_PROVIDER_STATUS, "HTTP 503" },
	{ 500, "text/html", "<html>", REASON_PROVIDER_STATUS, "HTTP 500" },
	{ 429, "application/json", "{\"error\":\"invalid_client\"}", REASON_PROVIDER_STATUS, "later" },
	{ 201, "application/json", "{\"id_token\":\"a\"}", REASON_PROVIDER_STATUS, "HTTP 201" },
	{ 0, "", "", REASON_PROVIDER_STATUS, "HTTP 0" },
};

START_TEST(a_refusal_says_who_must_change_what)
{
	struct oidc_tokens t;
	struct err e;

	ck_assert_int_eq(parse(refusals[_i].status, refusals[_i].type, refusals[_i].body, &t, &e), -1);
	ck_assert_str_eq(reason_word(e.reason), reason_word(refusals[_i].reason));
	ck_assert_msg(
	    strstr(e.text, refusals[_i].text) != NULL, "\"%s\" lacks \"%s\"", e.text, refusals[_i].text);
	ck_assert_msg(str_begins(str_of(e.text), STR("token endpoint")), "%s", e.text);
	ck_assert_ptr_null(t.id_token.p);
	ck_assert_ptr_null(t.access_token.p);
}
END_TEST

static const char *const echoes[] = {
	"{\"error\":\"invalid_grant\",\"error_description\":\"Code the-code-itself is not known\"}",
	"{\"error\":\"invalid_grant the-code-itself\"}",
	"{\"error\":\"invalid_grant\",\"error_description\":\"the-client-secret is wrong\"}",
};

START_TEST(what_the_provider_echoes_of_our_secrets_gets_into_no_sentence)
{
	struct oidc_tokens t;
	struct err e;

	ck_assert_int_eq(parse(400, "application/json", echoes[_i], &t, &e), -1);
	ck_assert_ptr_null(strstr(e.text, "the-code-itself"));
	ck_assert_ptr_null(strstr(e.text, "the-client-secret"));
	ck_assert_ptr_nonnull(strstr(e.text, "repeats a secret"));
}
END_TEST

START_TEST(a_token_has_its_limit)
{
	char *body = mem_alloc(m, 40000);
	struct oidc_tokens t;
	struct err e;

	(void)snprintf(body, 40000, "{\"id_token\":\"%0*d\"}", TOKENREQ_TOKEN_MAX, 0);
	ck_assert_int_eq(parse(200, "", body, &t, &e), 0);
	ck_assert_uint_eq(t.id_token.n, TOKENREQ_TOKEN_MAX);
	(void)snprintf(
	    body, 40000, "{\"id_token\":\"a\",\"refresh_token\":\"%0*d\"}", TOKENREQ_TOKEN_MAX + 1, 0);
	ck_assert_int_eq(parse(200, "", body, &t, &e), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_TOO_LARGE);
	ck_assert_ptr_nonnull(strstr(e.text, "refresh_token"));
}
END_TEST

/* --- renewals --- */

START_TEST(a_renewal_sends_the_refresh_token_and_neither_scope_nor_resource)
{
	const struct conf_provider c = {
		.client_id = "app 1", .token_endpoint_auth_method = AUTH_METHOD_NONE, .resource = "https://r"
	};
	struct tokenreq out;

	tokenreq_print_renewal(&c, &(struct oidc_renewal){ .refresh_token = STR("r/t+1") }, m, &out);
	ck_assert_str_eq(
	    mem_text(m, out.body), "grant_type=refresh_token&refresh_token=r%2Ft%2B1&client_id=app+1");
	ck_assert_ptr_null(out.authorization);
}
END_TEST

START_TEST(a_token_for_an_upstream_is_asked_for_by_scope_and_resource)
{
	const struct conf_provider c = { .client_id = "app", .token_endpoint_auth_method = AUTH_METHOD_NONE };
	struct tokenreq out;

	tokenreq_print_renewal(&c,
	    &(struct oidc_renewal){ .for_upstream = true,
		.scope = "mail.read x",
		.resource = "https://r/",
		.refresh_token = STR("r") },
	    m, &out);
	ck_assert_str_eq(mem_text(m, out.body),
	    "grant_type=refresh_token&refresh_token=r&scope=mail.read+x&resource=https%3A%2F%2Fr%2F&client_"
	    "id=app");
}
END_TEST

START_TEST(what_is_wrong_with_a_token_for_an_upstream_leaves_the_session_alone)
{
	static const struct {
		const char *body;
		enum reason reason;
	} rows[] = {
		{ "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"refresh_token\":\"n\"}", REASON_NONE },
		{ "{\"refresh_token\":\"n\"}", REASON_PROVIDER_ANSWER },
		{ "{\"error\":\"invalid_grant\"}", REASON_PROVIDER_GRANT },
		{ "{\"error\":\"invalid_scope\"}", REASON_PROVIDER_ERROR },
		{ "{\"error\":\"invalid_target\"}", REASON_PROVIDER_ERROR },
		{ "{\"error\":\"consent_required\"}", REASON_PROVIDER_ERROR },
		{ "{\"error\":\"interaction_required\"}", REASON_PROVIDER_ERROR },
	};
	const struct conf_provider c = { .client_id = "app" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct tokenreq_answer a = { .status = i < 2 ? 200 : 400,
			.type = STR("application/json"),
			.body = str_of(rows[i].body),
			.code = STR("the-refresh-token") };
		struct oidc_tokens t;
		struct err e = { .reason = REASON_NONE };

		ck_assert_int_eq(
		    tokenreq_parse_upstream(&c, &a, m, &t, &e), rows[i].reason == REASON_NONE ? 0 : -1);
		ck_assert_int_eq(e.reason, rows[i].reason);
	}
}
END_TEST

static const struct {
	int status;
	const char *body;
	enum reason reason; /* NONE: tokens */
} renewals[] = {
	{ 200,
	    "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"id_token\":\"i\",\"refresh_token\":\"r\"}",
	    REASON_NONE },
	{ 200, "{\"access_token\":\"a\",\"token_type\":\"Bearer\"}", REASON_NONE },
	{ 200, "{\"id_token\":\"i\"}", REASON_PROVIDER_ANSWER },
	{ 200, "{}", REASON_PROVIDER_ANSWER },
	{ 400, "{\"error\":\"invalid_grant\"}", REASON_PROVIDER_GRANT },
	{ 401, "{\"error\":\"invalid_grant\"}", REASON_PROVIDER_GRANT },
	{ 400, "{\"error\":\"interaction_required\",\"error_description\":\"AADSTS50076\"}",
	    REASON_PROVIDER_GRANT },
	{ 400, "{\"error\":\"unsupported_grant_type\"}", REASON_PROVIDER_ERROR },
	{ 401, "{\"error\":\"invalid_client\"}", REASON_PROVIDER_CLIENT },
	{ 500, "{\"error\":\"invalid_grant\"}", REASON_PROVIDER_STATUS },
	{ 429, "{\"error\":\"invalid_grant\"}", REASON_PROVIDER_STATUS },
	{ 400, "<html>", REASON_PROVIDER_STATUS },
};

START_TEST(only_what_the_provider_says_of_the_grant_ends_it)
{
	const struct conf_provider c = { .client_id = "app" };
	const struct tokenreq_answer a = { .status = renewals[_i].status,
		.type = STR("application/json"),
		.body = str_of(renewals[_i].body),
		.code = STR("the-refresh-token") };
	struct oidc_tokens t;
	struct err e = { .reason = REASON_NONE };

	ck_assert_int_eq(
	    tokenreq_parse_renewal(&c, &a, m, &t, &e), renewals[_i].reason == REASON_NONE ? 0 : -1);
	ck_assert_int_eq(e.reason, renewals[_i].reason);
	ck_assert((t.access_token.p != NULL) == (renewals[_i].reason == REASON_NONE));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/tokenreq");
	TCase *t = tcase_create("tokenreq");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, the_request_is_written_byte_for_byte, 0, sizeof(requests) / sizeof(requests[0]));
	tcase_add_test(t, an_assertion_and_the_resource_are_sent_and_no_secret);
	tcase_add_test(t, the_longest_code_fits);
	tcase_add_loop_test(
	    t, tokens_are_read_as_servers_really_send_them, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_loop_test(
	    t, a_refusal_says_who_must_change_what, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_loop_test(t, what_the_provider_echoes_of_our_secrets_gets_into_no_sentence, 0, 3);
	tcase_add_test(t, a_token_has_its_limit);
	tcase_add_test(t, a_renewal_sends_the_refresh_token_and_neither_scope_nor_resource);
	tcase_add_test(t, a_token_for_an_upstream_is_asked_for_by_scope_and_resource);
	tcase_add_test(t, what_is_wrong_with_a_token_for_an_upstream_leaves_the_session_alone);
	tcase_add_loop_test(
	    t, only_what_the_provider_says_of_the_grant_ends_it, 0, sizeof(renewals) / sizeof(renewals[0]));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
