/* conf/: what a configuration means, where it comes from, and what is printed about it */
#include <arpa/inet.h>

#include "conf/cpus.h"
#include "conf/settings.h"
#include "conf_fixture.h"

static struct conf *
load_good(const char *text)
{
	const char *messages;
	struct conf *c = fixture_parse(text, &messages);

	ck_assert_msg(c != NULL && messages[0] == '\0', "in\n%s\n%s", text, messages);
	return c;
}

static void
expect_list(const struct conf_strings *list, const char *want)
{
	char *got = mem_strdup(fixture_mem, "");

	for (size_t i = 0; i < list->n; i++)
		got = mem_printf(fixture_mem, "%s%s%s", got, i == 0 ? "" : " ", list->v[i]);
	ck_assert_str_eq(got, want);
}

static void
expect_secret(const struct secret *s, const char *want)
{
	ck_assert_ptr_nonnull(s);
	ck_assert(str_is(secret_str(s), str_of(want)));
}

/* --- meaning ------------------------------------------------------------------- */

START_TEST(what_is_not_set_has_the_default_of_the_contract)
{
	struct conf *c = load_good(fixture_conf("", "", ""));
	const struct conf_listen *l = &c->listens[0];

	ck_assert_str_eq(c->file, "t.conf");
	ck_assert_str_eq(c->auth_path, "/auth");
	ck_assert_uint_eq(c->workers, cpus_count(""));
	ck_assert_ptr_null(c->user);
	ck_assert(c->trusted_proxies.n == 0 && !c->trusted_proxies.unix_sockets);
	ck_assert_int_eq(c->shutdown_timeout, 30000);
	ck_assert(c->log.level == LOG_LEVEL_INFO && c->log.format == LOG_FORMAT_LOGFMT);
	ck_assert_str_eq(c->log.file, "-");
	ck_assert_str_eq(c->log.access, "-");
	ck_assert_uint_eq(c->limits.max_connections, 20000);
	ck_assert_uint_eq(c->limits.header_size, 32 * 1024);
	ck_assert_uint_eq(c->limits.body_size, 1024 * 1024 * 1024);
	ck_assert_int_eq(c->limits.header_timeout, 10000);
	ck_assert_int_eq(c->limits.idle_timeout, 75000);
	ck_assert_int_eq(c->limits.body_timeout, 60000);
	ck_assert_int_eq(c->limits.stream_timeout, 3600000);
	ck_assert_uint_eq(c->limits.logins_per_minute, 600);
	ck_assert(c->n_listens == 1 && !l->admin && !l->https_redirect && l->hsts == 0);
	ck_assert(l->tls_certificate.n == 0 && l->tls_certificate_key.n == 0 && l->tls_min_version == 0x0303);
	ck_assert_str_eq(l->address, "127.0.0.1:8080");
	conf_free(&c);
	ck_assert_ptr_null(c);
}
END_TEST

START_TEST(a_provider_has_the_defaults_of_the_contract)
{
	struct conf *c = load_good(fixture_conf("provider", "", ""));
	const struct conf_provider *p = &c->providers[0];

	ck_assert_uint_eq(c->n_providers, 1);
	ck_assert_str_eq(p->name, "main");
	ck_assert_str_eq(p->kind, "oidc");
	ck_assert_str_eq(p->issuer, "https://op.example.com");
	ck_assert_str_eq(p->discovery_url, "https://op.example.com/.well-known/openid-configuration");
	ck_assert(p->authorization_endpoint == NULL && p->token_endpoint == NULL && p->jwks_uri == NULL);
	ck_assert(p->userinfo_endpoint == NULL && p->end_session_endpoint == NULL);
	ck_assert_str_eq(p->callback_path, "/auth/callback");
	ck_assert_str_eq(p->client_id, "rp");
	expect_secret(p->client_secret, "s3cr3t");
	ck_assert(p->token_endpoint_auth_method == AUTH_METHOD_BASIC && p->pkce && !p->userinfo);
	expect_list(&p->scopes, "openid profile email");
	expect_list(&p->authorization_parameters, "");
	expect_list(&p->id_token_signed_response_alg, "RS256");
	expect_list(&p->username_claim, "");
	ck_assert_int_eq(p->clock_tolerance, 60000);
	ck_assert_int_eq(p->metadata_refresh, 3600000);
	ck_assert_int_eq(p->timeout, 10000);
	ck_assert(p->tls_ca == NULL && p->proxy == NULL);
	ck_assert_str_eq(p->at.file, "t.conf");
	ck_assert_int_eq(p->at.line, 1);
	conf_free(&c);
}
END_TEST

