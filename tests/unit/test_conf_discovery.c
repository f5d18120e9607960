/* conf/conf_discovery.c, conf/conf_certificate.c: where a provider's keys come from */
#include "conf_fixture.h"
#include "tests/unit/certificates.h"

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))
/* What a provider without a document is told by hand. */
#define HAND                                                                                                 \
	"authorization_endpoint = \"https://op.example.com/a\"\ntoken_endpoint = "                           \
	"\"https://op.example.com/t\"\n"
#define STORE  "discovery = store\n" HAND
#define TENANT "8F0C1111-bbbb-4ccc-8ddd-EEEE22223333"
#define STORED "5: certificate \"x\": "

/* $S in a text: the SHA-1 of open.crt. */
static const char *
with_thumbprint(const char *text)
{
	FILE *f = fopen(fixture_path("open.crt"), "r");
	X509 *x = PEM_read_X509(f, NULL, NULL, NULL);
	const char *at = strstr(text, "$S"), *hex = certificate_hex(fixture_mem, x, EVP_sha1());

	X509_free(x);
	(void)fclose(f);
	return at == NULL ? text : mem_printf(fixture_mem, "%.*s%s%s", (int)(at - text), text, hex, at + 2);
}

static void
begin(void)
{
	fixture_begin();
	ck_assert_int_eq(mkdir(fixture_path("store"), 0700), 0);
	ck_assert_int_eq(mkdir(fixture_path("bare"), 0700), 0);
	ck_assert_int_eq(system(mem_printf(fixture_mem,
			     "cd %s && cp open.crt store/a.pem && cp old.crt store/old.pem && "
			     "cat tls.crt other.crt >two.crt",
			     fixture_dir)),
	    0);
	fixture_certificate("soon.crt", "soon.key", 5);
}

static struct conf *
load_good(const char *text, const char *without)
{
	const char *messages;
	struct conf *c = fixture_parse(fixture_conf("provider", with_thumbprint(text), without), &messages);

	ck_assert_msg(c != NULL && messages[0] == '\0', "in\n%s\n%s", text, messages);
	return c;
}

/* --- meaning ------------------------------------------------------------------- */

START_TEST(a_key_set_may_be_the_discovery_url_or_the_jwks_uri)
{
	struct conf *c =
	    load_good("discovery = jwks\n" HAND "discovery_url = \"https://op.example.com/keys\"", "");
	const struct conf_provider *p = &c->providers[0];

	ck_assert_int_eq(p->discovery, DISCOVERY_JWKS);
	ck_assert_str_eq(p->jwks_uri, "https://op.example.com/keys");
	conf_free(&c);
	c = load_good("discovery = jwks\n" HAND "jwks_uri = \"https://op.example.com/k\"", "");
	ck_assert_str_eq(c->providers[0].jwks_uri, "https://op.example.com/k");
	conf_free(&c);
	c = load_good("discovery = jwks\n" HAND
		      "discovery_url = \"https://op.example.com/d\"\njwks_uri = \"https://op.example.com/k\"",
	    "");
	ck_assert_str_eq(c->providers[0].jwks_uri, "https://op.example.com/k");
	conf_free(&c);
}
END_TEST

START_TEST(federation_needs_no_issuer_and_takes_any)
{
	struct conf *c = load_good("discovery = federation\n" HAND
				   "discovery_url = \"https://fs.example.com/FederationMetadata.xml\"",
	    "issuer");

	ck_assert_int_eq(c->providers[0].discovery, DISCOVERY_FEDERATION);
	ck_assert_str_eq(c->providers[0].discovery_url, "https://fs.example.com/FederationMetadata.xml");
	ck_assert(c->providers[0].issuer == NULL && c->providers[0].n_certificates == 0);
	conf_free(&c);
	c = load_good("discovery = federation\n" HAND
		      "discovery_url = \"https://fs.example.com/FederationMetadata.xml\"\n"
		      "issuer = \"http://fs.example.com/adfs/services/trust\"",
	    "");
	ck_assert_str_eq(c->providers[0].issuer, "http://fs.example.com/adfs/services/trust");
	conf_free(&c);
}
END_TEST

