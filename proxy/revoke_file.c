/* proxy/revoke_file.c - see proxy/revoke_file.h */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "proxy/revoke_file.h"
#include "proxy/worker.h"

#define LINE_MOST   1024      /* bytes; the longest that is written has far less */
#define PIECE       65536     /* bytes of one read or write */
#define SMALL       (1 << 20) /* bytes below which a file is not written anew for its size */
#define RETRY_AFTER 1         /* seconds between two attempts to write it anew */

struct waiting {
	struct waiting *next;
	struct revoke_op *op;
};

struct file {
	struct revoke_sink sink; /* first */
	char *path, *beside, *folder;
	struct revoked *table;
	struct post *home;
	pthread_mutex_t lock;
	struct waiting *first, **last; /* under lock */
	/* the rest is the main thread's */
	int fd;
	off_t size, whole; /* now, and when it was written anew */
	bool broken;       /* what it holds is not certain: it must be written anew */
	int64_t tried;     /* seconds since 1970: when that failed last */
};

static int open_locked(struct file *, struct err *);
static int read_all(struct file *, int64_t now, struct err *);
static int read_lines(struct file *, struct str *text, size_t *number, int64_t now, struct err *);
static void keep(struct revoke_sink *, struct revoke_op *);
static void write_waiting(void *);
static int put(struct file *, const struct waiting *, struct err *);
static bool is_in_place(const struct file *);
static int append(struct file *, struct str, struct err *);
static int write_anew(struct file *, int64_t now, struct err *);
static int write_table(struct file *, int fd, int64_t now);
static int write_all(int fd, const char *, size_t);
static int sync_folder(const struct file *);
static int failed(const struct file *, const char *what, struct err *);

struct revoke_sink *
revoke_file_open(const char *path, struct revoked *table, struct post *home, int64_t now, struct err *e)
{
	struct file *f = xcalloc(1, sizeof(*f));
	struct revoke_sink *sink = &f->sink;
	const char *slash = strrchr(path, '/');

	f->sink.keep = keep;
	f->path = xstrdup(path);
	f->beside = xprintf("%s.new", path);
	f->folder = slash == NULL ? xstrdup(".") : xstrndup(path, (size_t)(slash - path) + 1);
	f->table = table;
	f->home = home;
	f->last = &f->first;
	(void)pthread_mutex_init(&f->lock, NULL);
	f->fd = -1;
	if (open_locked(f, e) == 0 && read_all(f, now, e) == 0 && write_anew(f, now, e) == 0)
		return sink;
	e->reason = REASON_CONFIG;
	revoke_file_close(&sink);
	return NULL;
}

void
revoke_file_close(struct revoke_sink **sink)
{
	struct file *f = (struct file *)(void *)*sink;

	*sink = NULL;
	if (f == NULL)
		return;
	if (f->fd != -1)
		(void)close(f->fd);
	(void)pthread_mutex_destroy(&f->lock);
	free(f->path);
	free(f->beside);
	free(f->folder);
	free(f);
}

/* --- at the start --- */