START_TEST(session_upstream_and_route_have_the_defaults_of_the_contract)
{
	struct conf *c = load_good(fixture_conf("", "", ""));
	const struct conf_session *s = &c->session;
	const struct conf_upstream *u = &c->upstreams[0];
	const struct conf_route *r = &c->routes[0];

	ck_assert_uint_eq(s->n_secrets, 1);
	expect_secret(s->secrets[0], GOOD_SECRET);
	ck_assert(s->sealing_secret == NULL && s->domain == NULL && s->path == NULL && s->timeout == 0);
	ck_assert_str_eq(s->cookie, "workflow_session");
	ck_assert(s->cookie_prefix && s->same_site == SAME_SITE_LAX && !s->pass_cookie && s->origin_check);
	ck_assert(c->n_upstreams == 1 && u->n_servers == 1 && u->balance == BALANCE_ROUND_ROBIN &&
		  u->keepalive == 64);
	ck_assert(u->connect_timeout == 5000 && u->response_timeout == 60000 && u->health_interval == 5000);
	ck_assert(u->health_check == NULL && u->tls_ca == NULL && u->tls_verify && u->preserve_host);
	ck_assert(u->tls_certificate == NULL && u->tls_certificate_key == NULL);
	ck_assert(c->n_routes == 1 && r->upstream == 0 && r->host == NULL && r->auth == AUTH_SESSION);
	ck_assert_str_eq(r->title, "/");
	ck_assert_str_eq(r->path, "/");
	ck_assert(r->unauthenticated == UNAUTHENTICATED_AUTO && r->path_case == PATH_CASE_STRICT &&
		  !r->windows_paths);
	ck_assert_str_eq(r->username_header, "X-Forwarded-User");
	ck_assert(r->username_match == NULL && r->username_replace == NULL && r->username_prefix == NULL);
	ck_assert(r->n_claims == 0 && r->n_claim_headers == 0 && r->n_set_headers == 0);
	ck_assert(!r->pass_authorization && !r->strip_prefix && r->access_denied_url == NULL);
	conf_free(&c);
}
END_TEST

START_TEST(what_is_set_at_the_top_is_stored)
{
	struct conf *c = load_good(fixture_conf("",
	    "public_url = { \"https://A.example:443/App/\", \"http://127.0.0.1:8080\", "
	    "\"https://[::0:1]:444\" }\n"
	    "auth_path = /oauth2/\nworkers = 3\nuser = root\nshutdown_timeout = 90\n"
	    "trusted_proxies = { \"10.0.0.0/8\", \"unix:\", \"fd00::/8\" }\n"
	    "log { level = debug format = json access = off file = \"${D}/x.log\" }\n"
	    "limits { max_connections = 7 header_size = 64K body_size = \"10m\" header_timeout = \"500ms\" "
	    "idle_timeout = 1m }\n"
	    "admin \"unix:/run/wp.sock\" { allow = \"127.0.0.1\" }\n"
	    "listen \"*:443\" { tls_certificate = \"${D}/tls.crt\" tls_certificate_key = \"${D}/tls.key\" "
	    "tls_min_version = 1.3 hsts = \"2d\" }",
	    ""));
	const struct conf_listen *l = &c->listens[0];

	ck_assert_uint_eq(c->n_origins, 3);
	ck_assert_str_eq(c->origins[0].url, "https://A.example:443/App");
	ck_assert_str_eq(c->origins[0].origin, "https://a.example");
	ck_assert_str_eq(c->origins[0].host, "a.example");
	ck_assert_str_eq(c->origins[0].path, "/App");
	ck_assert(c->origins[0].https && !c->origins[1].https);
	ck_assert_str_eq(c->origins[1].origin, "http://127.0.0.1:8080");
	ck_assert_str_eq(c->origins[1].path, "");
	ck_assert_str_eq(c->origins[2].origin, "https://[::1]:444");
	ck_assert_str_eq(c->auth_path, "/oauth2");
	ck_assert_str_eq(c->providers[0].callback_path, "/oauth2/callback");
	ck_assert(c->workers == 3 && c->shutdown_timeout == 90000);
	ck_assert_str_eq(c->user, "root");
	ck_assert(c->trusted_proxies.n == 2 && c->trusted_proxies.unix_sockets);
	ck_assert(c->trusted_proxies.v[0].bits == 104 && c->trusted_proxies.v[1].bits == 8);
	ck_assert(c->log.level == LOG_LEVEL_DEBUG && c->log.format == LOG_FORMAT_JSON);
	ck_assert_str_eq(c->log.access, "off");
	ck_assert_str_eq(c->log.file, fixture_path("x.log"));
	ck_assert(c->limits.max_connections == 7 && c->limits.header_size == 65536 &&
		  c->limits.body_size == 10485760);
	ck_assert(c->limits.header_timeout == 500 && c->limits.idle_timeout == 60000);
	ck_assert_uint_eq(c->n_listens, 3);
	ck_assert(l->tls_min_version == 0x0304 && l->hsts == INT64_C(2) * 86400 * 1000 && l->at.line == 10);
	expect_list(&l->tls_certificate, fixture_path("tls.crt"));
	expect_list(&l->tls_certificate_key, fixture_path("tls.key"));
	ck_assert(!c->listens[1].admin && c->listens[2].admin && c->listens[2].allow.n == 1);
	ck_assert_uint_eq(c->listens[2].allow.v[0].bits, 128);
	conf_free(&c);
}
END_TEST

