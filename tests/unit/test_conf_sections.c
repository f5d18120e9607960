/* conf/: every mistake in a section has its line, its key, and what would be right */
#include "conf_fixture.h"

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

/* clang-format off */
static const struct row listens[] = {
	{ "", "",
	    "1: listen: required, and not there; write listen \"127.0.0.1:8080\" { }", "listen" },
	{ "", "listen \"localhost:80\" { }",
	    "1: listen \"localhost:80\": is not an address to listen on; write an IPv4 address, an IPv6 address in brackets or *, then : and the port, for example 127.0.0.1:8080 or *:443", NULL },
	{ "", "listen \"8080\" { }",
	    "1: listen \"8080\": has no port; write ADDRESS:PORT, for example 127.0.0.1:8080 or *:443", NULL },
	{ "", "listen \"127.0.0.1:0\" { }",
	    "1: listen \"127.0.0.1:0\": has no usable port; write a number from 1 to 65535 behind the last :", NULL },
	{ "", "listen \"127.0.0.1:65536\" { }",
	    "1: listen \"127.0.0.1:65536\": has no usable port; write a number from 1 to 65535 behind the last :", NULL },
	{ "", "listen \"::1:80\" { }",
	    "1: listen \"::1:80\": is not an address to listen on; write an IPv4 address, an IPv6 address in brackets or *, then : and the port, for example 127.0.0.1:8080 or *:443", NULL },
	{ "", "listen \"[127.0.0.1]:80\" { }",
	    "1: listen \"[127.0.0.1]:80\": is not an address to listen on; write an IPv4 address, an IPv6 address in brackets or *, then : and the port, for example 127.0.0.1:8080 or *:443", NULL },
	{ "", "listen \"unix:x\" { }",
	    "1: listen \"unix:x\": is not a unix socket to listen on; write unix: and an absolute path of at most 107 bytes", NULL },
	{ "", "listen \"127.0.0.1:08080\" { }",
	    "3: listen \"127.0.0.1:8080\": the same as listen \"127.0.0.1:08080\" in t.conf:1; leave one of them out", NULL },
	{ "", "listen \"*:80\" { }\nlisten \"[::]:80\" { }",
	    "2: listen \"[::]:80\": the same as listen \"*:80\" in t.conf:1; leave one of them out", NULL },
	{ "", "listen \"[0:0::1]:80\" { }\nadmin \"[::1]:80\" { }",
	    "2: admin \"[::1]:80\": the same as listen \"[0:0::1]:80\" in t.conf:1; leave one of them out", NULL },
	{ "listen", "tls_certificate = \"${D}/tls.crt\"",
	    "2: listen \"127.0.0.1:8080\": tls_certificate: 1 certificates and 0 keys; write one key for each", NULL },
	{ "listen", "tls_certificate_key = \"${D}/tls.key\"",
	    "2: listen \"127.0.0.1:8080\": tls_certificate_key: 0 certificates and 1 keys; write one key for each", NULL },
	{ "listen", "tls_certificate = \"${D}/nope.crt\"\ntls_certificate_key = \"${D}/tls.key\"",
	    "2: listen \"127.0.0.1:8080\": tls_certificate: \"$D/nope.crt\" cannot be read: No such file or directory", NULL },
	{ "listen", "tls_certificate = { \"${D}/tls.crt\", \"${D}/other.crt\" }\ntls_certificate_key = { \"${D}/tls.key\" }",
	    "2: listen \"127.0.0.1:8080\": tls_certificate: 2 certificates and 1 keys; write one key for each", NULL },
	{ "listen", "tls_certificate = \"${D}/tls.crt\"\ntls_certificate_key = \"${D}/other.key\"",
	    "2: listen \"127.0.0.1:8080\": tls_certificate: \"$D/tls.crt\" is not the certificate of its key; name the key that belongs to it", NULL },
	{ "listen", "tls_certificate = \"${D}/tls.key\"\ntls_certificate_key = \"${D}/tls.crt\"",
	    "2: listen \"127.0.0.1:8080\": tls_certificate: \"$D/tls.key\" holds no certificate; write a PEM file (no start line)\n"
	    "3: listen \"127.0.0.1:8080\": tls_certificate_key: \"$D/tls.crt\" holds no private key; write a PEM file (unsupported)", NULL },
	{ "listen", "tls_certificate = \"${D}/old.crt\"\ntls_certificate_key = \"${D}/old.key\"",
	    "warning: 2: listen \"127.0.0.1:8080\": tls_certificate: \"$D/old.crt\" has expired", NULL },
	{ "listen", "tls_certificate = \"${D}\"\ntls_certificate_key = \"/dev/null\"",
	    "2: listen \"127.0.0.1:8080\": tls_certificate: \"$D\" is not a regular file\n"
	    "3: listen \"127.0.0.1:8080\": tls_certificate_key: \"/dev/null\" is not a regular file", NULL },
	{ "listen", "tls_certificate = \"${D}/open.crt\"\ntls_certificate_key = \"${D}/open.key\"",
	    "warning: 3: listen \"127.0.0.1:8080\": tls_certificate_key: \"$D/open.key\" can be read or written by others (mode 0644); allow the owner and the group only", NULL },
	{ "listen", "tls_certificate = \"${D}/damaged.crt\"\ntls_certificate_key = \"${D}/locked.key\"",
	    "2: listen \"127.0.0.1:8080\": tls_certificate: \"$D/damaged.crt\" holds no certificate; write a PEM file (ASN1 lib)\n"
	    "3: listen \"127.0.0.1:8080\": tls_certificate_key: \"$D/locked.key\" holds a key with a passphrase; take it off, and keep the file from others", NULL },
	{ "listen", "tls_min_version = 1.1\nhttp2 = yes\nproxy_protocol = yes\nhsts = yes",
	    "2: listen \"127.0.0.1:8080\": tls_min_version: \"1.1\" is not accepted; write one of: 1.2 1.3\n"
	    "3: listen \"127.0.0.1:8080\": http2: \"yes\" is agreed on by TLS only; set tls_certificate, or write no\n"
	    "4: listen \"127.0.0.1:8080\": proxy_protocol: \"yes\" reads the header from trusted_proxies only, and these name no address; add those that the balancer connects from\n"
	    "5: listen \"127.0.0.1:8080\": hsts: \"yes\" is neither no nor a duration; write no, or for example \"365d\"", NULL },
	{ "listen", "tls_certificate = \"${D}/tls.crt\"\ntls_certificate_key = \"${D}/tls.key\"\nhttps_redirect = yes",
	    "4: listen \"127.0.0.1:8080\": https_redirect: \"yes\" would lead back here: this address speaks https already; write no", NULL },
	{ "", "trusted_proxies = \"unix:\"\nlisten \"127.0.0.1:81\" {\nproxy_protocol = yes\n}\nlisten \"unix:/run/x\" {\nproxy_protocol = yes\n}",
	    "3: listen \"127.0.0.1:81\": proxy_protocol: \"yes\" reads the header from trusted_proxies only, and these name no address; add those that the balancer connects from", NULL },
	{ "", "trusted_proxies = \"10.0.0.1\"\nlisten \"127.0.0.1:81\" {\nproxy_protocol = yes\n}\nlisten \"unix:/run/x\" {\nproxy_protocol = yes\n}",
	    "6: listen \"unix:/run/x\": proxy_protocol: \"yes\" reads the header from trusted_proxies only, and unix: is not among them; add it", NULL },
	{ "", "trusted_proxies = \"10.0.0.1/8\"\nlisten \"127.0.0.1:81\" {\nproxy_protocol = yes\n}",
	    "1: trusted_proxies: \"10.0.0.1/8\" has bits set behind its prefix; write 10.0.0.0/8, or 10.0.0.1/32 for the one address", NULL },
	{ "", "public_url = \"http://127.0.0.1:1\"\nlisten \"127.0.0.1:81\" {\nhttps_redirect = yes\n}",
	    "3: listen \"127.0.0.1:81\": https_redirect: \"yes\" would lead to a public_url that is http; write no", NULL },
	{ "admin", "token = \"geheim\"\ntoken_file = \"/x\"\nallow = { \"127.0.0.1/8\", \"unix:\" }",
	    "3: admin \"[::1]:9\": token_file: token and token_file are both set; leave one of them out\n"
	    "3: admin \"[::1]:9\": token_file: \"/x\" cannot be read: No such file or directory\n"
	    "4: admin \"[::1]:9\": allow: \"127.0.0.1/8\" has bits set behind its prefix; write 127.0.0.0/8, or 127.0.0.1/32 for the one address\n"
	    "4: admin \"[::1]:9\": allow: \"unix:\" is not a network; write an address, or one with its prefix length, for example 10.0.0.0/8 or fd00::/8", NULL },
};

