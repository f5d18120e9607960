/* proxy/bearer.c - see proxy/bearer.h */
#include <stdlib.h>
#include <string.h>

#include "conf/sentence.h"
#include "proxy/bearer.h"
#include "session/record.h"

static bool is_b64token(struct str);
static void add_list(struct str *out, const struct str *list, size_t n, char **bytes);
static size_t list_bytes(const struct str *list, size_t n);
static int allow_user(const struct bearer_question *, struct bearer_verdict *, struct err *);
static int allow_app(const struct bearer_question *, struct bearer_verdict *, struct err *);
static int meet_client(
    const struct bearer_question *, const struct conf_client *, struct bearer_verdict *, struct err *);
static const struct conf_client *find_client(const struct bearer_question *);
static bool has(const struct str *list, size_t n, const char *one);
static bool has_all(const struct bearer *, const struct conf_strings *scopes);
static bool has_one(const struct bearer *, const struct conf_strings *roles);
static int lacks_scope(const struct bearer *, const char *where, const struct conf_strings *, struct err *);
static int lacks_role(const struct bearer *, const char *where, const struct conf_strings *, struct err *);
static void say_list(struct sentence *, const struct str *, size_t);
static void say_names(struct sentence *, const struct conf_strings *, const char *between);
static void say_rights(struct sentence *, const struct bearer_refusal *);
static const char *error_of(enum reason);
static const char *description(const struct bearer_refusal *, struct mem *);

/* --- what was sent --------------------------------------------------------- */

enum bearer_sent
bearer_read(struct str authorization, struct str *token)
{
	static const struct str scheme = { "Bearer", 6 };
	struct str s = str_trim(authorization);

	*token = STR("");
	if (s.n < scheme.n || !str_is_nocase((struct str){ s.p, scheme.n }, scheme))
		return BEARER_NONE;
	s = str_from(s, scheme.n);
	if (s.n > 0 && s.p[0] != ' ')
		return s.p[0] == '\t' || s.p[0] == ',' ? BEARER_BROKEN
						       : BEARER_NONE; /* "Bearerx": another scheme */
	while (s.n > 0 && s.p[0] == ' ')
		s = str_from(s, 1);
	if (!is_b64token(s))
		return BEARER_BROKEN;
	*token = s;
	return BEARER_SENT;
}

/* RFC 6750 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static bool
is_b64token(struct str s)
{
	static const bool is_one[256] = {
		['a' ... 'z'] = true,
		['A' ... 'Z'] = true,
		['0' ... '9'] = true,
		['-'] = true,
		['.'] = true,
		['_'] = true,
		['~'] = true,
		['+'] = true,
		['/'] = true,
	};
	size_t i = 0;

	/* Four at once: every request of a program comes through here. */
	while (i + 4 <= s.n && (is_one[(unsigned char)s.p[i]] & is_one[(unsigned char)s.p[i + 1]] &
				   is_one[(unsigned char)s.p[i + 2]] & is_one[(unsigned char)s.p[i + 3]]))
		i += 4;
	while (i < s.n && is_one[(unsigned char)s.p[i]])
		i++;
	if (i == 0)
		return false;
	while (i < s.n && s.p[i] == '=')
		i++;
	return i == s.n;
}

/* --- what it says ----------------------------------------------------------- */

struct bearer *
bearer_new(const struct principal *p, size_t provider, const struct conf_strings *needed, struct mem *m,
    struct err *e)
{
	struct bearer *b = mem_zalloc(m, sizeof(*b));
	struct session *who = mem_zalloc(m, sizeof(*who));
	struct session_claim *claims = mem_zalloc(m, needed->n * sizeof(*claims));

