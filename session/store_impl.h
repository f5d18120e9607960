/*
 * session/store_impl.h - what a kind of store must know how to do
 *
 * For the stores themselves; everyone else uses session/store.h.  A store's
 * struct begins with a struct store, its op's with a struct store_op.
 */
#ifndef SESSION_STORE_IMPL_H
#define SESSION_STORE_IMPL_H
#include "session/store.h"
#include "session/tokens.h"

enum store_verb { STORE_PUT, STORE_GET, STORE_DROP, STORE_LOCK };

/* Everything but verb, done and arg is borrowed for the call. */
struct store_question {
	enum store_verb verb;
	const struct visit *visit;
	struct str sid;
	const struct tokens *tokens; /* STORE_PUT */
	store_done *done;            /* for a store that waits */
	void *arg;
};

/* All in the taker's mem. */
struct store_reply {
	const char **set_cookies; /* STORE_PUT, STORE_DROP: never NULL */
	struct tokens tokens;     /* STORE_GET */
	bool got;                 /* STORE_LOCK */
};

struct store_kind {
	bool in_browser; /* store_is_in_browser() */
	/* STORE_FAILED with *e, else *op is set. */
	enum store_answer (*ask)(
	    struct store *s, const struct store_question *q, struct store_op **op, struct err *e);
	/* The answer; *out is zeroed, but set_cookies an empty list.  Not the end of op. */
	int (*take)(struct store_op *op, struct mem *m, struct store_reply *out, struct err *e);
	/* The end of op, taken or not: done is not called any more. */
	void (*end)(struct store_op *op);
	/* Sent and forgotten; NULL where STORE_LOCK says yes to everybody. */
	void (*unlock)(struct store *s, const struct visit *v, struct str sid);
	void (*free)(struct store *s);
};

struct store {
	const struct store_kind *kind;
};

struct store_op {
	const struct store_kind *kind;
	enum store_verb verb;
};

/* --- store_keys.c: what tokens outside of this process are sealed with --- */

struct store_keys {
	struct secret **v; /* ours; the first seals, all open */
	size_t n;
};

/* `label`: one per kind of store, so that a record of one opens in no other.  Release it also after -1. */
int store_keys_init(
    struct store_keys *k, const struct conf_session *c, const char *label, struct err *e) MUST_CHECK;
void store_keys_release(struct store_keys *k);
/* `purpose` names whose they are: a record of one session opens for no other. */
struct str store_keys_seal(
    const struct store_keys *k, struct str purpose, const struct tokens *t, struct mem *m);
bool store_keys_open(
    const struct store_keys *k, struct str purpose, struct str sealed, struct mem *m, struct tokens *out);

#endif
