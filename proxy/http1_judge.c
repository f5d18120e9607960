/* proxy/http1_judge.c - see proxy/http1_judge.h */
#include <string.h>

#include "conf/url.h"
#include "proxy/headers.h"
#include "proxy/http1_judge.h"

#define LENGTH_DIGITS 19 /* of Content-Length: what a uint64_t surely holds */

struct judge {
	struct http1_head *h;
	struct err *e;
	uint64_t twice;
	enum reason framing; /* what an ambiguous length is called: the client's fault or the upstream's */
};

/* What the Connection fields say (RFC 9110 7.6.1). */
struct options {
	bool close, keep_alive, upgrade;
};

enum offer { OFFER_NONE, OFFER_UPGRADE, OFFER_MALFORMED };

static int judge_host(struct judge *);
static bool is_authority(struct str);
static int judge_target(struct judge *);
static int judge_absolute(struct judge *, struct str);
static int judge_framing(struct judge *);
static int read_length(struct judge *);
static int judge_expect(struct judge *);
static struct options options_of(const struct http1_head *);
static enum offer offer_of(const struct http1_head *);
static bool is_protocol(struct str);
static bool is_token(struct str);

#define ID(name) (UINT64_C(1) << FIELD_##name)

enum http1_result
http1_judge_request(struct http1_head *h, uint64_t twice, struct err *e)
{
	struct judge j = { h, e, twice, REASON_BAD_FRAMING };
	struct options o;

	if (judge_host(&j) == -1 || judge_target(&j) == -1 || judge_framing(&j) == -1 ||
	    judge_expect(&j) == -1)
		return HTTP1_BAD;
	/* The upstream might look at the other one than we do (CVE-2020-25017, CVE-2026-31838). */
	if ((twice & ID(AUTHORIZATION)) != 0)
		return err_set(e, REASON_BAD_REQUEST, "more than one Authorization");
	o = options_of(h);
	h->keep_alive = !o.close && (h->minor == 1 || o.keep_alive);
	h->upgrade = false;
	if (h->minor == 0 || !o.upgrade)
		return HTTP1_DONE;
	switch (offer_of(h)) {
	case OFFER_NONE:
		return HTTP1_DONE;
	case OFFER_MALFORMED:
		return err_set(e, REASON_BAD_UPGRADE, "Upgrade is not a list of protocols");
	case OFFER_UPGRADE:
		break;
	}
	/* Whose bytes follow, the body's or the new protocol's?  (RFC 9110 7.8) */
	if (h->body == BODY_CHUNKED || h->content_length > 0)
		return err_set(e, REASON_BAD_UPGRADE, "an upgrade with a body");
	h->upgrade = true;
	return HTTP1_DONE;
}

enum http1_result
http1_judge_response(struct http1_head *h, uint64_t twice, enum http1_method to, struct err *e)
{
	struct judge j = { h, e, twice, REASON_UPSTREAM_BAD_RESPONSE };
	bool bodiless = h->status < 200 || h->status == 204;
	struct options o = options_of(h);

	if (judge_framing(&j) == -1)
		return HTTP1_BAD;
	if (bodiless && (h->body == BODY_CHUNKED || h->content_length > 0))
		return err_set(e, j.framing, "an answer of status %d with a body", h->status);
	if (bodiless || h->status == 304 || to == METHOD_HEAD)
		h->body = BODY_NONE;
	else if (h->body == BODY_NONE)
		h->body = BODY_UNTIL_CLOSE;
	h->keep_alive = !o.close && (h->minor == 1 || o.keep_alive) && h->body != BODY_UNTIL_CLOSE;
	h->upgrade = h->status == 101 && h->minor == 1 && o.upgrade && offer_of(h) == OFFER_UPGRADE;
	return HTTP1_DONE;
}

