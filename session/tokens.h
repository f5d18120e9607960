/*
 * session/tokens.h - the tokens of a session as one record, and back
 *
 * A byte of version, eight of access_expires, and for the ID, access and
 * refresh token four of length each, before its bytes.  Version 2 adds eight
 * of session_ends behind access_expires, and the session token as the fourth.
 * Records are sealed by whoever keeps them.  Pure.
 */
#ifndef SESSION_TOKENS_H
#define SESSION_TOKENS_H
#include "session/store.h"

size_t tokens_size(const struct tokens *t);                     /* of the record */
struct str tokens_print(const struct tokens *t, struct mem *m); /* wiped with m */
bool tokens_parse(struct str record, struct mem *m, struct tokens *out);

#endif
