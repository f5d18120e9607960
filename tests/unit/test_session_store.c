/* session/store.c, store_cookie.c: tokens come back to their own session only; a store may take its time. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "conf/seal.h"
#include "session/store_impl.h"
#include "session/token.h"
#include "tests/unit/fake_identity.h"

#define SID   STR("AAAAAAAAAAAAAAAAAAAAAA")
#define OTHER STR("BBBBBBBBBBBBBBBBBBBBBB")

static struct mem *m;
static struct secret *secret_a, *secret_b;
static struct conf_session conf;
static struct conf_origin origin;
static struct conf_provider provider;
static struct session_scope scope;
static struct store *store;
static struct err e;
static struct str field; /* what the browser sends */
static struct visit visit;
static struct session_cache *cache;

static void
setup(void)
{
	m = mem_new(1 << 20);
	secret_a = secret_new("0123456789abcdef0123456789abcdef", 32);
	secret_b = secret_new("another-secret-another-secret-01", 32);
	conf = (struct conf_session){
		.secrets = &secret_a, .n_secrets = 1, .cookie = "wp", .cookie_prefix = true
	};
	origin = (struct conf_origin){ .url = "https://h", .path = "", .https = true };
	provider = (struct conf_provider){ .name = "main", .client_id = "c" };
	scope = (struct session_scope){ &origin, &provider, STR("__Host-wp") };
	field = STR("");
	visit = (struct visit){ .scope = &scope, .cookies = &field, .n_cookies = 1, .mem = m };
	store = store_cookie_new(&conf, &e);
	ck_assert_ptr_nonnull(store);
}

/* The same of a request: what opened once is remembered. */
static void
setup_with_cache(void)
{
	setup();
	cache = session_cache_new(16);
	visit.cache = cache;
}

static void
teardown(void)
{
	store_free(&store);
	store_free(&store);
	secret_free(&secret_a);
	secret_free(&secret_b);
	mem_free(&m);
	session_cache_free(&cache);
}

static void
never(void *arg)
{
	(void)arg;
	ck_abort_msg("a store that is ready at once calls nobody");
}

static struct str
text(char c, size_t n)
{
	char *p = mem_alloc(m, n + 1);

	memset(p, c, n);
	p[n] = '\0';
	return (struct str){ p, n };
}

/* Puts, and lets the browser take the cookies over.  Returns how many it was given. */
static size_t
put(struct str sid, const struct tokens *t)
{
	struct store_op *op;
	const char **set, *head = "";
	size_t i;

	ck_assert_int_eq(store_ask_put(store, &visit, sid, t, never, NULL, &op, &e), STORE_READY);
	ck_assert_int_eq(store_take_put(&op, m, &set, &e), 0);
	ck_assert_ptr_null(op);
	for (i = 0; set[i] != NULL; i++) {
		ck_assert_uint_le(strlen(set[i]), 3900);
		ck_assert_ptr_nonnull(strstr(set[i], "; HttpOnly"));
		if (strstr(set[i], "Max-Age=0") == NULL)
			head = mem_printf(m, "%s%.*s; ", head, (int)strcspn(set[i], ";"), set[i]);
	}
	field = str_of(head);
	return i;
}

static struct tokens
get(struct str sid)
{
	struct store_op *op;
	struct tokens t;

	ck_assert_int_eq(store_ask_get(store, &visit, sid, never, NULL, &op, &e), STORE_READY);
	ck_assert_int_eq(store_take_get(&op, m, &t, &e), 0);
	ck_assert_ptr_null(op);
	return t;
}

static bool
is_nothing(struct tokens t)
{
	return t.id_token.p == NULL && t.access_token.p == NULL && t.refresh_token.p == NULL &&
	       t.access_expires == 0;
}

static const struct tokens three = { .id_token = { "id.to.ken", 9 },
	.access_token = { "access", 6 },
	.refresh_token = { "refresh", 7 },
	.access_expires = 1800003600 };

