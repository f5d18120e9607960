/*
 * proxy/bodyread.h - a small body of the client's, whole
 *
 * Bodies stream through to upstreams and are never held; but what is posted
 * to one of our own endpoints has to be there before it can be judged.  An
 * endpoint says bodyread_form(r, STEP_X): what came is in r->reading->text
 * when STEP_X runs.
 */
#ifndef PROXY_BODYREAD_H
#define PROXY_BODYREAD_H
#include "proxy/request.h"

#define BODYREAD_MAX 65536 /* bytes; 413 beyond */

struct bodyread {
	enum step then;
	struct str text; /* what came so far */
	char *room;
	size_t cap;
	size_t most;
	bool outside; /* room is not in the request's memory; it is freed with it */
	bool over;    /* bodyread_keep(): there is more than `most`, and the rest is not read */
	bool failed;  /* err says why */
	struct err err;
};

/* An application/x-www-form-urlencoded body (400 for any other), then `then`. */
enum step bodyread_form(struct request *r, enum step then);
/* The same for application/json (415). */
enum step bodyread_json(struct request *r, enum step then);

/*
 * Any body, up to `most` bytes, which may be more than a request's memory has
 * room for; the caller answers for their number.  One that is longer leads to
 * `then` as well, with `over` set.
 */
enum step bodyread_keep(struct request *r, enum step then, size_t most);

/* --- for client.c, while r->reading waits --- */

void bodyread_more(struct request *r);    /* there are bytes, or the end */
void bodyread_timeout(struct request *r); /* there were none for limits.body_timeout */

#endif
