/* proxy/import_site.c - what every configuration has; see proxy/import_impl.h */
#include <string.h>

#include "conf/url.h"
#include "proxy/import_impl.h"

static bool in_clear(const char *);
static const char *harmless(const char *);

void
import_head(struct import *i, const char *product)
{
	import_line(i, "# Made by `workflow-proxy import` of the web.config of %s.", product);
	import_line(i, "#");
	import_line(i,
	    "# What it could not carry over stands directly above its setting, behind \"" IMPORT_WORD "\".");
	import_line(i,
	    "# When all of it is done: `workflow-proxy -t -c FILE`, then `workflow-proxy doctor -c FILE`,");
	import_line(i, "# which lists the addresses that have to be registered at the provider, too.");
	import_blank(i);
}

void
import_public_url(struct import *i, const char *from)
{
	import_line(i, "# How browsers reach the application.");
	if (i->url != NULL) {
		if (in_clear(i->url))
			import_todo(i,
			    "it is http, where whoever is on the way reads sessions and passwords; "
			    "make it https");
		import_line(i, "# %s", from);
		import_set(i, true, "public_url", i->url);
		return;
	}
	if (i->path[0] == '\0')
		import_todo(i,
		    "the web.config does not say it: https://HOST, or https://HOST/PATH; the PATH then also "
		    "stands in front of the path of each route");
	else
		import_todo(i, "the web.config does not say which host it is: https://HOST%s", i->path);
	import_set(i, true, "public_url", "");
}

static bool
in_clear(const char *url)
{
	struct err ignored;
	struct url u;

	return url_parse(str_of(url), &u, &ignored) == 0 && !u.https && !url_is_loopback(&u);
}

void
import_listen(struct import *i)
{
	struct err ignored;
	struct url u = { .https = true, .port = 443 };

	if (i->url != NULL && url_parse(str_of(i->url), &u, &ignored) == 0 && !u.https) {
		import_line(i, "listen \"%s:%u\" { }", url_is_loopback(&u) ? "127.0.0.1" : "*", u.port);
		return;
	}
	import_open(i, "listen \"*:%u\" {", u.port);
	import_todo(i,
	    "the certificate that browsers see, as PEM, with its chain; IIS has it in the machine's store");
	import_line(i, "tls_certificate = \"/etc/workflow-proxy/tls.crt\"");
	import_todo(i, "its private key, as PEM");
	import_line(i, "tls_certificate_key = \"/etc/workflow-proxy/tls.key\"");
	import_close(i);
}

void
import_upstream(struct import *i, const char *product)
{
	import_line(
	    i, "# It must not be reachable but through the proxy: whoever gets there says who he is.");
	import_open(i, "upstream \"app\" {");
	import_todo(i, "where %s listens behind the proxy", product);
	import_line(i, "servers = \"http://127.0.0.1:8080\"");
	import_close(i);
}

void
import_route(struct import *i, const char *path)
{
	const char *title = mem_printf(i->m, "%s%s", i->path, strcmp(path, "/") == 0 ? "" : path);

	import_open(i, "route %s {", import_quote(i, title[0] == '\0' ? "/" : title));
	import_line(i, "upstream = \"app\"");
	import_line(i, "path_case = \"insensitive\" # as IIS reads paths");
	import_line(i, "windows_paths = yes");
}

void
import_rest(struct import *i)
{
	if (i->elsewhere != NULL)
		import_todo(i, "settings in another file are not read: %s", i->elsewhere);
	if (i->encrypted)
		import_todo(
		    i, "a part of it is encrypted, and was not read; decrypt it first (aspnet_regiis -pdf)");
	for (size_t k = 0; k < i->n_facts; k++) {
		const struct import_fact *f = &i->facts[k];
		const char *value = harmless(f->value);

		if (f->taken)
			continue;
		if (!import_is_name(f->name))
			import_todo(i, "a setting whose name is too long, or not text, is not carried over");
		else
			import_todo(i, "%s%s%s has no counterpart that this program knows of", f->name,
			    value[0] == '\0' ? "" : " = ", value);
	}
}

/* What cannot be a secret; else "". */
static const char *
harmless(const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (settings_word("y n yes no true false", str_of(value), true) != -1)
		return value;
	return digits < 6 && value[digits] == '\0' ? value : "";
}
