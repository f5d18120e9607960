/* proxy/route.c - see proxy/route.h */
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "conf/url.h"
#include "proxy/path.h"
#include "proxy/route.h"

/* Text that paths are held against, in the three forms it takes. */
struct prefix {
	struct str path;   /* canonical; without a trailing slash, "" for "/", but for callbacks */
	struct str loose;  /* the loosest reading of path; p is NULL when it has none */
	struct str folded; /* loose with the case taken off */
};

struct target {
	struct prefix prefix;
	const struct conf_route *route;
	bool twin;    /* another route differs in case only, and minds */
	bool windows; /* its upstream is a Windows server */
};

/* One public host. */
struct site {
	const struct conf_origin *origin;
	struct str name;
	struct prefix own;        /* origin->path + auth_path */
	struct prefix *callbacks; /* by provider */
	struct target *targets;   /* longest first */
	size_t n_targets;
};

struct routes {
	const struct conf *conf;
	struct mem *mem;
	locale_t locale; /* knows letters above ASCII; 0 when the system has none such */
	struct site *sites;
	size_t n_sites;
};

/* Where one reading of a path leads. */
enum place { AT_NOTHING, AT_ROUTE, AT_OWN, AT_CALLBACK, AT_ODDS };
struct verdict {
	enum place at;
	size_t n; /* AT_ROUTE: the target; AT_CALLBACK: the provider */
};

static void add_site(struct routes *, struct site *);
static bool is_named(const struct conf *, struct str);
static void add_target(struct routes *, struct target *, const struct conf_route *);
static struct str without_slash(struct str);
static void set_prefix(struct routes *, struct prefix *, struct str);
static int compare_targets(const void *, const void *);
static void mark_twins(struct site *);
static const struct site *find_site(const struct routes *, struct str);
static struct str host_name(struct str);
static bool is_same_host(struct str, struct str);
static struct verdict judge(const struct routes *, const struct site *, struct str);
static const char *find_doubt(
    const struct routes *, const struct site *, struct str, struct verdict, struct mem *);
static struct verdict judge_loosest(const struct routes *, const struct site *, struct str, struct str);
static bool is_windows_doubt(const struct site *, struct verdict, struct str);
static bool is_below(struct str, struct str);
static bool is_below_nocase(struct str, struct str);
static struct str fold(const struct routes *, struct str, struct mem *);
static size_t get_char(const unsigned char *, uint32_t *);
static size_t put_char(unsigned char *, uint32_t);

/* --- once per snapshot ---------------------------------------------------- */

struct routes *
routes_new(const struct conf *c)
{
	struct routes *r = xcalloc(1, sizeof(*r));

	r->conf = c;
	r->mem = mem_new(SIZE_MAX);
	r->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	r->n_sites = c->n_origins;
	r->sites = mem_zalloc(r->mem, r->n_sites * sizeof(r->sites[0]));
	for (size_t i = 0; i < r->n_sites; i++) {
		r->sites[i].origin = &c->origins[i];
		add_site(r, &r->sites[i]);
	}
	return r;
}

void
routes_free(struct routes **r)
{
	if (*r == NULL)
		return;
	if ((*r)->locale != (locale_t)0)
		freelocale((*r)->locale);
	mem_free(&(*r)->mem);
	free(*r);
	*r = NULL;
}

static void
add_site(struct routes *r, struct site *s)
{
	const struct conf *c = r->conf;
	const char *base = s->origin->path;
	bool named;

	s->name = host_name(str_of(s->origin->host));
	named = is_named(c, s->name);
	set_prefix(r, &s->own, without_slash(str_of(mem_printf(r->mem, "%s%s", base, c->auth_path))));
	s->callbacks = mem_zalloc(r->mem, c->n_providers * sizeof(s->callbacks[0]));
	for (size_t i = 0; i < c->n_providers; i++)
		set_prefix(r, &s->callbacks[i],
		    str_of(mem_printf(r->mem, "%s%s", base, c->providers[i].callback_path)));
	s->targets = mem_zalloc(r->mem, c->n_routes * sizeof(s->targets[0]));
	for (size_t i = 0; i < c->n_routes; i++) {
		const char *host = c->routes[i].host;

		if (named ? host != NULL && is_same_host(host_name(str_of(host)), s->name) : host == NULL)
			add_target(r, &s->targets[s->n_targets++], &c->routes[i]);
	}
	if (s->n_targets > 0)
		qsort(s->targets, s->n_targets, sizeof(s->targets[0]), compare_targets);
	mark_twins(s);
}

static bool
is_named(const struct conf *c, struct str host)
{
	for (size_t i = 0; i < c->n_routes; i++)
		if (c->routes[i].host != NULL && is_same_host(host_name(str_of(c->routes[i].host)), host))
			return true;
	return false;
}

/*
 * Windows belongs to the server, not to the route: an open "/" and a protected
 * "/admin" before the same IIS are confused by "/admin." whichever of the two
 * says windows_paths.
 */