START_TEST(tenants_are_kept_in_lower_case)
{
	struct conf *c = load_good("discovery_url = \"https://login.example.com/common/x\"\n"
				   "issuer = \"https://login.example.com/{tenantid}/v2.0\"\n"
				   "tenants = { \"" TENANT "\", \"00000000-0000-0000-0000-000000000000\" }\n"
				   "access_token_issuer = \"https://sts.windows.net/{tenantid}/\"",
	    "issuer");

	ck_assert_uint_eq(c->providers[0].tenants.n, 2);
	ck_assert_str_eq(c->providers[0].tenants.v[0], "8f0c1111-bbbb-4ccc-8ddd-eeee22223333");
	ck_assert_str_eq(c->providers[0].issuer, "https://login.example.com/{tenantid}/v2.0");
	conf_free(&c);
}
END_TEST

START_TEST(certificates_of_a_store_are_kept_as_they_were_written)
{
	struct conf *c = load_good(STORE
	    "certificate \"one\" { find = thumbprint value = \"$S\" directory = \"${D}/store\" }\n"
	    "certificate \"two\" {\nfile = \"${D}/tls.crt\" ca = \"${D}/tls.crt\" }\n"
	    "certificate \"three\" { find = subject_name value = example file = \"${D}/open.crt\" "
	    "require_valid = yes }",
	    "");
	const struct conf_provider *p = &c->providers[0];

	ck_assert_int_eq(p->discovery, DISCOVERY_STORE);
	ck_assert_ptr_null(p->discovery_url);
	ck_assert_uint_eq(p->n_certificates, 3);
	ck_assert_str_eq(p->certificates[0].name, "one");
	ck_assert_int_eq(p->certificates[0].find, FIND_THUMBPRINT);
	ck_assert_uint_eq(strlen(p->certificates[0].value), 40);
	ck_assert_str_eq(p->certificates[0].directory, fixture_path("store"));
	ck_assert(p->certificates[0].file == NULL && p->certificates[0].ca == NULL);
	ck_assert(p->certificates[0].require_valid);
	ck_assert_int_eq(p->certificates[1].find, FIND_FILE);
	ck_assert(p->certificates[1].value == NULL && p->certificates[1].directory == NULL);
	ck_assert_str_eq(p->certificates[1].file, fixture_path("tls.crt"));
	ck_assert_str_eq(p->certificates[1].ca, fixture_path("tls.crt"));
	ck_assert_int_eq(p->certificates[1].at.line, 6);
	ck_assert_int_eq(p->certificates[2].find, FIND_SUBJECT_NAME);
	ck_assert_str_eq(p->certificates[2].value, "example");
	conf_free(&c);
}
END_TEST

/* Each finds open.crt in the folder of certificates, or in the file. */
static const char *const finds[] = { "find = thumbprint value = \"$S\" directory = \"${D}/store\"",
	"find = thumbprint value = \"$S\" file = \"${D}/open.crt\"",
	"find = subject_name value = \"A.EXAMPLE\" file = \"${D}/open.crt\"",
	"find = subject_dn value = \"CN=a.example\" file = \"${D}/open.crt\"",
	"find = issuer_name value = \"a.example\" file = \"${D}/open.crt\"",
	"find = serial_number value = \"01\" file = \"${D}/open.crt\"",
	"find = serial_number value = \"1\" directory = \"${D}/store\"", /* old.pem has expired */
	"find = file file = \"${D}/open.crt\"", "find = file value = \"${D}/open.crt\"",
	"file = \"${D}/open.crt\"" };

START_TEST(a_certificate_is_asked_for_in_every_way)
{
	struct conf *c = load_good(mem_printf(fixture_mem, STORE "certificate \"x\" { %s }", finds[_i]), "");

	ck_assert_uint_eq(c->providers[0].n_certificates, 1);
	conf_free(&c);
}
END_TEST

START_TEST(what_runs_out_is_noted)
{
	const char *got;
	struct conf *c = fixture_parse(
	    fixture_conf("provider", STORE "certificate \"x\" { file = \"${D}/soon.crt\" }", ""), &got);

	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(
	    got, "warning: 5: certificate \"x\": file: \"$D/soon.crt\" ends in 5 days: renew it in time");
	ck_assert_uint_eq(c->n_expiries, 1);
	conf_free(&c);
}
END_TEST

/* --- mistakes --------------------------------------------------------------------- */

