/* session/token.c: only what our secrets signed verifies, and in one spelling. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/hmac.h>

#include "session/token.h"

#define SECRET_A "0123456789abcdef0123456789abcdef"
#define SECRET_B "another-secret-another-secret-01"

static struct mem *m;
static struct secret *a, *b;
static struct token_keys *keys;

static void
setup(void)
{
	struct err e;

	m = mem_new(1 << 20);
	a = secret_new(SECRET_A, 32);
	b = secret_new(SECRET_B, 32);
	keys = token_keys_new(&a, 1, &e);
	ck_assert_ptr_nonnull(keys);
}

static void
teardown(void)
{
	token_keys_free(&keys);
	secret_free(&a);
	secret_free(&b);
	mem_free(&m);
}

/* A token put together from outside, as a stranger who knows `secret` would. */
static struct str
forge(const char *head_json, const char *payload, const char *secret)
{
	char *head = mem_alloc(m, secret_b64_size(strlen(head_json)));
	char *body = mem_alloc(m, secret_b64_size(strlen(payload)));
	unsigned char mac[32];
	char tail[44], *text;

	(void)secret_b64(head, head_json, strlen(head_json));
	(void)secret_b64(body, payload, strlen(payload));
	text = mem_printf(m, "%s.%s", head, body);
	ck_assert_ptr_nonnull(HMAC(
	    EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, strlen(text), mac, NULL));
	(void)secret_b64(tail, mac, sizeof(mac));
	return str_of(mem_printf(m, "%s.%s", text, tail));
}

/* The JSON of the header that our own tokens have. */
static const char *
own_head(void)
{
	struct str text = token_sign(keys, STR("{}"), m);
	unsigned char *json = mem_zalloc(m, 200);

	text.n = (size_t)((const char *)memchr(text.p, '.', text.n) - text.p);
	ck_assert_int_gt(secret_unb64(json, text), 0);
	return (const char *)json;
}

START_TEST(a_token_is_an_ordinary_jwt_with_the_secret_as_its_key)
{
	struct str text = token_sign(keys, STR("{\"sub\":\"jane\"}"), m), payload;
	const char *head = own_head();

	ck_assert_uint_eq(text.n, strlen(text.p));
	ck_assert_int_eq(strncmp(head, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"", 34), 0);
	ck_assert_uint_eq(strlen(head), 34 + 11 + 2);
	ck_assert(str_is(text, forge(head, "{\"sub\":\"jane\"}", SECRET_A)));
	ck_assert(token_is_whole(text));
	ck_assert(token_verify(keys, text, m, &payload));
	ck_assert(str_is(payload, STR("{\"sub\":\"jane\"}")));
}
END_TEST

START_TEST(the_key_id_says_nothing_of_the_secret_and_differs_with_it)
{
	struct err e;
	struct token_keys *other = token_keys_new(&b, 1, &e);
	const char *own = own_head();
	struct str text = token_sign(other, STR("{}"), m), mine = token_sign(keys, STR("{}"), m);

	ck_assert_ptr_null(strstr(own, "0123"));
	ck_assert(strncmp(text.p, mine.p, 64) != 0);
	token_keys_free(&other);
}
END_TEST

/* Every bit of every byte: whatever it becomes, it is not ours. */
START_TEST(no_altered_token_verifies)
{
	struct str text = token_sign(keys, STR("{\"sub\":\"jane\",\"n\":12345}"), m), payload;
	char *altered = mem_text(m, text);
	size_t i;
	int bit;

	for (i = 0; i < text.n; i++) {
		for (bit = 0; bit < 8; bit++) {
			altered[i] = (char)(text.p[i] ^ (1 << bit));
			ck_assert(!token_verify(keys, (struct str){ altered, text.n }, m, &payload));
			ck_assert_ptr_null(payload.p);
		}
		altered[i] = text.p[i];
	}
	ck_assert(token_verify(keys, (struct str){ altered, text.n }, m, &payload));
}
END_TEST

