/* session/session.c: whose session it is, for how long, and for whom it counts. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/seal.h"
#include "session/cookie.h"
#include "session/revoked.h"
#include "session/session.h"
#include "session/token.h"
#include "tests/unit/fake_identity.h"

#define NOW    1800000000LL
#define NOW_MS (NOW * 1000 + 250)

static struct mem *m;
static struct secret *secret_a, *secret_b;
static struct conf_session conf;
static struct conf_origin origin;
static struct conf_provider provider;
static struct session_scope scope;
static struct conf_strings needed;
static struct identity jane;
static struct sessions *sessions;
static struct session_cache *cache;
static struct revoked *revoked;
static struct err e;

static void
renew(void)
{
	sessions_free(&sessions);
	sessions = sessions_new(&conf, &needed, &e);
	ck_assert_ptr_nonnull(sessions);
}

static void
setup(void)
{
	static const char *names[] = { "groups", "email", "groups", "sub", "sid", "aud", "op_aud", "age",
		"address" };

	m = mem_new(1 << 20);
	secret_a = secret_new("0123456789abcdef0123456789abcdef", 32);
	secret_b = secret_new("another-secret-another-secret-01", 32);
	conf = (struct conf_session){ .secrets = &secret_a,
		.n_secrets = 1,
		.cookie = "wp",
		.cookie_prefix = true,
		.timeout = 8 * 3600 * 1000 };
	origin = (struct conf_origin){ .url = "https://flow.example.com", .path = "", .https = true };
	provider = (struct conf_provider){ .name = "main", .client_id = "the-client" };
	scope = (struct session_scope){ &origin, &provider, STR("__Host-wp") };
	needed = (struct conf_strings){ sizeof(names) / sizeof(*names), names };
	jane = (struct identity){ "https://op.example", "248289761001", "jane", "op-session-1", NOW + 3600,
		NOW - 5, json_object() };
	cache = session_cache_new(64);
	revoked = revoked_new(64);
	renew();
}

static void
teardown(void)
{
	mem_free(&m);
	sessions_free(&sessions);
	session_cache_free(&cache);
	revoked_free(&revoked);
	secret_free(&secret_a);
	secret_free(&secret_b);
	json_decref(jane.claims);
}

static struct str
begin_at(int64_t now_ms)
{
	const struct session *out;
	struct str token;

	ck_assert_msg(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, now_ms, m,
			  &out, &token, &e) == 0,
	    "%s", e.text);
	ck_assert_ptr_nonnull(out);
	return token;
}

static enum session_found
find_head(const char *head, int64_t now_ms, const struct session **out)
{
	struct str field = str_of(head);
	struct visit v = { .scope = &scope,
		.cookies = &field,
		.n_cookies = 1,
		.revoked = revoked,
		.cache = cache,
		.now_ms = now_ms,
		.mem = m };
	const struct session *again;
	enum session_found first = session_find(sessions, &v, out), second;

	/* What is remembered must not change the answer, nor must a missing memory. */
	second = session_find(sessions, &v, &again);
	ck_assert_int_eq(first, second);
	v.cache = NULL;
	ck_assert_int_eq(first, session_find(sessions, &v, &again));
	ck_assert((*out == NULL) == (again == NULL));
	ck_assert((*out != NULL) ==
		  (first == SESSION_FOUND || first == SESSION_EXPIRED || first == SESSION_REVOKED));
	return first;
}

static enum session_found
find(struct str token, int64_t now_ms)
{
	const struct session *out;

	return find_head(mem_printf(m, "a=b; __Host-wp=%.*s; c=d", STR_ARG(token)), now_ms, &out);
}

/* A token of ours with claims put together by hand: what a backend that knows `secret` could make. */
static struct str
sign(const char *claims)
{
	struct token_keys *keys = token_keys_new(&secret_a, 1, &e);
	struct str token;

	ck_assert_ptr_nonnull(keys);
	token = token_sign(keys, str_of(claims), m);
	token_keys_free(&keys);
	return token;
}

static json_t *
claims_of(struct str token)
{
	struct str rest = token, part;
	unsigned char *out = mem_alloc(m, token.n);
	json_t *j;
	long n;

	ck_assert(str_next(&rest, '.', &part) && str_next(&rest, '.', &part));
	n = secret_unb64(out, part);
	ck_assert_int_gt(n, 0);
	j = json_loadb((const char *)out, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(j);
	return j;
}

START_TEST(the_cookie_holds_the_claims_of_the_contract)
{
	json_t *j;

	(void)json_object_set_new(jane.claims, "groups", json_pack("[ss]", "staff", "it"));
	(void)json_object_set_new(jane.claims, "sub", json_string("248289761001"));
	(void)json_object_set_new(jane.claims, "sid", json_string("op-session-1"));
	(void)json_object_set_new(jane.claims, "aud", json_pack("[s]", "the-client"));
	(void)json_object_set_new(jane.claims, "op_aud", json_string("odd"));
	(void)json_object_set_new(jane.claims, "not_needed", json_string("x"));
	j = claims_of(begin_at(NOW_MS));
	ck_assert_str_eq(json_string_value(json_object_get(j, "iss")), "https://flow.example.com");
	ck_assert_str_eq(json_string_value(json_object_get(j, "aud")), "the-client");
	ck_assert_str_eq(json_string_value(json_object_get(j, "sub")), "248289761001");
	ck_assert_str_eq(json_string_value(json_object_get(j, "username")), "jane");
	ck_assert_str_eq(json_string_value(json_object_get(j, "idp")), "main");
	ck_assert_str_eq(json_string_value(json_object_get(j, "op_sid")), "op-session-1");
	ck_assert_uint_eq(json_string_length(json_object_get(j, "sid")), 22);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "sst")), NOW_MS);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "auth_time")), NOW - 5);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "iat")), NOW);
	ck_assert_int_eq(json_integer_value(json_object_get(j, "exp")), NOW + 8 * 3600);
	ck_assert_uint_eq(json_array_size(json_object_get(j, "groups")), 2);
	ck_assert(json_is_array(json_object_get(j, "op_aud")));
	ck_assert_str_eq(json_string_value(json_object_get(j, "op_op_aud")), "odd");
	ck_assert_uint_eq(json_object_size(j), 14);
	json_decref(j);
}
END_TEST

