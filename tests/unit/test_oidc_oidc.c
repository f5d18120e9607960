/* oidc/oidc.h: what becomes known of a provider, and for how long */
#include "tests/unit/provider.h"

/* --- metadata and keys --- */

START_TEST(a_provider_becomes_known_with_two_requests)
{
	const struct oidc_view *v;
	char text[320];
	struct err e;

	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_int_eq(e.reason, REASON_PROVIDER_NO_KEYS);
	tend();
	v = oidc_view(oidc, now(), &e);
	ck_assert_str_eq(v->meta.issuer, server->url);
	ck_assert(v->meta.response_iss);
	ck_assert_uint_eq(jwks_count(v->keys), 1);
	ck_assert_int_ge(v->clock_offset, 4);
	ck_assert_int_le(v->clock_offset, 6);
	ck_assert_int_le(now() - v->keys_fetched, 5);
	oidc_view_release(&v);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
	ck_assert_int_eq(server_count(server, "/jwks"), 1);
	ck_assert(oidc_is_ready(oidc, now(), text));
	ck_assert_str_eq(text, "");
	ck_assert_int_eq(count_lines("ready: issuer"), 1);
	ck_assert_ptr_eq(oidc_conf(oidc), &conf);
}
END_TEST

static const struct {
	enum mode mode;
	enum reason reason;
	const char *text;
} misbehaviours[] = {
	{ DOCUMENT_503, REASON_PROVIDER_STATUS, "HTTP 503 instead of a document" },
	{ DOCUMENT_HTML, REASON_PROVIDER_ANSWER, WELL_KNOWN ": discovery document: not JSON" },
	{ DOCUMENT_OTHER_ISSUER, REASON_PROVIDER_ISSUER, "/other" },
	{ DOCUMENT_REDIRECT, REASON_PROVIDER_STATUS, "HTTP 302" },
	{ DOCUMENT_DRIPS, REASON_PROVIDER_TIMEOUT, "no whole answer within 400 ms" },
	{ DOCUMENT_ENDLESS_HEAD, REASON_PROVIDER_TOO_LARGE, "the answer's head" },
	{ DOCUMENT_HUGE, REASON_PROVIDER_TOO_LARGE, "more than 1048576 bytes" },
	{ DOCUMENT_GZIP, REASON_PROVIDER_ANSWER, "compressed" },
	{ DOCUMENT_ARRAY, REASON_PROVIDER_ANSWER, "not an object" },
	{ DROPS, REASON_PROVIDER_DOWN, WELL_KNOWN },
	{ KEYS_404, REASON_PROVIDER_STATUS, "/jwks: HTTP 404" },
	{ KEYS_HTML, REASON_PROVIDER_ANSWER, "/jwks: key set: not JSON" },
	{ KEYS_10K, REASON_PROVIDER_TOO_LARGE, "/jwks: the answer has more than 262144 bytes" },
	{ KEYS_EMPTY, REASON_PROVIDER_ANSWER, "key set" },
};

START_TEST(a_provider_that_misbehaves_gives_no_view_but_a_reason)
{
	char text[320];
	struct err e;

	op.mode = (int)misbehaviours[_i].mode;
	conf.timeout = 400;
	keeper_tend(keeper, oidc);
	WAIT_FOR(has_failed());
	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_str_eq(reason_word(e.reason), reason_word(misbehaviours[_i].reason));
	ck_assert_msg(strstr(e.text, misbehaviours[_i].text) != NULL, "\"%s\" lacks \"%s\"", e.text,
	    misbehaviours[_i].text);
	ck_assert_ptr_nonnull(strstr(e.text, "provider \"main\""));
	ck_assert(!oidc_is_ready(oidc, now(), text));
	ck_assert_str_eq(text, e.text);
	ck_assert_int_eq(server_count(server, "/elsewhere"), 0);
	ck_assert_int_eq(count_lines("nobody can sign in"), 1);
	ck_assert_int_eq(count_lines(reason_word(misbehaviours[_i].reason)), 1);
	/* and is known as soon as it behaves */
	op.mode = GOOD;
	travel(2);
	WAIT_FOR(is_ready());
	ck_assert_int_eq(count_lines("ready: issuer"), 1);
}
END_TEST

