/* proxy/route.c: what somebody may read otherwise is refused */
#include "tests/unit/routes.h"

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

int
main(void)
{
	Suite *s = suite_create("proxy/route");
	TCase *t = tcase_create("readings");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
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
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
