/* oidc/claims.c - see oidc/claims.h */
#include <math.h>
#include <string.h>

#include "conf/sentence.h"
#include "oidc/claims.h"

static const char *no_username(const json_t *claims, const char *name);
static bool is_email_denied(const json_t *claims);

/*
 * Literally first: Auth0's own claims are named by URLs.  Then every dot is
 * tried as the place to descend, so that an object under such a name can be
 * entered as well.
 */
const json_t *
claims_find(const json_t *claims, struct str name)
{
	const json_t *found = json_object_getn(claims, name.p, name.n);

	if (found != NULL)
		return json_is_null(found) ? NULL : found;
	for (size_t i = 0; i < name.n; i++) {
		const json_t *child;

		if (name.p[i] != '.')
			continue;
		child = json_object_getn(claims, name.p, i);
		if (json_is_object(child) && (found = claims_find(child, str_from(name, i + 1))) != NULL)
			return found;
	}
	return NULL;
}

bool
claims_time(const json_t *value, int64_t *out)
{
	double real = json_real_value(value);

	if (json_is_integer(value))
		*out = json_integer_value(value);
	else if (json_is_real(value) && isfinite(real) && real >= 0 && real <= (double)CLAIMS_TIME_MAX)
		*out = (int64_t)real;
	else
		return false;
	return *out >= 0 && *out <= CLAIMS_TIME_MAX;
}

struct str
claims_text(const json_t *value)
{
	return (struct str){ json_string_value(value), json_string_length(value) };
}

bool
claims_has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char b = (unsigned char)s.p[i];

		if (b < 0x20 || b == 0x7f)
			return true;
		if (b == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
			return true;
	}
	return false;
}

int
claims_username(json_t *claims, const struct conf_strings *names, struct str *out, struct err *e)
{
	struct sentence tried = { .n = 0 }, there = { .n = 0 };
	const char *name;
	json_t *value;

	for (size_t n = 0; n < names->n; n++) {
		const char *why = no_username(claims, names->v[n]);

		if (why == NULL) {
			*out = claims_text(claims_find(claims, str_of(names->v[n])));
			return 0;
		}
		sentence_say(&tried, "%s%.40s (%s)", n == 0 ? "" : ", ", names->v[n], why);
	}
	json_object_foreach(claims, name, value)
	{
		sentence_say(&there, "%s%.40s", there.n == 0 ? "" : ", ", name);
	}
	return err_set(
	    e, REASON_LOGIN_NO_USERNAME, "no name in %.100s; there are: %s", tried.text, there.text);
}

/* NULL: it is one.  Spaces at the ends would vanish in a header and turn one user into another. */
static const char *
no_username(const json_t *claims, const char *name)
{
	const json_t *claim = claims_find(claims, str_of(name));
	struct str text = claims_text(claim);

	if (claim == NULL)
		return "absent";
	if (text.p == NULL)
		return "not a text";
	if (text.n == 0)
		return "empty";
	if (claims_has_control(text))
		return "with control characters";
	if (text.p[0] == ' ' || text.p[text.n - 1] == ' ')
		return "with a space at its end";
	if (strcmp(name, "email") == 0 && is_email_denied(claims))
		return "email_verified is false";
	return NULL;
}

/* Some providers send the boolean as a text. */
static bool
is_email_denied(const json_t *claims)
{
	const json_t *verified = json_object_get(claims, "email_verified");

	if (verified == NULL || json_is_true(verified))
		return false;
	return !str_is(claims_text(verified), STR("true"));
}
