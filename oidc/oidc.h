/*
 * oidc/oidc.h - talking to the identity provider
 *
 * A struct oidc is one provider as the whole process knows it: what the
 * operator configured, and a view (metadata and keys) that is replaced whole
 * when newer ones have arrived.  It is shared by all threads and counted.
 *
 * Metadata and keys are fetched on one loop only, the keeper's (main thread):
 * at the start, every metadata_refresh, with back-off while the provider is
 * down, and early, at most once per 10 s, when a token names an unknown key.
 * However many ask meanwhile, one request is under way.
 *
 * Two kinds of functions, never mixed:
 *   oidc_ask_*   send something to the provider and return an op at once
 *   oidc_take_*  read a finished op's answer and use the op up (*op = NULL)
 *
 * An op calls `done(arg)` exactly once, always from the caller's event loop
 * and never from inside oidc_ask_*; after oidc_op_cancel() it calls nothing.
 * So an answer can be neither early nor late, and a cancelled request can be
 * freed at once.
 */
#ifndef OIDC_OIDC_H
#define OIDC_OIDC_H
#include <stdint.h>

#include "conf/conf.h"
#include "conf/err.h"
#include "conf/mem.h"
#include "conf/post.h"
#include "oidc/discovery.h"

struct event_base;
struct fetch;
struct identity;
struct jwks;
struct keeper;
struct oidc;
struct oidc_op;

typedef void oidc_done(void *arg);

/* --- the keeper (keeper.c): one per process, on the main thread's loop --- */

/*
 * All three are borrowed.  At the end: join the other threads, keeper_free(),
 * then the keeper's mailbox, then theirs: questions under way are answered on
 * the way down.
 */
struct keeper *keeper_new(struct event_base *base, struct post *post, struct fetch *fetch);
void keeper_free(struct keeper **k); /* forgets whom it still tends */

/*
 * Make a provider known.  Borrows c, which must outlive the last reference
 * (both belong to one snapshot); `old`, may be NULL, is the same provider of
 * the snapshot before: where both mean the same document, the new one starts
 * with what the old one knows.
 */
struct oidc *oidc_new(const struct conf_provider *c, struct oidc *old);
struct oidc *oidc_ref(struct oidc *o);
void oidc_unref(struct oidc **o);
/*
 * Begin, and end, fetching for it.  Main thread.  The keeper holds a reference
 * in between.  End before the snapshot's last reference goes; who asks for
 * keys afterwards is told -1, like who still waits for them, unless they were
 * handed over: to one that is tended and means the same document, and what it
 * gets is known to o as well.
 */
void keeper_tend(struct keeper *k, struct oidc *o);
void keeper_hand_over(struct oidc *o, struct oidc *to); /* `to` may be NULL */
void keeper_forget(struct keeper *k, struct oidc *o);

/* --- any thread --- */

const struct conf_provider *oidc_conf(const struct oidc *o);

/* What is known at one moment; immutable; counted. */
struct oidc_view {
	struct discovery meta;
	struct jwks *keys;    /* never NULL */
	int64_t keys_fetched; /* seconds since 1970 */
	int64_t clock_offset; /* provider's Date minus our clock, seconds */
};
/*
 * NULL with REASON_PROVIDER_* and a sentence while nothing is known, or when
 * the keys are older than 24 h.  Release it with oidc_view_release().
 */
const struct oidc_view *oidc_view(struct oidc *o, int64_t now, struct err *e) MUST_CHECK;
void oidc_view_release(const struct oidc_view **v);

/* For /readyz, /metrics: a sentence about the last failure, "" when all is well; text has 320 bytes. */
bool oidc_is_ready(struct oidc *o, int64_t now, char *text);

/* --- ops: on the caller's loop.  `home` is that loop's mailbox --- */

/*
 * A key we do not hold: have the set fetched again, unless that was done in
 * the last 10 s.  Whoever asks while a fetch is under way waits for that one.
 */
