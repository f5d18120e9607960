/*
 * conf/conf.h - the configuration file, read once, then constant
 *
 * conf_load() returns a finished struct conf or a report of everything that
 * is wrong with the file; there is no half-read configuration.  The settings,
 * one row each, are in conf/settings.c: section, name, type, default, bounds,
 * one sentence of help, and whether anything acts on the key yet.  The example
 * file and `help` are printed from the same rows.
 *
 * No module sees struct conf as a whole: oidc/ is given a struct
 * conf_provider, session/ a struct conf_session, and so on.
 *
 * Units: durations are milliseconds in int64_t (0 where the contract says
 * "none"), sizes are bytes in uint64_t.  Texts are terminated, owned by the
 * struct conf, never NULL unless "may be NULL" is said.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <openssl/types.h>

#include "conf/err.h"
#include "conf/log.h"
#include "conf/secret.h"

struct conf_strings {
	size_t n;
	const char **v;
};

/* "claim=value" (equal, or an element of the array is), "claim~value" (an element of the array is). */
struct conf_claim_rule {
	const char *claim;
	const char *value;
	bool contained; /* '~' */
};

/* Where a value was written, for messages that come later than the parse. */
struct conf_place {
	const char *file; /* "" for a default */
	int line;
};

/* One public_url: scheme://host[:port][/path], in canonical form. */
struct conf_origin {
	const char *url; /* as configured, without a trailing slash: the session's `iss` */
	const char
	    *origin; /* "https://flow.example.com", "http://127.0.0.1:8080": no path, default port left out */
	const char *host; /* lower case, no port; IPv6 in brackets */
	const char *path; /* "" or "/app": canonical, no trailing slash */
	bool https;
};

/* An IP network; IPv4 is kept as ::ffff:0:0/96. */
struct conf_cidr {
	struct in6_addr addr;
	unsigned bits; /* 0..128 */
};
struct conf_peers {
	size_t n;
	struct conf_cidr *v;
	bool unix_sockets; /* "unix:" */
};

struct conf_listen {
	const char *address; /* the title: "127.0.0.1:8080", "[::1]:80", "*:443", "unix:/run/wp.sock" */
	struct conf_strings tls_certificate, tls_certificate_key; /* same length; empty: plain */
	int tls_min_version;                                      /* 0x0303 = TLS 1.2, 0x0304 = TLS 1.3 */
	bool http2;                                               /* only with TLS */
	bool proxy_protocol;                                      /* read from trusted_proxies only */
	bool https_redirect;
	int64_t hsts;            /* ms; 0: no header */
	bool admin;              /* an `admin` section: only the admin endpoints answer here */
	struct conf_peers allow; /* admin only; empty: anyone who reaches the address */
	struct secret *token;    /* admin only; may be NULL */
	struct conf_place at;
};

struct conf_limits {
	uint64_t max_connections;
	uint64_t header_size;
	uint64_t body_size;
	int64_t header_timeout, idle_timeout, body_timeout, stream_timeout;
	uint64_t logins_per_minute;
};

/* Where a provider's keys come from. */
enum conf_discovery { DISCOVERY_DOCUMENT, DISCOVERY_JWKS, DISCOVERY_FEDERATION, DISCOVERY_STORE };

enum conf_find {
	FIND_THUMBPRINT,
	FIND_THUMBPRINT_SHA256,
	FIND_SUBJECT_NAME,
	FIND_SUBJECT_DN,
	FIND_ISSUER_NAME,
	FIND_SERIAL_NUMBER,
	FIND_SUBJECT_KEY_IDENTIFIER,
	FIND_FILE
};

/* One `certificate` of a provider with discovery = "store"; conf/certs.h finds it. */
struct conf_certificate {
	const char *name; /* the title; a token's kid may name it */
	enum conf_find find;
	const char *value;            /* NULL with FIND_FILE */
	const char *directory, *file; /* one of them; the other is NULL */
	bool require_valid;           /* inside its dates */
	const char *ca;               /* may be NULL: it needs no authority */
	struct conf_place at;
};

