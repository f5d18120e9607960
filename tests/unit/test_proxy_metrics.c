/* tests/unit/test_proxy_metrics.c - the numbers add up and a scraper can read them */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "proxy/metrics.h"

static struct mem *m;
static struct metrics one, two;
static const struct metrics *const both[] = { &one, &two };
static const struct metrics_provider providers[] = { { "entra", true, 30, -2 },
	{ "a\"b\\c\nd", false, -1, 0 } };
static const struct metrics_server servers[] = { { "app", "http://10.0.0.5:8080", true },
	{ "app", "unix:/x", false } };
static const struct metrics_expiry expiries[] = { { "provider \"main\": x", 86400 }, { "listen", -5 } };
static const struct metrics_process process = { .started = 1700000000,
	.reloads = 3,
	.reload_failures = 1,
	.version = "0.1",
	.n_providers = 2,
	.providers = providers,
	.n_servers = 2,
	.servers = servers,
	.n_expiries = 2,
	.expiries = expiries };

static void
begin(void)
{
	m = mem_new(1 << 20);
	memset((void *)&one, 0, sizeof(one));
	memset((void *)&two, 0, sizeof(two));
}

static void
end(void)
{
	mem_free(&m);
}

static struct str
printed(void)
{
	struct str s = metrics_print(both, 2, &process, m);

	ck_assert_uint_eq(strlen(s.p), s.n);
	return s;
}

/* A whole line of it. */
static void
expect_line(struct str s, const char *line)
{
	char want[256];

	(void)snprintf(want, sizeof(want), "\n%s\n", line);
	ck_assert_msg(strstr(s.p, want) != NULL, "no line %s", line);
}

START_TEST(workers_are_summed)
{
	struct str s;

	metric_add(&one.requests[2], 3);
	metric_add(&two.requests[2], 4);
	metric_add(&one.requests[5], 1);
	metric_add(&one.refusals[REASON_NO_SESSION], 5);
	metric_add(&two.refusals[REASON_NO_SESSION], 6);
	metric_add(&one.connections, 10);
	metric_sub(&one.connections, 4);
	metric_add(&two.connections, 1);
	metric_add(&one.bytes_out, UINT64_C(1) << 40);
	metric_add(&two.upgrades, 2);
	metric_add(&two.sign_ins_done, 9);
	metric_add(&one.http2_connections, 2);
	metric_add(&two.http2_connections, 1);
	metric_add_code(one.http2_goaways, 11);
	metric_add_code(one.http2_resets_received, 8);
	metric_add_code(two.http2_resets_received, 14);
	metric_add_code(two.http2_resets_received, UINT32_MAX);
	s = printed();
	expect_line(s, "workflow_proxy_requests_total{class=\"2xx\"} 7");
	expect_line(s, "workflow_proxy_requests_total{class=\"3xx\"} 0");
	expect_line(s, "workflow_proxy_requests_total{class=\"5xx\"} 1");
	expect_line(s, "workflow_proxy_refusals_total{reason=\"no_session\"} 11");
	expect_line(s, "workflow_proxy_refusals_total{reason=\"no_route\"} 0");
	expect_line(s, "workflow_proxy_connections 7");
	expect_line(s, "workflow_proxy_sent_bytes_total 1099511627776");
	expect_line(s, "workflow_proxy_received_bytes_total 0");
	expect_line(s, "workflow_proxy_expires_seconds{what=\"provider \\\"main\\\": x\"} 86400");
	expect_line(s, "workflow_proxy_expires_seconds{what=\"listen\"} -5");
	expect_line(s, "workflow_proxy_upgrades 2");
	expect_line(s, "workflow_proxy_sign_ins_total 9");
	expect_line(s, "workflow_proxy_connections_by_protocol{protocol=\"http/1.1\"} 4");
	expect_line(s, "workflow_proxy_connections_by_protocol{protocol=\"h2\"} 3");
	expect_line(s, "workflow_proxy_http2_goaways_total{code=\"ENHANCE_YOUR_CALM\"} 1");
	expect_line(s, "workflow_proxy_http2_goaways_total{code=\"NO_ERROR\"} 0");
	expect_line(s, "workflow_proxy_http2_resets_received_total{code=\"CANCEL\"} 1");
	expect_line(s, "workflow_proxy_http2_resets_received_total{code=\"other\"} 2");
	expect_line(s, "workflow_proxy_http2_resets_sent_total{code=\"other\"} 0");
}
END_TEST

START_TEST(a_latency_falls_into_every_bucket_from_its_own_up)
{
	static const uint64_t us[] = { 0, 500, 501, 1000, 9999999, 10000000, 10000001, 3600000000 };
	struct str s;

	for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++)
		metrics_latency(i % 2 == 0 ? one.latency : two.latency,
		    i % 2 == 0 ? &one.latency_us : &two.latency_us, us[i]);
	s = printed();
	expect_line(s, "workflow_proxy_request_duration_seconds_bucket{le=\"0.0005\"} 2");
	expect_line(s, "workflow_proxy_request_duration_seconds_bucket{le=\"0.001\"} 4");
	expect_line(s, "workflow_proxy_request_duration_seconds_bucket{le=\"0.0025\"} 4");
	expect_line(s, "workflow_proxy_request_duration_seconds_bucket{le=\"2.5\"} 4");
	expect_line(s, "workflow_proxy_request_duration_seconds_bucket{le=\"10\"} 6");
	expect_line(s, "workflow_proxy_request_duration_seconds_bucket{le=\"+Inf\"} 8");
	expect_line(s, "workflow_proxy_request_duration_seconds_count 8");
	expect_line(s, "workflow_proxy_request_duration_seconds_sum 3630.002001");
	expect_line(s, "workflow_proxy_upstream_duration_seconds_count 0");
	expect_line(s, "workflow_proxy_upstream_duration_seconds_sum 0.000000");
}
END_TEST

