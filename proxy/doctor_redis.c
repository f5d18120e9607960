/* proxy/doctor_redis.c - the Redis that instances share, see proxy/doctor.h */
#include <stdlib.h>
#include <string.h>

#include "conf/pem.h"
#include "proxy/doctor.h"

#define OLDEST     5 /* streams */
#define CLOCK_SOON 5 /* seconds */

static bool ask(struct doctor *, const char *, const char *, const struct redis_value **, struct err *);
static const char *advice(const struct err *);
static void check_server(struct doctor *);
static void check_memory(struct doctor *);
static void check_clock(struct doctor *);
static void check_writing(struct doctor *);
static struct str line_of(struct str, const char *name);

/* Reached, signed in, of a version that will do; then what makes it forget. */
void
doctor_redis(struct doctor *d)
{
	const struct conf_redis *c = &d->conf->session.redis;
	const struct redis_value *v;
	struct err e;

	if (!ask(d, "PING", NULL, &v, &e)) {
		finding_fail(&d->f, "redis", "%s; %s", e.text, advice(&e));
		return;
	}
	finding_ok(&d->f, "redis", "%s answers%s%s", c->at, c->tls ? ", its certificate is trusted" : "",
	    c->password == NULL ? "" : ", the password is right");
	if (c->password == NULL)
		finding_warn(&d->f, "redis",
		    "no password: whoever reaches it can end sessions and make them go on; put one into "
		    "session.redis");
	check_server(d);
	check_memory(d);
	check_clock(d);
	check_writing(d);
}

static bool
ask(struct doctor *d, const char *command, const char *argument, const struct redis_value **v, struct err *e)
{
	const struct str words[] = { str_of(command), str_of(argument) };
	const struct redis_question q = { &d->conf->session.redis, words, argument == NULL ? 1 : 2 };

	return reach_redis(d->reach, &q, v, e) == 0;
}

static const char *
advice(const struct err *e)
{
	if (strcasestr(e->text, "certificate") != NULL)
		return "look at the server's certificate (its end, its names), name its authority in "
		       "session.redis_tls_ca";
	if (strstr(e->text, "WRONGPASS") != NULL || strstr(e->text, "NOAUTH") != NULL ||
	    strstr(e->text, "AUTH") != NULL)
		return "look at user and password in session.redis";
	return "check host and port in session.redis, the resolver and the firewall, and whether it wants "
	       "TLS "
	       "(rediss://)";
}

static void
check_server(struct doctor *d)
{
	const struct redis_value *v;
	struct str version, role;
	struct err e;

	if (!ask(d, "INFO", "server", &v, &e) || v->type != REDIS_TEXT) {
		finding_warn(&d->f, "redis", "its version cannot be seen: %s; allow this user +info", e.text);
		return;
	}
	version = line_of(v->text, "redis_version:");
	if (strtol(version.p, NULL, 10) < OLDEST)
		finding_fail(&d->f, "redis", "version %.*s is too old; %d or later is needed",
		    STR_ARG(version), OLDEST);
	else
		finding_ok(&d->f, "redis", "version %.*s", STR_ARG(version));
	if (!ask(d, "INFO", "replication", &v, &e) || v->type != REDIS_TEXT)
		return;
	role = line_of(v->text, "role:");
	if (!str_is(role, STR("master")))
		finding_fail(
		    &d->f, "redis", "it is a %.*s, which cannot be written; name the primary", STR_ARG(role));
}

/* A revocation that is pushed out lets somebody in again. */
static void
check_memory(struct doctor *d)
{
	const struct redis_value *v;
	struct str policy;
	struct err e;

	if (!ask(d, "INFO", "memory", &v, &e) || v->type != REDIS_TEXT)
		return;
	policy = line_of(v->text, "maxmemory_policy:");
	if (str_begins(policy, STR("allkeys")))
		finding_warn(&d->f, "redis",
		    "maxmemory-policy is %.*s: when memory is short, revocations are forgotten; set "
		    "noeviction",
		    STR_ARG(policy));
	else
		finding_ok(&d->f, "redis", "maxmemory-policy is %.*s", STR_ARG(policy));
	if (!ask(d, "INFO", "persistence", &v, &e) || v->type != REDIS_TEXT)
		return;
	if (str_is(line_of(v->text, "aof_enabled:"), STR("0")))
		finding_warn(&d->f, "redis",
		    "appendonly is off: a restart forgets what was shared since its last snapshot; the "
		    "instances that run add what they know of ended sessions");
}

/* How long an entry lives is counted by its clock, and by those of the instances. */
static void
check_clock(struct doctor *d)
{
	const struct redis_value *v;
	long long off;
	struct err e;

	if (!ask(d, "TIME", NULL, &v, &e) || v->type != REDIS_LIST || v->n < 1 || v->v[0].type != REDIS_TEXT)
		return;
	off = strtoll(v->v[0].text.p, NULL, 10) - pem_now();
	if (off > CLOCK_SOON || off < -CLOCK_SOON)
		finding_warn(&d->f, "redis", "clock: its own is %lld s %s ours; set both by NTP",
		    off < 0 ? -off : off, off < 0 ? "behind" : "ahead of");
	else
		finding_ok(&d->f, "redis", "clock: less than %d s apart from ours", CLOCK_SOON + 1);
}

/* With the rights of this user, where the server will write. */
static void
check_writing(struct doctor *d)
{
	const struct conf_redis *c = &d->conf->session.redis;
	const char *key = mem_printf(d->mem, "%sdoctor", c->prefix);
	const struct str set[] = { STR("SET"), str_of(key), STR("1"), STR("PX"), STR("1000") };
	const struct redis_question q = { c, set, 5 };
	const struct redis_value *v;
	struct err e;

	if (reach_redis(d->reach, &q, &v, &e) == -1)
		finding_fail(&d->f, "redis", "keys under %s cannot be written: %s; allow this user ~%s*",
		    c->prefix, e.text, c->prefix);
	else if (!ask(d, "XLEN", mem_printf(d->mem, "%srevocations", c->prefix), &v, &e))
		finding_fail(&d->f, "redis", "the stream of revocations cannot be read: %s", e.text);
	else
		finding_ok(&d->f, "redis",
		    "keys under %s can be written, %lld entries say which sessions ended", c->prefix,
		    (long long)v->number);
}

static struct str
line_of(struct str text, const char *name)
{
	struct str line;

	while (str_next(&text, '\n', &line)) {
		if (!str_begins(line, str_of(name)))
			continue;
		line = str_from(line, strlen(name));
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		return line;
	}
	return STR("unknown");
}
