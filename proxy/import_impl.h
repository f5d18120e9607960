/*
 * proxy/import_impl.h - between the parts of import: what is known of the old settings, and how the new ones
 * are written
 */
#ifndef PROXY_IMPORT_IMPL_H
#define PROXY_IMPORT_IMPL_H
#include "conf/settings.h"
#include "proxy/import.h"
#include "proxy/webconfig.h"

/* An old setting.  Values are trimmed, but for `raw`, which may be a secret. */
struct import_fact {
	const char *name, *value, *raw;
	bool taken;
	bool twice; /* it stood there with another value before */
};

struct import {
	struct mem *m;
	const struct webconfig *w;
	bool hide_secrets, secrets;
	bool encrypted;        /* a part of the web.config was not read for that */
	const char *elsewhere; /* where its settings go on, which is not read; NULL: nowhere */
	struct import_fact *facts;
	size_t n_facts, room;
	/* what both products come to */
	const char *url;  /* public_url; NULL: not known */
	const char *path; /* of it, or of the routes where it is not known: "" or "/wfgen" */
	/* what is written */
	char *text;
	size_t n, cap;
	unsigned depth;
	const char **warnings;
	size_t n_warnings, n_told; /* those that name their setting already */
};

#define IMPORT_LIST_MOST    ((size_t)64)
#define IMPORT_ADDRESS_MOST ((size_t)4096) /* a URL or path that others are made of */

/* --- import_facts.c --- */

/* `room` for at most so many. */
void import_facts(struct import *i, size_t room);
/* A later one counts (as in .NET); names without case. */
void import_know(struct import *i, const char *name, const char *value);
void import_forget(struct import *i, const char *name); /* NULL: all of them */
/* NULL: not there.  It is taken from now on. */
const struct import_fact *import_fact(struct import *i, const char *name);
const char *import_value(struct import *i, const char *name);
/* "Y", "yes", "true", "1" and their opposites; `otherwise` where it says nothing of the kind. */
bool import_is(const char *value, bool otherwise);
/* The same of a setting; `absent` where there is none, `strict` where it says neither, or both. */
bool import_says(const struct import_fact *f, bool absent, bool strict);
/* May a name stand in a comment? */
bool import_is_name(const char *name);
/* What a discovery URL says of its provider; never NULL. */
const char *import_kind(const char *url);
/* An address that browsers may have: i->url and i->path, without `end`, e.g. "/graphql".  false: it is none.
 */
bool import_take_url(struct import *i, const char *url, const char *end);
/* The same of a path: i->path alone. */
bool import_take_path(struct import *i, const char *path);

/* --- import_write.c: a line each, indented --- */

void import_line(struct import *i, const char *fmt, ...)
    PRINTF(2, 3); /* no foreign text but import_quote() */
void import_open(struct import *i, const char *fmt, ...) PRINTF(2, 3); /* the same; what follows is inside */
void import_close(struct import *i);
void import_blank(struct import *i);
/*
 * What is to be done about the setting on the next line, whose name its warning has in front.  No comment
 * comes between: import_line() leaves it out.  Foreign text must be import_is_name().
 */
void import_todo(struct import *i, const char *fmt, ...) PRINTF(2, 3);
/* Is it there more than once, or (for a yes or no) does it say neither?  Then that is to do. */
bool import_twice(struct import *i, const struct import_fact *f);
bool import_doubt(struct import *i, const struct import_fact *f);

/* As a string of the configuration, with quotes, which reads as these bytes; NULL: there is none. */
const char *import_quote(struct import *i, const char *value);
/* key = value; `on` false: commented out. */
void import_set(struct import *i, bool on, const char *key, const char *value);
/*
 * One old setting with commas in it as a list of at most IMPORT_LIST_MOST; scopes are parted by blanks, too.
 * `on` false: commented out, and without a comment that names the old.
 */
void import_list(struct import *i, bool on, const char *key, const struct import_fact *f, bool scopes);
/*
 * One old setting as a new one that need not be there, under a comment that names the old.  Nothing
 * happens without a fact.  A value that the setting does not take is left to
 * do, and one that is its default anyway (`usual`, or the table's) commented out.
 */
void import_carry(
    struct import *i, enum section section, const char *key, const struct import_fact *f, const char *usual);
/* The same for a setting that must be there. */
void import_must(
    struct import *i, enum section section, const char *key, const struct import_fact *f, const char *old);
/* A secret; `strong` as session secrets must be. */
void import_secret(
    struct import *i, const char *key, const struct import_fact *f, const char *old, bool strong);
/* Does this setting take this value? */
int import_judge(enum section section, const char *key, const char *value, struct err *e) MUST_CHECK;

/* --- import_site.c: what every configuration has --- */

void import_head(struct import *i, const char *product);
void import_public_url(struct import *i, const char *from);
void import_listen(struct import *i);
void import_upstream(struct import *i, const char *product);
/* Opens a route below i->path. */
void import_route(struct import *i, const char *path);
/* Old settings of a known name that nothing was made of. */
void import_rest(struct import *i);

/* --- the products; false: none of its settings is there --- */

bool import_wfgen(struct import *i);
bool import_cora(struct import *i);

/* --- import_cora_find.c --- */

bool import_cora_gather(struct import *i); /* the facts; false: there are none */
bool import_cora_has_certificates(const struct import *i);
void import_cora_certificates(struct import *i); /* inside the provider */

#endif
