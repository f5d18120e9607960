/* proxy/http1.c - see proxy/http1.h */
#include <assert.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "proxy/headers.h"
#include "proxy/http1.h"
#include "proxy/http1_judge.h"
#include "proxy/http1_take.h"

#define EMPTY_LINES 2
#define LANES       32 /* bytes that skip_text() looks at together */

/* A head while it is read.  The functions below move p on. */
struct reader {
	const char *p, *end;
	struct http1_head *h;
	struct err *e;
	enum reason bad; /* what a malformed field is called: the client's fault or the upstream's */
	uint64_t twice;  /* ids of fields that came more than once */
};

static bool may_be_whole(const char *, size_t, size_t);
static enum http1_result read_request_line(struct reader *);
static enum http1_result read_empty_lines(struct reader *);
static enum http1_result read_method(struct reader *);
static enum http1_result read_target(struct reader *, const char *);
static enum http1_result read_version(struct reader *, enum reason);
static enum http1_result read_status_line(struct reader *);
static enum http1_result read_reason(struct reader *);
static enum http1_result read_fields(struct reader *);
static enum http1_result read_field(struct reader *);
static enum http1_result read_line_end(struct reader *);
static const char *skip_text(const char *, const char *);
static inline size_t text_lanes(const char *);
#ifdef __SSE2__
static inline unsigned control_lanes(const char *);
#endif
static inline enum http1_result keep_field(struct reader *, struct str, struct str, uint32_t);
static enum field_id id_of(struct str, uint32_t);
static_assert((int)HTTP1_BAD == -1, "err_set() returns HTTP1_BAD");
static_assert(FIELD_COUNT <= 64, "a set of field ids fits a uint64_t");
static_assert(HTTP1_FIELDS_MAX < 256, "http1_head.index counts in bytes");

static const struct str field_names[FIELD_COUNT] = { [FIELD_OTHER] = { "", 0 },
#define X(id, name) [FIELD_##id] = { name, sizeof(name) - 1 },
	HTTP1_FIELD_NAMES(X)
#undef X
};

/*
 * Where a name's fold leads: no two of our names to the same slot.  SLOTS_MIX
 * was searched for; the unit test "every field name has a slot of its own"
 * searches anew and prints both when a name was added.
 */
#define SLOTS_MIX  0x9e377cf3u
#define SLOTS_BITS 7
static const uint8_t slots[1 << SLOTS_BITS] = {
	[3] = FIELD_SEC_FETCH_DEST,
	[5] = FIELD_PROXY_AUTHENTICATE,
	[6] = FIELD_X_FORWARDED_FOR,
	[7] = FIELD_X_FORWARDED_PORT,
	[12] = FIELD_FORWARDED,
	[15] = FIELD_ORIGIN,
	[17] = FIELD_CONTENT_TYPE,
	[20] = FIELD_EXPIRES,
	[24] = FIELD_EXPECT,
	[30] = FIELD_STRICT_TRANSPORT_SECURITY,
	[32] = FIELD_LOCATION,
	[41] = FIELD_SEC_FETCH_MODE,
	[42] = FIELD_DATE,
	[47] = FIELD_ACCEPT,
	[52] = FIELD_ACCESS_CONTROL_REQUEST_METHOD,
	[59] = FIELD_UPGRADE,
	[62] = FIELD_X_FORWARDED_PREFIX,
	[63] = FIELD_TRANSFER_ENCODING,
	[66] = FIELD_TRAILER,
	[68] = FIELD_CACHE_CONTROL,
	[69] = FIELD_X_REQUEST_ID,
	[70] = FIELD_X_REAL_IP,
	[72] = FIELD_TE,
	[84] = FIELD_SET_COOKIE,
	[85] = FIELD_X_REQUESTED_WITH,
	[88] = FIELD_COOKIE,
	[92] = FIELD_KEEP_ALIVE,
	[97] = FIELD_AUTHORIZATION,
	[100] = FIELD_PROXY_CONNECTION,
	[103] = FIELD_HOST,
	[104] = FIELD_PROXY_AUTHORIZATION,
	[106] = FIELD_SEC_FETCH_SITE,
	[108] = FIELD_CONNECTION,
	[109] = FIELD_X_FORWARDED_PROTO,
	[110] = FIELD_HTTP2_SETTINGS,
	[111] = FIELD_CONTENT_LENGTH,
	[113] = FIELD_X_FORWARDED_HOST,
};