START_TEST(what_is_set_for_the_provider_is_stored)
{
	struct conf *c = load_good(fixture_conf("provider",
	    "kind = keycloak\ndiscovery = document\ndiscovery_url = \"http://localhost:9/d?p=1\"\nissuer = "
	    "\"https://op/\"\n"
	    "authorization_endpoint = \"https://op/a\"\ntoken_endpoint = \"https://op/t\"\njwks_uri = "
	    "\"https://op/k\"\n"
	    "userinfo_endpoint = \"https://op/u\"\nend_session_endpoint = \"https://op/e\"\n"
	    "callback_path = \"/oidcServices/signinresponse\"\nclient_id = \"${CID:-x y}\"\n"
	    "client_secret_file = \"${D}/client.secret\"\ntoken_endpoint_auth_method = client_secret_post\n"
	    "scopes = { \"email\", \"openid\" }\nadditional_scopes = \"groups, offline_access,,email\"\n"
	    "authorization_parameters = { \"domain_hint=a=b\", \"x=\" }\npkce = off\nuserinfo = yes\n"
	    "id_token_signed_response_alg = { \"ES256\", \"PS512\" }\nusername_claim = { \"upn\", \"email\" "
	    "}\n"
	    "decode_access_token = no\nclock_tolerance = 0\nmetadata_refresh = \"10m\"\ntimeout = \"3s\"\n"
	    "tls_ca = \"${D}/tls.crt\"\nproxy = 'http://u:p@proxy:3128'",
	    ""));
	const struct conf_provider *p = &c->providers[0];

	ck_assert_str_eq(p->kind, "keycloak");
	ck_assert_str_eq(p->discovery_url, "http://localhost:9/d?p=1");
	ck_assert_str_eq(p->issuer, "https://op/");
	ck_assert_str_eq(p->authorization_endpoint, "https://op/a");
	ck_assert_str_eq(p->token_endpoint, "https://op/t");
	ck_assert_str_eq(p->jwks_uri, "https://op/k");
	ck_assert_str_eq(p->userinfo_endpoint, "https://op/u");
	ck_assert_str_eq(p->end_session_endpoint, "https://op/e");
	ck_assert_str_eq(p->callback_path, "/oidcServices/signinresponse");
	ck_assert_str_eq(p->client_id, "x y");
	expect_secret(p->client_secret, "s3cr3t");
	ck_assert(p->token_endpoint_auth_method == AUTH_METHOD_POST && !p->pkce && p->userinfo);
	expect_list(&p->scopes, "openid email groups offline_access");
	expect_list(&p->authorization_parameters, "domain_hint=a=b x=");
	expect_list(&p->id_token_signed_response_alg, "ES256 PS512");
	expect_list(&p->username_claim, "upn email");
	ck_assert(p->clock_tolerance == 0 && p->metadata_refresh == 600000 && p->timeout == 3000);
	ck_assert_str_eq(p->tls_ca, fixture_path("tls.crt"));
	ck_assert_str_eq(p->proxy, "http://u:p@proxy:3128");
	conf_free(&c);
}
END_TEST

