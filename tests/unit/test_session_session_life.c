/* session/session.c: when a session is to be renewed, what a renewal changes, and when it ends all the same.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "conf/seal.h"
#include "session/revoked.h"
#include "session/session.h"
#include "tests/unit/fake_identity.h"

#define NOW 1800000000LL

static struct mem *m;
static struct secret *secret;
static struct conf_session conf;
static struct conf_origin origin;
static struct conf_provider provider;
static struct session_scope scope;
static struct conf_strings needed;
static struct identity jane;
static struct sessions *sessions;
static struct revoked *revoked;
static struct err e;

static void
setup(void)
{
	static const char *names[] = { "groups", "refresh_at", "end" };

	m = mem_new(1 << 20);
	secret = secret_new("0123456789abcdef0123456789abcdef", 32);
	conf = (struct conf_session){ .secrets = &secret, .n_secrets = 1, .cookie = "wp", .refresh = true };
	origin = (struct conf_origin){ .url = "https://flow.example.com", .path = "", .https = true };
	provider = (struct conf_provider){ .name = "main", .client_id = "the-client" };
	scope = (struct session_scope){ &origin, &provider, STR("wp") };
	needed = (struct conf_strings){ 3, names };
	jane = (struct identity){ "https://op.example", "sub-jane", "jane", "op-1", NOW + 3600, NOW - 5,
		json_object() };
	(void)json_object_set_new(jane.claims, "groups", json_pack("[ss]", "a", "b"));
	revoked = revoked_new(64);
	sessions = sessions_new(&conf, &needed, &e);
	ck_assert_ptr_nonnull(sessions);
}

static void
teardown(void)
{
	sessions_free(&sessions);
	secret_free(&secret);
	revoked_free(&revoked);
	json_decref(jane.claims);
	mem_free(&m);
}

static const struct session *
begin(int64_t access_expires, bool renewable, struct str *token)
{
	const struct session_proof proof = {
		.who = &jane, .access_expires = access_expires, .renewable = renewable
	};
	const struct session *out;

	ck_assert_msg(
	    session_begin(sessions, &scope, &proof, NOW * 1000, m, &out, token, &e) == 0, "%s", e.text);
	return out;
}

static struct visit
at(int64_t now)
{
	return (struct visit){ .scope = &scope, .revoked = revoked, .now_ms = now * 1000, .mem = m };
}

static enum session_found
read_at(struct str token, int64_t now, const struct session **out)
{
	struct visit v = at(now);

	return session_read(sessions, &v, token, out);
}

static const struct session *
renew_at(struct str *token, int64_t now, const struct session_proof *proof)
{
	struct visit v = at(now);
	const struct session *out, *read;

	if (session_renew(sessions, &v, *token, proof, &out, token, &e) == -1)
		return NULL;
	ck_assert_int_eq(read_at(*token, now, &read), SESSION_FOUND);
	ck_assert_int_eq(read->exp, out->exp);
	ck_assert_int_eq(read->refresh_at, out->refresh_at);
	ck_assert_int_eq(read->end, out->end);
	return out;
}

/* --- when --- */

static const struct {
	int64_t timeout, idle; /* seconds */
	bool refresh, renewable, decoded;
	int64_t access; /* seconds from now; 0: not said */
	int64_t id;
	int64_t refresh_at, tokens_end, exp, end; /* the same; 0: none */
} lives[] = {
	/* a third of the life of the tokens is left: of the one that ends first */
	{ 0, 0, true, true, false, 0, 3600, 2400, 3600, 3600, 3600 },
	{ 0, 0, true, true, false, 300, 3600, 200, 300, 3600, 3600 },
	{ 0, 0, true, true, false, 7200, 3600, 2400, 3600, 3600, 3600 },
	{ 0, 0, true, true, false, 0, 1, 1, 1, 1, 1 }, /* no sooner than its end: nothing is left to do */
	/* no refresh token, or not to be used */
	{ 0, 0, true, false, false, 300, 3600, 0, 0, 3600, 3600 },
	{ 0, 0, false, true, false, 300, 3600, 0, 0, 3600, 3600 },
	/* the access token's end is the session's where it is decoded */
	{ 0, 0, true, true, true, 300, 3600, 200, 300, 300, 300 },
	{ 0, 0, true, true, true, 0, 3600, 2400, 3600, 3600, 3600 },
	/* timeout wins, and what ends the session first needs no renewal */
	{ 28800, 0, true, true, false, 300, 3600, 200, 300, 28800, 28800 },
	{ 200, 0, true, true, false, 300, 3600, 0, 0, 200, 200 },
	{ 200, 0, true, true, true, 300, 3600, 0, 0, 200, 200 },
	{ 90 * 86400, 0, true, false, false, 0, 3600, 0, 0, 90 * 86400, 90 * 86400 },
	/* idle */
	{ 28800, 600, true, true, false, 0, 3600, 2400, 3600, 600, 28800 },
	{ 0, 600, true, false, false, 0, 3600, 0, 0, 600, 3600 },
	{ 0, 7200, true, false, false, 0, 3600, 0, 0, 3600, 3600 },
	/* what no table could remember */
	{ 0, 0, true, false, false, 0, 90 * 86400, 0, 0, 30 * 86400, 30 * 86400 },
};

