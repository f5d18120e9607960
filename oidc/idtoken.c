/* oidc/idtoken.c - see oidc/idtoken.h and oidc/identity.h */
#include <string.h>

#include <openssl/evp.h>

#include "conf/secret.h"
#include "oidc/claims.h"
#include "oidc/identity_made.h"
#include "oidc/idtoken.h"
#include "oidc/jose.h"
#include "oidc/kinds.h"
#include "oidc/tenant.h"

static int judge_token(const struct idtoken_check *, const struct jose_token *, struct err *);
static int judge_tenant(struct idtoken_check *, const struct jose_token *, struct err *);
static int judge_issuer(const struct idtoken_check *, const json_t *, struct err *);
static int judge_key(const struct idtoken_check *, const struct jose_token *, struct err *);
static int judge_audience(const struct idtoken_check *, const json_t *, struct err *);
static int judge_azp(const struct idtoken_check *, const json_t *, const char *stranger, struct err *);
static int judge_expiry(const struct idtoken_check *, const json_t *, struct err *);
static int judge_begin(const struct idtoken_check *, const json_t *, const char *name, struct err *);
static int judge_nonce(const struct idtoken_check *, const json_t *, struct err *);
static int judge_renewal(const struct idtoken_check *, const json_t *, struct err *);
static struct str before(const struct idtoken_check *, const char *claim);
static int judge_acr(const struct idtoken_check *, const json_t *, struct err *);
static int judge_auth_time(const struct idtoken_check *, const json_t *, struct err *);
static int judge_subject(const json_t *, struct err *);
static int judge_hash(const struct idtoken_check *, const struct jose_token *, struct err *);
static void fill(const struct idtoken_check *, json_t *claims, struct identity *);
static int merge_userinfo(const struct idtoken_check *, json_t *claims, struct err *);
static void keep_email_whole(const json_t *claims, json_t *userinfo);
static void drop_json(void *);

enum idtoken_result
idtoken_verify(const struct idtoken_check *c, struct str token, const struct identity **out, struct err *e)
{
	const struct jose_check j = {
		.algs = c->algs, .keys = c->keys, .jku = c->jwks_uri, .now = c->now, .mem = c->mem
	};
	struct idtoken_check own = *c; /* with the issuer of the token's own tenant */
	struct jose_token t;
	struct identity *i;
	enum jose_result r;

	*out = NULL;
	/* 3.1.3.7-1, -6, -7, -8: not encrypted, an algorithm of ours, no MAC, signed by the provider. */
	r = jose_verify(&j, token, &t, e);
	if (r != JOSE_OK) {
		err_in(e, e->reason == REASON_TOKEN_ALG ? "id_token (see id_token_signed_response_alg)"
							: "id_token");
		return r == JOSE_NEED_KEYS ? IDTOKEN_NEED_KEYS : IDTOKEN_BAD;
	}
	if (judge_tenant(&own, &t, e) < 0 || judge_token(&own, &t, e) < 0) {
		err_in(e, "id_token");
		return IDTOKEN_BAD;
	}
	i = mem_zalloc(c->mem, sizeof(*i));
	fill(&own, t.claims, i);
	if (merge_userinfo(c, t.claims, e) < 0)
		return IDTOKEN_BAD;
	if (claims_username(t.claims, c->username_claim, &i->username, e) < 0) {
		err_in(e, "username_claim");
		return IDTOKEN_BAD;
	}
	*out = i;
	return IDTOKEN_OK;
}

/* Whose token is it?  From here on the issuer is that tenant's. */
static int
judge_tenant(struct idtoken_check *c, const struct jose_token *t, struct err *e)
{
	if (tenant_judge(c->tenants, c->issuer, t->claims, e) < 0)
		return -1;
	c->issuer = tenant_issuer(c->issuer, t->claims, c->mem);
	return 0;
}

/* OpenID Connect Core 3.1.3.7, in its order. */
static int
judge_token(const struct idtoken_check *c, const struct jose_token *t, struct err *e)
{
	if (judge_issuer(c, t->claims, e) < 0) /* 3.1.3.7-2 */
		return -1;
	if (judge_key(c, t, e) < 0)
		return -1;
	if (judge_audience(c, t->claims, e) < 0) /* 3.1.3.7-3, -4, -5 */
		return -1;
	if (judge_expiry(c, t->claims, e) < 0) /* 3.1.3.7-9 */
		return -1;
	if (judge_begin(c, t->claims, "iat", e) < 0) /* 3.1.3.7-10 */
		return -1;
	if (json_object_get(t->claims, "nbf") != NULL &&
	    judge_begin(c, t->claims, "nbf", e) < 0) /* RFC 7519 4.1.5 */
		return -1;
	if (c->subject.p != NULL)
		return judge_renewal(c, t->claims, e) < 0 ? -1 : judge_hash(c, t, e); /* 12.2 */
	if (judge_nonce(c, t->claims, e) < 0)                                         /* 3.1.3.7-11 */
		return -1;
	if (judge_acr(c, t->claims, e) < 0) /* 3.1.3.7-12 */
		return -1;
	if (judge_auth_time(c, t->claims, e) < 0) /* 3.1.3.7-13 */
		return -1;
	if (judge_subject(t->claims, e) < 0) /* 2 */
		return -1;
	return judge_hash(c, t, e); /* 3.1.3.8 */
}

