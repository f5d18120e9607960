/* oidc/accesstoken.c - see oidc/accesstoken.h */
#include <stdio.h>
#include <string.h>

#include "oidc/accesstoken.h"
#include "oidc/claims.h"
#include "oidc/identity_made.h"
#include "oidc/introspection.h"
#include "oidc/jose.h"
#include "oidc/kinds.h"
#include "oidc/tenant.h"

#define SUBJECT_MAX 255 /* bytes */

/* A token on its way. */
struct reading {
	const struct accesstoken_check *check;
	const struct kind_access *kind;
	struct jose_token token;
	bool introspected; /* not signed: the provider said it */
	bool profile;      /* RFC 9068: its header says at+jwt */
	bool typed;        /* says itself that it is an access token */
	bool for_api;      /* aud has one of ours that is not our client_id, which ID tokens are for */
	struct principal *out;
};

static int judge_type(struct reading *, struct err *);
static int judge_claims_type(struct reading *, struct err *);
static int judge_introspected(struct reading *, struct err *);
static int judge_payload_type(struct reading *, struct err *);
static int judge_issuer(const struct reading *, struct err *);
static int judge_own_word(const struct reading *, struct err *);
static bool is_issuer_listed(const struct reading *, struct str iss);
static bool is_listed(const struct conf_strings *, struct str);
static int judge_audience(struct reading *, struct err *);
static int judge_times(struct reading *, struct err *);
static int judge_subject(const struct reading *, struct err *);
static int judge_profile(const struct reading *, struct err *);
static int read_principal(struct reading *, struct err *);
static int read_app_id(struct reading *, struct err *);
static struct str *read_list(const struct reading *, const json_t *, bool split, size_t *n);
static const json_t *find_first(const struct reading *, const struct conf_strings *names, bool *split);
static bool is_app_only(const struct reading *);
static bool rule_holds(const struct conf_claim_rule *, const json_t *claims);
static bool sign_holds(const struct kind_sign *, const json_t *claims, struct str app_id);
static struct conf_strings names(const struct reading *, const struct conf_strings *by_hand,
    const char *const *by_kind, const char *introspected);
static void drop_json(void *);

enum accesstoken_result
accesstoken_verify(
    const struct accesstoken_check *c, struct str token, const struct principal **out, struct err *e)
{
	const struct jose_check j = { .algs = &c->provider->access_token_signed_alg,
		.keys = c->keys,
		.jku = c->jwks_uri,
		.now = c->now,
		.mem = c->mem };
	const struct kind *kind = kind_find(c->provider->kind);
	struct reading r = { .check = c, .kind = kind == NULL ? kinds[0].access : kind->access };
	enum jose_result got;

	*out = NULL;
	got = jose_verify(&j, token, &r.token, e);
	if (got != JOSE_OK) {
		err_in(e, e->reason == REASON_TOKEN_ALG ? "access token (see access_token_signed_alg)"
							: "access token");
		return got == JOSE_NEED_KEYS ? ACCESSTOKEN_NEED_KEYS : ACCESSTOKEN_BAD;
	}
	r.out = mem_zalloc(c->mem, sizeof(*r.out));
	r.out->claims = r.token.claims;
	if (judge_type(&r, e) < 0 || judge_issuer(&r, e) < 0 || judge_audience(&r, e) < 0 ||
	    judge_times(&r, e) < 0 || judge_subject(&r, e) < 0 || judge_profile(&r, e) < 0 ||
	    read_principal(&r, e) < 0) {
		err_in(e, "access token");
		return ACCESSTOKEN_BAD;
	}
	*out = r.out;
	return ACCESSTOKEN_OK;
}

bool
accesstoken_names(const struct accesstoken_check *c, json_t *claims)
{
	const struct kind *kind = kind_find(c->provider->kind);
	struct principal nobody = { .kind = PRINCIPAL_USER };
	const struct reading r = { .check = c,
		.kind = kind == NULL ? kinds[0].access : kind->access,
		.token = { .claims = claims },
		.out = &nobody };
	struct err ignored;

	return claims_text(json_object_get(claims, "iss")).n > 0 && judge_issuer(&r, &ignored) == 0;
}

