/*
 * proxy/main.c - the command line
 *
 * Exit status: 0 well done, 1 it failed, 2 used wrongly (one line on standard
 * error).
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curlver.h>
#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>

#include "conf/conf.h"
#include "conf/mem.h"
#include "conf/secret.h"
#include "conf/settings.h"
#include "proxy/doctor.h"
#include "proxy/explain.h"
#include "proxy/import.h"
#include "proxy/link.h"
#include "proxy/process.h"

#define DEFAULT_CONF "/etc/workflow-proxy/workflow-proxy.conf"

struct call {
	const char *conf;
	bool test;
	int argc; /* what follows the verb */
	char **argv;
};

static int run(const struct call *);
static int check(const struct call *);
static int make_secret(const struct call *);
static int doctor(const struct call *);
static int explain(const struct call *);
static int import(const struct call *);
static int universal_link(const struct call *);
static int take_conf(struct call *);
static void show_report(struct conf_report *, bool);
static int help(const struct call *);
static bool is_section(const char *);
static int wrong(const char *, const char *);
static void wipe_and_free(void *);

static const struct verb {
	const char *name;
	int (*run)(const struct call *);
	const char *usage;
	const char *help;
} verbs[] = {
	{ "secret", make_secret, "workflow-proxy secret",
	    "Prints a fresh session secret: 256 bits, base64url.\n"
	    "Put it into a file that only the proxy's user can read and name that file in "
	    "session.secret_file.\n" },
	{ "doctor", doctor, "workflow-proxy doctor [-c FILE]",
	    "Reaches each provider and upstream as the server would, and prints one line per check:\n"
	    "ok, warn or FAIL, what was found, and the mend. Also the addresses to register at the\n"
	    "provider, the cookies, and what runs out when. Status 0 without a FAIL, 1 otherwise.\n"
	    "Run it as the proxy's user; nothing secret is printed.\n" },
	{ "token", explain,
	    "workflow-proxy token [-c FILE] [--provider NAME] [--route PATH] [--id | --access] [TOKEN-FILE | "
	    "-]",
	    "Explains a token (from a file, or - for standard input, which is the default): its header,\n"
	    "its claims, its times in words, then each check with both values and what can be changed.\n"
	    "A session token of ours is explained, too. --route PATH (or HOST/PATH) asks further whether it, "
	    "or\n"
	    "a session made of it, may open that page, and which rule says so.\n"
	    "The signature is never printed. Status 0 when the token is valid, 1 when not.\n" },
	{ "import", import, "workflow-proxy import web.config [-o FILE]",
	    "Makes a configuration of the settings of WorkflowGen (ApplicationSecurityAuth...) or of Cora\n"
	    "SeQuence (OpenID Connect) in a web.config. What it cannot carry over is a \"# " IMPORT_WORD
	    "\" line\n"
	    "directly above the setting that it is about, and a warning. A new file (-o) is its owner's\n"
	    "alone, and no other is overwritten; without -o the configuration goes to standard output,\n"
	    "without its secrets where that is a terminal. Status 0, or 1 when nothing came of it.\n" },
	{ "universal-link", universal_link, "workflow-proxy universal-link [-c FILE]",
	    "Prints the link that tells the mobile app where to sign in, one for each public_url.\n" },
	{ "help", help, "workflow-proxy help [VERB | SECTION | pages]",
	    "Explains a verb, or lists the settings of a section of the configuration file\n"
	    "(global, listen, admin, log, limits, provider, session, upstream, route, ...);\n"
	    "pages: the templates that may replace the built-in pages.\n" },
};