START_TEST(the_process_providers_and_servers_are_there)
{
	struct str s = printed();

	expect_line(s, "workflow_proxy_build_info{version=\"0.1\"} 1");
	expect_line(s, "workflow_proxy_start_time_seconds 1700000000");
	expect_line(s, "workflow_proxy_reloads_total 3");
	expect_line(s, "workflow_proxy_reload_failures_total 1");
	expect_line(s, "workflow_proxy_provider_ready{provider=\"entra\"} 1");
	expect_line(s, "workflow_proxy_provider_keys_age_seconds{provider=\"entra\"} 30");
	expect_line(s, "workflow_proxy_provider_clock_offset_seconds{provider=\"entra\"} -2");
	expect_line(
	    s, "workflow_proxy_upstream_server_up{upstream=\"app\",server=\"http://10.0.0.5:8080\"} 1");
	expect_line(s, "workflow_proxy_upstream_server_up{upstream=\"app\",server=\"unix:/x\"} 0");
}
END_TEST

START_TEST(a_label_cannot_leave_its_quotes)
{
	struct str s = printed();

	expect_line(s, "workflow_proxy_provider_ready{provider=\"a\\\"b\\\\c\\nd\"} 0");
	ck_assert_ptr_null(strstr(s.p, "keys_age_seconds{provider=\"a"));
}
END_TEST

/* name of a metric line without suffixes of histograms; "" for comments */
static size_t
family(const char *line, char *out, size_t cap)
{
	static const char *const ends[] = { "_bucket", "_sum", "_count" };
	size_t n = strcspn(line, "{ ");

	ck_assert_uint_lt(n, cap);
	memcpy(out, line, n);
	out[n] = '\0';
	for (size_t i = 0; strstr(out, "_duration_seconds_") != NULL && i < sizeof(ends) / sizeof(ends[0]);
	     i++)
		if (n > strlen(ends[i]) && strcmp(out + n - strlen(ends[i]), ends[i]) == 0)
			out[n - strlen(ends[i])] = '\0';
	return strlen(out);
}

START_TEST(every_line_is_as_the_format_has_it)
{
	struct str s = printed(), line;
	char name[128], type[128] = "";
	size_t families = 0;

	while (str_next(&s, '\n', &line)) {
		char *l = mem_text(m, line);

		if (strncmp(l, "# HELP workflow_proxy_", 22) == 0)
			continue;
		if (strncmp(l, "# TYPE ", 7) == 0) {
			(void)snprintf(type, sizeof(type), "%.*s", (int)strcspn(l + 7, " "), l + 7);
			ck_assert(strstr(l, " counter") || strstr(l, " gauge") || strstr(l, " histogram"));
			ck_assert_int_eq(strstr(l, " counter") != NULL, strstr(l, "_total ") != NULL);
			families++;
			continue;
		}
		(void)family(l, name, sizeof(name));
		ck_assert_str_eq(name, type);
		ck_assert_msg(
		    strspn(strrchr(l, ' ') + 1, "-0123456789.") == strlen(strrchr(l, ' ') + 1), "%s", l);
	}
	ck_assert_uint_gt(families, 25);
	s = printed();
	ck_assert_int_eq(s.p[s.n - 1], '\n');
}
END_TEST

START_TEST(no_workers_and_many_servers_are_printed_as_well)
{
	struct metrics_server *many = calloc(2000, sizeof(*many));
	struct metrics_process p = { .version = "x", .n_servers = 2000, .servers = many };
	struct str s;

	for (size_t i = 0; i < 2000; i++)
		many[i] =
		    (struct metrics_server){ "an-upstream", "http://server.example.com:8080", i % 2 == 0 };
	s = metrics_print(NULL, 0, &p, m);
	ck_assert_uint_eq(strlen(s.p), s.n);
	ck_assert_uint_gt(s.n, 100000);
	ck_assert_str_eq(s.p + s.n - 3, " 0\n");
	ck_assert_ptr_null(strstr(s.p, "provider_ready"));
	free(many);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy/metrics");
	TCase *t = tcase_create("metrics");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, workers_are_summed);
	tcase_add_test(t, a_latency_falls_into_every_bucket_from_its_own_up);
	tcase_add_test(t, the_process_providers_and_servers_are_there);
	tcase_add_test(t, a_label_cannot_leave_its_quotes);
	tcase_add_test(t, every_line_is_as_the_format_has_it);
	tcase_add_test(t, no_workers_and_many_servers_are_printed_as_well);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
