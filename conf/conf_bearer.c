/* conf/conf_bearer.c - access tokens: what they must be, and who takes them; see conf/conf_bearer.h */
#include <string.h>

#include "conf/conf_bearer.h"
#include "conf/conf_top.h"
#include "conf/url.h"
#include "conf/value.h"

enum decode { DECODE_AUTO, DECODE_NO, DECODE_YES }; /* the words of decode_access_token */

static bool is_opaque(struct group *);
static void not_empty(struct build *, struct group *, const char *name);
static void app_only(struct build *, struct entry *, struct conf_provider *);
static void can_be_checked(struct build *, struct entry *, const struct conf_route *);
static void shown_to_others(struct build *, struct entry *, const struct conf_route *);
static void tokens_can_be_checked(
    struct build *, struct entry *, struct item *, const struct conf_provider *, struct group *);
static void origins(struct build *, struct entry *, struct conf_route *);
static char *origin(struct build *, struct str);

void
conf_bearer_provider(struct build *b, struct group *g, struct conf_provider *p)
{
	static const char *const lists[] = { "access_token_issuer", "access_token_signed_alg",
		"access_token_username_claim", "app_id_claim", "scope_claim", "roles_claim", "app_only",
		"audience" };
	struct entry *decode = groups_entry(g, "decode_access_token");
	uint64_t word = build_number(decode);

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		not_empty(b, g, lists[i]);
	if (p->access_token_signed_alg.n == 0)
		p->access_token_signed_alg = p->id_token_signed_response_alg;
	app_only(b, groups_entry(g, "app_only"), p);
	p->decode_access_token = !is_opaque(g) && (word == DECODE_YES || p->audience.n > 0);
	if (word == DECODE_YES && !groups_entry(g, "audience")->given && !g->unfinished)
		build_refuse(b, decode, build_value(decode),
		    "says to check access tokens, but not what they must be for; set audience, too");
}

static void
not_empty(struct build *b, struct group *g, const char *name)
{
	struct entry *e = groups_entry(g, name);

	if (e->given && e->list && e->n == 0)
		notes_mistake(b->notes, e->place, e->label,
		    "is an empty list, which nothing could fit; write a value, or leave it out");
}

static void
app_only(struct build *b, struct entry *e, struct conf_provider *p)
{
	p->app_only = mem_zalloc(b->mem, (e->n + 1) * sizeof(*p->app_only));
	for (size_t i = 0; i < e->n; i++) {
		struct conf_claim_rule *rule = &p->app_only[p->n_app_only];

		if (e->v[i].flawed)
			continue;
		if (conf_route_claim(b, e->v[i].text, rule) == -1)
			build_refuse(b, e, &e->v[i],
			    "is not a rule; write \"claim=value\", a claim with = or ~ in its name as "
			    "'claim'");
		else
			p->n_app_only++;
	}
}

void
conf_bearer_route(struct build *b, struct group *g, struct conf_route *r)
{
	static const char *const demands[] = { "scopes", "app_roles", "cors_origins" };
	struct entry *auth = groups_entry(g, "auth");

	conf_bearer_scopes(b, groups_entry(g, "scopes"));
	origins(b, groups_entry(g, "cors_origins"), r);
	if (r->auth == AUTH_BEARER || r->auth == AUTH_ANY) {
		can_be_checked(b, auth, r);
		return;
	}
	for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++) {
		struct entry *e = groups_entry(g, demands[i]);

		if (e->given && !auth->flawed && !g->unfinished)
			notes_mistake(b->notes, e->place, e->label,
			    "is about access tokens, which this route does not take; set auth = \"bearer\" "
			    "or \"any\", or leave it out");
	}
}

/* A token that nobody can check opens nothing. */
static void
can_be_checked(struct build *b, struct entry *auth, const struct conf_route *r)
{
	for (size_t i = 0; i < r->n_providers && r->providers[i] < b->conf->n_providers; i++) {
		struct group *g = build_next(b, SECTION_PROVIDER, NULL);

		for (size_t k = 0; k < r->providers[i]; k++)
			g = build_next(b, SECTION_PROVIDER, g);
		if (build_value(auth) != NULL && !g->unfinished)
			tokens_can_be_checked(
			    b, auth, build_value(auth), &b->conf->providers[r->providers[i]], g);
	}
	if (build_value(auth) != NULL)
		shown_to_others(b, auth, r);
}

