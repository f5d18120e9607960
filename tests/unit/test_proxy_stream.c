/* Bytes over one socket: all of them, in order, and one word when it is over; plain and TLS. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "conf/mem.h"
#include "proxy/stream.h"

#define PATIENCE_MS 5000

/* A stream and what its owner heard. */
struct end {
	struct stream s;
	int readable, connected, drained, failed;
	char *got;
	size_t n, cap;
	size_t piece; /* bytes asked for at a time */
	bool eof, broken;
	bool close_at_once;   /* at the first word */
	bool pause_each_time; /* stop reading, begin again in the next turn */
	struct end *watch;    /* whether there was news for it at our first word */
	bool watch_had_news;
};

static struct event_base *base;
static int sockets[2];

static void
take(struct end *e)
{
	ssize_t n;

	e->readable++;
	if (e->watch != NULL && e->readable == 1)
		e->watch_had_news = stream_has_news(&e->watch->s);
	if (e->cap - e->n < e->piece) {
		e->cap = 2 * e->cap + e->piece;
		e->got = xrealloc(e->got, e->cap);
	}
	n = stream_read(&e->s, e->got + e->n, e->piece);
	if (n > 0)
		e->n += (size_t)n;
	e->eof = e->eof || n == 0;
	e->broken = e->broken || n == -2;
	if (n == 0 || n == -2)
		stream_want_read(&e->s, false);
	else if (e->pause_each_time)
		stream_want_read(&e->s, false);
}

static void
heard(struct stream *s, enum stream_event what, void *arg)
{
	struct end *e = arg;

	if (e->close_at_once) {
		e->readable++;
		stream_close(s);
		return;
	}
	switch (what) {
	case STREAM_READABLE:
		take(e);
		break;
	case STREAM_CONNECTED:
		e->connected++;
		stream_want_read(s, true);
		break;
	case STREAM_DRAINED:
		e->drained++;
		break;
	case STREAM_FAILED:
		e->failed++;
		break;
	}
}

static void
begin(struct end *e, int fd, SSL *ssl)
{
	*e = (struct end){ .piece = 65536 };
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	stream_init(&e->s, base, fd, ssl, heard, e);
}

static void
end(struct end *e)
{
	stream_close(&e->s);
	stream_close(&e->s); /* again does nothing */
	free(e->got);
}

/* Turns of the loop until *what is at least n; false when that takes too long. */
static bool
turn_until(const int *what, int n)
{
	int i;

	for (i = 0; i < PATIENCE_MS && *what < n; i++) {
		struct timeval tv = { 0, 1000 };

		(void)event_base_loopexit(base, &tv);
		(void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
	}
	return *what >= n;
}

static bool
turn_until_bytes(struct end *e, size_t n)
{
	int i;

	for (i = 0; i < PATIENCE_MS && e->n < n && !e->eof && !e->broken; i++) {
		struct timeval tv = { 0, 1000 };

		if (e->pause_each_time)
			stream_want_read(&e->s, true);
		(void)event_base_loopexit(base, &tv);
		(void)event_base_loop(base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
	}
	return e->n >= n;
}

static void
some_turns(void)
{
	int i;

	for (i = 0; i < 20; i++) {
		struct timeval tv = { 0, 1000 };

		(void)event_base_loopexit(base, &tv);
		(void)event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	}
}

static char *
pattern(size_t n)
{
	char *p = xmalloc(n);
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (char)('a' + (i * 7 + i / 251) % 26);
	return p;
}

static int
write_text(struct end *e, const char *p, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)p, n };

	return stream_write(&e->s, &iov, 1);
}

static void
setup(void)
{
	base = event_base_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
}

static void
teardown(void)
{
	event_base_free(base);
}

/* --- plain --- */