START_TEST(what_the_provider_did_not_say_is_not_claimed)
{
	json_t *j;
	const struct session *out;
	struct str token;

	jane.provider_sid = "";
	jane.auth_time = 0;
	token = begin_at(NOW_MS);
	j = claims_of(token);
	ck_assert_ptr_null(json_object_get(j, "op_sid"));
	ck_assert_ptr_null(json_object_get(j, "auth_time"));
	json_decref(j);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	ck_assert_uint_eq(out->op_sid.n, 0);
	ck_assert_int_eq(out->auth_time, 0);
}
END_TEST

START_TEST(a_session_comes_back_as_it_began)
{
	const struct session *began, *found, *kept;
	const struct session_claim *c;
	struct mem *other = mem_new(1 << 16);
	struct str token;

	(void)json_object_set_new(jane.claims, "groups", json_pack("[ss]", "Sales, North", "it"));
	(void)json_object_set_new(jane.claims, "email", json_string("jane@example.com"));
	(void)json_object_set_new(jane.claims, "aud", json_string("provider-aud"));
	(void)json_object_set_new(jane.claims, "sub", json_string("248289761001"));
	(void)json_object_set_new(jane.claims, "sid", json_string("op-session-1"));
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &began, &token, &e),
	    0);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &found), SESSION_FOUND);
	kept = session_keep(found, other);
	mem_free(&m); /* nothing of what is kept lived there */
	m = mem_new(1 << 20);
	ck_assert(str_is(kept->iss, str_of(origin.url)));
	ck_assert(str_is(kept->aud, STR("the-client")));
	ck_assert(str_is(kept->sub, STR("248289761001")));
	ck_assert(str_is(kept->username, STR("jane")));
	ck_assert(str_is(kept->idp, STR("main")));
	ck_assert(str_is(kept->op_sid, STR("op-session-1")));
	ck_assert_uint_eq(kept->sid.n, 22);
	ck_assert_int_eq(kept->sst, NOW_MS);
	ck_assert_int_eq(kept->iat, NOW);
	ck_assert_int_eq(kept->exp, NOW + 8 * 3600);
	ck_assert_int_eq(kept->auth_time, NOW - 5);
	c = session_claim(kept, "groups");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->value.p, "Sales%2C North,it");
	ck_assert_uint_eq(c->n_elements, 2);
	ck_assert_str_eq(c->elements[0].p, "Sales, North");
	ck_assert_str_eq(c->elements[1].p, "it");
	ck_assert_str_eq(session_claim(kept, "aud")->value.p, "provider-aud");
	ck_assert_str_eq(session_claim(kept, "sub")->value.p, "248289761001");
	ck_assert_str_eq(session_claim(kept, "sid")->value.p, "op-session-1");
	ck_assert_uint_eq(kept->n_claims, 5);
	ck_assert_ptr_null(session_claim(kept, "op_aud"));
	ck_assert_ptr_null(session_claim(kept, "username"));
	ck_assert_ptr_null(session_claim(kept, "nothing"));
	mem_free(&other);
}
END_TEST

/* json of a claim, its text for a header, its elements joined with '|'. */
static const struct {
	const char *json, *value, *elements;
} values[] = {
	{ "\"x\"", "x", "x" },
	{ "\"a,b\"", "a,b", "a,b" }, /* no array: left as it is */
	{ "\"\"", "", "" },
	{ "[]", "", NULL },
	{ "[\"a\"]", "a", "a" },
	{ "[\"a\",\"b\"]", "a,b", "a|b" },
	{ "[\"a,b\",\"c\"]", "a%2Cb,c", "a,b|c" },
	{ "[\",\",\"\"]", "%2C,", ",|" },
	{ "42", "42", "42" },
	{ "-9007199254740993", "-9007199254740993", "-9007199254740993" },
	{ "0.1", "0.1", "0.1" },
	{ "true", "true", "true" },
	{ "[1,true,null,\"x\"]", "1,true,null,x", "1|true|null|x" },
	{ "{\"a\":1}", "{\"a\":1}", "{\"a\":1}" },
	{ "[{\"a\":\"b,c\"},[1,2]]", "{\"a\":\"b%2Cc\"},[1%2C2]", "{\"a\":\"b,c\"}|[1,2]" },
	{ "\"J\\u00fcrgen \\u6f22\"", "J\xc3\xbcrgen \xe6\xbc\xa2", "J\xc3\xbcrgen \xe6\xbc\xa2" },
	{ "\"\\u00a0x\"", "\xc2\xa0x", "\xc2\xa0x" },
};

