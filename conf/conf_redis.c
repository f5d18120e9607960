/* conf/conf_redis.c - the Redis that instances share; see conf/build.h */
#include <string.h>

#include "conf/build.h"
#include "conf/conf_listen.h"
#include "conf/url.h"
#include "conf/value.h"

#define PORT        6379
#define DB_MOST     65535
#define PREFIX_MOST 64

static void address(struct build *, struct build_secrets *, struct conf_redis *);
static int credentials(struct build *, struct str, struct conf_redis *, struct err *);
static int decode(struct str, char *, size_t *, struct err *);
static int hex(char);
static int place(struct build *, struct str, struct conf_redis *, struct err *);
static int number(struct str, uint64_t most, uint64_t *);
static void prefix(struct build *, struct entry *, struct conf_redis *);
static void together(struct build *, struct group *, const struct conf_session *);

void
conf_redis_build(struct build *b, struct group *g, struct conf_session *s)
{
	struct build_secrets url = build_secrets(b, g, "redis");

	if (url.n > 1)
		build_mistake(b, url.entry, &url.v[1], "has %zu lines; write one URL", url.n);
	else if (url.n == 1 && !url.v[0].flawed)
		address(b, &url, &s->redis);
	prefix(b, groups_entry(g, "redis_prefix"), &s->redis);
	conf_listen_authorities(b, groups_entry(g, "redis_tls_ca"));
	s->redis.tls_ca = build_text(b, groups_entry(g, "redis_tls_ca"));
	together(b, g, s);
}

/* The URL holds a password: no message repeats any of it. */
static void
address(struct build *b, struct build_secrets *url, struct conf_redis *r)
{
	struct str text = url->v[0].text, who = { NULL, 0 };
	const char *at;
	struct err why = { .reason = REASON_NONE };

	r->tls = str_begins(text, STR("rediss://"));
	if (!r->tls && !str_begins(text, STR("redis://"))) {
		build_mistake(b, url->entry, &url->v[0],
		    "is not the URL of a Redis; write redis://[user:password@]host:port/db, or rediss:// for "
		    "TLS");
		return;
	}
	text = str_from(text, r->tls ? 9 : 8);
	at = memrchr(text.p, '@', text.n);
	if (at != NULL) {
		who = (struct str){ text.p, (size_t)(at - text.p) };
		text = str_from(text, who.n + 1);
	}
	if (place(b, text, r, &why) == -1 || (at != NULL && credentials(b, who, r, &why) == -1)) {
		r->host = NULL;
		build_mistake(b, url->entry, &url->v[0], "%s", why.text);
	}
}

/* "user:password" or ":password", percent-encoded where they hold what a URL may not. */
static int
credentials(struct build *b, struct str who, struct conf_redis *r, struct err *e)
{
	const char *colon = memchr(who.p, ':', who.n);
	char *user = mem_alloc(b->mem, who.n + 1), *password = mem_secret(b->mem, who.n + 1);
	size_t n;

	if (colon == NULL)
		return err_set(e, REASON_CONFIG,
		    "has a user without a password; write user:password@, or :password@ where there is no "
		    "user");
	if (decode((struct str){ who.p, (size_t)(colon - who.p) }, user, &n, e) == -1)
		return -1;
	r->user = n == 0 ? NULL : user;
	if (decode(str_from(who, (size_t)(colon - who.p) + 1), password, &n, e) == -1)
		return -1;
	if (n == 0)
		return err_set(e, REASON_CONFIG, "has an empty password; leave it and the @ out");
	r->password = build_secret(b, (struct str){ password, n });
	return 0;
}

static int
decode(struct str from, char *to, size_t *n, struct err *e)
{
	for (*n = 0; from.n > 0; from = str_from(from, 1)) {
		char c = from.p[0];

		if (c == '%') {
			int high = from.n < 3 ? -1 : hex(from.p[1]), low = from.n < 3 ? -1 : hex(from.p[2]);

			if (high == -1 || low == -1 || high + low == 0)
				return err_set(e, REASON_CONFIG,
				    "has a %% in user or password that no two hex digits follow; write it as "
				    "%%25");
			c = (char)(high << 4 | low);
			from = str_from(from, 2);
		} else if (c == '@' || c == '/' || c == '?' || c == '#') {
			return err_set(e, REASON_CONFIG,
			    "has one of @ / ? # in user or password; write it as %%40, %%2F, %%3F or %%23");
		}
		to[(*n)++] = c;
	}
	to[*n] = '\0';
	return 0;
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits) % 16;
}

