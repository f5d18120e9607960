/* conf/conf_top.c - the top level, log and limits; see conf/build.h */
#include <arpa/inet.h>
#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/build.h"
#include "conf/conf_top.h"
#include "conf/cpus.h"
#include "conf/url.h"
#include "conf/value.h"

static void origins(struct build *, struct entry *);
static int origin(struct build *, struct entry *, struct item *, struct conf_origin *);
static void auth_path(struct build *, struct group *);
static void user(struct build *, struct entry *);
static void log_file(struct build *, struct entry *, const char **, const char *);

void
conf_top_build(struct build *b)
{
	struct group *top = build_next(b, SECTION_TOP, NULL), *log = build_next(b, SECTION_LOG, NULL);
	struct group *limits = build_next(b, SECTION_LIMITS, NULL);
	struct entry *workers = groups_entry(top, "workers");

	build_fill(b, top, b->conf);
	origins(b, groups_entry(top, "public_url"));
	auth_path(b, top);
	b->conf->workers = build_value(workers) != NULL ? (unsigned)build_number(workers) : cpus_count("");
	user(b, groups_entry(top, "user"));
	conf_top_peers(b, groups_entry(top, "trusted_proxies"), true, &b->conf->trusted_proxies);
	conf_pages_build(b, groups_entry(top, "pages"));
	build_fill(b, log, &b->conf->log);
	log_file(b, groups_entry(log, "access"), &b->conf->log.access, "off");
	log_file(b, groups_entry(log, "file"), &b->conf->log.file, NULL);
	build_repeated(b, log);
	build_fill(b, limits, &b->conf->limits);
	build_repeated(b, limits);
}

static void
origins(struct build *b, struct entry *e)
{
	size_t *from = mem_zalloc(b->mem, (e->n + 1) * sizeof(*from)), *n = &b->conf->n_origins;

	b->conf->origins = mem_zalloc(b->mem, (e->n + 1) * sizeof(*b->conf->origins));
	for (size_t i = 0; i < e->n; i++) {
		struct conf_origin *o = &b->conf->origins[*n];
		size_t same = 0;

		if (e->v[i].flawed || origin(b, e, &e->v[i], o) == -1)
			continue;
		while (same < *n && strcmp(b->conf->origins[same].host, o->host) != 0)
			same++;
		if (same < *n) {
			struct conf_place at = notes_at(b->notes, from[same]);

			build_mistake(b, e, &e->v[i],
			    "%s has the host of the one in %s:%d; each host has one public_url",
			    notes_quote(e->v[i].text).text, at.file, at.line);
			continue;
		}
		from[(*n)++] = e->v[i].place;
	}
}

static int
origin(struct build *b, struct entry *e, struct item *item, struct conf_origin *out)
{
	struct str text = item->text, path;
	struct err why;
	struct url u;

	if (url_parse(text, &u, &why) == -1) {
		build_mistake(b, e, item,
		    "%s is not a URL that browsers can be sent to: %s; write https://HOST or "
		    "https://HOST/PATH",
		    notes_quote(text).text, why.text);
		return -1;
	}
	for (path = u.path; path.n > 0 && path.p[path.n - 1] == '/'; path.n--)
		;
	if (u.query.p != NULL || (path.n > 0 && value_path(path, &why) == -1)) {
		build_mistake(b, e, item,
		    "%s has a query, or a path that is not canonical; write https://HOST or "
		    "https://HOST/PATH",
		    notes_quote(text).text);
		return -1;
	}
	out->https = u.https;
	out->host = conf_top_host(b->mem, u.host);
	out->path = mem_text(b->mem, path);
	out->url = mem_text(b->mem, (struct str){ text.p, (size_t)(u.path.p + path.n - text.p) });
	if (u.port == (u.https ? 443 : 80))
		out->origin = mem_printf(b->mem, "%s://%s", u.https ? "https" : "http", out->host);
	else
		out->origin = mem_printf(b->mem, "%s://%s:%u", u.https ? "https" : "http", out->host, u.port);
	if (!u.https && !url_is_loopback(&u))
		notes_warning(b->notes, item->place, e->label,
		    "%s is http: everybody on the way can read and take over sessions; use https",
		    notes_quote(text).text);
	return 0;
}

