/*
 * proxy/frontend.h - what web pages of the application may use: session.js and its hidden page
 *
 * session.js renews the session by a silent sign-in (prompt=none) in a hidden
 * frame, and watches the provider's session (OpenID Connect Session Management
 * 1.0).  A silent sign-in ends, well or not, on session/frame, which tells the
 * page about it and leads nowhere.
 */
#ifndef PROXY_FRONTEND_H
#define PROXY_FRONTEND_H
#include <jansson.h>

#include "proxy/request.h"

#define FRONTEND_STATE_MAX 512 /* bytes of a session_state that is kept */

/* Where a silent sign-in ends; `failed` is the word for why it did, NULL when it did not. */
const char *frontend_frame_path(const struct request *r, const char *failed);
/* Does a sign-in with this target end there?  Then nothing may lead its frame anywhere else. */
bool frontend_is_silent(const struct request *r, struct str target);

/* A silent sign-in renews the session of somebody; it begins none for somebody else. */
bool frontend_same_user(struct request *r, size_t provider, const struct identity *who);

/*
 * The provider's session_state stands in a cookie of its own, which counts
 * only beside the session that it came with.
 */
void frontend_keep_state(struct request *r, struct str session_state);
void frontend_forget_state(struct request *r);

/* What session.js reads of GET session, for the session in r->session. */
void frontend_describe(struct request *r, json_t *o);

/* Pure: may this be kept?  Opaque, but printable, and nothing that a cookie cannot hold (RFC 6265 4.1.1). */
bool frontend_is_state(struct str session_state);

#endif
