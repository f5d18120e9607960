/*
 * conf/seal.h - AEAD for what others keep for us
 *
 * AES-256-GCM with a random 96-bit nonce; the purpose is bound as associated
 * data, and each purpose has a key of its own (secret_derive()), so a text
 * sealed for one purpose never opens as another.  One error for every failure.
 *
 * The text is base64url of nonce (12 bytes), ciphertext, tag (16 bytes).
 */
#ifndef CONF_SEAL_H
#define CONF_SEAL_H
#include <stdbool.h>

#include "conf/mem.h"
#include "conf/str.h"

#define SEAL_PLAIN_MAX (64 * 1024) /* the caller sees to it that plain is no longer */
#define SEAL_TEXT_MAX  ((SEAL_PLAIN_MAX + 12 + 16 + 2) / 3 * 4) /* longer texts do not open */

/* base64url text in m, terminated. */
struct str seal_close(const unsigned char key[32], struct str purpose, struct str plain, struct mem *m);
/* The plain bytes in m, terminated, wiped with it; false: not ours, altered, or not base64url. */
bool seal_open(
    const unsigned char key[32], struct str purpose, struct str sealed, struct mem *m, struct str *plain);
/*
 * The same as bytes, without base64url and of any size below 2^30: `out` has
 * room for plain.n + SEAL_BOX, or for box.n - SEAL_BOX.
 */
#define SEAL_BOX 28
void seal_box(const unsigned char key[32], struct str purpose, struct str plain, unsigned char *out);
bool seal_unbox(const unsigned char key[32], struct str purpose, struct str box, unsigned char *out);
/* The length of the text that n plain bytes become. */
size_t seal_size(size_t n);

#endif