START_TEST(a_life_is_as_long_as_its_parts_say)
{
	const struct session *s, *read;
	struct str token;

	conf.timeout = lives[_i].timeout * 1000;
	conf.idle_timeout = lives[_i].idle * 1000;
	conf.refresh = lives[_i].refresh;
	provider.decode_access_token = lives[_i].decoded;
	jane.expires = NOW + lives[_i].id;
	s = begin(lives[_i].access == 0 ? 0 : NOW + lives[_i].access, lives[_i].renewable, &token);
	if (lives[_i].id == 1) {
		ck_assert_int_eq(s->refresh_at, 0);
		return;
	}
	ck_assert_int_eq(s->refresh_at, lives[_i].refresh_at == 0 ? 0 : NOW + lives[_i].refresh_at);
	ck_assert_int_eq(s->tokens_end, lives[_i].tokens_end == 0 ? 0 : NOW + lives[_i].tokens_end);
	ck_assert_int_eq(s->exp, NOW + lives[_i].exp);
	ck_assert_int_eq(s->end, NOW + lives[_i].end);
	ck_assert_int_le(s->end - NOW, session_longest(&conf));
	ck_assert_int_eq(read_at(token, NOW, &read), SESSION_FOUND);
	ck_assert_int_eq(read->end, s->end);
	ck_assert_int_eq(read->refresh_at, s->refresh_at);
}
END_TEST

START_TEST(nothing_of_a_session_is_in_force_after_its_last_moment)
{
	struct session x = { .sst = NOW * 1000, .end = NOW + 300 };

	conf.timeout = 0;
	ck_assert_int_eq(session_last(&conf, &x, NOW + 60), NOW + 300 + 60); /* clocks differ */
	x.refresh_at = NOW + 200;
	ck_assert_int_eq(session_last(&conf, &x, NOW + 60), NOW + 60 + SESSION_LIFE_MAX + 60);
	conf.timeout = 8 * 3600 * 1000;
	ck_assert_int_eq(session_last(&conf, &x, NOW + 60), NOW + 8 * 3600 + 60);
	x.end = NOW + 9 * 3600; /* of before timeout was made shorter */
	ck_assert_int_eq(session_last(&conf, &x, NOW + 60), NOW + 9 * 3600 + 60);
	x.app_id = STR("app");
	x.end = NOW + 300;
	ck_assert_int_eq(session_last(&conf, &x, NOW + 60), NOW + 300 + 60);
}
END_TEST

/* --- what a renewal changes --- */

START_TEST(a_renewal_keeps_whose_session_it_is_and_takes_the_new_claims)
{
	struct session_proof proof = { .who = &jane, .access_expires = NOW + 2700, .renewable = true };
	const struct session *was, *now;
	struct str token;

	was = begin(NOW + 300, true, &token);
	(void)json_object_set_new(jane.claims, "groups", json_pack("[s]", "c"));
	jane.username = "jane.doe";
	jane.expires = NOW + 7200;
	jane.auth_time = 0;
	jane.provider_sid = "";
	now = renew_at(&token, NOW + 250, &proof);
	ck_assert_ptr_nonnull(now);
	ck_assert(str_is(now->sid, was->sid));
	ck_assert(str_is(now->sub, was->sub));
	ck_assert(str_is(now->op_sid, STR("op-1")));
	ck_assert_int_eq(now->sst, was->sst);
	ck_assert_int_eq(now->auth_time, NOW - 5);
	ck_assert(str_is(now->username, STR("jane.doe")));
	ck_assert(str_is(session_claim(now, "groups")->value, STR("c")));
	ck_assert_int_eq(now->iat, NOW + 250);
	ck_assert_int_eq(now->exp, NOW + 7200);
	ck_assert_int_eq(now->tokens_end, NOW + 2700);
	ck_assert_int_gt(now->refresh_at, was->refresh_at);
}
END_TEST

START_TEST(a_renewal_for_somebody_else_is_none)
{
	const struct session_proof proof = { .who = &jane, .renewable = true };
	struct str token, was;

	(void)begin(0, true, &token);
	was = token;
	jane.subject = "sub-bob";
	ck_assert_ptr_null(renew_at(&token, NOW + 10, &proof));
	ck_assert_int_eq(e.reason, REASON_TOKEN_CLAIM);
	ck_assert_ptr_null(token.p);
	(void)was;
}
END_TEST