START_TEST(a_claim_is_ready_for_headers_and_rules)
{
	const struct session *out;
	const struct session_claim *c;
	const char *elements = NULL;
	struct str token;
	size_t i;

	(void)json_object_set_new(jane.claims, "groups", json_loads(values[_i].json, JSON_DECODE_ANY, NULL));
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	c = session_claim(out, "groups");
	ck_assert_ptr_nonnull(c);
	ck_assert_str_eq(c->value.p, values[_i].value);
	for (i = 0; i < c->n_elements; i++)
		elements = mem_printf(
		    m, "%s%s%s", elements == NULL ? "" : elements, i == 0 ? "" : "|", c->elements[i].p);
	ck_assert((elements == NULL) == (values[_i].elements == NULL));
	if (elements != NULL)
		ck_assert_str_eq(elements, values[_i].elements);
}
END_TEST

START_TEST(a_claim_of_null_is_absent)
{
	const struct session *out;
	struct str token;

	(void)json_object_set_new(jane.claims, "groups", json_null());
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	ck_assert_ptr_null(session_claim(out, "groups"));
}
END_TEST

static const char *const controls[] = { "\"a\\nb\"", "\"a\\rb\"", "\"\\tb\"", "\"\\u0001\"", "\"\\u001f\"",
	"\"\\u007f\"", "\"\\u0085\"", "\"\\u009f\"", "[\"x\",\"y\\nz\"]", "{\"k\":\"\\u007f\"}" };

START_TEST(a_control_character_refuses_the_sign_in)
{
	const struct session *out;
	struct str token;

	(void)json_object_set_new(jane.claims, "groups", json_loads(controls[_i], JSON_DECODE_ANY, NULL));
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &out, &token, &e),
	    -1);
	ck_assert_int_eq(e.reason, REASON_LOGIN_CLAIM);
	ck_assert_ptr_nonnull(strstr(e.text, "groups"));
	ck_assert_ptr_null(out);
	ck_assert_ptr_null(token.p);
}
END_TEST

START_TEST(a_username_with_a_control_character_refuses_the_sign_in)
{
	const struct session *out;
	struct str token;

	jane.username = "jane\r\nX-Admin: yes";
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &out, &token, &e),
	    -1);
	ck_assert_int_eq(e.reason, REASON_LOGIN_CLAIM);
	ck_assert_ptr_null(strstr(e.text, "X-Admin"));
}
END_TEST

/* Whatever userinfo or an odd provider puts there. */
START_TEST(no_claim_takes_the_place_of_one_of_ours)
{
	const struct session *out;
	struct str token;

	jane.provider_sid = "";
	(void)json_object_set_new(jane.claims, "sid", json_integer(5));
	(void)json_object_set_new(jane.claims, "sub", json_string("somebody-else"));
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	ck_assert(str_is(out->sub, STR("248289761001")));
	ck_assert_str_eq(session_claim(out, "sub")->value.p, "248289761001");
	ck_assert_ptr_null(session_claim(out, "sid"));
	ck_assert_uint_eq(out->op_sid.n, 0);
}
END_TEST

START_TEST(every_sign_in_gets_a_sid_of_its_own)
{
	const struct session *one, *two;
	struct str token;

	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &one, &token, &e),
	    0);
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &two, &token, &e),
	    0);
	ck_assert(!str_is(one->sid, two->sid));
}
END_TEST

START_TEST(without_timeout_a_session_ends_with_the_id_token)
{
	struct str token;

	conf.timeout = 0;
	renew();
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find(token, (NOW + 3600) * 1000 - 1), SESSION_FOUND);
	ck_assert_int_eq(find(token, (NOW + 3600) * 1000), SESSION_EXPIRED);
}
END_TEST

START_TEST(with_timeout_a_session_ends_then_whatever_the_id_token_says)
{
	struct str token = begin_at(NOW_MS);

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	ck_assert_int_eq(find(token, (NOW + 8 * 3600) * 1000 - 1), SESSION_FOUND);
	ck_assert_int_eq(find(token, (NOW + 8 * 3600) * 1000), SESSION_EXPIRED);
	ck_assert_int_eq(find(token, INT64_MAX), SESSION_EXPIRED);
}
END_TEST

START_TEST(a_shorter_timeout_counts_for_sessions_that_run)
{
	struct str token = begin_at(NOW_MS);

	conf.timeout = 1500;
	ck_assert_int_eq(find(token, NOW_MS + 1499), SESSION_FOUND);
	ck_assert_int_eq(find(token, NOW_MS + 1500), SESSION_EXPIRED);
}
END_TEST

START_TEST(a_timeout_below_a_second_still_begins)
{
	struct str token;

	conf.timeout = 500;
	token = begin_at(NOW * 1000);
	ck_assert_int_eq(find(token, NOW * 1000 + 499), SESSION_FOUND);
	ck_assert_int_eq(find(token, NOW * 1000 + 500), SESSION_EXPIRED);
}
END_TEST

START_TEST(an_id_token_that_is_over_begins_nothing)
{
	const struct session *out;
	struct str token;

	conf.timeout = 0;
	jane.expires = NOW;
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &out, &token, &e),
	    -1);
	ck_assert_int_eq(e.reason, REASON_TOKEN_EXPIRED);
	jane.expires = NOW + 1;
	ck_assert_int_eq(session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m,
			     &out, &token, &e),
	    0);
}
END_TEST

static const int64_t years[] = { 2147483646, 2147483648, 4102444800, 253402300799 }; /* 2038, 2100, 9999 */

START_TEST(no_year_is_the_last)
{
	struct str token;

	jane.expires = years[_i] + 7200;
	token = begin_at(years[_i] * 1000);
	ck_assert_int_eq(find(token, years[_i] * 1000), SESSION_FOUND);
	ck_assert_int_eq(find(token, (years[_i] + 8 * 3600) * 1000), SESSION_EXPIRED);
}
END_TEST

