/* proxy/process.c - see proxy/process.h */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/event.h>

#include "conf/log.h"
#include "conf/mem.h"
#include "conf/secret.h"
#include "proxy/grants.h"
#include "proxy/health.h"
#include "proxy/keeps.h"
#include "proxy/notify.h"
#include "proxy/process.h"
#include "proxy/rate.h"
#include "proxy/redis_revocations.h"
#include "proxy/revoke_file.h"
#include "proxy/refresh_table.h"
#include "proxy/sockets.h"
#include "proxy/worker.h"
#include "session/revoked.h"

#define REVOKED_ENTRIES 262144
#define FLOW_ENTRIES    65536
#define RATE_ENTRIES    65536

struct process {
	const char *conf_path;
	struct event_base *base;
	struct post *post;
	struct fetch *fetch;
	struct keeper *keeper;
	struct snapshot *snap;
	struct sockets *sockets, *old_sockets;
	struct health *health;
	struct redis_revocations *revocations;
	struct snapshot *old_snap; /* until no worker begins anything under it */
	struct shared shared;
	struct event *signals[5];
	size_t n_signals;
	struct event *watchdog;
	struct event *daily;
	unsigned unanswered; /* workers that have not taken the last order */
	unsigned listening;  /* workers that still accept */
	unsigned running;    /* workers in their loop */
	bool again;          /* a SIGHUP came while a reload was under way */
};

static void hold_reload(void);
static int begin(struct process *, struct err *);
static void read_revocations(struct process *);
static struct conf *load(const char *);
static int drop_user(const char *, struct err *);
static int open_revocations(struct process *, struct err *);
static void raise_nofile(const struct conf *);
static int start_workers(struct process *, struct err *);
static void order_all(struct process *);
static void taken(void *);
static void tend(struct process *, struct snapshot *);
static void forget(struct process *, struct snapshot *, struct snapshot *);
static void forget_old(struct process *);
static void deaf(void *);
static void deaf_here(void *);
static void worker_gone(void *);
static void reload(struct process *);
static bool reload_now(struct process *);
static void warn_fixed(const struct conf *, const struct conf *);
static bool is_same(const char *, const char *);
static void stop(struct process *);
static void end(struct process *);
static int watch_signals(struct process *, struct err *);
static void unheard_cb(int);
static void signal_cb(evutil_socket_t, short, void *);
static void watchdog_cb(evutil_socket_t, short, void *);
static void daily_cb(evutil_socket_t, short, void *);
static void taken_here(void *);

int
process_run(const char *conf_path)
{
	struct process p = { .conf_path = conf_path };
	struct err e;
	int status = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file at its limit is one that cannot be written */
	hold_reload();
	secret_guard_process();
	if (begin(&p, &e) == -1) {
		if (e.reason != REASON_NONE)
			log_err("%s", e.text);
		status = 1;
	} else {
		(void)event_base_dispatch(p.base);
		log_info("stopped");
	}
	end(&p);
	log_close();
	return status;
}

/* A start may take seconds (a Redis, a name): who asks for a reload meanwhile gets it, not an end. */
static void
hold_reload(void)
{
	sigset_t held;

	(void)sigemptyset(&held);
	(void)sigaddset(&held, SIGHUP);
	(void)sigaddset(&held, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, &held, NULL);
}

/* Everything that can fail does so here, before the first connection is accepted. */
static int
begin(struct process *p, struct err *e)
{
	struct conf *c = load(p->conf_path);

	e->reason = REASON_NONE;
	if (c == NULL)
		return -1;
	if (log_open(&c->log, e) == -1) {
		conf_free(&c);
		return -1;
	}
	raise_nofile(c);
	p->base = event_base_new();
	p->post = p->base == NULL ? NULL : post_new(p->base, e);
	p->fetch = p->post == NULL ? NULL : fetch_new(p->base, e);
	if (p->fetch == NULL) {
		conf_free(&c);
		return err_set(e, REASON_SYSTEM, "the main loop cannot be set up");
	}
	p->keeper = keeper_new(p->base, p->post, p->fetch);
	p->shared.revoked = revoked_new(REVOKED_ENTRIES);
	p->shared.flows = revoked_new(FLOW_ENTRIES);
	p->shared.jtis = revoked_new(FLOW_ENTRIES);
	p->shared.keeps = keeps_new();
	for (int i = 0; i < RATES; i++)
		p->shared.rates[i] = rate_new(RATE_ENTRIES);
	p->shared.refreshes = refresh_table_new();
	p->shared.grants = grants_new();
	p->shared.began = clock_seconds();
	p->shared.main_post = p->post;
	p->shared.worker_gone = worker_gone;
	p->shared.main_arg = p;
	p->snap = snapshot_new(c, NULL, e);
	if (p->snap == NULL)
		return -1;
	p->sockets = sockets_open(p->snap->conf, p->snap->conf->workers, NULL, e);
	if (p->sockets == NULL || drop_user(p->snap->conf->user, e) == -1)
		return -1;
	read_revocations(p);
	if (open_revocations(p, e) == -1 || start_workers(p, e) == -1 || watch_signals(p, e) == -1)
		return -1;
	tend(p, p->snap);
	p->health = health_new(p->base, p->fetch, p->snap);
	order_all(p);
	return 0;
}

