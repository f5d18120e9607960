/* proxy/http1_take.c - see proxy/http1_take.h */
#include <string.h>

#include "proxy/headers.h"
#include "proxy/http1_take.h"

/* Bytes of a target: printable ASCII, and of these no '#', and in the path no '\' (CVE-2021-32786). */
const uint8_t http1_take_bytes[256] = {
	['!' ... '"'] = HTTP1_IN_PATH | HTTP1_IN_QUERY,
	['$' ... '>'] = HTTP1_IN_PATH | HTTP1_IN_QUERY,
	['?'] = HTTP1_IN_QUERY,
	['@' ... '['] = HTTP1_IN_PATH | HTTP1_IN_QUERY,
	['\\'] = HTTP1_IN_QUERY,
	[']' ... '~'] = HTTP1_IN_PATH | HTTP1_IN_QUERY,
};

static const struct {
	struct str name;
	enum http1_method id;
	bool never;
} methods[] = {
	{ { "GET", 3 }, METHOD_GET, false },
	{ { "POST", 4 }, METHOD_POST, false },
	{ { "HEAD", 4 }, METHOD_HEAD, false },
	{ { "PUT", 3 }, METHOD_PUT, false },
	{ { "DELETE", 6 }, METHOD_DELETE, false },
	{ { "OPTIONS", 7 }, METHOD_OPTIONS, false },
	{ { "PATCH", 5 }, METHOD_PATCH, false },
	{ { "CONNECT", 7 }, METHOD_OTHER, true },
	{ { "TRACE", 5 }, METHOD_OTHER, true },
};

int
http1_take_known(struct http1_head *h, struct err *e)
{
	h->method_id = METHOD_OTHER;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (str_is(h->method, methods[i].name)) {
			if (methods[i].never)
				return err_set(e, REASON_BAD_METHOD, "the method %s is never relayed",
				    methods[i].name.p);
			h->method_id = methods[i].id;
			break;
		}
	return 0;
}

int
http1_take_method(struct http1_head *h, struct str method, struct err *e)
{
	if (method.n == 0 || method.n > HTTP1_METHOD_MAX)
		return err_set(e, REASON_BAD_METHOD, "a method of %zu characters", method.n);
	for (size_t i = 0; i < method.n; i++)
		if (headers_folded[(unsigned char)method.p[i]] == 0)
			return err_set(
			    e, REASON_BAD_REQUEST, "byte 0x%02x in the method", (unsigned char)method.p[i]);
	h->method = method;
	return http1_take_known(h, e);
}

int
http1_take_target(struct http1_head *h, struct str target, struct err *e)
{
	const char *query = memchr(target.p, '?', target.n);
	size_t path = query == NULL ? target.n : (size_t)(query - target.p);

	if (target.n > HTTP1_REQUEST_LINE_MAX)
		return err_set(e, REASON_HEADER_TOO_LARGE, "a request target of more than %d bytes",
		    HTTP1_REQUEST_LINE_MAX);
	for (size_t i = 0; i < target.n; i++)
		if ((http1_take_bytes[(unsigned char)target.p[i]] &
			(i < path ? HTTP1_IN_PATH : HTTP1_IN_QUERY)) == 0)
			return err_set(e, REASON_BAD_TARGET, "byte 0x%02x in the request target",
			    (unsigned char)target.p[i]);
	h->target = target;
	h->path = (struct str){ target.p, path };
	h->query = query == NULL ? (struct str){ NULL, 0 } : str_from(target, path + 1);
	return 0;
}
