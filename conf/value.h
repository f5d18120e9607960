/*
 * conf/value.h - what the text of a setting means
 *
 * Pure.  On failure the sentence is what follows the value in a message: "is
 * not a duration; write ...".  It never repeats a value that may be secret.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/str.h"

bool value_is_text(struct str s);  /* UTF-8 without controls and invisible marks; a tab is let through */
bool value_is_token(struct str s); /* RFC 9110 5.6.2 */
bool value_is_scope(struct str s); /* RFC 6749 3.3: scope-token */

int value_bool(struct str s, bool *out, struct err *e) MUST_CHECK;
int value_number(struct str s, uint64_t *out, struct err *e) MUST_CHECK;
int value_duration(struct str s, int64_t *ms, struct err *e) MUST_CHECK;
int value_size(struct str s, uint64_t *bytes, struct err *e) MUST_CHECK;

/* The path of a URL in its one canonical spelling, as proxy/path.c makes it: nothing to decode, no dots, no
 * '//'. */
int value_path(struct str s, struct err *e) MUST_CHECK;
/* Is `path` at or below `above`, on whole segments?  Both canonical, without a trailing slash. */
bool value_path_below(const char *path, const char *above);

/* "10.0.0.0/8", "10.1.2.3", "fd00::/8"; bits set behind the prefix are a mistake. */
int value_cidr(struct str s, struct conf_cidr *out, struct err *e) MUST_CHECK;

/* An address to listen on, in one spelling: two that are the same have equal texts. */
struct value_address {
	char text[128];
};
int value_address(struct str s, struct value_address *out, struct err *e) MUST_CHECK;

/* A header that we may set for the upstream: a token, not framing, hop-by-hop, Host, Cookie or Authorization.
 */
int value_header(struct str name, struct err *e) MUST_CHECK;
/* Do backends that fold names take these for the same?  Case, and any character but letters and digits. */
bool value_header_same(struct str a, struct str b);

/* https, or http to a loopback address. */
int value_provider_url(struct str s, struct err *e) MUST_CHECK;

/* Refuse what guessing finds: too short, low variety, a pattern, published. */
int value_strong_secret(struct str s, struct err *e) MUST_CHECK;

#endif
