/* tests/unit/test_proxy_import.c - what becomes of each setting of WorkflowGen and Cora SeQuence */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "proxy/import.h"

#define MARK   IMPORT_MARK
#define GOOD   "n8Zr7XbN4vK9mTdQ2hV3qT8xYb1ZfKpR7mWcE5nJ0sL"
#define TENANT "https://login.microsoftonline.com/aaaa1111-bbbb-4ccc-8ddd-eeee22223333/"
#define KNOWN  ".well-known/openid-configuration"
#define HTTP   MARK "it is http, where whoever is on the way reads sessions and passwords; make it https"
#define CLAIMS "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"

static struct mem *m;
static struct import_result result;
static struct err e;

static void
begin(void)
{
	m = mem_new(SIZE_MAX);
}

static void
end(void)
{
	mem_free(&m);
}

/* "NAME=value|NAME=value" without the prefix, as appSettings. */
static const char *
workflowgen(const char *settings)
{
	struct str rest = str_of(settings), one;
	const char *all = "";

	while (str_next(&rest, '|', &one)) {
		size_t n = strcspn(one.p, "=");

		all = mem_printf(m, "%s<add key=\"%s%.*s\" value=\"%.*s\"/>\n", all,
		    strncmp(one.p, "ApplicationUrl", 14) == 0 ? "" : "ApplicationSecurityAuth", (int)n, one.p,
		    (int)(one.n - n - 1), one.p + n + 1);
	}
	return mem_printf(m, "<configuration><appSettings>%s</appSettings></configuration>", all);
}

/* The attributes of one element, and what else stands beside it. */
static const char *
cora(const char *attributes, const char *beside)
{
	return mem_printf(
	    m, "<configuration><openIdConnect clientId=\"c\" %s/>%s</configuration>", attributes, beside);
}

static void
import(const char *xml, bool hide)
{
	ck_assert_msg(import_text(str_of(xml), hide, m, &result, &e) == 0, "%s\nfor\n%s", e.text, xml);
}

/* How often `what` is in `text`. */
static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text++;
	}
	return n;
}

static const char *
text(void)
{
	return mem_text(m, result.text);
}

/* A line that is not in front of all but indentation. */
static void
expect(const char *line)
{
	const char *all = mem_printf(m, "\n%s", text());
	const char *plain = mem_printf(m, "\n%s\n", line), *deep = mem_printf(m, "\n\t%s\n", line),
		   *deeper = mem_printf(m, "\n\t\t%s\n", line);

	if (line[0] == '!')
		ck_assert_msg(strstr(all, line + 1) == NULL, "there is %s in\n%s", line + 1, all);
	else
		ck_assert_msg(
		    strstr(all, plain) != NULL || strstr(all, deep) != NULL || strstr(all, deeper) != NULL,
		    "no line\n%s\nin\n%s", line, all);
}

/* Each thing to be done stands above a setting or section, is a warning, and is all that -t finds. */
static void
judge(void)
{
	struct conf_report report = { NULL, 0, 0 };
	struct str rest = result.text, line, last = STR("");
	struct conf *c = conf_parse("t", result.text, &report);
	size_t lines = 0, marks = 0;
	bool marked[1024] = { false };

	while (str_next(&rest, '\n', &line)) {
		bool is = str_begins(line = str_trim(line), STR(MARK));

		ck_assert_uint_lt(++lines, 1024);
		marked[lines + 1] = is;
		marks += is;
		if (str_begins(last, STR(MARK)))
			ck_assert_msg(
			    is || memmem(line.p, line.n, " = ", 3) != NULL || line.p[line.n - 1] == '{',
			    "below a mark: %.*s", STR_ARG(line));
		last = line;
	}
	ck_assert_uint_le(marks, result.n_warnings);
	for (size_t i = 0; i < report.n; i++)
		ck_assert_msg(report.v[i].warning || marked[strtol(report.v[i].text + 2, NULL, 10)],
		    "%s\nin\n%s", report.v[i].text, text());
	for (size_t i = 0; i < result.n_warnings; i++)
		ck_assert_msg(strpbrk(result.warnings[i], "\r\n\033") == NULL, "%s", result.warnings[i]);
	conf_report_free(&report);
	conf_free(&c);
}

