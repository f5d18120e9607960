/* oidc/xml.c - see oidc/xml.h */
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>

#include "conf/utf8.h"
#include "oidc/xml.h"

/* The parser compares every attribute of an element with the others, and every prefix with all that are
 * declared. */
#define ATTRIBUTES_MAX 8192
#define TAGS_MAX       16384

static int judge_bytes(struct str, enum reason, struct err *);
static size_t count(struct str, char);
static int judge_document(xmlDoc *, enum reason, struct err *);
static int judge_depth(const xmlNode *root, enum reason, struct err *);
static void silent_cb(void *, xmlErrorPtr);

xmlDoc *
xml_parse(struct str document, enum reason reason, struct err *e)
{
	const int options = XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
	xmlParserCtxt *ctxt;
	xmlDoc *doc;

	if (str_begins(document, STR("\xef\xbb\xbf")))
		document = str_from(document, 3);
	if (judge_bytes(document, reason, e) < 0)
		return NULL;
	xmlInitParser();
	ctxt = xmlNewParserCtxt();
	if (ctxt == NULL)
		abort(); /* out of memory */
	ctxt->sax->serror = silent_cb;
	doc = xmlCtxtReadMemory(ctxt, document.p, (int)document.n, NULL, "UTF-8", options);
	if (doc == NULL)
		(void)err_set(e, reason, "not well-formed XML: line %d", ctxt->lastError.line);
	else if (judge_document(doc, reason, e) < 0) {
		xmlFreeDoc(doc);
		doc = NULL;
	}
	xmlFreeParserCtxt(ctxt);
	return doc;
}

/* In UTF-8 and nothing else, so that what is searched for in the bytes is what the parser will see. */
static int
judge_bytes(struct str document, enum reason reason, struct err *e)
{
	struct str rest = document;
	uint32_t c;

	if (document.n == 0 || document.n > XML_SIZE_MAX)
		return err_set(e, reason, "%zu bytes; accepted: 1 to %d", document.n, XML_SIZE_MAX);
	while (rest.n > 0) {
		size_t n = utf8_first(rest, &c);

		if (n == 0 || c == 0)
			return err_set(e, reason, "bytes that are not UTF-8 text");
		rest = str_from(rest, n);
	}
	if (memmem(document.p, document.n, "<!DOCTYPE", 9) != NULL)
		return err_set(e, reason, "has a DOCTYPE, which is never accepted");
	if (count(document, '=') > ATTRIBUTES_MAX || count(document, '<') > TAGS_MAX)
		return err_set(e, reason, "more than %d attributes or %d tags", ATTRIBUTES_MAX, TAGS_MAX);
	return 0;
}

static size_t
count(struct str s, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == c;
	return n;
}

static int
judge_document(xmlDoc *doc, enum reason reason, struct err *e)
{
	const xmlNode *root = xmlDocGetRootElement(doc);

	if (doc->intSubset != NULL || doc->extSubset != NULL)
		return err_set(e, reason, "has a DOCTYPE, which is never accepted");
	if (root == NULL)
		return err_set(e, reason, "has no element");
	return judge_depth(root, reason, e);
}

/* libxml2 has a bound of its own, 256. */
static int
judge_depth(const xmlNode *root, enum reason reason, struct err *e)
{
	const xmlNode *n = root;
	size_t depth = 1;

	while (n != NULL) {
		if (depth > XML_DEPTH_MAX)
			return err_set(e, reason, "nested deeper than %d", XML_DEPTH_MAX);
		if (n->type == XML_ELEMENT_NODE && n->children != NULL) {
			n = n->children;
			depth++;
			continue;
		}
		while (n != root && n->next == NULL) {
			n = n->parent;
			depth--;
		}
		n = n == root ? NULL : n->next;
	}
	return 0;
}

/* --- called by libxml2 --- */

/* Its sentences quote the document. */
static void
silent_cb(void *arg, xmlErrorPtr error)
{
	(void)arg;
	(void)error;
}
