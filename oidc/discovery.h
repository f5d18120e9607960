/*
 * oidc/discovery.h - a provider's metadata (OpenID Connect Discovery 1.0)
 *
 * discovery_parse() checks a document against what the operator configured
 * and completes it with the endpoints given by hand.  For the other kinds of
 * discovery there is no such document; discovery_by_hand() takes its place.
 * Pure.
 *
 * Every endpoint is https, or http to a loopback address, and has no
 * fragment.  What is given by hand is not even looked at in the document.
 */
#ifndef OIDC_DISCOVERY_H
#define OIDC_DISCOVERY_H
#include <stdbool.h>

#include "conf/conf.h"
#include "conf/err.h"

#define DISCOVERY_SIZE_MAX 1048576
#define DISCOVERY_URL_MAX  2048 /* bytes of the issuer or an endpoint */

struct discovery {
	char *issuer;              /* with provider.tenants it may have {tenantid}: see oidc/tenant.h */
	char *access_token_issuer; /* may be NULL.  AD FS: the iss of its access tokens */
	char *authorization_endpoint, *token_endpoint;
	char *jwks_uri; /* where the keys are from: the metadata's URL with federation, else words for a store
			 */
	char *userinfo_endpoint, *end_session_endpoint, *introspection_endpoint,
	    *revocation_endpoint;   /* may be NULL */
	char *check_session_iframe; /* may be NULL.  OpenID Connect Session Management 1.0, 3.3 */
	bool response_iss;          /* authorization_response_iss_parameter_supported (RFC 9207 2.4) */
};

/*
 * -1 with PROVIDER_ISSUER (another issuer than configured, or one that
 * Discovery 4.3 does not allow for this URL) or PROVIDER_ANSWER (anything
 * else).  The caller frees *out with discovery_release(), also when it failed.
 */
int discovery_parse(
    const struct conf_provider *c, struct str document, struct discovery *out, struct err *e) MUST_CHECK;

/*
 * What is configured, without a document.  `name` is who the keys' source says
 * it is (federation's entityID), which counts where no issuer is set by hand;
 * NULL: it says nothing.  -1 with PROVIDER_ISSUER (it stands for every tenant)
 * or CONFIG (something is missing).  As with discovery_parse(), the caller
 * frees *out.
 */
int discovery_by_hand(
    const struct conf_provider *c, const char *name, struct discovery *out, struct err *e) MUST_CHECK;

void discovery_copy(struct discovery *to, const struct discovery *from);
void discovery_release(struct discovery *d);

#endif
