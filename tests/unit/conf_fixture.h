/*
 * tests/unit/conf_fixture.h - small configurations, and what is said about them
 *
 * A folder of its own holds what a configuration may name: it is ${D} in a
 * text, and $D in an expected message.
 */
#ifndef TESTS_UNIT_CONF_FIXTURE_H
#define TESTS_UNIT_CONF_FIXTURE_H
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "conf/conf.h"
#include "conf/mem.h"

#define GOOD_SECRET "hV3qT8xYb1ZfKpR7mWcE5nJ0sLuA9gDi2oXw4tQy6B8"

static char fixture_dir[] = "/tmp/workflow-proxy-conf.XXXXXX";
static struct mem *fixture_mem;

static inline const char *
fixture_path(const char *name)
{
	return mem_printf(fixture_mem, "%s/%s", fixture_dir, name);
}

static inline void
fixture_write(const char *name, const char *text, unsigned mode)
{
	const char *path = fixture_path(name);
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

/* A self-signed certificate that ends `days` from now, and its key; and that key once more, with a
 * passphrase. */
static inline void
fixture_certificate(const char *certificate, const char *key, long days)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	FILE *f;

	ck_assert(X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1);
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notBefore(x), -90L * 86400));
	ck_assert_ptr_nonnull(X509_gmtime_adj(X509_getm_notAfter(x), days * 86400));
	ck_assert(X509_NAME_add_entry_by_txt(
		      name, "CN", MBSTRING_ASC, (const unsigned char *)"a.example", -1, -1, 0) == 1);
	ck_assert(X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, k) == 1);
	ck_assert_int_gt(X509_sign(x, k, EVP_sha256()), 0);
	ck_assert_ptr_nonnull(f = fopen(fixture_path(certificate), "w"));
	ck_assert(PEM_write_X509(f, x) == 1 && fclose(f) == 0);
	ck_assert_ptr_nonnull(f = fopen(fixture_path(key), "w"));
	ck_assert(PEM_write_PrivateKey(f, k, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
	ck_assert_int_eq(chmod(fixture_path(key), 0600), 0);
	ck_assert_ptr_nonnull(f = fopen(fixture_path("locked.key"), "w"));
	ck_assert_int_eq(PEM_write_PKCS8PrivateKey(f, k, EVP_aes_128_cbc(), "pass", 4, NULL, NULL), 1);
	ck_assert(fclose(f) == 0 && chmod(fixture_path("locked.key"), 0600) == 0);
	X509_free(x);
	EVP_PKEY_free(k);
}

/* Files that are wrong in one way each. */
static inline void
fixture_extra(void)
{
	fixture_write("empty", "\n", 0600);
	fixture_write("open.secret", GOOD_SECRET "\n", 0644);
	fixture_write("two.secret", GOOD_SECRET "\nshort\n", 0600);
	fixture_write("headers", "X-Key=geheim\r\ngeheim\n", 0600);
	fixture_write("damaged.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 0600);
	fixture_certificate("open.crt", "open.key", 90);
	ck_assert_int_eq(chmod(fixture_path("open.key"), 0644), 0);
}

static inline void
fixture_begin(void)
{
	fixture_mem = mem_new(SIZE_MAX);
	ck_assert_ptr_nonnull(mkdtemp(fixture_dir));
	ck_assert_int_eq(setenv("D", fixture_dir, 1), 0);
	(void)unsetenv("LISTEN_FDS");
	fixture_certificate("tls.crt", "tls.key", 90);
	fixture_certificate("other.crt", "other.key", 90);
	fixture_certificate("old.crt", "old.key", -1);
	fixture_write("session.secret", GOOD_SECRET "\n", 0600);
	fixture_write("client.secret", "s3cr3t\n", 0600);
	fixture_extra();
}

static inline void
fixture_end(void)
{
	const char *argv = mem_printf(fixture_mem, "rm -rf %s", fixture_dir);

	ck_assert_int_eq(system(argv), 0);
	memcpy(fixture_dir + sizeof(fixture_dir) - 7, "XXXXXX", 6);
	mem_free(&fixture_mem);
}

/* All messages, a line each, "warning: " before those; without "t.conf:", and with $D for the folder. */
static inline const char *
fixture_messages(const struct conf_report *r)
{
	char *all = mem_strdup(fixture_mem, "");

	for (size_t i = 0; i < r->n; i++) {
		const char *text = r->v[i].text, *at;

		if (strncmp(text, "t.conf:", 7) == 0)
			text += 7;
		all = mem_printf(fixture_mem, "%s%s%s", all, all[0] == '\0' ? "" : "\n",
		    r->v[i].warning ? "warning: " : "");
		while ((at = strstr(text, fixture_dir)) != NULL) {
			all = mem_printf(fixture_mem, "%s%.*s$D", all, (int)(at - text), text);
			text = at + strlen(fixture_dir);
		}
		all = mem_printf(fixture_mem, "%s%s", all, text);
	}
	return all;
}

static const struct {
	const char *section; /* "" for the top level */
	const char *head, *tail;
	const char *keys[4];
} fixture_base[] = {
	{ "", "", "", { "public_url = \"https://flow.example.com\"" } },
	{ "listen", "listen \"127.0.0.1:8080\" {", "}", { NULL } },
	{ "admin", NULL, "}", { NULL } },
	{ "log", NULL, "}", { NULL } },
	{ "limits", NULL, "}", { NULL } },
	{ "provider", "provider \"main\" {", "}",
	    { "issuer = \"https://op.example.com\"", "client_id = \"rp\"", "client_secret = \"s3cr3t\"" } },
	{ "session", "session {", "}", { "secret = \"" GOOD_SECRET "\"" } },
	{ "upstream", "upstream \"app\" {", "}", { "servers = \"http://127.0.0.1:3000\"" } },
	{ "route", "route \"/\" {", "}", { "upstream = \"app\"" } },
};
#define FIXTURE_SECTIONS (sizeof(fixture_base) / sizeof(fixture_base[0]))

/* `words`, with a space between, has this one. */
static inline bool
fixture_has(const char *words, struct str word)
{
	struct str rest = str_of(words), one;

	while (str_next(&rest, ' ', &one))
		if (str_is(one, word))
			return true;
	return false;
}

/* The keys of the base that a text does not set itself and that are not in `without`. */
static inline char *
fixture_keys(size_t section, const char *text, const char *without)
{
	char *all = mem_strdup(fixture_mem, "");

	for (const char *const *k = fixture_base[section].keys; *k != NULL; k++) {
		struct str name = { *k, strcspn(*k, " ") };
		const char *set = mem_printf(fixture_mem, "\n%.*s", STR_ARG(name)),
			   *lines = mem_printf(fixture_mem, "\n%s", text);

		if (!fixture_has(without, name) && strstr(lines, set) == NULL)
			all = mem_printf(fixture_mem, "%s%s\n", all, *k);
	}
	return all;
}

/*
 * A whole configuration that is right but for `text`, which stands inside
 * section `where`: from line 1 at the top level, else from line 2, with the
 * section's own head as line 1.  `without`: keys and sections to leave out.
 */
static inline char *
fixture_conf(const char *where, const char *text, const char *without)
{
	char *all = mem_strdup(fixture_mem, "");

	for (size_t pass = 0; pass < 2; pass++)
		for (size_t s = 0; s < FIXTURE_SECTIONS; s++) {
			bool mine = strcmp(fixture_base[s].section, where) == 0;
			const char *head = fixture_base[s].head;

			if (mine != (pass == 0) || (!mine && head == NULL) ||
			    fixture_has(without, str_of(fixture_base[s].section)))
				continue;
			if (head == NULL)
				head = mem_printf(fixture_mem, "%s%s {", where,
				    strcmp(where, "admin") == 0 ? " \"[::1]:9\"" : "");
			all = mem_printf(fixture_mem, "%s%s%s%s%s%s%s%s", all, head,
			    head[0] == '\0' ? "" : "\n", mine ? text : "", mine ? "\n" : "",
			    fixture_keys(s, mine ? text : "", without), fixture_base[s].tail,
			    head[0] == '\0' ? "" : "\n");
		}
	return all;
}

static inline struct conf *
fixture_parse(const char *text, const char **messages)
{
	struct conf_report report = { NULL, 0, 0 };
	struct conf *c = conf_parse("t.conf", str_of(text), &report);

	*messages = fixture_messages(&report);
	ck_assert_msg((c == NULL) == (report.mistakes > 0), "%zu mistakes, but %sa configuration",
	    report.mistakes, c == NULL ? "not " : "");
	conf_report_free(&report);
	return c;
}

/* `where`, `text`, `without`: see fixture_conf(); `want`: every message, a line each. */
struct row {
	const char *where, *text, *want, *without;
};

static inline void
expect(const struct row *row)
{
	const char *text = fixture_conf(row->where, row->text, row->without == NULL ? "" : row->without),
		   *got;
	struct conf *c = fixture_parse(text, &got);

	ck_assert_msg(strcmp(got, row->want) == 0, "in\n%s\ngot\n%s\nwant\n%s", text, got, row->want);
	/* Every secret value of the rows has this word in it, and no message ever may. */
	ck_assert_msg(strstr(got, "geheim") == NULL, "a secret is told: %s", got);
	conf_free(&c);
}

#endif
