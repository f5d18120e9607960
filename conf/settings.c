/* conf/settings.c - see conf/settings.h */
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/near.h"
#include "conf/notes.h"
#include "conf/settings.h"

#define SECOND          INT64_C(1000)
#define MINUTE          (60 * SECOND)
#define HOUR            (60 * MINUTE)
#define DAY             (24 * HOUR)
#define KIB             INT64_C(1024)
#define AT(type, field) .at = offsetof(struct type, field) + 1
#define ALGORITHMS      "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512"
#define KINDS           "oidc ms-identity-v2 azure-v1 adfs okta auth0 keycloak google sap-xsuaa"
#define METHODS         "client_secret_basic client_secret_post none"
#define DOCUMENT        .otherwise = "from the document"

const struct settings_section settings_sections[SECTION_COUNT] = {
	[SECTION_TOP] = { "", SECTION_TOP, NULL, "", false, "What holds for the whole proxy." },
	[SECTION_LISTEN] = { "listen", SECTION_TOP, "ADDRESS:PORT", "127.0.0.1:8080", false,
	    "Where browsers come in; several may stand. An address is an IPv4 or [IPv6] address or * for "
	    "all, "
	    "or unix:/path." },
	[SECTION_ADMIN] = { "admin", SECTION_TOP, "ADDRESS:PORT", "127.0.0.1:9090", false,
	    "Where health, readiness and metrics are answered, and nothing else is." },
	[SECTION_LOG] = { "log", SECTION_TOP, NULL, "", false, "What is written, and where to." },
	[SECTION_LIMITS] = { "limits", SECTION_TOP, NULL, "", false,
	    "What one client may ask of the proxy." },
	[SECTION_PROVIDER] = { "provider", SECTION_TOP, "NAME", "main", false, "Who signs users in." },
	[SECTION_CERTIFICATE] = { "certificate", SECTION_PROVIDER, "NAME", NULL, true,
	    "A certificate whose key the provider signs with, for discovery = \"store\"; inside a "
	    "provider." },
	[SECTION_SESSION] = { "session", SECTION_TOP, NULL, "", false, "How a browser stays signed in." },
	[SECTION_CLIENT] = { "client", SECTION_TOP, "NAME", NULL, false,
	    "A program that calls bearer routes with a token of its own, without a user." },
	[SECTION_UPSTREAM] = { "upstream", SECTION_TOP, "NAME", "app", false,
	    "The servers behind the proxy." },
	[SECTION_ROUTE] = { "route", SECTION_TOP, "[HOST]/PATH/PREFIX", "/", false,
	    "What happens to a request. The title is the path as browsers see it, with or without a host in "
	    "front; "
	    "the longest title that fits whole segments of the path wins." },
	[SECTION_OUTBOUND] = { "outbound", SECTION_TOP, "NAME", NULL, true,
	    "A token that the proxy obtains for an upstream." },
};

