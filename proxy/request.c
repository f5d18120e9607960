/*
 * proxy/request.c - the road of one request
 *
 * Read from top to bottom.  A step does one thing and ends by returning the
 * next step.  A step that must wait starts the work and returns
 * request_wait(r, STEP_TAKE_...); the take stands right below the ask.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "proxy/access.h"
#include "proxy/client.h"
#include "proxy/forward.h"
#include "proxy/introspector.h"
#include "proxy/keep.h"
#include "proxy/mobile.h"
#include "proxy/onbehalf.h"
#include "proxy/pages.h"
#include "proxy/refresh.h"
#include "proxy/refresh_table.h"
#include "proxy/request.h"
#include "proxy/revoke.h"
#include "proxy/upstream.h"
#include "proxy/usertokens.h"
#include "proxy/verify.h"

static step_fn request_check, request_route, request_session, request_authorize;
static step_fn request_ask_upstream, request_ask_outbound, request_take_outbound;
static step_fn request_take_upstream, request_relay;
static step_fn request_say_no, request_reply, request_finish;

static void run(struct request *);
static enum step give_up(struct request *);
static enum step sign_in_or_401(struct request *);
static bool crosses_origin(const struct request *);
static void reject_token(struct request *);
static bool may_try_again(const struct request *);

static const struct {
	const char *name; /* as in the debug log */
	step_fn *run;
} steps[STEP_END] = {
	[STEP_CHECK] = { "check", request_check },
	[STEP_ROUTE] = { "route", request_route },
	[STEP_SESSION] = { "session", request_session },
	[STEP_REFRESH] = { "refresh", refresh_begin },
	[STEP_TAKE_REFRESH] = { "take-refresh", refresh_take },
	[STEP_TAKE_NEWER] = { "take-newer", refresh_take_newer },
	[STEP_TAKE_REFRESHED] = { "take-refreshed", refresh_take_kept },
	[STEP_AUTHORIZE] = { "authorize", request_authorize },
	[STEP_BEARER] = { "bearer", bearer_begin },
	[STEP_VERIFY_BEARER] = { "verify-bearer", bearer_verify },
	[STEP_ASK_BEARER_KEYS] = { "ask-bearer-keys", bearer_ask_keys },
	[STEP_TAKE_BEARER_KEYS] = { "take-bearer-keys", bearer_take_keys },
	[STEP_VERIFY_BEARER_AGAIN] = { "verify-bearer-again", bearer_verify_again },
	[STEP_ASK_INTROSPECTION] = { "ask-introspection", bearer_ask_introspection },
	[STEP_TAKE_INTROSPECTION] = { "take-introspection", bearer_take_introspection },
	[STEP_ALLOW_BEARER] = { "allow-bearer", bearer_authorize },
	[STEP_READ_SESSION] = { "read-session", mobile_read },
	[STEP_TRADE] = { "trade", mobile_trade },
	[STEP_ASK_UPSTREAM] = { "ask-upstream", request_ask_upstream },
	[STEP_ASK_USER_TOKENS] = { "ask-user-tokens", usertokens_ask },
	[STEP_TAKE_USER_TOKENS] = { "take-user-tokens", usertokens_take },
	[STEP_ASK_OUTBOUND] = { "ask-outbound", request_ask_outbound },
	[STEP_TAKE_OUTBOUND] = { "take-outbound", request_take_outbound },
	[STEP_ASK_ON_BEHALF] = { "ask-on-behalf", onbehalf_ask },
	[STEP_TAKE_ON_BEHALF] = { "take-on-behalf", onbehalf_take },
	[STEP_TAKE_UPSTREAM] = { "take-upstream", request_take_upstream },
	[STEP_RELAY] = { "relay", request_relay },
	[STEP_REFUSE] = { "refuse", request_say_no },
	[STEP_REPLY] = { "reply", request_reply },
	[STEP_FINISH] = { "finish", request_finish },
	[STEP_ADMIN] = { "admin", admin_answer },
	[STEP_ADMIN_REVOKE] = { "admin-revoke", admin_revoke_ask },
	[STEP_TAKE_ADMIN_REVOKED] = { "take-admin-revoked", admin_revoke_take },
	[STEP_ENDPOINT] = { "endpoint", endpoint_find },
	[STEP_SHOW_SESSION] = { "show-session", endpoint_show_session },
	[STEP_LOGIN] = { "login", login_choose },
	[STEP_SIGN_IN] = { "sign-in", login_begin },
	[STEP_SET_OUT] = { "set-out", login_set_out },
	[STEP_ASK_PROVIDER] = { "ask-provider", login_ask_provider },
	[STEP_TAKE_PROVIDER] = { "take-provider", login_take_provider },
	[STEP_SEND_AWAY] = { "send-away", login_send_away },
	[STEP_READ_BODY] = { "read-body", bodyread_ask },
	[STEP_TAKE_BODY] = { "take-body", bodyread_take },
	[STEP_CALLBACK] = { "callback", login_callback },
	[STEP_ASK_TOKENS] = { "ask-tokens", login_ask_tokens },
	[STEP_TAKE_TOKENS] = { "take-tokens", login_take_tokens },
	[STEP_ASK_USERINFO] = { "ask-userinfo", login_ask_userinfo },
	[STEP_TAKE_USERINFO] = { "take-userinfo", login_take_userinfo },
	[STEP_VERIFY] = { "verify", login_verify },
	[STEP_ASK_KEYS] = { "ask-keys", login_ask_keys },
	[STEP_TAKE_KEYS] = { "take-keys", login_take_keys },
	[STEP_VERIFY_AGAIN] = { "verify-again", login_verify_again },
	[STEP_BEGIN_SESSION] = { "begin-session", login_begin_session },
	[STEP_TAKE_STORED] = { "take-stored", login_take_stored },
	[STEP_LOGOUT] = { "logout", logout_begin },
	[STEP_TAKE_STORED_ID] = { "take-stored-id", logout_take_id },
	[STEP_TAKE_REVOKED] = { "take-revoked", logout_take_revoked },
	[STEP_TAKE_DROPPED] = { "take-dropped", logout_take_dropped },
	[STEP_GIVE_BACK] = { "give-back", logout_give_back },
	[STEP_TAKE_GIVEN_BACK] = { "take-given-back", logout_take_given_back },
	[STEP_SIGNED_OUT] = { "signed-out", logout_done },
	[STEP_BACKCHANNEL] = { "backchannel", backchannel_read },
	[STEP_VERIFY_LOGOUT] = { "verify-logout", backchannel_verify },
	[STEP_ASK_LOGOUT_KEYS] = { "ask-logout-keys", backchannel_ask_keys },
	[STEP_TAKE_LOGOUT_KEYS] = { "take-logout-keys", backchannel_take_keys },
	[STEP_VERIFY_LOGOUT_AGAIN] = { "verify-logout-again", backchannel_verify_again },
	[STEP_TAKE_BACKCHANNEL] = { "take-backchannel", backchannel_take },
	[STEP_TAKE_FRONTCHANNEL] = { "take-frontchannel", frontchannel_take },
	[STEP_KEEP] = { "keep", keep_form },
	[STEP_VERIFIED] = { "verified", verify_allow },
};

