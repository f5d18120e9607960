/*
 * proxy/binding.h - the one cookie that a browser holds while it signs in
 *
 * A random id that ties a sealed state to this browser, reused by all tabs
 * and attempts, and two counters that tell a loop when it runs.  The counters
 * are hints: a browser that changes them fools nobody but itself.
 *
 * Pure.
 */
#ifndef PROXY_BINDING_H
#define PROXY_BINDING_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/mem.h"
#include "conf/str.h"

#define BINDING_WINDOW 60 /* seconds that the counters look back */
#define BINDING_ROUNDS 3  /* sign-ins in a window that make a loop */

struct binding {
	struct str id;   /* 22 characters of base64url */
	bool fresh;      /* made just now: the browser sent none */
	unsigned done;   /* sign-ins completed in the window */
	unsigned failed; /* callbacks that could not be read, in the window */
	int64_t since;   /* seconds since 1970: the window's begin */
	bool cross_site; /* it has to come along with another site's POST (response_mode = "form_post") */
};

/* What the browser sent, or a new one.  Counters of an old window are zero. */
void binding_read(
    const struct str *cookies, size_t n, const char *name, int64_t now, struct mem *m, struct binding *out);
/*
 * The Set-Cookie value.  SameSite=Lax whatever the session's is: the callback
 * comes from another site.  None, which must be Secure, for cross_site alone.
 */
char *binding_set_cookie(const struct binding *b, const struct conf_session *c, const struct conf_origin *o,
    const char *name, struct mem *m);
char *binding_clear_cookie(
    const struct conf_session *c, const struct conf_origin *o, const char *name, struct mem *m);

#endif
