/*
 * Replays Wycheproof's JWS and JWK vectors (C2SP/wycheproof, testvectors_v1):
 * every invalid token is refused, every valid one accepted, but for those that
 * the table below names.
 *
 * The files are not part of the project.  They are read from $VECTORS, by
 * default ../shared/vectors; where that is missing, the test says that it
 * skipped them.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>

#include "conf/log.h"
#include "oidc/jose.h"
#include "oidc/jwks.h"

static const char *all_names[] = { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
	"ES512" };
static const struct conf_strings all = { 9, all_names };

/* Valid there, refused here. */
static const struct {
	const char *file;
	json_int_t id; /* 0: every case of a group with symmetric keys */
	const char *why;
} exceptions[] = {
	{ "json_web_signature_test.json", 0, "HS256: no MAC is ever accepted from a provider" },
	{ "json_web_key_test.json", 0, "HS256: no MAC is ever accepted from a provider" },
	{ "json_web_crypto_test.json", 0, "HS256: no MAC is ever accepted from a provider" },
	{ "json_web_signature_test.json", 346, "the key says PS256, the token PS384" },
	{ "json_web_signature_test.json", 350, "the key says PS256, the token PS384" },
	{ "json_web_signature_test.json", 347, "the key says ES521, which is no algorithm" },
	{ "json_web_signature_test.json", 351, "the key says ES521, which is no algorithm" },
	{ "json_web_signature_test.json", 372, "'?' inside base64url (RFC 7515 2); symmetric besides" },
	{ "json_web_signature_test.json", 373, "'?' inside base64url (RFC 7515 2); symmetric besides" },
};

static const struct {
	const char *name;
	size_t cases; /* with a JWS */
} files[] = {
	{ "json_web_signature_test.json", 401 },
	{ "json_web_key_test.json", 26 },
	{ "json_web_crypto_test.json", 48 },
};

static json_t *
load(const char *name)
{
	const char *folder = getenv("VECTORS");
	char path[512];
	json_t *o;

	(void)snprintf(path, sizeof(path), "%s/%s", folder == NULL ? "../shared/vectors" : folder, name);
	o = json_load_file(path, 0, NULL);
	if (o == NULL)
		(void)printf("skipped: no %s (VECTORS=folder says where they are)\n", path);
	return o;
}

/* The group's public key or set as a set; NULL when it is refused. */
static struct jwks *
keys_of(const json_t *group)
{
	json_t *key = json_object_get(group, "public"), *set;
	struct jwks *k;
	struct err e;
	char *text;

	if (key == NULL)
		key = json_object_get(group, "private");
	set = json_object_get(key, "keys") != NULL ? json_incref(key) : json_pack("{s:[O]}", "keys", key);
	text = json_dumps(set, 0);
	k = jwks_parse(str_of(text), &e);
	free(text);
	json_decref(set);
	return k;
}

static bool
is_symmetric(const json_t *group)
{
	return json_object_get(group, "public") == NULL;
}

static bool
is_excepted(const char *file, json_int_t id, bool symmetric)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
		if (strcmp(exceptions[i].file, file) == 0 &&
		    (exceptions[i].id == id || (exceptions[i].id == 0 && symmetric)))
			return true;
	return false;
}

static bool
accepts(const struct jwks *k, const char *jws)
{
	struct mem *m = mem_new(1 << 20);
	const struct jose_check c = { .algs = &all, .keys = k, .mem = m };
	struct jose_token t;
	struct err e;
	bool r = k != NULL && jose_verify_text(&c, str_of(jws), &t, &e) == JOSE_OK;

	ck_assert_uint_eq(ERR_peek_error(), 0);
	mem_free(&m);
	return r;
}

static void
replay(const char *file, const json_t *group, size_t *cases, size_t *accepted)
{
	struct jwks *k = keys_of(group);
	bool symmetric = is_symmetric(group);
	const json_t *test;
	size_t i;

	if (symmetric)
		ck_assert_ptr_null(k);
	json_array_foreach(json_object_get(group, "tests"), i, test)
	{
		const char *jws = json_string_value(json_object_get(test, "jws"));
		json_int_t id = json_integer_value(json_object_get(test, "tcId"));
		bool want = strcmp(json_string_value(json_object_get(test, "result")), "valid") == 0;

		if (jws == NULL)
			continue;
		++*cases;
		want = want && !is_excepted(file, id, symmetric);
		*accepted += want;
		ck_assert_msg(accepts(k, jws) == want, "%s tcId %lld: %s", file, (long long)id,
		    want ? "refused" : "accepted");
	}
	jwks_free(&k);
}

START_TEST(every_vector_is_judged_as_wycheproof_does)
{
	json_t *o = load(files[_i].name);
	size_t i, cases = 0, accepted = 0;
	const json_t *group;

	if (o == NULL)
		return;
	json_array_foreach(json_object_get(o, "testGroups"), i, group)
	    replay(files[_i].name, group, &cases, &accepted);
	json_decref(o);
	(void)printf("%s: %zu cases, %zu accepted\n", files[_i].name, cases, accepted);
	ck_assert_uint_eq(cases, files[_i].cases);
	ck_assert_uint_gt(accepted, 0);
}
END_TEST

int
main(void)
{
	const struct log_setup quiet = { LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, "-", "off" };
	Suite *s = suite_create("oidc/wycheproof");
	TCase *t = tcase_create("all");
	struct err e;
	SRunner *r;
	int failed;

	if (log_open(&quiet, &e) < 0)
		return 1;
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, every_vector_is_judged_as_wycheproof_does, 0, 3);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
