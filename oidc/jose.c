/* oidc/jose.c - see oidc/jose.h */
#include <stdio.h>
#include <string.h>

#include <cjose/jws.h>
#include <openssl/err.h>

#include "conf/secret.h"
#include "oidc/jose.h"
#include "oidc/jwk.h"
#include "oidc/jwks.h"

enum { HEADER, PAYLOAD, SIGNATURE, PARTS };

/* How a token says which key made it. */
enum naming { BY_KID, BY_X5T_S256, BY_X5T, BY_NOTHING };

struct header {
	const char *alg;
	const json_t *typ; /* NULL: it has none */
	enum naming by;
	const char *name; /* of the key; NULL with BY_NOTHING */
};

/* How far the keys of a set got. */
struct tries {
	size_t named, outdated, fitting, size, tried;
	const struct jwk *made_it; /* the key whose signature it is */
};

static int split(struct str token, struct str part[PARTS], struct mem *, struct err *);
static int decode(struct str *part, struct mem *, struct err *);
static int read_header(const struct jose_check *, struct str text, struct header *, struct err *);
static int refuse_members(const struct jose_check *, const json_t *, struct err *);
static int read_alg(const struct jose_check *, const json_t *, struct header *, struct err *);
static int read_names(const struct jose_check *, const json_t *, struct header *, struct err *);
static bool has_any(const struct jwks *, enum naming);
static bool is_foreign(const struct jwks *, const struct header *);
static bool has(const struct jwks *, enum naming, const char *name);
static bool is_named(const struct jwk *, enum naming, const char *name);
static const char *name_of(const struct jwk *, enum naming);
static bool try_keys(const struct jose_check *, const struct header *, cjose_jws_t *, size_t, struct tries *);
static enum jose_result blame(const struct header *, const struct tries *, size_t signature, struct err *);
static size_t depth(struct str);
static const char *json_cause(const json_error_t *);
static void drop_json(void *);

enum jose_result
jose_verify(const struct jose_check *c, struct str token, struct jose_token *out, struct err *e)
{
	enum jose_result r = jose_verify_text(c, token, out, e);

	if (r != JOSE_OK)
		return r;
	out->claims = jose_json(out->text, JOSE_TOKEN_MAX, REASON_TOKEN_MALFORMED, e);
	if (out->claims == NULL) {
		err_in(e, "payload");
		return JOSE_BAD;
	}
	mem_on_free(c->mem, drop_json, out->claims);
	return JOSE_OK;
}

enum jose_result
jose_verify_text(const struct jose_check *c, struct str token, struct jose_token *out, struct err *e)
{
	struct tries tries = { .named = 0 };
	struct str part[PARTS] = { { NULL, 0 } };
	struct header h = { .by = BY_NOTHING };
	cjose_jws_t *jws;
	bool good;

	memset(out, 0, sizeof(*out));
	if (split(token, part, c->mem, e) < 0 || read_header(c, part[HEADER], &h, e) < 0)
		return JOSE_BAD;
	jws = cjose_jws_import(token.p, token.n, NULL);
	if (jws == NULL) {
		err_set(e, REASON_TOKEN_MALFORMED, "not a JWS");
		return JOSE_BAD;
	}
	good = try_keys(c, &h, jws, part[SIGNATURE].n, &tries);
	cjose_jws_release(jws);
	ERR_clear_error(); /* else the next TLS read of this thread reports what failed here */
	if (!good)
		return blame(&h, &tries, part[SIGNATURE].n, e);
	out->alg = h.alg;
	out->typ = h.typ;
	out->key_issuer = tries.made_it->issuer;
	out->text = part[PAYLOAD];
	return JOSE_OK;
}