static const struct row rows[] = {
	{ "provider", "discovery = jwks",
	    "1: provider \"main\": authorization_endpoint: required with discovery = \"jwks\", and not set; "
	    "for example authorization_endpoint = \"https://login.example.com/authorize\"\n"
	    "1: provider \"main\": token_endpoint: required with discovery = \"jwks\", and not set; for "
	    "example token_endpoint = \"https://login.example.com/token\"\n"
	    "1: provider \"main\": issuer: required with discovery = \"jwks\", and not set; for example "
	    "issuer = \"https://login.example.com\"\n"
	    "1: provider \"main\": discovery_url: required with discovery = \"jwks\", and not set; for "
	    "example discovery_url = \"https://login.example.com/keys\"",
	    "issuer" },
	{ "provider", "discovery = federation",
	    "1: provider \"main\": authorization_endpoint: required with discovery = \"federation\", and not "
	    "set; for example authorization_endpoint = \"https://login.example.com/authorize\"\n"
	    "1: provider \"main\": token_endpoint: required with discovery = \"federation\", and not set; "
	    "for example token_endpoint = \"https://login.example.com/token\"\n"
	    "1: provider \"main\": discovery_url: required with discovery = \"federation\", and not set; for "
	    "example discovery_url = "
	    "\"https://fs.example.com/FederationMetadata/2007-06/FederationMetadata.xml\"",
	    "issuer" },
	{ "provider", "discovery = store\n" HAND,
	    "1: provider \"main\": discovery = \"store\" needs a certificate; write certificate \"NAME\" { "
	    "file = \"...\" }\n"
	    "1: provider \"main\": issuer: required with discovery = \"store\", and not set; for example "
	    "issuer = \"https://login.example.com\"",
	    "issuer" },
	{ "provider", "discovery = jwks\n" HAND "jwks_uri = \"https://op.example.com/k\"\nuserinfo = yes",
	    "1: provider \"main\": userinfo_endpoint: required with discovery = \"jwks\", and not set; for "
	    "example userinfo_endpoint = \"https://login.example.com/userinfo\"",
	    NULL },
	{ "provider",
	    "discovery = federation\n" HAND
	    "discovery_url = \"https://fs.example.com/x\"\njwks_uri = \"https://op.example.com/k\"",
	    "warning: 6: provider \"main\": jwks_uri: is not looked at with discovery = \"federation\"; "
	    "leave it out",
	    NULL },
	{ "provider",
	    STORE
	    "certificate \"x\" { file = \"${D}/tls.crt\" }\ndiscovery_url = \"https://op.example.com/d\"",
	    "warning: 6: provider \"main\": discovery_url: is not looked at with discovery = \"store\"; "
	    "leave it out",
	    NULL },
	{ "provider", "certificate \"x\" { file = \"${D}/tls.crt\" }",
	    "2: certificate \"x\": is not looked at without discovery = \"store\"; write that, or leave it "
	    "out",
	    NULL },
	{ "provider",
	    "discovery = federation\n" HAND
	    "discovery_url = \"https://fs.example.com/x\"\nissuer = \"http://fs example\"",
	    "6: provider \"main\": issuer: \"http://fs example\" has a blank, which no issuer has; write it "
	    "as the tokens have it",
	    NULL },
	{ "provider", "issuer = \"urn:op\"",
	    "2: provider \"main\": issuer: \"urn:op\" is not a URL as it must be written here: a URL must "
	    "begin with https:// or http://",
	    NULL },
	{ "provider",
	    "discovery = federation\n" HAND
	    "discovery_url = \"https://fs.example.com/x\"\nissuer = \"https://sts.windows.net/{tenantid}/\"",
	    "6: provider \"main\": issuer: \"https://sts.windows.net/{tenantid}/\" stands for every "
	    "tenant; list those to let in as tenants, or write the tenant's own",
	    NULL },
	/* tenants */
	{ "provider", "discovery_url = \"https://login.example.com/common/x\"\ntenants = \"example.com\"",
	    "3: provider \"main\": tenants: \"example.com\" is not a tenant's id; write it as tokens have it "
	    "in "
	    "tid: eight, three times four, and twelve hexadecimal digits with - between",
	    NULL },
	{ "provider", "discovery_url = \"https://login.example.com/common/x\"\ntenants = {}",
	    "3: provider \"main\": tenants: is an empty list, which would let nobody in; write a tenant's "
	    "id, "
	    "or leave it out",
	    NULL },
	{ "provider", "issuer = \"https://login.example.com/{tenantid}/v2.0\"\ntenants = \"" TENANT "\"",
	    "1: provider \"main\": discovery_url: required where issuer has {tenantid}; for example "
	    "discovery_url = \"https://login.microsoftonline.com/organizations/v2.0"
	    "/.well-known/openid-configuration\"",
	    NULL },
	{ "provider",
	    "discovery_url = \"https://login.example.com/x\"\nissuer = "
	    "\"https://login.example.com/{tenant}/v2.0\"\ntenants = \"" TENANT "\"",
	    "3: provider \"main\": issuer: \"https://login.example.com/{tenant}/v2.0\" has a place to fill "
	    "in "
	    "that is not {tenantid}, or has it twice; write the tenant's own issuer",
	    NULL },
	{ "provider",
	    "discovery_url = \"https://login.example.com/x\"\naccess_token_issuer = "
	    "\"https://sts.windows.net/{tenantid}/\"",
	    "3: provider \"main\": access_token_issuer: \"https://sts.windows.net/{tenantid}/\" stands for "
	    "every tenant; list those to let in as tenants, or write the tenant's own",
	    NULL },
	/* one certificate */
	{ "provider", STORE "certificate \"x\" { }",
	    STORED "find: required, and not set; for example find = \"thumbprint_sha256\"", NULL },
	{ "provider", STORE "certificate \"x\" { find = thumbprint }",
	    STORED "value: required, and not set; write what to find\n" STORED
		   "directory: required, and not set; for example directory = \"/etc/workflow-proxy/store\"",
	    NULL },
	{ "provider", STORE "certificate \"x\" { find = friendly_name value = a file = \"${D}/tls.crt\" }",
	    STORED "find: \"friendly_name\" is not accepted; write one of: thumbprint thumbprint_sha256 "
		   "subject_name subject_dn issuer_name serial_number subject_key_identifier file",
	    NULL },
	{ "provider", STORE "certificate \"x\" { find = thumbprint value = \"abc\" file = \"${D}/tls.crt\" }",
	    STORED "value: \"abc\" is not a thumbprint; write 40 hex digits", NULL },
	{ "provider",
	    STORE "certificate \"x\" { find = thumbprint_sha256 value = \"$S\" file = \"${D}/tls.crt\" }",
	    STORED "value: \"$S\" is not a SHA-256 thumbprint; write 64 hex digits", NULL },
	{ "provider", STORE "certificate \"x\" { find = subject_dn value = \"a\" file = \"${D}/tls.crt\" }",
	    STORED "value: \"a\" is not a distinguished name; write CN=NAME, O=ORGANISATION", NULL },
	{ "provider",
	    STORE "certificate \"x\" { find = subject_name value = a directory = \"${D}/store\" file = "
		  "\"${D}/tls.crt\" }",
	    STORED "directory: directory and file are both set; leave one of them out", NULL },
	{ "provider", STORE "certificate \"x\" { find = subject_name value = a directory = \"${D}/nope\" }",
	    STORED "directory: \"$D/nope\" is not a folder that is there; write the path of one", NULL },
	{ "provider",
	    STORE "certificate \"x\" { find = subject_name value = a directory = \"${D}/tls.crt\" }",
	    STORED "directory: \"$D/tls.crt\" is not a folder that is there; write the path of one", NULL },
	{ "provider", STORE "certificate \"x\" { find = subject_name value = a file = \"${D}/nope\" }",
	    STORED "file: \"$D/nope\" cannot be read: No such file or directory", NULL },
	{ "provider", STORE "certificate \"x\" { find = file }",
	    STORED "file: required with find = \"file\", and not set; for example file = "
		   "\"/etc/workflow-proxy/signing.pem\"",
	    NULL },
	{ "provider", STORE "certificate \"x\" { find = file directory = \"${D}/store\" }",
	    STORED
	    "directory: \"$D/store\" is not searched with find = \"file\"; write file = \"PATH\" instead",
	    NULL },
	{ "provider",
	    STORE "certificate \"x\" { find = file file = \"${D}/tls.crt\" value = \"${D}/tls.crt\" }",
	    STORED "value: file says which one already; leave this out", NULL },
	{ "provider",
	    STORE
	    "certificate \"x\" { file = \"${D}/tls.crt\" }\ncertificate \"x\" { file = \"${D}/other.crt\" }",
	    "6: certificate \"x\": given twice; the first is in t.conf:5", NULL },
	{ "provider", STORE "certificate \"x\" { file = \"${D}/tls.crt\" ca = \"${D}/tls.key\" }",
	    STORED "ca: \"$D/tls.key\" holds no certificate; write a PEM file (no start line)", NULL },
	{ "provider", STORE "certificate \"x\" { file = \"${D}/tls.crt\" require_valid = maybe }",
	    STORED "require_valid: \"maybe\" is neither yes nor no; write yes or no", NULL },
	/* what is found */
	{ "provider",
	    STORE "certificate \"x\" { find = subject_name value = b.example directory = \"${D}/store\" }",
	    STORED "no certificate with subject_name \"b.example\" among the 2 in $D/store", NULL },
	{ "provider",
	    STORE "certificate \"x\" { find = subject_name value = b.example directory = \"${D}/bare\" }",
	    STORED "no certificate with subject_name \"b.example\" among the 0 in $D/bare", NULL },
	{ "provider", STORE "certificate \"x\" { file = \"${D}/tls.key\" }",
	    STORED "$D/tls.key: holds no certificate; write a PEM file", NULL },
	{ "provider", STORE "certificate \"x\" { file = \"${D}/tls.crt\" ca = \"${D}/other.crt\" }",
	    STORED "found in $D/tls.crt, but not chained to ca $D/other.crt: self-signed certificate", NULL },
	{ "provider",
	    STORE "certificate \"x\" { file = \"${D}/tls.crt\" }\ncertificate \"y\" { file = "
		  "\"${D}/damaged.crt\" }",
	    "6: certificate \"y\": $D/damaged.crt: holds no certificate; write a PEM file", NULL },
	{ "provider", STORE "certificate \"x\" { file = \"${D}/old.crt\" require_valid = no }",
	    "warning: " STORED "file: \"$D/old.crt\" has expired", NULL },
};