enum http1_result
http1_parse_request(const char *p, size_t n, size_t *scanned, struct http1_head *out, struct err *e)
{
	struct reader r = { p, p + n, out, e, REASON_BAD_REQUEST, 0 };
	enum http1_result result = HTTP1_MORE;

	if (*scanned == 0 || may_be_whole(p, n, *scanned)) {
		result = read_request_line(&r);
		if (result == HTTP1_DONE)
			result = read_fields(&r);
		if (result == HTTP1_DONE)
			result = http1_judge_request(out, r.twice, e);
	}
	*scanned = result == HTTP1_MORE ? n : 0;
	out->size = (size_t)(r.p - p);
	return result;
}

enum http1_result
http1_parse_response(
    const char *p, size_t n, size_t *scanned, enum http1_method to, struct http1_head *out, struct err *e)
{
	struct reader r = { p, p + n, out, e, REASON_UPSTREAM_BAD_RESPONSE, 0 };
	enum http1_result result = HTTP1_MORE;

	if (*scanned == 0 || may_be_whole(p, n, *scanned)) {
		result = read_status_line(&r);
		if (result == HTTP1_DONE)
			result = read_fields(&r);
		if (result == HTTP1_DONE)
			result = http1_judge_response(out, r.twice, to, e);
	}
	*scanned = result == HTTP1_MORE ? n : 0;
	out->size = (size_t)(r.p - p);
	return result;
}

/*
 * Has an end of head come since the last call, or a line end that the reader
 * will refuse?  Only then are the bytes read again, from the start: so a head
 * that trickles in costs no more than two readings.
 */
static bool
may_be_whole(const char *p, size_t n, size_t scanned)
{
	while (scanned < n) {
		const char *lf = memchr(p + scanned, '\n', n - scanned);
		size_t at;

		if (lf == NULL)
			return false;
		at = (size_t)(lf - p);
		if (at == 0 || p[at - 1] != '\r' || (at >= 2 && p[at - 2] == '\n'))
			return true;
		scanned = at + 1;
	}
	return false;
}

/* --- the first line --------------------------------------------------------------------------- */

static enum http1_result
read_request_line(struct reader *r)
{
	enum http1_result result = read_empty_lines(r);
	const char *begin = r->p;

	if (result == HTTP1_DONE)
		result = read_method(r);
	if (result == HTTP1_DONE)
		result = read_target(r, begin);
	if (result == HTTP1_DONE)
		result = read_version(r, REASON_BAD_VERSION);
	if (result == HTTP1_DONE)
		result = read_line_end(r);
	return result;
}

/* Some clients send a CRLF too many behind a body (RFC 9112 2.2). */
static enum http1_result
read_empty_lines(struct reader *r)
{
	for (int i = 0; r->p < r->end && *r->p == '\r'; i++) {
		enum http1_result result;

		if (i == EMPTY_LINES)
			return err_set(
			    r->e, r->bad, "more than %d empty lines before the request", EMPTY_LINES);
		if ((result = read_line_end(r)) != HTTP1_DONE)
			return result;
	}
	return HTTP1_DONE;
}

