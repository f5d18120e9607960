/*
 * oidc/claims.h - reading the claims of a token whose signature is proven
 *
 * What ID tokens and access tokens have in common: how a claim is found, what
 * counts as a time, what may be somebody's name.  Pure.
 */
#ifndef OIDC_CLAIMS_H
#define OIDC_CLAIMS_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/str.h"

#define CLAIMS_TIME_MAX ((int64_t)1 << 53) /* exact in every JSON reader; in ms it still fits int64_t */

/*
 * Taken literally first, then dots descend ("realm_access.roles").  NULL when
 * it is absent or null.  Borrowed.
 */
const json_t *claims_find(const json_t *claims, struct str name);

/* RFC 7519 2, NumericDate: seconds from 0 to CLAIMS_TIME_MAX, with a fraction or without. */
bool claims_time(const json_t *value, int64_t *out);

struct str claims_text(const json_t *value); /* p is NULL when it is not a text */
bool claims_has_control(struct str s);       /* C0, DEL, and C1 as UTF-8 has them */

/*
 * The first of `names` that can be a user's name: a non-empty text without
 * control characters and without a space at either end; `email` only when
 * email_verified is not false.  -1 with LOGIN_NO_USERNAME, and in the sentence
 * what was tried and which claims there are.
 */
int claims_username(
    json_t *claims, const struct conf_strings *names, struct str *out, struct err *e) MUST_CHECK;

#endif
