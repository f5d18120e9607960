/* oidc/jwks.c - see oidc/jwks.h */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "oidc/jose.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"

struct jwks {
	size_t n;
	struct jwk v[JWKS_KEYS_MAX];
};

static int read_keys(const json_t *, struct jwks *, struct err *);
static int judge_set(const struct jwks *, size_t symmetric, size_t total, struct err *);
static bool is_same_name(const struct jwk *, const struct jwk *);
static void add_certificate(struct jwks *, struct jwk *);
static bool is_same_alias(const char *, const char *);

struct jwks *
jwks_parse(struct str text, struct err *e)
{
	json_t *root = jose_json(text, JWKS_SIZE_MAX, REASON_PROVIDER_ANSWER, e);
	struct jwks *k;

	if (root == NULL) {
		err_in(e, "key set");
		return NULL;
	}
	k = xcalloc(1, sizeof(*k));
	if (read_keys(json_object_get(root, "keys"), k, e) < 0) {
		err_in(e, "key set");
		jwks_free(&k);
	}
	json_decref(root);
	return k;
}

static int
read_keys(const json_t *keys, struct jwks *k, struct err *e)
{
	size_t i, symmetric = 0;
	const json_t *o;

	if (!json_is_array(keys))
		return err_set(e, REASON_PROVIDER_ANSWER, "no list with the name \"keys\" (RFC 7517 5)");
	if (json_array_size(keys) > JWKS_KEYS_MAX)
		return err_set(e, REASON_PROVIDER_ANSWER, "%zu keys; accepted: at most %d",
		    json_array_size(keys), JWKS_KEYS_MAX);
	json_array_foreach(keys, i, o)
	{
		const char *kid = json_string_value(json_object_get(o, "kid"));
		struct err why;

		switch (jwk_parse(o, &k->v[k->n], &why)) {
		case JWK_OK:
			k->n++;
			break;
		case JWK_OTHER:
			log_debug("key set: key %zu (kid %.64s) is not for signatures we know: %s", i + 1,
			    kid == NULL ? "missing" : kid, why.text);
			break;
		case JWK_SYMMETRIC:
			symmetric++;
			break;
		case JWK_BAD:
			log_warn("key set: key %zu (kid %.64s) is left out: %s", i + 1,
			    kid == NULL ? "missing" : kid, why.text);
			break;
		}
	}
	return judge_set(k, symmetric, json_array_size(keys), e);
}

static int
judge_set(const struct jwks *k, size_t symmetric, size_t total, struct err *e)
{
	if (symmetric > 0)
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "%zu of %zu keys are symmetric (kty oct): secrets, published", symmetric, total);
	if (k->n == 0)
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "none of its %zu keys is of use; needed: RSA from 2048 bits or EC, for signatures",
		    total);
	for (size_t i = 0; i < k->n; i++)
		for (size_t j = 0; j < i; j++)
			if (is_same_name(&k->v[i], &k->v[j]))
				return err_set(e, REASON_PROVIDER_ANSWER,
				    "two keys have the kid %.64s and the same kty", k->v[i].kid);
	return 0;
}

/* RFC 7517 4.5: one kid may stand for keys of different kty. */
static bool
is_same_name(const struct jwk *a, const struct jwk *b)
{
	if (a->kid == NULL || b->kid == NULL || (a->crv == NULL) != (b->crv == NULL))
		return false;
	return strcmp(a->kid, b->kid) == 0;
}

struct jwks *
jwks_from_certificates(const struct jwk_certificate *v, size_t n, struct err *e)
{
	struct jwks *k;
	struct jwk one;
	struct err why;

	if (n > JWKS_KEYS_MAX) {
		err_set(
		    e, REASON_PROVIDER_ANSWER, "%zu certificates; accepted: at most %d", n, JWKS_KEYS_MAX);
		return NULL;
	}
	k = xcalloc(1, sizeof(*k));
	for (size_t i = 0; i < n; i++)
		if (jwk_from_certificate(&v[i], &one, &why) == 0)
			add_certificate(k, &one);
		else
			log_warn("certificate %zu of the provider's %zu is left out: %s", i + 1, n, why.text);
	if (k->n == 0) {
		err_set(e, REASON_PROVIDER_ANSWER,
		    "none of its %zu certificates is of use; needed: RSA from 2048 bits or EC", n);
		jwks_free(&k);
	}
	return k;
}

/* A certificate that is there once without dates counts without. */
static void
add_certificate(struct jwks *k, struct jwk *one)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->v[i].x5t_s256, one->x5t_s256) == 0 &&
		    is_same_alias(k->v[i].alias, one->alias)) {
			k->v[i].dated &= one->dated;
			jwk_release(one);
			return;
		}
	k->v[k->n++] = *one;
}

static bool
is_same_alias(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

size_t
jwks_count(const struct jwks *k)
{
	return k->n;
}

const struct jwk *
jwks_at(const struct jwks *k, size_t i)
{
	return &k->v[i];
}

void
jwks_free(struct jwks **k)
{
	if (*k == NULL)
		return;
	for (size_t i = 0; i < (*k)->n; i++)
		jwk_release(&(*k)->v[i]);
	free(*k);
	*k = NULL;
}
