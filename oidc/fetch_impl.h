/*
 * oidc/fetch_impl.h - what oidc/fetch.c and oidc/fetch_request.c share
 *
 * fetch_request.c tells libcurl what to ask and takes in what is answered,
 * fetch.c runs it on the loop.
 */
#ifndef OIDC_FETCH_IMPL_H
#define OIDC_FETCH_IMPL_H
#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "oidc/fetch.h"
#include "oidc/fetch_turn.h"

#define FETCH_HEAD_MAX 65536 /* bytes of an answer's head, interim answers included */

enum fetch_state {
	RUNNING,  /* with curl */
	FINISHED, /* done() is due: on `finished` */
	REPORTED, /* done() was called, or never will be */
};

struct fetch_op {
	struct fetch *fetch; /* borrowed; NULL: it was freed */
	enum fetch_state state;
	LIST_ENTRY(fetch_op) all;
	TAILQ_ENTRY(fetch_op) due;
	fetch_done *done;
	void *arg;

	struct fetch_turn turn;
	CURL *easy;                 /* ours; NULL unless RUNNING */
	struct event *deadline;     /* ours; the same */
	struct curl_slist *headers; /* ours; wiped: one may be Authorization */
	char *sent;                 /* ours; the request's body, wiped */
	size_t sent_size;
	char where[160]; /* the URL without its query, for sentences */
	char why[CURL_ERROR_SIZE];

	size_t head_size;
	char *body; /* ours; wiped */
	size_t size, cap, max_size;
	char *type; /* ours */
	bool too_large;
	bool sent_before, refused; /* a body goes out once; a second time was refused */
	int64_t timeout, patience;
	struct fetch_answer answer; /* its texts are those above */
	bool failed;
	struct err err;
};

struct fetch {
	struct event_base *base;   /* borrowed */
	CURLM *multi;              /* ours, like the events */
	struct fetch_turns *turns; /* ours */
	struct event *timer;       /* curl's */
	struct event *deliver;     /* calls the next done() */
	LIST_HEAD(, fetch_op) ops; /* each belongs to who asked */
	TAILQ_HEAD(, fetch_op) finished;
};

/* All of *q that a handle of libcurl's has to know; -1 with op->err. */
int fetch_request_set(struct fetch_op *op, const struct fetch_request *q) MUST_CHECK;
/* More of the answer's body, terminated; false: it is too large.  n may be 0. */
bool fetch_request_keep(struct fetch_op *op, const char *p, size_t n);
void fetch_request_wipe(char **p, size_t n);

#endif
