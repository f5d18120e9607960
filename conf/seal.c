/* conf/seal.c - see conf/seal.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "conf/seal.h"
#include "conf/secret.h"

#define NONCE   12 /* SP 800-38D 8.2.2: random, so at most 2^32 texts under one key */
#define TAG     16
#define BOX_MAX (1u << 30)

static bool encrypt(EVP_CIPHER_CTX *, const unsigned char *, struct str, struct str, unsigned char *);
static bool decrypt(EVP_CIPHER_CTX *, const unsigned char *, struct str, struct str, unsigned char *);
static bool associate(EVP_CIPHER_CTX *, struct str);
_Noreturn static void give_up(void);

size_t
seal_size(size_t n)
{
	return secret_b64_size(NONCE + n + TAG) - 1;
}

struct str
seal_close(const unsigned char key[32], struct str purpose, struct str plain, struct mem *m)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t n = NONCE + plain.n + TAG;
	unsigned char *box;
	char *text;

	if (ctx == NULL || plain.n > SEAL_PLAIN_MAX)
		give_up();
	box = mem_alloc(m, n);
	text = mem_alloc(m, secret_b64_size(n));
	secret_random(box, NONCE);
	if (!encrypt(ctx, key, purpose, plain, box))
		give_up();
	EVP_CIPHER_CTX_free(ctx);
	return (struct str){ text, secret_b64(text, box, n) };
}

static bool
encrypt(
    EVP_CIPHER_CTX *ctx, const unsigned char *key, struct str purpose, struct str plain, unsigned char *box)
{
	unsigned char *body = box + NONCE;
	int n;

	return EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, box) == 1 && associate(ctx, purpose) &&
	       (plain.n == 0 ||
		   EVP_EncryptUpdate(ctx, body, &n, (const unsigned char *)plain.p, (int)plain.n) == 1) &&
	       EVP_EncryptFinal_ex(ctx, body + plain.n, &n) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, body + plain.n) == 1;
}

bool
seal_open(
    const unsigned char key[32], struct str purpose, struct str sealed, struct mem *m, struct str *plain)
{
	EVP_CIPHER_CTX *ctx;
	unsigned char *box, *out;
	long n;
	bool ok;

	*plain = (struct str){ NULL, 0 };
	if (sealed.n < seal_size(0) || sealed.n > SEAL_TEXT_MAX)
		return false;
	box = mem_alloc(m, sealed.n);
	n = secret_unb64(box, sealed);
	if (n < NONCE + TAG)
		return false;
	ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL)
		give_up();
	out = mem_secret(m, (size_t)n - NONCE - TAG + 1);
	ok = decrypt(ctx, key, purpose, (struct str){ (const char *)box, (size_t)n }, out);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok) {
		/* A stale entry would be reported by the next TLS call of this thread. */
		ERR_clear_error();
		return false;
	}
	*plain = (struct str){ (const char *)out, (size_t)n - NONCE - TAG };
	return true;
}

void
seal_box(const unsigned char key[32], struct str purpose, struct str plain, unsigned char *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

	if (ctx == NULL || plain.n >= BOX_MAX)
		give_up();
	secret_random(out, NONCE);
	if (!encrypt(ctx, key, purpose, plain, out))
		give_up();
	EVP_CIPHER_CTX_free(ctx);
}

bool
seal_unbox(const unsigned char key[32], struct str purpose, struct str box, unsigned char *out)
{
	EVP_CIPHER_CTX *ctx;
	bool ok;

	if (box.n < NONCE + TAG || box.n >= BOX_MAX)
		return false;
	ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL)
		give_up();
	ok = decrypt(ctx, key, purpose, box, out);
	EVP_CIPHER_CTX_free(ctx);
	if (!ok)
		ERR_clear_error();
	return ok;
}

static bool
decrypt(
    EVP_CIPHER_CTX *ctx, const unsigned char *key, struct str purpose, struct str sealed, unsigned char *out)
{
	const unsigned char *box = (const unsigned char *)sealed.p;
	size_t body = sealed.n - NONCE - TAG;
	unsigned char tag[TAG];
	int n;

	memcpy(tag, box + NONCE + body, TAG);
	return EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, box) == 1 && associate(ctx, purpose) &&
	       (body == 0 || EVP_DecryptUpdate(ctx, out, &n, box + NONCE, (int)body) == 1) &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, out + body, &n) == 1;
}

static bool
associate(EVP_CIPHER_CTX *ctx, struct str purpose)
{
	int n;

	if (purpose.n > SEAL_PLAIN_MAX)
		give_up();
	return purpose.n == 0 ||
	       EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)purpose.p, (int)purpose.n) == 1;
}

_Noreturn static void
give_up(void)
{
	(void)fputs("workflow-proxy: AES-256-GCM failed\n", stderr);
	abort();
}
