/* oidc/fetch.c - see oidc/fetch.h */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <curl/curl.h>
#include <event2/event.h>
#include <openssl/crypto.h>

#include "conf/mem.h"
#include "oidc/fetch.h"

#define HEAD_MAX        65536 /* bytes of an answer's head, interim answers included */
#define CONNECTIONS_MAX 32    /* busy and idle ones; what is more waits its turn */
#define IDLE_SECONDS                                                                                         \
	4L /* shorter than servers wait, so that a POST rarely meets a connection that is being closed */
#define RETRY_AFTER_MAX 86400
#define FIRST_BODY      4096

enum state {
	RUNNING,  /* with curl */
	FINISHED, /* done() is due: on `finished` */
	REPORTED, /* done() was called, or never will be */
};

struct fetch_op {
	struct fetch *fetch; /* borrowed; NULL: it was freed */
	enum state state;
	LIST_ENTRY(fetch_op) all;
	TAILQ_ENTRY(fetch_op) due;
	fetch_done *done;
	void *arg;

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
	int64_t timeout;
	struct fetch_answer answer; /* its texts are those above */
	bool failed;
	struct err err;
};

struct fetch {
	struct event_base *base;   /* borrowed */
	CURLM *multi;              /* ours, like the events */
	struct event *timer;       /* curl's */
	struct event *deliver;     /* calls the next done() */
	LIST_HEAD(, fetch_op) ops; /* each belongs to who asked */
	TAILQ_HEAD(, fetch_op) finished;
};

static void init_curl(void);
static bool setup_multi(struct fetch *);
static void describe(struct fetch_op *, const char *);
static int begin(struct fetch_op *, const struct fetch_request *);
static int add_header(struct fetch_op *, const char *, const char *);
static bool set_request(struct fetch_op *, const struct fetch_request *);
static bool set_limits(struct fetch_op *, const struct fetch_request *);
static bool set_road(struct fetch_op *, const struct fetch_request *);
static void run(struct fetch *, curl_socket_t, int);
static void judge(struct fetch_op *, CURLcode);
static int read_answer(struct fetch_op *);
static enum reason reason_of(CURLcode);
static void finish(struct fetch_op *);
static void hang_up(struct fetch_op *);
static void wipe(char **, size_t);
static bool keep_body(struct fetch_op *, const char *, size_t);
static int watch_socket(struct fetch *, curl_socket_t, int, struct event *);
static int fetch_socket_cb(CURL *, curl_socket_t, int, void *, void *);
static int fetch_timer_cb(CURLM *, long, void *);
static size_t fetch_head_cb(char *, size_t, size_t, void *);
static size_t fetch_body_cb(char *, size_t, size_t, void *);
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
	bad |= (unsigned)curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
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
	const struct timeval limit = { (time_t)(q->timeout / 1000), (suseconds_t)(q->timeout % 1000 * 1000) };

	op->easy = curl_easy_init();
	op->deadline = evtimer_new(op->fetch->base, fetch_deadline_cb, op);
	if (op->easy == NULL || op->deadline == NULL)
		return err_set(&op->err, REASON_SYSTEM, "%s: libcurl gives no handle", op->where);
	if (add_header(op, "Accept", q->accept) == -1 ||
	    add_header(op, "Authorization", q->authorization) == -1)
		return -1;
	if (!set_request(op, q) || !set_limits(op, q) || !set_road(op, q))
		return err_set(
		    &op->err, REASON_SYSTEM, "%s: libcurl lacks an option that is needed", op->where);
	/*
	 * Our own clock besides curl's: a request that waits for a connection, or
	 * for a resolver, ends in time too.
	 */
	if (event_add(op->deadline, &limit) == -1)
		return err_set(&op->err, REASON_SYSTEM, "%s: the event loop takes no timer", op->where);
	if (curl_multi_add_handle(op->fetch->multi, op->easy) != CURLM_OK)
		return err_set(&op->err, REASON_SYSTEM, "%s: libcurl takes no request", op->where);
	return 0;
}

/* A value that could end its line would let foreign text write our request (RFC 9110 5.5). */
static int
add_header(struct fetch_op *op, const char *name, const char *value)
{
	struct curl_slist *more;
	char *line;

	if (value == NULL)
		return 0;
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(&op->err, REASON_PROVIDER_ANSWER,
			    "%s: a control character would get into the request's %s", op->where, name);
	line = xprintf("%s: %s", name, value);
	more = curl_slist_append(op->headers, line);
	wipe(&line, strlen(line));
	if (more == NULL)
		return err_set(&op->err, REASON_SYSTEM, "%s: libcurl takes no header", op->where);
	op->headers = more;
	return 0;
}

