/*
 * Cookie fields, one per line: taken apart, stripped and searched for a
 * session.  Upstreams get no cookie of ours, every other one, and no more
 * bytes than there is room for.
 */
#include <stdlib.h>
#include <string.h>

#include "session/cookie.h"
#include "session/session.h"

#define FIELDS 8

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool is_ours(struct str);
static void check_strip(const struct str *, size_t);
static void check_parts(const struct str *, size_t, struct mem *);
static void check_find(const struct str *, size_t, struct mem *);
static size_t count(struct str, bool ours);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = { (const char *)data, size }, fields[FIELDS];
	struct mem *m = mem_new(1 << 20);
	size_t n = 0;

	while (n < FIELDS && str_next(&rest, '\n', &fields[n]))
		n++;
	check_strip(fields, n);
	check_parts(fields, n, m);
	check_find(fields, n, m);
	mem_free(&m);
	return 0;
}

/* The names of cookie_strip(), said in another way. */
static bool
is_ours(struct str name)
{
	static const char *const begins[] = { "wp.", "wp-", "wp_0", "wp_1", "wp_2", "wp_3", "wp_4", "wp_5",
		"wp_6", "wp_7", "wp_8", "wp_9" };
	size_t i;

	if (str_begins(name, STR("__Host-")))
		name = str_from(name, 7);
	else if (str_begins(name, STR("__Secure-")))
		name = str_from(name, 9);
	for (i = 0; i < sizeof(begins) / sizeof(*begins); i++)
		if (str_begins(name, str_of(begins[i])))
			return true;
	return str_is(name, STR("wp"));
}

static size_t
count(struct str field, bool ours)
{
	struct str name, value;
	size_t n = 0;

	while (cookie_next(&field, &name, &value))
		n += is_ours(name) == ours;
	return n;
}

static void
check_strip(const struct str *fields, size_t n_fields)
{
	size_t room = 1, i, n, others = 0;
	char *out, *again;

	for (i = 0; i < n_fields; i++) {
		room += fields[i].n + 2;
		others += count(fields[i], false);
	}
	out = malloc(room);
	again = malloc(room);
	if (out == NULL || again == NULL)
		abort();
	n = cookie_strip(out, fields, n_fields, STR("wp"));
	if (n >= room || count((struct str){ out, n }, true) != 0 ||
	    count((struct str){ out, n }, false) != others)
		abort();
	if (cookie_strip(again, &(struct str){ out, n }, 1, STR("wp")) != n || memcmp(again, out, n) != 0)
		abort();
	free(out);
	free(again);
}

static void
check_parts(const struct str *fields, size_t n_fields, struct mem *m)
{
	struct cookie_parts parts;
	struct cookie_joined joined;
	struct str values[COOKIE_SAME_MAX];
	size_t i, n = cookie_find(fields, n_fields, STR("wp"), values, COOKIE_SAME_MAX);

	cookie_parts_find(fields, n_fields, STR("wp"), &parts);
	if (parts.n[0] != (n < COOKIE_SAME_MAX ? n : COOKIE_SAME_MAX))
		abort();
	for (i = 0; i < parts.n[0]; i++) {
		cookie_parts_join(&parts, i, m, &joined);
		if (joined.n_ends == 0 || joined.ends[joined.n_ends - 1] != joined.text.n ||
		    joined.ends[0] != values[i].n || memcmp(joined.text.p, values[i].p, values[i].n) != 0)
			abort();
	}
}

static void
check_find(const struct str *fields, size_t n_fields, struct mem *m)
{
	static struct conf_session conf = { .cookie = "wp", .n_secrets = 1 };
	static const struct conf_origin origin = { .url = "https://h", .path = "", .https = true };
	static const struct conf_provider provider = { .name = "p", .client_id = "c" };
	static const struct session_scope scope = { &origin, &provider, { "wp", 2 } };
	static const struct conf_strings needed = { 0, NULL };
	static struct sessions *sessions;
	static struct session_cache *cache;
	static struct secret *secret;
	struct visit v = { .scope = &scope,
		.cookies = fields,
		.n_cookies = n_fields,
		.revoked = NULL,
		.cache = NULL,
		.now_ms = 1800000000000,
		.mem = m };
	const struct session *out, *again;
	enum session_found found;
	struct err e;

	if (sessions == NULL) {
		secret = secret_new("0123456789abcdef0123456789abcdef", 32);
		conf.secrets = &secret;
		sessions = sessions_new(&conf, &needed, &e);
		cache = session_cache_new(16);
	}
	found = session_find(sessions, &v, &out);
	v.cache = cache;
	if (session_find(sessions, &v, &again) != found || (out == NULL) != (again == NULL))
		abort();
	if (found == SESSION_FOUND &&
	    (out == NULL || !str_is(out->iss, STR("https://h")) || out->exp <= 1800000000))
		abort();
	if (session_cookie_set(&conf, &origin, "wp", STR("x"), &v, m) == NULL ||
	    session_cookie_clear(&conf, &origin, "wp", &v, m) == NULL)
		abort();
}
