/*
 * proxy/request.h - one request, from its head to its last byte
 *
 * Read proxy/request.c from top to bottom: the functions stand in the order in
 * which a request meets them, and each ends by returning the name of the next.
 * Signing in and out are the same kind of list, in proxy/login.c and
 * proxy/logout.c; our small endpoints are in proxy/endpoint.c and
 * proxy/admin.c.
 *
 * client.c makes a request when a head is complete and calls request_begin().
 * From then on the road decides; client.c, upstream.c and oidc/ only report
 * that what was asked for is there.
 */
#ifndef PROXY_REQUEST_H
#define PROXY_REQUEST_H
#include <netinet/in.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "oidc/authreq.h"
#include "oidc/oidc.h"
#include "oidc/outbound.h"
#include "proxy/http1.h"
#include "proxy/relay.h"
#include "proxy/route.h"
#include "proxy/worker.h"
#include "session/session.h"
#include "session/store.h"

#define REQUEST_MEMORY (1024 * 1024) /* bytes that one request may find out */

struct backchannel;
struct bodyread;
struct bearer;
struct bearing;
struct client;
struct introspector_ask;
struct keeping;
struct kept;
struct login;
struct logout;
struct pages_own;
struct principal;
struct refresh_waiter;
struct request;
struct revocation;
struct revoke_op;
struct upstream_conn;
struct usertokens;
struct verify;

