/* Addresses become sockets; over reloads they stay the same ones, whatever goes wrong. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "conf/mem.h"
#include "proxy/sockets.h"

#define WORKERS 3
#define MOST    4

static char dir[] = "/tmp/test-sockets-XXXXXX";

/* A configuration that listens there; `admin` for the last one. */
static const struct conf *
listening(const char *const *addresses, bool admin)
{
	static struct conf c;
	static struct conf_listen listens[MOST];
	size_t n;

	memset(listens, 0, sizeof(listens));
	for (n = 0; n < MOST && addresses[n] != NULL; n++)
		listens[n].address = (char *)(uintptr_t)addresses[n];
	listens[n - 1].admin = admin;
	c.n_listens = n;
	c.listens = listens;
	return &c;
}

/* "127.0.0.1:PORT" with a port that was free a moment ago. */
static const char *
free_address(int i)
{
	static char text[MOST][32];
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, len), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	(void)close(fd);
	(void)snprintf(text[i], sizeof(text[i]), "127.0.0.1:%u", (unsigned)ntohs(addr.sin_port));
	return text[i];
}

static const char *
unix_address(int i)
{
	static char text[MOST][64];

	(void)snprintf(text[i], sizeof(text[i]), "unix:%s/%d", dir, i);
	return text[i];
}

/* Does a connection come about? */
static bool
answers(const char *address)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	bool is_unix = strncmp(address, "unix:", 5) == 0;
	int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM, 0), r;

	if (is_unix) {
		(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", address + 5);
		r = connect(fd, (struct sockaddr *)&un, sizeof(un));
	} else {
		v4.sin_port = htons((uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10));
		r = connect(fd, (struct sockaddr *)&v4, sizeof(v4));
	}
	(void)close(fd);
	return r == 0;
}

static bool
is_there(const char *unix_address)
{
	struct stat st;

	return lstat(unix_address + 5, &st) == 0;
}

static struct sockets *
opened(const char *const *addresses, struct sockets *old)
{
	struct err e = { .reason = REASON_NONE };
	struct sockets *s = sockets_open(listening(addresses, false), WORKERS, old, &e);

	ck_assert_msg(s != NULL, "%s", e.text);
	return s;
}

static void
refused(const char *const *addresses, struct sockets *old, const char *named)
{
	struct err e = { .reason = REASON_NONE };
	struct sockets *s = sockets_open(listening(addresses, false), WORKERS, old, &e);

	ck_assert_ptr_null(s);
	ck_assert_int_eq(e.reason, REASON_SYSTEM);
	ck_assert_msg(strstr(e.text, named) != NULL, "\"%s\" does not name %s", e.text, named);
}

START_TEST(every_worker_has_its_own_socket_of_an_address_and_all_share_what_there_is_one_of)
{
	const char *addresses[] = { free_address(0), unix_address(0), free_address(1), NULL };
	struct err e;
	struct sockets *s = sockets_open(listening(addresses, true), WORKERS, NULL, &e);
	int own[WORKERS], shared[WORKERS];
	unsigned w;
	size_t n;

	ck_assert_ptr_nonnull(s);
	for (w = 0; w < WORKERS; w++) {
		struct listener *l = sockets_for(s, w, &n);

		ck_assert_uint_eq(n, w == 0 ? 3 : 2); /* the admin listener is the first worker's */
		ck_assert_str_eq(l[0].address, addresses[0]);
		ck_assert_str_eq(l[1].address, addresses[1]);
		own[w] = l[0].fd;
		shared[w] = l[1].fd;
		ck_assert(!l[0].inherited);
		free(l);
	}
	ck_assert(own[0] != own[1] && own[1] != own[2] && own[0] != own[2]);
	ck_assert(shared[0] == shared[1] && shared[1] == shared[2]);
	ck_assert(answers(addresses[0]) && answers(addresses[1]) && answers(addresses[2]));
	sockets_free(&s);
	ck_assert_ptr_null(s);
	ck_assert(!answers(addresses[0]) && !answers(addresses[2]));
	ck_assert(!is_there(addresses[1]));
}
END_TEST

