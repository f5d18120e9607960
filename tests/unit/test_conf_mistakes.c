/* conf/: every mistake of form, and at the top level, has its line, its key, and what would be right */
#include "conf_fixture.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

/* clang-format off */
static const struct row names[] = {
	{ "", "workrs = 4",
	    "1: workrs: no such setting; did you mean workers?", NULL },
	{ "", "Workers = 4",
	    "1: Workers: no such setting; did you mean workers?", NULL },
	{ "", "timeout = 5",
	    "1: timeout: no such setting; it is a setting of provider or session", NULL },
	{ "", "xyzzy = 5",
	    "1: xyzzy: no such setting", NULL },
	{ "session", "server = \"x\"",
	    "2: session.server: no such setting", NULL },
	{ "session", "workers = 4",
	    "2: session.workers: no such setting; it is a setting of the top level", NULL },
	{ "provider", "clientid = \"x\"",
	    "2: provider \"main\": clientid: no such setting; did you mean client_id?", NULL },
	{ "", "limts { a = 1 b { c = \"}\" } }",
	    "1: limts: no such section; did you mean limits?", NULL },
	{ "", "rout \"/x\" { upstream = \"app\" }",
	    "1: rout: no such section; did you mean route?", NULL },
	{ "session", "route \"/x\" { }",
	    "2: session.route: no section may begin here; is a } missing above?", NULL },
	{ "", "log = \"info\"",
	    "1: log: is a section; write log { ... }", NULL },
	{ "", "workers { }",
	    "1: workers: is a setting; write it with =, for example workers = \"...\"\n"
	    "1: workers: takes one value, not a list; leave the braces out", NULL },
	{ "", "workers 4",
	    "1: workers: is a setting; write it with =, for example workers = \"...\"", NULL },
	{ "", "auth_path \"/a\"",
	    "1: auth_path: is a setting; write it with =, for example auth_path = \"...\"", NULL },
	{ "", "log \"x\" { }",
	    "1: log: has no title; write log { ... }", NULL },
	{ "", "listen { }",
	    "1: listen: needs a title; write listen \"ADDRESS:PORT\" { ... }", NULL },
	{ "", "listen \"\" { }",
	    "1: listen: needs a title; write listen \"ADDRESS:PORT\" { ... }", NULL },
	{ "", "upstream \"${NOPE}\" { servers = \"http://a\" }",
	    "1: upstream: the environment variable NOPE is not set; set it, or write ${NOPE:-default}", NULL },
	{ "", "workers = 2\nworkers = 3\nworkers = 4",
	    "2: workers: given twice; the first is in t.conf:1\n"
	    "3: workers: given twice; the first is in t.conf:1", NULL },
	{ "session", "timeout = \"8h\"\ntimeout = \"9h\"",
	    "3: session.timeout: given twice; the first is in t.conf:2", NULL },
	{ "", "log { }\nlog { level = x }\nlimits { }\nlimits { }",
	    "2: log: given twice; the first is in t.conf:1\n"
	    "2: log.level: \"x\" is not accepted; write one of: error warn info debug\n"
	    "4: limits: given twice; the first is in t.conf:3", NULL },
	{ "", "session { }",
	    "1: session.secret: required, and not set; write secret_file = \"...\" with what `workflow-proxy secret` prints in the file\n"
	    "10: session: given twice; the first is in t.conf:1", NULL },
	{ "", "upstream \"app\" { servers = \"http://a\" }",
	    "13: upstream \"app\": given twice; the first is in t.conf:1", NULL },
	{ "", "trusted_proxies += \"10.0.0.0/8\"",
	    "1: trusted_proxies: += is not understood; write one list with all values", NULL },
	{ "", "workers = 4;",
	    "1: ; has no meaning here; leave it out", NULL },
	{ "", "include(\"x\", \"y\")",
	    "1: a ) should stand here: include(\"conf.d/*.conf\"); what follows was not checked", NULL },
	{ "session", "include(\"x\")",
	    "2: include: stands inside a section; write it at the top level", NULL },
};