/* --- the driver --- */

void
request_begin(struct request *r)
{
	r->step = STEP_CHECK;
	run(r);
}

void
request_begin_bad(struct request *r, const struct err *e)
{
	/* Nothing of what could not be parsed is looked at again. */
	r->in.method = r->in.target = r->in.path = r->in.host = STR("");
	r->in.query = (struct str){ NULL, 0 };
	r->in.method_id = METHOD_OTHER;
	r->in.n_fields = 0;
	r->in.minor = r->client->is_stream ? 2 : 1;
	r->in.keep_alive = r->in.upgrade = r->in.expect_continue = false;
	memset(r->in.index, 0, sizeof(r->in.index));
	forward_look(r);
	r->step = request_fail(r, e);
	run(r);
}

void
request_resume(struct request *r)
{
	assert(r->waiting && !r->running);
	r->waiting = false;
	run(r);
}

void
request_wake(void *arg)
{
	request_resume(arg);
}

static void
run(struct request *r)
{
	r->running = true;
	while (r->step != STEP_END && !r->waiting && !r->aborted) {
		enum step was = r->step, next = steps[was].run(r);

		if (log_level() == LOG_LEVEL_DEBUG)
			log_request(LOG_LEVEL_DEBUG, r->id, REASON_NONE, "%s -> %s", steps[was].name,
			    next == STEP_END ? "end" : steps[next].name);
		if (mem_overrun(r->mem) && r->err.reason != REASON_MEMORY_BUDGET && was != STEP_FINISH &&
		    !r->aborted)
			next = give_up(r);
		r->step = next;
	}
	r->running = false;
	if (r->step == STEP_END && !r->aborted) {
		struct client *c = r->client;
		bool keep = r->keep, broken = r->broken && r->head_sent;

		request_put_back(r);
		c->request = NULL;
		if (broken)
			client_close(
			    c, "the answer broke off"); /* only a cut tells the client that it is not whole */
		else
			client_request_done(c, keep);
	}
}

