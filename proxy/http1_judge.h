/*
 * proxy/http1_judge.h - what a head that is well-formed line by line means as a whole
 *
 * The second half of http1_parse_*(), of use to http1.c and http2_head.c only:
 * Host and target, framing, Connection, Expect, Upgrade.
 *
 * Pure.
 */
#ifndef PROXY_HTTP1_JUDGE_H
#define PROXY_HTTP1_JUDGE_H
#include "proxy/http1.h"

/*
 * h: first line and fields are read.  twice: the ids (1 << enum field_id) of
 * fields that came more than once.  Sets what http1.h says of the rest; DONE or BAD.
 */
enum http1_result http1_judge_request(struct http1_head *h, uint64_t twice, struct err *e) MUST_CHECK;
enum http1_result http1_judge_response(
    struct http1_head *h, uint64_t twice, enum http1_method to, struct err *e) MUST_CHECK;

#endif
