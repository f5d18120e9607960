/* oidc/assertion.c - see oidc/assertion.h */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include "conf/secret.h"
#include "oidc/assertion.h"
#include "oidc/kinds.h"

#define ID_SIZE       16
#define SIGNATURE_MAX 1100 /* bytes: RSA of 8192 bits, and more than DER makes of two numbers of P-521 */

static const char *algorithm(const struct conf_provider *);
static json_t *header(const struct conf_provider *, const char *alg);
static json_t *claims(const struct conf_provider *, const struct assertion *);
static bool wants_issuer(const struct conf_provider *);
static char *put(char *, json_t *);
static size_t sign(const struct conf_provider *, const char *alg, struct str, unsigned char[SIGNATURE_MAX]);
static size_t sign_with_key(EVP_PKEY *, const char *alg, struct str, unsigned char[SIGNATURE_MAX]);
static size_t raw_ecdsa(EVP_PKEY *, unsigned char *, size_t);

int
assertion_print(
    const struct conf_provider *c, const struct assertion *a, struct mem *m, struct str *out, struct err *e)
{
	unsigned char signature[SIGNATURE_MAX];
	json_t *head, *body;
	const char *alg;
	char *text, *end;
	size_t n;

	*out = (struct str){ NULL, 0 };
	if (c->token_endpoint_auth_method != AUTH_METHOD_SECRET_JWT &&
	    c->token_endpoint_auth_method != AUTH_METHOD_KEY_JWT)
		return 0;
	alg = algorithm(c);
	head = header(c, alg);
	body = claims(c, a);
	n = json_dumpb(head, NULL, 0, JSON_COMPACT) + json_dumpb(body, NULL, 0, JSON_COMPACT);
	text = mem_secret(m, 2 * n + secret_b64_size(SIGNATURE_MAX) + 8);
	end = put(text, head);
	*end++ = '.';
	end = put(end, body);
	n = sign(c, alg, (struct str){ text, (size_t)(end - text) }, signature);
	ERR_clear_error(); /* else the next TLS read of this thread reports what failed here */
	if (n == 0)
		return err_set(e, REASON_SYSTEM, "the client assertion cannot be signed with %s", alg);
	*end++ = '.';
	end += secret_b64(end, signature, n);
	OPENSSL_cleanse(signature, sizeof(signature));
	*out = (struct str){ text, (size_t)(end - text) };
	return 0;
}

/* RFC 7518 3.1.  Of the RSA family it is the provider's kind that decides: a key itself fits both. */
static const char *
algorithm(const struct conf_provider *c)
{
	const struct kind *k = kind_find(c->kind == NULL ? "oidc" : c->kind);

	if (c->token_endpoint_auth_method == AUTH_METHOD_SECRET_JWT)
		return "HS256";
	if (EVP_PKEY_is_a(c->client_private_key, "RSA"))
		return k != NULL && k->assertion_ps256 ? "PS256" : "RS256";
	switch (EVP_PKEY_get_bits(c->client_private_key)) {
	case 384:
		return "ES384";
	case 521:
		return "ES512";
	default:
		return "ES256";
	}
}

/* RFC 7515 4.1.  The names are put in by hand: '#' has a meaning for json_pack(). */
static json_t *
header(const struct conf_provider *c, const char *alg)
{
	json_t *o = json_pack("{s:s, s:s}", "alg", alg, "typ", "JWT");

	if (c->token_endpoint_auth_method == AUTH_METHOD_SECRET_JWT)
		return o;
	if (c->client_key_id != NULL)
		(void)json_object_set_new(o, "kid", json_string(c->client_key_id));
	if (c->client_x5t != NULL)
		(void)json_object_set_new(o, "x5t", json_string(c->client_x5t));
	if (c->client_x5t_s256 != NULL)
		(void)json_object_set_new(o, "x5t#S256", json_string(c->client_x5t_s256));
	return o;
}

/* RFC 7523 3; `aud` is one text, never a list, which some refuse. */
static json_t *
claims(const struct conf_provider *c, const struct assertion *a)
{
	unsigned char id[ID_SIZE];
	char jti[2 * ID_SIZE];

	secret_random(id, sizeof(id));
	(void)secret_b64(jti, id, sizeof(id));
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "iss", c->client_id, "sub", c->client_id,
	    "aud", wants_issuer(c) ? a->issuer : a->token_endpoint, "jti", jti, "iat", (json_int_t)a->now,
	    "nbf", (json_int_t)a->now, "exp", (json_int_t)a->now + ASSERTION_LIFE);
}

static bool
wants_issuer(const struct conf_provider *c)
{
	const struct kind *k = kind_find(c->kind == NULL ? "oidc" : c->kind);

	if (c->client_assertion_audience != NULL)
		return strcmp(c->client_assertion_audience, "issuer") == 0;
	return k != NULL && k->assertion_to_issuer;
}

/* base64url of o at `to`, and o is given back; where the text ends. */
static char *
put(char *to, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);

	if (text != NULL)
		to += secret_b64(to, text, strlen(text));
	free(text);
	json_decref(o);
	return to;
}

/* The signature's length; 0: there is none. */
static size_t
sign(const struct conf_provider *c, const char *alg, struct str input, unsigned char out[SIGNATURE_MAX])
{
	struct str key;
	unsigned n = 0;

	if (c->token_endpoint_auth_method != AUTH_METHOD_SECRET_JWT)
		return sign_with_key(c->client_private_key, alg, input, out);
	key = secret_str(c->client_secret);
	if (HMAC(EVP_sha256(), key.p, (int)key.n, (const unsigned char *)input.p, input.n, out, &n) == NULL)
		return 0;
	return n;
}

/* RFC 7518 3.3 to 3.5.  A salt is as long as the hash, not as long as it could be. */
static size_t
sign_with_key(EVP_PKEY *key, const char *alg, struct str input, unsigned char out[SIGNATURE_MAX])
{
	const EVP_MD *md = strcmp(alg + 2, "384") == 0   ? EVP_sha384()
			   : strcmp(alg + 2, "512") == 0 ? EVP_sha512()
							 : EVP_sha256();
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t n = SIGNATURE_MAX;

	if (ctx == NULL || EVP_DigestSignInit(ctx, &pctx, md, NULL, key) != 1 ||
	    (alg[0] == 'P' && (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) != 1 ||
				  EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) != 1)) ||
	    EVP_DigestSign(ctx, out, &n, (const unsigned char *)input.p, input.n) != 1)
		n = 0;
	EVP_MD_CTX_free(ctx);
	return n > 0 && alg[0] == 'E' ? raw_ecdsa(key, out, n) : n;
}

/* RFC 7518 3.4: r and s, each in the size of the curve, where OpenSSL has DER. */
static size_t
raw_ecdsa(EVP_PKEY *key, unsigned char *out, size_t n)
{
	const int size = (EVP_PKEY_get_bits(key) + 7) / 8;
	const unsigned char *der = out;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool good = s != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(s), out, size) == size &&
		    BN_bn2binpad(ECDSA_SIG_get0_s(s), out + size, size) == size;

	ECDSA_SIG_free(s);
	return good ? 2 * (size_t)size : 0;
}
