/* proxy/bearer_issuer.c - see proxy/bearer_issuer.h */
#include "oidc/accesstoken.h"
#include "oidc/jose.h"
#include "proxy/bearer_issuer.h"

/* What can be said of one provider. */
enum fit { FITS_NOT, FITS_MAYBE, FITS };

static struct bearer_issuers everybody(struct request *);
static enum fit fit_of(struct request *, size_t provider, json_t *claims);

struct bearer_issuers
bearer_issuer_find(struct request *r, struct str token)
{
	const struct conf_route *route = r->match.route;
	struct bearer_issuers all =
	    route == NULL ? everybody(r) : (struct bearer_issuers){ route->providers, route->n_providers };
	size_t *sure, *maybe, n_sure = 0, n_maybe = 0;
	json_t *claims;

	if (all.n < 2)
		return all;
	claims = jose_unproven(token, r->mem);
	if (json_object_get(claims, "iss") == NULL) /* opaque, or as good as that */
		return all;
	sure = mem_zalloc(r->mem, 2 * all.n * sizeof(*sure));
	maybe = sure + all.n;
	for (size_t i = 0; i < all.n; i++)
		switch (fit_of(r, all.v[i], claims)) {
		case FITS:
			sure[n_sure++] = all.v[i];
			break;
		case FITS_MAYBE:
			maybe[n_maybe++] = all.v[i];
			break;
		case FITS_NOT:
			break;
		}
	return n_sure > 0 ? (struct bearer_issuers){ sure, n_sure }
			  : (struct bearer_issuers){ maybe, n_maybe };
}

static struct bearer_issuers
everybody(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;
	size_t *v = mem_zalloc(r->mem, c->n_providers * sizeof(*v)), n = 0;

	for (size_t i = 0; i < c->n_providers; i++)
		if (c->providers[i].decode_access_token ||
		    (c->providers[i].audience.n > 0 && c->providers[i].introspection_endpoint != NULL))
			v[n++] = i;
	return (struct bearer_issuers){ v, n };
}

/* Of one that nothing is known of yet nobody can say what its issuer is. */
static enum fit
fit_of(struct request *r, size_t provider, json_t *claims)
{
	const struct snapshot *s = request_snap(r);
	struct accesstoken_check check = { .provider = &s->conf->providers[provider], .mem = r->mem };
	const struct oidc_view *view;
	struct err ignored;
	bool fits;

	view = oidc_view(s->oidc[provider], r->now_ms / 1000, &ignored);
	if (view == NULL)
		return FITS_MAYBE;
	check.issuer = view->meta.issuer;
	check.access_token_issuer = view->meta.access_token_issuer;
	fits = accesstoken_names(&check, claims);
	oidc_view_release(&view);
	return fits ? FITS : FITS_NOT;
}
