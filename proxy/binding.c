/* proxy/binding.c - see proxy/binding.h */
#include <string.h>

#include "conf/secret.h"
#include "proxy/binding.h"
#include "session/cookie.h"

#define ID_SIZE 16
#define ID_TEXT 22

static bool read_value(struct str, int64_t, struct binding *);
static bool read_number(struct str *, int64_t, int64_t *);
static const char *attributes(const struct conf_session *, const struct conf_origin *, bool, struct mem *);

void
binding_read(
    const struct str *cookies, size_t n, const char *name, int64_t now, struct mem *m, struct binding *out)
{
	struct str values[COOKIE_SAME_MAX];
	size_t found = cookie_find(cookies, n, str_of(name), values, COOKIE_SAME_MAX), i;
	unsigned char id[ID_SIZE];
	char *text;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < found && i < COOKIE_SAME_MAX; i++)
		if (read_value(values[i], now, out))
			return;
	secret_random(id, sizeof(id));
	text = mem_alloc(m, secret_b64_size(sizeof(id)));
	out->id = (struct str){ text, secret_b64(text, id, sizeof(id)) };
	out->fresh = true;
	out->since = now;
}

/* "ID.done.failed.since" */
static bool
read_value(struct str v, int64_t now, struct binding *out)
{
	unsigned char id[ID_SIZE + 8];
	struct str rest;
	int64_t done, failed, since;

	if (v.n < ID_TEXT + 1 || v.n > ID_TEXT + 32 || v.p[ID_TEXT] != '.' ||
	    secret_unb64(id, (struct str){ v.p, ID_TEXT }) != ID_SIZE)
		return false;
	rest = str_from(v, ID_TEXT + 1);
	if (!read_number(&rest, 99, &done) || !read_number(&rest, 99, &failed) ||
	    !read_number(&rest, INT64_MAX / 16, &since))
		return false;
	out->id = (struct str){ v.p, ID_TEXT };
	out->fresh = false;
	if (since > now || now - since > BINDING_WINDOW) {
		out->done = out->failed = 0;
		out->since = now;
	} else {
		out->done = (unsigned)done;
		out->failed = (unsigned)failed;
		out->since = since;
	}
	return true;
}

static bool
read_number(struct str *rest, int64_t most, int64_t *out)
{
	struct str text;
	size_t i;

	if (!str_next(rest, '.', &text) || text.n == 0 || text.n > 15)
		return false;
	for (*out = 0, i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*out = *out * 10 + (text.p[i] - '0');
	}
	return *out <= most;
}

char *
binding_set_cookie(const struct binding *b, const struct conf_session *c, const struct conf_origin *o,
    const char *name, struct mem *m)
{
	return mem_printf(m, "%s=%.*s.%u.%u.%lld%s", name, STR_ARG(b->id), b->done > 99 ? 99 : b->done,
	    b->failed > 99 ? 99 : b->failed, (long long)b->since, attributes(c, o, b->cross_site, m));
}

char *
binding_clear_cookie(
    const struct conf_session *c, const struct conf_origin *o, const char *name, struct mem *m)
{
	return mem_printf(
	    m, "%s=%s; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT", name, attributes(c, o, false, m));
}

static const char *
attributes(const struct conf_session *c, const struct conf_origin *o, bool cross_site, struct mem *m)
{
	const char *path = c->path != NULL ? c->path : o->path[0] != '\0' ? o->path : "/";

	return mem_printf(m, "; Path=%s%s; HttpOnly; SameSite=%s", path, o->https ? "; Secure" : "",
	    cross_site && o->https ? "None" : "Lax");
}