enum step {
	STEP_CHECK,   /* request.c:  meant for us, and may it be answered now?     */
	STEP_ROUTE,   /*             one canonical path; ours, open or protected?  */
	STEP_SESSION, /*             who is this browser?                          */
	STEP_REFRESH, /* refresh.c:  is its time come?  Renewed, once               */
	STEP_TAKE_REFRESH,
	STEP_TAKE_NEWER,
	STEP_TAKE_REFRESHED,
	STEP_AUTHORIZE,     /* request.c:  may this person do this?                      */
	STEP_BEARER,        /* bearer_road.c: an access token in place of a session      */
	STEP_VERIFY_BEARER, /*             whose is it, and what does it say?            */
	STEP_ASK_BEARER_KEYS,
	STEP_TAKE_BEARER_KEYS,
	STEP_VERIFY_BEARER_AGAIN, /*       against all that the provider has             */
	STEP_ASK_INTROSPECTION,   /*             only the provider can read it                 */
	STEP_TAKE_INTROSPECTION,
	STEP_ALLOW_BEARER,    /*             may it do this?                               */
	STEP_READ_SESSION,    /* mobile.c: a session token of ours came as a bearer */
	STEP_TRADE,           /* POST token: a session for an access token */
	STEP_ASK_UPSTREAM,    /*             pass it on                                    */
	STEP_ASK_USER_TOKENS, /* usertokens.c: not without the user's own tokens              */
	STEP_TAKE_USER_TOKENS,
	STEP_ASK_OUTBOUND,  /*             not without the token that it wants of us     */
	STEP_TAKE_OUTBOUND, /*             it is here, or cannot be had                  */
	STEP_ASK_ON_BEHALF, /* onbehalf.c: a token of the user's own, for the upstream   */
	STEP_TAKE_ON_BEHALF,
	STEP_TAKE_UPSTREAM, /*             the upstream's head is here, or it failed     */
	STEP_RELAY,         /*             bytes, both ways, until the end               */
	STEP_REFUSE,        /*             no: a page, JSON or a redirect                */
	STEP_REPLY,         /*             an answer of our own is ready: send it        */
	STEP_FINISH,        /*             log it; next request or goodbye               */
	STEP_ADMIN,         /* admin.c:    healthz, readyz, metrics                      */
	STEP_ADMIN_REVOKE,  /* admin_revoke.c: end sessions for an operator              */
	STEP_TAKE_ADMIN_REVOKED,
	STEP_ENDPOINT,     /* endpoint.c: our own endpoints below auth_path             */
	STEP_SHOW_SESSION, /*            GET session, where it had to be renewed first       */
	STEP_LOGIN,        /* login_choice.c: at which provider?                        */
	STEP_SIGN_IN,      /* login.c:    what is asked of this sign-in, and where to after it */
	STEP_SET_OUT,      /*             unless it would be in vain                    */
	STEP_ASK_PROVIDER, /*             not known yet: is it there now?               */
	STEP_TAKE_PROVIDER,
	STEP_SEND_AWAY, /*             302 with state, nonce and PKCE challenge       */
	STEP_READ_BODY, /* bodyread.c: a form for one of our endpoints               */
	STEP_TAKE_BODY,
	STEP_CALLBACK,   /* login.c:    it is back: state, then code                  */
	STEP_ASK_TOKENS, /*             redeem the code                               */
	STEP_TAKE_TOKENS,
	STEP_ASK_USERINFO, /*             where that is configured                      */
	STEP_TAKE_USERINFO,
	STEP_VERIFY,   /*             the ID token, against the keys we hold        */
	STEP_ASK_KEYS, /*             it names one that we do not hold              */
	STEP_TAKE_KEYS,
	STEP_VERIFY_AGAIN,   /*             against all that the provider has             */
	STEP_BEGIN_SESSION,  /*             proven: a session begins                      */
	STEP_TAKE_STORED,    /*             its tokens are kept; back to the page         */
	STEP_LOGOUT,         /* logout.c:   end the session                               */
	STEP_TAKE_STORED_ID, /*             its ID token, for the provider's logout       */
	STEP_TAKE_REVOKED,   /*             refused from now on, and that lasts           */
	STEP_TAKE_DROPPED,   /*             its tokens are forgotten                      */
	STEP_GIVE_BACK,      /*             the refresh token goes back to the provider   */
	STEP_TAKE_GIVEN_BACK,
	STEP_SIGNED_OUT,    /*             to the provider's logout, or our page         */
	STEP_BACKCHANNEL,   /* backchannel.c: the provider's server ends sessions        */
	STEP_VERIFY_LOGOUT, /*             its logout token, against the keys we hold    */
	STEP_ASK_LOGOUT_KEYS,
	STEP_TAKE_LOGOUT_KEYS,
	STEP_VERIFY_LOGOUT_AGAIN, /*       against all that the provider has             */
	STEP_TAKE_BACKCHANNEL,    /*             it will last: say so                          */
	STEP_TAKE_FRONTCHANNEL,   /* frontchannel.c: the same, said by a browser               */
	STEP_KEEP,                /* keep.c:     a form whose session has run out is here: keep it */
	STEP_VERIFIED,            /* verify.c:   another server asked: it may pass             */
	STEP_END
};

/* An answer of our own. */
struct reply {
	bool set;
	int status;
	const char *type; /* Content-Type; NULL: no body */
	struct str body;
	const char *location;    /* NULL: none */
	const char *csp;         /* NULL: page_csp */
	const char *referrer;    /* Referrer-Policy; NULL: no-referrer */
	struct http1_out fields; /* further header lines: reply_field() */
	unsigned retry_after;    /* seconds; 0: none */
	bool close;
};

struct request {
	struct grave grave; /* first: an aborted one is freed when the callback has returned */
	struct request *next_free;
	struct worker *worker; /* borrowed, like the client; both outlive us */
	struct client *client;
	struct view *view; /* counted: the snapshot this request lives under */
	struct mem *mem;   /* ours; holds all that is found out */
	enum step step;
	bool waiting; /* between an ask and its take */
	bool running;
	bool aborted;
	char id[65];    /* in every log line, and sent upstream */
	int64_t began;  /* us, monotonic */
	int64_t now_ms; /* since 1970 */

	/* 1. as received; slices of the client's buffer; only field.drop is changed */
	struct http1_head in;

