/* oidc/federation.c - see oidc/federation.h */
#include <stdlib.h>
#include <string.h>

#include <libxml/tree.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "conf/secret.h"
#include "oidc/federation.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"
#include "oidc/xml.h"

#define METADATA  "urn:oasis:names:tc:SAML:2.0:metadata"
#define SIGNATURE "http://www.w3.org/2000/09/xmldsig#"
#define WS_FED    "http://docs.oasis-open.org/wsfed/federation/200706"
#define SCHEMA    "http://www.w3.org/2001/XMLSchema-instance"

#define CERTIFICATE_CHARS 65536 /* base64 of one certificate */
#define PREFIX_MAX        64

struct found {
	struct jwk_certificate v[JWKS_KEYS_MAX];
	size_t n;
};

static int read_document(xmlDoc *, struct federation *, struct err *);
static int read_entity_id(xmlNode *root, struct federation *, struct err *);
static int read_roles(const xmlNode *root, struct federation *, struct err *);
static bool is_token_service(xmlNode *role);
static bool is_signing(xmlNode *key);
static int read_key(const xmlNode *key, struct found *, struct err *);
static X509 *read_certificate(const xmlNode *, struct err *);
static long decode(const xmlChar *text, unsigned char *out);
static xmlNode *first(const xmlNode *parent, const char *ns, const char *name);
static xmlNode *next(const xmlNode *, const char *ns, const char *name);
static xmlNode *this_or_next(xmlNode *, const char *ns, const char *name);
static bool is_element(const xmlNode *, const char *ns, const char *name);

int
federation_parse(struct str document, struct federation *out, struct err *e)
{
	xmlDoc *doc = xml_parse(document, REASON_PROVIDER_ANSWER, e);
	int r = -1;

	*out = (struct federation){ NULL, NULL };
	if (doc != NULL) {
		r = read_document(doc, out, e);
		xmlFreeDoc(doc);
	}
	ERR_clear_error();
	return r < 0 ? err_in(e, "federation metadata") : 0;
}

static int
read_document(xmlDoc *doc, struct federation *out, struct err *e)
{
	xmlNode *root = xmlDocGetRootElement(doc);

	if (!is_element(root, METADATA, "EntityDescriptor"))
		return err_set(e, REASON_PROVIDER_ANSWER,
		    "XML, but not an EntityDescriptor of SAML metadata; discovery_url ends in "
		    "/FederationMetadata/2007-06/FederationMetadata.xml");
	if (read_entity_id(root, out, e) < 0)
		return -1;
	return read_roles(root, out, e);
}

static int
read_entity_id(xmlNode *root, struct federation *out, struct err *e)
{
	xmlChar *id = xmlGetNoNsProp(root, (const xmlChar *)"entityID");
	struct str s = str_of((const char *)id);
	int r = 0;

	if (s.n == 0 || s.n > FEDERATION_ENTITY_MAX)
		r = err_set(e, REASON_PROVIDER_ANSWER, "entityID is missing, or not of 1 to %d bytes",
		    FEDERATION_ENTITY_MAX);
	for (size_t i = 0; r == 0 && i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] > 0x7e)
			r = err_set(e, REASON_PROVIDER_ANSWER,
			    "entityID holds a space, a control or a byte above 0x7e");
	if (r == 0)
		out->entity_id = xstrndup(s.p, s.n);
	xmlFree(id);
	return r;
}

static int
read_roles(const xmlNode *root, struct federation *out, struct err *e)
{
	struct found *found = xcalloc(1, sizeof(*found));
	xmlNode *role, *key;
	int r = 0;

	for (role = first(root, METADATA, "RoleDescriptor"); role != NULL && r == 0;
	     role = next(role, METADATA, "RoleDescriptor"))
		for (key = is_token_service(role) ? first(role, METADATA, "KeyDescriptor") : NULL;
		     key != NULL && r == 0; key = next(key, METADATA, "KeyDescriptor"))
			if (is_signing(key))
				r = read_key(key, found, e);
	if (r == 0 && found->n == 0)
		r = err_set(e, REASON_PROVIDER_ANSWER,
		    "no token-signing certificate in a role of type SecurityTokenServiceType");
	if (r == 0) {
		out->keys = jwks_from_certificates(found->v, found->n, e);
		r = out->keys == NULL ? -1 : 0;
	}
	for (size_t i = 0; i < found->n; i++)
		X509_free(found->v[i].x);
	free(found);
	return r;
}

