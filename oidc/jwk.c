/* oidc/jwk.c - see oidc/jwk.h */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>

#include "conf/mem.h"
#include "conf/secret.h"
#include "oidc/jwk.h"

#define RSA_BITS_MIN      2048
#define RSA_BITS_MAX      8192
#define EXPONENT_BITS_MAX 64
#define MEMBER_CHARS      1400 /* base64url of an RSA_BITS_MAX number and a zero octet fits */
#define MEMBER_BYTES      (MEMBER_CHARS / 4 * 3 + 2)

struct jwk_alg {
	const char *name;
	const char *crv; /* NULL: RSA */
};
static const struct jwk_alg algs[] = {
	{ "RS256", NULL },
	{ "RS384", NULL },
	{ "RS512", NULL },
	{ "PS256", NULL },
	{ "PS384", NULL },
	{ "PS512", NULL },
	{ "ES256", "P-256" }, /* RFC 7518 3.4: each of these to one curve */
	{ "ES384", "P-384" },
	{ "ES512", "P-521" },
};

static const struct curve {
	const char *name, *group; /* as RFC 7518 6.2.1.1 has it, and as OpenSSL */
	cjose_jwk_ec_curve id;
	size_t size; /* bytes of a coordinate */
} curves[] = {
	{ "P-256", "prime256v1", CJOSE_JWK_EC_P_256, 32 },
	{ "P-384", "secp384r1", CJOSE_JWK_EC_P_384, 48 },
	{ "P-521", "secp521r1", CJOSE_JWK_EC_P_521, 66 },
};

/* What only a private key has (RFC 7518 6.2.2, 6.3.2, 6.4.1). */
static const char *const private_members[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };

struct number {
	unsigned char bytes[MEMBER_BYTES];
	size_t n;
};

static enum jwk_result read_purpose(const json_t *, struct err *);
static enum jwk_result read_alg(const json_t *, struct jwk *, struct err *);
static int read_names(const json_t *, struct jwk *, struct err *);
static char *copy_name(const json_t *);
static int read_rsa(const json_t *, struct jwk *, struct err *);
static int make_rsa(struct number *n, struct number *exponent, struct jwk *, struct err *);
static int judge_rsa(const struct number *n, const struct number *exponent, struct err *);
static bool is_roca(const BIGNUM *n);
static bool is_power_of_65537(unsigned long x, unsigned long modulus);
static int read_ec(const json_t *, struct jwk *, struct err *);
static int make_ec(const struct curve *, struct number *x, struct number *y, struct jwk *, struct err *);
static int read_number(const json_t *, const char *member, struct number *, struct err *);
static void drop_zeros(struct number *);
static const struct jwk_alg *find_alg(const char *name);
static enum jwk_result other(struct err *, const char *member, const char *value);
static int take_key(EVP_PKEY *, struct jwk *, struct err *);
static int take_rsa(EVP_PKEY *, struct jwk *, struct err *);
static int take_ec(EVP_PKEY *, struct jwk *, struct err *);
static int take_number(EVP_PKEY *, const char *param, size_t size, struct number *);
static int take_dates(const X509 *, struct jwk *, struct err *);
static char *thumbprint(const X509 *, const EVP_MD *);
static int seconds(const ASN1_TIME *, int64_t *);

