/* conf/secret.c: known answers, strict decoding, nothing left behind. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/mem.h"
#include "conf/secret.h"

#ifdef __SANITIZE_ADDRESS__
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

static void
hex(char *out, const unsigned char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

START_TEST(a_secret_holds_its_own_copy_of_the_bytes)
{
	char bytes[] = "correct horse\0battery";
	struct secret *s = secret_new(bytes, sizeof(bytes));

	memset(bytes, 'x', sizeof(bytes));
	ck_assert_uint_eq(secret_str(s).n, 22);
	ck_assert_mem_eq(secret_str(s).p, "correct horse\0battery", 22);
	secret_free(&s);
	ck_assert_ptr_null(s);
	secret_free(&s);
	s = secret_new("", 0);
	ck_assert_uint_eq(secret_str(s).n, 0);
	secret_free(&s);
	s = secret_new(NULL, 0);
	secret_free(&s);
}
END_TEST

/* Looks the mapping up in /proc: "dd" is VM_DONTDUMP. */
START_TEST(a_secret_is_kept_out_of_core_dumps)
{
	struct secret *s = secret_new("0123456789", 10);
	uintptr_t at = (uintptr_t)secret_str(s).p;
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	bool here = false, kept_out = false;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			here = at >= from && at < to;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			kept_out = strstr(line, " dd") != NULL;
	}
	(void)fclose(f);
	ck_assert(kept_out);
	secret_free(&s);
}
END_TEST