enum step
request_wait(struct request *r, enum step take)
{
	assert(!r->waiting);
	r->waiting = true;
	return take;
}

/* Past the memory budget: drop what we wait for, say so. */
static enum step
give_up(struct request *r)
{
	oidc_op_cancel(&r->oidc);
	introspector_cancel(&r->introspection);
	store_op_cancel(&r->store);
	outbound_op_cancel(&r->outbound);
	revoke_cancel(&r->revoke);
	refresh_waiter_leave(&r->refresh);
	r->waiting = false;
	return request_refuse(r, REASON_MEMORY_BUDGET, "more than %d bytes for one request", REQUEST_MEMORY);
}

/* --- the road --- */

/* Meant for us, and may it be answered now? */
static enum step
request_check(struct request *r)
{
	const struct conf *c = request_snap(r)->conf;

	forward_look(r);
	if (r->client->admin)
		return STEP_ADMIN;
	if (r->in.body == BODY_LENGTH && r->in.content_length > c->limits.body_size)
		return request_refuse(r, REASON_BODY_TOO_LARGE,
		    "a body of %llu bytes exceeds limits.body_size (%llu)",
		    (unsigned long long)r->in.content_length, (unsigned long long)c->limits.body_size);
	if (forward_repeated(&r->in, FIELD_AUTHORIZATION))
		return request_refuse(r, REASON_BAD_REQUEST, "two Authorization fields");
	return STEP_ROUTE;
}

/* One canonical path, used for the rule and sent upstream, or no further. */
static enum step
request_route(struct request *r)
{
	struct snapshot *s = request_snap(r);
	struct err e;

	if (str_is(r->in.path, STR("*")))
		return request_refuse(r, REASON_BAD_TARGET, "OPTIONS * asks for nothing that is here");
	if (route_find(s->routes, r->in.host, r->in.path, r->mem, &r->match, &e) == -1 &&
	    !(e.reason == REASON_WRONG_HOST && verify_finds_host(r)))
		return request_fail(r, &e);
	if (r->client->https_redirect && !r->https) {
		reply_redirect(r, 308,
		    mem_printf(r->mem, "%s%.*s%s%.*s", r->match.origin->origin, STR_ARG(r->match.path),
			r->in.query.p == NULL ? "" : "?", STR_ARG(r->in.query)));
		r->err.reason = REASON_HTTPS_REDIRECT;
		return STEP_REPLY;
	}
	if (r->match.kind == ROUTE_OURS)
		return STEP_ENDPOINT;
	if (r->match.route->only_verified)
		return request_refuse(r, REASON_NO_ROUTE,
		    "route \"%s\" has no upstream: it is for verify alone", r->match.route->title);
	return request_protect(r);
}

enum step
request_protect(struct request *r)
{
	if (r->match.route->auth == AUTH_NONE)
		return request_pass(r);
	return bearer_is_wanted(r) ? STEP_BEARER : STEP_SESSION;
}

/* Who is this browser? */
static enum step
request_session(struct request *r)
{
	request_find_session(r, r->match.route->providers, r->match.route->n_providers);
	return refresh_is_due(r) ? STEP_REFRESH : STEP_AUTHORIZE;
}

/* May this person do this? */
static enum step
request_authorize(struct request *r)
{
	struct snapshot *s = request_snap(r);
	struct err e;

	if (r->match.kind == ROUTE_OURS)
		return STEP_SHOW_SESSION; /* it was renewed on the way of GET session */
	if (r->found != SESSION_FOUND)
		return sign_in_or_401(r);
	if (s->conf->session.origin_check && crosses_origin(r))
		return request_refuse(r, REASON_CROSS_ORIGIN,
		    "%.*s with a session, caused by another site (Origin %.*s)", STR_ARG(r->in.method),
		    STR_ARG(request_field(r, FIELD_ORIGIN)));
	if ((r->session->app_id.n > 0 ? mobile_allows(r, &e)
				      : access_allows(s->access, s->conf, r->match.route_index, r->session,
					    r->mem, &r->username, &e)) == -1)
		return request_fail(r, &e);
	return keep_is_replay(r) ? keep_replay(r) : request_pass(r);
}

enum step
request_pass(struct request *r)
{
	if (usertokens_are_wanted(r))
		return STEP_ASK_USER_TOKENS;
	return r->verify != NULL ? STEP_VERIFIED : STEP_ASK_UPSTREAM;
}