START_TEST(what_is_set_for_the_session_is_stored)
{
	struct conf *c;

	fixture_write("both.secret", GOOD_SECRET "\r\n\n" GOOD_SECRET "X", 0640);
	c = load_good(fixture_conf("session",
	    "secret_file = \"${D}/both.secret\"\nsealing_secret = '" GOOD_SECRET
	    "Y'\ncookie = wf\ncookie_prefix = none\n"
	    "same_site = strict\ndomain = \".Example.com\"\npath = \"/\"\ntimeout = 8h\npass_cookie = "
	    "yes\norigin_check = no\n"
	    "encrypt = no\nstore = cookie\nrefresh = no\nidle_timeout = 30m\niframe_refresh = "
	    "no\npreserve_post = no",
	    ""));
	ck_assert_uint_eq(c->session.n_secrets, 2);
	expect_secret(c->session.secrets[0], GOOD_SECRET);
	expect_secret(c->session.secrets[1], GOOD_SECRET "X");
	expect_secret(c->session.sealing_secret, GOOD_SECRET "Y");
	ck_assert_str_eq(c->session.cookie, "wf");
	ck_assert(!c->session.cookie_prefix && c->session.same_site == SAME_SITE_STRICT);
	ck_assert(!c->session.refresh && c->session.store == TOKENS_IN_COOKIE && !c->session.encrypt);
	ck_assert_int_eq(c->session.idle_timeout, 1800000);
	ck_assert_str_eq(c->session.domain, "example.com");
	ck_assert_str_eq(c->session.path, "/");
	ck_assert(c->session.timeout == 28800000 && c->session.pass_cookie && !c->session.origin_check);
	conf_free(&c);
}
END_TEST

START_TEST(what_is_set_for_an_upstream_is_stored)
{
	struct conf *c = load_good(fixture_conf("upstream",
	    "servers = { \"http://a:80/\", \"https://[fd00::1]:8443\", \"unix:/run/app.sock\", \"https://b\" "
	    "}\n"
	    "balance = least_conn\nkeepalive = 0\nconnect_timeout = 1\nresponse_timeout = 2\nhealth_check = "
	    "\"/h?x=%20\"\n"
	    "health_interval = 3\ntls_ca = \"${D}/tls.crt\"\ntls_verify = no\ntls_certificate = "
	    "\"${D}/tls.crt\"\n"
	    "tls_certificate_key = \"${D}/tls.key\"\npreserve_host = no",
	    ""));
	const struct conf_upstream *u = &c->upstreams[0];

	ck_assert_uint_eq(u->n_servers, 4);
	ck_assert_str_eq(u->servers[0].url, "http://a:80/");
	ck_assert_str_eq(u->servers[0].authority, "a");
	ck_assert(u->servers[0].port == 80 && !u->servers[0].tls && !u->servers[0].unix_socket);
	ck_assert_str_eq(u->servers[1].host, "fd00::1");
	ck_assert_str_eq(u->servers[1].authority, "[fd00::1]:8443");
	ck_assert(u->servers[1].tls && u->servers[1].port == 8443);
	ck_assert_str_eq(u->servers[2].host, "/run/app.sock");
	ck_assert(u->servers[2].unix_socket && strcmp(u->servers[2].authority, "localhost") == 0);
	ck_assert_str_eq(u->servers[3].authority, "b");
	ck_assert(
	    u->balance == BALANCE_LEAST_CONN && u->keepalive == 0 && !u->tls_verify && !u->preserve_host);
	ck_assert(u->connect_timeout == 1000 && u->response_timeout == 2000 && u->health_interval == 3000);
	ck_assert_str_eq(u->health_check, "/h?x=%20");
	ck_assert_str_eq(u->tls_ca, fixture_path("tls.crt"));
	ck_assert_str_eq(u->tls_certificate, fixture_path("tls.crt"));
	ck_assert_str_eq(u->tls_certificate_key, fixture_path("tls.key"));
	conf_free(&c);
}
END_TEST

