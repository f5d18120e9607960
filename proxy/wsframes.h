/*
 * proxy/wsframes.h - where the frames of a WebSocket begin and end (RFC 6455 5.2)
 *
 * A tunnel's bytes are nobody's business here, but for one thing: a frame of
 * our own may stand between two of the upstream's, and nowhere else.
 */
#ifndef PROXY_WSFRAMES_H
#define PROXY_WSFRAMES_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"

/* Zeroed before the first byte. */
struct wsframes {
	uint64_t left;          /* bytes of the payload that are still to come */
	unsigned char head[14]; /* of the frame that has begun */
	unsigned char have;     /* bytes of it */
};

void wsframes_pass(struct wsframes *f, struct str bytes);
bool wsframes_between(const struct wsframes *f);

#endif