enum conf_auth_method {
	AUTH_METHOD_BASIC,
	AUTH_METHOD_POST,
	AUTH_METHOD_NONE,
	AUTH_METHOD_SECRET_JWT,
	AUTH_METHOD_KEY_JWT
};

struct conf_provider {
	const char *name; /* the title */
	const char *kind; /* a row of oidc/kinds.c */
	enum conf_discovery discovery;
	const char *discovery_url; /* NULL with DISCOVERY_STORE */
	const char *issuer;        /* may be NULL: from the document */
	/* by hand; each may be NULL: from the document */
	const char *authorization_endpoint, *token_endpoint, *jwks_uri, *userinfo_endpoint,
	    *end_session_endpoint;
	const char *introspection_endpoint, *revocation_endpoint, *check_session_iframe;
	struct conf_strings tenants; /* accepted `tid`s, lower case; without an element: not multi-tenant */
	const char *callback_path;   /* below public_url's path, e.g. "/auth/callback" */
	const char *client_id;
	struct secret *client_secret; /* may be NULL */
	enum conf_auth_method token_endpoint_auth_method;
	EVP_PKEY *client_private_key;                 /* RSA or EC; NULL where nothing is signed with it */
	const char *client_x5t, *client_x5t_s256;     /* thumbprints of client_certificate; may be NULL */
	const char *client_key_id;                    /* `kid` of what it signs; may be NULL */
	const char *client_assertion_audience;        /* "token_endpoint", "issuer"; may be NULL: by kind */
	struct conf_strings scopes;                   /* additional_scopes included; always has openid */
	bool scopes_by_hand;                          /* `scopes` is set: nothing is added to it */
	struct conf_strings authorization_parameters; /* "name=value", names checked */
	const char *resource;                         /* may be NULL */
	bool authorize_by_post;                       /* authorization_request_method */
	bool form_post;                               /* response_mode */
	const char *prompt;                           /* may be NULL */
	const int64_t *max_age;                       /* ms; NULL: not asked for */
	struct conf_strings acr_values;
	const char *login_hint_parameter; /* may be NULL */
	bool pkce;
	struct conf_strings id_token_signed_response_alg;
	/* access tokens: what they must be; a list without an element: by kind, or from the document */
	struct conf_strings access_token_issuer;
	struct conf_strings access_token_signed_alg; /* never empty */
	struct conf_strings access_token_username_claim, app_id_claim, scope_claim, roles_claim;
	struct conf_claim_rule *app_only; /* any one of them proves that a token has no user */
	size_t n_app_only;
	struct conf_strings audience;
	bool decode_access_token;           /* they are read and checked; else opaque */
	struct conf_strings username_claim; /* the first present counts; by kind when not set */
	bool userinfo;
	int64_t clock_tolerance, metadata_refresh, timeout;
	const char *tls_ca;                    /* may be NULL: the system's */
	const char *proxy;                     /* may be NULL: the environment decides */
	struct conf_certificate *certificates; /* with DISCOVERY_STORE, at least one */
	size_t n_certificates;
	struct conf_place at;
};

/* A token that the proxy obtains for an upstream. */
struct conf_outbound {
	const char *name; /* the title */
	bool own;         /* token endpoint and client are its own: `client`; else a provider's */
	size_t provider;  /* index; not with `own` */
	bool by_user;     /* grant = "refresh_token": the signed-in user's own token; never with `own` */
	struct conf_provider client;  /* of which only what the token request needs is set; only with `own` */
	const char *scope, *resource; /* each may be NULL */
	struct conf_place at;
};

enum conf_same_site { SAME_SITE_LAX, SAME_SITE_STRICT, SAME_SITE_NONE };

/* Where the tokens of a session are. */
enum conf_store { TOKENS_IN_COOKIE, TOKENS_IN_MEMORY, TOKENS_IN_REDIS };