START_TEST(a_reload_keeps_the_sockets_that_stay_opens_new_ones_and_closes_the_rest)
{
	const char *before[] = { free_address(0), free_address(1), unix_address(0), unix_address(1), NULL };
	const char *after[] = { free_address(2), before[1], before[3], NULL };
	struct sockets *old = opened(before, NULL), *new = opened(after, old);
	struct listener *was, *is;
	size_t n;

	was = sockets_for(old, 1, &n);
	is = sockets_for(new, 1, &n);
	ck_assert_int_eq(was[1].fd, is[1].fd);
	ck_assert_int_eq(was[3].fd, is[2].fd);
	free(was);
	free(is);
	ck_assert(answers(before[0])); /* until the old set goes */
	sockets_free(&old);
	ck_assert(!answers(before[0]));
	ck_assert(!is_there(before[2]));
	ck_assert(answers(after[0]) && answers(after[1]) && answers(after[2]));
	sockets_free(&new);
	ck_assert(!is_there(before[3]));
}
END_TEST

START_TEST(a_reload_that_fails_changes_nothing_and_the_next_one_may_succeed)
{
	const char *mine[] = { free_address(0), unix_address(0), NULL };
	const char *other[] = { free_address(1), NULL };
	const char *both[] = { mine[0], mine[1], other[0], NULL };
	struct sockets *foreign = opened(other, NULL), *s = opened(mine, NULL), *next;
	int i;

	for (i = 0; i < 2; i++) {
		refused(both, s, other[0]);
		ck_assert(answers(mine[0]) && answers(mine[1]));
	}
	sockets_free(&foreign);
	next = opened(both, s);
	sockets_free(&s);
	ck_assert(answers(both[0]) && answers(both[1]) && answers(both[2]));
	refused((const char *[]){ both[0], both[1], both[2], "192.0.2.1:80", NULL }, next, "192.0.2.1:80");
	s = opened(other, next);
	sockets_free(&next);
	ck_assert(!answers(mine[0]) && !is_there(mine[1])); /* they were still its to close */
	sockets_free(&s);
}
END_TEST

START_TEST(a_second_instance_is_refused)
{
	const char *tcp[] = { free_address(0), NULL }, *local[] = { unix_address(0), NULL };
	struct sockets *a = opened(tcp, NULL), *b = opened(local, NULL);

	refused(tcp, NULL, tcp[0]);
	refused(local, NULL, local[0]);
	ck_assert(answers(tcp[0]) && answers(local[0]));
	sockets_free(&a);
	sockets_free(&b);
}
END_TEST

START_TEST(what_a_crash_left_behind_is_replaced_and_nothing_else_is)
{
	const char *left[] = { unix_address(0), NULL }, *file[] = { unix_address(1), NULL };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	FILE *f = fopen(file[0] + 5, "w");
	struct sockets *s;

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", left[0] + 5);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	(void)close(fd);
	ck_assert(is_there(left[0]) && !answers(left[0]));
	s = opened(left, NULL);
	ck_assert(answers(left[0]));
	sockets_free(&s);
	(void)fputs("precious", f);
	(void)fclose(f);
	refused(file, NULL, file[0]);
	ck_assert(is_there(file[0]));
	(void)unlink(file[0] + 5);
}
END_TEST

START_TEST(an_address_is_v4_v6_or_any)
{
	static const char *const rows[][2] = { { "127.0.0.1:0", NULL }, { "[::1]:0", NULL },
		{ "*:0", NULL } };
	static const char *const bad[][2] = { { "localhost:80", NULL }, { "[zz]:80", NULL } };
	struct err e;
	struct sockets *s;
	int six = socket(AF_INET6, SOCK_STREAM, 0);
	size_t i;

	for (i = 0; i < 3; i++) {
		if (i == 1 && six == -1)
			continue; /* a kernel without IPv6 */
		s = opened(rows[i], NULL);
		sockets_free(&s);
	}
	for (i = 0; i < 2; i++) {
		ck_assert_ptr_null(sockets_open(listening(bad[i], false), 1, NULL, &e));
		ck_assert_int_eq(e.reason, REASON_CONFIG);
	}
	if (six != -1)
		(void)close(six);
}
END_TEST

/* In a child, whose descriptor 3 is its own affair.  0: all is as it should be, else the line that is not. */
#define EXPECT(ok)                                                                                           \
	do {                                                                                                 \
		if (!(ok))                                                                                   \
			_exit(__LINE__ & 255);                                                               \
	} while (0)

