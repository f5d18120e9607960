/* proxy/keep.c - see proxy/keep.h */
#include <string.h>

#include "conf/log.h"
#include "conf/secret.h"
#include "conf/url.h"
#include "proxy/bodyread.h"
#include "proxy/keep.h"
#include "proxy/keeps.h"
#include "proxy/login.h"
#include "proxy/pages.h"
#include "session/cookie.h"

#define KEY_TEXT   43    /* characters of a key */
#define PIECE      65536 /* bytes that go to the upstream at once */
#define COOKIE_AGE 120   /* seconds between our page and its form */

/* What a form under way needs; in the request's memory. */
struct keeping {
	struct keeps *keeps;
	size_t reserved;
	struct str idp, sub, sid;
};

/* What a copy under way takes. */
struct lent {
	struct keeps *keeps;
	size_t n;
};

static bool is_from_here(const struct request *);
static void give_back(void *);
static void close_form(void *);
static struct str target_of(struct request *);
static bool read_key(struct str, unsigned char[KEEPS_KEY]);
static struct kept *open_form(struct request *, const unsigned char *);
static bool hold(struct request *);
static void lent_back(void *);
static bool is_of(const struct kept *, const struct session *);
static bool is_for(struct request *, const struct kept *);
static bool find_session_of(struct request *, const struct kept *);
static enum step gone(struct request *);
static const char *cookie_prefix(struct request *);
static bool next_key(struct str *, const char *, unsigned char[KEEPS_KEY]);

/* --- in ----------------------------------------------------------------------- */

bool
keep_is_wanted(const struct request *r, const struct session *over)
{
	const struct conf_session *c = &request_snap(r)->conf->session;

	return c->preserve_post && over != NULL && r->found == SESSION_EXPIRED && r->verify == NULL &&
	       r->in.method_id == METHOD_POST && request_is_navigation(r) && is_from_here(r) &&
	       (r->in.body == BODY_CHUNKED || (r->in.body == BODY_LENGTH && r->in.content_length > 0 &&
						  r->in.content_length <= c->preserve_post_size));
}

/* A page of this site posts it, and its browser says so: silence is not enough. */
static bool
is_from_here(const struct request *r)
{
	if (request_from_other_site(r))
		return false;
	return request_field(r, FIELD_ORIGIN).n > 0 ||
	       str_is(request_field(r, FIELD_SEC_FETCH_SITE), STR("same-origin"));
}

enum step
keep_read(struct request *r, const struct session *over)
{
	const struct conf_session *c = &request_snap(r)->conf->session;
	struct keeping *k = mem_zalloc(r->mem, sizeof(*k));
	size_t most =
	    r->in.body == BODY_LENGTH ? (size_t)r->in.content_length : (size_t)c->preserve_post_size;

	k->keeps = r->worker->shared->keeps;
	if (!keeps_reserve(k->keeps, most)) {
		log_request(LOG_LEVEL_WARN, r->id, REASON_NONE, "no room to keep a form of %zu bytes", most);
		return STEP_LOGIN;
	}
	k->reserved = most;
	mem_on_free(r->mem, give_back, k);
	k->idp = mem_str(r->mem, over->idp);
	k->sub = mem_str(r->mem, over->sub);
	k->sid = mem_str(r->mem, over->sid);
	r->keeping = k;
	return bodyread_keep(r, STEP_KEEP, most);
}

static void
give_back(void *arg)
{
	struct keeping *k = arg;

	keeps_release(k->keeps, k->reserved);
	k->reserved = 0;
}

/* It is here, or it is too long; either way its user is to sign in. */
enum step
keep_form(struct request *r)
{
	struct keeping *k = r->keeping;
	int64_t now = r->now_ms / 1000;
	struct kept form = {
		.idp = k->idp,
		.sub = k->sub,
		.host = str_of(r->match.origin->origin),
		.target = target_of(r),
		.type = request_field(r, FIELD_CONTENT_TYPE),
		.body = r->reading->text,
		.sid = k->sid,
		.until = now + request_snap(r)->conf->session.preserve_post_time / 1000,
	};
	unsigned char key[KEEPS_KEY];
	char text[KEY_TEXT + 1];

	give_back(k);
	if (r->reading->over || form.body.n == 0 || form.target.n == 0)
		return STEP_LOGIN;
	if (!keeps_add(k->keeps, &form, now, key)) {
		log_request(
		    LOG_LEVEL_WARN, r->id, REASON_NONE, "no room to keep a form of %zu bytes", form.body.n);
		return STEP_LOGIN;
	}
	(void)secret_b64(text, key, sizeof(key));
	r->kept_page = str_of(mem_printf(r->mem, "%s?k=%s", request_own_path(r, "resume").p, text));
	log_request(LOG_LEVEL_INFO, r->id, REASON_NONE,
	    "a form of %zu bytes is kept until its user signed in", form.body.n);
	return STEP_LOGIN;
}