START_TEST(what_is_written_arrives_in_order_also_when_the_socket_is_full)
{
	size_t n = (size_t)1 << 20, part = n / 3;
	char *text = pattern(n);
	struct iovec iov[3] = { { text, 1 }, { text + 1, 0 }, { text + 1, part - 1 } };
	struct end a, b;

	begin(&a, sockets[0], NULL);
	begin(&b, sockets[1], NULL);
	ck_assert_int_eq(stream_write(&a.s, iov, 3), 0);
	ck_assert_uint_gt(stream_pending(&a.s), 0);
	ck_assert_int_eq(write_text(&a, text + part, part), 0);
	ck_assert_int_eq(write_text(&a, text + 2 * part, n - 2 * part), 0);
	some_turns();
	ck_assert_int_eq(a.drained, 0); /* nobody reads */
	stream_want_read(&b.s, true);
	ck_assert(turn_until_bytes(&b, n));
	ck_assert(turn_until(&a.drained, 1));
	ck_assert_uint_eq(stream_pending(&a.s), 0);
	ck_assert_uint_eq(b.n, n);
	ck_assert_mem_eq(b.got, text, n);
	some_turns();
	ck_assert_int_eq(a.drained, 1);
	ck_assert_int_eq(a.failed + b.failed, 0);
	end(&a);
	end(&b);
	free(text);
}
END_TEST

START_TEST(what_the_socket_takes_at_once_is_not_pending_and_tells_nothing)
{
	struct end a, b;

	begin(&a, sockets[0], NULL);
	begin(&b, sockets[1], NULL);
	ck_assert_int_eq(write_text(&a, "hello", 5), 0);
	ck_assert_uint_eq(stream_pending(&a.s), 0);
	stream_want_read(&b.s, true);
	ck_assert(turn_until_bytes(&b, 5));
	ck_assert_int_eq(a.drained, 0);
	end(&a);
	end(&b);
}
END_TEST

START_TEST(who_does_not_want_to_read_hears_nothing)
{
	struct end a, b;

	begin(&a, sockets[0], NULL);
	begin(&b, sockets[1], NULL);
	ck_assert_int_eq(stream_peek(&b.s), -1);
	ck_assert_int_eq(write_text(&a, "x", 1), 0);
	some_turns();
	ck_assert_int_eq(b.readable, 0);
	ck_assert_int_eq(stream_peek(&b.s), 1);
	stream_want_read(&b.s, true);
	ck_assert(turn_until(&b.readable, 1));
	stream_want_read(&b.s, false);
	ck_assert_int_eq(write_text(&a, "y", 1), 0);
	some_turns();
	ck_assert_int_eq(b.readable, 1);
	end(&a);
	end(&b);
}
END_TEST

START_TEST(the_peers_end_comes_behind_its_last_byte)
{
	struct end a, b;

	begin(&a, sockets[0], NULL);
	begin(&b, sockets[1], NULL);
	ck_assert_int_eq(write_text(&a, "last", 4), 0);
	stream_shut_write(&a.s);
	stream_shut_write(&a.s);
	stream_want_read(&b.s, true);
	ck_assert(turn_until(&b.readable, 2));
	ck_assert(b.eof);
	ck_assert_uint_eq(b.n, 4);
	ck_assert_int_eq(stream_peek(&b.s), 0);
	ck_assert_int_eq(write_text(&b, "answer", 6), 0); /* the other direction is open */
	stream_want_read(&a.s, true);
	ck_assert(turn_until_bytes(&a, 6));
	end(&a);
	end(&b);
}
END_TEST

START_TEST(a_peer_that_goes_while_bytes_are_pending_is_one_failure)
{
	size_t n = (size_t)4 << 20;
	char *text = pattern(n), words[128];
	struct end a;

	begin(&a, sockets[0], NULL);
	ck_assert_int_eq(write_text(&a, text, n), 0);
	ck_assert_uint_gt(stream_pending(&a.s), 0);
	(void)close(sockets[1]);
	ck_assert(turn_until(&a.failed, 1));
	some_turns();
	ck_assert_int_eq(a.failed, 1);
	ck_assert_int_eq(a.drained, 0);
	ck_assert_int_eq(write_text(&a, "more", 4), -1);
	ck_assert_str_ne(stream_error(&a.s, words, sizeof(words)), "");
	end(&a);
	free(text);
}
END_TEST

