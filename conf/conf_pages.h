/*
 * conf/conf_pages.h - the pages that an operator may write himself
 *
 * `pages` names a directory; a file in it, named as here, stands in place of
 * one page.  A page without a file stays built in.  The pages that send
 * themselves on have none: they need a script of ours.
 */
#ifndef CONF_CONF_PAGES_H
#define CONF_CONF_PAGES_H
#include "conf/conf.h"
#include "conf/template.h"

/* The values of all pages, in the order of conf_page_names[]. */
enum conf_page_value {
	PAGE_TITLE,
	PAGE_TEXT,
	PAGE_ADVICE,
	PAGE_STATUS,
	PAGE_REASON,
	PAGE_REQUEST_ID,
	PAGE_USERNAME,
	PAGE_DETAIL_LABEL,
	PAGE_DETAIL,
	PAGE_HOST,
	PAGE_RETRY_URL,
	PAGE_SWITCH_URL,
	PAGE_HOME_URL,
	PAGE_LOGOUT_URL,
	PAGE_EVERYWHERE,
	PAGE_PROVIDERS,
	PAGE_NAME,
	PAGE_URL,
	PAGE_VALUES
};

extern const struct template_name conf_page_names[PAGE_VALUES];

/* Its file's name, and which values it has. */
struct conf_page_row {
	const char *file;
	const char *help;
	uint32_t known, should, must;
};
extern const struct conf_page_row conf_pages[CONF_PAGES];

#endif