/* In a child, since there is no way back. */
START_TEST(a_guarded_process_leaves_no_core)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ne(child, -1);
	if (child == 0) {
		struct rlimit core;

		secret_guard_process();
		_exit(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0 &&
			      prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == DUMPABLE
			  ? 0
			  : 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(equal_means_same_length_and_same_bytes)
{
	ck_assert(secret_equal(STR("abc"), STR("abc")));
	ck_assert(secret_equal(STR(""), STR("")));
	ck_assert(!secret_equal(STR("abc"), STR("abd")));
	ck_assert(!secret_equal(STR("abc"), STR("Abc")));
	ck_assert(!secret_equal(STR("abc"), STR("ab")));
	ck_assert(!secret_equal(STR("abc"), STR("")));
}
END_TEST

START_TEST(random_bytes_fill_everything_and_differ)
{
	unsigned char a[1024] = { 0 }, b[1024] = { 0 };
	size_t i, zeros = 0;

	secret_random(a, sizeof(a));
	secret_random(b, sizeof(b));
	secret_random(b, 0);
	ck_assert(memcmp(a, b, sizeof(a)) != 0);
	for (i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	ck_assert_uint_lt(zeros, 40);
}
END_TEST

/* RFC 5869 A.3, then more that were computed with another implementation. */
static const struct {
	const char *root, *label;
	size_t n;
	const char *okm;
} derivations[] = {
	{ "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b", "", 42,
	    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8" },
	{ "0123456789abcdef0123456789abcdef", "workflow-proxy test", 32,
	    "cc5e79c60ff67f84e0b52075d44d94dc5d2a1a10a025ba94ab794234ca67780f" },
	{ "0123456789abcdef0123456789abcdef", "kid", 8, "3ee410b66607a4be" },
	{ "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kk",
	    "long", 64,
	    "3687069ebbd322b65992a52674b1c9771ab827b087e580193dd60ddbfa259d1a3220b21f82ee060d2939534cfd23e610"
	    "b8445d7cef729906d790a4879d5112db" },
};

START_TEST(derived_keys_are_those_of_rfc_5869)
{
	unsigned char out[64];
	char text[129];

	secret_derive(str_of(derivations[_i].root), derivations[_i].label, out, derivations[_i].n);
	hex(text, out, derivations[_i].n);
	ck_assert_str_eq(text, derivations[_i].okm);
}
END_TEST

START_TEST(another_label_gives_another_key)
{
	unsigned char a[32], b[32], c[32];

	secret_derive(STR("0123456789abcdef0123456789abcdef"), "one", a, 32);
	secret_derive(STR("0123456789abcdef0123456789abcdef"), "two", b, 32);
	secret_derive(STR("0123456789abcdef0123456789abcdeg"), "one", c, 32);
	ck_assert_mem_ne(a, b, 32);
	ck_assert_mem_ne(a, c, 32);
}
END_TEST

START_TEST(no_two_lists_of_pieces_have_one_hmac)
{
	unsigned char key[32] = { 1 }, a[32], b[32], c[32], d[32];
	char text[65];

	secret_hmac(key, (struct str[]){ STR("ab"), STR("c") }, 2, a);
	secret_hmac(key, (struct str[]){ STR("a"), STR("bc") }, 2, b);
	secret_hmac(key, (struct str[]){ STR("abc") }, 1, c);
	secret_hmac(key, (struct str[]){ STR("ab"), STR("c"), STR("") }, 3, d);
	ck_assert_mem_ne(a, b, 32);
	ck_assert_mem_ne(a, c, 32);
	ck_assert_mem_ne(a, d, 32);
	hex(text, a, 32);
	ck_assert_str_eq(text, "e7e8aa25f07dcc613334fdcb1a27a034100de97aa5324becd527cdec0d1a4540");
	key[0] = 2;
	secret_hmac(key, (struct str[]){ STR("ab"), STR("c") }, 2, b);
	ck_assert_mem_ne(a, b, 32);
}
END_TEST

/* RFC 4648 10, without padding. */
static const struct {
	const char *plain, *text;
} encodings[] = {
	{ "", "" },
	{ "f", "Zg" },
	{ "fo", "Zm8" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg" },
	{ "fooba", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy" },
	{ "\xff\xef\xbe", "_---" },
	{ "\xfb\xff", "-_8" },
};

START_TEST(base64url_goes_there_and_back)
{
	unsigned char back[16];
	char text[16];
	struct str plain = str_of(encodings[_i].plain);

	ck_assert_uint_eq(secret_b64(text, plain.p, plain.n), strlen(encodings[_i].text));
	ck_assert_str_eq(text, encodings[_i].text);
	ck_assert_uint_eq(secret_b64_size(plain.n), strlen(text) + 1);
	ck_assert_int_eq(secret_unb64(back, str_of(text)), (long)plain.n);
	ck_assert_mem_eq(back, plain.p, plain.n);
}
END_TEST

/* Each byte at each place of a group, in texts of every length. */
START_TEST(base64url_of_every_byte_goes_there_and_back)
{
	unsigned char plain[258], back[sizeof(plain) + 1];
	char text[400];
	size_t from, n, i;

	for (from = 0; from < 256; from++)
		for (n = 0; n < sizeof(plain); n += n < 8 ? 1 : 50) {
			for (i = 0; i < n; i++)
				plain[i] = (unsigned char)(from + i * 7);
			ck_assert_uint_eq(secret_b64(text, plain, n) + 1, secret_b64_size(n));
			ck_assert_int_eq(secret_unb64(back, str_of(text)), (long)n);
			ck_assert_mem_eq(back, plain, n);
		}
}
END_TEST

static const char *const refused[] = { "A", "AAAAA", "Zg==", "Zg=", "Zm8=", "Zm9v=", "Zm9v\n", " Zm9v",
	"Zm 9", "Zm+v", "Zm/v", "Zm.v", "Zh", "Zm9", "Zn8_Zh", "\xc3\xa4", "Zm9\x01", "Zm9?", "Zm9v====", "=",
	"====" };

START_TEST(any_other_spelling_of_base64url_is_refused)
{
	unsigned char out[32];

	ck_assert_int_eq(secret_unb64(out, str_of(refused[_i])), -1);
}
END_TEST

/* Every byte that is not in the alphabet, NUL included, at every place. */
START_TEST(bytes_outside_the_alphabet_are_refused)
{
	unsigned char out[8];
	int c, at, good = 0;

	for (c = 0; c < 256; c++) {
		for (at = 0; at < 4; at++) {
			char text[4] = { 'A', 'A', 'A', 'A' };
			long n;

			text[at] = (char)c;
			n = secret_unb64(out, (struct str){ text, 4 });
			ck_assert(n == -1 || n == 3);
			good += n == 3;
		}
	}
	ck_assert_int_eq(good, 4 * 64);
}
END_TEST

/* An exact buffer, so that the sanitizer sees one byte too many. */
START_TEST(decoding_writes_no_more_than_it_says)
{
	size_t n;

	for (n = 0; n < 70; n++) {
		char *text = xmalloc(n + 1);
		unsigned char *out = xmalloc(3 * (n / 4) + 2);

		memset(text, 'A', n);
		text[n] = '\0';
		ck_assert_int_eq(secret_unb64(out, str_of(text)), n % 4 == 1 ? -1 : (long)(n * 3 / 4));
		free(text);
		free(out);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/secret");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_test(t, a_secret_holds_its_own_copy_of_the_bytes);
	tcase_add_test(t, a_secret_is_kept_out_of_core_dumps);
	tcase_add_test(t, a_guarded_process_leaves_no_core);
	tcase_add_test(t, equal_means_same_length_and_same_bytes);
	tcase_add_test(t, random_bytes_fill_everything_and_differ);
	tcase_add_loop_test(
	    t, derived_keys_are_those_of_rfc_5869, 0, sizeof(derivations) / sizeof(*derivations));
	tcase_add_test(t, another_label_gives_another_key);
	tcase_add_test(t, no_two_lists_of_pieces_have_one_hmac);
	tcase_add_test(t, base64url_of_every_byte_goes_there_and_back);
	tcase_add_loop_test(t, base64url_goes_there_and_back, 0, sizeof(encodings) / sizeof(*encodings));
	tcase_add_loop_test(
	    t, any_other_spelling_of_base64url_is_refused, 0, sizeof(refused) / sizeof(*refused));
	tcase_add_test(t, bytes_outside_the_alphabet_are_refused);
	tcase_add_test(t, decoding_writes_no_more_than_it_says);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