struct row {
	const char *settings;
	const char *lines[8]; /* expected; with ! in front: not there */
};

struct row_beside {
	const char *settings, *lines[8];
	const char *beside;
};

/* --- WorkflowGen ------------------------------------------------------------------ */

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
#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

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

/* --- Cora SeQuence ---------------------------------------------------------------- */

#define BY_HAND "authority='https://l.example.com/a' tokenEndpoint='https://l.example.com/t'"
#define JWKS    "discoveryKind='JsonWebKeySet' discoveryUri='https://l.example.com/k' " BY_HAND " "
#define UNUSABLE                                                                                             \
	" is not a URL below public_url that this program can have; the path that is registered at the "     \
	"provider"
#define THUMB "8a4c00112233445566778899aabbccddeeff0011"
#define STORE "discoveryKind='Store' validIssuer='https://l.example.com' " BY_HAND " "

static const struct row_beside sequence[] = {
	{ "discoveryKind='OpenIdDiscoveryDocument' discoveryUri='https://a.okta.com/" KNOWN "'",
	    { "discovery = \"document\"", "discovery_url = \"https://a.okta.com/" KNOWN "\"",
		"kind = \"okta\"", "!issuer = ", "!_endpoint = \"" },
	    "" },
	{ JWKS "validIssuer='https://l.example.com' logoutEndpoint='https://l.example.com/o'",
	    { "discovery = \"jwks\"", "issuer = \"https://l.example.com\"",
		"authorization_endpoint = \"https://l.example.com/a\"",
		"token_endpoint = \"https://l.example.com/t\"",
		"end_session_endpoint = \"https://l.example.com/o\"", "kind = \"oidc\"" },
	    "" },
	{ "discoveryKind='JsonWebKeySet'",
	    { "discovery_url = \"\"", "issuer = \"\"", "authorization_endpoint = \"\"",
		"token_endpoint = \"\"" },
	    "" },
	{ "discoveryKind='FEDERATION' " BY_HAND
	  " discoveryUri='https://fs.example.com/FederationMetadata.xml'",
	    { "discovery = \"federation\"", "!issuer = " }, "" },
	{ STORE, { "discovery = \"store\"", "certificate \"signing\" {", "file = \"\"", "!discovery_url" },
	    "" },
	{ "discoveryKind='Other' discoveryUri='https://a.example.com/k'",
	    { MARK "discoveryKind is none that is known here; say what discovery_url leads to",
		"discovery = \"jwks\"" },
	    "" },
	{ "discoveryUri='https://a.example.com/" KNOWN "'",
	    { MARK "discoveryKind is not set in the web.config; say what discovery_url leads to",
		"discovery = \"document\"" },
	    "" },
	{ "discoveryUri='https://a.example.com/FederationMetadata/x'", { "discovery = \"federation\"" }, "" },
	{ "validIssuer='https://a.example.com'",
	    { "discovery = \"document\"", "issuer = \"https://a.example.com\"" }, "" },
	{ "validIssuer='https://a.example.com'", { "discovery = \"store\"" },
	    "<identityProviderCertificates><add findType='Thumbprint' findValue='" THUMB
	    "'/></identityProviderCertificates>" },
	{ "validIssuer='a name'", { "#issuer = \"https://login.example.com\"" }, "" },
	{ "validIssuer='https://a.example.com/{tenantid}'", { "#issuer = \"https://login.example.com\"" },
	    "" },
	{ JWKS "validIssuer='a name'",
	    { MARK "validIssuer has blanks or braces, which no issuer has", "issuer = \"\"" }, "" },
	{ JWKS "validIssuer='https://l.example.com'",
	    { MARK "IdentityClaims name another originalIssuer than validIssuer" },
	    "<IdentityClaims><add claimType='email' "
	    "originalIssuer='https://other.example.com'/></IdentityClaims>" },
	{ JWKS, { "issuer = \"https://o.example.com\"", "username_claim = {\"email\", \"upn\"}" },
	    "<IdentityClaims><add claimType='" CLAIMS "emailaddress' originalIssuer='https://o.example.com'/>"
	    "<add claimType='" CLAIMS "upn' originalIssuer='LOCAL AUTHORITY'/></IdentityClaims>" },
	{ JWKS,
	    { MARK "the claim type `name` is unique_name in tokens of Entra and AD FS; is it here?",
		"username_claim = \"unique_name\"" },
	    "<IdentityClaims claimType='" CLAIMS "name'/>" },
	{ JWKS, { "username_claim = \"" CLAIMS "unheard\"" },
	    "<IdentityClaims><x claimType='" CLAIMS "unheard'/></IdentityClaims>" },
	{ JWKS "tokenRequestAuthorizationMethod='client_secret_post'",
	    { "token_endpoint_auth_method = \"client_secret_post\"" }, "" },
	{ JWKS "tokenRequestAuthorizationMethod='Basic'",
	    { "#token_endpoint_auth_method = \"client_secret_basic\"" }, "" },
	{ JWKS "tokenRequestAuthorizationMethod='magic'",
	    { "#token_endpoint_auth_method = \"client_secret_basic\"" }, "" },
	{ JWKS "idTokenSigningAlgValues='rs256'", { "#id_token_signed_response_alg = \"RS256\"" }, "" },
	{ JWKS "idTokenSigningAlgValues='ES256'", { "id_token_signed_response_alg = \"ES256\"" }, "" },
	{ JWKS "idTokenSigningAlgValues='RS256 PS256'",
	    { "id_token_signed_response_alg = {\"RS256\", \"PS256\"}" }, "" },
	{ JWKS "idTokenSigningAlgValues='HS256,ES256'",
	    { MARK "idTokenSigningAlgValues names an algorithm that is never accepted; accepted are: RS256 "
		   "RS384 RS512 "
		   "PS256 PS384 PS512 ES256 ES384 ES512",
		"id_token_signed_response_alg = \"ES256\"" },
	    "" },
	{ JWKS "idTokenSigningAlgValues='none'",
	    { "#id_token_signed_response_alg = \"RS256\"", "!alg = \"none" }, "" },
	{ JWKS "authorizationRequestHttpMethod='post'", { "authorization_request_method = \"POST\"" }, "" },
	{ JWKS "authorizationRequestHttpMethod='GET'", { "#authorization_request_method = \"GET\"" }, "" },
	{ JWKS "authorizationRequestHttpMethod='PUT'",
	    { MARK "authorizationRequestHttpMethod cannot be carried over: it is none of: GET POST" }, "" },
	{ JWKS "forceReauthenticate='true'", { "prompt = \"login\"" }, "" },
	{ JWKS "forceReauthenticate='false'", { "!prompt" }, "" },
	{ JWKS "forceReauthenticate='always'",
	    { MARK "forceReauthenticate says neither yes nor no; say which it is", "prompt = \"login\"" },
	    "" },
	{ JWKS "forceReauthenticate='true'",
	    { MARK "forceReauthenticate is there more than once; say which counts", "prompt = \"login\"" },
	    "<openIdConnect forceReauthenticate='false'/>" },
	{ JWKS "ssoEnabled='perhaps'",
	    { MARK "ssoEnabled says neither yes nor no; say which it is", "#prompt = \"login\"" }, "" },
	{ JWKS "signoutFromSts='never'",
	    { MARK "signoutFromSts says neither yes nor no; say which it is",
		"#end_session_endpoint = \"https://login.example.com/logout\"" },
	    "" },
	{ JWKS "signoutFromSts='never' logoutEndpoint='https://l.example.com/o'",
	    { MARK "signoutFromSts says neither yes nor no; say which it is",
		"end_session_endpoint = \"https://l.example.com/o\"" },
	    "" },
	{ JWKS "requireSsl='true'", { MARK "requireSsl is there more than once; say which counts" },
	    "<cookieHandler requireSsl='false'/>" },
	{ JWKS "requireSsl='always'", { MARK "requireSsl says neither yes nor no; say which it is" }, "" },
	{ JWKS "accessDeniedUrl='/a'",
	    { MARK "accessDeniedUrl is there more than once; this is the last one",
		"access_denied_url = \"/b\"" },
	    "<openIdConnect accessDeniedUrl='/b'/>" },
	{ JWKS,
	    { MARK "discoveryKind is there more than once; this is the last one", "discovery = \"store\"" },
	    "<openIdConnect discoveryKind='Store'/>" },
	{ JWKS "idTokenSigningAlgValues=','", { "#id_token_signed_response_alg = \"RS256\"" }, "" },
	{ JWKS "ssoEnabled='false'", { "#prompt = \"login\"" }, "" },
	{ JWKS "ssoEnabled='false' forceReauthenticate='true'", { "!#prompt" }, "" },
	{ JWKS "cookieEncryptionKey='" GOOD "'", { "encrypt = yes", "secret = \"" GOOD "\"" }, "" },
	{ JWKS "cookieEncryptionKey='short'",
	    { "encrypt = yes", "secret_file = \"/etc/workflow-proxy/session.secret\"" }, "" },
	{ JWKS, { "!encrypt" }, "" },
	{ JWKS "signoutFromSts='false' logoutEndpoint='https://l.example.com/o'",
	    { "#end_session_endpoint = \"https://l.example.com/o\"" }, "" },
	{ JWKS "signoutFromSts='false'", { "!end_session_endpoint" }, "" },
	{ "discoveryKind='OpenIdDiscoveryDocument' signoutFromSts='false'",
	    { MARK "signoutFromSts is off, but who signs out here is signed out at the provider as well",
		"#end_session_endpoint = \"https://login.example.com/logout\"" },
	    "" },
	{ JWKS "signoutFromSts='true' logoutEndpoint='https://l.example.com/o'",
	    { "end_session_endpoint = \"https://l.example.com/o\"" }, "" },
	{ JWKS "loginUrl='~/in'",
	    { MARK "loginUrl: links to there become links to login and logout below auth_path",
		"#auth_path = \"/auth\"" },
	    "" },
	{ JWKS "loginUrl='~/in' logoutUrl='~/out'",
	    { MARK "loginUrl, logoutUrl: links to there become links to login "
		   "and logout below auth_path" },
	    "" },
	{ JWKS "logoutUrl='~/out'",
	    { MARK "logoutUrl: links to there become links to login and logout below auth_path" }, "" },
	{ JWKS "accessDeniedUrl='~/denied.aspx'", { "access_denied_url = \"/denied.aspx\"" }, "" },
	{ JWKS "accessDeniedUrl='https://d.example.com/'",
	    { "access_denied_url = \"https://d.example.com/\"" }, "" },
	{ JWKS "accessDeniedUrl='denied.aspx'", { "#access_denied_url = \"/denied.aspx\"" }, "" },
	{ JWKS "requireSsl='false'",
	    { MARK "requireSsl is off: cookies are for https alone where public_url is https" }, "" },
	{ JWKS "requireSsl='true'", { "!requireSsl" }, "" },
	{ JWKS, { MARK "requireSsl is off: cookies are for https alone where public_url is https" },
	    "<cookieHandler requireSsl='false'/>" },
	{ JWKS "replyUrl='https://s.example.com/x/oidcServices/signinresponse'",
	    { "public_url = \"https://s.example.com/x\"", "callback_path = \"/oidcServices/signinresponse\"",
		"route \"/x\" {" },
	    "" },
	{ JWKS "redirectUri='https://s.example.com/oidcServices/signinresponse'",
	    { "public_url = \"https://s.example.com\"" }, "" },
	{ JWKS "redirectUri='https://s.example.com/other' baseUrl='https://b.example.com'",
	    { "public_url = \"https://b.example.com\"", MARK "redirectUri" UNUSABLE,
		"callback_path = \"/oidcServices/signinresponse\"" },
	    "" },
	{ JWKS "replyUrl='https://s.example.com/OIDCservices/SignInResponse'",
	    { "public_url = \"https://s.example.com\"", "callback_path = \"/OIDCservices/SignInResponse\"" },
	    "" },
	{ JWKS "replyUrl='https://s.example.com/x/other'",
	    { "public_url = \"https://s.example.com\"", "callback_path = \"/x/other\"", "route \"/\" {" },
	    "" },
	{ JWKS "replyUrl='https://s.example.com/x/other' baseUrl='https://s.example.com/x/'",
	    { "public_url = \"https://s.example.com/x\"", "callback_path = \"/other\"", "route \"/x\" {" },
	    "" },
	{ JWKS "replyUrl='https://s.example.com/xy/other' baseUrl='https://s.example.com/x/'",
	    { "public_url = \"https://s.example.com/x\"", MARK "replyUrl" UNUSABLE }, "" },
	{ JWKS "replyUrl='~/in' redirectUri='https://s.example.com/oidcServices/signinresponse'",
	    { "public_url = \"https://s.example.com\"", "# redirectUri",
		"callback_path = \"/oidcServices/signinresponse\"", "!is not a URL" },
	    "" },
	{ JWKS "replyUrl='https://s.example.com/'", { "public_url = \"\"", MARK "replyUrl" UNUSABLE }, "" },
	{ JWKS "replyUrl='https://s.example.com/a?b'", { "public_url = \"\"", MARK "replyUrl" UNUSABLE },
	    "" },
	{ JWKS "replyUrl='https://s.example.com/auth/login'", { MARK "replyUrl" UNUSABLE }, "" },
	{ JWKS "replyUrl='https://s.example.com/auth/callback'", { "callback_path = \"/auth/callback\"" },
	    "" },
	{ JWKS "replyUrl='https://s.example.com/a'",
	    { MARK "replyUrl is there more than once; this is the last one", "callback_path = \"/b\"" },
	    "<openIdConnect replyUrl='https://s.example.com/b'/>" },
	{ JWKS "replyUrl='http://s.example.com/a'", { HTTP, "public_url = \"http://s.example.com\"" }, "" },
	{ JWKS "requireSsl='true' replyUrl='http://s.example.com/a'", { HTTP }, "" },
	{ JWKS "scope='groups roles' resource='urn:api'",
	    { "additional_scopes = {\"groups\", \"roles\"}", "resource = \"urn:api\"" }, "" },
	{ JWKS, { "!audience = ", "# audienceUris: client_id, which ID tokens must be for anyway" },
	    "<audienceUris><add value='c'/></audienceUris>" },
	{ JWKS, { "audience = {\"https://s.example.com/\", \"urn:x\"}" },
	    "<audienceUris><add value='c'/><add "
	    "value='https://s.example.com/'/><uri>urn:x</uri></audienceUris>" },
	{ JWKS "newer='true' newKey='geheim' type='x' name='y'",
	    { MARK "newer = true has no counterpart that this program knows of",
		MARK "newKey has no counterpart that this program knows of", "!geheim", "!MARK type" },
	    "" },
	{ "discoveryUri='https://a.eu.auth0.com/'", { "kind = \"auth0\"", "# by its address" }, "" },
	{ "discoveryUri='https://accounts.google.com/" KNOWN "'", { "kind = \"google\"" }, "" },
	{ "discoveryUri='https://fs.example.com/adfs/" KNOWN "'", { "kind = \"adfs\"" }, "" },
	{ "discoveryUri='https://k.example.com/realms/x/" KNOWN "'", { "kind = \"keycloak\"" }, "" },
	{ "discoveryUri='https://a.oktapreview.com/" KNOWN "'", { "kind = \"okta\"" }, "" },
	{ "discoveryUri='https://login.windows.net/t/" KNOWN "'", { "kind = \"azure-v1\"" }, "" },
	{ "discoveryUri='https://sts.windows.net/t/" KNOWN "'", { "kind = \"azure-v1\"" }, "" },
	{ "discoveryUri='https://login.microsoftonline.us/t/v2.0/" KNOWN "'", { "kind = \"ms-identity-v2\"" },
	    "" },
	{ "discoveryUri='https://auth0.com/'", { "kind = \"oidc\"" }, "" },
	{ "discoveryUri='https://a.example.com/auth0.com'", { "kind = \"oidc\"" }, "" },
	{ "validIssuer='https://a.example.com/?x'", { "#issuer = \"https://login.example.com\"" }, "" },
	{ "discoveryKind='Store' clientSecret='&#x9b;'",
	    { MARK "clientSecret cannot be carried over: it is not text; put the secret into this file" },
	    "" },
	{ JWKS " audienceUris=' , c ,d'", { "audience = \"d\"" }, "" },
	{ JWKS "accessDeniedUrl='~denied'", { "#access_denied_url = \"/denied.aspx\"" }, "" },
	{ JWKS "ssoEnabled='true'", { "!prompt" }, "" },
	{ JWKS "validIssuer='https://o.example.com'",
	    { "!another originalIssuer", "issuer = \"https://o.example.com\"" },
	    "<IdentityClaims><add claimType='email' "
	    "originalIssuer='https://o.example.com'/></IdentityClaims>" },
	{ JWKS "clientSecret='s3cr3t'", { "client_secret = \"s3cr3t\"", "client_id = \"c\"" }, "" },
};

