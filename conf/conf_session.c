/* conf/conf_session.c - the session; see conf/build.h */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/build.h"
#include "conf/conf_bearer.h"
#include "conf/url.h"
#include "conf/value.h"

static void secrets(struct build *, struct group *, struct conf_session *);
static bool usable(struct build *, struct entry *, struct item *);
static void cookie(struct build *, struct entry *);
static void same_site(struct build *, struct entry *, enum conf_same_site);
static void domain(struct build *, struct entry *, struct conf_session *);
static bool is_under(const char *, const char *);
static void path(struct build *, struct entry *, struct conf_session *);
static void revocations(struct build *, struct entry *, struct conf_session *);

void
conf_session_build(struct build *b)
{
	struct conf_session *s = &b->conf->session;
	struct group *g = build_next(b, SECTION_SESSION, NULL);

	build_fill(b, g, s);
	build_repeated(b, g);
	s->cookie_prefix = build_number(groups_entry(g, "cookie_prefix")) == 0;
	secrets(b, g, s);
	cookie(b, groups_entry(g, "cookie"));
	same_site(b, groups_entry(g, "same_site"), s->same_site);
	domain(b, groups_entry(g, "domain"), s);
	path(b, groups_entry(g, "path"), s);
	revocations(b, groups_entry(g, "revocations"), s);
	conf_bearer_mobile(b, groups_entry(g, "mobile_clients"));
	conf_redis_build(b, g, s);
}

static void
secrets(struct build *b, struct group *g, struct conf_session *out)
{
	struct build_secrets s = build_secrets(b, g, "secret"), seal = build_secrets(b, g, "sealing_secret");

	out->secrets = mem_zalloc(b->mem, (s.n + 1) * sizeof(struct secret *));
	for (size_t i = 0; i < s.n; i++)
		if (usable(b, s.entry, &s.v[i]))
			out->secrets[out->n_secrets++] = build_secret(b, s.v[i].text);
	if (!groups_entry(g, "secret")->given && !groups_entry(g, "secret_file")->given && !g->unfinished)
		notes_mistake(b->notes, g->place, groups_entry(g, "secret")->label,
		    "required, and not set; write secret_file = \"...\" with what `workflow-proxy secret` "
		    "prints in the file");
	else if (groups_entry(g, "secret")->given && !groups_entry(g, "secret")->flawed && s.n == 0)
		notes_mistake(
		    b->notes, s.entry->place, s.entry->label, "is an empty list; write at least one secret");
	if (seal.n > 1)
		build_mistake(b, seal.entry, &seal.v[1], "has %zu lines; write one secret", seal.n);
	else if (seal.n == 1 && usable(b, seal.entry, &seal.v[0]))
		out->sealing_secret = build_secret(b, seal.v[0].text);
}

/* Which one is said by its number; its bytes are not. */
static bool
usable(struct build *b, struct entry *e, struct item *item)
{
	struct err why;

	if (item->flawed)
		return false;
	if (value_strong_secret(item->text, &why) == 0)
		return true;
	build_mistake(b, e, item, "the secret %s", why.text);
	return false;
}

static void
cookie(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);

	if (item == NULL)
		return;
	if (!value_is_token(item->text) || item->text.n > 128) /* RFC 6265 4.1.1 */
		build_refuse(b, e, item, "is not the name of a cookie; write letters, digits, - and _");
	else if (strncasecmp(item->text.p, "__Host-", 7) == 0 ||
		 strncasecmp(item->text.p, "__Secure-", 9) == 0)
		build_refuse(b, e, item,
		    "has a prefix, which the proxy puts in front where it is allowed; leave it out");
}

static void
same_site(struct build *b, struct entry *e, enum conf_same_site same_site)
{
	if (same_site != SAME_SITE_NONE || build_value(e) == NULL)
		return;
	for (size_t i = 0; i < b->conf->n_origins; i++)
		if (!b->conf->origins[i].https) {
			build_refuse(b, e, build_value(e),
			    "is refused by browsers without https, and a public_url is http; write Lax");
			return;
		}
}

static void
domain(struct build *b, struct entry *e, struct conf_session *s)
{
	struct item *item = build_value(e);
	unsigned char address[16];
	char *lower;

	if (item == NULL)
		return;
	/* RFC 6265 5.2.3: browsers ignore a dot in front. */
	lower = mem_strdup(b->mem, item->text.p[0] == '.' ? item->text.p + 1 : item->text.p);
	for (char *p = lower; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	s->domain = lower;
	if (!url_is_host(str_of(lower)) || strchr(lower, '.') == NULL || lower[0] == '[' ||
	    inet_pton(AF_INET, lower, address) == 1) {
		build_refuse(b, e, item,
		    "is not a domain for cookies; write a name with a dot, for example example.com");
		return;
	}
	for (size_t i = 0; i < b->conf->n_origins; i++)
		if (!is_under(b->conf->origins[i].host, lower)) {
			build_mistake(b, e, item,
			    "%s does not hold the host of public_url %s; browsers would refuse the cookie",
			    notes_quote(item->text).text, notes_quote(str_of(b->conf->origins[i].url)).text);
			return;
		}
}

static bool
is_under(const char *host, const char *domain)
{
	size_t h = strlen(host), d = strlen(domain);

	return h >= d && strcmp(host + h - d, domain) == 0 && (h == d || host[h - d - 1] == '.');
}

static void
path(struct build *b, struct entry *e, struct conf_session *s)
{
	struct item *item = build_value(e);
	size_t n = s->path == NULL ? 0 : strlen(s->path);

	if (item == NULL)
		return;
	if (n > 1 && s->path[n - 1] == '/')
		s->path = mem_text(b->mem, (struct str){ s->path, n - 1 });
	for (size_t i = 0; i < b->conf->n_origins; i++) {
		const struct conf_origin *o = &b->conf->origins[i];

		if (!value_path_below(o->path[0] == '\0' ? "/" : o->path, s->path)) {
			build_mistake(b, e, item,
			    "%s does not hold the path of public_url %s; write that path, or /",
			    notes_quote(item->text).text, notes_quote(str_of(o->url)).text);
			return;
		}
	}
}

/* It is written anew beside itself, so the folder counts as much as the file. */
static void
revocations(struct build *b, struct entry *e, struct conf_session *s)
{
	struct item *item = build_value(e);
	const char *slash, *folder;
	struct stat st;

	if (item == NULL)
		return;
	s->revocations = file_beside(b->mem, notes_at(b->notes, item->place).file, item->text.p);
	slash = strrchr(s->revocations, '/');
	folder = slash == NULL
		     ? "."
		     : mem_text(b->mem, (struct str){ s->revocations, (size_t)(slash - s->revocations) + 1 });
	if (access(folder, W_OK | X_OK) == -1)
		build_mistake(b, e, item,
		    "%s: its folder cannot be written: %s; write a file in one that can",
		    notes_quote(item->text).text, strerror(errno));
	else if (lstat(s->revocations, &st) == 0 && !S_ISREG(st.st_mode))
		build_mistake(b, e, item,
		    "%s is no file; write the path of one, which is made where there is none",
		    notes_quote(item->text).text);
	else if (access(s->revocations, R_OK | W_OK) == -1 && errno != ENOENT)
		build_mistake(b, e, item, "%s cannot be read and written: %s", notes_quote(item->text).text,
		    strerror(errno));
}
