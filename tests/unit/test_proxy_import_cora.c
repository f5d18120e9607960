/* What becomes of each setting of Cora SeQuence, wherever it stands. */
#include "tests/unit/imported.h"

#define CLAIMS  "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
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

int
main(void)
{
	TCase *t = tcase_create("SeQuence");

	tcase_add_loop_test(t, each_attribute_of_sequence_is_carried_over, 0, COUNT(sequence));
	tcase_add_loop_test(
	    t, each_certificate_is_searched_for_by_what_it_is_known_by, 0, COUNT(certificates));
	tcase_add_loop_test(t, settings_of_sequence_are_found_wherever_they_stand, 0, COUNT(shapes));
	return run_imports(t);
}