	/* 2. what we found out, in this order */
	struct in6_addr addr; /* of the client, trusted proxies looked through */
	bool trusted;         /* the peer is a trusted proxy */
	bool https;           /* how the browser speaks to us, trusted proxies believed */
	struct route_match match;
	unsigned rounds;              /* looks for a token of the user's own */
	struct outbound_token *token; /* counted; for the upstream; NULL: it wants none */
	enum session_found found;
	size_t provider; /* index: whose session was found; of none, where one was looked for first */
	const struct session *session;     /* NULL: nobody signed in; of a bearer, what its token says */
	struct bearing *bearing;           /* an access token under way */
	const struct bearer *bearer;       /* one that was verified; NULL: none came */
	struct str username;               /* as it goes into the header */
	const struct tokens *newer;        /* than those that the browser sent; NULL: there are none */
	struct usertokens *usertokens;     /* the user's own, for the upstream; NULL: not looked for */
	struct login *login;               /* a sign-in under way */
	struct logout *logout;             /* a sign-out under way */
	const struct revocation *revoking; /* what a logout ends; n_revoking of them */
	size_t n_revoking;
	struct backchannel *backchannel; /* a logout token under way */
	struct bodyread *reading;        /* a body for one of our endpoints; NULL: none is read */
	struct keeping *keeping;         /* a form that is read to be kept; NULL: none */
	struct str kept_page;            /* where a kept form goes on after the sign-in; n is 0: nowhere */
	struct kept *kept;               /* a kept form, in place of the empty body that came; NULL: none */
	struct verify *verify;           /* another server asks about this request; NULL: it was sent to us */

	/* 3. what we are waiting for; request_abort() cancels these */
	struct oidc_op *oidc;
	struct introspector_ask *introspection;
	struct store_op *store;
	struct outbound_op *outbound;
	struct revoke_op *revoke;
	struct refresh_waiter *refresh;
	struct upstream_conn *up;

	/* 4. the exchange with the upstream */
	unsigned tries;        /* connections tried */
	bool retried;          /* a stale keep-alive connection was replaced once */
	bool up_failed;        /* no answer: r->err says why */
	bool broken;           /* the relay ended before its time: r->err says why */
	bool through;          /* the relay is complete */
	int64_t up_began;      /* us */
	int64_t up_took;       /* us, until its head; 0: none */
	struct server *server; /* borrowed from the view's snapshot; NULL: none asked */
	struct relay relay;

	/* 5. how it ended */
	struct reply reply;
	bool head_sent;
	bool keep; /* the connection may serve another request */
	int status;
	struct err err; /* reason NONE: nothing was refused */
	uint64_t bytes_in, bytes_out;
};

typedef enum step step_fn(struct request *r);

struct request *request_new(struct client *c); /* r->in is the caller's to fill */
void request_begin(struct request *r);
/* The client sent what is no request: log and answer it like any other. */
void request_begin_bad(struct request *r, const struct err *e);
void request_resume(struct request *r); /* what r waits for is there; the caller's last act */
void request_wake(void *r);             /* the same, as the `done` of an op */
void request_abort(struct request **r, enum reason why); /* the browser is gone */
void request_free_list(struct worker *w);
void request_put_back(struct request *r); /* it has ended; its memory serves the next one */
void request_account(struct request *r);  /* metrics and the access log: once, at the end */

/* While the relay runs: it is complete, or it broke. */
void request_relayed(struct request *r);
void request_broken(struct request *r, const struct err *e);

/* --- for the steps in the other files --- */

