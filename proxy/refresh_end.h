/*
 * proxy/refresh_end.h - a renewal that ends its session, or comes too late for it
 *
 * Private to the job (proxy/refresh_job.h), whose insides stand here.  A
 * session can be ended while it is renewed: then what the provider gave is
 * neither stored nor handed on, and the refresh token goes back.
 */
#ifndef PROXY_REFRESH_END_H
#define PROXY_REFRESH_END_H
#include "proxy/refresh_job.h"
#include "proxy/refresh_table.h"
#include "proxy/worker.h"

enum job_step {
	JOB_LOCK,
	JOB_TAKE_LOCK,
	JOB_LOOK,
	JOB_TAKE_LOOK,
	JOB_ASK_TOKENS,
	JOB_TAKE_TOKENS,
	JOB_ASK_USERINFO,
	JOB_TAKE_USERINFO,
	JOB_VERIFY,
	JOB_ASK_KEYS,
	JOB_TAKE_KEYS,
	JOB_VERIFY_AGAIN,
	JOB_RENEW,
	JOB_KEEP,
	JOB_TAKE_KEPT,
	JOB_LOOK_BACK,
	JOB_END_SESSION, /* refresh_end.c */
	JOB_TAKE_ENDED,
	JOB_TAKE_DROPPED,
	JOB_END
};

struct refresh_job {
	struct refresh_job *next, **prev; /* of its worker */
	struct worker *worker;
	struct view *view; /* counted */
	struct mem *mem;   /* ours */
	size_t provider;
	struct visit visit;
	const struct session *session;
	struct str token;
	size_t outbound;     /* as in the order */
	struct tokens newer; /* the same */
	char id[65];
	enum job_step step;
	bool waiting, running;
	bool locked, settled;
	unsigned looks, keeps;
	struct timer timer;
	/* what it waits for */
	struct store_op *store;
	struct oidc_op *oidc;
	struct revoke_op *revoke;
	/* what it found out */
	const struct oidc_view *known; /* counted */
	struct tokens held;            /* of the store; then the new ones */
	struct oidc_tokens fresh;
	const char *userinfo;
	const struct identity *who;
	struct refresh_result result;
};

typedef enum job_step job_fn(struct refresh_job *);

/* Somebody ended the session, as it was or as it is now. */
bool refresh_end_is_over(const struct refresh_job *j, struct err *e);
/* It ends, for this reason. */
enum job_step refresh_end(struct refresh_job *j, const struct err *e);
job_fn refresh_end_session, refresh_end_take_revoked, refresh_end_take_dropped;

/* --- proxy/refresh_job.c --- */

void refresh_job_wake(void *j);
/* For the answer of a store; STORE_FAILED: the renewal has failed. */
enum job_step refresh_job_wait(
    struct refresh_job *j, enum store_answer answer, enum job_step take, const struct err *e);

#endif
