/* session/store_memory.c: tokens are found again until their session ends, over reloads, within bounds. */
#include <check.h>
#include <string.h>

#include "session/store_impl.h"

#define NOW 1800000000LL

static struct mem *m;
static struct store *store;
static struct err e;
static struct visit visit;

static void
setup(void)
{
	m = mem_new(1 << 24);
	store = store_memory_new(NULL, 4, 1 << 20);
	visit = (struct visit){ .now_ms = NOW * 1000, .mem = m };
}

static void
teardown(void)
{
	store_free(&store);
	mem_free(&m);
}

static void
never(void *arg)
{
	(void)arg;
	ck_abort_msg("a store that is ready at once calls nobody");
}

static void
put(struct store *s, const char *sid, const char *refresh, int64_t ends)
{
	const struct tokens t = { .id_token = STR("id.to.ken"),
		.refresh_token = str_of(refresh),
		.access_expires = 7,
		.session = STR("a.session.token"),
		.session_ends = ends };
	struct store_op *op;
	const char **set;

	ck_assert_int_eq(store_ask_put(s, &visit, str_of(sid), &t, never, NULL, &op, &e), STORE_READY);
	ck_assert_int_eq(store_take_put(&op, m, &set, &e), 0);
	ck_assert_ptr_null(set[0]);
}

static struct tokens
get(struct store *s, const char *sid)
{
	struct store_op *op;
	struct tokens t;

	ck_assert_int_eq(store_ask_get(s, &visit, str_of(sid), never, NULL, &op, &e), STORE_READY);
	ck_assert_int_eq(store_take_get(&op, m, &t, &e), 0);
	return t;
}

static bool
has(const char *sid)
{
	return get(store, sid).refresh_token.p != NULL;
}

START_TEST(tokens_are_found_again_by_their_sid)
{
	struct tokens t;

	ck_assert(!store_is_in_browser(store));
	put(store, "a", "refresh-a", NOW + 100);
	put(store, "b", "refresh-b", NOW + 100);
	t = get(store, "a");
	ck_assert(str_is(t.refresh_token, STR("refresh-a")));
	ck_assert(str_is(t.id_token, STR("id.to.ken")));
	ck_assert(str_is(t.session, STR("a.session.token")));
	ck_assert_ptr_null(t.access_token.p);
	ck_assert_int_eq(t.access_expires, 7);
	put(store, "a", "refresh-c", NOW + 100);
	ck_assert(str_is(get(store, "a").refresh_token, STR("refresh-c")));
	ck_assert(!has("c"));
}
END_TEST

START_TEST(what_is_dropped_is_gone)
{
	struct store_op *op;
	const char **set;

	put(store, "a", "r", NOW + 100);
	ck_assert_int_eq(store_ask_drop(store, &visit, STR("a"), never, NULL, &op, &e), STORE_READY);
	ck_assert_int_eq(store_take_drop(&op, m, &set, &e), 0);
	ck_assert(!has("a"));
}
END_TEST

START_TEST(a_full_table_gives_up_those_that_are_over_and_then_those_that_end_first)
{
	put(store, "a", "r", NOW + 40);
	put(store, "b", "r", NOW + 10);
	put(store, "c", "r", NOW + 30);
	put(store, "d", "r", NOW + 20);
	put(store, "e", "r", NOW + 50);
	ck_assert(has("a") && !has("b") && has("c") && has("d") && has("e"));
	visit.now_ms = (NOW + 30) * 1000;
	put(store, "f", "r", NOW + 60);
	ck_assert(has("a") && !has("c") && !has("d") && has("e") && has("f"));
}
END_TEST

START_TEST(bytes_are_bounded_as_well)
{
	struct store *small = store_memory_new(NULL, 1000, 4096);
	char *large = mem_alloc(m, 3001);

	memset(large, 'x', 3000);
	large[3000] = '\0';
	put(small, "a", large, NOW + 10);
	put(small, "b", large, NOW + 20);
	ck_assert_ptr_null(get(small, "a").refresh_token.p);
	ck_assert_uint_eq(get(small, "b").refresh_token.n, 3000);
	store_free(&small);
}
END_TEST

START_TEST(a_reload_takes_the_table_over)
{
	struct store *next;

	put(store, "a", "r", NOW + 100);
	next = store_memory_new(store, 1, 1);
	store_free(&store);
	ck_assert(str_is(get(next, "a").refresh_token, STR("r")));
	store = next;
}
END_TEST

START_TEST(many_come_and_go_in_any_order)
{
	struct store *s = store_memory_new(NULL, 500, 1 << 20);
	char sid[16];
	unsigned i, n = 0;

	for (i = 0; i < 4000; i++) {
		(void)snprintf(sid, sizeof(sid), "s%u", i * 2654435761U % 1000);
		visit.now_ms = (NOW + i / 10) * 1000;
		put(s, sid, sid, NOW + i * 7919 % 700);
		ck_assert(str_is(get(s, sid).refresh_token, str_of(sid)) || i / 10 >= i * 7919 % 700);
	}
	for (i = 0; i < 1000; i++) {
		(void)snprintf(sid, sizeof(sid), "s%u", i);
		n += get(s, sid).refresh_token.p != NULL;
	}
	ck_assert_uint_le(n, 500);
	ck_assert_uint_gt(n, 50);
	store_free(&s);
}
END_TEST

START_TEST(everybody_may_lock)
{
	struct store_op *op;
	bool got = false;

	ck_assert_int_eq(store_ask_lock(store, &visit, STR("a"), never, NULL, &op, &e), STORE_READY);
	ck_assert_int_eq(store_take_lock(&op, &got, &e), 0);
	ck_assert(got);
	store_unlock(store, &visit, STR("a"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session/store_memory");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, tokens_are_found_again_by_their_sid);
	tcase_add_test(t, what_is_dropped_is_gone);
	tcase_add_test(t, a_full_table_gives_up_those_that_are_over_and_then_those_that_end_first);
	tcase_add_test(t, bytes_are_bounded_as_well);
	tcase_add_test(t, a_reload_takes_the_table_over);
	tcase_add_test(t, many_come_and_go_in_any_order);
	tcase_add_test(t, everybody_may_lock);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed > 0;
}
