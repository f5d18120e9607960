/* proxy/import_facts.c - what the old settings are; see proxy/import_impl.h */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "conf/url.h"
#include "conf/value.h"
#include "proxy/import_impl.h"

#define NAME_MOST 80

static struct import_fact *find(struct import *, const char *);
static bool ends_with(struct str, const char *);

void
import_facts(struct import *i, size_t room)
{
	i->facts = mem_zalloc(i->m, (room + 1) * sizeof(*i->facts));
	i->n_facts = 0;
	i->room = room;
}

void
import_know(struct import *i, const char *name, const char *value)
{
	struct import_fact *f = find(i, name);
	struct str s = str_of(value);
	bool twice = f != NULL && strcmp(f->raw, value) != 0;
	char *trimmed = mem_secret(i->m, s.n + 1);

	if (f == NULL && i->n_facts == i->room)
		return;
	if (f == NULL)
		f = &i->facts[i->n_facts++];
	while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL)
		s = str_from(s, 1);
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
		s.n--;
	memcpy(trimmed, s.p, s.n);
	*f = (struct import_fact){ name, trimmed, value, false, f->twice || twice };
}

void
import_forget(struct import *i, const char *name)
{
	struct import_fact *f = name == NULL ? NULL : find(i, name);

	if (name == NULL)
		i->n_facts = 0;
	else if (f != NULL) {
		memmove(f, f + 1, (size_t)(i->facts + i->n_facts - f - 1) * sizeof(*f));
		i->n_facts--;
	}
}

const struct import_fact *
import_fact(struct import *i, const char *name)
{
	struct import_fact *f = find(i, name);

	if (f != NULL)
		f->taken = true;
	return f;
}

const char *
import_value(struct import *i, const char *name)
{
	const struct import_fact *f = import_fact(i, name);

	return f == NULL ? NULL : f->value;
}

static struct import_fact *
find(struct import *i, const char *name)
{
	for (size_t k = 0; k < i->n_facts; k++)
		if (strcasecmp(i->facts[k].name, name) == 0)
			return &i->facts[k];
	return NULL;
}

bool
import_is(const char *value, bool otherwise)
{
	struct str s = str_of(value);

	if (s.n == 0)
		return otherwise;
	if (settings_word("y yes true 1 on", s, true) != -1)
		return true;
	return settings_word("n no false 0 off", s, true) != -1 ? false : otherwise;
}

bool
import_says(const struct import_fact *f, bool absent, bool strict)
{
	if (f == NULL)
		return absent;
	return f->twice ? strict : import_is(f->value, strict);
}

bool
import_is_name(const char *name)
{
	struct str s = str_of(name);

	return s.n > 0 && s.n <= NAME_MOST && value_is_text(s) && memchr(s.p, '\t', s.n) == NULL;
}

const char *
import_kind(const char *url)
{
	struct str s = str_of(url), host;
	struct err ignored;
	struct url u;

	if (url_parse(s, &u, &ignored) == -1)
		return "oidc";
	host = u.host;
	if (str_is_nocase(host, STR("login.microsoftonline.com")) ||
	    str_is_nocase(host, STR("login.microsoftonline.us")) ||
	    str_is_nocase(host, STR("login.windows.net")) || str_is_nocase(host, STR("sts.windows.net")))
		return memmem(u.path.p, u.path.n, "/v2.0/", 6) != NULL ? "ms-identity-v2" : "azure-v1";
	if (ends_with(host, ".okta.com") || ends_with(host, ".oktapreview.com"))
		return "okta";
	if (ends_with(host, ".auth0.com"))
		return "auth0";
	if (str_is_nocase(host, STR("accounts.google.com")))
		return "google";
	if (str_begins(u.path, STR("/adfs/")))
		return "adfs";
	return memmem(u.path.p, u.path.n, "/realms/", 8) != NULL ? "keycloak" : "oidc";
}

static bool
ends_with(struct str s, const char *end)
{
	size_t n = strlen(end);

	return s.n > n && str_is_nocase(str_from(s, s.n - n), str_of(end));
}

bool
import_take_url(struct import *i, const char *url, const char *end)
{
	struct str s = str_of(url), path;
	struct err ignored;
	struct url u;

	if (end[0] != '\0' && !ends_with(s, end))
		return false;
	s.n -= strlen(end);
	while (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	if (s.n > IMPORT_ADDRESS_MOST || url_parse(s, &u, &ignored) == -1 || u.query.p != NULL)
		return false;
	path = u.path;
	if (path.n > 0 && value_path(path, &ignored) == -1)
		return false;
	i->url = mem_text(i->m, s);
	i->path = mem_text(i->m, path);
	return true;
}

bool
import_take_path(struct import *i, const char *path)
{
	struct str s = str_of(path);
	struct err ignored;

	if (s.n > IMPORT_ADDRESS_MOST || value_path(s, &ignored) == -1)
		return false;
	while (s.n > 0 && s.p[s.n - 1] == '/')
		s.n--;
	i->path = mem_text(i->m, s);
	return true;
}
