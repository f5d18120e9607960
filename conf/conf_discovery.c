/* conf/conf_discovery.c - see conf/conf_discovery.h */
#include <ctype.h>
#include <string.h>

#include "conf/conf_discovery.h"
#include "conf/value.h"

#define WELL_KNOWN "/.well-known/openid-configuration" /* Discovery 4 */
#define PLACE      "{tenantid}"
#define ANYBODY    "00000000-0000-0000-0000-000000000000"

static void issuer(struct build *, struct group *, struct conf_provider *);
static const char *fill(struct build *, const char *);
static void tenants(struct build *, struct group *, struct conf_provider *);
static bool is_guid(struct str);
static char *lower(struct build *, struct str);
static void document(struct build *, struct group *, struct conf_provider *);
static void by_hand(struct build *, struct group *, const char *key);
static void of_no_use(struct build *, struct group *, const char *key);
static const char *discovery_word(const struct group *);

void
conf_discovery_build(struct build *b, struct group *g, struct conf_provider *p)
{
	issuer(b, g, p);
	tenants(b, g, p);
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
	const char *filled;
	struct err why;

	if (item == NULL)
		return;
	filled = fill(b, item->text.p);
	if (p->discovery == DISCOVERY_DOCUMENT && value_provider_url(str_of(filled), &why) == -1)
		build_refuse(b, e, item, why.text);
	else if (strpbrk(filled, "{}") != NULL)
		build_refuse(b, e, item,
		    "has a place to fill in that is not {tenantid}, or has it twice; write the tenant's own "
		    "issuer");
	else if (filled != item->text.p && !groups_entry(g, "tenants")->given)
		build_refuse(b, e, item,
		    "stands for every tenant; list those to let in as tenants, or write the tenant's own");
	else if (p->discovery == DISCOVERY_DOCUMENT && strchr(item->text.p, '?') != NULL) /* Discovery 3 */
		build_refuse(b, e, item,
		    "has a query, which no issuer has; write it as the discovery document has it");
	else if (strpbrk(item->text.p, " \t") != NULL)
		build_refuse(b, e, item, "has a blank, which no issuer has; write it as the tokens have it");
}

/* With some tenant's id for {tenantid}; the text itself where it has none. */
static const char *
fill(struct build *b, const char *text)
{
	const char *at = strstr(text, PLACE);

	if (at == NULL)
		return text;
	return mem_printf(b->mem, "%.*s" ANYBODY "%s", (int)(at - text), text, at + strlen(PLACE));
}

/* Lower case, as they are compared. */
static void
tenants(struct build *b, struct group *g, struct conf_provider *p)
{
	struct entry *e = groups_entry(g, "tenants"), *access = groups_entry(g, "access_token_issuer");

	p->tenants = (struct conf_strings){ 0, mem_zalloc(b->mem, (e->n + 1) * sizeof(const char *)) };
	if (e->given && e->list && e->n == 0)
		notes_mistake(b->notes, e->place, e->label,
		    "is an empty list, which would let nobody in; write a tenant's id, or leave it out");
	for (size_t i = 0; i < e->n; i++) {
		if (e->v[i].flawed)
			continue;
		if (is_guid(e->v[i].text))
			p->tenants.v[p->tenants.n++] = lower(b, e->v[i].text);
		else
			build_refuse(b, e, &e->v[i],
			    "is not a tenant's id; write it as tokens have it in tid: eight, three times "
			    "four, "
			    "and twelve hexadecimal digits with - between");
	}
	for (size_t i = 0; i < access->n && !e->given; i++)
		if (!access->v[i].flawed && strstr(access->v[i].text.p, PLACE) != NULL)
			build_refuse(b, access, &access->v[i],
			    "stands for every tenant; list those to let in as tenants, or write the tenant's "
			    "own");
}

static bool
is_guid(struct str s)
{
	static const char shape[] = ANYBODY;

	for (size_t i = 0; i < s.n && s.n == sizeof(shape) - 1; i++)
		if (shape[i] == '-' ? s.p[i] != '-' : !isxdigit((unsigned char)s.p[i]))
			return false;
	return s.n == sizeof(shape) - 1;
}

static char *
lower(struct build *b, struct str s)
{
	char *out = mem_text(b->mem, s);

	for (char *c = out; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c | 32);
	return out;
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
	else if (build_value(e) != NULL && strchr(p->issuer, '{') != NULL)
		notes_mistake(b->notes, g->place, url->label,
		    "required where issuer has {tenantid}; for example discovery_url = \"%s\"",
		    "https://login.microsoftonline.com/organizations/v2.0" WELL_KNOWN);
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