enum jwk_result
jwk_parse(const json_t *o, struct jwk *out, struct err *e)
{
	struct jwk k = { .kid = NULL };
	const char *kty = json_string_value(json_object_get(o, "kty"));
	enum jwk_result r;

	if (kty == NULL) {
		err_set(e, REASON_PROVIDER_ANSWER, "kty is missing or not a text");
		return JWK_BAD;
	}
	if (strcmp(kty, "oct") == 0) {
		err_set(e, REASON_PROVIDER_ANSWER, "kty is oct: a secret, published");
		return JWK_SYMMETRIC;
	}
	if (strcmp(kty, "RSA") != 0 && strcmp(kty, "EC") != 0)
		return other(e, "kty", kty);
	if ((r = read_purpose(o, e)) != JWK_OK || (r = read_alg(o, &k, e)) != JWK_OK)
		return r;
	for (size_t i = 0; i < sizeof(private_members) / sizeof(private_members[0]); i++)
		if (json_object_get(o, private_members[i]) != NULL) {
			err_set(e, REASON_PROVIDER_ANSWER, "the private part (%s) is published with it",
			    private_members[i]);
			return JWK_BAD;
		}
	if (read_names(o, &k, e) < 0 || (strcmp(kty, "RSA") == 0 ? read_rsa : read_ec)(o, &k, e) < 0) {
		jwk_release(&k);
		ERR_clear_error();
		return JWK_BAD;
	}
	*out = k;
	return JWK_OK;
}

/* RFC 7517 4.2, 4.3: both may be absent; what is said must allow to verify. */
static enum jwk_result
read_purpose(const json_t *o, struct err *e)
{
	const json_t *use = json_object_get(o, "use"), *ops = json_object_get(o, "key_ops"), *op;
	size_t i;

	if ((use != NULL && !json_is_string(use)) || (ops != NULL && !json_is_array(ops))) {
		err_set(e, REASON_PROVIDER_ANSWER, "use is not a text, or key_ops not a list");
		return JWK_BAD;
	}
	if (use != NULL && strcmp(json_string_value(use), "sig") != 0)
		return other(e, "use", json_string_value(use));
	if (ops == NULL)
		return JWK_OK;
	json_array_foreach(
	    ops, i, op) if (json_is_string(op) && strcmp(json_string_value(op), "verify") == 0) return JWK_OK;
	return other(e, "key_ops", "without verify");
}

/* RFC 7517 4.4.  Keycloak names its encryption key so (RSA-OAEP), at times without a use. */
static enum jwk_result
read_alg(const json_t *o, struct jwk *k, struct err *e)
{
	const json_t *alg = json_object_get(o, "alg");
	const char *kty = json_string_value(json_object_get(o, "kty"));

	if (alg == NULL)
		return JWK_OK;
	if (!json_is_string(alg)) {
		err_set(e, REASON_PROVIDER_ANSWER, "alg is not a text");
		return JWK_BAD;
	}
	k->pinned = find_alg(json_string_value(alg));
	if (k->pinned == NULL)
		return other(e, "alg", json_string_value(alg));
	if ((k->pinned->crv == NULL) != (strcmp(kty, "RSA") == 0)) {
		err_set(e, REASON_PROVIDER_ANSWER, "alg %s does not go with kty %s", k->pinned->name, kty);
		return JWK_BAD;
	}
	return JWK_OK;
}

/*
 * A kid that no token can name makes the key useless, and so does an issuer that
 * cannot be read; an odd x5t is only not searched by.
 */
static int
read_names(const json_t *o, struct jwk *k, struct err *e)
{
	const json_t *kid = json_object_get(o, "kid"), *issuer = json_object_get(o, "issuer");

	if (kid != NULL && !jwk_is_name(kid))
		return err_set(e, REASON_PROVIDER_ANSWER, "kid is not a text of 1 to %d printable characters",
		    JWK_NAME_MAX);
	if (issuer != NULL && !jwk_is_name(issuer))
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "issuer is not a text of 1 to %d printable characters", JWK_NAME_MAX);
	k->kid = copy_name(kid);
	k->issuer = copy_name(issuer);
	k->x5t = copy_name(json_object_get(o, "x5t"));
	k->x5t_s256 = copy_name(json_object_get(o, "x5t#S256"));
	return 0;
}

static char *
copy_name(const json_t *name)
{
	return jwk_is_name(name) ? xstrdup(json_string_value(name)) : NULL;
}

