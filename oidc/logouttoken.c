/* oidc/logouttoken.c - see oidc/logouttoken.h */
#include <string.h>

#include "conf/secret.h"
#include "oidc/claims.h"
#include "oidc/idtoken.h"
#include "oidc/jose.h"
#include "oidc/kinds.h"
#include "oidc/logouttoken.h"
#include "oidc/tenant.h"

#define EVENT "http://schemas.openid.net/event/backchannel-logout"

static int judge(
    const struct logouttoken_check *, const struct jose_token *, struct logouttoken *, struct err *);
static int judge_type(const struct jose_token *, struct err *);
static int judge_issuer(const struct logouttoken_check *, const struct jose_token *, struct err *);
static int judge_audience(const struct logouttoken_check *, const json_t *, struct err *);
static int judge_times(const struct logouttoken_check *, const json_t *, struct logouttoken *, struct err *);
static int judge_who(const json_t *, struct logouttoken *, struct err *);
static int judge_event(const json_t *, struct err *);
static int read_id(const json_t *, const char *name, size_t most, struct str *out, struct err *);
static void drop_json(void *);

enum logouttoken_result
logouttoken_verify(
    const struct logouttoken_check *c, struct str token, struct logouttoken *out, struct err *e)
{
	const struct jose_check j = { .algs = &c->provider->id_token_signed_response_alg,
		.keys = c->keys,
		.jku = c->jwks_uri,
		.now = c->now,
		.mem = c->mem };
	struct jose_token t;
	enum jose_result r;

	*out = (struct logouttoken){ .subject = STR(""), .sid = STR(""), .jti = STR("") };
	/* 2.6-1, -2, -3: not encrypted, signed by the provider, with an algorithm for its ID tokens. */
	r = jose_verify(&j, token, &t, e);
	if (r == JOSE_OK && judge(c, &t, out, e) == 0)
		return LOGOUTTOKEN_OK;
	(void)err_in(e, "logout_token");
	return r == JOSE_NEED_KEYS ? LOGOUTTOKEN_NEED_KEYS : LOGOUTTOKEN_BAD;
}

/* Back-Channel Logout 1.0, 2.6. */
static int
judge(const struct logouttoken_check *c, const struct jose_token *t, struct logouttoken *out, struct err *e)
{
	if (judge_type(t, e) == -1 || judge_issuer(c, t, e) == -1) /* 2.4, -4 */
		return -1;
	if (judge_audience(c, t->claims, e) == -1 || judge_times(c, t->claims, out, e) == -1) /* -4 */
		return -1;
	if (judge_who(t->claims, out, e) == -1 || judge_event(t->claims, e) == -1) /* -5, -6 */
		return -1;
	if (json_object_get(t->claims, "nonce") != NULL) /* -7 */
		return err_set(e, REASON_LOGOUT_TOKEN, "it has a nonce, as ID tokens have");
	if (read_id(t->claims, "jti", LOGOUTTOKEN_ID_MAX, &out->jti, e) == -1) /* 2.4 */
		return -1;
	return out->jti.n > 0 ? 0 : err_set(e, REASON_LOGOUT_TOKEN, "it has no jti");
}

/* RFC 7515 4.1.9; many providers say nothing, or JWT.  Keycloak says it in the payload. */
static int
judge_type(const struct jose_token *t, struct err *e)
{
	const json_t *inner = json_object_get(t->claims, "typ");
	struct str typ = claims_text(t->typ), said = claims_text(inner);

	if (t->typ != NULL && !str_is_nocase(typ, STR("logout+jwt")) &&
	    !str_is_nocase(typ, STR("application/logout+jwt")) && !str_is_nocase(typ, STR("JWT")))
		return err_set(e, REASON_LOGOUT_TOKEN,
		    "the header's typ is %.60s; accepted: logout+jwt, JWT, none",
		    typ.p == NULL ? "not a text" : typ.p);
	if (inner != NULL && !str_is_nocase(said, STR("Logout")))
		return err_set(e, REASON_LOGOUT_TOKEN, "the claim typ is %.60s; accepted: Logout",
		    said.p == NULL ? "not a text" : said.p);
	return 0;
}

static int
judge_issuer(const struct logouttoken_check *c, const struct jose_token *t, struct err *e)
{
	const struct kind *kind = kind_find(c->provider->kind);
	struct str iss = claims_text(json_object_get(t->claims, "iss"));
	const char *want;

	if (tenant_judge(&c->provider->tenants, c->issuer, t->claims, e) == -1)
		return -1;
	want = tenant_issuer(c->issuer, t->claims, c->mem);
	if (iss.p == NULL || want == NULL || !str_is(iss, str_of(want)))
		return err_set(e, REASON_TOKEN_ISSUER, "iss is %.100s, but the provider's issuer is %.100s",
		    iss.p == NULL ? "missing" : iss.p, c->issuer);
	return tenant_judge_key(
	    kind == NULL ? kinds[0].access : kind->access, t->key_issuer, t->claims, c->mem, e);
}

