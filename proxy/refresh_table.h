/*
 * proxy/refresh_table.h - which sessions are being renewed, and what came of it
 *
 * One table per process, behind a mutex, over reloads.  What a renewal of one
 * session can be, and what moves it:
 *
 *   nothing -- the first who asks --> RUNNING -- its job is done --> RENEWED, FAILED or ENDED
 *      ^                                                                    |
 *      +---- RENEWED: 60 s after somebody took it, else 10 min;  -----------+
 *            FAILED, ENDED: 10 s
 *
 * What was RENEWED is still there after a later attempt that FAILED: a browser
 * that has not got it yet must not go back to a refresh token that is spent.
 *
 * Whoever asks while it runs waits for it or goes on; whoever asks afterwards
 * with an older session gets what it brought.  The first starts a job and owes
 * the table a refresh_table_settle(), whatever happens.
 *
 * Results hold tokens: they are wiped.  Bounded in number and bytes: settled
 * ones are given up for new ones, and when all are running nobody begins.
 */
#ifndef PROXY_REFRESH_TABLE_H
#define PROXY_REFRESH_TABLE_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/mem.h"
#include "conf/post.h"
#include "session/store.h"

#define REFRESH_AGAIN    10000  /* ms: no sooner after one that failed */
#define REFRESH_TAKEN    60000  /* ms: how long who comes late is served */
#define REFRESH_UNTAKEN  600000 /* ms: nobody has it yet, and it may be all there is */
#define REFRESH_SESSIONS 65536
#define REFRESH_BYTES    (64 * 1024 * 1024)

struct refresh_table;
struct refresh_waiter;

enum refresh_state {
	REFRESH_RUNNING,
	REFRESH_RENEWED, /* tokens.session is the session's new token */
	REFRESH_FAILED, /* the session goes on; where there are tokens, they take the place of the old ones */
	REFRESH_ENDED,  /* the provider will not have it: the session was ended */
};
struct refresh_result {
	enum refresh_state state;
	int64_t turn; /* of tokens.session: the higher is the newer */
	struct tokens tokens;
};

struct refresh_table *refresh_table_new(void);
void refresh_table_free(struct refresh_table **t); /* nobody waits any more */

enum refresh_seat {
	REFRESH_FIRST, /* it runs from now on: the caller is to do it */
	REFRESH_LATE,  /* it runs */
	REFRESH_KNOWN, /* *out says what came of it; in m */
	REFRESH_FULL,  /* too many: go on as after one that failed */
};
/* Who asks, with which session. */
struct refresh_asker {
	struct str sid;
	int64_t turn; /* of that session */
	int64_t now_ms;
	bool in_passing; /* it cannot hand the result on, so nobody has taken it */
};
enum refresh_seat refresh_table_enter(
    struct refresh_table *t, const struct refresh_asker *a, struct mem *m, struct refresh_result *out);
/* The same, but nothing is begun: false when nothing newer is settled. */
bool refresh_table_look(
    struct refresh_table *t, const struct refresh_asker *a, struct mem *m, struct refresh_result *out);
/* Copies *r; wakes who waits. */
void refresh_table_settle(
    struct refresh_table *t, struct str sid, const struct refresh_result *r, int64_t now_ms);

/*
 * done(arg) is called once, from the loop of `home` and never from inside, when
 * the renewal of `sid` is settled; at once when none runs.  Not after
 * refresh_waiter_leave(), which is also how it ends: safe on NULL, on the
 * thread of home.
 */
struct refresh_waiter *refresh_table_wait(
    struct refresh_table *t, struct str sid, struct post *home, void (*done)(void *), void *arg);
void refresh_waiter_leave(struct refresh_waiter **w);

#endif
