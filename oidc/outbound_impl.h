/*
 * oidc/outbound_impl.h - between outbound.c and outbound_fetch.c, nobody else's
 *
 * A question for a token travels from the asker's thread to the main thread in
 * one mailbox and comes back in the other.  Who asks owns the memory, and
 * leaves it alone until the answer is there.
 */
#ifndef OIDC_OUTBOUND_IMPL_H
#define OIDC_OUTBOUND_IMPL_H
#include "oidc/outbound.h"

struct outbound_question {
	struct outbound_question *next; /* outbound_fetch.c's */
	struct outbound *outbound;      /* counted by the asker */
	struct post *home;              /* answer(arg) is sent there, exactly once */
	post_fn *answer;
	void *arg;
	struct outbound_token *token; /* the answer, counted for the asker; NULL: err */
	struct err err;
};

/* --- of outbound_fetch.c; the main thread --- */

struct outbound_tended; /* one section as the main thread sees it */

/* A post_fn: takes a struct outbound_question. */
void outbound_hear(void *question);

/* --- of outbound.c --- */

/* Whom to send questions to; t NULL: nobody, from now on. */
void outbound_keep(struct outbound *b, struct outbound_tended *t, struct post *post);
struct outbound_tended *outbound_tended(struct outbound *b); /* the main thread */
/* A new token, "Bearer ..." and handed out until `ends` (outbound_now()); the caller's reference to it. */
struct outbound_token *outbound_publish(struct outbound *b, struct str access_token, int64_t ends);
void outbound_note_failure(struct outbound *b, const struct err *e); /* until the next token */
int64_t outbound_token_ends(const struct outbound_token *t);

const struct conf_outbound *outbound_conf(const struct outbound *b);
const struct conf_provider *outbound_client(const struct outbound *b); /* who asks, and where */
struct oidc *outbound_provider(const struct outbound *b);              /* NULL: an endpoint of its own */
bool outbound_is_same(const struct outbound *a, const struct outbound *b);

int64_t outbound_now(void); /* ms, monotonic */

#endif
