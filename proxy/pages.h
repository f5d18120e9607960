/*
 * proxy/pages.h - what a person sees that the application did not write, and its JSON twin
 *
 * Plain, accessible, light and dark, no script but in page_send(), every foreign text escaped.
 * A page says what happened, what can be done, and the request id; it never
 * says more about why than helps the person in front of it.
 *
 * Pure: text in m out.
 */
#ifndef PROXY_PAGES_H
#define PROXY_PAGES_H
#include <stdbool.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"
#include "oidc/authreq.h"

/* What a page may name.  Every text may be "" or NULL; all are escaped here. */
struct page {
	enum reason reason;
	int status;
	const char *request_id;
	struct str username;    /* who they are signed in as */
	struct str detail;      /* shown where it helps the person (page_shows_detail), else left out */
	const char *host;       /* whose cookies are meant, where a page is about cookies */
	const char *retry_url;  /* "Try again" */
	const char *switch_url; /* "Sign in as someone else" */
	const char *home_url;   /* "Back to the application" */
};

/*
 * `reason` chooses the words; REASON_NONE leaves it to `status`, which is
 * otherwise only printed.  A link that is neither a path nor http(s) is left out.
 */
struct str page_html(const struct page *p, struct mem *m);
/* {"error","error_description","request_id"} */
struct str page_json(const struct page *p, struct mem *m);

/*
 * Is `detail` printed for this reason?  The rule that was not met
 * (CLAIM_MISSING, USERNAME_MISMATCH), the claim that is missing
 * (LOGIN_NO_USERNAME, LOGIN_CLAIM), the provider's own error
 * (LOGIN_REFUSED, PROVIDER_ERROR): nothing else.  Everywhere else the
 * operator's sentence stays in the log, whoever passes it.
 */
bool page_shows_detail(enum reason r);

/* Where to sign in, when there are several places; each a link.  `name` is escaped here. */
struct page_choice {
	const char *name, *url;
};
struct str page_choose(const char *request_id, const struct page_choice *v, size_t n, struct mem *m);

/* The page after signing out; `provider_too`: the provider's session is over as well. */
struct str page_signed_out(const char *request_id, const char *home_url, bool provider_too, struct mem *m);
/* What leads on to `url` (a path of ours) at once, as a page of ours rather than as a redirect. */
struct str page_onward(const char *request_id, const char *url, struct mem *m);
/*
 * "Do you want to sign out?" for a logout that another site caused: a POST form
 * to action_url.  It tells our own server, and nobody else, where it was sent
 * from: without that an Origin of "null" would look like another site's again.
 */
struct str page_ask_logout(
    const char *request_id, const char *action_url, const char *home_url, struct mem *m);

/*
 * A form with these parameters that sends itself to `action_url`, the
 * provider's; where no script runs, by a button.
 */
struct str page_send(
    const char *request_id, const char *action_url, const struct authreq_params *p, struct mem *m);

/* A kept form: an empty one that sends itself to `action_url`, as text/plain; where no script runs, by a
 * button. */
struct str page_resume(const char *request_id, const char *action_url, struct mem *m);

/* Content-Security-Policy of all other pages. */
extern const char page_csp[];
/*
 * Of page_ask_logout(): its form leads, by a redirect, on to the provider's
 * logout, and browsers hold form-action against that redirect as well.
 */
extern const char page_csp_ask[];
/* Of page_send(): its one script, by its hash; the provider may redirect, too, and back to us in the end. */
extern const char page_csp_send[];

/* What is shown of a foreign text, at most so many characters of it, and of a link: "" when it is none. */
#define PAGE_SHORT 200
#define PAGE_LONG  600 /* of sentences */
struct str page_shown(struct str s, size_t max, struct mem *m);
struct str page_link(const char *url, struct mem *m);

/*
 * For HTML text and quoted attributes: & < > " ' ` become references; controls,
 * bytes that are not UTF-8 and characters that hide or turn text become U+FFFD.
 */
struct str page_escape(struct str s, struct mem *m);

#endif