json_t *
jose_unproven(struct str token, struct mem *m)
{
	struct str part[PARTS] = { { NULL, 0 } };
	struct err ignored;
	json_t *o;

	if (split(token, part, m, &ignored) < 0)
		return NULL;
	o = jose_json(part[PAYLOAD], JOSE_TOKEN_MAX, REASON_TOKEN_MALFORMED, &ignored);
	if (o != NULL)
		mem_on_free(m, drop_json, o);
	return o;
}

/*
 * RFC 7515 7.1: three parts of base64url.  The dots are counted before
 * anything is cut, so that ten thousand of them cost nothing.
 */
static int
split(struct str token, struct str part[PARTS], struct mem *m, struct err *e)
{
	struct str rest = token;
	size_t dots = 0, part_no = 0;

	if (token.n == 0 || token.n > JOSE_TOKEN_MAX)
		return err_set(
		    e, REASON_TOKEN_MALFORMED, "%zu bytes; accepted: 1 to %d", token.n, JOSE_TOKEN_MAX);
	for (const char *at = token.p; (at = memchr(at, '.', token.n - (size_t)(at - token.p))) != NULL; at++)
		dots++;
	if (dots != PARTS - 1)
		return err_set(e, REASON_TOKEN_MALFORMED, "%zu dots; a signed token has two%s", dots,
		    dots == 4 ? ", an encrypted one, which is not accepted, has four" : "");
	while (part_no < PARTS && str_next(&rest, '.', &part[part_no]))
		part_no++;
	if (part[HEADER].n == 0 || part[SIGNATURE].n == 0)
		return err_set(e, REASON_TOKEN_MALFORMED, "%s is empty",
		    part[HEADER].n == 0 ? "the header" : "the signature");
	if (decode(&part[HEADER], m, e) < 0)
		return err_in(e, "header");
	if (decode(&part[PAYLOAD], m, e) < 0)
		return err_in(e, "payload");
	return decode(&part[SIGNATURE], m, e) < 0 ? err_in(e, "signature") : 0;
}

static int
decode(struct str *part, struct mem *m, struct err *e)
{
	unsigned char *bytes = mem_alloc(m, part->n / 4 * 3 + 3);
	long n = part->n == 0 ? 0 : secret_unb64(bytes, *part);

	if (n < 0)
		return err_set(e, REASON_TOKEN_MALFORMED, "not canonical base64url without padding");
	*part = (struct str){ (const char *)bytes, (size_t)n };
	return 0;
}

static int
read_header(const struct jose_check *c, struct str text, struct header *h, struct err *e)
{
	json_t *o = jose_json(text, JOSE_HEADER_MAX, REASON_TOKEN_MALFORMED, e);

	if (o == NULL)
		return err_in(e, "header");
	mem_on_free(c->mem, drop_json, o);
	h->typ = json_object_get(o, "typ");
	if (refuse_members(c, o, e) < 0 || read_alg(c, o, h, e) < 0)
		return -1;
	return read_names(c, o, h, e);
}

/*
 * RFC 8725 3.10 and RFC 7515 4.1.11: what changes the meaning of the token, or
 * brings its own key.
 */
static int
refuse_members(const struct jose_check *c, const json_t *o, struct err *e)
{
	static const char *const refused[] = { "crit", "b64", "zip", "jwk", "x5u", "x5c" };
	const json_t *jku = json_object_get(o, "jku");

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (json_object_get(o, refused[i]) != NULL)
			return err_set(
			    e, REASON_TOKEN_HEADER, "the header has %s, which is never accepted", refused[i]);
	if (jku == NULL)
		return 0;
	if (c->jku == NULL || !json_is_string(jku) || strcmp(json_string_value(jku), c->jku) != 0)
		return err_set(e, REASON_TOKEN_HEADER,
		    "the header's jku (%.96s) is not the provider's jwks_uri (%.96s)",
		    json_is_string(jku) ? json_string_value(jku) : "not a text",
		    c->jku == NULL ? "none" : c->jku);
	return 0;
}