bool
jwk_is_name(const json_t *text)
{
	const char *s = json_string_value(text);
	size_t n = json_string_length(text);

	if (s == NULL || n == 0 || n > JWK_NAME_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return true;
}

static int
read_rsa(const json_t *o, struct jwk *k, struct err *e)
{
	struct number n = { .n = 0 }, exponent = { .n = 0 };

	if (read_number(o, "n", &n, e) < 0 || read_number(o, "e", &exponent, e) < 0)
		return -1;
	return make_rsa(&n, &exponent, k, e);
}

static int
make_rsa(struct number *n, struct number *exponent, struct jwk *k, struct err *e)
{
	cjose_jwk_rsa_keyspec spec;

	drop_zeros(n);
	drop_zeros(exponent);
	if (judge_rsa(n, exponent, e) < 0)
		return -1;
	memset(&spec, 0, sizeof(spec));
	spec.n = n->bytes;
	spec.nlen = n->n;
	spec.e = exponent->bytes;
	spec.elen = exponent->n;
	k->size = n->n;
	k->key = cjose_jwk_create_RSA_spec(&spec, NULL);
	if (k->key == NULL)
		return err_set(e, REASON_PROVIDER_ANSWER, "n and e make no key");
	return 0;
}

static int
judge_rsa(const struct number *n, const struct number *exponent, struct err *e)
{
	BIGNUM *bn_n = BN_bin2bn(n->bytes, (int)n->n, NULL);
	BIGNUM *bn_e = BN_bin2bn(exponent->bytes, (int)exponent->n, NULL);
	int r = 0;

	if (bn_n == NULL || bn_e == NULL)
		r = err_set(e, REASON_SYSTEM, "no memory for a key");
	else if (BN_num_bits(bn_n) < RSA_BITS_MIN || BN_num_bits(bn_n) > RSA_BITS_MAX)
		r = err_set(e, REASON_PROVIDER_ANSWER, "RSA of %d bits; accepted: %d to %d",
		    BN_num_bits(bn_n), RSA_BITS_MIN, RSA_BITS_MAX);
	else if (!BN_is_odd(bn_n))
		r = err_set(e, REASON_PROVIDER_ANSWER, "n is even");
	else if (!BN_is_odd(bn_e) || BN_is_one(bn_e) || BN_num_bits(bn_e) > EXPONENT_BITS_MAX)
		r = err_set(e, REASON_PROVIDER_ANSWER, "e is not an odd number from 3 up, of at most %d bits",
		    EXPONENT_BITS_MAX);
	else if (is_roca(bn_n))
		r = err_set(e, REASON_PROVIDER_ANSWER,
		    "n was made by a generator whose keys can be factored (ROCA, CVE-2017-15361)");
	BN_free(bn_n);
	BN_free(bn_e);
	return r;
}

/*
 * The generator of CVE-2017-15361 made primes k*M + (65537^a mod M), M being a
 * product of the first primes.  So n modulo each of these is a power of 65537;
 * by chance that is so for one key in 2^27.
 */
static bool
is_roca(const BIGNUM *n)
{
	static const unsigned char primes[] = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59,
		61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157,
		163, 167 };

	for (size_t i = 0; i < sizeof(primes); i++)
		if (!is_power_of_65537(BN_mod_word(n, primes[i]), primes[i]))
			return false;
	return true;
}

static bool
is_power_of_65537(unsigned long x, unsigned long modulus)
{
	unsigned long power = 1;

	do {
		if (power == x)
			return true;
		power = power * (65537 % modulus) % modulus;
	} while (power != 1);
	return false;
}

static int
read_ec(const json_t *o, struct jwk *k, struct err *e)
{
	const char *crv = json_string_value(json_object_get(o, "crv"));
	const struct curve *c = NULL;
	struct number x = { .n = 0 }, y = { .n = 0 };

	for (size_t i = 0; crv != NULL && i < sizeof(curves) / sizeof(curves[0]); i++)
		if (strcmp(curves[i].name, crv) == 0)
			c = &curves[i];
	if (c == NULL)
		return err_set(e, REASON_PROVIDER_ANSWER, "crv is %.32s; accepted: P-256, P-384, P-521",
		    crv == NULL ? "missing" : crv);
	if (k->pinned != NULL && strcmp(k->pinned->crv, c->name) != 0)
		return err_set(
		    e, REASON_PROVIDER_ANSWER, "alg %s does not go with crv %s", k->pinned->name, c->name);
	if (read_number(o, "x", &x, e) < 0 || read_number(o, "y", &y, e) < 0)
		return -1;
	return make_ec(c, &x, &y, k, e);
}

