/*
 * Three kinds of input, told apart by the first byte: 's', a sealed text as a
 * stranger may send it; 't', a record of tokens that stands sealed in a cookie;
 * any other, a place and a plain text that is sealed, opened, altered there and
 * must not open again.
 */
#include <stdlib.h>
#include <string.h>

#include "conf/seal.h"
#include "conf/secret.h"
#include "session/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check_plain(struct str, size_t place, struct mem *);
static void check_record(struct str, struct mem *);
static void never(void *);

static const unsigned char key[32] = "a key of thirty-two bytes, sure";

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str input = { (const char *)data, n }, plain;
	struct mem *m = mem_new(1 << 20);

	if (n > 0 && data[0] == 's') {
		if (seal_open(key, STR("p"), str_from(input, 1), m, &plain))
			abort();
	} else if (n > 0 && data[0] == 't' && n <= SEAL_PLAIN_MAX) {
		check_record(str_from(input, 1), m);
	} else if (n > 2 && n <= SEAL_PLAIN_MAX) {
		check_plain(str_from(input, 3), (size_t)data[1] << 8 | data[2], m);
	}
	mem_free(&m);
	return 0;
}

static void
check_plain(struct str plain, size_t place, struct mem *m)
{
	struct str text = seal_close(key, STR("p"), plain, m), back;
	char *altered = mem_text(m, text);

	if (text.n != seal_size(plain.n) || !seal_open(key, STR("p"), text, m, &back) || !str_is(back, plain))
		abort();
	altered[place % text.n] ^= 1;
	if (seal_open(key, STR("p"), (struct str){ altered, text.n }, m, &back))
		abort();
	if (seal_open(key, STR("p"), (struct str){ text.p, place % text.n }, m, &back))
		abort();
}

static void
check_record(struct str record, struct mem *m)
{
	static struct secret *secret;
	static struct conf_session conf;
	static struct store *store;
	static unsigned char tokens_key[32];
	static const struct conf_origin origin = { .url = "https://h", .path = "", .https = true };
	static const struct session_scope scope = { &origin, NULL, { "wp", 2 } };
	struct str sealed, field;
	struct visit v = { .scope = &scope, .cookies = &field, .n_cookies = 1, .mem = m };
	struct store_op *op;
	struct tokens t;
	struct err e;

	if (store == NULL) {
		secret = secret_new("0123456789abcdef0123456789abcdef", 32);
		conf.sealing_secret = secret;
		store = store_cookie_new(&conf, &e);
		secret_derive(secret_str(secret), "workflow-proxy tokens", tokens_key, sizeof(tokens_key));
	}
	sealed = seal_close(tokens_key, STR("tokens sid"), record, m);
	field = str_of(mem_printf(m, "wp.t=%.*s", STR_ARG(sealed)));
	if (store_ask_get(store, &v, STR("sid"), never, NULL, &op, &e) != STORE_READY ||
	    store_take_get(&op, m, &t, &e) == -1)
		abort();
	if (t.id_token.n + t.access_token.n + t.refresh_token.n > record.n)
		abort();
}

static void
never(void *arg)
{
	(void)arg;
	abort();
}
