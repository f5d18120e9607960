/* proxy/overage.c - see proxy/overage.h */
#include <string.h>

#include "proxy/overage.h"

static bool is_named(const json_t *names, bool has_groups, const char *claim);

bool
overage_of(const struct session *s, const char *claim)
{
	const struct session_claim *said = session_claim(s, OVERAGE_NAMES),
				   *groups = session_claim(s, OVERAGE_GROUPS);
	json_t *names;
	bool named;

	if ((said == NULL && groups == NULL) || session_claim(s, claim) != NULL)
		return false;
	names = said == NULL ? NULL : json_loadb(said->value.p, said->value.n, 0, NULL);
	named = is_named(names, groups != NULL && str_is(groups->value, STR("true")), claim);
	json_decref(names);
	return named;
}

bool
overage_in(const json_t *claims, const char *claim)
{
	return json_object_get(claims, claim) == NULL &&
	       is_named(json_object_get(claims, OVERAGE_NAMES),
		   json_is_true(json_object_get(claims, OVERAGE_GROUPS)), claim);
}

static bool
is_named(const json_t *names, bool has_groups, const char *claim)
{
	return json_object_get(names, claim) != NULL || (has_groups && strcmp(claim, "groups") == 0);
}

const char *
overage_list(const struct session *s, const struct conf_strings *needed, struct mem *m)
{
	const char *list = NULL;

	for (size_t i = 0; i < needed->n; i++)
		if (overage_of(s, needed->v[i]))
			list = list == NULL ? needed->v[i] : mem_printf(m, "%s, %s", list, needed->v[i]);
	return list;
}
