/* conf/file.c - see conf/file.h */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/file.h"

static int read_all(int, struct mem *, size_t, struct file_text *, struct err *);
static int cannot(struct err *, int);

int
file_read(struct mem *m, const char *path, size_t most, struct file_text *out, struct err *e)
{
	struct stat st;

	/* Opening a pipe would wait for its writer. */
	if (stat(path, &st) == -1)
		return cannot(e, errno);
	if (!S_ISREG(st.st_mode))
		return err_set(e, REASON_CONFIG, "is not a regular file");
	return file_read_any(m, path, most, out, e);
}

int
file_read_any(struct mem *m, const char *path, size_t most, struct file_text *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r;

	if (fd == -1)
		return cannot(e, errno);
	r = read_all(fd, m, most, out, e);
	(void)close(fd);
	return r;
}

/* Pieces of a pipe come in any size, so the buffer grows; every one is wiped with its memory. */
static int
read_all(int fd, struct mem *m, size_t most, struct file_text *out, struct err *e)
{
	size_t cap, n = 0;
	struct stat st;
	char *p;

	if (fstat(fd, &st) == -1)
		return cannot(e, errno);
	cap = S_ISREG(st.st_mode) && st.st_size >= 0 && (size_t)st.st_size <= most ? (size_t)st.st_size + 2
										   : 4096;
	p = mem_secret(m, cap);
	for (;;) {
		ssize_t got = read(fd, p + n, cap - 1 - n);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return cannot(e, errno);
		if (got == 0)
			break;
		n += (size_t)got;
		if (n > most)
			return err_set(e, REASON_CONFIG, "is larger than %zu bytes", most);
		if (n == cap - 1) {
			char *more = mem_secret(m, cap * 2);

			memcpy(more, p, n);
			p = more;
			cap *= 2;
		}
	}
	p[n] = '\0';
	*out = (struct file_text){ { p, n }, (unsigned)st.st_mode & 07777 };
	return 0;
}

static int
cannot(struct err *e, int error)
{
	char text[128];

	return err_set(e, REASON_CONFIG, "cannot be read: %s", strerror_r(error, text, sizeof(text)));
}

bool
file_open_to_others(const struct file_text *f)
{
	return (f->mode & (S_IROTH | S_IWOTH)) != 0;
}

char *
file_beside(struct mem *m, const char *file, const char *path)
{
	const char *slash = strrchr(file, '/');

	if (path[0] == '/' || slash == NULL)
		return mem_strdup(m, path);
	return mem_printf(m, "%.*s/%s", (int)(slash - file), file, path);
}
