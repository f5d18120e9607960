/* proxy/explain_steps.c - checks that ID tokens and access tokens have in common; see proxy/explain.h */
#include "oidc/claims.h"
#include "oidc/jose.h"
#include "oidc/jwks.h"
#include "proxy/explain.h"
#include "proxy/overage.h"
#include "proxy/when.h"

static void say_passed(struct explained *, size_t, const char *);
static const char *mend(enum reason);

/* In the order of jose_verify(): what fails keeps the rest from being judged. */
static const struct {
	const char *name;
	enum reason reason;
} steps[] = {
	{ "form", REASON_TOKEN_MALFORMED },
	{ "header", REASON_TOKEN_HEADER },
	{ "algorithm", REASON_TOKEN_ALG },
	{ "key", REASON_TOKEN_KEY },
	{ "signature", REASON_TOKEN_SIGNATURE },
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

void
explain_signature(struct explained *x, const char *setting, const struct conf_strings *algs)
{
	const struct jose_check c = { .algs = algs,
		.keys = x->view->keys,
		.jku = x->view->meta.jwks_uri,
		.now = x->now,
		.mem = x->mem };
	struct jose_token t;
	struct err e = { .reason = REASON_NONE };
	const enum jose_result r = jose_verify(&c, x->token, &t, &e);
	size_t bad = N_STEPS;

	for (size_t i = 0; r != JOSE_OK && i < N_STEPS; i++)
		if (bad == N_STEPS && (steps[i].reason == e.reason || i == N_STEPS - 1))
			bad = i;
	for (size_t i = 0; i < N_STEPS; i++) {
		if (i < bad)
			say_passed(x, i, mem_printf(x->mem, "%s: %s", setting, explain_list(algs, x->mem)));
		else if (i == bad)
			finding_fail(&x->f, steps[i].name, "%s%s%s", e.text, mend(e.reason),
			    e.reason == REASON_TOKEN_ALG ? setting : "");
		else
			finding_note(
			    &x->f, steps[i].name, "not judged, because the %s is refused", steps[bad].name);
	}
	if (bad < N_STEPS)
		finding_note(&x->f, "claims", "what follows is what the token says, and nothing proves it");
}

static void
say_passed(struct explained *x, size_t step, const char *algs)
{
	const char *alg = json_string_value(json_object_get(x->header, "alg"));
	const char *kid = json_string_value(json_object_get(x->header, "kid"));

	switch ((int)steps[step].reason) {
	case REASON_TOKEN_MALFORMED:
		finding_ok(&x->f, steps[step].name, "a compact JWS of %zu bytes", x->token.n);
		return;
	case REASON_TOKEN_ALG:
		finding_ok(&x->f, steps[step].name, "%.20s; %s", alg == NULL ? "" : alg, algs);
		return;
	case REASON_TOKEN_KEY:
		finding_ok(&x->f, steps[step].name, "%s%.100s; the provider has %zu key%s",
		    kid == NULL ? "not named" : "kid ", kid == NULL ? "" : kid, jwks_count(x->view->keys),
		    jwks_count(x->view->keys) == 1 ? "" : "s");
		return;
	case REASON_TOKEN_SIGNATURE:
		finding_ok(
		    &x->f, steps[step].name, "made with a key of the provider's, %s", x->view->meta.jwks_uri);
		return;
	default:
		finding_ok(&x->f, steps[step].name, "nothing in it that is refused");
	}
}

static const char *
mend(enum reason r)
{
	switch ((int)r) {
	case REASON_TOKEN_ALG:
		return "; if the provider is meant to sign with this RS, PS or ES algorithm, add it to ";
	case REASON_TOKEN_KEY:
		return "; is the token of this provider (--provider), and not older than its last change of "
		       "keys?";
	case REASON_TOKEN_SIGNATURE:
		return "; the token was changed, or cut when it was copied, or is not for this client (some "
		       "providers sign access tokens for their own use so that nobody else can verify them)";
	default:
		return "";
	}
}

void
explain_expiry(struct explained *x)
{
	const int64_t tolerance = x->provider->clock_tolerance / 1000;
	char words[WHEN_SIZE];
	int64_t exp;

	if (!claims_time(json_object_get(x->claims, "exp"), &exp))
		finding_fail(&x->f, "exp", "missing, or not a number of seconds");
	else if (x->now - tolerance >= exp)
		finding_fail(&x->f, "exp",
		    "expired %s, clock_tolerance %lld s; take a fresh token, or compare the clocks",
		    when_words(exp, x->now, words), (long long)tolerance);
	else
		finding_ok(&x->f, "exp", "%s %s, clock_tolerance %lld s",
		    exp <= x->now ? "expired" : "expires", when_words(exp, x->now, words),
		    (long long)tolerance);
}

void
explain_begin(struct explained *x, const char *name)
{
	const int64_t tolerance = x->provider->clock_tolerance / 1000;
	char words[WHEN_SIZE];
	int64_t at;

	if (!claims_time(json_object_get(x->claims, name), &at))
		finding_fail(&x->f, name, "missing, or not a number of seconds");
	else if (at > x->now + tolerance)
		finding_fail(&x->f, name,
		    "begins %s, clock_tolerance %lld s; the clocks differ: set this machine's by NTP",
		    when_words(at, x->now, words), (long long)tolerance);
	else
		finding_ok(&x->f, name, "%s, clock_tolerance %lld s", when_words(at, x->now, words),
		    (long long)tolerance);
}

void
explain_overage(struct explained *x)
{
	json_t *names = json_object_get(x->claims, OVERAGE_NAMES), *ignored;
	const char *name;

	if (json_object_get(names, "groups") == NULL && overage_in(x->claims, "groups"))
		finding_warn(&x->f, "groups",
		    "left out, because there are too many (" OVERAGE_GROUPS "); " OVERAGE_MEND);
	json_object_foreach(names, name, ignored)
	{
		if (overage_in(x->claims, name))
			finding_warn(&x->f, name,
			    "left out, because it is too large (" OVERAGE_NAMES "); " OVERAGE_MEND);
	}
}

const char *
explain_list(const struct conf_strings *s, struct mem *m)
{
	const char *text = "";

	for (size_t i = 0; i < s->n; i++)
		text = mem_printf(m, "%s%s%s", text, i == 0 ? "" : ", ", s->v[i]);
	return text;
}

const char *
explain_texts(const struct str *v, size_t n, struct mem *m)
{
	const char *text = "";

	for (size_t i = 0; i < n && i < 50; i++)
		text = mem_printf(m, "%s%s%.*s", text, i == 0 ? "" : ", ", STR_ARG(v[i]));
	return n == 0 ? "none" : text;
}
