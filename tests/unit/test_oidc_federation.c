/* oidc/federation.c: which certificates of a metadata document sign tokens */
#include <stdlib.h>

#include "conf/log.h"
#include "oidc/federation.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"
#include "oidc/xml.h"
#include "tests/unit/metadata.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))
#define ISSUER       "https://sts.windows.net/aaaa1111-bbbb-4ccc-8ddd-eeee22223333/"
#define STS          "fed:SecurityTokenServiceType"
#define SIGNING      " use=\"signing\""

static EVP_PKEY *key;
static X509 *current, *coming, *foreign;
static struct mem *m;
static struct err e;
static struct federation f;

static void
make_certificates(void)
{
	const struct log_setup quiet = { LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, "-", "off" };

	ck_assert_int_eq(log_open(&quiet, &e), 0);
	key = EVP_RSA_gen(2048U);
	current = certificate_new(&(struct certificate_of){ .key = key, .subject = "CN=current" });
	coming = certificate_new(&(struct certificate_of){
	    .key = key, .subject = "CN=coming", .from = 2 * CERTIFICATE_DAY, .to = 9 * CERTIFICATE_DAY });
	foreign = certificate_new(&(struct certificate_of){ .key = key, .subject = "CN=foreign" });
}

static void
drop_certificates(void)
{
	X509_free(current);
	X509_free(coming);
	X509_free(foreign);
	EVP_PKEY_free(key);
}

static void
setup(void)
{
	m = mem_new(1 << 22);
	f = (struct federation){ NULL, NULL };
	e = (struct err){ .reason = REASON_NONE };
}

static void
teardown(void)
{
	federation_release(&f);
	mem_free(&m);
}

static int
parse(const char *text, size_t n)
{
	char *exact = xmalloc(n);
	int r;

	memcpy(exact, text, n);
	federation_release(&f);
	r = federation_parse((struct str){ exact, n }, &f, &e);
	free(exact);
	ck_assert_msg(r == 0 || (e.reason == REASON_PROVIDER_ANSWER &&
				    str_begins(str_of(e.text), STR("federation metadata: "))),
	    "%s", e.text);
	ck_assert((r == 0) == (f.keys != NULL));
	return r;
}

static char *
signing(X509 *x)
{
	return metadata_key(m, SIGNING, metadata_base64(m, x));
}

static bool
has(X509 *x)
{
	const char *name = certificate_name_of(m, x, EVP_sha1());

	for (size_t i = 0; f.keys != NULL && i < jwks_count(f.keys); i++)
		if (strcmp(jwks_at(f.keys, i)->kid, name) == 0)
			return true;
	return false;
}

START_TEST(entity_and_certificates_are_read)
{
	const char *text = metadata_document(
	    m, ISSUER, metadata_role(m, STS, mem_printf(m, "%s\n%s", signing(current), signing(coming))));

	ck_assert_msg(parse(text, strlen(text)) == 0, "%s", e.text);
	ck_assert_str_eq(f.entity_id, ISSUER);
	ck_assert_uint_eq(jwks_count(f.keys), 2);
	ck_assert(has(current) && has(coming));
	/* trust by listing: that it is not valid yet does not matter */
	ck_assert(!jwks_at(f.keys, 1)->dated);
	ck_assert_str_eq(jwks_at(f.keys, 0)->x5t, jwks_at(f.keys, 0)->kid);
	ck_assert_str_eq(jwks_at(f.keys, 0)->x5t_s256, certificate_name_of(m, current, EVP_sha256()));
	text = mem_printf(m, "\xef\xbb\xbf%s", text);
	ck_assert_msg(parse(text, strlen(text)) == 0, "%s", e.text);
}
END_TEST

/*
 * What stands beside the role of the token service (outside), in it (inside),
 * or in its key (in the key).  @ is the base64 of a certificate that must not count.
 */
