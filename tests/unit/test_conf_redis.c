/* conf/: what session.redis becomes, and every mistake that can be made with it */
#include "conf_fixture.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

/* clang-format off */
static const struct row mistakes[] = {
	{ "session", "redis = \"http://geheim.example.com\"",
	    "2: session.redis: is not the URL of a Redis; write redis://[user:password@]host:port/db, or rediss:// for TLS", NULL },
	{ "session", "redis = \"redis://geheim@h\"",
	    "2: session.redis: has a user without a password; write user:password@, or :password@ where there is no user", NULL },
	{ "session", "redis = \"redis://user:@h\"",
	    "2: session.redis: has an empty password; leave it and the @ out", NULL },
	{ "session", "redis = \"redis://:geheim%@h\"",
	    "2: session.redis: has a % in user or password that no two hex digits follow; write it as %25", NULL },
	{ "session", "redis = \"redis://:geheim%0@h\"",
	    "2: session.redis: has a % in user or password that no two hex digits follow; write it as %25", NULL },
	{ "session", "redis = \"redis://:geheim%00@h\"",
	    "2: session.redis: has a % in user or password that no two hex digits follow; write it as %25", NULL },
	{ "session", "redis = \"redis://:ge@heim@h\"",
	    "2: session.redis: has one of @ / ? # in user or password; write it as %40, %2F, %3F or %23", NULL },
	{ "session", "redis = \"redis://:geheim@\"",
	    "2: session.redis: names no host; write redis://[user:password@]host:port/db, IPv6 in brackets", NULL },
	{ "session", "redis = \"redis://::1/0\"",
	    "2: session.redis: names no host; write redis://[user:password@]host:port/db, IPv6 in brackets", NULL },
	{ "session", "redis = \"redis://h:0\"", "2: session.redis: has a port that is none; write for example :6379", NULL },
	{ "session", "redis = \"redis://h:\"", "2: session.redis: has a port that is none; write for example :6379", NULL },
	{ "session", "redis = \"redis://h:65536/0\"", "2: session.redis: has a port that is none; write for example :6379", NULL },
	{ "session", "redis = \"redis://h/zero\"",
	    "2: session.redis: has a path that is not the number of a database; write for example /0, and nothing behind it", NULL },
	{ "session", "redis = \"redis://h/0?geheim=1\"",
	    "2: session.redis: has a path that is not the number of a database; write for example /0, and nothing behind it", NULL },
	{ "session", "redis = \"redis://h/0/1\"",
	    "2: session.redis: has a path that is not the number of a database; write for example /0, and nothing behind it", NULL },
	{ "session", "redis_file = \"${D}/two.secret\"", "2: session.redis_file: has 2 lines; write one URL", NULL },
	{ "session", "redis = \"redis://h\"\nredis_file = \"${D}/session.secret\"",
	    "3: session.redis_file: redis and redis_file are both set; leave one of them out", NULL },
	{ "session", "redis_prefix = \"a:\"", "2: session.redis_prefix: there is no redis that it could hold for; set redis_file, or leave it out", NULL },
	{ "session", "revocation_stale = 10", "2: session.revocation_stale: there is no redis that it could hold for; set redis_file, or leave it out", NULL },
	{ "session", "redis = \"redis://h\"\nredis_prefix = \"a b\"",
	    "3: session.redis_prefix: \"a b\" cannot stand in front of a key; write at most 64 printable characters without spaces", NULL },
	{ "session", "redis = \"redis://h\"\nredis_tls_ca = \"${D}/tls.crt\"",
	    "3: session.redis_tls_ca: the Redis is spoken to without TLS; write rediss:// in its URL, or leave it out", NULL },
	{ "session", "store = redis",
	    "2: session.store: needs a Redis; write redis_file = \"...\" with redis://[user:password@]host:port/db in the file", NULL },
	{ "session", "redis = \"redis://h\"\nrevocations = \"${D}/r\"",
	    "3: session.revocations: redis is set, which keeps them for all instances; leave one of them out", NULL },
	{ "session", "redis = \"rediss://h\"\nredis_tls_ca = \"${D}/empty\"",
	    "3: session.redis_tls_ca: \"$D/empty\" holds no certificate; write a PEM file (no start line)", NULL },
	{ "session", "redis = \"redis://h\"\nrevocation_stale = \"500ms\"",
	    "3: session.revocation_stale: \"500ms\" is too small; write at least 1s", NULL },
};

