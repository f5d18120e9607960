/*
 * proxy/client.h - one connection from a browser, a program, a proxy in front
 *
 * Bytes become messages here, in order: a head is read, the road is begun
 * (request_begin()), the next head waits until that request is done.  Decides
 * nothing about requests; knows framing, keep-alive and timeouts.
 *
 * Or one stream of a connection that speaks HTTP/2 (proxy/http2.h): for the
 * road it is the same.
 */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "conf/err.h"
#include "proxy/http1.h"
#include "proxy/stream.h"
#include "proxy/worker.h"

/* What the timer of a connection counts. */
enum client_wait { WAIT_NOTHING, WAIT_IDLE, WAIT_HEAD, WAIT_BODY, WAIT_DRAIN, WAIT_LINGER };

enum client_state {
	CLIENT_HEAD,    /* waits for a head, or is reading one */
	CLIENT_PROXY,   /* not yet: a balancer has to say whose connection this is (client_proxy.c) */
	CLIENT_REQUEST, /* a request is on its road */
	CLIENT_HTTP2,   /* its streams have states of their own: http2.c */
	CLIENT_DISCARD, /* answered; the rest of its body is read and forgotten */
	CLIENT_LINGER,  /* our side is shut; what comes is forgotten until the peer closes */
	CLIENT_DEAD,
};

/* What is left of the request's body on the wire. */
struct body {
	enum http1_body kind;
	uint64_t left; /* BODY_LENGTH */
	uint64_t seen; /* body bytes taken so far */
	struct http1_chunks chunks;
	bool done;
};

struct http2;

struct client {
	struct grave grave;
	struct client *next, **prev;
	struct worker *worker;
	struct stream stream;
	struct timer timer;
	struct chunk *in;   /* the head, and what was read behind it; NULL while there is nothing */
	struct chunk *more; /* a chunked body passes through here; NULL while there is none */
	struct request *request;
	struct http2 *h2; /* the connection speaks HTTP/2; NULL: it does not */
	enum client_state state;
	enum client_wait wait;
	unsigned served;
	bool admin, https_redirect;
	bool tls;       /* on this connection, or with the balancer that relays it */
	bool want_body; /* the road takes body bytes */
	bool tunnel;
	bool close_when_drained;
	bool feeding;
	bool unix_peer;
	bool is_stream; /* of HTTP/2: this is the first member of a struct http2_stream */
	bool greeting;  /* the handshake is not done: it may say h2 */
	bool sent_continue;
	bool nameless; /* its PROXY header names nobody: peer is the balancer, whose words these are not */
	struct in6_addr peer; /* the socket's peer, or whom its PROXY header names; IPv4 mapped */
	size_t scanned;
	struct body body;
	int64_t hsts;
	size_t undrained;     /* WAIT_DRAIN: bytes that were pending when it was last looked at */
	char *listen_address; /* of admin listeners, ours: a reload may forget its section */
};

bool client_accept(struct listener *l); /* a turn's worth; true: there may be more */
/* Does trusted_proxies name who speaks here?  Then what it says of others is believed. */
bool client_is_trusted(const struct client *c, const struct conf *conf);
void client_close_all(struct worker *w);
void client_drain_all(struct worker *w); /* idle ones close now, the others after their request */

/* Why it ends is for the debug log.  The request, when one is under way, is aborted. */
void client_close(struct client *c, const char *why); /* of a stream: it is reset */

/* --- between client*.c and http2*.c --- */

/* Reading begins; ssl may be NULL and is taken over. */
struct client *client_new(struct worker *w, int fd, SSL *ssl);
/* In CLIENT_PROXY.  true: the header is read, and what follows is the client's own. */
bool client_proxy_readable(struct client *c);
void client_proxy_late(struct client *c); /* limits.header_timeout is over */
void client_wait_for(struct client *c, enum client_wait what);
void client_finish(struct client *c); /* no further request: what is pending goes out first */
int client_take_length(struct client *c, struct str *data, struct err *e) MUST_CHECK; /* BODY_LENGTH only */

/* --- for the road --- */

/*
 * Body bytes of the request, in order: a slice of the client's buffer or of
 * the worker's scratch, good until the next call for this worker.  1: *data
 * (never empty); 0: nothing now, request_body_ready() will be called; -1: the
 * end (c->body.done) or, with *e set, BAD_FRAMING, BODY_TOO_LARGE, CLIENT_GONE.
 */
int client_take_body(struct client *c, struct str *data, struct err *e) MUST_CHECK;
bool client_holds_body(const struct client *c); /* bytes that need no reading */
void client_want_body(struct client *c,
    bool want); /* begin, or stop, reading for it; sends 100-continue when that is awaited */

/* Answer bytes.  -1: the client is gone (client_close() follows from the loop). */
int client_write(struct client *c, struct iovec *iov, int n) MUST_CHECK;
size_t client_pending(const struct client *c);
/* So much of an answer is worth reading at once: of HTTP/2 what its windows let out, and a chunk at least. */
size_t client_room(const struct client *c);

/*
 * The answer is handed over whole.  keep: another request may follow.  Called
 * by the road as its last act: the request is gone afterwards.
 */
void client_request_done(struct client *c, bool keep);

/* From now on bytes are bytes (101): what was read behind the head comes first from client_take_body(). */
void client_become_tunnel(struct client *c);

#endif