/* Byte for byte.  Google alone may leave out the scheme, as its manual says. */
static int
judge_issuer(const struct idtoken_check *c, const json_t *claims, struct err *e)
{
	struct str iss = claims_text(json_object_get(claims, "iss"));
	struct str want = str_of(c->issuer);

	if (iss.p == NULL)
		return err_set(
		    e, REASON_TOKEN_ISSUER, "iss is missing or not a text; expected: %.160s", c->issuer);
	if (want.n > 0 && str_is(iss, want))
		return 0;
	if (str_is(want, STR("https://accounts.google.com")) && str_is(iss, STR("accounts.google.com")))
		return 0;
	return err_set(
	    e, REASON_TOKEN_ISSUER, "iss is %.100s, but the provider's issuer is %.100s", iss.p, c->issuer);
}

/* One provider's keys are not all for all of its issuers. */
static int
judge_key(const struct idtoken_check *c, const struct jose_token *t, struct err *e)
{
	const struct kind *kind = c->kind == NULL ? NULL : kind_find(c->kind);

	return tenant_judge_key(
	    kind == NULL ? kinds[0].access : kind->access, t->key_issuer, t->claims, c->mem, e);
}

static int
judge_audience(const struct idtoken_check *c, const json_t *claims, struct err *e)
{
	const json_t *aud = json_object_get(claims, "aud"), *one = aud;
	size_t n = json_is_array(aud) ? json_array_size(aud) : 1;
	const char *stranger = NULL;
	bool ours = false;

	for (size_t i = 0; i < n; i++) {
		if (json_is_array(aud))
			one = json_array_get(aud, i);
		if (!json_is_string(one))
			return err_set(
			    e, REASON_TOKEN_AUDIENCE, "aud is missing, or not a text or list of texts");
		if (str_is(claims_text(one), str_of(c->client_id)))
			ours = true;
		else
			stranger = json_string_value(one);
	}
	if (!ours)
		return err_set(e, REASON_TOKEN_AUDIENCE, "aud is %.100s, without our client_id %.100s",
		    stranger == NULL ? "empty" : stranger, c->client_id);
	return judge_azp(c, claims, stranger, e);
}

/* Others may be in aud only when the token says that it was issued to us. */
static int
judge_azp(const struct idtoken_check *c, const json_t *claims, const char *stranger, struct err *e)
{
	const json_t *azp = json_object_get(claims, "azp");

	if (azp == NULL && stranger != NULL)
		return err_set(e, REASON_TOKEN_AUDIENCE,
		    "aud names %.100s besides our client_id, and azp does not say that the token is ours",
		    stranger);
	if (azp != NULL && (!json_is_string(azp) || !str_is(claims_text(azp), str_of(c->client_id))))
		return err_set(e, REASON_TOKEN_AUDIENCE, "azp is %.100s, but our client_id is %.100s",
		    json_is_string(azp) ? json_string_value(azp) : "not a text", c->client_id);
	return 0;
}

static int
judge_expiry(const struct idtoken_check *c, const json_t *claims, struct err *e)
{
	int64_t exp;

	if (!claims_time(json_object_get(claims, "exp"), &exp))
		return err_set(e, REASON_TOKEN_CLAIM, "exp is missing or not a number of seconds");
	if (c->now - c->tolerance >= exp)
		return err_set(e, REASON_TOKEN_EXPIRED,
		    "expired %lld s ago (exp=%lld, now=%lld, clock_tolerance=%lld): compare the clocks",
		    (long long)(c->now - exp), (long long)exp, (long long)c->now, (long long)c->tolerance);
	return 0;
}

