/*
 * oidc/tenant.h - whose token is it, where one issuer stands for many tenants
 *
 * Entra's documents for several tenants have {tenantid} in their issuer, and
 * its key sets say of each key whose tokens it may sign: `issuer`, with
 * {tenantid} where that is any tenant's.  A token is then of the tenant that
 * its own `tid` names, and three things must agree: the operator has listed
 * that tenant, iss is the issuer with it filled in, and so is the key's.
 *
 * Pure.
 */
#ifndef OIDC_TENANT_H
#define OIDC_TENANT_H
#include <jansson.h>
#include <stdbool.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"

struct kind_access;

bool tenant_is_any(const char *issuer); /* has it {tenantid}? */

/*
 * `issuer` with the claims' tid for {tenantid}, in m; itself where it has none.
 * NULL: it needs a tid, and the claims have none.
 */
const char *tenant_issuer(const char *issuer, const json_t *claims, struct mem *m);

/* The same with a tenant of the operator's list. */
const char *tenant_issuer_of(const char *issuer, const char *tenant, struct mem *m);

/*
 * May this tenant come in?  -1 with TOKEN_TENANT: tid is none of `tenants`, or
 * the issuer stands for many and none is listed.  An issuer of its own with
 * nothing listed (NULL, or no element) is open to whomever it speaks for.
 */
int tenant_judge(
    const struct conf_strings *tenants, const char *issuer, const json_t *claims, struct err *e) MUST_CHECK;

/*
 * May this key sign for this tenant?  `key_issuer`, may be NULL, is what the
 * key says.  -1 with TOKEN_KEY: that is not the token's iss, nor its twin.
 */
int tenant_judge_key(const struct kind_access *k, const char *key_issuer, const json_t *claims, struct mem *m,
    struct err *e) MUST_CHECK;

/* Are these the two issuers of one tenant that this kind of provider has (oidc/kinds.h)? */
bool tenant_is_twin(const struct kind_access *k, struct str issuer, struct str twin);

#endif
