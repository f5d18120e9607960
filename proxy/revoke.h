/*
 * proxy/revoke.h - ending sessions before their time, so that it lasts
 *
 * A revocation counts in this process at once (session/revoked.h).  It is
 * acknowledged only when it will survive: with `session.revocations` when it
 * is in the file and the file is on the disk, with Redis when Redis has it,
 * with neither at once.  What cannot be kept is said: revoke_take() fails,
 * and the caller must not tell anybody that it is done.
 *
 * Ask and take, on the worker's loop; done(arg) is called once, never from
 * inside revoke_ask(), and not after revoke_cancel() (what was asked for goes
 * on all the same).
 */
#ifndef PROXY_REVOKE_H
#define PROXY_REVOKE_H
#include "conf/err.h"
#include "session/revoked.h"

struct conf_session;
struct revoke_op;
struct shared;
struct worker;

typedef void revoke_done(void *arg);

/* Copies what it is given. */
struct revoke_op *revoke_ask(
    struct worker *w, const struct revocation *v, size_t n, revoke_done *done, void *arg);
int revoke_take(struct revoke_op **op, struct err *e) MUST_CHECK;
void revoke_cancel(struct revoke_op **op); /* safe on NULL */

/* How long a revocation must hold, in seconds since 1970: nothing that it ends is in force after that. */
int64_t revoke_until(const struct conf_session *c, int64_t now);

/* Any thread: the table has grown, so have every worker look at its open streams now (proxy/watch.h). */
void revoke_look(struct shared *sh);

/*
 * Where revocations are kept: a file (proxy/revoke_file.h), a server; NULL in
 * struct shared: nowhere.  keep() is called on the asking worker's thread;
 * it, or whoever it hands the op to, calls revoke_kept() once, on any thread.
 */
struct revoke_sink {
	void (*keep)(struct revoke_sink *s, struct revoke_op *op);
};
void revoke_kept(struct revoke_op *op, const struct err *e); /* NULL: it will survive */

/* What is to be kept; good until revoke_kept(). */
const struct revocation *revoke_list(const struct revoke_op *op, size_t *n);
struct worker *revoke_worker(const struct revoke_op *op);

#endif
