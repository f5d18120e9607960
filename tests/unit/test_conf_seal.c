/* conf/seal.c: what goes in comes out, and nothing else does. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/seal.h"
#include "conf/secret.h"

static const unsigned char key[32] = "0123456789abcdef0123456789abcde";
static struct mem *m;

static void
setup(void)
{
	m = mem_new(1 << 20);
}

static void
teardown(void)
{
	mem_free(&m);
}

START_TEST(what_was_sealed_opens_unchanged)
{
	char plain[600];
	size_t n;

	memset(plain, 'p', sizeof(plain));
	plain[3] = '\0';
	for (n = 0; n < sizeof(plain); n += n < 40 ? 1 : 97) {
		struct str text = seal_close(key, STR("a"), (struct str){ plain, n }, m);
		struct str back;

		ck_assert_uint_eq(text.n, seal_size(n));
		ck_assert_uint_eq(text.n, strlen(text.p));
		ck_assert(seal_open(key, STR("a"), text, m, &back));
		ck_assert_uint_eq(back.n, n);
		ck_assert_mem_eq(back.p, plain, n);
		ck_assert_int_eq(back.p[n], '\0');
	}
}
END_TEST

START_TEST(the_largest_opens_and_anything_longer_does_not)
{
	char *plain = xcalloc(1, SEAL_PLAIN_MAX);
	char *text = xmalloc(SEAL_TEXT_MAX + 4);
	struct str sealed = seal_close(key, STR("a"), (struct str){ plain, SEAL_PLAIN_MAX }, m), back;

	ck_assert(seal_open(key, STR("a"), sealed, m, &back));
	ck_assert_uint_eq(back.n, SEAL_PLAIN_MAX);
	memset(text, 'A', SEAL_TEXT_MAX + 4);
	ck_assert(!seal_open(key, STR("a"), (struct str){ text, SEAL_TEXT_MAX + 4 }, m, &back));
	ck_assert(!seal_open(key, STR("a"), (struct str){ text, SEAL_TEXT_MAX }, m, &back));
	free(plain);
	free(text);
}
END_TEST

START_TEST(a_box_of_any_size_opens_whole_for_its_key_and_purpose)
{
	static const size_t sizes[] = { 0, 1, 4096, SEAL_PLAIN_MAX + 1, 1 << 20 };
	size_t n = sizes[_i];
	char *plain = xcalloc(1, n + 1);
	unsigned char *box = xmalloc(n + SEAL_BOX), *back = xcalloc(1, n + 1), other[32];
	struct str sealed = { (const char *)box, n + SEAL_BOX };

	memset(plain, 'p', n);
	memcpy(other, key, sizeof(other));
	other[31] ^= 1;
	seal_box(key, STR("a"), (struct str){ plain, n }, box);
	ck_assert(seal_unbox(key, STR("a"), sealed, back));
	ck_assert_int_eq(memcmp(plain, back, n), 0);
	ck_assert(!seal_unbox(other, STR("a"), sealed, back) && !seal_unbox(key, STR("b"), sealed, back));
	box[n + SEAL_BOX - 1] ^= 1;
	ck_assert(!seal_unbox(key, STR("a"), sealed, back));
	ck_assert(!seal_unbox(key, STR("a"), (struct str){ sealed.p, SEAL_BOX - 1 }, back));
	free(plain);
	free(box);
	free(back);
}
END_TEST

/* CVE-2021-32791: a nonce that repeats. */
START_TEST(the_same_text_is_never_sealed_alike_twice)
{
	enum { SAMPLES = 1 << 12 };
	static unsigned char nonces[SAMPLES][12];
	size_t i, j;

	for (i = 0; i < SAMPLES; i++) {
		unsigned char box[64];
		struct str text = seal_close(key, STR("a"), STR("plain"), m);

		ck_assert_int_eq(secret_unb64(box, text), 12 + 5 + 16);
		memcpy(nonces[i], box, 12);
	}
	for (i = 0; i < SAMPLES; i++)
		for (j = 0; j < i; j++)
			if (memcmp(nonces[i], nonces[j], 12) == 0)
				ck_abort_msg("nonce %zu is nonce %zu", i, j);
}
END_TEST

