/*
 * tests/fuzz/fuzz_dn.c - distinguished names as people write them
 *
 * What cannot be read is refused with a sentence, and is the name of nothing.
 */
#include <assert.h>
#include <stdint.h>

#include <openssl/err.h>

#include "conf/dn.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str text = { (const char *)data, size };
	X509_NAME *name = X509_NAME_new();
	struct err e = { .reason = REASON_NONE };
	bool good;

	assert(name != NULL);
	(void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"a", 1, -1, 0);
	(void)X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"b, c", 4, -1, 0);
	good = dn_judge(text, &e) == 0;
	assert(good || (e.reason == REASON_CONFIG && e.text[0] != '\0'));
	assert(good || !dn_is(name, text));
	assert(ERR_peek_error() == 0);
	X509_NAME_free(name);
	return 0;
}
