/* proxy/cors.c - see proxy/cors.h */
#include "conf/value.h"
#include "proxy/cors.h"

static struct str field(const struct http1_head *, struct str name);

bool
cors_applies(const struct conf_route *route)
{
	return route != NULL && route->cors_origins.n > 0;
}

bool
cors_allows(const struct conf_route *route, struct str origin)
{
	for (size_t i = 0; i < route->cors_origins.n; i++)
		if (str_is(origin, str_of(route->cors_origins.v[i])))
			return true;
	return false;
}

bool
cors_is_preflight(const struct http1_head *h)
{
	return h->method_id == METHOD_OPTIONS && h->index[FIELD_ORIGIN] != 0 &&
	       field(h, STR("Access-Control-Request-Method")).n > 0;
}

bool
cors_read_preflight(const struct http1_head *h, struct str *method, struct str *names)
{
	struct str rest, one;

	*method = field(h, STR("Access-Control-Request-Method"));
	*names = rest = field(h, STR("Access-Control-Request-Headers"));
	if (!value_is_token(*method) || names->n > CORS_HEADERS_MAX)
		return false;
	while (str_next(&rest, ',', &one))
		if (!value_is_token(str_trim(one)))
			return false;
	return true;
}

/* The only one of this name; "" when there is none, or several. */
static struct str
field(const struct http1_head *h, struct str name)
{
	struct str found = STR("");
	size_t n = 0;

	for (size_t i = 0; i < h->n_fields; i++)
		if (str_is_nocase(h->fields[i].name, name) && n++ == 0)
			found = str_trim(h->fields[i].value);
	return n == 1 ? found : STR("");
}

void
cors_put(const struct conf_route *route, struct str origin, bool ours, struct http1_out *o)
{
	if (!cors_applies(route))
		return;
	http1_put_field(o, STR("Vary"), STR("Origin"));
	if (!cors_allows(route, origin))
		return;
	http1_put_field(o, STR("Access-Control-Allow-Origin"), origin);
	if (ours)
		http1_put_field(
		    o, STR("Access-Control-Expose-Headers"), STR("WWW-Authenticate, Retry-After"));
}

bool
cors_replaces(struct str name)
{
	return str_is_nocase(name, STR("Access-Control-Allow-Origin")) ||
	       str_is_nocase(name, STR("Access-Control-Allow-Credentials"));
}