START_TEST(an_id_token_that_never_ends_makes_a_session_of_thirty_days)
{
	struct str token;

	conf.timeout = 0;
	jane.expires = INT64_MAX;
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	ck_assert_int_eq(session_longest(&conf), SESSION_LIFE_MAX);
	ck_assert_int_eq(find(token, NOW_MS + SESSION_LIFE_MAX * 1000LL - 1000), SESSION_FOUND);
	ck_assert_int_eq(find(token, NOW_MS + SESSION_LIFE_MAX * 1000LL), SESSION_EXPIRED);
}
END_TEST

START_TEST(clocks_may_differ_by_a_minute)
{
	struct str token = begin_at(NOW * 1000);

	ck_assert_int_eq(find(token, (NOW - 60) * 1000), SESSION_FOUND);
	ck_assert_int_eq(find(token, (NOW - 60) * 1000 - 1), SESSION_INVALID);
}
END_TEST

START_TEST(a_session_is_of_one_origin_client_and_provider)
{
	struct str token = begin_at(NOW_MS);

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	origin.url = "https://flow.example.org";
	ck_assert_int_eq(find(token, NOW_MS), SESSION_INVALID);
	origin.url = "https://flow.example.com";
	provider.client_id = "the-client2";
	ck_assert_int_eq(find(token, NOW_MS), SESSION_INVALID);
	provider.client_id = "the-client";
	provider.name = "Main";
	ck_assert_int_eq(find(token, NOW_MS), SESSION_INVALID);
	provider.name = "main";
	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
}
END_TEST

START_TEST(another_snapshot_judges_for_itself)
{
	struct str token = begin_at(NOW_MS);
	struct conf_session strange = conf;
	struct sessions *ours = sessions;

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	strange.secrets = &secret_b;
	sessions = sessions_new(&strange, &needed, &e);
	ck_assert_ptr_nonnull(sessions);
	ck_assert_int_eq(find(token, NOW_MS), SESSION_INVALID);
	sessions_free(&sessions);
	sessions = ours;
}
END_TEST

START_TEST(a_secret_may_be_replaced_while_sessions_run)
{
	struct secret *rotated[2];
	struct str old = begin_at(NOW_MS), new;

	rotated[0] = secret_b;
	rotated[1] = secret_a;
	conf.secrets = rotated;
	conf.n_secrets = 2;
	renew();
	ck_assert_int_eq(find(old, NOW_MS), SESSION_FOUND);
	new = begin_at(NOW_MS);
	ck_assert_int_eq(find(new, NOW_MS), SESSION_FOUND);
	conf.n_secrets = 1;
	renew();
	ck_assert_int_eq(find(new, NOW_MS), SESSION_FOUND);
	ck_assert_int_eq(find(old, NOW_MS), SESSION_INVALID);
	conf.secrets = &secret_a;
}
END_TEST

START_TEST(a_revoked_session_is_nobodys_also_when_remembered)
{
	const struct session *out;
	struct str token = begin_at(NOW_MS);
	const char *head = mem_printf(m, "__Host-wp=%s", token.p);

	ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_FOUND);
	ck_assert_int_eq(revoked_add(revoked, out->sid, out->exp, NOW), 0);
	ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_REVOKED);
	ck_assert_str_eq(out->username.p, "jane");
	ck_assert_int_eq(find_head(head, (NOW + 9 * 3600) * 1000, &out), SESSION_EXPIRED);
}
END_TEST

START_TEST(every_altered_byte_makes_a_session_invalid)
{
	struct str token = begin_at(NOW_MS);
	char *altered = mem_text(m, token);
	const struct session *out;
	struct str field;
	struct visit v = { .scope = &scope,
		.cookies = &field,
		.n_cookies = 1,
		.revoked = revoked,
		.cache = cache,
		.now_ms = NOW_MS,
		.mem = m };
	size_t i;

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	for (i = 0; i < token.n; i++) {
		altered[i] = altered[i] == 'A' ? 'B' : 'A';
		field = str_of(mem_printf(m, "__Host-wp=%s", altered));
		ck_assert_int_eq(session_find(sessions, &v, &out), SESSION_INVALID);
		ck_assert_ptr_null(out);
		altered[i] = token.p[i];
	}
}
END_TEST

/* %s: the claims that a good token begins with. */
#define GOOD                                                                                                 \
	"\"iss\":\"https://"                                                                                 \
	"flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\",\"sid\":"                \
	"\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000"
static const struct {
	const char *claims;
	enum session_found found;
} records[] = {
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600}", SESSION_FOUND },
	{ "{" GOOD ",\"iat\":1800000000}", SESSION_INVALID },
	{ "{" GOOD ",\"exp\":1800003600}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":\"1800003600\"}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1e300}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600.5}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":-1}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":[1800003600]}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":null}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":99999999999999999999}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":9223372036854775807}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800000000}", SESSION_EXPIRED },
	{ "{" GOOD ",\"iat\":1800000061,\"exp\":1800003600}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600,\"op_sid\":5}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600,\"auth_time\":\"x\"}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600,\"groups\":\"a\\nb\"}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600,\"sub\":\"other\"}", SESSION_INVALID }, /* twice */
	{ "{\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\",\"sid\":\"AAAAAAAAAAAAAAAAAAAAAA\","
	  "\"idp\":\"main\","
	  "\"sst\":1800000000000,\"iat\":1800000000,\"exp\":1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":[\"the-client\"],\"sub\":\"s\",\"username\":\"u\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"\",\"username\":\"u\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\\u0000\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\\n\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\",\"sid\":\"A\","
	  "\"idp\":\"main\",\"sst\":1800000000000,\"iat\":1800000000,\"exp\":1800003600}",
	    SESSION_INVALID },
	{ "{\"iss\":\"https://"
	  "flow.example.com\",\"aud\":\"the-client\",\"sub\":\"s\",\"username\":\"u\",\"sid\":"
	  "\"AAAAAAAAAAAAAAAAAAAAAA\",\"idp\":\"main\",\"sst\":1800000061000,\"iat\":1800000000,\"exp\":"
	  "1800003600}",
	    SESSION_INVALID },
	{ "", SESSION_INVALID },
	{ "null", SESSION_INVALID },
	{ "[]", SESSION_INVALID },
	{ "{}", SESSION_INVALID },
	{ "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600}x", SESSION_INVALID },
};

