/* session/session.c: whose session a cookie is, and which of several counts */
#include "tests/unit/sessions.h"

START_TEST(a_session_is_of_one_origin_client_and_provider)
{
	struct str token = begin_at(NOW_MS);

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	origin.url = "https://flow.example.org";
	ck_assert_int_eq(find(token, NOW_MS), SESSION_INVALID);
	origin.url = "https://flow.example.com";
	provider.client_id = "the-client2";
	ck_assert_int_eq(find(token, NOW_MS), SESSION_INVALID);
	provider.client_id = "the-client";
	provider.name = "Main";
	ck_assert_int_eq(find(token, NOW_MS), SESSION_INVALID);
	provider.name = "main";
	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
}
END_TEST

START_TEST(another_snapshot_judges_for_itself)
{
	struct str token = begin_at(NOW_MS);
	struct conf_session strange = conf;
	struct sessions *ours = sessions;

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	strange.secrets = &secret_b;
	sessions = sessions_new(&strange, &needed, &e);
	ck_assert_ptr_nonnull(sessions);
	ck_assert_int_eq(find(token, NOW_MS), SESSION_INVALID);
	sessions_free(&sessions);
	sessions = ours;
}
END_TEST

START_TEST(a_secret_may_be_replaced_while_sessions_run)
{
	struct secret *rotated[2];
	struct str old = begin_at(NOW_MS), new;

	rotated[0] = secret_b;
	rotated[1] = secret_a;
	conf.secrets = rotated;
	conf.n_secrets = 2;
	renew();
	ck_assert_int_eq(find(old, NOW_MS), SESSION_FOUND);
	new = begin_at(NOW_MS);
	ck_assert_int_eq(find(new, NOW_MS), SESSION_FOUND);
	conf.n_secrets = 1;
	renew();
	ck_assert_int_eq(find(new, NOW_MS), SESSION_FOUND);
	ck_assert_int_eq(find(old, NOW_MS), SESSION_INVALID);
	conf.secrets = &secret_a;
}
END_TEST

START_TEST(a_revoked_session_is_nobodys_also_when_remembered)
{
	const struct session *out;
	struct str token = begin_at(NOW_MS);
	const char *head = mem_printf(m, "__Host-wp=%s", token.p);

	ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_FOUND);
	ck_assert_int_eq(revoked_add(revoked, out->sid, out->exp, NOW), 0);
	ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_REVOKED);
	ck_assert_str_eq(out->username.p, "jane");
	ck_assert_int_eq(find_head(head, (NOW + 9 * 3600) * 1000, &out), SESSION_EXPIRED);
}
END_TEST

START_TEST(every_altered_byte_makes_a_session_invalid)
{
	struct str token = begin_at(NOW_MS);
	char *altered = mem_text(m, token);
	const struct session *out;
	struct str field;
	struct visit v = { .scope = &scope,
		.cookies = &field,
		.n_cookies = 1,
		.revoked = revoked,
		.cache = cache,
		.now_ms = NOW_MS,
		.mem = m };
	size_t i;

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	for (i = 0; i < token.n; i++) {
		altered[i] = altered[i] == 'A' ? 'B' : 'A';
		field = str_of(mem_printf(m, "__Host-wp=%s", altered));
		ck_assert_int_eq(session_find(sessions, &v, &out), SESSION_INVALID);
		ck_assert_ptr_null(out);
		altered[i] = token.p[i];
	}
}
END_TEST

/* %s: the claims that a good token begins with. */
#define GOOD                                                                                                 \
	"\"iss\":\"https://"                                                                                 \
	"flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\",\"sid\":"                \
	"\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000"