static int
make_ec(const struct curve *c, struct number *x, struct number *y, struct jwk *k, struct err *e)
{
	cjose_jwk_ec_keyspec spec;

	if (x->n != c->size || y->n != c->size) /* RFC 7518 6.2.1.2: in full length */
		return err_set(e, REASON_PROVIDER_ANSWER, "x and y of %zu and %zu bytes; %s has %zu", x->n,
		    y->n, c->name, c->size);
	memset(&spec, 0, sizeof(spec));
	spec.crv = c->id;
	spec.x = x->bytes;
	spec.xlen = x->n;
	spec.y = y->bytes;
	spec.ylen = y->n;
	k->crv = c->name;
	k->size = 2 * c->size;
	k->key = cjose_jwk_create_EC_spec(&spec, NULL); /* OpenSSL checks that it lies on the curve */
	if (k->key == NULL)
		return err_set(e, REASON_PROVIDER_ANSWER, "x and y are no point of %s", c->name);
	return 0;
}

/* Base64urlUInt (RFC 7518 2). */
static int
read_number(const json_t *o, const char *member, struct number *out, struct err *e)
{
	const json_t *text = json_object_get(o, member);
	struct str s = { json_string_value(text), json_string_length(text) };
	long n;

	if (s.p == NULL || s.n == 0 || s.n > MEMBER_CHARS)
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "%s is missing, or not a text of 1 to %d characters", member, MEMBER_CHARS);
	n = secret_unb64(out->bytes, s);
	if (n <= 0)
		return err_set(e, REASON_PROVIDER_ANSWER, "%s is not base64url without padding", member);
	out->n = (size_t)n;
	return 0;
}

/* Zero octets in front are against RFC 7518 6.3.1.1, but SAP's XSUAA sends one; the number is the same. */
static void
drop_zeros(struct number *x)
{
	size_t zeros = 0;

	while (zeros < x->n && x->bytes[zeros] == 0)
		zeros++;
	x->n -= zeros;
	memmove(x->bytes, x->bytes + zeros, x->n);
}

size_t
jwk_signature_size(const struct jwk *k, const char *alg)
{
	const struct jwk_alg *a = find_alg(alg);

	if (a == NULL || (k->pinned != NULL && k->pinned != a))
		return 0;
	if (a->crv == NULL)
		return k->crv == NULL ? k->size : 0;
	return k->crv != NULL && strcmp(a->crv, k->crv) == 0 ? k->size : 0;
}

static const struct jwk_alg *
find_alg(const char *name)
{
	for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++)
		if (strcmp(algs[i].name, name) == 0)
			return &algs[i];
	return NULL;
}

void
jwk_release(struct jwk *k)
{
	if (k->key != NULL)
		cjose_jwk_release(k->key);
	free(k->kid);
	free(k->issuer);
	free(k->x5t);
	free(k->x5t_s256);
	free(k->alias);
	*k = (struct jwk){ .kid = NULL };
}

static enum jwk_result
other(struct err *e, const char *member, const char *value)
{
	err_set(e, REASON_PROVIDER_ANSWER, "%s is %.64s", member, value);
	return JWK_OTHER;
}

/* --- of a certificate ------------------------------------------------------- */

