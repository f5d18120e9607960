/* conf/conf_discovery.c - see conf/conf_discovery.h */
#include <string.h>

#include "conf/conf_discovery.h"
#include "conf/value.h"

#define WELL_KNOWN "/.well-known/openid-configuration" /* Discovery 4 */

static void issuer(struct build *, struct group *, struct conf_provider *);
static void document(struct build *, struct group *, struct conf_provider *);
static void by_hand(struct build *, struct group *, const char *key);
static void of_no_use(struct build *, struct group *, const char *key);
static const char *discovery_word(const struct group *);

void
conf_discovery_build(struct build *b, struct group *g, struct conf_provider *p)
{
	issuer(b, g, p);
	conf_certificate_build(b, g, p);
	if (p->discovery == DISCOVERY_DOCUMENT) {
		document(b, g, p);
		return;
	}
	by_hand(b, g, "authorization_endpoint");
	by_hand(b, g, "token_endpoint");
	if (p->userinfo)
		by_hand(b, g, "userinfo_endpoint");
	if (p->discovery != DISCOVERY_FEDERATION)
		by_hand(b, g, "issuer");
	if (p->discovery == DISCOVERY_FEDERATION ||
	    (p->discovery == DISCOVERY_JWKS && !groups_entry(g, "jwks_uri")->given))
		by_hand(b, g, "discovery_url");
	if (p->discovery == DISCOVERY_JWKS && p->jwks_uri == NULL)
		p->jwks_uri = p->discovery_url;
	if (p->discovery == DISCOVERY_STORE)
		of_no_use(b, g, "discovery_url");
	if (p->discovery != DISCOVERY_JWKS)
		of_no_use(b, g, "jwks_uri");
}

/* A name, compared byte by byte.  Where it leads to a document, it is a URL, too. */
static void
issuer(struct build *b, struct group *g, struct conf_provider *p)
{
	struct entry *e = groups_entry(g, "issuer");
	struct item *item = build_value(e);
	struct err why;

	if (item == NULL)
		return;
	if (p->discovery == DISCOVERY_DOCUMENT && value_provider_url(item->text, &why) == -1)
		build_refuse(b, e, item, why.text);
	else if (strchr(item->text.p, '{') != NULL)
		build_refuse(b, e, item,
		    "is an issuer for many tenants, which is not supported yet; write the tenant's own");
	else if (p->discovery == DISCOVERY_DOCUMENT && strchr(item->text.p, '?') != NULL) /* Discovery 3 */
		build_refuse(b, e, item,
		    "has a query, which no issuer has; write it as the discovery document has it");
	else if (strpbrk(item->text.p, " \t") != NULL)
		build_refuse(b, e, item, "has a blank, which no issuer has; write it as the tokens have it");
}

static void
document(struct build *b, struct group *g, struct conf_provider *p)
{
	struct entry *e = groups_entry(g, "issuer"), *url = groups_entry(g, "discovery_url");

	if (url->given)
		return;
	if (!e->given && !g->unfinished)
		notes_mistake(b->notes, g->place, url->label,
		    "required where there is no issuer; for example discovery_url = \"%s\"",
		    url->row->example);
	else if (build_value(e) != NULL) {
		size_t n = strlen(p->issuer);

		p->discovery_url = mem_printf(b->mem, "%.*s" WELL_KNOWN,
		    (int)(n > 0 && p->issuer[n - 1] == '/' ? n - 1 : n), p->issuer);
	}
}

static void
by_hand(struct build *b, struct group *g, const char *key)
{
	struct entry *e = groups_entry(g, key);
	const char *example = e->row->example;

	if (strcmp(key, "discovery_url") == 0)
		example = strcmp(discovery_word(g), "jwks") == 0
			      ? "https://login.example.com/keys"
			      : "https://fs.example.com/FederationMetadata/2007-06/FederationMetadata.xml";
	if (!e->given && !g->unfinished && !b->broken)
		notes_mistake(b->notes, g->place, e->label,
		    "required with discovery = \"%s\", and not set; for example %s = \"%s\"",
		    discovery_word(g), key, example);
}

static void
of_no_use(struct build *b, struct group *g, const char *key)
{
	struct entry *e = groups_entry(g, key);

	if (e->given)
		notes_warning(b->notes, e->place, e->label,
		    "is not looked at with discovery = \"%s\"; leave it out", discovery_word(g));
}

static const char *
discovery_word(const struct group *g)
{
	struct item *item = build_value(groups_entry(g, "discovery"));

	return item == NULL ? "document" : item->text.p;
}