int
accesstoken_introspected(
    const struct accesstoken_check *c, struct str answer, const struct principal **out, struct err *e)
{
	const struct kind *kind = kind_find(c->provider->kind);
	struct reading r = {
		.check = c, .kind = kind == NULL ? kinds[0].access : kind->access, .introspected = true
	};

	*out = NULL;
	r.token.claims = jose_json(answer, INTROSPECTION_ANSWER_MAX, REASON_PROVIDER_ANSWER, e);
	if (r.token.claims == NULL)
		return err_in(e, "introspection");
	mem_on_free(c->mem, drop_json, r.token.claims);
	r.out = mem_zalloc(c->mem, sizeof(*r.out));
	r.out->claims = r.token.claims;
	if (judge_issuer(&r, e) < 0 || judge_audience(&r, e) < 0 || judge_introspected(&r, e) < 0 ||
	    judge_times(&r, e) < 0 || judge_subject(&r, e) < 0 || read_principal(&r, e) < 0)
		return err_in(e, "introspection");
	*out = r.out;
	return 0;
}

/*
 * Endpoints answer for refresh tokens, too, whatever the hint says.  What says
 * nothing of its type must be for an API: those are for their client.
 */
static int
judge_introspected(struct reading *r, struct err *e)
{
	const json_t *type = json_object_get(r->token.claims, "token_type"),
		     *use = json_object_get(r->token.claims, "token_use");
	struct str text = claims_text(type);

	r->typed = str_is_nocase(text, STR("Bearer")) || str_is_nocase(text, STR("access_token"));
	if (type != NULL && !json_is_null(type) && !r->typed)
		return err_set(e, REASON_TOKEN_TYPE, "token_type is %.60s; accepted: Bearer",
		    text.p == NULL ? "not a text" : text.p);
	if (use != NULL && !str_is(claims_text(use), STR("access_token")))
		return err_set(e, REASON_TOKEN_TYPE, "token_use is not access_token");
	if (judge_claims_type(r, e) < 0)
		return -1;
	if (!r->typed && !r->for_api)
		return err_set(e, REASON_TOKEN_TYPE,
		    "nothing says that it is an access token: neither token_type nor an audience other than "
		    "our client_id");
	return 0;
}

/*
 * RFC 8725 3.11, 3.12, RFC 9068 4.  Most providers call everything "JWT" or
 * nothing at all; what they say beyond that is believed when it tells against
 * the token.
 */
static int
judge_type(struct reading *r, struct err *e)
{
	struct str typ = claims_text(r->token.typ);

	r->profile = str_is_nocase(typ, STR("at+jwt")) || str_is_nocase(typ, STR("application/at+jwt"));
	if (r->token.typ != NULL && !r->profile && !str_is_nocase(typ, STR("JWT")))
		return err_set(e, REASON_TOKEN_TYPE, "the header's typ is %.60s; accepted: at+jwt, JWT, none",
		    typ.p == NULL ? "not a text" : typ.p);
	r->typed = r->profile;
	return judge_claims_type(r, e);
}

/* What the claims themselves tell of the kind of token. */
static int
judge_claims_type(struct reading *r, struct err *e)
{
	static const char *const not_ours[] = { "nonce", "at_hash", "c_hash", "s_hash" };
	const json_t *claims = r->token.claims;

	if (judge_payload_type(r, e) < 0)
		return -1;
	for (size_t i = 0; !r->typed && i < sizeof(not_ours) / sizeof(not_ours[0]); i++)
		if (json_object_get(claims, not_ours[i]) != NULL)
			return err_set(e, REASON_TOKEN_TYPE,
			    "it has %s, as ID tokens have; a client must send its access token", not_ours[i]);
	if (json_object_get(claims, "events") != NULL) /* RFC 8417 2.2, Back-Channel Logout 2.4 */
		return err_set(e, REASON_TOKEN_TYPE, "it has events, as logout tokens have");
	if (json_object_get(claims, "cnf") != NULL) /* RFC 8705 3, RFC 9449 6 */
		return err_set(e, REASON_TOKEN_TYPE,
		    "it is bound to a key (cnf), which nobody can prove to have who sends it as a bearer");
	return 0;
}