enum step request_wait(struct request *r, enum step take);
enum step request_fail(struct request *r, const struct err *e); /* STEP_REFUSE */
enum step request_refuse(struct request *r, enum reason why, const char *fmt, ...) PRINTF(3, 4);
/* Has nobody been able to say for too long which sessions other instances ended? */
bool request_is_stale(const struct request *r);
enum step request_refuse_stale(struct request *r);
struct str request_field(const struct request *r, enum field_id id); /* "" when there is none */
bool request_is_navigation(const struct request *r);
bool request_from_other_site(const struct request *r);
void request_visit(struct request *r, struct visit *v, size_t provider); /* what session/ wants to know */
/*
 * Who is this browser to these providers?  The first of their sessions that is
 * in force counts; else r->found says the most that is known of the others.
 * Indices; NULL: the first n of all.
 */
void request_find_session(struct request *r, const size_t *providers, size_t n);
struct str request_own_path(
    const struct request *r, const char *endpoint); /* origin path + auth_path + "/..." */
struct snapshot *request_snap(const struct request *r);
/* What is known of a provider now, until the request ends.  NULL with *e: nothing yet, or too long ago. */
const struct oidc_view *request_provider_view(struct request *r, size_t provider, struct err *e);
/* A warning when a token leaves out claims that routes need because they are too large (proxy/overage.h). */
void request_note_overage(struct request *r, const struct session *s);

/* The route is known: what does it want of who comes? */
enum step request_protect(struct request *r);
/* It may pass: on to the upstream, or back to the server that asked. */
enum step request_pass(struct request *r);

/* Is this request judged by an access token, on a route that takes them? */
bool bearer_is_wanted(const struct request *r);
struct str bearer_token(const struct request *r); /* what was sent; "" when it was none */
/* Of a token that was verified just now, and not found in memory. */
const struct principal *bearer_principal(const struct request *r);
/* RFC 6750 3; `required`: what the answer names, or NULL. */
enum step bearer_refuse(struct request *r, const struct err *e, const struct conf_strings *required);

/* What a page about this sign-in may say: the provider's words, the claim that is missing. */
struct str login_detail(const struct request *r);

/* proxy/reply.c */
void reply_set(struct request *r, int status, const char *type, struct str body);
void reply_page(struct request *r, int status, const struct pages_own *page);
void reply_redirect(struct request *r, int status, const char *location);
void reply_field(struct request *r, const char *name, struct str value);
void reply_cookies(struct request *r, const char **set_cookies); /* NULL-terminated; may be NULL */
void reply_refusal(struct request *r);                           /* page or JSON for r->err, r->status */
void reply_send(struct request *r); /* writes it; r->keep says whether more may follow */

/* the roads in their own files */
step_fn mobile_begin, mobile_trade, mobile_read;
step_fn bearer_begin, bearer_verify, bearer_verify_again, bearer_ask_keys, bearer_take_keys,
    bearer_ask_introspection, bearer_take_introspection, bearer_authorize;
step_fn refresh_begin, refresh_take, refresh_take_newer, refresh_take_kept;
step_fn usertokens_ask, usertokens_take;
step_fn onbehalf_ask, onbehalf_take;
step_fn login_choose;
step_fn verify_begin, verify_sign_in, verify_allow;
step_fn backchannel_begin, backchannel_read, backchannel_verify, backchannel_verify_again,
    backchannel_ask_keys, backchannel_take_keys, backchannel_take;
step_fn frontchannel_begin, frontchannel_take;
step_fn admin_revoke_begin, admin_revoke_ask, admin_revoke_take;
step_fn keep_form, keep_resume;
step_fn frontend_script, frontend_frame;
step_fn admin_answer, endpoint_find, endpoint_show_session, bodyread_ask, bodyread_take, login_begin,
    login_set_out, login_ask_provider, login_take_provider, login_send_away, login_callback, login_ask_tokens,
    login_take_tokens, login_ask_userinfo, login_take_userinfo, login_verify, login_ask_keys, login_take_keys,
    login_verify_again, login_begin_session, login_take_stored, logout_begin, logout_take_id,
    logout_take_revoked, logout_take_dropped, logout_give_back, logout_take_given_back, logout_done;

#endif
