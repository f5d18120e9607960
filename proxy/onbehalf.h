/*
 * proxy/onbehalf.h - an upstream's token that is the signed-in user's own
 *
 * For outbound sections with grant = "refresh_token".  A token that is still
 * good is in the process's memory (proxy/grants.h); else the session's refresh
 * token gets one (proxy/refresh_job.h), once however many requests come, and
 * never beside a renewal of the session.
 */
#ifndef PROXY_ONBEHALF_H
#define PROXY_ONBEHALF_H
#include "proxy/request.h"

/* Does this route want such a token?  It has an outbound section. */
bool onbehalf_is_wanted(const struct request *r);
/* The upstream refuses r->token (401). */
void onbehalf_reject(const struct request *r);

#endif