static const struct {
	const char *name, *outside, *inside;
	bool counts;
} places[] = {
	{ "none", "", "", false },
	{ "without use", "",
	    "<KeyDescriptor><k:KeyInfo xmlns:k=\"" METADATA_DS
	    "\"><k:X509Data><k:X509Certificate>@</k:X509Certificate></k:X509Data></k:KeyInfo></"
	    "KeyDescriptor>",
	    true },
	{ "other prefixes",
	    "<m:RoleDescriptor xmlns:m=\"" METADATA_NS "\" xmlns:i=\"" METADATA_TYPE
	    "\" xmlns:w=\"" METADATA_FED "\" i:type=\" w:SecurityTokenServiceType \"><m:KeyDescriptor "
	    "use=\"signing\"><d:KeyInfo xmlns:d=\"" METADATA_DS
	    "\"><d:X509Data><d:X509IssuerSerial/><d:X509Certificate>@</d:X509Certificate></d:X509Data></"
	    "d:KeyInfo></m:KeyDescriptor></m:RoleDescriptor>",
	    "", true },
	{ "split by a comment", "",
	    "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><!-- x --><X509Certificate><!-- y -->@<!-- z "
	    "--></X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
	    true },
	{ "in CDATA", "",
	    "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate><![CDATA[@]]></X509Certificate></X509Data></KeyInfo></"
	    "KeyDescriptor>",
	    true },
	/* the document's own signature */
	{ "signature",
	    "<ds:Signature xmlns:ds=\"" METADATA_DS
	    "\"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>@</ds:X509Certificate></ds:X509Data></"
	    "ds:KeyInfo></ds:Signature>",
	    "", false },
	{ "key in a signature",
	    "<ds:Signature xmlns:ds=\"" METADATA_DS
	    "\"><KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor></"
	    "ds:Signature>",
	    "", false },
	/* keys for another purpose */
	{ "encryption", "",
	    "<KeyDescriptor use=\"encryption\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
	    false },
	{ "empty use", "",
	    "<KeyDescriptor use=\"\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
	    false },
	{ "Signing", "",
	    "<KeyDescriptor use=\"Signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
	    false },
	/* other roles */
	{ "application",
	    "<RoleDescriptor xmlns:xsi=\"" METADATA_TYPE "\" xmlns:fed=\"" METADATA_FED
	    "\" xsi:type=\"fed:ApplicationServiceType\"><KeyDescriptor use=\"signing\"><KeyInfo "
	    "xmlns=\"" METADATA_DS "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></"
	    "KeyDescriptor></RoleDescriptor>",
	    "", false },
	{ "service provider",
	    "<SPSSODescriptor><KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor></"
	    "SPSSODescriptor>",
	    "", false },
	{ "identity provider",
	    "<IDPSSODescriptor><KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor></"
	    "IDPSSODescriptor>",
	    "", false },
	{ "type of another namespace",
	    "<RoleDescriptor xmlns:xsi=\"" METADATA_TYPE
	    "\" xmlns:fed=\"urn:other\" xsi:type=\"fed:SecurityTokenServiceType\"><KeyDescriptor "
	    "use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor></"
	    "RoleDescriptor>",
	    "", false },
	{ "type without a prefix",
	    "<RoleDescriptor xmlns:xsi=\"" METADATA_TYPE
	    "\" xsi:type=\"SecurityTokenServiceType\"><KeyDescriptor use=\"signing\"><KeyInfo "
	    "xmlns=\"" METADATA_DS "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></"
	    "KeyDescriptor></RoleDescriptor>",
	    "", false },
	{ "type of an unbound prefix",
	    "<RoleDescriptor xmlns:xsi=\"" METADATA_TYPE
	    "\" xsi:type=\"fed:SecurityTokenServiceType\"><KeyDescriptor use=\"signing\"><KeyInfo "
	    "xmlns=\"" METADATA_DS "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></"
	    "KeyDescriptor></RoleDescriptor>",
	    "", false },
	{ "type, not of xsi",
	    "<RoleDescriptor xmlns:xsi=\"urn:other\" xmlns:fed=\"" METADATA_FED
	    "\" xsi:type=\"fed:SecurityTokenServiceType\" "
	    "type=\"fed:SecurityTokenServiceType\"><KeyDescriptor use=\"signing\"><KeyInfo "
	    "xmlns=\"" METADATA_DS "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></"
	    "KeyDescriptor></RoleDescriptor>",
	    "", false },
	{ "role of another namespace",
	    "<x:RoleDescriptor xmlns:x=\"urn:other\" xmlns:xsi=\"" METADATA_TYPE
	    "\" xmlns:fed=\"" METADATA_FED "\" xsi:type=\"fed:SecurityTokenServiceType\"><KeyDescriptor "
	    "use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor></"
	    "x:RoleDescriptor>",
	    "", false },
	{ "role further down",
	    "<Extensions><RoleDescriptor xmlns:xsi=\"" METADATA_TYPE "\" xmlns:fed=\"" METADATA_FED
	    "\" xsi:type=\"fed:SecurityTokenServiceType\"><KeyDescriptor use=\"signing\"><KeyInfo "
	    "xmlns=\"" METADATA_DS "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></"
	    "KeyDescriptor></RoleDescriptor></Extensions>",
	    "", false },
	/* elsewhere in the role */
	{ "key further down", "",
	    "<Extensions><KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor></"
	    "Extensions>",
	    false },
	{ "key info of another namespace", "",
	    "<KeyDescriptor use=\"signing\"><KeyInfo "
	    "xmlns=\"urn:other\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></"
	    "KeyDescriptor>",
	    false },
	{ "key info of the metadata", "",
	    "<KeyDescriptor "
	    "use=\"signing\"><KeyInfo><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></"
	    "KeyDescriptor>",
	    false },
	{ "no key info", "",
	    "<KeyDescriptor use=\"signing\"><X509Data xmlns=\"" METADATA_DS
	    "\"><X509Certificate>@</X509Certificate></X509Data></KeyDescriptor>",
	    false },
	{ "endpoint's certificate", "",
	    "<fed:TokenTypesOffered xmlns:fed=\"" METADATA_FED "\"><X509Certificate xmlns=\"" METADATA_DS
	    "\">@</X509Certificate></fed:TokenTypesOffered>",
	    false },
	/* in a comment */
	{ "comment", "",
	    "<!--<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@</X509Certificate></X509Data></KeyInfo></KeyDescriptor>-->",
	    false },
	/* the second of one key: a chain */
	{ "authority", "",
	    "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>$</X509Certificate><X509Certificate>@</X509Certificate></"
	    "X509Data></KeyInfo></KeyDescriptor>",
	    false },
	/* bytes that are none */
	{ "bad base64", "",
	    "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@=</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
	    false },
	{ "more behind it", "",
	    "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>@AAAA</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
	    false },
	{ "base64url", "",
	    "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>-___</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
	    false },
	{ "empty", "",
	    "<KeyDescriptor use=\"signing\"><KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate/></X509Data></KeyInfo></KeyDescriptor>",
	    false },
};