/* Pass it on: hop-by-hop off, what could pass for ours off, ours on. */
static enum step
request_ask_upstream(struct request *r)
{
	struct err e;
	struct str head;

	if (r->match.route->outbound != 0 && r->token == NULL)
		return STEP_ASK_OUTBOUND;
	upstream_choose(r);
	if (forward_request(r, &head, &e) == -1)
		return request_fail(r, &e);
	r->up_began = timers_now_us();
	r->tries++;
	r->up_failed = r->broken = false;
	/* An empty chunked body may have been read to its end for a try that failed. */
	r->relay.up_active = r->in.body == BODY_CHUNKED || !r->client->body.done || r->kept != NULL;
	r->relay.up_chunked = r->in.body == BODY_CHUNKED;
	r->relay.up_broken = false;
	if (upstream_ask(r, head, r->retried, &e) == -1) {
		r->err = e;
		r->up_failed = true;
		return STEP_TAKE_UPSTREAM;
	}
	relay_upload(r);
	if (r->broken)
		return request_fail(r, &r->err);
	return request_wait(r, STEP_TAKE_UPSTREAM);
}

/* The upstream wants a token of us: the one in force, or wait for one. */
static enum step
request_ask_outbound(struct request *r)
{
	struct outbound *b = request_snap(r)->outbounds[r->match.route->outbound - 1];

	if (onbehalf_is_wanted(r))
		return STEP_ASK_ON_BEHALF;
	r->token = outbound_token(b);
	if (r->token != NULL)
		return STEP_ASK_UPSTREAM;
	r->outbound = outbound_ask(b, r->worker->post, request_wake, r);
	return request_wait(r, STEP_TAKE_OUTBOUND);
}

static enum step
request_take_outbound(struct request *r)
{
	struct err e;

	if (outbound_take(&r->outbound, &r->token, &e) == -1)
		return request_fail(r, &e);
	return STEP_ASK_UPSTREAM;
}

/* The upstream's head is here, or it failed. */
static enum step
request_take_upstream(struct request *r)
{
	struct metrics *m = &r->worker->metrics;

	if (r->broken)
		return request_fail(r, &r->err);
	if (!r->up_failed) {
		r->up_took = timers_now_us() - r->up_began;
		metrics_latency(m->upstream_latency, &m->upstream_latency_us, (uint64_t)r->up_took);
		return STEP_RELAY;
	}
	metric_add(&m->upstream_errors, 1);
	if (!may_try_again(r))
		return request_fail(r, &r->err);
	metric_add(&m->upstream_retries, 1);
	log_request(LOG_LEVEL_WARN, r->id, r->err.reason, "%s; trying once more", r->err.text);
	r->retried = r->retried || (r->up != NULL && r->up->reused);
	r->err.reason = REASON_NONE;
	upstream_cancel(r);
	return STEP_ASK_UPSTREAM;
}

/* Bytes, both ways, until the end. */
static enum step
request_relay(struct request *r)
{
	struct str head;
	struct err e;

	if (r->token != NULL && r->worker->answer->status == 401)
		reject_token(r);
	if (forward_answer(r, r->worker->answer, &head, &e) == -1)
		return request_fail(r, &e);
	if (relay_begin_answer(r, head, r->up->first))
		return STEP_FINISH;
	if (!r->aborted && r->broken && !r->head_sent)
		return request_fail(r, &r->err); /* broken from its first bytes */
	if (!r->aborted && r->relay.tunnel)
		relay_upload(r);
	if (r->aborted || r->broken || r->through)
		return STEP_FINISH;
	return request_wait(r, STEP_FINISH);
}

static void
reject_token(struct request *r)
{
	if (onbehalf_is_wanted(r))
		onbehalf_reject(r);
	else
		outbound_reject(request_snap(r)->outbounds[r->match.route->outbound - 1], r->token);
}

/* No: a page, JSON or a redirect, and the reason in the log. */
static enum step
request_say_no(struct request *r)
{
	upstream_cancel(r);
	r->relay.up_active = r->relay.down_active = r->broken = false;
	if (reason_status(r->err.reason) >= 500)
		log_request(LOG_LEVEL_WARN, r->id, r->err.reason, "%s", r->err.text);
	else
		log_request(LOG_LEVEL_INFO, r->id, r->err.reason, "%s", r->err.text);
	if (!r->reply.set)
		reply_refusal(r);
	return STEP_REPLY;
}

