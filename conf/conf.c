/* conf/conf.c - see conf/conf.h */
#include <stdlib.h>
#include <string.h>

#include "conf/build.h"
#include "conf/file.h"
#include "conf/scan.h"

#define FILE_MOST ((size_t)1024 * 1024)

static struct conf *load(const char *, struct str, bool, struct conf_report *);
static struct conf *build_all(struct mem *, const char *, struct groups *, const struct scan *);

struct conf *
conf_load(const char *path, struct conf_report *report)
{
	struct mem *m = mem_new(SIZE_MAX);
	struct conf *c = NULL;
	struct file_text file;
	struct err why;

	if (file_read_any(m, path, FILE_MOST, &file, &why) == 0)
		c = load(path, file.text, true, report);
	else {
		struct notes *notes = notes_new(path);

		notes_mistake(notes, 0, "", "%s", why.text);
		notes_report(notes, report);
		notes_free(&notes);
	}
	mem_free(&m);
	return c;
}

struct conf *
conf_parse(const char *name, struct str text, struct conf_report *report)
{
	return load(name, text, false, report);
}

/* What was read and understood only on the way lives in `input`, the result in a memory of its own. */
static struct conf *
load(const char *path, struct str text, bool follow, struct conf_report *report)
{
	struct mem *input = mem_new(SIZE_MAX), *owner = mem_new(SIZE_MAX);
	struct scan scan = { .mem = input, .notes = notes_new(path) };
	struct conf *c = NULL;
	struct groups groups;
	struct err why;

	scan_text(&scan, path, text, follow);
	if (groups_read(&groups, &scan, input, &why) == -1)
		notes_mistake(scan.notes, 0, "", "%s", why.text);
	else
		c = build_all(owner, path, &groups, &scan);
	notes_report(scan.notes, report);
	notes_free(&scan.notes);
	scan_release(&scan);
	mem_free(&input);
	if (report->mistakes == 0)
		return c;
	mem_free(&owner);
	return NULL;
}

static struct conf *
build_all(struct mem *m, const char *path, struct groups *groups, const struct scan *scan)
{
	struct conf *c = mem_zalloc(m, sizeof(*c));
	struct build b = {
		.conf = c, .mem = m, .notes = scan->notes, .groups = groups, .broken = scan->broken
	};

	c->file = mem_strdup(m, path);
	c->owner = m;
	conf_top_build(&b);
	conf_listen_build(&b);
	conf_provider_build(&b);
	conf_session_build(&b);
	conf_client_build(&b);
	conf_upstream_build(&b);
	conf_outbound_build(&b);
	conf_route_build(&b);
	return c;
}

void
conf_free(struct conf **c)
{
	struct mem *m;

	if (*c == NULL)
		return;
	m = (*c)->owner;
	*c = NULL;
	mem_free(&m);
}

void
conf_report_free(struct conf_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].text);
	free(r->v);
	*r = (struct conf_report){ NULL, 0, 0 };
}

bool
conf_peers_has(const struct conf_peers *p, const struct in6_addr *addr)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct conf_cidr *net = &p->v[i];
		unsigned whole = net->bits / 8, rest = net->bits % 8;
		unsigned differ =
		    whole == 16 ? 0u : (unsigned)(net->addr.s6_addr[whole] ^ addr->s6_addr[whole]);

		if (memcmp(net->addr.s6_addr, addr->s6_addr, whole) == 0 && differ >> (8 - rest) == 0)
			return true;
	}
	return false;
}
