/* oidc/introspection.c - see oidc/introspection.h */
#include <strings.h>

#include <jansson.h>

#include "oidc/introspection.h"
#include "oidc/jose.h"

static int judge_status(const struct introspection_answer *, struct err *);
static int judge_type(struct str type, struct err *);
static int judge_active(const json_t *, struct err *);

int
introspection_judge(const struct introspection_answer *a, struct err *e)
{
	json_t *o;
	int r;

	if (judge_status(a, e) < 0 || judge_type(a->type, e) < 0)
		return err_in(e, "introspection endpoint");
	o = jose_json(a->body, INTROSPECTION_ANSWER_MAX, REASON_PROVIDER_ANSWER, e);
	if (o == NULL)
		return err_in(e, "introspection endpoint: the answer");
	r = judge_active(o, e);
	json_decref(o);
	return r;
}

/* RFC 7662 2.3: a token that is not known is no error, so an error is about us. */
static int
judge_status(const struct introspection_answer *a, struct err *e)
{
	if (a->status == 200)
		return 0;
	if (a->status == 429 || a->status >= 500)
		return err_set(
		    e, REASON_PROVIDER_STATUS, "HTTP %d: the provider is in trouble, or busy", a->status);
	return err_set(e, REASON_PROVIDER_STATUS,
	    "HTTP %d: it refuses to answer us; check provider.introspection_endpoint, client_id, "
	    "client_secret and token_endpoint_auth_method, and whether this client may introspect",
	    a->status);
}

/* RFC 9701: nobody asked for it (Accept), and nothing here verifies it. */
static int
judge_type(struct str type, struct err *e)
{
	static const struct str jwt = { "application/token-introspection+jwt", 35 },
				plain = { "application/jwt", 15 };

	if ((type.n >= jwt.n && strncasecmp(type.p, jwt.p, jwt.n) == 0) ||
	    (type.n >= plain.n && strncasecmp(type.p, plain.p, plain.n) == 0))
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "a signed answer (%s); let the provider send plain JSON to this client", jwt.p);
	return 0;
}

/* 2.2: REQUIRED, a boolean.  A text that says "true" is not one. */
static int
judge_active(const json_t *o, struct err *e)
{
	const json_t *active = json_object_get(o, "active");

	if (!json_is_boolean(active))
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "introspection endpoint: active is missing, or neither true nor false");
	if (!json_is_true(active))
		return err_set(e, REASON_TOKEN_INACTIVE,
		    "access token: the provider says that it is not active: unknown, expired, revoked, or "
		    "not "
		    "for us to know");
	return 0;
}
