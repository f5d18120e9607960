/*
 * tests/fuzz/fuzz_introspection.c - what a provider says of an opaque token
 *
 * The first byte chooses the kind, the status and whether tenants are listed,
 * the rest is the answer's body.  Whoever comes out of it is in force, for us,
 * and either a program or a person.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oidc/accesstoken.h"
#include "oidc/introspection.h"
#include "oidc/kinds.h"

#define NOW INT64_C(1767225600)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
static void expect(bool);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *audience[] = { "api" }, *tenants[] = { "aaaa1111-bbbb-4ccc-8ddd-eeee22223333" };
	struct conf_provider p = { .name = "main", .client_id = "rp", .audience = { 1, audience } };
	struct introspection_answer a = { .type = STR("application/json") };
	struct accesstoken_check c = { .provider = &p, .issuer = "https://op.example.com", .now = NOW };
	struct err e = { .reason = REASON_NONE };
	const struct principal *who;
	size_t n_kinds = 0;
	int judged;

	if (size == 0)
		return 0;
	while (kinds[n_kinds].name != NULL)
		n_kinds++;
	p.kind = kinds[(data[0] & 15) % n_kinds].name;
	p.tenants = (struct conf_strings){ data[0] & 16 ? 1 : 0, tenants };
	a.status = data[0] & 32 ? 401 : 200;
	a.body = (struct str){ (const char *)data + 1, size - 1 };
	c.mem = mem_new(1 << 20);
	judged = introspection_judge(&a, &e);
	expect(judged == 0 || (e.reason != REASON_NONE && e.text[0] != '\0'));
	expect(a.status == 200 || judged == -1);
	if (accesstoken_introspected(&c, a.body, &who, &e) == 0) {
		expect(principal_claim(who, "aud") != NULL && principal_claim(who, "cnf") == NULL);
		expect(who->times.expires > NOW && who->times.begins <= NOW);
		expect((who->kind == PRINCIPAL_USER) == (who->username.n > 0));
		expect(who->kind == PRINCIPAL_USER || who->app_id.n > 0);
		expect(str_is(who->issuer, str_of(c.issuer)));
		expect(p.tenants.n == 0 || principal_claim(who, "tid") != NULL);
	} else
		expect(who == NULL && e.reason != REASON_NONE && e.text[0] != '\0');
	mem_free(&c.mem);
	return 0;
}

static void
expect(bool holds)
{
	if (!holds)
		abort();
}
