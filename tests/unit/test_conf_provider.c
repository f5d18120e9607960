/* conf/: several providers, each with a callback and a cookie of its own, and the routes that name them */
#include "conf_fixture.h"

#define ROWS(table)     (int)(sizeof(table) / sizeof((table)[0]))
#define KEYS            "issuer = \"https://op.example.com\"\nclient_id = rp\nclient_secret = s\n"
#define AND(name, more) "provider \"" name "\" {\n" KEYS more "}\n" /* 5 lines, and those of `more` */
#define MAIN            AND("main", "")
#define BEARER          "audience = \"https://api\"\n"
#define ROUTE(more)     "route \"/\" { upstream = app " more " }\n"

/* clang-format off */
static const struct row rows[] = {
	{ "", MAIN AND("corp", "") AND("corp-b", "") AND("co_1x", "") AND("co", "") AND("login.example.com", ""), "", "provider" },
	/* the first has no cookie that ends on its title */
	{ "", MAIN AND("main_1", "") AND("main.t", ""), "", "provider" },
	{ "", AND("Zwölf!", ""), "", "provider" },
	{ "", MAIN MAIN,
	    "6: provider \"main\": given twice; the first is in t.conf:1", "provider" },
	{ "", MAIN AND("two", "") AND("MAIN", ""),
	    "11: provider \"MAIN\": the same as provider \"main\" in t.conf:1; leave one of them out", "provider" },
	{ "", MAIN AND("a b", "") AND("a/b", "") AND(".", "") AND("ä", "") AND("a;b", "") AND("a%b", ""),
	    "6: provider \"a b\": is a further provider, whose title is part of a path and of a cookie's name; write it with letters, digits, - _ and . only\n"
	    "11: provider \"a/b\": is a further provider, whose title is part of a path and of a cookie's name; write it with letters, digits, - _ and . only\n"
	    "16: provider \".\": is a further provider, whose title is part of a path and of a cookie's name; write it with letters, digits, - _ and . only\n"
	    "21: provider \"ä\": is a further provider, whose title is part of a path and of a cookie's name; write it with letters, digits, - _ and . only\n"
	    "26: provider \"a;b\": is a further provider, whose title is part of a path and of a cookie's name; write it with letters, digits, - _ and . only\n"
	    "31: provider \"a%b\": is a further provider, whose title is part of a path and of a cookie's name; write it with letters, digits, - _ and . only", "provider" },
	{ "", MAIN AND("a", "") AND("a_1", ""),
	    "11: provider \"a_1\": its cookies could be taken for those of provider \"a\"; choose another title", "provider" },
	{ "", MAIN AND("A.t", "") AND("a", ""),
	    "11: provider \"a\": its cookies could be taken for those of provider \"A.t\"; choose another title", "provider" },
	{ "", MAIN AND("two", "callback_path = \"/AUTH/callback\"\n"),
	    "10: provider \"two\": callback_path: \"/AUTH/callback\" is the callback of provider \"main\" already; write a path of its own", "provider" },
	{ "", AND("main", "callback_path = \"/auth/callback/two\"\n") AND("two", ""),
	    "7: provider \"two\": callback_path: \"/auth/callback/two\" is the callback of provider \"main\" already; write a path of its own", "provider" },
	{ "", MAIN AND("two", "callback_path = \"/\"\n") AND("three", "callback_path = \"/auth/logout\"\n"),
	    "10: provider \"two\": callback_path: \"/\" would take the first page; write a path of its own\n"
	    "16: provider \"three\": callback_path: \"/auth/logout\" is another endpoint of the proxy; write a path of its own", "provider" },
	/* told once, whoever uses it */
	{ "", "callback_path = \"/\"\n" MAIN AND("two", ""),
	    "1: callback_path: \"/\" would take the first page; write a path of its own", "provider" },
	{ "", MAIN ROUTE("provider = { \"main\", \"Main\" }"),
	    "6: route \"/\": provider: there is no provider \"Main\"; write the title of a provider section", "provider route" },
	{ "", MAIN AND("two", "") ROUTE("provider = { \"two\", \"main\", \"two\" }"),
	    "11: route \"/\": provider: \"two\" is in the list before; write each provider once", "provider route" },
	/* each of the route's providers is asked for what its tokens must be for, and no other */
	{ "", AND("main", BEARER) AND("two", "") ROUTE("auth = bearer"), "", "provider route" },
	{ "", MAIN AND("two", BEARER) ROUTE("auth = bearer provider = two"), "", "provider route" },
	{ "", AND("main", BEARER) AND("two", "") ROUTE("auth = any provider = { \"main\", \"two\" }"),
	    "12: route \"/\": auth: \"any\" needs access tokens, and nothing says what those of provider \"two\" must be for; set its audience", "provider route" },
};
/* clang-format on */