/* Path and query as the browser has them; "" when it cannot be a form's address. */
static struct str
target_of(struct request *r)
{
	struct str target =
	    r->in.query.p == NULL
		? r->match.path
		: str_of(mem_printf(r->mem, "%.*s?%.*s", STR_ARG(r->match.path), STR_ARG(r->in.query)));

	return url_is_local_path(target) ? target : STR("");
}

/* --- AUTH/resume -------------------------------------------------------------- */

enum step
keep_resume(struct request *r)
{
	const struct conf_session *c = &request_snap(r)->conf->session;
	unsigned char key[KEEPS_KEY];
	const struct kept *form;
	struct str text;

	if (url_param(r->mem, r->in.query, "k", &text) != 0 || !read_key(text, key))
		return gone(r);
	form = open_form(r, key);
	if (form == NULL || !str_is(form->host, str_of(r->match.origin->origin)))
		return gone(r);
	if (!find_session_of(r, form)) {
		if (r->found == SESSION_STALE) /* who signed in again would be no further */
			return request_refuse_stale(r);
		reply_redirect(r, 302,
		    mem_printf(r->mem, "%s?rd=%s", request_own_path(r, "login").p,
			url_encode(r->mem, str_of(mem_printf(r->mem, "%s?k=%.*s",
					       request_own_path(r, "resume").p, STR_ARG(text))))
			    .p));
		return STEP_REPLY;
	}
	if (!is_of(form, r->session)) {
		(void)keeps_drop(r->worker->shared->keeps, key);
		return request_refuse(r, REASON_FORM_OTHER_USER,
		    "a form was kept for another user than %.*s, and is thrown away",
		    STR_ARG(r->session->username));
	}
	reply_field(r, "Set-Cookie",
	    str_of(mem_printf(r->mem, "%s%.8s=%.*s; Path=%s; Max-Age=%d; HttpOnly; SameSite=Lax%s",
		cookie_prefix(r), text.p, STR_ARG(text),
		c->path != NULL                    ? c->path
		: r->match.origin->path[0] != '\0' ? r->match.origin->path
						   : "/",
		COOKIE_AGE, r->match.origin->https ? "; Secure" : "")));
	r->reply.csp = page_csp_send;
	reply_set(
	    r, 200, "text/html; charset=utf-8", page_resume(r->id, mem_text(r->mem, form->target), r->mem));
	return STEP_REPLY;
}

/* At the provider where it was; else whoever is signed in at all. */
static bool
find_session_of(struct request *r, const struct kept *form)
{
	const struct conf *c = request_snap(r)->conf;
	size_t i;

	for (i = 0; i < c->n_providers; i++) {
		if (!str_is(form->idp, str_of(c->providers[i].name)))
			continue;
		request_find_session(r, &i, 1);
		if (r->found == SESSION_FOUND)
			return true;
	}
	request_find_session(r, NULL, c->n_providers);
	if (r->found != SESSION_FOUND)
		r->session = NULL;
	return r->session != NULL;
}

static enum step
gone(struct request *r)
{
	return request_refuse(
	    r, REASON_FORM_GONE, "no form is kept under this key: it was sent already, or its time is over");
}

/* --- and on ------------------------------------------------------------------- */

bool
keep_is_replay(struct request *r)
{
	struct str type = request_field(r, FIELD_CONTENT_TYPE), essence;
	unsigned char key[KEEPS_KEY];
	struct visit v;
	size_t i;

	if (r->in.method_id != METHOD_POST || r->verify != NULL ||
	    (r->in.body != BODY_NONE && r->in.body != BODY_LENGTH) || r->in.content_length > 0 ||
	    !str_next(&type, ';', &essence) || !str_is_nocase(str_trim(essence), STR("text/plain")))
		return false;
	request_visit(r, &v, r->provider);
	for (i = 0; i < v.n_cookies; i++) {
		struct str rest = v.cookies[i];

		if (next_key(&rest, cookie_prefix(r), key))
			return true;
	}
	return false;
}