static const struct row providers[] = {
	{ "", "",
	    "1: provider: required, and not there; write provider \"main\" { ... }", "provider" },
	{ "provider", "",
	    "1: provider \"main\": client_id: required, and not set; for example client_id = \"workflow-proxy\"\n"
	    "1: provider \"main\": discovery_url: required where there is no issuer; for example discovery_url = \"https://login.example.com/.well-known/openid-configuration\"\n"
	    "1: provider \"main\": client_secret: required, and not set; write client_secret_file = \"...\", or token_endpoint_auth_method = \"none\" for a public client", "client_id client_secret issuer" },
	{ "", "provider \"two\" {\nclient_id = \"x\"\nuserinfo = maybe\n}",
	    "1: provider \"two\": discovery_url: required where there is no issuer; for example discovery_url = \"https://login.example.com/.well-known/openid-configuration\"\n"
	    "1: provider \"two\": client_secret: required, and not set; write client_secret_file = \"...\", or token_endpoint_auth_method = \"none\" for a public client\n"
	    "3: provider \"two\": userinfo: \"maybe\" is neither yes nor no; write yes or no", NULL },
	{ "provider", "kind = \"oidcc\"\ndiscovery = \"keys\"",
	    "2: provider \"main\": kind: \"oidcc\" is not accepted; write one of: oidc ms-identity-v2 azure-v1 adfs okta auth0 keycloak google sap-xsuaa\n"
	    "3: provider \"main\": discovery: \"keys\" is not accepted; write one of: document jwks federation store", NULL },
	{ "provider", "discovery_url = \"http://op.example.com/x\"\nissuer = \"https://op.example.com/?x\"\ntoken_endpoint = \"op/token\"\njwks_uri = \"https://op/#x\"",
	    "2: provider \"main\": discovery_url: \"http://op.example.com/x\" is http; write https (http is allowed to loopback addresses only)\n"
	    "3: provider \"main\": issuer: \"https://op.example.com/?x\" has a query, which no issuer has; write it as the discovery document has it\n"
	    "4: provider \"main\": token_endpoint: \"op/token\" is not a URL as it must be written here: a URL must begin with https:// or http://\n"
	    "5: provider \"main\": jwks_uri: \"https://op/#x\" is not a URL as it must be written here: a URL must have no fragment (#...) here", NULL },
	{ "provider", "issuer = \"https://login.example.com/{tenantid}/v2.0\"",
	    "2: provider \"main\": issuer: \"https://login.example.com/{tenantid}/v2.0\" stands for every tenant; list those to let in as tenants, or write the tenant's own", NULL },
	{ "provider", "discovery_url = \"http://127.0.0.1:9/x\"\nissuer = \"http://localhost:9\"",
	    "", NULL },
	{ "provider", "client_secret = \"x\"\nclient_secret_file = \"${D}/client.secret\"",
	    "3: provider \"main\": client_secret_file: client_secret and client_secret_file are both set; leave one of them out", NULL },
	{ "provider", "client_secret_file = \"${D}/nope\"",
	    "2: provider \"main\": client_secret_file: \"$D/nope\" cannot be read: No such file or directory", NULL },
	{ "provider", "client_secret_file = \"${D}/empty\"",
	    "2: provider \"main\": client_secret_file: \"$D/empty\" is empty; write the secret into it", NULL },
	{ "provider", "client_secret_file = \"${D}/two.secret\"",
	    "2: provider \"main\": client_secret_file: has 2 lines; write one secret", NULL },
	{ "provider", "client_secret_file = \"${D}/open.secret\"",
	    "warning: 2: provider \"main\": client_secret_file: \"$D/open.secret\" can be read or written by others (mode 0644); allow the owner and the group only", NULL },
	{ "provider", "token_endpoint_auth_method = none",
	    "", "client_secret" },
	{ "provider", "scopes = \"a b\"\nadditional_scopes = \"a,\\\"b\"",
	    "2: provider \"main\": scopes: \"a b\" is not one scope; write a list: { \"openid\", \"email\" }\n"
	    "3: provider \"main\": additional_scopes: \"\\\"b\" is not one scope; write a list: { \"openid\", \"email\" }", NULL },
	{ "provider", "authorization_parameters = { \"state=x\", \"Prompt=x\", \"resource=x\", \"a=b\", \"a=c\", \"zz\", \"=b\" }",
	    "2: provider \"main\": authorization_parameters: \"state=x\" is a parameter of the protocol, which the proxy sets; leave it out\n"
	    "2: provider \"main\": authorization_parameters: \"Prompt=x\" is a parameter of the protocol, which the proxy sets; leave it out\n"
	    "2: provider \"main\": authorization_parameters: \"resource=x\" is a parameter of the protocol, which the proxy sets; leave it out\n"
	    "2: provider \"main\": authorization_parameters: \"a=c\" has a name that was there before; write each name once\n"
	    "2: provider \"main\": authorization_parameters: \"zz\" is not a parameter; write \"name=value\"\n"
	    "2: provider \"main\": authorization_parameters: \"=b\" is not a parameter; write \"name=value\"", NULL },
	{ "provider", "pkce = plain",
	    "2: provider \"main\": pkce: \"plain\" is not accepted; write one of: S256 off", NULL },
	{ "provider", "id_token_signed_response_alg = { \"RS256\", \"none\", \"HS256\" }",
	    "2: provider \"main\": id_token_signed_response_alg: \"none\" is not accepted; write one of: RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512\n"
	    "2: provider \"main\": id_token_signed_response_alg: \"HS256\" is not accepted; write one of: RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512", NULL },
	{ "provider", "id_token_signed_response_alg = { }",
	    "2: provider \"main\": id_token_signed_response_alg: is an empty list; write at least one of: RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512", NULL },
	{ "provider", "introspection_endpoint = \"http://op.example.com/i\"\nuserinfo = on",
	    "2: provider \"main\": introspection_endpoint: \"http://op.example.com/i\" is http; write https (http is allowed to loopback addresses only)\n"
	    "3: provider \"main\": userinfo: \"on\" is neither yes nor no; write yes or no", NULL },
	{ "provider", "clock_tolerance = \"2h\"\nmetadata_refresh = \"10ms\"\ntimeout = 0",
	    "2: provider \"main\": clock_tolerance: \"2h\" is too large; write at most 1h\n"
	    "3: provider \"main\": metadata_refresh: \"10ms\" is too small; write at least 1s\n"
	    "4: provider \"main\": timeout: \"0\" is too small; write at least 1ms", NULL },
	{ "provider", "tls_ca = \"${D}/tls.key\"",
	    "2: provider \"main\": tls_ca: \"$D/tls.key\" holds no certificate; write a PEM file (no start line)", NULL },
	{ "provider", "proxy = \"http://u:geheim@\"",
	    "2: provider \"main\": proxy: the value is not the URL of a proxy; write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT", NULL },
	{ "provider", "proxy = \"http://u:geheim@proxy:3128/x\"",
	    "2: provider \"main\": proxy: the value is not the URL of a proxy; write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT", NULL },
	{ "provider", "callback_path = \"/auth/token\"",
	    "2: provider \"main\": callback_path: \"/auth/token\" is another endpoint of the proxy; write a path of its own", NULL },
};

