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
#include "conf/secret.h"
#include "conf/settings.h"
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
static int help(const struct call *);
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
	{ "help", help, "workflow-proxy help [VERB | SECTION]",
	    "Explains a verb, or lists the settings of a section of the configuration file\n"
	    "(global, listen, admin, log, limits, provider, session, upstream, route, ...).\n" },
};

static const char usage[] =
    "workflow-proxy - an OpenID Connect relying party in front of a web application\n"
    "\n"
    "  workflow-proxy [-c FILE]       run in the foreground (default FILE: " DEFAULT_CONF ")\n"
    "  workflow-proxy -t [-c FILE]    check the configuration and every file it names\n"
    "  workflow-proxy secret          print a fresh session secret\n"
    "  workflow-proxy help [VERB | SECTION]\n"
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
	size_t i;
	int status = conf == NULL;

	for (i = 0; i < report.n; i++)
		(void)fprintf(stderr, "%s%s\n", report.v[i].text, report.v[i].warning ? " (warning)" : "");
	if (conf != NULL)
		(void)printf("%s: valid\n", c->conf);
	conf_report_free(&report);
	conf_free(&conf);
	return status;
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
	if (strcmp(c->argv[0], "global") != 0 &&
	    settings_section_find(SECTION_TOP, str_of(c->argv[0])) == SECTION_COUNT)
		return wrong("nothing is called ", c->argv[0]);
	conf_print_help(stdout, strcmp(c->argv[0], "global") == 0 ? "" : c->argv[0]);
	return 0;
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
