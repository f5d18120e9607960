/* tests/unit/test_conf_log.c - what the operator reads is whole, true and cannot be forged */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conf/log.h"

static char folder[64], file[96], access_file[96], moved[96];

static void
begin(void)
{
	(void)snprintf(folder, sizeof(folder), "/tmp/test_conf_log.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/log", folder);
	(void)snprintf(access_file, sizeof(access_file), "%s/access", folder);
	(void)snprintf(moved, sizeof(moved), "%s/log.1", folder);
}

static void
end(void)
{
	log_close();
	(void)unlink(file);
	(void)unlink(access_file);
	(void)unlink(moved);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void
open_as(enum log_level level, enum log_format format)
{
	struct log_setup s = { .level = level, .format = format, .file = file, .access = access_file };
	struct err e;

	ck_assert_int_eq(log_open(&s, &e), 0);
}

/* The whole of a file; the caller frees. */
static char *
slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	size_t cap = 1 << 20, n;
	char *p = malloc(cap);

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(p);
	n = fread(p, 1, cap - 1, f);
	p[n] = '\0';
	(void)fclose(f);
	return p;
}

static size_t
count_lines(const char *path)
{
	char *is = slurp(path);
	size_t n = 0;

	for (const char *p = is; (p = strchr(p, '\n')) != NULL; p++)
		n++;
	free(is);
	return n;
}

static void
expect_file(const char *path, const char *text)
{
	char *is = slurp(path);

	/* "ts=2025-01-02T03:04:05.678Z" is not known: compare from what follows it. */
	ck_assert_int_eq(strncmp(is, "ts=", 3), 0);
	ck_assert_str_eq(is + 27, text);
	free(is);
}

static void
expect_quoted(struct str in, const char *out)
{
	char buf[512];

	ck_assert_uint_eq(log_quote(buf, sizeof(buf), in), strlen(out));
	ck_assert_str_eq(buf, out);
}

START_TEST(foreign_text_cannot_leave_its_quotes)
{
	expect_quoted(STR("plain text, 100% = fine"), "plain text, 100% = fine");
	expect_quoted(STR("\" level=error \\"), "\\\" level=error \\\\");
	expect_quoted(STR("a\r\n\tb"), "a\\r\\n\\tb");
	expect_quoted(STR("\x01\x1b[31m\x7f"), "\\u0001\\u001b[31m\\u007f");
	expect_quoted((struct str){ "a\0b", 3 }, "a\\u0000b");
	expect_quoted((struct str){ NULL, 0 }, "");
}
END_TEST

START_TEST(only_true_utf8_stays)
{
	expect_quoted(STR("J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80"),
	    "J\xc3\xbcrgen \xe2\x82\xac \xf0\x9f\x98\x80");
	expect_quoted(STR("\xff"), "\\u00ff");
	expect_quoted(STR("\xc3"), "\\u00c3");                                  /* cut short */
	expect_quoted(STR("\xe2\x82"), "\\u00e2\\u0082");                       /* cut short */
	expect_quoted(STR("\xc0\xaf"), "\\u00c0\\u00af");                       /* overlong */
	expect_quoted(STR("\xe0\x80\xaf"), "\\u00e0\\u0080\\u00af");            /* overlong */
	expect_quoted(STR("\xed\xa0\x80"), "\\u00ed\\u00a0\\u0080");            /* surrogate */
	expect_quoted(STR("\xf4\x90\x80\x80"), "\\u00f4\\u0090\\u0080\\u0080"); /* above U+10FFFF */
	expect_quoted(STR("\xe2\x82\x28"), "\\u00e2\\u0082(");
}
END_TEST

START_TEST(text_that_turns_the_screen_round_is_escaped)
{
	expect_quoted(STR("a\xe2\x80\xae"
			  "b"),
	    "a\\u202eb");
	expect_quoted(STR("a\xe2\x80\xa8"
			  "b"),
	    "a\\u2028b");
	expect_quoted(STR("\xc2\x9b"
			  "31m"),
	    "\\u009b31m"); /* C1 CSI */
	expect_quoted(STR("\xe2\x81\xa6"), "\\u2066");
}
END_TEST

