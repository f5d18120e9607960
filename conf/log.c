/* conf/log.c - see conf/log.h */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "conf/log.h"
#include "conf/utf8.h"

#define TEXT_MAX  2048 /* of one sentence, before quoting */
#define LINE_ROOM 8192 /* room for three values of LOG_VALUE_MAX and what stands round them */
#define PATIENCE  200  /* ms that a non-blocking descriptor may take before a line is dropped */

/* Where lines go.  The lock makes a line whole even when the kernel takes it in pieces. */
struct sink {
	pthread_mutex_t lock;
	int fd;    /* -1: nowhere */
	bool ours; /* opened by us, so closed by us */
	bool torn; /* the last line was not finished: begin with a new one */
};

static struct sink lines = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO };
static struct sink records = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };
static atomic_int level_now = LOG_LEVEL_INFO;
static atomic_bool json_now;
static atomic_bool access_now;

/* Bytes that stand between quotes as they are; the others have to be looked at. */
static const bool plain[256] = { [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true };

static int sink_open(const char *key, const char *file, int standard, struct err *);
static void sink_set(struct sink *, int fd);
static void sink_write(struct sink *, const char *, size_t);
static size_t write_all(int fd, const char *, size_t);
static bool is_writable_soon(int fd);
static void line(enum log_level, const char *id, enum reason, const char *fmt, va_list) PRINTF(4, 0);
static void line_print(enum log_level, const char *id, enum reason, const char *fmt, va_list) PRINTF(4, 0);
static inline void put(struct log_record *, const char *, size_t);
static void put_time(struct log_record *);
static void put_digits(char *at, unsigned width, unsigned n);
static void put_key(struct log_record *, const char *key);
static void put_quoted(struct log_record *, struct str);
static size_t plain_run(struct str);
static bool is_bare(struct str);
static size_t quote(char *out, size_t room, struct str *text);
static size_t quote_one(char out[6], struct str text, size_t *used);
static size_t quote_hex(char out[6], uint32_t c);

int
log_open(const struct log_setup *s, struct err *e)
{
	bool on = strcmp(s->access, "off") != 0;
	int file, access = -1;

	file = sink_open("log.file", s->file, STDERR_FILENO, e);
	if (file < 0)
		return -1;
	if (on && (access = sink_open("log.access", s->access, STDOUT_FILENO, e)) < 0) {
		if (file != STDERR_FILENO)
			(void)close(file);
		return -1;
	}
	atomic_store(&level_now, (int)s->level);
	atomic_store(&json_now, s->format == LOG_FORMAT_JSON);
	atomic_store(&access_now, on);
	sink_set(&lines, file);
	sink_set(&records, access);
	return 0;
}

/* O_NONBLOCK only for the opening: a FIFO without a reader is a mistake, not a reason to hang. */
static int
sink_open(const char *key, const char *file, int standard, struct err *e)
{
	int fd, flags;

	if (strcmp(file, "-") == 0)
		return standard;
	fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (fd < 0)
		return err_set(
		    e, REASON_CONFIG, "%s: cannot open %s for appending: %s", key, file, strerror(errno));
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0) {
		err_set(e, REASON_CONFIG, "%s: %s: %s", key, file, strerror(errno));
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void
sink_set(struct sink *s, int fd)
{
	int old;

	pthread_mutex_lock(&s->lock);
	old = s->ours ? s->fd : -1;
	s->fd = fd;
	s->ours = fd > STDERR_FILENO;
	s->torn = false;
	pthread_mutex_unlock(&s->lock);
	if (old >= 0)
		(void)close(old);
}

void
log_close(void)
{
	atomic_store(&level_now, LOG_LEVEL_INFO);
	atomic_store(&json_now, false);
	atomic_store(&access_now, false);
	sink_set(&lines, STDERR_FILENO);
	sink_set(&records, -1);
}

enum log_level
log_level(void)
{
	return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

bool
log_access_on(void)
{
	return atomic_load_explicit(&access_now, memory_order_relaxed);
}

void
log_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(LOG_LEVEL_ERROR, NULL, REASON_NONE, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(LOG_LEVEL_WARN, NULL, REASON_NONE, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(LOG_LEVEL_INFO, NULL, REASON_NONE, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(LOG_LEVEL_DEBUG, NULL, REASON_NONE, fmt, ap);
	va_end(ap);
}

void
log_request(enum log_level level, const char *id, enum reason r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line(level, id, r, fmt, ap);
	va_end(ap);
}

static void
line(enum log_level level, const char *id, enum reason r, const char *fmt, va_list ap)
{
	int was = errno;

	if (level <= log_level())
		line_print(level, id, r, fmt, ap);
	errno = was;
}

/* On its own, so that a line nobody wants does not cost the buffers. */
static void
line_print(enum log_level level, const char *id, enum reason reason, const char *fmt, va_list ap)
{
	static const char *const words[] = { "error", "warn", "info", "debug" };
	char text[TEXT_MAX], buf[LINE_ROOM];
	struct log_record r = { .buf = buf, .cap = sizeof(buf) };

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		return;
	log_record_begin(&r);
	log_record_str(&r, "level", str_of(words[level]));
	log_record_str(&r, "msg", str_of(text));
	log_record_str(&r, "request_id", str_of(id));
	log_record_str(&r, "reason", str_of(reason_word(reason)));
	log_record_end(&r);
	sink_write(&lines, buf, r.n);
}

void
log_access_write(const char *bytes, size_t n)
{
	int was = errno;

	if (n > 0)
		sink_write(&records, bytes, n);
	errno = was;
}

static void
sink_write(struct sink *s, const char *p, size_t n)
{
	size_t taken;

	pthread_mutex_lock(&s->lock);
	if (s->torn && write_all(s->fd, "\n", 1) == 1)
		s->torn = false;
	if (s->fd >= 0 && !s->torn) {
		taken = write_all(s->fd, p, n);
		s->torn = taken > 0 && taken < n && p[taken - 1] != '\n';
	}
	pthread_mutex_unlock(&s->lock);
}

/* How many bytes were taken; fewer than n when the file is full, the reader is gone or asleep. */
static size_t
write_all(int fd, const char *p, size_t n)
{
	size_t done = 0;
	ssize_t w;

	while (done < n) {
		w = write(fd, p + done, n - done);
		if (w > 0)
			done += (size_t)w;
		else if (w == 0 || (errno != EINTR && !(errno == EAGAIN && is_writable_soon(fd))))
			break;
	}
	return done;
}

static bool
is_writable_soon(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, PATIENCE) != 0;
}

void
log_record_begin(struct log_record *r)
{
	r->start = r->n;
	r->overflow = false;
	r->json = atomic_load_explicit(&json_now, memory_order_relaxed);
	if (r->json)
		put(r, "{\"ts\":\"", 7);
	else
		put(r, "ts=", 3);
	put_time(r);
	if (r->json)
		put(r, "\"", 1);
}

/* The date changes once a second, so each thread keeps its text. */
static void
put_time(struct log_record *r)
{
	static _Thread_local char text[] = "1970-01-01T00:00:00.000Z";
	static _Thread_local time_t written = -1;
	struct timespec now;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != written && gmtime_r(&now.tv_sec, &tm) != NULL) {
		put_digits(text, 4, (unsigned)tm.tm_year + 1900);
		put_digits(text + 5, 2, (unsigned)tm.tm_mon + 1);
		put_digits(text + 8, 2, (unsigned)tm.tm_mday);
		put_digits(text + 11, 2, (unsigned)tm.tm_hour);
		put_digits(text + 14, 2, (unsigned)tm.tm_min);
		put_digits(text + 17, 2, (unsigned)tm.tm_sec);
		written = now.tv_sec;
	}
	put_digits(text + 20, 3, (unsigned)(now.tv_nsec / 1000000));
	put(r, text, sizeof(text) - 1);
}

static void
put_digits(char *at, unsigned width, unsigned n)
{
	while (width > 0) {
		at[--width] = (char)('0' + n % 10);
		n /= 10;
	}
}

void
log_record_str(struct log_record *r, const char *key, struct str value)
{
	if (value.n == 0)
		return;
	put_key(r, key);
	if (!r->json && value.n <= LOG_VALUE_MAX && is_bare(value)) {
		put(r, value.p, value.n);
		return;
	}
	put(r, "\"", 1);
	put_quoted(r, value);
	put(r, "\"", 1);
}

void
log_record_num(struct log_record *r, const char *key, long long value)
{
	unsigned long long left = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
	char text[24], *p = text + sizeof(text);

	do
		*--p = (char)('0' + left % 10);
	while ((left /= 10) > 0);
	if (value < 0)
		*--p = '-';
	put_key(r, key);
	put(r, p, (size_t)(text + sizeof(text) - p));
}

void
log_record_end(struct log_record *r)
{
	put(r, r->json ? "}\n" : "\n", r->json ? 2 : 1);
	if (r->overflow)
		r->n = r->start;
}

static inline void
put(struct log_record *r, const char *p, size_t n)
{
	if (r->overflow || r->cap - r->n < n) {
		r->overflow = true;
		return;
	}
	memcpy(r->buf + r->n, p, n);
	r->n += n;
}

/* ` key=` or `,"key":`.  Keys are ours: plain words, nothing to quote. */
static void
put_key(struct log_record *r, const char *key)
{
	size_t k = strlen(key), n = k + (r->json ? 4 : 2);
	char *at = r->buf + r->n;

	if (r->overflow || r->cap - r->n < n) {
		r->overflow = true;
		return;
	}
	*at++ = r->json ? ',' : ' ';
	if (r->json)
		*at++ = '"';
	memcpy(at, key, k);
	at += k;
	if (r->json)
		*at++ = '"';
	*at = r->json ? ':' : '=';
	r->n += n;
}

static void
put_quoted(struct log_record *r, struct str value)
{
	size_t room = r->cap - r->n;

	if (r->overflow)
		return;
	if (room > LOG_VALUE_MAX)
		room = LOG_VALUE_MAX;
	r->n += quote(r->buf + r->n, room, &value);
	if (value.n == 0)
		return;
	if (room == LOG_VALUE_MAX)
		put(r, "...", 3);
	else
		r->overflow = true;
}

/* EVERY(b): b in all eight bytes.  ANY_...(w): is one of its eight bytes so? Exact as a yes or no. */
#define EVERY(b)        (0x0101010101010101ULL * (b))
#define ANY_BELOW(w, b) (((w)-EVERY(b)) & ~(w)&EVERY(0x80))
#define ANY_ZERO(w)     ANY_BELOW(w, 1)
#define ANY_IS(w, b)    ANY_ZERO((w) ^ EVERY(b))

/* How many bytes s begins with that stand between quotes as they are.  Eight at a time: access records are
 * hot. */
static size_t
plain_run(struct str s)
{
	size_t n = 0;
	uint64_t w;

	for (; n + sizeof(w) <= s.n; n += sizeof(w)) {
		memcpy(&w, s.p + n, sizeof(w));
		if ((w & EVERY(0x80)) != 0 ||
		    (ANY_BELOW(w, 0x20) | ANY_IS(w, '"') | ANY_IS(w, '\\') | ANY_IS(w, 0x7f)) != 0)
			break;
	}
	while (n < s.n && plain[(unsigned char)s.p[n]])
		n++;
	return n;
}

/* Needs no quotes in logfmt. */
static bool
is_bare(struct str s)
{
	return plain_run(s) == s.n && memchr(s.p, ' ', s.n) == NULL && memchr(s.p, '=', s.n) == NULL;
}

size_t
log_quote(char *out, size_t cap, struct str text)
{
	size_t n;

	if (cap == 0)
		return 0;
	n = quote(out, cap - 1, &text);
	out[n] = '\0';
	return n;
}

/* Takes from *text what fits into out[room] as whole characters and escapes; returns the bytes written. */
static size_t
quote(char *out, size_t room, struct str *text)
{
	size_t n = 0, run, used;
	char one[6];

	while (text->n > 0) {
		run = plain_run(*text);
		if (run > room - n)
			run = room - n;
		memcpy(out + n, text->p, run);
		n += run;
		*text = str_from(*text, run);
		if (text->n == 0)
			break;
		run = quote_one(one, *text, &used);
		if (run > room - n)
			break;
		memcpy(out + n, one, run);
		n += run;
		*text = str_from(*text, used);
	}
	return n;
}

/* The first character of text as it may stand between quotes; *used: how many bytes it was. */
static size_t
quote_one(char out[6], struct str text, size_t *used)
{
	static const char shorts[] =
	    "\"\"\\\\\nn\rr\tt"; /* pairs: the byte, what stands behind the backslash */
	unsigned char first = (unsigned char)text.p[0];
	uint32_t c;

	*used = 1;
	for (size_t i = 0; i + 1 < sizeof(shorts); i += 2)
		if ((unsigned char)shorts[i] == first) {
			out[0] = '\\';
			out[1] = shorts[i + 1];
			return 2;
		}
	if (plain[first]) {
		out[0] = (char)first;
		return 1;
	}
	*used = utf8_first(text, &c);
	if (*used == 0) {
		*used = 1;
		return quote_hex(out, first);
	}
	if (utf8_is_confusing(c))
		return quote_hex(out, c);
	memcpy(out, text.p, *used);
	return *used;
}

static size_t
quote_hex(char out[6], uint32_t c)
{
	static const char digits[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'u';
	for (unsigned i = 0; i < 4; i++)
		out[2 + i] = digits[c >> (12 - 4 * i) & 0xf];
	return 6;
}