/* redis://[user:password@]host:port/db */
struct conf_redis {
	const char *host; /* NULL: there is no Redis */
	const char *at;   /* "redis://host:port/db", without credentials: for messages */
	uint16_t port;
	bool tls;
	const char *user;        /* may be NULL */
	struct secret *password; /* may be NULL */
	unsigned db;
	const char *prefix; /* in front of every key */
	const char *tls_ca; /* may be NULL: the system's */
};

struct conf_session {
	struct secret **secrets; /* the first signs, all verify */
	size_t n_secrets;
	struct secret *sealing_secret; /* may be NULL: derived from the first secret */
	const char *cookie;            /* without prefix */
	bool cookie_prefix;            /* __Host- where it is allowed */
	enum conf_same_site same_site;
	const char *domain;                   /* may be NULL: host only */
	const char *path;                     /* may be NULL: public_url's path, "/" when that is empty */
	int64_t timeout;                      /* 0: ends with the token */
	int64_t idle_timeout, mobile_timeout; /* 0: none */
	struct conf_strings mobile_clients;   /* application ids; without an element: POST token is 404 */
	bool encrypt;                         /* the cookie is a JWE */
	enum conf_store store;
	struct conf_redis redis; /* also beside TOKENS_IN_COOKIE */
	int64_t revocation_stale;
	bool refresh, iframe_refresh;
	const char *revocations; /* a file; may be NULL; never with Redis */
	bool preserve_post;
	uint64_t preserve_post_size;
	int64_t preserve_post_time;
	bool pass_cookie;
	bool origin_check;
};

struct conf_server {
	const char *url;       /* as written */
	const char *host;      /* name or address without brackets; for unix: the path */
	const char *authority; /* "host:port" as it belongs into Host: default port left out */
	uint16_t port;
	bool tls;
	bool unix_socket;
};

enum conf_balance { BALANCE_ROUND_ROBIN, BALANCE_LEAST_CONN };

struct conf_upstream {
	const char *name; /* the title, or the URL for one that a route names by URL */
	struct conf_server *servers;
	size_t n_servers;
	enum conf_balance balance;
	uint64_t keepalive;
	int64_t connect_timeout, response_timeout, health_interval;
	const char *health_check; /* may be NULL: a connection is check enough */
	const char *tls_ca;       /* may be NULL */
	bool tls_verify;
	const char *tls_certificate, *tls_certificate_key; /* both or none; may be NULL */
	bool preserve_host;
	struct conf_place at;
};

/* A certificate or secret that runs out. */
struct conf_expiry {
	const char *what; /* which setting, and the file it names */
	int64_t ends;     /* seconds since 1970 */
};

/* A program that calls with a token of its own, without a user. */
struct conf_client {
	const char *name; /* the title */
	size_t provider;  /* index */
	const char *client_id;
	const char *username; /* whom it acts as */
	bool active;
	struct conf_strings scopes;    /* its tokens must have all */
	struct conf_strings app_roles; /* and one of these */
	struct conf_place at;
};

enum conf_auth { AUTH_NONE, AUTH_SESSION, AUTH_BEARER, AUTH_ANY };
enum conf_unauthenticated { UNAUTHENTICATED_AUTO, UNAUTHENTICATED_REDIRECT, UNAUTHENTICATED_401 };
enum conf_path_case { PATH_CASE_STRICT, PATH_CASE_SENSITIVE, PATH_CASE_INSENSITIVE };

struct conf_claim_header {
	const char *header;
	const char *claim;
};
struct conf_set_header {
	const char *name;
	const char *value; /* may be secret: never logged */
};

