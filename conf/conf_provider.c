/* conf/conf_provider.c - the providers; see conf/build.h */
#include <ctype.h>
#include <string.h>

#include "conf/build.h"
#include "conf/conf_bearer.h"
#include "conf/conf_credential.h"
#include "conf/conf_discovery.h"
#include "conf/conf_listen.h"
#include "conf/conf_signin.h"
#include "conf/conf_top.h"
#include "conf/url.h"
#include "conf/value.h"

#define TITLE_MOST 128 /* bytes */

static void later_sections(struct build *);
static void title(struct build *, struct group *);
static bool is_part_of_names(const char *);
static bool shares_cookie(const char *, const char *);
static void one(struct build *, struct group *, struct conf_provider *);
static void callback(struct build *, struct group *, struct conf_provider *);
static const char *below(struct build *, const char *, const char *);
static void callback_of_its_own(struct build *, struct group *, struct entry *, const struct conf_provider *);
static void scopes(struct build *, struct group *, struct conf_provider *);
static void scope_split(struct build *, struct entry *, struct item *, struct conf_strings *);
static void scope_add(struct build *, struct entry *, struct item *, struct conf_strings *);
static void parameters(struct build *, struct entry *);
static bool is_protocol_parameter(struct str);
static void algorithms(struct build *, struct entry *);
static void http_proxy(struct build *, struct entry *);

void
conf_provider_build(struct build *b)
{
	struct conf *c = b->conf;

	later_sections(b);
	c->providers = mem_zalloc(b->mem, (b->groups->n + 1) * sizeof(*c->providers));
	for (struct group *g = NULL; (g = build_next(b, SECTION_PROVIDER, g)) != NULL;) {
		title(b, g);
		one(b, g, &c->providers[c->n_providers++]);
	}
	if (c->n_providers == 0 && !b->broken)
		notes_mistake(
		    b->notes, 0, "provider", "required, and not there; write provider \"main\" { ... }");
}

void
conf_provider_find(struct build *b, struct entry *e, struct item *item, size_t *index)
{
	for (size_t i = 0; i < b->conf->n_providers; i++)
		if (strcmp(b->conf->providers[i].name, item->text.p) == 0) {
			*index = i;
			return;
		}
	if (!b->broken)
		build_mistake(b, e, item, "there is no provider %s; write the title of a provider section",
		    notes_quote(item->text).text);
}

/* Sections that nothing acts on; what is in them is not looked at. */
static void
later_sections(struct build *b)
{
	for (unsigned s = SECTION_TOP + 1; s < SECTION_COUNT; s++)
		if (settings_sections[s].later)
			for (struct group *g = NULL; (g = build_next(b, (enum section)s, g)) != NULL;)
				notes_mistake(
				    b->notes, g->place, g->label, "not supported yet; leave it out");
}

/* No two alike: routes and cookies are chosen by it, and the address of a callback is matched without case.
 */
static void
title(struct build *b, struct group *g)
{
	struct group *first = build_next(b, SECTION_PROVIDER, NULL), *was = first;

	if (g->flawed)
		return;
	if (strlen(g->title) > TITLE_MOST)
		notes_mistake(b->notes, g->place, g->label, "has a title of more than %d bytes; shorten it",
		    TITLE_MOST);
	else if (g != first && !is_part_of_names(g->title))
		notes_mistake(b->notes, g->place, g->label,
		    "is a further provider, whose title is part of a path and of a cookie's name; write it "
		    "with letters, digits, - _ and . only");
	for (; was != g; was = build_next(b, SECTION_PROVIDER, was))
		if (strcasecmp(was->title, g->title) == 0) {
			build_same_title(b, g, was);
			return;
		}
	for (was = first; g != first && (was = build_next(b, SECTION_PROVIDER, was)) != g;)
		if (shares_cookie(was->title, g->title) || shares_cookie(g->title, was->title)) {
			notes_mistake(b->notes, g->place, g->label,
			    "its cookies could be taken for those of %s; choose another title", was->label);
			return;
		}
}