static int
judge_begin(const struct idtoken_check *c, const json_t *claims, const char *name, struct err *e)
{
	int64_t at;

	if (!claims_time(json_object_get(claims, name), &at))
		return err_set(e, REASON_TOKEN_CLAIM, "%s is missing or not a number of seconds", name);
	if (at > c->now + c->tolerance)
		return err_set(e, REASON_TOKEN_EARLY,
		    "%s lies %lld s ahead (%s=%lld, now=%lld, clock_tolerance=%lld): compare the clocks",
		    name, (long long)(at - c->now), name, (long long)at, (long long)c->now,
		    (long long)c->tolerance);
	return 0;
}

/* The code flow may do without one, but we always send it.  Its value stays out of the log. */
static int
judge_nonce(const struct idtoken_check *c, const json_t *claims, struct err *e)
{
	struct str nonce = claims_text(json_object_get(claims, "nonce"));

	if (nonce.p == NULL)
		return err_set(
		    e, REASON_TOKEN_NONCE, "nonce is missing or not a text, but this sign-in sent one");
	if (c->nonce.n == 0 || !secret_equal(nonce, c->nonce))
		return err_set(e, REASON_TOKEN_NONCE, "nonce is not the one of this sign-in");
	return 0;
}

/* The same user as before; a nonce may be missing, but not be another. */
static int
judge_renewal(const struct idtoken_check *c, const json_t *claims, struct err *e)
{
	struct str nonce = claims_text(json_object_get(claims, "nonce")), was;
	struct str iss = claims_text(json_object_get(claims, "iss"));

	if (judge_subject(claims, e) < 0)
		return -1;
	if (!str_is(claims_text(json_object_get(claims, "sub")), c->subject))
		return err_set(e, REASON_TOKEN_CLAIM, "sub is another than that of the session it renews");
	was = before(c, "iss");
	if (was.p != NULL && !str_is(iss, was)) /* of many tenants another */
		return err_set(e, REASON_TOKEN_ISSUER, "iss is another than that of the sign-in");
	was = nonce.p == NULL ? nonce : before(c, "nonce");
	if (was.p != NULL && !secret_equal(nonce, was))
		return err_set(e, REASON_TOKEN_NONCE, "nonce is not the one of the sign-in");
	return 0;
}

/* Of a token that was verified when it came, and was in our own keeping since. */
static struct str
before(const struct idtoken_check *c, const char *claim)
{
	struct str rest = c->before, part, none = { NULL, 0 };
	unsigned char *text;
	json_t *claims;
	long n;

	if (rest.p == NULL || !str_next(&rest, '.', &part) || !str_next(&rest, '.', &part))
		return none;
	text = mem_alloc(c->mem, part.n + 2);
	n = secret_unb64(text, part);
	claims = n == -1 ? NULL : json_loadb((const char *)text, (size_t)n, 0, NULL);
	if (claims == NULL)
		return none;
	mem_on_free(c->mem, drop_json, claims);
	return claims_text(json_object_get(claims, claim));
}

/* A provider may ignore acr_values (Core 3.1.2.1): then what was asked for was not done. */
static int
judge_acr(const struct idtoken_check *c, const json_t *claims, struct err *e)
{
	struct str acr = claims_text(json_object_get(claims, "acr"));

	if (c->acr_values == NULL || c->acr_values->n == 0)
		return 0;
	if (acr.p == NULL)
		return err_set(
		    e, REASON_TOKEN_ACR, "acr is missing or not a text, but acr_values were asked for");
	for (size_t i = 0; i < c->acr_values->n; i++)
		if (str_is(acr, str_of(c->acr_values->v[i])))
			return 0;
	return err_set(
	    e, REASON_TOKEN_ACR, "acr is %.100s, which is none of the acr_values asked for", acr.p);
}

/* Missing is too old: the claim is required once max_age is sent (Core 2). */
static int
judge_auth_time(const struct idtoken_check *c, const json_t *claims, struct err *e)
{
	int64_t at;

	if (c->max_age == NULL)
		return 0;
	if (!claims_time(json_object_get(claims, "auth_time"), &at))
		return err_set(e, REASON_TOKEN_AUTH_TIME,
		    "auth_time is missing or not a number of seconds, but max_age was asked for");
	if (at > c->now + c->tolerance)
		return err_set(e, REASON_TOKEN_AUTH_TIME,
		    "auth_time lies %lld s ahead (auth_time=%lld, now=%lld, clock_tolerance=%lld): compare "
		    "the "
		    "clocks",
		    (long long)(at - c->now), (long long)at, (long long)c->now, (long long)c->tolerance);
	if (c->now - c->tolerance - at > *c->max_age / 1000)
		return err_set(e, REASON_TOKEN_AUTH_TIME,
		    "the sign-in at the provider is %lld s old; max_age allows %lld s",
		    (long long)(c->now - at), (long long)(*c->max_age / 1000));
	return 0;
}

