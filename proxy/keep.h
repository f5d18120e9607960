/*
 * proxy/keep.h - a form that is posted with a session that has run out (session.preserve_post)
 *
 * It is read, kept (proxy/keeps.h), and its user signs in.  The sign-in leads
 * to AUTH/resume, which has the browser post an empty form of type text/plain
 * to where the first one went, with a cookie that holds the key.  That
 * request is judged like any other, and what was kept takes the place of its
 * empty body.  Nobody but the same user gets there, and none gets there twice.
 */
#ifndef PROXY_KEEP_H
#define PROXY_KEEP_H
#include "proxy/request.h"

/* The session of this request has run out (`over` was it): is the form in it to be kept? */
bool keep_is_wanted(const struct request *r, const struct session *over);
enum step keep_read(struct request *r, const struct session *over);

/* Is this the empty form that stands for a kept one? */
bool keep_is_replay(struct request *r);
enum step keep_replay(struct request *r);

/*
 * While it is sent: the next piece of the body (1), its end (-1), or FORM_GONE
 * (-1 with *e set).  With the first one it is kept no longer: until then the
 * upstream may fail, and the form can be sent again.
 */
int keep_next(struct request *r, struct str *data, struct err *e);
bool keep_is_sent(const struct request *r);

#endif
