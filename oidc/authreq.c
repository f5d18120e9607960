/* oidc/authreq.c - see oidc/authreq.h */
#include <assert.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "conf/seal.h"
#include "conf/secret.h"
#include "conf/url.h"
#include "oidc/authreq.h"
#include "oidc/kinds.h"

#define VERSION      2
#define FLOW_SIZE    16
#define BINDING_SIZE 32
#define FUTURE_MAX   300 /* seconds: another instance's clock may run ahead of ours */
#define PARAMS_MAX   15  /* of one request, besides authorization_parameters */

/*
 * The sealed text: version, attempt, round, flow, binding's hash, issued (8 bytes,
 * the highest first), length of the provider's name, the name, and the target
 * up to the end.
 */
#define FIXED_SIZE (1 + 1 + 1 + FLOW_SIZE + BINDING_SIZE + 8 + 1)

static void hash_binding(const struct authreq_keys *, struct str, unsigned char[BINDING_SIZE]);
static bool unpack(struct str, struct authreq *, unsigned char[BINDING_SIZE]);
static struct str derive(const unsigned char[32], const struct authreq *, struct str, struct mem *);
static struct str scope_of(const struct authreq_ask *, struct mem *);
static void put(struct authreq_params *, const char *, struct str);
static void put_pair(struct authreq_params *, const char *, struct mem *);
static void put_refresh(struct authreq_params *, const struct authreq_ask *, struct mem *);
static bool is_ours(const struct authreq_params *, struct str, struct mem *);
static struct str join(const struct conf_strings *, struct mem *);
static struct str challenge_of(struct str, struct mem *);

void
authreq_keys_derive(struct str root, struct authreq_keys *out)
{
	secret_derive(root, "workflow-proxy state", out->seal, sizeof(out->seal));
	secret_derive(root, "workflow-proxy nonce", out->nonce, sizeof(out->nonce));
	secret_derive(root, "workflow-proxy pkce", out->pkce, sizeof(out->pkce));
}

struct str
authreq_seal(const struct authreq_keys *k, const struct authreq *a, struct str binding, struct mem *m)
{
	const struct str target = a->target.n <= AUTHREQ_TARGET_MAX ? a->target : STR("/");
	unsigned char *text = mem_alloc(m, FIXED_SIZE + a->provider.n + target.n), *p = text;

	assert(
	    a->provider.n <= AUTHREQ_PROVIDER_MAX && a->attempt <= 255 && a->round <= 255 && binding.n > 0);
	*p++ = VERSION;
	*p++ = (unsigned char)a->attempt;
	*p++ = (unsigned char)a->round;
	memcpy(p, a->flow, FLOW_SIZE);
	p += FLOW_SIZE;
	hash_binding(k, binding, p);
	p += BINDING_SIZE;
	for (int shift = 56; shift >= 0; shift -= 8)
		*p++ = (unsigned char)((uint64_t)a->issued >> shift);
	*p++ = (unsigned char)a->provider.n;
	memcpy(p, a->provider.p, a->provider.n);
	p += a->provider.n;
	memcpy(p, target.p, target.n);
	p += target.n;
	return seal_close(k->seal, STR("state"), (struct str){ (char *)text, (size_t)(p - text) }, m);
}

/* Not the cookie's value itself: a state that is shown somewhere opens no browser's sign-ins. */
static void
hash_binding(const struct authreq_keys *k, struct str binding, unsigned char out[BINDING_SIZE])
{
	const struct str pieces[] = { STR("binding"), binding }; /* never a nonce's: a flow has 16 bytes */

	secret_hmac(k->nonce, pieces, 2, out);
}

enum authreq_result
authreq_open(const struct authreq_keys *k, struct str state, struct str binding, int64_t now,
    struct authreq *out, struct mem *m)
{
	unsigned char theirs[BINDING_SIZE], ours[BINDING_SIZE];
	struct str plain;

