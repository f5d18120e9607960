/*
 * conf/dn.h - distinguished names of certificates, as people write them
 *
 * "CN=a, O=\"b, c\", S=State, E=x@y" as Windows shows them, RFC 4514, or
 * "/C=x/CN=a".  Whoever prints one decides on its direction, so a name is equal
 * in both.  Values are compared without ASCII case and without blanks around
 * them, attributes by their object identifier.  Pure.
 */
#ifndef CONF_DN_H
#define CONF_DN_H
#include <stdbool.h>

#include <openssl/x509.h>

#include "conf/err.h"
#include "conf/mem.h"
#include "conf/str.h"

#define DN_ATTRIBUTES_MAX 32

/* Can it be read?  The sentence follows the value: "is not a distinguished name; ...". */
int dn_judge(struct str text, struct err *e) MUST_CHECK;
/* false as well where `text` cannot be read. */
bool dn_is(const X509_NAME *name, struct str text);

/* "CN=a, O=b", most specific first, without quotes: to search in, and for messages. */
char *dn_print(struct mem *m, const X509_NAME *name);

#endif
