/*
 * tests/unit/metadata.h - WS-Federation metadata as AD FS and Entra write it, to be varied
 */
#ifndef TESTS_METADATA_H
#define TESTS_METADATA_H
#include "conf/mem.h"
#include "tests/unit/certificates.h"

#define METADATA_NS   "urn:oasis:names:tc:SAML:2.0:metadata"
#define METADATA_DS   "http://www.w3.org/2000/09/xmldsig#"
#define METADATA_FED  "http://docs.oasis-open.org/wsfed/federation/200706"
#define METADATA_TYPE "http://www.w3.org/2001/XMLSchema-instance"

/* Base64 with line breaks, as nobody writes it and everybody may. */
static inline char *
metadata_base64(struct mem *m, X509 *x)
{
	struct str der = certificate_der(m, x);
	char *text = mem_alloc(m, der.n * 2 + 8), *out = mem_strdup(m, "\n");
	size_t n = (size_t)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)der.p, (int)der.n);

	for (size_t i = 0; i < n; i += 76)
		out = mem_printf(m, "%s\t%.76s\r\n ", out, text + i);
	return out;
}

/* <KeyDescriptor>; use: an attribute, or "". */
static inline char *
metadata_key(struct mem *m, const char *use, const char *base64)
{
	return mem_printf(m,
	    "<KeyDescriptor%s><KeyInfo xmlns=\"" METADATA_DS "\"><X509Data><X509Certificate>%s"
	    "</X509Certificate></X509Data></KeyInfo></KeyDescriptor>",
	    use, base64);
}

/* A role of this xsi:type, with the prefix fed bound to WS-Federation. */
static inline char *
metadata_role(struct mem *m, const char *type, const char *keys)
{
	return mem_printf(m,
	    "<RoleDescriptor xmlns:xsi=\"" METADATA_TYPE "\" xmlns:fed=\"" METADATA_FED
	    "\" xsi:type=\"%s\" protocolSupportEnumeration=\"" METADATA_FED "\">%s</RoleDescriptor>",
	    type, keys);
}

static inline char *
metadata_document(struct mem *m, const char *entity_id, const char *roles)
{
	return mem_printf(m,
	    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<EntityDescriptor ID=\"_1\" entityID=\"%s\" "
	    "xmlns=\"" METADATA_NS "\">%s</EntityDescriptor>",
	    entity_id, roles);
}

#endif
