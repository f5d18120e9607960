/* session/tokens.c - see session/tokens.h */
#include <string.h>

#include "session/tokens.h"

#define ALONE        1           /* versions: without a session token, */
#define WITH_SESSION 2           /* and with it */
#define ABSENT       0xffffffffU /* the length of a token that there is not */
#define KINDS        4

static unsigned char *write_number(unsigned char *, uint64_t, size_t bytes);
static bool read_number(struct str *, size_t bytes, uint64_t *);

size_t
tokens_size(const struct tokens *t)
{
	const struct str all[KINDS] = { t->id_token, t->access_token, t->refresh_token, t->session };
	size_t kinds = t->session.p == NULL ? KINDS - 1 : KINDS, n = t->session.p == NULL ? 9 : 17, i;

	for (i = 0; i < kinds; i++)
		n += 4 + (all[i].p == NULL ? 0 : all[i].n);
	return n;
}

struct str
tokens_print(const struct tokens *t, struct mem *m)
{
	const struct str all[KINDS] = { t->id_token, t->access_token, t->refresh_token, t->session };
	size_t kinds = t->session.p == NULL ? KINDS - 1 : KINDS, n = tokens_size(t), i;
	unsigned char *record = mem_secret(m, n), *at = record;

	*at++ = t->session.p == NULL ? ALONE : WITH_SESSION;
	at = write_number(at, (uint64_t)t->access_expires, 8);
	if (t->session.p != NULL)
		at = write_number(at, (uint64_t)t->session_ends, 8);
	for (i = 0; i < kinds; i++) {
		at = write_number(at, all[i].p == NULL ? ABSENT : all[i].n, 4);
		if (all[i].p == NULL || all[i].n == 0)
			continue;
		memcpy(at, all[i].p, all[i].n);
		at += all[i].n;
	}
	return (struct str){ (const char *)record, n };
}

static unsigned char *
write_number(unsigned char *at, uint64_t number, size_t bytes)
{
	while (bytes-- > 0)
		*at++ = (unsigned char)(number >> (8 * bytes));
	return at;
}

bool
tokens_parse(struct str rest, struct mem *m, struct tokens *out)
{
	struct tokens t = { .session_ends = 0 };
	struct str *const all[KINDS] = { &t.id_token, &t.access_token, &t.refresh_token, &t.session };
	uint64_t version, number;
	size_t i;

	if (!read_number(&rest, 1, &version) || (version != ALONE && version != WITH_SESSION) ||
	    !read_number(&rest, 8, &number))
		return false;
	t.access_expires = (int64_t)number;
	if (version == WITH_SESSION && !read_number(&rest, 8, &number))
		return false;
	if (version == WITH_SESSION)
		t.session_ends = (int64_t)number;
	for (i = 0; i < (version == WITH_SESSION ? KINDS : KINDS - 1); i++) {
		char *text;

		if (!read_number(&rest, 4, &number) || (number != ABSENT && number > rest.n))
			return false;
		if (number == ABSENT)
			continue;
		text = mem_secret(m, number + 1);
		memcpy(text, rest.p, number);
		*all[i] = (struct str){ text, number };
		rest = str_from(rest, number);
	}
	if (rest.n > 0)
		return false;
	*out = t;
	return true;
}

static bool
read_number(struct str *rest, size_t bytes, uint64_t *out)
{
	if (rest->n < bytes)
		return false;
	for (*out = 0; bytes > 0; bytes--) {
		*out = *out << 8 | (unsigned char)rest->p[0];
		*rest = str_from(*rest, 1);
	}
	return true;
}
