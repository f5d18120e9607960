/* conf/conf_outbound.c - tokens that the proxy obtains for upstreams; see conf/build.h */
#include <string.h>

#include "conf/build.h"
#include "conf/conf_credential.h"
#include "conf/near.h"
#include "conf/value.h"

#define TIMEOUT 10000 /* ms, as provider.timeout has it */

static void one(struct build *, struct group *, struct conf_outbound *);
static void by_provider(struct build *, struct group *, struct conf_outbound *);
static void by_user(struct build *, struct group *, struct conf_outbound *);
static bool asks_for_none(const struct conf_provider *);
static void only_without_provider(struct build *, struct group *);
static void by_itself(struct build *, struct group *, struct conf_outbound *);
static void credential(struct build *, struct group *, struct conf_outbound *);
static void scope(struct build *, struct entry *);
static void resource(struct build *, struct entry *);

void
conf_outbound_build(struct build *b)
{
	struct conf *c = b->conf;

	c->outbounds = mem_zalloc(b->mem, (b->groups->n + 1) * sizeof(*c->outbounds));
	for (struct group *g = NULL; (g = build_next(b, SECTION_OUTBOUND, g)) != NULL;) {
		for (struct group *was = NULL; (was = build_next(b, SECTION_OUTBOUND, was)) != g;)
			if (strcmp(was->title, g->title) == 0) {
				build_same_title(b, g, was);
				break;
			}
		one(b, g, &c->outbounds[c->n_outbounds++]);
	}
}

static void
one(struct build *b, struct group *g, struct conf_outbound *o)
{
	build_fill(b, g, o);
	o->name = mem_strdup(b->mem, g->title);
	o->at = build_place(b, g->place);
	o->by_user = build_number(groups_entry(g, "grant")) == 1;
	if (groups_entry(g, "provider")->given)
		by_provider(b, g, o);
	else
		by_itself(b, g, o);
	if (o->by_user)
		by_user(b, g, o);
	scope(b, groups_entry(g, "scope"));
	resource(b, groups_entry(g, "resource"));
}

static void
by_provider(struct build *b, struct group *g, struct conf_outbound *o)
{
	struct entry *e = groups_entry(g, "provider");
	struct item *item = build_value(e);
	struct conf *c = b->conf;
	bool found = false;

	only_without_provider(b, g);
	for (size_t i = 0; item != NULL && i < c->n_providers && !found; i++)
		if (strcmp(c->providers[i].name, item->text.p) == 0) {
			o->provider = i;
			found = true;
		}
	if (item == NULL || b->broken)
		return;
	if (!found)
		build_mistake(b, e, item, "there is no provider %s; write the title of a provider section",
		    notes_quote(item->text).text);
	else if (!o->by_user && c->providers[o->provider].token_endpoint_auth_method == AUTH_METHOD_NONE)
		build_mistake(b, e, item,
		    "the client of provider %s has token_endpoint_auth_method = \"none\", and a client that "
		    "proves nothing "
		    "gets no token of its own; give it a secret, or write token_endpoint and a client here",
		    notes_quote(item->text).text);
}

/* It comes of the refresh token that a sign-in at the provider left. */
static void
by_user(struct build *b, struct group *g, struct conf_outbound *o)
{
	struct entry *e = groups_entry(g, "grant"), *provider = groups_entry(g, "provider");

	if (g->unfinished || b->broken)
		return;
	if (!provider->given)
		build_mistake(b, e, build_value(e),
		    "refresh_token is for the users' own tokens, and they sign in at a provider; write "
		    "provider = \"main\" in place of token_endpoint and client");
	else if (!b->conf->session.refresh)
		build_mistake(b, e, build_value(e),
		    "refresh_token needs session.refresh = yes, without which no refresh token is used");
	else if (!provider->flawed && o->provider < b->conf->n_providers &&
		 asks_for_none(&b->conf->providers[o->provider]))
		notes_warning(b->notes, e->place, e->label,
		    "provider %s does not ask for offline_access, and many give a refresh token only then; "
		    "write additional_scopes = {\"offline_access\"} there",
		    notes_quote(str_of(b->conf->providers[o->provider].name)).text);
}

/* Does its sign-in ask for no refresh token?  Of some kinds it always does, or need not. */
static bool
asks_for_none(const struct conf_provider *p)
{
	static const char *const unasked[] = { "azure-v1", "adfs", "keycloak", "google", "sap-xsuaa" };
	const bool plain = strcmp(p->kind, "oidc") == 0;

	for (size_t i = 0; i < p->scopes.n; i++)
		if (strcmp(p->scopes.v[i], "offline_access") == 0)
			return false;
	for (size_t i = 0; i < sizeof(unasked) / sizeof(unasked[0]); i++)
		if (strcmp(p->kind, unasked[i]) == 0)
			return false;
	return plain || p->scopes_by_hand;
}