START_TEST(tokens_come_back_as_they_were_put)
{
	const struct tokens some = {
		.id_token = { "only", 4 }, .refresh_token = { "", 0 }, .access_expires = -5
	};
	struct tokens t;

	ck_assert_uint_eq(put(SID, &three), 1);
	ck_assert_ptr_nonnull(strstr(field.p, "__Host-wp.t="));
	ck_assert_ptr_null(strstr(field.p, "refresh"));
	t = get(SID);
	ck_assert(str_is(t.id_token, three.id_token));
	ck_assert(str_is(t.access_token, three.access_token));
	ck_assert(str_is(t.refresh_token, three.refresh_token));
	ck_assert_int_eq(t.access_expires, 1800003600);
	ck_assert_uint_eq(put(SID, &some), 1);
	t = get(SID);
	ck_assert(str_is(t.id_token, STR("only")));
	ck_assert_ptr_null(t.access_token.p);
	ck_assert_ptr_nonnull(t.refresh_token.p);
	ck_assert_uint_eq(t.refresh_token.n, 0);
}
END_TEST

START_TEST(tokens_of_one_session_never_open_for_another)
{
	(void)put(SID, &three);
	ck_assert(is_nothing(get(OTHER)));
	ck_assert(is_nothing(get(STR(""))));
	ck_assert(!is_nothing(get(SID)));
}
END_TEST

START_TEST(every_altered_byte_makes_them_nothing)
{
	char *head;
	size_t i;

	(void)put(SID, &three);
	head = mem_text(m, field);
	field.p = head;
	for (i = strlen("__Host-wp.t="); i < field.n - 2; i++) {
		char was = head[i];

		head[i] = was == 'A' ? 'B' : 'A';
		ck_assert(is_nothing(get(SID)));
		head[i] = was;
	}
	ck_assert(!is_nothing(get(SID)));
}
END_TEST

START_TEST(texts_of_another_purpose_are_no_tokens)
{
	unsigned char key[32];
	struct token_keys *keys = token_keys_new(&secret_a, 1, &e);

	ck_assert_ptr_nonnull(keys);
	secret_derive(secret_str(secret_a), "workflow-proxy tokens", key, sizeof(key));
	field = str_of(mem_printf(m, "__Host-wp.t=%s", seal_close(key, STR("state"), STR("x"), m).p));
	ck_assert(is_nothing(get(SID)));
	field = str_of(mem_printf(m, "__Host-wp.t=%s", token_sign(keys, STR("{}"), m).p));
	ck_assert(is_nothing(get(SID)));
	token_keys_free(&keys);
}
END_TEST

/* Sealed by us, but not a record: another version, lengths that lie, too much, too little. */
static const struct {
	const char *bytes;
	size_t n;
} records[] = {
	{ "", 0 },
	{ "\1", 1 },
	{ "\2\0\0\0\0\0\0\0\0\0\0\0\1i\377\377\377\377\377\377\377\377", 22 },
	{ "\1\0\0\0\0\0\0\0\0\0\0\0\1i\377\377\377\377\377\377\377", 21 },
	{ "\1\0\0\0\0\0\0\0\0\0\0\0\1i\377\377\377\377\377\377\377\377x", 23 },
	{ "\1\0\0\0\0\0\0\0\0\0\0\0\5\377\377\377\377\377\377\377\377x", 22 },
	{ "\1\0\0\0\0\0\0\0\0\0\0\0\1i\377\377\377\376\377\377\377\377", 22 },
	{ "\1\0\0\0\0\0\0\0\0\0\0\0\1i\377\377\377\377\0\0\0\1", 22 },
};

START_TEST(a_record_that_lies_is_nothing)
{
	unsigned char key[32];
	struct str record = { records[_i].bytes, records[_i].n };

	secret_derive(secret_str(secret_a), "workflow-proxy tokens", key, sizeof(key));
	field = str_of(mem_printf(
	    m, "__Host-wp.t=%s", seal_close(key, STR("tokens AAAAAAAAAAAAAAAAAAAAAA"), record, m).p));
	ck_assert(is_nothing(get(SID)));
}
END_TEST