static const struct row texts[] = {
	{ "", "user = \"${NOPE}\"",
	    "1: user: the environment variable NOPE is not set; set it, or write ${NOPE:-default}", NULL },
	{ "", "user = \"${NOPE\"",
	    "1: user: ${ is not closed; write ${NAME} or ${NAME:-default}, or \\${ for the text itself", NULL },
	{ "", "user = \"${9}\"",
	    "1: user: ${...} is not understood; write ${NAME} or ${NAME:-default}", NULL },
	{ "", "user = \"${A-b}\"",
	    "1: user: ${...} is not understood; write ${NAME} or ${NAME:-default}", NULL },
	{ "", "user = ${NOPE}",
	    "1: user: ${ is only understood between double quotes; write \"${NAME}\"", NULL },
	{ "", "user = \"a\\qb\"",
	    "1: user: a backslash stands before a character that is no escape; write \\\\ for a backslash, or use single quotes", NULL },
	{ "", "user = \"\\1\"",
	    "1: user: a backslash and a digit mean nothing in double quotes; write \\\\1, or '\\1' in single quotes", NULL },
	{ "", "user = \"a\\nb\"",
	    "1: user: holds a control character, or bytes that are not UTF-8", NULL },
	{ "", "user = \"\\x00\"",
	    "1: user: holds a control character, or bytes that are not UTF-8", NULL },
	{ "", "user = \"\\xff\"",
	    "1: user: holds a control character, or bytes that are not UTF-8", NULL },
	{ "", "user = \"\u202e\"",
	    "1: user: holds a control character, or bytes that are not UTF-8", NULL },
	{ "", "user = \"\"",
	    "1: user: is empty; write a value, or leave the setting out", NULL },
	{ "", "user = ''",
	    "1: user: is empty; write a value, or leave the setting out", NULL },
	{ "", "user = \"${EMPTY:-}\"",
	    "1: user: is empty; write a value, or leave the setting out", NULL },
	{ "", "shutdown_timeout = 8 hours",
	    "1: shutdown_timeout: something stands behind the value; a text with spaces needs quotes, several values are written { \"a\", \"b\" }", NULL },
	{ "session", "timeout = 8 hours\ncookie = a b c\npath = \"/\" \"x\"",
	    "2: session.timeout: something stands behind the value; a text with spaces needs quotes, several values are written { \"a\", \"b\" }\n"
	    "3: session.cookie: something stands behind the value; a text with spaces needs quotes, several values are written { \"a\", \"b\" }\n"
	    "3: session.cookie: something stands behind the value; a text with spaces needs quotes, several values are written { \"a\", \"b\" }\n"
	    "4: session.path: something stands behind the value; a text with spaces needs quotes, several values are written { \"a\", \"b\" }", NULL },
	{ "", "shutdown_timeout = { \"8s\" }",
	    "1: shutdown_timeout: takes one value, not a list; leave the braces out", NULL },
	{ "", "shutdown_timeout = { }",
	    "1: shutdown_timeout: takes one value, not a list; leave the braces out", NULL },
};

static const struct row one_line[] = {
	{ "", "workers = 2 user = \"root\" log { level = info format = json } auth_path = /a listen \"*:1\" { } "
	    "upstream x { servers = { \"http://a\" } balance = least_conn } route '/x' { upstream = x auth = none }", "", NULL },
};