START_TEST(quoting_never_passes_the_end_and_never_cuts_in_two)
{
	char buf[8];

	for (size_t cap = 1; cap <= sizeof(buf); cap++) {
		memset(buf, '#', sizeof(buf));
		ck_assert_uint_eq(log_quote(buf, cap, STR("ab\n\xe2\x82\xac")), cap <= 3   ? cap - 1
										: cap == 4 ? 2
										: cap <= 7 ? 4
											   : 7);
		ck_assert_int_eq(buf[strlen(buf)], '\0');
		ck_assert_uint_lt(strlen(buf), cap);
		for (size_t i = cap; i < sizeof(buf); i++)
			ck_assert_int_eq(buf[i], '#');
	}
	ck_assert_uint_eq(log_quote(buf, 0, STR("a")), 0);
}
END_TEST

START_TEST(a_line_says_level_sentence_request_and_reason)
{
	open_as(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
	log_err("disk %s is \"full\"", "C:");
	expect_file(file, " level=error msg=\"disk C: is \\\"full\\\"\"\n");
	log_close();
	ck_assert_int_eq(truncate(file, 0), 0);
	open_as(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
	log_request(LOG_LEVEL_INFO, "r-1", REASON_TOKEN_EXPIRED, "exp=%d", 7);
	expect_file(file, " level=info msg=\"exp=7\" request_id=r-1 reason=token_expired\n");
	log_close();
	ck_assert_int_eq(truncate(file, 0), 0);
	open_as(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
	log_request(LOG_LEVEL_DEBUG, NULL, REASON_NONE, "step");
	expect_file(file, " level=debug msg=step\n");
}
END_TEST

START_TEST(json_lines_are_json)
{
	char *is;
	json_t *j;

	open_as(LOG_LEVEL_WARN, LOG_FORMAT_JSON);
	log_request(LOG_LEVEL_WARN, "r\"2", REASON_BAD_HOST, "host \"\n%s", "\xff\\");
	is = slurp(file);
	j = json_loads(is, JSON_DISABLE_EOF_CHECK, NULL);
	ck_assert_ptr_nonnull(j);
	ck_assert_str_eq(json_string_value(json_object_get(j, "level")), "warn");
	ck_assert_str_eq(json_string_value(json_object_get(j, "msg")), "host \"\n\xc3\xbf\\");
	ck_assert_str_eq(json_string_value(json_object_get(j, "request_id")), "r\"2");
	ck_assert_str_eq(json_string_value(json_object_get(j, "reason")), "bad_host");
	ck_assert_uint_eq(strlen(json_string_value(json_object_get(j, "ts"))), 24);
	ck_assert_ptr_eq(strchr(is, '\n'), is + strlen(is) - 1);
	json_decref(j);
	free(is);
}
END_TEST

START_TEST(the_level_holds_back_what_is_below)
{
	char *is;

	open_as(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
	ck_assert_int_eq(log_level(), LOG_LEVEL_WARN);
	log_info("no");
	log_debug("no");
	is = slurp(file);
	ck_assert_str_eq(is, "");
	free(is);
	log_warn("yes");
	expect_file(file, " level=warn msg=yes\n");
}
END_TEST

/* Is the text the time of a second from before to after? */
static bool
is_time(const char *text, time_t before, time_t after)
{
	char want[32];
	struct tm tm;

	for (time_t t = before; t <= after; t++) {
		(void)strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.", gmtime_r(&t, &tm));
		if (strncmp(text, want, strlen(want)) == 0 && strspn(text + 20, "0123456789") == 3 &&
		    text[23] == 'Z')
			return true;
	}
	return false;
}

START_TEST(the_time_is_now_in_utc)
{
	static const struct timespec second = { 1, 10000000 };
	char *is;

	for (int i = 0; i < 2; i++) {
		time_t before = time(NULL);

		if (i > 0)
			(void)unlink(file);
		open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
		log_info("x");
		is = slurp(file);
		ck_assert_int_eq(strncmp(is, "ts=", 3), 0);
		ck_assert_msg(is_time(is + 3, before, time(NULL)), "%s", is);
		free(is);
		(void)nanosleep(&second, NULL);
	}
}
END_TEST

START_TEST(opening_again_follows_a_rotated_file)
{
	open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	log_info("old");
	ck_assert_int_eq(rename(file, moved), 0);
	open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	log_info("new");
	expect_file(moved, " level=info msg=old\n");
	expect_file(file, " level=info msg=new\n");
}
END_TEST

START_TEST(what_is_in_the_file_stays)
{
	for (int i = 0; i < 2; i++) {
		open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
		log_info("line %d", i);
	}
	ck_assert_uint_eq(count_lines(file), 2);
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_leaves_the_old_ones)
{
	struct log_setup s = { LOG_LEVEL_DEBUG, LOG_FORMAT_JSON, file, "/nonexistent/access" };
	struct err e = { 0 };

	open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	ck_assert_int_eq(log_open(&s, &e), -1);
	ck_assert_int_eq(e.reason, REASON_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "log.access"));
	ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent/access"));
	s.access = "off";
	s.file = "/nonexistent/log";
	ck_assert_int_eq(log_open(&s, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "log.file"));
	ck_assert_int_eq(log_level(), LOG_LEVEL_INFO);
	ck_assert(log_access_on());
	log_info("still here");
	expect_file(file, " level=info msg=\"still here\"\n");
}
END_TEST

START_TEST(a_fifo_without_reader_does_not_hang_the_opening)
{
	struct log_setup s = { LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, file, "off" };
	struct err e;

	ck_assert_int_eq(mkfifo(file, 0600), 0);
	ck_assert_int_eq(log_open(&s, &e), -1);
}
END_TEST

START_TEST(others_cannot_read_the_file)
{
	struct stat st;

	open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0007, 0);
}
END_TEST

static void
one_record(struct log_record *r, struct str path)
{
	log_record_begin(r);
	log_record_str(r, "method", STR("GET"));
	log_record_str(r, "path", path);
	log_record_num(r, "status", 200);
	log_record_str(r, "user", STR(""));
	log_record_end(r);
}

START_TEST(an_access_record_is_put_together)
{
	char buf[1024];
	struct log_record r = { .buf = buf, .cap = sizeof(buf) };

	open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	ck_assert(log_access_on());
	one_record(&r, STR("/a b"));
	log_access_write(r.buf, r.n);
	expect_file(access_file, " method=GET path=\"/a b\" status=200\n");
}
END_TEST

START_TEST(json_records_have_bare_numbers_and_quoted_texts)
{
	char buf[1024];
	struct log_record r = { .buf = buf, .cap = sizeof(buf) };

	open_as(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	one_record(&r, STR("/1"));
	buf[r.n] = '\0';
	ck_assert_str_eq(buf + 32, ",\"method\":\"GET\",\"path\":\"/1\",\"status\":200}\n");
}
END_TEST

START_TEST(numbers_are_written_as_they_are)
{
	static const long long v[] = { 0, 7, -1, 1234567890123LL, INT64_MAX, INT64_MIN };
	char buf[256], want[64];

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		struct log_record r = { .buf = buf, .cap = sizeof(buf) };

		log_record_begin(&r);
		log_record_num(&r, "n", v[i]);
		log_record_end(&r);
		buf[r.n] = '\0';
		(void)snprintf(want, sizeof(want), " n=%lld\n", v[i]);
		ck_assert_str_eq(buf + 27, want);
	}
}
END_TEST

START_TEST(values_are_quoted_only_when_needed)
{
	static const struct {
		const char *value, *is;
	} rows[] = {
		{ "/a/b?x", " k=/a/b?x\n" },
		{ "10.0.0.1:80", " k=10.0.0.1:80\n" },
		{ "a=b", " k=\"a=b\"\n" },
		{ "a b", " k=\"a b\"\n" },
		{ "a\"b", " k=\"a\\\"b\"\n" },
		{ "a\\b", " k=\"a\\\\b\"\n" },
		{ "\xc3\xbc", " k=\"\xc3\xbc\"\n" },
		{ "", "\n" },
	};
	char buf[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct log_record r = { .buf = buf, .cap = sizeof(buf) };

		log_record_begin(&r);
		log_record_str(&r, "k", str_of(rows[i].value));
		log_record_end(&r);
		buf[r.n] = '\0';
		ck_assert_str_eq(buf + 27, rows[i].is);
	}
}
END_TEST

START_TEST(a_record_that_does_not_fit_is_dropped_whole)
{
	char buf[128];

	for (size_t cap = 0; cap < sizeof(buf); cap++) {
		struct log_record r = { .buf = buf, .cap = cap };
		size_t first;

		memset(buf, '#', sizeof(buf));
		one_record(&r, STR("/"));
		ck_assert(r.n == 0 || buf[r.n - 1] == '\n');
		ck_assert_int_eq(r.overflow, r.n == 0);
		first = r.n;
		one_record(&r, STR("/\n"));
		ck_assert(r.n == first || buf[r.n - 1] == '\n');
		for (size_t i = cap; i < sizeof(buf); i++)
			ck_assert_int_eq(buf[i], '#');
	}
}
END_TEST

START_TEST(a_value_beyond_the_bound_is_cut_and_says_so)
{
	static char huge[8 * LOG_VALUE_MAX], buf[16 * LOG_VALUE_MAX];
	struct log_record r = { .buf = buf, .cap = sizeof(buf) };

	memset(huge, '"', sizeof(huge));
	one_record(&r, (struct str){ huge, sizeof(huge) });
	ck_assert(!r.overflow);
	ck_assert_uint_lt(r.n, LOG_VALUE_MAX + 100);
	buf[r.n] = '\0';
	ck_assert_ptr_nonnull(strstr(buf, "\\\"...\" status=200\n"));
	memset(huge, 'a', sizeof(huge));
	r.n = 0;
	one_record(&r, (struct str){ huge, sizeof(huge) });
	ck_assert_uint_lt(r.n, LOG_VALUE_MAX + 100);
	buf[r.n] = '\0';
	ck_assert_ptr_nonnull(strstr(buf, "aaa...\" status=200\n"));
}
END_TEST

START_TEST(access_off_writes_nothing)
{
	struct log_setup s = { LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, file, "off" };
	struct err e;

	ck_assert_int_eq(log_open(&s, &e), 0);
	ck_assert(!log_access_on());
	log_access_write("x\n", 2);
}
END_TEST

#define WRITERS 4
#define EACH    100
#define RECORD  6000 /* more than a pipe takes at once (PIPE_BUF) */

static void *
writer(void *arg)
{
	const char *letter = arg;
	char text[RECORD];

	memset(text, *letter, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\n';
	for (int i = 0; i < EACH; i++)
		log_access_write(text, sizeof(text));
	return NULL;
}

/* Counts the whole records; reads in odd pieces, so that the pipe is full most of the time. */
static void *
reader(void *arg)
{
	size_t n = 0, whole = 0;
	char buf[777], first = 0;
	ssize_t got;

	while ((got = read(*(int *)arg, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < got; i++) {
			if (n++ == 0)
				first = buf[i];
			if (buf[i] == '\n') {
				whole += n == RECORD && first != '#';
				n = 0;
			} else if (buf[i] != first)
				first = '#'; /* two records in one */
		}
	return (void *)(uintptr_t)whole;
}

START_TEST(records_of_many_threads_stay_whole_through_a_full_pipe)
{
	static char letters[] = "abcd";
	struct log_setup s = { LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, "-", file };
	pthread_t w[WRITERS], r;
	void *whole = NULL;
	struct err e;
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	(void)fcntl(p[1], F_SETPIPE_SZ, 4096);
	(void)snprintf(file, sizeof(file), "/dev/fd/%d", p[1]);
	ck_assert_int_eq(log_open(&s, &e), 0);
	(void)close(p[1]);
	ck_assert_int_eq(pthread_create(&r, NULL, reader, &p[0]), 0);
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&w[i], NULL, writer, &letters[i]), 0);
	for (int i = 0; i < WRITERS; i++)
		(void)pthread_join(w[i], NULL);
	log_close();
	(void)pthread_join(r, &whole);
	(void)close(p[0]);
	ck_assert_uint_eq((uintptr_t)whole, WRITERS * EACH);
}
END_TEST

/* RLIMIT_FSIZE cuts a line off, as a full disk would. */
START_TEST(after_a_torn_line_the_next_begins_anew)
{
	struct rlimit was, tight;
	char *is;

	open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	tight = was;
	tight.rlim_cur = 60;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
	log_info("a sentence that is longer than what the disk can still take");
	log_info("lost");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	log_info("after");
	log_info("last");
	is = slurp(file);
	ck_assert_uint_eq(count_lines(file), 3);
	ck_assert_ptr_nonnull(strstr(is, "\nts="));
	ck_assert_ptr_nonnull(strstr(is, "msg=after\n"));
	ck_assert_ptr_null(strstr(is, "lost"));
	ck_assert_ptr_nonnull(strstr(is, "msg=last\n"));
	free(is);
}
END_TEST

START_TEST(a_stuck_reader_costs_lines_not_the_process)
{
	struct log_setup s = { LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, "-", "off" };
	int p[2], saved = dup(STDERR_FILENO);
	char buf[4096], text[2000];
	ssize_t got;
	struct err e;

	ck_assert_int_eq(pipe2(p, O_NONBLOCK), 0);
	(void)fcntl(p[1], F_SETPIPE_SZ, 4096);
	ck_assert_int_eq(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(log_open(&s, &e), 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 3; i++)
		log_info("%s", text); /* the third does not fit */
	while (read(p[0], buf, sizeof(buf)) > 0)
		continue;
	log_info("after");
	got = read(p[0], buf, sizeof(buf) - 1);
	ck_assert_int_eq(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(saved);
	(void)close(p[0]);
	(void)close(p[1]);
	ck_assert_int_gt(got, 27);
	buf[got] = '\0';
	ck_assert_str_eq(buf + 27, " level=info msg=after\n");
}
END_TEST

START_TEST(a_log_call_leaves_errno_alone)
{
	struct log_setup s = { LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, "/dev/full", "/dev/full" };
	struct err e;

	open_as(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
	errno = ENOTTY;
	log_info("%m");
	expect_file(file, " level=info msg=\"Inappropriate ioctl for device\"\n");
	ck_assert_int_eq(log_open(&s, &e), 0);
	errno = ENOTTY;
	log_info("not taken");
	ck_assert_int_eq(errno, ENOTTY);
	log_access_write("not taken\n", 10);
	ck_assert_int_eq(errno, ENOTTY);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("conf/log");
	TCase *t = tcase_create("log");
	SRunner *r = srunner_create(s);
	int failed;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	tcase_add_checked_fixture(t, begin, end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, foreign_text_cannot_leave_its_quotes);
	tcase_add_test(t, only_true_utf8_stays);
	tcase_add_test(t, text_that_turns_the_screen_round_is_escaped);
	tcase_add_test(t, quoting_never_passes_the_end_and_never_cuts_in_two);
	tcase_add_test(t, a_line_says_level_sentence_request_and_reason);
	tcase_add_test(t, json_lines_are_json);
	tcase_add_test(t, the_level_holds_back_what_is_below);
	tcase_add_test(t, the_time_is_now_in_utc);
	tcase_add_test(t, opening_again_follows_a_rotated_file);
	tcase_add_test(t, what_is_in_the_file_stays);
	tcase_add_test(t, a_file_that_cannot_be_opened_leaves_the_old_ones);
	tcase_add_test(t, a_fifo_without_reader_does_not_hang_the_opening);
	tcase_add_test(t, others_cannot_read_the_file);
	tcase_add_test(t, an_access_record_is_put_together);
	tcase_add_test(t, json_records_have_bare_numbers_and_quoted_texts);
	tcase_add_test(t, numbers_are_written_as_they_are);
	tcase_add_test(t, values_are_quoted_only_when_needed);
	tcase_add_test(t, a_record_that_does_not_fit_is_dropped_whole);
	tcase_add_test(t, a_value_beyond_the_bound_is_cut_and_says_so);
	tcase_add_test(t, access_off_writes_nothing);
	tcase_add_test(t, records_of_many_threads_stay_whole_through_a_full_pipe);
	tcase_add_test(t, after_a_torn_line_the_next_begins_anew);
	tcase_add_test(t, a_stuck_reader_costs_lines_not_the_process);
	tcase_add_test(t, a_log_call_leaves_errno_alone);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