START_TEST(a_mistake_about_keys_is_told)
{
	struct row row = rows[_i];

	row.text = with_thumbprint(row.text);
	row.want = with_thumbprint(row.want);
	expect(&row);
}
END_TEST

START_TEST(an_expired_certificate_is_refused_with_its_day)
{
	const char *got;
	struct conf *c = fixture_parse(
	    fixture_conf("provider", STORE "certificate \"x\" { file = \"${D}/old.crt\" }", ""), &got);

	ck_assert_ptr_null(c);
	ck_assert_msg(str_begins(str_of(got), STR(STORED "the certificate has expired on 20")), "%s", got);
	ck_assert_ptr_nonnull(strstr(got, "; require_valid = no takes it even so"));
}
END_TEST

START_TEST(where_the_file_breaks_off_nothing_is_missing)
{
	const char *got;
	struct conf *c =
	    fixture_parse("provider \"p\" {\ndiscovery = store\ncertificate \"x\" {\nfind = \"", &got);

	ck_assert_ptr_null(c);
	ck_assert_msg(strstr(got, "required") == NULL && strstr(got, "needs") == NULL, "%s", got);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/discovery");
	TCase *t = tcase_create("discovery");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, begin, fixture_end);
	tcase_add_test(t, a_key_set_may_be_the_discovery_url_or_the_jwks_uri);
	tcase_add_test(t, federation_needs_no_issuer_and_takes_any);
	tcase_add_test(t, certificates_of_a_store_are_kept_as_they_were_written);
	tcase_add_test(t, tenants_are_kept_in_lower_case);
	tcase_add_loop_test(t, a_certificate_is_asked_for_in_every_way, 0, COUNT(finds));
	tcase_add_test(t, what_runs_out_is_noted);
	tcase_add_loop_test(t, a_mistake_about_keys_is_told, 0, COUNT(rows));
	tcase_add_test(t, an_expired_certificate_is_refused_with_its_day);
	tcase_add_test(t, where_the_file_breaks_off_nothing_is_missing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
