/*
 * proxy/link.h - the link that tells the mobile app where to sign in
 *
 * Pure.
 */
#ifndef PROXY_LINK_H
#define PROXY_LINK_H
#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"

/*
 * workflowgenplus://auth.init?provider=KIND&server_address=..&client_id=..
 * &tenant_id=..&audience=..: values percent-encoded, members without a value
 * left out; of several audiences the first.  NULL with REASON_CONFIG when the app could not sign in with it.
 */
const char *link_print(
    const struct conf_provider *p, const struct conf_origin *o, struct mem *m, struct err *e) MUST_CHECK;

/*
 * The tenant in a provider's addresses: the path segment of an Entra address
 * that is neither empty nor one of the names that stand for many tenants.  p
 * is NULL when there is none.
 */
struct str link_tenant(const struct conf_provider *p);

#endif
