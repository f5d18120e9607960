/* oidc/oidc.h: tokens for a code, userinfo for a token */
#include "tests/unit/provider.h"

static struct oidc_op *
ask_tokens(oidc_done *done, void *arg)
{
	char endpoint[128], code[] = "the code", redirect_uri[] = "https://flow.test/cb", verifier[] = "vvv";
	struct oidc_op *o;

	(void)snprintf(endpoint, sizeof(endpoint), "%s/token", server->url);
	o = oidc_ask_tokens(oidc, fetch,
	    &(struct oidc_code){ .token_endpoint = endpoint,
		.code = { code, 8 },
		.redirect_uri = redirect_uri,
		.code_verifier = { verifier, 3 } },
	    done, arg);
	memset(endpoint, '?', sizeof(endpoint)); /* all was copied */
	memset(code, '?', sizeof(code));
	memset(verifier, '?', sizeof(verifier));
	return o;
}

START_TEST(a_code_becomes_tokens)
{
	struct mem *m = mem_new(1 << 16);
	struct oidc_tokens t;
	struct oidc_op *o;
	struct err e;
	int n = 0;

	o = ask_tokens(count, &n);
	ck_assert_int_eq(n, 0);
	WAIT_FOR(n == 1);
	ck_assert_int_eq(oidc_take_tokens(&o, m, &t, &e), 0);
	ck_assert_ptr_null(o);
	ck_assert(str_is(t.id_token, STR("i.d.t")));
	ck_assert(str_is(t.access_token, STR("at")));
	ck_assert_ptr_null(t.refresh_token.p);
	ck_assert_int_eq(t.expires_in, 60);
	ck_assert_str_eq(server->last_body, "grant_type=authorization_code&code=the+code&redirect_uri="
					    "https%3A%2F%2Fflow.test%2Fcb&code_verifier=vvv&client_id=app");
	mem_free(&m);
}
END_TEST

START_TEST(a_refused_code_is_an_error_with_a_reason)
{
	struct mem *m = mem_new(1 << 16);
	struct oidc_tokens t;
	struct oidc_op *o;
	struct err e;
	int n = 0;

	op.token = 1;
	o = ask_tokens(count, &n);
	WAIT_FOR(n == 1);
	ck_assert_int_eq(oidc_take_tokens(&o, m, &t, &e), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_CLIENT);
	op.token = 2;
	conf.timeout = 300;
	o = ask_tokens(count, &n);
	WAIT_FOR(n == 2);
	ck_assert_int_eq(oidc_take_tokens(&o, m, &t, &e), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_TIMEOUT);
	ck_assert(str_begins(str_of(e.text), STR("token endpoint: http://")));
	ck_assert_int_eq(server_count(server, "/token"), 2);
	mem_free(&m);
}
END_TEST

START_TEST(a_browser_that_leaves_takes_its_token_request_along)
{
	struct oidc_op *o;
	int none = 0, n = 0;

	op.token = 2;
	o = ask_tokens(count, &none);
	oidc_op_cancel(&o); /* before anything was sent */
	o = ask_tokens(count, &none);
	WAIT_FOR(server_count(server, "/token") == 1);
	oidc_op_cancel(&o); /* while the provider answers */
	op.token = 0;
	o = ask_tokens(count, &n);
	WAIT_FOR(n == 1);
	oidc_op_cancel(&o); /* answered, not taken */
	o = ask_tokens(count, &none);
	oidc_unref(&oidc); /* the op holds on to it */
	oidc = NULL;
	fetch_free(&fetch);
	turns(20);
	oidc_op_cancel(&o);
	ck_assert_int_eq(none, 0);
}
END_TEST

static const struct {
	enum reason reason; /* REASON_NONE: good */
	const char *text;
} userinfos[] = {
	{ REASON_NONE, "{\"sub\":\"jane\"}" },
	{ REASON_PROVIDER_USERINFO, "HTTP 401" },
	{ REASON_PROVIDER_USERINFO, "application/jwt" },
	{ REASON_PROVIDER_USERINFO, "userinfo endpoint" },
	{ REASON_PROVIDER_STATUS, "HTTP 502" },
};

START_TEST(userinfo_is_a_json_object_or_an_error)
{
	struct mem *m = mem_new(1 << 16);
	struct oidc_op *o;
	const char *text;
	char endpoint[128];
	struct err e;
	int n = 0;

	op.userinfo = _i;
	(void)snprintf(endpoint, sizeof(endpoint), "%s/userinfo", server->url);
	o = oidc_ask_userinfo(oidc, fetch, endpoint, STR("token-of-access"), count, &n);
	WAIT_FOR(n == 1);
	if (userinfos[_i].reason == REASON_NONE) {
		ck_assert_int_eq(oidc_take_userinfo(&o, m, &text, &e), 0);
		ck_assert_str_eq(text, userinfos[_i].text);
	} else {
		ck_assert_int_eq(oidc_take_userinfo(&o, m, &text, &e), -1);
		ck_assert_int_eq(e.reason, userinfos[_i].reason);
		ck_assert_msg(strstr(e.text, userinfos[_i].text) != NULL, "%s", e.text);
		ck_assert_ptr_null(text);
	}
	ck_assert_ptr_nonnull(strstr(server->last_head, "Authorization: Bearer token-of-access\r\n"));
	mem_free(&m);
}
END_TEST

START_TEST(an_access_token_cannot_write_our_request)
{
	struct mem *m = mem_new(1 << 16);
	struct oidc_op *o;
	const char *text;
	struct err e;
	int n = 0;

	o = oidc_ask_userinfo(oidc, fetch, server->url, STR("x\r\nX-Evil: 1"), count, &n);
	WAIT_FOR(n == 1);
	ck_assert_int_eq(oidc_take_userinfo(&o, m, &text, &e), -1);
	ck_assert_int_eq(server_connections(server), 0);
	mem_free(&m);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/oidc");
	TCase *t = tcase_create("tokens and userinfo");
	SRunner *r;
	int failed;

	server_alone();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_code_becomes_tokens);
	tcase_add_test(t, a_refused_code_is_an_error_with_a_reason);
	tcase_add_test(t, a_browser_that_leaves_takes_its_token_request_along);
	tcase_add_loop_test(
	    t, userinfo_is_a_json_object_or_an_error, 0, sizeof(userinfos) / sizeof(userinfos[0]));
	tcase_add_test(t, an_access_token_cannot_write_our_request);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
