/* conf/conf_pages.c - see conf/conf_pages.h */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "conf/build.h"
#include "conf/conf_pages.h"
#include "conf/near.h"

#define UNKNOWN_MOST 10 /* files that are named one by one */

const struct template_name conf_page_names[PAGE_VALUES] = {
	[PAGE_TITLE] = { "title", TEMPLATE_TEXT, false, "is the built-in page's heading" },
	[PAGE_TEXT] = { "text", TEMPLATE_TEXT, false, "says in a sentence what happened" },
	[PAGE_ADVICE] = { "advice", TEMPLATE_TEXT, false,
	    "says what the person can do, where there is something" },
	[PAGE_STATUS] = { "status", TEMPLATE_TEXT, false, "is the HTTP status, for example 502" },
	[PAGE_REASON] = { "reason", TEMPLATE_TEXT, false, "is the word for the refusal in the log" },
	[PAGE_REQUEST_ID] = { "request_id", TEMPLATE_TEXT, false, "is what the log names the request by" },
	[PAGE_USERNAME] = { "username", TEMPLATE_TEXT, false, "is who is signed in, where somebody is" },
	[PAGE_DETAIL_LABEL] = { "detail_label", TEMPLATE_TEXT, false,
	    "says what detail is, for example Required" },
	[PAGE_DETAIL] = { "detail", TEMPLATE_TEXT, false,
	    "is the rule that was not met, or the provider's answer, where that helps" },
	[PAGE_HOST] = { "host", TEMPLATE_TEXT, false, "is this site, where its cookies are the trouble" },
	[PAGE_RETRY_URL] = { "retry_url", TEMPLATE_LINK, false, "tries the same again, where that may help" },
	[PAGE_SWITCH_URL] = { "switch_url", TEMPLATE_LINK, false,
	    "signs in as someone else, where that may help" },
	[PAGE_HOME_URL] = { "home_url", TEMPLATE_LINK, false, "leads to the application" },
	[PAGE_LOGOUT_URL] = { "logout_url", TEMPLATE_LINK, false, "signs out, as the action of a form" },
	[PAGE_EVERYWHERE] = { "everywhere", TEMPLATE_FLAG, false,
	    "is there when the session at the sign-in service is over as well" },
	[PAGE_PROVIDERS] = { "providers", TEMPLATE_LIST, false, "has a row for each sign-in service" },
	[PAGE_NAME] = { "name", TEMPLATE_TEXT, true, "is the provider's name in the configuration" },
	[PAGE_URL] = { "url", TEMPLATE_LINK, true, "signs in there" },
};

#define BIT(value) ((uint32_t)1 << PAGE_##value)
#define ALL        (BIT(TITLE) | BIT(TEXT) | BIT(REQUEST_ID))
#define DENIED                                                                                               \
	(ALL | BIT(ADVICE) | BIT(STATUS) | BIT(REASON) | BIT(USERNAME) | BIT(DETAIL_LABEL) | BIT(DETAIL) |   \
	    BIT(SWITCH_URL) | BIT(HOME_URL))

const struct conf_page_row conf_pages[CONF_PAGES] = {
	[CONF_PAGE_ERROR] = { "error.html", "whatever went wrong",
	    .known = DENIED | BIT(HOST) | BIT(RETRY_URL),
	    .should = BIT(TEXT) | BIT(REASON) | BIT(REQUEST_ID) },
	[CONF_PAGE_ACCESS_DENIED] = { "access_denied.html",
	    "this account may not open the page (without this file: error.html)", .known = DENIED,
	    .should = BIT(REASON) | BIT(REQUEST_ID) | BIT(SWITCH_URL) },
	[CONF_PAGE_CHOOSE] = { "choose.html", "where to sign in, when there are several providers",
	    .known = ALL | BIT(PROVIDERS) | BIT(NAME) | BIT(URL), .should = BIT(NAME),
	    .must = BIT(PROVIDERS) | BIT(URL) },
	[CONF_PAGE_LOGOUT] = { "logout.html", "\"Do you want to sign out?\", when another site asks for it",
	    .known = ALL | BIT(LOGOUT_URL) | BIT(HOME_URL), .should = BIT(HOME_URL),
	    .must = BIT(LOGOUT_URL) },
	[CONF_PAGE_SIGNED_OUT] = { "signed_out.html", "after signing out",
	    .known = ALL | BIT(EVERYWHERE) | BIT(HOME_URL), .should = BIT(HOME_URL) },
};

static void look_through(struct build *, struct entry *, struct dirent **, int n);
static void read_page(struct build *, const char *directory, enum conf_page);
static void unknown(struct build *, struct entry *, const char *name);
static enum conf_page page_of(const char *file);
static void help_value(FILE *, const struct template_name *, bool must);
static int is_visible_cb(const struct dirent *);
static int by_name_cb(const struct dirent **, const struct dirent **);

