/* session/record.c - see session/record.h */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "session/record.h"

static char *key_of(const char *name);
static bool is_named(const struct record_names *, const char *);
static void set_text(json_t *, const char *key, struct str);
static void set_number(json_t *, const char *key, int64_t);
static void set_ours(json_t *, const struct session *);
static void set_claims(json_t *, const struct record_names *, const struct identity *);
static json_t *kept_of(const struct record_name *, const json_t *);
static struct str finish(json_t *, struct mem *);
static bool read_ours(const json_t *, struct mem *, struct session *);
static bool get_text(const json_t *, const char *key, struct mem *, struct str *);
static bool get_number(const json_t *, const char *key, int64_t *);
static const char *read_claims(const json_t *, const struct record_names *, struct mem *, struct session *);
static struct str text_of(const json_t *, struct mem *);
static struct str dump(const json_t *, size_t flags, struct mem *);
static struct str join(const struct str *, size_t, struct mem *);
static bool has_control(struct str);
static void move(struct str *, char **);

/* The names that have a meaning of their own in the token.  `sub` has the same meaning in both. */
static const char *const ours[] = { "iss", "aud", "username", "sid", "op_sid", "idp", "sst", "auth_time",
	"iat", "exp", "refresh_at", "tokens_end", "turn", "end", "client_id", "scope" };

void
record_names_init(struct record_names *names, const struct conf_strings *needed)
{
	size_t i;

	names->n = 0;
	names->v = xcalloc(needed->n, sizeof(*names->v));
	for (i = 0; i < needed->n; i++) {
		if (is_named(names, needed->v[i]))
			continue;
		names->v[names->n].name = xstrdup(needed->v[i]);
		names->v[names->n++].key = key_of(needed->v[i]);
	}
}

void
record_names_release(struct record_names *names)
{
	size_t i;

	for (i = 0; i < names->n; i++) {
		free(names->v[i].name);
		free(names->v[i].key);
	}
	free(names->v);
	names->v = NULL;
	names->n = 0;
}

static bool
is_named(const struct record_names *names, const char *name)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (strcmp(names->v[i].name, name) == 0)
			return true;
	return false;
}

/*
 * A claim op_aud of the provider becomes op_op_aud, since op_aud is where its
 * aud is: no two names share a key.  Its sid meets our op_sid, which is it.
 */
static char *
key_of(const char *name)
{
	const char *rest = name;
	size_t i;

	for (;;) {
		for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
			if (strcmp(rest, ours[i]) == 0)
				return xprintf("op_%s", name);
		if (strncmp(rest, "op_", 3) != 0)
			return xstrdup(name);
		rest += 3;
	}
}

struct str
record_print(
    const struct record_names *names, const struct session *s, const struct identity *who, struct mem *m)
{
	json_t *j = json_object();

	set_ours(j, s);
	set_claims(j, names, who);
	return finish(j, m);
}

struct str
record_reprint(const struct record_names *names, const struct session *s, struct str older, struct mem *m)
{
	json_t *j = json_object(), *was = json_loadb(older.p, older.n, 0, NULL);
	size_t i;

	set_ours(j, s);
	for (i = 0; i < names->n; i++) {
		const char *key = names->v[i].key;
		json_t *claim = json_object_get(was, key);

		if (claim != NULL && json_object_get(j, key) == NULL)
			(void)json_object_set(j, key, claim);
	}
	json_decref(was);
	return finish(j, m);
}

static void
set_ours(json_t *j, const struct session *s)
{
	set_text(j, "iss", s->iss);
	set_text(j, "aud", s->aud);
	set_text(j, "sub", s->sub);
	set_text(j, "username", s->username);
	set_text(j, "sid", s->sid);
	if (s->op_sid.n > 0)
		set_text(j, "op_sid", s->op_sid);
	set_text(j, "idp", s->idp);
	set_number(j, "sst", s->sst);
	if (s->auth_time > 0)
		set_number(j, "auth_time", s->auth_time);
	set_number(j, "iat", s->iat);
	set_number(j, "exp", s->exp);
	if (s->refresh_at > 0) {
		set_number(j, "refresh_at", s->refresh_at);
		set_number(j, "tokens_end", s->tokens_end);
	}
	if (s->turn > 0)
		set_number(j, "turn", s->turn);
	if (s->end != s->exp)
		set_number(j, "end", s->end);
	if (s->app_id.n > 0)
		set_text(j, "client_id", s->app_id);
	if (s->scopes.n > 0)
		set_text(j, "scope", s->scopes);
}

