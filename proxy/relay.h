/*
 * proxy/relay.h - body bytes, both ways, as fast as the slower side takes them
 *
 * Nothing is read from one side while the other has bytes pending, so what is
 * held is bounded by one read in each direction, whatever the bodies' size.
 * Framing is taken off and put on anew; a body's meaning is nobody's business
 * here.
 */
#ifndef PROXY_RELAY_H
#define PROXY_RELAY_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"
#include "proxy/http1.h"
#include "proxy/wsframes.h"

struct request;

struct relay {
	/* request body, client -> upstream */
	bool up_active;  /* there is one, and it is not through */
	bool up_chunked; /* towards the upstream */
	bool up_broken;  /* the upstream takes no more; its answer may still come */
	/* answer, upstream -> client */
	bool down_active;
	bool down_chunked; /* towards the client */
	bool down_none;    /* HEAD, 204, 304: no body follows */
	bool streaming;    /* text/event-stream or a tunnel: limits.stream_timeout counts */
	bool tunnel;       /* 101: bytes are bytes */
	bool websocket;    /* and those of a WebSocket */
	struct wsframes frames;
	enum http1_body kind; /* from the upstream */
	uint64_t left;
	struct http1_chunks chunks;
};

/* The request's head is on its way: begin, or go on, sending the body behind it. */
void relay_upload(struct request *r);

/*
 * The answer's head stands in head_out and goes out together with `first`,
 * what came behind it.  When all is through at once, true; else the end is
 * told by request_relayed() or request_broken().
 */
bool relay_begin_answer(struct request *r, struct str head, struct str first);

/* There are bytes from the upstream (or its end), or the client takes bytes again. */
void relay_download(struct request *r);
void relay_client_drained(struct request *r);
/* End a WebSocket as RFC 6455 7.4.1 has it for a policy: true when the client was told, between two frames.
 */
bool relay_say_goodbye(struct request *r);
/* Nothing moved for too long on the upstream's, or the client's, side. */
void relay_timeout(struct request *r, bool upstream_side);

#endif
