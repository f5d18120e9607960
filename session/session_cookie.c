/*
 * session/session_cookie.c - names and Set-Cookie values (RFC 6265 4.1), see session/session.h
 *
 * A cookie is only replaced or deleted by one with the same name, domain and
 * path, and a __Host- one only with Secure: so every value here, deletions
 * included, gets its attributes from one function.
 */
#include <string.h>

#include "session/cookie.h"
#include "session/session.h"

#define PIECE_MAX 3900 /* bytes of one cookie, name and attributes included; browsers take 4096 */

static const char *path_of(const struct conf_session *, const struct conf_origin *);
static char *attributes_of(const struct conf_session *, const struct conf_origin *, struct mem *);
static size_t piece_room(const struct conf_session *, const struct conf_origin *, const char *name);
static const char *part_name(const char *name, size_t part, struct mem *);
static void add_deletions(
    const char **list, const char *name, const char *attributes, const struct cookie_parts *, struct mem *);
static void parts_of(const struct visit *, const char *name, struct cookie_parts *);

static const char *const same_site[] = {
	[SAME_SITE_LAX] = "Lax",
	[SAME_SITE_STRICT] = "Strict",
	[SAME_SITE_NONE] = "None",
};

/* __Host- is what a browser takes only with Secure, Path=/ and without Domain (RFC 6265bis 4.1.3.2). */
char *
session_cookie_name(const struct conf_session *c, const struct conf_origin *o, const char *provider,
    const char *suffix, struct mem *m)
{
	bool host = c->cookie_prefix && !c->pass_cookie && o->https && c->domain == NULL &&
		    strcmp(path_of(c, o), "/") == 0;

	return mem_printf(m, "%s%s%s%s%s", host ? "__Host-" : "", c->cookie, provider == NULL ? "" : "-",
	    provider == NULL ? "" : provider, suffix == NULL ? "" : suffix);
}

static const char *
path_of(const struct conf_session *c, const struct conf_origin *o)
{
	if (c->path != NULL)
		return c->path;
	return o->path[0] == '\0' ? "/" : o->path;
}

static char *
attributes_of(const struct conf_session *c, const struct conf_origin *o, struct mem *m)
{
	return mem_printf(m, "; Path=%s%s%s%s; HttpOnly; SameSite=%s", path_of(c, o),
	    c->domain == NULL ? "" : "; Domain=", c->domain == NULL ? "" : c->domain,
	    o->https ? "; Secure" : "", same_site[c->same_site]);
}

size_t
session_cookie_room(const struct conf_session *c, const struct conf_origin *o, const char *name)
{
	return COOKIE_PARTS_MAX * piece_room(c, o, name);
}

/* As if each had the longest name and the longest attributes: so all pieces but the last are of one length.
 */
static size_t
piece_room(const struct conf_session *c, const struct conf_origin *o, const char *name)
{
	size_t taken = strlen(name) + strlen("_8=; Path=; Domain=; Secure; HttpOnly; SameSite=Strict") +
		       strlen(path_of(c, o)) + (c->domain == NULL ? 0 : strlen(c->domain));

	return taken < PIECE_MAX ? PIECE_MAX - taken : 0;
}

size_t
session_cookie_held(const struct visit *v)
{
	struct str ours = v->scope->cookie, name, value;
	size_t n = 0;

	for (size_t i = 0; i < v->n_cookies; i++) {
		struct str rest = v->cookies[i];

		while (cookie_next(&rest, &name, &value))
			if (str_begins(name, ours) &&
			    (name.n == ours.n || name.p[ours.n] == '.' || cookie_part_number(name, ours) > 0))
				n += name.n + value.n + strlen("=; ");
	}
	return n;
}

const char **
session_cookie_set(const struct conf_session *c, const struct conf_origin *o, const char *name,
    struct str value, const struct visit *had, struct mem *m)
{
	const char **list = mem_zalloc(m, (COOKIE_PARTS_MAX + 1) * sizeof(*list));
	const char *attributes = attributes_of(c, o, m);
	size_t room = piece_room(c, o, name), n = 0;
	struct cookie_parts parts;

	if (room == 0 || value.n > session_cookie_room(c, o, name))
		return NULL;
	do {
		struct str piece = { value.p, value.n < room ? value.n : room };

		list[n] = mem_printf(m, "%s=%.*s%s", part_name(name, n, m), STR_ARG(piece), attributes);
		value = str_from(value, piece.n);
		n++;
	} while (value.n > 0);
	parts_of(had, name, &parts);
	memset(parts.n, 0, n * sizeof(parts.n[0]));
	add_deletions(list + n, name, attributes, &parts, m);
	return list;
}

const char **
session_cookie_clear(const struct conf_session *c, const struct conf_origin *o, const char *name,
    const struct visit *had, struct mem *m)
{
	const char **list = mem_zalloc(m, (COOKIE_PARTS_MAX + 1) * sizeof(*list));
	struct cookie_parts parts;

	parts_of(had, name, &parts);
	parts.n[0] = 1;
	add_deletions(list, name, attributes_of(c, o, m), &parts, m);
	return list;
}

static void
parts_of(const struct visit *had, const char *name, struct cookie_parts *out)
{
	cookie_parts_find(
	    had == NULL ? NULL : had->cookies, had == NULL ? 0 : had->n_cookies, str_of(name), out);
}

static const char *
part_name(const char *name, size_t part, struct mem *m)
{
	return part == 0 ? name : mem_printf(m, "%s_%zu", name, part);
}

/* Max-Age for browsers, Expires for what does not know Max-Age. */
static void
add_deletions(const char **list, const char *name, const char *attributes, const struct cookie_parts *parts,
    struct mem *m)
{
	size_t part, n = 0;

	for (part = 0; part < COOKIE_PARTS_MAX; part++)
		if (parts->n[part] > 0)
			list[n++] = mem_printf(m, "%s=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT%s",
			    part_name(name, part, m), attributes);
}