/* RFC 8725 3.1: what is accepted is the verifier's to say, not the token's. */
static int
read_alg(const struct jose_check *c, const json_t *o, struct header *h, struct err *e)
{
	char accepted[96] = "";
	size_t n = 0;

	h->alg = json_string_value(json_object_get(o, "alg"));
	if (h->alg == NULL)
		return err_set(e, REASON_TOKEN_ALG, "alg is missing or not a text");
	for (size_t i = 0; i < c->algs->n; i++) {
		if (strcmp(c->algs->v[i], h->alg) == 0)
			return 0;
		if (n < sizeof(accepted))
			n += (size_t)snprintf(
			    accepted + n, sizeof(accepted) - n, "%s%.16s", i == 0 ? "" : ", ", c->algs->v[i]);
	}
	return err_set(e, REASON_TOKEN_ALG, "alg is %.32s; accepted: %s", h->alg, accepted);
}

/*
 * RFC 7515 4.1.4, 4.1.7, 4.1.8.  A kid decides alone.  A thumbprint decides
 * where the provider publishes any of that kind.
 */
static int
read_names(const struct jose_check *c, const json_t *o, struct header *h, struct err *e)
{
	static const char *const members[] = {
		[BY_KID] = "kid", [BY_X5T_S256] = "x5t#S256", [BY_X5T] = "x5t"
	};

	h->by = BY_NOTHING;
	h->name = NULL;
	for (enum naming by = BY_KID; by < BY_NOTHING; by++) {
		const json_t *name = json_object_get(o, members[by]);

		if (name == NULL)
			continue;
		if (!jwk_is_name(name))
			return err_set(e, REASON_TOKEN_HEADER,
			    "%s is not a text of 1 to %d printable characters", members[by], JWK_NAME_MAX);
		if (h->by == BY_NOTHING
			? by == BY_KID || has_any(c->keys, by)
			: is_foreign(c->keys, h) && has(c->keys, by, json_string_value(name))) {
			h->by = by;
			h->name = json_string_value(name);
		}
	}
	return 0;
}

/* A kid that says nothing, because all of these keys' own are of our making? */
static bool
is_foreign(const struct jwks *keys, const struct header *h)
{
	return h->by == BY_KID && keys != NULL && jwks_at(keys, 0)->of_certificate &&
	       !has(keys, BY_KID, h->name);
}

static bool
has(const struct jwks *keys, enum naming by, const char *name)
{
	for (size_t i = 0; i < jwks_count(keys); i++)
		if (is_named(jwks_at(keys, i), by, name))
			return true;
	return false;
}

static bool
has_any(const struct jwks *keys, enum naming by)
{
	for (size_t i = 0; keys != NULL && i < jwks_count(keys); i++)
		if (name_of(jwks_at(keys, i), by) != NULL)
			return true;
	return false;
}

static bool
is_named(const struct jwk *k, enum naming by, const char *name)
{
	const char *own = name_of(k, by);

	return (own != NULL && strcmp(own, name) == 0) ||
	       (by == BY_KID && k->alias != NULL && strcmp(k->alias, name) == 0);
}

static const char *
name_of(const struct jwk *k, enum naming by)
{
	switch (by) {
	case BY_KID:
		return k->kid;
	case BY_X5T_S256:
		return k->x5t_s256;
	case BY_X5T:
		return k->x5t;
	case BY_NOTHING:
		break;
	}
	return NULL;
}

/* At most JWKS_KEYS_MAX verifications, and one where the token names its key. */
static bool
try_keys(
    const struct jose_check *c, const struct header *h, cjose_jws_t *jws, size_t signature, struct tries *t)
{
	for (size_t i = 0; c->keys != NULL && i < jwks_count(c->keys); i++) {
		const struct jwk *k = jwks_at(c->keys, i);
		size_t size;

		if (h->by != BY_NOTHING && !is_named(k, h->by, h->name))
			continue;
		t->named++;
		if (jwk_is_outdated(k, c->now)) {
			t->outdated++;
			continue;
		}
		size = jwk_signature_size(k, h->alg);
		if (size == 0)
			continue;
		t->fitting++;
		t->size = size;
		if (size != signature) /* cjose takes half of whatever there is for r */
			continue;
		t->tried++;
		if (cjose_jws_verify(jws, k->key, NULL)) {
			t->made_it = k;
			return true;
		}
	}
	return false;
}

