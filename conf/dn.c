/* conf/dn.c - see conf/dn.h */
#include <ctype.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#include "conf/dn.h"

#define BUDGET   65536
#define OID_SIZE 128

struct attribute {
	char oid[OID_SIZE]; /* in numbers */
	struct str value;   /* UTF-8 */
};

struct dn {
	struct attribute v[DN_ATTRIBUTES_MAX];
	size_t n;
};

/* What Windows calls them, where that is not OpenSSL's short name; and the usual ones in any case. */
static const struct {
	const char *name;
	int nid;
} types[] = {
	{ "CN", NID_commonName },
	{ "O", NID_organizationName },
	{ "OU", NID_organizationalUnitName },
	{ "C", NID_countryName },
	{ "L", NID_localityName },
	{ "S", NID_stateOrProvinceName },
	{ "ST", NID_stateOrProvinceName },
	{ "STREET", NID_streetAddress },
	{ "E", NID_pkcs9_emailAddress },
	{ "EMAILADDRESS", NID_pkcs9_emailAddress },
	{ "DC", NID_domainComponent },
	{ "UID", NID_userId },
	{ "SERIALNUMBER", NID_serialNumber },
	{ "T", NID_title },
	{ "G", NID_givenName },
	{ "SN", NID_surname },
	{ "I", NID_initials },
	{ "POSTALCODE", NID_postalCode },
};

static int parse(struct mem *, struct str, struct dn *);
static int parse_type(struct str, char *oid);
static bool take_value(struct mem *, struct str *rest, const char *separators, struct str *out);
static char unescape(struct str *);
static int hex_digit(char);
static int read_name(struct mem *, const X509_NAME *, struct dn *);
static struct str utf8_of(struct mem *, const ASN1_STRING *);
static bool is_same(const struct attribute *, const struct attribute *);
static const char *type_name(const ASN1_OBJECT *);

int
dn_judge(struct str text, struct err *e)
{
	struct mem *m = mem_new(BUDGET);
	struct dn dn;
	int r = parse(m, text, &dn);

	mem_free(&m);
	if (r == -1)
		return err_set(
		    e, REASON_CONFIG, "is not a distinguished name; write CN=NAME, O=ORGANISATION");
	return 0;
}

bool
dn_is(const X509_NAME *name, struct str text)
{
	struct mem *m = mem_new(BUDGET);
	struct dn a, b;
	bool forward = false, backward = false;

	if (read_name(m, name, &a) == 0 && parse(m, text, &b) == 0 && a.n == b.n) {
		forward = backward = true;
		for (size_t i = 0; i < a.n; i++) {
			forward &= is_same(&a.v[i], &b.v[i]);
			backward &= is_same(&a.v[i], &b.v[b.n - 1 - i]);
		}
	}
	mem_free(&m);
	return forward || backward;
}

static bool
is_same(const struct attribute *a, const struct attribute *b)
{
	return strcmp(a->oid, b->oid) == 0 && str_is_nocase(str_trim(a->value), str_trim(b->value));
}

/* --- as written ------------------------------------------------------------------ */

static int
parse(struct mem *m, struct str text, struct dn *out)
{
	const char *separators = ",;+";

	out->n = 0;
	text = str_trim(text);
	if (text.n > 0 && text.p[0] == '/') {
		separators = "/";
		text = str_from(text, 1);
	}
	while (text.n > 0) {
		struct attribute *a = &out->v[out->n];
		const char *equals = memchr(text.p, '=', text.n);
		size_t n = equals == NULL ? 0 : (size_t)(equals - text.p);

		if (n == 0 || out->n == DN_ATTRIBUTES_MAX ||
		    parse_type(str_trim((struct str){ text.p, n }), a->oid) == -1)
			return -1;
		text = str_from(text, n + 1);
		if (!take_value(m, &text, separators, &a->value))
			return -1;
		out->n++;
	}
	return out->n > 0 ? 0 : -1;
}