START_TEST(without_a_new_id_token_claims_stay_and_the_access_token_says_how_long)
{
	struct session_proof proof = { .access_expires = NOW + 9000, .renewable = true };
	const struct session *now;
	struct str token;

	(void)json_object_set_new(jane.claims, "end", json_string("their end"));
	(void)json_object_set_new(jane.claims, "refresh_at", json_integer(7));
	(void)begin(NOW + 300, true, &token);
	now = renew_at(&token, NOW + 250, &proof);
	ck_assert_ptr_nonnull(now);
	ck_assert(str_is(session_claim(now, "groups")->value, STR("a,b")));
	ck_assert(str_is(session_claim(now, "end")->value, STR("their end")));
	ck_assert(str_is(session_claim(now, "refresh_at")->value, STR("7")));
	ck_assert(str_is(now->username, STR("jane")));
	ck_assert_int_eq(now->exp, NOW + 9000);
	proof.access_expires = 0; /* nobody says anything: it ends as it would have */
	now = renew_at(&token, NOW + 300, &proof);
	ck_assert_int_eq(now->exp, NOW + 9000);
	ck_assert_int_eq(now->refresh_at, 0);
}
END_TEST

START_TEST(a_refresh_token_that_was_replaced_makes_a_newer_session_and_changes_nothing_else)
{
	const struct session_proof proof = { .renewable = true, .refresh_token_alone = true };
	const struct session *was, *now;
	struct str token;

	was = begin(NOW + 300, true, &token);
	ck_assert_int_eq(was->turn, 0);
	now = renew_at(&token, NOW + 250, &proof);
	ck_assert_ptr_nonnull(now);
	ck_assert_int_eq(now->turn, 1);
	ck_assert(str_is(now->sid, was->sid));
	ck_assert(str_is(session_claim(now, "groups")->value, STR("a,b")));
	ck_assert_int_eq(now->exp, was->exp);
	ck_assert_int_eq(now->end, was->end);
	ck_assert_int_eq(now->refresh_at, was->refresh_at);
	ck_assert_int_eq(now->tokens_end, was->tokens_end);
	now = renew_at(&token, NOW + 260, NULL); /* used, and no more */
	ck_assert_int_eq(now->turn, 1);
	now = renew_at(&token, NOW + 270, &(struct session_proof){ .who = &jane, .renewable = true });
	ck_assert_int_eq(now->turn, 2);
}
END_TEST

START_TEST(a_renewal_never_moves_the_end_that_timeout_sets)
{
	const struct session_proof proof = { .who = &jane, .renewable = true };
	const struct session *now;
	struct str token;

	conf.timeout = 5000 * 1000;
	(void)begin(0, true, &token);
	jane.expires = NOW + 90000;
	now = renew_at(&token, NOW + 3000, &proof);
	ck_assert_int_eq(now->exp, NOW + 5000);
	ck_assert_ptr_null(renew_at(&token, NOW + 5000, &proof));
	ck_assert_int_eq(e.reason, REASON_SESSION_EXPIRED);
}
END_TEST

START_TEST(what_is_over_is_not_renewed)
{
	const struct session_proof proof = { .who = &jane, .renewable = true };
	const struct session *s;
	struct str token, forged;

	s = begin(0, true, &token);
	forged = (struct str){ token.p, token.n - 1 };
	ck_assert_ptr_null(renew_at(&forged, NOW, &proof));
	forged = token;
	ck_assert_ptr_null(renew_at(&forged, NOW + 3600, &proof));
	ck_assert_int_eq(revoked_add(revoked, s->sid, NOW + 9999, NOW), 0);
	forged = token;
	ck_assert_ptr_null(renew_at(&forged, NOW + 10, &proof));
	ck_assert_int_eq(e.reason, REASON_SESSION_EXPIRED);
}
END_TEST

/* --- idle --- */

START_TEST(a_session_in_use_is_written_anew_when_a_quarter_has_passed)
{
	const struct session *s;
	struct str token;

	conf.timeout = 2000 * 1000;
	conf.idle_timeout = 600 * 1000;
	s = begin(0, false, &token);
	ck_assert(!session_is_to_be_kept(sessions, s, NOW + 149));
	ck_assert(session_is_to_be_kept(sessions, s, NOW + 150));
	s = renew_at(&token, NOW + 500, NULL);
	ck_assert_int_eq(s->exp, NOW + 1100);
	ck_assert_int_eq(s->end, NOW + 2000);
	ck_assert(str_is(session_claim(s, "groups")->value, STR("a,b")));
	s = renew_at(&token, NOW + 1050, NULL);
	ck_assert_int_eq(s->exp, NOW + 1650);
	s = renew_at(&token, NOW + 1600, NULL);
	ck_assert_int_eq(s->exp, NOW + 2000); /* never beyond the end */
	ck_assert(!session_is_to_be_kept(sessions, s, NOW + 1990));
	ck_assert_ptr_null(renew_at(&token, NOW + 2000, NULL));
}
END_TEST

