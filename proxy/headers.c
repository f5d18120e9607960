/* proxy/headers.c - see proxy/headers.h */
#include <stdlib.h>

#include "conf/mem.h"
#include "proxy/headers.h"

struct slot {
	uint32_t fold;
	bool guarded; /* else: only spellings other than the exact name are dropped */
	struct str name;
};

struct headers_guard {
	uint32_t mask; /* of `slots`, of which at least half are free: name.p is NULL */
	struct slot *slots;
	size_t n_texts;
	char **texts; /* what the names point into */
};

/* The folds of what the Connection fields name. */
struct named {
	bool too_many;
	size_t n;
	uint64_t bits; /* of the folds' last six bits: a quick no */
	uint32_t folds[HEADERS_NAMED_MAX];
};

static unsigned char folded(char);
static bool same_begin(struct str, struct str);
static void guard_add(struct headers_guard *, const char *, bool);
static void guard_add_route(struct headers_guard *, const struct conf_route *);
static struct slot *guard_slot(const struct headers_guard *, uint32_t, struct str);
static bool is_request_drop(const struct http1_field *, const struct headers_guard *);
static void named_collect(struct named *, const struct http1_head *);
static bool named_has(const struct named *, uint32_t);
static struct str without_prefix(struct str);
static bool is_digit(char);

const unsigned char headers_folded[256] = {
	/* tchar of RFC 9110 5.6.2; all but letters and digits count as one */
	['!'] = '-',
	['#' ... '\''] = '-',
	['*' ... '+'] = '-',
	['-' ... '.'] = '-',
	['0'] = '0',
	['1'] = '1',
	['2'] = '2',
	['3'] = '3',
	['4'] = '4',
	['5'] = '5',
	['6'] = '6',
	['7'] = '7',
	['8'] = '8',
	['9'] = '9',
#define LETTER(upper, lower) [upper] = lower, [lower] = lower
	LETTER('A', 'a'),
	LETTER('B', 'b'),
	LETTER('C', 'c'),
	LETTER('D', 'd'),
	LETTER('E', 'e'),
	LETTER('F', 'f'),
	LETTER('G', 'g'),
	LETTER('H', 'h'),
	LETTER('I', 'i'),
	LETTER('J', 'j'),
	LETTER('K', 'k'),
	LETTER('L', 'l'),
	LETTER('M', 'm'),
	LETTER('N', 'n'),
	LETTER('O', 'o'),
	LETTER('P', 'p'),
	LETTER('Q', 'q'),
	LETTER('R', 'r'),
	LETTER('S', 's'),
	LETTER('T', 't'),
	LETTER('U', 'u'),
	LETTER('V', 'v'),
	LETTER('W', 'w'),
	LETTER('X', 'x'),
	LETTER('Y', 'y'),
	LETTER('Z', 'z'),
#undef LETTER
	['^' ... '`'] = '-',
	['|'] = '-',
	['~'] = '-',
};

/* The length of the message, and what belongs to one hop (RFC 9110 7.6.1): not ours to set, not to pass on.
 */
static const char *const framing[] = { "Connection", "Content-Length", "Expect", "HTTP2-Settings",
	"Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
	"Transfer-Encoding", "Upgrade" };
/* The road writes these itself.  X-Forwarded-* is a prefix rule. */
static const char *const written_anew[] = { "Cookie", "Forwarded", "Host", "X-Forwarded", "X-Real-IP",
	"X-Request-Id" };
static const char *const never[] = { "Proxy", "X-Original-URL", "X-Rewrite-URL" };
static const char *const identity[] = { "Remote-User", "X-Remote-User", "X-Forwarded-User",
	"X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Preferred-Username",
	"X-Forwarded-Access-Token" };