static const struct row sessions[] = {
	{ "session", "",
	    "1: session.secret: required, and not set; write secret_file = \"...\" with what `workflow-proxy secret` prints in the file", "secret" },
	{ "", "",
	    "1: session.secret: required, and not set; write secret_file = \"...\" with what `workflow-proxy secret` prints in the file", "session" },
	{ "session", "secret = { }",
	    "2: session.secret: is an empty list; write at least one secret", NULL },
	{ "session", "secret = \"geheim\"",
	    "2: session.secret: the secret has 6 bytes; write at least 32, best what `workflow-proxy secret` prints", NULL },
	{ "session", "secret = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
	    "2: session.secret: the secret is easy to guess: too few different bytes, or a pattern; write what `workflow-proxy secret` prints", NULL },
	{ "session", "secret = \"abcdefghabcdefghabcdefghabcdefghabcdefgh\"",
	    "2: session.secret: the secret is easy to guess: too few different bytes, or a pattern; write what `workflow-proxy secret` prints", NULL },
	{ "session", "secret = \"0123456789abcdef0123456789abcdef\"",
	    "2: session.secret: the secret is easy to guess: too few different bytes, or a pattern; write what `workflow-proxy secret` prints", NULL },
	{ "session", "secret = \"changeme-hV3qT8xYb1ZfKpR7mWcE5nJ0sLuA9gDi\"",
	    "2: session.secret: the secret is easy to guess: it is, or holds, a published example; write what `workflow-proxy secret` prints", NULL },
	{ "session", "secret = \"Secret-hV3qT8xYb1ZfKpR7mWcE5nJ0sLuA9gDi\"",
	    "2: session.secret: the secret is easy to guess: it begins like a word; write what `workflow-proxy secret` prints", NULL },
	{ "session", "secret = \"a-string-secret-at-least-256-bits-long\"",
	    "2: session.secret: the secret is easy to guess: it is, or holds, a published example; write what `workflow-proxy secret` prints", NULL },
	{ "session", "secret_file = \"${D}/two.secret\"",
	    "2: session.secret_file: the secret has 5 bytes; write at least 32, best what `workflow-proxy secret` prints", NULL },
	{ "session", "secret_file = \"${D}/open.secret\"",
	    "warning: 2: session.secret_file: \"$D/open.secret\" can be read or written by others (mode 0644); allow the owner and the group only", NULL },
	{ "session", "secret = \"hV3qT8xYb1ZfKpR7mWcE5nJ0sLuA9gDi2oXw4tQy6B8\"\nsecret_file = \"${D}/session.secret\"",
	    "3: session.secret_file: secret and secret_file are both set; leave one of them out", NULL },
	{ "session", "sealing_secret = \"geheim\"",
	    "2: session.sealing_secret: the secret has 6 bytes; write at least 32, best what `workflow-proxy secret` prints", NULL },
	{ "session", "cookie = \"a b\"\ncookie_prefix = \"__Secure-\"",
	    "2: session.cookie: \"a b\" is not the name of a cookie; write letters, digits, - and _\n"
	    "3: session.cookie_prefix: \"__Secure-\" is not accepted; write one of: __Host- none", NULL },
	{ "session", "cookie = \"__host-x\"",
	    "2: session.cookie: \"__host-x\" has a prefix, which the proxy puts in front where it is allowed; leave it out", NULL },
	{ "session", "same_site = none\ncookie_prefix = \"none\"",
	    "", NULL },
	{ "session", "domain = \"example.org\"",
	    "2: session.domain: \"example.org\" does not hold the host of public_url \"https://flow.example.com\"; browsers would refuse the cookie", NULL },
	{ "session", "domain = \"com\"",
	    "2: session.domain: \"com\" is not a domain for cookies; write a name with a dot, for example example.com", NULL },
	{ "session", "domain = \"ample.com\"",
	    "2: session.domain: \"ample.com\" does not hold the host of public_url \"https://flow.example.com\"; browsers would refuse the cookie", NULL },
	{ "session", "path = \"/app\"",
	    "2: session.path: \"/app\" does not hold the path of public_url \"https://flow.example.com\"; write that path, or /", NULL },
	{ "session", "timeout = \"8 hours\"",
	    "2: session.timeout: \"8 hours\" is not a duration; write a number and ms, s, m, h or d, for example \"8h\"", NULL },
	{ "session", "timeout = 0\nencrypt = yes\nstore = memory\nrefresh = yes\niframe_refresh = yes\npreserve_post = yes\norigin_check = true",
	    "2: session.timeout: \"0\" is too small; write at least 1s\n"
	    "8: session.origin_check: \"true\" is neither yes nor no; write yes or no", NULL },
	{ "session", "mobile_clients = \"x\"\nrevocations = \"/nowhere/x\"\nidle_timeout = 0",
	    "2: session.mobile_clients: \"x\" would bring access tokens, and those of no provider can be checked; set the provider's audience\n"
	    "3: session.revocations: \"/nowhere/x\": its folder cannot be written: No such file or directory; write a file in one that can\n"
	    "4: session.idle_timeout: \"0\" is too small; write at least 1s", NULL },
	{ "", "public_url = \"http://127.0.0.1:8080\"\nsession {\nsecret = \"hV3qT8xYb1ZfKpR7mWcE5nJ0sLuA9gDi2oXw4tQy6B8\"\nsame_site = None\n}",
	    "4: session.same_site: \"None\" is refused by browsers without https, and a public_url is http; write Lax", "session" },
};