START_TEST(while_nothing_is_known_attempts_become_rarer)
{
	int n;

	conf.timeout = 1000 * HOUR; /* our jumps in time are none of the provider's */
	op.mode = DOCUMENT_503;
	keeper_tend(keeper, oidc);
	WAIT_FOR(has_failed());
	/* 1, 2, 4, 8 s, give or take a fifth */
	for (int i = 0; i < 150; i++) {
		ahead += 1;
		turns(15); /* what was asked is answered */
	}
	n = server_count(server, WELL_KNOWN);
	ck_assert_int_ge(n, 6);
	ck_assert_int_le(n, 10);
	for (int i = 0; i < 60; i++) {
		ahead += 10;
		turns(15); /* what was asked is answered */
	}
	/* at least one a minute then */
	n = server_count(server, WELL_KNOWN) - n;
	ck_assert_int_ge(n, 7);
	ck_assert_int_le(n, 13);
	/* the first failure, then one line in ten minutes */
	ck_assert_int_ge(count_lines("nobody can sign in"), 1);
	ck_assert_int_le(count_lines("nobody can sign in"), 2);
	op.mode = GOOD;
	travel(73);
	WAIT_FOR(is_ready());
}
END_TEST

START_TEST(a_provider_that_asks_for_time_gets_it)
{
	op.mode = DOCUMENT_503_RETRY_AFTER;
	keeper_tend(keeper, oidc);
	WAIT_FOR(has_failed());
	travel(110);
	turns(50);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
	travel(12);
	WAIT_FOR(server_count(server, WELL_KNOWN) == 2);
}
END_TEST

START_TEST(all_is_fetched_anew_every_metadata_refresh)
{
	tend();
	travel(HOUR * 9 / 10);
	turns(20);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
	op.n_keys = 2;
	travel(HOUR / 10 + 1);
	WAIT_FOR(count_keys() == 2);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 2);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(count_lines("ready"), 1);
}
END_TEST

START_TEST(the_last_good_keys_serve_for_a_day)
{
	char text[320];
	struct err e;
	int n;

	tend();
	op.mode = KEYS_404;
	travel(HOUR + 1);
	WAIT_FOR(has_failed());
	ck_assert(oidc_is_ready(oidc, now(), text));
	ck_assert_ptr_nonnull(strstr(text, "HTTP 404"));
	ck_assert_int_eq(count_lines("the keys known so far serve"), 1);
	n = server_count(server, WELL_KNOWN);
	travel(37); /* sooner than the next hour */
	WAIT_FOR(server_count(server, WELL_KNOWN) == n + 1);
	turns(50);
	travel(22 * HOUR);
	turns(50);
	ck_assert(is_ready());
	travel(HOUR);
	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_int_eq(e.reason, REASON_PROVIDER_NO_KEYS);
	ck_assert_ptr_nonnull(strstr(e.text, "24 h old"));
	ck_assert(!is_ready());
	op.mode = GOOD;
	travel(73);
	WAIT_FOR(is_ready());
	ck_assert_int_eq(count_lines("recovered after"), 1);
	ck_assert(!has_failed());
}
END_TEST

START_TEST(a_view_outlives_its_replacement_and_its_provider)
{
	const struct oidc_view *v, *w;
	struct err e;

	tend();
	v = oidc_view(oidc, now(), &e);
	op.n_keys = 2;
	ck_assert_int_eq(ask_keys(&e), 0);
	w = oidc_view(oidc, now(), &e);
	ck_assert_ptr_ne(v, w);
	ck_assert_uint_eq(jwks_count(v->keys), 1);
	keeper_forget(keeper, oidc);
	oidc_unref(&oidc);
	ck_assert_uint_eq(jwks_count(w->keys), 2);
	ck_assert_str_eq(v->meta.issuer, server->url);
	oidc_view_release(&v);
	ck_assert_ptr_null(v);
	oidc_view_release(&w);
	oidc_view_release(&w);
}
END_TEST

