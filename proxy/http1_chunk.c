/* proxy/http1_chunk.c - the chunked coding: see proxy/http1.h */
#include "proxy/headers.h"
#include "proxy/http1.h"

#define SIZE_DIGITS   16
#define EXTENSION_MAX 256
#define TRAILERS_MAX  8192

enum chunk_state {
	CHUNK_SIZE, /* the first digit */
	CHUNK_DIGITS,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER, /* the first byte of a trailer, or of the last CRLF */
	CHUNK_NAME,
	CHUNK_VALUE,
	CHUNK_TRAILER_LF,
	CHUNK_LAST_LF,
	CHUNK_END,
	CHUNK_BROKEN,
};

static int chunk_byte(struct http1_chunks *, unsigned char, struct err *);
static int size_byte(struct http1_chunks *, unsigned char, struct err *);
static int trailer_byte(struct http1_chunks *, unsigned char, struct err *);
static int expect(struct http1_chunks *, bool, enum chunk_state, struct err *);
static const char *place_of(int);
static int hex_of(unsigned char);
static bool is_text(unsigned char);

void
http1_chunks_init(struct http1_chunks *c)
{
	*c = (struct http1_chunks){ .state = CHUNK_SIZE };
}

enum http1_result
http1_chunks_next(
    struct http1_chunks *c, const char *p, size_t n, size_t *used, struct str *data, struct err *e)
{
	size_t i = 0;

	*used = 0;
	*data = (struct str){ p, 0 };
	if (c->state == CHUNK_BROKEN)
		return err_set(e, REASON_BAD_FRAMING, "the chunked coding was wrong before");
	while (i < n && c->state != CHUNK_END) {
		if (c->state != CHUNK_DATA) {
			if (chunk_byte(c, (unsigned char)p[i++], e) == -1) {
				c->state = CHUNK_BROKEN;
				data->n = 0;
				return HTTP1_BAD;
			}
			continue;
		}
		if (data->n > 0)
			break;
		*data = (struct str){ p + i, c->left < n - i ? (size_t)c->left : n - i };
		i += data->n;
		c->left -= data->n;
		if (c->left == 0)
			c->state = CHUNK_DATA_CR;
	}
	*used = i;
	return c->state == CHUNK_END ? HTTP1_DONE : HTTP1_MORE;
}

/* One byte of what is not data. */
static int
chunk_byte(struct http1_chunks *c, unsigned char b, struct err *e)
{
	switch ((enum chunk_state)c->state) {
	case CHUNK_SIZE:
	case CHUNK_DIGITS:
	case CHUNK_EXTENSION:
		return size_byte(c, b, e);
	case CHUNK_SIZE_LF:
		c->line = 0;
		return expect(c, b == '\n', c->left == 0 ? CHUNK_TRAILER : CHUNK_DATA, e);
	case CHUNK_DATA_CR:
		return expect(c, b == '\r', CHUNK_DATA_LF, e);
	case CHUNK_DATA_LF:
		return expect(c, b == '\n', CHUNK_SIZE, e);
	case CHUNK_TRAILER:
		if (b == '\r')
			return expect(c, true, CHUNK_LAST_LF, e);
		return trailer_byte(c, b, e);
	case CHUNK_NAME:
	case CHUNK_VALUE:
		return trailer_byte(c, b, e);
	case CHUNK_TRAILER_LF:
		c->line = 0;
		return expect(c, b == '\n', CHUNK_TRAILER, e);
	case CHUNK_LAST_LF:
		return expect(c, b == '\n', CHUNK_END, e);
	case CHUNK_DATA:
	case CHUNK_END:
	case CHUNK_BROKEN:
		break;
	}
	return expect(c, false, CHUNK_BROKEN, e);
}

/* "1a2b", and then CR or an extension, of which nothing is known but that it ends with the line (RFC
 * 9112 7.1.1). */
static int
size_byte(struct http1_chunks *c, unsigned char b, struct err *e)
{
	int digit = hex_of(b);

	if (c->state == CHUNK_EXTENSION) {
		if (b == '\r')
			return expect(c, true, CHUNK_SIZE_LF, e);
		return expect(c, is_text(b) && ++c->line <= EXTENSION_MAX, CHUNK_EXTENSION, e);
	}
	if (digit >= 0) {
		c->left = c->left << 4 | (uint64_t)digit;
		return expect(c, ++c->line <= SIZE_DIGITS, CHUNK_DIGITS, e);
	}
	if (c->state == CHUNK_SIZE || (b != ';' && b != '\r'))
		return expect(c, false, CHUNK_BROKEN, e);
	c->line = 0;
	return expect(c, true, b == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF, e);
}

/* "name: value": a trailer that is no field is no trailer. */
static int
trailer_byte(struct http1_chunks *c, unsigned char b, struct err *e)
{
	if (++c->trailer > TRAILERS_MAX)
		return err_set(e, REASON_BAD_FRAMING, "trailers of more than %d bytes", TRAILERS_MAX);
	if (c->state == CHUNK_VALUE) {
		if (b == '\r')
			return expect(c, true, CHUNK_TRAILER_LF, e);
		return expect(c, is_text(b), CHUNK_VALUE, e);
	}
	if (b == ':')
		return expect(c, c->line > 0, CHUNK_VALUE, e);
	c->line++;
	return expect(c, headers_folded[b] != 0, CHUNK_NAME, e);
}

/* Go on to `next` if the byte was right. */
static int
expect(struct http1_chunks *c, bool ok, enum chunk_state next, struct err *e)
{
	if (!ok)
		return err_set(
		    e, REASON_BAD_FRAMING, "the chunked coding is wrong in %s", place_of(c->state));
	c->state = (int)next;
	return 0;
}

static const char *
place_of(int state)
{
	if (state == CHUNK_EXTENSION)
		return "a chunk's extension";
	if (state == CHUNK_DATA_CR || state == CHUNK_DATA_LF)
		return "the line end behind a chunk";
	return state >= CHUNK_TRAILER ? "a trailer" : "a chunk's size";
}

static int
hex_of(unsigned char b)
{
	if (b >= '0' && b <= '9')
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

static bool
is_text(unsigned char b)
{
	return (b >= 0x20 && b != 0x7f) || b == '\t';
}

size_t
http1_chunk_head(char out[20], uint64_t size)
{
	size_t n = 1, i;

	for (uint64_t rest = size >> 4; rest > 0; rest >>= 4)
		n++;
	for (i = n; i > 0; size >>= 4)
		out[--i] = "0123456789abcdef"[size & 15];
	out[n] = '\r';
	out[n + 1] = '\n';
	return n + 2;
}