/* Also when the signature is right: a backend that knows the secret may be mistaken. */
START_TEST(only_whole_and_well_formed_claims_are_a_session)
{
	ck_assert_int_eq(find(sign(records[_i].claims), NOW * 1000), records[_i].found);
}
END_TEST

START_TEST(texts_of_another_purpose_are_no_session)
{
	unsigned char key[32];
	const char *claims = "{" GOOD ",\"iat\":1800000000,\"exp\":1800003600}";
	struct str sealed;

	secret_derive(secret_str(secret_a), "state", key, sizeof(key));
	sealed = seal_close(key, STR("state"), str_of(claims), m);
	ck_assert_int_eq(find(sealed, NOW_MS), SESSION_INVALID);
	ck_assert_int_eq(find(str_of(claims), NOW_MS), SESSION_INVALID);
	ck_assert_int_eq(find(STR("AAAAAAAAAAAAAAAAAAAAAA"), NOW_MS), SESSION_INVALID); /* a binding */
}
END_TEST

START_TEST(no_sealed_text_opens_as_our_token)
{
	unsigned char key[32];
	struct str token = begin_at(NOW_MS), plain;

	secret_derive(secret_str(secret_a), "state", key, sizeof(key));
	ck_assert(!seal_open(key, STR("state"), token, m, &plain));
}
END_TEST

