/* oidc/oidc.c - a provider and what is known of it, see oidc/oidc.h; its questions are in oidc_op.c */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "oidc/jwks.h"
#include "oidc/keeper.h"
#include "oidc/oidc.h"

#define KEYS_LIFE    (24 * 3600) /* seconds since the last good fetch */
#define ONE_SENTENCE 320

struct held {
	struct oidc_view view; /* first: what callers hold is a pointer to it */
	atomic_uint refs;
};

struct oidc {
	atomic_uint refs;
	const struct conf_provider *conf; /* borrowed: of the same snapshot */
	pthread_mutex_t lock;             /* for what follows */
	struct held *view;                /* counted; NULL: nothing is known */
	struct err failure;               /* of the last fetch; REASON_NONE: it was good */
	struct tended *tended;            /* borrowed from the keeper; NULL: nobody fetches */
	struct post *keeper;              /* borrowed; its mailbox */
	struct oidc *heir; /* counted; asked in its place once a reload has passed; may be NULL */
};

static bool is_same_provider(const struct conf_provider *, const struct conf_provider *);
static bool is_same_store(const struct conf_provider *, const struct conf_provider *);
static bool is_same_text(const char *, const char *);
static struct held *held_of(const struct oidc_view *);

struct oidc *
oidc_new(const struct conf_provider *c, struct oidc *old)
{
	struct oidc *o = xcalloc(1, sizeof(*o));

	atomic_init(&o->refs, 1);
	o->conf = c;
	(void)pthread_mutex_init(&o->lock, NULL);
	if (old == NULL || !is_same_provider(c, old->conf))
		return o;
	(void)pthread_mutex_lock(&old->lock);
	o->failure = old->failure;
	o->view = old->view;
	if (o->view != NULL)
		(void)atomic_fetch_add(&o->view->refs, 1);
	(void)pthread_mutex_unlock(&old->lock);
	return o;
}

/* What leads to the document, and what is made of it. */
static bool
is_same_provider(const struct conf_provider *a, const struct conf_provider *b)
{
	return a->discovery == b->discovery && is_same_store(a, b) && is_same_text(a->kind, b->kind) &&
	       is_same_text(a->discovery_url, b->discovery_url) && is_same_text(a->issuer, b->issuer) &&
	       is_same_text(a->jwks_uri, b->jwks_uri) &&
	       is_same_text(a->authorization_endpoint, b->authorization_endpoint) &&
	       is_same_text(a->token_endpoint, b->token_endpoint) &&
	       is_same_text(a->userinfo_endpoint, b->userinfo_endpoint) &&
	       is_same_text(a->end_session_endpoint, b->end_session_endpoint) &&
	       is_same_text(a->introspection_endpoint, b->introspection_endpoint) &&
	       is_same_text(a->revocation_endpoint, b->revocation_endpoint) &&
	       is_same_text(a->check_session_iframe, b->check_session_iframe) &&
	       (a->tenants.n > 0) == (b->tenants.n > 0);
}

static bool
is_same_store(const struct conf_provider *a, const struct conf_provider *b)
{
	if (a->n_certificates != b->n_certificates)
		return false;
	for (size_t i = 0; i < a->n_certificates; i++) {
		const struct conf_certificate *x = &a->certificates[i], *y = &b->certificates[i];

		if (!is_same_text(x->name, y->name) || x->find != y->find ||
		    !is_same_text(x->value, y->value) || !is_same_text(x->directory, y->directory) ||
		    !is_same_text(x->file, y->file) || x->require_valid != y->require_valid ||
		    !is_same_text(x->ca, y->ca))
			return false;
	}
	return true;
}

static bool
is_same_text(const char *a, const char *b)
{
	return str_is(str_of(a), str_of(b));
}

struct oidc *
oidc_ref(struct oidc *o)
{
	(void)atomic_fetch_add(&o->refs, 1);
	return o;
}

void
oidc_unref(struct oidc **oo)
{
	struct oidc *o = *oo;
	const struct oidc_view *v;

	*oo = NULL;
	if (o == NULL || atomic_fetch_sub(&o->refs, 1) > 1)
		return;
	assert(o->tended == NULL);
	v = o->view != NULL ? &o->view->view : NULL;
	oidc_view_release(&v);
	oidc_unref(&o->heir);
	(void)pthread_mutex_destroy(&o->lock);
	free(o);
}

const struct conf_provider *
oidc_conf(const struct oidc *o)
{
	return o->conf;
}