/* In exact memory, so that a signature of no or one byte cannot be read past. */
START_TEST(no_cut_token_verifies)
{
	struct str text = token_sign(keys, STR("{\"sub\":\"jane\"}"), m), payload;
	size_t n;

	for (n = 0; n < text.n; n++) {
		char *cut = malloc(n == 0 ? 1 : n);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, text.p, n);
		ck_assert(!token_verify(keys, (struct str){ cut, n }, m, &payload));
		memcpy(cut, text.p + text.n - n, n);
		ck_assert(!token_verify(keys, (struct str){ cut, n }, m, &payload));
		free(cut);
	}
	ck_assert(!token_verify(keys, (struct str){ NULL, 0 }, m, &payload));
}
END_TEST

/* H, P and S stand for header, payload and signature of a good token. */
static const char *const shapes[] = {
	"H.P.S.",
	".H.P.S",
	"H.P.S.S",
	"H..P.S",
	"H.P.",
	"H.P",
	"H.P.S=",
	"H.P.SA",
	"H.P.S ",
	" H.P.S",
	"H.P=.S",
	"\"H.P.S\"",
	"H. P.S",
	"H.P.SS",
	"..S",
	"H..S",
	".P.S",
	"..",
	".",
	"",
	"P.H.S",
	"H.P.AA",
	"H.P.A",
	"H.P.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	"H.P.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
};

START_TEST(nothing_but_the_exact_three_parts_verifies)
{
	struct str rest = token_sign(keys, STR("{\"sub\":\"jane\"}"), m), part[3], payload;
	static const char letters[] = "HPS";
	const char *shape, *which, *out = "";
	size_t i;

	for (i = 0; i < 3; i++)
		ck_assert(str_next(&rest, '.', &part[i]));
	for (shape = shapes[_i]; *shape != '\0'; shape++) {
		which = strchr(letters, *shape);
		out = which == NULL ? mem_printf(m, "%s%c", out, *shape)
				    : mem_printf(m, "%s%.*s", out, STR_ARG(part[which - letters]));
	}
	ck_assert(!token_verify(keys, str_of(out), m, &payload));
}
END_TEST

#define SIGNATURE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
static const struct {
	const char *text;
	bool whole;
} outlines[] = {
	{ "h.p." SIGNATURE, true },
	{ ".." SIGNATURE, true },
	{ "h.p." SIGNATURE "A", false },
	{ "h.p.A", false },
	{ "h.p.", false },
	{ "h.p", false },
	{ "h." SIGNATURE, false },
	{ "", false },
	{ "h.p.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAAA", false },
	{ "h.p.q." SIGNATURE, false },
	{ "h..AAAAAAAAAAAAAAAA.ct.AAAAAAAAAAAAAAAAAAAAAA", true },
	{ "h..AAAAAAAAAAAAAAAA..AAAAAAAAAAAAAAAAAAAAAA", true },
	{ "h..AAAAAAAAAAAAAAA.ct.AAAAAAAAAAAAAAAAAAAAAA", false },
	{ "h..AAAAAAAAAAAAAAAA.ct.AAAAAAAAAAAAAAAAAAAAA", false },
	{ "h..AAAAAAAAAAAAAAAA.ct.A.AAAAAAAAAAAAAAAAAAAAAA", false },
	{ "h.k.AAAAAAAAAAAAAAAA.ct.AAAAAAAAAAAAAAAAAAAAAA", false },
};

START_TEST(a_token_is_whole_when_its_signature_is)
{
	ck_assert_int_eq(token_is_whole(str_of(outlines[_i].text)), outlines[_i].whole);
}
END_TEST

/* The last character of a signature carries two bits more than are used. */
START_TEST(a_signature_has_one_spelling)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct str text = token_sign(keys, STR("{}"), m), payload;
	char *other = mem_text(m, text);
	size_t i, good = 0;

	for (i = 0; i < 64; i++) {
		other[text.n - 1] = alphabet[i];
		good += token_verify(keys, (struct str){ other, text.n }, m, &payload);
	}
	ck_assert_uint_eq(good, 1);
}
END_TEST

static const char *const heads[] = {
	"{\"alg\":\"none\"}",
	"{\"alg\":\"none\",\"typ\":\"JWT\"}",
	"{\"alg\":\"HS256\"}",
	"{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
	"{\"alg\":\"HS512\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
	"{\"alg\":\"hs256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
	"{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"%s\"}",
	"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\",\"crit\":[\"x\"]}",
	"{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
	"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\",\"b64\":false}",
	"{ \"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
	"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"AAAAAAAAAAA\"}",
	"",
	"{}",
	"null",
};

