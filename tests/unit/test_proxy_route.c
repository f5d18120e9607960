/* proxy/route.c: host and path to route, and every doubt refused */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "proxy/path.h"
#include "proxy/route.h"

static struct mem *m;
static struct err e;
static struct conf conf;
static struct conf_origin origins[6];
static struct conf_provider providers[2];
static struct conf_route rules[12];
static struct routes *routes;

/* --- a configuration by hand ---------------------------------------------- */

static void
add_origin(const char *host, const char *path)
{
	origins[conf.n_origins++] = (struct conf_origin){
		.url = "u", .origin = "https://x", .host = host, .path = path, .https = true
	};
}

static struct conf_route *
add_route(const char *host, const char *path, enum conf_auth auth)
{
	struct conf_route *r = &rules[conf.n_routes++];

	*r = (struct conf_route){ .title = path, .host = host, .path = path, .auth = auth };
	return r;
}

static void
setup(void)
{
	m = mem_new(1 << 20);
	e = (struct err){ .reason = REASON_NONE };
	conf = (struct conf){
		.origins = origins, .providers = providers, .routes = rules, .auth_path = "/auth"
	};
	routes = NULL;
}

static void
teardown(void)
{
	routes_free(&routes);
	ck_assert_ptr_null(routes);
	routes_free(&routes);
	mem_free(&m);
}

/* "/admin" for its route, "OURS login", "CALLBACK 1 x", or the word of the reason. */
static const char *
go_to(const char *host, const char *path)
{
	struct route_match out;

	if (routes == NULL)
		routes = routes_new(&conf);
	if (route_find(routes, str_of(host), str_of(path), m, &out, &e) != 0) {
		ck_assert(e.text[0] != '\0');
		return reason_word(e.reason);
	}
	ck_assert_ptr_nonnull(out.origin);
	if (out.kind == ROUTE_UPSTREAM) {
		ck_assert_ptr_eq(&rules[out.route_index], out.route);
		ck_assert(!out.is_callback);
		return out.route->title;
	}
	ck_assert_ptr_null(out.route);
	if (out.is_callback)
		return mem_printf(m, "CALLBACK %zu %.*s", out.callback_of, STR_ARG(out.endpoint));
	return mem_printf(m, "OURS %.*s", STR_ARG(out.endpoint));
}

#define expect(path, want)          ck_assert_str_eq(go_to("a.example", path), want)
#define expect_at(host, path, want) ck_assert_str_eq(go_to(host, path), want)

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

/* --- readings ------------------------------------------------------------- */

/* Spellings of /admin, with an open "/" before it. */
static const char *const spellings[] = { "/admin", "/admin/", "//admin", "/./admin", "/x/../admin",
	"/public/../admin", "/admin/.", "/admin/x/..", "/%61dmin", "/%61%64%6d%69%6e", "/Admin", "/ADMIN/x",
	"/%41dmin", "/admin;x=1", "/admin;jsessionid=1/x", "/;x/admin", "/admin%3bx", "/admin%2f",
	"/admin%2fx", "/%2fadmin", "/x/%2e%2e/admin", "/x/..;/admin", "/x/..;y/admin", "/public/..;x/admin",
	"/x/..%3b/admin", "/x/..%2fadmin", "/x%2f..%2fadmin", "/x/%252e%252e/admin", "/x/..%255cadmin",
	"/.%2fadmin", "/.;/admin", "/%2e/admin", "/admin%5csecret", "/x%5c..%5cadmin", "/%5cadmin",
	"/admin%00", "/admin%00.png", "/admin%2500", "/admin%252500x", "/%2561dmin", "/%252561dmin",
	"/%25252561dmin", "/%2525252561dmin", "/%25%36%31dmin", "/Admin%2f", "/ADM%2549N", "/admin%20",
	"/%20admin", "/admin%2520", "/admin%09", "/admin%23", "/admin%23/x", "/admin%2523/x", "/admin%3f",
	"/admin%3fx/y", "/admin%253f", "/%c0%ae%c0%ae/admin", "/x/%25c0%25ae%25c0%25ae/admin",
	"/%ef%bc/admin", "/cgi-bin/.%2e/admin", "/%%32%65%%32%65/admin", "/admin/%20", "/admin%2f%2e%2e%2fx",
	"/admin%2f..%2fx", "/admin%2f..;%2fx", "/admin;%2f..%2fx", "/admin%2f%252e%252e%2fx",
	"/x/%2e%2e;/admin", "/x%2f%2e%2e%2fadmin", "/;/admin", "/%3b/admin", "/%20/admin", "/a\\..\\admin",
	"/admin%5c..%5cx", "/%3b%3f%5cadmin", "/admin%c2%85x%2f..", "/adm%C4%B1n", "/admin;/../x%2f..;",
	"/%u0061dmin", "/admin%" };

