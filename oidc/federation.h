/*
 * oidc/federation.h - a provider's WS-Federation metadata: its name and its token-signing certificates
 *
 * Of the document {SAML metadata}EntityDescriptor two things are read: its
 * entityID, and each certificate at
 *
 *	RoleDescriptor xsi:type="{WS-Federation}SecurityTokenServiceType"
 *	  / KeyDescriptor use="signing" / KeyInfo / X509Data / X509Certificate
 *
 * the first of each X509Data, exactly there and by namespace, never by prefix.
 * Other roles, keys for encryption and the certificate of the document's own
 * signature sign no tokens.  The signature itself is not looked at: whoever
 * could forge the document could sign it, and TLS vouches for where it is from.
 * The certificates' dates do not count: what is listed is trusted, and during a
 * rollover there are several.
 *
 * Bounded as oidc/xml.h says: no DOCTYPE, no entities, and nothing is ever fetched.
 */
#ifndef OIDC_FEDERATION_H
#define OIDC_FEDERATION_H
#include "conf/err.h"
#include "conf/str.h"
#include "oidc/xml.h"

struct jwks;

#define FEDERATION_SIZE_MAX   XML_SIZE_MAX
#define FEDERATION_ENTITY_MAX 2048 /* bytes of the entityID */

struct federation {
	char *entity_id;
	struct jwks *keys;
};

/* -1 with REASON_PROVIDER_ANSWER.  The caller frees *out with federation_release(), also when it failed. */
int federation_parse(struct str document, struct federation *out, struct err *e) MUST_CHECK;
void federation_release(struct federation *f);

#endif
