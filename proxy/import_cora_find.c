/* proxy/import_cora_find.c - where Cora SeQuence's settings are, in a web.config of many sections; see
 * proxy/import_impl.h */
#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "conf/certs.h"
#include "proxy/import_impl.h"

struct pair {
	const char *name, *value; /* value NULL: it is none */
};

static bool is_any(const char *const *, const char *);
static bool is_telling(const struct webconfig *, size_t);
static struct pair pair_of(const struct webconfig *, size_t);
static bool is_listed(const struct webconfig *, size_t);
static void know(struct import *, size_t, const char *, const char *);
static void gather_element(struct import *, size_t);
static void gather_lists(struct import *, size_t);
static void append(struct import *, const char *, const char *);
static const char *claim(const char *);
static void one_certificate(struct import *, size_t element, size_t number);
static const char *find_type(const char *);
static const char *find_value(struct import *, const char *find, const char *);
static void chain(struct import *, size_t element);
static bool is_of_chain(const char *);
static bool is_acceptance(const char *);
static bool is_check(const char *);
static bool is_turned(const char *);

/* Those that something is made of.  The last three come from lists. */
static const char *const known[] = { "discoveryKind", "discoveryUri", "validIssuer", "authority",
	"tokenEndpoint", "logoutEndpoint", "tokenRequestAuthorizationMethod", "idTokenSigningAlgValues",
	"authorizationRequestHttpMethod", "forceReauthenticate", "cookieEncryptionKey", "signoutFromSts",
	"ssoEnabled", "loginUrl", "logoutUrl", "accessDeniedUrl", "requireSsl", "clientId", "clientSecret",
	"scope", "resource", "replyUrl", "redirectUri", "baseUrl", "audienceUris", "claimType",
	"originalIssuer", NULL };

/* Those that no other section of a web.config has: what stands beside them is of the same. */
static const char *const telling[] = { "discoveryKind", "discoveryUri", "validIssuer",
	"tokenRequestAuthorizationMethod", "idTokenSigningAlgValues", "authorizationRequestHttpMethod",
	"forceReauthenticate", "cookieEncryptionKey", "signoutFromSts", NULL };

static const char *const lists[] = { "identityProviderCertificates", "IdentityClaims", "audienceUris", NULL };

bool
import_cora_gather(struct import *i)
{
	const struct webconfig *w = i->w;
	bool *ours = mem_zalloc(i->m, w->n_elements * sizeof(*ours)), any = false;

	import_facts(i, w->n_items + 3);
	for (size_t k = 0; k < w->n_elements; k++) {
		struct pair p = pair_of(w, k);

		ours[k] |= is_telling(w, k);
		if (p.value != NULL && is_any(telling, p.name))
			ours[w->elements[k].parent] = true;
	}
	for (size_t k = 0; k < w->n_elements; k++) {
		ours[k] |= ours[w->elements[k].parent];
		any |= ours[k];
		if (is_listed(w, k))
			gather_lists(i, k);
		else if (ours[k])
			gather_element(i, k);
		else if (strcasecmp(w->elements[k].name, "cookieHandler") == 0 &&
			 webconfig_attribute(w, k, "requireSsl") != NULL)
			import_know(i, "requireSsl", webconfig_attribute(w, k, "requireSsl"));
	}
	for (size_t k = 0; known[k] != NULL; k++)
		(void)import_fact(i, known[k]);
	return any && i->n_facts > 0;
}

static bool
is_any(const char *const *names, const char *name)
{
	while (*names != NULL && strcasecmp(*names, name) != 0)
		names++;
	return *names != NULL;
}

static bool
is_telling(const struct webconfig *w, size_t element)
{
	const struct webconfig_element *e = &w->elements[element];

	for (size_t k = e->first; k < e->first + e->n; k++)
		if (is_any(telling, w->items[k].name))
			return true;
	return strcasestr(e->name, "openIdConnect") != NULL;
}

/* <add key="NAME" value="..."/>, <NAME value="..."/> or <NAME>...</NAME> */
static struct pair
pair_of(const struct webconfig *w, size_t element)
{
	const struct webconfig_element *e = &w->elements[element];
	const char *value = webconfig_attribute(w, element, "value"),
		   *key = webconfig_attribute(w, element, "key");

	if (key == NULL)
		key = webconfig_attribute(w, element, "name");
	if (value != NULL && key != NULL && strcmp(e->name, "add") == 0)
		return (struct pair){ key, value };
	if (value != NULL && e->n == 1)
		return (struct pair){ e->name, value };
	if (e->n == 1 && w->items[e->first].name[0] == '\0')
		return (struct pair){ e->name, w->items[e->first].value };
	return (struct pair){ NULL, NULL };
}