static void
add_target(struct routes *r, struct target *t, const struct conf_route *route)
{
	t->route = route;
	set_prefix(r, &t->prefix, without_slash(str_of(route->path)));
	for (size_t i = 0; i < r->conf->n_routes; i++)
		if (r->conf->routes[i].windows_paths && r->conf->routes[i].upstream == route->upstream)
			t->windows = true;
}

static struct str
without_slash(struct str path)
{
	return path.n > 0 && path.p[path.n - 1] == '/' ? (struct str){ path.p, path.n - 1 } : path;
}

static void
set_prefix(struct routes *r, struct prefix *p, struct str path)
{
	p->path = path;
	if (path.n == 0)
		p->loose = p->folded = STR("");
	else if (path_loosest(path, r->mem, &p->loose))
		p->folded = fold(r, p->loose, r->mem);
}

static int
compare_targets(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	if (x->prefix.path.n != y->prefix.path.n)
		return x->prefix.path.n > y->prefix.path.n ? -1 : 1;
	/* An exact match is to be seen before one by case. */
	return (y->route->path_case == PATH_CASE_SENSITIVE) - (x->route->path_case == PATH_CASE_SENSITIVE);
}

static void
mark_twins(struct site *s)
{
	for (size_t i = 0; i < s->n_targets; i++)
		for (size_t j = 0; j < s->n_targets; j++)
			if (i != j && s->targets[j].route->path_case != PATH_CASE_SENSITIVE &&
			    str_is_nocase(s->targets[i].prefix.path, s->targets[j].prefix.path))
				s->targets[i].twin = true;
}

/* --- every request -------------------------------------------------------- */

int
route_find(const struct routes *r, struct str host, struct str path, struct mem *m, struct route_match *out,
    struct err *e)
{
	const struct site *s = find_site(r, host);
	const char *doubt;
	struct verdict v;

	*out = (struct route_match){ .kind = ROUTE_OURS };
	if (s == NULL)
		return err_set(e, REASON_WRONG_HOST, "no public_url has the host \"%.*s\"",
		    host.n > 100 ? 100 : (int)host.n, host.p);
	if (path_canonical(path, m, &out->path, e) != 0)
		return -1;
	path = out->path;
	v = judge(r, s, path);
	doubt = find_doubt(r, s, path, v, m);
	if (doubt != NULL)
		return err_set(e, REASON_PATH_AMBIGUOUS, "%s: \"%.*s\"", doubt,
		    path.n > 200 ? 200 : (int)path.n, path.p);
	if (v.at == AT_NOTHING)
		return err_set(e, REASON_NO_ROUTE, "no route of %s has the path \"%.*s\"", s->origin->origin,
		    path.n > 200 ? 200 : (int)path.n, path.p);
	out->origin = s->origin;
	if (v.at == AT_ROUTE) {
		out->kind = ROUTE_UPSTREAM;
		out->route = s->targets[v.n].route;
		out->route_index = (size_t)(out->route - r->conf->routes);
		return 0;
	}
	out->is_callback = v.at == AT_CALLBACK;
	out->callback_of = out->is_callback ? v.n : 0;
	out->endpoint = STR("");
	if (is_below(path, s->own.path))
		out->endpoint = str_from(path, s->own.path.n + (path.n > s->own.path.n));
	return 0;
}

static const struct site *
find_site(const struct routes *r, struct str host)
{
	struct str name = host_name(host);

	for (size_t i = 0; i < r->n_sites; i++)
		if (is_same_host(r->sites[i].name, name))
			return &r->sites[i];
	return NULL;
}

/* Without port and without a dot at the end; "" for what is no host. */
static struct str
host_name(struct str host)
{
	size_t n = 0, i;

	if (host.n > 0 && host.p[0] == '[') {
		while (n < host.n && host.p[n] != ']')
			n++;
		n += n < host.n;
	} else {
		while (n < host.n && host.p[n] != ':')
			n++;
	}
	if (n < host.n && host.p[n] != ':')
		return STR("");
	for (i = n + 1; i < host.n; i++)
		if (host.p[i] < '0' || host.p[i] > '9')
			return STR("");
	if (n > 0 && host.p[n - 1] == '.')
		n--;
	return (struct str){ host.p, n };
}

static bool
is_same_host(struct str a, struct str b)
{
	struct in6_addr x, y;

	if (a.n == 0)
		return false;
	if (str_is_nocase(a, b))
		return true;
	return url_ipv6(a, &x) && url_ipv6(b, &y) && memcmp(&x, &y, sizeof(x)) == 0;
}

