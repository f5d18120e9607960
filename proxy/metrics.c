/* proxy/metrics.c - see proxy/metrics.h */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proxy/metrics.h"

#define P "workflow_proxy_"

/* Upper bounds of the buckets but the last, which has none. */
static const struct {
	uint64_t us;
	const char *seconds;
} bounds[METRICS_BUCKETS - 1] = {
	{ 500, "0.0005" },
	{ 1000, "0.001" },
	{ 2500, "0.0025" },
	{ 5000, "0.005" },
	{ 10000, "0.01" },
	{ 25000, "0.025" },
	{ 50000, "0.05" },
	{ 100000, "0.1" },
	{ 250000, "0.25" },
	{ 500000, "0.5" },
	{ 1000000, "1" },
	{ 2500000, "2.5" },
	{ 10000000, "10" },
};

/* Numbers that are printed as they are. */
static const struct row {
	const char *name, *type, *help;
	size_t at;
} rows[] = {
#define ROW(name, type, field, help)                                                                         \
	{                                                                                                    \
		P name, type, help, offsetof(struct metrics, field)                                          \
	}
	ROW("connections_accepted_total", "counter", connections_accepted,
	    "Connections that clients opened."),
	ROW("connections", "gauge", connections, "Connections of clients that are open now."),
	ROW("connections_peak", "gauge", connections_peak,
	    "Most connections that were open at once: the sum of each worker's own peak."),
	ROW("http2_connections_total", "counter", http2_connections_begun,
	    "Connections that agreed on HTTP/2."),
	ROW("http2_streams", "gauge", http2_streams, "Streams of HTTP/2 that are open now."),
	ROW("http2_streams_total", "counter", http2_streams_begun, "Streams that clients opened."),
	ROW("upgrades", "gauge", upgrades, "Upgraded connections (WebSocket) that are open now."),
	ROW("sign_ins_begun_total", "counter", sign_ins_begun, "Browsers that were sent to a provider."),
	ROW("sign_ins_total", "counter", sign_ins_done, "Sign-ins that ended in a session."),
	ROW("sign_outs_total", "counter", sign_outs, "Sessions that their users ended."),
	ROW("revocations_total", "counter", revocations, "Revocations of sessions that were asked for."),
	ROW("refreshes_total", "counter", refreshes_done, "Sessions that were renewed."),
	ROW("refreshes_failed_total", "counter", refreshes_failed,
	    "Attempts to renew a session that came to nothing."),
	ROW("refreshes_ended_total", "counter", refreshes_ended,
	    "Sessions that ended because the provider did not renew them."),
	ROW("session_cache_hits_total", "counter", session_cache_hits,
	    "Session cookies whose verification was remembered."),
	ROW("session_cache_misses_total", "counter", session_cache_misses,
	    "Session cookies that had to be verified."),
	ROW("token_cache_hits_total", "counter", token_cache_hits,
	    "Access tokens whose verification was remembered."),
	ROW("token_cache_misses_total", "counter", token_cache_misses,
	    "Access tokens that had to be verified."),
	ROW("provider_requests_total", "counter", provider_requests, "Requests to providers."),
	ROW("provider_errors_total", "counter", provider_errors, "Requests to providers that failed."),
	ROW("upstream_connects_total", "counter", upstream_connects, "Connections opened to upstreams."),
	ROW("upstream_reused_total", "counter", upstream_reused,
	    "Requests that an idle connection to the upstream took."),
	ROW("upstream_retries_total", "counter", upstream_retries,
	    "Requests sent again because an idle connection had just closed."),
	ROW("upstream_errors_total", "counter", upstream_errors, "Requests that an upstream failed."),
	ROW("redis_commands_total", "counter", redis_commands, "Commands to the Redis."),
	ROW("redis_errors_total", "counter", redis_errors, "Commands that the Redis failed or refused."),
	ROW("received_bytes_total", "counter", bytes_in, "Bytes of request bodies."),
	ROW("sent_bytes_total", "counter", bytes_out, "Bytes of response bodies."),
#undef ROW
};

struct text {
	struct mem *m;
	char *p;
	size_t n, cap;
};

static void print(struct text *, const char *fmt, ...) PRINTF(2, 3);
static void print_head(struct text *, const char *name, const char *type, const char *help);
static void print_process(struct text *, const struct metrics_process *);
static void print_requests(struct text *, const struct metrics *);
static void print_http2(struct text *, const struct metrics *);
static void print_codes(struct text *, const char *name, const char *help, const metric *codes);
static void print_logouts(struct text *, const struct metrics *);
static void print_histogram(
    struct text *, const char *name, const char *help, const metric *buckets, uint64_t us);
static void print_providers(struct text *, const struct metrics_process *);
static void print_servers(struct text *, const struct metrics_process *);
static void print_expiries(struct text *, const struct metrics_process *);
static void add_up(struct metrics *sum, const struct metrics *);
static uint64_t load(const metric *);
static const char *label(const char *, struct mem *);

