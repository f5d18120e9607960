/*
 * session/record.h - a session as the claims of its token, and back
 *
 * Ours: iss, aud, sub, username, sid, op_sid, idp, sst, auth_time, iat, exp and,
 * where the session has them, refresh_at, tokens_end and end; of a session
 * traded for an access token also client_id and scope.
 * Beside them stand the provider's claims that routes need, under their
 * configured names; one that bears a name of ours is kept as "op_" + name.
 *
 * Private to session/, but for record_claim() and the copying, which make of an
 * access token what rules and headers want.  Pure; judges form only, neither
 * times nor scope.
 */
#ifndef SESSION_RECORD_H
#define SESSION_RECORD_H
#include "session/session.h"

#define RECORD_SID      22          /* characters */
#define RECORD_TIME_MAX (1LL << 53) /* beyond it not every reader of JSON is exact (RFC 8259 6) */

struct record_name {
	char *name;               /* as configured */
	char *key;                /* as it stands in the token */
	struct conf_strings only; /* of a list these elements alone; n is 0: all */
};
struct record_names {
	size_t n;
	struct record_name *v;
};
void record_names_init(struct record_names *names, const struct conf_strings *needed);
void record_names_release(struct record_names *names);

/* The claims of `s` (claims and n_claims are not looked at) and, of `who`, those that are needed; JSON in m.
 */
struct str record_print(
    const struct record_names *names, const struct session *s, const struct identity *who, struct mem *m);

/* The same, with the provider's claims of an older token of the session in place of somebody's. */
struct str record_reprint(
    const struct record_names *names, const struct session *s, struct str older, struct mem *m);

/*
 * NULL when the claims are not those that record_print() makes: then *unfit is
 * the name of a claim (or "username") that no header can hold because of a
 * control character, or NULL for everything else.
 */
const struct session *record_parse(
    const struct record_names *names, struct str json, struct mem *m, const char **unfit);

/* One claim, ready for use, in m.  false: no header can hold it, because of a control character. */
bool record_claim(const char *name, const json_t *value, struct mem *m, struct session_claim *out);

/* A deep copy into one piece of memory of record_size() bytes, aligned for any type. */
size_t record_size(const struct session *s);
const struct session *record_copy(void *at, const struct session *s);

#endif
