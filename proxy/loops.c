/* proxy/loops.c - see proxy/loops.h */
#include <stdlib.h>

#include "conf/mem.h"
#include "conf/secret.h"
#include "proxy/loops.h"

#define ENTRIES 256

struct entry {
	uint64_t hash;
	int64_t since;
	unsigned n;
};

struct loops {
	uint64_t seed;
	struct entry entries[ENTRIES];
};

static uint64_t mix(uint64_t, struct str);

struct loops *
loops_new(void)
{
	struct loops *l = xcalloc(1, sizeof(*l));

	secret_random(&l->seed, sizeof(l->seed));
	return l;
}

void
loops_free(struct loops **l)
{
	free(*l);
	*l = NULL;
}

bool
loops_count(struct loops *l, struct str who, struct str page, int64_t now_ms)
{
	uint64_t hash = mix(mix(l->seed, who), page);
	struct entry *e = &l->entries[hash % ENTRIES];

	if (e->hash != hash || now_ms - e->since > LOOPS_WINDOW) {
		e->hash = hash;
		e->since = now_ms;
		e->n = 0;
	}
	if (++e->n < LOOPS_ROUNDS)
		return false;
	e->n = 0;
	return true;
}

static uint64_t
mix(uint64_t h, struct str s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
		h ^= h >> 32;
	}
	return h ^ s.n;
}

bool
loops_is_self(struct str location, struct str origin, struct str path, struct str query)
{
	const char *hash = memchr(location.p, '#', location.n);

	if (hash != NULL)
		location.n = (size_t)(hash - location.p);
	if (location.n > origin.n && strncasecmp(location.p, origin.p, origin.n) == 0)
		location = str_from(location, origin.n);
	if (!str_begins(location, path))
		return false;
	location = str_from(location, path.n);
	if (query.p == NULL)
		return location.n == 0;
	return location.n > 0 && location.p[0] == '?' && str_is(str_from(location, 1), query);
}
