/* proxy/explain_session.c - the checks of a session token of ours, one by one; see proxy/explain.h */
#include <string.h>

#include "oidc/claims.h"
#include "proxy/access.h"
#include "proxy/explain.h"
#include "proxy/when.h"
#include "session/session.h"
#include "session/token.h"

static bool check_signature(struct explained *);
static const struct conf_origin *check_issuer(struct explained *);
static void check_provider(struct explained *);
static void check_times(struct explained *);
static void check_life(struct explained *, int64_t sst);
static void check_app(struct explained *);
static void check_whole(struct explained *, const struct conf_origin *);
static const char *text(struct explained *, const char *name);

bool
explain_is_session(struct explained *x)
{
	struct err ignored;
	struct token_keys *keys =
	    token_keys_new(x->conf->session.secrets, x->conf->session.n_secrets, &ignored);
	bool ours = keys != NULL && token_key_number(keys, x->token) > 0;

	token_keys_free(&keys);
	return ours;
}

bool
explain_unseal(struct explained *x, struct str *payload)
{
	struct err ignored;
	struct token_keys *keys =
	    token_keys_new(x->conf->session.secrets, x->conf->session.n_secrets, &ignored);
	bool good = keys != NULL && token_verify(keys, x->token, x->mem, payload);

	token_keys_free(&keys);
	return good;
}

void
explain_session(struct explained *x)
{
	const struct conf_origin *origin;

	if (!check_signature(x))
		finding_note(&x->f, "claims", "what follows is what the token says, and nothing proves it");
	origin = check_issuer(x);
	check_provider(x);
	check_times(x);
	check_app(x);
	finding_note(&x->f, "revoked", "not checked: only the running server knows what was signed out");
	if (x->f.fails == 0)
		check_whole(x, origin);
}

static bool
check_signature(struct explained *x)
{
	const struct conf_session *c = &x->conf->session;
	const char *kid = json_string_value(json_object_get(x->header, "kid"));
	struct token_keys *keys;
	struct str payload;
	struct err e;
	bool right;

	keys = token_keys_new(c->secrets, c->n_secrets, &e);
	right = keys != NULL && token_verify(keys, x->token, x->mem, &payload);
	if (keys != NULL)
		finding_ok(&x->f, "key", "kid %.40s; number %zu of %zu in session.secret%s",
		    kid == NULL ? "" : kid, token_key_number(keys, x->token), c->n_secrets,
		    token_key_number(keys, x->token) == 1 ? ", which signs"
							  : ", which only verifies any more");
	if (right)
		finding_ok(&x->f, "signature", "made with that secret (%.20s)",
		    json_object_get(x->header, "enc") == NULL ? "HS256" : "encrypted, A256GCM");
	else
		finding_fail(&x->f, "signature",
		    "wrong; the token was changed, or cut when it was copied (of a split cookie all parts "
		    "belong together, in their order)");
	token_keys_free(&keys);
	return right;
}

static const struct conf_origin *
check_issuer(struct explained *x)
{
	const char *iss = text(x, "iss"), *all = "";

	for (size_t i = 0; i < x->conf->n_origins; i++) {
		if (strcmp(x->conf->origins[i].url, iss) == 0) {
			finding_ok(&x->f, "iss", "%s; it counts at this public_url alone", iss);
			return &x->conf->origins[i];
		}
		all = mem_printf(x->mem, "%s%s%s", all, i == 0 ? "" : ", ", x->conf->origins[i].url);
	}
	finding_fail(&x->f, "iss",
	    "%.200s; public_url: %s; it is the session of another host, or of another proxy", iss, all);
	return NULL;
}

