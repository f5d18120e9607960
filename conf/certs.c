/* conf/certs.c - see conf/certs.h */
#include <ctype.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "conf/certs.h"
#include "conf/dn.h"

#define BUDGET  65536
#define HEX_MAX 128

static int read_all(const struct conf_certificate *, struct certs *, struct err *);
static int pick(const struct conf_certificate *, const struct certs *all, struct certs *, struct err *);
static bool is_wanted(enum conf_find, struct str value, const X509 *);
static bool holds_name(const X509_NAME *, struct str);
static bool is_digest(const X509 *, struct str hex, bool sha1);
static bool is_serial(const X509 *, struct str hex);
static bool is_key_id(const X509 *, struct str hex);
static bool is_hex(const unsigned char *, size_t, const char *hex);
static size_t hex_of(struct str, char out[HEX_MAX + 1]);
static int keep_chained(
    const struct conf_certificate *, const struct certs *all, const time_t *, struct certs *, struct err *);
static int chain_result(
    X509_STORE *, STACK_OF(X509) *, X509 *, const struct conf_certificate *, const time_t *);
static int keep_valid(const time_t *, struct certs *, struct err *);
static int judge_subjects(const struct certs *, struct err *);
static void drop(struct certs *, size_t i);
static const char *where(const struct conf_certificate *);

static const char *const find_words[] = {
	[FIND_THUMBPRINT] = "thumbprint",
	[FIND_THUMBPRINT_SHA256] = "thumbprint_sha256",
	[FIND_SUBJECT_NAME] = "subject_name",
	[FIND_SUBJECT_DN] = "subject_dn",
	[FIND_ISSUER_NAME] = "issuer_name",
	[FIND_SERIAL_NUMBER] = "serial_number",
	[FIND_SUBJECT_KEY_IDENTIFIER] = "subject_key_identifier",
	[FIND_FILE] = "file",
};

/* --- the value ------------------------------------------------------------------ */

int
certs_judge_value(enum conf_find find, struct str value, struct err *e)
{
	char hex[HEX_MAX + 1];
	size_t n = hex_of(value, hex);

	switch (find) {
	case FIND_THUMBPRINT:
		if (n != 40 && n != 64)
			return err_set(e, REASON_CONFIG, "is not a thumbprint; write 40 hex digits");
		return 0;
	case FIND_THUMBPRINT_SHA256:
		if (n != 64)
			return err_set(e, REASON_CONFIG, "is not a SHA-256 thumbprint; write 64 hex digits");
		return 0;
	case FIND_SERIAL_NUMBER:
	case FIND_SUBJECT_KEY_IDENTIFIER:
		if (n == 0)
			return err_set(e, REASON_CONFIG, "is not hexadecimal; write hex digits");
		return 0;
	case FIND_SUBJECT_DN:
		return dn_judge(value, e);
	case FIND_SUBJECT_NAME:
	case FIND_ISSUER_NAME:
	case FIND_FILE:
		break;
	}
	return 0;
}

/* Without the blanks and colons that programs print between; in lower case.  0: not hexadecimal, or too long.
 */
static size_t
hex_of(struct str s, char out[HEX_MAX + 1])
{
	size_t n = 0;

	memset(out, 0, HEX_MAX + 1);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ' ' || s.p[i] == ':' || s.p[i] == '-')
			continue;
		if (!isxdigit((unsigned char)s.p[i]) || n == HEX_MAX) {
			out[0] = '\0';
			return 0;
		}
		out[n++] = (char)tolower((unsigned char)s.p[i]);
	}
	return n;
}

/* --- the search ------------------------------------------------------------------- */

int
certs_find(const struct conf_certificate *c, const time_t *now, struct certs *out, struct err *e)
{
	struct certs *all = xcalloc(1, sizeof(*all));
	int r;

	*out = (struct certs){ .n = 0 };
	r = read_all(c, all, e);
	if (r == 0)
		r = pick(c, all, out, e);
	if (r == 0 && c->ca != NULL)
		r = keep_chained(c, all, now, out, e);
	if (r == 0 && c->require_valid)
		r = keep_valid(now, out, e);
	if (r == 0)
		r = judge_subjects(out, e);
	certs_release(all);
	free(all);
	ERR_clear_error();
	return r;
}

static int
read_all(const struct conf_certificate *c, struct certs *all, struct err *e)
{
	int r = c->directory != NULL ? certs_read_directory(c->directory, all, e)
				     : certs_read_file(c->file, all, e);

	return r == 0 ? 0 : err_in(e, "%.160s", where(c));
}

