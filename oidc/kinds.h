/*
 * oidc/kinds.h - what is particular about each vendor: data, no code
 *
 * One row per provider kind; a key set by hand in the configuration wins over
 * its row.  Nothing else in the program asks what kind a provider is.
 */
#ifndef OIDC_KINDS_H
#define OIDC_KINDS_H
#include <stdbool.h>

/*
 * A sign that nobody stands behind an access token but a program.  `claim` is
 * there and equals `value`, or the claim `same_as`, or the application's id
 * between `prefix` and `suffix`; `with` is there, and none of `without` is.
 */
struct kind_sign {
	const char *claim;
	const char *value, *same_as, *suffix; /* one of them */
	const char *prefix;                   /* NULL: none */
	const char *with;                     /* NULL: nothing else is asked for */
	const char *without[6];               /* ends with NULL */
};

/* Access tokens: in each list of claims the first that is present counts. */
struct kind_access {
	const char *username_claim[4], *app_id_claim[4], *scope_claim[3], *roles_claim[3]; /* end with NULL */
	struct kind_sign app_only[4]; /* any one proves it; ends with claim NULL */
	/* begins[0] TENANT ends[0] and begins[1] TENANT ends[1] are the same issuer: keys sign for both. */
	const char *issuer_begins[2], *issuer_ends[2];
	bool both_issuers; /* and tokens of the second are taken where the first is configured */
};

struct kind {
	const char *name;
	const struct kind_access *access;
	const char *username_claim[3]; /* ends with NULL */
	bool issuer_begins_url;        /* Discovery 4.3: the discovery URL begins with the issuer */
	bool assertion_ps256;          /* an RSA key signs for us with PS256, else RS256 */
	bool assertion_to_issuer; /* what it signs is made out to the issuer, else to the token endpoint */
	/*
	 * What is asked for when refresh tokens are wanted: a scope (Core 11), or a
	 * parameter "name=value"; NULL where they come unasked, or nobody knows.
	 */
	const char *refresh_scope, *refresh_parameter;
	const char *switch_prompt; /* `prompt` that lets somebody else sign in (Core 3.1.2.1) */
};

extern const struct kind kinds[];               /* ends with name NULL */
const struct kind *kind_find(const char *name); /* NULL: no such kind */

#endif