/* Two that write one file would each lose what the other wrote. */
static int
open_locked(struct file *f, struct err *e)
{
	struct stat mine, there;

	f->fd = open(f->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (f->fd == -1)
		return failed(f, "cannot be opened", e);
	if (fstat(f->fd, &mine) == -1 || !S_ISREG(mine.st_mode))
		return err_set(e, REASON_CONFIG, "session.revocations: %s is no file", f->path);
	if (flock(f->fd, LOCK_EX | LOCK_NB) == -1)
		return err_set(
		    e, REASON_CONFIG, "session.revocations: %s is in use by another process", f->path);
	/* The other one may have written it anew just now, and have ended. */
	if (stat(f->path, &there) == -1 || mine.st_ino != there.st_ino)
		return err_set(e, REASON_CONFIG, "session.revocations: %s was replaced meanwhile", f->path);
	return 0;
}

static int
read_all(struct file *f, int64_t now, struct err *e)
{
	char *room = xmalloc(PIECE + LINE_MOST);
	size_t have = 0, number = 1;
	struct str text;
	ssize_t n;
	int result = 0;

	while (result == 0 && (n = read(f->fd, room + have, PIECE)) != 0) {
		if (n == -1) {
			result = failed(f, "cannot be read", e);
			break;
		}
		text = (struct str){ room, have + (size_t)n };
		result = read_lines(f, &text, &number, now, e);
		memmove(room, text.p, text.n);
		have = text.n;
	}
	if (result == 0 && have > 0)
		log_warn("session.revocations: %s: line %zu was not written to its end, and never "
			 "acknowledged: it is left out",
		    f->path, number);
	free(room);
	return result;
}

/* Whole lines; *text is what is left. */
static int
read_lines(struct file *f, struct str *text, size_t *number, int64_t now, struct err *e)
{
	struct mem *m = mem_new(SIZE_MAX);
	const char *end;
	int result = 0;

	while (result == 0 && (end = memchr(text->p, '\n', text->n)) != NULL) {
		struct str line = { text->p, (size_t)(end - text->p) };
		struct revocation x;

		if (line.n > LINE_MOST || !revocation_parse(line, m, &x))
			result = err_set(e, REASON_CONFIG,
			    "session.revocations: %s: line %zu is no revocation: is it the right file?",
			    f->path, *number);
		else if (revoked_end(f->table, &x, now) == -1)
			result = err_set(e, REASON_CONFIG,
			    "session.revocations: %s: line %zu: the table of ended sessions is full", f->path,
			    *number);
		*text = str_from(*text, line.n + 1);
		++*number;
		mem_reset(m);
	}
	if (result == 0 && text->n > LINE_MOST)
		result = err_set(e, REASON_CONFIG,
		    "session.revocations: %s: line %zu is no revocation: is it the right file?", f->path,
		    *number);
	mem_free(&m);
	return result;
}

/* --- while it runs --- */

/* On a worker's thread: over to the main one. */
static void
keep(struct revoke_sink *sink, struct revoke_op *op)
{
	struct file *f = (struct file *)(void *)sink;
	struct waiting *w = xcalloc(1, sizeof(*w));
	bool first;

	w->op = op;
	(void)pthread_mutex_lock(&f->lock);
	first = f->first == NULL;
	*f->last = w;
	f->last = &w->next;
	(void)pthread_mutex_unlock(&f->lock);
	if (first)
		post_send(f->home, write_waiting, f);
}

static void
write_waiting(void *arg)
{
	struct file *f = arg;
	struct waiting *all, *next;
	struct err e = { .reason = REASON_NONE };
	int result;

	(void)pthread_mutex_lock(&f->lock);
	all = f->first;
	f->first = NULL;
	f->last = &f->first;
	(void)pthread_mutex_unlock(&f->lock);
	result = put(f, all, &e);
	if (result == -1)
		log_request(LOG_LEVEL_ERROR, NULL, e.reason, "%s", e.text);
	for (; all != NULL; all = next) {
		next = all->next;
		revoke_kept(all->op, result == 0 ? NULL : &e);
		free(all);
	}
}

/* Written anew it holds the whole table, and so what waits as well. */
static int
put(struct file *f, const struct waiting *w, struct err *e)
{
	int64_t now = clock_seconds();
	struct mem *m;
	char *text;
	size_t n = 0, i, len = 0;
	int result;

	if (!f->broken && !is_in_place(f)) {
		log_warn(
		    "session.revocations: %s was replaced or changed by somebody else; it is written anew",
		    f->path);
		f->broken = true;
		f->tried = 0;
	}
	if (f->broken || f->size > 2 * f->whole + SMALL) {
		if (f->broken && now >= f->tried && now - f->tried < RETRY_AFTER)
			return err_set(e, REASON_REVOCATION_UNKEPT,
			    "session.revocations: %s could not be written a moment ago", f->path);
		f->tried = now;
		return write_anew(f, now, e);
	}
	m = mem_new(SIZE_MAX);
	for (const struct waiting *one = w; one != NULL; one = one->next) {
		(void)revoke_list(one->op, &i);
		n += i;
	}
	text = mem_alloc(m, n * (LINE_MOST + 1));
	for (; w != NULL; w = w->next) {
		const struct revocation *x = revoke_list(w->op, &n);

		for (i = 0; i < n; i++) {
			struct str line = revocation_print(&x[i], m);

			memcpy(text + len, line.p, line.n);
			text[len + line.n] = '\n';
			len += line.n + 1;
		}
	}
	result = append(f, (struct str){ text, len }, e);
	mem_free(&m);
	return result;
}

/* What is appended to a file that was moved away, or cut, is not there at the next start. */
static bool
is_in_place(const struct file *f)
{
	struct stat mine, there;

	return fstat(f->fd, &mine) == 0 && stat(f->path, &there) == 0 && mine.st_dev == there.st_dev &&
	       mine.st_ino == there.st_ino && mine.st_size == f->size;
}

/* After a failure nobody knows what the disk has (fsync(2)): then it is written anew. */
static int
append(struct file *f, struct str text, struct err *e)
{
	if (write_all(f->fd, text.p, text.n) == -1 || fdatasync(f->fd) == -1) {
		f->broken = true;
		f->tried = clock_seconds();
		return failed(f, "cannot be written", e);
	}
	f->size += (off_t)text.n;
	return 0;
}

/* --- anew --- */

/* Whole and on the disk before it takes the other's place. */
static int
write_anew(struct file *f, int64_t now, struct err *e)
{
	int fd = open(f->beside, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	f->broken = true;
	if (fd == -1)
		return failed(f, "cannot be written anew beside it", e);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1 || write_table(f, fd, now) == -1 || fsync(fd) == -1 ||
	    fstat(fd, &st) == -1 || rename(f->beside, f->path) == -1) {
		(void)failed(f, "cannot be written anew", e);
		(void)unlink(f->beside);
		(void)close(fd);
		return -1;
	}
	(void)close(f->fd);
	f->fd = fd;
	f->size = f->whole = st.st_size;
	if (sync_folder(f) == -1)
		return failed(f, "is not certain to keep its name", e);
	f->broken = false;
	return 0;
}

static int
write_table(struct file *f, int fd, int64_t now)
{
	struct mem *m = mem_new(SIZE_MAX);
	char *room = xmalloc(PIECE);
	size_t at = 0, n = 0;
	struct revocation x;
	int result = 0;

	while (result == 0 && revoked_next(f->table, &at, now, m, &x)) {
		struct str line = revocation_print(&x, m);

		if (n + line.n + 1 > PIECE) {
			result = write_all(fd, room, n);
			n = 0;
		}
		memcpy(room + n, line.p, line.n);
		room[n + line.n] = '\n';
		n += line.n + 1;
		mem_reset(m);
	}
	if (result == 0)
		result = write_all(fd, room, n);
	free(room);
	mem_free(&m);
	return result;
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done == -1 && errno == EINTR)
			continue;
		if (done == -1)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static int
sync_folder(const struct file *f)
{
	int fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;

	if (fd == -1)
		return -1;
	result = fsync(fd);
	(void)close(fd);
	return result;
}

static int
failed(const struct file *f, const char *what, struct err *e)
{
	return err_set(
	    e, REASON_REVOCATION_UNKEPT, "session.revocations: %s %s: %s", f->path, what, strerror(errno));
}
