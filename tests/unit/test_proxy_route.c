/* proxy/route.c: host and path to route */
#include "tests/unit/routes.h"

/* --- hosts ---------------------------------------------------------------- */

START_TEST(the_host_is_found_without_port_case_and_last_dot)
{
	add_origin("a.example", "");
	add_origin("b.example", "");
	add_origin("[2001:db8::1]", "");
	add_origin("127.0.0.1", "");
	add_route("b.example", "/", AUTH_NONE)->title = "b";
	add_route("[2001:db8:0::1]", "/", AUTH_NONE)->title = "six";
	add_route(NULL, "/", AUTH_NONE)->title = "any";

	expect_at("a.example", "/", "any");
	expect_at("A.Example", "/", "any");
	expect_at("a.example:8443", "/", "any");
	expect_at("a.example:", "/", "any");
	expect_at("a.example.", "/", "any");
	expect_at("A.EXAMPLE.:443", "/", "any");
	expect_at("127.0.0.1:80", "/", "any");
	expect_at("b.example:1", "/", "b");
	expect_at("[2001:db8::1]", "/", "six");
	expect_at("[2001:DB8::1]:8080", "/", "six");
	expect_at("[2001:db8:0:0::0:1]", "/", "six");
}
END_TEST

static const char *const strangers[] = { "", ".", ":80", "c.example", "xa.example", "a.example.evil.example",
	"a.exampl", "a.example..", "a.example:8x", "a.example:80:80", "a.example@evil.example",
	"evil.example:80@a.example", "[2001:db8::2]", "[2001:db8::1", "[2001:db8::1]x", "2001:db8::1", "[]",
	"[", "a.example/", " a.example" };

