/* proxy/refresh_job.c - see proxy/refresh_job.h; read from top to bottom */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "oidc/assertion.h"
#include "oidc/idtoken.h"
#include "proxy/grants.h"
#include "proxy/login.h"
#include "proxy/redis_revocations.h"
#include "proxy/refresh_copy.h"
#include "proxy/refresh_end.h"
#include "proxy/revoke.h"

#define LOOK_AGAIN 100 /* ms: somebody else is at it */
#define LOOKS      150
#define KEEP_AGAIN 500 /* ms: the store does not answer, and what came must not be lost */
#define KEEPS      (REFRESH_JOB_KEEP / KEEP_AGAIN)
#define LOOK_BACK  (4 * REDIS_READ_MS)

static job_fn lock, take_lock, look, take_look, ask_tokens, take_tokens, ask_userinfo, take_userinfo, verify,
    ask_keys, take_keys, verify_again, renew, keep, take_kept, look_back;

static void run(struct refresh_job *);
static void finish(struct refresh_job *);
static void settle(struct refresh_job *);
static void wake_later(struct timer *);
static enum job_step wait_ms(struct refresh_job *, int64_t, enum job_step then);
static enum job_step take_outbound(struct refresh_job *);
static void know(struct refresh_job *, int64_t turn);
static struct grants_key grant_of(const struct refresh_job *);
static enum job_step failed(struct refresh_job *, const struct err *);
static enum idtoken_result judge(struct refresh_job *, struct err *);
static const struct conf_provider *provider_of(const struct refresh_job *);
static struct oidc *oidc_of(const struct refresh_job *);

static job_fn *const steps[JOB_END] = {
	[JOB_LOCK] = lock,
	[JOB_TAKE_LOCK] = take_lock,
	[JOB_LOOK] = look,
	[JOB_TAKE_LOOK] = take_look,
	[JOB_ASK_TOKENS] = ask_tokens,
	[JOB_TAKE_TOKENS] = take_tokens,
	[JOB_ASK_USERINFO] = ask_userinfo,
	[JOB_TAKE_USERINFO] = take_userinfo,
	[JOB_VERIFY] = verify,
	[JOB_ASK_KEYS] = ask_keys,
	[JOB_TAKE_KEYS] = take_keys,
	[JOB_VERIFY_AGAIN] = verify_again,
	[JOB_RENEW] = renew,
	[JOB_KEEP] = keep,
	[JOB_TAKE_KEPT] = take_kept,
	[JOB_LOOK_BACK] = look_back,
	[JOB_END_SESSION] = refresh_end_session,
	[JOB_TAKE_ENDED] = refresh_end_take_revoked,
	[JOB_TAKE_DROPPED] = refresh_end_take_dropped,
};

/* --- its beginning and its end --- */

void
refresh_job_begin(const struct refresh_order *o)
{
	struct refresh_job *j = xcalloc(1, sizeof(*j));
	struct worker *w = o->worker;

	j->worker = w;
	j->view = view_use(o->view);
	j->mem = mem_new(SIZE_MAX);
	j->provider = o->provider;
	j->visit = refresh_copy_visit(o->visit, j->mem);
	j->session = session_keep(o->session, j->mem);
	j->token = mem_str(j->mem, o->token);
	j->outbound = o->outbound;
	if (o->newer != NULL && store_is_in_browser(o->view->snap->store))
		j->newer = refresh_copy_tokens(o->newer, j->mem);
	(void)snprintf(j->id, sizeof(j->id), "%s", o->id);
	j->result.state = REFRESH_FAILED;
	j->next = w->jobs;
	if (j->next != NULL)
		j->next->prev = &j->next;
	j->prev = &w->jobs;
	w->jobs = j;
	run(j);
}

static void
run(struct refresh_job *j)
{
	assert(!j->running);
	j->running = true;
	j->waiting = false;
	while (j->step != JOB_END && !j->waiting)
		j->step = steps[j->step](j);
	j->running = false;
	if (j->step == JOB_END && !j->waiting)
		finish(j);
}

static void
finish(struct refresh_job *j)
{
	struct worker *w = j->worker;

	timer_clear(&j->timer);
	store_op_cancel(&j->store);
	oidc_op_cancel(&j->oidc);
	revoke_cancel(&j->revoke);
	settle(j);
	oidc_view_release(&j->known);
	if (j->next != NULL)
		j->next->prev = j->prev;
	*j->prev = j->next;
	view_leave(&j->view);
	mem_free(&j->mem);
	free(j);
	worker_check_drained(w);
}

/* Who waits need not wait for what is still to be done. */
static void
settle(struct refresh_job *j)
{
	if (!j->settled)
		refresh_table_settle(j->worker->shared->refreshes, j->session->sid, &j->result, clock_ms());
	j->settled = true;
	if (j->locked)
		store_unlock(j->view->snap->store, &j->visit, j->session->sid);
	j->locked = false;
}

