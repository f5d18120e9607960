/* oidc/fetch.c - see oidc/fetch.h */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/mem.h"
#include "oidc/fetch_impl.h"

#define RETRY_AFTER_MAX 86400
#define CONNECTIONS_MAX 128 /* that are kept, to all hosts */

static void init_curl(void);
static bool setup_multi(struct fetch *);
static void describe(struct fetch_op *, const char *);
static int begin(struct fetch_op *, const struct fetch_request *);
static int take_turn(struct fetch_op *, const struct fetch_request *);
static int go(struct fetch_op *);
static int set_deadline(struct fetch_op *, int64_t);
static void go_next(struct fetch_op *);
static void run(struct fetch *, curl_socket_t, int);
static void judge(struct fetch_op *, CURLcode);
static int read_answer(struct fetch_op *);
static enum reason reason_of(CURLcode);
static void finish(struct fetch_op *);
static void hang_up(struct fetch_op *);
static int watch_socket(struct fetch *, curl_socket_t, int, struct event *);
static int fetch_socket_cb(CURL *, curl_socket_t, int, void *, void *);
static int fetch_timer_cb(CURLM *, long, void *);
static void fetch_ready_cb(evutil_socket_t, short, void *);
static void fetch_timeout_cb(evutil_socket_t, short, void *);
static void fetch_deadline_cb(evutil_socket_t, short, void *);
static void fetch_deliver_cb(evutil_socket_t, short, void *);

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
init_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

struct fetch *
fetch_new(struct event_base *base, struct err *e)
{
	struct fetch *f = xcalloc(1, sizeof(*f));

	(void)pthread_once(&once, init_curl);
	f->base = base;
	LIST_INIT(&f->ops);
	TAILQ_INIT(&f->finished);
	f->turns = fetch_turns_new();
	f->multi = curl_multi_init();
	f->timer = evtimer_new(base, fetch_timeout_cb, f);
	f->deliver = event_new(base, -1, 0, fetch_deliver_cb, f);
	if (f->multi == NULL || f->timer == NULL || f->deliver == NULL || !setup_multi(f)) {
		(void)err_set(e, REASON_SYSTEM, "libcurl or the event loop cannot be set up");
		fetch_free(&f);
		return NULL;
	}
	return f;
}

static bool
setup_multi(struct fetch *f)
{
	unsigned bad = 0;

	bad |= (unsigned)curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, fetch_socket_cb);
	bad |= (unsigned)curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	bad |= (unsigned)curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, fetch_timer_cb);
	bad |= (unsigned)curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	bad |= (unsigned)curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
	bad |= (unsigned)curl_multi_setopt(f->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	return bad == 0;
}

void
fetch_free(struct fetch **ff)
{
	struct fetch *f = *ff;
	struct fetch_op *op;

	if (f == NULL)
		return;
	/* The ops stay with who asked; they will be released, and hear of nothing. */
	while ((op = LIST_FIRST(&f->ops)) != NULL) {
		LIST_REMOVE(op, all);
		hang_up(op);
		(void)fetch_turn_end(&op->turn); /* nobody goes in its place */
		if (op->state != REPORTED) {
			op->failed = true;
			(void)err_set(&op->err, REASON_PROVIDER_DOWN, "%s: cancelled", op->where);
		}
		op->state = REPORTED;
		op->fetch = NULL;
	}
	if (f->multi != NULL)
		(void)curl_multi_cleanup(f->multi);
	if (f->timer != NULL)
		event_free(f->timer);
	if (f->deliver != NULL)
		event_free(f->deliver);
	fetch_turns_free(&f->turns);
	free(f);
	*ff = NULL;
}

struct fetch_op *
fetch_ask(struct fetch *f, const struct fetch_request *q, fetch_done *done, void *arg)
{
	struct fetch_op *op = xcalloc(1, sizeof(*op));

	op->fetch = f;
	op->done = done;
	op->arg = arg;
	op->max_size = q->max_size;
	op->timeout = q->timeout;
	op->patience = q->patience > 0 ? q->patience : FETCH_PATIENCE;
	describe(op, q->url);
	LIST_INSERT_HEAD(&f->ops, op, all);
	if (begin(op, q) == -1) {
		op->failed = true;
		finish(op);
	}
	return op;
}

static void
describe(struct fetch_op *op, const char *url)
{
	size_t n = strcspn(url, "?#");

	if (n >= sizeof(op->where))
		n = sizeof(op->where) - 1;
	memcpy(op->where, url, n);
	op->where[n] = '\0';
}

static int
begin(struct fetch_op *op, const struct fetch_request *q)
{
	op->easy = curl_easy_init();
	op->deadline = evtimer_new(op->fetch->base, fetch_deadline_cb, op);
	if (op->easy == NULL || op->deadline == NULL)
		return err_set(&op->err, REASON_SYSTEM, "%s: libcurl gives no handle", op->where);
	if (fetch_request_set(op, q) == -1)
		return -1;
	return take_turn(op, q);
}

