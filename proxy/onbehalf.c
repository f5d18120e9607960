/* proxy/onbehalf.c - see proxy/onbehalf.h */
#include "proxy/grants.h"
#include "proxy/mobile.h"
#include "proxy/onbehalf.h"
#include "proxy/refresh.h"
#include "proxy/refresh_table.h"

#define ROUNDS 16 /* other jobs of the session that one request waits for */

static const struct conf_outbound *section(const struct request *);
static struct grants_key key_of(const struct request *);
static bool has_refresh_token(struct request *, struct err *);
static enum step use_refresh_token(struct request *);
static enum step no_token(struct request *, const struct err *);

bool
onbehalf_is_wanted(const struct request *r)
{
	return section(r)->by_user;
}

static const struct conf_outbound *
section(const struct request *r)
{
	return &request_snap(r)->conf->outbounds[r->match.route->outbound - 1];
}

static struct grants_key
key_of(const struct request *r)
{
	return (struct grants_key){ r->session->sid, request_snap(r)->generation,
		r->match.route->outbound - 1, r->session };
}

/* Is it there?  Else one that is under way is waited for, or begun. */
enum step
onbehalf_ask(struct request *r)
{
	const bool in_browser = store_is_in_browser(request_snap(r)->store);
	struct refresh_result result;
	struct refresh_asker a;
	struct grants_key key;
	struct err e;

	if (!has_refresh_token(r, &e))
		return no_token(r, &e);
	if (++r->rounds > ROUNDS) {
		(void)err_set(&e, REASON_NONE, "too much else is under way for this session");
		return no_token(r, &e);
	}
	/* A refresh token that was replaced must get to the browser with the first answer that can carry it.
	 */
	a = refresh_asker(r);
	if (in_browser && refresh_table_look(r->worker->shared->refreshes, &a, r->mem, &result) &&
	    result.state == REFRESH_RENEWED)
		return refresh_adopt(r, &result.tokens);
	key = key_of(r);
	switch (grants_find(r->worker->shared->grants, &key, timers_now(), &r->token, &e)) {
	case GRANTS_TOKEN:
		return STEP_ASK_UPSTREAM;
	case GRANTS_FAILED:
		return no_token(r, &e);
	case GRANTS_NONE:
		break;
	}
	return use_refresh_token(r);
}

/* Whoever came by bearer has none, nor has an app, nor a session of another provider. */
static bool
has_refresh_token(struct request *r, struct err *e)
{
	const char *why = NULL;

	if (r->session == NULL || r->session->sid.n == 0)
		why = "an access token came in place of a session, and no refresh token belongs to it";
	else if (r->session->app_id.n > 0)
		why = "the session was traded for an access token (POST token), and has no refresh token";
	else if (r->provider != section(r)->provider)
		why = "the session is of another provider than the section's";
	else if (store_is_in_browser(request_snap(r)->store) && mobile_is_sent(r))
		why = "the session came as a bearer, without the cookies that hold its refresh token";
	if (why != NULL)
		(void)err_set(e, REASON_NONE, "%s", why);
	return why == NULL;
}

static enum step
use_refresh_token(struct request *r)
{
	struct refresh_table *t = r->worker->shared->refreshes;
	struct refresh_asker a = refresh_asker(r);
	struct refresh_result result;
	enum refresh_seat seat = refresh_table_enter(t, &a, r->mem, &result);
	struct visit v;
	struct err e;

	if (seat == REFRESH_KNOWN && result.state == REFRESH_RENEWED) {
		if (store_is_in_browser(request_snap(r)->store))
			return refresh_adopt(r, &result.tokens);
		a.turn = result.turn; /* the job finds the newer session in the store */
		seat = refresh_table_enter(t, &a, r->mem, &result);
	}
	if (seat == REFRESH_KNOWN && result.state == REFRESH_ENDED) {
		r->found = SESSION_EXPIRED;
		return STEP_AUTHORIZE;
	}
	if (seat == REFRESH_KNOWN || seat == REFRESH_FULL) {
		(void)err_set(&e, REASON_NONE,
		    seat == REFRESH_FULL ? "too many sessions are being renewed"
					 : "the session could not be renewed a moment ago, see there");
		return no_token(r, &e);
	}
	r->refresh = refresh_table_wait(t, r->session->sid, r->worker->post, request_wake, r);
	if (seat == REFRESH_FIRST) {
		request_visit(r, &v, r->provider);
		refresh_order(r, &v, r->match.route->outbound);
	}
	return request_wait(r, STEP_TAKE_ON_BEHALF);
}

/* Something came of it: of this section's job, or of another one that was in the way. */
enum step
onbehalf_take(struct request *r)
{
	refresh_waiter_leave(&r->refresh);
	return STEP_ASK_ON_BEHALF;
}

static enum step
no_token(struct request *r, const struct err *e)
{
	return request_refuse(r, REASON_OUTBOUND_TOKEN, "outbound \"%.60s\": %s%s%s%s", section(r)->name,
	    e->text, e->reason == REASON_NONE ? "" : " (",
	    e->reason == REASON_NONE ? "" : reason_word(e->reason), e->reason == REASON_NONE ? "" : ")");
}

void
onbehalf_reject(const struct request *r)
{
	const struct grants_key key = key_of(r);

	grants_reject(r->worker->shared->grants, &key, r->token, timers_now());
}