START_TEST(a_host_in_no_public_url_is_the_wrong_host)
{
	add_origin("a.example", "");
	add_origin("[2001:db8::1]", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route("c.example", "/", AUTH_NONE);

	ck_assert_str_eq(go_to(strangers[_i], "/"), "wrong_host");
}
END_TEST

START_TEST(a_title_without_a_host_serves_hosts_that_no_title_names)
{
	add_origin("a.example", "");
	add_origin("b.example", "");
	add_route("b.example", "/only", AUTH_NONE);
	add_route(NULL, "/all", AUTH_NONE);

	expect_at("a.example", "/all", "/all");
	expect_at("a.example", "/only", "no_route");
	expect_at("b.example", "/only", "/only");
	expect_at("b.example", "/all", "no_route");
}
END_TEST

START_TEST(two_public_urls_of_one_host_are_served_as_the_first)
{
	add_origin("a.example", "/x");
	add_origin("a.example", "/y");
	expect("/x/auth/login", "OURS login");
	expect("/y/auth/login", "no_route");
}
END_TEST

/* --- prefixes ------------------------------------------------------------- */

START_TEST(the_longest_prefix_on_whole_segments_wins)
{
	add_origin("a.example", "");
	add_route(NULL, "/app", AUTH_NONE);
	add_route(NULL, "/app/admin/users", AUTH_NONE);
	add_route(NULL, "/app/admin", AUTH_NONE);

	expect("/app", "/app");
	expect("/app/", "/app");
	expect("/app/x", "/app");
	expect("/apple", "no_route");
	expect("/ap", "no_route");
	expect("/", "no_route");
	expect("/app/admin", "/app/admin");
	expect("/app/admins", "/app");
	expect("/app/admin/users/1", "/app/admin/users");
	expect("/app/admin/user", "/app/admin");
	expect("/x//app/..//../app/./admin", "/app/admin");
	expect("/..", "bad_target");
	expect("app", "bad_target");
}
END_TEST

START_TEST(a_host_without_routes_has_none)
{
	add_origin("a.example", "");
	expect("/", "no_route");
	expect("/auth/x", "OURS x");
}
END_TEST

START_TEST(a_plain_path_costs_no_memory)
{
	struct mem *small = mem_new(0);
	struct route_match out;
	struct str path = STR("/app/x.y/z");

	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/app", AUTH_NONE)->windows_paths = true;
	routes = routes_new(&conf);
	ck_assert_int_eq(route_find(routes, STR("a.example:80"), path, small, &out, &e), 0);
	ck_assert_ptr_eq(out.route, &rules[1]);
	ck_assert_ptr_eq(out.path.p, path.p);
	ck_assert(!mem_overrun(small));
	mem_free(&small);
}
END_TEST

START_TEST(the_canonical_path_goes_upstream)
{
	struct route_match out;

	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	routes = routes_new(&conf);
	ck_assert_int_eq(route_find(routes, STR("a.example"), STR("/x/../%61//b%2fc"), m, &out, &e), 0);
	ck_assert(str_is(out.path, STR("/a/b%2Fc")));
}
END_TEST

/* --- our own -------------------------------------------------------------- */

static void
with_own(void)
{
	add_origin("a.example", "");
	add_origin("b.example", "/base");
	providers[0] = (struct conf_provider){ .callback_path = "/auth/callback" };
	providers[1] = (struct conf_provider){ .callback_path = "/oidcServices/signinresponse/" };
	conf.n_providers = 2;
	add_route(NULL, "/", AUTH_NONE)->path_case = PATH_CASE_SENSITIVE;
}

START_TEST(everything_at_or_below_auth_path_is_ours)
{
	with_own();
	expect("/auth", "OURS ");
	expect("/auth/", "OURS ");
	expect("/auth/login", "OURS login");
	expect("/auth/logout/return", "OURS logout/return");
	expect("/auth/no/such//thing/", "OURS no/such/thing/");
	expect("/auth/x%20y", "OURS x%20y");
	expect("/x/../auth/login", "OURS login");
	expect("/%61uth/login", "OURS login");
	expect("/authx", "/");
	expect("/x/auth/login", "/");
	expect_at("b.example", "/base/auth/login", "OURS login");
	expect_at("b.example", "/auth/login", "/");
}
END_TEST

START_TEST(a_callback_is_ours_wherever_it_lies)
{
	with_own();
	expect("/auth/callback", "CALLBACK 0 callback");
	expect("/auth/callback/", "OURS callback/");
	expect("/auth/callback/x", "OURS callback/x");
	expect("/oidcServices/signinresponse/", "CALLBACK 1 ");
	expect("/oidcServices/signinresponse", "/");
	expect("/oidcServices/signinresponse/x", "/");
	expect_at("b.example", "/base/oidcServices/signinresponse/", "CALLBACK 1 ");
	expect_at("b.example", "/oidcServices/signinresponse/", "/");
}
END_TEST

static const char *const nearly_ours[] = { "/Auth", "/AUTH/login", "/aUth/callback", "/auth/Callback",
	"/auth/callback;x", "/oidcservices/signinresponse/", "/auth;x/login", "/auth%2Flogin",
	"/%2Fauth/login", "/%2561uth/login", "/auth%20/login", "/AUTH%20/login", "/auth%3F/x", "/auth/..;/x",
	"/x%2F..%2Fauth", "/auth%2Fcallback", "/auth%5Clogin", "/oidcServices%2Fsigninresponse/" };

START_TEST(what_some_backend_reads_as_ours_is_ambiguous)
{
	with_own();
	ck_assert_str_eq(go_to("a.example", nearly_ours[_i]), "path_ambiguous");
}
END_TEST

/* --- path_case ------------------------------------------------------------ */

START_TEST(strict_refuses_what_only_case_keeps_out)
{
	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/Admin", AUTH_SESSION);
	expect("/Admin/x", "/Admin");
	expect("/Admin/X", "/Admin");
	expect("/admin", "path_ambiguous");
	expect("/ADMIN/x", "path_ambiguous");
	expect("/administrator", "/");
}
END_TEST

START_TEST(strict_refuses_another_case_without_a_second_route_too)
{
	add_origin("a.example", "");
	add_route(NULL, "/app", AUTH_NONE);
	expect("/APP", "path_ambiguous");
	expect("/apps", "no_route");
}
END_TEST

START_TEST(sensitive_means_what_it_says)
{
	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/admin", AUTH_SESSION)->path_case = PATH_CASE_SENSITIVE;
	expect("/admin", "/admin");
	expect("/Admin", "/");
	expect("/Admin%20", "/");
	expect("/admin%20", "path_ambiguous");
}
END_TEST

START_TEST(insensitive_takes_every_case)
{
	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/Admin", AUTH_SESSION)->path_case = PATH_CASE_INSENSITIVE;
	expect("/admin/x", "/Admin");
	expect("/ADMIN", "/Admin");
	expect("/aDMIN/a%20b", "/Admin");
	expect("/aDMIN%20", "path_ambiguous");
}
END_TEST

START_TEST(two_routes_that_differ_in_case_only_refuse_each_other)
{
	add_origin("a.example", "");
	add_route(NULL, "/app", AUTH_NONE);
	add_route(NULL, "/App", AUTH_SESSION);
	expect("/app", "path_ambiguous");
	expect("/App", "path_ambiguous");
}
END_TEST

START_TEST(two_sensitive_routes_may_differ_in_case_only)
{
	add_origin("a.example", "");
	add_route(NULL, "/app", AUTH_NONE)->path_case = PATH_CASE_SENSITIVE;
	add_route(NULL, "/App", AUTH_SESSION)->path_case = PATH_CASE_SENSITIVE;
	expect("/app", "/app");
	expect("/App/x%20y", "/App");
	expect("/APP", "no_route");
}
END_TEST

START_TEST(a_sensitive_route_beside_an_insensitive_one_is_refused)
{
	add_origin("a.example", "");
	add_route(NULL, "/App", AUTH_SESSION)->path_case = PATH_CASE_INSENSITIVE;
	add_route(NULL, "/app", AUTH_NONE)->path_case = PATH_CASE_SENSITIVE;
	expect("/app", "path_ambiguous");
	expect("/APP", "/App");
	expect("/APP/x%20y", "/App");
	expect("/app/x%20y", "path_ambiguous");
}
END_TEST

START_TEST(case_is_known_beyond_ascii)
{
	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/employ%C3%A9s", AUTH_SESSION);
	add_route(NULL, "/%E2%82%AC%F0%90%90%A8", AUTH_SESSION);
	add_route(NULL, "/desk", AUTH_SESSION);
	expect("/employ%C3%A9s/x", "/employ%C3%A9s");
	expect("/employ%C3%89s/x", "path_ambiguous");
	expect("/EMPLOY%c3%89S", "path_ambiguous");
	expect("/de%C5%BFk", "path_ambiguous");             /* long s: its capital is S */
	expect("/des%E2%84%AA", "path_ambiguous");          /* Kelvin sign */
	expect("/%E2%82%AC%F0%90%90%80", "path_ambiguous"); /* Deseret, four bytes */
	expect("/%E2%82%AC%F0%90%90%A8", "/%E2%82%AC%F0%90%90%A8");
	expect("/%C3%A9t%C3%A9", "/");
}
END_TEST

/* --- strip_prefix --------------------------------------------------------- */

static const struct {
	const char *prefix;
	bool strip;
	const char *path, *want;
} stripped[] = {
	{ "/app", true, "/app", "/" },
	{ "/app", true, "/app/", "/" },
	{ "/app", true, "/app/x/y", "/x/y" },
	{ "/app", true, "/APP/x", "/x" },
	{ "/app", true, "/a", "/a" },
	{ "/app", false, "/app/x", "/app/x" },
	{ "/", true, "/x", "/x" },
	{ "/", true, "/", "/" },
};

START_TEST(the_prefix_is_taken_off_where_that_is_said)
{
	struct conf_route route = { .path = stripped[_i].prefix, .strip_prefix = stripped[_i].strip };
	struct str got = route_upstream_path(&route, str_of(stripped[_i].path));

	ck_assert_msg(str_is(got, str_of(stripped[_i].want)), "%.*s", STR_ARG(got));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/route");
	TCase *t = tcase_create("routes");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_host_is_found_without_port_case_and_last_dot);
	tcase_add_loop_test(t, a_host_in_no_public_url_is_the_wrong_host, 0, ROWS(strangers));
	tcase_add_test(t, a_title_without_a_host_serves_hosts_that_no_title_names);
	tcase_add_test(t, two_public_urls_of_one_host_are_served_as_the_first);
	tcase_add_test(t, the_longest_prefix_on_whole_segments_wins);
	tcase_add_test(t, a_host_without_routes_has_none);
	tcase_add_test(t, a_plain_path_costs_no_memory);
	tcase_add_test(t, the_canonical_path_goes_upstream);
	tcase_add_test(t, everything_at_or_below_auth_path_is_ours);
	tcase_add_test(t, a_callback_is_ours_wherever_it_lies);
	tcase_add_loop_test(t, what_some_backend_reads_as_ours_is_ambiguous, 0, ROWS(nearly_ours));
	tcase_add_test(t, strict_refuses_what_only_case_keeps_out);
	tcase_add_test(t, strict_refuses_another_case_without_a_second_route_too);
	tcase_add_test(t, sensitive_means_what_it_says);
	tcase_add_test(t, insensitive_takes_every_case);
	tcase_add_test(t, two_routes_that_differ_in_case_only_refuse_each_other);
	tcase_add_test(t, two_sensitive_routes_may_differ_in_case_only);
	tcase_add_test(t, a_sensitive_route_beside_an_insensitive_one_is_refused);
	tcase_add_test(t, case_is_known_beyond_ascii);
	tcase_add_loop_test(t, the_prefix_is_taken_off_where_that_is_said, 0, ROWS(stripped));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
