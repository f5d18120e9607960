/*
 * conf/conf_top.h - what other builders need of the top level
 */
#ifndef CONF_CONF_TOP_H
#define CONF_CONF_TOP_H
#include "conf/build.h"

/* A host as it is compared: lower case, no dot at the end, IPv6 in its shortest form, in brackets. */
char *conf_top_host(struct mem *m, struct str host);

/* Is this path (below public_url's) auth_path itself or one of our endpoints below it, the callback excepted?
 */
bool conf_top_is_endpoint(const struct conf *c, const char *path);

/* A list of networks; `unix_too`: "unix:" may be among them. */
void conf_top_peers(struct build *b, struct entry *e, bool unix_too, struct conf_peers *out);

#endif