START_TEST(what_is_set_for_a_route_is_stored)
{
	struct conf *c;
	const struct conf_route *r;

	fixture_write("good.headers", "X-A=1\nX-B=2\n", 0600);
	c = load_good(fixture_conf("",
	    "route \"Flow.Example.com/App/\" {\nupstream = \"http://127.0.0.1:4000\"\nauth = "
	    "session\nprovider = main\n"
	    "claims = { \"groups~staff\", \"'a=b'=c~d\", \"dep=a=b\" }\nunauthenticated = "
	    "401\nusername_header = X-User\n"
	    "username_match = \"^(.*)@x$\"\nusername_replace = '\\1\\\\\\0'\nusername_prefix = \"CORP\\\\\"\n"
	    "claim_headers = { \"X-Mail=email\", \"X-R=realm.roles=x\" }\nset_headers = { \"X-Key= a=b \" }\n"
	    "pass_authorization = yes\nstrip_prefix = yes\naccess_denied_url = \"/denied\"\npath_case = "
	    "insensitive\n"
	    "windows_paths = yes\n}\nroute \"/open\" {\nupstream = \"http://127.0.0.1:4000\"\nauth = none\n"
	    "set_headers_file = \"${D}/good.headers\"\n}",
	    ""));
	r = &c->routes[0];
	ck_assert_str_eq(r->host, "flow.example.com");
	ck_assert_str_eq(r->path, "/App");
	ck_assert_uint_eq(c->n_upstreams, 2);
	ck_assert(r->upstream == 1 && c->routes[1].upstream == 1 && c->routes[2].upstream == 0);
	ck_assert_str_eq(c->upstreams[1].name, "http://127.0.0.1:4000");
	ck_assert(c->upstreams[1].n_servers == 1 && c->upstreams[1].servers[0].port == 4000 &&
		  c->upstreams[1].keepalive == 64);
	ck_assert(r->auth == AUTH_SESSION && c->routes[1].auth == AUTH_NONE &&
		  r->unauthenticated == UNAUTHENTICATED_401);
	ck_assert_uint_eq(r->n_claims, 3);
	ck_assert(strcmp(r->claims[0].claim, "groups") == 0 && r->claims[0].contained);
	ck_assert(strcmp(r->claims[1].claim, "a=b") == 0 && strcmp(r->claims[1].value, "c~d") == 0 &&
		  !r->claims[1].contained);
	ck_assert(strcmp(r->claims[2].claim, "dep") == 0 && strcmp(r->claims[2].value, "a=b") == 0);
	ck_assert_str_eq(r->username_header, "X-User");
	ck_assert_str_eq(r->username_match, "^(.*)@x$");
	ck_assert_str_eq(r->username_replace, "\\1\\\\\\0");
	ck_assert_str_eq(r->username_prefix, "CORP\\");
	ck_assert(r->n_claim_headers == 2 && strcmp(r->claim_headers[1].claim, "realm.roles=x") == 0);
	ck_assert(r->n_set_headers == 1 && strcmp(r->set_headers[0].value, "a=b") == 0);
	ck_assert(r->pass_authorization && r->strip_prefix && r->windows_paths &&
		  r->path_case == PATH_CASE_INSENSITIVE);
	ck_assert_str_eq(r->access_denied_url, "/denied");
	ck_assert(c->routes[1].n_set_headers == 2 && strcmp(c->routes[1].set_headers[1].value, "2") == 0);
	conf_free(&c);
}
END_TEST

/* --- the environment of the process ----------------------------------------------- */

START_TEST(sockets_that_systemd_hands_over_are_listeners_enough)
{
	struct conf *c;

	ck_assert_int_eq(setenv("LISTEN_FDS", "1", 1), 0);
	c = load_good(fixture_conf("", "", "listen"));
	ck_assert_uint_eq(c->n_listens, 0);
	conf_free(&c);
	ck_assert_int_eq(unsetenv("LISTEN_FDS"), 0);
}
END_TEST

START_TEST(variables_stand_in_double_quotes_only)
{
	struct conf *c;

	ck_assert_int_eq(setenv("WP_TEST", "a\"b", 1), 0);
	ck_assert_int_eq(setenv("WP_EMPTY", "", 1), 0);
	c = load_good(fixture_conf("provider",
	    "client_id = \"\\${WP_TEST}:$x:${WP_TEST}:${WP_EMPTY}:${WP_EMPTY:-d}:${NOPE:-}\\x21\"", ""));
	ck_assert_str_eq(c->providers[0].client_id, "${WP_TEST}:$x:a\"b::d:!");
	conf_free(&c);
	c = load_good(fixture_conf("provider", "client_id = '${WP_TEST}\\n#'", ""));
	ck_assert_str_eq(c->providers[0].client_id, "${WP_TEST}\\n#");
	conf_free(&c);
}
END_TEST

