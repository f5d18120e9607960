/*
 * tests/fuzz/fuzz_url.c - URLs, return addresses, parameters
 *
 * A return address that passes is one that a browser, resolving it as the
 * WHATWG describes, takes for a path of ours - as it is and decoded again.
 * What is encoded is found again by url_param().
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check_parse(struct str);
static void check_local(struct str, struct mem *);
static bool is_elsewhere(struct str, char *);
static struct str decode(struct str, struct mem *);
static void check_params(struct str, struct mem *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct mem *m = mem_new(1 << 20);

	check_parse(text);
	check_local(text, m);
	check_params(text, m);
	mem_free(&m);
	return 0;
}

static void
check_parse(struct str text)
{
	struct url u;
	struct err e;

	if (url_parse(text, &u, &e) != 0) {
		assert(e.reason == REASON_BAD_TARGET);
		return;
	}
	assert(url_is_host(u.host) && u.port != 0);
	assert(u.host.p > text.p && u.host.p + u.host.n <= text.p + text.n);
	assert(u.path.n == 0 || u.path.p[0] == '/');
	assert(memchr(text.p, '@', (size_t)(u.host.p - text.p)) == NULL);
	if (u.query.p != NULL)
		assert(u.query.p[-1] == '?' && u.query.p + u.query.n == text.p + text.n);
	(void)url_is_loopback(&u);
}

static void
check_local(struct str rd, struct mem *m)
{
	const char *query;
	struct str path = rd;
	char *work;

	if (!url_is_local_path(rd))
		return;
	assert(rd.n > 0 && rd.n <= 2048 && rd.p[0] == '/');
	work = mem_alloc(m, rd.n + 1);
	assert(!is_elsewhere(rd, work));
	query = memchr(rd.p, '?', rd.n);
	if (query != NULL)
		path.n = (size_t)(query - rd.p);
	for (int i = 0; i < 5; i++) {
		assert(!is_elsewhere(path, work));
		path = decode(path, m);
	}
}

/* As a browser reads it: tabs and line ends out, outer controls off, '\' as '/', dot segments resolved. */
static bool
is_elsewhere(struct str s, char *work)
{
	size_t n = 0, from, end, out = 0;

	while (s.n > 0 && (unsigned char)s.p[0] <= ' ')
		s = str_from(s, 1);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '\t' && s.p[i] != '\r' && s.p[i] != '\n')
			work[n++] = s.p[i] == '\\' ? '/' : s.p[i];
	if (n == 0 || work[0] != '/' || (n > 1 && work[1] == '/'))
		return true;
	for (from = 1; from <= n; from = end + 1) {
		for (end = from; end < n && work[end] != '/' && work[end] != '?'; end++)
			;
		if (end < n && work[end] == '?')
			n = end;
		if (end - from == 2 && memcmp(work + from, "..", 2) == 0) {
			while (out > 0 && work[--out] != '/')
				;
		} else if (!(end - from == 1 && work[from] == '.')) {
			work[out++] = '/';
			memmove(work + out, work + from, end - from);
			out += end - from;
		}
	}
	return out > 1 && work[0] == '/' && work[1] == '/';
}

static struct str
decode(struct str s, struct mem *m)
{
	char *p = mem_alloc(m, s.n + 1), digits[3] = "", *end;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		p[n] = s.p[i];
		if (s.p[i] == '%' && i + 2 < s.n && strchr("+- xX\t\n\v\f\r", s.p[i + 1]) == NULL &&
		    strchr("xX", s.p[i + 2]) == NULL) {
			memcpy(digits, s.p + i + 1, 2);
			p[n] = (char)strtol(digits, &end, 16);
			if (end == digits + 2)
				i += 2;
			else
				p[n] = '%';
		}
		n++;
	}
	return (struct str){ p, n };
}

static void
check_params(struct str text, struct mem *m)
{
	struct str out, encoded = url_encode(m, text);
	bool has_nul = text.n > 0 && memchr(text.p, '\0', text.n) != NULL;
	const char *query;
	int r;

	r = url_param(m, text, "state", &out);
	assert(r >= -1 && r <= 1 && (r == 0) == (out.p != NULL));
	query = mem_printf(m, "a=1&v=%s", encoded.p);
	r = url_param(m, str_of(query), "v", &out);
	assert(has_nul ? r == -1 : r == 0 && str_is(out, text));
	query = url_add_param(m, "x?v=", "state", text);
	r = url_param(m, str_of(query + 2), "state", &out);
	assert(has_nul ? r == -1 : r == 0 && str_is(out, text));
	for (size_t i = 0; i < encoded.n; i++)
		assert(encoded.p[i] > 0x20 && encoded.p[i] < 0x7f &&
		       strchr("/?#&=+;\"'<>", encoded.p[i]) == NULL);
}