static enum jose_result
blame(const struct header *h, const struct tries *t, size_t signature, struct err *e)
{
	if (t->named == 0) {
		err_set(e, REASON_TOKEN_KEY, "the provider's key set has no key named %.128s",
		    h->name == NULL ? "(none)" : h->name);
		return JOSE_NEED_KEYS;
	}
	if (t->outdated == t->named)
		err_set(e, REASON_TOKEN_KEY,
		    "the certificate of the key%s%.128s has run out, or does not hold yet (require_valid)",
		    h->name == NULL ? "" : " named ", h->name == NULL ? "" : h->name);
	else if (t->fitting == 0)
		err_set(e, REASON_TOKEN_KEY, "no key of the provider%s%.128s is one for %s",
		    h->name == NULL ? "" : " named ", h->name == NULL ? "" : h->name, h->alg);
	else if (t->tried == 0)
		err_set(e, REASON_TOKEN_SIGNATURE, "a signature of %zu bytes; %s with this key has %zu",
		    signature, h->alg, t->size);
	else
		err_set(e, REASON_TOKEN_SIGNATURE,
		    "none of the %zu keys that it may be of made this signature", t->tried);
	return JOSE_BAD;
}

json_t *
jose_json(struct str text, size_t max, enum reason r, struct err *e)
{
	json_error_t at;
	json_t *o;

	if (text.n == 0 || text.n > max) {
		err_set(e, r, "JSON of %zu bytes; accepted: 1 to %zu", text.n, max);
		return NULL;
	}
	if (depth(text) > JOSE_DEPTH_MAX) {
		err_set(e, r, "JSON nested deeper than %d", JOSE_DEPTH_MAX);
		return NULL;
	}
	o = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &at);
	if (o == NULL) {
		err_set(e, r, "not JSON: %s at byte %d", json_cause(&at), at.position);
		return NULL;
	}
	if (!json_is_object(o)) {
		json_decref(o);
		err_set(e, r, "JSON, but not an object");
		return NULL;
	}
	return o;
}

/* Before jansson, which recurses.  In broken JSON it counts something, too. */
static size_t
depth(struct str text)
{
	size_t now = 0, most = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.n; i++) {
		char b = text.p[i];

		if (quoted) {
			if (b == '\\')
				i++;
			else if (b == '"')
				quoted = false;
		} else if (b == '"')
			quoted = true;
		else if (b == '{' || b == '[') {
			if (++now > most)
				most = now;
		} else if ((b == '}' || b == ']') && now > 0)
			now--;
	}
	return most;
}

/* jansson's own sentence quotes the text, which may be secret. */
static const char *
json_cause(const json_error_t *at)
{
	switch (json_error_code(at)) {
	case json_error_duplicate_key:
		return "a member twice";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "a NUL";
	case json_error_invalid_utf8:
		return "bytes that are not UTF-8";
	case json_error_numeric_overflow:
		return "a number too large";
	case json_error_end_of_input_expected:
		return "something behind the end";
	case json_error_premature_end_of_input:
		return "it ends";
	case json_error_unknown:
	case json_error_out_of_memory:
	case json_error_stack_overflow:
	case json_error_cannot_open_file:
	case json_error_invalid_argument:
	case json_error_invalid_syntax:
	case json_error_invalid_format:
	case json_error_wrong_type:
	case json_error_null_value:
	case json_error_item_not_found:
	case json_error_index_out_of_range:
		break;
	}
	return "a mistake";
}

static void
drop_json(void *o)
{
	json_decref(o);
}
