/* conf/certs_read.c - files, and the certificates in them; see conf/certs.h */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "conf/certs.h"
#include "conf/file.h"

static int parse_der(struct str, struct certs *, struct err *);
static int parse_pem(BIO *, struct certs *, struct err *);
static int add(struct certs *, X509 *, struct err *);
static int read_names(struct mem *, const char *path, struct conf_strings *, struct err *);
static bool is_certificate_name(const char *);
static int by_name(const void *, const void *);
static void read_entry(const char *directory, const char *name, struct certs *);
static bool is_beneath(const char *path, const char *directory);

int
certs_parse(struct str text, struct certs *out, struct err *e)
{
	BIO *in;
	int r;

	if (text.n > CERTS_FILE_MAX)
		return err_set(e, REASON_CONFIG, "is larger than %zu bytes", CERTS_FILE_MAX);
	if (memmem(text.p, text.n, "-----BEGIN ", 11) == NULL)
		return parse_der(text, out, e);
	in = BIO_new_mem_buf(text.p, (int)text.n);
	if (in == NULL)
		abort(); /* out of memory */
	r = parse_pem(in, out, e);
	BIO_free(in);
	ERR_clear_error();
	return r;
}

static int
parse_der(struct str text, struct certs *out, struct err *e)
{
	const unsigned char *p = (const unsigned char *)text.p, *end = p + text.n;
	X509 *x = text.n == 0 ? NULL : d2i_X509(NULL, &p, (long)text.n);

	ERR_clear_error();
	if (x == NULL || p != end) {
		X509_free(x);
		return err_set(e, REASON_CONFIG, "holds no certificate; write a PEM file");
	}
	return add(out, x, e);
}

/* Block by block, so that a damaged one is noticed, and a key of the same file is not even decoded. */
static int
parse_pem(BIO *in, struct certs *out, struct err *e)
{
	char *name, *header;
	unsigned char *bytes;
	bool any = false;
	int r = 0;
	long n;

	ERR_clear_error();
	while (r == 0 && PEM_read_bio(in, &name, &header, &bytes, &n) == 1) {
		if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0) {
			any = true;
			r = parse_der((struct str){ (const char *)bytes, (size_t)n }, out, e);
		}
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(bytes, (size_t)n);
	}
	if (r == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		r = err_set(e, REASON_CONFIG, "holds a damaged PEM block");
	if (r == 0 && !any)
		r = err_set(e, REASON_CONFIG, "holds no certificate; write a PEM file");
	return r;
}

/* Takes x over.  The same one in a second file adds nothing. */
static int
add(struct certs *c, X509 *x, struct err *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (X509_cmp(c->v[i], x) == 0) {
			X509_free(x);
			return 0;
		}
	if (c->n == CERTS_MAX) {
		X509_free(x);
		return err_set(e, REASON_CONFIG, "more than %d certificates", CERTS_MAX);
	}
	c->v[c->n++] = x;
	return 0;
}

int
certs_read_file(const char *path, struct certs *out, struct err *e)
{
	struct mem *m = mem_new(CERTS_FILE_MAX);
	struct file_text file;
	int r = file_read(m, path, CERTS_FILE_MAX, &file, e);

	if (r == 0)
		r = certs_parse(file.text, out, e);
	out->files++;
	mem_free(&m);
	return r;
}

int
certs_read_directory(const char *path, struct certs *out, struct err *e)
{
	struct mem *m = mem_new(CERTS_FILE_MAX);
	char *directory = realpath(path, NULL), text[128];
	struct conf_strings names = { 0, NULL };
	int r;

	if (directory == NULL)
		r = err_set(e, REASON_CONFIG, "cannot be read: %s", strerror_r(errno, text, sizeof(text)));
	else
		r = read_names(m, directory, &names, e);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		read_entry(directory, names.v[i], out);
	free(directory);
	mem_free(&m);
	return r;
}

static int
read_names(struct mem *m, const char *path, struct conf_strings *out, struct err *e)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	char text[128];
	int r = 0;

	if (d == NULL)
		return err_set(e, REASON_CONFIG, "cannot be read: %s", strerror_r(errno, text, sizeof(text)));
	out->v = mem_zalloc(m, CERTS_FILES_MAX * sizeof(*out->v));
	while (r == 0 && (entry = readdir(d)) != NULL)
		if (!is_certificate_name(entry->d_name))
			continue;
		else if (out->n == CERTS_FILES_MAX)
			r = err_set(e, REASON_CONFIG, "holds more than %d files", CERTS_FILES_MAX);
		else
			out->v[out->n++] = mem_strdup(m, entry->d_name);
	(void)closedir(d);
	qsort(out->v, out->n, sizeof(*out->v), by_name);
	return r;
}

static bool
is_certificate_name(const char *name)
{
	static const char *const ends[] = { ".pem", ".crt", ".cer" };
	size_t n = strlen(name);

	for (size_t i = 0; i < 3 && name[0] != '.'; i++)
		if (n > 4 && strcasecmp(name + n - 4, ends[i]) == 0)
			return true;
	return false;
}

static int
by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* A link may lead about inside of the directory, as Kubernetes' do, not out of it. */
static void
read_entry(const char *directory, const char *name, struct certs *out)
{
	char *path = xprintf("%s/%s", directory, name), *real = realpath(path, NULL);
	struct err ignored;

	if (real != NULL && is_beneath(real, directory) && certs_read_file(real, out, &ignored) == -1)
		out->damaged++;
	free(real);
	free(path);
}

static bool
is_beneath(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return strncmp(path, directory, n) == 0 && (path[n] == '/' || strcmp(directory, "/") == 0);
}
