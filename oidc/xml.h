/*
 * oidc/xml.h - XML from outside, parsed within bounds
 *
 * XML_SIZE_MAX bytes of UTF-8 whatever the document says of itself, a nesting
 * of XML_DEPTH_MAX, and no more attributes and tags than a parser that
 * compares each with the others can bear.  A document type (DOCTYPE) is
 * refused before anything is parsed, so there are no entities but XML's own
 * five, and nothing is ever fetched.
 */
#ifndef OIDC_XML_H
#define OIDC_XML_H
#include <libxml/tree.h>

#include "conf/err.h"
#include "conf/str.h"

#define XML_SIZE_MAX  1048576
#define XML_DEPTH_MAX 64

/* The caller frees it with xmlFreeDoc(); it has a root.  NULL with this reason and a sentence. */
xmlDoc *xml_parse(struct str document, enum reason reason, struct err *e) MUST_CHECK;

#endif
