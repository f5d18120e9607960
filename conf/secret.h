/*
 * conf/secret.h - bytes that are wiped, never printed, compared in constant time
 *
 * The memory is kept out of core dumps.  Whoever needs the bytes borrows them
 * with secret_str(); they never go into a format string.
 */
#ifndef CONF_SECRET_H
#define CONF_SECRET_H
#include <stdbool.h>
#include <stddef.h>

#include "conf/err.h"
#include "conf/str.h"

struct secret;

struct secret *secret_new(const void *bytes, size_t n); /* copies; never NULL */
void secret_free(struct secret **s);                    /* wipes; safe on NULL */
struct str secret_str(const struct secret *s);          /* borrowed, as long as s lives */

/* Constant time in the bytes; the lengths may leak. */
bool secret_equal(struct str a, struct str b);

/* n bytes from the system's generator; ends the process when there are none. */
void secret_random(void *out, size_t n);

/*
 * HKDF-SHA256 (RFC 5869), no salt, `label` as info: one key per purpose out of
 * one root.  out is the caller's to wipe.
 */
void secret_derive(struct str root, const char *label, unsigned char *out, size_t n);

/* HMAC-SHA256 of up to three pieces, each preceded by its length, so that no two lists collide. */
void secret_hmac(
    const unsigned char key[32], const struct str *pieces, size_t n_pieces, unsigned char out[32]);

/* base64url without padding (RFC 7515 2); out has room for secret_b64_size(n) bytes, terminator included. */
size_t secret_b64_size(size_t n);
size_t secret_b64(char *out, const void *bytes, size_t n); /* returns the length */
/*
 * Strict decoding: alphabet only, no padding, no whitespace, no length of 4k+1,
 * unused bits zero.  Returns the length, or -1; writes at most 3*(s.n/4)+2 bytes.
 */
long secret_unb64(unsigned char *out, struct str s);

/* Keep this process's memory out of core dumps and other users' reach (prctl, RLIMIT_CORE). */
void secret_guard_process(void);

#endif
