/* proxy/pages.c - see proxy/pages.h; the words of each page are in proxy/words.c */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/utf8.h"
#include "proxy/pages.h"
#include "proxy/words.h"

#define SHOWN_MAX 6 /* bytes that one character may become: "&quot;" */
#define MORE      "\xe2\x80\xa6"

/* Contrast of every pair is at least 4.5:1 (WCAG 2.2 1.4.3), light and dark. */
#define STYLE                                                                                                \
	":root{color-scheme:light "                                                                          \
	"dark;--back:#eef1f5;--card:#fff;--text:#1b1f24;--soft:#55606c;--line:#d5dbe2;"                      \
	"--act:#0b57d0;--on:#fff}"                                                                           \
	"@media(prefers-color-scheme:dark){:root{--back:#0f1318;--card:#1a2028;--text:#e6e9ed;--soft:#"      \
	"a6b0bb;"                                                                                            \
	"--line:#323b46;--act:#9cc2ff;--on:#0b1a2e}}"                                                        \
	"*{box-sizing:border-box}"                                                                           \
	"body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--"    \
	"back);"                                                                                             \
	"color:var(--text);font:1rem/1.55 system-ui,sans-serif}"                                             \
	"main{width:100%;max-width:37rem;padding:2.25rem 2.5rem 1.75rem;background:var(--card);"             \
	"border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}"                          \
	"h1{margin:0 0 1rem;font-size:1.6rem;line-height:1.25}p{margin:0 0 1rem}"                            \
	"dl{margin:0 0 1rem;padding:.75rem 1rem;border-left:.25rem solid var(--line)}"                       \
	"dt{color:var(--soft);font-size:.875rem}dd{margin:0 0 .5rem}dd:last-child{margin:0}"                 \
	".do{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.5rem 0}form{margin:0}"                          \
	"a,button{display:inline-block;padding:.6rem 1.1rem;border:1px solid "                               \
	"var(--act);border-radius:.4rem;"                                                                    \
	"background:none;color:var(--act);font:inherit;text-decoration:none;cursor:pointer}"                 \
	".first{background:var(--act);color:var(--on)}a:hover,button:hover{text-decoration:underline}"       \
	"a:focus-visible,button:focus-visible{outline:3px solid var(--text);outline-offset:3px}"             \
	"footer{padding-top:1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.875rem}"      \
	"code{font-family:ui-monospace,monospace}"                                                           \
	"@media(max-width:30rem){body{padding:0}main{border:0;border-radius:0;min-height:100vh;padding:1."   \
	"5rem}}"

/* The hash of STYLE; the unit test prints the new one when STYLE has changed. */
#define STYLE_HASH "'sha256-8xTYJiISm2v/VB/cg9x494hDG2Vjz7WJ5O7pi/8nBJE='"
/* A parameter may be called "submit", and would stand in the method's place. */
#define SCRIPT      "HTMLFormElement.prototype.submit.call(document.forms[0])"
#define SCRIPT_HASH "'sha256-ox4bri+xTrW3kuLTyRoak73QX8KZGuyP3JlQYusbSlA='"
#define CSP(more, forms)                                                                                     \
	"default-src 'none'; style-src " STYLE_HASH "; " more "form-action " forms                           \
	"; frame-ancestors 'none'; base-uri 'none'"

const char page_csp[] = CSP("", "'self'");
const char page_csp_ask[] = CSP("", "'self' https: http:");
const char page_csp_send[] = CSP("script-src " SCRIPT_HASH "; ", "'self' https: http:");

static const char *wrap(const char *before, const char *inner, const char *after, struct mem *);
static const char *fact(const char *label, struct str value, size_t max, struct mem *);
static const char *link_to(const char *url, const char *text, bool first, struct mem *);
static bool is_link(const char *url);
static const char *foot_of(const struct page *, const char *request_id, struct mem *);
static struct str document(
    const char *title, const char *head, const char *body, const char *foot, struct mem *);
static struct str shown(struct str, size_t max, bool html, struct mem *);
static struct str one_shown(struct str *rest, bool html);

bool
page_shows_detail(enum reason r)
{
	return words_find(r, reason_status(r))->label != NULL;
}

