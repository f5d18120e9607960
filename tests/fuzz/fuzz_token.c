/*
 * Two kinds of input: a session cookie as a stranger may send it (first byte
 * 't'), and claims that somebody who knows the secret has signed (any other
 * first byte), so that the fuzzer gets past the signature.
 */
#include <stdlib.h>
#include <string.h>

#include "session/session.h"
#include "session/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check_text(const struct token_keys *, struct str, struct mem *);
static void check_sealed(const struct token_keys *, struct str, struct mem *);
static void check_claims(const struct token_keys *, struct secret **, struct str, struct mem *);
static void check_session(const struct session *, struct mem *);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct token_keys *keys;
	static struct secret *secret;
	struct str input = { (const char *)data, n };
	struct mem *m = mem_new(1 << 20);
	struct err e;

	if (keys == NULL) {
		secret = secret_new("0123456789abcdef0123456789abcdef", 32);
		keys = token_keys_new(&secret, 1, &e);
	}
	if (n > 0 && data[0] == 't')
		check_text(keys, str_from(input, 1), m);
	else if (n > 0) {
		check_claims(keys, &secret, str_from(input, 1), m);
		check_sealed(keys, str_from(input, 1), m);
	}
	mem_free(&m);
	return 0;
}

/* Whatever verifies is what we would write ourselves, to the byte. */
static void
check_text(const struct token_keys *keys, struct str text, struct mem *m)
{
	struct str payload;

	if (token_verify(keys, text, m, &payload) && !str_is(token_sign(keys, payload, m), text))
		abort();
}

/* An encrypted token opens as what it was made of, and not at all when a character is another. */
static void
check_sealed(const struct token_keys *keys, struct str claims, struct mem *m)
{
	struct str sealed = token_seal(keys, claims, m), payload;
	char *altered = mem_text(m, sealed);
	size_t at = claims.n == 0 ? 0 : (unsigned char)claims.p[claims.n - 1] * 131 % sealed.n;

	if (sealed.n > TOKEN_MAX)
		return;
	if (!token_is_whole(sealed) || !token_verify(keys, sealed, m, &payload) || !str_is(payload, claims))
		abort();
	altered[at] = altered[at] == 'A' ? 'B' : 'A';
	if (token_verify(keys, (struct str){ altered, sealed.n }, m, &payload))
		abort();
}

static void
check_claims(const struct token_keys *keys, struct secret **secret, struct str claims, struct mem *m)
{
	static struct conf_session conf = { .cookie = "wp", .n_secrets = 1 };
	static const struct conf_origin origin = { .url = "https://h", .path = "", .https = true };
	static const struct conf_provider provider = { .name = "p", .client_id = "c" };
	static const struct session_scope scope = { &origin, &provider, { "wp", 2 } };
	static const char *names[] = { "groups", "email", "sub", "aud", "sid" };
	static const struct conf_strings needed = { sizeof(names) / sizeof(*names), names };
	static struct sessions *sessions;
	struct str field, payload, token = token_sign(keys, claims, m);
	struct visit v = { .scope = &scope,
		.cookies = &field,
		.n_cookies = 1,
		.revoked = NULL,
		.cache = NULL,
		.now_ms = 1800000000000,
		.mem = m };
	const struct session *out;
	struct err e;

	if (sessions == NULL) {
		conf.secrets = secret;
		sessions = sessions_new(&conf, &needed, &e);
	}
	if (token.n <= TOKEN_MAX && (!token_verify(keys, token, m, &payload) || !str_is(payload, claims)))
		abort();
	field = str_of(mem_printf(m, "wp=%.*s", STR_ARG(token)));
	if (session_find(sessions, &v, &out) == SESSION_FOUND)
		check_session(out, m);
}

static void
check_session(const struct session *s, struct mem *m)
{
	const struct session *kept = session_keep(s, m);
	size_t i, k;

	if (s->sub.n == 0 || s->username.n == 0 || s->sid.n != 22 || s->exp <= 1800000000 ||
	    !str_is(s->iss, STR("https://h")) || !str_is(s->aud, STR("c")) || !str_is(s->idp, STR("p")))
		abort();
	for (i = 0; i < s->n_claims; i++) {
		for (k = 0; k < s->claims[i].value.n; k++)
			if ((unsigned char)s->claims[i].value.p[k] < 0x20)
				abort();
		if (!str_is(kept->claims[i].name, s->claims[i].name) ||
		    !str_is(kept->claims[i].value, s->claims[i].value))
			abort();
		for (k = 0; k < s->claims[i].n_elements; k++)
			if (!str_is(kept->claims[i].elements[k], s->claims[i].elements[k]))
				abort();
	}
}
