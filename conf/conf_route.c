/* conf/conf_route.c - what happens to a request; see conf/build.h */
#include <ctype.h>
#include <regex.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/build.h"
#include "conf/conf_bearer.h"
#include "conf/conf_top.h"
#include "conf/url.h"
#include "conf/value.h"

/* Headers that a route sets. */
struct names {
	struct str *v;
	size_t n;
};

static void one(struct build *, struct group *, struct conf_route *);
static void without_upstream(struct build *, struct group *, const struct entry *, struct conf_route *);
static int title(struct build *, struct group *, struct conf_route *);
static int title_parse(struct build *, struct str, struct conf_route *, struct err *);
static void reach(struct build *, struct group *, const struct conf_route *);
static void same_as_before(struct build *, struct group *, const struct conf_route *);
static void providers(struct build *, struct entry *, struct conf_route *);
static void claims(struct build *, struct group *, struct conf_route *);
static void rewrite(struct build *, struct group *);
static bool is_greedy(const char *);
static void headers(struct build *, struct group *, struct conf_route *);
static void claim_header(struct build *, struct entry *, struct item *, struct conf_route *, struct names *);
static void set_header(struct build *, struct entry *, struct item *, struct conf_route *, struct names *);
static void token_header(struct build *, struct entry *, struct names *);
static bool take_name(struct build *, struct entry *, struct item *, struct str, struct names *);
static void denied_url(struct build *, struct entry *);
static void token(struct build *, struct entry *, struct conf_route *);

void
conf_route_build(struct build *b)
{
	struct conf *c = b->conf;

	c->routes = mem_zalloc(b->mem, (b->groups->n + 1) * sizeof(*c->routes));
	for (struct group *g = NULL; (g = build_next(b, SECTION_ROUTE, g)) != NULL;)
		one(b, g, &c->routes[c->n_routes++]);
	if (c->n_routes == 0 && !b->broken)
		notes_warning(b->notes, 0, "route", "there is none; every request gets 404");
}

static void
one(struct build *b, struct group *g, struct conf_route *r)
{
	struct entry *e = groups_entry(g, "upstream");
	struct item *item;

	build_fill(b, g, r);
	r->title = mem_strdup(b->mem, g->title);
	r->at = build_place(b, g->place);
	if (title(b, g, r) == 0) {
		same_as_before(b, g, r);
		reach(b, g, r);
	}
	item = build_value(e);
	if (item != NULL)
		conf_upstream_find(b, e, item, &r->upstream);
	if (!e->given && !g->unfinished && !b->broken)
		without_upstream(b, g, e, r);
	providers(b, groups_entry(g, "provider"), r);
	claims(b, g, r);
	conf_bearer_route(b, g, r);
	rewrite(b, g);
	headers(b, g, r);
	denied_url(b, groups_entry(g, "access_denied_url"));
	token(b, groups_entry(g, "upstream_token"), r);
}

/* Meant so where somebody may ask verify, which trusted proxies may; forgotten anywhere else. */
static void
without_upstream(struct build *b, struct group *g, const struct entry *e, struct conf_route *r)
{
	const struct conf_peers *askers = &b->conf->trusted_proxies;

	r->only_verified = true;
	r->upstream = SIZE_MAX;
	if (askers->n == 0 && !askers->unix_sockets)
		notes_mistake(b->notes, g->place, e->label, "required, and not set; for example %s = \"%s\"",
		    e->row->name, e->row->example);
	else
		notes_warning(b->notes, g->place, g->label,
		    "has no upstream: verify answers for it, and requests for it get 404");
}

/* --- the title ------------------------------------------------------------------ */

static int
title(struct build *b, struct group *g, struct conf_route *r)
{
	struct err why;

	r->path = "/";
	if (g->flawed)
		return -1;
	if (title_parse(b, str_of(g->title), r, &why) == 0)
		return 0;
	notes_mistake(b->notes, g->place, g->label, "%s", why.text);
	g->flawed = true;
	return -1;
}