static const struct str identity_prefix = { "x-auth-request-", 15 };
static const struct str forwarding_prefix = { "x-forwarded-", 12 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ID(name)     (UINT64_C(1) << FIELD_##name)

static const uint64_t hop_by_hop = ID(CONNECTION) | ID(CONTENT_LENGTH) | ID(HTTP2_SETTINGS) | ID(KEEP_ALIVE) |
				   ID(PROXY_AUTHENTICATE) | ID(PROXY_AUTHORIZATION) | ID(PROXY_CONNECTION) |
				   ID(TE) | ID(TRAILER) | ID(TRANSFER_ENCODING) | ID(UPGRADE);
static const uint64_t request_only =
    ID(COOKIE) | ID(EXPECT) | ID(FORWARDED) | ID(HOST) | ID(X_FORWARDED_FOR) | ID(X_FORWARDED_HOST) |
    ID(X_FORWARDED_PORT) | ID(X_FORWARDED_PREFIX) | ID(X_FORWARDED_PROTO) | ID(X_REAL_IP) | ID(X_REQUEST_ID);

/* --- names ------------------------------------------------------------------------------------ */

/* Outside of tokens too every byte that is no letter or digit counts as one. */
static unsigned char
folded(char c)
{
	unsigned char f = headers_folded[(unsigned char)c];

	return f == 0 ? '-' : f;
}

uint32_t
headers_fold(struct str name)
{
	uint32_t fold = 0;

	for (size_t i = 0; i < name.n; i++)
		fold = headers_fold_next(fold, folded(name.p[i]));
	return fold;
}

bool
headers_same(struct str a, struct str b)
{
	return a.n == b.n && same_begin(a, b);
}

/* Does `name` begin with `with`, in any spelling? */
static bool
same_begin(struct str name, struct str with)
{
	if (name.n < with.n)
		return false;
	for (size_t i = 0; i < with.n; i++)
		if (folded(name.p[i]) != folded(with.p[i]))
			return false;
	return true;
}

/* --- the guard -------------------------------------------------------------------------------- */

struct headers_guard *
headers_guard_new(const struct conf *c)
{
	struct headers_guard *g = xcalloc(1, sizeof(*g));
	size_t names = COUNT(framing) + COUNT(written_anew) + COUNT(never) + COUNT(identity), size = 2;

	for (size_t i = 0; i < c->n_routes; i++)
		names += 3 + c->routes[i].n_claim_headers + c->routes[i].n_set_headers;
	while (size < 2 * names)
		size *= 2;
	g->mask = (uint32_t)(size - 1);
	g->slots = xcalloc(size, sizeof(*g->slots));
	g->texts = xcalloc(names, sizeof(*g->texts));
	for (size_t i = 0; i < COUNT(framing); i++)
		guard_add(g, framing[i], false);
	for (size_t i = 0; i < COUNT(written_anew); i++)
		guard_add(g, written_anew[i], false);
	for (size_t i = 0; i < COUNT(never); i++)
		guard_add(g, never[i], true);
	for (size_t i = 0; i < COUNT(identity); i++)
		guard_add(g, identity[i], true);
	for (size_t i = 0; i < c->n_routes; i++)
		guard_add_route(g, &c->routes[i]);
	return g;
}

static void
guard_add_route(struct headers_guard *g, const struct conf_route *route)
{
	if (route->username_header != NULL)
		guard_add(g, route->username_header, true);
	for (size_t i = 0; i < route->n_claim_headers; i++)
		guard_add(g, route->claim_headers[i].header, true);
	for (size_t i = 0; i < route->n_set_headers; i++)
		guard_add(g, route->set_headers[i].name, true);
	if (route->access_token_header != NULL)
		guard_add(g, route->access_token_header, true);
	if (route->id_token_header != NULL)
		guard_add(g, route->id_token_header, true);
}

static void
guard_add(struct headers_guard *g, const char *name, bool guarded)
{
	uint32_t fold = headers_fold(str_of(name));
	struct slot *slot = guard_slot(g, fold, str_of(name));

	slot->guarded = slot->guarded || guarded;
	if (slot->name.p != NULL)
		return;
	slot->fold = fold;
	slot->name = str_of(g->texts[g->n_texts++] = xstrdup(name));
}

/* The slot of this name in any spelling, else the free one where it belongs. */
static struct slot *
guard_slot(const struct headers_guard *g, uint32_t fold, struct str name)
{
	/* Neighbouring names differ in the low bits already, by the last letter. */
	uint32_t at = (fold ^ fold >> 15) & g->mask;

	while (g->slots[at].name.p != NULL &&
	       (g->slots[at].fold != fold || !headers_same(g->slots[at].name, name)))
		at = (at + 1) & g->mask;
	return &g->slots[at];
}

void
headers_guard_free(struct headers_guard **g)
{
	if (*g == NULL)
		return;
	for (size_t i = 0; i < (*g)->n_texts; i++)
		free((*g)->texts[i]);
	free((*g)->texts);
	free((*g)->slots);
	free(*g);
	*g = NULL;
}

bool
headers_guarded(const struct headers_guard *g, uint32_t fold, struct str name)
{
	return guard_slot(g, fold, name)->guarded || same_begin(name, identity_prefix);
}

/* --- requests --------------------------------------------------------------------------------- */

void
headers_mark_request(struct http1_head *h, const struct headers_guard *g)
{
	struct named named;

	named_collect(&named, h);
	for (size_t i = 0; i < h->n_fields; i++) {
		struct http1_field *f = &h->fields[i];

		f->drop = is_request_drop(f, g) || named_has(&named, f->fold);
	}
}

static bool
is_request_drop(const struct http1_field *f, const struct headers_guard *g)
{
	const struct slot *slot;

	if ((((hop_by_hop | request_only) >> f->id) & 1) != 0)
		return true;
	slot = guard_slot(g, f->fold, f->name);
	if (slot->guarded || (f->id == FIELD_OTHER && slot->name.p != NULL))
		return true;
	return (f->name.p[0] | 0x20) == 'x' &&
	       (same_begin(f->name, identity_prefix) || same_begin(f->name, forwarding_prefix));
}

/* --- what Connection names -------------------------------------------------------------------- */

static void
named_collect(struct named *named, const struct http1_head *h)
{
	named->too_many = false;
	named->n = 0;
	named->bits = 0;
	for (size_t i = h->index[FIELD_CONNECTION]; i != 0 && i <= h->n_fields; i++) {
		struct str rest = h->fields[i - 1].value, one;

		while (h->fields[i - 1].id == FIELD_CONNECTION && str_next(&rest, ',', &one)) {
			one = str_trim(one);
			/* "keep-alive" and "close" name nothing that is not dropped anyway, nearly always all
			 * there is. */
			if (one.n == 0 || str_is_nocase(one, STR("close")) ||
			    str_is_nocase(one, STR("keep-alive")))
				continue;
			if (named->n == HEADERS_NAMED_MAX) {
				named->too_many = true;
				return;
			}
			named->folds[named->n] = headers_fold(one);
			named->bits |= UINT64_C(1) << (named->folds[named->n++] & 63);
		}
	}
}

/* By the fold alone: to drop one field too many harms nobody but who sent it. */
static bool
named_has(const struct named *named, uint32_t fold)
{
	if (named->too_many)
		return true;
	if ((named->bits >> (fold & 63) & 1) == 0)
		return false;
	for (size_t i = 0; i < named->n; i++)
		if (named->folds[i] == fold)
			return true;
	return false;
}

/* --- responses -------------------------------------------------------------------------------- */

void
headers_mark_response(struct http1_head *h)
{
	struct named named;

	named_collect(&named, h);
	for (size_t i = 0; i < h->n_fields; i++)
		h->fields[i].drop =
		    (hop_by_hop >> h->fields[i].id & 1) != 0 || named_has(&named, h->fields[i].fold);
}

bool
headers_sets_ours(struct str set_cookie, struct str ours)
{
	struct str rest = set_cookie, name;

	/* Up to the first ';'; without a name (leading '=') the value is what will look like one. */
	if (!str_next(&rest, ';', &name))
		return false;
	while (name.n > 0 && (name.p[0] == '=' || name.p[0] == ' ' || name.p[0] == '\t'))
		name = str_from(name, 1);
	rest = name;
	if (!str_next(&rest, '=', &name))
		return false;
	name = without_prefix(str_trim(name));
	if (!str_begins(name, ours))
		return false;
	name = str_from(name, ours.n);
	return name.n == 0 || name.p[0] == '.' || name.p[0] == '-' ||
	       (name.n > 1 && name.p[0] == '_' && is_digit(name.p[1]));
}

/* Browsers take the prefixes of RFC 6265bis 4.1.3 in any case. */
static struct str
without_prefix(struct str name)
{
	static const struct str prefixes[] = { { "__Host-", 7 }, { "__Secure-", 9 } };

	for (size_t i = 0; i < COUNT(prefixes); i++)
		if (name.n >= prefixes[i].n &&
		    str_is_nocase((struct str){ name.p, prefixes[i].n }, prefixes[i]))
			return str_from(name, prefixes[i].n);
	return name;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}
