/*
 * proxy/redis_reply.h - what a Redis answers, taken apart (RESP2)
 *
 * hiredis reads the protocol; what it finds lives in memory of ours, with
 * bounds on the bytes, the elements and (hiredis' own: 7) the depth of one
 * reply.  Pure: bytes in, values out.
 */
#ifndef PROXY_REDIS_REPLY_H
#define PROXY_REDIS_REPLY_H
#include <stdint.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

#define REDIS_REPLY_MAX    (4 * 1024 * 1024) /* bytes of one reply */
#define REDIS_ELEMENTS_MAX 65536             /* values in one reply */

struct redis_reader;

enum redis_type { REDIS_NIL, REDIS_TEXT, REDIS_NUMBER, REDIS_LIST, REDIS_ERROR };

struct redis_value {
	enum redis_type type;
	struct str text; /* REDIS_TEXT ("+OK" too) and REDIS_ERROR; terminated */
	int64_t number;  /* REDIS_NUMBER */
	struct redis_value *v;
	size_t n; /* REDIS_LIST */
};

struct redis_reader *redis_reader_new(void);
void redis_reader_free(struct redis_reader **r); /* safe on NULL */

/* Take bytes over.  -1: more than REDIS_REPLY_MAX of a reply that has no end yet. */
int redis_reader_feed(struct redis_reader *r, struct str bytes, struct err *e) MUST_CHECK;

/*
 * 1: the next whole reply, in *m (the caller's); 0: there is none yet; -1: what
 * came is no reply, and nothing after it is.
 */
int redis_reader_next(
    struct redis_reader *r, struct mem **m, const struct redis_value **out, struct err *e) MUST_CHECK;

#endif
