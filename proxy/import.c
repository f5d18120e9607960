/* proxy/import.c - see proxy/import.h */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/file.h"
#include "oidc/xml.h"
#include "proxy/finding.h"
#include "proxy/import_impl.h"

static bool is_encrypted(const struct webconfig *);
static const char *elsewhere(const struct webconfig *, struct mem *);
static int import(const char *, const char *, struct mem *, FILE *);
static int write_out(struct str, struct err *);
static int write_file(struct mem *, const char *, struct str, struct err *);
static int write_all(int, struct str);
static int fail(FILE *, const char *, const char *);
static void say(FILE *, const char *, const char *);

int
import_text(struct str webconfig, bool hide_secrets, struct mem *m, struct import_result *out, struct err *e)
{
	struct webconfig w;
	struct import i = { .m = m, .w = &w, .hide_secrets = hide_secrets, .path = "" };

	*out = (struct import_result){ .n_warnings = 0 };
	if (webconfig_parse(webconfig, m, &w, e) == -1)
		return -1;
	i.elsewhere = elsewhere(&w, m);
	i.encrypted = is_encrypted(&w);
	if (!import_wfgen(&i) && !import_cora(&i))
		return err_set(e, REASON_CONFIG, "%s%s%s",
		    i.encrypted ? "its settings are encrypted; decrypt them first (aspnet_regiis -pdf)"
				: "has no settings of WorkflowGen (ApplicationSecurityAuth...) or of Cora "
				  "SeQuence (discoveryKind, ...)",
		    i.elsewhere == NULL ? "" : "; some are in another file, which is not read: ",
		    i.elsewhere == NULL ? "" : i.elsewhere);
	*out = (struct import_result){ { i.text, i.n }, i.warnings, i.n_warnings, i.secrets };
	return 0;
}

static bool
is_encrypted(const struct webconfig *w)
{
	for (size_t k = 0; k < w->n_elements; k++)
		if (strcmp(w->elements[k].name, "EncryptedData") == 0)
			return true;
	return false;
}

/* Where settings go on: `file` of appSettings, and `configSource` of whatever may hold some. */
static const char *
elsewhere(const struct webconfig *w, struct mem *m)
{
	const char *all = NULL;
	size_t n = 0;

	for (size_t k = 0; k < w->n_elements && n < 8; k++) {
		const char *file = webconfig_attribute(w, k, "configSource");

		if (file == NULL && strcasecmp(w->elements[k].name, "appSettings") == 0)
			file = webconfig_attribute(w, k, "file");
		if (file == NULL || strcasecmp(w->elements[k].name, "connectionStrings") == 0)
			continue;
		if (!import_is_name(file))
			file = "(its name is no text)";
		all = n++ == 0 ? file : mem_printf(m, "%s, %s", all, file);
	}
	return all;
}

/* --- the verb --------------------------------------------------------------------- */

int
import_run(const char *in, const char *out, FILE *errors)
{
	struct mem *m = mem_new(SIZE_MAX);
	int status = import(in, out, m, errors);

	mem_free(&m);
	return status;
}

static int
import(const char *in, const char *out, struct mem *m, FILE *errors)
{
	struct import_result result;
	struct file_text text;
	struct err e;

	if (file_read_any(m, in, XML_SIZE_MAX, &text, &e) == -1 ||
	    import_text(text.text, out == NULL && isatty(STDOUT_FILENO) == 1, m, &result, &e) == -1)
		return fail(errors, in, e.text);
	if (out == NULL && write_out(result.text, &e) == -1)
		return fail(errors, "standard output", e.text);
	if (out != NULL && write_file(m, out, result.text, &e) == -1)
		return fail(errors, out, e.text);
	for (size_t k = 0; k < result.n_warnings; k++)
		say(errors, in, mem_printf(m, "warning: %s", result.warnings[k]));
	if (result.secrets && out == NULL)
		say(errors, in,
		    "warning: what was written holds secrets in clear; keep it from other people's eyes "
		    "(-o makes a file that only you can read)");
	return 0;
}

static int
write_out(struct str text, struct err *e)
{
	char why[128];

	if (write_all(STDOUT_FILENO, text) == 0)
		return 0;
	return err_set(e, REASON_CONFIG, "cannot be written: %s", strerror_r(errno, why, sizeof(why)));
}

/* Whole or not at all: beside itself first, then under its name, which link() never takes from another file.
 */
static int
write_file(struct mem *m, const char *path, struct str text, struct err *e)
{
	char *beside = mem_printf(m, "%s.XXXXXX", path), why[128];
	int fd, r, error;

	if (access(path, F_OK) == 0)
		return err_set(e, REASON_CONFIG, "is there already, and is not overwritten");
	fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
	if (fd == -1)
		return err_set(
		    e, REASON_CONFIG, "cannot be written: %s", strerror_r(errno, why, sizeof(why)));
	r = write_all(fd, text) == 0 && fsync(fd) == 0 && link(beside, path) == 0 ? 0 : -1;
	error = errno;
	(void)close(fd);
	(void)unlink(beside);
	if (r == -1 && error == EEXIST)
		return err_set(e, REASON_CONFIG, "is there already, and is not overwritten");
	if (r == -1)
		return err_set(
		    e, REASON_CONFIG, "cannot be written: %s", strerror_r(error, why, sizeof(why)));
	return 0;
}

static int
write_all(int fd, struct str text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		text = str_from(text, (size_t)n);
	}
	return 0;
}

static int
fail(FILE *errors, const char *file, const char *why)
{
	say(errors, file, why);
	return 1;
}

static void
say(FILE *errors, const char *file, const char *what)
{
	(void)fputs("workflow-proxy: ", errors);
	finding_print(errors, str_of(file));
	(void)fputs(": ", errors);
	finding_print(errors, str_of(what));
	(void)fputc('\n', errors);
}
