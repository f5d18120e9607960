/* conf/mem.c - see conf/mem.h */
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/mem.h"

#define FIRST_BLOCK 4096
#define NEXT_BLOCK  8192

struct block {
	struct block *next;
	size_t cap;
	size_t used;
	alignas(max_align_t) char bytes[];
};

struct farewell {
	struct farewell *next;
	void (*fn)(void *);
	void *arg;
};

struct secret {
	size_t n;
	alignas(max_align_t) unsigned char bytes[];
};

struct mem {
	struct block *block; /* newest; the oldest is `first` */
	struct block *first; /* kept over mem_reset() */
	struct farewell *farewells;
	size_t total;
	size_t budget;
};

static void run_farewells(struct mem *);
static void wipe_secret(void *);
_Noreturn static void out_of_memory(void);

static struct block *
block_new(size_t cap)
{
	struct block *b = xmalloc(sizeof(*b) + cap);

	b->next = NULL;
	b->cap = cap;
	b->used = 0;
	return b;
}

struct mem *
mem_new(size_t budget)
{
	struct mem *m = xcalloc(1, sizeof(*m));

	m->block = m->first = block_new(FIRST_BLOCK);
	m->budget = budget;
	return m;
}

void
mem_reset(struct mem *m)
{
	run_farewells(m);
	while (m->block != m->first) {
		struct block *b = m->block;

		m->block = b->next;
		free(b);
	}
	m->first->used = 0;
	m->total = 0;
}

void
mem_free(struct mem **m)
{
	if (*m == NULL)
		return;
	mem_reset(*m);
	free((*m)->first);
	free(*m);
	*m = NULL;
}

int
mem_overrun(const struct mem *m)
{
	return m->total > m->budget;
}

void *
mem_alloc(struct mem *m, size_t n)
{
	struct block *b = m->block;
	void *p;

	if (n > SIZE_MAX / 2)
		out_of_memory();
	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	m->total += n;
	if (b->cap - b->used < n) {
		struct block *more = block_new(n > NEXT_BLOCK ? n : NEXT_BLOCK);

		more->next = b;
		m->block = b = more;
	}
	p = b->bytes + b->used;
	b->used += n;
	return p;
}

void *
mem_zalloc(struct mem *m, size_t n)
{
	return memset(mem_alloc(m, n), 0, n);
}

char *
mem_text(struct mem *m, struct str s)
{
	char *p = mem_alloc(m, s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

char *
mem_strdup(struct mem *m, const char *s)
{
	return mem_text(m, str_of(s));
}

struct str
mem_str(struct mem *m, struct str s)
{
	return (struct str){ mem_text(m, s), s.n };
}

/* Straight into the newest block, where mem_alloc() takes from next; once more where that is too little. */
char *
mem_printf(struct mem *m, const char *fmt, ...)
{
	const struct block *b = m->block;
	size_t room = b->cap - b->used;
	char *there = m->block->bytes + b->used, *p;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(there, room, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	p = mem_alloc(m, (size_t)n + 1);
	if (p == there)
		return p;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void *
mem_secret(struct mem *m, size_t n)
{
	struct secret *s = mem_zalloc(m, sizeof(*s) + n);

	s->n = n;
	mem_on_free(m, wipe_secret, s);
	return s->bytes;
}

void
mem_on_free(struct mem *m, void (*fn)(void *), void *arg)
{
	struct farewell *f = mem_alloc(m, sizeof(*f));

	f->fn = fn;
	f->arg = arg;
	f->next = m->farewells;
	m->farewells = f;
}

static void
run_farewells(struct mem *m)
{
	struct farewell *f;

	while ((f = m->farewells) != NULL) {
		m->farewells = f->next;
		f->fn(f->arg);
	}
}

static void
wipe_secret(void *arg)
{
	struct secret *s = arg;

	OPENSSL_cleanse(s->bytes, s->n);
}

void *
xmalloc(size_t n)
{
	void *p = malloc(n == 0 ? 1 : n);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = calloc(n == 0 ? 1 : n, size == 0 ? 1 : size);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xrealloc(void *p, size_t n)
{
	p = realloc(p, n == 0 ? 1 : n);
	if (p == NULL)
		out_of_memory();
	return p;
}

char *
xstrndup(const char *s, size_t n)
{
	char *p = xmalloc(n + 1);

	if (n > 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *
xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *
xprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory();
	p = xmalloc((size_t)n + 1);
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

_Noreturn static void
out_of_memory(void)
{
	(void)fputs("workflow-proxy: out of memory\n", stderr);
	abort();
}