static const char *
where(const struct conf_certificate *c)
{
	return c->directory != NULL ? c->directory : c->file;
}

static int
pick(const struct conf_certificate *c, const struct certs *all, struct certs *out, struct err *e)
{
	char damaged[64] = "";

	for (size_t i = 0; i < all->n; i++)
		if (c->find == FIND_FILE || is_wanted(c->find, str_of(c->value), all->v[i])) {
			(void)X509_up_ref(all->v[i]);
			out->v[out->n++] = all->v[i];
		}
	if (out->n > 0)
		return 0;
	if (all->damaged > 0)
		(void)snprintf(damaged, sizeof(damaged), ", %zu of the files cannot be read", all->damaged);
	return err_set(e, REASON_CONFIG, "no certificate with %s \"%.96s\" among the %zu in %.140s%s",
	    find_words[c->find], c->value, all->n, where(c), damaged);
}

static bool
is_wanted(enum conf_find find, struct str value, const X509 *x)
{
	switch (find) {
	case FIND_THUMBPRINT:
	case FIND_THUMBPRINT_SHA256:
		return is_digest(x, value, find == FIND_THUMBPRINT);
	case FIND_SUBJECT_NAME:
		return holds_name(X509_get_subject_name(x), value);
	case FIND_SUBJECT_DN:
		return dn_is(X509_get_subject_name(x), value);
	case FIND_ISSUER_NAME:
		return holds_name(X509_get_issuer_name(x), value);
	case FIND_SERIAL_NUMBER:
		return is_serial(x, value);
	case FIND_SUBJECT_KEY_IDENTIFIER:
		return is_key_id(x, value);
	case FIND_FILE:
		break;
	}
	return false;
}

/* As .NET's FindBySubjectName: a part of it, without case. */
static bool
holds_name(const X509_NAME *name, struct str part)
{
	struct mem *m = mem_new(BUDGET);
	bool holds = part.n > 0 && strcasestr(dn_print(m, name), mem_text(m, part)) != NULL;

	mem_free(&m);
	return holds;
}

static bool
is_digest(const X509 *x, struct str value, bool sha1)
{
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	char hex[HEX_MAX + 1];
	size_t n = hex_of(value, hex);
	unsigned size = 0;

	return X509_digest(x, sha1 && n == 40 ? EVP_sha1() : EVP_sha256(), digest, &size) == 1 &&
	       is_hex(digest, size, hex);
}

static bool
is_hex(const unsigned char *bytes, size_t n, const char *hex)
{
	static const char digits[] = "0123456789abcdef";

	if (strlen(hex) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (hex[2 * i] != digits[bytes[i] >> 4] || hex[2 * i + 1] != digits[bytes[i] & 15])
			return false;
	return true;
}

/* As numbers: zeros in front do not count. */
static bool
is_serial(const X509 *x, struct str value)
{
	BIGNUM *mine = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL), *wanted = NULL;
	char hex[HEX_MAX + 1];
	bool same = mine != NULL && hex_of(value, hex) > 0 && BN_hex2bn(&wanted, hex) > 0 &&
		    BN_cmp(mine, wanted) == 0;

	BN_free(mine);
	BN_free(wanted);
	return same;
}

/* Computed where the certificate does not say it (RFC 5280 4.2.1.2). */
static bool
is_key_id(const X509 *x, struct str value)
{
	ASN1_OCTET_STRING *said = X509_get_ext_d2i(x, NID_subject_key_identifier, NULL, NULL);
	unsigned char digest[EVP_MAX_MD_SIZE] = { 0 };
	char hex[HEX_MAX + 1];
	unsigned size = 0;
	bool same = false;

	if (hex_of(value, hex) == 0)
		same = false;
	else if (said != NULL)
		same = is_hex(ASN1_STRING_get0_data(said), (size_t)ASN1_STRING_length(said), hex);
	else if (X509_pubkey_digest(x, EVP_sha1(), digest, &size) == 1)
		same = is_hex(digest, size, hex);
	ASN1_OCTET_STRING_free(said);
	return same;
}

/* --- what of it counts -------------------------------------------------------------- */