	memset(out, 0, sizeof(*out));
	if (state.n > AUTHREQ_STATE_MAX || !seal_open(k->seal, STR("state"), state, m, &plain) ||
	    !unpack(plain, out, theirs))
		return AUTHREQ_UNKNOWN;
	hash_binding(k, binding, ours);
	if (binding.n == 0 || CRYPTO_memcmp(ours, theirs, sizeof(ours)) != 0)
		return AUTHREQ_FOREIGN;
	if (out->issued > now + FUTURE_MAX || now - out->issued > AUTHREQ_LIFE)
		return AUTHREQ_STALE;
	return AUTHREQ_OK;
}

/* What we sealed ourselves is judged once more: the target is where a browser will be sent. */
static bool
unpack(struct str s, struct authreq *out, unsigned char binding[BINDING_SIZE])
{
	const unsigned char *p = (const unsigned char *)s.p;
	uint64_t issued = 0;
	size_t n;

	if (s.n < FIXED_SIZE || p[0] != VERSION)
		return false;
	out->attempt = p[1];
	out->round = p[2];
	memcpy(out->flow, p + 3, FLOW_SIZE);
	memcpy(binding, p + 3 + FLOW_SIZE, BINDING_SIZE);
	p += 3 + FLOW_SIZE + BINDING_SIZE;
	for (int i = 0; i < 8; i++)
		issued = issued << 8 | *p++;
	if (issued > INT64_MAX / 2)
		return false;
	out->issued = (int64_t)issued;
	n = *p;
	s = str_from(s, FIXED_SIZE);
	if (n > s.n || s.n - n > AUTHREQ_TARGET_MAX)
		return false;
	out->provider = (struct str){ s.p, n };
	out->target = str_from(s, n);
	if (!url_is_local_path(out->target))
		out->target = STR("/");
	return true;
}

struct str
authreq_nonce(const struct authreq_keys *k, const struct authreq *a, struct str binding, struct mem *m)
{
	return derive(k->nonce, a, binding, m);
}

struct str
authreq_verifier(const struct authreq_keys *k, const struct authreq *a, struct str binding, struct mem *m)
{
	return derive(k->pkce, a, binding, m);
}

static struct str
derive(const unsigned char key[32], const struct authreq *a, struct str binding, struct mem *m)
{
	const struct str pieces[] = { { (const char *)a->flow, sizeof(a->flow) }, binding };
	unsigned char mac[32];
	char *text = mem_secret(m, secret_b64_size(sizeof(mac)));
	struct str out;

	secret_hmac(key, pieces, 2, mac);
	out = (struct str){ text, secret_b64(text, mac, sizeof(mac)) };
	OPENSSL_cleanse(mac, sizeof(mac));
	return out;
}

struct authreq_params *
authreq_params(const struct authreq_ask *a, struct mem *m)
{
	const struct conf_provider *c = a->client;
	const char *prompt = a->prompt != NULL ? a->prompt : c->prompt;
	struct authreq_params *p = mem_zalloc(m, sizeof(*p));

	p->v = mem_zalloc(m, (PARAMS_MAX + c->authorization_parameters.n) * sizeof(*p->v));
	put(p, "response_type", STR("code"));
	put(p, "client_id", str_of(c->client_id));
	put(p, "redirect_uri", str_of(a->redirect_uri));
	put(p, "scope", scope_of(a, m));
	put(p, "nonce", a->nonce);
	if (c->pkce) { /* RFC 7636 4.3: the method is said, its default is plain */
		put(p, "code_challenge", challenge_of(a->verifier, m));
		put(p, "code_challenge_method", STR("S256"));
	}
	if (c->form_post)
		put(p, "response_mode", STR("form_post"));
	put(p, "prompt", str_of(prompt));
	if (c->max_age != NULL)
		put(p, "max_age", str_of(mem_printf(m, "%lld", (long long)(*c->max_age / 1000))));
	put(p, "acr_values", join(&c->acr_values, m));
	put(p, "login_hint", a->login_hint);
	put(p, "resource", str_of(c->resource));
	for (size_t i = 0; i < c->authorization_parameters.n; i++)
		put_pair(p, c->authorization_parameters.v[i], m);
	put_refresh(p, a, m);
	put(p, "state", a->state);
	return p;
}

