/*
 * proxy/webconfig.h - an ASP.NET web.config taken apart, whatever its sections are called
 *
 * Elements in the file's order, each with its parent, and all they say:
 * attributes, and the text of an element that has no other inside.  Namespaces
 * do not count.  Bounded as oidc/xml.h says; nothing it refers to is read.
 */
#ifndef PROXY_WEBCONFIG_H
#define PROXY_WEBCONFIG_H
#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

struct webconfig_element {
	const char *name;
	size_t parent;   /* its index; the root's is its own */
	size_t first, n; /* its items */
};

struct webconfig_item {
	size_t element;    /* where it stands */
	const char *name;  /* of the attribute; "" for the element's text */
	const char *value; /* never empty, nor white space alone */
};

struct webconfig {
	struct webconfig_element *elements; /* the first is the root */
	size_t n_elements;
	struct webconfig_item *items; /* by element */
	size_t n_items;
};

/* Everything lives in m; values are wiped with it. */
int webconfig_parse(struct str text, struct mem *m, struct webconfig *out, struct err *e) MUST_CHECK;

/* An attribute of an element, its name without case; NULL: there is none, or it is empty. */
const char *webconfig_attribute(const struct webconfig *w, size_t element, const char *name);
/* The element itself or the nearest around it with this name, without case; SIZE_MAX: there is none. */
size_t webconfig_inside(const struct webconfig *w, size_t element, const char *name);

#endif