/* %T: a good token, %U: another, %E: one that is over, %X: a forged one, %O: one of another origin. */
static const struct {
	const char *head;
	enum session_found found;
} visits[] = {
	{ "", SESSION_NONE },
	{ "a=b; c=d", SESSION_NONE },
	{ "wp=%T", SESSION_NONE },
	{ "__Host-WP=%T", SESSION_NONE },
	{ "__Host-wpx=%T", SESSION_NONE },
	{ "__Host-wp", SESSION_NONE },
	{ "__Host-wp_1=%T", SESSION_NONE },
	{ "__Host-wp-other=%T", SESSION_NONE },
	{ ";;", SESSION_NONE },
	{ "=", SESSION_NONE },
	{ "=;", SESSION_NONE },
	{ "a", SESSION_NONE },
	{ " ; =x", SESSION_NONE },
	{ "=%T", SESSION_NONE },
	{ "__Host-wp=", SESSION_INVALID },
	{ "__Host-wp=%X", SESSION_INVALID },
	{ "__Host-wp=%O", SESSION_INVALID },
	{ "__Host-wp=\"%T\"", SESSION_INVALID },
	{ "__Host-wp=%T,%T", SESSION_INVALID },
	{ "__Host-wp=%%s%%n%%x", SESSION_INVALID },
	{ "__Host-wp=%T", SESSION_FOUND },
	{ "__Host-wp = %T ", SESSION_FOUND },
	{ "a=b;__Host-wp=%T;c", SESSION_FOUND },
	{ "__Host-wp=%E", SESSION_EXPIRED },
	{ "__Host-wp=%T; __Host-wp=%T", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp=%U", SESSION_DUPLICATE },
	{ "__Host-wp=%T; __Host-wp=%U; __Host-wp=%T", SESSION_DUPLICATE },
	{ "__Host-wp=%X; __Host-wp=%T", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp=%X", SESSION_FOUND },
	{ "__Host-wp=; __Host-wp=%T; __Host-wp=x", SESSION_FOUND },
	{ "__Host-wp=%E; __Host-wp=%T", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp=%E", SESSION_FOUND },
	{ "__Host-wp=%X; __Host-wp=%E; __Host-wp=%O", SESSION_EXPIRED },
	{ "__Host-wp=%T; __Host-wp=%O", SESSION_FOUND },
	{ "__Host-wp=1;__Host-wp=2;__Host-wp=3;__Host-wp=4;__Host-wp=5;__Host-wp=6;__Host-wp=7;__Host-wp=%T",
	    SESSION_FOUND },
	{ "__Host-wp=1;__Host-wp=2;__Host-wp=3;__Host-wp=4;__Host-wp=5;__Host-wp=6;__Host-wp=7;__Host-wp=8;__"
	  "Host-wp=%T",
	    SESSION_INVALID },
	{ "__Host-wp=%T;__Host-wp=2;__Host-wp=3;__Host-wp=4;__Host-wp=5;__Host-wp=6;__Host-wp=7;__Host-wp=8;_"
	  "_Host-wp=9",
	    SESSION_DUPLICATE },
	/* parts */
	{ "__Host-wp=%1; __Host-wp_1=%2", SESSION_FOUND },
	{ "__Host-wp_1=%2; __Host-wp=%1", SESSION_FOUND },
	{ "__Host-wp=%1; __Host-wp_1=; __Host-wp_2=%2", SESSION_FOUND },
	{ "__Host-wp=%1; __Host-wp_2=%2", SESSION_INVALID },
	{ "__Host-wp=%1", SESSION_INVALID },
	{ "__Host-wp_1=%2", SESSION_NONE },
	{ "__Host-wp=%2; __Host-wp_1=%1", SESSION_INVALID },
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp_2=old", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp_1=old", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp_1=%T", SESSION_FOUND },
	{ "__Host-wp=%T; __Host-wp_99999999=x; __Host-wp_-1=x; __Host-wp_a=x", SESSION_FOUND },
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp=%T",
	    SESSION_DUPLICATE }, /* two differing ones, one in parts */
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp=%1; __Host-wp_1=%2", SESSION_FOUND },
	{ "__Host-wp=x; __Host-wp_1=y; __Host-wp=%1; __Host-wp_1=%2", SESSION_FOUND },
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp=x", SESSION_FOUND },
};

static const char *
fill_in(const char *text, const struct str *tokens)
{
	static const char letters[] = "TUEXO12%";
	const char *out = "";

	for (; *text != '\0'; text++) {
		const char *letter = *text == '%' ? strchr(letters, text[1]) : NULL;

		if (letter == NULL) {
			out = mem_printf(m, "%s%c", out, *text);
			continue;
		}
		out = mem_printf(m, "%s%.*s", out, STR_ARG(tokens[letter - letters]));
		text++;
	}
	return out;
}

static void
make_tokens(struct str tokens[8])
{
	tokens[0] = begin_at(NOW_MS);
	tokens[1] = begin_at(NOW_MS);
	tokens[2] = begin_at(NOW_MS - 9 * 3600 * 1000);
	tokens[3] = mem_str(m, tokens[0]);
	((char *)(uintptr_t)tokens[3].p)[tokens[3].n - 2] ^= 1;
	origin.url = "https://elsewhere.example.com";
	tokens[4] = begin_at(NOW_MS);
	origin.url = "https://flow.example.com";
	tokens[5] = (struct str){ tokens[1].p, tokens[1].n / 2 };
	tokens[6] = str_from(tokens[1], tokens[1].n / 2);
	tokens[7] = STR("%");
}

START_TEST(of_several_cookies_the_only_one_that_verifies_counts)
{
	struct str tokens[8];
	const struct session *out;

	make_tokens(tokens);
	ck_assert_int_eq(find_head(fill_in(visits[_i].head, tokens), NOW_MS, &out), visits[_i].found);
}
END_TEST

/* Which of T, U and E are found, in this order; the tokens are those of the test above. */
static const struct {
	const char *head, *all;
} held_rows[] = {
	{ "", "" },
	{ "a=b", "" },
	{ "__Host-wp=%X; __Host-wp=%O; __Host-wp=", "" },
	{ "__Host-wp=%T", "T" },
	{ "__Host-wp=%T; __Host-wp=%T", "T" },
	{ "__Host-wp=%T; __Host-wp=%U", "TU" },
	{ "__Host-wp=%U; x=y; __Host-wp=%X; __Host-wp=%T", "UT" },
	{ "__Host-wp=%E", "E" },
	{ "__Host-wp=%E; __Host-wp=%T", "TE" },
	{ "__Host-wp=%E; __Host-wp=%T; __Host-wp=%E; __Host-wp=%U", "TUE" },
	{ "__Host-wp=1;__Host-wp=2;__Host-wp=3;__Host-wp=4;__Host-wp=5;__Host-wp=6;__Host-wp=7;__Host-wp=8;"
	  "__Host-wp=9;__Host-wp=%T;__Host-wp=%U",
	    "TU" },
	{ "__Host-wp=%1; __Host-wp_1=%2", "U" },
	{ "__Host-wp=%1; __Host-wp_1=%2; __Host-wp=%T", "TU" },
	{ "__Host-wp=%T; __Host-wp_1=old", "T" },
	{ "__Host-wp_1=%2", "" },
};

START_TEST(a_sign_out_finds_every_session_that_is_authentic)
{
	const struct session *named[3], **all;
	const char *names = "TUE";
	struct str tokens[8], field;
	struct visit v = {
		.scope = &scope, .cookies = &field, .n_cookies = 1, .cache = cache, .now_ms = NOW_MS, .mem = m
	};
	size_t n;

	make_tokens(tokens);
	for (size_t i = 0; i < 3; i++)
		(void)session_read(sessions, &v, tokens[i], &named[i]);
	field = str_of(fill_in(held_rows[_i].head, tokens));
	n = session_find_all(sessions, &v, &all);
	ck_assert_uint_eq(n, strlen(held_rows[_i].all));
	for (size_t i = 0; i < n; i++)
		ck_assert(str_is(all[i]->sid, named[strchr(names, held_rows[_i].all[i]) - names]->sid));
}
END_TEST

/* Under another name, so that it shows where the answer came from. */
START_TEST(a_session_that_was_begun_is_known_to_its_first_request_and_judged_there)
{
	const struct session *out;
	struct session other;
	struct str token = begin_at(NOW_MS);
	const char *head = mem_printf(m, "__Host-wp=%.*s", STR_ARG(token));
	struct visit v = { .scope = &scope, .now_ms = NOW_MS, .mem = m };

	ck_assert_int_eq(session_read(sessions, &v, token, &out), SESSION_FOUND);
	session_remember(sessions, &v, token, out); /* without a memory: nothing */
	other = *out;
	other.username = STR("from-memory");
	v.cache = cache;
	session_remember(sessions, &v, token, &other);
	ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_FOUND);
	ck_assert(str_is(out->username, STR("from-memory")));
	ck_assert_int_eq(find_head(head, NOW_MS + 9 * 3600 * 1000, &out), SESSION_EXPIRED);
	renew();
	ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_FOUND);
	ck_assert(str_is(out->username, STR("jane")));
}
END_TEST