/* Keycloak says in the payload what it is: Bearer, ID, Refresh, Offline, Logout. */
static int
judge_payload_type(struct reading *r, struct err *e)
{
	const json_t *value = json_object_get(r->token.claims, "typ");
	struct str typ = claims_text(value);

	if (value == NULL)
		return 0;
	if (!str_is_nocase(typ, STR("Bearer")))
		return err_set(e, REASON_TOKEN_TYPE, "the claim typ is %.60s; accepted: Bearer",
		    typ.p == NULL ? "not a text" : typ.p);
	r->typed = true;
	return 0;
}

/*
 * Byte for byte: by hand, else the document's own for access tokens, else its
 * issuer; of its own tenant where these stand for many.  One provider's keys
 * are not all for all of its issuers.
 */
static int
judge_issuer(const struct reading *r, struct err *e)
{
	const struct accesstoken_check *c = r->check;
	const struct conf_strings *by_hand = &c->provider->access_token_issuer;
	const json_t *claims = r->token.claims;
	const char *issuer, *want;
	struct str iss = claims_text(json_object_get(claims, "iss"));

	want = by_hand->n > 0                   ? by_hand->v[0]
	       : c->access_token_issuer != NULL ? c->access_token_issuer
						: c->issuer;
	r->out->issuer = iss;
	if (r->introspected && json_object_get(claims, "iss") == NULL)
		return judge_own_word(r, e);
	if (iss.p == NULL || iss.n == 0)
		return err_set(
		    e, REASON_TOKEN_ISSUER, "iss is missing, empty or not a text; expected: %.160s", want);
	if (tenant_judge(&c->provider->tenants, want, claims, e) < 0)
		return -1;
	issuer = tenant_issuer(c->issuer, claims, c->mem);
	want = tenant_issuer(want, claims, c->mem);
	if (by_hand->n > 0 ? is_issuer_listed(r, iss)
			   : str_is(iss, str_of(want)) ||
				 (r->kind->both_issuers && tenant_is_twin(r->kind, str_of(issuer), iss)))
		return tenant_judge_key(r->kind, r->token.key_issuer, claims, c->mem, e);
	return err_set(e, REASON_TOKEN_ISSUER, "iss is %.100s, but its issuer is %.100s%s", iss.p, want,
	    by_hand->n > 1 ? " or another of access_token_issuer" : " (access_token_issuer)");
}

/* RFC 7662 2.2 leaves iss out; it was the provider that we asked. */
static int
judge_own_word(const struct reading *r, struct err *e)
{
	const struct accesstoken_check *c = r->check;

	if (tenant_judge(&c->provider->tenants, c->issuer, r->token.claims, e) < 0)
		return -1;
	r->out->issuer = str_of(tenant_issuer(c->issuer, r->token.claims, c->mem));
	return 0;
}

static bool
is_issuer_listed(const struct reading *r, struct str iss)
{
	const struct accesstoken_check *c = r->check;
	const struct conf_strings *list = &c->provider->access_token_issuer;

	for (size_t i = 0; i < list->n; i++) {
		const char *one = tenant_issuer(list->v[i], r->token.claims, c->mem);

		if (tenant_is_any(list->v[i]) && c->provider->tenants.n == 0)
			continue;
		if (one != NULL && str_is(iss, str_of(one)))
			return true;
	}
	return false;
}