/* Whoever is served first must not be one whose session was ended elsewhere; this takes 2 s at most. */
static void
read_revocations(struct process *p)
{
	p->revocations = redis_revocations_new(p->base, p->post, &p->shared);
	redis_revocations_use(p->revocations, p->snap);
	while (!redis_revocations_tried(p->revocations))
		(void)event_base_loop(p->base, EVLOOP_ONCE);
}

/* Every mistake is a line of its own; warnings as well. */
static struct conf *
load(const char *path)
{
	struct conf_report report = { 0 };
	struct conf *c = conf_load(path, &report);
	size_t i;

	for (i = 0; i < report.n; i++) {
		if (report.v[i].warning)
			log_warn("%s", report.v[i].text);
		else
			log_err("%s", report.v[i].text);
	}
	conf_report_free(&report);
	return c;
}

static int
drop_user(const char *user, struct err *e)
{
	struct passwd *pw;

	if (user == NULL || geteuid() != 0)
		return 0;
	pw = getpwnam(user);
	if (pw == NULL)
		return err_set(e, REASON_CONFIG, "user: there is no user \"%s\"", user);
	if (initgroups(user, pw->pw_gid) == -1 || setgid(pw->pw_gid) == -1 || setuid(pw->pw_uid) == -1)
		return err_set(e, REASON_SYSTEM, "user: cannot become \"%s\": %s", user, strerror(errno));
	secret_guard_process(); /* changing the user undoes it (prctl(2)) */
	return 0;
}

/* What was ended before this start stays ended. */
static int
open_revocations(struct process *p, struct err *e)
{
	const char *path = p->snap->conf->session.revocations;

	if (path == NULL)
		return 0;
	p->shared.sink = revoke_file_open(path, p->shared.revoked, p->post, clock_seconds(), e);
	return p->shared.sink == NULL ? -1 : 0;
}

/* Each connection may have one to an upstream. */
static void
raise_nofile(const struct conf *c)
{
	struct rlimit rl;
	rlim_t want = 2 * c->limits.max_connections + 256;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur >= want)
		return;
	rl.rlim_cur = rl.rlim_max == RLIM_INFINITY || rl.rlim_max >= want ? want : rl.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &rl);
	if (rl.rlim_cur < want)
		log_warn("%llu open files are allowed, limits.max_connections may need %llu: raise "
			 "LimitNOFILE or lower it",
		    (unsigned long long)rl.rlim_cur, (unsigned long long)want);
}

static int
start_workers(struct process *p, struct err *e)
{
	unsigned i, n = p->snap->conf->workers;

	p->shared.workers = xcalloc(n, sizeof(struct worker *));
	for (i = 0; i < n; i++) {
		p->shared.workers[i] = worker_new(&p->shared, i, e);
		if (p->shared.workers[i] == NULL)
			return -1;
		p->shared.n_workers++;
	}
	return 0;
}

/* The snapshot and the sockets in force, for everyone.  The threads begin with the first order. */
static void
order_all(struct process *p)
{
	unsigned i;
	struct err e;

	p->unanswered = p->shared.n_workers;
	for (i = 0; i < p->shared.n_workers; i++) {
		struct worker_order o = { .snap = p->snap, .done = taken, .arg = p };

		snapshot_ref(p->snap);
		o.listeners = sockets_for(p->sockets, i, &o.n_listeners);
		worker_tell(p->shared.workers[i], &o);
		if (p->running < p->shared.n_workers) {
			if (worker_start(p->shared.workers[i], &e) == -1) {
				log_err("%s", e.text);
				abort();
			}
			p->running++;
		}
	}
}

/* On the worker's thread: over to ours. */
static void
taken(void *arg)
{
	struct process *p = arg;

	post_send(p->post, taken_here, p);
}