START_TEST(each_attribute_of_sequence_is_carried_over)
{
	const struct row_beside *row = &sequence[_i];

	import(cora(row->settings, row->beside), false);
	for (size_t i = 0; row->lines[i] != NULL; i++)
		expect(row->lines[i]);
	judge();
}
END_TEST

#define ANY MARK "the authorities that it must be chained to, as PEM; without them any will do"
static const struct row certificates[] = {
	{ "x509FindType='FindByThumbprint' findValue='&#x200e;8A 4C 00 11 22 33 44 55 66 77 88 99 AA BB CC "
	  "DD EE FF 00 11'",
	    { "find = \"thumbprint\"", "value = \"8A4C00112233445566778899AABBCCDDEEFF0011\"",
		"directory = \"/etc/workflow-proxy/store\"", "certificate \"signing-1\" {" } },
	{ "findValue='" THUMB "'", { "find = \"thumbprint\"", "value = \"" THUMB "\"" } },
	{ "findType='FindBySubjectName' findValue='signing'",
	    { "find = \"subject_name\"", "value = \"signing\"" } },
	{ "findType='FindBySubjectDistinguishedName' value='CN=a, O=b'",
	    { "find = \"subject_dn\"", "value = \"CN=a, O=b\"" } },
	{ "findType='FindByIssuerName' findValue='ca'", { "find = \"issuer_name\"" } },
	{ "findType='FindBySerialNumber' findValue='00 ff'",
	    { "find = \"serial_number\"", "value = \"00ff\"" } },
	{ "findType='SubjectKeyIdentifier' findValue='00ff'", { "find = \"subject_key_identifier\"" } },
	{ "findType='FindByTimeValid' findValue='x'",
	    { MARK "its X509FindType has no counterpart; find it by its thumbprint", "value = \"\"" } },
	{ "findType='FindByThumbprint' findValue='00'",
	    { MARK "what it is known by is not a thumbprint; write 40 hex digits", "value = \"\"" } },
	{ "findType='FindByThumbprint'", { MARK "what it is known by is not there", "value = \"\"" } },
	{ "findType='FindBySubjectName' findValue='a&#10;b'", { "value = \"\"" } },
	{ "findValue='" THUMB "' acceptIfChainIsInvalid='true'",
	    { "# acceptIfChainIsInvalid: any authority will do, but not one that has run out (require_valid)",
		"!ca = " } },
	{ "findValue='" THUMB "' acceptIfChainIsInvalid='false'",
	    { MARK "acceptIfChainIsInvalid: the authorities that it must be chained to, as PEM; without them "
		   "any will do",
		"#ca = \"/etc/workflow-proxy/ca.pem\"" } },
	{ "findValue='" THUMB "' validOnly='true'", { "#ca = \"/etc/workflow-proxy/ca.pem\"" } },
	{ "findValue='" THUMB "' validOnly='false'", { "!ca = " } },
	{ "findValue='" THUMB "'", { ANY, "#ca = \"/etc/workflow-proxy/ca.pem\"" } },
	{ "findValue='" THUMB "' allowUntrusted='true' validOnly='true'",
	    { MARK
		"validOnly: the authorities that it must be chained to, as PEM; without them any will do" } },
	{ "findValue='" THUMB "' disallowInvalidChain='true'", { "#ca = \"/etc/workflow-proxy/ca.pem\"" } },
	{ "findValue='" THUMB "' rejectUntrusted='true'", { "#ca = \"/etc/workflow-proxy/ca.pem\"" } },
	{ "findValue='" THUMB "' disableAcceptInvalid='true'", { "#ca = \"/etc/workflow-proxy/ca.pem\"" } },
	{ "findValue='" THUMB "' invalidChain='false'", { "#ca = \"/etc/workflow-proxy/ca.pem\"" } },
	{ "findValue='" THUMB "' ignoreChain='perhaps'", { "#ca = \"/etc/workflow-proxy/ca.pem\"" } },
	{ "findValue='" THUMB "' allowUntrusted='yes' storeName='My'", { "!ca = " } },
	{ "findValue='" THUMB "' validity='never'",
	    { MARK
		"validity: the authorities that it must be chained to, as PEM; without them any will do" } },
};