static bool
set_request(struct fetch_op *op, const struct fetch_request *q)
{
	struct curl_slist *more = curl_slist_append(op->headers, "Expect:"); /* no 100-continue */
	unsigned bad = more == NULL;

	if (more != NULL)
		op->headers = more;
	bad |= curl_easy_setopt(op->easy, CURLOPT_URL, q->url);
	bad |= curl_easy_setopt(op->easy, CURLOPT_HTTPHEADER, op->headers);
	bad |= curl_easy_setopt(op->easy, CURLOPT_USERAGENT, "workflow-proxy/" WORKFLOW_PROXY_VERSION);
	bad |= curl_easy_setopt(op->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(op->easy, CURLOPT_ACCEPT_ENCODING, NULL);
	if (q->body != NULL) {
		op->sent = xmalloc(q->body_size + 1);
		memcpy(op->sent, q->body, q->body_size);
		op->sent_size = q->body_size;
		bad |= curl_easy_setopt(op->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_size);
		bad |= curl_easy_setopt(op->easy, CURLOPT_POSTFIELDS, op->sent);
	}
	if (q->connect_only) {
		bad |= curl_easy_setopt(op->easy, CURLOPT_CONNECT_ONLY, 1L);
		bad |= curl_easy_setopt(op->easy, CURLOPT_FRESH_CONNECT, 1L);
		bad |= curl_easy_setopt(op->easy, CURLOPT_FORBID_REUSE, 1L);
	}
	return bad == 0;
}

/* What bounds the exchange, and who hears of it. */
static bool
set_limits(struct fetch_op *op, const struct fetch_request *q)
{
	unsigned bad = 0;

	bad |= curl_easy_setopt(op->easy, CURLOPT_TIMEOUT_MS, (long)q->timeout);
	bad |= curl_easy_setopt(op->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)q->timeout);
	bad |= curl_easy_setopt(op->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)q->max_size);
	bad |= curl_easy_setopt(op->easy, CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
	bad |= curl_easy_setopt(op->easy, CURLOPT_NOSIGNAL, 1L);
	/* A resolver's thread that answers late is left to itself; without this, giving up waits for it. */
	bad |= curl_easy_setopt(op->easy, CURLOPT_QUICK_EXIT, 1L);
	bad |= curl_easy_setopt(op->easy, CURLOPT_HEADERFUNCTION, fetch_head_cb);
	bad |= curl_easy_setopt(op->easy, CURLOPT_HEADERDATA, op);
	bad |= curl_easy_setopt(op->easy, CURLOPT_WRITEFUNCTION, fetch_body_cb);
	bad |= curl_easy_setopt(op->easy, CURLOPT_WRITEDATA, op);
	bad |= curl_easy_setopt(op->easy, CURLOPT_ERRORBUFFER, op->why);
	bad |= curl_easy_setopt(op->easy, CURLOPT_PRIVATE, op);
	return bad == 0;
}

/* Where a request may go: nowhere but to the host that was named, and only to whom proves to be it. */
static bool
set_road(struct fetch_op *op, const struct fetch_request *q)
{
	const long verify = q->insecure ? 0 : 1;
	unsigned bad = 0;

	bad |= curl_easy_setopt(op->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(op->easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(op->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	bad |= curl_easy_setopt(op->easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	bad |= curl_easy_setopt(op->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	bad |= curl_easy_setopt(op->easy, CURLOPT_SSL_VERIFYPEER, verify);
	bad |= curl_easy_setopt(op->easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
	if (q->tls_ca != NULL) {
		bad |= curl_easy_setopt(op->easy, CURLOPT_CAINFO, q->tls_ca);
		/* Instead of the system's, not besides them. */
		bad |= curl_easy_setopt(op->easy, CURLOPT_CAPATH, NULL);
	}
	if (q->unix_socket != NULL)
		bad |= curl_easy_setopt(op->easy, CURLOPT_UNIX_SOCKET_PATH, q->unix_socket);
	if (q->unix_socket != NULL || q->connect_only)
		bad |= curl_easy_setopt(op->easy, CURLOPT_PROXY, "");
	else if (q->proxy != NULL)
		bad |= curl_easy_setopt(op->easy, CURLOPT_PROXY, q->proxy);
	return bad == 0;
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
		op->failed = err_set(&op->err, REASON_PROVIDER_TOO_LARGE,
				 op->head_size > HEAD_MAX ? "%s: the answer's head has more than %zu bytes"
							  : "%s: the answer has more than %zu bytes",
				 op->where, op->head_size > HEAD_MAX ? (size_t)HEAD_MAX : op->max_size) == -1;
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
	(void)keep_body(op, "", 0); /* terminated, also when nothing came */
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
	wipe(&op->sent, op->sent_size);
}

static void
wipe(char **p, size_t n)
{
	if (*p != NULL)
		OPENSSL_cleanse(*p, n);
	free(*p);
	*p = NULL;
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
	if (op->state == FINISHED)
		TAILQ_REMOVE(&op->fetch->finished, op, due);
	if (op->fetch != NULL)
		LIST_REMOVE(op, all);
	wipe(&op->body, op->cap);
	free(op->type);
	free(op);
}

/* With a terminator behind it.  The memory a body grows out of is wiped. */
static bool
keep_body(struct fetch_op *op, const char *p, size_t n)
{
	if (n > op->max_size - op->size) {
		op->too_large = true;
		return false;
	}
	if (op->size + n + 1 > op->cap) {
		size_t cap = op->cap == 0 ? FIRST_BODY : op->cap * 2;
		char *body;

		if (cap < op->size + n + 1)
			cap = op->size + n + 1;
		body = xmalloc(cap);
		if (op->size > 0)
			memcpy(body, op->body, op->size);
		wipe(&op->body, op->cap);
		op->body = body;
		op->cap = cap;
	}
	memcpy(op->body + op->size, p, n);
	op->size += n;
	op->body[op->size] = '\0';
	return true;
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

static size_t
fetch_head_cb(char *p, size_t size, size_t n, void *arg)
{
	struct fetch_op *op = arg;

	(void)p;
	op->head_size += size * n;
	if (op->head_size <= HEAD_MAX)
		return size * n;
	op->too_large = true;
	return 0;
}

static size_t
fetch_body_cb(char *p, size_t size, size_t n, void *arg)
{
	return keep_body(arg, p, size * n) ? size * n : 0;
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
