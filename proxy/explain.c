/* proxy/explain.c - see proxy/explain.h */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "conf/file.h"
#include "conf/log.h"
#include "conf/pem.h"
#include "conf/secret.h"
#include "oidc/claims.h"
#include "oidc/jose.h"
#include "proxy/explain.h"
#include "proxy/reach.h"
#include "proxy/when.h"

#define BUDGET    (1 << 20)
#define INPUT_MAX (JOSE_TOKEN_MAX + 1024) /* with "Bearer " and blanks around it */

static const struct conf_provider *find_provider(const struct conf *, const char *, FILE *);
static bool read_token(const char *, struct mem *, struct str *, FILE *);
static bool read_stdin(struct mem *, struct str *);
static struct str strip(struct str);
static bool open_token(struct explained *, FILE *);
static bool open_sealed(struct explained *, struct str, FILE *);
static json_t *decode(struct str, struct mem *, struct err *);
static void show(FILE *, const char *, const json_t *);
static enum explain_kind kind_of(struct explained *, const struct explain_ask *);
static void judge(struct explained *, enum explain_kind, const struct explain_ask *);
static void judge_online(struct explained *, enum explain_kind);
static void drop_json(void *);

int
explain_run(const struct explain_ask *a, FILE *out, FILE *wrong)
{
	struct explained x = { .f = { .out = out }, .route = a->route, .now = pem_now() };
	struct conf_report report = { 0 };
	struct conf *conf;
	int status = 1;

	(void)signal(SIGPIPE, SIG_IGN);
	secret_guard_process();
	conf = conf_load(a->conf, &report);
	for (size_t i = 0; conf == NULL && i < report.n; i++)
		if (!report.v[i].warning)
			(void)fprintf(wrong, "%s\n", report.v[i].text);
	conf_report_free(&report);
	if (conf == NULL)
		return 1;
	x.conf = conf;
	x.mem = mem_new(BUDGET);
	x.provider = find_provider(conf, a->provider, wrong);
	if (x.provider != NULL && read_token(a->source, x.mem, &x.token, wrong) && open_token(&x, wrong)) {
		show(out, "header", x.header);
		show(out, "claims", x.claims);
		explain_times(out, x.claims, x.now);
		judge(&x, kind_of(&x, a), a);
		status = x.f.fails > 0;
	}
	mem_free(&x.mem);
	conf_free(&conf);
	return status;
}

static const struct conf_provider *
find_provider(const struct conf *c, const char *name, FILE *wrong)
{
	for (size_t i = 0; i < c->n_providers; i++)
		if (name == NULL || strcmp(c->providers[i].name, name) == 0)
			return &c->providers[i];
	(void)fprintf(wrong, "workflow-proxy: %s has no provider%s%s\n", c->file,
	    name == NULL ? "" : " called ", name == NULL ? "" : name);
	return NULL;
}

static bool
read_token(const char *source, struct mem *m, struct str *out, FILE *wrong)
{
	struct file_text f;
	struct err e;

	if (strcmp(source, "-") == 0) {
		if (!read_stdin(m, out)) {
			(void)fprintf(wrong,
			    "workflow-proxy: standard input: more than %d bytes are no token\n",
			    JOSE_TOKEN_MAX);
			return false;
		}
	} else if (file_read_any(m, source, INPUT_MAX, &f, &e) == -1) {
		(void)fprintf(wrong, "workflow-proxy: %s %s\n", source, e.text);
		return false;
	} else {
		*out = f.text;
	}
	*out = strip(*out);
	if (out->n == 0)
		(void)fprintf(wrong, "workflow-proxy: %s holds no token\n",
		    strcmp(source, "-") == 0 ? "standard input" : source);
	return out->n > 0;
}

static bool
read_stdin(struct mem *m, struct str *out)
{
	char *p = mem_secret(m, INPUT_MAX + 1);

	*out = (struct str){ p, fread(p, 1, INPUT_MAX + 1, stdin) };
	return out->n <= INPUT_MAX;
}

/* As it is pasted: line ends around it, "Authorization: Bearer " or "Bearer " before it. */
static struct str
strip(struct str s)
{
	static const char *const before[] = { "Authorization:", "Bearer " };

	for (size_t i = 0; i <= sizeof(before) / sizeof(before[0]); i++) {
		while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != '\0')
			s = str_from(s, 1);
		if (i < sizeof(before) / sizeof(before[0]) && s.n >= strlen(before[i]) &&
		    strncasecmp(s.p, before[i], strlen(before[i])) == 0)
			s = str_from(s, strlen(before[i]));
	}
	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0')
		s.n--;
	return s;
}

/* Nothing is proven yet; what does not look like a token is not shown at all. */
static bool
open_token(struct explained *x, FILE *wrong)
{
	struct str rest = x->token, part[5] = { { NULL, 0 } };
	size_t n = 0, dots = 0;
	struct err e;

	for (size_t i = 0; i < x->token.n; i++)
		dots += x->token.p[i] == '.';
	while (n < 5 && str_next(&rest, '.', &part[n]))
		n++;
	if (dots == 4 && explain_is_session(x))
		return open_sealed(x, part[0], wrong);
	if (dots != 2) {
		(void)fprintf(wrong, "workflow-proxy: %s\n",
		    dots == 4
			? "this token is encrypted (JWE); let the provider send this client signed ones"
			: "this is not a JSON Web Token (three parts with dots between them): an opaque "
			  "token says nothing to anybody but its provider");
		return false;
	}
	x->header = decode(part[0], x->mem, &e);
	if (x->header != NULL)
		x->claims = decode(part[1], x->mem, &e);
	if (x->claims == NULL)
		(void)fprintf(wrong, "workflow-proxy: the token's %s: %s\n",
		    x->header == NULL ? "header" : "payload", e.text);
	return x->claims != NULL;
}