START_TEST(a_session_not_used_ends)
{
	const struct session *out;
	struct str token;

	conf.timeout = 2000 * 1000;
	conf.idle_timeout = 600 * 1000;
	(void)begin(0, false, &token);
	ck_assert_int_eq(read_at(token, NOW + 599, &out), SESSION_FOUND);
	ck_assert_int_eq(read_at(token, NOW + 600, &out), SESSION_EXPIRED);
}
END_TEST

START_TEST(idle_timeout_may_come_and_go_by_reload)
{
	const struct session *s;
	struct str token;

	conf.timeout = 9000 * 1000;
	s = begin(0, false, &token);
	ck_assert(!session_is_to_be_kept(sessions, s, NOW + 8000));
	conf.idle_timeout = 600 * 1000;
	ck_assert(session_is_to_be_kept(sessions, s, NOW + 8000));
	s = renew_at(&token, NOW + 8000, NULL);
	ck_assert_int_eq(s->exp, NOW + 8600);
	conf.idle_timeout = 0;
	ck_assert(session_is_to_be_kept(sessions, s, NOW + 8001));
	s = renew_at(&token, NOW + 8001, NULL);
	ck_assert_int_eq(s->exp, NOW + 9000);
	ck_assert(!session_is_to_be_kept(sessions, s, NOW + 8900));
}
END_TEST

/* --- the text of what was found --- */

START_TEST(the_text_of_the_session_in_force_is_given_whole)
{
	struct str token, old, field;
	struct visit v = at(NOW + 10);

	jane.expires = NOW + 5;
	(void)begin(0, true, &old);
	jane.expires = NOW + 3600;
	(void)begin(0, true, &token);
	field = str_of(mem_printf(m, "wp=%s; x=y; wp=%s", old.p, token.p));
	v.cookies = &field;
	v.n_cookies = 1;
	ck_assert(str_is(session_text(sessions, &v), token));
	field = str_of(mem_printf(m, "wp=%.*s; wp_1=%s", 100, token.p, token.p + 100));
	ck_assert(str_is(session_text(sessions, &v), token));
	field = STR("wp=nonsense");
	ck_assert_uint_eq(session_text(sessions, &v).n, 0);
}
END_TEST

/* --- what is kept of the claims --- */

START_TEST(of_a_list_only_the_elements_asked_for_are_kept)
{
	static const char *wanted[] = { "b", "z" };
	const struct conf_strings only = { 2, wanted };
	const struct session *s;
	struct str token;
	size_t bytes;

	sessions_keep_only(sessions, "groups", &only);
	s = begin(0, false, &token);
	ck_assert(str_is(session_claim(s, "groups")->value, STR("b")));
	(void)json_object_set_new(jane.claims, "groups", json_string("a text is kept as it is"));
	s = begin(0, false, &token);
	ck_assert(str_is(session_claim(s, "groups")->value, STR("a text is kept as it is")));
	ck_assert_str_eq(session_largest_claim(s, &bytes), "groups");
	ck_assert_uint_eq(bytes, 23);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("session/session life");
	TCase *t = tcase_create("all");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_life_is_as_long_as_its_parts_say, 0, sizeof(lives) / sizeof(lives[0]));
	tcase_add_test(t, nothing_of_a_session_is_in_force_after_its_last_moment);
	tcase_add_test(t, a_renewal_keeps_whose_session_it_is_and_takes_the_new_claims);
	tcase_add_test(t, a_renewal_for_somebody_else_is_none);
	tcase_add_test(t, without_a_new_id_token_claims_stay_and_the_access_token_says_how_long);
	tcase_add_test(t, a_refresh_token_that_was_replaced_makes_a_newer_session_and_changes_nothing_else);
	tcase_add_test(t, a_renewal_never_moves_the_end_that_timeout_sets);
	tcase_add_test(t, what_is_over_is_not_renewed);
	tcase_add_test(t, a_session_in_use_is_written_anew_when_a_quarter_has_passed);
	tcase_add_test(t, a_session_not_used_ends);
	tcase_add_test(t, idle_timeout_may_come_and_go_by_reload);
	tcase_add_test(t, the_text_of_the_session_in_force_is_given_whole);
	tcase_add_test(t, of_a_list_only_the_elements_asked_for_are_kept);
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
	return failed > 0;
}
