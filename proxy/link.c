/* proxy/link.c - see proxy/link.h */
#include <string.h>

#include "conf/url.h"
#include "proxy/link.h"

#define APP "workflowgenplus://auth.init"

static bool is_entra(const struct conf_provider *);
static struct str first_segment(const char *);
static const char *add(struct mem *, const char *, const char *, struct str);

const char *
link_print(const struct conf_provider *p, const struct conf_origin *o, struct mem *m, struct err *e)
{
	const struct str tenant = link_tenant(p);
	const char *link = APP;

	if (p->client_id == NULL || p->client_id[0] == '\0') {
		(void)err_set(e, REASON_CONFIG,
		    "provider \"%.60s\" has no client_id, so the mobile app cannot sign in with it", p->name);
		return NULL;
	}
	link = add(m, link, "provider", str_of(p->kind));
	link = add(m, link, "server_address", str_of(o->url));
	link = add(m, link, "client_id", str_of(p->client_id));
	if (tenant.p != NULL)
		link = add(m, link, "tenant_id", tenant);
	if (p->audience.n > 0)
		link = add(m, link, "audience", str_of(p->audience.v[0]));
	return link;
}

static const char *
add(struct mem *m, const char *link, const char *name, struct str value)
{
	const struct str v = url_encode(m, value);

	return mem_printf(m, "%s%c%s=%.*s", link, strchr(link, '?') == NULL ? '?' : '&', name, STR_ARG(v));
}

/* The issuer set by hand is the more exact one: discovery_url may hold a domain's name. */
struct str
link_tenant(const struct conf_provider *p)
{
	static const char *const many[] = { "common", "organizations", "consumers", "{tenantid}" };
	const char *const places[] = { p->issuer, p->discovery_url };

	if (!is_entra(p))
		return (struct str){ NULL, 0 };
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct str tenant = first_segment(places[i]);
		bool one = tenant.n > 0 && tenant.p[0] != '.';

		for (size_t k = 0; k < sizeof(many) / sizeof(many[0]); k++)
			one = one && !str_is_nocase(tenant, str_of(many[k]));
		if (one)
			return tenant;
	}
	return (struct str){ NULL, 0 };
}

static bool
is_entra(const struct conf_provider *p)
{
	return strcmp(p->kind, "ms-identity-v2") == 0 || strcmp(p->kind, "azure-v1") == 0;
}

static struct str
first_segment(const char *text)
{
	struct url u;
	struct str path, segment;
	struct err e;

	if (text == NULL || url_parse(str_of(text), &u, &e) < 0 || u.path.n < 2)
		return (struct str){ NULL, 0 };
	path = str_from(u.path, 1);
	return str_next(&path, '/', &segment) ? segment : (struct str){ NULL, 0 };
}