/* The canonical path, which is what goes upstream. */
static struct verdict
judge(const struct routes *r, const struct site *s, struct str path)
{
	for (size_t i = 0; i < r->conf->n_providers; i++) {
		struct str callback = s->callbacks[i].path;

		if (str_is_nocase(path, callback))
			return (struct verdict){ str_is(path, callback) ? AT_CALLBACK : AT_ODDS, i };
	}
	if (is_below_nocase(path, s->own.path))
		return (struct verdict){ is_below(path, s->own.path) ? AT_OWN : AT_ODDS, 0 };
	for (size_t i = 0; i < s->n_targets; i++) {
		const struct target *t = &s->targets[i];
		bool exact = is_below(path, t->prefix.path);

		if (!exact &&
		    (t->route->path_case == PATH_CASE_SENSITIVE || !is_below_nocase(path, t->prefix.path)))
			continue;
		if (t->twin || (!exact && t->route->path_case == PATH_CASE_STRICT))
			return (struct verdict){ AT_ODDS, i };
		return (struct verdict){ AT_ROUTE, i };
	}
	return (struct verdict){ AT_NOTHING, 0 };
}

/* Why this path cannot be trusted to mean the same to everybody; NULL when it can. */
static const char *
find_doubt(const struct routes *r, const struct site *s, struct str path, struct verdict v, struct mem *m)
{
	struct str loose;
	struct verdict other;

	if (v.at == AT_ODDS)
		return "with upper and lower case ignored the path would lead elsewhere (route.path_case)";
	if (is_windows_doubt(s, v, path))
		return "Windows would read the path differently (route.windows_paths)";
	if (path_is_plain(path))
		return NULL;
	if (!path_loosest(path, m, &loose))
		return "decoded once more the path would hold what no path may hold";
	if (is_windows_doubt(s, v, loose))
		return "Windows would read the path differently (route.windows_paths)";
	other = judge_loosest(r, s, loose, fold(r, loose, m));
	if (other.at != v.at || other.n != v.n)
		return "a lenient backend would read the path as one that leads elsewhere";
	return NULL;
}

/* The same questions about the loosest reading, all of them without regard to case. */
static struct verdict
judge_loosest(const struct routes *r, const struct site *s, struct str loose, struct str folded)
{
	struct verdict v = { AT_NOTHING, 0 };
	size_t longest = 0;

	for (size_t i = 0; i < r->conf->n_providers; i++)
		if (str_is(folded, s->callbacks[i].folded))
			return (struct verdict){ AT_CALLBACK, i };
	if (is_below(folded, s->own.folded))
		return (struct verdict){ AT_OWN, 0 };
	for (size_t i = 0; i < s->n_targets; i++) {
		const struct prefix *p = &s->targets[i].prefix;
		bool exactly = s->targets[i].route->path_case == PATH_CASE_SENSITIVE;

		if (p->loose.p == NULL || !is_below(exactly ? loose : folded, exactly ? p->loose : p->folded))
			continue;
		if (v.at == AT_NOTHING || p->loose.n > longest) {
			v = (struct verdict){ AT_ROUTE, i };
			longest = p->loose.n;
		} else if (p->loose.n == longest) {
			v.at = AT_ODDS;
		}
	}
	return v;
}

static bool
is_windows_doubt(const struct site *s, struct verdict v, struct str reading)
{
	return v.at == AT_ROUTE && s->targets[v.n].windows && path_is_windows_trick(reading);
}

/* On whole segments. */
static bool
is_below(struct str path, struct str prefix)
{
	return str_begins(path, prefix) && (path.n == prefix.n || path.p[prefix.n] == '/');
}

static bool
is_below_nocase(struct str path, struct str prefix)
{
	return path.n >= prefix.n && (path.n == prefix.n || path.p[prefix.n] == '/') &&
	       strncasecmp(path.p, prefix.p, prefix.n) == 0;
}

struct str
route_upstream_path(const struct conf_route *route, struct str canonical)
{
	size_t n = strlen(route->path);

	if (!route->strip_prefix || n <= 1 || canonical.n < n)
		return canonical;
	return canonical.n == n ? STR("/") : str_from(canonical, n);
}

/* --- letters -------------------------------------------------------------- */

/*
 * Case taken off, for comparing only.  Up and down again, because some letters
 * outside of ASCII have an ASCII letter for their capital: U+017F is an 's' to
 * a backend that compares capitals.
 */
static struct str
fold(const struct routes *r, struct str utf8, struct mem *m)
{
	unsigned char *out = mem_alloc(m, 2 * utf8.n + 1);
	size_t n = 0;
	uint32_t c;

	for (size_t i = 0; i < utf8.n;) {
		i += get_char((const unsigned char *)utf8.p + i, &c);
		if (c >= 0x80 && r->locale != (locale_t)0)
			c = towlower_l(towupper_l(c, r->locale), r->locale);
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		n += put_char(out + n, c);
	}
	out[n] = '\0';
	return (struct str){ (const char *)out, n };
}

/* One character of valid UTF-8, as path_loosest() gives it. */
static size_t
get_char(const unsigned char *p, uint32_t *out)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	*out = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		*out = *out << 6 | (p[i] & 0x3f);
	return len;
}

static size_t
put_char(unsigned char *p, uint32_t c)
{
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (len == 1) {
		p[0] = (unsigned char)c;
		return 1;
	}
	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		p[i] = (unsigned char)(0x80 | (c & 0x3f));
	p[0] = (unsigned char)(0xff00 >> len | c);
	return len;
}
