/* session/cookie.c - see session/cookie.h */
#include <string.h>

#include "session/cookie.h"

static struct str name_of(struct str pair);
static bool is_ours(struct str name, struct str ours);

bool
cookie_next(struct str *rest, struct str *name, struct str *value)
{
	struct str pair;

	while (str_next(rest, ';', &pair)) {
		const char *is = pair.n == 0 ? NULL : memchr(pair.p, '=', pair.n);
		size_t at;

		if (is == NULL)
			continue;
		at = (size_t)(is - pair.p);
		*name = str_trim((struct str){ pair.p, at });
		*value = str_trim(str_from(pair, at + 1));
		if (name->n > 0)
			return true;
	}
	return false;
}

size_t
cookie_find(const struct str *fields, size_t n_fields, struct str name, struct str *out, size_t max)
{
	size_t i, n = 0;

	for (i = 0; i < n_fields; i++) {
		struct str rest = fields[i], this, value;

		while (cookie_next(&rest, &this, &value)) {
			if (!str_is(this, name))
				continue;
			if (n < max)
				out[n] = value;
			n++;
		}
	}
	return n;
}

size_t
cookie_part_number(struct str name, struct str whole)
{
	char digit;

	if (name.n != whole.n + 2 || !str_begins(name, whole) || name.p[whole.n] != '_')
		return 0;
	digit = name.p[whole.n + 1];
	return digit >= '1' && digit < '0' + COOKIE_PARTS_MAX ? (size_t)(digit - '0') : 0;
}

void
cookie_parts_find(const struct str *fields, size_t n_fields, struct str name, struct cookie_parts *out)
{
	size_t i;

	memset(out->n, 0, sizeof(out->n));
	for (i = 0; i < n_fields; i++) {
		struct str rest = fields[i], this, value;

		while (cookie_next(&rest, &this, &value)) {
			size_t part = cookie_part_number(this, name);

			if (part == 0 && !str_is(this, name))
				continue;
			if (out->n[part] < COOKIE_SAME_MAX)
				out->v[part][out->n[part]++] = value;
		}
	}
}

void
cookie_parts_join(const struct cookie_parts *p, size_t i, struct mem *m, struct cookie_joined *out)
{
	struct str chosen[COOKIE_PARTS_MAX];
	size_t k, total = 0;
	char *at;

	out->n_ends = 0;
	for (k = 0; k < COOKIE_PARTS_MAX && p->n[k] > 0; k++) {
		chosen[k] = p->v[k][i < p->n[k] ? i : p->n[k] - 1];
		total += chosen[k].n;
		out->ends[out->n_ends++] = total;
	}
	at = mem_alloc(m, total + 1);
	out->text = (struct str){ at, total };
	for (k = 0; k < out->n_ends; k++) {
		if (chosen[k].n > 0)
			memcpy(at, chosen[k].p, chosen[k].n);
		at += chosen[k].n;
	}
	*at = '\0';
}

/*
 * Pairs keep the one space before them that they came with and get none that
 * they came without: so the result is never longer than the fields were.
 */
size_t
cookie_strip(char *out, const struct str *fields, size_t n_fields, struct str ours)
{
	size_t i, n = 0;

	for (i = 0; i < n_fields; i++) {
		struct str rest = fields[i], pair;
		bool first = true;

		while (str_next(&rest, ';', &pair)) {
			struct str trimmed = str_trim(pair);

			if (trimmed.n == 0 || is_ours(name_of(trimmed), ours))
				continue;
			if (n > 0) {
				out[n++] = ';';
				if (first || trimmed.p > pair.p)
					out[n++] = ' ';
			}
			memcpy(out + n, trimmed.p, trimmed.n);
			n += trimmed.n;
			first = false;
		}
	}
	return n;
}

static struct str
name_of(struct str pair)
{
	const char *is = memchr(pair.p, '=', pair.n);

	return is == NULL ? pair : str_trim((struct str){ pair.p, (size_t)(is - pair.p) });
}

static bool
is_ours(struct str name, struct str ours)
{
	if (str_begins(name, STR("__Host-")))
		name = str_from(name, strlen("__Host-"));
	else if (str_begins(name, STR("__Secure-")))
		name = str_from(name, strlen("__Secure-"));
	if (!str_begins(name, ours))
		return false;
	name = str_from(name, ours.n);
	if (name.n == 0 || name.p[0] == '.' || name.p[0] == '-')
		return true;
	return name.n > 1 && name.p[0] == '_' && name.p[1] >= '0' && name.p[1] <= '9';
}
