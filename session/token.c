/* session/token.c - see session/token.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "session/token.h"

#define DIGEST      32
#define DIGEST_TEXT 43 /* in base64url */
#define KID         8  /* bytes */
#define KEY         32
#define IV          12
#define IV_TEXT     16 /* in base64url */
#define TAG         16
#define TAG_TEXT    22 /* in base64url */

struct key {
	EVP_MAC_CTX *mac; /* ours; keyed, never used itself: every call takes a copy */
	char *head;       /* ours; the header in base64url and its dot */
	size_t n_head;
	unsigned char seal[KEY];
	char *seal_head; /* ours; the header in base64url, its dot, and the dot behind no encrypted key */
	size_t n_seal_head;
};

struct token_keys {
	size_t n;
	struct key v[];
};

static void key_init(struct key *, struct str);
static EVP_MAC_CTX *mac_new(struct str);
static char *head_new(struct str, const char *label, const char *alg);
static bool is_whole_jwe(struct str);
static bool unseal(const struct key *, struct str, struct mem *, struct str *);
static bool is_sealed(const struct key *, struct str);
static const struct key *key_find(const struct token_keys *, struct str);
static void key_sign(const struct key *, struct str, unsigned char[DIGEST]);
_Noreturn static void give_up(void);

struct token_keys *
token_keys_new(struct secret *const *secrets, size_t n, struct err *e)
{
	struct token_keys *k;
	size_t i;

	if (n == 0) {
		(void)err_set(e, REASON_CONFIG, "session.secret: there is none");
		return NULL;
	}
	for (i = 0; i < n; i++) {
		if (secret_str(secrets[i]).n >= TOKEN_SECRET_MIN)
			continue;
		(void)err_set(e, REASON_CONFIG,
		    "session.secret: number %zu has %zu bytes; at least %d are needed", i + 1,
		    secret_str(secrets[i]).n, TOKEN_SECRET_MIN);
		return NULL;
	}
	k = xcalloc(1, sizeof(*k) + n * sizeof(k->v[0]));
	for (k->n = 0; k->n < n; k->n++) {
		key_init(&k->v[k->n], secret_str(secrets[k->n]));
	}
	return k;
}

void
token_keys_free(struct token_keys **k)
{
	size_t i;

	if (*k == NULL)
		return;
	for (i = 0; i < (*k)->n; i++) {
		EVP_MAC_CTX_free((*k)->v[i].mac);
		free((*k)->v[i].head);
		free((*k)->v[i].seal_head);
		OPENSSL_cleanse((*k)->v[i].seal, sizeof((*k)->v[i].seal));
	}
	free(*k);
	*k = NULL;
}

static void
key_init(struct key *key, struct str secret)
{
	char *head = head_new(secret, "workflow-proxy session encryption kid", "dir\",\"enc\":\"A256GCM");

	key->mac = mac_new(secret);
	key->head = head_new(secret, "workflow-proxy session kid", "HS256");
	key->n_head = strlen(key->head);
	secret_derive(secret, "workflow-proxy session encryption", key->seal, sizeof(key->seal));
	key->seal_head = xprintf("%s.", head);
	key->n_seal_head = strlen(key->seal_head);
	free(head);
}

static EVP_MAC_CTX *
mac_new(struct str secret)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	if (ctx == NULL || EVP_MAC_init(ctx, (const unsigned char *)secret.p, secret.n, params) != 1)
		give_up();
	EVP_MAC_free(mac);
	return ctx;
}

/* Two secrets that share a kid would hide each other; at 64 bits they do not, unless they are the same. */
static char *
head_new(struct str secret, const char *label, const char *alg)
{
	unsigned char id[KID];
	char kid[16], *json, *text;
	size_t n;

	secret_derive(secret, label, id, sizeof(id));
	(void)secret_b64(kid, id, sizeof(id));
	json = xprintf("{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}", alg, kid);
	text = xmalloc(secret_b64_size(strlen(json)) + 1);
	n = secret_b64(text, json, strlen(json));
	text[n++] = '.';
	text[n] = '\0';
	free(json);
	return text;
}

struct str
token_sign(const struct token_keys *k, struct str payload, struct mem *m)
{
	const struct key *key = &k->v[0];
	unsigned char digest[DIGEST];
	char *text = mem_alloc(m, key->n_head + secret_b64_size(payload.n) + 1 + DIGEST_TEXT);
	size_t n = key->n_head;

	memcpy(text, key->head, n);
	n += secret_b64(text + n, payload.p, payload.n);
	key_sign(key, (struct str){ text, n }, digest);
	text[n++] = '.';
	n += secret_b64(text + n, digest, sizeof(digest));
	return (struct str){ text, n };
}

/* Random nonces under one key are good for 2^32 cookies (SP 800-38D 8.3), which no secret sees. */
struct str
token_seal(const struct token_keys *k, struct str payload, struct mem *m)
{
	const struct key *key = &k->v[0];
	unsigned char iv[IV], tag[TAG], *sealed = mem_alloc(m, payload.n + 1);
	size_t n = key->n_seal_head;
	char *text = mem_alloc(m, n + IV_TEXT + 1 + secret_b64_size(payload.n) + 1 + TAG_TEXT + 1);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int len = 0;

	secret_random(iv, sizeof(iv));
	/* Authenticated with it: the header as it is written (RFC 7516 5.1-14), without the dots behind. */
	if (c == NULL || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->seal, iv) != 1 ||
	    EVP_EncryptUpdate(c, NULL, &len, (const unsigned char *)key->seal_head, (int)n - 2) != 1 ||
	    EVP_EncryptUpdate(c, sealed, &len, (const unsigned char *)payload.p, (int)payload.n) != 1 ||
	    EVP_EncryptFinal_ex(c, sealed + len, &len) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, tag) != 1)
		give_up();
	EVP_CIPHER_CTX_free(c);
	memcpy(text, key->seal_head, n);
	n += secret_b64(text + n, iv, sizeof(iv));
	text[n++] = '.';
	n += secret_b64(text + n, sealed, payload.n);
	text[n++] = '.';
	n += secret_b64(text + n, tag, sizeof(tag));
	return (struct str){ text, n };
}

