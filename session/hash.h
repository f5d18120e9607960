/*
 * session/hash.h - a keyed hash for tables that strangers may fill
 *
 * SipHash-1-3 (Aumasson, Bernstein 2012): short, fast, and nobody who does not
 * know the key can choose texts that meet in one place.  It only finds a place
 * in a table; whoever looks there compares the whole text.
 */
#ifndef SESSION_HASH_H
#define SESSION_HASH_H
#include <stdint.h>

#include "conf/str.h"

struct hash_key {
	uint64_t k[2];
};

void hash_key_init(struct hash_key *k); /* random */
uint64_t hash_text(const struct hash_key *k, struct str s);

#endif
