/* conf/secret.c - see conf/secret.h */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "conf/mem.h"
#include "conf/secret.h"

/* Lives in pages of its own, so that exactly these can be kept out of a core. */
struct secret {
	size_t mapped;
	size_t n;
	unsigned char bytes[];
};

static void hmac_piece(EVP_MAC_CTX *, struct str);
static inline uint32_t quarter(char, uint32_t *bad);
_Noreturn static void give_up(const char *);

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
#define NO 0x80u /* not of the alphabet */
static const unsigned char values[256] = { NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, 62, NO, NO, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO, NO, 0, 1, 2,
	3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO,
	63, NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
	49, 50, 51, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO };

struct secret *
secret_new(const void *bytes, size_t n)
{
	size_t mapped = sizeof(struct secret) + n + 1;
	struct secret *s;

	if (mapped < n)
		give_up("a secret of impossible size");
	s = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		give_up("no memory for a secret");
	(void)madvise(s, mapped, MADV_DONTDUMP);
	s->mapped = mapped;
	s->n = n;
	if (n > 0)
		memcpy(s->bytes, bytes, n);
	return s;
}

void
secret_free(struct secret **s)
{
	if (*s == NULL)
		return;
	OPENSSL_cleanse((*s)->bytes, (*s)->n);
	(void)munmap(*s, (*s)->mapped);
	*s = NULL;
}

struct str
secret_str(const struct secret *s)
{
	return (struct str){ (const char *)s->bytes, s->n };
}

bool
secret_equal(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0);
}

void
secret_random(void *out, size_t n)
{
	unsigned char *p = out;

	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got > 0) {
			p += got;
			n -= (size_t)got;
		} else if (got != -1 || errno != EINTR) {
			give_up("the system gives no random bytes");
		}
	}
}

void
secret_derive(struct str root, const char *label, unsigned char *out, size_t n)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	char digest[] = "SHA256";
	unsigned char *key = xmalloc(root.n);
	char *info = xstrdup(label);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, root.n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(label)),
		OSSL_PARAM_construct_end(),
	};

	if (root.n > 0)
		memcpy(key, root.p, root.n);
	if (ctx == NULL || EVP_KDF_derive(ctx, out, n, params) != 1)
		give_up("HKDF-SHA256 failed");
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	OPENSSL_cleanse(key, root.n);
	free(key);
	free(info);
}

void
secret_hmac(const unsigned char key[32], const struct str *pieces, size_t n_pieces, unsigned char out[32])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	size_t i, n;

	if (ctx == NULL || EVP_MAC_init(ctx, key, 32, params) != 1)
		give_up("HMAC-SHA256 failed");
	for (i = 0; i < n_pieces; i++)
		hmac_piece(ctx, pieces[i]);
	if (EVP_MAC_final(ctx, out, &n, 32) != 1 || n != 32)
		give_up("HMAC-SHA256 failed");
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

static void
hmac_piece(EVP_MAC_CTX *ctx, struct str s)
{
	unsigned char length[8];
	uint64_t n = s.n;
	size_t i;

	for (i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)(n >> (56 - 8 * i));
	if (EVP_MAC_update(ctx, length, sizeof(length)) != 1 ||
	    (s.n > 0 && EVP_MAC_update(ctx, (const unsigned char *)s.p, s.n) != 1))
		give_up("HMAC-SHA256 failed");
}

size_t
secret_b64_size(size_t n)
{
	return n / 3 * 4 + (n % 3 == 0 ? 0 : n % 3 + 1) + 1;
}

size_t
secret_b64(char *out, const void *bytes, size_t n)
{
	const unsigned char *in = bytes;
	char *p = out;
	size_t i;

	for (i = 0; i + 3 <= n; i += 3) {
		*p++ = alphabet[in[i] >> 2];
		*p++ = alphabet[(in[i] & 3) << 4 | in[i + 1] >> 4];
		*p++ = alphabet[(in[i + 1] & 15) << 2 | in[i + 2] >> 6];
		*p++ = alphabet[in[i + 2] & 63];
	}
	if (i + 1 == n) {
		*p++ = alphabet[in[i] >> 2];
		*p++ = alphabet[(in[i] & 3) << 4];
	} else if (i + 2 == n) {
		*p++ = alphabet[in[i] >> 2];
		*p++ = alphabet[(in[i] & 3) << 4 | in[i + 1] >> 4];
		*p++ = alphabet[(in[i + 1] & 15) << 2];
	}
	*p = '\0';
	return (size_t)(p - out);
}

long
secret_unb64(unsigned char *out, struct str s)
{
	unsigned char *p = out;
	uint32_t bits = 0, bad = 0;
	size_t rest = s.n % 4, i;

	if (rest == 1 || s.n > LONG_MAX)
		return -1;
	for (i = 0; i < s.n - rest; i += 4) {
		bits = quarter(s.p[i], &bad) << 18 | quarter(s.p[i + 1], &bad) << 12 |
		       quarter(s.p[i + 2], &bad) << 6 | quarter(s.p[i + 3], &bad);
		*p++ = (unsigned char)(bits >> 16);
		*p++ = (unsigned char)(bits >> 8);
		*p++ = (unsigned char)bits;
	}
	bits = 0;
	if (rest > 0) {
		bits = quarter(s.p[i], &bad) << 10 | quarter(s.p[i + 1], &bad) << 4;
		*p++ = (unsigned char)(bits >> 8);
	}
	if (rest == 3) {
		bits = (bits & 0xff) << 8 | quarter(s.p[i + 2], &bad) << 6;
		*p++ = (unsigned char)(bits >> 8);
	}
	/* Bits that carry nothing must be zero, else one value would have several spellings. */
	return bad == 0 && (bits & 0xff) == 0 ? (long)(p - out) : -1;
}

/* The six bits of a character; what is none of the alphabet leaves a mark in *bad. */
static inline uint32_t
quarter(char c, uint32_t *bad)
{
	uint32_t v = values[(unsigned char)c];

	*bad |= v & NO;
	return v;
}

void
secret_guard_process(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef __SANITIZE_ADDRESS__ /* the leak check traces its own process, which this forbids */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Without randomness or a sound library nothing here can be kept safe. */
_Noreturn static void
give_up(const char *why)
{
	(void)fprintf(stderr, "workflow-proxy: %s\n", why);
	abort();
}