START_TEST(no_spelling_of_a_protected_path_comes_out_as_the_open_route)
{
	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/admin", AUTH_SESSION);
	ck_assert_msg(strcmp(go_to("a.example", spellings[_i]), "/") != 0, "%s is open", spellings[_i]);
}
END_TEST

/* Ways out of an open /public into a protected "/". */
static const char *const ways_out[] = { "/public/../admin", "/public/..;/admin", "/public/..;x/admin",
	"/public;/../admin", "/public/%2e%2e/admin", "/public/..%2fadmin", "/public/%2e%2e%2fadmin",
	"/public%2f..%2fadmin", "/public/..%5cadmin", "/public%5c..%5cadmin", "/public/%252e%252e/admin",
	"/public/..%252fadmin", "/public/.%252e/admin", "/public/x/..;/..;/admin", "/public/;/..;/admin",
	"/public/..%20/admin", "/public/%20..;/admin", "/public/..%23/x", "/public/..%3fx", "/public/..",
	"/public/../", "/public/x/../../admin", "/public/..%00/admin",
	"/public/..%c0%af"
	"admin",
	"/public/..%25c0%25afadmin", "/public/..\\admin", "/public%23", "/public%3f/x", "/public%20",
	"/public;x", "/Public", "/publi%63%2f", "/%2fpublic", "/%50ublic/x", "/public%2fx",
	"/public./x/../../y", "/publicx", "/public%3b/x" };

START_TEST(no_spelling_leaves_an_open_prefix)
{
	const char *at;

	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_SESSION);
	add_route(NULL, "/public", AUTH_NONE);
	at = go_to("a.example", ways_out[_i]);
	ck_assert_msg(strcmp(at, "/public") != 0, "%s is open", ways_out[_i]);
}
END_TEST

START_TEST(ordinary_paths_with_encodings_pass)
{
	static const char *const paths[] = { "/", "/x", "/a%20b", "/caf%C3%A9/%E2%82%AC", "/a%2Fb",
		"/docs/CORP%5Cjane", "/a;v=1/b;v=2", "/100%25", "/a%2Bb%3D", "/list/%5B1%5D", "/%7Eme/x",
		"/a@b:c", "/x.y/z%3F", "/q%23a", "/%22x%22", "/Administrator", "/a/b%2520c" };

	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_SESSION);
	add_route(NULL, "/admin", AUTH_SESSION);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		ck_assert_msg(strcmp(go_to("a.example", paths[i]), "/") == 0, "%s", paths[i]);
	expect("/admin/a%2Fb;c%20d", "/admin");
}
END_TEST

START_TEST(an_encoded_title_is_matched_in_every_reading)
{
	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/my%20app", AUTH_SESSION);
	add_route(NULL, "/a;b", AUTH_SESSION);
	add_route(NULL, "/x%2F..", AUTH_SESSION); /* a title that has no loosest reading serves nothing */
	expect("/my%20app/x", "/my%20app");
	expect("/my%2520app/x", "path_ambiguous");
	expect("/a;b/c", "/a;b");
	expect("/a;c/c", "path_ambiguous");
	expect("/x%2F..", "path_ambiguous");
	expect("/a%20b", "/");
}
END_TEST

