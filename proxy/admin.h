/*
 * proxy/admin.h - the section that an admin request came in by
 */
#ifndef PROXY_ADMIN_H
#define PROXY_ADMIN_H
#include "proxy/request.h"

/* NULL: it is gone since a reload. */
const struct conf_listen *admin_listen(const struct request *r);

#endif
