/* conf/near.c - see conf/near.h */
#include "conf/near.h"

#define LONGEST 64 /* beyond, nobody mistyped a name of ours */

static size_t distance(struct str, struct str);

void
near_init(struct near *n, struct str wanted)
{
	*n = (struct near){ .wanted = wanted, .distance = wanted.n < 3 ? 2 : wanted.n / 3 + 1 };
}

void
near_offer(struct near *n, const char *candidate)
{
	struct str c = str_of(candidate);
	size_t d;

	if (n->wanted.n == 0 || n->wanted.n > LONGEST || c.n == 0 || c.n > LONGEST)
		return;
	d = distance(n->wanted, c);
	if (d < n->distance) {
		n->distance = d;
		n->best = candidate;
	}
}

/* Levenshtein, in ASCII lower case; neighbours that changed places count once. */
static size_t
distance(struct str a, struct str b)
{
	size_t rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *now = rows[2], i, j;

	for (j = 0; j <= b.n; j++)
		last[j] = before[j] = j;
	for (i = 1; i <= a.n; i++) {
		size_t *spare = before;

		now[0] = i;
		for (j = 1; j <= b.n; j++) {
			bool same = (a.p[i - 1] | 0x20) == (b.p[j - 1] | 0x20);
			size_t best = last[j - 1] + (same ? 0 : 1);

			if (last[j] + 1 < best)
				best = last[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			now[j] = best;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b.n];
}