static char *
fill_in(const char *text, const char *wrong, const char *right)
{
	char *out = mem_strdup(m, "");

	for (size_t n; *text != '\0'; text += n + (text[n] != '\0')) {
		n = strcspn(text, "@$");
		out = mem_printf(m, "%s%.*s%s", out, (int)n, text,
		    text[n] == '@'   ? wrong
		    : text[n] == '$' ? right
				     : "");
	}
	return out;
}

START_TEST(only_keys_of_the_token_service_count)
{
	const char *wrong = metadata_base64(m, foreign), *right = metadata_base64(m, current);
	const char *inside = fill_in(places[_i].inside, wrong, right),
		   *outside = fill_in(places[_i].outside, wrong, right), *text;

	text = metadata_document(m, ISSUER,
	    mem_printf(
		m, "%s%s", outside, metadata_role(m, STS, mem_printf(m, "%s%s", inside, signing(current)))));
	ck_assert_msg(parse(text, strlen(text)) == 0, "%s: %s", places[_i].name, e.text);
	ck_assert_msg(has(current), "%s", places[_i].name);
	ck_assert_msg(has(foreign) == places[_i].counts, "%s", places[_i].name);
	/* and without the good one there is none */
	text = metadata_document(m, ISSUER,
	    mem_printf(m, "%s%s", outside, metadata_role(m, STS, fill_in(places[_i].inside, wrong, wrong))));
	if (strcmp(places[_i].name, "authority") != 0)
		ck_assert_msg((parse(text, strlen(text)) == 0) == places[_i].counts, "%s", places[_i].name);
}
END_TEST