START_TEST(another_key_or_purpose_does_not_open)
{
	unsigned char other[32];
	struct str text = seal_close(key, STR("state"), STR("plain"), m), back = STR("x");

	memcpy(other, key, 32);
	other[31] ^= 1;
	ck_assert(!seal_open(other, STR("state"), text, m, &back));
	ck_assert_ptr_null(back.p);
	ck_assert(!seal_open(key, STR("tokens"), text, m, &back));
	ck_assert(!seal_open(key, STR("stat"), text, m, &back));
	ck_assert(!seal_open(key, STR(""), text, m, &back));
	ck_assert(seal_open(key, STR("state"), text, m, &back));
	text = seal_close(key, STR(""), STR("plain"), m);
	ck_assert(seal_open(key, STR(""), text, m, &back));
	ck_assert(!seal_open(key, STR("state"), text, m, &back));
}
END_TEST

/* Every bit of the text, as another character; also what is no longer base64url. */
START_TEST(no_altered_text_opens)
{
	struct str text = seal_close(key, STR("a"), STR("eleven byte"), m), back;
	char *altered = mem_text(m, text);
	size_t i;
	int bit;

	for (i = 0; i < text.n; i++) {
		for (bit = 0; bit < 8; bit++) {
			altered[i] = (char)(text.p[i] ^ (1 << bit));
			ck_assert(!seal_open(key, STR("a"), (struct str){ altered, text.n }, m, &back));
		}
		altered[i] = text.p[i];
	}
	ck_assert(seal_open(key, STR("a"), (struct str){ altered, text.n }, m, &back));
}
END_TEST

START_TEST(no_shorter_or_longer_text_opens)
{
	struct str text = seal_close(key, STR("a"), STR("plain"), m), back;
	size_t n;

	for (n = 0; n < text.n; n++) {
		ck_assert(!seal_open(key, STR("a"), (struct str){ text.p, n }, m, &back));
		ck_assert(!seal_open(key, STR("a"), str_from(text, text.n - n), m, &back));
	}
	ck_assert(!seal_open(key, STR("a"), str_of(mem_printf(m, "%sAAAA", text.p)), m, &back));
	ck_assert(!seal_open(key, STR("a"), str_of(mem_printf(m, "%s=", text.p)), m, &back));
	ck_assert(!seal_open(key, STR("a"), (struct str){ NULL, 0 }, m, &back));
}
END_TEST

/* NIST's test vector for AES-256-GCM with associated data, 128 bit tag (McGrew & Viega, case 16). */
START_TEST(the_cipher_is_aes_256_gcm)
{
	static const unsigned char k[32] = { 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f,
		0x94, 0x67, 0x30, 0x83, 0x08, 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a,
		0x8f, 0x94, 0x67, 0x30, 0x83, 0x08 };
	static const unsigned char aad[20] = { 0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
		0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2 };
	static const unsigned char box[12 + 60 + 16] = { 0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde,
		0xca, 0xf8, 0x88, /* nonce */
		0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3, 0x2a, 0x84, 0x42,
		0x7d, 0x64, 0x3a, 0x8c, 0xdc, 0xbf, 0xe5, 0xc0, 0xc9, 0x75, 0x98, 0xa2, 0xbd, 0x25, 0x55,
		0xd1, 0xaa, 0x8c, 0xb0, 0x8e, 0x48, 0x59, 0x0d, 0xbb, 0x3d, 0xa7, 0xb0, 0x8b, 0x10, 0x56,
		0x82, 0x88, 0x38, 0xc5, 0xf6, 0x1e, 0x63, 0x93, 0xba, 0x7a, 0x0a, 0xbc, 0xc9, 0xf6,
		0x62, /* tag */
		0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55,
		0x1b };
	static const unsigned char begin[4] = { 0xd9, 0x31, 0x32, 0x25 };
	char text[128];
	struct str back;

	(void)secret_b64(text, box, sizeof(box));
	ck_assert(seal_open(k, (struct str){ (const char *)aad, sizeof(aad) }, str_of(text), m, &back));
	ck_assert_uint_eq(back.n, 60);
	ck_assert_mem_eq(back.p, begin, sizeof(begin));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/seal");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, a_box_of_any_size_opens_whole_for_its_key_and_purpose, 0, 5);
	tcase_add_test(t, what_was_sealed_opens_unchanged);
	tcase_add_test(t, the_largest_opens_and_anything_longer_does_not);
	tcase_add_test(t, the_same_text_is_never_sealed_alike_twice);
	tcase_add_test(t, another_key_or_purpose_does_not_open);
	tcase_add_test(t, no_altered_text_opens);
	tcase_add_test(t, no_shorter_or_longer_text_opens);
	tcase_add_test(t, the_cipher_is_aes_256_gcm);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