struct oidc_op *oidc_ask_keys(struct oidc *o, struct post *home, oidc_done *done, void *arg);
/* 0: the view may be newer now; look again.  -1: cooling down (TOKEN_KEY), or the fetch failed. */
int oidc_take_keys(struct oidc_op **op, struct err *e) MUST_CHECK;

struct oidc_tokens {
	struct str id_token;      /* never empty; after a renewal p may be NULL (Core 12.2) */
	struct str access_token;  /* p is NULL when there is none */
	struct str refresh_token; /* the same */
	int64_t expires_in;       /* seconds; 0: not said */
};

/* Redeem a code (RFC 6749 4.1.3, RFC 7636 4.5).  The texts are copied. */
struct oidc_code {
	const char *token_endpoint;
	struct str code;
	const char *redirect_uri;
	struct str code_verifier; /* p is NULL: none */
	struct str assertion;     /* of assertion_print(); p is NULL where the method needs none */
};
struct oidc_op *oidc_ask_tokens(
    struct oidc *o, struct fetch *f, const struct oidc_code *c, oidc_done *done, void *arg);
/* The tokens live in m and are wiped with it. */
int oidc_take_tokens(struct oidc_op **op, struct mem *m, struct oidc_tokens *out, struct err *e) MUST_CHECK;

/*
 * Renew them (RFC 6749 6, Core 12).  Neither scope nor resource is sent: what
 * comes is for what the user allowed.  Taken by oidc_take_tokens(); that the
 * grant is gone is PROVIDER_GRANT, and nothing else is.
 *
 * for_upstream: an access token besides those of the session, for the scope and
 * the resource named (RFC 8707); either may be NULL.  Then only invalid_grant is
 * PROVIDER_GRANT: what the user has to allow first leaves the grant as it is.
 */
struct oidc_renewal {
	const char *token_endpoint;
	bool for_upstream;
	const char *scope, *resource;
	struct str refresh_token;
	struct str assertion; /* of assertion_print(); p is NULL where the method needs none */
};
struct oidc_op *oidc_ask_renewal(
    struct oidc *o, struct fetch *f, const struct oidc_renewal *n, oidc_done *done, void *arg);

/* UserInfo (Core 5.3) with the access token in the Authorization header.  A signed answer is refused. */
struct oidc_op *oidc_ask_userinfo(struct oidc *o, struct fetch *f, const char *endpoint,
    struct str access_token, oidc_done *done, void *arg);
/* *out: the JSON object's text, in m; that its sub fits is idtoken_verify()'s check. */
int oidc_take_userinfo(struct oidc_op **op, struct mem *m, const char **out, struct err *e) MUST_CHECK;

/* What is this access token?  (RFC 7662 2.1)  The texts are copied. */
struct oidc_introspection {
	const char *endpoint;
	struct str token;
	struct str assertion; /* of assertion_print(); p is NULL where the method needs none */
};
struct oidc_op *oidc_ask_introspection(
    struct oidc *o, struct fetch *f, const struct oidc_introspection *q, oidc_done *done, void *arg);
/*
 * *out: the JSON object of a token in force, in m, for accesstoken_introspected().
 * -1: TOKEN_INACTIVE, or a reason that is the provider's.
 */
int oidc_take_introspection(struct oidc_op **op, struct mem *m, const char **out, struct err *e) MUST_CHECK;

/* Give a refresh token back (RFC 7009), within `timeout` ms.  The texts are copied. */
struct oidc_gift {
	const char *revocation_endpoint;
	struct str token;
	struct str assertion; /* as in struct oidc_code */
	int64_t timeout;
};
struct oidc_op *oidc_ask_gift(
    struct oidc *o, struct fetch *f, const struct oidc_gift *g, oidc_done *done, void *arg);
int oidc_take_gift(struct oidc_op **op, struct err *e) MUST_CHECK;

/* Safe on NULL, in any state; sets *op to NULL. */
void oidc_op_cancel(struct oidc_op **op);

#endif
