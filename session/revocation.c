/* session/revocation.c - a revocation as a line of text; see session/revocation.h */
#include "conf/mem.h"
#include "conf/secret.h"
#include "conf/url.h"
#include "session/revocation.h"

#define DIGEST_WORD "sha256:" /* ':' is never left bare by the encoding, so no text looks like this */
#define DIGEST_SIZE 32

static bool read_kind(struct str, enum revocation_kind *);
static bool read_text(struct str, struct mem *, struct revocation *);
static bool decode(struct str, struct mem *, struct str *);
static int hex(char);
static bool read_number(struct str, int64_t *);

static const char *const words[REVOKE_KINDS] = {
	[REVOKE_SID] = "sid",
	[REVOKE_PROVIDER_SID] = "op_sid",
	[REVOKE_FRONT] = "front_op_sid",
	[REVOKE_SUBJECT] = "sub",
	[REVOKE_USERNAME] = "username",
	[REVOKE_REPLACED] = "replaced",
};

struct str
revocation_print(const struct revocation *x, struct mem *m)
{
	char b64[64];
	struct str provider = x->provider.n == 0 ? STR("*") : url_encode(m, x->provider), text;

	if (x->digest) {
		(void)secret_b64(b64, x->text.p, DIGEST_SIZE);
		text = str_of(mem_printf(m, DIGEST_WORD "%s", b64));
	} else {
		text = url_encode(m, x->text);
	}
	return str_of(mem_printf(m, "%s %.*s %.*s %lld %lld", words[x->kind], STR_ARG(provider),
	    STR_ARG(text), (long long)x->before_ms, (long long)x->until));
}

bool
revocation_parse(struct str line, struct mem *m, struct revocation *out)
{
	struct str part[5], rest = line;
	size_t n;

	*out = (struct revocation){ .provider = STR("") };
	for (n = 0; n < 5; n++)
		if (!str_next(&rest, ' ', &part[n]) || part[n].n == 0)
			return false;
	/* Nothing behind the last, not even a space. */
	if (part[4].p + part[4].n != line.p + line.n)
		return false;
	if (!str_is(part[1], STR("*")) && !decode(part[1], m, &out->provider))
		return false;
	return read_kind(part[0], &out->kind) && read_text(part[2], m, out) &&
	       read_number(part[3], &out->before_ms) && read_number(part[4], &out->until);
}

static bool
read_kind(struct str word, enum revocation_kind *out)
{
	int i;

	for (i = 0; i < REVOKE_KINDS; i++)
		if (str_is(word, str_of(words[i]))) {
			*out = (enum revocation_kind)i;
			return true;
		}
	return false;
}

static bool
read_text(struct str part, struct mem *m, struct revocation *out)
{
	unsigned char *digest;

	out->digest = str_begins(part, STR(DIGEST_WORD));
	if (!out->digest)
		return decode(part, m, &out->text);
	part = str_from(part, sizeof(DIGEST_WORD) - 1);
	if (part.n != secret_b64_size(DIGEST_SIZE) - 1 || out->provider.n > 0)
		return false;
	digest = mem_alloc(m, 3 * (part.n / 4) + 2);
	out->text = (struct str){ (const char *)digest, DIGEST_SIZE };
	return secret_unb64(digest, part) == DIGEST_SIZE;
}

/* Percent-encoding, and only as url_encode() has it: one text has one line. */
static bool
decode(struct str part, struct mem *m, struct str *out)
{
	char *text = mem_alloc(m, part.n + 1);
	size_t i, n = 0;

	for (i = 0; i < part.n; i++) {
		if (part.p[i] != '%') {
			text[n++] = part.p[i];
			continue;
		}
		if (i + 2 >= part.n || hex(part.p[i + 1]) < 0 || hex(part.p[i + 2]) < 0)
			return false;
		text[n++] = (char)(hex(part.p[i + 1]) * 16 + hex(part.p[i + 2]));
		i += 2;
	}
	*out = (struct str){ text, n };
	return n > 0 && str_is(url_encode(m, *out), part);
}

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
read_number(struct str part, int64_t *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < part.n; i++) {
		if (part.p[i] < '0' || part.p[i] > '9' || *out > (INT64_MAX - (part.p[i] - '0')) / 10)
			return false;
		*out = *out * 10 + (part.p[i] - '0');
	}
	return part.n > 0 && (part.n == 1 || part.p[0] != '0');
}