int
jwk_from_certificate(const struct jwk_certificate *c, struct jwk *out, struct err *e)
{
	struct jwk k = { .of_certificate = true, .dated = c->dated };
	EVP_PKEY *key = X509_get0_pubkey(c->x);
	int r = 0;

	if (key == NULL)
		r = err_set(e, REASON_PROVIDER_ANSWER, "its key cannot be read");
	if (r == 0)
		r = take_key(key, &k, e);
	if (r == 0)
		r = take_dates(c->x, &k, e);
	ERR_clear_error();
	if (r < 0) {
		jwk_release(&k);
		return -1;
	}
	k.x5t = thumbprint(c->x, EVP_sha1());
	k.x5t_s256 = thumbprint(c->x, EVP_sha256());
	k.kid = xstrdup(k.x5t);
	k.alias = c->alias == NULL ? NULL : xstrdup(c->alias);
	*out = k;
	return 0;
}

static int
take_key(EVP_PKEY *key, struct jwk *k, struct err *e)
{
	if (EVP_PKEY_is_a(key, "RSA"))
		return take_rsa(key, k, e);
	if (EVP_PKEY_is_a(key, "EC"))
		return take_ec(key, k, e);
	return err_set(e, REASON_PROVIDER_ANSWER, "its key is neither RSA nor EC");
}

static int
take_rsa(EVP_PKEY *key, struct jwk *k, struct err *e)
{
	struct number n = { .n = 0 }, exponent = { .n = 0 };

	if (take_number(key, OSSL_PKEY_PARAM_RSA_N, 0, &n) < 0 ||
	    take_number(key, OSSL_PKEY_PARAM_RSA_E, 0, &exponent) < 0)
		return err_set(e, REASON_PROVIDER_ANSWER, "RSA of %d bits; accepted: %d to %d",
		    EVP_PKEY_get_bits(key), RSA_BITS_MIN, RSA_BITS_MAX);
	return make_rsa(&n, &exponent, k, e);
}

static int
take_ec(EVP_PKEY *key, struct jwk *k, struct err *e)
{
	struct number x = { .n = 0 }, y = { .n = 0 };
	char group[64] = "";
	size_t i = 0;

	(void)EVP_PKEY_get_group_name(key, group, sizeof(group), NULL);
	while (i < sizeof(curves) / sizeof(curves[0]) && strcmp(curves[i].group, group) != 0)
		i++;
	if (i == sizeof(curves) / sizeof(curves[0]))
		return err_set(e, REASON_PROVIDER_ANSWER, "its curve is %.32s; accepted: P-256, P-384, P-521",
		    group[0] == '\0' ? "without a name" : group);
	if (take_number(key, OSSL_PKEY_PARAM_EC_PUB_X, curves[i].size, &x) < 0 ||
	    take_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, curves[i].size, &y) < 0)
		return err_set(e, REASON_PROVIDER_ANSWER, "its key cannot be read");
	return make_ec(&curves[i], &x, &y, k, e);
}

/* In `size` bytes; 0: as many as it needs. */
static int
take_number(EVP_PKEY *key, const char *param, size_t size, struct number *out)
{
	BIGNUM *bn = NULL;
	int r = -1;

	if (EVP_PKEY_get_bn_param(key, param, &bn) != 1)
		return -1;
	out->n = size != 0 ? size : (size_t)BN_num_bytes(bn);
	if (out->n <= sizeof(out->bytes) && BN_bn2binpad(bn, out->bytes, (int)out->n) == (int)out->n)
		r = 0;
	BN_free(bn);
	return r;
}

static int
take_dates(const X509 *x, struct jwk *k, struct err *e)
{
	if (k->dated && (seconds(X509_get0_notBefore(x), &k->not_before) < 0 ||
			    seconds(X509_get0_notAfter(x), &k->not_after) < 0))
		return err_set(e, REASON_PROVIDER_ANSWER, "its dates cannot be read");
	return 0;
}

static int
seconds(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	*out = timegm(&tm);
	return 0;
}

static char *
thumbprint(const X509 *x, const EVP_MD *md)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;
	char *text;

	if (X509_digest(x, md, digest, &n) != 1)
		abort(); /* out of memory */
	text = xmalloc(secret_b64_size(n));
	(void)secret_b64(text, digest, n);
	return text;
}

bool
jwk_is_outdated(const struct jwk *k, int64_t now)
{
	return k->dated && (now < k->not_before || now > k->not_after);
}