/* Every piece that is put together here is a text of ours, or was escaped. */
struct str
page_html(const struct page *p, struct mem *m)
{
	const struct words *w = words_find(p->reason, p->status);
	const char *user, *detail = "", *host = "", *retry, *other, *home;

	user = fact("Signed in as", p->username, PAGE_SHORT, m);
	if (w->label != NULL)
		detail = fact(w->label, p->detail, PAGE_LONG, m);
	if (w->cookies)
		host = fact("This site", str_of(p->host), PAGE_SHORT, m);
	retry = link_to(p->retry_url, "Try again", true, m);
	other = link_to(p->switch_url, "Sign in as someone else", *retry == '\0', m);
	home = link_to(p->home_url, "Back to the application", *retry == '\0' && *other == '\0', m);
	return document(w->title, "",
	    mem_printf(m, "%s%s%s%s", wrap("<p>", w->text, "</p>", m),
		wrap("<dl>", mem_printf(m, "%s%s%s", user, detail, host), "</dl>", m),
		wrap("<p>", w->advice, "</p>", m),
		wrap("<p class=\"do\">", mem_printf(m, "%s%s%s", retry, other, home), "</p>", m)),
	    foot_of(p, p->request_id, m), m);
}

struct str
page_choose(const char *request_id, const struct page_choice *v, size_t n, struct mem *m)
{
	const char *links = "";

	for (size_t i = 0; i < n; i++)
		links = mem_printf(m, "%s%s", links,
		    link_to(v[i].url, shown(str_of(v[i].name), PAGE_SHORT, true, m).p, i == 0, m));
	return document(words_choose.title, "",
	    mem_printf(m, "<p>%s</p>%s", words_choose.text, wrap("<p class=\"do\">", links, "</p>", m)),
	    foot_of(NULL, request_id, m), m);
}

struct str
page_signed_out(const char *request_id, const char *home_url, bool provider_too, struct mem *m)
{
	const struct words *w = provider_too ? &words_signed_out : &words_signed_out_here;

	return document(w->title, "",
	    mem_printf(m, "<p>%s</p>%s", w->text,
		wrap("<p class=\"do\">", link_to(home_url, "Sign in again", true, m), "</p>", m)),
	    foot_of(NULL, request_id, m), m);
}

struct str
page_onward(const char *request_id, const char *url, struct mem *m)
{
	struct str to = page_escape(str_of(is_link(url) ? url : "/"), m);

	return document("You are signed in",
	    mem_printf(m, "<meta http-equiv=\"refresh\" content=\"0;url=%s\">\n", to.p),
	    wrap("<p class=\"do\">", link_to(url, "Continue", true, m), "</p>", m),
	    foot_of(NULL, request_id, m), m);
}

struct str
page_ask_logout(const char *request_id, const char *action_url, const char *home_url, struct mem *m)
{
	return document(words_ask_logout.title, "<meta name=\"referrer\" content=\"same-origin\">\n",
	    mem_printf(m,
		"<p>%s</p><div class=\"do\"><form method=\"post\" action=\"%s\"><button class=\"first\">Sign "
		"out</button></form>%s</div>",
		words_ask_logout.text, page_link(action_url, m).p,
		link_to(home_url, "Stay signed in", false, m)),
	    foot_of(NULL, request_id, m), m);
}

/* With the origin that redirect_uri names anyway: "Origin: null" looks like an attack to some. */
struct str
page_send(const char *request_id, const char *action_url, const struct authreq_params *p, struct mem *m)
{
	const char *fields = "";

	for (size_t i = 0; i < p->n; i++)
		fields = mem_printf(m, "%s<input type=\"hidden\" name=\"%s\" value=\"%s\">", fields,
		    page_escape(str_of(p->v[i].name), m).p, page_escape(p->v[i].value, m).p);
	return document("On the way to the sign-in", "<meta name=\"referrer\" content=\"strict-origin\">\n",
	    mem_printf(m,
		"<p>If nothing happens, go on by hand.</p>"
		"<form method=\"post\" action=\"%s\">%s<p class=\"do\"><button "
		"class=\"first\">Continue</button></p></form>"
		"<script>" SCRIPT "</script>",
		page_link(action_url, m).p, fields),
	    foot_of(NULL, request_id, m), m);
}

struct str
page_resume(const char *request_id, const char *action_url, struct mem *m)
{
	return document("Sending your form", "<meta name=\"referrer\" content=\"same-origin\">\n",
	    mem_printf(m,
		"<p>Your session had run out when you sent your form, so it was kept until you were signed "
		"in "
		"again. If nothing happens, send it by hand.</p>"
		"<form method=\"post\" enctype=\"text/plain\" action=\"%s\"><p class=\"do\"><button "
		"class=\"first\">Send the form</button></p></form>"
		"<script>" SCRIPT "</script>",
		page_link(action_url, m).p),
	    foot_of(NULL, request_id, m), m);
}

/* "" when there is nothing inside. */
static const char *
wrap(const char *before, const char *inner, const char *after, struct mem *m)
{
	return inner == NULL || *inner == '\0' ? "" : mem_printf(m, "%s%s%s", before, inner, after);
}