START_TEST(no_cookie_field_at_all_is_no_session)
{
	const struct session *out;
	struct visit v = { .scope = &scope,
		.cookies = NULL,
		.n_cookies = 0,
		.revoked = revoked,
		.cache = cache,
		.now_ms = NOW_MS,
		.mem = m };

	ck_assert_int_eq(session_find(sessions, &v, &out), SESSION_NONE);
	ck_assert_ptr_null(out);
}
END_TEST

START_TEST(cookies_of_several_fields_are_one_list)
{
	const struct session *out;
	struct str fields[2];
	struct visit v = { .scope = &scope,
		.cookies = fields,
		.n_cookies = 2,
		.revoked = NULL,
		.cache = NULL,
		.now_ms = NOW_MS,
		.mem = m };

	fields[0] = STR("a=b");
	fields[1] = str_of(mem_printf(m, "__Host-wp=%s", begin_at(NOW_MS).p));
	ck_assert_int_eq(session_find(sessions, &v, &out), SESSION_FOUND);
	fields[0] = str_of(mem_printf(m, "__Host-wp=%s", begin_at(NOW_MS).p));
	ck_assert_int_eq(session_find(sessions, &v, &out), SESSION_DUPLICATE);
	ck_assert_ptr_null(out);
}
END_TEST

/* Round trip through Set-Cookie: as large as it may be, to the byte. */
START_TEST(the_largest_session_fits_and_a_larger_one_is_refused)
{
	size_t room = session_cookie_room(&conf, &origin, "__Host-wp"), n = room / 4 * 3 - 600;
	const struct session *out;
	const char **set, *head = "";
	struct str token;
	size_t i;
	char *big;

	for (;; n++) {
		big = mem_zalloc(m, n + 1);
		memset(big, 'x', n);
		(void)json_object_set_new(jane.claims, "groups", json_string(big));
		if (session_begin(sessions, &scope, &(struct session_proof){ .who = &jane }, NOW_MS, m, &out,
			&token, &e) == -1)
			break;
		ck_assert_uint_le(token.n, room);
		head = "";
		set = session_cookie_set(&conf, &origin, "__Host-wp", token, NULL, m);
		ck_assert_ptr_nonnull(set);
		for (i = 0; set[i] != NULL; i++) {
			ck_assert_uint_le(strlen(set[i]), 3900);
			head = mem_printf(m, "%s%.*s; ", head, (int)strcspn(set[i], ";"), set[i]);
		}
		ck_assert_uint_eq(i, 9);
		ck_assert_int_eq(find_head(head, NOW_MS, &out), SESSION_FOUND);
		ck_assert_str_eq(session_claim(out, "groups")->value.p, big);
		n += room - token.n > 40 ? 20 : 0;
	}
	ck_assert_int_eq(e.reason, REASON_LOGIN_CLAIM);
	ck_assert_ptr_null(out);
	ck_assert_ptr_null(strstr(e.text, "xxx"));
}
END_TEST

/* --- traded for an access token ------------------------------------------ */

static struct str
trade_at(int64_t now_ms, const struct session **out)
{
	static const char *apps[] = { "other", "app-1" };
	const struct session_trade trade = { STR("app-1"), STR("wf.read wf.write") };
	const struct session_proof proof = { .who = &jane, .trade = &trade };
	struct str token;

	conf.mobile_clients = (struct conf_strings){ 2, apps };
	conf.mobile_timeout = 2 * 3600 * 1000;
	ck_assert_msg(session_begin(sessions, &scope, &proof, now_ms, m, out, &token, &e) == 0, "%s", e.text);
	return token;
}

START_TEST(a_traded_session_lasts_mobile_timeout_and_keeps_app_and_scopes)
{
	const struct session *out;
	struct str token;

	conf.timeout = 1000;
	token = trade_at(NOW_MS, &out);
	ck_assert_int_eq(out->exp, NOW + 7200);
	for (int i = 0; i < 2; i++) {
		ck_assert(str_is(out->app_id, STR("app-1")));
		ck_assert(str_is(out->scopes, STR("wf.read wf.write")));
		ck_assert_int_eq(
		    find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS + 7199000, &out), SESSION_FOUND);
	}
	ck_assert_int_eq(find(token, NOW_MS + 7200000), SESSION_EXPIRED);
	conf.mobile_timeout = 60 * 1000;
	ck_assert_int_eq(find(token, NOW_MS + 60000), SESSION_EXPIRED);
	conf.timeout = 0;
	token = begin_at(NOW_MS);
	ck_assert_int_eq(find_head(mem_printf(m, "__Host-wp=%s", token.p), NOW_MS, &out), SESSION_FOUND);
	ck_assert_uint_eq(out->app_id.n + out->scopes.n, 0);
}
END_TEST

START_TEST(an_app_that_leaves_the_list_loses_its_sessions)
{
	const struct session *out;
	struct str token = trade_at(NOW_MS, &out);

	ck_assert_int_eq(find(token, NOW_MS), SESSION_FOUND);
	conf.mobile_clients.n = 1;
	ck_assert_int_eq(find(token, NOW_MS), SESSION_REVOKED);
}
END_TEST

START_TEST(no_claim_of_the_provider_becomes_the_scopes_of_a_session)
{
	static const char *names[] = { "scope", "client_id" };
	const struct session *out;

	needed = (struct conf_strings){ 2, names };
	renew();
	(void)json_object_set_new(jane.claims, "scope", json_string("all"));
	(void)json_object_set_new(jane.claims, "client_id", json_string("app-1"));
	ck_assert_int_eq(
	    find_head(mem_printf(m, "__Host-wp=%s", begin_at(NOW_MS).p), NOW_MS, &out), SESSION_FOUND);
	ck_assert_uint_eq(out->app_id.n + out->scopes.n, 0);
	ck_assert_str_eq(session_claim(out, "scope")->value.p, "all");
	ck_assert_str_eq(session_claim(out, "client_id")->value.p, "app-1");
}
END_TEST