const struct oidc_view *
oidc_view(struct oidc *o, int64_t now, struct err *e)
{
	const struct oidc_view *v = NULL;

	(void)pthread_mutex_lock(&o->lock);
	if (o->view == NULL && o->failure.reason != REASON_NONE)
		*e = o->failure;
	else if (o->view == NULL)
		(void)err_set(e, REASON_PROVIDER_NO_KEYS, "provider \"%s\": not reached yet", o->conf->name);
	else if (now - o->view->view.keys_fetched > KEYS_LIFE)
		(void)err_set(e, REASON_PROVIDER_NO_KEYS,
		    "provider \"%s\": its keys are %lld h old, and newer ones cannot be had: %s",
		    o->conf->name, (long long)(now - o->view->view.keys_fetched) / 3600, o->failure.text);
	else {
		(void)atomic_fetch_add(&o->view->refs, 1);
		v = &o->view->view;
	}
	(void)pthread_mutex_unlock(&o->lock);
	return v;
}

/* Callers see a const view; its count, which is not theirs, stands behind it. */
static struct held *
held_of(const struct oidc_view *v)
{
	return (struct held *)(uintptr_t)v;
}

void
oidc_view_release(const struct oidc_view **v)
{
	struct held *h = held_of(*v);

	*v = NULL;
	if (h == NULL || atomic_fetch_sub(&h->refs, 1) > 1)
		return;
	discovery_release(&h->view.meta);
	jwks_free(&h->view.keys);
	free(h);
}

bool
oidc_is_ready(struct oidc *o, int64_t now, char *text)
{
	struct err e = { .reason = REASON_NONE };
	const struct oidc_view *v = oidc_view(o, now, &e);
	const bool ready = v != NULL;

	if (ready) {
		(void)pthread_mutex_lock(&o->lock);
		e = o->failure;
		(void)pthread_mutex_unlock(&o->lock);
	}
	(void)snprintf(text, ONE_SENTENCE, "%s", e.text);
	oidc_view_release(&v);
	return ready;
}

/* --- for keeper.c and oidc_op.c --- */

void
oidc_keep(struct oidc *o, struct tended *t, struct post *post)
{
	(void)pthread_mutex_lock(&o->lock);
	o->tended = t;
	o->keeper = post;
	(void)pthread_mutex_unlock(&o->lock);
}

struct tended *
oidc_tended(struct oidc *o)
{
	struct tended *t;

	(void)pthread_mutex_lock(&o->lock);
	t = o->tended;
	(void)pthread_mutex_unlock(&o->lock);
	return t;
}

void
oidc_publish(struct oidc *o, const struct oidc_view *v)
{
	struct held *h = xcalloc(1, sizeof(*h));
	const struct oidc_view *was = NULL;

	h->view = *v;
	atomic_init(&h->refs, 1);
	(void)pthread_mutex_lock(&o->lock);
	if (o->view != NULL)
		was = &o->view->view;
	o->view = h;
	o->failure = (struct err){ .reason = REASON_NONE };
	(void)pthread_mutex_unlock(&o->lock);
	oidc_view_release(&was);
}

void
oidc_share(struct oidc *o, struct oidc *with)
{
	const struct oidc_view *was = NULL;
	struct held *h;

	(void)pthread_mutex_lock(&o->lock);
	h = o->view;
	(void)atomic_fetch_add(&h->refs, 1);
	(void)pthread_mutex_unlock(&o->lock);
	(void)pthread_mutex_lock(&with->lock);
	if (with->view != NULL)
		was = &with->view->view;
	with->view = h;
	(void)pthread_mutex_unlock(&with->lock);
	oidc_view_release(&was);
}

bool
oidc_is_same(const struct oidc *a, const struct oidc *b)
{
	return is_same_provider(a->conf, b->conf);
}

void
oidc_fail(struct oidc *o, const struct err *e)
{
	(void)pthread_mutex_lock(&o->lock);
	o->failure = *e;
	(void)pthread_mutex_unlock(&o->lock);
}

void
oidc_send(struct oidc *o, struct keeper_question *q)
{
	struct oidc *next;

	/* Under the lock: once the keeper has forgotten it, nothing is sent there any more. */
	(void)pthread_mutex_lock(&o->lock);
	while (o->tended == NULL && (next = o->heir) != NULL) {
		(void)pthread_mutex_unlock(&o->lock);
		o = next;
		(void)pthread_mutex_lock(&o->lock);
	}
	if (o->tended != NULL)
		post_send(o->keeper, keeper_ask, q);
	else
		post_send(q->home, q->answer, q->arg);
	(void)pthread_mutex_unlock(&o->lock);
}

struct oidc *
oidc_heir(struct oidc *o)
{
	struct oidc *next = o;

	while (next != NULL) {
		o = next;
		(void)pthread_mutex_lock(&o->lock);
		next = o->heir;
		(void)pthread_mutex_unlock(&o->lock);
	}
	return o;
}

void
oidc_inherit(struct oidc *o, struct oidc *heir)
{
	(void)pthread_mutex_lock(&o->lock);
	if (o->heir == NULL)
		o->heir = oidc_ref(heir);
	(void)pthread_mutex_unlock(&o->lock);
}