/* Half of each would leave open whose secret goes where. */
static void
only_without_provider(struct build *b, struct group *g)
{
	static const char *const own[] = { "token_endpoint", "client_id", "client_secret",
		"client_secret_file", "token_endpoint_auth_method", "client_certificate",
		"client_private_key" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		struct entry *e = groups_entry(g, own[i]);

		if (e->given && !e->flawed)
			notes_mistake(b->notes, e->place, e->label,
			    "provider is set, whose token endpoint and client are used; leave one of them "
			    "out");
	}
}

static void
by_itself(struct build *b, struct group *g, struct conf_outbound *o)
{
	const struct entry *endpoint = groups_entry(g, "token_endpoint"), *id = groups_entry(g, "client_id");

	o->own = true;
	o->client.name = o->name;
	o->client.kind = "oidc";
	o->client.timeout = TIMEOUT;
	o->client.at = o->at;
	if (g->unfinished)
		return;
	if (!endpoint->given && !id->given)
		notes_mistake(b->notes, g->place, g->label,
		    "has neither provider nor token_endpoint; write for example provider = \"main\", or "
		    "token_endpoint, "
		    "client_id and client_secret_file");
	else if (!endpoint->given || !id->given)
		notes_mistake(b->notes, g->place, endpoint->given ? id->label : endpoint->label,
		    "required where there is no provider; for example %s = \"%s\"",
		    endpoint->given ? id->row->name : endpoint->row->name,
		    endpoint->given ? id->row->example : endpoint->row->example);
	else
		credential(b, g, o);
}

static void
credential(struct build *b, struct group *g, struct conf_outbound *o)
{
	struct entry *method = groups_entry(g, "token_endpoint_auth_method");
	struct item *item = build_value(method);

	conf_credential_proof(b, g, &o->client);
	if (item != NULL && o->client.token_endpoint_auth_method == AUTH_METHOD_NONE)
		build_refuse(b, method, item,
		    "proves nothing, and such a client gets no token of its own; write another method");
}

/* RFC 6749 3.3: several, with one space between. */
static void
scope(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	struct str rest, word;
	bool good;

	if (item == NULL)
		return;
	rest = item->text;
	good = rest.n > 0 && rest.p[rest.n - 1] != ' ';
	while (good && str_next(&rest, ' ', &word))
		good = value_is_scope(word);
	if (!good)
		build_refuse(b, e, item,
		    "is not a scope; write printable characters without quotes, one space between several "
		    "scopes");
}

static void
resource(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	bool good = item != NULL;

	for (size_t i = 0; good && i < item->text.n; i++)
		good = item->text.p[i] > ' ' && item->text.p[i] < '\x7f';
	if (item != NULL && !good)
		build_refuse(b, e, item,
		    "is not the name of a resource; write it as the provider has it, without spaces");
}

void
conf_outbound_fit(struct build *b, struct entry *e, const struct conf_route *r)
{
	const struct conf_outbound *o = &b->conf->outbounds[r->outbound - 1];
	struct item *item = build_value(e);
	bool found = false;

	if (item == NULL || !o->by_user || o->own || b->broken)
		return;
	for (size_t i = 0; i < r->n_providers; i++)
		found = found || r->providers[i] == o->provider;
	if (r->auth != AUTH_SESSION && r->auth != AUTH_ANY)
		build_mistake(b, e, item,
		    "has grant = \"refresh_token\", which uses the refresh token of a session; write auth = "
		    "session or any, or another outbound section");
	else if (!found)
		build_mistake(b, e, item,
		    "uses refresh tokens of provider %s, whose sessions do not open this route; write it "
		    "into "
		    "the route's provider",
		    notes_quote(str_of(b->conf->providers[o->provider].name)).text);
}

void
conf_outbound_find(struct build *b, struct entry *e, size_t *index)
{
	struct item *item = build_value(e);
	struct near near;

	if (item == NULL)
		return;
	near_init(&near, item->text);
	for (size_t i = 0; i < b->conf->n_outbounds; i++) {
		if (strcmp(b->conf->outbounds[i].name, item->text.p) == 0) {
			*index = i + 1;
			return;
		}
		near_offer(&near, b->conf->outbounds[i].name);
	}
	if (!b->broken)
		build_mistake(b, e, item,
		    "there is no outbound %s%s%s; write the title of an outbound section",
		    notes_quote(item->text).text, near.best == NULL ? "" : "; did you mean ",
		    near.best == NULL ? "" : notes_quote(str_of(near.best)).text);
}