static int
judge_audience(const struct logouttoken_check *c, const json_t *claims, struct err *e)
{
	const json_t *aud = json_object_get(claims, "aud"), *one = aud;
	size_t n = json_is_array(aud) ? json_array_size(aud) : 1, i;
	bool ours = false;

	for (i = 0; i < n; i++) {
		if (json_is_array(aud))
			one = json_array_get(aud, i);
		if (!json_is_string(one))
			return err_set(
			    e, REASON_TOKEN_AUDIENCE, "aud is missing, or not a text or list of texts");
		ours = ours || str_is(claims_text(one), str_of(c->provider->client_id));
	}
	return ours ? 0
		    : err_set(e, REASON_TOKEN_AUDIENCE, "aud is without our client_id %.100s",
			  c->provider->client_id);
}

static int
judge_times(const struct logouttoken_check *c, const json_t *claims, struct logouttoken *out, struct err *e)
{
	int64_t tolerance = c->provider->clock_tolerance / 1000, iat, exp;

	if (!claims_time(json_object_get(claims, "iat"), &iat))
		return err_set(e, REASON_TOKEN_CLAIM, "iat is missing or not a number of seconds");
	if (!claims_time(json_object_get(claims, "exp"), &exp))
		return err_set(e, REASON_TOKEN_CLAIM, "exp is missing or not a number of seconds");
	if (iat > c->now + tolerance)
		return err_set(e, REASON_TOKEN_EARLY,
		    "iat lies %lld s ahead (iat=%lld, now=%lld, clock_tolerance=%lld): compare the clocks",
		    (long long)(iat - c->now), (long long)iat, (long long)c->now, (long long)tolerance);
	out->expires = exp + tolerance;
	if (c->now >= out->expires)
		return err_set(e, REASON_TOKEN_EXPIRED,
		    "expired %lld s ago (exp=%lld, now=%lld, clock_tolerance=%lld): compare the clocks",
		    (long long)(c->now - exp), (long long)exp, (long long)c->now, (long long)tolerance);
	return 0;
}

/* 2.7: a sid means that one session, whoever's it is. */
static int
judge_who(const json_t *claims, struct logouttoken *out, struct err *e)
{
	if (read_id(claims, "sub", IDTOKEN_SUBJECT_MAX, &out->subject, e) == -1 ||
	    read_id(claims, "sid", LOGOUTTOKEN_ID_MAX, &out->sid, e) == -1)
		return -1;
	if (out->subject.n == 0 && out->sid.n == 0)
		return err_set(e, REASON_LOGOUT_TOKEN, "it has neither sub nor sid");
	if (out->sid.n > 0)
		out->subject = STR("");
	return 0;
}

static int
judge_event(const json_t *claims, struct err *e)
{
	const json_t *events = json_object_get(claims, "events");

	if (!json_is_object(json_object_get(events, EVENT)))
		return err_set(e, REASON_LOGOUT_TOKEN, "events is without an object " EVENT);
	return 0;
}

/* Absent: "".  Present it must be a text that can be somebody's. */
static int
read_id(const json_t *claims, const char *name, size_t most, struct str *out, struct err *e)
{
	const json_t *v = json_object_get(claims, name);

	if (v == NULL)
		return 0;
	*out = claims_text(v);
	if (out->p == NULL || out->n == 0 || out->n > most || claims_has_control(*out))
		return err_set(e, REASON_TOKEN_CLAIM,
		    "%s is no text, empty, longer than %zu bytes, or has control characters", name, most);
	return 0;
}

const json_t *
logouttoken_peek(struct str token, struct mem *m, struct err *e)
{
	struct str rest = token, header, payload;
	unsigned char *bytes;
	json_t *o = NULL;
	long n;

	if (token.n <= JOSE_TOKEN_MAX && str_next(&rest, '.', &header) && str_next(&rest, '.', &payload)) {
		bytes = mem_alloc(m, 3 * (payload.n / 4) + 2);
		n = secret_unb64(bytes, payload);
		if (n > 0)
			o = jose_json((struct str){ (const char *)bytes, (size_t)n }, JOSE_TOKEN_MAX,
			    REASON_TOKEN_MALFORMED, e);
	}
	if (o == NULL) {
		(void)err_set(e, REASON_TOKEN_MALFORMED, "logout_token: not a signed JSON object");
		return NULL;
	}
	mem_on_free(m, drop_json, o);
	return o;
}

static void
drop_json(void *o)
{
	json_decref(o);
}
