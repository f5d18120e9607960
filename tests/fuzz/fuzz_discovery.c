/*
 * tests/fuzz/fuzz_discovery.c - a provider's metadata
 *
 * The first byte chooses the kind of provider and what is set by hand, the
 * rest is the document.  What comes out has every endpoint that is needed,
 * none of them in the clear, and the issuer that was configured.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/url.h"
#include "oidc/discovery.h"
#include "oidc/kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check_endpoint(const char *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_provider c = { .name = "main",
		.discovery_url = "https://op.example.com/.well-known/openid-configuration" };
	struct err e = { .reason = REASON_NONE };
	struct discovery d;
	unsigned choice = size > 0 ? data[0] : 0;

	c.kind = choice & 1 ? "oidc" : "keycloak";
	c.issuer = choice & 2 ? "https://op.example.com" : NULL;
	c.jwks_uri = choice & 4 ? "https://by.hand.example/k" : NULL;
	c.tenants.n = choice & 8 ? 1 : 0;
	c.introspection_endpoint = choice & 16 ? "https://by.hand.example/i" : NULL;
	if (discovery_parse(&c, (struct str){ (const char *)data + (size > 0), size - (size > 0) }, &d, &e) ==
	    0) {
		assert(d.issuer[0] != '\0' && (c.tenants.n > 0 || strstr(d.issuer, "{tenantid}") == NULL));
		assert(c.issuer == NULL || strcmp(d.issuer, c.issuer) == 0);
		assert(!(choice & 1) || strncmp(d.issuer, "https://op.example.com", 22) == 0);
		assert(c.jwks_uri == NULL || strcmp(d.jwks_uri, c.jwks_uri) == 0);
		check_endpoint(d.authorization_endpoint);
		check_endpoint(d.token_endpoint);
		check_endpoint(d.jwks_uri);
		if (d.userinfo_endpoint != NULL)
			check_endpoint(d.userinfo_endpoint);
		if (d.end_session_endpoint != NULL)
			check_endpoint(d.end_session_endpoint);
		if (d.introspection_endpoint != NULL)
			check_endpoint(d.introspection_endpoint);
		if (d.revocation_endpoint != NULL)
			check_endpoint(d.revocation_endpoint);
		assert(!(choice & 16) || strcmp(d.introspection_endpoint, c.introspection_endpoint) == 0);
	} else
		assert((e.reason == REASON_PROVIDER_ANSWER || e.reason == REASON_PROVIDER_ISSUER) &&
		       e.text[0] != '\0');
	discovery_release(&d);
	return 0;
}

static void
check_endpoint(const char *url)
{
	struct url u;
	struct err e;

	assert(url != NULL && strlen(url) <= DISCOVERY_URL_MAX && strchr(url, '#') == NULL);
	if (url_parse(str_of(url), &u, &e) < 0)
		abort();
	assert(u.https || url_is_loopback(&u));
}
