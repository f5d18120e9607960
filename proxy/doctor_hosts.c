/* proxy/doctor_hosts.c - the provider's other hosts; see proxy/doctor.h */
#include <string.h>

#include "proxy/doctor.h"

#define HOSTS    6
#define PAGE_MAX 65536

static size_t origin_length(const char *);
static bool is_same_origin(const char *, const char *);
static void check_host(struct doctor *, const char *, const struct conf_provider *, const char *);

/* Each once.  The discovery document's has been looked at; the authorization endpoint is the browsers'. */
void
doctor_hosts(
    struct doctor *d, const char *subject, const struct conf_provider *p, const struct discovery *meta)
{
	const char *const urls[HOSTS] = { meta->token_endpoint,
		p->discovery == DISCOVERY_STORE ? NULL : meta->jwks_uri, meta->userinfo_endpoint,
		meta->introspection_endpoint, meta->revocation_endpoint, meta->end_session_endpoint };

	for (size_t i = 0; i < HOSTS; i++) {
		bool seen = urls[i] == NULL || is_same_origin(urls[i], p->discovery_url);

		for (size_t k = 0; k < i && !seen; k++)
			seen = is_same_origin(urls[i], urls[k]);
		if (!seen)
			check_host(d, subject, p, urls[i]);
	}
}

static size_t
origin_length(const char *url)
{
	const char *host = strstr(url, "://");

	return host == NULL ? 0 : (size_t)(host - url) + 3 + strcspn(host + 3, "/?#");
}

static bool
is_same_origin(const char *a, const char *b)
{
	const size_t n = origin_length(a);

	return b != NULL && origin_length(b) == n && strncasecmp(a, b, n) == 0;
}

/* Whatever it answers at its root: that it proves its name is what counts. */
static void
check_host(struct doctor *d, const char *subject, const struct conf_provider *p, const char *url)
{
	const char *origin = mem_printf(d->mem, "%.*s", (int)origin_length(url), url);
	const struct fetch_request q = {
		.url = mem_printf(d->mem, "%s/", origin),
		.accept = "*/*",
		.tls_ca = p->tls_ca,
		.proxy = p->proxy,
		.timeout = p->timeout,
		.max_size = PAGE_MAX,
	};
	struct fetch_answer a = { .address = "" };
	struct err e;
	int64_t ends;

	if (reach_fetch(d->reach, &q, &a, &e) == -1 && e.reason != REASON_PROVIDER_TOO_LARGE &&
	    e.reason != REASON_PROVIDER_ANSWER) {
		finding_fail(&d->f, subject,
		    "%s: %s; check the server's certificate, the resolver, the "
		    "firewall, provider.proxy and provider.tls_ca",
		    origin, e.text);
		return;
	}
	finding_ok(&d->f, subject, "%s answers%s", origin,
	    strncasecmp(origin, "https:", 6) == 0 ? ", with a certificate that proves its name" : "");
	if (a.address[0] != '\0' && reach_certificate(a.address, origin, p->timeout, &ends))
		doctor_ends(d, subject, mem_printf(d->mem, "the certificate of %s", origin), ends);
}
