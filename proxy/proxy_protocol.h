/*
 * proxy/proxy_protocol.h - the PROXY header: whose connection this is, as a balancer says ahead of its bytes
 *
 * Versions 1 (a line of text) and 2 (binary) of the PROXY protocol that
 * HAProxy defined and balancers that relay bytes speak.  Pure; strict, for
 * what is read wrong here is an address that somebody chose himself.
 */
#ifndef PROXY_PROXY_PROTOCOL_H
#define PROXY_PROXY_PROTOCOL_H
#include <netinet/in.h>
#include <stdbool.h>

#include "conf/err.h"
#include "conf/str.h"

#define PROXY_PROTOCOL_MOST 4096 /* bytes of a header, what version 2 appends (TLVs) included */

struct proxy_protocol {
	size_t size; /* of the header: what follows is the client's */
	bool named;  /* it names the client; otherwise the balancer speaks for itself, or cannot say */
	bool https;  /* the client speaks TLS with the balancer */
	struct in6_addr addr; /* the client's, IPv4 mapped; where it is named */
};

enum proxy_protocol_result { PROXY_PROTOCOL_MORE, PROXY_PROTOCOL_DONE, PROXY_PROTOCOL_BAD };

/*
 * `bytes`: all that has come since the connection began.  MORE is only said
 * of fewer than PROXY_PROTOCOL_MOST, and of what can still become a header.
 * BAD: BAD_PROXY_HEADER.
 */
enum proxy_protocol_result proxy_protocol_parse(
    struct str bytes, struct proxy_protocol *out, struct err *e) MUST_CHECK;

#endif
