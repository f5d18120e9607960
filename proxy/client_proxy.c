/* proxy/client_proxy.c - a balancer says whose connection this is; see proxy/client.h, proxy/proxy_protocol.h
 */
#include <arpa/inet.h>

#include "conf/log.h"
#include "proxy/client.h"
#include "proxy/forward.h"
#include "proxy/proxy_protocol.h"

static void refuse(struct client *, const char *);
static void take_name(struct client *, const struct proxy_protocol *);
static const char *peer_of(const struct client *, char[INET6_ADDRSTRLEN]);

/* Looked at first, then taken and no byte more: what follows is for TLS, which reads the socket itself. */
bool
client_proxy_readable(struct client *c)
{
	struct proxy_protocol said;
	enum proxy_protocol_result got;
	struct chunk *in = c->in != NULL ? c->in : (c->in = chunk_take(c->worker, CHUNK_SIZE));
	ssize_t n = stream_read_ahead(&c->stream, in->bytes + in->end, PROXY_PROTOCOL_MOST - in->end, true);
	size_t take;
	struct err e;

	if (n <= 0) {
		if (n == 0 && in->end > 0)
			refuse(c, "the connection ended within it");
		else if (n != -1)
			client_close(c, "the peer closed before it said anything");
		else if (in->end == 0)
			chunk_give(c->worker, &c->in);
		return false;
	}
	got = proxy_protocol_parse((struct str){ in->bytes, in->end + (size_t)n }, &said, &e);
	if (got == PROXY_PROTOCOL_BAD) {
		refuse(c, e.text);
		return false;
	}
	take = got == PROXY_PROTOCOL_DONE ? said.size - in->end : (size_t)n;
	if (stream_read_ahead(&c->stream, in->bytes + in->end, take, false) != (ssize_t)take) {
		client_close(c, "reading failed");
		return false;
	}
	in->end += take;
	if (got == PROXY_PROTOCOL_MORE)
		return false;
	chunk_give(c->worker, &c->in);
	take_name(c, &said);
	return true;
}

static void
take_name(struct client *c, const struct proxy_protocol *said)
{
	char balancer[INET6_ADDRSTRLEN], client[INET6_ADDRSTRLEN];

	if (log_level() == LOG_LEVEL_DEBUG)
		log_debug("a connection of %s is relayed by %s",
		    said->named ? forward_address(&said->addr, client) : "nobody in particular",
		    peer_of(c, balancer));
	c->state = CLIENT_HEAD;
	c->nameless = !said->named;
	c->tls = c->tls || said->https;
	if (said->named) {
		c->peer = said->addr;
		c->unix_peer = false;
	}
}

void
client_proxy_late(struct client *c)
{
	if (c->in == NULL)
		client_close(c, "nothing came");
	else
		refuse(c, "it was not complete within limits.header_timeout");
}

/* Who does not speak HTTP yet has no use for an answer. */
static void
refuse(struct client *c, const char *why)
{
	char addr[INET6_ADDRSTRLEN];

	log_request(LOG_LEVEL_WARN, "", REASON_BAD_PROXY_HEADER,
	    "a connection of %s was closed: listen.proxy_protocol demands a PROXY header, but %s",
	    peer_of(c, addr), why);
	metric_add(&c->worker->metrics.refusals[REASON_BAD_PROXY_HEADER], 1);
	client_close(c, "no PROXY header");
}

static const char *
peer_of(const struct client *c, char addr[INET6_ADDRSTRLEN])
{
	return c->unix_peer ? "a unix socket" : forward_address(&c->peer, addr);
}