char *
conf_top_host(struct mem *m, struct str host)
{
	char *out, text[INET6_ADDRSTRLEN];
	unsigned char address[16];

	if (host.n > 1 && host.p[host.n - 1] == '.')
		host.n--;
	out = mem_text(m, host);
	for (char *p = out; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (host.n < 2 || out[0] != '[')
		return out;
	out[host.n - 1] = '\0';
	if (inet_pton(AF_INET6, out + 1, address) == 1 &&
	    inet_ntop(AF_INET6, address, text, sizeof(text)) != NULL)
		return mem_printf(m, "[%s]", text);
	out[host.n - 1] = ']';
	return out;
}

/* Without a trailing slash; "/" would leave nothing to the routes. */
static void
auth_path(struct build *b, struct group *top)
{
	struct entry *e = groups_entry(top, "auth_path");
	char *path = mem_strdup(b->mem, b->conf->auth_path);
	size_t n = strlen(path);

	if (n > 1 && path[n - 1] == '/')
		path[n - 1] = '\0';
	b->conf->auth_path = path;
	if (strcmp(path, "/") != 0)
		return;
	b->conf->auth_path = e->row->fallback;
	build_mistake(
	    b, e, build_value(e), "\"/\" would take every path; write one of its own, for example \"/auth\"");
}

bool
conf_top_is_endpoint(const struct conf *c, const char *path)
{
	static const char *const names[] = { "", "/login", "/logout", "/logout/return",
		"/logout/frontchannel", "/logout/backchannel", "/token", "/session", "/session.js",
		"/session/frame", "/verify" };
	size_t n = strlen(c->auth_path);

	if (!value_path_below(path, c->auth_path))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(path + n, names[i]) == 0)
			return true;
	return false;
}

static void
user(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	struct passwd pw, *found = NULL;
	char buf[4096];

	if (item != NULL && (getpwnam_r(item->text.p, &pw, buf, sizeof(buf), &found) != 0 || found == NULL))
		build_refuse(b, e, item, "is not a user of this system; write the name of one");
}

void
conf_top_peers(struct build *b, struct entry *e, bool unix_too, struct conf_peers *out)
{
	struct err why;

	out->v = mem_zalloc(b->mem, (e->n + 1) * sizeof(*out->v));
	for (size_t i = 0; i < e->n; i++) {
		struct item *item = &e->v[i];

		if (item->flawed)
			continue;
		if (unix_too && str_is(item->text, STR("unix:")))
			out->unix_sockets = true;
		else if (value_cidr(item->text, &out->v[out->n], &why) == -1)
			build_refuse(b, e, item, why.text);
		else
			out->n++;
	}
}

/* "-", the word for none, or a file whose folder is there. */
static void
log_file(struct build *b, struct entry *e, const char **file, const char *none)
{
	struct item *item = build_value(e);
	char *path, *slash;
	struct stat st;

	if (item == NULL || strcmp(*file, "-") == 0 || (none != NULL && strcmp(*file, none) == 0))
		return;
	*file = path = file_beside(b->mem, notes_at(b->notes, item->place).file, item->text.p);
	path = mem_strdup(b->mem, path);
	slash = strrchr(path, '/');
	if (slash != NULL && slash != path)
		*slash = '\0';
	if (slash != NULL && slash != path && (stat(path, &st) == -1 || !S_ISDIR(st.st_mode)))
		build_refuse(b, e, item, "is in a folder that does not exist; make the folder, or write -");
	else if (stat(*file, &st) == 0 && S_ISDIR(st.st_mode))
		build_refuse(b, e, item, "is a folder; write the name of a file, or -");
}
