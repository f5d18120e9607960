/*
 * proxy/doctor.h - is everything around the proxy as it must be?
 *
 * `workflow-proxy doctor`: reaches each provider and upstream as the server
 * would, one line per check (proxy/finding.h), each bounded by the timeout of
 * what it reaches.  One that is down does not keep the others from being
 * checked.  Nothing secret is printed.
 */
#ifndef PROXY_DOCTOR_H
#define PROXY_DOCTOR_H
#include "conf/conf.h"
#include "conf/mem.h"
#include "oidc/discovery.h"
#include "proxy/finding.h"
#include "proxy/reach.h"

/* The whole verb: exit status 0 without a FAIL, 1 otherwise. */
int doctor_run(const char *file, FILE *out);

/* --- between doctor.c and its parts --- */

#define DOCTOR_DAY  86400
#define DOCTOR_SOON 30 /* days ahead that are warned about */

struct doctor {
	struct findings f;
	const struct conf *conf;
	struct reach *reach;
	struct mem *mem;
};

/* doctor_own.c: our own addresses, cookies and certificates; reaches nobody. */
void doctor_own(struct doctor *d);
/* doctor_provider.c */
void doctor_provider(struct doctor *d, const struct conf_provider *p);
/* doctor_provider_says.c: what the discovery document advertises, held against what is set. */
void doctor_provider_says(
    struct doctor *d, const char *subject, const struct conf_provider *p, struct str document);
/* doctor_hosts.c: do the servers of the other endpoints prove who they are? */
void doctor_hosts(
    struct doctor *d, const char *subject, const struct conf_provider *p, const struct discovery *meta);
const char *doctor_method(const struct conf_provider *p); /* "client_secret_basic", ... */
/* doctor_redis.c */
void doctor_redis(struct doctor *d);
/* doctor.c: something ends then. */
void doctor_ends(struct doctor *d, const char *subject, const char *what, int64_t ends);

#endif