static bool
is_listed(const struct webconfig *w, size_t element)
{
	for (size_t k = 0; lists[k] != NULL; k++)
		if (webconfig_inside(w, element, lists[k]) != SIZE_MAX)
			return true;
	return false;
}

static void
gather_element(struct import *i, size_t element)
{
	static const char *const others[] = { "type", "name", "xmlns", "", NULL };
	const struct webconfig_element *e = &i->w->elements[element];
	struct pair p = pair_of(i->w, element);

	if (p.value != NULL) {
		know(i, element, p.name, p.value);
		return;
	}
	for (size_t k = e->first; k < e->first + e->n; k++)
		if (!is_any(others, i->w->items[k].name))
			know(i, element, i->w->items[k].name, i->w->items[k].value);
}

/* Among appSettings there is much that is not about signing in. */
static void
know(struct import *i, size_t element, const char *name, const char *value)
{
	if (is_any(known, name) || webconfig_inside(i->w, element, "appSettings") == SIZE_MAX)
		import_know(i, name, value);
}

/* --- lists ------------------------------------------------------------------------ */

static void
gather_lists(struct import *i, size_t element)
{
	const char *type = webconfig_attribute(i->w, element, "claimType");
	const char *of = webconfig_attribute(i->w, element, "originalIssuer");
	const char *value = webconfig_attribute(i->w, element, "value");

	if (webconfig_inside(i->w, element, "audienceUris") != SIZE_MAX) {
		if (value == NULL)
			value = webconfig_attribute(i->w, element, "");
		if (value != NULL)
			append(i, "audienceUris", value);
		return;
	}
	if (webconfig_inside(i->w, element, "IdentityClaims") == SIZE_MAX)
		return;
	if (type != NULL)
		append(i, "claimType", claim(type));
	/* what .NET writes for claims that it made itself */
	if (of != NULL && strcasecmp(of, "LOCAL AUTHORITY") != 0)
		import_know(i, "originalIssuer", of);
}

/* One fact of all, with commas; it ends when there are too many for a list, which then says so. */
static void
append(struct import *i, const char *name, const char *value)
{
	const char *was = import_value(i, name);
	size_t n = 0;

	for (const char *p = was; p != NULL && *p != '\0'; p++)
		n += *p == ',';
	if (n > IMPORT_LIST_MOST)
		return;
	if (was != NULL) {
		import_forget(i, name);
		value = mem_printf(i->m, "%s,%s", was, value);
	}
	import_know(i, name, value);
}

/* .NET's names of claims, and what the tokens call them. */
static const char *
claim(const char *type)
{
	static const struct {
		const char *end, *is;
	} rows[] = { { "emailaddress", "email" }, { "upn", "upn" }, { "name", "unique_name" },
		{ "nameidentifier", "sub" }, { "givenname", "given_name" }, { "surname", "family_name" },
		{ "windowsaccountname", "winaccountname" }, { "objectidentifier", "oid" } };
	const char *slash = strrchr(type, '/');

	if (slash == NULL || strncasecmp(type, "http://schemas.", 15) != 0)
		return type;
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		if (strcasecmp(slash + 1, rows[k].end) == 0)
			return rows[k].is;
	return type;
}

/* --- certificates ----------------------------------------------------------------- */

bool
import_cora_has_certificates(const struct import *i)
{
	for (size_t k = 1; k < i->w->n_elements; k++)
		if (strcasecmp(i->w->elements[i->w->elements[k].parent].name, lists[0]) == 0)
			return true;
	return false;
}

void
import_cora_certificates(struct import *i)
{
	size_t n = 0;

	for (size_t k = 1; k < i->w->n_elements; k++)
		if (strcasecmp(i->w->elements[i->w->elements[k].parent].name, lists[0]) == 0)
			one_certificate(i, k, ++n);
	if (n > 0)
		return;
	import_open(i, "certificate \"signing\" {");
	import_todo(i, "identityProviderCertificates are not in the web.config: the certificate, as PEM");
	import_set(i, true, "file", "");
	import_close(i);
}