static const char usage[] =
    "workflow-proxy - an OpenID Connect relying party in front of a web application\n"
    "\n"
    "  workflow-proxy [-c FILE]       run in the foreground (default FILE: " DEFAULT_CONF ")\n"
    "  workflow-proxy -t [-c FILE]    check the configuration and every file it names\n"
    "  workflow-proxy doctor [-c FILE]\n"
    "                                 reach providers and upstreams, and say what is wrong\n"
    "  workflow-proxy token [-c FILE] [--provider NAME] [--route PATH] [--id | --access] [TOKEN-FILE | -]\n"
    "                                 explain a token, check by check\n"
    "  workflow-proxy import web.config [-o FILE]\n"
    "                                 make a configuration of WorkflowGen's or Cora SeQuence's settings\n"
    "  workflow-proxy universal-link [-c FILE]\n"
    "                                 print the mobile app's link\n"
    "  workflow-proxy secret          print a fresh session secret\n"
    "  workflow-proxy help [VERB | SECTION | pages]\n"
    "  workflow-proxy --version | --help\n"
    "\n"
    "Signals: SIGTERM, SIGINT finish what is in flight and stop; SIGHUP reloads; SIGUSR1 reopens the logs.\n";

int
main(int argc, char **argv)
{
	struct call call = { .conf = DEFAULT_CONF };
	size_t v;
	int i;

	json_set_alloc_funcs(malloc, wipe_and_free); /* tokens pass through it */
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help(&call);
		if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) {
			(void)printf("workflow-proxy %s (libevent %s, libcurl %s, jansson %s, %s)\n",
			    WORKFLOW_PROXY_VERSION, event_get_version(), LIBCURL_VERSION, JANSSON_VERSION,
			    OpenSSL_version(OPENSSL_VERSION));
			return 0;
		}
		if (strcmp(argv[i], "-t") == 0) {
			call.test = true;
		} else if (strcmp(argv[i], "-c") == 0) {
			if (i + 1 == argc)
				return wrong("-c needs a file", "");
			call.conf = argv[++i];
		} else if (argv[i][0] == '-') {
			return wrong("no such option: ", argv[i]);
		} else {
			break;
		}
	}
	if (i == argc)
		return call.test ? check(&call) : run(&call);
	for (v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
		if (strcmp(argv[i], verbs[v].name) == 0) {
			call.argc = argc - i - 1;
			call.argv = argv + i + 1;
			return call.test ? wrong("-t takes no verb: ", argv[i]) : verbs[v].run(&call);
		}
	}
	return wrong("no such verb: ", argv[i]);
}

static int
run(const struct call *c)
{
	return process_run(c->conf);
}

/* Every mistake on its own line; warnings never change the status. */
static int
check(const struct call *c)
{
	struct conf_report report = { 0 };
	struct conf *conf = conf_load(c->conf, &report);
	int status = conf == NULL;

	show_report(&report, true);
	if (conf != NULL)
		(void)printf("%s: valid\n", c->conf);
	conf_free(&conf);
	return status;
}

static void
show_report(struct conf_report *r, bool warnings)
{
	for (size_t i = 0; i < r->n; i++)
		if (warnings || !r->v[i].warning)
			(void)fprintf(stderr, "%s%s\n", r->v[i].text, r->v[i].warning ? " (warning)" : "");
	conf_report_free(r);
}

/* -c behind a verb that takes nothing else; -1 when it was used wrongly, and said so. */
static int
take_conf(struct call *c)
{
	for (int i = 0; i < c->argc; i++) {
		if (strcmp(c->argv[i], "-c") != 0) {
			(void)wrong("this verb takes -c FILE only: ", c->argv[i]);
			return -1;
		}
		if (++i == c->argc) {
			(void)wrong("-c needs a file", "");
			return -1;
		}
		c->conf = c->argv[i];
	}
	return 0;
}

static int
doctor(const struct call *c)
{
	struct call call = *c;

	return take_conf(&call) == -1 ? 2 : doctor_run(call.conf, stdout);
}

static int
universal_link(const struct call *c)
{
	struct call call = *c;
	struct conf_report report = { 0 };
	struct conf *conf;
	struct mem *m;
	int status = 0;

	if (take_conf(&call) == -1)
		return 2;
	conf = conf_load(call.conf, &report);
	show_report(&report, false);
	if (conf == NULL)
		return 1;
	m = mem_new(65536);
	for (size_t i = 0; i < conf->n_origins && status == 0; i++) {
		struct err e;
		const char *link = link_print(&conf->providers[0], &conf->origins[i], m, &e);

		if (link != NULL)
			(void)printf("%s\n", link);
		else
			(void)fprintf(stderr, "workflow-proxy: %s\n", e.text);
		status = link == NULL;
	}
	mem_free(&m);
	conf_free(&conf);
	return status;
}

