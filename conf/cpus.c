/* conf/cpus.c - see conf/cpus.h */
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/cpus.h"

static void by_groups(const char *, const char *, char *, unsigned *);
static void by_quota(const char *, unsigned *);
static bool first_line(const char *, char *, size_t);
static void at_most(unsigned *, long long, long long);

unsigned
cpus_count(const char *root)
{
	unsigned n = 1;
	char path[PATH_MAX], line[1024], *group;
	cpu_set_t set;
	FILE *f;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		n = (unsigned)CPU_COUNT(&set);
	(void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	f = fopen(path, "re");
	if (f == NULL)
		return n;
	/* "0::/path" (v2), or "4:cpu,cpuacct:/path" (v1) */
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		group = strchr(line, ':');
		if (group == NULL)
			continue;
		*group++ = '\0';
		if (group[0] == ':')
			by_groups(root, "", group + 1, &n);
		else if (strncmp(group, "cpu,", 4) == 0 || strncmp(group, "cpu:", 4) == 0) {
			char *at = strchr(group, ':');

			if (at == NULL)
				continue;
			*at++ = '\0';
			by_groups(root, group, at, &n);
		}
	}
	(void)fclose(f);
	return n;
}

/* This group and those above it; inside a container the path may be the host's and lead nowhere. */
static void
by_groups(const char *root, const char *controller, char *group, unsigned *n)
{
	char path[PATH_MAX];

	for (;;) {
		char *slash = strrchr(group, '/');

		if ((size_t)snprintf(path, sizeof(path), "%s/sys/fs/cgroup/%s%s", root, controller,
			slash == NULL || slash[1] == '\0' ? "" : group) < sizeof(path))
			by_quota(path, n);
		if (slash == NULL || slash[1] == '\0')
			return;
		*(slash == group ? slash + 1 : slash) = '\0';
	}
}

static void
by_quota(const char *folder, unsigned *n)
{
	char path[PATH_MAX + 32], line[64];
	long long quota, period;

	(void)snprintf(path, sizeof(path), "%s/cpu.max", folder);
	if (first_line(path, line, sizeof(line)) && sscanf(line, "%lld %lld", &quota, &period) == 2)
		at_most(n, quota, period);
	(void)snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", folder);
	if (!first_line(path, line, sizeof(line)) || sscanf(line, "%lld", &quota) != 1)
		return;
	(void)snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", folder);
	if (first_line(path, line, sizeof(line)) && sscanf(line, "%lld", &period) == 1)
		at_most(n, quota, period);
}

static bool
first_line(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (f == NULL)
		return false;
	ok = fgets(out, (int)cap, f) != NULL;
	(void)fclose(f);
	return ok;
}

static void
at_most(unsigned *n, long long quota, long long period)
{
	long long most;

	if (quota <= 0 || period <= 0)
		return;
	most = quota / period + (quota % period != 0 ? 1 : 0);
	if (most < (long long)*n)
		*n = most < 1 ? 1 : (unsigned)most;
}
