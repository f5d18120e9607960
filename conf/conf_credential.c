/* conf/conf_credential.c - see conf/conf_credential.h */
#include <string.h>

#include <openssl/evp.h>

#include "conf/conf_credential.h"
#include "conf/conf_expiry.h"
#include "conf/conf_listen.h"
#include "conf/pem.h"
#include "conf/value.h"

#define PEM_MOST    ((size_t)1024 * 1024)
#define HMAC_LEAST  32 /* bytes: RFC 7518 3.2 for HS256 */
#define KEY_ID_MOST 256

static void secret(struct build *, struct group *, struct conf_provider *);
static void private_key(struct build *, struct group *, struct conf_provider *);
static bool signs(const EVP_PKEY *);
static void key_gone(void *);
static void certificate(struct build *, struct group *, struct conf_provider *);
static void require(struct build *, struct group *, const struct conf_provider *);
static bool knows_certificates(const struct conf_provider *);
static void key_id(struct build *, struct entry *);

void
conf_credential_build(struct build *b, struct group *g, struct conf_provider *p)
{
	conf_credential_proof(b, g, p);
	key_id(b, groups_entry(g, "client_key_id"));
	conf_expiry_date(b, groups_entry(g, "client_secret_expires"));
}

void
conf_credential_proof(struct build *b, struct group *g, struct conf_provider *p)
{
	secret(b, g, p);
	private_key(b, g, p);
	certificate(b, g, p);
	require(b, g, p);
}

static void
secret(struct build *b, struct group *g, struct conf_provider *p)
{
	struct build_secrets s = build_secrets(b, g, "client_secret");

	if (s.n > 1)
		build_mistake(b, s.entry, &s.v[1], "has %zu lines; write one secret", s.n);
	if (s.n != 1 || s.v[0].flawed)
		return;
	p->client_secret = build_secret(b, s.v[0].text);
	if (p->token_endpoint_auth_method == AUTH_METHOD_SECRET_JWT && s.v[0].text.n < HMAC_LEAST)
		notes_warning(b->notes, s.v[0].place, s.entry->label,
		    "the secret has %zu bytes; client_secret_jwt asks for at least %d (RFC 7518 3.2)",
		    s.v[0].text.n, HMAC_LEAST);
}

static void
private_key(struct build *b, struct group *g, struct conf_provider *p)
{
	struct entry *e = groups_entry(g, "client_private_key");
	struct item *item = build_value(e);
	struct mem *m = mem_new(PEM_MOST);
	EVP_PKEY *k = item == NULL ? NULL : conf_listen_key(b, e, item, m);

	mem_free(&m);
	if (k == NULL)
		return;
	p->client_private_key = k;
	mem_on_free(b->mem, key_gone, k);
	if (!signs(k))
		build_refuse(b, e, item,
		    "is a key that cannot sign for the client; write RSA of 2048 to 8192 bits, or EC on "
		    "P-256, "
		    "P-384 or P-521");
	else if (knows_certificates(p) && !EVP_PKEY_is_a(k, "RSA"))
		build_refuse(b, e, item, "is not RSA, which is all that this kind of provider takes");
}

static bool
signs(const EVP_PKEY *k)
{
	char curve[64] = "";
	const int bits = EVP_PKEY_get_bits(k);

	if (EVP_PKEY_is_a(k, "RSA"))
		return bits >= 2048 && bits <= 8192;
	(void)EVP_PKEY_get_group_name(k, curve, sizeof(curve), NULL);
	return EVP_PKEY_is_a(k, "EC") &&
	       settings_word("prime256v1 P-256 secp384r1 P-384 secp521r1 P-521", str_of(curve), false) != -1;
}

static void
key_gone(void *arg)
{
	EVP_PKEY_free(arg);
}

/* Of it only the names are sent, but it must be the one of the key. */
static void
certificate(struct build *b, struct group *g, struct conf_provider *p)
{
	struct entry *e = groups_entry(g, "client_certificate");
	struct item *item = build_value(e);
	struct mem *m = mem_new(PEM_MOST);
	struct file_text text;
	struct err why;
	X509 *x = NULL;

	if (item != NULL &&
	    (file_read(m, item->text.p, PEM_MOST, &text, &why) == -1 ||
		(x = pem_certificate(text.text, &why)) == NULL ||
		(p->client_private_key != NULL && pem_pair(x, p->client_private_key, &why) == -1)))
		build_refuse(b, e, item, why.text);
	else if (x != NULL) {
		p->client_x5t = pem_thumbprint(x, false, b->mem);
		p->client_x5t_s256 = pem_thumbprint(x, true, b->mem);
		if (pem_dates(x) < 0)
			notes_warning(b->notes, item->place, e->label, "%s is not valid yet",
			    notes_quote(item->text).text);
		conf_expiry_certificate(b, e, item, x);
	}
	X509_free(x);
	mem_free(&m);
}

static void
require(struct build *b, struct group *g, const struct conf_provider *p)
{
	const struct entry *key = groups_entry(g, "client_private_key"),
			   *cert = groups_entry(g, "client_certificate"),
			   *s = groups_entry(g, "client_secret");

	if (g->unfinished || p->token_endpoint_auth_method == AUTH_METHOD_NONE)
		return;
	if (p->token_endpoint_auth_method == AUTH_METHOD_KEY_JWT) {
		if (!key->given)
			notes_mistake(b->notes, g->place, key->label,
			    "required for private_key_jwt, and not set; for example client_private_key = "
			    "\"%s\"",
			    key->row->example);
		if (!cert->given && knows_certificates(p))
			notes_mistake(b->notes, g->place, cert->label,
			    "required for private_key_jwt with this kind of provider, which knows keys by "
			    "their "
			    "certificates; for example client_certificate = \"%s\"",
			    cert->row->example);
	} else if (!s->given && !groups_entry(g, "client_secret_file")->given)
		notes_mistake(b->notes, g->place, s->label,
		    "required, and not set; write client_secret_file = \"...\"%s",
		    g->section != SECTION_PROVIDER
			? ""
			: ", or token_endpoint_auth_method = \"none\" for a public client");
}

/* Microsoft's: a key is uploaded as a certificate, and an assertion names it by its thumbprint. */
static bool
knows_certificates(const struct conf_provider *p)
{
	return p->kind != NULL && settings_word("ms-identity-v2 azure-v1 adfs", str_of(p->kind), false) != -1;
}

/* Here as in oidc/jwk.h: it travels in a header. */
static void
key_id(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);

	if (item == NULL)
		return;
	for (size_t i = 0; i < item->text.n; i++)
		if (item->text.p[i] < 0x20 || item->text.p[i] == 0x7f || item->text.n > KEY_ID_MOST) {
			build_refuse(
			    b, e, item, "is not the name of a key; write at most 256 printable characters");
			return;
		}
}
