/* proxy/access.c - see proxy/access.h */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/access.h"
#include "proxy/overage.h"

#define GROUPS 10 /* \0 to \9 */
#define USERNAME_MAX                                                                                         \
	1024 /* of what an expression is tried on: its time may grow with the square and worse               \
	      */

struct access {
	size_t n;
	struct rule {
		bool has_expression;
		regex_t expression;
	} * rules; /* by route */
};

static int compile(struct rule *, const struct conf_route *, struct err *);
static size_t highest_group(const char *);
static int check_claim(const struct conf_claim_rule *, const char *, const struct session *, struct err *);
static bool is_field(const char *);
static int name_user(
    const struct rule *, const struct conf_route *, struct mem *, struct str *, struct err *);
static struct str expand(const char *, struct str, const regmatch_t *, struct mem *);
static bool take_group(const char **, unsigned *);
static void add_name(struct conf_strings *, const char *);

/* --- once per snapshot ---------------------------------------------------- */

struct access *
access_new(const struct conf *c, struct err *e)
{
	struct access *a = xcalloc(1, sizeof(*a));

	a->rules = xcalloc(c->n_routes, sizeof(a->rules[0]));
	a->n = c->n_routes;
	for (size_t i = 0; i < c->n_routes; i++) {
		if (compile(&a->rules[i], &c->routes[i], e) == 0)
			continue;
		access_free(&a);
		return NULL;
	}
	return a;
}

void
access_free(struct access **a)
{
	if (*a == NULL)
		return;
	for (size_t i = 0; i < (*a)->n; i++)
		if ((*a)->rules[i].has_expression)
			regfree(&(*a)->rules[i].expression);
	free((*a)->rules);
	free(*a);
	*a = NULL;
}

static int
compile(struct rule *rule, const struct conf_route *route, struct err *e)
{
	size_t highest = route->username_replace == NULL ? 0 : highest_group(route->username_replace);
	char why[128];
	int error;

	if (route->username_match != NULL) {
		error = regcomp(&rule->expression, route->username_match, REG_EXTENDED);
		if (error != 0) {
			(void)regerror(error, NULL, why, sizeof(why));
			return err_set(e, REASON_CONFIG,
			    "route \"%s\": username_match is no POSIX extended regular expression: %s",
			    route->title, why);
		}
		rule->has_expression = true;
	}
	if (highest > (rule->has_expression ? rule->expression.re_nsub : 0))
		return err_set(e, REASON_CONFIG,
		    "route \"%s\": username_replace names \\%zu, a group that username_match has not",
		    route->title, highest);
	return 0;
}

static size_t
highest_group(const char *replace)
{
	unsigned group;
	size_t highest = 0;

	for (const char *p = replace; *p != '\0';)
		if (!take_group(&p, &group))
			p += p[0] == '\\' && p[1] == '\\' ? 2 : 1;
		else if (group > highest)
			highest = group;
	return highest;
}

struct conf_strings
access_claims_needed(const struct conf *c, struct mem *m)
{
	struct conf_strings names = { 0, NULL };
	size_t most = 0;

	for (size_t i = 0; i < c->n_routes; i++)
		most += c->routes[i].n_claims + c->routes[i].n_claim_headers;
	names.v = mem_zalloc(m, (most + 2) * sizeof(names.v[0]));
	for (size_t i = 0; i < c->n_routes; i++) {
		const struct conf_route *r = &c->routes[i];

		for (size_t j = 0; j < r->n_claims; j++)
			add_name(&names, r->claims[j].claim);
		for (size_t j = 0; j < r->n_claim_headers; j++)
			add_name(&names, r->claim_headers[j].claim);
	}
	if (names.n > 0) {
		add_name(&names, OVERAGE_NAMES);
		add_name(&names, OVERAGE_GROUPS);
	}
	return names;
}

struct conf_strings
access_values_needed(const struct conf *c, const char *claim, struct mem *m)
{
	struct conf_strings values = { 0, NULL };
	size_t most = 0;

	for (size_t i = 0; i < c->n_routes; i++)
		most += c->routes[i].n_claims;
	values.v = mem_zalloc(m, most * sizeof(values.v[0]));
	for (size_t i = 0; i < c->n_routes; i++) {
		const struct conf_route *r = &c->routes[i];

		for (size_t j = 0; j < r->n_claim_headers; j++)
			if (strcmp(r->claim_headers[j].claim, claim) == 0)
				return (struct conf_strings){ 0, NULL };
		for (size_t j = 0; j < r->n_claims; j++)
			if (strcmp(r->claims[j].claim, claim) == 0)
				values.v[values.n++] = r->claims[j].value;
	}
	return values;
}

static void
add_name(struct conf_strings *names, const char *name)
{
	if (strcmp(name, "sub") == 0 || strcmp(name, "username") == 0)
		return;
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return;
	names->v[names->n++] = name;
}

/* --- every request -------------------------------------------------------- */

int
access_allows(const struct access *a, const struct conf *c, size_t route, const struct session *s,
    struct mem *m, struct str *username, struct err *e)
{
	const struct conf_route *r = &c->routes[route];

	for (size_t i = 0; i < r->n_claims; i++)
		if (check_claim(&r->claims[i], r->title, s, e) != 0)
			return -1;
	*username = s->username;
	if (r->username_match == NULL && r->username_replace == NULL && r->username_prefix == NULL)
		return 0;
	return name_user(&a->rules[route], r, m, username, e);
}

