/* proxy/forward_look.c - who speaks to us, and how; see forward_look() in proxy/forward.h */
#include <arpa/inet.h>
#include <string.h>

#include "proxy/client.h"
#include "proxy/forward.h"

#define REQUEST_ID_MAX 64

static void look_through(struct request *);
static void believe_proto(struct request *, struct str);
static struct str forwarded_param(struct str, struct str);
static bool parse_address(struct str, struct in6_addr *);
static void take_id(struct request *);

void
forward_look(struct request *r)
{
	r->addr = r->client->peer;
	r->https = r->client->tls;
	r->trusted = client_is_trusted(r->client, request_snap(r)->conf);
	if (r->trusted)
		look_through(r);
	take_id(r);
}

/*
 * From the right, the first address that is no trusted proxy is the client.
 * X-Forwarded-For and -Proto where there are any, else Forwarded (RFC 7239).
 */
static void
look_through(struct request *r)
{
	const struct conf_peers *trusted = &request_snap(r)->conf->trusted_proxies;
	enum field_id id = r->in.index[FIELD_X_FORWARDED_FOR] != 0 ? FIELD_X_FORWARDED_FOR : FIELD_FORWARDED;
	size_t i;

	believe_proto(r, request_field(r, FIELD_X_FORWARDED_PROTO));
	for (i = r->in.n_fields; i-- > 0;) {
		struct str list = r->in.fields[i].value;

		if (r->in.fields[i].id != id)
			continue;
		while (list.n > 0) {
			const char *comma = memrchr(list.p, ',', list.n);
			struct str last = comma == NULL ? list : str_from(list, (size_t)(comma + 1 - list.p));
			struct in6_addr a;

			if (id == FIELD_FORWARDED && r->in.index[FIELD_X_FORWARDED_PROTO] == 0)
				believe_proto(r, forwarded_param(last, STR("proto")));
			if (!parse_address(
				id == FIELD_FORWARDED ? forwarded_param(last, STR("for")) : str_trim(last),
				&a))
				return;
			r->addr = a;
			if (!conf_peers_has(trusted, &a))
				return;
			list.n = comma == NULL ? 0 : (size_t)(comma - list.p); /* on, to the field before */
		}
	}
}

static void
believe_proto(struct request *r, struct str proto)
{
	if (str_is_nocase(proto, STR("https")) || str_is_nocase(proto, STR("http")))
		r->https = proto.n == 5;
}

/* One parameter of an element: for="[2001:db8::1]:4711";proto=https; "" when it is not there. */
static struct str
forwarded_param(struct str element, struct str name)
{
	struct str pair, key;

	while (str_next(&element, ';', &pair)) {
		pair = str_trim(pair);
		if (!str_next(&pair, '=', &key) || !str_is_nocase(str_trim(key), name))
			continue;
		pair = str_trim(pair);
		if (pair.n >= 2 && pair.p[0] == '"' && pair.p[pair.n - 1] == '"')
			pair = (struct str){ pair.p + 1, pair.n - 2 };
		return pair;
	}
	return STR("");
}

/* "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]:443" */
static bool
parse_address(struct str s, struct in6_addr *out)
{
	char text[64];
	char *end;
	struct in_addr v4;

	if (s.n == 0 || s.n >= sizeof(text))
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	if (text[0] == '[') {
		end = strchr(text, ']');
		if (end == NULL)
			return false;
		*end = '\0';
		return inet_pton(AF_INET6, text + 1, out) == 1;
	}
	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	end = strchr(text, ':');
	if (end != NULL)
		*end = '\0';
	if (inet_pton(AF_INET, text, &v4) != 1)
		return false;
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &v4, 4);
	return true;
}

static void
take_id(struct request *r)
{
	struct str id = request_field(r, FIELD_X_REQUEST_ID);
	size_t i;

	if (!r->trusted || id.n == 0 || id.n > REQUEST_ID_MAX) {
		worker_new_id(r->worker, r->id);
		return;
	}
	for (i = 0; i < id.n; i++) {
		if (strchr("-_.=+/:@", id.p[i]) == NULL && !(id.p[i] >= '0' && id.p[i] <= '9') &&
		    !((id.p[i] | 32) >= 'a' && (id.p[i] | 32) <= 'z')) {
			worker_new_id(r->worker, r->id);
			return;
		}
	}
	memcpy(r->id, id.p, id.n);
	r->id[id.n] = '\0';
}
