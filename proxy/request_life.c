/* proxy/request_life.c - where requests come from, how they are accounted for, where they go; see
 * proxy/request.h */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "conf/log.h"
#include "proxy/client.h"
#include "proxy/forward.h"
#include "proxy/introspector.h"
#include "proxy/refresh_table.h"
#include "proxy/request.h"
#include "proxy/revoke.h"
#include "proxy/upstream.h"

#define REQUESTS_KEPT 64

static void count(struct request *);
static void log_access(struct request *);
static void bury_cb(struct grave *);

struct request *
request_new(struct client *c)
{
	struct worker *w = c->worker;
	struct request *r = w->requests;

	if (r != NULL) {
		w->requests = r->next_free;
		w->n_requests--;
	} else {
		r = xmalloc(sizeof(*r));
		r->mem = mem_new(REQUEST_MEMORY);
	}
	r->worker = w;
	r->client = c;
	r->view = view_use(w->view);
	r->step = STEP_CHECK;
	r->waiting = r->running = r->aborted = false;
	r->found = SESSION_NONE;
	r->provider = 0;
	r->session = NULL;
	r->bearing = NULL;
	r->bearer = NULL;
	r->username = STR("");
	r->newer = NULL;
	r->usertokens = NULL;
	r->login = NULL;
	r->logout = NULL;
	r->revoking = NULL;
	r->n_revoking = 0;
	r->backchannel = NULL;
	r->reading = NULL;
	r->verify = NULL;
	r->keeping = NULL;
	r->kept_page = STR("");
	r->kept = NULL;
	r->oidc = NULL;
	r->introspection = NULL;
	r->store = NULL;
	r->outbound = NULL;
	r->refresh = NULL;
	r->revoke = NULL;
	r->token = NULL;
	r->rounds = 0;
	r->up = NULL;
	r->tries = 0;
	r->retried = r->up_failed = r->broken = r->through = false;
	r->up_took = 0;
	r->server = NULL;
	memset(&r->match, 0, sizeof(r->match));
	memset(&r->relay, 0, sizeof(r->relay));
	memset(&r->reply, 0, sizeof(r->reply));
	r->head_sent = r->keep = false;
	r->status = 0;
	r->err.reason = REASON_NONE;
	r->err.text[0] = '\0';
	r->bytes_in = r->bytes_out = 0;
	r->began = timers_now_us();
	r->now_ms = clock_ms();
	return r;
}

/* The browser is gone, or never was a request: nothing can be answered. */
void
request_abort(struct request **rp, enum reason why)
{
	struct request *r = *rp;

	*rp = NULL;
	if (r == NULL || r->aborted)
		return;
	r->aborted = true;
	if (why != REASON_NONE) {
		if (r->err.reason == REASON_NONE)
			r->err.reason = why;
		if (r->status == 0)
			r->status = 499;
		if (r->up != NULL)
			upstream_cancel(r);
		request_account(r);
	}
	oidc_op_cancel(&r->oidc);
	introspector_cancel(&r->introspection);
	store_op_cancel(&r->store);
	outbound_op_cancel(&r->outbound);
	refresh_waiter_leave(&r->refresh);
	revoke_cancel(&r->revoke);
	if (why == REASON_NONE)
		request_put_back(r);
	else
		worker_bury(r->worker, &r->grave, bury_cb);
}

void
request_put_back(struct request *r)
{
	struct worker *w = r->worker;

	outbound_token_release(&r->token);
	view_leave(&r->view);
	if (w->n_requests >= REQUESTS_KEPT) {
		mem_free(&r->mem);
		free(r);
		return;
	}
	mem_reset(r->mem);
	r->next_free = w->requests;
	w->requests = r;
	w->n_requests++;
}

static void
bury_cb(struct grave *g)
{
	request_put_back((struct request *)(void *)g); /* the first member */
}

void
request_free_list(struct worker *w)
{
	struct request *r;

	while ((r = w->requests) != NULL) {
		w->requests = r->next_free;
		mem_free(&r->mem);
		free(r);
	}
}

static void
count(struct request *r)
{
	struct metrics *m = &r->worker->metrics;
	int class = r->status / 100;

	metric_add(&m->requests[class >= 1 && class <= 5 ? class : 5], 1);
	if (r->err.reason != REASON_NONE)
		metric_add(&m->refusals[r->err.reason], 1);
	if (!r->relay.tunnel)
		metrics_latency(m->latency, &m->latency_us, (uint64_t)(timers_now_us() - r->began));
	metric_add(&m->bytes_in, r->bytes_in);
	metric_add(&m->bytes_out, r->bytes_out);
	if (r->relay.tunnel)
		metric_sub(&m->upgrades, 1);
}

static void
log_access(struct request *r)
{
	struct log_record *a = &r->worker->access;
	struct str user = r->session != NULL ? r->session->username : r->username;
	static const struct str protocols[] = { { "HTTP/1.0", 8 }, { "HTTP/1.1", 8 }, { "HTTP/2", 6 } };
	char addr[INET6_ADDRSTRLEN];
	int again;

	if (!log_access_on())
		return;
	for (again = 0; again < 2; again++) {
		log_record_begin(a);
		log_record_str(a, "request_id", str_of(r->id));
		log_record_str(a, "client", str_of(forward_address(&r->addr, addr)));
		log_record_str(a, "proto", protocols[r->in.minor]);
		log_record_str(a, "method", r->in.method);
		log_record_str(a, "host", r->in.host);
		log_record_str(a, "path", r->in.path);
		log_record_num(a, "status", r->status);
		log_record_num(a, "bytes_in", (long long)r->bytes_in);
		log_record_num(a, "bytes_out", (long long)r->bytes_out);
		log_record_num(a, "time_us", timers_now_us() - r->began);
		if (r->server != NULL) {
			log_record_str(a, "upstream", str_of(r->server->conf->url));
			log_record_num(a, "upstream_us", r->up_took);
		}
		log_record_str(a, "user", user);
		log_record_str(a, "reason", str_of(reason_word(r->err.reason)));
		log_record_end(a);
		if (!a->overflow)
			break;
		/* Full: write what is there and try in the empty buffer; a record that is larger is dropped.
		 */
		log_access_write(a->buf, a->n);
		a->n = 0;
		a->overflow = false;
	}
	event_active(r->worker->flush, 0, 0);
}

void
request_account(struct request *r)
{
	count(r);
	log_access(r);
}
