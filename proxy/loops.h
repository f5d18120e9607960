/*
 * proxy/loops.h - an application that sends a browser to the page it asked for
 *
 * Once is common (a cookie check); again and again is a loop that the browser
 * ends with words that help nobody.  Counted per worker, by session and page,
 * in a small table where a newer pair may push out an older one.
 */
#ifndef PROXY_LOOPS_H
#define PROXY_LOOPS_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/str.h"

#define LOOPS_ROUNDS 10    /* the same redirect, */
#define LOOPS_WINDOW 30000 /* within so many ms */

struct loops;

struct loops *loops_new(void);
void loops_free(struct loops **l);
/* Count one more; true when it has become a loop (and counting begins anew). */
bool loops_count(struct loops *l, struct str who, struct str page, int64_t now_ms);

/* Does this Location name the page itself?  `origin`: "https://host[:port]". */
bool loops_is_self(struct str location, struct str origin, struct str path, struct str query);

#endif
