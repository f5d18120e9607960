/*
 * oidc/kinds.h - what is particular about each vendor: data, no code
 *
 * One row per provider kind; a key set by hand in the configuration wins over
 * its row.  Nothing else in the program asks what kind a provider is.
 */
#ifndef OIDC_KINDS_H
#define OIDC_KINDS_H
#include <stdbool.h>

struct kind {
	const char *name;
	const char *username_claim[3]; /* ends with NULL */
	bool issuer_begins_url;        /* Discovery 4.3: the discovery URL begins with the issuer */
	const char *switch_prompt;     /* `prompt` that lets somebody else sign in (Core 3.1.2.1) */
};

extern const struct kind kinds[];               /* ends with name NULL */
const struct kind *kind_find(const char *name); /* NULL: no such kind */

#endif