static int
judge_subject(const json_t *claims, struct err *e)
{
	struct str sub = claims_text(json_object_get(claims, "sub"));

	if (sub.p == NULL || sub.n == 0)
		return err_set(e, REASON_TOKEN_CLAIM, "sub is missing, empty or not a text");
	if (sub.n > IDTOKEN_SUBJECT_MAX || claims_has_control(sub))
		return err_set(e, REASON_TOKEN_CLAIM,
		    "sub has %zu bytes, or control characters; accepted: at most %d", sub.n,
		    IDTOKEN_SUBJECT_MAX);
	return 0;
}

/* The left half of the access token's hash, by the hash of the token's own algorithm. */
static int
judge_hash(const struct idtoken_check *c, const struct jose_token *t, struct err *e)
{
	const json_t *at_hash = json_object_get(t->claims, "at_hash");
	const EVP_MD *md = EVP_sha256();
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (at_hash == NULL || c->access_token.p == NULL)
		return 0;
	if (strcmp(t->alg + 2, "384") == 0)
		md = EVP_sha384();
	else if (strcmp(t->alg + 2, "512") == 0)
		md = EVP_sha512();
	if (EVP_Digest(c->access_token.p, c->access_token.n, digest, &n, md, NULL) != 1)
		return err_set(e, REASON_SYSTEM, "at_hash: the digest failed");
	n = (unsigned)secret_b64(text, digest, n / 2);
	if (!secret_equal(claims_text(at_hash), (struct str){ text, n }))
		return err_set(
		    e, REASON_TOKEN_HASH, "at_hash does not fit the access token that came with it");
	return 0;
}

/* From the ID token alone: what userinfo says of these is nobody's word. */
static void
fill(const struct idtoken_check *c, json_t *claims, struct identity *i)
{
	i->issuer = mem_str(c->mem, str_of(c->issuer));
	i->subject = claims_text(json_object_get(claims, "sub"));
	i->provider_sid = claims_text(json_object_get(claims, "sid"));
	if (i->provider_sid.p == NULL)
		i->provider_sid = STR("");
	(void)claims_time(json_object_get(claims, "exp"), &i->expires);
	if (!claims_time(json_object_get(claims, "auth_time"), &i->auth_time))
		i->auth_time = 0;
	i->claims = claims;
}

/* Core 5.3.2: without the same sub it may be about anybody. */
static int
merge_userinfo(const struct idtoken_check *c, json_t *claims, struct err *e)
{
	struct str sub;
	json_t *o;

	if (c->userinfo == NULL)
		return 0;
	o = jose_json(str_of(c->userinfo), IDTOKEN_USERINFO_MAX, REASON_PROVIDER_USERINFO, e);
	if (o == NULL)
		return err_in(e, "userinfo");
	mem_on_free(c->mem, drop_json, o);
	sub = claims_text(json_object_get(o, "sub"));
	if (sub.p == NULL || !str_is(sub, claims_text(json_object_get(claims, "sub"))))
		return err_set(e, REASON_PROVIDER_USERINFO,
		    "userinfo: sub is %.100s, but the ID token's is %.100s",
		    sub.p == NULL ? "missing" : sub.p, json_string_value(json_object_get(claims, "sub")));
	keep_email_whole(claims, o);
	if (json_object_update_missing(claims, o) != 0)
		return err_set(e, REASON_SYSTEM, "userinfo: no memory");
	return 0;
}

/* email_verified speaks of the email beside it and must not come to stand beside another. */
static void
keep_email_whole(const json_t *claims, json_t *userinfo)
{
	const json_t *email = json_object_get(claims, "email"), *theirs = json_object_get(userinfo, "email");

	if (email != NULL && theirs != NULL && !json_equal(email, theirs))
		(void)json_object_del(userinfo, "email_verified");
	if (email == NULL && json_object_get(claims, "email_verified") != NULL)
		(void)json_object_del(userinfo, "email");
}

struct str
identity_issuer(const struct identity *i)
{
	return i->issuer;
}

struct str
identity_subject(const struct identity *i)
{
	return i->subject;
}

struct str
identity_username(const struct identity *i)
{
	return i->username;
}

struct str
identity_provider_sid(const struct identity *i)
{
	return i->provider_sid;
}

int64_t
identity_expires(const struct identity *i)
{
	return i->expires;
}

int64_t
identity_auth_time(const struct identity *i)
{
	return i->auth_time;
}

const json_t *
identity_claim(const struct identity *i, const char *name)
{
	return claims_find(i->claims, str_of(name));
}

static void
drop_json(void *o)
{
	json_decref(o);
}