/* Whatever lies beside them may help to reach an authority; only ca says which one is trusted. */
static int
keep_chained(const struct conf_certificate *c, const struct certs *all, const time_t *now, struct certs *out,
    struct err *e)
{
	struct certs *authorities = xcalloc(1, sizeof(*authorities));
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	int r = certs_read_file(c->ca, authorities, e), why = X509_V_OK;

	if (store == NULL || others == NULL)
		abort(); /* out of memory */
	if (r == -1)
		(void)err_in(e, "ca: %.160s", c->ca);
	for (size_t i = 0; r == 0 && i < authorities->n; i++)
		(void)X509_STORE_add_cert(store, authorities->v[i]);
	for (size_t i = 0; r == 0 && i < all->n; i++)
		(void)sk_X509_push(others, all->v[i]);
	for (size_t i = out->n; r == 0 && i-- > 0;) {
		int one = chain_result(store, others, out->v[i], c, now);

		if (one != X509_V_OK) {
			why = one;
			drop(out, i);
		}
	}
	if (r == 0 && out->n == 0)
		r = err_set(e, REASON_CONFIG, "found in %.120s, but not chained to ca %.100s: %s", where(c),
		    c->ca, X509_verify_cert_error_string(why));
	sk_X509_free(others);
	X509_STORE_free(store);
	certs_release(authorities);
	free(authorities);
	return r;
}

/* X509_V_OK or what is wrong.  An authority in ca need not be a root. */
static int
chain_result(
    X509_STORE *store, STACK_OF(X509) * others, X509 *x, const struct conf_certificate *c, const time_t *now)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
	int why = X509_V_ERR_UNSPECIFIED;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, store, x, others) != 1)
		abort(); /* out of memory */
	if (!c->require_valid)
		flags |= X509_V_FLAG_NO_CHECK_TIME;
	else if (now != NULL) /* a time that is set is also checked */
		X509_STORE_CTX_set_time(ctx, 0, *now);
	X509_STORE_CTX_set_flags(ctx, flags);
	if (X509_verify_cert(ctx) == 1)
		why = X509_V_OK;
	else if (X509_STORE_CTX_get_error(ctx) != X509_V_OK)
		why = X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	return why;
}

static int
keep_valid(const time_t *now, struct certs *out, struct err *e)
{
	char text[32] = "an unknown day";
	const char *what = "";
	struct tm tm;

	for (size_t i = out->n; i-- > 0;) {
		int when = certs_dates(out->v[i], now);
		const ASN1_TIME *edge =
		    when < 0 ? X509_get0_notBefore(out->v[i]) : X509_get0_notAfter(out->v[i]);

		if (when == 0)
			continue;
		what = when < 0 ? "is not valid before" : "has expired on";
		if (ASN1_TIME_to_tm(edge, &tm) == 1)
			(void)strftime(text, sizeof(text), "%Y-%m-%d", &tm);
		drop(out, i);
	}
	if (out->n == 0)
		return err_set(e, REASON_CONFIG, "the certificate %s %s; require_valid = no takes it even so",
		    what, text);
	return 0;
}

int
certs_dates(const X509 *x, const time_t *now)
{
	time_t at = now == NULL ? 0 : *now, *t = now == NULL ? NULL : &at;

	if (X509_cmp_time(X509_get0_notBefore(x), t) >= 0) /* 0: unreadable */
		return -1;
	return X509_cmp_time(X509_get0_notAfter(x), t) > 0 ? 0 : 1;
}

/* Several of one subject are a rollover. */
static int
judge_subjects(const struct certs *c, struct err *e)
{
	struct mem *m;

	for (size_t i = 1; i < c->n; i++)
		if (X509_NAME_cmp(X509_get_subject_name(c->v[0]), X509_get_subject_name(c->v[i])) != 0) {
			m = mem_new(BUDGET);
			(void)err_set(e, REASON_CONFIG,
			    "finds %zu certificates of different subjects (%.80s; %.80s); write the "
			    "thumbprint "
			    "of the right one",
			    c->n, dn_print(m, X509_get_subject_name(c->v[0])),
			    dn_print(m, X509_get_subject_name(c->v[i])));
			mem_free(&m);
			return -1;
		}
	return 0;
}

static void
drop(struct certs *c, size_t i)
{
	X509_free(c->v[i]);
	c->n--;
	memmove(&c->v[i], &c->v[i + 1], (c->n - i) * sizeof(c->v[0]));
}

void
certs_release(struct certs *c)
{
	for (size_t i = 0; i < c->n; i++)
		X509_free(c->v[i]);
	c->n = 0;
}
