/* conf/dn.c: distinguished names as people write them */
#include <stdlib.h>

#include "conf/dn.h"
#include "tests/unit/certificates.h"

static struct mem *m;
static struct err e;
static X509_NAME *name;

static void
setup(void)
{
	m = mem_new(1 << 16);
	name = X509_NAME_new();
	certificate_name(name, "C=DE,ST=Hessen,O=Example Inc.,OU=Tokens,CN=sts.example.com");
}

static void
teardown(void)
{
	X509_NAME_free(name);
	mem_free(&m);
}

static const struct {
	const char *text;
	bool same;
} texts[] = {
	/* Windows, RFC 4514, OpenSSL in three ways */
	{ "CN=sts.example.com, OU=Tokens, O=Example Inc., S=Hessen, C=DE", true },
	{ "CN=sts.example.com,OU=Tokens,O=Example Inc.,ST=Hessen,C=DE", true },
	{ "C = DE, ST = Hessen, O = Example Inc., OU = Tokens, CN = sts.example.com", true },
	{ "/C=DE/ST=Hessen/O=Example Inc./OU=Tokens/CN=sts.example.com", true },
	{ "C=DE; ST=Hessen; O=Example Inc.; OU=Tokens; CN=sts.example.com", true },
	/* spelling */
	{ "cn=STS.Example.COM, ou=TOKENS, o=EXAMPLE INC., s=hessen, c=de", true },
	{ "CN=\"sts.example.com\", OU=\"Tokens\", O=\"Example Inc.\", S=Hessen, C=DE", true },
	{ "CN=sts\\.example.com, OU=To\\6bens, O=Example\\20Inc., S=Hessen, C=DE", true },
	{ "OID.2.5.4.3=sts.example.com, 2.5.4.11=Tokens, organizationName=Example Inc., S=Hessen, C=DE",
	    true },
	{ "  CN=sts.example.com, OU=Tokens, O=Example Inc., S=Hessen, C=DE  ", true },
	/* another name */
	{ "CN=sts.example.com", false },
	{ "CN=sts.example.com, OU=Tokens, O=Example Inc., S=Hessen", false },
	{ "CN=sts.example.com, OU=Tokens, O=Example Inc., S=Hessen, C=DE, L=x", false },
	{ "CN=sts.example.com, O=Tokens, OU=Example Inc., S=Hessen, C=DE", false },
	{ "OU=Tokens, CN=sts.example.com, O=Example Inc., S=Hessen, C=DE", false },
	{ "CN=sts.example.co, OU=Tokens, O=Example Inc., S=Hessen, C=DE", false },
	{ "CN=sts.example.com.evil, OU=Tokens, O=Example Inc., S=Hessen, C=DE", false },
	{ "CN=sts.example.com, OU=Tokens, O=Example  Inc., S=Hessen, C=DE", false },
};

START_TEST(a_name_is_the_same_however_it_is_written)
{
	ck_assert_int_eq(dn_judge(str_of(texts[_i].text), &e), 0);
	ck_assert_msg(dn_is(name, str_of(texts[_i].text)) == texts[_i].same, "%s", texts[_i].text);
}
END_TEST

START_TEST(separators_inside_of_a_value_are_its_own)
{
	X509_NAME *other = X509_NAME_new();

	ck_assert_int_eq(X509_NAME_add_entry_by_txt(other, "O", MBSTRING_UTF8,
			     (const unsigned char *)"A, B + \"C\" = \xc3\xbc", -1, -1, 0),
	    1);
	ck_assert(dn_is(other, STR("O=\"A, B + \"\"C\"\" = \xc3\xbc\"")));
	ck_assert(dn_is(other, STR("O=A\\, B \\+ \\\"C\\\" = \\C3\\BC")));
	ck_assert(dn_is(other, STR("/O=A, B + \\\"C\\\" = \xc3\xbc")));
	ck_assert(!dn_is(other, STR("O=A, O=B")));
	ck_assert_str_eq(dn_print(m, other), "O=A, B + \"C\" = \xc3\xbc");
	X509_NAME_free(other);
}
END_TEST

static const char *const broken[] = { "", " ", "/", "sts.example.com", "=a", "CN=", "CN= ", "CN=a,",
	"CN=a,,O=b", "CN=a, b", "NOSUCHTYPE=a", "CN=\"a", "CN=a, =b", "OID.=a", "OID.9.9.9.x=a", "CN=\"\"",
	"O=\"a\" CN=b,",
	"CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,"
	"CN="
	"a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a" };

START_TEST(what_is_no_name_is_refused)
{
	bool refused = dn_judge(str_of(broken[_i]), &e) == -1;

	/* a comma at the end is nothing */
	ck_assert_msg(
	    refused == (strcmp(broken[_i], "CN=a,") != 0 && strcmp(broken[_i], "O=\"a\" CN=b,") != 0), "%s",
	    broken[_i]);
	ck_assert(!dn_is(name, str_of(broken[_i])));
}
END_TEST

START_TEST(a_name_is_printed_the_way_windows_does)
{
	X509_NAME *odd = X509_NAME_new();

	ck_assert_str_eq(dn_print(m, name), "CN=sts.example.com, OU=Tokens, O=Example Inc., S=Hessen, C=DE");
	ck_assert_int_eq(X509_NAME_add_entry_by_txt(
			     odd, "CN", MBSTRING_UTF8, (const unsigned char *)"a\x1b[2Jb\n", -1, -1, 0),
	    1);
	ck_assert_str_eq(dn_print(m, odd), "CN=a?[2Jb?");
	X509_NAME_free(odd);
}
END_TEST

START_TEST(an_empty_name_is_like_none)
{
	X509_NAME *empty = X509_NAME_new();

	ck_assert(!dn_is(empty, STR("CN=a")));
	ck_assert(!dn_is(empty, STR("")));
	ck_assert_str_eq(dn_print(m, empty), "");
	X509_NAME_free(empty);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	Suite *s = suite_create("conf/dn");
	TCase *t = tcase_create("dn");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_name_is_the_same_however_it_is_written, 0, COUNT(texts));
	tcase_add_test(t, separators_inside_of_a_value_are_its_own);
	tcase_add_loop_test(t, what_is_no_name_is_refused, 0, COUNT(broken));
	tcase_add_test(t, a_name_is_printed_the_way_windows_does);
	tcase_add_test(t, an_empty_name_is_like_none);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