static const struct row broken[] = {
	{ "", "user = \"a\nworkers = x",
	    "1: the double quote that opens here is not closed on this line; what follows was not checked", NULL },
	{ "", "user = 'a\nworkers = x",
	    "1: the single quote that opens here is not closed on this line; what follows was not checked", NULL },
	{ "", "workers = x\nuser = = 3\nworkers = y",
	    "1: workers: \"x\" is not a number; write digits only, for example 20\n"
	    "2: a value should stand behind the =; what follows was not checked", NULL },
	{ "", "workers =",
	    "1: workers: has no value; write one on the same line", NULL },
	{ "", "= 3",
	    "1: a setting or a section should begin here: NAME = VALUE, or NAME \"TITLE\" { ... }; what follows was not checked", NULL },
	{ "", "}",
	    "1: this } closes nothing; what follows was not checked", NULL },
	{ "", "{",
	    "1: a setting or a section should begin here: NAME = VALUE, or NAME \"TITLE\" { ... }; what follows was not checked", NULL },
	{ "", "log {\nlevel = x\nformat = y",
	    "2: log.level: \"x\" is not accepted; write one of: error warn info debug\n"
	    "3: log.format: \"y\" is not accepted; write one of: logfmt json\n"
	    "4: log.public_url: no such setting; it is a setting of the top level\n"
	    "5: log.listen: no section may begin here; is a } missing above?\n"
	    "7: log.provider: no section may begin here; is a } missing above?\n"
	    "12: log.session: no section may begin here; is a } missing above?\n"
	    "15: log.upstream: no section may begin here; is a } missing above?\n"
	    "18: log.route: no section may begin here; is a } missing above?\n"
	    "21: the file ends inside log, which begins in line 1; write a } where it ends; what follows was not checked", NULL },
	{ "", "\"user\" = x",
	    "1: the name of a setting or of a section should stand here, without quotes; what follows was not checked", NULL },
	{ "", "/* x",
	    "1: the comment that begins here has no end; write */; what follows was not checked", NULL },
	{ "", "trusted_proxies = { \"x\" \"y\" }",
	    "1: trusted_proxies: \"x\" is not a network; write an address, or one with its prefix length, for example 10.0.0.0/8 or fd00::/8\n"
	    "1: a , or a } should stand here; a list is { \"a\", \"b\" }; what follows was not checked", NULL },
	{ "", "trusted_proxies = { \"x\", { } }",
	    "1: trusted_proxies: \"x\" is not a network; write an address, or one with its prefix length, for example 10.0.0.0/8 or fd00::/8\n"
	    "1: a value should stand here; a list is { \"a\", \"b\" }; what follows was not checked", NULL },
	{ "", "trusted_proxies = { \"x\",",
	    "1: trusted_proxies: \"x\" is not a network; write an address, or one with its prefix length, for example 10.0.0.0/8 or fd00::/8\n"
	    "2: trusted_proxies: \"public_url\" is not a network; write an address, or one with its prefix length, for example 10.0.0.0/8 or fd00::/8\n"
	    "2: a , or a } should stand here; a list is { \"a\", \"b\" }; what follows was not checked", NULL },
	{ "", "user ( x )",
	    "1: only include may have a ( behind it; a setting is NAME = VALUE; what follows was not checked", NULL },
	{ "", "include(x",
	    "1: a file should stand here: include(\"conf.d/*.conf\"); what follows was not checked", NULL },
	{ "", "include()",
	    "1: a file should stand here: include(\"conf.d/*.conf\"); what follows was not checked", NULL },
	{ "", "user",
	    "1: user: is a setting; write it with =, for example user = \"...\"\n"
	    "1: user: has no value; write one on the same line", NULL },
	{ "", "log x y { }",
	    "1: log: has no title; write log { ... }\n"
	    "1: a { should stand here: NAME = VALUE, or NAME \"TITLE\" { ... }; what follows was not checked", NULL },
	{ "", "user = a\ab",
	    "1: user: \"a\" is not a user of this system; write the name of one\n"
	    "1: a control character or a NUL byte stands here, and this is no text file any more; what follows was not checked", NULL },
	{ "", "x { { }",
	    "1: x: no such section\n"
	    "1: the { that opens here is not closed; what follows was not checked", NULL },
	{ "provider", "client_id = \"x\nkind = y",
	    "2: the double quote that opens here is not closed on this line; what follows was not checked", NULL },
};

