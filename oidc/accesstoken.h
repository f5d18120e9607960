/*
 * oidc/accesstoken.h - the one place where an access token becomes a principal
 *
 * accesstoken_verify() holds a token that a program presents to us against one
 * provider: signature, kind of token, issuer, audience, time, then who it
 * speaks for (RFC 9068 4, RFC 8725 3).  aud, iss and exp are always demanded.
 * What else must not pass for an access token is refused: ID tokens, logout
 * tokens, refresh tokens, our own session, tokens bound to a key that a bearer
 * cannot prove to have (cnf).
 *
 * Whether a token has a user is decided before anybody looks for a name: a
 * program's id must never become a person's.  What is not proven to be a
 * program is delegated, and then must name its user.
 *
 * What a route demands is proxy/bearer.c's business.
 *
 * Pure: no network, no clock (`now` is given), no globals.
 */
#ifndef OIDC_ACCESSTOKEN_H
#define OIDC_ACCESSTOKEN_H
#include <jansson.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"

struct jwks;

/* Everything a token is held against.  All borrowed for the call. */
struct accesstoken_check {
	const struct conf_provider *provider; /* whose decode_access_token is set, but for opaque ones */
	const char *issuer;                   /* the document's */
	const char *access_token_issuer;      /* the document's; NULL: it says none */
	const struct jwks *keys;              /* NULL: none yet */
	const char *jwks_uri; /* the one address that the header may name as jku; NULL: none */
	int64_t now;          /* seconds since 1970 */
	struct mem *mem;      /* where the principal will live */
};

enum principal_kind {
	PRINCIPAL_USER, /* delegated: a program acts for a user */
	PRINCIPAL_APP,  /* a program for itself */
};

struct accesstoken_times {
	int64_t begins;  /* seconds since 1970: the later of iat and nbf; 0: neither is there */
	int64_t expires; /* exp */
};

/* Of a token: what it says, each as it says it.  Texts are "" where it says nothing. */
struct principal {
	enum principal_kind kind;
	struct str issuer, subject;
	struct str
	    username; /* of a user: never empty, no control characters, no space at either end; else "" */
	struct str app_id; /* of an app: never empty */
	const struct str *scopes, *roles;
	size_t n_scopes, n_roles;
	struct accesstoken_times times;
	json_t *claims; /* principal_claim() reads them */
};

enum accesstoken_result {
	ACCESSTOKEN_BAD = -1, /* *e says which rule and which values, never the token */
	ACCESSTOKEN_OK = 0,
	ACCESSTOKEN_NEED_KEYS = 1, /* and *e says which key */
};

/* TOKEN_* otherwise. */
enum accesstoken_result accesstoken_verify(const struct accesstoken_check *c, struct str token,
    const struct principal **out, struct err *e) MUST_CHECK;

/*
 * Do these claims name an issuer of c's provider, and a tenant that it lets in?  They need not be proven:
 * where several providers may have issued a token this says which ones to hold
 * it against.  c->keys and the times are not looked at.
 */
bool accesstoken_names(const struct accesstoken_check *c, json_t *claims);

/*
 * The same of what an introspection endpoint says of an opaque token in force
 * (oidc/introspection.h): `answer` is its JSON object.  aud and exp are
 * demanded all the same, iss is held to where it is there.  client_id, scope
 * and username (RFC 7662 2.2) count where none of the claims by kind is there.
 * -1 with TOKEN_* and PROVIDER_ANSWER.
 */
int accesstoken_introspected(const struct accesstoken_check *c, struct str answer,
    const struct principal **out, struct err *e) MUST_CHECK;

/*
 * Judged at every use, also of a token that was verified before.  -1:
 * TOKEN_EXPIRED, TOKEN_EARLY.  `tolerance`: seconds, either side.
 */
int accesstoken_in_time(
    const struct accesstoken_times *t, int64_t tolerance, int64_t now, struct err *e) MUST_CHECK;

/*
 * The user of a delegated token, as session/ wants somebody proven; borrows p.
 * NULL with TOKEN_CLAIM: it does not say who the subject is.
 */
struct identity;
const struct identity *principal_identity(const struct principal *p, struct mem *m, struct err *e) MUST_CHECK;

/* A claim as claims_find() has it. */
const json_t *principal_claim(const struct principal *p, const char *name);

#endif
