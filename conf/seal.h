/*
 * conf/seal.h - AEAD for what others keep for us
 *
 * AES-256-GCM with a random 96-bit nonce; the purpose is bound as associated
 * data and has its own key, so a text sealed for one purpose never opens as
 * another.  One error for every failure.
 */
#ifndef CONF_SEAL_H
#define CONF_SEAL_H
#include <stdbool.h>

#include "conf/mem.h"
#include "conf/str.h"

/* base64url text in m. */
struct str seal_close(const unsigned char key[32], struct str purpose, struct str plain, struct mem *m);
/* The plain bytes in m, wiped with it; false: not ours, altered, or not base64url. */
bool seal_open(const unsigned char key[32], struct str purpose, struct str sealed, struct mem *m, struct str *plain);

#endif
