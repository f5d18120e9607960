/* proxy/usertokens.c - see proxy/usertokens.h */
#include "proxy/bearer.h"
#include "proxy/usertokens.h"

bool
usertokens_are_wanted(const struct request *r)
{
	const struct conf_route *route = r->match.route;

	return (route->access_token_header != NULL || route->id_token_header != NULL) && r->session != NULL &&
	       r->usertokens == NULL;
}

/* A provider's token that came with the request is it; else what the store has for the session. */
enum step
usertokens_ask(struct request *r)
{
	struct visit v;
	struct err e;

	r->usertokens = mem_zalloc(r->mem, sizeof(*r->usertokens));
	if (r->session->sid.n == 0) {
		r->usertokens->access = bearer_token(r);
		return STEP_ASK_UPSTREAM;
	}
	request_visit(r, &v, r->provider);
	switch (store_ask_get(request_snap(r)->store, &v, r->session->sid, request_wake, r, &r->store, &e)) {
	case STORE_READY:
		return STEP_TAKE_USER_TOKENS;
	case STORE_WAIT:
		return request_wait(r, STEP_TAKE_USER_TOKENS);
	case STORE_FAILED:
		break;
	}
	return request_fail(r, &e);
}

enum step
usertokens_take(struct request *r)
{
	struct tokens stored;
	struct err e;

	if (store_take_get(&r->store, r->mem, &stored, &e) == -1)
		return request_fail(r, &e);
	r->usertokens->access = stored.access_token;
	r->usertokens->id = stored.id_token;
	return STEP_ASK_UPSTREAM;
}

void
usertokens_put(const struct request *r, struct http1_out *o)
{
	const struct conf_route *route = r->match.route;

	if (route->access_token_header != NULL && r->usertokens->access.n > 0)
		http1_put_field(o, str_of(route->access_token_header), r->usertokens->access);
	if (route->id_token_header != NULL && r->usertokens->id.n > 0)
		http1_put_field(o, str_of(route->id_token_header), r->usertokens->id);
}