START_TEST(what_is_given_by_hand_needs_no_document)
{
	char endpoint[3][128];
	const struct oidc_view *v;
	struct err e;

	(void)snprintf(endpoint[0], 128, "%s/a", server->url);
	(void)snprintf(endpoint[1], 128, "%s/t", server->url);
	(void)snprintf(endpoint[2], 128, "%s/jwks", server->url);
	conf.discovery_url = _i == 0 ? NULL : "";
	conf.issuer = "https://issuer.test";
	conf.authorization_endpoint = endpoint[0];
	conf.token_endpoint = endpoint[1];
	conf.jwks_uri = endpoint[2];
	conf.end_session_endpoint = "https://issuer.test/end";
	tend();
	v = oidc_view(oidc, now(), &e);
	ck_assert_str_eq(v->meta.issuer, "https://issuer.test");
	ck_assert_str_eq(v->meta.token_endpoint, endpoint[1]);
	ck_assert_str_eq(v->meta.end_session_endpoint, "https://issuer.test/end");
	ck_assert_ptr_null(v->meta.userinfo_endpoint);
	oidc_view_release(&v);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 0);
	ck_assert_int_eq(server_count(server, "/jwks"), 1);
}
END_TEST

START_TEST(without_document_and_endpoints_the_operator_is_told)
{
	struct err e;

	conf.discovery_url = NULL;
	conf.issuer = "https://issuer.test";
	keeper_tend(keeper, oidc);
	WAIT_FOR(has_failed());
	ck_assert_ptr_null(oidc_view(oidc, now(), &e));
	ck_assert_ptr_nonnull(strstr(e.text, "discovery_url"));
}
END_TEST

START_TEST(after_a_reload_the_same_provider_is_known_at_once)
{
	static struct conf_provider next, other; /* teardown() comes later */
	static char again[128];
	char endpoint[128];
	struct oidc *same, *changed;
	struct err e;

	tend();
	next = other = conf;
	(void)snprintf(again, sizeof(again), "%s", conf.discovery_url); /* another snapshot's text */
	next.discovery_url = again;
	next.client_id = "another";
	same = oidc_new(&next, oidc);
	(void)snprintf(endpoint, sizeof(endpoint), "%s/keys-moved", server->url);
	other.jwks_uri = endpoint;
	changed = oidc_new(&other, oidc);
	ck_assert_ptr_null(oidc_view(changed, now(), &e));
	keeper_forget(keeper, oidc);
	oidc_unref(&oidc);
	oidc = same;
	ck_assert(is_ready());
	ck_assert_uint_eq(count_keys(), 1);
	oidc_unref(&changed);
	/* and is looked at anew all the same */
	op.n_keys = 2;
	keeper_tend(keeper, oidc);
	WAIT_FOR(count_keys() == 2);
}
END_TEST

/* --- asking for keys --- */

START_TEST(a_rotated_key_is_fetched_when_asked_for_and_at_most_once_in_ten_seconds)
{
	struct err e;

	tend();
	op.n_keys = 2;
	ck_assert_int_eq(ask_keys(&e), 0); /* not held back by the fetch at the start */
	ck_assert_uint_eq(count_keys(), 2);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_KEY);
	travel(9);
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	travel(1);
	ck_assert_int_eq(ask_keys(&e), 0);
	ck_assert_int_eq(server_count(server, "/jwks"), 3);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 1);
}
END_TEST

START_TEST(a_question_that_joins_the_first_look_holds_back_none_behind_it)
{
	struct err e;

	keeper_tend(keeper, oidc);
	ck_assert_int_eq(ask_keys(&e), 0); /* a sign-in that came before the provider was known */
	ck_assert(is_ready());
	op.n_keys = 2;
	ck_assert_int_eq(ask_keys(&e), 0);
	ck_assert_uint_eq(count_keys(), 2);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(ask_keys(&e), -1);
}
END_TEST

START_TEST(keys_that_have_moved_are_found_through_the_document)
{
	struct err e;
	const struct oidc_view *v;

	tend();
	op.mode = KEYS_MOVED;
	op.n_keys = 2;
	ck_assert_int_eq(ask_keys(&e), 0);
	ck_assert_uint_eq(count_keys(), 2);
	v = oidc_view(oidc, now(), &e);
	ck_assert_ptr_nonnull(strstr(v->meta.jwks_uri, "/keys-moved"));
	oidc_view_release(&v);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
	ck_assert_int_eq(server_count(server, "/keys-moved"), 1);
	ck_assert_int_eq(server_count(server, WELL_KNOWN), 2);
}
END_TEST

