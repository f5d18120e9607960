/* oidc/tenant.c - see oidc/tenant.h */
#include <string.h>

#include "oidc/claims.h"
#include "oidc/kinds.h"
#include "oidc/tenant.h"

#define PLACE "{tenantid}"
#define GUID  36 /* characters of a tenant's id */

static bool is_guid(struct str);

bool
tenant_is_any(const char *issuer)
{
	return strstr(issuer, PLACE) != NULL;
}

/* As the token spells it: its iss is compared byte for byte. */
const char *
tenant_issuer(const char *issuer, const json_t *claims, struct mem *m)
{
	struct str tid = claims_text(json_object_get(claims, "tid"));

	if (!tenant_is_any(issuer))
		return issuer;
	if (!is_guid(tid))
		return NULL;
	return tenant_issuer_of(issuer, mem_text(m, tid), m);
}

const char *
tenant_issuer_of(const char *issuer, const char *tenant, struct mem *m)
{
	const char *at = strstr(issuer, PLACE);

	if (at == NULL)
		return issuer;
	return mem_printf(m, "%.*s%s%s", (int)(at - issuer), issuer, tenant, at + strlen(PLACE));
}

int
tenant_judge(const struct conf_strings *tenants, const char *issuer, const json_t *claims, struct err *e)
{
	struct str tid = claims_text(json_object_get(claims, "tid"));
	const size_t n = tenants == NULL ? 0 : tenants->n;

	if (n == 0 && !tenant_is_any(issuer))
		return 0;
	if (n == 0)
		return err_set(e, REASON_TOKEN_TENANT,
		    "the provider's issuer stands for every tenant, and provider.tenants lists none");
	if (!is_guid(tid))
		return err_set(e, REASON_TOKEN_TENANT,
		    "tid is missing or not a tenant's id, and provider.tenants says whom to let in");
	for (size_t i = 0; i < n; i++)
		if (str_is_nocase(tid, str_of(tenants->v[i])))
			return 0;
	return err_set(e, REASON_TOKEN_TENANT, "tid is %.36s, which provider.tenants does not list", tid.p);
}

int
tenant_judge_key(
    const struct kind_access *k, const char *key_issuer, const json_t *claims, struct mem *m, struct err *e)
{
	struct str iss = claims_text(json_object_get(claims, "iss"));
	const char *filled;

	if (key_issuer == NULL)
		return 0;
	filled = tenant_issuer(key_issuer, claims, m);
	if (filled != NULL && iss.p != NULL &&
	    (str_is(iss, str_of(filled)) || tenant_is_twin(k, str_of(filled), iss)))
		return 0;
	return err_set(e, REASON_TOKEN_KEY,
	    "the key that signed it is for tokens of %.100s, and its iss is %.100s", key_issuer,
	    iss.p == NULL ? "missing" : iss.p);
}

/* What stands for the tenant is a GUID, and the same in both. */
bool
tenant_is_twin(const struct kind_access *k, struct str issuer, struct str twin)
{
	struct str tenant[2], text[2] = { issuer, twin };

	for (size_t i = 0; i < 2; i++) {
		struct str begins = str_of(k->issuer_begins[i]), ends = str_of(k->issuer_ends[i]);

		if (begins.n == 0 || text[i].n != begins.n + GUID + ends.n || !str_begins(text[i], begins))
			return false;
		if (!str_is(str_from(text[i], begins.n + GUID), ends))
			return false;
		tenant[i] = (struct str){ text[i].p + begins.n, GUID };
		if (!is_guid(tenant[i]))
			return false;
	}
	return str_is(tenant[0], tenant[1]);
}

static bool
is_guid(struct str s)
{
	if (s.p == NULL || s.n != GUID)
		return false;
	for (size_t i = 0; i < GUID; i++)
		if (s.p[i] == '\0' || strchr("0123456789abcdefABCDEF-", s.p[i]) == NULL)
			return false;
	return true;
}
