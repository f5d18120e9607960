/* proxy/pages_own.c - see proxy/pages_own.h */
#include "conf/conf_pages.h"
#include "proxy/pages_own.h"
#include "proxy/words.h"

/*
 * A template may hold <style> and style=: no value stands in either
 * (conf/template.c), so nobody but the operator writes them.
 */
#define CSP(forms)                                                                                           \
	"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' "       \
	"data:; "                                                                                            \
	"form-action " forms "; frame-ancestors 'none'; base-uri 'none'"

static const char csp[] = CSP("'self'");
static const char csp_ask[] = CSP("'self' https: http:"); /* as page_csp_ask */

static void put_words(struct str *, const struct words *, struct mem *);
static bool is_denial(enum reason);
static bool print(const struct template *, const struct template_values *, struct pages_own *, struct mem *);

struct pages_own
pages_own_refusal(const struct conf_templates *t, const struct page *p, struct mem *m)
{
	const struct words *w = words_find(p->reason, p->status);
	const struct template *mine = t->v[CONF_PAGE_ERROR];
	struct pages_own out = { .csp = csp };
	struct str v[PAGE_VALUES] = { { NULL, 0 } };

	if (is_denial(p->reason) && t->v[CONF_PAGE_ACCESS_DENIED] != NULL)
		mine = t->v[CONF_PAGE_ACCESS_DENIED];
	put_words(v, w, m);
	v[PAGE_STATUS] = str_of(mem_printf(m, "%d", p->status));
	v[PAGE_REASON] = str_of(reason_word(p->reason));
	v[PAGE_REQUEST_ID] = page_shown(str_of(p->request_id), PAGE_SHORT, m);
	v[PAGE_USERNAME] = page_shown(p->username, PAGE_SHORT, m);
	if (w->label != NULL && p->detail.n > 0) {
		v[PAGE_DETAIL_LABEL] = page_escape(str_of(w->label), m);
		v[PAGE_DETAIL] = page_shown(p->detail, PAGE_LONG, m);
	}
	if (w->cookies)
		v[PAGE_HOST] = page_shown(str_of(p->host), PAGE_SHORT, m);
	v[PAGE_RETRY_URL] = page_link(p->retry_url, m);
	v[PAGE_SWITCH_URL] = page_link(p->switch_url, m);
	v[PAGE_HOME_URL] = page_link(p->home_url, m);
	if (!print(mine, &(struct template_values){ .v = v }, &out, m))
		out = (struct pages_own){ .html = page_html(p, m), .csp = page_csp };
	return out;
}

static void
put_words(struct str *v, const struct words *w, struct mem *m)
{
	v[PAGE_TITLE] = page_escape(str_of(w->title), m);
	v[PAGE_TEXT] = page_escape(str_of(w->text), m);
	v[PAGE_ADVICE] = page_escape(str_of(w->advice), m);
}

/* It is the account that may not, and not that something went wrong. */
static bool
is_denial(enum reason why)
{
	return why == REASON_CLAIM_MISSING || why == REASON_CLAIM_OVERAGE ||
	       why == REASON_USERNAME_MISMATCH || why == REASON_TOKEN_TENANT;
}

struct pages_own
pages_own_choose(const struct conf_templates *t, const char *request_id, const struct page_choice *choices,
    size_t n, struct mem *m)
{
	struct pages_own out = { .csp = csp };
	struct str v[PAGE_VALUES] = { { NULL, 0 } };
	const struct str **rows = mem_zalloc(m, n * sizeof(*rows));

	put_words(v, &words_choose, m);
	v[PAGE_REQUEST_ID] = page_shown(str_of(request_id), PAGE_SHORT, m);
	for (size_t i = 0; i < n; i++) {
		struct str *row = mem_zalloc(m, PAGE_VALUES * sizeof(*row));

		row[PAGE_NAME] = page_shown(str_of(choices[i].name), PAGE_SHORT, m);
		row[PAGE_URL] = page_link(choices[i].url, m);
		rows[i] = row;
	}
	if (!print(t->v[CONF_PAGE_CHOOSE], &(struct template_values){ v, rows, n }, &out, m))
		out = (struct pages_own){ .html = page_choose(request_id, choices, n, m), .csp = page_csp };
	return out;
}

struct pages_own
pages_own_signed_out(const struct conf_templates *t, const char *request_id, const char *home_url,
    bool provider_too, struct mem *m)
{
	struct pages_own out = { .csp = csp };
	struct str v[PAGE_VALUES] = { { NULL, 0 } };

	put_words(v, provider_too ? &words_signed_out : &words_signed_out_here, m);
	v[PAGE_REQUEST_ID] = page_shown(str_of(request_id), PAGE_SHORT, m);
	v[PAGE_HOME_URL] = page_link(home_url, m);
	v[PAGE_EVERYWHERE] = provider_too ? STR("yes") : STR("");
	if (!print(t->v[CONF_PAGE_SIGNED_OUT], &(struct template_values){ .v = v }, &out, m))
		out = (struct pages_own){ .html = page_signed_out(request_id, home_url, provider_too, m),
			.csp = page_csp };
	return out;
}

/* The built-in page says what knows_us asks for in a <meta> of its own. */
struct pages_own
pages_own_ask_logout(const struct conf_templates *t, const char *request_id, const char *action_url,
    const char *home_url, struct mem *m)
{
	struct pages_own out = { .csp = csp_ask, .knows_us = true };
	struct str v[PAGE_VALUES] = { { NULL, 0 } };

	put_words(v, &words_ask_logout, m);
	v[PAGE_REQUEST_ID] = page_shown(str_of(request_id), PAGE_SHORT, m);
	v[PAGE_LOGOUT_URL] = page_link(action_url, m);
	v[PAGE_HOME_URL] = page_link(home_url, m);
	if (!print(t->v[CONF_PAGE_LOGOUT], &(struct template_values){ .v = v }, &out, m))
		out = (struct pages_own){ .html = page_ask_logout(request_id, action_url, home_url, m),
			.csp = page_csp_ask };
	return out;
}

/* false: there is no template, or its page would be too large; the built-in one always fits. */
static bool
print(const struct template *t, const struct template_values *v, struct pages_own *out, struct mem *m)
{
	if (t != NULL)
		out->html = template_print(t, v, m);
	return out->html.n > 0;
}