static int
in_a_child(void (*play)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		play();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
handed_over(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char *mine[] = { free_address(0), NULL }, *other[] = { free_address(1), NULL };
	struct sockets *s, *next;
	struct err e;
	size_t n;
	struct listener *l;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_port = htons((uint16_t)strtol(strchr(mine[0], ':') + 1, NULL, 10));
	EXPECT(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 5) == 0);
	EXPECT(dup2(fd, 3) == 3 && (fd == 3 || close(fd) == 0));
	(void)setenv("LISTEN_FDS", "1", 1);
	(void)unsetenv("LISTEN_PID");
	EXPECT(sockets_inherited() == 1);
	s = sockets_open(listening(mine, false), WORKERS, NULL, &e);
	EXPECT(s != NULL);
	l = sockets_for(s, 2, &n);
	EXPECT(n == 1 && l[0].fd == 3 && l[0].inherited && strcmp(l[0].address, mine[0]) == 0);
	/* It stays when its section goes, and when a reload fails. */
	EXPECT(sockets_open(listening((const char *[]){ "nonsense", NULL }, false), WORKERS, s, &e) == NULL);
	EXPECT(answers(mine[0]));
	next = sockets_open(listening(other, false), WORKERS, s, &e);
	EXPECT(next != NULL);
	sockets_free(&s);
	EXPECT(answers(mine[0]) && answers(other[0]));
	sockets_free(&next);
	EXPECT(!answers(mine[0]));
	(void)setenv("LISTEN_PID", "1", 1);
	EXPECT(sockets_inherited() == 0);
}

/* Its section counts however that spells the address: without it TLS would be missing. */
static void
handed_over_in_another_spelling(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char *mine = free_address(0), *other[] = { NULL, NULL };
	char spelled[64];
	struct sockets *s;
	struct listener *l;
	struct err e;
	size_t n;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)snprintf(spelled, sizeof(spelled), "127.0.0.1:0%s", strchr(mine, ':') + 1);
	other[0] = spelled;
	addr.sin_port = htons((uint16_t)strtol(strchr(mine, ':') + 1, NULL, 10));
	EXPECT(bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 5) == 0);
	EXPECT(dup2(fd, 3) == 3 && (fd == 3 || close(fd) == 0));
	(void)setenv("LISTEN_FDS", "1", 1);
	(void)unsetenv("LISTEN_PID");
	s = sockets_open(listening(other, false), WORKERS, NULL, &e);
	EXPECT(s != NULL);
	l = sockets_for(s, 0, &n);
	EXPECT(n == 1 && l[0].fd == 3 && strcmp(l[0].address, spelled) == 0);
	free(l);
	sockets_free(&s);
}

static void
handed_nonsense(void)
{
	const char *mine[] = { free_address(0), NULL };
	struct err e;
	int fds[2];

	(void)setenv("LISTEN_FDS", "1", 1);
	(void)unsetenv("LISTEN_PID");
	(void)close(3);
	EXPECT(sockets_open(listening(mine, false), 1, NULL, &e) == NULL && e.reason == REASON_SYSTEM);
	EXPECT(pipe(fds) == 0 && dup2(fds[0], 3) == 3);
	EXPECT(sockets_open(listening(mine, false), 1, NULL, &e) == NULL);
	EXPECT(strstr(e.text, "descriptor 3") != NULL);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 && dup2(fds[0], 3) == 3);
	EXPECT(sockets_open(listening(mine, false), 1, NULL, &e) == NULL);
}

START_TEST(a_socket_that_was_handed_over_is_used_and_kept)
{
	ck_assert_int_eq(in_a_child(handed_over), 0);
}
END_TEST

START_TEST(a_socket_that_was_handed_over_has_its_section_in_any_spelling)
{
	ck_assert_int_eq(in_a_child(handed_over_in_another_spelling), 0);
}
END_TEST

START_TEST(a_descriptor_that_does_not_listen_is_refused)
{
	ck_assert_int_eq(in_a_child(handed_nonsense), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/sockets");
	TCase *t = tcase_create("sockets");
	SRunner *r = srunner_create(s);
	int failed;

	if (mkdtemp(dir) == NULL)
		return EXIT_FAILURE;
	tcase_add_test(t, every_worker_has_its_own_socket_of_an_address_and_all_share_what_there_is_one_of);
	tcase_add_test(t, a_reload_keeps_the_sockets_that_stay_opens_new_ones_and_closes_the_rest);
	tcase_add_test(t, a_reload_that_fails_changes_nothing_and_the_next_one_may_succeed);
	tcase_add_test(t, a_second_instance_is_refused);
	tcase_add_test(t, what_a_crash_left_behind_is_replaced_and_nothing_else_is);
	tcase_add_test(t, an_address_is_v4_v6_or_any);
	tcase_add_test(t, a_socket_that_was_handed_over_is_used_and_kept);
	tcase_add_test(t, a_socket_that_was_handed_over_has_its_section_in_any_spelling);
	tcase_add_test(t, a_descriptor_that_does_not_listen_is_refused);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	(void)rmdir(dir);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