static const struct {
	const char *claims;
	enum session_found found;
} records[] = {
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600}", SESSION_FOUND },
	{ "{" GOOD ",\"iat\":1800000000}", SESSION_INVALID },
	{ "{" GOOD ",\"exp\":1800003600}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":\"1800003600\"}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1e300}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600.5}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":-1}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":[1800003600]}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":null}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":99999999999999999999}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":9223372036854775807}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800000000}", SESSION_EXPIRED },
	{ "{" GOOD ",\"iat\":1800000061,\"exp\":1800003600}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600,\"op_sid\":5}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600,\"auth_time\":\"x\"}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600,\"groups\":\"a\\nb\"}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600,\"sub\":\"other\"}", SESSION_INVALID }, /* twice */
	{ "{\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\",\"sid\":\"AAAAAAAAAAAAAAAAAAAAAA\","
	  "\"idp\":\"main\","
	  "\"sst\":1800000000000,\"iat\":1800000000,\"exp\":1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":[\"the-client\"],\"sub\":\"s\",\"username\":\"u\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"\",\"username\":\"u\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\\u0000\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\\n\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\",\"sid\":\"A\","
	  "\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000061000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "", SESSION_INVALID },
	{ "null", SESSION_INVALID },
	{ "[]", SESSION_INVALID },
	{ "{}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600}x", SESSION_INVALID },
};

/* Also when the signature is right: a backend that knows the secret may be mistaken. */
START_TEST(only_whole_and_well_formed_claims_are_a_session)
{
	ck_assert_int_eq(find(sign(records[_i].claims), NOW * 1000), records[_i].found);
}
END_TEST

START_TEST(texts_of_another_purpose_are_no_session)
{
	unsigned char key[32];
	const char *claims = "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600}";
	struct str sealed;

	secret_derive(secret_str(secret_a), "state", key, sizeof(key));
	sealed = seal_close(key, STR("state"), str_of(claims), m);
	ck_assert_int_eq(find(sealed, NOW_MS), SESSION_INVALID);
	ck_assert_int_eq(find(str_of(claims), NOW_MS), SESSION_INVALID);
	ck_assert_int_eq(find(STR("AAAAAAAAAAAAAAAAAAAAAA"), NOW_MS), SESSION_INVALID); /* a binding */
}
END_TEST

START_TEST(no_sealed_text_opens_as_our_token)
{
	unsigned char key[32];
	struct str token = begin_at(NOW_MS), plain;

	secret_derive(secret_str(secret_a), "state", key, sizeof(key));
	ck_assert(!seal_open(key, STR("state"), token, m, &plain));
}
END_TEST

/* %T: a good token, %U: another, %E: one that is over, %X: a forged one, %O: one of another origin. */
static const struct {
	const char *head;
	enum session_found found;
} visits[] = {
	{ "", SESSION_NONE },
	{ "a=b; c=d", SESSION_NONE },
	{ "wp=%T", SESSION_NONE },
	{ "__Host-WP=%T", SESSION_NONE },
	{ "__Host-wpx=%T", SESSION_NONE },
	{ "__Host-wp", SESSION_NONE },
	{ "__Host-wp_1=%T", SESSION_NONE },
	{ "__Host-wp-other=%T", SESSION_NONE },
	{ ";;", SESSION_NONE },
	{ "=", SESSION_NONE },
	{ "=;", SESSION_NONE },
	{ "a", SESSION_NONE },
	{ " ; =x", SESSION_NONE },
	{ "=%T", SESSION_NONE },
	{ "__Host-wp=", SESSION_INVALID },
	{ "__Host-wp=%X", SESSION_INVALID },
	{ "__Host-wp=%O", SESSION_INVALID },
	{ "__Host-wp=\"%T\"", SESSION_INVALID },
	{ "__Host-wp=%T,%T", SESSION_INVALID },
	{ "__Host-wp=%%s%%n%%x", SESSION_INVALID },
	{ "__Host-wp=%T", SESSION_FOUND },
	{ "__Host-wp = %T ", SESSION_FOUND },
	{ "a=b;__Host-wp=%T;c", SESSION_FOUND },
	{ "__Host-wp=%E", SESSION_EXPIRED },
	{ "__Host-wp=%T; __Host-wp=%T", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp=%U", SESSION_DUPLICATE },
	{ "__Host-wp=%T; __Host-wp=%U; __Host-wp=%T", SESSION_DUPLICATE },
	{ "__Host-wp=%X; __Host-wp=%T", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp=%X", SESSION_FOUND },
	{ "__Host-wp=; __Host-wp=%T; __Host-wp=x", SESSION_FOUND },
	{ "__Host-wp=%E; __Host-wp=%T", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp=%E", SESSION_FOUND },
	{ "__Host-wp=%X; __Host-wp=%E; __Host-wp=%O", SESSION_EXPIRED },
	{ "__Host-wp=%T; __Host-wp=%O", SESSION_FOUND },
	{ "__Host-wp=1;__Host-wp=2;__Host-wp=3;__Host-wp=4;__Host-wp=5;__Host-wp=6;__Host-wp=7;__Host-wp=%T",
	    SESSION_FOUND },
	{ "__Host-wp=1;__Host-wp=2;__Host-wp=3;__Host-wp=4;__Host-wp=5;__Host-wp=6;__Host-wp=7;__Host-wp=8;__"
	  "Host-wp=%T",
	    SESSION_INVALID },
	{ "__Host-wp=%T;__Host-wp=2;__Host-wp=3;__Host-wp=4;__Host-wp=5;__Host-wp=6;__Host-wp=7;__Host-wp=8;_"
	  "_Host-wp=9",
	    SESSION_DUPLICATE },
	/* parts */
	{ "__Host-wp=%1; __Host-wp_1=%2", SESSION_FOUND },
	{ "__Host-wp_1=%2; __Host-wp=%1", SESSION_FOUND },
	{ "__Host-wp=%1; __Host-wp_1=; __Host-wp_2=%2", SESSION_FOUND },
	{ "__Host-wp=%1; __Host-wp_2=%2", SESSION_INVALID },
	{ "__Host-wp=%1", SESSION_INVALID },
	{ "__Host-wp_1=%2", SESSION_NONE },
	{ "__Host-wp=%2; __Host-wp_1=%1", SESSION_INVALID },
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp_2=old", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp_1=old", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp_1=%T", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp_99999999=x; __Host-wp_-1=x; __Host-wp_a=x", SESSION_FOUND },
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp=%T",
	    SESSION_DUPLICATE }, /* two differing ones, one in parts */
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp=%1; __Host-wp_1=%2", SESSION_FOUND },
	{ "__Host-wp=x; __Host-wp_1=y; __Host-wp=%1; __Host-wp_1=%2", SESSION_FOUND },
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp=x", SESSION_FOUND },
};

static const char *
fill_in(const char *text, const struct str *tokens)
{
	static const char letters[] = "TUEXO12%";
	const char *out = "";

	for (; *text != '\0'; text++) {
		const char *letter = *text == '%' ? strchr(letters, text[1]) : NULL;

		if (letter == NULL) {
			out = mem_printf(m, "%s%c", out, *text);
			continue;
		}
		out = mem_printf(m, "%s%.*s", out, STR_ARG(tokens[letter - letters]));
		text++;
	}
	return out;
}

static void
make_tokens(struct str tokens[8])
{
	tokens[0] = begin_at(NOW_MS);
	tokens[1] = begin_at(NOW_MS);
	tokens[2] = begin_at(NOW_MS - 9 * 3600 * 1000);
	tokens[3] = mem_str(m, tokens[0]);
	((char *)(uintptr_t)tokens[3].p)[tokens[3].n - 2] ^= 1;
	origin.url = "https://elsewhere.example.com";
	tokens[4] = begin_at(NOW_MS);
	origin.url = "https://flow.example.com";
	tokens[5] = (struct str){ tokens[1].p, tokens[1].n / 2 };
	tokens[6] = str_from(tokens[1], tokens[1].n / 2);
	tokens[7] = STR("%");
}

START_TEST(of_several_cookies_the_only_one_that_verifies_counts)
{
	struct str tokens[8];
	const struct session *out;

	make_tokens(tokens);
	ck_assert_int_eq(find_head(fill_in(visits[_i].head, tokens), NOW_MS, &out), visits[_i].found);
}
END_TEST

/* Which of T, U and E are found, in this order; the tokens are those of the test above. */
static const struct {
	const char *head, *all;
} held_rows[] = {
	{ "", "" },
	{ "a=b", "" },
	{ "__Host-wp=%X; __Host-wp=%O; __Host-wp=", "" },
	{ "__Host-wp=%T", "T" },
	{ "__Host-wp=%T; __Host-wp=%T", "T" },
	{ "__Host-wp=%T; __Host-wp=%U", "TU" },
	{ "__Host-wp=%U; x=y; __Host-wp=%X; __Host-wp=%T", "UT" },
	{ "__Host-wp=%E", "E" },
	{ "__Host-wp=%E; __Host-wp=%T", "TE" },
	{ "__Host-wp=%E; __Host-wp=%T; __Host-wp=%E; __Host-wp=%U", "TUE" },
	{ "__Host-wp=1;__Host-wp=2;__Host-wp=3;__Host-wp=4;__Host-wp=5;__Host-wp=6;__Host-wp=7;__Host-wp=8;"
	  "__Host-wp=9;__Host-wp=%T;__Host-wp=%U",
	    "TU" },
	{ "__Host-wp=%1; __Host-wp_1=%2", "U" },
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp=%T", "TU" },
	{ "__Host-wp=%T; __Host-wp_1=old", "T" },
	{ "__Host-wp_1=%2", "" },
};

START_TEST(a_sign_out_finds_every_session_that_is_authentic)
{
	const struct session *named[3], **all;
	const char *names = "TUE";
	struct str tokens[8], field;
	struct visit v = {
		.scope = &scope, .cookies = &field, .n_cookies = 1, .cache = cache, .now_ms = NOW_MS, .mem = m
	};
	size_t n;

	make_tokens(tokens);
	for (size_t i = 0; i < 3; i++)
		(void)session_read(sessions, &v, tokens[i], &named[i]);
	field = str_of(fill_in(held_rows[_i].head, tokens));
	n = session_find_all(sessions, &v, &all);
	ck_assert_uint_eq(n, strlen(held_rows[_i].all));
	for (size_t i = 0; i < n; i++)
		ck_assert(str_is(all[i]->sid, named[strchr(names, held_rows[_i].all[i]) - names]->sid));
}
END_TEST

/* Under another name, so that it shows where the answer came from. */
START_TEST(a_session_that_was_begun_is_known_to_its_first_request_and_judged_there)
{
	const struct session *out;
	struct session other;
	struct str token = begin_at(NOW_MS);
	const char *head = mem_printf(m, "__Host-wp=%.*s", STR_ARG(token));
	struct visit v = { .scope = &scope, .now_ms = NOW_MS, .mem = m };

	ck_assert_int_eq(session_read(sessions, &v, token, &out), SESSION_FOUND);
	session_remember(sessions, &v, token, out); /* without a memory: nothing */
	other = *out;
	other.username = STR("from-memory");
	v.cache = cache;
	session_remember(sessions, &v, token, &other);
	ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_FOUND);
	ck_assert(str_is(out->username, STR("from-memory")));
	ck_assert_int_eq(find_head(head, NOW_MS + 9 * 3600 * 1000, &out), SESSION_EXPIRED);
	renew();
	ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_FOUND);
	ck_assert(str_is(out->username, STR("jane")));
}
END_TEST