START_TEST(large_tokens_are_spread_and_shrink_again)
{
	struct tokens large = { .id_token = text('i', 3000),
		.access_token = text('a', 3000),
		.refresh_token = text('r', 3000),
		.access_expires = 7 };
	struct str was;

	ck_assert_uint_eq(put(SID, &large), 4);
	ck_assert(str_is(get(SID).refresh_token, large.refresh_token));
	was = field;
	ck_assert_uint_eq(put(SID, &three), 4); /* one, and three deletions */
	ck_assert(str_is(get(SID).id_token, three.id_token));
	/* A browser that kept the old parts all the same. */
	field = str_of(mem_printf(m, "%s%s", field.p, strstr(was.p, "__Host-wp.t_1=")));
	ck_assert(str_is(get(SID).id_token, three.id_token));
}
END_TEST

static const struct {
	size_t id, access, refresh;
	const char *kept;
} sizes[] = {
	{ 3000, 3000, 3000, "iar" },
	{ 3000, 6000, 3000, "iar" },
	{ 3000, 9000, 3000, "ir" },
	{ 3000, 9000, 9000, "ir" },
	{ 4000, 9000, 9000, "r" },
	{ 20000, 1, 1, "r" },
	{ 1, 1, 20000, "i" },
	{ 60000, 60000, 60000, "" },
};

START_TEST(what_does_not_fit_is_left_out_by_its_worth)
{
	struct tokens large = { .id_token = text('i', sizes[_i].id),
		.access_token = text('a', sizes[_i].access),
		.refresh_token = text('r', sizes[_i].refresh),
		.access_expires = 7 };
	struct tokens t;

	(void)put(SID, &three);
	(void)put(SID, &large);
	t = get(SID);
	ck_assert(field.n < STORE_COOKIE_MAX + 200);
	ck_assert_str_eq(mem_printf(m, "%s%s%s", t.id_token.p == NULL ? "" : "i",
			     t.access_token.p == NULL ? "" : "a", t.refresh_token.p == NULL ? "" : "r"),
	    sizes[_i].kept);
	ck_assert_int_eq(t.access_expires, t.access_token.p == NULL ? 0 : 7);
	if (t.id_token.p != NULL)
		ck_assert(str_is(t.id_token, large.id_token));
}
END_TEST

/* What the session cookie and all else leave of limits.header_size. */
START_TEST(the_room_of_a_visit_is_kept_to)
{
	struct tokens large = {
		.id_token = text('i', 3000), .access_token = text('a', 3000), .refresh_token = text('r', 3000)
	};
	size_t room;

	for (room = 1; room < 14000; room += 97) {
		struct store_op *op;
		const char **set;
		size_t i, n = 0;

		visit.room = room;
		field = STR("");
		ck_assert_int_eq(
		    store_ask_put(store, &visit, SID, &large, never, NULL, &op, &e), STORE_READY);
		ck_assert_int_eq(store_take_put(&op, m, &set, &e), 0);
		for (i = 0; set[i] != NULL; i++)
			n += strlen(set[i]);
		ck_assert_uint_le(n, room);
		ck_assert(n > 0 || room < 4300);
	}
	(void)put(SID, &large);
	ck_assert(str_is(get(SID).access_token, large.access_token));
}
END_TEST

START_TEST(nobody_else_has_tokens_that_are_in_a_browser)
{
	struct store_op *op;
	bool got = false;

	ck_assert(store_is_in_browser(store));
	ck_assert_int_eq(store_ask_lock(store, &visit, SID, never, NULL, &op, &e), STORE_READY);
	ck_assert_int_eq(store_take_lock(&op, &got, &e), 0);
	ck_assert(got);
	store_unlock(store, &visit, SID);
}
END_TEST

START_TEST(no_tokens_need_no_cookie)
{
	const struct tokens none = { 0 };

	ck_assert_uint_eq(put(SID, &none), 0);
	(void)put(SID, &three);
	ck_assert_uint_eq(put(SID, &none), 1); /* deletes */
	ck_assert_uint_eq(field.n, 0);
}
END_TEST