	for (size_t i = 0; i < needed->n; i++) {
		const json_t *value = principal_claim(p, needed->v[i]);

		if (value == NULL)
			continue;
		if (!record_claim(needed->v[i], value, m, &claims[who->n_claims++])) {
			(void)err_set(e, REASON_TOKEN_CLAIM,
			    "access token: the claim %s has control characters, and a rule or header of a "
			    "route needs it",
			    needed->v[i]);
			return NULL;
		}
	}
	*who = (struct session){
		.iss = p->issuer,
		.aud = STR(""),
		.sub = p->subject,
		.username = p->username,
		.idp = STR(""),
		.sid = STR(""),
		.op_sid = STR(""),
		.app_id = STR(""),
		.scopes = STR(""),
		.exp = p->times.expires,
		.claims = claims,
		.n_claims = who->n_claims,
	};
	*b = (struct bearer){
		.kind = p->kind,
		.provider = provider,
		.who = who,
		.app_id = p->app_id,
		.scopes = p->scopes,
		.roles = p->roles,
		.n_scopes = p->n_scopes,
		.n_roles = p->n_roles,
		.times = p->times,
	};
	return b;
}

const struct bearer *
bearer_of_session(const struct session *s, size_t provider, struct mem *m)
{
	struct bearer *b = mem_zalloc(m, sizeof(*b));
	struct str *scopes = mem_alloc(m, (s->scopes.n / 2 + 1) * sizeof(*scopes)), rest = s->scopes, one;

	while (str_next(&rest, ' ', &one))
		if (one.n > 0)
			scopes[b->n_scopes++] = one;
	b->kind = PRINCIPAL_USER;
	b->provider = provider;
	b->who = s;
	b->app_id = s->app_id;
	b->scopes = scopes;
	b->times = (struct accesstoken_times){ s->iat, s->exp };
	return b;
}

size_t
bearer_size(const struct bearer *b)
{
	/* The session begins where the lists end, and needs its alignment. */
	return sizeof(*b) + (b->n_scopes + b->n_roles) * sizeof(struct str) + record_size(b->who) +
	       list_bytes(b->scopes, b->n_scopes) + list_bytes(b->roles, b->n_roles) + b->app_id.n + 1;
}

/* The structs first, for their alignment, and all bytes behind them. */
const struct bearer *
bearer_copy(void *at, const struct bearer *b)
{
	struct bearer *out = at;
	struct str *lists = (struct str *)(out + 1);
	char *who = (char *)(lists + b->n_scopes + b->n_roles), *bytes = who + record_size(b->who);

	*out = *b;
	out->who = record_copy(who, b->who);
	out->scopes = lists;
	add_list(lists, b->scopes, b->n_scopes, &bytes);
	out->roles = lists + b->n_scopes;
	add_list(lists + b->n_scopes, b->roles, b->n_roles, &bytes);
	add_list(&out->app_id, &b->app_id, 1, &bytes);
	return out;
}

static void
add_list(struct str *out, const struct str *list, size_t n, char **bytes)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].n > 0)
			memcpy(*bytes, list[i].p, list[i].n);
		(*bytes)[list[i].n] = '\0';
		out[i] = (struct str){ *bytes, list[i].n };
		*bytes += list[i].n + 1;
	}
}

static size_t
list_bytes(const struct str *list, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += list[i].n + 1;
	return bytes;
}

/* --- may it ------------------------------------------------------------------ */

int
bearer_allows(const struct bearer_question *q, struct bearer_verdict *out, struct err *e)
{
	*out = (struct bearer_verdict){ .who = q->bearer->who, .username = q->bearer->who->username };
	if ((q->bearer->kind == PRINCIPAL_APP ? allow_app(q, out, e) : allow_user(q, out, e)) < 0)
		return -1;
	return access_allows(q->access, q->conf, q->route, out->who, q->mem, &out->username, e);
}

/* A client section never counts here: of a user's token the application is only the way it came. */
static int
allow_user(const struct bearer_question *q, struct bearer_verdict *out, struct err *e)
{
	const struct conf_route *route = &q->conf->routes[q->route];

	if (has_all(q->bearer, &route->scopes))
		return 0;
	out->required = &route->scopes;
	return lacks_scope(q->bearer, mem_printf(q->mem, "route \"%s\"", route->title), &route->scopes, e);
}

