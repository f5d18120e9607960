/*
 * proxy/giveback.h - a refresh token goes back to the provider (RFC 7009)
 *
 * A provider without a revocation_endpoint, or of which nothing is known now,
 * gets nothing.  What fails is a warning in the log, and no more: here the
 * session has ended all the same.
 */
#ifndef PROXY_GIVEBACK_H
#define PROXY_GIVEBACK_H
#include "conf/mem.h"
#include "conf/str.h"
#include "oidc/oidc.h"

struct view;
struct worker;

#define GIVEBACK_MS 2000 /* nobody waits longer for the provider */

/* Borrowed for the call. */
struct giveback {
	struct worker *worker;
	struct view *view;
	size_t provider; /* index */
	struct str token;
	int64_t timeout; /* ms; 0: GIVEBACK_MS */
	const char *id;  /* the request's, for the log */
	struct mem *mem; /* of the caller; for giveback_ask() */
};

/* For who waits: done(arg) is called once, as oidc_ask_gift() has it.  NULL: there is nothing to wait for. */
struct oidc_op *giveback_ask(const struct giveback *g, oidc_done *done, void *arg);
void giveback_take(struct oidc_op **op, struct worker *w, const char *id);

/* For who does not. */
void giveback_begin(const struct giveback *g);
void giveback_stop_all(struct worker *w); /* a worker that ends */

#endif