static int
explain(const struct call *c)
{
	struct explain_ask a = { .conf = c->conf };
	int i;

	for (i = 0; i < c->argc; i++) {
		const char *arg = c->argv[i], **value = NULL;

		if (strcmp(arg, "-c") == 0)
			value = &a.conf;
		else if (strcmp(arg, "--provider") == 0)
			value = &a.provider;
		else if (strcmp(arg, "--route") == 0)
			value = &a.route;
		else if (strcmp(arg, "--id") == 0 && a.kind != EXPLAIN_ACCESS)
			a.kind = EXPLAIN_ID;
		else if (strcmp(arg, "--access") == 0 && a.kind != EXPLAIN_ID)
			a.kind = EXPLAIN_ACCESS;
		else if ((arg[0] == '-' && arg[1] != '\0') || a.source != NULL)
			return wrong("token does not take this here: ", arg);
		else
			a.source = arg;
		if (value != NULL && ++i == c->argc)
			return wrong("needs a value: ", arg);
		if (value != NULL)
			*value = c->argv[i];
	}
	if (a.source == NULL)
		a.source = "-";
	return explain_run(&a, stdout, stderr);
}

static int
import(const struct call *c)
{
	const char *in = NULL, *out = NULL;

	for (int i = 0; i < c->argc; i++) {
		const char *arg = c->argv[i];

		if (strcmp(arg, "-o") == 0 && out == NULL) {
			if (++i == c->argc)
				return wrong("-o needs a file", "");
			out = c->argv[i];
		} else if (arg[0] == '-' || in != NULL)
			return wrong("import does not take this here: ", arg);
		else
			in = arg;
	}
	return in == NULL ? wrong("import needs a web.config", "") : import_run(in, out, stderr);
}

static int
make_secret(const struct call *c)
{
	unsigned char bytes[32];
	char text[64];

	if (c->argc > 0)
		return wrong("secret takes no arguments: ", c->argv[0]);
	secret_random(bytes, sizeof(bytes));
	(void)secret_b64(text, bytes, sizeof(bytes));
	(void)printf("%s\n", text);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(text, sizeof(text));
	return 0;
}

static int
help(const struct call *c)
{
	size_t v;

	if (c->argc > 1)
		return wrong("help takes one word: ", c->argv[1]);
	if (c->argc == 0) {
		(void)fputs(usage, stdout);
		(void)fputs("\nThe configuration file:\n\n", stdout);
		conf_print_help(stdout, NULL);
		return 0;
	}
	for (v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
		if (strcmp(c->argv[0], verbs[v].name) == 0) {
			(void)printf("%s\n\n%s", verbs[v].usage, verbs[v].help);
			return 0;
		}
	}
	if (strcmp(c->argv[0], "pages") == 0) {
		conf_pages_print_help(stdout);
		return 0;
	}
	if (strcmp(c->argv[0], "global") != 0 && !is_section(c->argv[0]))
		return wrong("nothing is called ", c->argv[0]);
	conf_print_help(stdout, strcmp(c->argv[0], "global") == 0 ? "" : c->argv[0]);
	return 0;
}

/* At the top level or inside another. */
static bool
is_section(const char *name)
{
	for (unsigned i = SECTION_TOP + 1; i < SECTION_COUNT; i++)
		if (strcmp(settings_sections[i].name, name) == 0)
			return true;
	return false;
}

static int
wrong(const char *what, const char *which)
{
	(void)fprintf(stderr, "workflow-proxy: %s%s; see workflow-proxy --help\n", what, which);
	return 2;
}

static void
wipe_and_free(void *p)
{
	if (p != NULL)
		OPENSSL_cleanse(p, malloc_usable_size(p));
	free(p);
}
