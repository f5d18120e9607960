/*
 * proxy/reply.c - answers that the application did not write (proxy/request.h)
 *
 * One place writes them all: pages for browsers, JSON for programs, redirects.
 * None may be stored, framed or sniffed.
 */
#include <stdio.h>
#include <string.h>

#include "conf/log.h"
#include "conf/url.h"
#include "proxy/client.h"
#include "proxy/cors.h"
#include "proxy/forward.h"
#include "proxy/frontend.h"
#include "proxy/login.h"
#include "proxy/pages_own.h"
#include "proxy/request.h"
#include "proxy/verify.h"

#define FIELDS_MAX 49152 /* of one answer: split session cookies among them */

static void put_head(struct request *, struct http1_out *);
static void put_apology(struct request *, struct http1_out *);
static void fill_page(struct request *, struct page *);
static const char *sign_in_again(struct request *, struct str wanted, bool someone_else);
static bool is_about_a_person(enum reason);

void
reply_set(struct request *r, int status, const char *type, struct str body)
{
	r->reply.set = true;
	r->reply.status = status;
	r->reply.type = type;
	r->reply.body = body;
}

void
reply_page(struct request *r, int status, const struct pages_own *page)
{
	reply_set(r, status, "text/html; charset=utf-8", page->html);
	r->reply.csp = page->csp;
	r->reply.referrer = page->knows_us ? "same-origin" : NULL;
}

void
reply_redirect(struct request *r, int status, const char *location)
{
	/* Followed with GET, whatever led here: programs repeat a 302 with the method they had (RFC
	 * 9110 15.4.3). */
	if (status == 302 && r->in.method_id != METHOD_GET && r->in.method_id != METHOD_HEAD)
		status = 303;
	reply_set(r, status, NULL, STR(""));
	r->reply.location = location;
}

void
reply_field(struct request *r, const char *name, struct str value)
{
	struct http1_out *o = &r->reply.fields;
	size_t before = o->n;

	if (o->p == NULL) {
		o->p = mem_alloc(r->mem, FIELDS_MAX);
		o->cap = FIELDS_MAX;
	}
	http1_put_field(o, str_of(name), value);
	if (o->over)
		o->n = before; /* half a line would become one with the next */
}

void
reply_cookies(struct request *r, const char **set_cookies)
{
	size_t i;

	for (i = 0; set_cookies != NULL && set_cookies[i] != NULL; i++)
		reply_field(r, "Set-Cookie", str_of(set_cookies[i]));
}

/* What was refused, in the words of whoever asks. */
void
reply_refusal(struct request *r)
{
	const struct conf_route *route = r->match.route;
	struct pages_own own;
	struct page page = {
		.reason = r->err.reason, .status = reason_status(r->err.reason), .request_id = r->id
	};

	if (r->login != NULL && r->login->silent) { /* no page, and nowhere to go: the frame is told */
		reply_redirect(r, 302, frontend_frame_path(r, reason_word(r->err.reason)));
		return;
	}
	if (r->verify != NULL)
		page.status = verify_status(page.status);
	if (r->verify != NULL && !r->verify->redirect)
		route = NULL; /* who asks knows no redirect */
	if (r->match.kind == ROUTE_UPSTREAM && route != NULL && route->access_denied_url != NULL &&
	    r->session != NULL && page.status == 403 && request_is_navigation(r) &&
	    !str_is(r->match.path, str_of(route->access_denied_url))) { /* refused itself: no way out */
		reply_redirect(r, 302, route->access_denied_url);
		return;
	}
	fill_page(r, &page);
	if (forward_accepts_html(&r->in)) {
		own = pages_own_refusal(&request_snap(r)->conf->templates, &page, r->mem);
		reply_page(r, page.status, &own);
	} else
		reply_set(r, page.status, "application/json", page_json(&page, r->mem));
	if (page.status == 503 || page.status == 429)
		r->reply.retry_after = r->reply.retry_after == 0 ? 10 : r->reply.retry_after;
}

static void
fill_page(struct request *r, struct page *page)
{
	struct str wanted;

	if (r->match.origin == NULL)
		return;
	page->home_url = mem_printf(r->mem, "%s/", r->match.origin->path);
	page->host = r->match.origin->host;
	if (r->session != NULL)
		page->username = r->session->username;
	wanted =
	    r->login != NULL && r->login->flow.target.n > 0 ? r->login->flow.target : login_wanted_page(r);
	if (is_about_a_person(page->reason))
		page->switch_url = sign_in_again(r, wanted, true);
	if (r->login != NULL && r->match.kind == ROUTE_OURS)
		page->retry_url = sign_in_again(r, wanted, false);
	else if (r->login != NULL || (page->status >= 500 && r->in.method_id == METHOD_GET))
		page->retry_url = mem_text(r->mem, wanted);
	/* What was required helps who was refused; page_shows_detail() decides for which reasons. */
	page->detail = r->login != NULL ? login_detail(r) : str_of(r->err.text);
}