START_TEST(a_prefix_means_what_it_means_where_it_stands)
{
	const char *one = mem_printf(m,
	    "<md:EntityDescriptor xmlns:md=\"" METADATA_NS "\" xmlns:p=\"" METADATA_FED
	    "\" xmlns:xsi=\"" METADATA_TYPE "\" xmlns=\"" METADATA_FED
	    "\" entityID=\"urn:x\"><md:RoleDescriptor %s><md:KeyDescriptor>"
	    "<KeyInfo xmlns=\"" METADATA_DS
	    "\"><X509Data><X509Certificate>%s</X509Certificate></X509Data></KeyInfo>"
	    "</md:KeyDescriptor></md:RoleDescriptor></md:EntityDescriptor>",
	    "@", metadata_base64(m, current));
	const char *text;

	text = fill_in(one, "xsi:type=\"p:SecurityTokenServiceType\"", "");
	ck_assert_msg(parse(text, strlen(text)) == 0, "%s", e.text);
	ck_assert_str_eq(f.entity_id, "urn:x");
	text = fill_in(one, "xsi:type=\"SecurityTokenServiceType\"", ""); /* the default namespace */
	ck_assert_msg(parse(text, strlen(text)) == 0, "%s", e.text);
	text = fill_in(one, "xmlns:p=\"urn:other\" xsi:type=\"p:SecurityTokenServiceType\"", "");
	ck_assert_int_eq(parse(text, strlen(text)), -1);
	text = fill_in(one, "xmlns=\"urn:other\" xsi:type=\"SecurityTokenServiceType\"", "");
	ck_assert_int_eq(parse(text, strlen(text)), -1);
}
END_TEST

/* --- documents that are none -------------------------------------------------------- */