/* Somebody in a thousand groups, of which rules name three, takes three of them along. */
static json_t *
kept_of(const struct record_name *name, const json_t *claim)
{
	json_t *kept;
	size_t i, k;

	if (name->only.n == 0 || !json_is_array(claim))
		return json_deep_copy(claim);
	kept = json_array();
	for (i = 0; i < json_array_size(claim); i++) {
		json_t *one = json_array_get(claim, i);
		bool named = !json_is_string(one);

		for (k = 0; k < name->only.n && !named; k++)
			named = strcmp(json_string_value(one), name->only.v[k]) == 0;
		if (named)
			(void)json_array_append_new(kept, json_deep_copy(one));
	}
	return kept;
}

static struct str
finish(json_t *j, struct mem *m)
{
	struct str text = dump(j, JSON_COMPACT, m);

	json_decref(j);
	return text;
}

/* A text that is not UTF-8 is left out; record_parse() then misses it. */
static void
set_text(json_t *j, const char *key, struct str text)
{
	(void)json_object_set_new(j, key, json_stringn(text.p, text.n));
}

static void
set_number(json_t *j, const char *key, int64_t number)
{
	(void)json_object_set_new(j, key, json_integer(number));
}

static void
set_claims(json_t *j, const struct record_names *names, const struct identity *who)
{
	size_t i;

	for (i = 0; i < names->n; i++) {
		const json_t *claim = identity_claim(who, names->v[i].name);
		const char *key = names->v[i].key;

		if (claim == NULL || json_is_null(claim))
			continue;
		if (strcmp(key, "op_sid") != 0 && json_object_get(j, key) == NULL)
			(void)json_object_set_new(j, key, kept_of(&names->v[i], claim));
	}
}

const struct session *
record_parse(const struct record_names *names, struct str json, struct mem *m, const char **unfit)
{
	json_t *j = json_loadb(json.p == NULL ? "" : json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
	struct session *s = mem_zalloc(m, sizeof(*s));
	bool ok;

	*unfit = NULL;
	ok = json_is_object(j) && read_ours(j, m, s);
	if (ok)
		*unfit = has_control(s->username) ? "username" : read_claims(j, names, m, s);
	json_decref(j);
	return ok && *unfit == NULL ? s : NULL;
}

static bool
read_ours(const json_t *j, struct mem *m, struct session *s)
{
	bool ok = get_text(j, "iss", m, &s->iss) && get_text(j, "aud", m, &s->aud) &&
		  get_text(j, "sub", m, &s->sub) && get_text(j, "username", m, &s->username) &&
		  get_text(j, "sid", m, &s->sid) && s->sid.n == RECORD_SID &&
		  get_text(j, "idp", m, &s->idp) && get_number(j, "sst", &s->sst) &&
		  get_number(j, "iat", &s->iat) && get_number(j, "exp", &s->exp);

	s->op_sid = s->app_id = s->scopes = STR("");
	if (json_object_get(j, "client_id") != NULL)
		ok = ok && get_text(j, "client_id", m, &s->app_id);
	if (json_object_get(j, "scope") != NULL)
		ok = ok && get_text(j, "scope", m, &s->scopes);
	if (json_object_get(j, "op_sid") != NULL)
		ok = ok && get_text(j, "op_sid", m, &s->op_sid);
	if (json_object_get(j, "auth_time") != NULL)
		ok = ok && get_number(j, "auth_time", &s->auth_time);
	if (json_object_get(j, "refresh_at") != NULL)
		ok = ok && get_number(j, "refresh_at", &s->refresh_at) &&
		     get_number(j, "tokens_end", &s->tokens_end);
	if (json_object_get(j, "turn") != NULL)
		ok = ok && get_number(j, "turn", &s->turn);
	s->end = s->exp;
	if (json_object_get(j, "end") != NULL)
		ok = ok && get_number(j, "end", &s->end) && s->end >= s->exp;
	return ok;
}

static bool
get_text(const json_t *j, const char *key, struct mem *m, struct str *out)
{
	const json_t *v = json_object_get(j, key);

	if (!json_is_string(v) || json_string_length(v) == 0)
		return false;
	*out = text_of(v, m);
	return true;
}

static bool
get_number(const json_t *j, const char *key, int64_t *out)
{
	const json_t *v = json_object_get(j, key);

	*out = json_integer_value(v);
	return json_is_integer(v) && *out >= 0 && *out <= RECORD_TIME_MAX;
}

/* Returns the name of a claim that no header can hold, NULL when all is well. */
static const char *
read_claims(const json_t *j, const struct record_names *names, struct mem *m, struct session *s)
{
	struct session_claim *claims = mem_zalloc(m, names->n * sizeof(*claims));
	size_t i, n = 0;

	for (i = 0; i < names->n; i++) {
		const json_t *v = json_object_get(j, names->v[i].key);

		if (v == NULL || json_is_null(v))
			continue;
		if (!record_claim(names->v[i].name, v, m, &claims[n++]))
			return names->v[i].name;
	}
	s->claims = claims;
	s->n_claims = n;
	return NULL;
}

bool
record_claim(const char *name, const json_t *v, struct mem *m, struct session_claim *out)
{
	struct str *elements;
	size_t i;

	out->name = mem_str(m, str_of(name));
	out->n_elements = json_is_array(v) ? json_array_size(v) : 1;
	out->elements = elements = mem_zalloc(m, out->n_elements * sizeof(*elements));
	for (i = 0; i < out->n_elements; i++)
		elements[i] = text_of(json_is_array(v) ? json_array_get(v, i) : v, m);
	out->value = json_is_array(v) ? join(elements, out->n_elements, m) : elements[0];
	return !has_control(out->value);
}

/* A string is its own text; everything else is compact JSON. */
static struct str
text_of(const json_t *v, struct mem *m)
{
	if (json_is_string(v))
		return mem_str(m, (struct str){ json_string_value(v), json_string_length(v) });
	return dump(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15), m);
}