void
metrics_latency(metric *buckets, metric *sum, uint64_t us)
{
	size_t i = 0;

	while (i < METRICS_BUCKETS - 1 && us > bounds[i].us)
		i++;
	metric_add(&buckets[i], 1);
	metric_add(sum, us);
}

struct str
metrics_print(const struct metrics *const *workers, size_t n, const struct metrics_process *p, struct mem *m)
{
	struct metrics *sum = mem_zalloc(m, sizeof(*sum));
	struct text t = { .m = m, .cap = 32768 };

	t.p = mem_alloc(m, t.cap);
	for (size_t i = 0; i < n; i++)
		add_up(sum, workers[i]);
	print_process(&t, p);
	print_requests(&t, sum);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_head(&t, rows[i].name, rows[i].type, rows[i].help);
		print(&t, "%s %" PRIu64 "\n", rows[i].name,
		    load((const metric *)((const char *)sum + rows[i].at)));
	}
	print_http2(&t, sum);
	print_logouts(&t, sum);
	print_providers(&t, p);
	print_servers(&t, p);
	print_expiries(&t, p);
	return (struct str){ t.p, t.n };
}

/* struct metrics is nothing but metrics, so it is an array of them. */
static void
add_up(struct metrics *sum, const struct metrics *one)
{
	metric *to = (metric *)sum;
	const metric *from = (const metric *)one;

	_Static_assert(sizeof(struct metrics) % sizeof(metric) == 0, "struct metrics holds something else");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(metric); i++)
		metric_add(&to[i], load(&from[i]));
}

static uint64_t
load(const metric *m)
{
	return atomic_load_explicit(m, memory_order_relaxed);
}

static void
print_process(struct text *t, const struct metrics_process *p)
{
	print_head(t, P "build_info", "gauge", "Always 1; the version is a label.");
	print(t, P "build_info{version=\"%s\"} 1\n", label(p->version, t->m));
	print_head(t, P "start_time_seconds", "gauge", "When the process started, in seconds since 1970.");
	print(t, P "start_time_seconds %" PRId64 "\n", p->started);
	print_head(
	    t, P "reloads_total", "counter", "Configurations that were taken into force after the start.");
	print(t, P "reloads_total %" PRIu64 "\n", p->reloads);
	print_head(t, P "reload_failures_total", "counter",
	    "Configurations that were refused; the one before stayed in force.");
	print(t, P "reload_failures_total %" PRIu64 "\n", p->reload_failures);
	print_head(t, P "revoked_sessions", "gauge",
	    "Entries in the table of ended sessions; those that have run out go when room is needed.");
	print(t, P "revoked_sessions %" PRIu64 "\n", p->revoked);
	if (!p->redis)
		return;
	print_head(t, P "redis_up", "gauge", "1 while the Redis that instances share can be used.");
	print(t, P "redis_up %d\n", p->redis_up);
}

static void
print_requests(struct text *t, const struct metrics *sum)
{
	print_head(t, P "requests_total", "counter", "Requests answered, by class of status.");
	for (unsigned i = 1; i < sizeof(sum->requests) / sizeof(sum->requests[0]); i++)
		print(t, P "requests_total{class=\"%uxx\"} %" PRIu64 "\n", i, load(&sum->requests[i]));
	print_head(
	    t, P "refusals_total", "counter", "Requests refused or failed, by reason (docs/reasons.md).");
	for (unsigned i = REASON_NONE + 1; i < REASON_COUNT; i++)
		print(t, P "refusals_total{reason=\"%s\"} %" PRIu64 "\n", reason_word((enum reason)i),
		    load(&sum->refusals[i]));
	print_histogram(t, P "request_duration_seconds",
	    "Time from the complete head of a request to the last byte of its answer.", sum->latency,
	    load(&sum->latency_us));
	print_histogram(t, P "upstream_duration_seconds",
	    "Time from sending a request to an upstream to the head of its answer.", sum->upstream_latency,
	    load(&sum->upstream_latency_us));
	print_histogram(t, P "redis_duration_seconds",
	    "Time from sending a command to the Redis to its answer.", sum->redis_latency,
	    load(&sum->redis_latency_us));
}

static void
print_http2(struct text *t, const struct metrics *sum)
{
	uint64_t all = load(&sum->connections), h2 = load(&sum->http2_connections);

	print_head(t, P "connections_by_protocol", "gauge",
	    "Connections of clients that are open now, by what they speak; before that is known: http/1.1.");
	print(t, P "connections_by_protocol{protocol=\"http/1.1\"} %" PRIu64 "\n", all > h2 ? all - h2 : 0);
	print(t, P "connections_by_protocol{protocol=\"h2\"} %" PRIu64 "\n", h2);
	print_codes(t, P "http2_goaways_total", "GOAWAY frames sent, by error code (RFC 9113 7).",
	    sum->http2_goaways);
	print_codes(t, P "http2_resets_sent_total", "Streams that were reset, by error code.",
	    sum->http2_resets_sent);
	print_codes(t, P "http2_resets_received_total", "Streams that clients reset, by error code.",
	    sum->http2_resets_received);
}