START_TEST(dropping_deletes_with_the_attributes_of_creation)
{
	struct store_op *op;
	const char **set;

	field = STR("__Host-wp.t=x; __Host-wp.t_2=y; __Host-wp=z");
	ck_assert_int_eq(store_ask_drop(store, &visit, SID, never, NULL, &op, &e), STORE_READY);
	ck_assert_int_eq(store_take_drop(&op, m, &set, &e), 0);
	ck_assert_str_eq(set[0], "__Host-wp.t=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; "
				 "Secure; HttpOnly; SameSite=Lax");
	ck_assert_int_eq(strncmp(set[1], "__Host-wp.t_2=; Max-Age=0;", 26), 0);
	ck_assert_ptr_null(set[2]);
}
END_TEST

START_TEST(of_several_cookies_the_one_that_opens_counts)
{
	const char *good;

	(void)put(SID, &three);
	good = field.p;
	field = str_of(mem_printf(m, "__Host-wp.t=x; %s", good));
	ck_assert(!is_nothing(get(SID)));
	field = str_of(mem_printf(m, "%s; __Host-wp.t=; __Host-wp.t_1=old", good));
	ck_assert(!is_nothing(get(SID)));
	field = STR("__Host-wp.t; __Host-wp.t_1=x; =; ;;");
	ck_assert(is_nothing(get(SID)));
	visit.n_cookies = 0;
	ck_assert(is_nothing(get(SID)));
}
END_TEST

static struct store *
store_of(struct secret **secrets, size_t n, struct secret *sealing)
{
	static struct conf_session kept[8];
	static size_t used;
	struct conf_session *c = &kept[used++ % 8];

	*c = conf;
	c->secrets = secrets;
	c->n_secrets = n;
	c->sealing_secret = sealing;
	store_free(&store);
	store = store_cookie_new(c, &e);
	return store;
}

START_TEST(a_secret_may_be_replaced_while_tokens_are_kept)
{
	struct secret *both[] = { secret_b, secret_a };

	(void)put(SID, &three);
	ck_assert_ptr_nonnull(store_of(both, 2, NULL));
	ck_assert(!is_nothing(get(SID)));
	(void)put(SID, &three);
	ck_assert_ptr_nonnull(store_of(both, 1, NULL));
	ck_assert(!is_nothing(get(SID)));
	ck_assert_ptr_nonnull(store_of(&secret_a, 1, NULL));
	ck_assert(is_nothing(get(SID)));
}
END_TEST

START_TEST(with_a_sealing_secret_nothing_else_opens)
{
	(void)put(SID, &three);
	ck_assert_ptr_nonnull(store_of(&secret_a, 1, secret_b));
	ck_assert(is_nothing(get(SID)));
	(void)put(SID, &three);
	ck_assert(!is_nothing(get(SID)));
	ck_assert_ptr_nonnull(store_of(&secret_a, 1, NULL));
	ck_assert(is_nothing(get(SID)));
	ck_assert_ptr_nonnull(store_of(NULL, 0, secret_b));
	(void)put(SID, &three);
	ck_assert(!is_nothing(get(SID)));
	ck_assert_ptr_null(store_of(NULL, 0, NULL));
	ck_assert_int_eq(e.reason, REASON_CONFIG);
}
END_TEST

/* --- a store that must wait, as one on a server would --- */

struct slow_store {
	struct store store;
	struct str sid; /* the one session it holds */
	struct tokens tokens;
	struct slow_op *waiting;
	bool broken;
	int ops; /* alive */
};

struct slow_op {
	struct store_op op;
	struct slow_store *store;
	struct str sid;
	struct tokens tokens;
	store_done *done;
	void *arg;
};

static enum store_answer
slow_ask(struct store *s, const struct store_question *q, struct store_op **op, struct err *err)
{
	struct slow_store *slow = (struct slow_store *)s;
	struct slow_op *o;

	if (slow->broken)
		return err_set(err, REASON_SYSTEM, "store: not connected") == -1 ? STORE_FAILED : STORE_READY;
	o = xcalloc(1, sizeof(*o));
	o->store = slow;
	o->sid = mem_str(m, q->sid);
	if (q->tokens != NULL)
		o->tokens = *q->tokens;
	o->done = q->done;
	o->arg = q->arg;
	slow->waiting = o;
	slow->ops++;
	*op = &o->op;
	return STORE_WAIT;
}

