/*
 * proxy/bearer.h - may whoever brings this access token use this route, and under which name
 *
 * Pure.  A token of a user needs all of the route's scopes.  A token without a
 * user needs one of the route's app_roles and a registered, active client,
 * whose own demands must hold, too, and whose username it acts under; where
 * the route demands no role, the client must demand something.  Then the
 * route's claim rules and username rules count as they do for sessions.
 *
 * What is refused is answered as RFC 6750 3 has it.
 */
#ifndef PROXY_BEARER_H
#define PROXY_BEARER_H
#include <stdbool.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "oidc/accesstoken.h"
#include "proxy/access.h"
#include "session/session.h"

/*
 * What one verified token says, in the form in which rules and headers want
 * it.  It says nothing of rights: times, client and route are judged at every
 * use.
 */
struct bearer {
	enum principal_kind kind;
	size_t provider;           /* index */
	const struct session *who; /* username is "" for an app; sid is "": it is no session of ours */
	struct str app_id;
	const struct str *scopes, *roles;
	size_t n_scopes, n_roles;
	struct accesstoken_times times;
	int64_t ask_again; /* seconds since 1970: from then on the provider is asked anew; 0: it never was */
};

enum bearer_sent {
	BEARER_NONE,   /* nothing, or another scheme than Bearer */
	BEARER_SENT,   /* *token is what was sent */
	BEARER_BROKEN, /* the scheme, and then not one b64token (RFC 6750 2.1) */
};

/* The value of an Authorization field. */
enum bearer_sent bearer_read(struct str authorization, struct str *token);

/*
 * `provider`: index of the one whose token it is.  `needed`: names of the claims that rules and headers of
 * any route want.  All of it lives in m.  NULL with TOKEN_CLAIM: a claim that no header can hold.
 */
struct bearer *bearer_new(const struct principal *p, size_t provider, const struct conf_strings *needed,
    struct mem *m, struct err *e) MUST_CHECK;

/* A session that came as a bearer: it has the scopes of the token that it was traded for, a browser's has
 * none. */
const struct bearer *bearer_of_session(const struct session *s, size_t provider, struct mem *m);

/* A deep copy into one piece of memory of bearer_size() bytes, aligned for any type. */
size_t bearer_size(const struct bearer *b);
const struct bearer *bearer_copy(void *at, const struct bearer *b);

struct bearer_question {
	const struct access *access;
	const struct conf *conf;
	size_t route;
	const struct bearer *bearer;
	struct mem *mem;
};

struct bearer_verdict {
	const struct session *who; /* whose name and claims the upstream is told */
	struct str username;       /* as it goes into the route's username_header */
	const struct conf_strings
	    *required; /* what a token for this route must have; NULL: nothing was named */
};

/*
 * 0: allowed.  -1: SCOPE_MISSING, ROLE_MISSING, CLIENT_UNKNOWN, CLIENT_INACTIVE,
 * CLAIM_MISSING, CLAIM_OVERAGE, USERNAME_MISMATCH; the sentence says what was required and
 * what the token has.
 */
int bearer_allows(const struct bearer_question *q, struct bearer_verdict *out, struct err *e) MUST_CHECK;

/* The status that a bearer refused for this reason gets: 400, 401, 403; of all others the reason's own. */
int bearer_status(enum reason why);

/* What is refused, for the value of WWW-Authenticate. */
struct bearer_refusal {
	const char *realm;
	enum reason why;
	const struct conf_strings *required; /* NULL: nothing to name */
	const struct bearer *bearer;         /* who brought it; NULL: nothing was verified */
};
struct str bearer_challenge(const struct bearer_refusal *f, struct mem *m);
/* {"error","error_description","request_id"} */
struct str bearer_json(const struct bearer_refusal *f, const char *request_id, struct mem *m);

#endif