static void
print_codes(struct text *t, const char *name, const char *help, const metric *codes)
{
	static const char *const names[METRICS_CODES] = { "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR",
		"FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
		"REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
		"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED", "other" };

	print_head(t, name, "counter", help);
	for (unsigned i = 0; i < METRICS_CODES; i++)
		print(t, "%s{code=\"%s\"} %" PRIu64 "\n", name, names[i], load(&codes[i]));
}

static void
print_logouts(struct text *t, const struct metrics *sum)
{
	static const char *const channels[LOGOUT_CHANNELS] = { [LOGOUT_USER] = "user",
		[LOGOUT_FRONT] = "frontchannel",
		[LOGOUT_BACK] = "backchannel",
		[LOGOUT_ADMIN] = "admin" };
	unsigned i;

	print_head(t, P "logouts_total", "counter", "Logouts that ended sessions, by who asked for them.");
	for (i = 0; i < LOGOUT_CHANNELS; i++)
		print(
		    t, P "logouts_total{channel=\"%s\"} %" PRIu64 "\n", channels[i], load(&sum->logouts[i]));
}

/* Prometheus wants each bucket to hold those below it as well. */
static void
print_histogram(struct text *t, const char *name, const char *help, const metric *buckets, uint64_t us)
{
	uint64_t n = 0;

	print_head(t, name, "histogram", help);
	for (size_t i = 0; i < METRICS_BUCKETS; i++) {
		n += load(&buckets[i]);
		print(t, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name,
		    i < METRICS_BUCKETS - 1 ? bounds[i].seconds : "+Inf", n);
	}
	print(t, "%s_sum %" PRIu64 ".%06" PRIu64 "\n%s_count %" PRIu64 "\n", name, us / 1000000, us % 1000000,
	    name, n);
}

static void
print_providers(struct text *t, const struct metrics_process *p)
{
	if (p->n_providers == 0)
		return;
	print_head(t, P "provider_ready", "gauge", "1 while sign-ins with this provider are possible.");
	for (size_t i = 0; i < p->n_providers; i++)
		print(t, P "provider_ready{provider=\"%s\"} %d\n", label(p->providers[i].name, t->m),
		    p->providers[i].ready);
	print_head(t, P "provider_keys_age_seconds", "gauge",
	    "Age of the provider's keys; none while there are no keys.");
	for (size_t i = 0; i < p->n_providers; i++)
		if (p->providers[i].keys_age >= 0)
			print(t, P "provider_keys_age_seconds{provider=\"%s\"} %" PRId64 "\n",
			    label(p->providers[i].name, t->m), p->providers[i].keys_age);
	print_head(t, P "provider_clock_offset_seconds", "gauge", "The provider's clock minus ours.");
	for (size_t i = 0; i < p->n_providers; i++)
		print(t, P "provider_clock_offset_seconds{provider=\"%s\"} %" PRId64 "\n",
		    label(p->providers[i].name, t->m), p->providers[i].clock_offset);
}

static void
print_servers(struct text *t, const struct metrics_process *p)
{
	if (p->n_servers == 0)
		return;
	print_head(
	    t, P "upstream_server_up", "gauge", "1 while this server of the upstream is given requests.");
	for (size_t i = 0; i < p->n_servers; i++)
		print(t, P "upstream_server_up{upstream=\"%s\",server=\"%s\"} %d\n",
		    label(p->servers[i].upstream, t->m), label(p->servers[i].server, t->m),
		    p->servers[i].usable);
}

static void
print_expiries(struct text *t, const struct metrics_process *p)
{
	if (p->n_expiries == 0)
		return;
	print_head(t, P "expires_seconds", "gauge",
	    "How long a certificate or secret of the configuration still holds.");
	for (size_t i = 0; i < p->n_expiries; i++)
		print(t, P "expires_seconds{what=\"%s\"} %" PRId64 "\n", label(p->expiries[i].what, t->m),
		    p->expiries[i].left);
}

static void
print_head(struct text *t, const char *name, const char *type, const char *help)
{
	print(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
print(struct text *t, const char *fmt, ...)
{
	va_list ap, again;
	char *more;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(t->p + t->n, t->cap - t->n, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= t->cap - t->n) {
		t->cap = 2 * t->cap + (size_t)n;
		more = mem_alloc(t->m, t->cap);
		memcpy(more, t->p, t->n);
		t->p = more;
		n = vsnprintf(t->p + t->n, t->cap - t->n, fmt, again);
	}
	va_end(again);
	if (n > 0)
		t->n += (size_t)n;
}

/* A label's value: \ " and newline are escaped, everything else stands as it is. */
static const char *
label(const char *value, struct mem *m)
{
	char *out = mem_alloc(m, 2 * strlen(value) + 1), *to = out;

	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			*to++ = '\\';
		*to++ = *value == '\n' ? 'n' : *value;
	}
	*to = '\0';
	return out;
}