static const struct {
	const char *url, *host, *at, *user, *password;
	unsigned port, db;
	bool tls;
} good[] = {
	{ "redis://127.0.0.1", "127.0.0.1", "redis://127.0.0.1:6379/0", NULL, NULL, 6379, 0, false },
	{ "redis://redis.example.com:7000/12", "redis.example.com", "redis://redis.example.com:7000/12", NULL, NULL, 7000, 12, false },
	{ "redis://h/", "h", "redis://h:6379/0", NULL, NULL, 6379, 0, false },
	{ "rediss://:s3%40cret%25@[::1]:1/2", "::1", "rediss://[::1]:1/2", NULL, "s3@cret%", 1, 2, true },
	{ "rediss://[::1]", "::1", "rediss://[::1]:6379/0", NULL, NULL, 6379, 0, true },
	{ "redis://wp:a:b@h:1", "h", "redis://h:1/0", "wp", "a:b", 1, 0, false },
};
/* clang-format on */

START_TEST(a_mistake_about_the_redis_is_told_without_its_password)
{
	expect(&mistakes[_i]);
}
END_TEST

START_TEST(a_url_becomes_a_place_and_a_credential)
{
	const char *text = mem_printf(fixture_mem, "redis = \"%s\"", good[_i].url), *got;
	struct conf *c = fixture_parse(fixture_conf("session", text, ""), &got);
	const struct conf_redis *r;

	ck_assert_str_eq(got, "");
	r = &c->session.redis;
	ck_assert_str_eq(r->host, good[_i].host);
	ck_assert_str_eq(r->at, good[_i].at);
	ck_assert_uint_eq(r->port, good[_i].port);
	ck_assert_uint_eq(r->db, good[_i].db);
	ck_assert_int_eq(r->tls, good[_i].tls);
	ck_assert_pstr_eq(r->user, good[_i].user);
	ck_assert_int_eq(r->password == NULL, good[_i].password == NULL);
	if (r->password != NULL)
		ck_assert(str_is(secret_str(r->password), str_of(good[_i].password)));
	ck_assert_str_eq(r->prefix, "workflow-proxy:");
	ck_assert_ptr_null(r->tls_ca);
	ck_assert_int_eq(c->session.revocation_stale, 300000);
	conf_free(&c);
}
END_TEST

START_TEST(the_url_can_be_in_a_file)
{
	const char *got;
	struct conf *c;

	fixture_write("redis.url", "rediss://:geheim@h\n", 0600);
	c = fixture_parse(fixture_conf("session",
			      "redis_file = \"${D}/redis.url\"\nredis_prefix = \"x:\"\nredis_tls_ca = "
			      "\"${D}/tls.crt\"\nrevocation_stale = 90",
			      ""),
	    &got);
	ck_assert_str_eq(got, "");
	ck_assert(str_is(secret_str(c->session.redis.password), STR("geheim")));
	ck_assert_str_eq(c->session.redis.prefix, "x:");
	ck_assert_str_eq(c->session.redis.tls_ca, fixture_path("tls.crt"));
	ck_assert_int_eq(c->session.revocation_stale, 90000);
	conf_free(&c);
}
END_TEST

START_TEST(without_a_redis_there_is_none)
{
	const char *got;
	struct conf *c = fixture_parse(fixture_conf("session", "", ""), &got);

	ck_assert_str_eq(got, "");
	ck_assert_ptr_null(c->session.redis.host);
	ck_assert_int_eq(c->session.store, TOKENS_IN_COOKIE);
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/redis");
	TCase *t = tcase_create("redis");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, fixture_begin, fixture_end);
	tcase_add_loop_test(t, a_mistake_about_the_redis_is_told_without_its_password, 0, ROWS(mistakes));
	tcase_add_loop_test(t, a_url_becomes_a_place_and_a_credential, 0, ROWS(good));
	tcase_add_test(t, the_url_can_be_in_a_file);
	tcase_add_test(t, without_a_redis_there_is_none);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
