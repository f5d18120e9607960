/* proxy/refresh.c - see proxy/refresh.h */
#include "conf/log.h"
#include "proxy/login.h"
#include "proxy/refresh.h"
#include "proxy/refresh_job.h"
#include "proxy/refresh_table.h"
#include "proxy/usertokens.h"
#include "session/revoked.h"

static bool is_to_be_renewed(const struct request *);
static bool is_replaced(const struct request *);
static enum step find_newer(struct request *);
static enum step write_anew(struct request *);
static enum step apply(struct request *, const struct refresh_result *);
static enum step keep_in_browser(struct request *, const struct tokens *);

bool
refresh_is_due(const struct request *r)
{
	const struct session *x = r->session;
	int64_t now = r->now_ms / 1000;

	if (r->found == SESSION_FOUND)
		return is_to_be_renewed(r) || session_is_to_be_kept(request_snap(r)->sessions, x, now);
	/* Whoever finds a cookie that ran out long ago is not to get the session that became of it. */
	return r->found == SESSION_EXPIRED && x->refresh_at != 0 && now - x->exp <= REFRESH_TAKEN / 1000;
}

/*
 * Servers that ask (verify) pass on one cookie of ours at most: tokens that the
 * browser alone holds would be lost, and the old ones used a second time.
 */
static bool
is_to_be_renewed(const struct request *r)
{
	const struct session *x = r->session;

	return x->refresh_at != 0 && x->refresh_at <= r->now_ms / 1000 &&
	       !(r->verify != NULL && store_is_in_browser(request_snap(r)->store));
}

/* Is this session's time come: who renews it, and does this request wait for it? */
enum step
refresh_begin(struct request *r)
{
	struct refresh_table *t = r->worker->shared->refreshes;
	const struct session *x = r->session;
	const struct refresh_asker a = refresh_asker(r);
	struct refresh_result result;
	enum refresh_seat seat;
	struct visit v;
	bool waits;

	if (is_replaced(r))
		return STEP_AUTHORIZE;
	if (r->found == SESSION_EXPIRED)
		return find_newer(r);
	if (!is_to_be_renewed(r))
		return write_anew(r);
	seat = refresh_table_enter(t, &a, r->mem, &result);
	if (seat == REFRESH_KNOWN)
		return apply(r, &result);
	if (seat == REFRESH_FULL)
		return STEP_AUTHORIZE;
	waits = store_is_in_browser(request_snap(r)->store) || x->tokens_end <= r->now_ms / 1000;
	if (waits)
		r->refresh = refresh_table_wait(t, x->sid, r->worker->post, request_wake, r);
	request_visit(r, &v, r->provider);
	if (seat == REFRESH_FIRST)
		refresh_order(r, &v, 0);
	return waits ? request_wait(r, STEP_TAKE_REFRESH) : STEP_AUTHORIZE;
}

/* Its browser has another session by now, whose cookies ours would take the place of. */
static bool
is_replaced(const struct request *r)
{
	return revoked_is_replaced(r->worker->shared->revoked, r->session, clock_seconds());
}

bool
refresh_came_late(const struct request *r)
{
	return r->session != NULL &&
	       (is_replaced(r) || revoked_session(r->worker->shared->revoked, r->session, clock_seconds()));
}

struct refresh_asker
refresh_asker(const struct request *r)
{
	return (
	    struct refresh_asker){ .sid = r->session->sid, .turn = r->session->turn, .now_ms = clock_ms() };
}

void
refresh_order(struct request *r, const struct visit *v, size_t outbound)
{
	refresh_job_begin(&(struct refresh_order){
	    .worker = r->worker,
	    .view = r->view,
	    .provider = r->provider,
	    .visit = v,
	    .session = r->session,
	    .outbound = outbound,
	    .token = r->newer != NULL ? r->newer->session : session_text(request_snap(r)->sessions, v),
	    .newer = r->newer,
	    .id = r->id,
	});
}

/* It is settled: with what? */
enum step
refresh_take(struct request *r)
{
	const struct refresh_asker a = refresh_asker(r);
	struct refresh_result result;

	refresh_waiter_leave(&r->refresh);
	if (!refresh_table_look(r->worker->shared->refreshes, &a, r->mem, &result))
		return STEP_AUTHORIZE;
	return apply(r, &result);
}

static enum step
apply(struct request *r, const struct refresh_result *result)
{
	switch (result->state) {
	case REFRESH_RENEWED:
		return refresh_adopt(r, &result->tokens);
	case REFRESH_FAILED:
		/* The provider may have replaced the refresh token all the same. */
		return result->tokens.refresh_token.n > 0 ? keep_in_browser(r, &result->tokens)
							  : STEP_AUTHORIZE;
	case REFRESH_ENDED:
		r->found = SESSION_EXPIRED;
		break;
	case REFRESH_RUNNING:
		break;
	}
	return STEP_AUTHORIZE;
}

/* Run out as the browser has it; but it may have been renewed, and this browser not have been told. */
static enum step
find_newer(struct request *r)
{
	struct snapshot *s = request_snap(r);
	const struct refresh_asker a = refresh_asker(r);
	struct refresh_result result;
	struct visit v;
	struct err e;

	if (refresh_table_look(r->worker->shared->refreshes, &a, r->mem, &result) &&
	    result.state == REFRESH_RENEWED)
		return refresh_adopt(r, &result.tokens);
	if (store_is_in_browser(s->store))
		return STEP_AUTHORIZE;
	request_visit(r, &v, r->provider);
	switch (store_ask_get(s->store, &v, a.sid, request_wake, r, &r->store, &e)) {
	case STORE_READY:
		return STEP_TAKE_NEWER;
	case STORE_WAIT:
		return request_wait(r, STEP_TAKE_NEWER);
	case STORE_FAILED:
		break;
	}
	return request_fail(r, &e);
}