static const struct row upstreams[] = {
	{ "upstream", "",
	    "1: upstream \"app\": servers: required, and not set; for example servers = \"http://127.0.0.1:3000\"", "servers" },
	{ "upstream", "servers = { }",
	    "2: upstream \"app\": servers: is an empty list; for example servers = \"http://127.0.0.1:3000\"", NULL },
	{ "upstream", "servers = { \"http://a:1/\", \"http://a:1\", \"ftp://x\", \"http://a/x\", \"http://a/?x\", \"a:80\", \"unix:a\" }",
	    "2: upstream \"app\": servers: \"http://a:1\" is there twice; leave one of them out\n"
	    "2: upstream \"app\": servers: \"ftp://x\" is not a server: a URL must begin with https:// or http://; write http://HOST:PORT, https://HOST:PORT or unix:/PATH\n"
	    "2: upstream \"app\": servers: \"http://a/x\" has a path or a query; write the server alone, the path of a request goes on as it is\n"
	    "2: upstream \"app\": servers: \"http://a/?x\" has a path or a query; write the server alone, the path of a request goes on as it is\n"
	    "2: upstream \"app\": servers: \"a:80\" is not a server: a URL must begin with https:// or http://; write http://HOST:PORT, https://HOST:PORT or unix:/PATH\n"
	    "2: upstream \"app\": servers: \"unix:a\" is not a unix socket; write unix: and an absolute path of at most 107 bytes", NULL },
	{ "upstream", "balance = random\nkeepalive = 100001\nconnect_timeout = 0\nhealth_check = \"x\"\nhealth_interval = \"1ms\"\ntls_verify = 1\npreserve_host = maybe",
	    "2: upstream \"app\": balance: \"random\" is not accepted; write one of: round_robin least_conn\n"
	    "3: upstream \"app\": keepalive: \"100001\" is too large; write at most 100000\n"
	    "4: upstream \"app\": connect_timeout: \"0\" is too small; write at least 1ms\n"
	    "5: upstream \"app\": health_check: \"x\" is not a path to ask a server for; write for example \"/healthz\"\n"
	    "6: upstream \"app\": health_interval: \"1ms\" is too small; write at least 100ms\n"
	    "7: upstream \"app\": tls_verify: \"1\" is neither yes nor no; write yes or no\n"
	    "8: upstream \"app\": preserve_host: \"maybe\" is neither yes nor no; write yes or no", NULL },
	{ "upstream", "health_check = \"/a b\"",
	    "2: upstream \"app\": health_check: \"/a b\" is not a path to ask a server for; write for example \"/healthz\"", NULL },
	{ "upstream", "tls_certificate = \"${D}/tls.crt\"",
	    "2: upstream \"app\": tls_certificate: tls_certificate and tls_certificate_key go together; set both", NULL },
	{ "upstream", "tls_certificate = \"${D}/tls.crt\"\ntls_certificate_key = \"${D}/other.key\"",
	    "2: upstream \"app\": tls_certificate: \"$D/tls.crt\" is not the certificate of its key; name the key that belongs to it", NULL },
	{ "upstream", "tls_ca = \"${D}/nope\"",
	    "2: upstream \"app\": tls_ca: \"$D/nope\" cannot be read: No such file or directory", NULL },
};

