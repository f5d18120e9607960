/*
 * proxy/explain.h - why a token passes, or does not
 *
 * `workflow-proxy token`: the header and the claims of a token, its times in
 * words, then each check with both values (proxy/finding.h).  The signature is
 * never printed.  The provider's metadata and keys are asked for as the server
 * does.
 */
#ifndef PROXY_EXPLAIN_H
#define PROXY_EXPLAIN_H
#include <jansson.h>

#include "conf/conf.h"
#include "conf/mem.h"
#include "oidc/identity.h"
#include "oidc/oidc.h"
#include "proxy/bearer.h"
#include "proxy/finding.h"

enum explain_kind { EXPLAIN_GUESS, EXPLAIN_ID, EXPLAIN_ACCESS, EXPLAIN_SESSION };

struct explain_ask {
	const char *conf;       /* the configuration file */
	const char *provider;   /* NULL: the first */
	const char *route;      /* NULL: none; "/path" or "host/path" */
	const char *source;     /* a file; "-": standard input */
	enum explain_kind kind; /* what the token is said to be */
};

/* The whole verb: exit status 0 when the token is valid, 1 otherwise.  What keeps it from being read: to
 * `wrong`. */
int explain_run(const struct explain_ask *a, FILE *out, FILE *wrong);

/* --- between explain.c and its parts --- */

struct explained {
	struct findings f;
	struct mem *mem;
	const struct conf *conf;
	const struct conf_provider *provider;
	const struct oidc_view *view;
	const char *route;    /* may be NULL */
	struct str token;     /* the compact form */
	const json_t *header; /* read, nothing proven */
	const json_t *claims; /* the same */
	int64_t now;
};

/* What the claims look like; never EXPLAIN_GUESS. */
enum explain_kind explain_guess(const json_t *header, const json_t *claims);
/* "exp: 2030-01-01 00:00:00 UTC, in 3 min" for each claim that is a time. */
void explain_times(FILE *out, const json_t *claims, int64_t now);
/* Does its header say that a session.secret of ours made it? */
bool explain_is_session(struct explained *x);
/* What one holds that is encrypted; in x->mem.  false: it is not ours, or not as it was made. */
bool explain_unseal(struct explained *x, struct str *payload);
/* explain_id.c, explain_access.c, explain_session.c: the checks of a token, in the server's order. */
void explain_id(struct explained *x);
void explain_access(struct explained *x);
void explain_session(struct explained *x);
/* explain_route.c: may a session made of it, or may it itself, open x->route? */
void explain_route_session(struct explained *x, const struct identity *who);
void explain_route_bearer(struct explained *x, const struct bearer *b);
/* explain_steps.c: what both kinds are held against.  `setting` is the name of the list of algorithms. */
void explain_signature(struct explained *x, const char *setting, const struct conf_strings *algs);
void explain_expiry(struct explained *x);
void explain_begin(struct explained *x, const char *name);
void explain_overage(struct explained *x); /* what it names and leaves out (proxy/overage.h) */
const char *explain_list(const struct conf_strings *s, struct mem *m);   /* "a, b" */
const char *explain_texts(const struct str *v, size_t n, struct mem *m); /* the same, of a token; or "none" */

#endif