/* Exactly one (RFC 9112 3.2), in HTTP/1.0 as well: without it there is no route. */
static int
judge_host(struct judge *j)
{
	struct http1_head *h = j->h;

	if (h->index[FIELD_HOST] == 0)
		return err_set(j->e, REASON_BAD_HOST, "no Host");
	if ((j->twice & ID(HOST)) != 0)
		return err_set(j->e, REASON_BAD_HOST, "more than one Host");
	h->host = h->fields[h->index[FIELD_HOST] - 1].value;
	if (!is_authority(h->host))
		return err_set(
		    j->e, REASON_BAD_HOST, "Host is \"%.*s\", which is not a host", STR_ARG(h->host));
	return 0;
}

/* A host, and perhaps a colon and a port of 1 to 5 digits. */
static bool
is_authority(struct str s)
{
	unsigned port = 0, digits = 0;

	/* The colons of an IPv6 address stand before its bracket. */
	while (digits < s.n && digits < 6 && s.p[s.n - 1 - digits] >= '0' && s.p[s.n - 1 - digits] <= '9')
		digits++;
	if (digits == s.n || s.p[s.n - 1 - digits] != ':')
		return url_is_host(s);
	if (digits == 0 || digits > 5)
		return false;
	for (size_t i = s.n - digits; i < s.n; i++)
		port = 10 * port + (unsigned)(s.p[i] - '0');
	return port <= 65535 && url_is_host((struct str){ s.p, s.n - digits - 1 });
}

/* The four forms of RFC 9112 3.2, of which the authority form belongs to CONNECT only. */
static int
judge_target(struct judge *j)
{
	struct http1_head *h = j->h;

	if (h->path.n > 0 && h->path.p[0] == '/')
		return 0;
	if (str_is(h->target, STR("*")) && h->method_id == METHOD_OPTIONS)
		return 0;
	if (h->path.n >= 7 && strncasecmp(h->path.p, "http://", 7) == 0)
		return judge_absolute(j, str_from(h->path, 7));
	if (h->path.n >= 8 && strncasecmp(h->path.p, "https://", 8) == 0)
		return judge_absolute(j, str_from(h->path, 8));
	return err_set(
	    j->e, REASON_BAD_TARGET, "the request target is neither a path nor an http or https URL");
}

/* rest: what follows "://".  Its authority counts for less than nothing when it is not Host's: who is right?
 */
static int
judge_absolute(struct judge *j, struct str rest)
{
	struct http1_head *h = j->h;
	const char *slash = memchr(rest.p, '/', rest.n);
	struct str authority = { rest.p, slash == NULL ? rest.n : (size_t)(slash - rest.p) };

	if (authority.n == 0 || memchr(authority.p, '@', authority.n) != NULL)
		return err_set(
		    j->e, REASON_BAD_TARGET, "the URL in the request line has no host or names a user");
	if (!str_is_nocase(authority, h->host))
		return err_set(
		    j->e, REASON_BAD_HOST, "the URL in the request line has another host than Host");
	h->path = str_from(rest, authority.n);
	if (h->path.n == 0) /* RFC 9112 3.2.1, and 3.2.4 for the second */
		h->path = h->method_id == METHOD_OPTIONS && h->query.p == NULL ? STR("*") : STR("/");
	return 0;
}

/* RFC 9112 6.3, with every latitude that it leaves refused. */
static int
judge_framing(struct judge *j)
{
	struct http1_head *h = j->h;
	const struct http1_field *coding = http1_get(h, FIELD_TRANSFER_ENCODING);

	h->content_length = 0;
	h->body = BODY_NONE;
	if (h->index[FIELD_CONTENT_LENGTH] != 0 && read_length(j) == -1)
		return -1;
	if (coding == NULL)
		return 0;
	if (h->index[FIELD_CONTENT_LENGTH] != 0)
		return err_set(j->e, j->framing, "both Transfer-Encoding and Content-Length");
	if (h->minor == 0)
		return err_set(j->e, j->framing, "Transfer-Encoding in HTTP/1.0");
	if ((j->twice & ID(TRANSFER_ENCODING)) != 0 || !str_is_nocase(coding->value, STR("chunked")))
		return err_set(j->e, j->framing, "Transfer-Encoding is not \"chunked\" alone");
	h->body = BODY_CHUNKED;
	return 0;
}