static bool
is_listed(const struct conf_strings *list, struct str text)
{
	for (size_t i = 0; i < list->n; i++)
		if (str_is(text, str_of(list->v[i])))
			return true;
	return false;
}

/* RFC 9068 4, RFC 8725 3.9: for us.  A token for another API is a confused deputy's. */
static int
judge_audience(struct reading *r, struct err *e)
{
	const struct conf_provider *p = r->check->provider;
	const json_t *aud = json_object_get(r->token.claims, "aud"), *one = aud;
	size_t n = json_is_array(aud) ? json_array_size(aud) : 1;
	const char *last = "empty";
	bool ours = false;

	for (size_t i = 0; i < n; i++) {
		struct str text;

		if (json_is_array(aud))
			one = json_array_get(aud, i);
		text = claims_text(one);
		if (text.p == NULL)
			return err_set(
			    e, REASON_TOKEN_AUDIENCE, "aud is missing, or not a text or list of texts");
		last = text.p;
		if (!is_listed(&p->audience, text))
			continue;
		ours = true;
		r->for_api = r->for_api || !str_is(text, str_of(p->client_id));
	}
	if (!ours)
		return err_set(e, REASON_TOKEN_AUDIENCE, "aud is %.100s%s, but audience is %.100s%s", last,
		    n > 1 ? " and others" : "", p->audience.n > 0 ? p->audience.v[0] : "not set",
		    p->audience.n > 1 ? " and others" : "");
	return 0;
}

static int
judge_times(struct reading *r, struct err *e)
{
	static const char *const begins[] = { "iat", "nbf" };
	const json_t *claims = r->token.claims;
	struct accesstoken_times *t = &r->out->times;

	if (!claims_time(json_object_get(claims, "exp"), &t->expires))
		return err_set(e, REASON_TOKEN_CLAIM, "exp is missing or not a number of seconds");
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		const json_t *value = json_object_get(claims, begins[i]);
		int64_t at;

		if (value == NULL)
			continue;
		if (!claims_time(value, &at))
			return err_set(e, REASON_TOKEN_CLAIM, "%s is not a number of seconds", begins[i]);
		if (at > t->begins)
			t->begins = at;
	}
	return accesstoken_in_time(t, r->check->provider->clock_tolerance / 1000, r->check->now, e);
}

int
accesstoken_in_time(const struct accesstoken_times *t, int64_t tolerance, int64_t now, struct err *e)
{
	if (now - tolerance >= t->expires)
		return err_set(e, REASON_TOKEN_EXPIRED,
		    "expired %lld s ago (exp=%lld, now=%lld, clock_tolerance=%lld)",
		    (long long)(now - t->expires), (long long)t->expires, (long long)now,
		    (long long)tolerance);
	if (t->begins > now + tolerance)
		return err_set(e, REASON_TOKEN_EARLY,
		    "good from %lld s ahead (nbf or iat=%lld, now=%lld, clock_tolerance=%lld): compare the "
		    "clocks",
		    (long long)(t->begins - now), (long long)t->begins, (long long)now, (long long)tolerance);
	return 0;
}

/* AD FS has none.  One that is there has to be a name. */
static int
judge_subject(const struct reading *r, struct err *e)
{
	const json_t *value = json_object_get(r->token.claims, "sub");
	struct str sub = claims_text(value);

	r->out->subject = STR("");
	if (value == NULL)
		return 0;
	if (sub.p == NULL || sub.n == 0 || sub.n > SUBJECT_MAX || claims_has_control(sub))
		return err_set(e, REASON_TOKEN_CLAIM,
		    "sub is empty, not a text, longer than %d bytes, or has control characters", SUBJECT_MAX);
	r->out->subject = sub;
	return 0;
}