enum step
refresh_take_newer(struct request *r)
{
	struct tokens *stored = mem_zalloc(r->mem, sizeof(*stored));
	struct err e;

	if (store_take_get(&r->store, r->mem, stored, &e) == -1)
		return request_fail(r, &e);
	return stored->session.n > 0 ? refresh_adopt(r, stored) : STEP_AUTHORIZE;
}

/* The session is the new one from here on, for this request and, with its answer, for the browser. */
enum step
refresh_adopt(struct request *r, const struct tokens *t)
{
	struct snapshot *s = request_snap(r);
	const struct session *x;
	struct tokens *newer;
	enum session_found found;
	struct visit v;

	request_visit(r, &v, r->provider);
	found = session_read(s->sessions, &v, t->session, &x);
	/* A session's own end is final: what is newer but over changes nothing. */
	if (found != SESSION_FOUND || !str_is(x->sid, r->session->sid)) {
		r->found = found == SESSION_REVOKED ? found : r->found;
		return STEP_AUTHORIZE;
	}
	r->found = request_is_stale(r) ? SESSION_STALE : found;
	r->session = x;
	newer = mem_zalloc(r->mem, sizeof(*newer));
	*newer = *t;
	r->newer = newer;
	if (!is_replaced(r))
		reply_cookies(r, session_cookie_set(&s->conf->session, r->match.origin,
				     mem_text(r->mem, v.scope->cookie), t->session, &v, r->mem));
	if (r->match.route != NULL && usertokens_are_wanted(r)) { /* GET session has none */
		r->usertokens = mem_zalloc(r->mem, sizeof(*r->usertokens));
		r->usertokens->access = t->access_token;
		r->usertokens->id = t->id_token;
	}
	return keep_in_browser(r, t);
}

/* Each answer that carries them makes sure that the browser has them; a store on a server has them already.
 */
static enum step
keep_in_browser(struct request *r, const struct tokens *t)
{
	struct snapshot *s = request_snap(r);
	size_t room = s->conf->limits.header_size / 2;
	struct visit v;
	struct err e;

	if (!store_is_in_browser(s->store) || is_replaced(r))
		return STEP_AUTHORIZE;
	request_visit(r, &v, r->provider);
	v.redis = NULL; /* the cookies alone: the job has told everybody else */
	v.room = room > r->reply.fields.n ? room - r->reply.fields.n : 1;
	switch (store_ask_put(s->store, &v, r->session->sid, t, request_wake, r, &r->store, &e)) {
	case STORE_READY:
		return STEP_TAKE_REFRESHED;
	case STORE_WAIT:
		return request_wait(r, STEP_TAKE_REFRESHED);
	case STORE_FAILED:
		break;
	}
	return request_fail(r, &e);
}

enum step
refresh_take_kept(struct request *r)
{
	const char **cookies;
	struct err e;

	if (store_take_put(&r->store, r->mem, &cookies, &e) == -1)
		return request_fail(r, &e);
	reply_cookies(r, cookies);
	return STEP_AUTHORIZE;
}

/* It is used (idle_timeout).  What cannot be written anew stays good for as long as it is. */
static enum step
write_anew(struct request *r)
{
	struct snapshot *s = request_snap(r);
	const struct session *x;
	struct visit v;
	struct str token;
	struct err e;

	request_visit(r, &v, r->provider);
	if (session_renew(s->sessions, &v, session_text(s->sessions, &v), NULL, &x, &token, &e) == -1) {
		log_request(LOG_LEVEL_WARN, r->id, e.reason, "%s", e.text);
		return STEP_AUTHORIZE;
	}
	r->session = x;
	reply_cookies(r, session_cookie_set(&s->conf->session, r->match.origin,
			     mem_text(r->mem, v.scope->cookie), token, &v, r->mem));
	return STEP_AUTHORIZE;
}

bool
refresh_follow(struct request *r, struct mem **m)
{
	struct snapshot *s = request_snap(r);
	struct refresh_asker a = refresh_asker(r);
	struct mem *fresh;
	struct visit v = {
		.scope = snapshot_scope(s, r->match.origin, r->provider),
		.revoked = r->worker->shared->revoked,
		.now_ms = a.now_ms,
	};
	struct refresh_result result;
	const struct session *x;

	if (r->session->refresh_at == 0 || r->session->refresh_at > a.now_ms / 1000 || r->bearer != NULL)
		return false;
	a.in_passing = true;
	v.mem = fresh = mem_new(SIZE_MAX);
	if (refresh_table_look(r->worker->shared->refreshes, &a, fresh, &result) &&
	    result.state == REFRESH_RENEWED &&
	    session_read(s->sessions, &v, result.tokens.session, &x) == SESSION_FOUND &&
	    str_is(x->sid, r->session->sid)) {
		r->session = x;
		mem_free(m);
		*m = fresh;
		return true;
	}
	mem_free(&fresh);
	return false;
}