static int
allow_app(const struct bearer_question *q, struct bearer_verdict *out, struct err *e)
{
	const struct conf_route *route = &q->conf->routes[q->route];
	const struct conf_client *client = find_client(q);
	struct session *who;

	if (client == NULL)
		return err_set(e, REASON_CLIENT_UNKNOWN,
		    "no client section has client_id = \"%.*s\", for which this token was issued",
		    STR_ARG(q->bearer->app_id));
	if (!client->active)
		return err_set(e, REASON_CLIENT_INACTIVE, "client \"%s\" has active = no", client->name);
	if (route->app_roles.n > 0 && !has_one(q->bearer, &route->app_roles)) {
		out->required = &route->app_roles;
		return lacks_role(
		    q->bearer, mem_printf(q->mem, "route \"%s\"", route->title), &route->app_roles, e);
	}
	if (meet_client(q, client, out, e) < 0)
		return -1;
	who = mem_alloc(q->mem, sizeof(*who));
	*who = *q->bearer->who;
	who->username = str_of(client->username);
	out->who = who;
	out->username = who->username;
	return 0;
}

/* Somebody has to demand something: an issuer like Entra gives any program of the tenant a token for us. */
static int
meet_client(const struct bearer_question *q, const struct conf_client *client, struct bearer_verdict *out,
    struct err *e)
{
	const struct conf_route *route = &q->conf->routes[q->route];
	const char *where = mem_printf(q->mem, "client \"%s\"", client->name);

	if (route->app_roles.n == 0 && client->scopes.n == 0 && client->app_roles.n == 0)
		return err_set(e, REASON_ROLE_MISSING,
		    "neither route \"%s\" nor client \"%s\" demands app_roles or scopes, so nothing lets a "
		    "program in",
		    route->title, client->name);
	if (!has_all(q->bearer, &client->scopes)) {
		out->required = &client->scopes;
		return lacks_scope(q->bearer, where, &client->scopes, e);
	}
	if (client->app_roles.n > 0 && !has_one(q->bearer, &client->app_roles)) {
		out->required = &client->app_roles;
		return lacks_role(q->bearer, where, &client->app_roles, e);
	}
	return 0;
}

static const struct conf_client *
find_client(const struct bearer_question *q)
{
	for (size_t i = 0; i < q->conf->n_clients; i++) {
		const struct conf_client *c = &q->conf->clients[i];

		if (c->provider == q->bearer->provider && str_is(q->bearer->app_id, str_of(c->client_id)))
			return c;
	}
	return NULL;
}

static bool
has(const struct str *list, size_t n, const char *one)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(list[i], str_of(one)))
			return true;
	return false;
}

static bool
has_all(const struct bearer *b, const struct conf_strings *scopes)
{
	for (size_t i = 0; i < scopes->n; i++)
		if (!has(b->scopes, b->n_scopes, scopes->v[i]))
			return false;
	return true;
}

static bool
has_one(const struct bearer *b, const struct conf_strings *roles)
{
	for (size_t i = 0; i < roles->n; i++)
		if (has(b->roles, b->n_roles, roles->v[i]))
			return true;
	return false;
}

/* --- what was lacking ---------------------------------------------------------- */

static int
lacks_scope(const struct bearer *b, const char *where, const struct conf_strings *required, struct err *e)
{
	struct sentence w = { .n = 0 };

	sentence_say(&w, "%.60s demands the scopes ", where);
	say_names(&w, required, " ");
	sentence_say(&w, "; the token%s%.40s has ", b->app_id.n > 0 ? " of application " : "", b->app_id.p);
	say_list(&w, b->scopes, b->n_scopes);
	return err_set(e, REASON_SCOPE_MISSING, "%s", w.text);
}

static int
lacks_role(const struct bearer *b, const char *where, const struct conf_strings *required, struct err *e)
{
	struct sentence w = { .n = 0 };

	sentence_say(&w, "%.60s demands one of the app roles ", where);
	say_names(&w, required, ", ");
	sentence_say(&w, "; the token of application %.40s has ", b->app_id.p);
	say_list(&w, b->roles, b->n_roles);
	return err_set(e, REASON_ROLE_MISSING, "%s", w.text);
}