bool
token_is_whole(struct str text)
{
	const char *first, *second;
	size_t left;

	first = text.n == 0 ? NULL : memchr(text.p, '.', text.n);
	if (first == NULL)
		return false;
	left = text.n - (size_t)(first + 1 - text.p);
	second = memchr(first + 1, '.', left);
	if (second == NULL)
		return false;
	left = text.n - (size_t)(second + 1 - text.p);
	if (second == first + 1 && is_whole_jwe((struct str){ second + 1, left }))
		return true;
	return left == DIGEST_TEXT && memchr(second + 1, '.', left) == NULL;
}

/* What stands behind the header and no encrypted key. */
static bool
is_whole_jwe(struct str rest)
{
	const char *dot;

	if (rest.n < IV_TEXT + 1 + 1 + TAG_TEXT || memchr(rest.p, '.', IV_TEXT) != NULL ||
	    rest.p[IV_TEXT] != '.')
		return false;
	rest = str_from(rest, IV_TEXT + 1);
	dot = memchr(rest.p, '.', rest.n);
	return dot != NULL && (size_t)(rest.p + rest.n - dot) == 1 + TAG_TEXT &&
	       memchr(dot + 1, '.', TAG_TEXT) == NULL;
}

size_t
token_key_number(const struct token_keys *k, struct str text)
{
	const struct key *key = key_find(k, text);

	return key == NULL ? 0 : (size_t)(key - k->v) + 1;
}

bool
token_verify(const struct token_keys *k, struct str text, struct mem *m, struct str *payload)
{
	unsigned char given[DIGEST + 1], digest[DIGEST], *out;
	const struct key *key;
	struct str body;
	long n;

	*payload = (struct str){ NULL, 0 };
	if (text.n > TOKEN_MAX || !token_is_whole(text) || (key = key_find(k, text)) == NULL)
		return false;
	if (is_sealed(key, text))
		return unseal(key, text, m, payload);
	body = (struct str){ text.p, text.n - DIGEST_TEXT - 1 };
	if (secret_unb64(given, str_from(text, body.n + 1)) != DIGEST)
		return false;
	key_sign(key, body, digest);
	if (CRYPTO_memcmp(given, digest, DIGEST) != 0)
		return false;
	body = str_from(body, key->n_head);
	out = mem_alloc(m, body.n + 1);
	n = secret_unb64(out, body);
	if (n == -1)
		return false;
	*payload = (struct str){ (const char *)out, (size_t)n };
	return true;
}

/* Its parts are as long as they must be: token_is_whole(). */
static bool
unseal(const struct key *key, struct str text, struct mem *m, struct str *payload)
{
	struct str rest = str_from(text, key->n_seal_head), body = str_from(rest, IV_TEXT + 1);
	unsigned char iv[IV + 2], tag[TAG + 2], *sealed, *plain;
	EVP_CIPHER_CTX *c;
	long n;
	int len = 0, more = 0;
	bool good;

	body.n -= 1 + TAG_TEXT;
	sealed = mem_alloc(m, body.n + 2);
	plain = mem_secret(m, body.n + 2);
	if (secret_unb64(iv, (struct str){ rest.p, IV_TEXT }) != IV ||
	    secret_unb64(tag, (struct str){ text.p + text.n - TAG_TEXT, TAG_TEXT }) != TAG ||
	    (n = secret_unb64(sealed, body)) == -1)
		return false;
	c = EVP_CIPHER_CTX_new();
	if (c == NULL || EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key->seal, iv) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) != 1)
		give_up();
	good = EVP_DecryptUpdate(
		   c, NULL, &more, (const unsigned char *)key->seal_head, (int)key->n_seal_head - 2) == 1 &&
	       EVP_DecryptUpdate(c, plain, &len, sealed, (int)n) == 1 &&
	       EVP_DecryptFinal_ex(c, plain + len, &more) == 1;
	EVP_CIPHER_CTX_free(c);
	if (good)
		*payload = (struct str){ (const char *)plain, (size_t)n };
	return good;
}

static bool
is_sealed(const struct key *key, struct str text)
{
	return str_begins(text, (struct str){ key->seal_head, key->n_seal_head });
}

static const struct key *
key_find(const struct token_keys *k, struct str text)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (str_begins(text, (struct str){ k->v[i].head, k->v[i].n_head }) ||
		    is_sealed(&k->v[i], text))
			return &k->v[i];
	return NULL;
}

static void
key_sign(const struct key *key, struct str body, unsigned char digest[DIGEST])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(key->mac);
	size_t n;

	if (ctx == NULL || EVP_MAC_update(ctx, (const unsigned char *)body.p, body.n) != 1 ||
	    EVP_MAC_final(ctx, digest, &n, DIGEST) != 1 || n != DIGEST)
		give_up();
	EVP_MAC_CTX_free(ctx);
}

_Noreturn static void
give_up(void)
{
	(void)fputs("workflow-proxy: HMAC-SHA256 failed\n", stderr);
	abort();
}