/* clang-format off */
#define S SECTION_TOP
#define ROW(section_, name_, type_) .section = section_, .name = name_, .type = SETTING_##type_
const struct setting settings[] = {
	{ ROW(S, "public_url", LIST), .required = true, .active = true, .example = "https://flow.example.com",
	    .help = "How browsers reach the proxy; a list where it has several hosts. With https, "
	    "cookies are Secure." },
	{ ROW(S, "auth_path", PATH), .fallback = "/auth", AT(conf, auth_path),
	    .help = "Where the proxy's own endpoints live, below public_url's path." },
	{ ROW(S, "callback_path", PATH), .otherwise = "auth_path and /callback", .example = "/auth/callback",
	    .help = "Where the provider sends browsers back to, below public_url's path; a "
	    "redirect URI that is "
	    "registered already can be kept." },
	{ ROW(S, "workers", NUMBER), .otherwise = "the CPUs this process may use",
	    .example = "2", .min = 1, .max = 1024,
	    .help = "Event-loop threads." },
	{ ROW(S, "user", TEXT), .otherwise = "stay who started it", .example = "www-data", AT(conf, user),
	    .help = "The user to become once the ports are bound." },
	{ ROW(S, "trusted_proxies", LIST), .otherwise = "none", .example = "127.0.0.1/32 10.0.0.0/8",
	    .help = "Networks (or unix:) whose X-Forwarded-For, X-Forwarded-Proto and Forwarded "
	    "are believed." },
	{ ROW(S, "shutdown_timeout", DURATION), .fallback = "30s", .max = HOUR, AT(conf, shutdown_timeout),
	    .help = "How long a stop waits for requests that are under way." },
	{ ROW(S, "pages", TEXT), .otherwise = "built in", .example = "/etc/workflow-proxy/pages",
	    .later = "*",
	    .help = "Directory of HTML templates that replace the built-in pages." },

#undef S
#define S SECTION_LISTEN
	{ ROW(S, "tls_certificate", FILES), .otherwise = "plain HTTP",
	    .example = "/etc/workflow-proxy/tls.crt",
	    AT(conf_listen, tls_certificate),
	    .help = "PEM files, each with a certificate and its chain; chosen by the name the "
	    "browser asks for." },
	{ ROW(S, "tls_certificate_key", FILES), .otherwise = "plain HTTP",
	    .example = "/etc/workflow-proxy/tls.key",
	    AT(conf_listen, tls_certificate_key),
	    .help = "PEM files with the keys, in the order of tls_certificate." },
	{ ROW(S, "tls_min_version", WORD), .fallback = "1.2", .words = "1.2 1.3",
	    .help = "The oldest TLS that is spoken." },
	{ ROW(S, "http2", BOOL), .otherwise = "yes with TLS", .example = "no", .later = "yes",
	    .help = "Speak HTTP/2 with browsers that ask for it." },
	{ ROW(S, "proxy_protocol", BOOL), .fallback = "no", .later = "yes",
	    .help = "Read the client's address from a PROXY header, from trusted_proxies only." },
	{ ROW(S, "https_redirect", BOOL), .fallback = "no", AT(conf_listen, https_redirect),
	    .help = "Answer every request with a redirect to public_url." },
	{ ROW(S, "hsts", TEXT), .fallback = "no",
	    .help = "Tell browsers to come by https only, for this long (Strict-Transport-Security)." },

#undef S
#define S SECTION_ADMIN
	{ ROW(S, "token", SECRET), .example = "...", .later = "*", .secret = true,
	    .help = "What a caller of /sessions/revoke must present, unless the address is "
	    "loopback or unix." },
	{ ROW(S, "token_file", SECRET_FILE), .example = "/etc/workflow-proxy/admin.token", .later = "*",
	    .help = "A file with that token." },
	{ ROW(S, "allow", LIST), .otherwise = "anyone who reaches the address",
	    .example = "127.0.0.1/32 10.0.0.0/8",
	    .help = "Networks that are answered." },
	{ ROW(S, "tls_certificate", FILES), .otherwise = "plain HTTP",
	    .example = "/etc/workflow-proxy/tls.crt",
	    AT(conf_listen, tls_certificate), .help = "As in listen." },
	{ ROW(S, "tls_certificate_key", FILES), .otherwise = "plain HTTP",
	    .example = "/etc/workflow-proxy/tls.key",
	    AT(conf_listen, tls_certificate_key), .help = "As in listen." },

#undef S
#define S SECTION_LOG
	{ ROW(S, "level", WORD), .fallback = "info", .words = "error warn info debug", AT(log_setup, level),
	    .help = "The least important lines that are written." },
	{ ROW(S, "format", WORD), .fallback = "logfmt", .words = "logfmt json", AT(log_setup, format),
	    .help = "How a line looks." },
	{ ROW(S, "access", TEXT), .fallback = "-", AT(log_setup, access),
	    .help = "One line for each request: - for standard output, a file, or off." },
	{ ROW(S, "file", TEXT), .fallback = "-", AT(log_setup, file),
	    .help = "Everything else: - for standard error, or a file." },

#undef S
#define S SECTION_LIMITS
	{ ROW(S, "max_connections", NUMBER), .fallback = "20000", .min = 1, .max = 1000000,
	    AT(conf_limits, max_connections), .help = "Connections of clients at one time." },
	{ ROW(S, "header_size", SIZE), .fallback = "32k", .min = KIB, .max = KIB * KIB,
	    AT(conf_limits, header_size),
	    .help = "The head of a request; 431 beyond." },
	{ ROW(S, "body_size", SIZE), .fallback = "1g", .min = 1, .max = INT64_C(1) << 50,
	    AT(conf_limits, body_size),
	    .help = "The body of a request; 413 beyond. Bodies stream, they are never held whole." },
	{ ROW(S, "header_timeout", DURATION), .fallback = "10s", .min = 1, .max = HOUR,
	    AT(conf_limits, header_timeout),
	    .help = "For the whole head of a request; 408 beyond." },
	{ ROW(S, "idle_timeout", DURATION), .fallback = "75s", .min = 1, .max = DAY,
	    AT(conf_limits, idle_timeout),
	    .help = "Between two requests of a connection." },
	{ ROW(S, "body_timeout", DURATION), .fallback = "60s", .min = 1, .max = DAY,
	    AT(conf_limits, body_timeout),
	    .help = "Between two pieces of a body." },
	{ ROW(S, "stream_timeout", DURATION), .fallback = "1h", .min = 1, .max = 7 * DAY,
	    AT(conf_limits, stream_timeout),
	    .help = "Silence on an upgraded connection or an event stream." },
	{ ROW(S, "logins_per_minute", NUMBER), .fallback = "600", .min = 1, .max = 1000000,
	    AT(conf_limits, logins_per_minute),
	    .help = "Sign-ins that one client address may end (IPv6 by /64); 429 beyond." },

#undef S
#define S SECTION_PROVIDER
	{ ROW(S, "kind", TEXT), .fallback = "oidc", .words = KINDS, AT(conf_provider, kind),
	    .help = "Presets for claims and particulars; a key that is set by hand wins." },
	{ ROW(S, "discovery", TEXT), .fallback = "document", .words = "document jwks federation store",
	    .later = "jwks federation store", .help = "How keys and endpoints are found." },
	{ ROW(S, "discovery_url", URL),
	    .otherwise = "issuer and /.well-known/openid-configuration", .active = true,
	    .example = "https://login.example.com/.well-known/openid-configuration",
	    AT(conf_provider, discovery_url),
	    .help = "The provider's discovery document." },
	{ ROW(S, "issuer", URL), DOCUMENT, .example = "https://login.example.com", AT(conf_provider, issuer),
	    .help = "The exact issuer; the document must say the same." },
	{ ROW(S, "tenants", LIST), .example = "2c9c1b1e-0000-4000-8000-5f7d3b8e1a11", .later = "*",
	    .help = "Tenant ids that are accepted from an issuer for many tenants." },
	{ ROW(S, "access_token_issuer", LIST), .otherwise = "from the document, else issuer",
	    .example = "https://login.example.com", AT(conf_provider, access_token_issuer),
	    .help = "Issuers of access tokens; ms-identity-v2 accepts both of its tenant." },
	{ ROW(S, "authorization_endpoint", URL), DOCUMENT, .example = "https://login.example.com/authorize",
	    AT(conf_provider, authorization_endpoint),
	    .help = "Where browsers sign in; wins over the document." },
	{ ROW(S, "token_endpoint", URL), DOCUMENT, .example = "https://login.example.com/token",
	    AT(conf_provider, token_endpoint), .help = "Where codes become tokens; wins over the document." },
	{ ROW(S, "jwks_uri", URL), DOCUMENT, .example = "https://login.example.com/keys",
	    AT(conf_provider, jwks_uri),
	    .help = "Where the provider's keys are; wins over the document." },
	{ ROW(S, "userinfo_endpoint", URL), DOCUMENT, .example = "https://login.example.com/userinfo",
	    AT(conf_provider, userinfo_endpoint),
	    .help = "Where further claims are; wins over the document." },
	{ ROW(S, "end_session_endpoint", URL), DOCUMENT, .example = "https://login.example.com/logout",
	    AT(conf_provider, end_session_endpoint),
	    .help = "Where browsers sign out; wins over the document." },
	{ ROW(S, "introspection_endpoint", URL), DOCUMENT, .example = "https://login.example.com/introspect",
	    .later = "*",
	    .help = "Where opaque tokens are asked about; wins over the document." },
	{ ROW(S, "revocation_endpoint", URL), DOCUMENT, .example = "https://login.example.com/revoke",
	    .later = "*",
	    .help = "Where refresh tokens are given back; wins over the document." },
	{ ROW(S, "check_session_iframe", URL), DOCUMENT, .example = "https://login.example.com/checksession",
	    .later = "*",
	    .help = "The provider's page for watching its session; wins over the document." },
	{ ROW(S, "callback_path", PATH), .otherwise = "the callback_path of the top level",
	    .example = "/auth/callback",
	    AT(conf_provider, callback_path), .help = "Where this provider sends browsers back to." },
	{ ROW(S, "client_id", TEXT), .required = true, .active = true, .example = "workflow-proxy",
	    AT(conf_provider, client_id),
	    .help = "The name under which the proxy is registered at the provider." },
	{ ROW(S, "client_secret", SECRET), .example = "...", .secret = true,
	    .help = "The secret that belongs to client_id." },
	{ ROW(S, "client_secret_file", SECRET_FILE),
	    .example = "/etc/workflow-proxy/client.secret", .active = true,
	    .help = "A file with that secret." },
	{ ROW(S, "token_endpoint_auth_method", WORD), .fallback = "client_secret_basic",
	    .words = METHODS " client_secret_jwt private_key_jwt",
	    AT(conf_provider, token_endpoint_auth_method), .help = "How the proxy proves who it is." },
	{ ROW(S, "client_certificate", FILE), .example = "/etc/workflow-proxy/client.crt",
	    .help = "PEM, for private_key_jwt: what the provider knows the key by (x5t, x5t#S256)." },
	{ ROW(S, "client_private_key", FILE), .example = "/etc/workflow-proxy/client.key",
	    .help = "PEM, for private_key_jwt: the key that signs, RSA or EC." },
	{ ROW(S, "client_key_id", TEXT), .otherwise = "none is sent", .example = "2026-01",
	    AT(conf_provider, client_key_id),
	    .help = "The kid under which the provider knows client_private_key, where it knows several." },
	{ ROW(S, "client_assertion_audience", TEXT), .otherwise = "by kind, else token_endpoint",
	    .example = "issuer", .words = "token_endpoint issuer",
	    AT(conf_provider, client_assertion_audience),
	    .help = "Whom a client_secret_jwt or private_key_jwt is made out to." },
	{ ROW(S, "scopes", LIST), .fallback = "openid profile email", AT(conf_provider, scopes),
	    .help = "What is asked of the provider; openid is always among them." },
	{ ROW(S, "additional_scopes", LIST), .otherwise = "none", .example = "groups offline_access",
	    .help = "Added to scopes; a list, or one text with commas." },
	{ ROW(S, "resource", TEXT), .example = "https://flow.example.com/graphql",
	    AT(conf_provider, resource),
	    .help = "The resource that tokens are for (Azure v1, AD FS)." },
	{ ROW(S, "authorization_parameters", LIST), .otherwise = "none", .example = "domain_hint=example.com",
	    AT(conf_provider, authorization_parameters),
	    .help = "More parameters for the sign-in request, \"name=value\"; never one of the "
	    "protocol's own." },
	{ ROW(S, "authorization_request_method", WORD), .fallback = "GET", .words = "GET POST",
	    .help = "How browsers are sent to the provider: by a redirect, or by a form that sends itself." },
	{ ROW(S, "response_mode", WORD), .fallback = "query", .words = "query form_post",
	    .help = "How the provider sends its answer; form_post needs https." },
	{ ROW(S, "prompt", TEXT), .otherwise = "the provider decides", .example = "select_account",
	    AT(conf_provider, prompt),
	    .help = "What the provider shows; login asks for the password each time." },
	{ ROW(S, "max_age", DURATION), .otherwise = "any", .example = "12h", .max = 366 * DAY,
	    .help = "How old a sign-in at the provider may be; the ID token must say so (auth_time)." },
	{ ROW(S, "acr_values", LIST), .otherwise = "any", .example = "urn:example:mfa",
	    AT(conf_provider, acr_values),
	    .help = "How strong a sign-in must be, best first; the ID token must name one of them (acr)." },
	{ ROW(S, "login_hint_parameter", TEXT), .otherwise = "none", .example = "login_hint",
	    AT(conf_provider, login_hint_parameter),
	    .help = "The parameter of login that is passed on as login_hint." },
	{ ROW(S, "pkce", WORD), .fallback = "S256", .words = "S256 off",
	    .help = "Bind the code to this browser (RFC 7636); off only for a provider that rejects it." },
	{ ROW(S, "id_token_signed_response_alg", LIST), .fallback = "RS256", .words = ALGORITHMS,
	    AT(conf_provider, id_token_signed_response_alg),
	    .help = "Algorithms that an ID token may be signed with." },
	{ ROW(S, "access_token_signed_alg", LIST), .otherwise = "the same list",
	    .example = "RS256", .words = ALGORITHMS, AT(conf_provider, access_token_signed_alg),
	    .help = "Algorithms that an access token may be signed with." },
	{ ROW(S, "username_claim", LIST), .otherwise = "by kind, else preferred_username",
	    .example = "preferred_username",
	    AT(conf_provider, username_claim),
	    .help = "The claim that names the user; of a list, the first that is present." },
	{ ROW(S, "access_token_username_claim", LIST), .otherwise = "by kind",
	    .example = "preferred_username", AT(conf_provider, access_token_username_claim),
	    .help = "The same for access tokens." },
	{ ROW(S, "app_id_claim", LIST), .otherwise = "by kind", .example = "azp client_id",
	    AT(conf_provider, app_id_claim),
	    .help = "The claim of an access token that names the application." },
	{ ROW(S, "scope_claim", LIST), .otherwise = "by kind", .example = "scope scp",
	    AT(conf_provider, scope_claim),
	    .help = "The claim of an access token that holds its scopes." },
	{ ROW(S, "roles_claim", LIST), .otherwise = "by kind", .example = "roles",
	    AT(conf_provider, roles_claim),
	    .help = "The claim of an access token that holds its roles." },
	{ ROW(S, "app_only", LIST), .otherwise = "by kind", .example = "idtyp=app",
	    .help = "What proves that a token has no user, \"claim=value\"; of a list any one." },
	{ ROW(S, "audience", LIST), .otherwise = "none", .example = "https://flow.example.com/graphql",
	    AT(conf_provider, audience),
	    .help = "What access tokens must be for, byte for byte; of a list any one. Bearer routes need "
	    "it." },
	{ ROW(S, "decode_access_token", WORD), .fallback = "auto", .words = "auto no yes",
	    .help = "Whether access tokens are read and checked; opaque ones are only passed on. auto: yes "
	    "with an audience." },
	{ ROW(S, "userinfo", BOOL), .fallback = "no", AT(conf_provider, userinfo),
	    .help = "Fetch the claims of the userinfo endpoint, too." },
	{ ROW(S, "clock_tolerance", DURATION), .fallback = "60s", .max = HOUR,
	    AT(conf_provider, clock_tolerance),
	    .help = "Difference of clocks that is forgiven." },
	{ ROW(S, "metadata_refresh", DURATION), .fallback = "1h", .min = SECOND, .max = DAY,
	    AT(conf_provider, metadata_refresh), .help = "How often document and keys are fetched again." },
	{ ROW(S, "tls_ca", FILE), .otherwise = "the system's", .example = "/etc/workflow-proxy/ca.pem",
	    AT(conf_provider, tls_ca),
	    .help = "PEM file of the authorities that may vouch for the provider." },
	{ ROW(S, "proxy", TEXT), .otherwise = "HTTPS_PROXY and NO_PROXY",
	    .example = "http://proxy.example.com:3128",
	    .secret = true, AT(conf_provider, proxy),
	    .help = "The proxy through which the provider is reached." },
	{ ROW(S, "timeout", DURATION), .fallback = "10s", .min = 1, .max = 5 * MINUTE,
	    AT(conf_provider, timeout),
	    .help = "For one request to the provider." },
	{ ROW(S, "client_secret_expires", TEXT), .example = "2030-12-31",
	    .help = "A date, which is warned about 30 days ahead." },

#undef S
#define S SECTION_CERTIFICATE
	{ ROW(S, "find", WORD),
	    .words = "thumbprint thumbprint_sha256 subject_name subject_dn issuer_name serial_number "
	    "subject_key_identifier file", .example = "thumbprint_sha256", .later = "*",
	    .help = "What it is known by." },
	{ ROW(S, "value", TEXT), .example = "...", .later = "*", .help = "What that must be." },
	{ ROW(S, "directory", TEXT), .example = "/etc/workflow-proxy/store", .later = "*",
	    .help = "Where to look." },
	{ ROW(S, "file", FILE), .example = "/etc/workflow-proxy/signing.pem", .later = "*",
	    .help = "The certificate itself." },
	{ ROW(S, "require_valid", BOOL), .fallback = "yes", .later = "*", .help = "Only inside its dates." },
	{ ROW(S, "ca", FILE), .otherwise = "any", .example = "/etc/workflow-proxy/ca.pem", .later = "*",
	    .help = "Authorities that it must be chained to." },

#undef S
#define S SECTION_SESSION
	{ ROW(S, "secret", SECRETS), .example = "...", .secret = true,
	    .help = "At least 32 bytes, as `workflow-proxy secret` prints them. Of a list the "
	    "first signs, all verify." },
	{ ROW(S, "secret_file", SECRET_FILE), .example = "/etc/workflow-proxy/session.secret", .active = true,
	    .help = "A file with that secret; several one per line." },
	{ ROW(S, "sealing_secret", SECRET), .otherwise = "derived from secret",
	    .example = "...", .secret = true,
	    .help = "Root of everything sealed besides the session token; set it when backends "
	    "know `secret`." },
	{ ROW(S, "sealing_secret_file", SECRET_FILE), .example = "/etc/workflow-proxy/sealing.secret",
	    .help = "A file with that secret." },
	{ ROW(S, "cookie", TEXT), .fallback = "workflow_session", AT(conf_session, cookie),
	    .help = "Its name." },
	{ ROW(S, "cookie_prefix", WORD), .fallback = "__Host-", .words = "__Host- none",
	    .help = "Put __Host- in front of names where browsers allow it." },
	{ ROW(S, "same_site", WORD), .fallback = "Lax", .words = "Lax Strict None", .any_case = true,
	    AT(conf_session, same_site), .help = "Whether other sites' requests carry the cookie." },
	{ ROW(S, "domain", TEXT), .otherwise = "the host only", .example = "example.com",
	    AT(conf_session, domain),
	    .help = "Domain whose hosts all get the cookie." },
	{ ROW(S, "path", PATH), .otherwise = "public_url's path", .example = "/", AT(conf_session, path),
	    .help = "Path of the cookie." },
	{ ROW(S, "timeout", DURATION), .otherwise = "ends with the token",
	    .example = "8h", .min = SECOND, .max = 366 * DAY,
	    AT(conf_session, timeout), .help = "Life of a session from the sign-in, never extended." },
	{ ROW(S, "idle_timeout", DURATION), .otherwise = "none", .example = "30m", .later = "*",
	    .help = "End a session that was not used for this long." },
	{ ROW(S, "mobile_timeout", DURATION), .fallback = "2h", .later = "*",
	    .help = "Life of a session of a mobile app." },
	{ ROW(S, "mobile_clients", LIST), .otherwise = "none", .example = "mobile-app", .later = "*",
	    .help = "Applications that may trade an access token for a session." },
	{ ROW(S, "encrypt", BOOL), .fallback = "no", .later = "yes",
	    .help = "Encrypt the cookie instead of signing it." },
	{ ROW(S, "store", TEXT), .fallback = "cookie", .words = "cookie memory redis",
	    .later = "memory redis",
	    .help = "Where tokens are kept." },
	{ ROW(S, "redis", SECRET), .example = "redis://127.0.0.1:6379/0", .later = "*", .secret = true,
	    .help = "The Redis that instances share." },
	{ ROW(S, "redis_file", SECRET_FILE), .example = "/etc/workflow-proxy/redis.url", .later = "*",
	    .help = "A file with that URL." },
	{ ROW(S, "redis_prefix", TEXT), .example = "workflow-proxy:", .later = "*",
	    .help = "In front of every Redis key." },
	{ ROW(S, "redis_tls_ca", FILE), .otherwise = "the system's", .example = "/etc/workflow-proxy/ca.pem",
	    .later = "*",
	    .help = "PEM file of the authorities that may vouch for Redis." },
	{ ROW(S, "revocation_stale", DURATION), .fallback = "5m", .later = "*",
	    .help = "How old the last view of shared revocations may be." },
	{ ROW(S, "refresh", BOOL), .otherwise = "yes", .example = "no", .later = "yes",
	    .help = "Use refresh tokens ahead of expiry." },
	{ ROW(S, "iframe_refresh", BOOL), .fallback = "no", .later = "yes",
	    .help = "Renew through a hidden iframe." },
	{ ROW(S, "revocations", TEXT), .otherwise = "in memory",
	    .example = "/var/lib/workflow-proxy/revocations",
	    .later = "*", .help = "A file that keeps revocations over a restart." },
	{ ROW(S, "preserve_post", BOOL), .otherwise = "yes", .example = "no", .later = "yes",
	    .help = "Keep a form that was posted with a session that has run out, and send it "
	    "after the sign-in." },
	{ ROW(S, "preserve_post_size", SIZE), .fallback = "1m", .later = "*",
	    .help = "The largest form that is kept." },
	{ ROW(S, "preserve_post_time", DURATION), .fallback = "10m", .later = "*",
	    .help = "How long it is kept." },
	{ ROW(S, "pass_cookie", BOOL), .fallback = "no", AT(conf_session, pass_cookie),
	    .help = "Hand the session cookie to the upstream." },
	{ ROW(S, "origin_check", BOOL), .fallback = "yes", AT(conf_session, origin_check),
	    .help = "Refuse unsafe requests that another site makes with the user's cookie." },

#undef S
#define S SECTION_CLIENT
	{ ROW(S, "provider", TEXT), .otherwise = "the first", .example = "main",
	    .help = "Who issues its tokens." },
	{ ROW(S, "client_id", TEXT), .required = true, .example = "batch-job", AT(conf_client, client_id),
	    .help = "Its application id, as app_id_claim has it." },
	{ ROW(S, "username", TEXT), .required = true, .example = "batch", AT(conf_client, username),
	    .help = "The user it acts as." },
	{ ROW(S, "active", BOOL), .fallback = "yes", AT(conf_client, active),
	    .help = "Whether it is let in." },
	{ ROW(S, "scopes", LIST), .otherwise = "none", .example = "workflow.read", AT(conf_client, scopes),
	    .help = "Scopes that its tokens must have, all of them." },
	{ ROW(S, "app_roles", LIST), .otherwise = "none", .example = "Workflow.Run",
	    AT(conf_client, app_roles),
	    .help = "Roles of which its tokens must have one." },

#undef S
#define S SECTION_UPSTREAM
	{ ROW(S, "servers", LIST), .required = true, .active = true, .example = "http://127.0.0.1:3000",
	    .help = "URLs: http://, https:// or unix:/path." },
	{ ROW(S, "balance", WORD), .fallback = "round_robin", .words = "round_robin least_conn",
	    AT(conf_upstream, balance),
	    .help = "How a server is chosen." },
	{ ROW(S, "keepalive", NUMBER), .fallback = "64", .max = 100000, AT(conf_upstream, keepalive),
	    .help = "Idle connections that a worker keeps open." },
	{ ROW(S, "connect_timeout", DURATION), .fallback = "5s", .min = 1, .max = 5 * MINUTE,
	    AT(conf_upstream, connect_timeout), .help = "For a new connection." },
	{ ROW(S, "response_timeout", DURATION), .fallback = "60s", .min = 1, .max = DAY,
	    AT(conf_upstream, response_timeout),
	    .help = "Until the head of the answer, then between two pieces of its body." },
	{ ROW(S, "health_check", TEXT), .otherwise = "a connection is enough", .example = "/healthz",
	    AT(conf_upstream, health_check),
	    .help = "A path that servers are asked for, to see whether they are well." },
	{ ROW(S, "health_interval", DURATION), .fallback = "5s", .min = 100, .max = HOUR,
	    AT(conf_upstream, health_interval),
	    .help = "How often servers are looked after." },
	{ ROW(S, "tls_ca", FILE), .otherwise = "the system's", .example = "/etc/workflow-proxy/ca.pem",
	    AT(conf_upstream, tls_ca),
	    .help = "PEM file of the authorities that may vouch for the servers." },
	{ ROW(S, "tls_verify", BOOL), .fallback = "yes", AT(conf_upstream, tls_verify),
	    .help = "Whether the servers' certificates are checked." },
	{ ROW(S, "tls_certificate", FILE), .otherwise = "none", .example = "/etc/workflow-proxy/tls.crt",
	    AT(conf_upstream, tls_certificate),
	    .help = "PEM file of the certificate that is shown to the servers." },
	{ ROW(S, "tls_certificate_key", FILE), .otherwise = "none", .example = "/etc/workflow-proxy/tls.key",
	    AT(conf_upstream, tls_certificate_key), .help = "PEM file of its key." },
	{ ROW(S, "preserve_host", BOOL), .fallback = "yes", AT(conf_upstream, preserve_host),
	    .help = "Send the browser's Host instead of the server's own." },

#undef S
#define S SECTION_ROUTE
	{ ROW(S, "upstream", TEXT), .required = true, .active = true, .example = "app",
	    .help = "The name of an upstream section, or a URL." },
	{ ROW(S, "auth", WORD), .fallback = "session", .words = "none session bearer any",
	    AT(conf_route, auth),
	    .help = "What a request must bring: nothing, a session, an access token, or either of the two." },
	{ ROW(S, "provider", LIST), .otherwise = "the first", .example = "main",
	    .help = "Who may have signed the user in." },
	{ ROW(S, "scopes", LIST), .otherwise = "any", .example = "workflow.read", AT(conf_route, scopes),
	    .help = "Scopes that a user's access token must have, all of them." },
	{ ROW(S, "app_roles", LIST), .otherwise = "the client's own", .example = "Workflow.Run",
	    AT(conf_route, app_roles),
	    .help = "Roles of which a program's access token must have one." },
	{ ROW(S, "claims", LIST), .otherwise = "none", .example = "groups~staff",
	    .help = "Rules that must all hold: \"claim=value\", or \"claim~value\" (contained in "
	    "an array). A claim's name "
	    "that has = or ~ in it stands in single quotes." },
	{ ROW(S, "unauthenticated", WORD), .fallback = "auto", .words = "auto redirect 401",
	    AT(conf_route, unauthenticated),
	    .help = "What a request without a session gets; auto redirects browsers that load a page." },
	{ ROW(S, "username_header", TEXT), .fallback = "X-Forwarded-User", AT(conf_route, username_header),
	    .help = "The header in which the upstream gets the username." },
	{ ROW(S, "username_match", TEXT), .otherwise = "the whole name", .example = "^([^@]+)@example[.]com$",
	    AT(conf_route, username_match),
	    .help = "POSIX extended regular expression; a name that does not match is refused." },
	{ ROW(S, "username_replace", TEXT), .otherwise = "\\0, what matched", .example = "\\0",
	    AT(conf_route, username_replace),
	    .help = "What becomes of the name; \\1 is the first group of username_match." },
	{ ROW(S, "username_prefix", TEXT), .otherwise = "none", .example = "CORP\\",
	    AT(conf_route, username_prefix),
	    .help = "Put in front of the name." },
	{ ROW(S, "claim_headers", LIST), .otherwise = "none", .example = "X-Forwarded-Email=email",
	    .help = "Claims for the upstream, \"Header-Name=claim\"." },
	{ ROW(S, "set_headers", SECRETS), .otherwise = "none", .example = "X-Backend-Key=...", .secret = true,
	    .help = "Fixed headers for the upstream, \"Name=value\"." },
	{ ROW(S, "set_headers_file", SECRET_FILE), .example = "/etc/workflow-proxy/backend.headers",
	    .help = "A file with such headers, one per line." },
	{ ROW(S, "access_token_header", TEXT), .otherwise = "none", .example = "X-Forwarded-Access-Token",
	    .later = "*",
	    .help = "The header in which the upstream gets the access token." },
	{ ROW(S, "id_token_header", TEXT), .otherwise = "none", .example = "X-Forwarded-Id-Token",
	    .later = "*",
	    .help = "The header in which the upstream gets the ID token." },
	{ ROW(S, "pass_authorization", BOOL), .fallback = "no", AT(conf_route, pass_authorization),
	    .help = "Pass an Authorization header on even where the proxy acted on it." },
	{ ROW(S, "cors_origins", LIST), .otherwise = "none", .example = "https://app.example.com",
	    .help = "Origins whose pages may call with an access token (CORS); never with cookies." },
	{ ROW(S, "strip_prefix", BOOL), .fallback = "no", AT(conf_route, strip_prefix),
	    .help = "Take the title's path off before the request is passed on." },
	{ ROW(S, "access_denied_url", TEXT), .otherwise = "a built-in page", .example = "/denied.html",
	    AT(conf_route, access_denied_url),
	    .help = "Where users are sent that the claims do not let in." },
	{ ROW(S, "upstream_token", TEXT), .otherwise = "none", .example = "graph", .later = "*",
	    .help = "The outbound section whose token the upstream gets." },
	{ ROW(S, "path_case", WORD), .fallback = "strict", .words = "strict sensitive insensitive",
	    AT(conf_route, path_case),
	    .help = "A path that fits the title only when case is ignored: refused, another path, "
	    "or the same." },
	{ ROW(S, "windows_paths", BOOL), .fallback = "no", AT(conf_route, windows_paths),
	    .help = "Refuse paths that Windows reads as other ones." },

#undef S
#define S SECTION_OUTBOUND
	{ ROW(S, "grant", WORD), .words = "client_credentials refresh_token", .example = "client_credentials",
	    .later = "*",
	    .help = "Whose token it is: the proxy's, or the user's own." },
	{ ROW(S, "provider", TEXT), .example = "main", .later = "*",
	    .help = "Whose token endpoint and client are used." },
	{ ROW(S, "token_endpoint", URL), .example = "https://login.example.com/token", .later = "*",
	    .help = "Where it is had, without a provider." },
	{ ROW(S, "client_id", TEXT), .example = "workflow-proxy", .later = "*",
	    .help = "The client, without a provider." },
	{ ROW(S, "client_secret", SECRET), .example = "...", .later = "*", .secret = true,
	    .help = "Its secret." },
	{ ROW(S, "client_secret_file", SECRET_FILE), .example = "/etc/workflow-proxy/outbound.secret",
	    .later = "*",
	    .help = "A file with that secret." },
	{ ROW(S, "token_endpoint_auth_method", WORD), .fallback = "client_secret_basic",
	    .words = METHODS " client_secret_jwt private_key_jwt", .later = "*",
	    .help = "How the client proves who it is." },
	{ ROW(S, "client_certificate", FILE), .example = "/etc/workflow-proxy/client.crt", .later = "*",
	    .help = "PEM, for private_key_jwt." },
	{ ROW(S, "client_private_key", FILE), .example = "/etc/workflow-proxy/client.key", .later = "*",
	    .help = "PEM, for private_key_jwt." },
	{ ROW(S, "scope", TEXT), .example = "https://api.example.com/.default", .later = "*",
	    .help = "What it is to allow." },
	{ ROW(S, "resource", TEXT), .example = "https://api.example.com", .later = "*",
	    .help = "What it is for (Azure v1)." },
};
/* clang-format on */
const size_t settings_count = sizeof(settings) / sizeof(settings[0]);