static void
say_rights(struct sentence *w, const struct bearer_refusal *f)
{
	const struct bearer *b = f->bearer;

	if (b == NULL || (f->why != REASON_SCOPE_MISSING && f->why != REASON_ROLE_MISSING))
		return;
	sentence_say(w, "; the token has: ");
	if (f->why == REASON_SCOPE_MISSING)
		say_list(w, b->scopes, b->n_scopes);
	else
		say_list(w, b->roles, b->n_roles);
}

static void
say_names(struct sentence *w, const struct conf_strings *names, const char *between)
{
	for (size_t i = 0; i < names->n; i++)
		sentence_say(w, "%s%.60s", i == 0 ? "" : between, names->v[i]);
}

static void
say_list(struct sentence *w, const struct str *list, size_t n)
{
	if (n == 0)
		sentence_say(w, "none");
	for (size_t i = 0; i < n; i++)
		sentence_say(
		    w, "%s%.*s", i == 0 ? "" : ", ", list[i].n > 60 ? 60 : (int)list[i].n, list[i].p);
}

/* --- the answer: RFC 6750 3 ------------------------------------------------------ */

int
bearer_status(enum reason why)
{
	return strncmp(reason_word(why), "token_", 6) == 0 ? 401 : reason_status(why);
}

/* 3.1: without credentials no error at all. */
static const char *
error_of(enum reason why)
{
	if (why == REASON_BEARER_MISSING)
		return NULL;
	switch (bearer_status(why)) {
	case 400:
		return "invalid_request";
	case 401:
		return "invalid_token";
	default:
		return "insufficient_scope";
	}
}

/*
 * Our own words about what is wrong, what was required, and what of that kind
 * the token has: whoever brought it can read it anyway.  Nothing else of it.
 */
static const char *
description(const struct bearer_refusal *f, struct mem *m)
{
	struct sentence w = { .n = 0 };

	sentence_say(&w, "%s", reason_meaning(f->why));
	if (f->required != NULL && f->required->n > 0) {
		sentence_say(&w, f->why == REASON_ROLE_MISSING ? "; required is one of: " : "; required: ");
		say_names(&w, f->required, ", ");
		say_rights(&w, f);
	}
	/* 3: %x20-21 / %x23-5B / %x5D-7E */
	for (char *p = w.text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e || *p == '"' || *p == '\\')
			*p = '?';
	return mem_strdup(m, w.text);
}

struct str
bearer_challenge(const struct bearer_refusal *f, struct mem *m)
{
	const char *error = error_of(f->why), *scope = "";
	size_t n = 0;

	/* A name that no scope may be (RFC 6749 3.3) stands in the description alone. */
	for (size_t i = 0; f->required != NULL && i < f->required->n; i++) {
		const char *name = f->required->v[i], *p = name;

		while (*p > ' ' && *p < 0x7f && *p != '"' && *p != '\\')
			p++;
		if (*p == '\0' && p > name)
			scope = mem_printf(m, "%s%s%s", scope, n++ == 0 ? "" : " ", name);
	}
	return str_of(mem_printf(m, "Bearer realm=\"%s\"%s%s%s%s%s%s%s%s", f->realm,
	    error == NULL ? "" : ", error=\"", error == NULL ? "" : error,
	    error == NULL ? "" : "\", error_description=\"", error == NULL ? "" : description(f, m),
	    error == NULL ? "" : "\"", n == 0 ? "" : ", scope=\"", scope, n == 0 ? "" : "\""));
}

struct str
bearer_json(const struct bearer_refusal *f, const char *request_id, struct mem *m)
{
	/* Of all three only plain ASCII without quotes and backslashes is left. */
	return str_of(mem_printf(m, "{\"error\":\"%s\",\"error_description\":\"%s\",\"request_id\":\"%s\"}",
	    reason_word(f->why), description(f, m), request_id));
}