static enum http1_result
read_method(struct reader *r)
{
	const char *p = r->p;
	struct str *method = &r->h->method;

	while (p < r->end && headers_folded[(unsigned char)*p] != 0 && p - r->p <= HTTP1_METHOD_MAX)
		p++;
	*method = (struct str){ r->p, (size_t)(p - r->p) };
	if (method->n > HTTP1_METHOD_MAX)
		return err_set(
		    r->e, REASON_BAD_METHOD, "a method of more than %d characters", HTTP1_METHOD_MAX);
	if (p == r->end)
		return HTTP1_MORE;
	if (method->n == 0 || *p != ' ')
		return err_set(r->e, r->bad, "byte 0x%02x where a method or the space behind it belongs",
		    (unsigned char)*p);
	r->p = p + 1;
	return http1_take_known(r->h, r->e) == -1 ? HTTP1_BAD : HTTP1_DONE;
}

/* The space behind the target included.  begin: of the request line. */
static enum http1_result
read_target(struct reader *r, const char *begin)
{
	const ptrdiff_t max = HTTP1_REQUEST_LINE_MAX - (ptrdiff_t)strlen("HTTP/1.1");
	const char *p = r->p, *stop = r->end - begin < max ? r->end : begin + max;
	struct http1_head *h = r->h;

	while (p < stop && (http1_take_bytes[(unsigned char)*p] & HTTP1_IN_PATH) != 0)
		p++;
	h->path = (struct str){ r->p, (size_t)(p - r->p) };
	h->query = (struct str){ NULL, 0 };
	if (p < stop && *p == '?') {
		h->query.p = ++p;
		while (p < stop && (http1_take_bytes[(unsigned char)*p] & HTTP1_IN_QUERY) != 0)
			p++;
		h->query.n = (size_t)(p - h->query.p);
	}
	h->target = (struct str){ r->p, (size_t)(p - r->p) };
	if (p - begin == max)
		return err_set(r->e, REASON_HEADER_TOO_LARGE, "a request line of more than %d bytes",
		    HTTP1_REQUEST_LINE_MAX);
	if (p == r->end)
		return HTTP1_MORE;
	if (*p == '\r' || *p == '\n' || (*p == ' ' && h->target.n == 0))
		return err_set(r->e, r->bad, "the request line has no target or no version");
	if (*p != ' ')
		return err_set(
		    r->e, REASON_BAD_TARGET, "byte 0x%02x in the request target", (unsigned char)*p);
	r->p = p + 1;
	return HTTP1_DONE;
}

/* "HTTP/1.0" or "HTTP/1.1"; `other` is the reason for other versions. */
static enum http1_result
read_version(struct reader *r, enum reason other)
{
	static const char form[] = "HTTP/1.1";
	const char *p = r->p;
	size_t i;

	for (i = 0; i < sizeof(form) - 1 && p + i < r->end; i++) {
		bool digit = p[i] >= '0' && p[i] <= '9';

		if (p[i] != form[i] && !(digit && (i == 5 || i == 7)))
			return err_set(
			    r->e, r->bad, "byte 0x%02x where \"HTTP/1.1\" belongs", (unsigned char)p[i]);
	}
	if (i < sizeof(form) - 1)
		return HTTP1_MORE;
	if (p[5] != '1' || p[7] > '1')
		return err_set(r->e, other, "HTTP/%c.%c, which is neither 1.0 nor 1.1", p[5], p[7]);
	r->h->minor = p[7] - '0';
	r->p = p + i;
	return HTTP1_DONE;
}

static enum http1_result
read_status_line(struct reader *r)
{
	enum http1_result result = read_version(r, r->bad);
	int status = 0;

	if (result != HTTP1_DONE)
		return result;
	for (int i = 0; i < 4; i++, r->p++) {
		if (r->p == r->end)
			return HTTP1_MORE;
		if (i == 0 ? *r->p != ' ' : *r->p < '0' || *r->p > '9')
			return err_set(r->e, r->bad, "no status of three digits behind the version");
		if (i > 0)
			status = 10 * status + (*r->p - '0');
	}
	if (status < 100)
		return err_set(r->e, r->bad, "the status %03d", status);
	r->h->status = status;
	return read_reason(r);
}