static const struct row top[] = {
	{ "", "",
	    "1: public_url: required, and not set; for example public_url = \"https://flow.example.com\"", "public_url" },
	{ "", "public_url = { }",
	    "1: public_url: is an empty list; for example public_url = \"https://flow.example.com\"", NULL },
	{ "", "public_url = \"flow.example.com\"",
	    "1: public_url: \"flow.example.com\" is not a URL that browsers can be sent to: a URL must begin with https:// or http://; write https://HOST or https://HOST/PATH", NULL },
	{ "", "public_url = \"https://u@flow.example.com\"",
	    "1: public_url: \"https://u@flow.example.com\" is not a URL that browsers can be sent to: a URL must not hold a user (...@) here; write https://HOST or https://HOST/PATH", NULL },
	{ "", "public_url = \"https://flow.example.com/?x\"",
	    "1: public_url: \"https://flow.example.com/?x\" has a query, or a path that is not canonical; write https://HOST or https://HOST/PATH", NULL },
	{ "", "public_url = \"https://flow.example.com/#x\"",
	    "1: public_url: \"https://flow.example.com/#x\" is not a URL that browsers can be sent to: a URL must have no fragment (#...) here; write https://HOST or https://HOST/PATH", NULL },
	{ "", "public_url = \"https://flow.example.com/a//b\"",
	    "1: public_url: \"https://flow.example.com/a//b\" has a query, or a path that is not canonical; write https://HOST or https://HOST/PATH", NULL },
	{ "", "public_url = \"https://flow.example.com/%41\"",
	    "1: public_url: \"https://flow.example.com/%41\" has a query, or a path that is not canonical; write https://HOST or https://HOST/PATH", NULL },
	{ "", "public_url = { \"https://a.example\",\n\"https://A.example:444/x\" }",
	    "2: public_url: \"https://A.example:444/x\" has the host of the one in t.conf:1; each host has one public_url", NULL },
	{ "", "public_url = \"http://flow.example.com\"",
	    "warning: 1: public_url: \"http://flow.example.com\" is http: everybody on the way can read and take over sessions; use https", NULL },
	{ "", "auth_path = \"auth\"",
	    "1: auth_path: \"auth\" is not a path as it must be written here: it begins with /", NULL },
	{ "", "auth_path = \"/\"",
	    "1: auth_path: \"/\" would take every path; write one of its own, for example \"/auth\"", NULL },
	{ "", "auth_path = \"/a/../b\"",
	    "1: auth_path: \"/a/../b\" is not a path as it must be written here: write it without . and .. segments", NULL },
	{ "", "callback_path = \"/\"",
	    "1: callback_path: \"/\" would take the first page; write a path of its own", NULL },
	{ "", "callback_path = \"/auth/logout\"",
	    "1: callback_path: \"/auth/logout\" is another endpoint of the proxy; write a path of its own", NULL },
	{ "", "callback_path = \"/a b\"",
	    "1: callback_path: \"/a b\" is not a path as it must be written here: it has letters, digits and - . _ ~ ! $ & ' ( ) + , = : @ only", NULL },
	{ "", "workers = 0",
	    "1: workers: \"0\" is too small; write at least 1", NULL },
	{ "", "workers = 1025",
	    "1: workers: \"1025\" is too large; write at most 1024", NULL },
	{ "", "workers = many",
	    "1: workers: \"many\" is not a number; write digits only, for example 20", NULL },
	{ "", "workers = -1",
	    "1: workers: \"-1\" is not a number; write digits only, for example 20", NULL },
	{ "", "user = \"no-such-user\"",
	    "1: user: \"no-such-user\" is not a user of this system; write the name of one", NULL },
	{ "", "pages = \"/x\"",
	    "1: pages: \"/x\" cannot be read: No such file or directory; write the path of a directory", NULL },
	{ "", "shutdown_timeout = \"2h\"",
	    "1: shutdown_timeout: \"2h\" is too large; write at most 1h", NULL },
	{ "", "trusted_proxies = { \"10.0.0.1/8\", \"fd00::1/64\", \"10.0.0.0/33\", \"10.0.0.0/\", \"x\", \"unix:\", \"::/0\" }",
	    "1: trusted_proxies: \"10.0.0.1/8\" has bits set behind its prefix; write 10.0.0.0/8, or 10.0.0.1/32 for the one address\n"
	    "1: trusted_proxies: \"fd00::1/64\" has bits set behind its prefix; write fd00::/64, or fd00::1/128 for the one address\n"
	    "1: trusted_proxies: \"10.0.0.0/33\" has no prefix length behind its /; write a number up to 32\n"
	    "1: trusted_proxies: \"10.0.0.0/\" has no prefix length behind its /; write a number up to 32\n"
	    "1: trusted_proxies: \"x\" is not a network; write an address, or one with its prefix length, for example 10.0.0.0/8 or fd00::/8", NULL },
	{ "log", "level = loud\nformat = xml\naccess = \"/nowhere/a.log\"\nfile = \"${D}\"",
	    "2: log.level: \"loud\" is not accepted; write one of: error warn info debug\n"
	    "3: log.format: \"xml\" is not accepted; write one of: logfmt json\n"
	    "4: log.access: \"/nowhere/a.log\" is in a folder that does not exist; make the folder, or write -\n"
	    "5: log.file: \"$D\" is a folder; write the name of a file, or -", NULL },
	{ "limits", "max_connections = 0\nheader_size = \"2t\"\nbody_size = 0\nheader_timeout = \"1.5s\"\nidle_timeout = \"2d\"\nstream_timeout = 99999999999999999999\nlogins_per_minute = \"1k\"\nheader_timeout = 2",
	    "2: limits.max_connections: \"0\" is too small; write at least 1\n"
	    "3: limits.header_size: \"2t\" is not a size; write a number and k, m or g, for example \"64k\"\n"
	    "4: limits.body_size: \"0\" is too small; write at least 1\n"
	    "5: limits.header_timeout: \"1.5s\" is not a duration; write a number and ms, s, m, h or d, for example \"8h\"\n"
	    "6: limits.idle_timeout: \"2d\" is too large; write at most 1d\n"
	    "7: limits.stream_timeout: \"99999999999999999999\" is not a duration; write a number and ms, s, m, h or d, for example \"8h\"\n"
	    "8: limits.logins_per_minute: \"1k\" is not a number; write digits only, for example 20\n"
	    "9: limits.header_timeout: given twice; the first is in t.conf:5", NULL },
};

