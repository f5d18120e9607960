/* session/store_keys.c - the keys that a store seals tokens with, see session/store_impl.h */
#include <stdlib.h>
#include <string.h>

#include "conf/mem.h"
#include "conf/seal.h"
#include "conf/secret.h"
#include "session/store_impl.h"

#define KEY 32

static struct secret *key_new(struct secret *root, const char *label);

int
store_keys_init(struct store_keys *k, const struct conf_session *c, const char *label, struct err *e)
{
	const bool own = c->sealing_secret != NULL;

	if (!own && c->n_secrets == 0)
		return err_set(e, REASON_CONFIG, "session: neither sealing_secret nor secret is set");
	/* Backends may know `secret`: once there is a sealing_secret, nothing else opens. */
	k->n = own ? 1 : c->n_secrets;
	k->v = xcalloc(k->n, sizeof(*k->v));
	for (size_t i = 0; i < k->n; i++)
		k->v[i] = key_new(own ? c->sealing_secret : c->secrets[i], label);
	return 0;
}

static struct secret *
key_new(struct secret *root, const char *label)
{
	unsigned char key[KEY];
	struct secret *s;

	secret_derive(secret_str(root), label, key, sizeof(key));
	s = secret_new(key, sizeof(key));
	explicit_bzero(key, sizeof(key));
	return s;
}

void
store_keys_release(struct store_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		secret_free(&k->v[i]);
	free(k->v);
	*k = (struct store_keys){ NULL, 0 };
}

struct str
store_keys_seal(const struct store_keys *k, struct str purpose, const struct tokens *t, struct mem *m)
{
	return seal_close((const unsigned char *)secret_str(k->v[0]).p, purpose, tokens_print(t, m), m);
}

bool
store_keys_open(
    const struct store_keys *k, struct str purpose, struct str sealed, struct mem *m, struct tokens *out)
{
	struct str record;

	for (size_t i = 0; i < k->n; i++)
		if (seal_open((const unsigned char *)secret_str(k->v[i]).p, purpose, sealed, m, &record))
			return tokens_parse(record, m, out);
	return false;
}