static const struct {
	const char *group, *path, *text, *path2, *text2;
	unsigned most;
} quotas[] = {
	{ "0::/\n", "sys/fs/cgroup/cpu.max", "max 100000\n", NULL, NULL, 1000 },
	{ "0::/\n", "sys/fs/cgroup/cpu.max", "100000 100000\n", NULL, NULL, 1 },
	{ "0::/a/b\n", "sys/fs/cgroup/a/cpu.max", "50000 100000\n", NULL, NULL, 1 },
	{ "3:cpuset:/\n2:cpu,cpuacct:/d\n", "sys/fs/cgroup/cpu,cpuacct/d/cpu.cfs_quota_us", "10000\n",
	    "sys/fs/cgroup/cpu,cpuacct/d/cpu.cfs_period_us", "100000\n", 1 },
	{ "2:cpu:/d\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us",
	    "100000\n", 1000 },
	{ "nonsense\n:\n0::\n", "sys/fs/cgroup/cpu.max", "x y\n", NULL, NULL, 1000 },
};

START_TEST(a_quota_of_cpus_counts)
{
	const char *root = mem_printf(fixture_mem, "%s/root%d", fixture_dir, _i), *paths[2];
	unsigned all = cpus_count("/nowhere"), want = quotas[_i].most < all ? quotas[_i].most : all;

	paths[0] = quotas[_i].path;
	paths[1] = quotas[_i].path2;
	ck_assert_int_eq(system(mem_printf(fixture_mem,
			     "cd %s && mkdir -p root%d/proc/self && for d in %s %s; do "
			     "mkdir -p root%d/${d%%/*}; done",
			     fixture_dir, _i, paths[0], paths[1] == NULL ? paths[0] : paths[1], _i)),
	    0);
	fixture_write(mem_printf(fixture_mem, "root%d/proc/self/cgroup", _i), quotas[_i].group, 0600);
	fixture_write(mem_printf(fixture_mem, "root%d/%s", _i, paths[0]), quotas[_i].text, 0600);
	if (paths[1] != NULL)
		fixture_write(mem_printf(fixture_mem, "root%d/%s", _i, paths[1]), quotas[_i].text2, 0600);
	ck_assert_uint_eq(cpus_count(root), want);
	ck_assert_uint_ge(all, 1);
}
END_TEST

/* --- lists of networks -------------------------------------------------------------- */

static const struct {
	const char *address;
	bool in;
} addresses[] = {
	{ "::ffff:10.0.0.1", true },
	{ "::ffff:10.255.255.255", true },
	{ "::ffff:11.0.0.0", false },
	{ "::ffff:192.168.1.130", true },
	{ "::ffff:192.168.1.127", false },
	{ "fd00::1", true },
	{ "fe00::1", false },
	{ "2001:db8::1", true },
	{ "2001:db8::2", false },
	{ "::10.0.0.1", false },
};

START_TEST(an_address_is_in_a_network_or_not)
{
	struct conf *c = load_good(fixture_conf("",
	    "trusted_proxies = { \"10.0.0.0/8\", \"192.168.1.128/25\", \"fd00::/8\", \"2001:db8::1\" }", ""));
	struct conf_peers none = { 0, NULL, false };
	struct in6_addr a;

	ck_assert_int_eq(inet_pton(AF_INET6, addresses[_i].address, &a), 1);
	ck_assert_int_eq(conf_peers_has(&c->trusted_proxies, &a), addresses[_i].in);
	ck_assert(!conf_peers_has(&none, &a));
	conf_free(&c);
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	Suite *s = suite_create("conf/load");
	TCase *t = tcase_create("load");
	SRunner *r;
	int failed;

	tcase_add_unchecked_fixture(t, fixture_begin, fixture_end);
	tcase_add_test(t, what_is_not_set_has_the_default_of_the_contract);
	tcase_add_test(t, a_provider_has_the_defaults_of_the_contract);
	tcase_add_test(t, session_upstream_and_route_have_the_defaults_of_the_contract);
	tcase_add_test(t, what_is_set_at_the_top_is_stored);
	tcase_add_test(t, what_is_set_for_the_provider_is_stored);
	tcase_add_test(t, what_is_set_for_the_session_is_stored);
	tcase_add_test(t, what_is_set_for_an_upstream_is_stored);
	tcase_add_test(t, what_is_set_for_a_route_is_stored);
	tcase_add_test(t, sockets_that_systemd_hands_over_are_listeners_enough);
	tcase_add_test(t, variables_stand_in_double_quotes_only);
	tcase_add_loop_test(t, a_quota_of_cpus_counts, 0, ROWS(quotas));
	tcase_add_loop_test(t, an_address_is_in_a_network_or_not, 0, ROWS(addresses));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