/* Some servers leave the space out with the reason phrase, against RFC 9112 4. */
static enum http1_result
read_reason(struct reader *r)
{
	if (r->p == r->end)
		return HTTP1_MORE;
	if (*r->p == ' ')
		r->p = skip_text(r->p, r->end);
	return read_line_end(r);
}

/* --- the fields ------------------------------------------------------------------------------- */

/* The empty line that ends them included. */
static enum http1_result
read_fields(struct reader *r)
{
	enum http1_result result;

	r->h->n_fields = 0;
	memset(r->h->index, 0, sizeof(r->h->index));
	do {
		if (r->p == r->end)
			return HTTP1_MORE;
		if (*r->p == '\r')
			return read_line_end(r);
		result = read_field(r);
	} while (result == HTTP1_DONE);
	return result;
}

static enum http1_result
read_field(struct reader *r)
{
	const char *p = r->p, *end = r->end;
	struct str name, value;
	unsigned char folded;
	uint32_t fold = 0;

	for (; p < end && (folded = headers_folded[(unsigned char)*p]) != 0; p++)
		fold = headers_fold_next(fold, folded);
	if (p == end)
		return HTTP1_MORE;
	name = (struct str){ r->p, (size_t)(p - r->p) };
	/* So falls a folded line too (RFC 9112 5.2), and a space before the colon (5.1). */
	if (*p != ':' || name.n == 0)
		return err_set(r->e, r->bad, "byte 0x%02x in or before the name of field %zu",
		    (unsigned char)*p, r->h->n_fields + 1);
	do
		p++;
	while (p < end && (*p == ' ' || *p == '\t'));
	value.p = p;
	p = skip_text(p, end);
	value.n = (size_t)(p - value.p);
	while (value.n > 0 && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	r->p = p;
	if (end - p < 2 || p[0] != '\r' || p[1] != '\n')
		return read_line_end(r);
	r->p = p + 2;
	return keep_field(r, name, value, fold);
}

/* CRLF, and neither of them alone: who takes a bare one for a line end sees other fields than we do. */
static enum http1_result
read_line_end(struct reader *r)
{
	for (int i = 0; i < 2; i++, r->p++) {
		if (r->p == r->end)
			return HTTP1_MORE;
		if (*r->p != "\r\n"[i])
			return err_set(r->e, r->bad,
			    "byte 0x%02x where the line should go on or end with CRLF", (unsigned char)*r->p);
	}
	return HTTP1_DONE;
}

/* To the first control character that is not HTAB (RFC 9110 5.5), or to the end. */
static const char *
skip_text(const char *p, const char *end)
{
	while (end - p >= LANES) {
		size_t n = text_lanes(p);

		p += n;
		if (n == LANES)
			continue;
		if (*p != '\t')
			return p;
		p++;
	}
	while (p < end && (((unsigned char)*p >= 0x20 && *p != 0x7f) || *p == '\t'))
		p++;
	return p;
}

/* How many of the next LANES bytes stand before the first control character? */
static inline size_t
text_lanes(const char *p)
{
#ifdef __SSE2__
	unsigned bad = control_lanes(p) | control_lanes(p + 16) << 16;

	return bad == 0 ? LANES : (size_t)__builtin_ctz(bad);
#else
	size_t n = 0;

	while (n < LANES && (unsigned char)p[n] >= 0x20 && p[n] != 0x7f)
		n++;
	return n;
#endif
}

#ifdef __SSE2__
/* A bit for each of 16 bytes: is it a control character? */
static inline unsigned
control_lanes(const char *p)
{
	__m128i text = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(text, _mm_set1_epi8(0x7f))));
}
#endif