/* Signed with the right secret, even so; %s stands for its kid. */
START_TEST(no_header_but_our_own_verifies)
{
	const char *head = heads[_i], *at = strstr(head, "%s");
	struct str payload;

	if (at != NULL)
		head = mem_printf(m, "%.*s%.11s%s", (int)(at - head), head, own_head() + 34, at + 2);
	ck_assert(!token_verify(keys, forge(head, "{}", SECRET_A), m, &payload));
	ck_assert(token_verify(keys, forge(own_head(), "{}", SECRET_A), m, &payload));
}
END_TEST

START_TEST(another_secret_does_not_sign_for_ours)
{
	struct str payload;

	ck_assert(!token_verify(keys, forge(own_head(), "{}", SECRET_B), m, &payload));
	ck_assert(!token_verify(keys, forge(own_head(), "{}", ""), m, &payload));
}
END_TEST

START_TEST(all_secrets_verify_and_the_first_signs)
{
	struct err e;
	struct secret *list[] = { b, a };
	struct token_keys *both = token_keys_new(list, 2, &e), *only_b = token_keys_new(&b, 1, &e);
	struct str old = token_sign(keys, STR("{}"), m), new = token_sign(both, STR("{}"), m), payload;

	ck_assert(token_verify(both, old, m, &payload));
	ck_assert(token_verify(both, new, m, &payload));
	ck_assert(token_verify(only_b, new, m, &payload));
	ck_assert(!token_verify(only_b, old, m, &payload));
	ck_assert(!token_verify(keys, new, m, &payload));
	token_keys_free(&both);
	token_keys_free(&only_b);
}
END_TEST

