/* proxy/webconfig.c - see proxy/webconfig.h */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <libxml/tree.h>
#include <openssl/crypto.h>

#include "oidc/xml.h"
#include "proxy/webconfig.h"

static void count(const xmlNode *, struct webconfig *);
static void take(const xmlNode *, size_t parent, struct mem *, struct webconfig *);
static void take_item(struct webconfig *, struct mem *, const char *name, xmlChar *value);
static bool has_elements(const xmlNode *);

int
webconfig_parse(struct str text, struct mem *m, struct webconfig *out, struct err *e)
{
	xmlDoc *doc = xml_parse(text, REASON_CONFIG, e);

	*out = (struct webconfig){ .n_elements = 0 };
	if (doc == NULL)
		return -1;
	count(xmlDocGetRootElement(doc), out);
	out->elements = mem_zalloc(m, out->n_elements * sizeof(*out->elements));
	out->items = mem_zalloc(m, (out->n_items + 1) * sizeof(*out->items));
	out->n_elements = out->n_items = 0;
	take(xmlDocGetRootElement(doc), 0, m, out);
	xmlFreeDoc(doc);
	return 0;
}

/* How many there are at most; no deeper than XML_DEPTH_MAX. */
static void
count(const xmlNode *n, struct webconfig *w)
{
	w->n_elements++;
	w->n_items++;
	for (const xmlAttr *a = n->properties; a != NULL; a = a->next)
		w->n_items++;
	for (const xmlNode *child = n->children; child != NULL; child = child->next)
		if (child->type == XML_ELEMENT_NODE)
			count(child, w);
}

static void
take(const xmlNode *n, size_t parent, struct mem *m, struct webconfig *w)
{
	size_t here = w->n_elements++;
	struct webconfig_element *e = &w->elements[here];

	*e = (struct webconfig_element){ mem_strdup(m, (const char *)n->name), parent, w->n_items, 0 };
	for (const xmlAttr *a = n->properties; a != NULL; a = a->next)
		take_item(w, m, (const char *)a->name, xmlNodeListGetString(n->doc, a->children, 1));
	if (!has_elements(n))
		take_item(w, m, "", xmlNodeGetContent(n));
	e->n = w->n_items - e->first;
	for (const xmlNode *child = n->children; child != NULL; child = child->next)
		if (child->type == XML_ELEMENT_NODE)
			take(child, here, m, w);
}

/* Takes the value over.  Blanks belong to an attribute: it may be a secret. */
static void
take_item(struct webconfig *w, struct mem *m, const char *name, xmlChar *value)
{
	const char *text = (const char *)value;
	size_t n = value == NULL ? 0 : strlen(text);

	if (n > 0 && strspn(text, " \t\r\n") < n) {
		char *copy = mem_secret(m, n + 1);

		memcpy(copy, text, n);
		w->items[w->n_items++] =
		    (struct webconfig_item){ w->n_elements - 1, mem_strdup(m, name), copy };
	}
	if (value != NULL)
		OPENSSL_cleanse(value, n);
	xmlFree(value);
}

static bool
has_elements(const xmlNode *n)
{
	for (const xmlNode *child = n->children; child != NULL; child = child->next)
		if (child->type == XML_ELEMENT_NODE)
			return true;
	return false;
}

const char *
webconfig_attribute(const struct webconfig *w, size_t element, const char *name)
{
	const struct webconfig_element *e = &w->elements[element];

	for (size_t i = e->first; i < e->first + e->n; i++)
		if (strcasecmp(w->items[i].name, name) == 0)
			return w->items[i].value;
	return NULL;
}

size_t
webconfig_inside(const struct webconfig *w, size_t element, const char *name)
{
	while (strcasecmp(w->elements[element].name, name) != 0) {
		if (element == 0)
			return SIZE_MAX;
		element = w->elements[element].parent;
	}
	return element;
}