START_TEST(each_certificate_is_searched_for_by_what_it_is_known_by)
{
	const struct row *row = &certificates[_i];

	import(cora(STORE,
		   mem_printf(m, "<identityProviderCertificates><add %s/></identityProviderCertificates>",
		       row->settings)),
	    false);
	for (size_t i = 0; row->lines[i] != NULL; i++)
		expect(row->lines[i]);
	judge();
	import(
	    cora(JWKS, mem_printf(m, "<identityProviderCertificates><add %s/></identityProviderCertificates>",
			   row->settings)),
	    false);
	expect(MARK
	    "identityProviderCertificates are not looked at where keys are fetched; only \"store\" takes "
	    "no other keys");
	expect("!certificate \"");
}
END_TEST

/* Wherever they stand, and however they are written. */
static const char *const shapes[] = {
	"<x:configuration xmlns:x='urn:x'><x:a><x:b x:discoveryKind='Store' "
	"clientId='shape'/></x:a></x:configuration>",
	"<configuration><a><add key='discoveryKind' value='Store'/><add name='clientId' "
	"value='shape'/></a></configuration>",
	"<configuration><a><discoveryKind>\n "
	"Store\n</discoveryKind><clientId>shape</clientId></a></configuration>",
	"<configuration><a><discoveryKind value='Store'/><clientId value='shape'/></a></configuration>",
	"<configuration><openIDconnect><client clientId='shape'/><kind "
	"discoveryKind='Store'/></openIDconnect></configuration>",
	"<openIdConnect discoveryKind='Store' clientId='shape'/>",
	"<configuration><appSettings><add key='discoveryKind' value='Store'/><add key='clientId' "
	"value='shape'/>"
	"<add key='Language' value='EN'/></appSettings></configuration>",
	"<configuration><saml clientId='other' authority='https://o.example.com'/><x><add "
	"discoveryKind='Store' "
	"clientId='shape'/></x><forms loginUrl='/in'/></configuration>",
};