START_TEST(no_cookie_field_at_all_is_no_session)
{
	const struct session *out;
	struct visit v = { .scope = &scope,
		.cookies = NULL,
		.n_cookies = 0,
		.revoked = revoked,
		.cache = cache,
		.now_ms = NOW_MS,
		.mem = m };

	ck_assert_int_eq(session_find(sessions, &v, &out), SESSION_NONE);
	ck_assert_ptr_null(out);
}
END_TEST

START_TEST(cookies_of_several_fields_are_one_list)
{
	const struct session *out;
	struct str fields[2];
	struct visit v = { .scope = &scope,
		.cookies = fields,
		.n_cookies = 2,
		.revoked = NULL,
		.cache = NULL,
		.now_ms = NOW_MS,
		.mem = m };

	fields[0] = STR("a=b");
	fields[1] = str_of(mem_printf(m, "__Host-wp=%s", begin_at(NOW_MS).p));
	ck_assert_int_eq(session_find(sessions, &v, &out), SESSION_FOUND);
	fields[0] = str_of(mem_printf(m, "__Host-wp=%s", begin_at(NOW_MS).p));
	ck_assert_int_eq(session_find(sessions, &v, &out), SESSION_DUPLICATE);
	ck_assert_ptr_null(out);
}
END_TEST

