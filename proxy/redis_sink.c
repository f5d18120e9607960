/* proxy/redis_sink.c - see proxy/redis_sink.h */
#include <stdlib.h>

#include "conf/mem.h"
#include "proxy/redis.h"
#include "proxy/redis_sink.h"
#include "proxy/worker.h"

#define REVOCATION_LINE_MAX 4096 /* bytes; no sid, sub or username of this world needs more */

/* One list under way. */
struct keeping {
	struct keeping *next, **prev; /* of its worker */
	struct view *view;            /* counted: the connection stays until the answer, over a reload too */
	struct revoke_op *op;
	struct mem *mem;
	size_t n;
	size_t left; /* commands without an answer, and one for the asking itself */
	struct command {
		struct keeping *keeping;
		struct redis_op *op;
	} * commands;
	struct err err; /* reason NONE: nothing has failed */
};

static void keep(struct revoke_sink *, struct revoke_op *);
static void answered(void *);
static void settle(struct keeping *);
static void end(struct keeping *);

struct revoke_sink *
redis_sink(void)
{
	static struct revoke_sink sink = { .keep = keep };

	return &sink;
}

static void
keep(struct revoke_sink *sink, struct revoke_op *op)
{
	struct worker *w = revoke_worker(op);
	struct view *view = w->view;
	const struct conf_redis *c = &view->snap->conf->session.redis;
	struct keeping *k = xcalloc(1, sizeof(*k));
	size_t n, i;
	const struct revocation *list = revoke_list(op, &n);
	char *key;

	(void)sink;
	k->op = op;
	k->view = view_use(view);
	k->next = w->keepings;
	if (k->next != NULL)
		k->next->prev = &k->next;
	k->prev = &w->keepings;
	w->keepings = k;
	k->mem = mem_new(SIZE_MAX);
	k->commands = mem_zalloc(k->mem, (n + 1) * sizeof(*k->commands));
	k->n = n;
	k->left = 1;
	key = mem_printf(k->mem, "%srevocations", c->prefix);
	for (i = 0; i < n && k->err.reason == REASON_NONE; i++) {
		const struct str words[] = { STR("XADD"), str_of(key), STR("*"), STR("r"),
			revocation_print(&list[i], k->mem) };

		if (words[4].n > REVOCATION_LINE_MAX) {
			(void)err_set(&k->err, REASON_BAD_REQUEST,
			    "what is to be ended has a name of %zu bytes", list[i].text.n);
			break;
		}
		k->commands[i].keeping = k;
		k->commands[i].op = redis_ask(view->redis, words, 5, answered, &k->commands[i], &k->err);
		if (k->commands[i].op != NULL)
			k->left++;
	}
	settle(k);
}

static void
answered(void *arg)
{
	struct command *c = arg;
	const struct redis_value *v;

	struct err e;

	if (redis_take(c->op, &v, &e) == -1)
		c->keeping->err = e; /* of several the last is told */
	redis_release(&c->op);
	settle(c->keeping);
}

static void
settle(struct keeping *k)
{
	if (--k->left > 0)
		return;
	end(k);
}

static void
end(struct keeping *k)
{
	revoke_kept(k->op, k->err.reason == REASON_NONE ? NULL : &k->err);
	if (k->next != NULL)
		k->next->prev = k->prev;
	*k->prev = k->next;
	view_leave(&k->view);
	mem_free(&k->mem);
	free(k);
}

void
redis_sink_stop_all(struct worker *w)
{
	struct keeping *k;

	while ((k = w->keepings) != NULL) {
		for (size_t i = 0; i < k->n; i++)
			redis_release(&k->commands[i].op);
		(void)err_set(&k->err, REASON_DRAINING, "the proxy is stopping, and Redis has not answered");
		end(k);
	}
}