START_TEST(a_token_that_is_no_cookie_is_judged_alike)
{
	const struct session *out;
	struct visit v = { .scope = &scope, .revoked = revoked, .cache = cache, .now_ms = NOW_MS, .mem = m };
	struct str token = begin_at(NOW_MS), wrong = mem_str(m, token);

	((char *)(uintptr_t)wrong.p)[wrong.n - 2] ^= 1;
	ck_assert(session_is_token(sessions, token) && session_is_token(sessions, wrong));
	ck_assert(!session_is_token(sessions, str_from(token, 1)));
	ck_assert(!session_is_token(sessions, STR("eyJhbGciOiJIUzI1NiJ9.e30.x")) &&
		  !session_is_token(sessions, STR("")));
	ck_assert_int_eq(session_read(sessions, &v, token, &out), SESSION_FOUND);
	ck_assert(str_is(out->username, STR("jane")));
	ck_assert_int_eq(session_read(sessions, &v, wrong, &out), SESSION_INVALID);
	ck_assert_ptr_null(out);
	ck_assert_int_eq(session_read(sessions, &v, STR("x"), &out), SESSION_INVALID);
	(void)session_read(sessions, &v, token, &out);
	ck_assert_int_eq(revoked_add(revoked, out->sid, NOW + 100, NOW), 0);
	ck_assert_int_eq(session_read(sessions, &v, token, &out), SESSION_REVOKED);
	v.now_ms += 8 * 3600 * 1000;
	v.revoked = NULL;
	ck_assert_int_eq(session_read(sessions, &v, token, &out), SESSION_EXPIRED);
}
END_TEST

START_TEST(neither_secrets_nor_claims_that_are_missing_crash)
{
	struct conf_strings nothing = { 0, NULL };
	struct sessions *s = sessions_new(&conf, &nothing, &e);

	ck_assert_ptr_nonnull(s);
	sessions_free(&s);
	ck_assert_ptr_null(s);
	sessions_free(&s);
	conf.n_secrets = 0;
	ck_assert_ptr_null(sessions_new(&conf, &needed, &e));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/session");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_cookie_holds_the_claims_of_the_contract);
	tcase_add_test(t, what_the_provider_did_not_say_is_not_claimed);
	tcase_add_test(t, a_session_comes_back_as_it_began);
	tcase_add_loop_test(t, a_claim_is_ready_for_headers_and_rules, 0, sizeof(values) / sizeof(*values));
	tcase_add_test(t, a_claim_of_null_is_absent);
	tcase_add_loop_test(
	    t, a_control_character_refuses_the_sign_in, 0, sizeof(controls) / sizeof(*controls));
	tcase_add_test(t, a_username_with_a_control_character_refuses_the_sign_in);
	tcase_add_test(t, no_claim_takes_the_place_of_one_of_ours);
	tcase_add_test(t, every_sign_in_gets_a_sid_of_its_own);
	tcase_add_test(t, without_timeout_a_session_ends_with_the_id_token);
	tcase_add_test(t, with_timeout_a_session_ends_then_whatever_the_id_token_says);
	tcase_add_test(t, a_shorter_timeout_counts_for_sessions_that_run);
	tcase_add_test(t, a_timeout_below_a_second_still_begins);
	tcase_add_test(t, an_id_token_that_is_over_begins_nothing);
	tcase_add_loop_test(t, no_year_is_the_last, 0, sizeof(years) / sizeof(*years));
	tcase_add_test(t, an_id_token_that_never_ends_makes_a_session_of_thirty_days);
	tcase_add_test(t, clocks_may_differ_by_a_minute);
	tcase_add_test(t, a_session_is_of_one_origin_client_and_provider);
	tcase_add_test(t, another_snapshot_judges_for_itself);
	tcase_add_test(t, a_secret_may_be_replaced_while_sessions_run);
	tcase_add_test(t, a_revoked_session_is_nobodys_also_when_remembered);
	tcase_add_test(t, every_altered_byte_makes_a_session_invalid);
	tcase_add_loop_test(
	    t, only_whole_and_well_formed_claims_are_a_session, 0, sizeof(records) / sizeof(*records));
	tcase_add_test(t, texts_of_another_purpose_are_no_session);
	tcase_add_test(t, no_sealed_text_opens_as_our_token);
	tcase_add_loop_test(
	    t, of_several_cookies_the_only_one_that_verifies_counts, 0, sizeof(visits) / sizeof(*visits));
	tcase_add_loop_test(
	    t, a_sign_out_finds_every_session_that_is_authentic, 0, sizeof(held_rows) / sizeof(*held_rows));
	tcase_add_test(t, a_session_that_was_begun_is_known_to_its_first_request_and_judged_there);
	tcase_add_test(t, no_cookie_field_at_all_is_no_session);
	tcase_add_test(t, cookies_of_several_fields_are_one_list);
	tcase_add_test(t, the_largest_session_fits_and_a_larger_one_is_refused);
	tcase_add_test(t, a_traded_session_lasts_mobile_timeout_and_keeps_app_and_scopes);
	tcase_add_test(t, an_app_that_leaves_the_list_loses_its_sessions);
	tcase_add_test(t, no_claim_of_the_provider_becomes_the_scopes_of_a_session);
	tcase_add_test(t, a_token_that_is_no_cookie_is_judged_alike);
	tcase_add_test(t, neither_secrets_nor_claims_that_are_missing_crash);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