const struct setting *
settings_find(enum section section, struct str name)
{
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].section == section && str_is(str_of(settings[i].name), name))
			return &settings[i];
	return NULL;
}

enum section
settings_section_find(enum section parent, struct str name)
{
	for (unsigned i = SECTION_TOP + 1; i < SECTION_COUNT; i++)
		if (settings_sections[i].parent == parent && str_is(str_of(settings_sections[i].name), name))
			return (enum section)i;
	return SECTION_COUNT;
}

bool
settings_is_list(const struct setting *row)
{
	return row->type == SETTING_LIST || row->type == SETTING_FILES || row->type == SETTING_SECRETS;
}

int
settings_word(const char *words, struct str word, bool any_case)
{
	struct str rest = str_of(words), one;

	for (int i = 0; str_next(&rest, ' ', &one); i++)
		if (any_case ? str_is_nocase(one, word) : str_is(one, word))
			return i;
	return -1;
}

const char *
settings_hint(enum section section, struct str name, char *out, size_t cap)
{
	struct near near;

	near_init(&near, name);
	for (size_t i = 0; i < settings_count; i++)
		if (settings[i].section == section)
			near_offer(&near, settings[i].name);
	for (unsigned i = SECTION_TOP + 1; i < SECTION_COUNT; i++)
		if (settings_sections[i].parent == section)
			near_offer(&near, settings_sections[i].name);
	out[0] = '\0';
	if (near.best != NULL) {
		(void)snprintf(out, cap, "; did you mean %s?", near.best);
		return out;
	}
	for (size_t i = 0; i < settings_count; i++)
		if (str_is(str_of(settings[i].name), name)) {
			const char *where = settings_sections[settings[i].section].name;
			size_t n = strlen(out);

			(void)snprintf(out + n, cap - n, "%s%s", n == 0 ? "; it is a setting of " : " or ",
			    where[0] == '\0' ? "the top level" : where);
		}
	return out;
}

char *
settings_label(struct mem *m, enum section section, const char *title, const char *key)
{
	const struct settings_section *s = &settings_sections[section];
	bool titled = s->title != NULL && title != NULL;

	if (section == SECTION_TOP)
		return mem_strdup(m, key);
	return mem_printf(m, "%s%s%s%s%s", s->name, titled ? " " : "",
	    titled ? notes_quote(str_of(title)).text : "",
	    key[0] == '\0' ? ""
	    : titled       ? ": "
			   : ".",
	    key);
}