/* At the same provider, where there are several. */
static const char *
sign_in_again(struct request *r, struct str wanted, bool someone_else)
{
	const struct conf *c = request_snap(r)->conf;
	size_t provider = r->login != NULL ? r->login->provider : r->provider;
	const char *url = request_own_path(r, "login").p;

	if (someone_else)
		url = url_add_param(r->mem, url, "prompt", STR("login"));
	if (c->n_providers > 1)
		url = url_add_param(r->mem, url, "provider", str_of(c->providers[provider].name));
	return url_add_param(r->mem, url, "rd", wanted);
}

/* Another account may be let in where this one was not. */
static bool
is_about_a_person(enum reason why)
{
	return why == REASON_CLAIM_MISSING || why == REASON_CLAIM_OVERAGE || why == REASON_TOKEN_TENANT ||
	       why == REASON_USERNAME_MISMATCH || why == REASON_LOGIN_REFUSED ||
	       why == REASON_LOGIN_NO_USERNAME || why == REASON_LOGIN_CLAIM;
}

void
reply_send(struct request *r)
{
	struct http1_out o = { r->worker->head_out, 0, HEAD_OUT_SIZE, false };
	const struct reply *y = &r->reply;
	struct iovec iov[2];
	int n = 0;

	/* Behind a message that was not understood, or whose body is not read, nothing can follow. */
	r->keep = r->in.keep_alive && !y->close && y->status != 400 && !r->in.upgrade &&
		  !r->worker->draining &&
		  (r->client->body.done || (r->in.body == BODY_LENGTH && !r->in.expect_continue));
	put_head(r, &o);
	if (o.over)
		put_apology(r, &o);
	r->status = y->status;
	iov[n++] = (struct iovec){ o.p, o.n };
	r->bytes_out = r->in.method_id == METHOD_HEAD ? 0 : y->body.n;
	if (r->bytes_out > 0)
		iov[n++] = (struct iovec){ (void *)(uintptr_t)y->body.p, y->body.n };
	r->head_sent = true;
	if (client_write(r->client, iov, n) == -1)
		client_close(r->client, "writing failed");
}

static void
put_head(struct request *r, struct http1_out *o)
{
	const struct reply *y = &r->reply;

	http1_put(o, STR("HTTP/1.1 "));
	http1_put_number(o, (uint64_t)y->status);
	http1_put(o, STR(" "));
	http1_put(o, forward_reason_phrase(y->status));
	http1_put(o, STR("\r\n"));
	forward_put_common(r, o);
	if (y->type != NULL)
		http1_put_field(o, STR("Content-Type"), str_of(y->type));
	if (y->status != 204) { /* which has no body to tell the length of (RFC 9110 8.6) */
		http1_put(o, STR("Content-Length: "));
		http1_put_number(o, y->body.n);
		http1_put(o, STR("\r\n"));
	}
	cors_put(r->match.route, request_field(r, FIELD_ORIGIN), true, o);
	http1_put(o, STR("Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"));
	http1_put_field(o, STR("Referrer-Policy"), str_of(y->referrer == NULL ? "no-referrer" : y->referrer));
	if (y->type != NULL && strncmp(y->type, "text/html", 9) == 0)
		http1_put_field(
		    o, STR("Content-Security-Policy"), str_of(y->csp == NULL ? page_csp : y->csp));
	if (y->location != NULL)
		http1_put_field(o, STR("Location"), str_of(y->location));
	if (y->retry_after > 0) {
		http1_put(o, STR("Retry-After: "));
		http1_put_number(o, y->retry_after);
		http1_put(o, STR("\r\n"));
	}
	http1_put(o, (struct str){ y->fields.p, y->fields.n });
	if (!r->keep)
		http1_put(o, STR("Connection: close\r\n"));
	else if (r->in.minor == 0)
		http1_put(o, STR("Connection: keep-alive\r\n"));
	http1_put(o, STR("\r\n"));
}

/* A head that does not fit is no head: half of one must not be sent. */
static void
put_apology(struct request *r, struct http1_out *o)
{
	log_request(LOG_LEVEL_ERROR, r->id, REASON_SYSTEM, "the head of an answer of ours exceeds %d bytes",
	    HEAD_OUT_SIZE);
	r->keep = false;
	r->reply.status = 500;
	r->reply.body = STR("");
	o->n = 0;
	o->over = false;
	http1_put(
	    o, STR("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nCache-Control: no-store\r\n"
		   "Connection: close\r\n\r\n"));
}
