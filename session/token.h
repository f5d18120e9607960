/*
 * session/token.h - the session cookie's JWT (RFC 7519), signed or encrypted
 *
 * Signed: HS256, as RFC 7518 3.2 has it.
 * The key is the secret's bytes exactly as configured, so that a backend in
 * any language can verify the cookie.  The header is one of those that our
 * own secrets make, byte for byte: {"alg":"HS256","typ":"JWT","kid":"..."},
 * where kid is derived from the secret (HKDF) and says nothing about it.  So
 * there is no header to parse and no algorithm to choose, and each token has
 * one spelling.
 *
 * Encrypted (session.encrypt): a JWE in compact form (RFC 7516), dir and
 * A256GCM.  The key is HKDF-SHA256 of the secret, without salt, with the info
 * "workflow-proxy session encryption"; the header again one of our own.  Both
 * forms are accepted at all times, so that encrypt may be turned on and off.
 *
 * Knows nothing of claims.  Pure; struct token_keys is constant after
 * token_keys_new() and shared by all threads.
 */
#ifndef SESSION_TOKEN_H
#define SESSION_TOKEN_H
#include <stdbool.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/secret.h"
#include "conf/str.h"

#define TOKEN_MAX        (36 * 1024) /* bytes; nine cookies never hold more */
#define TOKEN_SECRET_MIN 32          /* RFC 7518 3.2: a key of the hash's size or larger */

struct token_keys;

/* The first secret signs, all verify.  REASON_CONFIG when there is none or one is too short. */
struct token_keys *token_keys_new(struct secret *const *secrets, size_t n, struct err *e) MUST_CHECK;
void token_keys_free(struct token_keys **k);

/* The compact form, in m. */
struct str token_sign(const struct token_keys *k, struct str payload, struct mem *m);

/* The same, encrypted. */
struct str token_seal(const struct token_keys *k, struct str payload, struct mem *m);

/*
 * Has this text the outline of a token: three parts, the last as long as a
 * signature of ours, or five, whose lengths are those of a JWE of ours?
 */
bool token_is_whole(struct str text);

/* Which of our secrets, from 1 on, made it, as its header says?  0: none; nothing is proven. */
size_t token_key_number(const struct token_keys *k, struct str text);

/*
 * true: `text` was signed or encrypted with one of our secrets, and *payload is
 * what was, in m.  Nothing of the payload is decoded before that is proven.
 */
bool token_verify(const struct token_keys *k, struct str text, struct mem *m, struct str *payload);

#endif
