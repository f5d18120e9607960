/* The token endpoint's answer: the first byte chooses the status, the rest is the body. */
#include <stdlib.h>

#include "oidc/tokenreq.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static void expect_printable(struct str);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const int statuses[] = { 200, 400, 401, 404, 429, 503 };
	struct conf_provider c = { .client_id = "app" };
	struct tokenreq_answer a = { .type = STR("application/json"), .code = STR("c0de-5ent") };
	struct mem *m = mem_new(1 << 20);
	struct oidc_tokens t;
	struct err e;

	if (n > 0) {
		a.status = statuses[data[0] % 6];
		a.body = (struct str){ (const char *)data + 1, n - 1 };
		c.client_secret = secret_new("5ecret-kept", 11);
		if (tokenreq_parse(&c, &a, m, &t, &e) == 0) {
			if (t.id_token.n == 0 || t.expires_in < 0 || a.status != 200)
				abort();
			expect_printable(t.id_token);
			expect_printable(t.access_token);
			expect_printable(t.refresh_token);
		} else if (e.reason == REASON_NONE || t.id_token.p != NULL ||
			   strstr(e.text, "c0de-5ent") != NULL || strstr(e.text, "5ecret-kept") != NULL)
			abort();
		if (tokenreq_parse_own(&c, &a, m, &t, &e) == 0) {
			if (t.access_token.n == 0 || t.expires_in < 0 || a.status != 200)
				abort();
			expect_printable(t.access_token);
		} else if (e.reason == REASON_NONE || t.access_token.p != NULL ||
			   strstr(e.text, "c0de-5ent") != NULL || strstr(e.text, "5ecret-kept") != NULL)
			abort();
		if (tokenreq_parse_renewal(&c, &a, m, &t, &e) == 0) {
			if (t.access_token.n == 0 || t.expires_in < 0 || a.status != 200)
				abort();
			expect_printable(t.id_token);
			expect_printable(t.access_token);
			expect_printable(t.refresh_token);
		} else if (e.reason == REASON_NONE || t.access_token.p != NULL ||
			   strstr(e.text, "c0de-5ent") != NULL || strstr(e.text, "5ecret-kept") != NULL)
			abort();
		secret_free(&c.client_secret);
	}
	mem_free(&m);
	return 0;
}

static void
expect_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
			abort();
}