/* Round trip through Set-Cookie: as large as it may be, to the byte. */
START_TEST(the_largest_session_fits_and_a_larger_one_is_refused)
{
	size_t room = session_cookie_room(&conf, &origin, "__Host-wp"), n = room / 4 * 3 - 600;
	const struct session *out;
	const char **set, *head = "";
	struct str token;
	size_t i;
	char *big;

	for (;; n++) {
		big = mem_zalloc(m, n + 1);
		memset(big, 'x', n);
		(void)json_object_set_new(jane.claims, "groups", json_string(big));
		if (session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m, &out,
			&token, &e) == -1)
			break;
		ck_assert_uint_le(token.n, room);
		head = "";
		set = session_cookie_set(&conf, &origin, "__Host-wp", token, NULL, m);
		ck_assert_ptr_nonnull(set);
		for (i = 0; set[i] != NULL; i++) {
			ck_assert_uint_le(strlen(set[i]), 3900);
			head = mem_printf(m, "%s%.*s; ", head, (int)strcspn(set[i], ";"), set[i]);
		}
		ck_assert_uint_eq(i, 9);
		ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_FOUND);
		ck_assert_str_eq(session_claim(out, "groups")->value.p, big);
		n += room - token.n > 40 ? 20 : 0;
	}
	ck_assert_int_eq(e.reason, REASON_LOGIN_CLAIM);
	ck_assert_ptr_null(out);
	ck_assert_ptr_null(strstr(e.text, "xxx"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/session");
	TCase *t = tcase_create("found");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_session_is_of_one_origin_client_and_provider);
	tcase_add_test(t, another_snapshot_judges_for_itself);
	tcase_add_test(t, a_secret_may_be_replaced_while_sessions_run);
	tcase_add_test(t, a_revoked_session_is_nobodys_also_when_remembered);
	tcase_add_test(t, every_altered_byte_makes_a_session_invalid);
	tcase_add_loop_test(
	    t, only_whole_and_well_formed_claims_are_a_session, 0, sizeof(records) / sizeof(*records));
	tcase_add_test(t, texts_of_another_purpose_are_no_session);
	tcase_add_test(t, no_sealed_text_opens_as_our_token);
	tcase_add_loop_test(
	    t, of_several_cookies_the_only_one_that_verifies_counts, 0, sizeof(visits) / sizeof(*visits));
	tcase_add_loop_test(
	    t, a_sign_out_finds_every_session_that_is_authentic, 0, sizeof(held_rows) / sizeof(*held_rows));
	tcase_add_test(t, a_session_that_was_begun_is_known_to_its_first_request_and_judged_there);
	tcase_add_test(t, no_cookie_field_at_all_is_no_session);
	tcase_add_test(t, cookies_of_several_fields_are_one_list);
	tcase_add_test(t, the_largest_session_fits_and_a_larger_one_is_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