static const struct row later[] = {
	{ "", "outbound \"x\" { grant = \"y\"\nnope = 1 }",
	    "1: outbound \"x\": has neither provider nor token_endpoint; write for example provider = \"main\", or token_endpoint, client_id and client_secret_file\n"
	    "1: outbound \"x\": grant: \"y\" is not accepted; write one of: client_credentials refresh_token\n"
	    "2: outbound \"x\": nope: no such setting", NULL },
	{ "", "certificate \"x\" { }",
	    "1: certificate: no such section", NULL },
};
/* clang-format on */

START_TEST(a_name_that_is_not_known_or_not_alone_is_told)
{
	expect(&names[_i]);
}
END_TEST

START_TEST(a_text_that_cannot_be_read_is_told)
{
	expect(&texts[_i]);
}
END_TEST

START_TEST(white_space_is_all_that_parts_settings)
{
	expect(&one_line[_i]);
}
END_TEST

START_TEST(a_syntax_error_is_told_with_what_precedes_it)
{
	expect(&broken[_i]);
}
END_TEST

START_TEST(a_mistake_at_the_top_level_is_told)
{
	expect(&top[_i]);
}
END_TEST

START_TEST(a_section_that_nothing_acts_on_is_refused)
{
	expect(&later[_i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/mistakes");
	TCase *t = tcase_create("mistakes");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, fixture_begin, fixture_end);
	tcase_add_loop_test(t, a_name_that_is_not_known_or_not_alone_is_told, 0, ROWS(names));
	tcase_add_loop_test(t, a_text_that_cannot_be_read_is_told, 0, ROWS(texts));
	tcase_add_loop_test(t, white_space_is_all_that_parts_settings, 0, ROWS(one_line));
	tcase_add_loop_test(t, a_syntax_error_is_told_with_what_precedes_it, 0, ROWS(broken));
	tcase_add_loop_test(t, a_mistake_at_the_top_level_is_told, 0, ROWS(top));
	tcase_add_loop_test(t, a_section_that_nothing_acts_on_is_refused, 0, ROWS(later));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