static int
parse_type(struct str text, char *oid)
{
	char name[OID_SIZE];
	ASN1_OBJECT *o = NULL;
	int n = -1;

	if (text.n == 0 || text.n >= sizeof(name))
		return -1;
	if (text.n > 4 && str_is_nocase((struct str){ text.p, 4 }, STR("OID.")))
		text = str_from(text, 4);
	memcpy(name, text.p, text.n);
	name[text.n] = '\0';
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && o == NULL; i++)
		if (str_is_nocase(str_of(types[i].name), text))
			o = OBJ_nid2obj(types[i].nid);
	if (o == NULL)
		o = OBJ_txt2obj(name, 0);
	if (o != NULL)
		n = OBJ_obj2txt(oid, OID_SIZE, o, 1);
	ASN1_OBJECT_free(o); /* those of the library's table are left alone */
	ERR_clear_error();
	return n > 0 && n < OID_SIZE ? 0 : -1;
}

/* Up to a separator outside of quotes, which is used up; a backslash takes the next character, or two hex
 * digits. */
static bool
take_value(struct mem *m, struct str *rest, const char *separators, struct str *out)
{
	char *value = mem_alloc(m, rest->n + 1);
	bool quoted = false;
	size_t n = 0;

	while (rest->n > 0) {
		char c = rest->p[0];

		*rest = str_from(*rest, 1);
		if (!quoted && c != '\0' && strchr(separators, c) != NULL)
			break;
		if (c == '\\' && rest->n > 0)
			value[n++] = unescape(rest);
		else if (c == '"' && quoted && rest->n > 0 &&
			 rest->p[0] == '"') { /* as Windows doubles them */
			value[n++] = c;
			*rest = str_from(*rest, 1);
		} else if (c == '"')
			quoted = !quoted;
		else
			value[n++] = c;
	}
	*out = (struct str){ value, n };
	return !quoted && str_trim(*out).n > 0;
}

static char
unescape(struct str *rest)
{
	char c = rest->p[0];

	if (rest->n > 1 && hex_digit(c) >= 0 && hex_digit(rest->p[1]) >= 0) {
		c = (char)(hex_digit(c) * 16 + hex_digit(rest->p[1]));
		*rest = str_from(*rest, 1);
	}
	*rest = str_from(*rest, 1);
	return c;
}

static int
hex_digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* --- as it stands in a certificate ------------------------------------------------- */

static int
read_name(struct mem *m, const X509_NAME *name, struct dn *out)
{
	int n = X509_NAME_entry_count(name);

	if (n <= 0 || n > DN_ATTRIBUTES_MAX)
		return -1;
	for (int i = 0; i < n; i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		struct attribute *a = &out->v[i];
		int size = OBJ_obj2txt(a->oid, OID_SIZE, X509_NAME_ENTRY_get_object(entry), 1);

		if (size <= 0 || size >= OID_SIZE)
			return -1;
		a->value = utf8_of(m, X509_NAME_ENTRY_get_data(entry));
	}
	out->n = (size_t)n;
	return 0;
}

static struct str
utf8_of(struct mem *m, const ASN1_STRING *s)
{
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, s);
	struct str copy = STR("");

	if (n > 0)
		copy = mem_str(m, (struct str){ (const char *)utf8, (size_t)n });
	if (n >= 0)
		OPENSSL_free(utf8);
	ERR_clear_error();
	return copy;
}

char *
dn_print(struct mem *m, const X509_NAME *name)
{
	int n = X509_NAME_entry_count(name);
	char *text = mem_strdup(m, "");

	for (int i = n < DN_ATTRIBUTES_MAX ? n : DN_ATTRIBUTES_MAX; i-- > 0;) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		struct str value = utf8_of(m, X509_NAME_ENTRY_get_data(entry));

		text = mem_printf(m, "%s%s%s=%.*s", text, text[0] == '\0' ? "" : ", ",
		    type_name(X509_NAME_ENTRY_get_object(entry)), STR_ARG(value));
	}
	for (char *p = text; *p != '\0'; p++) /* it may come on a screen */
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return text;
}

static const char *
type_name(const ASN1_OBJECT *o)
{
	int nid = OBJ_obj2nid(o);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].nid == nid)
			return types[i].name;
	return nid == NID_undef ? "OID" : OBJ_nid2sn(nid);
}