void
refresh_job_stop_all(struct worker *w)
{
	while (w->jobs != NULL)
		finish(w->jobs); /* NOLINT: what is finished has left the list */
}

void
refresh_job_wake(void *arg)
{
	run(arg);
}

static void
wake_later(struct timer *t)
{
	run(timer_owner(t, struct refresh_job, timer));
}

/* --- the road --- */

/* One instance at a time: a refresh token that is used twice looks stolen (RFC 9700 4.14.2). */
static enum job_step
lock(struct refresh_job *j)
{
	struct err e;

	return refresh_job_wait(j,
	    store_ask_lock(
		j->view->snap->store, &j->visit, j->session->sid, refresh_job_wake, j, &j->store, &e),
	    JOB_TAKE_LOCK, &e);
}

static enum job_step
take_lock(struct refresh_job *j)
{
	struct err e;

	if (store_take_lock(&j->store, &j->locked, &e) == -1)
		return failed(j, &e);
	return JOB_LOOK;
}

static enum job_step
look(struct refresh_job *j)
{
	struct err e;

	return refresh_job_wait(j,
	    store_ask_get(
		j->view->snap->store, &j->visit, j->session->sid, refresh_job_wake, j, &j->store, &e),
	    JOB_TAKE_LOOK, &e);
}

/* What another instance renewed meanwhile is taken over. */
static enum job_step
take_look(struct refresh_job *j)
{
	const struct session *x;
	struct err e;

	if (store_take_get(&j->store, j->mem, &j->held, &e) == -1)
		return failed(j, &e);
	if (j->held.session.p != NULL &&
	    session_read(j->view->snap->sessions, &j->visit, j->held.session, &x) == SESSION_FOUND &&
	    x->turn > j->session->turn) {
		j->session = x;
		j->token = j->held.session;
		know(j, x->turn);
		if (j->outbound == 0)
			return JOB_END;
	} else if (j->newer.session.n > 0)
		j->held = j->newer;
	if (j->locked)
		return JOB_ASK_TOKENS;
	if (++j->looks < LOOKS && !j->worker->draining)
		return wait_ms(j, LOOK_AGAIN, JOB_LOCK);
	(void)err_set(&e, REASON_PROVIDER_TIMEOUT, "another instance renews this session, and does not end");
	return failed(j, &e);
}

static enum job_step
ask_tokens(struct refresh_job *j)
{
	struct oidc_renewal ask = { .refresh_token = j->held.refresh_token };
	struct assertion about = { .now = clock_seconds() };
	struct err e;

	if (j->held.refresh_token.n == 0) {
		(void)err_set(&e, REASON_NONE,
		    "no refresh token is kept: the provider gave none (scope offline_access), or the "
		    "cookies had no room for it");
		return failed(j, &e);
	}
	if (j->outbound != 0) {
		const struct conf_outbound *o = &j->view->snap->conf->outbounds[j->outbound - 1];

		ask.for_upstream = true;
		ask.scope = o->scope;
		ask.resource = o->resource;
		j->held.session = j->token;
		j->held.session_ends = j->session->end;
		know(j, j->session->turn);
	}
	j->known = oidc_view(oidc_of(j), about.now, &e);
	if (j->known == NULL)
		return failed(j, &e);
	ask.token_endpoint = about.token_endpoint = j->known->meta.token_endpoint;
	about.issuer = j->known->meta.issuer;
	if (assertion_print(provider_of(j), &about, j->mem, &ask.assertion, &e) == -1)
		return failed(j, &e);
	metric_add(&j->worker->metrics.provider_requests, 1);
	j->oidc = oidc_ask_renewal(oidc_of(j), j->worker->fetch, &ask, refresh_job_wake, j);
	j->waiting = true;
	return JOB_TAKE_TOKENS;
}

/* From here on the old refresh token may be worth nothing: what came is kept, whatever else fails. */
static enum job_step
take_tokens(struct refresh_job *j)
{
	const struct oidc_tokens *t = &j->fresh;
	struct err e;

	if (oidc_take_tokens(&j->oidc, j->mem, &j->fresh, &e) == -1) {
		metric_add(&j->worker->metrics.provider_errors, 1);
		return e.reason == REASON_PROVIDER_GRANT ? refresh_end(j, &e) : failed(j, &e);
	}
	if (j->outbound != 0)
		return take_outbound(j);
	j->held.access_token = t->access_token;
	j->held.access_expires = t->expires_in > 0 ? clock_seconds() + t->expires_in : 0;
	if (t->refresh_token.n > 0)
		j->held.refresh_token = t->refresh_token;
	j->held.session = j->token;
	j->held.session_ends = j->session->end;
	j->result.tokens = j->held;
	if (t->id_token.n == 0)
		return JOB_RENEW;
	return provider_of(j)->userinfo && j->known->meta.userinfo_endpoint != NULL ? JOB_ASK_USERINFO
										    : JOB_VERIFY;
}