/* Nothing in an opaque token says whose it is, so one after the other is asked. */
static void
shown_to_others(struct build *b, struct entry *auth, const struct conf_route *r)
{
	const char *names = "";
	size_t n = 0;

	for (size_t i = 0; i < r->n_providers && r->providers[i] < b->conf->n_providers; i++) {
		const struct conf_provider *p = &b->conf->providers[r->providers[i]];

		if (!p->decode_access_token && p->introspection_endpoint != NULL)
			names = mem_printf(b->mem, "%s%s\"%s\"", names, n++ == 0 ? "" : ", ", p->name);
	}
	if (n > 1)
		notes_warning(b->notes, auth->place, auth->label,
		    "takes opaque access tokens of the providers %.200s: each token is shown to the "
		    "introspection endpoint of one after the other until one knows it, so those in front see "
		    "tokens that are not theirs; give each provider a route of its own",
		    names);
}

static void
tokens_can_be_checked(
    struct build *b, struct entry *auth, struct item *item, const struct conf_provider *p, struct group *g)
{
	if (!groups_entry(g, "audience")->given)
		build_mistake(b, auth, item,
		    "%s needs access tokens, and nothing says what those of provider %s must be for; set its "
		    "audience",
		    notes_quote(item->text).text, notes_quote(str_of(p->name)).text);
	else if (is_opaque(g) && !groups_entry(g, "introspection_endpoint")->given)
		build_mistake(b, auth, item,
		    "%s needs access tokens, and those of provider %s are opaque (decode_access_token); set "
		    "its "
		    "introspection_endpoint, which can be asked about them",
		    notes_quote(item->text).text, notes_quote(str_of(p->name)).text);
}

/* Google's are never anything else. */
static bool
is_opaque(struct group *g)
{
	const struct item *kind = build_value(groups_entry(g, "kind"));
	const uint64_t word = build_number(groups_entry(g, "decode_access_token"));

	return word == DECODE_NO ||
	       (word == DECODE_AUTO && kind != NULL && str_is(kind->text, STR("google")));
}

void
conf_bearer_mobile(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);

	if (item == NULL || b->broken)
		return;
	for (struct group *g = NULL; (g = build_next(b, SECTION_PROVIDER, g)) != NULL;)
		if (g->unfinished || (groups_entry(g, "audience")->given &&
					 (!is_opaque(g) || groups_entry(g, "introspection_endpoint")->given)))
			return;
	build_mistake(b, e, item,
	    "%s would bring access tokens, and those of no provider can be checked; set the provider's "
	    "audience",
	    notes_quote(item->text).text);
}

void
conf_bearer_scopes(struct build *b, struct entry *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (!e->v[i].flawed && !value_is_scope(e->v[i].text))
			build_refuse(b, e, &e->v[i],
			    "is no scope, which has neither spaces nor quotes; write several as a list");
}

static void
origins(struct build *b, struct entry *e, struct conf_route *r)
{
	r->cors_origins = (struct conf_strings){ 0, mem_zalloc(b->mem, (e->n + 1) * sizeof(const char *)) };
	for (size_t i = 0; i < e->n; i++) {
		char *text = e->v[i].flawed ? NULL : origin(b, e->v[i].text);

		if (text != NULL)
			r->cors_origins.v[r->cors_origins.n++] = text;
		else if (!e->v[i].flawed)
			build_refuse(b, e, &e->v[i],
			    "is no origin; write scheme and host, and the port where it is not the usual "
			    "one, for example \"https://app.example.com\"");
	}
}

/* As browsers write it into Origin (RFC 6454 6.2); NULL: not an origin. */
static char *
origin(struct build *b, struct str text)
{
	struct err why;
	struct url u;
	const char *scheme, *host;

	if (url_parse(text, &u, &why) == -1 || u.path.n > 0 || u.query.p != NULL)
		return NULL;
	scheme = u.https ? "https" : "http";
	host = conf_top_host(b->mem, u.host);
	if (u.port == (u.https ? 443 : 80))
		return mem_printf(b->mem, "%s://%s", scheme, host);
	return mem_printf(b->mem, "%s://%s:%u", scheme, host, u.port);
}
