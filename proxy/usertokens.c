/* proxy/usertokens.c - see proxy/usertokens.h */
#include "proxy/bearer.h"
#include "proxy/headers.h"
#include "proxy/usertokens.h"

/* A provider's token that came with the request is it; else what the store has for the session. */
enum step
usertokens_ask(struct request *r)
{
	struct visit v;
	struct err e;

	r->usertokens = mem_zalloc(r->mem, sizeof(*r->usertokens));
	if (r->session->sid.n == 0) {
		r->usertokens->access = bearer_token(r);
		return request_pass(r);
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
	return request_pass(r);
}

struct str
usertokens_value(const struct request *r, const char *header)
{
	const struct conf_route *route = r->match.route;

	if (r->usertokens == NULL)
		return STR("");
	if (route->access_token_header != NULL &&
	    headers_same(str_of(route->access_token_header), str_of(header)))
		return r->usertokens->access;
	if (route->id_token_header != NULL && headers_same(str_of(route->id_token_header), str_of(header)))
		return r->usertokens->id;
	return STR("");
}

void
usertokens_put(const struct request *r, struct http1_out *o)
{
	const char *const headers[] = { r->match.route->access_token_header,
		r->match.route->id_token_header };

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct str value = headers[i] == NULL ? STR("") : usertokens_value(r, headers[i]);

		if (value.n > 0)
			http1_put_field(o, str_of(headers[i]), value);
	}
}