/* A session token of ours with session.encrypt: what is in it can be shown when it opens. */
static bool
open_sealed(struct explained *x, struct str head, FILE *wrong)
{
	struct str payload;
	struct err e;
	json_t *o = NULL;

	x->header = decode(head, x->mem, &e);
	if (x->header != NULL && explain_unseal(x, &payload))
		o = jose_json(payload, payload.n, REASON_TOKEN_MALFORMED, &e);
	if (o != NULL)
		mem_on_free(x->mem, drop_json, o);
	else
		(void)fprintf(wrong,
		    "workflow-proxy: this session token is encrypted, and does not open: it was changed, or "
		    "cut when it was copied\n");
	x->claims = o;
	return o != NULL;
}

static json_t *
decode(struct str part, struct mem *m, struct err *e)
{
	unsigned char *bytes = mem_secret(m, part.n + 4);
	const long n = part.n > JOSE_TOKEN_MAX ? -1 : secret_unb64(bytes, part);
	json_t *o;

	if (n < 0) {
		(void)err_set(e, REASON_TOKEN_MALFORMED, "is not base64url (RFC 7515 2)");
		return NULL;
	}
	o = jose_json((struct str){ (char *)bytes, (size_t)n }, JOSE_TOKEN_MAX, REASON_TOKEN_MALFORMED, e);
	if (o != NULL)
		mem_on_free(m, drop_json, o);
	return o;
}

static void
drop_json(void *o)
{
	json_decref(o);
}

/* ASCII only: what could move the cursor is an escape of JSON. */
static void
show(FILE *out, const char *title, const json_t *o)
{
	char *text = json_dumps(o, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_PRESERVE_ORDER);
	struct str rest = str_of(text == NULL ? "{}" : text), line;

	(void)fprintf(out, "%s ", title);
	while (str_next(&rest, '\n', &line)) {
		finding_print(out, line);
		(void)fputc('\n', out);
	}
	free(text);
}

void
explain_times(FILE *out, const json_t *claims, int64_t now)
{
	static const char *const names[] = { "iat", "auth_time", "nbf", "exp" };
	char date[WHEN_SIZE], words[WHEN_SIZE];
	int64_t at;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (claims_time(json_object_get(claims, names[i]), &at))
			(void)fprintf(out, "%s: %s, %s%s\n", names[i], when_date(at, date),
			    strcmp(names[i], "exp") != 0 ? ""
			    : at <= now                  ? "expired "
							 : "expires ",
			    when_words(at, now, words));
	(void)fputc('\n', out);
}

/* nonce and at_hash stand in ID tokens only (Core 2); the others in access tokens (RFC 9068). */
enum explain_kind
explain_guess(const json_t *header, const json_t *claims)
{
	const char *typ = json_string_value(json_object_get(header, "typ"));

	if (typ != NULL && (strcasecmp(typ, "at+jwt") == 0 || strcasecmp(typ, "application/at+jwt") == 0))
		return EXPLAIN_ACCESS;
	if (json_object_get(claims, "nonce") != NULL || json_object_get(claims, "at_hash") != NULL)
		return EXPLAIN_ID;
	if (json_object_get(claims, "scp") != NULL || json_object_get(claims, "scope") != NULL)
		return EXPLAIN_ACCESS;
	return EXPLAIN_ID;
}

static enum explain_kind
kind_of(struct explained *x, const struct explain_ask *a)
{
	if (a->kind != EXPLAIN_GUESS)
		return a->kind;
	return explain_is_session(x) ? EXPLAIN_SESSION : explain_guess(x->header, x->claims);
}

static void
judge(struct explained *x, enum explain_kind kind, const struct explain_ask *a)
{
	if (kind == EXPLAIN_SESSION)
		finding_note(&x->f, "kind", "a session token of this proxy, by the kid of its header");
	else if (a->kind == EXPLAIN_GUESS)
		finding_note(&x->f, "kind", "taken for an %s token, by its claims; --%s says otherwise",
		    kind == EXPLAIN_ID ? "ID" : "access", kind == EXPLAIN_ID ? "access" : "id");
	if (kind == EXPLAIN_SESSION)
		explain_session(x);
	else
		judge_online(x, kind);
	(void)fprintf(x->f.out, "\n%s\n", x->f.fails == 0 ? "valid" : "not valid");
}

static void
judge_online(struct explained *x, enum explain_kind kind)
{
	const struct log_setup none = { .level = LOG_LEVEL_ERROR, .file = "/dev/null", .access = "off" };
	struct oidc *o = oidc_new(x->provider, NULL);
	struct reach *r = NULL;
	struct err e;

	if (log_open(&none, &e) == 0)
		r = reach_new(&e);
	if (r != NULL)
		x->view = reach_view(r, o, &e);
	if (x->view == NULL)
		finding_fail(&x->f, "provider", "%s; nothing can be held against it", e.text);
	else if (kind == EXPLAIN_ACCESS)
		explain_access(x);
	else
		explain_id(x);
	oidc_view_release(&x->view);
	reach_free(&r);
	oidc_unref(&o);
	log_close();
}
