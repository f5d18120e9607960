/* proxy/refresh_end.c - see proxy/refresh_end.h */
#include "conf/log.h"
#include "proxy/giveback.h"
#include "proxy/grants.h"
#include "proxy/refresh_end.h"
#include "proxy/revoke.h"
#include "session/revoked.h"

static void give_back(const struct refresh_job *);

bool
refresh_end_is_over(const struct refresh_job *j, struct err *e)
{
	if (!revoked_session(j->visit.revoked, j->session, clock_seconds()))
		return false;
	(void)err_set(e, REASON_SESSION_REVOKED, "it was ended meanwhile");
	return true;
}

enum job_step
refresh_end(struct refresh_job *j, const struct err *e)
{
	log_request(LOG_LEVEL_INFO, j->id, e->reason, "%.*s's session ends, it could not be renewed: %s",
	    STR_ARG(j->session->username), e->text);
	metric_add(&j->worker->metrics.refreshes_ended, 1);
	grants_drop(j->worker->shared->grants, j->session->sid);
	give_back(j);
	j->result = (struct refresh_result){ .state = REFRESH_ENDED };
	return JOB_END_SESSION;
}

/*
 * Only what the provider has just given, which nobody else knows.  One whose
 * browser signed in anew meanwhile is left to run out (proxy/login.h).
 */
static void
give_back(const struct refresh_job *j)
{
	const struct giveback g = { .worker = j->worker,
		.view = j->view,
		.provider = j->provider,
		.token = j->fresh.refresh_token,
		.id = j->id };

	if (j->fresh.refresh_token.n > 0 &&
	    !revoked_is_replaced(j->visit.revoked, j->session, clock_seconds()))
		giveback_begin(&g);
}

/* Refused from now on, on every instance; and its tokens forgotten. */
enum job_step
refresh_end_session(struct refresh_job *j)
{
	const struct revocation x = {
		.kind = REVOKE_SID,
		.provider = STR(""),
		.text = j->session->sid,
		.before_ms = REVOKE_ALWAYS,
		.until = revoke_until(&j->view->snap->conf->session, clock_seconds()),
	};

	j->revoke = revoke_ask(j->worker, &x, 1, refresh_job_wake, j);
	j->waiting = true;
	return JOB_TAKE_ENDED;
}

enum job_step
refresh_end_take_revoked(struct refresh_job *j)
{
	struct err e;
	enum store_answer answer;

	if (revoke_take(&j->revoke, &e) == -1)
		log_request(LOG_LEVEL_ERROR, j->id, e.reason, "%s", e.text);
	answer = store_ask_drop(
	    j->view->snap->store, &j->visit, j->session->sid, refresh_job_wake, j, &j->store, &e);
	return answer == STORE_FAILED ? JOB_END : refresh_job_wait(j, answer, JOB_TAKE_DROPPED, &e);
}

enum job_step
refresh_end_take_dropped(struct refresh_job *j)
{
	const char **unused;
	struct err e;

	(void)!store_take_drop(&j->store, j->mem, &unused, &e);
	return JOB_END;
}
