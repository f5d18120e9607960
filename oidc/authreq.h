/*
 * oidc/authreq.h - one sign-in attempt, as the browser carries it
 *
 * The browser holds one binding cookie, however many sign-ins it begins.  All
 * else travels in `state`, sealed: which provider, where to return, which
 * attempt, when, and a hash of the binding cookie.  Nonce and PKCE verifier
 * are derived from our key, the flow's id and the binding cookie, so nothing
 * secret travels and nothing is kept on the server.
 *
 * Pure: keys and the time are given.
 */
#ifndef OIDC_AUTHREQ_H
#define OIDC_AUTHREQ_H
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "oidc/discovery.h"

#define AUTHREQ_LIFE         (30 * 60) /* seconds a state may be redeemed */
#define AUTHREQ_TARGET_MAX   1024      /* bytes; a longer page to return to becomes "/" */
#define AUTHREQ_PROVIDER_MAX 255       /* bytes of a provider's name */
#define AUTHREQ_STATE_MAX    1856      /* bytes of a state; longer ones are none of ours */

/* Derived once per snapshot from session.sealing_secret. */
struct authreq_keys {
	unsigned char seal[32];  /* state: AES-256-GCM */
	unsigned char nonce[32]; /* HMAC */
	unsigned char pkce[32];  /* HMAC */
};
void authreq_keys_derive(struct str root, struct authreq_keys *out);

struct authreq {
	unsigned char flow[16]; /* random; a redeemed one is remembered by the caller */
	struct str provider;    /* conf_provider.name */
	struct str target;      /* path to return to, url_is_local_path() */
	unsigned attempt;       /* 0, and 1 after a silent restart */
	unsigned round;         /* at most 255: sign-ins of this browser that were done when this one began */
	int64_t issued;         /* seconds since 1970 */
};

/*
 * The state of flow *a for this binding cookie value, which is not empty; in
 * m, base64url.  A target that is too long becomes "/".
 */
struct str authreq_seal(
    const struct authreq_keys *k, const struct authreq *a, struct str binding, struct mem *m);

enum authreq_result {
	AUTHREQ_OK,
	AUTHREQ_UNKNOWN, /* not ours, or altered */
	AUTHREQ_STALE,   /* ours and of this browser, but too old (*out is filled) */
	AUTHREQ_FOREIGN, /* ours, but begun by another browser, or the cookie is missing (*out is filled) */
};
/*
 * `binding` may be empty: then nothing is of this browser.  *out's texts live
 * in m; its target is a local path whatever was sealed.
 */
enum authreq_result authreq_open(const struct authreq_keys *k, struct str state, struct str binding,
    int64_t now, struct authreq *out, struct mem *m);

/*
 * 43 characters of base64url each, the same for the same flow and binding.
 * They are wiped with m.
 */
struct str authreq_nonce(
    const struct authreq_keys *k, const struct authreq *a, struct str binding, struct mem *m);
struct str authreq_verifier(
    const struct authreq_keys *k, const struct authreq *a, struct str binding, struct mem *m);

/*
 * What one sign-in asks of the provider (Core 3.1.2.1, RFC 7636 4.3, OAuth 2.0
 * Form Post Response Mode), each parameter once: what the configuration says,
 * authorization_parameters, and what is this sign-in's own.
 */
struct authreq_ask {
	const struct conf_provider *client;
	const char *redirect_uri;
	struct str state, nonce, verifier;
	const char *prompt;    /* in place of the configured one; may be NULL */
	struct str login_hint; /* "" or unset: none */
	bool refresh;          /* refresh tokens are wanted: what the kind needs for that is asked for */
};
struct authreq_params {
	size_t n;
	struct authreq_param {
		const char *name;
		struct str value;
	} * v;
};
struct authreq_params *authreq_params(const struct authreq_ask *a, struct mem *m);

/* By GET: the URL to send the browser to. */
char *authreq_url(const char *endpoint, const struct authreq_params *p, struct mem *m);
/* By POST: where the form goes.  The endpoint's own parameters stay, but for those that we set. */
char *authreq_endpoint(const char *endpoint, const struct authreq_params *p, struct mem *m);

#endif