/* A token besides the session's; and the refresh token's successor, where the provider replaced it. */
static enum job_step
take_outbound(struct refresh_job *j)
{
	const struct session_proof proof = { .renewable = true, .refresh_token_alone = true };
	const struct grants_key key = grant_of(j);
	const struct oidc_tokens *t = &j->fresh;
	const struct session *x;
	struct str token;
	struct err e;

	if (refresh_end_is_over(j, &e))
		return refresh_end(j, &e);
	grants_put(j->worker->shared->grants, &key, t->access_token, t->expires_in, timers_now());
	if (t->refresh_token.n == 0 || str_is(t->refresh_token, j->held.refresh_token))
		return JOB_END;
	j->held.refresh_token = t->refresh_token;
	know(j, j->session->turn);
	if (!store_is_in_browser(j->view->snap->store))
		return JOB_KEEP;
	if (session_renew(j->view->snap->sessions, &j->visit, j->token, &proof, &x, &token, &e) == -1)
		return refresh_end(j, &e);
	j->held.session = token;
	know(j, x->turn);
	return JOB_KEEP;
}

/* This is the newest of the session that is known, whatever comes of the rest. */
static void
know(struct refresh_job *j, int64_t turn)
{
	j->result.state = REFRESH_RENEWED;
	j->result.turn = turn;
	j->result.tokens = j->held;
}

static struct grants_key
grant_of(const struct refresh_job *j)
{
	const struct session *x = j->session;

	return (struct grants_key){ x->sid, j->view->snap->generation, j->outbound - 1, x };
}

static enum job_step
ask_userinfo(struct refresh_job *j)
{
	metric_add(&j->worker->metrics.provider_requests, 1);
	j->oidc = oidc_ask_userinfo(oidc_of(j), j->worker->fetch, j->known->meta.userinfo_endpoint,
	    j->fresh.access_token, refresh_job_wake, j);
	j->waiting = true;
	return JOB_TAKE_USERINFO;
}

static enum job_step
take_userinfo(struct refresh_job *j)
{
	struct err e;

	if (oidc_take_userinfo(&j->oidc, j->mem, &j->userinfo, &e) == 0)
		return JOB_VERIFY;
	metric_add(&j->worker->metrics.provider_errors, 1);
	(void)failed(j, &e);
	return JOB_KEEP;
}

static enum job_step
verify(struct refresh_job *j)
{
	struct err e;

	switch (judge(j, &e)) {
	case IDTOKEN_OK:
		return JOB_RENEW;
	case IDTOKEN_NEED_KEYS:
		return JOB_ASK_KEYS;
	case IDTOKEN_BAD:
		break;
	}
	return refresh_end(j, &e);
}

/* Against all that the provider has: a key that is not among them is nobody's. */
static enum job_step
verify_again(struct refresh_job *j)
{
	struct err e;

	return judge(j, &e) == IDTOKEN_OK ? JOB_RENEW : refresh_end(j, &e);
}

/* Core 12.2: as at the sign-in, and the same issuer and user. */
static enum idtoken_result
judge(struct refresh_job *j, struct err *e)
{
	const struct conf_provider *p = provider_of(j);
	struct conf_strings claims = login_username_claims(j->mem, p);
	struct idtoken_check check = {
		.issuer = j->known->meta.issuer,
		.tenants = &p->tenants,
		.kind = p->kind,
		.client_id = p->client_id,
		.subject = j->session->sub,
		.before = j->held.id_token,
		.algs = &p->id_token_signed_response_alg,
		.keys = j->known->keys,
		.jwks_uri = j->known->meta.jwks_uri,
		.username_claim = &claims,
		.access_token = j->fresh.access_token,
		.userinfo = j->userinfo,
		.tolerance = p->clock_tolerance / 1000,
		.now = clock_seconds(),
		.mem = j->mem,
	};

	return idtoken_verify(&check, j->fresh.id_token, &j->who, e);
}

static enum job_step
ask_keys(struct refresh_job *j)
{
	j->oidc = oidc_ask_keys(oidc_of(j), j->worker->post, refresh_job_wake, j);
	j->waiting = true;
	return JOB_TAKE_KEYS;
}

/* That they cannot be had now says nothing about the token. */
static enum job_step
take_keys(struct refresh_job *j)
{
	struct err e;

	if (oidc_take_keys(&j->oidc, &e) == 0) {
		oidc_view_release(&j->known);
		j->known = oidc_view(oidc_of(j), clock_seconds(), &e);
		if (j->known != NULL)
			return JOB_VERIFY_AGAIN;
	}
	(void)failed(j, &e);
	return JOB_KEEP;
}

