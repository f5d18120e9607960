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
#include "proxy/refresh_copy.h"
#include "proxy/refresh_job.h"
#include "proxy/refresh_table.h"
#include "proxy/revoke.h"
#include "proxy/worker.h"

#define LOOK_AGAIN 100 /* ms: somebody else is at it */
#define LOOKS      150
#define KEEP_AGAIN 500 /* ms: the store does not answer, and what came must not be lost */
#define KEEPS      (REFRESH_JOB_KEEP / KEEP_AGAIN)

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
	JOB_RENEW,
	JOB_KEEP,
	JOB_TAKE_KEPT,
	JOB_END_SESSION,
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
	bool locked;
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
	bool asked_keys;
	const struct identity *who;
	struct refresh_result result;
};

typedef enum job_step job_fn(struct refresh_job *);
static job_fn lock, take_lock, look, take_look, ask_tokens, take_tokens, ask_userinfo, take_userinfo, verify,
    ask_keys, take_keys, renew, keep, take_kept, end_session, take_ended, take_dropped;

static void run(struct refresh_job *);
static void finish(struct refresh_job *);
static void wake(void *);
static void wake_later(struct timer *);
static enum job_step wait_for(
    struct refresh_job *, enum store_answer, enum job_step take, const struct err *);
static enum job_step wait_ms(struct refresh_job *, int64_t, enum job_step then);
static enum job_step take_outbound(struct refresh_job *);
static void know(struct refresh_job *, int64_t turn);
static struct grants_key grant_of(const struct refresh_job *);
static enum job_step failed(struct refresh_job *, const struct err *);
static enum job_step ended(struct refresh_job *, const struct err *);
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
	[JOB_RENEW] = renew,
	[JOB_KEEP] = keep,
	[JOB_TAKE_KEPT] = take_kept,
	[JOB_END_SESSION] = end_session,
	[JOB_TAKE_ENDED] = take_ended,
	[JOB_TAKE_DROPPED] = take_dropped,
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
	if (j->locked)
		store_unlock(j->view->snap->store, &j->visit, j->session->sid);
	refresh_table_settle(w->shared->refreshes, j->session->sid, &j->result, clock_ms());
	oidc_view_release(&j->known);
	if (j->next != NULL)
		j->next->prev = j->prev;
	*j->prev = j->next;
	view_leave(&j->view);
	mem_free(&j->mem);
	free(j);
	worker_check_drained(w);
}

void
refresh_job_stop_all(struct worker *w)
{
	while (w->jobs != NULL)
		finish(w->jobs);
}

