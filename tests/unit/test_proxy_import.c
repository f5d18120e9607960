/* What is read of a web.config at all, what is refused, and how much of it is written. */
#include "tests/unit/imported.h"

static const struct {
	const char *xml, *why;
} none[] = {
	{ "", "0 bytes" },
	{ "nonsense", "not well-formed XML: line 1" },
	{ "<a>", "not well-formed XML" },
	{ "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>", "has a DOCTYPE" },
	{ "<a b='\xff'/>", "bytes that are not UTF-8 text" },
	{ "<configuration/>", "has no settings of WorkflowGen" },
	{ "<configuration><appSettings><add key='ApplicationUrl' "
	  "value='https://a.example.com'/></appSettings></configuration>",
	    "has no settings of WorkflowGen" },
	{ "<configuration><appSettings file='a.config'/></configuration>",
	    "some are in another file, which is not read: a.config" },
	{ "<configuration><appSettings configSource='a&#10;b'/></configuration>",
	    "not read: (its name is no text)" },
	{ "<configuration><appSettings><EncryptedData/></appSettings></configuration>",
	    "decrypt them first" },
	{ "<configuration><openIdConnect/><section name='openIdConnect'/><forms "
	  "loginUrl='x'/></configuration>",
	    "has no settings of WorkflowGen" },
};

START_TEST(a_file_that_says_nothing_is_refused_with_a_reason)
{
	ck_assert_int_eq(import_text(str_of(none[_i].xml), false, m, &result, &e), -1);
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_msg(strstr(e.text, none[_i].why) != NULL, "%s", e.text);
	ck_assert_uint_eq(result.text.n, 0);
}
END_TEST

START_TEST(what_is_not_read_is_to_be_done)
{
	import(
	    "<configuration><appSettings file='more.config'><add key='ApplicationSecurityAuthProvider' "
	    "value='okta'/>"
	    "</appSettings><connectionStrings configSource='db.config'><EncryptedData/></connectionStrings>"
	    "<a configSource='x&#10;y'/><sequence.engine configSource='web.idm'/></configuration>",
	    false);
	expect(MARK "settings in another file are not read: more.config, (its name is no text), web.idm");
	expect(MARK "a part of it is encrypted, and was not read; decrypt it first (aspnet_regiis -pdf)");
	judge();
}
END_TEST

START_TEST(a_warning_names_the_setting_that_it_is_about)
{
	import(workflowgen("Provider=okta|Newer=Y"), false);
	ck_assert_str_eq(result.warnings[1], "tls_certificate: the certificate that browsers see, as PEM, "
					     "with its chain; IIS has it in the machine's "
					     "store");
	for (size_t i = 0; i < result.n_warnings; i++)
		if (strstr(result.warnings[i], "Newer") != NULL)
			ck_assert_str_eq(result.warnings[i], "kind: ApplicationSecurityAuthNewer = Y has no "
							     "counterpart that this program knows of");
}
END_TEST

START_TEST(a_value_of_any_length_is_written_or_left_out)
{
	char *long_one = mem_alloc(m, 40001);

	memset(long_one, 'x', 40000);
	long_one[40000] = '\0';
	import(workflowgen(mem_printf(m, "Provider=okta|ClientId=%s", long_one)), false);
	expect("client_id = \"\"");
	long_one[20000] = '\0';
	import(workflowgen(mem_printf(m, "Provider=okta|ClientId=%s", long_one)), false);
	expect(mem_printf(m, "client_id = \"%s\"", long_one));
	judge();
}
END_TEST

START_TEST(a_list_ends_somewhere)
{
	const char *all = "s0", *uris = "", *algorithms = "RS256";

	for (int k = 1; k < 3000; k++) {
		all = mem_printf(m, "%s,s%d", all, k);
		uris = mem_printf(m, "%s<add value='u%d'/>", uris, k);
		algorithms = mem_printf(m, "%s ES256", algorithms);
	}
	import(workflowgen(mem_printf(m, "Provider=okta|AdditionalScopes=%s", all)), false);
	expect(MARK "ApplicationSecurityAuthAdditionalScopes has more than 64 parts; these are the first");
	ck_assert_ptr_nonnull(strstr(text(), ", \"s63\"}"));
	judge();
	import(cora(mem_printf(m, "discoveryKind='Store' idTokenSigningAlgValues='%s'", algorithms),
		   mem_printf(m, "<audienceUris>%s</audienceUris>", uris)),
	    false);
	expect(MARK "audienceUris has more than 64 parts; these are the first");
	expect(MARK "idTokenSigningAlgValues has more than 64 parts; these are the first");
	ck_assert_ptr_nonnull(strstr(text(), ", \"u64\"}"));
	judge();
	import(cora(mem_printf(m, "discoveryKind='Store' audienceUris='%s'", all), ""), false);
	expect(MARK "audienceUris has more than 64 parts; these are the first");
	judge();
}
END_TEST

START_TEST(a_path_of_any_length_is_written_or_left_out)
{
	char *path = mem_alloc(m, 40001);

	memset(path, 'x', 40000);
	path[0] = '/';
	path[40000] = '\0';
	for (size_t n = 40000; n > 2000; n /= 2) {
		path[n] = '\0';
		import(workflowgen(mem_printf(m, "Provider=okta|ApplicationUrl=%s", path)), false);
		expect(n > 4096 ? "route \"/\" {" : mem_printf(m, "route \"%s\" {", path));
		expect("!(null)");
		import(
		    workflowgen(mem_printf(m, "Provider=okta|ApplicationUrl=https://f.example.com%s", path)),
		    false);
		expect("!(null)");
		import(cora(mem_printf(m,
				"discoveryKind='Store' accessDeniedUrl='%s' "
				"replyUrl='https://s.example.com%s'",
				path, path),
			   ""),
		    false);
		expect("!(null)");
		judge();
	}
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("any");

	tcase_add_loop_test(t, a_file_that_says_nothing_is_refused_with_a_reason, 0, COUNT(none));
	tcase_add_test(t, what_is_not_read_is_to_be_done);
	tcase_add_test(t, a_warning_names_the_setting_that_it_is_about);
	tcase_add_test(t, a_value_of_any_length_is_written_or_left_out);
	tcase_add_test(t, a_list_ends_somewhere);
	tcase_add_test(t, a_path_of_any_length_is_written_or_left_out);
	return run_imports(t);
}
