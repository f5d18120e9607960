/* conf/conf_signin.c - see conf/conf_signin.h */
#include <string.h>

#include "conf/conf_signin.h"
#include "conf/value.h"

static void form_post(struct build *, struct entry *, struct conf_provider *);
static void prompt(struct build *, struct entry *);
static void max_age(struct build *, struct entry *, struct conf_provider *);
static void acr_values(struct build *, struct entry *);
static void login_hint(struct build *, struct group *, struct entry *);

void
conf_signin_build(struct build *b, struct group *g, struct conf_provider *p)
{
	p->authorize_by_post = build_number(groups_entry(g, "authorization_request_method")) == 1;
	form_post(b, groups_entry(g, "response_mode"), p);
	prompt(b, groups_entry(g, "prompt"));
	max_age(b, groups_entry(g, "max_age"), p);
	acr_values(b, groups_entry(g, "acr_values"));
	login_hint(b, g, groups_entry(g, "login_hint_parameter"));
}

/* The answer comes as another site's POST: only a SameSite=None cookie comes along, and that must be Secure.
 */
static void
form_post(struct build *b, struct entry *e, struct conf_provider *p)
{
	p->form_post = build_number(e) == 1;
	for (size_t i = 0; p->form_post && i < b->conf->n_origins; i++)
		if (!b->conf->origins[i].https) {
			build_mistake(b, e, build_value(e),
			    "form_post needs https, else browsers drop the sign-in cookie; public_url %s is "
			    "http",
			    notes_quote(str_of(b->conf->origins[i].url)).text);
			return;
		}
}

/* Core 3.1.2.1: words with a space between; what words there are is the provider's to say. */
static void
prompt(struct build *b, struct entry *e)
{
	struct item *item = build_value(e);
	struct str rest, word;
	size_t n = 0;
	bool none = false;

	if (item == NULL)
		return;
	for (rest = item->text; str_next(&rest, ' ', &word); n++) {
		none = none || str_is(word, STR("none"));
		if (!value_is_scope(word)) {
			build_refuse(b, e, item,
			    "is no list of prompts; write for example login, or \"login consent\"");
			return;
		}
	}
	if (none && n > 1)
		build_refuse(b, e, item, "has none and more; none stands alone");
}

static void
max_age(struct build *b, struct entry *e, struct conf_provider *p)
{
	struct item *item = build_value(e);
	int64_t *ms;
	struct err why;

	if (item == NULL)
		return;
	ms = mem_alloc(b->mem, sizeof(*ms));
	if (value_duration(item->text, ms, &why) == -1)
		build_refuse(b, e, item, why.text);
	else if (*ms % 1000 != 0)
		build_refuse(b, e, item, "is not a whole number of seconds, which is what is sent");
	else
		p->max_age = ms;
}

static void
acr_values(struct build *b, struct entry *e)
{
	for (size_t i = 0; i < e->n; i++)
		if (!e->v[i].flawed && !value_is_scope(e->v[i].text))
			build_refuse(b, e, &e->v[i], "is not one value; write a list: { \"one\", \"two\" }");
}

/* Beside the parameters that login knows itself. */
static void
login_hint(struct build *b, struct group *g, struct entry *e)
{
	struct entry *more = groups_entry(g, "authorization_parameters");
	struct item *item = build_value(e);

	if (item == NULL)
		return;
	if (!value_is_token(item->text) || settings_word("rd provider prompt", item->text, true) != -1)
		build_refuse(b, e, item,
		    "cannot name a parameter of login; write letters and digits, none of: rd provider "
		    "prompt");
	for (size_t i = 0; i < more->n; i++)
		if (!more->v[i].flawed && str_begins(more->v[i].text, STR("login_hint=")))
			build_refuse(b, more, &more->v[i],
			    "is what login_hint_parameter hands on; leave one of them out");
}
