/*
 * conf/url.h - URLs taken apart (RFC 3986), and the one guard against open redirects
 *
 * Pure.  What url_parse() accepts is narrow on purpose: an absolute http or
 * https URL without user, without fragment, without controls, spaces,
 * backslashes or bytes above 0x7e.
 */
#ifndef CONF_URL_H
#define CONF_URL_H
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

struct url {
	bool https;
	struct str host; /* as written; IPv6 keeps its brackets */
	uint16_t port;   /* the default when none is written */
	bool port_given;
	struct str path;  /* begins with '/' or is empty */
	struct str query; /* without '?'; p is NULL when there is none */
};

/* Slices of `text`.  -1 with REASON_BAD_TARGET and a sentence otherwise. */
int url_parse(struct str text, struct url *out, struct err *e) MUST_CHECK;

bool url_is_loopback(const struct url *u); /* 127.0.0.0/8, ::1, localhost */

/*
 * A host as Host: or a URL may hold it: a name of letters, digits, '-', '.',
 * '_' (a dot at the end included), or IPv4, or [IPv6].  A name whose last
 * label is a number must be a whole IPv4 address.
 */
bool url_is_host(struct str host);

/* The address in "[...]", one for all its spellings; false: host is no such literal. */
bool url_ipv6(struct str host, struct in6_addr *out);

/*
 * Is `rd` a path on our own host that a browser cannot read as another place?
 * True only for "/..." of at most 2048 bytes of visible ASCII without '\' and
 * '#', whose path does not begin with two slashes or backslashes, does not
 * climb above the root and holds no control - as it stands, with dot segments
 * resolved, and after every round of percent-decoding.  A broken encoding in
 * the path: false.  A query may hold anything visible, also "//" and encoded
 * line ends: what stands behind '?' names no host, and goes out as it came.
 */
bool url_is_local_path(struct str rd);

/* Percent-encode everything but unreserved characters (RFC 3986 2.3), into m. */
struct str url_encode(struct mem *m, struct str s);

/*
 * One parameter of a query or form body.  0: found once (*out decoded into m);
 * 1: absent; -1: there more than once, or its encoding is broken (with NUL too).
 * Names are compared decoded.  *out is terminated; without '=' it is "".
 */
int url_param(struct mem *m, struct str query, const char *name, struct str *out);

/* Append name=value, encoded, with '?' or '&' as url needs it. */
char *url_add_param(struct mem *m, const char *url, const char *name, struct str value);

#endif