static int
read_length(struct judge *j)
{
	struct str s = http1_get(j->h, FIELD_CONTENT_LENGTH)->value;
	uint64_t n = 0;

	if ((j->twice & ID(CONTENT_LENGTH)) != 0)
		return err_set(j->e, j->framing, "more than one Content-Length");
	if (s.n == 0 || s.n > LENGTH_DIGITS)
		return err_set(j->e, j->framing, "a Content-Length of %zu characters", s.n);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return err_set(
			    j->e, j->framing, "Content-Length is \"%.*s\", not a number", STR_ARG(s));
		n = 10 * n + (uint64_t)(s.p[i] - '0');
	}
	j->h->content_length = n;
	j->h->body = BODY_LENGTH;
	return 0;
}

/* RFC 9110 10.1.1 */
static int
judge_expect(struct judge *j)
{
	const struct http1_field *f = http1_get(j->h, FIELD_EXPECT);

	j->h->expect_continue = false;
	if (f == NULL || j->h->minor == 0)
		return 0;
	if ((j->twice & ID(EXPECT)) != 0 || !str_is_nocase(f->value, STR("100-continue")))
		return err_set(j->e, REASON_BAD_EXPECT, "Expect is not \"100-continue\" alone");
	j->h->expect_continue = true;
	return 0;
}

static struct options
options_of(const struct http1_head *h)
{
	struct options o = { false, false, false };

	for (size_t i = h->index[FIELD_CONNECTION]; i != 0 && i <= h->n_fields; i++) {
		struct str rest = h->fields[i - 1].value, one;

		while (h->fields[i - 1].id == FIELD_CONNECTION && str_next(&rest, ',', &one)) {
			one = str_trim(one);
			o.close = o.close || str_is_nocase(one, STR("close"));
			o.keep_alive = o.keep_alive || str_is_nocase(one, STR("keep-alive"));
			o.upgrade = o.upgrade || str_is_nocase(one, STR("upgrade"));
		}
	}
	return o;
}

/* What the Upgrade fields offer (RFC 9110 7.8). */
static enum offer
offer_of(const struct http1_head *h)
{
	static const struct str carriers[] = { { "h2c", 3 }, { "h2", 2 }, { "HTTP", 4 }, { "TLS", 3 } };
	bool any = false, carrier = false;

	for (size_t i = h->index[FIELD_UPGRADE]; i != 0 && i <= h->n_fields; i++) {
		struct str rest = h->fields[i - 1].value, one;

		while (h->fields[i - 1].id == FIELD_UPGRADE && str_next(&rest, ',', &one)) {
			struct str name = one = str_trim(one);

			if (one.n == 0)
				continue;
			if (!is_protocol(one))
				return OFFER_MALFORMED;
			any = true;
			(void)str_next(&one, '/', &name);
			for (size_t k = 0; k < sizeof(carriers) / sizeof(carriers[0]); k++)
				carrier = carrier || str_is_nocase(name, carriers[k]);
		}
	}
	if (h->index[FIELD_UPGRADE] == 0 || carrier)
		return OFFER_NONE;
	return any ? OFFER_UPGRADE : OFFER_MALFORMED;
}

/* token, or token "/" token */
static bool
is_protocol(struct str s)
{
	const char *slash = memchr(s.p, '/', s.n);

	if (slash == NULL)
		return is_token(s);
	return is_token((struct str){ s.p, (size_t)(slash - s.p) }) &&
	       is_token(str_from(s, (size_t)(slash - s.p) + 1));
}

static bool
is_token(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (headers_folded[(unsigned char)s.p[i]] == 0)
			return false;
	return s.n > 0;
}
