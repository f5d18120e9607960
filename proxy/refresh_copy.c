/* proxy/refresh_copy.c - see proxy/refresh_copy.h */
#include <string.h>

#include "proxy/refresh_copy.h"

static struct str copy_secret(struct str, struct mem *);

struct visit
refresh_copy_visit(const struct visit *v, struct mem *m)
{
	struct str *cookies = mem_zalloc(m, v->n_cookies * sizeof(*cookies));
	struct visit out = *v;

	for (size_t i = 0; i < v->n_cookies; i++)
		cookies[i] = copy_secret(v->cookies[i], m);
	out.cookies = cookies;
	out.cache = NULL;
	out.mem = m;
	out.room = 0;
	return out;
}

struct tokens
refresh_copy_tokens(const struct tokens *t, struct mem *m)
{
	struct tokens out = *t;

	out.id_token = copy_secret(t->id_token, m);
	out.access_token = copy_secret(t->access_token, m);
	out.refresh_token = copy_secret(t->refresh_token, m);
	out.session = copy_secret(t->session, m);
	return out;
}

static struct str
copy_secret(struct str s, struct mem *m)
{
	char *p;

	if (s.p == NULL)
		return s;
	p = mem_secret(m, s.n + 1);
	memcpy(p, s.p, s.n);
	return (struct str){ p, s.n };
}