/* Inline: it runs for every field of HTTP/1.1, and has a second caller. */
__attribute__((always_inline)) static inline enum http1_result
keep_field(struct reader *r, struct str name, struct str value, uint32_t fold)
{
	struct http1_head *h = r->h;
	enum field_id id = id_of(name, fold);
	bool plain;

	if (h->n_fields == HTTP1_FIELDS_MAX)
		return err_set(r->e, r->bad == REASON_BAD_REQUEST ? REASON_HEADER_TOO_LARGE : r->bad,
		    "more than %d header fields", HTTP1_FIELDS_MAX);
	plain = value.p == name.p + name.n + 2 && value.p[-1] == ' ' && value.p + value.n + 2 == r->p;
	h->fields[h->n_fields++] = (struct http1_field){ name, value, fold, (uint16_t)id, false, plain };
	if (id == FIELD_OTHER)
		return HTTP1_DONE;
	if (h->index[id] == 0)
		h->index[id] = (uint8_t)h->n_fields;
	else
		r->twice |= UINT64_C(1) << id;
	return HTTP1_DONE;
}

static enum field_id
id_of(struct str name, uint32_t fold)
{
	enum field_id id = slots[(fold * SLOTS_MIX) >> (32 - SLOTS_BITS)];
	const char *is = field_names[id].p;

	if (name.n != field_names[id].n)
		return FIELD_OTHER;
	/* Both are tokens, and `is` has no upper case: so the bit that makes lower case of letters makes no
	 * other pair equal. */
	for (size_t i = 0; i < name.n; i++)
		if ((name.p[i] | 0x20) != is[i])
			return FIELD_OTHER;
	return id;
}

const struct http1_field *
http1_get(const struct http1_head *h, enum field_id id)
{
	return h->index[id] == 0 ? NULL : &h->fields[h->index[id] - 1];
}

/* --- a head that comes in pieces -------------------------------------------------------------- */

int
http1_take_field(struct http1_head *h, struct str name, struct str value, uint64_t *twice, struct err *e)
{
	struct reader r = { NULL, NULL, h, e, REASON_BAD_REQUEST, *twice };
	uint32_t fold = 0;

	for (size_t i = 0; i < name.n; i++) {
		unsigned char folded = headers_folded[(unsigned char)name.p[i]];

		if (folded == 0)
			return err_set(e, r.bad, "byte 0x%02x in the name of field %zu",
			    (unsigned char)name.p[i], h->n_fields + 1);
		fold = headers_fold_next(fold, folded);
	}
	if (name.n == 0)
		return err_set(e, r.bad, "field %zu has no name", h->n_fields + 1);
	if (value.n > 0 && skip_text(value.p, value.p + value.n) != value.p + value.n)
		return err_set(e, r.bad, "a control character in field %zu", h->n_fields + 1);
	if (keep_field(&r, name, value, fold) == HTTP1_BAD)
		return -1;
	*twice = r.twice;
	return 0;
}

/* --- a head being written --------------------------------------------------------------------- */

void
http1_put_field(struct http1_out *o, struct str name, struct str value)
{
	if (value.n > 0 && skip_text(value.p, value.p + value.n) != value.p + value.n)
		o->over = true;
	http1_put(o, name);
	http1_put(o, STR(": "));
	http1_put(o, value);
	http1_put(o, STR("\r\n"));
}

/* What was received has been looked at, byte for byte. */
void
http1_copy_field(struct http1_out *o, struct str *run, const struct http1_field *f)
{
	const size_t size = f->name.n + 2 + f->value.n + 2;

	if (f->plain && run->n > 0 && run->p + run->n == f->name.p) {
		run->n += size;
		return;
	}
	http1_copy_end(o, run);
	if (f->plain)
		*run = (struct str){ f->name.p, size };
	else
		http1_put_field(o, f->name, f->value);
}

void
http1_copy_end(struct http1_out *o, struct str *run)
{
	if (run->n > 0)
		http1_put(o, *run);
	run->n = 0;
}

void
http1_put_number(struct http1_out *o, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	http1_put(o, (struct str){ digits + i, sizeof(digits) - i });
}