START_TEST(a_failed_fetch_cools_down_too)
{
	struct err e;

	tend();
	op.mode = KEYS_404;
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(e.reason, REASON_PROVIDER_STATUS);
	ck_assert_int_eq(
	    server_count(server, "/jwks"), 3); /* the old place, and the one the document names */
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_KEY);
	ck_assert_int_eq(server_count(server, "/jwks"), 3);
	ck_assert(is_ready());
}
END_TEST

START_TEST(whoever_asks_a_provider_that_nobody_tends_is_told_so)
{
	struct err e;
	struct oidc_op *o;
	int n = 0;

	ck_assert_int_eq(ask_keys(&e), -1); /* not yet */
	tend();
	op.mode = KEYS_SLOW;
	o = oidc_ask_keys(oidc, post, count, &n);
	turns(5);
	keeper_forget(keeper, oidc); /* while it waits */
	keeper_forget(keeper, oidc);
	ck_assert_int_eq(n, 0);
	WAIT_FOR(n == 1);
	ck_assert_int_eq(oidc_take_keys(&o, &e), -1);
	ck_assert_int_eq(ask_keys(&e), -1); /* no more */
	ck_assert_int_eq(e.reason, REASON_PROVIDER_NO_KEYS);
	o = oidc_ask_keys(oidc, post, count, &n);
	oidc_op_cancel(&o);
	ck_assert_ptr_null(o);
	turns(5);
	ck_assert_int_eq(n, 1);
}
END_TEST

START_TEST(cancelled_questions_are_heard_of_no_more)
{
	struct oidc_op *o;
	struct err e;
	int none = 0, n = 0;

	tend();
	op.mode = KEYS_SLOW;
	o = oidc_ask_keys(oidc, post, count, &none);
	oidc_op_cancel(&o); /* in the keeper's mailbox */
	turns(3);
	o = oidc_ask_keys(oidc, post, count, &none);
	turns(3);
	oidc_op_cancel(&o); /* in flight */
	o = oidc_ask_keys(oidc, post, count, &n);
	WAIT_FOR(n == 1);
	oidc_op_cancel(&o); /* done, not taken */
	oidc_op_cancel(&o);
	ck_assert_int_eq(ask_keys(&e), -1);
	ck_assert_int_eq(none, 0);
	ck_assert_int_eq(server_count(server, "/jwks"), 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/oidc");
	TCase *t = tcase_create("what is known");
	SRunner *r;
	int failed;

	server_alone();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_provider_becomes_known_with_two_requests);
	tcase_add_loop_test(t, a_provider_that_misbehaves_gives_no_view_but_a_reason, 0,
	    sizeof(misbehaviours) / sizeof(misbehaviours[0]));
	tcase_add_test(t, while_nothing_is_known_attempts_become_rarer);
	tcase_add_test(t, a_provider_that_asks_for_time_gets_it);
	tcase_add_test(t, all_is_fetched_anew_every_metadata_refresh);
	tcase_add_test(t, the_last_good_keys_serve_for_a_day);
	tcase_add_test(t, a_view_outlives_its_replacement_and_its_provider);
	tcase_add_loop_test(t, what_is_given_by_hand_needs_no_document, 0, 2);
	tcase_add_test(t, without_document_and_endpoints_the_operator_is_told);
	tcase_add_test(t, after_a_reload_the_same_provider_is_known_at_once);
	tcase_add_test(t, a_rotated_key_is_fetched_when_asked_for_and_at_most_once_in_ten_seconds);
	tcase_add_test(t, a_question_that_joins_the_first_look_holds_back_none_behind_it);
	tcase_add_test(t, keys_that_have_moved_are_found_through_the_document);
	tcase_add_test(t, a_failed_fetch_cools_down_too);
	tcase_add_test(t, whoever_asks_a_provider_that_nobody_tends_is_told_so);
	tcase_add_test(t, cancelled_questions_are_heard_of_no_more);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