static void
taken_here(void *arg)
{
	struct process *p = arg;
	const struct conf *c = p->snap->conf;
	size_t i;

	if (--p->unanswered > 0)
		return;
	sockets_free(&p->old_sockets);
	forget_old(p);
	if (!atomic_exchange(&p->shared.started, true)) {
		for (i = 0; i < c->n_listens; i++)
			log_info("listening on %s%s", c->listens[i].address,
			    c->listens[i].admin ? " (admin)" : "");
		log_info("workflow-proxy %s serves %s with %u workers", WORKFLOW_PROXY_VERSION,
		    c->origins[0].url, c->workers);
	} else {
		log_info("reloaded %s", p->conf_path);
	}
	notify_send("READY=1");
	if (p->again) {
		p->again = false;
		reload(p);
	}
}

/* What is fetched for a snapshot: its providers' keys, its tokens for upstreams. */
static void
tend(struct process *p, struct snapshot *s)
{
	const struct outbound_home home = { .base = p->base, .post = p->post, .fetch = p->fetch };
	size_t i;

	for (i = 0; i < s->conf->n_providers; i++)
		keeper_tend(p->keeper, s->oidc[i]);
	for (i = 0; i < s->conf->n_outbounds; i++)
		outbound_tend(s->outbounds[i], &home);
}

/* Who still waits for keys or a token waits on at the snapshot that came after; NULL: none did. */
static void
forget(struct process *p, struct snapshot *s, struct snapshot *after)
{
	size_t i;

	for (i = 0; i < s->conf->n_outbounds; i++)
		outbound_forget(s->outbounds[i],
		    after == NULL ? NULL : snapshot_outbound(after, s->conf->outbounds[i].name));
	for (i = 0; i < s->conf->n_providers; i++) {
		keeper_hand_over(s->oidc[i], snapshot_oidc(after, s->conf->providers[i].name));
		keeper_forget(p->keeper, s->oidc[i]);
	}
}

static void
forget_old(struct process *p)
{
	if (p->old_snap == NULL)
		return;
	forget(p, p->old_snap, p->snap);
	snapshot_unref(&p->old_snap);
}

/* --- reload --- */

static void
reload(struct process *p)
{
	if (atomic_load(&p->shared.draining))
		return;
	if (p->unanswered > 0) {
		p->again = true; /* the snapshot before is still being taken */
		return;
	}
	notify_reloading();
	if (reload_now(p)) {
		(void)atomic_fetch_add(&p->shared.reloads, 1);
		return;
	}
	(void)atomic_fetch_add(&p->shared.reload_failures, 1);
	log_err("%s was not taken over: the configuration before stays in force", p->conf_path);
	notify_send("READY=1");
}

/* All or nothing: until the new one is whole, nothing of the old one is touched. */
static bool
reload_now(struct process *p)
{
	struct conf *c = load(p->conf_path);
	struct snapshot *snap, *old = p->snap;
	struct sockets *sockets;
	struct err e;

	if (c == NULL)
		return false;
	snap = snapshot_new(c, old, &e);
	sockets = snap == NULL ? NULL : sockets_open(snap->conf, p->shared.n_workers, p->sockets, &e);
	if (sockets != NULL && log_open(&snap->conf->log, &e) == -1)
		log_err("%s", e.text); /* the files before stay open */
	if (sockets == NULL) {
		log_err("%s", e.text);
		snapshot_unref(&snap);
		return false;
	}
	warn_fixed(old->conf, snap->conf);
	if (snap->conf->limits.max_connections > old->conf->limits.max_connections)
		raise_nofile(snap->conf);
	p->old_sockets = p->sockets;
	p->sockets = sockets;
	p->snap = snap;
	tend(p, snap);
	p->old_snap = old;
	health_free(&p->health);
	p->health = health_new(p->base, p->fetch, snap);
	redis_revocations_use(p->revocations, snap);
	order_all(p);
	return true;
}

static void
warn_fixed(const struct conf *was, const struct conf *now)
{
	if (was->workers != now->workers)
		log_warn("workers: %u stay until a restart", was->workers);
	if (!is_same(was->user, now->user))
		log_warn("user: stays as it is until a restart");
	if (!is_same(was->session.revocations, now->session.revocations))
		log_warn("session.revocations: stays as it is until a restart");
}

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* --- stop --- */

static void
stop(struct process *p)
{
	unsigned i;

	if (atomic_exchange(&p->shared.draining, true))
		return;
	log_info("stopping: finishing what is in flight, for at most %lld s (shutdown_timeout)",
	    (long long)p->snap->conf->shutdown_timeout / 1000);
	notify_send("STOPPING=1");
	p->listening = p->shared.n_workers;
	for (i = 0; i < p->shared.n_workers; i++) {
		struct worker_order o = {
			.drain = true, .wait_ms = p->snap->conf->shutdown_timeout, .done = deaf, .arg = p
		};

		worker_tell(p->shared.workers[i], &o);
	}
}

