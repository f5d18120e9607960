/* conf/: the files a configuration is made of, the example file, the reference */
#include <stdio.h>

#include "conf/settings.h"
#include "conf_fixture.h"

/* Load $D/t.conf; every message, with $D for the folder. */
static struct conf *
load(const char **messages)
{
	struct conf_report report = { NULL, 0, 0 };
	struct conf *c = conf_load(fixture_path("t.conf"), &report);

	*messages = fixture_messages(&report);
	ck_assert((c == NULL) == (report.mistakes > 0));
	conf_report_free(&report);
	return c;
}

static void
expect_load(const char *want)
{
	const char *got;
	struct conf *c = load(&got);

	ck_assert_msg(strcmp(got, want) == 0, "got\n%s\nwant\n%s", got, want);
	conf_free(&c);
}

static void
make_folder(const char *name)
{
	const char *path = fixture_path(name);

	ck_assert(mkdir(path, 0700) == 0 || access(path, F_OK) == 0);
}

START_TEST(a_file_that_cannot_be_read_is_told)
{
	struct conf_report report = { NULL, 0, 0 };
	struct conf *c = conf_load("/nowhere/t.conf", &report);

	ck_assert_ptr_null(c);
	ck_assert_uint_eq(report.mistakes, 1);
	ck_assert_str_eq(report.v[0].text, "/nowhere/t.conf:1: cannot be read: No such file or directory");
	conf_report_free(&report);
	c = conf_load(fixture_dir, &report);
	ck_assert_ptr_null(c);
	ck_assert_str_eq(fixture_messages(&report), "$D:1: cannot be read: Is a directory");
	conf_report_free(&report);
	fixture_write("t.conf", mem_printf(fixture_mem, "#%*s", 1100000, ""), 0600);
	expect_load("$D/t.conf:1: is larger than 1048576 bytes");
}
END_TEST

START_TEST(included_files_count_as_if_they_stood_there)
{
	const char *messages;
	struct conf *c;

	make_folder("conf.d");
	fixture_write("t.conf",
	    mem_printf(fixture_mem, "include(\"conf.d/*.conf\")\ninclude('none/*.conf')\n%s",
		fixture_conf("", "", "route session")),
	    0600);
	fixture_write(
	    "conf.d/20-routes.conf", "route \"/b\" { upstream = \"app\" }\ninclude(\"deep/x.conf\")\n", 0600);
	fixture_write("conf.d/10-routes.conf", "\xef\xbb\xbfroute \"/a\" { upstream = \"app\" }\r\n", 0600);
	fixture_write("conf.d/ignored.txt", "nonsense", 0600);
	make_folder("conf.d/deep");
	fixture_write("conf.d/deep/x.conf",
	    "route \"/c\" { upstream = \"app\" }\n\nsession {\nsecret_file = \"own.secret\"\n}", 0600);
	fixture_write("conf.d/deep/own.secret", GOOD_SECRET, 0600);
	c = load(&messages);
	ck_assert_msg(c != NULL && messages[0] == '\0', "%s", messages);
	ck_assert_uint_eq(c->n_routes, 3);
	ck_assert_str_eq(c->routes[0].path, "/a");
	ck_assert_str_eq(c->routes[1].path, "/b");
	ck_assert_str_eq(c->routes[2].path, "/c");
	ck_assert_str_eq(c->routes[2].at.file, fixture_path("conf.d/deep/x.conf"));
	ck_assert_int_eq(c->routes[2].at.line, 1);
	conf_free(&c);
}
END_TEST

START_TEST(a_mistake_in_an_included_file_has_that_file_and_its_line)
{
	make_folder("inc");
	fixture_write("t.conf",
	    mem_printf(
		fixture_mem, "workers = 0\ninclude(\"inc/*.conf\")\nusr = x\n%s", fixture_conf("", "", "")),
	    0600);
	fixture_write(
	    "inc/1.conf", "\nauth_path = {\n\"/a\",\n\"/b\" }\nroute \"/\" {\nupstream = \"app\"\n}\n", 0600);
	fixture_write("inc/2.conf", "auth_path = \"/c\"\n\n\ntrusted_proxies = {\n\"::1\",\n\n\"y\" }", 0600);
	expect_load("$D/t.conf:1: workers: \"0\" is too small; write at least 1\n"
		    "$D/inc/1.conf:2: auth_path: takes one value, not a list; leave the braces out\n"
		    "$D/inc/2.conf:1: auth_path: given twice; the first is in $D/inc/1.conf:2\n"
		    "$D/inc/2.conf:7: trusted_proxies: \"y\" is not a network; write an address, or one with "
		    "its prefix length, "
		    "for example 10.0.0.0/8 or fd00::/8\n"
		    "$D/t.conf:3: usr: no such setting; did you mean user?\n"
		    "$D/t.conf:19: route \"/\": given twice; the first is in $D/inc/1.conf:5");
}
END_TEST