static int
title_parse(struct build *b, struct str text, struct conf_route *r, struct err *e)
{
	const char *slash = strchr(text.p, '/');
	struct str host = { text.p, slash == NULL ? text.n : (size_t)(slash - text.p) };
	struct str path = str_from(text, host.n);

	if (strstr(text.p, "://") != NULL)
		return err_set(e, REASON_CONFIG, "is a URL; write HOST/PATH or /PATH");
	if (slash == NULL)
		return err_set(e, REASON_CONFIG, "has no path; write HOST/ or HOST/PATH or /PATH");
	if (host.n > 0 && !url_is_host(host))
		return err_set(
		    e, REASON_CONFIG, "has no usable host in front of its path; write a name without a port");
	if (value_path(path, e) == -1)
		return -1;
	if (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	r->host = host.n == 0 ? NULL : conf_top_host(b->mem, host);
	r->path = mem_text(b->mem, path);
	return 0;
}

/* Not below auth_path, and on a host and below a path that browsers come with. */
static void
reach(struct build *b, struct group *g, const struct conf_route *r)
{
	bool host_known = r->host == NULL || b->conf->n_origins == 0, cookie_comes = b->conf->n_origins == 0;
	const char *cookie = b->conf->session.path;

	for (size_t i = 0; i < b->conf->n_origins; i++) {
		const struct conf_origin *o = &b->conf->origins[i];
		const char *own = mem_printf(b->mem, "%s%s", o->path, b->conf->auth_path);
		const char *path = cookie != NULL ? cookie : o->path[0] == '\0' ? "/" : o->path;

		if (r->host != NULL && strcmp(r->host, o->host) != 0)
			continue;
		host_known = true;
		cookie_comes |= value_path_below(r->path, path) || value_path_below(path, r->path);
		if (value_path_below(r->path, own)) {
			notes_mistake(b->notes, g->place, g->label,
			    "is at or below auth_path (%s), where everything is the proxy's own; choose "
			    "another path, or another "
			    "auth_path",
			    own);
			return;
		}
	}
	if (!host_known && !b->broken)
		notes_mistake(
		    b->notes, g->place, g->label, "no public_url has this host; requests for it get 421");
	else if (!cookie_comes && (r->auth == AUTH_SESSION || r->auth == AUTH_ANY))
		notes_warning(b->notes, g->place, g->label,
		    "is outside the path of public_url, so no session cookie arrives here; set session.path "
		    "= \"/\"");
}

static void
same_as_before(struct build *b, struct group *g, const struct conf_route *r)
{
	for (struct group *was = NULL; (was = build_next(b, SECTION_ROUTE, was)) != g;) {
		struct conf_route other = { .host = NULL };
		struct err why;

		if (was->flawed || title_parse(b, str_of(was->title), &other, &why) == -1 ||
		    strcmp(other.path, r->path) != 0)
			continue;
		if ((other.host == NULL) == (r->host == NULL) &&
		    (r->host == NULL || strcmp(other.host, r->host) == 0)) {
			build_same_title(b, g, was);
			return;
		}
	}
}

/* --- who may pass ---------------------------------------------------------------- */

static void
providers(struct build *b, struct entry *e, struct conf_route *r)
{
	r->providers = mem_zalloc(b->mem, (e->n + 1) * sizeof(*r->providers));
	for (size_t i = 0; i < e->n; i++) {
		struct item *item = &e->v[i];
		size_t index = 0;

		if (!item->flawed)
			conf_provider_find(b, e, item, &index);
		for (size_t j = 0; j < i && !item->flawed; j++)
			if (str_is(e->v[j].text, item->text))
				build_refuse(b, e, item, "is in the list before; write each provider once");
		if (!item->flawed)
			r->providers[r->n_providers++] = index;
	}
	if (e->given && e->list && e->n == 0)
		notes_mistake(b->notes, e->place, e->label,
		    "is an empty list, which would let nobody in; leave it out");
	if (!e->given)
		r->providers[r->n_providers++] = 0;
}

static void
claims(struct build *b, struct group *g, struct conf_route *r)
{
	struct entry *e = groups_entry(g, "claims");

	r->claims = mem_zalloc(b->mem, (e->n + 1) * sizeof(*r->claims));
	for (size_t i = 0; i < e->n; i++) {
		if (e->v[i].flawed)
			continue;
		if (conf_route_claim(b, e->v[i].text, &r->claims[r->n_claims]) == -1)
			build_refuse(b, e, &e->v[i],
			    "is not a rule; write \"claim=value\" or \"claim~value\", a claim with = or ~ in "
			    "its name as 'claim'");
		else
			r->n_claims++;
	}
	if (e->given && r->auth == AUTH_NONE && build_value(groups_entry(g, "auth")) != NULL)
		notes_mistake(b->notes, e->place, e->label,
		    "nobody is signed in on a route with auth = \"none\", so no rule can hold; leave the "
		    "rules or auth out");
}

/* Split at the first = or ~ behind the name, which may be quoted. */
int
conf_route_claim(struct build *b, struct str text, struct conf_claim_rule *out)
{
	struct str claim = text;
	size_t n;

	if (text.p[0] == '\'') {
		const char *end = strchr(text.p + 1, '\'');

		if (end == NULL)
			return -1;
		claim = (struct str){ text.p + 1, (size_t)(end - text.p) - 1 };
		n = claim.n + 2;
	} else
		claim.n = n = strcspn(text.p, "=~");
	if (claim.n == 0 || n + 1 >= text.n || (text.p[n] != '=' && text.p[n] != '~'))
		return -1;
	out->claim = mem_text(b->mem, claim);
	out->value = mem_text(b->mem, str_from(text, n + 1));
	out->contained = text.p[n] == '~';
	return 0;
}

/* --- what the upstream is told ---------------------------------------------------- */

static void
rewrite(struct build *b, struct group *g)
{
	struct entry *match = groups_entry(g, "username_match"),
		     *replace = groups_entry(g, "username_replace");
	struct item *m = build_value(match), *r = build_value(replace);
	size_t groups = 0;
	char text[128];
	regex_t re;
	int e;

	if (m != NULL && is_greedy(m->text.p)) {
		build_refuse(b, match, m, "repeats too much; write smaller numbers in braces");
		return;
	}
	if (m != NULL && (e = regcomp(&re, m->text.p, REG_EXTENDED)) != 0) {
		(void)regerror(e, &re, text, sizeof(text));
		build_mistake(b, match, m, "%s is not a POSIX extended regular expression: %s",
		    notes_quote(m->text).text, text);
		return;
	}
	if (m != NULL) {
		groups = re.re_nsub;
		regfree(&re);
	}
	if (r != NULL && !match->given && !g->unfinished)
		build_refuse(b, replace, r, "has nothing to replace; set username_match, too");
	for (const char *p = r == NULL || m == NULL ? "" : r->text.p; *p != '\0'; p++) {
		if (*p != '\\')
			continue;
		p++;
		if (*p == '\\')
			continue;
		if (!isdigit((unsigned char)*p))
			build_refuse(b, replace, r,
			    "has a backslash that nothing follows; write \\0 to \\9, or \\\\ for a "
			    "backslash");
		else if ((size_t)(*p - '0') > groups)
			build_mistake(b, replace, r, "%s refers to group %c, and username_match has %zu",
			    notes_quote(r->text).text, *p, groups);
		if (r->flawed)
			return;
	}
}

/* regcomp() unrolls x{n}; what nested ones come to is memory and time. */
static bool
is_greedy(const char *re)
{
	unsigned long all = 1;

	if (strlen(re) > 1024)
		return true;
	for (const char *p = re; *p != '\0'; p++)
		if (*p == '{') {
			const char *comma = strpbrk(p, ",}");
			unsigned long low = strtoul(p + 1, NULL, 10);
			unsigned long high =
			    comma != NULL && *comma == ',' ? strtoul(comma + 1, NULL, 10) : 0;

			all *= (low > high ? low : high) + 1;
			if (low > 255 || high > 255 || all > 10000)
				return true;
		}
	return false;
}

static void
headers(struct build *b, struct group *g, struct conf_route *r)
{
	struct entry *user = groups_entry(g, "username_header"), *claim = groups_entry(g, "claim_headers");
	struct build_secrets set = build_secrets(b, g, "set_headers");
	struct item *item = build_value(user), fallback = { str_of(user->row->fallback), 0, false };
	struct names names = { mem_zalloc(b->mem, (claim->n + set.n + 3) * sizeof(*names.v)), 0 };

	(void)take_name(
	    b, user, item != NULL ? item : &fallback, (item != NULL ? item : &fallback)->text, &names);
	r->claim_headers = mem_zalloc(b->mem, (claim->n + 1) * sizeof(*r->claim_headers));
	for (size_t i = 0; i < claim->n; i++)
		claim_header(b, claim, &claim->v[i], r, &names);
	r->set_headers = mem_zalloc(b->mem, (set.n + 1) * sizeof(*r->set_headers));
	for (size_t i = 0; i < set.n; i++)
		set_header(b, set.entry, &set.v[i], r, &names);
	token_header(b, groups_entry(g, "access_token_header"), &names);
	token_header(b, groups_entry(g, "id_token_header"), &names);
}

static void
claim_header(struct build *b, struct entry *e, struct item *item, struct conf_route *r, struct names *names)
{
	struct str name = { item->text.p, strcspn(item->text.p, "=") };
	struct conf_claim_header *h = &r->claim_headers[r->n_claim_headers];

	if (item->flawed)
		return;
	if (name.n == 0 || name.n + 1 >= item->text.n) {
		build_refuse(b, e, item, "is not a header and a claim; write \"Header-Name=claim\"");
		return;
	}
	if (!take_name(b, e, item, name, names))
		return;
	h->header = mem_text(b->mem, name);
	h->claim = mem_text(b->mem, str_from(item->text, name.n + 1));
	r->n_claim_headers++;
}

/* The value may be a secret: it is not repeated, and wiped with the configuration. */
static void
set_header(struct build *b, struct entry *e, struct item *item, struct conf_route *r, struct names *names)
{
	const char *equals =
	    item->flawed || item->text.n == 0 ? NULL : memchr(item->text.p, '=', item->text.n);
	struct str name, value;
	char *copy;

	if (item->flawed)
		return;
	if (equals == NULL || equals == item->text.p) {
		build_mistake(b, e, item, "a value is not a name and a value; write \"Name=value\"");
		return;
	}
	name = (struct str){ item->text.p, (size_t)(equals - item->text.p) };
	value = str_trim(str_from(item->text, name.n + 1));
	if (!value_is_text(value) || value.n == 0) {
		build_mistake(b, e, item,
		    "the value of %s is empty, or holds what no header may hold; write printable text",
		    notes_quote(name).text);
		return;
	}
	if (!take_name(b, e, item, name, names))
		return;
	copy = mem_secret(b->mem, value.n + 1);
	memcpy(copy, value.p, value.n);
	r->set_headers[r->n_set_headers++] = (struct conf_set_header){ mem_text(b->mem, name), copy };
}

static void
token_header(struct build *b, struct entry *e, struct names *names)
{
	struct item *item = build_value(e);

	if (item != NULL)
		(void)take_name(b, e, item, item->text, names);
}

/* A header that we may set, and that this route does not set already in a spelling that backends fold
 * together. */
static bool
take_name(struct build *b, struct entry *e, struct item *item, struct str name, struct names *names)
{
	struct err why;

	if (item->flawed)
		return false;
	if (value_header(name, &why) == -1) {
		build_mistake(b, e, item, "%s %s", notes_quote(name).text, why.text);
		return false;
	}
	for (size_t i = 0; i < names->n; i++)
		if (value_header_same(names->v[i], name)) {
			build_mistake(b, e, item,
			    "this route sets the header %s already; choose another name",
			    notes_quote(names->v[i]).text);
			return false;
		}
	names->v[names->n++] = name;
	return true;
}

static void
denied_url(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	struct err why;
	struct url u;

	if (item != NULL && !url_is_local_path(item->text) && url_parse(item->text, &u, &why) == -1)
		build_refuse(b, e, item,
		    "is no place to send a browser to; write a path that begins with /, or a URL");
}

/* There is one Authorization header, so it holds one of the two. */
static void
token(struct build *b, struct entry *e, struct conf_route *r)
{
	struct item *item = build_value(e);

	conf_outbound_find(b, e, &r->outbound);
	if (r->outbound != 0)
		conf_outbound_fit(b, e, r);
	if (item != NULL && !item->flawed && r->pass_authorization)
		build_mistake(b, e, item,
		    "its token takes the place of the Authorization header, which pass_authorization = "
		    "\"yes\" "
		    "would pass on; leave one of them out");
}
