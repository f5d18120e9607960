/*
 * proxy/keeps.h - forms that wait for their user to have signed in again
 *
 * Each lies here sealed under a key that only its browser holds: who reads
 * the memory reads nothing.  Bounded in number, per session and in bytes, and
 * over after a time.  One table for all threads, with a lock of its own.
 */
#ifndef PROXY_KEEPS_H
#define PROXY_KEEPS_H
#include <stdint.h>

#include "conf/str.h"

#define KEEPS_TOTAL       (64 * 1024 * 1024) /* bytes, those being read included */
#define KEEPS_ENTRIES     4096
#define KEEPS_PER_SESSION 8
#define KEEPS_KEY         32 /* bytes */

struct keeps;

/* A form and whose it is. */
struct kept {
	struct str idp, sub;     /* the user: provider and subject */
	struct str host, target; /* where it was posted: origin, and path with query */
	struct str type;         /* its Content-Type */
	struct str body;
	struct str sid; /* for keeps_add(), like `until`: whose session it was, for the bound per session */
	int64_t until;  /* seconds since 1970 */
	size_t sent;    /* of the body, for who sends it */
	unsigned char key[KEEPS_KEY];
	char *room; /* what all these are slices of */
	size_t room_size;
};

struct keeps *keeps_new(void);
void keeps_free(struct keeps **k);

/* n bytes of the total, for a form that is being read; false: there are none left. */
bool keeps_reserve(struct keeps *k, size_t n);
void keeps_release(struct keeps *k, size_t n);

/* The same for copies that are on their way to an upstream: as many bytes again, for all of them. */
bool keeps_lend(struct keeps *k, size_t n);
void keeps_lent_back(struct keeps *k, size_t n);

/* Keep a copy under a fresh key.  false: there is no room. */
bool keeps_add(struct keeps *k, const struct kept *form, int64_t now, unsigned char key[KEEPS_KEY]);

/* A copy of the form with this key; NULL: there is none (any more).  `take`: it is there no longer. */
struct kept *keeps_open(struct keeps *k, const unsigned char key[KEEPS_KEY], int64_t now, bool take);
void keeps_close(struct kept **form);                                 /* wiped */
bool keeps_drop(struct keeps *k, const unsigned char key[KEEPS_KEY]); /* false: it was not there */

#endif