/* Of the forms whose keys come along the one for this address; its empty stand-in never goes on alone. */
enum step
keep_replay(struct request *r)
{
	unsigned char key[KEEPS_KEY];
	struct visit v;
	size_t i;

	request_visit(r, &v, r->provider);
	for (i = 0; i < v.n_cookies && r->kept == NULL; i++) {
		struct str rest = v.cookies[i];

		while (r->kept == NULL && next_key(&rest, cookie_prefix(r), key)) {
			r->kept = keeps_open(r->worker->shared->keeps, key, r->now_ms / 1000, false);
			if (r->kept != NULL && !(is_of(r->kept, r->session) && is_for(r, r->kept)))
				keeps_close(&r->kept);
		}
	}
	if (r->kept == NULL)
		return gone(r);
	if (!hold(r))
		return request_refuse(
		    r, REASON_OVERLOADED, "too many kept forms are being sent; this one stays where it is");
	r->in.body = BODY_LENGTH;
	r->in.content_length = r->kept->body.n;
	log_request(LOG_LEVEL_INFO, r->id, REASON_NONE, "a kept form of %zu bytes is sent", r->kept->body.n);
	return request_pass(r);
}

/* An upstream may take its time: meanwhile the copy counts, and is wiped with the request. */
static bool
hold(struct request *r)
{
	struct lent *l = mem_zalloc(r->mem, sizeof(*l));
	size_t n = r->kept->room_size;

	mem_on_free(r->mem, close_form, r->kept);
	if (!keeps_lend(r->worker->shared->keeps, n)) {
		r->kept = NULL;
		return false;
	}
	*l = (struct lent){ r->worker->shared->keeps, n };
	mem_on_free(r->mem, lent_back, l);
	return true;
}

static void
lent_back(void *arg)
{
	const struct lent *l = arg;

	keeps_lent_back(l->keeps, l->n);
}

static bool
is_of(const struct kept *form, const struct session *s)
{
	return str_is(form->idp, s->idp) && str_is(form->sub, s->sub);
}

static bool
is_for(struct request *r, const struct kept *form)
{
	return str_is(form->host, str_of(r->match.origin->origin)) && str_is(form->target, target_of(r));
}

int
keep_next(struct request *r, struct str *data, struct err *e)
{
	struct kept *form = r->kept;
	size_t left = form->body.n - form->sent;

	if (form->sent == 0 && !keeps_drop(r->worker->shared->keeps, form->key))
		return err_set(e, REASON_FORM_GONE, "the form was sent meanwhile");
	*data = (struct str){ form->body.p + form->sent, left < PIECE ? left : PIECE };
	form->sent += data->n;
	return data->n > 0 ? 1 : -1;
}

bool
keep_is_sent(const struct request *r)
{
	return r->kept->sent == r->kept->body.n;
}

/* --- keys --------------------------------------------------------------------- */

static struct kept *
open_form(struct request *r, const unsigned char *key)
{
	struct kept *form = keeps_open(r->worker->shared->keeps, key, r->now_ms / 1000, false);

	if (form != NULL)
		mem_on_free(r->mem, close_form, form);
	return form;
}

static void
close_form(void *arg)
{
	struct kept *form = arg;

	keeps_close(&form);
}

static bool
read_key(struct str text, unsigned char key[KEEPS_KEY])
{
	return text.n == KEY_TEXT && secret_unb64(key, text) == KEEPS_KEY;
}

/* "NAME.kept-"; the first characters of the key tell the forms of several tabs apart. */
static const char *
cookie_prefix(struct request *r)
{
	return session_cookie_name(&request_snap(r)->conf->session, r->match.origin, NULL, ".kept-", r->mem);
}

/* Cut cookies off *rest up to one that holds a key. */
static bool
next_key(struct str *rest, const char *prefix, unsigned char key[KEEPS_KEY])
{
	struct str name, value;

	while (cookie_next(rest, &name, &value))
		if (str_begins(name, str_of(prefix)) && read_key(value, key))
			return true;
	return false;
}