/* RFC 9068 2.2: what calls itself so must have all of it.  exp and aud are demanded of every token. */
static int
judge_profile(const struct reading *r, struct err *e)
{
	static const char *const required[] = { "iss", "sub", "client_id", "iat", "jti" };

	for (size_t i = 0; r->profile && i < sizeof(required) / sizeof(required[0]); i++)
		if (claims_find(r->token.claims, str_of(required[i])) == NULL)
			return err_set(e, REASON_TOKEN_CLAIM,
			    "%s is missing, which a token of type at+jwt must have (RFC 9068 2.2)",
			    required[i]);
	return 0;
}

/* --- who it speaks for --- */

static int
read_principal(struct reading *r, struct err *e)
{
	const struct conf_provider *c = r->check->provider;
	const struct kind_access *k = r->kind;
	struct conf_strings scope = names(r, &c->scope_claim, k->scope_claim, "scope");
	struct conf_strings roles = names(r, &c->roles_claim, k->roles_claim, NULL);
	struct conf_strings user = names(r, &c->access_token_username_claim, k->username_claim, "username");
	struct principal *p = r->out;
	bool split = true;
	const json_t *value = find_first(r, &scope, NULL);
	bool has_scope = value != NULL;

	p->scopes = read_list(r, value, true, &p->n_scopes);
	value = find_first(r, &roles, &split);
	p->roles = read_list(r, value, split, &p->n_roles);
	if (read_app_id(r, e) < 0)
		return -1;
	p->username = STR("");
	if (is_app_only(r)) {
		p->kind = PRINCIPAL_APP;
		if (p->app_id.n == 0)
			return err_set(
			    e, REASON_TOKEN_CLAIM, "it is a program's, and app_id_claim is missing");
		return 0;
	}
	p->kind = PRINCIPAL_USER;
	/* After a refresh an ID token has no nonce; then only scopes tell the two apart. */
	if (!r->for_api && !r->typed && !has_scope)
		return err_set(e, REASON_TOKEN_TYPE,
		    "it is for our client_id and has no scope claim, so it may be an ID token; give the API "
		    "an audience of its own");
	if (claims_username(p->claims, &user, &p->username, e) == 0)
		return 0;
	e->reason = REASON_TOKEN_USERNAME;
	return err_in(e, "access_token_username_claim");
}

static int
read_app_id(struct reading *r, struct err *e)
{
	struct conf_strings list =
	    names(r, &r->check->provider->app_id_claim, r->kind->app_id_claim, "client_id");
	const json_t *value = find_first(r, &list, NULL);
	struct str id = claims_text(value);

	r->out->app_id = STR("");
	if (value == NULL)
		return 0;
	if (id.p == NULL || id.n == 0 || claims_has_control(id))
		return err_set(e, REASON_TOKEN_CLAIM,
		    "the application's id is empty, not a text, or has control characters (app_id_claim)");
	r->out->app_id = id;
	return 0;
}

/*
 * The first that is present.  *split: whether a text under this name is a list
 * with spaces between, as scopes are; a role may have spaces in it.
 */
static const json_t *
find_first(const struct reading *r, const struct conf_strings *list, bool *split)
{
	for (size_t i = 0; i < list->n; i++) {
		const json_t *value = claims_find(r->token.claims, str_of(list->v[i]));

		if (value != NULL && split != NULL) {
			struct conf_strings scope =
			    names(r, &r->check->provider->scope_claim, r->kind->scope_claim, "scope");

			*split = is_listed(&scope, str_of(list->v[i]));
		}
		if (value != NULL)
			return value;
	}
	return NULL;
}

/* A list of texts, or one text; what is neither is nothing that a rule could name. */
static struct str *
read_list(const struct reading *r, const json_t *value, bool split, size_t *n)
{
	struct str rest = claims_text(value), one;
	struct str *out = mem_alloc(r->check->mem, (json_array_size(value) + rest.n / 2 + 1) * sizeof(*out));

	*n = 0;
	for (size_t i = 0; i < json_array_size(value); i++) {
		one = claims_text(json_array_get(value, i));
		if (one.n > 0)
			out[(*n)++] = one;
	}
	if (!split && rest.n > 0)
		out[(*n)++] = rest;
	while (split && str_next(&rest, ' ', &one))
		if (one.n > 0)
			out[(*n)++] = one;
	return out;
}

