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

struct revoke_op;
struct worker;

typedef void revoke_done(void *arg);

/* Copies what it is given. */
struct revoke_op *revoke_ask(
    struct worker *w, const struct revocation *v, size_t n, revoke_done *done, void *arg);
int revoke_take(struct revoke_op **op, struct err *e) MUST_CHECK;
void revoke_cancel(struct revoke_op **op); /* safe on NULL */

#endif