static int
check_claim(const struct conf_claim_rule *rule, const char *route, const struct session *s, struct err *e)
{
	const struct session_claim *claim = is_field(rule->claim) ? NULL : session_claim(s, rule->claim);
	struct str text = STR("");
	bool any = access_claim(s, rule->claim, &text);
	const struct str *has = claim == NULL ? &text : claim->elements;
	size_t n = claim == NULL ? any : claim->n_elements;

	for (size_t i = 0; i < n; i++)
		if (str_is(has[i], str_of(rule->value)))
			return 0;
	if (n == 0 && overage_of(s, rule->claim))
		return err_set(e, REASON_CLAIM_OVERAGE,
		    "route \"%.60s\" demands the claim %.60s%c%.60s; the token says that it has too many "
		    "%.30s to "
		    "list them: " OVERAGE_MEND,
		    route, rule->claim, rule->contained ? '~' : '=', rule->value, rule->claim);
	if (n == 0)
		return err_set(e, REASON_CLAIM_MISSING,
		    "route \"%s\" demands the claim %s%c%s; the session has none", route, rule->claim,
		    rule->contained ? '~' : '=', rule->value);
	return err_set(e, REASON_CLAIM_MISSING,
	    "route \"%s\" demands the claim %s%c%s; the session has \"%.*s\"", route, rule->claim,
	    rule->contained ? '~' : '=', rule->value, text.n > 150 ? 150 : (int)text.n, text.p);
}

/* What every session has of its own, whatever the token calls it. */
static bool
is_field(const char *name)
{
	return strcmp(name, "sub") == 0 || strcmp(name, "username") == 0 || strcmp(name, "op_sid") == 0;
}

bool
access_claim(const struct session *s, const char *name, struct str *value)
{
	const struct session_claim *claim;

	if (is_field(name)) {
		*value = name[0] == 's' ? s->sub : name[0] == 'u' ? s->username : s->op_sid;
		return value->n > 0;
	}
	claim = session_claim(s, name);
	if (claim == NULL)
		return false;
	*value = claim->value;
	return true;
}

static int
name_user(const struct rule *rule, const struct conf_route *route, struct mem *m, struct str *username,
    struct err *e)
{
	struct str from = *username, name, prefix = str_of(route->username_prefix);
	regmatch_t groups[GROUPS] = { { .rm_so = 0, .rm_eo = (regoff_t)from.n } };
	char *text;

	for (size_t i = 1; i < GROUPS; i++)
		groups[i].rm_so = -1;
	if (from.n > USERNAME_MAX)
		return err_set(e, REASON_USERNAME_MISMATCH,
		    "route \"%s\": the username has more than %d bytes", route->title, USERNAME_MAX);
	/* regexec() ends at a NUL; what stands behind one would go unjudged. */
	if (rule->has_expression &&
	    ((from.n > 0 && memchr(from.p, '\0', from.n) != NULL) ||
		regexec(&rule->expression, mem_text(m, from), GROUPS, groups, 0) != 0))
		return err_set(e, REASON_USERNAME_MISMATCH,
		    "route \"%s\": the username \"%.*s\" does not match username_match %s", route->title,
		    from.n > 100 ? 100 : (int)from.n, from.p, route->username_match);
	name = expand(route->username_replace == NULL ? "\\0" : route->username_replace, from, groups, m);
	if (name.n == 0)
		return err_set(e, REASON_USERNAME_MISMATCH,
		    "route \"%s\": nothing is left of the username \"%.*s\" after username_replace",
		    route->title, from.n > 100 ? 100 : (int)from.n, from.p);
	/* Spaces at the ends would vanish in the header and turn one user into another (RFC 9110 5.5). */
	if (str_trim(name).n != name.n)
		return err_set(e, REASON_USERNAME_MISMATCH,
		    "route \"%s\": \"%.*s\", made of the username \"%.*s\", has a space at its end",
		    route->title, name.n > 100 ? 100 : (int)name.n, name.p, from.n > 100 ? 100 : (int)from.n,
		    from.p);
	text = mem_alloc(m, prefix.n + name.n + 1);
	if (prefix.n > 0)
		memcpy(text, prefix.p, prefix.n);
	memcpy(text + prefix.n, name.p, name.n);
	text[prefix.n + name.n] = '\0';
	*username = (struct str){ text, prefix.n + name.n };
	return 0;
}

/* `replace` with every \0 .. \9 filled in; a group that took no part is empty. */
static struct str
expand(const char *replace, struct str from, const regmatch_t *groups, struct mem *m)
{
	char *out = mem_alloc(m, strlen(replace) * (from.n + 1) + 1);
	unsigned group;
	size_t n = 0;

	for (const char *p = replace; *p != '\0';) {
		if (!take_group(&p, &group)) {
			p += p[0] == '\\' && p[1] == '\\';
			out[n++] = *p++;
		} else if (groups[group].rm_so >= 0) {
			size_t len = (size_t)(groups[group].rm_eo - groups[group].rm_so);

			if (len > 0)
				memcpy(out + n, from.p + groups[group].rm_so, len);
			n += len;
		}
	}
	return (struct str){ out, n };
}

/* "\3" at *p: its number, and *p behind it.  Any other backslash stands for itself, two of them for one. */
static bool
take_group(const char **p, unsigned *group)
{
	if ((*p)[0] != '\\' || (*p)[1] < '0' || (*p)[1] > '9')
		return false;
	*group = (unsigned)((*p)[1] - '0');
	*p += 2;
	return true;
}
