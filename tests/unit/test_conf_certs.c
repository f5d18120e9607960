/* conf/certs.c, conf/certs_read.c: which certificates of a folder are meant */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>

#include "conf/certs.h"
#include "tests/unit/certificates.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

enum { AUTHORITY, MIDDLE, LEAF, ALONE, OLD, FUTURE, NEXT, CERTIFICATES };

static char folder[] = "/tmp/workflow-proxy-certs.XXXXXX";
static EVP_PKEY *authority_key, *middle_key, *key;
static X509 *x[CERTIFICATES];
static struct mem *m;
static struct err e;
static struct certs found;

static const char *
path(const char *name)
{
	return mem_printf(m, "%s/%s", folder, name);
}

static void
write_bytes(const char *name, struct str bytes)
{
	FILE *f = fopen(path(name), "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
	ck_assert_int_eq(fclose(f), 0);
}

static char *
key_text(void)
{
	BIO *out = BIO_new(BIO_s_mem());

	ck_assert_int_eq(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
	return certificate_text(m, out);
}

static void
make_certificates(void)
{
	authority_key = EVP_EC_gen("P-256");
	middle_key = EVP_EC_gen("P-256");
	key = EVP_EC_gen("P-256");
	x[AUTHORITY] = certificate_new(
	    &(struct certificate_of){ .key = authority_key, .subject = "O=Trust,CN=Root", .ca = true });
	x[MIDDLE] = certificate_new(&(struct certificate_of){ .key = middle_key,
	    .subject = "O=Trust,CN=Middle",
	    .issuer = x[AUTHORITY],
	    .issuer_key = authority_key,
	    .serial = "0A0B",
	    .ca = true });
	x[LEAF] = certificate_new(&(struct certificate_of){ .key = key,
	    .subject = "C=DE,O=Example,CN=sts.example.com",
	    .issuer = x[MIDDLE],
	    .issuer_key = middle_key,
	    .serial = "00C0FFEE",
	    .key_id = true });
	x[ALONE] =
	    certificate_new(&(struct certificate_of){ .key = key, .subject = "CN=Alone", .serial = "02" });
	x[OLD] = certificate_new(&(struct certificate_of){
	    .key = key, .subject = "CN=Old", .from = -9 * CERTIFICATE_DAY, .to = -2 * CERTIFICATE_DAY });
	x[FUTURE] = certificate_new(&(struct certificate_of){
	    .key = key, .subject = "CN=Future", .from = 2 * CERTIFICATE_DAY, .to = 9 * CERTIFICATE_DAY });
	x[NEXT] = certificate_new(&(struct certificate_of){ .key = middle_key, .subject = "CN=Alone" });
	m = mem_new(1 << 20);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	write_bytes("ca", str_of(certificate_pem(m, x[AUTHORITY])));
	ck_assert_int_eq(mkdir(path("store"), 0700), 0);
	write_bytes("store/chain.pem", str_of(mem_printf(m, "a text\n%s%s%s", key_text(),
					   certificate_pem(m, x[LEAF]), certificate_pem(m, x[MIDDLE]))));
	write_bytes("store/alone.CER", certificate_der(m, x[ALONE]));
	write_bytes("store/next.crt", str_of(certificate_pem(m, x[NEXT])));
	write_bytes("store/old.pem", str_of(certificate_pem(m, x[OLD])));
	write_bytes("store/future.pem", str_of(certificate_pem(m, x[FUTURE])));
	write_bytes(
	    "store/damaged.pem", STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
	/* none of these is looked at */
	write_bytes("store/root.txt", str_of(certificate_pem(m, x[AUTHORITY])));
	write_bytes("store/.hidden.pem", str_of(certificate_pem(m, x[AUTHORITY])));
	ck_assert_int_eq(symlink("../ca", path("store/out.pem")), 0);
	ck_assert_int_eq(symlink("old.pem", path("store/inside.pem")), 0);
	ck_assert_int_eq(symlink("nowhere", path("store/dangling.pem")), 0);
	ck_assert_int_eq(mkdir(path("store/folder.pem"), 0700), 0);
	ck_assert_int_eq(mkdir(path("empty"), 0700), 0);
	mem_free(&m);
}

static void
drop_certificates(void)
{
	m = mem_new(1 << 16);
	ck_assert_int_eq(system(mem_printf(m, "rm -rf %s", folder)), 0);
	mem_free(&m);
	for (size_t i = 0; i < CERTIFICATES; i++)
		X509_free(x[i]);
	EVP_PKEY_free(authority_key);
	EVP_PKEY_free(middle_key);
	EVP_PKEY_free(key);
}

static void
setup(void)
{
	m = mem_new(1 << 20);
	found.n = 0;
	e = (struct err){ .reason = REASON_NONE };
}

static void
teardown(void)
{
	ck_assert_msg(ERR_peek_error() == 0, "the error queue of OpenSSL is left full");
	certs_release(&found);
	mem_free(&m);
}

/* @N in a value: the SHA-1 of x[N], #N the SHA-256, %N the identifier of its key. */
static const char *
value_of(const char *text)
{
	const X509 *which;
	unsigned char digest[20];
	char *hex = mem_strdup(m, "");
	unsigned n;

	if (text == NULL || strchr("@#%", text[0]) == NULL || text[0] == '\0')
		return text;
	which = x[text[1] - '0'];
	if (text[0] != '%')
		return certificate_hex(m, x[text[1] - '0'], text[0] == '@' ? EVP_sha1() : EVP_sha256());
	ck_assert_int_eq(X509_pubkey_digest(which, EVP_sha1(), digest, &n), 1);
	for (size_t i = 0; i < n; i++)
		hex = mem_printf(m, "%s%s%02X", hex, i == 0 ? "" : ":", digest[i]);
	return hex;
}

static int
find(enum conf_find how, const char *value, bool require_valid, const char *ca, const time_t *now)
{
	const struct conf_certificate c = { .find = how,
		.value = value_of(value),
		.directory = path("store"),
		.require_valid = require_valid,
		.ca = ca == NULL ? NULL : path(ca) };

	return certs_find(&c, now, &found, &e);
}

/* --- what is found ----------------------------------------------------------- */

static const struct {
	enum conf_find find;
	const char *value;
	unsigned want; /* a bit for each of x; 0: none, and `why` */
	const char *why;
} finds[] = {
	{ FIND_THUMBPRINT, "@2", 1 << LEAF, NULL },
	{ FIND_THUMBPRINT, "#2", 1 << LEAF, NULL },
	{ FIND_THUMBPRINT, "@3", 1 << ALONE, NULL },
	{ FIND_THUMBPRINT_SHA256, "#3", 1 << ALONE, NULL },
	{ FIND_THUMBPRINT, "@0", 0, "no certificate with thumbprint \"" }, /* not beneath the folder */
	{ FIND_THUMBPRINT, "0000000000000000000000000000000000000000", 0, "among the 6 in " },
	{ FIND_THUMBPRINT_SHA256, "@3", 0, "no certificate with thumbprint_sha256" },
	{ FIND_THUMBPRINT, "not hexadecimal", 0, "no certificate with thumbprint" },
	{ FIND_SERIAL_NUMBER, "c0ffee!", 0, "no certificate with serial_number" },
	{ FIND_SUBJECT_KEY_IDENTIFIER, "01g", 0, "no certificate with subject_key_identifier" },
	{ FIND_SUBJECT_NAME, "sts.example.com", 1 << LEAF, NULL },
	{ FIND_SUBJECT_NAME, "STS.EXAMPLE", 1 << LEAF, NULL },
	{ FIND_SUBJECT_NAME, "CN=sts", 1 << LEAF, NULL },
	{ FIND_SUBJECT_NAME, "Alone", 1 << ALONE | 1 << NEXT, NULL }, /* a rollover */
	{ FIND_SUBJECT_NAME, "o", 0, "certificates of different subjects (" },
	{ FIND_SUBJECT_NAME, "Root", 0, "no certificate with subject_name \"Root\"" },
	{ FIND_SUBJECT_NAME, "", 0, "no certificate" },
	{ FIND_SUBJECT_DN, "CN=sts.example.com, O=Example, C=DE", 1 << LEAF, NULL },
	{ FIND_SUBJECT_DN, "CN=sts.example.com, O=Example", 0, "no certificate with subject_dn" },
	{ FIND_ISSUER_NAME, "middle", 1 << LEAF, NULL },
	{ FIND_ISSUER_NAME, "Root", 1 << MIDDLE, NULL },
	{ FIND_ISSUER_NAME, "trust", 0, "different subjects" },
	{ FIND_SERIAL_NUMBER, "c0ffee", 1 << LEAF, NULL },
	{ FIND_SERIAL_NUMBER, "00 C0:FF:EE", 1 << LEAF, NULL },
	{ FIND_SERIAL_NUMBER, "c0ffe", 0, "no certificate with serial_number" },
	{ FIND_SERIAL_NUMBER, "12648430", 0, "no certificate with serial_number" }, /* decimal */
	{ FIND_SUBJECT_KEY_IDENTIFIER, "%2", 0, "different subjects" },
	{ FIND_SUBJECT_KEY_IDENTIFIER, "0102", 0, "no certificate with subject_key_identifier" },
};

static unsigned
found_bits(void)
{
	unsigned bits = 0;

	for (size_t i = 0; i < found.n; i++)
		for (unsigned k = 0; k < CERTIFICATES; k++)
			if (X509_cmp(found.v[i], x[k]) == 0)
				bits |= 1U << k;
	return bits;
}

START_TEST(a_certificate_is_found_by_what_is_known_of_it)
{
	int r = find(finds[_i].find, finds[_i].value, true, NULL, NULL);

	ck_assert_msg(r == (finds[_i].want == 0 ? -1 : 0), "%s: %s", finds[_i].value, e.text);
	if (r == 0)
		ck_assert_uint_eq(found_bits(), finds[_i].want);
	else {
		ck_assert_int_eq(e.reason, REASON_CONFIG);
		ck_assert_msg(strstr(e.text, finds[_i].why) != NULL, "%s", e.text);
	}
}
END_TEST

START_TEST(a_key_identifier_is_computed_where_the_certificate_has_none)
{
	struct conf_certificate c = {
		.find = FIND_SUBJECT_KEY_IDENTIFIER, .value = value_of("%6"), .file = path("store/next.crt")
	};

	ck_assert_int_eq(certs_find(&c, NULL, &found, &e), 0);
	ck_assert_uint_eq(found_bits(), 1 << NEXT);
	certs_release(&found);
	c.file = path("store/chain.pem"); /* which says it */
	c.value = value_of("%2");
	ck_assert_int_eq(certs_find(&c, NULL, &found, &e), 0);
	ck_assert_uint_eq(found_bits(), 1 << LEAF);
}
END_TEST

static const struct {
	const char *file, *directory;
	unsigned want;
	const char *why;
} places[] = {
	{ "store/alone.CER", NULL, 1 << ALONE, NULL },
	{ "store/next.crt", NULL, 1 << NEXT, NULL },
	{ "store/chain.pem", NULL, 0,
	    "different subjects (CN=sts.example.com, O=Example, C=DE; CN=Middle, O=Trust)" },
	{ "store/damaged.pem", NULL, 0, "store/damaged.pem: holds no certificate" },
	{ "nowhere.pem", NULL, 0, "nowhere.pem: cannot be read: No such file" },
	{ "store", NULL, 0, "store: is not a regular file" },
	{ NULL, "empty", 0, "among the 0 in " },
	{ NULL, "nowhere", 0, "nowhere: cannot be read: No such file" },
	{ NULL, "ca", 0, "ca: cannot be read: Not a directory" },
};

START_TEST(a_place_has_it_or_the_operator_is_told)
{
	const struct conf_certificate c = { .find = places[_i].file != NULL ? FIND_FILE : FIND_SUBJECT_NAME,
		.value = places[_i].file != NULL ? NULL : "a",
		.directory = places[_i].directory == NULL ? NULL : path(places[_i].directory),
		.file = places[_i].file == NULL ? NULL : path(places[_i].file),
		.require_valid = true };
	int r = certs_find(&c, NULL, &found, &e);

	ck_assert_msg(r == (places[_i].want == 0 ? -1 : 0), "%s", e.text);
	ck_assert_uint_eq(r == 0 ? found_bits() : 0, places[_i].want);
	ck_assert_msg(r == 0 || strstr(e.text, places[_i].why) != NULL, "%s", e.text);
}
END_TEST

START_TEST(files_that_cannot_be_read_are_counted)
{
	ck_assert_int_eq(find(FIND_SUBJECT_NAME, "nobody", true, NULL, NULL), -1);
	ck_assert_msg(strstr(e.text, ", 2 of the files cannot be read") != NULL, "%s", e.text);
}
END_TEST

/* --- dates -------------------------------------------------------------------- */

static const struct {
	int which;
	int64_t ahead;
	bool require_valid;
	const char *why; /* NULL: it counts */
} dates[] = {
	{ LEAF, 0, true, NULL },
	{ LEAF, 2 * CERTIFICATE_DAY, true, "has expired on " },
	{ LEAF, -2 * CERTIFICATE_DAY, true, "is not valid before " },
	{ OLD, 0, true, "has expired on " },
	{ OLD, 0, false, NULL },
	{ OLD, -5 * CERTIFICATE_DAY, true, NULL },
	{ FUTURE, 0, true, "is not valid before " },
	{ FUTURE, 0, false, NULL },
	{ FUTURE, 5 * CERTIFICATE_DAY, true, NULL },
};

START_TEST(a_certificate_counts_inside_its_dates)
{
	const time_t then = time(NULL) + dates[_i].ahead;
	int r = find(
	    FIND_THUMBPRINT, mem_printf(m, "@%d", dates[_i].which), dates[_i].require_valid, NULL, &then);

	ck_assert_msg(r == (dates[_i].why == NULL ? 0 : -1), "%s", e.text);
	ck_assert_msg(r == 0 || strstr(e.text, dates[_i].why) != NULL, "%s", e.text);
	if (dates[_i].ahead == 0) {
		certs_release(&found);
		ck_assert_int_eq(find(FIND_THUMBPRINT, mem_printf(m, "@%d", dates[_i].which),
				     dates[_i].require_valid, NULL, NULL),
		    r);
	}
}
END_TEST

START_TEST(dates_are_told_apart)
{
	const time_t now = time(NULL);

	ck_assert_int_eq(certs_dates(x[LEAF], &now), 0);
	ck_assert_int_eq(certs_dates(x[OLD], &now), 1);
	ck_assert_int_eq(certs_dates(x[FUTURE], &now), -1);
	ck_assert_int_eq(certs_dates(x[FUTURE], NULL), -1);
}
END_TEST

/* --- authorities --------------------------------------------------------------- */

static const struct {
	int which;
	const char *ca;
	bool require_valid;
	int64_t ahead;
	const char *why;
} chains[] = {
	{ LEAF, "ca", true, 0, NULL },
	{ MIDDLE, "ca", true, 0, NULL },
	{ LEAF, "store/chain.pem", true, 0, NULL }, /* the one in the middle will do */
	{ ALONE, "ca", true, 0, "not chained to ca " },
	{ ALONE, "ca", false, 0, "not chained to ca " },
	{ ALONE, "store/alone.CER", true, 0, NULL },
	{ LEAF, "store/next.crt", true, 0, "not chained to ca " },
	{ LEAF, "ca", true, 3 * CERTIFICATE_DAY, "expired" },
	{ LEAF, "ca", false, 3 * CERTIFICATE_DAY, NULL },
	{ LEAF, "nowhere", true, 0, "nowhere: cannot be read" },
	{ LEAF, "store/damaged.pem", true, 0, "ca: " },
};

START_TEST(a_certificate_is_chained_to_its_authority)
{
	const time_t then = time(NULL) + chains[_i].ahead;
	int r = find(FIND_THUMBPRINT, mem_printf(m, "@%d", chains[_i].which), chains[_i].require_valid,
	    chains[_i].ca, &then);

	ck_assert_msg(r == (chains[_i].why == NULL ? 0 : -1), "%s", e.text);
	ck_assert_msg(r == 0 || strstr(e.text, chains[_i].why) != NULL, "%s", e.text);
}
END_TEST

START_TEST(an_authority_tells_apart_what_a_name_does_not)
{
	ck_assert_int_eq(find(FIND_SUBJECT_NAME, "e", true, NULL, NULL), -1);
	certs_release(&found);
	ck_assert_int_eq(find(FIND_SUBJECT_NAME, "e", true, "store/alone.CER", NULL), 0);
	ck_assert_uint_eq(found_bits(), 1 << ALONE);
}
END_TEST

/* --- values and bytes ------------------------------------------------------------ */

static const struct {
	enum conf_find find;
	const char *value;
	const char *why; /* NULL: good */
} values[] = {
	{ FIND_THUMBPRINT, "0123456789abcdef0123456789ABCDEF01234567", NULL },
	{ FIND_THUMBPRINT, "01 23 45 67 89 ab cd ef 01 23 45 67 89 AB CD EF 01 23 45 67", NULL },
	{ FIND_THUMBPRINT, "01:23:45:67:89:ab:cd:ef:01:23:45:67:89:AB:CD:EF:01:23:45:67", NULL },
	{ FIND_THUMBPRINT, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL },
	{ FIND_THUMBPRINT, "0123456789abcdef0123456789abcdef0123456", "write 40 hex digits" },
	{ FIND_THUMBPRINT, "0123456789abcdef0123456789abcdef012345678", "write 40 hex digits" },
	{ FIND_THUMBPRINT, "x123456789abcdef0123456789abcdef01234567", "write 40 hex digits" },
	{ FIND_THUMBPRINT_SHA256, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", NULL },
	{ FIND_THUMBPRINT_SHA256, "0123456789abcdef0123456789abcdef01234567", "write 64 hex digits" },
	{ FIND_SERIAL_NUMBER, "00:a0", NULL },
	{ FIND_SERIAL_NUMBER, "0xa0", "write hex digits" },
	{ FIND_SERIAL_NUMBER, " ", "write hex digits" },
	{ FIND_SUBJECT_KEY_IDENTIFIER, "a0", NULL },
	{ FIND_SUBJECT_KEY_IDENTIFIER, "g0", "write hex digits" },
	{ FIND_SUBJECT_DN, "CN=a, O=b", NULL },
	{ FIND_SUBJECT_DN, "a", "write CN=NAME" },
	{ FIND_SUBJECT_NAME, "anything", NULL },
	{ FIND_ISSUER_NAME, "anything", NULL },
};

START_TEST(a_value_has_the_form_that_is_compared)
{
	int r = certs_judge_value(values[_i].find, str_of(values[_i].value), &e);

	ck_assert_int_eq(r, values[_i].why == NULL ? 0 : -1);
	ck_assert_msg(r == 0 || strstr(e.text, values[_i].why) != NULL, "%s", e.text);
}
END_TEST

static int
parse(struct str text)
{
	char *exact = xmalloc(text.n);
	int r;

	if (text.n > 0)
		memcpy(exact, text.p, text.n);
	r = certs_parse((struct str){ exact, text.n }, &found, &e);
	free(exact);
	return r;
}

START_TEST(all_certificates_of_a_file_are_read_once)
{
	const char *a = certificate_pem(m, x[ALONE]), *b = certificate_pem(m, x[OLD]);

	ck_assert_int_eq(parse(str_of(mem_printf(m, "%s%s%s%s", a, key_text(), b, a))), 0);
	ck_assert_uint_eq(found.n, 2);
	ck_assert_int_eq(parse(certificate_der(m, x[ALONE])), 0);
	ck_assert_uint_eq(found.n, 2);
	ck_assert_int_eq(parse(certificate_der(m, x[LEAF])), 0);
	ck_assert_uint_eq(found.n, 3);
}
END_TEST

START_TEST(damaged_bytes_are_refused)
{
	const char *good = certificate_pem(m, x[ALONE]);
	struct str der = certificate_der(m, x[LEAF]);

	ck_assert_int_eq(parse(STR("")), -1);
	ck_assert_int_eq(parse(STR("-----BEGIN ")), -1);
	ck_assert_int_eq(parse(str_of(key_text())), -1);
	ck_assert_int_eq(parse((struct str){ der.p, der.n - 1 }), -1);
	ck_assert_int_eq(parse(str_of(mem_printf(m, "%.*s", (int)strlen(good) - 8, good))), -1);
	ck_assert_uint_eq(found.n, 0);
	ck_assert_int_eq(parse(str_of(mem_printf(
			     m, "%s-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n", good))),
	    -1);
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_int_eq(parse((struct str){ mem_zalloc(m, CERTS_FILE_MAX + 1), CERTS_FILE_MAX + 1 }), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/certs");
	TCase *t = tcase_create("certs");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, make_certificates, drop_certificates);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_certificate_is_found_by_what_is_known_of_it, 0, COUNT(finds));
	tcase_add_test(t, a_key_identifier_is_computed_where_the_certificate_has_none);
	tcase_add_loop_test(t, a_place_has_it_or_the_operator_is_told, 0, COUNT(places));
	tcase_add_test(t, files_that_cannot_be_read_are_counted);
	tcase_add_loop_test(t, a_certificate_counts_inside_its_dates, 0, COUNT(dates));
	tcase_add_test(t, dates_are_told_apart);
	tcase_add_loop_test(t, a_certificate_is_chained_to_its_authority, 0, COUNT(chains));
	tcase_add_test(t, an_authority_tells_apart_what_a_name_does_not);
	tcase_add_loop_test(t, a_value_has_the_form_that_is_compared, 0, COUNT(values));
	tcase_add_test(t, all_certificates_of_a_file_are_read_once);
	tcase_add_test(t, damaged_bytes_are_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