START_TEST(the_longest_reading_wins_whatever_the_title_is_long)
{
	add_origin("a.example", "");
	add_route(NULL, "/a/c", AUTH_NONE);
	add_route(NULL, "/a;longer", AUTH_SESSION);
	expect("/a/c/x%20y", "/a/c");
	expect("/a;longer/x%20y", "/a;longer");
	expect("/a;longer/c", "path_ambiguous");
}
END_TEST

START_TEST(two_titles_of_one_reading_refuse_what_is_not_plain)
{
	add_origin("a.example", "");
	add_route(NULL, "/a", AUTH_NONE);
	add_route(NULL, "/a;b", AUTH_SESSION);
	expect("/a/x", "/a");
	expect("/a/x%20y", "path_ambiguous");
	expect("/a;b", "path_ambiguous");
}
END_TEST

/* --- a proof by trying: half-lenient backends ----------------------------- */

enum { CUT_PARAMS = 1, BACKSLASH = 2, CUT_QUERY = 4, TRIM = 8, FOLD = 16, LAST = 32 };

/* How a backend with these habits reads a path; dot segments are clamped at the root. */
static struct str
read_as(struct str path, int rounds, unsigned habits, char *out)
{
	char text[400];
	size_t n = path.n, o = 0;

	memcpy(text, path.p, n);
	for (; rounds > 0; rounds--) {
		size_t to = 0;

		for (size_t i = 0; i < n; i++) {
			char digits[3] = { 0 };
			char *end;
			long byte;

			if (text[i] == '%' && i + 2 < n) {
				memcpy(digits, text + i + 1, 2);
				byte = strtol(digits, &end, 16);
				if (end == digits + 2 && digits[0] != '+' && digits[0] != '-' &&
				    digits[0] != ' ') {
					text[to++] = (char)byte;
					i += 2;
					continue;
				}
			}
			text[to++] = text[i];
		}
		n = to;
	}
	for (size_t i = 0; i < n; i++) {
		if ((habits & BACKSLASH) != 0 && text[i] == '\\')
			text[i] = '/';
		if ((habits & CUT_QUERY) != 0 && (text[i] == '?' || text[i] == '#'))
			n = i;
		if ((habits & FOLD) != 0 && i < n && text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (char)(text[i] - 'A' + 'a');
	}
	for (size_t i = 0, end; i < n; i = end + 1) {
		size_t from = i, to;

		for (end = i; end < n && text[end] != '/'; end++)
			;
		for (to = end; (habits & CUT_PARAMS) != 0 && memchr(text + from, ';', to - from) != NULL;
		     to--)
			;
		for (; (habits & TRIM) != 0 && from < to && text[from] == ' '; from++)
			;
		for (; (habits & TRIM) != 0 && from < to && text[to - 1] == ' '; to--)
			;
		if (from == to || (to - from == 1 && text[from] == '.'))
			continue;
		if (to - from == 2 && text[from] == '.' && text[from + 1] == '.') {
			while (o > 0 && out[--o] != '/')
				;
			continue;
		}
		out[o++] = '/';
		memcpy(out + o, text + from, to - from);
		o += to - from;
	}
	out[o] = '\0';
	return (struct str){ out, o };
}

static bool
is_under(struct str path, const char *prefix)
{
	struct str p = str_of(prefix);

	return str_begins(path, p) && (path.n == p.n || path.p[p.n] == '/');
}

static uint32_t
next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

START_TEST(no_half_lenient_backend_reads_an_open_path_as_a_protected_one)
{
	static const char *const parts[] = { "/", "/", "/", "admin", "admin", "public", "public", "..", ".",
		"%2e", "%2f", "%5c", "%25", "%252e", "%252f", ";", "%3b", "%20", "%23", "%3f", "x", "A",
		"%41", "ADMIN", "%61", "dmin" };
	uint32_t state = 3;
	char path[200], read[400];
	int open = 0;

	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/admin", AUTH_SESSION);
	add_route(NULL, "/admin/public", AUTH_NONE)->title = "OPEN";
	routes = routes_new(&conf);
	for (int i = 0; i < 60000; i++) {
		size_t n = 1, parts_n = 1 + next(&state) % 9;
		struct route_match out;
		bool inner;

		path[0] = '/';
		for (size_t j = 0; j < parts_n; j++) {
			const char *part = parts[next(&state) % (sizeof(parts) / sizeof(parts[0]))];

			memcpy(path + n, part, strlen(part));
			n += strlen(part);
		}
		mem_reset(m);
		if (route_find(routes, STR("a.example"), (struct str){ path, n }, m, &out, &e) != 0 ||
		    out.kind != ROUTE_UPSTREAM || out.route->auth != AUTH_NONE)
			continue;
		open++;
		inner = strcmp(out.route->title, "OPEN") == 0;
		for (int rounds = 0; rounds <= 4; rounds++)
			for (unsigned habits = 0; habits < LAST; habits++) {
				struct str as = read_as(out.path, rounds, habits, read);
				bool admin = is_under(as, "/admin") && !is_under(as, "/admin/public");

				ck_assert_msg(!admin, "%.*s (%s), decoded %d times with habits %u, is %s",
				    (int)n, path, inner ? "inner" : "outer", rounds, habits, read);
			}
	}
	ck_assert_int_gt(open, 1000);
}
END_TEST

/* --- Windows -------------------------------------------------------------- */

START_TEST(a_windows_server_gets_no_spelling_that_it_folds)
{
	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	add_route(NULL, "/admin", AUTH_SESSION)->windows_paths = true;
	add_route(NULL, "/linux", AUTH_NONE)->upstream = 1;
	expect("/admin.", "path_ambiguous"); /* the same server as /admin */
	expect("/admin%20", "path_ambiguous");
	expect("/admin/x.", "path_ambiguous");
	expect("/ADMIN~1", "path_ambiguous");
	expect("/admin::$INDEX_ALLOCATION/x", "path_ambiguous");
	expect("/admin%3A%3A$DATA", "path_ambiguous");
	expect("/x%252e", "path_ambiguous");
	expect("/x.;y", "path_ambiguous");
	expect("/%25u0061dmin", "path_ambiguous");
	expect("/x/a%20b", "/");
	expect("/linux/x.", "/linux");
	expect("/linux/vendors~1.js", "/linux");
	expect("/auth/x.", "OURS x.");
}
END_TEST

START_TEST(other_servers_get_them)
{
	add_origin("a.example", "");
	add_route(NULL, "/", AUTH_NONE);
	expect("/admin.", "/");
	expect("/x~1", "/");
	expect("/x%20", "/");
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

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	Suite *s = suite_create("proxy/route");
	TCase *t = tcase_create("route");
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
	tcase_add_loop_test(
	    t, no_spelling_of_a_protected_path_comes_out_as_the_open_route, 0, ROWS(spellings));
	tcase_add_loop_test(t, no_spelling_leaves_an_open_prefix, 0, ROWS(ways_out));
	tcase_add_test(t, ordinary_paths_with_encodings_pass);
	tcase_add_test(t, an_encoded_title_is_matched_in_every_reading);
	tcase_add_test(t, the_longest_reading_wins_whatever_the_title_is_long);
	tcase_add_test(t, two_titles_of_one_reading_refuse_what_is_not_plain);
	tcase_add_test(t, no_half_lenient_backend_reads_an_open_path_as_a_protected_one);
	tcase_add_test(t, a_windows_server_gets_no_spelling_that_it_folds);
	tcase_add_test(t, other_servers_get_them);
	tcase_add_loop_test(t, the_prefix_is_taken_off_where_that_is_said, 0, ROWS(stripped));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