static const struct row routes[] = {
	{ "", "",
	    "warning: 1: route: there is none; every request gets 404", "route" },
	{ "route", "",
	    "1: route \"/\": upstream: required, and not set; for example upstream = \"app\"", "upstream" },
	{ "route", "upstream = \"ap\"",
	    "2: route \"/\": upstream: there is no upstream \"ap\"; did you mean \"app\"?", NULL },
	{ "route", "upstream = \"other\"",
	    "2: route \"/\": upstream: there is no upstream \"other\"; write upstream \"other\" { ... }, or a URL here", NULL },
	{ "route", "upstream = \"http://a/x\"",
	    "2: route \"/\": upstream: \"http://a/x\" has a path or a query; write the server alone, the path of a request goes on as it is", NULL },
	{ "route", "upstream = { \"app\" }",
	    "2: route \"/\": upstream: takes one value, not a list; leave the braces out", NULL },
	{ "", "route \"flow.example.com\" { upstream = \"app\" }",
	    "1: route \"flow.example.com\": has no path; write HOST/ or HOST/PATH or /PATH", NULL },
	{ "", "route \"https://flow.example.com/\" { upstream = \"app\" }",
	    "1: route \"https://flow.example.com/\": is a URL; write HOST/PATH or /PATH", NULL },
	{ "", "route \"flow.example.com:443/x\" { upstream = \"app\" }",
	    "1: route \"flow.example.com:443/x\": has no usable host in front of its path; write a name without a port", NULL },
	{ "", "route \"other.example.com/x\" { upstream = \"app\" }",
	    "1: route \"other.example.com/x\": no public_url has this host; requests for it get 421", NULL },
	{ "", "route \"/api/*\" { upstream = \"app\" }",
	    "1: route \"/api/*\": is not a path as it must be written here: it is a prefix, not a pattern; leave the * out", NULL },
	{ "", "route \"/a%20b\" { upstream = \"app\" }",
	    "1: route \"/a%20b\": is not a path as it must be written here: write it without %-encodings", NULL },
	{ "", "route \"/a//b\" { upstream = \"app\" }",
	    "1: route \"/a//b\": is not a path as it must be written here: write one / where there are several", NULL },
	{ "", "route \"/a/./b\" { upstream = \"app\" }",
	    "1: route \"/a/./b\": is not a path as it must be written here: write it without . and .. segments", NULL },
	{ "", "route \"/a\" { upstream = \"app\" }\nroute \"/a/\" { upstream = \"app\" }",
	    "2: route \"/a/\": the same as route \"/a\" in t.conf:1; leave one of them out", NULL },
	{ "", "route \"flow.example.com/a\" { upstream = \"app\" }\nroute \"Flow.Example.com/a\" { upstream = \"app\" }",
	    "2: route \"Flow.Example.com/a\": the same as route \"flow.example.com/a\" in t.conf:1; leave one of them out", NULL },
	{ "", "route \"/auth\" { upstream = \"app\" }\nroute \"/auth/x\" { upstream = \"app\" }\nroute \"/authx\" { upstream = \"app\" }",
	    "1: route \"/auth\": is at or below auth_path (/auth), where everything is the proxy's own; choose another path, or another auth_path\n"
	    "2: route \"/auth/x\": is at or below auth_path (/auth), where everything is the proxy's own; choose another path, or another auth_path", NULL },
	{ "", "public_url = \"https://flow.example.com/app\"\nroute \"/app/auth/\" { upstream = \"app\" }\nroute \"/auth\" { upstream = \"app\" }",
	    "2: route \"/app/auth/\": is at or below auth_path (/app/auth), where everything is the proxy's own; choose another path, or another auth_path\n"
	    "warning: 3: route \"/auth\": is outside the path of public_url, so no session cookie arrives here; set session.path = \"/\"", NULL },
	{ "route", "auth = maybe\nunauthenticated = 403\npath_case = no\nscopes = \"x\"\napp_roles = \"x\"\ncors_origins = \"x\"\naccess_token_header = \"x\"\nid_token_header = \"x\"\nupstream_token = \"x\"",
	    "1: route \"/\": upstream: required, and not set; for example upstream = \"app\"\n"
	    "2: route \"/\": auth: \"maybe\" is not accepted; write one of: none session bearer any\n"
	    "3: route \"/\": unauthenticated: \"403\" is not accepted; write one of: auto redirect 401\n"
	    "4: route \"/\": path_case: \"no\" is not accepted; write one of: strict sensitive insensitive\n"
	    "7: route \"/\": cors_origins: \"x\" is no origin; write scheme and host, and the port where it is not the usual one, for example \"https://app.example.com\"\n"
	    "9: route \"/\": id_token_header: this route sets the header \"x\" already; choose another name\n"
	    "10: route \"/\": upstream_token: there is no outbound \"x\"; write the title of an outbound section", NULL },
	{ "route", "access_token_header = \"Authorization\"\nid_token_header = \"X Id\"",
	    "2: route \"/\": access_token_header: \"Authorization\" cannot be set for the upstream: Authorization belongs to the proxy; choose another name\n"
	    "3: route \"/\": id_token_header: \"X Id\" is not the name of a header; write letters, digits and -", NULL },
	{ "route", "username_header = \"X-Token\"\naccess_token_header = \"x_token\"",
	    "3: route \"/\": access_token_header: this route sets the header \"X-Token\" already; choose another name", NULL },
	{ "route", "provider = { \"main\", \"other\" }",
	    "2: route \"/\": provider: there is no provider \"other\"; write the title of a provider section", NULL },
	{ "route", "provider = { }",
	    "2: route \"/\": provider: is an empty list, which would let nobody in; leave it out", NULL },
	{ "route", "claims = { \"a\", \"=b\", \"a=\", \"'a=b\", \"'a'b=c\", \"'a=b'~c\", \"a~b=c\" }",
	    "2: route \"/\": claims: \"a\" is not a rule; write \"claim=value\" or \"claim~value\", a claim with = or ~ in its name as 'claim'\n"
	    "2: route \"/\": claims: \"=b\" is not a rule; write \"claim=value\" or \"claim~value\", a claim with = or ~ in its name as 'claim'\n"
	    "2: route \"/\": claims: \"a=\" is not a rule; write \"claim=value\" or \"claim~value\", a claim with = or ~ in its name as 'claim'\n"
	    "2: route \"/\": claims: \"'a=b\" is not a rule; write \"claim=value\" or \"claim~value\", a claim with = or ~ in its name as 'claim'\n"
	    "2: route \"/\": claims: \"'a'b=c\" is not a rule; write \"claim=value\" or \"claim~value\", a claim with = or ~ in its name as 'claim'", NULL },
	{ "route", "auth = none\nclaims = \"a=b\"",
	    "3: route \"/\": claims: nobody is signed in on a route with auth = \"none\", so no rule can hold; leave the rules or auth out", NULL },
	{ "route", "username_header = \"Transfer_Encoding\"",
	    "2: route \"/\": username_header: \"Transfer_Encoding\" cannot be set for the upstream: Transfer-Encoding belongs to the proxy; choose another name", NULL },
	{ "route", "username_header = \"X User\"",
	    "2: route \"/\": username_header: \"X User\" is not the name of a header; write letters, digits and -", NULL },
	{ "route", "claim_headers = { \"X_Forwarded-User=email\", \"X-A=a\", \"x.a=b\", \"X-B\", \"X-C=\", \"Cookie=c\" }",
	    "2: route \"/\": claim_headers: this route sets the header \"X-Forwarded-User\" already; choose another name\n"
	    "2: route \"/\": claim_headers: this route sets the header \"X-A\" already; choose another name\n"
	    "2: route \"/\": claim_headers: \"X-B\" is not a header and a claim; write \"Header-Name=claim\"\n"
	    "2: route \"/\": claim_headers: \"X-C=\" is not a header and a claim; write \"Header-Name=claim\"\n"
	    "2: route \"/\": claim_headers: \"Cookie\" cannot be set for the upstream: Cookie belongs to the proxy; choose another name", NULL },
	{ "route", "set_headers = { \"authorization=geheim\", \"geheim\", \"X-A=\", \"X-B=geheim\", \"x_b=geheim\" }",
	    "2: route \"/\": set_headers: \"authorization\" cannot be set for the upstream: Authorization belongs to the proxy; choose another name\n"
	    "2: route \"/\": set_headers: a value is not a name and a value; write \"Name=value\"\n"
	    "2: route \"/\": set_headers: the value of \"X-A\" is empty, or holds what no header may hold; write printable text\n"
	    "2: route \"/\": set_headers: this route sets the header \"X-B\" already; choose another name", NULL },
	{ "route", "set_headers_file = \"${D}/headers\"",
	    "2: route \"/\": set_headers_file: a value is not a name and a value; write \"Name=value\"", NULL },
	{ "route", "username_match = \"^(a\"",
	    "2: route \"/\": username_match: \"^(a\" is not a POSIX extended regular expression: Unmatched ( or \\(", NULL },
	{ "route", "username_match = \"(a{200}){200}\"",
	    "2: route \"/\": username_match: \"(a{200}){200}\" repeats too much; write smaller numbers in braces", NULL },
	{ "route", "username_replace = '\\1'",
	    "2: route \"/\": username_replace: \"\\\\1\" has nothing to replace; set username_match, too", NULL },
	{ "route", "username_match = '^(a)$'\nusername_replace = '\\1\\2'",
	    "3: route \"/\": username_replace: \"\\\\1\\\\2\" refers to group 2, and username_match has 1", NULL },
	{ "route", "username_match = '^(a)$'\nusername_replace = 'a\\x'",
	    "3: route \"/\": username_replace: \"a\\\\x\" has a backslash that nothing follows; write \\0 to \\9, or \\\\ for a backslash", NULL },
	{ "route", "access_denied_url = \"//evil.example/\"\nstrip_prefix = 1\nwindows_paths = 1\npass_authorization = 1",
	    "2: route \"/\": access_denied_url: \"//evil.example/\" is no place to send a browser to; write a path that begins with /, or a URL\n"
	    "3: route \"/\": strip_prefix: \"1\" is neither yes nor no; write yes or no\n"
	    "4: route \"/\": windows_paths: \"1\" is neither yes nor no; write yes or no\n"
	    "5: route \"/\": pass_authorization: \"1\" is neither yes nor no; write yes or no", NULL },
};
/* clang-format on */

START_TEST(a_mistake_about_an_address_is_told)
{
	expect(&listens[_i]);
}
END_TEST

START_TEST(a_mistake_about_the_provider_is_told)
{
	expect(&providers[_i]);
}
END_TEST

START_TEST(a_mistake_about_the_session_is_told)
{
	expect(&sessions[_i]);
}
END_TEST

START_TEST(a_mistake_about_an_upstream_is_told)
{
	expect(&upstreams[_i]);
}
END_TEST

START_TEST(a_mistake_about_a_route_is_told)
{
	expect(&routes[_i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/sections");
	TCase *t = tcase_create("mistakes");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, fixture_begin, fixture_end);
	tcase_add_loop_test(t, a_mistake_about_an_address_is_told, 0, ROWS(listens));
	tcase_add_loop_test(t, a_mistake_about_the_provider_is_told, 0, ROWS(providers));
	tcase_add_loop_test(t, a_mistake_about_the_session_is_told, 0, ROWS(sessions));
	tcase_add_loop_test(t, a_mistake_about_an_upstream_is_told, 0, ROWS(upstreams));
	tcase_add_loop_test(t, a_mistake_about_a_route_is_told, 0, ROWS(routes));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
