/*
 * oidc/keeper.h - between oidc.c, oidc_op.c and keeper.c, nobody else's
 *
 * A question for newer keys travels from the asker's thread to the keeper's in
 * one mailbox and comes back in the other.  Who asks owns the memory, and
 * leaves it alone until the answer is there.
 */
#ifndef OIDC_KEEPER_H
#define OIDC_KEEPER_H
#include "conf/err.h"
#include "conf/post.h"
#include "oidc/oidc.h"

struct tended; /* one provider as the keeper sees it */

struct keeper_question {
	struct keeper_question *next; /* the keeper's */
	struct oidc *oidc;            /* the asker holds a reference */
	struct post *home;            /* answer(arg) is sent there, exactly once */
	post_fn *answer;
	void *arg;
	int result; /* of oidc_take_keys() */
	struct err err;
};

/* A post_fn: takes a struct keeper_question on the keeper's thread. */
void keeper_ask(void *question);

/* --- of oidc.c, for oidc_op.c --- */

/* To the keeper; where nobody fetches for o, the answer is sent at once, and q says so. */
void oidc_send(struct oidc *o, struct keeper_question *q);

/* --- of oidc.c, for keeper.c --- */

/* Whom to send questions to; t NULL: nobody, from now on. */
void oidc_keep(struct oidc *o, struct tended *t, struct post *post);
struct tended *oidc_tended(struct oidc *o); /* the keeper's thread */
/* A new view; takes over what *v holds. */
void oidc_publish(struct oidc *o, const struct oidc_view *v);
void oidc_fail(struct oidc *o, const struct err *e);
/* What o knows, which is something, is known to `with` too. */
void oidc_share(struct oidc *o, struct oidc *with);
/* Who asks o is answered by its heir from now on; and whom that is in the end, o where there is none. */
void oidc_inherit(struct oidc *o, struct oidc *heir);
struct oidc *oidc_heir(struct oidc *o);
/* Do both mean the same document?  While both configurations are there. */
bool oidc_is_same(const struct oidc *a, const struct oidc *b);

#endif
