/* session/store.c - hands every call to the kind of store it is for, see session/store.h */
#include <assert.h>

#include "session/store_impl.h"

static enum store_answer ask(struct store *, const struct store_question *, struct store_op **, struct err *);
static int take(struct store_op **, enum store_verb, struct mem *, struct store_reply *, struct err *);
static int take_cookies(struct store_op **, enum store_verb, struct mem *, const char ***, struct err *);

void
store_free(struct store **s)
{
	if (*s != NULL)
		(*s)->kind->free(*s);
	*s = NULL;
}

enum store_answer
store_ask_put(struct store *s, const struct visit *v, struct str sid, const struct tokens *t,
    store_done *done, void *arg, struct store_op **op, struct err *e)
{
	return ask(s, &(struct store_question){ STORE_PUT, v, sid, t, done, arg }, op, e);
}

int
store_take_put(struct store_op **op, struct mem *m, const char ***set_cookies, struct err *e)
{
	return take_cookies(op, STORE_PUT, m, set_cookies, e);
}

enum store_answer
store_ask_get(struct store *s, const struct visit *v, struct str sid, store_done *done, void *arg,
    struct store_op **op, struct err *e)
{
	return ask(s, &(struct store_question){ STORE_GET, v, sid, NULL, done, arg }, op, e);
}

int
store_take_get(struct store_op **op, struct mem *m, struct tokens *out, struct err *e)
{
	struct store_reply reply;
	int result = take(op, STORE_GET, m, &reply, e);

	*out = reply.tokens;
	return result;
}

enum store_answer
store_ask_drop(struct store *s, const struct visit *v, struct str sid, store_done *done, void *arg,
    struct store_op **op, struct err *e)
{
	return ask(s, &(struct store_question){ STORE_DROP, v, sid, NULL, done, arg }, op, e);
}

int
store_take_drop(struct store_op **op, struct mem *m, const char ***set_cookies, struct err *e)
{
	return take_cookies(op, STORE_DROP, m, set_cookies, e);
}

enum store_answer
store_ask_lock(struct store *s, const struct visit *v, struct str sid, store_done *done, void *arg,
    struct store_op **op, struct err *e)
{
	return ask(s, &(struct store_question){ STORE_LOCK, v, sid, NULL, done, arg }, op, e);
}

int
store_take_lock(struct store_op **op, bool *got, struct err *e)
{
	struct mem *m = mem_new(SIZE_MAX);
	struct store_reply reply;
	int result = take(op, STORE_LOCK, m, &reply, e);

	*got = result == 0 && reply.got;
	mem_free(&m);
	return result;
}

void
store_unlock(struct store *s, const struct visit *v, struct str sid)
{
	if (s->kind->unlock != NULL)
		s->kind->unlock(s, v, sid);
}

bool
store_is_in_browser(const struct store *s)
{
	return s->kind->in_browser;
}

void
store_op_cancel(struct store_op **op)
{
	if (*op != NULL)
		(*op)->kind->end(*op);
	*op = NULL;
}

static enum store_answer
ask(struct store *s, const struct store_question *q, struct store_op **op, struct err *e)
{
	enum store_answer answer;

	*op = NULL;
	answer = s->kind->ask(s, q, op, e);
	assert((answer == STORE_FAILED) == (*op == NULL));
	if (*op != NULL) {
		(*op)->kind = s->kind;
		(*op)->verb = q->verb;
	}
	return answer;
}

static int
take(struct store_op **op, enum store_verb verb, struct mem *m, struct store_reply *out, struct err *e)
{
	int result;

	assert(*op != NULL && (*op)->verb == verb);
	*out = (struct store_reply){ .set_cookies = mem_zalloc(m, sizeof(*out->set_cookies)) };
	result = (*op)->kind->take(*op, m, out, e);
	store_op_cancel(op);
	return result;
}

static int
take_cookies(
    struct store_op **op, enum store_verb verb, struct mem *m, const char ***set_cookies, struct err *e)
{
	struct store_reply reply;
	int result = take(op, verb, m, &reply, e);

	*set_cookies = reply.set_cookies;
	return result;
}
