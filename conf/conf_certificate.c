/* conf/conf_certificate.c - certificates that a provider's tokens are verified with; see
 * conf/conf_discovery.h */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/certs.h"
#include "conf/conf_discovery.h"
#include "conf/conf_expiry.h"
#include "conf/conf_listen.h"

static struct group *inside(struct build *, struct group *provider, struct group *after);
static void one(struct build *, struct group *, struct conf_certificate *);
static void by_file(struct build *, struct group *, struct conf_certificate *);
static void by_value(struct build *, struct group *, struct conf_certificate *);
static void directory(struct build *, struct entry *, struct conf_certificate *);
static bool is_whole(const struct build *, const struct group *);
static void look(struct build *, struct group *, const struct conf_certificate *);
static void note_end(struct build *, struct group *, const struct certs *, enum conf_find);

void
conf_certificate_build(struct build *b, struct group *provider, struct conf_provider *p)
{
	p->certificates = mem_zalloc(b->mem, (b->groups->n + 1) * sizeof(*p->certificates));
	for (struct group *g = NULL; (g = inside(b, provider, g)) != NULL;) {
		struct group *same = NULL;

		while ((same = inside(b, provider, same)) != g)
			if (strcmp(same->title, g->title) == 0) {
				build_same_title(b, g, same);
				break;
			}
		one(b, g, &p->certificates[p->n_certificates++]);
		if (p->discovery != DISCOVERY_STORE)
			notes_mistake(b->notes, g->place, g->label,
			    "is not looked at without discovery = \"store\"; write that, or leave it out");
	}
	if (p->discovery == DISCOVERY_STORE && p->n_certificates == 0 && !provider->unfinished && !b->broken)
		notes_mistake(b->notes, provider->place, provider->label,
		    "discovery = \"store\" needs a certificate; write certificate \"NAME\" { file = \"...\" "
		    "}");
}

/* The groups are in the file's order: what stands between this provider and the next is inside of it. */
static struct group *
inside(struct build *b, struct group *provider, struct group *after)
{
	struct group *g = build_next(b, SECTION_CERTIFICATE, after == NULL ? provider : after);
	struct group *end = build_next(b, SECTION_PROVIDER, provider);

	return g != NULL && (end == NULL || g < end) ? g : NULL;
}

static void
one(struct build *b, struct group *g, struct conf_certificate *c)
{
	struct entry *find = groups_entry(g, "find");

	build_fill(b, g, c);
	c->name = mem_strdup(b->mem, g->title);
	c->at = build_place(b, g->place);
	directory(b, groups_entry(g, "directory"), c);
	if (!find->given && groups_entry(g, "file")->given && !groups_entry(g, "value")->given)
		c->find = FIND_FILE;
	else if (!find->given) {
		if (!g->unfinished && !b->broken)
			notes_mistake(b->notes, g->place, find->label,
			    "required, and not set; for example find = \"%s\"", find->row->example);
		return;
	}
	if (find->flawed)
		return;
	if (c->find == FIND_FILE)
		by_file(b, g, c);
	else
		by_value(b, g, c);
	conf_listen_authorities(b, groups_entry(g, "ca"));
	if (is_whole(b, g))
		look(b, g, c);
}

/* The path may also be written as the value. */
static void
by_file(struct build *b, struct group *g, struct conf_certificate *c)
{
	struct entry *value = groups_entry(g, "value"), *folder = groups_entry(g, "directory");
	struct item *item = build_value(value);

	if (build_value(folder) != NULL)
		build_refuse(b, folder, build_value(folder),
		    "is not searched with find = \"file\"; write file = \"PATH\" instead");
	else if (c->file != NULL && value->given)
		notes_mistake(
		    b->notes, value->place, value->label, "file says which one already; leave this out");
	else if (c->file == NULL && item != NULL)
		c->file = file_beside(b->mem, notes_at(b->notes, item->place).file, item->text.p);
	else if (c->file == NULL && !groups_entry(g, "file")->given && !g->unfinished && !b->broken)
		notes_mistake(b->notes, g->place, groups_entry(g, "file")->label,
		    "required with find = \"file\", and not set; for example file = \"%s\"",
		    groups_entry(g, "file")->row->example);
	c->value = NULL;
}

static void
by_value(struct build *b, struct group *g, struct conf_certificate *c)
{
	struct entry *value = groups_entry(g, "value"), *folder = groups_entry(g, "directory");
	struct item *item = build_value(value);
	struct err why;

	if (!value->given && !g->unfinished && !b->broken)
		notes_mistake(b->notes, g->place, value->label, "required, and not set; write what to find");
	else if (item != NULL && certs_judge_value(c->find, item->text, &why) == -1)
		build_refuse(b, value, item, why.text);
	if (folder->given && groups_entry(g, "file")->given)
		notes_mistake(b->notes, folder->place, folder->label,
		    "directory and file are both set; leave one of them out");
	else if (!folder->given && !groups_entry(g, "file")->given && !g->unfinished && !b->broken)
		notes_mistake(b->notes, g->place, folder->label,
		    "required, and not set; for example directory = \"%s\"", folder->row->example);
}

static void
directory(struct build *b, struct entry *e, struct conf_certificate *c)
{
	struct item *item = build_value(e);
	struct stat st;

	if (item == NULL)
		return;
	c->directory = file_beside(b->mem, notes_at(b->notes, item->place).file, item->text.p);
	if (stat(c->directory, &st) == -1 || !S_ISDIR(st.st_mode))
		build_refuse(b, e, item, "is not a folder that is there; write the path of one");
}

/* Is everything said that a search needs, and nothing of it wrong? */
static bool
is_whole(const struct build *b, const struct group *g)
{
	const struct entry *value = groups_entry(g, "value"), *file = groups_entry(g, "file");
	const struct entry *folder = groups_entry(g, "directory");
	bool by_file = build_number(groups_entry(g, "find")) == FIND_FILE || !groups_entry(g, "find")->given;

	for (size_t i = 0; i < g->n_entries; i++)
		if (g->entries[i].flawed)
			return false;
	if (g->unfinished || b->broken)
		return false;
	return by_file ? value->given != file->given : value->given && folder->given != file->given;
}

/* What is found now; it is searched for again when the provider's keys are due. */
static void
look(struct build *b, struct group *g, const struct conf_certificate *c)
{
	struct certs *found = xcalloc(1, sizeof(*found));
	struct err why;

	if (certs_find(c, NULL, found, &why) == -1)
		notes_mistake(b->notes, g->place, g->label, "%s", why.text);
	else
		note_end(b, g, found, c->find);
	certs_release(found);
	free(found);
}

/* Of a rollover's certificates the last one counts. */
static void
note_end(struct build *b, struct group *g, const struct certs *found, enum conf_find find)
{
	struct entry *e =
	    groups_entry(g, find == FIND_FILE && groups_entry(g, "file")->given ? "file" : "value");
	const X509 *last = found->v[0];

	for (size_t i = 1; i < found->n; i++)
		if (ASN1_TIME_compare(X509_get0_notAfter(found->v[i]), X509_get0_notAfter(last)) > 0)
			last = found->v[i];
	conf_expiry_certificate(b, e, build_value(e), last);
}