static bool
is_part_of_names(const char *title)
{
	size_t n = strspn(title, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

	return title[n] == '\0' && title[0] != '.';
}

/* NAME-a_1 is the second part of NAME-a, and NAME-a.t holds the tokens that belong to it. */
static bool
shares_cookie(const char *one, const char *longer)
{
	size_t n = strlen(one);

	if (strncasecmp(one, longer, n) != 0)
		return false;
	return longer[n] == '.' ||
	       (longer[n] == '_' && isdigit((unsigned char)longer[n + 1]) && longer[n + 2] == '\0');
}

static void
one(struct build *b, struct group *g, struct conf_provider *p)
{
	build_fill(b, g, p);
	p->name = mem_strdup(b->mem, g->title);
	p->at = build_place(b, g->place);
	p->pkce = build_number(groups_entry(g, "pkce")) == 0;
	conf_discovery_build(b, g, p);
	callback(b, g, p);
	conf_credential_build(b, g, p);
	conf_signin_build(b, g, p);
	scopes(b, g, p);
	parameters(b, groups_entry(g, "authorization_parameters"));
	algorithms(b, groups_entry(g, "id_token_signed_response_alg"));
	conf_bearer_provider(b, g, p);
	conf_listen_authorities(b, groups_entry(g, "tls_ca"));
	http_proxy(b, groups_entry(g, "proxy"));
}

static void
callback(struct build *b, struct group *g, struct conf_provider *p)
{
	struct entry *own = groups_entry(g, "callback_path"),
		     *top = groups_entry(build_next(b, SECTION_TOP, NULL), "callback_path");
	bool first = p == b->conf->providers;
	struct entry *e = own->given ? own : top;

	p->callback_path = build_text(b, e);
	if (p->callback_path == NULL)
		p->callback_path = mem_printf(b->mem, "%s/callback", b->conf->auth_path);
	if (!first && !own->given)
		p->callback_path = below(b, p->callback_path, g->title);
	else if (build_value(e) == NULL)
		;
	else if (strcmp(p->callback_path, "/") == 0)
		build_refuse(b, e, build_value(e), "would take the first page; write a path of its own");
	else if (conf_top_is_endpoint(b->conf, p->callback_path))
		build_refuse(
		    b, e, build_value(e), "is another endpoint of the proxy; write a path of its own");
	callback_of_its_own(b, g, own, p);
}

static const char *
below(struct build *b, const char *path, const char *title)
{
	size_t n = strlen(path);

	return mem_printf(b->mem, "%.*s/%s", (int)(n > 0 && path[n - 1] == '/' ? n - 1 : n), path, title);
}

/* RFC 9700 4.4.2.2: by where a response arrives is known whose it is. */
static void
callback_of_its_own(struct build *b, struct group *g, struct entry *e, const struct conf_provider *p)
{
	for (const struct conf_provider *was = b->conf->providers; was < p; was++)
		if (strcasecmp(was->callback_path, p->callback_path) == 0 &&
		    strcasecmp(was->name, p->name) != 0) {
			notes_mistake(b->notes, e->given ? e->place : g->place, e->label,
			    "%s is the callback of provider %s already; write a path of its own",
			    notes_quote(str_of(p->callback_path)).text, notes_quote(str_of(was->name)).text);
			return;
		}
}

/* openid makes it OpenID Connect (Core 3.1.2.1), so it is always there. */
static void
scopes(struct build *b, struct group *g, struct conf_provider *p)
{
	struct entry *e = groups_entry(g, "scopes"), *more = groups_entry(g, "additional_scopes");
	struct conf_strings all = { 0, NULL };
	struct item openid = { STR("openid"), 0, false };
	size_t most = p->scopes.n + 1;

	for (size_t i = 0; i < more->n; i++)
		most += more->v[i].text.n + 1;
	all.v = mem_zalloc(b->mem, most * sizeof(*all.v));
	scope_add(b, e, &openid, &all);
	for (size_t i = 0; i < e->n; i++)
		scope_add(b, e, &e->v[i], &all);
	for (size_t i = 0; i < p->scopes.n && !e->given; i++)
		scope_add(b, e, &(struct item){ str_of(p->scopes.v[i]), 0, false }, &all);
	for (size_t i = 0; i < more->n; i++)
		scope_split(b, more, &more->v[i], &all);
	p->scopes = all;
	p->scopes_by_hand = e->given;
}

/* "groups, roles": commas and spaces part them. */
static void
scope_split(struct build *b, struct entry *e, struct item *item, struct conf_strings *all)
{
	struct str rest = item->text;

	while (!item->flawed && rest.n > 0) {
		size_t n = strcspn(rest.p, ", ");
		struct item part = { { rest.p, n }, item->place, false };

		if (n > 0)
			scope_add(b, e, &part, all);
		rest = str_from(rest, n < rest.n ? n + 1 : n);
	}
}

static void
scope_add(struct build *b, struct entry *e, struct item *item, struct conf_strings *all)
{
	if (item->flawed)
		return;
	if (!value_is_scope(item->text)) {
		build_refuse(b, e, item, "is not one scope; write a list: { \"openid\", \"email\" }");
		return;
	}
	for (size_t i = 0; i < all->n; i++)
		if (str_is(str_of(all->v[i]), item->text))
			return;
	all->v[all->n++] = mem_text(b->mem, item->text);
}

static void
parameters(struct build *b, struct entry *e)
{
	for (size_t i = 0; i < e->n; i++) {
		struct item *item = &e->v[i];
		struct str rest = item->text, name = STR(""), other;

		if (item->flawed)
			continue;
		if (memchr(rest.p, '=', rest.n) == NULL || !str_next(&rest, '=', &name) || name.n == 0) {
			build_refuse(b, e, item, "is not a parameter; write \"name=value\"");
			continue;
		}
		if (is_protocol_parameter(name)) {
			build_refuse(
			    b, e, item, "is a parameter of the protocol, which the proxy sets; leave it out");
			continue;
		}
		for (size_t j = 0; j < i; j++) {
			rest = e->v[j].text;
			if (str_next(&rest, '=', &other) && str_is(name, other) && !item->flawed)
				build_refuse(
				    b, e, item, "has a name that was there before; write each name once");
		}
	}
}

/* Core 3.1.2.1, RFC 7636, RFC 9101, RFC 8707; and what has a key of its own. */
static bool
is_protocol_parameter(struct str name)
{
	return settings_word(
		   "client_id client_secret client_assertion client_assertion_type redirect_uri "
		   "response_type "
		   "response_mode scope state nonce code code_challenge code_challenge_method code_verifier "
		   "grant_type request request_uri registration id_token_hint prompt max_age acr_values "
		   "resource dpop_jkt iss",
		   name, true) != -1;
}

/* Without any, no ID token could be accepted. */
static void
algorithms(struct build *b, struct entry *e)
{
	if (e->given && e->n == 0)
		notes_mistake(b->notes, e->place, e->label, "is an empty list; write at least one of: %s",
		    e->row->words);
}

/* Credentials before the @ are for that proxy. */
static void
http_proxy(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	const char *scheme, *at;
	struct str plain;
	struct err why;
	struct url u;

	if (item == NULL)
		return;
	plain = item->text;
	scheme = strstr(item->text.p, "://");
	at = strrchr(item->text.p, '@');
	if (scheme != NULL && at != NULL && at > scheme)
		plain = str_of(mem_printf(b->mem, "%.*s://%s", (int)(scheme - plain.p), plain.p, at + 1));
	if (url_parse(plain, &u, &why) == -1 || u.query.p != NULL ||
	    (u.path.n > 0 && !str_is(u.path, STR("/"))))
		build_refuse(b, e, item,
		    "is not the URL of a proxy; write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT");
}