/* An answer of our own. */
static enum step
request_reply(struct request *r)
{
	if (r->verify != NULL)
		verify_settle(r);
	reply_send(r);
	return STEP_FINISH;
}

/* Log it, count it; the next request, or goodbye. */
static enum step
request_finish(struct request *r)
{
	if (r->aborted)
		return STEP_END;
	if (r->up != NULL) {
		if (r->broken || r->relay.up_active || r->relay.down_active)
			upstream_cancel(r);
		else
			upstream_release(r);
	}
	if (r->broken && r->head_sent)
		log_request(LOG_LEVEL_WARN, r->id, r->err.reason, "%s", r->err.text);
	request_account(r);
	return STEP_END;
}

/* --- while the relay runs --- */

void
request_relayed(struct request *r)
{
	r->through = true;
	if (!r->running && r->waiting)
		request_resume(r);
}

void
request_broken(struct request *r, const struct err *e)
{
	r->err = *e;
	r->broken = true;
	if (!r->running && r->waiting)
		request_resume(r);
}

/* --- decisions of the road --- */

static enum step
sign_in_or_401(struct request *r)
{
	static const enum reason why[] = {
		[SESSION_FOUND] = REASON_NONE,
		[SESSION_NONE] = REASON_NO_SESSION,
		[SESSION_EXPIRED] = REASON_SESSION_EXPIRED,
		[SESSION_INVALID] = REASON_SESSION_INVALID,
		[SESSION_DUPLICATE] = REASON_SESSION_DUPLICATE,
		[SESSION_REVOKED] = REASON_SESSION_REVOKED,
		[SESSION_STALE] = REASON_REVOCATIONS_STALE,
	};
	enum conf_unauthenticated how = r->match.route->unauthenticated;
	const struct session *over = r->session;

	r->session = NULL;
	if (r->found == SESSION_STALE)
		return request_refuse_stale(r);
	if (how == UNAUTHENTICATED_401 || r->in.upgrade || (r->verify != NULL && !r->verify->redirect) ||
	    (how == UNAUTHENTICATED_AUTO && !request_is_navigation(r)))
		return request_refuse(r, why[r->found], "%s", reason_meaning(why[r->found]));
	r->err.reason = why[r->found];
	if (keep_is_wanted(r, over))
		return keep_read(r, over);
	return r->verify != NULL ? verify_sign_in(r) : STEP_LOGIN;
}

/*
 * Cookies come along when another site makes the browser send a request.
 * Fetch metadata says so where the browser is new enough, else Origin does.
 */
static bool
crosses_origin(const struct request *r)
{
	enum http1_method m = r->in.method_id;

	if (!r->in.upgrade && (m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS))
		return false;
	return request_from_other_site(r);
}

/*
 * Another server when this one cannot be connected to; the same server once,
 * on a new connection, when a kept one turned out closed before a byte of the
 * answer - but only for what may be sent twice (RFC 9110 9.2.2) and is held.
 */
static bool
may_try_again(const struct request *r)
{
	size_t n = request_snap(r)->upstreams[r->match.route->upstream].conf->n_servers;
	enum http1_method m = r->in.method_id;
	bool sent_none = r->client->body.seen == 0 && r->bytes_in == 0;

	switch ((int)r->err.reason) {
	case REASON_UPSTREAM_REFUSED:
	case REASON_UPSTREAM_CONNECT_TIMEOUT:
	case REASON_UPSTREAM_RESOLVE:
	case REASON_UPSTREAM_TLS:
		return r->tries < n && sent_none;
	case REASON_UPSTREAM_CLOSED:
		return r->up != NULL && r->up->reused && !r->up->spoke && !r->retried && sent_none &&
		       (m == METHOD_GET || m == METHOD_HEAD || m == METHOD_OPTIONS || m == METHOD_PUT ||
			   m == METHOD_DELETE);
	default:
		return false;
	}
}

enum step
request_fail(struct request *r, const struct err *e)
{
	if (e != &r->err)
		r->err = *e;
	return STEP_REFUSE;
}

enum step
request_refuse_stale(struct request *r)
{
	return request_refuse(r, REASON_REVOCATIONS_STALE,
	    "which sessions were ended elsewhere has not been known for session.revocation_stale; the Redis "
	    "cannot be read");
}

enum step
request_refuse(struct request *r, enum reason why, const char *fmt, ...)
{
	va_list ap;

	r->err.reason = why;
	va_start(ap, fmt);
	(void)vsnprintf(r->err.text, sizeof(r->err.text), fmt, ap);
	va_end(ap);
	return STEP_REFUSE;
}