/* The provider is what the token says, whatever --provider does. */
static void
check_provider(struct explained *x)
{
	const char *idp = text(x, "idp"), *aud = text(x, "aud");
	const struct conf_provider *p = NULL;

	for (size_t i = 0; i < x->conf->n_providers; i++)
		if (strcmp(x->conf->providers[i].name, idp) == 0)
			p = &x->conf->providers[i];
	if (p == NULL) {
		finding_fail(&x->f, "idp",
		    "%.100s; no provider section is called that: its users have to sign in again", idp);
		return;
	}
	x->provider = p;
	finding_ok(&x->f, "idp", "%s", idp);
	if (strcmp(aud, p->client_id) == 0)
		finding_ok(&x->f, "aud", "%s; provider.client_id: %s", aud, p->client_id);
	else
		finding_fail(&x->f, "aud", "%.100s; provider.client_id: %s", aud, p->client_id);
}

static void
check_times(struct explained *x)
{
	char words[WHEN_SIZE];
	int64_t iat = 0, exp = 0, sst = 0;

	if (!claims_time(json_object_get(x->claims, "iat"), &iat) ||
	    !claims_time(json_object_get(x->claims, "exp"), &exp) ||
	    !claims_time(json_object_get(x->claims, "sst"), &sst)) {
		finding_fail(&x->f, "times", "iat, exp or sst is missing, or not a number");
		return;
	}
	if (iat > x->now + 60)
		finding_fail(&x->f, "iat",
		    "made %s; 60 s are granted; the clocks of the machines that share session.secret differ",
		    when_words(iat, x->now, words));
	if (exp <= x->now)
		finding_fail(&x->f, "exp", "run out %s; who brings it has to sign in again",
		    when_words(exp, x->now, words));
	else
		finding_ok(&x->f, "exp", "ends %s", when_words(exp, x->now, words));
	check_life(x, sst);
}

/* A setting that is shortened counts for sessions that run. */
static void
check_life(struct explained *x, int64_t sst)
{
	const bool traded = json_object_get(x->claims, "client_id") != NULL;
	const int64_t life = traded ? x->conf->session.mobile_timeout : x->conf->session.timeout;
	const char *name = traded ? "session.mobile_timeout" : "session.timeout";
	char words[WHEN_SIZE], span[WHEN_SIZE];

	if (life == 0)
		return;
	(void)when_words(sst / 1000, x->now, words);
	(void)when_span(life / 1000, span);
	if (x->now * 1000 - sst >= life)
		finding_fail(&x->f, "sst", "begun %s; %s: %s", words, name, span);
	else
		finding_ok(&x->f, "sst", "begun %s; %s: %s", words, name, span);
}

static void
check_app(struct explained *x)
{
	const struct conf_strings *apps = &x->conf->session.mobile_clients;
	const char *app = text(x, "client_id");

	if (json_object_get(x->claims, "client_id") == NULL)
		return;
	for (size_t i = 0; i < apps->n; i++)
		if (strcmp(apps->v[i], app) == 0) {
			finding_ok(&x->f, "client_id",
			    "%s; it traded an access token (POST token), and is in session.mobile_clients",
			    app);
			return;
		}
	finding_fail(
	    &x->f, "client_id", "%.100s; session.mobile_clients: %s", app, explain_list(apps, x->mem));
}

/* What the server itself says. */
static void
check_whole(struct explained *x, const struct conf_origin *origin)
{
	const struct conf_strings needed = access_claims_needed(x->conf, x->mem);
	const struct session_scope scope = { origin, x->provider, STR("") };
	const struct visit v = { .scope = &scope, .now_ms = x->now * 1000, .mem = x->mem };
	struct err e;
	struct sessions *sessions = sessions_new(&x->conf->session, &needed, &e);
	const struct session *s;

	if (sessions != NULL && session_read(sessions, &v, x->token, &s) == SESSION_FOUND) {
		finding_ok(&x->f, "verdict", "a session of %.*s", STR_ARG(s->username));
		explain_route_bearer(
		    x, bearer_of_session(s, (size_t)(x->provider - x->conf->providers), x->mem));
	} else {
		finding_fail(&x->f, "verdict", "its claims are not those of a session (reason=%s)",
		    reason_word(REASON_SESSION_INVALID));
	}
	sessions_free(&sessions);
}

static const char *
text(struct explained *x, const char *name)
{
	const char *value = json_string_value(json_object_get(x->claims, name));

	return value == NULL ? "(none)" : value;
}
