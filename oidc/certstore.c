/* oidc/certstore.c - see oidc/certstore.h */
#include <stdlib.h>

#include "conf/certs.h"
#include "oidc/certstore.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"

struct found {
	struct jwk_certificate v[JWKS_KEYS_MAX];
	size_t n;
};

static int find(const struct conf_certificate *, int64_t now, struct found *, struct err *);
static int keep(const struct conf_certificate *, const struct certs *, struct found *, struct err *);

struct jwks *
certstore_read(const struct conf_provider *c, int64_t now, struct err *e)
{
	struct found *found = xcalloc(1, sizeof(*found));
	struct jwks *keys = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_certificates; i++)
		r = find(&c->certificates[i], now, found, e);
	if (r == 0)
		keys = jwks_from_certificates(found->v, found->n, e);
	for (size_t i = 0; i < found->n; i++)
		X509_free(found->v[i].x);
	free(found);
	return keys;
}

static int
find(const struct conf_certificate *c, int64_t now, struct found *found, struct err *e)
{
	struct certs *certs = xcalloc(1, sizeof(*certs));
	const time_t at = (time_t)now;
	int r = certs_find(c, &at, certs, e);

	if (r == 0)
		r = keep(c, certs, found, e);
	if (r == -1) {
		e->reason = REASON_PROVIDER_NO_KEYS;
		(void)err_in(e, "certificate \"%.60s\"", c->name);
	}
	certs_release(certs);
	free(certs);
	return r;
}

static int
keep(const struct conf_certificate *c, const struct certs *certs, struct found *found, struct err *e)
{
	if (certs->n > JWKS_KEYS_MAX - found->n)
		return err_set(
		    e, REASON_PROVIDER_NO_KEYS, "more than %d certificates are found", JWKS_KEYS_MAX);
	for (size_t i = 0; i < certs->n; i++) {
		(void)X509_up_ref(certs->v[i]);
		found->v[found->n++] =
		    (struct jwk_certificate){ .x = certs->v[i], .alias = c->name, .dated = c->require_valid };
	}
	return 0;
}