static enum job_step
renew(struct refresh_job *j)
{
	const struct session_proof proof = {
		.who = j->who, .access_expires = j->held.access_expires, .renewable = true
	};
	const struct session *x;
	struct str token;
	struct err e;
	size_t bytes;

	if (session_renew(j->view->snap->sessions, &j->visit, j->token, &proof, &x, &token, &e) == -1)
		return refresh_end(j, &e);
	/* As at the sign-in, which will say so on a page: a browser must not be shut out by its cookies. */
	if (token.n > j->view->snap->conf->limits.header_size / 2) {
		(void)err_set(&e, REASON_LOGIN_CLAIM,
		    "its cookie would have %zu bytes now; the largest claim is %s", token.n,
		    session_largest_claim(x, &bytes));
		return refresh_end(j, &e);
	}
	/* As it is now: somebody may have ended all of a username that it has only just got. */
	j->session = x;
	if (refresh_end_is_over(j, &e))
		return refresh_end(j, &e);
	if (j->fresh.id_token.n > 0)
		j->held.id_token = j->fresh.id_token;
	j->held.session = token;
	j->held.session_ends = x->end;
	know(j, x->turn);
	metric_add(&j->worker->metrics.refreshes_done, 1);
	log_request(LOG_LEVEL_DEBUG, j->id, REASON_NONE, "%.*s's session was renewed", STR_ARG(x->username));
	return JOB_KEEP;
}

/* In a browser they are kept by whoever waits, with the answer. */
static enum job_step
keep(struct refresh_job *j)
{
	struct err e;
	enum store_answer answer;

	if (refresh_end_is_over(j, &e))
		return refresh_end(j, &e);
	answer = store_ask_put(
	    j->view->snap->store, &j->visit, j->session->sid, &j->held, refresh_job_wake, j, &j->store, &e);

	if (answer != STORE_FAILED)
		return refresh_job_wait(j, answer, JOB_TAKE_KEPT, &e);
	if (++j->keeps < KEEPS && !j->worker->draining)
		return wait_ms(j, KEEP_AGAIN, JOB_KEEP);
	log_request(LOG_LEVEL_ERROR, j->id, e.reason, "a renewed session cannot be stored: %s", e.text);
	return JOB_END;
}

static enum job_step
take_kept(struct refresh_job *j)
{
	const char **unused;
	struct err e;

	if (store_take_put(&j->store, j->mem, &unused, &e) == -1) {
		if (++j->keeps < KEEPS && !j->worker->draining)
			return wait_ms(j, KEEP_AGAIN, JOB_KEEP);
		log_request(
		    LOG_LEVEL_ERROR, j->id, e.reason, "a renewed session cannot be stored: %s", e.text);
		return JOB_END;
	}
	if (j->visit.redis == NULL || j->worker->draining)
		return look_back(j);
	settle(j);
	return wait_ms(j, LOOK_BACK, JOB_LOOK_BACK);
}

/* What ended it while it was stored forgot the tokens too early; of other instances that is heard in a
 * moment. */
static enum job_step
look_back(struct refresh_job *j)
{
	struct err e;

	return refresh_end_is_over(j, &e) ? refresh_end(j, &e) : JOB_END;
}

/* --- what the steps share --- */

enum job_step
refresh_job_wait(struct refresh_job *j, enum store_answer answer, enum job_step take, const struct err *e)
{
	if (answer == STORE_FAILED)
		return failed(j, e);
	j->waiting = answer == STORE_WAIT;
	return take;
}

static enum job_step
wait_ms(struct refresh_job *j, int64_t ms, enum job_step then)
{
	timer_set(j->worker->timers, &j->timer, wake_later, ms);
	j->waiting = true;
	return then;
}

/* The session goes on as it is. */
static enum job_step
failed(struct refresh_job *j, const struct err *e)
{
	if (j->outbound != 0) {
		const struct grants_key key = grant_of(j);

		grants_fail(j->worker->shared->grants, &key, e, timers_now());
		return JOB_END;
	}
	j->result.state = REFRESH_FAILED;
	log_request(e->reason == REASON_NONE ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, j->id, e->reason,
	    "%.*s's session could not be renewed: %s", STR_ARG(j->session->username), e->text);
	metric_add(&j->worker->metrics.refreshes_failed, 1);
	return JOB_END;
}

static const struct conf_provider *
provider_of(const struct refresh_job *j)
{
	return &j->view->snap->conf->providers[j->provider];
}

static struct oidc *
oidc_of(const struct refresh_job *j)
{
	return j->view->snap->oidc[j->provider];
}
