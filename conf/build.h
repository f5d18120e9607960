/*
 * conf/build.h - from texts to the structs of conf/conf.h
 *
 * build_fill() does what the table of settings can say: is it there, is it
 * built, is it of its type, within its bounds, among its words; and stores the
 * value or the default.  What it cannot say stands in the builders, one file
 * each: conf_top.c, conf_listen.c, conf_provider.c, conf_session.c,
 * conf_client.c, conf_upstream.c, conf_route.c.  Each notes every mistake it sees and goes on.
 */
#ifndef CONF_BUILD_H
#define CONF_BUILD_H
#include "conf/conf.h"
#include "conf/file.h"
#include "conf/groups.h"
#include "conf/mem.h"
#include "conf/notes.h"

struct build {
	struct conf *conf;
	struct mem *mem; /* of the struct conf */
	struct notes *notes;
	const struct groups *groups;
	bool broken; /* part of the file was not read: nothing is missing, nothing is unknown */
};

/* Check every key of the section, and store those that have a place in *out (the section's struct). */
void build_fill(struct build *b, struct group *g, void *out);

/* `"VALUE" WHY`; the value stays unsaid where it may be secret. */
void build_refuse(struct build *b, struct entry *e, struct item *item, const char *why);
/* The same with a sentence of its own. */
void build_mistake(struct build *b, struct entry *e, struct item *item, const char *fmt, ...) PRINTF(4, 5);

/* A value that is there and was not refused; NULL otherwise. */
struct item *build_value(struct entry *e);
/* Its number, duration, word ...: what build_fill() accepted, else the default. */
uint64_t build_number(struct entry *e);
const char *build_text(struct build *b, struct entry *e); /* may be NULL */

/*
 * What `name` and `name_file` hold: both is a mistake, a line of the file is
 * one secret.  The array is in mem, its texts are borrowed from the input.
 */
struct build_secrets {
	struct item *v;
	size_t n;
	struct entry *entry; /* for messages: the key that was used */
};
struct build_secrets build_secrets(struct build *b, struct group *g, const char *name);
/* A struct secret that goes with the configuration. */
struct secret *build_secret(struct build *b, struct str bytes);

/* The groups of one section: for (g = NULL; (g = build_next(b, SECTION_X, g)) != NULL;) */
struct group *build_next(struct build *b, enum section section, const struct group *after);
/* Two titles that are the same once normalised: note it at the second. */
void build_same_title(struct build *b, const struct group *second, const struct group *first);

/* A section without a title that stands there again. */
void build_repeated(struct build *b, struct group *first);

struct conf_place build_place(const struct build *b, size_t place);

/* The builders, in the order in which conf_load() calls them. */
void conf_top_build(struct build *b);
void conf_listen_build(struct build *b);
void conf_provider_build(struct build *b);
void conf_session_build(struct build *b);
void conf_client_build(struct build *b);
void conf_upstream_build(struct build *b);
void conf_outbound_build(struct build *b);
void conf_route_build(struct build *b);

/* conf_provider.c, for who names one: its index, or say that there is none. */
void conf_provider_find(struct build *b, struct entry *e, struct item *item, size_t *index);

/* conf_route.c, for providers: "claim=value" or "claim~value"; -1: it is neither. */
int conf_route_claim(struct build *b, struct str text, struct conf_claim_rule *out);

/* conf_upstream.c, for routes: index of the upstream that `item` names by its title or by a URL, or say why
 * not. */
void conf_upstream_find(struct build *b, struct entry *e, struct item *item, size_t *index);

/* conf_outbound.c, for routes: index of the outbound section that e names, plus one, or say why not. */
void conf_outbound_find(struct build *b, struct entry *e, size_t *index);
/* The same, of a route that has such a section: can its requests have its token? */
void conf_outbound_fit(struct build *b, struct entry *e, const struct conf_route *r);

/* conf_pages.c, for the top level: the templates in the directory that e names. */
void conf_pages_build(struct build *b, struct entry *e);

/* conf_redis.c, for the session. */
void conf_redis_build(struct build *b, struct group *g, struct conf_session *s);
#endif
