/*
 * conf/near.h - what somebody may have meant
 *
 * Pure.  For messages only.
 */
#ifndef CONF_NEAR_H
#define CONF_NEAR_H
#include <stddef.h>

#include "conf/str.h"

/* The search for the nearest name: offer every candidate, then look at `best`. */
struct near {
	struct str wanted;
	const char *best; /* borrowed from the candidates; NULL: none is near enough */
	size_t distance;
};

/* Nearest counts only up to a third of the length of what was written. */
void near_init(struct near *n, struct str wanted);
void near_offer(struct near *n, const char *candidate);

#endif
