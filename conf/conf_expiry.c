/* conf/conf_expiry.c - see conf/conf_expiry.h, and the end of conf/conf.h */
#include <string.h>
#include <time.h>

#include "conf/conf_expiry.h"
#include "conf/pem.h"

#define DAY       86400
#define SOON      30 /* days ahead that are warned about */
#define SHOWN_MAX 200
#define MOST      ((size_t)1024)

static void add(struct build *, const struct entry *, const struct item *, int64_t);
static long long days_of(int64_t);
static bool read_date(struct str, int64_t *);
static bool read_number(struct str, int *);

void
conf_expiry_certificate(struct build *b, const struct entry *e, const struct item *item, const X509 *x)
{
	int64_t ends;

	if (pem_ends(x, &ends))
		add(b, e, item, ends);
}

void
conf_expiry_date(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	int64_t ends;

	if (item == NULL)
		return;
	if (!read_date(item->text, &ends))
		build_refuse(b, e, item, "is not a date; write YYYY-MM-DD, for example 2030-12-31");
	else
		add(b, e, item, ends);
}

static void
add(struct build *b, const struct entry *e, const struct item *item, int64_t ends)
{
	struct conf *c = b->conf;
	struct conf_expiry *more = mem_zalloc(b->mem, (c->n_expiries + 1) * sizeof(*more));
	int64_t left = ends - pem_now();
	bool file = e->row->type == SETTING_FILE || e->row->type == SETTING_FILES;

	if (c->n_expiries == MOST)
		return;
	if (c->n_expiries > 0)
		memcpy(more, c->expiries, c->n_expiries * sizeof(*more));
	more[c->n_expiries].what =
	    file ? mem_printf(b->mem, "%s: %.*s", e->label,
		       (int)(item->text.n < SHOWN_MAX ? item->text.n : SHOWN_MAX), item->text.p)
		 : mem_strdup(b->mem, e->label);
	more[c->n_expiries++].ends = ends;
	c->expiries = more;
	if (left <= 0)
		notes_warning(
		    b->notes, item->place, e->label, "%s has expired", notes_quote(item->text).text);
	else if (left <= SOON * DAY)
		notes_warning(b->notes, item->place, e->label, "%s ends in %lld %s: renew it in time",
		    notes_quote(item->text).text, days_of(left), days_of(left) == 1 ? "day" : "days");
}

/* The nearest whole number. */
static long long
days_of(int64_t seconds)
{
	return (long long)((seconds + DAY / 2) / DAY);
}

/* Strictly: no blanks, no day that the month does not have. */
static bool
read_date(struct str s, int64_t *out)
{
	struct tm tm = { 0 }, back;
	int year = 0;
	time_t at;

	if (s.n != 10 || s.p[4] != '-' || s.p[7] != '-' || !read_number((struct str){ s.p, 4 }, &year) ||
	    !read_number((struct str){ s.p + 5, 2 }, &tm.tm_mon) ||
	    !read_number((struct str){ s.p + 8, 2 }, &tm.tm_mday))
		return false;
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	back = tm;
	at = timegm(&tm);
	*out = (int64_t)at;
	return year >= 1970 && tm.tm_mon == back.tm_mon && tm.tm_mday == back.tm_mday;
}

static bool
read_number(struct str s, int *out)
{
	for (*out = 0; s.n > 0; s = str_from(s, 1)) {
		if (*s.p < '0' || *s.p > '9')
			return false;
		*out = *out * 10 + (*s.p - '0');
	}
	return true;
}

void
conf_expiry_log(const struct conf *c, int64_t now)
{
	for (size_t i = 0; i < c->n_expiries; i++) {
		const int64_t left = c->expiries[i].ends - now;

		if (left <= 0)
			log_warn("%s has expired", c->expiries[i].what);
		else if (left <= SOON * DAY)
			log_warn("%s ends in %lld %s: renew it in time", c->expiries[i].what, days_of(left),
			    days_of(left) == 1 ? "day" : "days");
	}
}
