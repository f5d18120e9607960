/* conf/notes.c - see conf/notes.h */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "conf/notes.h"

#define MOST 500 /* a file with more mistakes is none of ours */

struct note {
	size_t place, nth;
	struct conf_message message;
};

struct notes {
	struct conf_place *places;
	size_t n_places, room;
	struct note v[MOST];
	size_t n, unsaid;
};

static void add(struct notes *, size_t, struct conf_message);
static char *text_of(const struct notes *, size_t, const char *, const char *, va_list);
static int by_place(const void *, const void *);

struct notes *
notes_new(const char *file)
{
	struct notes *n = xcalloc(1, sizeof(*n));

	(void)notes_place(n, file, 1);
	return n;
}

void
notes_free(struct notes **n)
{
	if (*n == NULL)
		return;
	for (size_t i = 0; i < (*n)->n; i++)
		free((*n)->v[i].message.text);
	free((*n)->places);
	free(*n);
	*n = NULL;
}

size_t
notes_place(struct notes *n, const char *file, int line)
{
	if (n->n_places == n->room) {
		n->room = n->room == 0 ? 256 : n->room * 2;
		n->places = xrealloc(n->places, n->room * sizeof(*n->places));
	}
	n->places[n->n_places] = (struct conf_place){ file, line };
	return n->n_places++;
}

struct conf_place
notes_at(const struct notes *n, size_t place)
{
	return n->places[place];
}

void
notes_mistake(struct notes *n, size_t place, const char *label, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(n, place, (struct conf_message){ false, text_of(n, place, label, fmt, ap) });
	va_end(ap);
}

void
notes_warning(struct notes *n, size_t place, const char *label, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(n, place, (struct conf_message){ true, text_of(n, place, label, fmt, ap) });
	va_end(ap);
}

static void
add(struct notes *n, size_t place, struct conf_message m)
{
	if (n->n == MOST) {
		n->unsaid++;
		free(m.text);
		return;
	}
	n->v[n->n] = (struct note){ place, n->n, m };
	n->n++;
}

static char *
text_of(const struct notes *n, size_t place, const char *label, const char *fmt, va_list ap)
{
	const struct conf_place *at = &n->places[place];
	char sentence[1024];

	(void)vsnprintf(sentence, sizeof(sentence), fmt, ap);
	return xprintf("%s:%d: %s%s%s", at->file, at->line, label, label[0] == '\0' ? "" : ": ", sentence);
}

struct notes_quoted
notes_quote(struct str foreign)
{
	struct notes_quoted q = { "\"" };
	size_t n;

	n = log_quote(q.text + 1, sizeof(q.text) - 5, foreign);
	(void)snprintf(
	    q.text + 1 + n, sizeof(q.text) - 1 - n, "%s\"", n + 8 >= sizeof(q.text) - 5 ? "..." : "");
	return q;
}

void
notes_report(struct notes *n, struct conf_report *out)
{
	qsort(n->v, n->n, sizeof(n->v[0]), by_place);
	out->v = xcalloc(n->n + 1, sizeof(*out->v));
	for (size_t i = 0; i < n->n; i++) {
		out->v[i] = n->v[i].message;
		out->mistakes += out->v[i].warning ? 0 : 1;
	}
	out->n = n->n;
	if (n->unsaid > 0) {
		out->v[out->n++] =
		    (struct conf_message){ false, xprintf("%s:%d: %zu more are not listed; mend these first",
						      n->places[0].file, n->places[0].line, n->unsaid) };
		out->mistakes++;
	}
	n->n = n->unsaid = 0;
}

static int
by_place(const void *a, const void *b)
{
	const struct note *x = a, *y = b;

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return x->nth < y->nth ? -1 : 1;
}