START_TEST(what_the_peer_said_before_it_went_can_be_read_after_writing_failed)
{
	struct end a;

	begin(&a, sockets[0], NULL);
	ck_assert_int_eq(send(sockets[1], "413", 3, 0), 3);
	(void)close(sockets[1]);
	ck_assert_int_eq(write_text(&a, "body", 4), -1);
	ck_assert_int_eq(a.failed, 0); /* told by the result, and not again */
	stream_want_read(&a.s, true);
	ck_assert(turn_until_bytes(&a, 3));
	ck_assert_mem_eq(a.got, "413", 3);
	end(&a);
}
END_TEST

START_TEST(a_stream_that_its_owner_closed_says_nothing_more)
{
	struct end a, b;

	begin(&a, sockets[0], NULL);
	begin(&b, sockets[1], NULL);
	b.close_at_once = true;
	stream_want_read(&b.s, true);
	ck_assert_int_eq(write_text(&a, "one", 3), 0);
	ck_assert(turn_until(&b.readable, 1));
	some_turns();
	ck_assert_int_eq(b.readable, 1);
	ck_assert_int_eq(stream_read(&b.s, (char[1]){ 0 }, 1), -2);
	ck_assert_int_eq(stream_peek(&b.s), -2);
	ck_assert_int_eq(write_text(&b, "x", 1), -1);
	end(&a);
	end(&b);
}
END_TEST

START_TEST(news_that_the_loop_has_but_the_owner_has_not_is_seen)
{
	struct end a, b, other[2];
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	begin(&a, sockets[0], NULL);
	begin(&b, sockets[1], NULL);
	begin(&other[0], pair[0], NULL);
	begin(&other[1], pair[1], NULL);
	b.watch = &other[1];
	other[1].watch = &b;
	stream_want_read(&b.s, true);
	stream_want_read(&other[1].s, true);
	ck_assert(!stream_has_news(&b.s));
	ck_assert_int_eq(write_text(&a, "x", 1), 0);
	ck_assert_int_eq(write_text(&other[0], "x", 1), 0);
	ck_assert(turn_until(&b.readable, 1));
	ck_assert(turn_until(&other[1].readable, 1));
	ck_assert(b.watch_had_news != other[1].watch_had_news); /* whoever came first saw the other wait */
	ck_assert(!stream_has_news(&b.s));
	end(&a);
	end(&b);
	end(&other[0]);
	end(&other[1]);
}
END_TEST

START_TEST(a_connection_that_is_refused_is_a_failure_with_a_reason)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;
	char words[128];
	struct end a;

	/* Bound, and nobody listens. */
	ck_assert_int_eq(bind(taken, (struct sockaddr *)&addr, len), 0);
	ck_assert_int_eq(getsockname(taken, (struct sockaddr *)&addr, &len), 0);
	r = connect(fd, (struct sockaddr *)&addr, len);
	if (r == -1 && errno == EINPROGRESS) {
		begin(&a, fd, NULL);
		stream_connect(&a.s);
		ck_assert_int_eq(write_text(&a, "head", 4), 0);
		ck_assert_uint_eq(stream_pending(&a.s), 4);
		ck_assert(turn_until(&a.failed, 1));
		ck_assert_int_eq(a.connected, 0);
		ck_assert_str_eq(stream_error(&a.s, words, sizeof(words)), "Connection refused");
		end(&a);
	} else {
		(void)close(fd);
	}
	(void)close(taken);
	(void)close(sockets[0]);
	(void)close(sockets[1]);
}
END_TEST

/* --- TLS --- */

static SSL_CTX *server_ctx, *client_ctx;

