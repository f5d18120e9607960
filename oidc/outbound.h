/*
 * oidc/outbound.h - a token that this proxy obtains for an upstream
 *
 * A struct outbound is one `outbound` section as the whole process knows it:
 * counted, shared by all threads.  Its token is asked for with the client
 * credentials grant (RFC 6749 4.4) when the first request needs it, on the
 * main thread's loop, and from then on renewed there ahead of its end.  However
 * many wait, one request is under way; while the provider fails, attempts are
 * spaced out, and who asks in between is told at once what the last one said.
 *
 * As in oidc/oidc.h: outbound_ask() returns an op at once, outbound_take()
 * uses it up; `done` is called exactly once, from the asker's loop, never from
 * inside outbound_ask(), and not after outbound_op_cancel().
 */
#ifndef OIDC_OUTBOUND_H
#define OIDC_OUTBOUND_H
#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/post.h"
#include "conf/str.h"
#include "oidc/oidc.h"

#define OUTBOUND_LIFE 300 /* seconds that a token is taken to live when its answer does not say */

struct event_base;
struct fetch;
struct outbound;
struct outbound_op;
struct outbound_token; /* immutable; counted; wiped with the last reference */

/*
 * Borrows c, which must outlive the last reference, and counts o, the provider
 * it names (NULL: it has an endpoint of its own).  `old`, may be NULL, is the
 * section of the same name in the snapshot before: where both ask for the same,
 * the new one begins with the old one's token.
 */
struct outbound *outbound_new(const struct conf_outbound *c, struct oidc *o, struct outbound *old);
struct outbound *outbound_ref(struct outbound *b);
void outbound_unref(struct outbound **b);

/* --- the main thread --- */

/* Its loop, its mailbox, its fetch; all borrowed. */
struct outbound_home {
	struct event_base *base;
	struct post *post;
	struct fetch *fetch;
};
/*
 * Begin, and end, fetching.  In between a reference is held.  Who still waits
 * at the end waits on at the heir, a section that asks for the same; without
 * one (NULL, or it asks for something else), and for whoever asks later, the
 * answer is -1.  As for the keeper: at the end of the process join the other
 * threads first, and free the mailbox afterwards.
 */
void outbound_tend(struct outbound *b, const struct outbound_home *home);
void outbound_forget(struct outbound *b, struct outbound *heir);

/* --- any thread --- */

/* The token in force, counted; NULL: there is none, so ask. */
struct outbound_token *outbound_token(struct outbound *b);
/* Is one in force?  *why: what the last attempt failed of; "" when it did not, or there was none. */
bool outbound_has_token(struct outbound *b, struct err *why);
struct outbound_token *outbound_token_ref(struct outbound_token *t); /* NULL stays NULL */
/* "Bearer ...", the value of an Authorization header; borrowed. */
struct str outbound_token_value(const struct outbound_token *t);
void outbound_token_release(struct outbound_token **t);
/* A token that was had some other way, for an upstream like those of a section: the caller's. */
struct outbound_token *outbound_token_new(struct str access_token);

/*
 * The upstream refuses this token (401): forget it, so that the next request
 * gets another, unless that was done in the last 10 s or another one is in
 * force already.
 */
void outbound_reject(struct outbound *b, const struct outbound_token *t);

struct outbound_op *outbound_ask(struct outbound *b, struct post *home, oidc_done *done, void *arg);
/* 0: *out is the token, counted.  -1, REASON_OUTBOUND_TOKEN and a sentence: none can be had. */
int outbound_take(struct outbound_op **op, struct outbound_token **out, struct err *e) MUST_CHECK;
/* Safe on NULL, in any state; sets *op to NULL. */
void outbound_op_cancel(struct outbound_op **op);

/* --- pure --- */

/* Of a token that lives for `life` ms: how long until it is renewed.  random: any number, which spreads it.
 */
int64_t outbound_renewal(int64_t life, unsigned random);
/* How long it is handed out: a little less than it lives, for the way that it has to go. */
int64_t outbound_use(int64_t life);

#endif
