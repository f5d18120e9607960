/*
 * proxy/wskey.h - the handshake of a WebSocket, where no browser checks it (RFC 6455 4, RFC 8441 5.1)
 *
 * In HTTP/2 there is no Sec-WebSocket-Key.  The upstream speaks HTTP/1.1 and
 * gets one of ours, and so it is ours to see that its answer belongs to it.
 */
#ifndef PROXY_WSKEY_H
#define PROXY_WSKEY_H
#include "conf/mem.h"
#include "proxy/http1.h"

const char *wskey_new(struct mem *m);
bool wskey_find(const struct http1_head *h, struct str *key); /* false: none, or several */
/* Does this 101 switch to WebSocket, with the one Sec-WebSocket-Accept that `key` leads to? */
bool wskey_is_accepted(const struct http1_head *answer, struct str key);

#endif
