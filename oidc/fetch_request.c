/* oidc/fetch_request.c - see oidc/fetch_impl.h */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/mem.h"
#include "oidc/fetch_impl.h"

/* Seconds; shorter than servers wait, so that a POST rarely meets a connection that is being closed. */
#define IDLE_SECONDS 4L
#define FIRST_BODY   4096

static int add_header(struct fetch_op *, const char *, const char *);
static bool set_request(struct fetch_op *, const struct fetch_request *);
static bool set_limits(struct fetch_op *, const struct fetch_request *);
static bool set_road(struct fetch_op *, const struct fetch_request *);
static int fetch_send_cb(void *, char *, char *, int, int);
static size_t fetch_head_cb(char *, size_t, size_t, void *);
static size_t fetch_body_cb(char *, size_t, size_t, void *);

int
fetch_request_set(struct fetch_op *op, const struct fetch_request *q)
{
	if (add_header(op, "Accept", q->accept) == -1 ||
	    add_header(op, "Authorization", q->authorization) == -1)
		return -1;
	if (!set_request(op, q) || !set_limits(op, q) || !set_road(op, q))
		return err_set(
		    &op->err, REASON_SYSTEM, "%s: libcurl lacks an option that is needed", op->where);
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
	fetch_request_wipe(&line, strlen(line));
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
		bad |= curl_easy_setopt(op->easy, CURLOPT_PREREQFUNCTION, fetch_send_cb);
		bad |= curl_easy_setopt(op->easy, CURLOPT_PREREQDATA, op);
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

void
fetch_request_wipe(char **p, size_t n)
{
	if (*p != NULL)
		OPENSSL_cleanse(*p, n);
	free(*p);
	*p = NULL;
}

/* With a terminator behind it.  The memory a body grows out of is wiped. */
bool
fetch_request_keep(struct fetch_op *op, const char *p, size_t n)
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
		fetch_request_wipe(&op->body, op->cap);
		op->body = body;
		op->cap = cap;
	}
	memcpy(op->body + op->size, p, n);
	op->size += n;
	op->body[op->size] = '\0';
	return true;
}

/* --- called by libcurl: none of these may call it --- */

/*
 * Each time before the request goes out.  A connection that was kept and closes
 * without a byte of an answer makes libcurl send it again on another one; but
 * the other side may have read it.
 */
static int
fetch_send_cb(void *arg, char *to, char *from, int to_port, int from_port)
{
	struct fetch_op *op = arg;

	(void)to;
	(void)from;
	(void)to_port;
	(void)from_port;
	op->refused = op->sent_before;
	op->sent_before = true;
	return op->refused ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static size_t
fetch_head_cb(char *p, size_t size, size_t n, void *arg)
{
	struct fetch_op *op = arg;

	(void)p;
	op->head_size += size * n;
	if (op->head_size <= FETCH_HEAD_MAX)
		return size * n;
	op->too_large = true;
	return 0;
}

static size_t
fetch_body_cb(char *p, size_t size, size_t n, void *arg)
{
	return fetch_request_keep(arg, p, size * n) ? size * n : 0;
}