static int
place(struct build *b, struct str text, struct conf_redis *r, struct err *e)
{
	const char *slash = memchr(text.p, '/', text.n), *colon;
	struct str host = { text.p, slash == NULL ? text.n : (size_t)(slash - text.p) },
		   db = slash == NULL ? STR("") : str_from(text, host.n + 1);
	uint64_t port = PORT, n = 0;

	colon = memrchr(host.p, ':', host.n);
	if (colon != NULL && memchr(colon, ']', host.n - (size_t)(colon - host.p)) == NULL) {
		if (number(str_from(host, (size_t)(colon - host.p) + 1), 65535, &port) == -1 || port == 0)
			return err_set(
			    e, REASON_CONFIG, "has a port that is none; write for example :%d", PORT);
		host.n = (size_t)(colon - host.p);
	}
	if (!url_is_host(host))
		return err_set(e, REASON_CONFIG,
		    "names no host; write redis://[user:password@]host:port/db, IPv6 in brackets");
	if (db.n > 0 && number(db, DB_MOST, &n) == -1)
		return err_set(e, REASON_CONFIG,
		    "has a path that is not the number of a database; write for "
		    "example /0, and nothing behind it");
	r->at = mem_printf(
	    b->mem, "redis%s://%.*s:%u/%u", r->tls ? "s" : "", STR_ARG(host), (unsigned)port, (unsigned)n);
	r->port = (uint16_t)port;
	r->db = (unsigned)n;
	if (host.p[0] == '[')
		host = (struct str){ host.p + 1, host.n - 2 };
	r->host = mem_text(b->mem, host);
	return 0;
}

static int
number(struct str s, uint64_t most, uint64_t *out)
{
	struct err ignored;

	return s.n > 5 || value_number(s, out, &ignored) == -1 || *out > most ? -1 : 0;
}

static void
prefix(struct build *b, struct entry *e, struct conf_redis *r)
{
	struct item *item = build_value(e);
	bool good = item != NULL && item->text.n <= PREFIX_MOST;

	r->prefix = build_text(b, e);
	for (size_t i = 0; good && i < item->text.n; i++)
		good = item->text.p[i] > ' ' && item->text.p[i] < '\x7f';
	if (item != NULL && !good)
		build_refuse(b, e, item,
		    "cannot stand in front of a key; write at most 64 printable characters without spaces");
}

/* What needs a Redis, and what a Redis makes useless. */
static void
together(struct build *b, struct group *g, const struct conf_session *s)
{
	static const char *const needs[] = { "redis_prefix", "redis_tls_ca", "revocation_stale" };
	struct entry *redis = groups_entry(g, "redis"), *file = groups_entry(g, "redis_file"),
		     *store = groups_entry(g, "store"), *revocations = groups_entry(g, "revocations");

	if (redis->given || file->given) {
		if (revocations->given && !revocations->flawed)
			notes_mistake(b->notes, revocations->place, revocations->label,
			    "redis is set, which keeps them for all instances; leave one of them out");
		if (groups_entry(g, "redis_tls_ca")->given && s->redis.host != NULL && !s->redis.tls)
			notes_mistake(b->notes, groups_entry(g, "redis_tls_ca")->place,
			    groups_entry(g, "redis_tls_ca")->label,
			    "the Redis is spoken to without TLS; write rediss:// in its URL, or leave it "
			    "out");
		return;
	}
	if (s->store == TOKENS_IN_REDIS && !g->unfinished)
		notes_mistake(b->notes, store->place, store->label,
		    "needs a Redis; write redis_file = \"...\" with redis://[user:password@]host:port/db in "
		    "the file");
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		struct entry *e = groups_entry(g, needs[i]);

		if (e->given && !e->flawed && !g->unfinished)
			notes_mistake(b->notes, e->place, e->label,
			    "there is no redis that it could hold for; set redis_file, or leave it out");
	}
}