START_TEST(too_short_a_secret_makes_no_keys)
{
	struct err e;
	struct secret *s = secret_new(SECRET_A, 31);

	ck_assert_ptr_null(token_keys_new(&s, 1, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_ptr_null(strstr(e.text, "0123"));
	ck_assert_ptr_null(token_keys_new(&s, 0, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	secret_free(&s);
}
END_TEST

START_TEST(a_token_beyond_the_bound_is_not_even_tried)
{
	size_t n = TOKEN_MAX;
	char *big = mem_zalloc(m, n);
	struct str text, payload;

	memset(big, 'x', n - 1);
	text = token_sign(keys, (struct str){ big, n / 4 * 3 - 120 }, m);
	ck_assert_uint_le(text.n, TOKEN_MAX);
	ck_assert(token_verify(keys, text, m, &payload));
	text = token_sign(keys, (struct str){ big, n / 4 * 3 }, m);
	ck_assert_uint_gt(text.n, TOKEN_MAX);
	ck_assert(!token_verify(keys, text, m, &payload));
}
END_TEST

/* Authentic, but its payload was never base64url. */
START_TEST(a_payload_that_does_not_decode_is_refused)
{
	struct str good = token_sign(keys, STR("{}"), m), payload;
	size_t n = (size_t)((const char *)memchr(good.p, '.', good.n) - good.p);
	char *text = mem_printf(m, "%.*s.e30=", (int)n, good.p);
	unsigned char mac[32];
	char tail[44];

	ck_assert_ptr_nonnull(
	    HMAC(EVP_sha256(), SECRET_A, 32, (const unsigned char *)text, strlen(text), mac, NULL));
	(void)secret_b64(tail, mac, sizeof(mac));
	ck_assert(!token_verify(keys, str_of(mem_printf(m, "%s.%s", text, tail)), m, &payload));
}
END_TEST

/* --- encrypted --- */

START_TEST(an_encrypted_token_is_a_jwe_that_shows_nothing_and_comes_back)
{
	const char *claims = "{\"sub\":\"jane\",\"n\":12345}";
	struct str text = token_seal(keys, str_of(claims), m), again = token_seal(keys, str_of(claims), m);
	struct str rest = text, part[5], payload;
	char head[256];
	long n;
	size_t i;

	for (i = 0; i < 5; i++)
		ck_assert(str_next(&rest, '.', &part[i]));
	ck_assert_uint_eq(rest.n, 0);
	n = secret_unb64((unsigned char *)head, part[0]);
	ck_assert_int_gt(n, 0);
	head[n] = '\0';
	ck_assert_ptr_nonnull(
	    strstr(head, "{\"alg\":\"dir\",\"enc\":\"A256GCM\",\"typ\":\"JWT\",\"kid\":\""));
	ck_assert_uint_eq(part[1].n, 0);
	ck_assert_uint_eq(part[2].n, 16);
	ck_assert_uint_eq(part[4].n, 22);
	ck_assert(!str_is(text, again));
	ck_assert(token_is_whole(text));
	ck_assert(token_verify(keys, text, m, &payload));
	ck_assert(str_is(payload, str_of(claims)));
}
END_TEST

START_TEST(no_altered_or_cut_encrypted_token_opens)
{
	struct str text = token_seal(keys, STR("{\"sub\":\"jane\"}"), m), payload;
	char *altered = mem_text(m, text);
	size_t i;

	for (i = 0; i < text.n; i++) {
		char was = altered[i];

		altered[i] = was == 'A' ? 'B' : 'A';
		ck_assert(!token_verify(keys, (struct str){ altered, text.n }, m, &payload));
		altered[i] = '.';
		ck_assert(was == '.' || !token_verify(keys, (struct str){ altered, text.n }, m, &payload));
		altered[i] = was;
		ck_assert(!token_verify(keys, (struct str){ altered, i }, m, &payload));
	}
	ck_assert(token_verify(keys, (struct str){ altered, text.n }, m, &payload));
}
END_TEST

START_TEST(both_forms_are_accepted_and_each_secret_opens_its_own)
{
	struct err e;
	struct token_keys *other, *both;
	struct secret *two[2] = { secret_new("another-secret-another-secret-01", 32),
		secret_new("0123456789abcdef0123456789abcdef", 32) };
	struct str old, payload, empty = token_seal(keys, STR(""), m);

	other = token_keys_new(two, 1, &e);
	both = token_keys_new(two, 2, &e);
	ck_assert_ptr_nonnull(both);
	old = token_seal(other, STR("{}"), m);
	ck_assert(token_verify(both, old, m, &payload));
	ck_assert(token_verify(both, token_sign(other, STR("{}"), m), m, &payload));
	ck_assert(!token_verify(keys, old, m, &payload));
	ck_assert(token_verify(keys, empty, m, &payload));
	ck_assert_uint_eq(payload.n, 0);
	token_keys_free(&other);
	token_keys_free(&both);
	secret_free(&two[0]);
	secret_free(&two[1]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/token");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_encrypted_token_is_a_jwe_that_shows_nothing_and_comes_back);
	tcase_add_test(t, no_altered_or_cut_encrypted_token_opens);
	tcase_add_test(t, both_forms_are_accepted_and_each_secret_opens_its_own);
	tcase_add_test(t, a_token_is_an_ordinary_jwt_with_the_secret_as_its_key);
	tcase_add_test(t, the_key_id_says_nothing_of_the_secret_and_differs_with_it);
	tcase_add_test(t, no_altered_token_verifies);
	tcase_add_test(t, no_cut_token_verifies);
	tcase_add_loop_test(
	    t, nothing_but_the_exact_three_parts_verifies, 0, sizeof(shapes) / sizeof(*shapes));
	tcase_add_loop_test(
	    t, a_token_is_whole_when_its_signature_is, 0, sizeof(outlines) / sizeof(*outlines));
	tcase_add_test(t, a_signature_has_one_spelling);
	tcase_add_loop_test(t, no_header_but_our_own_verifies, 0, sizeof(heads) / sizeof(*heads));
	tcase_add_test(t, another_secret_does_not_sign_for_ours);
	tcase_add_test(t, all_secrets_verify_and_the_first_signs);
	tcase_add_test(t, too_short_a_secret_makes_no_keys);
	tcase_add_test(t, a_token_beyond_the_bound_is_not_even_tried);
	tcase_add_test(t, a_payload_that_does_not_decode_is_refused);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