struct conf_route {
	const char *title;
	const char *host;   /* lower case, no port; NULL: any host that no title names */
	const char *path;   /* canonical; "/" or without a trailing slash */
	size_t upstream;    /* index into conf.upstreams; SIZE_MAX when only_verified */
	bool only_verified; /* it has no upstream: only `verify` knows it, requests for it get 404 */
	size_t *providers;  /* indices; whose sessions and tokens open it; at least one */
	size_t n_providers;
	enum conf_auth auth;
	enum conf_unauthenticated unauthenticated;
	const char *username_header;
	const char *username_match;   /* POSIX ERE; may be NULL */
	const char *username_replace; /* may be NULL: \0 */
	const char *username_prefix;  /* may be NULL */
	struct conf_claim_rule *claims;
	size_t n_claims;
	struct conf_strings scopes; /* a user's token must have all */
	struct conf_strings
	    app_roles; /* a program's token one of them; empty: the client's own demands count */
	struct conf_strings cors_origins; /* in canonical form, as browsers send them */
	struct conf_claim_header *claim_headers;
	size_t n_claim_headers;
	struct conf_set_header *set_headers;
	size_t n_set_headers;
	const char *access_token_header, *id_token_header; /* each may be NULL */
	bool pass_authorization;
	size_t outbound; /* index into conf.outbounds, plus one; 0: none */
	bool strip_prefix;
	const char *access_denied_url; /* may be NULL */
	enum conf_path_case path_case;
	bool windows_paths;
	struct conf_place at;
};

/* The pages that an operator may write himself: conf/conf_pages.h. */
enum conf_page {
	CONF_PAGE_ERROR,
	CONF_PAGE_ACCESS_DENIED,
	CONF_PAGE_CHOOSE,
	CONF_PAGE_LOGOUT,
	CONF_PAGE_SIGNED_OUT,
	CONF_PAGES
};
struct template;
struct conf_templates {
	const struct template *v[CONF_PAGES]; /* NULL: built in */
};

struct conf {
	const char *file;
	struct conf_origin *origins; /* public_url, at least one */
	size_t n_origins;
	const char *auth_path; /* "/auth": below every origin's path */
	unsigned workers;
	const char *user; /* may be NULL */
	struct conf_templates templates;
	struct conf_peers trusted_proxies;
	int64_t shutdown_timeout;
	struct log_setup log;
	struct conf_limits limits;
	struct conf_listen *listens; /* `admin` sections are among them */
	size_t n_listens;
	struct conf_provider *providers;
	size_t n_providers;
	struct conf_session session;
	struct conf_client *clients;
	size_t n_clients;
	struct conf_upstream *upstreams;
	size_t n_upstreams;
	struct conf_outbound *outbounds;
	size_t n_outbounds;
	struct conf_route *routes;
	size_t n_routes;
	struct conf_expiry *expiries;
	size_t n_expiries;
	void *owner; /* what the texts above live in */
};

/*
 * What a load has to say: every mistake and warning, in the file's order, as
 * "FILE:LINE: key: what is wrong; what is accepted".
 */
struct conf_message {
	bool warning;
	char *text;
};
struct conf_report {
	struct conf_message *v;
	size_t n;
	size_t mistakes; /* those that are not warnings */
};

/*
 * Read and check `path` and every file it names.  NULL when there is a
 * mistake; *report is filled either way (it must be zeroed before) and freed
 * with conf_report_free().  Reads files and resolves no names.  Relative paths
 * in the file are seen from the folder of the file that they stand in.  One
 * load at a time: libconfuse keeps its lexer's state for itself.
 */
struct conf *conf_load(const char *path, struct conf_report *report) MUST_CHECK;

/* The same for a text in memory; includes are not followed, and relative paths are those beside `name`. */
struct conf *conf_parse(const char *name, struct str text, struct conf_report *report) MUST_CHECK;

void conf_free(struct conf **c); /* secrets are wiped */
void conf_report_free(struct conf_report *r);

/*
 * Print workflow-proxy.conf.example, or the reference of one section ("" for
 * the top level, NULL for all), from the table of settings.
 */
void conf_print_example(FILE *out);
void conf_print_help(FILE *out, const char *section);
/* The files that `pages` may hold, and what each may name. */
void conf_pages_print_help(FILE *out);

/* A warning in the log for everything that runs out within 30 days of `now` (seconds since 1970), or has. */
void conf_expiry_log(const struct conf *c, int64_t now);

/* Is this address (IPv4 as ::ffff:a.b.c.d) in the list? */
bool conf_peers_has(const struct conf_peers *p, const struct in6_addr *addr);

#endif