static void
wake(void *arg)
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

	return wait_for(j,
	    store_ask_lock(j->view->snap->store, &j->visit, j->session->sid, wake, j, &j->store, &e),
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

	return wait_for(j,
	    store_ask_get(j->view->snap->store, &j->visit, j->session->sid, wake, j, &j->store, &e),
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
	j->oidc = oidc_ask_renewal(oidc_of(j), j->worker->fetch, &ask, wake, j);
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
		return e.reason == REASON_PROVIDER_GRANT ? ended(j, &e) : failed(j, &e);
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

	grants_put(j->worker->shared->grants, &key, t->access_token, t->expires_in, timers_now());
	if (t->refresh_token.n == 0 || str_is(t->refresh_token, j->held.refresh_token))
		return JOB_END;
	j->held.refresh_token = t->refresh_token;
	know(j, j->session->turn);
	if (!store_is_in_browser(j->view->snap->store))
		return JOB_KEEP;
	if (session_renew(j->view->snap->sessions, &j->visit, j->token, &proof, &x, &token, &e) == -1)
		return ended(j, &e);
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
	return (struct grants_key){ j->session->sid, j->view->snap->generation, j->outbound - 1 };
}

static enum job_step
ask_userinfo(struct refresh_job *j)
{
	metric_add(&j->worker->metrics.provider_requests, 1);
	j->oidc = oidc_ask_userinfo(
	    oidc_of(j), j->worker->fetch, j->known->meta.userinfo_endpoint, j->fresh.access_token, wake, j);
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

/* Core 12.2: as at the sign-in, and the same issuer and user. */
static enum job_step
verify(struct refresh_job *j)
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
	struct err e;

	switch (idtoken_verify(&check, j->fresh.id_token, &j->who, &e)) {
	case IDTOKEN_OK:
		return JOB_RENEW;
	case IDTOKEN_NEED_KEYS:
		if (!j->asked_keys)
			return JOB_ASK_KEYS;
		break;
	case IDTOKEN_BAD:
		break;
	}
	return ended(j, &e);
}

static enum job_step
ask_keys(struct refresh_job *j)
{
	j->asked_keys = true;
	j->oidc = oidc_ask_keys(oidc_of(j), j->worker->post, wake, j);
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
			return JOB_VERIFY;
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
		return ended(j, &e);
	/* As at the sign-in, which will say so on a page: a browser must not be shut out by its cookies. */
	if (token.n > j->view->snap->conf->limits.header_size / 2) {
		(void)err_set(&e, REASON_LOGIN_CLAIM,
		    "its cookie would have %zu bytes now; the largest claim is %s", token.n,
		    session_largest_claim(x, &bytes));
		return ended(j, &e);
	}
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
	enum store_answer answer =
	    store_ask_put(j->view->snap->store, &j->visit, j->session->sid, &j->held, wake, j, &j->store, &e);

	if (answer != STORE_FAILED)
		return wait_for(j, answer, JOB_TAKE_KEPT, &e);
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

	if (store_take_put(&j->store, j->mem, &unused, &e) == 0)
		return JOB_END;
	if (++j->keeps < KEEPS && !j->worker->draining)
		return wait_ms(j, KEEP_AGAIN, JOB_KEEP);
	log_request(LOG_LEVEL_ERROR, j->id, e.reason, "a renewed session cannot be stored: %s", e.text);
	return JOB_END;
}

/* Refused from now on, on every instance; and its tokens forgotten. */
static enum job_step
end_session(struct refresh_job *j)
{
	const struct revocation x = {
		.kind = REVOKE_SID,
		.provider = STR(""),
		.text = j->session->sid,
		.before_ms = REVOKE_ALWAYS,
		.until = revoke_until(&j->view->snap->conf->session, clock_seconds()),
	};

	j->revoke = revoke_ask(j->worker, &x, 1, wake, j);
	j->waiting = true;
	return JOB_TAKE_ENDED;
}

static enum job_step
take_ended(struct refresh_job *j)
{
	struct err e;
	enum store_answer answer;

	if (revoke_take(&j->revoke, &e) == -1)
		log_request(LOG_LEVEL_ERROR, j->id, e.reason, "%s", e.text);
	answer = store_ask_drop(j->view->snap->store, &j->visit, j->session->sid, wake, j, &j->store, &e);
	return answer == STORE_FAILED ? JOB_END : wait_for(j, answer, JOB_TAKE_DROPPED, &e);
}

static enum job_step
take_dropped(struct refresh_job *j)
{
	const char **unused;
	struct err e;

	(void)!store_take_drop(&j->store, j->mem, &unused, &e);
	return JOB_END;
}

/* --- what the steps share --- */

static enum job_step
wait_for(struct refresh_job *j, enum store_answer answer, enum job_step take, const struct err *e)
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

static enum job_step
ended(struct refresh_job *j, const struct err *e)
{
	j->result = (struct refresh_result){ .state = REFRESH_ENDED };
	log_request(LOG_LEVEL_INFO, j->id, e->reason, "%.*s's session ends, it could not be renewed: %s",
	    STR_ARG(j->session->username), e->text);
	metric_add(&j->worker->metrics.refreshes_ended, 1);
	grants_drop(j->worker->shared->grants, j->session->sid);
	return JOB_END_SESSION;
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
