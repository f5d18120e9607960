/*
 * proxy/pages_own.h - our pages, or what the operator put in their place
 *
 * Each is the operator's template where `pages` has one (conf/conf_pages.h),
 * else the built-in page (proxy/pages.h).  Either way no foreign text is
 * markup and no script runs; a template may bring styles of its own, and
 * images and fonts from this site.
 *
 * Pure: text in m out.
 */
#ifndef PROXY_PAGES_OWN_H
#define PROXY_PAGES_OWN_H
#include "conf/conf.h"
#include "proxy/pages.h"

struct pages_own {
	struct str html;
	const char *csp;
	bool knows_us; /* its form must say where it comes from: Referrer-Policy: same-origin */
};

struct pages_own pages_own_refusal(const struct conf_templates *t, const struct page *p, struct mem *m);
struct pages_own pages_own_choose(const struct conf_templates *t, const char *request_id,
    const struct page_choice *v, size_t n, struct mem *m);
struct pages_own pages_own_signed_out(const struct conf_templates *t, const char *request_id,
    const char *home_url, bool provider_too, struct mem *m);
struct pages_own pages_own_ask_logout(const struct conf_templates *t, const char *request_id,
    const char *action_url, const char *home_url, struct mem *m);

#endif
