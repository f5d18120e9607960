/* proxy/introspector.c - see proxy/introspector.h */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "conf/mem.h"
#include "oidc/fetch.h"
#include "oidc/introspection.h"
#include "proxy/introspector.h"

struct refused {
	struct bearer_key key;
	int64_t until; /* ms; 0: the place is free */
	enum reason why;
};

struct introspector_ask {
	struct introspector_ask *next; /* of the same question */
	struct flight *flight;
	oidc_done *done;
	void *arg;
	bool answered;
};

/* One question, and all who wait for its answer. */
struct flight {
	struct flight *next; /* of those under way */
	struct introspector *of;
	struct bearer_key key;
	struct oidc_op *op; /* NULL: it is answered */
	struct introspector_ask *waiting;
	unsigned asks; /* that are not taken or cancelled yet */
	struct mem *mem;
	int result;
	const char *answer; /* in mem */
	struct err err;
};

struct introspector {
	struct fetch *fetch;
	struct flight *flights;
	size_t n_flights;
	struct refused refused[INTROSPECTOR_REFUSED];
};

static struct refused *place(const struct introspector *, const struct bearer_key *);
static bool is_same(const struct bearer_key *, const struct bearer_key *);
static struct flight *find(const struct introspector *, const struct bearer_key *);
static struct flight *begin(struct introspector *, const struct introspector_question *);
static void flight_done(void *);
static void land(struct flight *);
static void leave(struct flight *);

struct introspector *
introspector_new(struct event_base *base, struct err *e)
{
	struct introspector *i = xcalloc(1, sizeof(*i));

	i->fetch = fetch_new(base, e);
	if (i->fetch == NULL)
		introspector_free(&i);
	return i;
}

void
introspector_free(struct introspector **i)
{
	if (*i == NULL)
		return;
	assert((*i)->flights == NULL);
	if ((*i)->fetch != NULL)
		fetch_free(&(*i)->fetch);
	free(*i);
	*i = NULL;
}

/* --- what was refused a moment ago --- */

/* Whoever finds tokens that meet in one place only has them asked about again. */
static struct refused *
place(const struct introspector *i, const struct bearer_key *k)
{
	size_t at;

	memcpy(&at, k->hash, sizeof(at));
	return (struct refused *)(uintptr_t)&i->refused[at % INTROSPECTOR_REFUSED];
}

static bool
is_same(const struct bearer_key *a, const struct bearer_key *b)
{
	return memcmp(a->hash, b->hash, sizeof(a->hash)) == 0 && a->generation == b->generation &&
	       a->provider == b->provider;
}

bool
introspector_has_refused(const struct introspector *i, const struct bearer_key *k, int64_t now, struct err *e)
{
	const struct refused *p = place(i, k);

	/* A clock that was set back does not make a moment long. */
	if (now >= p->until || p->until - now > INTROSPECTOR_REFUSES || !is_same(&p->key, k))
		return false;
	(void)err_set(e, p->why, "access token: the provider was asked about it a moment ago: %s",
	    reason_meaning(p->why));
	return true;
}

void
introspector_refuse(struct introspector *i, const struct bearer_key *k, int64_t now, enum reason why)
{
	*place(i, k) = (struct refused){ .key = *k, .until = now + INTROSPECTOR_REFUSES, .why = why };
}

/* --- questions --- */

struct introspector_ask *
introspector_ask(struct introspector *i, const struct introspector_question *q, struct err *e)
{
	struct flight *f = find(i, q->key);
	struct introspector_ask *a;

	if (f == NULL && i->n_flights >= INTROSPECTOR_FLIGHTS) {
		(void)err_set(e, REASON_OVERLOADED,
		    "%d access tokens are being asked about already (introspection_endpoint)",
		    INTROSPECTOR_FLIGHTS);
		return NULL;
	}
	if (f == NULL)
		f = begin(i, q);
	a = xcalloc(1, sizeof(*a));
	*a = (struct introspector_ask){ .next = f->waiting, .flight = f, .done = q->done, .arg = q->arg };
	f->waiting = a;
	f->asks++;
	return a;
}

static struct flight *
find(const struct introspector *i, const struct bearer_key *k)
{
	struct flight *f = i->flights;

	while (f != NULL && !is_same(&f->key, k))
		f = f->next;
	return f;
}

static struct flight *
begin(struct introspector *i, const struct introspector_question *q)
{
	struct flight *f = xcalloc(1, sizeof(*f));

	f->of = i;
	f->key = *q->key;
	f->mem = mem_new(2 * INTROSPECTION_ANSWER_MAX);
	f->next = i->flights;
	i->flights = f;
	i->n_flights++;
	f->op = oidc_ask_introspection(q->oidc, i->fetch, q->text, flight_done, f);
	return f;
}

/* Whoever is told may leave, take others along, and ask anew: what comes then is another question. */
static void
flight_done(void *arg)
{
	struct flight *f = arg;
	struct introspector_ask *a;

	f->result = oidc_take_introspection(&f->op, f->mem, &f->answer, &f->err);
	land(f);
	f->asks++; /* ours, until all are told */
	while ((a = f->waiting) != NULL) {
		f->waiting = a->next;
		a->answered = true;
		a->done(a->arg);
	}
	leave(f);
}

static void
land(struct flight *f)
{
	struct flight **at = &f->of->flights;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	f->of->n_flights--;
}

static void
leave(struct flight *f)
{
	if (--f->asks > 0)
		return;
	if (f->op != NULL) { /* nobody wants to know any more */
		oidc_op_cancel(&f->op);
		land(f);
	}
	mem_free(&f->mem);
	free(f);
}

int
introspector_take(struct introspector_ask **a, struct mem *m, const char **answer, struct err *e)
{
	struct flight *f = (*a)->flight;
	const int r = f->result;

	assert((*a)->answered);
	*answer = r == 0 ? mem_strdup(m, f->answer) : NULL;
	if (r != 0)
		*e = f->err;
	free(*a);
	*a = NULL;
	leave(f);
	return r;
}

void
introspector_cancel(struct introspector_ask **ap)
{
	struct introspector_ask *a = *ap, **at;

	*ap = NULL;
	if (a == NULL)
		return;
	if (!a->answered) {
		for (at = &a->flight->waiting; *at != a; at = &(*at)->next)
			;
		*at = a->next;
	}
	leave(a->flight);
	free(a);
}