void
conf_pages_build(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	const char *directory;
	struct dirent **files;
	char text[128];
	int n;

	if (item == NULL)
		return;
	directory = file_beside(b->mem, notes_at(b->notes, item->place).file, item->text.p);
	n = scandir(directory, &files, is_visible_cb, by_name_cb);
	if (n == -1) {
		build_mistake(b, e, item, "%s cannot be read: %s; write the path of a directory",
		    notes_quote(item->text).text, strerror_r(errno, text, sizeof(text)));
		return;
	}
	look_through(b, e, files, n);
	for (int i = 0; i < n; i++) {
		enum conf_page page = page_of(files[i]->d_name);

		if (page != CONF_PAGES)
			read_page(b, directory, page);
		free(files[i]);
	}
	free(files);
}

/* A name with a slip in it would leave the built-in page in its place, and nobody would see why. */
static void
look_through(struct build *b, struct entry *e, struct dirent **files, int n)
{
	int pages = 0, others = 0;

	for (int i = 0; i < n; i++) {
		if (page_of(files[i]->d_name) != CONF_PAGES)
			pages++;
		else if (++others <= UNKNOWN_MOST)
			unknown(b, e, files[i]->d_name);
	}
	if (others > UNKNOWN_MOST)
		notes_warning(b->notes, e->place, e->label, "%d more files in it are no pages either",
		    others - UNKNOWN_MOST);
	if (pages == 0)
		notes_warning(b->notes, e->place, e->label,
		    "holds no page, so all stay built in; `workflow-proxy help pages` lists their names");
}

static void
unknown(struct build *b, struct entry *e, const char *name)
{
	struct near near;

	near_init(&near, str_of(name));
	for (int i = 0; i < CONF_PAGES; i++)
		near_offer(&near, conf_pages[i].file);
	notes_warning(b->notes, e->place, e->label, "%s in it is no page, and is not looked at; %s%s",
	    notes_quote(str_of(name)).text,
	    near.best != NULL ? "did you mean " : "`workflow-proxy help pages` lists their names",
	    near.best != NULL ? near.best : "");
}

static void
read_page(struct build *b, const char *directory, enum conf_page page)
{
	const struct conf_page_row *row = &conf_pages[page];
	struct template *t = mem_zalloc(b->mem, sizeof(*t));
	struct template_source source = { .names = conf_page_names,
		.n_names = PAGE_VALUES,
		.known = row->known,
		.should = row->should,
		.must = row->must };
	struct file_text file;
	struct err why;

	source.file = mem_printf(b->mem, "%s/%s", directory, row->file);
	if (file_read(b->mem, source.file, TEMPLATE_FILE_MOST, &file, &why) == -1) {
		notes_mistake(b->notes, notes_place(b->notes, source.file, 1), "", "%s", why.text);
		return;
	}
	if ((file.mode & S_IWOTH) != 0)
		notes_warning(b->notes, notes_place(b->notes, source.file, 1), "",
		    "may be written by every user of this system; take that right away (chmod o-w)");
	source.text = file.text;
	template_parse(&source, b->notes, b->mem, t);
	b->conf->templates.v[page] = t;
}

/* CONF_PAGES: of none. */
static enum conf_page
page_of(const char *file)
{
	unsigned i = 0;

	while (i < CONF_PAGES && strcmp(file, conf_pages[i].file) != 0)
		i++;
	return (enum conf_page)i;
}

void
conf_pages_print_help(FILE *out)
{
	(void)fputs(
	    "pages = \"DIRECTORY\" replaces built-in pages by HTML files. A page whose file is absent stays "
	    "built in.\n\n"
	    "  {{name}}                  the value, escaped\n"
	    "  {{#name}} ... {{/name}}   only when there is a value; of a list: once for each\n"
	    "  {{^name}} ... {{/name}}   only when there is none\n",
	    out);
	for (int i = 0; i < CONF_PAGES; i++) {
		(void)fprintf(out, "\n%s - %s\n", conf_pages[i].file, conf_pages[i].help);
		for (unsigned k = 0; k < PAGE_VALUES; k++)
			if ((conf_pages[i].known >> k & 1) != 0)
				help_value(out, &conf_page_names[k], (conf_pages[i].must >> k & 1) != 0);
	}
	(void)fputs("\nStyles stand in <style>, images at this site or in data: URLs; scripts do not run. "
		    "Check with workflow-proxy -t.\n",
	    out);
}

static void
help_value(FILE *out, const struct template_name *name, bool must)
{
	bool section = name->kind == TEMPLATE_FLAG || name->kind == TEMPLATE_LIST;
	char tag[32];

	(void)snprintf(
	    tag, sizeof(tag), "%s{{%s%s}}", name->in_list ? "  " : "", section ? "#" : "", name->name);
	(void)fprintf(out, "  %-18s%s%s\n", tag, name->help, must ? " (required)" : "");
}

/* What an editor or a version control system hides is nobody's page. */
static int
is_visible_cb(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int
by_name_cb(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}
