/*
 * conf/file.h - files that the configuration names
 */
#ifndef CONF_FILE_H
#define CONF_FILE_H
#include <stdbool.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

struct file_text {
	struct str text; /* in the given memory, terminated, wiped with it */
	unsigned mode;   /* permission bits */
};

/*
 * The whole of a regular file of at most `most` bytes.  A sentence without the
 * path otherwise: "cannot be read: No such file or directory".
 */
int file_read(struct mem *m, const char *path, size_t most, struct file_text *out, struct err *e) MUST_CHECK;

/* As file_read(), but a pipe will do: for the configuration file itself. */
int file_read_any(
    struct mem *m, const char *path, size_t most, struct file_text *out, struct err *e) MUST_CHECK;

/* May people read or write it who are neither its owner nor in its group? */
bool file_open_to_others(const struct file_text *f);

/* `path` as seen from the folder of the file that names it; an absolute one is itself. */
char *file_beside(struct mem *m, const char *file, const char *path);

#endif
