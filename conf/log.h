/*
 * conf/log.h - what the operator reads
 *
 * log_err: the operator must act.  log_warn: a provider or upstream
 * misbehaved and we coped.  log_info: start, stop, reload, sign-ins.
 * log_debug: every step of a request.
 *
 * A line is one record of key=value pairs (logfmt) or one JSON object.  The
 * text of a record may hold foreign bytes: they are quoted here, in one
 * place, and cut at a bound.  Nobody passes a token, a code, a secret, a
 * cookie value or a callback's query to any of these, at any level.
 *
 * May be called from every thread; a line is written whole.
 */
#ifndef CONF_LOG_H
#define CONF_LOG_H
#include <stdbool.h>
#include <stddef.h>
#include "conf/err.h"
#include "conf/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_setup {
	enum log_level level;
	enum log_format format;
	const char *file;   /* "-": standard error */
	const char *access; /* "-": standard output; "off": none */
};

/*
 * Open the files; the old ones stay when this fails (REASON_CONFIG).  Call it
 * again after a reload or for SIGUSR1.  Until the first call, and after
 * log_close(), lines go to standard error and access records nowhere.
 */
int log_open(const struct log_setup *s, struct err *e) MUST_CHECK;
void log_close(void);           /* no other thread may log at that moment */
enum log_level log_level(void); /* for callers that must not even format a debug line */

void log_err(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);
void log_debug(const char *fmt, ...) PRINTF(1, 2);
/* The same, as part of a request: `id` is its X-Request-Id; NULL and REASON_NONE leave their fields out. */
void log_request(enum log_level level, const char *id, enum reason r, const char *fmt, ...) PRINTF(4, 5);

/*
 * A record that is put together field by field, for the access log: the
 * caller's buffer collects records and is handed over with log_access_write().
 */
struct log_record {
	char *buf;
	size_t cap, n; /* n: bytes filled; a record that does not fit is dropped whole */
	size_t start;  /* where the current record begins */
	bool overflow;
	bool json; /* the format of the current record */
};
#define LOG_VALUE_MAX 2048 /* bytes of one value, quoted; a longer one is cut and ends with "..." */
bool log_access_on(void);
void log_record_begin(struct log_record *r);                                  /* writes the time */
void log_record_str(struct log_record *r, const char *key, struct str value); /* "" is left out */
void log_record_num(struct log_record *r, const char *key, long long value);
void log_record_end(struct log_record *r);
/* Whole records only.  Waits for a slow pipe; drops them when the file takes no more. */
void log_access_write(const char *bytes, size_t n);

/*
 * Append foreign text to out[cap] so that it can stand inside double quotes of
 * logfmt and JSON alike: quotes, backslashes, controls, bytes that are not
 * UTF-8 (as \u00XX) and characters that would turn the reader's screen round
 * (bidirectional overrides, line separators) become escapes.  Never writes past
 * cap, never cuts an escape or a character in two, always terminates (cap > 0),
 * returns the length written.
 */
size_t log_quote(char *out, size_t cap, struct str text);

#endif