START_TEST(settings_of_sequence_are_found_wherever_they_stand)
{
	import(shapes[_i], false);
	expect("discovery = \"store\"");
	expect("client_id = \"shape\"");
	expect("!counterpart");
	expect("!other");
	expect("!auth_path = ");
	judge();
}
END_TEST

/* --- neither ---------------------------------------------------------------------- */

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
	Suite *s = suite_create("proxy/import");
	TCase *t = tcase_create("import");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, each_setting_of_workflowgen_is_carried_over, 0, COUNT(wfgen));
	tcase_add_test(t, the_open_routes_of_workflowgen_are_written_out);
	tcase_add_test(t, clear_and_remove_take_settings_back_and_names_have_no_case);
	tcase_add_test(t, secrets_are_not_shown_on_a_terminal);
	tcase_add_loop_test(t, each_attribute_of_sequence_is_carried_over, 0, COUNT(sequence));
	tcase_add_loop_test(
	    t, each_certificate_is_searched_for_by_what_it_is_known_by, 0, COUNT(certificates));
	tcase_add_loop_test(t, settings_of_sequence_are_found_wherever_they_stand, 0, COUNT(shapes));
	tcase_add_loop_test(t, a_file_that_says_nothing_is_refused_with_a_reason, 0, COUNT(none));
	tcase_add_test(t, what_is_not_read_is_to_be_done);
	tcase_add_test(t, a_warning_names_the_setting_that_it_is_about);
	tcase_add_test(t, a_value_of_any_length_is_written_or_left_out);
	tcase_add_test(t, a_list_ends_somewhere);
	tcase_add_test(t, a_path_of_any_length_is_written_or_left_out);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