/* xsi:type is a qualified name in text: its prefix is looked up where it stands. */
static bool
is_token_service(xmlNode *role)
{
	xmlChar *type = xmlGetNsProp(role, (const xmlChar *)"type", (const xmlChar *)SCHEMA);
	struct str text = str_trim(str_of((const char *)type)), local = text;
	char prefix[PREFIX_MAX] = "";
	const char *colon = text.n == 0 ? NULL : memchr(text.p, ':', text.n);
	const xmlNs *ns = NULL;
	bool is;

	if (colon != NULL) {
		size_t n = (size_t)(colon - text.p);

		if (n > 0 && n < sizeof(prefix)) {
			memcpy(prefix, text.p, n);
			ns = xmlSearchNs(role->doc, role, (const xmlChar *)prefix);
		}
		local = str_from(text, n + 1);
	} else
		ns = xmlSearchNs(role->doc, role, NULL);
	is = ns != NULL && ns->href != NULL && strcmp((const char *)ns->href, WS_FED) == 0 &&
	     str_is(local, STR("SecurityTokenServiceType"));
	xmlFree(type);
	return is;
}

/* Without `use` it is for both purposes (SAML metadata 2.4.1.1). */
static bool
is_signing(xmlNode *key)
{
	xmlChar *use = xmlGetNoNsProp(key, (const xmlChar *)"use");
	bool is = use == NULL || strcmp((const char *)use, "signing") == 0;

	xmlFree(use);
	return is;
}

static int
read_key(const xmlNode *key, struct found *found, struct err *e)
{
	const xmlNode *info = first(key, SIGNATURE, "KeyInfo");
	const xmlNode *data = info == NULL ? NULL : first(info, SIGNATURE, "X509Data");

	for (; data != NULL; data = next(data, SIGNATURE, "X509Data")) {
		const xmlNode *certificate = first(data, SIGNATURE, "X509Certificate");
		struct err why;
		X509 *x;

		if (certificate == NULL)
			continue;
		if (found->n == JWKS_KEYS_MAX)
			return err_set(e, REASON_PROVIDER_ANSWER, "more than %d token-signing certificates",
			    JWKS_KEYS_MAX);
		x = read_certificate(certificate, &why);
		if (x == NULL)
			log_warn(
			    "federation metadata: a token-signing certificate is left out: %s", why.text);
		else
			found->v[found->n++] = (struct jwk_certificate){ .x = x };
	}
	return 0;
}

static X509 *
read_certificate(const xmlNode *node, struct err *e)
{
	xmlChar *text = xmlNodeGetContent(node);
	size_t n = text == NULL ? 0 : strlen((const char *)text);
	unsigned char *der = xmalloc(n + 4);
	const unsigned char *p = der;
	long size = n == 0 || n > CERTIFICATE_CHARS ? -1 : decode(text, der);
	X509 *x = size <= 0 ? NULL : d2i_X509(NULL, &p, size);

	if (size <= 0)
		(void)err_set(e, REASON_PROVIDER_ANSWER, "it is not base64 of at most %d characters",
		    CERTIFICATE_CHARS);
	else if (x == NULL || p != der + size) {
		(void)err_set(e, REASON_PROVIDER_ANSWER, "it is not a certificate");
		X509_free(x);
		x = NULL;
	}
	xmlFree(text);
	free(der);
	return x;
}

/* Base64 with line breaks and padding, strict otherwise; -1: it is none. */
static long
decode(const xmlChar *text, unsigned char *out)
{
	size_t n = 0, pads = 0;
	char *plain = xmalloc(strlen((const char *)text) + 1);
	long size = -1;

	for (; *text != '\0'; text++) {
		const char c = (char)*text;

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		if (c == '=')
			pads++;
		else if (pads > 0 || c == '-' || c == '_')
			break;
		else
			plain[n++] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
	}
	if (*text == '\0' && pads <= 2 && (n + pads) % 4 == 0)
		size = secret_unb64(out, (struct str){ plain, n });
	free(plain);
	return size;
}

/* --- the tree --- */

static xmlNode *
first(const xmlNode *parent, const char *ns, const char *name)
{
	return this_or_next(parent->children, ns, name);
}

static xmlNode *
next(const xmlNode *n, const char *ns, const char *name)
{
	return this_or_next(n->next, ns, name);
}

static xmlNode *
this_or_next(xmlNode *n, const char *ns, const char *name)
{
	while (n != NULL && !is_element(n, ns, name))
		n = n->next;
	return n;
}

static bool
is_element(const xmlNode *n, const char *ns, const char *name)
{
	return n->type == XML_ELEMENT_NODE && strcmp((const char *)n->name, name) == 0 && n->ns != NULL &&
	       n->ns->href != NULL && strcmp((const char *)n->ns->href, ns) == 0;
}

void
federation_release(struct federation *f)
{
	free(f->entity_id);
	jwks_free(&f->keys);
	f->entity_id = NULL;
}