static void
one_certificate(struct import *i, size_t element, size_t number)
{
	const char *type = webconfig_attribute(i->w, element, "findType");
	const char *value = webconfig_attribute(i->w, element, "findValue"), *find;
	struct err why = { .text = "is not there" };

	if (type == NULL)
		type = webconfig_attribute(i->w, element, "x509FindType");
	if (value == NULL)
		value = webconfig_attribute(i->w, element, "value");
	find = type == NULL ? "thumbprint" : find_type(type);
	import_open(i, "certificate \"signing-%zu\" {", number);
	if (find == NULL)
		import_todo(i, "its X509FindType has no counterpart; find it by its thumbprint");
	import_set(i, true, "find", find == NULL ? "thumbprint" : find);
	if (find != NULL && value != NULL) {
		const struct setting *row = settings_find(SECTION_CERTIFICATE, STR("find"));

		value = find_value(i, find, value);
		if (certs_judge_value((enum conf_find)settings_word(row->words, str_of(find), false),
			str_of(value), &why) == -1 ||
		    import_quote(i, value) == NULL)
			find = NULL;
	}
	if (find == NULL || value == NULL)
		import_todo(i, "what it is known by %s", why.text);
	import_set(i, true, "value", find == NULL || value == NULL ? "" : value);
	import_todo(
	    i, "export the certificate from the machine's store into this folder (*.pem, *.crt, *.cer)");
	import_line(i, "directory = \"/etc/workflow-proxy/store\"");
	chain(i, element);
	import_close(i);
}

static const char *
find_type(const char *type)
{
	static const struct {
		const char *old, *is;
	} rows[] = { { "Thumbprint", "thumbprint" }, { "SubjectName", "subject_name" },
		{ "SubjectDistinguishedName", "subject_dn" }, { "IssuerName", "issuer_name" },
		{ "SerialNumber", "serial_number" }, { "SubjectKeyIdentifier", "subject_key_identifier" } };

	if (strncasecmp(type, "FindBy", 6) == 0)
		type += 6;
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
		if (strcasecmp(type, rows[k].old) == 0)
			return rows[k].is;
	return NULL;
}

/* Windows shows thumbprints with blanks, and with an invisible mark in front that is copied along. */
static const char *
find_value(struct import *i, const char *find, const char *value)
{
	char *out = mem_strdup(i->m, value), *to = out;

	if (strncmp(find, "thumbprint", 10) != 0 && strcmp(find, "serial_number") != 0 &&
	    strcmp(find, "subject_key_identifier") != 0)
		return value;
	for (; *value != '\0'; value++)
		if (isxdigit((unsigned char)*value))
			*to++ = *value;
	*to = '\0';
	return out;
}

/*
 * "Accept although the chain does not validate", which is what `ca` does where it is left out, is for whom it
 * was written; whatever else is said, or not said, asks for a chain.
 */
static void
chain(struct import *i, size_t element)
{
	const struct webconfig_element *e = &i->w->elements[element];
	const char *accepts = NULL, *asks = NULL;

	for (size_t k = e->first; k < e->first + e->n; k++) {
		const struct webconfig_item *item = &i->w->items[k];
		bool lax;

		if (!import_is_name(item->name) || !is_of_chain(item->name))
			continue;
		lax = is_acceptance(item->name) ? import_is(item->value, false)
						: is_check(item->name) && !import_is(item->value, true);
		*(lax ? &accepts : &asks) = item->name;
	}
	if (accepts != NULL && asks == NULL) {
		import_line(
		    i, "# %s: any authority will do, but not one that has run out (require_valid)", accepts);
		return;
	}
	import_todo(i, "%s%sthe authorities that it must be chained to, as PEM; without them any will do",
	    asks == NULL ? "" : asks, asks == NULL ? "" : ": ");
	import_line(i, "#ca = \"/etc/workflow-proxy/ca.pem\"");
}

static bool
is_of_chain(const char *name)
{
	return strcasestr(name, "valid") != NULL || strcasestr(name, "chain") != NULL ||
	       strcasestr(name, "trust") != NULL;
}

/* One word that accepts, and none that turns it round. */
static bool
is_acceptance(const char *name)
{
	static const char *const words[] = { "accept", "allow", "ignore", "skip", "disable" };
	size_t n = 0;

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
		n += strcasestr(name, words[k]) != NULL;
	return n == 1 && !is_turned(name);
}

static bool
is_check(const char *name)
{
	static const char *const words[] = { "accept", "allow", "ignore", "skip", "disable", "invalid",
		"untrusted" };

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
		if (strcasestr(name, words[k]) != NULL)
			return false;
	return !is_turned(name);
}

static bool
is_turned(const char *name)
{
	static const char *const words[] = { "disallow", "deny", "reject", "refuse", "not", "never",
		"unless" };

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
		if (strcasestr(name, words[k]) != NULL)
			return true;
	return false;
}
