/* What becomes of each setting of WorkflowGen. */
#include "tests/unit/imported.h"

#define TENANT "https://login.microsoftonline.com/aaaa1111-bbbb-4ccc-8ddd-eeee22223333/"

static const struct row wfgen[] = {
	{ "Provider=azure-v1", { "kind = \"azure-v1\"", "# ApplicationSecurityAuthProvider" } },
	{ "Provider=ms-identity-v2", { "kind = \"ms-identity-v2\"" } },
	{ "Provider=auth0", { "kind = \"auth0\"" } },
	{ "Provider=adfs",
	    { "kind = \"adfs\"", "#pkce = \"off\" # for AD FS 2016, which does not know it" } },
	{ "Provider=OKTA", { "kind = \"okta\"" } },
	{ "Provider=windows|MetadataUrl=" TENANT "v2.0/" KNOWN,
	    { MARK
		"ApplicationSecurityAuthProvider is none that is known here; say what kind of provider it is",
		"kind = \"ms-identity-v2\"" } },
	{ "ClientId=x", { "kind = \"oidc\"", "client_id = \"x\"", "discovery_url = \"\"" } },
	{ "ClientId=x|ClientSecret= s3cr3t ", { "client_secret = \" s3cr3t \"" } },
	{ "ClientId=x",
	    { MARK "ApplicationSecurityAuthClientSecret is not set in the web.config; put the secret "
		   "into this file",
		"client_secret_file = \"/etc/workflow-proxy/client.secret\"" } },
	{ "ClientSecret=x",
	    { MARK "ApplicationSecurityAuthClientId is not set in the web.config; write it here",
		"client_id = \"\"" } },
	{ "Provider=okta|MetadataUrl=https://a.okta.com/" KNOWN,
	    { "discovery_url = \"https://a.okta.com/" KNOWN "\"" } },
	{ "Provider=okta|MetadataUrl=http://a.okta.com/", { "discovery_url = \"\"", "!a.okta.com" } },
	{ "Provider=azure-v1|MetadataUrl=" TENANT "v2.0/" KNOWN,
	    { MARK "ApplicationSecurityAuthMetadataUrl is the document of ms-identity-v2, and the provider's "
		   "kind "
		   "azure-v1",
		"discovery_url = \"" TENANT "v2.0/" KNOWN "\"" } },
	{ "Provider=ms-identity-v2|MetadataUrl=" TENANT KNOWN,
	    { MARK "ApplicationSecurityAuthMetadataUrl is the document of azure-v1, and the provider's kind "
		   "ms-identity-v2" } },
	{ "Provider=ms-identity-v2|MetadataUrl=https://login.microsoftonline.com/organizations/v2.0/" KNOWN,
	    { MARK "the document is for users of many organizations: the tenant ids of those to let in",
		"tenants = \"\"" } },
	{ "Provider=okta|AppIdClaim=cid", { "#app_id_claim = \"cid\"" } },
	{ "Provider=azure-v1|AppIdClaim=azp",
	    { "app_id_claim = \"azp\"", "# ApplicationSecurityAuthAppIdClaim" } },
	{ "Provider=ms-identity-v2|UsernameClaim=preferred_username",
	    { "#username_claim = \"preferred_username\"" } },
	{ "Provider=ms-identity-v2|UsernameClaim=upn", { "username_claim = \"upn\"" } },
	{ "Provider=ms-identity-v2|AccessTokenUsernameClaim=upn",
	    { "access_token_username_claim = \"upn\"" } },
	{ "Provider=okta|AccessTokenUsernameClaim=sub", { "#access_token_username_claim = \"sub\"" } },
	{ "Provider=okta|ClockTolerance=60", { "#clock_tolerance = \"60s\"" } },
	{ "Provider=okta|ClockTolerance=0", { "clock_tolerance = \"0s\"" } },
	{ "Provider=okta|ClockTolerance=3601", { MARK "ApplicationSecurityAuthClockTolerance cannot be "
						      "carried over: it is not within 0 to 3600 seconds",
						   "#clock_tolerance = \"60s\"" } },
	{ "Provider=okta|ClockTolerance=", { "!clock_tolerance" } },
	{ "Provider=okta|Audience=https://f.example.com/graphql",
	    { "audience = \"https://f.example.com/graphql\"", "public_url = \"https://f.example.com\"" } },
	{ "Provider=okta|Audience=api://my-apis, 4711",
	    { "audience = {\"api://my-apis\", \"4711\"}", "public_url = \"\"" } },
	{ "Provider=okta|ApplicationUrl=https://f.example.com/wfgen/",
	    { "audience = \"https://f.example.com/wfgen/graphql\"",
		"public_url = \"https://f.example.com/wfgen\"", "route \"/wfgen\" {",
		"route \"/wfgen/hooks\" {", "path = \"/\"" } },
	{ "Provider=okta|ApplicationUrl=http://127.0.0.1:8080",
	    { "public_url = \"http://127.0.0.1:8080\"", "listen \"127.0.0.1:8080\" { }", "!tls_certificate",
		"!it is http," } },
	{ "Provider=okta|ApplicationUrl=http://f.example.com",
	    { "listen \"*:80\" { }", HTTP, "public_url = \"http://f.example.com\"" } },
	{ "Provider=okta|ApplicationUrl=https://f.example.com", { "!it is http," } },
	{ "Provider=okta|ApplicationUrl=https://f.example.com:8443", { "listen \"*:8443\" {" } },
	{ "Provider=okta|ApplicationUrl=http://localhost/wfgen|Audience=https://f.example.com/wfgen/graphql",
	    { "public_url = \"https://f.example.com/wfgen\"",
		"# ApplicationSecurityAuthAudience, without /graphql" } },
	{ "Provider=okta|ApplicationUrl=https://a.example.com|Audience=https://f.example.com/graphql",
	    { "public_url = \"https://a.example.com\"", "# ApplicationUrl" } },
	{ "Provider=okta|ApplicationUrl=http://localhost/wfgen|Audience=urn:x",
	    { "public_url = \"http://localhost/wfgen\"", "listen \"127.0.0.1:80\" { }" } },
	{ "Provider=okta|ApplicationUrl=/wfgen/",
	    { MARK "the web.config does not say which host it is: https://HOST/wfgen", "public_url = \"\"",
		"route \"/wfgen/graphql\" {" } },
	{ "Provider=okta|ApplicationUrl=/wfgen|Audience=https://f.example.com/wfgen/GraphQL",
	    { "public_url = \"https://f.example.com/wfgen\"" } },
	{ "Provider=okta|ApplicationUrl=/other|Audience=https://f.example.com/wfgen/graphql",
	    { "public_url = \"\"", "route \"/other\" {" } },
	{ "Provider=okta|ApplicationUrl=https://f.example.com/?x", { "public_url = \"\"" } },
	{ "Provider=okta|ApplicationUrl=https://f.example.com/a%20b", { "public_url = \"\"" } },
	{ "Provider=azure-v1|Audience=https://f.example.com/graphql",
	    { "#resource = \"https://f.example.com/graphql\"" } },
	{ "Provider=auth0|Audience=https://f.example.com/graphql",
	    { "#authorization_parameters = \"audience=https://f.example.com/graphql\"" } },
	{ "Provider=okta|AdditionalScopes=a, b  c,", { "additional_scopes = {\"a\", \"b\", \"c\"}" } },
	{ "Provider=okta|GraphQLScope= , |GraphQLAppRole=,|Audience=,",
	    { MARK "ApplicationSecurityAuthGraphQLScope has nothing but commas",
		MARK "ApplicationSecurityAuthGraphQLAppRole has nothing but commas",
		MARK "ApplicationSecurityAuthAudience has nothing but commas" } },
	{ "Provider=okta|AdditionalScopes=a", { "additional_scopes = \"a\"" } },
	{ "Provider=okta|AdditionalScopes=&quot;", { MARK "ApplicationSecurityAuthAdditionalScopes has a "
							  "part that cannot be carried over: it is not text, "
							  "or has quotes",
						       "additional_scopes = \"\"" } },
	{ "Provider=okta|GraphQLScope=full-access|GraphQLAppRole=full-role",
	    { "scopes = \"full-access\"", "app_roles = \"full-role\"", "auth = \"any\"",
		"#client \"nightly\" {" } },
	{ "Provider=okta|GraphQLScope=full-access",
	    { MARK "WorkflowGen's non-interactive clients are not in the web.config; without a section none "
		   "gets in",
		"#client \"nightly\" {" } },
	{ "Provider=okta|DecodeAccessToken=N|GraphQLScope=full-access|GraphQLAppRole=full-role",
	    { "decode_access_token = no", "#scopes = \"full-access\"", "#app_roles = \"full-role\"",
		"!auth = \"any\"", MARK "ApplicationSecurityAuthGraphQLScope counts from then on",
		"!audience = " } },
	{ "Provider=okta|DecodeAccessToken=Y",
	    { "!decode_access_token", "auth = \"any\"", "audience = \"\"" } },
	{ "Provider=okta|SessionTokenSigningSecret=" GOOD, { "secret = \"" GOOD "\"" } },
	{ "Provider=okta|SessionTokenSigningSecret=short",
	    { MARK "ApplicationSecurityAuthSessionTokenSigningSecret cannot be carried over: it has less "
		   "than 32 "
		   "bytes, or is easy to guess; put what `workflow-proxy secret` prints into this file",
		"secret_file = \"/etc/workflow-proxy/session.secret\"", "!short" } },
	{ "Provider=okta|SessionTokenSigningSecret=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", { "!aaaa" } },
	{ "Provider=okta", { "cookie = \"wfgen_token\"" } },
	{ "Provider=okta|SessionTokenCookie=wfgen_test", { "cookie = \"wfgen_test\"", "!wfgen_token" } },
	{ "Provider=okta|SessionTokenCookie=a b", { MARK "ApplicationSecurityAuthSessionTokenCookie cannot "
							 "be carried over: it is not the name of a cookie, "
							 "or has a prefix" } },
	{ "Provider=okta|SessionTimeOut=28800",
	    { "timeout = \"28800s\"", "# ApplicationSecurityAuthSessionTimeOut" } },
	{ "Provider=okta|SessionTimeOut=soon",
	    { MARK
		"ApplicationSecurityAuthSessionTimeOut cannot be carried over: it is not a number of seconds",
		"#timeout = \"8h\"" } },
	{ "Provider=okta|MobileSessionTimeOut=7200",
	    { "#mobile_timeout = \"7200s\"", "#mobile_clients = \"MOBILE-APP-ID\"" } },
	{ "Provider=okta|MobileSessionTimeOut=60", { "mobile_timeout = \"60s\"" } },
	{ "Provider=okta|SessionRefreshEnableIFrame=Y", { "iframe_refresh = yes" } },
	{ "Provider=okta|SessionRefreshEnableIFrame=N", { "!iframe_refresh" } },
	{ "Provider=okta", { "iframe_refresh = yes" } },
	{ "Provider=okta|SessionRefreshEnableIFrame=perhaps",
	    { MARK
		"ApplicationSecurityAuthSessionRefreshEnableIFrame says neither yes nor no; say which it is",
		"#iframe_refresh = yes" } },
	{ "Provider=azure-v1|CheckSessionUrl=https://login.example.com/check",
	    { "check_session_iframe = \"https://login.example.com/check\"" } },
	{ "Provider=azure-v1|CheckSessionUrl=/check",
	    { "#check_session_iframe = \"https://login.example.com/checksession\"" } },
	{ "Provider=okta|Provider=adfs",
	    { MARK "ApplicationSecurityAuthClientId is not set in the web.config; write it here",
		"kind = \"adfs\"" } },
	{ "Provider=okta|ClientId=one|ClientId=two",
	    { MARK "ApplicationSecurityAuthClientId is there more than once; this is the last one",
		"client_id = \"two\"" } },
	{ "Provider=okta|ClientId=one|ClientId=one", { "!more than once", "client_id = \"one\"" } },
	{ "Provider=okta|ClientSecret=one|ClientSecret=two",
	    { MARK "ApplicationSecurityAuthClientSecret is there more than once; this is the last one",
		"client_secret = \"two\"" } },
	{ "Provider=okta|GraphQLScope=one|GraphQLScope=two",
	    { MARK "ApplicationSecurityAuthGraphQLScope is there more than once; this is the last one" } },
	{ "Provider=okta|Newer=Y|NewSecret=geheim|Number=12345|Long=123456|No=false",
	    { MARK "ApplicationSecurityAuthNewer = Y has no counterpart that this program knows of",
		MARK "ApplicationSecurityAuthNewSecret has no counterpart that this program knows of",
		MARK "ApplicationSecurityAuthNumber = 12345 has no counterpart that this program knows of",
		MARK "ApplicationSecurityAuthLong has no counterpart that this program knows of",
		MARK "ApplicationSecurityAuthNo = false has no counterpart that this program knows of",
		"!geheim" } },
	{ "Provider=okta|a&#10;b=x",
	    { MARK "a setting whose name is too long, or not text, is not carried over" } },
	{ "Provider=okta|ClientId= &#9; a &#10;", { "client_id = \"a\"" } },
	{ "Provider=okta|AppIdClaim=&#9;&#10;", { "app_id_claim = \"appid\"" } },
	{ "Provider=okta", { "access_token_username_claim = \"upn\"", "app_id_claim = \"appid\"",
			       "# as WorkflowGen has it where nothing is said", "!\tusername_claim" } },
	{ "Provider=azure-v1",
	    { "username_claim = \"upn\"", "access_token_username_claim = \"upn\"", "!app_id_claim" } },
	{ "Provider=adfs", { "username_claim = \"upn\"", "access_token_username_claim = \"upn\"" } },
	{ "Provider=ms-identity-v2",
	    { "access_token_username_claim = \"upn\"", "app_id_claim = \"appid\"", "!\tusername_claim" } },
	{ "Provider=auth0", { "access_token_username_claim = \"upn\"", "app_id_claim = \"appid\"" } },
	{ "Provider=okta|Provider=adfs",
	    { MARK "ApplicationSecurityAuthProvider is there more than once; this is the last one" } },
	{ "ApplicationUrl=https://a.example.com|ApplicationUrl=https://b.example.com|Provider=okta",
	    { MARK "ApplicationUrl is there more than once; this is the last one",
		"public_url = \"https://b.example.com\"" } },
	{ "Provider=okta|DecodeAccessToken=perhaps",
	    { MARK "ApplicationSecurityAuthDecodeAccessToken says neither yes nor no; say which it is",
		"decode_access_token = no", "!auth = \"any\"" } },
	{ "Provider=okta|DecodeAccessToken=N|DecodeAccessToken=Y",
	    { MARK "ApplicationSecurityAuthDecodeAccessToken is there more than once; say which counts",
		"decode_access_token = no", "!auth = \"any\"" } },
	{ "Provider=okta|ThisNameIsLongerThanAnyThatAProgramReadsAndStandsInNoCommentOfOurs0123456789=x",
	    { MARK "a setting whose name is too long, or not text, is not carried over", "!Longer" } },
	{ "Provider=okta|a&#9;b=x",
	    { MARK "a setting whose name is too long, or not text, is not carried over" } },
	{ "Provider=okta|SessionTokenCookie=__Host-x", { "#cookie = \"workflow_session\"" } },
	{ "Provider=adfs|Audience=urn:x", { "#resource = \"urn:x\"" } },
	{ "Provider=okta|ApplicationUrl=////", { "public_url = \"\"" } },
	{ "Provider=okta|ApplicationUrl=/", { "public_url = \"\"", "route \"/\" {" } },
	{ "Provider=okta|SessionTimeOut=8h", { "timeout = \"8h\"" } },
	{ "Provider=okta|ClientId=a&#10;b", { "client_id = \"\"", "!a\nb" } },
	{ "Provider=okta|ClientId=a&quot;b", { "client_id = 'a\"b'" } },
	{ "Provider=okta|ClientId=a\\b${HOME}", { "client_id = 'a\\b${HOME}'" } },
	{ "Provider=okta|ClientId='${HOME}", { "client_id = \"'\\${HOME}\"" } },
	{ "Provider=okta|ClientId='\\&quot;$", { "client_id = \"'\\\\\\\"\\$\"" } },
};

