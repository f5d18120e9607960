/* tests/fuzz/fuzz_log.c - whatever is logged stays inside its quotes, its bound and its line */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "conf/log.h"

#define MUST(x)                                                                                              \
	do                                                                                                   \
		if (!(x))                                                                                    \
			abort();                                                                             \
	while (0)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check_json(const char *text, size_t n, struct str whole)
{
	json_t *j = json_loadb(text, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	MUST(j != NULL);
	if (whole.p != NULL) { /* what was UTF-8 comes back as it was, so nothing is lost or forged */
		json_t *was = json_stringn(whole.p, whole.n);

		MUST(was == NULL || json_equal(was, j));
		json_decref(was);
	}
	json_decref(j);
}

static void
check_quote(struct str text, size_t cap)
{
	char *buf =
	    malloc(cap + 2); /* exactly as large as said, so that the sanitizer sees each step too far */
	char *out = malloc(cap);
	size_t n;

	MUST(buf != NULL && out != NULL);
	n = log_quote(out, cap, text);
	MUST(n < cap && out[n] == '\0');
	for (size_t i = 0; i < n; i++)
		MUST((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
	buf[0] = '"';
	memcpy(buf + 1, out, n);
	buf[n + 1] = '"';
	check_json(buf, n + 2, cap > 6 * text.n ? text : (struct str){ NULL, 0 });
	free(out);
	free(buf);
}

static void
check_record(struct str text)
{
	char *buf = malloc(4096);
	struct log_record r = { .buf = buf, .cap = 4096 };

	MUST(buf != NULL);
	log_record_begin(&r);
	log_record_str(&r, "k", text);
	log_record_num(&r, "n", (long long)text.n);
	log_record_end(&r);
	MUST(!r.overflow && r.n > 0 && memchr(buf, '\n', r.n) == buf + r.n - 1);
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str text;

	if (n == 0 || n > 65536)
		return 0;
	text = (struct str){ (const char *)data + 1, n - 1 };
	check_quote(text, 1 + (size_t)data[0]);
	check_quote(text, 6 * n + 1);
	check_record(text);
	return 0;
}