static int
slow_take(struct store_op *op, struct mem *mem, struct store_reply *out, struct err *err)
{
	struct slow_op *o = (struct slow_op *)op;

	(void)mem;
	if (o->store->broken)
		return err_set(err, REASON_SYSTEM, "store: went away");
	if (op->verb == STORE_PUT) {
		o->store->sid = o->sid;
		o->store->tokens = o->tokens;
	}
	if (op->verb == STORE_DROP)
		o->store->sid = STR("");
	if (op->verb == STORE_GET && str_is(o->sid, o->store->sid))
		out->tokens = o->store->tokens;
	return 0;
}

static void
slow_end(struct store_op *op)
{
	struct slow_op *o = (struct slow_op *)op;

	if (o->store->waiting == o)
		o->store->waiting = NULL;
	o->store->ops--;
	free(o);
}

static void
slow_free(struct store *s)
{
	ck_assert_int_eq(((struct slow_store *)s)->ops, 0);
}

static const struct store_kind slow_kind = {
	.ask = slow_ask, .take = slow_take, .end = slow_end, .free = slow_free
};

/* One turn of the loop. */
static void
turn(struct slow_store *slow)
{
	struct slow_op *o = slow->waiting;

	slow->waiting = NULL;
	if (o != NULL)
		o->done(o->arg);
}

static void
count(void *arg)
{
	++*(int *)arg;
}

START_TEST(a_store_that_waits_answers_later)
{
	struct slow_store slow = { .store = { &slow_kind } };
	struct store *s = &slow.store;
	struct store_op *op;
	struct tokens t;
	const char **set;
	int done = 0;

	ck_assert_int_eq(store_ask_put(s, &visit, SID, &three, count, &done, &op, &e), STORE_WAIT);
	ck_assert_int_eq(done, 0);
	turn(&slow);
	ck_assert_int_eq(done, 1);
	ck_assert_int_eq(store_take_put(&op, m, &set, &e), 0);
	ck_assert_ptr_null(op);
	ck_assert_ptr_null(set[0]); /* no cookies, but a list */
	ck_assert_int_eq(store_ask_get(s, &visit, SID, count, &done, &op, &e), STORE_WAIT);
	turn(&slow);
	ck_assert_int_eq(done, 2);
	ck_assert_int_eq(store_take_get(&op, m, &t, &e), 0);
	ck_assert(str_is(t.refresh_token, three.refresh_token));
	ck_assert_int_eq(store_ask_drop(s, &visit, SID, count, &done, &op, &e), STORE_WAIT);
	turn(&slow);
	ck_assert_int_eq(store_take_drop(&op, m, &set, &e), 0);
	ck_assert_int_eq(store_ask_get(s, &visit, SID, count, &done, &op, &e), STORE_WAIT);
	turn(&slow);
	ck_assert_int_eq(store_take_get(&op, m, &t, &e), 0);
	ck_assert(is_nothing(t));
	store_free(&s);
}
END_TEST

START_TEST(a_cancelled_op_calls_nobody)
{
	struct slow_store slow = { .store = { &slow_kind } };
	struct store *s = &slow.store;
	struct store_op *op = NULL;
	int done = 0;

	store_op_cancel(&op);
	ck_assert_int_eq(store_ask_get(s, &visit, SID, count, &done, &op, &e), STORE_WAIT);
	store_op_cancel(&op);
	ck_assert_ptr_null(op);
	turn(&slow);
	ck_assert_int_eq(done, 0);
	ck_assert_int_eq(store_ask_get(s, &visit, SID, count, &done, &op, &e), STORE_WAIT);
	turn(&slow);
	store_op_cancel(&op); /* answered, but nobody wants it any more */
	store_free(&s);
	ck_assert_int_eq(store_ask_get(store, &visit, SID, never, NULL, &op, &e), STORE_READY);
	store_op_cancel(&op);
	ck_assert_ptr_null(op);
}
END_TEST

