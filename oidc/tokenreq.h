/*
 * oidc/tokenreq.h - the token request, and what comes back
 *
 * RFC 6749 4.1.3, 4.4.2, 6 and 2.3.1 (client authentication), RFC 7523 2.2, RFC 7636 4.5; the answer
 * by RFC 6749 5.1, 5.2 and OpenID Connect Core 3.1.3.3.  Pure: bytes in, bytes
 * out.
 */
#ifndef OIDC_TOKENREQ_H
#define OIDC_TOKENREQ_H
#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"
#include "oidc/oidc.h"

#define TOKENREQ_ANSWER_MAX 131072 /* bytes of the answer */
#define TOKENREQ_TOKEN_MAX  16384  /* bytes of each token */

struct tokenreq {
	struct str body;           /* application/x-www-form-urlencoded */
	const char *authorization; /* NULL when the client says who it is in the body */
};

/* Both texts live in m and are wiped with it. */
void tokenreq_print(
    const struct conf_provider *c, const struct oidc_code *code, struct mem *m, struct tokenreq *out);

/* Newer tokens for older ones, or one besides them (RFC 6749 6, RFC 8707 2.2). */
void tokenreq_print_renewal(
    const struct conf_provider *c, const struct oidc_renewal *n, struct mem *m, struct tokenreq *out);

/* A token for the client itself, for which nobody signs in (RFC 6749 4.4.2; `resource`: RFC 8707, Azure v1).
 */
struct tokenreq_own {
	const char *scope, *resource; /* each may be NULL */
	struct str assertion;         /* of assertion_print(); p is NULL where the method needs none */
};
void tokenreq_print_own(
    const struct conf_provider *c, const struct tokenreq_own *own, struct mem *m, struct tokenreq *out);

/* A question about an access token that somebody sent (RFC 7662 2.1), with the same client authentication. */
void tokenreq_print_introspection(
    const struct conf_provider *c, const struct oidc_introspection *q, struct mem *m, struct tokenreq *out);

/* A refresh token that is not wanted any more (RFC 7009 2.1). */
struct tokenreq_gift {
	struct str token;
	struct str assertion; /* of assertion_print(); p is NULL where the method needs none */
};
void tokenreq_print_gift(
    const struct conf_provider *c, const struct tokenreq_gift *gift, struct mem *m, struct tokenreq *out);

struct tokenreq_answer {
	int status;
	struct str type; /* Content-Type; for sentences only: many servers send the wrong one */
	struct str body;
	struct str code; /* the one that was sent: a sentence never repeats it */
};

/*
 * 0 when there is at least an ID token; the tokens live in m and are wiped
 * with it.  -1: PROVIDER_CLIENT (invalid_client), PROVIDER_GRANT
 * (invalid_grant), PROVIDER_STATUS (429, 5xx, or no answer of a token endpoint
 * at all), PROVIDER_ERROR (any other error), PROVIDER_ANSWER and
 * PROVIDER_TOO_LARGE (a success that is none).  The sentence names what the
 * operator can change, and may hold foreign text.
 */
int tokenreq_parse(const struct conf_provider *c, const struct tokenreq_answer *a, struct mem *m,
    struct oidc_tokens *out, struct err *e) MUST_CHECK;

/*
 * The same for the answer to tokenreq_print_renewal(), which may do without an
 * ID token (Core 12.2), but has an access token.  PROVIDER_GRANT is also what
 * only the user can mend: interaction_required and the like.
 */
int tokenreq_parse_renewal(const struct conf_provider *c, const struct tokenreq_answer *a, struct mem *m,
    struct oidc_tokens *out, struct err *e) MUST_CHECK;

/* The same for a renewal that is for_upstream; of errors only invalid_grant is PROVIDER_GRANT. */
int tokenreq_parse_upstream(const struct conf_provider *c, const struct tokenreq_answer *a, struct mem *m,
    struct oidc_tokens *out, struct err *e) MUST_CHECK;

/* The same for the answer to tokenreq_print_own(): 0 when there is a Bearer access token; nothing else is
 * read. */
int tokenreq_parse_own(const struct conf_provider *c, const struct tokenreq_answer *a, struct mem *m,
    struct oidc_tokens *out, struct err *e) MUST_CHECK;

#endif
