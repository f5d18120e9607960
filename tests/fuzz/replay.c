/*
 * tests/fuzz/replay.c - a fuzz target as a plain program
 *
 * replay FOLDER runs every regular file of FOLDER through the target it is
 * linked with and says "NAME: N seeds", NAME being the folder's.  A folder
 * that is missing or empty fails: a target without seeds tests nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char *name_of(char *);
static long replay_folder(const char *);
static long replay_file(const char *, const char *);
static long replay_bytes(FILE *, size_t);

int
main(int argc, char **argv)
{
	long n;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: replay FOLDER\n");
		return 2;
	}
	if ((n = replay_folder(argv[1])) < 0)
		return 1;
	(void)printf("%s: %ld seeds\n", name_of(argv[1]), n);
	if (n == 0)
		(void)fprintf(stderr, "replay: %s holds no seeds\n", argv[1]);
	return n == 0;
}

static const char *
name_of(char *folder)
{
	size_t n = strlen(folder);
	const char *slash;

	while (n > 1 && folder[n - 1] == '/')
		folder[--n] = '\0';
	slash = strrchr(folder, '/');
	return slash == NULL ? folder : slash + 1;
}

static long
replay_folder(const char *folder)
{
	struct dirent **list;
	int n = scandir(folder, &list, NULL, alphasort);
	long seeds = 0;

	if (n < 0) {
		perror(folder);
		return -1;
	}
	for (int i = 0; i < n; i++) {
		long one = seeds < 0 ? 0 : replay_file(folder, list[i]->d_name);

		seeds = one < 0 ? -1 : seeds + one;
		free(list[i]);
	}
	free(list);
	return seeds;
}

/* 1: done; 0: not a regular file; -1: cannot be read. */
static long
replay_file(const char *folder, const char *name)
{
	char path[4096];
	struct stat st;
	FILE *f;
	long done;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path) ||
	    stat(path, &st) != 0) {
		perror(name);
		return -1;
	}
	if (!S_ISREG(st.st_mode))
		return 0;
	if ((f = fopen(path, "rb")) == NULL) {
		perror(path);
		return -1;
	}
	done = replay_bytes(f, (size_t)st.st_size);
	if (done < 0)
		perror(path);
	(void)fclose(f);
	return done;
}

static long
replay_bytes(FILE *f, size_t n)
{
	/* Exactly as large as the seed, so that a sanitizer sees a read past its end. */
	uint8_t *bytes = malloc(n == 0 ? 1 : n);

	if (bytes == NULL || fread(bytes, 1, n, f) != n) {
		free(bytes);
		return -1;
	}
	(void)LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	return 1;
}
