/* proxy/doctor.c - see proxy/doctor.h */
#include <signal.h>
#include <string.h>

#include "conf/log.h"
#include "conf/pem.h"
#include "conf/secret.h"
#include "proxy/doctor.h"
#include "proxy/when.h"

#define BUDGET     (1 << 20)
#define ANSWER_MAX 65536

static struct conf *load(struct findings *, const char *);
static void check_all(struct doctor *);
static void check_upstream(struct doctor *, const struct conf_upstream *);
static void check_server(
    struct doctor *, const char *, const struct conf_upstream *, const struct conf_server *);
static void check_outbound(struct doctor *, const struct conf_outbound *);
static const char *advice(const struct conf_upstream *, const struct err *);
static bool is_quiet(void);

int
doctor_run(const char *file, FILE *out)
{
	struct doctor d = { .f = { .out = out } };
	struct conf *conf;
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	secret_guard_process();
	conf = load(&d.f, file);
	if (conf != NULL) {
		d.conf = conf;
		d.mem = mem_new(BUDGET);
		d.reach = is_quiet() ? reach_new(&e) : NULL;
		if (d.reach == NULL)
			finding_fail(&d.f, "doctor", "cannot reach anybody: no event loop");
		else
			check_all(&d);
		reach_free(&d.reach);
		mem_free(&d.mem);
		conf_free(&conf);
		log_close();
	}
	(void)fprintf(out, "\n%u ok, %u warn, %u FAIL\n", d.f.oks, d.f.warns, d.f.fails);
	return d.f.fails > 0;
}

/* What `-t` says, in its order; mistakes end the visit. */
static struct conf *
load(struct findings *f, const char *file)
{
	struct conf_report report = { 0 };
	struct conf *conf = conf_load(file, &report);

	for (size_t i = 0; i < report.n; i++) {
		if (report.v[i].warning)
			finding_warn(f, "", "%s", report.v[i].text);
		else
			finding_fail(f, "", "%s", report.v[i].text);
	}
	if (conf != NULL)
		finding_ok(f, "configuration", "%s is valid", file);
	else if (report.mistakes == 0)
		finding_fail(f, "configuration", "%s cannot be used", file);
	conf_report_free(&report);
	return conf;
}

/* What the parts would write into the log is said here in other words. */
static bool
is_quiet(void)
{
	const struct log_setup none = { .level = LOG_LEVEL_ERROR, .file = "/dev/null", .access = "off" };
	struct err e;

	return log_open(&none, &e) == 0;
}

static void
check_all(struct doctor *d)
{
	const struct conf *c = d->conf;

	doctor_own(d);
	for (size_t i = 0; i < c->n_providers; i++)
		doctor_provider(d, &c->providers[i]);
	for (size_t i = 0; i < c->n_upstreams; i++)
		check_upstream(d, &c->upstreams[i]);
	if (c->session.redis.host != NULL)
		doctor_redis(d);
	for (size_t i = 0; i < c->n_outbounds; i++)
		check_outbound(d, &c->outbounds[i]);
	for (size_t i = 0; i < c->n_expiries; i++)
		doctor_ends(d, "what runs out", c->expiries[i].what, c->expiries[i].ends);
}

static void
check_upstream(struct doctor *d, const struct conf_upstream *u)
{
	const char *subject = mem_printf(d->mem, "upstream %s", u->name);

	for (size_t i = 0; i < u->n_servers; i++)
		check_server(d, subject, u, &u->servers[i]);
}

/* As proxy/health.c asks, once. */
static void
check_server(
    struct doctor *d, const char *subject, const struct conf_upstream *u, const struct conf_server *s)
{
	const char *base = s->unix_socket ? "http://localhost" : s->url;
	const struct fetch_request q = {
		.url = mem_printf(d->mem, "%s%s", base, u->health_check == NULL ? "/" : u->health_check),
		.accept = "*/*",
		.tls_ca = u->tls_ca,
		.proxy = "",
		.unix_socket = s->unix_socket ? s->host : NULL,
		.insecure = !u->tls_verify,
		.connect_only = u->health_check == NULL,
		.timeout = u->connect_timeout,
		.max_size = ANSWER_MAX,
	};
	struct fetch_answer a;
	struct err e;
	int64_t ends;

	if (reach_fetch(d->reach, &q, &a, &e) == -1) {
		finding_fail(&d->f, subject, "%s; %s", e.text, advice(u, &e));
		return;
	}
	if (u->health_check == NULL)
		finding_ok(&d->f, subject, "%s accepts connections%s", s->url,
		    !s->tls         ? ""
		    : u->tls_verify ? ", its certificate is trusted"
				    : "; its certificate is not verified (tls_verify = no)");
	else if (a.status >= 200 && a.status < 400)
		finding_ok(
		    &d->f, subject, "%s answers health_check %s with %d", s->url, u->health_check, a.status);
	else
		finding_fail(&d->f, subject,
		    "%s answers health_check %s with %d, accepted: 200 to 399; mend the application, or "
		    "name another path in upstream.health_check",
		    s->url, u->health_check, a.status);
	if (s->tls && reach_certificate(a.address, s->url, u->connect_timeout, &ends))
		doctor_ends(d, subject, mem_printf(d->mem, "the certificate of %s", s->url), ends);
}

/* Whether its token can be had: it is fetched, once, and forgotten. */
static void
check_outbound(struct doctor *d, const struct conf_outbound *c)
{
	const char *subject = mem_printf(d->mem, "outbound %s", c->name);
	struct oidc *o = NULL;
	struct err e;

	if (c->by_user) {
		finding_note(&d->f, subject,
		    "not tried: its tokens are those of signed-in users (grant = \"refresh_token\")");
		return;
	}
	if (!c->own)
		o = oidc_new(&d->conf->providers[c->provider], NULL);
	if (reach_outbound(d->reach, c, o, &e) == 0)
		finding_ok(&d->f, subject, "%s gives a token to client_id %s",
		    c->own ? c->client.token_endpoint
			   : mem_printf(d->mem, "provider %s", d->conf->providers[c->provider].name),
		    c->own ? c->client.client_id : d->conf->providers[c->provider].client_id);
	else
		finding_fail(&d->f, subject,
		    "%s; look at client_id, client_secret and scope or resource, and whether the provider "
		    "lets this client use client_credentials",
		    e.text);
	oidc_unref(&o);
}

static const char *
advice(const struct conf_upstream *u, const struct err *e)
{
	if (strcasestr(e->text, "certificate") != NULL || strcasestr(e->text, "ssl") != NULL)
		return u->tls_ca == NULL ? "name its certification authority in upstream.tls_ca, or renew "
					   "its certificate"
					 : "look at its certificate, and at upstream.tls_ca";
	if (e->reason == REASON_PROVIDER_TIMEOUT)
		return "look whether it runs and whether a firewall stands in between "
		       "(upstream.connect_timeout)";
	return "look whether the application runs and listens there (upstream.servers)";
}

void
doctor_ends(struct doctor *d, const char *subject, const char *what, int64_t ends)
{
	const int64_t now = pem_now();
	char date[WHEN_SIZE], words[WHEN_SIZE];

	(void)when_date(ends, date);
	(void)when_words(ends, now, words);
	if (ends <= now)
		finding_fail(&d->f, subject, "%s ended on %s (%s): renew it", what, date, words);
	else if (ends - now <= DOCTOR_SOON * DOCTOR_DAY)
		finding_warn(&d->f, subject, "%s ends on %s (%s): renew it in time", what, date, words);
	else
		finding_ok(&d->f, subject, "%s ends on %s (%s)", what, date, words);
}