/* On the worker's thread: it accepts no more. */
static void
deaf(void *arg)
{
	struct process *p = arg;

	post_send(p->post, deaf_here, p);
}

/* Who connects now is to be refused at once, not to wait for an answer that never comes. */
static void
deaf_here(void *arg)
{
	struct process *p = arg;

	if (--p->listening > 0)
		return;
	sockets_free(&p->old_sockets);
	sockets_free(&p->sockets);
}

static void
worker_gone(void *arg)
{
	struct process *p = arg;

	if (--p->running == 0)
		(void)event_base_loopexit(p->base, NULL);
}

static void
end(struct process *p)
{
	unsigned i;

	for (i = 0; i < p->shared.n_workers; i++)
		if (p->shared.workers[i]->thread != 0)
			worker_join(p->shared.workers[i]);
	health_free(&p->health);
	redis_revocations_free(&p->revocations);
	forget_old(p);
	if (p->keeper != NULL && p->snap != NULL)
		forget(p, p->snap, NULL);
	keeper_free(&p->keeper);
	if (p->fetch != NULL)
		fetch_free(&p->fetch);
	for (size_t k = 0; k < p->n_signals; k++)
		event_free(p->signals[k]);
	if (p->watchdog != NULL)
		event_free(p->watchdog);
	if (p->daily != NULL)
		event_free(p->daily);
	/* What is still on its way from here goes to the workers' mailboxes: they are freed after ours. */
	if (p->post != NULL)
		post_free(&p->post);
	for (i = 0; i < p->shared.n_workers; i++)
		worker_free(&p->shared.workers[i]);
	free(p->shared.workers);
	sockets_free(&p->old_sockets);
	sockets_free(&p->sockets);
	snapshot_unref(&p->snap);
	revoke_file_close(&p->shared.sink);
	revoked_free(&p->shared.revoked);
	revoked_free(&p->shared.flows);
	revoked_free(&p->shared.jtis);
	keeps_free(&p->shared.keeps);
	for (i = 0; i < RATES; i++)
		rate_free(&p->shared.rates[i]);
	refresh_table_free(&p->shared.refreshes);
	grants_free(&p->shared.grants);
	if (p->base != NULL)
		event_base_free(p->base);
}

/* --- signals --- */

/* When an event is freed libevent puts unheard_cb back: who asks twice to stop makes it no failure. */
static int
watch_signals(struct process *p, struct err *e)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
	int64_t beat = notify_watchdog_ms();
	struct timeval tv = { beat / 1000, beat % 1000 * 1000 };
	const struct timeval day = { 86400, 0 };
	sigset_t watched;
	size_t i;

	(void)sigemptyset(&watched);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		(void)sigaddset(&watched, numbers[i]);
		(void)pthread_sigmask(SIG_BLOCK, &watched, NULL);
		(void)signal(numbers[i], unheard_cb);
		p->signals[i] = evsignal_new(p->base, numbers[i], signal_cb, p);
		if (p->signals[i] == NULL || event_add(p->signals[i], NULL) == -1)
			return err_set(e, REASON_SYSTEM, "signals cannot be watched");
		p->n_signals++;
	}
	(void)pthread_sigmask(SIG_UNBLOCK, &watched, NULL);
	if (beat > 0) {
		p->watchdog = event_new(p->base, -1, EV_PERSIST, watchdog_cb, p);
		if (p->watchdog == NULL || event_add(p->watchdog, &tv) == -1)
			return err_set(e, REASON_SYSTEM, "the watchdog cannot be fed");
	}
	p->daily = event_new(p->base, -1, EV_PERSIST, daily_cb, p);
	if (p->daily == NULL || event_add(p->daily, &day) == -1)
		return err_set(e, REASON_SYSTEM, "what runs out cannot be watched");
	return 0;
}

static void
unheard_cb(int number)
{
	(void)number;
}

static void
signal_cb(evutil_socket_t number, short what, void *arg)
{
	struct process *p = arg;
	struct err e;

	(void)what;
	if (number == SIGHUP)
		reload(p);
	else if (number == SIGUSR1 && log_open(&p->snap->conf->log, &e) == -1)
		log_err("%s", e.text);
	else if (number == SIGTERM || number == SIGINT)
		stop(p);
}

static void
watchdog_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	notify_send("WATCHDOG=1");
}

/* At a start or reload the same is said by what the configuration's check has to warn about. */
static void
daily_cb(evutil_socket_t fd, short what, void *arg)
{
	struct process *p = arg;

	(void)fd;
	(void)what;
	conf_expiry_log(p->snap->conf, clock_seconds());
}