START_TEST(an_include_that_leads_nowhere_or_in_a_circle_is_told)
{
	fixture_write("t.conf",
	    mem_printf(fixture_mem,
		"include(\"x.conf\")\ninclude(\"loop.conf\")\ninclude(\"${NOPE}\")\ninclude(\"\")\n%s",
		fixture_conf("", "", "")),
	    0600);
	fixture_write("loop.conf", "\ninclude(\"./loop.conf\")\n", 0600);
	expect_load("$D/t.conf:1: include: \"x.conf\": there is no such file\n"
		    "$D/loop.conf:2: include: \"$D/./loop.conf\" includes itself\n"
		    "$D/t.conf:3: include: the environment variable NOPE is not set; set it, or write "
		    "${NOPE:-default}\n"
		    "$D/t.conf:4: include: \"$D/\" is not a regular file");
}
END_TEST

START_TEST(the_depth_and_the_number_of_files_have_a_bound)
{
	for (int i = 0; i < 10; i++)
		fixture_write(mem_printf(fixture_mem, "deep%d.conf", i),
		    mem_printf(fixture_mem, "include(\"deep%d.conf\")", i + 1), 0600);
	fixture_write(
	    "t.conf", mem_printf(fixture_mem, "include(\"deep0.conf\")\n%s", fixture_conf("", "", "")), 0600);
	expect_load(
	    "$D/deep7.conf:1: include: \"$D/deep8.conf\" is one file too many; at most 256 files, 8 deep");
}
END_TEST

START_TEST(a_syntax_error_in_an_included_file_ends_the_reading)
{
	make_folder("broken");
	fixture_write("t.conf", "worker = 3\ninclude(\"broken/*.conf\")\nusr = x\n", 0600);
	fixture_write("broken/1.conf", "wrkers = 3\n}\n", 0600);
	fixture_write("broken/2.conf", "usr = x\n", 0600);
	expect_load("$D/t.conf:1: worker: no such setting; did you mean workers?\n"
		    "$D/broken/1.conf:1: wrkers: no such setting; did you mean workers?\n"
		    "$D/broken/1.conf:2: this } closes nothing; what follows was not checked");
}
END_TEST

START_TEST(a_relative_path_begins_at_the_folder_of_its_file)
{
	fixture_write("t.conf", fixture_conf("session", "secret_file = \"session.secret\"", ""), 0600);
	expect_load("");
	fixture_write("t.conf", fixture_conf("session", "secret_file = \"nope.secret\"", ""), 0600);
	expect_load(
	    "$D/t.conf:2: session.secret_file: \"$D/nope.secret\" cannot be read: No such file or directory");
}
END_TEST

START_TEST(more_mistakes_than_anybody_reads_are_counted)
{
	char *text = mem_strdup(fixture_mem, "");
	struct conf_report report = { NULL, 0, 0 };
	struct conf *c;

	for (int i = 0; i < 600; i++)
		text = mem_printf(fixture_mem, "%sx = 1\n", text);
	c = conf_parse("t.conf", str_of(text), &report);
	ck_assert_ptr_null(c);
	ck_assert_uint_eq(report.n, 501);
	ck_assert_ptr_nonnull(strstr(report.v[500].text, " more are not listed; mend these first"));
	conf_report_free(&report);
}
END_TEST

/* --- the example file ---------------------------------------------------------------- */

