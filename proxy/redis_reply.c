/* proxy/redis_reply.c - see proxy/redis_reply.h */
#include <stdlib.h>
#include <string.h>

#include <hiredis/read.h>

#include "proxy/redis_reply.h"

struct redis_reader {
	redisReader *hiredis; /* ours */
	struct mem *mem;      /* ours; of the reply under way; NULL: none is */
	size_t elements;      /* of it */
	size_t held;          /* bytes that came since the last whole reply */
};

static struct redis_value *place(const redisReadTask *);
static void *create_text_cb(const redisReadTask *, char *, size_t);
static void *create_list_cb(const redisReadTask *, int);
static void *create_number_cb(const redisReadTask *, long long);
static void *create_nil_cb(const redisReadTask *);
static void free_cb(void *);

static redisReplyObjectFunctions functions = {
	create_text_cb,
	create_list_cb,
	create_number_cb,
	create_nil_cb,
	free_cb,
};

struct redis_reader *
redis_reader_new(void)
{
	struct redis_reader *r = xcalloc(1, sizeof(*r));

	r->hiredis = redisReaderCreateWithFunctions(&functions);
	if (r->hiredis == NULL)
		abort();
	r->hiredis->privdata = r;
	return r;
}

void
redis_reader_free(struct redis_reader **rp)
{
	struct redis_reader *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	redisReaderFree(r->hiredis);
	mem_free(&r->mem);
	free(r);
}

int
redis_reader_feed(struct redis_reader *r, struct str bytes, struct err *e)
{
	r->held += bytes.n;
	if (r->held > REDIS_REPLY_MAX)
		return err_set(e, REASON_REDIS_DOWN, "a reply of more than %d bytes", REDIS_REPLY_MAX);
	if (redisReaderFeed(r->hiredis, bytes.p, bytes.n) != REDIS_OK)
		return err_set(e, REASON_REDIS_DOWN, "%s", r->hiredis->errstr);
	return 0;
}

int
redis_reader_next(struct redis_reader *r, struct mem **m, const struct redis_value **out, struct err *e)
{
	void *value = NULL;

	if (r->mem == NULL) {
		r->mem = mem_new(SIZE_MAX);
		r->elements = 0;
	}
	if (redisReaderGetReply(r->hiredis, &value) != REDIS_OK)
		return err_set(e, REASON_REDIS_DOWN, "what it sends is no reply of a Redis (%s)",
		    r->elements > REDIS_ELEMENTS_MAX ? "too many elements" : r->hiredis->errstr);
	if (value == NULL)
		return 0;
	*out = value;
	*m = r->mem;
	r->mem = NULL;
	r->held = r->hiredis->len - r->hiredis->pos;
	return 1;
}

/* --- called by hiredis: what it finds goes into its place in the list above it; NULL ends the reading --- */

static struct redis_value *
place(const redisReadTask *t)
{
	struct redis_reader *r = t->privdata;
	struct redis_value *above = t->parent == NULL ? NULL : t->parent->obj;

	if (above == NULL)
		return mem_zalloc(r->mem, sizeof(*above));
	return t->idx >= 0 && (size_t)t->idx < above->n ? &above->v[t->idx] : NULL;
}

static void *
create_text_cb(const redisReadTask *t, char *text, size_t n)
{
	struct redis_reader *r = t->privdata;
	struct redis_value *v = n > REDIS_REPLY_MAX ? NULL : place(t);

	if (v == NULL)
		return NULL;
	v->type = t->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_TEXT;
	v->text = mem_str(r->mem, (struct str){ text, n });
	return v;
}

static void *
create_list_cb(const redisReadTask *t, int n)
{
	struct redis_reader *r = t->privdata;
	struct redis_value *v = place(t);

	if (v == NULL || n < 0 || (size_t)n > REDIS_ELEMENTS_MAX - r->elements) {
		r->elements = REDIS_ELEMENTS_MAX + 1;
		return NULL;
	}
	r->elements += (size_t)n; /* their places are made now, whether they come or not */
	v->type = REDIS_LIST;
	v->n = (size_t)n;
	v->v = mem_zalloc(r->mem, (v->n + 1) * sizeof(*v->v));
	return v;
}

static void *
create_number_cb(const redisReadTask *t, long long number)
{
	struct redis_value *v = place(t);

	if (v == NULL)
		return NULL;
	v->type = REDIS_NUMBER;
	v->number = number;
	return v;
}

static void *
create_nil_cb(const redisReadTask *t)
{
	struct redis_value *v = place(t);

	if (v != NULL)
		v->type = REDIS_NIL;
	return v;
}

/* All of it goes with the memory it lives in. */
static void
free_cb(void *value)
{
	(void)value;
}