/* Only what proves it: a token that merely lacks a user's name is not a program's. */
static bool
is_app_only(const struct reading *r)
{
	const struct conf_provider *c = r->check->provider;

	for (size_t i = 0; i < c->n_app_only; i++)
		if (rule_holds(&c->app_only[i], r->token.claims))
			return true;
	if (c->n_app_only > 0)
		return false;
	for (const struct kind_sign *s = r->kind->app_only; s->claim != NULL; s++)
		if (sign_holds(s, r->token.claims, r->out->app_id))
			return true;
	return false;
}

static bool
rule_holds(const struct conf_claim_rule *rule, const json_t *claims)
{
	const json_t *value = claims_find(claims, str_of(rule->claim));
	struct str want = str_of(rule->value);
	char number[24];

	if (json_is_boolean(value))
		return str_is(want, json_is_true(value) ? STR("true") : STR("false"));
	if (json_is_integer(value)) {
		(void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
		return str_is(want, str_of(number));
	}
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_is_string(json_array_get(value, i)) &&
		    str_is(claims_text(json_array_get(value, i)), want))
			return true;
	return json_is_string(value) && str_is(claims_text(value), want);
}

static bool
sign_holds(const struct kind_sign *s, const json_t *claims, struct str app_id)
{
	struct str text = claims_text(claims_find(claims, str_of(s->claim))), prefix = str_of(s->prefix);

	if (text.p == NULL || text.n == 0)
		return false;
	if (s->with != NULL && claims_find(claims, str_of(s->with)) == NULL)
		return false;
	for (const char *const *without = s->without; *without != NULL; without++)
		if (json_object_get(claims, *without) != NULL)
			return false;
	if (s->value != NULL)
		return str_is(text, str_of(s->value));
	if (s->same_as != NULL)
		return str_is(text, claims_text(claims_find(claims, str_of(s->same_as))));
	if (!str_begins(text, prefix))
		return false;
	text = str_from(text, prefix.n);
	return app_id.n > 0 && str_begins(text, app_id) &&
	       str_is(str_from(text, app_id.n), str_of(s->suffix));
}

/* Set by hand, else by the provider's kind, and then as RFC 7662 2.2 names it. */
static struct conf_strings
names(const struct reading *r, const struct conf_strings *by_hand, const char *const *by_kind,
    const char *introspected)
{
	struct conf_strings out = *by_hand;

	if (out.n > 0)
		return out;
	while (by_kind[out.n] != NULL)
		out.n++;
	out.v = mem_alloc(r->check->mem, (out.n + 1) * sizeof(*out.v));
	for (size_t i = 0; i < out.n; i++)
		out.v[i] = by_kind[i];
	if (r->introspected && introspected != NULL)
		out.v[out.n++] = introspected;
	return out;
}

static void
drop_json(void *o)
{
	json_decref(o);
}

const json_t *
principal_claim(const struct principal *p, const char *name)
{
	return claims_find(p->claims, str_of(name));
}

const struct identity *
principal_identity(const struct principal *p, struct mem *m, struct err *e)
{
	struct identity *i;
	struct str sid = claims_text(json_object_get(p->claims, "sid"));

	if (p->kind != PRINCIPAL_USER || p->subject.n == 0) {
		(void)err_set(e, REASON_TOKEN_CLAIM,
		    "access token: sub is missing, and a session needs one; let the provider send it");
		return NULL;
	}
	i = mem_zalloc(m, sizeof(*i));
	i->issuer = p->issuer;
	i->subject = p->subject;
	i->username = p->username;
	i->provider_sid = sid.p == NULL ? STR("") : sid;
	i->expires = p->times.expires;
	if (!claims_time(json_object_get(p->claims, "auth_time"), &i->auth_time))
		i->auth_time = 0;
	i->claims = p->claims;
	return i;
}