static const char *
fact(const char *label, struct str value, size_t max, struct mem *m)
{
	if (value.n == 0)
		return "";
	return mem_printf(m, "<dt>%s</dt><dd dir=\"auto\">%s</dd>", label, shown(value, max, true, m).p);
}

static const char *
link_to(const char *url, const char *text, bool first, struct mem *m)
{
	if (!is_link(url))
		return "";
	return mem_printf(m, "<a%s href=\"%s\">%s</a>", first ? " class=\"first\"" : "",
	    page_escape(str_of(url), m).p, text);
}

/* Nothing that runs: no javascript:, no data:. */
static bool
is_link(const char *url)
{
	struct str s = str_of(url);

	return str_begins(s, STR("/")) || str_begins(s, STR("https://")) || str_begins(s, STR("http://"));
}

/* Of a refusal also its status, and the word by which the log and the manual know it. */
static const char *
foot_of(const struct page *p, const char *request_id, struct mem *m)
{
	const char *id =
	    wrap("Request id <code>", shown(str_of(request_id), PAGE_SHORT, true, m).p, "</code>", m);
	const char *why = p == NULL ? "" : wrap(" &middot; <code>", reason_word(p->reason), "</code>", m);
	const char *number =
	    p == NULL ? "" : mem_printf(m, "Status %d%s%s", p->status, why, *id == '\0' ? "" : " &middot; ");

	return wrap("<footer>", mem_printf(m, "%s%s", number, id), "</footer>", m);
}

static struct str
document(const char *title, const char *head, const char *body, const char *foot, struct mem *m)
{
	return str_of(mem_printf(m,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	    "<meta name=\"robots\" content=\"noindex\">\n%s<title>%s</title>\n<style>%s</style>\n</head>\n"
	    "<body>\n<main>\n<h1>%s</h1>\n%s\n%s\n</main>\n</body>\n</html>\n",
	    head, title, STYLE, title, body, foot));
}

struct str
page_json(const struct page *p, struct mem *m)
{
	const struct words *w = words_find(p->reason, p->status);
	const char *detail = w->label == NULL ? "" : shown(p->detail, PAGE_LONG, false, m).p;
	const char *word = reason_word(p->reason);
	json_t *j;
	char *text;
	struct str out;

	j = json_pack("{s:s, s:s++, s:s}", "error", *word == '\0' ? "refused" : word, "error_description",
	    w->text, *detail == '\0' ? "" : " ", detail, "request_id",
	    shown(str_of(p->request_id), PAGE_SHORT, false, m).p);
	text = j == NULL ? NULL : json_dumps(j, JSON_COMPACT);
	out = text == NULL ? STR("{}") : mem_str(m, str_of(text));
	free(text);
	json_decref(j);
	return out;
}

struct str
page_shown(struct str s, size_t max, struct mem *m)
{
	return shown(s, max, true, m);
}

struct str
page_link(const char *url, struct mem *m)
{
	return page_escape(str_of(is_link(url) ? url : ""), m);
}

struct str
page_escape(struct str s, struct mem *m)
{
	return shown(s, SIZE_MAX, true, m);
}

/* At most `max` characters of s, and a sign that there were more. */
static struct str
shown(struct str s, size_t max, bool html, struct mem *m)
{
	char *out = mem_alloc(m, (s.n < max ? s.n : max) * SHOWN_MAX + sizeof(MORE));
	struct str one;
	size_t n = 0;

	for (size_t i = 0; s.n > 0 && i < max; i++) {
		one = one_shown(&s, html);
		memcpy(out + n, one.p, one.n);
		n += one.n;
	}
	if (s.n > 0) {
		memcpy(out + n, MORE, sizeof(MORE) - 1);
		n += sizeof(MORE) - 1;
	}
	out[n] = '\0';
	return (struct str){ out, n };
}

/* Cut the first character off *rest and give it as it may be shown: at most SHOWN_MAX bytes. */
static struct str
one_shown(struct str *rest, bool html)
{
	static const struct {
		char c;
		struct str as;
	} references[] = { { '&', { "&amp;", 5 } }, { '<', { "&lt;", 4 } }, { '>', { "&gt;", 4 } },
		{ '"', { "&quot;", 6 } }, { '\'', { "&#39;", 5 } }, { '`', { "&#96;", 5 } } };
	uint32_t c = 0;
	size_t n = utf8_first(*rest, &c);
	struct str one = { rest->p, n };

	*rest = str_from(*rest, n == 0 ? 1 : n);
	if (c == '\t' || c == '\n' || c == '\r')
		return STR(" ");
	if (n == 0 || utf8_is_confusing(c))
		return STR("\xef\xbf\xbd");
	for (size_t i = 0; html && i < sizeof(references) / sizeof(references[0]); i++)
		if (c == (unsigned char)references[i].c)
			return references[i].as;
	return one;
}