static char *
printed_example(void)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	ck_assert_ptr_nonnull(out);
	conf_print_example(out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

START_TEST(the_example_file_is_what_the_table_prints)
{
	char *want = printed_example(), got[65536];
	FILE *f = fopen("workflow-proxy.conf.example", "r");
	size_t n;

	ck_assert_msg(f != NULL, "run this from the root of the project");
	n = fread(got, 1, sizeof(got) - 1, f);
	got[n] = '\0';
	(void)fclose(f);
	ck_assert_msg(strcmp(got, want) == 0,
	    "print it anew: workflow-proxy.conf.example differs from the table of settings");
	free(want);
}
END_TEST

/* The example with its files in our folder. */
static char *
example_here(void)
{
	static const char *const places[] = { "/etc/workflow-proxy/", "/var/lib/workflow-proxy/" };
	char *text = printed_example(), *all = mem_strdup(fixture_mem, text), *at;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		while ((at = strstr(all, places[i])) != NULL)
			all = mem_printf(fixture_mem, "%.*s%s/%s", (int)(at - all), all, fixture_dir,
			    at + strlen(places[i]));
	free(text);
	return all;
}

/* Take the # off the line of one key of a section, which begins with `head`; put one before another key's. */
static void
comment(char *text, const char *head, const char *key, bool on)
{
	char *section = strstr(text, head), *end, *at;
	const char *line =
	    mem_printf(fixture_mem, "\n%s%s%s = ", head[0] == '#' ? "" : "\t", on ? "#" : "", key);

	ck_assert_ptr_nonnull(section);
	end = strstr(section, head[0] == '#' ? "\nlisten " : "\n}");
	at = strstr(section, line);
	ck_assert_msg(at != NULL && at < end, "%s is not in the example of %s", key, head);
	if (on)
		*strchr(at, '#') = ' ';
	else
		at[head[0] == '#' ? 0 : 1] = '#';
}

static void
good_file_names(void)
{
	fixture_write("ca.pem", "", 0600);
	ck_assert_int_eq(
	    system(mem_printf(fixture_mem, "cp %s %s", fixture_path("tls.crt"), fixture_path("ca.pem"))), 0);
	fixture_write("sealing.secret", GOOD_SECRET "Z\n", 0600);
	fixture_certificate("client.crt", "client.key", 90);
	fixture_write("backend.headers", "X-Key=1\n", 0600);
	fixture_write("redis.url", "rediss://:s3cr3t@redis.example.com\n", 0600);
	fixture_write("outbound.secret", "s3cr3t\n", 0600);
	fixture_write("admin.token", "s3cr3t\n", 0600);
	(void)mkdir(fixture_path("pages"), 0700);
	fixture_write("pages/signed_out.html", "<a href='{{home_url}}'>in</a>", 0600);
}

START_TEST(the_example_loads_as_it_is)
{
	const char *messages;
	struct conf *c;

	good_file_names();
	c = fixture_parse(example_here(), &messages);
	ck_assert_msg(c != NULL && messages[0] == '\0', "%s", messages);
	conf_free(&c);
}
END_TEST

/* What has to give way for a key of the example, and what goes with it. */
static const struct {
	const char *section, *key, *off, *with;
} company[] = {
	{ "provider", "client_secret", "client_secret_file", NULL },
	{ "session", "secret", "secret_file", NULL },
	{ "listen", "tls_certificate", NULL, "tls_certificate_key" },
	{ "listen", "tls_certificate_key", NULL, "tls_certificate" },
	{ "admin", "tls_certificate", NULL, "tls_certificate_key" },
	{ "admin", "tls_certificate_key", NULL, "tls_certificate" },
	{ "upstream", "tls_certificate", NULL, "tls_certificate_key" },
	{ "upstream", "tls_certificate_key", NULL, "tls_certificate" },
	{ "route", "username_replace", NULL, "username_match" },
	{ "session", "redis_prefix", NULL, "redis_file" },
	{ "session", "redis_tls_ca", NULL, "redis_file" },
	{ "session", "revocation_stale", NULL, "redis_file" },
};

/* What is about access tokens wants a route that takes them, and a provider that says what they are for. */
static void
take_tokens(char *text, const char *key)
{
	static const char was[] = "\n\t#auth = \"session\"", is[] = "\n\tauth = \"bearer\"  ";
	char *at = strstr(text, was);

	if (strcmp(key, "scopes") != 0 && strcmp(key, "app_roles") != 0 && strcmp(key, "cors_origins") != 0)
		return;
	ck_assert_ptr_nonnull(at);
	memcpy(at, is, strlen(was));
	comment(text, "\nprovider \"main\" {", "audience", true);
}

START_TEST(every_key_of_the_example_is_right_as_it_stands_there)
{
	const struct setting *row = &settings[_i];
	const struct settings_section *s = &settings_sections[row->section];
	bool later = s->later || (row->later != NULL && strcmp(row->later, "*") == 0);
	const char *head = row->section == SECTION_TOP
			       ? "#"
			       : mem_printf(fixture_mem, "\n%s%s {", s->name,
				     s->title == NULL ? ""
						      : mem_printf(fixture_mem, " \"%s\"",
							    s->example == NULL ? s->title : s->example));
	char *text = example_here();
	const char *messages;
	struct conf *c;

	if (row->active || s->later || s->example == NULL)
		return;
	good_file_names();
	for (size_t i = 0; i < sizeof(company) / sizeof(company[0]); i++) {
		if (strcmp(company[i].section, s->name) != 0 || strcmp(company[i].key, row->name) != 0)
			continue;
		if (company[i].off != NULL)
			comment(text, head, company[i].off, false);
		if (company[i].with != NULL)
			comment(text, head, company[i].with, true);
	}
	if (row->section == SECTION_ROUTE)
		take_tokens(text, row->name);
	if (strcmp(row->name, "mobile_clients") == 0)
		comment(text, "\nprovider \"main\" {", "audience", true);
	comment(text, head, row->name, true);
	if (strcmp(row->name, "upstream_token") == 0)
		text = mem_printf(
		    fixture_mem, "%s\noutbound \"%s\" { provider = \"main\" }\n", text, row->example);
	c = fixture_parse(text, &messages);
	if (later)
		ck_assert_msg(strstr(messages, "not supported yet; leave it out") != NULL, "%s", messages);
	else if (strstr(row->name, "secret") != NULL &&
		 (row->type == SETTING_SECRETS || row->type == SETTING_SECRET) &&
		 row->section == SECTION_SESSION)
		ck_assert_msg(strstr(messages, "the secret has 3 bytes") != NULL, "%s", messages);
	else
		ck_assert_msg(c != NULL && messages[0] == '\0', "%s\n%s", row->name, messages);
	conf_free(&c);
}
END_TEST

/* Of two ways to say it, one. */
static bool
gives_way(const char *section, const char *line)
{
	return strcmp(section, "outbound") == 0 &&
	       (strncmp(line, "provider ", 9) == 0 || strncmp(line, "client_secret ", 14) == 0);
}

START_TEST(a_section_that_the_example_has_commented_out_is_right_as_it_stands_there)
{
	const struct settings_section *s = &settings_sections[_i];
	char *text = example_here(), *at, *end;
	const char *messages;
	struct conf *c;

	if (s->example != NULL || s->later || s->parent != SECTION_TOP)
		return;
	good_file_names();
	at = strstr(text, mem_printf(fixture_mem, "\n#%s \"", s->name));
	ck_assert_msg(at != NULL, "%s is not in the example", s->name);
	end = strstr(at, "\n#}");
	ck_assert_ptr_nonnull(end);
	at[1] = end[1] = ' ';
	while ((at = strstr(at, "\n\t#")) != NULL && at < end) {
		if (at[3] != ' ' && !gives_way(s->name, at + 3))
			at[2] = ' ';
		at += 2;
	}
	c = fixture_parse(text, &messages);
	ck_assert_msg(c != NULL && messages[0] == '\0', "%s", messages);
	conf_free(&c);
}
END_TEST

/* --- the reference --------------------------------------------------------------------- */

START_TEST(the_reference_names_every_key_once)
{
	for (unsigned s = 0; s < SECTION_COUNT; s++) {
		char *text = NULL;
		size_t n;
		FILE *out = open_memstream(&text, &n);

		conf_print_help(out, settings_sections[s].name);
		ck_assert_int_eq(fclose(out), 0);
		for (size_t i = 0; i < settings_count; i++) {
			const char *line = mem_printf(fixture_mem, "\n  %s\n", settings[i].name), *at;
			const char *marked = mem_printf(fixture_mem, "\n  %s    (", settings[i].name);

			if (settings[i].section != s)
				continue;
			at = strstr(text, line) != NULL ? strstr(text, line) : strstr(text, marked);
			ck_assert_msg(at != NULL, "%s is not in\n%s", settings[i].name, text);
			ck_assert(settings[i].help[strlen(settings[i].help) - 1] == '.');
		}
		free(text);
	}
}
END_TEST

START_TEST(no_row_is_there_twice_and_every_row_has_a_value_to_show)
{
	for (size_t i = 0; i < settings_count; i++) {
		const struct setting *row = &settings[i];

		ck_assert_msg(row->fallback != NULL || row->example != NULL, "%s", row->name);
		ck_assert_ptr_eq(settings_find(row->section, str_of(row->name)), row);
		ck_assert_msg(row->type == SETTING_SECRET_FILE || strstr(row->name, "secret") == NULL ||
				  row->secret || strstr(row->name, "expires") != NULL,
		    "%s may be printed", row->name);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/files");
	TCase *t = tcase_create("files");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, fixture_begin, fixture_end);
	tcase_add_test(t, a_file_that_cannot_be_read_is_told);
	tcase_add_test(t, included_files_count_as_if_they_stood_there);
	tcase_add_test(t, a_mistake_in_an_included_file_has_that_file_and_its_line);
	tcase_add_test(t, an_include_that_leads_nowhere_or_in_a_circle_is_told);
	tcase_add_test(t, the_depth_and_the_number_of_files_have_a_bound);
	tcase_add_test(t, a_syntax_error_in_an_included_file_ends_the_reading);
	tcase_add_test(t, a_relative_path_begins_at_the_folder_of_its_file);
	tcase_add_test(t, more_mistakes_than_anybody_reads_are_counted);
	tcase_add_test(t, the_example_file_is_what_the_table_prints);
	tcase_add_test(t, the_example_loads_as_it_is);
	tcase_add_loop_test(
	    t, a_section_that_the_example_has_commented_out_is_right_as_it_stands_there, 0, SECTION_COUNT);
	tcase_add_loop_test(t, every_key_of_the_example_is_right_as_it_stands_there, 0, (int)settings_count);
	tcase_add_test(t, the_reference_names_every_key_once);
	tcase_add_test(t, no_row_is_there_twice_and_every_row_has_a_value_to_show);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