START_TEST(each_setting_of_workflowgen_is_carried_over)
{
	const struct row *row = &wfgen[_i];

	import(workflowgen(row->settings), false);
	for (size_t i = 0; row->lines[i] != NULL; i++)
		expect(row->lines[i]);
	judge();
}
END_TEST

START_TEST(the_open_routes_of_workflowgen_are_written_out)
{
	static const char *const open[] = { "/hooks", "/scim", "/ws" };

	import(workflowgen("Provider=okta"), false);
	for (size_t i = 0; i < 3; i++) {
		const char *at = strstr(text(), mem_printf(m, "route \"%s\" {", open[i]));

		ck_assert_ptr_nonnull(at);
		ck_assert_ptr_nonnull(strstr(at, "auth = \"none\""));
		ck_assert(strstr(at, "auth = \"none\"") < strchr(at, '}'));
	}
	ck_assert_uint_eq(count(text(), "auth = \"none\""), 3);
}
END_TEST

START_TEST(clear_and_remove_take_settings_back_and_names_have_no_case)
{
	import("<configuration><appSettings><add key='ApplicationSecurityAuthNewer' value='1'/><clear/>"
	       "<add key='APPLICATIONSECURITYAUTHCLIENTID' value='one'/>"
	       "<add key='ApplicationSecurityAuthClientSecret' value='two'/>"
	       "<remove key='applicationsecurityauthclientsecret'/><remove key='ApplicationSecurityAuthX'/>"
	       "<set key='ApplicationSecurityAuthProvider' value='okta'/><add value='x'/>"
	       "</appSettings><add key='ApplicationSecurityAuthProvider' value='okta'/></configuration>",
	    false);
	expect("client_id = \"one\"");
	expect("client_secret_file = \"/etc/workflow-proxy/client.secret\"");
	expect("!okta");
	expect("!Newer");
	judge();
}
END_TEST

START_TEST(secrets_are_not_shown_on_a_terminal)
{
	const char *xml = workflowgen("Provider=okta|ClientSecret=geheim-1|SessionTokenSigningSecret=" GOOD);

	import(xml, true);
	expect("!geheim");
	expect("!" GOOD);
	expect(MARK
	    "ApplicationSecurityAuthClientSecret is not shown on a terminal; write it into this file, or "
	    "import with -o");
	ck_assert(!result.secrets);
	import(xml, false);
	expect("client_secret = \"geheim-1\"");
	ck_assert(result.secrets);
	for (size_t i = 0; i < result.n_warnings; i++)
		ck_assert(
		    strstr(result.warnings[i], "geheim") == NULL && strstr(result.warnings[i], GOOD) == NULL);
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("WorkflowGen");

	tcase_add_loop_test(t, each_setting_of_workflowgen_is_carried_over, 0, COUNT(wfgen));
	tcase_add_test(t, the_open_routes_of_workflowgen_are_written_out);
	tcase_add_test(t, clear_and_remove_take_settings_back_and_names_have_no_case);
	tcase_add_test(t, secrets_are_not_shown_on_a_terminal);
	return run_imports(t);
}
