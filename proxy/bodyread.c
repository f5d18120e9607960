/* proxy/bodyread.c - see proxy/bodyread.h */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "proxy/bodyread.h"
#include "proxy/client.h"
#include "proxy/http1.h"

#define FIRST_ROOM 2048

enum state { MORE, WHOLE, FAILED };

static bool is_type(struct str field, struct str type);
static enum step begin(struct request *, enum step then);
static enum state collect(struct request *);
static void keep(struct bodyread *, struct str, struct mem *);
static void free_room(void *);

enum step
bodyread_form(struct request *r, enum step then)
{
	if (!is_type(request_field(r, FIELD_CONTENT_TYPE), STR("application/x-www-form-urlencoded")))
		return request_refuse(
		    r, REASON_LOGIN_BAD_REQUEST, "a body that is no application/x-www-form-urlencoded");
	return begin(r, then);
}

enum step
bodyread_json(struct request *r, enum step then)
{
	if (!is_type(request_field(r, FIELD_CONTENT_TYPE), STR("application/json")))
		return request_refuse(r, REASON_BAD_TYPE, "a body that is no application/json");
	return begin(r, then);
}

/* With or without parameters behind it (RFC 9110 8.3.1). */
static bool
is_type(struct str field, struct str type)
{
	struct str essence;

	return str_next(&field, ';', &essence) && str_is_nocase(str_trim(essence), type);
}

static enum step
begin(struct request *r, enum step then)
{
	if (r->in.body == BODY_LENGTH && r->in.content_length > BODYREAD_MAX)
		return request_refuse(r, REASON_BODY_TOO_LARGE, "a body of %llu bytes; accepted: %d",
		    (unsigned long long)r->in.content_length, BODYREAD_MAX);
	r->reading = mem_zalloc(r->mem, sizeof(*r->reading));
	r->reading->then = then;
	r->reading->text = STR("");
	r->reading->most = BODYREAD_MAX;
	return STEP_READ_BODY;
}

/* What is here already may be all. */
enum step
bodyread_ask(struct request *r)
{
	if (collect(r) != MORE)
		return STEP_TAKE_BODY;
	client_want_body(r->client, true);
	return request_wait(r, STEP_TAKE_BODY);
}

enum step
bodyread_keep(struct request *r, enum step then, size_t most)
{
	struct bodyread *b = r->reading = mem_zalloc(r->mem, sizeof(*r->reading));

	b->then = then;
	b->text = STR("");
	b->most = most;
	b->outside = true;
	mem_on_free(r->mem, free_room, b);
	return STEP_READ_BODY;
}

enum step
bodyread_take(struct request *r)
{
	if (r->reading->failed)
		return request_fail(r, &r->reading->err);
	return r->reading->then; /* STEP_CALLBACK, STEP_ADMIN_REVOKE, STEP_BACKCHANNEL, STEP_KEEP */
}

static enum state
collect(struct request *r)
{
	struct bodyread *b = r->reading;
	struct str data;
	int got;

	while ((got = client_take_body(r->client, &data, &b->err)) == 1) {
		r->bytes_in += data.n;
		if (b->text.n + data.n > b->most) {
			b->over = b->outside;
			b->failed = !b->over;
			(void)err_set(
			    &b->err, REASON_BODY_TOO_LARGE, "a body of more than %zu bytes", b->most);
			return FAILED;
		}
		keep(b, data, r->mem);
		if (r->client->body.done)
			return WHOLE;
	}
	if (got == 0)
		return MORE;
	b->failed = b->err.reason != REASON_NONE;
	return b->failed ? FAILED : WHOLE;
}

/* A code is in it, so it is wiped with the request. */
static void
keep(struct bodyread *b, struct str data, struct mem *m)
{
	char *wider;

	if (b->text.n + data.n > b->cap) {
		while (b->text.n + data.n > b->cap)
			b->cap = b->cap == 0 ? FIRST_ROOM : 2 * b->cap;
		wider = b->outside ? xmalloc(b->cap) : mem_secret(m, b->cap);
		if (b->text.n > 0)
			memcpy(wider, b->text.p, b->text.n);
		if (b->outside)
			free_room(b);
		b->room = wider;
	}
	memcpy(b->room + b->text.n, data.p, data.n);
	b->text = (struct str){ b->room, b->text.n + data.n };
}

static void
free_room(void *arg)
{
	struct bodyread *b = arg;

	if (b->room == NULL)
		return;
	OPENSSL_cleanse(b->room, b->text.n);
	free(b->room);
	b->room = NULL;
}

/* --- from the client's side --- */

void
bodyread_more(struct request *r)
{
	if (collect(r) == MORE) {
		client_want_body(r->client, true);
		return;
	}
	client_want_body(r->client, false);
	request_resume(r);
}

void
bodyread_timeout(struct request *r)
{
	r->reading->failed = true;
	(void)err_set(
	    &r->reading->err, REASON_BODY_TIMEOUT, "nothing of the body came for limits.body_timeout");
	client_want_body(r->client, false);
	request_resume(r);
}
