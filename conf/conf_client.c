/* conf/conf_client.c - programs that call without a user; see conf/build.h */
#include <string.h>

#include "conf/build.h"
#include "conf/conf_bearer.h"
#include "conf/value.h"

static void one(struct build *, struct group *, struct conf_client *);
static void only_once(struct build *, struct group *, const struct conf_client *);

void
conf_client_build(struct build *b)
{
	struct conf *c = b->conf;

	c->clients = mem_zalloc(b->mem, (b->groups->n + 1) * sizeof(*c->clients));
	for (struct group *g = NULL; (g = build_next(b, SECTION_CLIENT, g)) != NULL;) {
		for (struct group *was = NULL; (was = build_next(b, SECTION_CLIENT, was)) != g;)
			if (strcmp(was->title, g->title) == 0) {
				build_same_title(b, g, was);
				break;
			}
		one(b, g, &c->clients[c->n_clients++]);
	}
}

static void
one(struct build *b, struct group *g, struct conf_client *c)
{
	struct entry *e = groups_entry(g, "username"), *provider = groups_entry(g, "provider");
	struct item *name = build_value(e);

	build_fill(b, g, c);
	c->name = mem_strdup(b->mem, g->title);
	c->at = build_place(b, g->place);
	if (build_value(provider) != NULL)
		conf_provider_find(b, provider, build_value(provider), &c->provider);
	conf_bearer_scopes(b, groups_entry(g, "scopes"));
	/* It goes into a header, where spaces at the ends would vanish and make it another name. */
	if (name != NULL && name->text.n > 0 &&
	    (!value_is_text(name->text) || memchr(name->text.p, '\t', name->text.n) != NULL ||
		name->text.n != str_trim(name->text).n))
		build_refuse(b, e, name,
		    "is no name that a header can hold; write it without control characters and without "
		    "spaces at its ends");
	if (c->client_id != NULL)
		only_once(b, g, c);
}

/* Two sections for one program would leave open whose name it gets. */
static void
only_once(struct build *b, struct group *g, const struct conf_client *c)
{
	struct entry *e = groups_entry(g, "client_id");
	struct item *item = build_value(e);

	for (const struct conf_client *was = b->conf->clients; item != NULL && was < c; was++)
		if (was->client_id != NULL && was->provider == c->provider &&
		    strcmp(was->client_id, c->client_id) == 0) {
			build_mistake(b, e, item, "%s is client %s already; write each program once",
			    notes_quote(item->text).text, notes_quote(str_of(was->name)).text);
			return;
		}
}