START_TEST(a_store_that_fails_says_so_and_leaves_nothing_behind)
{
	struct slow_store slow = { .store = { &slow_kind }, .broken = true };
	struct store *s = &slow.store;
	struct store_op *op;
	struct tokens t;
	const char **set;

	ck_assert_int_eq(store_ask_put(s, &visit, SID, &three, never, NULL, &op, &e), STORE_FAILED);
	ck_assert_ptr_null(op);
	ck_assert_int_eq(e.reason, REASON_SYSTEM);
	slow.broken = false;
	ck_assert_int_eq(store_ask_put(s, &visit, SID, &three, never, NULL, &op, &e), STORE_WAIT);
	slow.broken = true;
	ck_assert_int_eq(store_take_put(&op, m, &set, &e), -1);
	ck_assert_ptr_null(op);
	slow.broken = false;
	ck_assert_int_eq(store_ask_get(s, &visit, SID, never, NULL, &op, &e), STORE_WAIT);
	slow.broken = true;
	ck_assert_int_eq(store_take_get(&op, m, &t, &e), -1);
	ck_assert(is_nothing(t));
	store_free(&s);
}
END_TEST

START_TEST(what_opened_is_not_opened_again_and_still_held_to_all_of_it)
{
	const char *first;
	struct store *later;

	(void)put(SID, &three);
	first = get(SID).access_token.p;
	ck_assert_ptr_ne(first, get(SID).access_token.p);
	first = get(SID).access_token.p;
	ck_assert_ptr_eq(first, get(SID).access_token.p);
	ck_assert(str_is(get(SID).refresh_token, three.refresh_token));
	ck_assert(is_nothing(get(OTHER)));
	secret_free(&secret_a);
	secret_a = secret_new("fedcba9876543210fedcba9876543210", 32);
	later = store_cookie_new(&conf, &e);
	store_free(&store);
	store = later;
	ck_assert(is_nothing(get(SID)));
}
END_TEST

static void
add_cookies(TCase *t)
{
	tcase_set_timeout(t, 60);
	tcase_add_test(t, tokens_come_back_as_they_were_put);
	tcase_add_test(t, tokens_of_one_session_never_open_for_another);
	tcase_add_test(t, every_altered_byte_makes_them_nothing);
	tcase_add_test(t, texts_of_another_purpose_are_no_tokens);
	tcase_add_loop_test(t, a_record_that_lies_is_nothing, 0, sizeof(records) / sizeof(*records));
	tcase_add_test(t, large_tokens_are_spread_and_shrink_again);
	tcase_add_loop_test(t, what_does_not_fit_is_left_out_by_its_worth, 0, sizeof(sizes) / sizeof(*sizes));
	tcase_add_test(t, of_several_cookies_the_one_that_opens_counts);
	tcase_add_test(t, a_secret_may_be_replaced_while_tokens_are_kept);
	tcase_add_test(t, with_a_sealing_secret_nothing_else_opens);
}

int
main(void)
{
	Suite *s = suite_create("session/store");
	TCase *t = tcase_create("all"), *remembered = tcase_create("remembered");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	add_cookies(t);
	tcase_add_test(t, no_tokens_need_no_cookie);
	tcase_add_test(t, the_room_of_a_visit_is_kept_to);
	tcase_add_test(t, nobody_else_has_tokens_that_are_in_a_browser);
	tcase_add_test(t, dropping_deletes_with_the_attributes_of_creation);
	tcase_add_test(t, a_store_that_waits_answers_later);
	tcase_add_test(t, a_cancelled_op_calls_nobody);
	tcase_add_test(t, a_store_that_fails_says_so_and_leaves_nothing_behind);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(remembered, setup_with_cache, teardown);
	add_cookies(remembered);
	tcase_add_test(remembered, what_opened_is_not_opened_again_and_still_held_to_all_of_it);
	suite_add_tcase(s, remembered);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