/* A host is what a connection can be used for again. */
static int
take_turn(struct fetch_op *op, const struct fetch_request *q)
{
	const char *from = strstr(q->url, "://");
	const size_t n = from == NULL ? 0 : (size_t)(from - q->url) + 3 + strcspn(from + 3, "/?#");
	char *host = xprintf("%.*s %s", (int)n, q->url, q->unix_socket == NULL ? "" : q->unix_socket);
	const enum fetch_seat seat = fetch_turn_take(op->fetch->turns, &op->turn, host);

	free(host);
	switch (seat) {
	case FETCH_GOES:
		return go(op);
	case FETCH_WAITS:
		return set_deadline(op, op->patience);
	case FETCH_FULL:
		break;
	}
	return err_set(&op->err, REASON_PROVIDER_BUSY, "%s: %d requests are under way there, and %d wait",
	    op->where, FETCH_HOST, FETCH_WAITING);
}

/* Our own clock besides curl's: a request that waits for a resolver ends in time too. */
static int
go(struct fetch_op *op)
{
	if (set_deadline(op, op->timeout) == -1)
		return -1;
	if (curl_multi_add_handle(op->fetch->multi, op->easy) != CURLM_OK)
		return err_set(&op->err, REASON_SYSTEM, "%s: libcurl takes no request", op->where);
	return 0;
}

static int
set_deadline(struct fetch_op *op, int64_t ms)
{
	const struct timeval limit = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	if (event_add(op->deadline, &limit) == -1)
		return err_set(&op->err, REASON_SYSTEM, "%s: the event loop takes no timer", op->where);
	return 0;
}

/* Let curl do what is ready, then see what has come to its end. */
static void
run(struct fetch *f, curl_socket_t fd, int ready)
{
	struct CURLMsg *msg;
	int n;

	(void)curl_multi_socket_action(f->multi, fd, ready, &n);
	while ((msg = curl_multi_info_read(f->multi, &n)) != NULL) {
		const CURLcode code = msg->data.result;
		char *op = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &op);
		judge((void *)op, code);
	}
}

static void
judge(struct fetch_op *op, CURLcode code)
{
	const char *why = op->why[0] != '\0' ? op->why : curl_easy_strerror(code);

	if (op->too_large || code == CURLE_FILESIZE_EXCEEDED)
		op->failed =
		    err_set(&op->err, REASON_PROVIDER_TOO_LARGE,
			op->head_size > FETCH_HEAD_MAX ? "%s: the answer's head has more than %zu bytes"
						       : "%s: the answer has more than %zu bytes",
			op->where,
			op->head_size > FETCH_HEAD_MAX ? (size_t)FETCH_HEAD_MAX : op->max_size) == -1;
	else if (op->refused)
		op->failed = err_set(&op->err, REASON_PROVIDER_DOWN,
				 "%s: the connection was closed without an answer; what was asked may have "
				 "been done, so it is not sent again",
				 op->where) == -1;
	else if (op->turn.waits)
		op->failed = err_set(&op->err, REASON_PROVIDER_BUSY,
				 "%s: not sent within %lld ms: %d requests are under way there", op->where,
				 (long long)op->patience, FETCH_HOST) == -1;
	else if (code == CURLE_OPERATION_TIMEDOUT)
		op->failed = err_set(&op->err, REASON_PROVIDER_TIMEOUT, "%s: no whole answer within %lld ms",
				 op->where, (long long)op->timeout) == -1;
	else if (code != CURLE_OK)
		op->failed = err_set(&op->err, reason_of(code), "%s: %s", op->where, why) == -1;
	else
		op->failed = read_answer(op) == -1;
	finish(op);
}