/* What was set by hand is taken as it is. */
static struct str
scope_of(const struct authreq_ask *a, struct mem *m)
{
	const struct conf_provider *c = a->client;
	const struct kind *k = a->refresh ? kind_find(c->kind) : NULL;
	struct str all = join(&c->scopes, m);

	if (c->scopes_by_hand || k == NULL || k->refresh_scope == NULL)
		return all;
	for (size_t i = 0; i < c->scopes.n; i++)
		if (strcmp(c->scopes.v[i], k->refresh_scope) == 0)
			return all;
	return str_of(mem_printf(m, "%.*s %s", STR_ARG(all), k->refresh_scope));
}

static void
put_refresh(struct authreq_params *p, const struct authreq_ask *a, struct mem *m)
{
	const struct kind *k = a->refresh ? kind_find(a->client->kind) : NULL;
	size_t n = p->n;

	if (k == NULL || k->refresh_parameter == NULL)
		return;
	put_pair(p, k->refresh_parameter, m);
	for (size_t i = 0; i < n; i++)
		if (strcmp(p->v[i].name, p->v[n].name) == 0) { /* by hand */
			p->n = n;
			return;
		}
}

static void
put_pair(struct authreq_params *p, const char *pair, struct mem *m)
{
	struct str value = str_of(pair), name;

	if (str_next(&value, '=', &name))
		p->v[p->n++] = (struct authreq_param){ mem_text(m, name), value.p == NULL ? STR("") : value };
}

/* What there is nothing to say about is left out. */
static void
put(struct authreq_params *p, const char *name, struct str value)
{
	if (value.n > 0)
		p->v[p->n++] = (struct authreq_param){ name, value };
}

char *
authreq_url(const char *endpoint, const struct authreq_params *p, struct mem *m)
{
	char *url = authreq_endpoint(endpoint, p, m);

	for (size_t i = 0; i < p->n; i++)
		url = url_add_param(m, url, p->v[i].name, p->v[i].value);
	return url;
}

/* A parameter twice is an error to the provider (RFC 6749 3.1). */
char *
authreq_endpoint(const char *endpoint, const struct authreq_params *p, struct mem *m)
{
	struct str rest = str_of(endpoint), base = STR(""), pair;
	char *out;

	(void)str_next(&rest, '?', &base);
	out = mem_text(m, base);
	while (rest.n > 0 && str_next(&rest, '&', &pair))
		if (pair.n > 0 && !is_ours(p, pair, m))
			out = mem_printf(
			    m, "%s%s%.*s", out, strchr(out, '?') == NULL ? "?" : "&", STR_ARG(pair));
	return out;
}

static bool
is_ours(const struct authreq_params *p, struct str pair, struct mem *m)
{
	struct str ignored;

	for (size_t i = 0; i < p->n; i++)
		if (url_param(m, pair, p->v[i].name, &ignored) != 1)
			return true;
	return false;
}

/* With a space between. */
static struct str
join(const struct conf_strings *s, struct mem *m)
{
	const char *out = "";

	for (size_t i = 0; i < s->n; i++)
		out = i == 0 ? s->v[i] : mem_printf(m, "%s %s", out, s->v[i]);
	return str_of(out);
}

static struct str
challenge_of(struct str verifier, struct mem *m)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char *text = mem_alloc(m, secret_b64_size(sizeof(hash)));

	(void)SHA256((const unsigned char *)verifier.p, verifier.n, hash);
	return (struct str){ text, secret_b64(text, hash, sizeof(hash)) };
}