START_TEST(a_mistake_about_several_providers_is_told)
{
	expect(&rows[_i]);
}
END_TEST

START_TEST(a_title_that_is_too_long_is_told)
{
	char title[130], want[256];
	struct row row = { "", NULL, want, "provider" };

	memset(title, 'a', sizeof(title) - 1);
	title[sizeof(title) - 1] = '\0';
	row.text = mem_printf(fixture_mem, "provider \"%s\" {\n" KEYS "}", title);
	(void)snprintf(
	    want, sizeof(want), "1: provider \"%s\": has a title of more than 128 bytes; shorten it", title);
	expect(&row);
}
END_TEST

static struct conf *
load(const char *text)
{
	const char *messages;
	struct conf *c = fixture_parse(fixture_conf("", text, "provider route"), &messages);

	ck_assert_msg(c != NULL && messages[0] == '\0', "%s", messages);
	return c;
}

START_TEST(each_has_a_callback_of_its_own)
{
	struct conf *c = load(MAIN AND("two", "") AND("three", "callback_path = \"/three\"\n") ROUTE(""));

	ck_assert_uint_eq(c->n_providers, 3);
	ck_assert_str_eq(c->providers[0].name, "main");
	ck_assert_str_eq(c->providers[0].callback_path, "/auth/callback");
	ck_assert_str_eq(c->providers[1].name, "two");
	ck_assert_str_eq(c->providers[1].callback_path, "/auth/callback/two");
	ck_assert_str_eq(c->providers[2].callback_path, "/three");
	conf_free(&c);
	c = load("callback_path = \"/signin/\"\n" AND("main", "callback_path = \"/one\"\n") AND("two", "")
		ROUTE(""));
	ck_assert_str_eq(c->providers[0].callback_path, "/one");
	ck_assert_str_eq(c->providers[1].callback_path, "/signin/two");
	conf_free(&c);
}
END_TEST

START_TEST(a_route_is_open_to_the_first_unless_it_names_others)
{
	struct conf *c = load(MAIN AND("two", "") ROUTE("") "route \"/a\" { upstream = app provider = two }\n"
							    "route \"/b\" { upstream = app provider = { "
							    "\"two\", \"main\" } }\n");

	ck_assert(c->routes[0].n_providers == 1 && c->routes[0].providers[0] == 0);
	ck_assert(c->routes[1].n_providers == 1 && c->routes[1].providers[0] == 1);
	ck_assert(c->routes[2].n_providers == 2 && c->routes[2].providers[0] == 1 &&
		  c->routes[2].providers[1] == 0);
	conf_free(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/provider");
	TCase *t = tcase_create("several");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, fixture_begin, fixture_end);
	tcase_add_loop_test(t, a_mistake_about_several_providers_is_told, 0, ROWS(rows));
	tcase_add_test(t, a_title_that_is_too_long_is_told);
	tcase_add_test(t, each_has_a_callback_of_its_own);
	tcase_add_test(t, a_route_is_open_to_the_first_unless_it_names_others);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
