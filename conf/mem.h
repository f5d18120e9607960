/*
 * conf/mem.h - memory that lives exactly as long as one request
 *
 * Everything a request learns (its path, its cookies, the claims, an answer of
 * our own) is allocated here and given back together.  Nothing inside is ever
 * freed alone, so steps have no cleanup ladders.
 *
 * Not for: what outlives a request (sessions, keys, connections), bodies
 * (they stay in the streams), and secrets (wipe those yourself; mem_secret()
 * wipes for you).
 *
 * No call here can fail.  Out of memory ends the process (the supervisor
 * starts it again); past its budget a request still gets its memory, but
 * mem_overrun() turns true and the road ends the request.
 */
#ifndef CONF_MEM_H
#define CONF_MEM_H
#include <stddef.h>
#include "conf/err.h"
#include "conf/str.h"

struct mem;

/* `budget`: bytes past which mem_overrun() is true. */
struct mem *mem_new(size_t budget);
void mem_free(struct mem **m); /* runs mem_on_free()s, newest first; safe on NULL */
void mem_reset(struct mem *m); /* the same, but keeps the first block for the next request */
int mem_overrun(const struct mem *m);

void *mem_alloc(struct mem *m, size_t n); /* not zeroed; aligned for any type */
void *mem_zalloc(struct mem *m, size_t n);
char *mem_strdup(struct mem *m, const char *s);
char *mem_text(struct mem *m, struct str s);     /* a terminated copy */
struct str mem_str(struct mem *m, struct str s); /* a copy, terminated as well */
char *mem_printf(struct mem *m, const char *fmt, ...) PRINTF(2, 3);

/* n zeroed bytes that are wiped before they are given back. */
void *mem_secret(struct mem *m, size_t n);

/*
 * Adopt a library's object: fn(arg) runs when the memory goes.  Write a wrapper
 * of exactly this type round json_decref() and the like; never cast a function.
 */
void mem_on_free(struct mem *m, void (*fn)(void *), void *arg);

/* malloc and friends that end the process instead of failing, for what outlives a request. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xprintf(const char *fmt, ...) PRINTF(1, 2);

#endif
