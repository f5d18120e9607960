/* proxy/redis_sink.c - see proxy/redis_sink.h */
#include <stdlib.h>

#include "conf/mem.h"
#include "proxy/redis.h"
#include "proxy/redis_sink.h"
#include "proxy/worker.h"

#define REVOCATION_LINE_MAX 4096 /* bytes; no sid, sub or username of this world needs more */

/* One list under way. */
struct keeping {
	struct revoke_op *op;
	struct mem *mem;
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

struct revoke_sink *
redis_sink(void)
{
	static struct revoke_sink sink = { .keep = keep };

	return &sink;
}

static void
keep(struct revoke_sink *sink, struct revoke_op *op)
{
	const struct view *view = revoke_worker(op)->view;
	const struct conf_redis *c = &view->snap->conf->session.redis;
	struct keeping *k = xcalloc(1, sizeof(*k));
	size_t n, i;
	const struct revocation *list = revoke_list(op, &n);
	char *key;

	(void)sink;
	k->op = op;
	k->mem = mem_new(SIZE_MAX);
	k->commands = mem_zalloc(k->mem, (n + 1) * sizeof(*k->commands));
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
	revoke_kept(k->op, k->err.reason == REASON_NONE ? NULL : &k->err);
	mem_free(&k->mem);
	free(k);
}