/* Everything is copied: the handle goes back to curl at once. */
static int
read_answer(struct fetch_op *op)
{
	struct curl_header *h;
	char *text = NULL;
	curl_off_t wait = 0;
	long status = 0;

	if (curl_easy_header(op->easy, "Content-Encoding", 0, CURLH_HEADER, -1, &h) == CURLHE_OK &&
	    strcasecmp(h->value, "identity") != 0)
		return err_set(&op->err, REASON_PROVIDER_ANSWER,
		    "%s: the answer is compressed (Content-Encoding: %.40s), which was not asked for",
		    op->where, h->value);
	(void)curl_easy_getinfo(op->easy, CURLINFO_RESPONSE_CODE, &status);
	op->answer.status = (int)status;
	if (curl_easy_getinfo(op->easy, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK && text != NULL)
		op->type = xstrdup(text);
	if (curl_easy_header(op->easy, "Date", 0, CURLH_HEADER, -1, &h) == CURLHE_OK) {
		const time_t date = curl_getdate(h->value, NULL);

		op->answer.date = date > 0 ? date : 0;
	}
	if (curl_easy_getinfo(op->easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0)
		op->answer.retry_after = wait < RETRY_AFTER_MAX ? wait : RETRY_AFTER_MAX;
	if (curl_easy_getinfo(op->easy, CURLINFO_PRIMARY_IP, &text) == CURLE_OK && text != NULL)
		(void)snprintf(op->answer.address, sizeof(op->answer.address), "%s", text);
	(void)fetch_request_keep(op, "", 0); /* terminated, also when nothing came */
	op->answer.body = (struct str){ op->body, op->size };
	op->answer.type = op->type != NULL ? str_of(op->type) : STR("");
	return 0;
}

static enum reason
reason_of(CURLcode code)
{
	/* Whatever else goes wrong means that nobody has answered. */
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
	    code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_BAD_CONTENT_ENCODING ||
	    code == CURLE_WRITE_ERROR)
		return REASON_PROVIDER_ANSWER;
	return REASON_PROVIDER_DOWN;
}

/* done() is not called from here: we may stand inside fetch_ask(). */
static void
finish(struct fetch_op *op)
{
	assert(op->state == RUNNING);
	hang_up(op);
	op->state = FINISHED;
	TAILQ_INSERT_TAIL(&op->fetch->finished, op, due);
	event_active(op->fetch->deliver, EV_TIMEOUT, 0);
	go_next(op);
}

/* It is over, or will never be sent: who goes in its place? */
static void
go_next(struct fetch_op *over)
{
	struct fetch_turn *next = fetch_turn_end(&over->turn);
	struct fetch_op *op;

	if (next == NULL)
		return;
	op = (void *)((char *)next - offsetof(struct fetch_op, turn));
	if (go(op) == 0)
		return;
	op->failed = true;
	finish(op);
}

/* Never from inside a callback of curl's. */
static void
hang_up(struct fetch_op *op)
{
	if (op->easy != NULL) {
		(void)curl_multi_remove_handle(op->fetch->multi, op->easy);
		curl_easy_cleanup(op->easy);
		op->easy = NULL;
	}
	if (op->deadline != NULL) {
		event_free(op->deadline);
		op->deadline = NULL;
	}
	for (struct curl_slist *h = op->headers; h != NULL; h = h->next)
		OPENSSL_cleanse(h->data, strlen(h->data));
	curl_slist_free_all(op->headers);
	op->headers = NULL;
	fetch_request_wipe(&op->sent, op->sent_size);
}

int
fetch_take(struct fetch_op *op, struct fetch_answer *out, struct err *e)
{
	assert(op->state == REPORTED);
	if (op->failed) {
		*e = op->err;
		return -1;
	}
	*out = op->answer;
	return 0;
}

void
fetch_release(struct fetch_op **opp)
{
	struct fetch_op *op = *opp;

	*opp = NULL;
	if (op == NULL)
		return;
	hang_up(op);
	if (op->state == RUNNING)
		go_next(op);
	if (op->state == FINISHED)
		TAILQ_REMOVE(&op->fetch->finished, op, due);
	if (op->fetch != NULL)
		LIST_REMOVE(op, all);
	fetch_request_wipe(&op->body, op->cap);
	free(op->type);
	free(op);
}

static int
watch_socket(struct fetch *f, curl_socket_t fd, int what, struct event *old)
{
	const int how = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);
	struct event *ev = NULL;

	if (old != NULL)
		event_free(old);
	if (what != CURL_POLL_REMOVE) {
		ev = event_new(f->base, fd, (short)(how | EV_PERSIST), fetch_ready_cb, f);
		if (ev == NULL || event_add(ev, NULL) == -1)
			abort(); /* out of memory */
	}
	(void)curl_multi_assign(f->multi, fd, ev);
	return 0;
}

/* --- called by libcurl: none of these may call it, but for curl_multi_assign() --- */

static int
fetch_socket_cb(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	(void)easy;
	return watch_socket(arg, fd, what, socket_arg);
}

static int
fetch_timer_cb(CURLM *multi, long ms, void *arg)
{
	const struct fetch *f = arg;
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	(void)multi;
	if (ms < 0)
		return event_del(f->timer);
	return event_add(f->timer, &tv);
}

/* --- called by libevent --- */

static void
fetch_ready_cb(evutil_socket_t fd, short what, void *arg)
{
	run(arg, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
fetch_timeout_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void
fetch_deadline_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	judge(arg, CURLE_OPERATION_TIMEDOUT);
}

/* One at a time: whoever is called may ask, release, or free all of this. */
static void
fetch_deliver_cb(evutil_socket_t fd, short what, void *arg)
{
	struct fetch *f = arg;
	struct fetch_op *op = TAILQ_FIRST(&f->finished);

	(void)fd;
	(void)what;
	if (op == NULL)
		return; /* released meanwhile */
	TAILQ_REMOVE(&f->finished, op, due);
	op->state = REPORTED;
	if (!TAILQ_EMPTY(&f->finished))
		event_active(f->deliver, EV_TIMEOUT, 0);
	op->done(op->arg);
}