/* @: a role of a token service with a good key. */
static const struct {
	const char *text, *why;
} broken[] = {
	{ "", "0 bytes" },
	{ "\xef\xbb\xbf", "0 bytes" },
	{ "{\"issuer\":\"https://x\"}", "not well-formed XML: line 1" },
	{ "<html><body>Sign in</body></html>", "not an EntityDescriptor" },
	{ "<EntityDescriptor entityID=\"a\">@</EntityDescriptor>", "not an EntityDescriptor" },
	{ "<EntitiesDescriptor xmlns=\"" METADATA_NS
	  "\"><EntityDescriptor entityID=\"a\">@</EntityDescriptor></EntitiesDescriptor>",
	    "not an EntityDescriptor" },
	{ "<EntityDescriptor entityID=\"a\" xmlns=\"" METADATA_NS "\">@", "not well-formed XML" },
	{ "<EntityDescriptor entityID=\"a\" xmlns=\"" METADATA_NS "\">@</EntityDescriptor><x/>",
	    "not well-formed XML" },
	{ "<EntityDescriptor xmlns=\"" METADATA_NS "\">@</EntityDescriptor>", "entityID is missing" },
	{ "<EntityDescriptor entityID=\"\" xmlns=\"" METADATA_NS "\">@</EntityDescriptor>",
	    "entityID is missing" },
	{ "<EntityDescriptor entityID=\"a b\" xmlns=\"" METADATA_NS "\">@</EntityDescriptor>",
	    "entityID holds a space" },
	{ "<EntityDescriptor entityID=\"a\xc3\xbc\" xmlns=\"" METADATA_NS "\">@</EntityDescriptor>",
	    "entityID holds" },
	{ "<EntityDescriptor x:entityID=\"a\" xmlns:x=\"urn:x\" xmlns=\"" METADATA_NS
	  "\">@</EntityDescriptor>",
	    "entityID is missing" },
	{ "<EntityDescriptor entityID=\"a\" xmlns=\"" METADATA_NS "\"/>", "no token-signing certificate" },
	/* document types and entities */
	{ "<!DOCTYPE x [<!ENTITY a \"b\">]><EntityDescriptor entityID=\"&a;\" xmlns=\"" METADATA_NS
	  "\">@</EntityDescriptor>",
	    "has a DOCTYPE" },
	{ "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><EntityDescriptor entityID=\"a\" xmlns=\"" METADATA_NS
	  "\">@</EntityDescriptor>",
	    "has a DOCTYPE" },
	{ "<!-- <!DOCTYPE x> --><EntityDescriptor entityID=\"a\" xmlns=\"" METADATA_NS
	  "\">@</EntityDescriptor>",
	    "has a DOCTYPE" },
	{ "<EntityDescriptor entityID=\"&a;\" xmlns=\"" METADATA_NS "\">@</EntityDescriptor>",
	    "not well-formed XML" },
	{ "<EntityDescriptor entityID=\"a\" xmlns=\"" METADATA_NS "\">&a;@</EntityDescriptor>",
	    "not well-formed XML" },
	{ "<EntityDescriptor entityID=\"a\" xmlns=\"" METADATA_NS "\"><!ENTITY a \"b\">@</EntityDescriptor>",
	    "not well-formed XML" },
	/* bytes */
	{ "\xff\xfe<\0?", "not UTF-8" },
	{ "<EntityDescriptor entityID=\"\xe4\" xmlns=\"" METADATA_NS "\">@</EntityDescriptor>", "not UTF-8" },
	{ "<EntityDescriptor entityID=\"a\" entityID=\"b\" xmlns=\"" METADATA_NS "\">@</EntityDescriptor>",
	    "not well-formed XML" },
};

START_TEST(a_document_that_is_none_is_refused)
{
	const char *text = fill_in(broken[_i].text, metadata_role(m, STS, signing(current)), "");

	ck_assert_msg(parse(text, strlen(text)) == -1, "%s", broken[_i].text);
	ck_assert_msg(strstr(e.text, broken[_i].why) != NULL, "%s: %s", broken[_i].text, e.text);
	ck_assert_ptr_null(f.keys);
}
END_TEST

START_TEST(a_declared_encoding_changes_nothing)
{
	/* In UTF-7 this would be a document type. */
	const char *text = mem_printf(m,
	    "<?xml version=\"1.0\" encoding=\"UTF-7\"?>+ADw-!DOCTYPE x+AD4-<EntityDescriptor entityID=\"a\" "
	    "xmlns=\"" METADATA_NS "\">%s</EntityDescriptor>",
	    metadata_role(m, STS, signing(current)));
	struct str utf16 = { mem_zalloc(m, 400), 400 };
	const char *plain = "<!DOCTYPE x []><a/>";

	ck_assert_int_eq(parse(text, strlen(text)), -1);
	ck_assert_msg(strstr(e.text, "not well-formed") != NULL, "%s", e.text);
	text = mem_printf(m,
	    "<?xml version=\"1.0\" encoding=\"UTF-16\"?><EntityDescriptor entityID=\"a\" xmlns=\"" METADATA_NS
	    "\">%s</EntityDescriptor>",
	    metadata_role(m, STS, signing(current)));
	ck_assert_msg(parse(text, strlen(text)) == 0, "%s", e.text);
	for (size_t i = 0; i < strlen(plain); i++)
		((char *)(uintptr_t)utf16.p)[2 * i] = plain[i];
	ck_assert_int_eq(parse(utf16.p, 2 * strlen(plain)), -1);
	ck_assert_msg(strstr(e.text, "not UTF-8 text") != NULL, "%s", e.text);
}
END_TEST