static void
make_contexts(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	ck_assert(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	ck_assert(X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0);
	server_ctx = SSL_CTX_new(TLS_server_method());
	client_ctx = SSL_CTX_new(TLS_client_method());
	ck_assert(SSL_CTX_use_certificate(server_ctx, cert) == 1);
	ck_assert(SSL_CTX_use_PrivateKey(server_ctx, key) == 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static SSL *
side(bool server)
{
	SSL *ssl = SSL_new(server ? server_ctx : client_ctx);

	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

/* b serves, a has connected. */
static void
shake_hands(struct end *a, struct end *b)
{
	begin(a, sockets[0], side(false));
	begin(b, sockets[1], side(true));
	stream_want_read(&b->s, true);
	stream_connect(&a->s);
	ck_assert(turn_until(&a->connected, 1));
}

static void
setup_tls(void)
{
	setup();
	make_contexts();
}

static void
teardown_tls(void)
{
	SSL_CTX_free(server_ctx);
	SSL_CTX_free(client_ctx);
	teardown();
}

START_TEST(over_tls_both_directions_arrive_whole_at_once)
{
	size_t n = (size_t)1 << 20;
	char *text = pattern(n);
	struct end a, b;

	shake_hands(&a, &b);
	ck_assert_int_eq(write_text(&a, text, n), 0);
	ck_assert_int_eq(write_text(&b, text, n), 0);
	ck_assert_uint_gt(stream_pending(&a.s), 0);
	ck_assert(turn_until_bytes(&b, n));
	ck_assert(turn_until_bytes(&a, n));
	ck_assert_mem_eq(a.got, text, n);
	ck_assert_mem_eq(b.got, text, n);
	ck_assert_int_eq(a.drained, 1);
	ck_assert_int_eq(b.drained, 1);
	ck_assert_int_eq(a.failed + b.failed, 0);
	end(&a);
	end(&b);
	free(text);
}
END_TEST

START_TEST(over_tls_what_is_written_while_connecting_goes_out_behind_the_handshake)
{
	struct end a, b;

	begin(&a, sockets[0], side(false));
	begin(&b, sockets[1], side(true));
	stream_connect(&a.s);
	ck_assert_int_eq(write_text(&a, "head", 4), 0);
	stream_want_read(&b.s, true);
	ck_assert(turn_until_bytes(&b, 4));
	ck_assert(turn_until(&a.drained, 1));
	ck_assert_int_eq(a.connected, 1);
	end(&a);
	end(&b);
}
END_TEST

START_TEST(over_tls_many_small_pieces_are_one_text)
{
	enum { PIECES = 60 };
	size_t each = 700, n = PIECES * each;
	char *text = pattern(n);
	struct iovec iov[PIECES];
	struct end a, b;
	size_t i;

	shake_hands(&a, &b);
	for (i = 0; i < PIECES; i++)
		iov[i] = (struct iovec){ text + i * each, each };
	ck_assert_int_eq(stream_write(&a.s, iov, PIECES), 0);
	ck_assert(turn_until_bytes(&b, n));
	ck_assert_mem_eq(b.got, text, n);
	end(&a);
	end(&b);
	free(text);
}
END_TEST

/* Decrypted bytes make no descriptor readable: the stream has to come back by itself. */
START_TEST(over_tls_a_record_read_in_crumbs_arrives_whole)
{
	size_t n = 5000;
	char *text = pattern(n);
	struct end a, b;

	shake_hands(&a, &b);
	b.piece = 100;
	b.pause_each_time = _i == 1;
	ck_assert_int_eq(write_text(&a, text, n), 0);
	ck_assert(turn_until_bytes(&b, n));
	ck_assert_mem_eq(b.got, text, n);
	end(&a);
	end(&b);
	free(text);
}
END_TEST

/* The owner peeked, so that the socket is empty, and reads on as it did before. */
START_TEST(over_tls_what_was_peeked_at_is_told_of)
{
	struct end a, b;

	shake_hands(&a, &b);
	some_turns();
	b.readable = 0;
	ck_assert_int_eq(write_text(&a, "request", 7), 0);
	ck_assert_int_eq(stream_peek(&b.s), 1);
	stream_want_read(&b.s, true); /* as it is */
	ck_assert(turn_until_bytes(&b, 7));
	end(&a);
	end(&b);
}
END_TEST

START_TEST(over_tls_an_end_is_an_end_with_and_without_its_alert)
{
	struct end a, b;

	shake_hands(&a, &b);
	SSL_set_options(b.s.ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
	ck_assert_int_eq(write_text(&a, "bye", 3), 0);
	if (_i == 0)
		stream_shut_write(&a.s);
	else
		(void)shutdown(sockets[0], SHUT_WR);
	ck_assert(turn_until_bytes(&b, 3));
	ck_assert(!turn_until_bytes(&b, 4));
	ck_assert(b.eof && !b.broken);
	end(&a);
	end(&b);
}
END_TEST

START_TEST(over_tls_noise_is_a_failure_on_either_side)
{
	static const char noise[] = "GET / HTTP/1.1\r\nHost: plain\r\n\r\n";
	char words[128];
	struct end a;

	begin(&a, sockets[0], side(_i == 0));
	ck_assert_int_eq(send(sockets[1], noise, sizeof(noise), 0), sizeof(noise));
	if (_i == 0) {
		stream_want_read(&a.s, true);
		ck_assert(turn_until(&a.readable, 1));
		ck_assert(a.broken);
	} else {
		stream_connect(&a.s);
		ck_assert(turn_until(&a.failed, 1));
		ck_assert_int_eq(a.connected, 0);
	}
	ck_assert_int_eq(write_text(&a, "x", 1), -1);
	ck_assert_str_eq(stream_error(&a.s, words, sizeof(words)), "TLS failed");
	some_turns();
	ck_assert_int_le(a.failed, 1);
	end(&a);
	(void)close(sockets[1]);
}
END_TEST

START_TEST(over_tls_a_peer_that_goes_is_a_failure_once)
{
	size_t n = (size_t)4 << 20;
	char *text = pattern(n);
	struct end a, b;

	shake_hands(&a, &b);
	stream_want_read(&b.s, false);
	stream_want_read(&a.s, false);
	ck_assert_int_eq(write_text(&a, text, n), 0);
	end(&b);
	ck_assert(turn_until(&a.failed, 1));
	some_turns();
	ck_assert_int_eq(a.failed, 1);
	ck_assert_int_eq(stream_read(&a.s, text, n), -2);
	end(&a);
	free(text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/stream");
	TCase *plain = tcase_create("plain"), *tls = tcase_create("TLS");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_set_timeout(plain, 20);
	tcase_set_timeout(tls, 20);
	tcase_add_checked_fixture(plain, setup, teardown);
	tcase_add_checked_fixture(tls, setup_tls, teardown_tls);
	tcase_add_test(plain, what_is_written_arrives_in_order_also_when_the_socket_is_full);
	tcase_add_test(plain, what_the_socket_takes_at_once_is_not_pending_and_tells_nothing);
	tcase_add_test(plain, who_does_not_want_to_read_hears_nothing);
	tcase_add_test(plain, the_peers_end_comes_behind_its_last_byte);
	tcase_add_test(plain, a_peer_that_goes_while_bytes_are_pending_is_one_failure);
	tcase_add_test(plain, what_the_peer_said_before_it_went_can_be_read_after_writing_failed);
	tcase_add_test(plain, a_stream_that_its_owner_closed_says_nothing_more);
	tcase_add_test(plain, news_that_the_loop_has_but_the_owner_has_not_is_seen);
	tcase_add_test(plain, a_connection_that_is_refused_is_a_failure_with_a_reason);
	tcase_add_test(tls, over_tls_both_directions_arrive_whole_at_once);
	tcase_add_test(tls, over_tls_what_is_written_while_connecting_goes_out_behind_the_handshake);
	tcase_add_test(tls, over_tls_many_small_pieces_are_one_text);
	tcase_add_loop_test(tls, over_tls_a_record_read_in_crumbs_arrives_whole, 0, 2);
	tcase_add_test(tls, over_tls_what_was_peeked_at_is_told_of);
	tcase_add_loop_test(tls, over_tls_an_end_is_an_end_with_and_without_its_alert, 0, 2);
	tcase_add_loop_test(tls, over_tls_noise_is_a_failure_on_either_side, 0, 2);
	tcase_add_test(tls, over_tls_a_peer_that_goes_is_a_failure_once);
	suite_add_tcase(s, plain);
	suite_add_tcase(s, tls);
	(void)signal(SIGPIPE, SIG_IGN);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
