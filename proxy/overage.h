/*
 * proxy/overage.h - a claim that a token names, and leaves out
 *
 * Whoever is in more groups than fit into a token (Entra: 200) gets none of
 * them, but a hint: `_claim_names` with the claim's name (OpenID Connect Core
 * 5.6.2), or `hasgroups`.  That is not "no groups": a rule cannot be judged,
 * which denies and says why.  Both are kept with the session (access.h).
 */
#ifndef PROXY_OVERAGE_H
#define PROXY_OVERAGE_H
#include <jansson.h>
#include <stdbool.h>

#include "conf/conf.h"
#include "conf/mem.h"
#include "session/session.h"

#define OVERAGE_NAMES  "_claim_names"
#define OVERAGE_GROUPS "hasgroups"
#define OVERAGE_MEND                                                                                         \
	"let the provider send app roles, or only the groups assigned to the application, and judge by "     \
	"those"

/* Is the claim absent, and named as left out? */
bool overage_of(const struct session *s, const char *claim);
bool overage_in(const json_t *claims, const char *claim);

/* "groups, wids": which of these; NULL: none. */
const char *overage_list(const struct session *s, const struct conf_strings *needed, struct mem *m);

#endif
