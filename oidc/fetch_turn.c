/* oidc/fetch_turn.c - see oidc/fetch_turn.h */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mem.h"
#include "oidc/fetch.h"
#include "oidc/fetch_turn.h"

/* As many as the configuration names, so that they are looked through one by one. */
struct fetch_host {
	LIST_ENTRY(fetch_host) next;
	char *name;
	size_t going, n_waiting;
	TAILQ_HEAD(, fetch_turn) waiting;
};

struct fetch_turns {
	LIST_HEAD(, fetch_host) hosts;
};

static struct fetch_host *host_of(struct fetch_turns *, const char *);
static void forget_idle(struct fetch_host *);

struct fetch_turns *
fetch_turns_new(void)
{
	struct fetch_turns *t = xcalloc(1, sizeof(*t));

	LIST_INIT(&t->hosts);
	return t;
}

void
fetch_turns_free(struct fetch_turns **tp)
{
	if (*tp == NULL)
		return;
	assert(LIST_EMPTY(&(*tp)->hosts));
	free(*tp);
	*tp = NULL;
}

enum fetch_seat
fetch_turn_take(struct fetch_turns *t, struct fetch_turn *x, const char *name)
{
	struct fetch_host *h = host_of(t, name);

	if (h->going >= FETCH_HOST && h->n_waiting >= FETCH_WAITING)
		return FETCH_FULL;
	x->host = h;
	x->waits = h->going >= FETCH_HOST;
	if (!x->waits) {
		h->going++;
		return FETCH_GOES;
	}
	TAILQ_INSERT_TAIL(&h->waiting, x, order);
	h->n_waiting++;
	return FETCH_WAITS;
}

static struct fetch_host *
host_of(struct fetch_turns *t, const char *name)
{
	struct fetch_host *h;

	LIST_FOREACH(h, &t->hosts, next)
	if (strcmp(h->name, name) == 0)
		return h;
	h = xcalloc(1, sizeof(*h));
	h->name = xstrdup(name);
	TAILQ_INIT(&h->waiting);
	LIST_INSERT_HEAD(&t->hosts, h, next);
	return h;
}

struct fetch_turn *
fetch_turn_end(struct fetch_turn *x)
{
	struct fetch_host *h = x->host;
	struct fetch_turn *heir;

	x->host = NULL;
	if (h == NULL)
		return NULL;
	if (x->waits) {
		TAILQ_REMOVE(&h->waiting, x, order);
		h->n_waiting--;
		return NULL;
	}
	heir = TAILQ_FIRST(&h->waiting);
	if (heir == NULL) {
		h->going--;
		forget_idle(h);
		return NULL;
	}
	TAILQ_REMOVE(&h->waiting, heir, order);
	h->n_waiting--;
	heir->waits = false;
	return heir;
}

/* A configuration that was replaced may have named others. */
static void
forget_idle(struct fetch_host *h)
{
	if (h->going > 0)
		return;
	LIST_REMOVE(h, next);
	free(h->name);
	free(h);
}