static struct str
dump(const json_t *j, size_t flags, struct mem *m)
{
	size_t n = json_dumpb(j, NULL, 0, flags);
	char *text = mem_alloc(m, n + 1);

	n = json_dumpb(j, text, n, flags);
	text[n] = '\0';
	return (struct str){ text, n };
}

static struct str
join(const struct str *elements, size_t n_elements, struct mem *m)
{
	size_t i, k, n = 0;
	char *text;

	for (i = 0; i < n_elements; i++)
		n += 3 * elements[i].n + 1;
	text = mem_alloc(m, n + 1);
	for (i = n = 0; i < n_elements; i++) {
		if (i > 0)
			text[n++] = ',';
		for (k = 0; k < elements[i].n; k++) {
			if (elements[i].p[k] == ',') {
				memcpy(text + n, "%2C", 3);
				n += 3;
			} else {
				text[n++] = elements[i].p[k];
			}
		}
	}
	text[n] = '\0';
	return (struct str){ text, n };
}

/* C0 and DEL, and C1 in UTF-8: nothing of a header (RFC 9110 5.5), nor of a name that somebody reads. */
static bool
has_control(struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
			return true;
	}
	return false;
}

size_t
record_size(const struct session *s)
{
	const struct str all[] = { s->iss, s->aud, s->sub, s->username, s->idp, s->sid, s->op_sid, s->app_id,
		s->scopes };
	size_t n = sizeof(*s) + s->n_claims * sizeof(*s->claims), i, k;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		n += all[i].n + 1;
	for (i = 0; i < s->n_claims; i++) {
		const struct session_claim *c = &s->claims[i];

		n += c->name.n + 1 + c->value.n + 1 + c->n_elements * sizeof(*c->elements);
		for (k = 0; k < c->n_elements; k++)
			n += c->elements[k].n + 1;
	}
	return n;
}

/* The structs first, for their alignment, and all bytes behind them. */
const struct session *
record_copy(void *at, const struct session *s)
{
	struct session *out = at;
	struct session_claim *claims = (struct session_claim *)(out + 1);
	struct str *elements = (struct str *)(claims + s->n_claims);
	struct str *own[] = { &out->iss, &out->aud, &out->sub, &out->username, &out->idp, &out->sid,
		&out->op_sid, &out->app_id, &out->scopes };
	size_t n_elements = 0, i, k;
	char *bytes;

	for (i = 0; i < s->n_claims; i++)
		n_elements += s->claims[i].n_elements;
	bytes = (char *)(elements + n_elements);
	*out = *s;
	out->claims = claims;
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		move(own[i], &bytes);
	for (i = 0; i < s->n_claims; i++) {
		claims[i] = s->claims[i];
		move(&claims[i].name, &bytes);
		move(&claims[i].value, &bytes);
		claims[i].elements = elements;
		for (k = 0; k < claims[i].n_elements; k++) {
			elements[k] = s->claims[i].elements[k];
			move(&elements[k], &bytes);
		}
		elements += k;
	}
	return out;
}

static void
move(struct str *s, char **bytes)
{
	if (s->n > 0)
		memcpy(*bytes, s->p, s->n);
	s->p = *bytes;
	(*bytes)[s->n] = '\0';
	*bytes += s->n + 1;
}