static char *
repeated(const char *text, size_t n)
{
	size_t size = strlen(text);
	char *out = mem_alloc(m, n * size + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(out + i * size, text, size);
	out[n * size] = '\0';
	return out;
}

START_TEST(what_is_too_large_or_too_deep_is_refused)
{
	const char *good = metadata_role(m, STS, signing(current)), *text;

	text = metadata_document(m, ISSUER,
	    mem_printf(
		m, "%s%s%s", repeated("<a>", XML_DEPTH_MAX - 1), repeated("</a>", XML_DEPTH_MAX - 1), good));
	ck_assert_msg(parse(text, strlen(text)) == 0, "%s", e.text);
	text = metadata_document(m, ISSUER,
	    mem_printf(m, "%s%s%s", repeated("<a>", XML_DEPTH_MAX), repeated("</a>", XML_DEPTH_MAX), good));
	ck_assert_int_eq(parse(text, strlen(text)), -1);
	ck_assert_msg(strstr(e.text, "nested deeper than") != NULL, "%s", e.text);
	text = metadata_document(
	    m, ISSUER, mem_printf(m, "%s%s%s", repeated("<a>", 5000), repeated("</a>", 5000), good));
	ck_assert_int_eq(parse(text, strlen(text)), -1);
	text = metadata_document(m, ISSUER, mem_printf(m, "%s%s", good, repeated(" ", XML_SIZE_MAX)));
	ck_assert_int_eq(parse(text, strlen(text)), -1);
	ck_assert_msg(strstr(e.text, "accepted: 1 to 1048576") != NULL, "%s", e.text);
	text = metadata_document(m, ISSUER, mem_printf(m, "%s%s", good, repeated("<a/>", 20000)));
	ck_assert_int_eq(parse(text, strlen(text)), -1);
	ck_assert_msg(strstr(e.text, "attributes or") != NULL, "%s", e.text);
	text = metadata_document(m, repeated("=", 9000), good);
	ck_assert_int_eq(parse(text, strlen(text)), -1);
	text = metadata_document(m, repeated("a", FEDERATION_ENTITY_MAX + 1), good);
	ck_assert_int_eq(parse(text, strlen(text)), -1);
}
END_TEST

START_TEST(more_keys_than_a_set_takes_are_refused)
{
	char *keys = mem_strdup(m, "");
	const char *text;

	for (size_t i = 0; i <= JWKS_KEYS_MAX; i++) {
		text = metadata_document(m, ISSUER, metadata_role(m, STS, keys));
		if (i == JWKS_KEYS_MAX)
			ck_assert_msg(parse(text, strlen(text)) == 0, "%s", e.text);
		keys = mem_printf(m, "%s%s", keys, signing(current));
	}
	ck_assert_uint_eq(jwks_count(f.keys), 1); /* the same one each time */
	text = metadata_document(m, ISSUER, metadata_role(m, STS, keys));
	ck_assert_int_eq(parse(text, strlen(text)), -1);
	ck_assert_msg(strstr(e.text, "more than 100") != NULL, "%s", e.text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("oidc/federation");
	TCase *t = tcase_create("federation");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, make_certificates, drop_certificates);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, entity_and_certificates_are_read);
	tcase_add_loop_test(t, only_keys_of_the_token_service_count, 0, COUNT(places));
	tcase_add_test(t, a_prefix_means_what_it_means_where_it_stands);
	tcase_add_loop_test(t, a_document_that_is_none_is_refused, 0, COUNT(broken));
	tcase_add_test(t, a_declared_encoding_changes_nothing);
	tcase_add_test(t, what_is_too_large_or_too_deep_is_refused);
	tcase_add_test(t, more_keys_than_a_set_takes_are_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
