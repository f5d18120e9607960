/*
 * session/store.h - where a session's tokens are kept
 *
 * Ask and take, like the provider: a store that knows the answer at once says
 * STORE_READY from store_ask_*() and needs no trip through the event loop; one
 * that must wait (a server) says STORE_WAIT, gives an op and calls done(arg)
 * once, from the loop and never from inside store_ask_*().  After STORE_FAILED
 * there is no op.  Each op is taken once, by the take of its ask, or
 * cancelled; after store_op_cancel() it calls nothing.
 *
 * store = "cookie" seals the tokens into a second cookie ("SESSION.t") and is
 * always ready.  What does not fit into nine cookies, STORE_COOKIE_MAX or the
 * visit's room is left out: the access token first, then the ID token, then the
 * refresh token; the log says so once.  Its key is derived from session.sealing_secret, or from every
 * session.secret (the first seals, all open), and each record is bound to its sid.
 *
 * store = "memory" keeps them in this process, over reloads, until the session
 * ends; when the table is full what would end first is given up.  A restart
 * forgets them: sessions stay in force, but are renewed no more.
 */
#ifndef SESSION_STORE_H
#define SESSION_STORE_H
#include <stdint.h>

#include "session/session.h"

/*
 * Bytes of sealed tokens.  Together with the session cookie and all else that a
 * browser sends they must stay below limits.header_size (32k), or the browser
 * is shut out by its own cookies.
 */
#define STORE_COOKIE_MAX (16 * 1024)

struct store;
struct store_op;

/* The tokens of one session.  Secrets: they live in mem_secret() memory. */
struct tokens {
	struct str id_token, access_token, refresh_token; /* p is NULL where there is none */
	int64_t access_expires;                           /* seconds since 1970; 0: not known */
	/*
	 * The session token that belongs to them.  A store that instances or requests
	 * share gives back the newest, so that who comes with an older cookie finds
	 * what a renewal made; p is NULL where a store keeps none.
	 */
	struct str session;
	/* Seconds since 1970: when a store may forget them, the session being over; 0: it is not said. */
	int64_t session_ends;
};

enum store_answer { STORE_FAILED = -1, STORE_READY = 0, STORE_WAIT = 1 };

typedef void store_done(void *arg);

/* Borrows c.  Shared by all threads. */
struct store *store_cookie_new(const struct conf_session *c, struct err *e) MUST_CHECK;
/*
 * The table of `old` where that is such a store (may be NULL), else a new one
 * for so many sessions and bytes.
 */
#define STORE_MEMORY_SESSIONS 100000
#define STORE_MEMORY_BYTES    (512UL * 1024 * 1024)
struct store *store_memory_new(struct store *old, size_t sessions, size_t bytes);
void store_free(struct store **s);

/*
 * Do the tokens travel in the browser's cookies?  Then what a renewal brought
 * is lost unless an answer carries it (store_ask_put() with that request's
 * visit); else the store itself gives it to whoever asks.
 */
bool store_is_in_browser(const struct store *s);

/* Keep the tokens of session `sid`; store_take_put() gives the cookies to set (NULL-terminated, may be
 * empty). */
enum store_answer store_ask_put(struct store *s, const struct visit *v, struct str sid,
    const struct tokens *t, store_done *done, void *arg, struct store_op **op, struct err *e) MUST_CHECK;
int store_take_put(struct store_op **op, struct mem *m, const char ***set_cookies, struct err *e) MUST_CHECK;

/* The tokens of session `sid`; all p NULL when the store has none. */
enum store_answer store_ask_get(struct store *s, const struct visit *v, struct str sid, store_done *done,
    void *arg, struct store_op **op, struct err *e) MUST_CHECK;
int store_take_get(struct store_op **op, struct mem *m, struct tokens *out, struct err *e) MUST_CHECK;

/* Forget them; take gives the cookies that delete what the browser holds. */
enum store_answer store_ask_drop(struct store *s, const struct visit *v, struct str sid, store_done *done,
    void *arg, struct store_op **op, struct err *e) MUST_CHECK;
int store_take_drop(struct store_op **op, struct mem *m, const char ***set_cookies, struct err *e) MUST_CHECK;

/*
 * May this instance, and no other, renew the tokens of `sid` now?  *got: yes,
 * until store_unlock() or the life of a lock, whichever comes first.  A store that
 * no other instance shares always says yes at once: within the process the
 * caller takes care himself.
 */
enum store_answer store_ask_lock(struct store *s, const struct visit *v, struct str sid, store_done *done,
    void *arg, struct store_op **op, struct err *e) MUST_CHECK;
int store_take_lock(struct store_op **op, bool *got, struct err *e) MUST_CHECK;
/* Sent and forgotten: when it does not arrive, the lock runs out. */
void store_unlock(struct store *s, const struct visit *v, struct str sid);

/* Safe on NULL, in any state; sets *op to NULL. */
void store_op_cancel(struct store_op **op);

#endif
